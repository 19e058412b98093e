/* twiml_xml - a small strict XML reader. */
#include <stdlib.h>

#include "twiml_xml.h"

#define DEPTH_MAX 16
#define TEXT_MAX  ((size_t)64 << 10)

struct reader {
	struct span all, rest;
	struct buf *why;
	enum err err;
	unsigned depth;
};

static bool fail(struct reader *r, enum err e, const char *what)
{
	if (r->err == ERR_OK) {
		r->err = e;
		if (r->why)
			buf_printf(r->why, "%s (at byte %zu)", what, r->all.n - r->rest.n);
	}
	return false;
}

static bool syntax(struct reader *r, const char *what)
{
	return fail(r, ERR_SYNTAX, what);
}

static bool starts(const struct reader *r, const char *z)
{
	return span_starts(r->rest, span_z(z));
}

static bool accept(struct reader *r, const char *z)
{
	if (!starts(r, z))
		return false;
	r->rest = span_skip(r->rest, strlen(z));
	return true;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool skip_blanks(struct reader *r)
{
	size_t n = 0;

	while (n < r->rest.n && blank(r->rest.p[n]))
		n++;
	r->rest = span_skip(r->rest, n);
	return n > 0;
}

/* Up to `stop`, which is taken too. */
static bool until(struct reader *r, const char *stop, struct span *part)
{
	const char *at = memmem(r->rest.p, r->rest.n, stop, strlen(stop));

	if (!at)
		return false;
	*part = span_head(r->rest, (size_t)(at - r->rest.p));
	r->rest = span_skip(r->rest, part->n + strlen(stop));
	return true;
}

static bool name_char(char c, bool first)
{
	bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' || (unsigned char)c >= 0x80;

	return letter || (!first && ((c >= '0' && c <= '9') || c == '-' || c == '.'));
}

static struct span take_name(struct reader *r)
{
	size_t n = 0;
	struct span name;

	while (n < r->rest.n && name_char(r->rest.p[n], n == 0))
		n++;
	name = span_head(r->rest, n);
	r->rest = span_skip(r->rest, n);
	return name;
}

static bool char_allowed(uint32_t c)
{
	return c == 9 || c == 10 || c == 13 || (c >= 0x20 && c <= 0xD7FF) || (c >= 0xE000 && c <= 0xFFFD) || (c >= 0x10000 && c <= 0x10FFFF);
}

static void add_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_addc(b, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_addc(b, (char)(0xC0 | c >> 6));
	} else {
		if (c < 0x10000) {
			buf_addc(b, (char)(0xE0 | c >> 12));
		} else {
			buf_addc(b, (char)(0xF0 | c >> 18));
			buf_addc(b, (char)(0x80 | (c >> 12 & 0x3F)));
		}
		buf_addc(b, (char)(0x80 | (c >> 6 & 0x3F)));
	}
	buf_addc(b, (char)(0x80 | (c & 0x3F)));
}

static bool number_reference(struct reader *r, struct span digits, struct buf *out)
{
	bool hex = digits.n && digits.p[0] == 'x';
	uint32_t c = 0;

	digits = span_skip(digits, hex);
	for (size_t i = 0; i < digits.n && c <= 0x10FFFF; i++) {
		const char *set = "0123456789abcdef", lower = (char)(digits.p[i] | (digits.p[i] >= 'A' ? 0x20 : 0));
		const char *at = lower ? strchr(set, lower) : NULL;

		if (!at || (!hex && at - set > 9))
			return syntax(r, "a character reference that is none");
		c = c * (hex ? 16 : 10) + (uint32_t)(at - set);
	}
	if (digits.n == 0 || !char_allowed(c))
		return syntax(r, "a reference to a character that XML does not allow");
	add_utf8(out, c);
	return true;
}

