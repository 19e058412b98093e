#include <stdio.h>
#include <stdlib.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "store/account.h"
#include "store/agent.h"
#include "store/defaults.h"
#include "store/key.h"
#include "store/mcp_check.h"
#include "store/noun_check.h"
#include "store/number.h"
#include "store/refs.h"
#include "store/template.h"
#include "store/tool.h"
#include "store/walk.h"
#include "store/zone.h"

static enum err refuse(struct buf *why, const char *member, const char *what)
{
	if (why)
		buf_printf(why, "%s: %s", member, what);
	return ERR_VALUE;
}

static enum err taken(struct buf *why, const char *noun, const char *name)
{
	if (why)
		buf_printf(why, "%s %s: exists already", noun, name);
	return ERR_EXISTS;
}

static enum err set_text(char **member, const char *z)
{
	char *copy = span_dup(span_z(z));

	if (!copy)
		return ERR_NOMEM;
	free(*member);
	*member = copy;
	return ERR_OK;
}

/* Name or id -> id. A reference to what does not exist is a bad value, not a missing page. */
static enum err refer(struct txn *t, const char *member, const char *noun, struct span near, char **ref, struct buf *why)
{
	struct buf id = BUF_INIT;
	enum err e;

	if (!*ref)
		return ERR_OK;
	if (why)
		buf_printf(why, "%s: ", member);
	e = ref_find(t, span_z(noun), span_z(*ref), near, &id, why);
	if (!e && why)
		buf_reset(why);
	if (!e)
		e = set_text(ref, buf_z(&id));
	buf_fini(&id);
	return e == ERR_NOTFOUND ? ERR_VALUE : e;
}

static enum err own_account(struct txn *t, char **account, struct buf *why)
{
	enum err e = *account ? ERR_OK : set_text(account, DEFAULT_NAME);

	return e ? e : refer(t, "account", "account", SPAN_NONE, account, why);
}

/* `/` would make account/name ambiguous; a name of digits would look like an id. */
static enum err name_form(const char *name, struct buf *why)
{
	int64_t n;

	if (!name || !*name)
		return refuse(why, "name", "must not be empty");
	if (strchr(name, '/'))
		return refuse(why, "name", "must not contain '/'");
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7F)
			return refuse(why, "name", "must be one line, without control characters");
	return span_int(span_z(name), &n) ? refuse(why, "name", "must not be a number alone") : ERR_OK;
}

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* --- account --- */

/* Everything that has no account of its own is found by this name. */
static enum err default_stays(struct txn *t, const struct account *a, struct buf *why)
{
	struct account was;
	enum err e = account_get(t, span_z(a->id), &was);

	if (e)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	if (same(was.name, DEFAULT_NAME) && !same(a->name, DEFAULT_NAME))
		e = refuse(why, "name", "the account " DEFAULT_NAME " keeps its name");
	record_fini(&account_type, &was);
	return e;
}

enum err account_check(struct txn *t, void *rec, bool create, struct buf *why)
{
	struct account *a = rec, other;
	enum err e = name_form(a->name, why);

	e = e || create ? e : default_stays(t, a, why);
	if (e)
		return e;
	e = account_by_name(t, span_z(a->name), &other);
	if (!e) {
		bool free_name = same(other.id, a->id);

		record_fini(&account_type, &other);
		if (!free_name)
			return taken(why, "account", a->name);
	} else if (e != ERR_NOTFOUND) {
		return e;
	}
	return refer(t, "default_agent", "agent", span_z(a->id), &a->default_agent, why);
}

/* --- agent --- */

static enum err agent_name_free(struct txn *t, const struct agent *a, struct span name)
{
	struct agent other;
	enum err e = agent_by_name(t, span_z(a->account), name, &other);

	if (e)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	e = same(other.id, a->id) ? ERR_OK : ERR_EXISTS;
	record_fini(&agent_type, &other);
	return e;
}

/* agent-N, N its number; the next free one when somebody took that name. */
static enum err agent_name_make(struct txn *t, struct agent *a)
{
	int64_t n = 0;
	char name[32];
	enum err e = ERR_EXISTS;

	span_int(span_z(a->id), &n);
	for (unsigned i = 0; e == ERR_EXISTS && i < 1000; i++) {
		snprintf(name, sizeof name, "agent-%lld", (long long)n + i);
		e = agent_name_free(t, a, span_z(name));
	}
	return e ? e : set_text(&a->name, name);
}

static enum err agent_named(struct txn *t, struct agent *a, struct buf *why)
{
	enum err e;

	if (!a->name)
		return agent_name_make(t, a);
	e = name_form(a->name, why);
	e = e ? e : agent_name_free(t, a, span_z(a->name));
	return e == ERR_EXISTS ? taken(why, "agent", a->name) : e;
}

static bool builtin(struct span name)
{
	for (size_t i = 0; i < tool_builtins_n; i++)
		if (span_is(name, tool_builtins[i].name))
			return true;
	return false;
}

static enum err tool_exists(struct txn *t, struct span name, struct buf *why)
{
	struct tool o;
	enum err e = name.p ? tool_get(t, name, &o) : ERR_NOTFOUND;

