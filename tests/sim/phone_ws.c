/* phone_ws - RFC 6455, client side. */
#include <openssl/evp.h>
#include <stdio.h>
#include <strings.h>

#include "base/b64.h"
#include "base/clock.h"
#include "phone_ws.h"

#define HANDSHAKE_MAX   8192
#define MESSAGE_MAX     ((size_t)8 << 20)
#define UPGRADE_LIMIT_MS 10000
#define CLOSE_LIMIT_MS  2000
#define NO_CODE         1005

static void end(struct ws *w, enum ws_end how, int code, const char *why)
{
	if (w->state == WS_GONE)
		return;
	w->state = WS_GONE;
	w->deadline_ms = 0;
	w->ops->gone(w->arg, how, code, why);
}

/* --- the upgrade --- */

static enum err key_make(char key[25], char accept[29])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t nonce[16], digest[EVP_MAX_MD_SIZE];
	char text[24 + sizeof guid];
	enum err e = random_bytes(nonce, sizeof nonce);

	if (e)
		return e;
	b64_encode(key, nonce, sizeof nonce);
	key[24] = '\0';
	memcpy(text, key, 24);
	memcpy(text + 24, guid, sizeof guid);
	if (!EVP_Digest(text, 24 + sizeof guid - 1, digest, NULL, EVP_sha1(), NULL))
		return ERR_CRYPTO;
	b64_encode(accept, digest, 20);
	accept[28] = '\0';
	return ERR_OK;
}

/* Header by header as a live capture of Twilio shows them. */
static enum err hello_make(struct ws *w, const struct ws_request *r)
{
	char key[25];
	enum err e = key_make(key, w->accept);

	if (e)
		return e;
	buf_printf(&w->hello, "GET " SPAN_FMT " HTTP/1.1\r\nhost: %s\r\nuser-agent: Twilio.TmeWs/1.0\r\n", SPAN_ARG(r->path), r->host_header);
	buf_printf(&w->hello, "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: %s\r\n", key);
	if (r->signature)
		buf_printf(&w->hello, "x-twilio-signature: %s\r\n", r->signature);
	buf_addz(&w->hello, "accept-encoding: gzip\r\n\r\n");
	return w->hello.err;
}

static struct span header_value(struct span head, const char *name)
{
	struct span line;
	size_t n = strlen(name);

	while (span_cut(&head, '\n', &line))
		if (line.n > n && line.p[n] == ':' && strncasecmp(line.p, name, n) == 0)
			return span_trim(span_skip(line, n + 1));
	return SPAN_NONE;
}

static bool same_word(struct span s, const char *z)
{
	return s.n == strlen(z) && strncasecmp(s.p, z, s.n) == 0;
}

static const char *upgrade_fault(const struct ws *w, struct span head)
{
	if (!same_word(header_value(head, "upgrade"), "websocket") || !same_word(header_value(head, "connection"), "upgrade"))
		return "the answer to the upgrade lacks Upgrade: websocket or Connection: Upgrade";
	if (!span_is(header_value(head, "sec-websocket-accept"), w->accept))
		return "Sec-WebSocket-Accept is wrong";
	if (header_value(head, "sec-websocket-protocol").p || header_value(head, "sec-websocket-extensions").p)
		return "the server chose a subprotocol or an extension, and none was offered";
	return NULL;
}

static void refuse(struct ws *w, int status, const char *why)
{
	net_close(&w->net);
	end(w, WS_END_REFUSED, status, why);
}

static void on_upgrade(struct ws *w)
{
	struct span all = buf_span(&w->in), head;
	const char *stop = memmem(all.p, all.n, "\r\n\r\n", 4), *fault;
	int64_t status;
	char why[64];

	if (!stop) {
		if (all.n > HANDSHAKE_MAX)
			refuse(w, 0, "the answer to the upgrade has no end");
		return;
	}
	head = span_head(all, (size_t)(stop - all.p) + 2);
	if (!span_starts(head, SPAN("HTTP/1.1 ")) || !span_int(span_head(span_skip(head, 9), 3), &status)) {
		refuse(w, 0, "the answer to the upgrade is no HTTP/1.1");
		return;
	}
	if (status != 101) {
		snprintf(why, sizeof why, "the upgrade was answered %d", (int)status);
		refuse(w, (int)status, why);
		return;
	}
	fault = upgrade_fault(w, head);
	if (fault) {
		refuse(w, 101, fault);
		return;
	}
	buf_drop(&w->in, head.n + 2);
	w->state = WS_OPEN;
	w->deadline_ms = 0;
	w->ops->open(w->arg);
}

/* --- frames in --- */

struct frame {
	unsigned op;
	bool fin;
	struct span payload;
	size_t size;
};

