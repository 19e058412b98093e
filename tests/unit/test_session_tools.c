/* session with tools: whole calls as scripts - what the model asks for, what the caller hears, what is asked of the world. */
#include "base/fault.h"
#include "call_world.h"
#include "media-relay/tools.h"

static struct tool http[] = {
	{ .name = (char *)"lookup", .timeout_ms = 10000, .filler = (char *)"One moment." }, { .name = (char *)"weather", .timeout_ms = 2000 },
};

static struct setup *tool_setup(void)
{
	struct setup *s = w_setup();

	s->tools.http = calloc(2, sizeof *s->tools.http);
	for (int i = 0; i < 2; i++)
		assert_int_equal(field_copy(tool_type.fields, tool_type.fields_n, &s->tools.http[i], &http[i]), ERR_OK);
	s->tools.http_n = 2;
	s->tools.builtins = 0xff;
	s->targets = strdup("[{\"name\":\"Sales\",\"number\":\"+15550100\"}]");
	s->timezone = strdup("UTC");
	return s;
}

static void call_item(struct world *w, const char *response, const char *call, const char *name, const char *arguments)
{
	w_model(w, "{\"type\":\"response.output_item.done\",\"event_id\":\"e\",\"response_id\":\"%s\",\"output_index\":1,\"item\":{\"id\":\"item_%s\",\"type\":"
	        "\"function_call\",\"status\":\"completed\",\"name\":\"%s\",\"call_id\":\"%s\",\"arguments\":\"%s\"}}", response, call, name, call, arguments);
}

static void calls_done(struct world *w, const char *id, const char *status)
{
	w_model(w, "{\"type\":\"response.done\",\"event_id\":\"e\",\"response\":{\"object\":\"realtime.response\",\"id\":\"%s\",\"status\":\"%s\",\"status_details\":null,"
	        "\"output\":[{\"id\":\"x\",\"type\":\"function_call\"}],\"usage\":null}}", id, status);
}

static void filler_created(struct world *w, const char *id)
{
	w_model(w, "{\"type\":\"response.created\",\"event_id\":\"e\",\"response\":{\"id\":\"%s\",\"status\":\"in_progress\",\"metadata\":{\"purpose\":\"filler\"}}}", id);
}

static void result(struct world *w, uint64_t ticket, int status, const char *body)
{
	struct tools_result r = { .ticket = ticket, .status = status, .body = span_z(body) };

	session_event(w->s, EV_TOOL, span_of(&r, sizeof r));
}

static void press_keys(struct world *w, const char *keys)
{
	for (; *keys; keys++)
		w_caller(w, "{\"event\":\"dtmf\",\"streamSid\":\"" STREAM "\",\"sequenceNumber\":\"5\",\"dtmf\":{\"track\":\"inbound_track\",\"digit\":\"%c\"}}", *keys);
}

/* One call in a response that says nothing. */
static void asks(struct world *w, const char *response, const char *name, const char *arguments)
{
	w_response(w, response);
	call_item(w, response, response, name, arguments);
	calls_done(w, response, "completed");
}

static void two_tools_and_one_that_times_out_give_one_answer(void **st)
{
	struct world *w = w_talking(tool_setup());

	(void)st;
	w_response(w, "r1");
	call_item(w, "r1", "c1", "lookup", "{}");
	call_item(w, "r1", "c2", "get_current_time", "{}");
	call_item(w, "r1", "c3", "weather", "{}");
	expect(w, "");
	calls_done(w, "r1", "completed");
	assert_non_null(strstr(buf_z(&w->log), "tool runs;http lookup 1 {};tool runs;output c2 {\"date\""));
	assert_non_null(strstr(buf_z(&w->log), "http weather 2 {};"));
	forget(w);
	w_run(w, 1000);
	result(w, 1, 200, "nine");
	expect(w, "output c1 nine;tool done;");
	w_run(w, 980);
	expect(w, "");
	w_run(w, 40);
	expect(w, "output c3 {\"error\":\"the tool did not answer in time\"};tool done;create;");
	result(w, 2, 200, "late");
	w_run(w, 200);
	expect(w, "");
	w_end(w);
}

