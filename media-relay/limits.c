/* limits - how long a call may be quiet, how long it may last, what it may cost. */
#include <math.h>
#include <string.h>

#include "media-relay/limits.h"

#define WORDS_LATE_MS 3000               /* from the end of speech to its transcript */
#define HOLD_WATCH_MS 60000              /* speech that gives no words holds an act off for so long; then it is noise */
#define HOLD_ASKED_MS 20000
#define GOODBYE_MS    30000              /* whatever happens, the call is over by then */
#define QUESTION_MS   30000              /* a question that cannot be spoken is left out */
#define SILENT_BYE_MS 5000               /* the goodbye does not even begin */
#define WARN_TIME_MS  60000
#define TICK_MAX_MS   1000               /* time in which nobody looked does not count as silence */

const char *limit_name(enum limit l)
{
	static const char *const names[LIMITS] = { "", "idle_timeout_seconds", "max_call_seconds", "max_call_cost", "max_day_cost", "max_month_cost" };

	return names[l];
}

void limits_init(struct limits *l, int64_t idle_ms, int64_t max_call_ms, double max_call_cost, bool transcription)
{
	memset(l, 0, sizeof *l);
	l->idle_ms = idle_ms;
	l->max_call_ms = max_call_ms;
	l->max_call_cost = max_call_cost;
	l->transcription = transcription;
	l->day_left = l->month_left = NAN;
}

void limits_budget(struct limits *l, double day_left, double month_left, double cost)
{
	l->day_left = day_left;
	l->month_left = month_left;
	l->cost_then = cost;
}

static void watch_again(struct limits *l)
{
	l->stage = LS_WATCH;
	l->quiet_ms = l->held_ms = 0;
	l->alone = 0;
}

bool limits_words(struct limits *l)
{
	bool off = l->why == LIMIT_IDLE && l->stage != LS_WATCH;

	if (l->stage == LS_GOODBYE && !off)
		return false;                    /* time and money are over, whatever is said */
	watch_again(l);
	return off;
}

bool limits_over(const struct limits *l)
{
	return l->stage == LS_GOODBYE && l->why != LIMIT_IDLE;
}

static enum limits_act act(struct limits *l, enum limits_act a, enum limit why, int64_t now_ms)
{
	l->why = why;
	l->since_ms = now_ms;
	l->quiet_ms = l->held_ms = 0;
	if (a == LA_ASK)
		l->stage = LS_ASKED;
	else if (a == LA_GOODBYE)
		l->stage = LS_GOODBYE;
	return a;
}

/* --- silence --- */

static int64_t step(struct limits *l, int64_t now_ms)
{
	int64_t ms = l->tick_ms ? now_ms - l->tick_ms : 0;

	l->tick_ms = now_ms;
	return ms < TICK_MAX_MS ? ms : TICK_MAX_MS;
}

static void listen(struct limits *l, const struct limits_now *n, int64_t ms)
{
	if (n->agent_speaks && !l->agent_spoke)
		l->alone++;
	if (l->caller_spoke && !n->caller_speaks)
		l->speech_end_ms = n->now_ms;
	l->agent_spoke = n->agent_speaks;
	l->caller_spoke = n->caller_speaks;
	if (n->agent_speaks && l->alone <= IDLE_ALONE)
		l->quiet_ms = 0;
	else if (!n->agent_speaks && !n->tool_runs)
		l->quiet_ms += ms;
}

/* Somebody may be saying something at this moment. */
static bool held(struct limits *l, const struct limits_now *n, int64_t most_ms, int64_t ms)
{
	bool late = l->transcription && l->speech_end_ms && n->now_ms - l->speech_end_ms < WORDS_LATE_MS;

	if (!n->caller_speaks && !late)
		return false;
	l->held_ms += ms;
	return l->held_ms < most_ms;
}

static enum limits_act idle(struct limits *l, const struct limits_now *n, int64_t ms)
{
	int64_t limit = l->stage == LS_ASKED ? IDLE_ASKED_MS : l->idle_ms;
	bool stuck = l->stage == LS_ASKED && n->now_ms - l->since_ms >= QUESTION_MS + IDLE_ASKED_MS;

	if (l->idle_ms <= 0 || (!stuck && (n->agent_speaks || n->tool_runs || l->quiet_ms < limit)))
		return LA_NONE;
	if (held(l, n, l->stage == LS_ASKED ? HOLD_ASKED_MS : HOLD_WATCH_MS, ms))
		return LA_NONE;
	return act(l, l->stage == LS_ASKED ? LA_GOODBYE : LA_ASK, LIMIT_IDLE, n->now_ms);
}

/* --- time and money --- */

struct room {                            /* what is left of a limit, and below what the agent is told */
	double left, warn_at;
};

/* A budget that many calls share is near its end when this call alone would use it up in about a minute. */
static double soon(const struct limits_now *n)
{
	int64_t ms = n->now_ms - n->connected_ms;

	return n->cost * WARN_TIME_MS / (double)(ms > WARN_TIME_MS ? ms : WARN_TIME_MS);
}

static struct room room_of(const struct limits *l, const struct limits_now *n, enum limit which)
{
	double max_ms = (double)l->max_call_ms;

	switch (which) {
	case LIMIT_DURATION:
		return l->max_call_ms > 0 ? (struct room){ max_ms - (double)(n->now_ms - n->connected_ms), fmin(WARN_TIME_MS, max_ms / 5) }
					  : (struct room){ NAN, 0 };
	case LIMIT_CALL_COST:  return (struct room){ l->max_call_cost - n->cost, l->max_call_cost / 5 };
	case LIMIT_DAY_COST:   return (struct room){ l->day_left - (n->cost - l->cost_then), soon(n) };
	case LIMIT_MONTH_COST: return (struct room){ l->month_left - (n->cost - l->cost_then), soon(n) };
	default:               return (struct room){ NAN, 0 };
	}
}

/* A limit of nothing at all is none for time, and refuses the call for money. Comparisons with NAN are false. */
static enum limits_act hard(struct limits *l, const struct limits_now *n)
{
	for (enum limit i = LIMIT_DURATION; i < LIMITS; i++) {
		struct room r = room_of(l, n, i);

		if (r.left <= 0)
			return act(l, LA_GOODBYE, i, n->now_ms);
	}
	for (enum limit i = LIMIT_DURATION; i < LIMITS; i++) {
		struct room r = room_of(l, n, i);

		if (l->warned[i] || !(r.left <= r.warn_at))
			continue;
		l->warned[i] = true;
		l->why = l->stage == LS_WATCH ? i : l->why;
		return l->stage == LS_WATCH ? LA_WARN : LA_NONE;
	}
	return LA_NONE;
}

/* Heard to its end, or it never came. */
static enum limits_act goodbye(struct limits *l, const struct limits_now *n)
{
	int64_t since = n->now_ms - l->since_ms;

	if (since >= GOODBYE_MS)
		return LA_END;
	if (n->agent_speaks) {
		l->held_ms = 1;                  /* it has begun */
		return LA_NONE;
	}
	if (n->caller_speaks && l->why == LIMIT_IDLE)
		return LA_NONE;
	return l->held_ms || since >= SILENT_BYE_MS ? LA_END : LA_NONE;
}

enum limits_act limits_tick(struct limits *l, const struct limits_now *n)
{
	int64_t ms = step(l, n->now_ms);
	enum limits_act a;

	if (limits_over(l))
		return goodbye(l, n);
	a = hard(l, n);
	if (a != LA_NONE)
		return a;
	if (l->stage == LS_GOODBYE)
		return goodbye(l, n);
	listen(l, n, ms);
	return idle(l, n, ms);
}
