#include "store_home.h"

#include "store/ticket.h"

#define ONE "11111111-0000-4000-8000-000000000001"
#define TWO "22222222-0000-4000-8000-000000000002"

struct step {
	const char *session, *call, *stream;
	unsigned token;                    /* which of the made ones */
	int64_t at_ms;
	bool make;
	enum err e;
};

struct job {
	struct step s;
	const char *token;
};

static enum err take_step(struct txn *t, void *arg)
{
	const struct job *j = arg;

	return j->s.make ? ticket_new(t, span_z(j->s.session), span_z(j->s.call), j->s.at_ms, j->token)
	                 : ticket_use(t, span_z(j->token), span_z(j->s.session), span_z(j->s.call), span_z(j->s.stream), j->s.at_ms);
}

static void take(struct home *h, const struct step *steps, size_t n)
{
	char tokens[8][TICKET_TEXT];

	for (size_t i = 0; i < 8; i++)
		assert_int_equal(ticket_token(tokens[i]), ERR_OK);
	for (size_t i = 0; i < n; i++) {
		struct job j = { steps[i], tokens[steps[i].token] };
		enum err e = store_txn(h->s, DURABLE, take_step, &j);

		if (e != steps[i].e)
			fail_msg("step %zu gave %s, not %s", i, err_name(e), err_name(steps[i].e));
	}
}
#define TAKE(h, steps) take(h, steps, ROWS(steps))

static void admits_one_stream_and_that_one_again(void **state)
{
	static const struct step steps[] = {
		{ ONE, "CA1", NULL,  0, 0,    true,  ERR_OK },
		{ ONE, "CA1", "MZ1", 0, 1000, false, ERR_OK },
		{ ONE, "CA1", "MZ1", 0, 2000, false, ERR_OK },         /* the job is repeated */
		{ ONE, "CA1", "MZ2", 0, 2000, false, ERR_DENIED },
	};

	TAKE(*state, steps);
}

static void a_refusal_consumes_nothing(void **state)
{
	static const struct step steps[] = {
		{ ONE, "CA1", NULL,  0, 0,      true,  ERR_OK },
		{ ONE, "CA1", "MZ9", 1, 1000,   false, ERR_DENIED },   /* unknown */
		{ TWO, "CA1", "MZ9", 0, 1000,   false, ERR_DENIED },
		{ ONE, "CA2", "MZ9", 0, 1000,   false, ERR_DENIED },
		{ ONE, "CA1", "",    0, 1000,   false, ERR_DENIED },
		{ ONE, "CA1", "MZ9", 0, 120001, false, ERR_DENIED },   /* expired */
		{ ONE, "CA1", "MZ1", 0, 120000, false, ERR_OK },
	};

	TAKE(*state, steps);
}

static void all_of_a_session_admit_until_one_has(void **state)
{
	static const struct step steps[] = {
		{ ONE, "CA1", NULL,  0, 0,    true,  ERR_OK },
		{ ONE, "CA1", NULL,  1, 10,   true,  ERR_OK },
		{ TWO, "CA2", NULL,  2, 10,   true,  ERR_OK },
		{ ONE, "CA1", "MZ1", 0, 1000, false, ERR_OK },
		{ ONE, "CA1", "MZ2", 1, 1000, false, ERR_DENIED },
		{ TWO, "CA2", "MZ3", 2, 1000, false, ERR_OK },         /* another session's stays good */
	};

	TAKE(*state, steps);
}

static void a_fresh_one_takes_the_session_over(void **state)
{
	static const struct step steps[] = {
		{ ONE, "CA1", NULL,  0, 0,    true,  ERR_OK },
		{ ONE, "CA1", "MZ1", 0, 1000, false, ERR_OK },
		{ ONE, "CA1", NULL,  1, 5000, true,  ERR_OK },
		{ ONE, "CA1", "MZ2", 1, 5100, false, ERR_OK },
		{ ONE, "CA1", "MZ3", 0, 5200, false, ERR_DENIED },
		{ ONE, "CA1", "MZ3", 1, 5200, false, ERR_DENIED },
	};

	TAKE(*state, steps);
}

static void tokens_differ_and_are_not_stored(void **state)
{
	char a[TICKET_TEXT], b[TICKET_TEXT];

	(void)state;
	assert_int_equal(ticket_token(a), ERR_OK);
	assert_int_equal(ticket_token(b), ERR_OK);
	assert_int_equal(strlen(a), TICKET_TEXT - 1);
	assert_string_not_equal(a, b);
	assert_null(strpbrk(a, "+/="));
}

/* --- purge --- */

struct many {
	unsigned from, n;
	int64_t at_ms;
	unsigned left;
};

static enum err make_many(struct txn *t, void *arg)
{
	const struct many *m = arg;
	enum err e = ERR_OK;

	for (unsigned i = m->from; i < m->from + m->n && !e; i++) {
		char token[TICKET_TEXT];

		snprintf(token, sizeof token, "%032u", i);
		e = ticket_new(t, SPAN(ONE), SPAN("CA1"), m->at_ms, token);
	}
	return e;
}

static enum err purge(struct txn *t, void *arg)
{
	struct many *m = arg;

	return ticket_purge(t, m->at_ms, &m->left);
}

static void purge_takes_the_expired_ones_in_steps(void **state)
{
	struct home *h = *state;
	struct many old = { 0, 450, 0, 0 }, fresh = { 450, 1, 500000, 0 }, now = { .at_ms = 500000 };
	static const struct step still[] = { { ONE, "CA1", "MZ1", 0, 500000, false, ERR_OK } };
	unsigned steps = 0;
	struct job j = { still[0], "00000000000000000000000000000450" };

	assert_int_equal(store_txn(h->s, EVENTUAL, make_many, &old), ERR_OK);
	assert_int_equal(store_txn(h->s, EVENTUAL, make_many, &fresh), ERR_OK);
	do
		assert_int_equal(store_txn(h->s, EVENTUAL, purge, &now), ERR_OK);
	while (steps++ < 10 && now.left);
	assert_int_equal(steps, 3);
	assert_int_equal(store_txn(h->s, EVENTUAL, take_step, &j), ERR_OK);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(admits_one_stream_and_that_one_again, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(a_refusal_consumes_nothing, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(all_of_a_session_admit_until_one_has, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(a_fresh_one_takes_the_session_over, home_setup, home_teardown),
		cmocka_unit_test(tokens_differ_and_are_not_stored),
		cmocka_unit_test_setup_teardown(purge_takes_the_expired_ones_in_steps, home_setup, home_teardown),
	};

	HOME_HELPER(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
