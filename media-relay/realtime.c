/* realtime - server events: one table of names, one reader per shape. */
#include "base/json.h"
#include "media-relay/realtime.h"
#include "media-relay/scan.h"

#define TOKENS_MAX INT64_C(1000000000)

typedef void reader(struct json_object *o, struct realtime_msg *m);

static void read_session(struct json_object *o, struct realtime_msg *m)
{
	struct json_object *s = json_get(o, "session"), *in = json_path(s, "audio.input"), *out = json_path(s, "audio.output");
	struct json_object *vad = json_get(in, "turn_detection");

	m->session.id = json_get_span(s, "id");
	m->session.in = json_get_span(json_get(in, "format"), "type");
	m->session.out = json_get_span(json_get(out, "format"), "type");
	m->session.voice = json_get_span(json_get(out, "voice") ? out : s, "voice");
	json_get_int(s, "expires_at", &m->session.expires_at);
	json_get_int(json_get(in, "format"), "rate", &m->session.in_rate);
	json_get_int(json_get(out, "format"), "rate", &m->session.out_rate);
	json_get_int(vad ? vad : json_get(s, "turn_detection"), "silence_duration_ms", &m->session.silence_ms);
}

static void read_error_of(struct json_object *e, struct realtime_msg *m)
{
	m->error.type = json_get_span(e, "type");
	m->error.code = json_get_span(e, "code");
	m->error.message = json_get_span(e, "message");
	m->error.event_id = json_get_span(e, "event_id");
}

static void read_error(struct json_object *o, struct realtime_msg *m)
{
	read_error_of(json_get(o, "error"), m);
}

static void read_started(struct json_object *o, struct realtime_msg *m)
{
	json_get_int(o, "audio_start_ms", &m->at_ms);
}

static void read_stopped(struct json_object *o, struct realtime_msg *m)
{
	json_get_int(o, "audio_end_ms", &m->at_ms);
}

static void read_delta(struct json_object *o, struct realtime_msg *m)
{
	m->delta = json_get_span(o, "delta");
}

/* Deltas came as increments; the final text has three names. */
static void read_words(struct json_object *o, struct realtime_msg *m)
{
	m->delta = json_get_span(o, "transcript");
	if (!m->delta.p)
		m->delta = json_get_span(o, "text");
}

/* A count of tokens. One beyond all reason is none: sums of it could wrap. */
static int64_t tokens_of(struct json_object *o, const char *key, int64_t otherwise)
{
	int64_t v = otherwise;

	return json_get_int(o, key, &v) && v >= 0 && v <= TOKENS_MAX ? v : otherwise;
}

static void read_heard(struct json_object *o, struct realtime_msg *m)
{
	struct json_object *u = json_get(o, "usage");

	read_words(o, m);
	m->heard.input = tokens_of(u, "input_tokens", 0);
	m->heard.output = tokens_of(u, "output_tokens", 0);
	json_get_num(u, "seconds", &m->heard.seconds);
	if (span_is(json_get_span(o, "status"), "in_progress"))
		m->type = RT_NOTED;                      /* xAI says it several times before it is final */
}

static void read_item(struct json_object *o, struct realtime_msg *m)
{
	struct json_object *it = json_get(o, "item");

	m->item_id = json_get_span(it, "id");
	m->item.type = json_get_span(it, "type");
	m->item.role = json_get_span(it, "role");
	m->item.status = json_get_span(it, "status");
	m->item.name = json_get_span(it, "name");
	m->item.call_id = json_get_span(it, "call_id");
	m->item.arguments = json_get_span(it, "arguments");
	m->item.server_label = json_get_span(it, "server_label");
	m->item.output = json_get_span(it, "output");
	m->item.error = json_get_span(json_get(it, "error"), "message");
}

