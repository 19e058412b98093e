/* session_impl - what the files of the session share; nobody else includes it. */
#ifndef OFFHOOK_SESSION_IMPL_H
#define OFFHOOK_SESSION_IMPL_H

#include "media-relay/attach.h"
#include "media-relay/barge_in.h"
#include "media-relay/echo.h"
#include "media-relay/ending.h"
#include "media-relay/keypad.h"
#include "media-relay/limits.h"
#include "media-relay/metric_list.h"
#include "media-relay/playback.h"
#include "media-relay/session.h"
#include "media-relay/stream.h"
#include "media-relay/tape.h"
#include "media-relay/tools.h"
#include "media-relay/transcript.h"
#include "media-relay/turn_taking.h"
#include "media-relay/uplink.h"
#include "media-relay/upstream.h"

enum session_state { SS_LOAD, SS_WAIT, SS_TALK, SS_AWAY, SS_LOST, SS_SAVE, SS_CLOSE, SS_GONE, SS_COUNT };

enum greeting { GREETING_DUE, GREETING_ASKED, GREETING_BEGUN, GREETING_OVER };       /* begun: the caller may have heard some of it */

#define MODEL_UNUSED_MS    30000
#define MALFORMED_MAX      100
#define MODEL_BAD_IN_A_ROW 10
#define MODEL_HEADROOM     ((size_t)8 << 10)      /* of the model's queue that audio leaves free, for what may not be lost */

/* A truncation under way: refused, it is repeated at what the server says it has. */
struct truncation { char id[16], item[TURN_ID]; int64_t content_index; };
#define TRUNCATIONS 4

/* A call that the model's server runs (session_mcp.c). Approved: not begun yet, without a name; over: its output is still to come. */
enum mcp_state { MCP_FREE, MCP_APPROVED, MCP_RUNS, MCP_OVER };
struct mcp_call {
	enum mcp_state state;
	char item[TURN_ID];
	int64_t from_ms, ms, seq;          /* approved or begun; it took; its place in the transcript */
};
#define MCP_CALLS 8

/* What session_tools.c keeps. */
struct session_tools {
	struct tools_out out;
	struct tools tools;
	struct ending ending;
	struct buf handover;               /* JSON, of a transfer or of keys to press */
	char machine[40];                  /* who answered, when that was known before the stream was there */
	int64_t mailbox_ms;                /* no person has answered, known since then: its greeting does not call the end off; 0: a person */
	bool come_back;                    /* a transfer that fails returns to us */
	bool away_saved;                   /* what `continue` is to do is on disk */
	int64_t away_ms;                   /* since when the stream is closed on purpose */
	struct buf told;                   /* system text that waits for a model, and for somebody to hear the answer */
	bool answer_later;                 /* an answer is due when the stream is back */
	bool after_speech;                 /* ... when the caller has finished speaking */
	int64_t after_speech_ms;
	/* the filler: an answer beside the conversation */
	int64_t filler_ms;                 /* when it was asked for; 0: there is none under way */
	bool filler_unwanted;              /* cancel it as soon as it has a name */
	bool filler_spoke;
	char filler[TURN_ID], filler_item[TURN_ID];
	struct keypad_window keys;
	struct mcp_call mcp[MCP_CALLS];
	int64_t mcp_ask_ms;                /* when the answer to them is asked for; 0: it is not due */
};

/* What session_tape.c keeps. */
struct taping {
	struct tape_out out;
	struct tape tape;
	int64_t zero_ms;                   /* of the tape, as the session's clock */
	char path[80];                     /* "": no stream yet */
	bool open;
	enum err err, why;                 /* of the last block; of the last that found no room */
	uint64_t told;                     /* of tape.lost */
};

/* The connection that is to take over (session_next.c). The plan is the youngest connection's; it holds once that one is in use. */
struct next_link {
	struct upstream_link link;
	bool open;
	int64_t from_ms, by_ms;            /* when to dial it, and when at the latest to change */
	int64_t plan_from_ms, plan_by_ms;
	int64_t silence_ms;
};

struct session {
	struct session_ops ops;
	void *ctx;
	char session_id[37];
	enum session_state state;
	int64_t until_ms;                  /* of the state; INT64_MAX: none */
	struct setup *setup;               /* NULL while loading */
	bool again;

	bool caller_open, model_open, model_closing, ever_streamed;
	char stream_sid[64];
	int64_t stream_ms, connected_ms;   /* this stream, the first one */
	unsigned bad_caller, bad_model, bad_model_row, unknown_model, audio_dropped, errors, ignored;
	uint32_t bad_kinds;                /* of which a line was logged */
	struct stream_parser sp;
	struct realtime_parser rp;

