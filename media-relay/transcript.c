/* transcript - what is kept of a call. */
#include <stdlib.h>

#include "media-relay/redact.h"
#include "media-relay/transcript.h"

#define CHARS_PER_SECOND 20              /* nobody speaks faster: words arrive ahead of their audio */

void transcript_init(struct transcript *t, const struct session_ops *ops, void *ctx)
{
	memset(t, 0, sizeof *t);
	t->ops = ops;
	t->ctx = ctx;
}

void transcript_setup(struct transcript *t, const struct setup *s)
{
	t->keep_turns = s->keep_turns;
	t->keep_events = s->keep_events;
	t->wordless = s->wordless;
	t->redact = s->redact;
	t->transcription = s->transcription;
	t->turn_seq = s->turn_seq;
	t->event_seq = s->event_seq;
	t->turns = s->turns;
	t->barge_ins = s->barge_ins;
	t->reconnects = s->reconnects;
	memcpy(t->usage, s->usage, sizeof t->usage);
	t->cost = s->cost;
}

static void release(struct open_turn *o)
{
	buf_fini(&o->text);
	memset(o, 0, sizeof *o);
}

void transcript_fini(struct transcript *t)
{
	for (unsigned i = 0; i < TRANSCRIPT_OPEN; i++)
		release(&t->open[i]);
}

/* --- saving --- */

/* What cannot be hidden for want of memory is not stored. */
static char *hidden(const char *text, struct buf *b)
{
	if (!text)
		return NULL;
	redact_text(b, span_z(text));
	return b->err ? NULL : (char *)(uintptr_t)buf_z(b);
}

void transcript_store(struct transcript *t, const struct turn *u)
{
	struct turn kept = *u;
	struct buf text = BUF_INIT, full = BUF_INIT;

	if (!t->keep_turns)
		return;
	if (t->wordless || t->redact) {
		kept.text = t->wordless ? NULL : hidden(u->text, &text);
		kept.full_text = t->wordless ? NULL : hidden(u->full_text, &full);
	}
	t->ops->save_turn(t->ctx, &kept);
	buf_fini(&text);
	buf_fini(&full);
}

static size_t bytes_of(struct span s, int64_t chars)
{
	size_t n = 0;

	for (; chars > 0 && n < s.n; chars--) {
		size_t k = span_utf8_step(span_skip(s, n));

		n += k ? k : 1;
	}
	return n;
}

/* A text may end here: at a blank, and in scripts that have none (their characters take three bytes or more) before any character. */
static bool may_end(char c)
{
	return c == ' ' || (unsigned char)c >= 0xE0;
}

/* Where the caller stopped hearing: in proportion to the audio, back to the last blank. */
static struct span heard_part(const struct open_turn *o)
{
	struct span all = buf_span(&o->text);
	size_t n = o->came_ms > 0 ? (size_t)((double)all.n * (double)o->heard_ms / (double)o->came_ms) : 0;
	size_t fast = bytes_of(all, o->heard_ms * CHARS_PER_SECOND / 1000);

	n = n < fast ? n : fast;
	if (n >= all.n)
		return all;
	while (n && !may_end(all.p[n]))
		n--;
	return span_trim(span_head(all, n));
}

static int64_t positive_or_null(int64_t v)
{
	return v > 0 ? v : FIELD_NULL_INT;
}

static bool is_part(const struct open_turn *o)
{
	return o->interrupted || o->broken || (o->stored_ms && !o->over);
}

/* Of an answer: how long it was, and where the time before it went. NULL: nothing to say. */
static char *meta_of(const struct open_turn *o, struct buf *b)
{
	if (o->user || (!o->over && !o->latency_ms))
		return NULL;
	buf_addc(b, '{');
	if (o->over)
		buf_printf(b, "\"audio_ms\":%lld", (long long)o->came_ms);
	if (o->latency_ms)
		buf_printf(b, "%s\"latency\":{\"first_delta_ms\":%lld,\"first_sent_ms\":%lld,\"first_heard_ms\":%lld}", o->over ? "," : "", (long long)o->delta_ms,
			   (long long)o->sent_ms, (long long)o->latency_ms);
	buf_addc(b, '}');
	return b->err ? NULL : (char *)(uintptr_t)buf_z(b);
}

