/* phone_net - TCP and TLS on libev. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

#include "phone_net.h"

#define READ_PIECE  (16 << 10)
#define READ_ROUNDS 4                        /* then the other connections have their turn */
#define OUT_MAX     ((size_t)8 << 20)

enum err net_resolve(struct net_address *a, const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *found;

	if (getaddrinfo(host, port, &hints, &found) != 0)
		return ERR_NOTFOUND;
	memcpy(&a->to, found->ai_addr, found->ai_addrlen);
	a->n = found->ai_addrlen;
	freeaddrinfo(found);
	return ERR_OK;
}

enum err net_tls(SSL_CTX **out, const char *ca_file)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());

	if (!c)
		return ERR_NOMEM;
	SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	if (ca_file ? SSL_CTX_load_verify_locations(c, ca_file, NULL) != 1 : SSL_CTX_set_default_verify_paths(c) != 1) {
		SSL_CTX_free(c);
		return ERR_NOTFOUND;
	}
	*out = c;
	return ERR_OK;
}

static void tear_down(struct net *n)
{
	if (n->state == NET_IDLE)
		return;
	ev_io_stop(n->loop, &n->io);
	SSL_free(n->ssl);
	n->ssl = NULL;
	close(n->fd);
	n->fd = -1;
	n->state = NET_IDLE;
	buf_fini(&n->out);
}

static void lost(struct net *n, enum err e, const char *why)
{
	tear_down(n);
	n->ops->gone(n->arg, e, why);
}

static void lost_errno(struct net *n)
{
	int was = errno;

	lost(n, was == ECONNREFUSED || was == EHOSTUNREACH || was == ENETUNREACH ? ERR_DOWN : ERR_IO, strerror(was));
}

static void lost_tls(struct net *n)
{
	char text[200];
	long verdict = SSL_get_verify_result(n->ssl);

	if (verdict != X509_V_OK)
		snprintf(text, sizeof text, "certificate: %s", X509_verify_cert_error_string(verdict));
	else
		ERR_error_string_n(ERR_peek_last_error(), text, sizeof text);
	ERR_clear_error();
	lost(n, ERR_IO, text);
}

static void watch(struct net *n)
{
	int want = n->deaf ? 0 : EV_READ;

	if (n->state == NET_CONNECT)
		want = EV_WRITE;
	else if (n->tls_wants_write || (n->state == NET_OPEN && n->out.n))
		want |= EV_WRITE;
	if (ev_is_active(&n->io) && want == (n->io.events & (EV_READ | EV_WRITE)))
		return;
	ev_io_stop(n->loop, &n->io);
	ev_io_set(&n->io, n->fd, want);
	if (want)
		ev_io_start(n->loop, &n->io);
}

/* One step of reading or writing: > 0 bytes done, 0 wait for the socket, -1 lost (already told). */
static ssize_t tls_result(struct net *n, int got)
{
	int code = SSL_get_error(n->ssl, got);

	n->tls_wants_write = code == SSL_ERROR_WANT_WRITE;
	if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE)
		return 0;
	if (code == SSL_ERROR_ZERO_RETURN)
		lost(n, ERR_CLOSED, "closed by the other side");
	else if (code == SSL_ERROR_SYSCALL && errno)
		lost_errno(n);
	else
		lost_tls(n);
	return -1;
}

static ssize_t take(struct net *n, char *p, size_t cap)
{
	ssize_t got;

	if (n->ssl) {
		int r = SSL_read(n->ssl, p, (int)cap);

		return r > 0 ? r : tls_result(n, r);
	}
	got = recv(n->fd, p, cap, 0);
	if (got > 0)
		return got;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got == 0)
		lost(n, ERR_CLOSED, "closed by the other side");
	else
		lost_errno(n);
	return -1;
}

static ssize_t give(struct net *n)
{
	ssize_t put;

	if (n->ssl) {
		int r = SSL_write(n->ssl, n->out.p, (int)(n->out.n > READ_PIECE ? READ_PIECE : n->out.n));

		return r > 0 ? r : tls_result(n, r);
	}
	put = send(n->fd, n->out.p, n->out.n, MSG_NOSIGNAL);
	if (put >= 0)
		return put;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	lost_errno(n);
	return -1;
}

static void flush(struct net *n)
{
	ssize_t put = 0;

	while (n->state == NET_OPEN && n->out.n && (put = give(n)) > 0)
		buf_drop(&n->out, (size_t)put);
	if (put >= 0 && n->state != NET_IDLE)
		watch(n);
}

