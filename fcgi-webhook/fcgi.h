/*
 * fcgi - one FastCGI request at a time: bounded request in, whole response out. The listening socket is descriptor 0 and outlives us.
 * A request's spans live until the next fcgi_accept. An answer may come from another thread (see watch.h): the first one counts.
 */
#ifndef OFFHOOK_FCGI_H
#define OFFHOOK_FCGI_H

#include <signal.h>

#include "base/form.h"

#define BODY_MAX ((size_t)64 << 10)

struct request {
	struct span method, uri;                  /* as it came: undecoded, with its query; what Twilio signed */
	struct span path, query;                  /* of uri, undecoded; query SPAN_NONE: there is no '?' */
	struct span content_type, content_length, signature, user, scheme, host, forwarded_proto;
	struct span body;
	struct span session_id;                   /* set by the router: the {session_id} of the path */
	struct form form;                         /* set by the router: the parameters, of the body or the query */
	int64_t began_ms;
	char *owned;                              /* what the spans point into */
	struct buf body_bytes;
};

struct answer {
	int status;
	const char *type;                         /* NULL: no body, no type */
	struct buf body;
	char allow[32];                           /* for 405 */
	const char *policy;                       /* Content-Security-Policy of a page, or NULL */
};

struct fcgi;

enum err fcgi_new(struct fcgi **out, int listen_fd);
void fcgi_free(struct fcgi *f);
/* Waits for a request. Signals of the program are blocked except while nothing is in hand (`idle` is the mask then): libfcgi drops a connection when
 * one arrives between its accept and its first read. ERR_BUSY: a signal, or another worker was faster; ERR_IO: the socket is gone. */
enum err fcgi_accept(struct fcgi *f, struct request *r, const sigset_t *idle);
enum err fcgi_body(struct fcgi *f, struct request *r, size_t max); /* ERR_LIMIT; what is over is read and dropped, so that the answer gets through */
enum err fcgi_answer(struct fcgi *f, const struct answer *a);      /* ERR_EXISTS: somebody answered already; ERR_CLOSED: nobody listens any more */

void request_init(struct request *r, struct span uri);              /* splits the URI; for tests too */
void request_fini(struct request *r);
void answer_fini(struct answer *a);

#endif
