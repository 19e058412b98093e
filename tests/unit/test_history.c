/* history: turns go in as the record gets them, client messages come out. */
#include "base/json.h"
#include "media-relay/history.h"
#include "unit.h"

struct out { struct buf log; unsigned n; size_t bytes; };

static void taken(void *ctx, struct buf *msg)
{
	struct out *o = ctx;
	struct json_object *m = NULL, *it;
	struct span type, text;

	assert_int_equal(msg->err, ERR_OK);
	assert_int_equal(json_read(&m, buf_span(msg)), ERR_OK);
	assert_true(json_get_span(m, "event_id").n > 0);
	it = json_get(m, "item");
	type = json_get_span(it, "type");
	assert_true(json_get_span(it, "id").n <= 32);
	assert_null(json_get(it, "status"));
	if (json_get_span(m, "previous_item_id").p)
		buf_printf(&o->log, "after " SPAN_FMT " ", SPAN_ARG(json_get_span(m, "previous_item_id")));
	text = json_get(it, "content") ? json_get_span(json_object_array_get_idx(json_get(it, "content"), 0), "text") : SPAN_NONE;
	if (span_is(json_get_span(m, "type"), "conversation.item.delete"))
		buf_printf(&o->log, "delete " SPAN_FMT ";", SPAN_ARG(json_get_span(m, "item_id")));
	else if (span_is(type, "message"))
		buf_printf(&o->log, SPAN_FMT " " SPAN_FMT ";", SPAN_ARG(json_get_span(it, "role")), SPAN_ARG(text));
	else if (span_is(type, "function_call"))
		buf_printf(&o->log, "call " SPAN_FMT " " SPAN_FMT SPAN_FMT ";", SPAN_ARG(json_get_span(it, "call_id")), SPAN_ARG(json_get_span(it, "name")),
		           SPAN_ARG(json_get_span(it, "arguments")));
	else
		buf_printf(&o->log, "output " SPAN_FMT " " SPAN_FMT ";", SPAN_ARG(json_get_span(it, "call_id")), SPAN_ARG(json_get_span(it, "output")));
	o->n++;
	o->bytes += msg->n;
	json_object_put(m);
	buf_fini(msg);
}

static void expect(struct out *o, const char *want)
{
	if (strcmp(buf_z(&o->log), want) != 0)
		fail_msg("\n  got:  %s\n  want: %s", buf_z(&o->log), want);
	buf_fini(&o->log);
	*o = (struct out){ .n = 0 };
}

static void said(struct history *h, int64_t seq, const char *role, const char *text, bool over)
{
	struct turn u = { .seq = seq, .role = (char *)(uintptr_t)role, .text = (char *)(uintptr_t)text, .started_at = 5,
		          .completed_at = over ? 6 : FIELD_NULL_INT, .heard_ms = FIELD_NULL_INT, .latency_ms = FIELD_NULL_INT };

	history_turn(h, &u);
}

static void cut_at(struct history *h, int64_t seq, const char *text)
{
	struct turn u = { .seq = seq, .role = "assistant", .text = (char *)(uintptr_t)text, .started_at = 5, .completed_at = 6, .interrupted = true };

	history_turn(h, &u);
}

static void tool(struct history *h, int64_t seq, const char *json)
{
	struct turn u = { .seq = seq, .role = "tool", .tool = (char *)(uintptr_t)json, .started_at = 5, .completed_at = 6 };

	history_turn(h, &u);
}

static void a_conversation_is_given_in_order(void **st)
{
	struct history h;
	struct out o = { .n = 0 };

	(void)st;
	history_init(&h);
	assert_true(history_empty(&h));
	said(&h, 0, "assistant", "Hello", true);
	said(&h, 2, "assistant", "On Thursday.", true);
	said(&h, 1, "user", "When is \"it\"?", true);            /* its words came later */
	history_give(&h, SPAN("again"), taken, &o);
	expect(&o, "system again;assistant Hello;user When is \"it\"?;assistant On Thursday.;");
	assert_int_equal(history_end(&h), HE_SILENT);
	history_fini(&h);
}

static void an_answer_is_what_was_heard_of_it(void **st)
{
	struct history h;
	struct out o = { .n = 0 };

	(void)st;
	history_init(&h);
	said(&h, 0, "user", "Tell me everything", true);
	said(&h, 1, "assistant", "There is a lot to tell", false);
	cut_at(&h, 1, "There is");
	said(&h, 2, "assistant", NULL, true);                    /* nothing of it was heard */
	history_give(&h, SPAN("again"), taken, &o);
	expect(&o, "system again;user Tell me everything;assistant There is;");
	history_fini(&h);
}

static void calls_go_with_their_results_and_never_alone(void **st)
{
	struct history h;
	struct out o = { .n = 0 };

	(void)st;
	history_init(&h);
	tool(&h, 1, "{\"name\":\"look\",\"arguments\":{\"day\":\"Thu\"},\"result\":{\"free\":[9,10]},\"duration_ms\":20}");
	tool(&h, 2, "{\"name\":\"note\",\"arguments\":\"{\\\"a\\\":1}\",\"result\":\"done\"}");
	tool(&h, 3, "{\"name\":\"slow\",\"arguments\":{}}");
	tool(&h, 4, "no JSON");
	history_give(&h, SPAN("again"), taken, &o);
	expect(&o, "system again;call call_h1 look{\"day\":\"Thu\"};output call_h1 {\"free\":[9,10]};call call_h2 note{\"a\":1};output call_h2 done;"
	           "system (The tool slow was called; there is no result.);");
	assert_int_equal(history_end(&h), HE_ASKED);
	tool(&h, 3, "{\"name\":\"slow\",\"arguments\":{},\"result\":\"at last\"}");
	history_amend(&h, taken, &o);
	expect(&o, "delete hist_3;call call_h3 slow{};output call_h3 at last;");
	history_fini(&h);
}

