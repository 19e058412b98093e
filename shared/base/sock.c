/* sock - listening and connecting; the declarations are in proc.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "fault.h"
#include "proc.h"

static enum err new_socket(int *fd, int family)
{
	*fd = fault("sock.new") ? (errno = EMFILE, -1) : socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return *fd < 0 ? err_errno(errno) : ERR_OK;
}

static bool unix_addr(struct sockaddr_un *sa, const char *path)
{
	memset(sa, 0, sizeof *sa);
	sa->sun_family = AF_UNIX;
	return span_copy(sa->sun_path, sizeof sa->sun_path, span_z(path));
}

/* Mode first, listen second: nobody connects in between. */
static enum err unix_ready(int fd, const struct sockaddr_un *sa, const char *path, unsigned mode)
{
	if (bind(fd, (const struct sockaddr *)sa, sizeof *sa))
		return err_errno(errno);
	if (chmod(sa->sun_path, mode) || listen(fd, SOMAXCONN) || rename(sa->sun_path, path)) {
		enum err e = err_errno(errno);

		unlink(sa->sun_path);
		return e;
	}
	return ERR_OK;
}

enum err unix_listen(int *fd, const char *path, unsigned mode)
{
	struct sockaddr_un sa;
	char temp[sizeof sa.sun_path];
	int s = -1;
	enum err e;

	if ((size_t)snprintf(temp, sizeof temp, "%s.%04x", path, random_below(0x10000)) >= sizeof temp || !unix_addr(&sa, temp))
		return ERR_LIMIT;
	e = new_socket(&s, AF_UNIX);
	if (e)
		return e;
	e = unix_ready(s, &sa, path, mode);
	if (e)
		close(s);
	else
		*fd = s;
	return e;
}

/* Linux waits in connect() only while the other side's backlog is full, and SO_SNDTIMEO bounds that wait. */
static enum err connect_within(int fd, const struct sockaddr_un *sa, int timeout_ms)
{
	struct timeval limit = { timeout_ms / 1000, timeout_ms % 1000 * 1000 }, none = { 0, 0 };
	int bad;

	if (timeout_ms > 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	do
		bad = connect(fd, (const struct sockaddr *)sa, sizeof *sa) ? errno : 0;
	while (bad == EINTR);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
	if (bad == ENOENT)
		return ERR_DOWN;
	return bad == EAGAIN ? ERR_TIMEOUT : err_errno(bad);
}

enum err unix_connect(int *fd, const char *path, int timeout_ms)
{
	struct sockaddr_un sa;
	int s = -1;
	enum err e;

	if (!unix_addr(&sa, path))
		return ERR_LIMIT;
	e = new_socket(&s, AF_UNIX);
	if (e)
		return e;
	e = connect_within(s, &sa, timeout_ms);
	if (e)
		close(s);
	else
		*fd = s;
	return e;
}

/* --- TCP --- */

static bool addr_v6(struct span host, uint16_t port, struct sockaddr_storage *sa, socklen_t *len)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	char z[64];

	if (!span_copy(z, sizeof z, host) || inet_pton(AF_INET6, z, &a.sin6_addr) != 1)
		return false;
	memset(sa, 0, sizeof *sa);
	memcpy(sa, &a, sizeof a);
	*len = sizeof a;
	return true;
}

static bool addr_v4(struct span host, uint16_t port, struct sockaddr_storage *sa, socklen_t *len)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	char z[64];

	if (!span_copy(z, sizeof z, span_is(host, "localhost") ? SPAN("127.0.0.1") : host) || inet_pton(AF_INET, z, &a.sin_addr) != 1)
		return false;
	memset(sa, 0, sizeof *sa);
	memcpy(sa, &a, sizeof a);
	*len = sizeof a;
	return true;
}

bool addr_parse(struct span address_port, struct sockaddr_storage *sa, socklen_t *len)
{
	const char *colon = address_port.n ? memrchr(address_port.p, ':', address_port.n) : NULL;
	struct span host, digits;
	int64_t port;

	if (!colon)
		return false;
	host = span_head(address_port, (size_t)(colon - address_port.p));
	digits = span_skip(address_port, host.n + 1);
	if (digits.n > 5 || !span_int(digits, &port) || port < 0 || port > 65535)
		return false;
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		return addr_v6(span_of(host.p + 1, host.n - 2), (uint16_t)port, sa, len);
	return addr_v4(host, (uint16_t)port, sa, len);
}

enum err tcp_listen(int *fd, struct span address_port, int backlog)
{
	struct sockaddr_storage sa;
	socklen_t len;
	int s = -1, on = 1;
	enum err e;

	if (!addr_parse(address_port, &sa, &len))
		return ERR_VALUE;
	e = new_socket(&s, sa.ss_family);
	if (e)
		return e;
	if (setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) || bind(s, (struct sockaddr *)&sa, len) || listen(s, backlog)) {
		e = err_errno(errno);
		close(s);
		return e;
	}
	*fd = s;
	return ERR_OK;
}
