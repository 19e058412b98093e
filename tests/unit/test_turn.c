#include "store_home.h"

#include "store/turn.h"

#define ONE "11111111-0000-4000-8000-000000000001"
#define TWO "22222222-0000-4000-8000-000000000002"

struct job {
	const char *session;
	int64_t seq;
	const char *text;
	bool event;
	int64_t next;
};

static enum err put(struct txn *t, void *arg)
{
	const struct job *j = arg;
	struct turn u;
	struct event v;
	enum err e;

	record_init(&turn_type, &u);
	record_init(&event_type, &v);
	u.seq = v.seq = j->seq;
	u.text = span_dup(span_z(j->text));
	v.text_delta = span_dup(span_z(j->text));
	e = j->event ? event_put(t, span_z(j->session), &v) : turn_put(t, span_z(j->session), &u);
	record_fini(&turn_type, &u);
	record_fini(&event_type, &v);
	return e;
}

static enum err put_in(struct home *h, const char *session, int64_t seq, const char *text, bool event)
{
	struct job j = { session, seq, text, event, 0 };

	return store_txn(h->s, EVENTUAL, put, &j);
}

static enum err next(struct txn *t, void *arg)
{
	struct job *j = arg;

	return j->event ? event_next_seq(t, span_z(j->session), &j->next) : turn_next_seq(t, span_z(j->session), &j->next);
}

struct listing {
	const char *session;
	bool events;
	struct page p;
	struct buf seen;
};

static bool see_turn(struct turn *u, void *arg)
{
	buf_addz(arg, u->text);
	return true;
}

static bool see_event(struct event *v, void *arg)
{
	buf_addz(arg, v->text_delta);
	return true;
}

static enum err list(struct txn *t, void *arg)
{
	struct listing *l = arg;

	buf_reset(&l->seen);
	return l->events ? event_list(t, span_z(l->session), &l->p, see_event, &l->seen) : turn_list(t, span_z(l->session), &l->p, see_turn, &l->seen);
}

static void a_call_s_turns_come_oldest_first_whatever_was_written_between(void **state)
{
	struct home *h = *state;

	for (int k = 0; k < 2; k++) {
		struct listing l = { .session = ONE, .events = k, .p.limit = 3 };
		char *after;

		assert_int_equal(put_in(h, ONE, 2, "b", k), ERR_OK);
		assert_int_equal(put_in(h, TWO, 1, "x", k), ERR_OK);
		assert_int_equal(put_in(h, ONE, 300, "d", k), ERR_OK);
		assert_int_equal(put_in(h, ONE, 1, "a", k), ERR_OK);
		assert_int_equal(put_in(h, TWO, 2, "y", k), ERR_OK);
		assert_int_equal(put_in(h, ONE, 3, "c", k), ERR_OK);
		assert_int_equal(store_read(h->s, list, &l), ERR_OK);
		assert_string_equal(buf_z(&l.seen), "abc");
		after = buf_take(&l.p.next);
		assert_non_null(after);
		l.p.after = span_z(after);
		assert_int_equal(store_read(h->s, list, &l), ERR_OK);
		assert_string_equal(buf_z(&l.seen), "d");
		assert_int_equal(l.p.next.n, 0);
		free(after);
		buf_fini(&l.seen);
		buf_fini(&l.p.next);
	}
}

static void a_repeated_job_changes_nothing(void **state)
{
	struct home *h = *state;
	struct listing l = { .session = ONE };

	for (int i = 0; i < 3; i++)
		assert_int_equal(put_in(h, ONE, 7, "same", false), ERR_OK);
	assert_int_equal(store_read(h->s, list, &l), ERR_OK);
	assert_string_equal(buf_z(&l.seen), "same");
	buf_fini(&l.seen);
}

static void the_next_number_is_one_above_the_highest(void **state)
{
	struct home *h = *state;
	static const struct { int64_t seq, next; } rows[] = { { 5, 6 }, { 3, 6 }, { 255, 256 }, { 256, 257 }, { 70000, 70001 } };

	for (int k = 0; k < 2; k++) {
		struct job j = { .session = ONE, .event = k };

		assert_int_equal(store_read(h->s, next, &j), ERR_OK);
		assert_int_equal(j.next, 1);
		assert_int_equal(put_in(h, TWO, 900, "other call", k), ERR_OK);
		for (size_t i = 0; i < ROWS(rows); i++) {
			assert_int_equal(put_in(h, ONE, rows[i].seq, "x", k), ERR_OK);
			assert_int_equal(store_read(h->s, next, &j), ERR_OK);
			assert_int_equal(j.next, rows[i].next);
		}
	}
}

static void bad_keys_are_refused(void **state)
{
	struct home *h = *state;

	assert_int_equal(put_in(h, "no uuid", 1, "x", false), ERR_VALUE);
	assert_int_equal(put_in(h, ONE, -1, "x", true), ERR_VALUE);
	assert_int_equal(put_in(h, ONE, (int64_t)UINT32_MAX + 1, "x", true), ERR_VALUE);
}

static void printed_records_have_every_field(void **state)
{
	static const char *const turn_fields[] = { "role", "text", "full_text", "started_at", "completed_at", "interrupted", "heard_ms", "latency_ms",
		"tool", "meta" };
	static const char *const event_fields[] = { "event_type", "event_id", "item_id", "response_id", "role", "text_delta", "error", "created_at",
		"payload" };
	struct json_object *j = NULL;
	struct turn u;
	struct event v;

	(void)state;
	record_init(&turn_type, &u);
	u.tool = span_dup(SPAN("{\"name\":\"x\"}"));
	assert_int_equal(turn_json(&u, &j), ERR_OK);
	assert_int_equal(json_object_object_length(j), ROWS(turn_fields));
	for (size_t i = 0; i < ROWS(turn_fields); i++)
		assert_true(json_object_object_get_ex(j, turn_fields[i], NULL));
	assert_span(json_span(json_path(j, "tool.name")), "x");
	json_object_put(j);
	record_fini(&turn_type, &u);
	record_init(&event_type, &v);
	v.seq = 12;
	assert_int_equal(event_json(SPAN(ONE), &v, &j), ERR_OK);
	assert_int_equal(json_object_object_length(j), ROWS(event_fields));
	for (size_t i = 0; i < ROWS(event_fields); i++)
		assert_true(json_object_object_get_ex(j, event_fields[i], NULL));
	assert_span(json_get_span(j, "event_id"), ONE "-12");
	json_object_put(j);
	record_fini(&event_type, &v);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_call_s_turns_come_oldest_first_whatever_was_written_between, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(a_repeated_job_changes_nothing, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(the_next_number_is_one_above_the_highest, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(bad_keys_are_refused, home_setup, home_teardown),
		cmocka_unit_test(printed_records_have_every_field),
	};

	HOME_HELPER(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
