/* transcript and price: turns in the order spoken, what was heard of them, numbers. */
#include <math.h>

#include "media-relay/transcript.h"
#include "unit.h"

static struct { struct buf log; int64_t wall; int64_t now; unsigned events; char last_payload[100], meta[200], tool[300]; int64_t began, ended; } world;

static int64_t wall_ms(void *ctx) { (void)ctx; return world.wall; }

static int64_t now_ms(void *ctx) { (void)ctx; return world.now; }

static void save_turn(void *ctx, const struct turn *u)
{
	(void)ctx;
	buf_printf(&world.log, "%d %s '%s'", (int)u->seq, u->role, u->text ? u->text : "-");
	if (u->full_text)
		buf_printf(&world.log, " of '%s'", u->full_text);
	if (u->interrupted)
		buf_printf(&world.log, " cut at %d", (int)u->heard_ms);
	buf_addc(&world.log, ';');
	snprintf(world.meta, sizeof world.meta, "%s", u->meta ? u->meta : "");
	snprintf(world.tool, sizeof world.tool, "%s", u->tool ? u->tool : "");
	world.began = u->started_at;
	world.ended = u->completed_at;
}

static void save_event(void *ctx, const struct event *e)
{
	(void)ctx;
	assert_int_equal(e->seq, world.events++);
	snprintf(world.last_payload, sizeof world.last_payload, "%s", e->payload ? e->payload : "-");
}

static const struct session_ops ops = { .now_ms = now_ms, .wall_ms = wall_ms, .save_turn = save_turn, .save_event = save_event };
static struct transcript t;

#define PART(item) ((struct part){ SPAN(item), 0 })

static int begin(void **st)
{
	struct setup s = { .keep_turns = true, .keep_events = true, .transcription = true };

	(void)st;
	memset(&world, 0, sizeof world);
	world.wall = 5000;
	transcript_init(&t, &ops, NULL);
	transcript_setup(&t, &s);
	return 0;
}

static int end(void **st)
{
	(void)st;
	transcript_fini(&t);
	buf_fini(&world.log);
	return 0;
}

static void saved(const char *want)
{
	assert_string_equal(buf_z(&world.log), want);
	buf_reset(&world.log);
}

static void speak(const char *item, const char *words)
{
	transcript_answer(&t, (struct part){ span_z(item), 0 }, SPAN("r"));
	transcript_words(&t, (struct part){ span_z(item), 0 }, SPAN("r"), span_z(words));
	transcript_begun(&t, (struct part){ span_z(item), 0 }, 0);
}

static void numbers_follow_the_order_of_speaking_not_of_the_words(void **st)
{
	(void)st;
	transcript_speech(&t, SPAN("u"), 0);
	speak("a", "answer");
	transcript_played(&t, PART("a"), 500);
	transcript_heard(&t, SPAN("u"), SPAN(" question "));
	saved("1 assistant 'answer';1 assistant 'answer';0 user 'question';");
}

static void the_words_of_a_caller_may_come_before_anything_else(void **st)
{
	(void)st;
	transcript_heard_delta(&t, SPAN("u"), SPAN("he"));
	transcript_heard_delta(&t, SPAN("u"), SPAN("llo"));
	transcript_speech(&t, SPAN("u"), 0);
	transcript_finish(&t);
	saved("0 user 'hello';");
}

static void a_cut_answer_is_kept_in_two_forms(void **st)
{
	(void)st;
	speak("a", "one two three four five six seven eight nine ten");
	buf_reset(&world.log);
	transcript_cut(&t, PART("a"), 2000, 4000);
	saved("0 assistant 'one two three four five' of 'one two three four five six seven eight nine ten' cut at 2000;");
}

static void words_that_ran_ahead_of_their_audio_do_not_count_as_heard(void **st)
{
	(void)st;
	speak("a", "one two three four five six seven eight nine ten");
	buf_reset(&world.log);
	transcript_cut(&t, PART("a"), 250, 250);                     /* nobody says fifty letters in a quarter of a second */
	saved("0 assistant 'one' of 'one two three four five six seven eight nine ten' cut at 250;");
}

