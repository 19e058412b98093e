/* conf - lines, which source wins, what complaints say and that each is made once. */
#include <unistd.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/proc.h"
#include "unit.h"

struct cf {
	char *name, *word, *secret;
	int64_t port;
};

static const struct field fields[] = {
	FIELD_AS(struct cf, name, "OFFHOOK_T_NAME", FK_PLAIN, 0, 0, 0, "anna", NULL, ""),
	FIELD_AS(struct cf, word, "OTHER_T_WORD", FK_WORD, 0, 0, 0, "on", "on off", ""),
	FIELD_AS(struct cf, secret, "OTHER_T_SECRET", FK_PLAIN, FF_SECRET, 0, 4, NULL, NULL, ""),
	FIELD_AS(struct cf, port, "OFFHOOK_T_PORT", FK_PLAIN, 0, 1, 65535, "80", NULL, ""),
};
#define N (sizeof fields / sizeof *fields)

static char dir[64], file[96];
static struct buf logged, why;
static struct cf cf;

static void sink(const char *line, void *arg)
{
	(void)arg;
	buf_addz(&logged, strchr(line, ' ') + 1);
	buf_addc(&logged, '\n');
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/offhook-conf-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof file, "%s/env", dir);
	for (size_t i = 0; i < N; i++)
		unsetenv(fields[i].name);
	log_init("", LOG_INFO, LOG_TEXT);
	log_to(sink, NULL);
	cf = (struct cf){ 0 };
	return field_defaults(fields, N, &cf) != ERR_OK;
}

static int teardown(void **state)
{
	(void)state;
	log_to(NULL, NULL);
	unlink(file);
	rmdir(dir);
	buf_fini(&logged);
	buf_fini(&why);
	field_fini(fields, N, &cf);
	return 0;
}

static enum err load(const char *text)
{
	assert_int_equal(file_replace(file, span_z(text), 0600), ERR_OK);
	return conf_load(fields, N, "OFFHOOK_", file, &cf, &why);
}

static void lines(void **state)
{
	static const struct { const char *line, *key, *value; } rows[] = {       /* key NULL: nothing here, "": malformed */
		{ "", NULL, "" }, { "   \t\r", NULL, "" }, { "# A=b", NULL, "" }, { "  # x", NULL, "" },
		{ "A=b", "A", "b" }, { "  A = b  \r", "A", "b" }, { "A=", "A", "" }, { "A=b c", "A", "b c" }, { "A=b=c", "A", "b=c" }, { "_a9=1", "_a9", "1" },
		{ "A=b # c", "A", "b" }, { "A=b#c", "A", "b#c" }, { "A=#c", "A", "" }, { "A= # c", "A", "" }, { "A=https://h/#x", "A", "https://h/#x" },
		{ "A=\"b # c\"", "A", "b # c" }, { "A='b # c' # d", "A", "b # c" }, { "A=\"a\\\"b\\\\c\\nd\\te\\$f\"", "A", "a\"b\\c\nd\te$f" },
		{ "A='a\\nb\"'", "A", "a\\nb\"" }, { "A=\"\"", "A", "" }, { "A=''", "A", "" }, { "A=b\"c\"", "A", "b\"c\"" }, { "export A=b", "A", "b" },
		{ "exportA=b", "exportA", "b" },
		{ "A", "", "" }, { "=b", "", "" }, { "A B=c", "", "" }, { "9A=c", "", "" }, { "A-B=c", "", "" }, { "A=\"b", "", "" }, { "A='b", "", "" },
		{ "A=\"b\" c", "", "" }, { "A=\"b\\\"", "", "" }, { "A=\"b\\", "", "" }, { "\xC3\xBC=1", "", "" },
	};
	struct buf value = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct span key;
		bool any = conf_line(span_z(rows[i].line), &key, &value);

		if (any != (rows[i].key != NULL) || (any && !span_eq(key, span_z(rows[i].key))))
			fail_msg("%s", rows[i].line);
		if (any && *rows[i].key)
			assert_string_equal(buf_z(&value), rows[i].value);
		else
			assert_null(key.p);
	}
	assert_true(conf_line(span_of("A=b\0c", 5), &(struct span){ 0 }, &value));
	buf_fini(&value);
}

