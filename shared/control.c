/* control - one question, one answer, one connection; everything under one deadline. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/proc.h"
#include "control.h"

#define TEXT(m) { #m, offsetof(struct control_request, m) }
static const struct {
	const char *name;
	size_t off;
} texts[] = {
	TEXT(session_id), TEXT(stream_sid), TEXT(event), TEXT(error), TEXT(twilio_status), TEXT(reason),
};

static struct span *text_at(const struct control_request *r, size_t i)
{
	return (struct span *)((uintptr_t)r + texts[i].off);
}

enum err control_build(struct buf *out, const struct control_request *r)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);

	json_set(&b, o, "op", json_strz(&b, r->op));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (text_at(r, i)->p)
			json_set(&b, o, texts[i].name, json_str(&b, *text_at(r, i)));
	if (span_is(span_z(r->op), "announce"))
		json_set(&b, o, "again", json_bool(&b, r->again));
	if (!b.err)
		b.err = json_write(out, o);
	buf_addc(out, '\n');
	json_object_put(o);
	return b.err ? b.err : out->err;
}

enum err control_parse(struct span line, struct control_request *r, struct json_object **owner)
{
	struct json_object *o = NULL, *op;
	enum err e = line.n > CONTROL_LINE_MAX ? ERR_LIMIT : json_read(&o, span_trim(line));

	*r = (struct control_request){ 0 };
	*owner = NULL;
	if (e)
		return e;
	op = json_get(o, "op");
	if (!json_object_is_type(op, json_type_string)) {
		json_object_put(o);
		return ERR_SYNTAX;
	}
	r->op = json_object_get_string(op);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*text_at(r, i) = json_get_span(o, texts[i].name);
	json_get_bool(o, "again", &r->again);
	*owner = o;
	return ERR_OK;
}

static enum err wait_for(int fd, short events, int64_t deadline)
{
	int64_t left = deadline - clock_ms();
	struct pollfd p = { .fd = fd, .events = events };
	int n = left > 0 ? poll(&p, 1, (int)left) : 0;

	if (n < 0)
		return errno == EINTR ? ERR_OK : err_errno(errno);
	return n ? ERR_OK : ERR_TIMEOUT;
}

static enum err again_or(int err)
{
	return err == EAGAIN || err == EINTR ? ERR_OK : err == EPIPE || err == ECONNRESET ? ERR_CLOSED : err_errno(err);
}

static enum err say(int fd, struct span s, int64_t deadline)
{
	enum err e = ERR_OK;

	while (s.n && !e) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			s = span_skip(s, (size_t)n);
		else if ((e = again_or(errno)) == ERR_OK)
			e = wait_for(fd, POLLOUT, deadline);
	}
	return e;
}

static enum err hear(int fd, struct buf *line, int64_t deadline)
{
	for (;;) {
		enum err e = wait_for(fd, POLLIN, deadline);
		char *p = e ? NULL : buf_room(line, 512);
		ssize_t n;

		if (!p)
			return e ? e : line->err;
		n = recv(fd, p, 512, MSG_DONTWAIT);
		if (n == 0)
			return ERR_CLOSED;
		if (n < 0 && (e = again_or(errno)) != ERR_OK)
			return e;
		buf_wrote(line, n > 0 ? (size_t)n : 0);
		if (n > 0 && memchr(line->p, '\n', line->n))
			return ERR_OK;
	}
}

static enum err ask(int fd, const struct control_request *r, int64_t deadline, struct json_object **answer)
{
	struct buf out = BUF_BOUND(CONTROL_LINE_MAX), in = BUF_BOUND(CONTROL_LINE_MAX + 512);
	struct span rest, line = SPAN_NONE;
	enum err e = control_build(&out, r);

	e = e ? e : say(fd, buf_span(&out), deadline);
	e = e ? e : hear(fd, &in, deadline);
	rest = buf_span(&in);
	if (!e)
		span_cut(&rest, '\n', &line);
	e = e ? e : json_read(answer, line);
	if (!e && !json_object_is_type(*answer, json_type_object)) {
		json_object_put(*answer);
		e = ERR_SYNTAX;
	}
	buf_fini(&out);
	buf_fini(&in);
	return e;
}

enum err control_ask(const char *socket_path, const struct control_request *r, int timeout_ms, struct json_object **answer)
{
	int64_t deadline = clock_ms() + timeout_ms;
	struct json_object *o = NULL;
	int fd = -1;
	enum err e = unix_connect(&fd, socket_path, timeout_ms);

	*answer = NULL;
	if (e)
		return e == ERR_NOTFOUND ? ERR_DOWN : e;      /* no socket file: the relay was never started */
	e = ask(fd, r, deadline, &o);
	close(fd);
	if (!e)
		*answer = o;
	return e;
}
