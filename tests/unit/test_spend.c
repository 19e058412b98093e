/* spend and post: what call_put() keeps beside the call. */
#include "store_home.h"

#include "store/account.h"
#include "store/agent.h"
#include "store/call.h"
#include "store/post.h"
#include "store/spend.h"

#define SESSION "00000001-0000-4000-8000-000000000001"
#define DAY     INT64_C(86400000)
#define NOV_30  INT64_C(1796040000000)      /* 2026-11-30 12:00 UTC */

struct put {
	double cost;
	int64_t ended_at;
};

static enum err put_body(struct txn *t, void *arg)
{
	const struct put *p = arg;
	struct call c;
	enum err e;

	record_init(&call_type, &c);
	c.session_id = span_dup(SPAN(SESSION));
	c.agent = span_dup(SPAN("1"));
	c.account = span_dup(SPAN("1"));
	c.started_at = 1000;
	c.cost = p->cost;
	c.ended_at = p->ended_at;
	e = call_put(t, &c);
	record_fini(&call_type, &c);
	return e;
}

static void put(struct home *h, double cost, int64_t ended_at)
{
	struct put p = { cost, ended_at };

	assert_int_equal(store_txn(h->s, EVENTUAL, put_body, &p), ERR_OK);
}

struct sums {
	int64_t at;
	double day, month;
	struct budget b;
};

static enum err sums_body(struct txn *t, void *arg)
{
	struct sums *s = arg;
	struct agent a;
	enum err e = spend_of_day(t, SPAN("1"), s->at, &s->day);

	e = e ? e : spend_of_month(t, SPAN("1"), s->at, &s->month);
	e = e ? e : agent_get(t, SPAN("1"), &a);
	if (e)
		return e;
	e = budget_get(t, &a, SPAN("1"), s->at, &s->b);
	record_fini(&agent_type, &a);
	return e;
}

static struct sums sums(struct home *h, int64_t at)
{
	struct sums s = { .at = at };

	assert_int_equal(store_read(h->s, sums_body, &s), ERR_OK);
	return s;
}

static void costs_add_up_per_day_and_month_and_repetition_adds_nothing(void **state)
{
	struct home *h = *state;
	struct sums s;

	clock_set(0, NOV_30);
	put(h, 0.25, FIELD_NULL_INT);
	put(h, 0.25, FIELD_NULL_INT);              /* the same job again */
	put(h, 1.5, FIELD_NULL_INT);
	clock_set(0, NOV_30 + DAY);                /* the call goes on after midnight, in another month too */
	put(h, 2.0, FIELD_NULL_INT);
	s = sums(h, NOV_30);
	assert_true(s.day == 1.5 && s.month == 1.5);
	s = sums(h, NOV_30 + DAY);
	assert_true(s.day == 0.5 && s.month == 0.5);
	s = sums(h, NOV_30 + 2 * DAY);
	assert_true(s.day == 0 && s.month == 0.5);
}

static void what_is_left_is_never_less_than_nothing_and_no_limit_is_none(void **state)
{
	struct home *h = *state;
	struct account account;
	struct agent a;
	struct sums s;

	clock_set(0, NOV_30);
	put(h, 3, FIELD_NULL_INT);
	s = sums(h, NOV_30);
	assert_true(isnan(s.b.day_left) && isnan(s.b.month_left));
	assert_int_equal(home_do(h, OP_GET, "agent", "default", &a, NULL), ERR_OK);
	a.max_day_cost = 2;
	assert_int_equal(home_do(h, OP_UPDATE, "agent", NULL, &a, NULL), ERR_OK);
	record_fini(&agent_type, &a);
	assert_int_equal(home_do(h, OP_GET, "account", "default", &account, NULL), ERR_OK);
	account.max_month_cost = 4;
	assert_int_equal(home_do(h, OP_UPDATE, "account", NULL, &account, NULL), ERR_OK);
	record_fini(&account_type, &account);
	s = sums(h, NOV_30);
	assert_true(s.b.day_left == 0 && s.b.month_left == 1);
	s = sums(h, NOV_30 + DAY);
	assert_true(s.b.day_left == 2 && s.b.month_left == 4);
}

