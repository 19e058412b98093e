/* session_attach: a model connection goes, another comes, and the call goes on. Scripts against the made-up world. */
#include "call_world.h"

static void drop(struct world *w)
{
	w_event(w, EV_MODEL_CLOSED, "1006");
	w_run(w, 300);
}

/* One question asked and answered to the end; nothing in the log. */
static struct world *w_conversing(void)
{
	struct world *w = w_talking(w_setup());

	w_speech(w, "u1");
	w_speech_over(w, "u1");
	w_heard(w, "u1", "When?");
	w_answer(w, "r1", "a1", 500, "On Thursday.");
	w_run(w, 800);
	forget(w);
	buf_reset(&w->up);
	buf_reset(&w->down);
	w->last_mark_pos = 0;
	return w;
}

#define SO_FAR "rebuild;assistant Hello;user When?;assistant On Thursday.;"

static void the_conversation_is_given_to_the_next_connection_and_nothing_is_said(void **st)
{
	struct world *w = w_conversing();

	(void)st;
	drop(w);
	w_ready(w);
	expect(w, "dial first;update;" SO_FAR);
	w_run(w, 3000);
	expect(w, "");
	w_end(w);
}

static void a_turn_that_was_understood_is_answered_by_the_next_connection(void **st)
{
	struct world *w = w_conversing();

	(void)st;
	w_speech(w, "u2");
	w_speech_over(w, "u2");
	w_heard(w, "u2", "At what time?");
	forget(w);
	drop(w);
	w_ready(w);
	expect(w, "dial first;update;" SO_FAR "user At what time?;create;");
	assert_int_equal(w->up.n, 0);                            /* told as text: not heard once more */
	w_end(w);
}

static void an_answer_asked_for_and_not_begun_is_asked_for_again(void **st)
{
	struct world *w = w_conversing();

	(void)st;
	w_speech(w, "u2");
	w_speech_over(w, "u2");
	w_heard(w, "u2", "At what time?");
	w_response(w, "r2");
	forget(w);
	drop(w);
	w_ready(w);
	expect(w, "dial first;update;" SO_FAR "user At what time?;create;");
	w_end(w);
}

static void an_answer_that_broke_off_is_gone_on_with(void **st)
{
	struct world *w = w_conversing();

	(void)st;
	w_speech(w, "u2");
	w_speech_over(w, "u2");
	w_heard(w, "u2", "Tell me more");
	w_response(w, "r2");
	w_delta(w, "r2", "a2", 500);
	w_words(w, "r2", "a2", "There is a lot more to tell about this");
	w_run(w, 200);
	forget(w);
	drop(w);
	w_ready(w);
	expect(w, "dial first;turn 4 assistant There is a /cut 500;update;" SO_FAR "user Tell me more;assistant There is a;continue;");
	w_answer(w, "r3", "a3", 500, "lot more.");
	w_run(w, 1500);
	assert_int_equal(w->down.n, 1000 * 8);                   /* both parts, each once */
	expect(w, "turn 5 assistant lot more.;turn 5 assistant lot more.;");
	w_end(w);
}

static void words_nobody_has_understood_are_heard_by_the_next_connection(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	for (unsigned i = 0; i < 100; i++)
		w_frame(w, (uint8_t)i);
	w_model(w, "{\"type\":\"input_audio_buffer.speech_started\",\"event_id\":\"e\",\"audio_start_ms\":1500,\"item_id\":\"u1\"}");
	for (unsigned i = 100; i < 150; i++)
		w_frame(w, (uint8_t)i);
	buf_reset(&w->up);
	w_event(w, EV_MODEL_CLOSED, "1006");
	for (unsigned i = 150; i < 160; i++)
		w_frame(w, (uint8_t)i);
	w_run(w, 300);
	assert_int_equal(w->up.n, 0);
	w_ready(w);
	assert_int_equal(w->up.n, 85 * 160);                     /* from where the speech began, then what came meanwhile */
	for (unsigned i = 0; i < 85; i++)
		assert_int_equal((uint8_t)w->up.p[i * 160], 75 + i);
	w_speech(w, "u2");
	w_speech_over(w, "u2");
	w_heard(w, "u2", "All of it");
	w_answer(w, "r1", "a1", 200, "Yes");
	w_run(w, 5000);
	expect(w, "dial first;update;turn 1 user All of it;turn 2 assistant Yes;turn 2 assistant Yes;");
	w_end(w);
}

static void a_turn_spoken_to_its_end_is_heard_again_when_its_words_are_not_known(void **st)
{
	struct world *w = w_conversing();

	(void)st;
	w_model(w, "{\"type\":\"input_audio_buffer.speech_started\",\"event_id\":\"e\",\"audio_start_ms\":0,\"item_id\":\"u2\"}");
	for (unsigned i = 0; i < 50; i++)
		w_frame(w, (uint8_t)i);
	w_speech_over(w, "u2");
	buf_reset(&w->up);
	drop(w);
	w_ready(w);
	expect(w, "dial first;update;" SO_FAR);                  /* its sound brings the answer */
	assert_int_equal(w->up.n, 50 * 160);
	w_event(w, EV_MODEL_CLOSED, "1006");                     /* and again, before anybody noticed */
	w_run(w, 700);
	buf_reset(&w->up);
	w_ready(w);
	assert_int_equal(w->up.n, 50 * 160);
	forget(w);
	w_run(w, 3900);
	expect(w, "");
	w_run(w, 200);
	expect(w, "create;");                                    /* nobody has noticed it: then it is asked for */
	w_end(w);
}

