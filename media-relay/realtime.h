/*
 * realtime - Realtime messages: event table, parse, build. GA names and the older ones are understood; only GA is spoken. Parsing lends spans of the message
 * (fast road: audio) or of the parser's json-c object. Every object is open and every field but `type` may be missing or null.
 * Source: OpenAI Realtime API, server and client events; errors: its list of codes.
 */
#ifndef OFFHOOK_REALTIME_H
#define OFFHOOK_REALTIME_H

#include <json-c/json.h>

#include "base/b64.h"
#include "base/buf.h"
#include "openai/session_config.h"

enum realtime_type {
	RT_UNKNOWN,                     /* not in the table: counted and dropped */
	RT_NOTED,                       /* in the table, nothing to do */
	RT_SESSION_CREATED, RT_SESSION_UPDATED, RT_ERROR,
	RT_SPEECH_STARTED, RT_SPEECH_STOPPED,
	RT_HEARD_DELTA, RT_HEARD_DONE, RT_HEARD_FAILED,         /* what the caller said */
	RT_TRUNCATED,
	RT_ADDED_DONE,                  /* conversation.item.done */
	RT_MCP_BEGUN, RT_MCP_OVER, RT_MCP_NO_TOOLS,
	RT_RESPONSE_CREATED, RT_RESPONSE_DONE, RT_ITEM_ADDED, RT_ITEM_DONE,
	RT_AUDIO_DELTA, RT_AUDIO_DONE, RT_WORDS_DELTA, RT_WORDS_DONE,
	RT_TYPES
};

enum realtime_status { RS_NONE, RS_COMPLETED, RS_CANCELLED, RS_INCOMPLETE, RS_FAILED };

#define REALTIME_USAGE 6                /* input text, input audio, cached text, cached audio, output text, output audio: order of contract 6 */

struct realtime_msg {
	enum realtime_type type;
	struct span name;               /* of the event */
	struct span item_id, response_id;
	int64_t content_index;
	int64_t at_ms;                  /* speech: position in the audio we have sent */
	struct span delta;              /* audio as base64, or words */
	struct { struct span type, code, message, event_id; } error;
	struct { struct span id, in, out, voice; int64_t in_rate, out_rate, silence_ms, expires_at; } session;      /* formats by type; -1: not said */
	struct { struct span type, role, status, name, call_id, arguments, server_label, output, error; } item;      /* error: its words */
	struct { enum realtime_status status; struct span reason, purpose; unsigned calls; bool has_usage; int64_t usage[REALTIME_USAGE]; } response;
	struct { int64_t input, output; double seconds; } heard;                                        /* usage of a transcription */
};

struct realtime_parser { struct json_object *held; };
void realtime_parser_fini(struct realtime_parser *p);

enum err realtime_parse(struct realtime_parser *p, struct span text, struct realtime_msg *out);        /* ERR_SYNTAX: cannot be read */
bool realtime_audio_fast(struct span text, struct realtime_msg *out);                                  /* the hot road alone, for the fuzzer */
enum err realtime_parse_slow(struct realtime_parser *p, struct span text, struct realtime_msg *out);

/* session.updated: does the model hear and speak what we asked for? The formats must be said; the voice must be ours when it is said. */
bool realtime_confirms(const struct realtime_msg *m, enum audio_format in, enum audio_format out, struct span voice);

/* What an error means for the connection. */
enum realtime_fault {
	RF_HARMLESS,                    /* the connection is fine */
	RF_DROPPED,                     /* dial again */
	RF_EXPIRED,                     /* dial again: it had reached its age */
	RF_HOPELESS,                    /* trying again cannot help: key, quota, model */
};
enum realtime_fault realtime_fault(const struct realtime_msg *m);              /* of an `error`, or of a failed response */
enum realtime_fault realtime_fault_closed(struct span reason);                 /* of EV_MODEL_CLOSED */
int64_t realtime_retry_ms(struct span message);                                /* "try again in 1.2s"; 300 when it does not say */

/* Hot messages are written into room of at least the given size and return their length; the others are built. */
#define REALTIME_APPEND_SIZE(b64_n) (64 + (b64_n))
size_t realtime_append(char *room, struct span base64);
size_t realtime_append_raw(char *room, const uint8_t *audio, size_t n);

void realtime_truncate(struct buf *out, struct span event_id, struct span item_id, int64_t content_index, int64_t audio_end_ms);
void realtime_user_text(struct buf *out, struct span event_id, struct span text);
/* Items of our own, for a conversation that is rebuilt. An id is at most 32 of [A-Za-z0-9_-]; SPAN_NONE: the server gives one. `after`: SPAN_NONE = at the end. */
enum realtime_role { RR_USER, RR_ASSISTANT, RR_SYSTEM };
void realtime_message(struct buf *out, struct span event_id, struct span item_id, struct span after, enum realtime_role role, struct span text);
void realtime_call(struct buf *out, struct span event_id, struct span item_id, struct span call_id, struct span name, struct span arguments);
void realtime_output(struct buf *out, struct span event_id, struct span item_id, struct span call_id, struct span output);
void realtime_delete(struct buf *out, struct span event_id, struct span item_id);
void realtime_create(struct buf *out, struct span event_id);
void realtime_cancel(struct buf *out, struct span event_id, struct span response_id);

/* realtime_tools.c */
void realtime_tool_output(struct buf *out, struct span event_id, struct span call_id, struct span output);
void realtime_system_text(struct buf *out, struct span event_id, struct span text);
void realtime_filler(struct buf *out, struct span event_id, struct span words);        /* out of band: it may be spoken beside a running conversation */
void realtime_approval(struct buf *out, struct span event_id, struct span request_id, bool approve);

#endif