static void on_readable(struct net *n)
{
	static char piece[READ_PIECE];

	for (int round = 0; round < READ_ROUNDS && n->state == NET_OPEN && !n->deaf; round++) {
		ssize_t got = take(n, piece, sizeof piece);

		if (got <= 0)
			break;
		n->ops->data(n->arg, span_of(piece, (size_t)got));
		if (!n->ssl && (size_t)got < sizeof piece)
			break;
	}
	/* TLS may hold bytes that no event will announce. */
	while (n->state == NET_OPEN && n->ssl && !n->deaf && SSL_pending(n->ssl) > 0) {
		ssize_t got = take(n, piece, sizeof piece);

		if (got <= 0)
			break;
		n->ops->data(n->arg, span_of(piece, (size_t)got));
	}
}

static void opened(struct net *n)
{
	n->state = NET_OPEN;
	watch(n);
	n->ops->open(n->arg);
}

static void shake_hands(struct net *n)
{
	int r = SSL_connect(n->ssl);

	if (r == 1) {
		n->tls_wants_write = false;
		opened(n);
	} else if (tls_result(n, r) == 0) {
		watch(n);
	}
}

static void connected(struct net *n)
{
	int err = 0;
	socklen_t len = sizeof err;

	getsockopt(n->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err) {
		errno = err;
		lost_errno(n);
	} else if (n->ssl) {
		n->state = NET_TLS;
		shake_hands(n);
	} else {
		opened(n);
	}
}

static void on_io(struct ev_loop *loop, ev_io *w, int events)
{
	struct net *n = w->data;

	(void)loop;
	if (n->state == NET_CONNECT)
		connected(n);
	else if (n->state == NET_TLS)
		shake_hands(n);
	else {
		if (events & EV_WRITE)
			flush(n);
		if (n->state == NET_OPEN && (events & EV_READ || n->ssl))
			on_readable(n);
		if (n->state == NET_OPEN)
			watch(n);
	}
}

static bool tls_prepare(struct net *n, SSL_CTX *tls, const char *name)
{
	struct in6_addr number;
	bool is_number = inet_pton(AF_INET, name, &number) == 1 || inet_pton(AF_INET6, name, &number) == 1;
	X509_VERIFY_PARAM *param;

	n->ssl = SSL_new(tls);
	if (!n->ssl || SSL_set_fd(n->ssl, n->fd) != 1)
		return false;
	param = SSL_get0_param(n->ssl);
	if (is_number)
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
	return SSL_set_tlsext_host_name(n->ssl, name) == 1 && X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
}

enum err net_open(struct net *n, struct ev_loop *loop, const struct net_address *a, SSL_CTX *tls, const char *name, const struct net_ops *ops, void *arg)
{
	int on = 1;

	*n = (struct net){ .loop = loop, .ops = ops, .arg = arg, .out = BUF_BOUND(OUT_MAX) };
	n->fd = socket(a->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (n->fd < 0)
		return err_errno(errno);
	setsockopt(n->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	n->state = NET_CONNECT;
	ev_io_init(&n->io, on_io, n->fd, EV_WRITE);
	n->io.data = n;
	if ((tls && !tls_prepare(n, tls, name)) || (connect(n->fd, (const struct sockaddr *)&a->to, a->n) != 0 && errno != EINPROGRESS)) {
		enum err e = tls && !n->ssl ? ERR_NOMEM : ERR_DOWN;

		tear_down(n);
		return e;
	}
	ev_io_start(loop, &n->io);
	return ERR_OK;
}

char *net_room(struct net *n, size_t bytes)
{
	return n->state == NET_OPEN ? buf_room(&n->out, bytes) : NULL;
}

void net_wrote(struct net *n, size_t bytes)
{
	bool waiting = n->out.n > 0;
	ssize_t put = 0;

	buf_wrote(&n->out, bytes);
	if (!waiting && !n->ssl)
		put = send(n->fd, n->out.p, n->out.n, MSG_NOSIGNAL);
	if (put > 0)
		buf_drop(&n->out, (size_t)put);
	watch(n);                                 /* what failed here fails again in the loop, where it can be told */
}

void net_send(struct net *n, struct span bytes)
{
	char *room = net_room(n, bytes.n);

	if (!room)
		return;
	memcpy(room, bytes.p, bytes.n);
	net_wrote(n, bytes.n);
}

void net_deaf(struct net *n, bool deaf)
{
	if (n->state != NET_OPEN || n->deaf == deaf)
		return;
	n->deaf = deaf;
	watch(n);
}

void net_close(struct net *n)
{
	if (n->state == NET_OPEN && n->ssl)
		SSL_shutdown(n->ssl);
	tear_down(n);
}

void net_abort(struct net *n)
{
	struct linger reset = { .l_onoff = 1 };

	if (n->state != NET_IDLE)
		setsockopt(n->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	tear_down(n);
}
