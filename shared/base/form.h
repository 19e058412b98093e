/* form - application/x-www-form-urlencoded: decoded once, pairs kept in order, empty values and repeated names kept. */
#ifndef OFFHOOK_FORM_H
#define OFFHOOK_FORM_H

#include "buf.h"

struct pair {
	struct span name, value;
};

struct form {
	struct pair *pairs;
	size_t n;
	char *bytes;              /* what the spans point into */
};

#define FORM_PAIRS_MAX 200

enum err form_parse(struct form *out, struct span body);      /* ERR_LIMIT over FORM_PAIRS_MAX; a bad %-escape stays as it is (as browsers do) */
void form_fini(struct form *f);
struct span form_get(const struct form *f, const char *name); /* the first; SPAN_NONE when absent */
void form_encode(struct buf *out, const char *name, struct span value);   /* appends `&` when out is not empty */
void url_encode(struct buf *out, struct span s);               /* RFC 3986 unreserved stay */

#endif
