/* tools: the module alone. What it asks for is written down as short words. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "media-relay/tools.h"
#include "media-relay/tools_check.h"
#include "unit.h"

static struct buf said;

static void on_output(void *ctx, const struct tool_call *c, struct span output)
{
	(void)ctx;
	buf_printf(&said, "output %s " SPAN_FMT ";", c->id, SPAN_ARG(output));
}

static void on_saved(void *ctx, struct tool_call *c, struct span result, int64_t ms)
{
	(void)ctx;
	if (result.p)
		buf_printf(&said, "saved %s %lld;", c->name, (long long)ms);
}

static void on_answer(void *ctx) { (void)ctx; buf_addz(&said, "answer;"); }
static void on_filler(void *ctx, struct span words) { (void)ctx; buf_printf(&said, "filler " SPAN_FMT ";", SPAN_ARG(words)); }

static void on_http(void *ctx, const struct tool *t, uint64_t ticket, struct span arguments)
{
	(void)ctx;
	buf_printf(&said, "http %s %llu " SPAN_FMT ";", t->name, (unsigned long long)ticket, SPAN_ARG(arguments));
}

static void on_end(void *ctx, struct span reason) { (void)ctx; buf_printf(&said, "end " SPAN_FMT ";", SPAN_ARG(reason)); }

static void on_transfer(void *ctx, const struct tools_target *to, bool back, struct span summary)
{
	(void)ctx;
	buf_printf(&said, "transfer " SPAN_FMT " %d " SPAN_FMT ";", SPAN_ARG(to->number), back, SPAN_ARG(summary));
}

static void on_digits(void *ctx, struct span d) { (void)ctx; buf_printf(&said, "digits " SPAN_FMT ";", SPAN_ARG(d)); }
static bool keeps = true;
static bool on_message(void *ctx, struct span j)
{
	(void)ctx;
	buf_printf(&said, "message " SPAN_FMT ";", SPAN_ARG(j));
	return keeps;
}

static void on_collect(void *ctx, uint64_t ticket, unsigned max, bool secret)
{
	(void)ctx;
	buf_printf(&said, "collect %llu %u %d;", (unsigned long long)ticket, max, secret);
}

static const struct tools_out out = { on_output, on_saved, on_answer, on_filler, on_http, on_end, on_transfer, on_digits, on_message, on_collect, NULL };

static struct tool http[] = {
	{ .name = "lookup", .timeout_ms = 10000, .filler = "One moment.",
	  .parameters = "{\"type\":\"object\",\"properties\":{\"day\":{\"type\":\"string\"},\"n\":{\"type\":[\"integer\",\"null\"]}},\"required\":[\"day\"]}" },
	{ .name = "weather", .timeout_ms = 2000, .parameters = "{\"type\":\"object\",\"properties\":{}}" },
};
static const struct tool_set set = { .http = http, .http_n = 2, .builtins = 0xff };

static struct tools *begin(const char *targets)
{
	struct tools *t = calloc(1, sizeof *t);

	tools_init(t, &out);
	tools_setup(t, &(struct tools_setup){ &set, targets, "UTC" });
	buf_reset(&said);
	return t;
}

static void done(struct tools *t)
{
	tools_fini(t);
	free(t);
	buf_fini(&said);
}

static void call(struct tools *t, const char *id, const char *name, const char *arguments)
{
	tools_collect(t, SPAN("resp"), SPAN("item"), span_z(id), span_z(name), span_z(arguments));
}

static void over(struct tools *t, bool good, bool spoke) { tools_response_over(t, SPAN("resp"), good, spoke, 1000, 1790000000000); }

static void back(struct tools *t, uint64_t ticket, int status, const char *body, int64_t now)
{
	tools_result(t, &(struct tools_result){ .ticket = ticket, .status = status, .body = span_z(body) }, now);
}

static void expect(const char *want)
{
	if (strcmp(buf_z(&said), want) != 0)
		fail_msg("\n  got:      %s\n  expected: %s", buf_z(&said), want);
	buf_reset(&said);
}

static void calls_of_a_response_run_together_and_one_answer_follows_the_last(void **st)
{
	struct tools *t = begin(NULL);

	(void)st;
	call(t, "c1", "lookup", "{\"day\":\"Thursday\"}");
	call(t, "c2", "weather", "");
	call(t, "c1", "lookup", "{\"day\":\"Thursday\"}");       /* announced again */
	expect("");
	over(t, true, false);
	expect("http lookup 1 {\"day\":\"Thursday\"};http weather 2 {};");
	back(t, 2, 200, "{\"sun\":true}", 1200);
	expect("output c2 {\"sun\":true};saved weather 200;");
	assert_true(tools_busy(t));
	back(t, 1, 200, "nine", 1500);
	expect("output c1 nine;saved lookup 500;answer;");
	assert_false(tools_busy(t));
	back(t, 1, 200, "again", 1500);
	expect("");
	done(t);
}

