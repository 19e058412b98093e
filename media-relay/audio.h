/*
 * audio - what a telephone speaks (G.711 mu-law, 8 bytes a millisecond) from and to what a model speaks. Mu-law passes untouched.
 * Source: ITU-T G.711.
 */
#ifndef OFFHOOK_AUDIO_H
#define OFFHOOK_AUDIO_H

#include "media-relay/chunk.h"
#include "media-relay/resample.h"
#include "openai/session_config.h"

#define AUDIO_BYTES_MS   8                       /* mu-law */
#define AUDIO_FRAME      160                     /* 20 ms */
#define AUDIO_SILENCE    0xFF
#define AUDIO_UP_FACTOR  6                       /* bytes to the model per mu-law byte, at most */

int16_t audio_from_ulaw(uint8_t u);
int16_t audio_from_alaw(uint8_t a);
uint8_t audio_to_ulaw(int16_t v);
uint8_t audio_to_alaw(int16_t v);

/* Caller to model. */
struct audio_up { enum audio_format format; struct resample_up r; };
size_t audio_up(struct audio_up *a, const uint8_t *ulaw, size_t n, uint8_t *out);         /* out: n * AUDIO_UP_FACTOR; returns bytes */

/* Model to caller: one of these per answer; what a resampler delays comes with audio_down_end, so positions stay those of the model's audio. */
struct audio_down { enum audio_format format; struct resample_down r; unsigned skip; bool odd; uint8_t half; };
void audio_down_start(struct audio_down *a, enum audio_format format);
enum err audio_down_add(struct audio_down *a, struct chunks *q, struct span base64);      /* ERR_SYNTAX: no base64 */
enum err audio_down_end(struct audio_down *a, struct chunks *q);

#endif
