/*
 * call_world - the world of a session, made up: a clock that tests move, a store that writes down, a phone that plays what it is sent over a link of given
 * delay and echoes marks when they have really been played, a model that says what the test says. What the session asks for is logged as short words:
 *   load; dial 0; update; greeted; greet; create; cancel R; truncate I 340; text [keypad: 1]; clear; save connected; turn 0 user hello; outcome ...; close caller 1000;
 * Audio is not logged but kept: what the model was sent (up), what the phone was sent (down). Each message is held against the fields it may have.
 */
#ifndef OFFHOOK_CALL_WORLD_H
#define OFFHOOK_CALL_WORLD_H

#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "media-relay/chunk.h"
#include "media-relay/metric_list.h"
#include "media-relay/session.h"
#include "media-relay/tape.h"
#include "openai/session_config.h"
#include "unit.h"

#define CALL "CA00000000000000000000000000000002"
#define STREAM "MZ00000000000000000000000000000003"
#define SESSION "11111111-2222-4333-8444-555555555555"
#define PHONE_MARKS 4096

struct phone_mark { int64_t due; char name[64]; };

struct world {
	struct session *s;
	struct session_ops ops;
	struct buf log, up, down;
	char *room[LEGS];
	size_t room_n[LEGS];
	bool full[LEGS];                       /* this leg's queue takes nothing */
	bool gone, deaf;                     /* deaf: outcomes are never confirmed */
	uint64_t metric[M_COUNT];
	struct call_changes last, outcome;
	unsigned outcomes, events, appends, medias, progress;
	char streams[64];
	char handover[400];
	size_t biggest_media;
	/* the phone */
	int64_t delay, play_end;             /* of what has arrived or is on its way */
	struct phone_mark marks[PHONE_MARKS];
	unsigned marks_n, marks_at;
	int64_t last_mark_pos, played_from;  /* bytes sent at the last mark; when the phone began to play this stretch */
	int64_t cut_part;                    /* content_index of the last truncation */
	int64_t heard_at_clear;              /* ms of the last stretch that the phone had played when the clear got there */
	bool mute;                           /* echoes nothing */
	bool loose;                          /* answers may vanish unheard with their connection, and their marks with them */
	/* the recorder: both sides by position, 0x55 where nothing was put */
	enum err tape_err;                   /* what it says instead */
	char tape_file[100];
	bool tape_on;
	uint8_t block[2 * TAPE_BLOCK], side[2][60 * TAPE_BLOCK];
	uint64_t tape_end, blocks;
	int64_t frame_ts;
};

/* Not json_read: that has failure points of its own. */
static inline struct json_object *parsed(struct span text)
{
	struct json_tokener *t = json_tokener_new();
	struct json_object *o = json_tokener_parse_ex(t, text.p, (int)text.n);

	assert_non_null(o);
	assert_int_equal(json_tokener_get_parse_end(t), text.n);
	json_tokener_free(t);
	return o;
}

static inline int64_t w_now(void *ctx) { (void)ctx; return clock_ms(); }
static inline int64_t w_wall(void *ctx) { (void)ctx; return clock_wall_ms(); }
static inline void w_load(void *ctx) { buf_addz(&((struct world *)ctx)->log, "load;"); }

static inline void w_save_call(void *ctx, const struct call_changes *c, bool outcome)
{
	struct world *w = ctx;

	w->last = *c;
	if (c->streams_add)
		span_copy(w->streams, sizeof w->streams, span_z(c->stream_sid));
	w->last.stream_sid = NULL;
	if (c->handover)
		span_copy(w->handover, sizeof w->handover, span_z(c->handover));
	if (outcome) {
		w->outcome = *c;
		w->outcomes++;
		buf_printf(&w->log, "outcome %s %s %s;", c->status ? c->status : "-", c->end_reason ? c->end_reason : "-", c->resume ? c->resume : "-");
	} else if (c->status || c->resume) {
		buf_printf(&w->log, "save %s%s%s;", c->status ? c->status : "-", c->resume && *c->resume ? " " : "", c->resume ? c->resume : "");
	} else if (c->recording) {
		buf_printf(&w->log, "save %s;", c->recording);
	} else if (c->greeted == 1) {
		buf_addz(&w->log, "save greeted;");
	}
}

