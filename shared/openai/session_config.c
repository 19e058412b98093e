/* session_config - agent -> session.update. What servers take differently is a column of `dialects`, never a branch elsewhere. */
#include "base/json.h"
#include "openai/session_config.h"

struct format {
	const char *word, *type;
	int64_t rate;                          /* 0: the type takes none */
};

static const struct format formats[] = {
	[AUDIO_PCMU]  = { "g711_ulaw", "audio/pcmu", 0 },
	[AUDIO_PCMA]  = { "g711_alaw", "audio/pcma", 0 },
	[AUDIO_PCM24] = { "pcm16",     "audio/pcm",  24000 },
};
_Static_assert(sizeof formats / sizeof *formats == AUDIO_FORMATS, "a row per format");

struct traits {
	const char *word;
	struct dialect_auth auth;
	bool nested;                           /* session.type; voice and turn_detection under session.audio */
	bool semantic_vad, truncation, tuning; /* tuning: output_modalities, max_output_tokens, speed, noise_reduction, transcription's language and prompt */
	double threshold_min, threshold_max;
	const char *efforts;                   /* the only reasoning efforts it takes; NULL: all */
};

static const struct traits dialects[] = {
	[DIALECT_OPENAI] = { "openai", { "authorization:", "Bearer " }, true,  true,  true,  true,  0.0, 1.0, NULL },
	[DIALECT_AZURE]  = { "azure",  { "api-key:", "" },              true,  false, false, true,  0.0, 1.0, NULL },
	[DIALECT_XAI]    = { "xai",    { "authorization:", "Bearer " }, false, false, false, false, 0.1, 0.9, "high" },
};
_Static_assert(sizeof dialects / sizeof *dialects == DIALECTS, "a row per dialect");

/* These refuse the whole update when it names a reasoning effort; a name not listed is believed to take it. */
static const char *const no_reasoning[] = { "gpt-realtime-1", "gpt-realtime-mini", "gpt-realtime-2025", "gpt-4o" };

enum audio_format audio_format_of(const char *word)
{
	for (unsigned f = 0; word && f < AUDIO_FORMATS; f++)
		if (strcmp(word, formats[f].word) == 0)
			return (enum audio_format)f;
	return AUDIO_PCMU;
}

const char *audio_format_type(enum audio_format f)
{
	return formats[f].type;
}

bool dialect_of(struct span word, enum dialect *out)
{
	for (unsigned d = 0; d < DIALECTS; d++)
		if (span_is(word, dialects[d].word)) {
			*out = (enum dialect)d;
			return true;
		}
	return false;
}

struct dialect_auth dialect_auth(enum dialect d)
{
	return dialects[d].auth;
}

/* --- pieces of the session --- */

static struct span model_of(const struct session_config *c)
{
	return c->model.n ? c->model : span_z(c->agent->model);
}

static bool is_word(const char *z, const char *word)
{
	return z && strcmp(z, word) == 0;
}

static struct json_object *format_json(struct jbuild *b, const char *word)
{
	const struct format *f = &formats[audio_format_of(word)];
	struct json_object *o = json_obj(b);

	json_set(b, o, "type", json_strz(b, f->type));
	if (f->rate)
		json_set(b, o, "rate", json_int(b, f->rate));
	return o;
}

static void set_text(struct jbuild *b, struct json_object *o, const char *key, const char *z)
{
	if (z && *z)
		json_set(b, o, key, json_strz(b, z));
}

static struct json_object *transcription_json(struct jbuild *b, const struct session_config *c)
{
	const struct agent *a = c->agent;
	struct json_object *o;

	if (!a->enable_input_transcription)
		return NULL;
	o = json_obj(b);
	json_set(b, o, "model", json_str(b, c->transcription_model.n ? c->transcription_model : span_z(a->transcription_model)));
	if (dialects[c->dialect].tuning) {
		set_text(b, o, "language", a->transcription_language);
		set_text(b, o, "prompt", a->transcription_prompt);
	}
	return o;
}

