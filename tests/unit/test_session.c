/*
 * session: the life of a call as a script. What happened goes in, what the session asked for is compared. Names of the form p18_... are known
 * problems of phone agents, by their numbers in the project's Twilio reference.
 */
#include "call_world.h"

/* --- the whole way --- */

static void a_call_goes_the_whole_way(void **st)
{
	struct world *w = w_begin(w_setup());

	(void)st;
	expect(w, "load;dial first;");
	w_ready(w);
	expect(w, "update;greet;");
	w_answer(w, "resp_G", "item_G", 500, "Hello");
	assert_int_equal(w->down.n, 0);                          /* no stream yet: it waits */
	forget(w);
	w_start(w);
	expect(w, "save connected;");
	assert_int_equal(w->down.n, 400 * 8);                    /* the lead is filled at once */
	w_run(w, 600);
	assert_int_equal(w->down.n, 500 * 8);
	expect(w, "turn 0 assistant Hello;turn 0 assistant Hello;save greeted;");

	for (int i = 0; i < 50; i++)
		w_frame(w, (uint8_t)i);
	assert_int_equal(w->up.n, 50 * 160);
	w_speech(w, "item_U");
	w_speech_over(w, "item_U");
	w_heard(w, "item_U", "I need help");
	expect(w, "turn 1 user I need help;");
	w_answer(w, "resp_1", "item_A", 1000, "Sure");
	w_run(w, 1300);
	expect(w, "turn 2 assistant Sure;turn 2 assistant Sure;");
	stop(w);
	expect(w, "close model 1000;outcome ended caller_hangup hangup;");
	assert_int_equal(w->outcome.turns, 3);
	assert_int_equal(w->outcome.usage[0], 760);
	assert_int_equal(w->outcome.usage[6], 35);
	assert_true(w->outcome.cost > 0);
	assert_true(w->outcome.latency_p50_ms >= 0);
	assert_int_equal(w->metric[M_FIRST_AUDIO], 1);
	assert_int_equal(w->metric[M_CONNECT], 1);
	assert_int_equal(w->metric[M_TURN_LATENCY], 1);
	assert_int_equal(w->metric[M_FRAMES_UP], 50);
	assert_int_equal(w->metric[M_FRAMES_DOWN], 75);
	w_event(w, EV_OUTCOME_SAVED, NULL);
	expect(w, "close caller 1000;");
	w_event(w, EV_CALLER_CLOSED, "1000");
	w_event(w, EV_MODEL_CLOSED, "1000");
	expect(w, "gone caller_hangup;");
	w_end(w);
}

static void mu_law_passes_bit_exact_in_both_directions(void **st)
{
	struct world *w = w_talking(silent_setup());
	uint8_t want[160];

	(void)st;
	for (unsigned i = 0; i < 100; i++)
		w_frame(w, (uint8_t)(i * 3));
	assert_int_equal(w->up.n, 16000);
	assert_int_equal(w->appends, 100);                       /* one message in, one message out */
	for (unsigned i = 0; i < 100; i++) {
		for (unsigned k = 0; k < 160; k++)
			want[k] = (uint8_t)(i * 3 + k * 7);
		assert_memory_equal(w->up.p + i * 160, want, 160);
	}
	w_response(w, "r");
	w_delta(w, "r", "iA", 333);                              /* not a whole number of frames */
	w_delta(w, "r", "iA", 250);
	w_run(w, 2000);
	assert_int_equal(w->down.n, 580 * 8);                    /* the last 3 ms wait for more */
	w_item_done(w, "r", "iA");
	assert_int_equal(w->down.n, 600 * 8);
	for (unsigned k = 0; k < 333 * 8; k++)
		assert_int_equal((uint8_t)w->down.p[k], (uint8_t)('A' + k * 7));
	for (unsigned k = 0; k < 250 * 8; k++)
		assert_int_equal((uint8_t)w->down.p[333 * 8 + k], (uint8_t)('A' + k * 7));
	for (unsigned k = 583 * 8; k < 600 * 8; k++)
		assert_int_equal((uint8_t)w->down.p[k], 0xFF);
	w_end(w);
}

