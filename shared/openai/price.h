/*
 * price - usage -> money. US dollars per million tokens, by the beginning of the model's name; a model not listed is priced as the one recommended today,
 * so that a limit on money still limits something. The operator's own table (docs/prices.md) comes before the built-in one, row by row.
 * Source: OpenAI Realtime model pages, November 2026; transcription: the speech-to-text models' pages.
 */
#ifndef OFFHOOK_PRICE_H
#define OFFHOOK_PRICE_H

#include "base/buf.h"

enum usage_kind {                      /* order of contract 6: input contains the cached ones, transcription is input plus output */
	USAGE_INPUT_TEXT, USAGE_INPUT_AUDIO, USAGE_CACHED_TEXT, USAGE_CACHED_AUDIO, USAGE_OUTPUT_TEXT, USAGE_OUTPUT_AUDIO, USAGE_TRANSCRIPTION,
	USAGE_KINDS
};

double price_response(struct span model, const int64_t usage[USAGE_KINDS]);                        /* without transcription */
double price_transcription(struct span model, int64_t input_tokens, int64_t output_tokens, double seconds);
double price_round(double dollars);    /* to the ten-millionth, as it is stored: sums of binary fractions print short */

/* Reads the operator's table and puts it in force, in place of the one before; any thread may be pricing meanwhile. A file that is not there: the built-in
 * prices alone. On failure nothing changes, and `why` says what is wrong. Tables once in force are kept until the program ends. */
enum err price_load(const char *path, struct buf *why);
enum err price_read(struct span json, struct buf *why);

#endif
