#include "store_home.h"

#include "store/account.h"

struct found {
	enum { BY_DEFAULT, BY_NAME, BY_SID } how;
	const char *text;
	struct account a;
};

static enum err find(struct txn *t, void *arg)
{
	struct found *f = arg;

	return f->how == BY_DEFAULT ? account_default(t, &f->a) : f->how == BY_NAME ? account_by_name(t, span_z(f->text), &f->a)
	                            : account_by_sid(t, span_z(f->text), &f->a);
}

static void first_start_makes_the_default_account(void **state)
{
	struct home *h = *state;
	struct found f = { .how = BY_DEFAULT };

	assert_int_equal(store_first_start(h->s), ERR_OK);
	assert_int_equal(store_read(h->s, find, &f), ERR_OK);
	assert_string_equal(f.a.name, "default");
	assert_non_null(f.a.default_agent);
	assert_true(f.a.is_active);
	assert_int_equal(f.a.version, 2);                  /* created, then told who its default agent is */
	record_fini(&account_type, &f.a);
}

static void first_start_brings_nothing_back_that_was_changed(void **state)
{
	struct home *h = *state;

	assert_int_equal(home_do(h, OP_DELETE, "template", "sales", NULL, NULL), ERR_OK);
	assert_int_equal(store_first_start(h->s), ERR_OK);
	assert_int_equal(home_do(h, OP_DELETE, "template", "sales", NULL, NULL), ERR_NOTFOUND);
}

static void accounts_are_found_by_twilio_sid_and_by_name(void **state)
{
	static const struct { int how; const char *text; enum err e; } rows[] = {
		{ BY_SID, "AC1", ERR_OK }, { BY_SID, "AC", ERR_NOTFOUND }, { BY_SID, "AC11", ERR_NOTFOUND }, { BY_SID, "", ERR_NOTFOUND },
		{ BY_SID, NULL, ERR_NOTFOUND }, { BY_NAME, "acme", ERR_OK }, { BY_NAME, "acm", ERR_NOTFOUND }, { BY_NAME, "acme2", ERR_NOTFOUND },
	};
	struct home *h = *state;

	assert_int_equal(home_make(h, "account", NULL, "name", "acme", "twilio_account_sid", "AC1", NULL), ERR_OK);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct found f = { .how = rows[i].how, .text = rows[i].text };

		assert_int_equal(store_read(h->s, find, &f), rows[i].e);
		if (rows[i].e == ERR_OK) {
			assert_string_equal(f.a.name, "acme");
			record_fini(&account_type, &f.a);
		}
	}
}

static void secrets_are_sealed_and_print_as_set(void **state)
{
	struct home *h = *state;
	struct account a;
	struct buf plain = BUF_INIT;
	struct json_object *j;

	assert_int_equal(home_make(h, "account", NULL, "name", "acme", "openai_api_key", "sk-secret", NULL), ERR_OK);
	assert_int_equal(home_do(h, OP_GET, "account", "acme", &a, NULL), ERR_OK);
	assert_true(record_secret_sealed(a.openai_api_key));
	assert_null(strstr(a.openai_api_key, "sk-secret"));
	assert_int_equal(record_secret_get(h->s, &account_type, "openai_api_key", &a, &plain), ERR_OK);
	assert_string_equal(buf_z(&plain), "sk-secret");
	assert_int_equal(record_secret_get(h->s, &account_type, "twilio_auth_token", &a, &plain), ERR_NOTFOUND);
	record_fini(&account_type, &a);
	buf_fini(&plain);
	j = home_show(h, "account", "acme");
	assert_span(json_get_span(j, "openai_api_key"), "set");
	assert_null(json_get(j, "twilio_auth_token"));
	assert_true(json_object_object_get_ex(j, "twilio_auth_token", NULL));
	json_object_put(j);
}

static void a_secret_that_reads_set_stays_what_it_was(void **state)
{
	struct home *h = *state;
	struct account a;
	struct buf plain = BUF_INIT;

	assert_int_equal(home_make(h, "account", NULL, "name", "acme", "openai_api_key", "sk-1", "twilio_auth_token", "set", NULL), ERR_OK);
	assert_int_equal(home_do(h, OP_GET, "account", "acme", &a, NULL), ERR_OK);
	assert_null(a.twilio_auth_token);
	home_set("account", &a, "openai_api_key", "set");
	home_set("account", &a, "name", "renamed");
	assert_int_equal(home_do(h, OP_UPDATE, "account", NULL, &a, NULL), ERR_OK);
	assert_int_equal(record_secret_get(h->s, &account_type, "openai_api_key", &a, &plain), ERR_OK);
	assert_string_equal(buf_z(&plain), "sk-1");
	record_fini(&account_type, &a);
	buf_fini(&plain);
}

static void the_default_account_cannot_be_deleted(void **state)
{
	struct home *h = *state;
	struct buf why = BUF_INIT;

	assert_int_equal(home_do(h, OP_DELETE, "account", "default", NULL, &why), ERR_DENIED);
	assert_true(why.n > 0);
	assert_int_equal(home_do(h, OP_FORCE, "account", "default", NULL, &why), ERR_DENIED);
	buf_fini(&why);
}

static void names_that_cannot_be(void **state)
{
	struct home *h = *state;
	struct buf why = BUF_INIT;
	struct account a;

	assert_int_equal(home_do(h, OP_GET, "account", "default", &a, NULL), ERR_OK);
	home_set("account", &a, "name", "main");
	assert_int_equal(home_do(h, OP_UPDATE, "account", NULL, &a, &why), ERR_VALUE);
	assert_string_equal(buf_z(&why), "name: the account default keeps its name");
	record_fini(&account_type, &a);
	assert_int_equal(home_make(h, "account", &why, "name", "two\nlines", NULL), ERR_VALUE);
	assert_string_equal(buf_z(&why), "name: must be one line, without control characters");
	assert_int_equal(home_make(h, "account", NULL, "name", "S\xC3\xB6hne & Co", NULL), ERR_OK);
	buf_fini(&why);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_start_makes_the_default_account, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(first_start_brings_nothing_back_that_was_changed, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(accounts_are_found_by_twilio_sid_and_by_name, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(secrets_are_sealed_and_print_as_set, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(a_secret_that_reads_set_stays_what_it_was, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(the_default_account_cannot_be_deleted, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(names_that_cannot_be, home_setup_started, home_teardown),
	};

	HOME_HELPER(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
