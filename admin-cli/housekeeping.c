/*
 * housekeeping - a child of `serve`, the one process that looks after the database: what was committed without waiting is on the disk within a
 * second, checkpoints keep recovery short, old calls and used-up tickets go, free space is watched. It may be killed at any moment.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli.h"
#include "store/call.h"
#include "store/ticket.h"

#define PURGE_BATCH 200
#define DAY_MS      ((int64_t)86400000)

struct keeper {
	struct cli *cli;
	enum space_level space;
};

static enum err flush(struct keeper *k)
{
	return store_flush(k->cli->store);
}

static enum err checkpoint(struct keeper *k)
{
	return store_checkpoint(k->cli->store);
}

static enum err watch_space(struct keeper *k)
{
	enum space_level before = k->space;
	enum err e = store_space_keep(k->cli->store, &k->space);

	if (!e && k->space != before)
		log_write(k->space ? LOG_WARN : LOG_INFO, "disk.space", "level=%s before=%s", space_name(k->space), space_name(before));
	return e;
}

struct tickets {
	int64_t now_ms;
	unsigned left;
};

static enum err tickets_body(struct txn *t, void *arg)
{
	struct tickets *k = arg;

	k->left = 0;
	return ticket_purge(t, k->now_ms, &k->left);
}

static enum err purge_tickets(struct keeper *k)
{
	struct tickets t = { .now_ms = clock_wall_ms(), .left = 1 };
	enum err e = ERR_OK;

	while (!e && t.left && !store_interrupted(k->cli->store))
		e = store_txn(k->cli->store, EVENTUAL, tickets_body, &t);
	return e;
}

struct old {
	int64_t before_ms;
	char id[PURGE_BATCH][UUID_TEXT];
	size_t n;
};

/* A call that is still going on is never old. */
static bool old_each(struct call *c, void *arg)
{
	struct old *o = arg;

	if (c->ended_at != FIELD_NULL_INT || c->started_at < o->before_ms - DAY_MS)
		span_copy(o->id[o->n++], UUID_TEXT, span_z(c->session_id));
	return o->n < PURGE_BATCH;
}

static enum err old_body(struct txn *t, void *arg)
{
	struct old *o = arg;
	struct call_filter f = { .since_ms = FIELD_NULL_INT, .until_ms = o->before_ms };
	struct page p = { .limit = PURGE_BATCH };
	enum err e;

	o->n = 0;
	e = call_list(t, &f, &p, old_each, o);
	buf_fini(&p.next);
	return e;
}

static enum err delete_body(struct txn *t, void *arg)
{
	enum err e = call_delete(t, span_z(arg));

	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err purge_calls(struct keeper *k)
{
	struct old *o = calloc(1, sizeof *o);
	size_t gone = 0;
	enum err e = o ? ERR_OK : ERR_NOMEM;

	if (k->cli->cf.retention_days == 0 || e)
		goto out;
	o->before_ms = clock_wall_ms() - k->cli->cf.retention_days * DAY_MS;
	do {
		e = store_read(k->cli->store, old_body, o);
		for (size_t i = 0; i < o->n && !e && !store_interrupted(k->cli->store); i++, gone++)
			e = store_txn(k->cli->store, EVENTUAL, delete_body, o->id[i]);
	} while (!e && o->n == PURGE_BATCH && !store_interrupted(k->cli->store));
	if (gone)
		log_info("purge.calls", "deleted=%zu days=%lld", gone, (long long)k->cli->cf.retention_days);
out:
	free(o);
	return e;
}

static const struct chore {
	const char *name;
	enum err (*run)(struct keeper *);
	int64_t every_ms;
} chores[] = {
	{ "flush", flush, 500 },
	{ "checkpoint", checkpoint, 10000 },
	{ "space", watch_space, 10000 },
	{ "tickets", purge_tickets, 60000 },
	{ "retention", purge_calls, 600000 },
};
#define CHORES (sizeof chores / sizeof *chores)

/* Somebody died and the database was recovered: open it again. Anything else is tried again when it is due. */
static void trouble(struct keeper *k, const char *chore, enum err e)
{
	log_warn("housekeeping.failed", "chore=%s error=%s", chore, err_name(e));
	if (e == ERR_RECOVER)
		cli_close(k->cli);
}

static void round_of(struct keeper *k, int64_t due[CHORES], int64_t now_ms)
{
	for (size_t i = 0; i < CHORES && k->cli->store; i++) {
		enum err e;

		if (now_ms < due[i])
			continue;
		due[i] = now_ms + chores[i].every_ms;
		e = chores[i].run(k);
		if (e)
			trouble(k, chores[i].name, e);
	}
}

static void reload(struct cli *c)
{
	struct settings fresh;
	struct buf why = BUF_INIT;

	if (settings_load(&fresh, &why)) {
		log_error("config.reload", "error=%s", log_q(buf_span(&why)));
	} else {
		c->cf.retention_days = fresh.retention_days;
		settings_fini(&fresh);
	}
	buf_fini(&why);
}

/* True: it is time to go. The signals are held while the database is open. */
static bool signal_came(struct cli *c, const sigset_t *set, int64_t wait_ms)
{
	struct timespec t = { .tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000 };
	int sig = sigtimedwait(set, NULL, &t);

	if (sig == SIGHUP)
		reload(c);
	return sig == SIGTERM || sig == SIGINT;
}

enum err housekeeping_run(struct cli *c, const struct args *a)
{
	struct keeper k = { .cli = c };
	int64_t due[CHORES] = { 0 };
	sigset_t set;

	(void)a;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	do {
		enum err e = cli_open(c, true);

		if (e)
			return e;
		round_of(&k, due, clock_ms());
	} while (!signal_came(c, &set, 250));
	return c->store ? store_checkpoint(c->store) : ERR_OK;
}
