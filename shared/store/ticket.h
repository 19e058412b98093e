/*
 * ticket - single-use token that admits one media stream. Key: SHA-256 of the token (the token itself is not stored). Bound to session and CallSid, valid 120 s.
 * Every webhook answer makes a fresh one; all unexpired ones of the session admit its stream until one has.
 */
#ifndef OFFHOOK_TICKET_H
#define OFFHOOK_TICKET_H

#include "store/record.h"

#define TICKET_VALID_MS 120000
#define TICKET_TEXT     33             /* 24 random bytes as base64url, and a NUL */

extern const struct record_type ticket_type;          /* for db check */

enum err ticket_new(struct txn *t, struct span session_id, struct span call_sid, int64_t now_ms, const char token[TICKET_TEXT]);
enum err ticket_token(char token[TICKET_TEXT]);      /* made outside the body: a body may run several times */

/* Admits `attempt`, a word that nobody else can say: ERR_OK (again for the same word: repeatable), ERR_DENIED (unknown, expired, used, other session or
 * CallSid). A use spends every ticket of the session issued so far; a fresh one made later (by `continue`) takes the session over. A refusal changes nothing. */
enum err ticket_use(struct txn *t, struct span token, struct span session_id, struct span call_sid, struct span attempt, int64_t now_ms);
enum err ticket_purge(struct txn *t, int64_t now_ms, unsigned *left);      /* deletes up to 200 expired ones */

#endif
