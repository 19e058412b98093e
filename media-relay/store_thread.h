/*
 * store_thread - the relay's only user of the store: jobs in through a locked queue, answers out through the worker's queue. When a peer died and the
 * environment was recovered, the thread opens it anew and repeats what was not confirmed (store.h comes back from every call, whatever became of the
 * others). Jobs are repeatable: same key, same value.
 * Order: jobs of one call are done in the order given; loads and admissions of other calls go first. EVENTUAL jobs that wait are put into one
 * transaction; flushed to disk at least once a second.
 * Bound: above STORE_QUEUE_MAX bytes, or while the disk is nearly full, optional jobs (events) are dropped and counted, never turns, outcomes or records.
 * A full disk stops nothing: what waits is tried again until there is space.
 */
#ifndef OFFHOOK_STORE_THREAD_H
#define OFFHOOK_STORE_THREAD_H

#include "media-relay/session.h"
#include "media-relay/setup.h"

#define STORE_QUEUE_MAX ((size_t)64 << 20)

struct store_thread;
struct metrics;

enum store_answer_kind { SA_SETUP, SA_ADMIT, SA_OUTCOME, SA_BUDGET };

struct store_answer {                   /* queued for the worker's thread, in order */
	enum store_answer_kind kind;
	uint8_t session_id[16];
	uint64_t tag;                   /* as given with the job: tells a late answer from a current one */
	enum err err;
	struct setup *setup;            /* SA_SETUP: the receiver's */
	struct budget budget;           /* SA_BUDGET: what a cost that was saved has left of the limits, if there are any ... */
	double cost;                    /* ... which is this cost of the call */
	char why[200];
};

/* `m` (may be NULL) counts; `helper` is the program run as "HELPER db-touch HOME KEYFILE". Opens the store before it returns: an error is the store's. */
enum err store_thread_start(struct store_thread **out, const struct settings *cf, const char *helper, struct metrics *m);
void store_thread_settings(struct store_thread *t, const struct settings *cf);      /* for the next loads; must outlive the thread */
void store_thread_stop(struct store_thread *t);         /* finishes what waits, at most 5 s */

/* From worker threads. deliver() is called in the store thread and must only queue and wake. */
typedef void store_deliver(void *worker, struct store_answer *a);
void store_load(struct store_thread *t, const uint8_t id[16], uint64_t tag, store_deliver *d, void *worker);
void store_admit(struct store_thread *t, const uint8_t id[16], uint64_t tag, struct span token, struct span call_sid, struct span stream_sid, store_deliver *d, void *worker);
void store_save_call(struct store_thread *t, const uint8_t id[16], uint64_t tag, const struct call_changes *c, bool outcome, store_deliver *d, void *worker);
void store_save_turn(struct store_thread *t, const uint8_t id[16], const struct turn *u);
void store_save_event(struct store_thread *t, const uint8_t id[16], const struct event *e);

/* After a start: calls of a dead predecessor that nobody continues within 30 s end with relay_lost or stream_failed; looked for again every minute. */
void store_end_orphans(struct store_thread *t);

struct store_thread_view {
	size_t queued_jobs, queued_bytes;
	uint64_t done, dropped, recoveries;
	int64_t oldest_ms;              /* how long the oldest job has waited */
	enum space_level space;
};
void store_thread_view(struct store_thread *t, struct store_thread_view *out);      /* any thread */
bool store_thread_healthy(struct store_thread *t);

#endif
