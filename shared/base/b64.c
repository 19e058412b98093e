/*
 * b64 - tables made once before main: two characters per 12 bits for encoding (8 KiB), one word per character
 * and place for decoding (4 KiB). A bad character sets a bit above the 24 of a group, so four need one test.
 */
#include "b64.h"

#define BAD UINT32_C(0x01000000)

static const char std_set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static char pair_of[4096][2];
static uint32_t bits_of[4][256];

__attribute__((constructor)) static void tables_make(void)
{
	for (unsigned i = 0; i < 4096; i++) {
		pair_of[i][0] = std_set[i >> 6];
		pair_of[i][1] = std_set[i & 63];
	}
	for (unsigned place = 0; place < 4; place++) {
		for (unsigned c = 0; c < 256; c++)
			bits_of[place][c] = BAD;
		for (unsigned v = 0; v < 64; v++)
			bits_of[place][(unsigned char)std_set[v]] = v << (18 - 6 * place);
	}
}

size_t b64_encode(char *dst, const uint8_t *src, size_t n)
{
	char *d = dst;

	for (; n >= 3; n -= 3, src += 3, d += 4) {
		memcpy(d, pair_of[src[0] << 4 | src[1] >> 4], 2);
		memcpy(d + 2, pair_of[(src[1] & 15) << 8 | src[2]], 2);
	}
	if (n) {
		unsigned second = n > 1 ? src[1] : 0;

		memcpy(d, pair_of[src[0] << 4 | second >> 4], 2);
		d[2] = n > 1 ? std_set[(second & 15) << 2] : '=';
		d[3] = '=';
		d += 4;
	}
	return (size_t)(d - dst);
}

static size_t padding(struct span s)
{
	return s.n < 4 ? 0 : (size_t)(s.p[s.n - 1] == '=') + (s.p[s.n - 1] == '=' && s.p[s.n - 2] == '=');
}

bool b64_decoded_size(struct span s, size_t *n)
{
	if (s.n % 4)
		return false;
	*n = B64_DECODED_MAX(s.n) - padding(s);
	return true;
}

static uint32_t group(const unsigned char *c)
{
	return bits_of[0][c[0]] | bits_of[1][c[1]] | bits_of[2][c[2]] | bits_of[3][c[3]];
}

/* The group with the padding: the bits that it does not use must be zero, or two texts would mean the same. */
static bool last_group(uint8_t *dst, const unsigned char *c, size_t pad)
{
	unsigned char full[4] = { c[0], c[1], pad == 2 ? 'A' : c[2], 'A' };
	uint32_t v = group(full);

	if (v & (BAD | (pad == 2 ? 0xFFFF : 0xFF)))
		return false;
	dst[0] = (uint8_t)(v >> 16);
	if (pad == 1)
		dst[1] = (uint8_t)(v >> 8);
	return true;
}

bool b64_decode(uint8_t *dst, size_t cap, struct span s, size_t *n)
{
	const unsigned char *c = (const unsigned char *)s.p;
	size_t size, pad = padding(s), groups = s.n / 4 - (pad != 0);
	uint32_t bad = 0;

	if (!b64_decoded_size(s, &size) || size > cap)
		return false;
	for (size_t i = 0; i < groups; i++, c += 4, dst += 3) {
		uint32_t v = group(c);

		bad |= v;
		dst[0] = (uint8_t)(v >> 16);
		dst[1] = (uint8_t)(v >> 8);
		dst[2] = (uint8_t)v;
	}
	if ((bad & BAD) || (pad && !last_group(dst, c, pad)))
		return false;
	*n = size;
	return true;
}

void b64url_encode(struct buf *out, const uint8_t *src, size_t n)
{
	for (; n; n -= n < 3 ? n : 3, src += 3) {
		uint32_t v = (uint32_t)src[0] << 16 | (n > 1 ? (uint32_t)src[1] << 8 : 0) | (n > 2 ? src[2] : 0);

		for (unsigned i = 0; i < (n < 3 ? n + 1 : 4); i++)
			buf_addc(out, url_set[v >> (18 - 6 * i) & 63]);
	}
}

void hex_encode(char *dst, const uint8_t *src, size_t n)
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*dst++ = digit[src[i] >> 4];
		*dst++ = digit[src[i] & 15];
	}
}

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(uint8_t *dst, size_t cap, struct span s, size_t *n)
{
	if (s.n % 2 || s.n / 2 > cap)
		return false;
	for (size_t i = 0; i < s.n; i += 2) {
		int high = hex_of(s.p[i]), low = hex_of(s.p[i + 1]);

		if (high < 0 || low < 0)
			return false;
		dst[i / 2] = (uint8_t)(high << 4 | low);
	}
	*n = s.n / 2;
	return true;
}
