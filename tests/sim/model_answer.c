/* model_answer - responses: created, delivered faster than they play, cancelled, done, with usage. */
#include <stdlib.h>

#include "base/clock.h"
#include "model_answer.h"
#include "model_fmt.h"

#define BACKLOG_MAX   ((size_t)1 << 20)   /* a client that does not read is not sent more */
#define CHARS_A_TOKEN 4

static const char *const format_json[] = { "{\"type\":\"audio/pcmu\"}", "{\"type\":\"audio/pcma\"}", "{\"type\":\"audio/pcm\",\"rate\":24000}" };

static void answer_free(struct answer *a)
{
	if (!a)
		return;
	for (unsigned i = 0; i < OUTS_MAX; i++) {
		item_put(a->outs[i].item);
		free(a->outs[i].text);
		free(a->outs[i].name);
	}
	json_object_put(a->metadata);
	free(a);
}

void answers_free(struct model_sess *s)
{
	for (struct answer *a = s->answers, *next; a; a = next) {
		next = a->next;
		answer_free(a);
	}
	s->answers = NULL;
}

static struct answer *active(const struct model_sess *s)
{
	struct answer *a = s->answers;

	while (a && a->aside)
		a = a->next;
	return a;
}

bool answer_active(const struct model_sess *s)
{
	return active(s) != NULL;
}

/* --- tokens --- */

static int64_t text_tokens(struct json_object *o)
{
	size_t n = 0;

	if (o)
		json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN, &n);
	return (int64_t)(n / CHARS_A_TOKEN);
}

static void count_input(struct model_sess *s, struct answer *a)
{
	int64_t total;

	a->in_text = text_tokens(json_get(s->cfg, "instructions")) + text_tokens(json_get(s->cfg, "tools")) + 4;
	for (const struct item *it = s->first; it; it = it->next) {
		if (it->audio)
			a->in_audio += it->audio_ms / (it->assistant ? 50 : 100);
		else
			a->in_text += (int64_t)(it->shown / CHARS_A_TOKEN) + 3;
	}
	total = a->in_text + a->in_audio;
	a->cached = (s->seen_tokens < total ? s->seen_tokens : total) / 64 * 64;
	if (!a->aside)
		s->seen_tokens = total;
}

static void write_usage(struct buf *b, const struct answer *a)
{
	int64_t in = a->in_text + a->in_audio, audio = (int64_t)a->audio_ms / 50, text = (int64_t)(a->text_bytes / CHARS_A_TOKEN);
	int64_t cached_text = a->cached < a->in_text ? a->cached : a->in_text;

	model_fmt(b, "{'total_tokens':%l,'input_tokens':%l,'output_tokens':%l,", in + text + audio, in, text + audio);
	model_fmt(b, "'input_token_details':{'text_tokens':%l,'audio_tokens':%l,'image_tokens':0,'cached_tokens':%l,", a->in_text, a->in_audio, a->cached);
	model_fmt(b, "'cached_tokens_details':{'text_tokens':%l,'audio_tokens':%l,'image_tokens':0}},", cached_text, a->cached - cached_text);
	model_fmt(b, "'output_token_details':{'text_tokens':%l,'audio_tokens':%l}}", text, audio);
}

/* --- the response object --- */

static void write_response(struct model_sess *s, struct buf *b, const struct answer *a, const char *status, const char *details, bool done)
{
	bool failed = strcmp(status, "failed") == 0;

	model_fmt(b, ",'response':{'object':'realtime.response','id':%q,'status':%q,'status_details':%s,'output':[", a->id, status, details);
	for (unsigned i = 0, n = 0; done && i < a->n_outs; i++) {
		if (!a->outs[i].item)
			continue;
		buf_addz(b, n++ ? "," : "");
		item_write(b, a->outs[i].item);
	}
	model_fmt(b, "],'conversation_id':%q,'output_modalities':[%q],", a->aside ? NULL : s->conversation, a->text_only ? "text" : "audio");
	if (a->max_tokens)
		model_fmt(b, "'max_output_tokens':%l,", a->max_tokens);
	else
		model_fmt(b, "'max_output_tokens':'inf',");
	model_fmt(b, "'audio':{'output':{'format':%s,'voice':%J}},'usage':", format_json[a->format], json_path(s->cfg, "audio.output.voice"));
	if (done && !failed)
		write_usage(b, a);
	else
		buf_addz(b, "null");
	model_fmt(b, ",'metadata':%J}", a->metadata);
}

static void emit_response(struct model_sess *s, const char *type, const struct answer *a, const char *status, const char *details)
{
	struct buf *b = model_emit_begin(s, type);

	write_response(s, b, a, status, details, strcmp(type, "response.done") == 0);
	model_emit_end(s, type);
}

/* --- the end --- */

