/* setup - call, agent, account and settings become what a session needs; messages are built here, once, so that the loop only sends them. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/form.h"
#include "base/json.h"
#include "media-relay/history.h"
#include "media-relay/setup.h"
#include "store/account.h"
#include "store/agent.h"
#include "store/call.h"
#include "store/turn.h"

#define SPEECH_WITHIN 50                 /* events, from the last one back */

struct source {                          /* what is read, and what the messages are built from */
	struct txn *t;
	const struct settings *cf;
	struct call call;
	struct agent agent;
	struct account account, fallback;        /* fallback: the default account */
	struct tool_set tools;
	bool has_call, has_agent, has_account, has_fallback;
	struct buf instructions, greeting, key, token;
	struct buf *why;
};

static void upstream_fini(struct upstream *u)
{
	char *const texts[] = { u->host, u->path, u->organization, u->project, u->ca_file, u->model, u->transcription_model, u->session_update,
				u->greeted_update, u->continue_create };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		free(texts[i]);
	if (u->key)
		explicit_bzero(u->key, strlen(u->key));
	free(u->key);
}

void setup_free(struct setup *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->upstreams_n; i++)
		upstream_fini(&s->upstreams[i]);
	for (size_t i = 0; i < s->past_n; i++)
		record_fini(&turn_type, &s->past[i]);
	free(s->past);
	if (s->twilio_auth_token)
		explicit_bzero(s->twilio_auth_token, strlen(s->twilio_auth_token));
	free(s->twilio_auth_token);
	tool_set_fini(&s->tools);
	free(s->caller_number);
	free(s->called_number);
	free(s->targets);
	free(s->timezone);
	free(s->voicemail);
	free(s->note);
	free(s->agent_name);
	free(s->voice);
	free(s->language);
	free(s->prompt);
	free(s->greeting_create);
	for (size_t i = 0; i < NOTICES; i++)
		free(s->notices[i]);
	free(s);
}

/* --- reading --- */

static enum err read_account(struct source *s)
{
	enum err e = account_get(s->t, span_z(s->call.account), &s->account);

	s->has_account = e == ERR_OK;
	if (e && e != ERR_NOTFOUND)
		return e;
	e = account_default(s->t, &s->fallback);
	s->has_fallback = e == ERR_OK;
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err read_all(struct source *s, struct span session_id)
{
	enum err e = call_get(s->t, session_id, &s->call);

	if (e)
		return e;
	s->has_call = true;
	if (s->call.ended_at != FIELD_NULL_INT) {
		buf_addz(s->why, "the call has ended");
		return ERR_DENIED;
	}
	e = s->call.agent ? agent_get(s->t, span_z(s->call.agent), &s->agent) : ERR_NOTFOUND;
	if (e == ERR_NOTFOUND) {
		buf_addz(s->why, "the call's agent does not exist any more");
		return ERR_VALUE;
	}
	s->has_agent = e == ERR_OK;
	return e ? e : read_account(s);
}

static enum err secret_of(struct source *s, const struct account *a, bool has, const char *field, struct buf *out)
{
	enum err e = has ? record_secret_get(txn_store(s->t), &account_type, field, a, out) : ERR_NOTFOUND;

	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static bool is_default(const struct source *s)
{
	return !s->has_account || (s->has_fallback && strcmp(s->account.id, s->fallback.id) == 0);
}

/* An account's own key; else the default account's. */
static enum err find_key(struct source *s)
{
	enum err e = ERR_OK;

	if (!is_default(s))
		e = secret_of(s, &s->account, true, "openai_api_key", &s->key);
	if (!e && !s->key.n)
		buf_add(&s->key, settings_env("OPENAI_API_KEY"));
	if (!e && !s->key.n)
		e = secret_of(s, &s->fallback, s->has_fallback, "openai_api_key", &s->key);
	if (!e && !s->key.n)
		buf_addz(&s->key, s->cf->openai_api_key ? s->cf->openai_api_key : "");
	return e ? e : s->key.err;
}

static enum err find_texts(struct source *s)
{
	struct agent_fill fill = { span_z(s->call.caller_number), span_z(s->call.called_number), s->call.started_at };
	struct buf raw = BUF_INIT;
	enum err e = agent_instructions(s->t, &s->agent, &raw);

