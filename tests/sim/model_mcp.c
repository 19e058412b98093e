/* model_mcp - MCP servers of a session: what they offer, calls that run on them, and calls that wait for the client's approval. */
#include <stdlib.h>

#include "model.h"
#include "model_fmt.h"

struct mcp_item {
	const struct mcp_step *step;    /* NULL: of a list of tools */
	char server[MODEL_ID * 2];
	char response[MODEL_ID], request[MODEL_ID];      /* request: which was approved; "" = none was needed */
	unsigned index;                 /* in the response's output */
	bool over, decided;             /* a call: it has its output; a request: the client has answered */
};

static size_t count(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

/* --- configuration --- */

static bool one_place(struct json_object *tool, const char *at, struct complaint *c)
{
	static const char *const names[] = { "server_url", "connector_id", "tunnel_id" };
	char param[80];
	int given = 0;

	for (size_t k = 0; k < sizeof names / sizeof *names; k++)
		given += json_get(tool, names[k]) != NULL;
	snprintf(param, sizeof param, "%s.server_url", at);
	return given == 1 || model_complain(c, given ? "invalid_value" : "missing_required_parameter", param,
					    "Exactly one of server_url, connector_id and tunnel_id must be given for an MCP tool.");
}

static bool is_server(struct json_object *tool)
{
	return span_is(json_get_span(tool, "type"), "mcp");
}

/* Items name their server by its label, so no two may share one. */
static bool own_label(struct json_object *tools, size_t i, const char *at, struct complaint *c)
{
	struct span label = json_get_span(json_object_array_get_idx(tools, i), "server_label");
	char param[80];

	snprintf(param, sizeof param, "%s.server_label", at);
	for (size_t k = 0; k < i; k++) {
		struct json_object *other = json_object_array_get_idx(tools, k);

		if (is_server(other) && span_eq(json_get_span(other, "server_label"), label))
			return model_complain(c, "invalid_value", param, "Duplicate server_label '" SPAN_FMT "' for an MCP tool.", SPAN_ARG(span_head(label, 80)));
	}
	return true;
}

static bool is_url(struct json_object *tool, const char *at, struct complaint *c)
{
	struct span url = json_get_span(tool, "server_url");
	char param[80];

	snprintf(param, sizeof param, "%s.server_url", at);
	return !url.p || span_starts(url, SPAN("https://")) || span_starts(url, SPAN("http://")) ||
	       model_complain(c, "invalid_value", param, "Invalid '%s': expected a valid URL.", param);
}

bool mcp_config_fine(struct json_object *tools, struct complaint *c)
{
	char at[64];

	for (size_t i = 0; i < count(tools); i++) {
		struct json_object *tool = json_object_array_get_idx(tools, i);

		snprintf(at, sizeof at, "session.tools[%zu]", i);
		if (is_server(tool) && !(one_place(tool, at, c) && is_url(tool, at, c) && own_label(tools, i, at, c)))
			return false;
	}
	return true;
}

static struct json_object *server(const struct model_sess *s, struct span label)
{
	struct json_object *tools = json_get(s->cfg, "tools");

	for (size_t i = 0; i < count(tools); i++) {
		struct json_object *tool = json_object_array_get_idx(tools, i);

		if (is_server(tool) && span_eq(json_get_span(tool, "server_label"), label))
			return tool;
	}
	return NULL;
}

/* A list of names, or an object that holds one. */
static bool names(struct json_object *filter, struct span tool)
{
	struct json_object *list = json_object_is_type(filter, json_type_array) ? filter : json_get(filter, "tool_names");

	for (size_t i = 0; i < count(list); i++)
		if (span_eq(json_span(json_object_array_get_idx(list, i)), tool))
			return true;
	return false;
}

static bool offered(struct json_object *entry, struct span tool)
{
	struct json_object *allowed = json_get(entry, "allowed_tools");

	return !allowed || (!json_object_is_type(allowed, json_type_array) && !json_get(allowed, "tool_names")) || names(allowed, tool);
}

/* Without a word of the client every call is asked for. */
static bool needs_approval(struct json_object *entry, struct span tool)
{
	struct json_object *policy = json_get(entry, "require_approval");

	return !span_is(json_span(policy), "never") && !names(json_get(policy, "never"), tool);
}

static bool is_failing(const struct model_sess *s, struct span label)
{
	struct json_object *list = NULL;
	bool found = s->script->mcp_failing && json_read(&list, span_z(s->script->mcp_failing)) == ERR_OK && names(list, label);

	json_object_put(list);
	return found;
}

static struct item *list_of(struct model_sess *s, struct span label)
{
	struct item *it = s->first;

	while (it && !(it->kind == ITEM_MCP_TOOLS && span_is(label, it->mcp->server)))
		it = it->next;
	return it;
}

bool mcp_known(const struct model_sess *s, const struct mcp_step *m)
{
	struct json_object *entry = server(s, span_z(m->server));

	return entry && offered(entry, span_z(m->name)) && !is_failing(s, span_z(m->server));
}

/* --- items --- */

static struct item *blank(struct model_sess *s, enum item_kind kind, const char *prefix, struct span label)
{
	char id[MODEL_ID];
	struct item *it;

	model_id(s, prefix, id);
	it = item_new(s, kind, id);
	if (it)
		it->mcp = calloc(1, sizeof *it->mcp);
	if (it && it->mcp) {
		span_copy(it->mcp->server, sizeof it->mcp->server, label);
		return it;
	}
	item_put(it);
	return NULL;
}

static struct item *step_item(struct model_sess *s, enum item_kind kind, const struct mcp_step *m)
{
	struct item *it = blank(s, kind, kind == ITEM_MCP_CALL ? "mcp" : "mcpr", span_z(m->server));

	if (!it)
		return NULL;
	it->mcp->step = m;
	it->status = ITEM_PROGRESS;
	span_copy(it->name, sizeof it->name, span_z(m->name));
	it->text = span_dup(span_z(m->arguments ? m->arguments : "{}"));
	if (it->text)
		return it;
	item_put(it);
	return NULL;
}

struct item *mcp_item_new(struct model_sess *s, const struct mcp_step *m, const char *response, unsigned index)
{
	bool asks = needs_approval(server(s, span_z(m->server)), span_z(m->name));
	struct item *it = step_item(s, asks ? ITEM_MCP_REQUEST : ITEM_MCP_CALL, m);

	if (!it)
		return NULL;
	if (asks)                       /* it comes whole */
		it->shown = strlen(it->text);
	snprintf(it->mcp->response, sizeof it->mcp->response, "%s", response);
	it->mcp->index = index;
	return it;
}

void mcp_item_free(struct mcp_item *m)
{
	free(m);
}

/* --- writing --- */

static void write_error(struct buf *b, const struct mcp_item *m)
{
	if (m->over && m->step->error)
		model_fmt(b, "{'type':'tool_execution_error','message':%q}", m->step->error);
	else
		buf_addz(b, "null");
}

static void write_call(struct buf *b, const struct item *it)
{
	const struct mcp_item *m = it->mcp;
	const char *output = m->step->error ? NULL : m->step->output ? m->step->output : "";

	model_fmt(b, "{'id':%q,'type':'mcp_call','server_label':%q,'name':%q,'arguments':%Q,'approval_request_id':%q,'output':%q,'error':", it->id,
		  m->server, it->name, span_head(span_z(it->text), it->shown), *m->request ? m->request : NULL, m->over ? output : NULL);
	write_error(b, m);
	buf_addc(b, '}');
}

/* A list of tools is what the client was told, once it was told. */
void mcp_item_write(struct buf *b, const struct item *it)
{
	if (it->kind == ITEM_MCP_CALL)
		write_call(b, it);
	else if (it->kind == ITEM_MCP_REQUEST)
		model_fmt(b, "{'id':%q,'type':'mcp_approval_request','server_label':%q,'name':%q,'arguments':%q}", it->id, it->mcp->server, it->name, it->text);
	else
		model_fmt(b, "{'id':%q,'type':'mcp_list_tools','server_label':%q,'tools':[%s]}", it->id, it->mcp->server, it->text ? it->text : "");
}

/* --- lists of tools --- */

static bool is_listed(const struct buf *b, const char *name)
{
	char text[160];
	int n = snprintf(text, sizeof text, "{\"name\":\"%s\",", name);

	return b->n && memmem(b->p, b->n, text, (size_t)n);
}

static void list_tool(struct model_sess *s, struct buf *b, struct span label, const struct mcp_step *m)
{
	if (!span_is(label, m->server) || !mcp_known(s, m) || is_listed(b, m->name))
		return;
	model_fmt(b, "%s{'name':%q,'description':null,'input_schema':{'type':'object','properties':{}},'annotations':null}", b->n ? "," : "", m->name);
}

static void list_turns(struct model_sess *s, struct buf *b, struct span label, const struct turn *t, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < t[i].n_replies; k++)
			for (size_t j = 0; j < t[i].replies[k].n_mcp; j++)
				list_tool(s, b, label, &t[i].replies[k].mcp[j]);
}

