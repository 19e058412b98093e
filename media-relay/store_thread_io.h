/* store_thread_io - what the files of the store thread share (store_thread.c store_queue.c store_orphans.c); nobody else includes it. */
#ifndef OFFHOOK_STORE_THREAD_IO_H
#define OFFHOOK_STORE_THREAD_IO_H

#include <pthread.h>
#include <stdatomic.h>

#include "media-relay/job.h"

struct queue {
	struct job *first, **last;
};

struct store_thread {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct queue urgent, normal;
	struct store_thread_view view;          /* oldest_ms is made when asked */
	bool stopping;
	int64_t stop_by;
	_Atomic(const struct settings *) settings;
	/* the thread's own */
	struct store *store;
	struct store_options opt;
	char *home, *key_file, *helper;
	char instance[128];
	struct metrics *metrics;
	int64_t flush_at, space_at, orphans_at, retry_at;      /* 0: not due */
	enum err said;                          /* the trouble that was logged last */
};

/* store_queue.c */
void queue_init(struct queue *q);
void queue_submit(struct store_thread *t, struct job *j);                        /* takes j */
void queue_confirm(struct store_thread *t, struct queue *q, size_t n);           /* the first n are done: answered and freed */
size_t queue_drop(struct queue *q);                                              /* how many were left */

/* store_orphans.c */
void orphans_run(struct store_thread *t);

#endif