static void unlink_answer(struct model_sess *s, struct answer *a)
{
	struct answer **p = &s->answers;

	while (*p != a)
		p = &(*p)->next;
	*p = a->next;
}

static void count_end(struct model_stats *st, const char *status)
{
	if (strcmp(status, "completed") == 0)
		st->responses_completed++;
	else if (strcmp(status, "cancelled") == 0)
		st->responses_cancelled++;
	else if (strcmp(status, "failed") == 0)
		st->responses_failed++;
	else
		st->responses_incomplete++;
}

/* The idle clock runs from the end of the audio as it would play. */
static void idle_arm(struct model_sess *s, const struct answer *a)
{
	int64_t now = clock_ms(), ends = a->first_at ? a->first_at + (int64_t)a->audio_ms : now;

	s->idle_at = s->c.idle_ms ? (ends > now ? ends : now) + s->c.idle_ms : 0;
}

/* The answer goes. */
static void finish(struct model_sess *s, struct answer *a, const char *status, const char *details)
{
	unlink_answer(s, a);
	count_end(&s->m->stats, status);
	if (!a->aside)
		idle_arm(s, a);
	emit_response(s, "response.done", a, status, details);
	s->spent += a->in_text + a->in_audio + (int64_t)a->audio_ms / 50;
	model_emit(s, "rate_limits.updated", "'rate_limits':[{'name':'tokens','limit':200000,'remaining':%l,'reset_seconds':0.66}]",
		   s->spent < 200000 ? 200000 - s->spent : 0);
	answer_free(a);
}

static void finish_failed(struct model_sess *s, struct answer *a)
{
	struct buf d = BUF_INIT;

	model_fmt(&d, "{'type':'failed','error':{'type':%q,'code':%q,'message':%q}}", a->code ? "invalid_request_error" : "server_error", a->code,
		  a->message ? a->message : "The server had an error while processing your request. Sorry about that!");
	finish(s, a, "failed", buf_z(&d));
	buf_fini(&d);
}

static void finish_incomplete(struct model_sess *s, struct answer *a)
{
	struct buf d = BUF_INIT;

	model_fmt(&d, "{'type':'incomplete','reason':%q}", a->code ? a->code : "max_output_tokens");
	finish(s, a, "incomplete", buf_z(&d));
	buf_fini(&d);
}

static void answer_finish(struct model_sess *s, struct answer *a)
{
	if (a->end == REPLY_FAILED)
		finish_failed(s, a);
	else if (a->end == REPLY_INCOMPLETE)
		finish_incomplete(s, a);
	else
		finish(s, a, "completed", "null");
}

static void cancel(struct model_sess *s, struct answer *a, const char *reason)
{
	struct out *o = a->cur < a->n_outs ? &a->outs[a->cur] : NULL;
	struct buf d = BUF_INIT;

	if (o && o->item && a->at == AT_FLOW)
		out_end(s, a, o, ITEM_INCOMPLETE);
	model_fmt(&d, "{'type':'cancelled','reason':%q}", reason);
	finish(s, a, "cancelled", buf_z(&d));
	buf_fini(&d);
}

bool answer_cancel(struct model_sess *s, struct span id, const char *reason)
{
	struct answer *a = s->answers;

	if (!id.p)
		a = active(s);
	else
		while (a && !span_is(id, a->id))
			a = a->next;
	if (!a)
		return false;
	cancel(s, a, reason);
	return true;
}

/* --- steps --- */

/* True while the answer lives. */
static bool step(struct model_sess *s, struct answer *a)
{
	struct out *o = &a->outs[a->cur];

	if (a->at == AT_BEGIN && a->cur < a->n_outs) {
		if (!out_begin(s, a, o))
			a->cur = a->n_outs;
		else
			a->at = AT_FLOW;
		return true;
	}
	if (a->at == AT_FLOW && out_flow(s, a, o))
		return true;
	if (a->at == AT_FLOW) {
		bool cut = a->end != REPLY_COMPLETED && a->cur + 1 == a->n_outs;

		out_end(s, a, o, cut ? ITEM_INCOMPLETE : ITEM_COMPLETED);
		a->cur++;
		a->at = AT_BEGIN;
		return true;
	}
	answer_finish(s, a);
	return false;
}

void answer_tick(struct model_sess *s, int64_t now)
{
	for (struct answer *a = s->answers, *next; a && !s->dead; a = next) {
		next = a->next;
		while (a->due <= now && !s->dead) {
			if (s->ops->backlog(s->conn) > BACKLOG_MAX) {
				a->due = now + 20;
				break;
			}
			if (!step(s, a))
				break;
		}
	}
}

/* --- the beginning --- */

