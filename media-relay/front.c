/*
 * front - accept, look, hand over. Plain epoll rather than libev: a descriptor must be out of our set before it is another thread's, and libev leaves
 * it in until the kernel says something about it. Descriptors are never kept longer than their first line takes.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control.h"
#include "media-relay/announce.h"
#include "media-relay/front.h"
#include "media-relay/pool.h"

#define CHECK_MS    50                   /* half a line that lies in the socket keeps it readable: look again later instead of at once */
#define LAST_MS     1000                 /* connections in hand when stopping */
#define ACCEPT_MAX  64                   /* a turn, so that a flood does not keep those in hand waiting */
#define EVENTS      64

enum kind { CONTROL, MEDIA, WAKE };

struct source {                          /* what an event is about: a listener, the wake-up, or a guest, of which this is the first member */
	int fd;
	enum kind kind;
	bool is_guest;
};

struct guest {
	struct source src;
	struct front *f;
	bool watched;
	int64_t until_ms;
	struct buf line;                 /* control */
	struct guest *next, *prev;
};

struct front {
	struct pool *pool;
	int ep;
	struct source listen[2], wake;   /* by kind */
	struct guest *guests;
	unsigned guests_n;
	int64_t stop_by;                 /* 0: not stopping */
	bool full;                       /* no descriptors left: accepting rests for a moment */
};

static bool watch(struct front *f, struct source *s, bool on)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = s };

	return s->fd >= 0 && epoll_ctl(f->ep, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, s->fd, &e) == 0;
}

/* The descriptor, out of our hands. */
static int guest_release(struct guest *g)
{
	int fd = g->src.fd;

	if (g->watched)
		watch(g->f, &g->src, false);
	g->watched = false;
	g->src.fd = -1;
	return fd;
}

static void guest_free(struct guest *g)
{
	struct front *f = g->f;
	int fd = guest_release(g);

	*(g->prev ? &g->prev->next : &f->guests) = g->next;
	if (g->next)
		g->next->prev = g->prev;
	f->guests_n--;
	if (fd >= 0)
		close(fd);
	buf_fini(&g->line);
	free(g);
}

/* --- media --- */

static struct worker *owner(struct pool *p, const uint8_t id[16])
{
	return p->workers[worker_of(id, p->workers_n)];
}

static void hand_over(struct guest *g, struct worker *w)
{
	int fd = guest_release(g);

	guest_free(g);
	worker_give_socket(w, fd);
}

static void turn_away(struct guest *g, enum front_verdict v)
{
	struct span s = front_refusal(v);

	if (send(g->src.fd, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("front.refused", "error=lost");
	guest_free(g);
}

static void media_look(struct guest *g)
{
	struct pool *p = g->f->pool;
	char head[FRONT_LINE_MAX];
	ssize_t n = recv(g->src.fd, head, sizeof head, MSG_PEEK | MSG_DONTWAIT);
	uint8_t id[16];
	enum front_verdict v;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		guest_free(g);
		return;
	}
	v = front_request(span_of(head, (size_t)n), id);
	if (v == FRONT_STREAM)
		hand_over(g, owner(p, id));
	else if (v == FRONT_OTHER)
		hand_over(g, p->workers[0]);
	else if (v != FRONT_MORE)
		turn_away(g, v);
	else if (g->watched)
		g->watched = !watch(g->f, &g->src, false);
}

/* --- control --- */

static void answer_health(struct guest *g)
{
	struct buf b = BUF_INIT;
	int fd = guest_release(g);

	pool_health(g->f->pool, &b);
	announce_reply(fd, buf_z(&b));
	buf_fini(&b);
}

static void control_run(struct guest *g, struct span line)
{
	struct pool *p = g->f->pool;
	struct control_request r;
	struct json_object *o = NULL;
	uint8_t id[16];
	enum err e = control_parse(line, &r, &o);

	if (!e && strcmp(r.op, "health") == 0) {
		answer_health(g);
	} else if (!e && uuid_parse(r.session_id, id)) {
		worker_give_control(owner(p, id), guest_release(g), line);
	} else {
		announce_reply(guest_release(g), "{\"ok\":false,\"reason\":\"unknown\"}");
	}
	json_object_put(o);
	guest_free(g);
}

static void control_look(struct guest *g)
{
	char *room = buf_room(&g->line, 1024), *end;
	ssize_t n = room ? recv(g->src.fd, room, 1024, MSG_DONTWAIT) : 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		guest_free(g);
		return;
	}
	buf_wrote(&g->line, (size_t)n);
	end = memchr(g->line.p, '\n', g->line.n);
	if (end)
		control_run(g, span_of(g->line.p, (size_t)(end - g->line.p)));
}

