/* call_list - which index serves which question; what the index cannot answer is looked at record by record. */
#include "store/agent.h"
#include "store/call.h"
#include "store/key.h"
#include "store/refs.h"
#include "store/walk.h"

#define BUDGET     10000            /* records a page may look at */
#define NAMES      16               /* agents whose names are remembered while a page is read */
#define PURGE_STEP 200

#define PEEK(rec, m, out) record_peek(&call_type, rec, offsetof(struct call, m), out)

/* --- the range: prefix of the index, then start --- */

struct plan {
	struct key from, to;
	struct walk w;
};

static bool plan_prefix(struct plan *p, const struct call_filter *f)
{
	p->w = (struct walk){ .table = T_CALL, .index = X_CALL_START, .backwards = true };
	p->from.n = 0;
	if (f->number.p) {
		p->w.index = X_CALL_NUMBER;
		key_text(&p->from, f->number);
	} else if (f->agent_id.p) {
		p->w.index = X_CALL_AGENT;
		return key_id(&p->from, f->agent_id);
	} else if (f->status.p) {
		p->w.index = X_CALL_STATUS;
		key_text(&p->from, f->status);
	}
	return true;
}

static bool plan_make(struct plan *p, const struct call_filter *f)
{
	if (!plan_prefix(p, f))
		return false;
	p->to = p->from;
	key_u64(&p->from, f->since_ms == FIELD_NULL_INT || f->since_ms < 0 ? 0 : (uint64_t)f->since_ms);
	if (f->until_ms != FIELD_NULL_INT && f->until_ms >= 0)
		key_u64(&p->to, (uint64_t)f->until_ms + 1);              /* a call at that millisecond belongs to it */
	else
		key_u64(&p->to, INT64_MAX);
	p->w.from = key_span(&p->from);
	p->w.to = key_span(&p->to);
	return true;
}

/* --- what the index does not know --- */

struct lister {
	struct txn *t;
	const struct call_filter *f;
	bool (*each)(struct call *, void *);
	void *arg;
	struct { uint64_t id; bool matches; } names[NAMES];
	enum err err;
};

static bool agent_has(struct lister *l, struct span id)
{
	struct key k = { .n = 0 };
	uint64_t n = key_id(&k, id) ? key_u64_at(key_span(&k), 0) : 0;
	struct agent a;

	if (!n)
		return false;
	if (l->names[n % NAMES].id != n) {
		l->names[n % NAMES].id = n;
		l->names[n % NAMES].matches = false;
		if (agent_get(l->t, id, &a) == ERR_OK) {
			l->names[n % NAMES].matches = span_has(span_z(a.name), l->f->q);
			record_fini(&agent_type, &a);
		}
	}
	return l->names[n % NAMES].matches;
}

static bool has_q(struct lister *l, struct span rec)
{
	struct span v;

	return (PEEK(rec, caller_number, &v) && span_has(v, l->f->q)) || (PEEK(rec, called_number, &v) && span_has(v, l->f->q)) ||
	       (PEEK(rec, twilio_call_sid, &v) && span_has(v, l->f->q)) || (PEEK(rec, session_id, &v) && span_has(v, l->f->q)) ||
	       (PEEK(rec, agent, &v) && agent_has(l, v));
}

static bool wanted(struct lister *l, struct span rec)
{
	const struct call_filter *f = l->f;
	struct span v;

	if (f->status.p && !(PEEK(rec, status, &v) && span_eq(v, f->status)))
		return false;
	if (f->agent_id.p && !(PEEK(rec, agent, &v) && span_eq(v, f->agent_id)))
		return false;
	return !f->q.n || has_q(l, rec);
}

static enum take take_call(const struct row *row, void *arg)
{
	struct lister *l = arg;
	struct call c;
	bool go;

	if (!wanted(l, row->rec))
		return TAKE_SKIP;
	l->err = record_decode(&call_type, row->rec, &c);
	if (l->err)
		return l->err == ERR_CORRUPT ? TAKE_SKIP : TAKE_STOP;
	go = l->each(&c, l->arg);
	record_fini(&call_type, &c);
	return go ? TAKE_ROW : TAKE_STOP;
}

enum err call_list(struct txn *t, const struct call_filter *f, struct page *p, bool (*each)(struct call *, void *), void *arg)
{
	struct lister l = { .t = t, .f = f, .each = each, .arg = arg };
	struct plan plan;
	enum err e;

