/* The tables of model_shape: the ten client events a plain WebSocket may send, and what they hold. */
#include "model_shape.h"

#define N(a) (sizeof(a) / sizeof *(a))
#define SHAPE(name) static const struct shape name = { .fields = name##_f, .n = N(name##_f) }
#define PICK(name, by) static const struct shape name = { .pick = by, .variants = name##_v, .n_variants = N(name##_v) }

/* Most fields of all; the rest is named after it. */
#define S(nm)        { .name = nm, .types = SH_STR }
#define SR(nm)       { .name = nm, .types = SH_STR, .required = true }
#define W(nm, ws)    { .name = nm, .types = SH_STR, .words = ws }
#define B(nm)        { .name = nm, .types = SH_BOOL }
#define O(nm, sh)    { .name = nm, .types = SH_OBJ, .shape = &sh }

static const struct shape_field any_string = { .name = "", .types = SH_STR };
static const struct shape_field meta_value = { .name = "", .types = SH_STR, .most = 512 };

/* --- audio --- */
static const struct shape_field pcm_f[] = { SR("type"), { .name = "rate", .types = SH_INT, .required = true, .min = 24000, .max = 24000 } };
static const struct shape_field g711_f[] = { SR("type") };
SHAPE(pcm);
SHAPE(g711);
static const struct shape_variant format_v[] = { { "audio/pcm", &pcm }, { "audio/pcmu", &g711 }, { "audio/pcma", &g711 } };
PICK(format, "type");

static const struct shape_field transcription_f[] = {
	S("model"), S("language"), S("prompt"), W("delay", "minimal low medium high xhigh"),
	{ .name = "languages", .types = SH_ARR, .least = 1, .each = &any_string },
	{ .name = "keywords", .types = SH_ARR, .each = &any_string },
};
SHAPE(transcription);
static const struct shape_field noise_f[] = { W("type", "near_field far_field") };
SHAPE(noise);

static const struct shape_field server_vad_f[] = {
	SR("type"), B("create_response"), B("interrupt_response"),
	{ .name = "threshold", .types = SH_NUM, .min = 0, .max = 1 },
	{ .name = "prefix_padding_ms", .types = SH_INT, .min = 0, .max = 60000 },
	{ .name = "silence_duration_ms", .types = SH_INT, .min = 0, .max = 60000 },
	{ .name = "idle_timeout_ms", .types = SH_INT | SH_NULL, .min = 5000, .max = 30000 },
};
static const struct shape_field semantic_vad_f[] = { SR("type"), W("eagerness", "low medium high auto"), B("create_response"), B("interrupt_response") };
SHAPE(server_vad);
SHAPE(semantic_vad);
static const struct shape_variant turn_v[] = { { "server_vad", &server_vad }, { "semantic_vad", &semantic_vad } };
PICK(turn, "type");

static const struct shape_field input_f[] = {
	O("format", format),
	{ .name = "transcription", .types = SH_OBJ | SH_NULL, .shape = &transcription },
	{ .name = "noise_reduction", .types = SH_OBJ | SH_NULL, .shape = &noise },
	{ .name = "turn_detection", .types = SH_OBJ | SH_NULL, .shape = &turn },
};
SHAPE(input);
static const struct shape_field voice_f[] = { SR("id") };
SHAPE(voice);
#define VOICE { .name = "voice", .types = SH_STR | SH_OBJ, .shape = &voice }
static const struct shape_field output_f[] = { O("format", format), VOICE, { .name = "speed", .types = SH_NUM, .min = 0.25, .max = 1.5 } };
SHAPE(output);
static const struct shape_field audio_f[] = { O("input", input), O("output", output) };
SHAPE(audio);
static const struct shape_field audio_in_f[] = { O("input", input) };
SHAPE(audio_in);
static const struct shape_field answer_output_f[] = { O("format", format), VOICE };
SHAPE(answer_output);
static const struct shape_field answer_audio_f[] = { O("output", answer_output) };
SHAPE(answer_audio);

/* --- tools --- */
static const struct shape_field function_f[] = {
	SR("type"), { .name = "name", .types = SH_STR, .required = true, .least = 1, .most = 64 }, S("description"), { .name = "parameters", .types = SH_OBJ },
};
SHAPE(function);
static const struct shape_field filter_f[] = { { .name = "tool_names", .types = SH_ARR, .each = &any_string }, B("read_only") };
SHAPE(filter);
static const struct shape_field approval_f[] = { O("always", filter), O("never", filter) };
SHAPE(approval);
#define CONNECTORS \
	"connector_dropbox connector_gmail connector_googlecalendar connector_googledrive connector_microsoftteams connector_outlookcalendar " \
	"connector_outlookemail connector_sharepoint"
