/*
 * buf - growing bytes with a bound and a remembered error: build in a straight line and look once at `err`.
 * After a failure (ERR_NOMEM, ERR_LIMIT) every append does nothing. The buffer owns its bytes.
 */
#ifndef OFFHOOK_BUF_H
#define OFFHOOK_BUF_H

#include <stdarg.h>

#include "err.h"
#include "span.h"

struct buf {
	char *p;              /* always followed by a NUL when n > 0 or after buf_z() */
	size_t n, cap;
	size_t max;           /* most bytes it may hold; 0 = BUF_MAX_DEFAULT */
	enum err err;
};

#define BUF_MAX_DEFAULT ((size_t)16 << 20)
#define BUF_INIT        ((struct buf){ 0 })
#define BUF_BOUND(m)    ((struct buf){ .max = (m) })

void buf_fini(struct buf *b);                     /* frees; the buffer is BUF_INIT again, its bound kept */
void buf_reset(struct buf *b);                    /* empty, error forgotten, memory kept */
void buf_add(struct buf *b, struct span s);
void buf_addz(struct buf *b, const char *z);
void buf_addc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void buf_num(struct buf *b, double v);            /* shortest decimal that reads back the same ("0.5"); any locale; `null` when not finite */
char *buf_room(struct buf *b, size_t n);          /* n writable bytes at the end, not yet counted; NULL after a failure */
void buf_wrote(struct buf *b, size_t n);          /* of the room, n bytes were written */
void buf_drop(struct buf *b, size_t n);           /* the first n bytes go */
struct span buf_span(const struct buf *b);
const char *buf_z(struct buf *b);                 /* NUL-terminated view; "" after a failure */
char *buf_take(struct buf *b);                    /* the bytes, NUL-terminated, are the caller's now; NULL after a failure */

#endif
