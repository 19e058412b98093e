/* log - the line's form, who is named in it, what can never be in it. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "unit.h"

#define T "2026-11-23T17:43:32.123Z"

static char seen[8192];
static unsigned lines;

static void sink(const char *line, void *arg)
{
	(void)arg;
	snprintf(seen, sizeof seen, "%s", line);
	lines++;
}

static int setup(void **state)
{
	(void)state;
	clock_set(0, 1795455812123);
	log_init("", LOG_INFO, LOG_TEXT);
	log_to(sink, NULL);
	lines = 0;
	seen[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	log_to(NULL, NULL);
	clock_real();
	return 0;
}

static void time_level_event_and_pairs(void **state)
{
	(void)state;
	log_info("call.end", "ms=%u reason=%s", 12u, "idle");
	assert_string_equal(seen, T " info call.end ms=12 reason=idle");
	log_error("oops", NULL);
	assert_string_equal(seen, T " error oops");
	log_warn("w", "a=%d", 1);
	assert_string_equal(seen, T " warn w a=1");
}

static void the_program_is_named_when_it_has_a_name(void **state)
{
	(void)state;
	log_init("offhook-relay", LOG_INFO, LOG_TEXT);
	log_info("start", NULL);
	assert_string_equal(seen, T " info start program=offhook-relay");
}

static void levels_below_are_silent(void **state)
{
	(void)state;
	log_debug("d", NULL);
	assert_int_equal(lines, 0);
	assert_false(log_on(LOG_DEBUG));
	assert_true(log_on(LOG_INFO));
	log_init("", LOG_ERROR, LOG_TEXT);
	log_warn("w", NULL);
	assert_int_equal(lines, 0);
	log_init("", LOG_DEBUG, LOG_TEXT);
	log_debug("d", NULL);
	assert_int_equal(lines, 1);
}

static void the_context_names_the_call_in_every_line(void **state)
{
	struct log_ctx call = { "call", "CA1", NULL }, session = { "session", "s-1", NULL };

	(void)state;
	log_enter(&call);
	log_info("a", NULL);
	assert_string_equal(seen, T " info a call=CA1");
	log_enter(&session);
	log_info("b", "k=v");
	assert_string_equal(seen, T " info b call=CA1 session=s-1 k=v");
	log_leave(&session);
	log_leave(&call);
	log_info("c", NULL);
	assert_string_equal(seen, T " info c");
}

static void an_inner_context_hides_the_outer_of_its_key(void **state)
{
	struct log_ctx outer = { "call", "CA1", NULL }, inner = { "call", "CA2", NULL }, absent = { "session", NULL, NULL };

	(void)state;
	log_enter(&outer);
	log_enter(&inner);
	log_enter(&absent);
	log_info("a", NULL);
	assert_string_equal(seen, T " info a call=CA2");
	log_leave(&absent);
	log_leave(&inner);
	log_leave(&outer);
}

static void nobody_forges_a_line(void **state)
{
	struct log_ctx c = { "call", "CA1\nforged", NULL };

	(void)state;
	log_enter(&c);
	log_info("a", "x=%s", "1\n2026 error fake\r\t\x1b[31m\x7f\xFFz");
	log_leave(&c);
	assert_string_equal(seen, T " info a call=CA1?forged x=1?2026 error fake???[31m??z");
}

static void long_lines_are_cut(void **state)
{
	static char big[5000];

	(void)state;
	memset(big, 'x', sizeof big - 1);
	log_info("a", "k=%s", big);
	assert_int_equal(strlen(seen), 2047);
	assert_string_equal(seen + 2040, "xxxx...");
	log_info("a", "k=%.2010s", big);
	assert_null(strstr(seen, "..."));
}

/* A cut in the middle of a character leaves text. */
static void a_cut_line_is_still_utf8(void **state)
{
	static char big[5000];

	(void)state;
	for (size_t shift = 0; shift < 3; shift++) {
		memset(big, 'x', shift);
		for (size_t i = shift; i + 3 < sizeof big; i += 3)
			memcpy(big + i, "\xE2\x82\xAC", 4);
		log_info("a", "k=%s", big);
		assert_true(span_utf8(span_z(seen)));
	}
}

