/*
 * vad - energy voice detection on linear samples, as a server_vad seen from outside: it starts after 40 ms of sound and
 * stops after the configured silence. Positions are milliseconds of all audio ever fed.
 * The threshold 0..1 stands for a level: 0 = -60 dBFS, 0.5 = -40, 1 = -20 (root mean square of 10 ms); speech goes on down to 6 dB below it.
 */
#ifndef OFFHOOK_SIM_VAD_H
#define OFFHOOK_SIM_VAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vad_event { VAD_NONE, VAD_START, VAD_STOP };

struct vad {
	unsigned rate;                   /* samples a second */
	uint32_t silence_ms;
	double on, off;                  /* mean squares */
	uint64_t pos_ms;                 /* fed so far, whole windows */
	bool speaking;
	uint64_t start_ms;               /* where the sound of the running speech began */
	/* private */
	double sum;
	unsigned have, loud_ms, quiet_ms;
};

void vad_init(struct vad *v, unsigned rate, double threshold, uint32_t silence_ms);
/* Other settings in mid-stream; the position is kept. */
void vad_set(struct vad *v, unsigned rate, double threshold, uint32_t silence_ms);
void vad_quiet(struct vad *v);           /* forgets a running speech (buffer cleared, detection off) */

/* Takes samples until something happens or all are used; returns how many. START: see start_ms; STOP: at pos_ms. */
size_t vad_feed(struct vad *v, const int16_t *s, size_t n, enum vad_event *ev);

#endif
