/* tape - two sides on one time line: where sound lies, what becomes silence, what leaves when. */
#include "base/b64.h"
#include "media-relay/tape.h"
#include "unit.h"

#define ZERO 5000                        /* the session's clock at position 0 */
#define MS   AUDIO_BYTES_MS

static struct {
	struct tape t;
	uint8_t block[2 * TAPE_BLOCK], left[400000], right[400000];
	uint64_t end;                    /* of what has left */
	unsigned blocks;
	bool full;
} w;

static uint8_t *room(void *ctx)
{
	(void)ctx;
	return w.full ? NULL : w.block;
}

/* What does not come stays 0x55. */
static void put(void *ctx, uint64_t at, size_t n)
{
	(void)ctx;
	assert_true(at >= w.end && n > 0 && n <= TAPE_BLOCK && at + n <= sizeof w.left);
	for (size_t i = 0; i < n; i++) {
		w.left[at + i] = w.block[2 * i];
		w.right[at + i] = w.block[2 * i + 1];
	}
	w.end = at + n;
	w.blocks++;
}

static int begin(void **st)
{
	static const struct tape_out out = { room, put, NULL };

	(void)st;
	memset(&w, 0, sizeof w);
	memset(w.left, 0x55, sizeof w.left);
	memset(w.right, 0x55, sizeof w.right);
	tape_init(&w.t, &out, NULL);
	tape_on(&w.t, ZERO, ZERO, ZERO);
	return 0;
}

static int end(void **st)
{
	(void)st;
	tape_fini(&w.t);
	return 0;
}

static void caller(uint8_t byte, int64_t timestamp, int64_t now)
{
	uint8_t raw[AUDIO_FRAME];
	char text[B64_ENCODED(AUDIO_FRAME)];

	memset(raw, byte, sizeof raw);
	tape_caller(&w.t, span_of(text, b64_encode(text, raw, sizeof raw)), timestamp, ZERO + now);
}

static void agent(uint8_t byte, int64_t at, int64_t ms)
{
	uint8_t raw[2000 * MS];

	memset(raw, byte, sizeof raw);
	tape_agent(&w.t, ZERO + at, raw, (size_t)ms * MS);
}

static void is(const uint8_t *side, int64_t from, int64_t upto, uint8_t byte)
{
	for (int64_t i = from * MS; i < upto * MS; i++)
		if (side[i] != byte)
			fail_msg("at %lld ms: %02x, not %02x", (long long)(i / MS), side[i], byte);
}

/* Frames that say their number, each when it has been spoken. */
static void talks(int64_t from, int64_t upto, int64_t late)
{
	for (int64_t ms = from; ms < upto; ms += 20) {
		caller((uint8_t)(ms / 20 % 250), ms, ms + 20 + late);
		tape_tick(&w.t, ZERO + ms + 20 + late);
	}
}

static void heard(int64_t from, int64_t upto)
{
	for (int64_t ms = from; ms < upto; ms += 20)
		is(w.left, ms, ms + 20, (uint8_t)(ms / 20 % 250));
}

static void both_sides_lie_where_they_were_heard(void **st)
{
	(void)st;
	agent(1, 100, 400);
	agent(2, 500, 500);
	talks(0, 1500, 10);
	assert_int_equal(w.blocks, 1);
	assert_int_equal(w.end, TAPE_BLOCK);
	tape_off(&w.t, ZERO + 1500);
	assert_int_equal(w.end, 1500 * MS);
	heard(0, 1500);
	is(w.right, 0, 100, 0xFF);
	is(w.right, 100, 500, 1);
	is(w.right, 500, 1000, 2);
	is(w.right, 1000, 1500, 0xFF);
}

static void what_was_cleared_is_not_in_it(void **st)
{
	(void)st;
	agent(1, 0, 1000);
	talks(0, 400, 0);
	tape_clear(&w.t, ZERO + 380);
	agent(2, 500, 200);
	talks(400, 1000, 0);
	tape_off(&w.t, ZERO + 1000);
	is(w.right, 0, 380, 1);
	is(w.right, 380, 500, 0xFF);
	is(w.right, 500, 700, 2);
	is(w.right, 700, 1000, 0xFF);
}

static void what_the_caller_will_never_hear_is_cut_at_the_end(void **st)
{
	(void)st;
	agent(1, 0, 1000);
	talks(0, 300, 0);
	tape_off(&w.t, ZERO + 300);
	assert_int_equal(w.end, 300 * MS);
}

static void a_hole_is_silence_and_jitter_is_none(void **st)
{
	(void)st;
	talks(0, 200, 0);
	caller(10, 205, 220);                                    /* 5 ms off: the frames stay together */
	caller(11, 218, 240);
	caller(50, 1000, 1020);
	tape_off(&w.t, ZERO + 1020);
	heard(0, 240);
	is(w.left, 240, 1000, 0xFF);
	is(w.left, 1000, 1020, 50);
}

static void a_burst_after_a_stall_finds_its_place(void **st)
{
	(void)st;
	talks(0, 500, 0);
	for (int64_t ms = 500; ms < 3000; ms += 20)
		tape_tick(&w.t, ZERO + ms);
	for (int64_t ms = 500; ms < 3000; ms += 20)
		caller((uint8_t)(ms / 20 % 250), ms, 3000);
	talks(3000, 4000, 0);
	tape_off(&w.t, ZERO + 4000);
	heard(0, 4000);
}