static enum realtime_status status_of(struct span s)
{
	static const struct { const char *word; enum realtime_status status; } words[] = {
		{ "completed", RS_COMPLETED }, { "cancelled", RS_CANCELLED }, { "incomplete", RS_INCOMPLETE }, { "failed", RS_FAILED },
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (span_is(s, words[i].word))
			return words[i].status;
	return RS_NONE;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Totals without their parts (a cancelled response): input is counted as text, output as speech, what was cached as text first. */
static void read_usage(struct json_object *u, struct realtime_msg *m)
{
	struct json_object *in = json_get(u, "input_token_details"), *out = json_get(u, "output_token_details");
	struct json_object *cached = json_get(in, "cached_tokens_details");
	int64_t *v = m->response.usage, all = tokens_of(in, "cached_tokens", 0);

	m->response.has_usage = json_get(u, "total_tokens") || json_get(u, "input_tokens");
	v[0] = tokens_of(in, "text_tokens", in ? 0 : tokens_of(u, "input_tokens", 0));
	v[1] = tokens_of(in, "audio_tokens", 0);
	v[2] = least(tokens_of(cached, "text_tokens", cached ? 0 : all), v[0]);
	v[3] = least(tokens_of(cached, "audio_tokens", cached ? 0 : all - v[2]), v[1]);
	v[4] = tokens_of(out, "text_tokens", 0);
	v[5] = tokens_of(out, "audio_tokens", out ? 0 : tokens_of(u, "output_tokens", 0));
}

static void count_calls(struct json_object *output, struct realtime_msg *m)
{
	size_t n = json_object_is_type(output, json_type_array) ? json_object_array_length(output) : 0;

	for (size_t i = 0; i < n; i++) {
		struct span type = json_get_span(json_object_array_get_idx(output, i), "type");

		m->response.calls += type.n && !span_is(type, "message");
	}
}

static void read_response(struct json_object *o, struct realtime_msg *m)
{
	struct json_object *r = json_get(o, "response"), *details = json_get(r, "status_details"), *usage = json_get(r, "usage");

	m->response_id = json_get_span(r, "id");
	m->response.status = status_of(json_get_span(r, "status"));
	m->response.reason = json_get_span(details, "reason");
	m->response.purpose = json_get_span(json_get(r, "metadata"), "purpose");
	read_error_of(json_get(details, "error"), m);
	count_calls(json_get(r, "output"), m);
	read_usage(usage && json_object_object_length(usage) ? usage : json_get(o, "usage"), m);
}

static const struct event_row {
	const char *name;
	enum realtime_type type;
	reader *read;
} events[] = {
	{ "response.output_audio.delta",                            RT_AUDIO_DELTA,      read_delta },
	{ "response.audio.delta",                                   RT_AUDIO_DELTA,      read_delta },
	{ "response.output_audio_transcript.delta",                 RT_WORDS_DELTA,      read_delta },
	{ "response.audio_transcript.delta",                        RT_WORDS_DELTA,      read_delta },
	{ "conversation.item.input_audio_transcription.delta",      RT_HEARD_DELTA,      read_delta },
	{ "session.created",                                        RT_SESSION_CREATED,  read_session },
	{ "session.updated",                                        RT_SESSION_UPDATED,  read_session },
	{ "error",                                                  RT_ERROR,            read_error },
	{ "input_audio_buffer.speech_started",                      RT_SPEECH_STARTED,   read_started },
	{ "input_audio_buffer.speech_stopped",                      RT_SPEECH_STOPPED,   read_stopped },
	{ "conversation.item.input_audio_transcription.completed",  RT_HEARD_DONE,       read_heard },
	{ "conversation.item.input_audio_transcription.failed",     RT_HEARD_FAILED,     read_error },
	{ "conversation.item.truncated",                            RT_TRUNCATED,        read_stopped },
	{ "response.created",                                       RT_RESPONSE_CREATED, read_response },
	{ "response.done",                                          RT_RESPONSE_DONE,    read_response },
	{ "response.output_item.added",                             RT_ITEM_ADDED,       read_item },
	{ "response.output_item.done",                              RT_ITEM_DONE,        read_item },
	{ "response.output_audio.done",                             RT_AUDIO_DONE,       NULL },
	{ "response.audio.done",                                    RT_AUDIO_DONE,       NULL },
	{ "response.output_audio_transcript.done",                  RT_WORDS_DONE,       read_words },
	{ "response.audio_transcript.done",                         RT_WORDS_DONE,       read_words },
	{ "response.output_text.delta",                             RT_NOTED,            NULL },
	{ "response.text.delta",                                    RT_NOTED,            NULL },
	{ "response.output_text.done",                              RT_NOTED,            NULL },
	{ "response.text.done",                                     RT_NOTED,            NULL },
	{ "response.content_part.added",                            RT_NOTED,            NULL },
	{ "response.content_part.done",                             RT_NOTED,            NULL },
	{ "response.function_call_arguments.delta",                 RT_NOTED,            NULL },
	{ "response.function_call_arguments.done",                  RT_NOTED,            NULL },
	{ "response.mcp_call_arguments.delta",                      RT_NOTED,            NULL },
	{ "response.mcp_call_arguments.done",                       RT_NOTED,            NULL },
	{ "response.mcp_call.in_progress",                          RT_MCP_BEGUN,        NULL },
	{ "response.mcp_call.completed",                            RT_MCP_OVER,         NULL },
	{ "response.mcp_call.failed",                               RT_MCP_OVER,         NULL },
	{ "mcp_list_tools.in_progress",                             RT_NOTED,            NULL },
	{ "mcp_list_tools.completed",                               RT_NOTED,            NULL },
	{ "mcp_list_tools.failed",                                  RT_MCP_NO_TOOLS,     NULL },
	{ "conversation.created",                                   RT_NOTED,            NULL },
	{ "conversation.item.created",                              RT_NOTED,            NULL },
	{ "conversation.item.added",                                RT_NOTED,            NULL },
	{ "conversation.item.done",                                 RT_ADDED_DONE,       read_item },
	{ "conversation.item.deleted",                              RT_NOTED,            NULL },
	{ "conversation.item.retrieved",                            RT_NOTED,            NULL },
	{ "conversation.item.input_audio_transcription.segment",    RT_NOTED,            NULL },
	{ "conversation.item.input_audio_transcription.updated",    RT_NOTED,            NULL },
	{ "input_audio_buffer.committed",                           RT_NOTED,            NULL },
	{ "input_audio_buffer.cleared",                             RT_NOTED,            NULL },
	{ "input_audio_buffer.timeout_triggered",                   RT_NOTED,            NULL },
	{ "rate_limits.updated",                                    RT_NOTED,            NULL },
	{ "ping",                                                   RT_NOTED,            NULL },
};

void realtime_parser_fini(struct realtime_parser *p)
{
	json_object_put(p->held);
	p->held = NULL;
}

static bool is_audio_delta(const struct scan_want *w)
{
	return w->string && (span_is(w->value, events[0].name) || span_is(w->value, events[1].name));
}

bool realtime_audio_fast(struct span text, struct realtime_msg *out)
{
	enum { TYPE, RESPONSE, ITEM, INDEX, DELTA, N };
	struct scan_want w[N] = {
		{ .key = SPAN("type") }, { .key = SPAN("response_id") }, { .key = SPAN("item_id") }, { .key = SPAN("content_index") }, { .key = SPAN("delta") },
	};
	int64_t index = 0;

	if (!scan_object(text, w, N) || !is_audio_delta(&w[TYPE]) || !w[RESPONSE].string || !w[ITEM].string || !w[DELTA].string)
		return false;
	if (w[INDEX].value.p && (w[INDEX].string || !span_int(w[INDEX].value, &index)))
		return false;
	*out = (struct realtime_msg){ .type = RT_AUDIO_DELTA, .name = w[TYPE].value, .response_id = w[RESPONSE].value, .item_id = w[ITEM].value,
	                              .content_index = index, .delta = w[DELTA].value };
	return true;
}

static void interpret(struct json_object *o, struct realtime_msg *m)
{
	m->item_id = json_get_span(o, "item_id");
	m->response_id = json_get_span(o, "response_id");
	json_get_int(o, "content_index", &m->content_index);
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		if (!span_is(m->name, events[i].name))
			continue;
		m->type = events[i].type;
		if (events[i].read)
			events[i].read(o, m);
		return;
	}
}

enum err realtime_parse_slow(struct realtime_parser *p, struct span text, struct realtime_msg *out)
{
	enum err e;

