/* session_tools - what tools need of a call: outputs and answers, the filler beside them, the last word before a call ends or is handed over, collected keys. */
#include <stdlib.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "media-relay/session_impl.h"

#define FILLER_MS       8000            /* a filler that is not made by then is forgotten */
#define OWN_MS          500             /* after speech the server may answer by itself */
#define SPEECH_LONG_MS  15000           /* speech that has no end is noise */
#define MAILBOX_MS      120000          /* a mailbox that does not let us leave a message by then is hung up on */

/* --- what tools ask for --- */

static void send_output(void *ctx, const struct tool_call *c, struct span output)
{
	struct session *s = ctx;
	struct buf msg = BUF_INIT;
	char id[16];

	if (!upstream_ready(&s->up))
		return;
	realtime_tool_output(&msg, model_event_id(s, 'o', id), span_z(c->id), output);
	model_send_buf(s, &msg);
}

static void saved(void *ctx, struct tool_call *c, struct span result, int64_t ms)
{
	struct session *s = ctx;
	struct transcript_tool t = { .name = span_z(c->name), .item = span_z(c->item), .response = span_z(c->response),
				     .arguments = buf_span(&c->arguments), .result = result, .ms = ms };
	const char *name = c->known ? c->name : "unknown";       /* a name of ours needs no escapes */

	if (c->slot < 0)
		c->slot = transcript_next(&s->script);
	t.seq = c->slot;
	t.started_at = s->ops.wall_ms(s->ctx) - ms;
	transcript_tool(&s->script, &t);
	if (!result.p) {
		session_note(s, "tool.started", span_z(c->item), span_z(c->response), SPAN_NONE, "{\"tool\":\"%s\"}", name);
		return;
	}
	session_note(s, "tool.done", span_z(c->item), span_z(c->response), SPAN_NONE, "{\"tool\":\"%s\",\"ms\":%lld,\"bytes\":%zu}", name, (long long)ms,
	             result.n);
	log_info("tool.done", "tool=%s ms=%lld", log_q(span_z(c->name)), (long long)ms);
	if (s->ops.metrics.tool)
		s->ops.metrics.tool(s->ctx, name, ms > 0 ? (uint64_t)ms * 1000 : 0);
}

static void cancel_response(struct session *s, struct span response)
{
	struct buf msg = BUF_INIT;
	char id[16];

	if (upstream_ready(&s->up)) {
		realtime_cancel(&msg, model_event_id(s, 'c', id), response);
		model_send_buf(s, &msg);
	}
	playback_kill(&s->play, response);
}

static void cancel_filler(struct session *s)
{
	struct session_tools *t = &s->tool;

	t->filler_unwanted = t->filler_ms != 0;
	if (t->filler_ms && t->filler[0])
		cancel_response(s, span_z(t->filler));
}

/* A filler that has begun is spoken to its end, the answer behind it; one that has not is not wanted any more. */
static void answer(void *ctx)
{
	struct session *s = ctx;
	struct session_tools *t = &s->tool;

	if (!t->filler_spoke)
		cancel_filler(s);
	if (mcp_joins(s))
		return;
	if (t->ending.kind == ENDING_DIGITS || s->state == SS_AWAY) {
		t->answer_later = true;
	} else if (s->turn.speech && s->setup->vad_create) {
		t->after_speech = true;
		t->after_speech_ms = session_now(s);
	} else {
		turn_want(&s->turn, TURN_ANSWER, session_now(s));
	}
}

static void say_filler(void *ctx, struct span words)
{
	struct session *s = ctx;
	struct session_tools *t = &s->tool;
	struct buf msg = BUF_INIT;
	char id[16];

	t->filler_ms = session_now(s);
	t->filler_unwanted = t->filler_spoke = false;
	t->filler[0] = '\0';
	realtime_filler(&msg, model_event_id(s, 'f', id), words);
	model_send_buf(s, &msg);
}

static void ask_http(void *ctx, const struct tool *t, uint64_t ticket, struct span arguments)
{
	struct session *s = ctx;

	s->ops.http(s->ctx, s->setup, t, ticket, arguments);
}

static void set_handover(struct session *s, struct jbuild *b, struct json_object *o)
{
	buf_reset(&s->tool.handover);
	if (!b->err)
		json_write(&s->tool.handover, o);
	json_object_put(o);
}

