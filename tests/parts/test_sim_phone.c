/* The simulated phone network against a tiny server of our own: webhook -> TwiML -> stream -> media both ways -> stop -> action -> status. */
#include "phone_world.h"

static void say_second(struct conn *c, const char *sid)          /* a greeting of one second in five messages with marks */
{
	uint8_t audio[1600];

	memset(audio, 0x55, sizeof audio);
	for (int i = 0; i < 5; i++) {
		char name[16];

		media_send(c, sid, audio, sizeof audio);
		snprintf(name, sizeof name, "m%d", i);
		mark_send(c, sid, name);
	}
}

static void a_whole_call(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, say_second);
	o = phone_run(&code, "{\"quiet_ms\":200,\"script\":[{\"dtmf\":\"12#\",\"answer\":false}]}", END);
	assert_int_equal(code, 0);
	assert_int_equal(server.seen.webhooks, 1);
	assert_int_equal(server.seen.upgrades, 1);
	assert_int_equal(server.seen.bad_signatures, 0);
	assert_int_equal(server.seen.connected, 1);
	assert_int_equal(server.seen.starts, 1);
	assert_int_equal(server.seen.wrong_tokens, 0);
	assert_int_equal(server.seen.malformed, 0);
	assert_int_equal(server.seen.stops, 1);
	assert_int_equal(server.seen.statuses, 1);
	assert_int_equal(server.seen.stream_events, 2);
	assert_int_equal(server.seen.actions, 0);
	assert_string_equal(server.seen.keys, "12#");
	assert_string_equal(server.seen.marks_text, "m0 m1 m2 m3 m4 ");
	assert_in_range(server.seen.media, 60, 120);             /* 1 s of greeting, two silences of 200 ms */
	assert_int_equal(json_object_get_int64(json_get(stream_of(o, 0), "heard_ms")), 1000);
	assert_int_equal(result_int(o, "webhook_status"), 200);
	assert_int_equal(result_int(o, "status_answer"), 204);
	json_object_put(o);
}

static void say_and_close(struct conn *c, const char *sid)
{
	uint8_t audio[800];

	memset(audio, 0x55, sizeof audio);
	media_send(c, sid, audio, sizeof audio);
	close_send(c, 1000);
}

static void a_closed_stream_asks_for_the_action_and_follows_it(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), "<Response><Say>Good &amp; bye</Say><Hangup/></Response>", say_and_close);
	o = phone_run(&code, "{\"expect\":{\"steps\":[\"Connect\",\"action\",\"Say\",\"Hangup\"],\"said\":[\"Good & bye\"],\"status\":\"completed\","
	                     "\"streams.0.end\":\"closed_by_server\",\"streams.0.code\":1000,\"hung_up\":false}}", END);
	assert_int_equal(code, 0);
	assert_int_equal(server.seen.actions, 1);
	assert_int_equal(server.seen.statuses, 1);
	assert_string_equal(server.seen.last_event, "");
	json_object_put(o);
}

static void break_connection(struct conn *c, const char *sid)
{
	(void)sid;
	shutdown(c->fd, SHUT_RDWR);
}

static void a_broken_stream_asks_for_the_action_too_and_is_reported(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, break_connection);
	o = phone_run(&code, "{\"script\":[]}", END);
	assert_int_equal(code, 1);
	assert_int_equal(server.seen.actions, 1);
	assert_non_null(strstr(json_object_get_string(result(o, "problems")), "31903"));
	json_object_put(o);
	scene(CONNECT(""), NULL, break_connection);
	o = phone_run(&code, "{\"expect\":{\"problems\":[\"31903\"],\"actions\":1}}", END);
	assert_int_equal(code, 0);
	json_object_put(o);
}

static void a_refused_upgrade_falls_through(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, NULL);
	server.upgrade_status = 403;
	o = phone_run(&code, "{\"expect\":{\"problems\":[\"31920\"],\"streams.0.end\":\"refused\",\"streams.0.code\":403,\"actions\":1}}", END);
	assert_int_equal(code, 0);
	assert_int_equal(server.seen.stream_events, 1);
	json_object_put(o);
}

static void clear_late(struct conn *c, const char *sid)           /* ten seconds of audio, cut at once */
{
	uint8_t audio[4000];

	memset(audio, 0x55, sizeof audio);
	for (int i = 0; i < 20; i++)
		media_send(c, sid, audio, sizeof audio);
	mark_send(c, sid, "end");
	text_send(c, "{\"event\":\"clear\",\"streamSid\":\"%s\"}", sid);
	mark_send(c, sid, "empty");
}

