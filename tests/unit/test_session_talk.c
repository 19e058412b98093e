/* session: what the caller says and hears: frames both ways, barge-in, the greeting's protection. */
#include "call_world.h"

/* --- the caller's audio --- */

static void p19_first_words_said_while_the_model_connects_are_not_lost(void **st)
{
	struct world *w = w_begin(silent_setup());

	(void)st;
	w_start(w);
	for (unsigned i = 0; i < 100; i++)
		w_frame(w, (uint8_t)i);
	assert_int_equal(w->up.n, 0);
	w_ready(w);
	assert_int_equal(w->up.n, 16000);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal((uint8_t)w->up.p[i * 160], (uint8_t)i);
	w_end(w);
}

static void p19_of_more_than_ten_seconds_the_newest_are_kept(void **st)
{
	struct world *w = w_begin(silent_setup());

	(void)st;
	w_start(w);
	for (unsigned i = 0; i < 600; i++)
		w_frame(w, (uint8_t)i);
	w_ready(w);
	assert_int_equal(w->up.n, 80000);
	assert_int_equal((uint8_t)w->up.p[0], 100);
	assert_int_equal(w->metric[M_FRAMES_DROPPED], 100);
	w_end(w);
}

static void p14_speech_that_stops_coming_is_ended_by_silence(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_frame(w, 1);
	w_speech(w, "u");
	w_run(w, 700);
	assert_int_equal(w->up.n, 160);
	w_run(w, 100);
	assert_int_equal(w->up.n, 160 + 8000);
	w_run(w, 3000);
	assert_int_equal(w->up.n, 160 + 8000);                  /* once */
	w->frame_ts = 20 + 3000;
	w_frame(w, 2);
	assert_int_equal(w->up.n, 160 + 3000 * 8 + 160);        /* it counts towards the hole */
	w_end(w);
}

static void frames_wait_for_a_slow_model_and_keep_their_order(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_frame(w, 1);
	w->full[LEG_MODEL] = true;
	w_frame(w, 2);
	w_frame(w, 3);
	assert_int_equal(w->up.n, 160);
	w->full[LEG_MODEL] = false;
	w_event(w, EV_MODEL_WRITABLE, NULL);
	w_frame(w, 4);
	assert_int_equal(w->up.n, 640);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal((uint8_t)w->up.p[i * 160], i + 1);
	w_end(w);
}

/* --- barge-in --- */

static void barge_in_after(int64_t delay, int64_t ms)
{
	struct setup *set = silent_setup();
	struct world *w = w_talking(set);
	char want[100];
	const char *at;
	int64_t told;

	w->delay = delay;
	w_answer(w, "r0", "i0", 1000, "a first answer");          /* shows the link */
	w_run(w, 1000 + 2 * delay + 200);
	w->last_mark_pos = 0;
	buf_reset(&w->down);
	w_answer(w, "r1", "i1", 6000, "a rather long answer to your question");
	w_run(w, ms);
	forget(w);
	w_speech(w, "u");
	assert_true(span_starts(buf_span(&w->log), SPAN("clear;")));          /* first of all */
	at = strstr(buf_z(&w->log), "truncate i1 ");
	assert_non_null(at);
	told = strtoll(at + 12, NULL, 10);
	if (told > w->heard_at_clear + 60 || told < w->heard_at_clear - 60)
		fail_msg("delay %d: told %d, heard %d", (int)delay, (int)told, (int)w->heard_at_clear);
	assert_true((size_t)told * 8 <= w->down.n);
	snprintf(want, sizeof want, "truncate i1 %lld;", (long long)told);
	assert_null(strstr(buf_z(&w->log), "cancel"));             /* the server has done that */
	w_end(w);
}

static void the_cut_is_where_the_phone_stopped_on_links_of_steady_delay(void **st)
{
	static const int64_t delays[] = { 0, 20, 60, 150, 400 }, after[] = { 20, 100, 340, 1000, 3333, 5900 };

	(void)st;
	for (unsigned i = 0; i < ROWS(delays); i++)
		for (unsigned k = 0; k < ROWS(after); k++)
			barge_in_after(delays[i], after[k]);
}

static void p4_p6_clear_comes_first_and_later_items_are_cut_at_zero(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_response(w, "r");
	w_delta(w, "r", "iA", 500);
	w_item_done(w, "r", "iA");
	w_delta(w, "r", "iB", 500);
	w_run(w, 200);
	forget(w);
	w_speech(w, "u");
	expect(w, "clear;turn 0 assistant  /cut 200;truncate iA 200;turn 1 assistant  /cut 0;truncate iB 0;");
	assert_int_equal(w->metric[M_BARGE_INS], 1);
	w_end(w);
}

