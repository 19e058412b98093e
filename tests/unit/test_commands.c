/* Words of the command line against patterns: what is understood, what is refused with which words, and that the real table is sound. */
#include "unit.h"

#include "../../admin-cli/cli.h"
#include "../../admin-cli/commands.h"
#include "base/proc.h"

static const struct cmd cmds[] = {
	{ "cat|dog list [--q <text>]", NULL, "lists", 0 },
	{ "cat|dog show <X>", NULL, "shows", 0 },
	{ "cat|dog set <X> <field=value>...", NULL, "sets", 0 },
	{ "cat make [<field=value>...] [--force]", NULL, "makes", 0 },
	{ "cat buy [<X>] [<field=value>...]", NULL, "buys", 0 },
	{ "cat connect <e164> --agent <agent>", NULL, "connects", 0 },
	{ "sim call [<option>...]", NULL, "passes on", CMD_RAW },
	{ "sim", NULL, "one word", 0 },
	{ "db-touch <home>", NULL, "hidden", CMD_HIDDEN },
};

#define N 10
struct row {
	const char *argv[N];
	enum err e;
	const char *want;        /* on success what was understood, else the reason */
};

static void understood(struct buf *b, const struct args *a)
{
	buf_addz(b, a->cmd ? a->cmd->help : "-");
	for (size_t i = 0; i < a->named_n; i++)
		buf_printf(b, " " SPAN_FMT "=%s", SPAN_ARG(a->named[i].name), a->named[i].value);
	for (size_t i = 0; i < a->rest_n; i++)
		buf_printf(b, " [%s]", a->rest[i]);
	buf_printf(b, "%s%s%s", a->json ? " json" : "", a->help ? " help" : "", a->version ? " version" : "");
}

static const struct row rows[] = {
	{ { "cat", "list" }, ERR_OK, "lists" },
	{ { "dog", "list", "--json" }, ERR_OK, "lists json" },
	{ { "--json", "dog", "list" }, ERR_OK, "lists json" },
	{ { "cat", "list", "--q", "tom" }, ERR_OK, "lists --q=tom" },
	{ { "cat", "list", "--q=tom" }, ERR_OK, "lists --q=tom" },
	{ { "cat", "list", "--q" }, ERR_USAGE, "--q needs a value" },
	{ { "cat", "list", "tom" }, ERR_USAGE, "tom is one word too many" },
	{ { "cat", "list", "--z" }, ERR_USAGE, "unknown option --z" },
	{ { "cat", "show", "tom" }, ERR_OK, "shows X=tom" },
	{ { "cat", "show" }, ERR_USAGE, "<X> is missing" },
	{ { "cat", "show", "--help" }, ERR_OK, "shows help" },
	{ { "cat", "show", "-h" }, ERR_OK, "shows help" },
	{ { "cat", "show", "--", "--tom" }, ERR_OK, "shows X=--tom" },
	{ { "cat", "set", "tom", "a=1", "b=2" }, ERR_OK, "sets X=tom [a=1] [b=2]" },
	{ { "cat", "set", "tom" }, ERR_USAGE, "<field=value> is missing" },
	{ { "cat", "make" }, ERR_OK, "makes" },
	{ { "cat", "make", "--force", "a=1" }, ERR_OK, "makes --force= [a=1]" },
	{ { "cat", "make", "--force=1" }, ERR_USAGE, "the option takes no value" },
	{ { "cat", "buy" }, ERR_OK, "buys" },
	{ { "cat", "buy", "tom" }, ERR_OK, "buys X=tom" },
	{ { "cat", "buy", "tom", "a=1" }, ERR_OK, "buys X=tom [a=1]" },
	{ { "cat", "buy", "a=1", "b=2" }, ERR_OK, "buys [a=1] [b=2]" },
	{ { "cat", "connect", "+49", "--agent", "a" }, ERR_OK, "connects e164=+49 --agent=a" },
	{ { "cat", "connect", "+49" }, ERR_USAGE, "--agent is missing" },
	{ { "sim", "call", "--json", "--x", "y" }, ERR_OK, "passes on [--json] [--x] [y]" },
	{ { "sim" }, ERR_OK, "one word" },
	{ { "cow" }, ERR_USAGE, "cow: no such command; `offhook help` lists them" },
	{ { "cat", "fly" }, ERR_USAGE, "cat fly: no such command; `offhook cat help` lists them" },
	{ { "cat", "help" }, ERR_OK, "- help" },
	{ { "cat" }, ERR_OK, "- help" },
	{ { NULL }, ERR_OK, "- help" },
	{ { "--help" }, ERR_OK, "- help" },
	{ { "--version" }, ERR_OK, "- version" },
	{ { "--frob" }, ERR_USAGE, "unknown option --frob" },
	{ { "db-touch", "/x" }, ERR_OK, "hidden home=/x" },
};