static void clear_returns_marks_and_silence(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, clear_late);
	o = phone_run(&code, "{\"script\":[{\"silence\":100,\"after_ms\":100,\"answer\":false}],\"quiet_ms\":100}", END);
	assert_int_equal(code, 0);
	assert_string_equal(server.seen.marks_text, "end empty ");
	assert_int_equal(json_object_get_int64(json_get(stream_of(o, 0), "marks_cleared")), 1);
	assert_in_range(json_object_get_int64(json_get(stream_of(o, 0), "cleared_ms")), 9800, 10000);
	json_object_put(o);
}

static void send_pattern(struct conn *c, const char *sid)
{
	uint8_t audio[PATTERN_FRAME];

	for (uint32_t i = 0; i < 50; i++) {
		pattern_frame(audio, PATTERN_SEED(9, PATTERN_MODEL), i, 0);
		media_send(c, sid, audio, sizeof audio);
	}
}

static void numbered_frames_pass_both_ways(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, send_pattern);
	o = phone_run(&code, NULL, "--pattern", "1", "--delay-ms", "30", "--jitter-ms", "20", END);
	assert_int_equal(code, 0);
	assert_int_equal(server.seen.check.frames, 50);
	assert_int_equal(pattern_errors(&server.seen.check), 0);
	assert_int_equal(json_object_get_int64(json_path(o, "pattern.frames")), 50);
	assert_int_equal(json_object_get_int64(json_path(o, "pattern.errors")), 0);
	json_object_put(o);
}

static void say_nonsense(struct conn *c, const char *sid)
{
	text_send(c, "{\"event\":\"media\",\"stream_sid\":\"%s\",\"media\":{\"payload\":\"////\"}}", sid);
	text_send(c, "{\"event\":\"mark\",\"streamSid\":\"%s\",\"mark\":{}}", sid);
	text_send(c, "{\"event\":\"stop\",\"streamSid\":\"%s\"}", sid);
	text_send(c, "{\"event\":\"clear\",\"streamSid\":\"%s\",\"more\":1}", sid);
	frame_send(c, 2, SPAN("binary"));
	close_send(c, 1000);
}

static void wrong_messages_are_counted_as_twilio_does(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, say_nonsense);
	o = phone_run(&code, "{\"expect\":{\"problems\":[\"31951: 4 bad\",\"31950: 1\"],\"streams.0.malformed\":4,\"streams.0.binary\":1}}", END);
	assert_int_equal(code, 0);
	json_object_put(o);
}

static void say_fragmented_ping(struct conn *c, const char *sid)
{
	char bad[] = { 0x09, 0x00 };

	(void)sid;
	fd_write_all(c->fd, span_of(bad, 2));
}

static void bad_framing_is_31924(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, say_fragmented_ping);
	o = phone_run(&code, "{\"expect\":{\"problems\":[\"31924\"],\"streams.0.end\":\"protocol\"}}", END);
	assert_int_equal(code, 0);
	json_object_put(o);
}

