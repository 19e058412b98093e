/* "URL\nBODY": what is signed is accepted, in whatever form the URL has; one more byte is not. */
#include <assert.h>
#include <string.h>

#include "twilio/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span rest = span_of(p, n), url = SPAN(""), token = SPAN("7b1c9f0e4d2a68535c1e0b9a7f3d2c46");
	char text[SIGNATURE_TEXT];
	struct form f = { 0 };

	if (n == 0 || n > 4096)
		return 0;
	span_cut(&rest, '\n', &url);
	if (form_parse(&f, rest.p ? rest : SPAN("")) != ERR_OK)
		return 0;
	assert(signature_make(text, token, url, &f) == ERR_OK && strlen(text) == 28);
	assert(signature_ok(span_z(text), &token, 1, url, &f));
	assert(signature_make(text, token, url, NULL) == ERR_OK);
	assert(signature_stream_ok(span_z(text), &token, 1, url, NULL));
	signature_body_ok(url, rest);
	text[3] = text[3] == 'A' ? 'B' : 'A';
	assert(!signature_ok(span_z(text), &token, 1, url, NULL));
	form_fini(&f);
	return 0;
}
