#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/b64.h"
#include "base/clock.h"
#include "model_client.h"

#define MESSAGE_MAX ((size_t)300 << 20)
#define OP_CONT  0
#define OP_TEXT  1
#define OP_CLOSE 8
#define OP_PING  9
#define OP_PONG  10
#define FIN      0x80u

/* --- bytes --- */

static enum err io_write(struct model_client *c, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = c->ssl ? SSL_write(c->ssl, p, (int)(n < 65536 ? n : 65536)) : send(c->fd, p, n, MSG_NOSIGNAL);

		if (k <= 0)
			return ERR_CLOSED;
		p += k;
		n -= (size_t)k;
	}
	return ERR_OK;
}

/* Some more bytes into `in`: 1 = came, 0 = time is up, -1 = the end. */
static int io_more(struct model_client *c, int64_t deadline)
{
	struct pollfd pf = { c->fd, POLLIN, 0 };
	char *room = buf_room(&c->in, 65536);
	int64_t left = deadline - clock_ms();
	ssize_t n;

	if (!room)
		return -1;
	if (!c->ssl || SSL_pending(c->ssl) == 0) {
		int rc = poll(&pf, 1, left > 0 ? (int)left : 0);

		if (rc <= 0)
			return rc < 0 && errno != EINTR ? -1 : 0;
	}
	n = c->ssl ? SSL_read(c->ssl, room, 65536) : recv(c->fd, room, 65536, 0);
	if (n <= 0)
		return -1;
	buf_wrote(&c->in, (size_t)n);
	return 1;
}

/* n bytes that are not done yet lie in `in`. */
static int need(struct model_client *c, size_t n, int64_t deadline)
{
	int rc = 1;

	if (c->used > 65536) {
		buf_drop(&c->in, c->used);
		c->used = 0;
	}
	while (rc > 0 && c->in.n - c->used < n)
		rc = io_more(c, deadline);
	return rc;
}

/* --- connecting --- */

static enum err tcp_open(int *fd, const struct model_client_to *to, struct buf *why)
{
	struct addrinfo want = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	int rc = getaddrinfo(to->host, to->port, &want, &list), on = 1;

	*fd = -1;
	for (struct addrinfo *a = list; !rc && a && *fd < 0; a = a->ai_next) {
		*fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (*fd >= 0 && connect(*fd, a->ai_addr, a->ai_addrlen) < 0) {
			close(*fd);
			*fd = -1;
		}
	}
	if (list)
		freeaddrinfo(list);
	if (*fd < 0) {
		buf_printf(why, "%s:%s: cannot connect", to->host, to->port);
		return ERR_DOWN;
	}
	setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return ERR_OK;
}

static bool expect_name(SSL *ssl, const char *name)
{
	X509_VERIFY_PARAM *p = SSL_get0_param(ssl);

	SSL_set_tlsext_host_name(ssl, name);
	return X509_VERIFY_PARAM_set1_ip_asc(p, name) == 1 || SSL_set1_host(ssl, name) == 1;
}

static enum err tls_open(struct model_client *c, const struct model_client_to *to, struct buf *why)
{
	static const unsigned char alpn[] = "\x08http/1.1";
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl;

	c->ctx = ctx;
	if (!ctx || SSL_CTX_load_verify_locations(ctx, to->ca_file, NULL) != 1)
		return ERR_CRYPTO;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_alpn_protos(ctx, alpn, sizeof alpn - 1);
	c->ssl = ssl = SSL_new(ctx);
	if (!ssl || !expect_name(ssl, to->name ? to->name : to->host) || SSL_set_fd(ssl, c->fd) != 1)
		return ERR_CRYPTO;
	if (SSL_connect(ssl) == 1)
		return ERR_OK;
	buf_addz(why, SSL_get_verify_result(ssl) != X509_V_OK ? X509_verify_cert_error_string(SSL_get_verify_result(ssl)) : "TLS handshake failed");
	return ERR_DOWN;
}

static enum err ask(struct model_client *c, const struct model_client_to *to)
{
	struct buf b = BUF_INIT;
	uint8_t nonce[16];
	char key[B64_ENCODED(16) + 1] = "";
	enum err e = random_bytes(nonce, sizeof nonce);

	b64_encode(key, nonce, sizeof nonce);
	buf_printf(&b, "GET %s HTTP/1.1\r\nHost: %s:%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", to->path, to->host, to->port);
	buf_printf(&b, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n", key);
	if (to->key)
		buf_printf(&b, "Authorization: Bearer %s\r\n", to->key);
	if (to->header)
		buf_printf(&b, "%s\r\n", to->header);
	buf_addz(&b, "\r\n");
	e = e ? e : b.err ? b.err : io_write(c, b.p, b.n);
	buf_fini(&b);
	return e;
}

static enum err answer(struct model_client *c, int timeout_ms, struct buf *why)
{
	int64_t deadline = clock_ms() + (timeout_ms ? timeout_ms : 10000);
	const char *end = NULL;