static void p5_all_audio_delivered_is_not_all_audio_heard(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_answer(w, "r", "iA", 3000, "x");
	w_run(w, 500);
	forget(w);
	w_speech(w, "u");
	assert_true(span_starts(buf_span(&w->log), SPAN("clear;")));
	assert_non_null(strstr(buf_z(&w->log), "truncate iA 500;"));
	w_end(w);
}

static void p9_speech_while_nothing_is_queued_cuts_nothing(void **st)
{
	struct world *w = w_talking(w_setup());

	(void)st;
	for (int i = 0; i < 3; i++) {
		w_speech(w, "u");
		w_speech_over(w, "u");
		w_run(w, 200);
	}
	expect(w, "");
	w_end(w);
}

static void p8_late_audio_of_a_cut_answer_is_dropped_and_thrown_back_marks_prove_nothing(void **st)
{
	struct world *w = w_talking(silent_setup());
	size_t sent;

	(void)st;
	w->delay = 100;
	w_response(w, "r1");
	w_delta(w, "r1", "i1", 1000);
	w_run(w, 300);
	w_speech(w, "u");
	sent = w->down.n;
	w_delta(w, "r1", "i1", 1000);
	w_delta(w, "r1", "i9", 500);                               /* another item of the same response */
	w_words(w, "r1", "i1", "one two three four five six seven eight nine ten");
	w_done(w, "r1", "cancelled");
	w_run(w, 400);                                             /* the marks come back */
	assert_int_equal(w->down.n, sent);
	assert_null(strstr(buf_z(&w->log), "create;"));
	w->last_mark_pos = (int64_t)w->down.n;
	w_answer(w, "r2", "i2", 3000, "one two three four");
	w_run(w, 1000);
	forget(w);
	w_speech(w, "u2");
	expect(w, "clear;turn 2 assistant one /cut 1000;truncate i2 1000;");           /* what came back early has told nothing of the link */
	w_end(w);
}

static void p10_interrupted_twice_the_agent_still_speaks(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	for (int i = 1; i <= 2; i++) {
		char r[16], item[16];

		snprintf(r, sizeof r, "r%d", i);
		snprintf(item, sizeof item, "i%d", i);
		w_response(w, r);
		w_delta(w, r, item, 1000);
		w_run(w, 300);
		w_speech(w, "u");
		w_done(w, r, "cancelled");
		w_speech_over(w, "u");
		w_run(w, 200);
	}
	assert_int_equal(w->metric[M_BARGE_INS], 2);
	buf_reset(&w->down);
	w->last_mark_pos = 0;
	forget(w);
	w_answer(w, "r3", "i3", 400, "back");
	w_run(w, 600);
	assert_int_equal(w->down.n, 400 * 8);
	expect(w, "turn 3 assistant back;turn 3 assistant back;");
	w_end(w);
}

static void p1_p2_p7_never_more_is_cut_than_was_sent_even_without_any_mark(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w->mute = true;
	w_response(w, "r");
	w_delta(w, "r", "i1", 300);                                /* and the model stops there */
	w_run(w, 5000);
	forget(w);
	w_speech(w, "u");
	expect(w, "clear;turn 0 assistant  /cut 300;truncate i1 300;");
	w_end(w);
}

static void p3_waiting_time_before_an_answer_does_not_count(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_run(w, 60000);
	w_answer(w, "r", "i1", 2000, "x");
	w_run(w, 400);
	forget(w);
	w_speech(w, "u");
	assert_non_null(strstr(buf_z(&w->log), "truncate i1 400;"));
	w_end(w);
}

static void p3_a_refused_truncation_is_repeated_at_what_the_server_has(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_response(w, "r");
	w_delta(w, "r", "i1", 2000);
	w_run(w, 500);
	w_speech(w, "u");
	w_done(w, "r", "cancelled");
	forget(w);
	error_event(w, "invalid_request_error", "invalid_value", "Audio content of 480ms is already shorter than 500ms", "t1");
	expect(w, "truncate i1 480;");
	error_event(w, "invalid_request_error", "invalid_value", "Audio content of 480ms is already shorter than 500ms", "t1");
	error_event(w, "invalid_request_error", "invalid_value", "Audio content of xms is already shorter than 500ms", "t2");
	error_event(w, "invalid_request_error", "item_truncate_invalid_item_id", "unknown item", "t2");
	expect(w, "");
	w_end(w);
}

