/* model_event - the life of a session and the way of events: client messages to their handlers, server events to the connection. */
#include <stdlib.h>

#include "base/b64.h"
#include "base/clock.h"
#include "model.h"
#include "model_dialect.h"
#include "model_fmt.h"

#define APPEND_HEAD "{\"type\":\"input_audio_buffer.append\",\"audio\":\""
#define FAST_MAX    4096            /* decoded bytes of an append that takes the short way */

static bool on_update(struct model_sess *s, struct json_object *ev, struct complaint *c);

static const struct {
	const char *type;
	bool (*on)(struct model_sess *s, struct json_object *ev, struct complaint *c);
} handlers[] = {
	{ "session.update", on_update },
	{ "input_audio_buffer.append", input_on_append },
	{ "input_audio_buffer.commit", input_on_commit },
	{ "input_audio_buffer.clear", input_on_clear },
	{ "conversation.item.create", item_on_create },
	{ "conversation.item.delete", item_on_delete },
	{ "conversation.item.retrieve", item_on_retrieve },
	{ "conversation.item.truncate", item_on_truncate },
	{ "response.create", answer_on_create },
	{ "response.cancel", answer_on_cancel },
};

/* --- sending --- */

/* Ids look like the real ones and differ between sessions and runs of a process; equal runs give equal ids. */
void model_id(struct model_sess *s, const char *prefix, char out[MODEL_ID])
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	uint64_t x = ((uint64_t)s->number << 32 | ++s->ids) * 0x9E3779B97F4A7C15u;      /* odd: no two meet */
	int n = snprintf(out, MODEL_ID, "%s_", prefix);

	for (int i = 0; i < 11 && n < MODEL_ID - 1; i++, x /= 62)
		out[n++] = digits[x % 62];
	out[n] = 0;
}

struct buf *model_emit_begin(struct model_sess *s, const char *type)
{
	struct buf *b = &s->m->scratch;
	char id[MODEL_ID];

	model_id(s, "event", id);
	buf_reset(b);
	buf_printf(b, "{\"type\":\"%s\",\"event_id\":\"%s\"", type, id);
	return b;
}

static void send_event(struct model_sess *s, struct span event)
{
	s->m->stats.server_events++;
	s->m->stats.bytes_out += event.n;
	model_log_out(s->m, s->number, event);
	s->ops->send(s->conn, event, false);
}

static void send_translated(struct model_sess *s, struct span event)
{
	struct buf out[DIALECT_OUT] = { BUF_INIT, BUF_INIT };
	unsigned n = dialect_out(s->m->dialect, event, out);

	for (unsigned i = 0; i < n; i++)
		send_event(s, buf_span(&out[i]));
	for (unsigned i = 0; i < DIALECT_OUT; i++)
		buf_fini(&out[i]);
}

void model_emit_end(struct model_sess *s, const char *type)
{
	struct buf *b = &s->m->scratch;

	buf_addc(b, '}');
	if (s->dead || b->err)
		return;
	if (s->m->dialect == MODEL_OPENAI)
		send_event(s, buf_span(b));
	else
		send_translated(s, buf_span(b));
	model_fault_sent(s, type);
}

void model_emit(struct model_sess *s, const char *type, const char *fmt, ...)
{
	struct buf *b = model_emit_begin(s, type);
	va_list ap;

	va_start(ap, fmt);
	if (*fmt)
		buf_addc(b, ',');
	model_vfmt(b, fmt, ap);
	va_end(ap);
	model_emit_end(s, type);
}

void model_error(struct model_sess *s, const struct complaint *c, const char *event_id)
{
	model_stats_error(&s->m->stats, c->code);
	model_emit(s, "error", "'error':{'type':'invalid_request_error','code':%q,'message':%q,'param':%q,'event_id':%q}", c->code, c->message,
		   *c->param ? c->param : NULL, event_id);
}

/* Key, model and header faults: 101 has been given, the error follows, then the close. */
void model_refuse(struct model *m, const struct model_ops *ops, void *conn, const char *code, const char *message, unsigned close_code)
{
	struct buf *b = &m->scratch;
	char reason[120];

	buf_reset(b);
	model_fmt(b, "{'type':'error','event_id':'event_refused','error':{'type':'invalid_request_error','code':%q,'message':%q,'param':null,'event_id':null}}",
		  code, message);
	m->stats.refused++;
	model_log_out(m, 0, buf_span(b));
	ops->send(conn, buf_span(b), false);
	snprintf(reason, sizeof reason, "invalid_request_error.%s", code);
	ops->close(conn, close_code, span_z(reason));
}

