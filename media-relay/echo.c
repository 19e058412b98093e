/* echo - does the caller's line give us back our own voice? */
#include <stdlib.h>

#include "media-relay/audio.h"
#include "media-relay/echo.h"

static uint32_t level_of(const uint8_t *ulaw, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (uint64_t)abs(audio_from_ulaw(ulaw[i]));
	return n ? (uint32_t)(sum / n) : 0;
}

void echo_played(struct echo *e, int64_t at_ms, const uint8_t *ulaw, size_t n)
{
	unsigned i = e->out_n++ % ECHO_OUT;

	e->out[i].at_ms = at_ms;
	e->out[i].level = level_of(ulaw, n);
}

void echo_heard(struct echo *e, int64_t at_ms, const uint8_t *ulaw, size_t n)
{
	unsigned i = e->in_n++ % ECHO_IN;

	e->in[i].at_ms = at_ms;
	e->in[i].level = level_of(ulaw, n);
}

/* The loudest frame of the last `ms`. */
#define LOUDEST(ring, now, ms, result) \
	for (size_t k = 0; k < sizeof (ring) / sizeof *(ring); k++) \
		if ((ring)[k].level > (result) && (ring)[k].at_ms <= (now) && (ring)[k].at_ms > (now) - (ms)) \
			(result) = (ring)[k].level

bool echo_is(const struct echo *e, int64_t now_ms)
{
	uint32_t in = 0, out = 0;

	LOUDEST(e->in, now_ms, ECHO_IN * 20, in);
	LOUDEST(e->out, now_ms, ECHO_BACK_MS, out);
	return in >= ECHO_AUDIBLE && out >= ECHO_LOUD && in * ECHO_FRACTION < out;
}

/* A pause of the agent's does not make its echo louder. */
bool echo_outdone(const struct echo *e, int64_t now_ms)
{
	uint32_t in = 0, out = ECHO_LOUD * 2;

	LOUDEST(e->in, now_ms, ECHO_IN * 20, in);
	LOUDEST(e->out, now_ms, ECHO_BACK_MS, out);
	return in * ECHO_FRACTION >= out;
}
