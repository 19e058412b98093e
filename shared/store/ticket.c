#include <openssl/sha.h>
#include <stdlib.h>

#include "base/b64.h"
#include "base/clock.h"
#include "store/key.h"
#include "store/ticket.h"
#include "store/walk.h"

#define PURGE_AT_ONCE 200

struct ticket {
	char *session_id, *call_sid;
	int64_t issued_at, expires_at;
	char *used_by;                     /* attempt; "" = spent by another ticket of the session */
};

#define F(m, kind, help) FIELD(struct ticket, m, kind, 0, 0, 0, NULL, NULL, help)

/* Order is the stored numbering: append only. */
static const struct field ticket_fields[] = {
	F(session_id, FK_PLAIN, "the call"),
	F(call_sid,   FK_PLAIN, "Twilio's name of it"),
	F(issued_at,  FK_TIME,  "when it was made"),
	F(expires_at, FK_TIME,  "when it ends"),
	F(used_by,    FK_PLAIN, "the attempt that it admitted"),
};

const struct record_type ticket_type = {
	"ticket", T_TICKET, ticket_fields, sizeof ticket_fields / sizeof *ticket_fields, sizeof(struct ticket), 1, NULL,
};

void ticket_session_key(struct span key, struct span rec, struct index_keys *out)
{
	struct span session, issued;

	if (!record_peek(&ticket_type, rec, offsetof(struct ticket, session_id), &session) || !key_uuid(&out->k[0], session) ||
	    !record_peek(&ticket_type, rec, offsetof(struct ticket, issued_at), &issued))
		return;
	key_bytes(&out->k[0], issued);
	key_bytes(&out->k[0], key);
	out->n = 1;
}

void ticket_expiry_key(struct span key, struct span rec, struct index_keys *out)
{
	struct span expires;

	if (!record_peek(&ticket_type, rec, offsetof(struct ticket, expires_at), &expires))
		return;
	key_bytes(&out->k[0], expires);
	key_bytes(&out->k[0], key);
	out->n = 1;
}

enum err ticket_token(char token[TICKET_TEXT])
{
	uint8_t raw[24];
	struct buf b = BUF_BOUND(TICKET_TEXT);
	enum err e = random_bytes(raw, sizeof raw);

	if (e)
		return e;
	b64url_encode(&b, raw, sizeof raw);
	e = b.err;
	if (!e && !span_copy(token, TICKET_TEXT, buf_span(&b)))
		e = ERR_INTERNAL;
	buf_fini(&b);
	return e;
}

static struct span hashed(struct span token, uint8_t hash[SHA256_DIGEST_LENGTH])
{
	SHA256((const unsigned char *)(token.n ? token.p : ""), token.n, hash);
	return span_of(hash, SHA256_DIGEST_LENGTH);
}

/* Repeated by a transaction that runs again, or a job that is replayed: the same key, the same value. */
enum err ticket_new(struct txn *t, struct span session_id, struct span call_sid, int64_t now_ms, const char token[TICKET_TEXT])
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	struct ticket k;
	enum err e;

	record_init(&ticket_type, &k);
	k.session_id = span_dup(session_id);
	k.call_sid = span_dup(call_sid);
	k.issued_at = now_ms;
	k.expires_at = now_ms + TICKET_VALID_MS;
	e = k.session_id && k.call_sid ? record_put(t, &ticket_type, hashed(span_z(token), hash), &k) : ERR_NOMEM;
	record_fini(&ticket_type, &k);
	return e;
}

/* --- using one spends all that the session has --- */

static bool collect(const struct row *row, void *arg)
{
	buf_add(arg, row->key);
	return true;
}

static enum err mark(struct txn *t, struct span key, struct span attempt)
{
	struct ticket k;
	enum err e = record_get_for_update(t, &ticket_type, key, &k);

	if (e)
		return e;
	if (!k.used_by) {
		k.used_by = span_dup(attempt);
		e = k.used_by ? record_put(t, &ticket_type, key, &k) : ERR_NOMEM;
	}
	record_fini(&ticket_type, &k);
	return e;
}

static enum err spend_all(struct txn *t, struct span session_id, struct span used, struct span attempt)
{
	struct key from = { .n = 0 }, to;
	struct buf keys = BUF_INIT;
	enum err e;

	if (!key_uuid(&from, session_id))
		return ERR_DENIED;
	to = from;
	key_after(&to);
	struct walk w = { .table = T_TICKET, .index = X_TICKET_SESSION, .from = key_span(&from), .to = key_span(&to) };

	e = txn_walk(t, &w, collect, &keys);
	e = e ? e : keys.err;
	for (size_t i = 0; !e && i < keys.n; i += used.n) {
		struct span key = span_of(keys.p + i, used.n);

		e = mark(t, key, span_eq(key, used) ? attempt : SPAN(""));
	}
	buf_fini(&keys);
	return e;
}

static enum err judge(const struct ticket *k, struct span session_id, struct span call_sid, struct span attempt, int64_t now_ms, bool *again)
{
	*again = k->used_by && span_is(attempt, k->used_by);
	if (!span_is(session_id, k->session_id) || !span_is(call_sid, k->call_sid))
		return ERR_DENIED;
	if (*again)
		return ERR_OK;
	return k->used_by || now_ms > k->expires_at ? ERR_DENIED : ERR_OK;
}

enum err ticket_use(struct txn *t, struct span token, struct span session_id, struct span call_sid, struct span attempt, int64_t now_ms)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	struct span key = hashed(token, hash);
	struct ticket k;
	bool again;
	enum err e;

	if (attempt.n == 0)
		return ERR_DENIED;
	e = record_get_for_update(t, &ticket_type, key, &k);
	if (e)
		return e == ERR_NOTFOUND ? ERR_DENIED : e;
	e = judge(&k, session_id, call_sid, attempt, now_ms, &again);
	record_fini(&ticket_type, &k);
	return e || again ? e : spend_all(t, session_id, key, attempt);
}

/* --- purge --- */

struct expired {
	struct buf keys;
	unsigned n;
};

static bool collect_some(const struct row *row, void *arg)
{
	struct expired *x = arg;

	if (x->n < PURGE_AT_ONCE)
		buf_add(&x->keys, row->key);
	return x->n++ < PURGE_AT_ONCE;
}

enum err ticket_purge(struct txn *t, int64_t now_ms, unsigned *left)
{
	struct expired x = { .keys = BUF_INIT };
	struct key to = { .n = 0 };
	enum err e;

	key_u64(&to, (uint64_t)(now_ms > 0 ? now_ms : 0));
	struct walk w = { .table = T_TICKET, .index = X_TICKET_EXPIRY, .to = key_span(&to) };

	e = txn_walk(t, &w, collect_some, &x);
	e = e ? e : x.keys.err;
	for (size_t i = 0; !e && i < x.keys.n; i += SHA256_DIGEST_LENGTH)
		e = txn_del(t, T_TICKET, span_of(x.keys.p + i, SHA256_DIGEST_LENGTH));
	buf_fini(&x.keys);
	if (!e)
		*left = x.n > PURGE_AT_ONCE;
	return e;
}
