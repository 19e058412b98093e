/* agent - what only agents have: being the default, clones, a history, the message that configures a model. */
#include "base/clock.h"
#include "base/json.h"
#include "noun.h"
#include "openai/session_config.h"
#include "openai/tool_list.h"
#include "out.h"
#include "store/account.h"
#include "store/agent.h"

/* --- default: its account's default_agent --- */

static enum err default_body(struct txn *t, void *arg)
{
	struct job *j = arg;
	const struct noun *accounts = noun_find(SPAN("account"));
	struct account acc = { 0 };
	struct agent *a = j->rec;
	enum err e;

	job_begin(j);
	e = noun_get(t, j->noun, j->x, a, &j->why);
	if (!e)
		e = account_get(t, span_z(a->account), &acc);
	if (!e)
		e = field_set_text(field_find(accounts->type->fields, accounts->type->fields_n, SPAN("default_agent")), &acc, span_z(a->id), &j->why);
	if (!e)
		e = noun_update(t, accounts, &acc, &j->why);
	if (!e)
		e = noun_json(t, accounts, &acc, &j->json);
	record_fini(accounts->type, &acc);
	return e;
}

enum err agent_default_run(struct cli *c, const struct args *a)
{
	struct job j;
	enum err e = job_init(&j, c, "agent", arg_span(a, "X"));

	if (!e)
		e = job_run(&j, CLI_WRITE, default_body);
	if (!e && c->json)
		e = out_json(&c->out, j.json);
	job_fini(&j);
	return e;
}

/* --- clone --- */

struct clone {
	struct job job;                  /* first: a body gets the job */
	struct span name;
};

/* A secret is sealed for its record: it is opened, and sealed again for the new one. */
static enum err secrets_open(struct txn *t, struct job *j)
{
	const struct record_type *rt = j->noun->type;
	enum err e = ERR_OK;

	for (size_t i = 0; i < rt->fields_n && !e; i++) {
		struct buf plain = BUF_INIT;

		if (!(rt->fields[i].flags & FF_SECRET))
			continue;
		e = record_secret_get(txn_store(t), rt, rt->fields[i].name, j->rec, &plain);
		if (!e)
			e = field_set_text(&rt->fields[i], j->rec, buf_span(&plain), &j->why);
		else if (e == ERR_NOTFOUND)
			e = ERR_OK;
		if (plain.n)
			explicit_bzero(plain.p, plain.n);
		buf_fini(&plain);
	}
	return e;
}

static enum err clone_body(struct txn *t, void *arg)
{
	struct clone *k = arg;
	struct job *j = &k->job;
	struct agent *a = j->rec;
	enum err e;

	job_begin(j);
	e = noun_get(t, j->noun, j->x, j->rec, &j->why);
	if (!e)
		e = secrets_open(t, j);
	if (!e)
		e = field_set_text(field_find(j->noun->type->fields, j->noun->type->fields_n, SPAN("name")), a, k->name, &j->why);
	if (!e)
		e = field_set_text(field_find(j->noun->type->fields, j->noun->type->fields_n, SPAN("id")), a, SPAN(""), &j->why);
	if (!e)
		e = noun_create(t, j->noun, j->rec, &j->why);
	return e ? e : noun_json(t, j->noun, j->rec, &j->json);
}

enum err agent_clone_run(struct cli *c, const struct args *a)
{
	struct clone k = { .name = arg_span(a, "Y") };
	enum err e = job_init(&k.job, c, "agent", arg_span(a, "X"));

	if (!e)
		e = job_run(&k.job, CLI_WRITE, clone_body);
	if (!e && c->json) {
		e = out_json(&c->out, k.job.json);
	} else if (!e) {
		out_value(&c->out, json_get(k.job.json, "id"));
		buf_addc(&c->out, '\n');
	}
	job_fini(&k.job);
	return e;
}

/* --- history: every version is kept, the one that counts too --- */

struct history {
	struct job job;
	struct txn *txn;
	struct json_object *rows;
	enum err err;
};

static bool version_each(void *rec, void *arg)
{
	struct history *h = arg;
	struct json_object *o = NULL;

	h->err = noun_json(h->txn, h->job.noun, rec, &o);
	if (!h->err && json_object_array_add(h->rows, o) != 0) {
		json_object_put(o);
		h->err = ERR_NOMEM;
	}
	return !h->err;
}

#define VERSIONS_MAX 500

