/* test_relay - the real relay between a phone and a model that the test plays itself, on loopback. */
#include <sys/resource.h>

#include "relay_world.h"
#include "twilio/signature.h"

/* --- what a test needs often --- */

static void up_to_ready(struct relay_world *w, struct phone_call *c, struct peer *model)
{
	char said[64];

	call_make(w, c);
	announce(w, c, said);
	assert_string_equal(said, "ok");
	model_ready(w, model);
}

static struct json_object *next_event(struct peer *phone, const char *event, int timeout_ms)
{
	int64_t until = peer_ms() + timeout_ms;
	struct buf b = BUF_BOUND((size_t)1 << 20);
	struct json_object *o = NULL;

	while (!o && peer_ms() < until && peer_message(phone, (int)(until - peer_ms()), &b)) {
		assert_int_equal(json_read(&o, buf_span(&b)), ERR_OK);
		if (!span_is(json_get_span(o, "event"), event)) {
			json_object_put(o);
			o = NULL;
		}
	}
	buf_fini(&b);
	return o;
}

/* Reads until the model has got `n` bytes of caller's audio; every frame must be the next one. */
static void expect_upstream(struct peer *model, size_t frames)
{
	struct buf b = BUF_BOUND((size_t)1 << 20);
	struct json_object *o;
	uint8_t audio[4096];
	size_t got = 0, n;

	while (got < frames * 160) {
		assert_true(peer_message(model, 5000, &b));
		assert_int_equal(json_read(&o, buf_span(&b)), ERR_OK);
		if (span_is(json_get_span(o, "type"), "input_audio_buffer.append")) {
			assert_true(b64_decode(audio, sizeof audio, json_get_span(o, "audio"), &n));
			for (size_t i = 0; i < n; i++, got++)
				assert_int_equal(audio[i], (got / 160) & 0xff);
		}
		json_object_put(o);
	}
	buf_fini(&b);
}

/* What the phone would play of `n` bytes, all equal to the pattern. */
static void expect_downstream(struct peer *phone, size_t n)
{
	uint8_t audio[8192];
	size_t got = 0, piece;

	while (got < n) {
		struct json_object *o = next_event(phone, "media", 5000);

		assert_non_null(o);
		assert_true(b64_decode(audio, sizeof audio, json_get_span(json_path(o, "media"), "payload"), &piece));
		for (size_t i = 0; i < piece && got < n; i++, got++)
			assert_int_equal(audio[i], (got * 7) & 0xff);
		json_object_put(o);
	}
}

static void stop_and_end(struct relay_world *w, struct phone_call *c, struct peer *phone)
{
	char text[300];

	snprintf(text, sizeof text, "{\"event\":\"stop\",\"sequenceNumber\":\"9\",\"stop\":{\"accountSid\":\"AC1\",\"callSid\":\"%s\"},\"streamSid\":\"%s\"}",
		 c->sid, c->stream);
	assert_true(peer_text(phone, text));
	soon(5000, call_ended_as(w, c, "caller_hangup"));
}

static int http_status(struct relay_world *w, const char *request, char body[65536])
{
	struct peer p;
	struct buf all = BUF_BOUND(65536);
	int status = 0;

	assert_true(peer_dial(&p, w->media_port, 0));
	peer_write(&p, request, strlen(request));
	while (peer_fill(&p, peer_ms() + 3000) > 0)
		;
	buf_add(&all, buf_span(&p.in));
	sscanf(buf_z(&all), "HTTP/1.%*d %d", &status);
	snprintf(body, 65536, "%s", buf_z(&all));
	buf_fini(&all);
	peer_close(&p);
	return status;
}

static double metric(struct relay_world *w, const char *name)
{
	static char page[65536];
	const char *at;

	assert_int_equal(http_status(w, "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n", page), 200);
	at = strstr(page, name);
	assert_non_null(at);
	return strtod(at + strlen(name), NULL);
}

/* --- tests --- */

