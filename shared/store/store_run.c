/*
 * store_run - calls into the library happen in threads that can be left behind. A thread that waits in the region for a process that was
 * killed may never come back; its caller asks the helper to look (which recovers if somebody died), and goes on without the thread.
 */
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "store/store_db.h"

#define TICK_MS  20
#define HELP_MS  700             /* one call takes so long: has somebody died? */
#define ASK_AGAIN_MS 2000
#define GRACE_MS 300             /* after a recovery by somebody else most calls come back by themselves */

enum where { BODY, LIBRARY, LEFT_BEHIND };

struct runner {
	struct store *s;
	pthread_t thread;
	pthread_mutex_t m;
	pthread_cond_t wake, done;
	job_fn *fn;                     /* the job; NULL: none */
	void *arg;
	enum err result;
	bool finished, quit;
	atomic_int where;
	atomic_llong since;             /* of the running library call */
	struct txn *txn;
	struct runner *next;
};

int64_t mono_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void nap_ms(unsigned ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000L };

	nanosleep(&t, NULL);
}

struct store *runner_store(struct runner *r)
{
	return r->s;
}

void lib_txn(struct runner *r, struct txn *t)
{
	r->txn = t;
}

void lib_enter(struct runner *r)
{
	atomic_store(&r->since, mono_ms());
	atomic_store(&r->where, LIBRARY);
}

static void runner_free(struct runner *r)
{
	pthread_cond_destroy(&r->wake);
	pthread_cond_destroy(&r->done);
	pthread_mutex_destroy(&r->m);
	free(r);
}

/* The thread was left behind and has come out again, after space came back on the disk, for example: locks must not stay. */
static _Noreturn void runner_leave(struct runner *r)
{
	struct store *s = r->s;
	struct txn *t = r->txn;

	pthread_mutex_lock(&r->m);                       /* whoever left us behind has let go of r */
	pthread_mutex_unlock(&r->m);
	if (t && !store_recovered(s)) {
		cursors_close(t);
		if (t->db)
			t->db->abort(t->db);
	}
	pthread_detach(pthread_self());
	runner_free(r);
	log_info("store.thread_back", "recovered=%d", store_recovered(s));
	atomic_fetch_sub(&s->inside, 1);
	pthread_exit(NULL);
}

void lib_leave(struct runner *r)
{
	int was = LIBRARY;

	if (!atomic_compare_exchange_strong(&r->where, &was, BODY))
		runner_leave(r);
}

static void *runner_main(void *arg)
{
	struct runner *r = arg;

	pthread_mutex_lock(&r->m);
	while (!r->quit) {
		if (!r->fn) {
			pthread_cond_wait(&r->wake, &r->m);
			continue;
		}
		job_fn *fn = r->fn;
		void *job = r->arg;

		pthread_mutex_unlock(&r->m);
		enum err e = fn(r, job);
		pthread_mutex_lock(&r->m);
		r->fn = NULL;
		r->result = e;
		r->finished = true;
		pthread_cond_signal(&r->done);
	}
	pthread_mutex_unlock(&r->m);
	return NULL;
}

/* Signals are for the program's own threads. */
static int thread_start(struct runner *r)
{
	sigset_t all, old;
	int e;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	e = pthread_create(&r->thread, NULL, runner_main, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return e;
}

static struct runner *runner_new(struct store *s)
{
	struct runner *r = calloc(1, sizeof *r);
	pthread_condattr_t at;

	if (!r)
		return NULL;
	r->s = s;
	pthread_mutex_init(&r->m, NULL);
	pthread_condattr_init(&at);
	pthread_condattr_setclock(&at, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &at);
	pthread_cond_init(&r->done, &at);
	pthread_condattr_destroy(&at);
	if (thread_start(r) != 0) {
		runner_free(r);
		return NULL;
	}
	return r;
}

static struct runner *runner_get(struct store *s)
{
	struct runner *r;

	pthread_mutex_lock(&s->lock);
	r = s->idle;
	if (r)
		s->idle = r->next;
	pthread_mutex_unlock(&s->lock);
	return r ? r : runner_new(s);
}

static void runner_put(struct store *s, struct runner *r)
{
	pthread_mutex_lock(&s->lock);
	r->next = s->idle;
	s->idle = r;
	pthread_mutex_unlock(&s->lock);
}

/* r->m is held, so that the thread, should it come out at once, counts itself out after this. */
static bool left_behind(struct runner *r)
{
	int was = LIBRARY;

	if (!atomic_compare_exchange_strong(&r->where, &was, LEFT_BEHIND))
		return false;
	atomic_fetch_add(&r->s->inside, 1);
	return true;
}

static void tick(struct runner *r)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += TICK_MS * 1000000L;
	if (t.tv_nsec >= 1000000000L) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000L;
	}
	pthread_cond_timedwait(&r->done, &r->m, &t);
}

