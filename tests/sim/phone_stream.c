/* phone_stream - one media stream from Twilio's side: connected, start, media against an absolute clock, the playback queue, stop. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "phone.h"
#include "wav.h"

enum parcel { PARCEL_TEXT, PARCEL_CLOSE };

/* --- out: through the link when it is slow --- */

static uint32_t dice(struct phone *ph, uint32_t n)       /* repeatable, unlike random_below */
{
	ph->random = ph->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return n ? (uint32_t)((ph->random >> 33) % n) : 0;
}

static bool slow_link(const struct phone *ph)
{
	return ph->conf.delay_ms > 0 || ph->conf.jitter_ms > 0;
}

static int64_t arrival(struct phone *ph)
{
	return clock_us() + ph->conf.delay_ms * 1000 + dice(ph, (uint32_t)(ph->conf.jitter_ms * 1000) + 1);
}

static void deliver_up(struct stream *s, unsigned kind, struct span text)
{
	const struct plan_fault *f = kind == PARCEL_TEXT ? phone_stream_fault(s, PF_FRAGMENT) : NULL;

	if (kind == PARCEL_CLOSE) {
		ws_close(&s->ws, 1000);
	} else if (f && text.n > 3) {
		ws_send(&s->ws, WS_TEXT, span_head(text, 1));
		ws_send(&s->ws, WS_CONT, span_head(span_skip(text, 1), text.n / 2));
		ws_send(&s->ws, WS_FIN | WS_CONT, span_skip(text, 1 + text.n / 2));
	} else {
		ws_text(&s->ws, text);
	}
}

static void send_up(struct stream *s, unsigned kind, struct span text)
{
	if (slow_link(s->call->ph))
		line_put(&s->up, arrival(s->call->ph), kind, text);
	else
		deliver_up(s, kind, text);
}

void phone_stream_text(struct stream *s, struct span text)
{
	send_up(s, PARCEL_TEXT, text);
}

static struct buf *scratch(struct stream *s)
{
	buf_reset(&s->call->ph->scratch);
	return &s->call->ph->scratch;
}

/* --- in --- */

static void on_message(void *arg, bool binary, struct span text)
{
	struct stream *s = arg;

	if (binary)
		s->n.binary++;
	else if (slow_link(s->call->ph))
		line_put(&s->down, arrival(s->call->ph), PARCEL_TEXT, text);
	else
		phone_stream_handle(s, text);
}

/* --- the beginning --- */

static void status_error(const struct stream *s, char *out, size_t cap)
{
	int code = s->end == WS_END_BROKEN ? 31903 : s->end == WS_END_PROTOCOL ? 31924 : s->close_code ? 31920 : 31901;

	snprintf(out, cap, "%d - %s", code, s->why);
}

void phone_stream_status(struct stream *s, const char *event, const char *error)
{
	struct params p = { .n = 0 };
	char when[TIME_TEXT];

	if (!s->status_url || s->probe)
		return;
	time_format(when, clock_wall_ms());
	phone_param_set(&p, "AccountSid", s->call->ph->conf.account);
	phone_param_set(&p, "CallSid", s->call->sid);
	phone_param_set(&p, "StreamSid", s->sid);
	phone_param_set(&p, "StreamName", s->name ? s->name : s->sid);
	phone_param_set(&p, "StreamEvent", event);
	if (error)
		phone_param_set(&p, "StreamError", error);
	phone_param_set(&p, "Timestamp", when);
	phone_call_post(s->call, POST_STREAM_STATUS, s->status_method, s->status_url, &p);
}

static size_t start_params(struct stream *s, struct msg_param out[TWIML_PARAMS_MAX])
{
	bool wrong = s->probe == PROBE_WRONG || phone_stream_fault(s, PF_WRONG_TOKEN), none = phone_stream_fault(s, PF_NO_TOKEN);
	size_t n = 0;

	for (size_t i = 0; i < s->n_params; i++) {
		bool token = span_is(s->params[i].name, "token");

		if (token && none)
			continue;
		out[n] = s->params[i];
		if (token && wrong)
			out[n].value = SPAN("0000000000000000000000000000000000000000000");
		n++;
	}
	return n;
}

