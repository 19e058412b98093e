/* session: calls as scripts. What happened goes in, what the session asked for is compared. Names of the form p18_... are the problems of the field (twilio.md 8). */
#include "call_world.h"

static struct setup *silent_setup(void)          /* the caller speaks first */
{
	struct setup *s = w_setup();

	free(s->greeting_create);
	s->greeting_create = NULL;
	return s;
}

static struct setup *two_upstreams(void)
{
	struct setup *s = w_setup();

	w_update_of(&s->upstreams[1], "second", false);
	s->upstreams_n = 2;
	return s;
}

static void stop(struct world *w)
{
	w_caller(w, "{\"event\":\"stop\",\"sequenceNumber\":\"904\",\"streamSid\":\"" STREAM "\",\"stop\":{\"accountSid\":\"AC1\",\"callSid\":\"" CALL "\"}}");
}

static void press(struct world *w, char digit)
{
	w_caller(w, "{\"event\":\"dtmf\",\"streamSid\":\"" STREAM "\",\"sequenceNumber\":\"5\",\"dtmf\":{\"track\":\"inbound_track\",\"digit\":\"%c\"}}", digit);
}

static void error_event(struct world *w, const char *type, const char *code, const char *message, const char *event_id)
{
	w_model(w, "{\"type\":\"error\",\"event_id\":\"e\",\"error\":{\"type\":\"%s\",\"code\":\"%s\",\"message\":\"%s\",\"param\":null,\"event_id\":\"%s\"}}",
	        type, code, message, event_id);
}

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
	expect(w, "turn 0 assistant -;dial first;update;turn 0 assistant -;save greeted;");
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
	expect(w, "update;");
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

static void p24_a_call_has_a_longest_length_and_a_longest_silence(void **st)
{
	struct setup *a = w_setup(), *b = w_setup();
	struct world *w;

	(void)st;
	a->max_call_ms = 60000;
	w = w_talking(a);
	w_run(w, 60000);
	expect(w, "close model 1000;outcome ended max_duration hangup;");
	w_end(w);
	b->idle_ms = 30000;
	w = w_talking(b);
	w_run(w, 20000);
	w_speech(w, "u");
	w_run(w, 40000);                                                   /* still speaking */
	w_speech_over(w, "u");
	w_run(w, 29000);
	assert_int_equal(w->outcomes, 0);
	w_run(w, 1100);
	assert_int_equal(w->outcomes, 1);
	assert_string_equal(w->outcome.end_reason, "idle");
	w_end(w);
}

/* --- Twilio's messages --- */

static void a_hundred_malformed_messages_close_that_stream(void **st)
{
	struct world *w = w_talking(w_setup());

	(void)st;
	for (int i = 0; i < 99; i++)
		w_caller(w, i % 2 ? "{\"event\":\"media\"}" : "garbage");
	w_caller(w, "{\"event\":\"something.new\"}");                       /* unknown is not malformed */
	expect(w, "");
	w_caller(w, "{\"event\":\"media\",\"streamSid\":\"MZother\",\"media\":{\"payload\":\"////\"}}");
	expect(w, "close caller 1008;save - resume;");
	assert_int_equal(w->metric[M_CALLER_MALFORMED], 100);
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
		cmocka_unit_test(with_vad_interrupt_off_speech_never_cuts),
		cmocka_unit_test(p11_a_protected_greeting_is_heard_to_its_end),
		cmocka_unit_test(a_phone_that_takes_nothing_gets_the_clear_before_anything_else),
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
		cmocka_unit_test(a_model_that_takes_no_control_message_counts_as_dropped),
		cmocka_unit_test(older_event_names_are_understood),
		cmocka_unit_test(p36_whatever_ends_a_call_ends_it_once),
		cmocka_unit_test(a_final_status_closes_a_stream_that_is_still_open),
		cmocka_unit_test(the_outcome_is_stored_before_the_stream_is_closed_but_not_waited_for_for_ever),
		cmocka_unit_test(a_stream_that_closes_without_stop_is_lost_and_may_come_back),
		cmocka_unit_test(a_lost_stream_that_nobody_connects_again_ends_after_30_s),
		cmocka_unit_test(p38_a_stream_error_drops_the_stream_at_once),
		cmocka_unit_test(a_fresh_token_takes_the_call_over),
		cmocka_unit_test(the_second_sigterm_sends_the_call_elsewhere),
		cmocka_unit_test(p24_a_call_has_a_longest_length_and_a_longest_silence),
		cmocka_unit_test(a_hundred_malformed_messages_close_that_stream),
		cmocka_unit_test(a_payload_that_is_no_base64_never_reaches_the_model),
		cmocka_unit_test(a_mark_that_is_not_ours_changes_nothing),
		cmocka_unit_test(turns_are_kept_in_the_order_spoken_however_late_the_words_come),
		cmocka_unit_test(noise_without_words_is_no_turn),
		cmocka_unit_test(an_agent_that_stores_nothing_still_counts),
		cmocka_unit_test(what_was_under_way_at_the_end_is_written_down),
		cmocka_unit_test(latency_is_from_the_last_word_to_the_first_audio_heard),
		cmocka_unit_test(out_of_memory_anywhere_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
