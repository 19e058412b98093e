/* ring - records are [length, flag][RING_PRE free bytes][payload], aligned; the block is used as a ring whose records never wrap. */
#include <stdlib.h>

#include "base/fault.h"
#include "media-relay/ring.h"

struct record {
	uint32_t n;
	uint32_t big;                /* the payload lies in r->big */
};

#define ALIGN(n) (((n) + 7) & ~(size_t)7)
#define RECORD(n) (ALIGN(sizeof(struct record) + RING_PRE) + ALIGN(n))
#define PAYLOAD(at) ((at) + ALIGN(sizeof(struct record) + RING_PRE))

void ring_init(struct ring *r, char *block, size_t cap)
{
	*r = (struct ring){ .block = block, .cap = cap & ~(size_t)7 };
}

void ring_fini(struct ring *r)
{
	free(r->big);
	*r = (struct ring){ 0 };
}

/* Where a record of `need` bytes can go. */
static bool place(const struct ring *r, size_t need, size_t *at)
{
	if (r->wrapped) {
		*at = r->tail;
		return need <= r->head - r->tail;
	}
	if (need <= r->cap - r->tail) {
		*at = r->tail;
		return true;
	}
	*at = 0;
	return need <= r->head;
}

static bool is_big(const struct ring *r, size_t n)
{
	return n > r->cap / 2;
}

static char *reserve_big(struct ring *r, size_t n)
{
	size_t at;

	if (r->has_big || n > RING_BIG_MAX || !place(r, RECORD(0), &at))
		return NULL;
	r->big = fault("ring.big") ? NULL : malloc(RING_PRE + n);
	if (!r->big)
		return NULL;
	r->reserved = n;
	r->reserved_big = true;
	return r->big + RING_PRE;
}

char *ring_reserve(struct ring *r, size_t n)
{
	size_t at;

	if (!r->block || n == 0)
		return NULL;
	if (is_big(r, n))
		return reserve_big(r, n);
	if (!place(r, RECORD(n), &at))
		return NULL;
	r->reserved = n;
	r->reserved_big = false;
	return PAYLOAD(r->block + at);
}

static void record_add(struct ring *r, size_t n, bool big)
{
	size_t stored = big ? 0 : n, at;

	place(r, RECORD(stored), &at);
	if (at < r->tail) {
		r->end = r->tail;
		r->wrapped = true;
	}
	memcpy(r->block + at, &(struct record){ (uint32_t)n, big }, sizeof(struct record));
	r->tail = at + RECORD(stored);
	r->count++;
	r->bytes += n;
}

void ring_commit(struct ring *r, size_t n)
{
	bool big = r->reserved_big;
	size_t at;

	n = n < r->reserved ? n : r->reserved;
	r->reserved_big = false;
	if (n) {
		/* The place found for the reserved size holds for a shorter message too: else it could move to the end of the block. */
		if (!big && place(r, RECORD(r->reserved), &at) && at < r->tail && !r->wrapped) {
			r->end = r->tail;
			r->tail = 0;
			r->wrapped = true;
		}
		record_add(r, n, big);
		r->has_big = r->has_big || big;
	} else if (big) {
		free(r->big);
		r->big = NULL;
	}
	r->reserved = 0;
}

static size_t fits(size_t room)
{
	return room > RECORD(0) ? (room - RECORD(0)) & ~(size_t)7 : 0;
}

size_t ring_free(const struct ring *r)
{
	size_t above, below, most;

	if (!r->block)
		return 0;
	if (r->wrapped)
		most = fits(r->head - r->tail);
	else {
		above = fits(r->cap - r->tail);
		below = fits(r->head);
		most = above > below ? above : below;
	}
	return most < r->cap / 2 ? most : r->cap / 2;
}

bool ring_front(const struct ring *r, char **p, size_t *n)
{
	struct record rec;

	if (r->count == 0)
		return false;
	memcpy(&rec, r->block + r->head, sizeof rec);
	*n = rec.n;
	*p = rec.big ? r->big + RING_PRE : PAYLOAD(r->block + r->head);
	return true;
}

void ring_pop(struct ring *r)
{
	struct record rec;

	if (r->count == 0)
		return;
	memcpy(&rec, r->block + r->head, sizeof rec);
	if (rec.big) {
		free(r->big);
		r->big = NULL;
		r->has_big = false;
	}
	r->head += RECORD(rec.big ? 0 : rec.n);
	r->bytes -= rec.n;
	if (--r->count == 0) {
		r->head = r->tail = 0;            /* stay in the pages that are warm */
		r->wrapped = false;
	} else if (r->wrapped && r->head == r->end) {
		r->head = 0;
		r->wrapped = false;
	}
}
