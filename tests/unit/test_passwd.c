/* The htpasswd file: who may be a user, hashes that verify, lines replaced and kept. */
#include "unit.h"

#include <crypt.h>

#include "../../admin-cli/passwd.h"

static const struct {
	const char *user;
	bool ok;
} users[] = {
	{ "bob", true }, { "bob@example.com", true }, { "J\xC3\xBCrgen", true }, { "", false }, { "a b", false }, { "a:b", false }, { "a\nb", false },
	{ "#bob", false }, { "bad\xFF", false }, { "0123456789012345678901234567890123456789012345678901234567890123x", false },
};

static void names_that_would_break_the_file_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(users); i++)
		if (passwd_user_ok(span_z(users[i].user)) != users[i].ok)
			fail_msg("\"%s\"", users[i].user);
}

static void the_hash_is_yescrypt_salted_and_verifies(void **state)
{
	static struct crypt_data d;
	struct buf a = BUF_INIT, b = BUF_INIT;

	(void)state;
	assert_int_equal(passwd_hash(&a, "correct horse"), ERR_OK);
	assert_int_equal(passwd_hash(&b, "correct horse"), ERR_OK);
	assert_true(span_starts(buf_span(&a), SPAN("$y$")));
	assert_false(span_eq(buf_span(&a), buf_span(&b)));
	assert_string_equal(crypt_r("correct horse", buf_z(&a), &d), buf_z(&a));
	assert_string_not_equal(crypt_r("wrong horse", buf_z(&a), &d), buf_z(&a));
	buf_fini(&a);
	buf_fini(&b);
}

static const struct {
	const char *file, *user, *want;
} edits[] = {
	{ "", "bob", "bob:H\n" },
	{ "ann:1\n", "bob", "ann:1\nbob:H\n" },
	{ "bob:1\nann:2\n", "bob", "ann:2\nbob:H\n" },
	{ "bobby:1\n", "bob", "bobby:1\nbob:H\n" },
	{ "ann:1", "bob", "ann:1\nbob:H\n" },
	{ "\n\nann:1\n\n", "bob", "ann:1\nbob:H\n" },
	{ "bob:1\nbob:2\n", "bob", "bob:H\n" },
};

static void only_the_line_of_that_user_changes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(edits); i++) {
		struct buf b = BUF_INIT;

		assert_int_equal(passwd_edit(&b, span_z(edits[i].file), span_z(edits[i].user), SPAN("H")), ERR_OK);
		assert_span(buf_span(&b), edits[i].want);
		buf_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_would_break_the_file_are_refused),
		cmocka_unit_test(the_hash_is_yescrypt_salted_and_verifies),
		cmocka_unit_test(only_the_line_of_that_user_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
