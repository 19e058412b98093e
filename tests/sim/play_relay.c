/*
 * play_relay - a relay of one call: what worker and line do, with the real session, and neither sockets nor threads. It can be killed and replaced; the next one
 * knows of the call what the store has.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "media-relay/tools.h"
#include "play_relay.h"

#define TICK_MS      20
#define CALLER_ROOM  ((size_t)128 << 10)      /* queues of the legs, as in worker_io.h */
#define MODEL_ROOM   ((size_t)64 << 10)

/* --- what the session asks for --- */

static int64_t op_now(void *ctx)
{
	(void)ctx;
	return clock_ms();
}

static int64_t op_wall(void *ctx)
{
	(void)ctx;
	return clock_wall_ms();
}

static void op_load(void *ctx)
{
	struct play *p = ctx;

	p->relay->loads = true;
}

static void op_save_call(void *ctx, const struct call_changes *c, bool outcome)
{
	struct play *p = ctx;

	play_store_call(p, c);
	p->relay->saves += outcome;
}

static const char *or_nothing(const char *z)
{
	return z ? z : "";
}

/* A turn is told when it is complete, and again when more of it is known. */
static void tell_turn(struct play *p, const struct turn *u, const struct turn *was)
{
	bool done = u->completed_at != FIELD_NULL_INT, cut = u->interrupted;

	if (!done || (was->completed_at != FIELD_NULL_INT && was->interrupted == cut && strcmp(or_nothing(was->text), or_nothing(u->text)) == 0))
		return;
	if (u->tool)
		play_say(p, "record", "tool: %s", u->tool);
	else if (cut)
		play_say(p, "record", "%s: \"%s\" - cut, %lld ms of it were heard", u->role, or_nothing(u->text), (long long)u->heard_ms);
	else
		play_say(p, "record", "%s: \"%s\"", u->role, or_nothing(u->text));
}

static void op_save_turn(void *ctx, const struct turn *u)
{
	struct play *p = ctx;
	struct turn was;

	play_store_turn(p, u, &was);
	tell_turn(p, u, &was);
	record_fini(&turn_type, &was);
}

static void op_save_event(void *ctx, const struct event *e)
{
	struct play *p = ctx;

	play_store_event(p, e);
	play_say(p, "relay", "%s%s%s%s%s", e->event_type, e->payload ? " " : "", or_nothing(e->payload), e->error ? ": " : "", or_nothing(e->error));
}

static struct reply *reply_of(struct play_relay *r, const char *tool)
{
	for (size_t i = 0; i < r->tools_n; i++) {
		struct hand *h = &r->hands[i];

		if (strcmp(r->tools[i].name, tool) == 0)
			return &h->replies[h->next + 1 < h->n ? h->next++ : h->n - 1];
	}
	return NULL;
}

/* As http_tool: one that is later than the tool's limit is told so at the limit. */
static void op_http(void *ctx, const struct setup *setup, const struct tool *t, uint64_t ticket, struct span arguments)
{
	struct play *p = ctx;
	const struct reply *a = reply_of(p->relay, t->name);
	struct ask *k = a ? calloc(1, sizeof *k) : NULL;
	bool late = a && a->ms >= t->timeout_ms;

	(void)setup;
	(void)arguments;
	if (!k)
		return;
	*k = (struct ask){ .next = p->relay->asks, .ticket = ticket, .due_ms = clock_ms() + (late ? t->timeout_ms : a->ms), .status = a->status,
			   .error = late ? "the tool did not answer in time" : a->error, .body = span_dup(span_z(a->body)) };
	p->relay->asks = k;
}

static void op_dial(void *ctx, enum session_leg leg, const struct upstream *u)
{
	struct play *p = ctx;
	struct play_relay *r = p->relay;

	if (r->leg[leg])
		play_conn_cut(r->leg[leg]);
	play_say(p, "relay", "dials %s at %s", u->model, u->host);
	r->starved[leg] = false;
	r->leg[leg] = play_conn_dial(p, u->model);
}

