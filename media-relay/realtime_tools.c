/* realtime_tools - client events around tools. */
#include "base/json.h"
#include "media-relay/realtime.h"

static void text(struct buf *out, const char *before, struct span s)
{
	buf_addz(out, before);
	json_escape(out, s);
	buf_addc(out, '"');
}

static void item(struct buf *out, struct span event_id, const char *type)
{
	text(out, "{\"type\":\"conversation.item.create\",\"event_id\":\"", event_id);
	buf_printf(out, ",\"item\":{\"type\":\"%s\"", type);
}

void realtime_tool_output(struct buf *out, struct span event_id, struct span call_id, struct span output)
{
	item(out, event_id, "function_call_output");
	text(out, ",\"call_id\":\"", call_id);
	text(out, ",\"output\":\"", output);
	buf_addz(out, "}}");
}

void realtime_system_text(struct buf *out, struct span event_id, struct span words)
{
	item(out, event_id, "message");
	text(out, ",\"role\":\"system\",\"content\":[{\"type\":\"input_text\",\"text\":\"", words);
	buf_addz(out, "}]}}");
}

/* An empty context: nothing but the words is wanted, and nothing of the conversation is paid for. */
void realtime_filler(struct buf *out, struct span event_id, struct span words)
{
	text(out, "{\"type\":\"response.create\",\"event_id\":\"", event_id);
	buf_addz(out, ",\"response\":{\"conversation\":\"none\",\"input\":[],\"tools\":[],\"tool_choice\":\"none\",\"metadata\":{\"purpose\":\"filler\"}");
	buf_addz(out, ",\"instructions\":\"Say exactly the following, word for word, and nothing else: \\\"");
	json_escape(out, words);
	buf_addz(out, "\\\"\"}}");
}

void realtime_approval(struct buf *out, struct span event_id, struct span request_id, bool approve)
{
	item(out, event_id, "mcp_approval_response");
	text(out, ",\"approval_request_id\":\"", request_id);
	buf_printf(out, ",\"approve\":%s}}", approve ? "true" : "false");
}
