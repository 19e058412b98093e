/* test_sim_mcp - MCP servers as the Realtime API has them: their lists of tools, calls that run by themselves, calls that wait for the client's approval. */
#include "model_world.h"

#define SERVER(label, more) "{'type':'mcp','server_label':'" label "','server_url':'https://mcp.example.com/sse'" more "}"
#define SERVERS(list) UPDATE(",'tools':[" list "]")
#define ASK "{'type':'response.create'}"
#define CALL "{'server':'crm','name':'find','arguments':{'phone':'+14155550199'},'output':{'id':'C-881'}}"
#define TWO_CALLS "{'server':'crm','name':'find','output':'one'},{'server':'crm','name':'erase','output':'two','delay_ms':300}"
#define TURN_OF(calls) "{'turns':[{'replies':[{'commentary':'Let me see.','mcp':[" calls "]},{'say':'It is found.'},{'say':'What else?'}]}]}"

/* A session that knows the servers, and whose caller has said something: the next answer is the scenario's first. */
static void connected(const char *scenario, const char *servers)
{
	begin(json(scenario));
	say(servers);
	pass(200);
	types();
	say("{'type':'conversation.item.create','item':{'type':'message','role':'user','content':[{'type':'input_text','text':'Find me.'}]}}");
	types();
}

static void list_tools(const char *servers, const char *tools)
{
	struct json_object *o;
	struct buf text = BUF_INIT;

	begin(json("{'turns':[{'replies':[{'mcp':[" TWO_CALLS ",{'server':'crm','name':'find'},{'server':'other','name':'x'}]}]}]}"));
	say(servers);
	assert_string_equal(types(), "session.created session.updated added mcp_list_tools.in_progress");
	pass(200);
	o = wait_for("mcp_list_tools.completed");
	json_object_put(o);
	o = wait_for("conversation.item.done");
	assert_span(json_get_span(json_get(o, "item"), "type"), "mcp_list_tools");
	assert_span(json_get_span(json_get(o, "item"), "server_label"), "crm");
	for (size_t i = 0; i < json_object_array_length(json_path(o, "item.tools")); i++)
		buf_printf(&text, SPAN_FMT ";", SPAN_ARG(json_get_span(json_object_array_get_idx(json_path(o, "item.tools"), i), "name")));
	assert_string_equal(buf_z(&text), tools);
	buf_fini(&text);
	json_object_put(o);
	say(servers);                                            /* known: not asked again */
	pass(200);
	assert_string_equal(types(), "session.updated");
	end();
}

static void a_server_is_asked_for_its_tools(void **state)
{
	(void)state;
	list_tools(SERVERS(SERVER("crm", "")), "find;erase;");
	list_tools(SERVERS(SERVER("crm", ",'allowed_tools':['erase']")), "erase;");
	list_tools(SERVERS(SERVER("crm", ",'allowed_tools':{'tool_names':['find'],'read_only':true}")), "find;");
	list_tools(SERVERS("{'type':'function','name':'f','parameters':{}}," SERVER("crm", ",'allowed_tools':null")), "find;erase;");
}

static void a_server_that_is_down_offers_nothing(void **state)
{
	(void)state;
	connected("{'mcp_failing':['crm'],'turns':[{'replies':[{'say':'I cannot look it up.','mcp':[" CALL "]}]}]}", SERVERS(SERVER("crm", "")));
	say(ASK);
	pass(4000);
	assert_null(strstr(types(), "mcp_call"));
	assert_int_equal(w.m.stats.mcp_calls, 0);
	assert_int_equal(w.m.stats.responses_completed, 1);
	end();
	begin(json("{'mcp_failing':['crm'],'mcp_list_ms':500}"));
	say(SERVERS(SERVER("crm", "")));
	pass(480);
	assert_null(strstr(types(), "failed"));
	pass(40);
	assert_string_equal(types(), "mcp_list_tools.failed done");
	end();
}