static double within(double v, double lo, double hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

static void server_vad(struct jbuild *b, struct json_object *o, const struct session_config *c)
{
	const struct agent *a = c->agent;
	const struct traits *d = &dialects[c->dialect];

	json_set(b, o, "type", json_strz(b, "server_vad"));
	json_set(b, o, "threshold", json_num(b, within(a->vad_threshold, d->threshold_min, d->threshold_max)));
	json_set(b, o, "prefix_padding_ms", json_int(b, a->vad_prefix_padding_ms));
	json_set(b, o, "silence_duration_ms", json_int(b, a->vad_silence_duration_ms));
	if (a->vad_idle_timeout_ms != FIELD_NULL_INT && d->tuning)
		json_set(b, o, "idle_timeout_ms", json_int(b, a->vad_idle_timeout_ms));
}

static void semantic_vad(struct jbuild *b, struct json_object *o, const struct session_config *c)
{
	json_set(b, o, "type", json_strz(b, "semantic_vad"));
	set_text(b, o, "eagerness", c->agent->vad_eagerness);
}

/* What is an interruption is decided by the relay, which then also asks for every answer (contract S4). */
static bool relay_decides(const struct agent *a)
{
	return a->vad_interrupt_response && (a->resume_false_barge_in || a->barge_in_min_speech_ms > 0);
}

/* Always complete: whether a partial object would merge with the one before is not known. */
static struct json_object *turn_detection_json(struct jbuild *b, const struct session_config *c, bool interrupt)
{
	const struct agent *a = c->agent;
	struct json_object *o;

	if (is_word(a->vad_type, "none"))
		return NULL;
	o = json_obj(b);
	if (is_word(a->vad_type, "semantic_vad") && dialects[c->dialect].semantic_vad)
		semantic_vad(b, o, c);
	else
		server_vad(b, o, c);
	json_set(b, o, "create_response", json_bool(b, a->vad_create_response && !relay_decides(a)));
	json_set(b, o, "interrupt_response", json_bool(b, interrupt && !relay_decides(a)));
	return o;
}

static bool protects_greeting(const struct session_config *c)
{
	const struct agent *a = c->agent;

	return c->greeting.n && !a->greeting_interruptible && a->vad_interrupt_response && !relay_decides(a) && !is_word(a->vad_type, "none");
}

static struct json_object *input_json(struct jbuild *b, const struct session_config *c)
{
	const struct agent *a = c->agent;
	const struct traits *d = &dialects[c->dialect];
	struct json_object *in = json_obj(b), *noise;

	json_set(b, in, "format", format_json(b, a->input_audio_format));
	json_set(b, in, "transcription", transcription_json(b, c));
	if (d->nested)
		json_set(b, in, "turn_detection", turn_detection_json(b, c, a->vad_interrupt_response && !protects_greeting(c)));
	if (d->tuning && a->noise_reduction && !is_word(a->noise_reduction, "none")) {
		noise = json_obj(b);
		json_set(b, noise, "type", json_strz(b, a->noise_reduction));
		json_set(b, in, "noise_reduction", noise);
	}
	return in;
}

static struct json_object *output_json(struct jbuild *b, const struct session_config *c)
{
	const struct agent *a = c->agent;
	const struct traits *d = &dialects[c->dialect];
	struct json_object *out = json_obj(b);

	json_set(b, out, "format", format_json(b, a->output_audio_format));
	if (d->nested)
		set_text(b, out, "voice", a->voice);
	if (d->tuning && isfinite(a->speed) && a->speed != 1.0)
		json_set(b, out, "speed", json_num(b, a->speed));
	return out;
}

static bool takes_effort(const struct session_config *c, const char *effort)
{
	const struct traits *d = &dialects[c->dialect];
	struct span model = model_of(c);

	if (!effort || !*effort || (d->efforts && strcmp(effort, d->efforts) != 0) || span_is(model, "gpt-realtime"))
		return false;
	for (size_t i = 0; i < sizeof no_reasoning / sizeof *no_reasoning; i++)
		if (span_starts(model, span_z(no_reasoning[i])))
			return false;
	return true;
}

static void set_reasoning(struct jbuild *b, struct json_object *ses, const struct session_config *c)
{
	struct json_object *o;

	if (!takes_effort(c, c->agent->reasoning_effort))
		return;
	o = json_obj(b);
	json_set(b, o, "effort", json_strz(b, c->agent->reasoning_effort));
	json_set(b, ses, "reasoning", o);
}

/* Only what differs from the server's own default is sent: each field is one more way to be refused by another model. */
static void set_limits(struct jbuild *b, struct json_object *ses, const struct session_config *c)
{
	const struct agent *a = c->agent;
	const struct traits *d = &dialects[c->dialect];
	int64_t max;

	if (d->tuning && a->max_response_output_tokens && span_int(span_z(a->max_response_output_tokens), &max))
		json_set(b, ses, "max_output_tokens", json_int(b, max));
	if (d->truncation && a->truncation && *a->truncation)
		json_set(b, ses, "truncation", strchr("{\"", a->truncation[0]) ? json_raw(b, span_z(a->truncation)) : json_strz(b, a->truncation));
}

static void set_flat(struct jbuild *b, struct json_object *ses, const struct session_config *c)
{
	set_text(b, ses, "voice", c->agent->voice);
	json_set(b, ses, "turn_detection", turn_detection_json(b, c, c->agent->vad_interrupt_response && !protects_greeting(c)));
}

static struct json_object *session_json(struct jbuild *b, const struct session_config *c)
{
	const struct traits *d = &dialects[c->dialect];
	struct json_object *ses = json_obj(b), *audio = json_obj(b), *modalities;

	if (d->nested)
		json_set(b, ses, "type", json_strz(b, "realtime"));
	if (d->tuning) {
		modalities = json_arr(b);
		json_push(b, modalities, json_strz(b, "audio"));
		json_set(b, ses, "output_modalities", modalities);
	}
	if (c->instructions.n)
		json_set(b, ses, "instructions", json_str(b, c->instructions));
	json_set(b, audio, "input", input_json(b, c));
	json_set(b, audio, "output", output_json(b, c));
	json_set(b, ses, "audio", audio);
	if (!d->nested)
		set_flat(b, ses, c);
	if (c->tools.n && !span_is(c->tools, "[]"))
		json_set(b, ses, "tools", json_raw(b, c->tools));
	set_reasoning(b, ses, c);
	set_limits(b, ses, c);
	return ses;
}

/* --- messages --- */

static struct json_object *message(struct jbuild *b, const char *type, const char *event_id)
{
	struct json_object *msg = json_obj(b);

	json_set(b, msg, "type", json_strz(b, type));
	json_set(b, msg, "event_id", json_strz(b, event_id));
	return msg;
}

static enum err finish(struct buf *out, struct jbuild *b, struct json_object *msg)
{
	enum err e = b->err ? b->err : json_write(out, msg);

	json_object_put(msg);
	return e;
}

enum err session_config_update(struct buf *out, const struct session_config *c)
{
	struct jbuild b = { 0 };
	struct json_object *msg = message(&b, "session.update", "configure");

	json_set(&b, msg, "session", session_json(&b, c));
	return finish(out, &b, msg);
}

enum err session_config_greeted(struct buf *out, const struct session_config *c)
{
	struct jbuild b = { 0 };
	struct json_object *msg, *ses, *audio, *input;

	if (!protects_greeting(c))
		return ERR_OK;
	msg = message(&b, "session.update", "greeted");
	ses = json_obj(&b);
	if (dialects[c->dialect].nested) {
		json_set(&b, ses, "type", json_strz(&b, "realtime"));
		audio = json_obj(&b);
		input = json_obj(&b);
		json_set(&b, input, "turn_detection", turn_detection_json(&b, c, true));
		json_set(&b, audio, "input", input);
		json_set(&b, ses, "audio", audio);
	} else {
		json_set(&b, ses, "turn_detection", turn_detection_json(&b, c, true));
	}
	json_set(&b, msg, "session", ses);
	return finish(out, &b, msg);
}

/* Instructions of a response replace the session's, so these are said again. */
static void kept_instructions(struct buf *w, const struct session_config *c)
{
	if (!c->instructions.n)
		return;
	buf_add(w, c->instructions);
	buf_addz(w, "\n\n");
}

static void greeting_words(struct buf *w, const struct session_config *c)
{
	kept_instructions(w, c);
	buf_addz(w, "The call has just been answered. Say exactly the following, word for word, and nothing else: \"");
	buf_add(w, c->greeting);
	buf_addz(w, "\"");
}

static struct json_object *response(struct jbuild *b, struct buf *words, const char *purpose)
{
	struct json_object *rsp = json_obj(b), *meta = json_obj(b);

	b->err = b->err ? b->err : words->err;
	json_set(b, rsp, "instructions", json_str(b, buf_span(words)));
	json_set(b, meta, "purpose", json_strz(b, purpose));
	json_set(b, rsp, "metadata", meta);
	buf_fini(words);
	return rsp;
}

enum err session_config_greeting(struct buf *out, const struct session_config *c)
{
	struct jbuild b = { 0 };
	struct buf words = BUF_INIT;
	struct json_object *msg, *rsp;

	if (!c->greeting.n)
		return ERR_OK;
	greeting_words(&words, c);
	msg = message(&b, "response.create", "greeting");
	rsp = response(&b, &words, "greeting");
	json_set(&b, rsp, "tool_choice", json_strz(&b, "none"));
	json_set(&b, msg, "response", rsp);
	return finish(out, &b, msg);
}

/* The event_id is one of a response.create like those that the session numbers from 1. */
enum err session_config_continue(struct buf *out, const struct session_config *c)
{
	struct jbuild b = { 0 };
	struct buf words = BUF_INIT;
	struct json_object *msg = message(&b, "response.create", "r0");

	kept_instructions(&words, c);
	buf_addz(&words, "The line broke while you were speaking. Your last words in this conversation are the last the caller has heard. "
	                 "Go on from there, briefly, without a greeting and without saying again what was heard.");
	json_set(&b, msg, "response", response(&b, &words, "continue"));
	return finish(out, &b, msg);
}

static const struct {
	const char *purpose;             /* NULL: a system item, after which nothing is asked for */
	const char *text;
} notices[] = {
	[NOTICE_TIME_SOON] = { NULL, "The time for this call is nearly over. Bring the conversation to an end within a minute." },
	[NOTICE_COST_SOON] = { NULL, "This call must end soon. Bring the conversation to an end within a minute; do not speak of costs." },
	[NOTICE_ASK]       = { "idle_question", "The caller has been silent for a long time. Ask in one short sentence, in the language of this conversation, whether they "
			       "are still there. Say nothing else." },
	[NOTICE_IDLE_BYE]  = { "idle_goodbye", "The caller does not answer any more, and the call ends now. Say goodbye in one short sentence, in the language of this "
			       "conversation. Ask nothing." },
	[NOTICE_TIME_BYE]  = { "time_goodbye", "The longest time for a call is over, and it ends now. Tell the caller so and say goodbye in one or two short sentences, in the "
			       "language of this conversation. Ask nothing." },
	[NOTICE_COST_BYE]  = { "cost_goodbye", "The call has to end now. Tell the caller that you have to end it here and say goodbye in one or two short sentences, in the "
			       "language of this conversation. Do not speak of costs. Ask nothing." },
};
_Static_assert(sizeof notices / sizeof *notices == NOTICES, "a row per notice");

const char *notice_text(enum notice n)
{
	return notices[n].text;
}

static struct json_object *system_item(struct jbuild *b, const char *text)
{
	struct json_object *item = json_obj(b), *content = json_arr(b), *part = json_obj(b);

	json_set(b, part, "type", json_strz(b, "input_text"));
	json_set(b, part, "text", json_strz(b, text));
	json_push(b, content, part);
	json_set(b, item, "type", json_strz(b, "message"));
	json_set(b, item, "role", json_strz(b, "system"));
	json_set(b, item, "content", content);
	return item;
}

enum err session_config_notice(struct buf *out, const struct session_config *c, enum notice n)
{
	struct jbuild b = { 0 };
	struct buf words = BUF_INIT;
	struct json_object *msg, *rsp;

	if (!notices[n].purpose) {
		msg = message(&b, "conversation.item.create", "notice");
		json_set(&b, msg, "item", system_item(&b, notices[n].text));
		return finish(out, &b, msg);
	}
	msg = message(&b, "response.create", "r0");
	kept_instructions(&words, c);
	buf_addz(&words, notices[n].text);
	rsp = response(&b, &words, notices[n].purpose);
	json_set(&b, rsp, "tool_choice", json_strz(&b, "none"));
	json_set(&b, msg, "response", rsp);
	return finish(out, &b, msg);
}
