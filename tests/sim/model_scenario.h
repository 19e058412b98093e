/*
 * model_scenario - what the simulated model says and does, read from JSON through field tables (docs/simulator.md).
 * A scenario holds scripts, one per session: the n-th connection takes the n-th (the last one goes on), or the model's name chooses.
 */
#ifndef OFFHOOK_SIM_MODEL_SCENARIO_H
#define OFFHOOK_SIM_MODEL_SCENARIO_H

#include "base/field.h"

struct call_step {                    /* a function call of the model */
	char *name, *arguments;       /* arguments: JSON text, sent as it is */
};

struct mcp_step {                     /* a call that the model's server runs on an MCP server */
	char *server, *name, *arguments;
	char *output, *error;         /* error: it fails with these words */
	int64_t delay_ms;             /* it takes so long */
};

enum reply_end { REPLY_COMPLETED, REPLY_FAILED, REPLY_INCOMPLETE, REPLY_EMPTY };

struct reply {                        /* what one response does */
	char *say, *commentary;       /* commentary: a message of its own before, as the 2.x models do */
	char *wav;                    /* file to play for `say` */
	double pattern_seconds;       /* the pattern instead; NAN = no */
	int64_t delay_ms;             /* until the first output; null = the script's */
	int64_t stop_ms;              /* null, or: the audio ends here, with `end` */
	char *end;                    /* word of reply_end */
	char *code, *message;         /* of a failure; code of an incomplete one: its reason */
	struct call_step *calls;
	struct mcp_step *mcp;
	size_t n_calls, n_mcp;
};

struct turn {                         /* the n-th thing the caller says */
	char *user;                   /* its transcript; null = "caller turn N" */
	int64_t transcript_ms;        /* null = the script's */
	char *transcript_error;       /* code: transcription fails */
	struct reply *replies;        /* the first answers the caller, each further one a response after tool results */
	size_t n_replies;
};

enum fault_do {
	DO_NONE, DO_DROP, DO_CLOSE, DO_ERROR, DO_STALL, DO_MUTE, DO_DEAF, DO_GARBAGE, DO_BINARY, DO_HUGE, DO_FRAGMENT, DO_IGNORE, DO_REFUSE,
	DO_PCM, DO_EXPIRE, DO_COUNT
};

struct fault_rule {
	char *at;                     /* event type of either direction, or "connect" */
	int64_t nth;                  /* 1 = the first; 0 = every */
	int64_t after_ms;
	char *what;                   /* "do": word of fault_do */
	int64_t close_code, ms, bytes;
	char *code, *message, *param, *type, *text;
	enum fault_do act;
};

struct script {
	char *model;                  /* chosen by this name in ?model= */
	char *audio;                  /* speech, pattern */
	char *greeting;               /* said when asked to speak first without words of its own */
	char *mcp_failing;            /* labels of MCP servers that cannot be asked for their tools, JSON list */
	double pattern_seconds, rate;
	int64_t delta_ms, first_output_ms, transcript_ms, created_ms, updated_ms, start_after_ms, expires_s, ping_ms, upgrade_status, mcp_list_ms;
	bool vad;                     /* pattern: listen for speech nevertheless */
	struct turn *turns, *more;    /* `more` goes round when the turns are used up */
	struct fault_rule *faults;
	size_t n_turns, n_more, n_faults;
};

struct scenario {
	char *name;
	char *models;                 /* accepted names, JSON list; null = any that begins with "gpt-realtime" */
	char *cert_names;             /* names in the certificate, JSON list; null = localhost, 127.0.0.1, ::1 */
	int64_t cert_days;            /* validity; 0 or less = expired */
	int64_t silent;               /* so many first TCP connections are accepted and never answered */
	struct script *scripts;
	size_t n_scripts;
};

enum err scenario_load(struct scenario **out, const char *path, struct buf *why);
enum err scenario_parse(struct scenario **out, struct span json, struct buf *why);
enum err scenario_default(struct scenario **out, struct buf *why);           /* the demo's conversation */
void scenario_free(struct scenario *sc);

/* The script of connection `number` (from 1) to `model`. */
const struct script *scenario_script(const struct scenario *sc, unsigned number, struct span model);
bool scenario_accepts(const struct scenario *sc, struct span model);
const struct turn *script_turn(const struct script *s, unsigned turn);       /* from 0; NULL: script has none at all */
bool script_is_pattern(const struct script *s);
enum reply_end reply_end_of(const struct reply *r);

#endif
