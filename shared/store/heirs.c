/* heirs - what belonged to an account that is deleted by force goes to the account `default`: nothing is left that belongs to nobody. */
#include <stdlib.h>

#include "store/account.h"
#include "store/agent.h"
#include "store/noun.h"
#include "store/noun_check.h"
#include "store/number.h"
#include "store/walk.h"

struct estate {
	const struct record_type *rt;
	enum table table;
	size_t account_off, key_off;
	const char *account;                   /* the one that goes */
	struct buf keys;                       /* as printed, each with a NUL */
};

static bool collect(const struct row *row, void *arg)
{
	struct estate *s = arg;
	struct span owner, key;

	if (record_peek(s->rt, row->rec, s->account_off, &owner) && span_is(owner, s->account) && record_peek(s->rt, row->rec, s->key_off, &key)) {
		buf_add(&s->keys, key);
		buf_addc(&s->keys, '\0');
	}
	return true;
}

static enum err set_text(char **member, struct span s)
{
	free(*member);
	*member = s.p ? span_dup(s) : NULL;
	return s.p && !*member ? ERR_NOMEM : ERR_OK;
}

/* "clerk" of the account "shop" is "shop-clerk" where there is a clerk already; when that is taken too, agent-N. */
static enum err name_free(struct txn *t, struct agent *a, const struct account *gone)
{
	struct buf name = BUF_BOUND(100);
	struct agent other;
	enum err e = agent_by_name(t, span_z(a->account), span_z(a->name), &other);

	if (e)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	record_fini(&agent_type, &other);
	buf_printf(&name, "%s-%s", gone->name, a->name);
	e = name.err ? ERR_OK : agent_by_name(t, span_z(a->account), buf_span(&name), &other);
	if (!e && !name.err)
		record_fini(&agent_type, &other);
	if (!e || e == ERR_NOTFOUND)
		e = set_text(&a->name, e ? buf_span(&name) : SPAN_NONE);
	buf_fini(&name);
	return e;
}

static enum err agent_moves(struct txn *t, struct span id, const struct account *gone, const struct account *heir, struct buf *why)
{
	const struct noun *n = noun_find(SPAN("agent"));
	struct agent a = { 0 };
	enum err e = noun_get(t, n, id, &a, why);

	if (e)
		return e;
	e = set_text(&a.account, span_z(heir->id));
	e = e ? e : name_free(t, &a, gone);
	e = e ? e : noun_update(t, n, &a, why);
	record_fini(&agent_type, &a);
	return e;
}

static enum err number_moves(struct txn *t, struct span e164, const struct account *gone, const struct account *heir, struct buf *why)
{
	const struct noun *n = noun_find(SPAN("number"));
	struct number o = { 0 };
	enum err e = noun_get(t, n, e164, &o, why);

	(void)gone;
	if (e)
		return e;
	e = set_text(&o.account, span_z(heir->id));
	e = e ? e : noun_update(t, n, &o, why);
	record_fini(&number_type, &o);
	return e;
}

static enum err each(struct txn *t, struct estate *s, const struct account *heir, const struct account *gone, struct buf *why,
		     enum err (*moves)(struct txn *, struct span, const struct account *, const struct account *, struct buf *))
{
	struct walk w = { .table = s->table, .index = X_NONE };
	enum err e = txn_walk(t, &w, collect, s);
	struct span keys, one;

	e = e ? e : s->keys.err;
	keys = buf_span(&s->keys);
	while (!e && keys.n && span_cut(&keys, '\0', &one))
		e = moves(t, one, gone, heir, why);
	buf_fini(&s->keys);
	return e;
}

enum err account_heirs(struct txn *t, const void *rec, struct buf *why)
{
	const struct account *gone = rec;
	struct estate agents = { .rt = &agent_type, .table = T_AGENT, .account_off = offsetof(struct agent, account),
				 .key_off = offsetof(struct agent, id), .account = gone->id };
	struct estate numbers = { .rt = &number_type, .table = T_NUMBER, .account_off = offsetof(struct number, account),
				  .key_off = offsetof(struct number, phone_number), .account = gone->id };
	struct account heir;
	enum err e = account_default(t, &heir);

	if (e)
		return e;
	e = each(t, &agents, &heir, gone, why, agent_moves);
	e = e ? e : each(t, &numbers, &heir, gone, why, number_moves);
	record_fini(&account_type, &heir);
	return e;
}
