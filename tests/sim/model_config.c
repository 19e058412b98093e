/* model_config - the session object: defaults, updates by the rules of the real server, and what the rest of the program needs of it. */
#include "model.h"
#include "model_fmt.h"

#define PCM "{'type':'audio/pcm','rate':24000}"

bool model_reasons(const struct model_sess *s)
{
	return span_starts(span_z(s->model), SPAN("gpt-realtime-2")) && !span_starts(span_z(s->model), SPAN("gpt-realtime-202"));
}

static enum speech_format format_of(struct json_object *f)
{
	struct span type = json_get_span(f, "type");

	return span_is(type, "audio/pcmu") ? SPEECH_PCMU : span_is(type, "audio/pcma") ? SPEECH_PCMA : SPEECH_PCM24;
}

static int64_t int_or(struct json_object *o, const char *key, int64_t def)
{
	int64_t v;

	return json_get_int(o, key, &v) ? v : def;
}

static bool bool_or(struct json_object *o, const char *key, bool def)
{
	bool v;

	return json_get_bool(o, key, &v) ? v : def;
}

/* semantic_vad is taken as patience: how long it waits before it thinks that the sentence is over. */
static int64_t eagerness_ms(struct json_object *turn)
{
	struct span e = json_get_span(turn, "eagerness");

	return span_is(e, "high") ? 300 : span_is(e, "low") ? 1200 : 600;
}

static void read_turn(struct sess_cfg *c, struct json_object *turn)
{
	c->vad = turn != NULL;
	c->threshold = 0.5;
	json_get_num(turn, "threshold", &c->threshold);
	c->prefix_ms = int_or(turn, "prefix_padding_ms", 300);
	c->silence_ms = int_or(turn, "silence_duration_ms", eagerness_ms(turn));
	c->idle_ms = int_or(turn, "idle_timeout_ms", 0);
	c->create = bool_or(turn, "create_response", true);
	c->interrupt = bool_or(turn, "interrupt_response", true);
}

/* The object is ours: it was checked by its shape before it came in. */
static void config_read(struct model_sess *s)
{
	struct json_object *in = json_path(s->cfg, "audio.input"), *tr = json_get(in, "transcription");
	struct span model = json_get_span(tr, "model");

	s->c.in = format_of(json_get(in, "format"));
	s->c.out = format_of(json_path(s->cfg, "audio.output.format"));
	s->c.transcribe = tr != NULL;
	s->c.by_duration = span_is(model, "whisper-1") || span_is(model, "gpt-realtime-whisper");
	s->c.live = span_is(model, "gpt-realtime-whisper");
	s->c.text_only = span_is(json_span(json_object_array_get_idx(json_get(s->cfg, "output_modalities"), 0)), "text");
	s->c.max_tokens = int_or(s->cfg, "max_output_tokens", 0);
	read_turn(&s->c, json_get(in, "turn_detection"));
}

enum err model_config_new(struct model_sess *s)
{
	struct buf b = BUF_INIT;
	bool two = model_reasons(s);
	enum err e;

	model_fmt(&b, "{'type':'realtime','object':'realtime.session','id':%q,'model':%q,'output_modalities':['audio'],", s->id, s->model);
	model_fmt(&b, "'instructions':'Your knowledge cutoff is 2023-10. You are a helpful, witty, and friendly AI.','tools':[],'tool_choice':'auto',");
	model_fmt(&b, "'max_output_tokens':'inf','tracing':null,'truncation':'auto','prompt':null,'expires_at':%l,", s->expires_at);
	model_fmt(&b, "'audio':{'input':{'format':" PCM ",'transcription':null,'noise_reduction':null,");
	model_fmt(&b, "'turn_detection':{'type':'server_vad','threshold':0.5,'prefix_padding_ms':300,'silence_duration_ms':%d,", two ? 500 : 200);
	model_fmt(&b, "'idle_timeout_ms':null,'create_response':true,'interrupt_response':true}},");
	model_fmt(&b, "'output':{'format':" PCM ",'voice':%q,'speed':1.0}},'include':null}", two ? "marin" : "alloy");
	e = b.err ? b.err : json_read(&s->cfg, buf_span(&b));
	buf_fini(&b);
	if (e)
		return e;
	config_read(s);
	input_configured(s);
	return ERR_OK;
}

/* --- what may not change --- */

static bool older_model(const struct model_sess *s, struct json_object *o, struct complaint *c)
{
	static const char *const names[] = { "reasoning", "parallel_tool_calls" };
	char param[64];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!json_get(o, names[i]) || model_reasons(s))
			continue;
		snprintf(param, sizeof param, "session.%s", names[i]);
		return model_complain(c, "unknown_parameter", param, "Unknown parameter: '%s'. It is not supported with the model '%s'.", param, s->model);
	}
	return true;
}

