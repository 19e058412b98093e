/*
 * record - one codec: a struct described by a field table to stored bytes and back. A format version is the first byte; fields are written as
 * (field number, length, value) so that old versions still open and unknown fields are kept out of the way. FF_SECRET members are sealed on the
 * way in and come back as the sealed bytes (base64) - field_get_* prints "set"; record_secret_get() opens one.
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
	const char *id;                   /* member that is the record's key as printed: "id", "phone_number", "name"; secrets are bound to it */
};

enum err record_encode(const struct record_type *rt, const void *rec, struct buf *out);
enum err record_decode(const struct record_type *rt, struct span bytes, void *rec);       /* rec gets defaults first; ERR_CORRUPT */
/* One member of stored bytes without decoding the rest: the value as stored (integers 8 bytes big-endian); false when null or absent. For indices. */
bool record_peek(const struct record_type *rt, struct span bytes, size_t member_offset, struct span *value);
void record_init(const struct record_type *rt, void *rec);                                /* zero + defaults */
void record_fini(const struct record_type *rt, void *rec);

/* Get, decode. add: ERR_EXISTS when the key is there. */
enum err record_get(struct txn *t, const struct record_type *rt, struct span key, void *rec);
enum err record_get_for_update(struct txn *t, const struct record_type *rt, struct span key, void *rec);
enum err record_put(struct txn *t, const struct record_type *rt, struct span key, const void *rec);
enum err record_add(struct txn *t, const struct record_type *rt, struct span key, const void *rec);

/* The first (`last`: the last) record whose key in an index (walk.h) starts with `prefix`; ERR_NOTFOUND. */
struct key;
enum err record_by_prefix(struct txn *t, const struct record_type *rt, unsigned index, const struct key *prefix, bool last, void *rec);

/* Secret members hold plain text (from the command line or JSON) until record_seal, and sealed text after it and when they come from the store.
 * Sealed for the record's storage key, so a secret copied into another record does not open. */
bool record_secret_sealed(const char *text);
enum err record_seal(struct store *s, const struct record_type *rt, void *rec);
enum err record_secret_set(struct store *s, const struct record_type *rt, const struct field *f, void *rec, struct span plain);
enum err record_secret_get(struct store *s, const struct record_type *rt, const char *field, const void *rec, struct buf *plain);   /* ERR_NOTFOUND: not set */
/* The same without a store at hand: for a thread that only calls out. */
struct seal_key;
enum err record_secret_open(const struct seal_key *k, const struct record_type *rt, const char *field, const void *rec, struct buf *plain);

#endif
