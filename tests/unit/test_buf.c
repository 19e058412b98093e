/* buf - grows, stops at its bound, and remembers the first error until it is reset. */
#include <float.h>
#include <math.h>

#include "unit.h"

static void appends_build_a_text(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_add(&b, SPAN("a"));
	buf_addz(&b, "bc");
	buf_addz(&b, NULL);
	buf_addc(&b, '\0');
	buf_printf(&b, "%d-%s", 42, "x");
	assert_int_equal(b.err, ERR_OK);
	assert_int_equal(b.n, 8);
	assert_memory_equal(b.p, "abc\0" "42-x", 9);
	buf_fini(&b);
	assert_null(b.p);
}

static void an_untouched_buffer_is_an_empty_text(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_non_null(buf_span(&b).p);
	assert_span(buf_span(&b), "");
	buf_drop(&b, 5);
	buf_wrote(&b, 0);
	buf_reset(&b);
	assert_string_equal(buf_z(&b), "");
	buf_fini(&b);
}

static void the_bound_is_exact(void **state)
{
	struct buf b = BUF_BOUND(5);

	(void)state;
	buf_addz(&b, "12345");
	assert_int_equal(b.err, ERR_OK);
	assert_span(buf_span(&b), "12345");
	buf_addz(&b, "");
	assert_int_equal(b.err, ERR_OK);
	buf_addc(&b, '6');
	assert_int_equal(b.err, ERR_LIMIT);
	assert_span(buf_span(&b), "");
	assert_string_equal(buf_z(&b), "");
	assert_null(buf_take(&b));
	assert_int_equal(b.max, 5);
	assert_int_equal(b.err, ERR_OK);
}

static void after_a_failure_nothing_is_added_until_reset(void **state)
{
	struct buf b = BUF_BOUND(3);

	(void)state;
	buf_addz(&b, "1234");
	buf_addz(&b, "1");
	buf_printf(&b, "%d", 1);
	buf_num(&b, 1);
	assert_null(buf_room(&b, 0));
	assert_int_equal(b.n, 0);
	assert_int_equal(b.err, ERR_LIMIT);
	buf_reset(&b);
	buf_addz(&b, "123");
	assert_string_equal(buf_z(&b), "123");
	buf_fini(&b);
}

static void the_default_bound_holds(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_non_null(buf_room(&b, BUF_MAX_DEFAULT));
	buf_wrote(&b, BUF_MAX_DEFAULT);
	assert_null(buf_room(&b, 1));
	assert_int_equal(b.err, ERR_LIMIT);
	buf_fini(&b);
}

static void sizes_that_would_wrap_are_a_limit(void **state)
{
	struct buf b = { .max = SIZE_MAX };

	(void)state;
	buf_addz(&b, "x");
	assert_null(buf_room(&b, SIZE_MAX));
	assert_int_equal(b.err, ERR_LIMIT);
	buf_reset(&b);
	buf_addz(&b, "x");
	assert_null(buf_room(&b, SIZE_MAX - 1));
	assert_int_equal(b.err, ERR_LIMIT);
	buf_fini(&b);
}

static void room_is_written_in_place(void **state)
{
	struct buf b = BUF_INIT;
	char *p;

	(void)state;
	buf_addz(&b, "ab");
	p = buf_room(&b, 100);
	assert_int_equal(b.n, 2);
	memset(p, 'c', 100);
	buf_wrote(&b, 3);
	assert_string_equal(b.p, "abccc");
	buf_fini(&b);
}

static void dropping_from_the_front(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_addz(&b, "hello");
	buf_drop(&b, 2);
	assert_string_equal(b.p, "llo");
	buf_drop(&b, 0);
	buf_drop(&b, 99);
	assert_string_equal(b.p, "");
	assert_int_equal(b.n, 0);
	buf_fini(&b);
}

static void taking_moves_the_bytes_out(void **state)
{
	struct buf b = BUF_INIT;
	char *z;

	(void)state;
	z = buf_take(&b);
	assert_string_equal(z, "");
	free(z);
	buf_addz(&b, "mine");
	z = buf_take(&b);
	assert_string_equal(z, "mine");
	assert_null(b.p);
	assert_int_equal(b.n, 0);
	free(z);
}

static void numbers_are_shortest(void **state)
{
	static const struct { double v; const char *z; } rows[] = {
		{ 0, "0" }, { 1, "1" }, { 0.5, "0.5" }, { 0.1, "0.1" }, { 1.0 / 3, "0.3333333333333333" }, { 100, "100" }, { 1e21, "1e+21" },
		{ -2.25, "-2.25" }, { 0.1 + 0.2, "0.30000000000000004" }, { 123456789012, "123456789012" }, { DBL_MAX, "1.7976931348623157e+308" },
		{ 5e-324, "4.94065645841247e-324" }, { NAN, "null" }, { INFINITY, "null" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf b = BUF_INIT;

		buf_num(&b, rows[i].v);
		assert_string_equal(buf_z(&b), rows[i].z);
		buf_fini(&b);
	}
}

static void numbers_read_back_the_same(void **state)
{
	uint64_t seed = 11;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint64_t bits = (uint64_t)seeded(&seed) << 33 ^ (uint64_t)seeded(&seed) << 11 ^ seeded(&seed);
		struct buf b = BUF_INIT;
		double v, back;

		memcpy(&v, &bits, sizeof v);
		buf_num(&b, v);
		if (isfinite(v)) {
			assert_true(span_num(buf_span(&b), &back));
			assert_true(back == v);
		}
		buf_fini(&b);
	}
}

static void random_appends_equal_a_plain_copy(void **state)
{
	static char want[70000];
	uint64_t seed = 5;

	(void)state;
	for (int round = 0; round < 50; round++) {
		struct buf b = BUF_INIT;
		size_t n = 0;

		for (int i = 0; i < 100; i++) {
			char piece[600];
			size_t k = seeded(&seed) % sizeof piece;

			memset(piece, (int)(seeded(&seed) & 0xFF), k);
			memcpy(want + n, piece, k);
			n += k;
			buf_add(&b, span_of(piece, k));
		}
		assert_int_equal(b.n, n);
		assert_memory_equal(b.p, want, n);
		assert_int_equal(b.p[n], 0);
		buf_fini(&b);
	}
}

static enum err some_appends(void)
{
	struct buf b = BUF_INIT;
	char *z;

	for (int i = 0; i < 40; i++)
		buf_printf(&b, "%0100d", i);
	if (b.err) {
		enum err e = b.err;

		buf_fini(&b);
		return e;
	}
	z = buf_take(&b);
	assert_int_equal(strlen(z), 4000);
	free(z);
	return ERR_OK;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	sweep(some_appends, ERR_NOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_build_a_text),
		cmocka_unit_test(an_untouched_buffer_is_an_empty_text),
		cmocka_unit_test(the_bound_is_exact),
		cmocka_unit_test(after_a_failure_nothing_is_added_until_reset),
		cmocka_unit_test(the_default_bound_holds),
		cmocka_unit_test(sizes_that_would_wrap_are_a_limit),
		cmocka_unit_test(room_is_written_in_place),
		cmocka_unit_test(dropping_from_the_front),
		cmocka_unit_test(taking_moves_the_bytes_out),
		cmocka_unit_test(numbers_are_shortest),
		cmocka_unit_test(numbers_read_back_the_same),
		cmocka_unit_test(random_appends_equal_a_plain_copy),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
