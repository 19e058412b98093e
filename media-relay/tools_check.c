/* tools_check - required members and types of the top level. */
#include "base/json.h"
#include "media-relay/tools_check.h"

static const struct {
	const char *name;
	json_type type, also;
} types[] = {
	{ "string", json_type_string, json_type_string },    { "integer", json_type_int, json_type_int },
	{ "number", json_type_double, json_type_int },       { "boolean", json_type_boolean, json_type_boolean },
	{ "object", json_type_object, json_type_object },    { "array", json_type_array, json_type_array },
	{ "null", json_type_null, json_type_null },
};

/* 3.0 is an integer to JSON Schema. */
static bool whole_number(struct json_object *v)
{
	double d = json_object_is_type(v, json_type_double) ? json_object_get_double(v) : 0.5;

	return d > -9e15 && d < 9e15 && d == (double)(int64_t)d;
}

static bool is_of(struct json_object *v, struct span type)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (span_is(type, types[i].name))
			return json_object_is_type(v, types[i].type) || json_object_is_type(v, types[i].also) ||
			       (types[i].type == json_type_int && whole_number(v));
	return true;
}

static bool fits(struct json_object *v, struct json_object *type)
{
	if (!json_object_is_type(type, json_type_array))
		return !type || is_of(v, json_span(type));
	for (size_t i = 0; i < json_object_array_length(type); i++)
		if (is_of(v, json_span(json_object_array_get_idx(type, i))))
			return true;
	return false;
}

static bool required_are_there(struct json_object *args, struct json_object *required, struct buf *why)
{
	size_t n = json_object_is_type(required, json_type_array) ? json_object_array_length(required) : 0;

	for (size_t i = 0; i < n; i++) {
		struct span key = json_span(json_object_array_get_idx(required, i));
		struct json_object *v;

		if (!key.p || json_object_object_get_ex(args, key.p, &v))
			continue;
		buf_printf(why, "the argument " SPAN_FMT " is missing", SPAN_ARG(span_head(key, 100)));
		return false;
	}
	return true;
}

static bool types_fit(struct json_object *args, struct json_object *properties, struct buf *why)
{
	json_object_object_foreach(args, key, val)
	{
		struct json_object *rule = json_get(properties, key);

		if (fits(val, json_get(rule, "type")))
			continue;
		buf_printf(why, "the argument %.100s must be %s", key, json_object_to_json_string_ext(json_get(rule, "type"), JSON_C_TO_STRING_PLAIN));
		return false;
	}
	return true;
}

bool tools_check(struct span arguments, struct span schema, struct json_object **args, struct buf *why)
{
	struct json_object *o = NULL, *rules = NULL;
	bool good;

	if (json_read(&o, arguments) || !json_object_is_type(o, json_type_object)) {
		buf_addz(why, "the arguments are no JSON object");
		json_object_put(o);
		return false;
	}
	if (schema.n && json_read(&rules, schema))
		rules = NULL;
	good = required_are_there(o, json_get(rules, "required"), why) && types_fit(o, json_get(rules, "properties"), why);
	json_object_put(rules);
	if (good)
		*args = o;
	else
		json_object_put(o);
	return good;
}
