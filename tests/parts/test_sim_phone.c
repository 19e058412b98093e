/* The simulated phone network against a tiny server of our own: webhook -> TwiML -> stream -> media both ways -> stop -> action -> status. */
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

static bool fill(struct conn *c)
{
	char piece[4096];
	ssize_t n = recv(c->fd, piece, sizeof piece, 0);

	if (n <= 0)
		return false;
	buf_add(&c->in, span_of(piece, (size_t)n));
	return true;
}

static bool head_read(struct conn *c, struct span *head)
{
	const char *stop;

	while (!(stop = c->in.n ? memmem(c->in.p, c->in.n, "\r\n\r\n", 4) : NULL))
		if (!fill(c))
			return false;
	*head = span_of(c->in.p, (size_t)(stop - c->in.p) + 4);
	return true;
}

static struct span header(struct span head, const char *name)
{
	struct span line;

	while (span_cut(&head, '\n', &line))
		if (line.n > strlen(name) && strncasecmp(line.p, name, strlen(name)) == 0 && line.p[strlen(name)] == ':')
			return span_trim(span_skip(line, strlen(name) + 1));
	return SPAN_NONE;
}

static void answer(struct conn *c, int status, const char *type, const char *body)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n", status, strlen(body));
	if (type)
		buf_printf(&b, "Content-Type: %s\r\n", type);
	buf_printf(&b, "\r\n%s", body);
	fd_write_all(c->fd, buf_span(&b));
	buf_fini(&b);
}

static void frame_send(struct conn *c, unsigned op, struct span text)
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

static void text_send(struct conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void text_send(struct conn *c, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	frame_send(c, 1, buf_span(&b));
	buf_fini(&b);
}

static void media_send(struct conn *c, const char *sid, const uint8_t *audio, size_t n)
{
	char text[8192];

	text[b64_encode(text, audio, n)] = '\0';
	text_send(c, "{\"event\":\"media\",\"streamSid\":\"%s\",\"media\":{\"payload\":\"%s\"}}", sid, text);
}

static void mark_send(struct conn *c, const char *sid, const char *name)
{
	text_send(c, "{\"event\":\"mark\",\"streamSid\":\"%s\",\"mark\":{\"name\":\"%s\"}}", sid, name);
}

static void close_send(struct conn *c, int code)
{
	char payload[2] = { (char)(code >> 8), (char)code };

	frame_send(c, 8, span_of(payload, 2));
}

/* One frame, unmasked; false at the end of the connection. */
static bool frame_get(struct conn *c, unsigned *op, struct buf *text)
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

static void on_stream_text(struct conn *c, struct span text)
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

static void stream_serve(struct conn *c, struct span head)
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

static void post_serve(struct conn *c, struct span head)
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

static void *conn_main(void *arg)
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

static void *server_main(void *arg)
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

static int server_up(void **state)
{
	struct sockaddr_in a = { 0 };
	socklen_t n = sizeof a;

	(void)state;
	if (tcp_listen(&server.fd, SPAN("127.0.0.1:0"), 64) || getsockname(server.fd, (struct sockaddr *)&a, &n))
		return -1;
	server.port = ntohs(a.sin_port);
	return pthread_create(&server.thread, NULL, server_main, NULL);
}

static int server_down(void **state)
{
	(void)state;
	shutdown(server.fd, SHUT_RDWR);
	pthread_join(server.thread, NULL);
	close(server.fd);
	return 0;
}

static void scene(const char *webhook, const char *action, void (*talk)(struct conn *, const char *))
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

static struct json_object *phone_run(int *code, const char *scenario, ...)
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

static struct json_object *result(struct json_object *o, const char *path)
{
	return json_path(json_object_array_get_idx(json_get(o, "results"), 0), path);
}

static int64_t result_int(struct json_object *o, const char *path)
{
	struct json_object *v = result(o, path);

	return v ? json_object_get_int64(v) : -1;
}

static struct json_object *stream_of(struct json_object *o, size_t i)
{
	return json_object_array_get_idx(result(o, "streams"), i);
}

/* --- scenes --- */

static void say_second(struct conn *c, const char *sid)          /* a greeting of one second in five messages with marks */
{
	uint8_t audio[1600];

	memset(audio, 0x55, sizeof audio);
	for (int i = 0; i < 5; i++) {
		char name[16];

		media_send(c, sid, audio, sizeof audio);
		snprintf(name, sizeof name, "m%d", i);
		mark_send(c, sid, name);
	}
}

static void a_whole_call(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, say_second);
	o = phone_run(&code, "{\"quiet_ms\":200,\"script\":[{\"dtmf\":\"12#\",\"answer\":false}]}", END);
	assert_int_equal(code, 0);
	assert_int_equal(server.seen.webhooks, 1);
	assert_int_equal(server.seen.upgrades, 1);
	assert_int_equal(server.seen.bad_signatures, 0);
	assert_int_equal(server.seen.connected, 1);
	assert_int_equal(server.seen.starts, 1);
	assert_int_equal(server.seen.wrong_tokens, 0);
	assert_int_equal(server.seen.malformed, 0);
	assert_int_equal(server.seen.stops, 1);
	assert_int_equal(server.seen.statuses, 1);
	assert_int_equal(server.seen.stream_events, 2);
	assert_int_equal(server.seen.actions, 0);
	assert_string_equal(server.seen.keys, "12#");
	assert_string_equal(server.seen.marks_text, "m0 m1 m2 m3 m4 ");
	assert_in_range(server.seen.media, 60, 120);             /* 1 s of greeting, two silences of 200 ms */
	assert_int_equal(json_object_get_int64(json_get(stream_of(o, 0), "heard_ms")), 1000);
	assert_int_equal(result_int(o, "webhook_status"), 200);
	assert_int_equal(result_int(o, "status_answer"), 204);
	json_object_put(o);
}

