/* webhook_world - the site of test_webhook: workers, lighttpd, a relay that is played, and HTTP by hand. */
#ifndef OFFHOOK_TEST_WEBHOOK_WORLD_H
#define OFFHOOK_TEST_WEBHOOK_WORLD_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "base/b64.h"
#include "tests/unit/hook_world.h"
#include "twilio/signature.h"

#define TOKEN   "7b1c9f0e4d2a68535c1e0b9a7f3d2c46"
#define BASE    "https://voice.example.net"
#define ID      "0f8fad5b-d9cb-469f-a165-70867728950e"
#define WORKERS 2
#define PATIENCE_MS 20000

struct site {
	struct world *w;
	int fcgi_fd, http_fd, media_fd;
	unsigned http_port, media_port;
	pid_t worker[WORKERS], lighttpd;
	pthread_t media;
	char program[4096], log[96], access[96];
	unsigned calls;                      /* for fresh CallSids */
};

static struct site site;

/* --- processes --- */

static inline void program_find(const char *name)
{
	static const char *const places[] = { "..", "../.." };
	const char *bin = getenv("OFFHOOK_BIN");
	struct buf self = BUF_INIT;

	assert_int_equal(proc_self_dir(&self), ERR_OK);
	snprintf(site.program, sizeof site.program, "%s/%s", bin ? bin : "", name);
	for (size_t i = 0; access(site.program, X_OK) != 0 && i < 2; i++)
		snprintf(site.program, sizeof site.program, "%s/%s/%s", buf_z(&self), places[i], name);
	if (access(site.program, X_OK) != 0)
		fail_msg("%s is not beside %s: make it first", name, buf_z(&self));
	buf_fini(&self);
}

static inline int tcp_any(unsigned *port)
{
	struct sockaddr_in a = { .sin_port = 0 };
	socklen_t n = sizeof a;
	int fd = -1;

	assert_int_equal(tcp_listen(&fd, SPAN("127.0.0.1:0"), 128), ERR_OK);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static inline void set_number(const char *name, unsigned v)
{
	char text[16];

	snprintf(text, sizeof text, "%u", v);
	setenv(name, text, 1);
}

static inline void environment(void)
{
	char share[4096];

	assert_non_null(realpath("fcgi-webhook", share));
	setenv("OFFHOOK_ENV", "/dev/null", 1);
	setenv("OFFHOOK_DATA_DIR", site.w->dir, 1);
	setenv("OFFHOOK_RUN_DIR", site.w->run, 1);
	setenv("OFFHOOK_SHARE_DIR", share, 1);
	setenv("OFFHOOK_RELAY_HOST", "127.0.0.1", 1);
	set_number("OFFHOOK_HTTP_PORT", site.http_port);
	set_number("OFFHOOK_RELAY_PORT", site.media_port);
	setenv("PUBLIC_URL", BASE, 1);
	setenv("TWILIO_AUTH_TOKEN", TOKEN, 1);
	setenv("TWILIO_VALIDATE", "on", 1);
	unsetenv("TWILIO_AUTH_TOKEN_SECONDARY");
	unsetenv("OFFHOOK_LOG_LEVEL");
}

static inline pid_t spawn(const char *path, char *const argv[], const struct proc_fd *fds, size_t n)
{
	int log = open(site.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	struct proc_fd all[4] = { { log, 2 } };
	pid_t pid;

	for (size_t i = 0; i < n; i++)
		all[1 + i] = fds[i];
	assert_int_equal(proc_spawn(&pid, path, argv, NULL, all, 1 + n), ERR_OK);
	close(log);
	return pid;
}

static inline void worker_start(int i)
{
	char *argv[] = { site.program, NULL };

	site.worker[i] = spawn(site.program, argv, &(struct proc_fd){ site.fcgi_fd, 0 }, 1);
}

static inline void lighttpd_start(void)
{
	char conf[4096], command[8400];
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, command, NULL };

	assert_non_null(realpath("lighttpd.conf", conf));
	snprintf(command, sizeof command, "LISTEN_PID=$$ LISTEN_FDS=1 exec /usr/sbin/lighttpd -D -f %s", conf);
	site.lighttpd = spawn("/bin/sh", argv, &(struct proc_fd){ site.http_fd, 3 }, 1);
}

static inline void ended(pid_t pid)
{
	int status;

	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != STORE_EXIT)
		print_error("process %d ended with %d\n", (int)pid, WEXITSTATUS(status));
}

/* --- the relay's port: what comes after an upgrade goes back as it is; the request line is kept --- */

static char media_line[256];

static inline void media_serve(int fd)
{
	static const char upgraded[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n";
	char b[4096];
	ssize_t n = recv(fd, b, sizeof b - 1, 0);

	b[n > 0 ? n : 0] = '\0';
	snprintf(media_line, sizeof media_line, "%.*s", (int)strcspn(b, "\r"), b);
	if (send(fd, upgraded, sizeof upgraded - 1, MSG_NOSIGNAL) < 0)
		return;
	while ((n = recv(fd, b, sizeof b, 0)) > 0)
		if (send(fd, b, (size_t)n, MSG_NOSIGNAL) < 0)
			return;
}

static inline void *media_one(void *arg)
{
	int fd = (int)(intptr_t)arg;

	media_serve(fd);
	close(fd);
	return NULL;
}

static inline void *media_run(void *arg)
{
	struct pollfd p[2] = { { .fd = site.media_fd, .events = POLLIN }, { .fd = site.w->stop[0], .events = POLLIN } };

	(void)arg;
	while (poll(p, 2, -1) >= 0 && !p[1].revents) {
		int fd = accept(site.media_fd, NULL, NULL);
		pthread_t t;

		if (fd >= 0 && pthread_create(&t, NULL, media_one, (void *)(intptr_t)fd) == 0)
			pthread_detach(t);
	}
	return NULL;
}

/* --- HTTP by hand --- */

struct reply {
	int status;
	struct buf text;                     /* all of it */
	const char *body;
};

static inline int http_connect(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)site.http_port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct timeval limit = { PATIENCE_MS / 1000, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	close(fd);
	return -1;
}

static inline void http_send(int fd, struct span s)
{
	while (s.n) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		s = span_skip(s, (size_t)n);
	}
}