static bool may_change(const struct model_sess *s, struct json_object *o, struct complaint *c)
{
	struct span model = json_get_span(o, "model");

	if (!span_is(json_get_span(o, "type"), "realtime"))
		return model_complain(c, "invalid_value", "session.type", "Passing a transcription session update to a realtime session is not allowed.");
	if (model.p && !span_is(model, s->model))
		return model_complain(c, "invalid_value", "session.model", "Cannot update a conversation's model.");
	if (json_path(o, "audio.output.voice") && s->voice_locked)
		return model_complain(c, "cannot_update_voice", "session.audio.output.voice",
				      "Cannot update a conversation's voice if assistant audio is present.");
	if (json_path(o, "audio.output.speed") && answer_active(s))
		return model_complain(c, "invalid_value", "session.audio.output.speed", "Cannot change the speed while a response is in progress.");
	if (json_get(o, "tracing") && json_get(s->cfg, "tracing"))
		return model_complain(c, "invalid_value", "session.tracing", "Tracing cannot be changed once it is enabled.");
	return older_model(s, o, c) && mcp_config_fine(json_get(o, "tools"), c);
}

/* --- applying --- */

/* Members that the client left out of an object it sent complete. */
static void fill(struct jbuild *b, struct json_object *o, const char *defaults)
{
	struct buf text = BUF_INIT;
	struct json_object *d;

	model_fmt(&text, defaults);
	d = json_raw(b, buf_span(&text));
	if (d) {
		json_object_object_foreach(d, key, v) {
			if (!json_object_object_get_ex(o, key, NULL))
				json_set(b, o, key, json_object_get(v));
		}
	}
	json_object_put(d);
	buf_fini(&text);
}

static void complete(struct jbuild *b, const char *key, struct json_object *v)
{
	if (!v)
		return;
	if (strcmp(key, "transcription") == 0)
		fill(b, v, "{'language':null,'prompt':null}");
	else if (strcmp(key, "turn_detection") == 0 && span_is(json_get_span(v, "type"), "server_vad"))
		fill(b, v, "{'threshold':0.5,'prefix_padding_ms':300,'silence_duration_ms':500,'idle_timeout_ms':null,'create_response':true,'interrupt_response':true}");
	else if (strcmp(key, "turn_detection") == 0)
		fill(b, v, "{'eagerness':'auto','create_response':true,'interrupt_response':true}");
}

static struct json_object *copy_of(struct jbuild *b, struct json_object *v)
{
	struct buf text = BUF_INIT;
	struct json_object *o = NULL;

	if (v && !b->err)
		b->err = json_write(&text, v);
	if (v && !b->err)
		o = json_raw(b, buf_span(&text));
	buf_fini(&text);
	return o;
}

/* Members given replace the old ones; only `audio` and its two halves are merged. */
static void merge(struct jbuild *b, struct json_object *dst, struct json_object *src, int depth)
{
	json_object_object_foreach(src, key, v) {
		bool inner = (depth == 0 && strcmp(key, "audio") == 0) || (depth == 1 && (strcmp(key, "input") == 0 || strcmp(key, "output") == 0));

		if (inner && json_object_is_type(v, json_type_object)) {
			merge(b, json_get(dst, key), v, depth + 1);
			continue;
		}
		struct json_object *copy = copy_of(b, v);

		complete(b, key, copy);
		json_set(b, dst, key, copy);
	}
}

bool model_config_update(struct model_sess *s, struct json_object *o, struct complaint *c)
{
	struct jbuild b = { 0 };
	struct json_object *next;

	if (!may_change(s, o, c))
		return false;
	next = copy_of(&b, s->cfg);
	if (next)
		merge(&b, next, o, 0);
	if (b.err) {
		json_object_put(next);
		return model_complain(c, "server_error", NULL, "%s", err_text(b.err));
	}
	json_object_put(s->cfg);
	s->cfg = next;
	config_read(s);
	return true;
}

void model_config_force_pcm(struct model_sess *s)
{
	struct buf text = BUF_INIT;
	struct jbuild b = { 0 };

	model_fmt(&text, PCM);
	json_set(&b, json_path(s->cfg, "audio.input"), "format", json_raw(&b, buf_span(&text)));
	json_set(&b, json_path(s->cfg, "audio.output"), "format", json_raw(&b, buf_span(&text)));
	buf_fini(&text);
	config_read(s);
}