static void a_cut_answer_is_cut_at_a_character_where_words_have_no_blanks_between_them(void **st)
{
	(void)st;
	speak("a", "\u6211\u4eec\u661f\u671f\u56db\u4e0b\u5348\u5f00\u95e8\u3002");
	buf_reset(&world.log);
	transcript_cut(&t, PART("a"), 2200, 4000);
	saved("0 assistant '\u6211\u4eec\u661f\u671f\u56db' of '\u6211\u4eec\u661f\u671f\u56db\u4e0b\u5348\u5f00\u95e8\u3002' cut at 2200;");
}

static void letters_are_counted_not_bytes(void **st)
{
	(void)st;
	speak("a", "\u043c\u044b \u043e\u0442\u043a\u0440\u044b\u0442\u044b \u0432 \u0447\u0435\u0442\u0432\u0435\u0440\u0433");
	buf_reset(&world.log);
	transcript_cut(&t, PART("a"), 900, 1100);
	saved("0 assistant '\u043c\u044b \u043e\u0442\u043a\u0440\u044b\u0442\u044b \u0432' of "
	      "'\u043c\u044b \u043e\u0442\u043a\u0440\u044b\u0442\u044b \u0432 \u0447\u0435\u0442\u0432\u0435\u0440\u0433' cut at 900;");
}

static void words_that_come_after_the_cut_are_added(void **st)
{
	(void)st;
	transcript_answer(&t, PART("a"), SPAN("r"));
	transcript_words_delta(&t, PART("a"), SPAN("r"), SPAN("one two"));
	transcript_begun(&t, PART("a"), 0);
	transcript_cut(&t, PART("a"), 1000, 2000);
	transcript_words(&t, PART("a"), SPAN("r"), SPAN("one two three four"));
	saved("0 assistant 'one' of 'one two' cut at 1000;0 assistant 'one two' of 'one two three four' cut at 1000;");
}

static void an_answer_that_nobody_hears_is_no_turn(void **st)
{
	(void)st;
	transcript_words_delta(&t, PART("a"), SPAN("r"), SPAN("never spoken"));
	transcript_response_over(&t, SPAN("r"));
	transcript_answer(&t, PART("b"), SPAN("r2"));
	transcript_words(&t, PART("b"), SPAN("r2"), SPAN("dropped"));
	transcript_forget_answers(&t);
	transcript_finish(&t);
	saved("");
	assert_int_equal(t.turns, 0);
}

static void utf8_is_never_cut_in_the_middle_of_a_letter(void **st)
{
	(void)st;
	for (int64_t ms = 0; ms <= 3000; ms += 10) {
		char item[16];
		snprintf(item, sizeof item, "a%d", (int)ms);
		transcript_answer(&t, (struct part){ span_z(item), 0 }, SPAN("r"));
		transcript_words(&t, (struct part){ span_z(item), 0 }, SPAN("r"), SPAN("\xc3\xa4\xc3\xa4\xc3\xa4 \xe2\x82\xac\xe2\x82\xac\xe2\x82\xac \xf0\x9f\x98\x80"));
		transcript_cut(&t, (struct part){ span_z(item), 0 }, ms, 3000);
		assert_true(span_utf8(buf_span(&world.log)));
		buf_reset(&world.log);
	}
}

static void without_transcription_somebody_spoke_is_all_we_know(void **st)
{
	(void)st;
	t.transcription = false;
	transcript_speech(&t, SPAN("u"), 0);
	transcript_speech_over(&t, SPAN("u"), 0);
	saved("0 user '-';");
}