static void pages_are_answered_and_everything_else_is_refused(void **state)
{
	static const struct { const char *request; int status; const char *has; } rows[] = {
		{ "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", 200, "\"active_calls\":0" },
		{ "GET /healthz/ HTTP/1.1\r\nhost: x\r\n\r\n", 200, "\"status\":\"ok\"" },
		{ "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n", 200, "offhook_calls_total{result=\"caller_hangup\"} 0" },
		{ "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n", 200, "offhook_model_connect_seconds_bucket{le=\"+Inf\"} 0" },
		{ "GET / HTTP/1.1\r\nhost: x\r\n\r\n", 404, "" },
		{ "POST /healthz HTTP/1.1\r\nhost: x\r\n\r\n", 405, "Allow: GET" },
		{ "CONNECT example.com:443 HTTP/1.1\r\nhost: x\r\n\r\n", 405, "" },
		{ "nonsense\r\n\r\n", 400, "" },
		{ "GET /healthz HTTP/2.0\r\n\r\n", 400, "" },
	};
	static char body[65536];
	struct relay_world w;

	(void)state;
	world_begin(&w, NULL, true);
	relay_start(&w);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(http_status(&w, rows[i].request, body), rows[i].status);
		assert_non_null(strstr(body, rows[i].has));
	}
	world_end(&w);
}

static void a_call_goes_through_bit_exact(void **state)
{
	struct relay_world w;
	struct phone_call c;
	struct peer model, phone;
	uint8_t audio[8000];
	char value[256];
	struct call r = { 0 };

	(void)state;
	world_begin(&w, NULL, false);
	relay_start(&w);
	up_to_ready(&w, &c, &model);
	assert_non_null(strstr(model.head, "GET /v1/realtime?model=gpt-realtime"));
	assert_string_equal(peer_header(&model, "authorization", value), "Bearer sk-test-0123456789");
	assert_null(strcasestr(model.head, "openai-beta"));
	assert_null(strcasestr(model.head, "sec-websocket-protocol"));
	assert_int_equal(active_calls(&w), 1);
	phone_connect(&w, &phone, &c, c.token[0]);
	for (unsigned i = 0; i < 50; i++)
		assert_true(phone_media(&phone, &c, i));
	expect_upstream(&model, 50);
	for (size_t i = 0; i < sizeof audio; i++)
		audio[i] = (uint8_t)(i * 7);
	assert_true(model_answer_begin(&model, "resp_1", "item_1"));
	assert_true(model_audio(&model, "resp_1", "item_1", audio, 2000));
	assert_true(model_audio(&model, "resp_1", "item_1", audio + 2000, 6000));
	expect_downstream(&phone, 8000);
	stop_and_end(&w, &c, &phone);
	assert_int_equal(peer_closed(&model, 3000), 1000);
	soon(3000, active_calls(&w) == 0);
	call_read(&w, &c, &r);
	assert_string_equal(r.status, "ended");
	assert_string_equal(r.twilio_stream_sid, c.stream);
	assert_int_equal(r.streams, 1);
	assert_true(r.connected_at != FIELD_NULL_INT && r.ended_at >= r.connected_at);
	record_fini(&call_type, &r);
	assert_false(log_has(&w, "sk-test"));
	assert_false(log_has(&w, c.token[0]));
	peer_close(&model);
	peer_close(&phone);
	world_end(&w);
}

