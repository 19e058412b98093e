/*
 * peer - a WebSocket peer for tests, blocking, with every wait bounded: client or server, plain or TLS, well-behaved or not (bytes are sent as given).
 * A third reading of RFC 6455 beside the library's and the simulator's, in as few lines as will do.
 */
#ifndef OFFHOOK_TEST_PEER_H
#define OFFHOOK_TEST_PEER_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/b64.h"
#include "base/buf.h"

enum { OP_CONT = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10, OP_EOF = -1, OP_NOTHING = -2 };
#define FIN 0x80

struct peer {
	int fd;
	SSL *ssl;
	bool masks;                      /* clients do */
	struct buf in;
	char head[2048];                 /* the request or the answer of the upgrade */
};

static inline int64_t peer_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline void peer_close(struct peer *p)
{
	SSL_free(p->ssl);
	if (p->fd >= 0)
		close(p->fd);
	buf_fini(&p->in);
	*p = (struct peer){ .fd = -1 };
}

static inline bool peer_wait(struct peer *p, short events, int64_t until)
{
	struct pollfd f = { .fd = p->fd, .events = events };
	int64_t left = until - peer_ms();

	return (p->ssl && events == POLLIN && SSL_pending(p->ssl)) || poll(&f, 1, left > 0 ? (int)left : 0) > 0;
}

/* Everything, or false after 10 s. */
static inline bool peer_write(struct peer *p, const void *bytes, size_t n)
{
	const char *at = bytes;
	int64_t until = peer_ms() + 10000;

	while (n) {
		ssize_t w = p->ssl ? SSL_write(p->ssl, at, (int)n) : send(p->fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (w > 0) {
			at += w;
			n -= (size_t)w;
		} else if (p->ssl || (errno != EAGAIN && errno != EINTR) || !peer_wait(p, POLLOUT, until)) {
			return false;
		}
	}
	return true;
}

/* 1 something came, 0 time is over, -1 the end. */
static inline int peer_fill(struct peer *p, int64_t until)
{
	char piece[16384];
	ssize_t n;

	if (!peer_wait(p, POLLIN, until))
		return 0;
	n = p->ssl ? SSL_read(p->ssl, piece, sizeof piece) : recv(p->fd, piece, sizeof piece, 0);
	if (n <= 0)
		return -1;
	buf_add(&p->in, span_of(piece, (size_t)n));
	return 1;
}

/* The head of an HTTP message into p->head; what follows stays in p->in. */
static inline bool peer_head(struct peer *p, int timeout_ms)
{
	int64_t until = peer_ms() + timeout_ms;
	const char *end = NULL;

	while (!(end = p->in.n ? memmem(p->in.p, p->in.n, "\r\n\r\n", 4) : NULL))
		if (peer_fill(p, until) <= 0)
			return false;
	size_t n = (size_t)(end - p->in.p) + 4;
	span_copy(p->head, sizeof p->head, span_of(p->in.p, n < sizeof p->head ? n : sizeof p->head - 1));
	buf_drop(&p->in, n);
	return true;
}

/* --- frames --- */

static inline bool peer_frame(struct peer *p, int first, const void *bytes, size_t n)
{
	static const uint8_t key[4] = { 1, 2, 3, 4 };
	struct buf f = BUF_BOUND((size_t)64 << 20);
	uint8_t mask = p->masks ? 0x80 : 0;
	char *room;
	bool ok;

	buf_addc(&f, (char)first);
	if (n < 126) {
		buf_addc(&f, (char)(mask | n));
	} else if (n < 65536) {
		buf_addc(&f, (char)(mask | 126));
		buf_addc(&f, (char)(n >> 8));
		buf_addc(&f, (char)n);
	} else {
		buf_addc(&f, (char)(mask | 127));
		for (int i = 7; i >= 0; i--)
			buf_addc(&f, (char)((uint64_t)n >> (8 * i)));
	}
	if (mask)
		buf_add(&f, span_of(key, 4));
	room = buf_room(&f, n);
	for (size_t i = 0; i < n; i++)
		room[i] = (char)(((const uint8_t *)bytes)[i] ^ (mask ? key[i & 3] : 0));
	buf_wrote(&f, n);
	ok = peer_write(p, f.p, f.n);
	buf_fini(&f);
	return ok;
}

static inline bool peer_text(struct peer *p, const char *text)
{
	return peer_frame(p, FIN | OP_TEXT, text, strlen(text));
}

static inline bool peer_bye(struct peer *p, unsigned code)
{
	uint8_t b[2] = { (uint8_t)(code >> 8), (uint8_t)code };

	return peer_frame(p, FIN | OP_CLOSE, b, 2);
}

/* One whole frame in p->in? Its length with the head, and where the payload lies. */
static inline bool frame_whole(const struct buf *in, size_t *head, size_t *n)
{
	const uint8_t *b = (const uint8_t *)in->p;

	if (in->n < 2)
		return false;
	*n = b[1] & 0x7f;
	*head = 2 + (*n == 126 ? 2u : *n == 127 ? 8u : 0u) + (b[1] & 0x80 ? 4u : 0u);
	if (in->n < *head)
		return false;
	if (*n == 126)
		*n = (size_t)b[2] << 8 | b[3];
	else if (*n == 127)
		*n = (size_t)b[6] << 24 | (size_t)b[7] << 16 | (size_t)b[8] << 8 | b[9];
	return in->n >= *head + *n;
}

/* The next frame: its opcode, OP_EOF or OP_NOTHING. Fragments come one by one. Pings are answered unless `rude`. */
static inline int peer_next(struct peer *p, int timeout_ms, bool rude, struct buf *out)
{
	int64_t until = peer_ms() + timeout_ms;
	size_t head, n;
	int op, got;

	for (;;) {
		while (!frame_whole(&p->in, &head, &n))
			if ((got = peer_fill(p, until)) <= 0)
				return got ? OP_EOF : OP_NOTHING;
		op = p->in.p[0] & 0x0f;
		buf_reset(out);
		buf_add(out, span_of(p->in.p + head, n));
		if (p->in.p[1] & 0x80)
			for (size_t i = 0; i < n; i++)
				out->p[i] ^= p->in.p[head - 4 + (i & 3)];
		buf_drop(&p->in, head + n);
		if (op != OP_PING || rude)
			return op;
		peer_frame(p, FIN | OP_PONG, out->p, out->n);
	}
}

/* The next text message; false when none comes in time or the connection ends. */
static inline bool peer_message(struct peer *p, int timeout_ms, struct buf *out)
{
	return peer_next(p, timeout_ms, false, out) == OP_TEXT;
}

/* Reads until the close frame; its code, 0 when the connection just ends, -1 when nothing of it in time. */
static inline int peer_closed(struct peer *p, int timeout_ms)
{
	int64_t until = peer_ms() + timeout_ms;
	struct buf b = BUF_INIT;
	int op, code = -1;

	while ((op = peer_next(p, (int)(until - peer_ms()), false, &b)) != OP_NOTHING) {
		if (op == OP_EOF)
			code = 0;
		else if (op == OP_CLOSE)
			code = b.n >= 2 ? (uint8_t)b.p[0] << 8 | (uint8_t)b.p[1] : 1005;
		if (op == OP_EOF || op == OP_CLOSE)
			break;
	}
	buf_fini(&b);
	return code;
}

/* --- beginning --- */

static inline bool peer_dial(struct peer *p, int port, int rcvbuf)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = { htonl(INADDR_LOOPBACK) } };

	*p = (struct peer){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .masks = true };
	if (rcvbuf)
		setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
	if (connect(p->fd, (struct sockaddr *)&a, sizeof a) != 0) {
		peer_close(p);
		return false;
	}
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	return true;
}

