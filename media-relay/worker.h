/*
 * worker - one thread, one libev loop, one lws context, one 20-ms tick, its share of the calls. A call belongs to the worker that worker_of() names from its
 * session id: announcement, stream and `continue` reach the same one.
 */
#ifndef OFFHOOK_WORKER_H
#define OFFHOOK_WORKER_H

#include "base/err.h"
#include "base/span.h"

struct worker;
struct pool;                             /* all workers, what they share: settings, store thread, resolver, metrics, capacity (pool.h) */

unsigned worker_of(const uint8_t session_id[16], unsigned workers);

/* Made one after the other before the first is started: each library context replaces a global of OpenSSL's. */
enum err worker_new(struct worker **out, struct pool *p, unsigned index);
enum err worker_start(struct worker *w);  /* the virtual hosts: after all are made */
enum err worker_run(struct worker *w);    /* the thread: after all are started */
void worker_join(struct worker *w);      /* waits until it has drained or was told to stop */
void worker_free(struct worker *w);      /* after the store thread and the resolver, which may still have posted to it */

/* From any thread: queue and wake. The descriptor is the worker's from then on. */
void worker_give_socket(struct worker *w, int fd);                       /* plain text, not yet read */
void worker_give_control(struct worker *w, int fd, struct span line);    /* a control request whose session is this worker's */
void worker_trust(struct worker *w, void *ssl_ctx);                      /* new trust anchors for the next dials */
void worker_drain(struct worker *w);                                     /* no new calls; ends when the last one has */
void worker_shutdown(struct worker *w);                                  /* closes what still talks with 1001; to be continued elsewhere */
void worker_end(struct worker *w);                                       /* ends every call now, reason `shutdown` */
void worker_stop(struct worker *w);                                      /* the thread ends, whatever is left */

#endif