static void say_and_close(struct conn *c, const char *sid)
{
	uint8_t audio[800];

	memset(audio, 0x55, sizeof audio);
	media_send(c, sid, audio, sizeof audio);
	close_send(c, 1000);
}

static void a_closed_stream_asks_for_the_action_and_follows_it(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), "<Response><Say>Good &amp; bye</Say><Hangup/></Response>", say_and_close);
	o = phone_run(&code, "{\"expect\":{\"steps\":[\"Connect\",\"action\",\"Say\",\"Hangup\"],\"said\":[\"Good & bye\"],\"status\":\"completed\","
	                     "\"streams.0.end\":\"closed_by_server\",\"streams.0.code\":1000,\"hung_up\":false}}", END);
	assert_int_equal(code, 0);
	assert_int_equal(server.seen.actions, 1);
	assert_int_equal(server.seen.statuses, 1);
	assert_string_equal(server.seen.last_event, "");
	json_object_put(o);
}

static void break_connection(struct conn *c, const char *sid)
{
	(void)sid;
	shutdown(c->fd, SHUT_RDWR);
}

static void a_broken_stream_asks_for_the_action_too_and_is_reported(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, break_connection);
	o = phone_run(&code, "{\"script\":[]}", END);
	assert_int_equal(code, 1);
	assert_int_equal(server.seen.actions, 1);
	assert_non_null(strstr(json_object_get_string(result(o, "problems")), "31903"));
	json_object_put(o);
	scene(CONNECT(""), NULL, break_connection);
	o = phone_run(&code, "{\"expect\":{\"problems\":[\"31903\"],\"actions\":1}}", END);
	assert_int_equal(code, 0);
	json_object_put(o);
}

static void a_refused_upgrade_falls_through(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, NULL);
	server.upgrade_status = 403;
	o = phone_run(&code, "{\"expect\":{\"problems\":[\"31920\"],\"streams.0.end\":\"refused\",\"streams.0.code\":403,\"actions\":1}}", END);
	assert_int_equal(code, 0);
	assert_int_equal(server.seen.stream_events, 1);
	json_object_put(o);
}

static void clear_late(struct conn *c, const char *sid)           /* ten seconds of audio, cut at once */
{
	uint8_t audio[4000];

	memset(audio, 0x55, sizeof audio);
	for (int i = 0; i < 20; i++)
		media_send(c, sid, audio, sizeof audio);
	mark_send(c, sid, "end");
	text_send(c, "{\"event\":\"clear\",\"streamSid\":\"%s\"}", sid);
	mark_send(c, sid, "empty");
}

static void clear_returns_marks_and_silence(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, clear_late);
	o = phone_run(&code, "{\"script\":[{\"silence\":100,\"after_ms\":100,\"answer\":false}],\"quiet_ms\":100}", END);
	assert_int_equal(code, 0);
	assert_string_equal(server.seen.marks_text, "end empty ");
	assert_int_equal(json_object_get_int64(json_get(stream_of(o, 0), "marks_cleared")), 1);
	assert_in_range(json_object_get_int64(json_get(stream_of(o, 0), "cleared_ms")), 9800, 10000);
	json_object_put(o);
}

