/* Any text into any kind of field: taken or refused with a reason; what is taken comes out as text and as JSON that go in again unchanged. */
#include <assert.h>

#include "base/clock.h"
#include "base/field.h"
#include "base/json.h"
#include "base/proc.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct thing {
	char *plain, *word, *list, *json, *object, *url, *phone, *tokens;
	int64_t whole, when;
	double number;
	bool yes;
};

static const struct field fields[] = {
	FIELD(struct thing, plain, FK_PLAIN, 0, 0, 100, NULL, NULL, ""),
	FIELD(struct thing, word, FK_WORD, 0, 0, 0, NULL, "red green", ""),
	FIELD(struct thing, list, FK_LIST, 0, 0, 0, NULL, NULL, ""),
	FIELD(struct thing, json, FK_JSON, 0, 0, 0, NULL, NULL, ""),
	FIELD(struct thing, object, FK_OBJECT, 0, 0, 0, NULL, NULL, ""),
	FIELD(struct thing, url, FK_URL, 0, 0, 0, NULL, "https wss", ""),
	FIELD(struct thing, phone, FK_PHONE, 0, 0, 0, NULL, NULL, ""),
	FIELD(struct thing, tokens, FK_INT_OR_INF, 0, 1, 4096, NULL, NULL, ""),
	FIELD(struct thing, whole, FK_PLAIN, 0, 0, 0, NULL, NULL, ""),
	FIELD(struct thing, when, FK_TIME, 0, 0, 0, NULL, NULL, ""),
	FIELD(struct thing, number, FK_PLAIN, 0, 0, 0, NULL, NULL, ""),
	FIELD(struct thing, yes, FK_PLAIN, 0, 0, 0, NULL, NULL, ""),
};
#define N (sizeof fields / sizeof *fields)

static void taken(const struct field *f, struct thing *t)
{
	struct buf once = BUF_INIT, twice = BUF_INIT, thrice = BUF_INIT;
	struct json_object *o = field_get_json(f, t);

	field_get_text(f, t, &once);
	assert(field_set_text(f, t, buf_span(&once), NULL) == ERR_OK);
	field_get_text(f, t, &twice);
	assert(span_eq(buf_span(&once), buf_span(&twice)));
	assert(field_set_json(f, t, o, NULL) == ERR_OK);
	field_get_text(f, t, &thrice);
	assert(span_eq(buf_span(&once), buf_span(&thrice)));
	json_object_put(o);
	buf_fini(&once);
	buf_fini(&twice);
	buf_fini(&thrice);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct field *f = &fields[n ? p[0] % N : 0];
	struct span value = n ? span_of(p + 1, n - 1) : SPAN("");
	struct sockaddr_storage sa;
	socklen_t len;
	struct thing t = { 0 };
	struct buf why = BUF_INIT;
	int64_t ms;

	field_defaults(fields, N, &t);
	if (field_set_text(f, &t, value, &why) == ERR_OK) {
		assert(why.n == 0);
		taken(f, &t);
	} else {
		assert(why.n && span_utf8(buf_span(&why)));
	}
	field_nearest(fields, N, value);
	time_since(value, 0, &ms);
	addr_parse(value, &sa, &len);
	field_fini(fields, N, &t);
	buf_fini(&why);
	return 0;
}
