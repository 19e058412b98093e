/* store_check - reads every record through its table, and verifies a copy of every file: the live ones may change while they are looked at. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "store/account.h"
#include "store/agent.h"
#include "store/call.h"
#include "store/number.h"
#include "store/post.h"
#include "store/spend.h"
#include "store/store_db.h"
#include "store/template.h"
#include "store/ticket.h"
#include "store/tool.h"
#include "store/turn.h"

static const struct record_type *type_of(enum table t)
{
	static const struct record_type *const types[T_COUNT] = {
		[T_ACCOUNT] = &account_type, [T_AGENT] = &agent_type, [T_TEMPLATE] = &template_type, [T_NUMBER] = &number_type, [T_TOOL] = &tool_type,
		[T_CALL] = &call_type, [T_TURN] = &turn_type, [T_EVENT] = &event_type, [T_TICKET] = &ticket_type, [T_HISTORY] = &agent_type,
		[T_SPEND] = &spend_type, [T_POST] = &post_type,
	};

	return types[t];
}

/* --- every record opens, and its index keys can be made --- */

struct reading {
	enum table table;
	struct page page;
	char *after;
	uint64_t records, bad;           /* of the tables so far; of this page */
	uint64_t page_records, page_bad;
};

static enum take read_one(const struct row *row, void *arg)
{
	struct reading *g = arg;
	const struct record_type *rt = type_of(g->table);
	void *rec = malloc(rt->size);

	g->page_records++;
	if (rec && record_decode(rt, row->rec, rec) == ERR_OK)
		record_fini(rt, rec);
	else
		g->page_bad++;
	free(rec);
	return TAKE_ROW;
}

static enum err read_page(struct txn *t, void *arg)
{
	struct reading *g = arg;
	struct walk w = { .table = g->table, .index = X_NONE };

	g->page_records = g->page_bad = 0;
	g->page.limit = 500;
	g->page.after = span_z(g->after);
	return txn_page(t, &w, &g->page, 0, read_one, g);
}

static enum err read_table(struct store *s, struct reading *g)
{
	enum err e;

	do {
		e = store_read(s, read_page, g);
		if (e)
			break;
		g->records += g->page_records;
		g->bad += g->page_bad;
		free(g->after);
		g->after = g->page.next.n ? buf_take(&g->page.next) : NULL;
	} while (g->after && !store_interrupted(s));
	free(g->after);
	g->after = NULL;
	return e;
}

static enum err read_all(struct store *s, struct buf *report)
{
	struct reading g = { 0 };
	enum err e = ERR_OK;

	for (unsigned i = 0; i < T_COUNT && !e; i++) {
		uint64_t before = g.bad;

		g.table = i;
		if (type_of(i))
			e = read_table(s, &g);
		if (g.bad > before)
			buf_printf(report, "%s: %llu damaged records\n", table_name(i), (unsigned long long)(g.bad - before));
	}
	buf_fini(&g.page.next);
	buf_printf(report, "%llu records read\n", (unsigned long long)g.records);
	return e ? e : g.bad ? ERR_CORRUPT : ERR_OK;
}

/* --- the copy --- */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

/* Recovery of the copy makes its files whole: the backup was taken while others wrote. */
static int copy_recover(const char *dir)
{
	DB_ENV *env;
	int e = db_env_create(&env, 0);

	if (e)
		return e;
	e = env->open(env, dir, DB_CREATE | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL | DB_PRIVATE | DB_RECOVER_FATAL, 0600);
	env->close(env, 0);
	return e;
}

static int verify_one(const char *dir, const char *name)
{
	char path[4096];
	DB *db;
	int e;

	if (snprintf(path, sizeof path, "%s/%s.db", dir, name) >= (int)sizeof path)
		return ENAMETOOLONG;
	e = db_create(&db, NULL, 0);
	return e ? e : db->verify(db, path, NULL, NULL, 0);
}

struct verifying {
	char dir[4096];
	int recover, table[T_COUNT], index[X_COUNT];
};

static void verify_files(struct verifying *v)
{
	v->recover = copy_recover(v->dir);
	for (unsigned i = 0; i < T_COUNT && !v->recover; i++)
		v->table[i] = verify_one(v->dir, table_name(i));
	for (unsigned i = 0; i < X_COUNT && !v->recover; i++)
		v->index[i] = verify_one(v->dir, index_name(i));
}

static enum err verify_job(struct runner *r, void *arg)
{
	struct verifying *own = malloc(sizeof *own);

	if (!own)
		return ERR_NOMEM;
	*own = *(struct verifying *)arg;
	lib_enter(r);
	verify_files(own);
	lib_leave(r);
	*(struct verifying *)arg = *own;
	free(own);
	return ERR_OK;
}

static unsigned report_bad(struct buf *report, const char *name, int e)
{
	if (e)
		buf_printf(report, "%s.db: %s\n", name, db_strerror(e));
	return e != 0;
}

static enum err verify_copy(struct store *s, struct verifying *v, struct buf *report)
{
	unsigned bad = 0;
	enum err e = run(s, verify_job, v, 0);

	if (e)
		return e;
	if (v->recover)
		buf_printf(report, "copy: %s\n", db_strerror(v->recover));
	for (unsigned i = 0; i < T_COUNT; i++)
		bad += report_bad(report, table_name(i), v->table[i]);
	for (unsigned i = 0; i < X_COUNT; i++)
		bad += report_bad(report, index_name(i), v->index[i]);
	buf_printf(report, "%u files verified, %u damaged\n", T_COUNT + X_COUNT, bad);
	return bad || v->recover ? ERR_CORRUPT : ERR_OK;
}

static enum err check_copy(struct store *s, struct buf *report)
{
	struct verifying v = { .recover = 0 };
	enum err e;

	if (snprintf(v.dir, sizeof v.dir, "%s/check-%ld", s->o.home, (long)getpid()) >= (int)sizeof v.dir)
		return ERR_LIMIT;
	e = store_backup(s, v.dir);
	if (e == ERR_FULL) {
		buf_addz(report, "files not verified: no room for a copy\n");
		e = ERR_OK;
	} else if (!e) {
		e = verify_copy(s, &v, report);
	}
	nftw(v.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return e;
}

enum err store_check(struct store *s, struct buf *report)
{
	enum err e, f;

	buf_reset(report);
	e = read_all(s, report);
	if (e && e != ERR_CORRUPT)
		return e;
	f = check_copy(s, report);
	return e ? e : f ? f : report->err;
}
