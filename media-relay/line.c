/* line - a call in the hands of its worker: what the session asks for is recorded or passed on, what happens is told to it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "media-relay/worker_io.h"

/* --- the table --- */

static struct line **slot(struct worker *w, const uint8_t id[16])
{
	uint32_t h;

	memcpy(&h, id + 12, sizeof h);           /* random in a version 4 UUID; worker_of() uses other bytes */
	return &w->slots[h % LINE_SLOTS];
}

struct line *line_find(struct worker *w, const uint8_t id[16])
{
	for (struct line *l = *slot(w, id); l; l = l->slot_next)
		if (!l->gone && memcmp(l->id, id, 16) == 0)
			return l;
	return NULL;
}

static void link_in(struct line *l)
{
	struct worker *w = l->w;
	struct line **s = slot(w, l->id);

	l->slot_next = *s;
	*s = l;
	l->next = w->lines;
	if (l->next)
		l->next->prev = l;
	w->lines = l;
	w->lines_n++;
}

static void link_out(struct line *l)
{
	struct worker *w = l->w;
	struct line **s = slot(w, l->id);

	while (*s != l)
		s = &(*s)->slot_next;
	*s = l->slot_next;
	*(l->prev ? &l->prev->next : &w->lines) = l->next;
	if (l->next)
		l->next->prev = l->prev;
	w->lines_n--;
}

/* --- events --- */

void names_enter(struct names *n, const uint8_t session_id[16], const char *call_sid)
{
	uuid_text(n->id, session_id);
	n->session = (struct log_ctx){ "session", n->id, NULL };
	n->call = (struct log_ctx){ "call", call_sid && *call_sid ? call_sid : NULL, NULL };
	log_enter(&n->session);
	if (n->call.value)
		log_enter(&n->call);
}

void names_leave(struct names *n)
{
	if (n->call.value)
		log_leave(&n->call);
	log_leave(&n->session);
}

/* A call's CallSid may become known inside: the line keeps the bytes in their place. */
void line_event(struct line *l, enum session_ev ev, struct span data)
{
	struct names n;

	if (l->gone || !l->session)
		return;
	names_enter(&n, l->id, l->call_sid);
	session_event(l->session, ev, data);
	names_leave(&n);
}

void line_work(struct line *l)
{
	if (!l->has_work) {
		l->has_work = true;
		l->work_next = l->w->work;
		l->w->work = l;
	}
	worker_soon(l->w);
}

void line_late(struct line *l, enum session_leg leg, const char *why)
{
	snprintf(l->late[leg], sizeof l->late[leg], "%s", why);
	l->is_late[leg] = true;
	line_work(l);
}

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
	struct line *l = ctx;

	store_load(l->w->pool->store, l->id, l->tag, worker_store_answer, l->w);
}

/* Totals of a call that came back contain what an earlier session of it has counted already. */
static void outcome_count(struct line *l, const struct call_changes *c)
{
	int64_t tokens[METRICS_TOKENS];

	for (size_t i = 0; i < METRICS_TOKENS; i++)
		tokens[i] = c->usage[i] == FIELD_NULL_INT ? 0 : c->usage[i] - l->usage_before[i];
	metrics_usage(l->w->metrics, tokens, isnan(c->cost) ? 0 : c->cost - l->cost_before);
	for (size_t i = 0; i < METRICS_TOKENS; i++)
		l->usage_before[i] += tokens[i];         /* a call that is handed over has another outcome later */
	l->cost_before = isnan(c->cost) ? l->cost_before : c->cost;
	if (c->ended_at != FIELD_NULL_INT)
		l->ended_at = c->ended_at;
}

static void op_save_call(void *ctx, const struct call_changes *c, bool outcome)
{
	struct line *l = ctx;

	if (outcome)
		outcome_count(l, c);
	store_save_call(l->w->pool->store, l->id, l->tag, c, outcome, worker_store_answer, l->w);
}

