#include <math.h>
#include <time.h>

#include "store/account.h"
#include "store/call.h"
#include "store/key.h"
#include "store/spend.h"

#define DAY_MS INT64_C(86400000)

/* Order is the stored numbering: append only. */
static const struct field spend_fields[] = {
	FIELD(struct spend, cost,       FK_PLAIN, 0, 0, 0, "0",  NULL, "US dollars"),
	FIELD(struct spend, updated_at, FK_TIME,  0, 0, 0, NULL, NULL, "when something was added last"),
};

const struct record_type spend_type = {
	"spend", T_SPEND, spend_fields, sizeof spend_fields / sizeof *spend_fields, sizeof(struct spend), 1, NULL,
};

static bool key_make(struct key *k, char scope, struct span id, int64_t period)
{
	k->n = 0;
	key_bytes(k, span_of(&scope, 1));
	if (!id.p || !key_id(k, id))
		return false;
	key_u32(k, (uint32_t)period);
	return true;
}

static int64_t month_of(int64_t wall_ms)
{
	time_t s = (time_t)(wall_ms / 1000);
	struct tm tm;

	gmtime_r(&s, &tm);
	return (int64_t)(tm.tm_year + 1900) * 12 + tm.tm_mon;
}

static bool day_key(struct key *k, struct span agent_id, int64_t wall_ms)
{
	return key_make(k, 'd', agent_id, wall_ms / DAY_MS);
}

static bool month_key(struct key *k, struct span account_id, int64_t wall_ms)
{
	return key_make(k, 'm', account_id, month_of(wall_ms));
}

static enum err add(struct txn *t, const struct key *k, double more, int64_t wall_ms)
{
	struct spend s;
	enum err e = record_get_for_update(t, &spend_type, key_span(k), &s);

	if (e == ERR_NOTFOUND)
		record_init(&spend_type, &s);
	else if (e)
		return e;
	s.cost += more;
	s.updated_at = wall_ms;
	e = record_put(t, &spend_type, key_span(k), &s);
	record_fini(&spend_type, &s);
	return e;
}

enum err spend_add(struct txn *t, const struct call *c, double cost_before, int64_t wall_ms)
{
	double more = (isnan(c->cost) ? 0 : c->cost) - (isnan(cost_before) ? 0 : cost_before);
	enum err e = ERR_OK;
	struct key k;

	if (more == 0)
		return ERR_OK;
	if (day_key(&k, span_z(c->agent), wall_ms))
		e = add(t, &k, more, wall_ms);
	if (!e && month_key(&k, span_z(c->account), wall_ms))
		e = add(t, &k, more, wall_ms);
	return e;
}

static enum err sum(struct txn *t, bool has_key, const struct key *k, double *cost)
{
	struct spend s;
	enum err e = has_key ? record_get(t, &spend_type, key_span(k), &s) : ERR_NOTFOUND;

	*cost = 0;
	if (e)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	*cost = s.cost;
	record_fini(&spend_type, &s);
	return ERR_OK;
}

enum err spend_of_day(struct txn *t, struct span agent_id, int64_t wall_ms, double *cost)
{
	struct key k;
	bool ok = day_key(&k, agent_id, wall_ms);

	return sum(t, ok, &k, cost);
}

enum err spend_of_month(struct txn *t, struct span account_id, int64_t wall_ms, double *cost)
{
	struct key k;
	bool ok = month_key(&k, account_id, wall_ms);

	return sum(t, ok, &k, cost);
}

static double left_of(double max, double spent)
{
	return isnan(max) ? NAN : spent < max ? max - spent : 0;
}

static enum err month_limit(struct txn *t, struct span account_id, double *max)
{
	struct account a;
	enum err e = account_id.p ? account_get(t, account_id, &a) : ERR_NOTFOUND;

	*max = NAN;
	if (e)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	*max = a.max_month_cost;
	record_fini(&account_type, &a);
	return ERR_OK;
}

enum err budget_get(struct txn *t, const struct agent *a, struct span account_id, int64_t wall_ms, struct budget *b)
{
	double day = 0, month = 0;
	enum err e = month_limit(t, account_id, &b->month_max);

	b->day_max = a->max_day_cost;
	if (!e && !isnan(b->day_max))
		e = spend_of_day(t, span_z(a->id), wall_ms, &day);
	if (!e && !isnan(b->month_max))
		e = spend_of_month(t, account_id, wall_ms, &month);
	b->day_left = left_of(b->day_max, day);
	b->month_left = left_of(b->month_max, month);
	return e;
}
