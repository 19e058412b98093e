/* session_tape - the recording of a call, when its agent has `record`: which file, from when on, what is not to be heard in it, and what the record says. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "media-relay/session_impl.h"

static uint8_t *room(void *ctx)
{
	struct session *s = ctx;
	uint8_t *p = s->ops.tape_room(s->ctx, &s->taping.err);

	if (!p)
		s->taping.why = s->taping.err;
	return p;
}

static void put(void *ctx, uint64_t at, size_t n)
{
	struct session *s = ctx;

	s->ops.tape_put(s->ctx, at, n);
}

void taping_init(struct session *s)
{
	s->taping.out = (struct tape_out){ room, put, s };
	tape_init(&s->taping.tape, &s->taping.out, s->ops.pool);
}

void taping_setup(struct session *s)
{
	if (s->setup->record)
		s->play.tape = &s->taping.tape;
}

/* --- the file --- */

/* Named after the day on which the call was connected; so a relay that takes it over finds the file, and the place in it. */
static void choose(struct session *s, int64_t began_ms)
{
	struct taping *t = &s->taping;
	int64_t now = session_now(s), wall = s->ops.wall_ms(s->ctx), connected = s->setup->connected_at;
	char day[TIME_TEXT];

	if (connected == FIELD_NULL_INT)
		connected = wall - (now - began_ms);
	t->zero_ms = now - (wall - connected);
	time_format(day, connected);
	snprintf(t->path, sizeof t->path, "recordings/%.10s/%s.wav", day, s->session_id);
}

static void open_file(struct session *s)
{
	struct taping *t = &s->taping;
	struct call_changes c = call_changes_none();
	enum err e = s->ops.tape_open ? s->ops.tape_open(s->ctx, span_z(t->path)) : ERR_DOWN;

	if (e) {
		session_note(s, "recording.none", SPAN_NONE, SPAN_NONE, span_z(err_text(e)), NULL);
		log_warn("recording.none", "error=%s", err_name(e));
		return;
	}
	t->open = true;
	c.recording = t->path;
	s->ops.save_call(s->ctx, &c, false);
	session_note(s, "recording.started", SPAN_NONE, SPAN_NONE, SPAN_NONE, "{\"file\":\"%s\"}", t->path);
}

static void close_file(struct session *s)
{
	if (s->taping.open)
		s->ops.tape_close(s->ctx);
	s->taping.open = false;
}

/* --- silence that should have been sound --- */

static void tell_gap(struct session *s)
{
	struct taping *t = &s->taping;
	uint64_t n = t->tape.lost - t->told;

	if (!n)
		return;
	t->told = t->tape.lost;
	session_count(s, M_RECORDING_LOST, n / AUDIO_FRAME);
	session_note(s, "recording.gap", SPAN_NONE, SPAN_NONE, span_z(err_text(t->why)), "{\"ms\":%llu}", (unsigned long long)(n / AUDIO_BYTES_MS));
	log_warn("recording.gap", "ms=%llu error=%s", (unsigned long long)(n / AUDIO_BYTES_MS), err_name(t->why));
}

/* A slow disk is a gap, told when it is over; anything else is the end of the recording. */
static void look(struct session *s)
{
	struct taping *t = &s->taping;

	if (t->tape.lost == t->told || t->err == ERR_BUSY)
		return;
	if (t->err)
		tape_off(&t->tape, session_now(s));
	tell_gap(s);
	if (!t->err)
		return;
	session_note(s, "recording.stopped", SPAN_NONE, SPAN_NONE, span_z(err_text(t->err)), NULL);
	close_file(s);
}

/* --- a stream --- */

void taping_stream(struct session *s)
{
	int64_t now = session_now(s), began = now - (s->uplink.end_ts > 0 ? s->uplink.end_ts : 0);      /* it may have begun while the record was loaded */

	if (!s->setup->record)
		return;
	if (!s->taping.path[0])
		choose(s, began);
	if (!s->taping.open)
		open_file(s);
	if (s->taping.open)
		tape_on(&s->taping.tape, s->taping.zero_ms, began, now);
}

void taping_stream_over(struct session *s)
{
	if (!s->taping.tape.on)
		return;
	tape_off(&s->taping.tape, session_now(s));
	look(s);
}

void taping_hush(struct session *s)
{
	if (s->taping.tape.on)
		tape_hush(&s->taping.tape, tooling_deaf(s), session_now(s));
}

void taping_media(struct session *s, const struct stream_msg *m)
{
	if (!s->taping.tape.on)
		return;
	taping_hush(s);
	tape_caller(&s->taping.tape, m->payload, m->timestamp_ms, session_now(s));
}

void taping_tick(struct session *s)
{
	if (!s->taping.tape.on)
		return;
	taping_hush(s);
	tape_tick(&s->taping.tape, session_now(s));
	look(s);
}

void taping_end(struct session *s)
{
	taping_stream_over(s);
	tell_gap(s);
	close_file(s);
}