	struct upstream_link up;
	int64_t unused_ms;                 /* since when the model waits for a stream */
	bool was_ready, choked;            /* choked: the model's queue was full for a message that may not be lost */
	unsigned ready_which;
	enum metric lost_how;
	unsigned events;                   /* event_ids given */
	char why[200];                     /* the model's last trouble, for the record */

	struct playback_out play_out;
	struct playback play;
	struct uplink_out uplink_out;
	struct uplink uplink;
	struct turn_taking turn;
	struct barge_in barge;
	struct echo echo;
	char echo_item[TURN_ID];           /* speech that is open, and taken for our echo; "" = none */
	struct keypad keypad;
	struct session_tools tool;
	struct truncation truncations[TRUNCATIONS];
	unsigned truncations_n;
	struct buf notes;                  /* keypad texts that wait for a model */
	struct transcript script;
	struct history history;
	struct attach attach;
	struct next_link next;
	struct taping taping;
	struct limits limits;
	int64_t limits_from_ms;            /* since when the call lasts */
	enum notice say;                   /* what TURN_SAY is to say */

	enum greeting greeting;
	char greeting_response[TURN_ID];
	char answer_item[TURN_ID];         /* the last one that audio came for ... */
	int64_t answer_part;               /* ... and its content part */
	int64_t prompted_ms;               /* when a stored sentence was last played; -1: never */
	int64_t last_word_ms;              /* the caller's; -1: answered */
	int64_t vad_silence_ms;
	int64_t active_ms;                 /* last sign of a conversation */

	enum end_reason end, early_end;    /* early_end: asked for while loading */
	const char *resume;
	uint16_t close_code;
};

static inline struct part part_of(const struct playback_item *it) { return (struct part){ span_z(it->id), it->content_index }; }
static inline int64_t session_now(const struct session *s) { return s->ops.now_ms(s->ctx); }
void session_count(struct session *s, enum metric m, uint64_t n);
void session_observe_ms(struct session *s, enum metric m, int64_t ms);
void session_note(struct session *s, const char *event, struct span item, struct span response, struct span error, const char *payload, ...)
	__attribute__((format(printf, 6, 7)));           /* an event of consequence; payload may be NULL */
void session_save_numbers(struct session *s);

/* session.c */
void session_become(struct session *s, enum session_state to);

/* session_end.c: how a call ends */
void session_end(struct session *s, enum end_reason r, const char *resume, const char *error);
void session_finish(struct session *s, enum end_reason r, const char *resume, const char *error, uint16_t code);    /* resume "resume": it goes on elsewhere */
void session_asked_to_end(struct session *s, enum session_ev ev, struct span data); /* by somebody outside */
void session_let_go(struct session *s);                                             /* nobody was on the line yet: for the successor */
void session_lost(struct session *s, struct span why);                              /* the stream is gone without `stop` */
void session_close_caller(struct session *s);
void session_gone_if_closed(struct session *s);

/* session_away.c: the stream is closed on purpose */
void session_away(struct session *s, const char *resume);                           /* "transfer", "digits", with s->tool.handover */
void away_saved(struct session *s);
void away_tick(struct session *s);
void away_over(struct session *s);
void away_comes_back(struct session *s);
void away_returned(struct session *s, struct span status);
void away_asked(struct session *s, enum session_ev ev, struct span data);

/* session_caller.c */
void caller_start(struct session *s, struct span stream_sid);
void caller_message(struct session *s, struct span msg);
void caller_tick(struct session *s);
void caller_keys_flush(struct session *s);                                          /* what was pressed while there was no model */
void caller_barge_in(struct session *s, bool by_key);                               /* cuts what is queued or unheard, if there is any */
void caller_cut(struct session *s, bool by_key);                                    /* ... whatever the agent allows */
void caller_pump(struct session *s);
void caller_greeting_over(struct session *s);
void caller_truncate(struct session *s, struct span item, int64_t content_index, int64_t heard_ms);

/* session_barge_in.c: does the caller interrupt? */
void barge_session_init(struct session *s);
void barge_session_speech(struct session *s, struct span item);
void barge_session_speech_over(struct session *s, struct span item, int64_t silence_ms);
void barge_session_words(struct session *s, struct span item, struct span words);
void barge_session_forget(struct session *s);                                       /* what was in doubt goes on */
void barge_session_tick(struct session *s);

/* session_model.c: the connection, and when the model is asked to speak */
void model_want(struct session *s);
void model_drop(struct session *s);
void model_event(struct session *s, enum session_ev ev, struct span data);
void model_tick(struct session *s);
void model_send(struct session *s, struct span msg);                                /* all of it, or the connection counts as dropped */
void model_send_buf(struct session *s, struct buf *msg);                            /* and frees it */
struct span model_event_id(struct session *s, char kind, char room[16]);
const struct upstream *model_upstream(const struct session *s);                     /* the one in use */
void model_act(struct session *s, enum upstream_act a);
void model_lost(struct session *s, enum upstream_ev ev, struct span why);
void model_keep_why(struct session *s, struct span why);
void model_ask_next(struct session *s);                                             /* what waits for its moment, when this is it */
void model_choked(struct session *s);                                               /* after each event: a full queue is a dropped connection */

