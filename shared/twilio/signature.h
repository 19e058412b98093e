/*
 * signature - X-Twilio-Signature: base64(HMAC-SHA1(token, URL + sorted name-value pairs)).
 * Source: Twilio, "Validating requests"; behaviour of the official libraries (URL with and without port; the set of distinct values of a repeated name).
 */
#ifndef OFFHOOK_TWILIO_SIGNATURE_H
#define OFFHOOK_TWILIO_SIGNATURE_H

#include "base/form.h"

#define SIGNATURE_TEXT 29                    /* 28 characters and a NUL */

/* What Twilio would send. The URL loses userinfo and fragment. form NULL: nothing is appended (GET, JSON, upgrade). */
enum err signature_make(char out[SIGNATURE_TEXT], struct span token, struct span url, const struct form *form);

/* Does the header fit one of the tokens (tokens[i].n == 0 is skipped)? All candidates (with, without, with default port) are computed, no early exit. */
bool signature_ok(struct span header, const struct span *tokens, size_t n, struct span url, const struct form *form);

/* JSON bodies: the URL's bodySHA256 parameter must be the digest of the body. */
bool signature_body_ok(struct span url, struct span body);

/* The media upgrade: wss URL, the same + '/', with :443, and the three as https. `which` (may be NULL) names the one that matched, for the log. */
bool signature_stream_ok(struct span header, const struct span *tokens, size_t n, struct span wss_url, const char **which);

#endif