	e = e ? e : agent_fill_text(&s->agent, buf_span(&raw), &fill, &s->instructions);
	if (!e && s->agent.greeting)
		e = agent_fill_text(&s->agent, span_z(s->agent.greeting), &fill, &s->greeting);
	buf_fini(&raw);
	return e;
}

/* --- where the model is --- */

/* "wss://host[:port][/path][?query]" as settings has checked it; IPv6 in brackets. */
static bool url_split(struct span url, struct upstream *u, struct span *target)
{
	struct span rest, host;
	int64_t port;

	u->tls = span_starts(url, SPAN("wss://"));
	rest = span_skip(url, u->tls ? 6 : 5);
	host = span_head(rest, 0);
	while (host.n < rest.n && !strchr("/?#", rest.p[host.n]))
		host.n++;
	*target = span_skip(rest, host.n);
	port = u->tls ? 443 : 80;
	for (size_t i = host.n; i-- > 0 && host.p[i] != ']';)
		if (host.p[i] == ':') {
			if (!span_int(span_skip(host, i + 1), &port))
				return false;
			host.n = i;
			break;
		}
	u->port = (uint16_t)port;
	u->host = span_dup(host);
	return host.n && port > 0 && port < 65536;
}

static char *path_of(struct span target, struct span model)
{
	struct buf b = BUF_BOUND(8192);
	bool query = target.n && memchr(target.p, '?', target.n);

	if (!target.n || target.p[0] != '/')
		buf_addc(&b, '/');
	buf_add(&b, target);
	buf_addz(&b, query ? "&model=" : "?model=");
	url_encode(&b, model);
	return buf_take(&b);
}

static char *dup_z(const char *z)
{
	return z ? span_dup(span_z(z)) : NULL;
}

struct place {                           /* one upstream, as the settings name it */
	const char *url, *key, *dialect, *model, *transcription, *organization, *project;
};

static char *built(struct buf *b)
{
	char *p = b->n ? buf_take(b) : NULL;

	buf_fini(b);
	return p;
}

static enum err messages(const struct source *s, struct upstream *u, const struct place *p)
{
	struct session_config c = { .agent = &s->agent, .dialect = u->dialect, .instructions = buf_span(&s->instructions),
				    .greeting = s->call.greeted ? SPAN_NONE : buf_span(&s->greeting),          /* nothing is left to protect */
				    .model = span_z(u->model), .transcription_model = span_z(p->transcription),
				    .tools = span_z(s->tools.list) };
	struct buf update = BUF_INIT, greeted = BUF_INIT, go_on = BUF_INIT;
	enum err e = session_config_update(&update, &c);

	e = e ? e : session_config_greeted(&greeted, &c);
	e = e ? e : session_config_continue(&go_on, &c);
	u->transcription_model = dup_z(p->transcription ? p->transcription : s->agent.transcription_model);
	u->session_update = built(&update);
	u->greeted_update = built(&greeted);
	u->continue_create = built(&go_on);
	return e ? e : u->session_update ? ERR_OK : ERR_NOMEM;
}

static enum err upstream_make(const struct source *s, struct upstream *u, const struct place *p)
{
	struct span target;

