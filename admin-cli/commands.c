/* commands - the only list of commands; help and man page follow it. */
#include "cli.h"
#include "commands.h"

#define NOUNS "account|agent|template|number|tool"

const struct cmd commands[] = {
	{ "serve", serve_run, "the whole product in the foreground, supervised", 0 },
	{ "status", status_run, "every part, one line each; exit 1 when one is down", 0 },
	{ "admin passwd <USER>", passwd_run, "set the password of a user of the admin pages (asked for, or read from standard input)", 0 },

	{ NOUNS " list [--q <text>]", noun_list_run, "all of them, by name", 0 },
	{ NOUNS " show <X>", noun_show_run, "one, with every field; secrets only as `set`", 0 },
	{ NOUNS " create [<X>] [<field=value>...]", noun_create_run, "make one, called X, and print its key; fields not given have their defaults", 0 },
	{ NOUNS " set <X> <field=value>...", noun_set_run, "change the fields given; an empty value means none", 0 },
	{ NOUNS " delete <X> [--force]", noun_delete_run, "delete one; what others use only with --force", 0 },
	{ NOUNS " export [<X>]", noun_export_run, "one or all as JSON, for import", 0 },
	{ NOUNS " import <FILE>", noun_import_run, "records of a JSON file (-: standard input), all or none; those of the same key are replaced", 0 },
	{ "agent default <X>", agent_default_run, "make it the default agent of its account", 0 },
	{ "agent clone <X> <Y>", agent_clone_run, "a new agent named Y, like X in everything else", 0 },
	{ "agent history <X>", agent_history_run, "its versions, newest first, and what each changed", 0 },
	{ "agent config <X>", agent_config_run, "the session.update that it would send to the model", 0 },

	{ "call list [--since <time>] [--until <time>] [--status <status>] [--agent <X>] [--number <e164>] [--q <text>] [--limit <n>]",
	  call_list_run, "calls, newest first; times are RFC 3339, a date, or 2h, 3d ago; 50 unless --limit says otherwise", 0 },
	{ "call show <ID>", call_show_run, "one call, by session id or CallSid", 0 },
	{ "call transcript <ID>", call_transcript_run, "what both sides said, in order", 0 },
	{ "call events <ID> [--follow]", call_events_run, "what happened; --follow: while it happens, until the call ends", 0 },
	{ "call follow <ID>", call_follow_run, "the transcript while it is spoken, until the call ends", 0 },
	{ "call explain <ID>", call_explain_run, "the story of a call from its record: what went wrong, what we did, how it ended", 0 },
	{ "call export <ID>", call_export_run, "call, turns and events as one JSON object", 0 },
	{ "call delete <ID>", call_delete_run, "delete a call that has ended, with its turns, events and recording", 0 },
	{ "call hangup <ID>", call_hangup_run, "end a call that is going on", 0 },

	{ "stats [--since <time>] [--by <word>]", stats_run, "calls counted and added up, by day, agent or number; without --by all together", 0 },

	{ "db init", db_init_run, "make the database with a default account, agent and templates; of what exists nothing is changed", 0 },
	{ "db check", db_check_run, "read every record, verify every table", 0 },
	{ "db stat", db_stat_run, "records, cache, locks, log, space", 0 },
	{ "db purge [--older-than <time>]", db_purge_run, "delete calls older than that, or than OFFHOOK_RETENTION_DAYS, with all that belongs to them; 90d, 4w, or a date", 0 },
	{ "sim call [<option>...]", sim_call_run, "a simulated call to this installation; options are those of `offhook-sim phone --help`", CMD_RAW },

	{ "db-touch <home> <keyfile>", db_touch_run, "open and close the database, so that it recovers if somebody died", CMD_HIDDEN | CMD_BARE },
	{ "housekeeping", housekeeping_run, "the part of `serve` that looks after the database", CMD_HIDDEN },

	{ "help [<noun>]", help_run, "this text, or that of one noun", CMD_BARE },
};
const size_t commands_n = sizeof commands / sizeof *commands;
