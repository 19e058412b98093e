/* store_orphans - calls of a relay that was killed: those that nobody continues end as lost. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "media-relay/store_thread_io.h"
#include "store/call.h"

#define ORPHANS_AGAIN 60000
#define ORPHAN_AGE_MS 60000            /* a call that no relay has claimed may be just being announced */

struct orphan {
	uint8_t id[16];
	bool talked, transferred;        /* transferred: they talk to somebody else, or did */
	struct orphan *next;
};

struct orphans {
	struct store_thread *t;
	struct orphan *list;
	int64_t now;
};

static bool abandoned(const struct orphans *o, const struct call *c)
{
	if (c->relay && *c->relay)
		return instance_dead(c->relay);
	return c->started_at != FIELD_NULL_INT && o->now - c->started_at > ORPHAN_AGE_MS;
}

static bool orphan_each(struct call *c, void *arg)
{
	struct orphans *o = arg;
	struct orphan *p;

	if (!abandoned(o, c))
		return true;
	p = calloc(1, sizeof *p);
	if (!p || !uuid_parse(span_z(c->session_id), p->id)) {
		free(p);
		return p != NULL;
	}
	p->transferred = c->resume && strcmp(c->resume, "transfer") == 0;
	p->talked = c->connected_at != FIELD_NULL_INT;
	p->next = o->list;
	o->list = p;
	return true;
}

static void orphans_drop(struct orphans *o)
{
	while (o->list) {
		struct orphan *p = o->list;

		o->list = p->next;
		free(p);
	}
}

static enum err orphans_body(struct txn *txn, void *arg)
{
	orphans_drop(arg);
	return call_unfinished(txn, orphan_each, arg);
}

static void orphan_end(struct store_thread *t, const struct orphan *p, int64_t now)
{
	enum end_reason r = p->transferred ? END_TRANSFERRED : p->talked ? END_RELAY_LOST : END_STREAM_FAILED;
	struct call_changes c = { .status = p->transferred ? "ended" : "error", .end_reason = end_text(r),
				  .connected_at = FIELD_NULL_INT, .ended_at = now, .turns = FIELD_NULL_INT, .barge_ins = FIELD_NULL_INT,
				  .reconnects = FIELD_NULL_INT, .latency_p50_ms = FIELD_NULL_INT, .latency_p95_ms = FIELD_NULL_INT,
				  .turn_seq = FIELD_NULL_INT, .event_seq = FIELD_NULL_INT, .greeted = -1, .cost = (double)NAN };
	char text[UUID_TEXT];

	for (size_t i = 0; i < 7; i++)
		c.usage[i] = FIELD_NULL_INT;
	uuid_text(text, p->id);
	log_warn("call.orphan", "session=%s reason=%s", text, c.end_reason);
	store_save_call(t, p->id, 0, &c, true, NULL, NULL);
}

void orphans_run(struct store_thread *t)
{
	struct orphans o = { .t = t, .now = clock_wall_ms() };

	pthread_mutex_lock(&t->lock);
	t->orphans_at = clock_ms() + ORPHANS_AGAIN;
	pthread_mutex_unlock(&t->lock);
	if (t->store && store_read(t->store, orphans_body, &o) == ERR_OK)
		for (const struct orphan *p = o.list; p; p = p->next)
			orphan_end(t, p, o.now);
	orphans_drop(&o);
}
