/*
 * session_mcp - calls of MCP servers: the model's server runs them. We approve them by the agent's policy, keep them in the transcript, and ask for one answer when
 * all that was called is over, unless the server gives one by itself.
 * Source: contract M6; OpenAI Realtime, "MCP tools".
 */
#include "base/json.h"
#include "base/log.h"
#include "media-relay/session_impl.h"

#define OWN_MS     300                  /* so long the server has for an answer of its own */
#define BEGIN_MS   10000                /* an approved call that does not begin is not waited for */
#define RUN_MS     60000                /* nor one that does not end */

/* --- the calls --- */

static struct mcp_call *find(struct session *s, struct span item)
{
	for (unsigned i = 0; i < MCP_CALLS; i++)
		if (s->tool.mcp[i].state != MCP_FREE && span_is(item, s->tool.mcp[i].item))
			return &s->tool.mcp[i];
	return NULL;
}

static struct mcp_call *in_state(struct session *s, enum mcp_state state)
{
	for (unsigned i = 0; i < MCP_CALLS; i++)
		if (s->tool.mcp[i].state == state)
			return &s->tool.mcp[i];
	return NULL;
}

static bool runs(const struct session *s)
{
	for (unsigned i = 0; i < MCP_CALLS; i++)
		if (s->tool.mcp[i].state == MCP_APPROVED || s->tool.mcp[i].state == MCP_RUNS)
			return true;
	return false;
}

bool mcp_busy(const struct session *s)
{
	return s->tool.mcp_ask_ms != 0 || runs(s);
}

static void want_answer(struct session *s)
{
	s->tool.mcp_ask_ms = session_now(s) + OWN_MS;
}

static struct mcp_call *begun(struct session *s, struct span item)
{
	struct mcp_call *c = find(s, item);

	if (c)
		return c;
	c = in_state(s, MCP_APPROVED);
	c = c ? c : in_state(s, MCP_FREE);
	c = c ? c : in_state(s, MCP_OVER);
	if (!c)
		return NULL;
	*c = (struct mcp_call){ .state = MCP_RUNS, .from_ms = session_now(s), .seq = transcript_next(&s->script) };
	if (!span_copy(c->item, sizeof c->item, item))
		c->state = MCP_FREE;
	return c;
}

static void over(struct session *s, struct mcp_call *c)
{
	if (c && c->state == MCP_RUNS) {
		c->state = MCP_OVER;
		c->ms = session_now(s) - c->from_ms;
	}
	want_answer(s);
}

void mcp_event(struct session *s, const struct realtime_msg *m)
{
	bool failed = span_is(m->name, "response.mcp_call.failed");

	if (m->type == RT_MCP_NO_TOOLS) {
		session_note(s, "mcp.unavailable", m->item_id, SPAN_NONE, SPAN_NONE, NULL);
		log_warn("mcp.unavailable", NULL);
	} else if (m->type == RT_MCP_BEGUN) {
		begun(s, m->item_id);
	} else {
		session_note(s, failed ? "mcp.failed" : "mcp.done", m->item_id, SPAN_NONE, SPAN_NONE, NULL);
		over(s, find(s, m->item_id));
	}
}

/* --- what they came to --- */

static void save(struct session *s, const struct realtime_msg *m, const struct mcp_call *c, struct span result)
{
	struct transcript_tool t = { .name = m->item.name, .server = m->item.server_label, .item = m->item_id, .arguments = m->item.arguments, .result = result,
				     .seq = c ? c->seq : transcript_next(&s->script), .ms = c ? c->ms : 0 };

	t.started_at = s->ops.wall_ms(s->ctx) - (c ? session_now(s) - c->from_ms : 0);
	transcript_tool(&s->script, &t);
	log_info("mcp.done", "server=%s tool=%s ms=%lld result=%s", log_q(m->item.server_label), log_q(m->item.name), (long long)t.ms,
	         m->item.error.p ? "error" : "ok");
}

/* The failure in the words of our own tools, so that everybody who reads a record knows it. */
static void save_failed(struct session *s, const struct realtime_msg *m, const struct mcp_call *c)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);
	struct buf text = BUF_INIT;

	json_set(&b, o, "error", json_str(&b, m->item.error));
	if (!b.err)
		b.err = json_write(&text, o);
	json_object_put(o);
	save(s, m, c, b.err ? SPAN("") : buf_span(&text));
	buf_fini(&text);
}

