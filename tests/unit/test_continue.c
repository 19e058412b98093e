/* continue - what the caller gets when the stream has ended, by the state of the session (T4). */
#include "hook_world.h"

#define SID   "CA00000000000000000000000000000001"
#define OTHER "CA00000000000000000000000000000002"
#define BODY  "CallSid=" SID "&CallStatus=in-progress"

#define KNOWN(resume)     "{\"ok\":true,\"known\":true,\"resume\":\"" resume "\",\"end_reason\":\"\"}"
#define DRAINED(resume)   "{\"ok\":true,\"known\":true,\"resume\":\"" resume "\",\"end_reason\":\"shutdown\"}"
#define UNKNOWN           "{\"ok\":true,\"known\":false}"
#define ADMIT             "{\"ok\":true}"

static const char session[] = "0f8fad5b-d9cb-469f-a165-70867728950e";
static const char path[] = "/api/continue/0f8fad5b-d9cb-469f-a165-70867728950e/";

struct given {                               /* the record before */
	const char *status, *resume, *end_reason;
	int streams, resumes;
	const char *handover;
};

static void put_call(struct world *w, const struct given *g)
{
	struct call c;

	record_init(&call_type, &c);
	life_text(&c.session_id, span_z(session));
	life_text(&c.twilio_call_sid, SPAN(SID));
	life_text(&c.direction, SPAN("inbound"));
	life_text(&c.status, span_z(g->status));
	life_text(&c.resume, span_z(g->resume));
	life_text(&c.end_reason, span_z(g->end_reason));
	life_text(&c.handover, span_z(g->handover));
	c.streams = g->streams;
	c.resumes = g->resumes;
	c.started_at = clock_wall_ms() - 4600;
	c.connected_at = g->streams ? c.started_at + 1000 : FIELD_NULL_INT;
	world_put(w, &c);
	record_fini(&call_type, &c);
}

#define STREAM  "<Connect action="
#define SORRY   "<Say>We are sorry"
#define HANGUP  "<Response><Hangup/></Response>"

static const struct {
	const char *name;
	struct given given;
	const char *relay;                   /* to `continue`; the next answer admits */
	const char *hears;
	int resumes;                         /* afterwards */
	const char *status;                  /* afterwards */
} states[] = {
	{ "the relay says hang up",           { "connected", "", NULL, 1, 0, NULL },          KNOWN("hangup"),   HANGUP, 0, "connected" },
	{ "the relay wants it back",          { "connected", "", NULL, 1, 0, NULL },          KNOWN("resume"),   STREAM, 1, "connected" },
	{ "the relay has not noticed",        { "connected", "", NULL, 1, 2, NULL },          KNOWN("live"),     STREAM, 3, "connected" },
	{ "the third time was the last",      { "connected", "", NULL, 1, 3, NULL },          KNOWN("resume"),   SORRY,  3, "connected" },
	{ "a drain does not count",           { "connected", "", NULL, 1, 3, NULL },          DRAINED("resume"), STREAM, 3, "connected" },
	{ "failed before the first word",     { "connected", "", NULL, 1, 0, NULL },          KNOWN("fallback"), SORRY,  0, "connected" },
	{ "waiting for its first stream",     { "started", "", NULL, 0, 0, NULL },            KNOWN("live"),     STREAM, 1, "started" },
	{ "no stream the second time either", { "started", "", NULL, 0, 1, NULL },            KNOWN("live"),     SORRY,  1, "started" },
	{ "the relay has ended it",           { "connected", "", NULL, 1, 0, NULL },          KNOWN(""),         HANGUP, 0, "connected" },
	{ "a word nobody knows",              { "connected", "", NULL, 1, 0, NULL },          KNOWN("dance"),    SORRY,  0, "connected" },
	{ "record: ended by the agent",       { "ended", "hangup", "agent_ended", 1, 0, NULL }, UNKNOWN,         HANGUP, 0, "ended" },
	{ "record: over",                     { "ended", "", "max_duration", 1, 0, NULL },    UNKNOWN,           HANGUP, 0, "ended" },
	{ "record: model failed",             { "error", "fallback", "model_failed", 1, 0, NULL }, UNKNOWN,      SORRY,  0, "error" },
	{ "record: failed, no word",          { "error", "", "model_failed", 1, 0, NULL },    UNKNOWN,           SORRY,  0, "error" },
	{ "record: the relay died",           { "connected", "", NULL, 1, 0, NULL },          UNKNOWN,           STREAM, 1, "connected" },
	{ "record: it died three times",      { "connected", "", NULL, 1, 3, NULL },          UNKNOWN,           SORRY,  3, "error" },
	{ "record: told to resume elsewhere", { "ended", "resume", "shutdown", 1, 3, NULL },  UNKNOWN,           STREAM, 3, "connected" },
	{ "record: no stream ever",           { "started", "", NULL, 0, 0, NULL },            UNKNOWN,           STREAM, 1, "started" },
	{ "record: no stream, twice",         { "started", "", NULL, 0, 1, NULL },            UNKNOWN,           SORRY,  1, "error" },
};

