/* Numbers in stored texts: none is left, what is left is hidden no further, and JSON stays JSON. */
#include <assert.h>

#include "base/json.h"
#include "media-relay/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void nothing_is_left(struct span text)
{
	struct buf again = BUF_INIT;
	unsigned row = 0;

	for (size_t i = 0; i < text.n; i++) {
		row = text.p[i] >= '0' && text.p[i] <= '9' ? row + 1 : 0;
		assert(row < REDACT_DIGITS);
	}
	assert(!redact_needed(text));
	redact_text(&again, text);
	assert(span_eq(buf_span(&again), text));
	buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span in = span_of(p, n);
	struct json_object *o = NULL;
	struct buf text = BUF_INIT, json = BUF_INIT, again = BUF_INIT;

	redact_text(&text, in);
	nothing_is_left(buf_span(&text));
	if (redact_json(&json, in) == ERR_OK) {
		assert(json_read(&o, buf_span(&json)) == ERR_OK);
		assert(redact_json(&again, buf_span(&json)) == ERR_OK && span_eq(buf_span(&json), buf_span(&again)));
	}
	json_object_put(o);
	buf_fini(&text);
	buf_fini(&json);
	buf_fini(&again);
	return 0;
}
