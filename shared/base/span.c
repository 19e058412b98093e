/* span - borrowed bytes: cutting, comparing, numbers, UTF-8. */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "fault.h"
#include "span.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span s)
{
	while (s.n && is_blank(s.p[0]))
		s = span_skip(s, 1);
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* The rest is used up when its p is NULL, so that "a," gives two parts and "" gives one empty part. */
bool span_cut(struct span *rest, char sep, struct span *part)
{
	const char *at;

	if (!rest->p)
		return false;
	at = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
	if (!at) {
		*part = *rest;
		*rest = SPAN_NONE;
		return true;
	}
	*part = span_head(*rest, (size_t)(at - rest->p));
	*rest = span_skip(*rest, part->n + 1);
	return true;
}

char *span_dup(struct span s)
{
	char *z = fault("span.dup") || s.n == SIZE_MAX ? NULL : malloc(s.n + 1);

	if (!z)
		return NULL;
	if (s.n)
		memcpy(z, s.p, s.n);
	z[s.n] = '\0';
	return z;
}

bool span_copy(char *dst, size_t cap, struct span s)
{
	if (cap == 0)
		return false;
	dst[0] = '\0';
	if (s.n >= cap)
		return false;
	if (s.n)
		memcpy(dst, s.p, s.n);
	dst[s.n] = '\0';
	return true;
}

/* Counts downwards: the negative range is the bigger one. */
bool span_int(struct span s, int64_t *out)
{
	bool minus = s.n && s.p[0] == '-';
	int64_t v = 0;
	size_t i = minus;

	if (i == s.n)
		return false;
	for (; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, s.p[i] - '0', &v))
			return false;
	}
	if (!minus && v == INT64_MIN)
		return false;
	*out = minus ? v : -v;
	return true;
}

static size_t digits(struct span s, size_t i)
{
	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	return i;
}

/* -?(digits(.digits)?|.digits)(e[+-]?digits)? and nothing else: strtod alone takes hexadecimal, nan, blanks. */
static bool is_decimal(struct span s)
{
	size_t i = s.n && s.p[0] == '-', from = i;

	i = digits(s, i);
	if (i < s.n && s.p[i] == '.') {
		from = ++i;
		i = digits(s, i);
	}
	if (i == from)
		return false;
	if (i < s.n && (s.p[i] | 0x20) == 'e') {
		i++;
		i += i < s.n && (s.p[i] == '+' || s.p[i] == '-');
		from = i;
		i = digits(s, i);
		if (i == from)
			return false;
	}
	return i == s.n;
}

static locale_t c_locale;

static void c_locale_make(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

locale_t span_c_locale(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, c_locale_make);
	return c_locale;
}

bool span_num(struct span s, double *out)
{
	char z[128];
	double v;

	if (!is_decimal(s) || !span_copy(z, sizeof z, s))
		return false;
	v = strtod_l(z, NULL, span_c_locale());
	if (!isfinite(v))
		return false;
	*out = v;
	return true;
}

bool span_eq_const(struct span a, struct span b)
{
	volatile unsigned char diff = 0;

	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		diff = (unsigned char)(diff | (a.p[i] ^ b.p[i]));
	return diff == 0;
}

static bool is_tail(struct span s, size_t i)
{
	return i < s.n && ((unsigned char)s.p[i] & 0xC0) == 0x80;
}

/* Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t span_utf8_step(struct span s)
{
	unsigned char a = s.n ? (unsigned char)s.p[0] : 0, b = s.n > 1 ? (unsigned char)s.p[1] : 0;

	if (s.n == 0)
		return 0;
	if (a < 0x80)
		return 1;
	if (a < 0xC2 || a > 0xF4 || !is_tail(s, 1))
		return 0;
	if (a < 0xE0)
		return 2;
	if ((a == 0xE0 && b < 0xA0) || (a == 0xED && b > 0x9F) || !is_tail(s, 2))
		return 0;
	if (a < 0xF0)
		return 3;
	if ((a == 0xF0 && b < 0x90) || (a == 0xF4 && b > 0x8F) || !is_tail(s, 3))
		return 0;
	return 4;
}

bool span_utf8(struct span s)
{
	while (s.n) {
		size_t k = span_utf8_step(s);

		if (k == 0)
			return false;
		s = span_skip(s, k);
	}
	return true;
}
