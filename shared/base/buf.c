/* buf - growing bytes with a bound and a remembered error. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "fault.h"

#define CAP_FIRST ((size_t)64)

static void fail(struct buf *b, enum err e)
{
	if (!b->err)
		b->err = e;
}

static size_t bound(const struct buf *b)
{
	size_t max = b->max ? b->max : BUF_MAX_DEFAULT;

	return max < SIZE_MAX - 1 ? max : SIZE_MAX - 1;
}

/* Doubles, so that n appends cost n; the bound and the last NUL are always inside. */
static size_t cap_for(const struct buf *b, size_t need)
{
	size_t cap = b->cap > CAP_FIRST ? b->cap : CAP_FIRST;

	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	return cap > bound(b) + 1 ? bound(b) + 1 : cap;
}

char *buf_room(struct buf *b, size_t n)
{
	size_t cap;
	char *p;

	if (b->err)
		return NULL;
	if (b->n > bound(b) || n > bound(b) - b->n) {
		fail(b, ERR_LIMIT);
		return NULL;
	}
	if (b->cap > b->n && n < b->cap - b->n)
		return b->p + b->n;
	cap = cap_for(b, b->n + n + 1);
	p = fault("buf.grow") ? NULL : realloc(b->p, cap);
	if (!p) {
		fail(b, ERR_NOMEM);
		return NULL;
	}
	b->p = p;
	b->cap = cap;
	return p + b->n;
}

void buf_wrote(struct buf *b, size_t n)
{
	if (b->err || !b->p)
		return;
	b->n += n;
	b->p[b->n] = '\0';
}

void buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .max = b->max };
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	b->err = ERR_OK;
	if (b->p)
		b->p[0] = '\0';
}

void buf_add(struct buf *b, struct span s)
{
	char *p = buf_room(b, s.n);

	if (!p)
		return;
	if (s.n)
		memcpy(p, s.p, s.n);
	buf_wrote(b, s.n);
}

void buf_addz(struct buf *b, const char *z)
{
	buf_add(b, span_z(z));
}

void buf_addc(struct buf *b, char c)
{
	buf_add(b, span_of(&c, 1));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	char *p;
	int n;

	if (b->err)
		return;
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0) {
		fail(b, ERR_INTERNAL);
		return;
	}
	p = buf_room(b, (size_t)n);
	if (!p)
		return;
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	buf_wrote(b, (size_t)n);
}

/* 15 digits are always exact to read and mostly enough; 17 always are. The thread's locale may write a comma. */
void buf_num(struct buf *b, double v)
{
	char z[40] = "null";
	locale_t old = uselocale(span_c_locale());

	for (int digits = 15; isfinite(v) && digits <= 17; digits++) {
		snprintf(z, sizeof z, "%.*g", digits, v);
		if (strtod(z, NULL) == v)
			break;
	}
	uselocale(old);
	buf_addz(b, z);
}

void buf_drop(struct buf *b, size_t n)
{
	if (!b->p)
		return;
	n = n < b->n ? n : b->n;
	b->n -= n;
	memmove(b->p, b->p + n, b->n + 1);
}

struct span buf_span(const struct buf *b)
{
	return b->p && !b->err ? span_of(b->p, b->n) : SPAN("");
}

const char *buf_z(struct buf *b)
{
	if (!buf_room(b, 0))
		return "";
	b->p[b->n] = '\0';
	return b->p;
}

char *buf_take(struct buf *b)
{
	char *p = NULL;

	buf_z(b);
	if (!b->err) {
		p = b->p;
		b->p = NULL;
	}
	buf_fini(b);
	return p;
}
