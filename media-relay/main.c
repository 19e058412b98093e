/*
 * offhook-relay - carries the audio of calls between Twilio and the model. Options, settings, descriptors, threads, signals; decides nothing
 * about a call.
 *
 * Signals, for one thread that waits for them: SIGTERM drains (no new calls, running ones finish, exit 0), a second one closes what still talks with
 * 1001 so that it resumes elsewhere; SIGINT ends every call now; SIGHUP reads settings, trust anchors and certificate again.
 */
#include <fcntl.h>
#include <getopt.h>
#include <libwebsockets.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "media-relay/front.h"
#include "media-relay/pool.h"
#include "media-relay/tls_front.h"
#include "media-relay/worker_io.h"
#include "openai/price.h"
#include "version.h"

#define LAST_S 5                         /* what has not ended by then is left */

struct relay {
	struct pool pool;
	struct front *front;
	struct tls_front *tls;
	int control_fd, media_fd, tls_fd;
	char *self;                      /* our own program, for the store's helper */
	pthread_t signals;
	unsigned terms;
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "offhook-relay: %s: %s\n", what, why);
}

/* --- descriptors --- */

static const struct { const char *name; size_t off; } fd_names[] = {
	{ "control", offsetof(struct relay, control_fd) },
	{ "media", offsetof(struct relay, media_fd) },
	{ "tls", offsetof(struct relay, tls_fd) },
	{ "notify", offsetof(struct relay, pool.notify_fd) },
};

static bool fd_take(struct relay *r, struct span name, int64_t fd)
{
	for (size_t i = 0; i < sizeof fd_names / sizeof *fd_names; i++) {
		if (!span_is(name, fd_names[i].name))
			continue;
		memcpy((char *)r + fd_names[i].off, &(int){ (int)fd }, sizeof(int));
		return fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0 && fd_nonblock((int)fd, true) == ERR_OK;
	}
	return false;
}

/* OFFHOOK_FDS="control=3,media=4,tls=5,notify=6": sockets that outlive us. */
static enum err fds_inherit(struct relay *r, const char *list)
{
	struct span rest = span_z(list), item, name;
	int64_t fd;

	while (span_cut(&rest, ',', &item)) {
		struct span value = item;

		if (!span_cut(&value, '=', &name) || !span_int(value, &fd) || fd < 0 || fd > 1 << 20 || !fd_take(r, name, fd)) {
			die("OFFHOOK_FDS", "must be like control=3,media=4,notify=6, with open descriptors");
			return ERR_VALUE;
		}
	}
	return ERR_OK;
}

static enum err listen_tcp(int *fd, const char *address)
{
	enum err e = tcp_listen(fd, span_z(address), 1024);

	if (!e)
		e = fd_nonblock(*fd, true);
	if (e)
		fprintf(stderr, "offhook-relay: cannot listen on %s: %s\n", address, err_text(e));
	return e;
}

static enum err fds_open(struct relay *r, const struct settings *cf)
{
	enum err e = dir_make(cf->run_dir, 0770);

	e = e ? e : unix_listen(&r->control_fd, cf->relay_socket, 0660);
	if (e) {
		fprintf(stderr, "offhook-relay: %s: %s\n", cf->relay_socket, err_text(e));
		return e;
	}
	fd_nonblock(r->control_fd, true);
	e = listen_tcp(&r->media_fd, cf->relay_listen);
	return e || !cf->relay_tls_listen ? e : listen_tcp(&r->tls_fd, cf->relay_tls_listen);
}

/* Each call has two sockets, four when we take the TLS ourselves; as many again for streams at the door and old ones that still close. */
static enum err fds_limit(const struct settings *cf)
{
	rlim_t need = 1024 + (rlim_t)cf->max_calls * (cf->relay_tls_listen ? 8 : 4);
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) != 0)
		return ERR_IO;
	need = need < 4096 ? 4096 : need;
	if (l.rlim_max < need)
		l.rlim_max = need;
	l.rlim_cur = need;               /* finite: the library's tables have this size */
	if (setrlimit(RLIMIT_NOFILE, &l) == 0)
		return ERR_OK;
	getrlimit(RLIMIT_NOFILE, &l);
	fprintf(stderr, "offhook-relay: descriptors: OFFHOOK_MAX_CALLS=%lld needs %llu, the limit is %llu: raise it (ulimit -n, LimitNOFILE=)\n",
		(long long)cf->max_calls, (unsigned long long)need, (unsigned long long)l.rlim_max);
	return ERR_LIMIT;
}

/* --- workers --- */

static enum err workers_make(struct pool *p, unsigned n)
{
	enum err e = ERR_OK;