static struct json_object *json_seen(void)
{
	struct json_object *o = NULL;

	if (json_read(&o, span_z(seen)) != ERR_OK)
		fail_msg("no JSON: %s", seen);
	return o;
}

static void json_says_the_same(void **state)
{
	struct log_ctx c = { "call", "CA\"1", NULL };
	struct json_object *o;

	(void)state;
	log_init("p", LOG_INFO, LOG_JSON);
	log_enter(&c);
	log_info("a.b", "n=%d f=%s s=word q=%s e= m=%s z=007 big=12345678901234567890", -5, "1.50", log_q(SPAN("a \"b\"\n\\ \xC3\xBC")), log_mask(SPAN("+15005550010")));
	log_leave(&c);
	assert_string_equal(seen, "{\"time\":\"" T "\",\"level\":\"info\",\"event\":\"a.b\",\"program\":\"p\",\"call\":\"CA\\\"1\",\"n\":-5,\"f\":1.50,"
	                          "\"s\":\"word\",\"q\":\"a \\\"b\\\"\\n\\\\ \xC3\xBC\",\"e\":\"\",\"m\":\"***0010\",\"z\":\"007\",\"big\":\"12345678901234567890\"}");
	o = json_seen();
	assert_span(json_get_span(o, "q"), "a \"b\"\n\\ \xC3\xBC");
	json_object_put(o);
}

static void json_stays_json_whatever_is_logged(void **state)
{
	static const char pieces[] = "ab=\"\\ \n\x01\xFF\xC3\xBC" "u0019{}[],:'";
	uint64_t seed = 6;

	(void)state;
	log_init("p", LOG_INFO, LOG_JSON);
	for (int i = 0; i < 5000; i++) {
		static char body[3000];
		size_t n = seeded(&seed) % (i % 10 ? 60 : sizeof body - 1);

		for (size_t j = 0; j < n; j++)
			body[j] = pieces[seeded(&seed) % (sizeof pieces - 1)];
		body[n] = '\0';
		log_info("e", "%s", body);
		assert_true(strlen(seen) < 4096);
		json_object_put(json_seen());
	}
}

static void a_json_line_that_is_too_long_says_so(void **state)
{
	static char big[2000];
	struct json_object *o;
	bool cut = false;

	(void)state;
	log_init("", LOG_INFO, LOG_JSON);
	memset(big, '\\', sizeof big - 1);
	log_info("e", "a=1 b=%s c=2", big);
	o = json_seen();
	assert_true(strlen(seen) < 4096);
	assert_true(json_get_bool(o, "cut", &cut) == (json_get(o, "c") == NULL));
	json_object_put(o);
}

