/* json - nothing leaks whatever fails, wrong types read as absent, only JSON is JSON. */
#include <math.h>

#include "base/json.h"
#include "unit.h"

static void writes_as(struct json_object *o, const char *want)
{
	struct buf b = BUF_INIT;

	assert_int_equal(json_write(&b, o), ERR_OK);
	assert_string_equal(buf_z(&b), want);
	buf_fini(&b);
	json_object_put(o);
}

static struct json_object *parsed(const char *text)
{
	struct json_object *o = NULL;

	if (json_read(&o, span_z(text)) != ERR_OK)
		fail_msg("%s", text);
	return o;
}

static void every_kind_of_value_is_written_compact(void **state)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b), *a = json_arr(&b);

	(void)state;
	json_set(&b, o, "s", json_str(&b, SPAN("a/b\"\\\n\x01\xC3\xBC")));
	json_set(&b, o, "z", json_strz(&b, NULL));
	json_set(&b, o, "e", json_str(&b, SPAN("")));
	json_set(&b, o, "i", json_int(&b, INT64_MIN));
	json_push(&b, a, json_num(&b, 0.5));
	json_push(&b, a, json_num(&b, 1));
	json_push(&b, a, json_num(&b, NAN));
	json_push(&b, a, json_num(&b, 0.0012));
	json_push(&b, a, json_bool(&b, true));
	json_push(&b, a, json_bool(&b, false));
	json_push(&b, a, json_raw(&b, SPAN("{\"k\":[1.50, null]}")));
	json_set(&b, o, "a", a);
	assert_int_equal(b.err, ERR_OK);
	writes_as(o, "{\"s\":\"a/b\\\"\\\\\\n\\u0001\xC3\xBC\",\"z\":null,\"e\":\"\",\"i\":-9223372036854775808,"
	             "\"a\":[0.5,1,null,0.0012,true,false,{\"k\":[1.50,null]}]}");
}

static void null_is_written(void **state)
{
	(void)state;
	writes_as(NULL, "null");
	writes_as(parsed(" null\n"), "null");
}

static void pretty_is_for_people(void **state)
{
	struct json_object *o = parsed("{\"a\":[1,{\"b\":\"/\"}]}");
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(json_write_pretty(&b, o), ERR_OK);
	assert_non_null(strstr(buf_z(&b), "\n  \"a\": ["));
	assert_non_null(strstr(buf_z(&b), "\"/\""));
	buf_fini(&b);
	json_object_put(o);
}

static void bytes_that_are_no_utf8_are_replaced(void **state)
{
	struct jbuild b = { 0 };

	(void)state;
	writes_as(json_str(&b, SPAN("a\xFF\xC3z\xE2\x82")), "\"a\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\"");
	writes_as(json_str(&b, span_of("a\0b", 3)), "\"a\\u0000b\"");
	assert_int_equal(b.err, ERR_OK);
}

static void the_first_error_stays(void **state)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);

	(void)state;
	assert_null(json_raw(&b, SPAN("{oops")));
	assert_int_equal(b.err, ERR_SYNTAX);
	json_set(&b, o, "x", json_int(&b, 1));
	json_push(&b, o, NULL);
	assert_int_equal(b.err, ERR_SYNTAX);
	writes_as(o, "{}");
}

static void values_given_to_the_wrong_container_are_freed(void **state)
{
	struct jbuild b = { 0 }, c = { 0 };
	struct json_object *a = json_arr(&b), *o = json_obj(&b);

	(void)state;
	json_set(&b, a, "x", json_int(&b, 1));
	assert_int_equal(b.err, ERR_INTERNAL);
	json_push(&c, o, json_strz(&c, "x"));
	assert_int_equal(c.err, ERR_INTERNAL);
	json_object_put(a);
	json_object_put(o);
}

static void only_json_is_json(void **state)
{
	static const char *const bad[] = {
		"", " ", "-", "01", "-01", "1.", "[1.]", ".5", "+1", "1e", "1e+", "NaN", "nan", "[NaN]", "Infinity", "-Infinity", "True", "TRUE", "nul",
		"'a'", "{'a':1}", "{a:1}", "{\"a\" 1}", "{\"a\":}", "{\"a\":1,}", "[1,]", "[,]", "[1 2]", "[1,,2]", "[0,00]", "[", "{", "\"", "\"a", "\"\\",
		"\"\\x\"", "\"\\u12\"", "\"a\nb\"", "\"\x01\"", "{} {}", "{}x", "[1],", "1 2", "/*c*/1", "1//c", "\xEF\xBB\xBF{}", "\"\xFF\"",
		"\"\xC0\x80\"", "\v1", "1-", "1.5.5", "--1", "{\"a\":1}}", "]",
	};
	static const char *const good[] = {
		"0", "-0", "1.5", "1e5", "1E+5", "-0.1e-2", "\"\"", "\"\\u00e9\\n\\/\"", "[]", "{}", " [ 1 , 2 ] \r\n", "{\"a\":{\"b\":[]}}", "true", "false",
		"null", "\"'N I\"", "{\"Na\":\"N\"}", "\"\\\\\"", "\"\\\"\"", "\"\xF0\x9F\x98\x80\"",
	};

	(void)state;
	for (size_t i = 0; i < ROWS(bad); i++) {
		struct json_object *o = (void *)state;

		if (json_read(&o, span_z(bad[i])) != ERR_SYNTAX)
			fail_msg("taken: %s", bad[i]);
		assert_ptr_equal(o, state);
	}
	for (size_t i = 0; i < ROWS(good); i++)
		json_object_put(parsed(good[i]));
	assert_int_equal(json_read(&(struct json_object *){ NULL }, span_of("[1]\0", 4)), ERR_SYNTAX);
	assert_int_equal(json_read(&(struct json_object *){ NULL }, span_of("[\0]", 3)), ERR_SYNTAX);
	assert_int_equal(json_read(&(struct json_object *){ NULL }, SPAN_NONE), ERR_SYNTAX);
}