/* --- later --- */

struct later *model_later(struct model_sess *s, int64_t in_ms, void (*run)(struct model_sess *s, struct later *l))
{
	struct later *l = calloc(1, sizeof *l), **end = &s->later;

	if (!l)
		return NULL;
	l->due = clock_ms() + in_ms;
	l->run = run;
	while (*end)                    /* equal times in the order asked for */
		end = &(*end)->next;
	*end = l;
	return l;
}

static void laters_tick(struct model_sess *s, int64_t now)
{
	for (struct later **p = &s->later; *p && !s->dead;) {
		struct later *l = *p;

		if (l->due > now) {
			p = &l->next;
			continue;
		}
		*p = l->next;
		l->run(s, l);
		free(l);
		p = &s->later;          /* the list may have changed */
	}
}

/* --- the session --- */

static void run_created(struct model_sess *s, struct later *l)
{
	(void)l;
	model_emit(s, "session.created", "'session':%J", s->cfg);
}

static void run_updated(struct model_sess *s, struct later *l)
{
	(void)l;
	model_emit(s, "session.updated", "'session':%J", s->cfg);
	mcp_configured(s);
}

void model_sess_expire(struct model_sess *s)
{
	static const char text[] = "Your session hit the maximum duration of 60 minutes.";

	model_emit(s, "error", "'error':{'type':'invalid_request_error','code':'session_expired','message':%q,'param':null,'event_id':null}", text);
	s->dead = true;
	s->ops->close(s->conn, 1001, span_z(text));
}

static void run_expired(struct model_sess *s, struct later *l)
{
	(void)l;
	model_sess_expire(s);
}

static void sess_link(struct model_sess *s)
{
	s->next = s->m->list;
	if (s->next)
		s->next->prev = s;
	s->m->list = s;
	s->m->stats.sessions++;
	s->m->stats.active++;
	if (s->m->stats.active > s->m->stats.peak_active)
		s->m->stats.peak_active = s->m->stats.active;
}

struct model_sess *model_sess_new(struct model *m, const struct model_ops *ops, void *conn, struct span model_name)
{
	struct model_sess *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	*s = (struct model_sess){ .m = m, .ops = ops, .conn = conn, .number = ++m->sessions, .opened_at = clock_ms(), .input = BUF_BOUND((size_t)16 << 20) };
	span_copy(s->model, sizeof s->model, model_name);
	s->script = scenario_script(m->scenario, s->number, model_name);
	s->expires_at = clock_wall_ms() / 1000 + s->script->expires_s;
	model_id(s, "sess", s->id);
	model_id(s, "conv", s->conversation);
	pattern_check_init(&s->pattern, 0, &m->stats.delays);
	s->fault_seen = calloc(s->script->n_faults + 1, sizeof *s->fault_seen);
	sess_link(s);
	if (s->fault_seen && model_config_new(s) == ERR_OK)
		return s;
	model_sess_free(s);
	return NULL;
}

void model_sess_open(struct model_sess *s)
{
	model_fault_sent(s, "connect");
	model_later(s, s->script->expires_s * 1000, run_expired);
	if (s->script->created_ms)
		model_later(s, s->script->created_ms, run_created);
	else
		run_created(s, NULL);
}

static void sess_report(struct model_sess *s)
{
	struct pattern_check *p = &s->pattern;
	struct model_stats *st = &s->m->stats;
	struct model_session_line l = { .session = s->number };

	pattern_check_end(p);
	l.seed = p->seed;
	l.first = p->first;
	l.frames = p->frames;
	l.lost = p->lost;
	l.doubled = p->doubled;
	l.reordered = p->reordered;
	l.corrupt = p->corrupt;
	l.foreign = p->foreign;
	l.silence_bytes = p->silence_bytes;
	l.answer_frames = s->pattern_next;
	l.audio_frames_in = s->frames_in;
	l.early_audio = s->frames_early;
	st->pattern_frames += p->frames;
	st->pattern_lost += p->lost;
	st->pattern_doubled += p->doubled;
	st->pattern_reordered += p->reordered;
	st->pattern_corrupt += p->corrupt;
	st->pattern_foreign += p->foreign;
	st->pattern_errors += pattern_errors(p);
	model_stats_line(st, &l);
}