static void write_turn(struct transcript *t, struct open_turn *o, bool keep, bool tell)
{
	char *full = o->text.n ? (char *)(uintptr_t)buf_z(&o->text) : NULL, *part = NULL;
	struct buf meta = BUF_INIT;
	struct turn u = {
		.seq = o->seq, .role = o->user ? "user" : "assistant", .text = full, .started_at = o->started_at,
		.completed_at = positive_or_null(o->completed_at), .interrupted = o->interrupted, .heard_ms = FIELD_NULL_INT,
		.latency_ms = positive_or_null(o->latency_ms), .item_id = o->item[0] ? o->item : NULL, .response_id = o->response[0] ? o->response : NULL,
	};

	if (!o->user && (o->over || o->stored_ms))
		u.heard_ms = o->heard_ms;
	if (is_part(o)) {
		part = span_dup(heard_part(o));
		u.text = part;
		u.full_text = full && part && strlen(part) < o->text.n ? full : NULL;
	}
	u.meta = meta_of(o, &meta);
	if (keep)
		transcript_store(t, &u);
	if (t->history && tell)
		history_turn(t->history, &u);
	buf_fini(&meta);
	free(part);
}

static void save(struct transcript *t, struct open_turn *o)
{
	if (!o->saved) {
		o->saved = true;
		t->turns++;
	}
	write_turn(t, o, true, true);
}

/* An answer is complete when its words are and the caller has heard it or stopped hearing it. */
static void settle(struct transcript *t, struct open_turn *o)
{
	if (o->over || (o->final && o->begun))
		save(t, o);
	if (o->final && o->over)
		release(o);
}

/* --- the open turns --- */

static struct open_turn *find(struct transcript *t, struct part part, bool user)
{
	for (unsigned i = 0; i < TRANSCRIPT_OPEN; i++)
		if (t->open[i].used && t->open[i].user == user && t->open[i].part == part.index && span_is(part.item, t->open[i].item))
			return &t->open[i];
	return NULL;
}

/* A place for one more: when there is none, the oldest is kept as it is. */
static struct open_turn *place(struct transcript *t)
{
	struct open_turn *oldest = &t->open[0];

	for (unsigned i = 0; i < TRANSCRIPT_OPEN; i++) {
		if (!t->open[i].used)
			return &t->open[i];
		if (t->open[i].seq < oldest->seq)
			oldest = &t->open[i];
	}
	if (oldest->saved || (oldest->text.n && (oldest->user || oldest->begun)))
		save(t, oldest);
	release(oldest);
	return oldest;
}

static struct open_turn *begin(struct transcript *t, struct part part, bool user)
{
	struct open_turn *o = find(t, part, user);

	if (o)
		return o;
	o = place(t);
	o->used = true;
	o->user = user;
	o->seq = t->turn_seq++;
	o->started_at = t->ops->wall_ms(t->ctx);
	o->text = BUF_BOUND(TRANSCRIPT_TEXT_MAX);
	o->part = part.index;
	span_copy(o->item, sizeof o->item, part.item);
	return o;
}

/* What is too long is cut, not lost. */
static void add_words(struct open_turn *o, struct span words)
{
	buf_add(&o->text, span_head(words, TRANSCRIPT_TEXT_MAX - 1 - o->text.n));
}

/* --- the caller --- */

static struct part whole(struct span item)
{
	return (struct part){ item, 0 };
}

void transcript_speech(struct transcript *t, struct span item, int64_t ago_ms)
{
	struct open_turn *o = begin(t, whole(item), true);

	o->started_at = t->ops->wall_ms(t->ctx) - ago_ms;
}

void transcript_speech_over(struct transcript *t, struct span item, int64_t ago_ms)
{
	struct open_turn *o = begin(t, whole(item), true);

	o->completed_at = t->ops->wall_ms(t->ctx) - ago_ms;
	if (o->completed_at < o->started_at)
		o->completed_at = o->started_at;
	if (t->transcription)
		return;
	save(t, o);                                      /* somebody spoke; nobody wrote it down */
	release(o);
}

void transcript_heard_delta(struct transcript *t, struct span item, struct span words)
{
	add_words(begin(t, whole(item), true), words);
}

static bool is_silence(struct span words)
{
	return words.p && span_trim(words).n == 0;
}

void transcript_heard(struct transcript *t, struct span item, struct span words)
{
	struct open_turn *o = begin(t, whole(item), true);

	if (is_silence(words)) {
		release(o);
		return;
	}
	buf_reset(&o->text);
	add_words(o, span_trim(words));
	if (!o->completed_at)
		o->completed_at = t->ops->wall_ms(t->ctx);
	save(t, o);
	release(o);
}

void transcript_keys(struct transcript *t, struct span text)
{
	struct open_turn *o = begin(t, whole(SPAN("")), true);

	buf_add(&o->text, text);
	o->completed_at = o->started_at;
	save(t, o);
	release(o);
}

/* --- the agent --- */

static struct open_turn *answer(struct transcript *t, struct part part, struct span response)
{
	struct open_turn *o = begin(t, part, false);

