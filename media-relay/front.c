/* front - accept, look, hand over. A loop of its own; descriptors are never kept longer than their first line takes. */
#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
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

enum guest_kind { CONTROL, MEDIA };

struct guest {
	struct front *f;
	int fd;
	enum guest_kind kind;
	struct ev_io io;
	int64_t until_ms;
	struct buf line;                 /* control */
	struct guest *next, *prev;
};

struct front {
	struct pool *pool;
	struct ev_loop *loop;
	struct ev_io listen[2];          /* by guest_kind */
	struct ev_async stop;
	struct ev_timer check;
	struct guest *guests;
	unsigned guests_n;
	int64_t stop_by;                 /* 0: not stopping */
	bool full;                       /* no descriptors left: accepting rests for a moment */
};

static void guest_free(struct guest *g)
{
	struct front *f = g->f;

	ev_io_stop(f->loop, &g->io);
	*(g->prev ? &g->prev->next : &f->guests) = g->next;
	if (g->next)
		g->next->prev = g->prev;
	f->guests_n--;
	if (g->fd >= 0)
		close(g->fd);
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
	int fd = g->fd;

	g->fd = -1;
	guest_free(g);
	worker_give_socket(w, fd);
}

static void turn_away(struct guest *g, enum front_verdict v)
{
	struct span s = front_refusal(v);

	if (send(g->fd, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("front.refused", "error=lost");
	guest_free(g);
}

static void media_look(struct guest *g)
{
	struct pool *p = g->f->pool;
	char head[FRONT_LINE_MAX];
	ssize_t n = recv(g->fd, head, sizeof head, MSG_PEEK | MSG_DONTWAIT);
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
	else if (v == FRONT_MORE)
		ev_io_stop(g->f->loop, &g->io);
	else
		turn_away(g, v);
}

/* --- control --- */

static void answer_health(struct guest *g)
{
	struct buf b = BUF_INIT;
	int fd = g->fd;

	g->fd = -1;
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
		worker_give_control(owner(p, id), g->fd, line);
		g->fd = -1;
	} else {
		announce_reply(g->fd, "{\"ok\":false,\"reason\":\"unknown\"}");
		g->fd = -1;
	}
	json_object_put(o);
	guest_free(g);
}

static void control_look(struct guest *g)
{
	char *room = buf_room(&g->line, 1024), *end;
	ssize_t n = room ? recv(g->fd, room, 1024, MSG_DONTWAIT) : 0;

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
	if (g->kind == CONTROL)
		control_look(g);
	else
		media_look(g);
}

static void on_guest(struct ev_loop *loop, struct ev_io *io, int revents)
{
	(void)loop, (void)revents;
	look(io->data);
}

/* --- accepting --- */

static void guest_new(struct front *f, enum guest_kind kind, int fd)
{
	struct guest *g = f->guests_n < FRONT_GUESTS ? calloc(1, sizeof *g) : NULL;

	if (!g) {
		close(fd);
		return;
	}
	*g = (struct guest){ .f = f, .fd = fd, .kind = kind, .until_ms = clock_ms() + FRONT_LINE_MS, .line = BUF_BOUND(CONTROL_LINE_MAX + 1024) };
	if (kind == MEDIA)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	ev_io_init(&g->io, on_guest, fd, EV_READ);
	g->io.data = g;
	g->next = f->guests;
	if (g->next)
		g->next->prev = g;
	f->guests = g;
	f->guests_n++;
	ev_io_start(f->loop, &g->io);
	look(g);
}

static void accepting(struct front *f, bool on)
{
	for (int k = 0; k < 2; k++) {
		if (f->listen[k].fd < 0)
			continue;
		if (on)
			ev_io_start(f->loop, &f->listen[k]);
		else
			ev_io_stop(f->loop, &f->listen[k]);
	}
}

static void on_accept(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct front *f = io->data;
	enum guest_kind kind = io == &f->listen[CONTROL] ? CONTROL : MEDIA;

	(void)loop, (void)revents;
	for (int i = 0; i < ACCEPT_MAX; i++) {
		int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			guest_new(f, kind, fd);
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

/* --- time, the end --- */

static void close_listeners(struct front *f)
{
	accepting(f, false);
	for (int k = 0; k < 2; k++) {
		if (f->listen[k].fd >= 0)
			close(f->listen[k].fd);
		f->listen[k].fd = -1;
	}
}

static void on_stop(struct ev_loop *loop, struct ev_async *a, int revents)
{
	struct front *f = a->data;

	(void)revents;
	close_listeners(f);
	f->stop_by = clock_ms() + LAST_MS;
	if (!f->guests)
		ev_break(loop, EVBREAK_ALL);
}

static void on_check(struct ev_loop *loop, struct ev_timer *t, int revents)
{
	struct front *f = t->data;
	int64_t now = clock_ms();
	struct guest *next;

	(void)revents;
	for (struct guest *g = f->guests; g; g = next) {
		next = g->next;
		if (now >= g->until_ms)
			guest_free(g);
		else if (!ev_is_active(&g->io))
			look(g);
	}
	if (f->full && !f->stop_by)
		accepting(f, true);
	f->full = false;
	if (f->stop_by && (!f->guests || now >= f->stop_by))
		ev_break(loop, EVBREAK_ALL);
}

void front_stop(struct front *f)
{
	ev_async_send(f->loop, &f->stop);
}

void front_run(struct front *f)
{
	accepting(f, true);
	ev_run(f->loop, 0);
}

enum err front_new(struct front **out, struct pool *p, int control_fd, int media_fd)
{
	struct front *f = calloc(1, sizeof *f);

	if (!f)
		return ERR_NOMEM;
	f->pool = p;
	f->loop = ev_loop_new(EVFLAG_NOSIGMASK | EVFLAG_NOENV);
	if (!f->loop) {
		free(f);
		return ERR_NOMEM;
	}
	ev_io_init(&f->listen[CONTROL], on_accept, control_fd, EV_READ);
	ev_io_init(&f->listen[MEDIA], on_accept, media_fd, EV_READ);
	f->listen[CONTROL].data = f->listen[MEDIA].data = f;
	ev_async_init(&f->stop, on_stop);
	ev_timer_init(&f->check, on_check, CHECK_MS / 1000.0, CHECK_MS / 1000.0);
	f->stop.data = f->check.data = f;
	ev_async_start(f->loop, &f->stop);
	ev_timer_start(f->loop, &f->check);
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
	ev_async_stop(f->loop, &f->stop);
	ev_timer_stop(f->loop, &f->check);
	ev_loop_destroy(f->loop);
	free(f);
}
