/* call_log - transcript and events of a call, as they are or as they come. */
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "call.h"
#include "explain.h"
#include "out.h"
#include "store/turn.h"

#define POLL_MS 200
#define PAGE    200

enum what { TURNS = 1, EVENTS = 2 };

struct track {                           /* turns, or events: where reading goes on */
	struct page page;
	struct buf after;
	struct json_object *rows;
	struct buf seen;                 /* while following: a byte for each number that was printed */
};

struct reader {
	struct cli *cli;
	struct span id;
	unsigned what;
	bool live;                       /* printed while they come, each once: the last page is read again and again */
	struct track turns, events;
	struct json_object *call;
	char session_id[UUID_TEXT];
	bool over;                       /* the call has ended */
	struct track *track;
	enum err err;
};

/* --- reading --- */

static bool row_take(struct reader *r, enum err e, struct json_object *o)
{
	r->err = e;
	if (!e && json_object_array_add(r->track->rows, o) != 0) {
		json_object_put(o);
		r->err = ERR_NOMEM;
	}
	return !r->err;
}

static bool was_seen(const struct reader *r, int64_t seq)
{
	return r->live && seq >= 0 && (uint64_t)seq < r->track->seen.n && r->track->seen.p[seq];
}

static bool turn_each(struct turn *u, void *arg)
{
	struct json_object *o = NULL;
	enum err e;

	if (was_seen(arg, u->seq))
		return true;
	e = turn_json(u, &o);
	if (!e)
		json_object_set_userdata(o, (void *)(uintptr_t)u->seq, NULL);
	return row_take(arg, e, o);
}

static bool event_each(struct event *ev, void *arg)
{
	struct reader *r = arg;
	struct json_object *o = NULL;
	enum err e;

	if (was_seen(r, ev->seq))
		return true;
	e = event_json(span_z(r->session_id), ev, &o);
	if (!e)
		json_object_set_userdata(o, (void *)(uintptr_t)ev->seq, NULL);
	return row_take(r, e, o);
}

static enum err track_begin(struct reader *r, struct track *k)
{
	json_object_put(k->rows);
	k->rows = json_object_new_array();
	buf_reset(&k->page.next);
	k->page.limit = PAGE;
	k->page.after = k->after.n ? buf_span(&k->after) : SPAN_NONE;
	r->track = k;
	return k->rows ? ERR_OK : ERR_NOMEM;
}

static enum err call_part(struct txn *t, struct reader *r)
{
	struct call c = { 0 };
	enum err e = call_find(t, r->id, &c);

	json_object_put(r->call);
	r->call = NULL;
	if (!e) {
		span_copy(r->session_id, sizeof r->session_id, span_z(c.session_id));
		r->over = strcmp(c.status, "ended") == 0 || strcmp(c.status, "error") == 0;
		e = call_json(t, &c, &r->call);
	}
	record_fini(&call_type, &c);
	return e;
}

/* Call first, rows second: what was written before its end is seen with it. */
static enum err read_body(struct txn *t, void *arg)
{
	struct reader *r = arg;
	struct span id;
	enum err e = call_part(t, r);

	r->err = ERR_OK;
	id = span_z(r->session_id);
	if (!e && (r->what & TURNS))
		e = track_begin(r, &r->turns) ? ERR_NOMEM : turn_list(t, id, &r->turns.page, turn_each, r);
	if (!e && !r->err && (r->what & EVENTS))
		e = track_begin(r, &r->events) ? ERR_NOMEM : event_list(t, id, &r->events.page, event_each, r);
	return e ? e : r->err;
}

/* --- printing --- */

static void time_print(struct buf *out, struct json_object *row, const char *key)
{
	struct span t = json_get_span(row, key);

	buf_add(out, t.n > 12 ? span_head(span_skip(t, 11), 12) : SPAN("            "));      /* the time of day in milliseconds */
}

static void turn_print(struct buf *out, struct json_object *o)
{
	struct span text = json_get_span(o, "text"), role = json_get_span(o, "role");
	bool cut = false;

	time_print(out, o, "started_at");
	buf_printf(out, "  %-9.*s  ", SPAN_ARG(role));
	if (text.n)
		out_text(out, text, " ");
	else if (json_get(o, "tool"))
		out_value(out, json_get(o, "tool"));
	if (json_get_bool(o, "interrupted", &cut) && cut)
		buf_addz(out, " [interrupted]");
	buf_addc(out, '\n');
}

/* The one member that says most. */
static struct json_object *event_detail(struct json_object *o)
{
	static const char *const members[] = { "error", "text_delta", "payload" };

	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if (json_get(o, members[i]))
			return json_get(o, members[i]);
	return NULL;
}

static void event_print(struct buf *out, struct json_object *o)
{
	struct buf detail = BUF_INIT;

	out_value(&detail, event_detail(o));
	time_print(out, o, "created_at");
	buf_printf(out, detail.n ? "  %-28.*s  " : "  %.*s", SPAN_ARG(json_get_span(o, "event_type")));
	out_text(out, buf_span(&detail), " ");
	buf_addc(out, '\n');
	buf_fini(&detail);
}

/* --- whole: every page, then printed --- */

static enum err track_next(struct track *k, struct json_object *all)
{
	for (size_t i = 0; k->rows && i < json_object_array_length(k->rows); i++)
		if (json_object_array_add(all, json_object_get(json_object_array_get_idx(k->rows, i))) != 0)
			return ERR_NOMEM;
	buf_reset(&k->after);
	buf_add(&k->after, buf_span(&k->page.next));
	return k->after.err;
}

static enum err read_all(struct reader *r, struct track *k, enum what what, struct json_object *all)
{
	enum err e;

