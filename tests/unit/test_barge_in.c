/* session: interruptions that must prove to be some, answers that go on, and our own echo. */
#include "call_world.h"
#include "media-relay/audio.h"
#include "media-relay/echo.h"

static struct setup *careful(bool resume, int64_t min_speech_ms)
{
	struct setup *s = silent_setup();

	s->resume_false_barge_in = resume;
	s->barge_in_min_speech_ms = min_speech_ms;
	return s;
}

static bool logged(struct world *w, const char *text)
{
	return strstr(buf_z(&w->log), text) != NULL;
}

/* What the phone played: what arrived before the clear, as far as it was played, and everything after it. */
struct ear { struct buf heard; size_t from; };

static void ear_before_clear(struct ear *e, struct world *w)
{
	buf_add(&e->heard, span_of(w->down.p, (size_t)w->heard_at_clear * 8));
	e->from = w->down.n;
}

static void ear_rest(struct ear *e, struct world *w)
{
	buf_add(&e->heard, span_of(w->down.p + e->from, w->down.n - e->from));
	e->from = w->down.n;
}

static void link_shown(struct world *w, int64_t delay)
{
	w->delay = delay;
	w_answer(w, "r0", "i0", 1000, "a first answer");
	w_run(w, 1400 + 2 * delay);
	w->last_mark_pos = 0;
	buf_reset(&w->down);
	forget(w);
}

static void resumes(int64_t delay, int64_t after, bool complete)
{
	struct world *w = w_talking(careful(true, 0));
	struct ear e = { BUF_INIT, 0 };
	uint8_t want[24000];

	link_shown(w, delay);
	w_response(w, "r1");
	w_delta(w, "r1", "i1", complete ? 2000 : 1000);
	if (!complete)
		w_run(w, after);
	else
		w_item_done(w, "r1", "i1"), w_done(w, "r1", "completed"), w_run(w, after);
	forget(w);
	w_speech(w, "u");
	assert_true(span_starts(buf_span(&w->log), SPAN("clear;")));
	ear_before_clear(&e, w);
	w->last_mark_pos = (int64_t)w->down.n;
	w_run(w, 300);
	w_speech_over(w, "u");
	if (!complete) {
		w_delta(w, "r1", "i1", 1000);             /* it goes on being made meanwhile */
		w_item_done(w, "r1", "i1");
		w_done(w, "r1", "completed");
	}
	w_heard(w, "u", " ");
	w_run(w, 1600);
	assert_int_equal(w->down.n, e.from);              /* silence */
	w_run(w, 120);
	assert_true(w->down.n > e.from);
	w_run(w, 2500 + 2 * delay);
	ear_rest(&e, w);
	assert_false(logged(w, "truncate") || logged(w, "cancel") || logged(w, "create"));
	assert_int_equal(w->metric[M_BARGE_INS], 0);
	for (size_t i = 0; i < 16000; i++)
		want[i] = (uint8_t)("i1"[1] + (i % (complete ? 16000 : 8000)) * 7);
	assert_int_equal(e.heard.n, 16000);
	assert_memory_equal(e.heard.p, want, 16000);
	buf_fini(&e.heard);
	w_end(w);
}

static void a_false_alarm_loses_no_sample_and_doubles_none(void **st)
{
	static const int64_t delays[] = { 0, 20, 80, 140 }, after[] = { 100, 340, 700, 960 };

	(void)st;
	for (unsigned i = 0; i < ROWS(delays); i++)
		for (unsigned k = 0; k < ROWS(after); k++) {
			resumes(delays[i], after[k], true);
			if (after[k] + 400 < 1000 - 2 * delays[i])
				resumes(delays[i], after[k], false);
		}
}

/* Each cough begins the two seconds anew, but not for ever. */
static void a_coughing_fit_does_not_silence_the_agent(void **st)
{
	struct world *w = w_talking(careful(true, 0));
	char item[16];

	(void)st;
	w_answer(w, "r1", "i1", 9000, "long");
	w_run(w, 500);
	for (int i = 0; i < 5; i++) {
		snprintf(item, sizeof item, "u%d", i);
		w_speech(w, item);
		w_run(w, 300);
		w_speech_over(w, item);
		forget(w);
		buf_reset(&w->down);
		w->last_mark_pos = 0;
		w_run(w, i < 4 ? 1000 : 480);
	}
	assert_int_equal(w->down.n, 0);                   /* 5980 ms */
	w_run(w, 100);
	assert_true(w->down.n > 0);
	assert_false(logged(w, "truncate") || logged(w, "cancel") || logged(w, "create"));
	w_end(w);
}

