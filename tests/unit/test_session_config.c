/* session_config: what a model is told. The published schema was asked about every message here; these checks hold the facts that matter for a call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "openai/session_config.h"

static const struct agent plain = {
	.name = "a", .voice = "marin", .model = "gpt-realtime-2.1", .speed = 1.0, .temperature = NAN, .max_response_output_tokens = "inf",
	.input_audio_format = "g711_ulaw", .output_audio_format = "g711_ulaw", .vad_type = "server_vad", .vad_threshold = 0.5,
	.vad_prefix_padding_ms = 300, .vad_silence_duration_ms = 500, .vad_eagerness = "auto", .vad_idle_timeout_ms = FIELD_NULL_INT,
	.vad_create_response = true, .vad_interrupt_response = true, .noise_reduction = "none", .enable_input_transcription = true,
	.transcription_model = "gpt-4o-mini-transcribe", .greeting_interruptible = true,
};

static struct session_config with(const struct agent *a)
{
	return (struct session_config){ .agent = a, .instructions = SPAN("Be brief."), .greeting = SPAN("Hello, how can I help you?") };
}

typedef enum err builder(struct buf *out, const struct session_config *c);

static struct json_object *built(builder *make, const struct session_config *c)
{
	struct buf b = BUF_INIT;
	struct json_object *o = NULL;

	assert_int_equal(make(&b, c), ERR_OK);
	if (getenv("SHOW_MESSAGES"))
		printf("\nMESSAGE %s\n", buf_z(&b));
	if (b.n)
		assert_int_equal(json_read(&o, buf_span(&b)), ERR_OK);
	buf_fini(&b);
	return o;
}

static void same(struct json_object *o, const char *path, const char *want)
{
	struct json_object *v = json_path(o, path);
	struct buf b = BUF_INIT;

	if (v)
		assert_int_equal(json_write(&b, v), ERR_OK);
	if (strcmp(v ? buf_z(&b) : "null", want) != 0)
		fail_msg("%s is %s, not %s", path, v ? buf_z(&b) : "null", want);
	buf_fini(&b);
}

static void a_phone_agent_gets_mu_law_both_ways_and_complete_turn_detection(void **st)
{
	struct session_config c = with(&plain);
	struct json_object *o = built(session_config_update, &c);

	(void)st;
	same(o, "type", "\"session.update\"");
	same(o, "session.type", "\"realtime\"");
	same(o, "session.output_modalities", "[\"audio\"]");
	same(o, "session.instructions", "\"Be brief.\"");
	same(o, "session.audio.input.format", "{\"type\":\"audio/pcmu\"}");
	same(o, "session.audio.output.format", "{\"type\":\"audio/pcmu\"}");
	same(o, "session.audio.output.voice", "\"marin\"");
	same(o, "session.audio.input.transcription", "{\"model\":\"gpt-4o-mini-transcribe\"}");
	same(o, "session.audio.input.turn_detection",
	     "{\"type\":\"server_vad\",\"threshold\":0.5,\"prefix_padding_ms\":300,\"silence_duration_ms\":500,\"create_response\":true,\"interrupt_response\":true}");
	same(o, "session.tools", "null");
	same(o, "session.temperature", "null");
	json_object_put(o);
}

static void everything_an_agent_may_say_has_its_place(void **st)
{
	struct agent a = plain;
	struct session_config c = with(&a);
	struct json_object *o;

	(void)st;
	a.input_audio_format = "g711_alaw";
	a.output_audio_format = "pcm16";
	a.vad_type = "semantic_vad";
	a.noise_reduction = "near_field";
	a.reasoning_effort = "low";
	a.max_response_output_tokens = "1024";
	a.truncation = "{\"type\":\"retention_ratio\",\"retention_ratio\":0.8}";
	a.transcription_language = "de";
	a.transcription_prompt = "Okafor \"quoted\"";
	a.speed = 1.2;
	c.tools = SPAN("[{\"type\":\"function\",\"name\":\"end_call\",\"description\":\"d\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}]");
	o = built(session_config_update, &c);
	same(o, "session.audio.input.format", "{\"type\":\"audio/pcma\"}");
	same(o, "session.audio.output.format", "{\"type\":\"audio/pcm\",\"rate\":24000}");
	same(o, "session.audio.input.turn_detection", "{\"type\":\"semantic_vad\",\"eagerness\":\"auto\",\"create_response\":true,\"interrupt_response\":true}");
	same(o, "session.audio.input.noise_reduction", "{\"type\":\"near_field\"}");
	same(o, "session.audio.input.transcription",
	     "{\"model\":\"gpt-4o-mini-transcribe\",\"language\":\"de\",\"prompt\":\"Okafor \\\"quoted\\\"\"}");
	same(o, "session.reasoning", "{\"effort\":\"low\"}");
	same(o, "session.max_output_tokens", "1024");
	same(o, "session.truncation", "{\"type\":\"retention_ratio\",\"retention_ratio\":0.8}");
	same(o, "session.audio.output.speed", "1.2");
	assert_int_equal(json_object_array_length(json_path(o, "session.tools")), 1);
	json_object_put(o);
}

static void without_vad_turn_detection_is_null_and_never_the_word_none(void **st)
{
	struct agent a = plain;
	struct session_config c = with(&a);
	struct json_object *o, *in;

	(void)st;
	a.vad_type = "none";
	a.enable_input_transcription = false;
	o = built(session_config_update, &c);
	in = json_path(o, "session.audio.input");
	assert_true(json_object_object_get_ex(in, "turn_detection", NULL));
	same(in, "turn_detection", "null");
	assert_true(json_object_object_get_ex(in, "transcription", NULL));
	same(in, "transcription", "null");
	json_object_put(o);
}

static void a_model_that_does_not_reason_is_not_asked_to(void **st)
{
	static const struct { const char *model; bool asked; } rows[] = {
		{ "gpt-realtime", false }, { "gpt-realtime-1.5", false }, { "gpt-realtime-mini", false }, { "gpt-realtime-2025-08-28", false },
		{ "gpt-realtime-2", true }, { "gpt-realtime-2.1-mini", true }, { "my-deployment", true },
	};

	(void)st;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct agent a = plain;
		struct session_config c = with(&a);
		struct json_object *o;

		a.reasoning_effort = "high";
		c.model = span_z(rows[i].model);
		o = built(session_config_update, &c);
		same(o, "session.reasoning", rows[i].asked ? "{\"effort\":\"high\"}" : "null");
		json_object_put(o);
	}
}

static void the_greeting_keeps_the_instructions_and_says_the_words(void **st)
{
	struct session_config c = with(&plain);
	struct json_object *o = built(session_config_greeting, &c);
	struct span said = json_get_span(json_path(o, "response"), "instructions");

	(void)st;
	same(o, "type", "\"response.create\"");
	same(o, "response.tool_choice", "\"none\"");
	same(o, "response.metadata.purpose", "\"greeting\"");
	assert_true(span_starts(said, SPAN("Be brief.\n\n")));
	assert_non_null(memmem(said.p, said.n, "\"Hello, how can I help you?\"", 28));
	json_object_put(o);
	c.greeting = SPAN("");
	assert_null(built(session_config_greeting, &c));
}

static void a_protected_greeting_is_configured_in_two_steps(void **st)
{
	struct agent a = plain;
	struct session_config c = with(&a);
	struct json_object *o;

	(void)st;
	assert_null(built(session_config_greeted, &c));
	a.greeting_interruptible = false;
	o = built(session_config_update, &c);
	same(o, "session.audio.input.turn_detection.interrupt_response", "false");
	json_object_put(o);
	o = built(session_config_greeted, &c);
	same(o, "session",
	     "{\"type\":\"realtime\",\"audio\":{\"input\":{\"turn_detection\":{\"type\":\"server_vad\",\"threshold\":0.5,\"prefix_padding_ms\":300,"
	     "\"silence_duration_ms\":500,\"create_response\":true,\"interrupt_response\":true}}}}");
	json_object_put(o);
	a.vad_interrupt_response = false;
	assert_null(built(session_config_greeted, &c));
}

static void the_relay_decides_what_interrupts_when_the_agent_asks_for_that(void **st)
{
	static const struct { bool resume; int64_t speech_ms; bool cuts; const char *interrupt, *create; } rows[] = {
		{ true, 0, true, "false", "false" },   { true, 300, true, "false", "false" }, { false, 300, true, "false", "false" },
		{ false, 0, true, "true", "true" },    { true, 300, false, "false", "true" },
	};

	(void)st;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct agent a = plain;
		struct session_config c = with(&a);
		struct json_object *o;

		a.resume_false_barge_in = rows[i].resume;
		a.barge_in_min_speech_ms = rows[i].speech_ms;
		a.vad_interrupt_response = rows[i].cuts;
		o = built(session_config_update, &c);
		same(o, "session.audio.input.turn_detection.interrupt_response", rows[i].interrupt);
		same(o, "session.audio.input.turn_detection.create_response", rows[i].create);
		json_object_put(o);
		a.greeting_interruptible = false;
		o = built(session_config_greeted, &c);
		assert_true((o != NULL) == (i == 3));          /* nothing changes when the greeting was heard */
		json_object_put(o);
	}
}

