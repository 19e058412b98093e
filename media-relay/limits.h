/*
 * limits - how long a call may be quiet, how long it may last, what it may cost: warned, wrapped up, ended with a goodbye. No clock of its own, sends nothing.
 * Idle: time in which neither side speaks and no tool runs, since the caller's last words or keys. What the agent says in answer starts it anew; an agent
 * that talks to nobody (noise taken for speech, a model that asks by itself) does so IDLE_ALONE times at most, then its speech only stops the clock.
 * Cost: the call's own limit, and what the store says is left of the agent's day and the account's month.
 * Source: contract M7.
 */
#ifndef OFFHOOK_LIMITS_H
#define OFFHOOK_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#define IDLE_ALONE    3
#define IDLE_ASKED_MS 10000              /* from the end of the question to the goodbye */

enum limit { LIMIT_NONE, LIMIT_IDLE, LIMIT_DURATION, LIMIT_CALL_COST, LIMIT_DAY_COST, LIMIT_MONTH_COST, LIMITS };
const char *limit_name(enum limit l);    /* field that sets it: "idle_timeout_seconds" */

enum limits_act { LA_NONE, LA_WARN, LA_ASK, LA_GOODBYE, LA_END };
enum limits_stage { LS_WATCH, LS_ASKED, LS_GOODBYE };

struct limits {
	/* set once; 0 or NAN = none */
	int64_t idle_ms, max_call_ms;
	double max_call_cost;
	bool transcription;              /* words are known, some time after they were spoken */
	/* what others have left of the budgets, as of the cost then */
	double day_left, month_left, cost_then;
	/* own */
	enum limits_stage stage;
	enum limit why;                  /* of the last act */
	bool warned[LIMITS];
	int64_t tick_ms;                 /* of the last tick; 0 = none yet */
	int64_t quiet_ms, held_ms, since_ms;
	int64_t speech_end_ms;           /* the caller's; its words may still come */
	bool agent_spoke, caller_spoke;
	unsigned alone;                  /* times the agent spoke since the caller's last words */
};

struct limits_now {
	int64_t now_ms, connected_ms;
	double cost;
	bool caller_speaks;
	bool agent_speaks;               /* an answer is wanted, made, or not heard to its end */
	bool tool_runs;
};

void limits_init(struct limits *l, int64_t idle_ms, int64_t max_call_ms, double max_call_cost, bool transcription);
void limits_budget(struct limits *l, double day_left, double month_left, double cost);      /* cost: of this call, as it was counted in */
bool limits_words(struct limits *l);     /* the caller said something, or pressed a key; true: the goodbye for silence is called off */
bool limits_over(const struct limits *l);        /* the goodbye is under way, and nothing that is said calls it off */
enum limits_act limits_tick(struct limits *l, const struct limits_now *n);                  /* `why` says of which limit */

#endif
