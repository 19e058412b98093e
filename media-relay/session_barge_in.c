/* session_barge_in - does the caller interrupt? By speech, by speech that must prove to be some, and not by our own echo. */
#include "base/log.h"
#include "media-relay/session_impl.h"

void barge_session_init(struct session *s)
{
	const struct setup *set = s->setup;

	barge_in_init(&s->barge, set->resume_false_barge_in, set->barge_in_min_speech_ms, set->vad && set->vad_interrupt, set->transcription);
	s->play.echo = &s->echo;
}

/* The model answers nothing by itself then; behind a goodbye that stands nobody does. */
static void answer(struct session *s)
{
	if (!s->setup->vad_create || limits_over(&s->limits))
		return;
	attach_speech_over(&s->attach, true);
	turn_want(&s->turn, TURN_ANSWER, session_now(s));
	model_ask_next(s);
}

static void confirm(struct session *s)
{
	tooling_caller_spoke(s);
	caller_barge_in(s, true);
	barge_session_forget(s);                 /* a limit may have been reached meanwhile: its goodbye is not cut, and must not wait */
	session_note(s, "barge_in.confirmed", SPAN_NONE, SPAN_NONE, SPAN_NONE, NULL);
	if (!s->turn.speech)
		answer(s);
}

static bool answers(const struct session *s)
{
	return s->turn.active[0] || s->turn.asked != TURN_NOTHING || playback_unheard(&s->play, session_now(s));
}

static void doubt(struct session *s, struct span item)
{
	int64_t now = session_now(s);

	barge_in_speech(&s->barge, item, now);
	if (s->barge.mode == BARGE_HOLD)
		session_note(s, "barge_in.held", SPAN_NONE, SPAN_NONE, SPAN_NONE, "{\"unheard_ms\":%lld}", (long long)playback_hold(&s->play, now));
}

static void speech(struct session *s, struct span item)
{
	if (s->barge.mode == BARGE_PLAIN) {
		tooling_caller_spoke(s);
		caller_barge_in(s, false);
	} else if (turn_may_cut(&s->turn) && answers(s)) {
		doubt(s, item);
	} else {
		tooling_caller_spoke(s);
	}
}

void barge_session_speech(struct session *s, struct span item)
{
	s->echo_item[0] = '\0';
	if (!echo_is(&s->echo, session_now(s)) || !playback_unheard(&s->play, session_now(s))) {
		speech(s, item);
		return;
	}
	if (!span_copy(s->echo_item, sizeof s->echo_item, item))
		span_copy(s->echo_item, sizeof s->echo_item, SPAN("?"));
	session_note(s, "barge_in.echo", item, SPAN_NONE, SPAN_NONE, NULL);
	log_info("call.echo", "item=%s", s->echo_item);
}

void barge_session_speech_over(struct session *s, struct span item, int64_t silence_ms)
{
	bool echo = s->echo_item[0] != '\0';

	s->echo_item[0] = '\0';
	if (s->barge.mode == BARGE_PLAIN) {
		if (s->setup->vad_create)
			turn_expects_answer(&s->turn);
		attach_speech_over(&s->attach, s->setup->vad_create);
		return;
	}
	if (barge_in_speech_over(&s->barge, silence_ms, session_now(s)) == BARGE_CONFIRMED)
		confirm(s);
	else if (!echo && !barge_in_asked(&s->barge, item))
		answer(s);
	else
		attach_speech_over(&s->attach, false);
}

void barge_session_words(struct session *s, struct span item, struct span words)
{
	if (barge_in_words(&s->barge, item, words) == BARGE_CONFIRMED)
		confirm(s);
}

void barge_session_forget(struct session *s)
{
	barge_in_over(&s->barge);
	s->echo_item[0] = '\0';
	if (s->play.held)
		playback_go_on(&s->play, session_now(s));
}

static void false_alarm(struct session *s)
{
	playback_go_on(&s->play, session_now(s));
	session_note(s, "barge_in.false", SPAN_NONE, SPAN_NONE, SPAN_NONE, NULL);
	log_info("call.barge_in_false", NULL);
}

/* What began as an echo may be a caller who has come closer since. */
static void echo_tick(struct session *s)
{
	char item[TURN_ID];

	if (!s->echo_item[0] || !s->turn.speech || !echo_outdone(&s->echo, session_now(s)))
		return;
	memcpy(item, s->echo_item, sizeof item);
	s->echo_item[0] = '\0';
	speech(s, span_z(item));
}

void barge_session_tick(struct session *s)
{
	echo_tick(s);
	switch (barge_in_tick(&s->barge, session_now(s))) {
	case BARGE_NOTHING:   break;
	case BARGE_CONFIRMED: confirm(s); break;
	case BARGE_FALSE:     false_alarm(s); break;
	}
}
