/*
 * serve_renew - lighttpd reads configuration and certificate again by being replaced: a new one starts on the same listening sockets, and when it
 * works the old one is told to finish what it has. A new one that does not start changes nothing.
 *
 * lighttpd could do this itself (SIGUSR1 and graceful-restart-bg), but its old process may be told to end before it knows that it is the old one,
 * and then drops what it has: seen on a busy machine.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "serve.h"

#define LOOK_MS     10
#define SURELY_MS   2000          /* it lives and cannot be looked into: then it works */

/* Configuration read, sockets taken over: what lighttpd makes next is its epoll descriptor. */
static bool has_event_loop(pid_t pid)
{
	char path[64], name[320], target[64];
	struct dirent *e;
	bool found = false;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	d = opendir(path);
	while (d && !found && (e = readdir(d))) {
		ssize_t n;

		snprintf(name, sizeof name, "%s/%s", path, e->d_name);
		n = readlink(name, target, sizeof target);
		found = n > 0 && span_is(span_of(target, (size_t)n), "anon_inode:[eventpoll]");
	}
	if (d)
		closedir(d);
	return found;
}

static struct child *fresh_one(struct serve *s)
{
	for (struct child *c = s->children; c; c = c->next)
		if (c->part == PART_LIGHTTPD && c->fresh)
			return c;
	return NULL;
}

static void retire_others(struct serve *s, struct child *fresh)
{
	fresh->fresh = false;
	for (struct child *c = s->children; c; c = c->next) {
		if (c->part != PART_LIGHTTPD || c == fresh || c->leaving)
			continue;
		c->leaving = true;
		kill(c->pid, SIGINT);
		log_info("lighttpd.renewed", "old=%d new=%d", (int)c->pid, (int)fresh->pid);
	}
}

void renew_lighttpd(struct serve *s)
{
	s->renew = true;
}

int64_t renew_step(struct serve *s, int64_t now_ms)
{
	struct child *c = fresh_one(s);

	if (s->wanted[PART_LIGHTTPD] == 0)
		return INT64_MAX;
	if (!c && s->renew) {
		s->renew = false;
		if (part_start(s, PART_LIGHTTPD, now_ms, true) == ERR_OK)
			c = fresh_one(s);
	}
	if (!c)
		return INT64_MAX;
	if (!has_event_loop(c->pid) && now_ms < c->started_ms + SURELY_MS)
		return now_ms + LOOK_MS;
	retire_others(s, c);
	return s->renew ? now_ms : INT64_MAX;
}
