/* commands - the only list of commands; help and man page follow it. */
#include "cli.h"
#include "commands.h"

#define NOUNS "account|agent|template|number|tool"

const struct cmd commands[] = {
	{ "serve", serve_run, "the whole product in the foreground, supervised", 0 },
	{ "db init", db_init_run, "make the database with a default account, agent and templates; of what exists nothing is changed", 0 },
	{ "db-touch <home> <keyfile>", db_touch_run, "open and close the database, so that it recovers if somebody died", CMD_HIDDEN | CMD_BARE },
	{ "housekeeping", housekeeping_run, "the part of `serve` that looks after the database", CMD_HIDDEN },
	{ "help [<noun>]", help_run, "this text, or that of one noun", CMD_BARE },
};
const size_t commands_n = sizeof commands / sizeof *commands;
