/* uplink: every frame once and in order, holes filled to the millisecond, nothing invented. */
#include "base/b64.h"
#include "media-relay/uplink.h"
#include "unit.h"

static struct { struct buf got; unsigned messages; char *room; bool full; } model;

static char *reserve(void *ctx, size_t n)
{
	(void)ctx;
	if (model.full)
		return NULL;
	model.room = malloc(n);
	return model.room;
}

static void commit(void *ctx, size_t n)
{
	struct span text = span_of(model.room + 45, n - 45 - 2);        /* {"type":"input_audio_buffer.append","audio":"..."} */
	size_t k;
	char *to = buf_room(&model.got, text.n);

	(void)ctx;
	assert_non_null(to);
	assert_true(b64_decode((uint8_t *)to, text.n, text, &k));
	buf_wrote(&model.got, k);
	model.messages++;
	free(model.room);
}

static const struct uplink_out out = { reserve, commit, NULL };
static struct uplink u;
static int64_t now;

static int begin(void **st)
{
	(void)st;
	memset(&model, 0, sizeof model);
	now = 1000;
	uplink_init(&u, &out, NULL);
	uplink_format(&u, AUDIO_PCMU, 1);
	uplink_stream(&u, now);
	uplink_ready(&u, true);
	return 0;
}

static int end(void **st)
{
	(void)st;
	uplink_fini(&u);
	buf_fini(&model.got);
	return 0;
}

static enum err frame_of(size_t n, uint8_t byte, int64_t ts)
{
	static uint8_t raw[50000];
	static char b64[B64_ENCODED(sizeof raw)];

	memset(raw, byte, n);
	return uplink_frame(&u, span_of(b64, b64_encode(b64, raw, n)), ts, now);
}

static void frame(uint8_t byte, int64_t ts)
{
	assert_int_equal(frame_of(160, byte, ts), ERR_OK);
}

/* "1x20 s1960 2x20": runs of equal bytes in milliseconds; s is silence. */
static void got(const char *want)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0, k; i < model.got.n; i = k) {
		uint8_t v = (uint8_t)model.got.p[i];

		for (k = i; k < model.got.n && (uint8_t)model.got.p[k] == v; k++)
			;
		if (v == 0xFF)
			buf_printf(&b, "s%zu ", (k - i) / 8);
		else
			buf_printf(&b, "%ux%zu ", v, (k - i) / 8);
	}
	assert_string_equal(buf_z(&b), want);
	buf_fini(&b);
	buf_reset(&model.got);
}

static void frames_pass_one_by_one(void **st)
{
	(void)st;
	frame(1, 57);
	frame(2, 77);
	frame(3, 97);
	got("1x20 2x20 3x20 ");
	assert_int_equal(model.messages, 3);
}

static void p14_holes_are_filled_to_the_millisecond(void **st)
{
	static const struct { int64_t second; const char *want; } rows[] = {
		{ 20, "1x20 2x20 " },
		{ 60, "1x20 2x20 " },                                    /* 40 ms: not over 40 */
		{ 61, "1x20 s41 2x20 " },
		{ 1020, "1x20 s1000 2x20 " },
		{ 10020, "1x20 s10000 2x20 " },
		{ 90000, "1x20 s10000 2x20 " },                          /* at most 10 s */
		{ 0, "1x20 2x20 " },                                     /* a step back fills nothing */
		{ -1, "1x20 2x20 " },                                    /* no timestamp */
		{ INT64_MAX, "1x20 2x20 " },                             /* as good as none */
	};

	(void)st;
	for (size_t i = 0; i < ROWS(rows); i++) {
		uplink_stream(&u, now);
		frame(1, 0);
		frame(2, rows[i].second);
		got(rows[i].want);
	}
}

static void nothing_is_filled_before_the_first_frame(void **st)
{
	(void)st;
	frame(1, 5000);
	got("1x20 ");
	uplink_stream(&u, now);                                  /* nor before the first of the next stream */
	frame(2, 9000);
	got("2x20 ");
}

static void after_a_step_back_it_counts_anew(void **st)
{
	(void)st;
	frame(1, 5000);
	frame(2, 100);
	frame(3, 220);
	got("1x20 2x20 s100 3x20 ");
}

static void the_end_of_a_frame_is_by_its_length(void **st)
{
	(void)st;
	assert_int_equal(frame_of(800, 1, 0), ERR_OK);
	frame(2, 100);
	assert_int_equal(frame_of(12, 3, 120), ERR_OK);          /* any length is accepted */
	frame(4, 121);
	got("1x100 2x20 3x1 4x20 ");
}

static void the_nudge_comes_once_and_counts_towards_the_hole(void **st)
{
	(void)st;
	frame(1, 0);
	now += 749;
	uplink_tick(&u, now, true);
	got("1x20 ");
	now += 1;
	uplink_tick(&u, now, true);
	got("s1000 ");
	now += 5000;
	uplink_tick(&u, now, true);
	got("");
	frame(2, 820);                                           /* a hole of 800: more was given already */
	got("2x20 ");
	now += 750;
	uplink_tick(&u, now, true);
	got("s1000 ");                                           /* a new gap, a new nudge */
	frame(3, 2840);                                          /* a hole of 2000 */
	got("s1000 3x20 ");
	frame(4, 4860);
	got("s2000 4x20 ");
}

static void without_open_speech_there_is_no_nudge(void **st)
{
	(void)st;
	frame(1, 0);
	now += 5000;
	uplink_tick(&u, now, false);
	got("1x20 ");
}

