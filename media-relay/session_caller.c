/* session_caller - the caller's side: what they say, press and hear. */
#include "base/b64.h"
#include "base/clock.h"
#include "base/log.h"
#include "media-relay/session_impl.h"

#define ECHO_MS 2000
#define SILENCE_MAX 4096

/* --- what the caller hears --- */

void caller_pump(struct session *s)
{
	uint64_t before = s->play.frames;
	bool first = s->play.first_sent_ms < 0;

	playback_pump(&s->play, session_now(s));
	session_count(s, M_FRAMES_DOWN, s->play.frames - before);
	if (first && s->play.first_sent_ms >= 0 && s->setup->greeting_create && s->stream_ms == s->connected_ms)
		session_observe_ms(s, M_FIRST_AUDIO, s->play.first_sent_ms - s->stream_ms);
}

void caller_greeting_over(struct session *s)
{
	struct call_changes c = call_changes_none();
	const char *update = s->setup->upstreams[upstream_which(&s->up)].greeted_update;

	if (s->greeting == GREETING_OVER)
		return;
	s->greeting = GREETING_OVER;
	c.greeted = 1;
	s->ops.save_call(s->ctx, &c, false);
	if (s->turn.greeting_protected && update && upstream_ready(&s->up))
		model_send(s, span_z(update));
	turn_greeting_over(&s->turn);
}

void caller_truncate(struct session *s, struct span item, int64_t content_index, int64_t heard_ms)
{
	struct truncation *t = &s->truncations[s->truncations_n++ % TRUNCATIONS];
	struct buf msg = BUF_INIT;

	realtime_truncate(&msg, model_event_id(s, 't', t->id), item, content_index, heard_ms);
	model_send_buf(s, &msg);
	t->content_index = content_index;
	if (!span_copy(t->item, sizeof t->item, item))
		t->id[0] = '\0';
}

/* `clear` has gone out already. Of items of a connection that is gone its successor is told by history_amend. */
static void tell_cut(struct session *s, const struct playback_cut *c)
{
	transcript_cut(&s->script, (struct part){ c->item, c->content_index }, c->heard_ms, c->came_ms);
	session_note(s, "barge_in", c->item, SPAN_NONE, SPAN_NONE, "{\"heard_ms\":%lld,\"came_ms\":%lld}", (long long)c->heard_ms, (long long)c->came_ms);
	if (upstream_ready(&s->up) && !c->orphan && !tooling_is_filler(s, c->item))
		caller_truncate(s, c->item, c->content_index, c->heard_ms);
}

static void cancel(struct session *s, struct span response)
{
	struct buf msg = BUF_INIT;
	char id[16];

	if (!response.p || !upstream_ready(&s->up))
		return;
	realtime_cancel(&msg, model_event_id(s, 'c', id), response);
	model_send_buf(s, &msg);
}

void caller_barge_in(struct session *s, bool by_key)
{
	if (turn_may_cut(&s->turn))
		caller_cut(s, by_key);
}

void caller_cut(struct session *s, bool by_key)
{
	struct playback_cut cuts[PLAYBACK_ITEMS];
	bool unheard = playback_unheard(&s->play, session_now(s));
	struct span response;
	unsigned n;

	barge_in_over(&s->barge);
	n = unheard ? playback_cut(&s->play, session_now(s), cuts) : 0;
	response = by_key ? turn_cancel(&s->turn) : SPAN_NONE;
	if (by_key)
		cancel(s, response);
	playback_kill(&s->play, turn_was_cut(&s->turn));
	for (unsigned i = 0; i < n; i++)
		tell_cut(s, &cuts[i]);
	barge_session_forget(s);
	if (n) {
		s->script.barge_ins++;
		session_count(s, M_BARGE_INS, 1);
		log_info("call.barge_in", "items=%u heard_ms=%lld", n, (long long)cuts[0].heard_ms);
	}
	if (s->greeting == GREETING_BEGUN && (n || s->turn.cut))
		caller_greeting_over(s);
}

/* --- the stream --- */

