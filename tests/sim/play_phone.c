/* play_phone - the simulated phone of one call, its requests handed to play_hook and its streams to play_relay. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "media-relay/door.h"
#include "phone.h"
#include "play.h"

#define OPEN_MS 5
#define KILL_MS 2000                     /* the relay's: a peer that does not take its close */

enum parcel { PARCEL_TEXT, PARCEL_CLOSE };
enum life { OPENING, OPEN, OVER };

struct play_stream {
	struct play_stream *next;
	struct play *p;
	struct ws *ws;
	enum life life;
	bool deaf, inside;               /* inside: the session has it */
	bool cut;                        /* the relay hears nothing more of it */
	int64_t open_ms, kill_ms;        /* kill_ms: of a close that is not taken; 0 = none */
	struct door door;
	struct phone_line up, down;
};

struct play_phone {
	struct phone ph;
	struct play *p;
	struct play_stream *streams;
	struct pattern_check heard;      /* numbered frames, as they were played */
	int64_t talk_ms;                 /* when the first stream was open */
};

/* The phone is the first member: whoever has a call has it all. */
static struct play_phone *of(const struct phone *ph)
{
	return (struct play_phone *)(uintptr_t)ph;
}

static struct call *the_call(const struct play *p)
{
	return &p->phone->ph.calls[0];
}

/* --- a stream --- */

static void way_send(struct ws *w, unsigned flags_and_op, struct span payload)
{
	struct play_stream *st = w->carrier;

	(void)flags_and_op;
	if (st->life == OPEN)
		line_put(&st->up, clock_us(), PARCEL_TEXT, payload);
}

static void way_close(struct ws *w, int code)
{
	struct play_stream *st = w->carrier;
	char text[16];

	snprintf(text, sizeof text, "%d", code);
	if (st->life == OPEN)
		line_put(&st->up, clock_us(), PARCEL_CLOSE, span_z(text));
}

/* The relay hears of it in its own time. */
static void way_drop(struct ws *w)
{
	struct play_stream *st = w->carrier;

	line_fini(&st->down);
	if (st->life == OPEN)
		line_put(&st->up, clock_us(), PARCEL_CLOSE, SPAN(""));
	else
		st->life = OVER;
}

static void way_deaf(struct ws *w, bool deaf)
{
	struct play_stream *st = w->carrier;

	st->deaf = deaf;
}

static const struct ws_way ws_way = { way_send, way_close, way_drop, way_deaf };

static void gone(struct play_stream *st, enum ws_end end, int code, const char *why)
{
	struct ws *w = st->ws;

	if (w->state == WS_GONE)
		return;
	w->state = WS_GONE;
	w->ops->gone(w->arg, end, code, why);
}

/* Over for both; the relay is told why, unless it knows. */
static void over(struct play_stream *st, const char *why)
{
	bool tell = st->life == OPEN && st->inside && !st->cut;

	st->life = OVER;
	if (tell)
		play_relay_caller_closed(st->p, st, why);
}

void play_stream_send(struct play_stream *st, struct span text)
{
	if (st->life == OPEN && !st->kill_ms)
		line_put(&st->down, clock_us(), PARCEL_TEXT, text);
}

size_t play_stream_waits(const struct play_stream *st)
{
	return st->deaf ? st->down.bytes.n - st->down.head : 0;
}

void play_stream_close(struct play_stream *st, unsigned code)
{
	char text[16];

	snprintf(text, sizeof text, "%u", code);
	if (st->life == OPEN && !st->kill_ms)
		line_put(&st->down, clock_us(), PARCEL_CLOSE, span_z(text));
	st->kill_ms = clock_ms() + KILL_MS;
}

/* The phone hears of it in its own time. */
void play_stream_cut(struct play_stream *st)
{
	st->cut = true;
	line_put(&st->down, clock_us(), PARCEL_CLOSE, SPAN(""));
}

static enum err way_open(struct stream *s, const struct ws_ops *ops)
{
	struct play_phone *ph = of(s->call->ph);
	struct play_stream *st = calloc(1, sizeof *st), **end = &ph->streams;

	if (!st)
		return ERR_NOMEM;
	st->p = ph->p;
	st->ws = &s->ws;
	st->open_ms = clock_ms() + OPEN_MS;
	ws_by(&s->ws, &ws_way, st, ops, s);
	while (*end)
		end = &(*end)->next;
	*end = st;
	return ERR_OK;
}