/* --- before there is a conversation --- */

static void the_greeting_is_ready_when_the_stream_starts(void **st)
{
	struct world *w = w_begin(w_setup());

	(void)st;
	w_ready(w);
	w_answer(w, "resp_G", "item_G", 2000, "Hello");
	w_run(w, 1000);
	assert_int_equal(w->medias, 0);
	w_start(w);
	assert_true(w->down.n >= 300 * 8);                       /* in the same event, not at the next tick */
	w_end(w);
}

static void p18_a_greeting_that_nobody_heard_is_asked_of_the_next_connection_again(void **st)
{
	struct world *w = w_begin(w_setup());

	(void)st;
	w_ready(w);
	w_response(w, "resp_G");
	w_delta(w, "resp_G", "item_G", 250);
	forget(w);
	w_event(w, EV_MODEL_CLOSED, "1006");
	w_run(w, 300);
	expect(w, "dial first;");                                /* the leg is gone already: nothing to close */
	w_ready(w);
	expect(w, "update;greet;");
	w_answer(w, "resp_H", "item_H", 500, "Hello");
	forget(w);
	w_start(w);
	w_run(w, 700);
	assert_int_equal(w->down.n, 500 * 8);                    /* once, not once and a half */
	expect(w, "save connected;turn 1 assistant Hello;turn 1 assistant Hello;save greeted;");
	w_end(w);
}

static void the_greeting_is_never_repeated_once_somebody_heard_of_it(void **st)
{
	struct world *w = w_begin(w_setup());

	(void)st;
	w_ready(w);
	w_start(w);
	w_response(w, "resp_G");
	w_delta(w, "resp_G", "item_G", 500);
	w_run(w, 100);
	forget(w);
	w_event(w, EV_MODEL_CLOSED, "1006");
	w_run(w, 300);
	w_ready(w);
	w_run(w, 1000);
	expect(w, "turn 0 assistant ;dial first;update;rebuild;continue;turn 0 assistant  /cut 500;save greeted;");
	w_end(w);
}

static void a_resumed_call_is_not_greeted_again(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	set->resumed = true;
	set->turns = 4;
	set->turn_seq = 7;
	w = w_begin(set);
	w_ready(w);
	expect(w, "load;dial first;update;");
	w_start(w);
	w_speech(w, "u");
	w_heard(w, "u", "again");
	expect(w, "save connected;turn 7 user again;");
	assert_int_equal(w->last.connected_at, FIELD_NULL_INT);
	w_end(w);
}

static void a_stream_may_be_faster_than_its_record(void **st)
{
	struct world *w = w_begin(NULL);

	(void)st;
	w_start(w);
	w_frame(w, 1);
	w_frame(w, 2);
	session_take_setup(w->s, w_setup());
	w_event(w, EV_RECORD, NULL);
	expect(w, "load;dial first;save connected;");
	w_ready(w);
	assert_int_equal(w->up.n, 320);
	w_end(w);
}

static void a_call_without_a_record_costs_nothing_and_goes(void **st)
{
	struct world *w = w_begin(NULL);

	(void)st;
	w_start(w);
	w_event(w, EV_NO_RECORD, "ended");
	expect(w, "load;close caller 1011;");
	w_event(w, EV_CALLER_CLOSED, "");
	expect(w, "gone ;");
	w_end(w);
}

static void a_store_that_never_answers_does_not_keep_a_session(void **st)
{
	struct world *w = w_begin(NULL);

	(void)st;
	w_run(w, 11000);
	expect(w, "load;gone ;");
	w_end(w);
}

static void an_unused_model_is_dropped_after_30_s_and_dialled_again_at_start(void **st)
{
	struct world *w = w_begin(w_setup());

	(void)st;
	w_ready(w);
	w_answer(w, "resp_G", "item_G", 500, "Hello");
	forget(w);
	w_run(w, 29900);
	expect(w, "");
	w_run(w, 200);
	expect(w, "close model 1000;");
	w_event(w, EV_MODEL_CLOSED, "1000");
	w_run(w, 30000);
	expect(w, "");
	w_start(w);
	expect(w, "save connected;dial first;");
	assert_int_equal(w->down.n, 0);
	w_ready(w);
	expect(w, "update;greet;");
	w_end(w);
}

