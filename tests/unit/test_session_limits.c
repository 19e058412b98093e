/* session: silence, length and money, as the model, the caller and the record find them. */
#include "call_world.h"

#define SOON_TIME "system The time for this call is nearly over. Bring the conversation to an end within a minute.;"
#define SOON_COST "system This call must end soon. Bring the conversation to an end within a minute; do not speak of costs.;"
#define NOTE_TIME "turn 1 system The time for this call is nearly over. Bring the conversation to an end within a minute.;"
#define NOTE_COST "turn 1 system This call must end soon. Bring the conversation to an end within a minute; do not speak of costs.;"

static void log_has(struct world *w, const char *part)
{
	if (!strstr(buf_z(&w->log), part))
		fail_msg("no \"%s\" in: %s", part, buf_z(&w->log));
	forget(w);
}

static void p24_silence_is_asked_about_and_ends_with_a_spoken_goodbye(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	set->idle_ms = 30000;
	w = w_talking(set);
	w_run(w, 29000);
	expect(w, "");
	w_run(w, 1100);
	expect(w, "say idle_question;");
	w_answer(w, "r1", "i1", 1000, "Are you still there?");
	w_run(w, 10900);
	assert_null(strstr(buf_z(&w->log), "say"));
	forget(w);
	w_run(w, 500);
	expect(w, "say idle_goodbye;");
	w_answer(w, "r2", "i2", 1000, "Goodbye.");
	w_run(w, 900);
	assert_int_equal(w->outcomes, 0);                        /* not heard to its end */
	w_run(w, 300);
	assert_int_equal(w->outcomes, 1);
	assert_string_equal(w->outcome.end_reason, "idle");
	w_end(w);
}

static void a_goodbye_that_a_connection_did_not_live_to_say_is_said_by_the_next(void **st)
{
	(void)st;
	for (int created = 0; created < 2; created++) {
		struct setup *set = w_setup();
		struct world *w;

		set->max_call_ms = 30000;
		w = w_talking(set);
		w_run(w, 30000);
		log_has(w, "say time_goodbye;");
		if (created)
			w_response(w, "r1");
		w_event(w, EV_MODEL_CLOSED, "1006");
		w_run(w, 300);
		w_ready(w);
		log_has(w, "say time_goodbye;");
		w_answer(w, "r2", "i2", 1000, "Goodbye.");
		w_run(w, 900);
		assert_int_equal(w->outcomes, 0);
		w_run(w, 300);
		assert_string_equal(w->outcome.end_reason, "max_duration");
		w_end(w);
	}
}

static void a_goodbye_that_met_the_servers_own_answer_is_said_behind_it(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	set->max_call_ms = 30000;
	w = w_talking(set);
	w_run(w, 30000);
	log_has(w, "say time_goodbye;");
	w_response(w, "r1");                                     /* not the goodbye: the error follows */
	error_event(w, "invalid_request_error", "conversation_already_has_active_response", "x", "r0");
	w_delta(w, "r1", "i1", 500);
	w_item_done(w, "r1", "i1");
	w_words(w, "r1", "i1", "Of course.");
	forget(w);
	w_done(w, "r1", "completed");
	expect(w, "say time_goodbye;");
	w_answer(w, "r2", "i2", 1000, "Goodbye.");
	w_run(w, 1400);
	assert_int_equal(w->outcomes, 0);
	w_run(w, 500);
	assert_string_equal(w->outcome.end_reason, "max_duration");
	w_end(w);
}

static void words_after_the_question_keep_the_call(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	set->idle_ms = 30000;
	w = w_talking(set);
	w_run(w, 31000);
	w_answer(w, "r1", "i1", 1000, "Are you still there?");
	w_run(w, 3000);
	w_speech(w, "u");
	w_speech_over(w, "u");
	w_heard(w, "u", "Yes, one moment.");
	forget(w);
	w_run(w, 25000);
	assert_null(strstr(buf_z(&w->log), "say"));
	assert_int_equal(w->outcomes, 0);
	w_end(w);
}

static void p24_speech_without_words_is_silence_where_words_are_known(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	set->idle_ms = 30000;
	w = w_talking(set);
	w_run(w, 20000);
	w_speech(w, "u");
	w_speech_over(w, "u");
	w_heard(w, "u", "");                                     /* a noise */
	forget(w);
	w_run(w, 12000);
	log_has(w, "say idle_question;");
	w_end(w);
}

static void where_nobody_writes_words_down_speech_counts(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	set->idle_ms = 30000;
	set->transcription = false;
	w = w_talking(set);
	w_run(w, 20000);
	w_speech(w, "u");
	w_speech_over(w, "u");
	forget(w);
	w_run(w, 29000);
	assert_null(strstr(buf_z(&w->log), "say"));
	w_end(w);
}

