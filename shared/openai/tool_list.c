/* tool_list - names of the agent's record become what the model reads. */
#include <stdlib.h>

#include "base/json.h"
#include "openai/tool_list.h"

#define NO_ARGUMENTS "{\"type\":\"object\",\"properties\":{}}"

struct making {
	struct txn *t;                         /* NULL: `given` is all there is */
	const struct tool *given;
	size_t given_n;
	struct jbuild b;
	struct json_object *list, *mcp;
	struct tool_set *set;
	const char *targets;                   /* JSON list; NULL: none */
};

static void add_function(struct making *m, const char *name, const char *description, const char *parameters)
{
	struct json_object *o = json_obj(&m->b);

	json_set(&m->b, o, "type", json_strz(&m->b, "function"));
	json_set(&m->b, o, "name", json_strz(&m->b, name));
	if (description)
		json_set(&m->b, o, "description", json_strz(&m->b, description));
	json_set(&m->b, o, "parameters", json_raw(&m->b, span_z(parameters ? parameters : NO_ARGUMENTS)));
	json_push(&m->b, m->list, o);
}

/* The model must know whom it can name. */
static void name_targets(struct making *m, struct buf *description)
{
	struct json_object *o = NULL;
	size_t n = m->targets && json_read(&o, span_z(m->targets)) == ERR_OK && json_object_is_type(o, json_type_array) ? json_object_array_length(o) : 0;

	buf_addz(description, n ? " Targets: " : " There are no targets.");
	for (size_t i = 0; i < n; i++) {
		buf_addz(description, i ? ", " : "");
		buf_add(description, json_get_span(json_object_array_get_idx(o, i), "name"));
	}
	json_object_put(o);
}

static void describe(struct making *m, const struct tool_builtin *t)
{
	struct buf description = BUF_INIT;

	buf_addz(&description, t->description);
	if (strcmp(t->name, "transfer_call") == 0)
		name_targets(m, &description);
	add_function(m, t->name, buf_z(&description), t->parameters);
	buf_fini(&description);
}

static bool add_builtin(struct making *m, struct span name)
{
	for (size_t i = 0; i < tool_builtins_n; i++) {
		if (!span_is(name, tool_builtins[i].name))
			continue;
		if (!(m->set->builtins & 1u << i))
			describe(m, &tool_builtins[i]);
		m->set->builtins |= 1u << i;
		return true;
	}
	return false;
}

static bool has(const struct tool_set *s, struct span name)
{
	for (size_t i = 0; i < s->http_n; i++)
		if (span_is(name, s->http[i].name))
			return true;
	return false;
}

static enum err find(const struct making *m, struct span name, struct tool *out)
{
	if (m->t)
		return tool_get(m->t, name, out);
	for (size_t i = 0; i < m->given_n; i++)
		if (span_is(name, m->given[i].name))
			return field_copy(tool_type.fields, tool_type.fields_n, out, &m->given[i]);
	return ERR_NOTFOUND;
}

static enum err add_http(struct making *m, struct span name)
{
	struct tool o, *more;
	enum err e = name.n && !has(m->set, name) ? find(m, name, &o) : ERR_NOTFOUND;

	if (e)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	more = realloc(m->set->http, (m->set->http_n + 1) * sizeof *more);
	if (!more) {
		record_fini(&tool_type, &o);
		return ERR_NOMEM;
	}
	m->set->http = more;
	more[m->set->http_n++] = o;
	add_function(m, o.name, o.description, o.parameters);
	return ERR_OK;
}

static enum err add_named(struct making *m, const char *names)
{
	struct json_object *o = NULL;
	enum err e = names ? json_read(&o, span_z(names)) : ERR_OK;

	for (size_t i = 0; !e && o && json_object_is_type(o, json_type_array) && i < json_object_array_length(o); i++) {
		struct span name = json_span(json_object_array_get_idx(o, i));

		if (name.p && !add_builtin(m, name))
			e = add_http(m, name);
	}
	json_object_put(o);
	return e;
}

