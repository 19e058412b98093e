/* json - json-c made leak-proof. The only fault point is where json-c would allocate. */
#include <limits.h>
#include <math.h>

#include "fault.h"
#include "json.h"

static struct json_object *made(struct jbuild *b, struct json_object *o)
{
	if (o && fault("json.alloc")) {
		json_object_put(o);
		o = NULL;
	}
	if (!o && !b->err)
		b->err = ERR_NOMEM;
	return o;
}

struct json_object *json_obj(struct jbuild *b)
{
	return b->err ? NULL : made(b, json_object_new_object());
}

struct json_object *json_arr(struct jbuild *b)
{
	return b->err ? NULL : made(b, json_object_new_array());
}

static void add_utf8(struct buf *out, struct span s)
{
	while (s.n) {
		size_t k = span_utf8_step(s);

		buf_add(out, k ? span_head(s, k) : SPAN("\xEF\xBF\xBD"));
		s = span_skip(s, k ? k : 1);
	}
}

static struct json_object *str_repaired(struct jbuild *b, struct span s)
{
	struct buf t = BUF_INIT;
	struct json_object *o = NULL;

	add_utf8(&t, s);
	if (t.err)
		b->err = t.err;
	else
		o = made(b, json_object_new_string_len(t.p, (int)t.n));
	buf_fini(&t);
	return o;
}

struct json_object *json_str(struct jbuild *b, struct span s)
{
	if (b->err || !s.p)
		return NULL;
	if (s.n >= INT_MAX) {
		b->err = ERR_LIMIT;
		return NULL;
	}
	return span_utf8(s) ? made(b, json_object_new_string_len(s.p, (int)s.n)) : str_repaired(b, s);
}

struct json_object *json_strz(struct jbuild *b, const char *z)
{
	return json_str(b, span_z(z));
}

struct json_object *json_int(struct jbuild *b, int64_t v)
{
	return b->err ? NULL : made(b, json_object_new_int64(v));
}

struct json_object *json_num(struct jbuild *b, double v)
{
	struct buf t = BUF_BOUND(64);
	struct json_object *o = NULL;

	if (b->err || !isfinite(v))
		return NULL;
	buf_num(&t, v);
	if (t.err)
		b->err = t.err;
	else
		o = made(b, json_object_new_double_s(v, t.p));
	buf_fini(&t);
	return o;
}

struct json_object *json_boolean(struct jbuild *b, bool v)
{
	return b->err ? NULL : made(b, json_object_new_boolean(v));
}

struct json_object *json_raw(struct jbuild *b, struct span text)
{
	struct json_object *o = NULL;

	if (!b->err)
		b->err = json_read(&o, text);
	return o;
}

void json_set(struct jbuild *b, struct json_object *obj, const char *key, struct json_object *v)
{
	if (!b->err && !json_object_is_type(obj, json_type_object))
		b->err = ERR_INTERNAL;
	if (!b->err && (fault("json.alloc") || json_object_object_add(obj, key, v) != 0))
		b->err = ERR_NOMEM;
	else if (!b->err)
		return;
	json_object_put(v);
}

void json_push(struct jbuild *b, struct json_object *arr, struct json_object *v)
{
	if (!b->err && !json_object_is_type(arr, json_type_array))
		b->err = ERR_INTERNAL;
	if (!b->err && (fault("json.alloc") || json_object_array_add(arr, v) != 0))
		b->err = ERR_NOMEM;
	else if (!b->err)
		return;
	json_object_put(v);
}

static enum err write_with(struct buf *out, struct json_object *o, int flags)
{
	size_t n;
	const char *z = fault("json.alloc") ? NULL : json_object_to_json_string_length(o, flags | JSON_C_TO_STRING_NOSLASHESCAPE, &n);

	if (!z)
		return ERR_NOMEM;
	buf_add(out, o ? span_of(z, n) : SPAN("null"));
	return out->err;
}

enum err json_write(struct buf *out, struct json_object *o)
{
	return write_with(out, o, JSON_C_TO_STRING_PLAIN);
}

enum err json_write_pretty(struct buf *out, struct json_object *o)
{
	return write_with(out, o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);
}

/* --- what json-c lets pass though it is not JSON: overlong UTF-8, raw control characters in strings, 01, 1., NaN, Infinity --- */

static bool is_digit(struct span s, size_t i)
{
	return i < s.n && s.p[i] >= '0' && s.p[i] <= '9';
}

static size_t digits_end(struct span s, size_t i)
{
	while (is_digit(s, i))
		i++;
	return i;
}

/* Length of the number at the start, 0 when it is none. */
static size_t number_length(struct span s)
{
	size_t i = s.p[0] == '-', first = i;

	i = digits_end(s, i);
	if (i == first || (s.p[first] == '0' && i > first + 1))
		return 0;
	if (i < s.n && s.p[i] == '.') {
		if (!is_digit(s, ++i))
			return 0;
		i = digits_end(s, i);
	}
	if (i < s.n && (s.p[i] | 0x20) == 'e') {
		i += 1 + (i + 1 < s.n && (s.p[i + 1] == '+' || s.p[i + 1] == '-'));
		if (!is_digit(s, i))
			return 0;
		i = digits_end(s, i);
	}
	return i;
}

