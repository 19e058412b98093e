/* phone_report - the summary as JSON, and whether it is what was expected. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "phone.h"
#include "phone_expect.h"
#include "wav.h"

static void put_int(struct jbuild *b, struct json_object *o, const char *key, uint64_t v)
{
	json_set(b, o, key, json_int(b, (int64_t)v));
}

/* Milliseconds with a decimal; null when it never happened. */
static void put_ms(struct jbuild *b, struct json_object *o, const char *key, int64_t from_us, int64_t to_us)
{
	json_set(b, o, key, from_us && to_us ? json_num(b, round((double)(to_us - from_us) / 100) / 10) : json_num(b, NAN));
}

static struct json_object *list_of(struct jbuild *b, const struct buf *inside)
{
	struct buf all = BUF_INIT;
	struct json_object *o;

	buf_addc(&all, '[');
	buf_add(&all, buf_span(inside));
	buf_addc(&all, ']');
	o = json_raw(b, buf_span(&all));
	buf_fini(&all);
	return o;
}

static struct json_object *pattern_json(struct jbuild *b, const struct pattern_check *k)
{
	struct json_object *o = json_obj(b);

	put_int(b, o, "frames", k->frames);
	put_int(b, o, "lost", k->lost);
	put_int(b, o, "doubled", k->doubled);
	put_int(b, o, "reordered", k->reordered);
	put_int(b, o, "corrupt", k->corrupt);
	put_int(b, o, "foreign", k->foreign);
	put_int(b, o, "silence_bytes", k->silence_bytes);
	put_int(b, o, "tail_bytes", k->tail_bytes);
	put_int(b, o, "errors", pattern_errors(k));
	return o;
}

static const char *const end_names[] = {
	[WS_END_REFUSED] = "refused", [WS_END_CLOSED] = "closed_by_server", [WS_END_OURS] = "closed", [WS_END_BROKEN] = "broken", [WS_END_PROTOCOL] = "protocol",
};

static void stream_counts(struct jbuild *b, struct json_object *o, const struct stream *s)
{
	put_int(b, o, "frames_out", s->n.frames_out);
	put_int(b, o, "messages_in", s->n.messages_in);
	put_int(b, o, "media_in", s->n.media_in);
	put_int(b, o, "bytes_in", s->n.bytes_in);
	put_int(b, o, "marks_in", s->n.marks_in);
	put_int(b, o, "marks_echoed", s->n.marks_echoed);
	put_int(b, o, "marks_cleared", s->n.marks_cleared);
	put_int(b, o, "clears_in", s->n.clears_in);
	put_int(b, o, "cleared_ms", s->n.cleared_bytes / 8);
	put_int(b, o, "largest_message", s->n.largest);
	put_int(b, o, "largest_media_ms", s->n.largest_media / 8);
	put_int(b, o, "uneven_media", s->n.uneven_media);
	put_int(b, o, "most_between_marks_ms", s->n.most_between_marks / 8);
	put_int(b, o, "double_marks", s->n.double_marks);
	put_int(b, o, "malformed", s->n.malformed);
	put_int(b, o, "binary", s->n.binary);
	put_int(b, o, "overflow", s->n.overflow);
	put_int(b, o, "fragments", s->ws.fragments);
	put_int(b, o, "pings", s->ws.pings);
	put_int(b, o, "heard_ms", s->q.heard / 8);
	put_int(b, o, "most_queued_ms", s->q.most / 8);
	put_int(b, o, "gaps", s->q.gaps);
	put_int(b, o, "gap_ms", s->q.gap_us / 1000);
}

static struct json_object *stream_json(struct jbuild *b, const struct stream *s)
{
	struct json_object *o = json_obj(b);

	json_set(b, o, "stream_sid", json_strz(b, s->sid));
	json_set(b, o, "probe", json_bool(b, s->probe != PROBE_NOT));
	json_set(b, o, "end", s->state == ST_OVER ? json_strz(b, end_names[s->end]) : NULL);
	put_int(b, o, "code", (uint64_t)s->close_code);
	json_set(b, o, "reason", json_strz(b, s->why));
	put_ms(b, o, "upgrade_ms", s->opening_us, s->open_us);
	put_ms(b, o, "first_media_ms", s->start_us, s->first_media_us);
	put_ms(b, o, "lasted_ms", s->start_us, s->over_us);
	stream_counts(b, o, s);
	if (s->call->ph->delays)
		json_set(b, o, "pattern", pattern_json(b, &s->check));
	return o;
}

