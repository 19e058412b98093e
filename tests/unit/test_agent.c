#include "store_home.h"

#include "store/agent.h"
#include "store/zone.h"

static void created_without_fields_it_uses_the_defaults(void **state)
{
	static const struct { const char *member, *json; } rows[] = {
		{ "account", "\"default\"" }, { "name", "\"agent-2\"" }, { "greeting", "\"Hello, how can I help you?\"" },
		{ "greeting_interruptible", "true" }, { "notice", "null" }, { "voice", "\"marin\"" }, { "model", "\"gpt-realtime-2.1\"" },
		{ "reasoning_effort", "null" }, { "temperature", "null" }, { "speed", "1" }, { "max_response_output_tokens", "\"inf\"" },
		{ "input_audio_format", "\"g711_ulaw\"" }, { "output_audio_format", "\"g711_ulaw\"" }, { "vad_type", "\"server_vad\"" },
		{ "vad_threshold", "0.5" }, { "vad_prefix_padding_ms", "300" }, { "vad_silence_duration_ms", "500" }, { "vad_eagerness", "\"auto\"" },
		{ "vad_idle_timeout_ms", "null" }, { "vad_create_response", "true" }, { "vad_interrupt_response", "true" },
		{ "barge_in_min_speech_ms", "0" }, { "resume_false_barge_in", "false" }, { "noise_reduction", "\"none\"" },
		{ "enable_input_transcription", "true" }, { "transcription_model", "\"gpt-transcribe\"" }, { "truncation", "null" },
		{ "uplink_frames", "1" }, { "tools", "[\"end_call\",\"get_current_time\"]" }, { "mcp_servers", "null" }, { "timezone", "null" },
		{ "idle_timeout_seconds", "300" }, { "max_call_seconds", "3600" }, { "max_call_cost", "null" }, { "max_day_cost", "null" }, { "post_call_secret", "null" }, { "record", "false" },
		{ "store", "\"all\"" }, { "redact", "false" }, { "is_active", "true" }, { "version", "1" },
	};
	struct home *h = *state;
	struct json_object *j;

	assert_int_equal(home_make(h, "agent", NULL, NULL), ERR_OK);
	j = home_show(h, "agent", "agent-2");
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf b = BUF_INIT;

		assert_true(json_object_object_get_ex(j, rows[i].member, NULL));
		assert_int_equal(json_write(&b, json_get(j, rows[i].member)), ERR_OK);
		if (strcmp(buf_z(&b), rows[i].json) != 0)
			fail_msg("%s is %s, not %s", rows[i].member, buf_z(&b), rows[i].json);
		buf_fini(&b);
	}
	assert_true(json_get_span(j, "instructions").n > 100);
	json_object_put(j);
}