/* The HTTP status of the answer; 0 when there is none. */
static inline int peer_ask(struct peer *p, const char *path, const char *headers)
{
	struct buf b = BUF_INIT;
	int status = 0;

	buf_printf(&b, "GET %s HTTP/1.1\r\nhost: relay.test\r\nuser-agent: Twilio.TmeWs/1.0\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
		       "sec-websocket-version: 13\r\nsec-websocket-key: AAECAwQFBgcICQoLDA0ODw==\r\n%s\r\n", path, headers ? headers : "");
	if (peer_write(p, b.p, b.n) && peer_head(p, 5000))
		sscanf(p->head, "HTTP/1.%*d %d", &status);
	buf_fini(&b);
	return status;
}

static inline const char *peer_header(struct peer *p, const char *name, char out[256])
{
	const char *at = strcasestr(p->head, name), *end = at ? strstr(at, "\r\n") : NULL;

	*out = '\0';
	if (end && at[strlen(name)] == ':')
		span_copy(out, 256, span_trim(span_of(at + strlen(name) + 1, (size_t)(end - at) - strlen(name) - 1)));
	return out;
}

/* The server's half: the request is in p->head afterwards. */
static inline bool peer_accept(struct peer *p, int listener, SSL_CTX *tls, int timeout_ms)
{
	struct pollfd f = { .fd = listener, .events = POLLIN };

	*p = (struct peer){ .fd = -1 };
	if (poll(&f, 1, timeout_ms) <= 0)
		return false;
	p->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (tls) {
		p->ssl = SSL_new(tls);
		SSL_set_fd(p->ssl, p->fd);
		if (SSL_accept(p->ssl) != 1) {
			peer_close(p);
			return false;
		}
	}
	return peer_head(p, timeout_ms);
}

static inline bool peer_welcome(struct peer *p)
{
	char key[256], text[400];
	unsigned char digest[20], accept[B64_ENCODED(20) + 1] = "";

	peer_header(p, "sec-websocket-key", key);
	snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	SHA1((unsigned char *)text, strlen(text), digest);
	b64_encode((char *)accept, digest, 20);
	snprintf(text, sizeof text, "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: %s\r\n\r\n",
		 accept);
	return peer_write(p, text, strlen(text));
}

static inline int peer_listen(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&a, n) != 0 || listen(fd, 1024) != 0 || getsockname(fd, (struct sockaddr *)&a, &n) != 0)
		return -1;
	*port = ntohs(a.sin_port);
	return fd;
}

#endif