static void a_filler_is_spoken_beside_the_conversation_and_the_answer_waits_for_it(void **st)
{
	struct world *w = w_talking(tool_setup());

	(void)st;
	asks(w, "r1", "lookup", "{}");
	forget(w);
	w_run(w, 1480);
	expect(w, "");
	w_run(w, 40);
	expect(w, "filler nothing else: \"One moment.\";");
	filler_created(w, "f");
	w_delta(w, "f", "iF", 300);
	result(w, 1, 200, "x");
	w_run(w, 100);
	expect(w, "output r1 x;tool done;");                     /* never two voices: the answer waits until the filler is made */
	w_item_done(w, "f", "iF");
	w_words(w, "f", "iF", "One moment.");
	w_done(w, "f", "completed");
	expect(w, "create;");
	w_answer(w, "r2", "iA", 500, "Here");
	w_run(w, 1200);
	assert_int_equal(w->down.n, 800 * 8);
	w_end(w);
}

static void a_filler_that_comes_too_late_is_cancelled(void **st)
{
	struct world *w = w_talking(tool_setup());

	(void)st;
	asks(w, "r1", "lookup", "{}");
	w_run(w, 1520);
	forget(w);
	result(w, 1, 200, "x");
	filler_created(w, "f");
	expect(w, "output r1 x;tool done;cancel f;");
	w_delta(w, "f", "iF", 300);
	assert_int_equal(w->down.n, 0);
	w_done(w, "f", "cancelled");
	expect(w, "create;");
	w_end(w);
}

static void a_filler_that_the_server_refuses_holds_up_no_answer(void **st)
{
	static const char *const codes[] = { "unknown_parameter", "conversation_already_has_active_response" };

	(void)st;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		struct world *w = w_talking(tool_setup());

		asks(w, "r1", "lookup", "{}");
		w_run(w, 1520);
		forget(w);
		for (unsigned n = 1; n < 20; n++)        /* whatever number it has */
			w_model(w, "{\"type\":\"error\",\"event_id\":\"e\",\"error\":{\"type\":\"invalid_request_error\",\"code\":\"%s\",\"message\":\"no\","
			        "\"event_id\":\"f%u\"}}", codes[i], n);
		w_run(w, 3000);
		expect(w, "");                           /* nor does it bring one of its own */
		result(w, 1, 200, "x");
		w_run(w, 20);
		expect(w, "output r1 x;tool done;create;");
		w_end(w);
	}
}

static void a_filler_that_begins_when_it_was_given_up_is_no_answer(void **st)
{
	struct world *w = w_talking(tool_setup());

	(void)st;
	asks(w, "r1", "lookup", "{}");
	w_run(w, 1520);
	result(w, 1, 200, "x");
	forget(w);
	w_run(w, 8100);
	expect(w, "create;");
	filler_created(w, "f");
	expect(w, "cancel f;");
	w_delta(w, "f", "iF", 300);
	w_done(w, "f", "cancelled");
	w_answer(w, "r2", "iA", 500, "Here");
	w_run(w, 1200);
	assert_int_equal(w->down.n, 500 * 8);
	w_end(w);
}

static void a_filler_that_is_cut_is_not_truncated_because_no_conversation_knows_it(void **st)
{
	struct world *w = w_talking(tool_setup());

	(void)st;
	asks(w, "r1", "lookup", "{}");
	w_run(w, 1520);
	filler_created(w, "f");
	w_delta(w, "f", "iF", 900);
	w_run(w, 200);
	forget(w);
	w_speech(w, "iU");
	assert_null(strstr(buf_z(&w->log), "truncate"));
	assert_non_null(strstr(buf_z(&w->log), "clear;"));
	assert_non_null(strstr(buf_z(&w->log), "cancel f;"));
	w_end(w);
}

/* The server's own answer to what they say has the outputs too, whether it begins at once or a little later. */
static void an_answer_is_not_asked_for_while_the_caller_speaks(void **st)
{
	(void)st;
	for (int later = 0; later <= 100; later += 100) {
		struct world *w = w_talking(tool_setup());

		asks(w, "r1", "lookup", "{}");
		w_speech(w, "iU");
		forget(w);
		result(w, 1, 200, "x");
		w_run(w, 1000);
		expect(w, "output r1 x;tool done;");
		w_speech_over(w, "iU");
		w_run(w, later);
		w_answer(w, "r2", "i2", 500, "Here you are");
		w_run(w, 1000);
		assert_null(strstr(buf_z(&w->log), "create"));
		w_end(w);
	}
}

