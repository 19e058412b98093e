/* route - which path is what, the order of checks, and whose signature fits. */
#include "hook_world.h"
#include "store/turn.h"
#include "twilio/signature.h"

#define ID   "0f8fad5b-d9cb-469f-a165-70867728950e"
#define SID  "CA00000000000000000000000000000001"
#define TOKEN "7b1c9f0e4d2a68535c1e0b9a7f3d2c46"

static const struct {
	const char *path, *route, *id;       /* route NULL: none */
} paths[] = {
	{ "/api/webhook/", "/api/webhook/", NULL },
	{ "/api/webhook", "/api/webhook/", NULL },
	{ "/api/twiml", "/api/twiml/", NULL },
	{ "/api/webhook//", NULL, NULL },
	{ "//api/webhook/", NULL, NULL },
	{ "/api//webhook/", NULL, NULL },
	{ "/api/%77ebhook/", NULL, NULL },
	{ "/API/webhook/", NULL, NULL },
	{ "/api/webhook/x", NULL, NULL },
	{ "/api/webhoo", NULL, NULL },
	{ "/api/", NULL, NULL },
	{ "/", NULL, NULL },
	{ "", NULL, NULL },
	{ "/api/health", "/api/health/", NULL },
	{ "/api/test/", "/api/test/", NULL },
	{ "/api/continue/" ID "/", "/api/continue/{id}/", ID },
	{ "/api/continue/" ID, "/api/continue/{id}/", ID },
	{ "/api/continue/", NULL, NULL },
	{ "/api/continue", NULL, NULL },
	{ "/api/continue/../", NULL, NULL },
	{ "/api/continue/" ID "/x", NULL, NULL },
	{ "/api/continue/0f8fad5b/", NULL, NULL },
	{ "/api/chat-history/" ID, "/api/chat-history/{id}/", ID },
};

static void a_path_with_or_without_its_last_slash(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct span id;
		const struct route *rt = route_find(span_z(paths[i].path), &id);

		if ((rt ? strcmp(rt->path, paths[i].route ? paths[i].route : "") : paths[i].route != NULL) != 0)
			fail_msg("%s: %s", paths[i].path, rt ? rt->path : "none");
		if (paths[i].id)
			assert_true(span_is(id, paths[i].id));
	}
}

static void every_row_finds_itself(void **state)
{
	(void)state;
	for (size_t i = 0; i < routes_n; i++) {
		struct buf path = BUF_INIT;
		struct span rest = span_z(routes[i].path), part, id;
		const char *at = strstr(routes[i].path, "{id}");

		part = at ? span_head(rest, (size_t)(at - routes[i].path)) : rest;
		buf_add(&path, part);
		if (at)
			buf_addz(&path, ID "/");
		assert_ptr_equal(route_find(buf_span(&path), &id), &routes[i]);
		buf_fini(&path);
	}
}

static char big[BODY_MAX + 2];

