/* session with tools: whole calls as scripts - what the model asks for, what the caller hears, what is asked of the world. */
#include "base/fault.h"
#include "tool_world.h"

static void filler_created(struct world *w, const char *id)
{
	w_model(w, "{\"type\":\"response.created\",\"event_id\":\"e\",\"response\":{\"id\":\"%s\",\"status\":\"in_progress\",\"metadata\":{\"purpose\":\"filler\"}}}", id);
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
		cmocka_unit_test(a_result_that_comes_behind_a_new_connection_reaches_it_as_history),
		cmocka_unit_test(out_of_memory_anywhere_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
