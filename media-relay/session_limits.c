/* session_limits - what the limits of a call make it do: a note to the model, a question to the caller, a goodbye, the end. */
#include <math.h>

#include "base/log.h"
#include "media-relay/session_impl.h"

#define NO_MARKS_MS 2000                 /* a phone that echoes no marks has played all by then */

void limits_session_begin(struct session *s)
{
	const struct setup *set = s->setup;

	limits_init(&s->limits, set->vad ? set->idle_ms : 0, set->max_call_ms, set->max_call_cost, set->transcription);
	limits_budget(&s->limits, set->budget.day_left, set->budget.month_left, set->cost);
}

/* In a relay that took the call over, its age is that of the record. */
void limits_session_connected(struct session *s)
{
	int64_t age = s->setup->connected_at == FIELD_NULL_INT ? 0 : s->ops.wall_ms(s->ctx) - s->setup->connected_at;

	if (!s->ever_streamed)
		s->limits_from_ms = session_now(s) - (age > 0 ? age : 0);
}

void session_take_budget(struct session *s, double day_left, double month_left, double cost)
{
	limits_budget(&s->limits, day_left, month_left, cost);
}

static bool agent_speaks(const struct session *s)
{
	const struct turn_taking *t = &s->turn;
	int64_t now = session_now(s);

	return t->wanted != TURN_NOTHING || t->asked != TURN_NOTHING || t->active[0] || s->play.held ||
	       (playback_unheard(&s->play, now) && now < playback_end_ms(&s->play) + NO_MARKS_MS);
}

void limits_session_words(struct session *s)
{
	if (!limits_words(&s->limits))
		return;
	turn_unwant(&s->turn, TURN_SAY);
	session_note(s, "limit.called_off", SPAN_NONE, SPAN_NONE, SPAN_NONE, NULL);
}

void limits_session_speech(struct session *s)
{
	if (!s->setup->transcription)
		limits_session_words(s);
}

/* --- acts --- */

static bool is_money(enum limit l)
{
	return l >= LIMIT_CALL_COST;
}

static void say(struct session *s, enum notice n)
{
	s->say = n;
	turn_want(&s->turn, TURN_SAY, session_now(s));
}

static void note(struct session *s, const char *event)
{
	session_note(s, event, SPAN_NONE, SPAN_NONE, SPAN_NONE, "{\"limit\":\"%s\"}", limit_name(s->limits.why));
	log_info(event, "limit=%s", limit_name(s->limits.why));
}

static void warn(struct session *s)
{
	enum notice n = is_money(s->limits.why) ? NOTICE_COST_SOON : NOTICE_TIME_SOON;

	note(s, "limit.warned");
	transcript_system(&s->script, span_z(notice_text(n)));
	if (upstream_ready(&s->up))
		model_send(s, span_z(s->setup->notices[n]));
}

static void ask(struct session *s)
{
	session_note(s, "limit.idle_asked", SPAN_NONE, SPAN_NONE, SPAN_NONE, "{\"quiet_ms\":%lld}", (long long)s->limits.idle_ms);
	log_info("limit.idle_asked", NULL);
	say(s, NOTICE_ASK);
}

/* What time or money ends is not called off by speech, so speech does not cut it either. */
static void goodbye(struct session *s)
{
	note(s, "limit.reached");
	s->turn.greeting_protected = s->turn.greeting_protected || s->limits.why != LIMIT_IDLE;
	say(s, s->limits.why == LIMIT_IDLE ? NOTICE_IDLE_BYE : is_money(s->limits.why) ? NOTICE_COST_BYE : NOTICE_TIME_BYE);
}

static void end(struct session *s)
{
	static const enum end_reason reasons[LIMITS] = {
		[LIMIT_IDLE] = END_IDLE, [LIMIT_DURATION] = END_MAX_DURATION, [LIMIT_CALL_COST] = END_MAX_COST,
		[LIMIT_DAY_COST] = END_MAX_COST, [LIMIT_MONTH_COST] = END_MAX_COST,
	};

	session_end(s, reasons[s->limits.why], "hangup", is_money(s->limits.why) ? limit_name(s->limits.why) : NULL);
}

void limits_session_tick(struct session *s)
{
	struct limits_now n = {
		.now_ms = session_now(s), .connected_ms = s->limits_from_ms, .cost = s->script.cost, .caller_speaks = s->turn.speech,
		.agent_speaks = agent_speaks(s), .tool_runs = tooling_busy(s),
	};

	switch (limits_tick(&s->limits, &n)) {
	case LA_NONE:    break;
	case LA_WARN:    warn(s); break;
	case LA_ASK:     ask(s); break;
	case LA_GOODBYE: goodbye(s); break;
	case LA_END:     end(s); break;
	}
}