	if (!p->url || !url_split(span_z(p->url), u, &target)) {
		buf_printf(s->why, "the model's URL cannot be used: %s", p->url ? p->url : "none");
		return ERR_VALUE;
	}
	dialect_of(span_z(p->dialect ? p->dialect : "openai"), &u->dialect);
	u->model = dup_z(p->model ? p->model : s->agent.model);
	u->path = u->model ? path_of(target, span_z(u->model)) : NULL;
	u->key = dup_z(p->key);
	u->organization = dup_z(p->organization);
	u->project = dup_z(p->project);
	u->ca_file = dup_z(s->cf->openai_ca_file);
	if (!u->host || !u->path)
		return ERR_NOMEM;
	return messages(s, u, p);
}

/* A server on the own network without TLS is asked without a key when there is none. */
static enum err need_key(const struct source *s)
{
	if (s->key.n || span_starts(span_z(s->cf->openai_realtime_url), SPAN("ws://")))
		return ERR_OK;
	buf_addz(s->why, "no model key: set OPENAI_API_KEY, or openai_api_key of the account");
	return ERR_VALUE;
}

static enum err upstreams_make(struct source *s, struct setup *out)
{
	const struct settings *cf = s->cf;
	const char *key = s->key.n ? buf_z(&s->key) : NULL;
	const struct place places[UPSTREAMS_MAX] = {
		{ cf->openai_realtime_url, key, cf->openai_dialect, NULL, NULL, cf->openai_organization, cf->openai_project },
		{ cf->openai_fallback_url, cf->openai_fallback_api_key ? cf->openai_fallback_api_key : key, cf->openai_fallback_dialect,
		  cf->openai_fallback_model, cf->openai_fallback_transcription_model, NULL, NULL },
	};
	enum err e = need_key(s);

	for (size_t i = 0; i < UPSTREAMS_MAX && !e; i++) {
		if (i && !places[i].url)
			break;
		out->upstreams_n++;
		e = upstream_make(s, &out->upstreams[i], &places[i]);
	}
	return e;
}

/* --- the rest --- */

static enum err notices_make(const struct source *s, struct setup *out)
{
	struct session_config c = { .agent = &s->agent, .dialect = out->upstreams[0].dialect, .instructions = buf_span(&s->instructions) };
	enum err e = ERR_OK;

	for (enum notice n = 0; n < NOTICES && !e; n++) {
		struct buf b = BUF_INIT;

		e = session_config_notice(&b, &c, n);
		out->notices[n] = built(&b);
		e = e ? e : out->notices[n] ? ERR_OK : ERR_NOMEM;
	}
	return e;
}

static enum err greeting_make(const struct source *s, struct setup *out)
{
	struct session_config c = { .agent = &s->agent, .dialect = out->upstreams[0].dialect, .instructions = buf_span(&s->instructions),
				    .greeting = buf_span(&s->greeting) };
	struct buf b = BUF_INIT;
	enum err e = session_config_greeting(&b, &c);

	out->greeting_create = built(&b);
	return e;
}

static int64_t or_zero(int64_t v)
{
	return v == FIELD_NULL_INT ? 0 : v;
}

static void totals(const struct call *c, struct setup *out)
{
	const int64_t usage[7] = { c->input_text_tokens, c->input_audio_tokens, c->cached_text_tokens, c->cached_audio_tokens,
				   c->output_text_tokens, c->output_audio_tokens, c->transcription_tokens };

	out->turns = or_zero(c->turns);
	out->barge_ins = or_zero(c->barge_ins);
	out->reconnects = or_zero(c->reconnects);
	for (size_t i = 0; i < 7; i++)
		out->usage[i] = or_zero(usage[i]);
	out->cost = isnan(c->cost) ? 0 : c->cost;
}

static void rules(const struct source *s, struct setup *out)
{
	const struct agent *a = &s->agent;
	bool none = a->store && strcmp(a->store, "none") == 0;

	out->in = audio_format_of(a->input_audio_format);
	out->out = audio_format_of(a->output_audio_format);
	out->greeting_interruptible = a->greeting_interruptible;
	out->resumed = s->call.greeted;
	out->vad = !a->vad_type || strcmp(a->vad_type, "none") != 0;
	out->vad_interrupt = a->vad_interrupt_response;
	out->resume_false_barge_in = a->resume_false_barge_in;
	out->barge_in_min_speech_ms = a->barge_in_min_speech_ms;
	out->vad_create = a->vad_create_response;
	out->transcription = a->enable_input_transcription;
	out->uplink_frames = a->uplink_frames > 0 ? a->uplink_frames : 1;
	out->playout_lead_ms = s->cf->playout_lead_ms;
	out->idle_ms = or_zero(a->idle_timeout_seconds) * 1000;
	out->max_call_ms = or_zero(a->max_call_seconds) * 1000;
	out->keep_turns = out->keep_events = !none;
	out->wordless = a->store && strcmp(a->store, "metadata") == 0;
	out->redact = a->redact;
	out->record = a->record && !none;
	out->max_call_cost = a->max_call_cost;
	out->started_at = s->call.started_at;
	out->connected_at = s->call.connected_at;
}

/* A transfer has failed while no relay had the call. */
static void note_of(const struct source *s, struct setup *out)
{
	struct json_object *o = NULL;
	struct span why = SPAN_NONE;

	if (s->call.handover && json_read(&o, span_z(s->call.handover)) == ERR_OK)
		why = json_get_span(o, "failed");
	if (why.p)
		out->note = span_dup(why);
	json_object_put(o);
}

static void tools_give(struct source *s, struct setup *out)
{
	free(s->tools.list);
	s->tools.list = NULL;
	out->tools = s->tools;
	s->tools = (struct tool_set){ .list = NULL };
	out->caller_number = dup_z(s->call.caller_number);
	out->called_number = dup_z(s->call.called_number);
	out->targets = dup_z(s->agent.transfer_targets);
	out->timezone = dup_z(s->agent.timezone);
	out->voicemail = dup_z(s->agent.voicemail);
	note_of(s, out);
}

/* The record may be a little behind what was appended before a crash. */
static enum err sequences(struct source *s, struct span session_id, struct setup *out)
{
	enum err e = turn_next_seq(s->t, session_id, &out->turn_seq);