static void depth_is_bounded(void **state)
{
	char text[2 * JSON_DEPTH + 2];
	struct json_object *o = NULL;

	(void)state;
	memset(text, '[', JSON_DEPTH);
	memset(text + JSON_DEPTH, ']', JSON_DEPTH);
	assert_int_equal(json_read(&o, span_of(text, 2 * JSON_DEPTH)), ERR_OK);
	json_object_put(o);
	memset(text, '[', JSON_DEPTH + 1);
	memset(text + JSON_DEPTH + 1, ']', JSON_DEPTH + 1);
	assert_int_equal(json_read(&o, span_of(text, 2 * JSON_DEPTH + 2)), ERR_LIMIT);
}

static void the_input_needs_no_nul(void **state)
{
	char *exact = malloc(3);
	struct json_object *o = NULL;

	(void)state;
	memcpy(exact, "123", 3);
	assert_int_equal(json_read(&o, span_of(exact, 3)), ERR_OK);
	assert_int_equal(json_object_get_int(o), 123);
	json_object_put(o);
	free(exact);
}

static void a_wrong_type_reads_as_absent(void **state)
{
	struct json_object *o = parsed("{\"s\":\"text\",\"i\":42,\"d\":1.5,\"w\":3.0,\"b\":true,\"n\":null,\"a\":[1],\"digits\":\"-7\",\"big\":18446744073709551615,"
	                               "\"huge\":1e300,\"over\":1e999}");
	static const struct { const char *key; bool ok; int64_t v; } ints[] = {
		{ "i", true, 42 }, { "w", true, 3 }, { "digits", true, -7 }, { "d", false, 0 }, { "s", false, 0 }, { "b", false, 0 }, { "n", false, 0 },
		{ "a", false, 0 }, { "big", false, 0 }, { "huge", false, 0 }, { "over", false, 0 }, { "none", false, 0 },
	};
	double d;
	bool yes = false;

	(void)state;
	for (size_t i = 0; i < ROWS(ints); i++) {
		int64_t v = 77;

		if (json_get_int(o, ints[i].key, &v) != ints[i].ok || v != (ints[i].ok ? ints[i].v : 77))
			fail_msg("%s", ints[i].key);
	}
	assert_true(json_get_num(o, "d", &d) && d == 1.5);
	assert_true(json_get_num(o, "i", &d) && d == 42);
	assert_false(json_get_num(o, "over", &d));
	assert_false(json_get_num(o, "digits", &d));
	assert_false(json_get_num(o, "b", &d));
	assert_true(json_get_bool(o, "b", &yes) && yes);
	assert_false(json_get_bool(o, "i", &yes));
	assert_span(json_get_span(o, "s"), "text");
	assert_null(json_get_span(o, "i").p);
	assert_null(json_get_span(o, "none").p);
	assert_null(json_get(json_get(o, "a"), "x"));
	assert_null(json_get(NULL, "x"));
	json_object_put(o);
}

static void paths_go_down(void **state)
{
	struct json_object *o = parsed("{\"a\":{\"b\":{\"c\":\"x\"}},\"d\":1}");

	(void)state;
	assert_span(json_span(json_path(o, "a.b.c")), "x");
	assert_null(json_path(o, "a.x.c"));
	assert_null(json_path(o, "d.b"));
	assert_null(json_path(o, "a..c"));
	assert_null(json_path(o, ""));
	assert_null(json_path(NULL, "a"));
	json_object_put(o);
}

static void strings_may_hold_a_nul(void **state)
{
	struct json_object *o = parsed("{\"k\":\"a\\u0000b\",\"e\":\"\"}");

	(void)state;
	assert_int_equal(json_get_span(o, "k").n, 3);
	assert_non_null(json_get_span(o, "e").p);
	json_object_put(o);
}

