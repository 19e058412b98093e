/* metrics - a table of what exists, sets of relaxed atomics, one page that sums them. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/proc.h"
#include "media-relay/metrics.h"

static const uint64_t bounds_us[] = { 50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 200000, 300000, 500000, 750000, 1000000,
				      1500000, 2000000, 3000000, 5000000, 10000000 };
#define BOUNDS (sizeof bounds_us / sizeof *bounds_us)

enum kind { C, G, H };

static const struct row {
	enum kind kind;
	const char *name, *labels, *help;
} rows[] = {
#define X(id, k, n, l, h) [M_##id] = { k, n, l, h },
	METRIC_LIST(X)
#undef X
};
_Static_assert(sizeof rows / sizeof *rows == M_COUNT, "a row per metric");

static const char *const token_kinds[METRICS_TOKENS] = { "input_text", "input_audio", "cached_text", "cached_audio", "output_text",
							 "output_audio", "transcription" };

struct hist {
	_Atomic uint64_t bucket[BOUNDS + 1];
	_Atomic uint64_t sum_us;
};

struct tool_hist {
	char name[65];
	struct hist hist;
};

struct metrics {
	_Atomic(struct tool_hist *) tools[METRICS_TOOLS + 1];    /* in order of their first use; the last is for the rest */
	_Atomic uint64_t value[M_COUNT];
	struct hist *hist[M_COUNT];
	_Atomic uint64_t ended[END_COUNT];
	_Atomic uint64_t tokens[METRICS_TOKENS];
	_Atomic uint64_t cost_microusd;
};

static void add(_Atomic uint64_t *p, uint64_t n)
{
	atomic_fetch_add_explicit(p, n, memory_order_relaxed);
}

static uint64_t read_of(_Atomic uint64_t *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

struct metrics *metrics_new(void)
{
	struct metrics *m = calloc(1, sizeof *m);

	for (size_t i = 0; m && i < M_COUNT; i++) {
		if (rows[i].kind != H)
			continue;
		m->hist[i] = calloc(1, sizeof *m->hist[i]);
		if (!m->hist[i]) {
			metrics_free(m);
			return NULL;
		}
	}
	return m;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < M_COUNT; i++)
		free(m->hist[i]);
	for (size_t i = 0; i <= METRICS_TOOLS; i++)
		free(atomic_load(&m->tools[i]));
	free(m);
}

void metrics_count(struct metrics *m, int metric, uint64_t n)
{
	if (metric >= 0 && metric < M_COUNT)
		add(&m->value[metric], n);
}

static void observe(struct hist *h, uint64_t us)
{
	size_t b = 0;

	while (b < BOUNDS && us > bounds_us[b])
		b++;
	add(&h->bucket[b], 1);
	add(&h->sum_us, us);
}

void metrics_observe(struct metrics *m, int metric, uint64_t us)
{
	if (metric >= 0 && metric < M_COUNT && m->hist[metric])
		observe(m->hist[metric], us);
}

/* Readers see a histogram only when its name is there. */
static struct hist *tool_hist(struct metrics *m, const char *name)
{
	for (size_t i = 0; i <= METRICS_TOOLS; i++) {
		struct tool_hist *h = atomic_load_explicit(&m->tools[i], memory_order_relaxed);

		if (h && (i == METRICS_TOOLS || strcmp(h->name, name) == 0))
			return &h->hist;
		if (h)
			continue;
		h = calloc(1, sizeof *h);
		if (!h || !span_copy(h->name, sizeof h->name, i == METRICS_TOOLS ? SPAN("other") : span_z(name))) {
			free(h);
			return NULL;
		}
		atomic_store_explicit(&m->tools[i], h, memory_order_release);
		return &h->hist;
	}
	return NULL;
}

void metrics_tool(struct metrics *m, const char *tool, uint64_t us)
{
	struct hist *h = tool_hist(m, tool);

	if (h)
		observe(h, us);
}

void metrics_ended(struct metrics *m, enum end_reason r)
{
	if (r > END_NONE && r < END_COUNT)
		add(&m->ended[r], 1);
}

void metrics_usage(struct metrics *m, const int64_t tokens[METRICS_TOKENS], double cost_usd)
{
	for (size_t i = 0; i < METRICS_TOKENS; i++)
		if (tokens[i] > 0)
			add(&m->tokens[i], (uint64_t)tokens[i]);
	if (cost_usd > 0)
		add(&m->cost_microusd, (uint64_t)(cost_usd * 1e6 + 0.5));
}

/* --- the page --- */

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void seconds(struct buf *out, uint64_t us)
{
	buf_num(out, (double)us / 1e6);
}

static void hist_add(struct hist *sum, struct hist *one)
{
	for (size_t b = 0; b <= BOUNDS; b++)
		add(&sum->bucket[b], read_of(&one->bucket[b]));
	add(&sum->sum_us, read_of(&one->sum_us));
}

static void hist_lines(struct buf *out, const struct row *r, struct hist *h)
{
	const char *comma = *r->labels ? "," : "", *open = *r->labels ? "{" : "", *close = *r->labels ? "}" : "";
	uint64_t seen = 0;

	for (size_t b = 0; b <= BOUNDS; b++) {
		seen += read_of(&h->bucket[b]);
		buf_printf(out, "%s_bucket{%s%sle=\"", r->name, r->labels, comma);
		if (b < BOUNDS)
			seconds(out, bounds_us[b]);
		else
			buf_addz(out, "+Inf");
		buf_printf(out, "\"} %llu\n", (unsigned long long)seen);
	}
	buf_printf(out, "%s_sum%s%s%s ", r->name, open, r->labels, close);
	seconds(out, read_of(&h->sum_us));
	buf_printf(out, "\n%s_count%s%s%s %llu\n", r->name, open, r->labels, close, (unsigned long long)seen);
}

