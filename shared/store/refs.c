#include "store/account.h"
#include "store/agent.h"
#include "store/key.h"
#include "store/number.h"
#include "store/refs.h"
#include "store/template.h"
#include "store/tool.h"
#include "store/walk.h"

#define CANDIDATES 8

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool span_has(struct span text, struct span part)
{
	for (size_t i = 0; i + part.n <= text.n; i++) {
		size_t j = 0;

		while (j < part.n && lower(text.p[i + j]) == lower(part.p[j]))
			j++;
		if (j == part.n)
			return true;
	}
	return false;
}

static void say(struct buf *why, const char *noun, struct span x, const char *what)
{
	if (why)
		buf_printf(why, "%s " SPAN_FMT ": %s", noun, SPAN_ARG(span_head(x, 200)), what);
}

static enum err found(struct buf *id, const char *text)
{
	buf_reset(id);
	buf_addz(id, text);
	return id->err;
}

/* --- accounts, templates: id or unique name --- */

static enum err account_find(struct txn *t, struct span x, struct buf *id)
{
	struct account a;
	enum err e = account_get(t, x, &a);

	if (e == ERR_NOTFOUND)
		e = account_by_name(t, x, &a);
	if (e)
		return e;
	e = found(id, a.id);
	record_fini(&account_type, &a);
	return e;
}

static enum err template_find(struct txn *t, struct span x, struct buf *id)
{
	struct template p;
	enum err e = template_get(t, x, &p);

	if (e == ERR_NOTFOUND)
		e = template_by_name(t, x, &p);
	if (e)
		return e;
	e = found(id, p.id);
	record_fini(&template_type, &p);
	return e;
}

/* --- agents: id, name near, name in the default account, name anywhere, account/name --- */

static enum err agent_id_of(enum err e, struct agent *a, struct buf *id)
{
	if (e)
		return e;
	e = found(id, a->id);
	record_fini(&agent_type, a);
	return e;
}

struct anywhere {
	struct txn *t;
	struct buf *id, *list;
	unsigned n;
	enum err err;
};

static bool same_name(const struct row *row, void *arg)
{
	struct anywhere *w = arg;
	struct buf account = BUF_INIT;
	struct agent a;

	w->err = record_decode(&agent_type, row->rec, &a);
	if (w->err)
		return false;
	if (w->n++ == 0)
		w->err = found(w->id, a.id);
	if (w->list && w->n <= CANDIDATES && ref_name(w->t, SPAN("account"), span_z(a.account), &account) == ERR_OK)
		buf_printf(w->list, "%s%s/%s", w->n > 1 ? ", " : "", buf_z(&account), a.name);
	buf_fini(&account);
	record_fini(&agent_type, &a);
	return !w->err;
}

static enum err agent_anywhere(struct txn *t, struct span name, struct buf *id, struct buf *why)
{
	struct buf list = BUF_INIT;
	struct anywhere a = { .t = t, .id = id, .list = &list };
	struct key from = { .n = 0 }, to;
	enum err e;

	key_text(&from, name);
	to = from;
	key_after(&to);
	struct walk w = { .table = T_AGENT, .index = X_AGENT_LIST, .from = key_span(&from), .to = key_span(&to) };

	e = txn_walk(t, &w, same_name, &a);
	e = e ? e : a.err ? a.err : a.n == 0 ? ERR_NOTFOUND : a.n > 1 ? ERR_AMBIGUOUS : ERR_OK;
	if (e == ERR_AMBIGUOUS && why)
		buf_printf(why, "agent " SPAN_FMT ": could be %s", SPAN_ARG(name), buf_z(&list));
	buf_fini(&list);
	return e;
}

static enum err agent_in_account(struct txn *t, struct span x, struct buf *id)
{
	const char *slash = x.n ? memchr(x.p, '/', x.n) : NULL;
	struct buf account = BUF_INIT;
	struct agent a;
	enum err e;

	if (!slash)
		return ERR_NOTFOUND;
	e = account_find(t, span_head(x, (size_t)(slash - x.p)), &account);
	if (!e)
		e = agent_id_of(agent_by_name(t, buf_span(&account), span_skip(x, (size_t)(slash - x.p) + 1), &a), &a, id);
	buf_fini(&account);
	return e;
}

static enum err default_account_id(struct txn *t, struct buf *id)
{
	struct account a;
	enum err e = account_default(t, &a);

