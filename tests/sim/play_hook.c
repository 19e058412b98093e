/*
 * play_hook - what the webhooks answer (contract T1-T4), without a database: the call webhook, `continue` by the relay's word or else the record's, the status
 * callbacks. A small second reading of fcgi-webhook.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/form.h"
#include "play.h"
#include "twilio/twiml.h"

#define PATIENCE_MS 3000                 /* for a relay, when a call has lost its stream */
#define FIRST_MS    300                  /* ... when it is new */

struct post {                            /* a request that waits for its moment */
	struct post *next;
	int purpose;
	int64_t from_ms, due_ms;
	char *url, *body;
	struct form form;
	bool told;                       /* the relay was: the call is coming */
	/* of `continue`, decided once */
	const struct rule *rule;
	bool known, counts;
	struct json_object *order;       /* the agent's, when it handed the call over */
};

struct play_hook {
	struct post *posts;
};

enum next { NEXT_HANGUP, NEXT_CONNECT, NEXT_PRESS, NEXT_DIAL, NEXT_APOLOGY };

static const struct rule {
	const char *state;
	enum next next;
	int64_t at_most;
	const char *end_reason;
} rules[] = {
#define ANY INT64_MAX
	{ "fallback",    NEXT_APOLOGY, 0,   "model_failed" },
	{ "hangup",      NEXT_HANGUP,  0,   NULL },
	{ "",            NEXT_HANGUP,  0,   NULL },
	{ "resume",      NEXT_CONNECT, 3,   "relay_lost" },
	{ "live",        NEXT_CONNECT, 3,   "relay_lost" },
	{ "never",       NEXT_CONNECT, 1,   "stream_failed" },
	{ "digits",      NEXT_PRESS,   ANY, "relay_lost" },
	{ "transfer",    NEXT_DIAL,    0,   NULL },
	{ "transferred", NEXT_HANGUP,  0,   "transferred" },
	{ "returned",    NEXT_CONNECT, ANY, "relay_lost" },
	{ "unanswered",  NEXT_APOLOGY, 0,   "transferred" },
};

static const struct rule too_often = { "", NEXT_APOLOGY, 0, "relay_lost" };

static const struct rule *rule_of(const char *state)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (strcmp(rules[i].state, state) == 0)
			return &rules[i];
	return &rules[0];
}

/* --- the answers --- */

static void reply(struct play *p, const struct post *q, int status, struct twiml *t)
{
	struct span document = SPAN_NONE;

	if (t && twiml_end(t, &document))
		status = 503;
	play_phone_reply(p, q->purpose, status, t ? TWIML_TYPE : NULL, document, (clock_ms() - q->from_ms) * 1000);
	if (t)
		twiml_fini(t);
}

static void reply_hangup(struct play *p, const struct post *q)
{
	struct twiml t;

	twiml_init(&t);
	twiml_hangup(&t);
	reply(p, q, 200, &t);
}

static void reply_apology(struct play *p, const struct post *q, const struct play_verdict *v)
{
	struct twiml t;

	twiml_init(&t);
	if (v->fallback_number && *v->fallback_number) {
		twiml_dial(&t, span_z(v->fallback_number), SPAN_NONE);
	} else {
		twiml_say(&t, SPAN("We are sorry, we cannot take your call right now. Please call again later."), SPAN_NONE, SPAN_NONE);
		twiml_hangup(&t);
	}
	reply(p, q, 200, &t);
}

static void reply_connect(struct play *p, const struct post *q, const char *notice, struct span digits)
{
	struct twiml t;

	twiml_init(&t);
	if (notice && *notice)
		twiml_say(&t, span_z(notice), SPAN_NONE, SPAN_NONE);
	if (digits.n)
		twiml_digits(&t, digits);
	twiml_connect(&t, &(struct twiml_stream){
		.url = SPAN("wss://" PLAY_HOST "/ws/realtime/" PLAY_SESSION "/"), .action = SPAN("https://" PLAY_HOST "/api/continue/" PLAY_SESSION "/"),
		.status_callback = SPAN("https://" PLAY_HOST "/api/stream-status/" PLAY_SESSION "/"), .token = SPAN(PLAY_TOKEN),
	});
	reply(p, q, 200, &t);
}

