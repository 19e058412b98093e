/* What decodes encodes to the very same text (there is one spelling only), and everything encoded decodes. */
#include <assert.h>
#include <stdlib.h>

#include "base/b64.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uint8_t *plain = malloc(n + 1);
	char *text = malloc(B64_ENCODED(n) + 1);
	size_t k, size;

	if (b64_decode(plain, n, span_of(p, n), &k)) {
		assert(b64_decoded_size(span_of(p, n), &size) && size == k);
		assert(span_eq(span_of(text, b64_encode(text, plain, k)), span_of(p, n)));
	}
	assert(b64_encode(text, p, n) == B64_ENCODED(n));
	assert(b64_decode(plain, n, span_of(text, B64_ENCODED(n)), &k) && span_eq(span_of(plain, k), span_of(p, n)));
	if (hex_decode(plain, n, span_of(p, n), &k))
		assert(k * 2 == n);
	free(plain);
	free(text);
	return 0;
}
