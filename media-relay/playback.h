/*
 * playback - what is queued, paced, played and heard: marks, where to cut an answer. Worker thread only; owned by a session.
 * Shapes: audio waits as G.711 mu-law, 8 bytes a millisecond, in content parts of items (called items here) in the order of their first
 *         delta. It leaves as `media` of whole 20-ms frames, at most 200 ms of one item a message, padded with 0xFF where an item ends; a mark follows every
 *         100 ms and the last frame of each item.
 * Units:  positions are milliseconds from the first byte of one item; `now` is the session's monotonic clock.
 * Clock:  what was sent is played back to back from the moment it is sent. With a link of steady delay that is also what the phone has played when a
 *         `clear` sent now arrives there; echoed marks hold the estimate down when the phone falls behind, and up to what is proven.
 * Source: Twilio Media Streams, "mark" and "clear"; OpenAI Realtime, conversation.item.truncate.
 */
#ifndef OFFHOOK_PLAYBACK_H
#define OFFHOOK_PLAYBACK_H

#include "media-relay/audio.h"
#include "media-relay/echo.h"
#include "media-relay/tape.h"

#define PLAYBACK_ITEMS     16
#define PLAYBACK_MARKS     256
#define PLAYBACK_ID        128
#define PLAYBACK_QUEUE_MS  300000          /* more than a model may say at once; above it the rest of the answer is dropped */

struct playback_item {
	char id[PLAYBACK_ID], response[PLAYBACK_ID];
	int64_t content_index;
	uint64_t serial;
	struct chunks audio;               /* the end of what was sent, until it was heard, since it may be said again; behind it what waits */
	size_t kept;                       /* bytes of it that were sent */
	struct audio_down down;
	uint64_t came, sent;               /* mu-law bytes, without padding */
	unsigned since_mark;               /* bytes sent after the last mark, with padding */
	int64_t clock_ms, clock_pos_ms;    /* at clock_ms this position is played; clock_ms < 0: nothing sent */
	int64_t acked_ms;                  /* proven by a mark; -1: none */
	int64_t first_sent_ms;             /* when its first frame left */
	bool complete;                     /* no more audio comes */
	bool drained;                      /* all of it, and a mark behind it, was sent */
	bool orphan;                       /* the connection that made it is gone: no model can be told of it */
};

struct playback_mark { uint64_t serial; int64_t pos_ms, due_ms; };

struct playback_cut { struct span item; int64_t content_index, heard_ms, came_ms; bool orphan; };      /* spans live until the next call */

struct playback_out {                      /* the caller's leg, and who wants to know */
	char *(*reserve)(void *ctx, size_t n);
	void (*commit)(void *ctx, size_t n);
	void (*first_heard)(void *ctx, const struct playback_item *it, int64_t at_ms);     /* when its first sample was heard, as a mark proved */
	void (*heard)(void *ctx, const struct playback_item *it);                          /* to its end */
	void *ctx;
};

struct playback {
	const struct playback_out *out;
	struct chunk_pool *pool;
	enum audio_format format;
	int64_t lead_ms, quantum_ms;
	char stream_sid[64];
	bool on, clear_due;
	bool held;                         /* the caller may have broken in: nothing is sent, nothing is lost */
	struct echo *echo;                 /* is told how loud we are; may be NULL */
	struct tape *tape;                 /* is told what the caller hears, and when; may be NULL */
	struct playback_item items[PLAYBACK_ITEMS];
	unsigned items_n;                  /* oldest first */
	char gone[PLAYBACK_ITEMS][PLAYBACK_ID];         /* items of the last cut */
	char dead[8][PLAYBACK_ID];         /* responses that were cut: their late audio is dropped */
	unsigned dead_at;
	uint64_t serials, marks_n, marks_acked, marks_valid;   /* marks below marks_valid were discarded by a clear */
	struct playback_mark marks[PLAYBACK_MARKS];
	int64_t end_ms;                    /* when all that was sent is played */
	int64_t echo_min_ms, echo_ms;      /* how long after it was due a mark came back: the least, the last; -1: none yet */
	uint64_t frames;                   /* sent, for the metrics */
	int64_t first_sent_ms;             /* of this stream; -1: nothing yet */
};

void playback_init(struct playback *p, const struct playback_out *out, struct chunk_pool *pool, enum audio_format format, int64_t lead_ms);
void playback_fini(struct playback *p);

void playback_stream(struct playback *p, struct span stream_sid);                  /* a stream is there: what waits may go */
void playback_stop(struct playback *p);                                            /* nothing more is sent, no `clear` either */
void playback_stream_left(struct playback *p);                                     /* closed on purpose, when all was heard; what waits is kept */
void playback_stream_lost(struct playback *p, int64_t now_ms);                     /* what was sent and not heard waits for the next one, before the rest */

/* ERR_DENIED: of a response that was cut, dropped; ERR_LIMIT: too much of it waits, dropped; ERR_SYNTAX: no base64. */
enum err playback_add(struct playback *p, struct span response, struct span item, int64_t content_index, struct span base64);
/* A stored sentence: mu-law, to be heard once, of no model. */
enum err playback_prompt(struct playback *p, struct span item, struct span ulaw);
void playback_item_done(struct playback *p, struct span item, int64_t content_index);
void playback_response_done(struct playback *p, struct span response);             /* all of its items are done; its id is forgotten */
void playback_others_done(struct playback *p, struct span response, struct span beside);     /* one has begun: what is not of it, or of the one beside it, has ended */
void playback_all_done(struct playback *p);                                        /* the model's connection is gone */
void playback_forget(struct playback *p);                                          /* what waits is dropped, nobody is told */

void playback_pump(struct playback *p, int64_t now_ms);                            /* sends what is due; after every add, mark, tick, writable */
bool playback_mark(struct playback *p, struct span name, int64_t now_ms);          /* an echo; false: not one of ours */

bool playback_unheard(const struct playback *p, int64_t now_ms);                   /* audio is queued or not yet heard */
int64_t playback_end_ms(const struct playback *p);                                 /* when the caller will have heard all that was sent */

/* The caller broke in: `clear` goes out first, then nothing more of these answers. Returns one cut per item whose end was not heard. */
unsigned playback_cut(struct playback *p, int64_t now_ms, struct playback_cut cuts[PLAYBACK_ITEMS]);
/* The caller may have broken in: what was sent is cleared, and what was not heard of it waits again, before the rest, until
 * playback_go_on(), which loses and doubles no sample, or playback_cut(). Audio that comes meanwhile waits too. Returns what was unheard, in milliseconds. */
int64_t playback_hold(struct playback *p, int64_t now_ms);
void playback_go_on(struct playback *p, int64_t now_ms);
void playback_kill(struct playback *p, struct span response);                      /* late audio of this response is dropped from now on */

#endif