static void a_call_whose_stream_never_comes_ends(void **st)
{
	struct world *w = w_begin(w_setup());

	(void)st;
	w_ready(w);
	w_answer(w, "resp_G", "item_G", 500, "Hello");
	forget(w);
	w_run(w, 130100);
	expect(w, "close model 1000;outcome error stream_failed fallback;");
	w_event(w, EV_OUTCOME_SAVED, NULL);
	w_event(w, EV_MODEL_CLOSED, "1000");
	expect(w, "gone stream_failed;");
	w_end(w);
}

static void the_first_sigterm_lets_a_call_without_a_stream_go(void **st)
{
	struct world *w = w_begin(w_setup());

	(void)st;
	w_ready(w);
	forget(w);
	w_event(w, EV_DRAIN, NULL);
	expect(w, "close model 1000;");
	w_event(w, EV_MODEL_CLOSED, "1000");
	expect(w, "gone shutdown;");
	assert_int_equal(w->outcomes, 0);
	w_end(w);
}

/* --- how a call ends --- */

static void p36_whatever_ends_a_call_ends_it_once(void **st)
{
	struct world *w = w_talking(w_setup());

	(void)st;
	stop(w);
	w_event(w, EV_STATUS_FINAL, "completed");
	stop(w);
	w_event(w, EV_HANGUP, "operator");
	w_event(w, EV_CALLER_CLOSED, "1000");
	w_event(w, EV_OUTCOME_SAVED, NULL);
	w_event(w, EV_MODEL_CLOSED, "1000");
	expect(w, "close model 1000;outcome ended caller_hangup hangup;gone caller_hangup;");
	w_event(w, EV_TICK, NULL);
	w_event(w, EV_STATUS_FINAL, "completed");
	expect(w, "");
	w_end(w);
}

static void a_final_status_closes_a_stream_that_is_still_open(void **st)
{
	struct world *w = w_talking(w_setup());

	(void)st;
	w_event(w, EV_STATUS_FINAL, "completed");
	expect(w, "close model 1000;outcome ended caller_hangup hangup;");
	w_event(w, EV_OUTCOME_SAVED, NULL);
	expect(w, "close caller 1000;");
	w_end(w);
}

static void whoever_hangs_up_says_why(void **st)
{
	static const struct { const char *why, *want; } rows[] = {
		{ "operator", "close model 1000;outcome ended operator hangup;" },
		{ "", "close model 1000;outcome ended operator hangup;" },
		{ "shutdown", "close model 1000;outcome ended shutdown hangup;" },
		{ "transferred", "close model 1000;outcome ended transferred hangup;" },
		{ "relay_lost", "close model 1000;outcome error relay_lost fallback;" },
		{ "stream_failed", "close model 1000;outcome error stream_failed fallback;" },
		{ "model_failed", "close model 1000;outcome error model_failed fallback;" },
	};

	(void)st;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world *w = w_talking(w_setup());

		w_event(w, EV_HANGUP, rows[i].why);
		expect(w, rows[i].want);
		w_end(w);
	}
}

static void the_outcome_is_stored_before_the_stream_is_closed_but_not_waited_for_for_ever(void **st)
{
	struct world *w = w_talking(w_setup());

	(void)st;
	w_event(w, EV_HANGUP, "operator");
	expect(w, "close model 1000;outcome ended operator hangup;");
	w_run(w, 4900);
	expect(w, "");
	w_run(w, 200);
	expect(w, "close caller 1000;");
	w_end(w);
}

