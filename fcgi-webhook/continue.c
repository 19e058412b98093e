/*
 * continue - what a call does when its stream has ended (T4). The relay is asked first, since it may know more; the record second.
 * One table says what each state of the session means for the caller.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "hook.h"
#include "store/ticket.h"

enum next { NEXT_HANGUP, NEXT_CONNECT, NEXT_APOLOGY };

static const struct rule {
	const char *state;
	enum next next;
	int64_t at_most;                 /* <Connect>s in a call, then the apology */
	const char *end_reason;          /* of the record, when the apology ends the call */
} rules[] = {
	{ "hangup",   NEXT_HANGUP,  0, NULL },             /* the agent ended it, or the call is over */
	{ "",         NEXT_HANGUP,  0, NULL },             /* the relay has ended it and asks for nothing */
	{ "resume",   NEXT_CONNECT, 3, "relay_lost" },     /* relay or network lost in mid-call, or told to resume elsewhere */
	{ "live",     NEXT_CONNECT, 3, "relay_lost" },     /* the relay has not noticed yet that the stream is gone */
	{ "never",    NEXT_CONNECT, 1, "stream_failed" },  /* no stream ever started */
	{ "fallback", NEXT_APOLOGY, 0, "model_failed" },   /* failed before the first word */
};

static const struct rule *rule_of(const char *state)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (span_is(span_z(state), rules[i].state))
			return &rules[i];
	return rule_of("fallback");
}

/* What the relay says counts; without it, what the record says; without a word there, where the call was in its life. */
static const char *state_of(const struct call *c, const struct verdict *v)
{
	const char *word = v->known ? v->resume : c->resume && *c->resume ? c->resume : NULL;

	if (!word)
		word = span_is(span_z(c->status), "ended") ? "hangup" : life_over(c) ? "fallback" : "resume";
	if (c->streams == 0 && rule_of(word)->next == NEXT_CONNECT)
		return "never";
	return word;
}

/* A drain is not the line's fault. */
static bool counts(const struct call *c, const struct verdict *v)
{
	return !span_is(span_z(v->known ? v->end_reason : c->end_reason), "shutdown");
}

struct turnover {
	/* in */
	struct span session_id, call_sid;
	const struct verdict *verdict;
	char token[TICKET_TEXT];
	int64_t now_ms;
	/* out, made anew by every run of the body */
	struct call call;
	struct agent agent;
	char *fallback_number;
	const struct rule *rule;
	enum next next;
};

static void outcome_reset(struct turnover *v)
{
	record_fini(&call_type, &v->call);
	record_fini(&agent_type, &v->agent);
	free(v->fallback_number);
	v->call = (struct call){ 0 };
	v->agent = (struct agent){ 0 };
	v->fallback_number = NULL;
	v->rule = rule_of("fallback");
	v->next = NEXT_APOLOGY;
}

static enum err call_load(struct txn *t, struct turnover *v)
{
	enum err e = call_get_for_update(t, v->session_id, &v->call);

	if (!e && !span_eq(span_z(v->call.twilio_call_sid), v->call_sid)) {
		record_fini(&call_type, &v->call);
		v->call = (struct call){ 0 };
		return ERR_NOTFOUND;
	}
	return e;
}

static enum err agent_load(struct txn *t, struct turnover *v)
{
	enum err e = v->call.agent ? agent_get(t, span_z(v->call.agent), &v->agent) : ERR_NOTFOUND;

	if (!e || e == ERR_NOTFOUND)
		life_fallback(t, e ? NULL : &v->agent, v->call.account, &v->fallback_number);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

/* When no relay has the call its record is ours: it runs again. */
static void call_revive(struct call *c)
{
	life_text(&c->resume, SPAN_NONE);
	if (!life_over(c))
		return;
	life_text(&c->status, c->connected_at == FIELD_NULL_INT ? SPAN("started") : SPAN("connected"));
	life_text(&c->end_reason, SPAN_NONE);
	c->ended_at = c->duration_seconds = FIELD_NULL_INT;
}

static enum err connect_again(struct txn *t, struct turnover *v)
{
	struct call *c = &v->call;
	enum err e;

	c->resumes += counts(c, v->verdict);
	if (!v->verdict->known)
		call_revive(c);
	e = call_put(t, c);
	return e ? e : ticket_new(t, v->session_id, v->call_sid, v->now_ms, v->token);
}

static enum err give_up(struct txn *t, struct turnover *v)
{
	struct call *c = &v->call;

	if (v->verdict->known || life_over(c))
		return ERR_OK;
	life_end(c, "error", v->rule->end_reason, "the stream could not be connected again", v->now_ms);
	return call_put(t, c);
}

static enum err turn_over(struct txn *t, void *arg)
{
	struct turnover *v = arg;
	enum err e;

