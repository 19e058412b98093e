/* session with MCP servers: their calls are approved or refused, and whatever was called beside them has one answer. */
#include "tool_world.h"

static void mcp_requests_are_approved_by_the_list_and_answers_follow(void **st)
{
	struct setup *s = tool_setup();
	struct world *w;

	(void)st;
	s->tools.mcp = strdup("[{\"server_label\":\"crm\",\"allowed_tools\":[\"find\"]}]");
	w = w_talking(s);
	w_response(w, "r1");
	for (int i = 0; i < 3; i++)
		w_model(w, "{\"type\":\"conversation.item.done\",\"event_id\":\"e\",\"item\":{\"id\":\"m%d\",\"type\":\"mcp_approval_request\",\"server_label\":\"%s\","
		        "\"name\":\"%s\",\"arguments\":\"{}\"}}", i, i == 1 ? "other" : "crm", i == 2 ? "erase" : "find");
	expect(w, "approve m0 1;approve m1 0;approve m2 0;");
	w_model(w, "{\"type\":\"response.mcp_call.in_progress\",\"event_id\":\"e\",\"output_index\":0,\"item_id\":\"x1\"}");
	w_model(w, "{\"type\":\"response.mcp_call.in_progress\",\"event_id\":\"e\",\"output_index\":1,\"item_id\":\"x2\"}");
	calls_done(w, "r1", "completed");
	w_run(w, 100);
	w_model(w, "{\"type\":\"response.mcp_call.completed\",\"event_id\":\"e\",\"output_index\":0,\"item_id\":\"x1\"}");
	w_run(w, 20);
	w_model(w, "{\"type\":\"response.mcp_call.failed\",\"event_id\":\"e\",\"output_index\":1,\"item_id\":\"x2\"}");
	forget(w);
	w_run(w, 260);
	expect(w, "");
	w_run(w, 60);
	expect(w, "create;");
	w_end(w);
}

static void mcp_calls_and_tools_of_one_response_have_one_answer(void **st)
{
	(void)st;
	for (int tool_first = 0; tool_first < 2; tool_first++) {
		struct world *w = mcp_talking();

		w_response(w, "r1");
		call_item(w, "r1", "c1", "lookup", "{}");
		mcp_begins(w, "x1");
		calls_done(w, "r1", "completed");
		w_run(w, 500);
		forget(w);
		if (tool_first)
			result(w, 1, 200, "nine");
		else
			mcp_ends(w, "x1", "\"found\"");
		w_run(w, 700);
		assert_null(strstr(buf_z(&w->log), "create;"));
		if (tool_first)
			mcp_ends(w, "x1", "\"found\"");
		else
			result(w, 1, 200, "nine");
		w_run(w, 340);
		assert_non_null(strstr(buf_z(&w->log), "create;"));
		forget(w);
		w_answer(w, "r2", "iA", 200, "Both");
		w_run(w, 1500);
		assert_null(strstr(buf_z(&w->log), "create;"));
		w_end(w);
	}
}

static void a_refused_call_beside_one_that_runs_has_no_answer_of_its_own(void **st)
{
	struct world *w = mcp_talking();

	(void)st;
	w_response(w, "r1");
	mcp_asks(w, "m1", "erase");
	w_run(w, 400);
	mcp_asks(w, "m2", "find");
	calls_done(w, "r1", "completed");
	expect(w, "approve m1 0;approve m2 1;");
	w_run(w, 1000);
	expect(w, "");                                           /* approved and not begun yet */
	mcp_begins(w, "x2");
	w_run(w, 1000);
	expect(w, "");
	mcp_ends(w, "x2", "\"found\"");
	w_run(w, 280);
	expect(w, "tool done;");
	w_run(w, 60);
	expect(w, "create;");
	w_end(w);
}

