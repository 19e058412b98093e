/* store_space - how much room is left where the environment lies, and the reserve file that is given up last (docs/store.md, full disk). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"
#include "store/store_db.h"

#define MB ((uint64_t)1 << 20)
#define RESERVE (16 * MB)

/* A log file is 32 MB, and recovery needs room to write pages. On small file systems a share of it, so that tests and small devices work. */
static const struct { enum space_level level; uint64_t bytes; unsigned share; } limits[] = {
	{ SPACE_LAST, 48 * MB, 2 }, { SPACE_VERY_LOW, 128 * MB, 4 }, { SPACE_LOW, 512 * MB, 8 },
};

const char *space_name(enum space_level level)
{
	static const char *const names[] = { "ok", "low", "very_low", "last" };

	return names[level];
}

static enum err space_look(const char *dir, uint64_t *free_bytes, uint64_t *total)
{
	struct statvfs v;

	if (statvfs(dir, &v) != 0)
		return err_errno(errno);
	*free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	*total = (uint64_t)v.f_blocks * v.f_frsize;
	return ERR_OK;
}

enum err space_of(const char *dir, enum space_level *level)
{
	uint64_t left = 0, total = 0;
	enum err e = space_look(dir, &left, &total);

	if (e)
		return e;
	*level = SPACE_OK;
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		uint64_t share = total / 100 * limits[i].share;

		if (left < (share < limits[i].bytes ? share : limits[i].bytes)) {
			*level = limits[i].level;
			break;
		}
	}
	return ERR_OK;
}

enum err store_space(const struct store *s, enum space_level *level)
{
	return space_of(s->o.home, level);
}

/* --- region files --- */

/* "7f..-7f.. rw-s ... /home/__db.003": how long the library maps a region of ours, which is how far its file may grow. A region of an
 * abandoned handle has " (deleted)" behind it. */
static bool mapped_region(const char *line, const char *home, char path[4096], off_t *bytes)
{
	unsigned long long from, to;
	int at = 0;
	size_t n;

	if (sscanf(line, "%llx-%llx %*s %*s %*s %*s %n", &from, &to, &at) != 2 || at == 0)
		return false;
	n = strlen(home);
	if (strncmp(line + at, home, n) != 0 || strncmp(line + at + n, "/__db.", 6) != 0 || strstr(line + at + n, " (deleted)"))
		return false;
	snprintf(path, 4096, "%.*s", (int)strcspn(line + at, "\n"), line + at);
	*bytes = (off_t)(to - from);
	return true;
}

static int file_reserve(const char *path, off_t bytes)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), e = 0;

	if (fd < 0)
		return errno;
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, bytes) != 0 && errno != EOPNOTSUPP)
		e = errno;
	close(fd);
	return e;
}

/*
 * DB_REGION_INIT touches the regions as they are made, but they grow later, by a byte written at their new end: on a full disk the first touch
 * of a page between is a SIGBUS. So their blocks are taken from the disk at once, up to the length that the library has mapped.
 */
int regions_reserve(const struct store *s)
{
	char home[4096], path[4096], line[8192];
	FILE *maps = realpath(s->o.home, home) ? fopen("/proc/self/maps", "re") : NULL;
	off_t bytes;
	int e = 0;

	if (!maps)
		return errno;
	while (!e && fgets(line, sizeof line, maps))
		if (mapped_region(line, home, path, &bytes))
			e = file_reserve(path, bytes);
	fclose(maps);
	return e;
}

/* --- the reserve file --- */

static bool reserve_path(const struct store *s, char path[4096])
{
	return snprintf(path, 4096, "%s/reserve", s->o.home) < 4096;
}

/* Real blocks, and only when that leaves enough. */
static void reserve_keep(const struct store *s)
{
	char path[4096];
	struct stat st;
	uint64_t left = 0, total = 0, want = RESERVE;
	int fd;

	if (!reserve_path(s, path) || space_look(s->o.home, &left, &total) != ERR_OK)
		return;
	want = total / 100 < want ? total / 100 : want;
	if ((stat(path, &st) == 0 && (uint64_t)st.st_size >= want) || left < 8 * want)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0660);
	if (fd < 0)
		return;
	if (posix_fallocate(fd, 0, (off_t)want) != 0)
		unlink(path);
	close(fd);
}

static void reserve_give_up(struct store *s)
{
	char path[4096];

	if (!reserve_path(s, path) || unlink(path) != 0)
		return;
	log_error("DISK.FULL", "what=\"THE RESERVE FILE WAS DELETED\" do=\"FREE SPACE NOW\" home=%s", log_q(span_z(s->o.home)));
	store_checkpoint(s);
}

enum err store_space_keep(struct store *s, enum space_level *level)
{
	enum err e = store_space(s, level);

	if (!e && *level == SPACE_LAST)
		reserve_give_up(s);
	else if (!e && *level == SPACE_OK)
		reserve_keep(s);
	return e;
}
