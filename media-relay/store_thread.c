/* store_thread - batches, trouble, the thread. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "media-relay/audio.h"
#include "media-relay/prompt.h"
#include "media-relay/metrics.h"
#include "media-relay/store_thread_io.h"

#define BATCH_MAX     128
#define FLUSH_MS      1000
#define SPACE_MS      10000
#define RETRY_MS      200
#define URGENT_MS     2000             /* a load or an admission that cannot be done by then is answered with the error */
#define STOP_MS       5000
#define ORPHANS_MS    30000
#define SLOW_MS       3000
#define LOOK_MS       100              /* for a recovery by somebody else: the next announcement must not pay for opening the store */

/* --- transactions --- */

struct batch {
	struct store_thread *t;
	struct job *jobs[BATCH_MAX];
	size_t n;
	struct job *load;               /* it goes alone */
	bool durable;
};

static enum err batch_body(struct txn *txn, void *arg)
{
	struct batch *b = arg;

	for (size_t i = 0; i < b->n; i++) {
		enum err e = job_apply(txn, b->jobs[i], b->t->instance);

		if (e)
			return e;
	}
	return ERR_OK;
}

struct load {
	struct store_thread *t;
	struct job *j;
	struct buf why;
};

static enum err load_body(struct txn *txn, void *arg)
{
	struct load *l = arg;
	struct job *j = l->j;

	setup_free(j->setup);
	j->setup = NULL;
	buf_reset(&l->why);
	j->err = setup_load(&j->setup, txn, atomic_load(&l->t->settings), span_z(j->id_text), &l->why);
	return err_repeats(j->err) ? j->err : ERR_OK;
}

/* After the transaction: files are not read inside of one. */
static void load_prompt(const struct store_thread *t, struct setup *set)
{
	struct buf b = BUF_BOUND(PROMPT_MAX_MS * AUDIO_BYTES_MS + 1);

	prompt_load(&b, atomic_load(&t->settings)->data_dir, set->language);
	set->prompt_n = b.err ? 0 : b.n;
	set->prompt = set->prompt_n ? (uint8_t *)buf_take(&b) : NULL;
	buf_fini(&b);
}

static enum err load_run(struct store_thread *t, struct job *j)
{
	struct load l = { t, j, BUF_BOUND(4096) };
	enum err e = store_read(t->store, load_body, &l);

	if (!e && j->setup)
		load_prompt(t, j->setup);
	span_copy(j->why, sizeof j->why, span_head(buf_span(&l.why), sizeof j->why - 1));
	buf_fini(&l.why);
	return e;
}

/* The first jobs of a queue that go into one transaction; a load goes alone. */
static void batch_take(struct store_thread *t, struct queue *q, size_t most, struct batch *b)
{
	*b = (struct batch){ .t = t };
	pthread_mutex_lock(&t->lock);
	for (struct job *j = q->first; j && b->n < most; j = j->next) {
		if (j->kind == JOB_LOAD && b->n)
			break;
		b->jobs[b->n++] = j;
		b->durable = b->durable || j->outcome;
		if (j->kind == JOB_LOAD) {
			b->load = j;
			break;
		}
	}
	pthread_mutex_unlock(&t->lock);
}

static enum err batch_run(struct store_thread *t, struct batch *b)
{
	int64_t begun = clock_us();
	enum err e;

	if (!t->store)
		return ERR_RECOVER;
	if (b->load)
		e = load_run(t, b->load);
	else
		e = store_txn(t->store, b->durable ? DURABLE : EVENTUAL, batch_body, b);
	if (t->metrics)
		metrics_observe(t->metrics, M_STORE, (uint64_t)(clock_us() - begun));
	return e;
}

/* --- trouble --- */

