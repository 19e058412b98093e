/*
 * phone_playq - Twilio's playback queue of one stream: plays 8000 bytes a second from the moment they are there, returns a mark when
 * everything before it has been played (at once when nothing is queued), empties on clear and returns all marks, holds 10 minutes.
 * Time is exact, not in ticks: whoever looks moves the queue to that moment first.
 * Source: Twilio Media Streams, "mark", "clear"; error 31931.
 */
#ifndef OFFHOOK_SIM_PHONE_PLAYQ_H
#define OFFHOOK_SIM_PHONE_PLAYQ_H

#include "phone_msg.h"

#define PLAYQ_BYTES_MAX ((size_t)10 * 60 * 8000)
#define PLAYQ_GAP_MS    600          /* a shorter break inside speech is a gap; a longer one is the end of an answer */

struct playq_mark {
	uint64_t at;                     /* byte of the stream behind which it stands */
	char name[MSG_NAME_MAX + 1];
};

struct playq_ops {
	void (*played)(void *arg, int64_t from_us, const uint8_t *p, size_t n);
	void (*mark)(void *arg, const char *name, uint64_t heard_bytes, bool cleared);
};

struct playq {
	const struct playq_ops *ops;
	void *arg;
	uint8_t *ring;
	size_t cap;                      /* a power of two */
	uint64_t in, out;                /* bytes ever queued, ever played or cleared */
	uint64_t heard;                  /* bytes ever played */
	int64_t base_us;                 /* while playing: when byte `base` began to sound */
	uint64_t base;
	bool playing;
	struct playq_mark *marks;
	size_t n_marks, marks_cap;
	int64_t dry_us;                  /* when it last ran empty; 0 = never */
	uint64_t gaps, gap_us, most;     /* breaks inside speech; most bytes queued at once */
};

void playq_init(struct playq *q, const struct playq_ops *ops, void *arg);
void playq_fini(struct playq *q);
void playq_to(struct playq *q, int64_t now_us);                             /* plays what is due */
enum err playq_add(struct playq *q, int64_t now_us, struct span base64);    /* ERR_LIMIT: over 10 minutes, thrown away (31931) */
enum err playq_mark(struct playq *q, int64_t now_us, const char *name);
size_t playq_clear(struct playq *q, int64_t now_us);                        /* bytes thrown away */
size_t playq_queued(const struct playq *q);
/* The bytes just queued, for checks on arrival: the last n of the queue, in at most two pieces. */
size_t playq_last(const struct playq *q, size_t n, struct span piece[2]);

#endif
