/*
 * housekeeping - a child of `serve`, the one process that looks after the database: what was committed without waiting is on the disk within a
 * second, checkpoints keep recovery short, old calls and used-up tickets go, free space is watched, post-call messages are sent. It may be killed at any moment.
 */
#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli.h"
#include "post_call.h"
#include "purge.h"
#include "store/ticket.h"

#define DAY_MS  ((int64_t)86400000)
#define IDLE_MS 250
#define BUSY_MS 20

struct keeper {
	struct cli *cli;
	enum space_level space;
	struct poster *poster;
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

static enum err retention(struct keeper *k)
{
	int64_t days = k->cli->cf.retention_days;
	unsigned gone = 0;
	enum err e = days ? purge_calls(k->cli, clock_wall_ms() - days * DAY_MS, &gone) : ERR_OK;

	if (gone)
		log_info("purge.calls", "deleted=%u days=%lld", gone, (long long)days);
	return e;
}

static enum err post_calls(struct keeper *k)
{
	return poster_step(k->poster, k->cli->store);
}

static const struct chore {
	const char *name;
	enum err (*run)(struct keeper *);
	int64_t every_ms;
} chores[] = {
	{ "flush", flush, 500 },
	{ "post_call", post_calls, 0 },
	{ "checkpoint", checkpoint, 10000 },
	{ "space", watch_space, 10000 },
	{ "tickets", purge_tickets, 60000 },
	{ "retention", retention, 600000 },
};
#define CHORES (sizeof chores / sizeof *chores)

/* Somebody died and the database was recovered: open it again. Anything else is tried again when it is due, and said when it is new. */
static void trouble(struct keeper *k, const char *chore, enum err e, enum err before)
{
	if (e == ERR_RECOVER) {
		log_info("housekeeping.reopen", "chore=%s", chore);
		cli_close(k->cli);
	} else if (e != before) {
		log_warn("housekeeping.failed", "chore=%s error=%s", chore, err_name(e));
	}
}

struct due {
	int64_t ms;
	enum err last;                   /* how it went */
};

static void round_of(struct keeper *k, struct due due[CHORES], int64_t now_ms)
{
	for (size_t i = 0; i < CHORES && k->cli->store; i++) {
		enum err e;

		if (now_ms < due[i].ms)
			continue;
		due[i].ms = now_ms + chores[i].every_ms;
		e = chores[i].run(k);
		if (e)
			trouble(k, chores[i].name, e, due[i].last);
		due[i].last = e;
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
	struct due due[CHORES] = { { 0, ERR_OK } };
	sigset_t set;
	enum err e;

	(void)a;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	e = poster_new(&k.poster);
	while (!e && !(e = cli_open(c, true))) {
		round_of(&k, due, clock_ms());
		if (signal_came(c, &set, poster_busy(k.poster) ? BUSY_MS : IDLE_MS))
			break;
	}
	poster_free(k.poster);
	return !e && c->store ? store_checkpoint(c->store) : e;
}