static struct json_object *turn_json(struct jbuild *b, const struct call *c, const struct talk_turn *t)
{
	const struct plan_line *l = &c->ph->plan->lines[t->line];
	struct json_object *o = json_obj(b);

	json_set(b, o, "line", json_int(b, t->line + 1));
	json_set(b, o, "said", json_strz(b, l->say ? l->say : l->play ? l->play : l->noise != FIELD_NULL_INT ? "(noise)" : l->dtmf));
	json_set(b, o, "interrupts", json_bool(b, t->interrupts));
	put_ms(b, o, "began_ms", c->answered_us, t->begin_us);
	put_ms(b, o, "spoken_ms", t->voice_us, t->end_us);
	json_set(b, o, "answered", json_bool(b, t->answered));
	put_ms(b, o, "latency_ms", t->end_us, t->answered ? t->answer_us : 0);
	put_int(b, o, "answer_heard_ms", t->heard_bytes / 8);
	put_ms(b, o, "clear_ms", t->voice_us, t->cleared ? t->clear_us : 0);
	return o;
}

static size_t answered_turns(const struct call *c, int64_t *latency)
{
	size_t n = 0;

	for (size_t i = 0; i < c->talk.n_turns; i++) {
		const struct talk_turn *t = &c->talk.turns[i];

		if (!t->answered)
			continue;
		if (latency)
			latency[n] = t->answer_us - t->end_us;
		n++;
	}
	return n;
}

static unsigned barge_ins(const struct call *c)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->talk.n_turns; i++)
		n += c->talk.turns[i].cleared;
	return n;
}

static void call_lists(struct jbuild *b, struct json_object *o, struct call *c)
{
	struct json_object *turns = json_arr(b), *streams = json_arr(b), *problems = json_arr(b);
	unsigned n = 0;

	for (size_t i = 0; i < c->talk.n_turns; i++)
		json_push(b, turns, turn_json(b, c, &c->talk.turns[i]));
	for (const struct stream *s = c->streams; s; s = s->next)
		n++;
	for (; n > 0; n--) {                             /* the list holds the newest first */
		const struct stream *s = c->streams;

		for (unsigned i = 1; i < n; i++)
			s = s->next;
		json_push(b, streams, stream_json(b, s));
	}
	for (unsigned i = 0; i < c->n_problems && i < PROBLEMS_MAX; i++)
		json_push(b, problems, json_strz(b, c->problems[i]));
	json_set(b, o, "steps", list_of(b, &c->steps));
	json_set(b, o, "said", list_of(b, &c->said));
	json_set(b, o, "whispered", list_of(b, &c->whispered));
	json_set(b, o, "turns", turns);
	json_set(b, o, "streams", streams);
	json_set(b, o, "problems", problems);
}

struct json_object *phone_call_json(struct jbuild *b, struct call *c)
{
	struct json_object *o = json_obj(b);

	json_set(b, o, "number", json_int(b, c->number));
	json_set(b, o, "call_sid", json_strz(b, c->sid));
	json_set(b, o, "from", json_strz(b, c->from));
	json_set(b, o, "status", c->status ? json_strz(b, c->status) : NULL);
	json_set(b, o, "webhook_status", json_int(b, c->webhook_status));
	json_set(b, o, "webhook_ms", json_num(b, round((double)c->webhook_us / 100) / 10));
	put_ms(b, o, "answered_ms", c->began_us, c->answered_us);
	put_ms(b, o, "first_audio_ms", c->answered_us, c->talk.greeting_us ? c->talk.greeting_us : c->talk.n_turns ? c->talk.turns[0].answer_us : 0);
	put_int(b, o, "greeting_heard_ms", c->talk.greeting_bytes / 8);
	put_ms(b, o, "lasted_ms", c->began_us, c->ended_us);
	json_set(b, o, "hung_up", json_bool(b, c->hung_up));
	json_set(b, o, "actions", json_int(b, c->n_actions));
	json_set(b, o, "status_answer", json_int(b, c->final_status_answer));
	json_set(b, o, "answered_turns", json_int(b, (int64_t)answered_turns(c, NULL)));
	json_set(b, o, "barge_ins", json_int(b, barge_ins(c)));
	call_lists(b, o, c);
	return o;
}

