/* serve_part - the processes of the product: one row a part, started by fork (the supervisor has one thread and no store) and exec. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/log.h"
#include "probe.h"
#include "serve.h"

#define QUICK_MS     1000         /* who lives shorter than this is started again after a pause */
#define PAUSE_MAX_MS 500
#define ASIDE_FD     64           /* descriptors are put aside above those that a child is given */

struct row {
	const char *name, *program;
	void (*become)(struct serve *s, const char *path, int notify_fd);       /* in the child: does not return when all is well */
	void (*line_read)(struct serve *s, struct child *c, struct span line);  /* of what it says by its pipe; NULL: it has none */
};

static void env_set(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void env_set(const char *name, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	setenv(name, buf_z(&b), 1);
	buf_fini(&b);
}

/* Only the given descriptors and 0-2 are left. Through a detour, as `from` of one may be `to` of another. */
static void fds_place(struct proc_fd *fds, size_t n)
{
	int top = 2;

	for (size_t i = 0; i < n; i++)
		fds[i].from = fcntl(fds[i].from, F_DUPFD_CLOEXEC, ASIDE_FD);
	for (size_t i = 0; i < n; i++) {
		dup2(fds[i].from, fds[i].to);
		top = fds[i].to > top ? fds[i].to : top;
	}
	if (close_range((unsigned)top + 1, ~0u, 0) != 0)
		for (int fd = top + 1; fd < 1024; fd++)
			close(fd);
}

static void become_relay(struct serve *s, const char *path, int notify_fd)
{
	struct proc_fd fds[4] = { { s->sock[LISTEN_CONTROL], 3 }, { s->sock[LISTEN_MEDIA], 4 }, { notify_fd, 6 }, { s->sock[LISTEN_TLS], 5 } };
	bool tls = s->sock[LISTEN_TLS] >= 0;

	fds_place(fds, tls ? 4 : 3);
	env_set("OFFHOOK_FDS", "control=3,media=4,%snotify=6", tls ? "tls=5," : "");
	execl(path, "offhook-relay", (char *)NULL);
}

static void become_webhook(struct serve *s, const char *path, int notify_fd)
{
	struct proc_fd fd = { s->sock[LISTEN_WEBHOOK], 0 };

	(void)notify_fd;
	fds_place(&fd, 1);
	execl(path, "offhook-webhook", (char *)NULL);
}

static void become_housekeeping(struct serve *s, const char *path, int notify_fd)
{
	(void)s, (void)notify_fd;
	fds_place(NULL, 0);
	execl(path, "offhook", "housekeeping", (char *)NULL);
}

static const char *relay_port(const struct serve *s)
{
	return strrchr(s->relay_listen, ':') + 1;
}

static void lighttpd_env(const struct serve *s)
{
	struct span host = span_head(span_z(s->relay_listen), (size_t)(relay_port(s) - 1 - s->relay_listen));

	env_set("OFFHOOK_RUN_DIR", "%s", s->run_dir);
	env_set("OFFHOOK_SHARE_DIR", "%s", s->share_dir);
	env_set("OFFHOOK_RELAY_HOST", SPAN_FMT, SPAN_ARG(host));
	env_set("OFFHOOK_RELAY_PORT", "%s", relay_port(s));
	if (s->https_port) {
		env_set("OFFHOOK_HTTPS_PORT", "%u", s->https_port);
		env_set("OFFHOOK_TLS_CERT", "%s", s->cli->cf.tls_cert ? s->cli->cf.tls_cert : "");
		env_set("OFFHOOK_TLS_KEY", "%s", s->cli->cf.tls_key ? s->cli->cf.tls_key : "");
	}
}

/* The listening sockets go over as systemd would give them, so they outlive lighttpd too and no port is picked twice. */
static void become_lighttpd(struct serve *s, const char *path, int notify_fd)
{
	struct proc_fd fds[3] = { { s->sock[LISTEN_HTTP], 3 }, { notify_fd, 2 }, { s->sock[LISTEN_HTTPS], 4 } };
	bool tls = s->sock[LISTEN_HTTPS] >= 0;

	fds_place(fds, tls ? 3 : 2);
	env_set("LISTEN_PID", "%d", (int)getpid());
	env_set("LISTEN_FDS", "%d", tls ? 2 : 1);
	lighttpd_env(s);
	execl(path, path, "-D", "-f", s->conf_file, (char *)NULL);       /* by absolute path: graceful-restart-bg starts argv[0] anew */
}

static const struct row rows[] = {
	[PART_RELAY]        = { "relay",        "offhook-relay",   become_relay,        notify_relay },
	[PART_WEBHOOK]      = { "webhook",      "offhook-webhook", become_webhook,      NULL },
	[PART_LIGHTTPD]     = { "lighttpd",     NULL,              become_lighttpd,     serve_log_lighttpd },
	[PART_HOUSEKEEPING] = { "housekeeping", "offhook",         become_housekeeping, NULL },
};
_Static_assert(sizeof rows / sizeof *rows == PART_COUNT, "a row per part");

const char *part_name(enum part p)
{
	return rows[p].name;
}

static const char *program_path(struct serve *s, enum part p, struct buf *b)
{
	if (!rows[p].program)
		return s->lighttpd;
	buf_reset(b);
	buf_printf(b, "%s/%s", s->bin_dir, rows[p].program);
	return buf_z(b);
}

enum err part_programs_check(struct serve *s)
{
	struct buf b = BUF_INIT;
	enum err e = ERR_OK;

	for (enum part p = 0; p < PART_COUNT && !e; p++)
		if (access(program_path(s, p, &b), X_OK) != 0)
			e = cli_fail(s->cli, ERR_DENIED, "%s: cannot be started: %s", program_path(s, p, &b), strerror(errno));
	buf_fini(&b);
	return e;
}

/* A child dies with us, keeps nothing of our terminal (Ctrl-C is ours to hand on), and finds its signals as a new program does. */
static void child_settle(pid_t parent)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	setsid();
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null, 0);
	dup2(2, 1);
}

