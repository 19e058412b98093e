/*
 * record - one codec: a struct described by a field table to stored bytes and back. A format version is the first byte; fields are written as
 * (field number, length, value) so that old versions still open and unknown fields are kept out of the way. FF_SECRET members are sealed on the
 * way in and come back as the sealed bytes (base64) - field_get_* prints "set"; record_secret() opens one.
 */
#ifndef OFFHOOK_RECORD_H
#define OFFHOOK_RECORD_H

#include "base/field.h"
#include "store/store.h"

struct record_type {
	const char *noun;                 /* "agent" */
	enum table table;
	const struct field *fields;       /* their order is the stored numbering: append only, never reorder */
	size_t fields_n, size;
	uint8_t version;
};

enum err record_encode(const struct record_type *rt, const void *rec, struct buf *out);
enum err record_decode(const struct record_type *rt, struct span bytes, void *rec);       /* rec gets defaults first; ERR_CORRUPT */
void record_init(const struct record_type *rt, void *rec);                                /* zero + defaults */
void record_fini(const struct record_type *rt, void *rec);

/* A secret member: `sealed` tells whether the text is already sealed (came from the store). */
enum err record_secret_set(struct store *s, const struct record_type *rt, const struct field *f, void *rec, struct span plain);
enum err record_secret_get(struct store *s, const struct record_type *rt, const char *field, const void *rec, struct buf *plain);   /* ERR_NOTFOUND: not set */

#endif
