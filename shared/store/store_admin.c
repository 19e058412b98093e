/* store_admin - what housekeeping and the operator do: checkpoint, flush, figures, compaction, backup. */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "base/proc.h"
#include "store/store_db.h"

#define CHECKPOINT_KB  4096
#define CHECKPOINT_MIN 1
#define COMPACT_PAGES  100           /* a step: locks are held for so many at most */

static enum err simple(struct store *s, int (*call)(DB_ENV *), const char *what, struct runner *r)
{
	int e;

	lib_enter(r);
	e = call(s->env);
	lib_leave(r);
	return db_err(s, e, what);
}

static int checkpoint(DB_ENV *env)
{
	return env->txn_checkpoint(env, CHECKPOINT_KB, CHECKPOINT_MIN, 0);
}

static int flush(DB_ENV *env)
{
	return env->log_flush(env, NULL);
}

static enum err checkpoint_job(struct runner *r, void *arg)
{
	(void)arg;
	return simple(runner_store(r), checkpoint, "checkpoint", r);
}

static enum err flush_job(struct runner *r, void *arg)
{
	(void)arg;
	return simple(runner_store(r), flush, "flush", r);
}

enum err store_checkpoint(struct store *s)
{
	return run(s, checkpoint_job, NULL, 0);
}

enum err store_flush(struct store *s)
{
	return run(s, flush_job, NULL, STORE_LIMIT_MS);
}

/* --- figures --- */

struct table_figures {
	uint64_t records, pages, page_bytes;
};

struct figures {
	struct table_figures table[T_COUNT], index[X_COUNT];
	DB_LOCK_STAT lock;
	DB_TXN_STAT txn;
	DB_MPOOL_STAT cache;
	DB_LOG_STAT log;
};

static int count(DB *db, struct table_figures *f)
{
	DB_BTREE_STAT *st = NULL;
	int e = db->stat(db, NULL, &st, DB_READ_COMMITTED);

	if (!e)
		*f = (struct table_figures){ st->bt_nkeys, st->bt_pagecnt, st->bt_pagesize };
	free(st);
	return e;
}

#define COPY_STAT(get, to) \
	do { \
		if (!e && !(e = (get))) \
			to = *st; \
		free(st); \
		st = NULL; \
	} while (0)

static int env_figures(DB_ENV *env, struct figures *f)
{
	int e = 0;

	{
		DB_LOCK_STAT *st = NULL;
		COPY_STAT(env->lock_stat(env, &st, 0), f->lock);
	}
	{
		DB_TXN_STAT *st = NULL;
		COPY_STAT(env->txn_stat(env, &st, 0), f->txn);
	}
	{
		DB_MPOOL_STAT *st = NULL;
		COPY_STAT(env->memp_stat(env, &st, NULL, 0), f->cache);
	}
	{
		DB_LOG_STAT *st = NULL;
		COPY_STAT(env->log_stat(env, &st, 0), f->log);
	}
	return e;
}

static int read_figures(struct store *s, struct figures *f)
{
	int e = env_figures(s->env, f);

	for (unsigned i = 0; i < T_COUNT && !e; i++)
		e = count(s->table[i], &f->table[i]);
	for (unsigned i = 0; i < X_COUNT && !e; i++)
		e = count(s->index[i], &f->index[i]);
	return e;
}

/* Counted in the thread's own memory, copied when it is certain that the caller still waits. */
static enum err stat_job(struct runner *r, void *arg)
{
	struct figures *own = calloc(1, sizeof *own);
	int e;

	if (!own)
		return ERR_NOMEM;
	lib_enter(r);
	e = read_figures(runner_store(r), own);
	lib_leave(r);
	*(struct figures *)arg = *own;
	free(own);
	return db_err(runner_store(r), e, "stat");
}

static struct json_object *table_json(struct jbuild *b, const char *name, const struct table_figures *f)
{
	struct json_object *o = json_obj(b);

	json_set(b, o, "name", json_strz(b, name));
	json_set(b, o, "records", json_int(b, (int64_t)f->records));
	json_set(b, o, "bytes", json_int(b, (int64_t)(f->pages * f->page_bytes)));
	return o;
}

static struct json_object *numbers(struct jbuild *b, size_t n, const char *const names[], const int64_t values[])
{
	struct json_object *o = json_obj(b);

	for (size_t i = 0; i < n; i++)
		json_set(b, o, names[i], json_int(b, values[i]));
	return o;
}
#define NUMBERS(b, names, values) numbers(b, sizeof(values) / sizeof *(values), names, values)

