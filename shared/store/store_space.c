/* store_space - how much room is left where the environment lies, and the reserve file that is given up last (docs/store.md, full disk). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

static enum err space_look(const struct store *s, uint64_t *free_bytes, uint64_t *total)
{
	struct statvfs v;

	if (statvfs(s->o.home, &v) != 0)
		return err_errno(errno);
	*free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	*total = (uint64_t)v.f_blocks * v.f_frsize;
	return ERR_OK;
}

enum err store_space(const struct store *s, enum space_level *level)
{
	uint64_t left, total;
	enum err e = space_look(s, &left, &total);

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

static bool reserve_path(const struct store *s, char path[4096])
{
	return snprintf(path, 4096, "%s/reserve", s->o.home) < 4096;
}

/* Real blocks, and only when that leaves enough. */
static void reserve_keep(const struct store *s)
{
	char path[4096];
	struct stat st;
	uint64_t left, total, want = RESERVE;
	int fd;

	if (!reserve_path(s, path) || space_look(s, &left, &total) != ERR_OK)
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
