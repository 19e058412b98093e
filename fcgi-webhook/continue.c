/*
 * continue - what a call does when its stream has ended (T4). The relay is asked first, since it may know more; the record second.
 * One table says what each state of the session means for the caller.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "hook.h"
#include "store/ticket.h"

enum next { NEXT_HANGUP, NEXT_CONNECT, NEXT_PRESS, NEXT_DIAL, NEXT_APOLOGY };

static const struct rule {
	const char *state;
	enum next next;
	int64_t at_most;                 /* <Connect>s in a call that count, then the apology; ANY: these do not count */
	const char *end_reason;          /* of a record that no relay has, when this ends the call */
} rules[] = {
#define ANY INT64_MAX
	{ "hangup",      NEXT_HANGUP,  0,   NULL },             /* the agent ended it, or the call is over */
	{ "",            NEXT_HANGUP,  0,   NULL },             /* the relay has ended it and asks for nothing */
	{ "resume",      NEXT_CONNECT, 3,   "relay_lost" },     /* relay or network lost in mid-call, or told to resume elsewhere */
	{ "live",        NEXT_CONNECT, 3,   "relay_lost" },     /* the relay has not noticed yet that the stream is gone */
	{ "never",       NEXT_CONNECT, 1,   "stream_failed" },  /* no stream ever started */
	{ "fallback",    NEXT_APOLOGY, 0,   "model_failed" },   /* failed before the first word */
	{ "digits",      NEXT_PRESS,   ANY, "relay_lost" },     /* the agent presses keys */
	{ "transfer",    NEXT_DIAL,    0,   NULL },             /* the agent hands the call over */
	{ "transferred", NEXT_HANGUP,  0,   "transferred" },    /* ... they have talked */
	{ "returned",    NEXT_CONNECT, ANY, "relay_lost" },     /* ... nobody answered: back to the agent */
	{ "unanswered",  NEXT_APOLOGY, 0,   "transferred" },    /* ... and the agent does not want it back */
};

static const struct rule *rule_of(const char *state)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (span_is(span_z(state), rules[i].state))
			return &rules[i];
	return rule_of("fallback");
}

/* What the agent ordered when it handed the call over. */
struct order {
	struct json_object *json;
	struct span number, summary, digits;
	bool come_back;
};

static struct order order_read(const struct call *c)
{
	struct order o = { .come_back = true };

	if (c->handover && json_read(&o.json, span_z(c->handover)))
		o.json = NULL;
	o.number = json_get_span(o.json, "number");
	o.summary = json_get_span(o.json, "summary");
	o.digits = json_get_span(o.json, "digits");
	json_get_bool(o.json, "return", &o.come_back);
	return o;
}

/* `dialled`: how the <Dial> ended, when it has. */
static const char *transfer_state(const struct call *c, struct span dialled)
{
	struct order o = order_read(c);
	bool talked = span_is(dialled, "completed") || span_is(dialled, "answered");
	const char *state = !dialled.n ? o.number.n ? "transfer" : "fallback" : talked ? "transferred" : o.come_back ? "returned" : "unanswered";

	json_object_put(o.json);
	return state;
}

/* What the relay says counts; without it, what the record says; without a word there, where the call was in its life. */
static const char *state_of(const struct call *c, const struct verdict *v, struct span dialled)
{
	const char *word = v->known ? v->resume : c->resume && *c->resume ? c->resume : NULL;

	if (!word)
		word = span_is(span_z(c->status), "ended") ? "hangup" : life_over(c) ? "fallback" : "resume";
	if (span_is(span_z(word), "transfer"))
		return transfer_state(c, dialled);
	if (c->streams == 0 && rule_of(word)->next == NEXT_CONNECT)
		return "never";
	return word;
}

/* A drain is not the line's fault, nor is a stream that was closed on purpose. */
static bool counts(const struct rule *r, const struct call *c, const struct verdict *v)
{
	return r->at_most != ANY && !span_is(span_z(v->known ? v->end_reason : c->end_reason), "shutdown");
}

struct turnover {
	/* in */
	struct span session_id, call_sid, dialled;
	const struct verdict *verdict;
	char token[TICKET_TEXT];
	int64_t now_ms;
	/* out, made anew by every run of the body */
	struct call call;
	struct agent agent;
	char *fallback_number;
	struct order order;
	const struct rule *rule;
	enum next next;
};

static void outcome_reset(struct turnover *v)
{
	record_fini(&call_type, &v->call);
	record_fini(&agent_type, &v->agent);
	free(v->fallback_number);
	json_object_put(v->order.json);
	v->order = (struct order){ .json = NULL };
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

/* The relay that takes the caller back tells the agent. */
static enum err note_failure(struct call *c, struct span dialled)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);
	struct buf text = BUF_INIT;

	json_set(&b, o, "failed", json_str(&b, span_head(dialled, 32)));
	if (!b.err)
		b.err = json_write(&text, o);
	if (!b.err)
		b.err = life_text(&c->handover, buf_span(&text));
	json_object_put(o);
	buf_fini(&text);
	return b.err;
}

