/*
 * stream - Twilio Media Streams messages: event table, parse, build. Parsing lends spans of the message (fast road) or of the parser's json-c object.
 * Source: Twilio, "Media Streams WebSocket messages". All numbers in the envelope are JSON strings; both forms are read.
 */
#ifndef OFFHOOK_STREAM_H
#define OFFHOOK_STREAM_H

#include <json-c/json.h>

#include "base/err.h"
#include "base/span.h"

enum stream_type { ST_CONNECTED, ST_START, ST_MEDIA, ST_DTMF, ST_MARK, ST_STOP, ST_UNKNOWN };

struct stream_msg {
	enum stream_type type;
	struct span stream_sid;
	/* media */
	struct span payload;           /* base64 */
	int64_t timestamp_ms;          /* -1 when absent */
	/* start */
	struct span call_sid, encoding, token;
	int64_t sample_rate, channels;
	/* mark, dtmf */
	struct span name, digit;
};

struct stream_parser { struct json_object *held; };     /* zeroed; what the last message's spans may point into */
void stream_parser_fini(struct stream_parser *p);

enum err stream_parse(struct stream_parser *p, struct span text, struct stream_msg *out);         /* ERR_SYNTAX: malformed */
bool stream_parse_fast(struct span text, struct stream_msg *out);                                 /* the hot road alone, media and marks, for the fuzzer */
enum err stream_parse_slow(struct stream_parser *p, struct span text, struct stream_msg *out);    /* the json-c road alone */

/* Builders write the exact bytes Twilio expects into room of at least the given size and return the length. stream_sid is what Twilio gave us. */
#define STREAM_MEDIA_SIZE(sid_n, audio_n) (64 + (sid_n) + B64_ENCODED(audio_n))
#define STREAM_MARK_SIZE(sid_n, name_n)   (64 + (sid_n) + (name_n))
#define STREAM_CLEAR_SIZE(sid_n)          (40 + (sid_n))
size_t stream_media(char *room, struct span stream_sid, const uint8_t *audio, size_t n);
size_t stream_mark(char *room, struct span stream_sid, struct span name);
size_t stream_clear(char *room, struct span stream_sid);

#endif