/* What was decided here - absolute paths, ports that were free - is what the parts find in their environment. */
static void child_env(const struct serve *s)
{
	env_set("OFFHOOK_DATA_DIR", "%s", s->data_dir);
	env_set("OFFHOOK_HTTP_PORT", "%u", s->http_port);
	env_set("OFFHOOK_RELAY_LISTEN", "%s", s->relay_listen);
	env_set(CONF_SUPERVISED, "1");
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
}

static _Noreturn void child_main(struct serve *s, enum part p, int notify_fd, pid_t parent)
{
	struct buf b = BUF_INIT;
	const char *path = program_path(s, p, &b);

	child_settle(parent);
	child_env(s);
	rows[p].become(s, path, notify_fd);
	log_error("part.exec", "part=%s error=%s", rows[p].name, log_q(span_z(strerror(errno))));
	_exit(127);
}

static void child_free(struct child *c)
{
	if (!c)
		return;
	if (c->notify_fd >= 0)
		close(c->notify_fd);
	buf_fini(&c->line);
	free(c);
}

enum err part_start(struct serve *s, enum part p, int64_t now_ms, bool fresh)
{
	struct child *c = calloc(1, sizeof *c);
	int ends[2] = { -1, -1 };
	pid_t parent = getpid();

	if (!c)
		return ERR_NOMEM;
	*c = (struct child){ .part = p, .started_ms = now_ms, .notify_fd = -1, .line = BUF_BOUND(8192), .line_read = rows[p].line_read, .fresh = fresh };
	if (rows[p].line_read && pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {      /* nobody waits for us to read */
		c->notify_fd = ends[0];
	}
	c->pid = fork();
	if (c->pid == 0)
		child_main(s, p, ends[1], parent);
	if (ends[1] >= 0)
		close(ends[1]);
	if (c->pid < 0) {
		log_error("part.start", "part=%s error=%s", rows[p].name, log_q(span_z(strerror(errno))));
		child_free(c);
		return ERR_BUSY;
	}
	c->next = s->children;
	s->children = c;
	log_info("part.start", "part=%s pid=%d", rows[p].name, (int)c->pid);
	return ERR_OK;
}

static unsigned staying(const struct serve *s, enum part p)
{
	unsigned n = 0;

	for (const struct child *c = s->children; c; c = c->next)
		n += c->part == p && !c->leaving;
	return n;
}

void parts_start_missing(struct serve *s, int64_t now_ms)
{
	for (enum part p = 0; p < PART_COUNT; p++)
		for (unsigned n = staying(s, p); n < s->wanted[p] && now_ms >= s->next_start_ms[p]; n++)
			if (part_start(s, p, now_ms, false))
				s->next_start_ms[p] = now_ms + PAUSE_MAX_MS;
}

int64_t parts_next_ms(const struct serve *s)
{
	int64_t next = INT64_MAX;

	for (enum part p = 0; p < PART_COUNT; p++)
		if (staying(s, p) < s->wanted[p] && s->next_start_ms[p] < next)
			next = s->next_start_ms[p];
	return next;
}

/* At once, unless it keeps dying: then 50, 100, 200 ... ms. Who leaves because the database was recovered never waits. */
static void start_again(struct serve *s, enum part p, int64_t lived_ms, int status, int64_t now_ms)
{
	int64_t pause = 0;

	if (WIFEXITED(status) && WEXITSTATUS(status) == STORE_EXIT)
		return;
	s->deaths[p] = lived_ms < QUICK_MS ? s->deaths[p] + 1 : 0;
	if (s->deaths[p] > 1)
		pause = s->deaths[p] < 6 ? 25 << (s->deaths[p] - 1) : PAUSE_MAX_MS;
	s->next_start_ms[p] = now_ms + pause;
}

static void child_ended(struct serve *s, struct child *c, int status, int64_t now_ms)
{
	bool killed = WIFSIGNALED(status), expected = c->told || c->leaving;
	int64_t lived_ms = now_ms - c->started_ms;

	if (c->notify_fd >= 0)
		notify_read(s, c);
	log_write(expected && !killed ? LOG_INFO : LOG_WARN, "part.exit", "part=%s pid=%d %s=%d up_ms=%lld", rows[c->part].name, (int)c->pid,
		  killed ? "signal" : "code", killed ? WTERMSIG(status) : WEXITSTATUS(status), (long long)lived_ms);
	if (!expected && !c->fresh)
		start_again(s, c->part, lived_ms, status, now_ms);
}

static struct child *child_take(struct serve *s, pid_t pid)
{
	for (struct child **at = &s->children; *at; at = &(*at)->next) {
		struct child *c = *at;

		if (c->pid != pid)
			continue;
		*at = c->next;
		return c;
	}
	return NULL;
}

static void prober_ended(struct serve *s, int status)
{
	s->prober = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		notify_ready(s);
}

/* Processes we know nothing of are an old lighttpd's: after a reload it finishes its calls in the background and was left to us. */
void parts_reap(struct serve *s, int64_t now_ms)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *c = child_take(s, pid);