static void send_pattern(struct conn *c, const char *sid)
{
	uint8_t audio[PATTERN_FRAME];

	for (uint32_t i = 0; i < 50; i++) {
		pattern_frame(audio, PATTERN_SEED(9, PATTERN_MODEL), i, 0);
		media_send(c, sid, audio, sizeof audio);
	}
}

static void numbered_frames_pass_both_ways(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, send_pattern);
	o = phone_run(&code, NULL, "--pattern", "1", "--delay-ms", "30", "--jitter-ms", "20", END);
	assert_int_equal(code, 0);
	assert_int_equal(server.seen.check.frames, 50);
	assert_int_equal(pattern_errors(&server.seen.check), 0);
	assert_int_equal(json_object_get_int64(json_path(o, "pattern.frames")), 50);
	assert_int_equal(json_object_get_int64(json_path(o, "pattern.errors")), 0);
	json_object_put(o);
}

static void say_nonsense(struct conn *c, const char *sid)
{
	text_send(c, "{\"event\":\"media\",\"stream_sid\":\"%s\",\"media\":{\"payload\":\"////\"}}", sid);
	text_send(c, "{\"event\":\"mark\",\"streamSid\":\"%s\",\"mark\":{}}", sid);
	text_send(c, "{\"event\":\"stop\",\"streamSid\":\"%s\"}", sid);
	text_send(c, "{\"event\":\"clear\",\"streamSid\":\"%s\",\"more\":1}", sid);
	frame_send(c, 2, SPAN("binary"));
	close_send(c, 1000);
}

static void wrong_messages_are_counted_as_twilio_does(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, say_nonsense);
	o = phone_run(&code, "{\"expect\":{\"problems\":[\"31951: 4 bad\",\"31950: 1\"],\"streams.0.malformed\":4,\"streams.0.binary\":1}}", END);
	assert_int_equal(code, 0);
	json_object_put(o);
}

static void say_fragmented_ping(struct conn *c, const char *sid)
{
	char bad[] = { 0x09, 0x00 };

	(void)sid;
	fd_write_all(c->fd, span_of(bad, 2));
}

static void bad_framing_is_31924(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, say_fragmented_ping);
	o = phone_run(&code, "{\"expect\":{\"problems\":[\"31924\"],\"streams.0.end\":\"protocol\"}}", END);
	assert_int_equal(code, 0);
	json_object_put(o);
}