static void who_has_no_good_token_is_turned_away_and_costs_nothing(void **state)
{
	struct relay_world w;
	struct phone_call c, other, unknown;
	struct peer model, phone, thief;
	struct buf b = BUF_INIT;

	(void)state;
	world_begin(&w, NULL, true);
	relay_start(&w);
	up_to_ready(&w, &c, &model);
	call_make(&w, &other);
	unknown = other;
	uuid_new(unknown.session);
	snprintf(unknown.path, sizeof unknown.path, "/ws/realtime/%s/", unknown.session);
	phone_connect(&w, &phone, &c, c.token[0]);
	assert_true(phone_media(&phone, &c, 0));
	expect_upstream(&model, 1);
	const struct { const struct phone_call *call; const char *token; } rows[] = {
		{ &c, c.token[0] }, { &c, "wrong" }, { &c, "" }, { &c, c.token[0] }, { &c, c.token[1] }, { &c, other.token[0] }, { &unknown, other.token[1] },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct phone_call as = *rows[i].call;

		if (i)                           /* the first says, to the byte, what the good one said */
			as.stream[5] = (char)('0' + i);
		phone_connect(&w, &thief, &as, rows[i].token);
		assert_int_equal(peer_closed(&thief, 4000), 1008);
		peer_close(&thief);
	}
	assert_true(peer_dial(&thief, w.media_port, 0));      /* media before start */
	assert_int_equal(peer_ask(&thief, c.path, NULL), 101);
	assert_true(phone_media(&thief, &c, 0));
	assert_int_equal(peer_closed(&thief, 4000), 1008);
	peer_close(&thief);
	assert_true(phone_media(&phone, &c, 1));              /* the call that was aimed at goes on */
	assert_true(peer_message(&model, 3000, &b));
	struct pollfd f = { .fd = w.model_fd, .events = POLLIN };
	assert_int_equal(poll(&f, 1, 0), 0);                  /* and nobody dialled the model for the others */
	stop_and_end(&w, &c, &phone);
	buf_fini(&b);
	peer_close(&model);
	peer_close(&phone);
	world_end(&w);
}

struct fresh { struct phone_call *c; char token[TICKET_TEXT]; };

static enum err fresh_body(struct txn *t, void *arg)
{
	struct fresh *f = arg;

	return ticket_new(t, span_z(f->c->session), span_z(f->c->sid), clock_wall_ms(), f->token);
}

static void a_fresh_token_takes_the_call_over(void **state)
{
	struct relay_world w;
	struct phone_call c, again;
	struct peer model, old, new;
	struct control_request late;
	struct fresh f = { .c = &c };

	(void)state;
	world_begin(&w, NULL, true);
	relay_start(&w);
	up_to_ready(&w, &c, &model);
	phone_connect(&w, &old, &c, c.token[0]);
	assert_true(phone_media(&old, &c, 0));
	expect_upstream(&model, 1);
	assert_int_equal(ticket_token(f.token), ERR_OK);
	assert_int_equal(store_txn(w.store, EVENTUAL, fresh_body, &f), ERR_OK);
	again = c;
	again.stream[4] = again.stream[4] == '0' ? '1' : '0';
	phone_connect(&w, &new, &again, f.token);
	assert_int_equal(peer_closed(&old, 4000), 1000);
	late = (struct control_request){ .op = "stream", .session_id = span_z(c.session), .stream_sid = span_z(c.stream), .event = SPAN("stream-error"),
		                         .error = SPAN("31903 of the old one") };
	json_object_put(ask(&w, &late));                 /* word of the old stream says nothing of the new one */
	assert_true(phone_media(&new, &again, 1));
	stop_and_end(&w, &again, &new);
	peer_close(&model);
	peer_close(&old);
	peer_close(&new);
	world_end(&w);
}

