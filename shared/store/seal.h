/*
 * seal - secrets at rest: AES-256-GCM, random 12-byte nonce, one-byte key id, the record's key and field name as associated data.
 * The key file is 32 bytes with mode 0600, made on first start. A secret is opened only where it is used.
 */
#ifndef OFFHOOK_SEAL_H
#define OFFHOOK_SEAL_H

#include "base/buf.h"

struct seal_key {
	uint8_t bytes[32];
};

enum err seal_key_load(struct seal_key *k, const char *path, bool create);       /* refuses a file others can read, with the command that mends it (log) */
enum err seal_close(const struct seal_key *k, struct span plain, struct span about, struct buf *out);
enum err seal_open(const struct seal_key *k, struct span sealed, struct span about, struct buf *out);      /* ERR_CRYPTO */

#endif
