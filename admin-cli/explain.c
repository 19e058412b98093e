/* explain - the story of a call from its record: rows from turns and events, in order of time, and what shows only between them. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "explain.h"
#include "out.h"

#define SILENCE_MS 6000                  /* neither side said anything for so long */
#define SLOW_MS    2500                  /* from the caller's last word to the first sound of the answer */
#define TEXT_MAX   160                   /* of what was said; the whole is in `call transcript` */

struct row {
	int64_t at;                      /* wall */
	size_t order;                    /* of rows of one moment */
	bool quiet, finding;
	const char *kind;
	char *text;
};

struct story {
	struct jbuild b;
	struct json_object *in, *call;
	int64_t started;
	struct row *rows;
	size_t n, cap;
};

/* --- values --- */

static int64_t time_of(struct json_object *o, const char *key)
{
	int64_t ms;

	return time_parse(json_get_span(o, key), &ms) ? ms : -1;
}

static int64_t int_of(struct json_object *o, const char *key)
{
	int64_t v;

	return json_get_int(o, key, &v) ? v : -1;
}

static bool is_true(struct json_object *o, const char *key)
{
	bool yes = false;

	return json_get_bool(o, key, &yes) && yes;
}

static void seconds(struct buf *out, int64_t ms)
{
	buf_printf(out, "%lld.%lld s", (long long)((ms + 50) / 1000), (long long)((ms + 50) % 1000 / 100));
}

static void quoted(struct buf *out, struct span text)
{
	size_t n = text.n < TEXT_MAX ? text.n : TEXT_MAX;

	while (n < text.n && n && (text.p[n] & 0xC0) == 0x80)
		n--;
	buf_addc(out, '"');
	buf_add(out, span_head(text, n));
	buf_addz(out, n < text.n ? "...\"" : "\"");
}

/* --- rows --- */

static struct row *row_add(struct story *s, int64_t at, const char *kind, struct buf *text)
{
	size_t cap = s->cap ? s->cap * 2 : 64;
	struct row *more = s->n == s->cap ? realloc(s->rows, cap * sizeof *more) : s->rows, *r;
	char *words = buf_take(text);

	buf_fini(text);
	if (more && s->n == s->cap)
		s->cap = cap;
	s->rows = more ? more : s->rows;
	if (!more || !words) {
		free(words);
		s->b.err = s->b.err ? s->b.err : ERR_NOMEM;
		return NULL;
	}
	r = &s->rows[s->n];
	*r = (struct row){ .at = at, .order = s->n++, .kind = kind, .text = words };
	return r;
}

static void finding_add(struct story *s, int64_t at, const char *kind, struct buf *text)
{
	struct row *r = row_add(s, at, kind, text);

	if (r)
		r->finding = true;
}

/* --- events --- */

static void placeholder(struct buf *out, struct span name, struct json_object *event)
{
	bool ms = name.n > 2 && span_is(span_skip(name, name.n - 2), ":s");
	struct json_object *v;
	char key[40];
	int64_t n;

	if (!span_copy(key, sizeof key, ms ? span_head(name, name.n - 2) : name))
		return;
	v = span_is(name, "error") ? json_get(event, "error") : json_get(json_get(event, "payload"), key);
	if (!v)
		buf_addz(out, span_is(name, "error") ? "no reason was given" : "?");
	else if (ms && json_get_int(json_get(event, "payload"), key, &n))
		seconds(out, n);
	else
		out_value(out, v);
}

static void fill(struct buf *out, struct span text, struct json_object *event)
{
	struct span literal, name;

	while (span_cut(&text, '{', &literal)) {
		buf_add(out, literal);
		if (text.n && span_cut(&text, '}', &name))
			placeholder(out, name, event);
	}
}

/* One that has no words of its own is told by its name and what it carries. */
static void bare(struct buf *out, struct json_object *event)
{
	out_value(out, json_get(event, "event_type"));
	if (json_get(event, "error")) {
		buf_addz(out, ": ");
		out_value(out, json_get(event, "error"));
	}
	if (json_get(event, "payload")) {
		buf_addc(out, ' ');
		out_value(out, json_get(event, "payload"));
	}
}

static void say_code(struct buf *out, struct span text)
{
	const struct explain_code *c = explain_twilio(text);

	if (c)
		buf_printf(out, " [Twilio %d: %s; %s]", c->code, c->means, c->todo);
}

