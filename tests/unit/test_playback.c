/* playback: what is queued, paced, marked and heard, against a phone made up by hand. */
#include "base/b64.h"
#include "media-relay/playback.h"
#include "unit.h"

#define MZ "MZ00000000000000000000000000000003"

static struct {
	struct buf log;                      /* "media 100;mark m0;clear;" */
	struct buf heard;                    /* "A 500;" */
	char room[4000];
	bool full;
	int64_t first_heard;
} phone;

static char *reserve(void *ctx, size_t n)
{
	(void)ctx;
	assert_true(n <= sizeof phone.room);
	return phone.full ? NULL : phone.room;
}

/* "…payload":"XXXX"}}": the length tells the milliseconds. */
static void commit(void *ctx, size_t n)
{
	struct span s = span_of(phone.room, n);
	const char *payload = memmem(s.p, s.n, "\"payload\":\"", 11), *name = memmem(s.p, s.n, "\"name\":\"", 8);
	size_t bytes;

	(void)ctx;
	if (payload) {
		assert_true(b64_decoded_size(span_of(payload + 11, (size_t)(s.p + s.n - 3 - payload - 11)), &bytes));
		assert_int_equal(bytes % 160, 0);
		buf_printf(&phone.log, "media %zu;", bytes / 8);
	} else if (name) {
		buf_printf(&phone.log, "mark %.*s;", (int)(s.p + s.n - 3 - name - 8), name + 8);
	} else {
		buf_addz(&phone.log, "clear;");
	}
}

static void first_heard(void *ctx, const struct playback_item *it, int64_t at_ms)
{
	(void)ctx;
	(void)it;
	phone.first_heard = at_ms;
}

static void heard(void *ctx, const struct playback_item *it)
{
	(void)ctx;
	buf_printf(&phone.heard, "%s %d;", it->id, (int)(it->came / 8));
}

static const struct playback_out out = { reserve, commit, first_heard, heard, NULL };
static struct playback *p;

static int begin(void **st)
{
	(void)st;
	memset(&phone, 0, sizeof phone);
	phone.first_heard = -1;
	p = malloc(sizeof *p);
	playback_init(p, &out, NULL, AUDIO_PCMU, 400);
	playback_stream(p, SPAN(MZ));
	return 0;
}

static int end(void **st)
{
	(void)st;
	playback_fini(p);
	free(p);
	buf_fini(&phone.log);
	buf_fini(&phone.heard);
	return 0;
}

static enum err add(const char *response, const char *item, size_t ms)
{
	static uint8_t raw[80000];
	static char b64[B64_ENCODED(sizeof raw)];

	return playback_add(p, span_z(response), span_z(item), 0, span_of(b64, b64_encode(b64, raw, ms * 8)));
}

static void sent(const char *want)
{
	assert_string_equal(buf_z(&phone.log), want);
	buf_reset(&phone.log);
}

static void was_heard(const char *want)
{
	assert_string_equal(buf_z(&phone.heard), want);
	buf_reset(&phone.heard);
}

static void p32_the_lead_is_filled_at_once_and_kept_by_an_absolute_clock(void **st)
{
	(void)st;
	add("r", "A", 1000);
	playback_pump(p, 0);
	sent("media 200;mark m0;media 200;mark m1;");
	playback_pump(p, 40);
	sent("");                                                /* not in crumbs */
	playback_pump(p, 100);
	sent("media 100;mark m2;");
	playback_pump(p, 260);
	sent("media 160;mark m3;");                              /* a late tick is made up for: an absolute clock */
	assert_int_equal(playback_end_ms(p), 660);
}

static void without_pacing_everything_goes_at_once(void **st)
{
	(void)st;
	playback_init(p, &out, NULL, AUDIO_PCMU, 0);
	playback_stream(p, SPAN(MZ));
	add("r", "A", 500);
	playback_item_done(p, SPAN("A"), 0);
	playback_pump(p, 0);
	sent("media 200;mark m0;media 200;mark m1;media 100;mark m2;");
}

static void p31_only_whole_frames_leave_until_the_item_ends(void **st)
{
	(void)st;
	add("r", "A", 30);
	playback_pump(p, 0);
	sent("media 20;");
	add("r", "A", 25);
	playback_pump(p, 0);
	sent("media 20;");
	playback_item_done(p, SPAN("A"), 0);
	playback_pump(p, 0);
	sent("media 20;mark m0;");                               /* 15 ms and 5 ms of silence; one mark after the last frame */
	playback_mark(p, SPAN("m0"), 60);
	was_heard("A 55;");
}

