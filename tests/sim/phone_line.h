/* phone_line - a link that is slow and unsteady but keeps the order: messages come out when they have travelled long enough. */
#ifndef OFFHOOK_SIM_PHONE_LINE_H
#define OFFHOOK_SIM_PHONE_LINE_H

#include "base/buf.h"

struct phone_line {
	struct buf bytes;
	size_t head;                     /* bytes before it have left */
	int64_t last_us;                 /* when the newest arrives */
};

/* false: out of memory, or over 8 MiB on the way. */
bool line_put(struct phone_line *l, int64_t arrive_us, unsigned kind, struct span message);
bool line_take(struct phone_line *l, int64_t now_us, unsigned *kind, struct span *message);    /* lent until the next put or take */
bool line_take_copy(struct phone_line *l, int64_t now_us, unsigned *kind, struct buf *out);      /* ... for who may put something in while it is read */
bool line_empty(const struct phone_line *l);
void line_fini(struct phone_line *l);

#endif
