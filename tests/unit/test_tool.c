#include "store_home.h"

#include "store/agent.h"
#include "store/tool.h"

static void a_secret_is_made_when_none_is_given(void **state)
{
	static const struct { const char *name, *given; } rows[] = { { "a", NULL }, { "b", "my own" } };
	struct home *h = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf plain = BUF_INIT;
		struct tool o;

		assert_int_equal(home_make(h, "tool", NULL, "name", rows[i].name, "url", "https://example.net/x", rows[i].given ? "secret" : NULL,
		                           rows[i].given, NULL), ERR_OK);
		assert_int_equal(home_do(h, OP_GET, "tool", rows[i].name, &o, NULL), ERR_OK);
		assert_int_equal(record_secret_get(h->s, &tool_type, "secret", &o, &plain), ERR_OK);
		if (rows[i].given)
			assert_string_equal(buf_z(&plain), rows[i].given);
		else
			assert_int_equal(plain.n, 64);
		record_fini(&tool_type, &o);
		buf_fini(&plain);
	}
}

static void refused(void **state)
{
	static const struct { const char *name, *url, *why; } rows[] = {
		{ "two words", "https://a", "name: must be letters, digits, _ and -" },
		{ "end_call", "https://a", "name: is a built-in tool" },
		{ "x", NULL, "url: must not be empty" },
	};
	struct home *h = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf why = BUF_INIT;

		assert_int_equal(home_make(h, "tool", &why, "name", rows[i].name, rows[i].url ? "url" : NULL, rows[i].url, NULL), ERR_VALUE);
		assert_string_equal(buf_z(&why), rows[i].why);
		buf_fini(&why);
	}
}

static void one_that_an_agent_uses_goes_only_by_force(void **state)
{
	struct home *h = *state;
	struct agent a;
	struct buf why = BUF_INIT;

	assert_int_equal(home_make(h, "tool", NULL, "name", "lookup", "url", "http://127.0.0.1/", NULL), ERR_OK);
	assert_int_equal(home_make(h, "tool", NULL, "name", "look", "url", "http://127.0.0.1/", NULL), ERR_OK);
	assert_int_equal(home_make(h, "agent", NULL, "name", "eva", "tools", "end_call,lookup", NULL), ERR_OK);
	assert_int_equal(home_do(h, OP_DELETE, "tool", "lookup", NULL, &why), ERR_INUSE);
	assert_string_equal(buf_z(&why), "tool lookup: used by agent eva");
	assert_int_equal(home_do(h, OP_DELETE, "tool", "look", NULL, &why), ERR_OK);
	assert_int_equal(home_do(h, OP_FORCE, "tool", "lookup", NULL, &why), ERR_OK);
	assert_int_equal(home_do(h, OP_GET, "agent", "eva", &a, NULL), ERR_OK);
	home_set("agent", &a, "voice", "cedar");
	assert_int_equal(home_do(h, OP_UPDATE, "agent", NULL, &a, NULL), ERR_OK);
	home_set("agent", &a, "tools", "lookup");
	assert_int_equal(home_do(h, OP_UPDATE, "agent", NULL, &a, NULL), ERR_VALUE);
	record_fini(&agent_type, &a);
	buf_fini(&why);
}

static void its_name_cannot_be_changed(void **state)
{
	struct home *h = *state;
	struct buf why = BUF_INIT;
	struct tool o;

	clock_set(0, 1000);
	assert_int_equal(home_make(h, "tool", NULL, "name", "a", "url", "https://a", NULL), ERR_OK);
	assert_int_equal(home_do(h, OP_GET, "tool", "a", &o, NULL), ERR_OK);
	home_set("tool", &o, "name", "b");
	assert_int_equal(home_do(h, OP_UPDATE, "tool", NULL, &o, &why), ERR_VALUE);
	assert_string_equal(buf_z(&why), "tool b: what it is called cannot be changed: create it anew");
	clock_move(1);
	assert_int_equal(home_make(h, "tool", NULL, "name", "b", "url", "https://b", NULL), ERR_OK);
	assert_int_equal(home_do(h, OP_UPDATE, "tool", NULL, &o, &why), ERR_VALUE);          /* nor does it replace the one of that name */
	record_fini(&tool_type, &o);
	assert_int_equal(home_do(h, OP_GET, "tool", "b", &o, NULL), ERR_OK);
	assert_string_equal(o.url, "https://b");
	record_fini(&tool_type, &o);
	buf_fini(&why);
}

static void built_in_ones_have_schemas(void **state)
{
	(void)state;
	for (size_t i = 0; i < tool_builtins_n; i++) {
		struct json_object *j = NULL;

		assert_int_equal(json_read(&j, span_z(tool_builtins[i].parameters)), ERR_OK);
		assert_span(json_get_span(j, "type"), "object");
		assert_true(json_object_is_type(json_get(j, "properties"), json_type_object));
		json_object_put(j);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_secret_is_made_when_none_is_given, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(refused, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(one_that_an_agent_uses_goes_only_by_force, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(its_name_cannot_be_changed, home_setup_started, home_teardown),
		cmocka_unit_test(built_in_ones_have_schemas),
	};

	HOME_HELPER(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
