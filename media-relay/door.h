/*
 * door - where a new media WebSocket waits: it must say `start` within 10 s, in the right media format, with a token that the store finds good for
 * this session and CallSid. Until then it costs no model money and disturbs nobody; then the session gets it (EV_CALLER_START). Anything else is closed with 1008.
 * While the token is being checked the socket is not read (leg_pause), so nothing is buffered and nothing is lost.
 */
#ifndef OFFHOOK_DOOR_H
#define OFFHOOK_DOOR_H

#include "base/err.h"
#include "base/span.h"

#define DOOR_START_MS 10000

enum door_verdict { DOOR_WAIT, DOOR_CHECK, DOOR_IN, DOOR_OUT };

struct door {                          /* embedded in the caller's leg */
	int state;
	int64_t until_ms;
	char stream_sid[64], call_sid[64], token[128];    /* of `start`, once DOOR_CHECK was said */
	unsigned malformed;
};

void door_init(struct door *d, int64_t now_ms);
enum door_verdict door_message(struct door *d, struct span msg);         /* DOOR_CHECK: ask the store; DOOR_OUT: close with 1008 */
enum door_verdict door_answer(struct door *d, bool good);                /* DOOR_IN or DOOR_OUT */
enum door_verdict door_tick(struct door *d, int64_t now_ms);             /* DOOR_OUT when its time is over */

#endif