static const struct {
	struct ask ask;
	int status;
	const char *allow;
} orders[] = {
	{ { "DELETE", "/api/nothing", NULL, big, NULL, NULL }, 404, "" },
	{ { "DELETE", "/api/webhook/", NULL, big, NULL, NULL }, 405, "POST, GET" },
	{ { "HEAD", "/api/webhook/", NULL, "", NULL, NULL }, 405, "POST, GET" },
	{ { "GET", "/api/status/", NULL, "", NULL, NULL }, 405, "POST" },
	{ { "OPTIONS", "/api/health/", NULL, "", NULL, NULL }, 405, "GET, HEAD" },
	{ { "HEAD", "/api/health/", NULL, "", NULL, NULL }, 200, "" },
	{ { "post", "/api/webhook/", FORM_TYPE, "", NULL, NULL }, 405, "POST, GET" },
	{ { "POST", "/api/webhook/", "text/plain", big, NULL, NULL }, 413, "" },
	{ { "POST", "/api/webhook/", "text/plain", "", NULL, NULL }, 415, "" },
	{ { "POST", "/api/webhook/", NULL, "", NULL, NULL }, 415, "" },
	{ { "POST", "/api/webhook/", "application/json", "{}", NULL, NULL }, 415, "" },
	{ { "POST", "/api/webhook/", "application/x-www-form-urlencodedx", "", NULL, NULL }, 415, "" },
	{ { "POST", "/api/webhook/", "Application/X-WWW-Form-Urlencoded; charset=UTF-8", "", NULL, NULL }, 403, "" },
	{ { "POST", "/api/webhook/", FORM_TYPE, "", "", NULL }, 403, "" },
	{ { "GET", "/api/webhook/?CallSid=" SID, NULL, "", NULL, NULL }, 403, "" },
	{ { "POST", "/api/status/", FORM_TYPE, "", NULL, NULL }, 403, "" },
	{ { "POST", "/api/continue/" ID, FORM_TYPE, "", NULL, NULL }, 403, "" },
	{ { "POST", "/api/stream-status/" ID, FORM_TYPE, "", NULL, NULL }, 403, "" },
	{ { "DELETE", "/api/tools/", NULL, "", NULL, NULL }, 401, "" },
	{ { "DELETE", "/api/tools/", NULL, "", NULL, "anna" }, 405, "GET, HEAD" },
	{ { "GET", "/api/tools/", NULL, "", NULL, "anna" }, 200, "" },
	{ { "GET", "/api/conversation-history/" ID, NULL, "", NULL, NULL }, 401, "" },
	{ { "GET", "/api/conversation-history/" ID, NULL, "", NULL, "anna" }, 404, "" },
};

static void checks_come_in_their_order(void **state)
{
	struct world *w = *state;

	memset(big, 'x', sizeof big - 1);
	free(w->h.cf.twilio_validate);
	w->h.cf.twilio_validate = span_dup(SPAN("on"));
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
		int status = world_ask(w, &orders[i].ask);

		if (status != orders[i].status || strcmp(w->a.allow, orders[i].allow) != 0)
			fail_msg("%s %s: %d, Allow: %s", orders[i].ask.method, orders[i].ask.uri, status, w->a.allow);
		if (status == 403)
			assert_true(!w->a.body.n && !w->a.type);
	}
}

/* --- signatures, made anew for our paths --- */

static void sign(char out[SIGNATURE_TEXT], const char *token, const char *url, const char *body)
{
	struct form f = { 0 };

	assert_int_equal(form_parse(&f, span_z(body)), ERR_OK);
	assert_int_equal(signature_make(out, span_z(token), span_z(url), body ? &f : NULL), ERR_OK);
	form_fini(&f);
}

static int signed_ask(struct world *w, const char *token, const char *method, const char *url, const char *uri, const char *body)
{
	char signature[SIGNATURE_TEXT];

	sign(signature, token, url, body);
	return world_ask(w, &(struct ask){ method, uri, body ? FORM_TYPE : NULL, body, signature, NULL });
}

#define BASE "https://voice.example.net"

