/* session_message - what the model says: its session, its errors, the caller as it hears them, its answers. One handler per type of event. */
#include "base/clock.h"
#include "base/log.h"
#include "media-relay/session_impl.h"

#define ERRORS_TOLD   50                /* of a call, in its record and the log; a server that complains without end fills no disk */
#define BEHIND_MAX_MS 5000              /* positions that say more are of another count */

/* --- errors --- */

/* What a server says of a key may hold part of it. */
static struct span sayable(const struct realtime_msg *m)
{
	if (span_is(m->error.code, "invalid_api_key") || !m->error.message.p)
		return m->error.code.p ? m->error.code : SPAN("error without a message");
	return m->error.message;
}

static bool is_create(struct span event_id)
{
	return span_is(event_id, "greeting") || (event_id.n > 1 && event_id.p[0] == 'r' && event_id.p[1] >= '0' && event_id.p[1] <= '9');
}

/* "Audio content of 9250ms is already shorter than 57340ms": then at 9250. Anything else was cut already, or never existed. */
static void truncate_again(struct session *s, const struct realtime_msg *m)
{
	static const struct span lead = { "Audio content of ", 17 };
	struct span rest, number;
	int64_t ms;

	if (!span_starts(m->error.message, lead))
		return;
	rest = span_skip(m->error.message, lead.n);
	if (!span_cut(&rest, 'm', &number) || !span_int(number, &ms) || ms < 0)
		return;
	for (unsigned i = 0; i < TRUNCATIONS; i++) {
		struct truncation t = s->truncations[i];

		if (!t.id[0] || !span_is(m->error.event_id, t.id))
			continue;
		s->truncations[i].id[0] = '\0';
		caller_truncate(s, span_z(t.item), t.content_index, ms);
	}
}

/* A greeting that was refused twice is not asked for again: the caller speaks first. */
static void create_refused(struct session *s, const struct realtime_msg *m)
{
	turn_failed(&s->turn, realtime_retry_ms(m->error.message), session_now(s));
	if (s->greeting == GREETING_ASKED && s->turn.wanted == TURN_NOTHING && !s->turn.active[0])
		caller_greeting_over(s);
}

static void harmless(struct session *s, const struct realtime_msg *m)
{
	if (!tooling_refused(s, m->error.event_id) && span_is(m->error.code, "conversation_already_has_active_response"))
		turn_refused(&s->turn, session_now(s));
	else if (is_create(m->error.event_id))
		create_refused(s, m);
	else
		truncate_again(s, m);
	model_ask_next(s);
}

/* Before session.updated every error means that this connection comes to nothing; a request it refuses once it refuses again. */
static enum upstream_ev start_up_fault(const struct realtime_msg *m)
{
	if (realtime_fault(m) == RF_EXPIRED)
		return UE_EXPIRED;
	return realtime_fault(m) == RF_HOPELESS || span_is(m->error.type, "invalid_request_error") ? UE_HOPELESS : UE_BROKEN;
}

static void on_error(struct session *s, const struct realtime_msg *m)
{
	struct span text = sayable(m);

	if (s->errors++ < ERRORS_TOLD) {
		session_note(s, "error", SPAN_NONE, SPAN_NONE, text, NULL);
		log_warn("model.error", "code=%s text=%s", log_q(m->error.code), log_q(text));
	}
	if (!upstream_ready(&s->up))
		model_lost(s, start_up_fault(m), text);
	else if (realtime_fault(m) == RF_HOPELESS)
		model_lost(s, UE_HOPELESS, text);
	else if (realtime_fault(m) == RF_EXPIRED)
		model_lost(s, UE_EXPIRED, text);
	else
		harmless(s, m);
}

/* --- its session --- */

static void on_created(struct session *s, const struct realtime_msg *m)
{
	next_plan(s, m->session.expires_at);
	model_act(s, upstream_event(&s->up, UE_CREATED, session_now(s)));
}

static void on_updated(struct session *s, const struct realtime_msg *m)
{
	bool good = realtime_confirms(m, s->setup->in, s->setup->out, span_z(s->setup->voice));

	s->vad_silence_ms = m->session.silence_ms;
	if (s->up.state != US_CONFIGURING)
		return;
	if (!good) {
		log_warn("model.formats", "in=%s out=%s voice=%s", log_q(m->session.in), log_q(m->session.out), log_q(m->session.voice));
		model_keep_why(s, SPAN("the model did not take the audio formats or the voice"));
	}
	model_act(s, upstream_event(&s->up, good ? UE_GOOD : UE_WRONG, session_now(s)));
}

/* --- the caller, as the model hears them --- */

/* How long ago the caller's audio was here that the model speaks of: it hears later than we do. */
static int64_t behind_ms(const struct session *s, const struct realtime_msg *m)
{
	int64_t ms = (int64_t)((s->uplink.sent - uplink_place(&s->uplink, m->at_ms)) / AUDIO_BYTES_MS);

	return ms < BEHIND_MAX_MS ? ms : BEHIND_MAX_MS;
}

