/* chunk - audio that waits, in blocks from a pool. */
#include <stdlib.h>

#include "base/b64.h"
#include "base/fault.h"
#include "media-relay/chunk.h"

struct chunk_pool {
	struct chunk *free;
	unsigned n, keep;
};

enum err chunk_pool_new(struct chunk_pool **out, unsigned keep)
{
	struct chunk_pool *p = fault("chunk.pool") ? NULL : calloc(1, sizeof *p);

	if (!p)
		return ERR_NOMEM;
	p->keep = keep;
	*out = p;
	return ERR_OK;
}

void chunk_pool_free(struct chunk_pool *p)
{
	while (p && p->free) {
		struct chunk *c = p->free;

		p->free = c->next;
		free(c);
	}
	free(p);
}

static struct chunk *take(struct chunk_pool *p)
{
	struct chunk *c = p ? p->free : NULL;

	if (fault("chunk.take"))
		return NULL;
	if (c) {
		p->free = c->next;
		p->n--;
	} else {
		c = malloc(sizeof *c);
	}
	if (c) {
		c->next = NULL;
		c->from = c->to = 0;
	}
	return c;
}

static void give(struct chunk_pool *p, struct chunk *c)
{
	if (!p || p->n >= p->keep) {
		free(c);
		return;
	}
	c->next = p->free;
	p->free = c;
	p->n++;
}

uint8_t *chunks_room(struct chunks *q, size_t least, size_t *room)
{
	struct chunk *c = q->tail;

	if (!c || CHUNK_BYTES - c->to < least) {
		c = take(q->pool);
		if (!c)
			return NULL;
		if (q->tail)
			q->tail->next = c;
		else
			q->head = c;
		q->tail = c;
	}
	*room = CHUNK_BYTES - c->to;
	return c->b + c->to;
}

void chunks_wrote(struct chunks *q, size_t n)
{
	q->tail->to += (uint32_t)n;
	q->n += n;
}

enum err chunks_add(struct chunks *q, const uint8_t *p, size_t n)
{
	while (n) {
		size_t room;
		uint8_t *to = chunks_room(q, 1, &room);

		if (!to)
			return ERR_NOMEM;
		room = room < n ? room : n;
		memcpy(to, p, room);
		chunks_wrote(q, room);
		p += room;
		n -= room;
	}
	return ERR_OK;
}

enum err chunks_fill(struct chunks *q, uint8_t byte, size_t n)
{
	while (n) {
		size_t room;
		uint8_t *to = chunks_room(q, 1, &room);

		if (!to)
			return ERR_NOMEM;
		room = room < n ? room : n;
		memset(to, byte, room);
		chunks_wrote(q, room);
		n -= room;
	}
	return ERR_OK;
}

struct place { struct chunk *tail; uint32_t to; size_t n; };

static struct place place_of(const struct chunks *q)
{
	return (struct place){ q->tail, q->tail ? q->tail->to : 0, q->n };
}

/* What was added since `w` goes again. */
static void back_to(struct chunks *q, struct place w)
{
	struct chunk *c = w.tail ? w.tail->next : q->head, *next;

	for (; c; c = next) {
		next = c->next;
		give(q->pool, c);
	}
	q->tail = w.tail;
	q->n = w.n;
	if (w.tail) {
		w.tail->next = NULL;
		w.tail->to = w.to;
	} else {
		q->head = NULL;
	}
}

/* Decodes straight into the queue; pieces end where four letters make three bytes. */
enum err chunks_add_b64(struct chunks *q, struct span text)
{
	struct place before = place_of(q);

	if (text.n % 4)
		return ERR_SYNTAX;
	while (text.n) {
		size_t room, piece, got;
		uint8_t *to = chunks_room(q, 3, &room);

		if (!to) {
			back_to(q, before);
			return ERR_NOMEM;
		}
		piece = room / 3 * 4;
		piece = piece < text.n ? piece : text.n;
		if (!b64_decode(to, room, span_head(text, piece), &got) || (got != piece / 4 * 3 && piece != text.n)) {
			back_to(q, before);
			return ERR_SYNTAX;
		}
		chunks_wrote(q, got);
		text = span_skip(text, piece);
	}
	return ERR_OK;
}

size_t chunks_peek_at(const struct chunks *q, size_t at, uint8_t *p, size_t n)
{
	size_t got = 0;

	for (const struct chunk *c = q->head; c && got < n; c = c->next) {
		size_t have = c->to - c->from, past = at < have ? at : have, k = have - past;

		at -= past;
		k = k < n - got ? k : n - got;
		memcpy(p + got, c->b + c->from + past, k);
		got += k;
	}
	return got;
}

size_t chunks_peek(const struct chunks *q, uint8_t *p, size_t n)
{
	return chunks_peek_at(q, 0, p, n);
}

void chunks_drop(struct chunks *q, size_t n)
{
	n = n < q->n ? n : q->n;
	q->n -= n;
	for (struct chunk *c; (c = q->head) != NULL && (n || c->from == c->to);) {
		size_t k = c->to - c->from;

		if (k > n) {
			c->from += (uint32_t)n;
			return;
		}
		n -= k;
		q->head = c->next;
		if (!q->head)
			q->tail = NULL;
		give(q->pool, c);
	}
}

void chunks_keep(struct chunks *q, size_t n)
{
	struct chunk *c = q->head;
	size_t left = n;

	if (n >= q->n)
		return;
	if (n == 0) {
		chunks_clear(q);
		return;
	}
	while (left > c->to - c->from) {
		left -= c->to - c->from;
		c = c->next;
	}
	back_to(q, (struct place){ c, c->from + (uint32_t)left, n });
}

void chunks_join(struct chunks *q, struct chunks *more)
{
	if (q->tail)
		q->tail->next = more->head;
	else
		q->head = more->head;
	q->tail = more->tail ? more->tail : q->tail;
	q->n += more->n;
	more->head = more->tail = NULL;
	more->n = 0;
}

void chunks_clear(struct chunks *q)
{
	back_to(q, (struct place){ NULL, 0, 0 });
}