static void op_save_turn(void *ctx, const struct turn *u)
{
	struct line *l = ctx;

	store_save_turn(l->w->pool->store, l->id, u);
}

static void op_save_event(void *ctx, const struct event *e)
{
	struct line *l = ctx;

	store_save_event(l->w->pool->store, l->id, e);
}

static void op_http(void *ctx, const struct setup *setup, const struct tool *t, uint64_t ticket, struct span arguments)
{
	struct line *l = ctx;
	struct http_ask a = {
		.tag = l->tag, .ticket = ticket, .tool = t, .arguments = arguments, .session_id = span_z(l->id_text), .call_sid = span_z(l->call_sid),
		.caller_number = span_z(setup->caller_number), .called_number = span_z(setup->called_number), .agent = span_z(setup->agent_name),
		.deliver = worker_http_answer, .worker = l->w,
	};

	memcpy(a.id, l->id, sizeof a.id);
	if (l->w->pool->http)
		http_tools_ask(l->w->pool->http, &a);
}

static void op_tool(void *ctx, const char *name, uint64_t us)
{
	struct line *l = ctx;

	metrics_tool(l->w->metrics, name, us);
}

static void op_dial(void *ctx, enum session_leg leg, const struct upstream *u)
{
	model_dial(ctx, leg, u);
}

static void op_promote(void *ctx)
{
	model_promote(ctx);
}

static char *op_reserve(void *ctx, enum session_leg leg, size_t n)
{
	struct line *l = ctx;

	return l->leg[leg] ? leg_reserve(l->leg[leg], n) : NULL;
}

static void op_commit(void *ctx, enum session_leg leg, size_t n)
{
	struct line *l = ctx;

	if (l->leg[leg])
		leg_commit(l->leg[leg], n);
}

static void op_close(void *ctx, enum session_leg leg, uint16_t code, struct span reason)
{
	struct line *l = ctx;

	if (l->leg[leg])
		leg_close(l->leg[leg], code, reason);
}

static void op_pause(void *ctx, enum session_leg leg, bool on)
{
	struct line *l = ctx;

	if (l->leg[leg])
		leg_pause(l->leg[leg], on);
}

static enum err op_tape_open(void *ctx, struct span path)
{
	struct line *l = ctx;

	return l->w->pool->recorder ? reel_open(&l->reel, l->w->pool->recorder, path) : ERR_DOWN;
}

static uint8_t *op_tape_room(void *ctx, enum err *why)
{
	struct line *l = ctx;

	return reel_room(l->reel, why);
}

static void op_tape_put(void *ctx, uint64_t at, size_t n)
{
	struct line *l = ctx;

	reel_put(l->reel, at, n);
}

static void op_tape_close(void *ctx)
{
	struct line *l = ctx;

	reel_close(l->reel);
	l->reel = NULL;
}

static void op_gone(void *ctx, enum end_reason r)
{
	struct line *l = ctx;

	l->gone = true;
	l->end = r;
	worker_soon(l->w);
}

static void op_count(void *ctx, int metric, uint64_t n)
{
	struct line *l = ctx;

	metrics_count(l->w->metrics, metric, n);
}

static void op_observe(void *ctx, int metric, uint64_t us)
{
	struct line *l = ctx;

	metrics_observe(l->w->metrics, metric, us);
}

const struct session_ops line_ops = {
	.now_ms = op_now, .wall_ms = op_wall, .load = op_load, .save_call = op_save_call, .save_turn = op_save_turn, .save_event = op_save_event,
	.http = op_http, .dial = op_dial, .promote = op_promote, .reserve = op_reserve, .commit = op_commit, .close = op_close, .pause = op_pause, .gone = op_gone,
	.tape_open = op_tape_open, .tape_room = op_tape_room, .tape_put = op_tape_put, .tape_close = op_tape_close,
	.metrics = { op_count, op_observe, op_tool },
};

/* --- life --- */

enum err line_new(struct line **out, struct worker *w, const uint8_t id[16], bool again)
{
	struct line *l = calloc(1, sizeof *l);
	struct names n;
	enum err e;

