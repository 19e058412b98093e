/* explain: the stories of bad calls, from made-up records. */
#include "admin-cli/explain.h"
#include "base/json.h"
#include "unit.h"

#define CALL(more) "{\"call\":{\"session_id\":\"s\",\"twilio_call_sid\":\"CA1\",\"caller_number\":\"+15550001\",\"called_number\":\"+15550002\",\"agent\":\"a\"," \
	"\"started_at\":\"2026-11-23T10:00:00.000Z\",\"connected_at\":\"2026-11-23T10:00:01.000Z\",\"ended_at\":\"2026-11-23T10:00:20.000Z\"," \
	"\"duration_seconds\":20,\"turns\":2,\"cost\":0.05,\"latency_ms\":{\"p50\":900,\"p95\":1200}," more "}"
#define AT(s)   "\"created_at\":\"2026-11-23T10:00:" s "Z\""
#define TURN(from, to) "\"started_at\":\"2026-11-23T10:00:" from "Z\",\"completed_at\":\"2026-11-23T10:00:" to "Z\""
#define ENDED(r) CALL("\"end_reason\":\"" r "\",\"error\":null")

static const struct {
	const char *name, *record, *finding, *ended;
} rows[] = {
	{ "a failed dial is told in the server's words",
	  ENDED("caller_hangup") ",\"turns\":[],\"events\":[{\"event_type\":\"model.dial_failed\",\"error\":\"http 401\",\"payload\":{\"upstream\":0,\"try\":1}," AT("02.000") "}]}",
	  "dialling the model failed (upstream 0, try 1): http 401", "the caller hung up (caller_hangup), after 20 s" },
	{ "a drop is told with the time to the new connection",
	  ENDED("caller_hangup") ",\"turns\":[],\"events\":[{\"event_type\":\"model.lost\",\"error\":\"1006\"," AT("05.000") "},"
	  "{\"event_type\":\"model.connected\",\"payload\":{\"upstream\":1,\"ms\":300}," AT("05.700") "}]}",
	  "the model was there again after 0.7 s", NULL },
	{ "an interruption is told with what was heard",
	  ENDED("caller_hangup") ",\"turns\":[],\"events\":[{\"event_type\":\"barge_in\",\"payload\":{\"heard_ms\":1240,\"came_ms\":5200}," AT("05.000") "}]}",
	  "the caller interrupted the agent: 1.2 s of 5.2 s were heard", NULL },
	{ "a stream that came back is told with its gap",
	  ENDED("caller_hangup") ",\"turns\":[],\"events\":[{\"event_type\":\"stream.lost\",\"error\":\"1006\"," AT("05.000") "},"
	  "{\"event_type\":\"stream.started\",\"payload\":{\"stream_sid\":\"MZ2\"}," AT("07.500") "}]}",
	  "the caller's stream was back after 2.5 s", NULL },
	{ "a code of Twilio's is told with what to do",
	  ENDED("stream_failed") ",\"turns\":[],\"events\":[{\"event_type\":\"stream.error\",\"error\":\"31910 - TLS handshake\"," AT("05.000") "}]}",
	  "Twilio reported trouble with the stream: 31910 - TLS handshake [Twilio 31910: TLS of the stream failed; check port", NULL },
	{ "a code in the record's error is explained at the end",
	  CALL("\"end_reason\":\"stream_failed\",\"error\":\"stream: 31921\"") ",\"turns\":[],\"events\":[]}", NULL,
	  "Cause: stream: 31921 [Twilio 31921: we closed the stream;" },
	{ "a failed tool is a finding",
	  ENDED("agent_ended") ",\"turns\":[{\"role\":\"tool\",\"tool\":{\"name\":\"book\",\"result\":\"{\\\"error\\\":\\\"timed out\\\"}\",\"duration_ms\":10000}," TURN("05.000", "15.000") "}],\"events\":[]}",
	  "tool book failed after 10.0 s: {\"error\":\"timed out\"}", NULL },
	{ "a slow tool is a finding",
	  ENDED("agent_ended") ",\"turns\":[{\"role\":\"tool\",\"tool\":{\"name\":\"book\",\"result\":\"ok\",\"duration_ms\":4000}," TURN("05.000", "09.000") "}],\"events\":[]}",
	  "tool book called, took 4.0 s", NULL },
	{ "a long silence between turns is told, and who spoke last",
	  ENDED("caller_hangup") ",\"turns\":[{\"role\":\"user\",\"text\":\"Hello?\"," TURN("02.000", "03.000") "},{\"role\":\"assistant\",\"text\":\"Yes\"," TURN("12.500", "13.000") "}],\"events\":[]}",
	  "nobody spoke for 9.5 s; the caller had spoken last", NULL },
	{ "a silence before the end is told",
	  ENDED("caller_hangup") ",\"turns\":[{\"role\":\"assistant\",\"text\":\"Yes\"," TURN("02.000", "03.000") "}],\"events\":[]}",
	  "nobody spoke for 17.0 s; the agent had spoken last", NULL },
	{ "a slow answer is told",
	  ENDED("caller_hangup") ",\"turns\":[{\"role\":\"assistant\",\"text\":\"Yes\",\"latency_ms\":4100," TURN("02.000", "19.000") "}],\"events\":[]}",
	  "slow answer: 4.1 s from the caller's last word to the first sound", NULL },
	{ "an event without words of its own is told by its name, and with an error it is a finding",
	  ENDED("caller_hangup") ",\"turns\":[],\"events\":[{\"event_type\":\"new.thing\",\"error\":\"boom\",\"payload\":{\"a\":1}," AT("05.000") "}]}",
	  "new.thing: boom {\"a\":1}", NULL },
	{ "what was mended is not the cause of the end",
	  CALL("\"end_reason\":\"caller_hangup\",\"status\":\"ended\",\"error\":\"stream: 31903\"") ",\"turns\":[],\"events\":["
	  "{\"event_type\":\"model.rebuilt\",\"payload\":{\"turns\":3}," AT("05.000") "}]}",
	  "the new connection was told the conversation so far (3 turns)", "the caller hung up (caller_hangup), after 20 s. On the way: stream: 31903" },
	{ "a refused call says why", CALL("\"end_reason\":\"busy\",\"error\":\"full\"") ",\"turns\":[],\"events\":[]}", NULL,
	  "refused: there was no room for one more call (busy), after 20 s. Cause: full" },
	{ "a call that goes on has not ended", CALL("\"end_reason\":null") ",\"turns\":[],\"events\":[]}", NULL, "it has not ended" },
};

