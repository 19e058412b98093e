/* realtime: server events as OpenAI, Azure and xAI send them, read on both roads; client events field by field; what errors mean. */
#include "base/json.h"
#include "media-relay/realtime.h"
#include "unit.h"

static struct realtime_parser parser;

static struct realtime_msg read_it(const char *text)
{
	struct realtime_msg m;

	assert_int_equal(realtime_parse(&parser, span_z(text), &m), ERR_OK);
	return m;
}

static int done(void **st)
{
	(void)st;
	realtime_parser_fini(&parser);
	return 0;
}

static void audio_is_read_the_same_on_both_roads(void **st)
{
	static const char *const texts[] = {
		("{\"type\":\"response.output_audio.delta\",\"event_id\":\"event_S44\",\"response_id\":\"resp_C4\",\"item_id\":\"item_A8\",\"output_index\":0,"
		 "\"content_index\":0,\"delta\":\"/////v7+/v8=\"}"),
		"{\"type\":\"response.audio.delta\",\"response_id\":\"resp_C4\",\"item_id\":\"item_A8\",\"content_index\":3,\"delta\":\"/////v7+/v8=\",\"obfuscation\":\"\\u0041\"}",
		"{ \"delta\":\"/////v7+/v8=\", \"item_id\":\"item_A8\", \"rid\":{\"x\":[1]}, \"response_id\":\"resp_C4\", \"type\":\"response.output_audio.delta\" }",
	};

	(void)st;
	for (size_t i = 0; i < ROWS(texts); i++) {
		struct realtime_msg fast, slow;

		assert_true(realtime_audio_fast(span_z(texts[i]), &fast));
		assert_int_equal(realtime_parse_slow(&parser, span_z(texts[i]), &slow), ERR_OK);
		assert_int_equal(fast.type, RT_AUDIO_DELTA);
		assert_int_equal(slow.type, RT_AUDIO_DELTA);
		assert_span(fast.delta, "/////v7+/v8=");
		assert_span(fast.item_id, "item_A8");
		assert_span(fast.response_id, "resp_C4");
		assert_true(span_eq(slow.delta, fast.delta) && span_eq(slow.item_id, fast.item_id) && span_eq(slow.response_id, fast.response_id));
		assert_int_equal(slow.content_index, fast.content_index);
	}
}

static void only_plain_audio_takes_the_fast_road(void **st)
{
	static const char *const texts[] = {
		"{\"type\":\"response.done\",\"response_id\":\"r\",\"item_id\":\"i\",\"delta\":\"AAAA\"}",
		"{\"type\":\"response.output_audio.delta\",\"response_id\":\"r\",\"item_id\":\"i\",\"delta\":\"A\\/AA\"}",
		"{\"type\":\"response.output_audio.delta\",\"response_id\":null,\"item_id\":\"i\",\"delta\":\"AAAA\"}",
		"{\"type\":\"response.output_audio.delta\",\"item_id\":\"i\",\"delta\":\"AAAA\"}",
		"{\"type\":\"response.output_audio.delta\",\"response_id\":\"r\",\"item_id\":\"i\",\"content_index\":\"0\",\"delta\":\"AAAA\"}",
	};
	struct realtime_msg m;

	(void)st;
	for (size_t i = 0; i < ROWS(texts); i++)
		assert_false(realtime_audio_fast(span_z(texts[i]), &m));
	m = read_it(texts[1]);
	assert_span(m.delta, "A/AA");
}