static void goodbye_is_heard_before_the_line_is_closed(void **st)
{
	struct world *w = w_talking(tool_setup());

	(void)st;
	w->delay = 80;
	w_response(w, "r1");
	w_delta(w, "r1", "iA", 1000);
	w_item_done(w, "r1", "iA");
	w_words(w, "r1", "iA", "Goodbye");
	call_item(w, "r1", "c1", "end_call", "{\\\"reason\\\":\\\"done\\\"}");
	calls_done(w, "r1", "completed");
	w_run(w, 1000);
	assert_null(strstr(buf_z(&w->log), "create;"));
	assert_null(strstr(buf_z(&w->log), "outcome"));
	w_run(w, 240);
	assert_non_null(strstr(buf_z(&w->log), "outcome ended agent_ended hangup;"));
	w_end(w);
}

static void a_call_that_ends_without_a_word_is_given_one(void **st)
{
	struct world *w = w_talking(tool_setup());

	(void)st;
	asks(w, "r1", "end_call", "{\\\"reason\\\":\\\"done\\\"}");
	assert_non_null(strstr(buf_z(&w->log), "create;"));
	w_answer(w, "r2", "iA", 500, "Bye");
	w_run(w, 300);
	assert_null(strstr(buf_z(&w->log), "outcome"));
	w_run(w, 400);
	assert_non_null(strstr(buf_z(&w->log), "outcome ended agent_ended hangup;"));
	w_end(w);
}

static void p21_the_callers_speech_calls_the_end_off(void **st)
{
	struct world *w = w_talking(tool_setup());

	(void)st;
	w_response(w, "r1");
	w_delta(w, "r1", "iA", 1000);
	w_item_done(w, "r1", "iA");
	call_item(w, "r1", "c1", "end_call", "{\\\"reason\\\":\\\"done\\\"}");
	calls_done(w, "r1", "completed");
	w_run(w, 400);
	w_speech(w, "iU");
	w_run(w, 20000);
	assert_null(strstr(buf_z(&w->log), "outcome"));
	w_end(w);
}

/* The caller began before the goodbye had ended; whether that is speech shows a moment later, by its length or its words. */
static void p21_speech_that_is_still_in_doubt_holds_the_end_up(void **st)
{
	(void)st;
	for (int words = 0; words < 2; words++) {
		struct setup *s = tool_setup();
		struct world *w;

		s->barge_in_min_speech_ms = 400;
		w = w_talking(s);
		w_response(w, "r1");
		w_delta(w, "r1", "iA", 1000);
		w_item_done(w, "r1", "iA");
		call_item(w, "r1", "c1", "end_call", "{\\\"reason\\\":\\\"done\\\"}");
		calls_done(w, "r1", "completed");
		w_run(w, 900);
		w_speech(w, "iU");
		w_run(w, 300);
		assert_null(strstr(buf_z(&w->log), "outcome"));
		if (words) {
			w_speech_over(w, "iU");
			w_run(w, 600);
			w_heard(w, "iU", "Wait!");
			w_answer(w, "r2", "i2", 500, "Yes?");
		}
		w_run(w, 20000);
		assert_null(strstr(buf_z(&w->log), "outcome"));
		w_end(w);
	}
}

static void a_phone_without_echoes_is_hung_up_on_ten_seconds_later(void **st)
{
	struct world *w = w_talking(tool_setup());

	(void)st;
	w->mute = true;
	w_response(w, "r1");
	w_delta(w, "r1", "iA", 1000);
	w_item_done(w, "r1", "iA");
	call_item(w, "r1", "c1", "end_call", "{\\\"reason\\\":\\\"done\\\"}");
	calls_done(w, "r1", "completed");
	w_run(w, 10900);
	assert_null(strstr(buf_z(&w->log), "outcome"));
	w_run(w, 300);
	assert_non_null(strstr(buf_z(&w->log), "outcome ended agent_ended hangup;"));
	w_end(w);
}

/* --- handing over --- */