static inline void w_save_turn(void *ctx, const struct turn *u)
{
	struct world *w = ctx;

	if (u->tool)
		buf_addz(&w->log, u->completed_at == FIELD_NULL_INT ? "tool runs;" : "tool done;");
	if (u->tool)
		return;
	if (!strcmp(u->role, "assistant") && u->completed_at == FIELD_NULL_INT && u->heard_ms != FIELD_NULL_INT) {
		w->progress++;                       /* once a second of each answer: counted, not logged */
		return;
	}
	buf_printf(&w->log, "turn %lld %s %s%s", (long long)u->seq, u->role, u->text ? u->text : "-", u->interrupted ? " /cut" : "");
	if (u->interrupted)
		buf_printf(&w->log, " %lld", (long long)u->heard_ms);
	buf_addc(&w->log, ';');
}

static inline void w_save_event(void *ctx, const struct event *e)
{
	struct world *w = ctx;

	w->events++;
	if (span_starts(span_z(e->event_type), SPAN("recording.")))
		buf_printf(&w->log, "%s %s;", e->event_type, e->error ? e->error : e->payload);
	if (e->payload)
		json_object_put(parsed(span_z(e->payload)));
}

static inline void w_http(void *ctx, const struct setup *setup, const struct tool *t, uint64_t ticket, struct span arguments)
{
	(void)setup;
	buf_printf(&((struct world *)ctx)->log, "http %s %llu " SPAN_FMT ";", t->name, (unsigned long long)ticket, SPAN_ARG(arguments));
}

static inline void w_dial(void *ctx, enum session_leg leg, const struct upstream *u)
{
	buf_printf(&((struct world *)ctx)->log, "%s %s;", leg == LEG_NEXT ? "next" : "dial", u->host);
}

static inline void w_promote(void *ctx) { buf_addz(&((struct world *)ctx)->log, "promote;"); }

static inline char *w_reserve(void *ctx, enum session_leg leg, size_t n)
{
	struct world *w = ctx;

	if (w->full[leg])
		return NULL;
	assert_null(w->room[leg]);
	w->room[leg] = malloc(n);            /* exactly so much */
	w->room_n[leg] = n;
	return w->room[leg];
}

/* --- what the session may send --- */

static inline void only_fields(struct json_object *o, const char *allowed)
{
	json_object_object_foreach(o, key, val)
	{
		char word[64];

		(void)val;
		snprintf(word, sizeof word, " %s ", key);
		if (!strstr(allowed, word))
			fail_msg("field %s in %s", key, json_object_to_json_string(o));
	}
}

/* An item of the history has an id; the first of them, which says why, is logged as "rebuild". */
static inline void model_item(struct world *w, struct json_object *o, struct json_object *it)
{
	struct span type = json_get_span(it, "type"), role = json_get_span(it, "role"), text;

	only_fields(o, " type event_id previous_item_id item ");
	assert_true(json_get_span(it, "id").n <= 32);
	if (!span_is(type, "message")) {
		only_fields(it, " type id call_id name arguments output ");
		assert_in_range(json_get_span(it, "call_id").n, 1, 32);
		text = json_get_span(it, span_is(type, "function_call") ? "arguments" : "output");
		buf_printf(&w->log, "%s " SPAN_FMT ";", span_is(type, "function_call") ? "call" : "output", SPAN_ARG(text));
		return;
	}
	only_fields(it, " type role content id ");
	text = json_get_span(json_object_array_get_idx(json_get(it, "content"), 0), "text");
	if (span_is(json_get_span(o, "event_id"), "hwhy"))
		buf_addz(&w->log, "rebuild;");
	else if (json_get(it, "id") || span_is(role, "system"))
		buf_printf(&w->log, SPAN_FMT " " SPAN_FMT ";", SPAN_ARG(role), SPAN_ARG(text));
	else
		buf_printf(&w->log, "text " SPAN_FMT ";", SPAN_ARG(text));
}