static void audio_that_comes_much_too_late_is_silence_and_the_rest_keeps_its_place(void **st)
{
	(void)st;
	talks(0, 500, 0);
	for (int64_t ms = 500; ms < 8000; ms += 20)
		tape_tick(&w.t, ZERO + ms);
	assert_int_equal(w.end, 2 * TAPE_BLOCK);                 /* the caller's side was given up until 2980 */
	for (int64_t ms = 500; ms < 8000; ms += 20)
		caller((uint8_t)(ms / 20 % 250), ms, 8000);
	talks(8000, 9000, 0);
	tape_off(&w.t, ZERO + 9000);
	heard(0, 500);
	is(w.left, 500, 2980, 0xFF);
	heard(3000, 9000);
}

static void the_secret_window_is_silent_on_both_sides(void **st)
{
	(void)st;
	agent(1, 0, 2000);
	talks(0, 400, 0);
	tape_hush(&w.t, true, ZERO + 400);
	talks(400, 700, 0);
	tape_hush(&w.t, false, ZERO + 700);
	talks(700, 800, 0);
	tape_hush(&w.t, true, ZERO + 800);                       /* the first is still here: they become one */
	talks(800, 1100, 0);
	tape_hush(&w.t, false, ZERO + 1100);
	talks(1100, 2500, 0);
	tape_hush(&w.t, true, ZERO + 2500);
	talks(2500, 2600, 0);
	tape_off(&w.t, ZERO + 2600);
	heard(0, 400);
	is(w.left, 400, 1100, 0xFF);
	is(w.right, 400, 1100, 0xFF);
	is(w.right, 0, 400, 1);
	is(w.right, 1100, 2000, 1);
	heard(1100, 2500);
	is(w.left, 2500, 2600, 0xFF);
}

static void while_it_is_off_time_goes_on_and_nothing_leaves(void **st)
{
	(void)st;
	talks(0, 600, 0);
	tape_off(&w.t, ZERO + 600);
	caller(9, 600, 700);
	agent(9, 700, 100);
	tape_tick(&w.t, ZERO + 9000);
	assert_int_equal(w.end, 600 * MS);
	tape_on(&w.t, ZERO, ZERO + 10000, ZERO + 10000);
	for (int64_t ms = 0; ms < 1000; ms += 20)
		caller(7, ms, 10020 + ms);                       /* the timestamps of a stream begin anew */
	tape_off(&w.t, ZERO + 11000);
	assert_int_equal(w.end, 11000 * MS);
	is(w.left, 600, 10000, 0x55);
	is(w.left, 10000, 11000, 7);
}

static void a_stream_that_began_before_is_in_its_place(void **st)
{
	(void)st;
	tape_off(&w.t, ZERO);
	tape_on(&w.t, ZERO, ZERO + 1000, ZERO + 1400);           /* it was there while the record was loaded */
	for (int64_t ms = 400; ms < 1000; ms += 20)
		caller(7, ms, 1020 + ms);
	tape_off(&w.t, ZERO + 2000);
	is(w.left, 0, 1400, 0x55);
	is(w.left, 1400, 2000, 7);
}

static void without_room_it_is_silence_of_the_right_length(void **st)
{
	(void)st;
	talks(0, 1000, 0);
	w.full = true;
	talks(1000, 3000, 0);
	w.full = false;
	talks(3000, 4000, 0);
	assert_int_equal(w.t.lost, 2 * TAPE_BLOCK);
	tape_off(&w.t, ZERO + 4000);
	heard(0, 1000);
	is(w.left, 1000, 3000, 0x55);
	heard(3000, 4000);
}

static void what_no_telephone_sends_does_not_grow(void **st)
{
	(void)st;
	caller(1, INT64_MAX / 8, 20);
	for (int i = 0; i < 5000; i++)
		caller(2, -1, 20);
	assert_true(w.t.left.n <= TAPE_LEFT_MS * MS);
	for (int i = 0; i < 400; i++)
		agent(3, i * 1000, 1000);
	assert_true(w.t.right.n <= TAPE_RIGHT_MS * MS);
	tape_clear(&w.t, ZERO + 10);
	assert_int_equal(w.t.right.n, 10 * MS);
	tape_clear(&w.t, ZERO);
	assert_int_equal(w.t.right.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_sides_lie_where_they_were_heard, begin, end),
		cmocka_unit_test_setup_teardown(what_was_cleared_is_not_in_it, begin, end),
		cmocka_unit_test_setup_teardown(what_the_caller_will_never_hear_is_cut_at_the_end, begin, end),
		cmocka_unit_test_setup_teardown(a_hole_is_silence_and_jitter_is_none, begin, end),
		cmocka_unit_test_setup_teardown(a_burst_after_a_stall_finds_its_place, begin, end),
		cmocka_unit_test_setup_teardown(audio_that_comes_much_too_late_is_silence_and_the_rest_keeps_its_place, begin, end),
		cmocka_unit_test_setup_teardown(the_secret_window_is_silent_on_both_sides, begin, end),
		cmocka_unit_test_setup_teardown(while_it_is_off_time_goes_on_and_nothing_leaves, begin, end),
		cmocka_unit_test_setup_teardown(a_stream_that_began_before_is_in_its_place, begin, end),
		cmocka_unit_test_setup_teardown(without_room_it_is_silence_of_the_right_length, begin, end),
		cmocka_unit_test_setup_teardown(what_no_telephone_sends_does_not_grow, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
