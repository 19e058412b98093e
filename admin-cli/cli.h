/*
 * cli - what every command works with: settings, output that is printed when all is done, the reason of a failure, the store.
 * The store is opened at the first use and closed before the end; while it is open the signals that end a program wait, since a process that
 * dies inside costs everybody a recovery.
 */
#ifndef OFFHOOK_CLI_H
#define OFFHOOK_CLI_H

#include "commands.h"
#include "settings.h"
#include "store/store.h"

struct cli {
	struct settings cf;
	bool json;
	struct buf out;            /* goes to standard output at the end, also after a failure */
	struct buf why;            /* "what: why" of the failure */
	bool said;                 /* the failure has been told already */
	struct store *store;       /* open; NULL: not yet */
	const struct args *args;
};

/* Remembers why; the first reason counts. Returns e. */
enum err cli_fail(struct cli *c, enum err e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The program: reads words and settings, runs the command; the exit code. */
int cli_main(int argc, char **argv);

enum cli_access { CLI_READ, CLI_WRITE };
/* Runs body in a transaction, again in a newly opened environment when somebody has recovered it. */
enum err cli_txn(struct cli *c, enum cli_access access, enum err (*body)(struct txn *, void *), void *arg);
enum err cli_open(struct cli *c, bool create);      /* for what is no transaction: c->store */
void cli_close(struct cli *c);             /* signals that came meanwhile end the program here */
enum err cli_print(struct cli *c);         /* what is in `out`, now; for output that follows something. ERR_CLOSED: nobody reads it */

/* The data directory has one owner: root becomes that user, another user is refused with the command to use. */
enum err owner_become(struct cli *c, const char *data_dir);

/* The commands, by file. */
enum err help_run(struct cli *c, const struct args *a);
enum err serve_run(struct cli *c, const struct args *a);
enum err housekeeping_run(struct cli *c, const struct args *a);
enum err status_run(struct cli *c, const struct args *a);
enum err db_init_run(struct cli *c, const struct args *a);
enum err db_check_run(struct cli *c, const struct args *a);
enum err db_stat_run(struct cli *c, const struct args *a);
enum err db_purge_run(struct cli *c, const struct args *a);
enum err stats_run(struct cli *c, const struct args *a);
enum err db_touch_run(struct cli *c, const struct args *a);
enum err passwd_run(struct cli *c, const struct args *a);
enum err sim_call_run(struct cli *c, const struct args *a);
enum err noun_list_run(struct cli *c, const struct args *a);
enum err noun_show_run(struct cli *c, const struct args *a);
enum err noun_create_run(struct cli *c, const struct args *a);
enum err noun_set_run(struct cli *c, const struct args *a);
enum err noun_delete_run(struct cli *c, const struct args *a);
enum err noun_export_run(struct cli *c, const struct args *a);
enum err noun_import_run(struct cli *c, const struct args *a);
enum err agent_default_run(struct cli *c, const struct args *a);
enum err agent_clone_run(struct cli *c, const struct args *a);
enum err agent_history_run(struct cli *c, const struct args *a);
enum err agent_config_run(struct cli *c, const struct args *a);
enum err call_list_run(struct cli *c, const struct args *a);
enum err call_show_run(struct cli *c, const struct args *a);
enum err call_transcript_run(struct cli *c, const struct args *a);
enum err call_events_run(struct cli *c, const struct args *a);
enum err call_explain_run(struct cli *c, const struct args *a);
enum err call_export_run(struct cli *c, const struct args *a);
enum err call_delete_run(struct cli *c, const struct args *a);
enum err call_follow_run(struct cli *c, const struct args *a);
enum err call_hangup_run(struct cli *c, const struct args *a);

#endif
