/*
 * speech - spoken text as audio: made once by espeak-ng, kept as a WAV file in a directory and as ready bytes in memory.
 * Shapes: a clip holds one text in one voice as G.711 mu-law, A-law (8 kHz, 8 bytes a ms) and PCM16 (24 kHz, 48 bytes a ms).
 * Owner:  clips live as long as the speech they came from; a lent clip is never changed or freed before.
 */
#ifndef OFFHOOK_SIM_SPEECH_H
#define OFFHOOK_SIM_SPEECH_H

#include "base/buf.h"

enum speech_format { SPEECH_PCMU, SPEECH_PCMA, SPEECH_PCM24, SPEECH_FORMATS };

#define SPEECH_AGENT  "en-us+f3"      /* the voice of the simulated model */
#define SPEECH_CALLER "en-gb"         /* the voice of the simulated caller */

struct clip {
	const char *voice, *text;
	uint32_t ms;                                    /* of audio; every format has exactly this much */
	struct span audio[SPEECH_FORMATS];
};

unsigned speech_bytes_per_ms(enum speech_format f);     /* 8, 8, 48 */

struct speech;
/* `dir` keeps the made files between runs; NULL: a directory of our own that goes with speech_free. */
enum err speech_new(struct speech **out, const char *dir, struct buf *why);
void speech_free(struct speech *sp);

/* The same text and voice give the same clip. The first time it runs espeak-ng (some 10 ms), unless the file is there already. */
enum err speech_get(struct speech *sp, const char *voice, struct span text, const struct clip **out, struct buf *why);
/* A clip from a WAV file; `text` is what is said in it. */
enum err speech_file(struct speech *sp, const char *path, struct span text, const struct clip **out, struct buf *why);

uint8_t speech_alaw(int16_t sample);

#endif