static void frames_of_every_kind(void **state)
{
	struct relay_world w;
	struct phone_call c;
	struct peer model, phone;
	struct buf start = BUF_INIT;
	char *big = malloc(70000);
	char *big2 = malloc(70000);

	(void)state;
	memset(big, ' ', 70000);
	memset(big2, 'x', 70000);
	world_begin(&w, NULL, true);
	relay_start(&w);
	up_to_ready(&w, &c, &model);
	assert_true(peer_dial(&phone, w.media_port, 0));
	assert_int_equal(peer_ask(&phone, c.path, NULL), 101);
	phone_start_text(&c, c.token[0], &start);
	for (size_t i = 0; i < start.n; i += 40)             /* in many pieces, with a ping between */
		assert_true(peer_frame(&phone, (i + 40 >= start.n ? FIN : 0) | (i ? OP_CONT : OP_TEXT), start.p + i, start.n - i < 40 ? start.n - i : 40) &&
			    peer_frame(&phone, FIN | OP_PING, "hi", 2));
	assert_true(phone_media(&phone, &c, 0));
	expect_upstream(&model, 1);
	assert_true(peer_frame(&phone, FIN | OP_TEXT, big2, 65536));      /* exactly the limit: malformed, but taken */
	assert_true(phone_media(&phone, &c, 1));
	phone.masks = false;                                  /* the library does not mind, and nothing depends on it */
	assert_true(phone_media(&phone, &c, 1));
	phone.masks = true;
	assert_true(peer_frame(&phone, OP_TEXT, big2, 40000));
	assert_true(peer_frame(&phone, FIN | OP_CONT, big2, 30000));
	assert_int_equal(peer_closed(&phone, 4000), 1009);
	peer_close(&phone);
	static const struct { size_t n; int first, code; } bad[] = {
		{ 65537, FIN | OP_TEXT, 1009 }, { 2, OP_PING, 1002 }, { 5, FIN | OP_CONT, 1002 }, { 5, FIN | 0x40 | OP_TEXT, 1002 }, { 5, FIN | 3, 1002 },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_true(peer_dial(&phone, w.media_port, 0));
		assert_int_equal(peer_ask(&phone, c.path, NULL), 101);
		assert_true(peer_frame(&phone, bad[i].first, big, bad[i].n));
		assert_int_equal(peer_closed(&phone, 4000), bad[i].code);
		peer_close(&phone);
	}
	free(big);
	free(big2);
	buf_fini(&start);
	peer_close(&model);
	world_end(&w);
}

static void upgrades_are_looked_at(void **state)
{
	static const struct { const char *path; int status; } rows[] = {
		{ "/ws/realtime/", 404 }, { "/ws/realtime/not-a-uuid/", 404 }, { "/ws/live/", 404 }, { "/", 404 },
	};
	struct relay_world w;
	struct phone_call c;
	struct peer p;
	char header[128], sig[64] = "", url[200];
	struct buf b = BUF_INIT;

	(void)state;
	world_begin(&w, NULL, true);
	setenv("TWILIO_VALIDATE_STREAM", "require", 1);
	relay_start(&w);
	call_make(&w, &c);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(peer_dial(&p, w.media_port, 0));
		assert_int_equal(peer_ask(&p, rows[i].path, NULL), rows[i].status);
		peer_close(&p);
	}
	assert_true(peer_dial(&p, w.media_port, 0));
	assert_int_equal(peer_ask(&p, c.path, NULL), 403);
	peer_close(&p);
	assert_true(peer_dial(&p, w.media_port, 0));
	assert_int_equal(peer_ask(&p, c.path, "x-twilio-signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"), 403);
	peer_close(&p);
	snprintf(url, sizeof url, "wss://offhook.example%s", c.path);
	assert_int_equal(signature_make(sig, SPAN("test-token"), span_z(url), NULL), ERR_OK);
	snprintf(header, sizeof header, "x-twilio-signature: %s\r\n", sig);
	assert_true(peer_dial(&p, w.media_port, 0));
	assert_int_equal(peer_ask(&p, c.path, header), 101);
	peer_close(&p);
	assert_true(peer_dial(&p, w.media_port, 0));         /* the last slash is optional, whatever was signed */
	c.path[strlen(c.path) - 1] = '\0';
	assert_int_equal(peer_ask(&p, c.path, header), 101);
	peer_close(&p);
	buf_fini(&b);
	unsetenv("TWILIO_VALIDATE_STREAM");
	world_end(&w);
}

static void capacity_counts_from_the_announcement(void **state)
{
	struct relay_world w;
	struct phone_call c[3];
	struct control_request hangup = { .op = "hangup", .session_id = SPAN_NONE, .reason = SPAN("operator") };
	struct peer model;
	char said[64];

	(void)state;
	world_begin(&w, NULL, true);
	setenv("OFFHOOK_MAX_CALLS", "2", 1);
	relay_start(&w);
	for (int i = 0; i < 3; i++) {
		call_make(&w, &c[i]);
		announce(&w, &c[i], said);
		assert_string_equal(said, i < 2 ? "ok" : "busy");
	}
	announce(&w, &c[0], said);                            /* again is no second call */
	assert_string_equal(said, "ok");
	assert_int_equal(active_calls(&w), 2);
	model_ready(&w, &model);
	hangup.session_id = span_z(c[0].session);
	json_object_put(ask(&w, &hangup));
	soon(5000, active_calls(&w) == 1);
	soon(5000, call_ended_as(&w, &c[0], "operator"));
	announce(&w, &c[2], said);
	assert_string_equal(said, "ok");
	peer_close(&model);
	unsetenv("OFFHOOK_MAX_CALLS");
	world_end(&w);
}

