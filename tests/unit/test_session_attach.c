/* session_attach: a model connection goes, another comes, and the call goes on. Scripts against the made-up world. */
#include "call_world.h"
#include "media-relay/prompt.h"

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

static void a_greeting_that_was_interrupted_is_not_repeated(void **st)
{
	struct world *w = w_begin(w_setup());

	(void)st;
	w_ready(w);
	w_start(w);
	w_response(w, "resp_G");
	w_delta(w, "resp_G", "item_G", 2000);
	w_run(w, 500);
	w_speech(w, "u1");
	assert_non_null(strstr(buf_z(&w->log), "save greeted;"));
	w_done(w, "resp_G", "cancelled");
	w_words(w, "resp_G", "item_G", "Hello and welcome");
	w_speech_over(w, "u1");
	w_heard(w, "u1", "Hi");
	forget(w);
	drop(w);
	w_ready(w);
	assert_null(strstr(buf_z(&w->log), "greet;"));
	w_end(w);
}

static void a_new_connection_interrupts_when_the_protected_greeting_is_over(void **st)
{
	struct setup *s = w_setup();
	struct world *w;

	(void)st;
	free(s->upstreams[0].host);
	free(s->upstreams[0].model);
	free(s->upstreams[0].session_update);
	w_update_of(&s->upstreams[0], "first", true);
	s->greeting_interruptible = false;
	w = w_talking(s);
	drop(w);
	w_ready(w);
	expect(w, "dial first;update;greeted;rebuild;assistant Hello;");
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

static void what_was_written_down_of_it_is_not_written_down_twice(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_frame(w, 1);
	w_speech(w, "u1");
	w_model(w, "{\"type\":\"conversation.item.input_audio_transcription.delta\",\"item_id\":\"u1\",\"content_index\":0,\"delta\":\"All of\"}");
	w_event(w, EV_MODEL_CLOSED, "1006");
	w_run(w, 300);
	w_ready(w);
	w_speech(w, "u2");
	w_speech_over(w, "u2");
	w_heard(w, "u2", "All of it");
	forget(w);
	stop(w);
	assert_null(strstr(buf_z(&w->log), "user All of;"));
	w_end(w);
}

/* Whether it was an interruption is for the next connection to find out; nothing is made any more that could be cut. */
static void speech_that_was_in_doubt_is_heard_by_the_next_connection(void **st)
{
	struct setup *s = silent_setup();
	struct world *w;

	(void)st;
	s->resume_false_barge_in = true;
	w = w_talking(s);
	w_answer(w, "r1", "a1", 3000, "long");
	w_run(w, 500);
	for (unsigned i = 0; i < 50; i++)
		w_frame(w, 1);
	w_model(w, "{\"type\":\"input_audio_buffer.speech_started\",\"event_id\":\"e\",\"audio_start_ms\":500,\"item_id\":\"u1\"}");
	w_model(w, "{\"type\":\"input_audio_buffer.speech_stopped\",\"event_id\":\"e\",\"audio_end_ms\":900,\"item_id\":\"u1\"}");
	w_event(w, EV_MODEL_CLOSED, "1006");
	w_run(w, 300);
	buf_reset(&w->up);
	w_ready(w);
	assert_int_equal(w->up.n, 25 * 160);
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

/* --- no dead air --- */

static void who_waits_two_seconds_for_a_model_hears_a_sentence_and_then_the_greeting(void **st)
{
	struct setup *set = w_setup();
	struct world *w;

	(void)st;
	set->prompt = calloc(1, 1600);
	set->prompt_n = 1600;
	memset(set->prompt, 0x55, 1600);
	w = w_begin(set);
	w_start(w);
	w_run(w, 1980);
	assert_int_equal(w->down.n, 0);
	w_run(w, 40);
	assert_int_equal(w->down.n, 1600);
	assert_int_equal((uint8_t)w->down.p[0], 0x55);
	w_run(w, 1000);
	w_ready(w);
	expect(w, "load;dial first;save connected;update;greet;");
	w_run(w, 400);
	assert_int_equal(w->down.n, 1600);                       /* the prompt once, in five seconds */
	w_answer(w, "resp_G", "item_G", 500, "Hello");
	w_run(w, 1000);
	assert_int_equal(w->down.n, 1600 + 4000);
	expect(w, "turn 0 assistant Hello;turn 0 assistant Hello;save greeted;");
	w_end(w);
}

static void a_sentence_that_is_broken_into_is_no_answer_to_be_cut(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_event(w, EV_MODEL_CLOSED, "1006");
	w_run(w, 300);
	w_created(w);
	w_run(w, 1800);
	assert_true(w->down.n >= 1600);                          /* the built-in one */
	w_updated(w, "audio/pcmu", "audio/pcmu", "marin");
	forget(w);
	w_speech(w, "u1");
	expect(w, "clear;");
	w_end(w);
}

static void a_sentence_is_no_answer_that_came_fast(void **st)
{
	struct world *w = w_talking(silent_setup());

	(void)st;
	w_speech(w, "u1");
	w_run(w, 1000);
	w_speech_over(w, "u1");
	w_event(w, EV_MODEL_CLOSED, "1006");
	w_run(w, 300);
	w_created(w);
	w_run(w, 3500);                                          /* it is heard */
	w_updated(w, "audio/pcmu", "audio/pcmu", "marin");
	w_answer(w, "r1", "a1", 500, "Here I am.");
	w_run(w, 1500);
	stop(w);
	assert_in_range(w->outcome.latency_p50_ms, 4200, 5200);
	w_end(w);
}

static void the_caller_hears_the_fallback_within_ten_seconds(void **st)
{
	struct world *w = w_begin(w_setup());

	(void)st;
	w_start(w);
	w_run(w, 9100);
	assert_non_null(strstr(buf_z(&w->log), "outcome error model_failed fallback;"));
	assert_true(w->down.n >= 2 * (prompt_moment.n));         /* twice until then */
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

/* --- the session limit --- */

#define MINUTES 60000

static void next_is_ready(struct world *w)
{
	const char *created = "{\"type\":\"session.created\",\"event_id\":\"e\",\"session\":{\"type\":\"realtime\",\"id\":\"sess_2\"}}";
	const char *updated = "{\"type\":\"session.updated\",\"event_id\":\"e\",\"session\":{\"type\":\"realtime\",\"audio\":{\"input\":{\"format\":{\"type\":"
		"\"audio/pcmu\"}},\"output\":{\"format\":{\"type\":\"audio/pcmu\"},\"voice\":\"marin\"}}}}";

	exactly(w, EV_NEXT_MESSAGE, created, strlen(created));
	exactly(w, EV_NEXT_MESSAGE, updated, strlen(updated));
}

static void a_session_is_changed_at_a_quiet_moment_before_its_limit(void **st)
{
	struct world *w = w_conversing();

	(void)st;
	w_run(w, 54 * MINUTES);
	expect(w, "");
	w_run(w, MINUTES);
	expect(w, "next first;");
	w_speech(w, "u2");
	next_is_ready(w);
	w_run(w, 1000);
	expect(w, "next update;");                               /* the caller speaks: not now */
	w_speech_over(w, "u2");
	w_heard(w, "u2", "And?");
	w_run(w, 500);
	w_response(w, "r2");
	w_delta(w, "r2", "a2", 1000);
	w_run(w, 500);
	w_words(w, "r2", "a2", "Then");
	w_item_done(w, "r2", "a2");
	w_done(w, "r2", "completed");
	w_run(w, 400);
	expect(w, "turn 3 user And?;turn 4 assistant Then;");    /* it is still heard */
	w_run(w, 400);
	expect(w, "turn 4 assistant Then;promote;" SO_FAR "user And?;assistant Then;");
	assert_int_equal(w->metric[M_RECONNECT_EXPIRED], 1);
	buf_reset(&w->up);
	w_frame(w, 1);
	assert_int_equal(w->up.n, 160);
	w_run(w, 50 * MINUTES);
	expect(w, "");
	w_end(w);
}

static void a_session_that_names_no_time_we_can_live_to_see_lasts_an_hour(void **st)
{
	struct world *w = w_begin(w_setup());

	(void)st;
	w_event(w, EV_MODEL_OPEN, NULL);
	w_model(w, "{\"type\":\"session.created\",\"event_id\":\"e\",\"session\":{\"type\":\"realtime\",\"id\":\"sess_1\",\"expires_at\":%lld}}", (long long)INT64_MAX);
	w_updated(w, "audio/pcmu", "audio/pcmu", "marin");
	w_start(w);
	w_answer(w, "resp_G", "item_G", 500, "Hello");
	w_run(w, 1000);
	forget(w);
	clock_move(54 * 60 * 1000);
	w_run(w, 20);
	expect(w, "");
	clock_move(60 * 1000);
	w_run(w, 20);
	expect(w, "next first;");
	w_end(w);
}

static void without_a_quiet_moment_it_is_changed_shortly_before_the_limit(void **st)
{
	struct world *w = w_conversing();

	(void)st;
	w_run(w, 55 * MINUTES);
	next_is_ready(w);
	w_model(w, "{\"type\":\"input_audio_buffer.speech_started\",\"event_id\":\"e\",\"audio_start_ms\":0,\"item_id\":\"u2\"}");
	forget(w);
	w_run(w, 4 * MINUTES);
	expect(w, "");
	w_frame(w, 7);
	buf_reset(&w->up);
	w_run(w, 39000);
	expect(w, "promote;" SO_FAR);
	assert_true(w->up.n >= 160);                             /* what was being said is heard by the new one */
	w_end(w);
}

static void the_one_that_waits_takes_over_when_the_old_one_breaks(void **st)
{
	struct world *w = w_conversing();

	(void)st;
	w_run(w, 55 * MINUTES);
	next_is_ready(w);
	w_speech(w, "u2");
	w_speech_over(w, "u2");
	w_heard(w, "u2", "And?");
	forget(w);
	w_event(w, EV_MODEL_CLOSED, "1006");
	expect(w, "promote;" SO_FAR "user And?;create;");        /* at once */
	w_end(w);
}

static void one_that_cannot_be_reached_is_tried_again_and_the_old_one_talks_on(void **st)
{
	struct world *w = w_conversing();

	(void)st;
	w_run(w, 55 * MINUTES);
	for (int i = 0; i < 4; i++) {
		w_event(w, EV_NEXT_CLOSED, "cannot connect");
		w_run(w, 1400);
	}
	expect(w, "next first;next first;next first;next first;");
	w_run(w, 30000);
	next_is_ready(w);
	w_run(w, 20);
	expect(w, "next first;next update;promote;" SO_FAR);
	w_end(w);
}

static void it_goes_with_the_call(void **st)
{
	struct world *w = w_conversing();

	(void)st;
	w_run(w, 55 * MINUTES);
	forget(w);
	w_event(w, EV_HANGUP, "operator");
	expect(w, "close next 1000;close model 1000;outcome ended operator hangup;");
	w_event(w, EV_OUTCOME_SAVED, NULL);
	w_event(w, EV_CALLER_CLOSED, "1000");
	w_event(w, EV_MODEL_CLOSED, "1000");
	expect(w, "close caller 1000;");
	w_event(w, EV_NEXT_CLOSED, "1000");
	expect(w, "gone operator;");
	w_end(w);
}

static void stop_counted(struct world *w, int64_t turns)
{
	w_event(w, EV_HANGUP, "operator");
	assert_int_equal(w->outcome.turns, turns);
}

static unsigned times(struct world *w, const char *what)
{
	unsigned n = 0;

	for (const char *p = buf_z(&w->log); (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

/* A turn a minute; every connection is changed in time, and what is asked is answered. */
static void a_call_of_three_hours_crosses_three_limits_without_a_lost_turn(void **st)
{
	struct setup *set = w_setup();
	struct world *w;
	unsigned changes = 0;
	char text[32], item[16];

	(void)st;
	set->idle_ms = set->max_call_ms = 0;
	w = w_talking(set);
	for (unsigned minute = 0; minute < 190; minute++) {
		snprintf(text, sizeof text, "Question %u", minute);
		snprintf(item, sizeof item, "u%u", minute);
		w_speech(w, item);
		w_speech_over(w, item);
		w_heard(w, item, text);
		snprintf(text, sizeof text, "Answer %u", minute);
		snprintf(item, sizeof item, "a%u", minute);
		w_answer(w, "r", item, 400, text);
		w_run(w, 58000);
		if (times(w, "next first;"))
			next_is_ready(w);
		w_run(w, 2000);
		snprintf(text, sizeof text, "user Question %u;", minute);
		assert_int_equal(times(w, text), 1 + times(w, "promote;"));
		changes += times(w, "promote;");
		if (times(w, "promote;")) {
			snprintf(text, sizeof text, "assistant Answer %u;", minute);
			assert_true(times(w, text) >= 2);
			assert_int_equal(times(w, "rebuild;system Of the earlier part of this call"), 1);
		}
		assert_int_equal(times(w, "dial "), 0);
		forget(w);
	}
	assert_int_equal(changes, 3);
	stop_counted(w, 1 + 2 * 190);
	w_end(w);
}

static void what_was_heard_of_an_answer_is_stored_every_second(void **st)
{
	struct world *w = w_conversing();
	unsigned before = w->progress;

	(void)st;
	w_speech(w, "u2");
	w_speech_over(w, "u2");
	w_heard(w, "u2", "All?");
	w_response(w, "r2");
	for (int i = 0; i < 16; i++)
		w_delta(w, "r2", "a2", 250);
	w_words(w, "r2", "a2", "One two three four five six seven eight nine ten");
	w_run(w, 3500);
	assert_int_equal(w->progress - before, 3);
	w_item_done(w, "r2", "a2");
	w_done(w, "r2", "completed");
	w_run(w, 1000);
	assert_int_equal(w->progress - before, 3);               /* heard to its end, it is stored whole */
	assert_non_null(strstr(buf_z(&w->log), "turn 4 assistant One two three four five six seven eight nine ten;"));
	w_end(w);
}

static void of_an_answer_that_died_with_its_relay_what_was_heard_is_told(void **st)
{
	static const struct { int64_t heard_ms; const char *stored, *told; } rows[] = {
		{ 3000, "One two three four", "One two three four" },
		{ FIELD_NULL_INT, "One two three four five six seven eight", "One two three four" },         /* begun, and no more is known */
	};

	(void)st;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct setup *s = w_setup();
		struct turn *u = past(s, 1);
		struct world *w;
		char want[200];

		was_said(&u[0], "assistant", rows[i].stored, false);
		u[0].heard_ms = rows[i].heard_ms;
		w = w_begin(s);
		w_start(w);
		w_ready(w);
		snprintf(want, sizeof want, "load;dial first;save connected;update;rebuild;assistant %s;continue;", rows[i].told);
		expect(w, want);
		w_end(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_conversation_is_given_to_the_next_connection_and_nothing_is_said),
		cmocka_unit_test(a_greeting_that_was_interrupted_is_not_repeated),
		cmocka_unit_test(a_new_connection_interrupts_when_the_protected_greeting_is_over),
		cmocka_unit_test(a_turn_that_was_understood_is_answered_by_the_next_connection),
		cmocka_unit_test(an_answer_asked_for_and_not_begun_is_asked_for_again),
		cmocka_unit_test(an_answer_that_broke_off_is_gone_on_with),
		cmocka_unit_test(words_nobody_has_understood_are_heard_by_the_next_connection),
		cmocka_unit_test(a_turn_spoken_to_its_end_is_heard_again_when_its_words_are_not_known),
		cmocka_unit_test(what_was_written_down_of_it_is_not_written_down_twice),
		cmocka_unit_test(speech_that_was_in_doubt_is_heard_by_the_next_connection),
		cmocka_unit_test(what_was_understood_is_not_heard_twice),
		cmocka_unit_test(what_the_caller_did_not_hear_of_an_old_answer_is_taken_back),
		cmocka_unit_test(keys_pressed_meanwhile_are_given_once),
		cmocka_unit_test(who_waits_two_seconds_for_a_model_hears_a_sentence_and_then_the_greeting),
		cmocka_unit_test(a_sentence_that_is_broken_into_is_no_answer_to_be_cut),
		cmocka_unit_test(a_sentence_is_no_answer_that_came_fast),
		cmocka_unit_test(the_caller_hears_the_fallback_within_ten_seconds),
		cmocka_unit_test(a_relay_that_takes_over_knows_what_was_said),
		cmocka_unit_test(what_was_heard_of_an_answer_is_stored_every_second),
		cmocka_unit_test(of_an_answer_that_died_with_its_relay_what_was_heard_is_told),
		cmocka_unit_test(a_session_is_changed_at_a_quiet_moment_before_its_limit),
		cmocka_unit_test(without_a_quiet_moment_it_is_changed_shortly_before_the_limit),
		cmocka_unit_test(the_one_that_waits_takes_over_when_the_old_one_breaks),
		cmocka_unit_test(one_that_cannot_be_reached_is_tried_again_and_the_old_one_talks_on),
		cmocka_unit_test(it_goes_with_the_call),
		cmocka_unit_test(a_call_of_three_hours_crosses_three_limits_without_a_lost_turn),
		cmocka_unit_test(a_session_that_names_no_time_we_can_live_to_see_lasts_an_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
