/* post_message - the words of a post-call message, from the record. */
#include "base/json.h"
#include "post_call.h"
#include "store/agent.h"
#include "store/call.h"
#include "store/turn.h"

#define BODY_MAX ((size_t)8 << 20)
#define PAGE     500

struct turns {
	struct jbuild *b;
	struct json_object *list;
};

static bool turn_each(struct turn *u, void *arg)
{
	struct turns *k = arg;
	struct json_object *o = NULL;
	enum err e = turn_json(u, &o);

	if (e)
		k->b->err = k->b->err ? k->b->err : e;
	else
		json_push(k->b, k->list, o);
	return !k->b->err;
}

static enum err turns_read(struct txn *t, struct span session_id, struct turns *k)
{
	struct page p = { .limit = PAGE };
	struct buf after = BUF_INIT;
	enum err e;

	do {
		p.after = after.n ? buf_span(&after) : SPAN_NONE;
		buf_reset(&p.next);
		e = turn_list(t, session_id, &p, turn_each, k);
		buf_reset(&after);
		buf_add(&after, buf_span(&p.next));
	} while (!e && !k->b->err && after.n && !after.err);
	e = e ? e : k->b->err ? k->b->err : after.err;
	buf_fini(&after);
	buf_fini(&p.next);
	return e;
}

static enum err body_make(struct txn *t, const struct call *c, int64_t attempt, struct buf *out)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b), *call = NULL;
	struct turns k = { &b, json_arr(&b) };
	enum err e = b.err ? b.err : call_json(t, c, &call);

	e = e ? e : turns_read(t, span_z(c->session_id), &k);
	json_set(&b, o, "type", json_strz(&b, "call.ended"));
	json_set(&b, o, "id", json_strz(&b, c->session_id));
	json_set(&b, o, "attempt", json_int(&b, attempt));
	json_set(&b, o, "call", call);
	json_set(&b, o, "turns", k.list);
	e = e ? e : b.err ? b.err : json_write(out, o);
	json_object_put(o);
	return e;
}

static enum err secret_part(struct txn *t, const struct agent *a, struct post_message *m)
{
	enum err e = record_secret_get(txn_store(t), &agent_type, "post_call_secret", a, &m->secret);

	return e == ERR_NOTFOUND ? ERR_OK : e;             /* unsigned */
}

static enum err agent_part(struct txn *t, const struct call *c, struct post_message *m)
{
	struct agent a;
	enum err e = c->agent ? agent_get(t, span_z(c->agent), &a) : ERR_NOTFOUND;

	if (e)
		return e;
	if (a.post_call_url)
		buf_addz(&m->url, a.post_call_url);
	e = a.post_call_url ? secret_part(t, &a, m) : ERR_NOTFOUND;
	record_fini(&agent_type, &a);
	return e;
}

enum err post_message_make(struct txn *t, struct span session_id, int64_t attempt, struct post_message *m)
{
	struct call c;
	enum err e = call_get(t, session_id, &c);

	*m = (struct post_message){ .body = BUF_BOUND(BODY_MAX) };
	if (e)
		return e;
	e = agent_part(t, &c, m);
	e = e ? e : body_make(t, &c, attempt, &m->body);
	record_fini(&call_type, &c);
	return e ? e : m->url.err ? m->url.err : m->body.err;
}

void post_message_fini(struct post_message *m)
{
	if (m->secret.n)
		explicit_bzero(m->secret.p, m->secret.n);
	buf_fini(&m->url);
	buf_fini(&m->body);
	buf_fini(&m->secret);
}
