/* audio, resample, chunk: G.711 against the standard's points, the resampler's quality in figures, the queue of bytes. */
#include <math.h>

#include "base/b64.h"
#include "media-relay/audio.h"
#include "unit.h"

static void g711_has_the_values_of_the_standard(void **st)
{
	static const struct { uint8_t code; int16_t value; } ulaw[] = { { 0x00, -32124 }, { 0x80, 32124 }, { 0xFF, 0 }, { 0x7F, 0 }, { 0xFE, 8 }, { 0x0F, -16764 }, { 0xF0, 120 } };
	static const struct { uint8_t code; int16_t value; } alaw[] = { { 0x55, -8 }, { 0xD5, 8 }, { 0x2A, -32256 }, { 0xAA, 32256 }, { 0x80, 5504 }, { 0xC5, 264 } };

	(void)st;
	for (size_t i = 0; i < ROWS(ulaw); i++)
		assert_int_equal(audio_from_ulaw(ulaw[i].code), ulaw[i].value);
	for (size_t i = 0; i < ROWS(alaw); i++)
		assert_int_equal(audio_from_alaw(alaw[i].code), alaw[i].value);
}

static void every_code_comes_back_as_itself(void **st)
{
	(void)st;
	for (unsigned c = 0; c < 256; c++) {
		if (c != 0x7F)                                       /* negative zero */
			assert_int_equal(audio_to_ulaw(audio_from_ulaw((uint8_t)c)), c);
		assert_int_equal(audio_to_alaw(audio_from_alaw((uint8_t)c)), c);
	}
}

static void coding_takes_the_nearest_value(void **st)
{
	(void)st;
	for (int v = -32768; v < 32768; v += 7) {
		int u = abs(audio_from_ulaw(audio_to_ulaw((int16_t)v)) - v), a = abs(audio_from_alaw(audio_to_alaw((int16_t)v)) - v), mag = abs(v);

		assert_true(u <= mag / 32 + 5 || mag > 32100);
		assert_true(a <= mag / 32 + 9 || mag > 32200);
	}
}

/* Signal to everything else, in dB, of a sine of `hz` at `rate`, over the settled part. */
static double sinad(const int16_t *x, size_t n, double hz, double rate)
{
	double s = 0, c = 0, total = 0, tone;

	for (size_t i = 0; i < n; i++) {
		s += x[i] * sin(2 * M_PI * hz * (double)i / rate);
		c += x[i] * cos(2 * M_PI * hz * (double)i / rate);
		total += (double)x[i] * x[i];
	}
	tone = 2 * (s * s + c * c) / (double)n;
	return 10 * log10(tone / (total - tone > 1e-9 ? total - tone : 1e-9));
}

static void sine(int16_t *x, size_t n, double hz, double rate, double amplitude)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (int16_t)lrint(amplitude * sin(2 * M_PI * hz * (double)i / rate));
}

static void the_resampler_keeps_77_db_in_the_band_of_a_telephone(void **st)
{
	static const double tones[] = { 300, 1000, 2000, 3000, 3300 };
	static int16_t narrow[8800], wide[26400], back[8800];

	(void)st;
	for (size_t i = 0; i < ROWS(tones); i++) {
		struct resample_up up = { { 0 } };
		struct resample_down down = { .phase = 0 };
		double db_up, db_down;

		sine(narrow, 8800, tones[i], 8000, 16000);
		resample_up(&up, narrow, 8800, wide);
		db_up = sinad(wide + 2400, 24000, tones[i], 24000);
		sine(wide, 26400, tones[i], 24000, 16000);
		assert_int_equal(resample_down(&down, wide, 26400, back), 8800);
		db_down = sinad(back + 800, 8000, tones[i], 8000);
		if (db_up < 77 || db_down < 77)
			fail_msg("%.0f Hz: up %.1f dB, down %.1f dB", tones[i], db_up, db_down);
	}
}

