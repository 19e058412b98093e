/* test_sim_protocol - the simulated model keeps the rules of the Realtime API: what it sends when, and what it refuses how.
 * A session without a network, with a clock of its own. */
#include "model_world.h"

/* --- configuration --- */

static void a_session_begins_with_the_defaults(void **state)
{
	struct json_object *o;
	int64_t expires = 0;

	(void)state;
	begin("{}");
	o = wait_for("session.created");
	assert_span(json_get_span(json_path(o, "session.audio.input.format"), "type"), "audio/pcm");
	assert_span(json_get_span(json_path(o, "session.audio.output.format"), "type"), "audio/pcm");
	assert_span(json_get_span(json_path(o, "session.audio.output"), "voice"), "marin");
	assert_true(json_get_int(json_get(o, "session"), "expires_at", &expires));
	assert_int_equal(expires, 1790000000 + 3600);
	json_object_put(o);
	end();
}

static void an_update_answers_with_all_of_it(void **state)
{
	struct json_object *o;

	(void)state;
	begin("{}");
	say(UPDATE(",'instructions':'Be kind.','max_output_tokens':200"));
	o = wait_for("session.updated");
	assert_span(json_get_span(json_path(o, "session.audio.input.format"), "type"), "audio/pcmu");
	assert_null(json_path(o, "session.audio.input.format.rate"));
	assert_span(json_get_span(json_get(o, "session"), "instructions"), "Be kind.");
	assert_span(json_get_span(json_get(o, "session"), "tool_choice"), "auto");
	assert_true(json_object_object_get_ex(json_path(o, "session.audio.input.transcription"), "language", NULL));
	json_object_put(o);
	say("{'type':'session.update','session':{'type':'realtime','audio':{'input':{'transcription':null}}}}");
	o = wait_for("session.updated");
	assert_null(json_path(o, "session.audio.input.transcription"));
	assert_span(json_get_span(json_path(o, "session.audio.input.format"), "type"), "audio/pcmu");
	assert_span(json_get_span(json_get(o, "session"), "instructions"), "Be kind.");
	json_object_put(o);
	end();
}