static void what_waits_goes_in_order_and_the_oldest_is_dropped_first(void **st)
{
	(void)st;
	uplink_ready(&u, false);
	for (unsigned i = 0; i < 520; i++)
		frame((uint8_t)(i / 10), i * 20);
	assert_int_equal(u.room.n, 80000);
	assert_int_equal(u.dropped, 20 * 160);
	uplink_ready(&u, true);
	assert_int_equal(model.got.n, 80000);
	assert_int_equal((uint8_t)model.got.p[0], 2);
	assert_true(model.messages <= 50);                       /* not frame by frame */
}

static void frames_may_share_an_append(void **st)
{
	(void)st;
	uplink_format(&u, AUDIO_PCMU, 3);
	frame(1, 0);
	frame(2, 20);
	got("");
	frame(3, 40);
	got("1x20 2x20 3x20 ");
	assert_int_equal(model.messages, 1);
	frame(4, 60);
	now += 800;
	uplink_tick(&u, now, true);
	got("4x20 s1000 ");                                      /* the nudge takes along what waits */
}

static void a_full_leg_makes_frames_wait(void **st)
{
	(void)st;
	model.full = true;
	frame(1, 0);
	frame(2, 20);
	model.full = false;
	frame(3, 40);
	got("1x20 2x20 3x20 ");
}

static void other_formats_have_their_own_sizes(void **st)
{
	(void)st;
	uplink_format(&u, AUDIO_PCMA, 1);
	frame(0xFF, 0);
	assert_int_equal(model.got.n, 160);
	assert_int_equal((uint8_t)model.got.p[0], 0xD5);
	buf_reset(&model.got);
	uplink_format(&u, AUDIO_PCM24, 1);
	frame(0xFF, 20);
	frame(0xFF, 140);                                        /* 100 ms of silence between them */
	assert_int_equal(model.got.n, 140 * 48);
}

static void what_is_no_base64_is_refused_and_takes_no_place(void **st)
{
	static const char *const texts[] = { "A", "!!!!", "AA==AAAA", "////w" };

	(void)st;
	for (size_t i = 0; i < ROWS(texts); i++)
		assert_int_equal(uplink_frame(&u, span_z(texts[i]), 0, now), ERR_SYNTAX);
	assert_int_equal(uplink_frame(&u, SPAN(""), 0, now), ERR_OK);
	frame(1, 5000);
	got("1x20 ");
}

static void a_big_frame_goes_in_one_piece(void **st)
{
	(void)st;
	assert_int_equal(frame_of(48000, 7, 0), ERR_OK);
	got("7x6000 ");
	uplink_ready(&u, false);
	assert_int_equal(frame_of(48000, 8, 6000), ERR_OK);
	uplink_ready(&u, true);
	got("8x6000 ");
}

static void what_was_sent_is_sent_again_from_where_a_turn_began_and_then_what_waits(void **st)
{
	uint64_t from;

	(void)st;
	for (uint8_t i = 1; i <= 5; i++)
		frame(i, i * 20);
	from = uplink_place(&u, 40);                             /* the model's own position: the third frame */
	uplink_hold(&u, true);
	frame(6, 120);
	uplink_ready(&u, false);
	frame(7, 140);
	buf_reset(&model.got);
	uplink_rewind(&u, from);
	uplink_ready(&u, true);
	got("3x20 4x20 5x20 6x20 7x20 ");
	assert_int_equal(uplink_place(&u, 20), u.sent - 80 * 8); /* the new one counts from what it was sent */
	assert_int_equal(uplink_place(&u, 99999), u.sent);
	assert_int_equal(uplink_place(&u, -1), u.sent);
}

static void a_second_is_kept_of_what_was_sent_and_of_an_open_turn_ten(void **st)
{
	(void)st;
	for (unsigned i = 0; i < 100; i++)
		frame(1, 20 * i);
	uplink_ready(&u, false);
	buf_reset(&model.got);
	uplink_rewind(&u, 0);
	uplink_ready(&u, true);
	got("1x1000 ");
	uplink_hold(&u, true);
	for (unsigned i = 100; i < 700; i++)
		frame(2, 20 * i);
	uplink_ready(&u, false);
	buf_reset(&model.got);
	uplink_rewind(&u, 0);
	uplink_ready(&u, true);
	got("2x10000 ");
	uplink_hold(&u, false);
	assert_int_equal(u.kept.n, 8000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frames_pass_one_by_one, begin, end),
		cmocka_unit_test_setup_teardown(p14_holes_are_filled_to_the_millisecond, begin, end),
		cmocka_unit_test_setup_teardown(nothing_is_filled_before_the_first_frame, begin, end),
		cmocka_unit_test_setup_teardown(after_a_step_back_it_counts_anew, begin, end),
		cmocka_unit_test_setup_teardown(the_end_of_a_frame_is_by_its_length, begin, end),
		cmocka_unit_test_setup_teardown(the_nudge_comes_once_and_counts_towards_the_hole, begin, end),
		cmocka_unit_test_setup_teardown(without_open_speech_there_is_no_nudge, begin, end),
		cmocka_unit_test_setup_teardown(what_waits_goes_in_order_and_the_oldest_is_dropped_first, begin, end),
		cmocka_unit_test_setup_teardown(frames_may_share_an_append, begin, end),
		cmocka_unit_test_setup_teardown(a_full_leg_makes_frames_wait, begin, end),
		cmocka_unit_test_setup_teardown(other_formats_have_their_own_sizes, begin, end),
		cmocka_unit_test_setup_teardown(what_is_no_base64_is_refused_and_takes_no_place, begin, end),
		cmocka_unit_test_setup_teardown(a_big_frame_goes_in_one_piece, begin, end),
		cmocka_unit_test_setup_teardown(what_was_sent_is_sent_again_from_where_a_turn_began_and_then_what_waits, begin, end),
		cmocka_unit_test_setup_teardown(a_second_is_kept_of_what_was_sent_and_of_an_open_turn_ten, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
