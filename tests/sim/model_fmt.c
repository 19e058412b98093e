#include <stdlib.h>

#include "model_fmt.h"

static void put_string(struct buf *b, struct span s)
{
	if (!s.p) {
		buf_add(b, SPAN("null"));
		return;
	}
	buf_addc(b, '"');
	json_escape(b, s);
	buf_addc(b, '"');
}

static void put_json(struct buf *b, struct json_object *o)
{
	enum err e = json_write(b, o);

	if (e && !b->err)
		b->err = e;
}

static void put_value(struct buf *b, char kind, va_list *ap)
{
	switch (kind) {
	case 'q':
		put_string(b, span_z(va_arg(*ap, const char *)));
		break;
	case 'Q':
		put_string(b, va_arg(*ap, struct span));
		break;
	case 's':
		buf_addz(b, va_arg(*ap, const char *));
		break;
	case 'd':
		buf_printf(b, "%d", va_arg(*ap, int));
		break;
	case 'l':
		buf_printf(b, "%lld", (long long)va_arg(*ap, int64_t));
		break;
	case 'f':
		buf_num(b, va_arg(*ap, double));
		break;
	case 'b':
		buf_addz(b, va_arg(*ap, int) ? "true" : "false");
		break;
	case 'J':
		put_json(b, va_arg(*ap, struct json_object *));
		break;
	default:
		abort();                       /* a format of our own is wrong */
	}
}

void model_vfmt(struct buf *b, const char *fmt, va_list ap)
{
	va_list args;

	va_copy(args, ap);
	for (const char *p = fmt; *p; p++) {
		if (*p == '%')
			put_value(b, *++p, &args);
		else
			buf_addc(b, *p == '\'' ? '"' : *p);
	}
	va_end(args);
}

void model_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	model_vfmt(b, fmt, ap);
	va_end(ap);
}
