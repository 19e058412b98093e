/* field_kind - one parser per kind, all to the same struct field_value; the text as stored is canonical. */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "field_kind.h"
#include "json.h"

#define SHOWN_MAX 60

static const char not_text[] = "must be text in UTF-8";

/* Long or odd values are shown shortened and escaped: the reason is what has to be read. */
static void show(struct buf *why, const struct field *f, struct span value)
{
	struct span part = span_head(value, SHOWN_MAX);

	buf_addz(why, f->name);
	if (!(f->flags & FF_SECRET) && value.p) {
		while (part.n < value.n && part.n && ((unsigned char)value.p[part.n] & 0xC0) == 0x80)
			part.n--;
		buf_addc(why, '=');
		json_escape(why, part);
		buf_addz(why, part.n < value.n ? "..." : "");
	}
	buf_add(why, SPAN(": "));
}

enum err field_refuse(const struct field *f, struct span value, struct buf *why, const char *reason)
{
	if (why) {
		show(why, f, value);
		buf_addz(why, reason);
	}
	return ERR_VALUE;
}

static bool outside(const struct field *f, double v)
{
	if (f->min == 0 && f->max == 0)
		return false;
	return v < f->min || (f->max >= f->min && v > f->max);
}

static void say_range(struct buf *why, const struct field *f)
{
	bool some = f->min != 0 || f->max != 0, upper = some && f->max >= f->min;

	if (some) {
		buf_add(why, upper ? SPAN(" ") : SPAN(" at least "));
		buf_num(why, f->min);
	}
	if (upper) {
		buf_add(why, SPAN(" to "));
		buf_num(why, f->max);
	}
}

/* "port=x: must be a whole number, 1 to 65535" */
static enum err refuse_number(const struct field *f, struct span value, struct buf *why, const char *what)
{
	if (why) {
		show(why, f, value);
		buf_addz(why, what);
		say_range(why, f);
	}
	return ERR_VALUE;
}

static enum err refuse_int(const struct field *f, struct span value, struct buf *why)
{
	bool range = f->min != 0 || f->max != 0;

	return refuse_number(f, value, why, range ? "must be a whole number," : "must be a whole number");
}

static enum err refuse_num(const struct field *f, struct span value, struct buf *why, bool is_number)
{
	bool range = f->min != 0 || f->max != 0;

	return refuse_number(f, value, why, is_number ? "must be" : range ? "must be a number," : "must be a number");
}

/* --- texts --- */

static bool has_word(const char *words, struct span w)
{
	struct span rest = span_z(words), part;

	while (span_cut(&rest, ' ', &part))
		if (part.n && span_eq(part, w))
			return true;
	return false;
}

static enum err refuse_words(const struct field *f, struct span value, struct buf *why, const char *before, const char *after)
{
	struct span rest = span_z(f->allowed), part;
	const char *sep = before;

	if (!why)
		return ERR_VALUE;
	show(why, f, value);
	while (span_cut(&rest, ' ', &part)) {
		buf_addz(why, sep);
		buf_add(why, part);
		buf_addz(why, after);
		sep = rest.p && memchr(rest.p, ' ', rest.n) ? ", " : " or ";
	}
	return ERR_VALUE;
}

