/*
 * store - the Berkeley DB environment that all programs of a host share. The only file with <db.h> is store.c (and the files store_*.c beside
 * it that it is split into). One open environment per process, opened after any fork, closed on every exit path.
 *
 * A process killed at any moment must not hang or corrupt the others: opened with DB_REGISTER|DB_RECOVER, time-outs told from deadlocks,
 * a sentinel thread, a helper that opens and closes when a call is stuck. See docs/store.md.
 *
 * ERR_RECOVER from any call means: somebody died, the environment was recovered, this handle is worthless.
 *   a worker finishes its request on a second handle (store_reopen) and leaves with exit code 75 (STORE_EXIT);
 *   the CLI opens again and repeats; the relay leaves its store thread behind and starts another.
 */
#ifndef OFFHOOK_STORE_H
#define OFFHOOK_STORE_H

#include "base/buf.h"

#define STORE_EXIT 75

struct store;
struct txn;                          /* lives inside a body only */

struct store_options {
	const char *home;            /* directory of the environment, made if missing (0770) */
	const char *key_file;        /* 32 bytes, made if missing (0600) */
	const char *helper;          /* program that opens and closes the environment: argv[0] of "HELPER db-touch HOME"; NULL = fork-free in-process reopen is not possible, so calls just time out */
	bool sentinel;               /* run the lock-expiry thread (every program but the short-lived CLI reads) */
	bool sentinel_exits;         /* on recovery by somebody else the sentinel calls on_recover */
	void (*on_recover)(void *arg);      /* from the sentinel thread; a worker notes it and leaves after the request in hand; may be NULL */
	void *arg;
	bool create;                 /* false: ERR_NOTFOUND when there is no environment yet */
};

enum err store_open(struct store **out, const struct store_options *o);
void store_close(struct store *s);                    /* NULL is fine. After ERR_RECOVER: only stops the sentinel and leaks, as the library demands */
void store_abandon(struct store *s);                  /* a thread is stuck inside: leave everything as it is, forget the sentinel */
enum err store_reopen(struct store **s);              /* after ERR_RECOVER: a second handle beside the abandoned one; same options */
bool store_recovered(const struct store *s);          /* somebody has recovered since we opened: st_nlink of our region descriptor is 0. Any thread */
enum err store_helper(const struct store_options *o); /* spawn the helper once (opens and closes; triggers recovery if somebody died); waits at most 2 s */
int store_helper_main(const char *home, const char *key_file);      /* what "db-touch" runs: exit code */

enum durability { DURABLE, EVENTUAL };                /* DB_TXN_SYNC; DB_TXN_WRITE_NOSYNC (survives kill -9, not power loss) */

/* Runs body in a transaction, again after deadlock or lock time-out (which also calls the helper once). body resets its results first, has no
 * other effect, does no I/O, holds no locks, is short. Results: body's own error, or ERR_BUSY, ERR_FULL, ERR_RECOVER, ERR_IO. */
enum err store_txn(struct store *s, enum durability d, enum err (*body)(struct txn *, void *), void *arg);
enum err store_read(struct store *s, enum err (*body)(struct txn *, void *), void *arg);     /* the same, read only, nothing logged */

/* Housekeeping, for one process: checkpoint, log flush, free space, purge. */
enum err store_checkpoint(struct store *s);
enum err store_flush(struct store *s);                /* log_flush: EVENTUAL commits are on disk */
enum err store_check(struct store *s, struct buf *report);            /* verifies every table; ERR_CORRUPT with a report */
enum err store_stat(struct store *s, struct buf *json);               /* tables, records, cache, locks, log, recoveries: one JSON object */

/* Tables, for the files of this folder only: raw bytes by key; lists walk an index. Keys are at most 512 bytes, big-endian numbers inside. */
enum table {
	T_META, T_ACCOUNT, T_AGENT, T_TEMPLATE, T_NUMBER, T_TOOL, T_CALL, T_TURN, T_EVENT, T_TICKET, T_COUNT
};
enum err txn_get(struct txn *t, enum table tab, struct span key, struct buf *out);       /* ERR_NOTFOUND */
enum err txn_get_for_update(struct txn *t, enum table tab, struct span key, struct buf *out);
enum err txn_put(struct txn *t, enum table tab, struct span key, struct span data);
enum err txn_add(struct txn *t, enum table tab, struct span key, struct span data);      /* ERR_EXISTS */
enum err txn_del(struct txn *t, enum table tab, struct span key);                        /* ERR_NOTFOUND */
struct store *txn_store(struct txn *t);

#endif