static void what_a_telephone_cannot_carry_does_not_fold_back(void **st)
{
	static const double tones[] = { 5000, 7000, 9000, 11000 };
	static int16_t wide[26400], back[8800];

	(void)st;
	for (size_t i = 0; i < ROWS(tones); i++) {
		struct resample_down down = { .phase = 0 };
		double sum = 0;

		sine(wide, 26400, tones[i], 24000, 16000);
		resample_down(&down, wide, 26400, back);
		for (size_t k = 800; k < 8800; k++)
			sum += (double)back[k] * back[k];
		assert_true(10 * log10(sum / 8000 / (16000.0 * 16000 / 2) + 1e-12) < -77);
	}
}

static void pieces_resample_like_the_whole(void **st)
{
	static int16_t in[2000], whole[6000], pieces[6000], down_whole[2000], down_pieces[2000];
	struct resample_up a = { { 0 } }, b = { { 0 } };
	struct resample_down c = { .phase = 0 }, d = { .phase = 0 };
	uint64_t seed = 7;
	size_t got = 0;

	(void)st;
	sine(in, 2000, 440, 8000, 9000);
	resample_up(&a, in, 2000, whole);
	for (size_t at = 0, n; at < 2000; at += n) {
		n = 1 + seeded(&seed) % 333;
		n = n < 2000 - at ? n : 2000 - at;
		resample_up(&b, in + at, n, pieces + 3 * at);
	}
	assert_memory_equal(whole, pieces, sizeof whole);
	assert_int_equal(resample_down(&c, whole, 6000, down_whole), 2000);
	for (size_t at = 0, n; at < 6000; at += n) {
		n = 1 + seeded(&seed) % 500;
		n = n < 6000 - at ? n : 6000 - at;
		got += resample_down(&d, whole + at, n, down_pieces + got);
	}
	assert_int_equal(got, 2000);
	assert_memory_equal(down_whole, down_pieces, sizeof down_whole);
}

/* --- the two directions --- */

static void text_of(char *out, const uint8_t *p, size_t n)
{
	out[b64_encode(out, p, n)] = '\0';
}