static void event_row(struct story *s, struct json_object *e)
{
	struct span type = json_get_span(e, "event_type"), error = json_get_span(e, "error");
	const struct explain_word *w = explain_event(type);
	struct buf text = BUF_INIT;
	struct row *r;

	if (w)
		fill(&text, span_z(w->text), e);
	else
		bare(&text, e);
	if (w && error.n && !strstr(w->text, "{error}"))
		buf_printf(&text, " (" SPAN_FMT ")", SPAN_ARG(error));
	if (span_starts(type, SPAN("stream.")))
		say_code(&text, error);
	r = row_add(s, time_of(e, "created_at"), w ? w->type : "event", &text);
	if (!r)
		return;
	r->finding = error.n > 0 || (w && w->weight == EXPLAIN_FINDING);
	r->quiet = !r->finding && w && w->weight == EXPLAIN_QUIET;
}

/* --- turns --- */

static void heard_part(struct buf *out, struct json_object *t)
{
	int64_t heard = int_of(t, "heard_ms"), came = int_of(json_get(t, "meta"), "audio_ms");

	buf_addz(out, " (interrupted");
	if (heard >= 0) {
		buf_addz(out, ", heard ");
		seconds(out, heard);
	}
	if (heard >= 0 && came >= heard) {
		buf_addz(out, " of ");
		seconds(out, came);
	}
	buf_addz(out, ")");
}

static void speech_row(struct story *s, struct json_object *t, bool user)
{
	struct span text = json_get_span(t, "text");
	int64_t latency = int_of(t, "latency_ms");
	struct buf b = BUF_INIT;

	buf_addz(&b, user ? "caller: " : "agent: ");
	if (text.p)
		quoted(&b, text);
	else
		buf_addz(&b, "(spoken, not written down)");
	if (latency >= 0) {
		buf_addz(&b, ", heard after ");
		seconds(&b, latency);
	}
	if (is_true(t, "interrupted"))
		heard_part(&b, t);
	row_add(s, time_of(t, "started_at"), user ? "caller" : "agent", &b);
	if (latency < SLOW_MS || user)
		return;
	buf_addz(&b, "slow answer: ");
	seconds(&b, latency);
	buf_addz(&b, " from the caller's last word to the first sound");
	finding_add(s, time_of(t, "started_at"), "slow", &b);
}

static bool tool_failed(struct json_object *tool)
{
	struct json_object *result = json_get(tool, "result"), *parsed = NULL;
	bool failed = json_get(tool, "error") || json_get(result, "error");
	struct span text = json_span(result);

	if (!failed && text.n && json_read(&parsed, text) == ERR_OK)
		failed = json_get(parsed, "error") != NULL;
	json_object_put(parsed);
	return failed;
}

static void tool_row(struct story *s, struct json_object *t)
{
	struct json_object *tool = json_get(t, "tool");
	int64_t took = int_of(tool, "duration_ms");
	bool failed = tool_failed(tool);
	struct buf b = BUF_INIT;
	struct row *r;

	buf_addz(&b, "tool ");
	out_value(&b, json_get(tool, "name"));
	buf_addz(&b, failed ? " failed" : " called");
	if (took >= 0) {
		buf_addz(&b, failed ? " after " : ", took ");
		seconds(&b, took);
	}
	if (failed) {
		buf_addz(&b, ": ");
		out_value(&b, json_get(tool, "error") ? json_get(tool, "error") : json_get(tool, "result"));
	}
	r = row_add(s, time_of(t, "started_at"), "tool", &b);
	if (r)
		r->finding = failed || took >= SLOW_MS;
}

static void turn_row(struct story *s, struct json_object *t)
{
	struct span role = json_get_span(t, "role");
	struct buf b = BUF_INIT;

	if (span_is(role, "tool")) {
		tool_row(s, t);
	} else if (span_is(role, "system")) {
		buf_addz(&b, "note to the agent: ");
		quoted(&b, json_get_span(t, "text"));
		row_add(s, time_of(t, "started_at"), "system", &b);
	} else {
		speech_row(s, t, span_is(role, "user"));
	}
}

/* --- what shows only between rows --- */

static void silence_row(struct story *s, int64_t from, int64_t to, bool caller_last)
{
	struct buf b = BUF_INIT;

	buf_addz(&b, "nobody spoke for ");
	seconds(&b, to - from);
	buf_addz(&b, caller_last ? "; the caller had spoken last" : "; the agent had spoken last");
	finding_add(s, from, "silence", &b);
}

