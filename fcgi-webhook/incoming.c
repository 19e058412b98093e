/*
 * incoming - the call webhook (T1, T2, T3): number -> agent -> call record -> ticket in one transaction, a word to the relay, TwiML.
 * The same CallSid again answers the same session; a refused call is decided anew; an ended one is hung up.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "hook.h"
#include "store/account.h"
#include "store/number.h"
#include "store/spend.h"
#include "store/ticket.h"

enum plan { PLAN_STREAM, PLAN_OVER, PLAN_REFUSE };

struct arrival {
	/* in */
	struct span call_sid, account_sid, from, to, direction, status;
	char new_session[UUID_TEXT], token[TICKET_TEXT];
	int64_t now_ms;
	/* out, made anew by every run of the body */
	enum plan plan;
	bool again;                          /* the call was ours already */
	const char *reason, *error;          /* of PLAN_REFUSE */
	struct call call;
	struct agent agent;
	bool has_agent;
	char *account;                       /* id */
	char *fallback_number;
};

static void outcome_reset(struct arrival *v)
{
	record_fini(&call_type, &v->call);
	record_fini(&agent_type, &v->agent);
	free(v->account);
	free(v->fallback_number);
	v->call = (struct call){ 0 };
	v->agent = (struct agent){ 0 };
	v->account = v->fallback_number = NULL;
	v->has_agent = v->again = false;
	v->plan = PLAN_STREAM;
	v->reason = v->error = NULL;
}

static void refuse(struct arrival *v, const char *reason, const char *error)
{
	v->plan = PLAN_REFUSE;
	v->reason = reason;
	v->error = error;
}

/* Outbound calls come from our number, inbound ones go to it. */
static enum err our_number(struct txn *t, const struct arrival *v, struct number *out)
{
	enum err e = number_get(t, v->to, out);

	if (e == ERR_NOTFOUND && span_starts(v->direction, SPAN("outbound")))
		e = number_get(t, v->from, out);
	return e;
}

static enum err account_of(struct txn *t, const struct arrival *v, const struct number *n, struct account *out)
{
	enum err e = n->account ? account_get(t, span_z(n->account), out) : account_by_sid(t, v->account_sid, out);

	return e == ERR_NOTFOUND ? account_default(t, out) : e;
}

/* A limit that is used up refuses the call before anything is spent on it. */
static enum err check_budget(struct txn *t, struct arrival *v)
{
	struct budget b;
	enum err e = budget_get(t, &v->agent, span_z(v->account), v->now_ms, &b);

	if (!e && b.day_left == 0)
		refuse(v, "max_cost", "the agent's max_day_cost is used up");
	else if (!e && b.month_left == 0)
		refuse(v, "max_cost", "the account's max_month_cost is used up");
	return e;
}

/* Who answers. Nobody is an outcome, not an error. */
static enum err choose(struct txn *t, struct arrival *v, const struct number *n)
{
	struct account a = { 0 };
	enum err e = account_of(t, v, n, &a);
	bool active = !e && a.is_active;