static void a_peer_that_never_closes_is_cut_off(void **state)
{
	struct relay_world w;
	struct phone_call c;
	struct peer model, phone;
	struct control_request hangup = { .op = "hangup", .reason = SPAN("operator") };
	struct buf b = BUF_BOUND((size_t)1 << 20);
	int64_t begun;
	int op;

	(void)state;
	world_begin(&w, NULL, true);
	relay_start(&w);
	up_to_ready(&w, &c, &model);
	phone_connect(&w, &phone, &c, c.token[0]);
	assert_true(phone_media(&phone, &c, 0));
	expect_upstream(&model, 1);
	hangup.session_id = span_z(c.session);
	begun = peer_ms();
	json_object_put(ask(&w, &hangup));
	while ((op = peer_next(&model, 6000, true, &b)) != OP_EOF)      /* sees the close frame, never answers */
		assert_true(op != OP_NOTHING);
	while ((op = peer_next(&phone, 6000, true, &b)) != OP_EOF)
		assert_true(op != OP_NOTHING);
	assert_true(peer_ms() - begun < 5000);
	soon(3000, active_calls(&w) == 0);
	buf_fini(&b);
	peer_close(&model);
	peer_close(&phone);
	world_end(&w);
}

static void a_drained_relay_finishes_its_calls_beside_its_successor(void **state)
{
	struct relay_world w;
	struct phone_call talking, waiting, late;
	struct peer model, model2, model3, phone, phone2;
	struct control_request known = { .op = "continue" };
	char line[512], said[64];
	int old_notify;
	pid_t old;

	(void)state;
	world_begin(&w, NULL, true);
	relay_start(&w);
	up_to_ready(&w, &talking, &model);
	phone_connect(&w, &phone, &talking, talking.token[0]);
	assert_true(phone_media(&phone, &talking, 0));
	expect_upstream(&model, 1);
	up_to_ready(&w, &waiting, &model2);
	old = w.pid;
	old_notify = w.notify_fd;
	kill(old, SIGTERM);
	assert_true(notified(&w, "draining", 3000, line));
	assert_int_equal(peer_closed(&model2, 5000), 1000);  /* no stream yet: left to the successor */
	w.notify_fd = -1;
	relay_start(&w);
	call_make(&w, &late);
	announce(&w, &late, said);
	assert_string_equal(said, "ok");
	model_ready(&w, &model3);
	peer_close(&model2);
	phone_connect(&w, &phone2, &waiting, waiting.token[0]);
	assert_true(model_take(&w, &model2, 5000));          /* the successor dials for the call it was left */
	known.session_id = span_z(talking.session);
	struct json_object *o = ask(&w, &known);
	bool is_known = true;
	json_get_bool(o, "known", &is_known);
	assert_false(is_known);
	json_object_put(o);
	assert_true(phone_media(&phone, &talking, 1));
	stop_and_end(&w, &talking, &phone);
	assert_int_equal(relay_wait(old, 8000), 0);
	close(old_notify);
	peer_close(&model);
	peer_close(&model2);
	peer_close(&model3);
	peer_close(&phone2);
	peer_close(&phone);
	world_end(&w);
}

