/* model_reply - what the simulated model says next: by the script, by words it was asked to say, or something sensible. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "model_answer.h"

static struct out *out_add(struct answer *a, struct span text)
{
	struct out *o = a->n_outs < OUTS_MAX ? &a->outs[a->n_outs] : NULL;

	if (!o)
		return NULL;
	*o = (struct out){ .text = span_dup(text.p ? text : SPAN("")) };
	if (!o->text)
		return NULL;
	a->n_outs++;
	return o;
}

static void pattern_for(const struct answer *a, struct out *o, double seconds)
{
	o->pattern_bytes = (uint64_t)(seconds * 50 + 0.5) * 20 * speech_bytes_per_ms(a->format);
	o->total = (size_t)o->pattern_bytes;
}

static bool add_pattern(struct answer *a, double seconds)
{
	struct out *o = out_add(a, SPAN("pattern"));

	if (o)
		pattern_for(a, o, seconds);
	return o != NULL;
}

static bool add_words(struct model_sess *s, struct answer *a, struct span text, const char *wav, const char *phase, struct buf *why)
{
	struct out *o = out_add(a, text);
	enum err e = ERR_OK;

	if (!o)
		return false;
	o->phase = model_reasons(s) ? phase : NULL;
	if (a->text_only)
		return true;
	if (!s->m->speech) {
		pattern_for(a, o, 0.5);
		return true;
	}
	e = wav ? speech_file(s->m->speech, wav, text, &o->clip, why) : speech_get(s->m->speech, SPEECH_AGENT, text, &o->clip, why);
	if (e)
		return false;
	o->total = o->clip->audio[a->format].n;
	return true;
}

static bool add_call(struct answer *a, const struct call_step *c)
{
	struct out *o = out_add(a, span_z(c->arguments ? c->arguments : "{}"));

	if (!o)
		return false;
	o->call = true;
	o->name = span_dup(span_z(c->name));
	return o->name != NULL;
}

/* Nobody calls what the session does not offer. */
static bool add_mcp(struct model_sess *s, struct answer *a, const struct mcp_step *m)
{
	struct out *o;

	if (!mcp_known(s, m)) {
		fprintf(stderr, "offhook-sim: model: the session has no tool %s on an MCP server %s\n", m->name, m->server);
		return true;
	}
	o = out_add(a, span_z(m->arguments ? m->arguments : "{}"));
	if (o)
		o->mcp = m;
	return o != NULL;
}

static bool add_reply(struct model_sess *s, struct answer *a, const struct reply *r, struct buf *why)
{
	bool fine = true;

	a->end = reply_end_of(r);
	a->code = r->code;
	a->message = r->message;
	a->stop_ms = r->stop_ms;
	if (r->delay_ms != FIELD_NULL_INT)
		a->due = clock_ms() + r->delay_ms;
	if (r->commentary)
		fine = add_words(s, a, span_z(r->commentary), NULL, "commentary", why);
	if (fine && !isnan(r->pattern_seconds))
		fine = add_pattern(a, r->pattern_seconds);
	else if (fine && r->say)
		fine = add_words(s, a, span_z(r->say), r->wav, "final_answer", why);
	for (size_t i = 0; fine && !a->no_calls && i < r->n_calls; i++)
		fine = add_call(a, &r->calls[i]);
	for (size_t i = 0; fine && !a->no_calls && i < r->n_mcp; i++)
		fine = add_mcp(s, a, &r->mcp[i]);
	return fine;
}

static bool say(struct model_sess *s, struct answer *a, const char *text, struct buf *why)
{
	return add_words(s, a, span_z(text), NULL, "final_answer", why);
}

/* Between `open` and the `close` that ends latest in the text. */
static struct span last_between(struct span text, struct span open, struct span close)
{
	const char *to = NULL, *from = NULL;

	for (size_t i = 0; i + close.n <= text.n; i++)
		if (memcmp(text.p + i, close.p, close.n) == 0)
			to = text.p + i;
	for (const char *p = text.p; to && p + open.n <= to; p++)
		if (memcmp(p, open.p, open.n) == 0)
			from = p + open.n;
	return from ? span_of(from, (size_t)(to - from)) : SPAN_NONE;
}

/* Instructions that ask for certain words carry them in quotation marks: what follows the last `: "`, else the last quoted piece. */
static struct span quoted(struct span text)
{
	static const struct {
		struct span open, close;
	} marks[] = { { { ": \"", 3 }, { "\"", 1 } }, { { "\xE2\x80\x9C", 3 }, { "\xE2\x80\x9D", 3 } }, { { "\"", 1 }, { "\"", 1 } } };

