/* phone_dial - <Dial>: how it ends is what the scenario says. Who answers hears the TwiML of <Number url> first, and only then the caller. */
#include <stdio.h>

#include "base/clock.h"
#include "phone.h"

/* The outcome of the n-th <Dial>: from the list, its last word goes on. */
static void choose_outcome(struct call *c)
{
	char *out = c->dialled.outcome;
	struct json_object *list = NULL, *word;
	size_t n;

	snprintf(out, sizeof c->dialled.outcome, "completed");
	if (json_read(&list, span_z(c->ph->plan->dial)) == ERR_OK && json_object_is_type(list, json_type_array) && (n = json_object_array_length(list)) > 0) {
		word = json_object_array_get_idx(list, c->n_dials < n ? c->n_dials : n - 1);
		span_copy(out, sizeof c->dialled.outcome, json_span(word));
	}
	json_object_put(list);
	c->n_dials++;
}

static bool somebody_answers(const struct call *c)
{
	return strcmp(c->dialled.outcome, "completed") == 0 || strcmp(c->dialled.outcome, "answered") == 0;
}

/* The action, or the next verb. `bridged`: the two have talked. True: the verb. */
static bool over(struct call *c, bool bridged)
{
	struct params p = { .n = 0 };

	twiml_run_fini(&c->dialled.doc);
	if (!c->step.action)
		return true;
	phone_call_params(c, &p, "in-progress");
	phone_param_set(&p, "DialCallStatus", c->dialled.outcome);
	phone_param_set(&p, "DialCallSid", c->dialled.sid);
	phone_param_set(&p, "DialBridged", bridged ? "true" : "false");
	if (somebody_answers(c))
		phone_param_set(&p, "DialCallDuration", "1");
	c->n_actions++;
	phone_call_ask(c, c->step.method, c->step.action, &p);
	return false;
}

/* --- the whisper: requests and TwiML of the person's own leg --- */

static void ask_whisper(struct call *c, const char *method, const char *url)
{
	struct params p = { .n = 0 };

	c->state = CS_WHISPER;
	c->deadline_us = 0;
	phone_call_params(c, &p, "in-progress");
	phone_param_set(&p, "CallSid", c->dialled.sid);
	phone_param_set(&p, "ParentCallSid", c->sid);
	phone_param_set(&p, "Direction", "outbound-dial");
	phone_param_set(&p, "To", c->step.text);
	phone_param_set(&p, "Called", c->step.text);
	phone_call_post(c, POST_WHISPER, method, url, &p);
}

static void whisper_over(struct call *c, bool bridged)
{
	if (over(c, bridged))
		phone_call_run(c);
}

static void pause_ms(struct call *c, int64_t ms)
{
	c->deadline_us = clock_us() + ms * 1000;
}

void phone_dial_run(struct call *c)
{
	struct twiml_step st;

	twiml_run_next(&c->dialled.doc, &st);
	switch (st.verb) {
	case TV_SAY:
		phone_call_note(&c->whispered, st.text);
		phone_say(c, "whisper", "<Say> \"%.100s\"", st.text);
		pause_ms(c, c->ph->plan->say_ms * (int64_t)strlen(st.text));
		break;
	case TV_PAUSE:
		pause_ms(c, (int64_t)st.length_s * 1000);
		break;
	case TV_PLAY:
		pause_ms(c, 0);
		break;
	case TV_REDIRECT:
		ask_whisper(c, st.method, st.text);
		break;
	case TV_HANGUP:
		whisper_over(c, false);
		break;
	case TV_END:
		whisper_over(c, true);
		break;
	default:
		phone_call_problem(c, "12200: whisper: <%s> is not allowed before two calls are connected", st.name);
		pause_ms(c, 0);
		break;
	}
}

void phone_dial_answered(struct call *c, const struct http_answer *a)
{
	struct twiml_run *doc = &c->dialled.doc;
	bool good;

	if (c->state != CS_WHISPER)
		return;                                  /* hung up meanwhile */
	if (a->err) {
		phone_call_problem(c, "11200: whisper: %s", a->why ? a->why : err_text(a->err));
		whisper_over(c, false);
		return;
	}
	twiml_run_fini(doc);
	good = twiml_run_read(doc, a->status, a->type, a->body, false);
	for (unsigned i = 0; i < doc->n_faults && i < TWIML_FAULTS_MAX; i++)
		phone_call_problem(c, "%d: whisper: %s", doc->faults[i].code, doc->faults[i].text);
	if (good)
		phone_dial_run(c);
	else
		whisper_over(c, false);
}

bool phone_dial(struct call *c, const struct twiml_step *st)
{
	char note[100];

	choose_outcome(c);
	phone_sid(c->dialled.sid, "CA");
	snprintf(note, sizeof note, "Dial %.40s: %.30s", st->text, c->dialled.outcome);
	phone_call_note(&c->steps, note);
	phone_say(c, "twiml", "<Dial> %s: %s", st->text, c->dialled.outcome);
	if (!somebody_answers(c) || !st->whisper)
		return over(c, somebody_answers(c));
	ask_whisper(c, st->whisper_method, st->whisper);
	return false;
}
