/* call_stats: calls counted and added up, over more than one page. */
#include "store_home.h"

#include "store/call_stats.h"

#define DAY   INT64_C(86400000)
#define FIRST INT64_C(1795996800000)        /* 2026-11-30 00:00 UTC */

struct seed {
	unsigned n;
	int64_t started;
	const char *agent, *direction, *from, *to, *status;
	int64_t connected, ended;
	double cost;
	int64_t latency;
};

static enum err put_body(struct txn *t, void *arg)
{
	const struct seed *s = arg;
	char session[UUID_TEXT];
	struct call c;
	enum err e;

	record_init(&call_type, &c);
	snprintf(session, sizeof session, "%08x-0000-4000-8000-%012u", s->n * 2654435761u, s->n);
	c.session_id = span_dup(span_z(session));
	c.agent = s->agent ? span_dup(span_z(s->agent)) : NULL;
	free(c.direction);
	c.direction = span_dup(span_z(s->direction));
	c.caller_number = span_dup(span_z(s->from));
	c.called_number = span_dup(span_z(s->to));
	free(c.status);
	c.status = span_dup(span_z(s->status));
	c.started_at = s->started;
	c.connected_at = s->connected;
	c.ended_at = s->ended;
	c.cost = s->cost;
	c.latency_p50_ms = s->latency;
	c.turns = 3;
	e = call_put(t, &c);
	record_fini(&call_type, &c);
	return e;
}

static void seed(struct home *h)
{
	static const struct seed rows[] = {
		{ 1, FIRST, "1", "inbound", "+1555", "+1666", "ended", FIRST + 1000, FIRST + 61000, 0.1, 800 },
		{ 2, FIRST + 1, "1", "inbound", "+1556", "+1666", "error", FIELD_NULL_INT, FIRST + 1, NAN, FIELD_NULL_INT },
		{ 3, FIRST + DAY, "2", "outbound-api", "+1666", "+1999", "error", FIRST + DAY, FIRST + DAY + 30000, 0.2, 1000 },
		{ 4, FIRST + DAY + 5, NULL, "inbound", "+1555", "+1777", "connected", FIRST + DAY + 6, FIELD_NULL_INT, NAN, FIELD_NULL_INT },
	};

	assert_int_equal(home_make(h, "agent", NULL, "name", "eva", NULL), ERR_OK);
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(store_txn(h->s, EVENTUAL, put_body, (void *)(uintptr_t)&rows[i]), ERR_OK);
}

static struct json_object *count(struct home *h, enum stats_by by, int64_t since)
{
	struct call_stats *s;
	struct json_object *o = NULL;

	assert_int_equal(call_stats_new(&s, by, since, FIELD_NULL_INT), ERR_OK);
	do {
		assert_int_equal(store_read(h->s, call_stats_page, s), ERR_OK);
		assert_int_equal(store_read(h->s, call_stats_page, s), ERR_OK);      /* a body may run again */
	} while (call_stats_next(s));
	assert_int_equal(call_stats_json(s, &o), ERR_OK);
	call_stats_free(s);
	return o;
}

static void is(struct json_object *o, const char *want)
{
	struct buf b = BUF_INIT;

	assert_int_equal(json_write(&b, o), ERR_OK);
	assert_string_equal(buf_z(&b), want);
	buf_fini(&b);
	json_object_put(o);
}

#define ROW(calls, connected, refused, errors, minutes, turns, latency, cost) \
	"\"calls\":" calls ",\"connected\":" connected ",\"refused\":" refused ",\"errors\":" errors ",\"minutes\":" minutes ",\"turns\":" turns \
	",\"barge_ins\":0,\"reconnects\":0,\"latency_ms\":" latency ",\"cost\":" cost "}"

static void calls_are_added_up_by_what_is_asked_for(void **state)
{
	struct home *h = *state;

	seed(h);
	is(count(h, STATS_ALL, FIELD_NULL_INT), "[{" ROW("4", "3", "1", "1", "1.5", "12", "900", "0.3") "]");
	is(count(h, STATS_DAY, FIELD_NULL_INT), "[{\"day\":\"2026-12-01\"," ROW("2", "2", "0", "1", "0.5", "6", "1000", "0.2") ",{\"day\":\"2026-11-30\","
	   ROW("2", "1", "1", "0", "1", "6", "800", "0.1") "]");
	is(count(h, STATS_AGENT, FIRST + DAY), "[{\"agent\":null," ROW("1", "1", "0", "0", "0", "3", "null", "0") ",{\"agent\":\"eva\","
	   ROW("1", "1", "0", "1", "0.5", "3", "1000", "0.2") "]");
	is(count(h, STATS_NUMBER, FIELD_NULL_INT), "[{\"number\":\"+1666\"," ROW("3", "2", "1", "1", "1.5", "9", "900", "0.3") ",{\"number\":\"+1777\","
	   ROW("1", "1", "0", "0", "0", "3", "null", "0") "]");
}

static void many_pages_are_one_sum(void **state)
{
	struct home *h = *state;
	struct json_object *o;
	int64_t n = 0;

	for (unsigned i = 0; i < 1203; i++) {
		struct seed s = { i + 10, FIRST + i, "1", "inbound", "+1", "+2", "ended", FIRST, FIRST, 0.001, 500 };

		assert_int_equal(store_txn(h->s, EVENTUAL, put_body, &s), ERR_OK);
	}
	o = count(h, STATS_ALL, FIELD_NULL_INT);
	assert_true(json_get_int(json_object_array_get_idx(o, 0), "calls", &n));
	assert_int_equal(n, 1203);
	json_object_put(o);
}

static void nothing_is_a_row_of_noughts_or_no_rows(void **state)
{
	struct home *h = *state;

	is(count(h, STATS_ALL, FIELD_NULL_INT), "[{" ROW("0", "0", "0", "0", "0", "0", "null", "0") "]");
	is(count(h, STATS_DAY, FIELD_NULL_INT), "[]");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(calls_are_added_up_by_what_is_asked_for, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(many_pages_are_one_sum, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(nothing_is_a_row_of_noughts_or_no_rows, home_setup_started, home_teardown),
	};

	HOME_HELPER(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