static void what_was_cut_is_written_down_as_far_as_it_was_heard(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_response(w, "r");
	w_delta(w, "r", "i1", 2000);
	w_delta(w, "r", "i1", 2000);
	w_words(w, "r", "i1", "We are open from nine to five on every working day");
	w_run(w, 2000);
	forget(w);
	w_speech(w, "u");
	expect(w, "clear;turn 0 assistant We are open from nine to /cut 2000;truncate i1 2000;");
	w_end(w);
}

static void part_event(struct world *w, const char *type, int part, const char *more)
{
	w_model(w, "{\"type\":\"response.output_audio%s\",\"event_id\":\"e\",\"response_id\":\"r\",\"item_id\":\"i1\",\"output_index\":0,\"content_index\":%d%s}", type,
	        part, more);
}

static void content_parts_of_an_item_are_cut_and_written_down_apart(void **st)
{
	struct world *w = w_talking(silent_setup());
	char b64[B64_ENCODED(8000) + 1], delta[sizeof b64 + 20];

	(void)st;
	w_b64(b64, 8000, 3);
	snprintf(delta, sizeof delta, ",\"delta\":\"%s\"", b64);
	w_response(w, "r");
	for (int part = 0; part < 2; part++) {
		part_event(w, ".delta", part, delta);
		part_event(w, ".done", part, "");
		part_event(w, "_transcript.done", part, part ? ",\"transcript\":\"five six seven eight\"" : ",\"transcript\":\"one two three four\"");
	}
	w_done(w, "r", "completed");
	w_run(w, 1500);
	assert_non_null(strstr(buf_z(&w->log), "turn 0 assistant one two three four;"));
	forget(w);
	w_speech(w, "u");
	expect(w, "clear;turn 1 assistant five six /cut 500;truncate i1 500;");
	assert_int_equal(w->cut_part, 1);
	w_end(w);
}

static void an_answer_whose_end_is_never_said_does_not_silence_the_next(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_response(w, "r1");
	w_delta(w, "r1", "i1", 300);                               /* and nothing more is heard of it */
	w_run(w, 1000);
	buf_reset(&w->down);
	w->last_mark_pos = 0;
	w_answer(w, "r2", "i2", 500, "x");
	w_run(w, 800);
	assert_int_equal(w->down.n, 4000);
	w_end(w);
}

static void with_vad_interrupt_off_speech_never_cuts(void **st)
{
	struct setup *set = silent_setup();
	struct world *w;

	(void)st;
	set->vad_interrupt = false;
	w = w_talking(set);
	w_response(w, "r");
	w_delta(w, "r", "i1", 1000);
	w_run(w, 200);
	w_speech(w, "u");
	press(w, '1');
	expect(w, "");
	w_run(w, 1000);
	assert_int_equal(w->down.n, 8000);
	w_end(w);
}

static void p11_a_protected_greeting_is_heard_to_its_end(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	free(set->upstreams[0].host);
	free(set->upstreams[0].model);
	free(set->upstreams[0].session_update);
	w_update_of(&set->upstreams[0], "first", true);
	set->greeting_interruptible = false;
	w = w_begin(set);
	w_ready(w);
	w_start(w);
	w_response(w, "resp_G");
	w_delta(w, "resp_G", "item_G", 800);
	w_run(w, 200);
	forget(w);
	w_speech(w, "u");
	press(w, '5');
	w_speech_over(w, "u");
	expect(w, "");
	w_item_done(w, "resp_G", "item_G");
	w_done(w, "resp_G", "completed");
	w_run(w, 800);
	assert_int_equal(w->down.n, 6400);
	expect(w, "turn 0 assistant -;create;turn 0 assistant -;save greeted;greeted;");
	w_answer(w, "r2", "i2", 1000, "x");
	w_run(w, 200);
	forget(w);
	w_speech(w, "u2");
	assert_true(span_starts(buf_span(&w->log), SPAN("clear;")));          /* from then on it is as always */
	w_end(w);
}