static void a_stream_that_closes_without_stop_is_lost_and_may_come_back(void **st)
{
	struct world *w = w_talking(w_setup());
	struct session_view v;

	(void)st;
	w_event(w, EV_CALLER_CLOSED, "1006");
	expect(w, "save - resume;");
	session_view(w->s, &v);
	assert_string_equal(v.resume, "resume");
	assert_false(v.stream_on);
	w_run(w, 20000);
	w_answer(w, "r", "i", 400, "still here");
	assert_int_equal(w->down.n, 0);
	forget(w);
	w_start(w);
	assert_int_equal(w->down.n, 400 * 8);                              /* what was said meanwhile is heard */
	expect(w, "save connected;");                                      /* no second greeting, the same model */
	w_run(w, 600);
	session_view(w->s, &v);
	assert_string_equal(v.resume, "live");
	w_end(w);
}

static void a_lost_stream_that_nobody_connects_again_ends_after_30_s(void **st)
{
	struct world *w = w_talking(w_setup());

	(void)st;
	w_event(w, EV_CALLER_CLOSED, "");
	forget(w);
	w_run(w, 29900);
	expect(w, "");
	w_run(w, 200);
	expect(w, "close model 1000;outcome error stream_failed fallback;");
	w_event(w, EV_OUTCOME_SAVED, NULL);
	w_event(w, EV_MODEL_CLOSED, "1000");
	expect(w, "gone stream_failed;");
	w_end(w);
}

static void p38_a_stream_error_drops_the_stream_at_once(void **st)
{
	struct world *w = w_talking(w_setup());

	(void)st;
	w_event(w, EV_STREAM_ERROR, "31924");
	expect(w, "close caller 1011;save - resume;");
	w_event(w, EV_CALLER_CLOSED, "1011");
	w_event(w, EV_STATUS_FINAL, "completed");
	expect(w, "close model 1000;outcome ended caller_hangup hangup;");
	w_end(w);
}

static void a_fresh_token_takes_the_call_over(void **st)
{
	struct world *w = w_talking(w_setup());

	(void)st;
	w_response(w, "r");
	w_delta(w, "r", "i", 2000);
	w_run(w, 200);
	forget(w);
	w_start(w);
	expect(w, "save connected;");
	w_run(w, 200);
	w_frame(w, 1);
	assert_int_equal(w->up.n, 160);
	w_end(w);
}

static void the_second_sigterm_sends_the_call_elsewhere(void **st)
{
	struct world *w = w_talking(w_setup());

	(void)st;
	w_event(w, EV_DRAIN, NULL);
	expect(w, "");                                                     /* a running call finishes */
	w_event(w, EV_SHUTDOWN, NULL);
	expect(w, "close model 1000;outcome - - resume;");
	w_event(w, EV_OUTCOME_SAVED, NULL);
	expect(w, "close caller 1001;");
	w_end(w);
}

/* --- Twilio's messages --- */

static void count_malformed(const char *line, void *arg)
{
	*(unsigned *)arg += strstr(line, "stream.malformed") != NULL;
}

static void a_hundred_malformed_messages_close_that_stream(void **st)
{
	struct world *w = w_talking(w_setup());
	unsigned lines = 0;

	(void)st;
	log_to(count_malformed, &lines);
	for (int i = 0; i < 99; i++)
		w_caller(w, i % 2 ? "{\"event\":\"media\"}" : "garbage");
	w_caller(w, "{\"event\":\"something.new\"}");                       /* unknown is not malformed */
	expect(w, "");
	w_caller(w, "{\"event\":\"media\",\"streamSid\":\"MZother\",\"media\":{\"payload\":\"////\"}}");
	expect(w, "close caller 1008;save - resume;");
	assert_int_equal(w->metric[M_CALLER_MALFORMED], 100);
	assert_int_equal(lines, 1);                                         /* all of a kind */
	w_end(w);
}