static void what_was_understood_is_not_heard_twice(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_speech(w, "u1");
	for (unsigned i = 0; i < 50; i++)
		w_frame(w, (uint8_t)i);
	w_speech_over(w, "u1");
	w_answer(w, "r1", "a1", 200, "Yes");                     /* its words come late, or never */
	w_run(w, 500);
	buf_reset(&w->up);
	drop(w);
	w_ready(w);
	assert_int_equal(w->up.n, 0);
	w_end(w);
}

static void what_the_caller_did_not_hear_of_an_old_answer_is_taken_back(void **st)
{
	struct world *w = w_conversing();

	(void)st;
	w_speech(w, "u2");
	w_speech_over(w, "u2");
	w_heard(w, "u2", "All?");
	w_answer(w, "r2", "a2", 4000, "One two three four five six seven eight nine ten");
	w_run(w, 200);
	forget(w);
	drop(w);
	w_ready(w);
	expect(w, "dial first;update;" SO_FAR "user All?;assistant One two three four five six seven eight nine ten;");
	w_run(w, 500);
	w_speech(w, "u3");
	w_run(w, 20);
	expect(w, "clear;turn 4 assistant One two /cut 1000;delete hist_4;assistant One two;");   /* no truncate: this connection has never made it */
	w_end(w);
}

static void keys_pressed_meanwhile_are_given_once(void **st)
{
	struct world *w = w_conversing();

	(void)st;
	w_event(w, EV_MODEL_CLOSED, "1006");
	w_caller(w, "{\"event\":\"dtmf\",\"streamSid\":\"" STREAM "\",\"sequenceNumber\":\"5\",\"dtmf\":{\"track\":\"inbound_track\",\"digit\":\"7\"}}");
	w_caller(w, "{\"event\":\"dtmf\",\"streamSid\":\"" STREAM "\",\"sequenceNumber\":\"6\",\"dtmf\":{\"track\":\"inbound_track\",\"digit\":\"#\"}}");
	w_run(w, 300);
	w_ready(w);
	expect(w, "turn 3 user [keypad: 7];dial first;update;" SO_FAR "user [keypad: 7];create;");
	w_end(w);
}

/* --- a relay that takes over --- */

static struct turn *past(struct setup *s, size_t n)
{
	s->past = calloc(n, sizeof *s->past);
	s->past_n = n;
	s->resumed = true;
	s->turn_seq = 10;
	for (size_t i = 0; i < n; i++)
		s->past[i] = (struct turn){ .seq = (int64_t)i, .started_at = 1, .completed_at = 2, .heard_ms = FIELD_NULL_INT, .latency_ms = FIELD_NULL_INT };
	return s->past;
}

static void was_said(struct turn *u, const char *role, const char *text, bool over)
{
	u->role = strdup(role);
	u->text = strdup(text);
	u->completed_at = over ? 2 : FIELD_NULL_INT;
}

static void a_relay_that_takes_over_knows_what_was_said(void **st)
{
	static const struct { const char *last; bool over, lost; const char *then; } rows[] = {
		{ "assistant", true, false, "" }, { "assistant", false, false, "continue;" }, { "user", true, false, "create;" },
		{ "assistant", true, true, "system What the caller said just now was lost on the line: say so in a few words and ask them to say it again.;create;" },
	};

	(void)st;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct setup *s = w_setup();
		struct turn *u = past(s, 3);
		struct world *w;
		char want[400];

		was_said(&u[0], "assistant", "Hello", true);
		was_said(&u[1], "user", "When?", true);
		was_said(&u[2], rows[i].last, "Well", rows[i].over);
		s->words_lost = rows[i].lost;
		w = w_begin(s);
		w_start(w);
		w_ready(w);
		snprintf(want, sizeof want, "load;dial first;save connected;update;rebuild;assistant Hello;user When?;%s Well;%s", rows[i].last, rows[i].then);
		expect(w, want);
		w_end(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_conversation_is_given_to_the_next_connection_and_nothing_is_said),
		cmocka_unit_test(a_turn_that_was_understood_is_answered_by_the_next_connection),
		cmocka_unit_test(an_answer_asked_for_and_not_begun_is_asked_for_again),
		cmocka_unit_test(an_answer_that_broke_off_is_gone_on_with),
		cmocka_unit_test(words_nobody_has_understood_are_heard_by_the_next_connection),
		cmocka_unit_test(a_turn_spoken_to_its_end_is_heard_again_when_its_words_are_not_known),
		cmocka_unit_test(what_was_understood_is_not_heard_twice),
		cmocka_unit_test(what_the_caller_did_not_hear_of_an_old_answer_is_taken_back),
		cmocka_unit_test(keys_pressed_meanwhile_are_given_once),
		cmocka_unit_test(a_relay_that_takes_over_knows_what_was_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