	r->what = what;
	do {
		e = cli_txn(r->cli, CLI_READ, read_body, r);
		if (!e)
			e = track_next(k, all);
	} while (!e && k->after.n);
	return e;
}

static void reader_fini(struct reader *r)
{
	struct track *tracks[] = { &r->turns, &r->events };

	for (size_t i = 0; i < 2; i++) {
		json_object_put(tracks[i]->rows);
		buf_fini(&tracks[i]->after);
		buf_fini(&tracks[i]->page.next);
		buf_fini(&tracks[i]->seen);
	}
	json_object_put(r->call);
}

static enum err whole(struct cli *c, const char *id, enum what what, void (*print)(struct buf *, struct json_object *))
{
	struct reader r = { .cli = c, .id = span_z(id) };
	struct json_object *all = json_object_new_array();
	enum err e = all ? call_fail(c, id, read_all(&r, what == TURNS ? &r.turns : &r.events, what, all)) : ERR_NOMEM;

	for (size_t i = 0; !e && !c->json && i < json_object_array_length(all); i++)
		print(&c->out, json_object_array_get_idx(all, i));
	if (!e && c->json)
		e = out_json(&c->out, all);
	json_object_put(all);
	reader_fini(&r);
	return e;
}

enum err call_transcript_run(struct cli *c, const struct args *a)
{
	return whole(c, arg(a, "ID"), TURNS, turn_print);
}

/* --- following --- */

#define SEEN_MAX ((size_t)1 << 20)

static void mark_seen(struct track *k, struct json_object *o)
{
	uintptr_t seq = (uintptr_t)json_object_get_userdata(o);

	while (k->seen.n <= seq && seq < SEEN_MAX && !k->seen.err)
		buf_addc(&k->seen, 0);
	if (seq < k->seen.n)
		k->seen.p[seq] = 1;
}

static void row_print(struct reader *r, struct json_object *o, void (*print)(struct buf *, struct json_object *))
{
	if (!r->cli->json) {
		print(&r->cli->out, o);
		return;
	}
	json_write(&r->cli->out, o);
	buf_addc(&r->cli->out, '\n');
}

/* A turn that is still being spoken, or a tool at work: printed when it is whole. One that a full page leaves behind is not waited for. */
static bool is_open(const struct reader *r, const struct track *k, struct json_object *row)
{
	return k == &r->turns && !r->over && !k->page.next.n && !json_get(row, "completed_at");
}

static enum err track_print(struct reader *r, struct track *k, void (*print)(struct buf *, struct json_object *))
{
	for (size_t i = 0; i < json_object_array_length(k->rows); i++) {
		struct json_object *row = json_object_array_get_idx(k->rows, i);

		if (is_open(r, k, row))
			continue;
		row_print(r, row, print);
		mark_seen(k, row);
	}
	if (k->page.next.n) {
		buf_reset(&k->after);
		buf_add(&k->after, buf_span(&k->page.next));
	}
	return cli_print(r->cli);
}

/* Ends with the call, with Ctrl-C (the store's close lets it through), or when nobody reads any more. */
static enum err follow(struct cli *c, const char *id, enum what what, void (*print)(struct buf *, struct json_object *))
{
	struct reader r = { .cli = c, .id = span_z(id), .what = what, .live = true };
	struct track *k = what == TURNS ? &r.turns : &r.events;
	enum err e;

	for (;;) {
		e = call_fail(c, id, cli_txn(c, CLI_READ, read_body, &r));
		if (!e)
			e = track_print(&r, k, print);
		if (e || (r.over && !k->page.next.n) || store_interrupted(c->store))
			break;
		if (!k->page.next.n)
			poll(NULL, 0, POLL_MS);
	}
	reader_fini(&r);
	return e == ERR_CLOSED ? ERR_OK : e;
}

enum err call_events_run(struct cli *c, const struct args *a)
{
	return arg(a, "--follow") ? follow(c, arg(a, "ID"), EVENTS, event_print) : whole(c, arg(a, "ID"), EVENTS, event_print);
}

enum err call_follow_run(struct cli *c, const struct args *a)
{
	return follow(c, arg(a, "ID"), TURNS, turn_print);
}

/* --- everything of a call in one object --- */

enum err call_whole(struct cli *c, struct span id, struct json_object **out)
{
	struct reader r = { .cli = c, .id = id };
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b), *turns = json_arr(&b), *events = json_arr(&b);
	enum err e = b.err ? b.err : read_all(&r, &r.turns, TURNS, turns);

	e = call_fail(c, id.p, e ? e : read_all(&r, &r.events, EVENTS, events));
	json_set(&b, o, "call", json_object_get(r.call));
	json_set(&b, o, "turns", turns);
	json_set(&b, o, "events", events);
	e = e ? e : b.err;
	if (e)
		json_object_put(o);
	else
		*out = o;
	reader_fini(&r);
	return e;
}

enum err call_export_run(struct cli *c, const struct args *a)
{
	struct json_object *o = NULL;
	enum err e = call_whole(c, arg_span(a, "ID"), &o);

	if (!e)
		e = out_json(&c->out, o);
	json_object_put(o);
	return e;
}

/* What an event says may come from anybody: only out_text() shows it. */
enum err call_explain_run(struct cli *c, const struct args *a)
{
	struct json_object *o = NULL, *story = NULL;
	enum err e = call_whole(c, arg_span(a, "ID"), &o);

	if (!e)
		e = explain_call(o, &story);
	if (!e && c->json)
		e = out_json(&c->out, story);
	else if (!e)
		explain_print(&c->out, story);
	json_object_put(story);
	json_object_put(o);
	return e;
}