/* What the webhook answers, and what becomes of the call. */
static void answers_of_the_webhook(void **state)
{
	static const struct {
		const char *twiml;
		int status;
		const char *scenario;
	} rows[] = {
		{ "<Response><Reject reason=\"busy\"/></Response>", 200, "{\"expect\":{\"status\":\"busy\",\"answered_ms\":null}}" },
		{ "<Response><Reject/></Response>", 200, "{\"expect\":{\"status\":\"no-answer\"}}" },
		{ "<Response/>", 200, "{\"expect\":{\"status\":\"completed\"}}" },
		{ "<Response><Dial action=\"" PUBLIC "/api/continue/1/\">+15005550020</Dial></Response>", 200,
		  "{\"dial\":[\"no-answer\"],\"expect\":{\"steps\":[\"Dial +15005550020: no-answer\",\"Hangup\"],\"actions\":1}}" },
		{ "<Response><Pause length=\"1\"/><Redirect>" PUBLIC "/api/continue/1/</Redirect></Response>", 200,
		  "{\"expect\":{\"steps\":[\"Pause\",\"Redirect\",\"Hangup\"],\"lasted_ms\":{\"min\":1000}}}" },
		{ "<Response>", 200, "{\"expect\":{\"problems\":[\"12100\"],\"status\":\"failed\"}}" },
		{ "<response/>", 200, "{\"expect\":{\"problems\":[\"12102\"]}}" },
		{ "<Response><say>x</say></Response>", 200, "{\"expect\":{\"problems\":[\"12200\"],\"status\":\"completed\"}}" },
		{ "", 403, "{\"expect\":{\"problems\":[\"11200\"],\"webhook_status\":403,\"status\":\"failed\"}}" },
		{ "<Response/>", 200, "{\"faults\":[{\"fault\":\"forged\"}],\"expect\":{\"problems\":[\"11200\"],\"webhook_status\":403}}" },
		{ "<Response/>", 200, "{\"method\":\"GET\",\"expect\":{\"status\":\"completed\"}}" },
		{ "<Response/>", 200, "{\"faults\":[{\"fault\":\"repeat_webhook\",\"count\":2}],\"expect\":{\"steps\":{\"min\":1}}}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct json_object *o;
		int code;

		scene(rows[i].twiml, NULL, NULL);
		server.webhook_status = rows[i].status;
		o = phone_run(&code, rows[i].scenario, END);
		if (code)
			fail_msg("row %zu: %s", i, json_object_get_string(result(o, "problems")));
		json_object_put(o);
	}
}

/* An agent with an ear: answers for a second and a half after half a second of quiet, and stops when the caller speaks. */
static void speak(struct conn *c, unsigned ms)
{
	uint8_t audio[1600];

	memset(audio, 0x55, sizeof audio);
	for (unsigned at = 0; at < ms; at += 100)
		media_send(c, c->sid, audio, 800);
	mark_send(c, c->sid, "end");
	c->speaks_until_ms = clock_ms() + ms;
}

static void greet(struct conn *c, const char *sid)
{
	(void)sid;
	speak(c, 800);
}

static void hear(struct conn *c, const uint8_t *audio, size_t n)
{
	bool voice = false;

	for (size_t i = 0; i < n; i++)
		voice = voice || abs(wav_linear(audio[i])) > 600;
	c->quiet = voice ? 0 : c->quiet + 1;
	c->voice += voice;
	if (c->voice == 5 && clock_ms() < c->speaks_until_ms)
		text_send(c, "{\"event\":\"clear\",\"streamSid\":\"%s\"}", c->sid);
	if (c->voice < 5 || c->quiet < 25)
		return;
	c->voice = 0;
	speak(c, 1500);
}

static void a_conversation_with_a_barge_in(void **state)
{
	int code;
	struct json_object *o;
	char save[] = "/tmp/sim-phone-save-XXXXXX";
	struct buf heard = BUF_INIT;

	(void)state;
	close(mkstemp(save));
	scene(CONNECT(""), NULL, greet);
	server.hear = hear;
	o = phone_run(&code, "{\"quiet_ms\":300,\"script\":[{\"say\":\"What are your opening hours?\"},{\"say\":\"Sorry, one more thing.\",\"interrupt_ms\":400},"
	                     "{\"say\":\"Thank you, goodbye.\"}],\"expect\":{\"answered_turns\":3,\"barge_ins\":1,\"turns\":3,"
	                     "\"turns.0.answer_heard_ms\":{\"min\":400,\"max\":1490},\"turns.1.interrupts\":true,\"turns.1.clear_ms\":{\"min\":1},"
	                     "\"turns.1.answer_heard_ms\":{\"min\":1450,\"max\":1500},\"turns.2.latency_ms\":{\"min\":400}}}",
	              "--save", save, END);
	if (code)
		fail_msg("%s", json_object_get_string(json_get(o, "results")));
	assert_int_equal(wav_read(&heard, save, NULL), ERR_OK);
	assert_true(heard.n > 5 * 8000);
	assert_int_equal((uint8_t)heard.p[4000], 0x55);
	buf_fini(&heard);
	unlink(save);
	json_object_put(o);
}

/* What the phone does wrong on purpose arrives so. */
static void faults_arrive(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, NULL);
	o = phone_run(&code, "{\"hangup_ms\":600,\"faults\":[{\"fault\":\"wrong_token\"},{\"fault\":\"malformed\",\"count\":8,\"at_ms\":100},"
	                     "{\"fault\":\"stop_twice\"},{\"fault\":\"hole\",\"at_ms\":200,\"ms\":200}]}", END);
	assert_int_equal(code, 0);
	assert_int_equal(server.seen.wrong_tokens, 1);
	assert_in_range(server.seen.malformed, 5, 8);
	assert_int_equal(server.seen.stops, 2);
	assert_in_range(server.seen.media, 12, 24);
	json_object_put(o);
	scene(CONNECT(""), NULL, NULL);
	o = phone_run(&code, "{\"hangup_ms\":800,\"faults\":[{\"fault\":\"drop\",\"at_ms\":200}],\"expect\":{\"actions\":1,\"streams.0.end\":\"broken\"}}", END);
	assert_int_equal(code, 0);
	assert_int_equal(server.seen.stops, 0);
	assert_int_equal(server.seen.actions, 1);
	json_object_put(o);
}

#define TRANSFER "<Response><Dial action=\"" PUBLIC "/api/continue/1/\"><Number url=\"" PUBLIC "/api/whisper/1/\">+15005550020</Number></Dial></Response>"