static inline void model_words(struct world *w, struct json_object *o)
{
	struct span type = json_get_span(o, "type"), id = json_get_span(o, "event_id");
	int64_t ms = -1, index = -1;

	if (span_is(type, "session.update")) {
		only_fields(o, " type event_id session ");
		buf_addz(&w->log, span_is(id, "greeted") ? "greeted;" : "update;");
	} else if (span_is(type, "conversation.item.truncate")) {
		only_fields(o, " type event_id item_id content_index audio_end_ms ");
		assert_true(json_get_int(o, "content_index", &index) && json_get_int(o, "audio_end_ms", &ms) && ms >= 0);
		w->cut_part = index;
		buf_printf(&w->log, "truncate " SPAN_FMT " %lld;", SPAN_ARG(json_get_span(o, "item_id")), (long long)ms);
	} else if (span_is(type, "response.create")) {
		only_fields(o, " type event_id response ");
		if (span_is(json_get_span(json_path(o, "response.metadata"), "purpose"), "filler"))
			buf_printf(&w->log, "filler %s;", strstr(json_object_get_string(json_path(o, "response.instructions")), "nothing else: "));
		else if (json_path(o, "response.metadata.purpose"))
			buf_printf(&w->log, "say " SPAN_FMT ";", SPAN_ARG(json_span(json_path(o, "response.metadata.purpose"))));
		else
			buf_addz(&w->log, !json_get(o, "response") ? "create;" : span_is(id, "greeting") ? "greet;" : "continue;");
	} else if (span_is(type, "response.cancel")) {
		only_fields(o, " type event_id response_id ");
		buf_printf(&w->log, "cancel " SPAN_FMT ";", SPAN_ARG(json_get_span(o, "response_id")));
	} else if (span_is(type, "conversation.item.create") && !json_get(json_get(o, "item"), "role") &&
	           !json_get(json_get(o, "item"), "id")) {
		struct json_object *it = json_get(o, "item");
		bool approve = false;

		only_fields(it, " type call_id output approval_request_id approve ");
		if (json_get_bool(it, "approve", &approve))
			buf_printf(&w->log, "approve " SPAN_FMT " %d;", SPAN_ARG(json_get_span(it, "approval_request_id")), approve);
		else
			buf_printf(&w->log, "output " SPAN_FMT " " SPAN_FMT ";", SPAN_ARG(json_get_span(it, "call_id")), SPAN_ARG(json_get_span(it, "output")));
	} else if (span_is(type, "conversation.item.create")) {
		model_item(w, o, json_get(o, "item"));
	} else if (span_is(type, "conversation.item.delete")) {
		only_fields(o, " type event_id item_id ");
		buf_printf(&w->log, "delete " SPAN_FMT ";", SPAN_ARG(json_get_span(o, "item_id")));
	} else {
		fail_msg("client event %.*s", SPAN_ARG(type));
	}
	assert_true(id.n > 0);
}

static inline void decode_to(struct buf *out, struct span b64)
{
	size_t n = 0;
	char *room = buf_room(out, b64.n);

	assert_true(b64_decode((uint8_t *)room, b64.n, b64, &n));
	buf_wrote(out, n);
}

static inline void to_model(struct world *w, struct json_object *o)
{
	if (!span_is(json_get_span(o, "type"), "input_audio_buffer.append")) {
		model_words(w, o);
		return;
	}
	only_fields(o, " type audio ");
	decode_to(&w->up, json_get_span(o, "audio"));
	w->appends++;
}

static inline void phone_media(struct world *w, struct json_object *o)
{
	size_t before = w->down.n, n;
	int64_t arrives = clock_ms() + w->delay;

	only_fields(o, " event streamSid media ");
	only_fields(json_get(o, "media"), " payload ");
	decode_to(&w->down, json_get_span(json_get(o, "media"), "payload"));
	n = w->down.n - before;
	assert_true(n > 0 && n % 160 == 0 && n <= 1600);
	assert_true(w->loose || (int64_t)w->down.n - w->last_mark_pos <= 1600);       /* marks at most 200 ms apart */
	w->medias++;
	w->biggest_media = n > w->biggest_media ? n : w->biggest_media;
	if (w->play_end < arrives)
		w->played_from = w->play_end = arrives;
	w->play_end += (int64_t)n / 8;
}

static inline void phone_mark(struct world *w, struct json_object *o)
{
	struct span name = json_get_span(json_get(o, "mark"), "name");
	int64_t at = clock_ms() + w->delay;

	only_fields(o, " event streamSid mark ");
	assert_true(w->marks_n < PHONE_MARKS);
	for (unsigned i = 0; i < w->marks_n; i++)
		assert_false(span_is(name, w->marks[i].name));
	assert_true(span_copy(w->marks[w->marks_n].name, 64, name));
	w->marks[w->marks_n++].due = (w->play_end > at ? w->play_end : at) + w->delay;
	w->last_mark_pos = (int64_t)w->down.n;
}