static void numbers_are_masked_and_other_callers_named_by_kind(void **state)
{
	static const struct { const char *in, *out; } rows[] = {
		{ "+15005550010", "***0010" }, { "15005550010", "***0010" }, { "+1 (500) 555-0010", "***0010" }, { "12345", "***2345" }, { "1234", "***" },
		{ "911", "***" }, { "", "none" }, { "sip:+15005550010@host", "sip" }, { "sips:x@y", "sip" }, { "client:alice", "client" },
		{ "anonymous", "text" }, { "whatsapp:+15005550010", "text" }, { "+", "text" }, { "500555+0010", "text" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_string_equal(log_mask(span_z(rows[i].in)), rows[i].out);
	assert_string_equal(log_mask(SPAN_NONE), "none");
	assert_string_equal(log_mask(span_of("5005550010\0", 11)), "text");
}

static void quoted_text_is_bounded_and_whole(void **state)
{
	char big[1000];

	(void)state;
	assert_string_equal(log_q(SPAN("")), "\"\"");
	assert_string_equal(log_q(SPAN_NONE), "\"\"");
	assert_string_equal(log_q(SPAN("a b")), "\"a b\"");
	assert_string_equal(log_q(SPAN("\"\\\n\r\t\x01\x7f")), "\"\\\"\\\\\\n\\r\\t\\u0001\\u007f\"");
	assert_string_equal(log_q(SPAN("\xFF")), "\"\xEF\xBF\xBD\"");
	for (size_t shift = 0; shift < 6; shift++) {
		const char *z;

		memset(big, 'x', shift);
		for (size_t i = shift; i + 3 < sizeof big; i += 3)
			memcpy(big + i, shift % 2 ? "\xE2\x82\xAC" : "\"\\\n", 3);
		z = log_q(span_of(big, 900));
		assert_true(strlen(z) <= 200);
		assert_true(span_utf8(span_z(z)));
		assert_string_equal(z + strlen(z) - 4, "...\"");
	}
}

static void eight_values_live_side_by_side(void **state)
{
	const char *z[8];

	(void)state;
	for (int i = 0; i < 8; i++)
		z[i] = log_q(span_of(&"01234567"[i], 1));
	for (int i = 0; i < 8; i++)
		assert_int_equal(z[i][1], '0' + i);
}

static void *many_lines(void *arg)
{
	struct log_ctx c = { "call", arg, NULL };

	log_enter(&c);
	for (int i = 0; i < 500; i++)
		log_info("t", "who=%s q=%s", (const char *)arg, log_q(span_z(arg)));
	log_leave(&c);
	return NULL;
}

/* Through a real descriptor: every line whole, with its own thread's name three times. */
static void threads_do_not_mix_their_lines(void **state)
{
	static char *names[] = { "alpha", "beta", "gamma", "delta" };
	static char all[600000];
	FILE *f = tmpfile();
	int saved = dup(STDERR_FILENO);
	pthread_t t[4];
	size_t n;
	unsigned count = 0;
	struct span rest, line;

	(void)state;
	log_to(NULL, NULL);
	dup2(fileno(f), STDERR_FILENO);
	fcntl(fileno(f), F_SETFL, O_RDWR | O_APPEND);          /* as a journal or a log file would be */
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, many_lines, names[i]);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(f);
	n = fread(all, 1, sizeof all, f);
	fclose(f);
	for (rest = span_of(all, n); span_cut(&rest, '\n', &line) && line.n; count++) {
		char want[200], got[200];

		assert_true(span_copy(got, sizeof got, line));
		for (int i = 0; i < 4; i++) {
			snprintf(want, sizeof want, T " info t call=%s who=%s q=\"%s\"", names[i], names[i], names[i]);
			if (strcmp(want, got) == 0)
				break;
			assert_true(i < 3);
		}
	}
	assert_int_equal(count, 2000);
}

static void errno_is_left_alone(void **state)
{
	(void)state;
	errno = 12345;
	log_info("a", "x=%s", log_q(SPAN("y")));
	assert_int_equal(errno, 12345);
}

#define T_(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T_(time_level_event_and_pairs),
		T_(the_program_is_named_when_it_has_a_name),
		T_(levels_below_are_silent),
		T_(the_context_names_the_call_in_every_line),
		T_(an_inner_context_hides_the_outer_of_its_key),
		T_(nobody_forges_a_line),
		T_(long_lines_are_cut),
		T_(a_cut_line_is_still_utf8),
		T_(json_says_the_same),
		T_(json_stays_json_whatever_is_logged),
		T_(a_json_line_that_is_too_long_says_so),
		T_(numbers_are_masked_and_other_callers_named_by_kind),
		T_(quoted_text_is_bounded_and_whole),
		T_(eight_values_live_side_by_side),
		T_(threads_do_not_mix_their_lines),
		T_(errno_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
