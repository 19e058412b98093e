/* fcgi - the only file with <fcgiapp.h>. */
#include <errno.h>
#include <fcgiapp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/proc.h"
#include "fcgi.h"

#define DRAIN_MAX ((size_t)4 << 20)      /* lighttpd lets less through */

struct fcgi {
	FCGX_Request req;
	int epoll_fd;
	pthread_mutex_t lock;
	bool open;                       /* a request waits for its answer */
};

#define PARAM(name, m) { name, offsetof(struct request, m) }
static const struct {
	const char *name;
	size_t off;
} params[] = {
	PARAM("REQUEST_METHOD", method), PARAM("REQUEST_URI", uri), PARAM("CONTENT_TYPE", content_type), PARAM("CONTENT_LENGTH", content_length),
	PARAM("HTTP_X_TWILIO_SIGNATURE", signature), PARAM("REMOTE_USER", user), PARAM("REQUEST_SCHEME", scheme), PARAM("HTTP_HOST", host),
	PARAM("HTTP_X_FORWARDED_PROTO", forwarded_proto),
};
#define PARAMS_N (sizeof params / sizeof *params)

/* Several workers wait on one socket: each connection wakes one of them, and accept never waits, since another may have been faster. */
static enum err wait_ready(struct fcgi *f, int listen_fd)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLEXCLUSIVE };

	f->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (f->epoll_fd < 0 || epoll_ctl(f->epoll_fd, EPOLL_CTL_ADD, listen_fd, &ev) != 0)
		return err_errno(errno);
	return fd_nonblock(listen_fd, true);
}

enum err fcgi_new(struct fcgi **out, int listen_fd)
{
	struct fcgi *f = calloc(1, sizeof *f);
	enum err e;

	if (!f)
		return ERR_NOMEM;
	pthread_mutex_init(&f->lock, NULL);
	e = wait_ready(f, listen_fd);
	if (!e && (FCGX_Init() != 0 || FCGX_InitRequest(&f->req, listen_fd, FCGI_FAIL_ACCEPT_ON_INTR) != 0))
		e = ERR_INTERNAL;
	if (e)
		fcgi_free(f);
	else
		*out = f;
	return e;
}