/* Safe in any thread: no asserts. Status 0: no answer. */
static inline struct reply http(const char *method, const char *uri, const char *headers, struct span body)
{
	struct reply r = { 0 };
	struct buf q = BUF_INIT;
	int fd = http_connect();
	char *room;
	ssize_t n = 1;

	buf_printf(&q, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n%s", method, uri, headers);
	if (body.p)
		buf_printf(&q, "Content-Length: %zu\r\n", body.n);
	buf_addz(&q, "\r\n");
	if (body.n)
		buf_add(&q, body);
	http_send(fd, buf_span(&q));
	while (n > 0 && (room = buf_room(&r.text, 4096))) {
		n = recv(fd, room, 4096, 0);
		buf_wrote(&r.text, n > 0 ? (size_t)n : 0);
	}
	if (fd >= 0)
		close(fd);
	buf_fini(&q);
	if (r.text.n > 12 && strncmp(buf_z(&r.text), "HTTP/1.1 ", 9) == 0)
		r.status = atoi(r.text.p + 9);
	r.body = strstr(buf_z(&r.text), "\r\n\r\n");
	r.body = r.body ? r.body + 4 : "";
	return r;
}

static inline void sign(char out[SIGNATURE_TEXT], const char *uri, const char *body)
{
	struct buf url = BUF_INIT;
	struct form f = { 0 };

	buf_addz(&url, BASE);
	buf_addz(&url, uri);
	if (body)
		form_parse(&f, span_z(body));
	if (signature_make(out, SPAN(TOKEN), buf_span(&url), body ? &f : NULL) != ERR_OK)
		out[0] = '\0';
	form_fini(&f);
	buf_fini(&url);
}

/* As Twilio asks: POST with a form, or GET. */
static inline struct reply twilio(const char *uri, const char *body)
{
	char signature[SIGNATURE_TEXT], headers[256];

	sign(signature, uri, body);
	snprintf(headers, sizeof headers, "X-Twilio-Signature: %s\r\n%s", signature,
		 body ? "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n" : "");
	return http(body ? "POST" : "GET", uri, headers, body ? span_z(body) : SPAN_NONE);
}

static inline void done(struct reply *r)
{
	buf_fini(&r->text);
}

static inline void call_sid(char out[40])
{
	snprintf(out, 40, "CA%032x", ++site.calls);
}

static inline void call_body(char out[512], const char *sid)
{
	snprintf(out, 512, "CallSid=%s&AccountSid=AC00000000000000000000000000000009&From=%%2B15005550010&To=%%2B15005550006&Direction=inbound&"
		 "CallStatus=ringing&CallerZip=&FromCity=S%%C3%%83O+PAULO", sid);
}

/* --- the site --- */

static inline bool answers(void)
{
	struct reply r = http("GET", "/api/public-url/", "", SPAN_NONE);
	bool ok = r.status == 200;

	done(&r);
	return ok;
}

static inline void wait_for_site(void)
{
	int64_t until = clock_ms() + PATIENCE_MS;

	while (!answers()) {
		if (clock_ms() > until)
			fail_msg("the site does not answer; see %s", site.log);
		poll(NULL, 0, 10);
	}
}

static inline int site_up(void **state)
{
	char path[128];

	memset(&site, 0, sizeof site);
	if (world_setup((void **)&site.w))
		return -1;
	db_close(&site.w->h);                    /* the workers' from now on */
	program_find("offhook-webhook");
	snprintf(site.log, sizeof site.log, "%s/log", site.w->dir);
	snprintf(site.access, sizeof site.access, "%s/access.log", site.w->dir);
	snprintf(path, sizeof path, "%s/webhook.sock", site.w->run);
	assert_int_equal(unix_listen(&site.fcgi_fd, path, 0600), ERR_OK);
	site.http_fd = tcp_any(&site.http_port);
	site.media_fd = tcp_any(&site.media_port);
	environment();
	assert_int_equal(pthread_create(&site.media, NULL, media_run, NULL), 0);
	for (int i = 0; i < WORKERS; i++)
		worker_start(i);
	lighttpd_start();
	wait_for_site();
	*state = site.w;
	return 0;
}

static inline int site_down(void **state)
{
	kill(site.lighttpd, SIGTERM);
	for (int i = 0; i < WORKERS; i++)
		kill(site.worker[i], SIGTERM);
	waitpid(site.lighttpd, NULL, 0);
	for (int i = 0; i < WORKERS; i++)
		ended(site.worker[i]);
	close(site.w->stop[1]);
	pthread_join(site.media, NULL);
	site.w->stop[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(site.fcgi_fd);
	close(site.http_fd);
	close(site.media_fd);
	*state = site.w;
	return world_teardown(state);
}

#endif