static void events_have_their_types_under_new_and_old_names(void **st)
{
	static const struct { const char *name; enum realtime_type type; } rows[] = {
		{ "session.created", RT_SESSION_CREATED }, { "session.updated", RT_SESSION_UPDATED }, { "error", RT_ERROR },
		{ "input_audio_buffer.speech_started", RT_SPEECH_STARTED }, { "input_audio_buffer.speech_stopped", RT_SPEECH_STOPPED },
		{ "conversation.item.input_audio_transcription.delta", RT_HEARD_DELTA }, { "conversation.item.input_audio_transcription.completed", RT_HEARD_DONE },
		{ "conversation.item.input_audio_transcription.failed", RT_HEARD_FAILED }, { "conversation.item.truncated", RT_TRUNCATED },
		{ "response.created", RT_RESPONSE_CREATED }, { "response.done", RT_RESPONSE_DONE }, { "response.output_item.added", RT_ITEM_ADDED },
		{ "response.output_audio.done", RT_AUDIO_DONE }, { "response.audio.done", RT_AUDIO_DONE },
		{ "response.output_audio_transcript.delta", RT_WORDS_DELTA }, { "response.audio_transcript.delta", RT_WORDS_DELTA },
		{ "response.output_audio_transcript.done", RT_WORDS_DONE }, { "response.audio_transcript.done", RT_WORDS_DONE },
		{ "conversation.item.done", RT_ADDED_DONE }, { "response.mcp_call.in_progress", RT_MCP_BEGUN }, { "response.mcp_call.completed", RT_MCP_OVER },
		{ "response.mcp_call.failed", RT_MCP_OVER }, { "mcp_list_tools.failed", RT_MCP_NO_TOOLS }, { "mcp_list_tools.completed", RT_NOTED },
		{ "rate_limits.updated", RT_NOTED }, { "conversation.item.created", RT_NOTED }, { "ping", RT_NOTED },
		{ "output_audio_buffer.started", RT_UNKNOWN }, { "session.closed", RT_UNKNOWN }, { "", RT_UNKNOWN },
	};
	char text[200];

	(void)st;
	for (size_t i = 0; i < ROWS(rows); i++) {
		snprintf(text, sizeof text, "{\"type\":\"%s\"}", rows[i].name);
		if (read_it(text).type != rows[i].type)
			fail_msg("%s is read as %d", rows[i].name, read_it(text).type);
	}
}

static void an_mcp_call_says_what_it_came_to(void **st)
{
#define CALL_DONE(output, error) \
	"{\"type\":\"conversation.item.done\",\"item\":{\"id\":\"mcp_1\",\"type\":\"mcp_call\",\"server_label\":\"crm\",\"name\":\"find\",\"arguments\":\"{}\"," \
	"\"output\":" output ",\"error\":" error "}}"
	struct realtime_msg m = read_it(CALL_DONE("\"{\\\"id\\\":7}\"", "null"));

	(void)st;
	assert_span(m.item.server_label, "crm");
	assert_span(m.item.name, "find");
	assert_span(m.item.output, "{\"id\":7}");
	assert_null(m.item.error.p);
	m = read_it(CALL_DONE("null", "{\"type\":\"http_error\",\"code\":502,\"message\":\"bad gateway\"}"));
	assert_null(m.item.output.p);
	assert_span(m.item.error, "bad gateway");
	m = read_it(CALL_DONE("null", "null"));
	assert_null(m.item.output.p);
	assert_null(m.item.error.p);
}

static void what_cannot_be_read_is_said_to_be(void **st)
{
	static const char *const texts[] = { "", "x", "[]", "{}", "{\"type\":7}", "{\"type\":null}", "{\"type\":\"error\"", "null" };
	struct realtime_msg m;

	(void)st;
	for (size_t i = 0; i < ROWS(texts); i++)
		assert_int_equal(realtime_parse(&parser, span_z(texts[i]), &m), ERR_SYNTAX);
}

static void nulls_and_wrong_types_are_absent(void **st)
{
	static const char *const texts[] = {
		"{\"type\":\"session.updated\",\"session\":null}", "{\"type\":\"session.updated\",\"session\":{\"audio\":{\"input\":7,\"output\":[]}}}",
		"{\"type\":\"error\",\"error\":\"text\"}", "{\"type\":\"response.done\",\"response\":{\"status_details\":\"unimplemented\",\"usage\":{},\"output\":null}}",
		"{\"type\":\"response.done\",\"response\":{\"output\":[null,7,{\"type\":null}]}}", "{\"type\":\"response.output_item.added\",\"item\":[]}",
		"{\"type\":\"conversation.item.input_audio_transcription.completed\",\"transcript\":null,\"usage\":null}",
	};

	(void)st;
	for (size_t i = 0; i < ROWS(texts); i++)
		read_it(texts[i]);
}

