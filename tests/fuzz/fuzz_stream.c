/* Media Streams messages: the fast road and json-c say the same; a door never lets in what it has not checked; what we build can be read. */
#include <assert.h>
#include <stdlib.h>

#include "base/b64.h"
#include "base/json.h"
#include "media-relay/door.h"
#include "media-relay/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void two_roads(struct span text)
{
	struct stream_parser parser = { NULL };
	struct stream_msg fast, slow;

	if (stream_parse_fast(text, &fast) && stream_parse_slow(&parser, text, &slow) == ERR_OK) {
		assert(slow.type == fast.type && (fast.type == ST_MEDIA || fast.type == ST_MARK));
		assert(span_eq(fast.payload, slow.payload) && span_eq(fast.name, slow.name) && span_eq(fast.stream_sid, slow.stream_sid));
		assert(fast.timestamp_ms == slow.timestamp_ms);
	}
	stream_parser_fini(&parser);
}

static void at_the_door(struct span text)
{
	struct door d;

	door_init(&d, 0);
	if (door_message(&d, text) == DOOR_CHECK)
		assert(strlen(d.stream_sid) == 34 && strlen(d.call_sid) == 34 && d.token[0]);
	else
		assert(door_answer(&d, true) == DOOR_OUT);
}

static void there_and_back(const uint8_t *p, size_t n)
{
	struct stream_parser parser = { NULL };
	struct stream_msg m;
	char *room = malloc(STREAM_MEDIA_SIZE(2, n));
	size_t len;

	len = stream_media(room, SPAN("MZ"), p, n);
	assert(len <= STREAM_MEDIA_SIZE(2, n));
	assert(stream_parse_fast(span_of(room, len), &m) && m.payload.n == B64_ENCODED(n));
	stream_parser_fini(&parser);
	free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	two_roads(span_of(p, n));
	at_the_door(span_of(p, n));
	there_and_back(p, n);
	return 0;
}
