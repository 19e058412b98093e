/* audio - G.711 by tables made once, and the two directions of a call. */
#include "base/b64.h"
#include "media-relay/audio.h"

#define PIECE 1536                               /* bytes at a time: whole base64 groups, whole samples */

static int16_t ulaw_linear[256], alaw_linear[256];
static uint8_t linear_ulaw[1 << 14], linear_alaw[1 << 13];      /* by the 14 and 13 bits that count */
static uint8_t ulaw_alaw[256], alaw_ulaw[256];

static int ulaw_value(unsigned u)
{
	unsigned v = ~u & 0xFF, exp = v >> 4 & 7;
	int mag = (int)((((v & 15) << 3) + 0x84) << exp) - 0x84;

	return v & 0x80 ? -mag : mag;
}

static int alaw_value(unsigned a)
{
	unsigned v = a ^ 0x55, exp = v >> 4 & 7;
	int mag = (int)((v & 15) << 4) + 8;

	if (exp)
		mag = (mag + 0x100) << (exp - 1);
	return v & 0x80 ? mag : -mag;
}

static unsigned ulaw_code(int v)
{
	int mag = (v < 0 ? -v : v) + 0x84, exp = 7;

	mag = mag > 0x7FFF ? 0x7FFF : mag;
	while (exp && !(mag & (0x80 << exp)))
		exp--;
	return ~((v < 0 ? 0x80u : 0) | (unsigned)exp << 4 | (unsigned)(mag >> (exp + 3) & 15)) & 0xFF;
}

static unsigned alaw_code(int v)
{
	int mag = v < 0 ? ~v : v, exp = 7;

	while (exp && !(mag & (0x80 << exp)))
		exp--;
	return ((v < 0 ? 0 : 0x80u) | (unsigned)exp << 4 | (unsigned)(mag >> (exp ? exp + 3 : 4) & 15)) ^ 0x55;
}

__attribute__((constructor)) static void tables_make(void)
{
	for (int i = 0; i < 1 << 14; i++)
		linear_ulaw[i] = (uint8_t)ulaw_code((i - (1 << 13)) * 4 + 2);
	for (int i = 0; i < 1 << 13; i++)
		linear_alaw[i] = (uint8_t)alaw_code((i - (1 << 12)) * 8 + 4);
	for (unsigned i = 0; i < 256; i++) {
		ulaw_linear[i] = (int16_t)ulaw_value(i);
		alaw_linear[i] = (int16_t)alaw_value(i);
	}
	for (unsigned i = 0; i < 256; i++) {
		ulaw_alaw[i] = (uint8_t)alaw_code(ulaw_linear[i]);
		alaw_ulaw[i] = (uint8_t)ulaw_code(alaw_linear[i]);
	}
}

int16_t audio_from_ulaw(uint8_t u) { return ulaw_linear[u]; }
int16_t audio_from_alaw(uint8_t a) { return alaw_linear[a]; }
uint8_t audio_to_ulaw(int16_t v) { return linear_ulaw[(v + 32768) >> 2]; }
uint8_t audio_to_alaw(int16_t v) { return linear_alaw[(v + 32768) >> 3]; }

/* --- caller to model --- */

static size_t up_pcm(struct audio_up *a, const uint8_t *ulaw, size_t n, uint8_t *out)
{
	int16_t in[AUDIO_FRAME], wide[3 * AUDIO_FRAME];
	uint8_t *to = out;

	while (n) {
		size_t k = n < AUDIO_FRAME ? n : AUDIO_FRAME;

		for (size_t i = 0; i < k; i++)
			in[i] = ulaw_linear[ulaw[i]];
		resample_up(&a->r, in, k, wide);
		for (size_t i = 0; i < 3 * k; i++) {
			*to++ = (uint8_t)wide[i];
			*to++ = (uint8_t)((uint16_t)wide[i] >> 8);
		}
		ulaw += k;
		n -= k;
	}
	return (size_t)(to - out);
}

size_t audio_up(struct audio_up *a, const uint8_t *ulaw, size_t n, uint8_t *out)
{
	if (a->format == AUDIO_PCM24)
		return up_pcm(a, ulaw, n, out);
	for (size_t i = 0; i < n; i++)
		out[i] = a->format == AUDIO_PCMA ? ulaw_alaw[ulaw[i]] : ulaw[i];
	return n;
}

/* --- model to caller --- */

void audio_down_start(struct audio_down *a, enum audio_format format)
{
	*a = (struct audio_down){ .format = format, .skip = format == AUDIO_PCM24 ? RESAMPLE_DELAY_24 / 3 : 0 };
}

static enum err narrow_add(struct audio_down *a, struct chunks *q, const int16_t *wide, size_t n)
{
	int16_t narrow[PIECE / 2 / 3 + 1];
	uint8_t u[PIECE / 2 / 3 + 1];
	size_t got = resample_down(&a->r, wide, n, narrow), skip = a->skip < got ? a->skip : got;

	a->skip -= (unsigned)skip;
	for (size_t i = skip; i < got; i++)
		u[i - skip] = audio_to_ulaw(narrow[i]);
	return chunks_add(q, u, got - skip);
}

/* A delta may end in the middle of a sample. */
static enum err pcm_add(struct audio_down *a, struct chunks *q, const uint8_t *p, size_t n)
{
	int16_t wide[PIECE / 2 + 1];
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (a->odd)
			wide[k++] = (int16_t)(uint16_t)(a->half | p[i] << 8);
		a->half = p[i];
		a->odd = !a->odd;
	}
	return narrow_add(a, q, wide, k);
}

static enum err alaw_add(struct chunks *q, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = alaw_ulaw[p[i]];
	return chunks_add(q, p, n);
}

enum err audio_down_add(struct audio_down *a, struct chunks *q, struct span base64)
{
	uint8_t raw[PIECE];
	enum err e = ERR_OK;

	if (a->format == AUDIO_PCMU)
		return chunks_add_b64(q, base64);
	while (!e && base64.n) {
		struct span piece = span_head(base64, PIECE / 3 * 4);
		size_t n;

		if (!b64_decode(raw, sizeof raw, piece, &n) || (piece.n < base64.n && n < sizeof raw))
			return ERR_SYNTAX;                /* padding belongs at the end */
		e = a->format == AUDIO_PCMA ? alaw_add(q, raw, n) : pcm_add(a, q, raw, n);
		base64 = span_skip(base64, piece.n);
	}
	return e;
}

enum err audio_down_end(struct audio_down *a, struct chunks *q)
{
	static const int16_t silence[RESAMPLE_DELAY_24];

	return a->format == AUDIO_PCM24 ? narrow_add(a, q, silence, RESAMPLE_DELAY_24) : ERR_OK;
}
