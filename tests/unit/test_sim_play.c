/* sim: files of whole calls, and expectations. Playing them is tests/system/play.test. */
#include "base/json.h"
#include "tests/sim/phone_expect.h"
#include "tests/sim/play.h"
#include "unit.h"

static void a_file_may_leave_out_everything(void **st)
{
	struct play_file f;

	(void)st;
	assert_int_equal(play_file_parse(&f, SPAN("{}"), NULL), ERR_OK);
	assert_int_equal(f.seed, 1);
	assert_int_equal(f.limit_s, 300);
	assert_string_equal(f.dialect, "openai");
	assert_null(f.agent);
	play_file_fini(&f);
}

static void parts_are_kept_as_they_are(void **st)
{
	struct play_file f;

	(void)st;
	assert_int_equal(play_file_parse(&f, SPAN("{\"agent\":{\"voice\":\"cedar\"},\"tools\":[{\"name\":\"a\"}],\"at\":\"2026-01-02T03:04:05Z\"}"), NULL), ERR_OK);
	assert_string_equal(f.agent, "{\"voice\":\"cedar\"}");
	assert_string_equal(f.tools, "[{\"name\":\"a\"}]");
	assert_int_equal(f.at, INT64_C(1767323045000));
	play_file_fini(&f);
}

static void a_file_that_says_something_wrong_is_refused_with_the_reason(void **st)
{
	static const struct { const char *text, *why; } rows[] = {
		{ "{", "it is no JSON" }, { "[]", "an object was expected" }, { "{\"phones\":{}}", "unknown member phones; did you mean phone?" },
		{ "{\"zzzzzzzz\":1}", "unknown member zzzzzzzz" }, { "{\"limit_s\":0}", "limit_s" }, { "{\"agent\":[]}", "agent" }, { "{\"dialect\":\"klingon\"}", "dialect" },
	};

	(void)st;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct play_file f;
		struct buf why = BUF_INIT;

		assert_int_equal(play_file_parse(&f, span_z(rows[i].text), &why), ERR_VALUE);
		if (!strstr(buf_z(&why), rows[i].why))
			fail_msg("%s: %s", rows[i].text, buf_z(&why));
		buf_fini(&why);
	}
}

/* --- expectations --- */

static void note(void *arg, const char *text)
{
	buf_addz(arg, text);
	buf_addc(arg, ';');
}

static void expectations_are_met_or_named(void **st)
{
	static const char summary[] = "{\"n\":3,\"text\":\"good morning\",\"list\":[{\"a\":1},{\"a\":2}],\"counts\":{\"model.lost\":2,\"model\":{\"lost\":7}},\"none\":null}";
	static const struct { const char *expect, *missed; } rows[] = {
		{ "{\"n\":3,\"list\":2,\"list.1.a\":2,\"text\":\"good morning\",\"none\":null,\"other\":null}", "" },
		{ "{\"n\":{\"min\":3,\"max\":3},\"list\":{\"max\":2},\"text\":{\"has\":\"morn\"}}", "" },
		{ "{\"counts.model.lost\":2}", "" },                          /* the member with the dot counts */
		{ "{\"ok\":false,\"problems\":[]}", "" },                    /* the caller's */
		{ "{\"n\":4}", "expected n to be 4, it is 3;" },
		{ "{\"n\":{\"min\":4}}", "expected n to be {\"min\":4}, it is 3;" },
		{ "{\"text\":{\"has\":\"night\"}}", "expected text to be {\"has\":\"night\"}, it is \"good morning\";" },
		{ "{\"list.2.a\":1}", "expected list.2.a to be 1, it is not there;" },
		{ "{\"n\":null}", "expected n to be null, it is 3;" },
	};
	struct json_object *o = NULL;

	(void)st;
	assert_int_equal(json_read(&o, span_z(summary)), ERR_OK);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct json_object *expect = NULL;
		struct buf missed = BUF_INIT;

		assert_int_equal(json_read(&expect, span_z(rows[i].expect)), ERR_OK);
		phone_expect(o, expect, note, &missed);
		assert_string_equal(buf_z(&missed), rows[i].missed);
		buf_fini(&missed);
		json_object_put(expect);
	}
	json_object_put(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_may_leave_out_everything),
		cmocka_unit_test(parts_are_kept_as_they_are),
		cmocka_unit_test(a_file_that_says_something_wrong_is_refused_with_the_reason),
		cmocka_unit_test(expectations_are_met_or_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
