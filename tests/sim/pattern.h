/*
 * pattern - audio that proves itself: 160-byte frames (20 ms of G.711) that name their call and their place, so that
 * loss, doubling, reordering, damage and audio of another call are each seen and counted. Any bytes occur in it; it is
 * for calls where G.711 passes untouched.
 * Shape of a frame: magic 2, seed 4, number 4, time of sending 6 (us of CLOCK_MONOTONIC, 0 = not given), hash 4,
 *         then 140 bytes that follow from seed and number. Big-endian. A frame never begins with 0xFF (silence does).
 * Seeds:  the phone uses PATTERN_SEED(call number, PATTERN_PHONE), the model PATTERN_SEED(session number, PATTERN_MODEL).
 */
#ifndef OFFHOOK_SIM_PATTERN_H
#define OFFHOOK_SIM_PATTERN_H

#include "base/span.h"

#define PATTERN_FRAME 160
#define PATTERN_PHONE 1u
#define PATTERN_MODEL 2u
#define PATTERN_SEED(number, side) (((uint32_t)(number) << 2) | (side))

/* One whole frame; sent_us = 0 leaves the time out. */
void pattern_frame(uint8_t dst[PATTERN_FRAME], uint32_t seed, uint32_t number, int64_t sent_us);
/* n bytes of the sequence of `seed` (times left out), from byte `offset`. */
void pattern_fill(uint8_t *dst, uint32_t seed, uint64_t offset, size_t n);

/* Delays of frames that carry their time of sending; one for many calls. 0.1 ms a bucket, the last takes the rest. */
#define PATTERN_BUCKETS 20000
struct pattern_delays {
	uint64_t n;
	int64_t max_us;
	uint32_t bucket[PATTERN_BUCKETS];
};
double pattern_delay_ms(const struct pattern_delays *d, double quantile);      /* 0.5, 0.99; 0 when there are none */
#define PATTERN_LATE_MS 60
uint64_t pattern_delays_over(const struct pattern_delays *d, unsigned ms);     /* how many took longer; late: over PATTERN_LATE_MS */

#define PATTERN_WINDOW 1024
struct pattern_check {
	uint32_t seed;                  /* 0 until learnt */
	uint32_t first, next;           /* number of the first frame seen; number expected next */
	bool any;
	struct pattern_delays *delays;  /* may be NULL */
	uint64_t frames;                /* good ones */
	uint64_t lost, doubled, reordered, corrupt, foreign;
	uint64_t silence_bytes;         /* 0xFF between frames: padding, filled holes */
	uint64_t tail_bytes;            /* pattern_check_end(): an unfinished frame was left */
	/* private */
	uint64_t seen[PATTERN_WINDOW / 64];
	uint32_t unread;                /* damaged frames whose number could not be read, since the last good one */
	uint16_t have;
	bool astray;                    /* damaged bytes are being skipped */
	uint32_t skipped;
	uint8_t part[PATTERN_FRAME];
};

/* seed 0: learnt from the first good frame. Frames may come in pieces of any size. */
void pattern_check_init(struct pattern_check *c, uint32_t seed, struct pattern_delays *delays);
void pattern_check(struct pattern_check *c, const uint8_t *p, size_t n, int64_t now_us);
void pattern_check_end(struct pattern_check *c);
uint64_t pattern_errors(const struct pattern_check *c);   /* lost + doubled + reordered + corrupt + foreign */

#endif
