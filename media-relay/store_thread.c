/* store_thread - the queue, the batches, the thread. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "media-relay/job.h"
#include "media-relay/metrics.h"
#include "store/call.h"

#define BATCH_MAX     128
#define FLUSH_MS      1000
#define SPACE_MS      10000
#define RETRY_MS      200
#define URGENT_MS     2000             /* a load or an admission that cannot be done by then is answered with the error */
#define STOP_MS       5000
#define ORPHANS_MS    30000
#define ORPHANS_AGAIN 60000
#define ORPHAN_AGE_MS 60000            /* a call that no relay has claimed may be just being announced */
#define SLOW_MS       3000

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

/* --- the queue --- */

static void push(struct queue *q, struct job *j)
{
	j->next = NULL;
	*q->last = j;
	q->last = &j->next;
}

static void pop(struct queue *q)
{
	q->first = q->first->next;
	if (!q->first)
		q->last = &q->first;
}

static bool has_call(const struct queue *q, const uint8_t id[16])
{
	for (const struct job *j = q->first; j; j = j->next)
		if (memcmp(j->id, id, 16) == 0)
			return true;
	return false;
}

/* What reads must see what the same call wrote before. */
static struct queue *queue_for(struct store_thread *t, const struct job *j)
{
	bool urgent = j->kind == JOB_LOAD || j->kind == JOB_ADMIT;

	return urgent && !has_call(&t->normal, j->id) ? &t->urgent : &t->normal;
}

static bool droppable(const struct store_thread *t, const struct job *j)
{
	return j->kind == JOB_EVENT && (t->view.queued_bytes + j->bytes > STORE_QUEUE_MAX || t->view.space >= SPACE_LOW);
}

static void submit(struct store_thread *t, struct job *j)
{
	pthread_mutex_lock(&t->lock);
	if (droppable(t, j)) {
		if (t->view.dropped++ == 0)
			log_warn("store.dropped", "kind=event");
		pthread_mutex_unlock(&t->lock);
		job_free(j);
		return;
	}
	push(queue_for(t, j), j);
	t->view.queued_jobs++;
	t->view.queued_bytes += j->bytes;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
}

static void lost(const char *kind, const uint8_t id[16])
{
	char text[UUID_TEXT];

	uuid_text(text, id);
	log_error("store.lost", "session=%s kind=%s error=nomem", text, kind);
}

void store_load(struct store_thread *t, const uint8_t id[16], uint64_t tag, store_deliver *d, void *worker)
{
	struct job *j = job_new(JOB_LOAD, id);

	if (!j) {
		lost("load", id);
		return;
	}
	j->tag = tag;
	j->deliver = d;
	j->worker = worker;
	submit(t, j);
}

void store_admit(struct store_thread *t, const uint8_t id[16], uint64_t tag, struct span token, struct span call_sid, struct span stream_sid,
		 store_deliver *d, void *worker)
{
	struct job *j = job_new(JOB_ADMIT, id);

	if (!j) {
		lost("admit", id);
		return;
	}
	j->tag = tag;
	j->deliver = d;
	j->worker = worker;
	span_copy(j->u.admit.token, sizeof j->u.admit.token, token);
	span_copy(j->u.admit.call_sid, sizeof j->u.admit.call_sid, call_sid);
	span_copy(j->u.admit.stream_sid, sizeof j->u.admit.stream_sid, stream_sid);
	j->u.admit.wall_ms = clock_wall_ms();
	submit(t, j);
}

/* A copy that does not fit into memory is lost, and said to be: half a record would be worse. */
static void submit_whole(struct store_thread *t, struct job *j, bool whole, const char *kind, const uint8_t id[16])
{
	if (j && whole) {
		submit(t, j);
		return;
	}
	lost(kind, id);
	job_free(j);
}

