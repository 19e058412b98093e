/* clock - time that tests can set, its text form, UUIDs and random bytes. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "b64.h"
#include "clock.h"
#include "fault.h"

static atomic_bool standing;
static _Atomic int64_t set_mono_ms, set_wall_ms;

static int64_t now_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_us(void)
{
	return standing ? set_mono_ms * 1000 : now_us(CLOCK_MONOTONIC);
}

int64_t clock_ms(void)
{
	return standing ? set_mono_ms : now_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_wall_ms(void)
{
	return standing ? set_wall_ms : now_us(CLOCK_REALTIME) / 1000;
}

void clock_set(int64_t mono_ms, int64_t wall_ms)
{
	set_mono_ms = mono_ms;
	set_wall_ms = wall_ms;
	standing = true;
}

void clock_move(int64_t ms)
{
	if (!standing)
		clock_set(clock_ms(), clock_wall_ms());
	set_mono_ms += ms;
	set_wall_ms += ms;
}

void clock_real(void)
{
	standing = false;
}

/* --- civil time: days since 1970 by Hinnant's algorithm, without time zones, without the C library's tables --- */

#define DAY_MS INT64_C(86400000)

static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void civil_of(int64_t days, int *y, int *m, int *d)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097, yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*y = (int)(yoe + era * 400 + (*m <= 2));
}

static int days_in(int64_t y, int64_t m)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	return m == 2 && leap ? 29 : days[m - 1];
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

/* The years 0000 to 9999, as RFC 3339 has it; what lies outside is shown as the nearest. */
void time_format(char out[TIME_TEXT], int64_t wall_ms)
{
	int64_t ms = clamp(wall_ms, days_of(0, 1, 1) * DAY_MS, days_of(10000, 1, 1) * DAY_MS - 1);
	int64_t day = (ms >= 0 ? ms : ms - (DAY_MS - 1)) / DAY_MS, rest = ms - day * DAY_MS;
	int y, m, d;
	char z[96];

	civil_of(day, &y, &m, &d);
	snprintf(z, sizeof z, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", y, m, d, (int)(rest / 3600000),
	         (int)(rest / 60000 % 60), (int)(rest / 1000 % 60), (int)(rest % 1000));
	memcpy(out, z, TIME_TEXT - 1);
	out[TIME_TEXT - 1] = '\0';
}

/* Exactly n digits off the front. */
static bool take_digits(struct span *s, size_t n, int64_t low, int64_t high, int64_t *v)
{
	struct span part = span_head(*s, n);

	if (part.n != n || part.p[0] == '-' || !span_int(part, v) || *v < low || *v > high)
		return false;
	*s = span_skip(*s, n);
	return true;
}

static bool take_char(struct span *s, const char *any)
{
	if (s->n == 0 || s->p[0] == '\0' || !strchr(any, s->p[0]))
		return false;
	*s = span_skip(*s, 1);
	return true;
}

static bool take_date(struct span *s, int64_t *day)
{
	int64_t y, m, d;

	if (!take_digits(s, 4, 0, 9999, &y) || !take_char(s, "-") || !take_digits(s, 2, 1, 12, &m) || !take_char(s, "-") ||
	    !take_digits(s, 2, 1, days_in(y, m), &d))
		return false;
	*day = days_of(y, m, d);
	return true;
}

/* Milliseconds, cut, of however many digits there are. */
static bool take_fraction(struct span *s, int64_t *ms)
{
	int64_t unit = 100;
	size_t n = 0;

	for (*ms = 0; s->n && s->p[0] >= '0' && s->p[0] <= '9'; n++, unit /= 10) {
		*ms += (s->p[0] - '0') * unit;
		*s = span_skip(*s, 1);
	}
	return n > 0;
}

static bool take_offset(struct span *s, int64_t *minutes)
{
	int64_t h, m;
	bool west = s->n && s->p[0] == '-';

	*minutes = 0;
	if (take_char(s, "Zz"))
		return true;
	if (!take_char(s, "+-") || !take_digits(s, 2, 0, 23, &h) || !take_char(s, ":") || !take_digits(s, 2, 0, 59, &m))
		return false;
	*minutes = (west ? -1 : 1) * (h * 60 + m);
	return true;
}