	p->workers = calloc(n, sizeof(struct worker *));
	if (!p->workers)
		return ERR_NOMEM;
	for (unsigned i = 0; i < n && !e; i++) {
		e = worker_new(&p->workers[i], p, i);
		p->workers_n += e == ERR_OK;
	}
	for (unsigned i = 0; i < p->workers_n && !e; i++)
		e = worker_start(p->workers[i]);
	for (unsigned i = 0; i < p->workers_n && !e; i++)
		e = worker_run(p->workers[i]);
	return e;
}

static void workers_each(struct pool *p, void (*f)(struct worker *))
{
	for (unsigned i = 0; i < p->workers_n; i++)
		f(p->workers[i]);
}

/* --- signals --- */

static void stop_accepting(struct relay *r)
{
	atomic_store(&r->pool.draining, true);
	front_stop(r->front);
	tls_front_stop(r->tls);
}

static void on_term(struct relay *r)
{
	if (r->terms++ == 0) {
		log_info("relay.drain", "active=%d", atomic_load(&r->pool.active));
		pool_notify(&r->pool, "draining");
		stop_accepting(r);
		workers_each(&r->pool, worker_drain);
	} else {
		log_info("relay.shutdown", "active=%d", atomic_load(&r->pool.active));
		workers_each(&r->pool, worker_shutdown);
		alarm(LAST_S);
	}
}

static void on_int(struct relay *r)
{
	log_info("relay.end", "active=%d", atomic_load(&r->pool.active));
	stop_accepting(r);
	workers_each(&r->pool, worker_end);
	alarm(LAST_S);
}

static void on_hup(struct relay *r)
{
	struct buf why = BUF_BOUND(4096);
	const struct settings *cf;

	if (pool_reload(&r->pool, &why)) {
		log_error("relay.reload", "kept=old reason=%s", log_q(buf_span(&why)));
	} else {
		cf = pool_settings(&r->pool);
		log_init("offhook-relay", settings_log_level(cf), settings_log_format(cf));
		log_info("relay.reload", "max_calls=%lld", (long long)cf->max_calls);
		if (tls_front_reload(r->tls, cf, &why))
			log_error("relay.certificate", "kept=old reason=%s", log_q(buf_span(&why)));
	}
	buf_fini(&why);
}

static void signals_set(sigset_t *set)
{
	static const int ours[] = { SIGTERM, SIGINT, SIGHUP, SIGALRM, SIGUSR2 };

	sigemptyset(set);
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		sigaddset(set, ours[i]);
}

static void *signals_main(void *arg)
{
	struct relay *r = arg;
	sigset_t set;
	int sig;

	signals_set(&set);
	while (sigwait(&set, &sig) == 0 && sig != SIGUSR2) {      /* SIGUSR2: main has finished */
		if (sig == SIGTERM)
			on_term(r);
		else if (sig == SIGINT)
			on_int(r);
		else if (sig == SIGHUP)
			on_hup(r);
		else
			workers_each(&r->pool, worker_stop);
	}
	return NULL;
}

/* --- start, run, stop --- */

static enum err store_begin(struct relay *r, const struct settings *cf)
{
	enum err e = store_thread_start(&r->pool.store, cf, r->self, r->pool.metrics);

	if (e)
		fprintf(stderr, "offhook-relay: %s: cannot open the database: %s\n", cf->db_dir, err_text(e));
	return e;
}

static enum err trust_begin(struct relay *r)
{
	struct buf why = BUF_INIT;
	enum err e = kept_trust(r->pool.kept, NULL, &why);

	if (e)
		fprintf(stderr, "offhook-relay: %s\n", buf_z(&why));
	buf_fini(&why);
	return e;
}

static enum err tls_begin(struct relay *r, const struct settings *cf)
{
	struct buf why = BUF_INIT;
	enum err e = r->tls_fd < 0 ? ERR_OK : tls_front_start(&r->tls, &r->pool, r->tls_fd, cf, &why);

	if (e)
		fprintf(stderr, "offhook-relay: %s\n", buf_z(&why));
	else
		r->tls_fd = -1;          /* the front's */
	buf_fini(&why);
	return e;
}

static enum err prices_begin(const struct settings *cf)
{
	struct buf why = BUF_INIT;
	enum err e = price_load(cf->prices, &why);

	if (e)
		fprintf(stderr, "offhook-relay: %s\n", buf_z(&why));
	buf_fini(&why);
	return e;
}

static enum err begin(struct relay *r)
{
	const struct settings *cf = pool_settings(&r->pool);
	enum err e = fds_limit(cf);