	if (!o->response[0])
		span_copy(o->response, sizeof o->response, response);
	return o;
}

void transcript_answer(struct transcript *t, struct part part, struct span response)
{
	struct open_turn *o = answer(t, part, response);

	if (!o->audio)
		o->delta_at_ms = t->ops->now_ms(t->ctx);
	o->audio = true;
}

void transcript_words_delta(struct transcript *t, struct part part, struct span response, struct span words)
{
	struct open_turn *o = answer(t, part, response);

	if (!o->final)
		add_words(o, words);
}

void transcript_words(struct transcript *t, struct part part, struct span response, struct span words)
{
	struct open_turn *o = answer(t, part, response);

	if (words.n) {
		buf_reset(&o->text);
		add_words(o, words);
	}
	o->final = true;
	settle(t, o);
}

/* Made it was before, in the greeting's case before there was a caller. */
void transcript_begun(struct transcript *t, struct part part, int64_t ago_ms)
{
	struct open_turn *o = find(t, part, false);

	if (!o || o->begun)
		return;
	o->begun = true;
	o->started_at = t->ops->wall_ms(t->ctx) - ago_ms;
	settle(t, o);
}

static int64_t since(int64_t from_ms, int64_t at_ms)
{
	return at_ms > from_ms ? at_ms - from_ms : 0;
}

void transcript_latency(struct transcript *t, struct part part, int64_t last_word_ms, int64_t sent_ms, int64_t heard_ms)
{
	struct open_turn *o = find(t, part, false);
	int64_t ms = since(last_word_ms, heard_ms);

	if (o) {
		o->latency_ms = ms;
		o->delta_ms = since(last_word_ms, o->delta_at_ms);
		o->sent_ms = since(last_word_ms, sent_ms);
	}
	if (t->latencies_n < TRANSCRIPT_LATENCIES)
		t->latencies[t->latencies_n++] = (uint32_t)ms;
}

static void over(struct transcript *t, struct open_turn *o, int64_t heard_ms, int64_t came_ms)
{
	o->over = true;
	o->heard_ms = heard_ms;
	o->came_ms = came_ms;
	o->completed_at = t->ops->wall_ms(t->ctx);
	settle(t, o);
}

void transcript_played(struct transcript *t, struct part part, int64_t heard_ms)
{
	struct open_turn *o = find(t, part, false);

	if (!o)
		return;
	o->interrupted = o->broken;
	over(t, o, heard_ms, heard_ms);
}

void transcript_cut(struct transcript *t, struct part part, int64_t heard_ms, int64_t came_ms)
{
	struct open_turn *o = find(t, part, false);

	if (!o)
		return;
	o->interrupted = true;
	over(t, o, heard_ms, came_ms);
}

void transcript_progress(struct transcript *t, struct part part, int64_t heard_ms, int64_t came_ms)
{
	struct open_turn *o = find(t, part, false);

	if (!o || o->over || !o->begun || !t->keep_turns || heard_ms - o->stored_ms < TRANSCRIPT_PROGRESS_MS)
		return;
	o->stored_ms = o->heard_ms = heard_ms;
	o->came_ms = came_ms;
	t->turns += !o->saved;
	o->saved = true;
	write_turn(t, o, true, false);
}

/* Words arrive ahead of their audio: until the caller has heard it, it is what came that will be heard. */
void transcript_broken(struct transcript *t, struct part part, int64_t came_ms)
{
	struct open_turn *o = find(t, part, false);

	if (!o || o->over)
		return;
	o->broken = true;
	o->heard_ms = o->came_ms = came_ms;
}

static void no_more_words(struct transcript *t, struct open_turn *o)
{
	if (!o->used || o->user || (o->final && o->audio))
		return;
	o->final = true;
	if (o->audio)
		settle(t, o);
	else
		release(o);
}

void transcript_response_over(struct transcript *t, struct span response)
{
	for (unsigned i = 0; i < TRANSCRIPT_OPEN; i++)
		if (span_is(response, t->open[i].response))
			no_more_words(t, &t->open[i]);
}

void transcript_no_more_words(struct transcript *t)
{
	for (unsigned i = 0; i < TRANSCRIPT_OPEN; i++)
		no_more_words(t, &t->open[i]);
}

/* As if it were heard to its end: what is not, is amended. */
static void share(struct transcript *t, struct open_turn *o)
{
	int64_t stored_ms = o->stored_ms;

	o->stored_ms = 0;
	write_turn(t, o, false, true);
	o->stored_ms = stored_ms;
}

void transcript_share(struct transcript *t)
{
	for (unsigned i = 0; i < TRANSCRIPT_OPEN; i++)
		if (t->open[i].used && t->open[i].audio && t->open[i].text.n)
			share(t, &t->open[i]);
}