static const struct {
	const char *token, *method, *url, *uri, *body;
	int status;
} kinds[] = {
	{ TOKEN, "POST", BASE "/api/webhook/", "/api/webhook/", "CallSid=" SID "&To=%2B15005550006", 200 },
	{ TOKEN, "POST", BASE "/api/webhook", "/api/webhook", "CallSid=" SID, 200 },
	{ TOKEN, "POST", BASE "/api/webhook/", "/api/webhook", "CallSid=" SID, 403 },
	{ TOKEN, "POST", BASE "/api/webhook/", "/api/webhook/",
	  "CallSid=" SID "&CallerZip=&FromCity=S%C3%83O+PAULO&CallerName=%C5%BB%C3%B3%C5%82%C4%87+%26+S%C3%B6hne+%F0%9F%98%80", 200 },
	{ TOKEN, "POST", BASE "/api/webhook/", "/api/webhook/", "Tag=b&Tag=a&Tag=b&CallSid=" SID, 200 },
	{ TOKEN, "POST", BASE "/api/webhook/?tenant=42&lang=de%20DE&x=a%2Bb", "/api/webhook/?tenant=42&lang=de%20DE&x=a%2Bb", "CallSid=" SID, 200 },
	{ TOKEN, "POST", BASE "/api/webhook/?tenant=42", "/api/webhook/?tenant=43", "CallSid=" SID, 403 },
	{ TOKEN, "POST", BASE ":443/api/webhook/", "/api/webhook/", "CallSid=" SID, 200 },
	{ TOKEN, "POST", BASE ":8443/api/webhook/", "/api/webhook/", "CallSid=" SID, 403 },
	{ TOKEN, "GET", BASE "/api/webhook/?CallSid=" SID "&From=%2B15005550010", "/api/webhook/?CallSid=" SID "&From=%2B15005550010", NULL, 200 },
	{ TOKEN, "GET", BASE "/api/webhook/?CallSid=" SID "&From=%2B15005550010", "/api/webhook/?CallSid=" SID "&From=+15005550010", NULL, 403 },
	{ TOKEN, "POST", BASE "/api/webhook/", "/api/webhook/", "Body=+lead+and+trail+&CallSid=" SID "&Speech=a%2Bb%3Dc+%26+%22d%22%0D%0Aline2", 200 },
	{ TOKEN, "POST", BASE "/api/webhook/", "/api/webhook/", "CallSid=" SID "&CallToken=%257B%2522k%2522%253A%2522v%2522%257D", 200 },
	{ "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "POST", BASE "/api/webhook/", "/api/webhook/", "CallSid=" SID, 200 },
	{ "00000000000000000000000000000000", "POST", BASE "/api/webhook/", "/api/webhook/", "CallSid=" SID, 403 },
	{ TOKEN, "POST", BASE "/api/status/", "/api/status/", "CallSid=" SID "&CallStatus=completed", 204 },
	{ TOKEN, "POST", BASE "/api/status/?CallSid=1", "/api/status/?CallSid=1", "CallSid=" SID "&CallStatus=completed", 204 },
	{ TOKEN, "POST", BASE "/api/stream-status/" ID "/", "/api/stream-status/" ID "/", "CallSid=" SID "&StreamEvent=stream-started", 204 },
	{ TOKEN, "POST", "http://voice.example.net/api/webhook/", "/api/webhook/", "CallSid=" SID, 403 },
	{ TOKEN, "POST", "https://other.example.net/api/webhook/", "/api/webhook/", "CallSid=" SID, 403 },
};

static void validate(struct world *w)
{
	free(w->h.cf.twilio_validate);
	w->h.cf.twilio_validate = span_dup(SPAN("on"));
	w->h.cf.twilio_auth_token = span_dup(SPAN(TOKEN));
	w->h.cf.twilio_auth_token_secondary = span_dup(SPAN("0f1e2d3c4b5a69788796a5b4c3d2e1f0"));
}

static void each_kind_of_vector_signed_anew(void **state)
{
	struct world *w = *state;

	validate(w);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		int status = signed_ask(w, kinds[i].token, kinds[i].method, kinds[i].url, kinds[i].uri, kinds[i].body);

		if (status != kinds[i].status)
			fail_msg("row %zu: %s %s: %d", i, kinds[i].method, kinds[i].uri, status);
	}
}

static void a_changed_field_is_refused(void **state)
{
	struct world *w = *state;
	char signature[SIGNATURE_TEXT];

	validate(w);
	sign(signature, TOKEN, BASE "/api/webhook/", "CallSid=" SID "&To=%2B15005550006");
	assert_int_equal(world_ask(w, &(struct ask){ "POST", "/api/webhook/", FORM_TYPE, "CallSid=" SID "&To=%2B15005550007", signature, NULL }), 403);
	assert_int_equal(world_ask(w, &(struct ask){ "POST", "/api/webhook/", FORM_TYPE, "CallSid=" SID "&To=%2B15005550006&x=", signature, NULL }), 403);
	assert_int_equal(world_ask(w, &(struct ask){ "GET", "/api/webhook/?CallSid=" SID, NULL, NULL, signature, NULL }), 403);
	assert_int_equal(w->asked, 0);
}