	if (!l)
		return ERR_NOMEM;
	l->w = w;
	l->tag = ++w->tags;
	l->started_at = clock_wall_ms();
	l->ended_at = FIELD_NULL_INT;
	memcpy(l->id, id, 16);
	uuid_text(l->id_text, id);
	link_in(l);
	names_enter(&n, id, NULL);
	e = session_new(&l->session, &w->ops, l, span_z(l->id_text), again);
	names_leave(&n);
	if (!e) {
		*out = l;
		return ERR_OK;
	}
	link_out(l);
	free(l);
	return e;
}

static void farewell(struct line *l)
{
	int64_t end = l->ended_at == FIELD_NULL_INT ? clock_wall_ms() : l->ended_at;
	const char *sid = *l->call_sid ? l->call_sid : "-";
	struct session_view v;

	session_view(l->session, &v);
	if (l->end == END_NONE || strcmp(v.resume, "resume") == 0)       /* it goes on elsewhere */
		return;
	metrics_ended(l->w->metrics, l->end);
	pool_notify(l->w->pool, "ended session=%s call=%s reason=%s seconds=%lld", l->id_text, sid, end_text(l->end),
		    (long long)((end - l->started_at + 500) / 1000));
}

/* The session asks for nothing more. A leg that is left over, which its promise forbids, is cut off. */
void line_free(struct line *l)
{
	struct worker *w = l->w;

	announce_answer(l, "database");
	for (int i = 0; i < LEGS; i++) {
		if (!l->leg[i])
			continue;
		l->leg[i]->line = NULL;
		l->leg[i]->up = NULL;
		leg_kill(l->leg[i]);
	}
	for (struct line **p = &w->work; l->has_work && *p; p = &(*p)->work_next)
		if (*p == l) {
			*p = l->work_next;
			break;
		}
	farewell(l);
	link_out(l);
	session_free(l->session);
	reel_close(l->reel);
	if (l->auth_token)
		OPENSSL_cleanse(l->auth_token, strlen(l->auth_token));
	free(l->auth_token);
	free(l);
	pool_leave(w->pool);
}

/* --- the store's answers --- */

static const char *refusal(enum err e)
{
	return e == ERR_VALUE ? "no_model" : "database";
}

static void setup_failed(struct line *l, const struct store_answer *a)
{
	struct names n;

	names_enter(&n, l->id, l->call_sid);
	log_warn("call.no_record", "error=%s why=%s", err_name(a->err), log_q(span_z(a->why)));
	names_leave(&n);
	announce_answer(l, refusal(a->err));
	line_event(l, EV_NO_RECORD, span_z(a->why));
}

void line_setup(struct line *l, struct store_answer *a)
{
	if (l->loaded || l->gone) {
		setup_free(a->setup);
		return;
	}
	if (a->err) {
		setup_failed(l, a);
		return;
	}
	l->loaded = true;
	span_copy(l->call_sid, sizeof l->call_sid, span_z(a->setup->call_sid));
	l->started_at = a->setup->started_at;
	memcpy(l->usage_before, a->setup->usage, sizeof l->usage_before);
	l->cost_before = a->setup->cost;
	free(l->auth_token);
	l->auth_token = a->setup->twilio_auth_token;      /* the worker's: sessions check no signatures */
	a->setup->twilio_auth_token = NULL;
	session_take_setup(l->session, a->setup);
	announce_answer(l, NULL);
	line_event(l, EV_RECORD, SPAN_NONE);
}

void line_tick(struct line *l, int64_t now_ms)
{
	static const enum session_ev closed[LEGS] = { EV_CALLER_CLOSED, EV_MODEL_CLOSED, EV_NEXT_CLOSED };

	for (int i = 0; i < LEGS; i++) {
		if (!l->is_late[i])
			continue;
		l->is_late[i] = false;
		line_event(l, closed[i], span_z(l->late[i]));
	}
	announce_tick(l, now_ms);
}
