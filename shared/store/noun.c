#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "store/account.h"
#include "store/agent.h"
#include "store/key.h"
#include "store/noun.h"
#include "store/noun_check.h"
#include "store/number.h"
#include "store/refs.h"
#include "store/template.h"
#include "store/tool.h"
#include "store/walk.h"

#define RESOLVER(noun) \
	static enum err noun##_resolve(struct txn *t, struct span x, struct buf *key, struct buf *why) \
	{ \
		return ref_find(t, SPAN(#noun), x, SPAN_NONE, key, why); \
	}
RESOLVER(account)
RESOLVER(agent)
RESOLVER(template)
RESOLVER(number)
RESOLVER(tool)

const struct noun nouns[] = {
	{ &account_type,  "accounts",  "id",           X_ACCOUNT_NAME,  true,  account_resolve,  account_check,  account_in_use,  account_heirs },
	{ &agent_type,    "agents",    "id",           X_AGENT_LIST,    true,  agent_resolve,    agent_check,    agent_in_use,    NULL },
	{ &template_type, "templates", "id",           X_TEMPLATE_NAME, true,  template_resolve, template_check, template_in_use, NULL },
	{ &number_type,   "numbers",   "phone_number", X_NONE,          false, number_resolve,   number_check,   NULL,            NULL },
	{ &tool_type,     "tools",     "name",         X_NONE,          false, tool_resolve,     tool_check,     tool_in_use,     NULL },
};
const size_t nouns_n = sizeof nouns / sizeof *nouns;

const struct noun *noun_find(struct span name_or_plural)
{
	for (size_t i = 0; i < nouns_n; i++)
		if (span_is(name_or_plural, nouns[i].type->noun) || span_is(name_or_plural, nouns[i].plural))
			return &nouns[i];
	return NULL;
}

/* --- members that every noun has --- */

static const struct field *member(const struct noun *n, const char *name)
{
	return field_find(n->type->fields, n->type->fields_n, span_z(name));
}

static int64_t *number_of(const struct noun *n, const void *rec, const char *name)
{
	return field_int(member(n, name), rec);
}

static const char *key_text_of(const struct noun *n, const void *rec)
{
	return *field_text(member(n, n->key), rec);
}

/* What people call it. */
static const char *label_of(const struct noun *n, const void *rec)
{
	const struct field *f = member(n, "name");

	return f && *field_text(f, rec) ? *field_text(f, rec) : key_text_of(n, rec);
}

static bool storage_key(const struct noun *n, struct span text, struct key *k)
{
	k->n = 0;
	if (n->counted)
		return key_id(k, text);
	key_bytes(k, text);
	return text.n > 0 && text.n <= KEY_TEXT_MAX;
}

static enum err say(struct buf *why, enum err e, const struct noun *n, const char *key, const char *what)
{
	if (why && why->n == 0)
		buf_printf(why, "%s %s: %s", n->type->noun, key ? key : "", what ? what : err_text(e));
	return e;
}

static void fresh(struct buf *why)
{
	if (why)
		buf_reset(why);
}

/* --- get --- */

static enum err get_by_text(struct txn *t, const struct noun *n, struct span text, void *rec, bool update)
{
	struct key k;

	if (!storage_key(n, text, &k))
		return ERR_NOTFOUND;
	return update ? record_get_for_update(t, n->type, key_span(&k), rec) : record_get(t, n->type, key_span(&k), rec);
}

enum err noun_get(struct txn *t, const struct noun *n, struct span x, void *rec, struct buf *why)
{
	struct buf key = BUF_INIT;
	enum err e;

	fresh(why);
	e = n->resolve(t, x, &key, why);
	e = e ? e : get_by_text(t, n, buf_span(&key), rec, false);
	buf_fini(&key);
	return e;
}

/* --- create and update: on a copy, handed over when all is well, since a body may run again --- */

struct work {
	struct txn *t;
	const struct noun *n;
	void *rec;                     /* the copy */
	struct buf *why;
};

static enum err work_begin(struct work *w, struct txn *t, const struct noun *n, const void *rec, struct buf *why)
{
	*w = (struct work){ t, n, malloc(n->type->size), why };
	fresh(why);
	if (!w->rec)
		return ERR_NOMEM;
	memset(w->rec, 0, n->type->size);
	return field_copy(n->type->fields, n->type->fields_n, w->rec, rec);
}

static enum err work_end(struct work *w, enum err e, void *rec)
{
	const struct record_type *rt = w->n->type;

	if (!e) {
		record_fini(rt, rec);
		memcpy(rec, w->rec, rt->size);
	} else if (w->rec) {
		record_fini(rt, w->rec);
	}
	free(w->rec);
	return e;
}

static bool reads_set(const struct field *f, const void *rec)
{
	const char *z = (f->flags & FF_SECRET) ? *field_text(f, rec) : NULL;

	return z && strcmp(z, "set") == 0;
}

/* "set" is what a secret prints as: what comes back like that stays what it was. */
static enum err keep_secrets(const struct noun *n, void *rec, const void *old)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < n->type->fields_n && !e; i++) {
		const struct field *f = &n->type->fields[i];
		const char *was = old && (f->flags & FF_SECRET) ? *field_text(f, old) : NULL;

		if (!reads_set(f, rec))
			continue;
		free(*field_text(f, rec));
		*field_text(f, rec) = was ? span_dup(span_z(was)) : NULL;
		e = was && !*field_text(f, rec) ? ERR_NOMEM : ERR_OK;
	}
	return e;
}