static void a_tool_that_does_not_answer_is_an_error_the_model_can_speak_about(void **st)
{
	struct tools *t = begin(NULL);

	(void)st;
	call(t, "c1", "weather", "{}");
	over(t, true, false);
	expect("http weather 1 {};");
	tools_tick(t, true, 2980);
	expect("");
	tools_tick(t, true, 3000);
	expect("output c1 {\"error\":\"the tool did not answer in time\"};saved weather 2000;answer;");
	back(t, 1, 200, "late", 3001);
	expect("");
	done(t);
}

static void void_are_the_calls_of_a_response_that_failed_or_was_cancelled(void **st)
{
	struct tools *t = begin(NULL);

	(void)st;
	call(t, "c1", "end_call", "{\"reason\":\"bye\"}");
	over(t, false, true);
	over(t, true, true);
	expect("");
	done(t);
}

static void digits_are_collected_by_one_call_at_a_time(void **st)
{
	struct tools *t = begin(NULL);

	(void)st;
	call(t, "c1", "collect_digits", "{}");
	call(t, "c2", "collect_digits", "{}");
	over(t, true, true);
	expect("collect 1 32 0;output c2 {\"error\":\"digits are being collected already: one after the other\"};saved collect_digits 0;");
	tools_keys(t, 1, SPAN("42"), true, 2000);
	expect("output c1 {\"digits\":\"42\"};saved collect_digits 1000;answer;");
	done(t);
}

static void a_message_that_is_not_kept_is_not_said_to_be(void **st)
{
	struct tools *t = begin(NULL);

	(void)st;
	for (int i = 0; i < 2; i++) {
		keeps = i;
		call(t, i ? "c1" : "c0", "take_message", "{\"message\":\"call back\"}");
		over(t, true, true);
		expect(i ? "message {\"message\":\"call back\"};output c1 {\"ok\":true,\"note\":\"the message is stored\"};saved take_message 0;answer;"
		         : "message {\"message\":\"call back\"};output c0 {\"error\":\"nothing that is said to this agent is stored, messages neither\"};"
			   "saved take_message 0;answer;");
	}
	done(t);
}

static void a_filler_covers_what_takes_long_once_and_only_silence(void **st)
{
	struct tools *t = begin(NULL);

	(void)st;
	call(t, "c1", "lookup", "{\"day\":\"x\"}");
	over(t, true, false);
	buf_reset(&said);
	tools_tick(t, true, 2480);
	expect("");
	tools_tick(t, false, 2600);
	expect("");
	tools_tick(t, true, 2700);
	expect("filler One moment.;");
	tools_tick(t, true, 5000);
	expect("");
	done(t);
}

static const struct { const char *name, *tool, *arguments, *says; } bad[] = {
	{ "no JSON", "lookup", "{\"day\":", "the arguments are no JSON object" },
	{ "no object", "lookup", "[1]", "the arguments are no JSON object" },
	{ "missing", "lookup", "{\"n\":1}", "the argument day is missing" },
	{ "wrong type", "lookup", "{\"day\":4}", "the argument day must be \\\"string\\\"" },
	{ "none of the types", "lookup", "{\"day\":\"x\",\"n\":\"y\"}", "the argument n must be [\\\"integer\\\",\\\"null\\\"]" },
	{ "nobody's", "format_disk", "{}", "there is no tool of this name" },
	{ "digits", "send_digits", "{\"digits\":\"12<Hangup/>\"}", "digits may be 0-9, *, # and w, at most 64" },
	{ "secret for nobody", "collect_digits", "{\"secret\":true}", "secret digits need deliver_to: you are not shown them" },
	{ "delivered to nobody", "collect_digits", "{\"deliver_to\":\"me\"}", "deliver_to names no tool of yours" },
};

