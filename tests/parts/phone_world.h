/*
 * phone_world - a tiny server for the simulated phone network: it answers webhooks, takes media streams, and remembers what it has seen. Blocking, a thread per
 * connection.
 */
#ifndef OFFHOOK_TEST_PHONE_WORLD_H
#define OFFHOOK_TEST_PHONE_WORLD_H

#include <assert.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/form.h"
#include "base/json.h"
#include "base/proc.h"
#include "tests/sim/pattern.h"
#include "tests/sim/phone.h"
#include "tests/sim/wav.h"
#include "twilio/signature.h"

#define TOKEN  "0ff00c000000000000000000000000aa"
#define PUBLIC "https://phone.example/prefix"
#define STREAM "wss://phone.example/prefix/ws/realtime/11111111-2222-4333-8444-555555555555/"

#define CONNECT(extra) \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Connect action=\"" PUBLIC "/api/continue/1/\"><Stream url=\"" STREAM \
	"\" statusCallback=\"" PUBLIC "/api/stream-status/1/\"><Parameter name=\"token\" value=\"secret\"/></Stream></Connect>" extra "</Response>"

/* --- the server: a thread per connection, blocking --- */

struct conn {
	int fd;
	struct buf in;
	unsigned voice, quiet;                       /* frames, for the scene that converses */
	int64_t speaks_until_ms;
	char sid[64];
};

struct seen {                                        /* guarded by `lock` */
	unsigned webhooks, actions, statuses, stream_events, upgrades, bad_signatures, whispers, machines;
	unsigned media, stops, starts, connected, dtmf, marks, wrong_tokens, malformed;
	char keys[32], last_event[32], marks_text[512], direction[32], from[32], dialled[120], machine[60];
	struct pattern_check check;
};

static struct server {
	int fd;
	unsigned port;
	pthread_t thread;
	pthread_mutex_t lock;
	struct seen seen;
	const char *webhook, *action, *whisper;      /* TwiML; action is used up once, then <Hangup/> */
	int webhook_status, upgrade_status;
	void (*talk)(struct conn *c, const char *sid);        /* after a good start */
	void (*hear)(struct conn *c, const uint8_t *audio, size_t n);
} server = { .lock = PTHREAD_MUTEX_INITIALIZER };

#define SEEN(what) (pthread_mutex_lock(&server.lock), server.seen.what, pthread_mutex_unlock(&server.lock))

static inline bool fill(struct conn *c)
{
	char piece[4096];
	ssize_t n = recv(c->fd, piece, sizeof piece, 0);

	if (n <= 0)
		return false;
	buf_add(&c->in, span_of(piece, (size_t)n));
	return true;
}

static inline bool head_read(struct conn *c, struct span *head)
{
	const char *stop;

	while (!(stop = c->in.n ? memmem(c->in.p, c->in.n, "\r\n\r\n", 4) : NULL))
		if (!fill(c))
			return false;
	*head = span_of(c->in.p, (size_t)(stop - c->in.p) + 4);
	return true;
}

static inline struct span header(struct span head, const char *name)
{
	struct span line;

	while (span_cut(&head, '\n', &line))
		if (line.n > strlen(name) && strncasecmp(line.p, name, strlen(name)) == 0 && line.p[strlen(name)] == ':')
			return span_trim(span_skip(line, strlen(name) + 1));
	return SPAN_NONE;
}

static inline void answer(struct conn *c, int status, const char *type, const char *body)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n", status, strlen(body));
	if (type)
		buf_printf(&b, "Content-Type: %s\r\n", type);
	buf_printf(&b, "\r\n%s", body);
	fd_write_all(c->fd, buf_span(&b));
	buf_fini(&b);
}

static inline void frame_send(struct conn *c, unsigned op, struct span text)
{
	struct buf b = BUF_INIT;

	buf_addc(&b, (char)(0x80 | op));
	if (text.n < 126) {
		buf_addc(&b, (char)text.n);
	} else {
		buf_addc(&b, 126);
		buf_addc(&b, (char)(text.n >> 8));
		buf_addc(&b, (char)text.n);
	}
	buf_add(&b, text);
	fd_write_all(c->fd, buf_span(&b));
	buf_fini(&b);
}