void model_change(struct session *s);                                               /* to the connection that waits (session_next.c) */

/* session_prompt.c */
void prompt_tick(struct session *s);                                                /* with a caller on the line */

/* session_next.c: the change before a session limit forces it */
void next_plan(struct session *s, int64_t expires_at);                              /* a session was created; its own time of expiry, 0: not said */
void next_begin(struct session *s);
void next_event(struct session *s, enum session_ev ev, struct span data);
void next_tick(struct session *s);
bool next_ready(const struct session *s);
void next_take(struct session *s);
void next_drop(struct session *s);

/* session_tape.c: the recording */
void taping_init(struct session *s);
void taping_setup(struct session *s);                                               /* the record came, playback is there */
void taping_stream(struct session *s);                                              /* one is there */
void taping_stream_over(struct session *s);
void taping_media(struct session *s, const struct stream_msg *m);
void taping_hush(struct session *s);                                                /* a secret window was opened or shut */
void taping_tick(struct session *s);                                                /* with a caller on the line */
void taping_end(struct session *s);

/* session_attach.c: a new connection in a conversation that goes on */
void attach_session_took_over(struct session *s);                                   /* from a relay that is gone; once, with the record */
void attach_session_lost(struct session *s);                                        /* before anything is forgotten of the connection */
void attach_session_found(struct session *s);                                       /* before audio flows */
void attach_session_heard(struct session *s);                                       /* once in a while: how much of an answer was heard is stored */
void attach_session_speech(struct session *s, const struct realtime_msg *m);
void attach_session_amend(struct session *s);                                       /* before it is asked for an answer */
void attach_session_tick(struct session *s);                                        /* with a model that is ready */

/* session_limits.c: silence, length, money */
void limits_session_begin(struct session *s);                                       /* the record came */
void limits_session_connected(struct session *s);                                   /* the first stream, or the first we have of it */
void limits_session_words(struct session *s);                                       /* the caller's, or keys */
void limits_session_speech(struct session *s);                                      /* counts as words where nobody writes them down */
void limits_session_tick(struct session *s);                                        /* may end the call */

/* session_message.c: what it says */
void model_message(struct session *s, struct span text);

/* session_tools.c: tools, the last word, handing over, keys that are collected */
void tooling_init(struct session *s);
void tooling_fini(struct session *s);
void tooling_setup(struct session *s);                                              /* the record came */
void tooling_item(struct session *s, const struct realtime_msg *m);                 /* response.output_item.done */
bool tooling_created(struct session *s, const struct realtime_msg *m);              /* true: it was the filler */
bool tooling_refused(struct session *s, struct span event_id);                      /* likewise: the server wants none */
void tooling_audio(struct session *s, const struct realtime_msg *m);
void tooling_response_over(struct session *s, const struct realtime_msg *m, bool spoke);
bool tooling_busy(const struct session *s);                                         /* a tool runs, ours or an MCP server's */
bool tooling_holds(const struct session *s);                                        /* no other answer now: the filler is being made */
bool tooling_is_filler(const struct session *s, struct span item);
void tooling_caller_spoke(struct session *s);                                       /* speech or a key */
bool tooling_key(struct session *s, char digit);                                    /* true: it belonged to a window */
bool tooling_deaf(const struct session *s);
void tooling_result(struct session *s, struct span data);
void tooling_connection_lost(struct session *s);
void tooling_flush(struct session *s);                                              /* a model or a stream is there (again) */
void tooling_tell(struct session *s, struct span text);                             /* the model is told something, and answers */
void tooling_transfer_failed(struct session *s, struct span status);
void tooling_machine(struct session *s, struct span who);                           /* who answered an outbound call */
void tooling_machine_known(struct session *s);                                      /* a stream is there: what was said of it before counts now; may end the call */
void tooling_tick(struct session *s);                                               /* may end or hand over the call */

/* session_mcp.c: the server runs these calls; we approve them and ask for the answer */
void mcp_item(struct session *s, const struct realtime_msg *m);                     /* conversation.item.done */
void mcp_event(struct session *s, const struct realtime_msg *m);                    /* begun, over, a list of tools that failed */
void mcp_answered(struct session *s);                                               /* an answer was begun: it knows what is over */
bool mcp_joins(struct session *s);                                                  /* other tools are done: their answer waits for these calls */
bool mcp_busy(const struct session *s);
void mcp_connection_lost(struct session *s);
void mcp_tick(struct session *s);

#endif
