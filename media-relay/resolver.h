/*
 * resolver - names to addresses, off the event loops. Every name is looked up in a thread of its own, so a slow one delays nobody else.
 * A fresh answer comes from the cache; one up to ten minutes old is used at once while it is renewed; an older one only when the new look-up fails.
 * Any thread may ask; answers go through deliver(), which must only queue and wake.
 */
#ifndef OFFHOOK_RESOLVER_H
#define OFFHOOK_RESOLVER_H

#include <netinet/in.h>

#include "base/err.h"
#include "base/span.h"

#define RESOLVER_FRESH_MS 60000
#define RESOLVER_USABLE_MS 600000
#define RESOLVER_ADDRESSES 4

struct addresses {
	unsigned n;
	char text[RESOLVER_ADDRESSES][INET6_ADDRSTRLEN];      /* numeric, in the order to try */
};

struct resolver_answer {                /* the receiver's; free() */
	uint64_t tag;
	enum err err;
	struct addresses found;
	char why[120];                  /* on error: what the resolver says */
};

struct resolver;
typedef void resolver_deliver(void *arg, struct resolver_answer *a);

enum err resolver_start(struct resolver **out);
void resolver_stop(struct resolver *r);       /* nothing is delivered any more; look-ups under way end by themselves */

/* ERR_NOMEM: nothing will be delivered. */
enum err resolver_ask(struct resolver *r, const char *host, uint64_t tag, resolver_deliver *d, void *arg);
bool resolver_last(struct resolver *r, const char *host, struct addresses *out);      /* the last good answer, however old */

/* This address worked where others before it did not: it comes first from now on. */
void resolver_prefer(struct resolver *r, const char *host, const char *address);

/* Tests: what does the look-up. NULL = getaddrinfo again. */
typedef enum err resolver_lookup(const char *host, struct addresses *out, char *why, size_t why_n);
void resolver_use(struct resolver *r, resolver_lookup *f);

#endif
