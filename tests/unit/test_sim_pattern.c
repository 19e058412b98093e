/* test_sim_pattern - audio that proves itself: every kind of damage is seen, and counted once. */
#include "unit.h"
#include "tests/sim/pattern.h"

#define SEED PATTERN_SEED(7, PATTERN_PHONE)

/* A stream as a string: digits and letters are frames 0-9 a-z, '-' 20 ms of silence, '~' 7 bytes of it, '!' damages the body of the frame
 * that follows, '#' its head, '*' makes it another call's. */
static void play(struct pattern_check *c, const char *stream, size_t piece)
{
	uint8_t bytes[20000], *p = bytes;
	char mark = 0;

	for (; *stream; stream++) {
		if (strchr("!#*", *stream)) {
			mark = *stream;
			continue;
		}
		if (*stream == '-' || *stream == '~') {
			size_t n = *stream == '-' ? PATTERN_FRAME : 7;

			memset(p, 0xFF, n);
			p += n;
			continue;
		}
		uint32_t number = (uint32_t)(*stream <= '9' ? *stream - '0' : *stream - 'a' + 10);

		pattern_frame(p, mark == '*' ? SEED + 4 : SEED, number, 0);
		if (mark == '!')
			p[100] ^= 1;
		if (mark == '#')
			p[7] ^= 1;
		mark = 0;
		p += PATTERN_FRAME;
	}
	for (uint8_t *at = bytes; at < p; at += piece)
		pattern_check(c, at, (size_t)(p - at) < piece ? (size_t)(p - at) : piece, 0);
	pattern_check_end(c);
}

static void streams(void **state)
{
	static const struct {
		const char *stream;
		uint64_t frames, lost, doubled, reordered, corrupt, foreign;
	} rows[] = {
		{ "0123456789", 10, 0, 0, 0, 0, 0 },
		{ "56789", 5, 0, 0, 0, 0, 0 },
		{ "012356", 6, 1, 0, 0, 0, 0 },
		{ "0129", 4, 6, 0, 0, 0, 0 },
		{ "01223", 5, 0, 1, 0, 0, 0 },
		{ "0123401234", 10, 0, 5, 0, 0, 0 },
		{ "01324", 5, 0, 0, 1, 0, 0 },
		{ "0134256", 7, 0, 0, 1, 0, 0 },
		{ "01!234", 4, 0, 0, 0, 1, 0 },
		{ "01#234", 4, 0, 0, 0, 1, 0 },
		{ "01!2#345", 4, 0, 0, 0, 2, 0 },
		{ "01*234", 4, 1, 0, 0, 0, 1 },
		{ "---012--345-", 6, 0, 0, 0, 0, 0 },
		{ "~012~~34~", 5, 0, 0, 0, 0, 0 },
		{ "-01~!2~34", 4, 0, 0, 0, 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		static const size_t pieces[] = { 160, 1, 200, 7, 20000 };

		for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
			struct pattern_check c;

			pattern_check_init(&c, 0, NULL);
			play(&c, rows[i].stream, pieces[k]);
			assert_int_equal(c.frames, rows[i].frames);
			assert_int_equal(c.lost, rows[i].lost);
			assert_int_equal(c.doubled, rows[i].doubled);
			assert_int_equal(c.reordered, rows[i].reordered);
			assert_int_equal(c.corrupt, rows[i].corrupt);
			assert_int_equal(c.foreign, rows[i].foreign);
			assert_int_equal(c.tail_bytes, 0);
			assert_int_equal(c.seed, SEED);
		}
	}
}

static void fill_gives_the_same_bytes_from_any_offset(void **state)
{
	uint8_t whole[1000], part[1000];
	struct pattern_check c;

	(void)state;
	pattern_fill(whole, SEED, 0, sizeof whole);
	for (size_t from = 0; from < sizeof whole; from += 37) {
		pattern_fill(part, SEED, from, sizeof whole - from);
		assert_memory_equal(part, whole + from, sizeof whole - from);
	}
	pattern_check_init(&c, SEED, NULL);
	pattern_check(&c, whole, sizeof whole, 0);
	pattern_check_end(&c);
	assert_int_equal(c.frames, 6);
	assert_int_equal(c.tail_bytes, 40);
	assert_int_equal(pattern_errors(&c), 0);
}

static void first_number_is_told(void **state)
{
	struct pattern_check c;

	(void)state;
	pattern_check_init(&c, 0, NULL);
	play(&c, "345", 160);
	assert_int_equal(c.first, 3);
	assert_int_equal(c.next, 6);
}

static void delays_are_measured(void **state)
{
	static struct pattern_delays d;
	struct pattern_check c;
	uint8_t f[PATTERN_FRAME];

	(void)state;
	pattern_check_init(&c, 0, &d);
	for (uint32_t i = 0; i < 100; i++) {
		pattern_frame(f, SEED, i, 1000000 + i * 20000);
		pattern_check(&c, f, sizeof f, 1000000 + i * 20000 + (i < 90 ? 2050 : 30050));
	}
	assert_int_equal(d.n, 100);
	assert_true(pattern_delay_ms(&d, 0.5) > 1.9 && pattern_delay_ms(&d, 0.5) < 2.2);
	assert_true(pattern_delay_ms(&d, 0.99) > 29 && pattern_delay_ms(&d, 0.99) < 31);
	assert_int_equal(pattern_delays_over(&d, 20), 10);
	assert_int_equal(pattern_delays_over(&d, PATTERN_LATE_MS), 0);
	assert_int_equal(d.max_us, 30050);
}

static void random_bytes_are_no_frames(void **state)
{
	struct pattern_check c;
	uint8_t junk[1600];

	(void)state;
	for (size_t i = 0; i < sizeof junk; i++)
		junk[i] = (uint8_t)(i * 131 + 7);
	pattern_check_init(&c, 0, NULL);
	pattern_check(&c, junk, sizeof junk, 0);
	pattern_check_end(&c);
	assert_int_equal(c.frames, 0);
	assert_true(c.corrupt >= 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams),
		cmocka_unit_test(fill_gives_the_same_bytes_from_any_offset),
		cmocka_unit_test(first_number_is_told),
		cmocka_unit_test(delays_are_measured),
		cmocka_unit_test(random_bytes_are_no_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
