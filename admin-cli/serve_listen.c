/* serve_listen - the sockets that outlive the parts: opened here once, handed down to whoever serves them at the moment. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "serve.h"

#define BACKLOG      1024
#define LEFTOVER_MS  2000         /* a predecessor that was killed takes its children along, which may take a moment */

static unsigned port_of(int fd)
{
	union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; } a = { .v6 = { 0 } };
	socklen_t n = sizeof a;

	if (getsockname(fd, &a.any, &n) != 0)
		return 0;
	return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

static enum err listen_tcp(struct serve *s, enum listener l, struct span address, const char *key)
{
	int64_t until = clock_ms() + LEFTOVER_MS;
	struct timespec pause = { .tv_nsec = 20000000 };
	enum err e;

	while ((e = tcp_listen(&s->sock[l], address, BACKLOG)) == ERR_INUSE && clock_ms() < until)
		nanosleep(&pause, NULL);
	if (e == ERR_INUSE)
		return cli_fail(s->cli, e, SPAN_FMT ": another program listens there: set %s to a free port", SPAN_ARG(address), key);
	if (e)
		return cli_fail(s->cli, e, SPAN_FMT ": cannot listen there: %s (%s)", SPAN_ARG(address), err_text(e), key);
	return ERR_OK;
}

static enum err listen_port(struct serve *s, enum listener l, int64_t port, const char *key)
{
	char text[32];

	snprintf(text, sizeof text, "0.0.0.0:%lld", (long long)port);
	return listen_tcp(s, l, span_z(text), key);
}

/* The configured address with the port that the system chose. */
static void real_address(char out[80], const char *configured, int fd)
{
	const char *colon = configured ? strrchr(configured, ':') : NULL;

	if (colon && fd >= 0)
		snprintf(out, 80, "%.*s:%u", (int)(colon - configured), configured, port_of(fd));
}

enum err serve_listen_tcp(struct serve *s)
{
	const struct settings *cf = &s->cli->cf;
	enum err e = listen_port(s, LISTEN_HTTP, cf->http_port, "OFFHOOK_HTTP_PORT");

	if (!e && cf->https_port != FIELD_NULL_INT)
		e = listen_port(s, LISTEN_HTTPS, cf->https_port, "OFFHOOK_HTTPS_PORT");
	if (!e)
		e = listen_tcp(s, LISTEN_MEDIA, span_z(cf->relay_listen), "OFFHOOK_RELAY_LISTEN");
	if (!e && cf->relay_tls_listen && *cf->relay_tls_listen)
		e = listen_tcp(s, LISTEN_TLS, span_z(cf->relay_tls_listen), "OFFHOOK_RELAY_TLS_LISTEN");
	if (e)
		return e;
	real_address(s->relay_listen, cf->relay_listen, s->sock[LISTEN_MEDIA]);
	real_address(s->relay_tls_listen, cf->relay_tls_listen, s->sock[LISTEN_TLS]);
	s->http_port = port_of(s->sock[LISTEN_HTTP]);
	s->https_port = s->sock[LISTEN_HTTPS] >= 0 ? port_of(s->sock[LISTEN_HTTPS]) : 0;
	return ERR_OK;
}

static enum err listen_unix(struct serve *s, enum listener l, const char *name)
{
	struct buf path = BUF_INIT;
	enum err e;

	buf_printf(&path, "%s/%s", s->run_dir, name);
	e = path.err ? path.err : unix_listen(&s->sock[l], buf_z(&path), 0660);
	if (e == ERR_LIMIT)
		cli_fail(s->cli, e, "%s: too long for a socket's name: choose a shorter OFFHOOK_DATA_DIR", buf_z(&path));
	else if (e)
		cli_fail(s->cli, e, "%s: cannot listen there: %s", buf_z(&path), err_text(e));
	buf_fini(&path);
	return e;
}

enum err serve_listen_unix(struct serve *s)
{
	enum err e = listen_unix(s, LISTEN_WEBHOOK, "webhook.sock");

	return e ? e : listen_unix(s, LISTEN_CONTROL, "relay.sock");
}
