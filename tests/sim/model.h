/*
 * model - the simulated Realtime server (OpenAI, GA shape): one process, one loop, one session per connection.
 * A session knows no sockets: it gets messages and ticks and acts through model_ops, so that tests drive it with a clock of their own.
 *
 *     model_conn (libwebsockets) -> model_event (what the client sent) -> model_config, model_item, model_input, model_answer
 *                               <- model_event (what is sent: counted, logged, faults met) <-
 *
 * Source: protocol description of the Realtime API, GA; the published schema of its events.
 */
#ifndef OFFHOOK_SIM_MODEL_H
#define OFFHOOK_SIM_MODEL_H

#include <stdio.h>

#include "base/json.h"
#include "model_scenario.h"
#include "model_shape.h"
#include "model_stats.h"
#include "pattern.h"
#include "speech.h"
#include "vad.h"

#define MODEL_ID 40

enum model_dialect { MODEL_OPENAI, MODEL_AZURE, MODEL_XAI, MODEL_BETA, MODEL_DIALECTS };      /* model_dialect.h */
#define MODEL_DIALECT_WORDS "openai azure xai beta"

struct model {                          /* what all sessions share */
	enum model_dialect dialect;
	const struct scenario *scenario;
	struct speech *speech;          /* NULL: nothing is spoken, the pattern stands for the sound of words */
	FILE *log;                      /* NULL: none */
	struct model_stats stats;
	unsigned sessions;              /* numbered so far */
	struct model_sess *list;
	struct buf scratch;             /* the event being built */
};

struct model_ops {                      /* what a session asks of its connection; nothing calls back in */
	void (*send)(void *conn, struct span bytes, bool binary);
	void (*close)(void *conn, unsigned code, struct span reason);          /* after what waits */
	void (*drop)(void *conn);                                              /* reset, no close frame */
	void (*hold)(void *conn, bool reading, bool writing, int64_t ms);      /* 0 = for good */
	void (*fragment)(void *conn, size_t bytes);                            /* from now on in pieces of so many bytes; 0 = whole */
	size_t (*backlog)(void *conn);                                         /* bytes that wait */
};

/* --- items of the conversation --- */
enum item_kind { ITEM_MESSAGE, ITEM_CALL, ITEM_MCP_TOOLS, ITEM_MCP_CALL, ITEM_MCP_REQUEST, ITEM_OTHER };
enum item_status { ITEM_PROGRESS, ITEM_COMPLETED, ITEM_INCOMPLETE };

struct item {
	struct item *prev, *next;
	unsigned refs;
	char id[MODEL_ID];
	enum item_kind kind;
	enum item_status status;
	bool assistant, audio;          /* audio: the content is sound */
	const char *phase;              /* static; NULL = none */
	char *text;                     /* transcript, text or arguments */
	size_t shown;                   /* bytes of text the client has got */
	bool has_text, truncated;       /* has_text: the transcript of a caller's audio came */
	uint32_t audio_ms;
	char name[MODEL_ID * 2], call_id[MODEL_ID];
	struct buf sound;               /* bytes of a caller's turn, for retrieve */
	const struct clip *clip;        /* of an answer */
	enum speech_format format;
	struct mcp_item *mcp;           /* of the three kinds of MCP */
	struct json_object *raw, *full; /* created by the client: as given without audio, and with it where there is some */
};

/* --- effective configuration, read out of the session object --- */
struct sess_cfg {
	enum speech_format in, out;
	bool vad, create, interrupt, transcribe, by_duration, live, text_only;      /* live: the transcript begins while the caller speaks */
	double threshold;
	int64_t prefix_ms, silence_ms, idle_ms, max_tokens;     /* 0 = none, no limit */
};

/* --- something to be done later --- */
struct model_sess;
struct later {
	struct later *next;
	int64_t due;
	void (*run)(struct model_sess *s, struct later *l);
	char id[MODEL_ID];
	unsigned turn;
	const struct fault_rule *fault;
};

struct answer;
struct mcp_item;

struct model_sess {
	struct model_sess *prev, *next;
	struct model *m;
	const struct model_ops *ops;
	void *conn;
	unsigned number;
	uint64_t ids;
	char id[MODEL_ID], conversation[MODEL_ID], model[80];
	const struct script *script;
	bool dead;                      /* closed or dropped by us: nothing more is sent or heard */
	int64_t opened_at, expires_at;
	struct later *later;
	unsigned *fault_seen;           /* one per rule of the script */
	/* configuration */
	struct json_object *cfg;
	struct sess_cfg c;
	bool configured, voice_locked, force_pcm;
	/* caller's audio */
	struct vad vad;
	struct buf input;               /* what is in the input buffer */
	uint64_t in_us, in_start_us;    /* audio received; where `input` begins */
	bool heard_any, idle_asked;     /* idle_asked: the next answer asks whether the caller is still there */
	uint64_t frames_in, frames_early;
	char speech_item[MODEL_ID];     /* of the turn being spoken */
	int64_t idle_at, last_audio_at;
	struct pattern_check pattern;
	/* conversation */
	struct item *first, *last;
	unsigned turns;                 /* committed so far */
	unsigned turn, step;            /* which is being answered, and with which of its replies */
	bool mcp_news;                  /* MCP calls are over or refused, and no answer has had that yet */
	bool greeted;
	bool turn_open;                 /* a committed turn has no answer yet */
	bool pattern_started;
	uint32_t pattern_next;          /* number of the next frame of ours */
	struct answer *answers;
	int64_t seen_tokens, spent;     /* input of the response before: cached now; all so far */
};

