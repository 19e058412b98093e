/* TwiML as the simulated phone network judges and steps through it, and the writer's documents against this reader. */
#include "tests/sim/twiml_run.h"
#include "twilio/twiml.h"
#include "unit.h"

#define XML  SPAN("text/xml; charset=utf-8")
#define R(x) "<Response>" x "</Response>"

/* Verbs and fault codes of a document, as "Say Connect | 12200". */
static void digest(struct buf *out, int status, struct span type, struct span doc, bool first)
{
	struct twiml_run t;
	struct twiml_step s;

	if (twiml_run_read(&t, status, type, doc, first))
		for (twiml_run_next(&t, &s); s.verb != TV_END; twiml_run_next(&t, &s))
			buf_printf(out, "%s ", s.name);
	buf_addz(out, "|");
	for (unsigned i = 0; i < t.n_faults; i++)
		buf_printf(out, " %d%s", t.faults[i].code, t.faults[i].fatal ? "!" : "");
	twiml_run_fini(&t);
}

static void documents(void **state)
{
	static const struct {
		const char *doc, *want;
	} rows[] = {
		{ R(""), "|" },
		{ "<Response/>", "|" },
		{ "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- hello -->" R("<Hangup/>") "\n", "Hangup |" },
		{ R("<Say voice=\"Polly.Joanna\" language=\"en-US\">Tom &amp; \"Jerry\" &lt;3 ' \305\274</Say>"), "Say |" },
		{ R("<Say>a</Say><Pause length=\"2\"/><Play>https://a.example/x.wav</Play><Hangup/>"), "Say Pause Play Hangup |" },
		{ R("<Dial>+15005550020</Dial>"), "Dial |" },
		{ R("<Dial timeout=\"25\" answerOnBridge=\"true\" action=\"https://a.example/x\"><Number>+15005550020</Number></Dial>"), "Dial |" },
		{ R("<Dial><Number url=\"https://a.example/w\" method=\"GET\">+15005550020</Number></Dial>"), "Dial |" },
		{ R("<Dial><Number url=\"/w\">+15005550020</Number></Dial>"), "Dial | 11100" },
		{ R("<Reject/>"), "Reject |" },
		{ R("<Reject reason=\"busy\"/>"), "Reject |" },
		{ R("<Redirect method=\"GET\">https://a.example/x?y=1&amp;z=2</Redirect>"), "Redirect |" },
		{ R("<Connect action=\"https://a.example/x\"><Stream url=\"wss://a.example/m/\"><Parameter name=\"token\" value=\"v\"/></Stream></Connect>"), "Connect |" },
		{ R("<Say><![CDATA[1 < 2 & 3]]></Say>"), "Say |" },
		{ R("<Say>one <break time=\"1s\"/> two</Say>"), "Say |" },
		/* what is left out or complained of, while the rest runs */
		{ R("<say>a</say><Hangup/>"), "Hangup | 12200" },
		{ R("<Say loud=\"1\">a</Say>"), "Say | 12200" },
		{ R("<Say/>"), "Say | 12200" },
		{ R("<Say loop=\"x\">a</Say>"), "Say | 12200" },
		{ R("<Hangup>now</Hangup>"), "Hangup | 12200" },
		{ R("text"), "| 12200" },
		{ "<Response version=\"1\"/>", "| 12200" },
		{ R("<Stream url=\"wss://a.example/\"/>"), "| 12200" },
		{ R("<Say>a</Say><Reject/>"), "Say Reject | 12200" },
		{ R("<Reject reason=\"later\"/>"), "Reject | 12200" },
		{ R("<Dial/>"), "Dial | 12200" },
		{ R("<Dial action=\"/x\">+15005550020</Dial>"), "Dial | 11100" },
		{ R("<Redirect>/x</Redirect>"), "Redirect | 11100" },
		{ R("<Play>x.wav</Play>"), "Play | 11100" },
		{ R("<Connect><Stream url=\"ws://a.example/\"/></Connect>"), "Connect | 31922" },
		{ R("<Connect><Stream url=\"https://a.example/\"/></Connect>"), "Connect | 31922" },
		{ R("<Connect><Stream url=\"wss:///x\"/></Connect>"), "Connect | 31923" },
		{ R("<Connect><Stream url=\"/x\"/></Connect>"), "Connect | 31923" },
		{ R("<Connect><Stream/></Connect>"), "Connect | 31923" },
		{ R("<Connect><Stream url=\"wss://a.example/m?x=1\"/></Connect>"), "Connect | 31920" },
		{ R("<Connect><Stream url=\"wss://a.example/m\" track=\"both_tracks\"/></Connect>"), "Connect | 31941" },
		{ R("<Connect><Stream url=\"wss://a.example/m\"/><Stream url=\"wss://a.example/n\"/></Connect>"), "Connect | 12200" },
		{ R("<Connect/>"), "Connect | 12200" },
		{ R("<Connect><Stream url=\"wss://a.example/m\"><Parameter name=\"x\"/></Stream></Connect>"), "Connect | 12200" },
		{ R("<Connect action=\"https://a.example/x\" method=\"PUT\"><Stream url=\"wss://a.example/m\"/></Connect>"), "Connect | 12200" },
		/* the end of the call */
		{ "", "| 12100!" },
		{ "Hello", "| 12100!" },
		{ "<Response>", "| 12100!" },
		{ R("<Say>a</say>"), "| 12100!" },
		{ R("<Say>a & b</Say>"), "| 12100!" },
		{ R("<Say>&nbsp;</Say>"), "| 12100!" },
		{ R("<Say>&#7;</Say>"), "| 12100!" },
		{ R("<Say>a\001</Say>"), "| 12100!" },
		{ R("<Say>\377</Say>"), "| 12100!" },
		{ R("<Say a=\"1\" a=\"2\">x</Say>"), "| 12100!" },
		{ R("<Say a=1>x</Say>"), "| 12100!" },
		{ R("<Say a=\"1\"b=\"2\">x</Say>"), "| 12100!" },
		{ R("<Say a=\"<\">x</Say>"), "| 12100!" },
		{ R("") R(""), "| 12100!" },
		{ " <?xml version=\"1.0\"?>" R(""), "| 12100!" },
		{ "<!DOCTYPE x>" R(""), "| 12100!" },
		{ "<?xml version=\"1.1\"?>" R(""), "| 12101!" },
		{ "<response/>", "| 12102!" },
		{ R("<!-- a -- b -->"), "| 12100!" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf b = BUF_INIT;

		digest(&b, 200, XML, span_z(rows[i].doc), true);
		if (strcmp(buf_z(&b), rows[i].want) != 0)
			fail_msg("%s: got \"%s\", want \"%s\"", rows[i].doc, buf_z(&b), rows[i].want);
		buf_fini(&b);
	}
}

static void answers(void **state)
{
	static const struct {
		int status;
		const char *type, *want;
	} rows[] = {
		{ 200, "text/xml", "Hangup |" }, { 200, "application/xml; charset=utf-8", "Hangup |" }, { 200, "Text/HTML", "Hangup |" },
		{ 200, NULL, "| 12300!" }, { 200, "text/plain", "| 12300!" }, { 200, "application/json", "| 12300!" }, { 403, "text/xml", "| 11200!" },
		{ 302, "text/xml", "| 11200!" }, { 500, NULL, "| 11200!" }, { 204, "text/xml", "| 11200!" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf b = BUF_INIT;

		digest(&b, rows[i].status, span_z(rows[i].type), SPAN(R("<Hangup/>")), true);
		if (strcmp(buf_z(&b), rows[i].want) != 0)
			fail_msg("%d %s: got \"%s\"", rows[i].status, rows[i].type ? rows[i].type : "-", buf_z(&b));
		buf_fini(&b);
	}
}

static void sizes(void **state)
{
	struct buf doc = BUF_INIT, b = BUF_INIT;

	(void)state;
	buf_addz(&doc, "<Response>");
	while (doc.n + 11 < TWIML_BYTES_MAX)
		buf_addc(&doc, ' ');
	buf_addz(&doc, "</Response>");
	digest(&b, 200, XML, buf_span(&doc), true);
	assert_string_equal(buf_z(&b), "|");
	buf_reset(&b);
	buf_addc(&doc, '\n');
	digest(&b, 200, XML, buf_span(&doc), true);
	assert_string_equal(buf_z(&b), "| 11750!");
	buf_fini(&doc);
	buf_fini(&b);
}

static void reject_is_for_calls_that_are_not_answered(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	digest(&b, 200, XML, SPAN(R("<Reject/>")), false);
	assert_string_equal(buf_z(&b), "Reject | 12200");
	buf_fini(&b);
}

static void a_stream_has_its_attributes_and_parameters(void **state)
{
	struct twiml_run t;
	struct twiml_step s;

	(void)state;
	assert_true(twiml_run_read(&t, 200, XML,
	                           SPAN(R("<Connect action=\"https://a.example/x?a=1&amp;b=2\"><Stream name=\"main\" url=\"wss://a.example/m/\" "
	                                  "statusCallback=\"https://a.example/s\" statusCallbackMethod='GET'><Parameter name=\"token\" value=\"a&quot;b&lt;c>&amp;'&#x20AC;\"/>"
	                                  "<Parameter name=\"e\" value=\"\"/></Stream></Connect>")),
	                           true));
	twiml_run_next(&t, &s);
	assert_int_equal(s.verb, TV_CONNECT);
	assert_string_equal(s.action, "https://a.example/x?a=1&b=2");
	assert_string_equal(s.method, "POST");
	assert_string_equal(s.stream.url, "wss://a.example/m/");
	assert_string_equal(s.stream.name, "main");
	assert_string_equal(s.stream.status_url, "https://a.example/s");
	assert_string_equal(s.stream.status_method, "GET");
	assert_int_equal(s.stream.n, 2);
	assert_string_equal(s.stream.params[0].value, "a\"b<c>&'\342\202\254");
	assert_string_equal(s.stream.params[1].value, "");
	twiml_run_fini(&t);
}

static void a_dial_names_whom_it_calls_and_what_they_hear(void **state)
{
	static const struct {
		const char *doc, *number, *whisper, *method;
	} rows[] = {
		{ R("<Dial>+1</Dial>"), "+1", NULL, NULL },
		{ R("<Dial><Number>+2</Number></Dial>"), "+2", NULL, "POST" },
		{ R("<Dial><Number url=\"https://a.example/w?a=1&amp;b\"> +3 </Number></Dial>"), "+3", "https://a.example/w?a=1&b", "POST" },
		{ R("<Dial><Sip method=\"GET\" url=\"https://a.example/w\">sip:a@b</Sip><Number>+4</Number></Dial>"), "sip:a@b", "https://a.example/w", "GET" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct twiml_run t;
		struct twiml_step s;

		assert_true(twiml_run_read(&t, 200, XML, span_z(rows[i].doc), false));
		twiml_run_next(&t, &s);
		assert_int_equal(s.verb, TV_DIAL);
		assert_string_equal(s.text, rows[i].number);
		assert_span(span_z(s.whisper ? s.whisper : "none"), rows[i].whisper ? rows[i].whisper : "none");
		assert_span(span_z(s.whisper_method ? s.whisper_method : "none"), rows[i].method ? rows[i].method : "none");
		twiml_run_fini(&t);
	}
}

static void a_parameter_has_less_than_500_characters(void **state)
{
	static const size_t lengths[] = { 498, 499 };

	(void)state;
	for (size_t i = 0; i < ROWS(lengths); i++) {
		struct buf doc = BUF_INIT, b = BUF_INIT;

		buf_addz(&doc, "<Response><Connect><Stream url=\"wss://a.example/m\"><Parameter name=\"t\" value=\"");
		for (size_t k = 0; k < lengths[i]; k++)
			buf_addc(&doc, 'v');
		buf_addz(&doc, "\"/></Stream></Connect></Response>");
		digest(&b, 200, XML, buf_span(&doc), true);
		assert_string_equal(buf_z(&b), i ? "Connect | 12200" : "Connect |");
		buf_fini(&doc);
		buf_fini(&b);
	}
}

/* The product's writer and this reader were made apart: each checks the other. */
static void what_the_product_writes_is_read_without_complaint(void **state)
{
	static const char nasty[] = "a<b>&\"'\r\n\t]]> \303\251 \360\237\230\200 \001 \377";
	struct twiml t;
	struct span doc;
	struct twiml_run r;
	struct twiml_step s;
	struct twiml_stream stream = { SPAN("wss://a.example/ws/realtime/1/"), SPAN("https://a.example/api/continue/1/"), SPAN("https://a.example/api/stream-status/1/"),
	                               SPAN("t0ken-_") };

	(void)state;
	twiml_init(&t);
	twiml_say(&t, span_z(nasty), SPAN("Polly.\"Jo\""), SPAN("en-US"));
	twiml_connect(&t, &stream);
	twiml_dial(&t, SPAN("+15005550020"), SPAN("https://a.example/x?a=1&b=2"));
	twiml_hangup(&t);
	assert_int_equal(twiml_end(&t, &doc), ERR_OK);
	if (!twiml_run_read(&r, 200, SPAN(TWIML_TYPE), doc, true) || r.n_faults)
		fail_msg("%s: " SPAN_FMT, r.faults[0].text, SPAN_ARG(doc));
	twiml_run_next(&r, &s);
	assert_int_equal(s.verb, TV_SAY);
	assert_true(strncmp(s.text, "a<b>&\"'", 7) == 0 && strstr(s.text, "\360\237\230\200"));
	twiml_run_next(&r, &s);
	assert_int_equal(s.verb, TV_CONNECT);
	assert_string_equal(s.stream.params[0].name, "token");
	assert_string_equal(s.stream.params[0].value, "t0ken-_");
	twiml_run_next(&r, &s);
	assert_string_equal(s.action, "https://a.example/x?a=1&b=2");
	twiml_run_fini(&r);
	twiml_fini(&t);
}

static enum err read_once(void)
{
	struct xml *x = NULL;
	struct buf why = BUF_INIT;
	enum err e = xml_read(&x, SPAN("<Response><Say a=\"1\">x &amp; y</Say></Response>"), &why);

	xml_free(x);
	buf_fini(&why);
	return e;
}

static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	sweep(read_once, ERR_NOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents),
		cmocka_unit_test(answers),
		cmocka_unit_test(sizes),
		cmocka_unit_test(reject_is_for_calls_that_are_not_answered),
		cmocka_unit_test(a_stream_has_its_attributes_and_parameters),
		cmocka_unit_test(a_dial_names_whom_it_calls_and_what_they_hear),
		cmocka_unit_test(a_parameter_has_less_than_500_characters),
		cmocka_unit_test(what_the_product_writes_is_read_without_complaint),
		cmocka_unit_test(memory_may_run_out_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