/* What the webhook answers, and what becomes of the call. */
static void answers_of_the_webhook(void **state)
{
	static const struct {
		const char *twiml;
		int status;
		const char *scenario;
	} rows[] = {
		{ "<Response><Reject reason=\"busy\"/></Response>", 200, "{\"expect\":{\"status\":\"busy\",\"answered_ms\":null}}" },
		{ "<Response><Reject/></Response>", 200, "{\"expect\":{\"status\":\"no-answer\"}}" },
		{ "<Response/>", 200, "{\"expect\":{\"status\":\"completed\"}}" },
		{ "<Response><Dial action=\"" PUBLIC "/api/continue/1/\">+15005550020</Dial></Response>", 200,
		  "{\"dial\":[\"no-answer\"],\"expect\":{\"steps\":[\"Dial +15005550020: no-answer\",\"Hangup\"],\"actions\":1}}" },
		{ "<Response><Pause length=\"1\"/><Redirect>" PUBLIC "/api/continue/1/</Redirect></Response>", 200,
		  "{\"expect\":{\"steps\":[\"Pause\",\"Redirect\",\"Hangup\"],\"lasted_ms\":{\"min\":1000}}}" },
		{ "<Response>", 200, "{\"expect\":{\"problems\":[\"12100\"],\"status\":\"failed\"}}" },
		{ "<response/>", 200, "{\"expect\":{\"problems\":[\"12102\"]}}" },
		{ "<Response><say>x</say></Response>", 200, "{\"expect\":{\"problems\":[\"12200\"],\"status\":\"completed\"}}" },
		{ "", 403, "{\"expect\":{\"problems\":[\"11200\"],\"webhook_status\":403,\"status\":\"failed\"}}" },
		{ "<Response/>", 200, "{\"faults\":[{\"fault\":\"forged\"}],\"expect\":{\"problems\":[\"11200\"],\"webhook_status\":403}}" },
		{ "<Response/>", 200, "{\"method\":\"GET\",\"expect\":{\"status\":\"completed\"}}" },
		{ "<Response/>", 200, "{\"faults\":[{\"fault\":\"repeat_webhook\",\"count\":2}],\"expect\":{\"steps\":{\"min\":1}}}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct json_object *o;
		int code;

		scene(rows[i].twiml, NULL, NULL);
		server.webhook_status = rows[i].status;
		o = phone_run(&code, rows[i].scenario, END);
		if (code)
			fail_msg("row %zu: %s", i, json_object_get_string(result(o, "problems")));
		json_object_put(o);
	}
}

/* An agent with an ear: answers for a second and a half after half a second of quiet, and stops when the caller speaks. */
static void speak(struct conn *c, unsigned ms)
{
	uint8_t audio[1600];

	memset(audio, 0x55, sizeof audio);
	for (unsigned at = 0; at < ms; at += 100)
		media_send(c, c->sid, audio, 800);
	mark_send(c, c->sid, "end");
	c->speaks_until_ms = clock_ms() + ms;
}

static void greet(struct conn *c, const char *sid)
{
	(void)sid;
	speak(c, 800);
}

static void hear(struct conn *c, const uint8_t *audio, size_t n)
{
	bool voice = false;

	for (size_t i = 0; i < n; i++)
		voice = voice || abs(wav_linear(audio[i])) > 600;
	c->quiet = voice ? 0 : c->quiet + 1;
	c->voice += voice;
	if (c->voice == 5 && clock_ms() < c->speaks_until_ms)
		text_send(c, "{\"event\":\"clear\",\"streamSid\":\"%s\"}", c->sid);
	if (c->voice < 5 || c->quiet < 25)
		return;
	c->voice = 0;
	speak(c, 1500);
}

static void a_conversation_with_a_barge_in(void **state)
{
	int code;
	struct json_object *o;
	char save[] = "/tmp/sim-phone-save-XXXXXX";
	struct buf heard = BUF_INIT;

	(void)state;
	close(mkstemp(save));
	scene(CONNECT(""), NULL, greet);
	server.hear = hear;
	o = phone_run(&code, "{\"quiet_ms\":300,\"script\":[{\"say\":\"What are your opening hours?\"},{\"say\":\"Sorry, one more thing.\",\"interrupt_ms\":400},"
	                     "{\"say\":\"Thank you, goodbye.\"}],\"expect\":{\"answered_turns\":3,\"barge_ins\":1,\"turns\":3,"
	                     "\"turns.0.answer_heard_ms\":{\"min\":400,\"max\":1490},\"turns.1.interrupts\":true,\"turns.1.clear_ms\":{\"min\":1},"
	                     "\"turns.1.answer_heard_ms\":{\"min\":1450,\"max\":1500},\"turns.2.latency_ms\":{\"min\":400}}}",
	              "--save", save, END);
	if (code)
		fail_msg("%s", json_object_get_string(json_get(o, "results")));
	assert_int_equal(wav_read(&heard, save, NULL), ERR_OK);
	assert_true(heard.n > 5 * 8000);
	assert_int_equal((uint8_t)heard.p[4000], 0x55);
	buf_fini(&heard);
	unlink(save);
	json_object_put(o);
}

/* What the phone does wrong on purpose arrives so. */
static void faults_arrive(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, NULL);
	o = phone_run(&code, "{\"hangup_ms\":600,\"faults\":[{\"fault\":\"wrong_token\"},{\"fault\":\"malformed\",\"count\":8,\"at_ms\":100},"
	                     "{\"fault\":\"stop_twice\"},{\"fault\":\"hole\",\"at_ms\":200,\"ms\":200}]}", END);
	assert_int_equal(code, 0);
	assert_int_equal(server.seen.wrong_tokens, 1);
	assert_in_range(server.seen.malformed, 5, 8);
	assert_int_equal(server.seen.stops, 2);
	assert_in_range(server.seen.media, 12, 24);
	json_object_put(o);
	scene(CONNECT(""), NULL, NULL);
	o = phone_run(&code, "{\"hangup_ms\":800,\"faults\":[{\"fault\":\"drop\",\"at_ms\":200}],\"expect\":{\"actions\":1,\"streams.0.end\":\"broken\"}}", END);
	assert_int_equal(code, 0);
	assert_int_equal(server.seen.stops, 0);
	assert_int_equal(server.seen.actions, 1);
	json_object_put(o);
}