int model_main(int argc, char **argv);                   /* the words after `model` */
void model_help(struct buf *out);

/* model_event.c */
struct model_sess *model_sess_new(struct model *m, const struct model_ops *ops, void *conn, struct span model_name);
void model_sess_free(struct model_sess *s);
void model_sess_open(struct model_sess *s);                                  /* session.created, after the script's delay */
void model_sess_message(struct model_sess *s, struct span text);
void model_sess_expire(struct model_sess *s);
void model_sess_binary(struct model_sess *s);
void model_sess_tick(struct model_sess *s, int64_t now);
void model_refuse(struct model *m, const struct model_ops *ops, void *conn, const char *code, const char *message, unsigned close_code);

void model_id(struct model_sess *s, const char *prefix, char out[MODEL_ID]);
void model_emit(struct model_sess *s, const char *type, const char *fmt, ...);   /* fmt: the rest of the object, as model_fmt */
struct buf *model_emit_begin(struct model_sess *s, const char *type);            /* the same in pieces */
void model_emit_end(struct model_sess *s, const char *type);
void model_error(struct model_sess *s, const struct complaint *c, const char *event_id);
struct later *model_later(struct model_sess *s, int64_t in_ms, void (*run)(struct model_sess *s, struct later *l));   /* NULL: out of memory */

/* model_fault.c */
bool model_event_known(struct span type);                                        /* a type that can be named by `at` */
void model_fault_sent(struct model_sess *s, const char *type);
const struct fault_rule *model_fault_received(struct model_sess *s, struct span type);   /* a rule that decides on the event itself, or NULL */

/* model_log.c */
void model_log_in(struct model *m, unsigned session, struct span text, bool readable);
void model_log_out(struct model *m, unsigned session, struct span text);

/* model_config.c */
enum err model_config_new(struct model_sess *s);
bool model_config_update(struct model_sess *s, struct json_object *session, struct complaint *c);
void model_config_force_pcm(struct model_sess *s);
bool model_reasons(const struct model_sess *s);                                  /* the 2.x family */

/* model_item.c */
struct item *item_new(struct model_sess *s, enum item_kind kind, const char *id);    /* id NULL: a new one; refs 1 */
void item_put(struct item *it);
void item_link(struct model_sess *s, struct item *it, struct item *after);           /* after NULL: first; the conversation holds a reference */
void item_unlink(struct model_sess *s, struct item *it);
struct item *item_find(struct model_sess *s, struct span id);
struct item *item_call(struct model_sess *s, struct span call_id);                   /* the function call of that id */
void item_write(struct buf *b, const struct item *it);
void item_emit(struct model_sess *s, const char *type, const struct item *it);       /* conversation.item.added, .done */
bool item_on_create(struct model_sess *s, struct json_object *ev, struct complaint *c);
bool item_on_delete(struct model_sess *s, struct json_object *ev, struct complaint *c);
bool item_on_retrieve(struct model_sess *s, struct json_object *ev, struct complaint *c);
bool item_on_truncate(struct model_sess *s, struct json_object *ev, struct complaint *c);

/* model_mcp.c: the MCP servers of the session. A call is announced as an item; it runs at once, or asks for the client's approval first. */
bool mcp_config_fine(struct json_object *tools, struct complaint *c);                /* of a session.update */
void mcp_configured(struct model_sess *s);                                           /* new ones are asked for their tools */
bool mcp_known(const struct model_sess *s, const struct mcp_step *m);                /* the model may call it */
struct item *mcp_item_new(struct model_sess *s, const struct mcp_step *m, const char *response, unsigned index);      /* a call, or a request where one is needed */
void mcp_item_free(struct mcp_item *m);
void mcp_item_write(struct buf *b, const struct item *it);
void mcp_run(struct model_sess *s, struct item *call);
bool mcp_acceptable(struct model_sess *s, struct json_object *given, struct complaint *c);      /* an mcp_approval_response */
void mcp_on_answer(struct model_sess *s, struct json_object *given);                  /* by the client */

/* model_input.c */
void input_audio(struct model_sess *s, const uint8_t *p, size_t n);
void input_configured(struct model_sess *s);
void input_tick(struct model_sess *s, int64_t now);
uint64_t input_ms(const struct model_sess *s);
bool input_on_append(struct model_sess *s, struct json_object *ev, struct complaint *c);
bool input_on_commit(struct model_sess *s, struct json_object *ev, struct complaint *c);
bool input_on_clear(struct model_sess *s, struct json_object *ev, struct complaint *c);

/* model_answer.c, model_reply.c */
void answer_start(struct model_sess *s, struct json_object *params);                 /* params: of response.create; NULL: automatic */
bool answer_active(const struct model_sess *s);                                      /* one writes to the conversation */
bool answer_cancel(struct model_sess *s, struct span id, const char *reason);        /* id SPAN_NONE: the one of the conversation */
void answer_tick(struct model_sess *s, int64_t now);
void answers_free(struct model_sess *s);
bool answer_on_create(struct model_sess *s, struct json_object *ev, struct complaint *c);
bool answer_on_cancel(struct model_sess *s, struct json_object *ev, struct complaint *c);

#endif
