/* history - what was said in a call, and what happened, as JSON. */
#include <stdlib.h>

#include "base/clock.h"
#include "history.h"
#include "store/turn.h"

struct reading {
	struct span session_id;
	struct history *out;
};

static bool keep_turn(struct turn *u, void *arg)
{
	struct history *y = arg;

	if (y->turns_n == y->turns_cap) {
		size_t cap = y->turns_cap ? 2 * y->turns_cap : 64;
		struct turn *more = cap <= HISTORY_TURNS ? realloc(y->turns, cap * sizeof *more) : NULL;

		y->nomem = !more;
		if (!more)
			return false;
		y->turns = more;
		y->turns_cap = cap;
	}
	y->turns[y->turns_n++] = *u;
	*u = (struct turn){ 0 };
	return true;
}

static bool count_event(struct event *e, void *arg)
{
	struct history *y = arg;

	(void)e;
	y->events++;
	return true;
}

void history_fini(struct history *y)
{
	for (size_t i = 0; i < y->turns_n; i++)
		record_fini(&turn_type, &y->turns[i]);
	free(y->turns);
	json_object_put(y->call_info);
	record_fini(&call_type, &y->call);
	*y = (struct history){ 0 };
}

/* The next page starts where this one ended; false when there is none. */
static bool page_on(struct page *p, struct buf *after)
{
	buf_fini(after);
	*after = p->next;
	p->next = BUF_INIT;
	p->after = buf_span(after);
	return after->n > 0;
}

static enum err read_turns(struct txn *t, struct reading *g)
{
	struct page p = { .limit = 500 };
	struct buf after = BUF_INIT;
	enum err e;

	do
		e = turn_list(t, g->session_id, &p, keep_turn, g->out);
	while (!e && !g->out->nomem && page_on(&p, &after));
	buf_fini(&after);
	buf_fini(&p.next);
	return e ? e : g->out->nomem ? ERR_NOMEM : ERR_OK;
}

static enum err count_events(struct txn *t, struct span session_id, struct history *y)
{
	struct page p = { .limit = 500 };
	struct buf after = BUF_INIT;
	enum err e;

	do
		e = event_list(t, session_id, &p, count_event, y);
	while (!e && page_on(&p, &after));
	buf_fini(&after);
	buf_fini(&p.next);
	return e;
}

static enum err history_body(struct txn *t, void *arg)
{
	struct reading *g = arg;
	enum err e;

	history_fini(g->out);
	e = call_get(t, g->session_id, &g->out->call);
	if (!e)
		e = call_json(t, &g->out->call, &g->out->call_info);
	if (!e)
		e = read_turns(t, g);
	return e ? e : count_events(t, g->session_id, g->out);
}

enum err history_read(struct hook *h, struct span session_id, struct history *out)
{
	struct reading g = { session_id, out };
	enum err e;

	*out = (struct history){ 0 };
	e = db_read(h, history_body, &g);
	if (e)
		history_fini(out);
	return e;
}

/* --- /api/conversation-history/ --- */

static struct json_object *time_json(struct jbuild *b, int64_t wall_ms)
{
	char text[TIME_TEXT];

	if (wall_ms == FIELD_NULL_INT)
		return NULL;
	time_format(text, wall_ms);
	return json_strz(b, text);
}

static void add_members(struct jbuild *b, struct json_object *to, struct json_object *from)
{
	struct json_object_iterator at, end;

	if (!json_object_is_type(from, json_type_object))
		return;
	at = json_object_iter_begin(from);
	end = json_object_iter_end(from);
	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
		json_set(b, to, json_object_iter_peek_name(&at), json_object_get(json_object_iter_peek_value(&at)));
}

/* What the five members of the document have no place for. */
static struct json_object *meta_of(struct jbuild *b, struct json_object *printed)
{
	static const char *const more[] = { "full_text", "interrupted", "heard_ms", "latency_ms", "tool" };
	struct json_object *stored = json_get(printed, "meta"), *o = json_obj(b);

	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		json_set(b, o, more[i], json_object_get(json_get(printed, more[i])));
	add_members(b, o, stored);
	return o;
}

static struct json_object *turn_entry(struct jbuild *b, const struct turn *u)
{
	static const char *const kept[] = { "role", "text", "started_at", "completed_at" };
	struct json_object *printed = NULL, *o = json_obj(b);
	enum err e = turn_json(u, &printed);