#define ACCOUNT "AC00000000000000000000000000000009"
#define OURS    "AC00000000000000000000000000000001"

static void the_token_is_the_accounts(void **state)
{
	struct world *w = *state;

	validate(w);
	WORLD_CREATE(w, "account", NULL, "name=shop", "twilio_account_sid=" ACCOUNT, "twilio_auth_token=shoptoken");
	WORLD_CREATE(w, "account", NULL, "name=bare", "twilio_account_sid=" OURS);
	assert_int_equal(signed_ask(w, "shoptoken", "POST", BASE "/api/webhook/", "/api/webhook/", "CallSid=" SID "&AccountSid=" ACCOUNT), 200);
	assert_int_equal(signed_ask(w, TOKEN, "POST", BASE "/api/webhook/", "/api/webhook/", "CallSid=" SID "&AccountSid=" ACCOUNT), 403);
	assert_int_equal(signed_ask(w, "shoptoken", "POST", BASE "/api/webhook/", "/api/webhook/", "CallSid=" SID "&AccountSid=" OURS), 403);
	assert_int_equal(signed_ask(w, TOKEN, "POST", BASE "/api/webhook/", "/api/webhook/", "CallSid=" SID "&AccountSid=" OURS), 200);
	assert_int_equal(signed_ask(w, TOKEN, "POST", BASE "/api/webhook/", "/api/webhook/", "CallSid=" SID), 200);
}

static enum err default_token_body(struct txn *t, void *arg)
{
	struct account a = { 0 };
	struct buf why = BUF_INIT;
	enum err e = noun_get(t, noun_find(SPAN("account")), SPAN("default"), &a, &why);

	if (!e)
		e = field_set_text(field_find(account_type.fields, account_type.fields_n, SPAN("twilio_auth_token")), &a, span_z(arg), NULL);
	if (!e)
		e = noun_update(t, noun_find(SPAN("account")), &a, &why);
	record_fini(&account_type, &a);
	buf_fini(&why);
	return e;
}

static void the_environment_wins_over_the_default_account_and_it_over_the_file(void **state)
{
	struct world *w = *state;
	char stored[] = "storedtoken";
	const char *uri = "/api/webhook/", *url = BASE "/api/webhook/", *body = "CallSid=" SID;

	validate(w);
	assert_int_equal(store_txn(w->h.store, DURABLE, default_token_body, stored), ERR_OK);
	assert_int_equal(signed_ask(w, "storedtoken", "POST", url, uri, body), 200);
	assert_int_equal(signed_ask(w, TOKEN, "POST", url, uri, body), 403);
	setenv("TWILIO_AUTH_TOKEN", "realtoken", 1);
	assert_int_equal(signed_ask(w, "realtoken", "POST", url, uri, body), 200);
	assert_int_equal(signed_ask(w, "storedtoken", "POST", url, uri, body), 403);
	unsetenv("TWILIO_AUTH_TOKEN");
}

static void without_any_token_nothing_fits(void **state)
{
	struct world *w = *state;

	validate(w);
	free(w->h.cf.twilio_auth_token);
	free(w->h.cf.twilio_auth_token_secondary);
	w->h.cf.twilio_auth_token = w->h.cf.twilio_auth_token_secondary = NULL;
	assert_int_equal(signed_ask(w, TOKEN, "POST", BASE "/api/webhook/", "/api/webhook/", "CallSid=" SID), 403);
}

