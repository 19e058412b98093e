/* WAV files and G.711 of the simulators. */
#include <math.h>
#include <unistd.h>

#include "base/proc.h"
#include "tests/sim/wav.h"
#include "unit.h"

static void mulaw_codes_come_back_as_they_were(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++)
		if (c != 0x7F)                               /* negative zero has the value of the positive one */
			assert_int_equal(wav_mulaw(wav_linear((uint8_t)c)), c);
	assert_int_equal(wav_linear(0x7F), 0);
	assert_int_equal(wav_mulaw(0), WAV_SILENCE);
}

static void g711_has_the_values_of_the_standard(void **state)
{
	static const struct {
		uint8_t mulaw;
		int16_t is;
		uint8_t alaw;
		int16_t is_too;
	} rows[] = { { 0x00, -32124, 0x2A, -32256 }, { 0x80, 32124, 0xAA, 32256 }, { 0xFF, 0, 0xD5, 8 }, { 0xFE, 8, 0x55, -8 }, { 0x7E, -8, 0x80, 5504 } };

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(wav_linear(rows[i].mulaw), rows[i].is);
		assert_int_equal(wav_linear_alaw(rows[i].alaw), rows[i].is_too);
	}
	assert_int_equal(wav_linear(wav_mulaw(40000)), 32124);
	assert_int_equal(wav_linear(wav_mulaw(-40000)), -32124);
}

static void mulaw_is_near_the_sample(void **state)
{
	(void)state;
	for (int v = -32000; v <= 32000; v += 7)
		assert_true(abs(wav_linear(wav_mulaw(v)) - v) <= abs(v) / 30 + 8);
}

static void put(struct buf *b, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		buf_addc(b, (char)(v >> (8 * i)));
}

static void wav_build(struct buf *b, unsigned coding, unsigned channels, unsigned rate, unsigned bits, struct span data, uint32_t claimed)
{
	buf_addz(b, "RIFF");
	put(b, 36 + data.n, 4);
	buf_addz(b, "WAVELIST");
	put(b, 3, 4);
	buf_add(b, SPAN("odd\0"));                               /* an odd chunk of no interest, with its padding */
	buf_addz(b, "fmt ");
	put(b, 16, 4);
	put(b, coding, 2);
	put(b, channels, 2);
	put(b, rate, 4);
	put(b, rate * channels * bits / 8, 4);
	put(b, channels * bits / 8, 2);
	put(b, bits, 2);
	buf_addz(b, "data");
	put(b, claimed, 4);
	buf_add(b, data);
}

static void headers(void **state)
{
	static const struct {
		const char *name;
		unsigned coding, channels, rate, bits;
		enum err want;
	} rows[] = {
		{ "PCM16 mono", 1, 1, 22050, 16, ERR_OK }, { "mu-law", 7, 1, 8000, 8, ERR_OK }, { "A-law stereo", 6, 2, 8000, 8, ERR_OK },
		{ "8 bit PCM", 1, 1, 8000, 8, ERR_VALUE }, { "float", 3, 1, 8000, 32, ERR_VALUE }, { "too slow", 1, 1, 4000, 16, ERR_VALUE },
		{ "too fast", 1, 1, 96000, 16, ERR_VALUE }, { "no channel", 1, 0, 8000, 16, ERR_VALUE },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf b = BUF_INIT;
		struct wav w;
		enum err e;

		wav_build(&b, rows[i].coding, rows[i].channels, rows[i].rate, rows[i].bits, SPAN("\1\2\3\4"), 4);
		e = wav_parse(&w, buf_span(&b), NULL);
		if (e != rows[i].want)
			fail_msg("%s: %s", rows[i].name, err_name(e));
		if (e == ERR_OK)
			assert_true(w.rate == rows[i].rate && w.channels == rows[i].channels && w.data.n == 4);
		buf_fini(&b);
	}
}

static void cut_files_are_refused_or_give_what_is_there(void **state)
{
	struct buf b = BUF_INIT;
	struct wav w;

	(void)state;
	wav_build(&b, 7, 1, 8000, 8, SPAN("abcdef"), 0xFFFFFFFF);        /* a stream of unknown length */
	assert_int_equal(wav_parse(&w, buf_span(&b), NULL), ERR_OK);
	assert_int_equal(w.data.n, 6);
	for (size_t n = 0; n < b.n - 6; n++)
		assert_true(wav_parse(&w, span_head(buf_span(&b), n), NULL) != ERR_OK || w.data.n == 0);
	buf_fini(&b);
}

