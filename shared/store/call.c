#include <stdlib.h>

#include "base/clock.h"
#include "store/call.h"
#include "store/key.h"
#include "store/post.h"
#include "store/spend.h"
#include "store/walk.h"

#define F(m, kind, flags, min, max, def, allowed, help) FIELD(struct call, m, kind, flags, min, max, def, allowed, help)
#define TEXT(m, help)       F(m, FK_PLAIN, 0, 0, 0, NULL, NULL, help)
#define TIME(m, help)       F(m, FK_TIME, 0, 0, 0, NULL, NULL, help)
#define COUNT(m, def, help) F(m, FK_PLAIN, 0, 0, 0, def, NULL, help)

/* Order is the stored numbering: append only. */
static const struct field call_fields[] = {
	TEXT(session_id,            "random UUID"),
	TEXT(twilio_call_sid,       "CA..."),
	TEXT(twilio_stream_sid,     "MZ..., the last stream"),
	F(account, FK_REF, 0, 0, 0, NULL, "account", "whose call"),
	F(agent,   FK_REF, 0, 0, 0, NULL, "agent", "who answered"),
	COUNT(agent_version, NULL,  "version of the agent then"),
	TEXT(direction,             "inbound, outbound-api, outbound-dial"),
	TEXT(caller_number,         "From"),
	TEXT(called_number,         "To"),
	F(status, FK_WORD, 0, 0, 0, "started", "started connected ended error", "where it is in its life"),
	TEXT(twilio_status,         "the last CallStatus from Twilio"),
	TIME(started_at,            "the webhook"),
	TIME(connected_at,          "the stream"),
	TIME(ended_at,              "the end"),
	COUNT(duration_seconds, NULL, "from started_at to ended_at"),
	TEXT(end_reason,            "why it ended"),
	TEXT(error,                 "what went wrong"),
	COUNT(turns, "0",           "of user and assistant"),
	COUNT(barge_ins, "0",       "times the caller cut an answer"),
	COUNT(reconnects, "0",      "new model connections in mid-call"),
	COUNT(input_text_tokens, "0",   "cached ones included"),
	COUNT(input_audio_tokens, "0",  "cached ones included"),
	COUNT(cached_text_tokens, "0",  "of the input"),
	COUNT(cached_audio_tokens, "0", "of the input"),
	COUNT(output_text_tokens, "0",  "of the answers"),
	COUNT(output_audio_tokens, "0", "of the answers"),
	COUNT(transcription_tokens, "0", "input plus output"),
	F(cost, FK_PLAIN, 0, 0, 0, NULL, NULL, "US dollars"),
	COUNT(latency_p50_ms, NULL, "caller's last word to first audio, median"),
	COUNT(latency_p95_ms, NULL, "the same, 95 of 100 are faster"),
	TEXT(recording,             "path in the data directory"),
	TEXT(resume,                "what `continue` should do"),
	COUNT(streams, "0",         "streams that started"),
	COUNT(resumes, "0",         "broken streams connected again"),
	F(greeted, FK_PLAIN, 0, 0, 0, "false", NULL, "not to be greeted again"),
	COUNT(turn_seq, "1",        "next free number"),
	COUNT(event_seq, "1",       "next free number"),
	TEXT(relay,                 "instance that has the call"),
	COUNT(twilio_seq, NULL,     "highest SequenceNumber of a status callback"),
	TEXT(handover,              "what a transfer or keys to press need"),
};

const struct record_type call_type = {
	"call", T_CALL, call_fields, sizeof call_fields / sizeof *call_fields, sizeof(struct call), 1, "session_id",
};

/* --- index keys: what is asked for, then start, then session: unique, and in order of time --- */

#define PEEK(rec, m, out) record_peek(&call_type, rec, offsetof(struct call, m), out)

static bool add_start(struct key *k, struct span key, struct span rec)
{
	struct span start;

	if (!PEEK(rec, started_at, &start))
		return false;
	key_bytes(k, start);
	key_bytes(k, key);
	return true;
}

void call_start_key(struct span key, struct span rec, struct index_keys *out)
{
	out->n = add_start(&out->k[0], key, rec);
}

void call_sid_key(struct span key, struct span rec, struct index_keys *out)
{
	struct span sid;

	if (!PEEK(rec, twilio_call_sid, &sid))
		return;
	key_text(&out->k[0], sid);
	out->n = add_start(&out->k[0], key, rec);
}

void call_agent_key(struct span key, struct span rec, struct index_keys *out)
{
	struct span agent;

	if (PEEK(rec, agent, &agent) && key_id(&out->k[0], agent))
		out->n = add_start(&out->k[0], key, rec);
}

void call_status_key(struct span key, struct span rec, struct index_keys *out)
{
	struct span status;

	if (!PEEK(rec, status, &status))
		return;
	key_text(&out->k[0], status);
	out->n = add_start(&out->k[0], key, rec);
}