static void away(struct world *w, const char *resume)
{
	char want[100];

	snprintf(want, sizeof want, "outcome - - %s;", resume);
	assert_non_null(strstr(buf_z(&w->log), want));
	assert_null(strstr(buf_z(&w->log), "close caller"));
	forget(w);
	w_event(w, EV_OUTCOME_SAVED, NULL);
	expect(w, "close caller 1000;");
	w_event(w, EV_CALLER_CLOSED, "1000");
}

static void transfers(struct world *w, const char *arguments)
{
	w_response(w, "r1");
	w_delta(w, "r1", "iA", 500);
	w_item_done(w, "r1", "iA");
	call_item(w, "r1", "c1", "transfer_call", arguments);
	calls_done(w, "r1", "completed");
	w_run(w, 600);
	assert_non_null(strstr(w->handover, "\"number\":\"+15550100\""));
	away(w, "transfer");
}

static void again(struct world *w)
{
	w_event(w, EV_ANNOUNCED, NULL);
	w_start(w);
}

static void a_transfer_that_fails_comes_back_to_an_agent_who_knows_it(void **st)
{
	struct world *w = w_talking(tool_setup());
	struct session_view v;

	(void)st;
	transfers(w, "{\\\"target\\\":\\\"Sales\\\"}");
	session_view(w->s, &v);
	assert_string_equal(v.resume, "transfer");
	w_run(w, 30000);
	w_event(w, EV_RETURNED, "no-answer");
	session_view(w->s, &v);
	assert_string_equal(v.resume, "resume");
	forget(w);
	again(w);
	w_run(w, 40);
	assert_non_null(strstr(buf_z(&w->log), "system [The transfer failed: no-answer."));
	assert_non_null(strstr(buf_z(&w->log), "create;"));
	assert_null(strstr(buf_z(&w->log), "dial"));             /* the model was kept */
	assert_null(strstr(buf_z(&w->log), "greet;"));
	w_end(w);
}

static void a_transfer_that_succeeds_ends_the_call(void **st)
{
	for (int how = 0; how < 4; how++) {
		struct world *w = w_talking(tool_setup());

		(void)st;
		transfers(w, how == 3 ? "{\\\"target\\\":\\\"Sales\\\",\\\"return_to_agent\\\":false}" : "{\\\"target\\\":\\\"Sales\\\"}");
		if (how == 0)
			w_run(w, 76000);
		else if (how == 2)
			w_event(w, EV_STATUS_FINAL, "completed");
		else
			w_event(w, EV_RETURNED, how == 1 ? "completed" : "busy");
		assert_non_null(strstr(buf_z(&w->log), how == 0 ? "outcome ended transferred transfer;" : "outcome ended transferred hangup;"));
		w_end(w);
	}
}

static void keys_are_pressed_and_the_conversation_goes_on(void **st)
{
	struct world *w = w_talking(tool_setup());

	(void)st;
	asks(w, "r1", "send_digits", "{\\\"digits\\\":\\\"12w3#\\\"}");
	w_run(w, 20);
	assert_string_equal(w->handover, "{\"digits\":\"12w3#\"}");
	assert_null(strstr(buf_z(&w->log), "create;"));
	away(w, "digits");
	w_run(w, 3000);
	again(w);
	w_run(w, 40);
	assert_non_null(strstr(buf_z(&w->log), "create;"));      /* nothing was said before: it is now */
	assert_null(strstr(buf_z(&w->log), "dial"));
	assert_null(strstr(buf_z(&w->log), "greet;"));
	assert_int_equal(w->outcome.end_reason != NULL, 0);
	w_end(w);
}

/* --- keys --- */

static bool silent(const struct world *w, size_t from)
{
	for (size_t i = from; i < w->up.n; i++)
		if ((uint8_t)w->up.p[i] != 0xFF)
			return false;
	return w->up.n > from;
}

static void p41_secret_keys_and_what_is_said_meanwhile_go_to_nobody_but_their_tool(void **st)
{
	struct world *w = w_talking(tool_setup());
	size_t from;

	(void)st;
	asks(w, "r1", "collect_digits", "{\\\"max_digits\\\":4,\\\"secret\\\":true,\\\"deliver_to\\\":\\\"weather\\\"}");
	w_frame(w, 7);
	forget(w);
	from = w->up.n;
	for (int i = 0; i < 4; i++) {
		w_frame(w, (uint8_t)i);
		press_keys(w, (char[]){ (char)('5' + i), 0 });
		w_frame(w, (uint8_t)i);
		w_run(w, 40);
	}
	assert_true(silent(w, from));
	assert_int_equal(w->up.n - from, 8 * 160);
	expect(w, "http weather 2 {\"digits\":\"5678\"};");
	result(w, 2, 200, "5678 taken");
	w_run(w, 1000);
	expect(w, "output r1 {\"received\":4,\"delivered\":true};tool done;create;");
	from = w->up.n;
	w_frame(w, 9);
	assert_false(silent(w, from));
	w_end(w);
}

