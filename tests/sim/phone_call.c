/* phone_call - the life of one call: webhook, TwiML verb by verb, streams, action, final status. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/b64.h"
#include "base/clock.h"
#include "phone.h"
#include "wav.h"

void phone_call_problem(struct call *c, const char *fmt, ...)
{
	va_list ap;
	char *text = c->problems[c->n_problems < PROBLEMS_MAX ? c->n_problems : PROBLEMS_MAX - 1];

	va_start(ap, fmt);
	if (c->n_problems < PROBLEMS_MAX)
		vsnprintf(text, sizeof c->problems[0], fmt, ap);
	va_end(ap);
	if (c->n_problems++ < PROBLEMS_MAX)
		phone_say(c, "problem", "%s", text);
}

void phone_sid(char sid[MSG_SID_TEXT], const char *kind)
{
	uint8_t id[16];

	for (size_t i = 0; i < sizeof id; i++)
		id[i] = (uint8_t)random_below(256);
	sid[0] = kind[0];
	sid[1] = kind[1];
	hex_encode(sid + 2, id, sizeof id);
	sid[MSG_SID_TEXT - 1] = '\0';
}

void phone_call_init(struct call *c, struct phone *ph, unsigned number)
{
	const char *from = ph->plan->from;

	*c = (struct call){ .ph = ph, .number = number, .heard = BUF_BOUND((size_t)256 << 20), .spoken = BUF_BOUND((size_t)256 << 20) };
	phone_sid(c->sid, "CA");
	if (from)
		snprintf(c->from, sizeof c->from, "%s", from);
	else
		snprintf(c->from, sizeof c->from, "+1500555%04u", number % 10000);
	c->due_us = ph->began_us + (int64_t)((number - 1) * 1e6 / ph->conf.rate);
	c->talk.turns = calloc(ph->plan->n_lines + 1, sizeof *c->talk.turns);
	c->talk.state = ph->plan->n_lines ? TK_LISTEN : TK_OVER;
	c->talk.heard_us = -1;
}

void phone_call_fini(struct call *c)
{
	while (c->streams) {
		struct stream *s = c->streams;

		c->streams = s->next;
		phone_stream_fini(s);
	}
	twiml_run_fini(&c->doc);
	twiml_run_fini(&c->dialled.doc);
	free(c->talk.turns);
	buf_fini(&c->heard);
	buf_fini(&c->spoken);
	buf_fini(&c->steps);
	buf_fini(&c->said);
	buf_fini(&c->whispered);
	json_object_put(c->json);
}

/* --- notes for the summary --- */

void phone_call_note(struct buf *list, const char *text)
{
	buf_addz(list, list->n ? ",\"" : "\"");
	json_escape(list, span_z(text));
	buf_addc(list, '"');
}

/* --- the end --- */

static void done(struct call *c)
{
	c->state = CS_DONE;
	c->done_us = clock_us();
	c->ph->n_done++;
	phone_call_judge(c);
}

static void maybe_done(struct call *c)
{
	if (c->state == CS_END && c->status_posted && c->open_requests == 0 && (!c->stream || c->stream->state == ST_OVER))
		done(c);
}

static void post_final(struct call *c)
{
	struct params p = { .n = 0 };
	char duration[24], minutes[24], when[40];
	int64_t s = c->answered_us ? (c->ended_us - c->answered_us + 999999) / 1000000 : 0;
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;

	if (c->status_posted)
		return;
	c->status_posted = true;
	if (plan_fault_find(c->ph->plan, PF_NO_STATUS, 0))
		return;
	snprintf(duration, sizeof duration, "%lld", (long long)s);
	snprintf(minutes, sizeof minutes, "%lld", (long long)((s + 59) / 60));
	gmtime_r(&now, &tm);
	strftime(when, sizeof when, "%a, %d %b %Y %H:%M:%S +0000", &tm);
	phone_call_params(c, &p, c->status);
	phone_param_set(&p, "CallDuration", duration);
	if (strcmp(c->status, "completed") == 0)
		phone_param_set(&p, "Duration", minutes);
	phone_param_set(&p, "Timestamp", when);
	phone_param_set(&p, "CallbackSource", "call-progress-events");
	phone_param_set(&p, "SequenceNumber", "0");
	phone_call_post(c, POST_FINAL, "POST", c->ph->status_url, &p);
}

