/* model_log - one JSON line per event, audio shortened to its first four characters, so that what is left is still a valid event. */
#include "base/clock.h"
#include "model.h"
#include "model_fmt.h"

#define LONG_VALUE 200          /* base64 longer than this is audio */
#define KEEP       4

static const struct span audio_keys[] = { { "\"audio\":\"", 9 }, { "\"delta\":\"", 9 }, { "\"audio\": \"", 10 } };

/* The end of a string value that holds no escape; 0 when it does. */
static size_t plain_length(struct span s)
{
	const char *end = memchr(s.p, '"', s.n);
	size_t n = end ? (size_t)(end - s.p) : 0;

	return n && !memchr(s.p, '\\', n) ? n : 0;
}

static size_t key_at(struct span s)
{
	for (size_t i = 0; i < sizeof audio_keys / sizeof *audio_keys; i++)
		if (span_starts(s, audio_keys[i]))
			return audio_keys[i].n;
	return 0;
}

static void add_shortened(struct buf *out, struct span s)
{
	while (s.n) {
		size_t key = *s.p == '"' ? key_at(s) : 0, n = key ? plain_length(span_skip(s, key)) : 0;

		if (n > LONG_VALUE) {
			buf_add(out, span_head(s, key + KEEP));
			s = span_skip(s, key + n);
		} else if (*s.p == '\n') {             /* one line stays one line */
			buf_addc(out, ' ');
			s = span_skip(s, 1);
		} else {
			buf_addc(out, *s.p);
			s = span_skip(s, 1);
		}
	}
}

static void write_line(struct model *m, unsigned session, const char *dir, struct span text, bool readable)
{
	struct buf line = BUF_INIT;

	model_fmt(&line, "{'ms':%l,'session':%d,'dir':%q,'bytes':%l,", clock_ms(), (int)session, dir, (int64_t)text.n);
	if (readable) {
		buf_addz(&line, "\"event\":");
		add_shortened(&line, text);
	} else {
		model_fmt(&line, "'raw':%Q", span_head(text, LONG_VALUE));
	}
	buf_addz(&line, "}\n");
	if (!line.err) {
		fwrite(line.p, 1, line.n, m->log);
		fflush(m->log);
	}
	buf_fini(&line);
}

void model_log_in(struct model *m, unsigned session, struct span text, bool readable)
{
	if (m->log)
		write_line(m, session, "in", text, readable);
}

void model_log_out(struct model *m, unsigned session, struct span text)
{
	if (m->log)
		write_line(m, session, "out", text, true);
}