static void look(struct guest *g)
{
	if (g->src.kind == CONTROL)
		control_look(g);
	else
		media_look(g);
}

/* --- accepting --- */

static void guest_new(struct front *f, enum kind kind, int fd)
{
	struct guest *g = f->guests_n < FRONT_GUESTS ? calloc(1, sizeof *g) : NULL;

	if (!g) {
		close(fd);
		return;
	}
	*g = (struct guest){ .src = { fd, kind, true }, .f = f, .until_ms = clock_ms() + FRONT_LINE_MS, .line = BUF_BOUND(CONTROL_LINE_MAX + 1024) };
	if (kind == MEDIA)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	g->next = f->guests;
	if (g->next)
		g->next->prev = g;
	f->guests = g;
	f->guests_n++;
	g->watched = watch(f, &g->src, true);
	look(g);
}

static void accepting(struct front *f, bool on)
{
	for (int k = 0; k < 2; k++)
		watch(f, &f->listen[k], on);
}

static void accept_some(struct front *f, const struct source *s)
{
	for (int i = 0; i < ACCEPT_MAX; i++) {
		int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			guest_new(f, s->kind, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			log_error("front.accept", "error=%s", err_name(err_errno(errno)));
			f->full = true;
			accepting(f, false);
		}
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

/* --- the loop --- */

static void close_listeners(struct front *f)
{
	accepting(f, false);
	for (int k = 0; k < 2; k++) {
		if (f->listen[k].fd >= 0)
			close(f->listen[k].fd);
		f->listen[k].fd = -1;
	}
}

static void stop_now(struct front *f)
{
	if (f->stop_by)
		return;
	close_listeners(f);
	f->stop_by = clock_ms() + LAST_MS;
}

static void guests_check(struct front *f, int64_t now)
{
	struct guest *next;

	for (struct guest *g = f->guests; g; g = next) {
		next = g->next;
		if (now >= g->until_ms)
			guest_free(g);
		else if (!g->watched)
			look(g);
	}
	if (f->full && !f->stop_by)
		accepting(f, true);
	f->full = false;
}

static void event(struct front *f, struct source *s)
{
	uint64_t n;

	if (s->is_guest)
		look((struct guest *)s);
	else if (s->kind != WAKE)
		accept_some(f, s);
	else if (read(s->fd, &n, sizeof n) == sizeof n)
		stop_now(f);
}

void front_stop(struct front *f)
{
	uint64_t one = 1;

	if (write(f->wake.fd, &one, sizeof one) != sizeof one)
		log_error("front.stop", "error=%s", err_name(err_errno(errno)));
}

void front_run(struct front *f)
{
	struct epoll_event e[EVENTS];
	int64_t check = 0;

	accepting(f, true);
	while (!f->stop_by || (f->guests && clock_ms() < f->stop_by)) {
		int n = epoll_wait(f->ep, e, EVENTS, f->guests || f->full ? CHECK_MS : -1);

		for (int i = 0; i < n; i++)
			event(f, e[i].data.ptr);
		if (clock_ms() < check)
			continue;
		check = clock_ms() + CHECK_MS;
		guests_check(f, clock_ms());
	}
}

enum err front_new(struct front **out, struct pool *p, int control_fd, int media_fd)
{
	struct front *f = calloc(1, sizeof *f);

	if (!f)
		return ERR_NOMEM;
	f->pool = p;
	f->ep = epoll_create1(EPOLL_CLOEXEC);
	f->wake = (struct source){ eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), WAKE, false };
	f->listen[CONTROL] = f->listen[MEDIA] = (struct source){ -1, CONTROL, false };
	if (f->ep < 0 || !watch(f, &f->wake, true)) {
		front_free(f);
		return ERR_IO;
	}
	f->listen[CONTROL] = (struct source){ control_fd, CONTROL, false };
	f->listen[MEDIA] = (struct source){ media_fd, MEDIA, false };
	*out = f;
	return ERR_OK;
}

void front_free(struct front *f)
{
	if (!f)
		return;
	while (f->guests)
		guest_free(f->guests);
	close_listeners(f);
	if (f->wake.fd >= 0)
		close(f->wake.fd);
	if (f->ep >= 0)
		close(f->ep);
	free(f);
}