/* The streams have ended. */
static void finish(struct call *c)
{
	int64_t delay_us = c->ph->plan->status_delay_ms * 1000;

	c->state = CS_END;
	c->deadline_us = 0;
	if (delay_us == 0)
		post_final(c);
	else
		c->deadline_us = clock_us() + delay_us;
	maybe_done(c);
}

static void end_call(struct call *c, const char *status)
{
	if (c->state == CS_END || c->state == CS_DONE)
		return;
	c->status = status;
	c->ended_us = clock_us();
	phone_say(c, "call", "ended: %s", status);
	finish(c);
}

void phone_call_hang_up(struct call *c)
{
	struct stream *s = c->stream;

	if (c->hung_up || c->state == CS_END || c->state == CS_DONE)
		return;
	c->hung_up = true;
	phone_say(c, "caller", "hangs up");
	if (plan_fault_find(c->ph->plan, PF_STATUS_FIRST, 0)) {
		c->status = "completed";
		c->ended_us = clock_us();
		post_final(c);
	}
	if (c->state == CS_STREAM && s && s->state != ST_OVER)
		phone_stream_hang_up(s);                 /* its end ends the call */
	else
		end_call(c, "completed");
}

/* --- TwiML --- */

static void answered(struct call *c)
{
	if (!c->answered_us)
		c->answered_us = clock_us();
}

void phone_call_ask(struct call *c, const char *method, const char *url, struct params *p)
{
	c->state = CS_ASK;
	c->deadline_us = 0;
	phone_call_post(c, POST_CONTROL, method, url, p);
}

static void ask_more(struct call *c, const char *method, const char *url)
{
	struct params p = { .n = 0 };

	phone_call_params(c, &p, c->hung_up ? "completed" : "in-progress");
	phone_call_ask(c, method, url, &p);
}

static void wait_ms(struct call *c, int64_t ms)
{
	c->state = CS_STEP;
	c->deadline_us = clock_us() + ms * 1000;
}

static bool step_dial(struct call *c, const struct twiml_step *st)
{
	answered(c);
	return phone_dial(c, st);
}

static bool step_say(struct call *c, const struct twiml_step *st)
{
	answered(c);
	phone_call_note(&c->steps, "Say");
	phone_call_note(&c->said, st->text);
	phone_say(c, "twiml", "<Say> \"%.100s\"", st->text);
	wait_ms(c, c->ph->plan->say_ms * (int64_t)strlen(st->text));
	return false;
}

static bool step_pause(struct call *c, const struct twiml_step *st)
{
	phone_call_note(&c->steps, "Pause");
	phone_say(c, "twiml", "<Pause> %u s", st->length_s);
	wait_ms(c, (int64_t)st->length_s * 1000);
	return false;
}

static bool step_play(struct call *c, const struct twiml_step *st)
{
	answered(c);
	phone_call_note(&c->steps, "Play");
	phone_say(c, "twiml", "<Play> %.100s", st->text);
	return true;
}

static bool step_connect(struct call *c, const struct twiml_step *st)
{
	answered(c);
	phone_call_note(&c->steps, "Connect");
	if (!st->stream.url)
		return true;
	phone_say(c, "twiml", "<Connect><Stream> %s", st->stream.url);
	c->state = CS_STREAM;
	c->deadline_us = 0;
	if (!phone_stream_open(c, NULL, PROBE_NOT))
		end_call(c, "failed");
	return false;
}

static bool step_hangup(struct call *c, const struct twiml_step *st)
{
	(void)st;
	answered(c);
	phone_call_note(&c->steps, "Hangup");
	phone_say(c, "twiml", "<Hangup>");
	end_call(c, "completed");
	return false;
}