static void a_database_that_hides_the_token_turns_nobody_away(void **state)
{
	struct world *w = *state;

	validate(w);
	db_close(&w->h);
	w->h.store_options.home = "/proc/nowhere/db";
	assert_int_equal(signed_ask(w, "anothers", "POST", BASE "/api/webhook/", "/api/webhook/", "CallSid=" SID), 200);
	assert_true(world_said(w, "<Say>"));
	assert_int_equal(signed_ask(w, "anothers", "POST", BASE "/api/status/", "/api/status/", "CallSid=" SID), 503);
	assert_int_equal(w->asked, 0);
	w->h.store_options.home = w->db;
}

/* --- the small answers --- */

static int admin_get(struct world *w, const char *uri)
{
	return world_ask(w, &(struct ask){ "GET", uri, NULL, NULL, NULL, "anna" });
}

static void health_names_the_part_that_is_down(void **state)
{
	struct world *w = *state;

	world_says(w, "{\"ok\":true,\"active_calls\":3}", NULL);
	assert_int_equal(admin_get(w, "/api/health/"), 200);
	assert_true(world_said(w, "{\"status\":\"ok\",\"database\":\"ok\",\"relay\":\"ok\",\"active_calls\":3,\"version\":\""));
	world_says(w, NULL, NULL);
	assert_int_equal(admin_get(w, "/api/test"), 503);
	assert_true(world_said(w, "{\"status\":\"error\",\"database\":\"ok\",\"relay\":\"down\",\"active_calls\":0,"));
	world_says(w, "{\"ok\":true,\"active_calls\":3}", NULL);
	db_close(&w->h);
	w->h.store_options.home = "/proc/nowhere/db";
	assert_int_equal(admin_get(w, "/api/health/"), 503);
	assert_true(world_said(w, "\"database\":\"down\",\"relay\":\"ok\",\"active_calls\":3,"));
	w->h.store_options.home = w->db;
}

static void the_public_url_is_the_configured_one_or_the_requests(void **state)
{
	struct world *w = *state;
	struct request r = { .host = SPAN("127.0.0.1:8080"), .scheme = SPAN("http") };

	assert_int_equal(admin_get(w, "/api/public-url"), 200);
	assert_string_equal(buf_z(&w->a.body), "{\"publicUrl\":\"https://voice.example.net\"}");
	free(w->h.cf.public_url);
	w->h.cf.public_url = NULL;
	public_url(&w->h, &r, &w->a);
	assert_string_equal(buf_z(&w->a.body), "{\"publicUrl\":\"http://127.0.0.1:8080\"}");
	r.forwarded_proto = SPAN("https");
	r.host = SPAN("evil\"><x");
	public_url(&w->h, &r, &w->a);
	assert_string_equal(buf_z(&w->a.body), "{\"publicUrl\":\"https://localhost\"}");
}

static void tools_come_in_the_models_form(void **state)
{
	struct world *w = *state;
	struct json_object *o = NULL, *list, *last;

	WORLD_CREATE(w, "tool", NULL, "name=look_up", "description=Looks up", "url=https://crm.example/x",
		     "parameters={\"type\":\"object\",\"properties\":{\"q\":{\"type\":\"string\"}}}");
	assert_int_equal(admin_get(w, "/api/tools/"), 200);
	assert_int_equal(json_read(&o, buf_span(&w->a.body)), ERR_OK);
	list = json_get(o, "tools");
	assert_int_equal(json_object_array_length(list), 7);
	last = json_object_array_get_idx(list, 6);
	assert_string_equal(json_object_to_json_string_ext(last, JSON_C_TO_STRING_PLAIN),
			    "{\"type\":\"function\",\"name\":\"look_up\",\"description\":\"Looks up\",\"parameters\":{\"type\":\"object\","
			    "\"properties\":{\"q\":{\"type\":\"string\"}}}}");
	json_object_put(o);
}

