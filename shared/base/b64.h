/* b64 - base64 (RFC 4648), standard alphabet with padding, and base64url without. Strict: no blanks, no missing padding, no stray bits. */
#ifndef OFFHOOK_B64_H
#define OFFHOOK_B64_H

#include "buf.h"

#define B64_ENCODED(n)     (((n) + 2) / 3 * 4)
#define B64_DECODED_MAX(n) ((n) / 4 * 3)

size_t b64_encode(char *dst, const uint8_t *src, size_t n);                  /* writes B64_ENCODED(n) bytes, no NUL; the audio path's encoder */
bool b64_decode(uint8_t *dst, size_t cap, struct span s, size_t *n);         /* false: malformed or cap too small; the audio path's decoder */
bool b64_decoded_size(struct span s, size_t *n);                             /* by length and padding only */
void b64url_encode(struct buf *out, const uint8_t *src, size_t n);           /* for tokens */
void hex_encode(char *dst, const uint8_t *src, size_t n);                    /* 2n digits, lower case, no NUL */
bool hex_decode(uint8_t *dst, size_t cap, struct span s, size_t *n);

#endif