static void a_second_term_closes_with_1001(void **state)
{
	struct relay_world w;
	struct phone_call c;
	struct peer model, phone;
	char line[512];

	(void)state;
	world_begin(&w, NULL, true);
	relay_start(&w);
	up_to_ready(&w, &c, &model);
	phone_connect(&w, &phone, &c, c.token[0]);
	assert_true(phone_media(&phone, &c, 0));
	expect_upstream(&model, 1);
	kill(w.pid, SIGTERM);
	assert_true(notified(&w, "draining", 3000, line));
	assert_int_equal(peer_closed(&phone, 500), -1);
	kill(w.pid, SIGTERM);
	assert_int_equal(peer_closed(&phone, 3000), 1001);
	peer_close(&phone);
	peer_close(&model);
	assert_int_equal(relay_wait(w.pid, 8000), 0);
	w.pid = -1;
	world_end(&w);
}

static void idle_sockets_cost_no_turns_of_the_loop(void **state)
{
	enum { N = 2000, SECONDS = 3 };
	static struct peer idle[N];
	struct relay_world w;
	struct phone_call c;
	struct rlimit l = { 8192, 8192 };
	double before, after;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &l);
	l.rlim_cur = l.rlim_max < 8192 ? l.rlim_max : 8192;
	setrlimit(RLIMIT_NOFILE, &l);
	world_begin(&w, NULL, true);
	setenv("OFFHOOK_MAX_CALLS", "1000", 1);
	relay_start(&w);
	call_make(&w, &c);
	for (int i = 0; i < N; i++) {
		uuid_new(c.session);
		snprintf(c.path, sizeof c.path, "/ws/realtime/%s/", c.session);
		assert_true(peer_dial(&idle[i], w.media_port, 0));
		assert_int_equal(peer_ask(&idle[i], c.path, NULL), 101);
	}
	before = metric(&w, "\noffhook_loop_turns_total ");
	poll(NULL, 0, SECONDS * 1000);
	after = metric(&w, "\noffhook_loop_turns_total ");
	assert_true(after - before < 2 * 50 * SECONDS * 1.5 + 100);      /* two workers, 50 ticks a second, and some slack */
	for (int i = 0; i < N; i++)
		peer_close(&idle[i]);
	unsetenv("OFFHOOK_MAX_CALLS");
	world_end(&w);
}

/* Wrong names, wrong certificates: each with its reason, none in the way of the next call. */
static void a_model_that_cannot_be_reached_says_why(void **state)
{
	static const struct { const char *names; bool trusted; const char *host, *why; } rows[] = {
		{ NULL, true, "no-such-name.invalid", "dns: " },
		{ "[\"other.test\"]", true, "localhost", "tls: hostname mismatch" },
		{ NULL, false, "localhost", "tls: " },
	};
	char said[64], url[100];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct relay_world w;
		struct phone_call c;
		struct peer refused;

		world_begin(&w, rows[i].names, false);
		snprintf(url, sizeof url, "wss://%s:%d/v1/realtime", rows[i].host, w.model_port);
		setenv("OPENAI_REALTIME_URL", url, 1);
		if (!rows[i].trusted)
			unsetenv("OPENAI_CA_FILE");
		relay_start(&w);
		call_make(&w, &c);
		announce(&w, &c, said);
		assert_string_equal(said, "ok");
		if (strcmp(rows[i].host, "localhost") == 0)
			for (int n = 0; n < 4; n++)
				assert_false(model_take(&w, &refused, 4000));
		soon(9000, log_has(&w, rows[i].why));
		world_end(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_are_answered_and_everything_else_is_refused),
		cmocka_unit_test(a_call_goes_through_bit_exact),
		cmocka_unit_test(who_has_no_good_token_is_turned_away_and_costs_nothing),
		cmocka_unit_test(a_fresh_token_takes_the_call_over),
		cmocka_unit_test(frames_of_every_kind),
		cmocka_unit_test(upgrades_are_looked_at),
		cmocka_unit_test(capacity_counts_from_the_announcement),
		cmocka_unit_test(a_peer_that_never_closes_is_cut_off),
		cmocka_unit_test(a_drained_relay_finishes_its_calls_beside_its_successor),
		cmocka_unit_test(a_second_term_closes_with_1001),
		cmocka_unit_test(idle_sockets_cost_no_turns_of_the_loop),
		cmocka_unit_test(a_model_that_cannot_be_reached_says_why),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
