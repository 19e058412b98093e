/* The parts of the simulated phone network that need no loop: messages, playback queue, link, scenario, options, HTTP answers. */
#include "base/b64.h"
#include "base/json.h"
#include "tests/sim/phone_conf.h"
#include "tests/sim/phone_http.h"
#include "tests/sim/phone_line.h"
#include "tests/sim/phone_msg.h"
#include "tests/sim/phone_plan.h"
#include "tests/sim/phone_playq.h"
#include "unit.h"

#define SID "MZ00000000000000000000000000000003"
#define CALL "CA00000000000000000000000000000002"
#define ACCOUNT "AC00000000000000000000000000000001"

/* --- messages --- */

static void our_three_messages(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "{\"event\":\"media\",\"streamSid\":\"" SID "\",\"media\":{\"payload\":\"////\"}}", "media ////" },
		{ "{\"event\":\"mark\",\"streamSid\":\"" SID "\",\"mark\":{\"name\":\"r7:1200\"}}", "mark r7:1200" },
		{ "{\"event\":\"clear\",\"streamSid\":\"" SID "\"}", "clear " },
		{ " { \"streamSid\" : \"" SID "\", \"media\" : { \"payload\" : \"//8=\" }, \"event\" : \"media\" } ", "media //8=" },
		{ "{\"event\":\"mark\",\"streamSid\":\"" SID "\",\"mark\":{\"name\":\"a\\\"b\"}}", "mark a\"b" },
		{ "{\"event\":\"media\",\"streamSid\":\"" SID "\",\"media\":{\"payload\":\"//\\/\\/\"}}", NULL },      /* needless escapes: not as documented */
		{ "{\"event\":\"media\",\"stream_sid\":\"" SID "\",\"media\":{\"payload\":\"////\"}}", NULL },
		{ "{\"event\":\"media\",\"streamSid\":\"MZ00000000000000000000000000000004\",\"media\":{\"payload\":\"////\"}}", NULL },
		{ "{\"event\":\"media\",\"streamSid\":\"" SID "\",\"media\":{\"payload\":\"///\"}}", NULL },
		{ "{\"event\":\"media\",\"streamSid\":\"" SID "\",\"media\":{\"payload\":\"\"}}", NULL },
		{ "{\"event\":\"media\",\"streamSid\":\"" SID "\",\"media\":{\"payload\":7}}", NULL },
		{ "{\"event\":\"media\",\"streamSid\":\"" SID "\",\"media\":{\"payload\":\"////\",\"track\":\"outbound\"}}", NULL },
		{ "{\"event\":\"media\",\"streamSid\":\"" SID "\",\"media\":{\"payload\":\"////\"},\"x\":1}", NULL },
		{ "{\"event\":\"mark\",\"streamSid\":\"" SID "\",\"mark\":{\"name\":\"\"}}", NULL },
		{ "{\"event\":\"mark\",\"streamSid\":\"" SID "\",\"mark\":{}}", NULL },
		{ "{\"event\":\"mark\",\"streamSid\":\"" SID "\"}", NULL },
		{ "{\"event\":\"clear\",\"streamSid\":\"" SID "\",\"mark\":{\"name\":\"x\"}}", NULL },
		{ "{\"event\":\"stop\",\"streamSid\":\"" SID "\"}", NULL },
		{ "{\"event\":\"clear\"}", NULL },
		{ "[]", NULL },
		{ "", NULL },
		{ "{\"event\":\"clear\",\"streamSid\":\"" SID "\"}{}", NULL },
	};
	static const char *const names[] = { "media", "mark", "clear" };

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct msg m = { 0 };
		const char *why;
		bool ok = msg_read(&m, span_z(rows[i].text), SID, &why);
		char got[200] = "";

		if (ok)
			snprintf(got, sizeof got, "%s " SPAN_FMT, names[m.event], SPAN_ARG(m.value));
		if (ok != !!rows[i].want || (ok && strcmp(got, rows[i].want) != 0) || ok == !!why)
			fail_msg("%s: got \"%s\" (%s)", rows[i].text, got, why ? why : "no complaint");
	}
}

