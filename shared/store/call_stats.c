#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "store/call_stats.h"

#define PAGE 500

struct group {
	char *key;                             /* NULL: of none */
	int64_t calls, connected, refused, errors, ms, turns, barge_ins, reconnects, latency_n, latency_sum;
	double cost;
};

struct call_stats {
	enum stats_by by;
	struct call_filter filter;
	struct page page;
	struct buf after;
	struct group *groups;
	size_t n, cap;
	struct json_object *index;             /* key -> place in groups */
	struct group *fresh;                   /* a group of one call each, of the page that was just read */
	size_t fresh_n;
	struct txn *txn;
	enum err err;
};

static const char *const words[] = { [STATS_ALL] = "all", [STATS_DAY] = "day", [STATS_AGENT] = "agent", [STATS_NUMBER] = "number" };

bool stats_by_named(struct span word, enum stats_by *by)
{
	for (enum stats_by i = STATS_DAY; i <= STATS_NUMBER; i++)
		if (span_is(word, words[i])) {
			*by = i;
			return true;
		}
	return false;
}

enum err call_stats_new(struct call_stats **out, enum stats_by by, int64_t since_ms, int64_t until_ms)
{
	struct call_stats *s = calloc(1, sizeof *s);

	if (s)
		s->fresh = calloc(PAGE, sizeof *s->fresh);
	if (s)
		s->index = json_object_new_object();
	if (!s || !s->fresh || !s->index) {
		call_stats_free(s);
		return ERR_NOMEM;
	}
	s->by = by;
	s->filter = (struct call_filter){ .since_ms = since_ms, .until_ms = until_ms };
	*out = s;
	return ERR_OK;
}

static void fresh_clear(struct call_stats *s)
{
	for (size_t i = 0; i < s->fresh_n; i++)
		free(s->fresh[i].key);
	s->fresh_n = 0;
}

void call_stats_free(struct call_stats *s)
{
	if (!s)
		return;
	if (s->fresh)
		fresh_clear(s);
	for (size_t i = 0; i < s->n; i++)
		free(s->groups[i].key);
	free(s->groups);
	free(s->fresh);
	json_object_put(s->index);
	buf_fini(&s->page.next);
	buf_fini(&s->after);
	free(s);
}

/* --- one call --- */

static int64_t or_zero(int64_t v)
{
	return v == FIELD_NULL_INT ? 0 : v;
}

static char *agent_name(struct txn *t, const struct call *c)
{
	struct json_object *o = NULL;
	char *name = NULL;

	if (call_json(t, c, &o) == ERR_OK)
		name = json_get(o, "agent") ? span_dup(json_get_span(o, "agent")) : NULL;
	json_object_put(o);
	return name;
}

static char *key_of(const struct call_stats *s, const struct call *c)
{
	bool outbound = c->direction && strncmp(c->direction, "outbound", 8) == 0;
	char day[TIME_TEXT];

	switch (s->by) {
	case STATS_DAY:
		time_format(day, c->started_at);
		return span_dup(span_of(day, 10));
	case STATS_AGENT:
		return agent_name(s->txn, c);
	case STATS_NUMBER:
		return c->called_number || c->caller_number ? span_dup(span_z(outbound ? c->caller_number : c->called_number)) : NULL;
	case STATS_ALL:
		break;
	}
	return NULL;
}

static void measure(struct group *g, const struct call *c)
{
	bool error = c->status && strcmp(c->status, "error") == 0, streamed = c->connected_at != FIELD_NULL_INT;

	g->calls = 1;
	g->connected = streamed;
	g->refused = error && !streamed;
	g->errors = error && streamed;
	g->ms = streamed && c->ended_at != FIELD_NULL_INT && c->ended_at > c->connected_at ? c->ended_at - c->connected_at : 0;
	g->turns = or_zero(c->turns);
	g->barge_ins = or_zero(c->barge_ins);
	g->reconnects = or_zero(c->reconnects);
	g->latency_n = c->latency_p50_ms != FIELD_NULL_INT;
	g->latency_sum = or_zero(c->latency_p50_ms);
	g->cost = isnan(c->cost) ? 0 : c->cost;
}

static bool each(struct call *c, void *arg)
{
	struct call_stats *s = arg;
	struct group *g = &s->fresh[s->fresh_n++];

	*g = (struct group){ .key = key_of(s, c) };
	measure(g, c);
	return s->fresh_n < PAGE;
}

enum err call_stats_page(struct txn *t, void *stats)
{
	struct call_stats *s = stats;

