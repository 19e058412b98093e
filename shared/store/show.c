/* show - calls, turns and events as printed: every field of the contract, names for ids. */
#include "base/json.h"
#include "store/account.h"
#include "store/agent.h"
#include "store/call.h"
#include "store/refs.h"
#include "store/turn.h"

/* Fields of the record in the order printed; the counters of tokens and latency stand in objects. */
static const char *const call_head[] = {
	"session_id", "twilio_call_sid", "twilio_stream_sid", "account", "agent", "agent_version", "direction", "caller_number", "called_number",
	"status", "twilio_status", "started_at", "connected_at", "ended_at", "duration_seconds", "end_reason", "error", "turns", "barge_ins",
	"reconnects",
};
static const char *const call_usage[] = {
	"input_text_tokens", "input_audio_tokens", "cached_text_tokens", "cached_audio_tokens", "output_text_tokens", "output_audio_tokens",
	"transcription_tokens",
};
static const char *const call_latency[][2] = { { "p50", "latency_p50_ms" }, { "p95", "latency_p95_ms" } };

static void add(struct jbuild *b, struct json_object *o, const struct record_type *rt, const void *rec, const char *name, const char *as)
{
	const struct field *f = field_find(rt->fields, rt->fields_n, span_z(name));

	if (f)
		json_set(b, o, as, field_get_json(f, rec));
	else
		b->err = ERR_INTERNAL;
}

static void replace_name(struct jbuild *b, struct json_object *o, const char *member, struct buf *name, enum err e)
{
	if (e && e != ERR_NOTFOUND)
		b->err = b->err ? b->err : e;
	json_set(b, o, member, e ? NULL : json_str(b, buf_span(name)));
	buf_fini(name);
}

static void call_names(struct jbuild *b, struct txn *t, struct json_object *o, const struct call *c)
{
	struct buf account = BUF_INIT, agent = BUF_INIT;

	replace_name(b, o, "account", &account, ref_name(t, SPAN("account"), span_z(c->account), &account));
	replace_name(b, o, "agent", &agent, ref_agent_name_then(t, span_z(c->agent), c->agent_version, &agent));
}

static enum err finish(struct jbuild *b, struct json_object *o, struct json_object **out)
{
	if (b->err)
		json_object_put(o);
	else
		*out = o;
	return b->err;
}

enum err call_json(struct txn *t, const struct call *c, struct json_object **out)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b), *usage = json_obj(&b), *latency = json_obj(&b);

	for (size_t i = 0; i < sizeof call_head / sizeof *call_head; i++)
		add(&b, o, &call_type, c, call_head[i], call_head[i]);
	call_names(&b, t, o, c);
	for (size_t i = 0; i < sizeof call_usage / sizeof *call_usage; i++)
		add(&b, usage, &call_type, c, call_usage[i], call_usage[i]);
	json_set(&b, o, "usage", usage);
	add(&b, o, &call_type, c, "cost", "cost");
	for (size_t i = 0; i < 2; i++)
		add(&b, latency, &call_type, c, call_latency[i][1], call_latency[i][0]);
	json_set(&b, o, "latency_ms", latency);
	add(&b, o, &call_type, c, "recording", "recording");
	return finish(&b, o, out);
}

static const char *const turn_members[] = {
	"role", "text", "full_text", "started_at", "completed_at", "interrupted", "heard_ms", "latency_ms", "tool", "meta",
};

enum err turn_json(const struct turn *u, struct json_object **out)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);

	for (size_t i = 0; i < sizeof turn_members / sizeof *turn_members; i++)
		add(&b, o, &turn_type, u, turn_members[i], turn_members[i]);
	return finish(&b, o, out);
}

static const char *const event_members[] = { "item_id", "response_id", "role", "text_delta", "error", "created_at", "payload" };

enum err event_json(struct span session_id, const struct event *e, struct json_object **out)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);
	struct buf id = BUF_INIT;

	buf_add(&id, session_id);
	buf_printf(&id, "-%lld", (long long)e->seq);
	add(&b, o, &event_type, e, "event_type", "event_type");
	json_set(&b, o, "event_id", json_str(&b, buf_span(&id)));
	for (size_t i = 0; i < sizeof event_members / sizeof *event_members; i++)
		add(&b, o, &event_type, e, event_members[i], event_members[i]);
	buf_fini(&id);
	return finish(&b, o, out);
}