static void silences(struct story *s, struct json_object *turns)
{
	int64_t end = time_of(s->call, "connected_at"), over = time_of(s->call, "ended_at");
	bool caller_last = false;

	for (size_t i = 0; end >= 0 && i < json_object_array_length(turns); i++) {
		struct json_object *t = json_object_array_get_idx(turns, i);
		int64_t from = time_of(t, "started_at"), to = time_of(t, "completed_at");
		struct span role = json_get_span(t, "role");

		if (from < 0 || !(span_is(role, "user") || span_is(role, "assistant")))
			continue;
		if (from - end >= SILENCE_MS)
			silence_row(s, end, from, caller_last);
		if (to > end || from > end) {
			end = to > from ? to : from;
			caller_last = span_is(role, "user");
		}
	}
	if (end >= 0 && over - end >= SILENCE_MS)
		silence_row(s, end, over, caller_last);
}

struct pair {                            /* something broke, and came back */
	const char *from, *to, *kind, *text;
};

static const struct pair pairs[] = {
	{ "model.lost",  "model.connected", "redialled", "the model was there again after " },
	{ "stream.lost", "stream.started",  "resumed",   "the caller's stream was back after " },
};

static void came_back(struct story *s, struct json_object *events, const struct pair *p)
{
	int64_t lost = -1;

	for (size_t i = 0; i < json_object_array_length(events); i++) {
		struct json_object *e = json_object_array_get_idx(events, i);
		struct span type = json_get_span(e, "event_type");
		struct buf b = BUF_INIT;

		if (span_is(type, p->from) && lost < 0)
			lost = time_of(e, "created_at");
		if (!span_is(type, p->to) || lost < 0)
			continue;
		buf_addz(&b, p->text);
		seconds(&b, time_of(e, "created_at") - lost);
		finding_add(s, time_of(e, "created_at"), p->kind, &b);
		lost = -1;
	}
}

/* --- the whole --- */

