/*
 * ending - a call that is to end or to be handed over once the last word was heard. No clock of its own; it only says when.
 * The moment has come when nothing is generated, wanted or queued any more and the caller has heard all of it, as marks prove; a phone that echoes no marks
 * is given ENDING_GRACE_MS after it must have played the last of it. The caller's speech calls it off.
 * Source: contract M6; Twilio, "mark" as the proof of playing.
 */
#ifndef OFFHOOK_ENDING_H
#define OFFHOOK_ENDING_H

#include "media-relay/session.h"

#define ENDING_GRACE_MS 10000

enum ending_kind { ENDING_NONE, ENDING_HANGUP, ENDING_TRANSFER, ENDING_DIGITS };

struct ending {
	enum ending_kind kind;
	enum end_reason reason;          /* of a hang-up */
	int64_t due_ms;                  /* since when nothing but a mark is waited for */
};

void ending_ask(struct ending *e, enum ending_kind kind, enum end_reason reason, int64_t now_ms);
bool ending_call_off(struct ending *e);             /* true: there was something to call off */

struct ending_now {
	bool busy;                       /* an answer is wanted, asked for or generated, or a tool runs */
	bool unheard;                    /* audio is queued, or not proven to be heard */
	int64_t end_ms, now_ms;          /* end_ms: when by the clock all that was sent is played */
};
bool ending_tick(struct ending *e, const struct ending_now *n);      /* true: now */

#endif
