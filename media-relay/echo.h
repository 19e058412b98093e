/*
 * echo - does the caller's line give us back our own voice? Worker thread only; owned by a session.
 * A speakerphone or the network returns what the agent says, weaker and a little later, and the model takes it for speech. Real speech over the agent is about
 * as loud as the agent; an echo that is worth the name has lost 20 dB. Silence is no echo: if the model heard speech where we see none, it is believed.
 * Units: levels are the mean of the magnitudes of 16-bit samples; times are the session's clock.
 */
#ifndef OFFHOOK_ECHO_H
#define OFFHOOK_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ECHO_OUT       64               /* frames of 20 ms: the lead, and the 400 ms that count */
#define ECHO_IN        10
#define ECHO_BACK_MS   400              /* how much later an echo may come */
#define ECHO_FRACTION  10               /* an echo is at least so many times weaker */
#define ECHO_AUDIBLE   30               /* below is line noise */
#define ECHO_LOUD      600              /* below the agent is too quiet to be heard back */

struct echo {
	struct { int64_t at_ms; uint32_t level; } out[ECHO_OUT];
	struct { int64_t at_ms; uint32_t level; } in[ECHO_IN];
	unsigned out_n, in_n;
};

void echo_played(struct echo *e, int64_t at_ms, const uint8_t *ulaw, size_t n);         /* will be played then */
void echo_heard(struct echo *e, int64_t at_ms, const uint8_t *ulaw, size_t n);          /* came from the caller */
bool echo_is(const struct echo *e, int64_t now_ms);                                     /* what comes from the caller now is no more than our echo */
bool echo_outdone(const struct echo *e, int64_t now_ms);                                /* it is clearly more than that */

#endif