	e = e ? e : event_next_seq(s->t, session_id, &out->event_seq);
	if (!e && or_zero(s->call.turn_seq) > out->turn_seq)
		out->turn_seq = s->call.turn_seq;
	if (!e && or_zero(s->call.event_seq) > out->event_seq)
		out->event_seq = s->call.event_seq;
	return e;
}

/* --- what was said before this relay had the call --- */

static bool keep_turn(struct turn *u, void *arg)
{
	struct setup *out = arg;

	out->past[out->past_n++] = *u;
	*u = (struct turn){ 0 };
	return true;
}

static void oldest_first(struct setup *out)
{
	for (size_t i = 0, k = out->past_n; i + 1 < k; i++) {
		struct turn u = out->past[i];

		out->past[i] = out->past[--k];
		out->past[k] = u;
	}
}

/* Speech of which there is no turn, and after which nothing was said: its words died with the relay that waited for them. */
static bool has_words(const struct setup *out, const struct event *e)
{
	for (size_t i = 0; i < out->past_n; i++)
		if (out->past[i].started_at > e->created_at || span_eq(span_z(out->past[i].item_id), span_z(e->item_id)))
			return true;
	return false;
}

static bool last_speech(struct event *e, void *arg)
{
	struct setup *out = arg;

	if (!span_is(span_z(e->event_type), "input_audio_buffer.speech_started"))
		return true;
	out->words_lost = !has_words(out, e);
	return false;
}

static enum err past(struct source *s, struct span session_id, struct setup *out)
{
	enum err e;

	if (s->call.streams == 0 || s->call.streams == FIELD_NULL_INT)
		return ERR_OK;
	out->past = calloc(HISTORY_ITEMS, sizeof *out->past);
	if (!out->past)
		return ERR_NOMEM;
	e = turn_newest(s->t, session_id, HISTORY_ITEMS, keep_turn, out);
	oldest_first(out);
	e = e ? e : event_newest(s->t, session_id, SPEECH_WITHIN, last_speech, out);
	out->resumed = out->resumed || out->past_n > 0;
	out->words_lost = out->words_lost || out->wordless || !out->keep_turns;
	return e;
}

static enum err stream_token(struct source *s, struct setup *out)
{
	enum err e = secret_of(s, &s->account, s->has_account, "twilio_auth_token", &s->token);

