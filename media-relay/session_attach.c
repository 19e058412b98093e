/* session_attach - a new model connection in a conversation that goes on: what it is told, what it is given to hear, and what it is asked for (contract M4). */
#include <stdlib.h>

#include "base/log.h"
#include "media-relay/session_impl.h"

#define BEGUN_CHARS 20                   /* of an answer: what can be said in a second */
#define NOTICED_MS 4000                  /* by then replayed speech has been noticed, or was none */

static const char why[] =
	"The line to you was interrupted for a moment and is there again. This is the call so far; of your own words it shows what the caller "
	"has heard. Do not greet the caller again.";
static const char lost[] = "What the caller said just now was lost on the line: say so in a few words and ask them to say it again.";

static void send(void *ctx, struct buf *msg)
{
	model_send_buf(ctx, msg);
}

/* --- the connection goes --- */

static bool is_unfinished(const struct session *s)
{
	for (unsigned i = 0; i < s->play.items_n; i++)
		if (!s->play.items[i].complete)
			return true;
	return false;
}

void attach_session_lost(struct session *s)
{
	bool was = upstream_ready(&s->up);

	for (unsigned i = 0; was && i < s->play.items_n; i++) {
		const struct playback_item *it = &s->play.items[i];

		if (!it->complete)
			transcript_broken(&s->script, part_of(it), (int64_t)(it->came / AUDIO_BYTES_MS));
	}
	if (was && s->play.held && !s->turn.active[0])
		attach_speech_over(&s->attach, true);            /* whether it was an interruption is for the next one to find out */
	if (was)
		attach_lost(&s->attach, &s->turn, is_unfinished(s));
	history_gone(&s->history);
}

/* --- another is there --- */

static void words_are_lost(struct session *s)
{
	struct buf msg = BUF_INIT;
	char id[16];

	if (!s->attach.words_lost)
		return;
	s->attach.words_lost = false;
	realtime_message(&msg, model_event_id(s, 'i', id), SPAN_NONE, SPAN_NONE, RR_SYSTEM, span_z(lost));
	model_send_buf(s, &msg);
}

static void replay(struct session *s)
{
	if (s->turn.wanted == TURN_ANSWER)
		s->turn.wanted = TURN_NOTHING;                   /* its sound brings the answer */
	transcript_unheard(&s->script, span_z(s->attach.item));
	uplink_rewind(&s->uplink, s->attach.from);
	attach_replays(&s->attach, s->uplink.sent, session_now(s) + NOTICED_MS);
}

/* Keys and notes that waited for a model are in the history too. */
static void ask(struct session *s)
{
	bool keys = s->notes.n > 0;

	buf_reset(&s->notes);
	buf_reset(&s->tool.told);
	switch (attach_found(&s->attach)) {
	case AN_REPLAY:   replay(s); break;
	case AN_CONTINUE: turn_want(&s->turn, TURN_CONTINUE, session_now(s)); break;
	case AN_ANSWER:   turn_want(&s->turn, TURN_ANSWER, session_now(s)); break;
	case AN_NOTHING:  break;
	}
	if (keys)
		turn_want(&s->turn, TURN_ANSWER, session_now(s));
}

void attach_session_found(struct session *s)
{
	transcript_share(&s->script);
	if (!history_empty(&s->history))
		history_give(&s->history, span_z(why), send, s);
	words_are_lost(s);
	ask(s);
	log_info("model.rebuilt", "turns=%u", s->history.n + s->history.before);
	session_note(s, "model.rebuilt", SPAN_NONE, SPAN_NONE, SPAN_NONE, "{\"turns\":%u}", s->history.n + s->history.before);
}

/* An answer that was begun, and of which nothing more is known, was heard for less than the second after which more would be. */
static void remember(struct session *s, const struct turn *u)
{
	struct turn part = *u;
	struct span text = span_head(span_z(u->text), BEGUN_CHARS);

	if (!span_is(span_z(u->role), "assistant") || u->completed_at != FIELD_NULL_INT || u->heard_ms != FIELD_NULL_INT) {
		history_turn(&s->history, u);
		return;
	}
	if (text.n == BEGUN_CHARS)
		while (text.n && text.p[text.n - 1] != ' ')
			text.n--;
	part.text = span_dup(span_trim(text));
	history_turn(&s->history, &part);
	free(part.text);
}

/* The relay that had this call is gone: what it has stored is what is known. */
void attach_session_took_over(struct session *s)
{
	static const enum attach_need needs[] = { [HE_SILENT] = AN_NOTHING, [HE_ASKED] = AN_ANSWER, [HE_BROKEN] = AN_CONTINUE };
	const struct setup *set = s->setup;

	for (size_t i = 0; i < set->past_n; i++)
		remember(s, &set->past[i]);
	s->attach.need = needs[history_end(&s->history)];
	s->attach.words_lost = set->words_lost;
	if (set->words_lost)
		s->attach.need = AN_ANSWER;
}

/* --- while it talks --- */

/* By what the phone has proven. */
void attach_session_heard(struct session *s)
{
	for (unsigned i = 0; i < s->play.items_n; i++) {
		const struct playback_item *it = &s->play.items[i];

		if (it->acked_ms >= TRANSCRIPT_PROGRESS_MS)
			transcript_progress(&s->script, part_of(it), it->acked_ms, (int64_t)(it->came / AUDIO_BYTES_MS));
	}
}

void attach_session_amend(struct session *s)
{
	history_amend(&s->history, send, s);
}

void attach_session_speech(struct session *s, const struct realtime_msg *m)
{
	attach_speech(&s->attach, m->item_id, uplink_place(&s->uplink, m->at_ms));
	uplink_hold(&s->uplink, true);
}

void attach_session_tick(struct session *s)
{
	if (s->uplink.hold && !s->attach.item[0])
		uplink_hold(&s->uplink, false);
	if (attach_must_ask(&s->attach, session_now(s)))
		turn_want(&s->turn, TURN_ANSWER, session_now(s));
	attach_session_amend(s);
}
