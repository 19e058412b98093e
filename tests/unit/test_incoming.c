/* incoming - who answers, what is recorded, what the caller hears: T1, T2, T3. */
#include "base/fault.h"
#include "hook_world.h"

#define SID    "CA00000000000000000000000000000001"
#define SID2   "CA00000000000000000000000000000002"
#define CALL   "CallSid=" SID "&AccountSid=AC00000000000000000000000000000009&From=%2B15005550010&To=%2B15005550006&Direction=inbound&CallStatus=ringing"
#define HOOK   "/api/webhook/"
#define BUSY   "{\"ok\":false,\"reason\":\"busy\"}"
#define DRAIN  "{\"ok\":false,\"reason\":\"draining\"}"
#define ADMIT  "{\"ok\":true}"

static void check_record(struct world *w, const char *sid, const char *status, const char *end_reason)
{
	struct call c = world_call(w, sid);

	assert_non_null(c.status);
	assert_string_equal(c.status, status);
	if (end_reason)
		assert_string_equal(c.end_reason, end_reason);
	else
		assert_null(c.end_reason);
	record_fini(&call_type, &c);
}

static void a_call_to_an_unknown_number_gets_the_default_agent(void **state)
{
	struct world *w = *state;
	char session[64], want[900], token[64];
	struct call c;

	assert_int_equal(world_post(w, HOOK, CALL), 200);
	c = world_call(w, SID);
	assert_string_equal(c.status, "started");
	assert_string_equal(c.caller_number, "+15005550010");
	assert_string_equal(c.called_number, "+15005550006");
	assert_string_equal(c.direction, "inbound");
	assert_string_equal(c.twilio_status, "ringing");
	assert_non_null(c.agent);
	assert_non_null(c.account);
	assert_true(c.started_at > 0 && c.agent_version >= 1);
	assert_true(c.ended_at == FIELD_NULL_INT && c.connected_at == FIELD_NULL_INT);
	span_copy(session, sizeof session, span_z(c.session_id));
	record_fini(&call_type, &c);
	world_attr(w, "name=\"token\" value=\"", token, sizeof token);
	assert_int_equal(strlen(token), 32);
	snprintf(want, sizeof want, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Connect action=\"https://voice.example.net/api/continue/%s/\"><Stream "
		 "url=\"wss://voice.example.net/ws/realtime/%s/\" statusCallback=\"https://voice.example.net/api/stream-status/%s/\">"
		 "<Parameter name=\"token\" value=\"%s\"/></Stream></Connect></Response>", session, session, session, token);
	assert_string_equal(buf_z(&w->a.body), want);
	assert_string_equal(w->a.type, "text/xml; charset=utf-8");
	assert_non_null(strstr(w->heard[0], "\"op\":\"announce\""));
	assert_non_null(strstr(w->heard[0], session));
	assert_non_null(strstr(w->heard[0], "\"again\":false"));
}

static void get_carries_the_same_in_its_query(void **state)
{
	struct world *w = *state;

	assert_int_equal(world_ask(w, &(struct ask){ "GET", HOOK "?" CALL, NULL, NULL, NULL, NULL }), 200);
	assert_true(world_said(w, "<Connect "));
	check_record(w, SID, "started", NULL);
}

static void p42_a_caller_may_be_any_text(void **state)
{
	static const char *const froms[] = { "anonymous", "", "%2B266696687", "sip%3Aann%40example.com", "client%3Aann", "Restricted", "7378742833", "%C3%A4%26%3C" };
	struct world *w = *state;
	char body[400];

	for (unsigned i = 0; i < sizeof froms / sizeof *froms; i++) {
		snprintf(body, sizeof body, "CallSid=CA%032x&From=%s&To=%%2B15005550006&CallStatus=ringing", i + 1, froms[i]);
		assert_int_equal(world_post(w, HOOK, body), 200);
		assert_true(world_said(w, "<Connect "));
	}
	snprintf(body, sizeof body, "CallSid=CA%032x&To=%%2B15005550006&CallStatus=ringing", 99);
	assert_int_equal(world_post(w, HOOK, body), 200);
	assert_true(world_said(w, "<Connect "));
}

