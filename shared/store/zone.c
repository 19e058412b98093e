#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/proc.h"
#include "store/zone.h"

#define ZONES     "/usr/share/zoneinfo/"
#define FILE_MOST ((size_t)256 << 10)
#define HEADER    44

static bool zone_path(char *path, size_t cap, const char *name)
{
	if (!name || !*name)
		return snprintf(path, cap, "/etc/localtime") < (int)cap;
	if (name[0] == '/' || strstr(name, ".."))
		return false;
	return snprintf(path, cap, ZONES "%s", name) < (int)cap;
}

bool zone_exists(const char *name)
{
	char path[128];

	if (access(ZONES "UTC", R_OK) != 0)
		return true;
	return zone_path(path, sizeof path, name) && access(path, R_OK) == 0;
}

void zone_name(char out[ZONE_NAME], const char *name)
{
	char link[256], *z;
	ssize_t n = name && *name ? 0 : readlink("/etc/localtime", link, sizeof link - 1);

	snprintf(out, ZONE_NAME, "%s", name && *name ? name : "UTC");
	if (n <= 0)
		return;
	link[n] = 0;
	z = strstr(link, "zoneinfo/");
	if (z && strlen(z + 9) < ZONE_NAME)
		memcpy(out, z + 9, strlen(z + 9) + 1);
}

/* --- TZif: a header with six counts; the second, 64-bit block follows the first --- */

struct tzif {
	uint32_t isut, isstd, leap, times, types, chars;
};

static uint32_t be32(const char *p)
{
	const uint8_t *b = (const uint8_t *)p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int64_t be64(const char *p)
{
	return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static bool header(struct span s, struct tzif *h)
{
	if (s.n < HEADER || memcmp(s.p, "TZif", 4) != 0)
		return false;
	*h = (struct tzif){ be32(s.p + 20), be32(s.p + 24), be32(s.p + 28), be32(s.p + 32), be32(s.p + 36), be32(s.p + 40) };
	return h->types > 0 && h->types < 256 && h->times < 10000 && h->chars < 10000 && h->leap < 1000 && h->isstd < 256 && h->isut < 256;
}

static size_t block(const struct tzif *h, size_t width)
{
	return h->times * width + h->times + h->types * 6 + h->chars + h->leap * (width + 4) + h->isstd + h->isut;
}

/* Offset of the type in force at `at`; the first type before the first change. */
static bool offset_in(struct span s, const struct tzif *h, int64_t at, long *off)
{
	const char *changes = s.p, *kinds = s.p + h->times * 8, *types = kinds + h->times;
	size_t low = 0, high = h->times, type;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (be64(changes + 8 * mid) <= at)
			low = mid + 1;
		else
			high = mid;
	}
	type = low ? (uint8_t)kinds[low - 1] : 0;
	if (type >= h->types)
		return false;
	*off = (int32_t)be32(types + 6 * type);
	return true;
}

static bool offset_at(struct span file, int64_t at, long *off)
{
	struct tzif h;

	if (!header(file, &h) || file.p[4] < '2' || file.n < HEADER + block(&h, 4))
		return false;
	file = span_skip(file, HEADER + block(&h, 4));
	if (!header(file, &h) || file.n < HEADER + block(&h, 8))
		return false;
	return offset_in(span_skip(file, HEADER), &h, at, off);
}

/* Zone files end in the year 2037. The rules repeat every 400 years, and nearly every 28: the same weekday, the same place in the leap cycle. */
static int64_t within_table(int64_t at)
{
	const int64_t last = 2114380800, cycle = 883612800;              /* 2037-01-01; 28 years */

	return at < last ? at : last - cycle + (at - last) % cycle;
}

enum err zone_local(const char *name, int64_t wall_ms, struct tm *out)
{
	struct buf file = BUF_BOUND(FILE_MOST);
	char path[128];
	long off = 0;
	time_t at = (time_t)(wall_ms / 1000);
	enum err e = zone_path(path, sizeof path, name) ? file_read(&file, path) : ERR_NOTFOUND;

	if (!e && !offset_at(buf_span(&file), within_table(at), &off))
		e = ERR_NOTFOUND;
	buf_fini(&file);
	at += off;
	gmtime_r(&at, out);
	out->tm_gmtoff = off;
	return e;
}
