/* session_model - the connection to the model, from the first dial to the last close, and when the model is asked to speak. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "media-relay/session_impl.h"

const struct upstream *model_upstream(const struct session *s)
{
	return &s->setup->upstreams[upstream_which(&s->up)];
}

/* --- sending --- */

struct span model_event_id(struct session *s, char kind, char room[16])
{
	int n = snprintf(room, 16, "%c%u", kind, ++s->events % 1000000000u);

	return span_of(room, (size_t)n);
}

void model_send(struct session *s, struct span msg)
{
	char *room = s->choked ? NULL : s->ops.reserve(s->ctx, LEG_MODEL, msg.n);

	if (!room) {
		s->choked = true;
		return;
	}
	memcpy(room, msg.p, msg.n);
	s->ops.commit(s->ctx, LEG_MODEL, msg.n);
}

void model_send_buf(struct session *s, struct buf *msg)
{
	if (msg->err)
		s->choked = true;
	else
		model_send(s, buf_span(msg));
	buf_fini(msg);
}

/* --- the connection --- */

void model_keep_why(struct session *s, struct span why)
{
	span_copy(s->why, sizeof s->why, span_head(why, sizeof s->why - 1));
}

static void model_ready(struct session *s);

static void configure(struct session *s)
{
	model_send(s, span_z(model_upstream(s)->session_update));
	upstream_event(&s->up, UE_SENT, session_now(s));
}

static void dial(struct session *s)
{
	log_info("model.dial", "upstream=%u try=%u", upstream_which(&s->up), s->up.tries);
	s->model_open = true;
	s->model_closing = s->choked = false;
	s->bad_model_row = 0;
	s->ops.dial(s->ctx, LEG_MODEL, model_upstream(s));
}

static void hang_up(struct session *s)
{
	if (s->model_open && !s->model_closing)
		s->ops.close(s->ctx, LEG_MODEL, 1000, SPAN(""));
	s->model_closing = s->model_open;
}

/* For good: a caller who is there gets the fallback; one who is to come may find a model that answers again. */
static void failed(struct session *s)
{
	hang_up(s);
	log_error("model.failed", "why=%s", log_q(span_z(s->why)));
	session_note(s, "model.failed", SPAN_NONE, SPAN_NONE, span_z(s->why), NULL);
	if (s->state == SS_TALK)
		session_end(s, END_MODEL_FAILED, "fallback", s->why);
}

void model_act(struct session *s, enum upstream_act a)
{
	switch (a) {
	case UA_NONE:      break;
	case UA_DIAL:      dial(s); break;
	case UA_CONFIGURE: configure(s); break;
	case UA_READY:     model_ready(s); break;
	case UA_CLOSE:     hang_up(s); break;
	case UA_FAILED:    failed(s); break;
	}
}

void model_want(struct session *s)
{
	if (s->up.state == US_FAILED && s->up.hopeless && s->state == SS_TALK)
		session_end(s, END_MODEL_FAILED, "fallback", s->why);
	else
		model_act(s, upstream_event(&s->up, UE_WANT, session_now(s)));
}

/* The greeting goes with the connection that spoke it, unless somebody has heard of it. */
static void forget_unheard_greeting(struct session *s)
{
	if (s->greeting != GREETING_ASKED && !(s->greeting == GREETING_BEGUN && !s->ever_streamed))
		return;
	playback_forget(&s->play);
	transcript_forget_answers(&s->script);
	s->greeting = GREETING_DUE;
	s->turn.wanted = TURN_NOTHING;
	s->attach.need = AN_NOTHING;
}

static void connection_over(struct session *s)
{
	attach_session_lost(s);
	uplink_ready(&s->uplink, false);
	barge_session_forget(s);
	playback_all_done(&s->play);
	turn_connection_lost(&s->turn);
	tooling_connection_lost(s);
	s->answer_item[0] = '\0';
	forget_unheard_greeting(s);
	transcript_no_more_words(&s->script);
}

void model_drop(struct session *s)
{
	connection_over(s);
	next_drop(s);
	model_act(s, upstream_event(&s->up, UE_DROP, session_now(s)));
	hang_up(s);
}

static void change(struct session *s)
{
	connection_over(s);
	next_take(s);
	model_ready(s);
}

void model_lost(struct session *s, enum upstream_ev ev, struct span why)
{
	if (upstream_ready(&s->up)) {
		s->lost_how = ev == UE_EXPIRED ? M_RECONNECT_EXPIRED : M_RECONNECT_DROP;
		session_note(s, "model.lost", SPAN_NONE, SPAN_NONE, why, NULL);
	} else {
		session_note(s, "model.dial_failed", SPAN_NONE, SPAN_NONE, why, "{\"upstream\":%u,\"try\":%u}", upstream_which(&s->up), s->up.tries);
	}
	log_warn("model.lost", "state=%s why=%s", upstream_state_name(s->up.state), log_q(why));
	model_keep_why(s, why);
	s->choked = false;
	if (upstream_ready(&s->up) && next_ready(s)) {
		change(s);
		return;
	}
	next_drop(s);
	connection_over(s);
	model_act(s, upstream_event(&s->up, ev, session_now(s)));
}

