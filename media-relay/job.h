/*
 * job - one piece of work for the store thread: what is asked, a copy of its data, and how it is applied inside a transaction. Repeatable: applying
 * a job twice leaves what applying it once does.
 */
#ifndef OFFHOOK_JOB_H
#define OFFHOOK_JOB_H

#include "media-relay/store_thread.h"

enum job_kind { JOB_LOAD, JOB_ADMIT, JOB_CALL, JOB_CLAIM, JOB_TURN, JOB_EVENT };

struct job {
	enum job_kind kind;
	uint8_t id[16];
	char id_text[37];
	uint64_t tag;
	store_deliver *deliver;
	void *worker;
	bool outcome;                           /* JOB_CALL: durable, answered */
	int64_t asked_ms;
	size_t bytes;
	union {
		struct call_changes call;       /* texts are ours */
		struct turn turn;
		struct event event;
		struct { char token[128], call_sid[64], attempt[96]; int64_t wall_ms; } admit;
	} u;
	enum err err;                           /* of this job alone, when its transaction went through */
	struct setup *setup;
	struct budget budget;                   /* JOB_CALL with a cost: what is left afterwards */
	bool has_budget;
	char why[200];
	struct job *next;
};

struct job *job_new(enum job_kind k, const uint8_t id[16]);      /* NULL: out of memory */
void job_free(struct job *j);
bool job_take_call(struct job *j, const struct call_changes *c);
bool job_take_turn(struct job *j, const struct turn *u);
bool job_take_event(struct job *j, const struct event *e);

/* Inside a write transaction. Errors that the whole transaction must be repeated for are returned, those of this job alone are left in j->err. */
enum err job_apply(struct txn *t, struct job *j, const char *instance);
bool err_repeats(enum err e);                                    /* busy, recovered, full, i/o, no memory: try again */

enum err job_change(struct call *c, const struct call_changes *ch);     /* what is not left at its NULL value */

/* Who has a call: "host:pid:start". */
void instance_make(char out[128]);
bool instance_dead(const char *instance);                        /* of this host, and gone */

#endif