/* --- expectations --- */

static void missed(void *arg, const char *text)
{
	struct call *c = arg;

	c->ok = false;
	phone_call_problem(c, "%s", text);
}

/* Every problem of `expect.problems` (texts, of which each must be found in one) is wished for; "any" allows all. */
static bool wished_for(struct call *c, const char *problem)
{
	struct json_object *list = c->ph->expect ? json_get(c->ph->expect, "problems") : NULL;

	if (span_is(json_span(list), "any"))
		return true;
	for (size_t i = 0; json_object_is_type(list, json_type_array) && i < json_object_array_length(list); i++) {
		struct span want = json_span(json_object_array_get_idx(list, i));

		if (memmem(problem, strlen(problem), want.p, want.n))
			return true;
	}
	return false;
}

static void missing_problems(struct call *c, unsigned had)
{
	struct json_object *list = c->ph->expect ? json_get(c->ph->expect, "problems") : NULL;

	for (size_t i = 0; json_object_is_type(list, json_type_array) && i < json_object_array_length(list); i++) {
		struct span want = json_span(json_object_array_get_idx(list, i));
		bool found = false;

		for (unsigned k = 0; k < had && k < PROBLEMS_MAX; k++)
			found = found || memmem(c->problems[k], strlen(c->problems[k]), want.p, want.n);
		if (!found) {
			c->ok = false;
			phone_call_problem(c, "expected the problem \"" SPAN_FMT "\", and it did not happen", SPAN_ARG(want));
		}
	}
}

static void check_pattern(struct call *c)
{
	uint64_t frames = 0;

	for (const struct stream *s = c->streams; s; s = s->next)
		frames += s->check.frames;
	if (!isnan(c->ph->conf.pattern) && !c->ph->conf.scenario && frames == 0)
		phone_call_problem(c, "not one numbered frame came from the agent");
	for (const struct stream *s = c->streams; s && c->ph->delays; s = s->next)
		if (pattern_errors(&s->check) || s->check.tail_bytes)
			phone_call_problem(c, "numbered frames: %llu lost, %llu doubled, %llu out of order, %llu damaged, %llu of another call",
			                   (unsigned long long)s->check.lost, (unsigned long long)s->check.doubled, (unsigned long long)s->check.reordered,
			                   (unsigned long long)s->check.corrupt, (unsigned long long)s->check.foreign);
}

void phone_call_judge(struct call *c)
{
	struct jbuild b = { 0 };
	unsigned had;

	check_pattern(c);
	had = c->n_problems;
	c->ok = true;
	for (unsigned i = 0; i < had && i < PROBLEMS_MAX; i++)
		c->ok = c->ok && wished_for(c, c->problems[i]);
	c->json = phone_call_json(&b, c);
	if (c->ph->expect) {
		missing_problems(c, had);
		phone_expect(c->json, c->ph->expect, missed, c);
	}
	if (c->n_problems > had) {                       /* the summary says so too */
		json_object_put(c->json);
		c->json = phone_call_json(&b, c);
	}
	json_set(&b, c->json, "ok", json_bool(&b, c->ok));
}

/* --- the whole --- */

static struct json_object *quantiles(struct jbuild *b, int64_t *v, size_t n)
{
	struct json_object *o = json_obj(b);

	put_int(b, o, "n", n);
	json_set(b, o, "p50", n ? json_num(b, (double)phone_quantile_us(v, n, 0.5) / 1000) : json_num(b, NAN));
	json_set(b, o, "p95", n ? json_num(b, (double)phone_quantile_us(v, n, 0.95) / 1000) : json_num(b, NAN));
	json_set(b, o, "p99", n ? json_num(b, (double)phone_quantile_us(v, n, 0.99) / 1000) : json_num(b, NAN));
	json_set(b, o, "max", n ? json_num(b, (double)v[n - 1] / 1000) : json_num(b, NAN));
	return o;
}