static void stream_started(struct session *s)
{
	struct call_changes c = call_changes_none();

	c.stream_sid = s->stream_sid;
	c.streams_add = 1;
	c.resume = c.handover = "";
	c.status = "connected";
	if (!s->ever_streamed && !s->setup->resumed)
		c.connected_at = s->ops.wall_ms(s->ctx);
	transcript_changes(&s->script, &c);
	s->ops.save_call(s->ctx, &c, false);
	session_note(s, "stream.started", SPAN_NONE, SPAN_NONE, SPAN_NONE, "{\"stream_sid\":\"%s\"}", s->stream_sid);
	log_info("stream.start", "stream=%s", s->stream_sid);
}

void caller_start(struct session *s, struct span stream_sid)
{
	int64_t now = session_now(s);
	bool again = s->caller_open && stream_sid.p == s->stream_sid;      /* it started while the record was loaded */

	if (!again && !span_copy(s->stream_sid, sizeof s->stream_sid, stream_sid))
		s->stream_sid[0] = '\0';
	s->caller_open = true;
	s->resume = "";
	s->stream_ms = s->active_ms = now;
	if (!s->ever_streamed)
		s->connected_ms = now;
	limits_session_connected(s);
	stream_started(s);
	s->ever_streamed = true;
	if (!again)
		uplink_stream(&s->uplink, now);
	taping_stream(s);
	s->keypad = (struct keypad){ .n = 0 };
	playback_stream(&s->play, span_z(s->stream_sid));
	upstream_caller(&s->up, true, now);
	model_want(s);
	tooling_flush(s);
	tooling_machine_known(s);
	if (s->state == SS_TALK)
		caller_pump(s);
}

static void malformed(struct session *s, enum stream_type kind)
{
	s->bad_caller++;
	session_count(s, M_CALLER_MALFORMED, 1);
	if (!(s->bad_kinds & 1u << kind))
		log_warn("stream.malformed", "kind=%u", (unsigned)kind);
	s->bad_kinds |= 1u << kind;
	if (s->bad_caller < MALFORMED_MAX)
		return;
	s->bad_caller = 0;
	s->ops.close(s->ctx, LEG_CALLER, 1008, SPAN("malformed messages"));
	if (s->state == SS_TALK)
		session_lost(s, SPAN("malformed messages"));
}

/* While secret keys are pressed the model hears silence of the same length; of a longer frame the rest becomes a hole, which is silence too. */
static struct span sound_of(const struct session *s, struct span payload, char room[SILENCE_MAX])
{
	if (!tooling_deaf(s) || payload.n % 4)
		return payload;
	payload = span_head(payload, SILENCE_MAX);
	memset(room, '/', payload.n);            /* 0xFF in base64 */
	if (payload.n && payload.p[payload.n - 1] == '=')
		memcpy(room + payload.n - 4, payload.p[payload.n - 2] == '=' ? "/w==" : "//8=", 4);
	return span_of(room, payload.n);
}

static void listen_for_echo(struct session *s, struct span payload)
{
	uint8_t audio[3 * AUDIO_FRAME];
	size_t n;

	if (b64_decode(audio, sizeof audio, span_head(payload, sizeof audio / 3 * 4), &n))
		echo_heard(&s->echo, session_now(s), audio, n);
}

static void on_media(struct session *s, const struct stream_msg *m)
{
	int64_t from_us = clock_us();
	uint64_t sent = s->uplink.sent, dropped = s->uplink.dropped;
	char room[SILENCE_MAX];

	if (uplink_frame(&s->uplink, sound_of(s, m->payload, room), m->timestamp_ms, session_now(s)) == ERR_SYNTAX) {
		malformed(s, ST_MEDIA);
		return;
	}
	listen_for_echo(s, m->payload);
	taping_media(s, m);
	session_count(s, M_FRAMES_UP, (s->uplink.sent - sent) / AUDIO_FRAME);
	session_count(s, M_FRAMES_DROPPED, (s->uplink.dropped - dropped + AUDIO_FRAME - 1) / AUDIO_FRAME);
	if (s->uplink.sent > sent && s->ops.metrics.observe)
		s->ops.metrics.observe(s->ctx, M_DELAY_UP, (uint64_t)(clock_us() - from_us));
}

