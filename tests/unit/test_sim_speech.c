/* test_sim_speech - speech made once, in every format, and A-law by the book. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit.h"
#include "tests/sim/speech.h"
#include "tests/sim/wav.h"

static void alaw_reads_back_near_the_sample(void **state)
{
	(void)state;
	for (int v = -32768; v <= 32767; v += 7) {
		int back = wav_linear_alaw(speech_alaw((int16_t)v)), off = abs(back - v);

		assert_true(off <= 8 || off <= abs(v) / 16);
	}
}

static void every_alaw_code_survives(void **state)
{
	(void)state;
	for (int code = 0; code < 256; code++)
		assert_int_equal(speech_alaw(wav_linear_alaw((uint8_t)code)), code);
}

static double loudness(struct span mulaw)
{
	double sum = 0;

	for (size_t i = 0; i < mulaw.n; i++) {
		double v = wav_linear((uint8_t)mulaw.p[i]);

		sum += v * v;
	}
	return sqrt(sum / (double)mulaw.n);
}

static void text_becomes_the_same_sound_in_every_format(void **state)
{
	struct speech *sp = NULL;
	struct buf why = BUF_INIT;
	const struct clip *c = NULL, *again = NULL, *other = NULL;

	(void)state;
	assert_int_equal(speech_new(&sp, NULL, &why), ERR_OK);
	assert_int_equal(speech_get(sp, SPEECH_AGENT, SPAN("Hello there, this is a test."), &c, &why), ERR_OK);
	assert_in_range(c->ms, 800, 4000);
	assert_int_equal(c->ms % 20, 0);
	for (int f = 0; f < SPEECH_FORMATS; f++)
		assert_int_equal(c->audio[f].n, (size_t)c->ms * speech_bytes_per_ms((enum speech_format)f));
	assert_true(loudness(c->audio[SPEECH_PCMU]) > 500);
	assert_int_equal(speech_get(sp, SPEECH_AGENT, SPAN("Hello there, this is a test."), &again, &why), ERR_OK);
	assert_ptr_equal(c, again);
	assert_int_equal(speech_get(sp, SPEECH_CALLER, SPAN("Hello there, this is a test."), &other, &why), ERR_OK);
	assert_ptr_not_equal(c, other);
	speech_free(sp);
	buf_fini(&why);
}

static void a_directory_keeps_what_was_made(void **state)
{
	char dir[] = "/tmp/test-speech.XXXXXX", cmd[80];
	struct buf why = BUF_INIT;
	const struct clip *c = NULL;
	uint32_t ms = 0;

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (int run = 0; run < 2; run++) {
		struct speech *sp = NULL;

		assert_int_equal(speech_new(&sp, dir, &why), ERR_OK);
		assert_int_equal(speech_get(sp, SPEECH_AGENT, SPAN("-v is no option here; \"quotes\" neither"), &c, &why), ERR_OK);
		assert_true(run == 0 || c->ms == ms);
		ms = c->ms;
		speech_free(sp);
	}
	buf_fini(&why);
	snprintf(cmd, sizeof cmd, "test $(ls %s | wc -l) = 1 && rm -r %s", dir, dir);
	assert_int_equal(system(cmd), 0);
}

static void bad_files_say_what_is_wrong(void **state)
{
	struct speech *sp = NULL;
	struct buf why = BUF_INIT;
	const struct clip *c = NULL;

	(void)state;
	assert_int_equal(speech_new(&sp, NULL, &why), ERR_OK);
	assert_int_not_equal(speech_file(sp, "/nowhere/at-all.wav", SPAN("x"), &c, &why), ERR_OK);
	assert_non_null(strstr(buf_z(&why), "/nowhere/at-all.wav"));
	buf_reset(&why);
	assert_int_not_equal(speech_file(sp, "/etc/passwd", SPAN("x"), &c, &why), ERR_OK);
	assert_true(why.n > 0);
	speech_free(sp);
	buf_fini(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alaw_reads_back_near_the_sample),
		cmocka_unit_test(every_alaw_code_survives),
		cmocka_unit_test(text_becomes_the_same_sound_in_every_format),
		cmocka_unit_test(a_directory_keeps_what_was_made),
		cmocka_unit_test(bad_files_say_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
