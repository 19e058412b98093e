/* life - the call record, as far as it is the webhook's: refusals, Twilio's states, and the end of calls that no relay has. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "hook.h"
#include "store/account.h"

bool life_sid_valid(struct span s)
{
	static const char hex[] = "0123456789abcdefABCDEF";

	if (s.n != 34 || s.p[0] != 'C' || s.p[1] != 'A')
		return false;
	for (size_t i = 2; i < s.n; i++)
		if (!memchr(hex, s.p[i], sizeof hex - 1))
			return false;
	return true;
}

bool life_final(struct span twilio_status)
{
	static const char *const finals[] = { "completed", "busy", "failed", "no-answer", "canceled" };

	for (size_t i = 0; i < sizeof finals / sizeof *finals; i++)
		if (span_is(twilio_status, finals[i]))
			return true;
	return false;
}

bool life_over(const struct call *c)
{
	return span_is(span_z(c->status), "ended") || span_is(span_z(c->status), "error");
}

/* A call whose stream never came was not refused, and what Twilio calls final stays so. */
bool life_refused(const struct call *c)
{
	return span_is(span_z(c->status), "error") && c->streams == 0 && c->connected_at == FIELD_NULL_INT &&
	       !span_is(span_z(c->end_reason), "stream_failed") && !life_final(span_z(c->twilio_status));
}

enum err life_text(char **member, struct span s)
{
	char *copy = s.n ? span_dup(s) : NULL;

	if (s.n && !copy)
		return ERR_NOMEM;
	free(*member);
	*member = copy;
	return ERR_OK;
}

void life_end(struct call *c, const char *status, const char *end_reason, const char *error, int64_t now_ms)
{
	life_text(&c->status, span_z(status));
	life_text(&c->end_reason, span_z(end_reason));
	if (error && !c->error)
		life_text(&c->error, span_z(error));
	c->ended_at = now_ms;
	c->duration_seconds = c->started_at != FIELD_NULL_INT && now_ms > c->started_at ? (now_ms - c->started_at + 500) / 1000 : 0;
}

/* --- refusals --- */

struct refusal {
	struct span session_id;
	const char *end_reason, *error;
	int64_t now_ms;
};

static enum err refuse_body(struct txn *t, void *arg)
{
	struct refusal *f = arg;
	struct call c = { 0 };
	enum err e = call_get_for_update(t, f->session_id, &c);

	if (!e && !life_over(&c) && c.streams == 0 && c.connected_at == FIELD_NULL_INT) {
		life_end(&c, "error", f->end_reason, f->error, f->now_ms);
		e = call_put(t, &c);
	}
	record_fini(&call_type, &c);
	return e;
}

enum err life_refuse(struct hook *h, struct span session_id, const char *end_reason, const char *error)
{
	struct refusal f = { session_id, end_reason, error, clock_wall_ms() };
	enum err e = db_txn(h, refuse_body, &f);

	if (e && e != ERR_TIMEOUT)           /* then nobody knows, and the refusal has been logged */
		log_error("call.refusal_not_stored", "reason=%s error=%s", end_reason, err_name(e));
	return e;
}

/* --- Twilio's states --- */

struct change {
	struct span call_sid, status, sequence;
	int64_t now_ms;
	char session_id[UUID_TEXT];      /* out */
	bool final;                      /* out: this one made it final, or repeats that */
};

/* The highest SequenceNumber wins, and a final state for ever. Without a number the order of arrival has to do. */
static bool newer(const struct call *c, const struct change *g, int64_t *sequence)
{
	bool numbered = span_int(g->sequence, sequence) && *sequence >= 0;

	if (life_final(span_z(c->twilio_status)))
		return false;
	if (life_final(g->status) || !numbered)
		return true;
	return c->twilio_seq == FIELD_NULL_INT || *sequence > c->twilio_seq;
}

static enum err change_locked(struct txn *t, struct change *g, struct call *c)
{
	int64_t sequence = FIELD_NULL_INT;
	enum err e;

	if (!newer(c, g, &sequence))
		return ERR_OK;
	e = life_text(&c->twilio_status, g->status);
	if (sequence != FIELD_NULL_INT && (c->twilio_seq == FIELD_NULL_INT || sequence > c->twilio_seq))
		c->twilio_seq = sequence;
	return e ? e : call_put(t, c);
}

static enum err change_body(struct txn *t, void *arg)
{
	struct change *g = arg;
	struct call c = { 0 };
	enum err e = call_by_sid(t, g->call_sid, &c);

	g->final = false;
	if (!e)
		span_copy(g->session_id, sizeof g->session_id, span_z(c.session_id));
	record_fini(&call_type, &c);
	if (e)
		return e;
	e = call_get_for_update(t, span_z(g->session_id), &c);
	if (!e)
		e = change_locked(t, g, &c);
	g->final = !e && life_final(span_z(c.twilio_status));
	record_fini(&call_type, &c);
	return e;
}

static enum err close_body(struct txn *t, void *arg)
{
	struct change *g = arg;
	struct call c = { 0 };
	enum err e = call_get_for_update(t, span_z(g->session_id), &c);
	bool failed = !e && span_is(span_z(c.twilio_status), "failed");

	if (!e && !life_over(&c)) {
		life_end(&c, failed ? "error" : "ended", failed ? "stream_failed" : "caller_hangup", failed ? "Twilio: the call failed" : NULL, g->now_ms);
		e = call_put(t, &c);
	}
	record_fini(&call_type, &c);
	return e;
}

static const char *known(const char *z)
{
	return *z ? z : NULL;
}

void life_enter(struct life_names *n, struct span call_sid, struct span session_id)
{
	*n = (struct life_names){ .call.key = "call", .session.key = "session" };
	span_copy(n->call_sid, sizeof n->call_sid, call_sid);
	span_copy(n->session_id, sizeof n->session_id, session_id);
	n->call.value = known(n->call_sid);
	n->session.value = known(n->session_id);
	log_enter(&n->call);
	log_enter(&n->session);
}

void life_session(struct life_names *n, const char *session_id)
{
	span_copy(n->session_id, sizeof n->session_id, span_z(session_id));
	n->session.value = known(n->session_id);
}

void life_leave(struct life_names *n)
{
	log_leave(&n->session);
	log_leave(&n->call);
}

enum err life_status(struct hook *h, struct span call_sid, struct span twilio_status, struct span sequence, char session_id[UUID_TEXT])
{
	struct change g = { .call_sid = call_sid, .status = twilio_status, .sequence = sequence, .now_ms = clock_wall_ms() };
	struct log_ctx session = { "session", g.session_id, NULL };
	enum err e = db_txn(h, change_body, &g);

	if (session_id)
		span_copy(session_id, UUID_TEXT, span_z(g.session_id));
	if (e || !g.final)
		return e;
	log_enter(&session);
	e = relay_status(h, g.session_id, twilio_status) ? ERR_OK : db_txn(h, close_body, &g);
	log_leave(&session);
	return e;
}

/* --- T3 --- */

void life_fallback(struct txn *t, const struct agent *a, const char *account_id, char **fallback_number)
{
	struct account acc = { 0 };

	if (a && a->fallback_number)
		life_text(fallback_number, span_z(a->fallback_number));
	else if (account_id && account_get(t, span_z(account_id), &acc) == ERR_OK && acc.fallback_number)
		life_text(fallback_number, span_z(acc.fallback_number));
	record_fini(&account_type, &acc);
}
