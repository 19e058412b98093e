#include "store/agent.h"
#include "store/account.h"
#include "store/defaults.h"
#include "store/key.h"
#include "store/template.h"
#include "store/walk.h"

#define F(m, kind, flags, min, max, def, allowed, help) FIELD(struct agent, m, kind, flags, min, max, def, allowed, help)
#define FORMATS "g711_ulaw g711_alaw pcm16"

/* Order is the stored numbering: append only. */
static const struct field agent_fields[] = {
	F(id,                         FK_PLAIN, FF_READONLY, 0, 20,      NULL,   NULL, "number of the agent"),
	F(account,                    FK_REF,   0,           0, 100,     NULL,   "account", "whose it is; none: the default account's"),
	F(name,                       FK_PLAIN, 0,           1, 100,     NULL,   NULL, "unique in its account; none: agent-N"),
	F(instructions,               FK_PLAIN, FF_KEEP,     0, 65536,   default_instructions, NULL, "what the model is told; {name}, {date}, {time}, {timezone}, {caller_number}, {called_number} are filled in"),
	F(instruction_template,       FK_REF,   0,           0, 100,     NULL,   "template", "whose text is used when it has no instructions of its own"),
	F(greeting,                   FK_PLAIN, FF_KEEP,     0, 2000,    DEFAULT_GREETING, NULL, "what the agent says first, word for word; empty: the caller speaks first"),
	F(greeting_interruptible,     FK_PLAIN, 0,           0, 0,       "true", NULL, "false: the caller cannot cut the greeting"),
	F(notice,                     FK_PLAIN, 0,           0, 2000,    NULL,   NULL, "spoken by Twilio before the agent (recording, consent)"),
	F(say_voice,                  FK_PLAIN, 0,           0, 100,     NULL,   NULL, "Twilio's voice for notices and apologies; none: Twilio's own"),
	F(say_language,               FK_PLAIN, 0,           0, 20,      NULL,   NULL, "language of notices and apologies, de-DE; none: Twilio's own"),
	F(voice,                      FK_PLAIN, 0,           1, 100,     "marin", NULL, "voice of the model: marin, cedar, alloy, ash, ballad, coral, echo, sage, shimmer, verse, or voice_..."),
	F(model,                      FK_PLAIN, 0,           1, 100,     "gpt-realtime-2.1", NULL, "model, or deployment"),
	F(reasoning_effort,           FK_WORD,  0,           0, 0,       NULL,   "none minimal low medium high xhigh", "how long the model thinks; none given: the model's own"),
	F(temperature,                FK_PLAIN, 0,           0, 2,       NULL,   NULL, "for servers that take it"),
	F(speed,                      FK_PLAIN, 0,           0.25, 1.5,  "1",    NULL, "speed of speech"),
	F(max_response_output_tokens, FK_INT_OR_INF, 0,      1, 4096,    "inf",  NULL, "longest answer, in tokens"),
	F(input_audio_format,         FK_WORD,  0,           0, 0,       "g711_ulaw", FORMATS, "what the model hears"),
	F(output_audio_format,        FK_WORD,  0,           0, 0,       "g711_ulaw", FORMATS, "what the model speaks"),
	F(vad_type,                   FK_WORD,  0,           0, 0,       "server_vad", "server_vad semantic_vad none", "how the end of the caller's turn is found; none: nothing is answered by itself"),
	F(vad_threshold,              FK_PLAIN, 0,           0, 1,       "0.5",  NULL, "server_vad: how loud speech is"),
	F(vad_prefix_padding_ms,      FK_PLAIN, 0,           0, 10000,   "300",  NULL, "server_vad: audio kept from before speech"),
	F(vad_silence_duration_ms,    FK_PLAIN, 0,           0, 10000,   "500",  NULL, "server_vad: silence that ends a turn"),
	F(vad_eagerness,              FK_WORD,  0,           0, 0,       "auto", "auto low medium high", "semantic_vad: how soon it answers"),
	F(vad_idle_timeout_ms,        FK_PLAIN, 0,           5000, 30000, NULL,  NULL, "server_vad: silence after which the model speaks again"),
	F(vad_create_response,        FK_PLAIN, 0,           0, 0,       "true", NULL, "the end of a turn is answered by itself"),
	F(vad_interrupt_response,     FK_PLAIN, 0,           0, 0,       "true", NULL, "false: speech never cuts an answer"),
	F(barge_in_min_speech_ms,     FK_PLAIN, 0,           0, 10000,   "0",    NULL, "speech this long interrupts, shorter speech only by its words; 0: at once, with resume_false_barge_in by words"),
	F(resume_false_barge_in,      FK_PLAIN, 0,           0, 0,       "false", NULL, "an answer cut by a noise goes on"),
	F(noise_reduction,            FK_WORD,  0,           0, 0,       "none", "near_field far_field none", "the model's noise filter"),
	F(enable_input_transcription, FK_PLAIN, 0,           0, 0,       "true", NULL, "write down what the caller says"),
	F(transcription_model,        FK_PLAIN, 0,           1, 100,     "gpt-transcribe", NULL, "who writes it down"),
	F(transcription_language,     FK_PLAIN, 0,           0, 20,      NULL,   NULL, "two letters, de; none: found by itself"),
	F(transcription_prompt,       FK_PLAIN, 0,           0, 4000,    NULL,   NULL, "words and names to expect"),
	F(truncation,                 FK_PLAIN, 0,           0, 1000,    NULL,   NULL, "auto, disabled, a ratio to keep (0.8), or the JSON object; none: the model's own"),
	F(uplink_frames,              FK_PLAIN, 0,           1, 10,      "1",    NULL, "20-ms frames in one message to the model"),
	F(tools,                      FK_LIST,  FF_KEEP,     0, 16384,   "[\"end_call\",\"get_current_time\"]", NULL, "names of the tools it may use"),
	F(mcp_servers,                FK_LIST,  FF_SECRET,   0, 65536,   NULL,   NULL, "JSON list of MCP servers as in the model's API"),
	F(transfer_targets,           FK_LIST,  0,           0, 16384,   NULL,   NULL, "[{\"name\":\"Sales\",\"number\":\"+15550100\"}]"),
	F(timezone,                   FK_PLAIN, 0,           0, 64,      NULL,   NULL, "Europe/Berlin; none: the host's"),
	F(idle_timeout_seconds,       FK_PLAIN, 0,           0, 86400,   "300",  NULL, "silence after which the agent asks and then says goodbye; 0: never"),
	F(max_call_seconds,           FK_PLAIN, 0,           0, 86400,   "3600", NULL, "longest call; 0: no limit"),
	F(max_call_cost,              FK_PLAIN, 0,           0, 100000,  NULL,   NULL, "US dollars a call may cost; none: no limit"),
	F(record,                     FK_PLAIN, 0,           0, 0,       "false", NULL, "record the audio"),
	F(store,                      FK_WORD,  0,           0, 0,       "all",  "all metadata none", "what is kept of a call"),
	F(redact,                     FK_PLAIN, 0,           0, 0,       "false", NULL, "hide numbers in stored texts"),
	F(post_call_url,              FK_URL,   0,           0, 2000,    NULL,   "http https", "told about every call that has ended"),
	F(fallback_number,            FK_PHONE, 0,           0, 0,       NULL,   NULL, "dialled when the agent cannot answer"),
	F(is_active,                  FK_PLAIN, 0,           0, 0,       "true", NULL, "false: answers no calls"),
	F(created_at,                 FK_TIME,  FF_READONLY, 0, 0,       NULL,   NULL, "when it was made"),
	F(updated_at,                 FK_TIME,  FF_READONLY, 0, 0,       NULL,   NULL, "when it was last changed"),
	F(version,                    FK_PLAIN, FF_READONLY, 0, 0,       "1",    NULL, "counts changes; every version is kept"),
	F(max_day_cost,               FK_PLAIN, 0,           0, 1000000, NULL,   NULL, "US dollars all its calls of a day (UTC) may cost; none: no limit"),
	F(post_call_secret,           FK_PLAIN, FF_SECRET,   0, 500,     NULL,   NULL, "signs what is sent to post_call_url; none: unsigned"),
	F(voicemail,                  FK_PLAIN, 0,           0, 2000,    NULL,   NULL, "said when a mailbox answers an outbound call; empty: hang up"),
};