static void the_file_is_read(void **state)
{
	(void)state;
	assert_int_equal(load("\xEF\xBB\xBF# ours\n\nOFFHOOK_T_NAME='Bo B'\r\nexport OTHER_T_WORD=off\nOFFHOOK_T_PORT=1\nOFFHOOK_T_PORT=443"), ERR_OK);
	assert_string_equal(cf.name, "Bo B");
	assert_string_equal(cf.word, "off");
	assert_true(cf.port == 443);
	assert_int_equal(logged.n, 0);
	assert_int_equal(why.n, 0);
}

static void the_environment_wins_over_the_file(void **state)
{
	(void)state;
	setenv("OFFHOOK_T_PORT", " 99 ", 1);
	setenv("OFFHOOK_T_NAME", "", 1);
	assert_int_equal(load("OFFHOOK_T_PORT=rubbish\nOFFHOOK_T_NAME=file\n"), ERR_OK);
	assert_true(cf.port == 99);
	assert_string_equal(cf.name, "anna");
}

static void no_file_is_fine(void **state)
{
	(void)state;
	setenv("OTHER_T_WORD", "off", 1);
	assert_int_equal(conf_load(fields, N, "OFFHOOK_", NULL, &cf, NULL), ERR_OK);
	assert_string_equal(cf.word, "off");
}

