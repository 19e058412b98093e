/* call - list, show, delete, export, hang up: calls as records. */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "call.h"
#include "control.h"
#include "out.h"
#include "purge.h"
#include "store/agent.h"
#include "store/noun.h"

#define LIST_DEFAULT 50
#define PAGE_MAX     500

enum err call_find(struct txn *t, struct span id, struct call *out)
{
	uint8_t uuid[16];

	return uuid_parse(id, uuid) ? call_get(t, id, out) : call_by_sid(t, id, out);
}

enum err call_fail(struct cli *c, const char *id, enum err e)
{
	return e ? cli_fail(c, e, "call %.80s: %s", id, err_text(e)) : ERR_OK;
}

/* --- list --- */

static const struct out_col list_cols[] = {
	{ "started_at", 0 }, { "session_id", 0 }, { "caller_number", 0 }, { "called_number", 0 }, { "agent", OUT_CUT }, { "status", 0 },
	{ "end_reason", 0 }, { "duration_seconds", OUT_RIGHT }, { "turns", OUT_RIGHT },
};

struct listing {
	struct cli *cli;
	struct call_filter filter;
	struct span agent;
	struct buf agent_id, after, why;
	struct page page;
	size_t left;
	struct txn *txn;
	struct json_object *rows, *all;
	enum err err;
};

static bool list_each(struct call *c, void *arg)
{
	struct listing *l = arg;
	struct json_object *o = NULL;

	l->err = call_json(l->txn, c, &o);
	if (!l->err && json_object_array_add(l->rows, o) != 0) {
		json_object_put(o);
		l->err = ERR_NOMEM;
	}
	return !l->err;
}

static enum err agent_id_of(struct txn *t, struct listing *l)
{
	const struct noun *n = noun_find(SPAN("agent"));
	struct agent a = { 0 };
	enum err e;

	if (!l->agent.p)
		return ERR_OK;
	e = noun_get(t, n, l->agent, &a, &l->why);
	if (!e)
		buf_addz(&l->agent_id, a.id);
	if (!e)
		l->filter.agent_id = buf_span(&l->agent_id);
	if (e && !l->why.n)
		buf_printf(&l->why, "agent " SPAN_FMT ": %s", SPAN_ARG(l->agent), err_text(e));
	record_fini(n->type, &a);
	return e;
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
	buf_reset(&l->agent_id);
	buf_reset(&l->why);
	l->page.limit = l->left < PAGE_MAX ? l->left : PAGE_MAX;
	l->page.after = l->after.n ? buf_span(&l->after) : SPAN_NONE;
	e = l->err ? l->err : agent_id_of(t, l);
	e = e ? e : call_list(t, &l->filter, &l->page, list_each, l);
	return e ? e : l->err;
}

static enum err rows_take(struct listing *l)
{
	size_t n = json_object_array_length(l->rows);

	for (size_t i = 0; i < n; i++)
		if (json_object_array_add(l->all, json_object_get(json_object_array_get_idx(l->rows, i))) != 0)
			return ERR_NOMEM;
	l->left -= n < l->left ? n : l->left;
	buf_reset(&l->after);
	buf_add(&l->after, buf_span(&l->page.next));
	return l->after.err;
}

static enum err list_pages(struct listing *l)
{
	enum err e;

	do {
		e = cli_txn(l->cli, CLI_READ, list_body, l);
		if (!e)
			e = rows_take(l);
	} while (!e && l->left && l->after.n);
	return e ? cli_fail(l->cli, e, "call list: %s", l->why.n ? buf_z(&l->why) : err_text(e)) : ERR_OK;
}

static enum err time_arg(struct cli *c, const struct args *a, const char *name, int64_t *ms)
{
	const char *z = arg(a, name);

	*ms = FIELD_NULL_INT;
	if (!z || time_since(span_z(z), clock_wall_ms(), ms))
		return ERR_OK;
	return cli_fail(c, ERR_VALUE, "%s %.40s: must be a time (2026-11-23T17:00:00Z), a date, or 90s, 15m, 2h, 3d, 4w ago", name, z);
}

static enum err filter_read(struct listing *l, const struct args *a)
{
	static const char statuses[] = "started connected ended error";
	struct span words = span_z(statuses), one;
	bool known = !arg(a, "--status");
	int64_t limit = LIST_DEFAULT;
	enum err e = time_arg(l->cli, a, "--since", &l->filter.since_ms);