static void an_item_whose_end_is_known_late_is_still_heard_once(void **st)
{
	(void)st;
	add("r", "A", 100);
	playback_pump(p, 0);
	sent("media 100;mark m0;");
	playback_mark(p, SPAN("m0"), 100);
	was_heard("");
	playback_item_done(p, SPAN("A"), 0);                        /* nothing is left to send: the mark that came back was the last */
	was_heard("A 100;");
	assert_false(playback_unheard(p, 100));
}

static void a_message_is_of_one_item(void **st)
{
	(void)st;
	add("r", "A", 60);
	add("r", "B", 60);
	playback_item_done(p, SPAN("A"), 0);
	playback_pump(p, 0);
	sent("media 60;mark m0;media 60;");
}

static void interleaved_items_are_played_one_after_the_other(void **st)
{
	(void)st;
	add("r", "A", 40);
	add("r", "B", 40);
	add("r", "A", 40);
	playback_pump(p, 0);
	sent("media 80;");                                       /* B waits for the end of A */
	playback_response_done(p, SPAN("r"));
	playback_pump(p, 0);
	sent("mark m0;media 40;mark m1;");
	playback_mark(p, SPAN("m1"), 200);                       /* proves what was before it, too */
	was_heard("A 80;B 40;");
}

static void marks_come_back_later_than_they_were_due_by_the_way_there_and_back(void **st)
{
	(void)st;
	add("r", "A", 1000);
	playback_pump(p, 1000);
	playback_mark(p, SPAN("m0"), 1300);                      /* 200 ms of audio, 100 ms of way */
	assert_int_equal(phone.first_heard, 1100);
	assert_int_equal(p->echo_min_ms, 100);
}

static int64_t cut_at(int64_t now)
{
	struct playback_cut cuts[PLAYBACK_ITEMS];
	unsigned n = playback_cut(p, now, cuts);

	assert_int_equal(n, 1);
	return cuts[0].heard_ms;
}

static void a_cut_is_where_the_clock_is(void **st)
{
	(void)st;
	add("r", "A", 1000);
	playback_pump(p, 5000);
	buf_reset(&phone.log);
	assert_int_equal(cut_at(5230), 230);
	sent("clear;");
	assert_int_equal(add("r", "A", 20), ERR_DENIED);
	assert_false(playback_unheard(p, 5230));
}

static void a_phone_that_fell_behind_holds_the_cut_back(void **st)
{
	(void)st;
	add("r", "A", 3000);
	for (int64_t t = 0; t <= 1000; t += 100) {
		playback_pump(p, t);
		if (t == 200)
			playback_mark(p, SPAN("m0"), 200);
		if (t == 600)
			playback_mark(p, SPAN("m1"), 600);           /* due at 400: 200 ms late */
	}
	assert_int_equal(cut_at(620), 420);                      /* proven 20 ms ago, not 620 */
}

static void a_mark_that_is_overdue_holds_the_cut_back(void **st)
{
	(void)st;
	add("r", "A", 3000);
	playback_pump(p, 0);
	playback_mark(p, SPAN("m0"), 200);
	for (int64_t t = 100; t <= 1000; t += 100)
		playback_pump(p, t);
	assert_int_equal(cut_at(1000), 400);                     /* m1 stands at 400 and never came */
}

static void an_underrun_stops_the_clock(void **st)
{
	(void)st;
	add("r", "A", 200);
	playback_pump(p, 0);
	add("r", "A", 200);
	playback_pump(p, 1000);                                  /* the model was slow: silence from 200 to 1000 */
	assert_int_equal(cut_at(1050), 250);
}

static void thrown_back_marks_are_told_by_their_generation(void **st)
{
	struct playback_cut cuts[PLAYBACK_ITEMS];

	(void)st;
	add("r", "A", 400);
	playback_pump(p, 0);
	sent("media 200;mark m0;media 200;mark m1;");
	assert_int_equal(playback_cut(p, 100, cuts), 1);
	add("r2", "B", 100);
	playback_item_done(p, SPAN("B"), 0);
	playback_pump(p, 120);
	sent("clear;media 100;mark m2;");
	assert_true(playback_mark(p, SPAN("m0"), 130));
	assert_true(playback_mark(p, SPAN("m1"), 130));
	was_heard("");
	assert_int_equal(p->echo_min_ms, -1);
	playback_mark(p, SPAN("m2"), 230);
	assert_int_equal(p->echo_min_ms, 10);
	was_heard("B 100;");
}

