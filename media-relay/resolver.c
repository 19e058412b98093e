/* resolver - a cache of names; look-ups in short-lived threads. One lock; delivery happens under it, so that nothing is delivered after a stop. */
#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "media-relay/resolver.h"

#define NAMES_MAX 256

struct waiter {
	uint64_t tag;
	resolver_deliver *deliver;
	void *arg;
	struct waiter *next;
};

struct name {
	char *host;
	struct addresses good;
	int64_t good_at;                /* of the monotonic clock; meaningful when good.n > 0 */
	char preferred[INET6_ADDRSTRLEN];
	bool running;
	struct waiter *waiters;
	struct name *next;
};

struct resolver {
	pthread_mutex_t lock;
	resolver_lookup *lookup;
	struct name *names;
	unsigned names_n, refs;         /* refs: the owner and every look-up under way */
	bool stopped;
};

struct job {
	struct resolver *r;
	struct name *n;
	resolver_lookup *lookup;
	char *host;
};

static enum err system_lookup(const char *host, struct addresses *out, char *why, size_t why_n)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *list = NULL;
	int e = getaddrinfo(host, NULL, &hints, &list);

	out->n = 0;
	for (struct addrinfo *a = list; !e && a && out->n < RESOLVER_ADDRESSES; a = a->ai_next)
		if (getnameinfo(a->ai_addr, a->ai_addrlen, out->text[out->n], INET6_ADDRSTRLEN, NULL, 0, NI_NUMERICHOST) == 0)
			out->n++;
	if (list)
		freeaddrinfo(list);
	if (out->n)
		return ERR_OK;
	snprintf(why, why_n, "%s", e ? gai_strerror(e) : "no address");
	return ERR_NOTFOUND;
}

static void names_free(struct resolver *r)
{
	struct name *next;

	for (struct name *n = r->names; n; n = next) {
		next = n->next;
		free(n->host);
		free(n);
	}
}

/* Called with the lock held; gives it up. */
static void unref(struct resolver *r)
{
	bool last = --r->refs == 0;

	pthread_mutex_unlock(&r->lock);
	if (!last)
		return;
	names_free(r);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

enum err resolver_start(struct resolver **out)
{
	struct resolver *r = calloc(1, sizeof *r);

	if (!r)
		return ERR_NOMEM;
	pthread_mutex_init(&r->lock, NULL);
	r->lookup = system_lookup;
	r->refs = 1;
	*out = r;
	return ERR_OK;
}

static void waiters_drop(struct name *n)
{
	struct waiter *next;

	for (struct waiter *w = n->waiters; w; w = next) {
		next = w->next;
		free(w);
	}
	n->waiters = NULL;
}

void resolver_stop(struct resolver *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopped = true;
	for (struct name *n = r->names; n; n = n->next)
		waiters_drop(n);
	unref(r);
}

void resolver_use(struct resolver *r, resolver_lookup *f)
{
	pthread_mutex_lock(&r->lock);
	r->lookup = f ? f : system_lookup;
	pthread_mutex_unlock(&r->lock);
}

static void deliver(const struct waiter *w, enum err e, const struct addresses *a, const char *why)
{
	struct resolver_answer *out = calloc(1, sizeof *out);

	if (!out)
		return;                 /* the dial's own time-out ends the wait */
	out->tag = w->tag;
	out->err = e;
	if (!e)
		out->found = *a;
	snprintf(out->why, sizeof out->why, "%s", why);
	w->deliver(w->arg, out);
}

static void deliver_all(struct name *n, enum err e, const char *why)
{
	for (struct waiter *w = n->waiters; w; w = w->next)
		deliver(w, e, &n->good, why);
	waiters_drop(n);
}

static void put_first(struct name *n)
{
	for (unsigned i = 1; i < n->good.n; i++)
		if (strcmp(n->good.text[i], n->preferred) == 0) {
			memmove(n->good.text[1], n->good.text[0], i * sizeof n->good.text[0]);
			memcpy(n->good.text[0], n->preferred, sizeof n->preferred);
		}
}

static void lookup_done(struct job *j, enum err e, const struct addresses *found, const char *why)
{
	pthread_mutex_lock(&j->r->lock);
	j->n->running = false;
	if (!e) {
		j->n->good = *found;
		j->n->good_at = clock_ms();
		put_first(j->n);
	} else {
		log_warn("resolver.failed", "host=%s reason=%s kept=%u", log_q(span_z(j->host)), log_q(span_z(why)), j->n->good.n);
	}
	if (!j->r->stopped)
		deliver_all(j->n, j->n->good.n ? ERR_OK : e, why);
	unref(j->r);
}

static void *lookup_main(void *arg)
{
	struct job *j = arg;
	struct addresses found = { 0 };
	char why[120] = "";
	enum err e = j->lookup(j->host, &found, why, sizeof why);

	lookup_done(j, e, &found, why);
	free(j->host);
	free(j);
	return NULL;
}

static int thread_run(void *(*f)(void *), void *arg)
{
	pthread_attr_t at;
	pthread_t t;
	sigset_t all, old;
	int e;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&at);
	pthread_attr_setdetachstate(&at, PTHREAD_CREATE_DETACHED);
	e = pthread_create(&t, &at, f, arg);
	pthread_attr_destroy(&at);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return e;
}