/* --- the keypad --- */

static void give_keys(struct session *s, struct span text)
{
	transcript_keys(&s->script, text);
	session_note(s, "dtmf", SPAN_NONE, SPAN_NONE, SPAN_NONE, NULL);
	if (s->notes.n)
		buf_addc(&s->notes, ' ');
	buf_add(&s->notes, text);
	s->last_word_ms = s->active_ms = session_now(s);
	caller_keys_flush(s);
}

void caller_keys_flush(struct session *s)
{
	struct buf msg = BUF_INIT;
	char id[16];

	if (!s->notes.n || !upstream_ready(&s->up))
		return;
	realtime_user_text(&msg, model_event_id(s, 'i', id), buf_span(&s->notes));
	model_send_buf(s, &msg);
	buf_reset(&s->notes);
	if (!limits_over(&s->limits))
		turn_want(&s->turn, TURN_ANSWER, session_now(s));
	model_tick(s);
}

static void on_digit(struct session *s, char digit)
{
	char text[KEYPAD_TEXT];

	s->active_ms = session_now(s);
	limits_session_words(s);
	if (keypad_is_end(&s->tool.keys, digit, session_now(s)))
		return;
	tooling_caller_spoke(s);
	caller_barge_in(s, true);
	if (tooling_key(s, digit))
		return;
	if (keypad_press(&s->keypad, digit, session_now(s), text))
		give_keys(s, span_z(text));
}

/* --- messages --- */

static void on_message(struct session *s, const struct stream_msg *m)
{
	switch (m->type) {
	case ST_MEDIA: on_media(s, m); break;
	case ST_MARK:
		playback_mark(&s->play, m->name, session_now(s));
		caller_pump(s);
		break;
	case ST_DTMF: on_digit(s, m->digit.p[0]); break;
	case ST_STOP:
		session_note(s, "stream.stopped", SPAN_NONE, SPAN_NONE, SPAN_NONE, NULL);
		session_end(s, END_CALLER_HANGUP, "hangup", NULL);
		break;
	case ST_START: malformed(s, ST_START); break;
	case ST_CONNECTED:
	case ST_UNKNOWN: break;
	}
}

/* While the record is loaded only audio is kept; nobody speaks to the caller yet, so nothing else can matter but its end. */
static void while_loading(struct session *s, const struct stream_msg *m)
{
	if (m->type == ST_MEDIA)
		on_media(s, m);
	else if (m->type == ST_STOP)
		s->early_end = END_CALLER_HANGUP;
}

void caller_message(struct session *s, struct span msg)
{
	struct stream_msg m;

	if (stream_parse(&s->sp, msg, &m) != ERR_OK || (m.stream_sid.p && m.type != ST_UNKNOWN && !span_is(m.stream_sid, s->stream_sid)))
		malformed(s, ST_UNKNOWN);
	else if (s->state == SS_LOAD)
		while_loading(s, &m);
	else
		on_message(s, &m);
	stream_parser_fini(&s->sp);
}

/* A phone that echoes no marks must not keep the greeting protected for ever. */
static void greeting_tick(struct session *s)
{
	int64_t now = session_now(s);

	if (s->greeting == GREETING_BEGUN && !s->turn.active[0] && !playback_unheard(&s->play, now) && now > playback_end_ms(&s->play) + ECHO_MS)
		caller_greeting_over(s);
}

void caller_tick(struct session *s)
{
	char text[KEYPAD_TEXT];
	uint64_t sent = s->uplink.sent;

	uplink_tick(&s->uplink, session_now(s), s->turn.speech);
	session_count(s, M_FRAMES_UP, (s->uplink.sent - sent) / AUDIO_FRAME);
	if (keypad_tick(&s->keypad, session_now(s), text))
		give_keys(s, span_z(text));
	prompt_tick(s);
	barge_session_tick(s);
	caller_pump(s);
	greeting_tick(s);
	attach_session_heard(s);
	taping_tick(s);
}