static bool step_reject(struct call *c, const struct twiml_step *st)
{
	bool busy = strcmp(st->text, "busy") == 0;

	phone_call_note(&c->steps, busy ? "Reject busy" : "Reject");
	phone_say(c, "twiml", "<Reject> %s", st->text);
	if (c->answered_us)
		return true;                             /* complained of when it was read */
	end_call(c, busy ? "busy" : "no-answer");
	return false;
}

static bool step_redirect(struct call *c, const struct twiml_step *st)
{
	phone_call_note(&c->steps, "Redirect");
	phone_say(c, "twiml", "<Redirect> %.100s", st->text);
	ask_more(c, st->method, st->text);
	return false;
}

static bool step_unsupported(struct call *c, const struct twiml_step *st)
{
	answered(c);
	phone_call_note(&c->steps, st->name);
	phone_call_problem(c, "<%s> is TwiML that this phone does not execute", st->name);
	return true;
}

static bool step_end(struct call *c, const struct twiml_step *st)
{
	(void)st;
	answered(c);                                     /* an empty answer is answered and billed */
	end_call(c, "completed");
	return false;
}

/* True: the next verb at once. */
static bool (*const steps[])(struct call *c, const struct twiml_step *st) = {
	[TV_SAY] = step_say, [TV_PLAY] = step_play, [TV_PAUSE] = step_pause, [TV_DIAL] = step_dial, [TV_CONNECT] = step_connect, [TV_HANGUP] = step_hangup,
	[TV_REJECT] = step_reject, [TV_REDIRECT] = step_redirect, [TV_UNSUPPORTED] = step_unsupported, [TV_END] = step_end,
};

void phone_call_run(struct call *c)
{
	do
		twiml_run_next(&c->doc, &c->step);
	while (steps[c->step.verb](c, &c->step));
}

/* --- answers --- */

static void control_answered(struct call *c, const struct http_answer *a)
{
	bool first = c->posted == 1, good;

	if (first) {
		c->webhook_status = a->status;
		c->webhook_us = a->us;
	}
	if (c->state != CS_ASK)
		return;                                  /* hung up meanwhile */
	if (a->err) {
		phone_call_problem(c, "11200: %s: %s", first ? "webhook" : "action", a->why ? a->why : err_text(a->err));
		end_call(c, c->answered_us ? "completed" : "failed");
		return;
	}
	twiml_run_fini(&c->doc);
	good = twiml_run_read(&c->doc, a->status, a->type, a->body, first);
	for (unsigned i = 0; i < c->doc.n_faults && i < TWIML_FAULTS_MAX; i++)
		phone_call_problem(c, "%d: %s: %s", c->doc.faults[i].code, first ? "webhook" : "action", c->doc.faults[i].text);
	if (good)
		phone_call_run(c);
	else
		end_call(c, c->answered_us ? "completed" : "failed");
}

static void callback_answered(struct call *c, const char *what, const struct http_answer *a)
{
	bool good = !a->err && (a->status == 204 || a->status == 200);

	if (good)
		return;
	if (a->err)
		phone_call_problem(c, "15003: %s callback: %s", what, a->why ? a->why : err_text(a->err));
	else
		phone_call_problem(c, "15003: %s callback: answered %d", what, a->status);
}

void phone_call_answered(struct call *c, enum post_purpose purpose, const struct http_answer *a)
{
	if (purpose == POST_CONTROL) {
		control_answered(c, a);
	} else if (purpose == POST_WHISPER) {
		phone_dial_answered(c, a);
	} else if (purpose == POST_REPEAT) {
		phone_call_note(&c->steps, a->err ? "repeat: no answer" : a->status == 200 ? "repeat: 200" : "repeat: refused");
	} else {
		if (purpose == POST_FINAL)
			c->final_status_answer = a->status;
		callback_answered(c, purpose == POST_FINAL ? "status" : purpose == POST_MACHINE ? "machine detection" : "stream status", a);
	}
	maybe_done(c);
}

