/* limits: silence, time and money, moved by hand. */
#include <math.h>

#include "media-relay/limits.h"
#include "unit.h"

static struct limits l;
static struct limits_now n;

static void begin(int64_t idle_ms, int64_t max_ms, double max_cost)
{
	limits_init(&l, idle_ms, max_ms, max_cost, true);
	n = (struct limits_now){ .now_ms = 1000, .connected_ms = 1000 };
}

/* Time passes in ticks of 20 ms; the first act ends it. */
static enum limits_act run(int64_t ms)
{
	enum limits_act a = LA_NONE;

	for (int64_t end = n.now_ms + ms; n.now_ms < end && a == LA_NONE;) {
		n.now_ms += 20;
		a = limits_tick(&l, &n);
	}
	return a;
}

static void agent_says(int64_t ms)
{
	n.agent_speaks = true;
	run(ms);
	n.agent_speaks = false;
}

static void silence_is_asked_about_then_ends_with_a_goodbye(void **state)
{
	(void)state;
	begin(300000, 0, NAN);
	agent_says(5000);
	assert_int_equal(run(299000), LA_NONE);
	assert_int_equal(run(2000), LA_ASK);
	agent_says(2000);
	assert_int_equal(run(9000), LA_NONE);
	assert_int_equal(run(1500), LA_GOODBYE);
	assert_int_equal(l.why, LIMIT_IDLE);
	n.agent_speaks = true;
	assert_int_equal(run(3000), LA_NONE);
	n.agent_speaks = false;
	assert_int_equal(run(40), LA_END);
}

static void words_and_keys_begin_the_silence_anew(void **state)
{
	(void)state;
	begin(10000, 0, NAN);
	assert_int_equal(run(9000), LA_NONE);
	assert_false(limits_words(&l));
	assert_int_equal(run(9000), LA_NONE);
	assert_int_equal(run(2000), LA_ASK);
	assert_true(limits_words(&l));
	assert_int_equal(run(9000), LA_NONE);
	assert_int_equal(run(2000), LA_ASK);
}

static void a_goodbye_for_silence_is_called_off_by_words(void **state)
{
	(void)state;
	begin(10000, 0, NAN);
	assert_int_equal(run(11000), LA_ASK);
	assert_int_equal(run(11000), LA_GOODBYE);
	agent_says(500);
	assert_true(limits_words(&l));
	assert_int_equal(run(9000), LA_NONE);
}

static void a_tool_that_runs_is_no_silence(void **state)
{
	(void)state;
	begin(10000, 0, NAN);
	n.tool_runs = true;
	assert_int_equal(run(60000), LA_NONE);
	n.tool_runs = false;
	assert_int_equal(run(9000), LA_NONE);
	assert_int_equal(run(2000), LA_ASK);
}

static void a_long_answer_is_no_silence(void **state)
{
	(void)state;
	begin(10000, 0, NAN);
	agent_says(60000);
	assert_int_equal(run(9000), LA_NONE);
	assert_int_equal(run(2000), LA_ASK);
}

static void p24_noise_that_makes_the_agent_talk_keeps_no_call_open(void **state)
{
	int64_t began;

	(void)state;
	begin(60000, 0, NAN);
	began = n.now_ms;
	while (n.now_ms - began < 3600000) {         /* every 20 s a noise, which the agent answers */
		n.caller_speaks = true;
		if (run(1000) == LA_ASK)
			break;
		n.caller_speaks = false;
		agent_says(4000);
		if (run(15000) == LA_ASK)
			break;
	}
	assert_true(n.now_ms - began < 200000);
}

static void p24_noise_without_end_keeps_no_call_open(void **state)
{
	(void)state;
	begin(60000, 0, NAN);
	n.caller_speaks = true;
	assert_int_equal(run(119000), LA_NONE);
	assert_int_equal(run(2000), LA_ASK);
	assert_int_equal(run(31000), LA_GOODBYE);
}

static void nobody_is_asked_while_speaking_nor_before_the_words_can_be_there(void **state)
{
	(void)state;
	begin(10000, 0, NAN);
	assert_int_equal(run(9500), LA_NONE);
	n.caller_speaks = true;
	assert_int_equal(run(5000), LA_NONE);
	n.caller_speaks = false;
	assert_int_equal(run(2900), LA_NONE);
	limits_words(&l);
	assert_int_equal(run(9000), LA_NONE);
}

static void a_question_that_cannot_be_spoken_does_not_stop_the_end(void **state)
{
	(void)state;
	begin(10000, 0, NAN);
	assert_int_equal(run(11000), LA_ASK);
	n.agent_speaks = true;                       /* wanted, and no model is there */
	assert_int_equal(run(41000), LA_GOODBYE);
	assert_int_equal(run(31000), LA_END);
}

static void no_limit_is_no_limit(void **state)
{
	(void)state;
	begin(0, 0, NAN);
	n.cost = 1000;
	assert_int_equal(run(7200000), LA_NONE);
}