	for (size_t m = 0; m < sizeof marks / sizeof *marks; m++) {
		struct span words = last_between(text, marks[m].open, marks[m].close);

		if (words.n)
			return words;
	}
	return SPAN_NONE;
}

static const struct item *last_given(const struct model_sess *s)
{
	const struct item *it = s->last;

	while (it && it->status == ITEM_PROGRESS)
		it = it->prev;
	return it;
}

static bool is_result(const struct item *it)
{
	return it && it->raw && span_is(json_get_span(it->raw, "type"), "function_call_output");
}

/* A system text in brackets, when it is the last that was given: something has happened, or a message is to be said word for word. */
static struct span order(const struct item *it)
{
	bool system = it && it->raw && span_is(json_get_span(it->raw, "role"), "system");
	struct span text = span_z(system && it->text ? it->text : "");

	return span_starts(text, SPAN("[")) ? text : SPAN_NONE;
}

static bool has_next(const struct model_sess *s)
{
	const struct turn *t = script_turn(s->script, s->turn);

	return t && s->turns > 0 && s->step + 1 < t->n_replies;
}

static bool is_text_of_caller(const struct item *it)
{
	return it && it->raw && it->kind == ITEM_MESSAGE && span_is(json_get_span(it->raw, "role"), "user");
}

static bool turn_reply(struct model_sess *s, struct answer *a, struct buf *why)
{
	const struct turn *t = script_turn(s->script, s->turn);
	char text[120];

	if (t && s->step < t->n_replies)
		return add_reply(s, a, &t->replies[s->step], why);
	if (s->step > 0)
		return say(s, a, "Thank you for waiting. I have the answer now.", why);
	snprintf(text, sizeof text, "This is answer %u.", s->turn + 1);
	return say(s, a, text, why);
}

static bool keys_reply(struct model_sess *s, struct answer *a, struct span keys, struct buf *why)
{
	struct buf b = BUF_BOUND(400);
	bool fine;

	buf_addz(&b, "You pressed");
	for (size_t i = 0; i < keys.n && i < 40 && keys.p[i] != ']'; i++)
		if (keys.p[i] != ' ')
			buf_printf(&b, " %c", keys.p[i]);
	buf_addc(&b, '.');
	fine = say(s, a, buf_z(&b), why);
	buf_fini(&b);
	return fine;
}

static bool text_reply(struct model_sess *s, struct answer *a, const struct item *it, struct buf *why)
{
	struct span text = span_z(it->text), keypad = SPAN("[keypad: ");

	if (span_starts(text, keypad))
		return keys_reply(s, a, span_skip(text, keypad.n), why);
	return turn_reply(s, a, why);
}

/* With nothing new to answer: the greeting first, then small talk. */
static bool unasked(struct model_sess *s, struct answer *a, struct buf *why)
{
	bool idle = s->idle_asked;

	s->idle_asked = false;
	if (idle)
		return say(s, a, "Are you still there?", why);
	if (s->turns == 0 && !s->greeted)
		return say(s, a, s->script->greeting, why);
	return say(s, a, "Is there anything else I can do for you?", why);
}

static bool from_conversation(struct model_sess *s, struct answer *a, struct buf *why)
{
	const struct item *last = last_given(s);
	struct span told = order(last), words = quoted(told);
	bool news = s->mcp_news;

	s->mcp_news = false;
	if (s->turn_open) {
		s->turn_open = false;
		return turn_reply(s, a, why);
	}
	if (news || is_result(last) || (told.n && !words.n && has_next(s))) {
		s->step++;
		return turn_reply(s, a, why);
	}
	if (words.n)
		return add_words(s, a, words, NULL, "final_answer", why);
	return is_text_of_caller(last) ? text_reply(s, a, last, why) : unasked(s, a, why);
}

bool reply_plan(struct model_sess *s, struct answer *a, struct json_object *params, struct buf *why)
{
	struct span words = quoted(json_get_span(params, "instructions"));
	bool fine;

	a->due = clock_ms() + s->script->first_output_ms;
	a->stop_ms = FIELD_NULL_INT;
	if (script_is_pattern(s->script)) {
		s->pattern_started = true;
		a->due = clock_ms();
		return add_pattern(a, s->script->pattern_seconds);
	}
	if (words.n)
		fine = add_words(s, a, words, NULL, "final_answer", why);
	else if (span_is(json_get_span(json_get(params, "metadata"), "purpose"), "continue"))
		fine = say(s, a, "So, to go on where I was.", why);
	else if (a->aside)
		fine = say(s, a, "One moment, please.", why);
	else
		fine = from_conversation(s, a, why);
	s->greeted = true;
	return fine;
}