static struct json_object *tell(const char *record)
{
	struct json_object *in, *story = NULL;

	assert_int_equal(json_read(&in, span_z(record)), ERR_OK);
	assert_int_equal(explain_call(in, &story), ERR_OK);
	json_object_put(in);
	return story;
}

static bool has_text(struct json_object *list, const char *part)
{
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (strstr(json_get_span(json_object_array_get_idx(list, i), "text").p, part))
			return true;
	return false;
}

static void what_stood_out_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct json_object *story = tell(rows[i].record);

		if (rows[i].finding && !has_text(json_get(story, "findings"), rows[i].finding))
			fail_msg("%s: %s", rows[i].name, json_object_to_json_string(story));
		if (rows[i].ended && !strstr(json_get_span(story, "ended").p, rows[i].ended))
			fail_msg("%s: %s", rows[i].name, json_object_to_json_string(story));
		json_object_put(story);
	}
}

static void nothing_stands_out_in_a_good_call(void **state)
{
	struct json_object *story = tell(ENDED("caller_hangup") ",\"turns\":[{\"role\":\"assistant\",\"text\":\"Hi\"," TURN("02.000", "19.000") "}],\"events\":["
		"{\"event_type\":\"call.announced\"," AT("00.000") "},{\"event_type\":\"response.done\",\"payload\":{\"status\":\"completed\"}," AT("03.000") "}]}");
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(json_object_array_length(json_get(story, "findings")), 0);
	assert_int_equal(json_object_array_length(json_get(story, "timeline")), 3);
	explain_print(&out, story);
	assert_non_null(strstr(buf_z(&out), "Nothing stood out."));
	assert_non_null(strstr(buf_z(&out), "     +2.0 s  agent: \"Hi\""));
	assert_null(strstr(buf_z(&out), "answer was done"));      /* the rhythm of the model is for --json */
	buf_fini(&out);
	json_object_put(story);
}

static void rows_come_in_order_of_time_whatever_their_source(void **state)
{
	struct json_object *story = tell(ENDED("caller_hangup") ",\"turns\":[{\"role\":\"user\",\"text\":\"two\"," TURN("02.000", "19.000") "}],\"events\":["
		"{\"event_type\":\"dtmf\"," AT("04.000") "},{\"event_type\":\"stream.started\",\"payload\":{\"stream_sid\":\"MZ\"}," AT("01.000") "}]}");
	struct json_object *t = json_get(story, "timeline");

	(void)state;
	assert_span(json_get_span(json_object_array_get_idx(t, 0), "kind"), "stream.started");
	assert_span(json_get_span(json_object_array_get_idx(t, 1), "kind"), "caller");
	assert_span(json_get_span(json_object_array_get_idx(t, 2), "kind"), "dtmf");
	json_object_put(story);
}

static void what_a_caller_said_cannot_steer_the_terminal(void **state)
{
	struct json_object *story = tell(ENDED("caller_hangup") ",\"turns\":[{\"role\":\"user\",\"text\":\"\\u001b[2Jx\"," TURN("02.000", "03.000") "}],\"events\":[]}");
	struct buf out = BUF_INIT;

	(void)state;
	explain_print(&out, story);
	assert_null(strchr(buf_z(&out), 0x1b));
	buf_fini(&out);
	json_object_put(story);
}

static void what_is_no_export_is_refused(void **state)
{
	struct json_object *in, *story = NULL;

	(void)state;
	assert_int_equal(json_read(&in, SPAN("{\"call\":{}}")), ERR_OK);
	assert_int_equal(explain_call(in, &story), ERR_VALUE);
	json_object_put(in);
}

static void codes_are_found_inside_of_texts(void **state)
{
	(void)state;
	assert_int_equal(explain_twilio(SPAN("error 31920: handshake"))->code, 31920);
	assert_int_equal(explain_twilio(SPAN("1234 12 31903"))->code, 31903);
	assert_null(explain_twilio(SPAN("319200 and 99999")));
	assert_null(explain_twilio(SPAN_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stood_out_is_told),
		cmocka_unit_test(nothing_stands_out_in_a_good_call),
		cmocka_unit_test(rows_come_in_order_of_time_whatever_their_source),
		cmocka_unit_test(what_a_caller_said_cannot_steer_the_terminal),
		cmocka_unit_test(what_is_no_export_is_refused),
		cmocka_unit_test(codes_are_found_inside_of_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