static void reopen(struct store_thread *t)
{
	enum err e = t->store ? store_reopen(&t->store) : store_open(&t->store, &t->opt);

	if (e) {
		log_error("store.open", "error=%s", err_name(e));
		t->retry_at = clock_ms() + RETRY_MS;
		return;
	}
	pthread_mutex_lock(&t->lock);
	t->view.recoveries++;
	pthread_mutex_unlock(&t->lock);
	log_warn("store.reopened", "recoveries=%llu", (unsigned long long)t->view.recoveries);
}

static void trouble(struct store_thread *t, enum err e)
{
	if (e == ERR_RECOVER) {
		reopen(t);
		return;
	}
	if (e != t->said)
		log_error("store.waits", "error=%s text=%s", err_name(e), log_q(span_z(err_text(e))));
	t->said = e;
	t->retry_at = clock_ms() + RETRY_MS;
}

/* Those who wait for an answer are not left without one for ever. */
static bool give_up(struct batch *b, enum err e)
{
	struct job *j = b->jobs[0];

	if (!j || (j->kind != JOB_LOAD && j->kind != JOB_ADMIT) || clock_ms() - j->asked_ms < URGENT_MS)
		return false;
	j->err = e;
	snprintf(j->why, sizeof j->why, "%s", err_text(e));
	return true;
}

/* A call that was loaded is ours: the next relay must not take it for an orphan. */
static void claim(struct store_thread *t, const struct batch *b)
{
	struct job *c = b->load && !b->load->err ? job_new(JOB_CLAIM, b->load->id) : NULL;

	if (c)
		queue_submit(t, c);
}

static void serve(struct store_thread *t, struct queue *q, size_t most)
{
	struct batch b;
	enum err e;

	batch_take(t, q, most, &b);
	e = batch_run(t, &b);
	if (e == ERR_BUSY && b.n > 1) {                  /* a smaller bite */
		batch_take(t, q, 1, &b);
		e = batch_run(t, &b);
	}
	if (e && !give_up(&b, e)) {
		trouble(t, e);
		return;
	}
	if (!e) {
		t->said = ERR_OK;
		t->retry_at = 0;
		if (!b.durable && !b.load && !t->flush_at)
			t->flush_at = clock_ms() + FLUSH_MS;
	}
	claim(t, &b);
	queue_confirm(t, q, b.n);
}

/* --- the thread --- */

static void chores(struct store_thread *t, int64_t now)
{
	enum space_level space = SPACE_OK;
	enum err e;

	if (now >= t->retry_at && (!t->store || store_recovered(t->store)))
		reopen(t);
	if (t->flush_at && now >= t->flush_at && t->store) {
		e = store_flush(t->store);
		t->flush_at = e && e != ERR_RECOVER ? now + FLUSH_MS : 0;
		if (e)
			trouble(t, e);
	}
	if (now >= t->space_at && t->store && store_space(t->store, &space) == ERR_OK) {
		pthread_mutex_lock(&t->lock);
		t->view.space = space;
		pthread_mutex_unlock(&t->lock);
	}
	if (now >= t->space_at)
		t->space_at = now + SPACE_MS;
	pthread_mutex_lock(&t->lock);
	bool due = t->orphans_at && now >= t->orphans_at;
	pthread_mutex_unlock(&t->lock);
	if (due)
		orphans_run(t);
}

static int64_t next_due(const struct store_thread *t, int64_t now)
{
	const int64_t at[] = { t->flush_at, t->space_at, t->orphans_at, t->retry_at > now ? t->retry_at : 0 };
	int64_t due = now + LOOK_MS;

	for (size_t i = 0; i < sizeof at / sizeof *at; i++)
		if (at[i] && at[i] < due)
			due = at[i];
	return due;
}

static void wait_until(struct store_thread *t, int64_t ms)
{
	struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000L };

	pthread_cond_timedwait(&t->wake, &t->lock, &ts);
}

/* The queue to serve now; NULL: none for the moment. Called with the lock held. */
static struct queue *ready(struct store_thread *t, int64_t now)
{
	if (t->retry_at > now)
		return NULL;
	return t->urgent.first ? &t->urgent : t->normal.first ? &t->normal : NULL;
}

