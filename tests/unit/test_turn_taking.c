/* turn_taking and keypad: one response at a time, and who may cut whom. */
#include "media-relay/keypad.h"
#include "media-relay/turn_taking.h"
#include "unit.h"

static struct turn_taking t;

static void fresh(void)
{
	turn_init(&t, true, false);
}

static struct realtime_msg finished(const char *id, enum realtime_status status)
{
	struct realtime_msg m = { .type = RT_RESPONSE_DONE, .response_id = span_z(id) };

	m.response.status = status;
	return m;
}

static void done(const char *id, enum realtime_status status, int64_t now)
{
	struct realtime_msg m = finished(id, status);

	turn_done(&t, &m, now);
}

static void p15_a_create_waits_until_no_response_is_active(void **st)
{
	(void)st;
	fresh();
	turn_created(&t, SPAN("vad"), 0);                        /* the server's own */
	turn_want(&t, TURN_ANSWER, 0);
	assert_int_equal(turn_next(&t, 10), TURN_NOTHING);
	turn_audio(&t, SPAN("vad"), 10);
	done("vad", RS_COMPLETED, 20);
	assert_int_equal(turn_next(&t, 20), TURN_ANSWER);
	turn_want(&t, TURN_ANSWER, 0);
	assert_int_equal(turn_next(&t, 30), TURN_NOTHING);       /* asked, not yet created */
	turn_created(&t, SPAN("r"), 40);
	assert_int_equal(turn_next(&t, 50), TURN_NOTHING);
	turn_audio(&t, SPAN("r"), 50);
	done("r", RS_COMPLETED, 60);
	assert_int_equal(turn_next(&t, 60), TURN_ANSWER);
}

static void many_wishes_are_one_create(void **st)
{
	(void)st;
	fresh();
	turn_want(&t, TURN_ANSWER, 0);
	turn_want(&t, TURN_ANSWER, 0);
	turn_want(&t, TURN_GREETING, 0);
	assert_int_equal(turn_next(&t, 0), TURN_ANSWER);
	turn_created(&t, SPAN("r"), 0);
	turn_audio(&t, SPAN("r"), 0);
	done("r", RS_COMPLETED, 0);
	assert_int_equal(turn_next(&t, 0), TURN_NOTHING);
}

static void the_end_of_another_response_ends_nothing(void **st)
{
	(void)st;
	fresh();
	turn_created(&t, SPAN("a"), 0);
	turn_want(&t, TURN_ANSWER, 0);
	done("b", RS_COMPLETED, 10);
	assert_int_equal(turn_next(&t, 10), TURN_NOTHING);
}

static void a_greeting_that_failed_is_the_greeting_again(void **st)
{
	(void)st;
	fresh();
	turn_want(&t, TURN_GREETING, 0);
	assert_int_equal(turn_next(&t, 0), TURN_GREETING);
	turn_created(&t, SPAN("g"), 0);
	done("g", RS_FAILED, 0);
	assert_int_equal(turn_next(&t, 299), TURN_NOTHING);
	assert_int_equal(turn_next(&t, 300), TURN_GREETING);
	turn_created(&t, SPAN("g2"), 300);
	done("g2", RS_COMPLETED, 400);
	assert_int_equal(turn_next(&t, 10000), TURN_NOTHING);    /* once more, not for ever */
}

static void an_answer_of_calls_only_is_not_empty(void **st)
{
	struct realtime_msg m;

	(void)st;
	fresh();
	turn_created(&t, SPAN("r"), 0);
	m = finished("r", RS_COMPLETED);
	m.response.calls = 1;
	turn_done(&t, &m, 0);
	assert_int_equal(turn_next(&t, 0), TURN_NOTHING);
}

static void a_filtered_answer_is_not_repeated(void **st)
{
	struct realtime_msg m;

	(void)st;
	fresh();
	turn_created(&t, SPAN("r"), 0);
	m = finished("r", RS_INCOMPLETE);
	m.response.reason = SPAN("content_filter");
	turn_done(&t, &m, 0);
	assert_int_equal(turn_next(&t, 0), TURN_NOTHING);
}

static void a_key_cancels_what_has_an_id_now_and_what_has_none_later(void **st)
{
	(void)st;
	fresh();
	assert_null(turn_cancel(&t).p);
	turn_created(&t, SPAN("r"), 0);
	assert_span(turn_cancel(&t), "r");
	assert_null(turn_cancel(&t).p);                          /* once */
	done("r", RS_CANCELLED, 0);
	turn_want(&t, TURN_ANSWER, 0);
	turn_next(&t, 0);
	assert_null(turn_cancel(&t).p);
	assert_true(turn_created(&t, SPAN("r2"), 0));
	done("r2", RS_CANCELLED, 0);
	assert_int_equal(turn_next(&t, 0), TURN_NOTHING);
}

static void a_dead_model_is_noticed(void **st)
{
	(void)st;
	fresh();
	turn_want(&t, TURN_ANSWER, 0);
	turn_next(&t, 1000);
	assert_false(turn_stuck(&t, 5999));
	assert_true(turn_stuck(&t, 6000));
	turn_created(&t, SPAN("r"), 6000);
	assert_false(turn_stuck(&t, 20999));
	turn_sign(&t, 20000);
	assert_false(turn_stuck(&t, 34999));
	assert_true(turn_stuck(&t, 35000));
	turn_connection_lost(&t);
	assert_false(turn_stuck(&t, 99000));
}

