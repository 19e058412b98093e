/* twiml - byte for byte: escaping, what is left out, and the documents of the contract. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "twilio/twiml.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"

static void check(struct twiml *t, const char *want)
{
	struct span got = SPAN_NONE;

	assert_int_equal(twiml_end(t, &got), ERR_OK);
	if (!span_is(got, want))
		fail_msg("\n got " SPAN_FMT "\nwant %s", SPAN_ARG(got), want);
	twiml_fini(t);
}

static void an_empty_document(void **state)
{
	struct twiml t;

	(void)state;
	twiml_init(&t);
	check(&t, HEAD "<Response/>");
}

/* The document that the official library makes of the same parts. */
static void as_the_official_library(void **state)
{
	struct twiml t;

	(void)state;
	twiml_init(&t);
	twiml_say(&t, SPAN("Tom & \"Jerry\" <3 ' \xC5\xBC"), SPAN("Polly.Joanna"), SPAN("en-US"));
	twiml_open(&t, "Pause");
	twiml_attr(&t, "length", SPAN("2"));
	twiml_close(&t);
	twiml_open(&t, "Connect");
	twiml_attr(&t, "action", SPAN("https://voice.example.net/twilio/after?x=1&y=2"));
	twiml_attr(&t, "method", SPAN("POST"));
	twiml_open(&t, "Stream");
	twiml_attr(&t, "url", SPAN("wss://media.example.net/twilio/media"));
	twiml_attr(&t, "name", SPAN("main"));
	twiml_attr(&t, "statusCallback", SPAN("https://voice.example.net/twilio/stream"));
	twiml_attr(&t, "statusCallbackMethod", SPAN("POST"));
	twiml_open(&t, "Parameter");
	twiml_attr(&t, "name", SPAN("token"));
	twiml_attr(&t, "value", SPAN("a\"b<c>&'"));
	check(&t, HEAD "<Response><Say voice=\"Polly.Joanna\" language=\"en-US\">Tom &amp; \"Jerry\" &lt;3 ' \xC5\xBC</Say><Pause length=\"2\"/>"
		"<Connect action=\"https://voice.example.net/twilio/after?x=1&amp;y=2\" method=\"POST\"><Stream url=\"wss://media.example.net/twilio/media\" "
		"name=\"main\" statusCallback=\"https://voice.example.net/twilio/stream\" statusCallbackMethod=\"POST\">"
		"<Parameter name=\"token\" value=\"a&quot;b&lt;c>&amp;'\"/></Stream></Connect></Response>");
}

static void the_answer_of_the_contract(void **state)
{
	const struct twiml_stream s = {
		.url = SPAN("wss://h.example/ws/realtime/S/"), .action = SPAN("https://h.example/api/continue/S/"),
		.status_callback = SPAN("https://h.example/api/stream-status/S/"), .token = SPAN("T-_0"),
	};
	struct twiml t;

	(void)state;
	twiml_init(&t);
	twiml_connect(&t, &s);
	check(&t, HEAD "<Response><Connect action=\"https://h.example/api/continue/S/\"><Stream url=\"wss://h.example/ws/realtime/S/\" "
		"statusCallback=\"https://h.example/api/stream-status/S/\"><Parameter name=\"token\" value=\"T-_0\"/></Stream></Connect></Response>");
}

static void refusals(void **state)
{
	struct twiml t;

	(void)state;
	twiml_init(&t);
	twiml_reject(&t, "busy");
	check(&t, HEAD "<Response><Reject reason=\"busy\"/></Response>");
	twiml_init(&t);
	twiml_dial(&t, SPAN("+15005550010"), SPAN_NONE);
	check(&t, HEAD "<Response><Dial>+15005550010</Dial></Response>");
	twiml_init(&t);
	twiml_say(&t, SPAN("Sorry."), SPAN_NONE, SPAN("de-DE"));
	twiml_hangup(&t);
	check(&t, HEAD "<Response><Say language=\"de-DE\">Sorry.</Say><Hangup/></Response>");
}

static const struct {
	struct span in;
	const char *text, *attr;
} bytes[] = {
	{ SPAN("plain"), "plain", "plain" },
	{ SPAN("a&b"), "a&amp;b", "a&amp;b" },
	{ SPAN("&amp;"), "&amp;amp;", "&amp;amp;" },
	{ SPAN("<>\"'"), "&lt;&gt;\"'", "&lt;>&quot;'" },
	{ SPAN("]]>"), "]]&gt;", "]]>" },
	{ SPAN("a\tb\nc\rd"), "a\tb\nc&#xD;d", "a&#x9;b&#xA;c&#xD;d" },
	{ SPAN("a\0b\x01" "c\x08" "d\x0B" "e\x0C" "f\x1F" "g"), "abcdefg", "abcdefg" },
	{ SPAN("\x7F"), "\x7F", "\x7F" },
	{ SPAN("\xC5\xBC \xF0\x9F\x98\x80"), "\xC5\xBC \xF0\x9F\x98\x80", "\xC5\xBC \xF0\x9F\x98\x80" },
	{ SPAN("a\xFFz"), "az", "az" },                         /* never a byte of UTF-8 */
	{ SPAN("a\xC5"), "a", "a" },                            /* cut off */
	{ SPAN("a\xC5<b"), "a&lt;b", "a&lt;b" },                /* the bad byte takes nothing with it */
	{ SPAN("\xC0\xBC"), "", "" },                           /* overlong '<' */
	{ SPAN("\xED\xA0\x80x"), "x", "x" },                    /* a surrogate */
	{ SPAN("\xF4\x90\x80\x80x"), "x", "x" },                /* above U+10FFFF */
	{ SPAN("\xEF\xBF\xBE\xEF\xBF\xBF\xEF\xBF\xBD"), "\xEF\xBF\xBD", "\xEF\xBF\xBD" },
};

static void every_byte_is_escaped_or_left_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
		struct buf want = BUF_INIT;
		struct twiml t;

		twiml_init(&t);
		twiml_open(&t, "Say");
		twiml_attr(&t, "voice", bytes[i].in);
		twiml_text(&t, bytes[i].in);
		buf_printf(&want, HEAD "<Response><Say voice=\"%s\">%s</Say></Response>", bytes[i].attr, bytes[i].text);
		check(&t, buf_z(&want));
		buf_fini(&want);
	}
}

static void absent_attributes_are_left_out(void **state)
{
	struct twiml t;

	(void)state;
	twiml_init(&t);
	twiml_say(&t, SPAN("x"), SPAN(""), SPAN_NONE);
	check(&t, HEAD "<Response><Say>x</Say></Response>");
}

static void too_long_or_too_deep_is_an_error(void **state)
{
	static char big[TWIML_MAX];
	struct span got;
	struct twiml t;

	(void)state;
	memset(big, 'x', sizeof big);
	twiml_init(&t);
	twiml_say(&t, span_of(big, sizeof big), SPAN_NONE, SPAN_NONE);
	assert_int_equal(twiml_end(&t, &got), ERR_LIMIT);
	twiml_fini(&t);
	twiml_init(&t);
	for (int i = 0; i < TWIML_DEPTH; i++)
		twiml_open(&t, "Connect");
	assert_int_equal(twiml_end(&t, &got), ERR_LIMIT);
	twiml_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_document),
		cmocka_unit_test(as_the_official_library),
		cmocka_unit_test(the_answer_of_the_contract),
		cmocka_unit_test(refusals),
		cmocka_unit_test(every_byte_is_escaped_or_left_out),
		cmocka_unit_test(absent_attributes_are_left_out),
		cmocka_unit_test(too_long_or_too_deep_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
