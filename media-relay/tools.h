/*
 * tools - functions the model calls: built-in ones and HTTP tools. Worker thread only; owned by a session. It decides what runs, when, and what the model is
 * told of it; whatever touches the world it asks for through tools_out.
 * A call is collected when its item is complete and runs when its response has ended well: all calls of a response in parallel, each with a time limit. When
 * the last of them has its output the model is asked for one answer - none when the call is handed over or ended and the response itself has spoken.
 * Units: milliseconds of the session's monotonic clock. Source: contract M5, M6; OpenAI Realtime, function calling.
 */
#ifndef OFFHOOK_TOOLS_H
#define OFFHOOK_TOOLS_H

#include <json-c/json.h>

#include "base/buf.h"
#include "openai/tool_list.h"

#define TOOLS_CALLS    16                   /* running or collected at a time; more are refused with an error the model can read */
#define TOOLS_SEEN     32                   /* call ids remembered: the same call is announced several times */
#define TOOLS_ID       128
#define TOOLS_NAME     65
#define TOOLS_RESULT   ((size_t)8 << 10)    /* bytes of a result the model is given: they stay in its context */
#define TOOLS_FILLER_MS 1500
#define TOOLS_COLLECT_MS 60000              /* for collect_digits as a whole */

struct tool_call {
	bool used, running, spoke;          /* spoke: its response gave audio */
	bool known;                         /* the agent has such a tool */
	bool quiet;                         /* hands over or ends the call: no answer is needed when something was said */
	char id[TOOLS_ID], item[TOOLS_ID], response[TOOLS_ID], name[TOOLS_NAME];
	struct buf arguments;               /* JSON, as they came */
	struct json_object *args;           /* an object, once checked */
	const struct tool *http;            /* NULL: built in */
	unsigned connection;                /* of the model: an output goes only to the one that knows the call */
	uint64_t ticket;                    /* of what was asked for outside; 0: nothing */
	int64_t from_ms, due_ms;
	int64_t slot;                       /* the owner's: its place in the transcript; -1 = none yet */
};

struct tools_target { struct span name, number; };      /* of the agent's list */

struct tools_out {
	void (*output)(void *ctx, const struct tool_call *c, struct span output);          /* to the model */
	void (*saved)(void *ctx, struct tool_call *c, struct span result, int64_t ms);     /* for the transcript; result SPAN_NONE: it runs, ms 0 */
	void (*answer)(void *ctx);                                                          /* all outputs of a response are given: ask for one */
	void (*filler)(void *ctx, struct span words);
	void (*http)(void *ctx, const struct tool *t, uint64_t ticket, struct span arguments);
	/* What built-in ones do to the call. `silent`: its response said nothing, an answer will follow. */
	void (*end)(void *ctx, struct span reason);
	void (*transfer)(void *ctx, const struct tools_target *to, bool come_back, struct span summary);
	void (*digits)(void *ctx, struct span digits);
	bool (*message)(void *ctx, struct span json);                                       /* false: this agent keeps none */
	void (*collect)(void *ctx, uint64_t ticket, unsigned max_digits, bool secret);     /* -> tools_keys */
	void *ctx;
};

struct tools_setup {                        /* of the agent; lives as long as the session */
	const struct tool_set *set;
	const char *targets;                /* JSON list, NULL: none */
	const char *timezone;               /* NULL: the host's */
};

struct tools {
	const struct tools_out *out;
	struct tools_setup setup;
	struct tool_call calls[TOOLS_CALLS];
	char seen[TOOLS_SEEN][TOOLS_ID];
	unsigned seen_n, connection;
	uint64_t tickets;
	bool filled;                        /* this wait has had its filler */
};

void tools_init(struct tools *t, const struct tools_out *out);
void tools_setup(struct tools *t, const struct tools_setup *s);
void tools_fini(struct tools *t);

/* A function_call item of `response` is complete. `wall_ms` for get_current_time comes with the run. */
void tools_collect(struct tools *t, struct span response, struct span item, struct span call_id, struct span name, struct span arguments);
/* The response is over: its calls run, or are void. `spoke`: it gave audio. */
void tools_response_over(struct tools *t, struct span response, bool good, bool spoke, int64_t now_ms, int64_t wall_ms);
void tools_connection_lost(struct tools *t);                    /* what runs goes on; what was only collected is void */

/* What was asked for outside has come back. Late ones are dropped. */
struct tools_result { uint64_t ticket; const char *error; int status; struct span body; bool cut; };     /* error: NULL, or words for the model */
void tools_result(struct tools *t, const struct tools_result *r, int64_t now_ms);
/* Keys for collect_digits: `whole` false when nothing was pressed in time. */
void tools_keys(struct tools *t, uint64_t ticket, struct span digits, bool whole, int64_t now_ms);

/* Time limits and the filler. `quiet`: nobody speaks, and nothing is about to be said. */
void tools_tick(struct tools *t, bool quiet, int64_t now_ms);
bool tools_busy(const struct tools *t);                         /* a tool runs */
bool tools_any(const struct tools *t);                          /* one is collected or runs */
bool tools_waits(const struct tools *t, struct span response);  /* calls of this response are collected or run */

#endif
