/*
 * uplink - the caller's frames on their way to the model: each once, in order. A frame that can go at once is copied once, from the message it came in to
 * the message it leaves in; otherwise it waits here, at most 10 s, the newest kept. Holes are filled with silence. What a model was given of a turn that
 * it has not made words of yet is kept too (a second of it always, since speech is noticed late): if its connection breaks, the next one hears it.
 * Units:  audio is mu-law, 8 bytes a millisecond; timestamps are Twilio's, milliseconds since the start of the stream.
 * Source: Twilio Media Streams, "media"; contract S2.
 */
#ifndef OFFHOOK_UPLINK_H
#define OFFHOOK_UPLINK_H

#include "media-relay/audio.h"

#define UPLINK_ROOM_MS   10000
#define UPLINK_TAIL_MS   1000           /* of what was sent, kept at any time */
#define UPLINK_QUIET_MS  750            /* no media for so long while the caller's speech is open: ... */
#define UPLINK_NUDGE_MS  1000           /* ... so much silence lets the model end the turn */

struct uplink_out {                     /* the model's leg */
	char *(*reserve)(void *ctx, size_t n);
	void (*commit)(void *ctx, size_t n);
	void *ctx;
};

struct uplink {
	const struct uplink_out *out;
	struct chunks room;
	struct chunks kept;             /* the end of what was sent */
	bool hold;                      /* keep more of it: a turn is open */
	struct audio_up up;
	unsigned batch;                 /* bytes per append, at least */
	bool ready;                     /* the model takes audio */
	int64_t end_ts;                 /* end of the frame before; -1: none yet */
	int64_t credit_ms;              /* silence put in ahead of a hole */
	int64_t last_ms;                /* when media last came */
	bool nudged;
	uint64_t sent, dropped;         /* bytes, for the metrics */
	uint64_t base;                  /* of `sent`: where this model's own count of its input begins */
};

void uplink_init(struct uplink *u, const struct uplink_out *out, struct chunk_pool *pool);
void uplink_format(struct uplink *u, enum audio_format format, int64_t frames);        /* once the agent is known */
void uplink_fini(struct uplink *u);

void uplink_stream(struct uplink *u, int64_t now_ms);                   /* a stream starts: its timestamps begin anew */
void uplink_ready(struct uplink *u, bool ready);                        /* a model takes audio, or does no longer */
uint64_t uplink_place(const struct uplink *u, int64_t at_ms);           /* a position of the model's, as one in `sent`; negative: now */
void uplink_hold(struct uplink *u, bool on);                            /* a turn is open, or its words are known */
void uplink_rewind(struct uplink *u, uint64_t from);                    /* what was sent from there on waits again, before anything else */
/* One frame: base64 as it came. ERR_SYNTAX: no base64, nothing was taken. */
enum err uplink_frame(struct uplink *u, struct span payload, int64_t timestamp_ms, int64_t now_ms);
void uplink_flush(struct uplink *u);                                    /* after WRITABLE and on the tick: what waits and may go */
void uplink_tick(struct uplink *u, int64_t now_ms, bool speech_open);   /* the 750-ms rule */

#endif