static void the_same_webhook_twice_is_one_call_with_two_tokens(void **state)
{
	struct world *w = *state;
	char url[2][160], token[2][64];

	for (int i = 0; i < 2; i++) {
		assert_int_equal(world_post(w, HOOK, CALL), 200);
		world_attr(w, "<Stream url=\"", url[i], sizeof url[i]);
		world_attr(w, "name=\"token\" value=\"", token[i], sizeof token[i]);
	}
	assert_string_equal(url[0], url[1]);
	assert_string_not_equal(token[0], token[1]);
	assert_non_null(strstr(w->heard[1], "\"again\":true"));
}

static const struct {
	const char *relay, *status, *direction;      /* what Twilio says of the call */
	const char *hears, *end_reason;
} refusals[] = {
	{ BUSY, "ringing", "inbound", "<Response><Reject reason=\"busy\"/></Response>", "busy" },
	{ BUSY, "in-progress", "inbound", "<Say>", "busy" },
	{ BUSY, "ringing", "outbound-api", "<Say>", "busy" },
	{ "{\"ok\":false,\"reason\":\"no_model\"}", "ringing", "inbound", "<Say>", "model_failed" },
	{ "{\"ok\":false,\"reason\":\"database\"}", "ringing", "inbound", "<Say>", "database" },
	{ "{\"ok\":false,\"reason\":\"what else\"}", "ringing", "inbound", "<Say>", "relay_lost" },
	{ "{\"ok\":", "ringing", "inbound", "<Say>", "relay_lost" },
	{ NULL, "ringing", "inbound", "<Say>", "relay_lost" },
};

static void a_refused_call_hears_why_and_is_recorded(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		char body[400], sid[40];

		snprintf(sid, sizeof sid, "CA000000000000000000000000000001%02zx", i);
		snprintf(body, sizeof body, "CallSid=%s&From=%%2B15005550010&To=%%2B15005550006&Direction=%s&CallStatus=%s", sid, refusals[i].direction,
			 refusals[i].status);
		world_says(w, refusals[i].relay, NULL);
		assert_int_equal(world_post(w, HOOK, body), 200);
		if (!world_said(w, refusals[i].hears))
			fail_msg("row %zu: %s", i, buf_z(&w->a.body));
		check_record(w, sid, "error", refusals[i].end_reason);
	}
}

static void nobody_at_the_socket_is_a_lost_relay(void **state)
{
	struct world *w = *state;

	free(w->h.cf.relay_socket);
	w->h.cf.relay_socket = span_dup(SPAN("/tmp/offhook-nobody-here.sock"));
	assert_int_equal(world_post(w, HOOK, CALL), 200);
	assert_true(world_said(w, "<Say>We are sorry"));
	assert_true(world_said(w, "<Hangup/>"));
	check_record(w, SID, "error", "relay_lost");
}

static void a_draining_relay_is_asked_again_for_its_successor(void **state)
{
	struct world *w = *state;

	world_says(w, DRAIN, ADMIT);
	assert_int_equal(world_post(w, HOOK, CALL), 200);
	assert_true(world_said(w, "<Connect "));
	assert_int_equal(w->asked, 2);
	check_record(w, SID, "started", NULL);
}

static void a_refused_call_is_decided_anew_under_its_name(void **state)
{
	struct world *w = *state;
	struct call first, second;

	world_says(w, BUSY, ADMIT);
	assert_int_equal(world_post(w, HOOK, CALL), 200);
	first = world_call(w, SID);
	assert_int_equal(world_post(w, HOOK, CALL), 200);
	assert_true(world_said(w, "<Connect "));
	assert_non_null(strstr(w->heard[1], "\"again\":false"));
	second = world_call(w, SID);
	assert_string_equal(first.session_id, second.session_id);
	assert_string_equal(second.status, "started");
	assert_null(second.end_reason);
	assert_null(second.error);
	assert_true(second.ended_at == FIELD_NULL_INT);
	record_fini(&call_type, &first);
	record_fini(&call_type, &second);
}

static void an_ended_call_is_hung_up(void **state)
{
	struct world *w = *state;
	struct call c;

	world_post(w, HOOK, CALL);
	c = world_call(w, SID);
	c.streams = 1;
	life_end(&c, "ended", "caller_hangup", NULL, clock_wall_ms());
	world_put(w, &c);
	record_fini(&call_type, &c);
	assert_int_equal(world_post(w, HOOK, CALL), 200);
	assert_true(world_said(w, "<Response><Hangup/></Response>"));
	check_record(w, SID, "ended", "caller_hangup");
}