static void mulaw_at_8_khz_passes_bit_exact(void **state)
{
	struct buf b = BUF_INIT, out = BUF_INIT;
	char all[256];
	struct wav w;

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		all[i] = (char)i;
	wav_build(&b, 7, 1, 8000, 8, span_of(all, 256), 256);
	assert_int_equal(wav_parse(&w, buf_span(&b), NULL), ERR_OK);
	assert_int_equal(wav_decode(&out, &w), ERR_OK);
	assert_int_equal(out.n, 256);
	assert_memory_equal(out.p, all, 256);
	buf_fini(&b);
	buf_fini(&out);
}

/* Power of a tone in n samples, against the whole power. */
static double share_of_tone(const int16_t *p, size_t n, double hz, double rate)
{
	double re = 0, im = 0, all = 0;

	for (size_t i = 0; i < n; i++) {
		re += p[i] * cos(2 * M_PI * hz * (double)i / rate);
		im += p[i] * sin(2 * M_PI * hz * (double)i / rate);
		all += (double)p[i] * p[i];
	}
	return all > 0 ? 2 * (re * re + im * im) / (double)n / all : 0;
}

static void resampling_keeps_the_tone_and_adds_none(void **state)
{
	static const unsigned rates[] = { 16000, 22050, 24000, 44100, 48000 };

	(void)state;
	for (size_t r = 0; r < ROWS(rates); r++) {
		size_t n = rates[r] / 2, m;
		int16_t *in = malloc(n * sizeof *in), *out = NULL;

		for (size_t i = 0; i < n; i++)
			in[i] = (int16_t)(10000 * sin(2 * M_PI * 1000 * (double)i / rates[r]));
		assert_int_equal(wav_resample(&out, &m, in, n, rates[r], 8000), ERR_OK);
		assert_int_equal(m, 4000);
		assert_true(share_of_tone(out + 400, 3200, 1000, 8000) > 0.99999);
		free(out);
		for (size_t i = 0; i < n; i++)                       /* above half of 8 kHz nothing may fold back */
			in[i] = (int16_t)(10000 * sin(2 * M_PI * 6000 * (double)i / rates[r]));
		assert_int_equal(wav_resample(&out, &m, in, n, rates[r], 8000), ERR_OK);
		for (size_t i = 400; i < 3600; i++)
			assert_true(abs(out[i]) < 20);
		free(out);
		free(in);
	}
}

static void what_was_written_is_read_again(void **state)
{
	char path[] = "/tmp/sim-wav-XXXXXX", audio[3001];
	struct buf out = BUF_INIT, why = BUF_INIT;
	struct wav_file f;

	(void)state;
	close(mkstemp(path));
	for (size_t i = 0; i < sizeof audio; i++)
		audio[i] = (char)(i * 7);
	assert_int_equal(wav_create(&f, path, WAV_MULAW, 8000, 1), ERR_OK);
	for (size_t i = 0; i < 100; i++)
		wav_write(&f, span_of(audio, sizeof audio));
	assert_int_equal(wav_finish(&f), ERR_OK);
	assert_int_equal(wav_read(&out, path, &why), ERR_OK);
	assert_int_equal(out.n, 100 * sizeof audio);
	for (size_t i = 0; i < 100; i++)
		assert_memory_equal(out.p + i * sizeof audio, audio, sizeof audio);
	unlink(path);
	assert_int_equal(wav_read(&out, path, &why), ERR_NOTFOUND);
	assert_string_equal(buf_z(&why), err_text(ERR_NOTFOUND));
	buf_fini(&out);
	buf_fini(&why);
}

static void a_place_that_cannot_be_written_is_an_error(void **state)
{
	struct wav_file f;

	(void)state;
	assert_int_not_equal(wav_create(&f, "/nonexistent/x.wav", WAV_PCM16, 8000, 1), ERR_OK);
	assert_int_not_equal(wav_finish(&f), ERR_OK);
	if (access("/dev/full", W_OK) == 0) {
		assert_int_equal(wav_create(&f, "/dev/full", WAV_PCM16, 8000, 1), ERR_OK);
		wav_write(&f, SPAN("12"));
		assert_int_equal(wav_finish(&f), ERR_FULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mulaw_codes_come_back_as_they_were),
		cmocka_unit_test(g711_has_the_values_of_the_standard),
		cmocka_unit_test(mulaw_is_near_the_sample),
		cmocka_unit_test(headers),
		cmocka_unit_test(cut_files_are_refused_or_give_what_is_there),
		cmocka_unit_test(mulaw_at_8_khz_passes_bit_exact),
		cmocka_unit_test(resampling_keeps_the_tone_and_adds_none),
		cmocka_unit_test(what_was_written_is_read_again),
		cmocka_unit_test(a_place_that_cannot_be_written_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