	if (!e)
		record_fini(&tool_type, &o);
	else if (e == ERR_NOTFOUND && why)
		buf_printf(why, "tools: there is no tool " SPAN_FMT, SPAN_ARG(span_head(name, 80)));
	return e == ERR_NOTFOUND ? ERR_VALUE : e;
}

static enum err agent_tools(struct txn *t, struct json_object *list, struct buf *why)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < json_object_array_length(list) && !e; i++) {
		struct span name = json_span(json_object_array_get_idx(list, i));

		if (!name.p)
			return refuse(why, "tools", "must be a list of names");
		e = builtin(name) ? ERR_OK : tool_exists(t, name, why);
	}
	return e;
}

static enum err agent_targets(struct txn *t, struct json_object *list, struct buf *why)
{
	(void)t;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		struct span name = json_get_span(o, "name"), number = json_get_span(o, "number");

		if (name.n == 0 || number.n < 3 || (number.p[0] != '+' && !span_starts(number, SPAN("sip:"))))
			return refuse(why, "transfer_targets", "must be a list of {\"name\":...,\"number\":\"+...\"}");
	}
	return ERR_OK;
}

static enum err agent_servers(struct txn *t, struct json_object *list, struct buf *why)
{
	(void)t;
	return mcp_servers_check(list, why);
}

/* A list that stays as it was may name a tool that was deleted by force. */
static bool tools_stay(struct txn *t, const struct agent *a)
{
	struct agent was;
	bool stay;

	if (!a->id || !a->tools || agent_get(t, span_z(a->id), &was) != ERR_OK)
		return false;
	stay = same(was.tools, a->tools);
	record_fini(&agent_type, &was);
	return stay;
}

static enum err each_list(struct txn *t, const struct agent *a, struct buf *why)
{
	const struct {
		const char *member, *text;
		enum err (*check)(struct txn *, struct json_object *, struct buf *);
	} lists[] = {
		{ "tools", tools_stay(t, a) ? NULL : a->tools, agent_tools },
		{ "transfer_targets", a->transfer_targets, agent_targets },
		{ "mcp_servers", record_secret_sealed(a->mcp_servers) ? NULL : a->mcp_servers, agent_servers },
	};
	enum err e = ERR_OK;

	for (size_t i = 0; i < sizeof lists / sizeof *lists && !e; i++) {
		struct json_object *o = NULL;

		if (!lists[i].text)
			continue;
		e = json_read(&o, span_z(lists[i].text));
		if (!e)
			e = json_object_is_type(o, json_type_array) ? lists[i].check(t, o, why) : refuse(why, lists[i].member, "must be a list");
		json_object_put(o);
	}
	return e;
}

static enum err agent_truncation(const char *z, struct buf *why)
{
	struct json_object *o = NULL;
	double ratio;
	bool ok;

	if (!z || strcmp(z, "auto") == 0 || strcmp(z, "disabled") == 0 || (span_num(span_z(z), &ratio) && ratio > 0 && ratio <= 1))
		return ERR_OK;
	ok = json_read(&o, span_z(z)) == ERR_OK && json_object_is_type(o, json_type_object);
	json_object_put(o);
	return ok ? ERR_OK : refuse(why, "truncation", "must be auto, disabled, a ratio such as 0.8, or a JSON object");
}

static enum err agent_zone(const char *z, struct buf *why)
{
	return !z || zone_exists(z) ? ERR_OK : refuse(why, "timezone", "unknown; use a name like Europe/Berlin");
}

enum err agent_check(struct txn *t, void *rec, bool create, struct buf *why)
{
	struct agent *a = rec;
	enum err e = own_account(t, &a->account, why);

	e = e ? e : agent_named(t, a, why);
	e = e ? e : refer(t, "instruction_template", "template", SPAN_NONE, &a->instruction_template, why);
	e = e ? e : each_list(t, a, why);
	e = e ? e : agent_truncation(a->truncation, why);
	e = e ? e : agent_zone(a->timezone, why);
	if (!e && create && a->instruction_template && same(a->instructions, default_instructions)) {
		free(a->instructions);                             /* nobody wrote them: the template's text is meant */
		a->instructions = NULL;
	}
	return e;
}

/* --- template, number, tool --- */

enum err template_check(struct txn *t, void *rec, bool create, struct buf *why)
{
	struct template *p = rec, other;
	enum err e = name_form(p->name, why);

	(void)create;
	e = e ? e : template_by_name(t, span_z(p->name), &other);
	if (e)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	e = same(other.id, p->id) ? ERR_OK : taken(why, "template", p->name);
	record_fini(&template_type, &other);
	return e;
}

enum err number_check(struct txn *t, void *rec, bool create, struct buf *why)
{
	struct number *n = rec;
	enum err e = n->phone_number ? ERR_OK : refuse(why, "phone_number", "must not be empty");

	(void)create;
	e = e ? e : own_account(t, &n->account, why);
	return e ? e : refer(t, "agent", "agent", span_z(n->account), &n->agent, why);
}

