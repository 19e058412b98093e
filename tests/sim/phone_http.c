/* phone_http - one request, one answer, one connection. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "phone_http.h"

#define ANSWER_MAX ((size_t)1 << 20)

static void tell(struct http *h, struct http_answer *a)
{
	if (h->over)
		return;
	h->over = true;
	a->us = clock_us() - h->began_us;
	net_close(&h->net);
	h->done(h->arg, h, a);
}

static void fail(struct http *h, enum err e, const char *why)
{
	struct http_answer a = { .err = e, .why = why };

	tell(h, &a);
}

/* --- the answer --- */

static struct span header(struct span head, const char *name)
{
	struct span line;
	size_t n = strlen(name);

	while (span_cut(&head, '\n', &line))
		if (line.n > n && line.p[n] == ':' && strncasecmp(line.p, name, n) == 0)
			return span_trim(span_skip(line, n + 1));
	return SPAN_NONE;
}

static int hex_size(struct span line, size_t *n)
{
	size_t digits = 0;

	*n = 0;
	while (digits < line.n && digits < 8) {
		const char *set = "0123456789abcdef", *at = line.p[digits] ? strchr(set, line.p[digits] | 0x20) : NULL;

		if (!at)
			break;
		*n = *n * 16 + (size_t)(at - set);
		digits++;
	}
	return digits > 0;
}

static int chunked(char *body, size_t have, size_t *joined)
{
	struct span rest = span_of(body, have), line;
	size_t n;

	*joined = 0;
	for (;;) {
		const char *lf = memchr(rest.p, '\n', rest.n);

		if (!lf)
			return 0;
		line = span_head(rest, (size_t)(lf - rest.p));
		if (!hex_size(line, &n))
			return -1;
		rest = span_skip(rest, line.n + 1);
		if (n == 0)
			return 1;
		if (rest.n < n + 2)
			return 0;
		memmove(body + *joined, rest.p, n);
		*joined += n;
		rest = span_skip(rest, n + 2);
	}
}

static bool status_line(struct span head, int *status)
{
	int64_t v;

	if (!span_starts(head, SPAN("HTTP/1.")) || head.n < 12 || !span_int(span_head(span_skip(head, 9), 3), &v) || v < 100)
		return false;
	*status = (int)v;
	return true;
}

/* Joining moves bytes, so it is done beside them and copied back when all are there. */
static int chunked_body(struct buf *in, size_t at, struct http_answer *a)
{
	struct buf copy = BUF_BOUND(ANSWER_MAX);
	size_t joined = 0;
	int got;

	buf_add(&copy, span_skip(buf_span(in), at));
	got = copy.err ? -1 : copy.n ? chunked(copy.p, copy.n, &joined) : 0;
	if (got > 0) {
		memcpy(in->p + at, copy.p, joined);
		a->body = span_of(in->p + at, joined);
	}
	buf_fini(&copy);
	return got;
}

static int plain_body(struct span rest, struct span length, bool ended, struct http_answer *a)
{
	int64_t n = 0;

	if (!length.p) {
		a->body = rest;
		return ended || a->status == 204 || a->status == 304;
	}
	if (!span_int(length, &n) || n < 0)
		return -1;
	a->body = span_head(rest, (size_t)n);
	return rest.n >= (size_t)n;
}

int http_parse(struct buf *in, bool ended, struct http_answer *a)
{
	struct span all = buf_span(in), head;
	const char *stop = memmem(all.p, all.n, "\r\n\r\n", 4);

	if (!stop)
		return all.n > ANSWER_MAX / 2 ? -1 : 0;
	head = span_head(all, (size_t)(stop - all.p) + 2);
	if (!status_line(head, &a->status))
		return -1;
	a->type = header(head, "content-type");
	if (header(head, "transfer-encoding").p)
		return chunked_body(in, head.n + 2, a);
	return plain_body(span_skip(all, head.n + 2), header(head, "content-length"), ended, a);
}

static void look(struct http *h, bool ended)
{
	struct http_answer a = { 0 };
	int got = h->in.err ? -1 : http_parse(&h->in, ended, &a);

	if (got > 0)
		tell(h, &a);
	else if (got < 0)
		fail(h, ERR_SYNTAX, "the answer is no HTTP, or too large");
	else if (ended)
		fail(h, ERR_CLOSED, h->in.n ? "the answer was cut off" : "closed without an answer");
}

static void on_open(void *arg)
{
	struct http *h = arg;

	h->connected = true;
	net_send(&h->net, buf_span(&h->out));
}

static void on_data(void *arg, struct span bytes)
{
	struct http *h = arg;

	buf_add(&h->in, bytes);
	look(h, false);
}

static const struct net_ops net_ops;

static void on_gone(void *arg, enum err e, const char *why)
{
	struct http *h = arg;

	if (!h->connected && !h->again) {
		h->again = true;
		if (net_open(&h->net, h->net.loop, &h->to, h->tls, h->name, &net_ops, h) == ERR_OK)
			return;
	}
	if (e == ERR_CLOSED && h->connected)
		look(h, true);
	else
		fail(h, e, why);
}

static const struct net_ops net_ops = { on_open, on_data, on_gone };

/* Header by header as captures of Twilio's requests show them. */
static enum err request_make(struct buf *out, const struct http_request *r)
{
	char token[UUID_TEXT];
	enum err e = uuid_new(token);

	if (e)
		return e;
	buf_printf(out, "%s " SPAN_FMT " HTTP/1.1\r\nHost: %s\r\n", r->method, SPAN_ARG(r->target), r->host_header);
	if (r->body.p)
		buf_printf(out, "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\nContent-Length: %zu\r\n", r->body.n);
	if (r->signature)
		buf_printf(out, "X-Twilio-Signature: %s\r\n", r->signature);
	buf_printf(out, "User-Agent: TwilioProxy/1.1\r\nI-Twilio-Idempotency-Token: %s\r\nAccept: */*\r\nConnection: close\r\n\r\n", token);
	if (r->body.p)
		buf_add(out, r->body);
	return out->err;
}

struct http *http_start(struct ev_loop *loop, const struct net_address *a, SSL_CTX *tls, const char *name, const struct http_request *r,
                        void (*done)(void *arg, struct http *h, const struct http_answer *a), void *arg)
{
	struct http *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->in.max = ANSWER_MAX;
	h->done = done;
	h->arg = arg;
	h->began_us = clock_us();
	h->deadline_ms = clock_ms() + HTTP_LIMIT_MS;
	h->to = *a;
	h->tls = tls;
	span_copy(h->name, sizeof h->name, span_z(name));
	if (request_make(&h->out, r) || net_open(&h->net, loop, a, tls, name, &net_ops, h)) {
		http_free(h);
		return NULL;
	}
	return h;
}

void http_tick(struct http *h, int64_t now_ms)
{
	if (!h->over && now_ms >= h->deadline_ms)
		fail(h, ERR_TIMEOUT, "no answer within 15 s");
}

void http_free(struct http *h)
{
	if (!h)
		return;
	if (h->net.state != NET_IDLE)
		net_close(&h->net);
	buf_fini(&h->out);
	buf_fini(&h->in);
	free(h);
}
