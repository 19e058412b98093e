/*
 * post - the queue of what is sent to an agent's post_call_url when a call has ended. Key: time it is due + session id. call_put() enters a call when its
 * `ended_at` is first set; housekeeping sends, repeats with back-off, and gives up after POST_TRIES. At least once: a delivery that was
 * answered while we died is sent again, under the same id.
 */
#ifndef OFFHOOK_POST_H
#define OFFHOOK_POST_H

#include "store/record.h"

#define POST_TRIES 13

struct call;
struct post {
	char *session_id, *agent;                /* agent: id */
	int64_t created_at, attempts;
	char *error;                             /* of the last attempt */
};

extern const struct record_type post_type;

enum err post_enter(struct txn *t, const struct call *c);                    /* when its agent has a post_call_url */
/* The first that is due after `after` (SPAN_NONE: the first of all), copied with its key; ERR_NOTFOUND. */
enum err post_next(struct txn *t, int64_t now_ms, struct span after, struct buf *key, struct post *out);
enum err post_done(struct txn *t, struct span key);                          /* gone already is fine */
enum err post_again(struct txn *t, struct span key, int64_t now_ms, const char *error, bool *given_up);      /* later; or never again */
int64_t post_pause_ms(int64_t attempts);                                     /* before the next one */

#endif
