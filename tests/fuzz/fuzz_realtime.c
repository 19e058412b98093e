/* Realtime messages: the fast road and json-c say the same; what we build of any bytes is JSON; texts of errors are read without harm. */
#include <assert.h>

#include "base/json.h"
#include "media-relay/realtime.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void two_roads(struct span text)
{
	struct realtime_parser parser = { NULL };
	struct realtime_msg fast, slow;
	bool quick = realtime_audio_fast(text, &fast);
	enum err e = realtime_parse_slow(&parser, text, &slow);

	if (quick && e == ERR_OK) {
		assert(slow.type == RT_AUDIO_DELTA && span_eq(fast.delta, slow.delta) && span_eq(fast.item_id, slow.item_id));
		assert(span_eq(fast.response_id, slow.response_id) && fast.content_index == slow.content_index);
	}
	if (e == ERR_OK) {
		realtime_fault(&slow);
		realtime_retry_ms(slow.error.message);
		realtime_confirms(&slow, AUDIO_PCMU, AUDIO_PCM24, SPAN("marin"));
	}
	realtime_parser_fini(&parser);
}

static void built(struct buf *b)
{
	struct json_object *o = NULL;

	assert(json_read(&o, buf_span(b)) == ERR_OK);
	json_object_put(o);
	buf_fini(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span any = span_of(p, n);
	struct buf b = BUF_INIT;

	two_roads(any);
	realtime_fault_closed(any);
	realtime_retry_ms(any);
	realtime_truncate(&b, SPAN("t1"), any, 0, 17);
	built(&b);
	realtime_user_text(&b, SPAN("i1"), any);
	built(&b);
	realtime_cancel(&b, SPAN("c1"), any);
	built(&b);
	return 0;
}
