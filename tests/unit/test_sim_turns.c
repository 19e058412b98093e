/* test_sim_turns - the simulated model in conversation: turns it finds or is given, what is cut of an answer, items, functions, keys. */
#include "model_world.h"

#define TALK "{'turns':[{'user':'One','say':'The first answer.'},{'user':'Two','say':'The second answer, which is longer than the first.'}]}"
static char talk[2000];                        /* TALK with real quotation marks */

/* --- turns --- */

static void a_spoken_turn_is_answered(void **state)
{
	struct json_object *o;
	int64_t start = 0, stop = 0;

	(void)state;
	configured(talk);
	hear(false, 1000);
	hear(true, 1000);
	hear(false, 600);
	o = wait_for("input_audio_buffer.speech_started");
	assert_true(json_get_int(o, "audio_start_ms", &start));
	json_object_put(o);
	o = wait_for("input_audio_buffer.speech_stopped");
	assert_true(json_get_int(o, "audio_end_ms", &stop));
	json_object_put(o);
	assert_int_equal(start, 700);
	assert_int_equal(stop, 2500);
	assert_true(strncmp(types(), "committed added done created", 28) == 0);
	hear(false, 2500);
	o = wait_for("conversation.item.input_audio_transcription.completed");
	assert_span(json_get_span(o, "transcript"), "One");
	json_object_put(o);
	o = wait_for("response.done");
	json_object_put(o);
	assert_int_equal(w.m.stats.violations, 0);
	end();
}

static void the_transcript_comes_in_pieces_and_then_whole(void **state)
{
	(void)state;
	configured(talk);
	hear(true, 500);
	hear(false, 480);
	types();
	hear(false, 20);
	pass(370);
	assert_null(strstr(types(), "completed"));
	pass(20);
	assert_non_null(strstr(types(), "delta completed"));
	end();
}

static void a_live_transcript_begins_before_the_turn_has_ended(void **state)
{
	(void)state;
	begin(talk);
	say("{'type':'session.update','session':{'type':'realtime','audio':{'input':{'format':{'type':'audio/pcmu'},'transcription':{'model':'gpt-realtime-whisper'}},"
	    "'output':{'format':{'type':'audio/pcmu'}}}}}");
	types();
	hear(true, 60);
	assert_string_equal(types(), "speech_started delta");
	hear(false, 1000);
	assert_non_null(strstr(types(), "completed"));
	end();
}

static void speech_interrupts_the_answer(void **state)
{
	struct json_object *o;

	(void)state;
	configured(talk);
	say("{'type':'response.create'}");
	pass(500);
	types();
	hear(true, 60);
	o = wait_for("input_audio_buffer.speech_started");
	json_object_put(o);
	o = wait_for("response.done");
	assert_span(json_get_span(json_get(o, "response"), "status"), "cancelled");
	assert_span(json_get_span(json_path(o, "response.status_details"), "reason"), "turn_detected");
	json_object_put(o);
	say("{'type':'response.cancel'}");
	refused("response_cancel_not_active", NULL);
	end();
}

static void speech_leaves_the_answer_when_told_so(void **state)
{
	(void)state;
	begin(talk);
	say("{'type':'session.update','session':{'type':'realtime','audio':{'input':{'format':{'type':'audio/pcmu'},'turn_detection':{'type':'server_vad',"
	    "'create_response':false,'interrupt_response':false}},'output':{'format':{'type':'audio/pcmu'}}}}}");
	say("{'type':'response.create'}");
	hear(true, 1000);
	hear(false, 3000);
	assert_int_equal(w.m.stats.speech_started, 1);
	assert_int_equal(w.m.stats.responses_completed, 1);
	assert_int_equal(w.m.stats.responses, 1);
	end();
}

static void turns_by_hand_are_committed_by_the_client(void **state)
{
	(void)state;
	begin(talk);
	say(MANUAL);
	types();
	hear(true, 80);
	say("{'type':'input_audio_buffer.commit'}");
	refused("input_audio_buffer_commit_empty", NULL);
	hear(true, 20);
	say("{'type':'input_audio_buffer.commit'}");
	assert_string_equal(types(), "committed added done");
	say("{'type':'response.create'}");
	pass(3000);
	assert_non_null(strstr(types(), "created output_item.added"));
	hear(true, 200);
	say("{'type':'input_audio_buffer.clear'}");
	assert_string_equal(types(), "cleared");
	say("{'type':'input_audio_buffer.commit'}");
	refused("input_audio_buffer_commit_empty", NULL);
	end();
}