static void who_is_called_hears_the_whisper_first(void **state)
{
	static const struct {
		const char *whisper, *scenario, *dialled;
	} rows[] = {
		{ "<Response><Say>Ann &amp; Bob</Say><Pause length=\"1\"/><Say>now</Say></Response>",
		  "{\"expect\":{\"whispered\":[\"Ann & Bob\",\"now\"],\"said\":[],\"lasted_ms\":{\"min\":1000},\"actions\":1,\"steps\":[\"Dial +15005550020: completed\",\"Hangup\"]}}",
		  "outbound-dial +15005550020 0;completed true;" },
		{ "<Response/>", "{\"expect\":{\"whispered\":0}}", "outbound-dial +15005550020 0;completed true;" },
		{ "<Response><Say>no</Say><Hangup/></Response>", "{\"expect\":{\"whispered\":1}}", "outbound-dial +15005550020 0;completed false;" },
		{ "<Response><Dial>+1</Dial></Response>", "{\"expect\":{\"problems\":[\"12200: whisper: <Dial>\"]}}", "outbound-dial +15005550020 0;completed true;" },
		{ NULL, "{\"expect\":{\"problems\":[\"11200: whisper\"]}}", "outbound-dial +15005550020 0;completed false;" },
		{ "<Response><Say>x</Say></Response>", "{\"dial\":[\"no-answer\"],\"expect\":{\"whispered\":0}}", "no-answer false;" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct json_object *o;
		int code;

		scene(TRANSFER, NULL, NULL);
		server.whisper = rows[i].whisper;
		o = phone_run(&code, rows[i].scenario, END);
		if (code || strcmp(server.seen.dialled, rows[i].dialled) != 0)
			fail_msg("row %zu: %s %s", i, server.seen.dialled, json_object_get_string(result(o, "problems")));
		assert_int_equal(server.seen.bad_signatures, 0);
		json_object_put(o);
	}
}

static void a_call_that_was_placed_is_answered_by_somebody(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, NULL);
	o = phone_run(&code, "{\"outbound\":true,\"from\":\"+15005550011\",\"answered_by\":{\"value\":\"machine_start\",\"at_ms\":200},\"hangup_ms\":600}", END);
	assert_int_equal(code, 0);
	assert_string_equal(server.seen.direction, "outbound-api");
	assert_string_equal(server.seen.from, "+15005550006");
	assert_string_equal(server.seen.machine, "machine_start 200 4");
	assert_int_equal(server.seen.machines, 1);
	assert_int_equal(server.seen.bad_signatures, 0);
	json_object_put(o);
	scene("<Response><Hangup/></Response>", NULL, NULL);             /* over before anybody could tell */
	o = phone_run(&code, "{\"outbound\":true,\"answered_by\":{\"value\":\"fax\"}}", END);
	assert_int_equal(code, 0);
	assert_int_equal(server.seen.machines, 0);
	json_object_put(o);
}

static void fifty_calls_at_once(void **state)
{
	int code;
	struct json_object *o;

	(void)state;
	scene(CONNECT(""), NULL, send_pattern);
	o = phone_run(&code, NULL, "--pattern", "1", "--calls", "50", "--rate", "100", END);
	assert_int_equal(code, 0);
	assert_int_equal(server.seen.webhooks, 50);
	assert_int_equal(server.seen.statuses, 50);
	assert_int_equal(server.seen.media >= 50 * 50, 1);
	assert_int_equal(json_object_get_int64(json_path(o, "pattern.frames")), 50 * 50);
	json_object_put(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_call),
		cmocka_unit_test(a_closed_stream_asks_for_the_action_and_follows_it),
		cmocka_unit_test(a_broken_stream_asks_for_the_action_too_and_is_reported),
		cmocka_unit_test(a_refused_upgrade_falls_through),
		cmocka_unit_test(clear_returns_marks_and_silence),
		cmocka_unit_test(numbered_frames_pass_both_ways),
		cmocka_unit_test(wrong_messages_are_counted_as_twilio_does),
		cmocka_unit_test(bad_framing_is_31924),
		cmocka_unit_test(answers_of_the_webhook),
		cmocka_unit_test(a_conversation_with_a_barge_in),
		cmocka_unit_test(faults_arrive),
		cmocka_unit_test(who_is_called_hears_the_whisper_first),
		cmocka_unit_test(a_call_that_was_placed_is_answered_by_somebody),
		cmocka_unit_test(fifty_calls_at_once),
	};

	return cmocka_run_group_tests(tests, server_up, server_down);
}
