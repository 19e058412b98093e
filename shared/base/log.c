/*
 * log - a line is built on the stack and goes out with one write(2): no allocation, no lock, nothing interleaved
 * (a line is shorter than PIPE_BUF). A full pipe loses the line rather than stopping a call.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

#define TEXT_MAX 2048          /* of a line, its end included */
#define JSON_MAX 4096          /* the same with quotes and escapes */
#define Q_MAX    200
#define LENT     8

struct line {
	char p[JSON_MAX];
	size_t n, max;
	bool cut;
};

static const char *const level_names[] = { "debug", "info", "warn", "error" };

static const char *_Atomic program = "";      /* set again by SIGHUP, while all threads write */
static atomic_int level_now = LOG_INFO, format_now = LOG_TEXT;
static void (*sink_fn)(const char *line, void *arg);
static void *sink_arg;
static _Thread_local struct log_ctx *ctx_top;

void log_init(const char *name, enum log_level level, enum log_format format)
{
	program = name ? name : "";
	level_now = (int)level;
	format_now = (int)format;
}

void log_to(void (*sink)(const char *line, void *arg), void *arg)
{
	sink_fn = sink;
	sink_arg = arg;
}

bool log_on(enum log_level level)
{
	return (int)level >= level_now;
}

void log_enter(struct log_ctx *c)
{
	c->outer = ctx_top;
	ctx_top = c;
}

void log_leave(struct log_ctx *c)
{
	ctx_top = c->outer;
}

/* --- the line --- */

static void put(struct line *l, struct span s)
{
	if (l->cut || s.n > l->max - l->n) {
		s = span_head(s, l->cut ? 0 : l->max - l->n);
		l->cut = true;
	}
	if (s.n)
		memcpy(l->p + l->n, s.p, s.n);
	l->n += s.n;
}

static void putz(struct line *l, const char *z)
{
	put(l, span_z(z));
}

/* Control characters and bytes that are no UTF-8 would let a peer forge lines or break a reader. */
static void make_safe(char *p, size_t n)
{
	struct span s = { p, n };

	while (s.n) {
		size_t k = span_utf8_step(s);

		if (k <= 1 && (k == 0 || (unsigned char)*p < 0x20 || *p == 0x7F))
			*p = '?';
		k = k ? k : 1;
		p += k;
		s = span_skip(s, k);
	}
}

static void put_safe(struct line *l, const char *z)
{
	size_t from = l->n;

	putz(l, z);
	make_safe(l->p + from, l->n - from);
}

static bool hidden(const struct log_ctx *c)
{
	for (const struct log_ctx *i = ctx_top; i != c; i = i->outer)
		if (strcmp(i->key, c->key) == 0)
			return true;
	return !c->value;
}

/* Outermost first; an inner context hides an outer one of the same key. */
static void each_ctx(struct line *l, const struct log_ctx *c, void (*emit)(struct line *, const char *, const char *))
{
	if (!c)
		return;
	each_ctx(l, c->outer, emit);
	if (!hidden(c))
		emit(l, c->key, c->value);
}

static void text_pair(struct line *l, const char *key, const char *value)
{
	putz(l, " ");
	put_safe(l, key);
	putz(l, "=");
	put_safe(l, value);
}

static void text_line(struct line *l, const char *time, enum log_level level, const char *event, const char *body)
{
	l->max = TEXT_MAX - 1 - 3;
	putz(l, time);
	putz(l, " ");
	putz(l, level_names[level]);
	putz(l, " ");
	putz(l, event);
	if (*program)
		text_pair(l, "program", program);
	each_ctx(l, ctx_top, text_pair);
	if (*body) {
		putz(l, " ");
		put_safe(l, body);
	}
	l->max += 3;
	if (l->cut) {
		l->cut = false;
		putz(l, "...");
	}
}

/* --- the same as JSON: the text's pairs are taken apart again, so that there is one way to say them --- */

static bool is_hex4(struct span s)
{
	size_t n = 0;

	while (n < s.n && n < 4 && strchr("0123456789abcdefABCDEF", s.p[n]))
		n++;
	return n == 4;
}

/* What log_q wrote is JSON already; anything else in quotes is made so. */
static void json_string(struct line *l, struct span s, bool escaped)
{
	putz(l, "\"");
	while (s.n) {
		size_t k = 1;

		if (s.p[0] == '\\' && escaped && s.n > 1 && (strchr("\"\\nrt", s.p[1]) || (s.p[1] == 'u' && is_hex4(span_skip(s, 2)))))
			k = 2;
		else if (s.p[0] == '\\' || s.p[0] == '"')
			putz(l, "\\");
		put(l, span_head(s, k));
		s = span_skip(s, k);
	}
	putz(l, "\"");
}

static bool is_json_number(struct span s)
{
	double v;
	struct span d = s.n && s.p[0] == '-' ? span_skip(s, 1) : s;

	return s.n <= 15 && d.n && d.p[0] >= '0' && d.p[0] <= '9' && d.p[d.n - 1] >= '0' && !(d.n > 1 && d.p[0] == '0' && d.p[1] != '.') &&
	       !memchr(d.p, 'e', d.n) && !memchr(d.p, 'E', d.n) && span_num(s, &v);
}

/* A pair is there whole or not at all: a line that is cut stays JSON. */
static void json_pair(struct line *l, struct span key, struct span value, bool escaped)
{
	size_t before = l->n;

	putz(l, ",");
	json_string(l, key, false);
	putz(l, ":");
	if (!escaped && is_json_number(value))
		put(l, value);
	else
		json_string(l, value, escaped);
	if (l->cut)
		l->n = before;
}

