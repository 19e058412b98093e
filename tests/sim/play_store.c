/* play_store - a store of one call, without a database. */
#include <stdlib.h>

#include "base/clock.h"
#include "play_store.h"

static void set_text(char **member, struct span text)
{
	char *copy = text.p ? span_dup(text) : NULL;

	free(*member);
	*member = copy;
}

static int64_t or_zero(int64_t v)
{
	return v == FIELD_NULL_INT ? 0 : v;
}

enum err play_store_new(struct play *p, struct buf *why)
{
	(void)why;
	p->store = calloc(1, sizeof *p->store);
	if (!p->store)
		return ERR_NOMEM;
	record_init(&call_type, &p->store->call);
	return ERR_OK;
}

void play_store_free(struct play_store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->turns_n; i++)
		record_fini(&turn_type, &s->turns[i]);
	for (size_t i = 0; i < s->events_n; i++)
		record_fini(&event_type, &s->events[i]);
	free(s->turns);
	free(s->events);
	record_fini(&call_type, &s->call);
	free(s);
}

/* --- the relay's --- */

void play_store_call(struct play *p, const struct call_changes *c)
{
	job_change(&p->store->call, c);
}

/* Room for one more; NULL: out of memory. */
static void *grow(void *array, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap ? 2 * *cap : 64;
	void *bigger = n < *cap ? array : realloc(array, more * size);

	if (bigger && n >= *cap)
		*cap = more;
	return bigger;
}

/* Where number `seq` is, or belongs: mostly at the end. */
#define PLACE(array, n, number) \
	size_t at = (n); \
	while (at > 0 && (array)[at - 1].seq >= (number)) \
		at--

void play_store_turn(struct play *p, const struct turn *u, struct turn *was)
{
	struct play_store *s = p->store;
	struct turn *t = grow(s->turns, s->turns_n, &s->turns_cap, sizeof *t);

	*was = (struct turn){ 0 };
	if (!t)
		return;
	s->turns = t;
	PLACE(t, s->turns_n, u->seq);
	if (at < s->turns_n && t[at].seq == u->seq) {
		*was = t[at];
	} else {
		memmove(t + at + 1, t + at, (s->turns_n - at) * sizeof *t);
		s->turns_n++;
	}
	field_copy(turn_type.fields, turn_type.fields_n, &t[at], u);
}

void play_store_event(struct play *p, const struct event *e)
{
	struct play_store *s = p->store;
	struct event *t = grow(s->events, s->events_n, &s->events_cap, sizeof *t);

	if (!t)
		return;
	s->events = t;
	PLACE(t, s->events_n, e->seq);
	if (at < s->events_n && t[at].seq == e->seq) {
		record_fini(&event_type, &t[at]);
	} else {
		memmove(t + at + 1, t + at, (s->events_n - at) * sizeof *t);
		s->events_n++;
	}
	field_copy(event_type.fields, event_type.fields_n, &t[at], e);
}

/* --- the webhooks' --- */

void play_store_begin(struct play *p, struct span call_sid, struct span from, struct span to, struct span direction)
{
	struct call *c = &p->store->call;

	if (c->session_id)
		return;
	set_text(&c->session_id, SPAN(PLAY_SESSION));
	set_text(&c->twilio_call_sid, call_sid);
	set_text(&c->caller_number, from);
	set_text(&c->called_number, to);
	set_text(&c->direction, direction);
	set_text(&c->status, SPAN("started"));
	c->started_at = clock_wall_ms();
}

static void note_failure(struct call *c, struct span dialled)
{
	struct buf b = BUF_INIT;

	buf_addz(&b, "{\"failed\":\"");
	json_escape(&b, span_head(dialled, 32));
	buf_addz(&b, "\"}");
	set_text(&c->handover, buf_span(&b));
	buf_fini(&b);
}

void play_store_connects(struct play *p, bool counts, bool known, bool once, struct span dialled)
{
	struct call *c = &p->store->call;

	c->resumes = or_zero(c->resumes) + counts;
	if (!known) {
		set_text(&c->resume, SPAN_NONE);
		if (c->ended_at != FIELD_NULL_INT) {
			set_text(&c->status, SPAN("connected"));
			set_text(&c->end_reason, SPAN_NONE);
			c->ended_at = c->duration_seconds = FIELD_NULL_INT;
		}
		if (dialled.n)
			note_failure(c, dialled);
	}
	if (once)
		set_text(&c->resume, SPAN("resume"));
}

void play_store_give_up(struct play *p, const char *end_reason, bool error)
{
	struct call *c = &p->store->call;

	if (c->ended_at != FIELD_NULL_INT || !end_reason)
		return;
	set_text(&c->status, error ? SPAN("error") : SPAN("ended"));
	set_text(&c->end_reason, span_z(end_reason));
	c->ended_at = clock_wall_ms();
	c->duration_seconds = c->started_at == FIELD_NULL_INT ? FIELD_NULL_INT : (c->ended_at - c->started_at + 500) / 1000;
}

/* --- what came of it --- */

static const char *const hidden[] = {
	"twilio_stream_sid", "account", "agent", "agent_version", "twilio_status", "recording", "turn_seq", "event_seq", "relay", "handover", "twilio_seq", "streams",
};

static bool shown(const char *name)
{
	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
		if (strcmp(hidden[i], name) == 0)
			return false;
	return true;
}

static struct json_object *call_object(struct jbuild *b, const struct call *c)
{
	struct json_object *o = json_obj(b);

	for (size_t i = 0; i < call_type.fields_n; i++)
		if (shown(call_type.fields[i].name))
			json_set(b, o, call_type.fields[i].name, field_get_json(&call_type.fields[i], c));
	return o;
}

static struct json_object *turns(struct jbuild *b, const struct play_store *s)
{
	struct json_object *list = json_arr(b), *o;

	for (size_t i = 0; i < s->turns_n; i++)
		if (turn_json(&s->turns[i], &o) == ERR_OK)
			json_push(b, list, o);
	return list;
}

static void count(struct jbuild *b, struct json_object *counts, const char *type)
{
	int64_t n = 0;

	json_get_int(counts, type, &n);
	json_set(b, counts, type, json_int(b, n + 1));
}

void play_store_json(struct play *p, struct jbuild *b, struct json_object *o)
{
	const struct play_store *s = p->store;
	struct json_object *events = json_arr(b), *counts = json_obj(b), *e;

	for (size_t i = 0; i < s->events_n; i++) {
		count(b, counts, s->events[i].event_type);
		if (event_json(SPAN(PLAY_SESSION), &s->events[i], &e) == ERR_OK)
			json_push(b, events, e);
	}
	json_set(b, o, "call", call_object(b, &s->call));
	json_set(b, o, "transcript", turns(b, s));
	json_set(b, o, "counts", counts);
	json_set(b, o, "events", events);
}
