#include "store/key.h"
#include "store/turn.h"
#include "store/walk.h"

#define T(m, kind, def, help) FIELD(struct turn, m, kind, 0, 0, 0, def, NULL, help)
#define E(m, kind, def, help) FIELD(struct event, m, kind, 0, 0, 0, def, NULL, help)

/* Order is the stored numbering: append only. */
static const struct field turn_fields[] = {
	T(seq,          FK_PLAIN,  NULL,    "place in the call"),
	FIELD(struct turn, role, FK_WORD, 0, 0, 0, NULL, "user assistant tool system", "who"),
	T(text,         FK_PLAIN,  NULL,    "what was said, and heard"),
	T(full_text,    FK_PLAIN,  NULL,    "what was generated, when that was more"),
	T(started_at,   FK_TIME,   NULL,    "speech began"),
	T(completed_at, FK_TIME,   NULL,    "speech ended"),
	T(interrupted,  FK_PLAIN,  "false", "the caller cut it"),
	T(heard_ms,     FK_PLAIN,  NULL,    "how much of it was heard"),
	T(latency_ms,   FK_PLAIN,  NULL,    "caller's last word to the first audio heard"),
	T(tool,         FK_OBJECT, NULL,    "name, arguments, result, duration"),
	T(meta,         FK_OBJECT, NULL,    "what has no place of its own"),
	T(item_id,      FK_PLAIN,  NULL,    "the model's item"),
	T(response_id,  FK_PLAIN,  NULL,    "the model's response"),
};

const struct record_type turn_type = {
	"turn", T_TURN, turn_fields, sizeof turn_fields / sizeof *turn_fields, sizeof(struct turn), 1, NULL,
};

static const struct field event_fields[] = {
	E(seq,         FK_PLAIN,  NULL, "place in the call"),
	E(event_type,  FK_PLAIN,  NULL, "what happened"),
	E(item_id,     FK_PLAIN,  NULL, "the model's item"),
	E(response_id, FK_PLAIN,  NULL, "the model's response"),
	E(role,        FK_PLAIN,  NULL, "who"),
	E(text_delta,  FK_PLAIN,  NULL, "text, where there is some"),
	E(error,       FK_PLAIN,  NULL, "what went wrong"),
	E(created_at,  FK_TIME,   NULL, "when"),
	E(payload,     FK_OBJECT, NULL, "the rest"),
};

const struct record_type event_type = {
	"event", T_EVENT, event_fields, sizeof event_fields / sizeof *event_fields, sizeof(struct event), 1, NULL,
};

static bool seq_key(struct key *k, struct span session_id, int64_t seq)
{
	k->n = 0;
	if (seq < 0 || seq > UINT32_MAX || !key_uuid(k, session_id))
		return false;
	key_u32(k, (uint32_t)seq);
	return true;
}

enum err turn_put(struct txn *t, struct span session_id, const struct turn *u)
{
	struct key k;

	return seq_key(&k, session_id, u->seq) ? record_put(t, &turn_type, key_span(&k), u) : ERR_VALUE;
}

enum err event_put(struct txn *t, struct span session_id, const struct event *e)
{
	struct key k;

	return seq_key(&k, session_id, e->seq) ? record_put(t, &event_type, key_span(&k), e) : ERR_VALUE;
}

/* --- lists --- */

struct turns {
	bool (*each)(struct turn *, void *);
	void *arg;
	enum err err;
};

struct events {
	bool (*each)(struct event *, void *);
	void *arg;
	enum err err;
};

static enum take take_turn(const struct row *row, void *arg)
{
	struct turns *l = arg;
	struct turn u;
	bool go;

	l->err = record_decode(&turn_type, row->rec, &u);
	if (l->err)
		return l->err == ERR_CORRUPT ? TAKE_SKIP : TAKE_STOP;
	go = l->each(&u, l->arg);
	record_fini(&turn_type, &u);
	return go ? TAKE_ROW : TAKE_STOP;
}

static enum take take_event(const struct row *row, void *arg)
{
	struct events *l = arg;
	struct event v;
	bool go;

	l->err = record_decode(&event_type, row->rec, &v);
	if (l->err)
		return l->err == ERR_CORRUPT ? TAKE_SKIP : TAKE_STOP;
	go = l->each(&v, l->arg);
	record_fini(&event_type, &v);
	return go ? TAKE_ROW : TAKE_STOP;
}

struct range {
	struct key from, to;
	struct walk w;
};

static bool call_range(struct range *r, enum table table, struct span session_id)
{
	r->from.n = 0;
	if (!key_uuid(&r->from, session_id))
		return false;
	r->to = r->from;
	key_after(&r->to);
	r->w = (struct walk){ .table = table, .index = X_NONE, .from = key_span(&r->from), .to = key_span(&r->to) };
	return true;
}

static enum err list_turns(struct txn *t, struct span session_id, bool backwards, struct page *p, bool (*each)(struct turn *, void *), void *arg)
{
	struct turns l = { each, arg, ERR_OK };
	struct range r;
	enum err e = ERR_NOTFOUND;

	if (call_range(&r, T_TURN, session_id)) {
		r.w.backwards = backwards;
		e = txn_page(t, &r.w, p, 0, take_turn, &l);
	}
	return e ? e : l.err == ERR_CORRUPT ? ERR_OK : l.err;
}

static enum err list_events(struct txn *t, struct span session_id, bool backwards, struct page *p, bool (*each)(struct event *, void *), void *arg)
{
	struct events l = { each, arg, ERR_OK };
	struct range r;
	enum err e = ERR_NOTFOUND;

	if (call_range(&r, T_EVENT, session_id)) {
		r.w.backwards = backwards;
		e = txn_page(t, &r.w, p, 0, take_event, &l);
	}
	return e ? e : l.err == ERR_CORRUPT ? ERR_OK : l.err;
}

enum err turn_list(struct txn *t, struct span session_id, struct page *p, bool (*each)(struct turn *, void *), void *arg)
{
	return list_turns(t, session_id, false, p, each, arg);
}

enum err event_list(struct txn *t, struct span session_id, struct page *p, bool (*each)(struct event *, void *), void *arg)
{
	return list_events(t, session_id, false, p, each, arg);
}

enum err turn_newest(struct txn *t, struct span session_id, size_t most, bool (*each)(struct turn *, void *), void *arg)
{
	struct page p = { .limit = most };
	enum err e = list_turns(t, session_id, true, &p, each, arg);

	buf_fini(&p.next);
	return e;
}

enum err event_newest(struct txn *t, struct span session_id, size_t most, bool (*each)(struct event *, void *), void *arg)
{
	struct page p = { .limit = most };
	enum err e = list_events(t, session_id, true, &p, each, arg);

	buf_fini(&p.next);
	return e;
}

static enum err next_seq(struct txn *t, enum table table, struct span session_id, int64_t *seq)
{
	struct buf key = BUF_INIT;
	struct range r;
	enum err e;

	if (!call_range(&r, table, session_id))
		return ERR_NOTFOUND;
	r.w.backwards = true;
	e = txn_first(t, &r.w, &key, NULL);
	if (!e)
		*seq = (int64_t)key_u32_at(buf_span(&key), 16) + 1;
	else if (e == ERR_NOTFOUND)
		*seq = 1;
	buf_fini(&key);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err turn_next_seq(struct txn *t, struct span session_id, int64_t *seq)
{
	return next_seq(t, T_TURN, session_id, seq);
}

enum err event_next_seq(struct txn *t, struct span session_id, int64_t *seq)
{
	return next_seq(t, T_EVENT, session_id, seq);
}