static void what_was_wanted_outlives_the_connection(void **st)
{
	(void)st;
	fresh();
	turn_created(&t, SPAN("r"), 0);
	turn_want(&t, TURN_ANSWER, 0);
	turn_connection_lost(&t);
	assert_int_equal(turn_next(&t, 0), TURN_ANSWER);
}

static void an_id_too_long_to_keep_still_ends(void **st)
{
	char id[300];

	(void)st;
	fresh();
	memset(id, 'x', sizeof id);
	turn_created(&t, span_of(id, sizeof id), 0);
	turn_want(&t, TURN_ANSWER, 0);
	assert_int_equal(turn_next(&t, 0), TURN_NOTHING);
	done("anything", RS_CANCELLED, 0);
	assert_int_equal(turn_next(&t, 0), TURN_ANSWER);
}

static void a_turn_that_ended_under_an_answer_gets_its_own(void **st)
{
	(void)st;
	turn_init(&t, false, false);
	turn_created(&t, SPAN("r"), 0);
	turn_audio(&t, SPAN("r"), 0);
	turn_speech(&t, true);
	turn_speech(&t, false);
	turn_expects_answer(&t);
	done("r", RS_COMPLETED, 1000);
	assert_int_equal(turn_next(&t, 1499), TURN_NOTHING);
	assert_int_equal(turn_next(&t, 1500), TURN_ANSWER);
	fresh();
	turn_created(&t, SPAN("r"), 0);
	turn_audio(&t, SPAN("r"), 0);
	turn_expects_answer(&t);
	done("r", RS_COMPLETED, 1000);
	turn_created(&t, SPAN("own"), 1100);                     /* the server had one after all */
	turn_audio(&t, SPAN("own"), 1100);
	done("own", RS_COMPLETED, 1200);
	assert_int_equal(turn_next(&t, 9000), TURN_NOTHING);
	fresh();
	turn_expects_answer(&t);                                 /* nothing was in its way */
	turn_created(&t, SPAN("r"), 0);
	turn_audio(&t, SPAN("r"), 0);
	done("r", RS_COMPLETED, 10);
	assert_int_equal(turn_next(&t, 9000), TURN_NOTHING);
}

static void speech_cuts_unless_it_may_not(void **st)
{
	(void)st;
	turn_init(&t, true, false);
	assert_true(turn_may_cut(&t));
	turn_init(&t, false, false);
	assert_false(turn_may_cut(&t));
	turn_init(&t, true, true);
	assert_false(turn_may_cut(&t));
	turn_greeting_over(&t);
	assert_true(turn_may_cut(&t));
}

/* --- keypad --- */

static void digits_are_collected_until_a_hash_or_a_pause(void **st)
{
	struct keypad k = { .n = 0 };
	char text[KEYPAD_TEXT];

	(void)st;
	assert_false(keypad_press(&k, '1', 0, text));
	assert_false(keypad_press(&k, '2', 1900, text));
	assert_false(keypad_tick(&k, 3899, text));
	assert_true(keypad_tick(&k, 3900, text));
	assert_string_equal(text, "[keypad: 12]");
	assert_false(keypad_tick(&k, 9000, text));
	assert_false(keypad_press(&k, '*', 0, text));
	assert_true(keypad_press(&k, '#', 10, text));
	assert_string_equal(text, "[keypad: *]");
	assert_true(keypad_press(&k, '#', 20, text));
	assert_string_equal(text, "[keypad: #]");
	assert_false(keypad_press(&k, 'x', 30, text));
	assert_false(keypad_press(&k, '\0', 30, text));
	assert_false(keypad_tick(&k, 9000, text));
}

static void too_many_digits_are_two_texts(void **st)
{
	struct keypad k = { .n = 0 };
	char text[KEYPAD_TEXT];

	(void)st;
	for (unsigned i = 0; i < KEYPAD_DIGITS - 1; i++)
		assert_false(keypad_press(&k, '7', 0, text));
	assert_true(keypad_press(&k, '7', 0, text));
	assert_int_equal(strlen(text), KEYPAD_DIGITS + 10);
	assert_int_equal(k.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p15_a_create_waits_until_no_response_is_active),
		cmocka_unit_test(many_wishes_are_one_create),
		cmocka_unit_test(the_end_of_another_response_ends_nothing),
		cmocka_unit_test(a_greeting_that_failed_is_the_greeting_again),
		cmocka_unit_test(an_answer_of_calls_only_is_not_empty),
		cmocka_unit_test(a_filtered_answer_is_not_repeated),
		cmocka_unit_test(a_key_cancels_what_has_an_id_now_and_what_has_none_later),
		cmocka_unit_test(a_dead_model_is_noticed),
		cmocka_unit_test(what_was_wanted_outlives_the_connection),
		cmocka_unit_test(an_id_too_long_to_keep_still_ends),
		cmocka_unit_test(a_turn_that_ended_under_an_answer_gets_its_own),
		cmocka_unit_test(speech_cuts_unless_it_may_not),
		cmocka_unit_test(digits_are_collected_until_a_hash_or_a_pause),
		cmocka_unit_test(too_many_digits_are_two_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