static void end_call(void *ctx, struct span reason)
{
	struct session *s = ctx;

	(void)reason;                            /* in the transcript: it may be anything that was said */
	log_info("tool.end_call", NULL);
	ending_ask(&s->tool.ending, ENDING_HANGUP, END_AGENT_ENDED, session_now(s));
}

static void transfer(void *ctx, const struct tools_target *to, bool come_back, struct span summary)
{
	struct session *s = ctx;
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);

	json_set(&b, o, "name", json_str(&b, to->name));
	json_set(&b, o, "number", json_str(&b, to->number));
	json_set(&b, o, "return", json_bool(&b, come_back));
	json_set(&b, o, "summary", json_str(&b, span_head(summary, 1000)));
	set_handover(s, &b, o);
	s->tool.come_back = come_back;
	log_info("tool.transfer", "to=%s", log_mask(to->number));
	ending_ask(&s->tool.ending, ENDING_TRANSFER, END_TRANSFERRED, session_now(s));
}

static void digits(void *ctx, struct span keys)
{
	struct session *s = ctx;
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);

	json_set(&b, o, "digits", json_str(&b, keys));
	set_handover(s, &b, o);
	ending_ask(&s->tool.ending, ENDING_DIGITS, END_NONE, session_now(s));
}

static bool take_message(void *ctx, struct span json)
{
	struct session *s = ctx;

	transcript_event(&s->script, &(struct transcript_event){ .type = "message", .words = json });
	return s->setup->keep_events && !s->setup->wordless;
}

static void window_over(struct session *s)
{
	struct keypad_window *w = &s->tool.keys;
	uint64_t ticket = w->ticket;
	char keys[KEYPAD_WINDOW + 1];
	bool any = w->n > 0;

	memcpy(keys, w->digits, sizeof keys);
	keypad_shut(w, session_now(s));
	session_note(s, "digits.collected", SPAN_NONE, SPAN_NONE, SPAN_NONE, NULL);
	tools_keys(&s->tool.tools, ticket, span_z(keys), any, session_now(s));
	explicit_bzero(keys, sizeof keys);
}

static void collect(void *ctx, uint64_t ticket, unsigned max_digits, bool secret)
{
	struct session *s = ctx;

	bool over = keypad_open(&s->tool.keys, &s->keypad, ticket, max_digits, secret, session_now(s));

	taping_hush(s);
	if (over)
		window_over(s);
}

/* --- life --- */

void tooling_init(struct session *s)
{
	s->tool.out = (struct tools_out){ send_output, saved, answer, say_filler, ask_http, end_call, transfer, digits, take_message, collect, s };
	s->tool.handover = BUF_BOUND(4096);
	s->tool.told = BUF_BOUND(4096);
	tools_init(&s->tool.tools, &s->tool.out);
}

void tooling_fini(struct session *s)
{
	tools_fini(&s->tool.tools);
	buf_fini(&s->tool.handover);
	buf_fini(&s->tool.told);
	keypad_shut(&s->tool.keys, 0);
}

void tooling_setup(struct session *s)
{
	const struct setup *set = s->setup;

	tools_setup(&s->tool.tools, &(struct tools_setup){ &set->tools, set->targets, set->timezone });
	if (set->note)
		tooling_transfer_failed(s, span_z(set->note));
}

static void filler_gone(struct session_tools *t)
{
	t->filler_ms = 0;
	t->filler[0] = '\0';
}

void tooling_connection_lost(struct session *s)
{
	tools_connection_lost(&s->tool.tools);
	filler_gone(&s->tool);
	mcp_connection_lost(s);
}

/* --- what the model says --- */

void tooling_item(struct session *s, const struct realtime_msg *m)
{
	if (span_is(m->item.type, "function_call") && (!m->item.status.p || span_is(m->item.status, "completed")))
		tools_collect(&s->tool.tools, m->response_id, m->item_id, m->item.call_id, m->item.name, m->item.arguments);
}

