/* session_end - what is kept of a call while it lasts, and how it ends: fall silent, store the outcome, then close the stream. */
#include "base/log.h"
#include "media-relay/session_impl.h"

const char *end_text(enum end_reason r)
{
	static const char *const texts[] = {
#define X(n, text) [END_##n] = text,
		END_LIST(X)
#undef X
	};

	return r > END_NONE && r < END_COUNT ? texts[r] : "";
}

/* --- small helpers of all session files --- */

void session_count(struct session *s, enum metric m, uint64_t n)
{
	if (s->ops.metrics.count && n)
		s->ops.metrics.count(s->ctx, (int)m, n);
}

void session_observe_ms(struct session *s, enum metric m, int64_t ms)
{
	if (s->ops.metrics.observe)
		s->ops.metrics.observe(s->ctx, (int)m, ms > 0 ? (uint64_t)ms * 1000 : 0);
}

void session_note(struct session *s, const char *event, struct span item, struct span response, struct span error, const char *payload, ...)
{
	struct buf b = BUF_INIT;
	struct transcript_event e = { .type = event, .item = item, .response = response, .error = error };
	va_list ap;

	if (payload) {
		va_start(ap, payload);
		buf_vprintf(&b, payload, ap);
		va_end(ap);
		e.payload = b.err ? SPAN_NONE : buf_span(&b);
	}
	transcript_event(&s->script, &e);
	buf_fini(&b);
}

void session_save_numbers(struct session *s)
{
	struct call_changes c = call_changes_none();

	transcript_changes(&s->script, &c);
	s->ops.save_call(s->ctx, &c, false);
}

/* --- how a call ends --- */

void session_gone_if_closed(struct session *s)
{
	if (s->caller_open || s->model_open || s->next.open)
		return;
	session_become(s, SS_GONE);
	s->ops.gone(s->ctx, s->end);
}

void session_close_caller(struct session *s)
{
	session_become(s, SS_CLOSE);
	if (s->caller_open)
		s->ops.close(s->ctx, LEG_CALLER, s->close_code, SPAN(""));
	session_gone_if_closed(s);
}

/* Nothing more is said; what was under way is written down as far as it was heard. */
static void fall_silent(struct session *s)
{
	struct playback_cut cuts[PLAYBACK_ITEMS];
	unsigned n;

	playback_stop(&s->play);
	if (!s->ever_streamed) {
		playback_forget(&s->play);
		transcript_forget_answers(&s->script);
	}
	n = playback_cut(&s->play, session_now(s), cuts);
	for (unsigned i = 0; i < n; i++)
		transcript_cut(&s->script, (struct part){ cuts[i].item, cuts[i].content_index }, cuts[i].heard_ms, cuts[i].came_ms);
	transcript_finish(&s->script);
	taping_end(s);
	model_drop(s);
}

static bool is_error(enum end_reason r)
{
	return r == END_MODEL_FAILED || r == END_STREAM_FAILED || r == END_RELAY_LOST;
}

/* A call that is told to resume has not ended: it goes on elsewhere. */
static bool goes_on(const struct session *s)
{
	return strcmp(s->resume, "resume") == 0;
}

static void save_outcome(struct session *s, const char *error)
{
	struct call_changes c = call_changes_none();

	transcript_changes(&s->script, &c);
	c.resume = s->resume;
	if (!goes_on(s)) {
		c.status = is_error(s->end) ? "error" : "ended";
		c.end_reason = end_text(s->end);
		c.ended_at = s->ops.wall_ms(s->ctx);
		c.error = error && *error ? error : NULL;
	}
	s->ops.save_call(s->ctx, &c, true);
}

void session_finish(struct session *s, enum end_reason r, const char *resume, const char *error, uint16_t code)
{
	s->end = r;
	s->resume = resume;
	s->close_code = code;
	fall_silent(s);
	if (!goes_on(s))
		session_note(s, "call.ended", SPAN_NONE, SPAN_NONE, span_z(error), "{\"reason\":\"%s\"}", end_text(r));
	log_info("call.end", "reason=%s resume=%s", end_text(r), *resume ? resume : "none");
	session_become(s, SS_SAVE);
	save_outcome(s, error);
}

void session_end(struct session *s, enum end_reason r, const char *resume, const char *error)
{
	session_finish(s, r, resume, error, 1000);
}

/* Nobody was on the line yet: whoever takes over begins anew, and nothing is stored. */
void session_let_go(struct session *s)
{
	s->end = END_SHUTDOWN;
	s->resume = "resume";
	model_drop(s);
	s->close_code = 1001;
	session_close_caller(s);
}

void session_lost(struct session *s, struct span why)
{
	struct call_changes c = call_changes_none();

	playback_stream_lost(&s->play, session_now(s));
	taping_stream_over(s);
	turn_speech(&s->turn, false);
	upstream_caller(&s->up, false, session_now(s));
	session_note(s, "stream.lost", SPAN_NONE, SPAN_NONE, why, NULL);
	log_warn("stream.lost", "why=%s", log_q(why));
	s->resume = "resume";
	c.resume = s->resume;
	transcript_changes(&s->script, &c);
	s->ops.save_call(s->ctx, &c, false);
	session_become(s, SS_LOST);
}

/* The end that somebody outside asked for. */
/* `continue`, when it gives up, says why; anybody else who hangs up is the operator. */
static void hung_up(struct session *s, struct span why)
{
	static const enum end_reason broken[] = { END_STREAM_FAILED, END_RELAY_LOST, END_MODEL_FAILED };

	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
		if (span_is(why, end_text(broken[i]))) {
			session_end(s, broken[i], "fallback", "the stream could not be connected again");
			return;
		}
	if (span_is(why, end_text(END_TRANSFERRED)))
		session_end(s, END_TRANSFERRED, "hangup", NULL);
	else
		session_end(s, span_is(why, end_text(END_SHUTDOWN)) ? END_SHUTDOWN : END_OPERATOR, "hangup", NULL);
}

void session_asked_to_end(struct session *s, enum session_ev ev, struct span data)
{
	if (ev == EV_SHUTDOWN)
		session_finish(s, END_SHUTDOWN, "resume", NULL, 1001);
	else if (ev == EV_STATUS_FINAL)
		session_end(s, END_CALLER_HANGUP, "hangup", NULL);
	else
		hung_up(s, data);
}
