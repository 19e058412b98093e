/*
 * chunk - audio that waits, in blocks from a pool: the playback queue and the waiting room of a call. Worker thread only.
 * A pool belongs to a worker and keeps what its calls gave back, so that audio in motion allocates nothing; without a pool the heap is used.
 */
#ifndef OFFHOOK_CHUNK_H
#define OFFHOOK_CHUNK_H

#include "base/err.h"
#include "base/span.h"

#define CHUNK_BYTES 4064

struct chunk {
	struct chunk *next;
	uint32_t from, to;                      /* used part */
	uint8_t b[CHUNK_BYTES];
};

struct chunk_pool;
enum err chunk_pool_new(struct chunk_pool **out, unsigned keep);          /* keeps at most `keep` free chunks */
void chunk_pool_free(struct chunk_pool *p);

struct chunks {                                 /* a queue of bytes; zero it, set pool */
	struct chunk_pool *pool;
	struct chunk *head, *tail;
	size_t n;
};

/* Writable bytes at the end, at least `least` (<= CHUNK_BYTES) of them, all in one piece; NULL: no memory. Then chunks_wrote(). */
uint8_t *chunks_room(struct chunks *q, size_t least, size_t *room);
void chunks_wrote(struct chunks *q, size_t n);
enum err chunks_add(struct chunks *q, const uint8_t *p, size_t n);
enum err chunks_fill(struct chunks *q, uint8_t byte, size_t n);
enum err chunks_add_b64(struct chunks *q, struct span text);              /* ERR_SYNTAX: no base64; then nothing was added */
size_t chunks_peek(const struct chunks *q, uint8_t *p, size_t n);         /* copies up to n bytes from the front */
size_t chunks_peek_at(const struct chunks *q, size_t at, uint8_t *p, size_t n);      /* ... from behind the first `at` */
void chunks_drop(struct chunks *q, size_t n);
void chunks_keep(struct chunks *q, size_t n);                             /* the first n bytes; the others go */
void chunks_join(struct chunks *q, struct chunks *more);                  /* `more`, of the same pool, goes behind and is empty then */
void chunks_clear(struct chunks *q);

#endif
