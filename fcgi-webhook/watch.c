/* watch - see the header. Real time, not the clock that tests move. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "watch.h"

struct watch {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct timespec due;
	bool armed, fired, leave;
	void (*fire)(void *);
	void *arg;
};

static void *run(void *arg)
{
	struct watch *w = arg;

	pthread_mutex_lock(&w->lock);
	while (!w->leave) {
		int late = w->armed && !w->fired ? pthread_cond_timedwait(&w->wake, &w->lock, &w->due) : pthread_cond_wait(&w->wake, &w->lock);

		if (late == ETIMEDOUT && w->armed && !w->fired && !w->leave) {
			w->fired = true;
			w->fire(w->arg);
		}
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static int start_quietly(pthread_t *thread, void *(*body)(void *), void *arg)
{
	sigset_t all, before;
	int bad;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bad = pthread_create(thread, NULL, body, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return bad;
}

enum err watch_new(struct watch **out, void (*fire)(void *), void *arg)
{
	struct watch *w = calloc(1, sizeof *w);
	pthread_condattr_t monotonic;

	if (!w)
		return ERR_NOMEM;
	w->fire = fire;
	w->arg = arg;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (start_quietly(&w->thread, run, w)) {
		free(w);
		return ERR_NOMEM;
	}
	*out = w;
	return ERR_OK;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->leave = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void watch_begin(struct watch *w, int ms)
{
	struct timespec due;

	clock_gettime(CLOCK_MONOTONIC, &due);
	due.tv_sec += ms / 1000;
	due.tv_nsec += ms % 1000 * 1000000L;
	if (due.tv_nsec >= 1000000000L) {
		due.tv_sec++;
		due.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&w->lock);
	w->due = due;
	w->armed = true;
	w->fired = false;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

bool watch_end(struct watch *w)
{
	bool fired;

	pthread_mutex_lock(&w->lock);
	fired = w->fired;
	w->armed = false;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	return fired;
}
