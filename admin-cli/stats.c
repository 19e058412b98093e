/* stats - calls counted and added up. */
#include "base/clock.h"
#include "base/json.h"
#include "cli.h"
#include "out.h"
#include "store/call_stats.h"

#define COUNTS { "calls", OUT_RIGHT }, { "connected", OUT_RIGHT }, { "refused", OUT_RIGHT }, { "errors", OUT_RIGHT }, { "minutes", OUT_RIGHT }, \
	{ "turns", OUT_RIGHT }, { "barge_ins", OUT_RIGHT }, { "reconnects", OUT_RIGHT }, { "latency_ms", OUT_RIGHT }, { "cost", OUT_RIGHT }

static const struct out_col columns[][11] = {
	[STATS_ALL]    = { COUNTS },
	[STATS_DAY]    = { { "day", 0 }, COUNTS },
	[STATS_AGENT]  = { { "agent", OUT_CUT }, COUNTS },
	[STATS_NUMBER] = { { "number", 0 }, COUNTS },
};

static enum err read_args(struct cli *c, const struct args *a, enum stats_by *by, int64_t *since)
{
	*by = STATS_ALL;
	*since = FIELD_NULL_INT;
	if (arg(a, "--by") && !stats_by_named(arg_span(a, "--by"), by))
		return cli_fail(c, ERR_VALUE, "--by %.40s: must be one of: day agent number", arg(a, "--by"));
	if (arg(a, "--since") && !time_since(arg_span(a, "--since"), clock_wall_ms(), since))
		return cli_fail(c, ERR_VALUE, "--since %.40s: must be a time (2026-11-23T17:00:00Z), a date, or 90s, 15m, 2h, 3d, 4w ago", arg(a, "--since"));
	return ERR_OK;
}

static enum err add_up(struct cli *c, struct call_stats *s)
{
	enum err e;

	do
		e = cli_txn(c, CLI_READ, call_stats_page, s);
	while (!e && call_stats_next(s) && !store_interrupted(c->store));
	return e ? cli_fail(c, e, "stats: %s", err_text(e)) : ERR_OK;
}

enum err stats_run(struct cli *c, const struct args *a)
{
	struct call_stats *s = NULL;
	struct json_object *rows = NULL;
	enum stats_by by;
	int64_t since;
	enum err e = read_args(c, a, &by, &since);

	e = e ? e : call_stats_new(&s, by, since, FIELD_NULL_INT);
	e = e ? e : add_up(c, s);
	e = e ? e : call_stats_json(s, &rows);
	if (!e)
		e = c->json ? out_json(&c->out, rows) : out_table(&c->out, columns[by], by == STATS_ALL ? 10 : 11, rows, out_width());
	json_object_put(rows);
	call_stats_free(s);
	return e;
}
