/*
 * attach - what a call still owes its caller when a model connection goes, so that the next one makes it good: pure bookkeeping, no clock and nothing sent.
 * A turn whose words no server has told us yet is heard again by the next connection; everything else is told to it as text.
 * Source: contract M4.
 */
#ifndef OFFHOOK_ATTACH_H
#define OFFHOOK_ATTACH_H

#include "media-relay/turn_taking.h"

enum attach_need {
	AN_NOTHING,
	AN_ANSWER,                      /* the caller's last turn has no answer, or none with a word in it */
	AN_CONTINUE,                    /* its answer broke off */
	AN_REPLAY,                      /* the caller's last turn is not understood: its audio goes to the next connection from `from` on */
};

struct attach {
	enum attach_need need;          /* of the next connection */
	char item[TURN_ID];             /* the caller's turn of which there are no words yet; "" = none */
	uint64_t from;                  /* where it begins, in what the uplink has sent */
	bool awaits;                    /* the caller spoke to an end, and no answer has begun */
	bool replayed;                  /* `item` is one the server has not noticed so far */
	bool words_lost;                /* the caller said something that nobody will hear again */
	int64_t ask_ms;                 /* replayed audio that has brought no answer by then: it is asked for; INT64_MAX: never */
};

void attach_init(struct attach *a);
void attach_speech(struct attach *a, struct span item, uint64_t from);
void attach_speech_over(struct attach *a, bool expects_answer);
void attach_words(struct attach *a, struct span item);          /* are known, or will never be */
void attach_answer(struct attach *a, bool audio);               /* a response has begun; with audio the turn before was understood */
/* The connection goes. `unfinished`: audio of an answer is still to come. */
void attach_lost(struct attach *a, const struct turn_taking *t, bool unfinished);
enum attach_need attach_found(struct attach *a);                /* another is there: what it needs; counts as done */
void attach_replays(struct attach *a, uint64_t from, int64_t ask_ms);
bool attach_must_ask(struct attach *a, int64_t now_ms);

#endif