static enum err next_id(struct txn *t, const struct noun *n, uint64_t *id)
{
	struct key k = { .n = 0 }, v = { .n = 0 };
	struct buf last = BUF_INIT;
	enum err e;

	key_bytes(&k, SPAN("last-id "));
	key_bytes(&k, span_z(n->type->noun));
	e = txn_get_for_update(t, T_META, key_span(&k), &last);
	*id = (e ? 0 : key_u64_at(buf_span(&last), 0)) + 1;
	buf_fini(&last);
	if (e && e != ERR_NOTFOUND)
		return e;
	key_u64(&v, *id);
	return txn_put(t, T_META, key_span(&k), key_span(&v));
}

static enum err set_id(struct work *w)
{
	char **id = w->n->counted ? field_text(member(w->n, "id"), w->rec) : NULL;
	struct buf text = BUF_INIT;
	uint64_t n;
	enum err e = id ? next_id(w->t, w->n, &n) : ERR_OK;

	if (e || !id)
		return e;
	free(*id);
	buf_printf(&text, "%llu", (unsigned long long)n);
	*id = buf_take(&text);
	return *id ? ERR_OK : ERR_NOMEM;
}

/* Every version of an agent is kept: a call names the one that answered. */
static enum err remember(struct work *w, struct span key)
{
	struct record_type kept = *w->n->type;
	struct key k = { .n = 0 };

	if (w->n->type != &agent_type)
		return ERR_OK;
	key_bytes(&k, key);
	key_u64(&k, (uint64_t)*number_of(w->n, w->rec, "version"));
	kept.table = T_HISTORY;
	return record_put(w->t, &kept, key_span(&k), w->rec);
}

static enum err checked(struct work *w, bool create, struct key *k)
{
	enum err e = w->n->check(w->t, w->rec, create, w->why);

	e = e ? e : record_seal(txn_store(w->t), w->n->type, w->rec);
	if (!e && !storage_key(w->n, span_z(key_text_of(w->n, w->rec)), k))
		e = ERR_VALUE;
	return e;
}

static enum err create(struct work *w)
{
	int64_t now = clock_wall_ms();
	struct key k;
	enum err e = keep_secrets(w->n, w->rec, NULL);

	e = e ? e : set_id(w);
	*number_of(w->n, w->rec, "created_at") = *number_of(w->n, w->rec, "updated_at") = now;
	*number_of(w->n, w->rec, "version") = 1;
	e = e ? e : checked(w, true, &k);
	if (e)
		return e;
	e = record_add(w->t, w->n->type, key_span(&k), w->rec);
	if (e == ERR_EXISTS)
		return say(w->why, e, w->n, label_of(w->n, w->rec), NULL);
	return e ? e : remember(w, key_span(&k));
}