	while (!end) {
		if (need(c, c->in.n + 1, deadline) <= 0) {
			buf_addz(why, "no answer to the upgrade");
			return ERR_DOWN;
		}
		end = memmem(c->in.p, c->in.n, "\r\n\r\n", 4);
	}
	if (c->in.n > 12)
		c->status = atoi(c->in.p + 9);
	c->used = (size_t)(end + 4 - c->in.p);
	if (c->status == 101)
		return ERR_OK;
	buf_printf(why, "upgrade refused: %d", c->status);
	return ERR_DENIED;
}

enum err model_client_open(struct model_client *c, const struct model_client_to *to, struct buf *why)
{
	enum err e;

	*c = (struct model_client){ .fd = -1, .in = BUF_BOUND(MESSAGE_MAX), .message = BUF_BOUND(MESSAGE_MAX) };
	e = tcp_open(&c->fd, to, why);
	if (!e && to->ca_file)
		e = tls_open(c, to, why);
	if (!e)
		e = ask(c, to);
	if (!e)
		e = answer(c, to->timeout_ms, why);
	if (e)
		model_client_fini(c);
	return e;
}

/* --- frames --- */

enum err model_client_frame(struct model_client *c, unsigned first_byte, struct span payload)
{
	struct buf b = BUF_BOUND(MESSAGE_MAX);
	uint8_t mask[4];
	enum err e = random_bytes(mask, sizeof mask);

	buf_addc(&b, (char)first_byte);
	if (payload.n < 126)
		buf_addc(&b, (char)(0x80 | payload.n));
	else
		buf_addc(&b, (char)(payload.n < 65536 ? 0xFE : 0xFF));
	for (int shift = payload.n < 126 ? -8 : payload.n < 65536 ? 8 : 56; shift >= 0; shift -= 8)
		buf_addc(&b, (char)((uint64_t)payload.n >> shift));
	buf_add(&b, span_of(mask, 4));
	for (size_t i = 0; i < payload.n; i++)
		buf_addc(&b, (char)(payload.p[i] ^ mask[i % 4]));
	e = e ? e : b.err ? b.err : io_write(c, b.p, b.n);
	buf_fini(&b);
	return e;
}

enum err model_client_send(struct model_client *c, struct span text)
{
	return model_client_frame(c, FIN | OP_TEXT, text);
}

static void note_close(struct model_client *c, struct span payload)
{
	c->close_code = payload.n >= 2 ? (uint8_t)payload.p[0] << 8 | (uint8_t)payload.p[1] : 1005;
	span_copy(c->close_reason, sizeof c->close_reason, span_skip(payload, 2));
}

/* A whole frame lies at in.p + used: its first byte and payload. Servers do not mask. */
static int frame_get(struct model_client *c, int64_t deadline, uint8_t *first, struct span *payload)
{
	int rc = need(c, 2, deadline);
	uint64_t n;
	size_t head, more;
	const uint8_t *p;

	if (rc <= 0)
		return rc;
	n = (uint8_t)c->in.p[c->used + 1] & 0x7F;
	more = n == 126 ? 2 : n == 127 ? 8 : 0;
	head = 2 + more;
	rc = need(c, head, deadline);
	if (rc <= 0)
		return rc;
	p = (const uint8_t *)c->in.p + c->used;
	n = more ? 0 : n;
	for (size_t i = 0; i < more; i++)
		n = n << 8 | p[2 + i];
	if (n > MESSAGE_MAX)
		return -1;
	rc = need(c, head + n, deadline);
	if (rc <= 0)
		return rc;
	*first = (uint8_t)c->in.p[c->used];
	*payload = span_of(c->in.p + c->used + head, (size_t)n);
	c->used += head + (size_t)n;
	return 1;
}

enum client_got model_client_get(struct model_client *c, int timeout_ms, struct span *text)
{
	int64_t deadline = clock_ms() + timeout_ms;
	struct span payload;
	uint8_t first;
	int rc;

	if (c->close_code)
		return CLIENT_CLOSED;
	while ((rc = frame_get(c, deadline, &first, &payload)) > 0) {
		unsigned op = first & 0x0F;

		if (op == OP_PING) {
			c->pings++;
			if (!c->mute_pongs)
				model_client_frame(c, FIN | OP_PONG, payload);
		} else if (op == OP_CLOSE) {
			note_close(c, payload);
			return CLIENT_CLOSED;
		} else if (op != OP_PONG) {
			c->frames++;
			if (op != OP_CONT)
				buf_reset(&c->message);
			buf_add(&c->message, payload);
			if (!(first & FIN))
				continue;
			*text = buf_span(&c->message);
			return CLIENT_TEXT;
		}
	}
	if (rc < 0)
		c->close_code = 1006;
	return rc < 0 ? CLIENT_CLOSED : CLIENT_TIMEOUT;
}

void model_client_close(struct model_client *c, unsigned code)
{
	char payload[2] = { (char)(code >> 8), (char)code };

	model_client_frame(c, FIN | OP_CLOSE, span_of(payload, 2));
}

void model_client_fini(struct model_client *c)
{
	if (c->ssl)
		SSL_free(c->ssl);
	if (c->ctx)
		SSL_CTX_free(c->ctx);
	if (c->fd >= 0)
		close(c->fd);
	ERR_clear_error();
	buf_fini(&c->in);
	buf_fini(&c->message);
	c->ssl = c->ctx = NULL;
	c->fd = -1;
}
