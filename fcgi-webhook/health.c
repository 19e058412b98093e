/* health - the store answers, the relay answers, or 503. Each is asked for at most a second. */
#include "base/clock.h"
#include "control.h"
#include "hook.h"
#include "store/account.h"
#include "version.h"

struct state {
	bool database, relay;
	int64_t active_calls;
};

static void say(struct answer *a, const struct state *s)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);
	bool ok = s->database && s->relay;

	json_set(&b, o, "status", json_strz(&b, ok ? "ok" : "error"));
	json_set(&b, o, "database", json_strz(&b, s->database ? "ok" : "down"));
	json_set(&b, o, "relay", json_strz(&b, s->relay ? "ok" : "down"));
	json_set(&b, o, "active_calls", json_int(&b, s->active_calls));
	json_set(&b, o, "version", json_strz(&b, OFFHOOK_VERSION));
	answer_json(a, ok ? 200 : 503, o);
}

static void ask_relay(struct hook *h, struct state *s)
{
	struct json_object *o = NULL;
	bool ok = false;

	if (control_ask(h->cf.relay_socket, &(struct control_request){ .op = "health" }, CONTROL_HEALTH_MS, &o) != ERR_OK)
		return;
	s->relay = json_get_bool(o, "ok", &ok) && ok;
	json_get_int(o, "active_calls", &s->active_calls);
	json_object_put(o);
}

static enum err read_something(struct txn *t, void *arg)
{
	struct account a = { 0 };
	enum err e = account_default(t, &a);

	(void)arg;
	record_fini(&account_type, &a);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

/* The relay first: what it says is part of the answer that is given when the database lets us wait. */
void health(struct hook *h, struct request *r, struct answer *a)
{
	struct state s = { 0 };

	(void)r;
	ask_relay(h, &s);
	say(&h->rescue, &s);
	h->patience_ms = HEALTH_PATIENCE_MS;
	s.database = db_read(h, read_something, NULL) == ERR_OK;
	say(a, &s);
}