#define TRANSFER "<Response><Dial action=\"" PUBLIC "/api/continue/1/\"><Number url=\"" PUBLIC "/api/whisper/1/\">+15005550020</Number></Dial></Response>"

static void who_is_called_hears_the_whisper_first(void **state)
{
	static const struct {
		const char *whisper, *scenario, *dialled;
	} rows[] = {
		{ "<Response><Say>Ann &amp; Bob</Say><Pause length=\"1\"/><Say>now</Say></Response>",
		  "{\"expect\":{\"whispered\":[\"Ann & Bob\",\"now\"],\"said\":[],\"lasted_ms\":{\"min\":1000},\"actions\":1,\"steps\":[\"Dial +15005550020: completed\",\"Hangup\"]}}",
		  "outbound-dial +15005550020 0;completed true;" },
		{ "<Response/>", "{\"expect\":{\"whispered\":0}}", "outbound-dial +15005550020 0;completed true;" },
		{ "<Response><Say>no</Say><Hangup/></Response>", "{\"expect\":{\"whispered\":1}}", "outbound-dial +15005550020 0;completed false;" },
		{ "<Response><Dial>+1</Dial></Response>", "{\"expect\":{\"problems\":[\"12200: whisper: <Dial>\"]}}", "outbound-dial +15005550020 0;completed true;" },
		{ NULL, "{\"expect\":{\"problems\":[\"11200: whisper\"]}}", "outbound-dial +15005550020 0;completed false;" },
		{ "<Response><Say>x</Say></Response>", "{\"dial\":[\"no-answer\"],\"expect\":{\"whispered\":0}}", "no-answer false;" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct json_object *o;
		int code;

		scene(TRANSFER, NULL, NULL);
		server.whisper = rows[i].whisper;
		o = phone_run(&code, rows[i].scenario, END);
		if (code || strcmp(server.seen.dialled, rows[i].dialled) != 0)
			fail_msg("row %zu: %s %s", i, server.seen.dialled, json_object_get_string(result(o, "problems")));
		assert_int_equal(server.seen.bad_signatures, 0);
		json_object_put(o);
	}
}

static void a_call_that_was_placed_is_answered_by_somebody(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, NULL);
	o = phone_run(&code, "{\"outbound\":true,\"from\":\"+15005550011\",\"answered_by\":{\"value\":\"machine_start\",\"at_ms\":200},\"hangup_ms\":600}", END);
	assert_int_equal(code, 0);
	assert_string_equal(server.seen.direction, "outbound-api");
	assert_string_equal(server.seen.from, "+15005550006");
	assert_string_equal(server.seen.machine, "machine_start 200 4");
	assert_int_equal(server.seen.machines, 1);
	assert_int_equal(server.seen.bad_signatures, 0);
	json_object_put(o);
	scene("<Response><Hangup/></Response>", NULL, NULL);             /* over before anybody could tell */
	o = phone_run(&code, "{\"outbound\":true,\"answered_by\":{\"value\":\"fax\"}}", END);
	assert_int_equal(code, 0);
	assert_int_equal(server.seen.machines, 0);
	json_object_put(o);
}

static void fifty_calls_at_once(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, send_pattern);
	o = phone_run(&code, NULL, "--pattern", "1", "--calls", "50", "--rate", "100", END);
	assert_int_equal(code, 0);
	assert_int_equal(server.seen.webhooks, 50);
	assert_int_equal(server.seen.statuses, 50);
	assert_int_equal(server.seen.media >= 50 * 50, 1);
	assert_int_equal(json_object_get_int64(json_path(o, "pattern.frames")), 50 * 50);
	json_object_put(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_call),
		cmocka_unit_test(a_closed_stream_asks_for_the_action_and_follows_it),
		cmocka_unit_test(a_broken_stream_asks_for_the_action_too_and_is_reported),
		cmocka_unit_test(a_refused_upgrade_falls_through),
		cmocka_unit_test(clear_returns_marks_and_silence),
		cmocka_unit_test(numbered_frames_pass_both_ways),
		cmocka_unit_test(wrong_messages_are_counted_as_twilio_does),
		cmocka_unit_test(bad_framing_is_31924),
		cmocka_unit_test(answers_of_the_webhook),
		cmocka_unit_test(a_conversation_with_a_barge_in),
		cmocka_unit_test(faults_arrive),
		cmocka_unit_test(who_is_called_hears_the_whisper_first),
		cmocka_unit_test(a_call_that_was_placed_is_answered_by_somebody),
		cmocka_unit_test(fifty_calls_at_once),
	};

	return cmocka_run_group_tests(tests, server_up, server_down);
}