static void op_promote(void *ctx)
{
	struct play *p = ctx;
	struct play_relay *r = p->relay;

	if (r->leg[LEG_MODEL])
		play_conn_cut(r->leg[LEG_MODEL]);
	r->leg[LEG_MODEL] = r->leg[LEG_NEXT];
	r->leg[LEG_NEXT] = NULL;
	r->starved[LEG_MODEL] = r->starved[LEG_NEXT];
}

/* 0: there is no such leg. */
static size_t room_of(const struct play_relay *r, enum session_leg leg)
{
	size_t cap = leg == LEG_CALLER ? CALLER_ROOM : MODEL_ROOM, waits;

	if (leg == LEG_CALLER ? !r->caller : !r->leg[leg])
		return 0;
	waits = leg == LEG_CALLER ? play_stream_waits(r->caller) : play_conn_waits(r->leg[leg]);
	if (waits == 0)
		return SIZE_MAX;                 /* one may be bigger than the queue */
	return waits < cap ? cap - waits : 0;
}

static char *op_reserve(void *ctx, enum session_leg leg, size_t n)
{
	struct play *p = ctx;
	struct play_relay *r = p->relay;

	if (n > room_of(r, leg)) {
		r->starved[leg] = true;
		return NULL;
	}
	buf_reset(&r->room[leg]);
	return buf_room(&r->room[leg], n);
}

static void op_commit(void *ctx, enum session_leg leg, size_t n)
{
	struct play *p = ctx;
	struct play_relay *r = p->relay;

	if (n == 0)
		return;
	buf_wrote(&r->room[leg], n);
	if (leg == LEG_CALLER && r->caller)
		play_stream_send(r->caller, buf_span(&r->room[leg]));
	else if (leg != LEG_CALLER && r->leg[leg])
		play_conn_send(r->leg[leg], buf_span(&r->room[leg]));
}

static void op_close(void *ctx, enum session_leg leg, uint16_t code, struct span reason)
{
	struct play *p = ctx;
	struct play_relay *r = p->relay;

	(void)reason;
	if (leg == LEG_CALLER && r->caller)
		play_stream_close(r->caller, code);
	else if (leg != LEG_CALLER && r->leg[leg])
		play_conn_close(r->leg[leg]);
}

/* The other side is never read faster than it speaks. */
static void op_pause(void *ctx, enum session_leg leg, bool on)
{
	(void)ctx;
	(void)leg;
	(void)on;
}

static void op_gone(void *ctx, enum end_reason end)
{
	struct play *p = ctx;

	(void)end;
	p->relay->gone = true;
}

static const struct session_ops ops = {
	.now_ms = op_now, .wall_ms = op_wall, .load = op_load, .save_call = op_save_call, .save_turn = op_save_turn, .save_event = op_save_event, .http = op_http,
	.dial = op_dial, .promote = op_promote, .reserve = op_reserve, .commit = op_commit, .close = op_close, .pause = op_pause, .gone = op_gone,
};

/* --- what happens to it --- */

static void event(struct play *p, enum session_ev ev, struct span data)
{
	if (p->relay->session && !p->relay->gone)
		session_event(p->relay->session, ev, data);
}

void play_relay_start(struct play *p, struct play_stream *st, struct span stream_sid)
{
	struct play_relay *r = p->relay;

	if (r->caller && r->caller != st)
		play_stream_cut(r->caller);
	r->caller = st;
	r->starved[LEG_CALLER] = false;
	event(p, EV_CALLER_START, stream_sid);
}

void play_relay_caller_message(struct play *p, struct play_stream *st, struct span text)
{
	if (p->relay->caller == st)
		event(p, EV_CALLER_MESSAGE, text);
}

void play_relay_caller_closed(struct play *p, struct play_stream *st, const char *why)
{
	if (p->relay->caller != st)
		return;
	p->relay->caller = NULL;
	event(p, EV_CALLER_CLOSED, span_z(why));
}

static bool leg_of(const struct play_relay *r, const struct play_conn *c, enum session_leg *leg)
{
	for (*leg = LEG_MODEL; *leg < LEGS; (*leg)++)
		if (r->leg[*leg] == c)
			return true;
	return false;
}

