/* model_dialect - what other servers do differently, as tables and a few moves of members. */
#include "model_dialect.h"
#include "model_fmt.h"

static const struct {
	const char *path, *header, *prefix;
} doors[] = {
	[MODEL_OPENAI] = { "/v1/realtime",        "authorization:", "Bearer " },
	[MODEL_AZURE]  = { "/openai/v1/realtime", "api-key:",       "" },
	[MODEL_XAI]    = { "/v1/realtime",        "authorization:", "Bearer " },
	[MODEL_BETA]   = { "/v1/realtime",        "authorization:", "Bearer " },
};
_Static_assert(sizeof doors / sizeof *doors == MODEL_DIALECTS, "a row per dialect");

enum model_dialect dialect_named(const char *word)
{
	struct span words = SPAN(MODEL_DIALECT_WORDS), one;
	unsigned d = 0;

	while (span_cut(&words, ' ', &one) && !span_is(one, word))
		d++;
	return d < MODEL_DIALECTS ? (enum model_dialect)d : MODEL_OPENAI;
}

const char *dialect_path(enum model_dialect d)
{
	return doors[d].path;
}

const char *dialect_key_header(enum model_dialect d, const char **prefix)
{
	*prefix = doors[d].prefix;
	return doors[d].header;
}

/* --- in --- */

static bool refused(struct complaint *c, const char *param)
{
	return model_complain(c, "unknown_parameter", param, "Unknown parameter: '%s'.", param);
}

static bool azure_session(struct json_object *ses, struct complaint *c)
{
	if (span_is(json_get_span(json_path(ses, "audio.input.turn_detection"), "type"), "semantic_vad"))
		return model_complain(c, "invalid_value", "session.audio.input.turn_detection.type", "semantic_vad does not work here.");
	if (json_object_is_type(json_get(ses, "truncation"), json_type_object))
		return refused(c, "session.truncation");
	return true;
}

static bool xai_turns(struct json_object *turn, struct complaint *c)
{
	double threshold = 0.85;

	json_get_num(turn, "threshold", &threshold);
	if (turn && !span_is(json_get_span(turn, "type"), "server_vad"))
		return model_complain(c, "invalid_value", "session.turn_detection.type", "Only server_vad is supported.");
	if (threshold < 0.1 || threshold > 0.9)
		return model_complain(c, "invalid_value", "session.turn_detection.threshold", "The threshold must be from 0.1 to 0.9.");
	return true;
}

static bool xai_effort(struct json_object *ses, struct complaint *c)
{
	struct span effort = json_get_span(json_get(ses, "reasoning"), "effort");

	if (effort.p && !span_is(effort, "high") && !span_is(effort, "none"))
		return model_complain(c, "invalid_value", "session.reasoning.effort", "The effort must be high or none.");
	json_object_object_del(ses, "reasoning");
	return true;
}

static void move(struct jbuild *b, struct json_object *from, const char *key, struct json_object *to)
{
	struct json_object *v;

	if (!json_object_object_get_ex(from, key, &v))
		return;
	json_set(b, to, key, json_object_get(v));
	json_object_object_del(from, key);
}

static struct json_object *member(struct jbuild *b, struct json_object *o, const char *key)
{
	if (!json_get(o, key))
		json_set(b, o, key, json_obj(b));
	return json_get(o, key);
}

static bool xai_session(struct json_object *ses, struct complaint *c)
{
	static const char *const unknown[] = { "output_modalities", "max_output_tokens", "truncation", "tracing", "prompt" };
	static const char *const elsewhere[] = { "audio.input.turn_detection", "audio.input.noise_reduction", "audio.output.voice", "audio.output.speed",
						 "audio.input.transcription.language", "audio.input.transcription.prompt" };
	struct jbuild b = { 0 };
	struct json_object *audio;

	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		if (json_get(ses, unknown[i]))
			return refused(c, unknown[i]);
	for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
		if (json_path(ses, elsewhere[i]))
			return refused(c, elsewhere[i]);
	if (!xai_turns(json_get(ses, "turn_detection"), c) || !xai_effort(ses, c))
		return false;
	json_set(&b, ses, "type", json_strz(&b, "realtime"));
	audio = member(&b, ses, "audio");
	move(&b, ses, "turn_detection", member(&b, audio, "input"));
	move(&b, ses, "voice", member(&b, audio, "output"));
	return b.err == ERR_OK;
}