	if (!e && s->token.n)
		out->twilio_auth_token = dup_z(buf_z(&s->token));
	return e;
}

static void names(const struct source *s, struct setup *out)
{
	span_copy(out->session_id, sizeof out->session_id, span_z(s->call.session_id));
	span_copy(out->call_sid, sizeof out->call_sid, span_z(s->call.twilio_call_sid));
	out->agent_name = dup_z(s->agent.name);
	out->voice = dup_z(s->agent.voice);
	out->language = dup_z(s->agent.say_language);
}

static void source_fini(struct source *s)
{
	if (s->has_call)
		record_fini(&call_type, &s->call);
	if (s->has_agent)
		record_fini(&agent_type, &s->agent);
	if (s->has_account)
		record_fini(&account_type, &s->account);
	if (s->has_fallback)
		record_fini(&account_type, &s->fallback);
	if (s->key.n)
		explicit_bzero(s->key.p, s->key.n);
	if (s->token.n)
		explicit_bzero(s->token.p, s->token.n);
	buf_fini(&s->key);
	buf_fini(&s->token);
	buf_fini(&s->instructions);
	buf_fini(&s->greeting);
	tool_set_fini(&s->tools);
}

/* What follows from what was read. */
static enum err build(struct source *s, struct setup *out)
{
	enum err e = upstreams_make(s, out);

	e = e ? e : greeting_make(s, out);
	e = e ? e : notices_make(s, out);
	if (e)
		return e;
	names(s, out);
	rules(s, out);
	totals(&s->call, out);
	tools_give(s, out);
	return ERR_OK;
}

enum err setup_load(struct setup **out, struct txn *t, const struct settings *cf, struct span session_id, struct buf *why)
{
	struct source s = { .t = t, .cf = cf, .why = why };
	struct setup *made = calloc(1, sizeof *made);
	enum err e = made ? read_all(&s, session_id) : ERR_NOMEM;

	e = e ? e : find_key(&s);
	e = e ? e : find_texts(&s);
	e = e ? e : tool_set_load(&s.tools, t, &s.agent, true);
	e = e ? e : build(&s, made);
	e = e ? e : budget_get(t, &s.agent, span_z(s.call.account), clock_wall_ms(), &made->budget);
	e = e ? e : sequences(&s, session_id, made);
	e = e ? e : stream_token(&s, made);
	e = e ? e : past(&s, session_id, made);
	if (!e) {
		*out = made;
		made = NULL;
	}
	source_fini(&s);
	setup_free(made);
	return e;
}

/* --- without a store --- */

static enum err past_given(const struct setup_given *g, struct setup *out)
{
	size_t first = g->turns_n > HISTORY_ITEMS ? g->turns_n - HISTORY_ITEMS : 0;
	enum err e = ERR_OK;

	if (g->call->streams == 0 || g->call->streams == FIELD_NULL_INT)
		return ERR_OK;
	out->past = calloc(HISTORY_ITEMS, sizeof *out->past);
	if (!out->past)
		return ERR_NOMEM;
	for (size_t i = first; i < g->turns_n && !e; i++)
		e = field_copy(turn_type.fields, turn_type.fields_n, &out->past[out->past_n++], &g->turns[i]);
	for (size_t i = g->events_n; i > 0 && g->events_n - i < SPEECH_WITHIN && !e; i--)
		if (!last_speech(&g->events[i - 1], out))
			break;
	out->resumed = out->resumed || out->past_n > 0;
	return e;
}

enum err setup_from(struct setup **out, const struct setup_given *g, const struct settings *cf, struct buf *why)
{
	struct source s = { .cf = cf, .why = why, .call = *g->call, .agent = *g->agent };       /* lent: not ours to free */
	struct setup *made = calloc(1, sizeof *made);
	enum err e = made ? find_key(&s) : ERR_NOMEM;

	e = e ? e : find_texts(&s);
	e = e ? e : tool_set_given(&s.tools, g->tools, g->tools_n, &s.agent);
	e = e ? e : build(&s, made);
	e = e ? e : past_given(g, made);
	if (!e) {
		made->budget = (struct budget){ NAN, NAN, NAN, NAN };
		made->turn_seq = or_zero(s.call.turn_seq);
		made->event_seq = or_zero(s.call.event_seq);
		if (g->turns_n && g->turns[g->turns_n - 1].seq >= made->turn_seq)
			made->turn_seq = g->turns[g->turns_n - 1].seq + 1;
		if (g->events_n && g->events[g->events_n - 1].seq >= made->event_seq)
			made->event_seq = g->events[g->events_n - 1].seq + 1;
		*out = made;
		made = NULL;
	}
	source_fini(&s);
	setup_free(made);
	return e;
}
