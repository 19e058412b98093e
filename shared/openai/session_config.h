/*
 * session_config - what a model is told about its call: agent -> session.update, and the response.create that makes it greet. Text in, text out; the relay
 * sends the messages as they are, `offhook agent config` prints them.
 * Source: OpenAI Realtime API, session.update (GA). Every message validates against ClientEventStrict of the published schema when the dialect is
 * openai or azure; the differences of the dialects are one table in the .c file.
 */
#ifndef OFFHOOK_SESSION_CONFIG_H
#define OFFHOOK_SESSION_CONFIG_H

#include "base/buf.h"
#include "store/agent.h"

enum audio_format { AUDIO_PCMU, AUDIO_PCMA, AUDIO_PCM24, AUDIO_FORMATS };     /* audio/pcmu, audio/pcma, audio/pcm rate 24000 */
enum dialect { DIALECT_OPENAI, DIALECT_AZURE, DIALECT_XAI, DIALECTS };

enum audio_format audio_format_of(const char *word);       /* "g711_ulaw" "g711_alaw" "pcm16"; NULL and unknown words are mu-law */
const char *audio_format_type(enum audio_format f);        /* "audio/pcmu" */
bool dialect_of(struct span word, enum dialect *out);      /* "openai" "azure" "xai" */

/* How this server wants its key: name and value prefix of the upgrade's header ("authorization:", "Bearer "), as lws_add_http_header_by_name takes it. */
struct dialect_auth { const char *header, *prefix; };
struct dialect_auth dialect_auth(enum dialect d);

struct session_config {
	const struct agent *agent;             /* all fields valid */
	enum dialect dialect;
	struct span instructions;              /* in effect and filled in; SPAN_NONE or empty: the model's own */
	struct span greeting;                  /* filled in; empty: the caller speaks first */
	struct span model;                     /* of this upstream; SPAN_NONE: the agent's */
	struct span transcription_model;       /* of this upstream; SPAN_NONE: the agent's */
	struct span tools;                     /* JSON list in OpenAI's form; SPAN_NONE or "[]": no tools are offered */
};

/* Each appends one complete message to `out`; ERR_SYNTAX: agent->truncation or tools are no JSON. */
enum err session_config_update(struct buf *out, const struct session_config *c);
/* The second update of an agent whose greeting may not be interrupted: session_config_update() has switched interrupt_response off, and this, sent when the
 * greeting was heard, gives the agent's own turn detection. Appends nothing when there is nothing to change (interruptible, no greeting, no VAD). */
enum err session_config_greeted(struct buf *out, const struct session_config *c);
/* response.create that makes the model say the greeting word for word, with the session's instructions kept. Appends nothing without a greeting. */
enum err session_config_greeting(struct buf *out, const struct session_config *c);
/* response.create for a conversation whose last answer broke off with its connection: on with it, briefly, with the session's instructions kept. */
enum err session_config_continue(struct buf *out, const struct session_config *c);

/* What the limits of a call make the relay say: system items that warn the model, and response.creates of one sentence. */
enum notice { NOTICE_TIME_SOON, NOTICE_COST_SOON, NOTICE_ASK, NOTICE_IDLE_BYE, NOTICE_TIME_BYE, NOTICE_COST_BYE, NOTICES };
const char *notice_text(enum notice n);
enum err session_config_notice(struct buf *out, const struct session_config *c, enum notice n);

#endif