static bool finished(const struct store_thread *t, int64_t now)
{
	return t->stopping && (now >= t->stop_by || (!t->urgent.first && !t->normal.first));
}

static void *thread_main(void *arg)
{
	struct store_thread *t = arg;

	for (;;) {
		int64_t now = clock_ms();
		struct queue *q;

		chores(t, now);
		pthread_mutex_lock(&t->lock);
		if (finished(t, now))
			break;
		q = ready(t, now);
		if (!q && !(t->stopping && t->retry_at <= now))
			wait_until(t, next_due(t, now));
		pthread_mutex_unlock(&t->lock);
		if (q)
			serve(t, q, q == &t->urgent ? 1 : BATCH_MAX);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

/* --- life --- */

static void thread_free(struct store_thread *t)
{
	size_t left = queue_drop(&t->urgent) + queue_drop(&t->normal);

	if (left)
		log_error("store.stopped", "jobs_left=%zu", left);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	free(t->home);
	free(t->key_file);
	free(t->helper);
	free(t);
}

static struct store_thread *thread_new(const struct settings *cf, const char *helper, struct metrics *m)
{
	struct store_thread *t = calloc(1, sizeof *t);
	pthread_condattr_t at;

	if (!t)
		return NULL;
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&at);
	pthread_condattr_setclock(&at, CLOCK_MONOTONIC);
	pthread_cond_init(&t->wake, &at);
	pthread_condattr_destroy(&at);
	queue_init(&t->urgent);
	queue_init(&t->normal);
	atomic_store(&t->settings, cf);
	t->metrics = m;
	t->home = span_dup(span_z(cf->db_dir));
	t->key_file = span_dup(span_z(cf->secret_key_file));
	t->helper = helper ? span_dup(span_z(helper)) : NULL;
	t->opt = (struct store_options){ .home = t->home, .key_file = t->key_file, .helper = t->helper, .sentinel = true, .create = true };
	instance_make(t->instance);
	return t;
}

enum err store_thread_start(struct store_thread **out, const struct settings *cf, const char *helper, struct metrics *m)
{
	struct store_thread *t = thread_new(cf, helper, m);
	enum err e = t && t->home && t->key_file ? store_open(&t->store, &t->opt) : ERR_NOMEM;

	if (!e && pthread_create(&t->thread, NULL, thread_main, t) != 0)
		e = ERR_NOMEM;
	if (!e) {
		*out = t;
		return ERR_OK;
	}
	if (t) {
		store_close(t->store);
		thread_free(t);
	}
	return e;
}

void store_thread_settings(struct store_thread *t, const struct settings *cf)
{
	atomic_store(&t->settings, cf);
}

void store_end_orphans(struct store_thread *t)
{
	pthread_mutex_lock(&t->lock);
	t->orphans_at = clock_ms() + ORPHANS_MS;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
}

void store_thread_stop(struct store_thread *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	t->stopping = true;
	t->stop_by = clock_ms() + STOP_MS;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	if (t->store && !store_recovered(t->store))
		store_flush(t->store);
	store_close(t->store);
	thread_free(t);
}

void store_thread_view(struct store_thread *t, struct store_thread_view *out)
{
	int64_t now = clock_ms();

	pthread_mutex_lock(&t->lock);
	*out = t->view;
	out->oldest_ms = 0;
	if (t->urgent.first)
		out->oldest_ms = now - t->urgent.first->asked_ms;
	if (t->normal.first && now - t->normal.first->asked_ms > out->oldest_ms)
		out->oldest_ms = now - t->normal.first->asked_ms;
	pthread_mutex_unlock(&t->lock);
}

bool store_thread_healthy(struct store_thread *t)
{
	struct store_thread_view v;

	store_thread_view(t, &v);
	return v.oldest_ms < SLOW_MS;
}