/* 1 a frame, 0 more bytes needed, -1 broken: `why`. */
static int frame_read(struct frame *f, struct span in, const char **why)
{
	const uint8_t *p = (const uint8_t *)in.p;
	uint64_t n;
	size_t head = 2;

	if (in.n < 2)
		return 0;
	f->op = p[0] & 0x0F;
	f->fin = p[0] & WS_FIN;
	n = p[1] & 0x7F;
	*why = p[0] & 0x70 ? "a reserved bit is set" : p[1] & 0x80 ? "a frame from the server is masked" :
	       f->op >= WS_CLOSE && (!f->fin || n > 125) ? "a control frame is fragmented or too long" :
	       (f->op > WS_BINARY && f->op < WS_CLOSE) || f->op > WS_PONG ? "unknown opcode" : NULL;
	if (*why)
		return -1;
	if (n >= 126) {
		size_t ext = n == 126 ? 2 : 8;

		if (in.n < 2 + ext)
			return 0;
		n = 0;
		for (size_t i = 0; i < ext; i++)
			n = n << 8 | p[2 + i];
		head += ext;
	}
	if (n > MESSAGE_MAX) {
		*why = "a frame is absurdly long";
		return -1;
	}
	if (in.n - head < n)
		return 0;
	f->payload = span_head(span_skip(in, head), (size_t)n);
	f->size = head + (size_t)n;
	return 1;
}

static void broken(struct ws *w, const char *why)
{
	ws_close(w, 1002);
	net_close(&w->net);
	end(w, WS_END_PROTOCOL, 1002, why);
}

static void deliver(struct ws *w, bool binary, struct span text)
{
	if (!binary && !span_utf8(text))
		broken(w, "a text message is not UTF-8");
	else if (w->state == WS_OPEN)
		w->ops->message(w->arg, binary, text);
}

static void on_data_frame(struct ws *w, const struct frame *f)
{
	if ((f->op == WS_CONT) != w->fragmented) {
		broken(w, f->op == WS_CONT ? "a continuation of nothing" : "a message begins inside another");
		return;
	}
	if (!w->fragmented && f->fin) {
		deliver(w, f->op == WS_BINARY, f->payload);
		return;
	}
	w->fragments++;
	if (!w->fragmented) {
		buf_reset(&w->message);
		w->binary = f->op == WS_BINARY;
	}
	buf_add(&w->message, f->payload);
	w->fragmented = !f->fin;
	if (w->message.err)
		broken(w, "a message is absurdly long");
	else if (f->fin)
		deliver(w, w->binary, buf_span(&w->message));
}

static void on_close_frame(struct ws *w, struct span payload)
{
	char why[126] = "";
	int code = payload.n >= 2 ? (uint8_t)payload.p[0] << 8 | (uint8_t)payload.p[1] : NO_CODE;
	bool ours = w->state == WS_CLOSING;

	if (payload.n == 1 || (payload.n >= 2 && (code < 1000 || code == NO_CODE || code == 1006 || code > 4999))) {
		broken(w, "a close frame with a code that may not be sent");
		return;
	}
	span_copy(why, sizeof why, span_skip(payload, 2));
	if (!ours)
		ws_send(w, WS_FIN | WS_CLOSE, span_head(payload, 2));
	net_close(&w->net);
	end(w, ours ? WS_END_OURS : WS_END_CLOSED, code, why);
}

static void on_frame(struct ws *w, const struct frame *f)
{
	if (f->op == WS_CLOSE)
		on_close_frame(w, f->payload);
	else if (f->op == WS_PING) {
		w->pings++;
		ws_send(w, WS_FIN | WS_PONG, f->payload);
	} else if (f->op != WS_PONG)
		on_data_frame(w, f);
}

/* Frames that came whole are read where they lie; only a rest is kept. */
static size_t frames_in(struct ws *w, struct span in)
{
	size_t used = 0;
	struct frame f = { 0 };
	const char *why = NULL;
	int got = 0;

	while ((w->state == WS_OPEN || w->state == WS_CLOSING) && (got = frame_read(&f, span_skip(in, used), &why)) > 0) {
		used += f.size;
		on_frame(w, &f);
	}
	if (got < 0 && (w->state == WS_OPEN || w->state == WS_CLOSING))
		broken(w, why);
	return used;
}

static void on_data(void *arg, struct span bytes)
{
	struct ws *w = arg;
	size_t used = 0;

	if (w->state == WS_UPGRADE || w->in.n) {
		buf_add(&w->in, bytes);
		if (w->state == WS_UPGRADE)
			on_upgrade(w);
		buf_drop(&w->in, frames_in(w, buf_span(&w->in)));
		return;
	}
	used = frames_in(w, bytes);
	if (w->state == WS_OPEN || w->state == WS_CLOSING)
		buf_add(&w->in, span_skip(bytes, used));
}

