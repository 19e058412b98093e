/* phone_msg - Media Streams messages. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/b64.h"
#include "base/json.h"
#include "phone_msg.h"

/* --- reading: the three forms as everybody writes them are compared in place; anything else is read as JSON and must have the same members --- */

static bool take(struct span *s, struct span lit)
{
	if (!span_starts(*s, lit))
		return false;
	*s = span_skip(*s, lit.n);
	return true;
}

/* A text up to its quote, without escapes. */
static bool take_plain(struct span *s, struct span *out)
{
	const char *quote = s->n ? memchr(s->p, '"', s->n) : NULL;

	if (!quote)
		return false;
	*out = span_head(*s, (size_t)(quote - s->p));
	*s = span_skip(*s, out->n + 1);
	for (size_t i = 0; i < out->n; i++)
		if ((unsigned char)out->p[i] < 0x20 || out->p[i] == '\\')
			return false;
	return true;
}

static bool read_fast(struct msg *m, struct span s, struct span sid, struct span *value)
{
	static const struct {
		enum msg_event event;
		struct span open, middle;
	} forms[] = {
		{ MSG_MEDIA, { "{\"event\":\"media\",\"streamSid\":\"", 30 }, { "\",\"media\":{\"payload\":\"", 22 } },
		{ MSG_MARK, { "{\"event\":\"mark\",\"streamSid\":\"", 29 }, { "\",\"mark\":{\"name\":\"", 18 } },
	};

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct span rest = s;

		if (!take(&rest, forms[i].open) || !take(&rest, sid) || !take(&rest, forms[i].middle))
			continue;
		m->event = forms[i].event;
		return take_plain(&rest, value) && span_is(rest, "}}");
	}
	return false;
}

static bool only(struct json_object *o, const char *const *names, size_t n)
{
	if (!json_object_is_type(o, json_type_object) || (size_t)json_object_object_length(o) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!json_get(o, names[i]))
			return false;
	return true;
}

/* The names of the members, the object's first. */
static const struct shape {
	const char *event, *object, *member;
} shapes[] = {
	[MSG_MEDIA] = { "media", "media", "payload" },
	[MSG_MARK]  = { "mark", "mark", "name" },
	[MSG_CLEAR] = { "clear", NULL, NULL },
};

static const char *shape_fault(struct json_object *o, const struct shape *sh, const char *stream_sid, struct span *value)
{
	const char *names[] = { "event", "streamSid", sh->object };
	struct json_object *inner = sh->object ? json_get(o, sh->object) : NULL;

	if (!only(o, names, sh->object ? 3 : 2))
		return "a member is missing or too many";
	if (!span_is(json_get_span(o, "streamSid"), stream_sid))
		return "streamSid is not this stream's";
	if (!sh->object)
		return NULL;
	if (!only(inner, &sh->member, 1))
		return "the inner object has not exactly its one member";
	*value = json_get_span(inner, sh->member);
	return value->p ? NULL : "a value is no text";
}

static const char *shape_of(struct msg *m, struct json_object *o, const char *stream_sid, struct span *value)
{
	struct span event = json_get_span(o, "event");

	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		if (!span_is(event, shapes[i].event))
			continue;
		m->event = (enum msg_event)i;
		return shape_fault(o, &shapes[i], stream_sid, value);
	}
	return "unknown event";
}

static const char *value_fault(struct msg *m, struct span value)
{
	size_t n;

	if (m->event == MSG_MARK && (value.n == 0 || !span_copy(m->name, sizeof m->name, value)))
		return "the name of a mark is empty or too long";
	if (m->event == MSG_MARK)
		m->value = span_z(m->name);
	if (m->event == MSG_MEDIA && (!b64_decoded_size(value, &n) || n == 0))
		return "the payload is no base64";
	return NULL;
}

