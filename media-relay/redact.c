/* redact - numbers in texts that are stored. */
#include <string.h>

#include "base/json.h"
#include "media-relay/redact.h"

#define HIDDEN "[number]"

/* --- what a number is made of --- */

/* The zeros; the other nine follow in the last byte. */
static const char *const zeros[] = {
	"0", "\xD9\xA0" /* Arabic */, "\xDB\xB0" /* Persian */, "\xE0\xA5\xA6" /* Devanagari */, "\xE0\xA7\xA6" /* Bengali */, "\xEF\xBC\x90" /* full width */,
};

static size_t digit_at(struct span s)
{
	for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++) {
		struct span zero = span_z(zeros[i]);
		size_t last = zero.n - 1;

		if (s.n >= zero.n && memcmp(s.p, zero.p, last) == 0 && (unsigned)((unsigned char)s.p[last] - (unsigned char)zero.p[last]) < 10)
			return zero.n;
	}
	return 0;
}

static size_t one_of(struct span s, const char *const *signs)
{
	for (; *signs; signs++)
		if (span_starts(s, span_z(*signs)))
			return strlen(*signs);
	return 0;
}

/* Between two digits: one of each kind at most, in any order. */
static size_t gap_at(struct span s)
{
	static const char *const marks[] = { " ", "-", ".", "/", "+", "*", "\xC2\xA0", "\xE2\x80\x91", "\xE2\x80\x93", NULL };
	static const char *const more[] = { "(", ")", ",", NULL };
	size_t n = one_of(s, marks), k = one_of(span_skip(s, n), more);

	return n ? n + k : k + one_of(span_skip(s, k), marks);
}

/* The number that begins with this digit; 0: not enough of one. */
static size_t number_at(struct span s, bool *closes)
{
	size_t n = 0, gap = 0, digit;
	unsigned digits = 0;
	int open = 0;

	*closes = false;
	while ((digit = digit_at(span_skip(s, n + gap))) != 0) {
		for (size_t i = n; i < n + gap; i++) {
			open += (s.p[i] == '(') - (s.p[i] == ')');
			*closes = *closes || open < 0;
		}
		n += gap + digit;
		digits++;
		gap = digit_at(span_skip(s, n)) ? 0 : gap_at(span_skip(s, n));
	}
	return digits >= REDACT_DIGITS ? n : 0;
}

/* --- texts --- */

static bool last_is(const struct buf *b, size_t from, char c)
{
	return b->n > from && b->p[b->n - 1] == c;
}

/* What stands before it and belongs to it. */
static void take_back(struct buf *out, size_t from, bool closes)
{
	if (last_is(out, from, '+'))
		out->n--;
	if (closes && last_is(out, from, '('))
		out->n--;
	if (last_is(out, from, '+'))
		out->n--;
}

void redact_text(struct buf *out, struct span text)
{
	size_t from = out->n;
	bool closes;

	while (text.n) {
		size_t n = number_at(text, &closes), k = n ? n : digit_at(text);

		/* a run that is too short is passed over as a whole digit, so that its rest is looked at again */
		if (n)
			take_back(out, from, closes);
		if (n)
			buf_addz(out, HIDDEN);
		else
			buf_add(out, span_head(text, k ? k : 1));
		text = span_skip(text, k ? k : 1);
	}
}

bool redact_needed(struct span text)
{
	bool closes;

	for (; text.n; text = span_skip(text, 1))
		if (number_at(text, &closes))
			return true;
	return false;
}

/* --- JSON --- */

static struct json_object *hidden(struct jbuild *b, struct json_object *v);

static struct json_object *text_of(struct jbuild *b, struct span s)
{
	struct json_object *o;
	struct buf t = BUF_INIT;

	redact_text(&t, s);
	b->err = b->err ? b->err : t.err;
	o = json_str(b, s.n ? buf_span(&t) : SPAN(""));
	buf_fini(&t);
	return o;
}

static struct json_object *object_of(struct jbuild *b, struct json_object *v)
{
	struct json_object *o = json_obj(b);

	json_object_object_foreach(v, key, member) {
		struct buf k = BUF_INIT;

		redact_text(&k, span_z(key));
		b->err = b->err ? b->err : k.err;
		json_set(b, o, buf_z(&k), hidden(b, member));
		buf_fini(&k);
	}
	return o;
}

static struct json_object *array_of(struct jbuild *b, struct json_object *v)
{
	struct json_object *o = json_arr(b);

	for (size_t i = 0; i < json_object_array_length(v); i++)
		json_push(b, o, hidden(b, json_object_array_get_idx(v, i)));
	return o;
}

static struct json_object *hidden(struct jbuild *b, struct json_object *v)
{
	switch (json_object_get_type(v)) {
	case json_type_string: return text_of(b, json_span(v));
	case json_type_object: return object_of(b, v);
	case json_type_array:  return array_of(b, v);
	case json_type_int:
	case json_type_double:
		if (redact_needed(span_z(json_object_to_json_string(v))))
			return json_strz(b, HIDDEN);
		break;
	default:
		break;
	}
	return json_object_get(v);
}

enum err redact_json(struct buf *out, struct span json)
{
	struct json_object *in = NULL, *made;
	struct jbuild b = { 0 };
	enum err e = json_read(&in, json);

	if (e)
		return e;
	made = hidden(&b, in);
	e = b.err ? b.err : json_write(out, made);
	json_object_put(made);
	json_object_put(in);
	return e;
}
