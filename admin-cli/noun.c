/* noun - list, show, create, set, delete, export: the same for account, agent, template, number and tool. */
#include <stdlib.h>

#include "base/json.h"
#include "base/proc.h"
#include "noun.h"
#include "out.h"

/* What a list shows of each; --json shows everything. */
static const struct view {
	const char *noun;
	struct out_col cols[8];
} views[] = {
	{ "account",  { { "id", OUT_RIGHT }, { "name", 0 }, { "twilio_account_sid", 0 }, { "default_agent", 0 }, { "fallback_number", 0 },
			{ "is_active", 0 } } },
	{ "agent",    { { "id", OUT_RIGHT }, { "account", 0 }, { "name", 0 }, { "voice", 0 }, { "model", 0 }, { "is_active", 0 },
			{ "greeting", OUT_CUT } } },
	{ "template", { { "id", OUT_RIGHT }, { "name", 0 }, { "category", 0 }, { "is_active", 0 }, { "description", OUT_CUT } } },
	{ "number",   { { "phone_number", 0 }, { "account", 0 }, { "agent", 0 }, { "is_active", 0 } } },
	{ "tool",     { { "name", 0 }, { "method", 0 }, { "url", OUT_CUT }, { "timeout_ms", OUT_RIGHT }, { "description", OUT_CUT } } },
};

static const struct view *view_of(const struct noun *n)
{
	for (size_t i = 0; i < sizeof views / sizeof *views; i++)
		if (strcmp(views[i].noun, n->type->noun) == 0)
			return &views[i];
	return NULL;
}

static size_t view_cols(const struct view *v)
{
	size_t n = 0;

	while (n < sizeof v->cols / sizeof *v->cols && v->cols[n].key)
		n++;
	return n;
}

/* --- jobs --- */

enum err job_init(struct job *j, struct cli *c, const char *noun, struct span x)
{
	*j = (struct job){ .cli = c, .noun = noun_find(span_z(noun)), .x = x };
	if (!j->noun)
		return ERR_INTERNAL;
	j->rec = calloc(1, j->noun->type->size);
	return j->rec ? ERR_OK : ERR_NOMEM;
}

void job_begin(struct job *j)
{
	record_fini(j->noun->type, j->rec);
	memset(j->rec, 0, j->noun->type->size);
	json_object_put(j->json);
	j->json = NULL;
	buf_reset(&j->why);
	buf_reset(&j->secret);
}

void job_fini(struct job *j)
{
	if (j->rec)
		record_fini(j->noun->type, j->rec);
	free(j->rec);
	json_object_put(j->json);
	for (size_t i = 0; i < j->set_n; i++)
		buf_fini(&j->set[i].value);
	free(j->set);
	buf_fini(&j->why);
	buf_fini(&j->secret);
}

void job_name(const struct job *j, struct buf *out)
{
	buf_addz(out, j->noun->type->noun);
	if (j->x.p)
		buf_printf(out, " " SPAN_FMT, SPAN_ARG(span_head(j->x, 200)));
}

/* The store's reason often names the record already. */
static enum err job_tell(struct job *j, enum err e)
{
	struct buf name = BUF_INIT;
	size_t noun = strlen(j->noun->type->noun);
	bool named = span_starts(buf_span(&j->why), span_head(span_z(j->noun->type->noun), noun)) && j->why.n > noun && j->why.p[noun] == ' ';

	job_name(j, &name);
	cli_fail(j->cli, e, "%s%s%s", named ? "" : buf_z(&name), named ? "" : ": ", j->why.n ? buf_z(&j->why) : err_text(e));
	buf_fini(&name);
	return e;
}

enum err job_run(struct job *j, enum cli_access access, enum err (*body)(struct txn *, void *))
{
	enum err e = cli_txn(j->cli, access, body, j);

	return e ? job_tell(j, e) : ERR_OK;
}

/* --- list --- */

struct listing {
	struct cli *cli;
	const struct noun *noun;
	struct span q;
	struct buf after;
	struct page page;
	struct txn *txn;
	struct json_object *rows;        /* of this page */
	enum err err;
};