static void a_session_is_confirmed_by_formats_and_voice(void **st)
{
	static const struct { const char *in, *out, *voice; enum audio_format fin, fout; bool good; } rows[] = {
		{ "\"type\":\"audio/pcmu\"", "\"type\":\"audio/pcmu\"", "marin", AUDIO_PCMU, AUDIO_PCMU, true },
		{ "\"type\":\"audio/pcma\"", "\"type\":\"audio/pcm\",\"rate\":24000", "marin", AUDIO_PCMA, AUDIO_PCM24, true },
		{ "\"type\":\"audio/pcm\",\"rate\":24000", "\"type\":\"audio/pcmu\"", "marin", AUDIO_PCMU, AUDIO_PCMU, false },
		{ "\"type\":\"audio/pcmu\"", "\"type\":\"audio/pcm\",\"rate\":24000", "marin", AUDIO_PCMU, AUDIO_PCMU, false },
		{ "\"type\":\"audio/pcm\",\"rate\":16000", "\"type\":\"audio/pcmu\"", "marin", AUDIO_PCM24, AUDIO_PCMU, false },
		{ "\"type\":\"audio/pcmu\"", "\"type\":\"audio/pcmu\"", "alloy", AUDIO_PCMU, AUDIO_PCMU, false },
		{ "\"x\":0", "\"type\":\"audio/pcmu\"", "marin", AUDIO_PCMU, AUDIO_PCMU, false },
	};
	char text[400];

	(void)st;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct realtime_msg m;

		snprintf(text, sizeof text, "{\"type\":\"session.updated\",\"session\":{\"audio\":{\"input\":{\"format\":{%s},\"turn_detection\":{\"silence_duration_ms\":700}},"
		         "\"output\":{\"format\":{%s},\"voice\":\"%s\"}}}}", rows[i].in, rows[i].out, rows[i].voice);
		m = read_it(text);
		assert_int_equal(m.session.silence_ms, 700);
		assert_int_equal(realtime_confirms(&m, rows[i].fin, rows[i].fout, SPAN("marin")), rows[i].good);
	}
}

static void usage_is_read_wherever_it_lies(void **st)
{
	struct realtime_msg m = read_it("{\"type\":\"response.done\",\"response\":{\"id\":\"r\",\"status\":\"completed\",\"output\":[{\"type\":\"message\"},{\"type\":\"function_call\"}],"
	                                "\"usage\":{\"total_tokens\":512,\"input_tokens\":431,\"output_tokens\":81,\"input_token_details\":{\"text_tokens\":380,"
	                                "\"audio_tokens\":51,\"cached_tokens_details\":{\"text_tokens\":320,\"audio_tokens\":4}},\"output_token_details\":"
	                                "{\"text_tokens\":19,\"audio_tokens\":62}}}}");
	static const int64_t want[] = { 380, 51, 320, 4, 19, 62 };

	(void)st;
	assert_int_equal(m.response.status, RS_COMPLETED);
	assert_int_equal(m.response.calls, 1);
	assert_true(m.response.has_usage);
	assert_memory_equal(m.response.usage, want, sizeof want);
	m = read_it("{\"type\":\"response.done\",\"response\":{\"id\":\"r\",\"status\":\"cancelled\",\"status_details\":{\"type\":\"cancelled\",\"reason\":\"turn_detected\"},"
	            "\"usage\":{\"total_tokens\":600,\"input_tokens\":560,\"output_tokens\":40}}}");
	assert_int_equal(m.response.status, RS_CANCELLED);
	assert_span(m.response.reason, "turn_detected");
	assert_int_equal(m.response.usage[0], 560);
	assert_int_equal(m.response.usage[5], 40);
	m = read_it("{\"type\":\"response.done\",\"usage\":{\"input_tokens\":9},\"response\":{\"id\":\"r\",\"status\":\"completed\",\"usage\":{}}}");
	assert_int_equal(m.response.usage[0], 9);
	m = read_it("{\"type\":\"response.done\",\"response\":{\"id\":\"r\",\"usage\":null}}");
	assert_false(m.response.has_usage);
}

static void cached_tokens_without_their_parts_are_text_first_and_never_more_than_the_input(void **st)
{
	static const int64_t parts[] = { 380, 51, 380, 20, 0, 0 }, more[] = { 380, 51, 380, 51, 0, 0 };
	struct realtime_msg m = read_it("{\"type\":\"response.done\",\"response\":{\"id\":\"r\",\"usage\":{\"input_tokens\":431,\"input_token_details\":"
	                                "{\"text_tokens\":380,\"audio_tokens\":51,\"cached_tokens\":400}}}}");

	(void)st;
	assert_memory_equal(m.response.usage, parts, sizeof parts);
	m = read_it("{\"type\":\"response.done\",\"response\":{\"id\":\"r\",\"usage\":{\"input_tokens\":431,\"input_token_details\":"
	            "{\"text_tokens\":380,\"audio_tokens\":51,\"cached_tokens_details\":{\"text_tokens\":999,\"audio_tokens\":999}}}}}");
	assert_memory_equal(m.response.usage, more, sizeof more);
}

