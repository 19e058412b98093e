/* err - the list is complete, and nothing outside it is trusted. */
#include <errno.h>

#include "unit.h"

static void every_error_has_name_text_and_codes(void **state)
{
	(void)state;
	for (int e = 0; e < ERR_COUNT; e++) {
		assert_true(err_name(e)[0] >= 'a' && err_name(e)[0] <= 'z');
		assert_true(strlen(err_text(e)) >= 2);
		assert_in_range(err_http(e), 200, 599);
		assert_in_range(err_exit(e), 0, 4);
		for (const char *c = err_name(e); *c; c++)
			assert_true(*c >= 'a' && *c <= 'z');
	}
}

static void the_contract_s_exit_codes(void **state)
{
	static const struct { enum err e; int http, code; } rows[] = {
		{ ERR_OK, 200, 0 }, { ERR_USAGE, 400, 2 }, { ERR_NOTFOUND, 404, 3 }, { ERR_EXISTS, 409, 4 }, { ERR_AMBIGUOUS, 409, 4 },
		{ ERR_VALUE, 422, 4 }, { ERR_LIMIT, 413, 4 }, { ERR_DENIED, 403, 4 }, { ERR_DOWN, 503, 1 }, { ERR_INTERNAL, 500, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(err_http(rows[i].e), rows[i].http);
		assert_int_equal(err_exit(rows[i].e), rows[i].code);
	}
	assert_string_equal(err_name(ERR_NOTFOUND), "notfound");
	assert_string_equal(err_text(ERR_NOTFOUND), "not found");
}

static void a_number_outside_the_list_is_our_own_fault(void **state)
{
	(void)state;
	assert_string_equal(err_name((enum err)ERR_COUNT), "internal");
	assert_string_equal(err_name((enum err)-1), "internal");
	assert_int_equal(err_http((enum err)9999), 500);
}

static void errno_becomes_an_error(void **state)
{
	static const struct { int err; enum err e; } rows[] = {
		{ 0, ERR_OK }, { ENOMEM, ERR_NOMEM }, { ENOENT, ERR_NOTFOUND }, { EACCES, ERR_DENIED }, { ENOSPC, ERR_FULL }, { EDQUOT, ERR_FULL },
		{ EEXIST, ERR_EXISTS }, { EADDRINUSE, ERR_INUSE }, { EAGAIN, ERR_BUSY }, { ETIMEDOUT, ERR_TIMEOUT }, { EPIPE, ERR_CLOSED },
		{ ECONNREFUSED, ERR_DOWN }, { EIO, ERR_IO }, { 99999, ERR_IO }, { -1, ERR_IO },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(err_errno(rows[i].err), rows[i].e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_name_text_and_codes),
		cmocka_unit_test(the_contract_s_exit_codes),
		cmocka_unit_test(a_number_outside_the_list_is_our_own_fault),
		cmocka_unit_test(errno_becomes_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
