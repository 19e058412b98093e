/*
 * serve - the whole product in the foreground, supervised. One thread, one loop: signals, the relays' pipes, the time.
 *
 * SIGTERM ends the parts one after the other, the relay first, which finishes its calls; the webhook stays for what these calls still ask.
 * A second one, or SIGINT, ends everything at once. SIGHUP is passed on.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "serve.h"

#define ANSWER_MS  2000           /* after a call ended, Twilio still asks what to do next */
#define AT_ONCE_MS 1000

/* How the product is drained: who goes when the one before has gone, and how long it may take (0: as long as its calls last). */
static const struct stage {
	enum part part;
	int sig;
	int64_t limit_ms;
} stages[] = {
	{ PART_RELAY,        SIGTERM, 0 },
	{ PART_LIGHTTPD,     SIGINT,  5000 },           /* lighttpd's way to say: finish what you have */
	{ PART_WEBHOOK,      SIGTERM, 5000 },
	{ PART_HOUSEKEEPING, SIGTERM, 10000 },          /* a last checkpoint */
};
#define STAGES ((int)(sizeof stages / sizeof *stages))


static unsigned webhook_workers(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus > 1 ? (unsigned)cpus * 2 : 2;
}

/* A relay that an operator drains already would take a second SIGTERM for "now". */
static void stage_signal(struct serve *s, const struct stage *st)
{
	for (struct child *c = s->children; c; c = c->next) {
		if (c->part != st->part)
			continue;
		if (!c->leaving)
			kill(c->pid, st->sig);
		c->told = true;
	}
}

static void stage_enter(struct serve *s, int stage, int64_t now_ms)
{
	s->stage = stage;
	if (stage >= STAGES)
		return;
	s->wanted[stages[stage].part] = 0;
	s->stage_limit_ms = stages[stage].limit_ms ? now_ms + stages[stage].limit_ms : INT64_MAX;
	stage_signal(s, &stages[stage]);
}

/* With the last relay gone a question to it is better refused at once than left waiting for a successor that will not come. */
static void relay_sockets_close(struct serve *s)
{
	static const enum listener l[] = { LISTEN_CONTROL, LISTEN_MEDIA, LISTEN_TLS };

	for (size_t i = 0; i < sizeof l / sizeof *l; i++) {
		if (s->sock[l[i]] >= 0)
			close(s->sock[l[i]]);
		s->sock[l[i]] = -1;
	}
}

/* True: everything has gone. */
static bool stage_step(struct serve *s, int64_t now_ms)
{
	while (s->stage >= 0 && s->stage < STAGES) {
		enum part p = stages[s->stage].part;

		if (now_ms >= s->stage_limit_ms) {
			log_warn("part.kill", "part=%s limit_ms=%lld", part_name(p), (long long)stages[s->stage].limit_ms);
			parts_signal(s, p, SIGKILL);
			s->stage_limit_ms = INT64_MAX;
		}
		if (parts_any(s, p))
			return false;
		if (p == PART_RELAY)
			relay_sockets_close(s);
		if (p == PART_RELAY && s->ended_ms && now_ms < s->ended_ms + ANSWER_MS)
			return false;
		stage_enter(s, s->stage + 1, now_ms);
	}
	return s->stage >= STAGES;
}

static void drain(struct serve *s, int64_t now_ms)
{
	log_info("serve.drain", NULL);
	notify_systemd("STOPPING=1");
	if (s->prober)
		kill(s->prober, SIGKILL);
	stage_enter(s, 0, now_ms);
}

/* SIGINT is the relay's word for now: it notes why its calls ended, and closes them. */
static void end_at_once(struct serve *s, int64_t now_ms)
{
	log_info("serve.stop", NULL);
	notify_systemd("STOPPING=1");
	if (s->prober)
		kill(s->prober, SIGKILL);
	for (enum part p = 0; p < PART_COUNT; p++) {
		s->wanted[p] = 0;
		parts_signal(s, p, p == PART_RELAY ? SIGINT : SIGTERM);
	}
	for (struct child *c = s->children; c; c = c->next)
		c->told = true;
	s->stage = STAGES;
	s->stage_limit_ms = now_ms + AT_ONCE_MS;
}

/* Certificate and texts; ports and directories stay until the next start. */
static bool settings_again(struct cli *c)
{
	struct settings fresh;
	struct buf why = BUF_INIT;
	enum err e = settings_load(&fresh, &why);

	if (!e && (e = settings_need_public_url(&fresh, &why)))
		settings_fini(&fresh);
	if (e) {
		log_error("config.reload", "error=%s", log_q(buf_span(&why)));
	} else {
		settings_fini(&c->cf);
		c->cf = fresh;
		serve_warn(&c->cf);
	}
	buf_fini(&why);
	return !e;
}