static void faulty_updates_change_nothing(void **state)
{
	static const struct {
		const char *session, *code, *param;
	} rows[] = {
		{ "{'voice':'alloy'}", "missing_required_parameter", "session.type" },
		{ "{'type':'realtime','voice':'alloy'}", "unknown_parameter", "session.voice" },
		{ "{'type':'realtime','temperature':0.8}", "unknown_parameter", "session.temperature" },
		{ "{'type':'realtime','modalities':['text','audio']}", "unknown_parameter", "session.modalities" },
		{ "{'type':'realtime','output_modalities':['text','audio']}", "invalid_value", "session.output_modalities" },
		{ "{'type':'realtime','output_modalities':['video']}", "invalid_value", "session.output_modalities[0]" },
		{ "{'type':'beta'}", "invalid_value", "session.type" },
		{ "{'type':'transcription'}", "invalid_value", "session.type" },
		{ "{'type':'realtime','model':'gpt-realtime'}", "invalid_value", "session.model" },
		{ "{'type':'realtime','instructions':null}", "invalid_type", "session.instructions" },
		{ "{'type':'realtime','instructions':7}", "invalid_type", "session.instructions" },
		{ "{'type':'realtime','max_output_tokens':0}", "invalid_value", "session.max_output_tokens" },
		{ "{'type':'realtime','max_output_tokens':4097}", "invalid_value", "session.max_output_tokens" },
		{ "{'type':'realtime','max_output_tokens':'many'}", "invalid_value", "session.max_output_tokens" },
		{ "{'type':'realtime','audio':{'input':{'format':'g711_ulaw'}}}", "invalid_type", "session.audio.input.format" },
		{ "{'type':'realtime','audio':{'input':{'format':{'type':'g711_ulaw'}}}}", "invalid_value", "session.audio.input.format.type" },
		{ "{'type':'realtime','audio':{'output':{'format':{'type':'audio/pcm'}}}}", "missing_required_parameter", "session.audio.output.format.rate" },
		{ "{'type':'realtime','audio':{'output':{'format':{'type':'audio/pcm','rate':16000}}}}", "invalid_value", "session.audio.output.format.rate" },
		{ "{'type':'realtime','audio':{'output':{'format':{'type':'audio/pcmu','rate':8000}}}}", "unknown_parameter", "session.audio.output.format.rate" },
		{ "{'type':'realtime','audio':{'input':{'turn_detection':{'type':'none'}}}}", "invalid_value", "session.audio.input.turn_detection.type" },
		{ "{'type':'realtime','audio':{'input':{'turn_detection':{'type':'server_vad','threshold':1.5}}}}", "invalid_value",
		  "session.audio.input.turn_detection.threshold" },
		{ "{'type':'realtime','audio':{'input':{'turn_detection':{'type':'server_vad','create_response':null}}}}", "invalid_type",
		  "session.audio.input.turn_detection.create_response" },
		{ "{'type':'realtime','audio':{'input':{'turn_detection':{'type':'server_vad','idle_timeout_ms':4000}}}}", "invalid_value",
		  "session.audio.input.turn_detection.idle_timeout_ms" },
		{ "{'type':'realtime','audio':{'input':{'turn_detection':{'type':'semantic_vad','silence_duration_ms':500}}}}", "unknown_parameter",
		  "session.audio.input.turn_detection.silence_duration_ms" },
		{ "{'type':'realtime','audio':{'input':{'noise_reduction':{'type':'none'}}}}", "invalid_value", "session.audio.input.noise_reduction.type" },
		{ "{'type':'realtime','audio':{'output':{'speed':2}}}", "invalid_value", "session.audio.output.speed" },
		{ "{'type':'realtime','tools':[{'type':'function','function':{'name':'x'}}]}", "unknown_parameter", "session.tools[0].function" },
		{ "{'type':'realtime','tools':[{'type':'function','name':'a','parameters':{}},{'type':'function','name':'b','meta':1}]}", "unknown_parameter",
		  "session.tools[1].meta" },
		{ "{'type':'realtime','tools':[{'type':'mcp','server_label':'crm'}]}", "missing_required_parameter", "session.tools[0].server_url" },
		{ "{'type':'realtime','tool_choice':'maybe'}", "invalid_value", "session.tool_choice" },
		{ "{'type':'realtime','truncation':{'type':'retention_ratio','retention_ratio':2}}", "invalid_value", "session.truncation.retention_ratio" },
	};
	struct buf before = BUF_INIT, after = BUF_INIT;
	char event[1000];

	(void)state;
	configured("{}");
	json_write(&before, w.s->cfg);
	for (size_t i = 0; i < ROWS(rows); i++) {
		snprintf(event, sizeof event, "{'type':'session.update','event_id':'e%zu','session':%s}", i, rows[i].session);
		say(event);
		refused(rows[i].code, rows[i].param);
	}
	json_write(&after, w.s->cfg);
	assert_string_equal(buf_z(&before), buf_z(&after));
	assert_int_equal(w.m.stats.violations, ROWS(rows));
	assert_int_equal(w.m.stats.updates, 1);
	buf_fini(&before);
	buf_fini(&after);
	end();
}

static void reasoning_belongs_to_the_second_generation(void **state)
{
	static const char update[] = "{'type':'session.update','session':{'type':'realtime','reasoning':{'effort':'low'}}}";

	(void)state;
	begin("{}");
	say(update);
	json_object_put(wait_for("session.updated"));
	end();
	begin_as("{}", "gpt-realtime-1.5");
	say(update);
	refused("unknown_parameter", "session.reasoning");
	end();
}

