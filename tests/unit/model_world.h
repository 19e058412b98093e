/* model_world - a session of the simulated model without a network, with a clock of its own: what is said to it, and what it sends. */
#ifndef OFFHOOK_TEST_MODEL_WORLD_H
#define OFFHOOK_TEST_MODEL_WORLD_H

#include "unit.h"
#include "base/b64.h"
#include "base/clock.h"
#include "tests/sim/model.h"
#include "tests/sim/wav.h"

#define LINES 4000

static struct world {
	struct model m;
	struct scenario *sc;
	struct model_sess *s;
	char *sent[LINES];
	size_t n, looked;
	unsigned close_code;
	char close_reason[124];
	bool dropped, held_read, held_write;
	size_t fragment, waiting;
} w;

static inline void w_send(void *conn, struct span bytes, bool binary)
{
	(void)conn;
	(void)binary;
	assert_true(w.n < LINES);
	w.sent[w.n++] = span_dup(bytes);
}

static inline void w_close(void *conn, unsigned code, struct span reason)
{
	(void)conn;
	w.close_code = code;
	span_copy(w.close_reason, sizeof w.close_reason, reason);
}

static inline void w_drop(void *conn)
{
	(void)conn;
	w.dropped = true;
}

static inline void w_hold(void *conn, bool reading, bool writing, int64_t ms)
{
	(void)conn;
	(void)ms;
	w.held_read = reading;
	w.held_write = writing;
}

static inline void w_fragment(void *conn, size_t bytes)
{
	(void)conn;
	w.fragment = bytes;
}

static inline size_t w_backlog(void *conn)
{
	(void)conn;
	return w.waiting;
}

static const struct model_ops ops = { w_send, w_close, w_drop, w_hold, w_fragment, w_backlog };

static inline void end(void)
{
	model_sess_free(w.s);
	scenario_free(w.sc);
	speech_free(w.m.speech);
	model_stats_fini(&w.m.stats);
	buf_fini(&w.m.scratch);
	for (size_t i = 0; i < w.n; i++)
		free(w.sent[i]);
	memset(&w, 0, sizeof w);
	clock_real();
}

static inline void begin_as(const char *scenario, const char *model)
{
	struct buf why = BUF_INIT;

	memset(&w, 0, sizeof w);
	clock_set(1000000, 1790000000000);
	if (scenario_parse(&w.sc, span_z(scenario), &why))
		fail_msg("%s", buf_z(&why));
	assert_int_equal(speech_new(&w.m.speech, NULL, &why), ERR_OK);
	w.m.scenario = w.sc;
	w.s = model_sess_new(&w.m, &ops, NULL, span_z(model));
	assert_non_null(w.s);
	model_sess_open(w.s);
	buf_fini(&why);
}

static inline void begin(const char *scenario)
{
	begin_as(scenario, "gpt-realtime-2.1");
}

static inline void say(const char *event)            /* apostrophes stand for quotation marks */
{
	char *z = span_dup(span_z(event));

	for (char *p = z; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	model_sess_message(w.s, span_z(z));
	free(z);
}

static inline void pass(int64_t ms)
{
	for (int64_t t = 0; t < ms; t += 10) {
		clock_move(10);
		if (!w.s->dead)
			model_sess_tick(w.s, clock_ms());
	}
}

/* The next event sent that is not looked at yet; NULL when there is none. The caller's to put. */
static inline struct json_object *next(void)
{
	struct json_object *o = NULL;

	if (w.looked == w.n)
		return NULL;
	assert_int_equal(json_read(&o, span_z(w.sent[w.looked++])), ERR_OK);
	return o;
}

/* Types of all events not looked at yet, repeated ones once, without the common beginnings. */
static inline const char *types(void)
{
	static char text[4000];
	static const char *const heads[] = { "response.", "conversation.item.", "input_audio_buffer.", "input_audio_transcription." };
	struct json_object *o;
	char last[80] = "";
	size_t n = 0;

	*text = 0;
	while ((o = next())) {
		char type[80];
		struct span t = json_get_span(o, "type");

		for (size_t i = 0; i < ROWS(heads); i++)
			if (span_starts(t, span_z(heads[i])))
				t = span_skip(t, strlen(heads[i]));
		span_copy(type, sizeof type, t);
		if (strcmp(type, last) != 0)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? " " : "", type);
		snprintf(last, sizeof last, "%s", type);
		json_object_put(o);
	}
	return text;
}

/* The first event of a type among those not looked at yet; what lies before is passed over. */
static inline struct json_object *wait_for(const char *type)
{
	struct json_object *o;

	while ((o = next())) {
		if (span_is(json_get_span(o, "type"), type))
			return o;
		json_object_put(o);
	}
	fail_msg("%s was not sent", type);
	return NULL;
}

static inline void refused(const char *code, const char *param)
{
	struct json_object *o = wait_for("error"), *e = json_get(o, "error");

	assert_span(json_get_span(e, "code"), code);
	if (param)
		assert_span(json_get_span(e, "param"), param);
	else
		assert_null(json_get(e, "param"));
	json_object_put(o);
}

#define TURN "'turn_detection':{'type':'server_vad','threshold':0.5,'prefix_padding_ms':300,'silence_duration_ms':500,'create_response':true,'interrupt_response':true}"
#define UPDATE(more) "{'type':'session.update','event_id':'cfg','session':{'type':'realtime','audio':{'input':{'format':{'type':'audio/pcmu'}," \
		     "'transcription':{'model':'gpt-4o-mini-transcribe'}," TURN "},'output':{'format':{'type':'audio/pcmu'},'voice':'marin'}}" more "}}"
#define MANUAL "{'type':'session.update','session':{'type':'realtime','audio':{'input':{'format':{'type':'audio/pcmu'},'turn_detection':null}," \
	       "'output':{'format':{'type':'audio/pcmu'}}}}}"

static inline void configured(const char *scenario)
{
	begin(scenario);
	say(UPDATE(""));
	assert_string_equal(types(), "session.created session.updated");
}

/* 20-ms frames of a tone or of silence, in real time. */
static inline void hear(bool loud, unsigned ms)
{
	uint8_t frame[160];
	char event[400];

	for (size_t i = 0; i < sizeof frame; i++)
		frame[i] = loud ? wav_mulaw(i / 4 % 2 ? 6000 : -6000) : 0xFF;
	for (unsigned t = 0; t < ms && !w.s->dead; t += 20) {
		int n = snprintf(event, sizeof event, "{\"type\":\"input_audio_buffer.append\",\"audio\":\"");

		b64_encode(event + n, frame, sizeof frame);
		memcpy(event + n + B64_ENCODED(sizeof frame), "\"}", 3);
		model_sess_message(w.s, span_z(event));
		pass(20);
	}
}

static inline const char *json(const char *text)
{
	static char out[2000];

	snprintf(out, sizeof out, "%s", text);
	for (char *p = out; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	return out;
}

#endif
