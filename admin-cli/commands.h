/*
 * commands - the only list of commands. A row's pattern parses the words and is its usage line:
 *   word  a|b        typed as they stand, always first            <x>   a word that must be given
 *   [<x>]            a word that may be left out                  <x>... [<x>...]   all other words
 *   [--opt]          a flag                                       [--opt <v>]  --opt <v>   an option with a value
 * `--json`, `--help` and `-h` are understood everywhere; `--` ends the options.
 */
#ifndef OFFHOOK_COMMANDS_H
#define OFFHOOK_COMMANDS_H

#include "base/buf.h"

struct cli;
struct args;

enum cmd_flag {
	CMD_HIDDEN = 1 << 0,      /* not in the help: for our own programs */
	CMD_RAW    = 1 << 1,      /* what follows the words is passed on unread */
	CMD_BARE   = 1 << 2,      /* works without configuration */
};

struct cmd {
	const char *pattern;
	enum err (*run)(struct cli *c, const struct args *a);
	const char *help;
	unsigned flags;
};

extern const struct cmd commands[];
extern const size_t commands_n;

#define ARGS_WORDS 4
#define ARGS_NAMED 24
#define ARGS_REST  256

struct args {
	const struct cmd *cmd;
	const char *word[ARGS_WORDS];                  /* the words of the command as typed: "agent", "show" */
	size_t words_n;
	struct { struct span name; const char *value; } named[ARGS_NAMED];
	size_t named_n;
	const char *rest[ARGS_REST];
	size_t rest_n;
	bool json, help, version;
};

/* The words after the program's name (NULL-terminated). ERR_USAGE: `why` says what is wrong; a->cmd is set when the command was known. */
enum err args_parse(struct args *a, const struct cmd *cmds, size_t n, const char *const *argv, struct buf *why);

const char *arg(const struct args *a, const char *name);             /* "agent", "--since"; NULL: not given; a flag that is given is "" */
struct span arg_span(const struct args *a, const char *name);        /* SPAN_NONE: not given */

/* Usage lines of all commands (noun NULL), of one noun, or of one command. */
void usage_line(struct buf *out, const struct cmd *cmd, const char *noun);
size_t usage_list(struct buf *out, const struct cmd *cmds, size_t n, const char *noun);

#endif
