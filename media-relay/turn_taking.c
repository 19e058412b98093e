/* turn_taking - who may speak. */
#include "media-relay/turn_taking.h"

#define CREATED_MS  5000                /* response.create to response.created */
#define SILENT_MS   15000               /* an active response without any event */
#define OWN_IDEA_MS 500                 /* that long the server has for an answer of its own */
#define REFUSED_MS  2000                /* our create met a response that we do not know of: its `done` may never come */

void turn_init(struct turn_taking *t, bool vad_interrupt, bool greeting_protected)
{
	*t = (struct turn_taking){ .vad_interrupt = vad_interrupt, .greeting_protected = greeting_protected };
}

static void quiet(struct turn_taking *t)
{
	t->active[0] = '\0';
	t->asked = t->answering = TURN_NOTHING;
	t->spoke = t->cut = t->cancel_due = t->unanswered = false;
}

/* What a limit has us say is owed whatever becomes of the connection; of one that was begun the rest is asked for (attach.h). */
static bool owes_words(const struct turn_taking *t)
{
	return t->asked == TURN_SAY || (t->active[0] && t->answering == TURN_SAY && !t->spoke && !t->cut);
}

void turn_connection_lost(struct turn_taking *t)
{
	if (owes_words(t))
		turn_want(t, TURN_SAY, t->not_before_ms);
	quiet(t);
	t->speech = t->repeated = false;
}

void turn_want(struct turn_taking *t, enum turn_ask what, int64_t not_before_ms)
{
	if (t->wanted < what)
		t->wanted = what;
	t->not_before_ms = not_before_ms;
	t->own_idea = false;
}

void turn_want_unless_own(struct turn_taking *t, int64_t not_before_ms)
{
	if (t->wanted != TURN_NOTHING && !t->own_idea)
		return;                  /* one of ours is due anyway */
	turn_want(t, TURN_ANSWER, not_before_ms);
	t->own_idea = true;
}

void turn_unwant(struct turn_taking *t, enum turn_ask what)
{
	if (t->wanted == what)
		t->wanted = TURN_NOTHING;
}

enum turn_ask turn_next(struct turn_taking *t, int64_t now_ms)
{
	if (t->wanted == TURN_NOTHING || t->asked != TURN_NOTHING || t->active[0] || now_ms < t->not_before_ms)
		return TURN_NOTHING;
	t->asked = t->wanted;
	t->wanted = TURN_NOTHING;
	t->asked_ms = now_ms;
	return t->asked;
}

bool turn_created(struct turn_taking *t, struct span id, int64_t now_ms)
{
	bool cancel = t->cancel_due;

	if (t->own_idea)
		t->wanted = TURN_NOTHING;
	t->own_idea = false;
	t->answering = t->asked;
	t->asked = TURN_NOTHING;
	t->spoke = t->cancel_due = false;
	t->cut = cancel;
	t->event_ms = now_ms;
	if (!span_copy(t->active, sizeof t->active, id.p ? id : SPAN("?")))
		span_copy(t->active, sizeof t->active, SPAN("?"));
	return cancel;
}

static bool is_active(const struct turn_taking *t, struct span id)
{
	return t->active[0] && (span_is(id, t->active) || strcmp(t->active, "?") == 0);
}

void turn_audio(struct turn_taking *t, struct span id, int64_t now_ms)
{
	t->event_ms = now_ms;
	if (is_active(t, id))
		t->spoke = true;
}

void turn_sign(struct turn_taking *t, int64_t now_ms)
{
	t->event_ms = now_ms;
}

/* Failed, or over without a word or a call; a filtered one would only be filtered again. */
static bool came_to_nothing(const struct turn_taking *t, const struct realtime_msg *m)
{
	if (m->response.status == RS_FAILED)
		return true;
	return !t->spoke && !m->response.calls && !span_is(m->response.reason, "content_filter") &&
	       (m->response.status == RS_COMPLETED || m->response.status == RS_INCOMPLETE);
}

void turn_done(struct turn_taking *t, const struct realtime_msg *m, int64_t now_ms)
{
	enum turn_ask again = (t->answering == TURN_GREETING && !t->spoke) || t->answering == TURN_SAY ? t->answering : TURN_ANSWER;

	if (!is_active(t, m->response_id))
		return;
	if (!t->cut && !came_to_nothing(t, m))
		t->repeated = false;
	else if (!t->cut && !t->repeated) {
		t->repeated = true;
		turn_want(t, again, now_ms + (m->response.status == RS_FAILED ? realtime_retry_ms(m->error.message) : 0));
	}
	if (t->unanswered && t->wanted == TURN_NOTHING) {
		turn_want(t, TURN_ANSWER, now_ms + OWN_IDEA_MS);
		t->own_idea = true;
	}
	t->active[0] = '\0';
	t->answering = TURN_NOTHING;
	t->spoke = t->cut = t->unanswered = false;
}

/* The response in its way may have been taken for it. */
void turn_refused(struct turn_taking *t, int64_t now_ms)
{
	enum turn_ask what = t->asked != TURN_NOTHING ? t->asked : t->answering > TURN_ANSWER ? t->answering : TURN_ANSWER;

	t->answering = t->answering == what ? TURN_NOTHING : t->answering;
	t->asked = TURN_NOTHING;
	turn_want(t, what, t->active[0] ? now_ms : now_ms + REFUSED_MS);
}

void turn_failed(struct turn_taking *t, int64_t pause_ms, int64_t now_ms)
{
	enum turn_ask what = t->asked;

	t->asked = TURN_NOTHING;
	if (what == TURN_NOTHING || t->repeated)
		return;
	t->repeated = true;
	turn_want(t, what, now_ms + pause_ms);
}

bool turn_stuck(const struct turn_taking *t, int64_t now_ms)
{
	if (t->asked != TURN_NOTHING && now_ms - t->asked_ms >= CREATED_MS)
		return true;
	return t->active[0] && now_ms - t->event_ms >= SILENT_MS;
}

void turn_speech(struct turn_taking *t, bool open)
{
	t->speech = open;
	if (open)
		t->repeated = false;
}

void turn_expects_answer(struct turn_taking *t)
{
	t->unanswered = t->active[0] && !t->cut;
}

bool turn_may_cut(const struct turn_taking *t)
{
	return t->vad_interrupt && !t->greeting_protected;
}

struct span turn_was_cut(struct turn_taking *t)
{
	if (!t->active[0])
		return SPAN_NONE;
	t->cut = true;
	return span_z(t->active);
}

struct span turn_cancel(struct turn_taking *t)
{
	t->repeated = false;
	t->cancel_due = t->asked != TURN_NOTHING;
	if (!t->active[0] || t->cut)
		return SPAN_NONE;
	t->cut = true;
	return strcmp(t->active, "?") == 0 ? SPAN("") : span_z(t->active);
}

void turn_greeting_over(struct turn_taking *t)
{
	t->greeting_protected = false;
}
