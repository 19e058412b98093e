/*
 * session_away - the stream is closed on purpose, and Twilio does what `continue` answers: it dials somebody, or presses keys. What that is is on disk before
 * the stream is closed. The model's connection stays, so that a caller who comes back finds the agent as it was.
 */
#include <string.h>

#include "base/log.h"
#include "media-relay/session_impl.h"

#define SAVE_MS   5000                  /* an order that cannot be stored does not keep the line open */
#define DIGITS_MS 60000
#define BACK_MS   30000

static bool is_transfer(const struct session *s)
{
	return strcmp(s->resume, "transfer") == 0;
}

static void limit(struct session *s, int64_t ms)
{
	session_become(s, SS_AWAY);
	s->until_ms = session_now(s) + ms;
}

void session_away(struct session *s, const char *resume)
{
	struct call_changes c = call_changes_none();

	playback_stream_left(&s->play);
	taping_stream_over(s);
	turn_speech(&s->turn, false);
	upstream_caller(&s->up, false, session_now(s));
	session_note(s, "call.away", SPAN_NONE, SPAN_NONE, SPAN_NONE, "{\"for\":\"%s\"}", resume);
	log_info("call.away", "for=%s", resume);
	s->resume = resume;
	s->tool.away_saved = false;
	s->tool.away_ms = session_now(s);
	session_become(s, SS_AWAY);
	if (!is_transfer(s))
		limit(s, DIGITS_MS);
	c.resume = resume;
	c.handover = buf_z(&s->tool.handover);
	transcript_changes(&s->script, &c);
	s->ops.save_call(s->ctx, &c, true);
}

void away_saved(struct session *s)
{
	if (!s->tool.away_saved && s->caller_open)
		s->ops.close(s->ctx, LEG_CALLER, 1000, SPAN(""));
	s->tool.away_saved = true;
}

void away_tick(struct session *s)
{
	if (session_now(s) - s->tool.away_ms >= SAVE_MS)
		away_saved(s);
	model_tick(s);
	if (s->state == SS_AWAY)
		tooling_tick(s);
}

void away_over(struct session *s)
{
	if (is_transfer(s))
		session_end(s, END_TRANSFERRED, "transfer", NULL);       /* `continue` may still come, when they have talked */
	else
		session_end(s, END_STREAM_FAILED, "fallback", "the stream was not connected again");
}

/* From now on it is an interrupted call like any other: what was to be done is not done twice. */
void away_comes_back(struct session *s)
{
	s->resume = "resume";
	limit(s, BACK_MS);
	model_want(s);
}

void away_returned(struct session *s, struct span status)
{
	if (!is_transfer(s))
		return;
	if (!s->tool.come_back || span_is(status, "completed") || span_is(status, "answered")) {
		session_end(s, END_TRANSFERRED, "hangup", NULL);
		return;
	}
	tooling_transfer_failed(s, status);
	away_comes_back(s);
}

void away_asked(struct session *s, enum session_ev ev, struct span data)
{
	bool drains = ev == EV_DRAIN || ev == EV_SHUTDOWN;

	if (is_transfer(s) && drains)
		session_end(s, END_TRANSFERRED, "transfer", NULL);
	else if (is_transfer(s) && ev == EV_STATUS_FINAL)
		session_end(s, END_TRANSFERRED, "hangup", NULL);
	else if (ev != EV_DRAIN)                 /* keys are pressed in a moment */
		session_asked_to_end(s, ev, data);
}
