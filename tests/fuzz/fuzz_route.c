/* Any path: at most one route, the same with and without the last slash, and what is lent as a session id is one. */
#include <assert.h>

#include "base/clock.h"
#include "fcgi-webhook/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct request r = { 0 };
	struct span id, other;
	uint8_t uuid[16];
	const struct route *rt;

	if (n == 0)
		return 0;
	request_init(&r, span_of(p, n));
	assert(r.path.n + (r.query.p ? r.query.n + 1 : 0) == n);
	rt = route_find(r.path, &id);
	if (!rt)
		return 0;
	assert(!id.p || uuid_parse(id, uuid));
	if (r.path.p[r.path.n - 1] == '/')
		assert(route_find(span_head(r.path, r.path.n - 1), &other) == rt);
	return 0;
}
