/* Any bytes as attribute and text: the document stays well formed UTF-8, and nothing that was said becomes markup. */
#include <assert.h>

#include "twilio/twiml.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static size_t count(struct span s, char c)
{
	size_t k = 0;

	for (size_t i = 0; i < s.n; i++)
		k += s.p[i] == c;
	return k;
}

/* Every '&' begins one of our references; nothing below a blank but TAB and LF. */
static void check_characters(struct span s)
{
	static const char *const references[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&#xD;", "&#xA;", "&#x9;" };

	for (size_t i = 0; i < s.n; i++) {
		bool known = s.p[i] != '&';

		for (size_t k = 0; k < sizeof references / sizeof *references && !known; k++)
			known = span_starts(span_skip(s, i), span_z(references[k]));
		assert(known);
		assert((unsigned char)s.p[i] >= 0x20 || s.p[i] == '\t' || s.p[i] == '\n');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span in = span_of(p, n), out;
	struct twiml t;

	if (n == 0)
		return 0;
	twiml_init(&t);
	twiml_say(&t, in, in, SPAN("en"));
	if (twiml_end(&t, &out) == ERR_OK) {
		assert(span_utf8(out));
		assert(count(out, '<') == 5);
		check_characters(out);
	}
	twiml_fini(&t);
	return 0;
}
