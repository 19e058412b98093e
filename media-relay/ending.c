/* ending - see the header. */
#include "media-relay/ending.h"

void ending_ask(struct ending *e, enum ending_kind kind, enum end_reason reason, int64_t now_ms)
{
	*e = (struct ending){ .kind = kind, .reason = reason, .due_ms = now_ms };
}

bool ending_call_off(struct ending *e)
{
	bool was = e->kind != ENDING_NONE;

	e->kind = ENDING_NONE;
	return was;
}

bool ending_tick(struct ending *e, const struct ending_now *n)
{
	if (e->kind == ENDING_NONE)
		return false;
	if (n->busy || n->end_ms > n->now_ms)
		e->due_ms = n->now_ms;
	if (n->busy)
		return false;
	return !n->unheard || n->now_ms - e->due_ms >= ENDING_GRACE_MS;
}