static void on_speech(struct session *s, const struct realtime_msg *m)
{
	turn_speech(&s->turn, true);
	attach_session_speech(s, m);
	s->active_ms = session_now(s);
	s->last_word_ms = -1;
	barge_session_speech(s, m->item_id);
	transcript_speech(&s->script, m->item_id, behind_ms(s, m));
	limits_session_speech(s);
	session_note(s, "input_audio_buffer.speech_started", m->item_id, SPAN_NONE, SPAN_NONE, NULL);
}

static void on_speech_over(struct session *s, const struct realtime_msg *m)
{
	int64_t silence = s->vad_silence_ms > 0 ? s->vad_silence_ms : 0;

	turn_speech(&s->turn, false);
	s->active_ms = session_now(s);
	s->last_word_ms = session_now(s) - silence - behind_ms(s, m);
	transcript_speech_over(&s->script, m->item_id, behind_ms(s, m) + silence);
	limits_session_speech(s);
	session_note(s, "input_audio_buffer.speech_stopped", m->item_id, SPAN_NONE, SPAN_NONE, NULL);
	barge_session_speech_over(s, m->item_id, silence);
}

static void on_heard_delta(struct session *s, const struct realtime_msg *m)
{
	transcript_heard_delta(&s->script, m->item_id, m->delta);
	barge_session_words(s, m->item_id, m->delta);
}

static void on_heard(struct session *s, const struct realtime_msg *m)
{
	attach_words(&s->attach, m->item_id);
	if (span_trim(m->delta).n)
		limits_session_words(s);
	transcript_heard(&s->script, m->item_id, m->delta.p ? m->delta : SPAN(""));
	transcript_transcription(&s->script, span_z(model_upstream(s)->transcription_model), m->heard.input, m->heard.output, m->heard.seconds);
	barge_session_words(s, m->item_id, m->delta);
}

static void on_heard_failed(struct session *s, const struct realtime_msg *m)
{
	transcript_heard(&s->script, m->item_id, SPAN_NONE);
	limits_session_words(s);                         /* something was said */
	session_note(s, "transcription.failed", m->item_id, SPAN_NONE, sayable(m), NULL);
	log_warn("model.transcription_failed", "code=%s", log_q(m->error.code));
}

/* --- its answers --- */

static void on_response(struct session *s, const struct realtime_msg *m)
{
	struct buf msg = BUF_INIT;
	char id[16];

	if (tooling_created(s, m))
		return;
	if (turn_created(&s->turn, m->response_id, session_now(s))) {
		realtime_cancel(&msg, model_event_id(s, 'c', id), m->response_id);
		model_send_buf(s, &msg);
		playback_kill(&s->play, m->response_id);
	}
	playback_others_done(&s->play, m->response_id, span_z(s->tool.filler));       /* else one whose end never came would be waited for */
	attach_answer(&s->attach, false);
	if (s->turn.answering == TURN_GREETING)
		span_copy(s->greeting_response, sizeof s->greeting_response, m->response_id);
	session_note(s, "response.created", SPAN_NONE, m->response_id, SPAN_NONE, NULL);
}

static struct part part_said(const struct realtime_msg *m)
{
	return (struct part){ m->item_id, m->content_index };
}

static void first_audio_of(struct session *s, const struct realtime_msg *m)
{
	if (!span_copy(s->answer_item, sizeof s->answer_item, m->item_id))
		return;
	s->answer_part = m->content_index;
	transcript_answer(&s->script, part_said(m), m->response_id);
	if (s->greeting == GREETING_ASKED && span_is(m->response_id, s->greeting_response))
		s->greeting = GREETING_BEGUN;
}

static void unreadable(struct session *s)
{
	session_count(s, M_MODEL_MALFORMED, 1);
	if (s->bad_model++ == 0)
		log_warn("model.malformed", NULL);
	if (++s->bad_model_row >= MODEL_BAD_IN_A_ROW)
		model_lost(s, UE_BROKEN, SPAN("messages that cannot be read"));
}

static void on_audio(struct session *s, const struct realtime_msg *m)
{
	int64_t now = session_now(s);
	enum err e;

	upstream_spoke(&s->up, now);
	turn_audio(&s->turn, m->response_id, now);
	attach_answer(&s->attach, true);
	tooling_audio(s, m);
	e = playback_add(&s->play, m->response_id, m->item_id, m->content_index, m->delta);
	if (e == ERR_OK && (!span_is(m->item_id, s->answer_item) || m->content_index != s->answer_part))
		first_audio_of(s, m);
	if (e == ERR_SYNTAX)
		unreadable(s);
	else
		s->bad_model_row = 0;
	if ((e == ERR_LIMIT || e == ERR_NOMEM) && s->audio_dropped++ == 0)
		log_warn("model.audio_dropped", "why=%s", err_name(e));
	caller_pump(s);
}

