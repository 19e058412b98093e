/*
 * session - the life of a call as one table. How it ends is in session_end.c, what the caller says and hears in session_caller.c, the model's connection in
 * session_model.c and what it says in session_message.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "media-relay/session_impl.h"

#define BIT(x) (1u << (x))
#define NEXTS   (BIT(EV_NEXT_MESSAGE) | BIT(EV_NEXT_CLOSED))
#define MODELS  (BIT(EV_MODEL_OPEN) | BIT(EV_MODEL_MESSAGE) | BIT(EV_MODEL_CLOSED) | BIT(EV_MODEL_WRITABLE) | NEXTS)
#define CALLERS (BIT(EV_CALLER_START) | BIT(EV_CALLER_MESSAGE) | BIT(EV_CALLER_CLOSED) | BIT(EV_CALLER_WRITABLE))
#define ENDS    (BIT(EV_STATUS_FINAL) | BIT(EV_HANGUP) | BIT(EV_SHUTDOWN))
#define TOOLS   (BIT(EV_TOOL) | BIT(EV_RETURNED) | BIT(EV_MACHINE))
#define ALWAYS  (BIT(EV_TICK) | BIT(EV_ANNOUNCED) | BIT(EV_STREAM_ERROR) | BIT(EV_DRAIN))

#define LOAD_MS  10000                  /* the store thread may be replaced meanwhile */
#define WAIT_MS  130000                 /* a ticket lives 120 s, then its stream has 10 s to start */
#define LOST_MS  30000
#define AWAY_MS  75000                  /* longer than a <Dial> rings: who is not back by then is talking to somebody */
#define SAVE_MS  5000                   /* an outcome that cannot be stored does not keep the line open */
#define CLOSE_MS 5000

typedef void handler(struct session *s, enum session_ev ev, struct span data);
static handler load_on, wait_on, talk_on, away_on, lost_on, save_on, close_on, gone_on;

static const struct state {
	const char *name;
	unsigned in, to;                /* events it takes, states it may become */
	int64_t limit_ms;
	handler *on;
} states[] = {
	[SS_LOAD]  = { "load",  BIT(EV_RECORD) | BIT(EV_NO_RECORD) | BIT(EV_MACHINE) | CALLERS | ENDS | ALWAYS, BIT(SS_WAIT) | BIT(SS_TALK) | BIT(SS_SAVE) | BIT(SS_CLOSE), LOAD_MS, load_on },
	[SS_WAIT]  = { "wait",  BIT(EV_CALLER_START) | BIT(EV_MACHINE) | MODELS | ENDS | ALWAYS, BIT(SS_WAIT) | BIT(SS_TALK) | BIT(SS_SAVE) | BIT(SS_CLOSE), WAIT_MS, wait_on },
	[SS_TALK]  = { "talk",  CALLERS | MODELS | TOOLS | ENDS | ALWAYS, BIT(SS_AWAY) | BIT(SS_LOST) | BIT(SS_SAVE), 0, talk_on },
	[SS_AWAY]  = { "away",  BIT(EV_CALLER_START) | BIT(EV_CALLER_CLOSED) | BIT(EV_OUTCOME_SAVED) | MODELS | TOOLS | ENDS | ALWAYS, BIT(SS_AWAY) | BIT(SS_TALK) | BIT(SS_SAVE), AWAY_MS, away_on },
	[SS_LOST]  = { "lost",  BIT(EV_CALLER_START) | BIT(EV_CALLER_CLOSED) | MODELS | BIT(EV_TOOL) | BIT(EV_MACHINE) | ENDS | ALWAYS, BIT(SS_LOST) | BIT(SS_TALK) | BIT(SS_SAVE), LOST_MS, lost_on },
	[SS_SAVE]  = { "save",  BIT(EV_OUTCOME_SAVED) | BIT(EV_CALLER_CLOSED) | BIT(EV_MODEL_CLOSED) | BIT(EV_NEXT_CLOSED) | BIT(EV_TICK), BIT(SS_CLOSE), SAVE_MS, save_on },
	[SS_CLOSE] = { "close", BIT(EV_CALLER_CLOSED) | BIT(EV_MODEL_CLOSED) | BIT(EV_NEXT_CLOSED) | BIT(EV_TICK), BIT(SS_CLOSE) | BIT(SS_GONE), CLOSE_MS, close_on },
	[SS_GONE]  = { "gone",  0, 0, 0, gone_on },
};
_Static_assert(sizeof states / sizeof *states == SS_COUNT, "a row per state");