static enum err lookup_start(struct resolver *r, struct name *n)
{
	struct job *j;

	if (n->running)
		return ERR_OK;
	j = fault("resolver.job") ? NULL : calloc(1, sizeof *j);
	if (!j)
		return ERR_NOMEM;
	*j = (struct job){ r, n, r->lookup, span_dup(span_z(n->host)) };
	n->running = true;
	r->refs++;
	if (j->host && thread_run(lookup_main, j) == 0)
		return ERR_OK;
	r->refs--;
	n->running = false;
	free(j->host);
	free(j);
	return ERR_NOMEM;
}

static struct name *name_find(struct resolver *r, const char *host)
{
	for (struct name *n = r->names; n; n = n->next)
		if (strcmp(n->host, host) == 0)
			return n;
	return NULL;
}

/* Names come from the configuration; the bound only guards against a configuration that changes for ever. */
static struct name *name_get(struct resolver *r, const char *host)
{
	struct name *n = name_find(r, host);

	if (n || r->names_n >= NAMES_MAX)
		return n;
	n = calloc(1, sizeof *n);
	if (!n)
		return NULL;
	n->host = span_dup(span_z(host));
	if (!n->host) {
		free(n);
		return NULL;
	}
	n->next = r->names;
	r->names = n;
	r->names_n++;
	return n;
}

static enum err wait_for(struct name *n, const struct waiter *from)
{
	struct waiter *w = malloc(sizeof *w);

	if (!w)
		return ERR_NOMEM;
	*w = *from;
	w->next = n->waiters;
	n->waiters = w;
	return ERR_OK;
}

static enum err ask_locked(struct resolver *r, const char *host, const struct waiter *w)
{
	struct name *n = name_get(r, host);
	int64_t age;
	enum err e;

	if (!n)
		return ERR_NOMEM;
	age = clock_ms() - n->good_at;
	e = n->good.n && age < RESOLVER_FRESH_MS ? ERR_OK : lookup_start(r, n);
	if (n->good.n && (age < RESOLVER_USABLE_MS || e)) {
		deliver(w, ERR_OK, &n->good, "");
		return ERR_OK;
	}
	return e ? e : wait_for(n, w);
}

/* "127.0.0.1", "::1", "[::1]": nothing to look up. */
static bool numeric(const char *host, struct addresses *out)
{
	struct span s = span_z(host);
	unsigned char raw[16];

	if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = span_of(s.p + 1, s.n - 2);
	out->n = 1;
	return span_copy(out->text[0], INET6_ADDRSTRLEN, s) &&
	       (inet_pton(AF_INET, out->text[0], raw) == 1 || inet_pton(AF_INET6, out->text[0], raw) == 1);
}

enum err resolver_ask(struct resolver *r, const char *host, uint64_t tag, resolver_deliver *d, void *arg)
{
	struct waiter w = { tag, d, arg, NULL };
	struct addresses a;
	enum err e = ERR_OK;

	pthread_mutex_lock(&r->lock);
	if (numeric(host, &a))
		deliver(&w, ERR_OK, &a, "");
	else if (!r->stopped)
		e = ask_locked(r, host, &w);
	pthread_mutex_unlock(&r->lock);
	return e;
}

bool resolver_last(struct resolver *r, const char *host, struct addresses *out)
{
	struct name *n;
	bool found;

	pthread_mutex_lock(&r->lock);
	n = name_find(r, host);
	found = n && n->good.n;
	if (found)
		*out = n->good;
	pthread_mutex_unlock(&r->lock);
	return found;
}

void resolver_prefer(struct resolver *r, const char *host, const char *address)
{
	struct name *n;

	pthread_mutex_lock(&r->lock);
	n = name_find(r, host);
	if (n && span_copy(n->preferred, sizeof n->preferred, span_z(address)))
		put_first(n);
	pthread_mutex_unlock(&r->lock);
}
