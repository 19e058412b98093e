/*
 * store_env - opening and closing, by the protocol that lets any process die at any moment (docs/store.md). Everybody opens with the same flags
 * and settings; another setting with DB_RECOVER would delete the live regions.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "store/store_db.h"

#define OPEN_FLAGS (DB_CREATE | DB_INIT_TXN | DB_INIT_LOCK | DB_INIT_LOG | DB_INIT_MPOOL | DB_THREAD | DB_REGISTER | DB_RECOVER)
#define FILE_MODE  0660
#define LOCK_MS    500
#define OPEN_TRIES 20
#define FULL_AGAIN_MS 10000

/*
 * All stores of this process. An environment is opened once at a time: the library would refuse a second handle, but its refusal closes a
 * descriptor of __db.register, POSIX drops the locks of the first, and the next opener takes us for dead. Stores that were left behind stay here,
 * reachable, since their threads still use them.
 */
static struct store *all_stores;
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;

/* --- errors and messages of the library --- */

enum err db_err(struct store *s, int e, const char *what)
{
	static const struct { int db; enum err err; } map[] = {
		{ 0, ERR_OK }, { DB_NOTFOUND, ERR_NOTFOUND }, { DB_KEYEXIST, ERR_EXISTS }, { DB_LOCK_DEADLOCK, ERR_BUSY },
		{ DB_LOCK_NOTGRANTED, ERR_BUSY }, { DB_RUNRECOVERY, ERR_RECOVER }, { ENOSPC, ERR_FULL }, { EDQUOT, ERR_FULL }, { ENOMEM, ERR_NOMEM },
		{ DB_SECONDARY_BAD, ERR_CORRUPT }, { DB_VERIFY_BAD, ERR_CORRUPT }, { DB_PAGE_NOTFOUND, ERR_CORRUPT },
	};

	if (e == DB_RUNRECOVERY)
		atomic_store(&s->dead, true);
	for (size_t i = 0; i < sizeof map / sizeof *map; i++)
		if (map[i].db == e)
			return map[i].err;
	log_error("store.error", "in=%s code=%d text=%s", what, e, log_q(span_z(db_strerror(e))));
	return ERR_IO;
}

/* A full disk is tried several times a second, and each line about it takes room too. */
static bool full_said(struct store *s)
{
	int64_t now = clock_ms(), last = atomic_load(&s->full_said_ms);

	if (last && now - last < FULL_AGAIN_MS)
		return true;
	atomic_store(&s->full_said_ms, now);
	return false;
}

/* A panic says the same again in every call: only the first is worth a line. */
static void on_error(const DB_ENV *env, const char *prefix, const char *text)
{
	struct store *s = env->app_private;
	bool again = atomic_load(&s->dead) || (strstr(text, "No space left on device") && full_said(s));

	(void)prefix;
	log_write(again ? LOG_DEBUG : LOG_WARN, "store.library", "text=%s", log_q(span_z(text)));
}

static void on_message(const DB_ENV *env, const char *text)
{
	(void)env;
	log_debug("store.library", "text=%s", log_q(span_z(text)));
}

static void on_event(DB_ENV *env, u_int32_t event, void *info)
{
	struct store *s = env->app_private;

	(void)info;
	if (event == DB_EVENT_PANIC)
		atomic_store(&s->dead, atomic_load(&s->open));
	else if (event == DB_EVENT_WRITE_FAILED)
		log_write(full_said(s) ? LOG_DEBUG : LOG_ERROR, "store.write_failed", NULL);
}

/* --- the environment --- */

static int env_callbacks(DB_ENV *env, struct store *s)
{
	env->app_private = s;
	env->set_errcall(env, on_error);
	env->set_msgcall(env, on_message);
	return env->set_event_notify(env, on_event);
}

static int env_limits(DB_ENV *env)
{
	int e = env->set_lk_max_locks(env, 100000);

	e = e ? e : env->set_lk_max_objects(env, 100000);
	e = e ? e : env->set_lk_max_lockers(env, 4000);
	e = e ? e : env->set_tx_max(env, 2000);
	e = e ? e : env->set_cachesize(env, 0, 64u << 20, 1);
	e = e ? e : env->set_lg_max(env, 32u << 20);
	return e ? e : env->set_lg_bsize(env, 1u << 20);
}

static int env_settings(DB_ENV *env)
{
	int e = env->set_lk_detect(env, DB_LOCK_MINWRITE);

	e = e ? e : env->set_timeout(env, LOCK_MS * 1000, DB_SET_LOCK_TIMEOUT);
	e = e ? e : env->set_flags(env, DB_TIME_NOTGRANTED, 1);
	e = e ? e : env->set_flags(env, DB_REGION_INIT, 1);
	return e ? e : env->log_set_config(env, DB_LOG_AUTO_REMOVE, 1);
}