static void a_silent_caller_is_asked(void **state)
{
	struct json_object *o;

	(void)state;
	begin("{}");
	say("{'type':'session.update','session':{'type':'realtime','audio':{'input':{'format':{'type':'audio/pcmu'},'turn_detection':{'type':'server_vad',"
	    "'idle_timeout_ms':5000}},'output':{'format':{'type':'audio/pcmu'}}}}}");
	say("{'type':'response.create'}");
	hear(false, 6500);
	assert_null(strstr(types(), "timeout_triggered"));
	hear(false, 1500);
	o = wait_for("input_audio_buffer.timeout_triggered");
	json_object_put(o);
	o = wait_for("response.output_audio_transcript.done");
	assert_span(json_get_span(o, "transcript"), "Are you still there?");
	json_object_put(o);
	end();
}

/* --- items --- */

static char last_item[MODEL_ID];

static void greeted(void)
{
	struct json_object *o;

	configured(talk);
	say("{'type':'response.create'}");
	pass(4000);
	o = wait_for("response.output_item.done");
	span_copy(last_item, sizeof last_item, json_get_span(json_get(o, "item"), "id"));
	json_object_put(o);
	types();
}

static void truncate_at(const char *id, int64_t ms)
{
	char event[300];

	snprintf(event, sizeof event, "{'type':'conversation.item.truncate','item_id':'%s','content_index':0,'audio_end_ms':%lld}", id, (long long)ms);
	say(event);
}

static void an_answer_is_truncated_within_its_length(void **state)
{
	struct json_object *o;
	int64_t ms;

	(void)state;
	greeted();
	ms = (int64_t)w.m.stats.audio_bytes_out / 8;
	truncate_at(last_item, ms + 1);
	o = wait_for("error");
	assert_non_null(strstr(json_get_span(json_get(o, "error"), "message").p, "is already shorter than"));
	json_object_put(o);
	truncate_at(last_item, 700);
	assert_string_equal(types(), "truncated");
	truncate_at(last_item, 701);
	refused("invalid_value", "audio_end_ms");
	truncate_at(last_item, 0);
	assert_string_equal(types(), "truncated");
	assert_int_equal(w.m.stats.n_cuts, 2);
	assert_int_equal(w.m.stats.cuts[0].audio_end_ms, 700);
	assert_int_equal(w.m.stats.cuts[0].audio_ms, ms);
	end();
}

static void only_answers_can_be_truncated(void **state)
{
	struct json_object *o;

	(void)state;
	configured("{}");
	say("{'type':'conversation.item.create','item':{'id':'u1','type':'message','role':'user','content':[{'type':'input_text','text':'Hi'}]}}");
	types();
	truncate_at("u1", 1);
	o = wait_for("error");
	assert_span(json_get_span(json_get(o, "error"), "message"), "Only model output audio messages can be truncated");
	json_object_put(o);
	end();
}

static void items_are_placed_retrieved_and_deleted(void **state)
{
	struct json_object *o;

	(void)state;
	greeted();
	say("{'type':'conversation.item.create','previous_item_id':'root','item':{'id':'sys','type':'message','role':'system','content':[{'type':'input_text','text':'Context.'}]}}");
	o = wait_for("conversation.item.added");
	assert_null(json_get(o, "previous_item_id"));
	json_object_put(o);
	say("{'type':'conversation.item.create','previous_item_id':'sys','item':{'id':'two','type':'message','role':'assistant','content':[{'type':'output_text','text':'Yes.'}]}}");
	o = wait_for("conversation.item.added");
	assert_span(json_get_span(o, "previous_item_id"), "sys");
	json_object_put(o);
	assert_string_equal(w.s->first->next->id, "two");
	say("{'type':'conversation.item.create','previous_item_id':'none','item':{'type':'message','role':'user','content':[{'type':'input_text','text':'x'}]}}");
	refused("invalid_value", "previous_item_id");
	say("{'type':'conversation.item.create','item':{'id':'two','type':'message','role':'user','content':[{'type':'input_text','text':'x'}]}}");
	refused("invalid_value", "item.id");
	say("{'type':'conversation.item.create','item':{'type':'message','role':'assistant','content':[{'type':'output_audio','transcript':'x'}]}}");
	refused("missing_required_parameter", "item.content[0].text");
	say("{'type':'conversation.item.delete','item_id':'two'}");
	assert_string_equal(types(), "deleted");
	assert_null(item_find(w.s, SPAN("two")));
	say("{'type':'conversation.item.retrieve','item_id':'sys'}");
	assert_string_equal(types(), "retrieved");
	end();
}

