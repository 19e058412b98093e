/*
 * handover - around a call that is handed over or answered by a machine: what the person hears before they are connected to the caller (the whisper), and
 * Twilio's word on who answered an outbound call (AsyncAmdStatusCallback).
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "hook.h"

struct whispering {
	struct span session_id, parent_sid;
	char *text, *say_voice, *say_language;
	char call_sid[35];               /* of the caller */
};

static void whispering_reset(struct whispering *w)
{
	free(w->text);
	free(w->say_voice);
	free(w->say_language);
	w->text = w->say_voice = w->say_language = NULL;
}

static enum err take_voice(struct txn *t, const char *agent_id, struct whispering *w)
{
	struct agent a = { 0 };
	enum err e = agent_id ? agent_get(t, span_z(agent_id), &a) : ERR_NOTFOUND;

	if (!e)
		e = life_text(&w->say_voice, span_z(a.say_voice));
	if (!e)
		e = life_text(&w->say_language, span_z(a.say_language));
	record_fini(&agent_type, &a);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err whispering_body(struct txn *t, void *arg)
{
	struct whispering *w = arg;
	struct call c = { 0 };
	struct json_object *o = NULL;
	enum err e;

	whispering_reset(w);
	e = call_get(t, w->session_id, &c);
	if (!e)
		span_copy(w->call_sid, sizeof w->call_sid, span_z(c.twilio_call_sid));
	if (!e && w->parent_sid.n && !span_eq(w->parent_sid, span_z(c.twilio_call_sid)))
		e = ERR_DENIED;
	if (!e && c.handover && json_read(&o, span_z(c.handover)) == ERR_OK)
		e = life_text(&w->text, json_get_span(o, "summary"));
	if (!e)
		e = take_voice(t, c.agent, w);
	json_object_put(o);
	record_fini(&call_type, &c);
	return e;
}

void whisper(struct hook *h, struct request *r, struct answer *a)
{
	struct whispering w = { .session_id = r->session_id, .parent_sid = form_get(&r->form, "ParentCallSid") };
	enum err e = db_read(h, whispering_body, &w);
	struct voice voice = { NULL, w.say_voice, w.say_language };
	struct life_names names;

	life_enter(&names, span_z(w.call_sid), r->session_id);
	answer_say(a, e ? SPAN("") : span_z(w.text), &voice);
	log_info("whisper.answered", "ms=%lld said=%s result=%s", (long long)(clock_ms() - r->began_ms), w.text && !e ? "yes" : "no", err_name(e));
	life_leave(&names);
	whispering_reset(&w);
}

/* --- who answered --- */

struct machine {
	struct span call_sid;
	char session_id[UUID_TEXT];
};

static enum err machine_body(struct txn *t, void *arg)
{
	struct machine *m = arg;
	struct call c = { 0 };
	enum err e = call_by_sid(t, m->call_sid, &c);

	if (!e)
		span_copy(m->session_id, sizeof m->session_id, span_z(c.session_id));
	record_fini(&call_type, &c);
	return e;
}

void answered_by(struct hook *h, struct request *r, struct answer *a)
{
	struct span who = form_get(&r->form, "AnsweredBy");
	struct machine m = { .call_sid = form_get(&r->form, "CallSid") };
	struct life_names names;
	bool known = false;
	enum err e;

	answer_status(a, 204);
	if (!life_sid_valid(m.call_sid) || !who.n || who.n > 32)
		return;
	life_enter(&names, m.call_sid, SPAN_NONE);
	e = db_read(h, machine_body, &m);
	life_session(&names, m.session_id);
	if (e && e != ERR_NOTFOUND)
		answer_status(a, 503);
	else if (!e)
		known = relay_machine(h, m.session_id, who);
	log_info("answered_by", "who=%s relay=%s result=%s", log_q(who), known ? "known" : "unknown", err_name(e));
	life_leave(&names);
}