static void what_never_had_a_stream_or_is_final_is_not_decided_anew(void **state)
{
	static const char *const ends[][2] = { { "stream_failed", "in-progress" }, { "busy", "busy" }, { "no_agent", "completed" } };
	struct world *w = *state;

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		struct call c;

		world_says(w, i ? BUSY : ADMIT, NULL);
		assert_int_equal(world_post(w, HOOK, CALL), 200);
		c = world_call(w, SID);
		life_end(&c, "error", ends[i][0], NULL, clock_wall_ms());
		life_text(&c.twilio_status, span_z(ends[i][1]));
		world_put(w, &c);
		record_fini(&call_type, &c);
		world_says(w, ADMIT, NULL);
		assert_int_equal(world_post(w, HOOK, CALL), 200);
		assert_true(world_said(w, "<Response><Hangup/></Response>"));
		check_record(w, SID, "error", ends[i][0]);
	}
}

static void a_number_has_its_agent_and_account(void **state)
{
	struct world *w = *state;
	char account[64], agent[64];
	struct call c;

	WORLD_CREATE(w, "account", account, "name=shop", "twilio_account_sid=AC00000000000000000000000000000009");
	WORLD_CREATE(w, "agent", agent, "account=shop", "name=clerk", "notice=Calls from {caller_number} & others are <recorded>.", "say_voice=alice",
		     "say_language=en-GB");
	WORLD_CREATE(w, "number", NULL, "phone_number=+15005550006", "account=shop", "agent=shop/clerk");
	assert_int_equal(world_post(w, HOOK, CALL), 200);
	assert_true(world_said(w, "<Response><Say voice=\"alice\" language=\"en-GB\">Calls from +15005550010 &amp; others are &lt;recorded&gt;.</Say><Connect "));
	c = world_call(w, SID);
	assert_string_equal(c.agent, agent);
	assert_string_equal(c.account, account);
	record_fini(&call_type, &c);
}

static void an_unknown_number_belongs_to_the_account_of_the_sid(void **state)
{
	struct world *w = *state;
	char account[64];
	struct call c;

	WORLD_CREATE(w, "account", account, "name=shop", "twilio_account_sid=AC00000000000000000000000000000009");
	assert_int_equal(world_post(w, HOOK, CALL), 200);
	c = world_call(w, SID);
	assert_string_equal(c.account, account);
	assert_non_null(c.agent);
	record_fini(&call_type, &c);
}

static void an_inactive_agent_is_skipped(void **state)
{
	struct world *w = *state;
	char agent[64];
	struct call c;

	WORLD_CREATE(w, "agent", agent, "name=asleep", "is_active=false");
	WORLD_CREATE(w, "number", NULL, "phone_number=+15005550006", "agent=asleep");
	assert_int_equal(world_post(w, HOOK, CALL), 200);
	assert_true(world_said(w, "<Connect "));
	c = world_call(w, SID);
	assert_string_not_equal(c.agent, agent);
	record_fini(&call_type, &c);
}

static void an_inactive_number_gets_the_fallback(void **state)
{
	struct world *w = *state;

	WORLD_CREATE(w, "agent", NULL, "name=day", "fallback_number=+15005550099");
	WORLD_CREATE(w, "number", NULL, "phone_number=+15005550006", "agent=day", "is_active=false");
	assert_int_equal(world_post(w, HOOK, CALL), 200);
	assert_true(world_said(w, "<Response><Dial>+15005550099</Dial></Response>"));
	check_record(w, SID, "error", "number_inactive");
	assert_int_equal(w->asked, 0);
}