void fcgi_free(struct fcgi *f)
{
	if (!f)
		return;
	if (f->open)
		FCGX_Finish_r(&f->req);
	if (f->epoll_fd >= 0)
		close(f->epoll_fd);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

void request_init(struct request *r, struct span uri)
{
	const char *query = uri.n ? memchr(uri.p, '?', uri.n) : NULL;

	r->uri = uri;
	r->path = query ? span_head(uri, (size_t)(query - uri.p)) : uri;
	r->query = query ? span_skip(uri, r->path.n + 1) : SPAN_NONE;
}

void request_fini(struct request *r)
{
	form_fini(&r->form);
	buf_fini(&r->body_bytes);
	free(r->owned);
	*r = (struct request){ 0 };
}

void answer_fini(struct answer *a)
{
	buf_fini(&a->body);
	*a = (struct answer){ 0 };
}

/* Copied: FCGX_GetParam's strings die with the answer, which another thread may give while the handler still works. */
static bool params_copy(struct request *r, FCGX_ParamArray env)
{
	const char *values[PARAMS_N];
	size_t total = 1;
	char *at;

	for (size_t i = 0; i < PARAMS_N; i++) {
		values[i] = FCGX_GetParam(params[i].name, env);
		total += values[i] ? strlen(values[i]) : 0;
	}
	at = r->owned = malloc(total);
	for (size_t i = 0; at && i < PARAMS_N; i++) {
		struct span *s = (struct span *)((uintptr_t)r + params[i].off);
		size_t n = values[i] ? strlen(values[i]) : 0;

		*s = values[i] ? span_of(memcpy(at, values[i], n), n) : SPAN_NONE;
		at += n;
	}
	return at;
}

static bool signal_waits(const sigset_t *idle)
{
	sigset_t pending;

	sigpending(&pending);
	for (int sig = 1; sig < NSIG; sig++)
		if (sigismember(&pending, sig) == 1 && sigismember(idle, sig) == 0)
			return true;
	return false;
}

/* Under load the socket is always ready, and epoll_pwait alone would let a signal wait for ever. */
static enum err wait_for_one(struct fcgi *f, const sigset_t *idle)
{
	struct epoll_event ev;

	if (signal_waits(idle)) {
		sigsuspend(idle);
		return ERR_BUSY;
	}
	if (epoll_pwait(f->epoll_fd, &ev, 1, -1, idle) == 1)
		return ERR_OK;
	return errno == EINTR ? ERR_BUSY : ERR_IO;
}

enum err fcgi_accept(struct fcgi *f, struct request *r, const sigset_t *idle)
{
	enum err e = wait_for_one(f, idle);

	*r = (struct request){ 0 };
	if (e)
		return e;
	if (FCGX_Accept_r(&f->req) < 0)
		return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ? ERR_BUSY : ERR_IO;
	r->began_ms = clock_ms();
	f->open = true;
	if (!params_copy(r, f->req.envp)) {
		fcgi_answer(f, &(struct answer){ .status = 503 });
		return ERR_BUSY;
	}
	request_init(r, r->uri);
	return ERR_OK;
}

static void drain(struct fcgi *f, size_t bytes)
{
	char waste[4096];
	int n;

	while (bytes < DRAIN_MAX && (n = FCGX_GetStr(waste, sizeof waste, f->req.in)) > 0)
		bytes += (size_t)n;
}

enum err fcgi_body(struct fcgi *f, struct request *r, size_t max)
{
	int64_t length = 0;
	char *room;
	int n = 1;

	buf_reset(&r->body_bytes);
	r->body_bytes.max = max + 1;
	if (r->content_length.n && (!span_int(r->content_length, &length) || length < 0))
		return ERR_SYNTAX;
	while (length <= (int64_t)max && n > 0 && r->body_bytes.n <= max) {
		size_t want = max + 1 - r->body_bytes.n < 4096 ? max + 1 - r->body_bytes.n : 4096;

		room = buf_room(&r->body_bytes, want);
		n = room ? FCGX_GetStr(room, (int)want, f->req.in) : 0;
		buf_wrote(&r->body_bytes, n > 0 ? (size_t)n : 0);
	}
	r->body = buf_span(&r->body_bytes);
	if (r->body_bytes.err == ERR_NOMEM)
		return ERR_NOMEM;
	return length > (int64_t)max || r->body.n > max ? ERR_LIMIT : ERR_OK;
}

static const struct {
	int status;
	const char *text;
} reasons[] = {
	{ 200, "OK" }, { 204, "No Content" }, { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
	{ 405, "Method Not Allowed" }, { 413, "Content Too Large" }, { 415, "Unsupported Media Type" }, { 422, "Unprocessable Content" },
	{ 500, "Internal Server Error" }, { 503, "Service Unavailable" },
};

static const char *reason_of(int status)
{
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Unknown";
}

static void write_answer(struct buf *out, const struct answer *a)
{
	buf_printf(out, "Status: %d %s\r\nCache-Control: no-store\r\n", a->status, reason_of(a->status));
	if (a->type)
		buf_printf(out, "Content-Type: %s\r\nX-Content-Type-Options: nosniff\r\n", a->type);
	if (a->allow[0])
		buf_printf(out, "Allow: %s\r\n", a->allow);
	if (a->policy)
		buf_printf(out, "Content-Security-Policy: %s\r\n", a->policy);
	if (a->status != 204)
		buf_printf(out, "Content-Length: %zu\r\n", a->body.n);
	buf_add(out, SPAN("\r\n"));
	buf_add(out, buf_span(&a->body));
}

enum err fcgi_answer(struct fcgi *f, const struct answer *a)
{
	struct buf out = BUF_INIT;
	enum err e = ERR_EXISTS;

	write_answer(&out, a);
	pthread_mutex_lock(&f->lock);
	if (f->open) {
		drain(f, 0);
		e = out.err ? out.err : FCGX_PutStr(out.p, (int)out.n, f->req.out) == (int)out.n ? ERR_OK : ERR_CLOSED;
		if (FCGX_FFlush(f->req.out) != 0 && !e)
			e = ERR_CLOSED;
		FCGX_Finish_r(&f->req);
		f->open = false;
	}
	pthread_mutex_unlock(&f->lock);
	buf_fini(&out);
	return e;
}
