/* phone_http - one HTTP/1.1 request as Twilio's webhook client sends it, and its answer. On the heap; lives until its owner frees it after `over`. */
#ifndef OFFHOOK_SIM_PHONE_HTTP_H
#define OFFHOOK_SIM_PHONE_HTTP_H

#include "phone_net.h"

struct http_answer {
	enum err err;                    /* no answer at all: `why` */
	const char *why;
	int status;
	struct span type, body;          /* type.p NULL: none was given */
	int64_t us;                      /* from the start of connecting */
};

struct http_request {
	const char *method, *host_header, *signature;      /* signature NULL: no header */
	struct span target, body;
};

struct http {
	struct http *next;               /* the owner's list */
	struct net net;
	struct buf out, in;
	int64_t began_us, deadline_ms;
	struct net_address to;
	SSL_CTX *tls;
	char name[256];
	bool connected, again, over;     /* again: the one retry, which is for connecting only */
	void (*done)(void *arg, struct http *h, const struct http_answer *a);
	void *arg;
	int purpose;                     /* the owner's */
};

#define HTTP_LIMIT_MS 15000              /* Twilio's: everything, from connecting to the last byte */

/* NULL: out of memory or of descriptors. */
struct http *http_start(struct ev_loop *loop, const struct net_address *a, SSL_CTX *tls, const char *name, const struct http_request *r,
                        void (*done)(void *arg, struct http *h, const struct http_answer *a), void *arg);
void http_tick(struct http *h, int64_t now_ms);
void http_free(struct http *h);

/* The parser, for tests: 1 whole, 0 more needed (with `ended`: cut off), -1 no HTTP. The body of a chunked answer is joined in place. */
int http_parse(struct buf *in, bool ended, struct http_answer *a);

#endif