static void servers_that_differ_are_spoken_to_their_way(void **st)
{
	struct agent a = plain;
	struct session_config c = with(&a);
	struct json_object *o;

	(void)st;
	a.vad_type = "semantic_vad";
	a.truncation = "auto";
	c.dialect = DIALECT_AZURE;
	o = built(session_config_update, &c);
	same(o, "session.audio.input.turn_detection.type", "\"server_vad\"");
	same(o, "session.truncation", "null");
	json_object_put(o);
	c.dialect = DIALECT_XAI;
	a.vad_threshold = 1.0;
	o = built(session_config_update, &c);
	same(o, "session.type", "null");
	same(o, "session.voice", "\"marin\"");
	same(o, "session.turn_detection.threshold", "0.9");
	same(o, "session.audio.output", "{\"format\":{\"type\":\"audio/pcmu\"}}");
	json_object_put(o);
	assert_string_equal(dialect_auth(DIALECT_AZURE).header, "api-key:");
}

static void a_fallback_has_its_own_transcription_model(void **st)
{
	struct session_config c = with(&plain);
	struct json_object *o;

	(void)st;
	c.transcription_model = SPAN("my-whisper");
	o = built(session_config_update, &c);
	same(o, "session.audio.input.transcription.model", "\"my-whisper\"");
	json_object_put(o);
}

static void broken_stored_json_is_an_error_and_adds_nothing(void **st)
{
	struct agent a = plain;
	struct session_config c = with(&a);
	struct buf b = BUF_INIT;

	(void)st;
	a.truncation = "{broken";
	assert_int_equal(session_config_update(&b, &c), ERR_SYNTAX);
	assert_int_equal(b.n, 0);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_phone_agent_gets_mu_law_both_ways_and_complete_turn_detection),
		cmocka_unit_test(everything_an_agent_may_say_has_its_place),
		cmocka_unit_test(without_vad_turn_detection_is_null_and_never_the_word_none),
		cmocka_unit_test(a_model_that_does_not_reason_is_not_asked_to),
		cmocka_unit_test(the_greeting_keeps_the_instructions_and_says_the_words),
		cmocka_unit_test(a_protected_greeting_is_configured_in_two_steps),
		cmocka_unit_test(the_relay_decides_what_interrupts_when_the_agent_asks_for_that),
		cmocka_unit_test(servers_that_differ_are_spoken_to_their_way),
		cmocka_unit_test(a_fallback_has_its_own_transcription_model),
		cmocka_unit_test(broken_stored_json_is_an_error_and_adds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
