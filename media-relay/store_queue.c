/* store_queue - jobs in, answers out: what worker threads call, and the two queues they fill. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "media-relay/store_thread_io.h"

/* --- the queue --- */

void queue_init(struct queue *q)
{
	q->first = NULL;
	q->last = &q->first;
}

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

/* Why there is no recording is said nowhere else. */
static bool optional(const struct job *j)
{
	return j->kind == JOB_EVENT && !span_starts(span_z(j->u.event.event_type), SPAN("recording."));
}

static bool droppable(const struct store_thread *t, const struct job *j)
{
	return optional(j) && (t->view.queued_bytes + j->bytes > STORE_QUEUE_MAX || t->view.space >= SPACE_LOW);
}

void queue_submit(struct store_thread *t, struct job *j)
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
	queue_submit(t, j);
}

/* The ticket is used by this one attempt: a job that is repeated says the same word again, a `start` that is replayed to the byte does not. */
static bool name_attempt(char *out, size_t cap, struct span stream_sid)
{
	uint64_t nonce;

	if (random_bytes(&nonce, sizeof nonce))
		return false;
	return snprintf(out, cap, SPAN_FMT " %016llx", SPAN_ARG(stream_sid), (unsigned long long)nonce) < (int)cap;
}

void store_admit(struct store_thread *t, const uint8_t id[16], uint64_t tag, struct span token, struct span call_sid, struct span stream_sid,
		 store_deliver *d, void *worker)
{
	struct job *j = job_new(JOB_ADMIT, id);

	if (!j || !name_attempt(j->u.admit.attempt, sizeof j->u.admit.attempt, stream_sid)) {
		lost("admit", id);
		job_free(j);
		return;
	}
	j->tag = tag;
	j->deliver = d;
	j->worker = worker;
	span_copy(j->u.admit.token, sizeof j->u.admit.token, token);
	span_copy(j->u.admit.call_sid, sizeof j->u.admit.call_sid, call_sid);
	j->u.admit.wall_ms = clock_wall_ms();
	queue_submit(t, j);
}

/* A copy that does not fit into memory is lost, and said to be: half a record would be worse. */
static void submit_whole(struct store_thread *t, struct job *j, bool whole, const char *kind, const uint8_t id[16])
{
	if (j && whole) {
		queue_submit(t, j);
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

	if (!j->deliver || (j->kind == JOB_CALL && !j->outcome && !j->has_budget))
		return;
	a = calloc(1, sizeof *a);
	if (!a) {
		lost("answer", j->id);
		return;
	}
	a->kind = j->kind == JOB_CALL && !j->outcome ? SA_BUDGET : kinds[j->kind];
	a->budget = j->budget;
	a->cost = j->kind == JOB_CALL ? j->u.call.cost : NAN;
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

void queue_confirm(struct store_thread *t, struct queue *q, size_t n)
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

size_t queue_drop(struct queue *q)
{
	size_t left = 0;

	for (; q->first; left++) {
		struct job *j = q->first;

		pop(q);
		job_free(j);
	}
	return left;
}