enum err noun_create(struct txn *t, const struct noun *n, void *rec, struct buf *why)
{
	struct work w;
	enum err e = work_begin(&w, t, n, rec, why);

	return work_end(&w, e ? e : create(&w), rec);
}

/* What was deleted by force leaves references behind; they go with the next change, and do not stand in its way.
 * Whose a record is does not change by itself. */
static enum err drop_dangling(struct work *w, const void *old)
{
	const struct record_type *rt = w->n->type;
	struct buf name = BUF_INIT;
	enum err e = ERR_OK;

	for (size_t i = 0; i < rt->fields_n && !e; i++) {
		const struct field *f = &rt->fields[i];
		char **ref = f->kind == FK_REF && strcmp(f->name, "account") != 0 ? field_text(f, w->rec) : NULL, **was = ref ? field_text(f, old) : NULL;

		if (!ref || !*ref || !*was || strcmp(*ref, *was) != 0)
			continue;
		e = ref_name(w->t, span_z(f->allowed), span_z(*ref), &name);
		if (e == ERR_NOTFOUND) {
			free(*ref);
			*ref = NULL;
			e = ERR_OK;
		}
	}
	buf_fini(&name);
	return e;
}

static const char renamed[] = "what it is called cannot be changed: create it anew";

static enum err update_over(struct work *w, const void *old)
{
	int64_t was = *number_of(w->n, old, "version");
	struct key k;
	enum err e;

	if (!w->n->counted && *number_of(w->n, w->rec, "created_at") != *number_of(w->n, old, "created_at"))
		return say(w->why, ERR_VALUE, w->n, label_of(w->n, w->rec), renamed);        /* it has taken the name of another one */
	if (*number_of(w->n, w->rec, "version") != was)
		return say(w->why, ERR_CONFLICT, w->n, label_of(w->n, w->rec), NULL);
	e = keep_secrets(w->n, w->rec, old);
	*number_of(w->n, w->rec, "created_at") = *number_of(w->n, old, "created_at");
	*number_of(w->n, w->rec, "updated_at") = clock_wall_ms();
	*number_of(w->n, w->rec, "version") = was + 1;
	e = e ? e : drop_dangling(w, old);
	e = e ? e : checked(w, false, &k);
	e = e ? e : record_put(w->t, w->n->type, key_span(&k), w->rec);
	return e ? e : remember(w, key_span(&k));
}

static enum err update(struct work *w)
{
	const struct record_type *rt = w->n->type;
	const char *key = key_text_of(w->n, w->rec);
	void *old = malloc(rt->size);
	enum err e = old ? get_by_text(w->t, w->n, span_z(key), old, true) : ERR_NOMEM;

	if (!e) {
		e = update_over(w, old);
		record_fini(rt, old);
	} else if (e == ERR_NOTFOUND) {
		e = w->n->counted ? e : ERR_VALUE;
		say(w->why, e, w->n, key, w->n->counted ? NULL : renamed);
	}
	free(old);
	return e;
}

enum err noun_update(struct txn *t, const struct noun *n, void *rec, struct buf *why)
{
	struct work w;
	enum err e = work_begin(&w, t, n, rec, why);

	return work_end(&w, e ? e : update(&w), rec);
}

/* --- delete --- */

static enum err may_go(struct txn *t, const struct noun *n, const void *rec, bool force, struct buf *why)
{
	struct buf reason = BUF_INIT;
	enum err e = n->in_use ? n->in_use(t, rec, &reason) : ERR_OK;

	if (e == ERR_INUSE && force)
		e = ERR_OK;
	if (e == ERR_INUSE)
		say(why, e, n, label_of(n, rec), buf_z(&reason));
	else if (e == ERR_DENIED && why)
		buf_add(why, buf_span(&reason));
	buf_fini(&reason);
	return e;
}

enum err noun_delete(struct txn *t, const struct noun *n, struct span x, bool force, struct buf *why)
{
	void *rec = malloc(n->type->size);
	struct key k;
	enum err e = rec ? noun_get(t, n, x, rec, why) : ERR_NOMEM;