static bool list_each(void *rec, void *arg)
{
	struct listing *l = arg;
	struct json_object *o = NULL;

	l->err = noun_json(l->txn, l->noun, rec, &o);
	if (!l->err && json_object_array_add(l->rows, o) != 0) {
		json_object_put(o);
		l->err = ERR_NOMEM;
	}
	return !l->err;
}

static enum err list_body(struct txn *t, void *arg)
{
	struct listing *l = arg;
	enum err e;

	json_object_put(l->rows);
	l->rows = json_object_new_array();
	l->txn = t;
	l->err = l->rows ? ERR_OK : ERR_NOMEM;
	buf_reset(&l->page.next);
	l->page.limit = 500;
	l->page.after = l->after.n ? buf_span(&l->after) : SPAN_NONE;
	e = l->err ? l->err : noun_list(t, l->noun, l->q, &l->page, list_each, l);
	return e ? e : l->err;
}

static enum err append_all(struct json_object *all, struct json_object *rows)
{
	for (size_t i = 0; i < json_object_array_length(rows); i++)
		if (json_object_array_add(all, json_object_get(json_object_array_get_idx(rows, i))) != 0)
			return ERR_NOMEM;
	return ERR_OK;
}

static enum err list_all(struct listing *l, struct json_object *all)
{
	enum err e;

	do {
		e = cli_txn(l->cli, CLI_READ, list_body, l);
		if (!e)
			e = append_all(all, l->rows);
		buf_reset(&l->after);
		buf_add(&l->after, buf_span(&l->page.next));
	} while (!e && l->after.n);
	json_object_put(l->rows);
	buf_fini(&l->after);
	buf_fini(&l->page.next);
	return e ? cli_fail(l->cli, e, "%s list: %s", l->noun->type->noun, err_text(e)) : ERR_OK;
}

enum err noun_list_run(struct cli *c, const struct args *a)
{
	struct listing l = { .cli = c, .noun = noun_find(span_z(a->word[0])), .q = arg_span(a, "--q") };
	struct json_object *all = json_object_new_array();
	const struct view *v = view_of(l.noun);
	enum err e = all ? list_all(&l, all) : ERR_NOMEM;

	if (!e)
		e = c->json ? out_json(&c->out, all) : out_table(&c->out, v->cols, view_cols(v), all, out_width());
	json_object_put(all);
	return e;
}

/* --- show --- */

static enum err show_body(struct txn *t, void *arg)
{
	struct job *j = arg;
	enum err e;

	job_begin(j);
	e = noun_get(t, j->noun, j->x, j->rec, &j->why);
	return e ? e : noun_json(t, j->noun, j->rec, &j->json);
}

/* People read "not set" where a program reads null. */
static enum err show_text(struct job *j)
{
	const struct record_type *rt = j->noun->type;
	struct jbuild b = { 0 };

	for (size_t i = 0; i < rt->fields_n; i++)
		if ((rt->fields[i].flags & FF_SECRET) && !json_get(j->json, rt->fields[i].name))
			json_set(&b, j->json, rt->fields[i].name, json_strz(&b, "not set"));
	return b.err ? b.err : out_record(&j->cli->out, j->json);
}

enum err noun_show_run(struct cli *c, const struct args *a)
{
	struct job j;
	enum err e = job_init(&j, c, a->word[0], arg_span(a, "X"));

	if (!e)
		e = job_run(&j, CLI_READ, show_body);
	if (!e)
		e = c->json ? out_json(&c->out, j.json) : show_text(&j);
	job_fini(&j);
	return e;
}

/* --- create, set, delete --- */

/* A tool's secret that nobody gave was made with the record, and this is the only time it is told. */
static enum err secret_made(struct txn *t, struct job *j)
{
	const struct record_type *rt = j->noun->type;
	enum err e;

