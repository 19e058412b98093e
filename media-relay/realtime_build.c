/* realtime - client events. Audio goes by a template into the leg's own room; the rest is rare and built in a buffer. Ids come from the peer, so they are escaped. */
#include "base/json.h"
#include "media-relay/realtime.h"

static char *put(char *to, struct span s)
{
	memcpy(to, s.p, s.n);
	return to + s.n;
}

static const struct span append_head = { "{\"type\":\"input_audio_buffer.append\",\"audio\":\"", 45 };

size_t realtime_append(char *room, struct span base64)
{
	char *to = put(put(room, append_head), base64);

	return (size_t)(put(to, SPAN("\"}")) - room);
}

size_t realtime_append_raw(char *room, const uint8_t *audio, size_t n)
{
	char *to = put(room, append_head);

	to += b64_encode(to, audio, n);
	return (size_t)(put(to, SPAN("\"}")) - room);
}

static void head(struct buf *out, const char *type, struct span event_id)
{
	buf_printf(out, "{\"type\":\"%s\",\"event_id\":\"", type);
	json_escape(out, event_id);
	buf_addc(out, '"');
}

void realtime_truncate(struct buf *out, struct span event_id, struct span item_id, int64_t content_index, int64_t audio_end_ms)
{
	head(out, "conversation.item.truncate", event_id);
	buf_addz(out, ",\"item_id\":\"");
	json_escape(out, item_id);
	buf_printf(out, "\",\"content_index\":%lld,\"audio_end_ms\":%lld}", (long long)content_index, (long long)audio_end_ms);
}

/* --- items --- */

static void text(struct buf *out, const char *key, struct span value)
{
	buf_printf(out, ",\"%s\":\"", key);
	json_escape(out, value);
	buf_addc(out, '"');
}

static void item_head(struct buf *out, struct span event_id, struct span item_id, struct span after, const char *type)
{
	head(out, "conversation.item.create", event_id);
	if (after.p)
		text(out, "previous_item_id", after);
	buf_printf(out, ",\"item\":{\"type\":\"%s\"", type);
	if (item_id.p)
		text(out, "id", item_id);
}

void realtime_message(struct buf *out, struct span event_id, struct span item_id, struct span after, enum realtime_role role, struct span words)
{
	static const struct { const char *role, *content; } roles[] = {
		[RR_USER] = { "user", "input_text" }, [RR_ASSISTANT] = { "assistant", "output_text" }, [RR_SYSTEM] = { "system", "input_text" },
	};

	item_head(out, event_id, item_id, after, "message");
	buf_printf(out, ",\"role\":\"%s\",\"content\":[{\"type\":\"%s\"", roles[role].role, roles[role].content);
	text(out, "text", words);
	buf_addz(out, "}]}}");
}

void realtime_user_text(struct buf *out, struct span event_id, struct span words)
{
	realtime_message(out, event_id, SPAN_NONE, SPAN_NONE, RR_USER, words);
}

void realtime_call(struct buf *out, struct span event_id, struct span item_id, struct span call_id, struct span name, struct span arguments)
{
	item_head(out, event_id, item_id, SPAN_NONE, "function_call");
	text(out, "call_id", call_id);
	text(out, "name", name);
	text(out, "arguments", arguments);
	buf_addz(out, "}}");
}

void realtime_output(struct buf *out, struct span event_id, struct span item_id, struct span call_id, struct span output)
{
	item_head(out, event_id, item_id, SPAN_NONE, "function_call_output");
	text(out, "call_id", call_id);
	text(out, "output", output);
	buf_addz(out, "}}");
}

void realtime_delete(struct buf *out, struct span event_id, struct span item_id)
{
	head(out, "conversation.item.delete", event_id);
	text(out, "item_id", item_id);
	buf_addc(out, '}');
}

void realtime_create(struct buf *out, struct span event_id)
{
	head(out, "response.create", event_id);
	buf_addc(out, '}');
}

void realtime_cancel(struct buf *out, struct span event_id, struct span response_id)
{
	head(out, "response.cancel", event_id);
	if (response_id.n) {
		buf_addz(out, ",\"response_id\":\"");
		json_escape(out, response_id);
		buf_addc(out, '"');
	}
	buf_addc(out, '}');
}
