/* clock - time that tests set, RFC 3339 both ways, UUIDs. */
#include "base/clock.h"
#include "unit.h"

static void time_stands_until_moved(void **state)
{
	(void)state;
	clock_set(1000, 1700000000000);
	assert_true(clock_ms() == 1000 && clock_us() == 1000000 && clock_wall_ms() == 1700000000000);
	clock_move(250);
	assert_true(clock_ms() == 1250 && clock_us() == 1250000 && clock_wall_ms() == 1700000000250);
	clock_move(-50);
	assert_true(clock_ms() == 1200 && clock_wall_ms() == 1700000000200);
	clock_real();
}

static void real_time_goes_on(void **state)
{
	int64_t a, b;

	(void)state;
	clock_real();
	a = clock_us();
	b = clock_us();
	assert_true(b >= a && a > 0);
	assert_true(clock_wall_ms() > 1700000000000);
	clock_move(5);                                  /* stops it where it is */
	a = clock_ms();
	assert_true(clock_ms() == a);
	clock_real();
}

static const struct { const char *text; int64_t ms; } times[] = {
	{ "1970-01-01T00:00:00.000Z", 0 },
	{ "1970-01-01T00:00:00.001Z", 1 },
	{ "1969-12-31T23:59:59.999Z", -1 },
	{ "2000-02-29T12:34:56.789Z", 951827696789 },
	{ "2026-11-23T17:43:32.123Z", 1795455812123 },
	{ "2100-03-01T00:00:00.000Z", 4107542400000 },
	{ "9999-12-31T23:59:59.999Z", 253402300799999 },
	{ "0000-01-01T00:00:00.000Z", -62167219200000 },
};

static void times_are_written_and_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(times); i++) {
		char z[TIME_TEXT];
		int64_t ms;

		time_format(z, times[i].ms);
		assert_string_equal(z, times[i].text);
		assert_true(time_parse(span_z(z), &ms));
		assert_true(ms == times[i].ms);
	}
}

static void times_outside_the_calendar_are_shown_as_the_nearest(void **state)
{
	char z[TIME_TEXT];

	(void)state;
	time_format(z, INT64_MAX);
	assert_string_equal(z, "9999-12-31T23:59:59.999Z");
	time_format(z, INT64_MIN);
	assert_string_equal(z, "0000-01-01T00:00:00.000Z");
}

static void every_day_goes_round(void **state)
{
	(void)state;
	for (int64_t day = -719528; day < 2932897; day += 1) {
		char z[TIME_TEXT];
		int64_t ms;

		time_format(z, day * 86400000 + 43200000);
		if (!time_parse(span_z(z), &ms) || ms != day * 86400000 + 43200000)
			fail_msg("%s", z);
	}
}

static void other_forms_of_rfc_3339(void **state)
{
	static const struct { const char *text; int64_t ms; } rows[] = {
		{ "1970-01-01", 0 }, { "2000-02-29", 951782400000 }, { "1970-01-01T01:00:00+01:00", 0 }, { "1969-12-31T19:00:00-05:00", 0 },
		{ "1970-01-01T05:30:00.5+05:30", 500 }, { "1970-01-01t00:00:00z", 0 }, { "1970-01-01T00:00:00.9999999999Z", 999 },
		{ "1970-01-01T00:00:00.1Z", 100 }, { "1970-01-01T00:00:00-00:00", 0 }, { "2016-12-31T23:59:60Z", 1483228800000 },
		{ "2017-01-01T00:59:60+01:00", 1483228800000 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		int64_t ms;

		if (!time_parse(span_z(rows[i].text), &ms) || ms != rows[i].ms)
			fail_msg("%s", rows[i].text);
	}
}

static void what_is_no_time(void **state)
{
	static const char *const rows[] = {
		"", "1970", "1970-1-1", "1970-13-01", "1970-00-01", "1970-01-00", "1970-01-32", "2026-02-29", "1900-02-29", "2026-04-31", "1970-01-01T",
		"1970-01-01T00:00Z", "1970-01-01T00:00:00", "1970-01-01 00:00:00Z", "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z", "1970-01-01T00:00:61Z",
		"1970-01-01T00:00:60Z", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00Zx", "1970-01-01T00:00:00+1:00", "1970-01-01T00:00:00+0100",
		"1970-01-01T00:00:00+24:00", "1970-01-01T00:00:00+00:60", "-970-01-01", "1970-01-01 ", " 1970-01-01", "1970/01/01", "1970-01--1",
		"+1970-01-01", "1970-01-01T-1:00:00Z", "now", "12345",
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		int64_t ms = 77;

		if (time_parse(span_z(rows[i]), &ms) || ms != 77)
			fail_msg("%s", rows[i]);
	}
	assert_false(time_parse(span_of("1970-01-01\0", 11), &(int64_t){ 0 }));
}

static void ages_count_back_from_now(void **state)
{
	static const struct { const char *text; int64_t back; } rows[] = {
		{ "90s", 90000 }, { "15m", 900000 }, { "2h", 7200000 }, { "3d", 259200000 }, { "4w", 2419200000 }, { "0s", 0 },
	};
	static const char *const bad[] = { "", "h", "-1h", "+1h", "1", "1x", "1hh", " 1h", "1.5h", "99999999999999999999d", "9223372036854775807w" };
	int64_t now = 1700000000000, at;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_true(time_since(span_z(rows[i].text), now, &at));
		assert_true(at == now - rows[i].back);
	}
	for (size_t i = 0; i < ROWS(bad); i++)
		if (time_since(span_z(bad[i]), now, &at))
			fail_msg("%s", bad[i]);
	assert_true(time_since(SPAN("1970-01-01"), now, &at) && at == 0);
}