static void p41_a_frame_of_any_length_is_silence_while_secret_keys_are_pressed(void **st)
{
	struct world *w = w_talking(tool_setup());
	char b64[B64_ENCODED(8000) + 1];

	(void)st;
	asks(w, "r1", "collect_digits", "{\\\"max_digits\\\":4,\\\"secret\\\":true,\\\"deliver_to\\\":\\\"weather\\\"}");
	w_b64(b64, 8000, 7);
	w_caller(w, "{\"event\":\"media\",\"media\":{\"timestamp\":\"0\",\"payload\":\"%s\"},\"streamSid\":\"%s\"}", b64, w->streams);
	assert_true(silent(w, 0));
	press_keys(w, "1#");
	w_run(w, 600);
	w->frame_ts = 1000;
	w_frame(w, 7);
	assert_int_equal(w->up.n, 8000 + 160);                   /* nothing of it is missing */
	assert_true(silent(w, 0) == false);
	w_end(w);
}

static void collected_keys_end_with_the_pause_of_somebody_who_reads_a_card(void **st)
{
	struct world *w = w_talking(tool_setup());

	(void)st;
	press_keys(w, "4");
	asks(w, "r1", "collect_digits", "{}");
	press_keys(w, "2");
	forget(w);
	w_run(w, 4900);
	expect(w, "");
	w_run(w, 200);
	expect(w, "output r1 {\"digits\":\"42\"};tool done;create;");
	press_keys(w, "7");                                           /* the window is shut */
	w_run(w, 3000);
	assert_non_null(strstr(buf_z(&w->log), "text [keypad: 7];"));
	w_end(w);
}

static void the_hash_behind_the_last_of_the_keys_asked_for_says_nothing(void **st)
{
	struct world *w = w_talking(tool_setup());

	(void)st;
	asks(w, "r1", "collect_digits", "{\\\"max_digits\\\":2}");
	press_keys(w, "42");
	w_run(w, 200);
	w_response(w, "r2");
	forget(w);
	press_keys(w, "#");
	w_run(w, 3000);
	expect(w, "");                                           /* the answer is not cancelled either */
	w_answer(w, "r2", "i2", 500, "Thank you");
	w_run(w, 800);
	forget(w);
	press_keys(w, "#");
	assert_non_null(strstr(buf_z(&w->log), "text [keypad: #];"));
	w_end(w);
}

/* --- MCP --- */

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

static void mcp_begins(struct world *w, const char *item)
{
	w_model(w, "{\"type\":\"response.mcp_call.in_progress\",\"event_id\":\"e\",\"output_index\":0,\"item_id\":\"%s\"}", item);
}

static void mcp_ends(struct world *w, const char *item, const char *outcome)
{
	w_model(w, "{\"type\":\"response.mcp_call.%s\",\"event_id\":\"e\",\"output_index\":0,\"item_id\":\"%s\"}", *outcome == '{' ? "failed" : "completed", item);
	w_model(w, "{\"type\":\"conversation.item.done\",\"event_id\":\"e\",\"item\":{\"id\":\"%s\",\"type\":\"mcp_call\",\"server_label\":\"crm\",\"name\":\"find\","
	        "\"arguments\":\"{}\",\"output\":%s,\"error\":%s}}", item, *outcome == '{' ? "null" : outcome, *outcome == '{' ? outcome : "null");
}

static void mcp_asks(struct world *w, const char *request, const char *tool)
{
	w_model(w, "{\"type\":\"conversation.item.done\",\"event_id\":\"e\",\"item\":{\"id\":\"%s\",\"type\":\"mcp_approval_request\",\"server_label\":\"crm\","
	        "\"name\":\"%s\",\"arguments\":\"{}\"}}", request, tool);
}

