/* relay - what the webhook asks of the relay, and what its answers mean for a caller. */
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "control.h"
#include "hook.h"

static const struct {
	const char *reason;              /* as the relay says it; NULL: it says nothing */
	const char *end_reason, *text;
} admissions[] = {
	[ADMITTED]         = { "",         "",             "" },
	[REFUSED_BUSY]     = { "busy",     "busy",         "as many calls as allowed are running" },
	[REFUSED_DRAINING] = { "draining", "shutdown",     "the relay takes no new calls and no other came in time" },
	[REFUSED_MODEL]    = { "no_model", "model_failed", "no model can be called for this agent" },
	[REFUSED_DATABASE] = { "database", "database",     "the relay could not read the call from the database" },
	[REFUSED_DOWN]     = { NULL,       "relay_lost",   "the relay did not answer in time" },
	[REFUSED_SPACE]    = { NULL,       "busy",         "the disk is nearly full" },
};
_Static_assert(sizeof admissions / sizeof *admissions == ADMISSION_COUNT, "a row per admission");

const char *admission_reason(enum admission a) { return admissions[a].end_reason; }
const char *admission_text(enum admission a) { return admissions[a].text; }

static enum admission admission_of(struct json_object *o)
{
	struct span reason = json_get_span(o, "reason");
	bool ok = false;

	if (json_get_bool(o, "ok", &ok) && ok)
		return ADMITTED;
	for (enum admission a = REFUSED_BUSY; a < ADMISSION_COUNT; a++)
		if (admissions[a].reason && span_is(reason, admissions[a].reason))
			return a;
	log_warn("relay.answer", "reason=%s", log_q(reason));
	return REFUSED_DOWN;
}

static enum admission announce_once(struct hook *h, const struct control_request *q, int timeout_ms)
{
	struct json_object *o = NULL;
	enum err e = control_ask(h->cf.relay_socket, q, timeout_ms, &o);
	enum admission a = e ? REFUSED_DOWN : admission_of(o);

	if (e)
		log_warn("relay.unreachable", "op=%s error=%s", q->op, err_name(e));
	json_object_put(o);
	return a;
}

static void pause_ms(int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

/* Once somebody was seen draining, or when the caller can wait, a relay that does not answer may be one that is just being started. */
enum admission relay_announce(struct hook *h, const char *session_id, bool again, int patience_ms)
{
	struct control_request q = { .op = "announce", .session_id = span_z(session_id), .again = again };
	int64_t began = clock_ms(), left = CONTROL_ANNOUNCE_MS;
	bool drained = false;
	enum admission a;

	for (;;) {
		a = announce_once(h, &q, left < CONTROL_ANNOUNCE_MS ? (int)left : CONTROL_ANNOUNCE_MS);
		if (a == REFUSED_DRAINING && !drained) {
			drained = true;
			patience_ms = patience_ms > DRAIN_PATIENCE_MS ? patience_ms : DRAIN_PATIENCE_MS;
		}
		left = began + patience_ms - clock_ms() - ASK_AGAIN_MS;
		if ((a != REFUSED_DRAINING && a != REFUSED_DOWN) || left <= 0)
			break;
		pause_ms(ASK_AGAIN_MS);
	}
	h->relay_ms += clock_ms() - began;
	return a == REFUSED_DOWN && drained ? REFUSED_DRAINING : a;
}

void relay_continue(struct hook *h, struct span session_id, struct span stream_sid, struct span dialled, struct verdict *v)
{
	struct control_request q = { .op = "continue", .session_id = session_id, .stream_sid = stream_sid, .reason = dialled };
	struct json_object *o = NULL;
	enum err e = control_ask(h->cf.relay_socket, &q, CONTROL_ANNOUNCE_MS, &o);

	*v = (struct verdict){ 0 };
	if (e)
		log_warn("relay.unreachable", "op=%s error=%s", q.op, err_name(e));
	else if (json_get_bool(o, "known", &v->known) && v->known)
		v->known = span_copy(v->resume, sizeof v->resume, json_get_span(o, "resume"));
	if (v->known)
		span_copy(v->end_reason, sizeof v->end_reason, json_get_span(o, "end_reason"));
	json_object_put(o);
}

static bool tell(struct hook *h, const struct control_request *q)
{
	struct json_object *o = NULL;
	enum err e = control_ask(h->cf.relay_socket, q, CONTROL_HEALTH_MS, &o);
	bool ok = false, known = true;

	if (e)
		log_warn("relay.unreachable", "op=%s error=%s", q->op, err_name(e));
	json_get_bool(o, "ok", &ok);
	json_get_bool(o, "known", &known);
	json_object_put(o);
	return !e && ok && known;
}

bool relay_status(struct hook *h, const char *session_id, struct span twilio_status)
{
	return tell(h, &(struct control_request){ .op = "status", .session_id = span_z(session_id), .twilio_status = twilio_status });
}

bool relay_stream(struct hook *h, struct span session_id, struct span stream_sid, struct span event, struct span error)
{
	return tell(h, &(struct control_request){ .op = "stream", .session_id = session_id, .stream_sid = stream_sid, .event = event,
						  .error = error });
}

bool relay_machine(struct hook *h, const char *session_id, struct span who)
{
	return tell(h, &(struct control_request){ .op = "machine", .session_id = span_z(session_id), .reason = who });
}

bool relay_hangup(struct hook *h, struct span session_id, const char *reason)
{
	return tell(h, &(struct control_request){ .op = "hangup", .session_id = session_id, .reason = span_z(reason) });
}