static void marks_have_at_most_128_characters(void **state)
{
	(void)state;
	for (size_t n = 128; n <= 129; n++) {
		struct buf b = BUF_INIT;
		struct msg m;
		const char *why;

		buf_addz(&b, "{\"event\":\"mark\",\"streamSid\":\"" SID "\",\"mark\":{\"name\":\"");
		for (size_t i = 0; i < n; i++)
			buf_addc(&b, 'x');
		buf_addz(&b, "\"}}");
		assert_int_equal(msg_read(&m, buf_span(&b), SID, &why), n == 128);
		buf_fini(&b);
	}
}

static void twilios_messages_are_as_documented(void **state)
{
	static const struct msg_param params[] = { { { "t", 1 }, { "9fK2c0Zq7mV1", 12 } }, { { "a\"b", 3 }, { "\\", 1 } } };
	struct msg_start start = { ACCOUNT, SID, CALL, params, 2, "audio/x-mulaw" };
	struct buf b = BUF_INIT;

	(void)state;
	msg_start(&b, 1, &start);
	assert_string_equal(buf_z(&b), "{\"event\":\"start\",\"sequenceNumber\":\"1\",\"start\":{\"accountSid\":\"" ACCOUNT "\",\"streamSid\":\"" SID "\",\"callSid\":\"" CALL
	                               "\",\"tracks\":[\"inbound\"],\"mediaFormat\":{\"encoding\":\"audio/x-mulaw\",\"sampleRate\":8000,\"channels\":1},"
	                               "\"customParameters\":{\"t\":\"9fK2c0Zq7mV1\",\"a\\\"b\":\"\\\\\"}},\"streamSid\":\"" SID "\"}");
	buf_reset(&b);
	msg_media(&b, 2, SID, 1, 57, (const uint8_t *)"\377\377\377", 3);
	assert_string_equal(buf_z(&b), "{\"event\":\"media\",\"sequenceNumber\":\"2\",\"media\":{\"track\":\"inbound\",\"chunk\":\"1\",\"timestamp\":\"57\",\"payload\":\"////\"},"
	                               "\"streamSid\":\"" SID "\"}");
	buf_reset(&b);
	msg_mark(&b, 4, SID, SPAN("r7:1200"));
	assert_string_equal(buf_z(&b), "{\"event\":\"mark\",\"sequenceNumber\":\"4\",\"streamSid\":\"" SID "\",\"mark\":{\"name\":\"r7:1200\"}}");
	buf_reset(&b);
	msg_dtmf(&b, 5, SID, '1');
	assert_string_equal(buf_z(&b), "{\"event\":\"dtmf\",\"streamSid\":\"" SID "\",\"sequenceNumber\":\"5\",\"dtmf\":{\"track\":\"inbound_track\",\"digit\":\"1\"}}");
	buf_reset(&b);
	msg_stop(&b, 904, SID, ACCOUNT, CALL);
	assert_string_equal(buf_z(&b), "{\"event\":\"stop\",\"sequenceNumber\":\"904\",\"stop\":{\"accountSid\":\"" ACCOUNT "\",\"callSid\":\"" CALL "\"},\"streamSid\":\"" SID "\"}");
	buf_fini(&b);
}

/* --- the playback queue: what was heard and echoed, as text --- */

static struct buf happened;

static void on_played(void *arg, int64_t from_us, const uint8_t *p, size_t n)
{
	(void)arg;
	(void)p;
	buf_printf(&happened, "%lld+%zu ", (long long)from_us / 1000, n / 8);
}

static void on_mark(void *arg, const char *name, uint64_t heard, bool cleared)
{
	(void)arg;
	buf_printf(&happened, "%s%s@%llu ", cleared ? "!" : "", name, (unsigned long long)heard / 8);
}

static const struct playq_ops ops = { on_played, on_mark };

