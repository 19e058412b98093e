/* tls_front - one loop a thread; each connection is a tunnel between TLS outside and a socket pair inside. */
#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "media-relay/front.h"
#include "media-relay/pool.h"
#include "media-relay/tls_cert.h"
#include "media-relay/tls_front.h"

#define ROOM      16384                  /* one TLS record */
#define PAIR_ROOM (64 << 10)             /* what may lie between us and a worker */
#define CHECK_S   0.25
#define TURNS     8                      /* a tunnel, before the others get theirs */

enum state { SHAKE, REQUEST, OPEN };

struct side {                            /* bytes on their way in one direction */
	char *p;
	size_t from, to;
	bool eof;                        /* nothing more will come */
};

struct lane;

struct tunnel {
	struct lane *lane;
	SSL *ssl;
	int net, pair;
	struct ev_io net_io, pair_io;
	enum state state;
	int64_t until_ms;                /* of handshake and request */
	struct side up, down;            /* from the net, to the net */
	bool want_write, dead;
	struct tunnel *next, *prev;
};

struct lane {                            /* a thread */
	struct tls_front *t;
	pthread_t thread;
	bool running;
	struct ev_loop *loop;
	struct ev_io listen;
	struct ev_async wake;
	struct ev_timer check;
	struct tunnel *tunnels;
	unsigned tunnels_n;
};

struct tls_front {
	struct pool *pool;
	int fd;
	pthread_mutex_t lock;
	SSL_CTX *ctx;
	atomic_bool stopping, dying;
	unsigned lanes_n;
	struct lane lanes[];
};

/* --- the certificate --- */

enum err tls_front_reload(struct tls_front *t, const struct settings *cf, struct buf *why)
{
	SSL_CTX *c, *old;

	if (!t)
		return ERR_OK;
	c = tls_cert_ctx(cf, why);
	if (!c)
		return ERR_VALUE;
	pthread_mutex_lock(&t->lock);
	old = t->ctx;
	t->ctx = c;
	pthread_mutex_unlock(&t->lock);
	SSL_CTX_free(old);
	return ERR_OK;
}

static SSL *ssl_new(struct tls_front *t, int fd)
{
	SSL *s;

	pthread_mutex_lock(&t->lock);
	s = SSL_new(t->ctx);
	pthread_mutex_unlock(&t->lock);
	if (s && SSL_set_fd(s, fd) != 1) {
		SSL_free(s);
		return NULL;
	}
	if (s)
		SSL_set_accept_state(s);
	return s;
}

/* --- tunnels --- */

static void tunnel_free(struct tunnel *t)
{
	struct lane *l = t->lane;

	ev_io_stop(l->loop, &t->net_io);
	ev_io_stop(l->loop, &t->pair_io);
	*(t->prev ? &t->prev->next : &l->tunnels) = t->next;
	if (t->next)
		t->next->prev = t->prev;
	l->tunnels_n--;
	SSL_free(t->ssl);
	close(t->net);
	if (t->pair >= 0)
		close(t->pair);
	free(t->up.p);
	free(t->down.p);
	free(t);
}

/* What SSL says when it did nothing: false = the connection is over. */
static bool ssl_waits(struct tunnel *t, int n)
{
	int e = SSL_get_error(t->ssl, n);

	t->want_write = t->want_write || e == SSL_ERROR_WANT_WRITE;
	ERR_clear_error();
	return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE;
}

static size_t held(const struct side *s)
{
	return s->to - s->from;
}

static void took(struct side *s, size_t n)
{
	s->from += n;
	if (s->from == s->to)
		s->from = s->to = 0;
}

static bool net_read(struct tunnel *t)
{
	int n;

	if (t->up.eof || t->up.to == ROOM)
		return false;
	n = SSL_read(t->ssl, t->up.p + t->up.to, (int)(ROOM - t->up.to));
	if (n > 0)
		t->up.to += (size_t)n;
	else if (!ssl_waits(t, n))
		t->up.eof = true;
	return n > 0;
}

static bool net_write(struct tunnel *t)
{
	int n;

	if (!held(&t->down))
		return false;
	n = SSL_write(t->ssl, t->down.p + t->down.from, (int)held(&t->down));
	if (n > 0)
		took(&t->down, (size_t)n);
	else if (!ssl_waits(t, n))
		t->dead = true;
	return n > 0;
}

