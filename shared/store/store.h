/*
 * store - the Berkeley DB environment that all programs of a host share. Only the files store_*.c beside this one see <db.h>.
 * One open environment per process, opened after any fork, closed on every exit path.
 *
 * A process killed at any moment must not hang or corrupt the others: opened with DB_REGISTER|DB_RECOVER, time-outs told from deadlocks,
 * a sentinel thread, a helper that opens and closes when a call is stuck. See docs/store.md.
 *
 * Every call into the library runs in a thread of the store's own, which can be left behind. So each function here comes back, whatever
 * became of the others: within about a second when a peer died, with ERR_TIMEOUT after STORE_LIMIT_MS when the disk does not answer.
 *
 * ERR_RECOVER from any call means: somebody died, the environment was recovered, this handle is worthless.
 *   a worker finishes its request on a second handle (store_reopen) and leaves with exit code 75 (STORE_EXIT);
 *   the CLI opens again and repeats; the relay leaves its store thread behind and starts another, or reopens in the same thread.
 */
#ifndef OFFHOOK_STORE_H
#define OFFHOOK_STORE_H

#include "base/buf.h"

#define STORE_EXIT     75
#define STORE_LIMIT_MS 10000         /* a transaction that is not through by then is ERR_BUSY (locks) or ERR_TIMEOUT (library or disk) */

struct store;
struct txn;                          /* lives inside a body only */

struct store_options {
	const char *home;            /* directory of the environment, made if missing (0770) */
	const char *key_file;        /* 32 bytes, made if missing (0600) */
	const char *helper;          /* program run as "HELPER db-touch HOME KEYFILE", which calls store_helper_main(); NULL: a dead peer's locks just time out */
	bool sentinel;               /* run the lock-expiry thread: everybody who reads or writes wants it */
	bool sentinel_exits;         /* on recovery by somebody else: on_recover, or _exit(STORE_EXIT) when there is none */
	void (*on_recover)(void *arg);      /* from the sentinel thread; a worker notes it and leaves after the request in hand; may be NULL */
	void *arg;
	bool create;                 /* false: ERR_NOTFOUND when there is no environment yet */
	bool hold_signals;           /* from open to close SIGINT, SIGTERM and SIGHUP wait (short-lived programs): see store_interrupted */
};

enum err store_open(struct store **out, const struct store_options *o);
void store_close(struct store *s);                    /* NULL is fine. After ERR_RECOVER: only stops the sentinel and leaks, as the library demands */
void store_abandon(struct store *s);                  /* leave everything as it is, stop the sentinel, forget the handle */
enum err store_reopen(struct store **s);              /* after ERR_RECOVER: a second handle beside the abandoned one; same options */
bool store_recovered(const struct store *s);          /* somebody has recovered since we opened: st_nlink of our region descriptor is 0. Any thread */
bool store_interrupted(const struct store *s);        /* one of the held signals is waiting: stop between two transactions */
enum err store_helper(const struct store_options *o); /* spawn the helper once (opens and closes; triggers recovery if somebody died); waits at most 2 s */
int store_helper_main(const char *home, const char *key_file);      /* what "db-touch" runs: exit code */

enum durability { DURABLE, EVENTUAL };                /* DB_TXN_SYNC; DB_TXN_WRITE_NOSYNC (survives kill -9, not power loss) */

/* Runs body in a transaction, again after deadlock or lock time-out (which also calls the helper once). body resets its results first, has no
 * other effect, does no I/O, holds no locks, is short. It runs in a thread of the store while the caller waits. A body that is left behind
 * in the library never runs on. Results: body's own error, or ERR_BUSY, ERR_TIMEOUT, ERR_FULL, ERR_RECOVER, ERR_IO. */
enum err store_txn(struct store *s, enum durability d, enum err (*body)(struct txn *, void *), void *arg);
enum err store_read(struct store *s, enum err (*body)(struct txn *, void *), void *arg);     /* the same, read only, nothing logged */

/* Housekeeping, for one process: checkpoint, log flush, free space, purge. */
enum err store_checkpoint(struct store *s);
enum err store_flush(struct store *s);                /* log_flush: EVENTUAL commits are on disk */
enum err store_check(struct store *s, struct buf *report);            /* reads every record and verifies a copy of every table; ERR_CORRUPT with a report */
enum err store_stat(struct store *s, struct buf *json);               /* tables, records, cache, locks, log, space: one JSON object */
enum err store_compact(struct store *s, unsigned *pages);             /* gives free pages back to the file system, in small steps */
enum err store_backup(struct store *s, const char *dir);              /* a copy while others write; dir is made, and emptied first */

/* Free space where the environment lies. LOW: no recordings, no optional events. VERY_LOW: new calls are refused. LAST: the reserve file goes. */
enum space_level { SPACE_OK, SPACE_LOW, SPACE_VERY_LOW, SPACE_LAST };
enum err store_space(const struct store *s, enum space_level *level); /* one statvfs; any thread */
enum err space_of(const char *dir, enum space_level *level);          /* the same of another directory */
/* Housekeeping, every 10 s: the level; keeps the reserve file, or gives it up (with a checkpoint and a log line) when nothing else is left. */
enum err store_space_keep(struct store *s, enum space_level *level);
const char *space_name(enum space_level level);                       /* "ok" "low" "very_low" "last" */

/* Tables, for the files of this folder only: raw bytes by key; lists walk an index. Keys are at most 512 bytes, big-endian numbers inside. */
enum table {
	T_META, T_ACCOUNT, T_AGENT, T_TEMPLATE, T_NUMBER, T_TOOL, T_CALL, T_TURN, T_EVENT, T_TICKET, T_HISTORY, T_SPEND, T_POST, T_COUNT
};
enum err txn_get(struct txn *t, enum table tab, struct span key, struct buf *out);       /* ERR_NOTFOUND */
enum err txn_get_for_update(struct txn *t, enum table tab, struct span key, struct buf *out);
enum err txn_put(struct txn *t, enum table tab, struct span key, struct span data);
enum err txn_add(struct txn *t, enum table tab, struct span key, struct span data);      /* ERR_EXISTS */
enum err txn_del(struct txn *t, enum table tab, struct span key);                        /* ERR_NOTFOUND */
struct store *txn_store(struct txn *t);
struct seal_key;
const struct seal_key *store_key(const struct store *s);

#endif
