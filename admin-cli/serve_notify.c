/* serve_notify - what parts tell the supervisor, and what it tells the operator and systemd. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "serve.h"

#define LINE_MAX_BYTES 3000

/* Standard output may be a pipe that nobody reads: what does not fit is left out, the supervisor never waits. */
static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
	struct pollfd p = { .fd = 1, .events = POLLOUT };
	struct buf b = BUF_BOUND(2048);
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	buf_addc(&b, '\n');
	if (!b.err && poll(&p, 1, 0) == 1 && (p.revents & POLLOUT))
		fd_write_all(1, buf_span(&b));
	buf_fini(&b);
}

/* The value of `key=` in a blank-separated line. */
static struct span value_of(struct span line, const char *key)
{
	struct span part, name;

	while (span_cut(&line, ' ', &part))
		if (span_cut(&part, '=', &name) && span_is(name, key))
			return part;
	return SPAN("-");
}

static void call_ended(struct serve *s, struct span line)
{
	struct span session = value_of(line, "session"), call = value_of(line, "call"), reason = value_of(line, "reason");

	s->ended_ms = clock_ms();
	say("offhook: call " SPAN_FMT " ended: " SPAN_FMT " after " SPAN_FMT " s (session " SPAN_FMT ")", SPAN_ARG(call), SPAN_ARG(reason),
	    SPAN_ARG(value_of(line, "seconds")), SPAN_ARG(session));
}

void notify_relay(struct serve *s, struct child *c, struct span line)
{
	struct span rest = line, word;

	if (!span_cut(&rest, ' ', &word))
		return;
	if (span_is(word, "draining"))
		c->leaving = true;
	else if (span_is(word, "ended"))
		call_ended(s, rest);
	else if (span_is(word, "ready"))
		log_info("relay.ready", "pid=%d ms=%lld", (int)c->pid, (long long)(clock_ms() - c->started_ms));
	else
		log_warn("relay.notify", "pid=%d unknown=%s", (int)c->pid, log_q(span_head(line, 40)));
}

static void lines_take(struct serve *s, struct child *c)
{
	const char *end;

	while (c->line.n && (end = memchr(c->line.p, '\n', c->line.n))) {
		size_t n = (size_t)(end - c->line.p);

		c->line_read(s, c, span_trim(span_of(c->line.p, n)));
		buf_drop(&c->line, n + 1);
	}
}

/* Of a line that does not fit the rest counts as the next one. */
void notify_read(struct serve *s, struct child *c)
{
	for (;;) {
		char *room = buf_room(&c->line, 1024);
		ssize_t n = room ? read(c->notify_fd, room, 1024) : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			break;
		buf_wrote(&c->line, (size_t)n);
		lines_take(s, c);
		if (c->line.n > LINE_MAX_BYTES) {
			c->line_read(s, c, buf_span(&c->line));
			buf_reset(&c->line);
		}
	}
	close(c->notify_fd);
	c->notify_fd = -1;
}

void notify_systemd(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd;

	if (!path || !*path || strlen(path) >= sizeof a.sun_path)
		return;
	memcpy(a.sun_path, path, strlen(path));
	if (a.sun_path[0] == '@')
		a.sun_path[0] = '\0';                          /* an abstract name */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))) < 0)
		log_warn("systemd.notify", "error=%s", log_q(span_z(strerror(errno))));
	close(fd);
}

/* For `status`, `sim call` and scripts: where this instance really listens. */
static void state_write(const struct serve *s)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);
	struct buf text = BUF_INIT, path = BUF_INIT;
	char now[TIME_TEXT];

	time_format(now, clock_wall_ms());
	json_set(&b, o, "pid", json_int(&b, getpid()));
	json_set(&b, o, "http_port", json_int(&b, s->http_port));
	json_set(&b, o, "https_port", s->https_port ? json_int(&b, s->https_port) : NULL);
	json_set(&b, o, "relay_listen", json_strz(&b, s->relay_listen));
	json_set(&b, o, "relay_tls_listen", *s->relay_tls_listen ? json_strz(&b, s->relay_tls_listen) : NULL);
	json_set(&b, o, "started_at", json_strz(&b, now));
	buf_printf(&path, "%s/serve.json", s->run_dir);
	if (!b.err && json_write(&text, o) == ERR_OK && !path.err)
		file_replace(buf_z(&path), buf_span(&text), 0640);
	json_object_put(o);
	buf_fini(&text);
	buf_fini(&path);
}

static void urls_say(const struct settings *cf)
{
	struct span url = span_z(cf->public_url);

	if (!cf->openai_api_key || !*cf->openai_api_key || url.n == 0)
		return;
	if (url.p[url.n - 1] == '/')
		url.n--;
	say("offhook: enter at Twilio, for the number: \"A call comes in\" POST " SPAN_FMT "/api/webhook/", SPAN_ARG(url));
	say("offhook:                                  \"Call status changes\" POST " SPAN_FMT "/api/status/", SPAN_ARG(url));
}

void notify_ready(struct serve *s)
{
	if (s->ready)
		return;
	s->ready = true;
	state_write(s);
	say("offhook: ready http://127.0.0.1:%u/", s->http_port);
	urls_say(&s->cli->cf);
	notify_systemd("READY=1");
	log_info("serve.ready", "port=%u relay=%s", s->http_port, s->relay_listen);
}