static void bad_values_are_refused_with_the_reason(void **state)
{
	static const struct { const char *member, *value; enum err e; const char *why; } rows[] = {
		{ "name", "default", ERR_EXISTS, "agent default: exists already" },
		{ "name", "a/b", ERR_VALUE, "name: must not contain '/'" },
		{ "name", "12", ERR_VALUE, "name: must not be a number alone" },
		{ "account", "nobody", ERR_VALUE, "account: account nobody: not found" },
		{ "instruction_template", "none", ERR_VALUE, "instruction_template: template none: not found" },
		{ "tools", "end_call,fly", ERR_VALUE, "tools: there is no tool fly" },
		{ "tools", "[1]", ERR_VALUE, "tools: must be a list of names" },
		{ "transfer_targets", "[{\"name\":\"x\"}]", ERR_VALUE, "transfer_targets: must be a list of {\"name\":...,\"number\":\"+...\"}" },
		{ "mcp_servers", "[{}]", ERR_VALUE, "mcp_servers: server_label: each server needs one" },
		{ "mcp_servers", "[7]", ERR_VALUE, "mcp_servers: server_label: each server needs one" },
		{ "mcp_servers", "[{\"server_label\":\"a\"}]", ERR_VALUE, "mcp_servers: a.server_url: exactly one of server_url, connector_id and tunnel_id is needed" },
		{ "mcp_servers", "[{\"server_label\":\"a\",\"server_url\":\"https://x\",\"tunnel_id\":\"t\"}]", ERR_VALUE,
		  "mcp_servers: a.server_url: exactly one of server_url, connector_id and tunnel_id is needed" },
		{ "mcp_servers", "[{\"server_label\":\"a\",\"server_url\":\"x.example\"}]", ERR_VALUE, "mcp_servers: a.server_url: must begin with https:// or http://" },
		{ "mcp_servers", "[{\"server_label\":\"a\",\"server_url\":\"https://x\",\"allowed_tool\":[]}]", ERR_VALUE, "mcp_servers: a.allowed_tool: unknown" },
		{ "mcp_servers", "[{\"server_label\":\"a\",\"server_url\":\"https://x\",\"allowed_tools\":\"find\"}]", ERR_VALUE,
		  "mcp_servers: a.allowed_tools: has the wrong type" },
		{ "mcp_servers", "[{\"server_label\":\"a\",\"server_url\":\"https://x\",\"require_approval\":\"ask\"}]", ERR_VALUE,
		  "mcp_servers: a.require_approval: must be always, never, or an object" },
		{ "mcp_servers", "[{\"type\":\"function\",\"server_label\":\"a\",\"server_url\":\"https://x\"}]", ERR_VALUE, "mcp_servers: a.type: must be mcp" },
		{ "mcp_servers", "[{\"server_label\":\"a\",\"server_url\":\"https://x\"},{\"server_label\":\"a\",\"server_url\":\"https://y\"}]", ERR_VALUE,
		  "mcp_servers: a: two servers of this label" },
		{ "truncation", "sometimes", ERR_VALUE, "truncation: must be auto, disabled, a ratio such as 0.8, or a JSON object" },
		{ "timezone", "Mars/Olympus", ERR_VALUE, "timezone: unknown; use a name like Europe/Berlin" },
	};
	struct home *h = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf why = BUF_INIT;

		if (strcmp(rows[i].member, "timezone") == 0 && zone_exists(rows[i].value))
			continue;                                      /* a host without zone files takes any */
		assert_int_equal(home_make(h, "agent", &why, rows[i].member, rows[i].value, NULL), rows[i].e);
		assert_string_equal(buf_z(&why), rows[i].why);
		buf_fini(&why);
	}
}

static void good_values_are_taken(void **state)
{
	static const struct { const char *member, *value; } rows[] = {
		{ "tools", "[]" }, { "tools", "end_call,transfer_call" }, { "truncation", "0.8" }, { "truncation", "{\"type\":\"retention_ratio\"}" },
		{ "transfer_targets", "[{\"name\":\"x\",\"number\":\"+15550100\"}]" }, { "greeting", "" },
		{ "mcp_servers", "[{\"server_label\":\"a\",\"server_url\":\"https://a\"},{\"type\":\"mcp\",\"server_label\":\"b\",\"connector_id\":\"connector_gmail\","
				 "\"headers\":null,\"allowed_tools\":{\"tool_names\":[\"x\"]},\"require_approval\":{\"never\":{}},\"defer_loading\":true}]" }, { "max_response_output_tokens", "4096" },
	};
	struct home *h = *state;

	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(home_make(h, "agent", NULL, rows[i].member, rows[i].value, NULL), ERR_OK);
}

/* --- who answers --- */

struct asked {
	const char *number_agent, *account;
	struct agent a;
};

static enum err answer(struct txn *t, void *arg)
{
	struct asked *q = arg;

	return agent_for_call(t, span_z(q->number_agent), span_z(q->account), &q->a);
}