/* The marks that a hold throws back early tell nothing of the link: the next cut is as exact as ever. */
static void after_a_false_alarm_a_cut_is_exact(void **st)
{
	struct world *w = w_talking(careful(true, 0));

	(void)st;
	w->delay = 100;
	w_answer(w, "r1", "i1", 9000, "long");
	w_run(w, 20);
	w_speech(w, "u");
	w_speech_over(w, "u");
	w_run(w, 2500);
	forget(w);
	w_speech(w, "u2");
	w_heard(w, "u2", "stop");
	assert_true(logged(w, "truncate i1 520;"));       /* 20 before the alarm, 500 since */
	w_end(w);
}

static void words_confirm_and_then_the_answer_is_cut_and_the_next_asked_for(void **st)
{
	struct world *w = w_talking(careful(true, 0));

	(void)st;
	w_response(w, "r1");
	w_delta(w, "r1", "i1", 2000);
	w_run(w, 500);
	w_speech(w, "u");
	assert_string_equal(buf_z(&w->log), "clear;");
	w_run(w, 200);
	w_heard(w, "u", "wait");
	assert_true(logged(w, "cancel r1;") && logged(w, "truncate i1 500;"));
	assert_false(logged(w, "create"));                /* the caller is speaking */
	w_delta(w, "r1", "i1", 500);
	w_done(w, "r1", "cancelled");
	w_speech_over(w, "u");
	assert_true(logged(w, "create;"));
	assert_int_equal(w->metric[M_BARGE_INS], 1);
	w_end(w);
}

static void words_that_come_after_the_speech_confirm_too(void **st)
{
	struct world *w = w_talking(careful(true, 0));

	(void)st;
	w_answer(w, "r1", "i1", 3000, "long");
	w_run(w, 500);
	w_speech(w, "u");
	w_run(w, 400);
	w_speech_over(w, "u");
	forget(w);
	w_heard(w, "u", "stop");
	assert_true(logged(w, "truncate i1 500;"));
	assert_true(logged(w, "create;"));
	assert_false(logged(w, "cancel") || logged(w, "clear"));
	w_end(w);
}

static void words_that_come_when_the_answer_goes_on_already_cut_it_then(void **st)
{
	struct world *w = w_talking(careful(true, 0));

	(void)st;
	w_answer(w, "r1", "i1", 5000, "long");
	w_run(w, 500);
	w_speech(w, "u");
	w_speech_over(w, "u");
	w_run(w, 2500);
	forget(w);
	w_heard(w, "u", "stop");
	assert_true(logged(w, "/cut 1000;truncate i1 1000;"));
	assert_true(logged(w, "create;"));
	w_end(w);
}

static void p12_speech_of_the_given_length_confirms_and_shorter_does_not(void **st)
{
	struct world *w = w_talking(careful(true, 300));

	(void)st;
	w_answer(w, "r1", "i1", 9000, "long");
	w_run(w, 500);
	w_speech(w, "u1");
	w_run(w, 200);
	w_speech_over(w, "u1");
	w_run(w, 2000);
	assert_false(logged(w, "truncate") || logged(w, "create"));
	w_speech(w, "u2");
	w_run(w, 280);
	assert_false(logged(w, "truncate"));
	w_run(w, 40);
	assert_true(logged(w, "truncate i1 "));
	w_speech_over(w, "u2");
	assert_true(logged(w, "create;"));
	w_end(w);
}

static void p12_with_a_length_alone_the_agent_talks_on_until_it_is_reached(void **st)
{
	struct world *w = w_talking(careful(false, 300));

	(void)st;
	w_answer(w, "r1", "i1", 9000, "long");
	w_run(w, 500);
	w_speech(w, "u1");
	w_run(w, 200);
	w_speech_over(w, "u1");
	w_run(w, 1000);
	assert_false(logged(w, "clear") || logged(w, "truncate") || logged(w, "create"));
	w_speech(w, "u2");
	w_run(w, 320);
	assert_true(logged(w, "clear;") && logged(w, "truncate i1 "));
	w_end(w);
}

static void a_turn_that_interrupts_nothing_is_answered_at_once(void **st)
{
	struct world *w = w_talking(careful(true, 0));

	(void)st;
	w_speech(w, "u");
	w_run(w, 400);
	w_speech_over(w, "u");
	assert_true(logged(w, "create;"));
	assert_false(logged(w, "clear") || logged(w, "cancel"));
	w_end(w);
}

