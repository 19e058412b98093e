/* attach - what a call owes its caller when a model connection goes. */
#include "media-relay/attach.h"

void attach_init(struct attach *a)
{
	*a = (struct attach){ .ask_ms = INT64_MAX };
}

/* An id that is too long still is a turn. */
static void name(struct attach *a, struct span item)
{
	if (!span_copy(a->item, sizeof a->item, item) || !a->item[0])
		span_copy(a->item, sizeof a->item, SPAN("?"));
}

static void understood(struct attach *a)
{
	a->item[0] = '\0';
	a->replayed = false;
	a->ask_ms = INT64_MAX;
}

void attach_speech(struct attach *a, struct span item, uint64_t from)
{
	understood(a);
	name(a, item);
	a->from = from;
	a->awaits = false;
}

void attach_speech_over(struct attach *a, bool expects_answer)
{
	a->awaits = expects_answer;
}

void attach_words(struct attach *a, struct span item)
{
	if (span_is(item, a->item))
		understood(a);
}

void attach_answer(struct attach *a, bool audio)
{
	a->awaits = false;
	a->ask_ms = INT64_MAX;
	if (audio)
		understood(a);
}

static enum attach_need need_of(const struct attach *a, const struct turn_taking *t, bool unfinished)
{
	bool active = t->active[0] && !t->cut, waits = a->awaits || t->unanswered || t->asked == TURN_ANSWER || (active && !t->spoke);

	if (a->item[0] && (t->speech || waits || a->replayed))
		return AN_REPLAY;
	if (t->asked == TURN_CONTINUE || (active && t->spoke && unfinished))
		return AN_CONTINUE;
	return waits || (active && t->answering != TURN_GREETING) ? AN_ANSWER : AN_NOTHING;
}

/* What the connection before owed and this one never came to give is owed still. */
void attach_lost(struct attach *a, const struct turn_taking *t, bool unfinished)
{
	if (a->need == AN_NOTHING)
		a->need = need_of(a, t, unfinished);
	a->awaits = false;
	a->ask_ms = INT64_MAX;
}

enum attach_need attach_found(struct attach *a)
{
	enum attach_need need = a->need;

	a->need = AN_NOTHING;
	if (need != AN_REPLAY)
		understood(a);
	return need;
}

void attach_replays(struct attach *a, uint64_t from, int64_t ask_ms)
{
	name(a, SPAN("?"));
	a->replayed = true;
	a->from = from;
	a->ask_ms = ask_ms;
}

bool attach_must_ask(struct attach *a, int64_t now_ms)
{
	if (now_ms < a->ask_ms)
		return false;
	understood(a);
	return true;
}
