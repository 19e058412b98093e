#include <stdarg.h>
#include <stdio.h>

#include "model_shape.h"

bool model_complain(struct complaint *out, const char *code, const char *param, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	out->code = code;
	snprintf(out->param, sizeof out->param, "%s", param ? param : "");
	vsnprintf(out->message, sizeof out->message, fmt, ap);
	va_end(ap);
	return false;
}

static enum shape_type type_of(struct json_object *v)
{
	switch (json_object_get_type(v)) {
	case json_type_boolean:
		return SH_BOOL;
	case json_type_int:
		return SH_INT;
	case json_type_double:
		return SH_NUM;
	case json_type_string:
		return SH_STR;
	case json_type_array:
		return SH_ARR;
	case json_type_object:
		return SH_OBJ;
	case json_type_null:
	default:
		return SH_NULL;
	}
}

static const struct {
	unsigned type;
	const char *expected, *got;
} type_names[] = {
	{ SH_OBJ, "an object", "an object" },   { SH_ARR, "an array", "an array" },  { SH_STR, "a string", "a string" },
	{ SH_BOOL, "a boolean", "a boolean" },  { SH_NUM, "a decimal", "a decimal" }, { SH_INT, "an integer", "an integer" },
	{ SH_NULL, "null", "null" },
};

static const char *expected_name(unsigned types)
{
	for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++)
		if (types & type_names[i].type)
			return type_names[i].expected;
	return "nothing";
}

static const char *got_name(unsigned type)
{
	for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++)
		if (type == type_names[i].type)
			return type_names[i].got;
	return "nothing";
}

static void path_join(char out[160], const char *path, const char *name)
{
	snprintf(out, 160, "%s%s%s", path, *path ? "." : "", name);
}

static bool word_in(const char *words, struct span w)
{
	struct span rest = span_z(words), word;

	while (span_cut(&rest, ' ', &word))
		if (span_eq(word, w))
			return true;
	return false;
}

/* "'a', 'b', and 'c'" */
static void words_list(struct buf *out, const char *words)
{
	struct span rest = span_z(words), word;

	while (span_cut(&rest, ' ', &word)) {
		if (out->n)
			buf_addz(out, rest.n ? ", " : ", and ");
		buf_printf(out, "'" SPAN_FMT "'", SPAN_ARG(word));
	}
}

static bool bad_word(struct complaint *c, const char *path, struct span got, const char *words)
{
	struct buf list = BUF_BOUND(300);

	words_list(&list, words);
	model_complain(c, "invalid_value", path, "Invalid value: '" SPAN_FMT "'. Supported values are: %s.", SPAN_ARG(span_head(got, 80)),
		       buf_z(&list));
	buf_fini(&list);
	return false;
}

static bool check_number(const struct shape_field *f, double v, const char *path, struct complaint *c)
{
	if (f->min == 0 && f->max == 0)
		return true;
	if (v < f->min)
		return model_complain(c, "invalid_value", path, "Invalid '%s': value below minimum. Expected a value >= %g, but got %g instead.", path,
				      f->min, v);
	if (v > f->max)
		return model_complain(c, "invalid_value", path, "Invalid '%s': value above maximum. Expected a value <= %g, but got %g instead.", path,
				      f->max, v);
	return true;
}

static bool check_string(const struct shape_field *f, struct span s, const char *path, struct complaint *c)
{
	if (f->words && !word_in(f->words, s))
		return bad_word(c, path, s, f->words);
	if (s.n < f->least)
		return model_complain(c, "invalid_value", path, "Invalid '%s': empty string. Expected a string with minimum length %zu.", path, f->least);
	if (f->most && s.n > f->most)
		return model_complain(c, "string_above_max_length", path,
				      "Invalid '%s': string too long. Expected a string with maximum length %zu, but got a string with length %zu instead.",
				      path, f->most, s.n);
	return true;
}

static bool check_value(const struct shape_field *f, struct json_object *v, const char *path, struct complaint *c);

