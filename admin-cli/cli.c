/* cli - one command: words, settings, the store, output, and the exit code at the edge. */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/proc.h"
#include "cli.h"
#include "version.h"

enum err cli_fail(struct cli *c, enum err e, const char *fmt, ...)
{
	va_list ap;

	if (c->why.n == 0) {
		va_start(ap, fmt);
		buf_vprintf(&c->why, fmt, ap);
		va_end(ap);
	}
	return e;
}

enum err cli_print(struct cli *c)
{
	enum err e = c->out.err ? c->out.err : fd_write_all(STDOUT_FILENO, buf_span(&c->out));

	buf_reset(&c->out);
	return e;
}

/* --- the store --- */

static char *helper_path(void)
{
	struct buf b = BUF_INIT;

	if (proc_self_dir(&b) == ERR_OK)
		buf_addz(&b, "/offhook");
	return buf_take(&b);
}

enum err cli_open(struct cli *c, bool create)
{
	struct store_options o = { .home = c->cf.db_dir, .key_file = c->cf.secret_key_file, .sentinel = true, .hold_signals = true, .create = create };
	enum err e = c->store ? ERR_OK : owner_become(c, c->cf.data_dir);
	char *helper;

	if (e || c->store)
		return e;
	helper = helper_path();
	o.helper = helper;
	e = store_open(&c->store, &o);
	free(helper);
	if (e == ERR_NOTFOUND)
		return cli_fail(c, ERR_DOWN, "%s: no database there: start `offhook serve` or `offhook db init` first, or set OFFHOOK_DATA_DIR", c->cf.db_dir);
	return e ? cli_fail(c, e, "%s: the database cannot be opened: %s", c->cf.db_dir, err_text(e)) : ERR_OK;
}

void cli_close(struct cli *c)
{
	store_close(c->store);
	c->store = NULL;
}

#define REOPENS 5

enum err cli_txn(struct cli *c, enum cli_access access, enum err (*body)(struct txn *, void *), void *arg)
{
	enum err e = ERR_RECOVER;

	for (int i = 0; e == ERR_RECOVER && i < REOPENS; i++) {
		if (c->store && i)
			cli_close(c);
		e = cli_open(c, false);
		if (!e)
			e = access == CLI_READ ? store_read(c->store, body, arg) : store_txn(c->store, DURABLE, body, arg);
	}
	return e;
}

/* --- help --- */

static void help_settings(struct cli *c)
{
	buf_addc(&c->out, '\n');
	settings_print_help(&c->out);
}

static enum err help(struct cli *c, const struct args *a)
{
	const char *noun = a->words_n ? a->word[0] : NULL;
	bool settings = !noun || strcmp(noun, "serve") == 0;

	if (a->cmd) {
		buf_addz(&c->out, "usage: ");
		usage_line(&c->out, a->cmd, noun);
		buf_printf(&c->out, "\n        %s\n", a->cmd->help);
		if (settings)
			help_settings(c);
		return ERR_OK;
	}
	if (!noun)
		buf_printf(&c->out, "offhook %s - phone calls answered by AI agents\n\n", OFFHOOK_VERSION);
	usage_list(&c->out, commands, commands_n, noun);
	buf_addz(&c->out, "\n--json prints JSON wherever something is printed. X is an id, a name or account/name; field=@FILE and field=@- read the value.\n"
			  "Exit: 0 done, 1 failed, 2 usage, 3 not found, 4 refused.\n");
	if (settings)
		help_settings(c);
	return ERR_OK;
}

enum err help_run(struct cli *c, const struct args *a)
{
	struct args all = { 0 };

	if (arg(a, "noun")) {
		all.word[0] = arg(a, "noun");
		all.words_n = 1;
		if (!usage_list(&c->out, commands, commands_n, all.word[0]))
			return cli_fail(c, ERR_USAGE, "%s: no such command; `offhook help` lists them", all.word[0]);
		buf_reset(&c->out);
	}
	return help(c, &all);
}

static enum err version_say(struct cli *c, const struct args *a)
{
	(void)a;
	buf_printf(&c->out, "offhook %s\n", OFFHOOK_VERSION);
	return ERR_OK;
}

/* --- the edge --- */

static enum err load(struct cli *c)
{
	enum err e = settings_load(&c->cf, &c->why);

	if (e == ERR_NOTFOUND)                 /* exit code 3 is for what the command line names */
		e = ERR_VALUE;
	if (!e)
		log_init("offhook", settings_log_level(&c->cf), settings_log_format(&c->cf));
	return e;
}

static enum err run(struct cli *c, const struct args *a)
{
	bool bare = !a->cmd || a->help || (a->cmd->flags & CMD_BARE);
	enum err e = bare ? ERR_OK : load(c);

	if (e)
		return e;
	e = a->version && !a->cmd ? version_say(c, a) : a->help || !a->cmd ? help(c, a) : a->cmd->run(c, a);
	cli_close(c);
	if (!bare)
		settings_fini(&c->cf);
	return e;
}

/* "offhook: what: why"; for a usage error the pattern too. */
static void complain(struct cli *c, const struct args *a, enum err e)
{
	struct buf b = BUF_INIT;

	buf_addz(&b, "offhook: ");
	if (e == ERR_USAGE || c->why.n == 0)
		for (size_t i = 0; a->cmd && i < a->words_n; i++)
			buf_printf(&b, "%s%s", a->word[i], i + 1 < a->words_n ? " " : ": ");
	buf_addz(&b, c->why.n ? buf_z(&c->why) : err_text(e));
	if (e == ERR_USAGE && a->cmd) {
		buf_addz(&b, "\nusage: ");
		usage_line(&b, a->cmd, a->words_n ? a->word[0] : NULL);
	}
	buf_addc(&b, '\n');
	fd_write_all(STDERR_FILENO, buf_span(&b));
	buf_fini(&b);
}

/* Names in any language are shown as they are; numbers keep their dot. Without a locale most terminals still speak UTF-8. */
static void locale_set(void)
{
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		setlocale(LC_CTYPE, "C.UTF-8");
}

int cli_main(int argc, char **argv)
{
	struct cli c = { .cf = { 0 } };
	static struct args a;
	enum err e, out;

	(void)argc;
	locale_set();
	signal(SIGPIPE, SIG_IGN);
	umask(007);                      /* what the store makes is for the group: all programs of a host */
	log_init("offhook", LOG_INFO, LOG_TEXT);
	e = args_parse(&a, commands, commands_n, (const char *const *)argv + 1, &c.why);
	c.json = a.json;
	c.args = &a;
	if (!e)
		e = run(&c, &a);
	out = cli_print(&c);
	if (e && !c.said)
		complain(&c, &a, e);
	else if (!e && out && out != ERR_CLOSED)
		complain(&c, &a, e = cli_fail(&c, out, "standard output: %s", err_text(out)));
	buf_fini(&c.out);
	buf_fini(&c.why);
	return err_exit(e);
}
