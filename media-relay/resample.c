/* resample - one prototype low-pass (4 kHz at 24 kHz), used whole on the way down and as three phases on the way up. */
#include <math.h>
#include <string.h>

#include "media-relay/resample.h"

#define BETA  8.0                                /* Kaiser: 80 dB */
#define BLOCK 256

static float taps[RESAMPLE_TAPS];                /* at 24 kHz, gain 1 */
static float phases[3][33];                      /* the same times 3, reversed in time; phase 0 has one tap more */

static double bessel_i0(double x)
{
	double sum = 1, term = 1;

	for (unsigned k = 1; k < 50; k++) {
		term *= x / 2 / k;
		sum += term * term;
	}
	return sum;
}

static double prototype(unsigned i)
{
	double t = (double)i - (RESAMPLE_TAPS - 1) / 2, x = t / ((RESAMPLE_TAPS - 1) / 2);
	double window = bessel_i0(BETA * sqrt(1 - x * x)) / bessel_i0(BETA);

	return window * (t == 0 ? 1.0 / 3 : sin(M_PI * t / 3) / (M_PI * t));
}

__attribute__((constructor)) static void taps_make(void)
{
	double sum = 0;

	for (unsigned i = 0; i < RESAMPLE_TAPS; i++)
		sum += prototype(i);
	for (unsigned i = 0; i < RESAMPLE_TAPS; i++) {
		taps[i] = (float)(prototype(i) / sum);
		phases[i % 3][32 - i / 3] = 3 * taps[i];
	}
}

static int16_t clamped(float v)
{
	v += v < 0 ? -0.5f : 0.5f;                       /* lrintf() is a call, and half the work */
	return (int16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : v);
}

typedef float four __attribute__((vector_size(16)));

/* Four products at a time; n is 4k + 1 for both filters. */
static float dot(const float *a, const float *b, unsigned n)
{
	four sum = { a[n - 1] * b[n - 1] };

	for (unsigned i = 0; i + 4 < n; i += 4) {
		four x, y;

		memcpy(&x, a + i, sizeof x);
		memcpy(&y, b + i, sizeof y);
		sum += x * y;
	}
	return sum[0] + sum[1] + sum[2] + sum[3];
}

_Static_assert(RESAMPLE_TAPS % 4 == 1, "dot() counts in fours and one");

static void up_block(struct resample_up *r, const int16_t *in, size_t n, int16_t *out)
{
	float line[32 + BLOCK];

	memcpy(line, r->past, 32 * sizeof *line);
	for (size_t i = 0; i < n; i++)
		line[32 + i] = in[i];
	for (size_t i = 0; i < n; i++)
		for (unsigned k = 0; k < 3; k++)
			*out++ = clamped(dot(line + i, phases[k], 33));
	memcpy(r->past, line + n, 32 * sizeof *line);
}

void resample_up(struct resample_up *r, const int16_t *in, size_t n, int16_t *out)
{
	while (n) {
		size_t k = n < BLOCK ? n : BLOCK;

		up_block(r, in, k, out);
		in += k;
		out += 3 * k;
		n -= k;
	}
}

static size_t down_block(struct resample_down *r, const int16_t *in, size_t n, int16_t *out)
{
	float line[RESAMPLE_TAPS - 1 + BLOCK];
	size_t got = 0;

	memcpy(line, r->past, (RESAMPLE_TAPS - 1) * sizeof *line);
	for (size_t i = 0; i < n; i++)
		line[RESAMPLE_TAPS - 1 + i] = in[i];
	for (size_t i = 0; i < n; i++) {                 /* symmetric: the order of the taps does not matter */
		if (r->phase == 0)
			out[got++] = clamped(dot(line + i, taps, RESAMPLE_TAPS));
		r->phase = (r->phase + 1) % 3;
	}
	memcpy(r->past, line + n, (RESAMPLE_TAPS - 1) * sizeof *line);
	return got;
}

size_t resample_down(struct resample_down *r, const int16_t *in, size_t n, int16_t *out)
{
	size_t got = 0;

	while (n) {
		size_t k = n < BLOCK ? n : BLOCK;

		got += down_block(r, in, k, out + got);
		in += k;
		n -= k;
	}
	return got;
}