static int env_create(struct store *s, DB_ENV **out)
{
	int e = db_env_create(out, 0);

	if (e)
		return e;
	e = env_callbacks(*out, s);
	e = e ? e : env_limits(*out);
	e = e ? e : env_settings(*out);
	return e ? e : (*out)->open(*out, s->o.home, OPEN_FLAGS, FILE_MODE);
}

static int region_open(struct store *s)
{
	char path[4096];

	if (snprintf(path, sizeof path, "%s/__db.001", s->o.home) >= (int)sizeof path)
		return ENAMETOOLONG;
	s->region_fd = open(path, O_RDONLY | O_CLOEXEC);
	return s->region_fd < 0 ? errno : 0;
}

/* Is the region we watch the one we use? Somebody may have recovered since it was opened: then it is not closed any more, and another store opens. */
static int env_watched(struct store *s, DB_ENV *env)
{
	int n, e = region_open(s);

	e = e ? e : regions_reserve(s);
	e = e ? e : env->lock_detect(env, 0, DB_LOCK_EXPIRE, &n);
	return e == ENOENT ? DB_RUNRECOVERY : e;
}

static int env_try(struct runner *r, struct store *s)
{
	DB_ENV *env = NULL;
	bool watched = false;
	int e;

	lib_enter(r);
	e = env_create(s, &env);
	if (!e) {
		e = env_watched(s, env);
		watched = !e || e == DB_RUNRECOVERY;
	}
	if (!watched && env)
		env->close(env, 0);
	lib_leave(r);
	s->env = watched ? env : NULL;
	atomic_store(&s->open, watched);
	return e;
}

enum err env_open(struct runner *r)
{
	struct store *s = runner_store(r);
	int e = DB_RUNRECOVERY;

	for (unsigned i = 0; i < OPEN_TRIES && !s->env && (e == DB_RUNRECOVERY || e == ENOENT || e == EAGAIN); i++) {
		nap_ms(i ? 10 * i : 0);
		atomic_store(&s->dead, false);
		e = env_try(r, s);
	}
	return db_err(s, e, "open");
}

bool store_recovered(const struct store *s)
{
	struct stat st;

	if (s->region_fd >= 0 && fstat(s->region_fd, &st) == 0 && st.st_nlink == 0)
		return true;
	return atomic_load(&s->dead);
}

/* --- open and close --- */

static void options_free(struct store_options *o)
{
	free((char *)(uintptr_t)o->home);
	free((char *)(uintptr_t)o->key_file);
	free((char *)(uintptr_t)o->helper);
}

static bool options_copy(struct store_options *to, const struct store_options *o)
{
	*to = *o;
	to->home = span_dup(span_z(o->home));
	to->key_file = span_dup(span_z(o->key_file));
	to->helper = o->helper ? span_dup(span_z(o->helper)) : NULL;
	return to->home && to->key_file && (to->helper || !o->helper);
}

static void all_add(struct store *s)
{
	pthread_mutex_lock(&all_lock);
	s->next = all_stores;
	all_stores = s;
	pthread_mutex_unlock(&all_lock);
}

static void all_remove(struct store *s)
{
	struct store **at = &all_stores;

	pthread_mutex_lock(&all_lock);
	while (*at && *at != s)
		at = &(*at)->next;
	if (*at)
		*at = s->next;
	pthread_mutex_unlock(&all_lock);
}

static bool same_place(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool open_here(const char *home)
{
	bool found = false;

	pthread_mutex_lock(&all_lock);
	for (const struct store *s = all_stores; s && !found; s = s->next)
		found = atomic_load(&s->open) && !store_recovered(s) && same_place(s->o.home, home);
	pthread_mutex_unlock(&all_lock);
	return found;
}

static void store_free(struct store *s)
{
	all_remove(s);
	if (s->region_fd >= 0)
		close(s->region_fd);
	options_free(&s->o);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	OPENSSL_cleanse(&s->key, sizeof s->key);
	free(s);
}

static struct store *store_new(const struct store_options *o)
{
	struct store *s = calloc(1, sizeof *s);
	pthread_condattr_t at;

	if (!s)
		return NULL;
	s->region_fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&at);
	pthread_condattr_setclock(&at, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &at);
	pthread_condattr_destroy(&at);
	if (!options_copy(&s->o, o)) {
		store_free(s);
		return NULL;
	}
	all_add(s);
	return s;
}