	if (!e)
		e = life_text(&v->account, span_z(a.id));
	record_fini(&account_type, &a);
	if (!e)
		e = agent_for_call(t, span_z(n->agent), span_z(v->account), &v->agent);
	v->has_agent = !e;
	if (e == ERR_NOTFOUND || (!e && !active))
		refuse(v, "no_agent", active ? "no active agent for this number" : "the account is not active");
	else if (!e)
		e = check_budget(t, v);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err find_agent(struct txn *t, struct arrival *v)
{
	struct number n = { 0 };
	enum err e = our_number(t, v, &n);
	bool inactive = !e && !n.is_active;

	if (!e || e == ERR_NOTFOUND)
		e = choose(t, v, &n);
	record_fini(&number_type, &n);
	if (!e && inactive)
		refuse(v, "number_inactive", "the number is not active");
	if (!e)
		life_fallback(t, v->has_agent ? &v->agent : NULL, v->account, &v->fallback_number);
	return e;
}

static enum err fill_record(struct arrival *v, const char *session_id)
{
	struct call *c = &v->call;
	enum err e = ERR_OK;
	const struct {
		char **member;
		struct span value;
	} texts[] = {
		{ &c->session_id, span_z(session_id) }, { &c->twilio_call_sid, v->call_sid }, { &c->account, span_z(v->account) },
		{ &c->agent, span_z(v->has_agent ? v->agent.id : NULL) }, { &c->direction, v->direction }, { &c->caller_number, v->from },
		{ &c->called_number, v->to }, { &c->status, SPAN("started") }, { &c->twilio_status, v->status },
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts && !e; i++)
		e = life_text(texts[i].member, texts[i].value);
	c->agent_version = v->has_agent ? v->agent.version : FIELD_NULL_INT;
	c->started_at = v->now_ms;
	if (v->plan == PLAN_REFUSE)
		life_end(c, "error", v->reason, v->error, v->now_ms);
	return e;
}

/* A new call, or a refused one decided anew under its old name. */
static enum err decide(struct txn *t, struct arrival *v, const char *old_session)
{
	char session[UUID_TEXT];
	enum err e;

	span_copy(session, sizeof session, span_z(old_session ? old_session : v->new_session));
	record_fini(&call_type, &v->call);
	record_init(&call_type, &v->call);
	e = find_agent(t, v);
	if (!e)
		e = fill_record(v, session);
	return e ? e : call_put(t, &v->call);
}

static enum err repeat(struct txn *t, struct arrival *v)
{
	enum err e;

	if (life_refused(&v->call))
		return decide(t, v, v->call.session_id);
	v->again = true;
	if (life_over(&v->call)) {
		v->plan = PLAN_OVER;
		return ERR_OK;
	}
	e = v->call.agent ? agent_get(t, span_z(v->call.agent), &v->agent) : ERR_NOTFOUND;
	v->has_agent = !e;
	if (!e || e == ERR_NOTFOUND)
		life_fallback(t, v->has_agent ? &v->agent : NULL, v->call.account, &v->fallback_number);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err arrive(struct txn *t, void *arg)
{
	struct arrival *v = arg;
	enum err e;

	outcome_reset(v);
	e = call_by_sid(t, v->call_sid, &v->call);
	e = e == ERR_NOTFOUND ? decide(t, v, NULL) : e ? e : repeat(t, v);
	if (!e && v->plan == PLAN_STREAM)
		e = ticket_new(t, span_z(v->call.session_id), v->call_sid, v->now_ms, v->token);
	return e;
}

/* --- the answer --- */

static struct voice voice_for(const struct arrival *v)
{
	return (struct voice){ v->fallback_number, v->agent.say_voice, v->agent.say_language };
}

/* <Reject> is for a call that nobody has answered yet. */
static bool can_reject(const struct arrival *v)
{
	return !span_starts(v->direction, SPAN("outbound")) && (!v->status.n || span_is(v->status, "ringing") || span_is(v->status, "queued"));
}

static const char *say_refusal(struct answer *a, const struct arrival *v, const char *reason)
{
	struct voice voice = voice_for(v);

	if (span_is(span_z(reason), "busy") && can_reject(v)) {
		answer_busy(a);
		return "reject";
	}
	answer_apology(a, &voice);
	return v->fallback_number ? "fallback" : "apology";
}

static void say_stream(struct hook *h, const struct request *r, struct answer *a, const struct arrival *v)
{
	struct agent_fill fill = { v->from, v->to, v->now_ms };
	struct connect c = { .session_id = v->call.session_id, .token = v->token, .voice = voice_for(v) };
	struct buf notice = BUF_BOUND(16384);

	if (v->has_agent && v->agent.notice && agent_fill_text(&v->agent, span_z(v->agent.notice), &fill, &notice) == ERR_OK)
		c.notice = buf_z(&notice);
	answer_connect(h, r, a, &c);
	buf_fini(&notice);
}

/* A full disk takes no new calls while there is still room for the ones that run. */
static enum admission admit(struct hook *h, const struct arrival *v)
{
	enum space_level level = SPACE_OK;