static void a_bad_value_names_key_value_and_what_is_allowed(void **state)
{
	static const struct { const char *text, *why; } rows[] = {
		{ "\nOFFHOOK_T_PORT=0", "FILE line 2: OFFHOOK_T_PORT=0: must be a whole number, 1 to 65535" },
		{ "OTHER_T_WORD=maybe", "FILE line 1: OTHER_T_WORD=maybe: must be on or off" },
		{ "OTHER_T_SECRET=hunter2", "FILE line 1: OTHER_T_SECRET: must have 0 to 4 bytes" },
		{ "OFFHOOK_T_NAME=a\nhunter2", "FILE line 2: must be KEY=value" },
		{ "OTHER_T_SECRET=\"hunter2", "FILE line 1: must be KEY=value" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const char *at;

		buf_reset(&why);
		assert_int_not_equal(load(rows[i].text), ERR_OK);
		at = strstr(rows[i].why, "FILE");
		assert_true(span_starts(buf_span(&why), span_z(file)));
		assert_string_equal(buf_z(&why) + strlen(file), at + 4);
	}
	buf_reset(&why);
	setenv("OFFHOOK_T_PORT", "70000", 1);
	assert_int_equal(load(""), ERR_VALUE);
	assert_string_equal(buf_z(&why), "OFFHOOK_T_PORT=70000: must be a whole number, 1 to 65535");
}

static void an_unknown_key_of_ours_is_one_warning_with_the_nearest_name(void **state)
{
	(void)state;
	setenv("OFFHOOK_T_PROT", "1", 1);
	assert_int_equal(load("OFFHOOK_T_PROT=1\nOFFHOOK_T_PROT=2\nOFFHOOK_SOMETHING_ELSE=3\nUNKNOWN=4\nOFFHOOK_ENV=x\nOTHER_T_WROD=1\n"), ERR_OK);
	assert_string_equal(buf_z(&logged), "warn conf.unknown key=OFFHOOK_T_PROT nearest=OFFHOOK_T_PORT\nwarn conf.unknown key=OFFHOOK_SOMETHING_ELSE\n");
	unsetenv("OFFHOOK_T_PROT");
}

static void a_supervised_program_does_not_repeat_it(void **state)
{
	(void)state;
	setenv(CONF_SUPERVISED, "1", 1);
	assert_int_equal(load("OFFHOOK_T_PROT=1\n"), ERR_OK);
	unsetenv(CONF_SUPERVISED);
	assert_int_equal(logged.n, 0);
}

static void a_file_that_cannot_be_read_is_said(void **state)
{
	(void)state;
	assert_int_equal(conf_load(fields, N, "OFFHOOK_", "/nonexistent/offhook.env", &cf, &why), ERR_NOTFOUND);
	assert_string_equal(buf_z(&why), "cannot read /nonexistent/offhook.env: not found");
	buf_reset(&why);
	assert_int_not_equal(conf_load(fields, N, "OFFHOOK_", dir, &cf, &why), ERR_OK);
	assert_non_null(strstr(buf_z(&why), "cannot read"));
}

static void which_file(void **state)
{
	char cwd[4096];

	(void)state;
	assert_non_null(getcwd(cwd, sizeof cwd));
	unsetenv("OFFHOOK_ENV");
	assert_int_equal(chdir(dir), 0);
	if (access("/etc/offhook/offhook.env", F_OK) != 0)
		assert_null(conf_path());
	assert_int_equal(file_replace(".env", SPAN(""), 0600), ERR_OK);
	assert_string_equal(conf_path(), ".env");
	setenv("OFFHOOK_ENV", "/nonexistent/x", 1);
	assert_string_equal(conf_path(), "/nonexistent/x");
	setenv("OFFHOOK_ENV", "", 1);
	assert_string_equal(conf_path(), ".env");
	unsetenv("OFFHOOK_ENV");
	unlink(".env");
	assert_int_equal(chdir(cwd), 0);
}

static void random_files_stop_or_load(void **state)
{
	static const char marks[] = "AO_=\"'\\# \n\r\x00\xFF\xC3\xBC" "1";
	uint64_t seed = 13;

	for (int i = 0; i < 3000; i++) {
		char text[120];
		size_t n = seeded(&seed) % sizeof text;
		struct span rest, line, key;
		struct buf value = BUF_INIT;

		for (size_t j = 0; j < n; j++)
			text[j] = marks[seeded(&seed) % (sizeof marks - 1)];
		for (rest = span_of(text, n); span_cut(&rest, '\n', &line);)
			if (conf_line(line, &key, &value) && key.p)
				assert_true(key.n > 0 && value.n <= line.n);
		buf_fini(&value);
	}
	(void)state;
}

static enum err one_load(void)
{
	struct cf c = { 0 };
	enum err e = field_defaults(fields, N, &c);

	e = e ? e : conf_load(fields, N, "OFFHOOK_", file, &c, NULL);
	field_fini(fields, N, &c);
	return e;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	assert_int_equal(load("OFFHOOK_T_NAME=x\nOTHER_T_SECRET=abc\n"), ERR_OK);
	sweep(one_load, ERR_NOMEM);
}

#define T_(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		T_(the_file_is_read),
		T_(the_environment_wins_over_the_file),
		T_(no_file_is_fine),
		T_(a_bad_value_names_key_value_and_what_is_allowed),
		T_(an_unknown_key_of_ours_is_one_warning_with_the_nearest_name),
		T_(a_supervised_program_does_not_repeat_it),
		T_(a_file_that_cannot_be_read_is_said),
		T_(which_file),
		cmocka_unit_test(random_files_stop_or_load),
		T_(every_allocation_may_fail),
	};

	for (char **v = environ; *v;) {                    /* what the tester's own environment says about Offhook is no matter here */
		char name[80];
		struct span rest = span_z(*v), key;

		span_cut(&rest, '=', &key);
		if (span_starts(key, SPAN("OFFHOOK_")) && span_copy(name, sizeof name, key) && unsetenv(name) == 0)
			v = environ;
		else
			v++;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
