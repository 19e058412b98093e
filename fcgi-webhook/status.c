/* status - the call record follows Twilio's call states, and the stream's troubles reach it. Both answer 204: their words steer nothing. */
#include "base/clock.h"
#include "base/log.h"
#include "hook.h"

void status_callback(struct hook *h, struct request *r, struct answer *a)
{
	struct span call_sid = form_get(&r->form, "CallSid"), status = form_get(&r->form, "CallStatus");
	char session_id[UUID_TEXT] = "";
	struct life_names names;
	enum err e = ERR_NOTFOUND;

	answer_status(a, 204);
	if (!life_sid_valid(call_sid) || !status.n || status.n > 32)
		return;
	life_enter(&names, call_sid, SPAN_NONE);
	e = life_status(h, call_sid, status, form_get(&r->form, "SequenceNumber"), session_id);
	if (e && e != ERR_NOTFOUND)
		answer_status(a, 503);       /* Twilio may try again */
	life_session(&names, session_id);
	log_write(e && e != ERR_NOTFOUND ? LOG_ERROR : LOG_INFO, "status.answered", "ms=%lld status=%s result=%s", (long long)(clock_ms() - r->began_ms),
		  log_q(status), err_name(e));
	life_leave(&names);
}

struct trouble {
	struct span session_id, call_sid, text;
};

static enum err trouble_body(struct txn *t, void *arg)
{
	struct trouble *p = arg;
	struct call c = { 0 };
	enum err e = call_get_for_update(t, p->session_id, &c);

	if (!e && !span_eq(span_z(c.twilio_call_sid), p->call_sid))
		e = ERR_NOTFOUND;
	if (!e && !c.error) {
		e = life_text(&c.error, p->text);
		e = e ? e : call_put(t, &c);
	}
	record_fini(&call_type, &c);
	return e;
}

static enum err store_trouble(struct hook *h, const struct request *r, struct span why)
{
	struct buf text = BUF_BOUND(1024);
	struct trouble p = { r->session_id, form_get(&r->form, "CallSid"), SPAN_NONE };
	enum err e;

	buf_addz(&text, "stream: ");
	buf_add(&text, why.n ? span_head(why, 500) : SPAN("Twilio could not keep it"));
	p.text = buf_span(&text);
	e = text.err ? text.err : db_txn(h, trouble_body, &p);
	buf_fini(&text);
	return e;
}

void stream_status(struct hook *h, struct request *r, struct answer *a)
{
	struct span event = form_get(&r->form, "StreamEvent"), error = form_get(&r->form, "StreamError"), stream = form_get(&r->form, "StreamSid");
	struct life_names names;
	bool bad = span_is(event, "stream-error");
	enum err e = ERR_OK;

	answer_status(a, 204);
	if (!life_sid_valid(form_get(&r->form, "CallSid")))
		return;
	life_enter(&names, form_get(&r->form, "CallSid"), r->session_id);
	if (bad)
		e = store_trouble(h, r, error);
	if (e && e != ERR_NOTFOUND)
		answer_status(a, 503);
	if (bad && !e)
		relay_stream(h, r->session_id, span_head(stream, 64), event, span_head(error, 500));
	log_write(bad ? LOG_WARN : LOG_INFO, "stream.status", "event=%s error=%s stored=%s", log_q(event), log_q(error), bad ? err_name(e) : "-");
	life_leave(&names);
}
