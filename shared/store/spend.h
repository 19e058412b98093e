/*
 * spend - what calls have cost, added up per agent and day and per account and month (UTC), and what is left of the limits on it.
 * call_put() keeps these sums: it adds the difference to the cost that the record had, in the same transaction, so a repeated job adds nothing.
 * Key: 'd' + agent id + day since 1970, or 'm' + account id + month since year 0.
 */
#ifndef OFFHOOK_SPEND_H
#define OFFHOOK_SPEND_H

#include "store/agent.h"
#include "store/record.h"

struct call;
struct spend {
	double cost;                   /* US dollars */
	int64_t updated_at;
};

extern const struct record_type spend_type;

enum err spend_add(struct txn *t, const struct call *c, double cost_before, int64_t wall_ms);
enum err spend_of_day(struct txn *t, struct span agent_id, int64_t wall_ms, double *cost);         /* 0 when nothing was spent */
enum err spend_of_month(struct txn *t, struct span account_id, int64_t wall_ms, double *cost);

/* What is left today and this month, never less than 0; NAN: no limit. `account_id` may be SPAN_NONE. */
struct budget {
	double day_left, month_left;
	double day_max, month_max;
};
enum err budget_get(struct txn *t, const struct agent *a, struct span account_id, int64_t wall_ms, struct budget *b);

#endif
