/* The readers of the simulated phone network; the first byte chooses. What the fast reader of messages takes, JSON takes too; what the product's
 * writer of TwiML makes of any text, the phone finds well formed. */
#include <assert.h>

#include "base/json.h"
#include "tests/sim/phone_http.h"
#include "tests/sim/phone_msg.h"
#include "tests/sim/phone_plan.h"
#include "tests/sim/twiml_run.h"
#include "tests/sim/wav.h"
#include "twilio/twiml.h"

#define SID "MZ00000000000000000000000000000003"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void message(struct span in)
{
	struct msg m;
	struct json_object *o = NULL;
	const char *why;
	static const char *const names[] = { "media", "mark", "clear" };

	if (!msg_read(&m, in, SID, &why)) {
		assert(why);
		return;
	}
	if (!span_utf8(in))                                  /* the WebSocket refuses it before */
		return;
	assert(json_read(&o, in) == ERR_OK);
	assert(span_is(json_get_span(o, "event"), names[m.event]));
	assert(span_is(json_get_span(o, "streamSid"), SID));
	if (m.event == MSG_MEDIA)
		assert(span_eq(json_span(json_path(o, "media.payload")), m.value));
	if (m.event == MSG_MARK)
		assert(span_eq(json_span(json_path(o, "mark.name")), m.value));
	json_object_put(o);
}

static void document(struct span in)
{
	struct twiml_run t;
	struct twiml_step s;

	if (twiml_run_read(&t, 200, SPAN("text/xml"), in, true))
		for (twiml_run_next(&t, &s); s.verb != TV_END; twiml_run_next(&t, &s))
			assert(s.name && s.method);
	else
		assert(t.n_faults && t.faults[0].fatal);
	twiml_run_fini(&t);
}

static void written(struct span in)
{
	struct twiml t;
	struct twiml_run r;
	struct span doc;

	twiml_init(&t);
	twiml_say(&t, in, in, SPAN("en"));
	if (twiml_end(&t, &doc) == ERR_OK && doc.n <= TWIML_BYTES_MAX) {
		assert(twiml_run_read(&r, 200, SPAN(TWIML_TYPE), doc, true));
		twiml_run_fini(&r);
	}
	twiml_fini(&t);
}

static void answer(struct span in)
{
	struct buf b = BUF_INIT;
	struct http_answer a = { 0 };

	buf_add(&b, in);
	if (http_parse(&b, true, &a) > 0)
		assert(a.status >= 100 && a.body.n <= in.n);
	buf_fini(&b);
}

static void scenario(struct span in)
{
	struct plan *p = NULL;
	struct buf why = BUF_INIT;

	if (plan_parse(&p, in, &why) == ERR_OK)
		plan_free(p);
	buf_fini(&why);
}

static void sound(struct span in)
{
	struct wav w;
	struct buf out = BUF_INIT;

	if (wav_parse(&w, in, NULL) == ERR_OK && w.data.n <= 2000)
		assert(wav_decode(&out, &w) == ERR_OK && out.n <= in.n);
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static void (*const readers[])(struct span) = { message, document, written, answer, scenario, sound };

	if (n)
		readers[p[0] % (sizeof readers / sizeof *readers)](span_of(p + 1, n - 1));
	return 0;
}