	if (e) {
		b->err = b->err ? b->err : e;
		return o;
	}
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		json_set(b, o, kept[i], json_object_get(json_get(printed, kept[i])));
	json_set(b, o, "meta", meta_of(b, printed));
	json_object_put(printed);
	return o;
}

static struct json_object *conversation(struct jbuild *b, const struct history *y)
{
	const struct call *c = &y->call;
	struct json_object *o = json_obj(b), *turns = json_arr(b);

	for (size_t i = 0; i < y->turns_n; i++)
		json_push(b, turns, turn_entry(b, &y->turns[i]));
	json_set(b, o, "id", json_strz(b, c->session_id));
	json_set(b, o, "started_at", time_json(b, c->connected_at != FIELD_NULL_INT ? c->connected_at : c->started_at));
	json_set(b, o, "ended_at", time_json(b, c->ended_at));
	json_set(b, o, "turns", turns);
	json_set(b, o, "event_count", json_int(b, y->events));
	return o;
}

void conversation_history(struct hook *h, struct request *r, struct answer *a)
{
	struct jbuild b = { 0 };
	struct json_object *o, *list;
	struct history y = { .events = 0 };
	enum err e = history_read(h, r->session_id, &y);

	if (e) {
		answer_err(a, e);
		return;
	}
	o = json_obj(&b);
	list = json_arr(&b);
	json_push(&b, list, conversation(&b, &y));
	json_set(&b, o, "session_id", json_strz(&b, y.call.session_id));
	json_set(&b, o, "call_info", json_object_get(y.call_info));
	json_set(&b, o, "conversations", list);
	history_fini(&y);
	if (b.err) {
		json_object_put(o);
		answer_err(a, b.err);
		return;
	}
	answer_json(a, 200, o);
}

/* --- /api/conversation-events/ --- */

struct events {
	struct span session_id, after;
	size_t limit;
	struct jbuild b;
	struct json_object *list;
	struct history counted;
	struct buf next;
};

static bool add_event(struct event *e, void *arg)
{
	struct events *v = arg;
	struct json_object *o = NULL;

	v->b.err = v->b.err ? v->b.err : event_json(v->session_id, e, &o);
	json_push(&v->b, v->list, o);
	return !v->b.err;
}

static void events_reset(struct events *v)
{
	json_object_put(v->list);
	buf_fini(&v->next);
	v->counted.events = 0;
	v->b = (struct jbuild){ 0 };
	v->list = json_arr(&v->b);
}

static enum err events_body(struct txn *t, void *arg)
{
	struct events *v = arg;
	struct page p = { .limit = v->limit, .after = v->after };
	struct call c = { 0 };
	enum err e = call_get(t, v->session_id, &c);

	record_fini(&call_type, &c);
	events_reset(v);
	if (!e)
		e = event_list(t, v->session_id, &p, add_event, v);
	v->next = p.next;
	if (!e)
		e = count_events(t, v->session_id, &v->counted);
	return e ? e : v->b.err;
}

/* `?limit=` is 1 to 500; absent: 50. */
static bool limit_read(const struct form *f, size_t *out)
{
	struct span s = form_get(f, "limit");
	int64_t n = 0;

	if (s.n && (!span_int(s, &n) || n < 1 || n > 500))
		return false;
	*out = (size_t)n;
	return true;
}

static void events_say(struct answer *a, struct events *v)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);

	json_set(&b, o, "session_id", json_str(&b, v->session_id));
	json_set(&b, o, "events", v->list);
	v->list = NULL;
	json_set(&b, o, "total_events", json_int(&b, v->counted.events));
	json_set(&b, o, "next", v->next.n ? json_str(&b, buf_span(&v->next)) : NULL);
	answer_json(a, 200, o);
}

void conversation_events(struct hook *h, struct request *r, struct answer *a)
{
	struct events v = { .session_id = r->session_id, .after = form_get(&r->form, "after") };
	enum err e;

	if (!v.after.n)
		v.after = SPAN_NONE;
	if (!limit_read(&r->form, &v.limit)) {
		answer_error(a, 400, "value", "limit is 1 to 500");
		return;
	}
	e = db_read(h, events_body, &v);
	if (e == ERR_VALUE)
		answer_error(a, 400, "value", "after is the `next` of the page before");
	else if (e)
		answer_err(a, e);
	else
		events_say(a, &v);
	json_object_put(v.list);
	buf_fini(&v.next);
}