static const char *const ev_names[] = {
	[EV_ANNOUNCED] = "announced", [EV_STATUS_FINAL] = "status_final", [EV_STREAM_ERROR] = "stream_error", [EV_HANGUP] = "hangup",
	[EV_SHUTDOWN] = "shutdown", [EV_DRAIN] = "drain", [EV_RECORD] = "record", [EV_NO_RECORD] = "no_record", [EV_OUTCOME_SAVED] = "outcome_saved",
	[EV_CALLER_START] = "caller_start", [EV_CALLER_MESSAGE] = "caller_message", [EV_CALLER_CLOSED] = "caller_closed",
	[EV_CALLER_WRITABLE] = "caller_writable", [EV_MODEL_OPEN] = "model_open", [EV_MODEL_MESSAGE] = "model_message",
	[EV_MODEL_CLOSED] = "model_closed", [EV_MODEL_WRITABLE] = "model_writable", [EV_NEXT_MESSAGE] = "next_message",
	[EV_NEXT_CLOSED] = "next_closed", [EV_TICK] = "tick",
	[EV_TOOL] = "tool", [EV_RETURNED] = "returned", [EV_MACHINE] = "machine",
};
_Static_assert(sizeof ev_names / sizeof *ev_names == EV_COUNT, "a name per event");

void session_become(struct session *s, enum session_state to)
{
	if (!(states[s->state].to & BIT(to)))
		log_error("session.broken", "from=%s to=%s", states[s->state].name, states[to].name);
	s->state = to;
	s->until_ms = states[to].limit_ms ? session_now(s) + states[to].limit_ms : INT64_MAX;
}

static bool time_is_over(const struct session *s)
{
	return session_now(s) >= s->until_ms;
}

/* --- states --- */

static void greeting_begin(struct session *s)
{
	bool greets = s->setup->greeting_create && !s->setup->resumed;

	s->greeting = greets ? GREETING_DUE : GREETING_OVER;
	turn_init(&s->turn, s->setup->vad_interrupt, greets && !s->setup->greeting_interruptible);
}

static void record_came(struct session *s)
{
	const struct setup *set = s->setup;

	transcript_setup(&s->script, set);
	attach_session_took_over(s);
	playback_init(&s->play, &s->play_out, s->ops.pool, set->out, set->playout_lead_ms);
	uplink_format(&s->uplink, set->in, set->uplink_frames);
	taping_setup(s);
	greeting_begin(s);
	barge_session_init(s);
	upstream_init(&s->up, set->upstreams_n);
	upstream_init(&s->next.link, set->upstreams_n);
	next_plan(s, 0);
	tooling_setup(s);
	limits_session_begin(s);
	s->unused_ms = s->active_ms = session_now(s);
	session_note(s, s->again ? "call.announced_again" : "call.announced", SPAN_NONE, SPAN_NONE, SPAN_NONE, NULL);
	if (s->early_end) {
		session_end(s, s->early_end, "hangup", NULL);
		return;
	}
	model_want(s);
	if (!s->caller_open) {
		session_become(s, SS_WAIT);
		return;
	}
	session_become(s, SS_TALK);
	caller_start(s, span_z(s->stream_sid));
}

static void no_record(struct session *s, struct span why)
{
	log_warn("session.no_record", "why=%s", log_q(why));
	s->close_code = 1011;
	session_close_caller(s);
}

