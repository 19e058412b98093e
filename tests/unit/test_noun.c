#include "store_home.h"

#include "store/account.h"
#include "store/agent.h"

static void nouns_are_found_in_both_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < nouns_n; i++) {
		assert_ptr_equal(noun_find(span_z(nouns[i].type->noun)), &nouns[i]);
		assert_ptr_equal(noun_find(span_z(nouns[i].plural)), &nouns[i]);
	}
	assert_null(noun_find(SPAN("call")));
	assert_null(noun_find(SPAN("")));
}

/* account acme has agents eva and adam; beta has eva; default has default and adam. */
static void three_accounts(struct home *h)
{
	assert_int_equal(home_make(h, "account", NULL, "name", "acme", NULL), ERR_OK);
	assert_int_equal(home_make(h, "account", NULL, "name", "beta", NULL), ERR_OK);
	assert_int_equal(home_make(h, "agent", NULL, "name", "eva", "account", "acme", NULL), ERR_OK);
	assert_int_equal(home_make(h, "agent", NULL, "name", "adam", "account", "acme", NULL), ERR_OK);
	assert_int_equal(home_make(h, "agent", NULL, "name", "eva", "account", "beta", NULL), ERR_OK);
	assert_int_equal(home_make(h, "agent", NULL, "name", "adam", NULL), ERR_OK);
	assert_int_equal(home_make(h, "agent", NULL, "name", "lone", "account", "beta", NULL), ERR_OK);
}

static void names_mean_what_people_mean(void **state)
{
	static const struct { const char *x; enum err e; const char *found; } rows[] = {
		{ "default", ERR_OK, "1" }, { "1", ERR_OK, "1" }, { "2", ERR_OK, "2" },
		{ "adam", ERR_OK, "5" },                       /* the default account's */
		{ "acme/adam", ERR_OK, "3" }, { "beta/eva", ERR_OK, "4" }, { "3/eva", ERR_OK, "4" },
		{ "lone", ERR_OK, "6" },
		{ "eva", ERR_AMBIGUOUS, "agent eva: could be acme/eva, beta/eva" },
		{ "nobody", ERR_NOTFOUND, "agent nobody: not found" }, { "acme/nobody", ERR_NOTFOUND, "agent acme/nobody: not found" },
		{ "none/eva", ERR_NOTFOUND, "agent none/eva: not found" }, { "99", ERR_NOTFOUND, "agent 99: not found" },
		{ "", ERR_NOTFOUND, "agent : not found" }, { "ev", ERR_NOTFOUND, "agent ev: not found" },
	};
	struct home *h = *state;

	three_accounts(h);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf why = BUF_INIT;
		struct agent a;

		assert_int_equal(home_do(h, OP_GET, "agent", rows[i].x, &a, &why), rows[i].e);
		assert_string_equal(rows[i].e ? buf_z(&why) : a.id, rows[i].found);
		if (!rows[i].e)
			record_fini(&agent_type, &a);
		buf_fini(&why);
	}
}

static void lists_are_by_name_and_pages_go_on(void **state)
{
	static const struct { const char *noun, *q; size_t limit; const char *names; } rows[] = {
		{ "agent", NULL, 0, "adam adam default eva eva lone " },
		{ "agent", NULL, 4, "adam adam default eva |eva lone " },
		{ "agent", NULL, 1, "adam |adam |default |eva |eva |lone " },
		{ "agent", "A", 2, "adam adam |default eva |eva " },
		{ "agent", "nothing", 2, "" },
		{ "account", NULL, 2, "acme beta |default " },
		{ "account", "et", 2, "beta " },
	};
	struct home *h = *state;

	three_accounts(h);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf names = BUF_INIT;

		home_names(h, rows[i].noun, rows[i].q, rows[i].limit, &names);
		assert_string_equal(buf_z(&names), rows[i].names);
		buf_fini(&names);
	}
}

static void an_update_needs_the_current_version(void **state)
{
	struct home *h = *state;
	struct buf why = BUF_INIT;
	struct agent a, b;

	clock_set(0, 1000);
	assert_int_equal(home_make(h, "agent", NULL, "name", "eva", NULL), ERR_OK);
	clock_move(500);
	assert_int_equal(home_do(h, OP_GET, "agent", "eva", &a, NULL), ERR_OK);
	assert_int_equal(home_do(h, OP_GET, "agent", "eva", &b, NULL), ERR_OK);
	home_set("agent", &a, "greeting", "Hi");
	assert_int_equal(home_do(h, OP_UPDATE, "agent", NULL, &a, &why), ERR_OK);
	assert_int_equal(a.version, 2);
	assert_int_equal(a.created_at, 1000);
	assert_int_equal(a.updated_at, 1500);
	home_set("agent", &b, "greeting", "Hey");
	assert_int_equal(home_do(h, OP_UPDATE, "agent", NULL, &b, &why), ERR_CONFLICT);
	assert_int_equal(b.version, 1);
	assert_string_equal(b.greeting, "Hey");            /* a refused one is as it was given */
	record_fini(&agent_type, &a);
	record_fini(&agent_type, &b);
	buf_fini(&why);
}