static void keys_count_as_words(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	set->idle_ms = 30000;
	w = w_talking(set);
	w_run(w, 20000);
	w_caller(w, "{\"event\":\"dtmf\",\"streamSid\":\"" STREAM "\",\"dtmf\":{\"track\":\"inbound_track\",\"digit\":\"1\"}}");
	w_run(w, 5000);
	w_answer(w, "r1", "i1", 500, "One.");
	forget(w);
	w_run(w, 28000);
	assert_null(strstr(buf_z(&w->log), "say"));
	w_end(w);
}

static void p24_a_call_has_a_longest_length_and_ends_with_a_goodbye(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	set->max_call_ms = 60000;
	w = w_talking(set);
	w_run(w, 48000);
	expect(w, NOTE_TIME SOON_TIME);
	w_run(w, 12000);
	expect(w, "say time_goodbye;");
	w_answer(w, "r1", "i1", 1000, "Our time is up. Goodbye.");
	forget(w);
	w_run(w, 500);
	w_speech(w, "u");                                        /* what time ends is not called off by speech */
	assert_null(strstr(buf_z(&w->log), "clear"));
	w_run(w, 1000);
	assert_int_equal(w->outcomes, 1);
	assert_string_equal(w->outcome.end_reason, "max_duration");
	w_end(w);
}

static void a_goodbye_waits_for_the_answer_under_way(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	set->max_call_ms = 10000;
	w = w_talking(set);
	w_run(w, 8600);
	w_response(w, "r1");
	w_delta(w, "r1", "i1", 2000);
	forget(w);
	w_run(w, 1500);
	assert_null(strstr(buf_z(&w->log), "say"));              /* one answer at a time */
	w_done(w, "r1", "completed");
	log_has(w, "say time_goodbye;");
	w_end(w);
}

static void a_call_that_comes_back_is_as_old_as_its_record(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	clock_set(1000000, 1790000000000);
	set->max_call_ms = 60000;
	set->resumed = true;
	set->connected_at = 1790000000000 - 59000;
	w = w_begin(set);
	w_ready(w);
	w_start(w);
	w_run(w, 1100);
	log_has(w, "say time_goodbye;");
	w_end(w);
}

static void a_limit_that_is_reached_while_speech_is_in_doubt_ends_with_its_goodbye(void **st)
{
	struct setup *set = silent_setup();
	struct world *w;
	size_t silent;

	(void)st;
	set->max_call_ms = 30000;
	set->resume_false_barge_in = true;
	w = w_talking(set);
	w_run(w, 29000);
	w_answer(w, "r1", "i1", 2000, "A long story.");
	w_run(w, 800);
	w_speech(w, "u");
	w_run(w, 400);                                           /* the limit, in the midst of it */
	silent = w->down.n;
	forget(w);
	w_heard(w, "u", "stop");
	w_speech_over(w, "u");
	w_answer(w, "r2", "i2", 1000, "Goodbye.");
	w_run(w, 3500);
	assert_true(w->down.n >= silent + 8000);                 /* it was heard */
	assert_int_equal(w->outcomes, 1);
	assert_string_equal(w->outcome.end_reason, "max_duration");
	w_end(w);
}

static void keys_pressed_into_the_last_goodbye_have_no_answer(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	set->max_call_ms = 30000;
	w = w_talking(set);
	w_run(w, 30000);
	log_has(w, "say time_goodbye;");
	press(w, '#');
	w_answer(w, "r1", "i1", 1000, "Goodbye.");
	w_run(w, 1300);
	assert_null(strstr(buf_z(&w->log), "create;"));
	assert_string_equal(w->outcome.end_reason, "max_duration");
	w_end(w);
}

static void a_cough_into_the_goodbye_does_not_end_it(void **st)
{
	struct setup *set = w_setup();
	struct world *w;
	size_t before;

	(void)st;
	set->idle_ms = 30000;
	set->resume_false_barge_in = true;
	w = w_talking(set);
	w_run(w, 30100);
	w_answer(w, "r1", "i1", 1000, "Are you still there?");
	w_run(w, 11400);
	log_has(w, "say idle_goodbye;");
	before = w->down.n;
	w_answer(w, "r2", "i2", 2000, "Goodbye and thank you.");
	w_run(w, 500);
	w_speech(w, "u");
	w_run(w, 600);
	w_speech_over(w, "u");
	w_heard(w, "u", "");
	w_run(w, 2600);
	assert_int_equal(w->outcomes, 0);
	w_run(w, 1500);
	assert_string_equal(w->outcome.end_reason, "idle");
	assert_true(w->down.n - before >= 16000);
	w_end(w);
}

static void a_stream_that_comes_back_does_not_make_the_call_younger(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	set->max_call_ms = 30000;
	w = w_talking(set);
	w_run(w, 20000);
	w_event(w, EV_CALLER_CLOSED, "");
	w_run(w, 2000);
	w_start(w);
	w_run(w, 6000);
	forget(w);
	w_run(w, 2000);
	log_has(w, "say time_goodbye;");
	w_end(w);
}

