/*
 * pool - what the threads of a relay share: settings, store thread, resolver, trust anchors, capacity, the way to the supervisor. Made before the
 * first thread and freed after the last; the settings may be exchanged while all run.
 */
#ifndef OFFHOOK_POOL_H
#define OFFHOOK_POOL_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "media-relay/http_tool.h"
#include "media-relay/metrics.h"
#include "media-relay/recorder.h"
#include "media-relay/resolver.h"
#include "media-relay/store_thread.h"
#include "media-relay/worker.h"

struct pool {
	_Atomic(const struct settings *) settings;
	struct store_thread *store;
	struct resolver *resolver;
	struct http_tools *http;                 /* NULL until started: tools then get no answer in time */
	struct recorder *recorder;
	struct metrics *metrics;                 /* of the store thread */
	struct worker **workers;
	unsigned workers_n;
	atomic_int active;                       /* calls, from their webhook to the end of their session */
	atomic_bool draining;
	int notify_fd;                           /* -1: nobody listens */
	struct kept *kept;                       /* everything loaded so far: a thread may still read what was exchanged */
};

struct kept {
	struct settings settings;
	SSL_CTX *trust;
	int64_t stamp;                           /* of the files that `trust` was read from */
	struct kept *next;
};

enum err pool_init(struct pool *p, struct kept *first);      /* takes `first` */
void pool_fini(struct pool *p);

/* SIGHUP: on failure `why` says what is wrong and everything stays as it is. */
enum err pool_reload(struct pool *p, struct buf *why);
enum err kept_load(struct kept **out, struct buf *why);
enum err kept_trust(struct kept *k, const struct kept *before, struct buf *why);      /* reads the trust anchors unless they are those of `before` */

static inline const struct settings *pool_settings(struct pool *p)
{
	return atomic_load(&p->settings);
}

bool pool_enter(struct pool *p, bool must);      /* one more call; false: OFFHOOK_MAX_CALLS reached */
void pool_leave(struct pool *p);
void pool_health(struct pool *p, struct buf *json);            /* one object, no newline */
bool pool_healthy(const struct pool *p);
void pool_metrics(struct pool *p, struct buf *page);

/* One line for the supervisor: "ready", "draining", "ended session=... call=... reason=... seconds=...". Any thread. */
void pool_notify(struct pool *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