static void number_key(struct span number, struct span key, struct span rec, struct index_keys *out)
{
	struct key *k = &out->k[out->n];

	key_text(k, number);
	if (add_start(k, key, rec))
		out->n++;
}

void call_number_key(struct span key, struct span rec, struct index_keys *out)
{
	struct span caller = SPAN_NONE, called = SPAN_NONE;

	if (PEEK(rec, caller_number, &caller))
		number_key(caller, key, rec, out);
	if (PEEK(rec, called_number, &called) && !(caller.p && span_eq(span_head(caller, KEY_TEXT_MAX), span_head(called, KEY_TEXT_MAX))))
		number_key(called, key, rec, out);
}

/* --- one call --- */

enum err call_get(struct txn *t, struct span session_id, struct call *out)
{
	struct key k = { .n = 0 };

	return key_uuid(&k, session_id) ? record_get(t, &call_type, key_span(&k), out) : ERR_NOTFOUND;
}

enum err call_get_for_update(struct txn *t, struct span session_id, struct call *out)
{
	struct key k = { .n = 0 };

	return key_uuid(&k, session_id) ? record_get_for_update(t, &call_type, key_span(&k), out) : ERR_NOTFOUND;
}

enum err call_by_sid(struct txn *t, struct span call_sid, struct call *out)
{
	struct key k = { .n = 0 };

	if (call_sid.n == 0)
		return ERR_NOTFOUND;
	key_text(&k, call_sid);
	return record_by_prefix(t, &call_type, X_CALL_SID, &k, true, out);
}

/* What the books need to know of the record that is replaced. */
struct before {
	double cost;
	bool ended;
};

static enum err before_get(struct txn *t, struct span key, struct before *b)
{
	struct buf rec = BUF_INIT;
	enum err e = txn_get(t, T_CALL, key, &rec);
	struct span v;
	uint64_t bits;

	*b = (struct before){ .cost = NAN };
	if (!e) {
		b->ended = PEEK(buf_span(&rec), ended_at, &v);
		if (PEEK(buf_span(&rec), cost, &v) && v.n == sizeof bits) {
			bits = key_u64_at(v, 0);
			memcpy(&b->cost, &bits, sizeof bits);
		}
	}
	buf_fini(&rec);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err call_put(struct txn *t, const struct call *c)
{
	struct key k = { .n = 0 };

	struct before was;
	enum err e;

	if (!key_uuid(&k, span_z(c->session_id)) || c->started_at < 0)
		return ERR_VALUE;
	e = before_get(t, key_span(&k), &was);
	e = e ? e : record_put(t, &call_type, key_span(&k), c);
	e = e ? e : spend_add(t, c, was.cost, clock_wall_ms());
	if (!e && !was.ended && c->ended_at != FIELD_NULL_INT)
		e = post_enter(t, c);
	return e;
}

/* --- deleting: everything that belongs to it --- */

struct gone {
	struct buf keys;                   /* of equal length, one after the other */
	size_t each_n, most;
};

static bool gone_row(const struct row *row, void *arg)
{
	struct gone *g = arg;

	g->each_n = row->key.n;
	buf_add(&g->keys, row->key);
	return g->keys.n < g->most * g->each_n;
}

static enum err delete_range(struct txn *t, const struct walk *w, size_t most, size_t *left)
{
	struct gone g = { .keys = BUF_INIT, .most = most };
	enum err e = txn_walk(t, w, gone_row, &g);

	e = e ? e : g.keys.err;
	for (size_t i = 0; !e && i < g.keys.n; i += g.each_n, --*left)
		e = txn_del(t, w->table, span_of(g.keys.p + i, g.each_n));
	buf_fini(&g.keys);
	return e;
}

enum err call_delete_some(struct txn *t, struct span key, size_t *left, bool *whole)
{
	static const struct { enum table table; enum index index; } parts[] = {
		{ T_TURN, X_NONE }, { T_EVENT, X_NONE }, { T_TICKET, X_TICKET_SESSION },
	};
	struct key from = { .n = 0 }, to;
	enum err e = ERR_OK;

	*whole = false;
	key_bytes(&from, key);
	to = from;
	key_after(&to);
	for (size_t i = 0; i < sizeof parts / sizeof *parts && !e && *left; i++) {
		struct walk w = { .table = parts[i].table, .index = parts[i].index, .from = key_span(&from), .to = key_span(&to) };

		e = delete_range(t, &w, *left, left);
	}
	if (e || *left == 0)
		return e;
	--*left;
	*whole = true;
	return txn_del(t, T_CALL, key);
}

enum err call_delete(struct txn *t, struct span session_id)
{
	struct key k = { .n = 0 };
	struct buf rec = BUF_INIT;
	size_t all = SIZE_MAX;
	bool whole;
	enum err e = key_uuid(&k, session_id) ? txn_get_for_update(t, T_CALL, key_span(&k), &rec) : ERR_NOTFOUND;

	buf_fini(&rec);
	return e ? e : call_delete_some(t, key_span(&k), &all, &whole);
}
