/* form - two allocations per body: the decoded bytes and the pairs that point into them. */
#include <stdlib.h>

#include "b64.h"
#include "fault.h"
#include "form.h"

static size_t count(struct span body)
{
	struct span part;
	size_t n = 0;

	while (span_cut(&body, '&', &part))
		n += part.n > 0;
	return n;
}

/* Decodes to `at`; never longer than the source. */
static struct span decode(char *at, struct span s)
{
	char *p = at;

	while (s.n) {
		size_t n, k = 1;

		if (s.p[0] == '%' && s.n >= 3 && hex_decode((uint8_t *)p, 1, span_head(span_skip(s, 1), 2), &n))
			k = 3;
		else
			*p = s.p[0] == '+' ? ' ' : s.p[0];
		p++;
		s = span_skip(s, k);
	}
	return span_of(at, (size_t)(p - at));
}

static void fill(struct form *f, struct span body)
{
	char *at = f->bytes;
	struct span part;

	while (span_cut(&body, '&', &part)) {
		struct pair *p = &f->pairs[f->n];
		struct span name = part;

		if (part.n == 0)
			continue;
		span_cut(&part, '=', &name);
		p->name = decode(at, name);
		at += p->name.n;
		p->value = decode(at, part);
		at += p->value.n;
		f->n++;
	}
}

enum err form_parse(struct form *out, struct span body)
{
	struct form f = { 0 };
	size_t n = count(body);

	if (n > FORM_PAIRS_MAX)
		return ERR_LIMIT;
	f.bytes = fault("form.alloc") ? NULL : malloc(body.n + 1);
	f.pairs = fault("form.alloc") ? NULL : calloc(n + 1, sizeof *f.pairs);
	if (!f.bytes || !f.pairs) {
		form_fini(&f);
		return ERR_NOMEM;
	}
	fill(&f, body);
	*out = f;
	return ERR_OK;
}

void form_fini(struct form *f)
{
	free(f->pairs);
	free(f->bytes);
	*f = (struct form){ 0 };
}

struct span form_get(const struct form *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (span_is(f->pairs[i].name, name))
			return f->pairs[i].value;
	return SPAN_NONE;
}

static bool unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

void url_encode(struct buf *out, struct span s)
{
	static const char digit[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (unreserved(s.p[i]))
			buf_addc(out, s.p[i]);
		else
			buf_add(out, span_of((char[]){ '%', digit[c >> 4], digit[c & 15] }, 3));
	}
}

void form_encode(struct buf *out, const char *name, struct span value)
{
	if (out->n)
		buf_addc(out, '&');
	url_encode(out, span_z(name));
	buf_addc(out, '=');
	url_encode(out, value);
}