static void add_ms(struct playq *q, int64_t at_ms, size_t ms)
{
	uint8_t audio[8000];
	char text[B64_ENCODED(8000)];

	memset(audio, 0x55, sizeof audio);
	assert_true(ms <= 1000);
	assert_int_equal(playq_add(q, at_ms * 1000, span_of(text, b64_encode(text, audio, ms * 8))), ERR_OK);
}

/* "a100" at 100 ms of audio, "mx" a mark, "c" clear; each preceded by its time: "0 a100 10 mx 50 c". */
static void play(struct playq *q, const char *script)
{
	struct span rest = span_z(script), at, what;
	int64_t ms = 0, n;

	while (span_cut(&rest, ' ', &at) && span_cut(&rest, ' ', &what)) {
		assert_true(span_int(at, &ms));
		if (what.p[0] == 'a') {
			assert_true(span_int(span_skip(what, 1), &n));
			add_ms(q, ms, (size_t)n);
		} else if (what.p[0] == 'm') {
			char name[8];

			span_copy(name, sizeof name, span_skip(what, 1));
			assert_int_equal(playq_mark(q, ms * 1000, name), ERR_OK);
		} else if (what.p[0] == 'c') {
			buf_printf(&happened, "gone=%zu ", playq_clear(q, ms * 1000) / 8);
		} else {
			playq_to(q, ms * 1000);
		}
	}
}

static void the_queue_plays_in_real_time_and_echoes_marks_when_they_are_due(void **state)
{
	static const struct {
		const char *script, *want;
	} rows[] = {
		{ "0 a100 0 mx 99 . 100 .", "0+99 99+1 x@100 " },
		{ "0 mx", "x@0 " },                                                  /* nothing queued: at once */
		{ "0 a100 0 a100 0 mx 0 a100 0 my 1000 .", "0+300 x@300 y@300 " },     /* both are due when somebody looks */
		{ "0 a100 50 mx 60 a100 150 . 1000 .", "0+50 50+10 60+90 x@150 150+50 " },
		{ "0 a100 500 a100 500 mx 550 . 1000 .", "0+100 500+50 550+50 x@200 " },      /* a break: the clock begins anew */
		{ "0 a100 0 mx 40 c 40 my 1000 .", "0+40 !x@40 gone=60 y@40 " },
		{ "0 c 0 a100 100 .", "gone=0 0+100 " },
		{ "0 a100 30 . 20 . 100 .", "0+30 30+70 " },                           /* time that goes back changes nothing */
		{ "0 a100 0 mx 0 c 0 a100 0 my 0 c", "!x@0 gone=100 !y@0 gone=100 " },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct playq q;

		playq_init(&q, &ops, NULL);
		buf_reset(&happened);
		play(&q, rows[i].script);
		if (strcmp(buf_z(&happened), rows[i].want) != 0)
			fail_msg("%s: got \"%s\", want \"%s\"", rows[i].script, buf_z(&happened), rows[i].want);
		playq_fini(&q);
	}
	buf_fini(&happened);
}

static void breaks_inside_speech_are_gaps_and_long_ones_are_not(void **state)
{
	struct playq q;

	(void)state;
	playq_init(&q, &ops, NULL);
	play(&q, "0 a100 130 a100 230 . 1500 a100 1600 .");
	assert_int_equal(q.gaps, 1);
	assert_int_equal(q.gap_us, 30000);
	assert_int_equal(q.heard, 2400);
	playq_fini(&q);
	buf_fini(&happened);
}

static void ten_minutes_are_the_most(void **state)
{
	struct playq q;
	char *text = malloc(B64_ENCODED(8000));
	uint8_t *audio = calloc(1, 8000);
	struct span second;

	(void)state;
	second = span_of(text, b64_encode(text, audio, 8000));
	playq_init(&q, &ops, NULL);
	for (unsigned i = 0; i < 600; i++)
		assert_int_equal(playq_add(&q, 0, second), ERR_OK);
	assert_int_equal(playq_add(&q, 0, second), ERR_LIMIT);
	assert_int_equal(playq_add(&q, 1000000, second), ERR_OK);
	playq_fini(&q);
	buf_fini(&happened);
	free(text);
	free(audio);
}

