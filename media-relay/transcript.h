/*
 * transcript - what is kept of a call (contract M8): turns of both sides in the order spoken, events of consequence, usage and its price, time to the first
 * audio of every turn. It only asks the store thread to save; a turn is saved again under its number when more is known of it.
 * Order: a turn takes its number when its speaker begins; the words may come later.
 */
#ifndef OFFHOOK_TRANSCRIPT_H
#define OFFHOOK_TRANSCRIPT_H

#include "media-relay/history.h"
#include "media-relay/session.h"
#include "media-relay/realtime.h"
#include "openai/price.h"

#define TRANSCRIPT_OPEN      8           /* turns whose words or whose end are still to come */
#define TRANSCRIPT_LATENCIES 256
#define TRANSCRIPT_PROGRESS_MS 1000
#define TRANSCRIPT_TEXT_MAX  (64 << 10)

struct part { struct span item; int64_t index; };               /* what the agent says in one go: a content part of an item */

struct open_turn {
	bool used, user;
	bool saved;                      /* counted, and in the store */
	bool audio;                      /* audio of it came: an answer that gave none is no turn */
	bool begun;                      /* the caller hears it, or did */
	bool final;                      /* the words are complete */
	bool over;                       /* heard to its end, or cut */
	bool interrupted;
	int64_t stored_ms;               /* of which the store knows that it was heard */
	bool broken;                     /* its connection broke: the rest of it never came */
	char item[128], response[128];
	int64_t part;
	int64_t seq, started_at, completed_at, heard_ms, came_ms, latency_ms;
	int64_t delta_at_ms;             /* when its first audio came, by the session's clock */
	int64_t delta_ms, sent_ms;       /* parts of latency_ms: to the first delta, to the first frame sent */
	struct buf text;
};

struct transcript {
	const struct session_ops *ops;
	void *ctx;
	struct history *history;         /* is told of every turn, kept or not; may be NULL */
	bool keep_turns, keep_events, transcription;
	bool wordless, redact;           /* how a turn is stored; the history has it as it was said */
	struct open_turn open[TRANSCRIPT_OPEN];
	int64_t turn_seq, event_seq, turns, barge_ins, reconnects, usage[USAGE_KINDS];
	double cost;
	uint32_t latencies[TRANSCRIPT_LATENCIES];
	unsigned latencies_n;
};

void transcript_init(struct transcript *t, const struct session_ops *ops, void *ctx);
void transcript_setup(struct transcript *t, const struct setup *s);
void transcript_fini(struct transcript *t);

/* The caller. */
void transcript_speech(struct transcript *t, struct span item, int64_t ago_ms);        /* it began so long ago */
void transcript_speech_over(struct transcript *t, struct span item, int64_t ago_ms);
void transcript_heard_delta(struct transcript *t, struct span item, struct span words);
void transcript_heard(struct transcript *t, struct span item, struct span words);      /* final; SPAN_NONE: there will be none */
void transcript_keys(struct transcript *t, struct span text);

/* The agent. */
void transcript_answer(struct transcript *t, struct part part, struct span response);  /* its first audio or words came */
void transcript_words_delta(struct transcript *t, struct part part, struct span response, struct span words);
void transcript_words(struct transcript *t, struct part part, struct span response, struct span words);
void transcript_begun(struct transcript *t, struct part part, int64_t ago_ms);         /* its first audio was heard, so long ago */
/* Where the time from the caller's last word to the first sound went; times of the session's clock. */
void transcript_latency(struct transcript *t, struct part part, int64_t last_word_ms, int64_t sent_ms, int64_t heard_ms);
void transcript_played(struct transcript *t, struct part part, int64_t heard_ms);      /* to its end */
void transcript_cut(struct transcript *t, struct part part, int64_t heard_ms, int64_t came_ms);
void transcript_response_over(struct transcript *t, struct span response);             /* no more words of it will come */
/* So much of it was proven to be heard so far: stored once a second, for whoever takes over when this relay dies. */
void transcript_progress(struct transcript *t, struct part part, int64_t heard_ms, int64_t came_ms);
void transcript_broken(struct transcript *t, struct part part, int64_t came_ms);       /* the model is gone, and with it the rest of this answer */
void transcript_no_more_words(struct transcript *t);                                   /* the model is gone */
void transcript_share(struct transcript *t);                                           /* the history is told of what is still open, as far as it is known */
void transcript_unheard(struct transcript *t, struct span item);                       /* these words are said again, to another connection */
void transcript_forget_answers(struct transcript *t);                                  /* what nobody has heard, and nobody will */
void transcript_finish(struct transcript *t);                                          /* what is open is saved as it is */

/* Others. A tool call is saved when it begins (result SPAN_NONE, ms 0) and again under its number when it is over; arguments and result are JSON or text. */
struct transcript_tool { struct span name, server, item, response, arguments, result; int64_t seq, started_at, ms; };    /* server: of an MCP call */
int64_t transcript_next(struct transcript *t);                                         /* a number of its own */
void transcript_tool(struct transcript *t, const struct transcript_tool *c);
void transcript_system(struct transcript *t, struct span text);                        /* what the agent was told */

/* Numbers. */
void transcript_usage(struct transcript *t, struct span model, const int64_t usage[REALTIME_USAGE]);
void transcript_transcription(struct transcript *t, struct span model, int64_t input, int64_t output, double seconds);
struct call_changes call_changes_none(void);
void transcript_changes(const struct transcript *t, struct call_changes *c);

/* A turn as the agent wants it stored: whole, without words, without the numbers in them, not at all. */
void transcript_store(struct transcript *t, const struct turn *u);

/* Events. Every part may be SPAN_NONE; payload is a JSON object. `words` too: what somebody said, stored as the words of turns are. */
struct transcript_event { const char *type; struct span item, response, role, error, payload, words; };
void transcript_event(struct transcript *t, const struct transcript_event *e);

#endif
