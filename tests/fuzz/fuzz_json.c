/* Any text: what is read is written as JSON, which reads as the same; any bytes, escaped, are a JSON string. */
#include <assert.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void escaped(struct span s)
{
	struct buf b = BUF_INIT;
	struct json_object *o = NULL;

	buf_addc(&b, '"');
	json_escape(&b, s);
	buf_addc(&b, '"');
	assert(json_read(&o, buf_span(&b)) == ERR_OK);
	assert(!span_utf8(s) || span_eq(json_span(o), s));
	json_object_put(o);
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct json_object *a = NULL, *b = NULL;

	escaped(span_of(p, n));
	if (json_read(&a, span_of(p, n)) == ERR_OK) {
		assert(json_write(&once, a) == ERR_OK);
		assert(json_read(&b, buf_span(&once)) == ERR_OK);
		assert(json_write(&twice, b) == ERR_OK);
		assert(span_eq(buf_span(&once), buf_span(&twice)));
	}
	json_object_put(a);
	json_object_put(b);
	buf_fini(&once);
	buf_fini(&twice);
	return 0;
}