static void counts_of_tokens_beyond_all_reason_are_none(void **st)
{
	static const int64_t none[REALTIME_USAGE];
	struct realtime_msg m = read_it("{\"type\":\"response.done\",\"response\":{\"id\":\"r\",\"usage\":{\"input_tokens\":9223372036854775807,"
	                                "\"output_tokens\":9223372036854775807}}}");

	(void)st;
	assert_memory_equal(m.response.usage, none, sizeof none);
	m = read_it("{\"type\":\"conversation.item.input_audio_transcription.completed\",\"item_id\":\"u\",\"transcript\":\"x\",\"usage\":"
	            "{\"type\":\"tokens\",\"input_tokens\":9223372036854775807,\"output_tokens\":-3}}");
	assert_int_equal(m.heard.input, 0);
	assert_int_equal(m.heard.output, 0);
}

static void a_failed_response_says_why(void **st)
{
	struct realtime_msg m = read_it("{\"type\":\"response.done\",\"response\":{\"id\":\"resp_C6\",\"status\":\"failed\",\"status_details\":{\"type\":\"failed\",\"error\":"
	                                "{\"type\":\"invalid_request_error\",\"code\":\"rate_limit_exceeded\",\"message\":\"Please try again in 1.2s.\"}}}}");

	(void)st;
	assert_int_equal(m.response.status, RS_FAILED);
	assert_span(m.error.code, "rate_limit_exceeded");
	assert_int_equal(realtime_retry_ms(m.error.message), 1200);
	assert_int_equal(realtime_fault(&m), RF_HARMLESS);
}

static void what_the_caller_said_is_read_once_it_is_final(void **st)
{
	struct realtime_msg m = read_it("{\"type\":\"conversation.item.input_audio_transcription.completed\",\"item_id\":\"i\",\"content_index\":0,\"transcript\":\"hi\","
	                                "\"usage\":{\"type\":\"duration\",\"seconds\":3}}");

	(void)st;
	assert_int_equal(m.type, RT_HEARD_DONE);
	assert_span(m.delta, "hi");
	assert_true(m.heard.seconds > 2.9 && m.heard.seconds < 3.1);
	m = read_it("{\"type\":\"conversation.item.input_audio_transcription.completed\",\"item_id\":\"i\",\"transcript\":\"h\",\"status\":\"in_progress\"}");
	assert_int_equal(m.type, RT_NOTED);
}

static void errors_mean_what_their_codes_say(void **st)
{
	static const struct { const char *type, *code; enum realtime_fault fault; } rows[] = {
		{ "invalid_request_error", "invalid_api_key", RF_HOPELESS }, { "invalid_request_error", "model_not_found", RF_HOPELESS },
		{ "x", "insufficient_quota", RF_HOPELESS }, { "insufficient_quota", "x", RF_HOPELESS }, { "x", "session_expired", RF_EXPIRED },
		{ "invalid_request_error", "response_cancel_not_active", RF_HARMLESS }, { "server_error", "x", RF_HARMLESS },
	};
	char text[200];

	(void)st;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct realtime_msg m;

		snprintf(text, sizeof text, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"code\":\"%s\",\"message\":\"m\"}}", rows[i].type, rows[i].code);
		m = read_it(text);
		assert_int_equal(realtime_fault(&m), rows[i].fault);
	}
}

static void close_reasons_mean_what_they_say(void **st)
{
	static const struct { const char *reason; enum realtime_fault fault; } rows[] = {
		{ "3000 invalid_request_error.invalid_api_key", RF_HOPELESS }, { "3000", RF_HOPELESS }, { "4000 x", RF_HOPELESS }, { "4004 x", RF_HOPELESS },
		{ "1008 error.insufficient_quota", RF_HOPELESS }, { "1000", RF_DROPPED }, { "1006", RF_DROPPED }, { "", RF_DROPPED }, { "1011 internal", RF_DROPPED },
		{ "1001 going away", RF_DROPPED }, { "1001 Your session hit the maximum duration of 60 minutes.", RF_EXPIRED },
		{ "http 401", RF_HOPELESS }, { "http 404", RF_HOPELESS }, { "http 301", RF_HOPELESS }, { "http 429", RF_DROPPED }, { "http 503", RF_DROPPED },
		{ "http 408", RF_DROPPED }, { "http", RF_DROPPED }, { "connection refused", RF_DROPPED }, { "certificate verify failed", RF_DROPPED },
	};

	(void)st;
	for (size_t i = 0; i < ROWS(rows); i++)
		if (realtime_fault_closed(span_z(rows[i].reason)) != rows[i].fault)
			fail_msg("%s", rows[i].reason);
}

