/* db - the store as a handler sees it: opened when it is not, opened again after somebody's death, never waited for longer than a caller would. */
#include "base/clock.h"
#include "base/log.h"
#include "hook.h"

#define OPEN_AGAIN_MS 1000

struct job {
	bool write;
	enum err (*body)(struct txn *, void *);
	void *arg;
};

static enum err ensure_open(struct hook *h)
{
	enum err e;

	if (h->store)
		return ERR_OK;
	if (clock_ms() < h->next_open_ms)
		return ERR_DOWN;
	e = store_open(&h->store, &h->store_options);
	if (e) {
		h->store = NULL;
		h->next_open_ms = clock_ms() + OPEN_AGAIN_MS;
		log_error("store.open", "error=%s", err_name(e));
	}
	return e;
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

/* Once the watch has answered, what was to be stored still is, but nobody may act on it: the caller has heard the apology. */
static enum err watched(struct hook *h, const struct job *j)
{
	int64_t began = clock_ms();
	bool answered = h->watch && h->patience_ms == 0;
	enum err e;

	if (h->watch && !answered)
		watch_begin(h->watch, h->patience_ms);
	e = work(h, j);
	if (h->watch && !answered) {
		answered = watch_end(h->watch);
		patience_spend(h, clock_ms() - began);
	}
	if (!answered)
		return e;
	log_error("store.slow", "ms=%lld error=%s", (long long)(clock_ms() - began), err_name(e));
	h->patience_ms = 0;
	return ERR_TIMEOUT;
}

enum err db_txn(struct hook *h, enum err (*body)(struct txn *, void *), void *arg)
{
	return watched(h, &(struct job){ true, body, arg });
}

enum err db_read(struct hook *h, enum err (*body)(struct txn *, void *), void *arg)
{
	return watched(h, &(struct job){ false, body, arg });
}

void db_close(struct hook *h)
{
	store_close(h->store);
	h->store = NULL;
}