/* --- the queue --- */

struct visit {
	int64_t now;
	enum { LOOK, DONE, AGAIN } what;
	struct buf key;
	char session[UUID_TEXT], error[40];
	int64_t attempts;
	bool given_up;
};

static enum err visit_body(struct txn *t, void *arg)
{
	struct visit *v = arg;
	struct post p;
	enum err e = post_next(t, v->now, SPAN_NONE, &v->key, &p);

	if (e)
		return e;
	span_copy(v->session, sizeof v->session, span_z(p.session_id));
	span_copy(v->error, sizeof v->error, p.error ? span_z(p.error) : SPAN(""));
	v->attempts = p.attempts;
	record_fini(&post_type, &p);
	if (v->what == DONE)
		return post_done(t, buf_span(&v->key));
	return v->what == AGAIN ? post_again(t, buf_span(&v->key), v->now, "http 500", &v->given_up) : ERR_OK;
}

static enum err visit(struct home *h, struct visit *v, int64_t now, int what)
{
	v->now = now;
	v->what = what;
	return store_txn(h->s, EVENTUAL, visit_body, v);
}

static void want_posts(struct home *h)
{
	struct agent a;

	assert_int_equal(home_do(h, OP_GET, "agent", "default", &a, NULL), ERR_OK);
	home_set("agent", &a, "post_call_url", "http://127.0.0.1/hook");
	assert_int_equal(home_do(h, OP_UPDATE, "agent", NULL, &a, NULL), ERR_OK);
	record_fini(&agent_type, &a);
}

static void a_call_is_queued_once_when_it_ends(void **state)
{
	struct home *h = *state;
	struct visit v = { .key = BUF_INIT };

	want_posts(h);
	put(h, 0, FIELD_NULL_INT);
	assert_int_equal(visit(h, &v, 9000, LOOK), ERR_NOTFOUND);
	put(h, 0, 5000);
	put(h, 0.1, 5000);
	assert_int_equal(visit(h, &v, 4999, LOOK), ERR_NOTFOUND);
	assert_int_equal(visit(h, &v, 5000, DONE), ERR_OK);
	assert_string_equal(v.session, SESSION);
	assert_int_equal(visit(h, &v, INT64_MAX - 1, LOOK), ERR_NOTFOUND);
	buf_fini(&v.key);
}

static void an_agent_without_a_url_queues_nothing(void **state)
{
	struct home *h = *state;
	struct visit v = { .key = BUF_INIT };

	put(h, 0, 5000);
	assert_int_equal(visit(h, &v, 9000, LOOK), ERR_NOTFOUND);
	buf_fini(&v.key);
}

static void a_failed_delivery_comes_back_later_and_later_and_is_given_up(void **state)
{
	struct home *h = *state;
	struct visit v = { .key = BUF_INIT };
	int64_t now = 5000;

	want_posts(h);
	put(h, 0, now);
	for (int i = 1; i < POST_TRIES; i++) {
		assert_int_equal(visit(h, &v, now, AGAIN), ERR_OK);
		assert_int_equal(v.attempts, i - 1);
		assert_false(v.given_up);
		assert_int_equal(visit(h, &v, now + post_pause_ms(i) - 1, LOOK), ERR_NOTFOUND);
		now += post_pause_ms(i);
	}
	assert_int_equal(visit(h, &v, now, AGAIN), ERR_OK);
	assert_string_equal(v.error, "http 500");
	assert_true(v.given_up);
	assert_true(now > DAY);                    /* a receiver may be down for a day */
	assert_int_equal(visit(h, &v, INT64_MAX - 1, LOOK), ERR_NOTFOUND);
	buf_fini(&v.key);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(costs_add_up_per_day_and_month_and_repetition_adds_nothing, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(what_is_left_is_never_less_than_nothing_and_no_limit_is_none, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(a_call_is_queued_once_when_it_ends, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(an_agent_without_a_url_queues_nothing, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(a_failed_delivery_comes_back_later_and_later_and_is_given_up, home_setup_started, home_teardown),
	};

	HOME_HELPER(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