		if (c)
			child_ended(s, c, status, now_ms);
		else if (pid == s->prober)
			prober_ended(s, status);
		child_free(c);
	}
}

void parts_signal(struct serve *s, enum part p, int sig)
{
	for (struct child *c = s->children; c; c = c->next)
		if (c->part == p)
			kill(c->pid, sig);
}

bool parts_any(const struct serve *s, enum part p)
{
	for (const struct child *c = s->children; c; c = c->next)
		if (c->part == p)
			return true;
	return false;
}

/* The parent's pid is the second field after the name, which is in parentheses and may hold anything. */
static pid_t parent_of(pid_t pid)
{
	struct buf b = BUF_BOUND(4096), path = BUF_INIT;
	const char *p;
	int ppid = 0;

	buf_printf(&path, "/proc/%d/stat", (int)pid);
	if (file_read(&b, buf_z(&path)) == ERR_OK && (p = strrchr(buf_z(&b), ')')) && sscanf(p + 1, " %*c %d", &ppid) != 1)
		ppid = 0;
	buf_fini(&b);
	buf_fini(&path);
	return ppid;
}

static void kill_children(void)
{
	DIR *d = opendir("/proc");
	int64_t pid;

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
		if (span_int(span_z(e->d_name), &pid) && pid > 1 && parent_of((pid_t)pid) == getpid())
			kill((pid_t)pid, SIGKILL);
	if (d)
		closedir(d);
}

void parts_kill_all(struct serve *s)
{
	int64_t until = clock_ms() + 5000;
	pid_t pid;

	for (const struct child *c = s->children; c; c = c->next)
		kill(c->pid, SIGKILL);
	do {
		struct timespec pause = { .tv_nsec = 5000000 };

		kill_children();                                   /* grandchildren become ours one after the other */
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			child_free(child_take(s, pid));
		if (pid == 0)
			nanosleep(&pause, NULL);
	} while (pid == 0 && clock_ms() < until);
	while (s->children)
		child_free(child_take(s, s->children->pid));
}

static _Noreturn void prober_main(struct serve *s)
{
	struct timespec pause = { .tv_nsec = 30000000 };
	int64_t complain = clock_ms() + 5000;
	struct buf b = BUF_BOUND(65536);

	for (;;) {
		int status = 0;
		enum err e;

		buf_reset(&b);
		e = probe_get("127.0.0.1", s->http_port, "/api/health/", 2000, &status, &b);
		if (!e && status == 200)
			_exit(0);
		if (clock_ms() >= complain) {
			log_warn("serve.waiting", "error=%s status=%d answer=%s", err_name(e), status, log_q(span_head(buf_span(&b), 120)));
			complain = clock_ms() + 5000;
		}
		nanosleep(&pause, NULL);
	}
}

pid_t part_prober_start(struct serve *s)
{
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid > 0 ? pid : 0;
	child_settle(parent);
	fds_place(NULL, 0);
	prober_main(s);
}

static _Noreturn void once_main(struct serve *s, const char *const *words, pid_t parent)
{
	struct buf b = BUF_INIT;
	char *argv[8] = { (char[]){ "offhook" } };

	for (size_t i = 0; i < 6 && words[i]; i++)
		argv[i + 1] = span_dup(span_z(words[i]));
	child_settle(parent);
	fds_place(NULL, 0);
	env_set("OFFHOOK_DATA_DIR", "%s", s->data_dir);
	env_set(CONF_SUPERVISED, "1");
	execv(program_path(s, PART_HOUSEKEEPING, &b), argv);
	_exit(127);
}

static enum err wait_for(pid_t pid)
{
	int status = -1;

	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? ERR_OK : ERR_IO;
}

enum err part_once(struct serve *s, const char *const *words)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0)
		once_main(s, words, parent);
	return wait_for(pid);
}

enum err part_lighttpd_check(struct serve *s)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		child_settle(parent);
		child_env(s);
		lighttpd_env(s);
		execl(s->lighttpd, s->lighttpd, "-tt", "-f", s->conf_file, (char *)NULL);
		_exit(127);
	}
	return wait_for(pid);
}
