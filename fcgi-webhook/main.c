/*
 * offhook-webhook - FastCGI responder behind lighttpd: Twilio's webhooks and the operator's questions.
 * Descriptor 0 is the listening socket, handed over by the supervisor; it outlives us. One request at a time; decides nothing itself.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "route.h"
#include "version.h"

static volatile sig_atomic_t term, hup;
static pthread_t main_thread;

static void on_term(int sig)
{
	(void)sig;
	term = 1;
}

static void on_hup(int sig)
{
	(void)sig;
	hup = 1;
}

/* Blocked from here on, in every thread that is started, too; `idle` is what the main thread waits for requests with. */
static void signals_ready(sigset_t *idle)
{
	static const struct {
		int sig;
		void (*handler)(int);
	} rows[] = { { SIGTERM, on_term }, { SIGINT, on_term }, { SIGUSR1, on_term }, { SIGHUP, on_hup } };
	sigset_t ours;

	main_thread = pthread_self();
	sigemptyset(&ours);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sigaction sa = { .sa_handler = rows[i].handler };

		sigemptyset(&sa.sa_mask);
		sigaction(rows[i].sig, &sa, NULL);
		sigaddset(&ours, rows[i].sig);
	}
	signal(SIGPIPE, SIG_IGN);
	pthread_sigmask(SIG_BLOCK, &ours, idle);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		sigdelset(idle, rows[i].sig);
}

/* From the store's sentinel: this process is to make room for a fresh one, after the request in hand. */
static void on_recover(void *arg)
{
	struct hook *h = arg;

	h->leave = true;
	pthread_kill(main_thread, SIGUSR1);
}

static void rescue(void *arg)
{
	struct hook *h = arg;
	enum err e = fcgi_answer(h->fcgi, &h->rescue);

	log_error("webhook.rescued", "status=%d result=%s", h->rescue.status, err_name(e));
}

static void reload(struct hook *h)
{
	struct settings fresh = { 0 };
	struct buf why = BUF_BOUND(4096);
	enum err e = settings_load(&fresh, &why);

	hup = 0;
	if (e) {
		log_error("config.reload", "error=%s", log_q(buf_span(&why)));
	} else {
		struct settings old = h->cf;

		free(fresh.db_dir);              /* the open environment keeps its names */
		free(fresh.secret_key_file);
		fresh.db_dir = old.db_dir;
		fresh.secret_key_file = old.secret_key_file;
		old.db_dir = old.secret_key_file = NULL;
		h->cf = fresh;
		settings_fini(&old);
		log_init("offhook-webhook", settings_log_level(&h->cf), settings_log_format(&h->cf));
		log_info("config.reload", "result=ok");
	}
	buf_fini(&why);
}

static void serve_one(struct hook *h, struct request *r)
{
	struct answer a = { .status = 500 };
	enum err e;

	route_serve(h, r, &a);
	e = fcgi_answer(h->fcgi, &a);
	if (e && e != ERR_EXISTS)
		log_warn("webhook.unheard", "error=%s", err_name(e));
	answer_fini(&a);
}

static enum err serve(struct hook *h, const sigset_t *idle)
{
	struct request r;
	enum err e = ERR_OK;

	while (!term && !h->leave && e != ERR_IO) {
		if (hup)
			reload(h);
		e = fcgi_accept(h->fcgi, &r, idle);
		if (!e)
			serve_one(h, &r);
		request_fini(&r);
	}
	return e == ERR_IO && !term ? e : ERR_OK;
}

static enum err start(struct hook *h, char **helper)
{
	struct buf path = BUF_INIT;
	enum err e = proc_self_dir(&path);

	buf_addz(&path, "/offhook");
	*helper = buf_take(&path);
	h->store_options = (struct store_options){
		.home = h->cf.db_dir, .key_file = h->cf.secret_key_file, .helper = *helper, .sentinel = true, .sentinel_exits = true,
		.on_recover = on_recover, .arg = h, .create = true,
	};
	if (!e)
		e = fcgi_new(&h->fcgi, 0);
	if (!e)
		e = watch_new(&h->watch, rescue, h);
	if (!e)
		db_open_soon(h);
	return e;
}

static int run(struct hook *h)
{
	char *helper = NULL;
	sigset_t idle;
	enum err e;
	int code;

	signals_ready(&idle);
	e = start(h, &helper);
	code = err_exit(e);
	if (e) {
		log_error("webhook.start", "error=%s", err_name(e));
	} else {
		log_info("webhook.start", "pid=%d version=%s validate=%s", (int)getpid(), OFFHOOK_VERSION, h->cf.twilio_validate);
		e = serve(h, &idle);
		code = h->leave ? STORE_EXIT : err_exit(e);
		log_info("webhook.stop", "pid=%d code=%d", (int)getpid(), code);
	}
	watch_free(h->watch);
	db_close(h);
	fcgi_free(h->fcgi);
	answer_fini(&h->rescue);
	free(helper);
	return code;
}

static int usage(void)
{
	struct buf b = BUF_INIT;

	settings_print_help(&b);
	printf("usage: offhook-webhook\n\nFastCGI responder for Twilio's webhooks. Descriptor 0 is a listening socket; `offhook serve` starts it.\n\n%s",
	       buf_z(&b));
	buf_fini(&b);
	return 0;
}

static int fail(const char *what)
{
	fprintf(stderr, "offhook-webhook: %s\n", what);
	return err_exit(ERR_USAGE);
}

static bool listening(int fd)
{
	int on = 0;
	socklen_t n = sizeof on;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) == 0 && on;
}

int main(int argc, char **argv)
{
	struct hook h = { .next_open_ms = 0 };
	struct buf why = BUF_BOUND(4096);
	int code;

	prctl(PR_SET_NAME, "offhook-webhook");
	umask(007);                      /* what the store makes is for the group: all programs of a host */
	if (argc == 2 && (span_is(span_z(argv[1]), "--help") || span_is(span_z(argv[1]), "-h")))
		return usage();
	if (argc == 2 && span_is(span_z(argv[1]), "--version"))
		return puts("offhook-webhook " OFFHOOK_VERSION) < 0;
	if (argc != 1)
		return fail("it takes no arguments: see --help");
	if (settings_load(&h.cf, &why) || settings_need_public_url(&h.cf, &why)) {
		code = fail(buf_z(&why));
		buf_fini(&why);
		return code;
	}
	log_init("offhook-webhook", settings_log_level(&h.cf), settings_log_format(&h.cf));
	if (!listening(0))
		code = fail("descriptor 0 is no listening socket: start the product with `offhook serve`");
	else
		code = run(&h);
	settings_fini(&h.cf);
	buf_fini(&why);
	return code;
}