	if (!field_find(rt->fields, rt->fields_n, SPAN("secret")))
		return ERR_OK;
	for (size_t i = 0; i < j->set_n; i++)
		if (strcmp(j->set[i].field->name, "secret") == 0)
			return ERR_OK;
	e = record_secret_get(txn_store(t), rt, "secret", j->rec, &j->secret);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err create_body(struct txn *t, void *arg)
{
	struct job *j = arg;
	enum err e;

	job_begin(j);
	record_init(j->noun->type, j->rec);
	e = assigns_apply(j, j->rec);
	if (!e)
		e = noun_create(t, j->noun, j->rec, &j->why);
	if (!e)
		e = secret_made(t, j);
	return e ? e : noun_json(t, j->noun, j->rec, &j->json);
}

static void key_print(struct job *j)
{
	out_value(&j->cli->out, json_get(j->json, j->noun->key));
	buf_addc(&j->cli->out, '\n');
}

static void secret_print(struct job *j)
{
	struct buf b = BUF_INIT;

	if (j->secret.n == 0)
		return;
	buf_addz(&b, "offhook: secret of the new tool, shown this once: ");
	buf_add(&b, buf_span(&j->secret));
	buf_addc(&b, '\n');
	fd_write_all(2, buf_span(&b));
	buf_fini(&b);
}

enum err noun_create_run(struct cli *c, const struct args *a)
{
	struct job j;
	enum err e = job_init(&j, c, a->word[0], arg_span(a, "X"));

	if (!e)
		e = assigns_read(&j, a, true);
	if (!e)
		e = job_run(&j, CLI_WRITE, create_body);
	if (!e && c->json)
		e = out_json(&c->out, j.json);
	else if (!e)
		key_print(&j);
	if (!e)
		secret_print(&j);
	job_fini(&j);
	return e;
}

static enum err set_body(struct txn *t, void *arg)
{
	struct job *j = arg;
	enum err e;

	job_begin(j);
	e = noun_get(t, j->noun, j->x, j->rec, &j->why);
	if (!e)
		e = assigns_apply(j, j->rec);
	if (!e)
		e = noun_update(t, j->noun, j->rec, &j->why);
	return e ? e : noun_json(t, j->noun, j->rec, &j->json);
}

enum err noun_set_run(struct cli *c, const struct args *a)
{
	struct job j;
	enum err e = job_init(&j, c, a->word[0], arg_span(a, "X"));

	if (!e)
		e = assigns_read(&j, a, false);
	if (!e)
		e = job_run(&j, CLI_WRITE, set_body);
	if (!e && c->json)
		e = out_json(&c->out, j.json);
	job_fini(&j);
	return e;
}

static enum err delete_body(struct txn *t, void *arg)
{
	struct job *j = arg;

	job_begin(j);
	return noun_delete(t, j->noun, j->x, j->force, &j->why);
}

enum err noun_delete_run(struct cli *c, const struct args *a)
{
	struct job j;
	enum err e = job_init(&j, c, a->word[0], arg_span(a, "X"));

	j.force = arg(a, "--force") != NULL;
	if (!e)
		e = job_run(&j, CLI_WRITE, delete_body);
	job_fini(&j);
	return e;
}

/* --- export: a JSON array, which import takes --- */

static enum err export_one(struct cli *c, const char *noun, struct span x, struct json_object *all)
{
	struct job j;
	enum err e = job_init(&j, c, noun, x);

	if (!e)
		e = job_run(&j, CLI_READ, show_body);
	if (!e)
		e = json_object_array_add(all, json_object_get(j.json)) == 0 ? ERR_OK : ERR_NOMEM;
	job_fini(&j);
	return e;
}

enum err noun_export_run(struct cli *c, const struct args *a)
{
	struct listing l = { .cli = c, .noun = noun_find(span_z(a->word[0])) };
	struct json_object *all = json_object_new_array();
	enum err e = !all ? ERR_NOMEM : arg(a, "X") ? export_one(c, a->word[0], arg_span(a, "X"), all) : list_all(&l, all);

	if (!e)
		e = out_json(&c->out, all);
	json_object_put(all);
	return e;
}