static bool pair_read(struct tunnel *t)
{
	ssize_t n;

	if (t->down.eof || t->down.to == ROOM)
		return false;
	n = recv(t->pair, t->down.p + t->down.to, ROOM - t->down.to, MSG_DONTWAIT);
	if (n > 0)
		t->down.to += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		t->down.eof = true;
	return n > 0;
}

static bool pair_write(struct tunnel *t)
{
	ssize_t n;

	if (!held(&t->up))
		return false;
	n = send(t->pair, t->up.p + t->up.from, held(&t->up), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		took(&t->up, (size_t)n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		t->up.eof = t->dead = true;
	return n > 0;
}

static void interest(struct ev_loop *loop, struct ev_io *io, int events)
{
	if (io->fd < 0 || (events == (io->events & (EV_READ | EV_WRITE)) && (events == 0) == !ev_is_active(io)))
		return;
	ev_io_stop(loop, io);
	if (!events)
		return;
	ev_io_set(io, io->fd, events);
	ev_io_start(loop, io);
}

static void watch(struct tunnel *t)
{
	bool open = t->state == OPEN, read_net = !t->up.eof && t->up.to < ROOM;

	interest(t->lane->loop, &t->net_io, (read_net ? EV_READ : 0) | (t->want_write || held(&t->down) ? EV_WRITE : 0));
	if (open)
		interest(t->lane->loop, &t->pair_io,
			 (!t->down.eof && t->down.to < ROOM ? EV_READ : 0) | (held(&t->up) ? EV_WRITE : 0));
}

static void goodbye(struct tunnel *t)
{
	if (!t->dead && t->state != SHAKE)
		SSL_shutdown(t->ssl);
	ERR_clear_error();
	tunnel_free(t);
}

static void pump(struct tunnel *t)
{
	bool moved = true;

	t->want_write = false;
	for (int i = 0; i < TURNS && moved && !t->dead; i++) {
		moved = net_read(t);
		moved = pair_write(t) || moved;
		moved = pair_read(t) || moved;
		moved = net_write(t) || moved;
	}
	if (t->dead || (t->up.eof && !held(&t->up)) || (t->down.eof && !held(&t->down)))
		goodbye(t);
	else
		watch(t);
}

/* --- the beginning --- */

static void refuse(struct tunnel *t, struct span answer)
{
	SSL_write(t->ssl, answer.p, (int)answer.n);
	goodbye(t);
}

static bool give(struct tunnel *t, const uint8_t id[16])
{
	struct pool *p = t->lane->t->pool;
	int pair[2], room = PAIR_ROOM;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	t->pair = pair[0];
	ev_io_set(&t->pair_io, t->pair, 0);
	t->state = OPEN;
	worker_give_socket(p->workers[worker_of(id, p->workers_n)], pair[1]);
	return true;
}

static void request(struct tunnel *t)
{
	uint8_t id[16];
	enum front_verdict v;

	while (net_read(t))
		;
	v = front_request(span_of(t->up.p, t->up.to), id);
	if (v == FRONT_MORE && !t->up.eof)
		watch(t);
	else if (v == FRONT_STREAM && give(t, id))
		pump(t);
	else if (v == FRONT_STREAM || v == FRONT_OTHER)
		refuse(t, SPAN("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
	else
		refuse(t, front_refusal(v));
}

static void shake(struct tunnel *t)
{
	int n = SSL_accept(t->ssl);

	if (n == 1) {
		t->state = REQUEST;
		request(t);
	} else if (ssl_waits(t, n)) {
		watch(t);
	} else {
		log_debug("tls.handshake", "error=failed");
		tunnel_free(t);
	}
}

static void advance(struct tunnel *t)
{
	t->want_write = false;
	if (t->state == SHAKE)
		shake(t);
	else if (t->state == REQUEST)
		request(t);
	else
		pump(t);
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int revents)
{
	(void)loop, (void)revents;
	advance(io->data);
}

static bool tunnel_fill(struct tunnel *t, struct lane *l, int fd)
{
	t->lane = l;
	t->net = fd;
	t->pair = -1;
	t->ssl = ssl_new(l->t, fd);
	t->up.p = malloc(ROOM);
	t->down.p = malloc(ROOM);
	t->until_ms = clock_ms() + FRONT_LINE_MS;
	ev_io_init(&t->net_io, on_io, fd, 0);
	ev_io_init(&t->pair_io, on_io, -1, 0);
	t->net_io.data = t->pair_io.data = t;
	return t->ssl && t->up.p && t->down.p;
}

static void tunnel_new(struct lane *l, int fd)
{
	unsigned most = (unsigned)pool_settings(l->t->pool)->max_calls * 2 + 256;
	struct tunnel *t = l->tunnels_n < most ? calloc(1, sizeof *t) : NULL;

	if (!t) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	t->next = l->tunnels;
	if (t->next)
		t->next->prev = t;
	l->tunnels = t;
	l->tunnels_n++;
	if (tunnel_fill(t, l, fd))
		advance(t);
	else
		tunnel_free(t);
}

static void on_accept(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct lane *l = io->data;
	int fd;

	(void)loop, (void)revents;
	for (int i = 0; i < 16 && (fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0; i++)
		tunnel_new(l, fd);
}

/* --- threads --- */

static void on_check(struct ev_loop *loop, struct ev_timer *timer, int revents)
{
	struct lane *l = timer->data;
	int64_t now = clock_ms();
	struct tunnel *next;

	(void)revents;
	for (struct tunnel *t = l->tunnels; t; t = next) {
		next = t->next;
		if ((t->state != OPEN && now >= t->until_ms) || atomic_load(&l->t->dying))
			tunnel_free(t);
	}
	if (atomic_load(&l->t->stopping) && !l->tunnels)
		ev_break(loop, EVBREAK_ALL);
}

static void on_wake(struct ev_loop *loop, struct ev_async *a, int revents)
{
	struct lane *l = a->data;

	if (atomic_load(&l->t->stopping))
		ev_io_stop(loop, &l->listen);
	on_check(loop, &l->check, revents);
}

static void *lane_main(void *arg)
{
	ev_run(((struct lane *)arg)->loop, 0);
	return NULL;
}

static bool lane_start(struct lane *l, struct tls_front *t)
{
	l->t = t;
	l->loop = ev_loop_new(EVFLAG_NOSIGMASK | EVFLAG_NOENV);
	if (!l->loop)
		return false;
	ev_io_init(&l->listen, on_accept, t->fd, EV_READ);
	ev_async_init(&l->wake, on_wake);
	ev_timer_init(&l->check, on_check, CHECK_S, CHECK_S);
	l->listen.data = l->wake.data = l->check.data = l;
	ev_io_start(l->loop, &l->listen);
	ev_async_start(l->loop, &l->wake);
	ev_timer_start(l->loop, &l->check);
	l->running = pthread_create(&l->thread, NULL, lane_main, l) == 0;
	return l->running;
}

static void lanes_wake(struct tls_front *t)
{
	for (unsigned i = 0; i < t->lanes_n; i++)
		if (t->lanes[i].loop)
			ev_async_send(t->lanes[i].loop, &t->lanes[i].wake);
}

void tls_front_stop(struct tls_front *t)
{
	if (!t)
		return;
	atomic_store(&t->stopping, true);
	lanes_wake(t);
}

/* The workers have ended, and so have the streams: what is left here are unfinished handshakes and last bytes. */
void tls_front_free(struct tls_front *t)
{
	if (!t)
		return;
	tls_front_stop(t);
	atomic_store(&t->dying, true);
	lanes_wake(t);
	for (unsigned i = 0; i < t->lanes_n; i++) {
		struct lane *l = &t->lanes[i];

		if (l->running)
			pthread_join(l->thread, NULL);
		if (l->loop)
			ev_loop_destroy(l->loop);
	}
	if (t->fd >= 0)
		close(t->fd);
	SSL_CTX_free(t->ctx);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

enum err tls_front_start(struct tls_front **out, struct pool *p, int fd, const struct settings *cf, struct buf *why)
{
	unsigned n = p->workers_n > 1 ? p->workers_n / 2 : 1;
	struct tls_front *t = calloc(1, sizeof *t + n * sizeof(struct lane));
	bool ok = true;

	if (!t)
		return ERR_NOMEM;
	pthread_mutex_init(&t->lock, NULL);
	t->pool = p;
	t->fd = -1;
	t->ctx = tls_cert_ctx(cf, why);
	if (!t->ctx) {
		tls_front_free(t);
		return ERR_VALUE;
	}
	t->fd = fd;
	for (unsigned i = 0; i < n && ok; i++) {
		t->lanes_n++;
		ok = lane_start(&t->lanes[i], t);
	}
	if (ok) {
		*out = t;
		return ERR_OK;
	}
	t->fd = -1;                      /* stays the caller's */
	tls_front_free(t);
	buf_addz(why, "cannot start the TLS threads");
	return ERR_NOMEM;
}