static void faulty_events_are_refused(void **state)
{
	static const struct {
		const char *event, *code, *param;
	} rows[] = {
		{ "{'type':'session.close'}", "invalid_value", "type" },
		{ "{'event_id':'x'}", "missing_required_parameter", "type" },
		{ "{'type':7}", "missing_required_parameter", "type" },
		{ "{'type':'input_audio_buffer.append'}", "missing_required_parameter", "audio" },
		{ "{'type':'input_audio_buffer.append','audio':''}", "invalid_value", "audio" },
		{ "{'type':'input_audio_buffer.append','audio':'A'}", "invalid_value", "audio" },
		{ "{'type':'input_audio_buffer.append','audio':'AAA'}", "invalid_value", "audio" },
		{ "{'type':'input_audio_buffer.append','audio':'AA-_'}", "invalid_value", "audio" },
		{ "{'type':'input_audio_buffer.append','audio':'AAAA ' }", "invalid_value", "audio" },
		{ "{'type':'input_audio_buffer.append','audio':'AAAA','streamSid':'MZ'}", "unknown_parameter", "streamSid" },
		{ "{'type':'response.create','response':{'modalities':['audio']}}", "unknown_parameter", "response.modalities" },
		{ "{'type':'response.create','response':{'conversation':'some'}}", "invalid_value", "response.conversation" },
		{ "{'type':'response.create','response':{'metadata':{'a':1}}}", "invalid_type", "response.metadata.a" },
		{ "{'type':'response.create','response':{'input':[{'type':'item_reference','id':'item_none'}]}}", "invalid_value", "response.input" },
		{ "{'type':'conversation.item.truncate','item_id':'x','content_index':0,'audio_end_ms':1.5}", "invalid_type", "audio_end_ms" },
		{ "{'type':'conversation.item.truncate','item_id':'x','content_index':0,'audio_end_ms':-1}", "invalid_value", "audio_end_ms" },
		{ "{'type':'conversation.item.truncate','item_id':'x','content_index':0}", "missing_required_parameter", "audio_end_ms" },
		{ "{'type':'conversation.item.truncate','item_id':'x','content_index':0,'audio_end_ms':5}", "item_truncate_invalid_item_id", "item_id" },
		{ "{'type':'conversation.item.delete','item_id':'x'}", "item_delete_invalid_item_id", "item_id" },
		{ "{'type':'conversation.item.retrieve','item_id':'x'}", "item_retrieve_invalid_item_id", "item_id" },
		{ "{'type':'response.cancel'}", "response_cancel_not_active", NULL },
		{ "{'type':'input_audio_buffer.commit'}", "input_audio_buffer_commit_empty", NULL },
		{ "[]", "invalid_json", NULL },
		{ "{", "invalid_json", NULL },
	};

	(void)state;
	configured("{}");
	for (size_t i = 0; i < ROWS(rows); i++) {
		say(rows[i].event);
		refused(rows[i].code, rows[i].param);
	}
	model_sess_binary(w.s);
	refused("invalid_event", NULL);
	end();
}

static void an_error_names_the_event_it_answers(void **state)
{
	struct json_object *o;

	(void)state;
	configured("{}");
	say("{'type':'response.cancel','event_id':'c-50'}");
	o = wait_for("error");
	assert_span(json_get_span(json_get(o, "error"), "event_id"), "c-50");
	assert_span(json_get_span(json_get(o, "error"), "message"), "Cancellation failed: no active response found");
	json_object_put(o);
	end();
}

/* --- responses --- */

static void a_greeting_is_said_word_for_word(void **state)
{
	struct json_object *o;

	(void)state;
	configured("{}");
	say("{'type':'response.create','response':{'instructions':'Say exactly: \\\"Good morning.\\\"','metadata':{'purpose':'greeting'}}}");
	pass(3000);
	o = wait_for("response.created");
	assert_span(json_get_span(json_path(o, "response.metadata"), "purpose"), "greeting");
	json_object_put(o);
	o = wait_for("response.output_audio_transcript.done");
	assert_span(json_get_span(o, "transcript"), "Good morning.");
	json_object_put(o);
	o = wait_for("response.done");
	assert_span(json_get_span(json_get(o, "response"), "status"), "completed");
	assert_span(json_get_span(json_path(o, "response.metadata"), "purpose"), "greeting");
	json_object_put(o);
	end();
}