/* The queue is emptied when the clear arrives; all marks that were not played come back then. */
static inline void phone_clear(struct world *w, struct json_object *o)
{
	int64_t at = clock_ms() + w->delay;

	only_fields(o, " event streamSid ");
	buf_addz(&w->log, "clear;");
	w->last_mark_pos = (int64_t)w->down.n;       /* what is sent from now on has marks of its own */
	w->heard_at_clear = (at < w->play_end ? at : w->play_end) - w->played_from;
	for (unsigned i = w->marks_at; i < w->marks_n; i++)
		if (w->marks[i].due > at + w->delay)
			w->marks[i].due = at + w->delay;
	w->play_end = at < w->play_end ? at : w->play_end;
}

static inline void to_phone(struct world *w, struct json_object *o)
{
	struct span event = json_get_span(o, "event");

	assert_span(json_get_span(o, "streamSid"), w->streams);
	if (span_is(event, "media"))
		phone_media(w, o);
	else if (span_is(event, "mark"))
		phone_mark(w, o);
	else if (span_is(event, "clear"))
		phone_clear(w, o);
	else
		fail_msg("to Twilio: %.*s", SPAN_ARG(event));
}

static inline void w_commit(void *ctx, enum session_leg leg, size_t n)
{
	struct world *w = ctx;
	struct json_object *o;

	assert_true(w->room[leg] && n <= w->room_n[leg]);
	if (leg == LEG_MODEL && getenv("SHOW_MESSAGES"))
		printf("\nMESSAGE %.*s\n", (int)n, w->room[leg]);
	o = parsed(span_of(w->room[leg], n));
	if (leg == LEG_NEXT)
		buf_addz(&w->log, "next ");
	if (leg != LEG_CALLER)
		to_model(w, o);
	else
		to_phone(w, o);
	json_object_put(o);
	free(w->room[leg]);
	w->room[leg] = NULL;
}

static inline void w_close(void *ctx, enum session_leg leg, uint16_t code, struct span reason)
{
	(void)reason;
	buf_printf(&((struct world *)ctx)->log, "close %s %u;", leg == LEG_CALLER ? "caller" : leg == LEG_MODEL ? "model" : "next", code);
}

static inline void w_pause(void *ctx, enum session_leg leg, bool on)
{
	buf_printf(&((struct world *)ctx)->log, "pause %d %d;", (int)leg, on);
}

static inline enum err w_tape_open(void *ctx, struct span path)
{
	struct world *w = ctx;

	assert_false(w->tape_on);
	if (w->tape_err)
		return w->tape_err;
	if (!w->tape_end)
		memset(w->side, 0x55, sizeof w->side);
	assert_true(span_copy(w->tape_file, sizeof w->tape_file, path));
	w->tape_on = true;
	return ERR_OK;
}

static inline uint8_t *w_tape_room(void *ctx, enum err *why)
{
	struct world *w = ctx;

	assert_true(w->tape_on);
	*why = w->tape_err;
	return w->tape_err ? NULL : w->block;
}

static inline void w_tape_put(void *ctx, uint64_t at, size_t n)
{
	struct world *w = ctx;

	assert_true(w->tape_on && n <= TAPE_BLOCK && at >= w->tape_end && at + n <= 60 * TAPE_BLOCK);
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < 2; k++)
			w->side[k][at + i] = w->block[2 * i + k];
	w->tape_end = at + n;
	w->blocks++;
}

static inline void w_tape_close(void *ctx)
{
	struct world *w = ctx;

	assert_true(w->tape_on);
	w->tape_on = false;
	buf_addz(&w->log, "tape over;");
}

static inline void w_gone(void *ctx, enum end_reason r)
{
	struct world *w = ctx;

	assert_false(w->gone);
	w->gone = true;
	buf_printf(&w->log, "gone %s;", end_text(r));
}

static inline void w_count(void *ctx, int metric, uint64_t n) { ((struct world *)ctx)->metric[metric] += n; }
static inline void w_observe(void *ctx, int metric, uint64_t us) { (void)us; ((struct world *)ctx)->metric[metric]++; }

/* --- what happens to the session --- */

static inline void w_event(struct world *w, enum session_ev ev, const char *data) { session_event(w->s, ev, span_z(data)); }

/* In memory of exactly its size: one byte more is an error the sanitizer sees. */
static inline void exactly(struct world *w, enum session_ev ev, const char *text, size_t n)
{
	char *exact = malloc(n + (n == 0));

	memcpy(exact, text, n);
	session_event(w->s, ev, span_of(exact, n));
	free(exact);
}

