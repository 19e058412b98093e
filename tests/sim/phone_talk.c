/*
 * phone_talk - the caller's side of the conversation: listens until the agent has spoken and been silent for a while, then says the next
 * line; or breaks in; and hangs up behind the last answer. Decides on what was really played, not on what has arrived.
 */
#include "base/clock.h"
#include "phone.h"
#include "wav.h"

#define GREETING_MS  5000            /* so long the caller waits for the agent to speak first */
#define KEY_MS       160
#define FRAME_US     (FRAME_MS * 1000)

static const struct plan_line *line_now(const struct call *c)
{
	return c->talk.line < c->ph->plan->n_lines ? &c->ph->plan->lines[c->talk.line] : NULL;
}

static struct talk_turn *last_turn(struct call *c)
{
	return c->talk.n_turns ? &c->talk.turns[c->talk.n_turns - 1] : NULL;
}

/* --- what the agent does --- */

static void agent_begins(struct call *c, int64_t from_us)
{
	struct talk *t = &c->talk;
	struct talk_turn *turn = last_turn(c);

	t->agent_on = true;
	t->agent_from_us = from_us;
	phone_say(c, "agent", "begins to speak");
	if (!turn && !t->greeted) {
		t->greeted = true;
		t->greeting_us = from_us;
	}
}

/* Where bytes are counted that belong to the answer before the line that is being said; what the caller breaks into goes on until it is cut. */
static uint64_t *answer_before(struct talk *t)
{
	return t->n_turns > 1 ? &t->turns[t->n_turns - 2].heard_bytes : &t->greeting_bytes;
}

/* An answer is what is heard after the caller's last word, and after a cut. */
void phone_talk_heard(struct call *c, int64_t from_us, size_t bytes)
{
	struct talk *t = &c->talk;
	struct talk_turn *turn = last_turn(c);

	if (!t->agent_on)
		agent_begins(c, from_us);
	t->heard_us = from_us + (int64_t)bytes * 125;
	if (!turn || (!turn->end_us && !turn->cleared))
		*answer_before(t) += bytes;
	if (!turn || !turn->end_us || from_us < turn->end_us || !c->ph->plan->lines[turn->line].answer)
		return;
	if (!turn->answered) {
		turn->answered = true;
		turn->answer_us = from_us;
	}
	turn->heard_bytes += bytes;
}

void phone_talk_cleared(struct call *c, int64_t now_us, size_t bytes)
{
	struct talk_turn *turn = last_turn(c);

	if (bytes == 0)
		return;
	phone_words(c, true);
	phone_say(c, "agent", "is cut, %zu ms were waiting", bytes / 8);
	c->talk.agent_on = false;
	if (!turn || turn->cleared)
		return;
	turn->cleared = true;
	turn->clear_us = now_us;
	*answer_before(&c->talk) += turn->heard_bytes;      /* what was heard so far belonged to the answer before */
	turn->answered = false;
	turn->heard_bytes = 0;
}

static bool agent_silent_for(const struct call *c, const struct stream *s, int64_t now_us, int64_t ms)
{
	return !s->q.playing && now_us - c->talk.heard_us >= ms * 1000;
}

static void agent_watch(struct call *c, const struct stream *s, int64_t now_us)
{
	struct talk *t = &c->talk;

	if (!t->agent_on || !agent_silent_for(c, s, now_us, c->ph->plan->quiet_ms))
		return;
	t->agent_on = false;
	phone_words(c, true);
	phone_say(c, "agent", "has finished after %.2f s", (double)(t->heard_us - t->agent_from_us) / 1e6);
}

/* --- when to speak --- */

static bool answer_done(const struct call *c)
{
	const struct talk *t = &c->talk;
	const struct talk_turn *turn = t->n_turns ? &t->turns[t->n_turns - 1] : NULL;

	return turn ? turn->answered : t->greeted;
}

static int64_t answer_began(struct call *c)
{
	struct talk_turn *turn = last_turn(c);

	return turn ? turn->answer_us : c->talk.greeting_us;
}

static bool gave_up(struct call *c, int64_t now_us)
{
	int64_t limit = c->talk.n_turns == 0 && c->talk.line == 0 ? GREETING_MS : c->ph->plan->patience_ms;

	if (now_us - c->talk.since_us < limit * 1000)
		return false;
	if (c->talk.line)
		phone_call_problem(c, "no answer to line %u within %.1f s", c->talk.line, (double)limit / 1000);
	return true;
}