/* Bytes come out as they went in, whatever the sizes, also around the end of the ring. */
static struct buf out_bytes;

static void on_bytes(void *arg, int64_t from_us, const uint8_t *p, size_t n)
{
	(void)arg;
	(void)from_us;
	buf_add(&out_bytes, span_of(p, n));
}

static void bytes_pass_untouched_through_the_ring(void **state)
{
	static const struct playq_ops keep = { on_bytes, on_mark };
	struct playq q;
	struct buf in = BUF_INIT;
	uint64_t seed = 7;
	int64_t now = 0;

	(void)state;
	playq_init(&q, &keep, NULL);
	for (unsigned i = 0; i < 500; i++) {
		uint8_t audio[3000];
		char text[B64_ENCODED(3000)];
		size_t n = 1 + seeded(&seed) % 2999;
		struct span piece[2];

		for (size_t k = 0; k < n; k++)
			audio[k] = (uint8_t)seeded(&seed);
		buf_add(&in, span_of(audio, n));
		assert_int_equal(playq_add(&q, now, span_of(text, b64_encode(text, audio, n))), ERR_OK);
		n -= playq_last(&q, n, piece) == 2 ? piece[0].n + piece[1].n : piece[0].n;
		assert_int_equal(n, 0);
		now += seeded(&seed) % 300000;
	}
	playq_to(&q, now + 1000000000);
	assert_int_equal(out_bytes.n, in.n);
	assert_memory_equal(out_bytes.p, in.p, in.n);
	playq_fini(&q);
	buf_fini(&in);
	buf_fini(&out_bytes);
}

/* --- the link --- */

static void the_link_keeps_the_order(void **state)
{
	struct phone_line l = { 0 };
	struct span m;
	unsigned kind;

	(void)state;
	assert_true(line_put(&l, 100, 1, SPAN("a")));
	assert_true(line_put(&l, 50, 2, SPAN("")));              /* would overtake: arrives right behind */
	assert_true(line_put(&l, 200, 3, SPAN("c")));
	assert_false(line_take(&l, 99, &kind, &m));
	assert_true(line_take(&l, 100, &kind, &m));
	assert_span(m, "a");
	assert_true(line_take(&l, 100, &kind, &m));
	assert_int_equal(kind, 2);
	assert_false(line_take(&l, 199, &kind, &m));
	assert_true(line_put(&l, 300, 4, SPAN("d")));
	assert_true(line_take(&l, 200, &kind, &m));
	assert_span(m, "c");
	assert_true(line_take(&l, 1000, &kind, &m));
	assert_span(m, "d");
	assert_true(line_empty(&l));
	line_fini(&l);
}

/* --- scenarios --- */

