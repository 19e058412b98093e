/* tool - see the header. */
#include <errno.h>
#include <netinet/in.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/form.h"
#include "base/json.h"
#include "base/proc.h"
#include "tool.h"

#define REQUEST_MAX ((size_t)256 << 10)

struct tool_server {
	struct tool_conf conf;
	int fd, stop[2];
	unsigned port;
	FILE *log;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	unsigned seen, running;
	struct buf last;
	atomic_bool over;
};

struct visit { struct tool_server *t; int fd; };

struct request {
	struct buf raw;
	struct span head, body, target, method;
};

/* --- reading --- */

static struct span header(struct span head, const char *name)
{
	struct span line;
	size_t n = strlen(name);

	while (span_cut(&head, '\n', &line))
		if (line.n > n && line.p[n] == ':' && strncasecmp(line.p, name, n) == 0)
			return span_trim(span_skip(line, n + 1));
	return SPAN_NONE;
}

static bool whole(struct request *r)
{
	const char *end = memmem(r->raw.p ? r->raw.p : "", r->raw.n, "\r\n\r\n", 4);
	struct span line, rest;
	int64_t length = 0;

	if (!end)
		return false;
	r->head = span_of(r->raw.p, (size_t)(end - r->raw.p) + 2);
	r->body = span_skip(buf_span(&r->raw), r->head.n + 2);
	span_int(header(r->head, "Content-Length"), &length);
	rest = r->head;
	span_cut(&rest, '\n', &line);
	span_cut(&line, ' ', &r->method);
	span_cut(&line, ' ', &r->target);
	return r->body.n >= (size_t)length;
}

static bool request_read(struct visit *v, struct request *r)
{
	r->raw = BUF_BOUND(REQUEST_MAX);
	while (!whole(r)) {
		char *room = buf_room(&r->raw, 4096);
		ssize_t n = room ? recv(v->fd, room, 4096, 0) : -1;

		if (n <= 0)
			return false;
		buf_wrote(&r->raw, (size_t)n);
	}
	return true;
}

/* --- the signature --- */

static bool signature_good(const struct tool_server *t, const struct request *r)
{
	struct span given = header(r->head, "X-Offhook-Signature"), at, hex;
	struct buf message = BUF_INIT;
	uint8_t mac[EVP_MAX_MD_SIZE];
	char want[2 * EVP_MAX_MD_SIZE + 1] = "";
	unsigned n = 0;
	bool good;

	if (!span_cut(&given, ',', &at) || !span_starts(at, SPAN("t=")) || !span_starts(given, SPAN("v1=")))
		return false;
	hex = span_skip(given, 3);
	buf_add(&message, span_skip(at, 2));
	buf_addc(&message, '.');
	buf_add(&message, r->body);
	HMAC(EVP_sha256(), t->conf.secret, (int)strlen(t->conf.secret), (const uint8_t *)message.p, message.n, mac, &n);
	hex_encode(want, mac, n);
	good = span_is(hex, want);
	buf_fini(&message);
	return good;
}

static const char *signature_word(const struct tool_server *t, const struct request *r)
{
	if (!t->conf.secret[0])
		return "unchecked";
	return !header(r->head, "X-Offhook-Signature").n ? "none" : signature_good(t, r) ? "good" : "bad";
}

/* --- answering --- */

static int64_t wish(const struct form *f, const char *name, int64_t otherwise)
{
	int64_t v;

	return span_int(form_get(f, name), &v) ? v : otherwise;
}

static void answer_json(struct tool_server *t, const struct request *r, struct buf *out)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b), *given = NULL;

	if (r->body.n && json_read(&given, r->body) == ERR_OK)
		json_set(&b, o, "arguments", json_object_get(json_get(given, "arguments")));
	json_set(&b, o, "target", json_str(&b, r->target));
	json_set(&b, o, "signature", json_strz(&b, signature_word(t, r)));
	if (!b.err)
		json_write(out, o);
	json_object_put(given);
	json_object_put(o);
}