static void times_json(struct jbuild *b, struct json_object *o, const struct phone *ph)
{
	size_t most = 1, n_web = 0, n_first = 0, n_turns = 0;
	int64_t *v;

	for (unsigned i = 0; i < ph->n_calls; i++)
		most += ph->calls[i].talk.n_turns + 1;
	v = calloc(3 * most, sizeof *v);
	for (unsigned i = 0; v && i < ph->n_calls; i++) {
		const struct call *c = &ph->calls[i];

		if (c->webhook_us)
			v[n_web++] = c->webhook_us;
		if (c->talk.greeting_us)
			v[most + n_first++] = c->talk.greeting_us - c->answered_us;
		n_turns += answered_turns(c, v + 2 * most + n_turns);
	}
	if (v) {
		json_set(b, o, "webhook_ms", quantiles(b, v, n_web));
		json_set(b, o, "first_audio_ms", quantiles(b, v + most, n_first));
		json_set(b, o, "latency_ms", quantiles(b, v + 2 * most, n_turns));
	}
	free(v);
}

static void delays_json(struct jbuild *b, struct json_object *o, const struct pattern_delays *d)
{
	struct json_object *q = json_obj(b);

	put_int(b, q, "n", d->n);
	json_set(b, q, "p50", json_num(b, pattern_delay_ms(d, 0.5)));
	json_set(b, q, "p95", json_num(b, pattern_delay_ms(d, 0.95)));
	json_set(b, q, "p99", json_num(b, pattern_delay_ms(d, 0.99)));
	json_set(b, q, "max", json_num(b, (double)d->max_us / 1000));
	put_int(b, q, "late", pattern_delays_over(d, PATTERN_LATE_MS));
	json_set(b, o, "delay_ms", q);
}

static void sums_json(struct jbuild *b, struct json_object *o, const struct phone *ph)
{
	struct pattern_check k = { 0 };
	uint64_t out = 0, in = 0, gaps = 0;
	double talked = 0;

	for (unsigned i = 0; i < ph->n_calls; i++) {
		for (const struct stream *s = ph->calls[i].streams; s; s = s->next) {
			out += s->n.frames_out;
			in += s->n.bytes_in;
			gaps += s->q.gaps;
			talked += s->over_us && s->start_us ? (double)(s->over_us - s->start_us) / 1e6 : 0;
			k.frames += s->check.frames;
			k.lost += s->check.lost;
			k.doubled += s->check.doubled;
			k.reordered += s->check.reordered;
			k.corrupt += s->check.corrupt;
			k.foreign += s->check.foreign;
			k.silence_bytes += s->check.silence_bytes;
			k.tail_bytes += s->check.tail_bytes;
		}
	}
	put_int(b, o, "frames_out", out);
	put_int(b, o, "bytes_in", in);
	put_int(b, o, "gaps", gaps);
	json_set(b, o, "stream_seconds", json_num(b, round(talked * 10) / 10));
	if (ph->delays)
		json_set(b, o, "pattern", pattern_json(b, &k));
	if (ph->delays)
		delays_json(b, o, ph->delays);
}

void phone_json(struct phone *ph, struct buf *out)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b), *calls = json_arr(&b);
	struct rusage used;
	unsigned failed = 0;

	for (unsigned i = 0; i < ph->n_calls; i++)
		failed += !ph->calls[i].ok;
	getrusage(RUSAGE_SELF, &used);
	json_set(&b, o, "ok", json_bool(&b, failed == 0));
	json_set(&b, o, "calls", json_int(&b, ph->n_calls));
	json_set(&b, o, "failed", json_int(&b, failed));
	put_ms(&b, o, "elapsed_ms", ph->began_us, clock_us());
	json_set(&b, o, "cpu_ms", json_int(&b, used.ru_utime.tv_sec * 1000 + used.ru_utime.tv_usec / 1000 + used.ru_stime.tv_sec * 1000 + used.ru_stime.tv_usec / 1000));
	put_int(&b, o, "late_ticks", ph->late_ticks);
	times_json(&b, o, ph);
	sums_json(&b, o, ph);
	for (unsigned i = 0; i < ph->n_calls; i++) {
		json_push(&b, calls, ph->calls[i].json);
		ph->calls[i].json = NULL;
	}
	json_set(&b, o, "results", calls);
	if (b.err == ERR_OK)
		json_write_pretty(out, o);
	buf_addc(out, '\n');
	json_object_put(o);
}
