/*
 * announce - control requests about calls (shared/control.h), in the worker that owns the session. A request about a call that is not known here is
 * answered so; an announcement makes the session and is answered when its record has been read, or when its 300 ms are over.
 */
#ifndef OFFHOOK_ANNOUNCE_H
#define OFFHOOK_ANNOUNCE_H

#include "media-relay/worker.h"

#define ANNOUNCE_REPLY_MS 280            /* a little before the webhook gives up */

struct worker;
void announce_request(struct worker *w, int fd, struct span text);       /* the descriptor is ours */
void announce_reply(int fd, const char *json);                           /* one line, then the connection is closed */

#endif