	if (!v->again && store_space(h->store, &level) == ERR_OK && level >= SPACE_VERY_LOW) {
		log_error("call.refused_disk", "space=%s", space_name(level));
		return REFUSED_SPACE;
	}
	return relay_announce(h, v->call.session_id, v->again, 0);
}

static const char *answer_arrival(struct hook *h, const struct request *r, struct answer *a, const struct arrival *v)
{
	enum admission got;

	if (v->plan == PLAN_OVER) {
		answer_hangup(a);
		return "hangup";
	}
	if (v->plan == PLAN_REFUSE) {
		log_warn("call.refused", "reason=%s why=%s", v->reason, log_q(span_z(v->error)));
		return say_refusal(a, v, v->reason);
	}
	got = admit(h, v);
	if (got == ADMITTED) {
		say_stream(h, r, a, v);
		return "stream";
	}
	log_warn("call.refused", "reason=%s why=%s", admission_reason(got), log_q(span_z(admission_text(got))));
	life_refuse(h, span_z(v->call.session_id), admission_reason(got), admission_text(got));
	return say_refusal(a, v, admission_reason(got));
}

static enum err arrival_read(struct arrival *v, const struct request *r)
{
	const struct form *f = &r->form;
	enum err e;

	v->call_sid = form_get(f, "CallSid");
	v->account_sid = form_get(f, "AccountSid");
	v->from = form_get(f, "From");
	v->to = form_get(f, "To");
	v->direction = form_get(f, "Direction");
	v->status = form_get(f, "CallStatus");
	v->now_ms = clock_wall_ms();
	if (!v->direction.n)
		v->direction = SPAN("inbound");
	e = uuid_new(v->new_session);
	return e ? e : ticket_token(v->token);
}

static void handle(struct hook *h, const struct request *r, struct answer *a, struct arrival *v)
{
	struct log_ctx session = { "session", NULL, NULL };
	enum err e = db_txn(h, arrive, v);
	const char *said;

	session.value = v->call.session_id ? v->call.session_id : "";
	log_enter(&session);
	if (e) {
		log_error("call.refused", "reason=database error=%s", err_name(e));
		if (v->call.session_id)
			life_refuse(h, span_z(v->call.session_id), "database", err_text(e));
		answer_apology(a, &(struct voice){ 0 });
		said = "apology";
	} else {
		said = answer_arrival(h, r, a, v);
	}
	log_info("webhook.answered", "ms=%lld db_ms=%lld relay_ms=%lld answer=%s from=%s to=%s agent=%s again=%s",
		 (long long)(clock_ms() - r->began_ms), (long long)h->db_ms, (long long)h->relay_ms, said, log_mask(v->from), log_mask(v->to),
		 v->has_agent ? log_q(span_z(v->agent.name)) : "-", v->again ? "yes" : "no");
	log_leave(&session);
}

void incoming(struct hook *h, struct request *r, struct answer *a)
{
	struct arrival v = { 0 };
	struct log_ctx call = { "call", NULL, NULL };
	char sid[35];

	if (!life_sid_valid(form_get(&r->form, "CallSid"))) {
		log_warn("webhook.bad_request", "why=CallSid");
		answer_error(a, 400, "syntax", "CallSid is none");
		return;
	}
	span_copy(sid, sizeof sid, form_get(&r->form, "CallSid"));
	call.value = sid;
	log_enter(&call);
	if (arrival_read(&v, r) == ERR_OK)
		handle(h, r, a, &v);
	else
		answer_apology(a, &(struct voice){ 0 });
	outcome_reset(&v);
	log_leave(&call);
}