void transcript_unheard(struct transcript *t, struct span item)
{
	struct open_turn *o = find(t, whole(item), true);

	if (o)
		release(o);
}

void transcript_forget_answers(struct transcript *t)
{
	for (unsigned i = 0; i < TRANSCRIPT_OPEN; i++)
		if (t->open[i].used && !t->open[i].user && !t->open[i].saved)
			release(&t->open[i]);
}

void transcript_finish(struct transcript *t)
{
	for (unsigned i = 0; i < TRANSCRIPT_OPEN; i++) {
		struct open_turn *o = &t->open[i];

		if (o->used && (o->saved || (o->text.n && (o->user || o->begun))))
			save(t, o);
		release(o);
	}
}

/* --- numbers --- */

void transcript_usage(struct transcript *t, struct span model, const int64_t usage[REALTIME_USAGE])
{
	int64_t u[USAGE_KINDS] = { 0 };

	memcpy(u, usage, REALTIME_USAGE * sizeof *u);
	for (unsigned i = 0; i < REALTIME_USAGE; i++)
		t->usage[i] += u[i];
	t->cost += price_response(model, u);
}

void transcript_transcription(struct transcript *t, struct span model, int64_t input, int64_t output, double seconds)
{
	t->usage[USAGE_TRANSCRIPTION] += input + output;
	t->cost += price_transcription(model, input, output, seconds);
}

struct call_changes call_changes_none(void)
{
	struct call_changes c = {
		.connected_at = FIELD_NULL_INT, .ended_at = FIELD_NULL_INT, .turns = FIELD_NULL_INT, .barge_ins = FIELD_NULL_INT,
		.reconnects = FIELD_NULL_INT, .latency_p50_ms = FIELD_NULL_INT, .latency_p95_ms = FIELD_NULL_INT,
		.turn_seq = FIELD_NULL_INT, .event_seq = FIELD_NULL_INT, .greeted = -1, .cost = NAN,
	};

	for (unsigned i = 0; i < sizeof c.usage / sizeof *c.usage; i++)
		c.usage[i] = FIELD_NULL_INT;
	return c;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Nearest rank. */
static int64_t percentile(const uint32_t *sorted, unsigned n, unsigned percent)
{
	return n ? (int64_t)sorted[(n * percent + 99) / 100 - 1] : FIELD_NULL_INT;
}

void transcript_changes(const struct transcript *t, struct call_changes *c)
{
	uint32_t sorted[TRANSCRIPT_LATENCIES];

	memcpy(sorted, t->latencies, t->latencies_n * sizeof *sorted);
	qsort(sorted, t->latencies_n, sizeof *sorted, by_size);
	c->turns = t->turns;
	c->barge_ins = t->barge_ins;
	c->reconnects = t->reconnects;
	c->turn_seq = t->turn_seq;
	c->event_seq = t->event_seq;
	memcpy(c->usage, t->usage, sizeof c->usage);
	c->cost = price_round(t->cost);
	c->latency_p50_ms = percentile(sorted, t->latencies_n, 50);
	c->latency_p95_ms = percentile(sorted, t->latencies_n, 95);
}

/* --- events --- */

static char *lend(struct span s, struct buf *b)
{
	if (!s.p)
		return NULL;
	buf_add(b, s);
	return b->err ? NULL : (char *)(uintptr_t)buf_z(b);
}

/* Words are a payload of their own kind. */
static char *words_of(const struct transcript *t, struct span words, struct buf *b)
{
	if (t->wordless)
		return NULL;
	if (!t->redact)
		return lend(words, b);
	return redact_json(b, words) || b->err ? NULL : (char *)(uintptr_t)buf_z(b);
}

void transcript_event(struct transcript *t, const struct transcript_event *e)
{
	struct buf item = BUF_INIT, response = BUF_INIT, role = BUF_INIT, error = BUF_INIT, payload = BUF_INIT;
	struct event ev = {
		.seq = t->event_seq, .event_type = (char *)(uintptr_t)e->type, .item_id = lend(e->item, &item), .response_id = lend(e->response, &response),
		.role = lend(e->role, &role), .error = lend(e->error, &error), .created_at = t->ops->wall_ms(t->ctx),
		.payload = e->words.p ? words_of(t, e->words, &payload) : lend(e->payload, &payload),
	};

	if (t->keep_events) {
		t->event_seq++;
		t->ops->save_event(t->ctx, &ev);
	}
	buf_fini(&item);
	buf_fini(&response);
	buf_fini(&role);
	buf_fini(&error);
	buf_fini(&payload);
}