	if (!e && r->control_fd < 0 && r->media_fd < 0)
		e = fds_open(r, cf);
	e = e ? e : trust_begin(r);
	e = e ? e : prices_begin(cf);
	e = e ? e : store_begin(r, cf);
	e = e ? e : http_tools_start(&r->pool.http, cf->secret_key_file);        /* the store has made the key */
	e = e ? e : recorder_start(&r->pool.recorder, cf->data_dir, RECORDER_BLOCKS);
	e = e ? e : workers_make(&r->pool, (unsigned)cf->relay_workers);
	e = e ? e : front_new(&r->front, &r->pool, r->control_fd, r->media_fd);
	if (!e)
		r->control_fd = r->media_fd = -1;        /* the front's */
	e = e ? e : tls_begin(r, cf);
	return e;
}

static void finish(struct relay *r)
{
	workers_each(&r->pool, worker_join);
	tls_front_free(r->tls);
	front_free(r->front);
	store_thread_stop(r->pool.store);
	pool_fini(&r->pool);
	free(r->self);
}

static void warn(const struct settings *cf)
{
	if (settings_log_level(cf) == LOG_DEBUG)
		log_warn("relay.debug", "text=%s", log_q(SPAN("transcripts are shown in this log")));
	if (strcmp(cf->twilio_validate_stream, "off") == 0)
		log_info("relay.stream_signature", "mode=off");
}

static int serve(struct relay *r)
{
	const struct settings *cf = pool_settings(&r->pool);

	if (pthread_create(&r->signals, NULL, signals_main, r) != 0)
		return 1;
	warn(cf);
	log_info("relay.start", "version=%s workers=%u max_calls=%lld", OFFHOOK_VERSION, r->pool.workers_n, (long long)cf->max_calls);
	store_end_orphans(r->pool.store);
	pool_notify(&r->pool, "ready");
	front_run(r->front);
	workers_each(&r->pool, worker_join);
	pthread_kill(r->signals, SIGUSR2);
	pthread_join(r->signals, NULL);
	log_info("relay.stop", NULL);
	return 0;
}

static int run(struct relay *r)
{
	int code = 1;

	if (begin(r) == ERR_OK)
		code = serve(r);
	else
		workers_each(&r->pool, worker_stop);
	finish(r);
	return code;
}

static void settle(const struct settings *cf)
{
	sigset_t set;

	signals_set(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	umask(007);
	unsetenv("http_proxy");          /* the library would send model connections through it, certificates unseen */
	log_init("offhook-relay", settings_log_level(cf), settings_log_format(cf));
	lws_set_log_level(0, NULL);      /* its text goes through one buffer for all threads; what matters of it we know ourselves */
}

static char *self_path(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path);

	return n > 0 ? span_dup(span_of(path, (size_t)n)) : NULL;
}

static int relay_main(void)
{
	static struct relay r = { .control_fd = -1, .media_fd = -1, .tls_fd = -1 };
	struct buf why = BUF_BOUND(4096);
	struct kept *first = NULL;
	char *fds = getenv("OFFHOOK_FDS") ? span_dup(span_z(getenv("OFFHOOK_FDS"))) : NULL;
	bool fine;

	unsetenv("OFFHOOK_FDS");         /* between the supervisor and us; no setting */
	if (kept_load(&first, &why)) {
		fprintf(stderr, "offhook-relay: %s\n", buf_z(&why));
		buf_fini(&why);
		free(fds);
		return 1;
	}
	buf_fini(&why);
	settle(&first->settings);
	fine = pool_init(&r.pool, first) == ERR_OK && (!fds || fds_inherit(&r, fds) == ERR_OK);
	free(fds);
	if (!fine) {
		pool_fini(&r.pool);
		return 1;
	}
	r.self = self_path();
	return run(&r);
}

/* --- options --- */

static void help(void)
{
	struct buf b = BUF_INIT;

	buf_addz(&b, "Usage: offhook-relay [--help] [--version]\n\n"
		     "Carries the audio of phone calls between Twilio and the model. Usually started by `offhook serve`; alone it\n"
		     "opens its own sockets. SIGTERM drains, a second one closes, SIGHUP reads the settings again.\n\n");
	settings_print_help(&b);
	fputs(buf_z(&b), stdout);
	buf_fini(&b);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { 0 } };
	int c;

	if (argc >= 4 && strcmp(argv[1], "db-touch") == 0)        /* the store's helper: opens and closes, and so recovers for the dead */
		return store_helper_main(argv[2], argv[3]);
	while ((c = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
		if (c == 'h') {
			help();
			return 0;
		}
		if (c == 'V') {
			puts("offhook-relay " OFFHOOK_VERSION);
			return 0;
		}
		return 2;
	}
	if (optind < argc) {
		die(argv[optind], "not understood; see offhook-relay --help");
		return 2;
	}
	return relay_main();
}
