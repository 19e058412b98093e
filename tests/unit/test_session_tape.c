/* session_tape: what is in the recording of a call, and what the record says of it. The recorder is made up; positions are milliseconds of the recording. */
#include "call_world.h"
#include "media-relay/prompt.h"
#include "media-relay/tools.h"

#define FILE_2026 "recordings/2026-09-21/" SESSION ".wav"         /* the world's clock */

static struct setup *recorded(struct setup *s)
{
	s->record = true;
	return s;
}

/* The caller speaks for so long: frames that say their number. */
static void talk(struct world *w, int64_t ms)
{
	for (int64_t t = 0; t < ms; t += 20) {
		w_run(w, 20);
		w_frame(w, (uint8_t)(w->frame_ts / 20));
	}
}

static bool is_frame(const uint8_t *at, uint8_t seed)
{
	for (int i = 0; i < AUDIO_FRAME; i++)
		if (at[i] != (uint8_t)(seed + i * 7))
			return false;
	return true;
}

static bool is_silent(const struct world *w, int side, int64_t from, int64_t upto)
{
	for (int64_t i = from * 8; i < upto * 8; i++)
		if (w->side[side][i] != 0xFF)
			return false;
	return true;
}

/* So much of the answer "i", from there in it. */
static bool is_answer(const struct world *w, int64_t at, int64_t from, int64_t ms)
{
	for (int64_t i = 0; i < ms * 8; i++)
		if (w->side[1][at * 8 + i] != (uint8_t)((from * 8 + i) % 2000 * 7))
			return false;
	return true;
}

static void the_caller_is_on_the_left_and_the_agent_on_the_right(void **st)
{
	struct world *w = w_begin(recorded(silent_setup()));

	(void)st;
	w_ready(w);
	forget(w);
	w_start(w);
	expect(w, "save connected;save " FILE_2026 ";recording.started {\"file\":\"" FILE_2026 "\"};");
	assert_string_equal(w->tape_file, FILE_2026);
	talk(w, 500);
	w_answer(w, "r", "i", 500, "Hello");
	talk(w, 1500);
	assert_int_equal(w->blocks, 1);                          /* a second each, and not before the caller's side is there */
	stop(w);
	assert_int_equal(w->tape_end, 2000 * 8);
	for (int i = 0; i < 100; i++)
		assert_true(is_frame(w->side[0] + i * AUDIO_FRAME, (uint8_t)i));
	assert_true(is_silent(w, 1, 0, 500));
	assert_true(is_answer(w, 500, 0, 500));
	assert_true(is_silent(w, 1, 1000, 2000));
	assert_false(w->tape_on);
	w_end(w);
}

static void what_a_clear_threw_away_is_not_in_it(void **st)
{
	struct world *w = w_begin(recorded(silent_setup()));

	(void)st;
	w_ready(w);
	w_start(w);
	w_answer(w, "r", "i", 3000, "A long answer");
	talk(w, 1000);
	w_speech(w, "u");
	talk(w, 1000);
	stop(w);
	assert_true(is_answer(w, 0, 0, 1000));
	assert_true(is_silent(w, 1, 1000, 2000));
	w_end(w);
}

static void a_false_alarm_loses_and_doubles_nothing(void **st)
{
	struct setup *s = recorded(silent_setup());
	struct world *w;
	int64_t at = 1000;

	(void)st;
	s->resume_false_barge_in = true;
	w = w_begin(s);
	w_ready(w);
	w_start(w);
	w_answer(w, "r", "i", 2000, "A long answer");
	talk(w, 1000);
	w_speech(w, "u");
	talk(w, 200);
	w_speech_over(w, "u");
	w_heard(w, "u", " ");
	talk(w, 5000);
	stop(w);
	assert_true(is_answer(w, 0, 0, 1000));
	while (w->side[1][at * 8] == 0xFF && at < 4000)
		at += 20;
	assert_in_range(at, 1200, 3900);
	assert_true(is_silent(w, 1, 1000, at));
	assert_true(is_answer(w, at, 1000, 1000));
	assert_true(is_silent(w, 1, at + 1000, 6200));
	w_end(w);
}

static void a_stored_prompt_is_in_it(void **st)
{
	struct setup *s = recorded(silent_setup());
	struct world *w;
	bool silent;

	(void)st;
	s->prompt_n = 4000;
	s->prompt = malloc(4000);
	memset(s->prompt, 0x21, 4000);
	w = w_begin(s);
	w_start(w);
	talk(w, 4000);
	stop(w);
	silent = is_silent(w, 1, 0, 1900);
	assert_true(silent);
	assert_int_equal(w->side[1][2200 * 8], 0x21);
	assert_true(is_silent(w, 1, 2600, 4000));
	w_end(w);
}