static void mu_law_passes_untouched_both_ways(void **st)
{
	uint8_t all[256], out[256 * AUDIO_UP_FACTOR];
	struct audio_up up = { .format = AUDIO_PCMU };
	struct audio_down down;
	struct chunks q = { .pool = NULL };
	char b64[400];

	(void)st;
	for (unsigned i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	assert_int_equal(audio_up(&up, all, 256, out), 256);
	assert_memory_equal(out, all, 256);
	text_of(b64, all, 256);
	audio_down_start(&down, AUDIO_PCMU);
	assert_int_equal(audio_down_add(&down, &q, span_z(b64)), ERR_OK);
	assert_int_equal(audio_down_end(&down, &q), ERR_OK);
	assert_int_equal(chunks_peek(&q, out, 256), 256);
	assert_memory_equal(out, all, 256);
	chunks_clear(&q);
}

static void a_law_is_translated_byte_for_byte(void **st)
{
	uint8_t ulaw[3] = { 0xFF, 0x80, 0x00 }, alaw[3], back[3];
	struct audio_up up = { .format = AUDIO_PCMA };
	struct audio_down down;
	struct chunks q = { .pool = NULL };
	char b64[8];

	(void)st;
	assert_int_equal(audio_up(&up, ulaw, 3, alaw), 3);
	assert_int_equal(alaw[0], 0xD5);
	assert_int_equal(alaw[1], 0xAA);
	assert_int_equal(alaw[2], 0x2A);
	text_of(b64, alaw, 3);
	audio_down_start(&down, AUDIO_PCMA);
	assert_int_equal(audio_down_add(&down, &q, span_z(b64)), ERR_OK);
	assert_int_equal(chunks_peek(&q, back, 3), 3);
	assert_int_equal(audio_from_ulaw(back[1]), 32124);
	assert_int_equal(audio_from_ulaw(back[2]), -32124);
	chunks_clear(&q);
}

/* A second of model audio in deltas of odd sizes is a second on the phone, and in the same place. */
static void pcm_keeps_length_and_position(void **st)
{
	static int16_t wide[24000];
	static uint8_t raw[48000], heard[9000];
	static char b64[20000];
	struct audio_down down;
	struct chunks q = { .pool = NULL };
	uint64_t seed = 3;
	int loudest = 0;
	size_t at_loudest = 0;

	(void)st;
	for (unsigned i = 0; i < 30; i++)
		wide[12000 + i] = 30000;                             /* a click in the middle */
	for (size_t i = 0; i < 24000; i++) {
		raw[2 * i] = (uint8_t)wide[i];
		raw[2 * i + 1] = (uint8_t)((uint16_t)wide[i] >> 8);
	}
	audio_down_start(&down, AUDIO_PCM24);
	for (size_t at = 0, n; at < sizeof raw; at += n) {
		n = 1 + seeded(&seed) % 9001;
		n = n < sizeof raw - at ? n : sizeof raw - at;
		text_of(b64, raw + at, n);
		assert_int_equal(audio_down_add(&down, &q, span_z(b64)), ERR_OK);
	}
	assert_int_equal(audio_down_end(&down, &q), ERR_OK);
	assert_int_equal(q.n, 8000);
	chunks_peek(&q, heard, sizeof heard);
	for (size_t i = 0; i < 8000; i++)
		if (abs(audio_from_ulaw(heard[i])) > loudest) {
			loudest = abs(audio_from_ulaw(heard[i]));
			at_loudest = i;
		}
	assert_in_range(at_loudest, 3998, 4012);
	chunks_clear(&q);
}

static void pcm_up_is_six_bytes_for_one(void **st)
{
	uint8_t quiet[500], out[500 * AUDIO_UP_FACTOR];
	struct audio_up up = { .format = AUDIO_PCM24 };

	(void)st;
	memset(quiet, AUDIO_SILENCE, sizeof quiet);
	assert_int_equal(audio_up(&up, quiet, 500, out), 3000);
	for (size_t i = 0; i < 3000; i++)
		assert_int_equal(out[i], 0);
}

static void what_is_no_base64_is_refused(void **st)
{
	static const char *const texts[] = { "A", "AAA", "A===", "AA=A", "AAAA=AAA", "!!!!", "AAA\n" };

	(void)st;
	for (unsigned f = 0; f < AUDIO_FORMATS; f++)
		for (size_t i = 0; i < ROWS(texts); i++) {
			struct audio_down down;
			struct chunks q = { .pool = NULL };

			audio_down_start(&down, (enum audio_format)f);
			assert_int_equal(audio_down_add(&down, &q, span_z(texts[i])), ERR_SYNTAX);
			assert_int_equal(q.n, 0);
			chunks_clear(&q);
		}
}

/* --- chunk --- */

static void a_queue_gives_back_what_was_put_in(void **st)
{
	struct chunk_pool *pool = NULL;
	struct chunks q = { .pool = NULL };
	uint8_t in[1000], out[1000];
	uint8_t next_in = 0, next_out = 0;
	uint64_t seed = 11;

	(void)st;
	assert_int_equal(chunk_pool_new(&pool, 2), ERR_OK);
	q.pool = pool;
	for (unsigned i = 0; i < 5000; i++) {
		size_t n = seeded(&seed) % sizeof in;

		if (q.n < 50000 && seeded(&seed) % 5 < 3) {
			for (size_t k = 0; k < n; k++)
				in[k] = next_in++;
			assert_int_equal(chunks_add(&q, in, n), ERR_OK);
		} else {
			n = chunks_peek(&q, out, n);
			for (size_t k = 0; k < n; k++)
				assert_int_equal(out[k], next_out++);
			chunks_drop(&q, n);
		}
	}
	chunks_clear(&q);
	assert_int_equal(q.n, 0);
	chunk_pool_free(pool);
}

static void base64_that_turns_bad_leaves_the_queue_as_it_was(void **st)
{
	struct chunks q = { .pool = NULL };
	static char text[20001];
	uint8_t b;

	(void)st;
	assert_int_equal(chunks_add(&q, (const uint8_t *)"x", 1), ERR_OK);
	memset(text, 'A', 20000);
	text[19990] = '!';
	assert_int_equal(chunks_add_b64(&q, span_z(text)), ERR_SYNTAX);
	assert_int_equal(q.n, 1);
	text[19990] = 'A';
	text[9999] = '=';                                            /* padding in the middle */
	assert_int_equal(chunks_add_b64(&q, span_z(text)), ERR_SYNTAX);
	text[9999] = 'A';
	assert_int_equal(chunks_add_b64(&q, span_z(text)), ERR_OK);
	assert_int_equal(q.n, 15001);
	chunks_peek(&q, &b, 1);
	assert_int_equal(b, 'x');
	chunks_clear(&q);
}

static enum err queue_scenario(void)
{
	struct chunk_pool *pool = NULL;
	struct chunks q = { .pool = NULL };
	enum err e = chunk_pool_new(&pool, 4);

	q.pool = pool;
	e = e ? e : chunks_fill(&q, 0xFF, 10000);
	e = e ? e : chunks_add_b64(&q, SPAN("AAAA"));
	chunks_clear(&q);
	chunk_pool_free(pool);
	return e;
}

static void memory_running_out_is_reported(void **st)
{
	(void)st;
	sweep(queue_scenario, ERR_NOMEM);
}

static void the_end_of_a_queue_can_be_taken_off(void **st)
{
	static const size_t keeps[] = { 0, 1, CHUNK_BYTES - 3, CHUNK_BYTES - 2, CHUNK_BYTES, 2 * CHUNK_BYTES, 9999, 10000, 20000 };
	uint8_t in[10000], out[10000];

	(void)st;
	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)(i * 7 + i / 256);
	for (size_t k = 0; k < sizeof keeps / sizeof *keeps; k++) {
		struct chunks q = { 0 };
		size_t want = keeps[k] < sizeof in - 2 ? keeps[k] : sizeof in - 2;

		assert_int_equal(chunks_add(&q, in, sizeof in), ERR_OK);
		chunks_drop(&q, 2);
		chunks_keep(&q, keeps[k]);
		assert_int_equal(q.n, want);
		assert_int_equal(chunks_peek(&q, out, sizeof out), want);
		assert_memory_equal(out, in + 2, want);
		assert_int_equal(chunks_add(&q, in, 100), ERR_OK);
		assert_int_equal(chunks_peek(&q, out, sizeof out), want + 100 < sizeof out ? want + 100 : sizeof out);
		chunks_clear(&q);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g711_has_the_values_of_the_standard),
		cmocka_unit_test(every_code_comes_back_as_itself),
		cmocka_unit_test(coding_takes_the_nearest_value),
		cmocka_unit_test(the_resampler_keeps_77_db_in_the_band_of_a_telephone),
		cmocka_unit_test(what_a_telephone_cannot_carry_does_not_fold_back),
		cmocka_unit_test(pieces_resample_like_the_whole),
		cmocka_unit_test(mu_law_passes_untouched_both_ways),
		cmocka_unit_test(a_law_is_translated_byte_for_byte),
		cmocka_unit_test(pcm_keeps_length_and_position),
		cmocka_unit_test(pcm_up_is_six_bytes_for_one),
		cmocka_unit_test(what_is_no_base64_is_refused),
		cmocka_unit_test(a_queue_gives_back_what_was_put_in),
		cmocka_unit_test(base64_that_turns_bad_leaves_the_queue_as_it_was),
		cmocka_unit_test(the_end_of_a_queue_can_be_taken_off),
		cmocka_unit_test(memory_running_out_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