static void a_payload_that_is_no_base64_never_reaches_the_model(void **st)
{
	struct world *w = w_talking(w_setup());

	(void)st;
	w_caller(w, "{\"event\":\"media\",\"streamSid\":\"" STREAM "\",\"media\":{\"timestamp\":\"5\",\"payload\":\"!!!!\"}}");
	w_caller(w, "{\"event\":\"media\",\"streamSid\":\"" STREAM "\",\"media\":{\"timestamp\":\"5\",\"payload\":\"\"}}");
	assert_int_equal(w->up.n, 0);
	assert_int_equal(w->metric[M_CALLER_MALFORMED], 1);
	w_end(w);
}

static void a_mark_that_is_not_ours_changes_nothing(void **st)
{
	static const char *const names[] = { "", "m", "m99999", "m-1", "x1", "m1x", "m18446744073709551616" };
	struct world *w = w_talking(w_setup());

	(void)st;
	w_response(w, "r");
	w_delta(w, "r", "i", 500);
	forget(w);
	for (unsigned i = 0; i < ROWS(names); i++)
		w_caller(w, "{\"event\":\"mark\",\"streamSid\":\"" STREAM "\",\"mark\":{\"name\":\"%s\"}}", names[i]);
	expect(w, "");
	w_end(w);
}

/* --- what is kept --- */

static void turns_are_kept_in_the_order_spoken_however_late_the_words_come(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_speech(w, "u1");
	w_speech_over(w, "u1");
	w_answer(w, "r1", "i1", 300, "answer");
	w_run(w, 500);
	w_heard(w, "u1", "question");
	expect(w, "turn 1 assistant answer;turn 1 assistant answer;turn 0 user question;");
	w_end(w);
}

static void noise_without_words_is_no_turn(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_speech(w, "u1");
	w_speech_over(w, "u1");
	w_heard(w, "u1", "  ");
	expect(w, "");
	w_end(w);
}

static void an_agent_that_stores_nothing_still_counts(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	set->keep_turns = set->keep_events = false;
	w = w_begin(set);
	w_ready(w);
	w_start(w);
	w_answer(w, "resp_G", "item_G", 500, "Hello");
	w_run(w, 800);
	stop(w);
	assert_null(strstr(buf_z(&w->log), "turn "));
	assert_int_equal(w->events, 0);
	assert_int_equal(w->outcome.turns, 1);
	w_end(w);
}

static void what_was_under_way_at_the_end_is_written_down(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_response(w, "r");
	w_delta(w, "r", "i", 2000);
	w_words(w, "r", "i", "Thank you and good bye");
	w_run(w, 1000);
	w_speech(w, "u");
	w_model(w, "{\"type\":\"conversation.item.input_audio_transcription.delta\",\"item_id\":\"u\",\"content_index\":0,\"delta\":\"wait\"}");
	forget(w);
	stop(w);
	expect(w, "turn 1 user wait;close model 1000;outcome ended caller_hangup hangup;");
	assert_int_equal(w->outcome.turn_seq, 2);
	assert_int_equal(w->outcome.barge_ins, 1);
	w_end(w);
}

static void latency_is_from_the_last_word_to_the_first_audio_heard(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w->delay = 40;
	w_speech(w, "u");
	w_run(w, 1000);
	w_speech_over(w, "u");                  /* 500 ms of silence told the model so */
	w_run(w, 300);
	w_answer(w, "r", "i", 500, "x");
	w_run(w, 1000);
	stop(w);
	assert_in_range(w->outcome.latency_p50_ms, 860, 900);
	assert_int_equal(w->outcome.latency_p50_ms, w->outcome.latency_p95_ms);
	w_end(w);
}

static void an_answer_of_several_items_has_one_latency(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_speech(w, "u");
	w_speech_over(w, "u");
	w_run(w, 300);
	w_response(w, "r");
	w_delta(w, "r", "i1", 500);
	w_item_done(w, "r", "i1");
	w_delta(w, "r", "i2", 500);
	w_item_done(w, "r", "i2");
	w_done(w, "r", "completed");
	w_run(w, 1400);
	stop(w);
	assert_int_equal(w->outcome.latency_p50_ms, w->outcome.latency_p95_ms);
	w_end(w);
}

