/* redact - what is a number, and what is left of the text around it. */
#include "base/fault.h"
#include "media-relay/redact.h"
#include "unit.h"

static const struct { const char *text, *shown; } texts[] = {
	{ "", "" },
	{ "no number here", "no number here" },
	{ "room 123, floor 4 of 12", "room 123, floor 4 of 12" },
	{ "my code is 1234.", "my code is [number]." },
	{ "4242 4242 4242 4242", "[number]" },
	{ "4242-4242.4242/4242 thanks", "[number] thanks" },
	{ "call +49 30 123456 today", "call [number] today" },
	{ "(555) 123-4567", "[number]" },
	{ "+1 (555) 123-4567", "[number]" },
	{ "+49 (0)30 123456", "[number]" },
	{ "(+49) 30 1234", "[number]" },
	{ "(1234)", "([number])" },
	{ "(call 1234)", "(call [number])" },
	{ "1, 2, 3, 4", "[number]" },
	{ "1, 2, 3", "1, 2, 3" },
	{ "12  34", "12  34" },                          /* two blanks: two numbers */
	{ "at 10:30 or 12:45", "at 10:30 or 12:45" },
	{ "in 10, 20 or 30 days", "in [number] or 30 days" },      /* read out slowly, a card number is written with commas */
	{ "1234:56", "[number]:56" },
	{ "12345678 and 12 and 8765", "[number] and 12 and [number]" },
	{ "a1b2c3d4", "a1b2c3d4" },
	{ "x1234x", "x[number]x" },
	{ "[keypad: 1234]", "[keypad: [number]]" },
	{ "[keypad: 12*34]", "[keypad: [number]]" },
	{ "[keypad: 12]", "[keypad: 12]" },
	{ "[keypad: #]", "[keypad: #]" },
	{ "\xD9\xA1\xD9\xA2\xD9\xA3\xD9\xA4", "[number]" },
	{ "\xEF\xBC\x91\x32\xEF\xBC\x93\x34!", "[number]!" },
	{ "555\xE2\x80\x93""1234", "[number]" },
	{ "12\xC2\xA0""34", "[number]" },
	{ "gr\xC3\xBC\xC3\x9F 12345 \xC3\xA4", "gr\xC3\xBC\xC3\x9F [number] \xC3\xA4" },
	{ "+", "+" },
	{ "++1234", "[number]" },
	{ "12-", "12-" },
	{ "1234-", "[number]-" },
};

static void a_number_is_hidden_and_the_rest_stays(void **st)
{
	(void)st;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct buf b = BUF_INIT;

		buf_addc(&b, '+');                       /* what stands there already is nobody's */
		redact_text(&b, span_z(texts[i].text));
		assert_int_equal(b.err, ERR_OK);
		assert_string_equal(buf_z(&b) + 1, texts[i].shown);
		assert_int_equal(redact_needed(span_z(texts[i].text)), strcmp(texts[i].text, texts[i].shown) != 0);
		buf_fini(&b);
	}
}

static const struct { const char *json, *shown; } values[] = {
	{ "{}", "{}" },
	{ "{\"number\":\"+49 30 123456\",\"n\":12345,\"small\":123,\"yes\":true,\"none\":null}",
	  "{\"number\":\"[number]\",\"n\":\"[number]\",\"small\":123,\"yes\":true,\"none\":null}" },
	{ "[1234.5,-1234,1.5,\"a\",[\"12345\"]]", "[\"[number]\",\"[number]\",1.5,\"a\",[\"[number]\"]]" },
	{ "{\"12345678\":1}", "{\"[number]\":1}" },
	{ "\"\\u0031\\u0032\\u0033\\u0034\"", "\"[number]\"" },
	{ "\"12\\/34\"", "\"[number]\"" },
	{ "\"\\u00e9\\u0001 12\"", "\"\xC3\xA9\\u0001 12\"" },
	{ "\"\"", "\"\"" },
	{ "null", "null" },
};

static void json_stays_json(void **st)
{
	struct buf b = BUF_INIT;

	(void)st;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		buf_reset(&b);
		assert_int_equal(redact_json(&b, span_z(values[i].json)), ERR_OK);
		assert_string_equal(buf_z(&b), values[i].shown);
	}
	buf_reset(&b);
	assert_int_equal(redact_json(&b, SPAN("{\"a\":")), ERR_SYNTAX);
	assert_int_equal(b.n, 0);
	buf_fini(&b);
}

static void without_memory_nothing_half_hidden_is_shown(void **st)
{
	enum err e = ERR_NOMEM;

	(void)st;
	for (unsigned n = 0; e != ERR_OK; n++) {
		struct buf b = BUF_INIT;

		fault_arm(n);
		e = redact_json(&b, SPAN("{\"code\":\"1234\",\"list\":[12345,\"x\"]}"));
		fault_disarm();
		assert_true(e == ERR_OK || e == ERR_NOMEM);
		assert_true(e == ERR_OK || !b.n);
		buf_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_hidden_and_the_rest_stays),
		cmocka_unit_test(json_stays_json),
		cmocka_unit_test(without_memory_nothing_half_hidden_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