	if (!e) {
		e = may_go(t, n, rec, force, why);
		if (!e && force && n->heirs)
			e = n->heirs(t, rec, why);
		if (!e && storage_key(n, span_z(key_text_of(n, rec)), &k))
			e = txn_del(t, n->type->table, key_span(&k));
		record_fini(n->type, rec);
	}
	free(rec);
	return e;
}

/* --- lists --- */

struct lister {
	const struct record_type *rt;
	struct span q;
	bool (*each)(void *, void *);
	void *arg;
	void *rec;
	enum err err;
};

/* What people look for: what a record is called, and what it says about itself. */
static bool has_q(const struct lister *l, const void *rec)
{
	static const char *const where[] = { "name", "description", "phone_number", "id" };

	for (size_t i = 0; i < sizeof where / sizeof *where; i++) {
		const struct field *f = field_find(l->rt->fields, l->rt->fields_n, span_z(where[i]));
		const char *z = f ? *field_text(f, rec) : NULL;

		if (z && span_has(span_z(z), l->q))
			return true;
	}
	return false;
}

static enum take take_record(const struct row *row, void *arg)
{
	struct lister *l = arg;
	enum take took = TAKE_SKIP;

	l->err = record_decode(l->rt, row->rec, l->rec);
	if (l->err)
		return l->err == ERR_CORRUPT ? TAKE_SKIP : TAKE_STOP;
	if (!l->q.n || has_q(l, l->rec))
		took = l->each(l->rec, l->arg) ? TAKE_ROW : TAKE_STOP;
	record_fini(l->rt, l->rec);
	return took;
}

static enum err list(struct txn *t, const struct record_type *rt, const struct walk *w, struct span q, struct page *p, bool (*each)(void *, void *),
                     void *arg)
{
	struct lister l = { .rt = rt, .q = q, .each = each, .arg = arg, .rec = malloc(rt->size) };
	enum err e = l.rec ? txn_page(t, w, p, 0, take_record, &l) : ERR_NOMEM;

	free(l.rec);
	return e ? e : l.err == ERR_CORRUPT ? ERR_OK : l.err;
}

enum err noun_list(struct txn *t, const struct noun *n, struct span q, struct page *p, bool (*each)(void *rec, void *arg), void *arg)
{
	struct walk w = { .table = n->type->table, .index = n->list };

	return list(t, n->type, &w, q, p, each, arg);
}

enum err agent_history(struct txn *t, struct span agent_id, struct page *p, bool (*each)(void *rec, void *arg), void *arg)
{
	struct key from = { .n = 0 }, to;

	if (!key_id(&from, agent_id))
		return ERR_NOTFOUND;
	to = from;
	key_after(&to);
	struct walk w = { .table = T_HISTORY, .index = X_NONE, .from = key_span(&from), .to = key_span(&to), .backwards = true };

	return list(t, &agent_type, &w, SPAN_NONE, p, each, arg);
}

/* --- printed --- */

static enum err name_refs(struct txn *t, const struct noun *n, const void *rec, struct json_object *o)
{
	struct jbuild b = { 0 };
	struct buf name = BUF_INIT;

	for (size_t i = 0; i < n->type->fields_n && !b.err; i++) {
		const struct field *f = &n->type->fields[i];
		enum err e = f->kind == FK_REF ? ref_name(t, span_z(f->allowed), span_z(*field_text(f, rec)), &name) : ERR_NOTFOUND;

		if (e && e != ERR_NOTFOUND)
			b.err = e;
		else if (f->kind == FK_REF)
			json_set(&b, o, f->name, e ? NULL : json_str(&b, buf_span(&name)));
	}
	buf_fini(&name);
	return b.err;
}

enum err noun_json(struct txn *t, const struct noun *n, const void *rec, struct json_object **out)
{
	struct json_object *o = field_object(n->type->fields, n->type->fields_n, rec);
	enum err e = o ? name_refs(t, n, rec, o) : ERR_NOMEM;

	if (e)
		json_object_put(o);
	else
		*out = o;
	return e;
}