static void open_it(struct play_stream *st)
{
	if (!play_relay_up(st->p) || play_relay_idle(st->p)) {
		st->life = OVER;
		gone(st, WS_END_REFUSED, play_relay_up(st->p) ? 404 : 502, "no relay has this call");
		return;
	}
	st->life = OPEN;
	door_init(&st->door, clock_ms());
	st->ws->state = WS_OPEN;
	if (st->p->phone->talk_ms < 0)
		st->p->phone->talk_ms = clock_ms();
	st->ws->ops->open(st->ws->arg);
}

/* Outside until its `start` is good. */
static void at_the_door(struct play_stream *st, enum door_verdict v)
{
	if (v == DOOR_CHECK)
		v = door_answer(&st->door, strcmp(st->door.token, PLAY_TOKEN) == 0 && strcmp(st->door.call_sid, the_call(st->p)->sid) == 0);
	if (v == DOOR_OUT && !st->kill_ms)
		play_stream_close(st, 1008);
	if (v != DOOR_IN)
		return;
	st->inside = true;
	play_relay_start(st->p, st, span_z(st->door.stream_sid));
}

static void to_relay(struct play_stream *st, unsigned kind, struct span text)
{
	char why[16];

	if (st->cut)
		return;
	if (kind == PARCEL_TEXT && st->inside) {
		play_relay_caller_message(st->p, st, text);
	} else if (kind == PARCEL_TEXT) {
		at_the_door(st, door_message(&st->door, text));
	} else {
		span_copy(why, sizeof why, text);
		over(st, why);
		if (text.n)
			gone(st, WS_END_OURS, 1000, "");
	}
}

static void to_phone(struct play_stream *st, unsigned kind, struct span text)
{
	char why[16];
	int64_t code = 0;

	if (kind == PARCEL_TEXT) {
		if (st->ws->state == WS_OPEN || st->ws->state == WS_CLOSING)
			st->ws->ops->message(st->ws->arg, false, text);
		return;
	}
	span_copy(why, sizeof why, text);
	span_int(text, &code);
	over(st, why);
	gone(st, text.n ? WS_END_CLOSED : WS_END_BROKEN, (int)code, text.n ? "" : "the connection ended without a close frame");
}

static bool pump(struct play_stream *st, struct buf *b)
{
	unsigned kind;
	bool any = false;

	if (st->life == OPENING && clock_ms() >= st->open_ms) {
		open_it(st);
		any = true;
	}
	while (st->life == OPEN && line_take_copy(&st->up, clock_us(), &kind, b)) {
		to_relay(st, kind, buf_span(b));
		any = true;
	}
	while (st->life == OPEN && !st->deaf && line_take_copy(&st->down, clock_us(), &kind, b)) {
		to_phone(st, kind, buf_span(b));
		any = true;
	}
	return any;
}

bool play_phone_pump(struct play *p)
{
	struct buf b = BUF_INIT;
	bool any = false;

	for (struct play_stream *st = p->phone->streams; st; st = st->next)
		any = pump(st, &b) || any;
	buf_fini(&b);
	return any;
}

static void stream_tick(struct play_stream *st)
{
	if (st->life != OPEN)
		return;
	if (!st->inside)
		at_the_door(st, door_tick(&st->door, clock_ms()));
	if (st->kill_ms && clock_ms() >= st->kill_ms) {
		over(st, "1006");
		gone(st, WS_END_BROKEN, 0, "the connection ended without a close frame");
	}
}

/* --- the phone --- */

static void way_post(struct call *c, enum post_purpose purpose, const char *url, struct span form)
{
	play_hook_post(of(c->ph)->p, (int)purpose, url, form);
}

static void way_heard(struct stream *s, int64_t from_us, const uint8_t *p, size_t n)
{
	pattern_check(&of(s->call->ph)->heard, p, n, from_us);
}

static const struct phone_way way = { way_post, way_open, way_heard };

void play_phone_reply(struct play *p, int purpose, int status, const char *type, struct span body, int64_t took_us)
{
	struct http_answer a = { .status = status, .type = type ? span_z(type) : SPAN_NONE, .body = body, .us = took_us };

	phone_call_reply(the_call(p), (enum post_purpose)purpose, &a);
}

void play_phone_step(struct play *p)
{
	for (struct play_stream *st = p->phone->streams; st; st = st->next)
		stream_tick(st);
	phone_step(&p->phone->ph, clock_us());
}

bool play_phone_over(const struct play *p)
{
	return the_call(p)->state == CS_DONE;
}

int64_t play_phone_talk_ms(const struct play *p)
{
	return p->phone && p->phone->talk_ms >= 0 ? clock_ms() - p->phone->talk_ms : -1;
}

void play_phone_say(struct play *p, const char *who, const char *text)
{
	phone_say(the_call(p), who, "%s", text);
}

void play_phone_save(struct play *p)
{
	phone_call_save(the_call(p));
}

/* --- what came of it --- */