static void what_was_said_over_a_protected_greeting_is_answered(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	set->greeting_interruptible = false;
	w = w_begin(set);
	w->mute = true;                                                    /* a phone without marks does not keep it protected */
	w_ready(w);
	w_start(w);
	w_response(w, "resp_G");
	w_delta(w, "resp_G", "item_G", 800);
	w_speech(w, "u");
	w_run(w, 200);
	w_speech_over(w, "u");
	w_item_done(w, "resp_G", "item_G");
	w_done(w, "resp_G", "completed");
	forget(w);
	w_run(w, 400);
	expect(w, "");
	w_run(w, 120);
	expect(w, "create;");
	w_run(w, 3000);
	expect(w, "save greeted;");
	w_end(w);
}

static void a_greeting_refused_twice_leaves_the_caller_the_first_word(void **st)
{
	struct world *w = w_begin(w_setup());

	(void)st;
	w_ready(w);
	w_start(w);
	forget(w);
	error_event(w, "server_error", "x", "no", "greeting");
	w_run(w, 320);
	expect(w, "greet;");
	error_event(w, "server_error", "x", "no", "greeting");
	w_run(w, 2000);
	expect(w, "save greeted;");
	w_end(w);
}

static void p34_two_calls_know_nothing_of_each_other(void **st)
{
	struct world *a = w_talking(silent_setup()), *b = w_talking(silent_setup());

	(void)st;
	w_response(a, "r");
	w_response(b, "r");
	w_delta(a, "r", "iA", 1000);
	w_delta(b, "r", "iA", 1000);
	w_run(a, 200);
	w_run(b, 200);
	forget(a);
	forget(b);
	w_speech(a, "u");
	stop(a);
	assert_non_null(strstr(buf_z(&a->log), "clear;"));
	expect(b, "");
	w_run(b, 1000);
	assert_int_equal(b->down.n, 8000);
	w_end(a);
	w_end(b);
}

static void a_phone_that_takes_nothing_gets_the_clear_before_anything_else(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_response(w, "r");
	w_delta(w, "r", "i1", 1000);
	w_run(w, 200);
	w->full[LEG_CALLER] = true;
	forget(w);
	w_speech(w, "u");
	w_done(w, "r", "cancelled");
	w_speech_over(w, "u");
	w_answer(w, "r2", "i2", 500, "x");
	assert_null(strstr(buf_z(&w->log), "clear;"));
	w->full[LEG_CALLER] = false;
	forget(w);
	buf_reset(&w->down);
	w->last_mark_pos = 0;
	w_event(w, EV_CALLER_WRITABLE, NULL);
	expect(w, "clear;");
	assert_int_equal((uint8_t)w->down.p[0], '2');
	w_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p19_first_words_said_while_the_model_connects_are_not_lost),
		cmocka_unit_test(p19_of_more_than_ten_seconds_the_newest_are_kept),
		cmocka_unit_test(p14_speech_that_stops_coming_is_ended_by_silence),
		cmocka_unit_test(frames_wait_for_a_slow_model_and_keep_their_order),
		cmocka_unit_test(the_cut_is_where_the_phone_stopped_on_links_of_steady_delay),
		cmocka_unit_test(p4_p6_clear_comes_first_and_later_items_are_cut_at_zero),
		cmocka_unit_test(p5_all_audio_delivered_is_not_all_audio_heard),
		cmocka_unit_test(p9_speech_while_nothing_is_queued_cuts_nothing),
		cmocka_unit_test(p8_late_audio_of_a_cut_answer_is_dropped_and_thrown_back_marks_prove_nothing),
		cmocka_unit_test(p10_interrupted_twice_the_agent_still_speaks),
		cmocka_unit_test(p1_p2_p7_never_more_is_cut_than_was_sent_even_without_any_mark),
		cmocka_unit_test(p3_waiting_time_before_an_answer_does_not_count),
		cmocka_unit_test(p3_a_refused_truncation_is_repeated_at_what_the_server_has),
		cmocka_unit_test(p34_two_calls_know_nothing_of_each_other),
		cmocka_unit_test(a_greeting_refused_twice_leaves_the_caller_the_first_word),
		cmocka_unit_test(what_was_said_over_a_protected_greeting_is_answered),
		cmocka_unit_test(what_was_cut_is_written_down_as_far_as_it_was_heard),
		cmocka_unit_test(content_parts_of_an_item_are_cut_and_written_down_apart),
		cmocka_unit_test(an_answer_whose_end_is_never_said_does_not_silence_the_next),
		cmocka_unit_test(with_vad_interrupt_off_speech_never_cuts),
		cmocka_unit_test(p11_a_protected_greeting_is_heard_to_its_end),
		cmocka_unit_test(a_phone_that_takes_nothing_gets_the_clear_before_anything_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
