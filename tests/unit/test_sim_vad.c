/* test_sim_vad - energy voice detection: when speech starts, when it stops, and where. */
#include "unit.h"
#include "tests/sim/vad.h"

#define RATE 8000

static int16_t block[24000];

static const int16_t *sound(int16_t level, size_t n)
{
	for (size_t i = 0; i < n; i++)
		block[i] = i % 2 ? level : (int16_t)-level;
	return block;
}

/* Feeds `ms` of one level; the last event and where it came. */
static enum vad_event feed(struct vad *v, int16_t level, unsigned ms, uint64_t *at)
{
	enum vad_event last = VAD_NONE, ev;
	const int16_t *s = sound(level, ms * v->rate / 1000);
	size_t n = (size_t)ms * v->rate / 1000;

	while (n > 0) {
		size_t used = vad_feed(v, s, n, &ev);

		s += used;
		n -= used;
		if (ev) {
			last = ev;
			*at = ev == VAD_START ? v->start_ms : v->pos_ms;
		}
	}
	return last;
}

static void silence_never_starts(void **state)
{
	struct vad v;
	uint64_t at = 0;

	(void)state;
	vad_init(&v, RATE, 0.5, 500);
	for (int i = 0; i < 20; i++)
		assert_int_equal(feed(&v, 50, 900, &at), VAD_NONE);
	assert_int_equal(v.pos_ms, 18000);
}

static void start_is_where_the_sound_began(void **state)
{
	struct vad v;
	uint64_t at = 0;

	(void)state;
	vad_init(&v, RATE, 0.5, 500);
	feed(&v, 0, 700, &at);
	assert_int_equal(feed(&v, 5000, 100, &at), VAD_START);
	assert_int_equal(at, 700);
}

static void a_click_is_no_speech(void **state)
{
	struct vad v;
	uint64_t at = 0;

	(void)state;
	vad_init(&v, RATE, 0.5, 500);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(feed(&v, 20000, 30, &at), VAD_NONE);
		assert_int_equal(feed(&v, 0, 200, &at), VAD_NONE);
	}
}

static void stop_comes_after_the_configured_silence(void **state)
{
	static const uint32_t rows[] = { 200, 500, 700, 1500 };
	struct vad v;
	uint64_t at = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		vad_init(&v, RATE, 0.5, rows[i]);
		assert_int_equal(feed(&v, 5000, 300, &at), VAD_START);
		assert_int_equal(feed(&v, 0, rows[i] - 10 > 900 ? 900 : rows[i] - 10, &at), VAD_NONE);
		while (v.speaking)
			feed(&v, 0, 10, &at);
		assert_int_equal(at, 300 + rows[i]);
	}
}

static void a_pause_shorter_than_the_silence_goes_on(void **state)
{
	struct vad v;
	uint64_t at = 0;

	(void)state;
	vad_init(&v, RATE, 0.5, 500);
	feed(&v, 5000, 300, &at);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(feed(&v, 0, 490, &at), VAD_NONE);
		assert_int_equal(feed(&v, 5000, 100, &at), VAD_NONE);
	}
	assert_true(v.speaking);
}

static void threshold_moves_the_level(void **state)
{
	static const struct {
		double threshold;
		int16_t level;
		enum vad_event want;
	} rows[] = {
		{ 0.5, 400, VAD_START },  { 0.5, 250, VAD_NONE }, { 0.0, 50, VAD_START }, { 0.0, 25, VAD_NONE },
		{ 1.0, 4000, VAD_START }, { 1.0, 2500, VAD_NONE },
	};
	struct vad v;
	uint64_t at = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		vad_init(&v, RATE, rows[i].threshold, 500);
		assert_int_equal(feed(&v, rows[i].level, 200, &at), rows[i].want);
	}
}

static void wideband_positions_are_milliseconds_too(void **state)
{
	struct vad v;
	uint64_t at = 0;

	(void)state;
	vad_init(&v, 24000, 0.5, 300);
	feed(&v, 0, 200, &at);
	assert_int_equal(feed(&v, 5000, 200, &at), VAD_START);
	assert_int_equal(at, 200);
	assert_int_equal(feed(&v, 0, 300, &at), VAD_STOP);
	assert_int_equal(at, 700);
}

static void new_settings_keep_the_position(void **state)
{
	struct vad v;
	uint64_t at = 0;

	(void)state;
	vad_init(&v, 24000, 0.5, 500);
	feed(&v, 0, 300, &at);
	vad_set(&v, RATE, 0.5, 200);
	assert_int_equal(feed(&v, 5000, 100, &at), VAD_START);
	assert_int_equal(at, 300);
	vad_quiet(&v);
	assert_false(v.speaking);
	assert_int_equal(v.pos_ms, 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silence_never_starts),
		cmocka_unit_test(start_is_where_the_sound_began),
		cmocka_unit_test(a_click_is_no_speech),
		cmocka_unit_test(stop_comes_after_the_configured_silence),
		cmocka_unit_test(a_pause_shorter_than_the_silence_goes_on),
		cmocka_unit_test(threshold_moves_the_level),
		cmocka_unit_test(wideband_positions_are_milliseconds_too),
		cmocka_unit_test(new_settings_keep_the_position),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