static void a_templates_text_with_the_agents_name(void **state)
{
	struct world *w = *state;

	WORLD_CREATE(w, "template", NULL, "name=short", "description=A test", "category=custom", "instructions=You are {name}, {name}! It is {date}.");
	assert_int_equal(admin_get(w, "/api/template-instructions/?template_id=short&agent_name=Ann+%26+Bob"), 200);
	assert_string_equal(buf_z(&w->a.body), "{\"instructions\":\"You are Ann & Bob, Ann & Bob! It is {date}.\",\"template_name\":\"short\","
			    "\"template_description\":\"A test\"}");
	assert_int_equal(admin_get(w, "/api/template-instructions?template_id=short"), 200);
	assert_true(world_said(w, "You are {name}, {name}!"));
	assert_int_equal(admin_get(w, "/api/template-instructions/?template_id=none"), 404);
	assert_int_equal(admin_get(w, "/api/template-instructions/"), 400);
}

/* --- history --- */

static enum err talk(struct txn *t, void *arg)
{
	struct turn u[2] = { { .seq = 1, .role = (char[]){ "user" }, .text = (char[]){ "<script>alert('hi')</script> & \"you\"" }, .started_at = 1000,
			       .completed_at = 2000, .heard_ms = FIELD_NULL_INT, .latency_ms = FIELD_NULL_INT },
			     { .seq = 2, .role = (char[]){ "assistant" }, .text = (char[]){ "Hello" }, .full_text = (char[]){ "Hello there" },
			       .started_at = 3000, .completed_at = 4000, .interrupted = true, .heard_ms = 400, .latency_ms = 350,
			       .meta = (char[]){ "{\"mood\":\"fine\"}" } } };
	struct event ev = { .event_type = (char[]){ "barge_in" }, .created_at = 3500, .payload = (char[]){ "{\"ms\":400}" } };
	enum err e = ERR_OK;

	(void)arg;
	for (int i = 0; i < 2 && !e; i++)
		e = turn_put(t, SPAN(ID), &u[i]);
	for (ev.seq = 1; ev.seq <= 3 && !e; ev.seq++)
		e = event_put(t, SPAN(ID), &ev);
	return e;
}

static void put_conversation(struct world *w)
{
	struct call c;

	record_init(&call_type, &c);
	life_text(&c.session_id, SPAN(ID));
	life_text(&c.twilio_call_sid, SPAN(SID));
	c.started_at = 500;
	c.connected_at = 900;
	life_end(&c, "ended", "caller_hangup", NULL, 5500);
	world_put(w, &c);
	record_fini(&call_type, &c);
	assert_int_equal(store_txn(w->h.store, EVENTUAL, talk, NULL), ERR_OK);
}

