/* store_watch - the sentinel of a process and its helper: the first makes lock time-outs happen and notices a recovery, the second causes one. */
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "store/store_db.h"

#define WATCH_MS  100
#define HELPER_MS 2000
#define HELPER_GAP_MS 400            /* one helper answers for everybody who got stuck meanwhile */

/* --- the sentinel --- */

static bool watch_once(struct store *s)
{
	int n, e = store_recovered(s) ? DB_RUNRECOVERY : s->env->lock_detect(s->env, 0, DB_LOCK_EXPIRE, &n);

	if (e == DB_RUNRECOVERY)
		atomic_store(&s->dead, true);
	return e != DB_RUNRECOVERY;
}

/* Waits a while; false when the store closes. */
static bool watch_pause(struct store *s)
{
	struct timespec t;
	bool go;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += WATCH_MS * 1000000L;
	if (t.tv_nsec >= 1000000000L) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&s->lock);
	if (!s->closing)
		pthread_cond_timedwait(&s->changed, &s->lock, &t);
	go = !s->closing;
	pthread_mutex_unlock(&s->lock);
	return go;
}

static void *sentinel_main(void *arg)
{
	struct store *s = arg;
	bool alive = true;

	while (alive && watch_pause(s))
		alive = watch_once(s);
	if (alive)
		return NULL;
	log_info("store.recovered", "by=other");
	if (s->o.sentinel_exits && !s->o.on_recover)
		_exit(STORE_EXIT);
	if (s->o.sentinel_exits)
		s->o.on_recover(s->o.arg);
	return NULL;
}

enum err sentinel_start(struct store *s)
{
	sigset_t all, old;
	int e;

	if (!s->o.sentinel)
		return ERR_OK;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	e = pthread_create(&s->sentinel, NULL, sentinel_main, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	s->watching = e == 0;
	return e ? err_errno(e) : ERR_OK;
}

bool sentinel_stop(struct store *s)
{
	struct timespec t;

	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	if (!s->watching)
		return true;
	if (pthread_equal(s->sentinel, pthread_self()))
		return false;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec++;
	s->watching = false;
	if (pthread_timedjoin_np(s->sentinel, NULL, &t) == 0)
		return true;
	pthread_detach(s->sentinel);
	return false;
}

/* --- the helper --- */

/* A helper is never killed: it may be in the middle of a long recovery. Whoever asks next waits for the same one. */
static pthread_mutex_t helper_lock = PTHREAD_MUTEX_INITIALIZER;
static pid_t helper_pid;

static enum err helper_wait(void)
{
	int64_t end = mono_ms() + HELPER_MS;

	while (waitpid(helper_pid, NULL, WNOHANG) == 0) {
		if (mono_ms() >= end)
			return ERR_TIMEOUT;
		nap_ms(5);
	}
	helper_pid = 0;
	return ERR_OK;
}

static enum err helper_start(const struct store_options *o)
{
	char *argv[] = { (char *)(uintptr_t)o->helper, (char[]){ "db-touch" }, (char *)(uintptr_t)o->home, (char *)(uintptr_t)o->key_file, NULL };
	enum err e = proc_spawn(&helper_pid, o->helper, argv, NULL, NULL, 0);

	if (e) {
		helper_pid = 0;
		log_error("store.helper", "program=%s error=%s", log_q(span_z(o->helper)), err_name(e));
	}
	return e;
}

enum err store_helper(const struct store_options *o)
{
	enum err e = ERR_OK;

	if (!o->helper)
		return ERR_NOTFOUND;
	pthread_mutex_lock(&helper_lock);
	if (!helper_pid)
		e = helper_start(o);
	if (!e) {
		e = helper_wait();
		log_info("store.helper", "result=%s", err_name(e));
	}
	pthread_mutex_unlock(&helper_lock);
	return e;
}

bool env_helper_soon(struct store *s)
{
	static atomic_llong last;
	int64_t now = mono_ms(), before = atomic_load(&last);

	if (!s->o.helper || (before && now - before < HELPER_GAP_MS))
		return false;
	atomic_store(&last, now);
	return store_helper(&s->o) == ERR_OK;
}
