/*
 * price - usage -> money. US dollars per million tokens, by the beginning of the model's name; a model not listed is priced as the one recommended today,
 * so that a limit on money still limits something.
 * Source: OpenAI Realtime model pages, autumn 2026; transcription: the speech-to-text models' pages.
 */
#ifndef OFFHOOK_PRICE_H
#define OFFHOOK_PRICE_H

#include "base/span.h"

enum usage_kind {                      /* order of contract 6: input contains the cached ones, transcription is input plus output */
	USAGE_INPUT_TEXT, USAGE_INPUT_AUDIO, USAGE_CACHED_TEXT, USAGE_CACHED_AUDIO, USAGE_OUTPUT_TEXT, USAGE_OUTPUT_AUDIO, USAGE_TRANSCRIPTION,
	USAGE_KINDS
};

double price_response(struct span model, const int64_t usage[USAGE_KINDS]);                        /* without transcription */
double price_transcription(struct span model, int64_t input_tokens, int64_t output_tokens, double seconds);

#endif