bool msg_read(struct msg *m, struct span text, const char *stream_sid, const char **why)
{
	struct json_object *o = NULL;
	struct span value = SPAN_NONE;

	*why = NULL;
	if (read_fast(m, text, span_z(stream_sid), &value)) {
		m->value = value;
		*why = value_fault(m, value);
		return !*why;
	}
	if (json_read(&o, text) != ERR_OK) {
		*why = "it is no JSON";
		return false;
	}
	*why = shape_of(m, o, stream_sid, &value);
	if (!*why)
		*why = value_fault(m, value);
	if (!*why && m->event == MSG_MEDIA && value.p) {              /* lend it from the text, which outlives the object */
		const char *at = memmem(text.p, text.n, value.p, value.n);

		m->value = at ? span_of(at, value.n) : SPAN_NONE;
		*why = at ? NULL : "the payload is written with escapes";
	}
	json_object_put(o);
	return !*why;
}

/* --- building --- */

static void head(struct buf *out, const char *event, uint64_t sequence)
{
	buf_printf(out, "{\"event\":\"%s\",\"sequenceNumber\":\"%" PRIu64 "\",", event, sequence);
}

static void tail(struct buf *out, const char *stream_sid)
{
	buf_addz(out, ",\"streamSid\":\"");
	buf_addz(out, stream_sid);
	buf_add(out, SPAN("\"}"));
}

static void quoted(struct buf *out, struct span s)
{
	buf_addc(out, '"');
	json_escape(out, s);
	buf_addc(out, '"');
}

void msg_start(struct buf *out, uint64_t sequence, const struct msg_start *s)
{
	head(out, "start", sequence);
	buf_printf(out, "\"start\":{\"accountSid\":\"%s\",\"streamSid\":\"%s\",\"callSid\":\"%s\",\"tracks\":[\"inbound\"],", s->account_sid, s->stream_sid,
	           s->call_sid);
	buf_printf(out, "\"mediaFormat\":{\"encoding\":\"%s\",\"sampleRate\":8000,\"channels\":1},\"customParameters\":{", s->encoding);
	for (size_t i = 0; i < s->n; i++) {
		if (i)
			buf_addc(out, ',');
		quoted(out, s->params[i].name);
		buf_addc(out, ':');
		quoted(out, s->params[i].value);
	}
	buf_addz(out, "}}");
	tail(out, s->stream_sid);
}

void msg_media(struct buf *out, uint64_t sequence, const char *stream_sid, uint64_t chunk, uint64_t timestamp_ms, const uint8_t *audio, size_t n)
{
	char *room;

	head(out, "media", sequence);
	buf_printf(out, "\"media\":{\"track\":\"inbound\",\"chunk\":\"%" PRIu64 "\",\"timestamp\":\"%" PRIu64 "\",\"payload\":\"", chunk, timestamp_ms);
	room = buf_room(out, B64_ENCODED(n));
	if (room) {
		b64_encode(room, audio, n);
		buf_wrote(out, B64_ENCODED(n));
	}
	buf_add(out, SPAN("\"}"));
	tail(out, stream_sid);
}

void msg_mark(struct buf *out, uint64_t sequence, const char *stream_sid, struct span name)
{
	buf_printf(out, "{\"event\":\"mark\",\"sequenceNumber\":\"%" PRIu64 "\",\"streamSid\":\"%s\",\"mark\":{\"name\":", sequence, stream_sid);
	quoted(out, name);
	buf_add(out, SPAN("}}"));
}

void msg_dtmf(struct buf *out, uint64_t sequence, const char *stream_sid, char digit)
{
	buf_printf(out, "{\"event\":\"dtmf\",\"streamSid\":\"%s\",\"sequenceNumber\":\"%" PRIu64 "\",\"dtmf\":{\"track\":\"inbound_track\",\"digit\":\"%c\"}}", stream_sid,
	           sequence, digit);
}

void msg_stop(struct buf *out, uint64_t sequence, const char *stream_sid, const char *account_sid, const char *call_sid)
{
	head(out, "stop", sequence);
	buf_printf(out, "\"stop\":{\"accountSid\":\"%s\",\"callSid\":\"%s\"}", account_sid, call_sid);
	tail(out, stream_sid);
}
