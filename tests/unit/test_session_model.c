/* session: the model's connection, and one response at a time. */
#include "call_world.h"

/* --- one response at a time --- */

static void p41_digits_become_a_text_and_an_answer_is_asked_for(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	press(w, '1');
	w_run(w, 1000);
	press(w, '*');
	w_run(w, 1900);
	expect(w, "");
	w_run(w, 200);
	expect(w, "turn 0 user [keypad: 1*];text [keypad: 1*];create;");
	w_answer(w, "r", "i", 300, "ok");
	forget(w);
	press(w, '4');
	press(w, '2');
	press(w, '#');
	assert_non_null(strstr(buf_z(&w->log), "text [keypad: 42];"));
	w_run(w, 2500);
	forget(w);
	press(w, '#');
	assert_non_null(strstr(buf_z(&w->log), "text [keypad: #];"));
	w_end(w);
}

static void p16_a_key_cancels_what_is_being_generated_and_the_next_answer_waits_for_its_end(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_response(w, "r1");
	w_delta(w, "r1", "i1", 1000);
	w_run(w, 200);
	forget(w);
	press(w, '7');
	expect(w, "clear;cancel r1;turn 0 assistant  /cut 200;truncate i1 200;");
	press(w, '#');
	expect(w, "turn 1 user [keypad: 7];text [keypad: 7];");
	w_run(w, 500);
	expect(w, "");
	w_done(w, "r1", "cancelled");
	expect(w, "turn 0 assistant  /cut 200;create;");
	w_end(w);
}

static void p16_a_refused_create_waits_for_the_response_in_its_way(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	press(w, '1');
	press(w, '#');
	forget(w);
	error_event(w, "invalid_request_error", "conversation_already_has_active_response", "x", "r2");
	w_response(w, "r_other");
	w_run(w, 3000);
	expect(w, "");
	w_done(w, "r_other", "cancelled");
	w_run(w, 2000);
	expect(w, "create;");
	w_end(w);
}

static void p16_a_refused_create_is_not_waited_for_for_ever(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	press(w, '1');
	press(w, '#');
	forget(w);
	error_event(w, "invalid_request_error", "conversation_already_has_active_response", "x", "r2");
	w_run(w, 1900);
	expect(w, "");
	w_run(w, 200);
	expect(w, "create;");
	w_end(w);
}

static void p17_a_response_cancelled_before_it_had_an_id_is_cancelled_when_it_has_one(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	press(w, '1');
	press(w, '#');
	forget(w);
	press(w, '2');
	expect(w, "");
	w_response(w, "r9");
	expect(w, "cancel r9;");
	w_delta(w, "r9", "i9", 500);
	assert_int_equal(w->down.n, 0);
	w_end(w);
}

static void a_failed_or_empty_answer_is_asked_for_once_more(void **st)
{
	static const char *const nothing[] = { "completed", "incomplete", "failed" };

	(void)st;
	for (unsigned i = 0; i < ROWS(nothing); i++) {
		struct world *w = w_talking(silent_setup());

		w_speech(w, "u");
		w_speech_over(w, "u");
		w_response(w, "r1");
		w_done(w, "r1", nothing[i]);
		w_run(w, 400);
		expect(w, "create;");
		w_response(w, "r2");
		w_done(w, "r2", nothing[i]);
		w_run(w, 400);
		expect(w, "");                                     /* once */
		w_speech(w, "u2");
		w_speech_over(w, "u2");
		w_response(w, "r3");
		w_done(w, "r3", nothing[i]);
		w_run(w, 400);
		expect(w, "create;");                              /* a new turn, a new chance */
		w_end(w);
	}
}

static void a_cancelled_or_cut_answer_is_not(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_response(w, "r1");
	w_done(w, "r1", "cancelled");
	w_run(w, 400);
	expect(w, "");
	w_end(w);
}

