/* tool_world - the world of a session whose agent has tools: two over HTTP, all that are built in, somebody to hand over to, and an MCP server where one is wanted. */
#ifndef OFFHOOK_TOOL_WORLD_H
#define OFFHOOK_TOOL_WORLD_H

#include "call_world.h"
#include "media-relay/tools.h"

static struct tool http[] = {
	{ .name = (char *)"lookup", .timeout_ms = 10000, .filler = (char *)"One moment." }, { .name = (char *)"weather", .timeout_ms = 2000 },
};

static inline struct setup *tool_setup(void)
{
	struct setup *s = w_setup();

	s->tools.http = calloc(2, sizeof *s->tools.http);
	for (int i = 0; i < 2; i++)
		assert_int_equal(field_copy(tool_type.fields, tool_type.fields_n, &s->tools.http[i], &http[i]), ERR_OK);
	s->tools.http_n = 2;
	s->tools.builtins = 0xff;
	s->targets = strdup("[{\"name\":\"Sales\",\"number\":\"+15550100\"}]");
	s->timezone = strdup("UTC");
	return s;
}

static inline void call_item(struct world *w, const char *response, const char *call, const char *name, const char *arguments)
{
	w_model(w, "{\"type\":\"response.output_item.done\",\"event_id\":\"e\",\"response_id\":\"%s\",\"output_index\":1,\"item\":{\"id\":\"item_%s\",\"type\":"
	        "\"function_call\",\"status\":\"completed\",\"name\":\"%s\",\"call_id\":\"%s\",\"arguments\":\"%s\"}}", response, call, name, call, arguments);
}

static inline void calls_done(struct world *w, const char *id, const char *status)
{
	w_model(w, "{\"type\":\"response.done\",\"event_id\":\"e\",\"response\":{\"object\":\"realtime.response\",\"id\":\"%s\",\"status\":\"%s\",\"status_details\":null,"
	        "\"output\":[{\"id\":\"x\",\"type\":\"function_call\"}],\"usage\":null}}", id, status);
}

static inline void result(struct world *w, uint64_t ticket, int status, const char *body)
{
	struct tools_result r = { .ticket = ticket, .status = status, .body = span_z(body) };

	session_event(w->s, EV_TOOL, span_of(&r, sizeof r));
}

/* --- MCP servers --- */

static inline void mcp_begins(struct world *w, const char *item)
{
	w_model(w, "{\"type\":\"response.mcp_call.in_progress\",\"event_id\":\"e\",\"output_index\":0,\"item_id\":\"%s\"}", item);
}

static inline void mcp_ends(struct world *w, const char *item, const char *outcome)
{
	w_model(w, "{\"type\":\"response.mcp_call.%s\",\"event_id\":\"e\",\"output_index\":0,\"item_id\":\"%s\"}", *outcome == '{' ? "failed" : "completed", item);
	w_model(w, "{\"type\":\"conversation.item.done\",\"event_id\":\"e\",\"item\":{\"id\":\"%s\",\"type\":\"mcp_call\",\"server_label\":\"crm\",\"name\":\"find\","
	        "\"arguments\":\"{}\",\"output\":%s,\"error\":%s}}", item, *outcome == '{' ? "null" : outcome, *outcome == '{' ? outcome : "null");
}

static inline void mcp_asks(struct world *w, const char *request, const char *tool)
{
	w_model(w, "{\"type\":\"conversation.item.done\",\"event_id\":\"e\",\"item\":{\"id\":\"%s\",\"type\":\"mcp_approval_request\",\"server_label\":\"crm\","
	        "\"name\":\"%s\",\"arguments\":\"{}\"}}", request, tool);
}

static inline struct world *mcp_talking(void)
{
	struct setup *s = tool_setup();

	s->tools.mcp = strdup("[{\"server_label\":\"crm\",\"allowed_tools\":[\"find\"]}]");
	return w_talking(s);
}

#endif