	if (!plan_make(&plan, f)) {
		buf_reset(&p->next);
		return ERR_OK;
	}
	e = txn_page(t, &plan.w, p, BUDGET, take_call, &l);
	return e ? e : l.err == ERR_CORRUPT ? ERR_OK : l.err;
}

/* --- calls that have not ended --- */

static bool each_unfinished(const struct row *row, void *arg)
{
	return take_call(row, arg) != TAKE_STOP;
}

enum err call_unfinished(struct txn *t, bool (*each)(struct call *, void *), void *arg)
{
	static const char *const running[] = { "started", "connected" };
	enum err e = ERR_OK;

	for (size_t i = 0; i < 2 && !e; i++) {
		struct call_filter f = { .since_ms = FIELD_NULL_INT, .until_ms = FIELD_NULL_INT, .status = span_z(running[i]) };
		struct lister l = { .t = t, .f = &f, .each = each, .arg = arg };
		struct plan plan;

		plan_make(&plan, &f);
		e = txn_walk(t, &plan.w, each_unfinished, &l);
		e = e ? e : l.err == ERR_CORRUPT ? ERR_OK : l.err;
	}
	return e;
}

/* --- purge --- */

struct purge {
	int64_t before_ms;
	struct key from;                  /* where the next step begins: everything before is gone, or still runs */
	struct buf calls, recordings;     /* 16-byte keys; paths, each with a NUL */
	unsigned gone;                    /* calls in this step */
};

static bool oldest(const struct row *row, void *arg)
{
	struct purge *p = arg;
	struct span status, path;

	p->from.n = 0;
	key_bytes(&p->from, row->at);
	if (PEEK(row->rec, status, &status) && (span_is(status, "started") || span_is(status, "connected")))
		return true;
	buf_add(&p->calls, row->key);
	if (PEEK(row->rec, recording, &path))
		buf_add(&p->recordings, path);
	buf_addc(&p->recordings, 0);
	return p->calls.n < PURGE_STEP * 16;
}

/* What goes in this step. A call may be too long for one: then it is looked at again. */
static enum err purge_look(struct txn *t, void *arg)
{
	struct purge *p = arg;
	struct key from = p->from, to = { .n = 0 };
	enum err e;

	buf_reset(&p->calls);
	buf_reset(&p->recordings);
	key_u64(&to, p->before_ms > 0 ? (uint64_t)p->before_ms : 0);
	struct walk w = { .table = T_CALL, .index = X_CALL_START, .from = key_span(&from), .to = key_span(&to) };

	e = txn_walk(t, &w, oldest, p);
	p->from = from;
	return e ? e : p->calls.err ? p->calls.err : p->recordings.err;
}

static enum err purge_step(struct txn *t, void *arg)
{
	struct purge *p = arg;
	size_t left = PURGE_STEP;
	enum err e = ERR_OK;

	p->gone = 0;
	for (size_t i = 0; !e && i < p->calls.n && left; i += 16) {
		bool whole;

		e = call_delete_some(t, span_of(p->calls.p + i, 16), &left, &whole);
		e = e == ERR_NOTFOUND ? ERR_OK : e;              /* somebody else has deleted it meanwhile */
		p->gone += whole;
	}
	return e;
}

/* The files first: who is killed in between leaves a record without one, which goes the next time, and never a file that nobody knows of. */
static void tell_recordings(const struct purge *p, void (*recording)(const char *path, void *arg), void *arg)
{
	const char *path = p->recordings.p;

	for (size_t i = 0; recording && i < p->calls.n; i += 16, path += strlen(path) + 1)
		if (*path)
			recording(path, arg);
}

enum err call_purge(struct store *s, int64_t before_ms, unsigned *purged, void (*recording)(const char *path, void *arg), void *arg)
{
	struct purge p = { .before_ms = before_ms };
	enum err e;

	*purged = 0;
	do {
		e = store_read(s, purge_look, &p);
		if (e || !p.calls.n)
			break;
		tell_recordings(&p, recording, arg);
		e = store_txn(s, EVENTUAL, purge_step, &p);
		if (e)
			break;
		*purged += p.gone;
	} while (!store_interrupted(s));
	buf_fini(&p.calls);
	buf_fini(&p.recordings);
	return e;
}