static bool check_array(const struct shape_field *f, struct json_object *v, const char *path, struct complaint *c)
{
	size_t n = json_object_array_length(v);
	char at[160];

	if (n < f->least || (f->most && n > f->most))
		return model_complain(c, "invalid_value", path, "Invalid '%s': expected %zu to %zu elements, but got %zu.", path, f->least, f->most, n);
	for (size_t i = 0; i < n; i++) {
		struct json_object *e = json_object_array_get_idx(v, i);

		snprintf(at, sizeof at, "%s[%zu]", path, i);
		if (f->each && !check_value(f->each, e, at, c))
			return false;
	}
	return true;
}

/* An object whose names are free: metadata, headers. */
static bool check_map(const struct shape_field *f, struct json_object *v, const char *path, struct complaint *c)
{
	char at[160];

	if (f->most && (size_t)json_object_object_length(v) > f->most)
		return model_complain(c, "invalid_value", path, "Invalid '%s': too many properties. Expected at most %zu.", path, f->most);
	json_object_object_foreach(v, key, e) {
		path_join(at, path, key);
		if (!check_value(f->each, e, at, c))
			return false;
	}
	return true;
}

static bool check_value(const struct shape_field *f, struct json_object *v, const char *path, struct complaint *c)
{
	unsigned t = type_of(v);

	if (!(f->types & t) && !(t == SH_INT && f->types & SH_NUM))
		return model_complain(c, "invalid_type", path, "Invalid type for '%s': expected %s, but got %s instead.", path,
				      expected_name(f->types), got_name(t));
	if (t & (SH_INT | SH_NUM))
		return check_number(f, json_object_get_double(v), path, c);
	if (t == SH_STR)
		return check_string(f, json_span(v), path, c);
	if (t == SH_ARR)
		return check_array(f, v, path, c);
	if (t == SH_OBJ && f->shape)
		return model_shape_check(f->shape, v, path, c);
	return t != SH_OBJ || !f->each || check_map(f, v, path, c);
}

static const struct shape_field *field_of(const struct shape *sh, const char *name)
{
	for (size_t i = 0; i < sh->n; i++)
		if (strcmp(sh->fields[i].name, name) == 0)
			return &sh->fields[i];
	return NULL;
}

static bool missing(struct complaint *c, const char *at)
{
	return model_complain(c, "missing_required_parameter", at, "Missing required parameter: '%s'.", at);
}

static bool bad_variant(const struct shape *sh, struct span got, const char *at, struct complaint *c)
{
	struct buf words = BUF_BOUND(600);

	for (size_t i = 0; i < sh->n_variants; i++)
		buf_printf(&words, "%s%s", i ? " " : "", sh->variants[i].word);
	bad_word(c, at, got, buf_z(&words));
	buf_fini(&words);
	return false;
}

static bool check_variant(const struct shape *sh, struct json_object *o, const char *path, struct complaint *c)
{
	struct json_object *v = json_get(o, sh->pick);
	char at[160];

	path_join(at, path, sh->pick);
	if (!json_object_object_get_ex(o, sh->pick, NULL))
		return missing(c, at);
	if (type_of(v) != SH_STR)
		return model_complain(c, "invalid_type", at, "Invalid type for '%s': expected a string, but got %s instead.", at, got_name(type_of(v)));
	for (size_t i = 0; i < sh->n_variants; i++)
		if (span_is(json_span(v), sh->variants[i].word))
			return model_shape_check(sh->variants[i].shape, o, path, c);
	return bad_variant(sh, json_span(v), at, c);
}

bool model_shape_check(const struct shape *sh, struct json_object *o, const char *path, struct complaint *c)
{
	char at[160];

	if (sh->pick)
		return check_variant(sh, o, path, c);
	json_object_object_foreach(o, key, v) {
		const struct shape_field *f = field_of(sh, key);

		path_join(at, path, key);
		if (!f)
			return model_complain(c, "unknown_parameter", at, "Unknown parameter: '%s'.", at);
		if (!check_value(f, v, at, c))
			return false;
	}
	for (size_t i = 0; i < sh->n; i++) {
		path_join(at, path, sh->fields[i].name);
		if (sh->fields[i].required && !json_object_object_get_ex(o, sh->fields[i].name, NULL))
			return missing(c, at);
	}
	return true;
}
