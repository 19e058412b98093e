/* job - copies of what the loop wants written, and the writing itself. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/proc.h"
#include "media-relay/job.h"
#include "store/agent.h"
#include "store/call.h"
#include "store/spend.h"
#include "store/ticket.h"

#define CALL_TEXTS 7

struct job *job_new(enum job_kind k, const uint8_t id[16])
{
	struct job *j = fault("job.new") ? NULL : calloc(1, sizeof *j);

	if (!j)
		return NULL;
	j->kind = k;
	memcpy(j->id, id, 16);
	uuid_text(j->id_text, id);
	j->asked_ms = clock_ms();
	j->bytes = sizeof *j;
	return j;
}

static void call_texts(struct call_changes *c, const char **at[CALL_TEXTS])
{
	at[0] = &c->status;
	at[1] = &c->end_reason;
	at[2] = &c->error;
	at[3] = &c->resume;
	at[4] = &c->stream_sid;
	at[5] = &c->handover;
	at[6] = &c->recording;
}

void job_free(struct job *j)
{
	const char **at[CALL_TEXTS];

	if (!j)
		return;
	if (j->kind == JOB_CALL) {
		call_texts(&j->u.call, at);
		for (size_t i = 0; i < CALL_TEXTS; i++)
			free((char *)(uintptr_t)*at[i]);
	} else if (j->kind == JOB_TURN) {
		record_fini(&turn_type, &j->u.turn);
	} else if (j->kind == JOB_EVENT) {
		record_fini(&event_type, &j->u.event);
	}
	setup_free(j->setup);
	free(j);
}

bool job_take_call(struct job *j, const struct call_changes *c)
{
	const char **at[CALL_TEXTS];
	bool whole = true;

	j->u.call = *c;
	call_texts(&j->u.call, at);
	for (size_t i = 0; i < CALL_TEXTS; i++) {
		const char *from = *at[i];

		*at[i] = from ? span_dup(span_z(from)) : NULL;
		whole = whole && (*at[i] || !from);
	}
	return whole;
}

static size_t text_bytes(const struct record_type *rt, const void *rec)
{
	size_t n = 0;

	for (size_t i = 0; i < rt->fields_n; i++)
		if (rt->fields[i].type == FT_TEXT && *field_text(&rt->fields[i], rec))
			n += strlen(*field_text(&rt->fields[i], rec)) + 1;
	return n;
}

bool job_take_turn(struct job *j, const struct turn *u)
{
	j->bytes += text_bytes(&turn_type, u);
	return field_copy(turn_type.fields, turn_type.fields_n, &j->u.turn, u) == ERR_OK;
}

bool job_take_event(struct job *j, const struct event *e)
{
	j->bytes += text_bytes(&event_type, e);
	return field_copy(event_type.fields, event_type.fields_n, &j->u.event, e) == ERR_OK;
}

/* --- applying --- */

static enum err put_text(char **member, const char *value)
{
	char *copy;

	if (!value)
		return ERR_OK;
	copy = span_dup(span_z(value));
	if (!copy)
		return ERR_NOMEM;
	free(*member);
	*member = copy;
	return ERR_OK;
}

static void put_int(int64_t *member, int64_t value)
{
	if (value != FIELD_NULL_INT)
		*member = value;
}

/* A stream counts once, however often the job is repeated: the record names the one that was counted last. */
static enum err put_stream(struct call *c, const struct call_changes *ch)
{
	bool same = c->twilio_stream_sid && ch->stream_sid && strcmp(c->twilio_stream_sid, ch->stream_sid) == 0;

	if (ch->streams_add && !same)
		c->streams = (c->streams == FIELD_NULL_INT ? 0 : c->streams) + ch->streams_add;
	return put_text(&c->twilio_stream_sid, ch->stream_sid);
}

static void put_numbers(struct call *c, const struct call_changes *ch)
{
	int64_t *const usage[7] = { &c->input_text_tokens, &c->input_audio_tokens, &c->cached_text_tokens, &c->cached_audio_tokens,
				    &c->output_text_tokens, &c->output_audio_tokens, &c->transcription_tokens };

	put_int(&c->connected_at, ch->connected_at);
	put_int(&c->ended_at, ch->ended_at);
	put_int(&c->turns, ch->turns);
	put_int(&c->barge_ins, ch->barge_ins);
	put_int(&c->reconnects, ch->reconnects);
	put_int(&c->latency_p50_ms, ch->latency_p50_ms);
	put_int(&c->latency_p95_ms, ch->latency_p95_ms);
	put_int(&c->turn_seq, ch->turn_seq);
	put_int(&c->event_seq, ch->event_seq);
	for (size_t i = 0; i < 7; i++)
		put_int(usage[i], ch->usage[i]);
	if (!isnan(ch->cost))
		c->cost = ch->cost;
	if (ch->greeted >= 0)
		c->greeted = ch->greeted;
	if (c->ended_at != FIELD_NULL_INT && c->started_at != FIELD_NULL_INT)
		c->duration_seconds = (c->ended_at - c->started_at + 500) / 1000;
}