static void an_exhausted_budget_refuses_the_next_call(void **state)
{
	struct world *w = *state;
	struct call c;

	WORLD_CREATE(w, "agent", NULL, "name=dear", "max_day_cost=0.5", "fallback_number=+15005550099");
	WORLD_CREATE(w, "number", NULL, "phone_number=+15005550006", "agent=dear");
	assert_int_equal(world_post(w, HOOK, CALL), 200);
	assert_true(world_said(w, "<Connect "));
	c = world_call(w, SID);
	c.cost = 0.5;
	world_put(w, &c);
	record_fini(&call_type, &c);
	assert_int_equal(world_post(w, HOOK, CALL), 200);
	assert_true(world_said(w, "<Connect "));                 /* the call that has begun goes on: the relay ends it with a goodbye */
	assert_int_equal(world_post(w, HOOK, "CallSid=" SID2 "&From=%2B15005550010&To=%2B15005550006&Direction=inbound&CallStatus=ringing"), 200);
	assert_true(world_said(w, "<Response><Dial>+15005550099</Dial></Response>"));
	check_record(w, SID2, "error", "max_cost");
}

static void the_accounts_fallback_stands_in_and_the_agents_goes_first(void **state)
{
	struct world *w = *state;

	world_says(w, "{\"ok\":false,\"reason\":\"no_model\"}", NULL);
	WORLD_CREATE(w, "account", NULL, "name=shop", "fallback_number=+15005550077");
	WORLD_CREATE(w, "agent", NULL, "account=shop", "name=plain");
	WORLD_CREATE(w, "agent", NULL, "account=shop", "name=own", "fallback_number=+15005550088");
	WORLD_CREATE(w, "number", NULL, "phone_number=+15005550006", "account=shop", "agent=shop/plain");
	WORLD_CREATE(w, "number", NULL, "phone_number=+15005550007", "account=shop", "agent=shop/own");
	assert_int_equal(world_post(w, HOOK, CALL), 200);
	assert_true(world_said(w, "<Dial>+15005550077</Dial>"));
	assert_int_equal(world_post(w, HOOK, "CallSid=" SID2 "&To=%2B15005550007&From=anonymous"), 200);
	assert_true(world_said(w, "<Dial>+15005550088</Dial>"));
}

static void an_inactive_account_answers_nobody(void **state)
{
	struct world *w = *state;

	WORLD_CREATE(w, "account", NULL, "name=closed", "twilio_account_sid=AC00000000000000000000000000000009", "is_active=false");
	assert_int_equal(world_post(w, HOOK, CALL), 200);
	assert_true(world_said(w, "<Say>"));
	check_record(w, SID, "error", "no_agent");
}

static void the_apology_speaks_the_agents_language(void **state)
{
	struct world *w = *state;

	world_says(w, "{\"ok\":false,\"reason\":\"no_model\"}", NULL);
	WORLD_CREATE(w, "agent", NULL, "name=hallo", "say_language=de-DE", "say_voice=Polly.Vicki");
	WORLD_CREATE(w, "number", NULL, "phone_number=+15005550006", "agent=hallo");
	assert_int_equal(world_post(w, HOOK, CALL), 200);
	assert_true(world_said(w, "<Say voice=\"Polly.Vicki\" language=\"de-DE\">Leider "));
}

static void no_call_sid_is_a_bad_request(void **state)
{
	static const char *const bodies[] = { "", "CallSid=", "CallSid=CA1", "CallSid=XX00000000000000000000000000000001&To=%2B15005550006",
		"CallSid=CA0000000000000000000000000000000%67" };
	struct world *w = *state;

	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
		assert_int_equal(world_post(w, HOOK, bodies[i]), 400);
	assert_int_equal(w->asked, 0);
}

static void without_a_database_the_caller_hears_an_apology(void **state)
{
	struct world *w = *state;

	db_close(&w->h);
	w->h.store_options.home = "/proc/nowhere/db";
	assert_int_equal(world_post(w, HOOK, CALL), 200);
	assert_true(world_said(w, "<Say>We are sorry"));
	assert_int_equal(w->asked, 0);
	w->h.store_options.home = w->db;
}

static void without_a_public_url_the_request_says_where_we_are(void **state)
{
	struct world *w = *state;
	struct request r = { .method = SPAN("POST"), .content_type = SPAN(FORM_TYPE), .body = SPAN(CALL), .host = SPAN("phone.example:8443"),
			     .forwarded_proto = SPAN("https") };

	free(w->h.cf.public_url);
	free(w->h.cf.stream_url);
	w->h.cf.public_url = w->h.cf.stream_url = NULL;
	request_init(&r, SPAN(HOOK));
	route_serve(&w->h, &r, &w->a);
	request_fini(&r);
	assert_true(world_said(w, "<Connect action=\"https://phone.example:8443/api/continue/"));
	assert_true(world_said(w, "<Stream url=\"wss://phone.example:8443/ws/realtime/"));
}