/* Those that the scenario calls, as far as the client allows them. */
static void fill_list(struct model_sess *s, struct item *it)
{
	const struct script *sc = s->script;
	struct buf b = BUF_INIT;

	list_turns(s, &b, span_z(it->mcp->server), sc->turns, sc->n_turns);
	list_turns(s, &b, span_z(it->mcp->server), sc->more, sc->n_more);
	free(it->text);
	it->text = b.err ? NULL : span_dup(buf_span(&b));
	buf_fini(&b);
}

static void run_listed(struct model_sess *s, struct later *l)
{
	struct item *it = item_find(s, span_z(l->id));
	bool fails = it && is_failing(s, span_z(it->mcp->server));

	if (!it)                        /* deleted meanwhile */
		return;
	it->refs++;
	if (!fails)
		fill_list(s, it);
	model_emit(s, fails ? "mcp_list_tools.failed" : "mcp_list_tools.completed", "'item_id':%q", it->id);
	item_emit(s, "conversation.item.done", it);
	item_put(it);
}

static void list(struct model_sess *s, struct span label)
{
	struct item *it = blank(s, ITEM_MCP_TOOLS, "mcpl", label);
	struct later *l = it ? model_later(s, s->script->mcp_list_ms, run_listed) : NULL;

	if (l) {
		snprintf(l->id, sizeof l->id, "%s", it->id);
		item_link(s, it, s->last);
		item_emit(s, "conversation.item.added", it);
		model_emit(s, "mcp_list_tools.in_progress", "'item_id':%q", it->id);
	}
	item_put(it);
}