static bool reference(struct reader *r, struct buf *out)      /* behind the & */
{
	static const struct {
		const char *name;
		char c;
	} known[] = { { "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' } };
	struct span name;

	if (!until(r, ";", &name) || name.n > 10)
		return syntax(r, "a raw & (write &amp;)");
	if (name.n && name.p[0] == '#')
		return number_reference(r, span_skip(name, 1), out);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (span_is(name, known[i].name)) {
			buf_addc(out, known[i].c);
			return true;
		}
	}
	return syntax(r, "an unknown entity (a raw & is written &amp;)");
}

/* Characters and references up to one of `stops` (not taken). */
static bool characters(struct reader *r, const char *stops, struct buf *out)
{
	while (r->rest.n && (r->rest.p[0] == '\0' || !strchr(stops, r->rest.p[0]))) {
		unsigned char c = (unsigned char)r->rest.p[0];

		if (c == '<')
			return syntax(r, "a raw < (write &lt;)");
		if (c < 0x20 && !blank((char)c))
			return syntax(r, "a control character");
		if (*stops == '<' && starts(r, "]]>"))               /* attributes may hold it */
			return syntax(r, "]]> in text");
		r->rest = span_skip(r->rest, 1);
		if (c != '&')
			buf_addc(out, (char)c);
		else if (!reference(r, out))
			return false;
	}
	return out->err ? fail(r, out->err, err_text(out->err)) : true;
}

static bool comment(struct reader *r)                         /* behind <!-- */
{
	struct span text;

	if (!until(r, "--", &text) || !accept(r, ">"))
		return syntax(r, "a comment without its end, or with -- in it");
	return true;
}

static bool misc(struct reader *r)
{
	do
		skip_blanks(r);
	while (accept(r, "<!--") && comment(r));
	return r->err == ERR_OK;
}

static struct xml_attr **attr_end(struct xml *x)
{
	struct xml_attr **at = &x->attrs;

	while (*at)
		at = &(*at)->next;
	return at;
}

static bool attribute(struct reader *r, struct xml *x)
{
	struct span name = take_name(r);
	struct xml_attr *a;
	struct buf value = BUF_BOUND(TEXT_MAX);
	char quote[2] = { 0 };

	if (name.n == 0)
		return syntax(r, "an attribute's name was expected");
	skip_blanks(r);
	if (!accept(r, "="))
		return syntax(r, "an attribute without a value");
	skip_blanks(r);
	quote[0] = r->rest.n ? r->rest.p[0] : '\0';
	if (quote[0] != '"' && quote[0] != '\'')
		return syntax(r, "an attribute's value without quotes");
	r->rest = span_skip(r->rest, 1);
	a = calloc(1, sizeof *a);
	if (a) {
		*attr_end(x) = a;
		a->name = span_dup(name);
		if (characters(r, quote, &value) && !accept(r, quote))
			syntax(r, "an attribute's value without its end");
		a->value = value.p ? buf_take(&value) : span_dup(SPAN(""));
	}
	buf_fini(&value);
	return (a && a->name && a->value) || fail(r, ERR_NOMEM, err_text(ERR_NOMEM));
}

const char *xml_attr(const struct xml *x, const char *name)
{
	for (const struct xml_attr *a = x->attrs; a; a = a->next)
		if (strcmp(a->name, name) == 0)
			return a->value;
	return NULL;
}

static bool attributes(struct reader *r, struct xml *x)
{
	while (r->err == ERR_OK) {
		bool gap = skip_blanks(r);

		if (!r->rest.n || starts(r, ">") || starts(r, "/>"))
			break;
		if (!gap)
			return syntax(r, "a blank is missing before an attribute");
		attribute(r, x);
	}
	for (const struct xml_attr *a = x->attrs; a && r->err == ERR_OK; a = a->next)
		for (const struct xml_attr *b = a->next; b; b = b->next)
			if (strcmp(a->name, b->name) == 0)
				syntax(r, "an attribute given twice");
	return r->err == ERR_OK;
}

static struct xml *element(struct reader *r);

static bool content(struct reader *r, struct xml *x)
{
	struct xml **end = &x->kids;
	struct span part;

	while (r->err == ERR_OK && !starts(r, "</")) {
		if (r->rest.n == 0)
			return syntax(r, "an element without its end");
		if (accept(r, "<!--")) {
			comment(r);
		} else if (accept(r, "<![CDATA[")) {
			if (!until(r, "]]>", &part))
				return syntax(r, "a CDATA section without its end");
			buf_add(&x->text, part);
			if (x->text.err)
				fail(r, x->text.err, err_text(x->text.err));
		} else if (starts(r, "<")) {
			*end = element(r);
			if (*end)
				end = &(*end)->next;
		} else {
			characters(r, "<", &x->text);
		}
	}
	return r->err == ERR_OK;
}

static bool end_tag(struct reader *r, const struct xml *x)
{
	struct span name;

	accept(r, "</");
	name = take_name(r);
	skip_blanks(r);
	if (!span_is(name, x->name) || !accept(r, ">"))
		return syntax(r, "an end tag that does not fit its element");
	return true;
}

static struct xml *element(struct reader *r)
{
	struct xml *x = calloc(1, sizeof *x);

	if (!x || ++r->depth > DEPTH_MAX) {
		fail(r, x ? ERR_SYNTAX : ERR_NOMEM, x ? "elements too deep" : err_text(ERR_NOMEM));
		free(x);
		return NULL;
	}
	x->text.max = TEXT_MAX;
	accept(r, "<");
	x->name = span_dup(take_name(r));
	if (!x->name)
		fail(r, ERR_NOMEM, err_text(ERR_NOMEM));
	else if (!*x->name)
		syntax(r, "an element's name was expected");
	else if (attributes(r, x) && !accept(r, "/>")) {
		if (!accept(r, ">"))
			syntax(r, "a tag without its end");
		else if (content(r, x))
			end_tag(r, x);
	}
	r->depth--;
	return x;
}

/* <?xml version="1.0" encoding="UTF-8"?>, if at all as the very first bytes. */
static bool declaration(struct reader *r)
{
	struct xml d = { 0 };
	const char *version;

	if (!starts(r, "<?xml"))
		return true;
	r->rest = span_skip(r->rest, 5);
	while (r->err == ERR_OK && skip_blanks(r) && !starts(r, "?>"))
		attribute(r, &d);
	version = xml_attr(&d, "version");
	if (r->err == ERR_OK && !accept(r, "?>"))
		syntax(r, "an XML declaration without its end");
	else if (r->err == ERR_OK && (!version || strcmp(version, "1.0") != 0))
		fail(r, ERR_VALUE, "the XML declaration does not say 1.0");
	while (d.attrs) {
		struct xml_attr *a = d.attrs;

		d.attrs = a->next;
		free(a->name);
		free(a->value);
		free(a);
	}
	return r->err == ERR_OK;
}

enum err xml_read(struct xml **out, struct span doc, struct buf *why)
{
	struct reader r = { .all = doc, .rest = doc, .why = why };
	struct xml *x = NULL;

	if (!span_utf8(doc))
		syntax(&r, "bytes that are not UTF-8");
	else if (declaration(&r) && misc(&r)) {
		if (starts(&r, "<") && !starts(&r, "<!") && !starts(&r, "<?"))
			x = element(&r);
		else
			syntax(&r, "no root element");
	}
	if (r.err == ERR_OK && misc(&r) && r.rest.n)
		syntax(&r, "something after the root element");
	if (r.err) {
		xml_free(x);
		return r.err;
	}
	*out = x;
	return ERR_OK;
}

void xml_free(struct xml *x)
{
	while (x) {
		struct xml *next = x->next;

		xml_free(x->kids);
		while (x->attrs) {
			struct xml_attr *a = x->attrs;

			x->attrs = a->next;
			free(a->name);
			free(a->value);
			free(a);
		}
		buf_fini(&x->text);
		free(x->name);
		free(x);
		x = next;
	}
}