static void pauses_are_read_from_texts(void **st)
{
	static const struct { const char *text; int64_t ms; } rows[] = {
		{ "Please try again in 1.2s.", 1200 }, { "try again in 3s", 3000 }, { "try again in 500ms", 500 }, { "try again in 20ms", 100 },
		{ "try again in 90s", 5000 }, { "try again in soon", 300 }, { "try again in ", 300 }, { "no idea", 300 }, { "", 300 }, { "try again in 1.2.3s", 300 },
	};

	(void)st;
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(realtime_retry_ms(span_z(rows[i].text)), rows[i].ms);
	assert_int_equal(realtime_retry_ms(SPAN_NONE), 300);
}

/* --- what we send --- */

static void is(struct buf *b, const char *want)
{
	struct json_object *o = NULL;

	assert_int_equal(json_read(&o, buf_span(b)), ERR_OK);
	json_object_put(o);
	assert_string_equal(buf_z(b), want);
	buf_fini(b);
}

static void client_events_have_the_fields_of_the_schema_and_no_more(void **st)
{
	struct buf b = BUF_INIT;
	char room[200];
	size_t n;

	(void)st;
	realtime_truncate(&b, SPAN("t1"), SPAN("item_A8"), 0, 1480);
	is(&b, "{\"type\":\"conversation.item.truncate\",\"event_id\":\"t1\",\"item_id\":\"item_A8\",\"content_index\":0,\"audio_end_ms\":1480}");
	realtime_user_text(&b, SPAN("i2"), SPAN("[keypad: 1\"2]"));
	is(&b, "{\"type\":\"conversation.item.create\",\"event_id\":\"i2\",\"item\":{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
	       "\"text\":\"[keypad: 1\\\"2]\"}]}}");
	realtime_create(&b, SPAN("r3"));
	is(&b, "{\"type\":\"response.create\",\"event_id\":\"r3\"}");
	realtime_cancel(&b, SPAN("c4"), SPAN("resp_\"x"));
	is(&b, "{\"type\":\"response.cancel\",\"event_id\":\"c4\",\"response_id\":\"resp_\\\"x\"}");
	realtime_cancel(&b, SPAN("c5"), SPAN(""));
	is(&b, "{\"type\":\"response.cancel\",\"event_id\":\"c5\"}");
	n = realtime_append(room, SPAN("//////////8="));
	assert_span(span_of(room, n), "{\"type\":\"input_audio_buffer.append\",\"audio\":\"//////////8=\"}");
	assert_true(n <= REALTIME_APPEND_SIZE(12));
	n = realtime_append_raw(room, (const uint8_t *)"\xff\xff\xff", 3);
	assert_span(span_of(room, n), "{\"type\":\"input_audio_buffer.append\",\"audio\":\"////\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(audio_is_read_the_same_on_both_roads, done),
		cmocka_unit_test_teardown(only_plain_audio_takes_the_fast_road, done),
		cmocka_unit_test_teardown(events_have_their_types_under_new_and_old_names, done),
		cmocka_unit_test_teardown(an_mcp_call_says_what_it_came_to, done),
		cmocka_unit_test_teardown(what_cannot_be_read_is_said_to_be, done),
		cmocka_unit_test_teardown(nulls_and_wrong_types_are_absent, done),
		cmocka_unit_test_teardown(a_session_is_confirmed_by_formats_and_voice, done),
		cmocka_unit_test_teardown(usage_is_read_wherever_it_lies, done),
		cmocka_unit_test_teardown(cached_tokens_without_their_parts_are_text_first_and_never_more_than_the_input, done),
		cmocka_unit_test_teardown(counts_of_tokens_beyond_all_reason_are_none, done),
		cmocka_unit_test_teardown(a_failed_response_says_why, done),
		cmocka_unit_test_teardown(what_the_caller_said_is_read_once_it_is_final, done),
		cmocka_unit_test_teardown(errors_mean_what_their_codes_say, done),
		cmocka_unit_test(close_reasons_mean_what_they_say),
		cmocka_unit_test(pauses_are_read_from_texts),
		cmocka_unit_test(client_events_have_the_fields_of_the_schema_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