static void the_words_to_say_are_found_in_the_instructions(void **state)
{
	static const struct {
		const char *instructions, *words;
	} rows[] = {
		{ "Be \\\"kind\\\". Say exactly this and nothing else: \\\"Hello, this is \\\"The Plough\\\", good day.\\\"", "Hello, this is \"The Plough\", good day." },
		{ "Say \\\"Good day.\\\" and no more.", "Good day." },
		{ "Say \xE2\x80\x9CGood day.\xE2\x80\x9D and no more.", "Good day." },
		{ "Just greet.", "Hello, how can I help you?" },
	};
	char event[500];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct json_object *o;

		configured("{}");
		snprintf(event, sizeof event, "{'type':'response.create','response':{'instructions':'%s'}}", rows[i].instructions);
		say(event);
		pass(4000);
		o = wait_for("response.output_audio_transcript.done");
		assert_span(json_get_span(o, "transcript"), rows[i].words);
		json_object_put(o);
		end();
	}
}

static void a_response_comes_in_order(void **state)
{
	const char *said;

	(void)state;
	configured("{}");
	say("{'type':'response.create'}");
	assert_string_equal(types(), "created");
	pass(240);
	assert_string_equal(types(), "");
	pass(250);
	said = types();
	assert_true(span_starts(span_z(said), SPAN("output_item.added added content_part.added output_audio_transcript.delta output_audio.delta")));
	pass(3000);
	said = types();
	assert_true(span_starts(span_z(strstr(said, "output_audio.done")), SPAN("output_audio.done output_audio_transcript.done content_part.done done "
										"output_item.done done rate_limits.updated")));
	end();
}

static void audio_comes_faster_than_it_plays(void **state)
{
	struct json_object *o;
	size_t bytes = 0, deltas = 0;

	(void)state;
	configured("{\"greeting\":\"This sentence takes quite a while to say, as everybody can hear, and so it is worth measuring.\"}");
	say("{'type':'response.create'}");
	pass(250 + 500);
	while ((o = next())) {
		if (span_is(json_get_span(o, "type"), "response.output_audio.delta")) {
			struct span d = json_get_span(o, "delta");

			bytes += B64_DECODED_MAX(d.n);
			deltas++;
		}
		json_object_put(o);
	}
	assert_in_range(deltas, 9, 12);
	assert_in_range(bytes, 18000, 24100);
	end();
}

static void usage_counts_what_was_said(void **state)
{
	struct json_object *o;
	int64_t audio = 0, total = 0, in = 0, out = 0;

	(void)state;
	configured("{}");
	say("{'type':'response.create'}");
	pass(4000);
	o = wait_for("response.done");
	assert_true(json_get_int(json_path(o, "response.usage.output_token_details"), "audio_tokens", &audio));
	assert_true(json_get_int(json_path(o, "response.usage"), "total_tokens", &total));
	assert_true(json_get_int(json_path(o, "response.usage"), "input_tokens", &in));
	assert_true(json_get_int(json_path(o, "response.usage"), "output_tokens", &out));
	assert_int_equal(total, in + out);
	assert_int_equal(audio, w.m.stats.audio_bytes_out / 8 / 50);
	json_object_put(o);
	end();
}

static void one_answer_at_a_time(void **state)
{
	(void)state;
	configured("{}");
	say("{'type':'response.create'}");
	say("{'type':'response.create','event_id':'second'}");
	refused("conversation_already_has_active_response", NULL);
	assert_int_equal(w.m.stats.violations, 0);
	say("{'type':'response.create','response':{'conversation':'none','instructions':'Say \\\"One moment.\\\"'}}");
	pass(4000);
	assert_int_equal(w.m.stats.responses_completed, 2);
	end();
}

static void an_answer_aside_leaves_no_trace(void **state)
{
	struct json_object *o;

	(void)state;
	configured("{}");
	say("{'type':'response.create','response':{'conversation':'none','output_modalities':['text'],'input':[]}}");
	pass(3000);
	o = wait_for("response.done");
	assert_null(json_path(o, "response.conversation_id"));
	assert_span(json_span(json_object_array_get_idx(json_path(o, "response.output_modalities"), 0)), "text");
	json_object_put(o);
	assert_null(w.s->first);
	end();
}

