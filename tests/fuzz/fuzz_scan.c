/* Two readers of one format: what scan lends of a text that is JSON is what json-c says. */
#include <assert.h>

#include "base/json.h"
#include "media-relay/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void same(const struct scan_want *w, struct json_object *all)
{
	struct json_object *said = NULL, *raw = NULL;
	char key[32];

	assert(span_copy(key, sizeof key, w->key));
	assert(json_object_object_get_ex(all, key, &said) == (w->value.p != NULL));
	if (!w->value.p)
		return;
	if (w->string) {
		assert(span_eq(json_span(said), w->value));
		return;
	}
	assert(json_read(&raw, w->value) == ERR_OK);
	assert(json_object_equal(raw, said));
	json_object_put(raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct scan_want w[] = { { .key = SPAN("event") }, { .key = SPAN("media") }, { .key = SPAN("n") }, { .key = SPAN("") } };
	struct json_object *o = NULL;

	if (scan_object(span_of(p, n), w, 4) && json_read(&o, span_of(p, n)) == ERR_OK)
		for (unsigned i = 0; i < 4; i++)
			same(&w[i], o);
	json_object_put(o);
	return 0;
}
