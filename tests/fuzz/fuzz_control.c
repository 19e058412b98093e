/* Any line: what is read, written and read again is the same request. */
#include <assert.h>
#include <string.h>

#include "control.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void same(struct span a, struct span b)
{
	assert(span_eq(a, b) && !a.p == !b.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct control_request r, again;
	struct json_object *owner, *owner_again;
	struct buf b = BUF_INIT;

	if (control_parse(span_of(p, n), &r, &owner) != ERR_OK)
		return 0;
	if (control_build(&b, &r) == ERR_OK && b.n <= CONTROL_LINE_MAX && !strchr(r.op, '\\')) {
		assert(control_parse(buf_span(&b), &again, &owner_again) == ERR_OK);
		assert(strcmp(r.op, again.op) == 0);
		same(r.session_id, again.session_id);
		same(r.stream_sid, again.stream_sid);
		same(r.event, again.event);
		same(r.error, again.error);
		same(r.twilio_status, again.twilio_status);
		same(r.reason, again.reason);
		json_object_put(owner_again);
	}
	json_object_put(owner);
	buf_fini(&b);
	return 0;
}
