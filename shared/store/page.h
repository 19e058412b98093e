/* page - one page of a list: every list can be paged without reading what comes before. The token is the last index key, base64url. */
#ifndef OFFHOOK_PAGE_H
#define OFFHOOK_PAGE_H

#include "base/buf.h"

struct page {
	size_t limit;             /* in: 1..500; 0 = 50 */
	struct span after;        /* in: the `next` of the page before; SPAN_NONE = first page. ERR_VALUE when it is no token of this list */
	struct buf next;          /* out: empty when this was the last page */
};

#endif