static void what_an_answer_has_cost_is_stored_with_it(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w->last = (struct call_changes){ .cost = 0 };
	w_answer(w, "r", "i", 200, "x");
	assert_true(w->last.cost > 0);
	assert_int_equal(w->last.usage[0], 380);
	w_end(w);
}

/* --- memory --- */

static void out_of_memory_anywhere_is_survived(void **st)
{
	(void)st;
#ifdef OFFHOOK_FAULTS
	for (unsigned n = 0;; n++) {
		struct world *w;
		struct setup *set = w_setup();

		w = w_begin(NULL);
		fault_arm(n);
		session_take_setup(w->s, set);
		w_event(w, EV_RECORD, NULL);
		w_ready(w);
		w_start(w);
		w_frame(w, 1);
		w_answer(w, "resp_G", "item_G", 1000, "Hello there");
		w_run(w, 200);
		w_speech(w, "u");
		w_heard(w, "u", "yes");
		press(w, '1');
		press(w, '#');
		stop(w);
		w_event(w, EV_OUTCOME_SAVED, NULL);
		w_event(w, EV_CALLER_CLOSED, "1000");
		w_event(w, EV_MODEL_CLOSED, "1000");
		w_event(w, EV_MODEL_CLOSED, "1000");
		if (!fault_disarm()) {
			assert_true(n > 10 && w->gone);
			w_end(w);
			break;
		}
		w_end(w);
	}
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_goes_the_whole_way),
		cmocka_unit_test(mu_law_passes_bit_exact_in_both_directions),
		cmocka_unit_test(the_greeting_is_ready_when_the_stream_starts),
		cmocka_unit_test(p18_a_greeting_that_nobody_heard_is_asked_of_the_next_connection_again),
		cmocka_unit_test(the_greeting_is_never_repeated_once_somebody_heard_of_it),
		cmocka_unit_test(a_resumed_call_is_not_greeted_again),
		cmocka_unit_test(a_stream_may_be_faster_than_its_record),
		cmocka_unit_test(a_call_without_a_record_costs_nothing_and_goes),
		cmocka_unit_test(a_store_that_never_answers_does_not_keep_a_session),
		cmocka_unit_test(an_unused_model_is_dropped_after_30_s_and_dialled_again_at_start),
		cmocka_unit_test(a_call_whose_stream_never_comes_ends),
		cmocka_unit_test(the_first_sigterm_lets_a_call_without_a_stream_go),
		cmocka_unit_test(p36_whatever_ends_a_call_ends_it_once),
		cmocka_unit_test(a_final_status_closes_a_stream_that_is_still_open),
		cmocka_unit_test(whoever_hangs_up_says_why),
		cmocka_unit_test(the_outcome_is_stored_before_the_stream_is_closed_but_not_waited_for_for_ever),
		cmocka_unit_test(a_stream_that_closes_without_stop_is_lost_and_may_come_back),
		cmocka_unit_test(a_lost_stream_that_nobody_connects_again_ends_after_30_s),
		cmocka_unit_test(p38_a_stream_error_drops_the_stream_at_once),
		cmocka_unit_test(a_fresh_token_takes_the_call_over),
		cmocka_unit_test(the_second_sigterm_sends_the_call_elsewhere),
		cmocka_unit_test(a_hundred_malformed_messages_close_that_stream),
		cmocka_unit_test(a_payload_that_is_no_base64_never_reaches_the_model),
		cmocka_unit_test(a_mark_that_is_not_ours_changes_nothing),
		cmocka_unit_test(turns_are_kept_in_the_order_spoken_however_late_the_words_come),
		cmocka_unit_test(noise_without_words_is_no_turn),
		cmocka_unit_test(an_agent_that_stores_nothing_still_counts),
		cmocka_unit_test(what_was_under_way_at_the_end_is_written_down),
		cmocka_unit_test(latency_is_from_the_last_word_to_the_first_audio_heard),
		cmocka_unit_test(an_answer_of_several_items_has_one_latency),
		cmocka_unit_test(what_an_answer_has_cost_is_stored_with_it),
		cmocka_unit_test(out_of_memory_anywhere_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