static void scenarios(void **state)
{
	static const struct {
		const char *json;
		bool good;
		const char *why;
	} rows[] = {
		{ "{}", true, NULL },
		{ "{\"script\":[{\"say\":\"Hi\"},{\"dtmf\":\"12#\"},{\"silence\":100},{\"pattern\":1.5},{\"hangup\":true}],\"faults\":[{\"fault\":\"drop\",\"at_ms\":5}]}", true, NULL },
		{ "{\"script\":[{\"say\":\"Hi\",\"interrupt_ms\":300}],\"expect\":{\"status\":\"completed\"},\"parameters\":{\"CallerName\":\"x\"}}", true, NULL },
		{ "{\"outbound\":true,\"answered_by\":{\"value\":\"machine_end_beep\",\"at_ms\":1500}}", true, NULL },
		{ "{\"answered_by\":{\"value\":\"human\"}}", false, "outbound" },
		{ "{\"outbound\":true,\"answered_by\":{\"value\":\"robot\"}}", false, "value" },
		{ "{\"outbound\":true,\"answered_by\":{\"at_ms\":1}}", false, "no value" },
		{ "{\"outbound\":true,\"answered_by\":\"human\"}", false, "object" },
		{ "[]", false, "object" },
		{ "{\"scirpt\":[]}", false, "unknown member scirpt" },
		{ "{\"script\":{}}", false, "lists" },
		{ "{\"script\":[{}]}", false, "exactly one" },
		{ "{\"script\":[{\"say\":\"a\",\"dtmf\":\"1\"}]}", false, "exactly one" },
		{ "{\"script\":[{\"dtmf\":\"1x\"}]}", false, "dtmf" },
		{ "{\"script\":[{\"say\":\"a\",\"louder\":1}]}", false, "louder" },
		{ "{\"script\":[7]}", false, "object" },
		{ "{\"faults\":[{\"fault\":\"flood\"}]}", false, "unknown fault flood" },
		{ "{\"faults\":[{}]}", false, "not named" },
		{ "{\"method\":\"PUT\"}", false, "method" },
		{ "{\"quiet_ms\":-1}", false, "quiet_ms" },
		{ "{", false, "JSON" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct plan *p = NULL;
		struct buf why = BUF_INIT;
		enum err e = plan_parse(&p, span_z(rows[i].json), &why);

		if ((e == ERR_OK) != rows[i].good || (rows[i].why && !strstr(buf_z(&why), rows[i].why)))
			fail_msg("%s: %s \"%s\"", rows[i].json, err_name(e), buf_z(&why));
		plan_free(p);
		buf_fini(&why);
	}
}

static void faults_are_found_by_stream(void **state)
{
	struct plan *p = NULL;

	(void)state;
	assert_int_equal(plan_parse(&p, SPAN("{\"faults\":[{\"fault\":\"drop\",\"nth\":2},{\"fault\":\"hole\",\"nth\":0},{\"fault\":\"forged\"}]}"), NULL), ERR_OK);
	assert_null(plan_fault_find(p, PF_DROP, 1));
	assert_non_null(plan_fault_find(p, PF_DROP, 2));
	assert_non_null(plan_fault_find(p, PF_DROP, 0));
	assert_non_null(plan_fault_find(p, PF_HOLE, 7));
	assert_non_null(plan_fault_find(p, PF_FORGED, 0));
	assert_null(plan_fault_find(p, PF_DEAF, 1));
	plan_free(p);
	for (unsigned i = 0; i < PF_COUNT; i++)
		assert_non_null(plan_fault_name((enum plan_fault_kind)i));
}

/* --- options --- */

static void options(void **state)
{
	static const struct {
		const char *words[6];
		const char *why;             /* NULL: fine */
	} rows[] = {
		{ { "--calls", "50", "--rate=2.5", "--quiet" }, NULL },
		{ { "--say", "one", "--say", "two" }, NULL },
		{ { "--url", "http://127.0.0.1:1/x", "--json" }, NULL },
		{ { "--calls" }, "--calls: needs a value" },
		{ { "--calls", "0" }, "calls" },
		{ { "--cals", "1" }, "--calls?" },
		{ { "calls" }, "options begin with --" },
		{ { "--url", "ftp://x/" }, "url" },
		{ { "--account", "AC1" }, "account" },
		{ { "--zzzzzzzzzz" }, "see offhook-sim phone --help" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct phone_conf c;
		struct buf why = BUF_INIT;
		char *argv[7] = { 0 };
		int argc = 0;
		enum err e;

		while (argc < 6 && rows[i].words[argc]) {
			argv[argc] = span_dup(span_z(rows[i].words[argc]));
			argc++;
		}
		e = phone_conf_read(&c, argc, argv, &why);
		if ((e == ERR_OK) != !rows[i].why || (e && e != ERR_USAGE) || (rows[i].why && !strstr(buf_z(&why), rows[i].why)))
			fail_msg("row %zu: %s \"%s\"", i, err_name(e), buf_z(&why));
		if (i == 0)
			assert_true(c.calls == 50 && c.rate == 2.5 && c.quiet && !c.json);
		if (i == 1)
			assert_true(c.say.n == 2 && strcmp(c.say.v[1], "two") == 0);
		phone_conf_fini(&c);
		buf_fini(&why);
		while (argc)
			free(argv[--argc]);
	}
}

static void account_and_token_come_from_the_environment_unless_given(void **state)
{
	char *argv[] = { "--token", "given" };
	struct phone_conf c;

	(void)state;
	setenv("TWILIO_ACCOUNT_SID", "AC00000000000000000000000000000009", 1);
	setenv("TWILIO_AUTH_TOKEN", "kept quiet", 1);
	assert_int_equal(phone_conf_read(&c, 0, argv, NULL), ERR_OK);
	assert_string_equal(c.account, "AC00000000000000000000000000000009");
	assert_string_equal(c.token, "kept quiet");
	phone_conf_fini(&c);
	assert_int_equal(phone_conf_read(&c, 2, argv, NULL), ERR_OK);
	assert_string_equal(c.token, "given");
	phone_conf_fini(&c);
	unsetenv("TWILIO_ACCOUNT_SID");
	unsetenv("TWILIO_AUTH_TOKEN");
}

static void help_names_every_option(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	phone_conf_help(&b);
	assert_non_null(strstr(buf_z(&b), "--public-url URL"));
	assert_non_null(strstr(buf_z(&b), "--map FROM=TO"));
	buf_fini(&b);
}

/* --- HTTP answers --- */

static void http_answers(void **state)
{
	static const struct {
		const char *text;
		bool ended;
		int want, status;
		const char *type, *body;
	} rows[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 3\r\n\r\nabc", false, 1, 200, "text/xml", "abc" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", false, 0, 0, NULL, NULL },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", true, 0, 0, NULL, NULL },
		{ "HTTP/1.1 200 OK\r\n\r\nabc", false, 0, 0, NULL, NULL },
		{ "HTTP/1.1 200 OK\r\n\r\nabc", true, 1, 200, NULL, "abc" },
		{ "HTTP/1.1 204 No Content\r\n\r\n", false, 1, 204, NULL, "" },
		{ "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", false, 1, 403, NULL, "" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", false, 1, 200, NULL, "abcde" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nd", false, 0, 0, NULL, NULL },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", false, -1, 0, NULL, NULL },
		{ "HTTP/1.1 20", false, 0, 0, NULL, NULL },
		{ "SMTP ready\r\n\r\n", false, -1, 0, NULL, NULL },
		{ "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", false, -1, 0, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf in = BUF_INIT;
		struct http_answer a = { 0 };
		int got;

		buf_addz(&in, rows[i].text);
		got = http_parse(&in, rows[i].ended, &a);
		if (got != rows[i].want || (got == 1 && (a.status != rows[i].status || !span_is(a.body, rows[i].body) || !!a.type.p != !!rows[i].type)))
			fail_msg("row %zu: %d %d " SPAN_FMT, i, got, a.status, SPAN_ARG(a.body));
		buf_fini(&in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_three_messages),
		cmocka_unit_test(marks_have_at_most_128_characters),
		cmocka_unit_test(twilios_messages_are_as_documented),
		cmocka_unit_test(the_queue_plays_in_real_time_and_echoes_marks_when_they_are_due),
		cmocka_unit_test(breaks_inside_speech_are_gaps_and_long_ones_are_not),
		cmocka_unit_test(ten_minutes_are_the_most),
		cmocka_unit_test(bytes_pass_untouched_through_the_ring),
		cmocka_unit_test(the_link_keeps_the_order),
		cmocka_unit_test(scenarios),
		cmocka_unit_test(faults_are_found_by_stream),
		cmocka_unit_test(options),
		cmocka_unit_test(account_and_token_come_from_the_environment_unless_given),
		cmocka_unit_test(help_names_every_option),
		cmocka_unit_test(http_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