static void a_cancel_ends_what_was_begun(void **state)
{
	struct json_object *o;

	(void)state;
	configured("{}");
	say("{'type':'response.create'}");
	pass(400);
	types();
	say("{'type':'response.cancel'}");
	o = wait_for("response.output_audio.done");
	json_object_put(o);
	o = wait_for("response.output_item.done");
	assert_span(json_get_span(json_get(o, "item"), "status"), "incomplete");
	json_object_put(o);
	o = wait_for("response.done");
	assert_span(json_get_span(json_get(o, "response"), "status"), "cancelled");
	assert_span(json_get_span(json_path(o, "response.status_details"), "reason"), "client_cancelled");
	json_object_put(o);
	pass(1000);
	assert_string_equal(types(), "rate_limits.updated");
	end();
}

static void the_limit_of_tokens_cuts_the_answer(void **state)
{
	struct json_object *o;

	(void)state;
	configured("{}");
	say("{'type':'response.create','response':{'max_output_tokens':10}}");
	pass(3000);
	o = wait_for("response.done");
	assert_span(json_get_span(json_get(o, "response"), "status"), "incomplete");
	assert_span(json_get_span(json_path(o, "response.status_details"), "reason"), "max_output_tokens");
	json_object_put(o);
	assert_int_equal(w.m.stats.audio_bytes_out, 10 * 50 * 8);
	end();
}

static void a_client_that_does_not_read_is_not_buried(void **state)
{
	(void)state;
	configured("{}");
	say("{'type':'response.create'}");
	w.waiting = (size_t)2 << 20;
	pass(3000);
	assert_string_equal(types(), "created");
	w.waiting = 0;
	pass(3000);
	assert_int_equal(w.m.stats.responses_completed, 1);
	end();
}

static void the_voice_is_fixed_by_the_first_audio(void **state)
{
	(void)state;
	configured("{}");
	say("{'type':'response.create'}");
	pass(3000);
	types();
	say(UPDATE(""));
	refused("cannot_update_voice", "session.audio.output.voice");
	say(MANUAL);
	assert_string_equal(types(), "session.updated");
	end();
}

/* --- scripted ends and faults --- */