struct wait {
	int64_t begun, ask, recovered, helped;       /* when */
};

/* Somebody may have died: the helper looks, now and again. r->m is let go, since nobody should wait for a helper. */
static void ask_helper(struct runner *r, struct wait *w)
{
	pthread_mutex_unlock(&r->m);
	if (env_helper_soon(r->s)) {
		w->helped = mono_ms();
		w->ask = w->helped + ASK_AGAIN_MS;
	}
	pthread_mutex_lock(&r->m);
}

/* A thread that is still opening, though the helper went through, waits in a region that was given up. */
static bool given_up(struct runner *r, struct wait *w, int64_t now)
{
	if (!atomic_load(&r->s->open))
		return w->helped && now - w->helped >= GRACE_MS && atomic_load(&r->since) < w->helped;
	if (!store_recovered(r->s))
		return false;
	w->recovered = w->recovered ? w->recovered : now;
	return now - w->recovered >= GRACE_MS;
}

/* ERR_OK: wait on. Otherwise the thread was left behind. */
static enum err look(struct runner *r, struct wait *w, unsigned limit_ms)
{
	int64_t now = mono_ms();

	if (atomic_load(&r->where) != LIBRARY)
		return ERR_OK;
	if (given_up(r, w, now))
		return left_behind(r) ? ERR_RECOVER : ERR_OK;
	if (limit_ms && now - w->begun >= limit_ms)
		return left_behind(r) ? ERR_TIMEOUT : ERR_OK;
	if (now >= w->ask && now - atomic_load(&r->since) >= HELP_MS)
		ask_helper(r, w);
	return ERR_OK;
}

static enum err wait_for(struct runner *r, unsigned limit_ms)
{
	struct wait w = { .begun = mono_ms() };
	enum err e = ERR_OK;

	while (!e && !r->finished) {
		tick(r);
		if (!r->finished)
			e = look(r, &w, limit_ms);
	}
	return e;
}

static enum err left(struct store *s, enum err e)
{
	if (e == ERR_RECOVER)
		atomic_store(&s->dead, true);
	log_warn("store.thread_left", "why=%s", err_name(e));
	return e;
}

enum err run(struct store *s, job_fn *fn, void *arg, unsigned limit_ms)
{
	struct runner *r;
	enum err e;

	if (atomic_load(&s->open) && store_recovered(s))
		return ERR_RECOVER;
	if (atomic_load(&s->inside) && limit_ms)         /* the disk does not answer: one thread in there is enough */
		return ERR_TIMEOUT;
	r = runner_get(s);
	if (!r)
		return ERR_NOMEM;
	pthread_mutex_lock(&r->m);
	r->arg = arg;
	r->fn = fn;
	r->finished = false;
	r->txn = NULL;
	pthread_cond_signal(&r->wake);
	e = wait_for(r, limit_ms);
	if (!e)
		e = r->result;
	else {
		pthread_mutex_unlock(&r->m);
		return left(s, e);
	}
	pthread_mutex_unlock(&r->m);
	runner_put(s, r);
	return e;
}

void run_stop(struct store *s)
{
	struct runner *r = s->idle;

	s->idle = NULL;
	while (r) {
		struct runner *next = r->next;

		pthread_mutex_lock(&r->m);
		r->quit = true;
		pthread_cond_signal(&r->wake);
		pthread_mutex_unlock(&r->m);
		pthread_join(r->thread, NULL);
		runner_free(r);
		r = next;
	}
}
