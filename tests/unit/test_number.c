#include "store_home.h"

#include "store/number.h"

static void belongs_to_the_default_account_and_prints_names(void **state)
{
	struct home *h = *state;
	struct json_object *j;

	assert_int_equal(home_make(h, "number", NULL, "phone_number", "+15550100", "agent", "default", NULL), ERR_OK);
	j = home_show(h, "number", "+15550100");
	assert_span(json_get_span(j, "account"), "default");
	assert_span(json_get_span(j, "agent"), "default");
	assert_true(json_object_object_get_ex(j, "twilio_sid", NULL));
	assert_null(json_get(j, "twilio_sid"));
	json_object_put(j);
}

static void its_agent_is_looked_for_in_its_own_account_first(void **state)
{
	static const struct { const char *number, *account, *id; } rows[] = { { "+15550101", "acme", "2" }, { "+15550102", "default", "1" } };
	struct home *h = *state;

	assert_int_equal(home_make(h, "account", NULL, "name", "acme", NULL), ERR_OK);
	assert_int_equal(home_make(h, "agent", NULL, "name", "default", "account", "acme", NULL), ERR_OK);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct number n;

		assert_int_equal(home_make(h, "number", NULL, "phone_number", rows[i].number, "account", rows[i].account, "agent", "default", NULL), ERR_OK);
		assert_int_equal(home_do(h, OP_GET, "number", rows[i].number, &n, NULL), ERR_OK);
		assert_string_equal(n.agent, rows[i].id);
		record_fini(&number_type, &n);
	}
}

static void refused(void **state)
{
	static const struct { const char *member, *value, *why; enum err e; } rows[] = {
		{ "phone_number", "+15550100", "number +15550100: exists already", ERR_EXISTS },
		{ "agent", "nobody", "agent: agent nobody: not found", ERR_VALUE },
	};
	struct home *h = *state;

	assert_int_equal(home_make(h, "number", NULL, "phone_number", "+15550100", NULL), ERR_OK);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf why = BUF_INIT;

		assert_int_equal(home_make(h, "number", &why, "phone_number", i ? "+15550109" : "+15550100", rows[i].member, rows[i].value, NULL), rows[i].e);
		assert_string_equal(buf_z(&why), rows[i].why);
		buf_fini(&why);
	}
}

static void an_agent_that_answers_a_number_goes_only_by_force(void **state)
{
	struct home *h = *state;
	struct buf why = BUF_INIT;
	struct json_object *j;
	struct number n;

	assert_int_equal(home_make(h, "agent", NULL, "name", "eva", NULL), ERR_OK);
	assert_int_equal(home_make(h, "number", NULL, "phone_number", "+15550100", "agent", "eva", NULL), ERR_OK);
	assert_int_equal(home_do(h, OP_DELETE, "agent", "eva", NULL, &why), ERR_INUSE);
	assert_string_equal(buf_z(&why), "agent eva: used by number +15550100");
	assert_int_equal(home_do(h, OP_FORCE, "agent", "eva", NULL, &why), ERR_OK);
	j = home_show(h, "number", "+15550100");
	assert_null(json_get(j, "agent"));
	json_object_put(j);
	assert_int_equal(home_do(h, OP_GET, "number", "+15550100", &n, NULL), ERR_OK);
	home_set("number", &n, "is_active", "false");
	assert_int_equal(home_do(h, OP_UPDATE, "number", NULL, &n, &why), ERR_OK);
	assert_null(n.agent);
	home_set("number", &n, "agent", "eva");
	assert_int_equal(home_do(h, OP_UPDATE, "number", NULL, &n, &why), ERR_VALUE);
	record_fini(&number_type, &n);
	buf_fini(&why);
}

static void lists_are_in_order_of_numbers(void **state)
{
	struct home *h = *state;
	struct buf names = BUF_INIT;

	assert_int_equal(home_make(h, "number", NULL, "phone_number", "+15550102", NULL), ERR_OK);
	assert_int_equal(home_make(h, "number", NULL, "phone_number", "+15550100", NULL), ERR_OK);
	assert_int_equal(home_make(h, "number", NULL, "phone_number", "+15550101", NULL), ERR_OK);
	home_names(h, "number", NULL, 2, &names);
	assert_string_equal(buf_z(&names), "+15550100 +15550101 |+15550102 ");
	buf_reset(&names);
	home_names(h, "number", "0101", 2, &names);
	assert_string_equal(buf_z(&names), "+15550101 ");
	buf_fini(&names);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(belongs_to_the_default_account_and_prints_names, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(its_agent_is_looked_for_in_its_own_account_first, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(refused, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(an_agent_that_answers_a_number_goes_only_by_force, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(lists_are_in_order_of_numbers, home_setup_started, home_teardown),
	};

	HOME_HELPER(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
