/* stream: Twilio's messages as printed in its documentation, and ours byte for byte (a field too many is warning 31951). */
#include "base/b64.h"
#include "media-relay/stream.h"
#include "unit.h"

#define MZ "MZ00000000000000000000000000000003"

static enum err parse(struct stream_parser *p, const char *text, struct stream_msg *m)
{
	return stream_parse(p, span_z(text), m);
}

static void start_is_read(void **st)
{
	struct stream_parser p = { NULL };
	struct stream_msg m;

	(void)st;
	assert_int_equal(parse(&p, "{\"event\":\"start\",\"sequenceNumber\":\"1\",\"start\":{\"accountSid\":\"AC1\",\"streamSid\":\"" MZ "\",\"callSid\":\"CA2\","
	                       "\"tracks\":[\"inbound\"],\"mediaFormat\":{\"encoding\":\"audio/x-mulaw\",\"sampleRate\":8000,\"channels\":1},"
	                       "\"customParameters\":{\"token\":\"9fK2c0Zq7mV1\",\"route\":\"42\"}},\"streamSid\":\"" MZ "\"}", &m), ERR_OK);
	assert_int_equal(m.type, ST_START);
	assert_span(m.stream_sid, MZ);
	assert_span(m.call_sid, "CA2");
	assert_span(m.encoding, "audio/x-mulaw");
	assert_int_equal(m.sample_rate, 8000);
	assert_int_equal(m.channels, 1);
	assert_span(m.token, "9fK2c0Zq7mV1");
	stream_parser_fini(&p);
}

static void media_is_read_on_both_roads_with_numbers_as_text_or_as_numbers(void **st)
{
	static const char *const stamps[] = { "\"57\"", "57" };
	struct stream_parser p = { NULL };
	char text[400];

	(void)st;
	for (size_t i = 0; i < ROWS(stamps); i++) {
		struct stream_msg fast, slow;

		snprintf(text, sizeof text, "{\"event\":\"media\",\"sequenceNumber\":\"2\",\"media\":{\"track\":\"inbound\",\"chunk\":\"1\",\"timestamp\":%s,"
		         "\"payload\":\"////w==\"},\"streamSid\":\"" MZ "\"}", stamps[i]);
		assert_true(stream_parse_fast(span_z(text), &fast));
		assert_int_equal(stream_parse_slow(&p, span_z(text), &slow), ERR_OK);
		assert_int_equal(fast.type, ST_MEDIA);
		assert_int_equal(slow.type, ST_MEDIA);
		assert_span(fast.payload, "////w==");
		assert_true(span_eq(fast.payload, slow.payload) && span_eq(fast.stream_sid, slow.stream_sid));
		assert_int_equal(fast.timestamp_ms, 57);
		assert_int_equal(slow.timestamp_ms, 57);
	}
	stream_parser_fini(&p);
}

static void a_mark_is_read_on_both_roads(void **st)
{
	static const char text[] = "{\"event\":\"mark\",\"sequenceNumber\":\"4\",\"streamSid\":\"" MZ "\",\"mark\":{\"name\":\"m7\"}}";
	static const char *const slow_only[] = {
		"{\"event\":\"mark\",\"streamSid\":\"" MZ "\",\"mark\":{\"name\":\"m\\u0037\"}}",
		"{\"event\":\"mark\",\"streamSid\":\"" MZ "\",\"mark\":{}}",
		"{\"event\":\"mark\",\"streamSid\":\"" MZ "\",\"mark\":\"{}\"}",
		"{\"event\":\"mark\",\"streamSid\":\"" MZ "\"}",
		"{\"event\":\"mark\",\"mark\":{\"name\":\"m7\"}}",
	};
	struct stream_parser p = { NULL };
	struct stream_msg fast, slow;

	(void)st;
	assert_true(stream_parse_fast(span_z(text), &fast));
	assert_int_equal(stream_parse_slow(&p, span_z(text), &slow), ERR_OK);
	assert_int_equal(fast.type, ST_MARK);
	assert_span(fast.name, "m7");
	assert_true(span_eq(fast.name, slow.name) && span_eq(fast.stream_sid, slow.stream_sid));
	assert_int_equal(fast.timestamp_ms, slow.timestamp_ms);
	for (size_t i = 0; i < ROWS(slow_only); i++)
		assert_false(stream_parse_fast(span_z(slow_only[i]), &fast));
	stream_parser_fini(&p);
}