static void a_rate_limit_is_waited_for_as_long_as_it_says(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_response(w, "r1");
	w_model(w, "{\"type\":\"response.done\",\"response\":{\"id\":\"r1\",\"status\":\"failed\",\"status_details\":{\"type\":\"failed\",\"error\":"
	        "{\"type\":\"invalid_request_error\",\"code\":\"rate_limit_exceeded\",\"message\":\"Rate limit reached. Please try again in 1.2s.\"}},"
	        "\"output\":[],\"usage\":null}}");
	w_run(w, 1160);
	expect(w, "");
	w_run(w, 60);
	expect(w, "create;");
	w_end(w);
}

static void a_model_that_answers_nothing_is_replaced(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	press(w, '1');
	press(w, '#');
	forget(w);
	w_run(w, 5100);
	expect(w, "close model 1000;");
	w_run(w, 260);
	expect(w, "dial first;");
	w_end(w);
}

/* --- the model's connection --- */

static void audio_flows_only_after_the_session_is_confirmed(void **st)
{
	struct world *w = w_begin(w_setup());

	(void)st;
	w_start(w);
	w_frame(w, 1);
	forget(w);
	w_created(w);
	expect(w, "update;");
	w_frame(w, 2);
	assert_int_equal(w->up.n, 0);
	w_updated(w, "audio/pcmu", "audio/pcmu", "marin");
	expect(w, "greet;");
	assert_int_equal(w->up.n, 320);
	w_end(w);
}

static void p30_a_session_of_another_format_is_sent_once_more_then_given_up(void **st)
{
	struct world *w = w_begin(two_upstreams());

	(void)st;
	w_start(w);
	w_created(w);
	forget(w);
	w_updated(w, "audio/pcm", "audio/pcm", "marin");
	expect(w, "update;");
	w_updated(w, "audio/pcmu", "audio/pcmu", "alloy");
	expect(w, "dial second;");
	w_created(w);
	w_updated(w, "audio/pcmu", "audio/pcm", "marin");
	w_updated(w, "audio/pcmu", "audio/pcm", "marin");
	expect(w, "update;update;close model 1000;outcome error model_failed fallback;");
	w_end(w);
}

static void a_failed_dial_is_tried_again_after_200_500_and_1000_ms(void **st)
{
	static const int64_t pauses[] = { 200, 500, 1000 };
	struct world *w = w_begin(two_upstreams());

	(void)st;
	for (unsigned i = 0; i < ROWS(pauses); i++) {
		forget(w);
		w_event(w, EV_MODEL_CLOSED, "connection refused");
		w_run(w, pauses[i] * 3 / 4 - 20);
		expect(w, "");
		w_run(w, pauses[i] / 2 + 40);
		expect(w, "dial first;");
	}
	w_event(w, EV_MODEL_CLOSED, "connection refused");
	expect(w, "dial second;");
	w_end(w);
}

static void what_trying_again_cannot_help_goes_to_the_fallback_at_once(void **st)
{
	static const char *const reasons[] = { "3000 invalid_request_error.invalid_api_key", "4004 invalid_request_error.model_not_found",
	                                       "4000 invalid_request_error.invalid_model", "http 401", "http 403", "1008 invalid_request_error.insufficient_quota" };

	(void)st;
	for (unsigned i = 0; i < ROWS(reasons); i++) {
		struct world *w = w_begin(two_upstreams());

		forget(w);
		w_event(w, EV_MODEL_CLOSED, reasons[i]);
		expect(w, "dial second;");
		w_end(w);
	}
}

static void an_error_before_session_updated_is_a_failed_connect(void **st)
{
	struct world *w = w_begin(two_upstreams());

	(void)st;
	w_created(w);
	forget(w);
	error_event(w, "invalid_request_error", "unknown_parameter", "Unknown parameter", "configure");
	expect(w, "dial second;");
	w_end(w);
}