static const struct shape_field mcp_f[] = {
	SR("type"), SR("server_label"), S("server_url"), W("connector_id", CONNECTORS), S("tunnel_id"), S("authorization"), S("server_description"), B("defer_loading"),
	{ .name = "headers", .types = SH_OBJ | SH_NULL, .each = &any_string },
	{ .name = "allowed_tools", .types = SH_ARR | SH_OBJ | SH_NULL, .shape = &filter, .each = &any_string },
	{ .name = "allowed_callers", .types = SH_ARR | SH_NULL, .least = 1, .each = &any_string },
	{ .name = "require_approval", .types = SH_STR | SH_OBJ | SH_NULL, .words = "always never", .shape = &approval },
};
SHAPE(mcp);
static const struct shape_variant tool_v[] = { { "function", &function }, { "mcp", &mcp } };
PICK(tool, "type");
static const struct shape_field each_tool = { .name = "", .types = SH_OBJ, .shape = &tool };
static const struct shape_field choose_function_f[] = { SR("type"), SR("name") };
static const struct shape_field choose_mcp_f[] = { SR("type"), SR("server_label"), { .name = "name", .types = SH_STR | SH_NULL } };
SHAPE(choose_function);
SHAPE(choose_mcp);
static const struct shape_variant choice_v[] = { { "function", &choose_function }, { "mcp", &choose_mcp } };
PICK(choice, "type");

/* --- the session --- */
static const struct shape_field modality = { .name = "", .types = SH_STR, .words = "text audio" };
static const struct shape_field includable = { .name = "", .types = SH_STR, .words = "item.input_audio_transcription.logprobs" };
static const struct shape_field reasoning_f[] = { W("effort", "minimal low medium high xhigh") };
SHAPE(reasoning);
static const struct shape_field limits_f[] = { { .name = "post_instructions", .types = SH_INT, .min = 0, .max = 1e9 } };
SHAPE(limits);
static const struct shape_field retention_f[] = {
	SR("type"), { .name = "retention_ratio", .types = SH_NUM, .required = true, .min = 0, .max = 1 }, O("token_limits", limits),
};
SHAPE(retention);
static const struct shape_variant truncation_v[] = { { "retention_ratio", &retention } };
PICK(truncation, "type");
static const struct shape_field tracing_f[] = { S("workflow_name"), S("group_id"), { .name = "metadata", .types = SH_OBJ } };
SHAPE(tracing);
static const struct shape_field prompt_f[] = {
	SR("id"), { .name = "version", .types = SH_STR | SH_NULL }, { .name = "variables", .types = SH_OBJ | SH_NULL },
};
SHAPE(prompt);

/* What a session and a single response have in common. */
#define ANSWER_FIELDS \
	S("instructions"), B("parallel_tool_calls"), O("reasoning", reasoning), \
	{ .name = "output_modalities", .types = SH_ARR, .least = 1, .most = 1, .each = &modality }, \
	{ .name = "tools", .types = SH_ARR, .each = &each_tool }, \
	{ .name = "tool_choice", .types = SH_STR | SH_OBJ, .words = "none auto required", .shape = &choice }, \
	{ .name = "max_output_tokens", .types = SH_INT | SH_STR, .min = 1, .max = 4096, .words = "inf" }, \
	{ .name = "prompt", .types = SH_OBJ | SH_NULL, .shape = &prompt }

static const struct shape_field realtime_f[] = {
	SR("type"), S("model"), O("audio", audio), ANSWER_FIELDS,
	{ .name = "include", .types = SH_ARR | SH_NULL, .each = &includable },
	{ .name = "tracing", .types = SH_STR | SH_OBJ | SH_NULL, .words = "auto", .shape = &tracing },
	{ .name = "truncation", .types = SH_STR | SH_OBJ, .words = "auto disabled", .shape = &truncation },
};
SHAPE(realtime);
static const struct shape_field transcribing_f[] = { SR("type"), O("audio", audio_in), { .name = "include", .types = SH_ARR | SH_NULL, .each = &includable } };
SHAPE(transcribing);
static const struct shape_variant session_v[] = { { "realtime", &realtime }, { "transcription", &transcribing } };
PICK(session, "type");

/* --- items --- */
#define ITEM_FIELDS \
	SR("type"), { .name = "id", .types = SH_STR, .least = 1, .most = 32 }, W("object", "realtime.item"), W("status", "completed incomplete in_progress")