/* The stream of a resumed call may be faster than the store. Its audio waits; there is nothing else to wait for yet. */
static void load_on(struct session *s, enum session_ev ev, struct span data)
{
	switch (ev) {
	case EV_RECORD:        record_came(s); break;
	case EV_NO_RECORD:     no_record(s, data); break;
	case EV_CALLER_START:
		s->caller_open = span_copy(s->stream_sid, sizeof s->stream_sid, data);
		uplink_stream(&s->uplink, session_now(s));
		break;
	case EV_CALLER_MESSAGE: caller_message(s, data); break;
	case EV_CALLER_CLOSED: s->caller_open = false; break;
	case EV_STATUS_FINAL:  s->early_end = END_CALLER_HANGUP; break;
	case EV_HANGUP:        s->early_end = END_OPERATOR; break;
	case EV_MACHINE:       tooling_machine(s, data); break;
	case EV_SHUTDOWN:
	case EV_DRAIN:         session_let_go(s); break;
	case EV_TICK:
		if (time_is_over(s))
			no_record(s, SPAN("the store does not answer"));
		break;
	default: break;
	}
}

static void wait_tick(struct session *s)
{
	if (time_is_over(s))
		session_end(s, END_STREAM_FAILED, "fallback", "no stream came");
	else if (session_now(s) - s->unused_ms >= MODEL_UNUSED_MS && s->up.state != US_DOWN)
		model_drop(s);
	else
		model_tick(s);
}

static void wait_on(struct session *s, enum session_ev ev, struct span data)
{
	switch (ev) {
	case EV_CALLER_START:
		session_become(s, SS_TALK);
		caller_start(s, data);
		break;
	case EV_ANNOUNCED:
		s->unused_ms = session_now(s);
		session_become(s, SS_WAIT);
		model_want(s);
		break;
	case EV_STREAM_ERROR:
		session_note(s, "stream.error", SPAN_NONE, SPAN_NONE, data, NULL);
		break;
	case EV_SHUTDOWN:
	case EV_DRAIN:        session_let_go(s); break;
	case EV_STATUS_FINAL:
	case EV_HANGUP:       session_asked_to_end(s, ev, data); break;
	case EV_MACHINE:      tooling_machine(s, data); break;
	case EV_TICK:         wait_tick(s); break;
	default:              model_event(s, ev, data); break;
	}
}

static void stream_error(struct session *s, struct span text)
{
	session_note(s, "stream.error", SPAN_NONE, SPAN_NONE, text, NULL);
	if (s->caller_open)
		s->ops.close(s->ctx, LEG_CALLER, 1011, SPAN(""));
	session_lost(s, text);
}

static void talk_tick(struct session *s)
{
	limits_session_tick(s);
	if (s->state == SS_TALK)
		model_tick(s);
	if (s->state == SS_TALK)
		caller_tick(s);
	if (s->state == SS_TALK)
		tooling_tick(s);
}

static void talk_on(struct session *s, enum session_ev ev, struct span data)
{
	switch (ev) {
	case EV_CALLER_START:                  /* a fresh token took the call over */
		playback_stream_lost(&s->play, session_now(s));
		caller_start(s, data);
		break;
	case EV_CALLER_MESSAGE:  caller_message(s, data); break;
	case EV_CALLER_CLOSED:
		s->caller_open = false;
		session_lost(s, data.n ? data : SPAN("closed without stop"));
		break;
	case EV_CALLER_WRITABLE: caller_pump(s); break;
	case EV_STREAM_ERROR:    stream_error(s, data); break;
	case EV_STATUS_FINAL:
	case EV_HANGUP:
	case EV_SHUTDOWN:        session_asked_to_end(s, ev, data); break;
	case EV_TICK:            talk_tick(s); break;
	case EV_TOOL:            tooling_result(s, data); break;
	case EV_MACHINE:         tooling_machine(s, data); break;
	case EV_RETURNED:        break;
	case EV_ANNOUNCED:
	case EV_DRAIN:           break;        /* a running call finishes */
	default:                 model_event(s, ev, data); break;
	}
}