static void reply_dial(struct play *p, const struct post *q, struct span number, bool whisper)
{
	struct twiml t;

	twiml_init(&t);
	twiml_transfer(&t, number, SPAN("https://" PLAY_HOST "/api/continue/" PLAY_SESSION "/"),
		       whisper ? SPAN("https://" PLAY_HOST "/api/whisper/" PLAY_SESSION "/") : SPAN_NONE);
	reply(p, q, 200, &t);
}

/* --- the requests: true when answered --- */

static bool webhook(struct play *p, struct post *q)
{
	struct play_verdict v;

	play_store_begin(p, form_get(&q->form, "CallSid"), form_get(&q->form, "From"), form_get(&q->form, "To"), form_get(&q->form, "Direction"));
	play_relay_verdict(p, &v);
	if (v.over) {
		reply_hangup(p, q);
	} else if (play_relay_announce(p, &q->told)) {
		reply_connect(p, q, v.notice, SPAN_NONE);
	} else if (clock_ms() - q->due_ms >= FIRST_MS) {
		play_store_give_up(p, "relay_lost", true);
		reply_apology(p, q, &v);
	} else {
		return false;
	}
	return true;
}

static struct json_object *order_of(const struct play_verdict *v)
{
	struct json_object *o = NULL;

	return v->handover && *v->handover && json_read(&o, span_z(v->handover)) == ERR_OK ? o : NULL;
}

static const char *state_of(const struct play_verdict *v, struct json_object *order, struct span dialled)
{
	const char *word = v->known || *v->resume ? v->resume : v->over ? "hangup" : "resume";
	bool talked = span_is(dialled, "completed") || span_is(dialled, "answered"), come_back = true;

	json_get_bool(order, "return", &come_back);
	if (strcmp(word, "transfer") == 0)
		return !dialled.n ? json_get_span(order, "number").n ? "transfer" : "fallback" : talked ? "transferred" : come_back ? "returned" : "unanswered";
	return v->streams <= 0 && rule_of(word)->next == NEXT_CONNECT ? "never" : word;
}

static bool connects(enum next n)
{
	return n == NEXT_CONNECT || n == NEXT_PRESS;
}

static void decide(struct play *p, struct post *q, const struct play_verdict *v)
{
	struct span dialled = form_get(&q->form, "DialCallStatus");

	q->order = order_of(v);
	q->rule = rule_of(state_of(v, q->order, dialled));
	q->known = v->known;
	q->counts = q->rule->at_most != ANY && strcmp(v->end_reason, "shutdown") != 0;
	if (v->known && dialled.n)
		play_relay_returned(p, dialled);
	if (connects(q->rule->next) && q->counts && v->resumes >= q->rule->at_most)
		q->rule = &too_often;
	else if (connects(q->rule->next))
		play_store_connects(p, q->counts, v->known, q->rule->at_most == ANY, dialled);
}

static void give_up(struct play *p, struct post *q, const struct play_verdict *v)
{
	play_relay_hang_up(p, q->rule->end_reason);
	play_store_give_up(p, v->known ? NULL : q->rule->end_reason, strcmp(q->rule->end_reason, "transferred") != 0);
	reply_apology(p, q, v);
}

static bool connect(struct play *p, struct post *q, const struct play_verdict *v)
{
	if (play_relay_announce(p, &q->told))
		reply_connect(p, q, NULL, q->rule->next == NEXT_PRESS ? json_get_span(q->order, "digits") : SPAN_NONE);
	else if (clock_ms() - q->due_ms >= PATIENCE_MS)
		give_up(p, q, v);
	else
		return false;
	return true;
}

static bool go_on(struct play *p, struct post *q)
{
	struct play_verdict v;

	play_relay_verdict(p, &v);
	if (!q->rule)
		decide(p, q, &v);
	if (connects(q->rule->next))
		return connect(p, q, &v);
	if (q->rule->next == NEXT_DIAL) {
		reply_dial(p, q, json_get_span(q->order, "number"), json_get_span(q->order, "summary").n > 0);
	} else if (q->rule->next == NEXT_HANGUP) {
		play_store_give_up(p, v.known ? NULL : q->rule->end_reason, false);
		reply_hangup(p, q);
	} else {
		give_up(p, q, &v);
	}
	return true;
}