bool tooling_created(struct session *s, const struct realtime_msg *m)
{
	struct session_tools *t = &s->tool;

	if (!span_is(m->response.purpose, "filler")) {
		t->after_speech = t->after_speech && s->turn.speech;     /* this one is what was waited for: the server's own may come with the end of speech */
		mcp_answered(s);
		return false;
	}
	if (!t->filler_ms) {                     /* it was given up already */
		cancel_response(s, m->response_id);
		return true;
	}
	span_copy(t->filler, sizeof t->filler, m->response_id);
	if (t->filler_unwanted)
		cancel_filler(s);
	return true;
}

bool tooling_refused(struct session *s, struct span event_id)
{
	struct session_tools *t = &s->tool;

	if (event_id.n < 2 || event_id.p[0] != 'f' || event_id.p[1] < '0' || event_id.p[1] > '9')
		return false;
	if (!t->filler[0])
		filler_gone(t);
	return true;
}

void tooling_audio(struct session *s, const struct realtime_msg *m)
{
	struct session_tools *t = &s->tool;

	if (!t->filler[0] || !span_is(m->response_id, t->filler))
		return;
	t->filler_spoke = true;
	span_copy(t->filler_item, sizeof t->filler_item, m->item_id);
}

bool tooling_is_filler(const struct session *s, struct span item)
{
	return s->tool.filler_item[0] && span_is(item, s->tool.filler_item);
}

bool tooling_holds(const struct session *s)
{
	return s->tool.filler_ms != 0;
}

void tooling_response_over(struct session *s, const struct realtime_msg *m, bool spoke)
{
	bool good = m->response.status == RS_COMPLETED || m->response.status == RS_INCOMPLETE;

	if (s->tool.filler[0] && span_is(m->response_id, s->tool.filler))
		filler_gone(&s->tool);
	tools_response_over(&s->tool.tools, m->response_id, good, spoke, session_now(s), s->ops.wall_ms(s->ctx));
}

/* --- the caller --- */

/* Its greeting goes on, or it beeps: what that cuts is said again behind it. */
static void mailbox_spoke(struct session *s)
{
	if (!turn_may_cut(&s->turn) || !(s->turn.active[0] || playback_unheard(&s->play, session_now(s))))
		return;
	s->tool.after_speech = true;
	s->tool.after_speech_ms = session_now(s);
}

void tooling_caller_spoke(struct session *s)
{
	if (s->tool.mailbox_ms) {
		mailbox_spoke(s);
	} else if (ending_call_off(&s->tool.ending)) {
		session_note(s, "ending.called_off", SPAN_NONE, SPAN_NONE, SPAN_NONE, NULL);
		log_info("call.ending_off", NULL);
	}
	cancel_filler(s);
}

bool tooling_key(struct session *s, char digit)
{
	if (!s->tool.keys.open)
		return false;
	if (keypad_window_press(&s->tool.keys, digit, session_now(s)))
		window_over(s);
	return true;
}

bool tooling_deaf(const struct session *s)
{
	return keypad_deaf(&s->tool.keys, session_now(s));
}

/* --- what comes back --- */

void tooling_result(struct session *s, struct span data)
{
	struct tools_result r;

	if (data.n != sizeof r)
		return;
	memcpy(&r, data.p, sizeof r);
	tools_result(&s->tool.tools, &r, session_now(s));
}

void tooling_tell(struct session *s, struct span text)
{
	if (s->tool.told.n)
		buf_addc(&s->tool.told, '\n');
	buf_add(&s->tool.told, text);
	s->tool.answer_later = true;
	transcript_system(&s->script, text);
	tooling_flush(s);
}

void tooling_flush(struct session *s)
{
	struct session_tools *t = &s->tool;
	struct buf msg = BUF_INIT;
	char id[16];

	if (!upstream_ready(&s->up) || s->state != SS_TALK)
		return;
	if (t->told.n) {
		realtime_system_text(&msg, model_event_id(s, 'i', id), buf_span(&t->told));
		model_send_buf(s, &msg);
		buf_reset(&t->told);
	}
	if (t->answer_later) {
		t->answer_later = false;
		answer(s);
	}
}

