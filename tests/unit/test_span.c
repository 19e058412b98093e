/* span - cutting, numbers at their edges, UTF-8 as the Unicode standard's table has it. */
#include <float.h>
#include <locale.h>
#include <math.h>

#include "unit.h"

static void trimming(void **state)
{
	static const struct { const char *in, *out; } rows[] = {
		{ "", "" }, { " ", "" }, { "\t\r\n ", "" }, { "a", "a" }, { " a b\r\n", "a b" }, { "\va", "\va" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_span(span_trim(span_z(rows[i].in)), rows[i].out);
	assert_null(span_trim(SPAN_NONE).p);
}

static void cutting_gives_every_part_also_empty_ones(void **state)
{
	static const struct { const char *in, *parts; } rows[] = {
		{ "", "[]" }, { "a", "[a]" }, { "a,b", "[a][b]" }, { "a,", "[a][]" }, { ",", "[][]" }, { ",,a", "[][][a]" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct span rest = span_z(rows[i].in), part;
		struct buf b = BUF_INIT;

		while (span_cut(&rest, ',', &part))
			buf_printf(&b, "[" SPAN_FMT "]", SPAN_ARG(part));
		assert_string_equal(buf_z(&b), rows[i].parts);
		buf_fini(&b);
	}
	assert_false(span_cut(&SPAN_NONE, ',', &(struct span){ 0 }));
}

static void skipping_and_heads_stay_inside(void **state)
{
	(void)state;
	assert_span(span_skip(SPAN("abc"), 1), "bc");
	assert_span(span_skip(SPAN("abc"), 9), "");
	assert_span(span_head(SPAN("abc"), 2), "ab");
	assert_span(span_head(SPAN("abc"), SIZE_MAX), "abc");
	assert_null(span_skip(SPAN_NONE, 1).p);
	assert_true(span_starts(SPAN("abc"), SPAN("ab")));
	assert_true(span_starts(SPAN(""), SPAN("")));
	assert_false(span_starts(SPAN("a"), SPAN("ab")));
}

static void absent_and_empty_compare_equal_but_are_told_apart(void **state)
{
	(void)state;
	assert_true(span_eq(SPAN_NONE, SPAN("")));
	assert_null(SPAN_NONE.p);
	assert_non_null(SPAN("").p);
	assert_null(span_z(NULL).p);
}

static void copies_end_with_a_nul_or_are_refused(void **state)
{
	char small[4] = "xyz";
	char *z = span_dup(span_of("a\0b", 3));

	(void)state;
	assert_memory_equal(z, "a\0b", 4);
	free(z);
	assert_true(span_copy(small, sizeof small, SPAN("abc")));
	assert_string_equal(small, "abc");
	assert_false(span_copy(small, sizeof small, SPAN("abcd")));
	assert_string_equal(small, "");
	assert_false(span_copy(small, 0, SPAN("")));
	assert_true(span_copy(small, 1, SPAN_NONE));
	assert_null(span_dup(span_of("", SIZE_MAX)));
}

static void whole_numbers(void **state)
{
	static const struct { const char *in; bool ok; int64_t v; } rows[] = {
		{ "0", true, 0 }, { "-0", true, 0 }, { "007", true, 7 }, { "-12", true, -12 }, { "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN }, { "9223372036854775808", false, 0 }, { "-9223372036854775809", false, 0 },
		{ "18446744073709551617", false, 0 }, { "99999999999999999999999", false, 0 }, { "", false, 0 }, { "-", false, 0 },
		{ "+1", false, 0 }, { " 1", false, 0 }, { "1 ", false, 0 }, { "1.0", false, 0 }, { "0x1", false, 0 }, { "1e3", false, 0 }, { "--1", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		int64_t v = 77;

		if (span_int(span_z(rows[i].in), &v) != rows[i].ok)
			fail_msg("%s", rows[i].in);
		assert_true(v == (rows[i].ok ? rows[i].v : 77));
	}
}

static void decimal_numbers(void **state)
{
	static const struct { const char *in; bool ok; double v; } rows[] = {
		{ "0", true, 0 }, { "0.5", true, 0.5 }, { ".5", true, 0.5 }, { "-1.25", true, -1.25 }, { "1e3", true, 1000 }, { "1E-2", true, 0.01 },
		{ "1.7976931348623157e308", true, DBL_MAX }, { "1e309", false, 0 }, { "-1e400", false, 0 }, { "1e-400", true, 0 },
		{ "", false, 0 }, { ".", false, 0 }, { "1.", false, 0 }, { "-", false, 0 }, { "e1", false, 0 }, { "1e", false, 0 }, { "1e+", false, 0 },
		{ "nan", false, 0 }, { "inf", false, 0 }, { "0x1p3", false, 0 }, { " 1", false, 0 }, { "1 ", false, 0 }, { "1,5", false, 0 }, { "+1", false, 0 },
		{ "1.5.5", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		double v = 77;

		if (span_num(span_z(rows[i].in), &v) != rows[i].ok)
			fail_msg("%s", rows[i].in);
		assert_true(v == (rows[i].ok ? rows[i].v : 77));
	}
}

static void comparing_in_constant_time_compares(void **state)
{
	(void)state;
	assert_true(span_eq_const(SPAN("secret"), SPAN("secret")));
	assert_false(span_eq_const(SPAN("secret"), SPAN("secreT")));
	assert_false(span_eq_const(SPAN("secret"), SPAN("secre")));
	assert_true(span_eq_const(SPAN(""), SPAN_NONE));
}

static void utf8_is_what_unicode_says(void **state)
{
	static const struct { const char *in; bool ok; } rows[] = {
		{ "", true }, { "plain", true }, { "\x7F", true }, { "\xC2\x80", true }, { "\xDF\xBF", true }, { "\xE0\xA0\x80", true },
		{ "\xED\x9F\xBF", true }, { "\xEE\x80\x80", true }, { "\xEF\xBF\xBF", true }, { "\xF0\x90\x80\x80", true }, { "\xF4\x8F\xBF\xBF", true },
		{ "gr\xC3\xBC\xC3\x9F", true },
		{ "\x80", false }, { "\xBF", false }, { "\xC0\x80", false }, { "\xC1\xBF", false }, { "\xE0\x9F\xBF", false }, { "\xED\xA0\x80", false },
		{ "\xED\xBF\xBF", false }, { "\xF0\x8F\xBF\xBF", false }, { "\xF4\x90\x80\x80", false }, { "\xF5\x80\x80\x80", false }, { "\xFF", false },
		{ "\xC2", false }, { "\xE0\xA0", false }, { "\xF0\x90\x80", false }, { "\xC2\x41", false }, { "\xE1\x80\x41", false }, { "a\xC3", false },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		if (span_utf8(span_z(rows[i].in)) != rows[i].ok)
			fail_msg("row %zu", i);
	assert_true(span_utf8(span_of("a\0b", 3)));
	assert_true(span_utf8(SPAN_NONE));
}

/* Every code point, encoded by the book, is taken whole. */
static void every_code_point_is_one_step(void **state)
{
	(void)state;
	for (uint32_t c = 0; c <= 0x10FFFF; c++) {
		unsigned char z[4] = { 0 };
		size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

		for (size_t i = n; i-- > 1;)
			z[i] = (unsigned char)(0x80 | ((c >> (6 * (n - 1 - i))) & 0x3F));
		z[0] = (unsigned char)(n == 1 ? c : (0xF00u >> n & 0xFF) | (c >> (6 * (n - 1))));
		if (span_utf8_step(span_of(z, n)) != (c >= 0xD800 && c <= 0xDFFF ? 0 : n))
			fail_msg("U+%04X", c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trimming),
		cmocka_unit_test(cutting_gives_every_part_also_empty_ones),
		cmocka_unit_test(skipping_and_heads_stay_inside),
		cmocka_unit_test(absent_and_empty_compare_equal_but_are_told_apart),
		cmocka_unit_test(copies_end_with_a_nul_or_are_refused),
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(decimal_numbers),
		cmocka_unit_test(comparing_in_constant_time_compares),
		cmocka_unit_test(utf8_is_what_unicode_says),
		cmocka_unit_test(every_code_point_is_one_step),
	};

	setlocale(LC_ALL, "");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
