/* door - a stream outside: three states, one message that matters. */
#include "base/clock.h"
#include "media-relay/door.h"
#include "media-relay/stream.h"

enum { OUTSIDE, CHECKING, INSIDE, REFUSED };

#define MALFORMED_MAX 100

void door_init(struct door *d, int64_t now_ms)
{
	*d = (struct door){ .state = OUTSIDE, .until_ms = now_ms + DOOR_START_MS };
}

static enum door_verdict refuse(struct door *d)
{
	d->state = REFUSED;
	return DOOR_OUT;
}

static bool is_sid(struct span s, const char *kind)
{
	if (s.n != 34 || !span_starts(s, span_z(kind)))
		return false;
	for (size_t i = 2; i < s.n; i++)
		if (!strchr("0123456789abcdefABCDEF", s.p[i]) || !s.p[i])
			return false;
	return true;
}

/* Other audio than this would be noise in the caller's ear. */
static bool is_phone_audio(const struct stream_msg *m)
{
	return span_is(m->encoding, "audio/x-mulaw") && m->sample_rate == 8000 && m->channels == 1;
}

static enum door_verdict start(struct door *d, const struct stream_msg *m)
{
	if (!is_phone_audio(m) || !is_sid(m->stream_sid, "MZ") || !is_sid(m->call_sid, "CA") || !m->token.n)
		return refuse(d);
	if (!span_copy(d->stream_sid, sizeof d->stream_sid, m->stream_sid) || !span_copy(d->call_sid, sizeof d->call_sid, m->call_sid) ||
	    !span_copy(d->token, sizeof d->token, m->token))
		return refuse(d);
	d->state = CHECKING;
	return DOOR_CHECK;
}

enum door_verdict door_message(struct door *d, struct span msg)
{
	struct stream_parser p = { NULL };
	struct stream_msg m;
	enum door_verdict v = DOOR_WAIT;

	if (d->state == REFUSED)
		return DOOR_OUT;
	if (d->state != OUTSIDE)
		return DOOR_WAIT;
	if (stream_parse(&p, msg, &m) != ERR_OK)
		v = ++d->malformed < MALFORMED_MAX ? DOOR_WAIT : refuse(d);
	else if (m.type == ST_START)
		v = start(d, &m);
	else if (m.type != ST_CONNECTED && m.type != ST_UNKNOWN)
		v = refuse(d);
	stream_parser_fini(&p);
	return v;
}

enum door_verdict door_answer(struct door *d, bool good)
{
	if (d->state != CHECKING)
		return d->state == INSIDE ? DOOR_IN : DOOR_OUT;
	memset(d->token, 0, sizeof d->token);
	if (!good)
		return refuse(d);
	d->state = INSIDE;
	return DOOR_IN;
}

enum door_verdict door_tick(struct door *d, int64_t now_ms)
{
	if (d->state == OUTSIDE && now_ms >= d->until_ms)
		return refuse(d);
	return d->state == REFUSED ? DOOR_OUT : DOOR_WAIT;
}