static void sess_unlink(struct model_sess *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		s->m->list = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->m->stats.active--;
}

void model_sess_free(struct model_sess *s)
{
	if (!s)
		return;
	sess_report(s);
	sess_unlink(s);
	answers_free(s);
	while (s->first)
		item_unlink(s, s->first);
	for (struct later *l = s->later, *next; l; l = next) {
		next = l->next;
		free(l);
	}
	free(s->fault_seen);
	json_object_put(s->cfg);
	buf_fini(&s->input);
	free(s);
}

void model_sess_tick(struct model_sess *s, int64_t now)
{
	laters_tick(s, now);
	if (!s->dead)
		input_tick(s, now);
	if (!s->dead)
		answer_tick(s, now);
}

/* --- receiving --- */

static bool on_update(struct model_sess *s, struct json_object *ev, struct complaint *c)
{
	if (!model_config_update(s, json_get(ev, "session"), c))
		return false;
	s->m->stats.updates++;
	if (!s->configured)
		s->m->stats.configured++;
	s->configured = true;
	if (s->force_pcm)
		model_config_force_pcm(s);
	s->force_pcm = false;
	input_configured(s);
	if (s->script->updated_ms)
		model_later(s, s->script->updated_ms, run_updated);
	else
		run_updated(s, NULL);
	return true;
}

static bool handle(struct model_sess *s, struct json_object *ev, struct complaint *c)
{
	struct span type = json_get_span(ev, "type");
	const struct shape *sh = type.p ? model_shape_event(type) : NULL;
	const struct fault_rule *f;

	if (!type.p)
		return model_complain(c, "missing_required_parameter", "type", "Missing required parameter: 'type'.");
	if (!sh)
		return model_complain(c, "invalid_value", "type", "Invalid value: '" SPAN_FMT "'. Supported values are: %s.", SPAN_ARG(span_head(type, 80)),
				      model_shape_types());
	if (!dialect_in(s->m->dialect, ev, c) || !model_shape_check(sh, ev, "", c))
		return false;
	f = model_fault_received(s, type);
	if (f && f->act == DO_IGNORE)
		return true;
	if (f && f->act == DO_REFUSE)
		return model_complain(c, f->code ? f->code : "invalid_value", f->param, "%s", f->message ? f->message : "Refused by the scenario.");
	for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
		if (span_is(type, handlers[i].type))
			return handlers[i].on(s, ev, c);
	return true;
}

/* The form every relay uses for its audio, fifty times a second: no JSON library needed. False: take the long way. */
static bool append_fast(struct model_sess *s, struct span text)
{
	struct span head = SPAN(APPEND_HEAD), audio = span_skip(text, head.n);
	uint8_t bytes[FAST_MAX];
	size_t n;

	if (s->m->log || !span_starts(text, head) || audio.n < 2 + 4 || memcmp(audio.p + audio.n - 2, "\"}", 2) != 0)
		return false;
	if (!b64_decode(bytes, sizeof bytes, span_head(audio, audio.n - 2), &n))
		return false;
	if (model_fault_received(s, SPAN("input_audio_buffer.append")) || s->dead)
		return true;
	input_audio(s, bytes, n);
	return true;
}

void model_sess_message(struct model_sess *s, struct span text)
{
	struct json_object *ev = NULL;
	struct complaint c = { 0 };
	bool fine;

	if (s->dead)
		return;
	s->m->stats.client_events++;
	if (append_fast(s, text))
		return;
	fine = json_read(&ev, text) == ERR_OK && json_object_is_type(ev, json_type_object);
	model_log_in(s->m, s->number, text, fine);
	if (!fine)
		model_complain(&c, "invalid_json", NULL, "We could not parse the JSON of your event. (HINT: this likely means you aren't using your JSON library correctly.)");
	else
		fine = handle(s, ev, &c);
	if (!fine) {
		char event_id[520];

		span_copy(event_id, sizeof event_id, json_get_span(ev, "event_id"));
		model_error(s, &c, *event_id ? event_id : NULL);
	}
	json_object_put(ev);
}

void model_sess_binary(struct model_sess *s)
{
	struct complaint c = { 0 };

	if (s->dead)
		return;
	s->m->stats.client_events++;
	model_complain(&c, "invalid_event", NULL, "Binary messages are not supported. Send JSON as text.");
	model_error(s, &c, NULL);
}