static void the_history_of_a_conversation(void **state)
{
	struct world *w = *state;
	struct json_object *o = NULL, *one;

	put_conversation(w);
	assert_int_equal(admin_get(w, "/api/conversation-history/" ID), 200);
	assert_int_equal(json_read(&o, buf_span(&w->a.body)), ERR_OK);
	assert_true(span_is(json_get_span(o, "session_id"), ID));
	assert_true(span_is(json_get_span(json_get(o, "call_info"), "end_reason"), "caller_hangup"));
	one = json_object_array_get_idx(json_get(o, "conversations"), 0);
	assert_string_equal(json_object_to_json_string_ext(one, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
		"{\"id\":\"" ID "\",\"started_at\":\"1970-01-01T00:00:00.900Z\",\"ended_at\":\"1970-01-01T00:00:05.500Z\",\"turns\":["
		"{\"role\":\"user\",\"text\":\"<script>alert('hi')</script> & \\\"you\\\"\",\"started_at\":\"1970-01-01T00:00:01.000Z\","
		"\"completed_at\":\"1970-01-01T00:00:02.000Z\",\"meta\":{\"full_text\":null,\"interrupted\":false,\"heard_ms\":null,\"latency_ms\":null,"
		"\"tool\":null}},"
		"{\"role\":\"assistant\",\"text\":\"Hello\",\"started_at\":\"1970-01-01T00:00:03.000Z\",\"completed_at\":\"1970-01-01T00:00:04.000Z\","
		"\"meta\":{\"full_text\":\"Hello there\",\"interrupted\":true,\"heard_ms\":400,\"latency_ms\":350,\"tool\":null,\"mood\":\"fine\"}}],"
		"\"event_count\":3}");
	json_object_put(o);
}

static void events_come_oldest_first_and_in_pages(void **state)
{
	struct world *w = *state;
	struct json_object *o = NULL;
	char uri[400];
	unsigned pages = 0, seen = 0;
	struct span next = SPAN("");

	put_conversation(w);
	do {
		snprintf(uri, sizeof uri, "/api/conversation-events/" ID "/?limit=2&after=" SPAN_FMT, SPAN_ARG(next));
		json_object_put(o);
		assert_int_equal(admin_get(w, uri), 200);
		assert_int_equal(json_read(&o, buf_span(&w->a.body)), ERR_OK);
		assert_int_equal(json_object_get_int(json_get(o, "total_events")), 3);
		seen += (unsigned)json_object_array_length(json_get(o, "events"));
		next = json_get_span(o, "next");
		pages++;
	} while (next.p && pages < 5);
	assert_int_equal(pages, 2);
	assert_int_equal(seen, 3);
	assert_string_equal(json_object_to_json_string_ext(json_object_array_get_idx(json_get(o, "events"), 0), JSON_C_TO_STRING_PLAIN),
		"{\"event_type\":\"barge_in\",\"event_id\":\"" ID "-3\",\"item_id\":null,\"response_id\":null,\"role\":null,\"text_delta\":null,"
		"\"error\":null,\"created_at\":\"1970-01-01T00:00:03.500Z\",\"payload\":{\"ms\":400}}");
	json_object_put(o);
	assert_int_equal(admin_get(w, "/api/conversation-events/" ID "/?limit=0"), 400);
	assert_int_equal(admin_get(w, "/api/conversation-events/" ID "/?limit=many"), 400);
	assert_int_equal(admin_get(w, "/api/conversation-events/" ID "/?after=%25%25%25"), 400);
	assert_int_equal(admin_get(w, "/api/conversation-events/00000000-0000-4000-8000-000000000000/"), 404);
}

static void the_page_escapes_what_was_said(void **state)
{
	struct world *w = *state;

	put_conversation(w);
	assert_int_equal(admin_get(w, "/api/chat-history/" ID "/"), 200);
	assert_string_equal(w->a.type, "text/html; charset=utf-8");
	assert_false(world_said(w, "<script"));
	assert_true(world_said(w, "<p dir=\"auto\">&lt;script&gt;alert(&#39;hi&#39;)&lt;/script&gt; &amp; &quot;you&quot;"));
	assert_true(world_said(w, "interrupted by the caller"));
	assert_true(strstr(buf_z(&w->a.body), "alert") < strstr(buf_z(&w->a.body), "Hello"));
	assert_int_equal(admin_get(w, "/api/chat-history/00000000-0000-4000-8000-000000000000/"), 404);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_with_or_without_its_last_slash),
		cmocka_unit_test(every_row_finds_itself),
		T(checks_come_in_their_order),
		T(each_kind_of_vector_signed_anew),
		T(a_changed_field_is_refused),
		T(the_token_is_the_accounts),
		T(the_environment_wins_over_the_default_account_and_it_over_the_file),
		T(without_any_token_nothing_fits),
		T(a_database_that_hides_the_token_turns_nobody_away),
		T(health_names_the_part_that_is_down),
		T(the_public_url_is_the_configured_one_or_the_requests),
		T(tools_come_in_the_models_form),
		T(a_templates_text_with_the_agents_name),
		T(the_history_of_a_conversation),
		T(events_come_oldest_first_and_in_pages),
		T(the_page_escapes_what_was_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