void model_change(struct session *s)
{
	s->lost_how = M_RECONNECT_EXPIRED;
	session_note(s, "model.changed", SPAN_NONE, SPAN_NONE, SPAN_NONE, NULL);
	log_info("model.changed", NULL);
	change(s);
}

void model_choked(struct session *s)
{
	if (s->choked && s->setup && s->state >= SS_WAIT && s->state <= SS_LOST)
		model_lost(s, UE_BROKEN, SPAN("the model does not take what we send"));
	s->choked = false;
}

static void closed(struct session *s, struct span reason)
{
	static const enum upstream_ev events[] = {
		[RF_HARMLESS] = UE_BROKEN, [RF_DROPPED] = UE_BROKEN, [RF_EXPIRED] = UE_EXPIRED, [RF_HOPELESS] = UE_HOPELESS,
	};

	s->model_open = s->model_closing = false;
	if (s->up.state != US_BACKOFF && s->up.state != US_DOWN && s->up.state != US_FAILED)
		model_lost(s, events[realtime_fault_closed(reason)], reason);
}

/* --- asking it to speak --- */

static void ask(struct session *s, enum turn_ask what)
{
	struct buf msg = BUF_INIT;
	char id[16];

	attach_session_amend(s);
	if (what == TURN_GREETING) {
		s->greeting = s->greeting == GREETING_DUE ? GREETING_ASKED : s->greeting;
		model_send(s, span_z(s->setup->greeting_create));
		return;
	}
	if (what == TURN_SAY) {
		model_send(s, span_z(s->setup->notices[s->say]));
		return;
	}
	if (what == TURN_CONTINUE && model_upstream(s)->continue_create) {
		model_send(s, span_z(model_upstream(s)->continue_create));
		return;
	}
	realtime_create(&msg, model_event_id(s, 'r', id));
	model_send_buf(s, &msg);
}

void model_ask_next(struct session *s)
{
	enum turn_ask what = upstream_ready(&s->up) && !tooling_holds(s) ? turn_next(&s->turn, session_now(s)) : TURN_NOTHING;

	if (what != TURN_NOTHING)
		ask(s, what);
}

static void count_reconnect(struct session *s)
{
	bool other = s->ready_which != upstream_which(&s->up);

	s->script.reconnects++;
	session_count(s, other ? M_RECONNECT_FALLBACK : s->lost_how, 1);
	session_save_numbers(s);
}

static void model_ready(struct session *s)
{
	const char *update = model_upstream(s)->greeted_update;
	bool again;

	session_observe_ms(s, M_CONNECT, s->up.ready_ms - s->up.dialled_ms);
	session_note(s, "model.connected", SPAN_NONE, SPAN_NONE, SPAN_NONE, "{\"upstream\":%u,\"ms\":%lld}", upstream_which(&s->up),
	             (long long)(session_now(s) - s->up.dialled_ms));
	log_info("model.ready", "upstream=%u ms=%lld", upstream_which(&s->up), (long long)(session_now(s) - s->up.dialled_ms));
	if (s->was_ready && s->ever_streamed)
		count_reconnect(s);
	again = s->was_ready || s->setup->past_n > 0 || s->setup->words_lost;
	s->was_ready = true;
	s->ready_which = upstream_which(&s->up);
	next_begin(s);
	if (update && !s->turn.greeting_protected)
		model_send(s, span_z(update));
	if (again)
		attach_session_found(s);
	if (s->greeting == GREETING_DUE)
		turn_want(&s->turn, TURN_GREETING, session_now(s));
	model_ask_next(s);
	uplink_ready(&s->uplink, true);
	caller_keys_flush(s);
	tooling_flush(s);
}

/* --- events --- */

void model_event(struct session *s, enum session_ev ev, struct span data)
{
	switch (ev) {
	case EV_MODEL_MESSAGE:
		if (s->up.state != US_BACKOFF && s->up.state != US_DOWN && s->up.state != US_FAILED)
			model_message(s, data);
		break;
	case EV_MODEL_CLOSED:   closed(s, data); break;
	case EV_MODEL_WRITABLE: uplink_flush(&s->uplink); break;
	case EV_NEXT_MESSAGE:
	case EV_NEXT_CLOSED:    next_event(s, ev, data); break;
	default: break;             /* EV_MODEL_OPEN: session.created tells that it is really there */
	}
}

void model_tick(struct session *s)
{
	model_act(s, upstream_tick(&s->up, session_now(s)));
	if (!upstream_ready(&s->up))
		return;
	if (turn_stuck(&s->turn, session_now(s))) {
		model_lost(s, UE_BROKEN, SPAN("the model does not answer"));
		return;
	}
	attach_session_tick(s);
	model_ask_next(s);
	next_tick(s);
}