static bool home_exists(const char *home)
{
	char pattern[4096];
	glob_t g;
	bool found;

	if (snprintf(pattern, sizeof pattern, "%s/log.*", home) >= (int)sizeof pattern)
		return false;
	found = glob(pattern, GLOB_NOSORT, NULL, &g) == 0;
	if (found)
		globfree(&g);
	return found;
}

static void signals_hold(struct store *s)
{
	sigset_t hold;

	if (!s->o.hold_signals || s->signals_held)
		return;
	sigemptyset(&hold);
	sigaddset(&hold, SIGINT);
	sigaddset(&hold, SIGTERM);
	sigaddset(&hold, SIGHUP);
	s->signals_held = pthread_sigmask(SIG_BLOCK, &hold, &s->signals) == 0;
}

static void signals_free(const struct store *s, bool held)
{
	if (held)
		pthread_sigmask(SIG_SETMASK, &s->signals, NULL);
}

bool store_interrupted(const struct store *s)
{
	sigset_t p;

	return s->signals_held && sigpending(&p) == 0 && (sigismember(&p, SIGINT) || sigismember(&p, SIGTERM) || sigismember(&p, SIGHUP));
}

static enum err open_job(struct runner *r, void *arg)
{
	(void)arg;
	return env_open(r);
}

static enum err tables_job(struct runner *r, void *arg)
{
	(void)arg;
	return tables_open(r);
}

static enum err open_env(struct store *s)
{
	return run(s, open_job, NULL, 0);
}

static enum err open_all(struct store *s)
{
	enum err e = seal_key_load(&s->key, s->o.key_file, s->o.create);

	e = e ? e : open_env(s);
	e = e ? e : sentinel_start(s);
	return e ? e : run(s, tables_job, NULL, 0);
}

static enum err home_make(const struct store_options *o)
{
	if (!o->create && !home_exists(o->home))
		return ERR_NOTFOUND;
	return o->create ? dir_make(o->home, 0770) : ERR_OK;
}

/* Again when somebody died, and was recovered, while we were at it. */
static enum err open_with(struct store **out, const struct store_options *o, enum err (*open_parts)(struct store *))
{
	enum err e = home_make(o);

	if (!e && open_here(o->home))
		e = ERR_INUSE;
	for (unsigned i = 0; e == ERR_OK || e == ERR_RECOVER; i++) {
		struct store *s = store_new(o);

		if (!s)
			return ERR_NOMEM;
		signals_hold(s);
		e = open_parts(s);
		if (!e) {
			*out = s;
			return ERR_OK;
		}
		store_close(s);
		if (i == OPEN_TRIES)
			break;
	}
	return e;
}

enum err store_open(struct store **out, const struct store_options *o)
{
	return open_with(out, o, open_all);
}

/* No table is opened and no lock taken: this cannot get stuck where the others are. */
int store_helper_main(const char *home, const char *key_file)
{
	struct store_options o = { .home = home, .key_file = key_file, .hold_signals = true };
	struct store *s;
	enum err e = open_with(&s, &o, open_env);

	if (!e)
		store_close(s);
	return err_exit(e);
}
static enum err close_job(struct runner *r, void *arg)
{
	struct store *s = runner_store(r);
	int e;

	(void)arg;
	lib_enter(r);
	e = tables_close(s);
	if (e != DB_RUNRECOVERY && s->env)
		e = s->env->close(s->env, 0);
	lib_leave(r);
	return e == DB_RUNRECOVERY ? ERR_RECOVER : ERR_OK;
}

/* Closing takes as little as a transaction; a store that cannot be closed is left as it is, since its threads still use it. */
void store_close(struct store *s)
{
	bool held, clean;

	if (!s)
		return;
	held = s->signals_held;
	clean = sentinel_stop(s) && atomic_load(&s->inside) == 0 && (!s->env || !store_recovered(s));
	clean = clean && run(s, close_job, NULL, STORE_LIMIT_MS) == ERR_OK;
	run_stop(s);
	signals_free(s, held);
	if (clean)
		store_free(s);
	else
		atomic_store(&s->dead, true);
}

void store_abandon(struct store *s)
{
	if (!s)
		return;
	sentinel_stop(s);
	signals_free(s, s->signals_held);
	s->signals_held = false;
	atomic_store(&s->dead, true);
}

enum err store_reopen(struct store **s)
{
	struct store *old = *s;
	struct store_options o;
	enum err e;

	if (!options_copy(&o, &old->o))
		return ERR_NOMEM;
	store_abandon(old);                      /* stays *s when opening fails, so that it can be tried again */
	o.create = true;
	e = store_open(s, &o);
	options_free(&o);
	return e;
}
