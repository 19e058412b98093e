/* status - the call record follows Twilio's call states, and the stream's troubles reach it. Both answer 204: their words steer nothing. */
#include "base/clock.h"
#include "base/log.h"
#include "hook.h"

void status_callback(struct hook *h, struct request *r, struct answer *a)
{
	struct span call_sid = form_get(&r->form, "CallSid"), status = form_get(&r->form, "CallStatus");
	char sid[35] = "", session_id[UUID_TEXT] = "";
	struct log_ctx call = { "call", sid, NULL }, session = { "session", session_id, NULL };
	enum err e = ERR_NOTFOUND;

	answer_status(a, 204);
	if (!life_sid_valid(call_sid) || !status.n || status.n > 32)
		return;
	span_copy(sid, sizeof sid, call_sid);
	log_enter(&call);
	e = life_status(h, call_sid, status, form_get(&r->form, "SequenceNumber"), session_id);
	if (e && e != ERR_NOTFOUND)
		answer_status(a, 503);       /* Twilio may try again */
	session.value = *session_id ? session_id : NULL;
	log_enter(&session);
	log_write(e && e != ERR_NOTFOUND ? LOG_ERROR : LOG_INFO, "status.answered", "ms=%lld status=%s result=%s", (long long)(clock_ms() - r->began_ms),
		  log_q(status), err_name(e));
	log_leave(&session);
	log_leave(&call);
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
	char session_id[UUID_TEXT], sid[35] = "";
	struct log_ctx call = { "call", sid, NULL }, session = { "session", session_id, NULL };
	bool bad = span_is(event, "stream-error");
	enum err e = ERR_OK;

	answer_status(a, 204);
	if (!life_sid_valid(form_get(&r->form, "CallSid")))
		return;
	span_copy(sid, sizeof sid, form_get(&r->form, "CallSid"));
	span_copy(session_id, sizeof session_id, r->session_id);
	log_enter(&call);
	log_enter(&session);
	if (bad)
		e = store_trouble(h, r, error);
	if (e && e != ERR_NOTFOUND)
		answer_status(a, 503);
	if (bad && !e)
		relay_stream(h, r->session_id, span_head(stream, 64), event, span_head(error, 500));
	log_write(bad ? LOG_WARN : LOG_INFO, "stream.status", "event=%s error=%s stored=%s", log_q(event), log_q(error), bad ? err_name(e) : "-");
	log_leave(&session);
	log_leave(&call);
}
