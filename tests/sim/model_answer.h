/* model_answer - a response while it runs; shared by model_reply.c, which plans it, model_answer.c, which leads it, and model_output.c, which delivers it. */
#ifndef OFFHOOK_SIM_MODEL_ANSWER_H
#define OFFHOOK_SIM_MODEL_ANSWER_H

#include "model.h"

#define OUTS_MAX 10

struct out {                            /* one item of the response's output */
	struct item *item;              /* NULL until it has begun */
	bool call;
	const struct mcp_step *mcp;     /* a call on an MCP server; `call` is false */
	const char *phase;              /* static, NULL = none */
	char *text, *name;              /* words, or arguments and function */
	const struct clip *clip;        /* audio: a clip, or so many bytes of the pattern */
	uint64_t pattern_bytes;
	size_t total;                   /* bytes of audio to send */
};

enum answer_at { AT_BEGIN, AT_FLOW, AT_FINISH };

struct answer {
	struct answer *next;
	char id[MODEL_ID];
	bool aside;                     /* conversation "none": writes to nobody's history */
	bool text_only, no_calls;
	struct json_object *metadata;
	enum speech_format format;
	struct out outs[OUTS_MAX];
	unsigned n_outs, cur;
	enum answer_at at;
	int64_t due, first_at;          /* of the next step; of the first audio */
	size_t sent;                    /* bytes of audio of the current item */
	uint64_t audio_ms;              /* of all items */
	size_t text_bytes;
	int64_t in_text, in_audio, cached;
	int64_t max_tokens;
	enum reply_end end;
	const char *code, *message;     /* of the script, or static */
	int64_t stop_ms;                /* null, or where the audio ends */
	uint8_t frame[PATTERN_FRAME];
	size_t frame_at;                /* used bytes of it */
};

/* model_output.c: one item. */
bool out_begin(struct model_sess *s, struct answer *a, struct out *o);       /* false: out of memory */
bool out_flow(struct model_sess *s, struct answer *a, struct out *o);        /* the next piece; false: there is no further one */
void out_end(struct model_sess *s, struct answer *a, struct out *o, enum item_status status);

/* model_reply.c: chooses what is said and fills outs, end, due. False: out of memory or no speech; `why` says what. */
bool reply_plan(struct model_sess *s, struct answer *a, struct json_object *params, struct buf *why);

#endif
