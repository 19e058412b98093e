/* form - decoding as browsers and Twilio write it, and encoding that decodes to the same. */
#include "base/form.h"
#include "unit.h"

static void shows(const char *body, const char *want)
{
	struct form f;
	struct buf b = BUF_INIT;

	assert_int_equal(form_parse(&f, span_z(body)), ERR_OK);
	for (size_t i = 0; i < f.n; i++) {
		assert_non_null(f.pairs[i].name.p);
		assert_non_null(f.pairs[i].value.p);
		buf_printf(&b, "[" SPAN_FMT "=" SPAN_FMT "]", SPAN_ARG(f.pairs[i].name), SPAN_ARG(f.pairs[i].value));
	}
	if (strcmp(buf_z(&b), want) != 0)
		fail_msg("%s gave %s, want %s", body, buf_z(&b), want);
	buf_fini(&b);
	form_fini(&f);
	assert_null(f.pairs);
}

static void bodies_are_taken_apart_in_order(void **state)
{
	static const struct { const char *body, *want; } rows[] = {
		{ "", "" }, { "&", "" }, { "&&a=1&&", "[a=1]" }, { "a=1&b=2", "[a=1][b=2]" }, { "a=&b", "[a=][b=]" }, { "=v", "[=v]" }, { "a=1&a=2", "[a=1][a=2]" },
		{ "a=b=c", "[a=b=c]" }, { "a+b=c+d", "[a b=c d]" }, { "a%20b=%2B1%3D%26", "[a b=+1=&]" }, { "To=%2b15005550006", "[To=+15005550006]" },
		{ "x=%C3%BC", "[x=\xC3\xBC]" }, { "x=%", "[x=%]" }, { "x=%4", "[x=%4]" }, { "x=%zz", "[x=%zz]" }, { "x=%4g%41", "[x=%4gA]" }, { "x=%%41", "[x=%A]" },
		{ "x=%25%34%31", "[x=%41]" }, { "a;b=1", "[a;b=1]" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		shows(rows[i].body, rows[i].want);
}

static void the_first_of_a_name_is_got(void **state)
{
	struct form f;

	(void)state;
	assert_int_equal(form_parse(&f, SPAN("a=1&b=&a=2")), ERR_OK);
	assert_span(form_get(&f, "a"), "1");
	assert_span(form_get(&f, "b"), "");
	assert_non_null(form_get(&f, "b").p);
	assert_null(form_get(&f, "c").p);
	assert_null(form_get(&f, "A").p);
	form_fini(&f);
}

static void a_nul_is_a_byte(void **state)
{
	struct form f;

	(void)state;
	assert_int_equal(form_parse(&f, SPAN("a=x%00y")), ERR_OK);
	assert_true(span_eq(form_get(&f, "a"), span_of("x\0y", 3)));
	form_fini(&f);
}

static void too_many_pairs_are_a_limit(void **state)
{
	struct buf b = BUF_INIT;
	struct form f;

	(void)state;
	for (int i = 0; i < FORM_PAIRS_MAX; i++)
		form_encode(&b, "n", SPAN("v"));
	assert_int_equal(form_parse(&f, buf_span(&b)), ERR_OK);
	assert_int_equal(f.n, FORM_PAIRS_MAX);
	form_fini(&f);
	form_encode(&b, "n", SPAN("v"));
	assert_int_equal(form_parse(&f, buf_span(&b)), ERR_LIMIT);
	buf_fini(&b);
}

static void encoding_leaves_the_unreserved(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	form_encode(&b, "a b", SPAN("AZaz09-._~"));
	form_encode(&b, "c", SPAN("+ /?&=%\xC3\xBC\x01"));
	form_encode(&b, "d", SPAN_NONE);
	assert_string_equal(buf_z(&b), "a%20b=AZaz09-._~&c=%2B%20%2F%3F%26%3D%25%C3%BC%01&d=");
	buf_fini(&b);
}

static void random_values_go_round(void **state)
{
	uint64_t seed = 8;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		char value[50];
		size_t n = seeded(&seed) % sizeof value;
		struct buf b = BUF_INIT;
		struct form f;

		for (size_t j = 0; j < n; j++)
			value[j] = (char)seeded(&seed);
		form_encode(&b, "first", SPAN("1"));
		form_encode(&b, "v", span_of(value, n));
		assert_int_equal(form_parse(&f, buf_span(&b)), ERR_OK);
		assert_int_equal(f.n, 2);
		assert_true(span_eq(form_get(&f, "v"), span_of(value, n)));
		form_fini(&f);
		buf_fini(&b);
	}
}

static void random_bodies_stay_inside(void **state)
{
	static const char marks[] = "%%%&&=+4Zaf09\x00\xFF";
	uint64_t seed = 9;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		size_t n = seeded(&seed) % 40;
		char *body = malloc(n ? n : 1);
		struct form f;

		for (size_t j = 0; j < n; j++)
			body[j] = marks[seeded(&seed) % (sizeof marks - 1)];
		assert_int_equal(form_parse(&f, span_of(body, n)), ERR_OK);
		for (size_t j = 0; j < f.n; j++)
			assert_true(f.pairs[j].value.p + f.pairs[j].value.n <= f.bytes + n + 1);
		form_fini(&f);
		free(body);
	}
}

static enum err one_form(void)
{
	struct form f = { 0 };
	enum err e = form_parse(&f, SPAN("a=1&b=2"));

	form_fini(&f);
	return e;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	sweep(one_form, ERR_NOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_are_taken_apart_in_order),
		cmocka_unit_test(the_first_of_a_name_is_got),
		cmocka_unit_test(a_nul_is_a_byte),
		cmocka_unit_test(too_many_pairs_are_a_limit),
		cmocka_unit_test(encoding_leaves_the_unreserved),
		cmocka_unit_test(random_values_go_round),
		cmocka_unit_test(random_bodies_stay_inside),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