/* When no relay has the call its record is ours: it runs again. */
static enum err call_revive(struct call *c, struct span dialled)
{
	life_text(&c->resume, SPAN_NONE);
	if (life_over(c)) {
		life_text(&c->status, c->connected_at == FIELD_NULL_INT ? SPAN("started") : SPAN("connected"));
		life_text(&c->end_reason, SPAN_NONE);
		c->ended_at = c->duration_seconds = FIELD_NULL_INT;
	}
	return dialled.n ? note_failure(c, dialled) : ERR_OK;
}

static enum err connect_again(struct txn *t, struct turnover *v)
{
	struct call *c = &v->call;
	enum err e;

	c->resumes += counts(v->rule, c, v->verdict);
	e = v->verdict->known ? ERR_OK : call_revive(c, v->dialled);
	if (!e && v->rule->at_most == ANY)
		e = life_text(&c->resume, SPAN("resume"));       /* done once: should this relay die, it is not done again */
	e = e ? e : call_put(t, c);
	return e ? e : ticket_new(t, v->session_id, v->call_sid, v->now_ms, v->token);
}

static enum err give_up(struct txn *t, struct turnover *v)
{
	struct call *c = &v->call;
	bool error = v->next == NEXT_APOLOGY && !span_is(span_z(v->rule->end_reason), "transferred");

	if (v->verdict->known || life_over(c) || !v->rule->end_reason)
		return ERR_OK;
	life_end(c, error ? "error" : "ended", v->rule->end_reason, error ? "the stream could not be connected again" : NULL, v->now_ms);
	return call_put(t, c);
}

static bool connects(enum next n)
{
	return n == NEXT_CONNECT || n == NEXT_PRESS;
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
	v->rule = rule_of(state_of(&v->call, v->verdict, v->dialled));
	v->next = v->rule->next;
	v->order = order_read(&v->call);
	if (connects(v->next) && counts(v->rule, &v->call, v->verdict) && v->call.resumes >= v->rule->at_most)
		v->next = NEXT_APOLOGY;
	if (v->next == NEXT_DIAL)
		return ERR_OK;
	return connects(v->next) ? connect_again(t, v) : give_up(t, v);
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
	struct buf digits = BUF_INIT;
	struct connect c = { .session_id = v->call.session_id, .token = v->token };
	enum admission got = relay_announce(h, v->call.session_id, true, RESUME_PATIENCE_MS);

	if (got == ADMITTED) {
		if (v->next == NEXT_PRESS)
			buf_add(&digits, v->order.digits);
		c.digits = buf_z(&digits);
		answer_connect(h, r, a, &c);
		buf_fini(&digits);
		return v->next == NEXT_PRESS ? "digits" : "stream";
	}
	log_warn("call.stranded", "reason=%s why=%s", admission_reason(got), log_q(span_z(admission_text(got))));
	v->now_ms = clock_wall_ms();
	if (got == REFUSED_DOWN || got == REFUSED_DRAINING)
		db_txn(h, stranded_body, v);
	return apologize(h, a, v);
}

static const char *answer_turnover(struct hook *h, const struct request *r, struct answer *a, struct turnover *v)
{
	if (connects(v->next))
		return connect_or_apologize(h, r, a, v);
	if (v->next == NEXT_APOLOGY)
		return apologize(h, a, v);
	if (v->next == NEXT_DIAL) {
		answer_transfer(h, r, a, v->call.session_id, v->order.number, v->order.summary.n > 0);
		return "transfer";
	}
	answer_hangup(a);
	return "hangup";
}

/* A final state: nothing is dialled and nothing is said to somebody who has gone. */
static void over(struct hook *h, const struct request *r, struct answer *a)
{
	const struct form *f = &r->form;
	enum err e = life_status(h, form_get(f, "CallSid"), form_get(f, "CallStatus"), SPAN_NONE, NULL);

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

	relay_continue(h, r->session_id, form_get(&r->form, "StreamSid"), v->dialled, &verdict);
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
	struct turnover v = { .session_id = r->session_id, .call_sid = form_get(&r->form, "CallSid"),
			      .dialled = span_head(form_get(&r->form, "DialCallStatus"), 32), .rule = rule_of("fallback") };
	struct life_names names;

	if (!life_sid_valid(v.call_sid)) {
		log_warn("continue.bad_request", "why=CallSid");
		answer_error(a, 400, "syntax", "CallSid is none");
		return;
	}
	life_enter(&names, v.call_sid, r->session_id);
	if (life_final(form_get(&r->form, "CallStatus")))
		over(h, r, a);
	else
		handle(h, r, a, &v);
	outcome_reset(&v);
	life_leave(&names);
}
