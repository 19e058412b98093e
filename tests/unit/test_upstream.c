/* upstream: whom to dial and when, as a table of moments. */
#include "media-relay/upstream.h"
#include "unit.h"

static struct upstream_link u;
static int64_t now;

static void fresh(unsigned upstreams)
{
	upstream_init(&u, upstreams);
	u.jitter = 500;                              /* nominal pauses */
	now = 100000;
}

static enum upstream_act ev(enum upstream_ev e)
{
	enum upstream_act a = upstream_event(&u, e, now);

	u.jitter = 500;
	return a;
}

/* Goes on tick by tick until something is to be done; `after` is how long that took. */
static enum upstream_act wait_for(int64_t *after, int64_t most)
{
	for (*after = 0; *after < most; *after += 10) {
		enum upstream_act a = upstream_tick(&u, now);

		u.jitter = 500;
		if (a != UA_NONE)
			return a;
		now += 10;
	}
	return UA_NONE;
}

static void become_ready(void)
{
	assert_int_equal(ev(UE_CREATED), UA_CONFIGURE);
	assert_int_equal(ev(UE_SENT), UA_NONE);
	assert_int_equal(ev(UE_GOOD), UA_READY);
	assert_true(upstream_ready(&u));
}

static void the_straight_way(void **st)
{
	(void)st;
	fresh(1);
	assert_int_equal(ev(UE_WANT), UA_DIAL);
	become_ready();
	assert_int_equal(ev(UE_WANT), UA_NONE);
	assert_int_equal(ev(UE_DROP), UA_CLOSE);
	assert_int_equal(u.state, US_DOWN);
	assert_int_equal(ev(UE_WANT), UA_DIAL);
}

static void pauses_are_200_500_and_1000_ms_then_the_other_one_then_the_end(void **st)
{
	static const int64_t pauses[] = { 200, 500, 1000 };
	int64_t after;

	(void)st;
	fresh(2);
	assert_int_equal(ev(UE_WANT), UA_DIAL);
	for (unsigned which = 0; which < 2; which++) {
		assert_int_equal(upstream_which(&u), which);
		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(ev(UE_BROKEN), UA_CLOSE);
			assert_int_equal(wait_for(&after, 5000), UA_DIAL);
			assert_int_equal(after, pauses[i]);
		}
		assert_int_equal(ev(UE_BROKEN), which == 0 ? UA_DIAL : UA_FAILED);
	}
	assert_int_equal(u.state, US_FAILED);
	assert_int_equal(ev(UE_WANT), UA_DIAL);      /* somebody who comes later finds it trying again */
}

static void pauses_vary_by_a_quarter(void **st)
{
	(void)st;
	for (unsigned j = 0; j <= 1000; j += 100) {
		fresh(1);
		upstream_event(&u, UE_WANT, now);
		u.jitter = j;
		upstream_event(&u, UE_BROKEN, now);
		assert_in_range(u.until_ms - now, 150, 250);
	}
}

static void a_dial_that_is_not_ready_after_5_s_has_failed(void **st)
{
	int64_t after;

	(void)st;
	fresh(1);
	ev(UE_WANT);
	assert_int_equal(wait_for(&after, 10000), UA_CLOSE);
	assert_int_equal(after, 5000);
	fresh(1);
	ev(UE_WANT);
	now += 3000;
	ev(UE_CREATED);
	ev(UE_SENT);
	assert_int_equal(wait_for(&after, 10000), UA_CLOSE);
	assert_int_equal(after, 2000);                       /* from the dial, not from each step */
}

static void what_is_beyond_help_is_not_tried_again(void **st)
{
	(void)st;
	fresh(2);
	ev(UE_WANT);
	assert_int_equal(ev(UE_HOPELESS), UA_DIAL);
	assert_int_equal(upstream_which(&u), 1);
	assert_int_equal(ev(UE_HOPELESS), UA_FAILED);
	assert_true(u.hopeless);
}

static void wrong_formats_are_asked_for_once_more_then_it_is_the_others_turn(void **st)
{
	(void)st;
	fresh(2);
	ev(UE_WANT);
	ev(UE_CREATED);
	ev(UE_SENT);
	assert_int_equal(ev(UE_WRONG), UA_CONFIGURE);
	ev(UE_SENT);
	assert_int_equal(ev(UE_WRONG), UA_DIAL);
	assert_int_equal(upstream_which(&u), 1);
}

static void a_connection_that_worked_is_dialled_again_first(void **st)
{
	int64_t after;

	(void)st;
	fresh(2);
	upstream_caller(&u, true, now);
	ev(UE_WANT);
	ev(UE_HOPELESS);
	become_ready();                                      /* on the fallback */
	now += 60000;
	assert_int_equal(ev(UE_BROKEN), UA_CLOSE);
	assert_int_equal(wait_for(&after, 5000), UA_DIAL);
	assert_int_equal(after, 200);
	assert_int_equal(upstream_which(&u), 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ev(UE_BROKEN), UA_CLOSE);
		assert_int_equal(wait_for(&after, 5000), UA_DIAL);
	}
	assert_int_equal(ev(UE_BROKEN), UA_DIAL);            /* three pauses were made: 200, 500, 1000 */
	assert_int_equal(upstream_which(&u), 0);
}