static enum err history_body(struct txn *t, void *arg)
{
	struct history *h = arg;
	struct job *j = &h->job;
	struct page page = { .limit = VERSIONS_MAX };
	enum err e;

	job_begin(j);
	json_object_put(h->rows);
	h->rows = json_object_new_array();
	h->txn = t;
	h->err = h->rows ? ERR_OK : ERR_NOMEM;
	e = h->err ? h->err : noun_get(t, j->noun, j->x, j->rec, &j->why);
	if (!e)
		e = agent_history(t, span_z(((struct agent *)j->rec)->id), &page, version_each, h);
	buf_fini(&page.next);
	return e ? e : h->err;
}

/* What differs from the version before is what a reader looks for. */
static void changes_add(struct json_object *row, struct json_object *before)
{
	struct buf b = BUF_INIT;
	struct jbuild jb = { 0 };

	json_object_object_foreach(row, name, value) {
		if (before && strcmp(name, "version") != 0 && strcmp(name, "updated_at") != 0 && !json_object_equal(value, json_get(before, name)))
			buf_printf(&b, "%s%s", b.n ? " " : "", name);
	}
	json_set(&jb, row, "changed", json_str(&jb, before ? buf_span(&b) : SPAN("made")));
	buf_fini(&b);
}

enum err agent_history_run(struct cli *c, const struct args *a)
{
	static const struct out_col cols[] = { { "version", OUT_RIGHT }, { "updated_at", 0 }, { "name", 0 }, { "changed", OUT_CUT } };
	struct history h = { .rows = NULL };
	enum err e = job_init(&h.job, c, "agent", arg_span(a, "X"));

	if (!e)
		e = job_run(&h.job, CLI_READ, history_body);
	for (size_t i = 0; !e && !c->json && i < json_object_array_length(h.rows); i++)
		changes_add(json_object_array_get_idx(h.rows, i), json_object_array_get_idx(h.rows, i + 1));
	if (!e)
		e = c->json ? out_json(&c->out, h.rows) : out_table(&c->out, cols, 4, h.rows, out_width());
	json_object_put(h.rows);
	job_fini(&h.job);
	return e;
}

/* --- config: the session.update it would send --- */

struct config {
	struct job job;
	struct buf message;
};

static enum err filled(struct txn *t, const struct agent *a, struct buf *instructions, struct buf *greeting)
{
	struct agent_fill fill = { .caller_number = SPAN("+15550100"), .called_number = SPAN("+15550101"), .wall_ms = clock_wall_ms() };
	struct buf raw = BUF_INIT;
	enum err e = agent_instructions(t, a, &raw);

	if (!e)
		e = agent_fill_text(a, buf_span(&raw), &fill, instructions);
	if (!e && a->greeting)
		e = agent_fill_text(a, span_z(a->greeting), &fill, greeting);
	buf_fini(&raw);
	return e;
}

static enum err config_body(struct txn *t, void *arg)
{
	struct config *k = arg;
	struct job *j = &k->job;
	struct session_config sc = { .agent = j->rec };
	struct buf instructions = BUF_INIT, greeting = BUF_INIT;
	struct tool_set tools = { .list = NULL };
	enum err e;

	job_begin(j);
	buf_reset(&k->message);
	dialect_of(span_z(j->cli->cf.openai_dialect), &sc.dialect);
	e = noun_get(t, j->noun, j->x, j->rec, &j->why);
	if (!e)
		e = filled(t, j->rec, &instructions, &greeting);
	sc.instructions = buf_span(&instructions);
	sc.greeting = buf_span(&greeting);
	if (!e)
		e = tool_set_load(&tools, t, j->rec, false);
	sc.tools = span_z(tools.list);
	if (!e)
		e = session_config_update(&k->message, &sc);
	tool_set_fini(&tools);
	buf_fini(&instructions);
	buf_fini(&greeting);
	return e;
}

enum err agent_config_run(struct cli *c, const struct args *a)
{
	struct config k = { .message = BUF_INIT };
	struct json_object *o = NULL;
	enum err e = job_init(&k.job, c, "agent", arg_span(a, "X"));

	if (!e)
		e = job_run(&k.job, CLI_READ, config_body);
	if (!e)
		e = json_read(&o, buf_span(&k.message));
	if (!e)
		e = out_json(&c->out, o);
	json_object_put(o);
	buf_fini(&k.message);
	job_fini(&k.job);
	return e;
}
