/*
 * span - borrowed bytes: a pointer and a length, valid until their owner changes. Never NUL-terminated
 * by promise. An absent value is SPAN_NONE (p == NULL); an empty one has p != NULL and n == 0.
 */
#ifndef OFFHOOK_SPAN_H
#define OFFHOOK_SPAN_H

#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const char *p;
	size_t n;
};

#define SPAN(lit)   ((struct span){ "" lit "", sizeof(lit) - 1 })
#define SPAN_NONE   ((struct span){ NULL, 0 })
#define SPAN_FMT    "%.*s"
#define SPAN_ARG(s) ((int)(s).n), ((s).p ? (s).p : "")

static inline struct span span_z(const char *z)          /* NULL gives SPAN_NONE */
{
	return (struct span){ z, z ? strlen(z) : 0 };
}

static inline struct span span_of(const void *p, size_t n)
{
	return (struct span){ p, n };
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool span_is(struct span a, const char *z)
{
	return span_eq(a, span_z(z));
}

static inline bool span_starts(struct span s, struct span prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static inline struct span span_skip(struct span s, size_t n)      /* all but the first n bytes */
{
	n = n < s.n ? n : s.n;
	return (struct span){ n ? s.p + n : s.p, s.n - n };
}

static inline struct span span_head(struct span s, size_t n)      /* the first n bytes at most */
{
	return (struct span){ s.p, n < s.n ? n : s.n };
}

struct span span_trim(struct span s);                              /* blanks, tabs, CR, LF off both ends */
bool span_cut(struct span *rest, char sep, struct span *part);     /* next part up to sep; false when rest is used up */
char *span_dup(struct span s);                                     /* heap copy with a NUL; NULL when out of memory */
bool span_copy(char *dst, size_t cap, struct span s);              /* NUL-terminated; false (and "") when it does not fit */
bool span_int(struct span s, int64_t *out);                        /* decimal, whole span, optional '-'; false on overflow too */
bool span_num(struct span s, double *out);                         /* decimal number, locale-independent, finite */
locale_t span_c_locale(void);                                      /* for uselocale() around printf and strtod */
bool span_eq_const(struct span a, struct span b);                  /* in time that depends on the lengths only */
bool span_utf8(struct span s);                                     /* well-formed UTF-8 */
size_t span_utf8_step(struct span s);                              /* length of the well-formed character at the start; 0: none */

#endif