bool time_parse(struct span s, int64_t *wall_ms)
{
	int64_t day, h, m, sec, ms = 0, off, minute;

	if (!take_date(&s, &day))
		return false;
	if (s.n == 0) {
		*wall_ms = day * DAY_MS;
		return true;
	}
	if (!take_char(&s, "Tt") || !take_digits(&s, 2, 0, 23, &h) || !take_char(&s, ":") || !take_digits(&s, 2, 0, 59, &m) ||
	    !take_char(&s, ":") || !take_digits(&s, 2, 0, 60, &sec))
		return false;
	if (take_char(&s, ".") && !take_fraction(&s, &ms))
		return false;
	if (!take_offset(&s, &off) || s.n)
		return false;
	minute = day * 1440 + h * 60 + m - off;
	if (sec == 60 && ((minute % 1440) + 1440) % 1440 != 1439)      /* a leap second ends a UTC day */
		return false;
	*wall_ms = (minute * 60 + sec) * 1000 + ms;
	return true;
}

bool time_since(struct span s, int64_t now_ms, int64_t *wall_ms)
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 }, { 'd', DAY_MS }, { 'w', 7 * DAY_MS } };
	int64_t n, back, at;

	if (time_parse(s, wall_ms))
		return true;
	if (s.n < 2 || s.p[0] == '-' || !span_int(span_head(s, s.n - 1), &n))
		return false;
	for (unsigned i = 0; i < sizeof units / sizeof *units; i++) {
		if (units[i].unit != s.p[s.n - 1])
			continue;
		if (__builtin_mul_overflow(n, units[i].ms, &back) || __builtin_sub_overflow(now_ms, back, &at))
			return false;
		*wall_ms = at;
		return true;
	}
	return false;
}

enum err random_bytes(void *p, size_t n)
{
	char *at = p;

	if (fault("random"))
		return ERR_IO;
	while (n) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return ERR_IO;
		at += got;
		n -= (size_t)got;
	}
	return ERR_OK;
}

static _Thread_local uint64_t below_state;

void random_below_seed(uint64_t seed)
{
	below_state = seed | UINT64_C(1) << 63;                /* 0 is taken for not seeded */
}

/* splitmix64 per thread; the multiplication spreads 32 bits over n without a division. */
uint32_t random_below(uint32_t n)
{
	uint64_t z;

	if (below_state == 0 && getrandom(&below_state, sizeof below_state, 0) != sizeof below_state)
		below_state = (uint64_t)now_us(CLOCK_MONOTONIC) ^ (uintptr_t)&below_state;
	z = below_state += UINT64_C(0x9E3779B97F4A7C15);
	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return (uint32_t)(((z >> 32) * n) >> 32);
}

static const unsigned char uuid_dash[] = { 4, 6, 8, 10 };      /* a dash before these bytes */

void uuid_text(char out[UUID_TEXT], const uint8_t id[16])
{
	for (unsigned i = 0, dash = 0; i < 16; i++) {
		if (dash < sizeof uuid_dash && i == uuid_dash[dash]) {
			*out++ = '-';
			dash++;
		}
		hex_encode(out, id + i, 1);
		out += 2;
	}
	*out = '\0';
}

bool uuid_parse(struct span s, uint8_t out[16])
{
	uint8_t id[16];

	if (s.n != UUID_TEXT - 1)
		return false;
	for (unsigned i = 0, dash = 0; i < 16; i++) {
		size_t n;

		if (dash < sizeof uuid_dash && i == uuid_dash[dash]) {
			if (s.p[0] != '-')
				return false;
			s = span_skip(s, 1);
			dash++;
		}
		if (!hex_decode(id + i, 1, span_head(s, 2), &n))
			return false;
		s = span_skip(s, 2);
	}
	memcpy(out, id, sizeof id);
	return true;
}

enum err uuid_new(char out[UUID_TEXT])
{
	uint8_t id[16];
	enum err e = random_bytes(id, sizeof id);

	if (e)
		return e;
	id[6] = (uint8_t)((id[6] & 0x0F) | 0x40);
	id[8] = (uint8_t)((id[8] & 0x3F) | 0x80);
	uuid_text(out, id);
	return ERR_OK;
}
