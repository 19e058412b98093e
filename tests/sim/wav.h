/*
 * wav - WAV files in and out, and the telephone's own form of sound.
 * Shapes: reads PCM16, mu-law and A-law, any channels (mixed), 8 to 48 kHz; what comes out is mu-law, 8 kHz, mono, one byte a sample.
 *         Other rates are resampled by a windowed sinc (offline quality; not for the audio path).
 * Source: RIFF WAVE; ITU-T G.711.
 */
#ifndef OFFHOOK_SIM_WAV_H
#define OFFHOOK_SIM_WAV_H

#include "base/buf.h"

#define WAV_SILENCE 0xFF           /* mu-law positive zero */

enum wav_coding { WAV_PCM16 = 1, WAV_ALAW = 6, WAV_MULAW = 7 };

struct wav {
	enum wav_coding coding;
	unsigned channels, rate;
	struct span data;              /* lent by the file's bytes */
};

uint8_t wav_mulaw(int sample);                     /* 16 bit linear, clipped */
int16_t wav_linear(uint8_t mulaw);
int16_t wav_linear_alaw(uint8_t alaw);

/* The header of a file in memory. ERR_SYNTAX: no WAV; ERR_VALUE: a WAV of another coding, rate or depth. `why` may be NULL. */
enum err wav_parse(struct wav *w, struct span file, struct buf *why);

/* Appends the sound as mu-law. */
enum err wav_decode(struct buf *mulaw, const struct wav *w);
enum err wav_read(struct buf *mulaw, const char *path, struct buf *why);

/* n samples at `rate` to 8 kHz; PCM16 for who needs another rate. *out is the caller's. */
enum err wav_resample(int16_t **out, size_t *out_n, const int16_t *in, size_t n, unsigned rate, unsigned out_rate);

/* A file written as it grows: the header is made right by wav_finish, which closes. mu-law files hold `channels` interleaved bytes. */
struct wav_file {
	int fd;
	enum wav_coding coding;
	unsigned channels, rate;
	uint64_t bytes;
	enum err err;                  /* the first failure; later writes do nothing */
	struct buf pending;
};

enum err wav_create(struct wav_file *f, const char *path, enum wav_coding coding, unsigned rate, unsigned channels);
void wav_write(struct wav_file *f, struct span bytes);
enum err wav_finish(struct wav_file *f);

#endif