static void bad_arguments_run_nothing(void **st)
{
	(void)st;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct tools *t = begin(NULL);
		char want[300];

		call(t, "c", bad[i].tool, bad[i].arguments);
		over(t, true, true);
		snprintf(want, sizeof want, "output c {\"error\":\"%s\"};saved %s 0;answer;", bad[i].says, bad[i].tool);
		expect(want);
		done(t);
	}
}

static void numbers_of_three_kinds_are_what_the_schema_says(void **st)
{
	static const struct { const char *arguments; bool good; } rows[] = {
		{ "{\"day\":\"x\",\"n\":3}", true }, { "{\"day\":\"x\",\"n\":3.0}", true }, { "{\"day\":\"x\",\"n\":3.5}", false },
		{ "{\"day\":\"x\",\"n\":null}", true }, { "{\"day\":\"x\",\"more\":[]}", true },
	};

	(void)st;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct json_object *o = NULL;
		struct buf why = BUF_INIT;

		assert_int_equal(tools_check(span_z(rows[i].arguments), span_z(http[0].parameters), &o, &why), rows[i].good);
		json_object_put(o);
		buf_fini(&why);
	}
}

static void nobody_is_called_who_is_not_in_the_list(void **st)
{
	struct tools *t = begin("[{\"name\":\"Sales\",\"number\":\"+15550100\"}]");

	(void)st;
	call(t, "c1", "transfer_call", "{\"target\":\"+15559999\"}");
	over(t, true, true);
	expect("output c1 {\"error\":\"this target is not in the list of targets; nobody was called\"};saved transfer_call 0;answer;");
	call(t, "c2", "transfer_call", "{\"target\":\" sales\",\"summary\":\"Ann asks for a price\"}");
	over(t, true, true);
	expect("transfer +15550100 1 Ann asks for a price;output c2 {\"ok\":true};saved transfer_call 0;");
	call(t, "c3", "transfer_call", "{\"target\":\"+15550100\",\"return_to_agent\":false}");
	over(t, true, true);
	expect("transfer +15550100 0 ;output c3 {\"ok\":true};saved transfer_call 0;");
	done(t);
}

static void a_call_that_ends_needs_no_answer_when_goodbye_was_said(void **st)
{
	struct tools *t = begin(NULL);

	(void)st;
	call(t, "c1", "end_call", "{\"reason\":\"all said\"}");
	over(t, true, true);
	assert_non_null(strstr(buf_z(&said), "end all said;output c1 {\"ok\":true"));
	assert_null(strstr(buf_z(&said), "answer;"));
	buf_reset(&said);
	call(t, "c2", "end_call", "{\"reason\":\"x\"}");
	over(t, true, false);
	assert_non_null(strstr(buf_z(&said), "say goodbye now"));
	assert_non_null(strstr(buf_z(&said), "answer;"));
	buf_reset(&said);
	call(t, "c3", "lookup", "{\"day\":\"x\"}");                       /* beside another tool, whichever is last */
	call(t, "c4", "end_call", "{\"reason\":\"x\"}");
	over(t, true, true);
	buf_reset(&said);
	back(t, 1, 200, "ok", 1100);
	expect("output c3 ok;saved lookup 100;");
	done(t);
}

static void the_time_is_told_in_the_agents_zone(void **st)
{
	struct tools *t = begin(NULL);

	(void)st;
	call(t, "c1", "get_current_time", "{}");
	over(t, true, false);
	expect("output c1 {\"date\":\"Monday, 2026-09-21\",\"time\":\"14:13:20\",\"timezone\":\"UTC\"};saved get_current_time 0;answer;");
	call(t, "c2", "take_message", "{\"message\":\"call back\"}");
	over(t, true, false);
	expect("message {\"message\":\"call back\"};output c2 {\"ok\":true,\"note\":\"the message is stored\"};saved take_message 0;answer;");
	done(t);
}