	realtime_parser_fini(p);
	e = json_read(&p->held, text);
	if (e)
		return e == ERR_NOMEM ? e : ERR_SYNTAX;
	*out = (struct realtime_msg){ .name = json_get_span(p->held, "type"), .at_ms = -1 };
	out->session.in_rate = out->session.out_rate = out->session.silence_ms = -1;
	if (!out->name.p)
		return ERR_SYNTAX;
	interpret(p->held, out);
	return ERR_OK;
}

enum err realtime_parse(struct realtime_parser *p, struct span text, struct realtime_msg *out)
{
	return realtime_audio_fast(text, out) ? ERR_OK : realtime_parse_slow(p, text, out);
}

/* --- what session.updated and errors mean --- */

static bool is_format(struct span type, int64_t rate, enum audio_format f)
{
	if (!type.p)
		return false;
	return span_is(type, audio_format_type(f)) && (f != AUDIO_PCM24 || rate < 0 || rate == 24000);
}

bool realtime_confirms(const struct realtime_msg *m, enum audio_format in, enum audio_format out, struct span voice)
{
	if (!is_format(m->session.in, m->session.in_rate, in) || !is_format(m->session.out, m->session.out_rate, out))
		return false;
	return !voice.n || !m->session.voice.p || span_eq(voice, m->session.voice);
}

static bool is_one_of(struct span word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_is(word, list[i]))
			return true;
	return false;
}

