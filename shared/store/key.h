/* key - keys of tables and indices: bytes that sort as their parts do. Numbers are big-endian, texts end with a NUL so that a prefix sorts first. */
#ifndef OFFHOOK_KEY_H
#define OFFHOOK_KEY_H

#include "base/span.h"

#define KEY_MAX      256
#define KEY_TEXT_MAX 120              /* longer texts are cut in keys: the parts behind them keep a key unique */

struct key {
	uint8_t b[KEY_MAX];
	size_t n;
};

void key_bytes(struct key *k, struct span s);
void key_text(struct key *k, struct span s);              /* cut at KEY_TEXT_MAX, plus a NUL */
void key_u32(struct key *k, uint32_t v);
void key_u64(struct key *k, uint64_t v);                  /* times too: never negative here */
uint32_t key_u32_at(struct span s, size_t at);
uint64_t key_u64_at(struct span s, size_t at);
bool key_id(struct key *k, struct span decimal);          /* id as printed -> 8 bytes; false when it is none */
bool key_uuid(struct key *k, struct span text);           /* session id as printed -> 16 bytes */
void key_after(struct key *k);                            /* the first key behind all that start with k (k is not all 0xFF) */

static inline struct span key_span(const struct key *k)
{
	return (struct span){ (const char *)k->b, k->n };
}

#endif