static void what_a_system_text_orders_is_said(void **state)
{
	static const char *const rows[][2] = {
		{ "[A mailbox has answered. Say this word for word: \\'Call back, please.\\']", "Call back, please." },
		{ "The caller said \\'Hello\\'.", "Hello, how can I help you?" }, { "[The transfer failed.]", "Hello, how can I help you?" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char event[400];
		struct json_object *o;

		configured("{}");
		snprintf(event, sizeof event, "{'type':'conversation.item.create','item':{'type':'message','role':'system','content':[{'type':'input_text','text':'%s'}]}}",
			 rows[i][0]);
		say(event);
		say("{'type':'response.create'}");
		pass(4000);
		o = wait_for("response.output_audio_transcript.done");
		assert_span(json_get_span(o, "transcript"), rows[i][1]);
		json_object_put(o);
		end();
	}
}

static void responses_end_as_scripted(void **state)
{
	static const struct {
		const char *reply, *status, *path, *word;
		size_t audio_ms;
	} rows[] = {
		{ "'end':'failed'", "failed", "type", "failed", 0 },
		{ "'say':'A sentence that breaks off.','end':'failed','stop_ms':400,'code':'rate_limit_exceeded'", "failed", "type", "failed", 400 },
		{ "'end':'empty'", "completed", NULL, NULL, 0 },
		{ "'say':'A sentence that breaks off.','end':'incomplete','stop_ms':300,'code':'content_filter'", "incomplete", "reason", "content_filter", 300 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char scenario[400];
		struct json_object *o;

		snprintf(scenario, sizeof scenario, "{'turns':[{%s}]}", rows[i].reply);
		configured(json(scenario));
		hear(true, 300);
		hear(false, 3000);
		o = wait_for("response.done");
		assert_span(json_get_span(json_get(o, "response"), "status"), rows[i].status);
		if (rows[i].path)
			assert_span(json_get_span(json_path(o, "response.status_details"), rows[i].path), rows[i].word);
		json_object_put(o);
		assert_int_equal(w.m.stats.audio_bytes_out, rows[i].audio_ms * 8);
		end();
	}
}

static void faults_happen_where_they_are_told(void **state)
{
	(void)state;
	begin(json("{'faults':[{'at':'session.update','do':'ignore'}]}"));
	say(UPDATE(""));
	assert_string_equal(types(), "session.created");
	say(UPDATE(""));
	assert_string_equal(types(), "session.updated");
	end();

	begin(json("{'faults':[{'at':'session.update','do':'refuse','code':'invalid_value','param':'session.audio'}]}"));
	say(UPDATE(""));
	refused("invalid_value", "session.audio");
	end();

	begin(json("{'faults':[{'at':'session.updated','nth':2,'do':'close','close':1001,'message':'bye'}]}"));
	say(UPDATE(""));
	assert_int_equal(w.close_code, 0);
	say(UPDATE(""));
	assert_int_equal(w.close_code, 1001);
	assert_string_equal(w.close_reason, "bye");
	end();

	begin(json("{'faults':[{'at':'response.output_audio.delta','nth':3,'do':'drop'}]}"));
	say(UPDATE(""));
	say("{'type':'response.create'}");
	pass(2000);
	assert_true(w.dropped);
	assert_int_equal(w.m.stats.audio_bytes_out, 3 * 2000);
	end();

	begin(json("{'faults':[{'at':'connect','after_ms':500,'do':'stall','ms':100},{'at':'connect','after_ms':700,'do':'fragment','bytes':10}]}"));
	pass(600);
	assert_true(w.held_read && w.held_write);
	pass(200);
	assert_int_equal(w.fragment, 10);
	end();
}

static void formats_can_be_answered_wrongly(void **state)
{
	struct json_object *o;

	(void)state;
	begin(json("{'faults':[{'at':'session.update','do':'pcm'}]}"));
	say(UPDATE(""));
	o = wait_for("session.updated");
	assert_span(json_get_span(json_path(o, "session.audio.output.format"), "type"), "audio/pcm");
	json_object_put(o);
	say(UPDATE(""));
	o = wait_for("session.updated");
	assert_span(json_get_span(json_path(o, "session.audio.output.format"), "type"), "audio/pcmu");
	json_object_put(o);
	end();
}

static void a_session_has_an_end(void **state)
{
	struct json_object *o;

	(void)state;
	begin(json("{'expires_s':3}"));
	pass(2990);
	assert_int_equal(w.close_code, 0);
	pass(20);
	o = wait_for("error");
	assert_span(json_get_span(json_get(o, "error"), "code"), "session_expired");
	json_object_put(o);
	assert_int_equal(w.close_code, 1001);
	end();
}

/* --- the pattern --- */

static void the_pattern_goes_both_ways_bit_exact(void **state)
{
	struct pattern_check c;
	struct json_object *o;
	uint8_t bytes[4000], frame[PATTERN_FRAME];
	char event[400];

	(void)state;
	begin(json("{'audio':'pattern','pattern_seconds':2,'start_after_ms':100}"));
	say(MANUAL);
	pattern_check_init(&c, 0, NULL);
	for (uint32_t i = 0; i < 100; i++) {
		int n = snprintf(event, sizeof event, "{\"type\":\"input_audio_buffer.append\",\"audio\":\"");

		pattern_frame(frame, PATTERN_SEED(5, PATTERN_PHONE), i, clock_us());
		b64_encode(event + n, frame, sizeof frame);
		memcpy(event + n + B64_ENCODED(sizeof frame), "\"}", 3);
		model_sess_message(w.s, span_z(event));
		pass(20);
	}
	while ((o = next())) {
		size_t n = 0;

		if (span_is(json_get_span(o, "type"), "response.output_audio.delta")) {
			assert_true(b64_decode(bytes, sizeof bytes, json_get_span(o, "delta"), &n));
			pattern_check(&c, bytes, n, clock_us());
		}
		json_object_put(o);
	}
	pattern_check_end(&c);
	assert_int_equal(c.frames, 100);
	assert_int_equal(c.first, 0);
	assert_int_equal(pattern_errors(&c) + c.tail_bytes + c.silence_bytes, 0);
	assert_int_equal(w.s->pattern.frames, 100);
	assert_int_equal(pattern_errors(&w.s->pattern), 0);
	assert_int_equal(w.m.stats.speech_started, 0);
	end();
}

/* --- scenarios --- */

static void bad_scenarios_say_where(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "[]", "is no JSON object" },
		{ "{'turn':[]}", "turn: unknown" },
		{ "{'turns':{}}", "must be a list" },
		{ "{'turns':[{'sai':'x'}]}", "turns[0].replies[0].sai" },
		{ "{'turns':[{'say':'x','end':'sometimes'}]}", "turns[0].replies[0]" },
		{ "{'faults':[{'at':'response.done'}]}", "faults[0].do: must be given" },
		{ "{'faults':[{'at':'response.over','do':'drop'}]}", "faults[0].at" },
		{ "{'faults':[{'at':'response.done','do':'explode'}]}", "faults[0]" },
		{ "{'sessions':[]}", "at least one" },
		{ "{'rate':-1}", "rate" },
	};
	struct buf why = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct scenario *sc = NULL;

		buf_reset(&why);
		assert_int_not_equal(scenario_parse(&sc, span_z(json(rows[i].text)), &why), ERR_OK);
		if (!strstr(buf_z(&why), rows[i].why))
			fail_msg("\"%s\" gave \"%s\", wanted \"%s\"", rows[i].text, buf_z(&why), rows[i].why);
	}
	buf_fini(&why);
}