static void a_turn_whose_end_never_comes_gives_way(void **st)
{
	char item[16];

	(void)st;
	for (int i = 0; i < 20; i++) {
		snprintf(item, sizeof item, "u%d", i);
		transcript_speech(&t, span_z(item), 0);
		transcript_heard_delta(&t, span_z(item), SPAN("x"));
	}
	transcript_finish(&t);
	assert_int_equal(t.turns, 20);
}

static void long_words_are_bounded(void **st)
{
	static char words[1000];

	(void)st;
	memset(words, 'w', sizeof words);
	for (int i = 0; i < 200; i++)
		transcript_words_delta(&t, PART("a"), SPAN("r"), span_of(words, sizeof words));
	transcript_begun(&t, PART("a"), 0);
	transcript_finish(&t);
	assert_in_range(world.log.n, 60000, 70000);
}

static void a_turn_says_where_the_time_before_it_went(void **st)
{
	(void)st;
	world.now = 1600;
	transcript_answer(&t, PART("a"), SPAN("r"));
	transcript_words(&t, PART("a"), SPAN("r"), SPAN("answer"));
	transcript_begun(&t, PART("a"), 0);
	transcript_latency(&t, PART("a"), 1000, 1620, 1780);
	transcript_cut(&t, PART("a"), 300, 2000);
	assert_string_equal(world.meta, "{\"audio_ms\":2000,\"latency\":{\"first_delta_ms\":600,\"first_sent_ms\":620,\"first_heard_ms\":780}}");
}

static void a_caller_s_turn_is_timed_by_its_speech(void **st)
{
	(void)st;
	transcript_speech(&t, SPAN("u"), 300);
	world.wall = 8000;
	transcript_speech_over(&t, SPAN("u"), 550);
	world.wall = 9000;
	transcript_heard(&t, SPAN("u"), SPAN("question"));
	assert_int_equal(world.began, 4700);
	assert_int_equal(world.ended, 7450);
	assert_string_equal(world.meta, "");
}

static void an_agents_turn_is_timed_by_when_it_was_heard(void **st)
{
	(void)st;
	transcript_answer(&t, PART("a"), SPAN("r"));
	transcript_words(&t, PART("a"), SPAN("r"), SPAN("greeting"));
	world.wall = 9000;                                       /* it waited for the stream */
	transcript_begun(&t, PART("a"), 280);
	assert_int_equal(world.began, 8720);
	world.wall = 9700;
	transcript_played(&t, PART("a"), 900);
	assert_int_equal(world.began, 8720);
	assert_int_equal(world.ended, 9700);
}

static void percentiles_are_by_nearest_rank(void **st)
{
	struct call_changes c = call_changes_none();

	(void)st;
	transcript_changes(&t, &c);
	assert_int_equal(c.latency_p50_ms, FIELD_NULL_INT);
	for (int i = 100; i > 0; i--)
		transcript_latency(&t, PART("x"), 1000, 1000, 1000 + i * 10);
	transcript_changes(&t, &c);
	assert_int_equal(c.latency_p50_ms, 500);
	assert_int_equal(c.latency_p95_ms, 950);
}

static void totals_go_on_from_what_the_record_held(void **st)
{
	struct setup s = { .turns = 4, .usage = { 100, 0, 0, 0, 0, 0, 7 }, .cost = 1.5, .turn_seq = 9 };
	struct call_changes c = call_changes_none();
	const int64_t usage[REALTIME_USAGE] = { 1000000, 0, 0, 0, 0, 0 };

	(void)st;
	transcript_setup(&t, &s);
	transcript_usage(&t, SPAN("gpt-realtime-2.1"), usage);
	transcript_transcription(&t, SPAN("gpt-4o-mini-transcribe"), 3, 4, 0);
	transcript_changes(&t, &c);
	assert_int_equal(c.usage[0], 1000100);
	assert_int_equal(c.usage[6], 14);
	assert_true(fabs(c.cost - 5.5) < 0.001);
	assert_int_equal(c.turn_seq, 9);
}

