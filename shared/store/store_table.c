/* store_table - the files of the environment: tables by their key, and indices that the library keeps in step with them. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/store_db.h"

#define FILE_MODE 0660
#define TRIES     50

static const char *const tables[] = {
	[T_META] = "meta", [T_ACCOUNT] = "accounts", [T_AGENT] = "agents", [T_TEMPLATE] = "templates", [T_NUMBER] = "numbers", [T_TOOL] = "tools",
	[T_CALL] = "calls", [T_TURN] = "turns", [T_EVENT] = "events", [T_TICKET] = "tickets", [T_HISTORY] = "history",
	[T_SPEND] = "spend", [T_POST] = "posts",
};
_Static_assert(sizeof tables / sizeof *tables == T_COUNT, "a name per table");

static const struct index_row {
	const char *name;
	enum table table;
	index_fn *keys;
} indices[] = {
	[X_ACCOUNT_NAME]   = { "accounts-name",   T_ACCOUNT,  account_name_key },
	[X_ACCOUNT_SID]    = { "accounts-sid",    T_ACCOUNT,  account_sid_key },
	[X_AGENT_NAME]     = { "agents-name",     T_AGENT,    agent_name_key },
	[X_AGENT_LIST]     = { "agents-list",     T_AGENT,    agent_list_key },
	[X_TEMPLATE_NAME]  = { "templates-name",  T_TEMPLATE, template_name_key },
	[X_NUMBER_AGENT]   = { "numbers-agent",   T_NUMBER,   number_agent_key },
	[X_CALL_START]     = { "calls-start",     T_CALL,     call_start_key },
	[X_CALL_SID]       = { "calls-sid",       T_CALL,     call_sid_key },
	[X_CALL_AGENT]     = { "calls-agent",     T_CALL,     call_agent_key },
	[X_CALL_NUMBER]    = { "calls-number",    T_CALL,     call_number_key },
	[X_CALL_STATUS]    = { "calls-status",    T_CALL,     call_status_key },
	[X_TICKET_SESSION] = { "tickets-session", T_TICKET,   ticket_session_key },
	[X_TICKET_EXPIRY]  = { "tickets-expiry",  T_TICKET,   ticket_expiry_key },
};
_Static_assert(sizeof indices / sizeof *indices == X_COUNT, "a row per index");

const char *table_name(enum table t)
{
	return tables[t];
}

const char *index_name(enum index x)
{
	return indices[x].name;
}

enum table index_table(enum index x)
{
	return indices[x].table;
}

/* --- what the library calls to learn the index keys of a record --- */

static int key_out(DBT *d, const struct key *k)
{
	d->data = malloc(k->n);
	if (!d->data)
		return ENOMEM;
	memcpy(d->data, k->b, k->n);
	d->size = (u_int32_t)k->n;
	d->flags = DB_DBT_APPMALLOC;
	return 0;
}

static int keys_out(DBT *result, const struct index_keys *ks)
{
	DBT *many = calloc(ks->n, sizeof *many);
	int e = many ? 0 : ENOMEM;
	unsigned i = 0;

	for (; !e && i < ks->n; i++)
		e = key_out(&many[i], &ks->k[i]);
	if (e) {
		for (unsigned j = 0; many && j < i; j++)
			free(many[j].data);
		free(many);
		return e;
	}
	*result = (DBT){ .data = many, .size = ks->n, .flags = DB_DBT_MULTIPLE | DB_DBT_APPMALLOC };
	return 0;
}

static int extract(DB *index, const DBT *key, const DBT *rec, DBT *result)
{
	const struct index_row *row = index->app_private;
	struct index_keys ks;

	ks.n = 0;
	ks.k[0].n = ks.k[1].n = 0;
	row->keys(span_of(key->data, key->size), span_of(rec->data, rec->size), &ks);
	if (ks.n == 0)
		return DB_DONOTINDEX;
	memset(result, 0, sizeof *result);
	return ks.n == 1 ? key_out(result, &ks.k[0]) : keys_out(result, &ks);
}

/* --- opening --- */

static bool again(int e)
{
	return e == DB_LOCK_DEADLOCK || e == DB_LOCK_NOTGRANTED;
}

static int file_try(struct store *s, const char *name, DB **out)
{
	char file[64];
	int e = db_create(out, s->env, 0);

	if (e)
		return e;
	snprintf(file, sizeof file, "%s.db", name);
	e = (*out)->open(*out, NULL, file, NULL, DB_BTREE, DB_CREATE | DB_AUTO_COMMIT | DB_THREAD, FILE_MODE);
	if (e) {
		(*out)->close(*out, 0);
		*out = NULL;
	}
	return e;
}

static int index_try(struct store *s, enum index x)
{
	DB **d = &s->index[x];
	int e = file_try(s, indices[x].name, d);

	if (e)
		return e;
	(*d)->app_private = (void *)(uintptr_t)&indices[x];
	e = s->table[indices[x].table]->associate(s->table[indices[x].table], NULL, *d, extract, DB_CREATE);
	if (e) {
		(*d)->close(*d, 0);
		*d = NULL;
	}
	return e;
}

static int all_open(struct store *s, const char **what)
{
	int e = 0;

	for (unsigned i = 0, try = 0; !e && i < T_COUNT; i++) {
		*what = tables[i];
		while (again(e = file_try(s, tables[i], &s->table[i])) && try++ < TRIES)
			;
	}
	for (unsigned i = 0, try = 0; !e && i < X_COUNT; i++) {
		*what = indices[i].name;
		while (again(e = index_try(s, i)) && try++ < TRIES)
			;
	}
	return e;
}

enum err tables_open(struct runner *r)
{
	struct store *s = runner_store(r);
	const char *what = "";
	int e;

	lib_enter(r);
	e = all_open(s, &what);
	lib_leave(r);
	return db_err(s, e, what);
}

/* After a panic what is left stays open: closing on would only free what threads may still look at. */
int tables_close(struct store *s)
{
	int e = 0;

	for (unsigned i = 0; i < X_COUNT + T_COUNT && e != DB_RUNRECOVERY; i++) {
		DB **d = i < X_COUNT ? &s->index[i] : &s->table[i - X_COUNT];

		if (!*d)
			continue;
		e = (*d)->close(*d, 0);
		if (e != DB_RUNRECOVERY)
			*d = NULL;
	}
	return e;
}