static void uuids_are_version_4_and_differ(void **state)
{
	char a[UUID_TEXT], b[UUID_TEXT], again[UUID_TEXT];
	uint8_t id[16];

	(void)state;
	for (int i = 0; i < 500; i++) {
		assert_int_equal(uuid_new(a), ERR_OK);
		assert_int_equal(uuid_new(b), ERR_OK);
		assert_string_not_equal(a, b);
		assert_int_equal(strlen(a), 36);
		assert_int_equal(a[14], '4');
		assert_non_null(strchr("89ab", a[19]));
		assert_true(uuid_parse(span_z(a), id));
		uuid_text(again, id);
		assert_string_equal(again, a);
	}
}

static void what_is_no_uuid(void **state)
{
	static const char *const rows[] = {
		"", "00000000-0000-4000-8000-00000000000", "00000000-0000-4000-8000-0000000000000", "00000000+0000-4000-8000-000000000000",
		"0000000-00000-4000-8000-000000000000", "g0000000-0000-4000-8000-000000000000", "000000000000-4000-8000-0000000000000000",
		"{0000000-0000-4000-8000-00000000000}",
	};
	uint8_t id[16] = { 7 };

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_false(uuid_parse(span_z(rows[i]), id));
	assert_int_equal(id[0], 7);
	assert_true(uuid_parse(SPAN("DEADBEEF-0000-4000-8000-0000000000FF"), id));
	assert_int_equal(id[0], 0xDE);
	assert_int_equal(id[15], 0xFF);
}

static void random_numbers_stay_below(void **state)
{
	unsigned seen[10] = { 0 };

	(void)state;
	assert_int_equal(random_below(0), 0);
	assert_int_equal(random_below(1), 0);
	for (int i = 0; i < 10000; i++) {
		uint32_t v = random_below(10);

		assert_true(v < 10);
		seen[v]++;
	}
	for (int i = 0; i < 10; i++)
		assert_in_range(seen[i], 700, 1300);
}

static void random_bytes_are_filled_or_reported(void **state)
{
	uint8_t a[300] = { 0 };
	size_t zeros = 0;

	(void)state;
	assert_int_equal(random_bytes(a, sizeof a), ERR_OK);
	for (size_t i = 0; i < sizeof a; i++)
		zeros += a[i] == 0;
	assert_true(zeros < 20);
#ifdef OFFHOOK_FAULTS
	fault_arm_named("random", 1);
	assert_int_equal(uuid_new((char[UUID_TEXT]){ 0 }), ERR_IO);
	assert_true(fault_disarm());
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_stands_until_moved),
		cmocka_unit_test(real_time_goes_on),
		cmocka_unit_test(times_are_written_and_read),
		cmocka_unit_test(times_outside_the_calendar_are_shown_as_the_nearest),
		cmocka_unit_test(every_day_goes_round),
		cmocka_unit_test(other_forms_of_rfc_3339),
		cmocka_unit_test(what_is_no_time),
		cmocka_unit_test(ages_count_back_from_now),
		cmocka_unit_test(uuids_are_version_4_and_differ),
		cmocka_unit_test(what_is_no_uuid),
		cmocka_unit_test(random_numbers_stay_below),
		cmocka_unit_test(random_bytes_are_filled_or_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
