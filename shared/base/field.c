/* field - walking a table: defaults, text in and out, JSON in and out. What a kind accepts is in field_kind.c. */
#include <stdlib.h>

#include "clock.h"
#include "fault.h"
#include "field_kind.h"
#include "json.h"

const struct field *field_find(const struct field *f, size_t n, struct span name)
{
	for (size_t i = 0; i < n; i++)
		if (span_is(name, f[i].name))
			return &f[i];
	return NULL;
}

/* --- nearest name: optimal string alignment, so that swapped neighbours count once --- */

#define NAME_MAX_LEN 64

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static unsigned distance(struct span a, struct span b)
{
	unsigned rows[3][NAME_MAX_LEN + 1], *two = rows[0], *one = rows[1], *now = rows[2];

	for (unsigned j = 0; j <= b.n; j++)
		one[j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		unsigned *oldest = two;

		now[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			bool same = lower(a.p[i - 1]) == lower(b.p[j - 1]);
			bool swapped = i > 1 && j > 1 && lower(a.p[i - 1]) == lower(b.p[j - 2]) && lower(a.p[i - 2]) == lower(b.p[j - 1]);

			now[j] = min3(one[j] + 1, now[j - 1] + 1, one[j - 1] + !same);
			if (swapped && two[j - 2] + 1 < now[j])
				now[j] = two[j - 2] + 1;
		}
		two = one;
		one = now;
		now = oldest;
	}
	return one[b.n];
}

const struct field *field_nearest(const struct field *f, size_t n, struct span name)
{
	const struct field *best = NULL;
	unsigned least = name.n < 4 ? 2 : (unsigned)(name.n / 4) + 2;

	if (name.n > NAME_MAX_LEN)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		struct span have = span_z(f[i].name);
		unsigned d = have.n > NAME_MAX_LEN ? least : distance(name, have);

		if (d < least) {
			least = d;
			best = &f[i];
		}
	}
	return best;
}

/* --- the whole struct --- */

static void set_null(const struct field *f, void *obj)
{
	switch (f->type) {
	case FT_TEXT: *field_text(f, obj) = NULL; break;
	case FT_INT: *field_int(f, obj) = FIELD_NULL_INT; break;
	case FT_NUM: *field_num(f, obj) = NAN; break;
	case FT_BOOL: *field_bool(f, obj) = false; break;
	}
}

enum err field_defaults(const struct field *f, size_t n, void *obj)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < n; i++)
		set_null(&f[i], obj);
	for (size_t i = 0; i < n && !e; i++)
		if (f[i].def)
			e = field_set_text(&f[i], obj, span_z(f[i].def), NULL);
	return e;
}

void field_fini(const struct field *f, size_t n, void *obj)
{
	for (size_t i = 0; i < n; i++) {
		if (f[i].type == FT_TEXT)
			free(*field_text(&f[i], obj));
		set_null(&f[i], obj);
	}
}

static enum err copy_one(const struct field *f, void *dst, const void *src)
{
	const char *z;

	switch (f->type) {
	case FT_INT: *field_int(f, dst) = *field_int(f, src); break;
	case FT_NUM: *field_num(f, dst) = *field_num(f, src); break;
	case FT_BOOL: *field_bool(f, dst) = *field_bool(f, src); break;
	case FT_TEXT:
		z = *field_text(f, src);
		*field_text(f, dst) = z ? span_dup(span_z(z)) : NULL;
		return z && !*field_text(f, dst) ? ERR_NOMEM : ERR_OK;
	}
	return ERR_OK;
}

enum err field_copy(const struct field *f, size_t n, void *dst, const void *src)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < n; i++)
		set_null(&f[i], dst);
	for (size_t i = 0; i < n && !e; i++)
		e = copy_one(&f[i], dst, src);
	if (e)
		field_fini(f, n, dst);
	return e;
}

bool field_is_null(const struct field *f, const void *obj)
{
	switch (f->type) {
	case FT_TEXT: return !*field_text(f, obj);
	case FT_INT: return *field_int(f, obj) == FIELD_NULL_INT;
	case FT_NUM: return isnan(*field_num(f, obj));
	case FT_BOOL: return false;
	}
	return true;
}

/* --- in --- */

static void store_value(const struct field *f, void *obj, struct field_value *v)
{
	switch (f->type) {
	case FT_TEXT:
		free(*field_text(f, obj));
		*field_text(f, obj) = v->text;
		v->text = NULL;
		break;
	case FT_INT: *field_int(f, obj) = v->i; break;
	case FT_NUM: *field_num(f, obj) = v->num; break;
	case FT_BOOL: *field_bool(f, obj) = v->yes; break;
	}
}