static void json_ctx(struct line *l, const char *key, const char *value)
{
	char safe[256];

	snprintf(safe, sizeof safe, "%s", value);
	make_safe(safe, strlen(safe));
	json_pair(l, span_z(key), span_z(safe), false);
}

static struct span until_quote(struct span s)
{
	size_t i = 0;

	while (i < s.n && s.p[i] != '"')
		i += s.p[i] == '\\' && i + 1 < s.n ? 2 : 1;
	return span_head(s, i);
}

static void json_body(struct line *l, struct span s)
{
	while (s.n) {
		size_t k = 0;
		struct span key, value;
		bool quoted;

		while (k < s.n && s.p[k] != '=' && s.p[k] != ' ')
			k++;
		key = span_head(s, k);
		s = span_skip(s, k < s.n && s.p[k] == '=' ? k + 1 : k);
		quoted = s.n && s.p[0] == '"' && s.p[-1] == '=';
		s = span_skip(s, quoted);
		for (k = 0; k < s.n && s.p[k] != ' ';)
			k++;
		value = quoted ? until_quote(s) : span_head(s, k);
		s = span_skip(s, value.n + quoted);
		if (key.n)
			json_pair(l, key, value, quoted);
		while (s.n && s.p[0] == ' ')
			s = span_skip(s, 1);
	}
}

static void json_line(struct line *l, const char *time, enum log_level level, const char *event, char *body)
{
	static const struct span tail = { ",\"cut\":true}", 12 };

	l->max = JSON_MAX - 1 - tail.n;
	putz(l, "{\"time\":\"");
	putz(l, time);
	putz(l, "\",\"level\":\"");
	putz(l, level_names[level]);
	putz(l, "\"");
	json_pair(l, SPAN("event"), span_z(event), false);
	if (*program)
		json_pair(l, SPAN("program"), span_z(program), false);
	each_ctx(l, ctx_top, json_ctx);
	make_safe(body, strlen(body));
	json_body(l, span_z(body));
	l->max += tail.n;
	if (l->cut) {
		l->cut = false;
		put(l, tail);
	} else {
		putz(l, "}");
	}
}

static void emit(struct line *l)
{
	if (sink_fn) {
		l->p[l->n] = '\0';
		sink_fn(l->p, sink_arg);
		return;
	}
	l->p[l->n++] = '\n';
	if (write(STDERR_FILENO, l->p, l->n) < 0)
		return;                /* nowhere to say it */
}

void log_write(enum log_level level, const char *event, const char *fmt, ...)
{
	struct line l;
	char body[TEXT_MAX] = "", time[TIME_TEXT];
	int saved = errno;
	va_list ap;

	if (!log_on(level))
		return;
	if (fmt) {
		va_start(ap, fmt);
		vsnprintf(body, sizeof body, fmt, ap);
		va_end(ap);
	}
	l.n = 0;
	l.cut = false;
	time_format(time, clock_wall_ms());
	if (format_now == LOG_JSON)
		json_line(&l, time, level, event, body);
	else
		text_line(&l, time, level, event, body);
	emit(&l);
	errno = saved;
}

/* --- safe values --- */

static char *lend(void)
{
	static _Thread_local char lent[LENT][Q_MAX + 1];
	static _Thread_local unsigned next;

	return lent[next++ % LENT];
}

/* Digits with the marks people put between them; the last four are kept. */
static bool mask_digits(char out[Q_MAX + 1], struct span s)
{
	char last[5] = "";
	size_t digits = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] >= '0' && s.p[i] <= '9') {
			memmove(last, last + 1, 3);
			last[3] = s.p[i];
			digits++;
		} else if (!(s.p[i] == '+' && i == 0) && !(s.p[i] && strchr(" -().", s.p[i]))) {
			return false;
		}
	}
	snprintf(out, Q_MAX + 1, "***%s", digits > 4 ? last : "");
	return digits > 0;
}

const char *log_mask(struct span number)
{
	char *out = lend();

	if (number.n == 0)
		return "none";
	if (span_starts(number, SPAN("sip:")) || span_starts(number, SPAN("sips:")))
		return "sip";
	if (span_starts(number, SPAN("client:")))
		return "client";
	return mask_digits(out, number) ? out : "text";
}

static size_t q_char(char *out, struct span s, size_t k)
{
	static const char from[] = "\"\\\n\r\t", to[] = "\"\\nrt";
	const char *at = s.p[0] ? strchr(from, s.p[0]) : NULL;

	if (k == 0)
		return (size_t)snprintf(out, 8, "\xEF\xBF\xBD");
	if (at)
		return (size_t)snprintf(out, 8, "\\%c", to[at - from]);
	if ((unsigned char)s.p[0] < 0x20 || s.p[0] == 0x7F)
		return (size_t)snprintf(out, 8, "\\u%04x", (unsigned char)s.p[0]);
	memcpy(out, s.p, k);
	return k;
}

const char *log_q(struct span text)
{
	char *out = lend(), one[8];
	size_t n = 0;

	out[n++] = '"';
	while (text.n) {
		size_t k = span_utf8_step(text), len = q_char(one, text, k);

		if (n + len + 4 > Q_MAX) {
			memcpy(out + n, "...", 3);
			n += 3;
			break;
		}
		memcpy(out + n, one, len);
		n += len;
		text = span_skip(text, k ? k : 1);
	}
	out[n++] = '"';
	out[n] = '\0';
	return out;
}
