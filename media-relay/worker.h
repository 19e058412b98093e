/*
 * worker - one thread, one libev loop, one lws context, one 20-ms tick, its share of the calls. A call belongs to the worker that worker_of() names from its
 * session id: announcement, stream and `continue` reach the same one.
 */
#ifndef OFFHOOK_WORKER_H
#define OFFHOOK_WORKER_H

#include "base/err.h"
#include "base/span.h"

struct worker;
struct pool;                             /* all workers, what they share: settings, store thread, resolver, metrics, capacity */

unsigned worker_of(const uint8_t session_id[16], unsigned workers);

/* From any thread: queue and wake. The descriptor is the worker's from then on. */
void worker_give_socket(struct worker *w, int fd);                       /* plain text, not yet read */
void worker_give_control(struct worker *w, int fd, struct span line);    /* a control request whose session is this worker's */
void worker_drain(struct worker *w);
void worker_shutdown(struct worker *w);

#endif
