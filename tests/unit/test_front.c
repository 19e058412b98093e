/* test_front - whose a connection is, by its first line. */
#include "unit.h"

#include "media-relay/front.h"
#include "media-relay/worker.h"

#define ID "0b5a1c9e-7a35-4c60-9a53-1d2e3f405162"
#define P  "GET /ws/realtime/" ID

static void the_first_line_says_whose_it_is(void **state)
{
	static const struct { const char *head; enum front_verdict v; } rows[] = {
		{ "", FRONT_MORE }, { "GET /ws/realtime/" ID "/ HTTP/1.1", FRONT_MORE },
		{ P "/ HTTP/1.1\r\n", FRONT_STREAM }, { P " HTTP/1.1\r\n", FRONT_STREAM }, { P "/ HTTP/1.1\n", FRONT_STREAM },
		{ P "/?a=b HTTP/1.1\r\nhost: x\r\n", FRONT_STREAM }, { "GET /ws/realtime/0B5A1C9E-7A35-4C60-9A53-1D2E3F405162/ HTTP/1.1\r\n", FRONT_STREAM },
		{ P "// HTTP/1.1\r\n", FRONT_OTHER }, { P "/x HTTP/1.1\r\n", FRONT_OTHER }, { "GET /ws/realtime/ HTTP/1.1\r\n", FRONT_OTHER },
		{ "GET /healthz HTTP/1.1\r\n", FRONT_OTHER }, { "GET / HTTP/1.0\r\n", FRONT_OTHER },
		{ "POST / HTTP/1.1\r\n", FRONT_METHOD }, { "CONNECT a:443 HTTP/1.1\r\n", FRONT_METHOD }, { "PRI * HTTP/2.0\r\n", FRONT_BAD },
		{ "\r\n", FRONT_BAD }, { "GET\r\n", FRONT_BAD }, { "GET /x\r\n", FRONT_BAD }, { "\x16\x03\x01\x02\n", FRONT_BAD },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t id[16];
		enum front_verdict v = front_request(span_z(rows[i].head), id);

		if (v != rows[i].v)
			fail_msg("%s: %d, not %d", rows[i].head, v, rows[i].v);
		if (v == FRONT_STREAM)
			assert_int_equal(id[0], 0x0b);
	}
}

static void a_line_without_end_is_not_waited_for(void **state)
{
	static char line[FRONT_LINE_MAX + 1];
	uint8_t id[16];

	(void)state;
	memset(line, 'a', sizeof line);
	assert_int_equal(front_request(span_of(line, FRONT_LINE_MAX - 1), id), FRONT_MORE);
	assert_int_equal(front_request(span_of(line, FRONT_LINE_MAX), id), FRONT_BAD);
}

static void refusals_are_whole_answers(void **state)
{
	struct span s = front_refusal(FRONT_METHOD);

	(void)state;
	assert_non_null(memmem(s.p, s.n, "405", 3));
	assert_non_null(memmem(s.p, s.n, "Allow: GET\r\n", 12));
	assert_memory_equal(s.p + s.n - 4, "\r\n\r\n", 4);
	s = front_refusal(FRONT_BAD);
	assert_memory_equal(s.p + s.n - 4, "\r\n\r\n", 4);
}

static void every_worker_gets_its_share_and_always_the_same(void **state)
{
	unsigned hits[8] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 65536; i++) {
		uint8_t id[16] = { (uint8_t)(i >> 8), (uint8_t)i };

		hits[worker_of(id, 8)]++;
		assert_int_equal(worker_of(id, 8), worker_of(id, 8));
		assert_int_equal(worker_of(id, 1), 0);
	}
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(hits[i], 8192);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_line_says_whose_it_is),
		cmocka_unit_test(a_line_without_end_is_not_waited_for),
		cmocka_unit_test(refusals_are_whole_answers),
		cmocka_unit_test(every_worker_gets_its_share_and_always_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