static bool is_phone(struct span s)
{
	if (s.n < 3 || s.n > 16 || s.p[0] != '+' || s.p[1] < '1' || s.p[1] > '9')
		return false;
	for (size_t i = 2; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

static bool is_port(struct span s)
{
	int64_t port;

	return s.n <= 5 && span_int(s, &port) && port >= 1 && port <= 65535;
}

/* host, host:port, [v6] or [v6]:port; a user before an @ is let through */
static bool is_authority(struct span s)
{
	const char *at = memrchr(s.p, '@', s.n);
	struct span host, rest;

	if (at)
		s = span_skip(s, (size_t)(at - s.p) + 1);
	rest = s;
	if (s.n && s.p[0] == '[') {
		rest = span_skip(s, 1);
		if (!memchr(rest.p, ']', rest.n) || !span_cut(&rest, ']', &host) || host.n < 2)
			return false;
		return rest.n == 0 || (rest.p[0] == ':' && is_port(span_skip(rest, 1)));
	}
	span_cut(&rest, ':', &host);
	return host.n && (!rest.p || is_port(rest));
}

static bool is_url(const struct field *f, struct span s)
{
	char scheme[16];
	const char *colon = memchr(s.p, ':', s.n);
	struct span rest;
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= 0x20 || (unsigned char)s.p[i] >= 0x7F || strchr("\"<>\\^`{|}", s.p[i]))
			return false;
	if (!colon || !span_copy(scheme, sizeof scheme, span_head(s, (size_t)(colon - s.p))))
		return false;
	for (char *c = scheme; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
	rest = span_skip(s, strlen(scheme));
	if (!span_starts(rest, SPAN("://")) || (f->allowed && !has_word(f->allowed, span_z(scheme))))
		return false;
	rest = span_skip(rest, 3);
	while (n < rest.n && !strchr("/?#", rest.p[n]))
		n++;
	return n && is_authority(span_head(rest, n));
}

/* "a, b" and "a b" become ["a","b"]. */
static enum err names_to_json(struct span s, struct buf *out)
{
	struct span part;
	bool first = true;

	buf_addc(out, '[');
	for (size_t i = 0; i < s.n;) {
		size_t k = i;

		while (k < s.n && !strchr(", \t\r\n", s.p[k]))
			k++;
		part = span_of(s.p + i, k - i);
		i = k + 1;
		if (part.n == 0)
			continue;
		buf_addz(out, first ? "\"" : ",\"");
		json_escape(out, part);
		buf_addc(out, '"');
		first = false;
	}
	buf_addc(out, ']');
	return out->err;
}

static const struct {
	enum json_type type;
	const char *must;
} json_kinds[] = {
	[FK_LIST] = { json_type_array, "must be a list: a JSON array, or names with commas" },
	[FK_JSON] = { json_type_null, "must be JSON" },
	[FK_OBJECT] = { json_type_object, "must be a JSON object" },
};

static bool is_json_kind(enum field_kind k)
{
	return k == FK_LIST || k == FK_JSON || k == FK_OBJECT;
}

static enum err text_length(const struct field *f, struct span shown, size_t n, struct buf *why)
{
	if (!outside(f, (double)n))
		return ERR_OK;
	if (!why)
		return ERR_VALUE;
	refuse_number(f, shown, why, "must have");
	buf_add(why, SPAN(" bytes"));
	return ERR_VALUE;
}

static enum err keep_text(const struct field *f, struct span s, struct field_value *v, struct buf *why)
{
	enum err e = text_length(f, s, s.n, why);

	if (e)
		return e;
	v->text = span_dup(s);
	return v->text ? ERR_OK : ERR_NOMEM;
}

static enum err keep_json(const struct field *f, struct json_object *o, struct field_value *v, struct buf *why)
{
	struct buf t = BUF_INIT;
	enum err e;

	if (f->kind != FK_JSON && !json_object_is_type(o, json_kinds[f->kind].type)) {
		e = json_write(&t, o);
		e = e ? e : field_refuse(f, buf_span(&t), why, json_kinds[f->kind].must);
	} else if (!o) {
		e = ERR_OK;                        /* null */
	} else {
		e = json_write(&t, o);
		e = e ? e : keep_text(f, buf_span(&t), v, why);
	}
	buf_fini(&t);
	return e;
}

static enum err parse_json_text(const struct field *f, struct span s, struct field_value *v, struct buf *why)
{
	struct buf names = BUF_INIT;
	struct json_object *o = NULL;
	struct span trimmed = span_trim(s);
	bool plain = f->kind == FK_LIST && trimmed.n && !strchr("[{\"", trimmed.p[0]);
	enum err e = plain ? names_to_json(trimmed, &names) : ERR_OK;

	if (!e)
		e = json_read(&o, plain ? buf_span(&names) : s);
	if (e == ERR_SYNTAX)
		e = field_refuse(f, s, why, json_kinds[f->kind].must);
	else if (e == ERR_LIMIT)
		e = field_refuse(f, s, why, "is nested too deep");
	else if (!e)
		e = keep_json(f, o, v, why);
	json_object_put(o);
	buf_fini(&names);
	return e;
}

static enum err parse_int_or_inf(const struct field *f, struct span s, struct field_value *v, struct buf *why)
{
	char z[32];
	int64_t n;

	if (span_is(s, "inf"))
		return keep_text(&(struct field){ .name = f->name }, s, v, why);
	if (!span_int(s, &n) || outside(f, (double)n))
		return refuse_number(f, s, why, "must be inf or a whole number,");
	snprintf(z, sizeof z, "%lld", (long long)n);
	v->text = span_dup(span_z(z));
	return v->text ? ERR_OK : ERR_NOMEM;
}

static enum err parse_text(const struct field *f, struct span s, struct field_value *v, struct buf *why)
{
	if (!span_utf8(s) || memchr(s.p, '\0', s.n))
		return field_refuse(f, s, why, not_text);
	switch (f->kind) {
	case FK_WORD:
		if (!has_word(f->allowed, s))
			return refuse_words(f, s, why, "must be ", "");
		break;
	case FK_URL:
		if (is_url(f, s))
			break;
		return f->allowed ? refuse_words(f, s, why, "must be a URL that starts with ", "://") : field_refuse(f, s, why, "must be a URL");
	case FK_PHONE:
		if (!is_phone(s))
			return field_refuse(f, s, why, "must be a phone number like +15551230000");
		break;
	case FK_INT_OR_INF:
		return parse_int_or_inf(f, s, v, why);
	default:
		if (is_json_kind(f->kind))
			return parse_json_text(f, s, v, why);
	}
	return keep_text(f, s, v, why);
}

/* --- numbers and booleans --- */

static enum err parse_time(const struct field *f, struct span s, struct field_value *v, struct buf *why)
{
	return time_parse(s, &v->i) ? ERR_OK : field_refuse(f, s, why, "must be a time like 2026-01-31T12:00:00Z");
}

static enum err parse_int(const struct field *f, struct span s, struct field_value *v, struct buf *why)
{
	if (f->kind == FK_TIME)
		return parse_time(f, s, v, why);
	if (!span_int(s, &v->i) || v->i == FIELD_NULL_INT || outside(f, (double)v->i))
		return refuse_int(f, s, why);
	return ERR_OK;
}

static enum err parse_num(const struct field *f, struct span s, struct field_value *v, struct buf *why)
{
	bool is_number = span_num(s, &v->num);

	return is_number && !outside(f, v->num) ? ERR_OK : refuse_num(f, s, why, is_number);
}

static enum err parse_bool(const struct field *f, struct span s, struct field_value *v, struct buf *why)
{
	v->yes = span_is(s, "true");
	return v->yes || span_is(s, "false") ? ERR_OK : field_refuse(f, s, why, "must be true or false");
}

enum err field_parse_text(const struct field *f, struct span value, struct field_value *v, struct buf *why)
{
	switch (f->type) {
	case FT_TEXT: return parse_text(f, value, v, why);
	case FT_INT: return parse_int(f, value, v, why);
	case FT_NUM: return parse_num(f, value, v, why);
	case FT_BOOL: return parse_bool(f, value, v, why);
	}
	return ERR_INTERNAL;
}

/* --- JSON: natural types only; each scalar then takes the road of its text --- */

static bool natural(const struct field *f, enum json_type t)
{
	bool number = t == json_type_int || t == json_type_double;

	if (f->type == FT_BOOL)
		return t == json_type_boolean;
	if (f->type == FT_TEXT && f->kind == FK_INT_OR_INF)
		return t == json_type_string || number;
	if (f->type == FT_TEXT || f->kind == FK_TIME)
		return t == json_type_string;
	return number;
}

static enum err refuse_type(const struct field *f, struct span shown, struct buf *why)
{
	if (f->type == FT_BOOL)
		return field_refuse(f, shown, why, "must be true or false");
	if (f->type == FT_NUM)
		return refuse_num(f, shown, why, false);
	if (f->type == FT_INT && f->kind != FK_TIME)
		return refuse_int(f, shown, why);
	return field_refuse(f, shown, why, "must be a string");
}

/* 1.0 and 1e3 are whole numbers too. */
static void scalar_text(const struct field *f, struct json_object *value, struct buf *t)
{
	double d = json_object_get_double(value);

	if (json_object_is_type(value, json_type_string))
		buf_add(t, json_span(value));
	else if (json_object_is_type(value, json_type_double) && f->type != FT_NUM && fabs(d) < 9e15 && d == (double)(int64_t)d)
		buf_printf(t, "%lld", (long long)d);
	else
		json_write(t, value);
}

enum err field_parse_json(const struct field *f, struct json_object *value, struct field_value *v, struct buf *why)
{
	struct buf t = BUF_INIT;
	enum err e;

	if (f->type == FT_TEXT && is_json_kind(f->kind))
		return keep_json(f, value, v, why);
	scalar_text(f, value, &t);
	if (t.err)
		e = t.err;
	else if (!natural(f, json_object_get_type(value)))
		e = refuse_type(f, buf_span(&t), why);
	else
		e = field_parse_text(f, buf_span(&t), v, why);
	buf_fini(&t);
	return e;
}