static void events_are_numbered_and_carry_json(void **st)
{
	(void)st;
	transcript_event(&t, &(struct transcript_event){ .type = "a", .payload = SPAN("{\"x\":1}") });
	assert_string_equal(world.last_payload, "{\"x\":1}");
	transcript_event(&t, &(struct transcript_event){ .type = "b", .item = SPAN("i") });
	assert_int_equal(t.event_seq, 2);
	t.keep_events = false;
	transcript_event(&t, &(struct transcript_event){ .type = "c" });
	assert_int_equal(world.events, 2);
}

/* --- what the agent does not want stored --- */

/* A call in which numbers are said, by everybody and everything. */
static void numbers_are_said(void)
{
	struct transcript_tool c = { .name = SPAN("lookup"), .arguments = SPAN("{\"card\":\"4242 4242\",\"n\":123456}"), .result = SPAN("found 123456"), .seq = 9, .ms = 1500 };

	transcript_speech(&t, SPAN("u"), 0);
	transcript_heard(&t, SPAN("u"), SPAN("it is 1234 5678"));
	transcript_keys(&t, SPAN("[keypad: 1234]"));
	speak("a", "you said 1234 5678, is that right");
	transcript_cut(&t, PART("a"), 1000, 2000);
	transcript_system(&t, SPAN("the code is 9999"));
	transcript_tool(&t, &c);
	transcript_event(&t, &(struct transcript_event){ .type = "message", .words = SPAN("{\"number\":\"+15550100\"}") });
}

static void what_is_redacted_is_stored_without_numbers_and_known_with_them(void **st)
{
	struct history h;

	(void)st;
	history_init(&h);
	t.history = &h;
	t.redact = true;
	numbers_are_said();
	saved("0 user 'it is [number]';1 user '[keypad: [number]]';2 assistant 'you said [number], is that right';"
	      "2 assistant 'you said [number]' of 'you said [number], is that right' cut at 1000;3 system 'the code is [number]';9 tool '-';");
	assert_string_equal(world.tool, "{\"name\":\"lookup\",\"arguments\":{\"card\":\"[number]\",\"n\":\"[number]\"},\"result\":\"found [number]\",\"duration_ms\":1500}");
	assert_string_equal(world.last_payload, "{\"number\":\"[number]\"}");
	assert_int_equal(h.n, 5);
	assert_string_equal(h.items[0].text, "it is 1234 5678");
	assert_string_equal(h.items[1].text, "[keypad: 1234]");
	assert_string_equal(h.items[3].text, "the code is 9999");
	assert_string_equal(h.items[4].text, "found 123456");
	history_fini(&h);
}

static void metadata_is_who_and_when_but_not_what(void **st)
{
	(void)st;
	t.wordless = true;
	numbers_are_said();
	saved("0 user '-';1 user '-';2 assistant '-';2 assistant '-' cut at 1000;3 system '-';9 tool '-';");
	assert_string_equal(world.tool, "{\"name\":\"lookup\",\"arguments\":null,\"result\":null,\"duration_ms\":1500}");
	assert_string_equal(world.last_payload, "-");
	assert_int_equal(world.events, 1);
	assert_int_equal(t.turns, 3);
}

static void none_is_nothing_but_numbers(void **st)
{
	(void)st;
	t.keep_turns = t.keep_events = false;
	numbers_are_said();
	saved("");
	assert_int_equal(world.events, 0);
	assert_int_equal(t.turns, 3);
}

/* --- price --- */

static double price(const char *model, int kind, int64_t tokens)
{
	int64_t u[USAGE_KINDS] = { 0 };

	u[kind] = tokens;
	return price_response(span_z(model), u);
}