static void an_mcp_call_that_never_ends_is_not_waited_for(void **st)
{
	struct world *w = mcp_talking();

	(void)st;
	w_response(w, "r1");
	mcp_asks(w, "m1", "find");
	calls_done(w, "r1", "completed");
	w_run(w, 9900);
	expect(w, "approve m1 1;");
	w_run(w, 500);
	expect(w, "create;");
	w_answer(w, "r2", "iA", 200, "No");
	w_response(w, "r3");
	mcp_begins(w, "x1");
	calls_done(w, "r3", "completed");
	forget(w);
	w_run(w, 59000);
	assert_null(strstr(buf_z(&w->log), "create;"));
	w_run(w, 1500);
	assert_non_null(strstr(buf_z(&w->log), "create;"));
	w_end(w);
}

static void an_mcp_call_is_kept_and_told_to_the_next_connection(void **st)
{
	struct world *w = mcp_talking();

	(void)st;
	w_response(w, "r1");
	mcp_begins(w, "x1");
	mcp_begins(w, "x2");
	calls_done(w, "r1", "completed");
	mcp_ends(w, "x1", "\"found it\"");
	expect(w, "tool done;");
	w_event(w, EV_MODEL_CLOSED, "1006");                     /* x2 is lost with it: its answer is owed */
	w_run(w, 300);
	forget(w);
	w_ready(w);
	w_run(w, 40);
	assert_non_null(strstr(buf_z(&w->log), "(The tool find of the server crm was called with {}; the result: found it)"));
	assert_non_null(strstr(buf_z(&w->log), "create;"));
	forget(w);
	w_answer(w, "r2", "iA", 200, "Found");
	w_response(w, "r3");
	mcp_begins(w, "x3");
	calls_done(w, "r3", "completed");
	mcp_ends(w, "x3", "{\"type\":\"tool_execution_error\",\"message\":\"lookup failed\"}");
	w_event(w, EV_MODEL_CLOSED, "1006");
	w_run(w, 800);
	forget(w);
	w_ready(w);
	w_run(w, 40);
	assert_non_null(strstr(buf_z(&w->log), "the result: {\"error\":\"lookup failed\"})"));
	assert_non_null(strstr(buf_z(&w->log), "create;"));
	w_end(w);
}

/* The server's own answer to the caller has it: at once, or a moment later. */
static void what_is_over_while_the_caller_speaks_waits_for_the_servers_answer(void **st)
{
	(void)st;
	for (int i = 0; i < 4; i++) {
		struct world *w = mcp_talking();

		w_response(w, "r1");
		if (i / 2)
			mcp_begins(w, "x1");
		else
			call_item(w, "r1", "c1", "lookup", "{}");
		calls_done(w, "r1", "completed");
		w_model(w, "{\"type\":\"input_audio_buffer.speech_started\",\"event_id\":\"e\",\"audio_start_ms\":1000,\"item_id\":\"u1\"}");
		if (i / 2)
			mcp_ends(w, "x1", "\"found\"");
		else
			result(w, 1, 200, "found");
		forget(w);
		w_run(w, 3000);
		assert_null(strstr(buf_z(&w->log), "create;"));
		w_model(w, "{\"type\":\"input_audio_buffer.speech_stopped\",\"event_id\":\"e\",\"audio_end_ms\":4000,\"item_id\":\"u1\"}");
		w_run(w, i % 2 * 100);
		w_answer(w, "r2", "iA", 200, "Found");
		w_run(w, 2000);
		assert_null(strstr(buf_z(&w->log), "create;"));
		w_end(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mcp_requests_are_approved_by_the_list_and_answers_follow),
		cmocka_unit_test(mcp_calls_and_tools_of_one_response_have_one_answer),
		cmocka_unit_test(a_refused_call_beside_one_that_runs_has_no_answer_of_its_own),
		cmocka_unit_test(an_mcp_call_that_never_ends_is_not_waited_for),
		cmocka_unit_test(an_mcp_call_is_kept_and_told_to_the_next_connection),
		cmocka_unit_test(what_is_over_while_the_caller_speaks_waits_for_the_servers_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
