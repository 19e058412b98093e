/*
 * call_stats - calls counted and added up by day (UTC), agent, number of ours, or all together. Reads the call records of a span of time, a page at a time, so that
 * no transaction is long; the pages are the caller's transactions.
 */
#ifndef OFFHOOK_CALL_STATS_H
#define OFFHOOK_CALL_STATS_H

#include <json-c/json.h>

#include "store/call.h"

enum stats_by { STATS_ALL, STATS_DAY, STATS_AGENT, STATS_NUMBER };
bool stats_by_named(struct span word, enum stats_by *by);       /* "day" "agent" "number" */

struct call_stats;
enum err call_stats_new(struct call_stats **out, enum stats_by by, int64_t since_ms, int64_t until_ms);      /* FIELD_NULL_INT = open */
void call_stats_free(struct call_stats *s);
enum err call_stats_page(struct txn *t, void *stats);           /* a body; repeatable, counts nothing by itself */
bool call_stats_next(struct call_stats *s);                     /* after each page that went through: counts it; true: there are more */

/* [{"day"|"agent"|"number", "calls", "connected", "refused", "errors", "minutes", "turns", "barge_ins", "reconnects", "latency_ms", "cost"}], days newest first,
 * all else by number of calls. `connected` had a stream; `refused` never had one and were turned away; latency_ms is the mean of the calls' medians. */
enum err call_stats_json(const struct call_stats *s, struct json_object **out);

#endif
