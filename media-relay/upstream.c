/* upstream - the life of a model connection. */
#include "base/clock.h"
#include "media-relay/upstream.h"

#define READY_MS      5000              /* dial to session.updated */
#define OTHER_MS      5000              /* with a caller waiting: then the other upstream at the latest */
#define GIVE_UP_MS    9000              /* with a caller waiting */
#define STEADY_MS     10000             /* a connection that lasted so long starts the count of tries anew */
#define TRIES         4
#define SPOKE_MS      10000             /* who was heard of so lately still works */
#define SHORT_LIVES   12                /* ... but not when it drops for ever */

static const int64_t pauses_ms[TRIES] = { 0, 200, 500, 1000 };

typedef enum upstream_act handler(struct upstream_link *u, enum upstream_ev ev, int64_t now_ms);
static handler down_on, dial_on, created_on, configuring_on, ready_on, backoff_on, failed_on;

#define BIT(ev) (1u << (ev))
#define BREAKS  (BIT(UE_BROKEN) | BIT(UE_EXPIRED) | BIT(UE_HOPELESS))

static const struct {
	const char *name;
	unsigned takes;
	handler *on;
} states[] = {
	[US_DOWN]        = { "down",        BIT(UE_WANT), down_on },
	[US_DIAL]        = { "dial",        BIT(UE_CREATED) | BIT(UE_DROP) | BREAKS, dial_on },
	[US_CREATED]     = { "created",     BIT(UE_SENT) | BIT(UE_DROP) | BREAKS, created_on },
	[US_CONFIGURING] = { "configuring", BIT(UE_GOOD) | BIT(UE_WRONG) | BIT(UE_DROP) | BREAKS, configuring_on },
	[US_READY]       = { "ready",       BIT(UE_DROP) | BREAKS, ready_on },
	[US_BACKOFF]     = { "backoff",     BIT(UE_DROP), backoff_on },        /* the old leg may still say that it has closed */
	[US_FAILED]      = { "failed",      BIT(UE_WANT) | BIT(UE_DROP), failed_on },
};
_Static_assert(sizeof states / sizeof *states == US_STATES, "a row per state");

const char *upstream_state_name(enum upstream_state s)
{
	return states[s].name;
}

void upstream_init(struct upstream_link *u, unsigned upstreams)
{
	*u = (struct upstream_link){ .n = upstreams, .until_ms = INT64_MAX, .spoke_ms = INT64_MIN / 2, .jitter = random_below(1001) };
}

static enum upstream_act become(struct upstream_link *u, enum upstream_state s, int64_t until_ms, enum upstream_act act)
{
	u->state = s;
	u->until_ms = until_ms;
	return act;
}

static enum upstream_act dial(struct upstream_link *u, int64_t now_ms)
{
	u->tries++;
	u->resent = false;
	u->dialled_ms = now_ms;
	return become(u, US_DIAL, now_ms + READY_MS, UA_DIAL);
}

static enum upstream_act drop(struct upstream_link *u)
{
	u->tries = u->round = 0;
	u->hopeless = false;
	return become(u, US_DOWN, INT64_MAX, UA_CLOSE);
}

static enum upstream_act fail(struct upstream_link *u)
{
	return become(u, US_FAILED, INT64_MAX, UA_FAILED);
}

static enum upstream_act other(struct upstream_link *u, int64_t now_ms)
{
	if (u->round >= u->n)
		return fail(u);
	u->which = (u->which + 1) % u->n;
	u->round++;
	u->tries = 0;
	return dial(u, now_ms);
}

/* Nominal +-25 %, so that the calls of a failed server do not come back all at once. */
static int64_t pause_of(struct upstream_link *u)
{
	int64_t ms = pauses_ms[u->tries] * (750 + u->jitter / 2) / 1000;

	u->jitter = random_below(1001);
	return ms;
}

static enum upstream_act retry(struct upstream_link *u, enum upstream_ev ev, int64_t now_ms)
{
	u->hopeless = ev == UE_HOPELESS;
	if (u->hopeless || u->tries >= TRIES)
		return other(u, now_ms);
	return become(u, US_BACKOFF, now_ms + pause_of(u), UA_CLOSE);
}

