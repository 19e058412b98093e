/*
 * resample - 16-bit speech between 8 and 24 kHz by a polyphase FIR (97 taps, Kaiser window): aliases and images at least 77 dB down for a telephone's band,
 * delay exactly 2 ms. State only, no memory of its own.
 */
#ifndef OFFHOOK_RESAMPLE_H
#define OFFHOOK_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

#define RESAMPLE_TAPS     97
#define RESAMPLE_DELAY_24 48                    /* samples at 24 kHz; 16 at 8 kHz */

struct resample_up { float past[32]; };                         /* zeroed: silence before */
struct resample_down { float past[RESAMPLE_TAPS - 1]; unsigned phase; };

/* 3n samples out. */
void resample_up(struct resample_up *r, const int16_t *in, size_t n, int16_t *out);
/* Up to (n + 2) / 3 samples out; returns how many. */
size_t resample_down(struct resample_down *r, const int16_t *in, size_t n, int16_t *out);

#endif