enum err job_change(struct call *c, const struct call_changes *ch)
{
	enum err e = put_stream(c, ch);

	e = e ? e : put_text(&c->status, ch->status);
	e = e ? e : put_text(&c->end_reason, ch->end_reason);
	e = e ? e : put_text(&c->error, ch->error);
	e = e ? e : put_text(&c->resume, ch->resume);
	e = e ? e : put_text(&c->handover, ch->handover);
	e = e ? e : put_text(&c->recording, ch->recording);
	put_numbers(c, ch);
	return e;
}

/* Calls that run at the same time spend from the same budget: each cost that is saved brings back what is left. */
static enum err apply_budget(struct txn *t, struct job *j, const struct call *c)
{
	struct agent a;
	enum err e;

	j->has_budget = false;
	if (j->kind != JOB_CALL || isnan(j->u.call.cost) || !j->deliver || !c->agent)
		return ERR_OK;
	e = agent_get(t, span_z(c->agent), &a);
	if (e)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	e = budget_get(t, &a, span_z(c->account), clock_wall_ms(), &j->budget);
	record_fini(&agent_type, &a);
	j->has_budget = !e && !(isnan(j->budget.day_left) && isnan(j->budget.month_left));
	return e;
}

static enum err apply_call(struct txn *t, struct job *j, const char *instance)
{
	struct call c;
	enum err e = call_get_for_update(t, span_z(j->id_text), &c);

	if (e)
		return e;
	e = put_text(&c.relay, instance);
	if (!e && j->kind == JOB_CALL)
		e = job_change(&c, &j->u.call);
	e = e ? e : call_put(t, &c);
	e = e ? e : apply_budget(t, j, &c);
	record_fini(&call_type, &c);
	return e;
}

static enum err apply(struct txn *t, struct job *j, const char *instance)
{
	struct span id = span_z(j->id_text);

	switch (j->kind) {
	case JOB_CALL:
	case JOB_CLAIM:
		return apply_call(t, j, instance);
	case JOB_TURN:
		return turn_put(t, id, &j->u.turn);
	case JOB_EVENT:
		return event_put(t, id, &j->u.event);
	case JOB_ADMIT:
		return ticket_use(t, span_z(j->u.admit.token), id, span_z(j->u.admit.call_sid), span_z(j->u.admit.attempt), j->u.admit.wall_ms);
	case JOB_LOAD:
		break;
	}
	return ERR_INTERNAL;                     /* loads only read: store_thread.c */
}

bool err_repeats(enum err e)
{
	static const enum err again[] = { ERR_BUSY, ERR_RECOVER, ERR_FULL, ERR_IO, ERR_NOMEM, ERR_TIMEOUT, ERR_DOWN };

	for (size_t i = 0; i < sizeof again / sizeof *again; i++)
		if (again[i] == e)
			return true;
	return false;
}

enum err job_apply(struct txn *t, struct job *j, const char *instance)
{
	j->err = apply(t, j, instance);
	return err_repeats(j->err) ? j->err : ERR_OK;
}

/* --- who has a call --- */

/* Field 22 of /proc/PID/stat; the name in parentheses may hold anything. */
static bool start_time(pid_t pid, unsigned long long *out)
{
	struct buf b = BUF_BOUND(4096);
	char path[64];
	const char *p;
	bool found = false;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (file_read(&b, path) == ERR_OK && (p = strrchr(buf_z(&b), ')')) != NULL)
		found = sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", out) == 1;
	buf_fini(&b);
	return found;
}

void instance_make(char out[128])
{
	char host[64] = "localhost";
	unsigned long long start = 0;

	gethostname(host, sizeof host - 1);
	start_time(getpid(), &start);
	snprintf(out, 128, "%s:%d:%llu", host, (int)getpid(), start);
}

bool instance_dead(const char *instance)
{
	char ours[128], host[64] = "localhost";
	unsigned long long was, is;
	int pid;
	size_t n;

	gethostname(host, sizeof host - 1);
	n = strlen(host);
	instance_make(ours);
	if (strcmp(instance, ours) == 0 || strncmp(instance, host, n) != 0 || instance[n] != ':')
		return false;
	if (sscanf(instance + n, ":%d:%llu", &pid, &was) != 2)
		return false;
	return !start_time(pid, &is) || is != was;
}