/* Is it time for the next line, or for the end? */
static bool due(struct call *c, const struct stream *s, int64_t now_us)
{
	const struct plan_line *l = line_now(c);

	if (l && l->after_ms != FIELD_NULL_INT)
		return now_us - c->talk.since_us >= l->after_ms * 1000;
	if (l && l->interrupt_ms != FIELD_NULL_INT && answer_done(c))
		return now_us - answer_began(c) >= l->interrupt_ms * 1000;
	if (c->talk.no_answer)
		return agent_silent_for(c, s, now_us, c->ph->plan->quiet_ms);
	if (answer_done(c))
		return agent_silent_for(c, s, now_us, c->ph->plan->quiet_ms);
	return gave_up(c, now_us);
}

static void begin(struct call *c, const struct stream *s, const struct plan_line *l, int64_t now_us)
{
	struct talk *t = &c->talk;
	struct talk_turn *turn = &t->turns[t->n_turns++];

	*turn = (struct talk_turn){ .line = t->line, .begin_us = now_us, .voice_us = now_us + (int64_t)l->voice_from * 1000, .interrupts = s->q.playing };
	t->state = TK_SPEAK;
	t->offset = 0;
	t->last_key_us = 0;
	if (l->kind == PK_SAY)
		phone_say(c, "caller", "%s\"%s\"", turn->interrupts ? "breaks in: " : "", l->say ? l->say : l->play ? l->play : "(noise)");
	else if (l->kind == PK_DTMF)
		phone_say(c, "caller", "presses %s", l->dtmf);
	else if (l->kind == PK_PATTERN)
		phone_say(c, "caller", "sends %.0f s of numbered frames", l->pattern);
}

static void ended(struct call *c, int64_t end_us)
{
	struct talk *t = &c->talk;

	t->turns[t->n_turns - 1].end_us = end_us;
	t->state = TK_LISTEN;
	t->no_answer = !c->ph->plan->lines[t->line++].answer;
	t->since_us = clock_us();
}

/* --- what is said --- */

static void speak_audio(struct call *c, const struct plan_line *l, uint8_t out[FRAME_BYTES])
{
	struct talk *t = &c->talk;
	struct talk_turn *turn = &t->turns[t->n_turns - 1];
	struct span rest = span_head(span_skip(l->audio, t->offset), FRAME_BYTES);

	memcpy(out, rest.p, rest.n);
	t->offset += FRAME_BYTES;
	if (t->offset >= l->audio.n)
		ended(c, turn->begin_us + (int64_t)l->voice_to * 1000);
}

static void speak_pattern(struct call *c, const struct plan_line *l, uint8_t out[FRAME_BYTES])
{
	struct talk *t = &c->talk;
	uint64_t frames = (uint64_t)(l->pattern * 1000 / FRAME_MS);

	pattern_frame(out, PATTERN_SEED(c->number, PATTERN_PHONE), (uint32_t)t->pattern++, clock_us());
	if (++t->offset >= (frames ? frames : 1))
		ended(c, clock_us());
}

static void speak_keys(struct call *c, struct stream *s, const struct plan_line *l, int64_t now_us)
{
	struct talk *t = &c->talk;

	if (t->last_key_us && now_us - t->last_key_us < KEY_MS * 1000)
		return;
	t->last_key_us = now_us;
	phone_stream_key(s, l->dtmf[t->offset++]);
	if (!l->dtmf[t->offset])
		ended(c, now_us);
}

static void speak(struct call *c, struct stream *s, int64_t now_us, uint8_t out[FRAME_BYTES])
{
	const struct plan_line *l = line_now(c);
	const struct talk_turn *turn = last_turn(c);

	switch (l->kind) {
	case PK_SAY:
		speak_audio(c, l, out);
		break;
	case PK_PATTERN:
		speak_pattern(c, l, out);
		break;
	case PK_DTMF:
		speak_keys(c, s, l, now_us);
		break;
	case PK_SILENCE:
		if (now_us - turn->begin_us >= l->silence * 1000)
			ended(c, now_us);
		break;
	case PK_HANGUP:
		break;
	}
}

static void hark(struct call *c, struct stream *s, int64_t now_us)
{
	const struct plan_line *l = line_now(c);

	if (!c->talk.since_us)
		c->talk.since_us = s->start_us;
	if (!due(c, s, now_us))
		return;
	if (!l || l->kind == PK_HANGUP) {
		c->talk.state = TK_OVER;
		phone_call_hang_up(c);
		return;
	}
	begin(c, s, l, now_us);
}

void phone_talk_frame(struct call *c, struct stream *s, int64_t now_us, uint8_t out[FRAME_BYTES])
{
	memset(out, WAV_SILENCE, FRAME_BYTES);
	agent_watch(c, s, now_us);
	if (c->talk.state == TK_LISTEN)
		hark(c, s, now_us);
	if (c->talk.state == TK_SPEAK)
		speak(c, s, now_us, out);
}