/* --- MCP --- */

static void hide(struct jbuild *b, struct json_object *o)
{
	static const char *const secrets[] = { "authorization", "headers" };

	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
		if (json_get(o, secrets[i]))
			json_set(b, o, secrets[i], json_strz(b, "set"));
}

static void add_server(struct making *m, struct json_object *entry, bool secrets)
{
	struct json_object *kept = json_obj(&m->b);

	json_set(&m->b, entry, "type", json_strz(&m->b, "mcp"));
	if (!secrets)
		hide(&m->b, entry);
	json_set(&m->b, kept, "server_label", json_object_get(json_get(entry, "server_label")));
	json_set(&m->b, kept, "allowed_tools", json_object_get(json_get(entry, "allowed_tools")));
	json_push(&m->b, m->mcp, kept);
	json_push(&m->b, m->list, json_object_get(entry));
}

static enum err servers_of(const struct making *m, const struct agent *a, struct buf *plain)
{
	if (!a->mcp_servers)
		return ERR_NOTFOUND;
	if (m->t)
		return record_secret_get(txn_store(m->t), &agent_type, "mcp_servers", a, plain);
	buf_addz(plain, a->mcp_servers);
	return plain->err;
}

static enum err add_servers(struct making *m, const struct agent *a, bool secrets)
{
	struct buf plain = BUF_INIT;
	struct json_object *o = NULL;
	enum err e = servers_of(m, a, &plain);

	if (!e)
		e = json_read(&o, buf_span(&plain));
	for (size_t i = 0; !e && json_object_is_type(o, json_type_array) && i < json_object_array_length(o); i++)
		if (json_object_is_type(json_object_array_get_idx(o, i), json_type_object))
			add_server(m, json_object_array_get_idx(o, i), secrets);
	json_object_put(o);
	if (plain.n)
		explicit_bzero(plain.p, plain.n);
	buf_fini(&plain);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

/* --- the whole --- */

static enum err written(struct jbuild *b, struct json_object *o, char **out)
{
	struct buf text = BUF_INIT;
	enum err e = b->err ? b->err : json_write(&text, o);

	if (!e) {
		*out = buf_take(&text);
		e = *out ? ERR_OK : ERR_NOMEM;
	}
	buf_fini(&text);
	return e;
}

static enum err make(struct making *m, const struct agent *a, bool secrets)
{
	struct tool_set *out = m->set;
	enum err e;

	*out = (struct tool_set){ .list = NULL };
	m->list = json_arr(&m->b);
	m->mcp = json_arr(&m->b);
	e = add_named(m, a->tools);
	e = e ? e : add_servers(m, a, secrets);
	e = e ? e : written(&m->b, m->list, &out->list);
	if (!e && json_object_array_length(m->mcp))
		e = written(&m->b, m->mcp, &out->mcp);
	json_object_put(m->list);
	json_object_put(m->mcp);
	if (e)
		tool_set_fini(out);
	return e;
}

enum err tool_set_load(struct tool_set *out, struct txn *t, const struct agent *a, bool secrets)
{
	struct making m = { .t = t, .set = out, .targets = a->transfer_targets };

	return make(&m, a, secrets);
}

enum err tool_set_given(struct tool_set *out, const struct tool *tools, size_t n, const struct agent *a)
{
	struct making m = { .given = tools, .given_n = n, .set = out, .targets = a->transfer_targets };

	return make(&m, a, true);
}

void tool_set_fini(struct tool_set *s)
{
	for (size_t i = 0; i < s->http_n; i++)
		record_fini(&tool_type, &s->http[i]);
	free(s->http);
	if (s->list)
		explicit_bzero(s->list, strlen(s->list));
	free(s->list);
	free(s->mcp);
	*s = (struct tool_set){ .list = NULL };
}