static void on_audio_done(struct session *s, const struct realtime_msg *m)
{
	turn_sign(&s->turn, session_now(s));
	playback_item_done(&s->play, m->item_id, m->content_index);
	caller_pump(s);
}

static void on_words_delta(struct session *s, const struct realtime_msg *m)
{
	turn_sign(&s->turn, session_now(s));
	transcript_words_delta(&s->script, part_said(m), m->response_id, m->delta);
}

static void on_words(struct session *s, const struct realtime_msg *m)
{
	turn_sign(&s->turn, session_now(s));
	transcript_words(&s->script, part_said(m), m->response_id, m->delta);
}

static void on_sign(struct session *s, const struct realtime_msg *m)
{
	(void)m;
	turn_sign(&s->turn, session_now(s));
}

/* The greeting came to nothing and will not be asked for again: the caller speaks first. */
static void greeting_without_words(struct session *s, const struct realtime_msg *m)
{
	if (s->greeting == GREETING_ASKED && span_is(m->response_id, s->greeting_response) && s->turn.wanted == TURN_NOTHING)
		caller_greeting_over(s);
}

static void on_response_done(struct session *s, const struct realtime_msg *m)
{
	static const char *const words[] = {
		[RS_NONE] = "unknown", [RS_COMPLETED] = "completed", [RS_CANCELLED] = "cancelled", [RS_INCOMPLETE] = "incomplete", [RS_FAILED] = "failed",
	};
	bool spoke = s->turn.spoke;

	playback_response_done(&s->play, m->response_id);
	transcript_response_over(&s->script, m->response_id);
	turn_done(&s->turn, m, session_now(s));
	if (m->response.has_usage)
		transcript_usage(&s->script, span_z(model_upstream(s)->model), m->response.usage);
	session_note(s, "response.done", SPAN_NONE, m->response_id, m->response.status == RS_FAILED ? sayable(m) : SPAN_NONE, "{\"status\":\"%s\"}",
	             words[m->response.status]);
	session_save_numbers(s);
	greeting_without_words(s, m);
	tooling_response_over(s, m, spoke);
	if (m->response.status == RS_FAILED && realtime_fault(m) == RF_HOPELESS)
		model_lost(s, UE_HOPELESS, sayable(m));
	caller_pump(s);
	model_ask_next(s);
}

static void on_item_done(struct session *s, const struct realtime_msg *m)
{
	turn_sign(&s->turn, session_now(s));
	tooling_item(s, m);
}

typedef void on_type(struct session *s, const struct realtime_msg *m);

static on_type *const handlers[RT_TYPES] = {
	[RT_SESSION_CREATED] = on_created,     [RT_SESSION_UPDATED] = on_updated,   [RT_ERROR] = on_error,
	[RT_SPEECH_STARTED] = on_speech,       [RT_SPEECH_STOPPED] = on_speech_over,
	[RT_HEARD_DELTA] = on_heard_delta,     [RT_HEARD_DONE] = on_heard,          [RT_HEARD_FAILED] = on_heard_failed,
	[RT_RESPONSE_CREATED] = on_response,   [RT_RESPONSE_DONE] = on_response_done,
	[RT_ITEM_ADDED] = on_sign,             [RT_ITEM_DONE] = on_item_done,
	[RT_ADDED_DONE] = mcp_item,            [RT_MCP_BEGUN] = mcp_event,          [RT_MCP_OVER] = mcp_event,
	[RT_MCP_NO_TOOLS] = mcp_event,
	[RT_AUDIO_DELTA] = on_audio,           [RT_AUDIO_DONE] = on_audio_done,
	[RT_WORDS_DELTA] = on_words_delta,     [RT_WORDS_DONE] = on_words,
};

/* Only what configures it may come before it is configured. */
static bool is_early(const struct realtime_msg *m)
{
	return m->type == RT_SESSION_CREATED || m->type == RT_SESSION_UPDATED || m->type == RT_ERROR;
}

static void dispatch(struct session *s, const struct realtime_msg *m)
{
	int64_t from_us = m->type == RT_AUDIO_DELTA ? clock_us() : 0;

	if (m->type != RT_AUDIO_DELTA)           /* whose audio is yet to be read */
		s->bad_model_row = 0;
	if (m->type == RT_UNKNOWN) {
		session_count(s, M_MODEL_UNKNOWN, 1);
		if (s->unknown_model++ == 0)
			log_info("model.unknown_event", "type=%s", log_q(m->name));
	}
	if (!handlers[m->type] || (!upstream_ready(&s->up) && !is_early(m)))
		return;
	handlers[m->type](s, m);
	if (from_us && s->ops.metrics.observe)
		s->ops.metrics.observe(s->ctx, M_DELAY_DOWN, (uint64_t)(clock_us() - from_us));
}

void model_message(struct session *s, struct span text)
{
	struct realtime_msg m;

	if (realtime_parse(&s->rp, text, &m) == ERR_OK)
		dispatch(s, &m);
	else
		unreadable(s);
	realtime_parser_fini(&s->rp);
}