static void results_are_bounded_and_errors_are_told(void **st)
{
	struct tools *t = begin(NULL);
	char *big = malloc(TOOLS_RESULT + 100);

	(void)st;
	memset(big, 'x', TOOLS_RESULT + 99);
	memcpy(big + TOOLS_RESULT - 1, "\xC3\xA4", 2);           /* a character at the edge */
	big[TOOLS_RESULT + 99] = '\0';
	call(t, "c1", "weather", "{}");
	over(t, true, false);
	back(t, 1, 200, big, 1000);
	assert_non_null(strstr(buf_z(&said), "xxx\n[the result was longer and is cut here]"));
	assert_true(said.n < TOOLS_RESULT + 200);
	buf_reset(&said);
	call(t, "c2", "weather", "{}");
	over(t, true, false);
	buf_reset(&said);
	back(t, 2, 503, "closed", 1000);
	expect("output c2 {\"error\":\"the tool answered with status 503: closed\"};saved weather 0;answer;");
	call(t, "c3", "weather", "{}");
	over(t, true, false);
	buf_reset(&said);
	back(t, 3, 204, "", 1000);
	expect("output c3 {\"ok\":true};saved weather 0;answer;");
	free(big);
	done(t);
}

static void collected_digits_go_where_they_are_meant_to(void **st)
{
	struct tools *t = begin(NULL);

	(void)st;
	call(t, "c1", "collect_digits", "{\"max_digits\":4}");
	over(t, true, true);
	expect("collect 1 4 0;");
	tools_keys(t, 1, SPAN("1234"), true, 2000);
	expect("output c1 {\"digits\":\"1234\"};saved collect_digits 1000;answer;");
	call(t, "c2", "collect_digits", "{\"max_digits\":16,\"secret\":true,\"deliver_to\":\"weather\"}");
	over(t, true, true);
	expect("collect 2 16 1;");
	tools_keys(t, 2, SPAN("4242"), true, 2000);
	expect("http weather 3 {\"digits\":\"4242\"};");
	back(t, 3, 200, "{\"card\":\"4242\"}", 2500);
	expect("output c2 {\"received\":4,\"delivered\":true};saved collect_digits 1500;answer;");
	call(t, "c3", "collect_digits", "{}");
	over(t, true, true);
	buf_reset(&said);
	tools_keys(t, 4, SPAN(""), false, 21000);
	expect("output c3 {\"error\":\"the caller pressed no keys\"};saved collect_digits 20000;answer;");
	done(t);
}

static void a_new_connection_gets_no_output_of_a_call_it_does_not_know(void **st)
{
	struct tools *t = begin(NULL);

	(void)st;
	call(t, "c1", "weather", "{}");
	over(t, true, false);
	call(t, "c2", "weather", "{}");
	tools_connection_lost(t);
	buf_reset(&said);
	back(t, 1, 200, "sun", 1100);
	expect("saved weather 100;answer;");
	over(t, true, false);
	expect("");
	done(t);
}

static void more_calls_than_there_is_room_for_are_refused(void **st)
{
	struct tools *t = begin(NULL);

	(void)st;
	for (int i = 0; i < TOOLS_CALLS + 4; i++) {
		char id[16];

		snprintf(id, sizeof id, "c%d", i);
		call(t, id, "get_current_time", "{}");
	}
	expect("output c16 {\"error\":\"too many calls at a time; this one was not made\"};output c17 {\"error\":\"too many calls at a time; this one was not made\"};"
	       "output c18 {\"error\":\"too many calls at a time; this one was not made\"};output c19 {\"error\":\"too many calls at a time; this one was not made\"};");
	over(t, true, false);
	assert_non_null(strstr(buf_z(&said), "answer;"));
	done(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_of_a_response_run_together_and_one_answer_follows_the_last),
		cmocka_unit_test(a_tool_that_does_not_answer_is_an_error_the_model_can_speak_about),
		cmocka_unit_test(void_are_the_calls_of_a_response_that_failed_or_was_cancelled),
		cmocka_unit_test(a_filler_covers_what_takes_long_once_and_only_silence),
		cmocka_unit_test(digits_are_collected_by_one_call_at_a_time),
		cmocka_unit_test(a_message_that_is_not_kept_is_not_said_to_be),
		cmocka_unit_test(bad_arguments_run_nothing),
		cmocka_unit_test(numbers_of_three_kinds_are_what_the_schema_says),
		cmocka_unit_test(nobody_is_called_who_is_not_in_the_list),
		cmocka_unit_test(a_call_that_ends_needs_no_answer_when_goodbye_was_said),
		cmocka_unit_test(the_time_is_told_in_the_agents_zone),
		cmocka_unit_test(results_are_bounded_and_errors_are_told),
		cmocka_unit_test(collected_digits_go_where_they_are_meant_to),
		cmocka_unit_test(a_new_connection_gets_no_output_of_a_call_it_does_not_know),
		cmocka_unit_test(more_calls_than_there_is_room_for_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