/* What cannot be used is complained about here, once, and changes nothing. */
static void reload(struct serve *s)
{
	log_info("serve.reload", NULL);
	notify_systemd("RELOADING=1");
	if (settings_again(s->cli))
		for (enum part p = 0; p < PART_COUNT; p++)
			if (p != PART_LIGHTTPD)
				parts_signal(s, p, SIGHUP);
	renew_lighttpd(s);
	notify_systemd("READY=1");
}

/* A terminal that was closed says SIGHUP too, and nobody is left to press Ctrl-C. */
static bool terminal_gone(const struct serve *s)
{
	return s->had_terminal && !isatty(STDERR_FILENO);
}

static void signal_take(struct serve *s, int sig, int64_t now_ms)
{
	if (sig == SIGTERM && s->stage < 0)
		drain(s, now_ms);
	else if (sig == SIGTERM || sig == SIGINT || (sig == SIGHUP && terminal_gone(s)))
		end_at_once(s, now_ms);
	else if (sig == SIGHUP)
		reload(s);
}

static void signals_read(struct serve *s, int64_t now_ms)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
		signal_take(s, (int)info.ssi_signo, now_ms);
}

static int wait_ms(const struct serve *s, int64_t now_ms, int64_t next)
{
	int64_t wait;

	if (s->stage >= 0 && s->stage_limit_ms < next)
		next = s->stage_limit_ms;
	if (s->stage == 0 && s->ended_ms + ANSWER_MS > now_ms && s->ended_ms + ANSWER_MS < next)
		next = s->ended_ms + ANSWER_MS;
	wait = next - now_ms;
	return next == INT64_MAX ? -1 : wait < 1 ? 1 : wait > 60000 ? 60000 : (int)wait;
}

#define WATCHED_MAX 64

static void wait_for_news(struct serve *s, int64_t now_ms, int64_t next)
{
	struct pollfd p[WATCHED_MAX] = { { .fd = s->signal_fd, .events = POLLIN } };
	struct child *who[WATCHED_MAX];
	nfds_t n = 1;

	for (struct child *c = s->children; c && n < WATCHED_MAX; c = c->next) {
		if (c->notify_fd < 0)
			continue;
		who[n] = c;
		p[n++] = (struct pollfd){ .fd = c->notify_fd, .events = POLLIN };
	}
	if (poll(p, n, wait_ms(s, now_ms, next)) <= 0)
		return;
	for (nfds_t i = 1; i < n; i++)
		if (p[i].revents)
			notify_read(s, who[i]);
	if (p[0].revents)
		signals_read(s, clock_ms());
}

static void loop(struct serve *s)
{
	for (;;) {
		int64_t now_ms = clock_ms(), next, renew;

		parts_reap(s, now_ms);
		if (s->stage == STAGES && (!s->children || now_ms >= s->stage_limit_ms))
			return;
		if (s->stage >= 0 && s->stage < STAGES && stage_step(s, now_ms))
			return;
		parts_start_missing(s, now_ms);
		if (!s->prober && !s->ready && s->stage < 0)
			s->prober = part_prober_start(s);
		renew = renew_step(s, now_ms);
		next = parts_next_ms(s);
		wait_for_news(s, clock_ms(), renew < next ? renew : next);
	}
}

static enum err signals_take(struct serve *s)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_DFL);                                /* a shell starts background jobs with it ignored: it would never come */
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	prctl(PR_SET_CHILD_SUBREAPER, 1);                       /* what a part leaves behind is ours to end */
	return s->signal_fd >= 0 ? ERR_OK : err_errno(errno);
}

static void state_remove(const struct serve *s)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s/serve.json", s->run_dir);
	if (!b.err)
		unlink(buf_z(&b));
	buf_fini(&b);
}

enum err serve_run(struct cli *c, const struct args *a)
{
	struct serve s = { .cli = c, .lock_fd = -1, .signal_fd = -1, .stage = -1, .had_terminal = isatty(STDERR_FILENO) };
	enum err e;

	(void)a;
	for (enum listener l = 0; l < LISTEN_COUNT; l++)
		s.sock[l] = -1;
	e = serve_setup(&s);
	if (!e)
		e = signals_take(&s);
	if (!e) {
		s.wanted[PART_RELAY] = s.wanted[PART_LIGHTTPD] = s.wanted[PART_HOUSEKEEPING] = 1;
		s.wanted[PART_WEBHOOK] = webhook_workers();
		loop(&s);
		parts_kill_all(&s);
		state_remove(&s);
		log_info("serve.end", NULL);
	}
	if (s.signal_fd >= 0)
		close(s.signal_fd);
	serve_cleanup(&s);
	return e;
}