static void words_are_read_by_the_pattern(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		static struct args a;
		struct buf why = BUF_INIT, got = BUF_INIT;
		enum err e = args_parse(&a, cmds, ROWS(cmds), rows[i].argv, &why);

		understood(&got, &a);
		if (e != rows[i].e || !span_is(buf_span(e ? &why : &got), rows[i].want))
			fail_msg("row %zu: %s, \"%s\", want \"%s\"", i, err_name(e), buf_z(e ? &why : &got), rows[i].want);
		buf_fini(&why);
		buf_fini(&got);
	}
}

static void the_last_of_two_values_counts(void **state)
{
	static const char *const argv[] = { "cat", "list", "--q", "one", "--q", "two", NULL };
	static struct args a;

	(void)state;
	assert_int_equal(args_parse(&a, cmds, ROWS(cmds), argv, NULL), ERR_OK);
	assert_string_equal(arg(&a, "--q"), "two");
	assert_null(arg(&a, "--other"));
	assert_false(arg_span(&a, "--other").p);
}

static void too_many_words_are_refused(void **state)
{
	static const char *argv[ARGS_REST + 8] = { "cat", "make" };
	struct buf why = BUF_INIT;
	static struct args a;

	(void)state;
	for (size_t i = 2; i < ARGS_REST + 4; i++)
		argv[i] = "a=1";
	assert_int_equal(args_parse(&a, cmds, ROWS(cmds), argv, &why), ERR_USAGE);
	buf_fini(&why);
}

static void usage_speaks_of_the_noun_that_was_typed(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	usage_line(&b, &cmds[1], "dog");
	assert_span(buf_span(&b), "offhook dog show <X>");
	buf_reset(&b);
	usage_line(&b, &cmds[1], NULL);
	assert_span(buf_span(&b), "offhook cat|dog show <X>");
	buf_reset(&b);
	assert_int_equal(usage_list(&b, cmds, ROWS(cmds), "sim"), 2);
	assert_int_equal(usage_list(&b, cmds, ROWS(cmds), "db-touch"), 0);
	assert_int_equal(usage_list(&b, cmds, ROWS(cmds), NULL), 8);
	buf_fini(&b);
}

/* Each row of the real table is found by its own words, and needs what it says it needs. */
static void every_command_is_reached_by_its_own_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < commands_n; i++) {
		const char *argv[ARGS_WORDS + 1] = { NULL };
		char words[ARGS_WORDS][32];
		struct span rest = span_z(commands[i].pattern), word, one;
		struct buf why = BUF_INIT;
		static struct args a;
		size_t n = 0;

		while (n < ARGS_WORDS && span_cut(&rest, ' ', &word) && word.n && !strchr("<[-", word.p[0])) {
			span_cut(&word, '|', &one);
			assert_true(span_copy(words[n], sizeof words[n], one));
			argv[n] = words[n];
			n++;
		}
		args_parse(&a, commands, commands_n, argv, &why);
		assert_ptr_equal(a.cmd, &commands[i]);
		assert_non_null(commands[i].run);
		assert_true(strlen(commands[i].help) > 10);
		buf_fini(&why);
	}
}

/* As mdoc spells it: quotes and backslashes do not occur in patterns. */
static void the_man_page_has_every_command_and_no_other(void **state)
{
	struct buf page = BUF_INIT, item = BUF_INIT;
	size_t visible = 0, items = 0;

	(void)state;
	if (file_read(&page, "admin-cli/offhook.1"))
		skip();                                          /* not started in the checkout */
	for (size_t i = 0; i < commands_n; i++) {
		if (commands[i].flags & CMD_HIDDEN)
			continue;
		buf_reset(&item);
		buf_printf(&item, "\n.It Li \"%s\"\n", commands[i].pattern);
		if (!strstr(buf_z(&page), buf_z(&item)))
			fail_msg("not in the man page: %s", commands[i].pattern);
		visible++;
	}
	for (const char *p = buf_z(&page); (p = strstr(p, "\n.It Li \"")); p++)
		items++;
	assert_int_equal(items, visible);
	buf_fini(&page);
	buf_fini(&item);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_read_by_the_pattern),
		cmocka_unit_test(the_last_of_two_values_counts),
		cmocka_unit_test(too_many_words_are_refused),
		cmocka_unit_test(usage_speaks_of_the_noun_that_was_typed),
		cmocka_unit_test(every_command_is_reached_by_its_own_words),
		cmocka_unit_test(the_man_page_has_every_command_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