static struct world *mcp_talking(void)
{
	struct setup *s = tool_setup();

	s->tools.mcp = strdup("[{\"server_label\":\"crm\",\"allowed_tools\":[\"find\"]}]");
	return w_talking(s);
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

/* --- machines --- */

static void p35_a_mailbox_gets_its_message_or_nothing_and_a_fax_nothing(void **st)
{
	static const struct { const char *who, *message; bool ends; } rows[] = {
		{ "human", NULL, false }, { "unknown", "Please call back", false }, { "fax", "Please call back", true },
		{ "machine_start", NULL, true }, { "machine_end_beep", "Please call back", false },
	};

	(void)st;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct setup *s = tool_setup();
		struct world *w;

		s->voicemail = rows[i].message ? strdup(rows[i].message) : NULL;
		w = w_talking(s);
		w_event(w, EV_MACHINE, rows[i].who);
		w_run(w, 40);
		assert_int_equal(strstr(buf_z(&w->log), "outcome ended agent_ended hangup;") != NULL, rows[i].ends);
		if (strncmp(rows[i].who, "machine_end", 11) == 0) {
			assert_non_null(strstr(buf_z(&w->log), "Please call back"));
			assert_non_null(strstr(buf_z(&w->log), "create;"));
			w_answer(w, "r1", "iA", 500, "Please call back");
			w_run(w, 800);
			assert_non_null(strstr(buf_z(&w->log), "outcome ended agent_ended hangup;"));
		}
		w_end(w);
	}
}

static void p35_an_agent_that_nobody_may_interrupt_stops_for_a_mailbox(void **st)
{
	struct setup *s = tool_setup();
	struct world *w;

	(void)st;
	s->voicemail = strdup("Please call back");
	s->vad_interrupt = false;
	w = w_talking(s);
	w_response(w, "r1");
	w_delta(w, "r1", "iA", 1000);
	w_run(w, 200);
	forget(w);
	w_event(w, EV_MACHINE, "machine_end_beep");
	assert_true(span_starts(buf_span(&w->log), SPAN("clear;cancel r1;")));
	w_end(w);
}

static void p35_who_answered_may_be_known_before_the_stream_is_there(void **st)
{
	(void)st;
	for (int message = 0; message < 2; message++) {
		struct setup *s = tool_setup();
		struct world *w;

		s->voicemail = message ? strdup("Please call back") : NULL;
		w = w_begin(s);
		w_ready(w);
		w_response(w, "resp_G");
		w_delta(w, "resp_G", "item_G", 500);
		w_event(w, EV_MACHINE, "machine_end_beep");
		w_run(w, 3000);
		forget(w);
		w_start(w);
		w_run(w, 40);
		assert_int_equal(w->down.n, 0);                  /* no greeting for a machine */
		assert_non_null(strstr(buf_z(&w->log), message ? "Please call back" : "outcome ended agent_ended hangup;"));
		w_end(w);
	}
}

static void p35_a_message_that_the_greeting_cuts_is_left_behind_it(void **st)
{
	struct setup *s = tool_setup();
	struct world *w;

	(void)st;
	s->voicemail = strdup("Please call back");
	w = w_talking(s);
	w_event(w, EV_MACHINE, "machine_start");
	w_run(w, 40);
	w_response(w, "r1");
	w_delta(w, "r1", "iA", 1000);
	w_run(w, 400);
	forget(w);
	w_model(w, "{\"type\":\"input_audio_buffer.speech_started\",\"event_id\":\"e\",\"audio_start_ms\":1000,\"item_id\":\"u1\"}");
	w_done(w, "r1", "cancelled");
	w_run(w, 3000);
	assert_null(strstr(buf_z(&w->log), "outcome"));          /* not in the middle of the greeting, with nothing said */
	w_model(w, "{\"type\":\"input_audio_buffer.speech_stopped\",\"event_id\":\"e\",\"audio_end_ms\":4000,\"item_id\":\"u1\"}");
	w_run(w, 300);
	w_answer(w, "r2", "iB", 500, "Please call back");
	w_run(w, 400);
	assert_null(strstr(buf_z(&w->log), "outcome"));
	w_run(w, 500);
	assert_non_null(strstr(buf_z(&w->log), "outcome ended agent_ended hangup;"));
	assert_null(strstr(buf_z(&w->log), "create;"));          /* the server's own answer was it */
	w_end(w);
}