static void faulty_servers_are_refused(void **state)
{
	static const struct {
		const char *tools, *code, *param;
	} rows[] = {
		{ "{'type':'mcp','server_url':'https://x'}", "missing_required_parameter", "session.tools[0].server_label" },
		{ "{'type':'mcp','server_label':'a'}", "missing_required_parameter", "session.tools[0].server_url" },
		{ "{'type':'mcp','server_label':'a','server_url':'https://x','connector_id':'connector_gmail'}", "invalid_value", "session.tools[0].server_url" },
		{ "{'type':'mcp','server_label':'a','server_url':'mcp.example.com'}", "invalid_value", "session.tools[0].server_url" },
		{ "{'type':'mcp','server_label':'a','connector_id':'gmail'}", "invalid_value", "session.tools[0].connector_id" },
		{ SERVER("a", "") "," SERVER("a", ""), "invalid_value", "session.tools[1].server_label" },
		{ SERVER("a", ",'require_approval':'sometimes'"), "invalid_value", "session.tools[0].require_approval" },
		{ SERVER("a", ",'require_approval':{'maybe':{}}"), "unknown_parameter", "session.tools[0].require_approval.maybe" },
		{ SERVER("a", ",'require_approval':true"), "invalid_type", "session.tools[0].require_approval" },
		{ SERVER("a", ",'allowed_tools':'find'"), "invalid_type", "session.tools[0].allowed_tools" },
		{ SERVER("a", ",'allowed_tools':[1]"), "invalid_type", "session.tools[0].allowed_tools[0]" },
		{ SERVER("a", ",'headers':{'X-Tenant':42}"), "invalid_type", "session.tools[0].headers.X-Tenant" },
		{ SERVER("a", ",'timeout':3"), "unknown_parameter", "session.tools[0].timeout" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char event[1000];

		begin("{}");
		snprintf(event, sizeof event, "{'type':'session.update','session':{'type':'realtime','tools':[%s]}}", rows[i].tools);
		say(event);
		refused(rows[i].code, rows[i].param);
		pass(200);
		assert_string_equal(types(), "");
		end();
	}
}

static void a_call_without_approval_runs_by_itself_and_nothing_follows(void **state)
{
	struct json_object *o, *call;

	(void)state;
	connected(TURN_OF(CALL), SERVERS(SERVER("crm", ",'require_approval':'never'")));
	say(ASK);
	pass(3000);
	o = wait_for("response.output_item.done");               /* of the words before it */
	json_object_put(o);
	assert_string_equal(types(), "output_item.added added mcp_call_arguments.delta mcp_call_arguments.done output_item.done mcp_call.in_progress "
				     "done rate_limits.updated mcp_call.completed done");
	call = NULL;
	for (size_t i = 0; i < w.n; i++)
		if (strstr(w.sent[i], "conversation.item.done") && strstr(w.sent[i], "mcp_call"))
			assert_int_equal(json_read(&call, span_z(w.sent[i])), ERR_OK);
	assert_span(json_get_span(json_get(call, "item"), "output"), "{\"id\":\"C-881\"}");
	assert_span(json_get_span(json_get(call, "item"), "arguments"), "{\"phone\":\"+14155550199\"}");
	assert_null(json_path(call, "item.error"));
	assert_null(json_path(call, "item.approval_request_id"));
	json_object_put(call);
	pass(5000);
	assert_string_equal(types(), "");
	say(ASK);
	pass(3000);
	o = wait_for("response.output_audio_transcript.done");
	assert_span(json_get_span(o, "transcript"), "It is found.");
	json_object_put(o);
	assert_int_equal(w.m.stats.mcp_calls, 1);
	assert_int_equal(w.m.stats.violations, 0);
	end();
}

static void several_calls_have_one_answer(void **state)
{
	struct json_object *o;

	(void)state;
	connected(TURN_OF(TWO_CALLS), SERVERS(SERVER("crm", ",'require_approval':'never'")));
	say(ASK);
	pass(4000);
	types();
	assert_int_equal(w.m.stats.mcp_calls, 2);
	say(ASK);
	pass(3000);
	o = wait_for("response.output_audio_transcript.done");
	assert_span(json_get_span(o, "transcript"), "It is found.");
	json_object_put(o);
	end();
}

static void who_asks_before_the_call_is_over_hears_nothing_of_it(void **state)
{
	struct json_object *o;

	(void)state;
	connected(TURN_OF("{'server':'crm','name':'find','output':'x','delay_ms':60000}"), SERVERS(SERVER("crm", ",'require_approval':'never'")));
	say(ASK);
	pass(3000);
	types();
	say(ASK);
	pass(3000);
	o = wait_for("response.output_audio_transcript.done");
	assert_span(json_get_span(o, "transcript"), "Is there anything else I can do for you?");
	json_object_put(o);
	end();
}

static void a_call_may_fail(void **state)
{
	struct json_object *o;

	(void)state;
	connected(TURN_OF("{'server':'crm','name':'find','error':'lookup failed'}"), SERVERS(SERVER("crm", ",'require_approval':'never'")));
	say(ASK);
	pass(3000);
	o = wait_for("response.mcp_call.failed");
	json_object_put(o);
	o = wait_for("conversation.item.done");
	assert_span(json_get_span(json_path(o, "item.error"), "type"), "tool_execution_error");
	assert_span(json_get_span(json_path(o, "item.error"), "message"), "lookup failed");
	assert_null(json_path(o, "item.output"));
	json_object_put(o);
	assert_int_equal(w.m.stats.mcp_failed, 1);
	end();
}

/* The id of the request that the answer made. */
static void requested(char id[MODEL_ID], const char *servers)
{
	struct json_object *o;

	connected(TURN_OF(CALL), servers);
	say(ASK);
	pass(3000);
	*id = 0;
	while ((o = next())) {
		struct json_object *item = json_get(o, "item");

		if (span_is(json_get_span(item, "type"), "mcp_approval_request") && span_is(json_get_span(o, "type"), "conversation.item.done")) {
			assert_span(json_get_span(item, "server_label"), "crm");
			assert_span(json_get_span(item, "name"), "find");
			assert_span(json_get_span(item, "arguments"), "{\"phone\":\"+14155550199\"}");
			span_copy(id, MODEL_ID, json_get_span(item, "id"));
		}
		assert_false(span_starts(json_get_span(o, "type"), SPAN("response.mcp_call")));
		json_object_put(o);
	}
}

static void answer(const char *id, const char *approve)
{
	char event[300];

	snprintf(event, sizeof event, "{'type':'conversation.item.create','item':{'type':'mcp_approval_response','approval_request_id':'%s','approve':%s}}", id, approve);
	say(event);
}

static void what_needs_approval_waits_for_it(void **state)
{
	static const struct {
		const char *policy;
		bool asks;
	} rows[] = {
		{ "", true }, { ",'require_approval':'always'", true }, { ",'require_approval':null", true }, { ",'require_approval':'never'", false },
		{ ",'require_approval':{'never':{'tool_names':['find']}}", false }, { ",'require_approval':{'never':{'tool_names':['erase']}}", true },
		{ ",'require_approval':{'always':{'tool_names':['find']}}", true },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char event[1500];

		snprintf(event, sizeof event, "{'type':'session.update','session':{'type':'realtime','tools':[{'type':'mcp','server_label':'crm',"
			 "'server_url':'https://x.example'%s}]}}", rows[i].policy);
		connected(TURN_OF(CALL), event);
		say(ASK);
		pass(3000);
		assert_int_equal(w.m.stats.mcp_calls, !rows[i].asks);
		assert_int_equal(strstr(types(), "mcp_call.in_progress") == NULL, rows[i].asks);
		end();
	}
}

static void an_approved_call_runs(void **state)
{
	struct json_object *o;
	char id[MODEL_ID];

	(void)state;
	requested(id, SERVERS(SERVER("crm", "")));
	answer(id, "true");
	pass(200);
	o = wait_for("response.mcp_call.completed");
	json_object_put(o);
	o = wait_for("conversation.item.done");
	assert_span(json_get_span(json_get(o, "item"), "approval_request_id"), id);
	assert_span(json_get_span(json_get(o, "item"), "output"), "{\"id\":\"C-881\"}");
	json_object_put(o);
	w.looked = 0;
	assert_non_null(strstr(types(), "added done output_item.added added mcp_call_arguments.done output_item.done mcp_call.in_progress mcp_call.completed done"));
	pass(5000);
	assert_string_equal(types(), "");
	say(ASK);
	pass(3000);
	o = wait_for("response.output_audio_transcript.done");
	assert_span(json_get_span(o, "transcript"), "It is found.");
	json_object_put(o);
	assert_int_equal(w.m.stats.mcp_approved, 1);
	assert_int_equal(w.m.stats.violations, 0);
	end();
}

static void a_refused_call_does_not_run(void **state)
{
	struct json_object *o;
	char id[MODEL_ID];

	(void)state;
	requested(id, SERVERS(SERVER("crm", ",'require_approval':'always'")));
	answer(id, "false");
	assert_string_equal(types(), "added done");
	pass(5000);
	assert_string_equal(types(), "");
	say(ASK);
	pass(3000);
	o = wait_for("response.output_audio_transcript.done");
	assert_span(json_get_span(o, "transcript"), "It is found.");
	json_object_put(o);
	assert_int_equal(w.m.stats.mcp_refused, 1);
	assert_int_equal(w.m.stats.mcp_calls, 0);
	end();
}

static void answers_to_no_request_are_refused(void **state)
{
	char id[MODEL_ID];

	(void)state;
	requested(id, SERVERS(SERVER("crm", "")));
	answer("mcpr_unknown", "true");
	refused("invalid_value", "item.approval_request_id");
	say("{'type':'conversation.item.create','item':{'type':'mcp_approval_response','approval_request_id':'x'}}");
	refused("missing_required_parameter", "item.approve");
	say("{'type':'conversation.item.create','item':{'type':'mcp_approval_response','approval_request_id':'x','approve':'yes'}}");
	refused("invalid_type", "item.approve");
	assert_int_equal(w.m.stats.mcp_calls, 0);
	answer(id, "true");
	pass(200);
	types();
	answer(id, "true");
	refused("invalid_value", "item.approval_request_id");
	pass(200);
	assert_int_equal(w.m.stats.mcp_calls, 1);
	say("{'type':'conversation.item.create','item':{'type':'mcp_call','id':'a','server_label':'crm','name':'find','arguments':'{}'}}");
	refused("invalid_value", "item.type");
	end();
}

static void calls_of_other_servers_are_left_out(void **state)
{
	(void)state;
	connected(TURN_OF("{'server':'shop','name':'find'},{'server':'crm','name':'hidden'}"), SERVERS(SERVER("crm", ",'allowed_tools':['find']")));
	say(ASK);
	pass(3000);
	assert_null(strstr(types(), "mcp_call"));
	assert_int_equal(w.m.stats.responses_completed, 1);
	end();
}

static void nothing_runs_in_an_answer_that_was_cut(void **state)
{
	(void)state;
	connected(TURN_OF(CALL), SERVERS(SERVER("crm", ",'require_approval':'never'")));
	say(ASK);
	pass(300);
	say("{'type':'response.cancel'}");
	pass(3000);
	assert_null(strstr(types(), "mcp_call"));
	assert_int_equal(w.m.stats.mcp_calls, 0);
	end();
}

static void deleted_items_are_not_missed(void **state)
{
	char event[300], id[MODEL_ID];

	(void)state;
	requested(id, SERVERS(SERVER("crm", "")));
	answer(id, "true");
	snprintf(event, sizeof event, "{'type':'conversation.item.delete','item_id':'%s'}", id);
	say(event);
	while (w.s->last)
		item_unlink(w.s, w.s->last);
	pass(200);
	assert_null(strstr(types(), "mcp_call.completed"));
	end();
}

static void bad_scenarios_say_where(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "{'turns':[{'mcp':[{'name':'x'}]}]}", "turns[0].replies[0].mcp[0].server: must be given" },
		{ "{'turns':[{'mcp':[{'server':'x'}]}]}", "turns[0].replies[0].mcp[0].name: must be given" },
		{ "{'turns':[{'mcp':{}}]}", "turns[0].replies[0].mcp: must be a list" },
		{ "{'turns':[{'mcp':[{'server':'x','name':'y','outptu':1}]}]}", "did you mean `output`?" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct scenario *sc = NULL;
		struct buf why = BUF_INIT;

		assert_int_equal(scenario_parse(&sc, span_z(json(rows[i].text)), &why), ERR_VALUE);
		if (!strstr(buf_z(&why), rows[i].why))
			fail_msg("%s", buf_z(&why));
		buf_fini(&why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_is_asked_for_its_tools),
		cmocka_unit_test(a_server_that_is_down_offers_nothing),
		cmocka_unit_test(faulty_servers_are_refused),
		cmocka_unit_test(a_call_without_approval_runs_by_itself_and_nothing_follows),
		cmocka_unit_test(several_calls_have_one_answer),
		cmocka_unit_test(who_asks_before_the_call_is_over_hears_nothing_of_it),
		cmocka_unit_test(a_call_may_fail),
		cmocka_unit_test(what_needs_approval_waits_for_it),
		cmocka_unit_test(an_approved_call_runs),
		cmocka_unit_test(a_refused_call_does_not_run),
		cmocka_unit_test(answers_to_no_request_are_refused),
		cmocka_unit_test(calls_of_other_servers_are_left_out),
		cmocka_unit_test(nothing_runs_in_an_answer_that_was_cut),
		cmocka_unit_test(deleted_items_are_not_missed),
		cmocka_unit_test(bad_scenarios_say_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