void play_relay_model_open(struct play *p, struct play_conn *c)
{
	enum session_leg leg;

	if (leg_of(p->relay, c, &leg) && leg == LEG_MODEL)
		event(p, EV_MODEL_OPEN, SPAN_NONE);
}

void play_relay_model_message(struct play *p, struct play_conn *c, struct span text)
{
	enum session_leg leg;

	if (leg_of(p->relay, c, &leg))
		event(p, leg == LEG_NEXT ? EV_NEXT_MESSAGE : EV_MODEL_MESSAGE, text);
}

void play_relay_model_closed(struct play *p, struct play_conn *c, const char *why)
{
	enum session_leg leg;

	if (!leg_of(p->relay, c, &leg))
		return;
	p->relay->leg[leg] = NULL;
	event(p, leg == LEG_NEXT ? EV_NEXT_CLOSED : EV_MODEL_CLOSED, span_z(why));
}

/* --- its end, and the next one --- */

static void asks_drop(struct play_relay *r)
{
	while (r->asks) {
		struct ask *k = r->asks;

		r->asks = k->next;
		free(k->body);
		free(k);
	}
}

/* The session and all that it has open. */
static void let_go(struct play_relay *r)
{
	for (int i = LEG_MODEL; i < LEGS; i++)
		if (r->leg[i])
			play_conn_cut(r->leg[i]);
	memset(r->leg, 0, sizeof r->leg);
	if (r->caller)
		play_stream_cut(r->caller);
	r->caller = NULL;
	asks_drop(r);
	session_free(r->session);
	r->session = NULL;
	r->gone = r->loads = r->loaded = false;
	r->saves = 0;
}

static void happen(struct play *p, struct happening *h)
{
	struct play_relay *r = p->relay;

	h->done = true;
	play_say(p, "fault", "%s%s%s", h->what, h->word ? " " : "", or_nothing(h->word));
	switch (h->act) {
	case ACT_KILL:
		let_go(r);
		r->down = true;
		r->up_ms = clock_ms() + h->ms;
		break;
	case ACT_REPLACE: event(p, EV_SHUTDOWN, SPAN_NONE); break;
	case ACT_HANGUP:  event(p, EV_HANGUP, span_z(h->word ? h->word : "operator")); break;
	}
}

/* --- time --- */

static void answer(struct play *p, struct ask *k)
{
	struct tools_result res = { .ticket = k->ticket, .error = k->error, .status = (int)k->status, .body = span_z(or_nothing(k->body)) };

	event(p, EV_TOOL, span_of(&res, sizeof res));
	free(k->body);
	free(k);
}

/* Those asked first come first. */
static struct ask *due(struct play_relay *r)
{
	struct ask **found = NULL, *k;

	for (struct ask **at = &r->asks; *at; at = &(*at)->next)
		if ((*at)->due_ms <= clock_ms())
			found = at;
	k = found ? *found : NULL;
	if (k)
		*found = k->next;
	return k;
}

void play_relay_step(struct play *p)
{
	struct play_relay *r = p->relay;
	int64_t now = clock_ms(), talk_ms = play_phone_talk_ms(p);
	struct ask *k;

	if (r->down && now >= r->up_ms) {
		r->down = false;
		play_say(p, "relay", "the next one is there");
	}
	for (size_t i = 0; i < r->happenings_n; i++)
		if (!r->happenings[i].done && talk_ms >= r->happenings[i].at_ms)
			happen(p, &r->happenings[i]);
	while ((k = due(r)) != NULL)
		answer(p, k);
	if (now - r->tick_ms < TICK_MS)
		return;
	r->tick_ms = now;
	event(p, EV_TICK, SPAN_NONE);
}

static void load(struct play *p)
{
	struct play_relay *r = p->relay;
	const struct play_store *st = p->store;
	struct setup_given g = { .call = &st->call, .agent = &r->agent, .tools = r->tools, .tools_n = r->tools_n, .turns = st->turns, .turns_n = st->turns_n,
				 .events = st->events, .events_n = st->events_n };
	struct setup *set = NULL;
	struct buf why = BUF_INIT;
	enum err e = st->call.ended_at == FIELD_NULL_INT ? setup_from(&set, &g, &r->settings, &why) : ERR_DENIED;

	r->loads = false;
	if (e) {
		play_problem(p, "the call has no setup: %s", why.n ? buf_z(&why) : err_text(e));
		event(p, EV_NO_RECORD, buf_span(&why));
	} else {
		r->loaded = true;
		session_take_setup(r->session, set);
		event(p, EV_RECORD, SPAN_NONE);
	}
	buf_fini(&why);
}

