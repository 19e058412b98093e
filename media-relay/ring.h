/*
 * ring - a bounded queue of outgoing messages in one block: built in place behind RING_PRE free bytes (where the library puts its frame header),
 * written from there, never moved. A message of more than half the block (a first session.update with long instructions) lies beside it, one at a
 * time; everything else allocates nothing. Worker thread only; owned by a leg.
 */
#ifndef OFFHOOK_RING_H
#define OFFHOOK_RING_H

#include "base/span.h"

#define RING_PRE     16
#define RING_BIG_MAX ((size_t)8 << 20)

struct ring {
	char *block;                 /* borrowed; cap bytes, aligned like malloc's */
	size_t cap;
	size_t head, tail, end;      /* first record, first free byte; end of the upper part while the tail has wrapped */
	bool wrapped;
	size_t count, bytes;         /* messages and their payload */
	size_t reserved;             /* room given out by ring_reserve; 0 = none */
	bool reserved_big, has_big;
	char *big;
};

void ring_init(struct ring *r, char *block, size_t cap);
void ring_fini(struct ring *r);                            /* the block stays its owner's */

char *ring_reserve(struct ring *r, size_t n);              /* NULL: no room. Nothing else until ring_commit */
void ring_commit(struct ring *r, size_t n);                /* at most what was reserved; 0 gives it back */
size_t ring_free(const struct ring *r);                    /* the longest message that fits the block now */

bool ring_front(const struct ring *r, char **p, size_t *n);      /* the oldest message */
void ring_pop(struct ring *r);

#endif
