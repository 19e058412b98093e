/* hook_sign - how receivers know that a request is ours: X-Offhook-Signature: t=UNIXTIME,v1=HEX, the HMAC-SHA-256 of "t.body" with a shared secret. */
#ifndef OFFHOOK_HOOK_SIGN_H
#define OFFHOOK_HOOK_SIGN_H

#include "buf.h"

enum err hook_sign(struct buf *header, struct span secret, int64_t unix_s, struct span body);      /* appends the whole header line */

#endif
