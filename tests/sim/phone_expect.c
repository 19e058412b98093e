/* phone_expect - expectations against a summary. */
#include "base/json.h"
#include "phone_expect.h"

/* A key may hold dots itself (the names of events): the longest that is there counts. */
static struct json_object *member(struct json_object *o, struct span *rest)
{
	struct json_object *found = NULL;
	char key[128];

	for (size_t n = rest->n; n > 0 && !found; n--) {
		if (n < rest->n && rest->p[n] != '.')
			continue;
		found = span_copy(key, sizeof key, span_head(*rest, n)) ? json_get(o, key) : NULL;
		if (found)
			*rest = span_skip(*rest, n + (n < rest->n));
	}
	return found;
}

static struct json_object *at_path(struct json_object *o, const char *path)
{
	struct span rest = span_z(path), part;
	int64_t i;

	while (o && rest.n) {
		if (json_object_is_type(o, json_type_array))
			o = span_cut(&rest, '.', &part) && span_int(part, &i) && i >= 0 ? json_object_array_get_idx(o, (size_t)i) : NULL;
		else
			o = member(o, &rest);
	}
	return o;
}

static double number_of(struct json_object *o)
{
	return json_object_is_type(o, json_type_array) ? (double)json_object_array_length(o) : json_object_get_double(o);
}

static bool in_range(struct json_object *found, struct json_object *want)
{
	double low, high, v;

	if (!found)
		return false;
	v = number_of(found);
	return (!json_get_num(want, "min", &low) || v >= low) && (!json_get_num(want, "max", &high) || v <= high);
}

static bool has_text(struct json_object *found, struct span part)
{
	struct span text = json_span(found);

	return text.p && memmem(text.p, text.n, part.p, part.n);
}

static bool as_expected(struct json_object *found, struct json_object *want)
{
	if (json_get(want, "has"))
		return has_text(found, json_get_span(want, "has"));
	if (json_object_is_type(want, json_type_object))
		return in_range(found, want);
	if (json_object_is_type(found, json_type_array) && !json_object_is_type(want, json_type_array))
		return number_of(found) == json_object_get_double(want);
	if (json_object_is_type(want, json_type_double) || json_object_is_type(want, json_type_int))
		return found && json_object_get_double(found) == json_object_get_double(want);
	return json_object_equal(found, want);
}

void phone_expect(struct json_object *summary, struct json_object *expect, void (*missed)(void *arg, const char *text), void *arg)
{
	json_object_object_foreach(expect, path, want) {
		struct json_object *found = at_path(summary, path);
		struct buf text = BUF_INIT;

		if (strcmp(path, "ok") == 0 || strcmp(path, "problems") == 0 || as_expected(found, want))
			continue;
		buf_printf(&text, "expected %s to be %s, it is %.60s", path, json_object_to_json_string_ext(want, JSON_C_TO_STRING_PLAIN),
			   found ? json_object_to_json_string_ext(found, JSON_C_TO_STRING_PLAIN) : "not there");
		missed(arg, buf_z(&text));
		buf_fini(&text);
	}
}
