/* phone_playq - what the phone plays. */
#include <stdlib.h>

#include "base/b64.h"
#include "phone_playq.h"

#define RING_FIRST 8192
#define US_A_BYTE  125

void playq_init(struct playq *q, const struct playq_ops *ops, void *arg)
{
	*q = (struct playq){ .ops = ops, .arg = arg };
}

void playq_fini(struct playq *q)
{
	free(q->ring);
	free(q->marks);
	q->ring = NULL;
	q->marks = NULL;
	q->cap = q->n_marks = q->marks_cap = 0;
}

size_t playq_queued(const struct playq *q)
{
	return (size_t)(q->in - q->out);
}

static bool grow(struct playq *q, size_t n)
{
	size_t cap = q->cap ? q->cap : RING_FIRST, queued = playq_queued(q);
	uint8_t *ring;

	while (cap - queued < n)
		cap *= 2;
	if (cap == q->cap)
		return true;
	ring = malloc(cap);
	if (!ring)
		return false;
	for (uint64_t i = q->out; i < q->in; i++)
		ring[i & (cap - 1)] = q->ring[i & (q->cap - 1)];
	free(q->ring);
	q->ring = ring;
	q->cap = cap;
	return true;
}

static void echo_marks(struct playq *q, uint64_t upto, bool cleared)
{
	size_t n = 0;

	while (n < q->n_marks && q->marks[n].at <= upto)
		q->ops->mark(q->arg, q->marks[n++].name, q->heard, cleared);
	q->n_marks -= n;
	if (n)
		memmove(q->marks, q->marks + n, q->n_marks * sizeof *q->marks);
}

static void play(struct playq *q, size_t n)
{
	int64_t from_us = q->base_us + (int64_t)(q->out - q->base) * US_A_BYTE;

	while (n) {
		size_t at = (size_t)(q->out & (q->cap - 1)), piece = q->cap - at < n ? q->cap - at : n;

		q->ops->played(q->arg, from_us, q->ring + at, piece);
		from_us += (int64_t)piece * US_A_BYTE;
		q->out += piece;
		q->heard += piece;
		n -= piece;
	}
}

void playq_to(struct playq *q, int64_t now_us)
{
	uint64_t due;

	if (!q->playing || now_us <= q->base_us)
		return;
	due = q->base + (uint64_t)(now_us - q->base_us) / US_A_BYTE;
	if (due >= q->in) {
		q->dry_us = q->base_us + (int64_t)(q->in - q->base) * US_A_BYTE;
		q->playing = false;
		due = q->in;
	}
	if (due > q->out)                        /* a tick's time may be older than a message's */
		play(q, (size_t)(due - q->out));
	echo_marks(q, q->out, false);
}

static void begin(struct playq *q, int64_t now_us)
{
	if (q->dry_us && now_us - q->dry_us > 1000 && now_us - q->dry_us < PLAYQ_GAP_MS * 1000) {
		q->gaps++;
		q->gap_us += (uint64_t)(now_us - q->dry_us);
	}
	q->playing = true;
	q->base = q->out;
	q->base_us = now_us;
}

enum err playq_add(struct playq *q, int64_t now_us, struct span base64)
{
	size_t n, at, got;

	playq_to(q, now_us);
	if (!b64_decoded_size(base64, &n))
		return ERR_SYNTAX;
	if (playq_queued(q) + n > PLAYQ_BYTES_MAX)
		return ERR_LIMIT;
	if (!grow(q, n + 3))
		return ERR_NOMEM;
	at = (size_t)(q->in & (q->cap - 1));
	if (q->cap - at >= n + 3) {
		if (!b64_decode(q->ring + at, q->cap - at, base64, &got))
			return ERR_SYNTAX;
	} else {
		uint8_t *tmp = malloc(n + 3);               /* around the ring's end: once in a revolution */
		enum err e = !tmp ? ERR_NOMEM : b64_decode(tmp, n + 3, base64, &got) ? ERR_OK : ERR_SYNTAX;

		for (size_t i = 0; e == ERR_OK && i < n; i++)
			q->ring[(q->in + i) & (q->cap - 1)] = tmp[i];
		free(tmp);
		if (e)
			return e;
	}
	if (!q->playing)
		begin(q, now_us);
	q->in += n;
	q->most = playq_queued(q) > q->most ? playq_queued(q) : q->most;
	return ERR_OK;
}

enum err playq_mark(struct playq *q, int64_t now_us, const char *name)
{
	struct playq_mark *m;

	playq_to(q, now_us);
	if (playq_queued(q) == 0) {
		q->ops->mark(q->arg, name, q->heard, false);
		return ERR_OK;
	}
	if (q->n_marks == q->marks_cap) {
		size_t cap = q->marks_cap ? 2 * q->marks_cap : 16;

		m = realloc(q->marks, cap * sizeof *m);
		if (!m)
			return ERR_NOMEM;
		q->marks = m;
		q->marks_cap = cap;
	}
	m = &q->marks[q->n_marks++];
	m->at = q->in;
	span_copy(m->name, sizeof m->name, span_z(name));
	return ERR_OK;
}

size_t playq_clear(struct playq *q, int64_t now_us)
{
	size_t gone;

	playq_to(q, now_us);
	gone = playq_queued(q);
	q->out = q->in;
	q->playing = false;
	q->dry_us = 0;                           /* silence after a clear is no gap */
	echo_marks(q, q->in, true);
	return gone;
}

size_t playq_last(const struct playq *q, size_t n, struct span piece[2])
{
	size_t at = (size_t)((q->in - n) & (q->cap - 1)), first = q->cap - at < n ? q->cap - at : n;

	piece[0] = span_of(q->ring + at, first);
	piece[1] = span_of(q->ring, n - first);
	return piece[1].n ? 2 : 1;
}
