/* watch - something happens in a folder (inotify): waited for, instead of looked for again and again. */
#ifndef OFFHOOK_TEST_WATCH_H
#define OFFHOOK_TEST_WATCH_H

#include <poll.h>
#include <stdbool.h>
#include <sys/inotify.h>
#include <unistd.h>

#define WATCH_MS 60000                   /* a busy machine is no failure */

/* A descriptor, to be closed; -1: it cannot be watched. What happens from now on counts, so begin before what is waited for. */
static inline int watch_begin(const char *dir)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd >= 0 && inotify_add_watch(fd, dir, IN_CREATE | IN_MODIFY | IN_MOVED_TO) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Something did; false: nothing in WATCH_MS. */
static inline bool watch_next(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char events[4096];

	return poll(&p, 1, WATCH_MS) == 1 && read(fd, events, sizeof events) > 0;
}

#endif
