/* test_sim_man - the manual page names the options that the programs take, and no others. */
#include "unit.h"
#include "base/proc.h"
#include "tests/sim/model.h"
#include "tests/sim/phone_conf.h"
#include "tests/sim/play.h"
#include "tests/sim/tool.h"

static void page_read(struct buf *page)
{
	assert_int_equal(file_read(page, "tests/sim/offhook-sim.1"), ERR_OK);
}

/* How many options the help text has; each must be in the part of the page. */
static size_t all_named(struct span help, struct span part)
{
	struct span line, name;
	size_t n = 0;

	while (span_cut(&help, '\n', &line)) {
		char want[80];

		if (!span_starts(line, SPAN("  --")))
			continue;
		line = span_skip(line, 4);
		span_cut(&line, ' ', &name);
		snprintf(want, sizeof want, ".It Fl -" SPAN_FMT, SPAN_ARG(name));
		if (!memmem(part.p, part.n, want, strlen(want)))
			fail_msg("%s is missing", want);
		n++;
	}
	return n;
}

static size_t count(struct span part)
{
	size_t n = 0;
	struct span line;

	while (span_cut(&part, '\n', &line))
		n += span_starts(line, SPAN(".It Fl -"));
	return n;
}

static struct span part_of(const struct buf *page, const char *from, const char *to)
{
	const char *a = strstr(page->p, from), *b = a ? strstr(a, to) : NULL;

	assert_non_null(b);
	return span_of(a, (size_t)(b - a));
}

static void every_option_of_the_model_has_its_line(void **state)
{
	struct buf page = BUF_INIT, help = BUF_INIT;
	struct span part;

	(void)state;
	page_read(&page);
	model_help(&help);
	part = part_of(&page, ".Ss offhook-sim model", ".Ss offhook-sim tool");
	assert_int_equal(all_named(buf_span(&help), part), count(part));
	buf_fini(&page);
	buf_fini(&help);
}

static void every_option_of_the_phone_has_its_line(void **state)
{
	struct buf page = BUF_INIT, help = BUF_INIT;
	struct span part;

	(void)state;
	page_read(&page);
	phone_conf_help(&help);
	part = part_of(&page, ".Ss offhook-sim phone", ".Ss offhook-sim model");
	assert_int_equal(all_named(buf_span(&help), part), count(part));
	buf_fini(&page);
	buf_fini(&help);
}

static void every_option_of_the_tool_has_its_line(void **state)
{
	struct buf page = BUF_INIT, help = BUF_INIT;
	struct span part;

	(void)state;
	page_read(&page);
	tool_help(&help);
	part = part_of(&page, ".Ss offhook-sim tool", ".Ss offhook-sim play");
	assert_int_equal(all_named(buf_span(&help), part), count(part));
	buf_fini(&page);
	buf_fini(&help);
}

static void every_option_of_play_has_its_line(void **state)
{
	struct buf page = BUF_INIT, help = BUF_INIT;
	struct span part;

	(void)state;
	page_read(&page);
	play_help(&help);
	part = part_of(&page, ".Ss offhook-sim play", ".Sh EXIT");
	assert_int_equal(all_named(buf_span(&help), part), count(part));
	buf_fini(&page);
	buf_fini(&help);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_option_of_the_model_has_its_line),
		cmocka_unit_test(every_option_of_the_phone_has_its_line),
		cmocka_unit_test(every_option_of_the_tool_has_its_line),
		cmocka_unit_test(every_option_of_play_has_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
