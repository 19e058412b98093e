/*
 * serve_log - what lighttpd says, as lines of our own log. It names paths and users as they came, so numbers in them are masked here.
 * Source: lighttpd 1.4.69, log.c: "2026-11-28 15:52:56: (server.c.1057) [note] graceful shutdown started".
 */
#include <ctype.h>
#include <string.h>

#include "base/log.h"
#include "serve.h"

#define DIGITS_MIN 8                     /* the shortest number of a telephone; the longest pid has seven */

/* Without date and place in the source. */
static struct span words_of(struct span line)
{
	const char *end = line.n > 22 && line.p[4] == '-' && line.p[21] == '(' ? memchr(line.p, ')', line.n) : NULL;

	return end ? span_trim(span_skip(line, (size_t)(end - line.p) + 1)) : line;
}

static bool is_harmless(struct span words)
{
	return span_starts(words, SPAN("[note]")) || span_starts(words, SPAN("server started")) || span_starts(words, SPAN("server stopped"));
}

static size_t digits_at(struct span s, size_t i)
{
	size_t n = 0;

	while (i + n < s.n && isdigit((unsigned char)s.p[i + n]))
		n++;
	return n;
}

void serve_log_masked(struct span text, struct buf *out)
{
	for (size_t i = 0, n; i < text.n; i += n) {
		n = digits_at(text, i);
		if (n >= DIGITS_MIN)
			buf_addz(out, log_mask(span_of(text.p + i, n)));
		else
			buf_add(out, span_of(text.p + i, n = n ? n : 1));
	}
}

void serve_log_lighttpd(struct serve *s, struct child *c, struct span line)
{
	struct span words = words_of(line);
	struct buf b = BUF_BOUND(16384);

	(void)s;
	if (!words.n)
		return;
	serve_log_masked(words, &b);
	log_write(is_harmless(words) ? LOG_INFO : LOG_WARN, "lighttpd.says", "pid=%d text=%s", (int)c->pid, log_q(buf_span(&b)));
	buf_fini(&b);
}