#ifdef OFFHOOK_FAULTS
/* Every point that can fail does, one after the other: the caller hears the agent or an apology, or Twilio is told that nothing works. */
static void whatever_fails_the_answer_is_a_document(void **state)
{
	struct world *w = *state;
	unsigned n = 0;

	for (bool fired = true; fired && n < 2000; n++) {
		char body[300];
		int status;

		snprintf(body, sizeof body, "CallSid=CA%032x&From=%%2B15005550010&To=%%2B15005550006&CallStatus=ringing", n);
		fault_arm(n);
		status = world_post(w, HOOK, body);
		fired = fault_disarm();
		assert_true(status == 200 || status == 503);
		if (status == 200)
			assert_true(world_said(w, "</Response>"));
	}
	assert_true(n > 5 && n < 2000);
	assert_true(world_said(w, "<Connect "));
}
#endif

/* --- status callbacks --- */

static const char *const orders[][2] = {      /* what comes, what is kept */
	{ "CallStatus=in-progress&SequenceNumber=2", "in-progress" },
	{ "CallStatus=ringing&SequenceNumber=1", "in-progress" },
	{ "CallStatus=queued&SequenceNumber=2", "in-progress" },
	{ "CallStatus=completed&SequenceNumber=3&CallDuration=4", "completed" },
	{ "CallStatus=in-progress&SequenceNumber=9", "completed" },
	{ "CallStatus=failed&SequenceNumber=10", "completed" },
};

static void the_highest_number_wins_and_a_final_state_for_ever(void **state)
{
	struct world *w = *state;

	world_post(w, HOOK, CALL);
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
		char body[200];
		struct call c;

		snprintf(body, sizeof body, "CallSid=" SID "&%s", orders[i][0]);
		assert_int_equal(world_post(w, "/api/status", body), 204);
		assert_int_equal(w->a.body.n, 0);
		c = world_call(w, SID);
		assert_string_equal(c.twilio_status, orders[i][1]);
		record_fini(&call_type, &c);
	}
}

static void a_final_state_ends_the_call_that_no_relay_has(void **state)
{
	struct world *w = *state;

	world_post(w, HOOK, CALL);
	world_says(w, "{\"ok\":true,\"known\":false}", NULL);
	assert_int_equal(world_post(w, "/api/status/", "CallSid=" SID "&CallStatus=completed"), 204);
	assert_non_null(strstr(w->heard[0], "\"op\":\"status\""));
	assert_non_null(strstr(w->heard[0], "\"twilio_status\":\"completed\""));
	check_record(w, SID, "ended", "caller_hangup");
}

static void a_final_state_leaves_the_end_to_the_relay_that_has_the_call(void **state)
{
	struct world *w = *state;

	world_post(w, HOOK, CALL);
	world_says(w, "{\"ok\":true,\"known\":true}", NULL);
	assert_int_equal(world_post(w, "/api/status/", "CallSid=" SID "&CallStatus=completed"), 204);
	check_record(w, SID, "started", NULL);
}

static void of_an_unknown_call_nothing_is_stored(void **state)
{
	struct world *w = *state;
	struct call c;

	assert_int_equal(world_post(w, "/api/status/", "CallSid=" SID2 "&CallStatus=completed"), 204);
	assert_int_equal(world_post(w, "/api/status/", "CallStatus=completed"), 204);
	c = world_call(w, SID2);
	assert_null(c.status);
	record_fini(&call_type, &c);
	assert_int_equal(w->asked, 0);
}