static void call_done(struct session *s, const struct realtime_msg *m)
{
	struct mcp_call *c = find(s, m->item_id);

	if (!m->item.output.p && !m->item.error.p)
		return;                         /* announced only */
	if (c && c->state == MCP_RUNS)
		over(s, c);
	if (m->item.error.p)
		save_failed(s, m, c);
	else
		save(s, m, c, m->item.output);
	if (c)
		*c = (struct mcp_call){ .state = MCP_FREE };
}

/* --- approval --- */

static bool names(struct json_object *allowed, struct span tool)
{
	struct json_object *list = json_object_is_type(allowed, json_type_array) ? allowed : json_get(allowed, "tool_names");
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++)
		if (span_eq(json_span(json_object_array_get_idx(list, i)), tool))
			return true;
	return false;
}

static bool is_allowed(const struct setup *set, struct span label, struct span tool)
{
	struct json_object *list = NULL;
	bool yes = false;

	if (!set->tools.mcp || json_read(&list, span_z(set->tools.mcp)))
		return false;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		yes = yes || (span_eq(json_get_span(o, "server_label"), label) && names(json_get(o, "allowed_tools"), tool));
	}
	json_object_put(list);
	return yes;
}

static void approve(struct session *s)
{
	struct mcp_call *c = in_state(s, MCP_FREE);

	if (c)
		*c = (struct mcp_call){ .state = MCP_APPROVED, .from_ms = session_now(s) };
}

static void asked(struct session *s, const struct realtime_msg *m)
{
	struct buf msg = BUF_INIT;
	bool yes = is_allowed(s->setup, m->item.server_label, m->item.name);
	char id[16];

	realtime_approval(&msg, model_event_id(s, 'a', id), m->item_id, yes);
	model_send_buf(s, &msg);
	session_note(s, yes ? "mcp.approved" : "mcp.refused", m->item_id, SPAN_NONE, SPAN_NONE, NULL);
	log_info("mcp.approval", "server=%s tool=%s approve=%s", log_q(m->item.server_label), log_q(m->item.name), yes ? "yes" : "no");
	if (yes)
		approve(s);
	else
		want_answer(s);
}

void mcp_item(struct session *s, const struct realtime_msg *m)
{
	if (!m->item_id.n)
		return;
	if (span_is(m->item.type, "mcp_approval_request"))
		asked(s, m);
	else if (span_is(m->item.type, "mcp_call"))
		call_done(s, m);
}

/* --- the answer --- */

void mcp_answered(struct session *s)
{
	s->tool.mcp_ask_ms = 0;
}

bool mcp_joins(struct session *s)
{
	bool joins = runs(s);

	s->tool.mcp_ask_ms = 0;                 /* one answer: asked for by whoever is last */
	return joins;
}

/* The next connection knows nothing of them; what they were to answer it has to answer. */
void mcp_connection_lost(struct session *s)
{
	if (mcp_busy(s))
		turn_want(&s->turn, TURN_ANSWER, session_now(s));
	memset(s->tool.mcp, 0, sizeof s->tool.mcp);
	s->tool.mcp_ask_ms = 0;
}

static void give_up(struct session *s)
{
	int64_t now = session_now(s);

	for (unsigned i = 0; i < MCP_CALLS; i++) {
		struct mcp_call *c = &s->tool.mcp[i];
		bool late = c->state == MCP_APPROVED ? now - c->from_ms >= BEGIN_MS : c->state == MCP_RUNS && now - c->from_ms >= RUN_MS;

		if (!late)
			continue;
		log_warn("mcp.no_end", "item=%s", log_q(span_z(c->item)));
		*c = (struct mcp_call){ .state = MCP_FREE };
		want_answer(s);
	}
}

void mcp_tick(struct session *s)
{
	struct session_tools *t = &s->tool;
	int64_t now = session_now(s);

	give_up(s);
	if (!t->mcp_ask_ms || now < t->mcp_ask_ms || runs(s) || tools_any(&t->tools) || s->turn.active[0])
		return;
	t->mcp_ask_ms = 0;
	if (t->ending.kind == ENDING_DIGITS || s->state == SS_AWAY) {
		t->answer_later = true;
	} else if (s->turn.speech && s->setup->vad_create) {
		t->after_speech = true;
		t->after_speech_ms = now;
	} else {
		turn_want_unless_own(&s->turn, now);
	}
}