/* Where the audio stops early: by the script, or by the limit of tokens. */
static void limit(struct answer *a)
{
	size_t bpm = speech_bytes_per_ms(a->format), stop = SIZE_MAX;

	if (a->end == REPLY_EMPTY || (a->end == REPLY_FAILED && a->stop_ms == FIELD_NULL_INT)) {
		a->cur = a->n_outs;     /* no output at all */
		return;
	}
	if (a->n_outs == 0)
		return;
	struct out *last = &a->outs[a->n_outs - 1];

	if (a->stop_ms != FIELD_NULL_INT)
		stop = (size_t)a->stop_ms * bpm;
	else if (a->end == REPLY_INCOMPLETE)
		stop = last->total / 2 / (20 * bpm) * 20 * bpm;
	if (a->max_tokens && (size_t)a->max_tokens * 50 * bpm < stop && (size_t)a->max_tokens * 50 * bpm < last->total) {
		stop = (size_t)a->max_tokens * 50 * bpm;
		a->end = REPLY_INCOMPLETE;
		a->code = "max_output_tokens";
	}
	last->total = last->total < stop ? last->total : stop;
}

static bool is_text(struct json_object *modalities)
{
	return span_is(json_span(json_object_array_get_idx(modalities, 0)), "text");
}

static void take_params(struct model_sess *s, struct answer *a, struct json_object *p)
{
	struct json_object *modalities = json_get(p, "output_modalities"), *meta = json_get(p, "metadata");
	struct span type = json_get_span(json_path(p, "audio.output.format"), "type");

	a->text_only = modalities ? is_text(modalities) : s->c.text_only;
	a->format = !type.p ? s->c.out : span_is(type, "audio/pcmu") ? SPEECH_PCMU : span_is(type, "audio/pcma") ? SPEECH_PCMA : SPEECH_PCM24;
	a->aside = span_is(json_get_span(p, "conversation"), "none");
	a->no_calls = span_is(json_get_span(p, "tool_choice"), "none");
	a->max_tokens = s->c.max_tokens;
	json_get_int(p, "max_output_tokens", &a->max_tokens);
	a->metadata = meta ? json_object_get(meta) : NULL;
}

static void link_answer(struct model_sess *s, struct answer *a)
{
	struct answer **p = &s->answers;

	while (*p)
		p = &(*p)->next;
	*p = a;
}

void answer_start(struct model_sess *s, struct json_object *params)
{
	struct answer *a = calloc(1, sizeof *a);
	struct buf why = BUF_INIT;

	if (!a)
		return;
	model_id(s, "resp", a->id);
	take_params(s, a, params);
	if (!reply_plan(s, a, params, &why)) {
		fprintf(stderr, "offhook-sim: model: %s\n", why.n ? buf_z(&why) : err_text(ERR_NOMEM));
		a->end = REPLY_FAILED;
		a->stop_ms = FIELD_NULL_INT;
	}
	buf_fini(&why);
	limit(a);
	count_input(s, a);
	s->m->stats.responses++;
	s->idle_at = 0;
	link_answer(s, a);
	emit_response(s, "response.created", a, "in_progress", "null");
}

/* --- events --- */

static bool voice_free(const struct model_sess *s, struct json_object *params, struct complaint *c)
{
	if (!s->voice_locked || !json_path(params, "audio.output.voice"))
		return true;
	return model_complain(c, "cannot_update_voice", "response.audio.output.voice", "Cannot update a conversation's voice if assistant audio is present.");
}

static bool input_known(struct model_sess *s, struct json_object *input, struct complaint *c)
{
	for (size_t i = 0; input && i < json_object_array_length(input); i++) {
		struct json_object *o = json_object_array_get_idx(input, i);
		struct span id = json_get_span(o, "id");

		if (span_is(json_get_span(o, "type"), "item_reference") && !item_find(s, id))
			return model_complain(c, "invalid_value", "response.input", "Item with id '" SPAN_FMT "' not found in conversation.",
					      SPAN_ARG(span_head(id, 80)));
	}
	return true;
}

bool answer_on_create(struct model_sess *s, struct json_object *ev, struct complaint *c)
{
	struct json_object *params = json_get(ev, "response");
	const struct answer *now = active(s);
	bool aside = span_is(json_get_span(params, "conversation"), "none");

	if (now && !aside)
		return model_complain(c, "conversation_already_has_active_response", NULL,
				      "Conversation already has an active response in progress: %s. Wait until the response is finished before creating a new one.",
				      now->id);
	if (!voice_free(s, params, c) || !input_known(s, json_get(params, "input"), c))
		return false;
	answer_start(s, params);
	return true;
}

bool answer_on_cancel(struct model_sess *s, struct json_object *ev, struct complaint *c)
{
	struct span id = json_get_span(ev, "response_id");

	if (answer_cancel(s, id, "client_cancelled"))
		return true;
	return model_complain(c, "response_cancel_not_active", NULL, "Cancellation failed: no active response found");
}
