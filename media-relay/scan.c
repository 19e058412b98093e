/*
 * scan - spans inside hot JSON messages, in place. One walk over the members of one object; strings are stepped over with memchr, which is what makes this
 * cheaper than a parser. Values nobody wants are stepped over, not checked: what matters is that a wanted value means the same as json-c would say.
 */
#include "media-relay/scan.h"

#define SCAN_DEPTH 32

struct cursor {
	const char *p, *end;
};

static void blanks(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
		c->p++;
}

static bool one(struct cursor *c, char ch)
{
	blanks(c);
	if (c->p == c->end || *c->p != ch)
		return false;
	c->p++;
	return true;
}

/* Behind the opening quote; leaves the cursor behind the closing one. */
static bool string_rest(struct cursor *c, struct span *inside, bool *escaped)
{
	const char *from = c->p, *q;

	*escaped = false;
	for (;;) {
		const char *back;

		q = memchr(c->p, '"', (size_t)(c->end - c->p));
		if (!q)
			return false;
		back = memchr(c->p, '\\', (size_t)(q - c->p));
		if (!back)
			break;
		*escaped = true;
		if (c->end - back < 2)
			return false;
		c->p = back + 2;                  /* the escaped character may be the quote itself */
	}
	*inside = span_of(from, (size_t)(q - from));
	c->p = q + 1;
	return true;
}

/* An object or array: brackets are counted, kinds are not told apart. */
static bool nested_rest(struct cursor *c)
{
	struct span inside;
	bool escaped;

	for (unsigned depth = 1; depth && c->p < c->end;) {
		char ch = *c->p++;

		if (ch == '"' && !string_rest(c, &inside, &escaped))
			return false;
		if (ch == '{' || ch == '[')
			depth++;
		if (ch == '}' || ch == ']')
			depth--;
		if (depth == 0)
			return true;
		if (depth > SCAN_DEPTH)
			return false;
	}
	return false;
}

static bool is_word_end(char ch)
{
	return ch == ',' || ch == '}' || ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r';
}

static bool word_rest(struct cursor *c)
{
	const char *from = c->p;

	while (c->p < c->end && !is_word_end(*c->p)) {
		if (strchr("\"{[]:", *c->p))
			return false;
		c->p++;
	}
	return c->p > from;
}

static bool value(struct cursor *c, struct span *v, bool *string, bool *escaped)
{
	const char *from;

	blanks(c);
	*string = *escaped = false;
	if (c->p == c->end)
		return false;
	from = c->p;
	if (*from == '"') {
		c->p++;
		*string = true;
		return string_rest(c, v, escaped);
	}
	if (*from == '{' || *from == '[') {
		c->p++;
		if (!nested_rest(c))
			return false;
	} else if (!word_rest(c)) {
		return false;
	}
	*v = span_of(from, (size_t)(c->p - from));
	return true;
}

static bool keep(struct scan_want *want, size_t n, struct span key, struct span v, bool string, bool escaped)
{
	for (size_t i = 0; i < n; i++) {
		if (!span_eq(want[i].key, key))
			continue;
		if (want[i].value.p || escaped)
			return false;
		want[i].value = v;
		want[i].string = string;
		break;
	}
	return true;
}

static bool member(struct cursor *c, struct scan_want *want, size_t n)
{
	struct span key, v;
	bool string, escaped;

	if (!one(c, '"') || !string_rest(c, &key, &escaped) || escaped)
		return false;
	return one(c, ':') && value(c, &v, &string, &escaped) && keep(want, n, key, v, string, escaped);
}

bool scan_object(struct span json, struct scan_want *want, size_t n)
{
	struct cursor c = { json.p, json.p ? json.p + json.n : NULL };

	for (size_t i = 0; i < n; i++) {
		want[i].value = SPAN_NONE;
		want[i].string = false;
	}
	if (!json.n || !one(&c, '{'))
		return false;
	if (!one(&c, '}')) {
		do {
			if (!member(&c, want, n))
				return false;
		} while (one(&c, ','));
		if (!one(&c, '}'))
			return false;
	}
	blanks(&c);
	return c.p == c.end;
}

bool scan_member(struct span json, struct span key, struct span *v)
{
	struct scan_want want = { .key = key };

	if (!scan_object(json, &want, 1) || !want.value.p)
		return false;
	*v = want.value;
	return true;
}