static void connections_take_scripts_in_turn_or_by_model(void **state)
{
	struct scenario *sc = NULL;
	struct buf why = BUF_INIT;

	(void)state;
	assert_int_equal(scenario_parse(&sc, span_z(json("{'sessions':[{'greeting':'a'},{'greeting':'m','model':'gpt-special'},{'greeting':'b'}]}")), &why), ERR_OK);
	assert_string_equal(scenario_script(sc, 1, SPAN("gpt-realtime"))->greeting, "a");
	assert_string_equal(scenario_script(sc, 2, SPAN("gpt-realtime"))->greeting, "b");
	assert_string_equal(scenario_script(sc, 9, SPAN("gpt-realtime"))->greeting, "b");
	assert_string_equal(scenario_script(sc, 1, SPAN("gpt-special"))->greeting, "m");
	assert_true(scenario_accepts(sc, SPAN("gpt-special")));
	assert_true(scenario_accepts(sc, SPAN("gpt-realtime-2.1")));
	assert_false(scenario_accepts(sc, SPAN("gpt-5")));
	assert_false(scenario_accepts(sc, SPAN("llama")));
	scenario_free(sc);
	assert_int_equal(scenario_default(&sc, &why), ERR_OK);
	assert_true(sc->scripts[0].n_turns >= 3);
	assert_non_null(script_turn(&sc->scripts[0], 100));
	scenario_free(sc);
	buf_fini(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_begins_with_the_defaults),
		cmocka_unit_test(an_update_answers_with_all_of_it),
		cmocka_unit_test(faulty_updates_change_nothing),
		cmocka_unit_test(reasoning_belongs_to_the_second_generation),
		cmocka_unit_test(faulty_events_are_refused),
		cmocka_unit_test(an_error_names_the_event_it_answers),
		cmocka_unit_test(a_greeting_is_said_word_for_word),
		cmocka_unit_test(the_words_to_say_are_found_in_the_instructions),
		cmocka_unit_test(a_response_comes_in_order),
		cmocka_unit_test(audio_comes_faster_than_it_plays),
		cmocka_unit_test(usage_counts_what_was_said),
		cmocka_unit_test(one_answer_at_a_time),
		cmocka_unit_test(an_answer_aside_leaves_no_trace),
		cmocka_unit_test(a_cancel_ends_what_was_begun),
		cmocka_unit_test(the_limit_of_tokens_cuts_the_answer),
		cmocka_unit_test(a_client_that_does_not_read_is_not_buried),
		cmocka_unit_test(the_voice_is_fixed_by_the_first_audio),
		cmocka_unit_test(what_a_system_text_orders_is_said),
		cmocka_unit_test(responses_end_as_scripted),
		cmocka_unit_test(faults_happen_where_they_are_told),
		cmocka_unit_test(formats_can_be_answered_wrongly),
		cmocka_unit_test(a_session_has_an_end),
		cmocka_unit_test(the_pattern_goes_both_ways_bit_exact),
		cmocka_unit_test(bad_scenarios_say_where),
		cmocka_unit_test(connections_take_scripts_in_turn_or_by_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