static const struct shape_field text_part_f[] = { SR("type"), SR("text") };
static const struct shape_field audio_part_f[] = { SR("type"), SR("audio"), S("transcript") };
static const struct shape_field image_part_f[] = { SR("type"), SR("image_url"), W("detail", "auto low high") };
SHAPE(text_part);
SHAPE(audio_part);
SHAPE(image_part);
static const struct shape_variant system_part_v[] = { { "input_text", &text_part } };
static const struct shape_variant user_part_v[] = { { "input_text", &text_part }, { "input_audio", &audio_part }, { "input_image", &image_part } };
/* `output_audio` is refused for its missing text, as on the wire. */
static const struct shape_field spoken_part_f[] = { SR("type"), SR("text"), S("transcript"), S("audio") };
SHAPE(spoken_part);
static const struct shape_variant assistant_part_v[] = { { "output_text", &text_part }, { "output_audio", &spoken_part } };
PICK(system_part, "type");
PICK(user_part, "type");
PICK(assistant_part, "type");
static const struct shape_field each_system_part = { .name = "", .types = SH_OBJ, .shape = &system_part };
static const struct shape_field each_user_part = { .name = "", .types = SH_OBJ, .shape = &user_part };
static const struct shape_field each_assistant_part = { .name = "", .types = SH_OBJ, .shape = &assistant_part };
#define CONTENT(parts) { .name = "content", .types = SH_ARR, .required = true, .least = 1, .most = 100, .each = &parts }
static const struct shape_field system_item_f[] = { ITEM_FIELDS, SR("role"), CONTENT(each_system_part) };
static const struct shape_field user_item_f[] = { ITEM_FIELDS, SR("role"), CONTENT(each_user_part) };
static const struct shape_field assistant_item_f[] = { ITEM_FIELDS, SR("role"), CONTENT(each_assistant_part) };
SHAPE(system_item);
SHAPE(user_item);
SHAPE(assistant_item);
static const struct shape_variant message_v[] = { { "system", &system_item }, { "user", &user_item }, { "assistant", &assistant_item } };
PICK(message, "role");
static const struct shape_field call_item_f[] = {
	ITEM_FIELDS, SR("name"), SR("arguments"), { .name = "call_id", .types = SH_STR, .required = true, .least = 1, .most = 32 },
};
static const struct shape_field result_item_f[] = { ITEM_FIELDS, SR("call_id"), SR("output") };
static const struct shape_field verdict_item_f[] = {
	SR("type"), S("id"), SR("approval_request_id"), { .name = "approve", .types = SH_BOOL, .required = true },
	{ .name = "reason", .types = SH_STR | SH_NULL },
};
SHAPE(call_item);
SHAPE(result_item);
SHAPE(verdict_item);
static const struct shape_variant item_v[] = {
	{ "message", &message }, { "function_call", &call_item }, { "function_call_output", &result_item }, { "mcp_approval_response", &verdict_item },
};
PICK(item, "type");
static const struct shape_field reference_f[] = { SR("type"), SR("id") };
SHAPE(reference);
static const struct shape_variant given_v[] = {
	{ "message", &message }, { "function_call", &call_item }, { "function_call_output", &result_item }, { "item_reference", &reference },
};
PICK(given, "type");
static const struct shape_field each_given = { .name = "", .types = SH_OBJ, .shape = &given };

static const struct shape_field answer_f[] = {
	ANSWER_FIELDS, O("audio", answer_audio), W("conversation", "auto none"),
	{ .name = "input", .types = SH_ARR, .each = &each_given },
	{ .name = "metadata", .types = SH_OBJ | SH_NULL, .most = 16, .each = &meta_value },
};
SHAPE(answer);

/* --- events --- */
#define EVENT SR("type"), { .name = "event_id", .types = SH_STR, .most = 512 }

static const struct shape_field update_f[] = { EVENT, { .name = "session", .types = SH_OBJ, .required = true, .shape = &session } };
static const struct shape_field append_f[] = { EVENT, { .name = "audio", .types = SH_STR, .required = true, .least = 1 } };
static const struct shape_field bare_f[] = { EVENT };
static const struct shape_field create_f[] = {
	EVENT, S("previous_item_id"), { .name = "item", .types = SH_OBJ, .required = true, .shape = &item },
};
static const struct shape_field item_id_f[] = { EVENT, SR("item_id") };
static const struct shape_field truncate_f[] = {
	EVENT, SR("item_id"),
	{ .name = "content_index", .types = SH_INT, .required = true, .min = 0, .max = 1000 },
	{ .name = "audio_end_ms", .types = SH_INT, .required = true, .min = 0, .max = 1e9 },
};
static const struct shape_field respond_f[] = { EVENT, O("response", answer) };
static const struct shape_field cancel_f[] = { EVENT, S("response_id") };
SHAPE(update);
SHAPE(append);
SHAPE(bare);
SHAPE(create);
SHAPE(item_id);
SHAPE(truncate);
SHAPE(respond);
SHAPE(cancel);

static const struct shape_variant events[] = {
	{ "session.update", &update },
	{ "input_audio_buffer.append", &append },
	{ "input_audio_buffer.commit", &bare },
	{ "input_audio_buffer.clear", &bare },
	{ "conversation.item.create", &create },
	{ "conversation.item.delete", &item_id },
	{ "conversation.item.retrieve", &item_id },
	{ "conversation.item.truncate", &truncate },
	{ "response.create", &respond },
	{ "response.cancel", &cancel },
};

const struct shape *model_shape_event(struct span type)
{
	for (size_t i = 0; i < N(events); i++)
		if (span_is(type, events[i].word))
			return events[i].shape;
	return NULL;
}

const char *model_shape_types(void)
{
	return "'session.update', 'input_audio_buffer.append', 'input_audio_buffer.commit', 'input_audio_buffer.clear', "
	       "'conversation.item.create', 'conversation.item.delete', 'conversation.item.retrieve', 'conversation.item.truncate', "
	       "'response.create', and 'response.cancel'";
}
