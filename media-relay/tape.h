/*
 * tape - both sides of a call on one time line, to be recorded: the caller left, the agent right when the caller hears it. Worker thread only; owned by a
 * session. What is complete leaves in blocks of a second; nothing here waits, and a block for which there is no room is silence in the file.
 * Shapes: mu-law. A block is pairs of bytes, left first.
 * Units:  a position is a number of samples, 8 a millisecond, since the first stream of the call began; `now` is the session's monotonic clock.
 * Clock:  the agent's side lies where playback.h estimates it is played; the caller's by Twilio's timestamps, from the moment the stream began here. A second is
 *         complete when the caller's audio of it is there, or TAPE_LATE_MS later. While the tape is off time goes on, and nothing leaves.
 */
#ifndef OFFHOOK_TAPE_H
#define OFFHOOK_TAPE_H

#include "media-relay/audio.h"

#define TAPE_BLOCK    ((size_t)1000 * AUDIO_BYTES_MS)      /* samples */
#define TAPE_LATE_MS  5000
#define TAPE_LEFT_MS  10000              /* of the caller's audio that waits; more than so much comes from no telephone */
#define TAPE_RIGHT_MS 300000             /* of the agent's: what a model may say at once, when nothing is paced */

struct tape_out {
	uint8_t *(*room)(void *ctx);               /* for 2 * TAPE_BLOCK bytes; NULL: the disk does not keep up */
	void (*put)(void *ctx, uint64_t at, size_t n);     /* so many samples of it, for this position */
	void *ctx;
};

struct tape {
	const struct tape_out *out;
	bool on;
	int64_t zero_ms;                   /* when position 0 was */
	uint64_t at;                       /* what lies before has left */
	struct chunks left, right;         /* from `at` on */
	uint64_t stream;                   /* where the timestamps of this stream begin */
	uint64_t owed;                     /* silence at the end of `left` for audio that may still come */
	uint64_t hush_from, hush_to;       /* silence on both sides */
	uint64_t lost;                     /* samples that became silence for want of room */
};

void tape_init(struct tape *t, const struct tape_out *out, struct chunk_pool *pool);
void tape_fini(struct tape *t);

void tape_on(struct tape *t, int64_t zero_ms, int64_t began_ms, int64_t now_ms);        /* a stream is there, which began then; `zero_ms` as the first time */
void tape_off(struct tape *t, int64_t now_ms);                                  /* it is over: all of it leaves */
void tape_caller(struct tape *t, struct span base64, int64_t timestamp_ms, int64_t now_ms);      /* came now; base64 that was found good */
void tape_agent(struct tape *t, int64_t at_ms, const uint8_t *ulaw, size_t n);  /* will be played then */
void tape_clear(struct tape *t, int64_t at_ms);                                 /* from then on nothing of it will */
void tape_hush(struct tape *t, bool on, int64_t now_ms);                        /* nobody's business: silence from now, until now */
void tape_tick(struct tape *t, int64_t now_ms);                                 /* what is complete leaves */

#endif