static void p35_a_mailbox_that_never_listens_is_hung_up_on(void **st)
{
	struct setup *s = tool_setup();
	struct world *w;

	(void)st;
	s->voicemail = strdup("Please call back");
	w = w_talking(s);
	w_event(w, EV_MACHINE, "machine_start");
	for (int i = 0; i < 59; i++) {
		w_run(w, 40);
		w_response(w, "r1");
		w_delta(w, "r1", "iA", 1000);
		w_run(w, 400);
		w_model(w, "{\"type\":\"input_audio_buffer.speech_started\",\"event_id\":\"e\",\"audio_start_ms\":1000,\"item_id\":\"u1\"}");
		w_done(w, "r1", "cancelled");
		w_run(w, 1500);
		w_model(w, "{\"type\":\"input_audio_buffer.speech_stopped\",\"event_id\":\"e\",\"audio_end_ms\":4000,\"item_id\":\"u1\"}");
		w_run(w, 60);
		assert_null(strstr(buf_z(&w->log), "outcome"));
	}
	w_run(w, 3000);
	assert_non_null(strstr(buf_z(&w->log), "outcome ended agent_ended hangup;"));
	w_end(w);
}

/* A notice is played before the stream: that takes longer than to tell a mailbox from a person. */
static void p35_who_answered_is_kept_while_there_is_no_stream(void **st)
{
	(void)st;
	for (int i = 0; i < 4; i++) {
		struct setup *s = tool_setup();
		struct world *w;

		s->voicemail = i % 2 ? strdup("Please call back") : NULL;
		w = w_begin(i < 2 ? s : NULL);
		if (i < 2)
			w_ready(w);
		w_event(w, EV_MACHINE, "machine_start");
		if (i >= 2) {
			session_take_setup(w->s, s);
			w_event(w, EV_RECORD, NULL);
			w_ready(w);
		}
		w_answer(w, "resp_G", "item_G", 500, "Hello");
		assert_null(strstr(buf_z(&w->log), "outcome"));
		forget(w);
		w_start(w);
		w_run(w, 200);
		assert_int_equal(w->down.n, 0);                  /* nothing of the greeting */
		assert_int_equal(strstr(buf_z(&w->log), "outcome ended agent_ended hangup;") != NULL, i % 2 == 0);
		assert_int_equal(strstr(buf_z(&w->log), "Please call back") != NULL, i % 2 == 1);
		if (i % 2) {
			assert_non_null(strstr(buf_z(&w->log), "create;"));
			w_answer(w, "r1", "iA", 500, "Please call back");
			w_run(w, 800);
			assert_non_null(strstr(buf_z(&w->log), "outcome ended agent_ended hangup;"));
		}
		w_end(w);
	}
}

static void a_result_that_comes_behind_a_new_connection_reaches_it_as_history(void **st)
{
	struct world *w = w_talking(tool_setup());

	(void)st;
	asks(w, "r1", "lookup", "{}");
	w_event(w, EV_MODEL_CLOSED, "1006");
	w_run(w, 300);
	w_ready(w);
	w_run(w, 40);
	forget(w);
	result(w, 1, 200, "{\"found\":\"nine\"}");
	w_run(w, 40);
	assert_non_null(strstr(buf_z(&w->log), "found"));
	assert_null(strstr(buf_z(&w->log), "output r1"));
	assert_true(strstr(buf_z(&w->log), "create;") > strstr(buf_z(&w->log), "found"));
	w_end(w);
}

