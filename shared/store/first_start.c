/* first_start - what a new data directory begins with: the account and the agent `default`, and the templates. Whatever is there stays. */
#include <stdlib.h>

#include "store/account.h"
#include "store/agent.h"
#include "store/defaults.h"
#include "store/noun.h"
#include "store/template.h"

static bool set(char **member, const char *z)
{
	free(*member);
	*member = z ? span_dup(span_z(z)) : NULL;
	return *member || !z;
}

static enum err make_account(struct txn *t)
{
	struct account a;
	enum err e = account_default(t, &a);

	if (e == ERR_OK)
		record_fini(&account_type, &a);
	if (e != ERR_NOTFOUND)
		return e;
	record_init(&account_type, &a);
	e = set(&a.name, DEFAULT_NAME) ? noun_create(t, noun_find(SPAN("account")), &a, NULL) : ERR_NOMEM;
	record_fini(&account_type, &a);
	return e;
}

static enum err make_agent(struct txn *t, const char *account_id, struct buf *id)
{
	struct agent g;
	enum err e = agent_by_name(t, span_z(account_id), SPAN(DEFAULT_NAME), &g);

	if (e == ERR_NOTFOUND) {
		record_init(&agent_type, &g);
		e = set(&g.account, account_id) && set(&g.name, DEFAULT_NAME) ? noun_create(t, noun_find(SPAN("agent")), &g, NULL) : ERR_NOMEM;
		if (e)
			record_fini(&agent_type, &g);
	}
	if (e)
		return e;
	buf_reset(id);
	buf_addz(id, g.id);
	record_fini(&agent_type, &g);
	return id->err;
}

/* The last resort of every call. Only in the first start: an operator who deleted the agent meant it. */
static enum err make_default_agent(struct txn *t)
{
	struct buf id = BUF_INIT;
	struct account a;
	enum err e = account_default(t, &a);

	if (e)
		return e;
	if (!a.default_agent) {
		e = make_agent(t, a.id, &id);
		if (!e)
			e = set(&a.default_agent, buf_z(&id)) ? noun_update(t, noun_find(SPAN("account")), &a, NULL) : ERR_NOMEM;
	}
	buf_fini(&id);
	record_fini(&account_type, &a);
	return e;
}

static enum err make_template(struct txn *t, const struct default_template *d)
{
	struct template p;
	enum err e;

	record_init(&template_type, &p);
	e = set(&p.name, d->name) && set(&p.description, d->description) && set(&p.category, d->category) && set(&p.instructions, d->instructions)
		? noun_create(t, noun_find(SPAN("template")), &p, NULL) : ERR_NOMEM;
	record_fini(&template_type, &p);
	return e == ERR_EXISTS ? ERR_OK : e;
}

static enum err first_start(struct txn *t, void *arg)
{
	struct buf done = BUF_INIT;
	enum err e = txn_get_for_update(t, T_META, SPAN("first-start"), &done);

	(void)arg;
	buf_fini(&done);
	if (e != ERR_NOTFOUND)
		return e;
	e = make_account(t);
	e = e ? e : make_default_agent(t);
	for (size_t i = 0; i < default_templates_n && !e; i++)
		e = make_template(t, &default_templates[i]);
	return e ? e : txn_put(t, T_META, SPAN("first-start"), SPAN("1"));
}

static enum err started(struct txn *t, void *arg)
{
	struct buf done = BUF_INIT;
	enum err e = txn_get(t, T_META, SPAN("first-start"), &done);

	(void)arg;
	buf_fini(&done);
	return e;
}

enum err store_first_start(struct store *s)
{
	enum err e = store_read(s, started, NULL);

	return e == ERR_NOTFOUND ? store_txn(s, DURABLE, first_start, NULL) : e;
}