static void add_parts(struct jbuild *b, struct json_object *o, const struct figures *f)
{
	static const char *const lock[] = { "locks", "most_locks", "allowed_locks", "deadlocks", "timeouts", "lockers" };
	static const char *const txn[] = { "active", "most_active", "allowed", "commits", "aborts", "last_checkpoint" };
	static const char *const cache[] = { "bytes", "hits", "misses", "dirty_pages" };
	static const char *const logs[] = { "file", "bytes_since_checkpoint", "file_bytes" };
	const int64_t lock_v[] = { f->lock.st_nlocks, f->lock.st_maxnlocks, f->lock.st_maxlocks, (int64_t)f->lock.st_ndeadlocks,
		(int64_t)f->lock.st_nlocktimeouts, f->lock.st_nlockers };
	const int64_t txn_v[] = { f->txn.st_nactive, f->txn.st_maxnactive, f->txn.st_maxtxns, (int64_t)f->txn.st_ncommits,
		(int64_t)f->txn.st_naborts, (int64_t)f->txn.st_time_ckp };
	const int64_t cache_v[] = { (int64_t)f->cache.st_gbytes << 30 | f->cache.st_bytes, (int64_t)f->cache.st_cache_hit,
		(int64_t)f->cache.st_cache_miss, f->cache.st_page_dirty };
	const int64_t log_v[] = { f->log.st_cur_file, (int64_t)f->log.st_wc_mbytes << 20 | f->log.st_wc_bytes, f->log.st_lg_size };

	json_set(b, o, "locks", NUMBERS(b, lock, lock_v));
	json_set(b, o, "transactions", NUMBERS(b, txn, txn_v));
	json_set(b, o, "cache", NUMBERS(b, cache, cache_v));
	json_set(b, o, "log", NUMBERS(b, logs, log_v));
}

static struct json_object *figures_json(struct jbuild *b, const struct store *s, const struct figures *f)
{
	struct json_object *o = json_obj(b), *tables = json_arr(b), *indices = json_arr(b);
	enum space_level level = SPACE_OK;

	for (unsigned i = 0; i < T_COUNT; i++)
		json_push(b, tables, table_json(b, table_name(i), &f->table[i]));
	for (unsigned i = 0; i < X_COUNT; i++)
		json_push(b, indices, table_json(b, index_name(i), &f->index[i]));
	json_set(b, o, "home", json_strz(b, s->o.home));
	json_set(b, o, "tables", tables);
	json_set(b, o, "indices", indices);
	add_parts(b, o, f);
	store_space(s, &level);
	json_set(b, o, "space", json_strz(b, space_name(level)));
	return o;
}

enum err store_stat(struct store *s, struct buf *json)
{
	struct jbuild b = { 0 };
	struct figures f = { 0 };
	struct json_object *o;
	enum err e = run(s, stat_job, &f, 0);

	if (e)
		return e;
	o = figures_json(&b, s, &f);
	buf_reset(json);
	e = b.err ? b.err : json_write(json, o);
	json_object_put(o);
	return e;
}

/* --- compaction --- */

static int compact_step(DB *db, DBT *from, DBT *end, unsigned *given_back, bool *more)
{
	DB_COMPACT c = { .compact_pages = COMPACT_PAGES };
	int e = db->compact(db, NULL, from->data ? from : NULL, NULL, &c, DB_FREE_SPACE, end);

	*given_back += c.compact_pages_truncated;
	*more = !e && end->size > 0 && c.compact_pages_free >= COMPACT_PAGES;
	return e;
}

static int compact_one(struct runner *r, DB *db, unsigned *given_back)
{
	DBT from = { .flags = DB_DBT_MALLOC }, end = { .flags = DB_DBT_MALLOC };
	bool more = true;
	int e = 0;

	while (more && !e) {
		lib_enter(r);
		e = compact_step(db, &from, &end, given_back, &more);
		lib_leave(r);
		if (e == DB_LOCK_DEADLOCK || e == DB_LOCK_NOTGRANTED) {
			e = 0;                     /* somebody works here: next time */
			more = false;
		}
		free(from.data);
		from = end;
		end = (DBT){ .flags = DB_DBT_MALLOC };
	}
	free(from.data);
	return e;
}

static enum err compact_job(struct runner *r, void *arg)
{
	struct store *s = runner_store(r);
	unsigned given_back = 0;
	int e = 0;

	for (unsigned i = 0; i < X_COUNT && !e; i++)
		e = compact_one(r, s->index[i], &given_back);
	for (unsigned i = 0; i < T_COUNT && !e; i++)
		e = compact_one(r, s->table[i], &given_back);
	*(unsigned *)arg = given_back;
	return db_err(s, e, "compact");
}

enum err store_compact(struct store *s, unsigned *pages)
{
	return run(s, compact_job, pages, 0);
}

/* --- backup --- */

/* The library empties the target first: only what a backup may contain is ever removed. */
static enum err target_fit(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *f;
	enum err e = ERR_OK;

	if (!d)
		return errno == ENOENT ? ERR_OK : err_errno(errno);
	while (!e && (f = readdir(d)))
		if (strcmp(f->d_name, ".") && strcmp(f->d_name, "..") && fnmatch("*.db", f->d_name, 0) && fnmatch("log.*", f->d_name, 0))
			e = ERR_EXISTS;
	closedir(d);
	return e;
}

static enum err backup_job(struct runner *r, void *arg)
{
	struct store *s = runner_store(r);
	char *dir = span_dup(span_z(arg));
	int e;

	if (!dir)
		return ERR_NOMEM;
	lib_enter(r);
	e = s->env->backup(s->env, dir, DB_CREATE | DB_BACKUP_CLEAN);
	lib_leave(r);
	free(dir);
	return db_err(s, e, "backup");
}

enum err store_backup(struct store *s, const char *dir)
{
	enum err e = target_fit(dir);

	e = e ? e : dir_make(dir, 0770);
	return e ? e : run(s, backup_job, (void *)(uintptr_t)dir, 0);
}