static void start(struct stream *s)
{
	struct msg_param params[TWIML_PARAMS_MAX];
	struct msg_start m = { s->call->ph->conf.account, s->sid, s->call->sid, params, 0, "audio/x-mulaw" };
	struct buf *b = scratch(s);

	m.n = start_params(s, params);
	if (phone_stream_fault(s, PF_WRONG_CALL))
		m.call_sid = "CA00000000000000000000000000000000";
	if (phone_stream_fault(s, PF_WRONG_FORMAT))
		m.encoding = "audio/x-l16";
	msg_start(b, ++s->sequence, &m);
	phone_stream_text(s, buf_span(b));
	s->state = ST_TALKING;
	s->start_us = clock_us();
}

static void on_open(void *arg)
{
	struct stream *s = arg;
	const struct plan_fault *late = phone_stream_fault(s, PF_LATE_START);

	s->open_us = clock_us();
	phone_say(s->call, "stream", "%sopen after %.1f ms", s->probe ? "second one " : "", (double)(s->open_us - s->opening_us) / 1000);
	phone_stream_status(s, "stream-started", NULL);
	phone_stream_text(s, MSG_CONNECTED);
	s->state = ST_LATE;
	if (phone_stream_fault(s, PF_NO_START))
		s->due_start_us = INT64_MAX;
	else if (late)
		s->due_start_us = s->open_us + late->ms * 1000;
	else
		start(s);
}

/* --- the end --- */

static void link_flush(struct stream *s)
{
	unsigned kind;
	struct span text;

	while (s->state != ST_OVER && line_take(&s->down, INT64_MAX, &kind, &text))
		phone_stream_handle(s, text);
}

static void complain(struct stream *s)
{
	struct call *c = s->call;

	if (s->n.malformed)
		phone_call_problem(c, "31951: %llu bad messages: %s", (unsigned long long)s->n.malformed, s->malformed_why);
	if (s->n.binary)
		phone_call_problem(c, "31950: %llu binary messages", (unsigned long long)s->n.binary);
	if (s->n.overflow)
		phone_call_problem(c, "31931: more than 10 minutes queued, %llu messages thrown away", (unsigned long long)s->n.overflow);
	if (s->probe && !(s->end == WS_END_CLOSED && s->close_code == 1008) && s->end != WS_END_REFUSED)
		phone_call_problem(c, "a stream with a %s token was not refused", s->probe == PROBE_WRONG ? "wrong" : "used");
	if (s->probe || s->ours)
		return;
	if (s->end == WS_END_CLOSED && s->close_code != 1000 && s->close_code != 1001)
		phone_call_problem(c, "31921: the stream was closed with %d %s", s->close_code, s->why);
	if (s->end == WS_END_REFUSED || s->end == WS_END_PROTOCOL || s->end == WS_END_BROKEN) {
		char text[160];

		status_error(s, text, sizeof text);
		phone_call_problem(c, "%s", text);
	}
}

static void over(struct stream *s, enum ws_end end, int code, const char *why)
{
	bool error = end == WS_END_REFUSED || end == WS_END_BROKEN || end == WS_END_PROTOCOL;
	char text[160];

	if (s->state == ST_OVER)
		return;
	playq_to(&s->q, clock_us());
	link_flush(s);
	s->state = ST_OVER;
	s->over_us = clock_us();
	s->end = end;
	s->close_code = code;
	snprintf(s->why, sizeof s->why, "%s", why ? why : "");
	pattern_check_end(&s->check);
	if (s->call->hung_up && end != WS_END_PROTOCOL && end != WS_END_REFUSED)
		s->ours = true;                          /* both sides may close at once */
	phone_say(s->call, "stream", "%sover: %s %d %s", s->probe ? "second one " : "", error ? "broken" : end == WS_END_CLOSED ? "closed by the server" : "closed",
	          code, s->why);
	complain(s);
	status_error(s, text, sizeof text);
	phone_stream_status(s, error ? "stream-error" : "stream-stopped", error ? text : NULL);
	phone_call_stream_over(s->call, s);
}