static void the_answer_follows_the_state(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		struct call c;

		put_call(w, &states[i].given);
		world_says(w, states[i].relay, ADMIT);
		assert_int_equal(world_post(w, path, BODY), 200);
		if (!world_said(w, states[i].hears))
			fail_msg("%s: %s", states[i].name, buf_z(&w->a.body));
		assert_non_null(strstr(w->heard[0], "\"op\":\"continue\""));
		c = world_call(w, SID);
		if (c.resumes != states[i].resumes || strcmp(c.status, states[i].status) != 0)
			fail_msg("%s: resumes %d, %s", states[i].name, (int)c.resumes, c.status);
		record_fini(&call_type, &c);
	}
}

#define SALES  "{\"name\":\"Sales\",\"number\":\"+15550100\",\"return\":true,\"summary\":\"Ann & Bob <1>\"}"
#define BLIND  "{\"number\":\"sip:a@b.example\",\"return\":false,\"summary\":\"\"}"
#define KEYS   "{\"digits\":\"12w3#\"}"
#define DIAL   "<Response><Dial action=\"https://voice.example.net/api/continue/0f8fad5b-d9cb-469f-a165-70867728950e/\"><Number url=\"https://voice.example.net/api/whisper/0f8fad5b-d9cb-469f-a165-70867728950e/\">+15550100</Number></Dial></Response>"

static const struct {
	const char *name;
	struct given given;
	const char *relay, *dialled, *hears;
	const char *status, *handover;       /* afterwards; NULL: as before */
} orders[] = {
	{ "transfer",                 { "connected", "transfer", NULL, 1, 3, SALES }, KNOWN("transfer"), "", DIAL, "connected", NULL },
	{ "record: transfer",         { "connected", "transfer", NULL, 1, 0, SALES }, UNKNOWN, "", DIAL, "connected", NULL },
	{ "to a sip address, blind",  { "connected", "transfer", NULL, 1, 0, BLIND }, KNOWN("transfer"), "", "><Sip>sip:a@b.example</Sip></Dial>", "connected", NULL },
	{ "to nobody",                { "connected", "transfer", NULL, 1, 0, NULL },  KNOWN("transfer"), "", SORRY, "connected", NULL },
	{ "they have talked",         { "connected", "transfer", NULL, 1, 0, SALES }, KNOWN("transfer"), "completed", HANGUP, "connected", NULL },
	{ "record: they have talked", { "ended", "transfer", "transferred", 1, 0, SALES }, UNKNOWN, "completed", HANGUP, "ended", NULL },
	{ "record: talked, relay lost", { "connected", "transfer", NULL, 1, 0, SALES }, UNKNOWN, "answered", HANGUP, "ended", NULL },
	{ "nobody answered",          { "connected", "transfer", NULL, 1, 3, SALES }, KNOWN("transfer"), "no-answer", STREAM, "connected", NULL },
	{ "record: busy",             { "ended", "transfer", "transferred", 1, 3, SALES }, UNKNOWN, "busy", STREAM, "connected", "{\"failed\":\"busy\"}" },
	{ "not to come back",         { "connected", "transfer", NULL, 1, 0, BLIND }, KNOWN("transfer"), "failed", SORRY, "connected", NULL },
	{ "keys",                     { "connected", "digits", NULL, 1, 3, KEYS },    KNOWN("digits"), "", "<Response><Play digits=\"12w3#\"/><Connect action=", "connected", NULL },
	{ "record: keys",             { "connected", "digits", NULL, 1, 3, KEYS },    UNKNOWN, "", "<Response><Play digits=\"12w3#\"/><Connect action=", "connected", NULL },
};