static void the_last_of_two_equal_keys_wins(void **state)
{
	(void)state;
	writes_as(parsed("{\"a\":1,\"a\":2}"), "{\"a\":2}");
}

static void escaping_for_templates(void **state)
{
	static const struct { const char *in, *out; } rows[] = {
		{ "", "" }, { "plain text/", "plain text/" }, { "\"\\\n\r\t\b\x1F\x7F", "\\\"\\\\\\n\\r\\t\\u0008\\u001f\\u007f" },
		{ "gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80", "gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80" }, { "\xFFz", "\xEF\xBF\xBDz" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf b = BUF_INIT;

		json_escape(&b, span_z(rows[i].in));
		assert_string_equal(buf_z(&b), rows[i].out);
		buf_fini(&b);
	}
}

/* Any bytes, escaped and put between quotes, are JSON, and read back the same when they were UTF-8. */
static void random_bytes_escape_to_json(void **state)
{
	uint64_t seed = 3;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		char in[40];
		size_t n = seeded(&seed) % sizeof in;
		struct buf b = BUF_INIT;
		struct json_object *o = NULL;

		for (size_t j = 0; j < n; j++)
			in[j] = (char)(seeded(&seed) % (i % 2 ? 256 : 128));
		buf_addc(&b, '"');
		json_escape(&b, span_of(in, n));
		buf_addc(&b, '"');
		assert_int_equal(json_read(&o, buf_span(&b)), ERR_OK);
		if (span_utf8(span_of(in, n)))
			assert_true(span_eq(json_span(o), span_of(in, n)));
		json_object_put(o);
		buf_fini(&b);
	}
}

/* Whatever is read from spoilt JSON is written as JSON again. */
static void what_is_read_can_be_written_and_read(void **state)
{
	static const char marks[] = "0123456789-+.eE\"\\{}[],:ntfaNI' \n\xC3\xBC\x01";
	static const char text[] = "{\"a\":[1,-2.5e3,true,null,\"x\\u00e9\\n\"],\"b\":{\"c\":\"\xC3\xBC\",\"d\":[]}}";
	uint64_t seed = 4;
	unsigned good = 0;

	(void)state;
	for (int i = 0; i < 30000; i++) {
		char spoilt[sizeof text];
		struct json_object *o = NULL, *again = NULL;
		struct buf b = BUF_INIT;

		memcpy(spoilt, text, sizeof text);
		for (uint32_t j = 1 + seeded(&seed) % 2; j; j--)
			spoilt[seeded(&seed) % (sizeof text - 1)] = marks[seeded(&seed) % (sizeof marks - 1)];
		if (json_read(&o, span_of(spoilt, sizeof text - 1)) == ERR_OK) {
			good++;
			assert_int_equal(json_write(&b, o), ERR_OK);
			if (json_read(&again, buf_span(&b)) != ERR_OK)
				fail_msg("%s -> %s", spoilt, buf_z(&b));
		}
		json_object_put(o);
		json_object_put(again);
		buf_fini(&b);
	}
	assert_in_range(good, 500, 29500);
}

static enum err build_and_write(void)
{
	struct jbuild b = { 0 };
	struct buf out = BUF_INIT;
	struct json_object *msg = json_obj(&b), *ses = json_obj(&b), *arr = json_arr(&b);
	enum err e;

	json_set(&b, ses, "instructions", json_str(&b, SPAN("be \xFF polite")));
	json_push(&b, arr, json_num(&b, 0.25));
	json_push(&b, arr, json_raw(&b, SPAN("{\"x\":[1]}")));
	json_set(&b, ses, "list", arr);
	json_set(&b, msg, "session", ses);
	json_set(&b, msg, "on", json_bool(&b, true));
	e = b.err ? b.err : json_write(&out, msg);
	json_object_put(msg);
	if (b.err && !msg)
		assert_int_equal(b.err, ERR_NOMEM);
	buf_fini(&out);
	return e;
}

static void nothing_leaks_whatever_fails(void **state)
{
	(void)state;
	sweep(build_and_write, ERR_NOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_value_is_written_compact),
		cmocka_unit_test(null_is_written),
		cmocka_unit_test(pretty_is_for_people),
		cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
		cmocka_unit_test(the_first_error_stays),
		cmocka_unit_test(values_given_to_the_wrong_container_are_freed),
		cmocka_unit_test(only_json_is_json),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(the_input_needs_no_nul),
		cmocka_unit_test(a_wrong_type_reads_as_absent),
		cmocka_unit_test(paths_go_down),
		cmocka_unit_test(strings_may_hold_a_nul),
		cmocka_unit_test(the_last_of_two_equal_keys_wins),
		cmocka_unit_test(escaping_for_templates),
		cmocka_unit_test(random_bytes_escape_to_json),
		cmocka_unit_test(what_is_read_can_be_written_and_read),
		cmocka_unit_test(nothing_leaks_whatever_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
