/* store_txn - bodies in transactions, run again when they met somebody else; single records by key. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "store/store_db.h"

#define KEY_SIZE_MAX 512
#define REC_FIRST    4096             /* most records fit: one call, no second size */

struct txn_job {
	bool read;
	enum durability d;
	enum err (*body)(struct txn *, void *);
	void *arg;
};

static void back_off(unsigned try)
{
	unsigned most = 1u << (try < 7 ? try : 7);
	struct timespec t = { 0, (long)(1 + random_below(most)) * 1000000L };

	if (try)
		nanosleep(&t, NULL);
}

static enum err begin(struct txn *t, const struct txn_job *j)
{
	static const u_int32_t commit_flags[] = { [DURABLE] = DB_TXN_SYNC, [EVENTUAL] = DB_TXN_WRITE_NOSYNC };
	u_int32_t flags = j->read ? DB_READ_COMMITTED | DB_TXN_NOSYNC : commit_flags[j->d];
	int e;

	lib_enter(t->r);
	e = t->st->env->txn_begin(t->st->env, NULL, &t->db, flags);
	lib_leave(t->r);
	if (!e)
		lib_txn(t->r, t);
	return db_err(t->st, e, "begin");
}

/* After commit or abort the handle is gone, whatever they answer. After a recovery it is not ours to touch. */
static enum err end(struct txn *t, enum err e)
{
	int d = 0;

	lib_txn(t->r, NULL);
	e = t->failed ? t->failed : e;
	if (e == ERR_RECOVER)
		return e;
	lib_enter(t->r);
	d = e ? t->db->abort(t->db) : t->db->commit(t->db, 0);
	lib_leave(t->r);
	if (d == DB_RUNRECOVERY)
		e = ERR_RECOVER;
	return e ? e : db_err(t->st, d, "commit");
}

static enum err attempt(struct runner *r, const struct txn_job *j, bool *timed_out)
{
	struct txn t = { .st = runner_store(r), .r = r };
	enum err e = begin(&t, j);

	if (e)
		return e;
	e = fault("store.body") ? ERR_BUSY : j->body(&t, j->arg);
	e = end(&t, e);
	*timed_out = t.timed_out;
	return e;
}

static enum err txn_job(struct runner *r, void *arg)
{
	struct txn_job j = *(struct txn_job *)arg;
	int64_t end_ms = mono_ms() + STORE_LIMIT_MS - 1000;
	enum err e = ERR_BUSY;

	for (unsigned try = 0; e == ERR_BUSY && mono_ms() < end_ms; try++) {
		bool timed_out = false;

		back_off(try);
		e = attempt(r, &j, &timed_out);
		if (timed_out)
			env_helper_soon(runner_store(r));
	}
	return e;
}

enum err store_txn(struct store *s, enum durability d, enum err (*body)(struct txn *, void *), void *arg)
{
	struct txn_job j = { .d = d, .body = body, .arg = arg };

	return run(s, txn_job, &j, STORE_LIMIT_MS);
}

enum err store_read(struct store *s, enum err (*body)(struct txn *, void *), void *arg)
{
	struct txn_job j = { .read = true, .body = body, .arg = arg };

	return run(s, txn_job, &j, STORE_LIMIT_MS);
}

struct store *txn_store(struct txn *t)
{
	return t->st;
}

const struct seal_key *store_key(const struct store *s)
{
	return &s->key;
}

void txn_failed(struct txn *t, int e)
{
	if (e == DB_LOCK_NOTGRANTED)
		t->timed_out = true;
	if (e == DB_LOCK_NOTGRANTED || e == DB_LOCK_DEADLOCK)
		t->failed = ERR_BUSY;
	else if (e == DB_RUNRECOVERY)
		t->failed = ERR_RECOVER;
}

static enum err done(struct txn *t, int e, const char *what)
{
	txn_failed(t, e);
	return db_err(t->st, e, what);
}

/* --- one record; what the library reads and writes is this thread's own memory (store_db.h) --- */

struct own_key {
	char b[KEY_SIZE_MAX];
	DBT d;
};

static enum err own_key(struct own_key *k, struct span key)
{
	if (key.n > sizeof k->b)
		return ERR_LIMIT;
	memcpy(k->b, key.p, key.n);
	k->d = (DBT){ .data = k->b, .size = (u_int32_t)key.n, .ulen = sizeof k->b, .flags = DB_DBT_USERMEM };
	return ERR_OK;
}

static enum err get(struct txn *t, enum table tab, struct span key, struct buf *out, u_int32_t flags)
{
	struct own_key k;
	char first[REC_FIRST];
	DBT d = { .data = first, .ulen = sizeof first, .flags = DB_DBT_USERMEM };
	enum err e = t->failed ? t->failed : own_key(&k, key);
	int g;

	if (e)
		return e;
	lib_enter(t->r);
	g = t->st->table[tab]->get(t->st->table[tab], t->db, &k.d, &d, flags);
	if (g == DB_BUFFER_SMALL) {
		d = (DBT){ .flags = DB_DBT_MALLOC };
		g = t->st->table[tab]->get(t->st->table[tab], t->db, &k.d, &d, flags);
	}
	lib_leave(t->r);
	if (!g) {
		buf_reset(out);
		buf_add(out, span_of(d.data, d.size));
	}
	if (d.flags & DB_DBT_MALLOC)
		free(d.data);
	return g ? done(t, g, "get") : out->err;
}

enum err txn_get(struct txn *t, enum table tab, struct span key, struct buf *out)
{
	return get(t, tab, key, out, 0);
}

enum err txn_get_for_update(struct txn *t, enum table tab, struct span key, struct buf *out)
{
	return get(t, tab, key, out, DB_RMW);
}

static enum err put(struct txn *t, enum table tab, struct span key, struct span data, u_int32_t flags)
{
	struct own_key k;
	enum err e = t->failed ? t->failed : own_key(&k, key);
	char first[REC_FIRST], *own = first;
	int p;

	if (e)
		return e;
	if (data.n > sizeof first)
		own = fault("store.put") ? NULL : malloc(data.n);
	if (!own)
		return ERR_NOMEM;
	if (data.n)
		memcpy(own, data.p, data.n);
	DBT d = { .data = own, .size = (u_int32_t)data.n };

	lib_enter(t->r);
	p = t->st->table[tab]->put(t->st->table[tab], t->db, &k.d, &d, flags);
	lib_leave(t->r);
	if (own != first)
		free(own);
	return done(t, p, "put");
}

enum err txn_put(struct txn *t, enum table tab, struct span key, struct span data)
{
	return put(t, tab, key, data, 0);
}

enum err txn_add(struct txn *t, enum table tab, struct span key, struct span data)
{
	return put(t, tab, key, data, DB_NOOVERWRITE);
}

enum err txn_del(struct txn *t, enum table tab, struct span key)
{
	struct own_key k;
	enum err e = t->failed ? t->failed : own_key(&k, key);
	int d;

	if (e)
		return e;
	lib_enter(t->r);
	d = t->st->table[tab]->del(t->st->table[tab], t->db, &k.d, 0);
	lib_leave(t->r);
	return done(t, d, "delete");
}