/* A person is talked to as ever. A fax is not; a mailbox gets the message the agent has for it, or nothing. */
static void answered_by(struct session *s, struct span who)
{
	struct buf text = BUF_BOUND(3000);
	bool machine = span_starts(who, SPAN("machine")), fax = span_is(who, "fax");

	session_note(s, "answered_by", SPAN_NONE, SPAN_NONE, SPAN_NONE, "{\"machine\":%s}", machine || fax ? "true" : "false");
	log_info("call.answered_by", "who=%s", log_q(span_head(who, 40)));
	if (!machine && !fax)
		return;
	caller_greeting_over(s);
	caller_cut(s, true);
	if (fax || !s->setup->voicemail) {
		session_end(s, END_AGENT_ENDED, "hangup", NULL);
		return;
	}
	buf_printf(&text, "[A mailbox has answered, no person. Wait for its greeting to end, then say this message word for word and hang up: \"%s\"]",
		   s->setup->voicemail);
	tooling_tell(s, buf_span(&text));
	buf_fini(&text);
	s->tool.mailbox_ms = session_now(s);
	ending_ask(&s->tool.ending, ENDING_HANGUP, END_AGENT_ENDED, session_now(s));
}

/* While the agent's notice is spoken, say, there is nobody yet who could be told. */
void tooling_machine(struct session *s, struct span who)
{
	if (s->state == SS_TALK)
		answered_by(s, who);
	else
		span_copy(s->tool.machine, sizeof s->tool.machine, span_head(who, sizeof s->tool.machine - 1));
}

void tooling_machine_known(struct session *s)
{
	char who[sizeof s->tool.machine];

	memcpy(who, s->tool.machine, sizeof who);
	s->tool.machine[0] = '\0';
	if (who[0] && s->state == SS_TALK)
		answered_by(s, span_z(who));
}

void tooling_transfer_failed(struct session *s, struct span status)
{
	struct buf text = BUF_BOUND(256);

	buf_printf(&text, "[The transfer failed: %.*s. The caller is back with you. Say so, and offer what else you can do.]", SPAN_ARG(span_head(status, 40)));
	session_note(s, "transfer.failed", SPAN_NONE, SPAN_NONE, status, NULL);
	tooling_tell(s, buf_span(&text));
	buf_fini(&text);
}

/* --- time --- */

static void after_speech(struct session *s)
{
	struct session_tools *t = &s->tool;
	int64_t now = session_now(s);

	if (!t->after_speech || (s->turn.speech && now - t->after_speech_ms < SPEECH_LONG_MS))
		return;
	t->after_speech = false;
	turn_want_unless_own(&s->turn, now + OWN_MS);
}

bool tooling_busy(const struct session *s)
{
	return tools_busy(&s->tool.tools) || mcp_busy(s);
}

static bool model_is_busy(const struct session *s)
{
	return s->turn.active[0] || s->turn.asked != TURN_NOTHING || s->turn.wanted != TURN_NOTHING || s->tool.filler_ms ||
	       s->tool.after_speech || (s->tool.answer_later && s->tool.ending.kind != ENDING_DIGITS);      /* keys come before that answer */
}

static void act(struct session *s)
{
	struct session_tools *t = &s->tool;
	enum ending_kind kind = t->ending.kind;

	t->ending.kind = ENDING_NONE;
	if (kind == ENDING_HANGUP)
		session_end(s, t->ending.reason, "hangup", NULL);
	else
		session_away(s, kind == ENDING_TRANSFER ? "transfer" : "digits");
}

void tooling_tick(struct session *s)
{
	struct session_tools *t = &s->tool;
	int64_t now = session_now(s);
	bool unheard = playback_unheard(&s->play, now);
	struct ending_now n = { .busy = model_is_busy(s) || tooling_busy(s) || barge_in_doubt(&s->barge, now), .unheard = unheard,
				.end_ms = playback_end_ms(&s->play), .now_ms = now };

	if (t->mailbox_ms && now - t->mailbox_ms >= MAILBOX_MS) {
		session_end(s, END_AGENT_ENDED, "hangup", NULL);
		return;
	}
	if (t->filler_ms && now - t->filler_ms >= FILLER_MS)
		filler_gone(t);
	if (keypad_window_tick(&t->keys, now))
		window_over(s);
	tools_tick(&t->tools, upstream_ready(&s->up) && !model_is_busy(s) && !s->turn.speech && !unheard && t->ending.kind == ENDING_NONE, now);
	mcp_tick(s);
	after_speech(s);
	if (tooling_busy(s))
		s->active_ms = now;
	if (s->state == SS_TALK && ending_tick(&t->ending, &n))
		act(s);
}