static void a_name_is_free_again_when_its_owner_changes_it(void **state)
{
	struct home *h = *state;
	struct agent a;

	assert_int_equal(home_make(h, "agent", NULL, "name", "eva", NULL), ERR_OK);
	assert_int_equal(home_make(h, "agent", NULL, "name", "eva", NULL), ERR_EXISTS);
	assert_int_equal(home_do(h, OP_GET, "agent", "eva", &a, NULL), ERR_OK);
	home_set("agent", &a, "name", "ada");
	assert_int_equal(home_do(h, OP_UPDATE, "agent", NULL, &a, NULL), ERR_OK);
	home_set("agent", &a, "name", "ada");              /* its own name is no obstacle */
	assert_int_equal(home_do(h, OP_UPDATE, "agent", NULL, &a, NULL), ERR_OK);
	record_fini(&agent_type, &a);
	assert_int_equal(home_make(h, "agent", NULL, "name", "eva", NULL), ERR_OK);
}

static void a_printed_record_has_all_its_fields(void **state)
{
	struct home *h = *state;

	assert_int_equal(home_make(h, "number", NULL, "phone_number", "+15550100", NULL), ERR_OK);
	assert_int_equal(home_make(h, "tool", NULL, "name", "x", "url", "https://a", NULL), ERR_OK);
	for (size_t i = 0; i < nouns_n; i++) {
		static const char *const of[] = { "default", "default", "sales", "+15550100", "x" };
		struct json_object *j = home_show(h, nouns[i].type->noun, of[i]);

		assert_int_equal(json_object_object_length(j), nouns[i].type->fields_n);
		for (size_t k = 0; k < nouns[i].type->fields_n; k++)
			assert_true(json_object_object_get_ex(j, nouns[i].type->fields[k].name, NULL));
		json_object_put(j);
	}
}

static void an_account_with_agents_or_numbers_stays(void **state)
{
	struct home *h = *state;
	struct buf why = BUF_INIT;

	three_accounts(h);
	assert_int_equal(home_do(h, OP_DELETE, "account", "beta", NULL, &why), ERR_INUSE);
	assert_int_equal(home_make(h, "account", NULL, "name", "gamma", NULL), ERR_OK);
	assert_int_equal(home_make(h, "number", NULL, "phone_number", "+15550100", "account", "gamma", NULL), ERR_OK);
	assert_int_equal(home_do(h, OP_DELETE, "account", "gamma", NULL, &why), ERR_INUSE);
	assert_string_equal(buf_z(&why), "account gamma: used by number +15550100");
	assert_int_equal(home_do(h, OP_DELETE, "number", "+15550100", NULL, &why), ERR_OK);
	assert_int_equal(home_do(h, OP_DELETE, "account", "gamma", NULL, &why), ERR_OK);
	assert_int_equal(home_do(h, OP_DELETE, "account", "gamma", NULL, &why), ERR_NOTFOUND);
	buf_fini(&why);
}

static void prints(struct home *h, const char *noun, const char *x, const char *member, const char *value)
{
	struct json_object *o = home_show(h, noun, x);

	assert_span(json_get_span(o, member), value);
	json_object_put(o);
}

static void what_an_account_had_goes_to_the_default_one_by_force(void **state)
{
	struct home *h = *state;
	struct buf why = BUF_INIT;

	three_accounts(h);
	assert_int_equal(home_make(h, "agent", NULL, "name", "acme-adam", NULL), ERR_OK);
	assert_int_equal(home_make(h, "number", NULL, "phone_number", "+15550100", "account", "acme", "agent", "acme/eva", NULL), ERR_OK);
	assert_int_equal(home_do(h, OP_DELETE, "account", "acme", NULL, &why), ERR_INUSE);
	assert_int_equal(home_do(h, OP_FORCE, "account", "acme", NULL, &why), ERR_OK);
	prints(h, "agent", "2", "account", "default");
	prints(h, "agent", "2", "name", "eva");
	prints(h, "agent", "3", "name", "agent-3");              /* adam, and acme-adam, were there */
	prints(h, "agent", "beta/eva", "account", "beta");
	prints(h, "number", "+15550100", "account", "default");
	prints(h, "number", "+15550100", "agent", "eva");
	assert_int_equal(home_do(h, OP_FORCE, "account", "beta", NULL, &why), ERR_OK);
	prints(h, "agent", "beta-eva", "id", "4");
	prints(h, "agent", "lone", "account", "default");
	assert_int_equal(home_do(h, OP_FORCE, "account", "default", NULL, &why), ERR_DENIED);
	buf_fini(&why);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nouns_are_found_in_both_numbers),
		cmocka_unit_test_setup_teardown(names_mean_what_people_mean, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(lists_are_by_name_and_pages_go_on, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(an_update_needs_the_current_version, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(a_name_is_free_again_when_its_owner_changes_it, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(a_printed_record_has_all_its_fields, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(an_account_with_agents_or_numbers_stays, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(what_an_account_had_goes_to_the_default_one_by_force, home_setup_started, home_teardown),
	};

	HOME_HELPER(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
