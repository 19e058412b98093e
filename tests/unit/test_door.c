/* door: who gets in, and that everybody else costs nothing. */
#include "media-relay/door.h"
#include "unit.h"

#define MZ "MZ00000000000000000000000000000003"
#define CA "CA00000000000000000000000000000002"
#define START(mz, ca, enc, rate, ch, params) "{\"event\":\"start\",\"sequenceNumber\":\"1\",\"start\":{\"accountSid\":\"AC1\",\"streamSid\":\"" mz "\",\"callSid\":\"" ca \
	"\",\"mediaFormat\":{\"encoding\":\"" enc "\",\"sampleRate\":" rate ",\"channels\":" ch "}" params "},\"streamSid\":\"" mz "\"}"
#define TOKEN ",\"customParameters\":{\"token\":\"secret-1\"}"
#define GOOD START(MZ, CA, "audio/x-mulaw", "8000", "1", TOKEN)

static void a_good_start_is_checked_and_let_in(void **st)
{
	struct door d;

	(void)st;
	door_init(&d, 1000);
	assert_int_equal(door_message(&d, SPAN("{\"event\":\"connected\",\"protocol\":\"Call\",\"version\":\"1.0.0\"}")), DOOR_WAIT);
	assert_int_equal(door_message(&d, SPAN(GOOD)), DOOR_CHECK);
	assert_string_equal(d.stream_sid, MZ);
	assert_string_equal(d.call_sid, CA);
	assert_string_equal(d.token, "secret-1");
	assert_int_equal(door_tick(&d, 60000), DOOR_WAIT);          /* the store may take its time */
	assert_int_equal(door_answer(&d, true), DOOR_IN);
	assert_string_equal(d.token, "");                           /* nobody needs it any more */
	assert_int_equal(door_tick(&d, 60000), DOOR_WAIT);
}

static void a_wrong_token_is_out_for_good(void **st)
{
	struct door d;

	(void)st;
	door_init(&d, 0);
	assert_int_equal(door_message(&d, SPAN(GOOD)), DOOR_CHECK);
	assert_int_equal(door_answer(&d, false), DOOR_OUT);
	assert_int_equal(door_answer(&d, true), DOOR_OUT);
	assert_int_equal(door_message(&d, SPAN(GOOD)), DOOR_OUT);
}

static void p27_anything_but_a_good_start_is_out(void **st)
{
	static const char *const texts[] = {
		START(MZ, CA, "audio/x-mulaw", "8000", "1", ""),                                       /* no token is a wrong one */
		START(MZ, CA, "audio/x-mulaw", "8000", "1", ",\"customParameters\":{}"),
		START(MZ, CA, "audio/x-mulaw", "8000", "1", ",\"customParameters\":{\"token\":\"\"}"),
		START(MZ, CA, "audio/x-alaw", "8000", "1", TOKEN),
		START(MZ, CA, "audio/x-mulaw", "16000", "1", TOKEN),
		START(MZ, CA, "audio/x-mulaw", "8000", "2", TOKEN),
		START("MZ1", CA, "audio/x-mulaw", "8000", "1", TOKEN),
		START(MZ, "XX00000000000000000000000000000002", "audio/x-mulaw", "8000", "1", TOKEN),
		START(MZ, "CA0000000000000000000000000000000Z", "audio/x-mulaw", "8000", "1", TOKEN),
		"{\"event\":\"media\",\"streamSid\":\"" MZ "\",\"media\":{\"payload\":\"////\"}}",     /* before `start` nobody speaks */
		"{\"event\":\"stop\",\"streamSid\":\"" MZ "\"}",
	};

	(void)st;
	for (size_t i = 0; i < ROWS(texts); i++) {
		struct door d;

		door_init(&d, 0);
		if (door_message(&d, span_z(texts[i])) != DOOR_OUT)
			fail_msg("let in: %s", texts[i]);
	}
}

static void malformed_messages_are_borne_a_hundred_times(void **st)
{
	struct door d;

	(void)st;
	door_init(&d, 0);
	for (int i = 0; i < 99; i++)
		assert_int_equal(door_message(&d, SPAN("{")), DOOR_WAIT);
	assert_int_equal(door_message(&d, SPAN("{")), DOOR_OUT);
}

static void a_stream_that_says_nothing_is_out_after_ten_seconds(void **st)
{
	struct door d;

	(void)st;
	door_init(&d, 5000);
	assert_int_equal(door_tick(&d, 14999), DOOR_WAIT);
	assert_int_equal(door_tick(&d, 15000), DOOR_OUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_start_is_checked_and_let_in),
		cmocka_unit_test(a_wrong_token_is_out_for_good),
		cmocka_unit_test(p27_anything_but_a_good_start_is_out),
		cmocka_unit_test(malformed_messages_are_borne_a_hundred_times),
		cmocka_unit_test(a_stream_that_says_nothing_is_out_after_ten_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
