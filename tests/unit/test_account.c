#include "store_home.h"

#include "store/account.h"

static enum err default_is(struct txn *t, void *arg)
{
	struct account a;
	enum err e = account_default(t, &a);

	(void)arg;
	if (e)
		return e;
	assert_string_equal(a.name, "default");
	assert_non_null(a.default_agent);
	assert_true(a.is_active);
	record_fini(&account_type, &a);
	return ERR_OK;
}

static void first_start_makes_the_default_account(void **state)
{
	struct home *h = *state;

	assert_int_equal(store_read(h->s, default_is, NULL), ERR_OK);
}

static void first_start_twice_changes_nothing(void **state)
{
	struct home *h = *state;

	assert_int_equal(store_first_start(h->s), ERR_OK);
	assert_int_equal(store_read(h->s, default_is, NULL), ERR_OK);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_start_makes_the_default_account, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(first_start_twice_changes_nothing, home_setup_started, home_teardown),
	};

	HOME_HELPER(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