static void a_stream_error_reaches_the_record(void **state)
{
	struct world *w = *state;
	char path[200];
	struct call c;

	world_post(w, HOOK, CALL);
	world_attr(w, "statusCallback=\"https://voice.example.net", path, sizeof path);
	assert_int_equal(world_post(w, path, "CallSid=" SID "&StreamSid=MZ1&StreamEvent=stream-started"), 204);
	c = world_call(w, SID);
	assert_null(c.error);
	record_fini(&call_type, &c);
	assert_int_equal(world_post(w, path, "CallSid=" SID "&StreamSid=MZ1&StreamEvent=stream-error&StreamError=no+handshake"), 204);
	c = world_call(w, SID);
	assert_string_equal(c.error, "stream: no handshake");
	record_fini(&call_type, &c);
	assert_int_equal(world_post(w, path, "CallSid=" SID2 "&StreamSid=MZ1&StreamEvent=stream-error&StreamError=another"), 204);
}

/* --- every line about a call names it --- */

struct heard {
	char session[80];
	unsigned lines, nameless;
};

static void hear(const char *line, void *arg)
{
	struct heard *h = arg;

	h->lines++;
	h->nameless += !strstr(line, " call=" SID) || !strstr(line, h->session);
}

static void every_line_about_a_call_names_it(void **state)
{
	static const char *const posts[][2] = {
		{ "/api/status/", "CallSid=" SID "&CallStatus=in-progress&SequenceNumber=1" }, { "/api/answered-by/", "CallSid=" SID "&AnsweredBy=human" },
		{ "/api/stream-status/", "CallSid=" SID "&StreamSid=MZ1&StreamEvent=stream-error&StreamError=no" }, { "/api/whisper/", "CallSid=" SID2 },
		{ "/api/continue/", "CallSid=" SID "&CallStatus=in-progress" }, { "/api/status/", "CallSid=" SID "&CallStatus=completed" },
	};
	struct world *w = *state;
	struct heard h = { .lines = 0 };
	struct call c;

	world_post(w, HOOK, CALL);
	c = world_call(w, SID);
	snprintf(h.session, sizeof h.session, " session=%s", c.session_id);
	world_says(w, NULL, NULL);                               /* what goes wrong with the relay is a line too */
	log_to(hear, &h);
	for (size_t i = 0; i < sizeof posts / sizeof *posts; i++) {
		bool of_session = strstr(posts[i][0], "status/") != posts[i][0] + 5 && !strstr(posts[i][0], "answered");
		char path[120];
		unsigned before = h.lines;

		snprintf(path, sizeof path, "%s%s%s", posts[i][0], of_session ? c.session_id : "", of_session ? "/" : "");
		world_post(w, path, posts[i][1]);
		if (h.lines == before || h.nameless)
			fail_msg("%s: %u lines, %u without a name", path, h.lines - before, h.nameless);
	}
	log_to(NULL, NULL);
	record_fini(&call_type, &c);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_call_to_an_unknown_number_gets_the_default_agent),
		T(get_carries_the_same_in_its_query),
		T(p42_a_caller_may_be_any_text),
		T(the_same_webhook_twice_is_one_call_with_two_tokens),
		T(a_refused_call_hears_why_and_is_recorded),
		T(nobody_at_the_socket_is_a_lost_relay),
		T(a_draining_relay_is_asked_again_for_its_successor),
		T(a_refused_call_is_decided_anew_under_its_name),
		T(an_ended_call_is_hung_up),
		T(what_never_had_a_stream_or_is_final_is_not_decided_anew),
		T(a_number_has_its_agent_and_account),
		T(an_unknown_number_belongs_to_the_account_of_the_sid),
		T(an_inactive_agent_is_skipped),
		T(an_inactive_number_gets_the_fallback),
		T(an_exhausted_budget_refuses_the_next_call),
		T(the_accounts_fallback_stands_in_and_the_agents_goes_first),
		T(an_inactive_account_answers_nobody),
		T(the_apology_speaks_the_agents_language),
		T(no_call_sid_is_a_bad_request),
		T(without_a_database_the_caller_hears_an_apology),
		T(without_a_public_url_the_request_says_where_we_are),
#ifdef OFFHOOK_FAULTS
		T(whatever_fails_the_answer_is_a_document),
#endif
		T(the_highest_number_wins_and_a_final_state_for_ever),
		T(a_final_state_ends_the_call_that_no_relay_has),
		T(a_final_state_leaves_the_end_to_the_relay_that_has_the_call),
		T(of_an_unknown_call_nothing_is_stored),
		T(a_stream_error_reaches_the_record),
		T(every_line_about_a_call_names_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