static void row_lines(struct buf *out, size_t id, struct metrics *const *sets, size_t n)
{
	const struct row *r = &rows[id];
	struct hist sum = { 0 };
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++) {
		total += read_of(&sets[i]->value[id]);
		if (r->kind == H)
			hist_add(&sum, sets[i]->hist[id]);
	}
	if (r->kind == H)
		hist_lines(out, r, &sum);
	else
		buf_printf(out, "%s%s%s%s %llu\n", r->name, *r->labels ? "{" : "", r->labels, *r->labels ? "}" : "", (unsigned long long)total);
}

static void table_lines(struct buf *out, struct metrics *const *sets, size_t n)
{
	static const char *const types[] = { [C] = "counter", [G] = "gauge", [H] = "histogram" };

	for (size_t id = 0; id < M_COUNT; id++) {
		if (id == 0 || strcmp(rows[id].name, rows[id - 1].name) != 0)
			head(out, rows[id].name, types[rows[id].kind], rows[id].help);
		row_lines(out, id, sets, n);
	}
}

static bool told_before(struct metrics *const *sets, size_t set, size_t at, const char *name)
{
	for (size_t i = 0; i <= set; i++)
		for (size_t k = 0; k <= METRICS_TOOLS && (i < set || k < at); k++) {
			struct tool_hist *h = atomic_load_explicit(&sets[i]->tools[k], memory_order_acquire);

			if (h && strcmp(h->name, name) == 0)
				return true;
		}
	return false;
}

static void tool_line(struct buf *out, struct metrics *const *sets, size_t n, const char *name)
{
	struct hist sum = { 0 };
	char labels[96];
	struct row r = { H, "offhook_tool_seconds", labels, NULL };

	snprintf(labels, sizeof labels, "tool=\"%s\"", name);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k <= METRICS_TOOLS; k++) {
			struct tool_hist *h = atomic_load_explicit(&sets[i]->tools[k], memory_order_acquire);

			if (h && strcmp(h->name, name) == 0)
				hist_add(&sum, &h->hist);
		}
	hist_lines(out, &r, &sum);
}

static void tool_lines(struct buf *out, struct metrics *const *sets, size_t n)
{
	head(out, "offhook_tool_seconds", "histogram", "time of a tool call, by tool");
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k <= METRICS_TOOLS; k++) {
			struct tool_hist *h = atomic_load_explicit(&sets[i]->tools[k], memory_order_acquire);

			if (h && !told_before(sets, i, k, h->name))
				tool_line(out, sets, n, h->name);
		}
}

static void call_lines(struct buf *out, struct metrics *const *sets, size_t n)
{
	head(out, "offhook_calls_total", "counter", "calls that have ended, by result");
	for (int r = END_NONE + 1; r < END_COUNT; r++) {
		uint64_t total = 0;

		for (size_t i = 0; i < n; i++)
			total += read_of(&sets[i]->ended[r]);
		buf_printf(out, "offhook_calls_total{result=\"%s\"} %llu\n", end_text((enum end_reason)r), (unsigned long long)total);
	}
}

static void usage_lines(struct buf *out, struct metrics *const *sets, size_t n)
{
	uint64_t cost = 0;

	head(out, "offhook_tokens_total", "counter", "tokens of calls that have ended");
	for (size_t k = 0; k < METRICS_TOKENS; k++) {
		uint64_t total = 0;

		for (size_t i = 0; i < n; i++)
			total += read_of(&sets[i]->tokens[k]);
		buf_printf(out, "offhook_tokens_total{kind=\"%s\"} %llu\n", token_kinds[k], (unsigned long long)total);
	}
	for (size_t i = 0; i < n; i++)
		cost += read_of(&sets[i]->cost_microusd);
	head(out, "offhook_cost_total", "counter", "US dollars spent on calls that have ended");
	buf_addz(out, "offhook_cost_total ");
	buf_num(out, (double)cost / 1e6);
	buf_addc(out, '\n');
}

static void number(struct buf *out, const char *name, const char *type, const char *help, double v)
{
	head(out, name, type, help);
	buf_printf(out, "%s ", name);
	buf_num(out, v);
	buf_addc(out, '\n');
}

static double resident_bytes(void)
{
	struct buf b = BUF_BOUND(4096);
	unsigned long all, resident = 0;

	if (file_read(&b, "/proc/self/statm") == ERR_OK)
		sscanf(buf_z(&b), "%lu %lu", &all, &resident);
	buf_fini(&b);
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static void process_lines(struct buf *out)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	number(out, "process_cpu_seconds_total", "counter", "user and system time",
	       (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
	number(out, "process_resident_memory_bytes", "gauge", "resident memory", resident_bytes());
}

void metrics_page(struct buf *out, struct metrics *const *sets, size_t n, const struct metrics_now *now)
{
	number(out, "offhook_calls_active", "gauge", "calls from their webhook to the end of their session", (double)now->calls_active);
	number(out, "offhook_calls_max", "gauge", "OFFHOOK_MAX_CALLS", (double)now->max_calls);
	call_lines(out, sets, n);
	table_lines(out, sets, n);
	tool_lines(out, sets, n);
	usage_lines(out, sets, n);
	number(out, "offhook_store_queue", "gauge", "jobs that wait for the store", (double)now->store_queue);
	number(out, "offhook_store_dropped_total", "counter", "optional jobs dropped because the queue was full", (double)now->store_dropped);
	number(out, "offhook_store_recoveries_total", "counter", "times the environment was opened anew", (double)now->store_recoveries);
	process_lines(out);
}