static void number_s_agent_then_account_s_then_the_default_one(void **state)
{
	static const struct { const char *number_agent, *account, *answers; } rows[] = {
		{ "2", "2", "mine" },            /* the number's */
		{ "3", "2", "theirs" },          /* is inactive: the account's */
		{ NULL, "2", "theirs" },
		{ NULL, "3", "default" },        /* its account has none: the last resort */
		{ NULL, "77", "default" }, { "77", NULL, "default" },
	};
	struct home *h = *state;

	assert_int_equal(home_make(h, "account", NULL, "name", "acme", NULL), ERR_OK);
	assert_int_equal(home_make(h, "account", NULL, "name", "bare", NULL), ERR_OK);
	assert_int_equal(home_make(h, "agent", NULL, "name", "mine", NULL), ERR_OK);
	assert_int_equal(home_make(h, "agent", NULL, "name", "asleep", "is_active", "false", NULL), ERR_OK);
	assert_int_equal(home_make(h, "agent", NULL, "name", "theirs", "account", "acme", NULL), ERR_OK);
	void *acme = calloc(1, noun_find(SPAN("account"))->type->size);

	assert_int_equal(home_do(h, OP_GET, "account", "acme", acme, NULL), ERR_OK);
	home_set("account", acme, "default_agent", "theirs");
	assert_int_equal(home_do(h, OP_UPDATE, "account", NULL, acme, NULL), ERR_OK);
	record_fini(noun_find(SPAN("account"))->type, acme);
	free(acme);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct asked q = { .number_agent = rows[i].number_agent, .account = rows[i].account };

		assert_int_equal(store_read(h->s, answer, &q), ERR_OK);
		assert_string_equal(q.a.name, rows[i].answers);
		record_fini(&agent_type, &q.a);
	}
}

static void without_any_active_agent_nobody_answers(void **state)
{
	struct home *h = *state;
	struct asked q = { .account = "1" };
	struct agent a;

	assert_int_equal(home_do(h, OP_GET, "agent", "default", &a, NULL), ERR_OK);
	a.is_active = false;
	assert_int_equal(home_do(h, OP_UPDATE, "agent", NULL, &a, NULL), ERR_OK);
	record_fini(&agent_type, &a);
	assert_int_equal(store_read(h->s, answer, &q), ERR_NOTFOUND);
}

/* --- texts --- */

static void places_in_texts_are_filled_and_other_braces_stay(void **state)
{
	static const struct { const char *in, *out; } rows[] = {
		{ "", "" }, { "plain", "plain" }, { "I am {name}.", "I am Eva." }, { "{nam} {Name} {{name}", "{nam} {Name} {Eva" }, { "{", "{" },
		{ "{date}, {time} {timezone}", "Monday, 23 November 2026, 17:43 UTC" }, { "{caller_number}{called_number}", "+1555+1666" },
		{ "{\"a\":1}", "{\"a\":1}" },
	};
	struct agent a = { .name = (char[]){ "Eva" }, .timezone = (char[]){ "UTC" } };
	struct agent_fill f = { SPAN("+1555"), SPAN("+1666"), 1795455812000 };

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf b = BUF_INIT;

		assert_int_equal(agent_fill_text(&a, span_z(rows[i].in), &f, &b), ERR_OK);
		assert_string_equal(buf_z(&b), rows[i].out);
		buf_fini(&b);
	}
}

static void local_time_follows_the_zone_s_rules(void **state)
{
	static const struct { const char *zone; int64_t at_ms; const char *local; long off; } rows[] = {
		{ "Europe/Berlin", 1795455812000, "2026-11-23 18:43", 3600 }, { "Europe/Berlin", 1782900000000, "2026-07-01 12:00", 7200 },
		{ "America/New_York", 1795455812000, "2026-11-23 12:43", -18000 }, { "Asia/Kolkata", 1795455812000, "2026-11-23 23:13", 19800 },
		{ "Europe/Berlin", 2540368800000, "2050-07-02 12:00", 7200 }, { "UTC", 0, "1970-01-01 00:00", 0 },
	};
	struct tm tm;

	(void)state;
	if (zone_local("Europe/Berlin", 0, &tm) != ERR_OK)
		skip();                                                /* no zone files here */
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[32];

		assert_int_equal(zone_local(rows[i].zone, rows[i].at_ms, &tm), ERR_OK);
		strftime(text, sizeof text, "%Y-%m-%d %H:%M", &tm);
		assert_string_equal(text, rows[i].local);
		assert_int_equal(tm.tm_gmtoff, rows[i].off);
	}
	assert_int_equal(zone_local("../etc/passwd", 0, &tm), ERR_NOTFOUND);
	assert_int_equal(zone_local("Nowhere", 0, &tm), ERR_NOTFOUND);
}