bool dialect_in(enum model_dialect d, struct json_object *ev, struct complaint *c)
{
	struct json_object *ses = json_get(ev, "session");

	if (!ses || !json_object_is_type(ses, json_type_object))
		return true;
	return d == MODEL_AZURE ? azure_session(ses, c) : d == MODEL_XAI ? xai_session(ses, c) : true;
}

/* --- out --- */

static const struct {
	const char *ga, *old;                /* NULL: there was no such event */
} old_names[] = {
	{ "response.output_audio.delta", "response.audio.delta" },
	{ "response.output_audio.done", "response.audio.done" },
	{ "response.output_audio_transcript.delta", "response.audio_transcript.delta" },
	{ "response.output_audio_transcript.done", "response.audio_transcript.done" },
	{ "response.output_text.delta", "response.text.delta" },
	{ "response.output_text.done", "response.text.done" },
	{ "conversation.item.added", "conversation.item.created" },
	{ "conversation.item.done", NULL },
};

static bool beta_event(struct jbuild *b, struct json_object *ev)
{
	struct span type = json_get_span(ev, "type");

	for (size_t i = 0; i < sizeof old_names / sizeof *old_names; i++) {
		if (!span_is(type, old_names[i].ga))
			continue;
		if (!old_names[i].old)
			return false;
		json_set(b, ev, "type", json_strz(b, old_names[i].old));
		break;
	}
	return true;
}

static void xai_shape(struct jbuild *b, struct json_object *ses)
{
	struct json_object *audio = json_get(ses, "audio");

	move(b, json_get(audio, "input"), "turn_detection", ses);
	move(b, json_get(audio, "output"), "voice", ses);
	json_object_object_del(ses, "type");
	json_object_object_del(ses, "output_modalities");
}

/* Usage stands at the top, inside there is an empty one; details of the status are a word. */
static void xai_done(struct jbuild *b, struct json_object *ev)
{
	struct json_object *rsp = json_get(ev, "response");

	move(b, rsp, "usage", ev);
	json_set(b, rsp, "usage", json_obj(b));
	if (!json_get(rsp, "status_details"))
		json_set(b, rsp, "status_details", json_strz(b, "unimplemented"));
}

static bool xai_event(struct jbuild *b, struct json_object *ev)
{
	static const char *const missing[] = { "conversation.item.done", "rate_limits.updated", "conversation.item.retrieved" };
	struct span type = json_get_span(ev, "type");

	for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
		if (span_is(type, missing[i]))
			return false;
	if (json_get(ev, "session"))
		xai_shape(b, json_get(ev, "session"));
	if (span_is(type, "response.done"))
		xai_done(b, ev);
	if (span_is(type, "conversation.item.input_audio_transcription.completed")) {
		json_object_object_del(ev, "usage");
		json_set(b, ev, "status", json_strz(b, "completed"));
	}
	json_object_object_del(ev, "output_index");
	return true;
}

/* The words so far, said to be unfinished; an item that is there before it is spoken; a ping of its own. */
static void xai_more(struct span type, struct json_object *ev, struct buf *out)
{
	struct span words = json_get_span(ev, "transcript");

	if (span_is(type, "conversation.item.input_audio_transcription.completed"))
		model_fmt(out, "{'type':%Q,'event_id':'event_progress','item_id':%Q,'content_index':0,'status':'in_progress','transcript':%Q}", type,
			  json_get_span(ev, "item_id"), span_head(words, words.n / 3));
	else if (span_is(type, "input_audio_buffer.speech_started"))
		model_fmt(out, "{'type':'conversation.item.added','event_id':'event_early','previous_item_id':null,'item':{'id':%Q,'type':'message',"
			       "'role':'user','status':'in_progress','content':[]}}", json_get_span(ev, "item_id"));
	else if (span_is(type, "session.created"))
		buf_addz(out, "{\"type\":\"ping\",\"event_id\":\"event_ping\",\"timestamp\":1796040000}");
}

unsigned dialect_out(enum model_dialect d, struct span event, struct buf out[DIALECT_OUT])
{
	struct jbuild b = { 0 };
	struct json_object *ev = NULL;
	unsigned n = 0;

	if (json_read(&ev, event) != ERR_OK)
		return 0;
	if (d == MODEL_XAI) {
		xai_more(json_get_span(ev, "type"), ev, &out[n]);
		n += out[n].n > 0;
	}
	if (d == MODEL_BETA ? beta_event(&b, ev) : d == MODEL_XAI ? xai_event(&b, ev) : true)
		if (!b.err && json_write(&out[n], ev) == ERR_OK)
			n++;
	json_object_put(ev);
	return n;
}