const struct record_type agent_type = {
	"agent", T_AGENT, agent_fields, sizeof agent_fields / sizeof *agent_fields, sizeof(struct agent), 1, "id",
};

void agent_name_key(struct span key, struct span rec, struct index_keys *out)
{
	struct span account, name;

	(void)key;
	if (!record_peek(&agent_type, rec, offsetof(struct agent, account), &account) || !key_id(&out->k[0], account) ||
	    !record_peek(&agent_type, rec, offsetof(struct agent, name), &name))
		return;
	key_text(&out->k[0], name);
	out->n = 1;
}

void agent_list_key(struct span key, struct span rec, struct index_keys *out)
{
	struct span name;

	if (!record_peek(&agent_type, rec, offsetof(struct agent, name), &name))
		return;
	key_text(&out->k[0], name);
	key_bytes(&out->k[0], key);
	out->n = 1;
}

enum err agent_get(struct txn *t, struct span id, struct agent *out)
{
	struct key k = { .n = 0 };

	return key_id(&k, id) ? record_get(t, &agent_type, key_span(&k), out) : ERR_NOTFOUND;
}

enum err agent_by_name(struct txn *t, struct span account_id, struct span name, struct agent *out)
{
	struct key k = { .n = 0 };

	if (!key_id(&k, account_id))
		return ERR_NOTFOUND;
	key_text(&k, name);
	return record_by_prefix(t, &agent_type, X_AGENT_NAME, &k, false, out);
}

/* --- who answers --- */

static enum err active(struct txn *t, struct span id, struct agent *out)
{
	enum err e = id.n ? agent_get(t, id, out) : ERR_NOTFOUND;

	if (e || out->is_active)
		return e;
	record_fini(&agent_type, out);
	return ERR_NOTFOUND;
}

/* The account's default agent, given the account or ERR_NOTFOUND; the account is used up. */
static enum err account_agent(struct txn *t, enum err e, struct account *a, struct agent *out)
{
	if (e)
		return e;
	e = a->is_active ? active(t, span_z(a->default_agent), out) : ERR_NOTFOUND;
	record_fini(&account_type, a);
	return e;
}

enum err agent_for_call(struct txn *t, struct span number_agent_id, struct span account_id, struct agent *out)
{
	struct account a;
	enum err e = active(t, number_agent_id, out);

	if (e == ERR_NOTFOUND)
		e = account_agent(t, account_get(t, account_id, &a), &a, out);
	if (e == ERR_NOTFOUND)
		e = account_agent(t, account_default(t, &a), &a, out);
	return e;
}

enum err agent_instructions(struct txn *t, const struct agent *a, struct buf *out)
{
	struct template tp;
	enum err e = ERR_NOTFOUND;

	buf_reset(out);
	if (!a->instructions && a->instruction_template)
		e = template_get(t, span_z(a->instruction_template), &tp);
	if (e && e != ERR_NOTFOUND)
		return e;
	if (e)
		buf_addz(out, a->instructions ? a->instructions : default_instructions);
	else {
		buf_addz(out, tp.instructions ? tp.instructions : "");
		record_fini(&template_type, &tp);
	}
	return out->err;
}