static void calls_of_mcp_servers_are_told(void **st)
{
	struct history h;
	struct out o = { .n = 0 };

	(void)st;
	history_init(&h);
	said(&h, 1, "user", "Find it", true);
	tool(&h, 2, "{\"name\":\"find\",\"server\":\"crm\",\"arguments\":{\"day\":\"Thu\"},\"result\":{\"free\":[9]},\"duration_ms\":20}");
	tool(&h, 3, "{\"name\":\"look\",\"server\":\"crm\",\"arguments\":\"not JSON\"}");
	history_give(&h, SPAN("again"), taken, &o);
	expect(&o, "system again;user Find it;system (The tool find of the server crm was called with {\"day\":\"Thu\"}; the result: {\"free\":[9]});"
	           "system (The tool look of the server crm was called with not JSON; there is no result.);");
	assert_int_equal(history_end(&h), HE_ASKED);
	history_fini(&h);
}

static void of_a_long_call_the_newest_and_a_summary_are_given(void **st)
{
	struct history h;
	struct out o = { .n = 0 };
	char text[40];

	(void)st;
	history_init(&h);
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof text, "words %d", i);
		said(&h, i, i % 2 ? "user" : "assistant", text, true);
	}
	history_give(&h, SPAN("again"), taken, &o);
	assert_int_equal(o.n, HISTORY_GIVEN + 2);
	assert_non_null(strstr(buf_z(&o.log), "system Of the earlier part of this call 170 turns are left out here. It began: you: words 0 / caller: words 1 / "));
	assert_non_null(strstr(buf_z(&o.log), ";assistant words 170;"));
	assert_non_null(strstr(buf_z(&o.log), ";user words 199;"));
	buf_fini(&o.log);
	history_fini(&h);
}

static void however_long_the_turns_are_the_messages_fit_into_the_queue(void **st)
{
	struct history h;
	struct out o = { .n = 0 };
	char *text = malloc(40001);

	(void)st;
	memset(text, '\n', 40000);                               /* two bytes each, as JSON */
	text[40000] = '\0';
	history_init(&h);
	for (int i = 0; i < 70; i++)
		said(&h, i, "user", text, true);
	history_give(&h, SPAN("again"), taken, &o);
	assert_in_range(o.bytes, HISTORY_BYTES / 2, HISTORY_BYTES + 8 * HISTORY_BEGAN + 1000);
	buf_fini(&o.log);
	history_fini(&h);
	free(text);
}

static void more_than_was_given_is_known_later(void **st)
{
	struct history h;
	struct out o = { .n = 0 };

	(void)st;
	history_init(&h);
	said(&h, 0, "user", "Tell me", true);
	said(&h, 1, "assistant", "All of it", false);
	history_give(&h, SPAN("again"), taken, &o);
	expect(&o, "system again;user Tell me;assistant All of it;");
	said(&h, 1, "assistant", "All of it", true);             /* heard to its end, as was said */
	said(&h, 2, "user", "Stop", true);                       /* of this connection: it knows */
	history_amend(&h, taken, &o);
	expect(&o, "");
	cut_at(&h, 1, "All");
	history_amend(&h, taken, &o);
	history_amend(&h, taken, &o);
	expect(&o, "delete hist_1;after hist_0 assistant All;");
	cut_at(&h, 1, "");
	history_amend(&h, taken, &o);
	expect(&o, "delete hist_1;");
	history_gone(&h);
	cut_at(&h, 1, "All of");
	history_amend(&h, taken, &o);
	expect(&o, "");
	history_fini(&h);
}

static void who_waits_for_an_answer_is_known(void **st)
{
	static const struct { const char *role, *text; bool over; enum history_end end; } rows[] = {
		{ "assistant", "Hello", false, HE_BROKEN }, { "assistant", "Hello", true, HE_SILENT }, { "user", "Well", true, HE_ASKED },
		{ "assistant", "Yes", false, HE_BROKEN },   { "assistant", "Yes", true, HE_SILENT },
	};
	struct history h;

	(void)st;
	history_init(&h);
	assert_int_equal(history_end(&h), HE_SILENT);
	for (size_t i = 0; i < ROWS(rows); i++) {
		said(&h, (int64_t)i, rows[i].role, rows[i].text, rows[i].over);
		assert_int_equal(history_end(&h), rows[i].end);
	}
	cut_at(&h, 9, "Y");
	assert_int_equal(history_end(&h), HE_BROKEN);
	history_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_conversation_is_given_in_order),
		cmocka_unit_test(an_answer_is_what_was_heard_of_it),
		cmocka_unit_test(calls_go_with_their_results_and_never_alone),
		cmocka_unit_test(calls_of_mcp_servers_are_told),
		cmocka_unit_test(of_a_long_call_the_newest_and_a_summary_are_given),
		cmocka_unit_test(however_long_the_turns_are_the_messages_fit_into_the_queue),
		cmocka_unit_test(more_than_was_given_is_known_later),
		cmocka_unit_test(who_waits_for_an_answer_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
