/* Any body: spans stay inside, and what was decoded and encoded again decodes to the same. */
#include <assert.h>

#include "base/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct form f, again;
	struct buf b = BUF_INIT;

	if (form_parse(&f, span_of(p, n)) != ERR_OK)
		return 0;
	for (size_t i = 0; i < f.n; i++) {
		if (i)
			buf_addc(&b, '&');
		url_encode(&b, f.pairs[i].name);
		buf_addc(&b, '=');
		url_encode(&b, f.pairs[i].value);
	}
	assert(form_parse(&again, buf_span(&b)) == ERR_OK && again.n == f.n);
	for (size_t i = 0; i < f.n; i++)
		assert(span_eq(f.pairs[i].name, again.pairs[i].name) && span_eq(f.pairs[i].value, again.pairs[i].value));
	form_fini(&f);
	form_fini(&again);
	buf_fini(&b);
	return 0;
}
