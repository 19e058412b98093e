/*
 * post_call - tells an agent's post_call_url of every call that has ended: POST of {"type":"call.ended","id","attempt","call","turns"}, signed with the
 * agent's post_call_secret (hook_sign.h). Part of housekeeping; never waits: a step starts what is due, moves what is under way and notes what came of it.
 * At least once, under the same id; store/post.h holds the queue and says when it is tried again.
 */
#ifndef OFFHOOK_POST_CALL_H
#define OFFHOOK_POST_CALL_H

#include "store/store.h"

#define POST_CALL_AT_ONCE 16
#define POST_CALL_MS      15000          /* for the whole exchange; the receiver should answer first and work then */

struct poster;

enum err poster_new(struct poster **out);
void poster_free(struct poster *p);      /* what is under way is given up, and sent again by the next one */
bool poster_busy(const struct poster *p);
enum err poster_step(struct poster *p, struct store *s);         /* the store's error; what was to be noted is noted in a later step */

/* What is sent; for tests too. ERR_NOTFOUND: nothing is to be sent any more (the call, its agent or the URL is gone). */
struct post_message {
	struct buf url, body, secret;
};
enum err post_message_make(struct txn *t, struct span session_id, int64_t attempt, struct post_message *m);
void post_message_fini(struct post_message *m);

#endif