static void the_other_events_are_read(void **st)
{
	static const struct { const char *text; enum stream_type type; } rows[] = {
		{ "{\"event\":\"connected\",\"protocol\":\"Call\",\"version\":\"1.0.0\"}", ST_CONNECTED },
		{ "{\"event\":\"dtmf\",\"streamSid\":\"MZ\",\"sequenceNumber\":\"5\",\"dtmf\":{\"track\":\"inbound_track\",\"digit\":\"#\"}}", ST_DTMF },
		{ "{\"event\":\"mark\",\"sequenceNumber\":\"4\",\"streamSid\":\"MZ\",\"mark\":{\"name\":\"m7\"}}", ST_MARK },
		{ "{\"event\":\"stop\",\"sequenceNumber\":\"904\",\"stop\":{\"accountSid\":\"AC\",\"callSid\":\"CA\"},\"streamSid\":\"MZ\"}", ST_STOP },
		{ "{\"event\":\"hologram\",\"streamSid\":\"MZ\"}", ST_UNKNOWN },
		{ "{\"event\":\"media\",\"streamSid\":\"MZ\",\"media\":{\"payload\":\"\\/\\/8=\"}}", ST_MEDIA },        /* an escape: json-c reads it */
	};
	struct stream_parser p = { NULL };
	struct stream_msg m;

	(void)st;
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(parse(&p, rows[i].text, &m), ERR_OK);
		assert_int_equal(m.type, rows[i].type);
	}
	assert_span(m.payload, "//8=");
	assert_int_equal(m.timestamp_ms, -1);
	stream_parser_fini(&p);
}

static void what_is_malformed_is_said_to_be(void **st)
{
	static const char *const texts[] = {
		"", "x", "[]", "{}", "{\"event\":5}", "{\"event\":\"media\"}", "{\"event\":\"media\",\"media\":{}}", "{\"event\":\"media\",\"media\":{\"payload\":7}}",
		"{\"event\":\"dtmf\",\"dtmf\":{\"digit\":\"12\"}}", "{\"event\":\"dtmf\",\"dtmf\":{\"digit\":\"\"}}", "{\"event\":\"mark\",\"mark\":{}}",
		"{\"event\":\"start\",\"start\":{}}", "{\"event\":\"start\",\"start\":{\"streamSid\":\"MZ\",\"callSid\":\"CA\"}}",
		"{\"event\":\"stop\"", "{\"event\":\"stop\"} {}", "{\"event\":\"mark\",\"mark\":{\"name\":\"\xff\xfe\"}}",
	};
	struct stream_parser p = { NULL };
	struct stream_msg m;

	(void)st;
	for (size_t i = 0; i < ROWS(texts); i++)
		if (parse(&p, texts[i], &m) != ERR_SYNTAX)
			fail_msg("took %s", texts[i]);
	stream_parser_fini(&p);
}

static void p37_our_three_messages_are_what_twilio_expects_byte_for_byte(void **st)
{
	const uint8_t audio[4] = { 0xFF, 0xFF, 0xFF, 0x7F };
	char room[300];
	size_t n;

	(void)st;
	n = stream_media(room, SPAN(MZ), audio, 4);
	assert_span(span_of(room, n), "{\"event\":\"media\",\"streamSid\":\"" MZ "\",\"media\":{\"payload\":\"////fw==\"}}");
	assert_true(n <= STREAM_MEDIA_SIZE(34, 4));
	n = stream_mark(room, SPAN(MZ), SPAN("m12"));
	assert_span(span_of(room, n), "{\"event\":\"mark\",\"streamSid\":\"" MZ "\",\"mark\":{\"name\":\"m12\"}}");
	assert_true(n <= STREAM_MARK_SIZE(34, 3));
	n = stream_clear(room, SPAN(MZ));
	assert_span(span_of(room, n), "{\"event\":\"clear\",\"streamSid\":\"" MZ "\"}");
	assert_true(n <= STREAM_CLEAR_SIZE(34));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_is_read),
		cmocka_unit_test(media_is_read_on_both_roads_with_numbers_as_text_or_as_numbers),
		cmocka_unit_test(a_mark_is_read_on_both_roads),
		cmocka_unit_test(the_other_events_are_read),
		cmocka_unit_test(what_is_malformed_is_said_to_be),
		cmocka_unit_test(p37_our_three_messages_are_what_twilio_expects_byte_for_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
