/* The first line of a request: whatever comes, more bytes after the line change nothing, and a session id is taken only where the path ends with it. */
#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "media-relay/front.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span head = span_of(p, n), line;
	const char *end = n ? memchr(head.p, '\n', n) : NULL;
	uint8_t id[16], again[16];
	enum front_verdict v = front_request(head, id);
	char text[UUID_TEXT];

	if (!end) {
		assert(v == (n < FRONT_LINE_MAX ? FRONT_MORE : FRONT_BAD));
		return 0;
	}
	line = span_head(head, (size_t)(end - head.p) + 1);
	assert(front_request(line, again) == v);
	if (v == FRONT_STREAM) {
		uuid_text(text, id);
		assert(memcmp(id, again, 16) == 0 && memmem(head.p, line.n, "/ws/realtime/", 13));
		assert(strlen(text) == UUID_TEXT - 1);
	}
	return 0;
}
