/*
 * metrics - the counters and histograms of metric_list.h. Each thread adds to a set of its own with relaxed atomics; the page sums the sets of all
 * workers, whichever of them is asked. Units: histograms take microseconds and print seconds.
 * Source: Prometheus text exposition format 0.0.4.
 */
#ifndef OFFHOOK_METRICS_H
#define OFFHOOK_METRICS_H

#include "base/buf.h"
#include "media-relay/metric_list.h"
#include "media-relay/session.h"

#define METRICS_TOOLS  64               /* names; all further ones are "other" */
#define METRICS_TOKENS 7                /* kinds, in the order of contract 6 `usage` */

struct metrics;                         /* one thread's set */

struct metrics *metrics_new(void);      /* NULL: out of memory */
void metrics_free(struct metrics *m);

void metrics_count(struct metrics *m, int metric, uint64_t n);
void metrics_observe(struct metrics *m, int metric, uint64_t us);
void metrics_tool(struct metrics *m, const char *tool, uint64_t us);             /* offhook_tool_seconds{tool}; only by the set's own thread */
void metrics_ended(struct metrics *m, enum end_reason r);                        /* offhook_calls_total{result} */
void metrics_usage(struct metrics *m, const int64_t tokens[METRICS_TOKENS], double cost_usd);      /* totals of a call that has ended */

struct metrics_now {                    /* what is true at the moment of asking */
	int64_t calls_active, max_calls;
	uint64_t store_queue, store_dropped, store_recoveries;
};
void metrics_page(struct buf *out, struct metrics *const *sets, size_t n, const struct metrics_now *now);

#endif