static bool feed(struct play *p, enum session_leg leg)
{
	struct play_relay *r = p->relay;

	if (!r->starved[leg] || room_of(r, leg) < CALLER_ROOM / 4)
		return false;
	r->starved[leg] = false;
	if (leg == LEG_CALLER)
		event(p, EV_CALLER_WRITABLE, SPAN_NONE);
	else if (leg == LEG_MODEL)
		event(p, EV_MODEL_WRITABLE, SPAN_NONE);
	return true;
}

bool play_relay_pump(struct play *p)
{
	struct play_relay *r = p->relay;
	bool any = r->loads || r->saves > 0 || r->gone;

	if (r->loads)
		load(p);
	for (; r->saves; r->saves--)
		event(p, EV_OUTCOME_SAVED, SPAN_NONE);
	for (int i = 0; i < LEGS; i++)
		any = feed(p, (enum session_leg)i) || any;
	if (r->gone)
		let_go(r);
	return any;
}

bool play_relay_idle(const struct play *p)
{
	return !p->relay->session;
}

bool play_relay_up(const struct play *p)
{
	return !p->relay->down;
}

/* --- for the webhooks --- */

bool play_relay_announce(struct play *p, bool *told)
{
	struct play_relay *r = p->relay;
	bool again = p->store->call.streams > 0;

	if (r->down || r->gone)
		return false;
	if (!r->session && session_new(&r->session, &r->ops, p, SPAN(PLAY_SESSION), again))
		return false;
	if (!*told && r->loaded)
		event(p, EV_ANNOUNCED, SPAN_NONE);
	*told = true;
	return r->loaded;
}

void play_relay_verdict(const struct play *p, struct play_verdict *v)
{
	const struct call *c = &p->store->call;
	struct session_view s;

	*v = (struct play_verdict){ .known = p->relay->session && !p->relay->gone, .resume = or_nothing(c->resume), .end_reason = or_nothing(c->end_reason),
				    .over = c->ended_at != FIELD_NULL_INT, .streams = c->streams, .resumes = c->resumes, .handover = c->handover,
				    .fallback_number = p->relay->agent.fallback_number, .notice = p->relay->agent.notice };
	if (!v->known)
		return;
	session_view(p->relay->session, &s);
	v->resume = s.resume;
	v->end_reason = end_text(s.end);
}

void play_relay_returned(struct play *p, struct span dialled)
{
	event(p, EV_RETURNED, dialled);
}

void play_relay_status(struct play *p, struct span word)
{
	event(p, EV_STATUS_FINAL, word);
}

void play_relay_machine(struct play *p, struct span who)
{
	event(p, EV_MACHINE, who);
}

void play_relay_stream_error(struct play *p, struct span stream_sid, struct span text)
{
	struct session_view s;

	if (!p->relay->session)
		return;
	session_view(p->relay->session, &s);
	if (!stream_sid.n || !s.stream_sid.n || span_eq(stream_sid, s.stream_sid))
		event(p, EV_STREAM_ERROR, text);
}

void play_relay_hang_up(struct play *p, const char *reason)
{
	event(p, EV_HANGUP, span_z(reason));
}

/* --- life --- */

enum err play_relay_new(struct play *p, struct buf *why)
{
	struct play_relay *r = calloc(1, sizeof *r);

	if (!r)
		return ERR_NOMEM;
	p->relay = r;
	r->ops = ops;
	record_init(&agent_type, &r->agent);
	return play_parts_read(p, why);
}

void play_relay_free(struct play_relay *r)
{
	if (!r)
		return;
	let_go(r);
	play_parts_free(r);
	for (int i = 0; i < LEGS; i++)
		buf_fini(&r->room[i]);
	free(r);
}
