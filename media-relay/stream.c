/* stream - Media Streams messages: event table, parse, build. Builders are fixed templates: Twilio warns (31951) about any other member, once per stream. */
#include "base/b64.h"
#include "base/json.h"
#include "media-relay/scan.h"
#include "media-relay/stream.h"

typedef bool reader(struct json_object *o, struct stream_msg *m);

static bool read_start(struct json_object *o, struct stream_msg *m)
{
	struct json_object *s = json_get(o, "start"), *f = json_get(s, "mediaFormat");

	if (!m->stream_sid.p)
		m->stream_sid = json_get_span(s, "streamSid");
	m->call_sid = json_get_span(s, "callSid");
	m->encoding = json_get_span(f, "encoding");
	m->token = json_get_span(json_get(s, "customParameters"), "token");
	if (!json_get_int(f, "sampleRate", &m->sample_rate) || !json_get_int(f, "channels", &m->channels))
		return false;
	return m->stream_sid.p && m->call_sid.p && m->encoding.p;
}

static bool read_media(struct json_object *o, struct stream_msg *m)
{
	struct json_object *media = json_get(o, "media");

	m->payload = json_get_span(media, "payload");
	if (!json_get_int(media, "timestamp", &m->timestamp_ms) || m->timestamp_ms < 0)
		m->timestamp_ms = -1;
	return m->payload.p != NULL;
}

static bool read_dtmf(struct json_object *o, struct stream_msg *m)
{
	m->digit = json_get_span(json_get(o, "dtmf"), "digit");
	return m->digit.n == 1;
}

static bool read_mark(struct json_object *o, struct stream_msg *m)
{
	m->name = json_get_span(json_get(o, "mark"), "name");
	return m->name.p != NULL;
}

static const struct event_row {
	const char *name;
	enum stream_type type;
	reader *read;
} events[] = {
	{ "media",     ST_MEDIA,     read_media },
	{ "mark",      ST_MARK,      read_mark },
	{ "dtmf",      ST_DTMF,      read_dtmf },
	{ "connected", ST_CONNECTED, NULL },
	{ "start",     ST_START,     read_start },
	{ "stop",      ST_STOP,      NULL },
};

void stream_parser_fini(struct stream_parser *p)
{
	json_object_put(p->held);
	p->held = NULL;
}

static bool number(const struct scan_want *w, int64_t *out)
{
	*out = -1;
	return !w->value.p || (span_int(w->value, out) && *out >= 0);
}

static bool fast_media(const struct scan_want *object, struct stream_msg *m)
{
	struct scan_want media[] = { { .key = SPAN("payload") }, { .key = SPAN("timestamp") } };

	if (object->string || !scan_object(object->value, media, 2) || !media[0].string || !number(&media[1], &m->timestamp_ms))
		return false;
	m->payload = media[0].value;
	return true;
}

static bool fast_mark(const struct scan_want *object, struct stream_msg *m)
{
	struct scan_want name = { .key = SPAN("name") };

	if (object->string || !scan_object(object->value, &name, 1) || !name.string)
		return false;
	m->name = name.value;
	return true;
}

/* Fifty frames and ten marks a second; all else is rare. */
bool stream_parse_fast(struct span text, struct stream_msg *out)
{
	struct scan_want top[] = { { .key = SPAN("event") }, { .key = SPAN("streamSid") }, { .key = SPAN("media") }, { .key = SPAN("mark") } };
	struct stream_msg m = { .timestamp_ms = -1 };
	bool media;

	if (!scan_object(text, top, 4) || !top[0].string || !top[1].string)
		return false;
	media = span_is(top[0].value, "media");
	if (!media && !span_is(top[0].value, "mark"))
		return false;
	m.type = media ? ST_MEDIA : ST_MARK;
	m.stream_sid = top[1].value;
	if (!(media ? fast_media(&top[2], &m) : fast_mark(&top[3], &m)))
		return false;
	*out = m;
	return true;
}

enum err stream_parse_slow(struct stream_parser *p, struct span text, struct stream_msg *out)
{
	struct span event;
	enum err e;

	stream_parser_fini(p);
	e = json_read(&p->held, text);
	if (e)
		return e == ERR_NOMEM ? e : ERR_SYNTAX;
	event = json_get_span(p->held, "event");
	if (!event.p)
		return ERR_SYNTAX;
	*out = (struct stream_msg){ .type = ST_UNKNOWN, .timestamp_ms = -1, .stream_sid = json_get_span(p->held, "streamSid") };
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		if (!span_is(event, events[i].name))
			continue;
		out->type = events[i].type;
		return !events[i].read || events[i].read(p->held, out) ? ERR_OK : ERR_SYNTAX;
	}
	return ERR_OK;
}

enum err stream_parse(struct stream_parser *p, struct span text, struct stream_msg *out)
{
	return stream_parse_fast(text, out) ? ERR_OK : stream_parse_slow(p, text, out);
}

static char *put(char *to, struct span s)
{
	memcpy(to, s.p, s.n);
	return to + s.n;
}

size_t stream_media(char *room, struct span stream_sid, const uint8_t *audio, size_t n)
{
	char *to = put(room, SPAN("{\"event\":\"media\",\"streamSid\":\""));

	to = put(to, stream_sid);
	to = put(to, SPAN("\",\"media\":{\"payload\":\""));
	to += b64_encode(to, audio, n);
	to = put(to, SPAN("\"}}"));
	return (size_t)(to - room);
}

size_t stream_mark(char *room, struct span stream_sid, struct span name)
{
	char *to = put(room, SPAN("{\"event\":\"mark\",\"streamSid\":\""));

	to = put(to, stream_sid);
	to = put(to, SPAN("\",\"mark\":{\"name\":\""));
	to = put(to, name);
	to = put(to, SPAN("\"}}"));
	return (size_t)(to - room);
}

size_t stream_clear(char *room, struct span stream_sid)
{
	char *to = put(room, SPAN("{\"event\":\"clear\",\"streamSid\":\""));

	to = put(to, stream_sid);
	to = put(to, SPAN("\"}"));
	return (size_t)(to - room);
}
