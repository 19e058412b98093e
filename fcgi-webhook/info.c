/* info - small questions: where we are, which tools there are, what a template says. */
#include "hook.h"
#include "store/noun.h"
#include "store/template.h"
#include "store/tool.h"

void public_url(struct hook *h, struct request *r, struct answer *a)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);
	struct buf url = BUF_BOUND(1024);

	signed_public_url(h, r, &url);
	json_set(&b, o, "publicUrl", json_str(&b, buf_span(&url)));
	answer_json(a, 200, o);
	buf_fini(&url);
}

/* --- tools, as the model is told of them --- */

static struct json_object *function(struct jbuild *b, const char *name, const char *description, const char *parameters)
{
	struct json_object *o = json_obj(b);

	json_set(b, o, "type", json_strz(b, "function"));
	json_set(b, o, "name", json_strz(b, name));
	json_set(b, o, "description", json_strz(b, description));
	json_set(b, o, "parameters", json_raw(b, parameters ? span_z(parameters) : SPAN("{\"type\":\"object\",\"properties\":{}}")));
	return o;
}

struct tools {
	struct jbuild b;
	struct json_object *list;
};

static bool add_tool(void *rec, void *arg)
{
	const struct tool *tool = rec;
	struct tools *ts = arg;

	json_push(&ts->b, ts->list, function(&ts->b, tool->name, tool->description, tool->parameters));
	return true;
}

static enum err tools_body(struct txn *t, void *arg)
{
	struct tools *ts = arg;
	struct page p = { .limit = 500 };
	struct buf after = BUF_INIT;
	enum err e;

	json_object_put(ts->list);
	ts->b = (struct jbuild){ 0 };
	ts->list = json_arr(&ts->b);
	do {
		e = noun_list(t, noun_find(SPAN("tool")), SPAN_NONE, &p, add_tool, ts);
		buf_fini(&after);
		after = p.next;
		p.next = BUF_INIT;
		p.after = buf_span(&after);
	} while (!e && after.n);
	buf_fini(&after);
	return e ? e : ts->b.err;
}

void tools_list(struct hook *h, struct request *r, struct answer *a)
{
	struct tools ts = { .list = NULL };
	struct jbuild b = { 0 };
	struct json_object *o, *all;
	enum err e = db_read(h, tools_body, &ts);

	(void)r;
	if (e) {
		json_object_put(ts.list);
		answer_err(a, e);
		return;
	}
	o = json_obj(&b);
	all = json_arr(&b);
	for (size_t i = 0; i < tool_builtins_n; i++)
		json_push(&b, all, function(&b, tool_builtins[i].name, tool_builtins[i].description, tool_builtins[i].parameters));
	for (size_t i = 0; i < json_object_array_length(ts.list); i++)
		json_push(&b, all, json_object_get(json_object_array_get_idx(ts.list, i)));
	json_set(&b, o, "tools", all);
	json_object_put(ts.list);
	answer_json(a, 200, o);
}

/* --- the text of a template --- */

struct wanted {
	struct span id;
	struct template template;
	struct buf why;
};

static enum err template_body(struct txn *t, void *arg)
{
	struct wanted *w = arg;

	record_fini(&template_type, &w->template);
	w->template = (struct template){ 0 };
	buf_reset(&w->why);
	return noun_get(t, noun_find(SPAN("template")), w->id, &w->template, &w->why);
}

/* Only `{name}`: what depends on a call stays for the call. */
static void fill_name(struct buf *out, struct span text, struct span name)
{
	const char *at;

	while (name.n && text.n && (at = memmem(text.p, text.n, "{name}", 6))) {
		buf_add(out, span_of(text.p, (size_t)(at - text.p)));
		buf_add(out, name);
		text = span_skip(text, (size_t)(at - text.p) + 6);
	}
	buf_add(out, text);
}

static void say_template(struct answer *a, const struct template *tp, struct span agent_name)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);
	struct buf text = BUF_INIT;

	fill_name(&text, span_z(tp->instructions), agent_name);
	json_set(&b, o, "instructions", json_str(&b, text.n ? buf_span(&text) : SPAN("")));
	json_set(&b, o, "template_name", json_strz(&b, tp->name));
	json_set(&b, o, "template_description", json_strz(&b, tp->description));
	buf_fini(&text);
	answer_json(a, 200, o);
}

void template_instructions(struct hook *h, struct request *r, struct answer *a)
{
	struct wanted w = { .id = form_get(&r->form, "template_id") };
	enum err e = w.id.n ? db_read(h, template_body, &w) : ERR_VALUE;

	if (!w.id.n)
		answer_error(a, 400, "value", "template_id is missing");
	else if (e == ERR_NOTFOUND)
		answer_error(a, 404, err_name(e), "no template with this id or name");
	else if (e)
		answer_err(a, e);
	else
		say_template(a, &w.template, form_get(&r->form, "agent_name"));
	record_fini(&template_type, &w.template);
	buf_fini(&w.why);
}