struct instructed {
	const char *x;
	struct buf text;
};

static enum err instruct(struct txn *t, void *arg)
{
	struct instructed *q = arg;
	struct agent a;
	enum err e = noun_get(t, noun_find(SPAN("agent")), span_z(q->x), &a, NULL);

	if (e)
		return e;
	e = agent_instructions(t, &a, &q->text);
	record_fini(&agent_type, &a);
	return e;
}

static void instructions_are_its_own_else_the_template_s(void **state)
{
	static const struct { const char *x, *starts; } rows[] = {
		{ "own", "Mine." }, { "templated", "You are {name}, and you answer the sales line." }, { "plain", "You are {name}, a short and polite" },
		{ "both", "Mine." },
	};
	struct home *h = *state;

	assert_int_equal(home_make(h, "agent", NULL, "name", "own", "instructions", "Mine.", NULL), ERR_OK);
	assert_int_equal(home_make(h, "agent", NULL, "name", "templated", "instruction_template", "sales", NULL), ERR_OK);
	assert_int_equal(home_make(h, "agent", NULL, "name", "plain", NULL), ERR_OK);
	assert_int_equal(home_make(h, "agent", NULL, "name", "both", "instructions", "Mine.", "instruction_template", "sales", NULL), ERR_OK);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct instructed q = { .x = rows[i].x };

		assert_int_equal(store_read(h->s, instruct, &q), ERR_OK);
		assert_true(span_starts(buf_span(&q.text), span_z(rows[i].starts)));
		buf_fini(&q.text);
	}
}

/* --- history --- */

struct versions {
	const char *id;
	struct page p;
	struct buf seen;
};

static bool add_version(void *rec, void *arg)
{
	const struct agent *a = rec;

	buf_printf(arg, "%lld:%s ", (long long)a->version, a->name);
	return true;
}

static enum err history(struct txn *t, void *arg)
{
	struct versions *v = arg;

	buf_reset(&v->seen);
	return agent_history(t, span_z(v->id), &v->p, add_version, &v->seen);
}

static void every_version_is_kept_also_of_a_deleted_agent(void **state)
{
	struct home *h = *state;
	struct versions v = { .id = "2" };
	struct agent a;

	assert_int_equal(home_make(h, "agent", NULL, "name", "one", NULL), ERR_OK);
	assert_int_equal(home_do(h, OP_GET, "agent", "one", &a, NULL), ERR_OK);
	home_set("agent", &a, "name", "two");
	assert_int_equal(home_do(h, OP_UPDATE, "agent", NULL, &a, NULL), ERR_OK);
	home_set("agent", &a, "name", "three");
	assert_int_equal(home_do(h, OP_UPDATE, "agent", NULL, &a, NULL), ERR_OK);
	assert_int_equal(a.version, 3);
	record_fini(&agent_type, &a);
	assert_int_equal(home_do(h, OP_DELETE, "agent", "three", NULL, NULL), ERR_OK);
	assert_int_equal(store_read(h->s, history, &v), ERR_OK);
	assert_string_equal(buf_z(&v.seen), "3:three 2:two 1:one ");
	buf_fini(&v.seen);
	buf_fini(&v.p.next);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(created_without_fields_it_uses_the_defaults, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(bad_values_are_refused_with_the_reason, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(good_values_are_taken, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(number_s_agent_then_account_s_then_the_default_one, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(without_any_active_agent_nobody_answers, home_setup_started, home_teardown),
		cmocka_unit_test(places_in_texts_are_filled_and_other_braces_stay),
		cmocka_unit_test(local_time_follows_the_zone_s_rules),
		cmocka_unit_test_setup_teardown(instructions_are_its_own_else_the_template_s, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(every_version_is_kept_also_of_a_deleted_agent, home_setup_started, home_teardown),
	};

	HOME_HELPER(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