static void a_retrieved_answer_carries_its_audio(void **state)
{
	struct json_object *o;
	char event[200];
	struct span audio;

	(void)state;
	greeted();
	snprintf(event, sizeof event, "{'type':'conversation.item.retrieve','item_id':'%s'}", last_item);
	say(event);
	o = wait_for("conversation.item.retrieved");
	audio = json_get_span(json_object_array_get_idx(json_path(o, "item.content"), 0), "audio");
	assert_int_equal(audio.n, B64_ENCODED(w.m.stats.audio_bytes_out));
	json_object_put(o);
	end();
}

/* --- function calls --- */

static void function_calls_wait_for_their_results(void **state)
{
	struct json_object *o;
	char call[MODEL_ID], event[300];

	(void)state;
	configured(json("{'turns':[{'user':'When?','replies':[{'commentary':'Let me look.','calls':[{'name':'lookup','arguments':{'day':'Thursday'}}]},"
			"{'say':'At nine.'}]}]}"));
	hear(true, 500);
	hear(false, 3000);
	o = wait_for("response.output_audio_transcript.done");
	assert_span(json_get_span(o, "transcript"), "Let me look.");
	json_object_put(o);
	o = wait_for("response.function_call_arguments.done");
	assert_span(json_get_span(o, "name"), "lookup");
	assert_span(json_get_span(o, "arguments"), "{\"day\":\"Thursday\"}");
	span_copy(call, sizeof call, json_get_span(o, "call_id"));
	json_object_put(o);
	o = wait_for("response.done");
	assert_span(json_get_span(json_get(o, "response"), "status"), "completed");
	json_object_put(o);
	pass(3000);
	types();
	say("{'type':'conversation.item.create','item':{'type':'function_call_output','call_id':'call_unknown','output':'x'}}");
	refused("invalid_tool_call_id", "item.call_id");
	snprintf(event, sizeof event, "{'type':'conversation.item.create','item':{'type':'function_call_output','call_id':'%s','output':'nine'}}", call);
	say(event);
	assert_string_equal(types(), "added done");
	pass(1000);
	assert_string_equal(types(), "");
	say("{'type':'response.create'}");
	pass(3000);
	o = wait_for("response.output_audio_transcript.done");
	assert_span(json_get_span(o, "transcript"), "At nine.");
	json_object_put(o);
	assert_int_equal(w.m.stats.function_outputs, 1);
	end();
}

static void keys_are_read_back(void **state)
{
	struct json_object *o;

	(void)state;
	configured("{}");
	say("{'type':'conversation.item.create','item':{'type':'message','role':'user','content':[{'type':'input_text','text':'[keypad: 123]'}]}}");
	say("{'type':'response.create'}");
	pass(3000);
	o = wait_for("response.output_audio_transcript.done");
	assert_span(json_get_span(o, "transcript"), "You pressed 1 2 3.");
	json_object_put(o);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_spoken_turn_is_answered),
		cmocka_unit_test(the_transcript_comes_in_pieces_and_then_whole),
		cmocka_unit_test(a_live_transcript_begins_before_the_turn_has_ended),
		cmocka_unit_test(speech_interrupts_the_answer),
		cmocka_unit_test(speech_leaves_the_answer_when_told_so),
		cmocka_unit_test(turns_by_hand_are_committed_by_the_client),
		cmocka_unit_test(a_silent_caller_is_asked),
		cmocka_unit_test(an_answer_is_truncated_within_its_length),
		cmocka_unit_test(only_answers_can_be_truncated),
		cmocka_unit_test(items_are_placed_retrieved_and_deleted),
		cmocka_unit_test(a_retrieved_answer_carries_its_audio),
		cmocka_unit_test(function_calls_wait_for_their_results),
		cmocka_unit_test(keys_are_read_back),
	};

	snprintf(talk, sizeof talk, "%s", json(TALK));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