static void one_that_breaks_as_soon_as_it_is_ready_does_not_go_round_for_ever(void **st)
{
	int64_t after;
	unsigned dials = 1;

	(void)st;
	fresh(2);
	ev(UE_WANT);
	for (enum upstream_act a = UA_DIAL; a == UA_DIAL;) {
		become_ready();
		now += 100;
		a = ev(UE_BROKEN);
		if (a == UA_CLOSE)
			a = wait_for(&after, 5000);
		dials++;
		assert_true(dials < 20);
	}
	assert_int_equal(u.state, US_FAILED);
}

/* The only server there is speaks, drops, speaks: the call goes on with it, though not for ever. */
static void one_that_speaks_and_drops_is_dialled_again_when_nobody_else_is_left(void **st)
{
	static const struct { unsigned upstreams; bool speaks; unsigned dials; } rows[] = { { 1, true, 14 }, { 1, false, 4 }, { 2, true, 18 } };

	(void)st;
	for (size_t i = 0; i < ROWS(rows); i++) {
		unsigned dials = 1;
		int64_t after;

		fresh(rows[i].upstreams);
		upstream_caller(&u, true, now);
		ev(UE_WANT);
		for (enum upstream_act a = UA_DIAL; a == UA_DIAL && dials < 30;) {
			become_ready();
			now += 600;
			if (rows[i].speaks)
				upstream_spoke(&u, now);
			now += 600;
			a = ev(UE_BROKEN);
			a = a == UA_CLOSE ? wait_for(&after, 5000) : a;
			dials += a == UA_DIAL;
		}
		assert_int_equal(u.state, US_FAILED);
		assert_int_equal(dials, rows[i].dials);
	}
}

static void with_a_caller_the_other_one_is_dialled_after_5_s_and_all_is_over_after_9(void **st)
{
	int64_t after;

	(void)st;
	fresh(2);
	ev(UE_WANT);
	now += 3000;
	upstream_caller(&u, true, now);
	assert_int_equal(wait_for(&after, 10000), UA_CLOSE);         /* the first dial's own 5 s */
	assert_int_equal(after, 2000);
	assert_int_equal(wait_for(&after, 10000), UA_DIAL);
	assert_int_equal(upstream_which(&u), 0);
	assert_int_equal(wait_for(&after, 10000), UA_DIAL);
	assert_int_equal(upstream_which(&u), 1);
	assert_int_equal(now, 100000 + 3000 + 5000);
	assert_int_equal(wait_for(&after, 10000), UA_FAILED);
	assert_int_equal(now, 100000 + 3000 + 9000);
}

static void without_a_caller_nobody_is_in_a_hurry(void **st)
{
	int64_t after;

	(void)st;
	fresh(1);
	ev(UE_WANT);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(wait_for(&after, 6000), UA_CLOSE);
		assert_int_equal(wait_for(&after, 6000), UA_DIAL);
	}
	assert_int_equal(wait_for(&after, 6000), UA_FAILED);
	assert_true(now - 100000 > 20000);
}

static void late_words_of_an_old_leg_change_nothing(void **st)
{
	(void)st;
	fresh(1);
	ev(UE_WANT);
	ev(UE_BROKEN);
	assert_int_equal(ev(UE_BROKEN), UA_NONE);
	assert_int_equal(ev(UE_CREATED), UA_NONE);
	assert_int_equal(ev(UE_GOOD), UA_NONE);
	assert_int_equal(u.state, US_BACKOFF);
	assert_int_equal(ev(UE_DROP), UA_CLOSE);
	assert_int_equal(upstream_tick(&u, now + 100000), UA_NONE);
}

static void without_any_upstream_it_fails_at_once(void **st)
{
	(void)st;
	fresh(0);
	assert_int_equal(ev(UE_WANT), UA_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_straight_way),
		cmocka_unit_test(pauses_are_200_500_and_1000_ms_then_the_other_one_then_the_end),
		cmocka_unit_test(pauses_vary_by_a_quarter),
		cmocka_unit_test(a_dial_that_is_not_ready_after_5_s_has_failed),
		cmocka_unit_test(what_is_beyond_help_is_not_tried_again),
		cmocka_unit_test(wrong_formats_are_asked_for_once_more_then_it_is_the_others_turn),
		cmocka_unit_test(a_connection_that_worked_is_dialled_again_first),
		cmocka_unit_test(one_that_breaks_as_soon_as_it_is_ready_does_not_go_round_for_ever),
		cmocka_unit_test(one_that_speaks_and_drops_is_dialled_again_when_nobody_else_is_left),
		cmocka_unit_test(with_a_caller_the_other_one_is_dialled_after_5_s_and_all_is_over_after_9),
		cmocka_unit_test(without_a_caller_nobody_is_in_a_hurry),
		cmocka_unit_test(late_words_of_an_old_leg_change_nothing),
		cmocka_unit_test(without_any_upstream_it_fails_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