	fresh_clear(s);
	s->txn = t;
	buf_reset(&s->page.next);
	s->page.limit = PAGE;
	s->page.after = s->after.n ? buf_span(&s->after) : SPAN_NONE;
	return call_list(t, &s->filter, &s->page, each, s);
}

/* --- sums --- */

static bool groups_grow(struct call_stats *s)
{
	size_t cap = s->cap ? s->cap * 2 : 32;
	struct group *more = s->n < s->cap ? s->groups : realloc(s->groups, cap * sizeof *more);

	if (!more)
		return false;
	s->cap = s->n < s->cap ? s->cap : cap;
	s->groups = more;
	return true;
}

static struct group *group_of(struct call_stats *s, const char *key)
{
	int64_t at;
	struct json_object *place;

	if (json_get_int(s->index, key ? key : "", &at))
		return &s->groups[at];
	place = groups_grow(s) ? json_object_new_int64((int64_t)s->n) : NULL;
	if (!place || json_object_object_add(s->index, key ? key : "", place) != 0) {
		json_object_put(place);
		s->err = ERR_NOMEM;
		return NULL;
	}
	s->groups[s->n] = (struct group){ .key = key ? span_dup(span_z(key)) : NULL };
	return &s->groups[s->n++];
}

static void add(struct group *g, const struct group *one)
{
	g->calls += one->calls;
	g->connected += one->connected;
	g->refused += one->refused;
	g->errors += one->errors;
	g->ms += one->ms;
	g->turns += one->turns;
	g->barge_ins += one->barge_ins;
	g->reconnects += one->reconnects;
	g->latency_n += one->latency_n;
	g->latency_sum += one->latency_sum;
	g->cost += one->cost;
}

bool call_stats_next(struct call_stats *s)
{
	for (size_t i = 0; i < s->fresh_n && !s->err; i++) {
		struct group *g = group_of(s, s->fresh[i].key);

		if (g)
			add(g, &s->fresh[i]);
	}
	fresh_clear(s);
	buf_reset(&s->after);
	buf_add(&s->after, buf_span(&s->page.next));
	return s->after.n > 0 && !s->err;
}

/* --- out --- */

static int by_day(const void *a, const void *b)
{
	const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;

	return strcmp(y->key ? y->key : "", x->key ? x->key : "");
}

static int by_calls(const void *a, const void *b)
{
	const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;

	if (x->calls != y->calls)
		return x->calls > y->calls ? -1 : 1;
	return strcmp(x->key ? x->key : "", y->key ? y->key : "");
}

static struct json_object *row(struct jbuild *b, enum stats_by by, const struct group *g)
{
	struct json_object *o = json_obj(b);
	const struct { const char *name; int64_t value; } counts[] = {
		{ "calls", g->calls }, { "connected", g->connected }, { "refused", g->refused }, { "errors", g->errors },
	}, more[] = { { "turns", g->turns }, { "barge_ins", g->barge_ins }, { "reconnects", g->reconnects } };

	if (by != STATS_ALL)
		json_set(b, o, words[by], json_strz(b, g->key));
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		json_set(b, o, counts[i].name, json_int(b, counts[i].value));
	json_set(b, o, "minutes", json_num(b, round((double)g->ms / 6000) / 10));
	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		json_set(b, o, more[i].name, json_int(b, more[i].value));
	json_set(b, o, "latency_ms", g->latency_n ? json_int(b, g->latency_sum / g->latency_n) : NULL);
	json_set(b, o, "cost", json_num(b, round(g->cost * 1e7) / 1e7));
	return o;
}

enum err call_stats_json(const struct call_stats *s, struct json_object **out)
{
	const struct group **order = calloc(s->n + 1, sizeof *order), none = { 0 };
	struct jbuild b = { .err = s->err ? s->err : order ? ERR_OK : ERR_NOMEM };
	struct json_object *rows = json_arr(&b);

	for (size_t i = 0; order && i < s->n; i++)
		order[i] = &s->groups[i];
	if (order && s->n)
		qsort(order, s->n, sizeof *order, s->by == STATS_DAY ? by_day : by_calls);
	for (size_t i = 0; order && i < s->n && !b.err; i++)
		json_push(&b, rows, row(&b, s->by, order[i]));
	if (s->by == STATS_ALL && s->n == 0)
		json_push(&b, rows, row(&b, s->by, &none));
	free(order);
	if (b.err)
		json_object_put(rows);
	else
		*out = rows;
	return b.err;
}
