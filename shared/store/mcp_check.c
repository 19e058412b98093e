#include "base/json.h"
#include "store/mcp_check.h"

enum { TEXT = 1, LIST = 2, OBJECT = 4, BOOL = 8, NOTHING = 16 };

static const struct member { const char *name; unsigned types; } members[] = {
	{ "type", TEXT }, { "server_label", TEXT }, { "server_url", TEXT }, { "connector_id", TEXT }, { "tunnel_id", TEXT }, { "authorization", TEXT },
	{ "server_description", TEXT }, { "headers", OBJECT | NOTHING }, { "allowed_tools", LIST | OBJECT | NOTHING }, { "allowed_callers", LIST | NOTHING },
	{ "require_approval", TEXT | OBJECT | NOTHING }, { "defer_loading", BOOL },
};

static enum err refuse(struct buf *why, struct span label, const char *member, const char *what)
{
	if (why)
		buf_printf(why, "mcp_servers: " SPAN_FMT "%s%s: %s", SPAN_ARG(span_head(label, 80)), label.n && *member ? "." : "", member, what);
	return ERR_VALUE;
}

static unsigned type_of(struct json_object *v)
{
	switch (json_object_get_type(v)) {
	case json_type_string:  return TEXT;
	case json_type_array:   return LIST;
	case json_type_object:  return OBJECT;
	case json_type_boolean: return BOOL;
	case json_type_null:    return NOTHING;
	default:                return 0;
	}
}

static enum err check_member(struct span label, const char *name, struct json_object *v, struct buf *why)
{
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if (strcmp(members[i].name, name) == 0)
			return type_of(v) & members[i].types ? ERR_OK : refuse(why, label, name, "has the wrong type");
	return refuse(why, label, name, "unknown");
}

static bool is_url(struct span url)
{
	return span_starts(url, SPAN("https://")) || span_starts(url, SPAN("http://"));
}

static enum err check_values(struct span label, struct json_object *o, struct buf *why)
{
	struct span url = json_get_span(o, "server_url"), policy = json_get_span(o, "require_approval"), type = json_get_span(o, "type");
	int places = (json_get(o, "server_url") != NULL) + (json_get(o, "connector_id") != NULL) + (json_get(o, "tunnel_id") != NULL);

	if (places != 1)
		return refuse(why, label, "server_url", "exactly one of server_url, connector_id and tunnel_id is needed");
	if (url.p && !is_url(url))
		return refuse(why, label, "server_url", "must begin with https:// or http://");
	if (policy.p && !span_is(policy, "always") && !span_is(policy, "never"))
		return refuse(why, label, "require_approval", "must be always, never, or an object");
	return !type.p || span_is(type, "mcp") ? ERR_OK : refuse(why, label, "type", "must be mcp");
}

static enum err check(struct json_object *list, size_t at, struct buf *why)
{
	struct json_object *o = json_object_array_get_idx(list, at);
	struct span label = json_get_span(o, "server_label");

	if (!label.n)
		return refuse(why, SPAN_NONE, "server_label", "each server needs one");
	for (size_t i = 0; i < at; i++)
		if (span_eq(json_get_span(json_object_array_get_idx(list, i), "server_label"), label))
			return refuse(why, label, "", "two servers of this label");
	json_object_object_foreach(o, name, v) {
		enum err e = check_member(label, name, v, why);

		if (e)
			return e;
	}
	return check_values(label, o, why);
}

enum err mcp_servers_check(struct json_object *list, struct buf *why)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < json_object_array_length(list) && !e; i++)
		e = check(list, i, why);
	return e;
}
