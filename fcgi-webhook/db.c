/* db - the store as a handler sees it: opened when it is not, opened again after somebody's death, never waited for longer than a caller would. */
#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "hook.h"

#define OPEN_AGAIN_MS 1000
#define OPEN_WAIT_S   3
#define SICK_MS       2000

struct job {
	bool write;
	enum err (*body)(struct txn *, void *);
	void *arg;
};

static void *open_run(void *arg)
{
	struct hook *h = arg;
	enum err e = store_open(&h->store, &h->store_options);

	if (e) {
		h->store = NULL;
		h->next_open_ms = clock_ms() + OPEN_AGAIN_MS;
		log_error("store.open", "error=%s", err_name(e));
	}
	return NULL;
}

/* Opening may take as long as somebody holds what it needs, so it has a thread of its own. Signals are for the thread in accept. */
void db_open_soon(struct hook *h)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	h->opening = pthread_create(&h->opener, NULL, open_run, h) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static bool opener_done(struct hook *h)
{
	struct timespec until;

	if (!h->opening)
		return true;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += OPEN_WAIT_S;
	h->opening = pthread_timedjoin_np(h->opener, NULL, &until) != 0;
	return !h->opening;
}

static enum err ensure_open(struct hook *h)
{
	if (!h->opening && !h->store) {
		if (clock_ms() < h->next_open_ms)
			return ERR_DOWN;
		db_open_soon(h);
	}
	return !opener_done(h) ? ERR_TIMEOUT : h->store ? ERR_OK : ERR_DOWN;
}

static enum err run(struct hook *h, const struct job *j)
{
	return j->write ? store_txn(h->store, DURABLE, j->body, j->arg) : store_read(h->store, j->body, j->arg);
}

/* After a recovery the old handle is worthless: this request is finished on a second one, then the worker makes room for a fresh process. */
static enum err run_again(struct hook *h, const struct job *j)
{
	enum err e = store_reopen(&h->store);

	h->leave = true;
	log_info("store.recovered", "reopen=%s", err_name(e));
	return e ? e : run(h, j);
}

static enum err work(struct hook *h, const struct job *j)
{
	enum err e = ensure_open(h);

	if (!e)
		e = run(h, j);
	for (int i = 0; e == ERR_RECOVER && i < 3; i++)
		e = run_again(h, j);
	return e;
}

static void patience_spend(struct hook *h, int64_t ms)
{
	h->patience_ms = ms < h->patience_ms ? h->patience_ms - (int)ms : 1;
}

/* Once the watch has answered, what was to be stored still is, when the database is back, but nobody may act on it: the caller has heard the apology.
 * While one request is known to have waited in vain the next ones are told at once, so that a silent database does not eat up the workers. */
static enum err watched(struct hook *h, const struct job *j)
{
	int64_t began = clock_ms();
	bool late;
	enum err e;

	if (!h->watch)
		return work(h, j);
	if (began < h->sick_until_ms)
		return ERR_TIMEOUT;
	if (h->patience_ms == 0) {
		work(h, j);
		return ERR_TIMEOUT;
	}
	watch_begin(h->watch, h->patience_ms);
	e = work(h, j);
	patience_spend(h, clock_ms() - began);
	late = watch_end(h->watch);
	if (e == ERR_BUSY || e == ERR_TIMEOUT)
		h->sick_until_ms = clock_ms() + SICK_MS;
	if (late) {
		log_error("store.slow", "ms=%lld error=%s", (long long)(clock_ms() - began), err_name(e));
		h->patience_ms = 0;
	}
	return late ? ERR_TIMEOUT : e;
}

static enum err timed(struct hook *h, const struct job *j)
{
	int64_t began = clock_ms();
	enum err e = watched(h, j);

	h->db_ms += clock_ms() - began;
	return e;
}

enum err db_txn(struct hook *h, enum err (*body)(struct txn *, void *), void *arg)
{
	return timed(h, &(struct job){ true, body, arg });
}

enum err db_read(struct hook *h, enum err (*body)(struct txn *, void *), void *arg)
{
	return timed(h, &(struct job){ false, body, arg });
}

void db_close(struct hook *h)
{
	if (opener_done(h))
		store_close(h->store);
	h->store = NULL;
}