static void an_answer_that_was_heard_is_not_cut(void **st)
{
	struct playback_cut cuts[PLAYBACK_ITEMS];

	(void)st;
	add("r", "A", 100);
	playback_item_done(p, SPAN("A"), 0);
	playback_pump(p, 0);
	assert_true(playback_unheard(p, 90));
	assert_false(playback_unheard(p, 100));                  /* its last mark is on the way back */
	assert_int_equal(playback_cut(p, 100, cuts), 0);
	was_heard("A 100;");
}

static void a_leg_that_is_full_loses_nothing(void **st)
{
	(void)st;
	add("r", "A", 100);
	playback_item_done(p, SPAN("A"), 0);
	phone.full = true;
	playback_pump(p, 0);
	playback_pump(p, 20);
	sent("");
	phone.full = false;
	playback_pump(p, 40);
	sent("media 100;mark m0;");
}

/* Of 400 ms that were sent the caller had heard 120: the rest is not lost with the stream. */
static void a_new_stream_goes_on_where_the_caller_stopped_hearing(void **st)
{
	(void)st;
	add("r", "A", 1000);
	playback_pump(p, 0);
	buf_reset(&phone.log);
	playback_stream_lost(p, 120);
	assert_true(playback_unheard(p, 5000));
	playback_pump(p, 200);
	sent("");
	playback_stream(p, SPAN("MZ00000000000000000000000000000009"));
	playback_pump(p, 5000);
	sent("media 200;mark m2;media 200;mark m3;");
	playback_item_done(p, SPAN("A"), 0);
	playback_mark(p, SPAN("m0"), 5000);                      /* of the old stream */
	playback_pump(p, 5400);
	sent("media 200;mark m4;media 200;mark m5;");
	playback_pump(p, 5800);
	sent("media 80;mark m6;");                               /* 880 in all */
	playback_mark(p, SPAN("m6"), 6000);
	was_heard("A 1000;");
}

static void what_was_heard_to_its_end_before_the_stream_broke_is_not_said_again(void **st)
{
	(void)st;
	add("r", "A", 100);
	playback_item_done(p, SPAN("A"), 0);
	playback_pump(p, 0);
	playback_stream_lost(p, 150);
	was_heard("A 100;");
	assert_int_equal(p->items_n, 0);
}

/* The end was known by the clock, its mark is not back yet: nothing of it is said again on the next stream. */
static void a_stream_that_is_left_leaves_nothing_behind(void **st)
{
	(void)st;
	add("r", "A", 100);
	playback_pump(p, 0);
	playback_mark(p, SPAN("m0"), 160);                       /* 60 ms there and back */
	add("r", "B", 100);
	playback_item_done(p, SPAN("A"), 0);
	playback_item_done(p, SPAN("B"), 0);
	playback_pump(p, 160);
	buf_reset(&phone.log);
	playback_stream_left(p);
	was_heard("A 100;B 100;");
	assert_int_equal(p->items_n, 0);
}

static void what_was_all_sent_before_the_stream_broke_does_not_stay_for_ever(void **st)
{
	(void)st;
	add("r", "A", 100);
	playback_pump(p, 0);
	playback_stream_lost(p, 150);
	playback_item_done(p, SPAN("A"), 0);
	was_heard("A 100;");
	assert_int_equal(p->items_n, 0);
}

static void a_phone_that_echoes_nothing_does_not_stop_the_agent(void **st)
{
	char item[16];

	(void)st;
	for (int i = 0; i < 100; i++) {
		snprintf(item, sizeof item, "item%d", i);
		assert_int_equal(add("r", item, 40), ERR_OK);
		playback_item_done(p, span_z(item), 0);
		playback_pump(p, i * 100);
	}
	assert_true(p->items_n <= PLAYBACK_ITEMS);
}

static void the_queue_is_bounded(void **st)
{
	unsigned n = 0;

	(void)st;
	while (add("r", "A", 10000) == ERR_OK)
		n++;
	assert_in_range(n, PLAYBACK_QUEUE_MS / 10000 - 1, PLAYBACK_QUEUE_MS / 10000);
}

