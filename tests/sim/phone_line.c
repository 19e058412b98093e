/* phone_line - a delay line of messages. */
#include "phone_line.h"

struct parcel {
	int64_t due_us;
	size_t n;
	unsigned kind;
};

bool line_put(struct phone_line *l, int64_t arrive_us, unsigned kind, struct span message)
{
	struct parcel p = { arrive_us > l->last_us ? arrive_us : l->last_us, message.n, kind };

	if (l->bytes.max == 0)
		l->bytes.max = (size_t)8 << 20;
	if (l->head && l->head >= l->bytes.n / 2) {
		buf_drop(&l->bytes, l->head);
		l->head = 0;
	}
	buf_add(&l->bytes, span_of(&p, sizeof p));
	buf_add(&l->bytes, message);
	l->last_us = p.due_us;
	return l->bytes.err == ERR_OK;
}

bool line_empty(const struct phone_line *l)
{
	return l->head >= l->bytes.n;
}

bool line_take(struct phone_line *l, int64_t now_us, unsigned *kind, struct span *message)
{
	struct parcel p;

	if (line_empty(l))
		return false;
	memcpy(&p, l->bytes.p + l->head, sizeof p);
	if (p.due_us > now_us)
		return false;
	*kind = p.kind;
	*message = span_of(l->bytes.p + l->head + sizeof p, p.n);
	l->head += sizeof p + p.n;
	return true;
}

bool line_take_copy(struct phone_line *l, int64_t now_us, unsigned *kind, struct buf *out)
{
	struct span message;

	if (!line_take(l, now_us, kind, &message))
		return false;
	buf_reset(out);
	buf_add(out, message);
	return true;
}

void line_fini(struct phone_line *l)
{
	buf_fini(&l->bytes);
	*l = (struct phone_line){ 0 };
}
