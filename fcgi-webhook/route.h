/*
 * route - the only list of endpoints. A path matches with and without its last slash, undecoded, and nothing is ever redirected: a redirect would
 * break the signature. Checks come in the order path, (password,) method, size, content type, signature.
 */
#ifndef OFFHOOK_ROUTE_H
#define OFFHOOK_ROUTE_H

#include "hook.h"

enum route_flag {
	SIGNED = 1 << 0,                 /* by Twilio */
	TWIML  = 1 << 1,                 /* its answer steers a call: when all else fails, an apology with 200 */
	QUIET  = 1 << 3,                 /* steers a call too, but when all else fails nothing is said */
	ADMIN  = 1 << 2,                 /* lighttpd has asked for the password */
};

struct route {
	const char *methods;             /* blank-separated */
	const char *path;                /* `{id}`: one segment, a session id */
	unsigned flags;
	handler *run;
};

extern const struct route routes[];
extern const size_t routes_n;

const struct route *route_find(struct span path, struct span *session_id);       /* NULL: 404 */
bool route_takes(const struct route *rt, struct span method);                    /* HEAD where GET is free of side effects */

void route_serve(struct hook *h, struct request *r, struct answer *a);           /* everything from the checks to the answer */

#endif