static void prices_are_those_of_the_model(void **st)
{
	static const struct { const char *model; int kind; double dollars; } rows[] = {
		{ "gpt-realtime-2.1", USAGE_INPUT_AUDIO, 32 }, { "gpt-realtime-2.1", USAGE_OUTPUT_AUDIO, 64 }, { "gpt-realtime-2.1", USAGE_INPUT_TEXT, 4 },
		{ "gpt-realtime-2.1", USAGE_OUTPUT_TEXT, 24 }, { "gpt-realtime-2", USAGE_OUTPUT_TEXT, 24 }, { "gpt-realtime-1.5", USAGE_OUTPUT_TEXT, 16 },
		{ "gpt-realtime-2025-08-28", USAGE_OUTPUT_TEXT, 16 }, { "gpt-realtime-2.1-mini", USAGE_INPUT_AUDIO, 10 }, { "gpt-realtime-mini", USAGE_INPUT_AUDIO, 10 },
		{ "something-new", USAGE_OUTPUT_AUDIO, 64 },
	};
	int64_t cached[USAGE_KINDS] = { [USAGE_INPUT_AUDIO] = 1000000, [USAGE_CACHED_AUDIO] = 1000000 };

	(void)st;
	for (size_t i = 0; i < ROWS(rows); i++)
		if (fabs(price(rows[i].model, rows[i].kind, 1000000) - rows[i].dollars) > 1e-9)
			fail_msg("%s", rows[i].model);
	assert_true(fabs(price_response(SPAN("gpt-realtime-2.1"), cached) - 0.40) < 1e-9);          /* input contains the cached ones */
	assert_true(fabs(price_transcription(SPAN("gpt-4o-mini-transcribe"), 1000000, 1000000, 0) - 8) < 1e-9);
	assert_true(fabs(price_transcription(SPAN("whisper-1"), 0, 0, 60) - 0.006) < 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers_follow_the_order_of_speaking_not_of_the_words, begin, end),
		cmocka_unit_test_setup_teardown(the_words_of_a_caller_may_come_before_anything_else, begin, end),
		cmocka_unit_test_setup_teardown(a_cut_answer_is_kept_in_two_forms, begin, end),
		cmocka_unit_test_setup_teardown(words_that_ran_ahead_of_their_audio_do_not_count_as_heard, begin, end),
		cmocka_unit_test_setup_teardown(a_cut_answer_is_cut_at_a_character_where_words_have_no_blanks_between_them, begin, end),
		cmocka_unit_test_setup_teardown(letters_are_counted_not_bytes, begin, end),
		cmocka_unit_test_setup_teardown(words_that_come_after_the_cut_are_added, begin, end),
		cmocka_unit_test_setup_teardown(an_answer_that_nobody_hears_is_no_turn, begin, end),
		cmocka_unit_test_setup_teardown(utf8_is_never_cut_in_the_middle_of_a_letter, begin, end),
		cmocka_unit_test_setup_teardown(without_transcription_somebody_spoke_is_all_we_know, begin, end),
		cmocka_unit_test_setup_teardown(a_turn_whose_end_never_comes_gives_way, begin, end),
		cmocka_unit_test_setup_teardown(long_words_are_bounded, begin, end),
		cmocka_unit_test_setup_teardown(a_turn_says_where_the_time_before_it_went, begin, end),
		cmocka_unit_test_setup_teardown(a_caller_s_turn_is_timed_by_its_speech, begin, end),
		cmocka_unit_test_setup_teardown(an_agents_turn_is_timed_by_when_it_was_heard, begin, end),
		cmocka_unit_test_setup_teardown(percentiles_are_by_nearest_rank, begin, end),
		cmocka_unit_test_setup_teardown(totals_go_on_from_what_the_record_held, begin, end),
		cmocka_unit_test_setup_teardown(events_are_numbered_and_carry_json, begin, end),
		cmocka_unit_test_setup_teardown(what_is_redacted_is_stored_without_numbers_and_known_with_them, begin, end),
		cmocka_unit_test_setup_teardown(metadata_is_who_and_when_but_not_what, begin, end),
		cmocka_unit_test_setup_teardown(none_is_nothing_but_numbers, begin, end),
		cmocka_unit_test(prices_are_those_of_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