static void away_on(struct session *s, enum session_ev ev, struct span data)
{
	switch (ev) {
	case EV_CALLER_START:
		session_become(s, SS_TALK);
		caller_start(s, data);
		break;
	case EV_CALLER_CLOSED:   s->caller_open = false; break;
	case EV_ANNOUNCED:       away_comes_back(s); break;
	case EV_RETURNED:        away_returned(s, data); break;
	case EV_TOOL:            tooling_result(s, data); break;
	case EV_STATUS_FINAL:
	case EV_HANGUP:
	case EV_SHUTDOWN:
	case EV_DRAIN:           away_asked(s, ev, data); break;
	case EV_OUTCOME_SAVED:   away_saved(s); break;
	case EV_TICK:
		if (time_is_over(s))
			away_over(s);
		else
			away_tick(s);
		break;
	case EV_STREAM_ERROR:
	case EV_MACHINE:         break;
	default:                 model_event(s, ev, data); break;
	}
}

static void lost_on(struct session *s, enum session_ev ev, struct span data)
{
	switch (ev) {
	case EV_CALLER_START:
		session_become(s, SS_TALK);
		caller_start(s, data);
		break;
	case EV_CALLER_CLOSED:   s->caller_open = false; break;
	case EV_ANNOUNCED:                     /* `continue` connects it again: it has the time of a new call */
		session_become(s, SS_LOST);
		model_want(s);
		break;
	case EV_STATUS_FINAL:
	case EV_HANGUP:          session_asked_to_end(s, ev, data); break;
	case EV_SHUTDOWN:
	case EV_DRAIN:           session_finish(s, END_SHUTDOWN, "resume", NULL, 1001); break;
	case EV_TICK:
		if (time_is_over(s))
			session_end(s, END_STREAM_FAILED, "fallback", "the stream broke and nobody connected it again");
		else
			model_tick(s);
		break;
	case EV_STREAM_ERROR:    break;
	case EV_TOOL:            tooling_result(s, data); break;
	case EV_MACHINE:         tooling_machine(s, data); break;
	default:                 model_event(s, ev, data); break;
	}
}

static void leg_closed(struct session *s, enum session_ev ev)
{
	if (ev == EV_CALLER_CLOSED)
		s->caller_open = false;
	if (ev == EV_MODEL_CLOSED)
		s->model_open = false;
	if (ev == EV_NEXT_CLOSED)
		s->next.open = false;
}

static void save_on(struct session *s, enum session_ev ev, struct span data)
{
	(void)data;
	leg_closed(s, ev);
	if (ev == EV_OUTCOME_SAVED) {
		session_close_caller(s);
	} else if (ev == EV_TICK && time_is_over(s)) {
		log_error("session.outcome_late", "ms=%d", SAVE_MS);
		session_close_caller(s);
	}
}

/* A leg is killed 2 s after its close; should one not say so, it is closed again. */
static void close_on(struct session *s, enum session_ev ev, struct span data)
{
	(void)data;
	leg_closed(s, ev);
	if (ev == EV_TICK && time_is_over(s)) {
		session_become(s, SS_CLOSE);
		if (s->caller_open)
			s->ops.close(s->ctx, LEG_CALLER, s->close_code, SPAN(""));
		if (s->model_open)
			s->ops.close(s->ctx, LEG_MODEL, 1000, SPAN(""));
		if (s->next.open)
			s->ops.close(s->ctx, LEG_NEXT, 1000, SPAN(""));
	}
	session_gone_if_closed(s);
}

static void gone_on(struct session *s, enum session_ev ev, struct span data)
{
	(void)s;
	(void)ev;
	(void)data;
}

void session_event(struct session *s, enum session_ev ev, struct span data)
{
	const struct state *st = &states[s->state];

	if (st->in & BIT(ev))
		st->on(s, ev, data);
	else if (s->ignored++ == 0)
		log_debug("session.ignored", "state=%s event=%s", st->name, ev_names[ev]);
	model_choked(s);
}

/* --- life of the struct --- */