	outcome_reset(v);
	e = call_load(t, v);
	if (!e)
		e = agent_load(t, v);
	if (e)
		return e;
	v->rule = rule_of(state_of(&v->call, v->verdict));
	v->next = v->rule->next;
	if (v->next == NEXT_CONNECT && counts(&v->call, v->verdict) && v->call.resumes >= v->rule->at_most)
		v->next = NEXT_APOLOGY;
	return v->next == NEXT_CONNECT ? connect_again(t, v) : v->next == NEXT_APOLOGY ? give_up(t, v) : ERR_OK;
}

/* --- the answer --- */

static enum err stranded_body(struct txn *t, void *arg)
{
	struct turnover *v = arg;
	struct call c = { 0 };
	enum err e = call_get_for_update(t, v->session_id, &c);

	if (!e && !life_over(&c)) {
		life_end(&c, "error", v->rule->end_reason, "no relay took the call again", v->now_ms);
		e = call_put(t, &c);
	}
	record_fini(&call_type, &c);
	return e;
}

static const char *apologize(struct hook *h, struct answer *a, const struct turnover *v)
{
	struct voice voice = { v->fallback_number, v->agent.say_voice, v->agent.say_language };

	if (v->verdict->known && !life_over(&v->call))
		relay_hangup(h, v->session_id, v->rule->end_reason);
	answer_apology(a, &voice);
	return v->fallback_number ? "fallback" : "apology";
}

static const char *connect_or_apologize(struct hook *h, const struct request *r, struct answer *a, struct turnover *v)
{
	struct connect c = { v->call.session_id, v->token, NULL, { NULL, NULL, NULL } };
	enum admission got = relay_announce(h, v->call.session_id, true, RESUME_PATIENCE_MS);

	if (got == ADMITTED) {
		answer_connect(h, r, a, &c);
		return "stream";
	}
	log_warn("call.stranded", "reason=%s why=%s", admission_reason(got), log_q(span_z(admission_text(got))));
	v->now_ms = clock_wall_ms();
	if (got == REFUSED_DOWN || got == REFUSED_DRAINING)
		db_txn(h, stranded_body, v);
	return apologize(h, a, v);
}

static const char *answer_turnover(struct hook *h, const struct request *r, struct answer *a, struct turnover *v)
{
	if (v->next == NEXT_CONNECT)
		return connect_or_apologize(h, r, a, v);
	if (v->next == NEXT_APOLOGY)
		return apologize(h, a, v);
	answer_hangup(a);
	return "hangup";
}

/* A final state: nothing is dialled and nothing is said to somebody who has gone. */
static void over(struct hook *h, const struct request *r, struct answer *a)
{
	const struct form *f = &r->form;
	enum err e = life_status(h, form_get(f, "CallSid"), form_get(f, "CallStatus"), SPAN_NONE);

	if (e)
		log_warn("continue.status", "error=%s", err_name(e));
	answer_empty_twiml(a);
	log_info("continue.answered", "ms=%lld answer=nothing", (long long)(clock_ms() - r->began_ms));
}

static void handle(struct hook *h, const struct request *r, struct answer *a, struct turnover *v)
{
	struct verdict verdict;
	enum err e;
	const char *said = "apology";

	relay_continue(h, r->session_id, form_get(&r->form, "StreamSid"), &verdict);
	v->verdict = &verdict;
	v->now_ms = clock_wall_ms();
	e = ticket_token(v->token);
	if (!e)
		e = db_txn(h, turn_over, v);
	if (e) {
		log_error("continue.failed", "error=%s", err_name(e));
		answer_apology(a, &(struct voice){ 0 });
	} else {
		said = answer_turnover(h, r, a, v);
	}
	log_info("continue.answered", "ms=%lld answer=%s state=%s relay=%s resumes=%lld", (long long)(clock_ms() - r->began_ms), said, v->rule->state,
		 verdict.known ? "known" : "unknown", (long long)v->call.resumes);
	v->verdict = NULL;
}

void continue_call(struct hook *h, struct request *r, struct answer *a)
{
	struct turnover v = { .session_id = r->session_id, .call_sid = form_get(&r->form, "CallSid"), .rule = rule_of("fallback") };
	char sid[35] = "", session_id[UUID_TEXT];
	struct log_ctx call = { "call", sid, NULL }, session = { "session", session_id, NULL };

	if (!life_sid_valid(v.call_sid)) {
		log_warn("continue.bad_request", "why=CallSid");
		answer_error(a, 400, "syntax", "CallSid is none");
		return;
	}
	span_copy(sid, sizeof sid, v.call_sid);
	span_copy(session_id, sizeof session_id, r->session_id);
	log_enter(&call);
	log_enter(&session);
	if (life_final(form_get(&r->form, "CallStatus")))
		over(h, r, a);
	else
		handle(h, r, a, &v);
	outcome_reset(&v);
	log_leave(&session);
	log_leave(&call);
}