static bool tool_name(const char *z)
{
	return strspn(z, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == strlen(z);
}

static enum err tool_secret(struct tool *o)
{
	uint8_t raw[32];
	char text[2 * sizeof raw + 1] = "";
	enum err e = random_bytes(raw, sizeof raw);

	if (e)
		return e;
	hex_encode(text, raw, sizeof raw);
	return set_text(&o->secret, text);
}

enum err tool_check(struct txn *t, void *rec, bool create, struct buf *why)
{
	struct tool *o = rec;

	(void)t;
	if (!o->name || !*o->name || !tool_name(o->name))
		return refuse(why, "name", "must be letters, digits, _ and -");
	if (builtin(span_z(o->name)))
		return refuse(why, "name", "is a built-in tool");
	if (!o->url)
		return refuse(why, "url", "must not be empty");
	return create && !o->secret ? tool_secret(o) : ERR_OK;
}

/* --- in use --- */

struct users {
	bool (*uses)(const struct row *, const char *what);
	const char *what;
	struct buf *why;
	const struct record_type *rt;
	size_t shown_off;
	bool found;
};

static bool user(const struct row *row, void *arg)
{
	struct users *u = arg;
	struct span shown = SPAN_NONE;

	if (!u->uses(row, u->what))
		return true;
	u->found = true;
	record_peek(u->rt, row->rec, u->shown_off, &shown);
	if (u->why)
		buf_printf(u->why, "used by %s " SPAN_FMT, u->rt->noun, SPAN_ARG(shown));
	return false;
}

static enum err used_by(struct txn *t, const struct walk *w, struct users *u)
{
	enum err e = txn_walk(t, w, user, u);

	return e ? e : u->found ? ERR_INUSE : ERR_OK;
}

static bool any(const struct row *row, const char *what)
{
	(void)row;
	(void)what;
	return true;
}

static enum err numbers_with(struct txn *t, const char *agent, struct buf *why)
{
	struct users u = { any, agent, why, &number_type, offsetof(struct number, phone_number), false };
	struct key from = { .n = 0 }, to;

	if (!key_id(&from, span_z(agent)))
		return ERR_OK;
	to = from;
	key_after(&to);
	struct walk w = { .table = T_NUMBER, .index = X_NUMBER_AGENT, .from = key_span(&from), .to = key_span(&to) };

	return used_by(t, &w, &u);
}

static bool peek_is(const struct record_type *rt, struct span rec, size_t off, const char *what)
{
	struct span v;

	return record_peek(rt, rec, off, &v) && span_is(v, what);
}

static bool account_answers_with(const struct row *row, const char *agent)
{
	return peek_is(&account_type, row->rec, offsetof(struct account, default_agent), agent);
}

enum err agent_in_use(struct txn *t, const void *rec, struct buf *why)
{
	const struct agent *a = rec;
	struct users u = { account_answers_with, a->id, why, &account_type, offsetof(struct account, name), false };
	struct walk w = { .table = T_ACCOUNT, .index = X_NONE };
	enum err e = numbers_with(t, a->id, why);

	return e ? e : used_by(t, &w, &u);
}

static bool agent_follows(const struct row *row, const char *template)
{
	return peek_is(&agent_type, row->rec, offsetof(struct agent, instruction_template), template);
}

static enum err agents_that(struct txn *t, bool (*uses)(const struct row *, const char *), const char *what, struct buf *why)
{
	struct users u = { uses, what, why, &agent_type, offsetof(struct agent, name), false };
	struct walk w = { .table = T_AGENT, .index = X_NONE };

	return used_by(t, &w, &u);
}

enum err template_in_use(struct txn *t, const void *rec, struct buf *why)
{
	return agents_that(t, agent_follows, ((const struct template *)rec)->id, why);
}

static bool agent_has_tool(const struct row *row, const char *tool)
{
	char quoted[80];
	struct span list;

	snprintf(quoted, sizeof quoted, "\"%s\"", tool);
	return record_peek(&agent_type, row->rec, offsetof(struct agent, tools), &list) && memmem(list.p, list.n, quoted, strlen(quoted));
}

enum err tool_in_use(struct txn *t, const void *rec, struct buf *why)
{
	return agents_that(t, agent_has_tool, ((const struct tool *)rec)->name, why);
}

static bool agent_of(const struct row *row, const char *account)
{
	return peek_is(&agent_type, row->rec, offsetof(struct agent, account), account);
}

static bool number_of(const struct row *row, const char *account)
{
	return peek_is(&number_type, row->rec, offsetof(struct number, account), account);
}

enum err account_in_use(struct txn *t, const void *rec, struct buf *why)
{
	const struct account *a = rec;
	struct users u = { number_of, a->id, why, &number_type, offsetof(struct number, phone_number), false };
	struct walk w = { .table = T_NUMBER, .index = X_NONE };
	enum err e;

	if (same(a->name, DEFAULT_NAME)) {
		if (why)
			buf_printf(why, "account %s: is the last resort of every call and stays", DEFAULT_NAME);
		return ERR_DENIED;
	}
	e = agents_that(t, agent_of, a->id, why);
	return e ? e : used_by(t, &w, &u);
}
