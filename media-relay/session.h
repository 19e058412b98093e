/*
 * session - one call as a state table; no sockets, no JSON library, no database. Worker thread only.
 *
 * What happens comes in as events; what is to be done goes out through session_ops, which only record or request and never call back in:
 * answers are later events. The session is freed by its owner after ops->gone, never inside its own event.
 *
 * The state of the call and that of the model connection (upstream.h) are two tables. A session never sees a stream that is not admitted: door.h
 * holds a new WebSocket until its `start` has come and its token is found good.
 */
#ifndef OFFHOOK_SESSION_H
#define OFFHOOK_SESSION_H

#include "base/err.h"
#include "base/span.h"
#include "media-relay/setup.h"
#include "store/tool.h"
#include "store/turn.h"

struct session;

enum session_leg { LEG_CALLER, LEG_MODEL, LEG_NEXT, LEGS };     /* next: the model connection that is to take over from the one in use */

/* Outcome of a call, as stored (contract 6 end_reason). */
#define END_LIST(X) \
	X(CALLER_HANGUP, "caller_hangup") X(AGENT_ENDED, "agent_ended") X(TRANSFERRED, "transferred") X(IDLE, "idle") \
	X(MAX_DURATION, "max_duration") X(MAX_COST, "max_cost") X(OPERATOR, "operator") X(MODEL_FAILED, "model_failed") \
	X(STREAM_FAILED, "stream_failed") X(RELAY_LOST, "relay_lost") X(SHUTDOWN, "shutdown")
enum end_reason {
	END_NONE,
#define X(n, text) END_##n,
	END_LIST(X)
#undef X
	END_COUNT
};
const char *end_text(enum end_reason r);

enum session_ev {                     /* data of each in brackets */
	/* control: webhook, CLI */
	EV_ANNOUNCED,                 /* the webhook came again, or `continue` connects it again */
	EV_STATUS_FINAL,              /* Twilio's final call status [the word] */
	EV_STREAM_ERROR,              /* stream status callback: stream-error [text] */
	EV_HANGUP,                    /* operator [reason] */
	EV_SHUTDOWN,                  /* second SIGTERM: close with 1001, resume elsewhere */
	EV_DRAIN,                     /* first SIGTERM: a call without a stream is let go for the successor */
	/* store */
	EV_RECORD,                    /* the setup came: session_take_setup was called first */
	EV_NO_RECORD,                 /* [why] */
	EV_OUTCOME_SAVED,             /* the outcome is durable: the stream may be closed */
	/* caller's leg */
	EV_CALLER_START,              /* a stream was admitted (door.h checked `start` and its token) and is ours now; an older one is already cut off [streamSid] */
	EV_CALLER_MESSAGE,            /* [one whole text message] */
	EV_CALLER_CLOSED,             /* [close code as text, "" = no close frame] once per leg, and never for one that a later EV_CALLER_START has replaced */
	EV_CALLER_WRITABLE,           /* its queue has room again after leg_reserve had refused */
	/* model's leg */
	EV_MODEL_OPEN,
	EV_MODEL_MESSAGE,             /* [one whole text message] */
	EV_MODEL_CLOSED,              /* [reason: "3000 invalid_request_error.invalid_api_key", "1006", "http 401" for a refused upgrade, else the text of
	                               * DNS, TCP or TLS] also when a dial failed. Once per leg, and never for a leg that a later dial has replaced */
	EV_MODEL_WRITABLE,
	EV_NEXT_MESSAGE,              /* of the connection that is to take over */
	EV_NEXT_CLOSED,
	/* tools and handing over */
	EV_TOOL,                      /* what ops->http asked for has come back [a struct tools_result] */
	EV_RETURNED,                  /* `continue`: the <Dial> of a transfer is over [DialCallStatus] */
	EV_MACHINE,                   /* who answered an outbound call [AnsweredBy] */
	/* time */
	EV_TICK,                      /* every 20 ms */
	EV_COUNT
};

struct session_counters {             /* the worker's, relaxed atomics inside metrics.c; the session only adds */
	void (*count)(void *ctx, int metric, uint64_t n);
	void (*observe)(void *ctx, int metric, uint64_t us);
	void (*tool)(void *ctx, const char *name, uint64_t us);      /* offhook_tool_seconds */
};

