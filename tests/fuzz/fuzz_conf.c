/* Any file of lines: a key is a key, a value is no longer than its line, and what was read can be written in quotes and read again. */
#include <assert.h>

#include "base/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void again(struct span key, struct span value)
{
	struct buf line = BUF_INIT, second = BUF_INIT;
	struct span k;

	buf_add(&line, key);
	buf_addz(&line, "=\"");
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '"' || value.p[i] == '\\')
			buf_addc(&line, '\\');
		buf_addc(&line, value.p[i]);
	}
	buf_addc(&line, '"');
	assert(conf_line(buf_span(&line), &k, &second) && span_eq(k, key) && span_eq(buf_span(&second), value));
	buf_fini(&line);
	buf_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span rest = span_of(p, n), line, key;
	struct buf value = BUF_INIT;

	while (span_cut(&rest, '\n', &line)) {
		if (!conf_line(line, &key, &value) || !key.p)
			continue;
		assert(key.n > 0 && key.n + value.n < line.n);
		again(key, buf_span(&value));
	}
	buf_fini(&value);
	return 0;
}