static void a_hopeless_model_without_a_fallback_sends_the_caller_to_t3_at_start(void **st)
{
	struct world *w = w_begin(w_setup());

	(void)st;
	error_event(w, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-abc***xyz", "");
	w_event(w, EV_MODEL_CLOSED, "3000 invalid_request_error.invalid_api_key");
	forget(w);
	w_run(w, 400);
	expect(w, "");
	w_start(w);
	expect(w, "save connected;outcome error model_failed fallback;");
	assert_string_equal(w->outcome.error, "invalid_api_key");          /* nothing of the key */
	w_event(w, EV_OUTCOME_SAVED, NULL);
	expect(w, "close caller 1000;");
	w_end(w);
}

static void the_caller_hears_the_agent_or_t3_within_ten_seconds(void **st)
{
	struct world *w = w_begin(two_upstreams());

	(void)st;
	w_run(w, 1000);
	forget(w);
	w_start(w);
	w_run(w, 3900);
	expect(w, "save connected;");
	w_run(w, 400);
	expect(w, "close model 1000;dial first;");                    /* 5 s after its dial the first try has failed */
	w_run(w, 700);
	expect(w, "dial second;");                                        /* 5 s after start */
	w_run(w, 4000);
	expect(w, "close model 1000;outcome error model_failed fallback;");
	w_end(w);
}

static void the_callers_audio_of_a_gap_is_kept_and_the_call_goes_on(void **st)
{
	struct world *w = w_talking(w_setup());

	(void)st;
	w_frame(w, 1);
	w_event(w, EV_MODEL_CLOSED, "1006");
	w_frame(w, 2);
	w_run(w, 260);
	expect(w, "dial first;");
	w_frame(w, 3);
	w_ready(w);
	expect(w, "update;rebuild;assistant Hello;");
	w_frame(w, 4);
	assert_int_equal(w->up.n, 640);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal((uint8_t)w->up.p[i * 160], i + 1);
	assert_int_equal(w->metric[M_RECONNECT_DROP], 1);
	assert_int_equal(w->last.reconnects, 1);
	w_end(w);
}

static void an_expired_session_is_replaced(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	error_event(w, "invalid_request_error", "session_expired", "Your session hit the maximum duration of 60 minutes.", "");
	w_event(w, EV_MODEL_CLOSED, "1001 Your session hit the maximum duration of 60 minutes.");
	w_run(w, 260);
	w_ready(w);
	assert_int_equal(w->metric[M_RECONNECT_EXPIRED], 1);
	w_end(w);
}

static void ten_unreadable_messages_in_a_row_are_a_dropped_connection(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	for (int i = 0; i < 9; i++)
		w_model(w, "{\"type\":");
	w_model(w, "{\"type\":\"never.heard.of\"}");
	for (int i = 0; i < 9; i++)
		w_model(w, "not json");
	expect(w, "");
	w_model(w, "[]");
	expect(w, "close model 1000;");
	assert_int_equal(w->metric[M_MODEL_UNKNOWN], 1);
	assert_int_equal(w->metric[M_MODEL_MALFORMED], 19);
	w_end(w);
}

static void what_comes_before_the_session_is_confirmed_is_not_listened_to(void **st)
{
	struct world *w = w_begin(silent_setup());

	(void)st;
	w_start(w);
	w_created(w);
	forget(w);
	w_response(w, "r");
	w_delta(w, "r", "i", 500);
	w_heard(w, "u", "hello");
	w_run(w, 100);
	expect(w, "");
	assert_int_equal(w->down.n, 0);
	w_end(w);
}

static void a_server_that_complains_without_end_fills_no_disk(void **st)
{
	struct world *w = w_talking(silent_setup());
	unsigned before = w->events;

	(void)st;
	for (int i = 0; i < 1000; i++)
		error_event(w, "invalid_request_error", "unknown_parameter", "no", "x1");
	assert_int_equal(w->events - before, 50);
	w_answer(w, "r", "i", 200, "Still here");
	w_run(w, 400);
	assert_int_equal(w->down.n, 1600);
	w_end(w);
}

static void audio_that_cannot_be_read_counts_as_well(void **st)
{
	struct world *w = w_talking(silent_setup());
	static const char bad[] = "{\"type\":\"response.output_audio.delta\",\"response_id\":\"r\",\"item_id\":\"i\",\"content_index\":0,\"delta\":\"=\"}";

	(void)st;
	w_response(w, "r");
	for (int i = 0; i < 9; i++)
		w_model(w, bad);
	w_delta(w, "r", "i", 100);
	for (int i = 0; i < 9; i++)
		w_model(w, bad);
	expect(w, "");
	w_model(w, bad);
	expect(w, "close model 1000;");
	w_end(w);
}

static void a_model_that_takes_no_control_message_counts_as_dropped(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_response(w, "r");
	w_delta(w, "r", "i", 1000);
	w_run(w, 200);
	w->full[LEG_MODEL] = true;
	forget(w);
	w_speech(w, "u");
	assert_non_null(strstr(buf_z(&w->log), "close model 1000;"));
	w_end(w);
}

static void older_event_names_are_understood(void **st)
{
	struct world *w = w_talking(silent_setup());
	char b64[217];

	(void)st;
	w_b64(b64, 160, 9);
	w_response(w, "r");
	w_model(w, "{\"type\":\"response.audio.delta\",\"response_id\":\"r\",\"item_id\":\"i\",\"output_index\":0,\"content_index\":0,\"delta\":\"%s\"}", b64);
	assert_int_equal(w->down.n, 160);
	w_model(w, "{\"type\":\"response.audio_transcript.done\",\"response_id\":\"r\",\"item_id\":\"i\",\"transcript\":\"old\"}");
	w_model(w, "{\"type\":\"response.audio.done\",\"response_id\":\"r\",\"item_id\":\"i\"}");
	w_run(w, 100);
	expect(w, "turn 0 assistant old;turn 0 assistant old;");
	w_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p41_digits_become_a_text_and_an_answer_is_asked_for),
		cmocka_unit_test(p16_a_key_cancels_what_is_being_generated_and_the_next_answer_waits_for_its_end),
		cmocka_unit_test(p16_a_refused_create_waits_for_the_response_in_its_way),
		cmocka_unit_test(p16_a_refused_create_is_not_waited_for_for_ever),
		cmocka_unit_test(p17_a_response_cancelled_before_it_had_an_id_is_cancelled_when_it_has_one),
		cmocka_unit_test(a_failed_or_empty_answer_is_asked_for_once_more),
		cmocka_unit_test(a_cancelled_or_cut_answer_is_not),
		cmocka_unit_test(a_rate_limit_is_waited_for_as_long_as_it_says),
		cmocka_unit_test(a_model_that_answers_nothing_is_replaced),
		cmocka_unit_test(audio_flows_only_after_the_session_is_confirmed),
		cmocka_unit_test(p30_a_session_of_another_format_is_sent_once_more_then_given_up),
		cmocka_unit_test(a_failed_dial_is_tried_again_after_200_500_and_1000_ms),
		cmocka_unit_test(what_trying_again_cannot_help_goes_to_the_fallback_at_once),
		cmocka_unit_test(an_error_before_session_updated_is_a_failed_connect),
		cmocka_unit_test(a_hopeless_model_without_a_fallback_sends_the_caller_to_t3_at_start),
		cmocka_unit_test(the_caller_hears_the_agent_or_t3_within_ten_seconds),
		cmocka_unit_test(the_callers_audio_of_a_gap_is_kept_and_the_call_goes_on),
		cmocka_unit_test(an_expired_session_is_replaced),
		cmocka_unit_test(ten_unreadable_messages_in_a_row_are_a_dropped_connection),
		cmocka_unit_test(what_comes_before_the_session_is_confirmed_is_not_listened_to),
		cmocka_unit_test(a_server_that_complains_without_end_fills_no_disk),
		cmocka_unit_test(audio_that_cannot_be_read_counts_as_well),
		cmocka_unit_test(a_model_that_takes_no_control_message_counts_as_dropped),
		cmocka_unit_test(older_event_names_are_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
