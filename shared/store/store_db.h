/* store_db - what the files store_*.c share; only they include this header, and with it <db.h>. */
#ifndef OFFHOOK_STORE_DB_H
#define OFFHOOK_STORE_DB_H

#include <db.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "store/seal.h"
#include "store/store.h"
#include "store/walk.h"

struct store {
	struct store_options o;              /* texts are ours */
	struct seal_key key;
	DB_ENV *env;
	DB *table[T_COUNT], *index[X_COUNT];
	int region_fd;                       /* of HOME/__db.001: st_nlink 0 means that somebody has recovered */
	atomic_bool open;                    /* the environment is */
	atomic_bool dead;                    /* the handle is worthless: recovered by somebody, or panicked */
	_Atomic int64_t full_said_ms;        /* when a full disk was complained about; 0: not yet */
	atomic_uint inside;                  /* threads left behind that have not come out again */
	pthread_mutex_t lock;                /* of the two members below */
	pthread_cond_t changed;
	struct runner *idle;
	bool closing, watching;
	pthread_t sentinel;
	bool signals_held;
	sigset_t signals;                    /* as they were before hold_signals */
	struct store *next;                  /* of all stores of this process */
};

/* One open cursor; a chain, since a row of one walk may start another. */
struct cursor {
	DBC *c;
	struct cursor *outer;
};

struct txn {
	struct store *st;
	struct runner *r;
	DB_TXN *db;
	struct cursor *cursors;
	enum err failed;                     /* ERR_BUSY or ERR_RECOVER came up: nothing can be committed any more */
	bool timed_out;                      /* a lock, rather than a deadlock */
};

/*
 * A runner is a thread for calls into the library. While it is between lib_enter and lib_leave its caller may leave it behind; then
 * lib_leave does not return: the transaction is given up and the thread ends. So between the two no memory of the caller is touched.
 */
struct runner;
typedef enum err job_fn(struct runner *, void *arg);
enum err run(struct store *s, job_fn *fn, void *arg, unsigned limit_ms);      /* 0 = no limit */
void run_stop(struct store *s);                                               /* the idle ones end */
struct store *runner_store(struct runner *r);
void lib_enter(struct runner *r);
void lib_leave(struct runner *r);
void lib_txn(struct runner *r, struct txn *t);                                /* what to give up when left behind; NULL = nothing */
int64_t mono_ms(void);                                                        /* the real clock, also when a test has set ours */

enum err db_err(struct store *s, int e, const char *what);
void txn_failed(struct txn *t, int e);
void cursors_close(struct txn *t);

enum err tables_open(struct runner *r);
int tables_close(struct store *s);           /* DB_RUNRECOVERY: the environment must not be closed any more */
const char *table_name(enum table t);
const char *index_name(enum index x);
enum table index_table(enum index x);

void nap_ms(unsigned ms);

enum err sentinel_start(struct store *s);
bool sentinel_stop(struct store *s);         /* false: it is stuck in a region that was given up */

enum err env_open(struct runner *r);
int regions_reserve(const struct store *s);  /* 0 or errno */
bool env_helper_soon(struct store *s);       /* runs the helper unless that was done a moment ago */

#endif