static void remember(struct tool_server *t, const struct request *r)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);
	struct buf line = BUF_INIT;

	json_set(&b, o, "ms", json_int(&b, clock_ms()));
	json_set(&b, o, "method", json_str(&b, r->method));
	json_set(&b, o, "target", json_str(&b, r->target));
	json_set(&b, o, "session", json_str(&b, header(r->head, "X-Offhook-Session")));
	json_set(&b, o, "signature", json_strz(&b, signature_word(t, r)));
	json_set(&b, o, "body", json_str(&b, r->body));
	json_write(&line, o);
	json_object_put(o);
	pthread_mutex_lock(&t->lock);
	t->seen++;
	buf_reset(&t->last);
	buf_add(&t->last, buf_span(&r->raw));
	if (t->log) {
		fprintf(t->log, "%s\n", buf_z(&line));
		fflush(t->log);
	}
	pthread_mutex_unlock(&t->lock);
	buf_fini(&line);
}

static void wait_ms(struct tool_server *t, int64_t ms)
{
	int64_t until = clock_ms() + ms;

	while (!atomic_load(&t->over) && clock_ms() < until)
		poll(NULL, 0, 5);
}

static void answer(struct visit *v, const struct request *r)
{
	const char *mark = r->target.n ? memchr(r->target.p, '?', r->target.n) : NULL;
	struct span query = mark ? span_skip(r->target, (size_t)(mark - r->target.p) + 1) : SPAN("");
	struct buf body = BUF_INIT, out = BUF_INIT;
	struct form f;

	if (form_parse(&f, query))
		return;
	wait_ms(v->t, wish(&f, "delay_ms", 0));
	if (wish(&f, "bytes", 0) > 0)
		for (int64_t i = wish(&f, "bytes", 0); i > 0; i--)
			buf_addc(&body, 'x');
	else
		answer_json(v->t, r, &body);
	buf_printf(&out, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nLocation: /elsewhere\r\nConnection: close\r\n\r\n",
		   (int)wish(&f, "status", 200), body.n);
	buf_add(&out, buf_span(&body));
	if (!wish(&f, "drop", 0))
		for (size_t at = 0; at < out.n;) {
			ssize_t n = send(v->fd, out.p + at, out.n - at, MSG_NOSIGNAL);

			if (n <= 0)
				break;
			at += (size_t)n;
		}
	buf_fini(&body);
	buf_fini(&out);
	form_fini(&f);
}

static void *visit(void *arg)
{
	struct visit *v = arg;
	struct tool_server *t = v->t;
	struct request r = { .body = SPAN_NONE };

	if (request_read(v, &r)) {
		remember(t, &r);
		answer(v, &r);
	}
	buf_fini(&r.raw);
	close(v->fd);
	free(v);
	pthread_mutex_lock(&t->lock);
	t->running--;
	pthread_cond_signal(&t->idle);
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

static void welcome(struct tool_server *t, int fd)
{
	struct timeval patience = { 10, 0 };
	struct visit *v = malloc(sizeof *v);
	pthread_t thread;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (v)
		*v = (struct visit){ t, fd };
	pthread_mutex_lock(&t->lock);
	t->running++;
	pthread_mutex_unlock(&t->lock);
	if (v && pthread_create(&thread, NULL, visit, v) == 0) {
		pthread_detach(thread);
		return;
	}
	pthread_mutex_lock(&t->lock);
	t->running--;
	pthread_mutex_unlock(&t->lock);
	free(v);
	close(fd);
}

static void *loop(void *arg)
{
	struct tool_server *t = arg;
	struct pollfd p[2] = { { .fd = t->fd, .events = POLLIN }, { .fd = t->stop[0], .events = POLLIN } };

	while (poll(p, 2, -1) >= 0 || errno == EINTR) {
		int fd;

		if (p[1].revents)
			break;
		fd = accept4(t->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			welcome(t, fd);
	}
	return NULL;
}

/* --- life --- */

static unsigned port_of(int fd)
{
	union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; } a = { .v6 = { .sin6_port = 0 } };
	socklen_t n = sizeof a;

	return getsockname(fd, &a.any, &n) ? 0 : ntohs(a.v4.sin_port);       /* the same place in both families */
}

enum err tool_server_start(struct tool_server **out, const struct tool_conf *c)
{
	struct tool_server *t = calloc(1, sizeof *t);
	enum err e = t ? tcp_listen(&t->fd, span_z(c->listen), 64) : ERR_NOMEM;

	if (e) {
		free(t);
		return e;
	}
	t->conf = *c;
	t->port = port_of(t->fd);
	t->log = c->log[0] ? fopen(c->log, "ae") : NULL;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->idle, NULL);
	if (pipe(t->stop) || pthread_create(&t->thread, NULL, loop, t)) {
		close(t->fd);
		free(t);
		return ERR_IO;
	}
	*out = t;
	return ERR_OK;
}