/* Length of the string at the start, its quotes included; 0 when it is none. */
static size_t string_length(struct span s)
{
	for (size_t i = 1; i < s.n; i++) {
		if ((unsigned char)s.p[i] < 0x20)
			return 0;
		if (s.p[i] == '"')
			return i + 1;
		i += s.p[i] == '\\' && i + 1 < s.n && (unsigned char)s.p[i + 1] >= 0x20;
	}
	return 0;
}

static bool lexical(struct span s)
{
	while (s.n) {
		size_t k = 1;

		if (s.p[0] == '"')
			k = string_length(s);
		else if (s.p[0] == '-' || is_digit(s, 0))
			k = number_length(s);
		else if (s.p[0] == 'N' || s.p[0] == 'I' || s.p[0] == '\'')
			return false;
		if (k == 0)
			return false;
		s = span_skip(s, k);
	}
	return true;
}

/* A number at the end of the text is finished by the NUL only, which is fed apart: the text has none. */
static enum err read_with(struct json_tokener *tok, struct json_object **out, struct span text)
{
	struct json_object *o;
	enum json_tokener_error why;

	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	o = json_tokener_parse_ex(tok, text.p, (int)text.n);
	if (json_tokener_get_error(tok) == json_tokener_continue)
		o = json_tokener_parse_ex(tok, "", 1);
	why = json_tokener_get_error(tok);
	if (why != json_tokener_success) {
		json_object_put(o);
		return why == json_tokener_error_depth ? ERR_LIMIT : ERR_SYNTAX;
	}
	*out = o;
	return ERR_OK;
}

enum err json_read(struct json_object **out, struct span text)
{
	struct json_tokener *tok;
	enum err e;

	text = span_trim(text);
	if (text.n == 0 || memchr(text.p, '\0', text.n) || !lexical(text) || !span_utf8(text))
		return ERR_SYNTAX;
	if (text.n >= INT_MAX)
		return ERR_LIMIT;
	tok = fault("json.alloc") ? NULL : json_tokener_new_ex(JSON_DEPTH);
	if (!tok)
		return ERR_NOMEM;
	e = read_with(tok, out, text);
	json_tokener_free(tok);
	return e;
}

struct json_object *json_get(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &v) ? v : NULL;
}

struct json_object *json_path(struct json_object *o, const char *dotted)
{
	struct span rest = span_z(dotted), part;
	char key[64];

	while (o && span_cut(&rest, '.', &part))
		o = span_copy(key, sizeof key, part) ? json_get(o, key) : NULL;
	return o;
}

struct span json_span(struct json_object *o)
{
	if (!json_object_is_type(o, json_type_string))
		return SPAN_NONE;
	return span_of(json_object_get_string(o), (size_t)json_object_get_string_len(o));
}

struct span json_get_span(struct json_object *o, const char *key)
{
	return json_span(json_get(o, key));
}

/* 2^63 is exact as a double; what is not below it does not fit. */
static bool whole(double v, int64_t *out)
{
	if (!(v >= -9223372036854775808.0 && v < 9223372036854775808.0) || v != (double)(int64_t)v)
		return false;
	*out = (int64_t)v;
	return true;
}

bool json_get_int(struct json_object *o, const char *key, int64_t *out)
{
	struct json_object *v = json_get(o, key);

	switch (json_object_get_type(v)) {
	case json_type_int:
		if (json_object_get_uint64(v) > INT64_MAX)
			return false;
		*out = json_object_get_int64(v);
		return true;
	case json_type_double:
		return whole(json_object_get_double(v), out);
	case json_type_string:
		return span_int(json_span(v), out);
	default:
		return false;
	}
}

bool json_get_num(struct json_object *o, const char *key, double *out)
{
	struct json_object *v = json_get(o, key);

	if (!json_object_is_type(v, json_type_int) && !json_object_is_type(v, json_type_double))
		return false;
	if (!isfinite(json_object_get_double(v)))
		return false;
	*out = json_object_get_double(v);
	return true;
}

bool json_get_bool(struct json_object *o, const char *key, bool *out)
{
	struct json_object *v = json_get(o, key);

	if (!json_object_is_type(v, json_type_boolean))
		return false;
	*out = json_object_get_boolean(v);
	return true;
}

static void escape_char(struct buf *out, char c)
{
	switch (c) {
	case '"': buf_add(out, SPAN("\\\"")); break;
	case '\\': buf_add(out, SPAN("\\\\")); break;
	case '\n': buf_add(out, SPAN("\\n")); break;
	case '\r': buf_add(out, SPAN("\\r")); break;
	case '\t': buf_add(out, SPAN("\\t")); break;
	default: buf_printf(out, "\\u%04x", (unsigned char)c);
	}
}

static bool is_plain(char c)
{
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x7F && c != '"' && c != '\\';
}

void json_escape(struct buf *out, struct span s)
{
	while (s.n && !out->err) {
		size_t k = 0;

		while (k < s.n && is_plain(s.p[k]))
			k++;
		buf_add(out, span_head(s, k));
		s = span_skip(s, k);
		if (s.n == 0)
			break;
		k = span_utf8_step(s);
		if (k == 1)
			escape_char(out, s.p[0]);
		else
			buf_add(out, k ? span_head(s, k) : SPAN("\xEF\xBF\xBD"));
		s = span_skip(s, k ? k : 1);
	}
}
