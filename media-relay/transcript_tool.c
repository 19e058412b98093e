/* transcript_tool - turns that nobody speaks: tool calls, and what the agent was told. */
#include "base/json.h"
#include "media-relay/redact.h"
#include "media-relay/transcript.h"

int64_t transcript_next(struct transcript *t)
{
	return t->turn_seq++;
}

/* JSON stays JSON; anything else is a text. */
static struct json_object *value_of(struct jbuild *b, struct span s)
{
	struct json_object *o = NULL;

	if (!s.p)
		return NULL;
	return json_read(&o, s) == ERR_OK && o ? o : json_str(b, s);
}

static enum err tool_json(const struct transcript_tool *c, struct buf *out)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);

	json_set(&b, o, "name", json_str(&b, c->name));
	if (c->server.p)
		json_set(&b, o, "server", json_str(&b, c->server));
	json_set(&b, o, "arguments", value_of(&b, c->arguments));
	json_set(&b, o, "result", value_of(&b, c->result));
	json_set(&b, o, "duration_ms", c->ms < 0 ? NULL : json_int(&b, c->ms));
	if (!b.err)
		b.err = json_write(out, o);
	json_object_put(o);
	return b.err;
}

static struct span hidden(struct span s, struct buf *b)
{
	if (s.p && redact_json(b, s) != ERR_OK) {
		buf_reset(b);
		redact_text(b, s);
	}
	if (!s.p || b->err)
		return SPAN_NONE;
	return b->n ? buf_span(b) : SPAN("");
}

/* As it is stored. */
static enum err kept_json(const struct transcript *t, const struct transcript_tool *c, struct buf *out)
{
	struct buf arguments = BUF_INIT, result = BUF_INIT;
	struct transcript_tool kept = *c;
	enum err e;

	if (t->wordless || t->redact) {
		kept.arguments = t->wordless ? SPAN_NONE : hidden(c->arguments, &arguments);
		kept.result = t->wordless ? SPAN_NONE : hidden(c->result, &result);
	}
	e = tool_json(&kept, out);
	buf_fini(&arguments);
	buf_fini(&result);
	return e;
}

void transcript_tool(struct transcript *t, const struct transcript_tool *c)
{
	struct buf whole = BUF_INIT, kept = BUF_INIT, item = BUF_INIT, response = BUF_INIT;
	struct transcript_tool call = *c;
	struct turn u = {
		.seq = c->seq, .role = (char *)(uintptr_t)"tool", .started_at = c->started_at,
		.completed_at = c->result.p ? t->ops->wall_ms(t->ctx) : FIELD_NULL_INT, .heard_ms = FIELD_NULL_INT, .latency_ms = FIELD_NULL_INT,
	};

	buf_add(&item, c->item);
	buf_add(&response, c->response);
	u.item_id = (char *)(uintptr_t)buf_z(&item);
	u.response_id = (char *)(uintptr_t)buf_z(&response);
	call.ms = c->result.p ? c->ms : -1;
	u.tool = tool_json(&call, &whole) == ERR_OK ? (char *)(uintptr_t)buf_z(&whole) : NULL;
	if (u.tool && t->history)
		history_turn(t->history, &u);
	u.tool = kept_json(t, &call, &kept) == ERR_OK ? (char *)(uintptr_t)buf_z(&kept) : NULL;
	if (u.tool)
		transcript_store(t, &u);
	buf_fini(&whole);
	buf_fini(&kept);
	buf_fini(&item);
	buf_fini(&response);
}

void transcript_system(struct transcript *t, struct span text)
{
	struct buf words = BUF_INIT;
	int64_t now = t->ops->wall_ms(t->ctx);
	struct turn u = { .seq = transcript_next(t), .role = (char *)(uintptr_t)"system", .started_at = now, .completed_at = now,
			  .heard_ms = FIELD_NULL_INT, .latency_ms = FIELD_NULL_INT };

	buf_add(&words, text);
	u.text = (char *)(uintptr_t)buf_z(&words);
	if (!words.err && t->history)
		history_turn(t->history, &u);
	if (!words.err)
		transcript_store(t, &u);
	buf_fini(&words);
}
