/* probe - one request, one answer, closed by the server. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "probe.h"

static enum err ready_for(int fd, short what, int64_t until_ms)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = what };
		int64_t left = until_ms - clock_ms();
		int n = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (n > 0)
			return ERR_OK;
		if (n == 0)
			return ERR_TIMEOUT;
		if (errno != EINTR)
			return err_errno(errno);
	}
}

static enum err connect_to(int *out, const char *host, unsigned port, int64_t until_ms)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), bad = 0;
	socklen_t n = sizeof bad;
	enum err e = fd < 0 ? err_errno(errno) : inet_pton(AF_INET, host, &a.sin_addr) == 1 ? ERR_OK : ERR_VALUE;

	if (!e && connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
		e = errno == EINPROGRESS ? ready_for(fd, POLLOUT, until_ms) : err_errno(errno);
	if (!e && (getsockopt(fd, SOL_SOCKET, SO_ERROR, &bad, &n) != 0 || bad))
		e = err_errno(bad);
	if (e && fd >= 0)
		close(fd);
	else if (!e)
		*out = fd;
	return e;
}

static enum err send_all(int fd, struct span s, int64_t until_ms)
{
	while (s.n) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
		enum err e = n >= 0 || errno == EINTR ? ERR_OK : errno == EAGAIN ? ready_for(fd, POLLOUT, until_ms) : err_errno(errno);

		if (e)
			return e;
		s = span_skip(s, n > 0 ? (size_t)n : 0);
	}
	return ERR_OK;
}

static enum err receive_all(int fd, struct buf *in, int64_t until_ms)
{
	for (;;) {
		char *room = buf_room(in, 4096);
		enum err e = room ? ready_for(fd, POLLIN, until_ms) : in->err;
		ssize_t n;

		if (e)
			return e;
		n = recv(fd, room, 4096, 0);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return n < 0 ? err_errno(errno) : ERR_OK;
		buf_wrote(in, (size_t)n);
	}
}

/* "HTTP/1.1 200 OK\r\n...\r\n\r\nbody". Our own servers send short answers whole: a chunked one is not read. */
static enum err answer_read(struct span s, int *status, struct buf *body)
{
	const char *end = memmem(s.p, s.n, "\r\n\r\n", 4);
	struct span code = span_head(span_skip(s, 9), 3);
	int64_t n;

	if (!end || !span_starts(s, SPAN("HTTP/1.")) || !span_int(code, &n))
		return ERR_SYNTAX;
	*status = (int)n;
	buf_add(body, span_skip(s, (size_t)(end + 4 - s.p)));
	return body->err;
}

enum err probe_get(const char *host, unsigned port, const char *path, int timeout_ms, int *status, struct buf *body)
{
	int64_t until_ms = clock_ms() + timeout_ms;
	struct buf b = BUF_BOUND(256 << 10);
	int fd = -1;
	enum err e;

	buf_printf(&b, "GET %s HTTP/1.1\r\nHost: %s:%u\r\nConnection: close\r\n\r\n", path, host, port);
	e = b.err ? b.err : connect_to(&fd, host, port, until_ms);
	if (!e)
		e = send_all(fd, buf_span(&b), until_ms);
	buf_reset(&b);
	if (!e)
		e = receive_all(fd, &b, until_ms);
	if (!e)
		e = answer_read(buf_span(&b), status, body);
	if (fd >= 0)
		close(fd);
	buf_fini(&b);
	return e;
}