static void out_of_memory_anywhere_is_survived(void **st)
{
	(void)st;
#ifdef OFFHOOK_FAULTS
	for (unsigned n = 0;; n++) {
		struct world *w = mcp_talking();
		bool met;

		fault_arm(n);
		w_response(w, "r1");
		call_item(w, "r1", "c1", "lookup", "{\\\"day\\\":\\\"x\\\"}");
		call_item(w, "r1", "c2", "get_current_time", "{}");
		call_item(w, "r1", "c3", "collect_digits", "{\\\"secret\\\":true,\\\"deliver_to\\\":\\\"weather\\\"}");
		calls_done(w, "r1", "completed");
		w_run(w, 1600);
		filler_created(w, "f");
		result(w, 1, 200, "fine");
		press_keys(w, "12#");
		result(w, 2, 200, "taken");
		w_done(w, "f", "completed");
		w_response(w, "r4");
		mcp_asks(w, "m1", "find");
		mcp_asks(w, "m2", "erase");
		calls_done(w, "r4", "completed");
		mcp_begins(w, "x1");
		mcp_begins(w, "x2");
		mcp_ends(w, "x1", "\"found\"");
		mcp_ends(w, "x2", "{\"type\":\"http_error\",\"message\":\"gone\"}");
		w_run(w, 400);
		w_answer(w, "r5", "iB", 200, "Found");
		asks(w, "r2", "transfer_call", "{\\\"target\\\":\\\"Sales\\\"}");
		w_answer(w, "r3", "iA", 200, "One moment");
		w_run(w, 600);
		w_event(w, EV_OUTCOME_SAVED, NULL);
		w_event(w, EV_RETURNED, "busy");
		met = fault_disarm();
		w_end(w);
		if (!met) {
			assert_true(n > 30);
			break;
		}
	}
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_tools_and_one_that_times_out_give_one_answer),
		cmocka_unit_test(a_filler_is_spoken_beside_the_conversation_and_the_answer_waits_for_it),
		cmocka_unit_test(a_filler_that_comes_too_late_is_cancelled),
		cmocka_unit_test(a_filler_that_the_server_refuses_holds_up_no_answer),
		cmocka_unit_test(a_filler_that_begins_when_it_was_given_up_is_no_answer),
		cmocka_unit_test(a_filler_that_is_cut_is_not_truncated_because_no_conversation_knows_it),
		cmocka_unit_test(an_answer_is_not_asked_for_while_the_caller_speaks),
		cmocka_unit_test(goodbye_is_heard_before_the_line_is_closed),
		cmocka_unit_test(a_call_that_ends_without_a_word_is_given_one),
		cmocka_unit_test(p21_the_callers_speech_calls_the_end_off),
		cmocka_unit_test(p21_speech_that_is_still_in_doubt_holds_the_end_up),
		cmocka_unit_test(a_phone_without_echoes_is_hung_up_on_ten_seconds_later),
		cmocka_unit_test(a_transfer_that_fails_comes_back_to_an_agent_who_knows_it),
		cmocka_unit_test(a_transfer_that_succeeds_ends_the_call),
		cmocka_unit_test(keys_are_pressed_and_the_conversation_goes_on),
		cmocka_unit_test(p41_secret_keys_and_what_is_said_meanwhile_go_to_nobody_but_their_tool),
		cmocka_unit_test(p41_a_frame_of_any_length_is_silence_while_secret_keys_are_pressed),
		cmocka_unit_test(collected_keys_end_with_the_pause_of_somebody_who_reads_a_card),
		cmocka_unit_test(the_hash_behind_the_last_of_the_keys_asked_for_says_nothing),
		cmocka_unit_test(mcp_requests_are_approved_by_the_list_and_answers_follow),
		cmocka_unit_test(mcp_calls_and_tools_of_one_response_have_one_answer),
		cmocka_unit_test(a_refused_call_beside_one_that_runs_has_no_answer_of_its_own),
		cmocka_unit_test(an_mcp_call_that_never_ends_is_not_waited_for),
		cmocka_unit_test(an_mcp_call_is_kept_and_told_to_the_next_connection),
		cmocka_unit_test(what_is_over_while_the_caller_speaks_waits_for_the_servers_answer),
		cmocka_unit_test(a_result_that_comes_behind_a_new_connection_reaches_it_as_history),
		cmocka_unit_test(out_of_memory_anywhere_is_survived),
		cmocka_unit_test(p35_an_agent_that_nobody_may_interrupt_stops_for_a_mailbox),
		cmocka_unit_test(p35_who_answered_may_be_known_before_the_stream_is_there),
		cmocka_unit_test(p35_a_mailbox_gets_its_message_or_nothing_and_a_fax_nothing),
		cmocka_unit_test(p35_a_message_that_the_greeting_cuts_is_left_behind_it),
		cmocka_unit_test(p35_a_mailbox_that_never_listens_is_hung_up_on),
		cmocka_unit_test(p35_who_answered_is_kept_while_there_is_no_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
