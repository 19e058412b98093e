/*
 * store_thread - the relay's only user of the store: jobs in through a locked queue, answers out through the worker's ev_async. The thread is expendable:
 * when a call is stuck for 2 s a helper is spawned, and when somebody recovered, a stuck thread is left behind with its handles and a new one replays the
 * queue from the first unconfirmed job (docs/store.md, engineering notes in docs/relay.md). Jobs are repeatable: same key, same value.
 * Order: jobs of one call are done in the order given. EVENTUAL jobs that wait are put into one transaction; flushed to disk at least once a second.
 * Bound: above STORE_QUEUE_MAX bytes optional jobs (events) are dropped and counted, never turns, outcomes or records.
 */
#ifndef OFFHOOK_STORE_THREAD_H
#define OFFHOOK_STORE_THREAD_H

#include "media-relay/session.h"
#include "media-relay/setup.h"

struct store_thread;
struct worker;

enum store_answer_kind { SA_SETUP, SA_ADMIT, SA_OUTCOME, SA_ORPHAN };

struct store_answer {                   /* delivered in the worker's thread, in order */
	enum store_answer_kind kind;
	uint8_t session_id[16];
	uint64_t tag;                   /* as given with the job: tells a late answer from a current one */
	enum err err;
	struct setup *setup;            /* SA_SETUP: the receiver's */
	char why[200];
	struct store_answer *next;
};

enum err store_thread_start(struct store_thread **out, const struct settings *cf, const char *helper);
void store_thread_stop(struct store_thread *t);         /* finishes what waits, at most 5 s */

/* From worker threads. deliver() is called in the store thread and must only queue and wake (worker_post). */
typedef void store_deliver(void *worker, struct store_answer *a);
void store_load(struct store_thread *t, const uint8_t id[16], uint64_t tag, store_deliver *d, void *worker);
void store_admit(struct store_thread *t, const uint8_t id[16], uint64_t tag, struct span token, struct span call_sid, struct span stream_sid, store_deliver *d, void *worker);
void store_save_call(struct store_thread *t, const uint8_t id[16], uint64_t tag, const struct call_changes *c, bool outcome, store_deliver *d, void *worker);
void store_save_turn(struct store_thread *t, const uint8_t id[16], const struct turn *u);
void store_save_event(struct store_thread *t, const uint8_t id[16], const struct event *e);

/* After a start: calls of a dead predecessor that nobody continues within 30 s end with relay_lost or stream_failed. */
void store_end_orphans(struct store_thread *t);

struct store_thread_view { size_t queued_jobs, queued_bytes; uint64_t done, dropped, recoveries; int64_t oldest_ms; };
void store_thread_view(const struct store_thread *t, struct store_thread_view *out);      /* any thread */
bool store_thread_healthy(const struct store_thread *t);

#endif