static void a_long_call_is_warned_and_ends_after_its_goodbye(void **state)
{
	(void)state;
	begin(0, 600000, NAN);
	assert_int_equal(run(540000), LA_WARN);
	assert_int_equal(l.why, LIMIT_DURATION);
	assert_true(n.now_ms - n.connected_ms >= 540000);
	assert_int_equal(run(60100), LA_GOODBYE);
	assert_int_equal(n.now_ms - n.connected_ms, 600000);
	agent_says(2000);
	assert_int_equal(run(100), LA_END);
}

static void a_short_call_is_warned_in_its_last_fifth(void **state)
{
	(void)state;
	begin(0, 10000, NAN);
	assert_int_equal(run(9000), LA_WARN);
	assert_int_equal(n.now_ms - n.connected_ms, 8000);
	assert_int_equal(run(3000), LA_GOODBYE);
}

static void speech_does_not_call_off_the_end_of_time_or_money(void **state)
{
	(void)state;
	begin(0, 10000, NAN);
	run(9000);
	assert_int_equal(run(3000), LA_GOODBYE);
	assert_false(limits_words(&l));
	n.agent_speaks = n.caller_speaks = true;
	assert_int_equal(run(29900), LA_NONE);
	assert_int_equal(run(200), LA_END);
}

static void a_goodbye_that_never_begins_is_not_waited_for(void **state)
{
	(void)state;
	begin(0, 10000, NAN);
	run(9000);
	assert_int_equal(run(3000), LA_GOODBYE);
	assert_int_equal(run(4900), LA_NONE);
	assert_int_equal(run(200), LA_END);
}

static const struct {
	const char *name;
	double max_cost, day_left, month_left, cost, later;
	enum limits_act first, then;
	enum limit why;
} money[] = {
	{ "far from every limit",          1.0,  5.0, 50.0, 0.10, 0.2, LA_NONE,    LA_NONE,    LIMIT_NONE },
	{ "four fifths of the call's",     1.0,  NAN, NAN,  0.81, 1.0, LA_WARN,    LA_GOODBYE, LIMIT_CALL_COST },
	{ "the call's, at once",           1.0,  NAN, NAN,  1.00, 1.0, LA_GOODBYE, LA_NONE,    LIMIT_CALL_COST },
	{ "the day's, by this call",       NAN,  0.3, NAN,  0.20, 0.3, LA_WARN,    LA_GOODBYE, LIMIT_DAY_COST },
	{ "the day's, by others",          NAN,  0.0, NAN,  0.00, 0.0, LA_GOODBYE, LA_NONE,    LIMIT_DAY_COST },
	{ "the month's",                   NAN,  9.0, 0.3,  0.20, 0.3, LA_WARN,    LA_GOODBYE, LIMIT_MONTH_COST },
};

static void money_is_warned_about_and_ends_the_call(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(money); i++) {
		enum limits_act first, then;

		begin(0, 0, money[i].max_cost);
		limits_budget(&l, money[i].day_left, money[i].month_left, 0);
		n.cost = money[i].cost;
		first = run(1000);
		n.cost = money[i].later;
		then = run(1000);
		if (first != money[i].first || then != money[i].then || l.why != money[i].why)
			fail_msg("%s: %d %d %d", money[i].name, (int)first, (int)then, (int)l.why);
	}
}

static void what_others_spend_counts_when_the_store_says_so(void **state)
{
	(void)state;
	begin(0, 0, NAN);
	limits_budget(&l, 10, NAN, 0);
	n.cost = 1;
	assert_int_equal(run(1000), LA_NONE);
	limits_budget(&l, 0.5, NAN, 1);              /* counted in: 1 of ours, 8.5 of others */
	assert_int_equal(run(1000), LA_WARN);
	n.cost = 1.5;
	assert_int_equal(run(1000), LA_GOODBYE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silence_is_asked_about_then_ends_with_a_goodbye),
		cmocka_unit_test(words_and_keys_begin_the_silence_anew),
		cmocka_unit_test(a_goodbye_for_silence_is_called_off_by_words),
		cmocka_unit_test(a_tool_that_runs_is_no_silence),
		cmocka_unit_test(a_long_answer_is_no_silence),
		cmocka_unit_test(p24_noise_that_makes_the_agent_talk_keeps_no_call_open),
		cmocka_unit_test(p24_noise_without_end_keeps_no_call_open),
		cmocka_unit_test(nobody_is_asked_while_speaking_nor_before_the_words_can_be_there),
		cmocka_unit_test(a_question_that_cannot_be_spoken_does_not_stop_the_end),
		cmocka_unit_test(no_limit_is_no_limit),
		cmocka_unit_test(a_long_call_is_warned_and_ends_after_its_goodbye),
		cmocka_unit_test(a_short_call_is_warned_in_its_last_fifth),
		cmocka_unit_test(speech_does_not_call_off_the_end_of_time_or_money),
		cmocka_unit_test(a_goodbye_that_never_begins_is_not_waited_for),
		cmocka_unit_test(money_is_warned_about_and_ends_the_call),
		cmocka_unit_test(what_others_spend_counts_when_the_store_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