static inline void text_send(struct conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline void text_send(struct conn *c, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	frame_send(c, 1, buf_span(&b));
	buf_fini(&b);
}

static inline void media_send(struct conn *c, const char *sid, const uint8_t *audio, size_t n)
{
	char text[8192];

	text[b64_encode(text, audio, n)] = '\0';
	text_send(c, "{\"event\":\"media\",\"streamSid\":\"%s\",\"media\":{\"payload\":\"%s\"}}", sid, text);
}

static inline void mark_send(struct conn *c, const char *sid, const char *name)
{
	text_send(c, "{\"event\":\"mark\",\"streamSid\":\"%s\",\"mark\":{\"name\":\"%s\"}}", sid, name);
}

static inline void close_send(struct conn *c, int code)
{
	char payload[2] = { (char)(code >> 8), (char)code };

	frame_send(c, 8, span_of(payload, 2));
}

/* One frame, unmasked; false at the end of the connection. */
static inline bool frame_get(struct conn *c, unsigned *op, struct buf *text)
{
	for (;;) {
		const uint8_t *p = (const uint8_t *)c->in.p;
		size_t head = 6, n = c->in.n >= 2 ? p[1] & 0x7F : 0;

		if (c->in.n >= 10 && n == 126) {
			n = (size_t)p[2] << 8 | p[3];
			head = 8;
		} else if (c->in.n >= 14 && n == 127) {
			n = (size_t)p[6] << 24 | (size_t)p[7] << 16 | (size_t)p[8] << 8 | p[9];
			head = 14;
		}
		if (c->in.n >= 14 ? c->in.n >= head + n : c->in.n >= 6 && n < 126 && c->in.n >= 6 + n) {
			assert(p[1] & 0x80);
			*op = p[0];
			buf_reset(text);
			for (size_t i = 0; i < n; i++)
				buf_addc(text, (char)(p[head + i] ^ p[head - 4 + (i & 3)]));
			buf_drop(&c->in, head + n);
			return true;
		}
		if (!fill(c))
			return false;
	}
}

static inline void on_stream_text(struct conn *c, struct span text)
{
	struct json_object *o = NULL;
	struct span event;
	uint8_t audio[1024];
	size_t n = 0;
	bool started = false;

	pthread_mutex_lock(&server.lock);
	if (json_read(&o, text) || !(event = json_get_span(o, "event")).p) {
		server.seen.malformed++;
	} else if (span_is(event, "connected")) {
		server.seen.connected++;
	} else if (span_is(event, "start")) {
		started = span_copy(c->sid, sizeof c->sid, json_get_span(o, "streamSid"));
		server.seen.starts++;
		server.seen.wrong_tokens += !span_is(json_span(json_path(o, "start.customParameters.token")), "secret");
	} else if (span_is(event, "media")) {
		server.seen.malformed += !b64_decode(audio, sizeof audio, json_span(json_path(o, "media.payload")), &n) || n != 160;
		server.seen.media++;
		pattern_check(&server.seen.check, audio, n, clock_us());
	} else if (span_is(event, "mark")) {
		server.seen.marks++;
		snprintf(server.seen.marks_text + strlen(server.seen.marks_text), sizeof server.seen.marks_text - strlen(server.seen.marks_text), SPAN_FMT " ",
		         SPAN_ARG(json_span(json_path(o, "mark.name"))));
	} else if (span_is(event, "dtmf")) {
		server.seen.dtmf++;
		server.seen.keys[strlen(server.seen.keys) % (sizeof server.seen.keys - 1)] = json_span(json_path(o, "dtmf.digit")).p[0];
	} else if (span_is(event, "stop")) {
		server.seen.stops++;
	}
	pthread_mutex_unlock(&server.lock);
	json_object_put(o);
	if (started && server.talk)
		server.talk(c, c->sid);
	if (n && server.hear)
		server.hear(c, audio, n);
}

static inline void stream_serve(struct conn *c, struct span head)
{
	char text[128], accept[32], path[256];
	uint8_t digest[32];
	struct span key = header(head, "sec-websocket-key"), url = SPAN(STREAM), token = SPAN(TOKEN);
	struct buf b = BUF_INIT;
	unsigned op;
	const char *blank = memchr(head.p + 4, ' ', head.n - 4);

	span_copy(path, sizeof path, span_of(head.p + 4, (size_t)(blank - head.p - 4)));
	snprintf(text, sizeof text, SPAN_FMT "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", SPAN_ARG(key));
	EVP_Digest(text, strlen(text), digest, NULL, EVP_sha1(), NULL);
	accept[b64_encode(accept, digest, 20)] = '\0';
	SEEN(upgrades++);
	if (!signature_stream_ok(header(head, "x-twilio-signature"), &token, 1, url, NULL) || header(head, "origin").p || strncmp(path, "/ws/realtime/", 13) != 0)
		SEEN(bad_signatures++);
	if (server.upgrade_status) {
		answer(c, server.upgrade_status, NULL, "");
		return;
	}
	buf_drop(&c->in, head.n);
	buf_printf(&b, "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
	fd_write_all(c->fd, buf_span(&b));
	while (frame_get(c, &op, &b)) {
		if ((op & 0x0F) == 8) {
			frame_send(c, 8, span_head(buf_span(&b), 2));
			break;
		}
		if (op == 0x81)
			on_stream_text(c, buf_span(&b));
	}
	buf_fini(&b);
}

static inline void post_serve(struct conn *c, struct span head)
{
	struct span length = header(head, "content-length"), target, body, token = SPAN(TOKEN), rest = span_skip(head, 0), line;
	bool get = span_starts(head, SPAN("GET "));
	struct buf url = BUF_INIT;
	struct form form = { 0 };
	int64_t n = 0;
	size_t at = head.n;

	span_int(length, &n);
	while (c->in.n < at + (size_t)n)
		if (!fill(c))
			return;
	head = span_of(c->in.p, at);
	rest = head;
	span_cut(&rest, '\n', &line);
	span_cut(&line, ' ', &target);
	span_cut(&line, ' ', &target);
	body = span_of(c->in.p + at, (size_t)n);
	buf_addz(&url, PUBLIC);
	buf_add(&url, target);
	assert(form_parse(&form, body) == ERR_OK);
	if (!signature_ok(header(head, "x-twilio-signature"), &token, 1, buf_span(&url), get ? NULL : &form)) {
		SEEN(bad_signatures++);
		answer(c, 403, NULL, "");
	} else if (span_starts(target, SPAN("/api/webhook/"))) {
		SEEN(webhooks++);
		span_copy(server.seen.direction, sizeof server.seen.direction, form_get(&form, "Direction"));
		span_copy(server.seen.from, sizeof server.seen.from, form_get(&form, "From"));
		answer(c, server.webhook_status ? server.webhook_status : 200, "text/xml", server.webhook);
	} else if (span_starts(target, SPAN("/api/whisper/"))) {
		SEEN(whispers++);
		snprintf(server.seen.dialled, sizeof server.seen.dialled, SPAN_FMT " " SPAN_FMT " %d;", SPAN_ARG(form_get(&form, "Direction")),
		         SPAN_ARG(form_get(&form, "To")), span_eq(form_get(&form, "ParentCallSid"), form_get(&form, "CallSid")));
		answer(c, server.whisper ? 200 : 404, "text/xml", server.whisper ? server.whisper : "");
	} else if (span_starts(target, SPAN("/api/continue/"))) {
		const char *next = server.action;

		SEEN(actions++);
		snprintf(server.seen.dialled + strlen(server.seen.dialled), sizeof server.seen.dialled - strlen(server.seen.dialled), SPAN_FMT " " SPAN_FMT ";",
		         SPAN_ARG(form_get(&form, "DialCallStatus")), SPAN_ARG(form_get(&form, "DialBridged")));
		server.action = NULL;
		answer(c, 200, "text/xml; charset=utf-8", next ? next : "<Response><Hangup/></Response>");
	} else {
		pthread_mutex_lock(&server.lock);
		if (span_starts(target, SPAN("/api/status/"))) {
			server.seen.statuses++;
		} else if (span_starts(target, SPAN("/api/answered-by/"))) {
			server.seen.machines++;
			snprintf(server.seen.machine, sizeof server.seen.machine, SPAN_FMT " " SPAN_FMT " %zu", SPAN_ARG(form_get(&form, "AnsweredBy")),
			         SPAN_ARG(form_get(&form, "MachineDetectionDuration")), form.n);
		} else {
			server.seen.stream_events++;
		}
		span_copy(server.seen.last_event, sizeof server.seen.last_event, form_get(&form, "StreamEvent"));
		pthread_mutex_unlock(&server.lock);
		answer(c, 204, NULL, "");
	}
	form_fini(&form);
	buf_fini(&url);
}

static inline void *conn_main(void *arg)
{
	struct conn c = { .fd = (int)(intptr_t)arg };
	struct span head = SPAN_NONE;

	if (head_read(&c, &head)) {
		if (header(head, "upgrade").p)
			stream_serve(&c, head);
		else
			post_serve(&c, head);
	}
	close(c.fd);
	buf_fini(&c.in);
	return NULL;
}

static inline void *server_main(void *arg)
{
	int fd;

	while ((fd = accept(server.fd, NULL, NULL)) >= 0) {
		pthread_attr_t detached;
		pthread_t t;

		pthread_attr_init(&detached);
		pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
		if (pthread_create(&t, &detached, conn_main, (void *)(intptr_t)fd) != 0)
			close(fd);
		pthread_attr_destroy(&detached);
	}
	return arg;
}

static inline int server_up(void **state)
{
	struct sockaddr_in a = { 0 };
	socklen_t n = sizeof a;

	(void)state;
	if (tcp_listen(&server.fd, SPAN("127.0.0.1:0"), 64) || getsockname(server.fd, (struct sockaddr *)&a, &n))
		return -1;
	server.port = ntohs(a.sin_port);
	return pthread_create(&server.thread, NULL, server_main, NULL);
}

static inline int server_down(void **state)
{
	(void)state;
	shutdown(server.fd, SHUT_RDWR);
	pthread_join(server.thread, NULL);
	close(server.fd);
	return 0;
}

static inline void scene(const char *webhook, const char *action, void (*talk)(struct conn *, const char *))
{
	pthread_mutex_lock(&server.lock);
	memset(&server.seen, 0, sizeof server.seen);
	pattern_check_init(&server.seen.check, 0, NULL);
	server.webhook = webhook;
	server.action = action;
	server.whisper = NULL;
	server.talk = talk;
	server.hear = NULL;
	server.webhook_status = server.upgrade_status = 0;
	pthread_mutex_unlock(&server.lock);
}

#define END ((char *)NULL)                          /* of the options */

/* --- running the phone: its JSON summary and exit code --- */

static inline struct json_object *phone_run(int *code, const char *scenario, ...)
{
	char url[64], file[] = "/tmp/sim-phone-XXXXXX", plan[] = "/tmp/sim-plan-XXXXXX";
	char *argv[40] = { "--url", url, "--public-url", PUBLIC, "--token", TOKEN, "--json", "--limit", "20" };
	int argc = 9, out = mkstemp(file), keep = dup(1), plan_fd = mkstemp(plan);
	struct json_object *o = NULL;
	struct buf text = BUF_INIT;
	va_list ap;

	snprintf(url, sizeof url, "http://127.0.0.1:%u/api/webhook/", server.port);
	if (scenario) {
		fd_write_all(plan_fd, span_z(scenario));
		argv[argc++] = "--scenario";
		argv[argc++] = plan;
	}
	va_start(ap, scenario);
	for (char *arg; (arg = va_arg(ap, char *));)
		argv[argc++] = arg;
	va_end(ap);
	fflush(stdout);
	dup2(out, 1);
	*code = phone_main(argc, argv);
	fflush(stdout);
	dup2(keep, 1);
	close(keep);
	close(out);
	close(plan_fd);
	file_read(&text, file);
	assert_int_equal(json_read(&o, buf_span(&text)), ERR_OK);
	buf_fini(&text);
	unlink(file);
	unlink(plan);
	return o;
}

static inline struct json_object *result(struct json_object *o, const char *path)
{
	return json_path(json_object_array_get_idx(json_get(o, "results"), 0), path);
}

static inline int64_t result_int(struct json_object *o, const char *path)
{
	struct json_object *v = result(o, path);

	return v ? json_object_get_int64(v) : -1;
}

static inline struct json_object *stream_of(struct json_object *o, size_t i)
{
	return json_object_array_get_idx(result(o, "streams"), i);
}

#endif