__attribute__((format(printf, 2, 3))) static inline void w_model(struct world *w, const char *fmt, ...)
{
	static char text[40000];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	exactly(w, EV_MODEL_MESSAGE, text, (size_t)n);
}

__attribute__((format(printf, 2, 3))) static inline void w_caller(struct world *w, const char *fmt, ...)
{
	static char text[40000];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	exactly(w, EV_CALLER_MESSAGE, text, (size_t)n);
}

static inline void w_echoes(struct world *w)
{
	while (!w->mute && w->marks_at < w->marks_n && w->marks[w->marks_at].due <= clock_ms()) {
		const char *name = w->marks[w->marks_at++].name;

		w_caller(w, "{\"event\":\"mark\",\"sequenceNumber\":\"4\",\"streamSid\":\"%s\",\"mark\":{\"name\":\"%s\"}}", w->streams, name);
	}
}

static inline void w_run(struct world *w, int64_t ms)
{
	for (int64_t t = 0; t < ms && !w->gone; t += 20) {
		clock_move(20);
		w_echoes(w);
		if (!w->gone)
			w_event(w, EV_TICK, NULL);
	}
}

static inline void w_b64(char *out, size_t n, uint8_t seed)
{
	uint8_t raw[16000];

	assert_true(n <= sizeof raw);
	for (size_t i = 0; i < n; i++)
		raw[i] = (uint8_t)(seed + i * 7);
	out[b64_encode(out, raw, n)] = '\0';
}

static inline void w_frame(struct world *w, uint8_t seed)
{
	char b64[217];

	w_b64(b64, 160, seed);
	w_caller(w, "{\"event\":\"media\",\"sequenceNumber\":\"2\",\"media\":{\"track\":\"inbound\",\"chunk\":\"1\",\"timestamp\":\"%lld\",\"payload\":\"%s\"},"
	         "\"streamSid\":\"%s\"}", (long long)w->frame_ts, b64, w->streams);
	w->frame_ts += 20;
}

static inline void w_delta(struct world *w, const char *response, const char *item, size_t ms)
{
	char *b64 = malloc(B64_ENCODED(ms * 8) + 1);

	w_b64(b64, ms * 8, (uint8_t)item[1]);
	w_model(w, "{\"type\":\"response.output_audio.delta\",\"event_id\":\"event_S44\",\"response_id\":\"%s\",\"item_id\":\"%s\",\"output_index\":0,"
	        "\"content_index\":0,\"delta\":\"%s\"}", response, item, b64);
	free(b64);
}

static inline void w_response(struct world *w, const char *id)
{
	w_model(w, "{\"type\":\"response.created\",\"event_id\":\"e\",\"response\":{\"object\":\"realtime.response\",\"id\":\"%s\",\"status\":\"in_progress\","
	        "\"status_details\":null,\"output\":[],\"usage\":null,\"metadata\":null}}", id);
}

static inline void w_words(struct world *w, const char *response, const char *item, const char *text)
{
	w_model(w, "{\"type\":\"response.output_audio_transcript.done\",\"event_id\":\"e\",\"response_id\":\"%s\",\"item_id\":\"%s\",\"output_index\":0,"
	        "\"content_index\":0,\"transcript\":\"%s\"}", response, item, text);
}

static inline void w_item_done(struct world *w, const char *response, const char *item)
{
	w_model(w, "{\"type\":\"response.output_audio.done\",\"event_id\":\"e\",\"response_id\":\"%s\",\"item_id\":\"%s\",\"output_index\":0,\"content_index\":0}",
	        response, item);
}

static inline void w_done(struct world *w, const char *id, const char *status)
{
	w_model(w, "{\"type\":\"response.done\",\"event_id\":\"e\",\"response\":{\"object\":\"realtime.response\",\"id\":\"%s\",\"status\":\"%s\","
	        "\"status_details\":null,\"output\":[{\"id\":\"x\",\"type\":\"message\"}],\"usage\":{\"total_tokens\":512,\"input_tokens\":431,"
	        "\"output_tokens\":81,\"input_token_details\":{\"text_tokens\":380,\"audio_tokens\":51,\"cached_tokens\":320,"
	        "\"cached_tokens_details\":{\"text_tokens\":320,\"audio_tokens\":0}},\"output_token_details\":{\"text_tokens\":19,\"audio_tokens\":62}}}}", id, status);
}