static void on_gone(void *arg, enum ws_end end, int code, const char *why)
{
	over(arg, end, code, why);
}

void phone_stream_cut(struct stream *s, const char *why)
{
	s->ours = true;
	ws_drop(&s->ws);
	over(s, WS_END_BROKEN, 0, why);
}

static void stop(struct stream *s)
{
	const struct plan_fault *twice = phone_stream_fault(s, PF_STOP_TWICE);

	for (int64_t i = 0; i < (twice ? twice->count + 1 : 1); i++) {
		struct buf *b = scratch(s);

		msg_stop(b, ++s->sequence, s->sid, s->call->ph->conf.account, s->call->sid);
		phone_stream_text(s, buf_span(b));
	}
}

void phone_stream_hang_up(struct stream *s)
{
	s->ours = true;
	if (s->state == ST_OVER || s->state == ST_CLOSING)
		return;
	if (s->state == ST_CONNECTING) {
		phone_stream_cut(s, "hung up before it was open");
		return;
	}
	if (s->state == ST_TALKING && !phone_stream_fault(s, PF_NO_STOP))
		stop(s);
	s->state = ST_CLOSING;
	playq_to(&s->q, clock_us());
	send_up(s, PARCEL_CLOSE, SPAN(""));
}

/* --- time --- */

static void frame_out(struct stream *s, int64_t now_us)
{
	uint8_t audio[FRAME_BYTES];
	struct buf *b;
	uint64_t ms = s->frame * FRAME_MS;
	int64_t at_us = s->start_us + (int64_t)s->frame * FRAME_MS * 1000;

	s->frame++;
	if (phone_stream_silent(s, now_us))
		return;
	if (s->probe)
		memset(audio, WAV_SILENCE, sizeof audio);
	else
		phone_talk_frame(s->call, s, now_us, audio);
	if (s->state != ST_TALKING)                      /* the script hung up */
		return;
	if (phone_saves(s->call->ph) && !s->probe)
		phone_keep(&s->call->spoken, s->call->answered_us, at_us, audio, sizeof audio);
	s->n.frames_out++;
	b = scratch(s);
	msg_media(b, ++s->sequence, s->sid, ++s->chunk, ms > s->skew_ms ? ms - s->skew_ms : 0, audio, sizeof audio);
	phone_stream_text(s, buf_span(b));
}

void phone_stream_key(struct stream *s, char digit)
{
	struct buf *b = scratch(s);

	msg_dtmf(b, ++s->sequence, s->sid, digit);
	phone_stream_text(s, buf_span(b));
}

void phone_stream_tick(struct stream *s, int64_t now_us)
{
	ws_tick(&s->ws, now_us / 1000);
	if (s->state == ST_LATE && now_us >= s->due_start_us)
		start(s);
	if (s->state != ST_TALKING)
		return;
	playq_to(&s->q, now_us);
	phone_stream_faults(s, now_us);
	while (s->state == ST_TALKING && now_us - s->start_us >= (int64_t)s->frame * FRAME_MS * 1000)
		frame_out(s, now_us);
	if (!isnan(s->call->ph->conf.duration) && s->state == ST_TALKING && now_us - s->start_us >= (int64_t)(s->call->ph->conf.duration * 1e6))
		phone_call_hang_up(s->call);
}

void phone_stream_link(struct stream *s, int64_t now_us)
{
	unsigned kind;
	struct span text;

	while (s->state != ST_OVER && line_take(&s->up, now_us, &kind, &text))
		deliver_up(s, kind, text);
	while (s->state != ST_OVER && line_take(&s->down, now_us, &kind, &text))
		phone_stream_handle(s, text);
}

/* --- making and ending --- */

static bool copy(char **to, const char *from)
{
	*to = from ? span_dup(span_z(from)) : NULL;
	return !from || *to;
}