/* Null, and what it becomes: the default, unless the field keeps it. */
static enum err set_empty(const struct field *f, void *obj, struct buf *why)
{
	struct field_value v = { .i = FIELD_NULL_INT, .num = NAN };

	if (f->def && !(f->flags & FF_KEEP))
		return field_set_text(f, obj, span_z(f->def), why);
	if (f->flags & FF_REQUIRED)
		return field_refuse(f, SPAN_NONE, why, "must not be empty");
	store_value(f, obj, &v);
	return ERR_OK;
}

enum err field_set_text(const struct field *f, void *obj, struct span value, struct buf *why)
{
	struct field_value v = { 0 };
	enum err e;

	if (value.n == 0)
		return set_empty(f, obj, why);
	e = field_parse_text(f, value, &v, why);
	if (!e && f->type == FT_TEXT && !v.text)
		return set_empty(f, obj, why);                 /* the JSON value null */
	if (!e)
		store_value(f, obj, &v);
	return e;
}

enum err field_set_json(const struct field *f, void *obj, struct json_object *value, struct buf *why)
{
	struct field_value v = { 0 };
	enum err e;

	if (!value || (f->type == FT_TEXT && f->kind != FK_JSON && json_span(value).p && json_span(value).n == 0))
		return set_empty(f, obj, why);
	e = field_parse_json(f, value, &v, why);
	if (!e)
		store_value(f, obj, &v);
	return e;
}

/* --- out --- */

static void time_text(struct buf *out, int64_t ms)
{
	char z[TIME_TEXT];

	time_format(z, ms);
	buf_addz(out, z);
}

void field_get_text(const struct field *f, const void *obj, struct buf *out)
{
	if (field_is_null(f, obj))
		return;
	if (f->flags & FF_SECRET)
		buf_add(out, SPAN("set"));
	else if (f->kind == FK_TIME)
		time_text(out, *field_int(f, obj));
	else if (f->type == FT_TEXT)
		buf_addz(out, *field_text(f, obj));
	else if (f->type == FT_INT)
		buf_printf(out, "%lld", (long long)*field_int(f, obj));
	else if (f->type == FT_NUM)
		buf_num(out, *field_num(f, obj));
	else
		buf_addz(out, *field_bool(f, obj) ? "true" : "false");
}

/* Stored JSON comes out as JSON; what cannot be read any more comes out as the text that it is. */
static struct json_object *text_json(struct jbuild *b, const struct field *f, const char *z)
{
	bool is_json = f->kind == FK_LIST || f->kind == FK_JSON || f->kind == FK_OBJECT;
	struct json_object *o = NULL;
	enum err e = is_json ? json_read(&o, span_z(z)) : ERR_OK;
	int64_t n;

	if (e == ERR_NOMEM && !b->err)
		b->err = e;
	if (o)
		return o;
	if (f->kind == FK_INT_OR_INF && span_int(span_z(z), &n))
		return json_int(b, n);
	return json_strz(b, z);
}

static struct json_object *to_json(struct jbuild *b, const struct field *f, const void *obj)
{
	struct buf t = BUF_BOUND(64);
	struct json_object *o;

	if (field_is_null(f, obj))
		return NULL;
	if (!(f->flags & FF_SECRET) && f->kind != FK_TIME) {
		switch (f->type) {
		case FT_TEXT: return text_json(b, f, *field_text(f, obj));
		case FT_INT: return json_int(b, *field_int(f, obj));
		case FT_NUM: return json_num(b, *field_num(f, obj));
		case FT_BOOL: return json_bool(b, *field_bool(f, obj));
		}
	}
	field_get_text(f, obj, &t);
	if (t.err && !b->err)
		b->err = t.err;
	o = json_str(b, buf_span(&t));
	buf_fini(&t);
	return o;
}

struct json_object *field_get_json(const struct field *f, const void *obj)
{
	struct jbuild b = { 0 };

	return to_json(&b, f, obj);
}

struct json_object *field_object(const struct field *f, size_t n, const void *obj)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);

	for (size_t i = 0; i < n; i++)
		json_set(&b, o, f[i].name, to_json(&b, &f[i], obj));
	if (b.err) {
		json_object_put(o);
		o = NULL;
	}
	return o;
}