/* A whole answer: as many milliseconds in deltas of 250, words, the end. */
static inline void w_answer(struct world *w, const char *response, const char *item, size_t ms, const char *text)
{
	w_response(w, response);
	for (size_t at = 0; at < ms; at += 250)
		w_delta(w, response, item, ms - at < 250 ? ms - at : 250);
	w_item_done(w, response, item);
	w_words(w, response, item, text);
	w_done(w, response, "completed");
}

static inline void w_speech(struct world *w, const char *item)
{
	w_model(w, "{\"type\":\"input_audio_buffer.speech_started\",\"event_id\":\"e\",\"audio_start_ms\":5240,\"item_id\":\"%s\"}", item);
}

static inline void w_speech_over(struct world *w, const char *item)
{
	w_model(w, "{\"type\":\"input_audio_buffer.speech_stopped\",\"event_id\":\"e\",\"audio_end_ms\":7620,\"item_id\":\"%s\"}", item);
}

static inline void w_heard(struct world *w, const char *item, const char *text)
{
	w_model(w, "{\"type\":\"conversation.item.input_audio_transcription.completed\",\"event_id\":\"e\",\"item_id\":\"%s\",\"content_index\":0,"
	        "\"transcript\":\"%s\",\"usage\":{\"type\":\"tokens\",\"total_tokens\":35,\"input_tokens\":24,\"output_tokens\":11}}", item, text);
}

static inline void w_created(struct world *w)
{
	w_event(w, EV_MODEL_OPEN, NULL);
	w_model(w, "{\"type\":\"session.created\",\"event_id\":\"e\",\"session\":{\"type\":\"realtime\",\"id\":\"sess_1\"}}");
}

static inline void w_updated(struct world *w, const char *in, const char *out, const char *voice)
{
	w_model(w, "{\"type\":\"session.updated\",\"event_id\":\"e\",\"session\":{\"type\":\"realtime\",\"id\":\"sess_1\",\"audio\":{\"input\":{\"format\":"
	        "{\"type\":\"%s\"%s},\"turn_detection\":{\"type\":\"server_vad\",\"silence_duration_ms\":500}},\"output\":{\"format\":{\"type\":\"%s\"%s},\"voice\":\"%s\"}}}}",
	        in, strcmp(in, "audio/pcm") ? "" : ",\"rate\":24000", out, strcmp(out, "audio/pcm") ? "" : ",\"rate\":24000", voice);
}

static inline void w_ready(struct world *w)
{
	w_created(w);
	w_updated(w, "audio/pcmu", "audio/pcmu", "marin");
}

/* --- the log --- */

static inline void expect(struct world *w, const char *want)
{
	const char *got = buf_z(&w->log);

	if (strcmp(got, want) != 0)
		fail_msg("\n  asked for: %s\n  expected:  %s", got, want);
	buf_reset(&w->log);
}

static inline void forget(struct world *w) { buf_reset(&w->log); }

/* --- begin and end --- */

static inline void w_update_of(struct upstream *u, const char *host, bool protect)
{
	char text[400];

	u->host = strdup(host);
	u->model = strdup("gpt-realtime-2.1");
	snprintf(text, sizeof text, "{\"type\":\"session.update\",\"event_id\":\"configure\",\"session\":{\"type\":\"realtime\"}}");
	u->session_update = strdup(text);
	free(u->continue_create);
	u->continue_create = strdup("{\"type\":\"response.create\",\"event_id\":\"r0\",\"response\":{\"instructions\":\"Go on\"}}");
	if (protect)
		u->greeted_update = strdup("{\"type\":\"session.update\",\"event_id\":\"greeted\",\"session\":{\"type\":\"realtime\"}}");
}

static inline char *w_notice(enum notice n)
{
	struct agent a = { 0 };
	struct session_config c = { .agent = &a };
	struct buf b = BUF_INIT;

	assert_int_equal(session_config_notice(&b, &c, n), ERR_OK);
	return buf_take(&b);
}

