/*
 * relay_world - the real offhook-relay as a child, started as the supervisor starts it, a store of its own that the test writes as the webhook would, and
 * a fake model: whoever the test wants it to be, on a listener the test accepts from.
 */
#ifndef OFFHOOK_TEST_RELAY_WORLD_H
#define OFFHOOK_TEST_RELAY_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/proc.h"
#include "control.h"
#include "peer.h"
#include "store/account.h"
#include "store/agent.h"
#include "store/call.h"
#include "store/noun.h"
#include "store/ticket.h"
#include "store/turn.h"
#include "tests/sim/model_cert.h"

struct relay_world {
	char dir[64], data[80], socket[128], program[4096], log[80];
	struct store *store;
	pid_t pid;
	int control_fd, media_fd, media_port, notify_fd, extra_fd;      /* extra: the listener for TLS, 0 = none */
	int model_fd, model_port;        /* where the model listens */
	struct model_cert cert;
	SSL_CTX *tls;
	bool plain;                      /* ws:// */
};

struct phone_call {
	char session[UUID_TEXT], sid[40], stream[40], path[80];
	uint8_t id[16];
	char token[4][TICKET_TEXT];
};

#define soon(limit_ms, condition) do { \
	int64_t until_ = peer_ms() + (limit_ms); \
	while (!(condition)) { \
		if (peer_ms() > until_) \
			fail_msg("after %d ms still not: %s", (int)(limit_ms), #condition); \
		poll(NULL, 0, 5); \
	} \
} while (0)

static inline void relay_find(char out[4096])
{
	static const char *const places[] = { "../offhook-relay", "../../offhook-relay" };
	const char *named = getenv("OFFHOOK_BIN");
	struct buf self = BUF_INIT;

	assert_int_equal(proc_self_dir(&self), ERR_OK);
	snprintf(out, 4096, "%s/offhook-relay", named ? named : "");
	for (size_t i = 0; i < 2 && access(out, X_OK) != 0; i++)
		snprintf(out, 4096, "%s/%s", buf_z(&self), places[i]);
	if (access(out, X_OK) != 0)
		fail_msg("the program offhook-relay is not beside %s: make it first", buf_z(&self));
	buf_fini(&self);
}

static inline void world_environment(struct relay_world *w)
{
	static const char *const gone[] = { "OPENAI_FALLBACK_URL", "OFFHOOK_RELAY_TLS_LISTEN", "TWILIO_VALIDATE_STREAM", "OFFHOOK_MAX_CALLS",
					    "OFFHOOK_STREAM_URL" };
	char url[100], ca[100];

	for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
		unsetenv(gone[i]);
	snprintf(url, sizeof url, "%s://localhost:%d/v1/realtime", w->plain ? "ws" : "wss", w->model_port);
	snprintf(ca, sizeof ca, "%s/ca.pem", w->dir);
	setenv("OFFHOOK_ENV", "/dev/null", 1);
	setenv("OFFHOOK_DATA_DIR", w->data, 1);
	setenv("OPENAI_REALTIME_URL", url, 1);
	setenv("OPENAI_CA_FILE", ca, 1);
	setenv("OPENAI_API_KEY", "sk-test-0123456789", 1);
	setenv("PUBLIC_URL", "https://offhook.example", 1);
	setenv("TWILIO_ACCOUNT_SID", "AC00000000000000000000000000000001", 1);
	setenv("TWILIO_AUTH_TOKEN", "test-token", 1);
	setenv("OFFHOOK_RELAY_WORKERS", "2", 1);
	setenv("OFFHOOK_LOG_LEVEL", "info", 1);
}

static inline void world_store(struct relay_world *w)
{
	char home[100], key[100];

	snprintf(home, sizeof home, "%s/db", w->data);
	snprintf(key, sizeof key, "%s/secret.key", w->data);
	struct store_options o = { .home = home, .key_file = key, .helper = w->program, .sentinel = true, .create = true };

	assert_int_equal(dir_make(w->data, 0770), ERR_OK);
	assert_int_equal(store_open(&w->store, &o), ERR_OK);
	assert_int_equal(store_first_start(w->store), ERR_OK);
}

