/* test_metrics - one page for all workers, in the form that Prometheus reads. */
#include <stdlib.h>

#include "unit.h"

#include "media-relay/metrics.h"

static void page_of(struct metrics *const *sets, size_t n, struct buf *out)
{
	struct metrics_now now = { .calls_active = 3, .max_calls = 350, .store_queue = 7, .store_dropped = 1, .store_recoveries = 2 };

	buf_reset(out);
	metrics_page(out, sets, n, &now);
	assert_int_equal(out->err, ERR_OK);
}

static void has(struct buf *page, const char *line)
{
	if (!strstr(buf_z(page), line))
		fail_msg("not on the page: %s", line);
}

static void counts_of_all_workers_are_one_number(void **state)
{
	struct metrics *m[2] = { metrics_new(), metrics_new() };
	const int64_t tokens[METRICS_TOKENS] = { 10, 20, 0, 5, 7, 8, 0 };
	struct buf page = BUF_INIT;

	(void)state;
	metrics_count(m[0], M_FRAMES_UP, 5);
	metrics_count(m[1], M_FRAMES_UP, 6);
	metrics_count(m[1], M_BARGE_INS, 1);
	metrics_ended(m[0], END_CALLER_HANGUP);
	metrics_ended(m[1], END_CALLER_HANGUP);
	metrics_usage(m[0], tokens, 0.25);
	metrics_usage(m[1], tokens, 0.5);
	page_of(m, 2, &page);
	has(&page, "\noffhook_frames_total{direction=\"caller_to_model\"} 11\n");
	has(&page, "\noffhook_frames_total{direction=\"model_to_caller\"} 0\n");
	has(&page, "\noffhook_barge_ins_total 1\n");
	has(&page, "\noffhook_calls_total{result=\"caller_hangup\"} 2\n");
	has(&page, "\noffhook_calls_total{result=\"relay_lost\"} 0\n");
	has(&page, "\noffhook_tokens_total{kind=\"input_audio\"} 40\n");
	has(&page, "\noffhook_cost_total 0.75\n");
	has(&page, "offhook_calls_active 3\n");
	has(&page, "\noffhook_store_queue 7\n");
	has(&page, "\nprocess_resident_memory_bytes ");
	has(&page, "\nprocess_cpu_seconds_total ");
	buf_fini(&page);
	metrics_free(m[0]);
	metrics_free(m[1]);
}

static void a_histogram_counts_upwards_and_ends_with_everything(void **state)
{
	struct metrics *m = metrics_new();
	struct buf page = BUF_INIT;

	(void)state;
	metrics_observe(m, M_CONNECT, 50);
	metrics_observe(m, M_CONNECT, 51);
	metrics_observe(m, M_CONNECT, 1500000);
	metrics_observe(m, M_CONNECT, 99000000);
	page_of(&m, 1, &page);
	has(&page, "offhook_model_connect_seconds_bucket{le=\"5e-05\"} 1\n");
	has(&page, "offhook_model_connect_seconds_bucket{le=\"0.0001\"} 2\n");
	has(&page, "offhook_model_connect_seconds_bucket{le=\"1.5\"} 3\n");
	has(&page, "offhook_model_connect_seconds_bucket{le=\"10\"} 3\n");
	has(&page, "offhook_model_connect_seconds_bucket{le=\"+Inf\"} 4\n");
	has(&page, "offhook_model_connect_seconds_sum 100.500101\n");
	has(&page, "offhook_model_connect_seconds_count 4\n");
	has(&page, "offhook_frame_delay_seconds_bucket{direction=\"caller_to_model\",le=\"0.001\"} 0\n");
	buf_fini(&page);
	metrics_free(m);
}

/* HELP and TYPE once for each name, before its lines. */
static void every_name_is_introduced_once(void **state)
{
	struct metrics *m = metrics_new();
	struct buf page = BUF_INIT;
	struct span rest, line;
	char seen[64][80] = { "" };
	size_t n = 0;

	(void)state;
	page_of(&m, 1, &page);
	rest = buf_span(&page);
	while (span_cut(&rest, '\n', &line)) {
		char name[80];

		if (!span_starts(line, SPAN("# TYPE ")))
			continue;
		assert_int_equal(sscanf(line.p + 7, "%79s", name), 1);
		for (size_t i = 0; i < n; i++)
			assert_string_not_equal(seen[i], name);
		assert_true(n < 64);
		memcpy(seen[n++], name, sizeof name);
	}
	assert_true(n > 15);
	buf_fini(&page);
	metrics_free(m);
}

static void what_is_no_metric_is_ignored(void **state)
{
	struct metrics *m = metrics_new();

	(void)state;
	metrics_count(m, -1, 1);
	metrics_count(m, M_COUNT, 1);
	metrics_observe(m, M_COUNT, 1);
	metrics_observe(m, M_FRAMES_UP, 1);
	metrics_ended(m, END_NONE);
	metrics_ended(m, END_COUNT);
	metrics_free(m);
	metrics_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_of_all_workers_are_one_number),
		cmocka_unit_test(a_histogram_counts_upwards_and_ends_with_everything),
		cmocka_unit_test(every_name_is_introduced_once),
		cmocka_unit_test(what_is_no_metric_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