static bool from_step(struct stream *s, const struct twiml_step *st)
{
	bool ok = copy(&s->url, st->stream.url) && copy(&s->name, st->stream.name) && copy(&s->status_url, st->stream.status_url) &&
	          copy(&s->status_method, st->stream.status_method);

	for (size_t i = 0; i < st->stream.n && ok; i++) {
		s->params[i].name = span_z(span_dup(span_z(st->stream.params[i].name)));
		s->params[i].value = span_z(span_dup(span_z(st->stream.params[i].value)));
		s->n_params++;
		ok = s->params[i].name.p && s->params[i].value.p;
	}
	return ok;
}

static bool from_stream(struct stream *s, const struct stream *like)
{
	bool ok = copy(&s->url, like->url) && copy(&s->name, like->name) && copy(&s->status_url, like->status_url) && copy(&s->status_method, like->status_method);

	for (size_t i = 0; i < like->n_params && ok; i++) {
		s->params[i].name = span_z(span_dup(like->params[i].name));
		s->params[i].value = span_z(span_dup(like->params[i].value));
		s->n_params++;
		ok = s->params[i].name.p && s->params[i].value.p;
	}
	return ok;
}

static const struct ws_ops ws_ops = { on_open, on_message, on_gone };

/* The upgrade is signed over the wss URL as the TwiML has it. */
static enum err connect_stream(struct stream *s, struct buf *why)
{
	struct phone *ph = s->call->ph;
	struct target t = { 0 };
	char signature[SIGNATURE_TEXT];
	struct ws_request r = { t.host_header, SPAN_NONE, signature };
	bool forged = phone_stream_fault(s, PF_FORGED_STREAM);
	struct buf path = BUF_INIT;
	size_t n = strlen(s->url);
	enum err e;

	if (ph->way)
		return ph->way->open(s, &ws_ops);
	if (phone_stream_fault(s, PF_WRONG_SESSION) && n > 2)
		s->url[n - 2] = s->url[n - 2] == '0' ? '1' : '0';
	e = phone_target(ph, s->url, &t, why);
	if (e == ERR_OK)
		e = signature_make(signature, forged ? SPAN("00000000000000000000000000000000") : span_z(ph->conf.token), span_z(s->url), NULL);
	if (e)
		return e;
	if (phone_stream_fault(s, PF_UNSIGNED_STREAM))
		r.signature = NULL;
	buf_add(&path, t.base);
	buf_add(&path, t.path);
	r.path = buf_span(&path);
	e = path.err ? path.err : ws_open(&s->ws, ph->loop, &t.to, t.tls ? ph->tls : NULL, t.name, &r, &ws_ops, s);
	buf_fini(&path);
	return e;
}

struct stream *phone_stream_open(struct call *c, const struct stream *like, enum probe probe)
{
	struct stream *s = calloc(1, sizeof *s);
	struct buf why = BUF_INIT;
	enum err e = ERR_OK;

	if (!s)
		return NULL;
	s->call = c;
	s->probe = probe;
	s->nth = probe ? c->n_streams : ++c->n_streams;
	s->next = c->streams;
	c->streams = s;
	if (!probe)
		c->stream = s;
	s->opening_us = clock_us();
	playq_init(&s->q, &phone_playq_ops, s);
	pattern_check_init(&s->check, 0, c->ph->delays);
	phone_sid(s->sid, "MZ");
	if (!(like ? from_stream(s, like) : from_step(s, &c->step)))
		e = ERR_NOMEM;
	if (e == ERR_OK)
		e = s->url ? connect_stream(s, &why) : ERR_VALUE;
	if (e)
		over(s, WS_END_REFUSED, 0, why.n ? buf_z(&why) : err_text(e));
	buf_fini(&why);
	return s;
}

void phone_stream_fini(struct stream *s)
{
	for (size_t i = 0; i < s->n_params; i++) {
		free((char *)s->params[i].name.p);
		free((char *)s->params[i].value.p);
	}
	ws_fini(&s->ws);
	playq_fini(&s->q);
	free(s->names.v);
	line_fini(&s->up);
	line_fini(&s->down);
	free(s->url);
	free(s->name);
	free(s->status_url);
	free(s->status_method);
	free(s);
}
