/* barge_in - has the caller really broken in? */
#include <string.h>

#include "media-relay/barge_in.h"

void barge_in_init(struct barge_in *b, bool resume, int64_t min_speech_ms, bool interrupts, bool transcription)
{
	*b = (struct barge_in){ .mode = BARGE_PLAIN, .min_speech_ms = min_speech_ms };
	if (interrupts && resume)
		b->mode = BARGE_HOLD;
	else if (interrupts && min_speech_ms > 0)
		b->mode = BARGE_LATE;
	if (!transcription && min_speech_ms == 0)
		b->min_speech_ms = BARGE_NO_WORDS_MS;
}

void barge_in_speech(struct barge_in *b, struct span item, int64_t now_ms)
{
	b->held_ms = b->doubt ? b->held_ms : now_ms;
	b->doubt = b->open = true;
	b->since_ms = b->speech_ms = now_ms;
	if (!span_copy(b->items[b->at], sizeof b->items[0], item))
		b->items[b->at][0] = '\0';
	b->at = (b->at + 1) % BARGE_ITEMS;
}

void barge_in_over(struct barge_in *b)
{
	b->doubt = b->open = false;
	memset(b->items, 0, sizeof b->items);
}

static enum barge_act confirmed(struct barge_in *b)
{
	barge_in_over(b);
	return BARGE_CONFIRMED;
}

enum barge_act barge_in_speech_over(struct barge_in *b, int64_t silence_ms, int64_t now_ms)
{
	bool was = b->open;

	b->open = false;
	if (was && b->min_speech_ms > 0 && now_ms - silence_ms - b->speech_ms >= b->min_speech_ms)
		return confirmed(b);
	return BARGE_NOTHING;
}

bool barge_in_asked(const struct barge_in *b, struct span item)
{
	for (unsigned i = 0; item.n && i < BARGE_ITEMS; i++)
		if (span_is(item, b->items[i]))
			return true;
	return false;
}

bool barge_in_doubt(const struct barge_in *b, int64_t now_ms)
{
	return b->doubt && now_ms - b->since_ms < BARGE_DOUBT_MS && now_ms - b->held_ms < BARGE_HELD_MS;
}

static bool is_word(struct span words)
{
	for (size_t i = 0; i < words.n; i++)
		if (!strchr(" \t\r\n.,;:!?-", words.p[i]))
			return true;
	return false;
}

enum barge_act barge_in_words(struct barge_in *b, struct span item, struct span words)
{
	return is_word(words) && barge_in_asked(b, item) ? confirmed(b) : BARGE_NOTHING;
}

enum barge_act barge_in_tick(struct barge_in *b, int64_t now_ms)
{
	if (b->open && b->min_speech_ms > 0 && now_ms - b->speech_ms >= b->min_speech_ms)
		return confirmed(b);
	if (!b->doubt || b->mode != BARGE_HOLD || barge_in_doubt(b, now_ms))
		return BARGE_NOTHING;
	b->doubt = false;                /* its words may still come */
	return BARGE_FALSE;
}
