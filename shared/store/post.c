#include <stdlib.h>

#include "store/agent.h"
#include "store/call.h"
#include "store/key.h"
#include "store/post.h"
#include "store/walk.h"

#define F(m, kind, help) FIELD(struct post, m, kind, 0, 0, 0, NULL, NULL, help)

/* Order is the stored numbering: append only. */
static const struct field post_fields[] = {
	F(session_id, FK_PLAIN, "the call"),
	F(agent,      FK_PLAIN, "whose post_call_url"),
	F(created_at, FK_TIME,  "when the call had ended"),
	FIELD(struct post, attempts, FK_PLAIN, 0, 0, 0, "0", NULL, "so far"),
	F(error,      FK_PLAIN, "of the last attempt"),
};

const struct record_type post_type = {
	"post", T_POST, post_fields, sizeof post_fields / sizeof *post_fields, sizeof(struct post), 1, NULL,
};

static bool key_make(struct key *k, int64_t due_ms, const char *session_id)
{
	k->n = 0;
	key_u64(k, (uint64_t)(due_ms > 0 ? due_ms : 0));
	return key_uuid(k, span_z(session_id));
}

static enum err put(struct txn *t, int64_t due_ms, const struct post *p)
{
	struct key k;

	return key_make(&k, due_ms, p->session_id) ? record_put(t, &post_type, key_span(&k), p) : ERR_VALUE;
}

enum err post_enter(struct txn *t, const struct call *c)
{
	struct post p = { .session_id = c->session_id, .agent = c->agent, .created_at = c->ended_at };
	struct agent a;
	bool wanted;
	enum err e = c->agent ? agent_get(t, span_z(c->agent), &a) : ERR_NOTFOUND;

	if (e)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	wanted = a.post_call_url != NULL;
	record_fini(&agent_type, &a);
	return wanted ? put(t, c->ended_at, &p) : ERR_OK;
}

enum err post_next(struct txn *t, int64_t now_ms, struct span after, struct buf *key, struct post *out)
{
	struct buf rec = BUF_INIT;
	struct key from = { .n = 0 }, to = { .n = 0 };
	enum err e;

	key_bytes(&from, after.p ? after : SPAN(""));
	if (after.p)
		key_bytes(&from, span_of("", 1));                     /* the first key behind it */
	key_u64(&to, (uint64_t)(now_ms > 0 ? now_ms : 0) + 1);
	struct walk w = { .table = T_POST, .index = X_NONE, .from = after.p ? key_span(&from) : SPAN_NONE, .to = key_span(&to) };

	buf_reset(key);
	e = txn_first(t, &w, key, &rec);
	e = e ? e : record_decode(&post_type, buf_span(&rec), out);
	buf_fini(&rec);
	return e;
}

enum err post_done(struct txn *t, struct span key)
{
	enum err e = txn_del(t, T_POST, key);

	return e == ERR_NOTFOUND ? ERR_OK : e;
}

int64_t post_pause_ms(int64_t attempts)
{
	static const int64_t seconds[POST_TRIES] = { 2, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14400, 28800, 43200, 43200 };
	int64_t i = attempts < 1 ? 0 : attempts < POST_TRIES ? attempts - 1 : POST_TRIES - 1;

	return seconds[i] * 1000;
}

enum err post_again(struct txn *t, struct span key, int64_t now_ms, const char *error, bool *given_up)
{
	struct post p;
	char *text = span_dup(span_z(error));
	enum err e = text ? record_get_for_update(t, &post_type, key, &p) : ERR_NOMEM;

	*given_up = false;
	if (e) {
		free(text);
		return e == ERR_NOTFOUND ? ERR_OK : e;
	}
	free(p.error);
	p.error = text;
	p.attempts++;
	*given_up = p.attempts >= POST_TRIES;
	e = txn_del(t, T_POST, key);
	if (!e && !*given_up)
		e = put(t, now_ms + post_pause_ms(p.attempts), &p);
	record_fini(&post_type, &p);
	return e;
}