struct call_changes {                 /* what the store thread writes into the call record; a member left at its NULL value is not changed */
	const char *status, *end_reason, *error, *resume, *stream_sid, *handover, *recording;
	int64_t connected_at, ended_at, turns, barge_ins, reconnects, latency_p50_ms, latency_p95_ms;
	int64_t turn_seq, event_seq;
	int greeted;                  /* -1 = unchanged */
	int streams_add;              /* 1: a stream started (keyed by stream_sid, so repeatable) */
	int64_t usage[7];             /* order of contract 6; totals, not increments; FIELD_NULL_INT = unchanged */
	double cost;                  /* NAN = unchanged */
};

struct session_ops {
	int64_t (*now_ms)(void *ctx);                 /* monotonic, of this tick */
	int64_t (*wall_ms)(void *ctx);
	/* store thread; all are jobs that can be repeated: same key, same value */
	void (*load)(void *ctx);                                                          /* -> EV_RECORD | EV_NO_RECORD */
	void (*save_call)(void *ctx, const struct call_changes *c, bool outcome);         /* outcome: durable, then EV_OUTCOME_SAVED */
	void (*save_turn)(void *ctx, const struct turn *u);                               /* copies */
	void (*save_event)(void *ctx, const struct event *e);                             /* copies */
	void (*http)(void *ctx, const struct setup *setup, const struct tool *t, uint64_t ticket, struct span arguments);      /* copies; -> EV_TOOL, or nothing */
	/* legs */
	void (*dial)(void *ctx, enum session_leg leg, const struct upstream *u);          /* -> EV_MODEL_OPEN | EV_MODEL_CLOSED, or EV_NEXT_CLOSED; a leg that is
	                                                                                   * still there is cut off first and says nothing more */
	void (*promote)(void *ctx);                                                       /* LEG_NEXT is LEG_MODEL from now on; the one that was is closed with
	                                                                                   * 1000 and says nothing more */
	char *(*reserve)(void *ctx, enum session_leg leg, size_t n);                      /* leg_reserve */
	void (*commit)(void *ctx, enum session_leg leg, size_t n);
	void (*close)(void *ctx, enum session_leg leg, uint16_t code, struct span reason);/* -> EV_*_CLOSED later; nothing if there is no such leg */
	void (*pause)(void *ctx, enum session_leg leg, bool on);
	/* recorder (recorder.h): one file of the data directory at a time. NULL: nothing is recorded */
	enum err (*tape_open)(void *ctx, struct span path);
	uint8_t *(*tape_room)(void *ctx, enum err *why);                                  /* reel_room */
	void (*tape_put)(void *ctx, uint64_t at, size_t n);
	void (*tape_close)(void *ctx);
	/* the end: no leg is open, nothing is wanted any more; the owner frees the session after this event */
	void (*gone)(void *ctx, enum end_reason r);
	struct session_counters metrics;              /* the session itself observes DELAY_*, from its event to the commit */
	struct chunk_pool *pool;                      /* the worker's (chunk.h), outlives its sessions; NULL: the heap */
};

enum err session_new(struct session **out, const struct session_ops *ops, void *ctx, struct span session_id, bool again);    /* starts with ops->load */
void session_free(struct session *s);
void session_take_setup(struct session *s, struct setup *setup);                          /* then EV_RECORD */
void session_take_budget(struct session *s, double day_left, double month_left, double cost);     /* the store's word; `cost` of this call is counted in */
void session_event(struct session *s, enum session_ev ev, struct span data);             /* after a close the caller's leg may still deliver messages: they are dropped here */

/* For control's `continue`, health and `status`. Static texts. */
struct session_view {
	const char *state;            /* name of the row of the state table */
	const char *resume;           /* "hangup" | "resume" | "fallback" | "transfer" | "digits" | "live" */
	enum end_reason end;
	bool stream_on, ever_streamed;
	struct span call_sid, stream_sid;
};
void session_view(const struct session *s, struct session_view *out);

#endif