void store_save_call(struct store_thread *t, const uint8_t id[16], uint64_t tag, const struct call_changes *c, bool outcome, store_deliver *d,
		     void *worker)
{
	struct job *j = job_new(JOB_CALL, id);
	bool whole = j && job_take_call(j, c);

	if (j) {
		j->tag = tag;
		j->outcome = outcome;
		j->deliver = d;
		j->worker = worker;
	}
	submit_whole(t, j, whole, "call", id);
}

void store_save_turn(struct store_thread *t, const uint8_t id[16], const struct turn *u)
{
	struct job *j = job_new(JOB_TURN, id);

	submit_whole(t, j, j && job_take_turn(j, u), "turn", id);
}

void store_save_event(struct store_thread *t, const uint8_t id[16], const struct event *e)
{
	struct job *j = job_new(JOB_EVENT, id);

	submit_whole(t, j, j && job_take_event(j, e), "event", id);
}

/* --- answers --- */

static void answer(struct job *j)
{
	static const enum store_answer_kind kinds[] = { [JOB_LOAD] = SA_SETUP, [JOB_ADMIT] = SA_ADMIT, [JOB_CALL] = SA_OUTCOME };
	struct store_answer *a;

	if (!j->deliver || (j->kind == JOB_CALL && !j->outcome))
		return;
	a = calloc(1, sizeof *a);
	if (!a) {
		lost("answer", j->id);
		return;
	}
	a->kind = kinds[j->kind];
	memcpy(a->session_id, j->id, 16);
	a->tag = j->tag;
	a->err = j->err;
	a->setup = j->setup;
	j->setup = NULL;
	span_copy(a->why, sizeof a->why, span_z(j->why));
	j->deliver(j->worker, a);
}

static const char *kind_name(enum job_kind k)
{
	static const char *const names[] = { "load", "admit", "call", "claim", "turn", "event" };

	return names[k];
}

/* A token that does not fit is no trouble of the store's, a call that was deleted meanwhile neither. */
static void complain(const struct job *j)
{
	bool usual = !j->err || j->kind == JOB_LOAD || (j->kind == JOB_ADMIT && j->err == ERR_DENIED) || j->err == ERR_NOTFOUND;

	if (!usual)
		log_error("store.job", "session=%s kind=%s error=%s", j->id_text, kind_name(j->kind), err_name(j->err));
}

static void confirm(struct store_thread *t, struct queue *q, size_t n)
{
	struct job *done = NULL, **end = &done;

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < n; i++) {
		struct job *j = q->first;

		pop(q);
		t->view.queued_jobs--;
		t->view.queued_bytes -= j->bytes;
		t->view.done++;
		j->next = NULL;
		*end = j;
		end = &j->next;
	}
	pthread_mutex_unlock(&t->lock);
	while (done) {
		struct job *j = done;

		done = j->next;
		complain(j);
		answer(j);
		job_free(j);
	}
}

/* --- transactions --- */

struct batch {
	struct store_thread *t;
	struct job *jobs[BATCH_MAX];
	size_t n;
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

static enum err load_run(struct store_thread *t, struct job *j)
{
	struct load l = { t, j, BUF_BOUND(4096) };
	enum err e = store_read(t->store, load_body, &l);

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
		if (j->kind == JOB_LOAD)
			break;
	}
	pthread_mutex_unlock(&t->lock);
}

static enum err batch_run(struct store_thread *t, struct batch *b)
{
	int64_t begun = clock_us();
	enum err e;

	if (!t->store)
		return ERR_RECOVER;
	if (b->jobs[0]->kind == JOB_LOAD)
		e = load_run(t, b->jobs[0]);
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

	if ((j->kind != JOB_LOAD && j->kind != JOB_ADMIT) || clock_ms() - j->asked_ms < URGENT_MS)
		return false;
	j->err = e;
	snprintf(j->why, sizeof j->why, "%s", err_text(e));
	return true;
}