static void content_parts_of_an_item_are_counted_apart(void **st)
{
	static uint8_t raw[4000];
	char b64[B64_ENCODED(sizeof raw)];
	struct span half_second = { b64, b64_encode(b64, raw, sizeof raw) };
	struct playback_cut cuts[PLAYBACK_ITEMS];

	(void)st;
	playback_add(p, SPAN("r"), SPAN("A"), 0, half_second);
	playback_add(p, SPAN("r"), SPAN("A"), 1, half_second);
	playback_item_done(p, SPAN("A"), 0);
	for (int64_t t = 0; t <= 700; t += 20)
		playback_pump(p, t);
	assert_int_equal(playback_cut(p, 700, cuts), 1);         /* part 0 was heard to its end */
	assert_int_equal(cuts[0].content_index, 1);
	assert_int_equal(cuts[0].heard_ms, 200);
	was_heard("A 500;");
}

static void what_was_heard_before_a_false_alarm_needs_no_mark_any_more(void **st)
{
	(void)st;
	add("r", "A", 100);
	playback_pump(p, 0);
	assert_int_equal(playback_hold(p, 150), 0);              /* all that came was heard; its mark is on the way back */
	playback_go_on(p, 2150);
	playback_mark(p, SPAN("m0"), 2200);
	playback_item_done(p, SPAN("A"), 0);
	was_heard("A 100;");
	assert_false(playback_unheard(p, 2200));
}

static void an_item_without_audio_leaves_no_trace(void **st)
{
	(void)st;
	add("r", "A", 0);
	playback_item_done(p, SPAN("A"), 0);
	playback_pump(p, 0);
	sent("");
	was_heard("");
	assert_int_equal(p->items_n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(p32_the_lead_is_filled_at_once_and_kept_by_an_absolute_clock, begin, end),
		cmocka_unit_test_setup_teardown(without_pacing_everything_goes_at_once, begin, end),
		cmocka_unit_test_setup_teardown(p31_only_whole_frames_leave_until_the_item_ends, begin, end),
		cmocka_unit_test_setup_teardown(an_item_whose_end_is_known_late_is_still_heard_once, begin, end),
		cmocka_unit_test_setup_teardown(a_message_is_of_one_item, begin, end),
		cmocka_unit_test_setup_teardown(interleaved_items_are_played_one_after_the_other, begin, end),
		cmocka_unit_test_setup_teardown(marks_come_back_later_than_they_were_due_by_the_way_there_and_back, begin, end),
		cmocka_unit_test_setup_teardown(a_cut_is_where_the_clock_is, begin, end),
		cmocka_unit_test_setup_teardown(a_phone_that_fell_behind_holds_the_cut_back, begin, end),
		cmocka_unit_test_setup_teardown(a_mark_that_is_overdue_holds_the_cut_back, begin, end),
		cmocka_unit_test_setup_teardown(an_underrun_stops_the_clock, begin, end),
		cmocka_unit_test_setup_teardown(thrown_back_marks_are_told_by_their_generation, begin, end),
		cmocka_unit_test_setup_teardown(an_answer_that_was_heard_is_not_cut, begin, end),
		cmocka_unit_test_setup_teardown(a_leg_that_is_full_loses_nothing, begin, end),
		cmocka_unit_test_setup_teardown(a_new_stream_goes_on_where_the_caller_stopped_hearing, begin, end),
		cmocka_unit_test_setup_teardown(what_was_heard_to_its_end_before_the_stream_broke_is_not_said_again, begin, end),
		cmocka_unit_test_setup_teardown(a_stream_that_is_left_leaves_nothing_behind, begin, end),
		cmocka_unit_test_setup_teardown(what_was_all_sent_before_the_stream_broke_does_not_stay_for_ever, begin, end),
		cmocka_unit_test_setup_teardown(a_phone_that_echoes_nothing_does_not_stop_the_agent, begin, end),
		cmocka_unit_test_setup_teardown(the_queue_is_bounded, begin, end),
		cmocka_unit_test_setup_teardown(content_parts_of_an_item_are_counted_apart, begin, end),
		cmocka_unit_test_setup_teardown(what_was_heard_before_a_false_alarm_needs_no_mark_any_more, begin, end),
		cmocka_unit_test_setup_teardown(an_item_without_audio_leaves_no_trace, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