static bool is_final(struct span status)
{
	static const char *const words[] = { "completed", "busy", "failed", "no-answer", "canceled" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (span_is(status, words[i]))
			return true;
	return false;
}

static void status(struct play *p, struct post *q)
{
	struct span word = form_get(&q->form, "CallStatus");
	struct play_verdict v;

	play_relay_verdict(p, &v);
	if (v.known)
		play_relay_status(p, word);
	else
		play_store_give_up(p, v.streams > 0 ? "caller_hangup" : "stream_failed", v.streams <= 0);
	play_phone_reply(p, q->purpose, 204, NULL, SPAN_NONE, (clock_ms() - q->from_ms) * 1000);
}

static bool continue_call(struct play *p, struct post *q)
{
	struct twiml t;

	if (!is_final(form_get(&q->form, "CallStatus")))
		return go_on(p, q);
	play_relay_status(p, form_get(&q->form, "CallStatus"));
	twiml_init(&t);
	reply(p, q, 200, &t);
	return true;
}

static void stream_status(struct play *p, struct post *q)
{
	if (span_is(form_get(&q->form, "StreamEvent"), "stream-error"))
		play_relay_stream_error(p, form_get(&q->form, "StreamSid"), form_get(&q->form, "StreamError"));
	play_phone_reply(p, q->purpose, 204, NULL, SPAN_NONE, (clock_ms() - q->from_ms) * 1000);
}

/* What the person called hears before they are connected. */
static void whisper(struct play *p, struct post *q)
{
	struct play_verdict v;
	struct twiml t;
	struct span summary;

	play_relay_verdict(p, &v);
	json_object_put(q->order);
	q->order = order_of(&v);
	summary = json_get_span(q->order, "summary");
	twiml_init(&t);
	if (summary.n)
		twiml_say(&t, summary, SPAN_NONE, SPAN_NONE);
	reply(p, q, 200, &t);
}

static void machine(struct play *p, struct post *q)
{
	play_relay_machine(p, form_get(&q->form, "AnsweredBy"));
	play_phone_reply(p, q->purpose, 204, NULL, SPAN_NONE, (clock_ms() - q->from_ms) * 1000);
}

static const struct {
	const char *path;
	bool (*ask)(struct play *p, struct post *q);     /* may have to wait */
	void (*tell)(struct play *p, struct post *q);
} routes[] = {
	{ "/api/webhook/", webhook, NULL }, { "/api/continue/", continue_call, NULL }, { "/api/stream-status/", NULL, stream_status },
	{ "/api/whisper/", NULL, whisper }, { "/api/answered-by/", NULL, machine },    { "/api/status/", NULL, status },
};

static bool run(struct play *p, struct post *q)
{
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		if (!strstr(q->url, routes[i].path))
			continue;
		if (routes[i].ask)
			return routes[i].ask(p, q);
		routes[i].tell(p, q);
		return true;
	}
	reply(p, q, 404, NULL);
	return true;
}

/* --- the queue --- */

static void post_free(struct post *q)
{
	form_fini(&q->form);
	json_object_put(q->order);
	free(q->url);
	free(q->body);
	free(q);
}

void play_hook_post(struct play *p, int purpose, const char *url, struct span form)
{
	struct post *q = calloc(1, sizeof *q), **end = &p->hook->posts;

	if (!q)
		return;
	*q = (struct post){ .purpose = purpose, .from_ms = clock_ms(), .due_ms = clock_ms() + p->file.webhook_ms, .url = span_dup(span_z(url)), .body = span_dup(form) };
	if (!q->url || !q->body || form_parse(&q->form, span_z(q->body))) {
		post_free(q);
		return;
	}
	while (*end)
		end = &(*end)->next;
	*end = q;
}

bool play_hook_pump(struct play *p)
{
	bool any = false;

	for (struct post **at = &p->hook->posts; *at;) {
		struct post *q = *at;

		if (clock_ms() < q->due_ms || !run(p, q)) {
			at = &q->next;
			continue;
		}
		*at = q->next;
		post_free(q);
		any = true;
	}
	return any;
}

enum err play_hook_new(struct play *p)
{
	p->hook = calloc(1, sizeof *p->hook);
	return p->hook ? ERR_OK : ERR_NOMEM;
}

void play_hook_free(struct play_hook *h)
{
	while (h && h->posts) {
		struct post *q = h->posts;

		h->posts = q->next;
		post_free(q);
	}
	free(h);
}