static void what_the_agent_ordered_is_done_once_and_counts_as_no_broken_stream(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
		const struct given *g = &orders[i].given;
		char body[200];
		struct call c;

		put_call(w, g);
		world_says(w, orders[i].relay, ADMIT);
		snprintf(body, sizeof body, BODY "%s%s", *orders[i].dialled ? "&DialCallStatus=" : "", orders[i].dialled);
		assert_int_equal(world_post(w, path, body), 200);
		if (!world_said(w, orders[i].hears))
			fail_msg("%s: %s", orders[i].name, buf_z(&w->a.body));
		if (*orders[i].dialled)
			assert_non_null(strstr(w->heard[0], orders[i].dialled));
		c = world_call(w, SID);
		if (c.resumes != g->resumes || strcmp(c.status, orders[i].status) != 0)
			fail_msg("%s: resumes %d, %s", orders[i].name, (int)c.resumes, c.status);
		if (orders[i].handover)
			assert_string_equal(c.handover, orders[i].handover);
		if (world_said(w, STREAM))
			assert_string_equal(c.resume, "resume");
		record_fini(&call_type, &c);
	}
}

static void the_person_called_hears_who_calls_and_nobody_else_hears_anything(void **state)
{
	static const char whisper_path[] = "/api/whisper/0f8fad5b-d9cb-469f-a165-70867728950e/";
	struct world *w = *state;

	put_call(w, &(struct given){ "connected", "transfer", NULL, 1, 0, SALES });
	assert_int_equal(world_post(w, whisper_path, "CallSid=" OTHER "&ParentCallSid=" SID), 200);
	assert_true(world_said(w, "<Response><Say>Ann &amp; Bob &lt;1&gt;</Say></Response>"));
	assert_int_equal(world_post(w, whisper_path, "CallSid=" OTHER), 200);
	assert_true(world_said(w, "<Say>Ann"));
	assert_int_equal(world_post(w, whisper_path, "CallSid=" OTHER "&ParentCallSid=" OTHER), 200);
	assert_true(world_said(w, "?><Response/>"));
	assert_int_equal(world_post(w, "/api/whisper/00000000-0000-4000-8000-000000000000/", "CallSid=" OTHER), 200);
	assert_true(world_said(w, "?><Response/>"));
}

static void the_relay_is_told_who_answered(void **state)
{
	struct world *w = *state;

	put_call(w, &(struct given){ "connected", "", NULL, 1, 0, NULL });
	world_says(w, "{\"ok\":true,\"known\":true}", NULL);
	assert_int_equal(world_post(w, "/api/answered-by/", "CallSid=" SID "&AnsweredBy=machine_start&MachineDetectionDuration=3200"), 204);
	assert_non_null(strstr(w->heard[0], "\"op\":\"machine\""));
	assert_non_null(strstr(w->heard[0], session));
	assert_non_null(strstr(w->heard[0], "machine_start"));
	assert_int_equal(world_post(w, "/api/answered-by/", "CallSid=" OTHER "&AnsweredBy=fax"), 204);
	assert_int_equal(w->asked, 1);
}

static void connected_again_it_is_the_same_session_with_a_fresh_token(void **state)
{
	struct world *w = *state;
	char token[2][64];

	put_call(w, &(struct given){ "connected", "", NULL, 1, 0, NULL });
	for (int i = 0; i < 2; i++) {
		world_says(w, KNOWN("resume"), ADMIT);
		assert_int_equal(world_post(w, path, BODY "&StreamSid=MZ7"), 200);
		assert_true(world_said(w, "url=\"wss://voice.example.net/ws/realtime/0f8fad5b-d9cb-469f-a165-70867728950e/\""));
		assert_non_null(strstr(w->heard[0], "\"stream_sid\":\"MZ7\""));
		assert_non_null(strstr(w->heard[1], "\"op\":\"announce\""));
		assert_non_null(strstr(w->heard[1], "\"again\":true"));
		world_attr(w, "name=\"token\" value=\"", token[i], sizeof token[i]);
	}
	assert_string_not_equal(token[0], token[1]);
}

