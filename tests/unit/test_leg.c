/* test_leg - the outgoing queue of a leg: in place, in order, bounded. */
#include <stdlib.h>

#include "unit.h"

#include "media-relay/ring.h"

static struct ring ring_of(size_t cap)
{
	struct ring r;
	char *block = malloc(cap);

	assert_non_null(block);
	ring_init(&r, block, cap);
	return r;
}

static void ring_done(struct ring *r)
{
	free(r->block);
	ring_fini(r);
}

static bool put(struct ring *r, uint32_t nth, size_t n)
{
	char *p = ring_reserve(r, n);

	if (!p)
		return false;
	memset(p - RING_PRE, 0xee, RING_PRE);            /* the library writes its frame header there */
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(nth + i);
	ring_commit(r, n);
	return true;
}

static bool take(struct ring *r, uint32_t nth, size_t n)
{
	char *p;
	size_t got;
	bool same = ring_front(r, &p, &got) && got == n;

	if (same)
		memset(p - RING_PRE, 0xdd, RING_PRE);
	for (size_t i = 0; same && i < n; i++)
		same = p[i] == (char)(nth + i);
	ring_pop(r);
	return same;
}

static size_t size_of(uint32_t nth)
{
	return 1 + (nth * 7919u) % 700;
}

static void messages_come_out_whole_and_in_order_however_they_wrap(void **state)
{
	struct ring r = ring_of(4096);
	uint32_t in = 0, out = 0;

	(void)state;
	while (out < 20000) {
		while (put(&r, in, size_of(in)))
			in++;
		assert_true(in > out);
		for (unsigned n = 1 + in % 5; n && out < in; n--, out++)
			assert_true(take(&r, out, size_of(out)));
	}
	ring_done(&r);
}

static void what_is_free_fits_and_more_is_refused(void **state)
{
	struct ring r = ring_of(2048);
	uint64_t seed = 1;

	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		size_t room;

		if (seeded(&seed) % 2)
			put(&r, i, size_of(i));
		else
			ring_pop(&r);
		room = ring_free(&r);
		if (room) {
			assert_non_null(ring_reserve(&r, room));
			ring_commit(&r, 0);
		}
		if (room + 8 <= r.cap / 2)               /* longer ones lie beside the block */
			assert_null(ring_reserve(&r, room + 8));
	}
	ring_done(&r);
}

static void a_reservation_may_be_given_back_or_used_in_part(void **state)
{
	struct ring r = ring_of(1024);
	char *p;
	size_t n;

	(void)state;
	assert_non_null(ring_reserve(&r, 300));
	ring_commit(&r, 0);
	assert_int_equal(r.count, 0);
	p = ring_reserve(&r, 300);
	memset(p, 'a', 3);
	ring_commit(&r, 3);
	assert_true(ring_front(&r, &p, &n));
	assert_int_equal(n, 3);
	assert_memory_equal(p, "aaa", 3);
	assert_int_equal(r.bytes, 3);
	ring_done(&r);
}

/* A place that was found for the reserved length at the start of the block must not move to its end when less is used. */
static void a_shorter_message_stays_where_it_was_written(void **state)
{
	struct ring r = ring_of(1024);
	char *p, *q;
	size_t n;

	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		assert_true(put(&r, i, 200));            /* four records of 224 bytes: 128 bytes are left at the end */
	ring_pop(&r);
	ring_pop(&r);
	p = ring_reserve(&r, 300);                       /* goes to the start */
	assert_non_null(p);
	memset(p, 's', 5);
	ring_commit(&r, 5);
	assert_true(take(&r, 2, 200));
	assert_true(take(&r, 3, 200));
	assert_true(ring_front(&r, &q, &n));
	assert_int_equal(n, 5);
	assert_memory_equal(q, "sssss", 5);
	ring_done(&r);
}

static void a_message_longer_than_half_the_block_lies_beside_it_one_at_a_time(void **state)
{
	struct ring r = ring_of(1024);

	(void)state;
	assert_true(put(&r, 1, 10));
	assert_true(put(&r, 2, 100000));
	assert_null(ring_reserve(&r, 100000));
	assert_true(put(&r, 3, 10));
	assert_true(take(&r, 1, 10));
	assert_true(take(&r, 2, 100000));
	assert_true(put(&r, 4, 5000));
	assert_true(take(&r, 3, 10));
	assert_true(take(&r, 4, 5000));
	assert_null(ring_reserve(&r, RING_BIG_MAX + 1));
	assert_non_null(ring_reserve(&r, 2000));
	ring_commit(&r, 0);
	assert_null(r.big);
	assert_true(put(&r, 5, 2000));                   /* freed with the ring */
	ring_done(&r);
}

static void nothing_comes_from_an_empty_or_closed_queue(void **state)
{
	struct ring r = ring_of(1024), none = { 0 };
	char *p;
	size_t n;

	(void)state;
	assert_false(ring_front(&r, &p, &n));
	ring_pop(&r);
	assert_null(ring_reserve(&r, 0));
	assert_null(ring_reserve(&none, 10));
	assert_int_equal(ring_free(&none), 0);
	ring_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_come_out_whole_and_in_order_however_they_wrap),
		cmocka_unit_test(what_is_free_fits_and_more_is_refused),
		cmocka_unit_test(a_reservation_may_be_given_back_or_used_in_part),
		cmocka_unit_test(a_shorter_message_stays_where_it_was_written),
		cmocka_unit_test(a_message_longer_than_half_the_block_lies_beside_it_one_at_a_time),
		cmocka_unit_test(nothing_comes_from_an_empty_or_closed_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