static inline struct setup *w_setup(void)
{
	struct setup *s = calloc(1, sizeof *s);

	span_copy(s->session_id, sizeof s->session_id, SPAN(SESSION));
	span_copy(s->call_sid, sizeof s->call_sid, SPAN(CALL));
	w_update_of(&s->upstreams[0], "first", false);
	s->upstreams_n = 1;
	s->voice = strdup("marin");
	s->greeting_create = strdup("{\"type\":\"response.create\",\"event_id\":\"greeting\",\"response\":{\"instructions\":\"Say: hello\"}}");
	s->greeting_interruptible = true;
	s->vad = s->vad_interrupt = s->vad_create = s->transcription = true;
	s->uplink_frames = 1;
	s->playout_lead_ms = 400;
	s->keep_turns = s->keep_events = true;
	s->max_call_cost = NAN;
	s->budget = (struct budget){ NAN, NAN, NAN, NAN };
	s->connected_at = FIELD_NULL_INT;
	for (enum notice n = 0; n < NOTICES; n++)
		s->notices[n] = w_notice(n);
	return s;
}

static inline void no_line(const char *line, void *arg) { (void)line; (void)arg; }

static inline struct world *w_begin(struct setup *setup)
{
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(buf_room(&w->log, 60000));       /* the world itself never runs out of memory */
	assert_non_null(buf_room(&w->up, 200000));
	assert_non_null(buf_room(&w->down, 200000));
	log_to(no_line, NULL);
	clock_set(1000000, 1790000000000);
	w->ops = (struct session_ops){
		.now_ms = w_now, .wall_ms = w_wall, .load = w_load, .save_call = w_save_call, .save_turn = w_save_turn, .save_event = w_save_event,
		.http = w_http, .dial = w_dial, .promote = w_promote, .reserve = w_reserve, .commit = w_commit, .close = w_close, .pause = w_pause, .gone = w_gone,
		.tape_open = w_tape_open, .tape_room = w_tape_room, .tape_put = w_tape_put, .tape_close = w_tape_close,
		.metrics = { w_count, w_observe, NULL },
	};
	assert_int_equal(session_new(&w->s, &w->ops, w, SPAN(SESSION), false), ERR_OK);
	if (setup) {
		session_take_setup(w->s, setup);
		w_event(w, EV_RECORD, NULL);
	}
	return w;
}

static inline void w_start(struct world *w)
{
	span_copy(w->streams, sizeof w->streams, SPAN(STREAM));
	w_event(w, EV_CALLER_START, STREAM);
}

/* A call with its model ready, its greeting spoken and heard, nothing in the log. */
static inline struct world *w_talking(struct setup *setup)
{
	struct world *w = w_begin(setup);

	w_ready(w);
	w_start(w);
	if (setup->greeting_create) {
		w_answer(w, "resp_G", "item_G", 500, "Hello");
		w_run(w, 800 + 2 * w->delay);
	}
	forget(w);
	buf_reset(&w->up);
	buf_reset(&w->down);
	w->last_mark_pos = 0;
	return w;
}

static inline void w_end(struct world *w)
{
	session_free(w->s);
	buf_fini(&w->log);
	buf_fini(&w->up);
	buf_fini(&w->down);
	free(w->room[0]);
	free(w->room[1]);
	free(w->room[2]);
	free(w);
	clock_real();
	log_to(NULL, NULL);
}

/* --- what many calls need --- */

static inline struct setup *silent_setup(void)          /* the caller speaks first */
{
	struct setup *s = w_setup();

	free(s->greeting_create);
	s->greeting_create = NULL;
	return s;
}

static inline struct setup *two_upstreams(void)
{
	struct setup *s = w_setup();

	w_update_of(&s->upstreams[1], "second", false);
	s->upstreams_n = 2;
	return s;
}

static inline void stop(struct world *w)
{
	w_caller(w, "{\"event\":\"stop\",\"sequenceNumber\":\"904\",\"streamSid\":\"" STREAM "\",\"stop\":{\"accountSid\":\"AC1\",\"callSid\":\"" CALL "\"}}");
}

static inline void press(struct world *w, char digit)
{
	w_caller(w, "{\"event\":\"dtmf\",\"streamSid\":\"" STREAM "\",\"sequenceNumber\":\"5\",\"dtmf\":{\"track\":\"inbound_track\",\"digit\":\"%c\"}}", digit);
}

static inline void error_event(struct world *w, const char *type, const char *code, const char *message, const char *event_id)
{
	w_model(w, "{\"type\":\"error\",\"event_id\":\"e\",\"error\":{\"type\":\"%s\",\"code\":\"%s\",\"message\":\"%s\",\"param\":null,\"event_id\":\"%s\"}}",
	        type, code, message, event_id);
}

#endif
