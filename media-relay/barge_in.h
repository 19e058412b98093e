/*
 * barge_in - has the caller really broken in? For agents that take nothing for an interruption but words, or speech of some length: the model neither interrupts
 * nor answers by itself then, and this says when. No clock of its own, sends nothing.
 * BARGE_PLAIN  the model decides; not used here.
 * BARGE_LATE   barge_in_min_speech_ms alone: the agent talks on until speech has lasted so long or words have come.
 * BARGE_HOLD   resume_false_barge_in: the agent is silent at once; after 2 s without words or speech of that length it goes on where it was.
 * Source: contract S4.
 */
#ifndef OFFHOOK_BARGE_IN_H
#define OFFHOOK_BARGE_IN_H

#include "base/span.h"

#define BARGE_DOUBT_MS     2000
#define BARGE_HELD_MS      6000         /* however often somebody coughs, an answer is held no longer */
#define BARGE_NO_WORDS_MS  300          /* of speech, where there is no transcription that could bring words and no length is given */
#define BARGE_ITEMS        2            /* a second noise may come while words of the first are still awaited */

enum barge_mode { BARGE_PLAIN, BARGE_LATE, BARGE_HOLD };
enum barge_act { BARGE_NOTHING, BARGE_CONFIRMED, BARGE_FALSE };

struct barge_in {
	enum barge_mode mode;
	int64_t min_speech_ms;          /* 0: words only */
	bool doubt;                     /* in BARGE_HOLD: the answer is held */
	bool open;                      /* the speech in doubt goes on */
	int64_t since_ms, speech_ms;    /* of it: when it was noticed, when its length began to count */
	int64_t held_ms;                /* when the first of those in doubt was noticed */
	char items[BARGE_ITEMS][128];   /* whose words are awaited, even when the answer went on already */
	unsigned at;
};

void barge_in_init(struct barge_in *b, bool resume, int64_t min_speech_ms, bool interrupts, bool transcription);
void barge_in_speech(struct barge_in *b, struct span item, int64_t now_ms);     /* over an answer: in doubt from now on */
/* The speech is over, and was heard to be so `silence_ms` after its end. */
enum barge_act barge_in_speech_over(struct barge_in *b, int64_t silence_ms, int64_t now_ms);
enum barge_act barge_in_words(struct barge_in *b, struct span item, struct span words);
enum barge_act barge_in_tick(struct barge_in *b, int64_t now_ms);
bool barge_in_asked(const struct barge_in *b, struct span item);                /* is it in doubt, or was it, what this item says? */
bool barge_in_doubt(const struct barge_in *b, int64_t now_ms);                  /* somebody may be interrupting at this moment */
void barge_in_over(struct barge_in *b);                                         /* decided otherwise: a key, a new connection */

#endif