static void on_open(void *arg)
{
	struct ws *w = arg;

	w->state = WS_UPGRADE;
	net_send(&w->net, buf_span(&w->hello));
	buf_fini(&w->hello);
}

static void on_gone(void *arg, enum err e, const char *why)
{
	struct ws *w = arg;
	bool upgrading = w->state == WS_CONNECT || w->state == WS_UPGRADE;

	(void)e;
	end(w, upgrading ? WS_END_REFUSED : w->state == WS_CLOSING ? WS_END_OURS : WS_END_BROKEN, 0, why);
}

static const struct net_ops net_ops = { on_open, on_data, on_gone };

enum err ws_open(struct ws *w, struct ev_loop *loop, const struct net_address *a, SSL_CTX *tls, const char *name,
                 const struct ws_request *r, const struct ws_ops *ops, void *arg)
{
	enum err e;

	*w = (struct ws){ .ops = ops, .arg = arg, .state = WS_CONNECT, .in = BUF_BOUND(MESSAGE_MAX + 16), .message = BUF_BOUND(MESSAGE_MAX) };
	e = hello_make(w, r);
	if (e == ERR_OK)
		e = net_open(&w->net, loop, a, tls, name, &net_ops, w);
	if (e) {
		w->state = WS_GONE;
		ws_fini(w);
	} else {
		w->deadline_ms = clock_ms() + UPGRADE_LIMIT_MS;
	}
	return e;
}

void ws_by(struct ws *w, const struct ws_way *way, void *carrier, const struct ws_ops *ops, void *arg)
{
	*w = (struct ws){ .ops = ops, .arg = arg, .state = WS_CONNECT, .way = way, .carrier = carrier };
}

/* --- frames out --- */

static size_t frame_head(char *h, unsigned flags_and_op, size_t n)
{
	size_t ext = n < 126 ? 0 : n < 65536 ? 2 : 8;

	h[0] = (char)flags_and_op;
	h[1] = (char)(0x80 | (ext == 0 ? n : ext == 2 ? 126 : 127));
	for (size_t i = 0; i < ext; i++)
		h[2 + i] = (char)((uint64_t)n >> 8 * (ext - 1 - i));
	return 2 + ext;
}

static void send_frame(struct ws *w, unsigned flags_and_op, struct span payload)
{
	uint32_t mask = random_below(UINT32_MAX);
	char *room = net_room(&w->net, payload.n + 14), *at = room;

	if (!room)
		return;
	at += frame_head(at, flags_and_op, payload.n);
	memcpy(at, &mask, 4);
	for (size_t i = 0; i < payload.n; i++)
		at[4 + i] = (char)(payload.p[i] ^ at[i & 3]);
	net_wrote(&w->net, (size_t)(at - room) + 4 + payload.n);
}

void ws_send(struct ws *w, unsigned flags_and_op, struct span payload)
{
	if (w->state != WS_OPEN && w->state != WS_CLOSING)
		return;
	if (w->way)
		w->way->send(w, flags_and_op, payload);
	else
		send_frame(w, flags_and_op, payload);
}

void ws_text(struct ws *w, struct span text)
{
	ws_send(w, WS_FIN | WS_TEXT, text);
}

void ws_close(struct ws *w, int code)
{
	char payload[2] = { (char)(code >> 8), (char)code };

	if (w->state != WS_OPEN)
		return;
	if (w->way)
		w->way->close(w, code);
	else
		ws_send(w, WS_FIN | WS_CLOSE, span_of(payload, 2));
	w->state = WS_CLOSING;
	w->deadline_ms = clock_ms() + CLOSE_LIMIT_MS;
}

void ws_deaf(struct ws *w, bool deaf)
{
	if (w->way)
		w->way->deaf(w, deaf);
	else
		net_deaf(&w->net, deaf);
}

void ws_drop(struct ws *w)
{
	if (w->way)
		w->way->drop(w);
	else
		net_abort(&w->net);
	w->state = WS_GONE;
	w->deadline_ms = 0;
}

void ws_tick(struct ws *w, int64_t now_ms)
{
	enum ws_state was = w->state;

	if (!w->deadline_ms || now_ms < w->deadline_ms)
		return;
	if (w->way)
		w->way->drop(w);
	else
		net_abort(&w->net);
	end(w, was == WS_CLOSING ? WS_END_OURS : WS_END_REFUSED, 0, was == WS_CLOSING ? "our close was not answered" : "no answer to the upgrade in time");
}

void ws_fini(struct ws *w)
{
	if (w->net.state != NET_IDLE)
		net_close(&w->net);
	buf_fini(&w->hello);
	buf_fini(&w->in);
	buf_fini(&w->message);
}
