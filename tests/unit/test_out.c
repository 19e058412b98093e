/* Tables, records and values as printed: widths, empty tables, and nothing that could steer a terminal. */
#include "unit.h"

#include <locale.h>

#include "../../admin-cli/out.h"
#include "base/json.h"

static const struct out_col cols[] = { { "id", OUT_RIGHT }, { "full_name", 0 }, { "x.text", OUT_CUT } };

static struct json_object *json_of(const char *text)
{
	struct json_object *o = NULL;

	assert_int_equal(json_read(&o, span_z(text)), ERR_OK);
	return o;
}

static void table_is(const char *rows, unsigned width, const char *want)
{
	struct json_object *o = json_of(rows);
	struct buf b = BUF_INIT;

	assert_int_equal(out_table(&b, cols, ROWS(cols), o, width), ERR_OK);
	assert_span(buf_span(&b), want);
	buf_fini(&b);
	json_object_put(o);
}

static void an_empty_table_prints_its_header(void **state)
{
	(void)state;
	table_is("[]", 0, "ID FULL NAME X TEXT\n");
	table_is("[]", 80, "ID FULL NAME X TEXT\n");
}

static void cells_come_from_members_by_path(void **state)
{
	(void)state;
	table_is("[{\"id\":1,\"full_name\":\"a\",\"x\":{\"text\":\"t\"}},{\"id\":22,\"full_name\":null}]", 0,
		 "ID FULL NAME X TEXT\n"
		 " 1 a         t\n"
		 "22           \n");
}

static void a_narrow_terminal_cuts_what_may_be_cut(void **state)
{
	(void)state;
	table_is("[{\"id\":1,\"full_name\":\"somebody\",\"x\":{\"text\":\"0123456789012345678901234567890123456789\"}}]", 40,
		 "ID FULL NAME X TEXT\n"
		 " 1 somebody  012345678901234567890123456\n");
	table_is("[{\"id\":1,\"full_name\":\"somebody\",\"x\":{\"text\":\"0123456789012345678901234567890123456789\"}}]", 0,
		 "ID FULL NAME X TEXT\n"
		 " 1 somebody  0123456789012345678901234567890123456789\n");
}

static const struct {
	const char *in, *newline, *want;
} texts[] = {
	{ "plain", " ", "plain" },
	{ "z\xC3\xBC ja", " ", "z\xC3\xBC ja" },
	{ "a\nb", " ", "a b" },
	{ "a\n\nb", "\n  ", "a\n\n  b" },
	{ "a\tb\rc", " ", "a bc" },
	{ "\033[31mred", " ", "\xEF\xBF\xBD[31mred" },
	{ "\xC2\x9B" "31m", " ", "\xEF\xBF\xBD" "31m" },           /* the same as one character */
	{ "\x7F", " ", "\xEF\xBF\xBD" },
	{ "\xE2\x80\xAE" "abc\xE2\x80\xAC", " ", "\xEF\xBF\xBD" "abc\xEF\xBF\xBD" },      /* right to left by force */
	{ "\xE2\x81\xA6" "abc\xE2\x81\xA9", " ", "\xEF\xBF\xBD" "abc\xEF\xBF\xBD" },
	{ "\xE2\x80\x93 \xD7\xA9", " ", "\xE2\x80\x93 \xD7\xA9" },                       /* a dash, a letter that is right to left by itself */
	{ "bad\xFFutf", " ", "bad\xEF\xBF\xBDutf" },
};

static void no_control_character_reaches_the_terminal(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(texts); i++) {
		struct buf b = BUF_INIT;

		out_text(&b, span_z(texts[i].in), texts[i].newline);
		assert_span(buf_span(&b), texts[i].want);
		buf_fini(&b);
	}
}

static void a_record_is_a_line_for_each_member(void **state)
{
	struct json_object *o = json_of("{\"a\":1,\"long_name\":\"x\\ny\",\"none\":null,\"list\":[1,\"b\"],\"yes\":true}");
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(out_record(&b, o), ERR_OK);
	assert_span(buf_span(&b), "a          1\nlong_name  x\n           y\nnone\nlist       [1,\"b\"]\nyes        true\n");
	buf_fini(&b);
	json_object_put(o);
}

static enum err print_something(void)
{
	struct json_object *o = NULL;
	struct buf b = BUF_INIT;
	enum err e = json_read(&o, SPAN("[{\"id\":1,\"full_name\":\"a\",\"x\":{\"text\":\"t\"}}]"));

	if (!e)
		e = out_table(&b, cols, ROWS(cols), o, 0);
	if (!e)
		e = out_json(&b, o);
	buf_fini(&b);
	json_object_put(o);
	return e;
}

static void every_failed_allocation_is_reported(void **state)
{
	(void)state;
	sweep(print_something, ERR_NOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_table_prints_its_header),
		cmocka_unit_test(cells_come_from_members_by_path),
		cmocka_unit_test(a_narrow_terminal_cuts_what_may_be_cut),
		cmocka_unit_test(no_control_character_reaches_the_terminal),
		cmocka_unit_test(a_record_is_a_line_for_each_member),
		cmocka_unit_test(every_failed_allocation_is_reported),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