/* What Connect does when its stream is over: the action, or the next verb. */
void phone_call_stream_over(struct call *c, struct stream *s)
{
	if (c->stream != s || c->state != CS_STREAM) {
		maybe_done(c);
		return;
	}
	if (c->hung_up && c->step.action && plan_fault_find(c->ph->plan, PF_ACTION_AFTER_HANGUP, 0)) {
		struct params p = { .n = 0 };

		phone_call_params(c, &p, "completed");
		phone_call_post(c, POST_REPEAT, c->step.method, c->step.action, &p);
	}
	if (c->hung_up) {
		end_call(c, "completed");
	} else if (c->step.action) {
		c->n_actions++;
		phone_call_note(&c->steps, "action");
		ask_more(c, c->step.method, c->step.action);
	} else {
		phone_call_run(c);
	}
}

/* --- time --- */

static void begin(struct call *c, int64_t now_us)
{
	struct params p = { .n = 0 };
	const struct plan_fault *f = plan_fault_find(c->ph->plan, PF_REPEAT_WEBHOOK, 0);

	c->began_us = now_us;
	if (c->ph->plan->outbound)
		answered(c);
	phone_words(c, false);
	phone_say(c, "webhook", "%s %s", c->ph->plan->method, c->ph->webhook_url);
	phone_call_params(c, &p, c->ph->plan->outbound ? "in-progress" : "ringing");
	phone_call_ask(c, c->ph->plan->method, c->ph->webhook_url, &p);
	for (int64_t i = 0; f && i < f->count; i++)
		phone_call_post(c, POST_REPEAT, c->ph->plan->method, c->ph->webhook_url, &p);
}

/* Twilio has listened long enough to say who answered. */
static void post_machine(struct call *c)
{
	const struct plan_machine *m = &c->ph->plan->machine;
	struct params p = { .n = 0 };
	char ms[24];

	c->machine_posted = true;
	snprintf(ms, sizeof ms, "%lld", (long long)m->at_ms);
	phone_say(c, "call", "answered by: %s", m->value);
	phone_param_set(&p, "AccountSid", c->ph->conf.account);
	phone_param_set(&p, "CallSid", c->sid);
	phone_param_set(&p, "AnsweredBy", m->value);
	phone_param_set(&p, "MachineDetectionDuration", ms);
	phone_call_post(c, POST_MACHINE, "POST", c->ph->machine_url, &p);
}

static bool machine_due(const struct call *c, int64_t now_us)
{
	const struct plan_machine *m = &c->ph->plan->machine;

	return m->value && !c->machine_posted && c->answered_us && c->state != CS_END && now_us - c->answered_us >= m->at_ms * 1000;
}

static void too_long(struct call *c)
{
	phone_call_problem(c, "the call has not ended after %.0f s", c->ph->conf.limit);
	c->status_posted = true;
	c->status = c->status ? c->status : "failed";
	if (c->stream)
		c->stream->state = ST_OVER;
	for (struct stream *s = c->streams; s; s = s->next)
		ws_drop(&s->ws);
	c->ended_us = c->ended_us ? c->ended_us : clock_us();
	done(c);
}

void phone_call_tick(struct call *c, int64_t now_us)
{
	int64_t hangup_ms = c->ph->plan->hangup_ms;

	if (c->state == CS_DONE)
		return;
	if (c->state == CS_WAIT) {
		if (now_us >= c->due_us)
			begin(c, now_us);
		return;
	}
	for (struct stream *s = c->streams; s; s = s->next)
		phone_stream_tick(s, now_us);
	if (hangup_ms != FIELD_NULL_INT && now_us - c->began_us >= hangup_ms * 1000)
		phone_call_hang_up(c);
	if (machine_due(c, now_us))
		post_machine(c);
	if (c->state == CS_STEP && now_us >= c->deadline_us)
		phone_call_run(c);
	else if (c->state == CS_WHISPER && c->deadline_us && now_us >= c->deadline_us)
		phone_dial_run(c);
	else if (c->state == CS_END && c->deadline_us && now_us >= c->deadline_us)
		post_final(c);
	maybe_done(c);
	if (c->state != CS_DONE && now_us - c->began_us > (int64_t)(c->ph->conf.limit * 1e6))
		too_long(c);
}