static void a_final_state_is_answered_with_nothing(void **state)
{
	struct world *w = *state;
	struct call c;

	put_call(w, &(struct given){ "connected", "", NULL, 1, 0, NULL });
	world_says(w, UNKNOWN, NULL);
	assert_int_equal(world_post(w, path, "CallSid=" SID "&CallStatus=completed"), 200);
	assert_true(world_said(w, "?><Response/>"));
	assert_int_equal(w->asked, 1);
	assert_non_null(strstr(w->heard[0], "\"op\":\"status\""));
	c = world_call(w, SID);
	assert_string_equal(c.status, "ended");
	assert_string_equal(c.end_reason, "caller_hangup");
	assert_string_equal(c.twilio_status, "completed");
	assert_int_equal(c.duration_seconds, 5);
	record_fini(&call_type, &c);
}

static void busy_while_on_the_line_is_the_apology(void **state)
{
	struct world *w = *state;

	put_call(w, &(struct given){ "connected", "", NULL, 1, 0, NULL });
	world_says(w, KNOWN("resume"), "{\"ok\":false,\"reason\":\"busy\"}");
	assert_int_equal(world_post(w, path, BODY), 200);
	assert_true(world_said(w, SORRY));
	assert_false(world_said(w, "Reject"));
}

static void the_relay_is_told_when_its_call_was_given_up(void **state)
{
	struct world *w = *state;

	put_call(w, &(struct given){ "started", "", NULL, 0, 1, NULL });
	world_says(w, KNOWN("live"), ADMIT);
	assert_int_equal(world_post(w, path, BODY), 200);
	assert_true(world_said(w, SORRY));
	assert_non_null(strstr(w->heard[1], "\"op\":\"hangup\""));
	assert_non_null(strstr(w->heard[1], "\"reason\":\"stream_failed\""));
}

static void the_agents_fallback_is_dialled_without_action(void **state)
{
	struct world *w = *state;
	struct call c;
	char agent[64];

	WORLD_CREATE(w, "agent", agent, "name=day", "fallback_number=+15005550099");
	put_call(w, &(struct given){ "error", "fallback", "model_failed", 1, 0, NULL });
	c = world_call(w, SID);
	life_text(&c.agent, span_z(agent));
	world_put(w, &c);
	record_fini(&call_type, &c);
	world_says(w, UNKNOWN, NULL);
	assert_int_equal(world_post(w, path, BODY), 200);
	assert_true(world_said(w, "<Response><Dial>+15005550099</Dial></Response>"));
}

static void a_stranger_moves_nothing(void **state)
{
	struct world *w = *state;
	struct call c;

	put_call(w, &(struct given){ "connected", "", NULL, 1, 0, NULL });
	world_says(w, UNKNOWN, NULL);
	assert_int_equal(world_post(w, path, "CallSid=" OTHER "&CallStatus=in-progress"), 200);
	assert_true(world_said(w, SORRY));
	assert_int_equal(world_post(w, "/api/continue/00000000-0000-4000-8000-000000000000/", BODY), 200);
	assert_true(world_said(w, SORRY));
	c = world_call(w, SID);
	assert_string_equal(c.status, "connected");
	assert_int_equal(c.resumes, 0);
	record_fini(&call_type, &c);
	assert_int_equal(world_post(w, path, "CallStatus=in-progress"), 400);
}

static void a_dead_relay_is_waited_for(void **state)
{
	struct world *w = *state;

	put_call(w, &(struct given){ "connected", "", NULL, 1, 0, NULL });
	world_says(w, "{", "{");
	w->says[2] = ADMIT;
	assert_int_equal(world_post(w, path, BODY), 200);
	assert_true(world_said(w, STREAM));
	assert_true(w->asked >= 3);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_answer_follows_the_state),
		T(what_the_agent_ordered_is_done_once_and_counts_as_no_broken_stream),
		T(the_person_called_hears_who_calls_and_nobody_else_hears_anything),
		T(the_relay_is_told_who_answered),
		T(connected_again_it_is_the_same_session_with_a_fresh_token),
		T(a_final_state_is_answered_with_nothing),
		T(busy_while_on_the_line_is_the_apology),
		T(the_relay_is_told_when_its_call_was_given_up),
		T(the_agents_fallback_is_dialled_without_action),
		T(a_stranger_moves_nothing),
		T(a_dead_relay_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