static void a_key_ends_the_doubt(void **st)
{
	struct world *w = w_talking(careful(true, 0));

	(void)st;
	w_answer(w, "r1", "i1", 3000, "long");
	w_run(w, 500);
	w_speech(w, "u");
	forget(w);
	press(w, '1');
	assert_true(logged(w, "truncate i1 500;"));
	w_answer(w, "r2", "i2", 500, "next");
	assert_true(w->down.n > 0);
	w_end(w);
}

static void without_transcription_speech_is_asked_for_not_words(void **st)
{
	struct setup *s = careful(true, 0);
	struct world *w;

	(void)st;
	s->transcription = false;
	w = w_talking(s);
	w_answer(w, "r1", "i1", 3000, "long");
	w_run(w, 500);
	w_speech(w, "u");
	w_run(w, 340);
	assert_true(logged(w, "truncate i1 500;"));
	w_end(w);
}

/* --- echo --- */

static void sound(struct world *w, int16_t level)
{
	uint8_t raw[160];
	char b64[217];

	for (size_t i = 0; i < sizeof raw; i++)
		raw[i] = audio_to_ulaw(i % 2 ? level : (int16_t)-level);
	b64[b64_encode(b64, raw, sizeof raw)] = '\0';
	w_caller(w, "{\"event\":\"media\",\"sequenceNumber\":\"2\",\"media\":{\"track\":\"inbound\",\"chunk\":\"1\",\"timestamp\":\"%lld\",\"payload\":\"%s\"},"
	         "\"streamSid\":\"%s\"}", (long long)w->frame_ts, b64, w->streams);
	w->frame_ts += 20;
}

static void sounds(struct world *w, int16_t level, int64_t ms)
{
	for (int64_t t = 0; t < ms; t += 20) {
		sound(w, level);
		w_run(w, 20);
	}
}

/* The pattern of the world is loud: about 5000 on the average. */
static void p11_speech_far_below_our_own_voice_is_our_echo(void **st)
{
	static const struct { int16_t level; bool cuts; } rows[] = { { 0, true }, { 20, true }, { 100, false }, { 200, false }, { 2000, true }, { 9000, true } };

	(void)st;
	for (unsigned i = 0; i < ROWS(rows); i++) {
		struct world *w = w_talking(silent_setup());

		w_answer(w, "r1", "i1", 3000, "long");
		sounds(w, rows[i].level, 600);
		w_speech(w, "u");
		if ((logged(w, "clear;") && logged(w, "truncate i1 600;")) != rows[i].cuts)
			fail_msg("level %d: %s", rows[i].level, buf_z(&w->log));
		w_end(w);
	}
}

static void p11_a_caller_who_outdoes_the_echo_is_heard(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_answer(w, "r1", "i1", 3000, "long");
	sounds(w, 150, 600);
	w_speech(w, "u");
	sounds(w, 150, 400);
	assert_false(logged(w, "clear"));
	sounds(w, 4000, 60);
	assert_true(logged(w, "clear;") && logged(w, "truncate i1 "));
	w_end(w);
}

static void p11_quiet_speech_is_no_echo_while_the_agent_is_silent(void **st)
{
	struct world *w = w_talking(careful(true, 0));

	(void)st;
	sounds(w, 150, 600);
	w_speech(w, "u");
	w_speech_over(w, "u");
	assert_true(logged(w, "create;"));
	w_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_false_alarm_loses_no_sample_and_doubles_none),
		cmocka_unit_test(a_coughing_fit_does_not_silence_the_agent),
		cmocka_unit_test(after_a_false_alarm_a_cut_is_exact),
		cmocka_unit_test(words_confirm_and_then_the_answer_is_cut_and_the_next_asked_for),
		cmocka_unit_test(words_that_come_after_the_speech_confirm_too),
		cmocka_unit_test(words_that_come_when_the_answer_goes_on_already_cut_it_then),
		cmocka_unit_test(p12_speech_of_the_given_length_confirms_and_shorter_does_not),
		cmocka_unit_test(p12_with_a_length_alone_the_agent_talks_on_until_it_is_reached),
		cmocka_unit_test(a_turn_that_interrupts_nothing_is_answered_at_once),
		cmocka_unit_test(a_key_ends_the_doubt),
		cmocka_unit_test(without_transcription_speech_is_asked_for_not_words),
		cmocka_unit_test(p11_speech_far_below_our_own_voice_is_our_echo),
		cmocka_unit_test(p11_a_caller_who_outdoes_the_echo_is_heard),
		cmocka_unit_test(p11_quiet_speech_is_no_echo_while_the_agent_is_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
