/*
 * turn_taking - who may speak: barge-in, the protected greeting, one response at a time. No clock of its own, sends nothing: it says what is to be sent.
 * Source: OpenAI Realtime, response.create ("only one response may write to the default conversation"), turn detection; contract S4, S5, M5.
 */
#ifndef OFFHOOK_TURN_TAKING_H
#define OFFHOOK_TURN_TAKING_H

#include "media-relay/realtime.h"

#define TURN_ID 128

enum turn_ask { TURN_NOTHING, TURN_GREETING, TURN_ANSWER, TURN_CONTINUE, TURN_SAY };
/* answer: a bare response.create; continue: of an answer that broke off; say: what we want said, limits.h */

struct turn_taking {
	bool vad_interrupt;             /* speech cuts an answer */
	bool greeting_protected;        /* not while the greeting is not heard to its end */
	bool speech;                    /* the caller's speech is open */
	/* the gate */
	enum turn_ask wanted;           /* waits for its moment */
	enum turn_ask asked;            /* sent, response.created has not come */
	enum turn_ask answering;        /* what the active response was asked for by; TURN_NOTHING: the server made it itself */
	char active[TURN_ID];           /* response.created came, response.done has not; "" = none */
	bool spoke;                     /* it has given audio */
	bool cut;                       /* it was cut: whatever becomes of it is not asked for again */
	bool repeated;                  /* the answer to this turn was asked for a second time already */
	bool unanswered;                /* the caller spoke to an end while an answer went on: the server may leave that without one of its own */
	bool own_idea;                  /* `wanted` is only for that; an answer the server makes after all will do */
	bool cancel_due;                /* cancel what is asked for as soon as it has an id */
	int64_t not_before_ms;          /* of `wanted` */
	int64_t asked_ms, event_ms;     /* when `asked` was sent; when the active response last gave a sign of life */
};

void turn_init(struct turn_taking *t, bool vad_interrupt, bool greeting_protected);
void turn_connection_lost(struct turn_taking *t);                               /* no response is active any more; what was wanted stays wanted */

/* --- the gate --- */
void turn_want(struct turn_taking *t, enum turn_ask what, int64_t not_before_ms);
void turn_want_unless_own(struct turn_taking *t, int64_t not_before_ms);        /* an answer, unless the server makes one by itself before */
void turn_unwant(struct turn_taking *t, enum turn_ask what);                    /* it waits no longer */
enum turn_ask turn_next(struct turn_taking *t, int64_t now_ms);                 /* what may be sent now; it counts as sent */
/* true: this response is to be cancelled now (a key was pressed before it had an id). */
bool turn_created(struct turn_taking *t, struct span id, int64_t now_ms);
void turn_audio(struct turn_taking *t, struct span id, int64_t now_ms);
void turn_sign(struct turn_taking *t, int64_t now_ms);                          /* any event of a response */
void turn_done(struct turn_taking *t, const struct realtime_msg *m, int64_t now_ms);     /* a failed or empty answer is wanted once more */
void turn_refused(struct turn_taking *t, int64_t now_ms);                       /* our response.create met an active response: later */
void turn_failed(struct turn_taking *t, int64_t pause_ms, int64_t now_ms);      /* our response.create was refused for another reason: once more */
bool turn_stuck(const struct turn_taking *t, int64_t now_ms);                   /* asked or active, and silent for too long: the connection is dead */

/* --- who is speaking --- */
void turn_speech(struct turn_taking *t, bool open);
void turn_expects_answer(struct turn_taking *t);                                /* speech has ended, and the server is to answer by itself */
bool turn_may_cut(const struct turn_taking *t);                                 /* would speech or a key cut an answer now? */
/* The answer under way was cut. Returns the response whose late audio is to be dropped, SPAN_NONE when none is active. */
struct span turn_was_cut(struct turn_taking *t);
/* A key: what is still being generated is to be cancelled. Returns its id, SPAN_NONE: nothing to cancel (or not yet, see turn_created). */
struct span turn_cancel(struct turn_taking *t);
void turn_greeting_over(struct turn_taking *t);

#endif
