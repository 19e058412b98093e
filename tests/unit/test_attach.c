/* attach: what a call owes its caller when a model connection goes; one row per moment at which it may go. */
#include "media-relay/attach.h"
#include "unit.h"

enum { SPEECH = 1, OVER = 2, WORDS = 4, ASKED = 8, GREETING = 16, CONTINUE = 32, CREATED = 64, AUDIO = 128, UNFINISHED = 256, CUT = 512 };

static void happen(struct attach *a, struct turn_taking *t, unsigned what)
{
	if (what & SPEECH) {
		attach_speech(a, SPAN("u1"), 800);
		turn_speech(t, true);
	}
	if (what & OVER) {
		attach_speech_over(a, true);
		turn_speech(t, false);
	}
	if (what & WORDS)
		attach_words(a, SPAN("u1"));
	if (what & (ASKED | GREETING | CONTINUE)) {
		turn_want(t, what & GREETING ? TURN_GREETING : what & CONTINUE ? TURN_CONTINUE : TURN_ANSWER, 0);
		turn_next(t, 0);
	}
	if (what & CREATED) {
		turn_created(t, SPAN("r1"), 0);
		attach_answer(a, false);
	}
	if (what & AUDIO) {
		turn_audio(t, SPAN("r1"), 0);
		attach_answer(a, true);
	}
	if (what & CUT)
		turn_was_cut(t);
}

static void every_moment_has_its_need(void **st)
{
	static const struct { unsigned what; enum attach_need need; } rows[] = {
		{ 0, AN_NOTHING },
		{ SPEECH, AN_REPLAY },
		{ SPEECH | OVER, AN_REPLAY },
		{ SPEECH | OVER | WORDS, AN_ANSWER },
		{ SPEECH | OVER | CREATED, AN_REPLAY },
		{ SPEECH | OVER | WORDS | CREATED, AN_ANSWER },
		{ SPEECH | OVER | CREATED | AUDIO | UNFINISHED, AN_CONTINUE },
		{ SPEECH | OVER | WORDS | CREATED | AUDIO | UNFINISHED, AN_CONTINUE },
		{ SPEECH | OVER | WORDS | CREATED | AUDIO, AN_ANSWER },             /* a preamble was spoken, its call was still to come */
		{ ASKED, AN_ANSWER },
		{ ASKED | CREATED, AN_ANSWER },
		{ CONTINUE, AN_CONTINUE },
		{ GREETING | CREATED | AUDIO | UNFINISHED, AN_CONTINUE },
		{ GREETING | CREATED | AUDIO, AN_NOTHING },
		{ GREETING | CREATED | AUDIO | UNFINISHED | CUT, AN_NOTHING },
	};

	(void)st;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct turn_taking t;
		struct attach a;

		turn_init(&t, true, false);
		attach_init(&a);
		happen(&a, &t, rows[i].what);
		attach_lost(&a, &t, rows[i].what & UNFINISHED);
		if (a.need != rows[i].need)
			fail_msg("row %zu: %d, want %d", i, (int)a.need, (int)rows[i].need);
		turn_connection_lost(&t);
		attach_lost(&a, &t, false);                          /* the next one fails too: it is owed still */
		assert_int_equal(attach_found(&a), rows[i].need);
	}
}

static void replayed_speech_is_replayed_again_until_somebody_notices(void **st)
{
	struct turn_taking t;
	struct attach a;

	(void)st;
	turn_init(&t, true, false);
	attach_init(&a);
	happen(&a, &t, SPEECH | OVER);
	attach_lost(&a, &t, false);
	assert_int_equal(a.from, 800);
	assert_int_equal(attach_found(&a), AN_REPLAY);
	attach_replays(&a, 4000, 5000);
	assert_false(attach_must_ask(&a, 4999));
	attach_lost(&a, &t, false);
	assert_int_equal(attach_found(&a), AN_REPLAY);
	assert_int_equal(a.from, 4000);
	attach_replays(&a, 9000, 6000);
	assert_true(attach_must_ask(&a, 6000));
	assert_false(attach_must_ask(&a, 7000));                     /* once */
	attach_replays(&a, 9000, 6000);
	attach_speech(&a, SPAN("u2"), 9100);                         /* noticed: an ordinary turn from here */
	assert_false(attach_must_ask(&a, 7000));
	attach_words(&a, SPAN("u2"));
	attach_lost(&a, &t, false);
	assert_int_equal(attach_found(&a), AN_NOTHING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_moment_has_its_need),
		cmocka_unit_test(replayed_speech_is_replayed_again_until_somebody_notices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