static void keys_are_no_silence(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	set->idle_ms = 30000;
	w = w_talking(set);
	for (int i = 0; i < 8; i++) {                            /* more often than what the agent says counts alone */
		w_run(w, 20000);
		press(w, '#');
		w_answer(w, "r2", "i2", 200, "Yes?");
	}
	w_run(w, 20000);
	assert_null(strstr(buf_z(&w->log), "say idle_question;"));
	assert_int_equal(w->outcomes, 0);
	w_run(w, 12000);
	log_has(w, "say idle_question;");
	w_end(w);
}

static void a_question_that_could_not_be_asked_yet_is_not_asked_behind_a_key(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	set->idle_ms = 30000;
	w = w_talking(set);
	w_run(w, 29400);
	w_event(w, EV_MODEL_CLOSED, "1006");
	w_run(w, 1000);
	press(w, '#');
	forget(w);
	w_ready(w);
	w_run(w, 100);
	assert_null(strstr(buf_z(&w->log), "say"));
	assert_non_null(strstr(buf_z(&w->log), "create;"));
	w_end(w);
}

static void the_goodbye_is_left_out_when_no_model_is_there(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	set->max_call_ms = 60000;
	w = w_talking(set);
	w_run(w, 59000);
	w_event(w, EV_MODEL_CLOSED, "1006");
	w_run(w, 1100);
	assert_int_equal(w->outcomes, 0);
	w_run(w, 31000);
	assert_int_equal(w->outcomes, 1);
	w_end(w);
}

static void spend(struct world *w, const char *response, int64_t audio_out)
{
	w_response(w, response);
	w_model(w, "{\"type\":\"response.done\",\"event_id\":\"e\",\"response\":{\"object\":\"realtime.response\",\"id\":\"%s\",\"status\":\"completed\",\"output\":[{\"type\":"
		   "\"message\"}],\"usage\":{\"total_tokens\":1,\"output_token_details\":{\"audio_tokens\":%lld}}}}", response, (long long)audio_out);
}

static void a_call_costs_no_more_than_it_may(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	set->max_call_cost = 0.1;
	w = w_talking(set);
	spend(w, "r1", 1300);                                    /* 64 dollars a million */
	forget(w);
	w_run(w, 20);
	log_has(w, SOON_COST);
	spend(w, "r2", 300);
	forget(w);
	w_run(w, 1000);
	log_has(w, "say cost_goodbye;");
	w_answer(w, "r3", "i3", 1000, "Goodbye.");
	w_run(w, 1300);
	assert_string_equal(w->outcome.end_reason, "max_cost");
	assert_string_equal(w->outcome.error, "max_call_cost");
	w_end(w);
}

static void what_other_calls_spend_ends_this_one(void **st)
{
	struct world *w = w_talking(w_setup());

	(void)st;
	session_take_budget(w->s, NAN, 0, 0);
	w_run(w, 1000);
	log_has(w, "say cost_goodbye;");
	w_answer(w, "r3", "i3", 1000, "Goodbye.");
	w_run(w, 1300);
	assert_string_equal(w->outcome.end_reason, "max_cost");
	assert_string_equal(w->outcome.error, "max_month_cost");
	w_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p24_silence_is_asked_about_and_ends_with_a_spoken_goodbye),
		cmocka_unit_test(a_goodbye_that_a_connection_did_not_live_to_say_is_said_by_the_next),
		cmocka_unit_test(a_goodbye_that_met_the_servers_own_answer_is_said_behind_it),
		cmocka_unit_test(words_after_the_question_keep_the_call),
		cmocka_unit_test(p24_speech_without_words_is_silence_where_words_are_known),
		cmocka_unit_test(where_nobody_writes_words_down_speech_counts),
		cmocka_unit_test(keys_count_as_words),
		cmocka_unit_test(p24_a_call_has_a_longest_length_and_ends_with_a_goodbye),
		cmocka_unit_test(a_goodbye_waits_for_the_answer_under_way),
		cmocka_unit_test(a_call_that_comes_back_is_as_old_as_its_record),
		cmocka_unit_test(a_limit_that_is_reached_while_speech_is_in_doubt_ends_with_its_goodbye),
		cmocka_unit_test(keys_pressed_into_the_last_goodbye_have_no_answer),
		cmocka_unit_test(a_cough_into_the_goodbye_does_not_end_it),
		cmocka_unit_test(a_stream_that_comes_back_does_not_make_the_call_younger),
		cmocka_unit_test(keys_are_no_silence),
		cmocka_unit_test(a_question_that_could_not_be_asked_yet_is_not_asked_behind_a_key),
		cmocka_unit_test(the_goodbye_is_left_out_when_no_model_is_there),
		cmocka_unit_test(a_call_costs_no_more_than_it_may),
		cmocka_unit_test(what_other_calls_spend_ends_this_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