static const char *const hopeless[] = {
	"invalid_api_key", "insufficient_permissions", "missing_model", "invalid_model", "model_not_found", "beta_api_shape_disabled", "insufficient_quota",
	"credit_balance_exhausted", "billing_hard_limit_reached", "account_deactivated", "unsupported_country_region_territory", "DeploymentNotFound",
};

enum realtime_fault realtime_fault(const struct realtime_msg *m)
{
	if (is_one_of(m->error.code, hopeless, sizeof hopeless / sizeof *hopeless) ||
	    is_one_of(m->error.type, hopeless, sizeof hopeless / sizeof *hopeless))
		return RF_HOPELESS;
	if (span_is(m->error.code, "session_expired"))
		return RF_EXPIRED;
	return RF_HARMLESS;
}

static struct span last_word_of(struct span reason)
{
	struct span part = reason;

	while (span_cut(&reason, '.', &part))
		;
	return part;
}

/* "http 429" and 5xx may pass; other refusals of the upgrade (also a redirect, which is not followed with a key) will not. */
static enum realtime_fault fault_http(struct span status)
{
	int64_t v = 0;

	span_int(span_head(status, 3), &v);
	return v == 408 || v == 429 || v >= 500 || v == 0 ? RF_DROPPED : RF_HOPELESS;
}

enum realtime_fault realtime_fault_closed(struct span reason)
{
	struct span rest = reason, code = SPAN_NONE;
	int64_t v = 0;

	span_cut(&rest, ' ', &code);
	if (span_is(code, "http"))
		return fault_http(rest);
	span_int(code, &v);
	if (v == 3000 || v == 4000 || v == 4004 || (rest.n && is_one_of(last_word_of(rest), hopeless, sizeof hopeless / sizeof *hopeless)))
		return RF_HOPELESS;
	return v == 1001 && rest.n && memmem(rest.p, rest.n, "maximum duration", 16) ? RF_EXPIRED : RF_DROPPED;
}

int64_t realtime_retry_ms(struct span message)
{
	static const char lead[] = "try again in ";
	const char *at = message.n ? memmem(message.p, message.n, lead, sizeof lead - 1) : NULL;
	struct span rest, number = SPAN_NONE;
	double v;

	if (!at)
		return 300;
	rest = span_skip(message, (size_t)(at - message.p) + sizeof lead - 1);
	while (number.n < rest.n && strchr("0123456789.", rest.p[number.n]))
		number = span_head(rest, number.n + 1);
	if (!number.n || !span_num(number, &v))
		return 300;
	v = span_starts(span_skip(rest, number.n), SPAN("ms")) ? v : v * 1000;
	return v < 100 ? 100 : v > 5000 ? 5000 : (int64_t)v;
}