static inline void world_listen(struct relay_world *w)
{
	char run[90];

	snprintf(run, sizeof run, "%.80s/run", w->data);
	snprintf(w->socket, sizeof w->socket, "%s/relay.sock", run);
	assert_int_equal(dir_make(run, 0770), ERR_OK);
	assert_int_equal(unix_listen(&w->control_fd, w->socket, 0660), ERR_OK);
	w->media_fd = peer_listen(&w->media_port);
	assert_true(w->media_fd >= 0);
}

/* `names`: of the certificate, NULL = localhost. */
static inline void world_begin(struct relay_world *w, const char *names, bool plain)
{
	*w = (struct relay_world){ .dir = "/tmp/offhook-relay-XXXXXX", .pid = -1, .notify_fd = -1, .plain = plain };
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->data, sizeof w->data, "%s/d", w->dir);
	snprintf(w->log, sizeof w->log, "%s/log", w->dir);
	relay_find(w->program);
	w->model_fd = peer_listen(&w->model_port);
	assert_int_equal(model_cert_make(&w->cert, names, 10), ERR_OK);
	w->tls = SSL_CTX_new(TLS_server_method());
	assert_int_equal(model_cert_use(&w->cert, w->tls), ERR_OK);
	char ca[100];
	snprintf(ca, sizeof ca, "%s/ca.pem", w->dir);
	assert_int_equal(model_cert_save_ca(&w->cert, ca), ERR_OK);
	world_environment(w);
	world_store(w);
	world_listen(w);
}

/* A test that fails leaves its relays running: they end with the program. */
static pid_t relays[64];
static unsigned relays_n;

static void relays_end(void)
{
	for (unsigned i = 0; i < relays_n; i++)
		if (waitpid(relays[i], NULL, WNOHANG) == 0)
			kill(relays[i], SIGKILL);
}

static inline void relay_remember(pid_t pid)
{
	if (relays_n == 0)
		atexit(relays_end);
	if (relays_n < sizeof relays / sizeof *relays)
		relays[relays_n++] = pid;
}

static inline bool notified(struct relay_world *w, const char *word, int timeout_ms, char line[512])
{
	int64_t until = peer_ms() + timeout_ms;
	size_t n = 0;

	while (n < 511) {
		struct pollfd f = { .fd = w->notify_fd, .events = POLLIN };
		int64_t left = until - peer_ms();

		if (poll(&f, 1, left > 0 ? (int)left : 0) <= 0 || read(w->notify_fd, line + n, 1) != 1)
			return false;
		if (line[n++] != '\n')
			continue;
		line[n - 1] = '\0';
		if (strncmp(line, word, strlen(word)) == 0)
			return true;
		n = 0;
	}
	return false;
}

