#include "store_home.h"

#include "store/agent.h"
#include "store/defaults.h"
#include "store/template.h"

static void first_start_makes_sales_support_and_assistant(void **state)
{
	struct home *h = *state;
	struct buf names = BUF_INIT;

	home_names(h, "template", NULL, 0, &names);
	assert_string_equal(buf_z(&names), "assistant sales support ");
	buf_fini(&names);
}

static void default_texts_name_only_places_that_are_filled(void **state)
{
	struct agent a = { .name = (char[]){ "Eva" }, .timezone = (char[]){ "UTC" } };
	struct agent_fill f = { SPAN("+1555"), SPAN("+1666"), 0 };

	(void)state;
	for (size_t i = 0; i < default_templates_n; i++) {
		struct buf b = BUF_INIT;

		assert_int_equal(agent_fill_text(&a, span_z(default_templates[i].instructions), &f, &b), ERR_OK);
		assert_null(strchr(buf_z(&b), '{'));
		buf_fini(&b);
	}
}

static void names_are_unique_and_categories_known(void **state)
{
	struct home *h = *state;
	struct buf why = BUF_INIT;
	struct template p;

	assert_int_equal(home_make(h, "template", &why, "name", "sales", NULL), ERR_EXISTS);
	assert_string_equal(buf_z(&why), "template sales: exists already");
	record_init(&template_type, &p);
	buf_reset(&why);
	assert_int_equal(field_set_text(field_find(template_type.fields, template_type.fields_n, SPAN("category")), &p, SPAN("toys"), &why), ERR_VALUE);
	assert_string_equal(p.category, "custom");
	record_fini(&template_type, &p);
	buf_fini(&why);
}

static void one_that_an_agent_follows_goes_only_by_force(void **state)
{
	struct home *h = *state;
	struct buf why = BUF_INIT;

	assert_int_equal(home_make(h, "agent", NULL, "name", "eva", "instruction_template", "sales", NULL), ERR_OK);
	assert_int_equal(home_do(h, OP_DELETE, "template", "sales", NULL, &why), ERR_INUSE);
	assert_int_equal(home_do(h, OP_DELETE, "template", "support", NULL, &why), ERR_OK);
	assert_int_equal(home_do(h, OP_FORCE, "template", "sales", NULL, &why), ERR_OK);
	buf_fini(&why);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_start_makes_sales_support_and_assistant, home_setup_started, home_teardown),
		cmocka_unit_test(default_texts_name_only_places_that_are_filled),
		cmocka_unit_test_setup_teardown(names_are_unique_and_categories_known, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(one_that_an_agent_follows_goes_only_by_force, home_setup_started, home_teardown),
	};

	HOME_HELPER(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