void mcp_configured(struct model_sess *s)
{
	struct json_object *tools = json_get(s->cfg, "tools");

	for (size_t i = 0; i < count(tools) && !s->dead; i++) {
		struct json_object *tool = json_object_array_get_idx(tools, i);
		struct span label = json_get_span(tool, "server_label");

		if (is_server(tool) && !list_of(s, label))
			list(s, label);
	}
}

/* --- calls --- */

/* Nothing follows by itself: the client asks for the answer. */
static void run_over(struct model_sess *s, struct later *l)
{
	struct item *it = item_find(s, span_z(l->id));

	if (!it)
		return;
	it->refs++;
	it->mcp->over = true;
	it->status = ITEM_COMPLETED;
	s->mcp_news = true;
	s->m->stats.mcp_failed += it->mcp->step->error != NULL;
	model_emit(s, it->mcp->step->error ? "response.mcp_call.failed" : "response.mcp_call.completed", "'output_index':%d,'item_id':%q",
		   (int)it->mcp->index, it->id);
	item_emit(s, "conversation.item.done", it);
	item_put(it);
}

void mcp_run(struct model_sess *s, struct item *call)
{
	struct later *l = model_later(s, call->mcp->step->delay_ms, run_over);

	s->m->stats.mcp_calls++;
	call->status = ITEM_PROGRESS;
	if (l)
		snprintf(l->id, sizeof l->id, "%s", call->id);
	model_emit(s, "response.mcp_call.in_progress", "'output_index':%d,'item_id':%q", (int)call->mcp->index, call->id);
}

/* --- approval --- */

static struct item *request_of(struct model_sess *s, struct json_object *given)
{
	struct item *it = item_find(s, json_get_span(given, "approval_request_id"));

	return it && it->kind == ITEM_MCP_REQUEST ? it : NULL;
}

bool mcp_acceptable(struct model_sess *s, struct json_object *given, struct complaint *c)
{
	struct span id = span_head(json_get_span(given, "approval_request_id"), 80);
	const struct item *it = request_of(s, given);

	if (!it)
		return model_complain(c, "invalid_value", "item.approval_request_id", "MCP approval request with id '" SPAN_FMT "' not found in conversation.",
				      SPAN_ARG(id));
	return !it->mcp->decided || model_complain(c, "invalid_value", "item.approval_request_id",
						   "MCP approval request '" SPAN_FMT "' has already been answered.", SPAN_ARG(id));
}

static void emit_call(struct model_sess *s, const char *type, const struct item *it)
{
	struct buf *b = model_emit_begin(s, type);

	model_fmt(b, ",'response_id':%q,'output_index':%d,'item':", it->mcp->response, (int)it->mcp->index);
	item_write(b, it);
	model_emit_end(s, type);
}

/* As in a response, although that which asked is over. */
static void emit_begun(struct model_sess *s, struct item *it)
{
	struct span all = span_z(it->text);

	emit_call(s, "response.output_item.added", it);
	item_emit(s, "conversation.item.added", it);
	it->shown = all.n;
	model_emit(s, "response.mcp_call_arguments.done", "'response_id':%q,'item_id':%q,'output_index':%d,'arguments':%Q", it->mcp->response, it->id,
		   (int)it->mcp->index, all);
	emit_call(s, "response.output_item.done", it);
}

static void approved(struct model_sess *s, const struct item *request)
{
	struct item *it = step_item(s, ITEM_MCP_CALL, request->mcp->step);

	if (!it)
		return;
	snprintf(it->mcp->request, sizeof it->mcp->request, "%s", request->id);
	snprintf(it->mcp->response, sizeof it->mcp->response, "%s", request->mcp->response);
	it->mcp->index = request->mcp->index;
	item_link(s, it, s->last);
	emit_begun(s, it);
	if (!s->dead)
		mcp_run(s, it);
	item_put(it);
}

void mcp_on_answer(struct model_sess *s, struct json_object *given)
{
	struct item *request = request_of(s, given);
	bool yes = false;

	if (!request)                   /* deleted by a fault in between */
		return;
	json_get_bool(given, "approve", &yes);
	request->mcp->decided = true;
	s->m->stats.mcp_approved += yes;
	s->m->stats.mcp_refused += !yes;
	if (yes)
		approved(s, request);
	else
		s->mcp_news = true;
}
