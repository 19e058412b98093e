/* session: who answered a call that Offhook placed - a person, a mailbox that gets its message, a fax. */
#include "tool_world.h"

static void p35_a_mailbox_gets_its_message_or_nothing_and_a_fax_nothing(void **st)
{
	static const struct { const char *who, *message; bool ends; } rows[] = {
		{ "human", NULL, false }, { "unknown", "Please call back", false }, { "fax", "Please call back", true },
		{ "machine_start", NULL, true }, { "machine_end_beep", "Please call back", false },
	};

	(void)st;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct setup *s = tool_setup();
		struct world *w;

		s->voicemail = rows[i].message ? strdup(rows[i].message) : NULL;
		w = w_talking(s);
		w_event(w, EV_MACHINE, rows[i].who);
		w_run(w, 40);
		assert_int_equal(strstr(buf_z(&w->log), "outcome ended agent_ended hangup;") != NULL, rows[i].ends);
		if (strncmp(rows[i].who, "machine_end", 11) == 0) {
			assert_non_null(strstr(buf_z(&w->log), "Please call back"));
			assert_non_null(strstr(buf_z(&w->log), "create;"));
			w_answer(w, "r1", "iA", 500, "Please call back");
			w_run(w, 800);
			assert_non_null(strstr(buf_z(&w->log), "outcome ended agent_ended hangup;"));
		}
		w_end(w);
	}
}

static void p35_an_agent_that_nobody_may_interrupt_stops_for_a_mailbox(void **st)
{
	struct setup *s = tool_setup();
	struct world *w;

	(void)st;
	s->voicemail = strdup("Please call back");
	s->vad_interrupt = false;
	w = w_talking(s);
	w_response(w, "r1");
	w_delta(w, "r1", "iA", 1000);
	w_run(w, 200);
	forget(w);
	w_event(w, EV_MACHINE, "machine_end_beep");
	assert_true(span_starts(buf_span(&w->log), SPAN("clear;cancel r1;")));
	w_end(w);
}

static void p35_who_answered_may_be_known_before_the_stream_is_there(void **st)
{
	(void)st;
	for (int message = 0; message < 2; message++) {
		struct setup *s = tool_setup();
		struct world *w;

		s->voicemail = message ? strdup("Please call back") : NULL;
		w = w_begin(s);
		w_ready(w);
		w_response(w, "resp_G");
		w_delta(w, "resp_G", "item_G", 500);
		w_event(w, EV_MACHINE, "machine_end_beep");
		w_run(w, 3000);
		forget(w);
		w_start(w);
		w_run(w, 40);
		assert_int_equal(w->down.n, 0);                  /* no greeting for a machine */
		assert_non_null(strstr(buf_z(&w->log), message ? "Please call back" : "outcome ended agent_ended hangup;"));
		w_end(w);
	}
}

static void p35_a_message_that_the_greeting_cuts_is_left_behind_it(void **st)
{
	struct setup *s = tool_setup();
	struct world *w;

	(void)st;
	s->voicemail = strdup("Please call back");
	w = w_talking(s);
	w_event(w, EV_MACHINE, "machine_start");
	w_run(w, 40);
	w_response(w, "r1");
	w_delta(w, "r1", "iA", 1000);
	w_run(w, 400);
	forget(w);
	w_model(w, "{\"type\":\"input_audio_buffer.speech_started\",\"event_id\":\"e\",\"audio_start_ms\":1000,\"item_id\":\"u1\"}");
	w_done(w, "r1", "cancelled");
	w_run(w, 3000);
	assert_null(strstr(buf_z(&w->log), "outcome"));          /* not in the middle of the greeting, with nothing said */
	w_model(w, "{\"type\":\"input_audio_buffer.speech_stopped\",\"event_id\":\"e\",\"audio_end_ms\":4000,\"item_id\":\"u1\"}");
	w_run(w, 300);
	w_answer(w, "r2", "iB", 500, "Please call back");
	w_run(w, 400);
	assert_null(strstr(buf_z(&w->log), "outcome"));
	w_run(w, 500);
	assert_non_null(strstr(buf_z(&w->log), "outcome ended agent_ended hangup;"));
	assert_null(strstr(buf_z(&w->log), "create;"));          /* the server's own answer was it */
	w_end(w);
}

static void p35_a_mailbox_that_never_listens_is_hung_up_on(void **st)
{
	struct setup *s = tool_setup();
	struct world *w;

	(void)st;
	s->voicemail = strdup("Please call back");
	w = w_talking(s);
	w_event(w, EV_MACHINE, "machine_start");
	for (int i = 0; i < 59; i++) {
		w_run(w, 40);
		w_response(w, "r1");
		w_delta(w, "r1", "iA", 1000);
		w_run(w, 400);
		w_model(w, "{\"type\":\"input_audio_buffer.speech_started\",\"event_id\":\"e\",\"audio_start_ms\":1000,\"item_id\":\"u1\"}");
		w_done(w, "r1", "cancelled");
		w_run(w, 1500);
		w_model(w, "{\"type\":\"input_audio_buffer.speech_stopped\",\"event_id\":\"e\",\"audio_end_ms\":4000,\"item_id\":\"u1\"}");
		w_run(w, 60);
		assert_null(strstr(buf_z(&w->log), "outcome"));
	}
	w_run(w, 3000);
	assert_non_null(strstr(buf_z(&w->log), "outcome ended agent_ended hangup;"));
	w_end(w);
}

/* A notice is played before the stream: that takes longer than to tell a mailbox from a person. */
static void p35_who_answered_is_kept_while_there_is_no_stream(void **st)
{
	(void)st;
	for (int i = 0; i < 4; i++) {
		struct setup *s = tool_setup();
		struct world *w;

		s->voicemail = i % 2 ? strdup("Please call back") : NULL;
		w = w_begin(i < 2 ? s : NULL);
		if (i < 2)
			w_ready(w);
		w_event(w, EV_MACHINE, "machine_start");
		if (i >= 2) {
			session_take_setup(w->s, s);
			w_event(w, EV_RECORD, NULL);
			w_ready(w);
		}
		w_answer(w, "resp_G", "item_G", 500, "Hello");
		assert_null(strstr(buf_z(&w->log), "outcome"));
		forget(w);
		w_start(w);
		w_run(w, 200);
		assert_int_equal(w->down.n, 0);                  /* nothing of the greeting */
		assert_int_equal(strstr(buf_z(&w->log), "outcome ended agent_ended hangup;") != NULL, i % 2 == 0);
		assert_int_equal(strstr(buf_z(&w->log), "Please call back") != NULL, i % 2 == 1);
		if (i % 2) {
			assert_non_null(strstr(buf_z(&w->log), "create;"));
			w_answer(w, "r1", "iA", 500, "Please call back");
			w_run(w, 800);
			assert_non_null(strstr(buf_z(&w->log), "outcome ended agent_ended hangup;"));
		}
		w_end(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p35_an_agent_that_nobody_may_interrupt_stops_for_a_mailbox),
		cmocka_unit_test(p35_who_answered_may_be_known_before_the_stream_is_there),
		cmocka_unit_test(p35_a_mailbox_gets_its_message_or_nothing_and_a_fax_nothing),
		cmocka_unit_test(p35_a_message_that_the_greeting_cuts_is_left_behind_it),
		cmocka_unit_test(p35_a_mailbox_that_never_listens_is_hung_up_on),
		cmocka_unit_test(p35_who_answered_is_kept_while_there_is_no_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