unsigned tool_server_port(const struct tool_server *t)
{
	return t->port;
}

unsigned tool_server_seen(struct tool_server *t)
{
	unsigned n;

	pthread_mutex_lock(&t->lock);
	n = t->seen;
	pthread_mutex_unlock(&t->lock);
	return n;
}

void tool_server_last(struct tool_server *t, struct buf *out)
{
	pthread_mutex_lock(&t->lock);
	buf_reset(out);
	buf_add(out, buf_span(&t->last));
	pthread_mutex_unlock(&t->lock);
}

void tool_server_stop(struct tool_server *t)
{
	if (!t)
		return;
	atomic_store(&t->over, true);
	if (write(t->stop[1], "", 1) == 1)
		pthread_join(t->thread, NULL);
	pthread_mutex_lock(&t->lock);
	while (t->running)
		pthread_cond_wait(&t->idle, &t->lock);
	pthread_mutex_unlock(&t->lock);
	close(t->fd);
	close(t->stop[0]);
	close(t->stop[1]);
	if (t->log)
		fclose(t->log);
	buf_fini(&t->last);
	pthread_mutex_destroy(&t->lock);
	pthread_cond_destroy(&t->idle);
	free(t);
}

/* --- the program --- */

static const struct {
	const char *name, *help;
	size_t off, size;
} options[] = {
	{ "listen", "HOST:PORT  where; port 0 is a free one (127.0.0.1:0)", offsetof(struct tool_conf, listen), sizeof ((struct tool_conf *)0)->listen },
	{ "secret", "TEXT  of the tool: signatures are checked with it", offsetof(struct tool_conf, secret), sizeof ((struct tool_conf *)0)->secret },
	{ "log", "FILE  a JSON line for each request", offsetof(struct tool_conf, log), sizeof ((struct tool_conf *)0)->log },
};
#define N_OPTIONS (sizeof options / sizeof *options)

void tool_help(struct buf *out)
{
	buf_addz(out, "usage: offhook-sim tool [OPTIONS]\nAn HTTP tool: answers with what it was sent. In the query: delay_ms=, status=, bytes=, drop=1.\n");
	for (size_t i = 0; i < N_OPTIONS; i++)
		buf_printf(out, "  --%s %s\n", options[i].name, options[i].help);
}

static bool option(struct tool_conf *c, const char *name, const char *value)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (strncmp(name, "--", 2) == 0 && strcmp(name + 2, options[i].name) == 0)
			return value && span_copy((char *)c + options[i].off, options[i].size, span_z(value));
	return false;
}

static int serve(const struct tool_conf *c)
{
	struct tool_server *t = NULL;
	sigset_t set;
	int sig;
	enum err e;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	e = tool_server_start(&t, c);
	if (e) {
		fprintf(stderr, "offhook-sim: %s: %s\n", c->listen, err_text(e));
		return 1;
	}
	printf("offhook-sim: tool http://127.0.0.1:%u/\n", tool_server_port(t));
	fflush(stdout);
	sigwait(&set, &sig);
	tool_server_stop(t);
	return 0;
}

int tool_main(int argc, char **argv)
{
	struct tool_conf c = { .listen = "127.0.0.1:0" };
	struct buf help = BUF_INIT;

	if (argc == 1 && strcmp(argv[0], "--help") == 0) {
		tool_help(&help);
		fputs(buf_z(&help), stdout);
		buf_fini(&help);
		return 0;
	}
	for (int i = 0; i < argc; i += 2)
		if (!option(&c, argv[i], i + 1 < argc ? argv[i + 1] : NULL)) {
			fprintf(stderr, "offhook-sim: tool: %s: no such option, or its value is missing; see --help\n", argv[i]);
			return 2;
		}
	return serve(&c);
}
