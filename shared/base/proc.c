/* proc - child processes and files. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"
#include "proc.h"

#define FDS_MAX 16

/* The pairs may overlap (5 to 0, 0 to 5), so our ends are first copied above every target; the copies close at exec. */
static enum err fds_lift(int *lifted, const struct proc_fd *fds, size_t n, int *top)
{
	*top = STDERR_FILENO;
	for (size_t i = 0; i < n; i++)
		*top = fds[i].to > *top ? fds[i].to : *top;
	for (size_t i = 0; i < n; i++) {
		lifted[i] = fcntl(fds[i].from, F_DUPFD_CLOEXEC, *top + 1);
		if (lifted[i] < 0)
			return err_errno(errno);
	}
	return ERR_OK;
}

static bool is_target(const struct proc_fd *fds, size_t n, int fd)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i].to == fd)
			return true;
	return false;
}

static int actions_fill(posix_spawn_file_actions_t *a, const int *lifted, const struct proc_fd *fds, size_t n, int top)
{
	int bad = 0;

	for (size_t i = 0; i < n && !bad; i++)
		bad = posix_spawn_file_actions_adddup2(a, lifted[i], fds[i].to);
	for (int fd = STDERR_FILENO + 1; fd < top && !bad; fd++)
		if (!is_target(fds, n, fd))
			bad = posix_spawn_file_actions_addclose(a, fd);
	return bad ? bad : posix_spawn_file_actions_addclosefrom_np(a, top + 1);
}

static int attr_fill(posix_spawnattr_t *attr)
{
	sigset_t all, none;
	int bad;

	sigfillset(&all);
	sigemptyset(&none);
	bad = posix_spawnattr_setsigdefault(attr, &all);
	bad = bad ? bad : posix_spawnattr_setsigmask(attr, &none);
	return bad ? bad : posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

enum err proc_spawn(pid_t *pid, const char *path, char *const argv[], char *const env[], const struct proc_fd *fds, size_t nfds)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int lifted[FDS_MAX], top, bad;
	enum err e = nfds > FDS_MAX ? ERR_LIMIT : fault("proc.spawn") ? ERR_NOMEM : ERR_OK;

	if (e)
		return e;
	for (size_t i = 0; i < nfds; i++)
		lifted[i] = -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	e = fds_lift(lifted, fds, nfds, &top);
	if (!e) {
		bad = actions_fill(&actions, lifted, fds, nfds, top);
		bad = bad ? bad : attr_fill(&attr);
		e = err_errno(bad ? bad : posix_spawn(pid, path, &actions, &attr, argv, env ? env : environ));
	}
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	for (size_t i = 0; i < nfds; i++)
		if (lifted[i] >= 0)
			close(lifted[i]);
	return e;
}

enum err proc_self_dir(struct buf *out)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path);
	const char *slash;

	if (n <= 0)
		return err_errno(errno);
	slash = memrchr(path, '/', (size_t)n);
	if (!slash || (size_t)n == sizeof path)
		return ERR_LIMIT;
	buf_add(out, span_of(path, slash == path ? 1 : (size_t)(slash - path)));
	return out->err;
}

enum err fd_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
		return err_errno(errno);
	return ERR_OK;
}

enum err fd_write_all(int fd, struct span s)
{
	while (s.n) {
		ssize_t n = fault("fd.write") ? (errno = ENOSPC, -1) : write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errno);
		s = span_skip(s, (size_t)n);
	}
	return ERR_OK;
}

static enum err read_all(struct buf *out, int fd)
{
	for (;;) {
		size_t max = out->max ? out->max : BUF_MAX_DEFAULT, left = max - out->n, want = left < 16384 ? left + 1 : 16384;
		char over, *at = left ? buf_room(out, left < want ? left : want) : &over;
		ssize_t n;

		if (!at)
			return out->err;
		n = read(fd, at, left ? (left < want ? left : want) : 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? err_errno(errno) : ERR_OK;
		if (!left)
			return out->err = ERR_LIMIT;
		buf_wrote(out, (size_t)n);
	}
}

enum err file_read(struct buf *out, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err e;

	if (fd < 0)
		return err_errno(errno);
	e = read_all(out, fd);
	close(fd);
	return e;
}

/* --- replacing a file: whoever reads it sees the old one or the new one, also after a power failure --- */

static enum err dir_sync(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[4096];
	int fd, bad;

	if (!span_copy(dir, sizeof dir, slash ? span_of(path, slash == path ? 1 : (size_t)(slash - path)) : SPAN(".")))
		return ERR_LIMIT;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(errno);
	bad = fsync(fd) ? errno : 0;
	close(fd);
	return err_errno(bad == EINVAL ? 0 : bad);
}

static enum err fill_and_sync(int fd, struct span s, unsigned mode)
{
	enum err e = fchmod(fd, mode) ? err_errno(errno) : fd_write_all(fd, s);

	if (!e && fsync(fd))
		e = err_errno(errno);
	return e;
}

enum err file_replace(const char *path, struct span s, unsigned mode)
{
	char temp[4096];
	enum err e;
	int fd;

	if ((size_t)snprintf(temp, sizeof temp, "%s.XXXXXX", path) >= sizeof temp)
		return ERR_LIMIT;
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return err_errno(errno);
	e = fill_and_sync(fd, s, mode);
	if (close(fd) && !e)
		e = err_errno(errno);
	if (!e && rename(temp, path))
		e = err_errno(errno);
	if (e)
		unlink(temp);
	return e ? e : dir_sync(path);
}

static enum err dir_make_one(const char *path, unsigned mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return ERR_OK;
	if (errno != EEXIST)
		return err_errno(errno);
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? ERR_OK : ERR_EXISTS;
}

enum err dir_make(const char *path, unsigned mode)
{
	char part[4096];
	enum err e = ERR_OK;

	if (!span_copy(part, sizeof part, span_z(path)))
		return ERR_LIMIT;
	for (char *slash = part; !e && (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		e = dir_make_one(part, mode);
		*slash = '/';
	}
	return e ? e : dir_make_one(path, mode);
}