static enum upstream_act begin(struct upstream_link *u, int64_t now_ms)
{
	if (!u->n)
		return fail(u);
	u->tries = u->short_lives = 0;
	u->round = 1;
	u->hopeless = false;
	u->trouble_ms = now_ms;
	return dial(u, now_ms);
}

static enum upstream_act down_on(struct upstream_link *u, enum upstream_ev ev, int64_t now_ms)
{
	(void)ev;
	return begin(u, now_ms);
}

static enum upstream_act dial_on(struct upstream_link *u, enum upstream_ev ev, int64_t now_ms)
{
	if (ev == UE_DROP)
		return drop(u);
	return ev == UE_CREATED ? become(u, US_CREATED, u->until_ms, UA_CONFIGURE) : retry(u, ev, now_ms);
}

static enum upstream_act created_on(struct upstream_link *u, enum upstream_ev ev, int64_t now_ms)
{
	if (ev == UE_DROP)
		return drop(u);
	return ev == UE_SENT ? become(u, US_CONFIGURING, u->until_ms, UA_NONE) : retry(u, ev, now_ms);
}

static enum upstream_act wrong(struct upstream_link *u, int64_t now_ms)
{
	if (u->resent) {
		u->hopeless = true;
		return other(u, now_ms);
	}
	u->resent = true;
	return become(u, US_CREATED, u->until_ms, UA_CONFIGURE);
}

static enum upstream_act configuring_on(struct upstream_link *u, enum upstream_ev ev, int64_t now_ms)
{
	if (ev == UE_DROP)
		return drop(u);
	if (ev == UE_WRONG)
		return wrong(u, now_ms);
	if (ev != UE_GOOD)
		return retry(u, ev, now_ms);
	u->ready_ms = now_ms;
	return become(u, US_READY, INT64_MAX, UA_READY);
}

/* The one that worked is tried first. */
static enum upstream_act ready_on(struct upstream_link *u, enum upstream_ev ev, int64_t now_ms)
{
	if (ev == UE_DROP)
		return drop(u);
	u->trouble_ms = now_ms;
	if (now_ms - u->ready_ms >= STEADY_MS) {
		u->tries = u->round = 1;                 /* the connection that broke was the first try */
		u->short_lives = 0;
	} else if (u->round >= u->n && now_ms - u->spoke_ms < SPOKE_MS && ++u->short_lives < SHORT_LIVES) {
		u->tries = 1;                            /* nobody else is left, and this one does speak: a bad line is better than none */
	}
	return retry(u, ev, now_ms);
}

static enum upstream_act backoff_on(struct upstream_link *u, enum upstream_ev ev, int64_t now_ms)
{
	(void)ev;
	(void)now_ms;
	return drop(u);
}

static enum upstream_act failed_on(struct upstream_link *u, enum upstream_ev ev, int64_t now_ms)
{
	return ev == UE_DROP ? drop(u) : begin(u, now_ms);
}

enum upstream_act upstream_event(struct upstream_link *u, enum upstream_ev ev, int64_t now_ms)
{
	return states[u->state].takes & BIT(ev) ? states[u->state].on(u, ev, now_ms) : UA_NONE;
}

static bool is_trying(const struct upstream_link *u)
{
	return u->state != US_DOWN && u->state != US_READY && u->state != US_FAILED;
}

static bool waits_over(const struct upstream_link *u, int64_t limit_ms, int64_t now_ms)
{
	return u->caller && now_ms - u->trouble_ms >= limit_ms;
}

enum upstream_act upstream_tick(struct upstream_link *u, int64_t now_ms)
{
	if (is_trying(u) && waits_over(u, GIVE_UP_MS, now_ms))
		return fail(u);
	if (is_trying(u) && u->round < u->n && waits_over(u, OTHER_MS, now_ms))
		return other(u, now_ms);
	if (now_ms < u->until_ms)
		return UA_NONE;
	return u->state == US_BACKOFF ? dial(u, now_ms) : retry(u, UE_BROKEN, now_ms);
}

void upstream_replace(struct upstream_link *u, const struct upstream_link *by)
{
	int64_t spoke_ms = u->spoke_ms;
	bool caller = u->caller;

	*u = *by;
	u->caller = caller;
	u->spoke_ms = spoke_ms;
}

/* Before there was a caller nobody was in trouble. */
void upstream_caller(struct upstream_link *u, bool waits, int64_t now_ms)
{
	u->caller = waits;
	u->trouble_ms = now_ms;
}