static int by_time(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static struct json_object *row_json(struct story *s, const struct row *r)
{
	struct json_object *o = json_obj(&s->b);
	char at[TIME_TEXT];

	time_format(at, r->at);
	json_set(&s->b, o, "at", r->at >= 0 ? json_strz(&s->b, at) : NULL);
	json_set(&s->b, o, "seconds", r->at >= 0 && s->started >= 0 ? json_num(&s->b, (double)(r->at - s->started) / 1000) : NULL);
	json_set(&s->b, o, "kind", json_strz(&s->b, r->kind));
	json_set(&s->b, o, "quiet", json_bool(&s->b, r->quiet));
	json_set(&s->b, o, "text", json_strz(&s->b, r->text));
	return o;
}

static void text_set(struct story *s, struct json_object *o, const char *key, struct buf *text)
{
	json_set(&s->b, o, key, text->err ? NULL : json_str(&s->b, buf_span(text)));
	buf_fini(text);
}

static void value_or(struct buf *out, struct json_object *o, const char *key, const char *none)
{
	if (json_get(o, key))
		out_value(out, json_get(o, key));
	else
		buf_addz(out, none);
}

static void head(struct story *s, struct json_object *o)
{
	struct buf b = BUF_INIT;

	value_or(&b, s->call, "direction", "inbound");
	buf_addz(&b, " call ");
	value_or(&b, s->call, "twilio_call_sid", "without a CallSid");
	buf_addz(&b, " from ");
	value_or(&b, s->call, "caller_number", "an unknown number");
	buf_addz(&b, " to ");
	value_or(&b, s->call, "called_number", "an unknown number");
	buf_addz(&b, ", agent ");
	value_or(&b, s->call, "agent", "none");
	buf_addz(&b, ", ");
	value_or(&b, s->call, "started_at", "?");
	text_set(s, o, "call", &b);
}

static void ended(struct story *s, struct json_object *o)
{
	struct span reason = json_get_span(s->call, "end_reason"), error = json_get_span(s->call, "error");
	const char *words = explain_end(reason);
	struct buf b = BUF_INIT;

	if (!reason.n) {
		buf_addz(&b, "it has not ended");
	} else {
		if (words)
			buf_printf(&b, "%s (" SPAN_FMT ")", words, SPAN_ARG(reason));
		else
			buf_add(&b, reason);
		if (json_get(s->call, "duration_seconds")) {
			buf_addz(&b, ", after ");
			value_or(&b, s->call, "duration_seconds", "");
			buf_addz(&b, " s");
		}
	}
	/* A call that ended well has an error when something broke on the way and was mended. */
	if (error.n)
		buf_printf(&b, ". %s: " SPAN_FMT, span_is(json_get_span(s->call, "status"), "ended") ? "On the way" : "Cause", SPAN_ARG(error));
	say_code(&b, error);
	text_set(s, o, "ended", &b);
}

static void count(struct buf *out, struct json_object *call, const char *key, const char *what)
{
	int64_t n = int_of(call, key);

	buf_printf(out, "%lld %s%s, ", (long long)(n < 0 ? 0 : n), what, n == 1 ? "" : "s");
}

static void numbers(struct story *s, struct json_object *o)
{
	struct json_object *latency = json_get(s->call, "latency_ms");
	struct buf b = BUF_INIT;
	double cost = 0;

	count(&b, s->call, "turns", "turn");
	count(&b, s->call, "barge_ins", "interruption");
	count(&b, s->call, "reconnects", "new model connection");
	json_get_num(s->call, "cost", &cost);
	buf_printf(&b, "%.4f US dollars", cost);
	if (json_get(latency, "p50")) {
		buf_addz(&b, "; answers after ");
		seconds(&b, int_of(latency, "p50"));
		buf_addz(&b, " (median), ");
		seconds(&b, int_of(latency, "p95"));
		buf_addz(&b, " (95 of 100)");
	}
	text_set(s, o, "numbers", &b);
}

static void rows_read(struct story *s)
{
	struct json_object *turns = json_get(s->in, "turns"), *events = json_get(s->in, "events");

	for (size_t i = 0; i < json_object_array_length(events); i++)
		event_row(s, json_object_array_get_idx(events, i));
	for (size_t i = 0; i < json_object_array_length(turns); i++)
		turn_row(s, json_object_array_get_idx(turns, i));
	silences(s, turns);
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		came_back(s, events, &pairs[i]);
	if (s->n)
		qsort(s->rows, s->n, sizeof *s->rows, by_time);
}

enum err explain_call(struct json_object *exported, struct json_object **story)
{
	struct story s = { .in = exported, .call = json_get(exported, "call") };
	struct json_object *o = json_obj(&s.b), *findings = json_arr(&s.b), *timeline = json_arr(&s.b);

	if (!json_object_is_type(json_get(exported, "turns"), json_type_array) || !json_object_is_type(json_get(exported, "events"), json_type_array))
		s.b.err = s.b.err ? s.b.err : ERR_VALUE;
	s.started = time_of(s.call, "started_at");
	if (!s.b.err)
		rows_read(&s);
	for (size_t i = 0; i < s.n && !s.b.err; i++) {
		json_push(&s.b, timeline, row_json(&s, &s.rows[i]));
		if (s.rows[i].finding)
			json_push(&s.b, findings, row_json(&s, &s.rows[i]));
	}
	json_set(&s.b, o, "session_id", json_str(&s.b, json_get_span(s.call, "session_id")));
	head(&s, o);
	ended(&s, o);
	numbers(&s, o);
	json_set(&s.b, o, "findings", findings);
	json_set(&s.b, o, "timeline", timeline);
	for (size_t i = 0; i < s.n; i++)
		free(s.rows[i].text);
	free(s.rows);
	if (s.b.err)
		json_object_put(o);
	else
		*story = o;
	return s.b.err;
}

/* --- for people --- */

static void line_print(struct buf *out, struct json_object *row)
{
	double at = 0;

	if (json_get_num(row, "seconds", &at))
		buf_printf(out, "%+9.1f s  ", at);
	else
		buf_addz(out, "             ");
	out_text(out, json_get_span(row, "text"), " ");
	buf_addc(out, '\n');
}

static void part_print(struct buf *out, struct json_object *story, const char *key, const char *title, const char *none)
{
	struct json_object *rows = json_get(story, key);
	size_t n = json_object_array_length(rows);

	buf_printf(out, "\n%s\n", n ? title : none);
	for (size_t i = 0; i < n; i++)
		if (!is_true(json_object_array_get_idx(rows, i), "quiet"))
			line_print(out, json_object_array_get_idx(rows, i));
}

void explain_print(struct buf *out, struct json_object *story)
{
	static const char *const heads[][2] = { { "", "call" }, { "Ended: ", "ended" }, { "", "numbers" } };

	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		buf_addz(out, heads[i][0]);
		out_text(out, json_get_span(story, heads[i][1]), " ");
		buf_addz(out, ".\n");
	}
	part_print(out, story, "findings", "What stood out:", "Nothing stood out.");
	part_print(out, story, "timeline", "The call, in seconds from the webhook:", "Nothing else is recorded.");
}