	if (e)
		return e;
	e = found(id, a.id);
	record_fini(&account_type, &a);
	return e;
}

static enum err agent_find(struct txn *t, struct span x, struct span near, struct buf *id, struct buf *why)
{
	struct buf def = BUF_INIT;
	struct agent a;
	enum err e = agent_id_of(agent_get(t, x, &a), &a, id);

	if (e == ERR_NOTFOUND && near.n)
		e = agent_id_of(agent_by_name(t, near, x, &a), &a, id);
	if (e == ERR_NOTFOUND) {
		e = default_account_id(t, &def);
		if (!e)
			e = agent_id_of(agent_by_name(t, buf_span(&def), x, &a), &a, id);
		buf_fini(&def);
	}
	if (e == ERR_NOTFOUND)
		e = agent_in_account(t, x, id);
	return e == ERR_NOTFOUND ? agent_anywhere(t, x, id, why) : e;
}

/* --- numbers, tools: the text is the key --- */

static enum err number_find(struct txn *t, struct span x, struct buf *id)
{
	struct number n;
	enum err e = number_get(t, x, &n);

	if (e)
		return e;
	record_fini(&number_type, &n);
	buf_reset(id);
	buf_add(id, x);
	return id->err;
}

static enum err tool_find(struct txn *t, struct span x, struct buf *id)
{
	struct tool o;
	enum err e = tool_get(t, x, &o);

	if (e)
		return e;
	record_fini(&tool_type, &o);
	buf_reset(id);
	buf_add(id, x);
	return id->err;
}

static enum err find(struct txn *t, struct span noun, struct span x, struct span near, struct buf *id, struct buf *why)
{
	if (span_is(noun, "agent"))
		return agent_find(t, x, near, id, why);
	if (span_is(noun, "account"))
		return account_find(t, x, id);
	if (span_is(noun, "template"))
		return template_find(t, x, id);
	return span_is(noun, "number") ? number_find(t, x, id) : span_is(noun, "tool") ? tool_find(t, x, id) : ERR_INTERNAL;
}

enum err ref_find(struct txn *t, struct span noun, struct span x, struct span near, struct buf *id, struct buf *why)
{
	char name[16];
	enum err e = find(t, noun, x, near, id, why);

	if (e == ERR_NOTFOUND && span_copy(name, sizeof name, noun))
		say(why, name, x, "not found");
	return e;
}

/* --- names to print --- */

enum err ref_name(struct txn *t, struct span noun, struct span id, struct buf *name)
{
	struct account a;
	struct agent g;
	struct template p;
	enum err e = ERR_INTERNAL;

	buf_reset(name);
	if (!id.p)
		return ERR_NOTFOUND;
	if (span_is(noun, "account") && !(e = account_get(t, id, &a))) {
		buf_addz(name, a.name);
		record_fini(&account_type, &a);
	} else if (span_is(noun, "agent") && !(e = agent_get(t, id, &g))) {
		buf_addz(name, g.name);
		record_fini(&agent_type, &g);
	} else if (span_is(noun, "template") && !(e = template_get(t, id, &p))) {
		buf_addz(name, p.name);
		record_fini(&template_type, &p);
	} else {
		return e;
	}
	return name->err;
}

static enum err last_kept(struct txn *t, struct key *from, int64_t version, struct buf *rec)
{
	struct key to = *from;

	key_after(&to);
	if (version >= 0 && version < INT64_MAX) {
		to = *from;
		key_u64(&to, (uint64_t)version + 1);
	}
	struct walk w = { .table = T_HISTORY, .index = X_NONE, .from = key_span(from), .to = key_span(&to), .backwards = true };

	return txn_first(t, &w, NULL, rec);
}

enum err ref_agent_name_then(struct txn *t, struct span id, int64_t version, struct buf *name)
{
	struct key from = { .n = 0 };
	struct buf rec = BUF_INIT;
	struct span v;
	enum err e = ref_name(t, SPAN("agent"), id, name);

	if (e != ERR_NOTFOUND || !key_id(&from, id))
		return e;
	e = last_kept(t, &from, version, &rec);
	if (!e && record_peek(&agent_type, buf_span(&rec), offsetof(struct agent, name), &v))
		buf_add(name, v);
	buf_fini(&rec);
	return e ? e : name->err;
}
