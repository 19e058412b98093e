/* phone_hear - what comes to the phone on a stream: media into the queue, marks, clear; what is heard of it; what is wrong with it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "phone.h"
#include "wav.h"

/* --- the queue's happenings --- */

void phone_keep(struct buf *side, int64_t t0_us, int64_t from_us, const uint8_t *p, size_t n)
{
	size_t at = from_us > t0_us ? (size_t)((from_us - t0_us) / 125) : 0;
	size_t quiet = at > side->n ? at - side->n : 0;
	char *room = quiet ? buf_room(side, quiet) : NULL;

	if (room) {
		memset(room, WAV_SILENCE, quiet);
		buf_wrote(side, quiet);
	}
	buf_add(side, span_of(p, n));
}

bool phone_saves(const struct phone *ph)
{
	return ph->conf.save || ph->conf.save_both;
}

static void on_played(void *arg, int64_t from_us, const uint8_t *p, size_t n)
{
	struct stream *s = arg;

	if (s->probe)
		return;
	if (phone_saves(s->call->ph))
		phone_keep(&s->call->heard, s->call->answered_us, from_us, p, n);
	if (s->call->ph->way)
		s->call->ph->way->heard(s, from_us, p, n);
	phone_talk_heard(s->call, from_us, n);
}

static void on_mark(void *arg, const char *name, uint64_t heard_bytes, bool cleared)
{
	struct stream *s = arg;
	struct buf *b = &s->call->ph->scratch;

	(void)heard_bytes;
	buf_reset(b);
	s->n.marks_echoed++;
	s->n.marks_cleared += cleared;
	msg_mark(b, ++s->sequence, s->sid, span_z(name));
	phone_stream_text(s, buf_span(b));
}

const struct playq_ops phone_playq_ops = { on_played, on_mark };

/* --- in --- */

static void malformed(struct stream *s, const char *why)
{
	if (s->n.malformed++ == 0)
		snprintf(s->malformed_why, sizeof s->malformed_why, "%s", why);
}

static void on_media(struct stream *s, struct span base64)
{
	int64_t now = clock_us();
	uint64_t before = s->q.in;
	enum err e = playq_add(&s->q, now, base64);
	size_t n = (size_t)(s->q.in - before);
	struct span piece[2];

	if (e == ERR_LIMIT)
		s->n.overflow++;
	else if (e)
		malformed(s, "the payload is no base64");
	if (e)
		return;
	s->n.media_in++;
	s->n.bytes_in += n;
	s->n.largest_media = n > s->n.largest_media ? n : s->n.largest_media;
	s->n.uneven_media += n % FRAME_BYTES != 0;
	s->n.since_mark += n;
	s->n.most_between_marks = s->n.since_mark > s->n.most_between_marks ? s->n.since_mark : s->n.most_between_marks;
	s->last_media_us = now;
	if (!s->first_media_us)
		s->first_media_us = now;
	if (!s->call->ph->delays)
		return;
	for (size_t i = 0, k = playq_last(&s->q, n, piece); i < k; i++)
		pattern_check(&s->check, (const uint8_t *)piece[i].p, piece[i].n, now);
}

static void on_clear(struct stream *s)
{
	int64_t now = clock_us();
	size_t gone = playq_clear(&s->q, now);

	s->n.clears_in++;
	s->n.cleared_bytes += gone;
	if (!s->probe)
		phone_talk_cleared(s->call, now, gone);
}

/* Open addressing; 0 is an empty place. The place of h, or the empty one where it belongs. */
static uint64_t *place(const struct mark_names *t, uint64_t h)
{
	size_t at = h & (t->cap - 1);

	while (t->v[at] && t->v[at] != h)
		at = (at + 1) & (t->cap - 1);
	return &t->v[at];
}

static bool make_room(struct mark_names *t)
{
	struct mark_names bigger = { .n = t->n, .cap = t->cap ? 2 * t->cap : 64 };

	if (2 * t->n < t->cap)
		return true;
	bigger.v = calloc(bigger.cap, sizeof *bigger.v);
	if (!bigger.v)
		return false;
	for (size_t i = 0; i < t->cap; i++)
		if (t->v[i])
			*place(&bigger, t->v[i]) = t->v[i];
	free(t->v);
	*t = bigger;
	return true;
}

/* A name that cannot be remembered counts as new. */
static bool seen_before(struct mark_names *t, const char *name)
{
	uint64_t h = UINT64_C(14695981039346656037), *at;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * UINT64_C(1099511628211);
	h |= 1;
	if (!make_room(t))
		return false;
	at = place(t, h);
	if (*at)
		return true;
	*at = h;
	t->n++;
	return false;
}

static void on_mark_message(struct stream *s, const char *name)
{
	s->n.marks_in++;
	s->n.since_mark = 0;
	s->n.double_marks += seen_before(&s->names, name);
	playq_mark(&s->q, clock_us(), name);
}

void phone_stream_handle(struct stream *s, struct span text)
{
	struct msg m;
	const char *why;

	s->n.messages_in++;
	s->n.largest = text.n > s->n.largest ? text.n : s->n.largest;
	if (!msg_read(&m, text, s->sid, &why)) {
		malformed(s, why);
		return;
	}
	if (s->state == ST_LATE || s->state == ST_CONNECTING)
		malformed(s, "a message before start");
	else if (m.event == MSG_MEDIA)
		on_media(s, m.value);
	else if (m.event == MSG_CLEAR)
		on_clear(s);
	else
		on_mark_message(s, m.name);
}