static void while_secret_keys_are_pressed_both_sides_are_silent(void **st)
{
	static struct tool http = { .name = (char *)"pay", .timeout_ms = 10000 };
	struct setup *s = recorded(silent_setup());
	struct world *w;

	(void)st;
	s->tools.http = calloc(1, sizeof *s->tools.http);
	assert_int_equal(field_copy(tool_type.fields, tool_type.fields_n, &s->tools.http[0], &http), ERR_OK);
	s->tools.http_n = 1;
	s->tools.builtins = 0xff;
	w = w_begin(s);
	w_ready(w);
	w_start(w);
	talk(w, 1000);
	w_response(w, "r");
	w_model(w, "{\"type\":\"response.output_item.done\",\"event_id\":\"e\",\"response_id\":\"r\",\"output_index\":1,\"item\":{\"id\":\"item_c\",\"type\":"
	        "\"function_call\",\"status\":\"completed\",\"name\":\"collect_digits\",\"call_id\":\"c\",\"arguments\":"
	        "\"{\\\"max_digits\\\":2,\\\"secret\\\":true,\\\"deliver_to\\\":\\\"pay\\\"}\"}}");
	w_delta(w, "r", "i", 500);
	w_item_done(w, "r", "i");
	w_done(w, "r", "completed");
	talk(w, 1000);
	press(w, '1');
	press(w, '2');
	talk(w, 1500);
	stop(w);
	for (int i = 0; i < 50; i++)
		assert_true(is_frame(w->side[0] + i * AUDIO_FRAME, (uint8_t)i));
	assert_true(is_silent(w, 0, 1000, 2500));                /* and 500 ms more: a tone may be on its way */
	assert_true(is_silent(w, 1, 0, 3500));
	for (int i = 126; i < 175; i++)
		assert_true(is_frame(w->side[0] + i * AUDIO_FRAME, (uint8_t)i));
	w_end(w);
}

static void a_stream_that_comes_back_goes_on_in_the_same_file(void **st)
{
	struct world *w = w_begin(recorded(silent_setup()));

	(void)st;
	w_ready(w);
	w_start(w);
	talk(w, 1000);
	forget(w);
	w_event(w, EV_CALLER_CLOSED, "");
	assert_int_equal(w->tape_end, 1000 * 8);
	w_run(w, 2000);
	w->frame_ts = 0;
	w_start(w);
	talk(w, 500);
	stop(w);
	assert_int_equal(w->tape_end, 3500 * 8);
	assert_int_equal(w->side[0][1000 * 8], 0x55);            /* the recorder makes it silence */
	assert_int_equal(w->side[0][2999 * 8], 0x55);
	assert_true(is_frame(w->side[0] + 3000 * 8, 0));
	assert_null(strstr(buf_z(&w->log), "recording.started"));
	w_end(w);
}

static void a_relay_that_takes_over_finds_the_file_and_the_place(void **st)
{
	struct setup *s = recorded(silent_setup());
	struct world *w;

	(void)st;
	s->resumed = true;
	s->connected_at = 1790000000000 - 7000;                  /* the same day */
	w = w_begin(s);
	w_ready(w);
	w_start(w);
	assert_string_equal(w->tape_file, FILE_2026);
	talk(w, 1000);
	stop(w);
	assert_int_equal(w->side[0][6999 * 8], 0x55);
	assert_true(is_frame(w->side[0] + 7000 * 8, 0));
	assert_int_equal(w->tape_end, 8000 * 8);
	w_end(w);
}

static void a_nearly_full_disk_is_no_recording_and_said(void **st)
{
	struct world *w = w_begin(recorded(silent_setup()));

	(void)st;
	w_ready(w);
	forget(w);
	w->tape_err = ERR_FULL;
	w_start(w);
	talk(w, 1500);
	expect(w, "save connected;recording.none no space left on the disk;");
	stop(w);
	assert_int_equal(w->blocks, 0);
	w_end(w);
}

static void a_slow_disk_is_a_gap_told_once_when_it_is_over(void **st)
{
	struct world *w = w_begin(recorded(silent_setup()));

	(void)st;
	w_ready(w);
	w_start(w);
	talk(w, 1100);
	forget(w);
	w->tape_err = ERR_BUSY;
	talk(w, 3000);
	expect(w, "");
	w->tape_err = ERR_OK;
	talk(w, 1000);
	expect(w, "recording.gap busy;");
	assert_int_equal(w->metric[M_RECORDING_LOST], 150);
	talk(w, 2000);
	expect(w, "");
	assert_int_equal(w->side[0][3999 * 8], 0x55);
	assert_true(is_frame(w->side[0] + 4000 * 8, 200));
	w->tape_err = ERR_BUSY;
	stop(w);
	w_end(w);
}

static void a_disk_that_fails_ends_the_recording_and_not_the_call(void **st)
{
	struct world *w = w_begin(recorded(silent_setup()));

	(void)st;
	w_ready(w);
	w_start(w);
	talk(w, 1100);
	forget(w);
	w->tape_err = ERR_IO;
	talk(w, 3000);
	expect(w, "recording.gap input/output error;recording.stopped input/output error;tape over;");
	w_answer(w, "r", "i", 500, "Still here");
	talk(w, 1000);
	assert_int_equal(w->down.n, 500 * 8);
	stop(w);
	assert_int_equal(w->blocks, 1);
	w_end(w);
}

static void without_the_field_nothing_is_recorded(void **st)
{
	struct world *w = w_talking(w_setup());

	(void)st;
	talk(w, 2000);
	stop(w);
	assert_int_equal(w->blocks, 0);
	assert_string_equal(w->tape_file, "");
	w_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_caller_is_on_the_left_and_the_agent_on_the_right),
		cmocka_unit_test(what_a_clear_threw_away_is_not_in_it),
		cmocka_unit_test(a_false_alarm_loses_and_doubles_nothing),
		cmocka_unit_test(a_stored_prompt_is_in_it),
		cmocka_unit_test(while_secret_keys_are_pressed_both_sides_are_silent),
		cmocka_unit_test(a_stream_that_comes_back_goes_on_in_the_same_file),
		cmocka_unit_test(a_relay_that_takes_over_finds_the_file_and_the_place),
		cmocka_unit_test(a_nearly_full_disk_is_no_recording_and_said),
		cmocka_unit_test(a_slow_disk_is_a_gap_told_once_when_it_is_over),
		cmocka_unit_test(a_disk_that_fails_ends_the_recording_and_not_the_call),
		cmocka_unit_test(without_the_field_nothing_is_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