/* Starts a relay on the sockets of this world, beside an older one if there is one. */
static inline void relay_start(struct relay_world *w)
{
	int pipe_fd[2], log = open(w->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	char *argv[] = { w->program, NULL }, line[512];

	assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
	struct proc_fd fds[] = { { w->control_fd, 3 }, { w->media_fd, 4 }, { pipe_fd[1], 5 }, { log, 2 }, { w->extra_fd, 6 } };

	setenv("OFFHOOK_FDS", w->extra_fd ? "control=3,media=4,notify=5,tls=6" : "control=3,media=4,notify=5", 1);
	assert_int_equal(proc_spawn(&w->pid, w->program, argv, NULL, fds, w->extra_fd ? 5 : 4), ERR_OK);
	relay_remember(w->pid);
	close(pipe_fd[1]);
	close(log);
	if (w->notify_fd >= 0)
		close(w->notify_fd);
	w->notify_fd = pipe_fd[0];
	assert_true(notified(w, "ready", 20000, line));
}

static inline int relay_wait(pid_t pid, int timeout_ms)
{
	int64_t until = peer_ms() + timeout_ms;
	int st;

	while (waitpid(pid, &st, WNOHANG) == 0) {
		if (peer_ms() > until)
			return -1;
		poll(NULL, 0, 5);
	}
	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

static inline void log_show(struct relay_world *w)
{
	struct buf b = BUF_BOUND((size_t)4 << 20);

	if (file_read(&b, w->log) == ERR_OK)
		fprintf(stderr, "%s", buf_z(&b));
	buf_fini(&b);
}

static inline bool log_has(struct relay_world *w, const char *text)
{
	struct buf b = BUF_BOUND((size_t)16 << 20);
	bool found = file_read(&b, w->log) == ERR_OK && strstr(buf_z(&b), text);

	buf_fini(&b);
	return found;
}

static inline int remove_it(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st, (void)type, (void)f;
	return remove(path);
}

/* Ends the relay at once, and looks at how it went: sanitizers speak through the exit code. */
static inline void world_end(struct relay_world *w)
{
	int code = 0;

	if (w->pid > 0) {
		kill(w->pid, SIGINT);
		code = relay_wait(w->pid, 20000);
	}
	if (code)
		log_show(w);
	assert_int_equal(code, 0);
	store_close(w->store);
	close(w->control_fd);
	close(w->media_fd);
	close(w->model_fd);
	close(w->notify_fd);
	SSL_CTX_free(w->tls);
	model_cert_fini(&w->cert);
	nftw(w->dir, remove_it, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- calls --- */

static inline enum err call_body(struct txn *t, void *arg)
{
	struct phone_call *c = arg;
	struct account a;
	struct call r;
	enum err e = account_default(t, &a);

	if (e)
		return e;
	record_init(&call_type, &r);
	r.session_id = span_dup(span_z(c->session));
	r.twilio_call_sid = span_dup(span_z(c->sid));
	r.account = span_dup(span_z(a.id));
	r.agent = a.default_agent ? span_dup(span_z(a.default_agent)) : NULL;
	free(r.status);
	r.status = span_dup(SPAN("started"));
	r.started_at = clock_wall_ms();
	e = call_put(t, &r);
	for (int i = 0; i < 4 && !e; i++)
		e = ticket_new(t, span_z(c->session), span_z(c->sid), clock_wall_ms(), c->token[i]);
	record_fini(&call_type, &r);
	record_fini(&account_type, &a);
	return e;
}

/* As the webhook writes it: record and tickets. */
static inline void call_make(struct relay_world *w, struct phone_call *c)
{
	uint8_t raw[16];
	char hex[33] = "";

	memset(c, 0, sizeof *c);
	assert_int_equal(uuid_new(c->session), ERR_OK);
	uuid_parse(span_z(c->session), c->id);
	assert_int_equal(random_bytes(raw, 16), ERR_OK);
	hex_encode(hex, raw, 16);
	snprintf(c->sid, sizeof c->sid, "CA%s", hex);
	snprintf(c->stream, sizeof c->stream, "MZ%s", hex);
	snprintf(c->path, sizeof c->path, "/ws/realtime/%s/", c->session);
	for (int i = 0; i < 4; i++)
		assert_int_equal(ticket_token(c->token[i]), ERR_OK);
	assert_int_equal(store_txn(w->store, EVENTUAL, call_body, c), ERR_OK);
}

static inline struct json_object *ask(struct relay_world *w, const struct control_request *r)
{
	struct json_object *o = NULL;

	assert_int_equal(control_ask(w->socket, r, 3000, &o), ERR_OK);
	return o;
}

/* "ok", or the reason. */
static inline void announce(struct relay_world *w, const struct phone_call *c, char out[64])
{
	struct control_request r = { .op = "announce", .session_id = span_z(c->session) };
	struct json_object *o = ask(w, &r);
	bool ok = false;

	json_get_bool(o, "ok", &ok);
	span_copy(out, 64, ok ? SPAN("ok") : json_get_span(o, "reason"));
	json_object_put(o);
}

static inline int active_calls(struct relay_world *w)
{
	struct control_request r = { .op = "health" };
	struct json_object *o = ask(w, &r);
	int64_t n = -1;

	json_get_int(o, "active_calls", &n);
	json_object_put(o);
	return (int)n;
}

struct read_call { const char *session; struct call *out; };

static inline enum err read_call_body(struct txn *t, void *arg)
{
	struct read_call *r = arg;

	return call_get(t, span_z(r->session), r->out);
}

static inline void call_read(struct relay_world *w, const struct phone_call *c, struct call *out)
{
	struct read_call r = { c->session, out };
	enum err e = store_read(w->store, read_call_body, &r);

	if (e == ERR_RECOVER && store_reopen(&w->store) == ERR_OK)      /* a relay was killed, and its successor has recovered */
		e = store_read(w->store, read_call_body, &r);
	assert_int_equal(e, ERR_OK);
}

static inline bool call_ended_as(struct relay_world *w, const struct phone_call *c, const char *reason)
{
	struct call r = { 0 };
	bool yes;

	call_read(w, c, &r);
	yes = r.end_reason && strcmp(r.end_reason, reason) == 0;
	record_fini(&call_type, &r);
	return yes;
}

/* --- the phone --- */

static inline void phone_start_text(const struct phone_call *c, const char *token, struct buf *b)
{
	buf_reset(b);
	buf_printf(b, "{\"event\":\"start\",\"sequenceNumber\":\"1\",\"start\":{\"accountSid\":\"AC00000000000000000000000000000001\",\"streamSid\":\"%s\","
		      "\"callSid\":\"%s\",\"tracks\":[\"inbound\"],\"mediaFormat\":{\"encoding\":\"audio/x-mulaw\",\"sampleRate\":8000,\"channels\":1},"
		      "\"customParameters\":{\"token\":\"%s\"}},\"streamSid\":\"%s\"}", c->stream, c->sid, token, c->stream);
}

static inline void phone_connect(struct relay_world *w, struct peer *p, const struct phone_call *c, const char *token)
{
	struct buf b = BUF_INIT;

	assert_true(peer_dial(p, w->media_port, 0));
	assert_int_equal(peer_ask(p, c->path, NULL), 101);
	assert_true(peer_text(p, "{\"event\":\"connected\",\"protocol\":\"Call\",\"version\":\"1.0.0\"}"));
	phone_start_text(c, token, &b);
	assert_true(peer_frame(p, FIN | OP_TEXT, b.p, b.n));
	buf_fini(&b);
}

static inline bool phone_media(struct peer *p, const struct phone_call *c, unsigned nth)
{
	uint8_t audio[160];
	char b64[B64_ENCODED(160) + 1], text[600];

	memset(audio, (int)(nth & 0xff), sizeof audio);
	b64_encode(b64, audio, sizeof audio);
	b64[B64_ENCODED(160)] = '\0';
	snprintf(text, sizeof text, "{\"event\":\"media\",\"sequenceNumber\":\"%u\",\"media\":{\"track\":\"inbound\",\"chunk\":\"%u\",\"timestamp\":\"%u\","
		 "\"payload\":\"%s\"},\"streamSid\":\"%s\"}", nth + 2, nth + 1, nth * 20, b64, c->stream);
	return peer_text(p, text);
}

/* --- the model --- */

static inline bool model_take(struct relay_world *w, struct peer *p, int timeout_ms)
{
	return peer_accept(p, w->model_fd, w->plain ? NULL : w->tls, timeout_ms);
}

/* Answers session.update with itself, as the server would for a configuration it takes as it is. */
static inline bool model_configure(struct peer *p)
{
	struct buf b = BUF_BOUND((size_t)1 << 20), out = BUF_BOUND((size_t)1 << 20);
	struct json_object *o = NULL, *ses;
	bool ok = peer_text(p, "{\"type\":\"session.created\",\"event_id\":\"e1\",\"session\":{\"type\":\"realtime\",\"object\":\"realtime.session\",\"id\":\"sess_1\"}}") &&
		  peer_message(p, 5000, &b) && json_read(&o, buf_span(&b)) == ERR_OK && json_get_span(o, "type").n &&
		  span_is(json_get_span(o, "type"), "session.update") && (ses = json_get(o, "session")) != NULL;

	if (ok) {
		buf_addz(&out, "{\"type\":\"session.updated\",\"event_id\":\"e2\",\"session\":");
		json_write(&out, ses);
		buf_addz(&out, "}");
		ok = peer_frame(p, FIN | OP_TEXT, out.p, out.n);
	}
	json_object_put(o);
	buf_fini(&b);
	buf_fini(&out);
	return ok;
}

/* Takes the dial and makes it ready; the greeting's response.create is read. */
static inline void model_ready(struct relay_world *w, struct peer *p)
{
	struct buf b = BUF_BOUND((size_t)1 << 20);

	assert_true(model_take(w, p, 5000));
	assert_true(peer_welcome(p));
	assert_true(model_configure(p));
	assert_true(peer_message(p, 5000, &b));
	assert_non_null(strstr(buf_z(&b), "response.create"));
	buf_fini(&b);
}

static inline bool model_answer_begin(struct peer *p, const char *response, const char *item)
{
	char text[600];

	snprintf(text, sizeof text, "{\"type\":\"response.created\",\"event_id\":\"e3\",\"response\":{\"object\":\"realtime.response\",\"id\":\"%s\",\"status\":\"in_progress\","
		 "\"output\":[],\"metadata\":{\"purpose\":\"greeting\"}}}", response);
	if (!peer_text(p, text))
		return false;
	snprintf(text, sizeof text, "{\"type\":\"response.output_item.added\",\"event_id\":\"e4\",\"response_id\":\"%s\",\"output_index\":0,\"item\":{\"id\":\"%s\","
		 "\"object\":\"realtime.item\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}", response, item);
	return peer_text(p, text);
}

static inline bool model_audio(struct peer *p, const char *response, const char *item, const uint8_t *audio, size_t n)
{
	struct buf b = BUF_BOUND((size_t)8 << 20);
	bool ok;

	buf_printf(&b, "{\"type\":\"response.output_audio.delta\",\"event_id\":\"e5\",\"response_id\":\"%s\",\"item_id\":\"%s\",\"output_index\":0,"
		       "\"content_index\":0,\"delta\":\"", response, item);
	b64_encode(buf_room(&b, B64_ENCODED(n)), audio, n);
	buf_wrote(&b, B64_ENCODED(n));
	buf_addz(&b, "\"}");
	ok = peer_frame(p, FIN | OP_TEXT, b.p, b.n);
	buf_fini(&b);
	return ok;
}

/* The greeting, said and done: the caller's turn. */
static inline bool model_greets(struct peer *p)
{
	uint8_t audio[1600] = { 0 };

	return model_answer_begin(p, "resp_1", "item_1") && model_audio(p, "resp_1", "item_1", audio, sizeof audio) &&
	       peer_text(p, "{\"type\":\"response.output_audio.done\",\"event_id\":\"e6\",\"response_id\":\"resp_1\",\"item_id\":\"item_1\",\"output_index\":0,"
			    "\"content_index\":0}") &&
	       peer_text(p, "{\"type\":\"response.output_item.done\",\"event_id\":\"e7\",\"response_id\":\"resp_1\",\"output_index\":0,\"item\":{\"id\":\"item_1\","
			    "\"object\":\"realtime.item\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_audio\","
			    "\"transcript\":\"Hello\"}]}}") &&
	       peer_text(p, "{\"type\":\"response.done\",\"event_id\":\"e8\",\"response\":{\"object\":\"realtime.response\",\"id\":\"resp_1\",\"status\":\"completed\","
			    "\"output\":[{\"id\":\"item_1\",\"object\":\"realtime.item\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\","
			    "\"content\":[{\"type\":\"output_audio\",\"transcript\":\"Hello\"}]}],\"metadata\":{\"purpose\":\"greeting\"},"
			    "\"usage\":{\"total_tokens\":3,\"input_tokens\":1,\"output_tokens\":2,\"input_token_details\":{\"text_tokens\":1,\"audio_tokens\":0},"
			    "\"output_token_details\":{\"text_tokens\":1,\"audio_tokens\":1}}}}");
}

#endif