bool play_phone_ok(const struct play *p)
{
	return the_call(p)->ok;
}

static struct json_object *frames(struct jbuild *b, struct pattern_check *k)
{
	struct json_object *o = json_obj(b);

	pattern_check_end(k);
	json_set(b, o, "frames", json_int(b, (int64_t)k->frames));
	json_set(b, o, "lost", json_int(b, (int64_t)k->lost));
	json_set(b, o, "doubled", json_int(b, (int64_t)k->doubled));
	json_set(b, o, "errors", json_int(b, (int64_t)pattern_errors(k)));
	return o;
}

/* What was heard of the answer that each cut stopped, in order: the model was told the same, or nearly. */
static struct json_object *cuts(struct jbuild *b, const struct call *c)
{
	struct json_object *list = json_arr(b);
	const struct talk *t = &c->talk;

	for (size_t i = 0; i < t->n_turns; i++)
		if (t->turns[i].cleared)
			json_push(b, list, json_num(b, (double)(i ? t->turns[i - 1].heard_bytes : t->greeting_bytes) / 8));
	return list;
}

void play_phone_json(struct play *p, struct jbuild *b, struct json_object *o)
{
	struct call *c = the_call(p);

	json_set(b, o, "phone", json_object_get(c->json));
	json_set(b, o, "heard", frames(b, &p->phone->heard));
	json_set(b, o, "cuts", cuts(b, c));
}

/* --- life --- */

static char *copy(const char *z)
{
	return z ? span_dup(span_z(z)) : NULL;
}

static void conf_fill(struct play *p, struct phone_conf *c)
{
	c->save = copy(p->conf->save);
	c->save_both = copy(p->conf->save_both);
	c->delay_ms = p->file.delay_ms;
	c->jitter_ms = p->file.jitter_ms;
	c->seed = p->file.seed;
	c->limit = (double)p->file.limit_s;
	c->quiet = !p->talks;
}

/* What only a socket or a signature shows is for `offhook-sim phone`. */
static enum err playable(const struct plan *plan, struct buf *why)
{
	static const enum plan_fault_kind not_here[] = { PF_SECOND_STREAM, PF_INTRUDER, PF_WRONG_FORMAT, PF_OVERSIZE, PF_BINARY, PF_BAD_FRAME, PF_FRAGMENT, PF_FORGED,
							 PF_UNSIGNED, PF_FORGED_STREAM, PF_UNSIGNED_STREAM, PF_WRONG_SESSION };

	for (size_t i = 0; i < sizeof not_here / sizeof *not_here; i++)
		if (plan_fault_find(plan, not_here[i], 0)) {
			buf_printf(why, "phone: the fault %s needs a real socket: offhook-sim phone has one", plan_fault_name(not_here[i]));
			return ERR_VALUE;
		}
	return ERR_OK;
}

static enum err plan_take(struct play *p, struct buf *why)
{
	struct phone *ph = &p->phone->ph;
	struct plan *plan = NULL;
	struct buf text = BUF_INIT;
	enum err e = plan_make(&plan, span_z(p->file.phone ? p->file.phone : "{}"), &ph->conf, p->speech, &text);

	if (e)
		play_refuse(why, "phone", text.n ? buf_z(&text) : err_text(e));
	buf_fini(&text);
	if (!e)
		e = phone_plan_take(ph, plan);
	return e ? e : playable(plan, why);
}

enum err play_phone_new(struct play *p, struct buf *why)
{
	struct play_phone *w = calloc(1, sizeof *w);
	struct phone *ph = w ? &w->ph : NULL;
	enum err e;

	_Static_assert(offsetof(struct play_phone, ph) == 0, "of() finds it");
	if (!w)
		return ERR_NOMEM;
	p->phone = w;
	w->p = p;
	w->talk_ms = -1;
	pattern_check_init(&w->heard, 0, NULL);
	ph->way = &way;
	e = phone_conf_defaults(&ph->conf);
	if (e)
		return e;
	conf_fill(p, &ph->conf);
	ph->webhook_url = span_dup(SPAN("https://" PLAY_HOST "/api/webhook/"));
	ph->status_url = span_dup(SPAN("https://" PLAY_HOST "/api/status/"));
	ph->machine_url = span_dup(SPAN("https://" PLAY_HOST "/api/answered-by/"));
	e = plan_take(p, why);
	return e ? e : phone_calls(ph);
}

void play_phone_free(struct play_phone *w)
{
	if (!w)
		return;
	for (struct play_stream *st = w->streams, *next; st; st = next) {
		next = st->next;
		line_fini(&st->up);
		line_fini(&st->down);
		free(st);
	}
	phone_fini(&w->ph);
	free(w);
}