	if (!e)
		e = time_arg(l->cli, a, "--until", &l->filter.until_ms);
	while (!known && span_cut(&words, ' ', &one))
		known = span_eq(one, arg_span(a, "--status"));
	if (!e && !known)
		e = cli_fail(l->cli, ERR_VALUE, "--status %.40s: must be one of: %s", arg(a, "--status"), statuses);
	if (!e && arg(a, "--limit") && !(span_int(arg_span(a, "--limit"), &limit) && limit > 0))
		e = cli_fail(l->cli, ERR_VALUE, "--limit %.40s: must be a number, 1 or more", arg(a, "--limit"));
	l->filter.status = arg_span(a, "--status");
	l->filter.number = arg_span(a, "--number");
	l->filter.q = arg_span(a, "--q");
	l->agent = arg_span(a, "--agent");
	l->left = (size_t)limit;
	return e;
}

enum err call_list_run(struct cli *c, const struct args *a)
{
	struct listing l = { .cli = c, .all = json_object_new_array() };
	enum err e = l.all ? filter_read(&l, a) : ERR_NOMEM;

	if (!e)
		e = list_pages(&l);
	if (!e)
		e = c->json ? out_json(&c->out, l.all) : out_table(&c->out, list_cols, sizeof list_cols / sizeof *list_cols, l.all, out_width());
	json_object_put(l.rows);
	json_object_put(l.all);
	buf_fini(&l.agent_id);
	buf_fini(&l.after);
	buf_fini(&l.why);
	buf_fini(&l.page.next);
	return e;
}

/* --- show, delete --- */

struct one {
	struct span id;
	struct json_object *json;
	char session_id[UUID_TEXT], recording[256];
};

static enum err show_body(struct txn *t, void *arg)
{
	struct one *o = arg;
	struct call c = { 0 };
	enum err e;

	json_object_put(o->json);
	o->json = NULL;
	e = call_find(t, o->id, &c);
	if (!e)
		e = call_json(t, &c, &o->json);
	record_fini(&call_type, &c);
	return e;
}

enum err call_show_run(struct cli *c, const struct args *a)
{
	struct one o = { .id = arg_span(a, "ID") };
	enum err e = call_fail(c, o.id.p, cli_txn(c, CLI_READ, show_body, &o));

	if (!e)
		e = c->json ? out_json(&c->out, o.json) : out_record(&c->out, o.json);
	json_object_put(o.json);
	return e;
}

static enum err over_body(struct txn *t, void *arg)
{
	struct one *o = arg;
	struct call c = { 0 };
	enum err e = call_find(t, o->id, &c);

	if (!e && (strcmp(c.status, "started") == 0 || strcmp(c.status, "connected") == 0))
		e = ERR_INUSE;
	span_copy(o->session_id, sizeof o->session_id, span_z(c.session_id));
	span_copy(o->recording, sizeof o->recording, span_z(c.recording));
	record_fini(&call_type, &c);
	return e;
}

static enum err delete_body(struct txn *t, void *arg)
{
	struct one *o = arg;
	enum err e = over_body(t, arg);

	return e ? e : call_delete(t, span_z(o->session_id));
}

/* The file first: a record without one can be deleted again. */
enum err call_delete_run(struct cli *c, const struct args *a)
{
	struct one o = { .id = arg_span(a, "ID") };
	enum err e = cli_txn(c, CLI_READ, over_body, &o);

	if (!e) {
		recording_delete(c, o.recording);
		e = cli_txn(c, CLI_WRITE, delete_body, &o);
	}
	if (e == ERR_INUSE)
		return cli_fail(c, e, "call %.80s: is still going on: `offhook call hangup` ends it", o.id.p);
	return call_fail(c, o.id.p, e);
}

/* --- hang up: the relay has the call --- */

static enum err session_body(struct txn *t, void *arg)
{
	struct one *o = arg;
	struct call c = { 0 };
	enum err e = call_find(t, o->id, &c);

	if (!e)
		span_copy(o->session_id, sizeof o->session_id, span_z(c.session_id));
	record_fini(&call_type, &c);
	return e;
}

enum err call_hangup_run(struct cli *c, const struct args *a)
{
	struct one o = { .id = arg_span(a, "ID") };
	struct control_request r = { .op = "hangup", .reason = SPAN("operator") };
	struct json_object *answer = NULL;
	bool known = true;
	enum err e = call_fail(c, o.id.p, cli_txn(c, CLI_READ, session_body, &o));

	if (e)
		return e;
	cli_close(c);
	r.session_id = span_z(o.session_id);
	e = control_ask(c->cf.relay_socket, &r, 3000, &answer);
	if (e)
		return cli_fail(c, e, "relay: %s: is `offhook serve` running?", err_text(e));
	if (json_get_bool(answer, "known", &known) && !known)
		e = cli_fail(c, ERR_DENIED, "call %.80s: is not going on", o.id.p);
	json_object_put(answer);
	return e;
}