/* A call that was loaded is ours: the next relay must not take it for an orphan. */
static void claim(struct store_thread *t, const struct batch *b)
{
	struct job *j = b->jobs[0], *c;

	if (j->kind != JOB_LOAD || j->err)
		return;
	c = job_new(JOB_CLAIM, j->id);
	if (c)
		submit(t, c);
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
		if (!b.durable && b.jobs[0]->kind != JOB_LOAD && !t->flush_at)
			t->flush_at = clock_ms() + FLUSH_MS;
	}
	claim(t, &b);
	confirm(t, q, b.n);
}

/* --- calls that nobody has any more --- */

struct orphan {
	uint8_t id[16];
	bool talked;
	struct orphan *next;
};

struct orphans {
	struct store_thread *t;
	struct orphan *list;
	int64_t now;
};

static bool abandoned(const struct orphans *o, const struct call *c)
{
	if (c->relay && *c->relay)
		return instance_dead(c->relay);
	return c->started_at != FIELD_NULL_INT && o->now - c->started_at > ORPHAN_AGE_MS;
}

static bool orphan_each(struct call *c, void *arg)
{
	struct orphans *o = arg;
	struct orphan *p;

	if (!abandoned(o, c))
		return true;
	p = calloc(1, sizeof *p);
	if (!p || !uuid_parse(span_z(c->session_id), p->id)) {
		free(p);
		return p != NULL;
	}
	p->talked = c->connected_at != FIELD_NULL_INT;
	p->next = o->list;
	o->list = p;
	return true;
}

static void orphans_drop(struct orphans *o)
{
	while (o->list) {
		struct orphan *p = o->list;

		o->list = p->next;
		free(p);
	}
}

static enum err orphans_body(struct txn *txn, void *arg)
{
	orphans_drop(arg);
	return call_unfinished(txn, orphan_each, arg);
}

static void orphan_end(struct store_thread *t, const struct orphan *p, int64_t now)
{
	struct call_changes c = { .status = "error", .end_reason = end_text(p->talked ? END_RELAY_LOST : END_STREAM_FAILED),
				  .connected_at = FIELD_NULL_INT, .ended_at = now, .turns = FIELD_NULL_INT, .barge_ins = FIELD_NULL_INT,
				  .reconnects = FIELD_NULL_INT, .latency_p50_ms = FIELD_NULL_INT, .latency_p95_ms = FIELD_NULL_INT,
				  .turn_seq = FIELD_NULL_INT, .event_seq = FIELD_NULL_INT, .greeted = -1, .cost = (double)NAN };
	char text[UUID_TEXT];

	for (size_t i = 0; i < 7; i++)
		c.usage[i] = FIELD_NULL_INT;
	uuid_text(text, p->id);
	log_warn("call.orphan", "session=%s reason=%s", text, c.end_reason);
	store_save_call(t, p->id, 0, &c, true, NULL, NULL);
}

static void orphans_run(struct store_thread *t)
{
	struct orphans o = { .t = t, .now = clock_wall_ms() };

	pthread_mutex_lock(&t->lock);
	t->orphans_at = clock_ms() + ORPHANS_AGAIN;
	pthread_mutex_unlock(&t->lock);
	if (t->store && store_read(t->store, orphans_body, &o) == ERR_OK)
		for (const struct orphan *p = o.list; p; p = p->next)
			orphan_end(t, p, o.now);
	orphans_drop(&o);
}

/* --- the thread --- */

static void chores(struct store_thread *t, int64_t now)
{
	enum space_level space = SPACE_OK;
	enum err e;

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
	int64_t due = now + SPACE_MS;

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

static void drop_queue(struct queue *q, size_t *left)
{
	while (q->first) {
		struct job *j = q->first;

		pop(q);
		job_free(j);
		++*left;
	}
}

static void thread_free(struct store_thread *t)
{
	size_t left = 0;

	drop_queue(&t->urgent, &left);
	drop_queue(&t->normal, &left);
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
	t->urgent.last = &t->urgent.first;
	t->normal.last = &t->normal.first;
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