static char *reserve_caller(void *ctx, size_t n)
{
	struct session *s = ctx;

	return s->ops.reserve(s->ctx, LEG_CALLER, n);
}

static void commit_caller(void *ctx, size_t n)
{
	struct session *s = ctx;

	s->ops.commit(s->ctx, LEG_CALLER, n);
}

static char *reserve_model(void *ctx, size_t n)
{
	struct session *s = ctx;

	return s->ops.reserve(s->ctx, LEG_MODEL, n + MODEL_HEADROOM);
}

static void commit_model(void *ctx, size_t n)
{
	struct session *s = ctx;

	s->ops.commit(s->ctx, LEG_MODEL, n);
}

static void first_heard(void *ctx, const struct playback_item *it, int64_t at_ms)
{
	struct session *s = ctx;

	int64_t ms = at_ms > s->last_word_ms ? at_ms - s->last_word_ms : 0;

	transcript_begun(&s->script, part_of(it), session_now(s) - at_ms);
	if (s->last_word_ms < 0 || !it->response[0])                     /* a stored sentence is no answer */
		return;
	transcript_latency(&s->script, part_of(it), s->last_word_ms, it->first_sent_ms, at_ms);
	session_observe_ms(s, M_TURN_LATENCY, ms);
	s->last_word_ms = -1;
}

static void heard(void *ctx, const struct playback_item *it)
{
	struct session *s = ctx;

	transcript_played(&s->script, part_of(it), (int64_t)(it->came / AUDIO_BYTES_MS));
	s->active_ms = session_now(s);
	if (s->greeting == GREETING_BEGUN && strcmp(it->response, s->greeting_response) == 0)
		caller_greeting_over(s);
}

enum err session_new(struct session **out, const struct session_ops *ops, void *ctx, struct span session_id, bool again)
{
	struct session *s = fault("session.new") ? NULL : calloc(1, sizeof *s);

	if (!s)
		return ERR_NOMEM;
	s->ops = *ops;
	s->ctx = ctx;
	s->again = again;
	s->resume = "";
	s->last_word_ms = s->vad_silence_ms = s->prompted_ms = -1;
	s->notes = BUF_BOUND(4096);
	span_copy(s->session_id, sizeof s->session_id, session_id);
	s->play_out = (struct playback_out){ reserve_caller, commit_caller, first_heard, heard, s };
	s->uplink_out = (struct uplink_out){ reserve_model, commit_model, s };
	transcript_init(&s->script, &s->ops, ctx);
	s->script.history = &s->history;
	history_init(&s->history);
	attach_init(&s->attach);
	tooling_init(s);
	playback_init(&s->play, &s->play_out, s->ops.pool, AUDIO_PCMU, 0);
	uplink_init(&s->uplink, &s->uplink_out, s->ops.pool);
	taping_init(s);
	s->until_ms = session_now(s) + states[SS_LOAD].limit_ms;
	ops->load(ctx);
	*out = s;
	return ERR_OK;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	playback_fini(&s->play);
	uplink_fini(&s->uplink);
	tape_fini(&s->taping.tape);
	transcript_fini(&s->script);
	history_fini(&s->history);
	stream_parser_fini(&s->sp);
	realtime_parser_fini(&s->rp);
	buf_fini(&s->notes);
	tooling_fini(s);
	setup_free(s->setup);
	free(s);
}

void session_take_setup(struct session *s, struct setup *setup)
{
	setup_free(s->setup);
	s->setup = setup;
}

void session_view(const struct session *s, struct session_view *out)
{
	*out = (struct session_view){
		.state = states[s->state].name, .resume = s->state == SS_TALK ? "live" : s->resume, .end = s->end, .stream_on = s->state == SS_TALK,
		.ever_streamed = s->ever_streamed, .call_sid = s->setup ? span_z(s->setup->call_sid) : SPAN_NONE,
		.stream_sid = s->stream_sid[0] ? span_z(s->stream_sid) : SPAN_NONE,
	};
	if ((s->state == SS_LOAD || s->state == SS_WAIT) && !*out->resume)
		out->resume = "resume";
}
