/* agent - how a call is answered. Key: id; index: account + name (unique in its account). Fields, defaults and ranges: agent_fields in agent.c. */
#ifndef OFFHOOK_AGENT_H
#define OFFHOOK_AGENT_H

#include "store/page.h"
#include "store/record.h"

struct agent {
	char *id, *account, *name;
	char *instructions, *instruction_template, *greeting;
	bool greeting_interruptible;
	char *notice, *say_voice, *say_language;
	char *voice, *model, *reasoning_effort;
	double temperature, speed;
	char *max_response_output_tokens;
	char *input_audio_format, *output_audio_format;
	char *vad_type;
	double vad_threshold;
	int64_t vad_prefix_padding_ms, vad_silence_duration_ms;
	char *vad_eagerness;
	int64_t vad_idle_timeout_ms;
	bool vad_create_response, vad_interrupt_response;
	int64_t barge_in_min_speech_ms;
	bool resume_false_barge_in;
	char *noise_reduction;
	bool enable_input_transcription;
	char *transcription_model, *transcription_language, *transcription_prompt;
	char *truncation;
	int64_t uplink_frames;
	char *tools, *mcp_servers, *transfer_targets;      /* JSON lists; mcp_servers sealed */
	char *timezone;
	int64_t idle_timeout_seconds, max_call_seconds;
	double max_call_cost;
	bool record;
	char *store;                                       /* all metadata none */
	bool redact;
	char *post_call_url, *fallback_number;
	bool is_active;
	int64_t created_at, updated_at, version;
	double max_day_cost;
	char *post_call_secret;                            /* sealed */
	char *voicemail;                                   /* said to a mailbox that answers an outbound call; NULL: it is hung up on */
};

extern const struct record_type agent_type;

enum err agent_get(struct txn *t, struct span id, struct agent *out);
enum err agent_by_name(struct txn *t, struct span account_id, struct span name, struct agent *out);
/* The agent that answers: the number's, else its account's default, else the default account's; inactive ones are skipped. ERR_NOTFOUND */
enum err agent_for_call(struct txn *t, struct span number_agent_id, struct span account_id, struct agent *out);
/* `{name}`, `{date}`, `{time}`, `{timezone}`, `{caller_number}`, `{called_number}` filled in; any other braces stay as they are. */
struct agent_fill { struct span caller_number, called_number; int64_t wall_ms; };
enum err agent_fill_text(const struct agent *a, struct span text, const struct agent_fill *f, struct buf *out);
/* The instructions in effect: its own, else its template's text. */
enum err agent_instructions(struct txn *t, const struct agent *a, struct buf *out);

#endif
