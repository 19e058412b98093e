/*
 * test_store_thread - the relay's only user of the store: order, batches, what is answered; a peer that was killed while it held locks; queues that are
 * full. A real store, real threads; this program is its own helper and its own victim.
 */
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "../unit/store_home.h"

#include "base/log.h"
#include "base/proc.h"
#include "media-relay/job.h"
#include "media-relay/store_thread.h"
#include "store/account.h"
#include "store/agent.h"
#include "store/call.h"
#include "store/ticket.h"
#include "store/turn.h"

struct fixture {
	struct home h;
	struct settings cf;
	struct store_thread *t;
	char session[UUID_TEXT];
	uint8_t id[16];
	char token[TICKET_TEXT];
};

#define CALL_SID   "CA00000000000000000000000000000001"
#define STREAM_SID "MZ00000000000000000000000000000001"

/* --- answers --- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct store_answer *got[256];
static unsigned got_n;

static void take(void *worker, struct store_answer *a)
{
	(void)worker;
	pthread_mutex_lock(&lock);
	got[got_n++] = a;
	pthread_mutex_unlock(&lock);
}

static struct store_answer *answer(uint64_t tag, int timeout_ms)
{
	struct store_answer *a = NULL;

	for (int i = 0; i < timeout_ms / 5 && !a; i++) {
		pthread_mutex_lock(&lock);
		for (unsigned n = 0; n < got_n; n++)
			if (got[n]->tag == tag)
				a = got[n];
		pthread_mutex_unlock(&lock);
		if (!a)
			poll(NULL, 0, 5);
	}
	if (!a)
		fail_msg("no answer %u after %d ms", (unsigned)tag, timeout_ms);
	return a;
}

static void answers_free(void)
{
	for (unsigned n = 0; n < got_n; n++) {
		setup_free(got[n]->setup);
		free(got[n]);
	}
	got_n = 0;
}

/* --- the record, seen from outside the thread: by another process's eyes, since one process has one store open --- */

static enum err call_write(struct txn *t, void *arg)
{
	struct fixture *f = arg;
	struct account a;
	struct call r;
	enum err e = account_default(t, &a);

	if (e)
		return e;
	record_init(&call_type, &r);
	r.session_id = span_dup(span_z(f->session));
	r.twilio_call_sid = span_dup(SPAN(CALL_SID));
	r.account = span_dup(span_z(a.id));
	r.agent = span_dup(span_z(a.default_agent));
	r.started_at = clock_wall_ms();
	e = call_put(t, &r);
	e = e ? e : ticket_new(t, span_z(f->session), SPAN(CALL_SID), clock_wall_ms(), f->token);
	record_fini(&call_type, &r);
	record_fini(&account_type, &a);
	return e;
}

struct seen {
	struct fixture *f;
	struct call call;
	int64_t turns, events;
	bool in_order;
};

static bool turn_seen(struct turn *u, void *arg)
{
	struct seen *s = arg;

	s->in_order = s->in_order && u->seq == s->turns++;
	return true;
}

static bool event_seen(struct event *e, void *arg)
{
	struct seen *s = arg;

	s->in_order = s->in_order && e->seq == s->events++;
	return true;
}

static enum err look(struct txn *t, void *arg)
{
	struct seen *s = arg;
	struct page p = { .limit = 500 }, q = { .limit = 500 };
	enum err e;

	s->turns = s->events = 0;
	s->in_order = true;
	record_fini(&call_type, &s->call);
	e = call_get(t, span_z(s->f->session), &s->call);
	e = e ? e : turn_list(t, span_z(s->f->session), &p, turn_seen, s);
	e = e ? e : event_list(t, span_z(s->f->session), &q, event_seen, s);
	buf_fini(&p.next);
	buf_fini(&q.next);
	return e;
}

/* --- the fixture: store made and closed, then opened by the thread --- */

static void settings_of(struct fixture *f)
{
	struct buf why = BUF_INIT;

	setenv("OFFHOOK_ENV", "/dev/null", 1);
	setenv("OFFHOOK_DATA_DIR", f->h.dir, 1);
	setenv("OPENAI_API_KEY", "sk-test", 1);
	setenv("TWILIO_VALIDATE", "off", 1);
	assert_int_equal(settings_load(&f->cf, &why), ERR_OK);
	free(f->cf.db_dir);
	free(f->cf.secret_key_file);
	f->cf.db_dir = span_dup(span_z(f->h.dir));
	f->cf.secret_key_file = span_dup(span_z(f->h.key));
	buf_fini(&why);
}

static void quiet(const char *line, void *arg)
{
	(void)line, (void)arg;
}

static void limit_set(struct fixture *f)
{
	struct agent a;

	assert_int_equal(home_do(&f->h, OP_GET, "agent", "default", &a, NULL), ERR_OK);
	a.max_day_cost = 1;
	assert_int_equal(home_do(&f->h, OP_UPDATE, "agent", NULL, &a, NULL), ERR_OK);
	record_fini(&agent_type, &a);
}

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	if (!getenv("TEST_LOG"))
		log_to(quiet, NULL);
	snprintf(f->h.dir, sizeof f->h.dir, "/tmp/offhook-store-XXXXXX");
	assert_non_null(mkdtemp(f->h.dir));
	snprintf(f->h.key, sizeof f->h.key, "%s/secret.key", f->h.dir);
	home_open(&f->h);
	assert_int_equal(store_first_start(f->h.s), ERR_OK);
	limit_set(f);
	assert_int_equal(uuid_new(f->session), ERR_OK);
	uuid_parse(span_z(f->session), f->id);
	assert_int_equal(ticket_token(f->token), ERR_OK);
	assert_int_equal(store_txn(f->h.s, DURABLE, call_write, f), ERR_OK);
	store_close(f->h.s);
	f->h.s = NULL;
	settings_of(f);
	assert_int_equal(store_thread_start(&f->t, &f->cf, "/proc/self/exe", NULL), ERR_OK);
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	store_thread_stop(f->t);
	answers_free();
	settings_fini(&f->cf);
	nftw(f->h.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	log_to(NULL, NULL);
	return 0;
}

/* Ends the thread and looks at what it has left in the store. */
static void stop_and_look(struct fixture *f, struct seen *s)
{
	store_thread_stop(f->t);
	f->t = NULL;
	home_open(&f->h);
	*s = (struct seen){ .f = f };
	record_init(&call_type, &s->call);
	assert_int_equal(store_read(f->h.s, look, s), ERR_OK);
	store_close(f->h.s);
	f->h.s = NULL;
}

static void say_turn(struct fixture *f, int64_t seq)
{
	char text[40];
	struct turn u;

	record_init(&turn_type, &u);
	snprintf(text, sizeof text, "turn %lld", (long long)seq);
	u.seq = seq;
	u.role = span_dup(SPAN("user"));
	u.text = span_dup(span_z(text));
	u.started_at = 1000 + seq;
	store_save_turn(f->t, f->id, &u);
	record_fini(&turn_type, &u);
}

static void say_event(struct fixture *f, int64_t seq, const char *payload)
{
	struct event e;

	record_init(&event_type, &e);
	e.seq = seq;
	e.event_type = span_dup(SPAN("test"));
	e.created_at = 1000 + seq;
	e.payload = payload ? span_dup(span_z(payload)) : NULL;
	store_save_event(f->t, f->id, &e);
	record_fini(&event_type, &e);
}

static struct call_changes nothing(void)
{
	struct call_changes c = { .connected_at = FIELD_NULL_INT, .ended_at = FIELD_NULL_INT, .turns = FIELD_NULL_INT, .barge_ins = FIELD_NULL_INT,
				  .reconnects = FIELD_NULL_INT, .latency_p50_ms = FIELD_NULL_INT, .latency_p95_ms = FIELD_NULL_INT,
				  .turn_seq = FIELD_NULL_INT, .event_seq = FIELD_NULL_INT, .greeted = -1, .cost = (double)NAN };

	for (size_t i = 0; i < 7; i++)
		c.usage[i] = FIELD_NULL_INT;
	return c;
}

/* --- tests --- */

static void a_load_brings_what_the_session_needs(void **state)
{
	struct fixture *f = *state;
	struct store_answer *a;
	uint8_t other[16] = { 1 };

	store_load(f->t, f->id, 1, take, NULL);
	a = answer(1, 3000);
	assert_int_equal(a->err, ERR_OK);
	assert_int_equal(a->kind, SA_SETUP);
	assert_string_equal(a->setup->session_id, f->session);
	assert_string_equal(a->setup->call_sid, CALL_SID);
	assert_string_equal(a->setup->upstreams[0].host, "api.openai.com");
	assert_int_equal(a->setup->upstreams[0].port, 443);
	assert_true(a->setup->upstreams[0].tls);
	assert_non_null(strstr(a->setup->upstreams[0].path, "/v1/realtime?model="));
	assert_string_equal(a->setup->upstreams[0].key, "sk-test");
	assert_non_null(strstr(a->setup->upstreams[0].session_update, "\"session.update\""));
	assert_non_null(a->setup->greeting_create);
	store_load(f->t, other, 2, take, NULL);
	assert_int_equal(answer(2, 3000)->err, ERR_NOTFOUND);
	assert_null(answer(2, 10)->setup);
}

static void a_token_admits_one_stream_once(void **state)
{
	struct fixture *f = *state;

	store_admit(f->t, f->id, 1, SPAN("wrong"), SPAN(CALL_SID), SPAN(STREAM_SID), take, NULL);
	store_admit(f->t, f->id, 2, span_z(f->token), SPAN("CA00000000000000000000000000000002"), SPAN(STREAM_SID), take, NULL);
	store_admit(f->t, f->id, 3, span_z(f->token), SPAN(CALL_SID), SPAN(STREAM_SID), take, NULL);
	store_admit(f->t, f->id, 4, span_z(f->token), SPAN(CALL_SID), SPAN(STREAM_SID), take, NULL);
	store_admit(f->t, f->id, 5, span_z(f->token), SPAN(CALL_SID), SPAN("MZ00000000000000000000000000000002"), take, NULL);
	assert_int_equal(answer(1, 3000)->err, ERR_DENIED);
	assert_int_equal(answer(2, 3000)->err, ERR_DENIED);
	assert_int_equal(answer(3, 3000)->err, ERR_OK);
	assert_int_equal(answer(4, 3000)->err, ERR_DENIED);      /* the same words again: somebody has listened */
	assert_int_equal(answer(5, 3000)->err, ERR_DENIED);
}

static void jobs_of_a_call_are_done_in_order_and_all_of_them(void **state)
{
	struct fixture *f = *state;
	struct call_changes c = nothing();
	struct seen s;

	for (int64_t i = 0; i < 300; i++) {
		say_turn(f, i);
		say_event(f, i, "{}");
	}
	c.stream_sid = STREAM_SID;
	c.streams_add = 1;
	c.status = "connected";
	c.connected_at = clock_wall_ms();
	store_save_call(f->t, f->id, 0, &c, false, NULL, NULL);
	store_save_call(f->t, f->id, 0, &c, false, NULL, NULL);      /* repeated: counts once */
	c = nothing();
	c.status = "ended";
	c.end_reason = "caller_hangup";
	c.ended_at = clock_wall_ms() + 61000;
	c.usage[1] = 1234;
	c.cost = 0.5;
	c.greeted = 1;
	store_save_call(f->t, f->id, 9, &c, true, take, NULL);
	store_load(f->t, f->id, 10, take, NULL);                     /* sees what was written before it */
	assert_int_equal(answer(9, 5000)->kind, SA_OUTCOME);
	assert_int_equal(answer(10, 5000)->err, ERR_DENIED);
	stop_and_look(f, &s);
	assert_int_equal(s.turns, 300);
	assert_int_equal(s.events, 300);
	assert_true(s.in_order);
	assert_string_equal(s.call.status, "ended");
	assert_string_equal(s.call.end_reason, "caller_hangup");
	assert_int_equal(s.call.streams, 1);
	assert_int_equal(s.call.input_audio_tokens, 1234);
	assert_int_equal(s.call.input_text_tokens, 0);
	assert_true(s.call.cost == 0.5 && s.call.greeted);
	assert_in_range(s.call.duration_seconds, 60, 62);
	record_fini(&call_type, &s.call);
}

static void each_cost_brings_back_what_is_left_of_the_budget(void **state)
{
	struct fixture *f = *state;
	struct call_changes c = nothing();
	struct store_answer *a;

	c.cost = 0.25;
	store_save_call(f->t, f->id, 20, &c, false, take, NULL);
	a = answer(20, 5000);
	assert_int_equal(a->kind, SA_BUDGET);
	assert_true(a->budget.day_left == 0.75 && isnan(a->budget.month_left) && a->cost == 0.25);
	c.cost = 0.75;
	store_save_call(f->t, f->id, 21, &c, false, take, NULL);
	store_save_call(f->t, f->id, 22, &c, false, take, NULL);       /* repeated: spends nothing */
	assert_true(answer(21, 5000)->budget.day_left == 0.25);
	assert_true(answer(22, 5000)->budget.day_left == 0.25);
	c = nothing();
	c.status = "connected";
	store_save_call(f->t, f->id, 23, &c, false, take, NULL);       /* no cost, no answer */
	store_load(f->t, f->id, 24, take, NULL);
	a = answer(24, 5000);
	assert_int_equal(a->err, ERR_OK);
	assert_true(a->setup->budget.day_left == 0.25);
	for (unsigned n = 0; n < got_n; n++)
		assert_true(got[n]->tag != 23);
}

/* A process that dies with locks held: 4.  Runs in a child: main() below. */
static enum err hold_body(struct txn *t, void *arg)
{
	struct fixture *f = arg;
	struct call c;

	if (call_get_for_update(t, span_z(f->session), &c) == ERR_OK) {
		call_put(t, &c);
		printf("held\n");
		fflush(stdout);
		poll(NULL, 0, 60000);
	}
	return ERR_INTERNAL;
}

static int victim(const char *dir, const char *key, const char *session)
{
	struct fixture f;
	struct store_options o = { .home = dir, .key_file = key, .sentinel = true };
	struct store *s;

	snprintf(f.session, sizeof f.session, "%s", session);
	if (store_open(&s, &o) != ERR_OK)
		return 1;
	store_txn(s, EVENTUAL, hold_body, &f);
	return 1;
}

static pid_t victim_start(struct fixture *f)
{
	char *argv[] = { (char[]){ "/proc/self/exe" }, (char[]){ "victim" }, f->h.dir, f->h.key, f->session, NULL };
	int out[2];
	char text[5];
	pid_t pid;

	assert_int_equal(pipe2(out, 0), 0);
	struct proc_fd fds[] = { { out[1], 1 }, { 2, 2 } };
	assert_int_equal(proc_spawn(&pid, "/proc/self/exe", argv, NULL, fds, 2), ERR_OK);
	close(out[1]);
	assert_int_equal(read(out[0], text, 5), 5);
	close(out[0]);
	return pid;
}

static void a_peer_killed_with_its_locks_held_costs_a_delay_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct store_thread_view v;
	struct call_changes c = nothing();
	struct seen s;
	pid_t pid;

	store_load(f->t, f->id, 1, take, NULL);
	assert_int_equal(answer(1, 3000)->err, ERR_OK);
	for (int round = 0; round < 3; round++) {
		pid = victim_start(f);
		for (int64_t i = 0; i < 50; i++)
			say_turn(f, round * 50 + i);
		c.turns = round * 50 + 50;
		store_save_call(f->t, f->id, 0, &c, false, NULL, NULL);      /* needs the victim's lock */
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		store_save_call(f->t, f->id, 100 + (uint64_t)round, &c, true, take, NULL);
		assert_int_equal(answer(100 + (uint64_t)round, 5000)->err, ERR_OK);
	}
	store_thread_view(f->t, &v);
	assert_int_equal(v.dropped, 0);
	assert_true(v.recoveries >= 1);
	stop_and_look(f, &s);
	assert_int_equal(s.turns, 150);
	assert_true(s.in_order);
	assert_int_equal(s.call.turns, 150);
	record_fini(&call_type, &s.call);
}

static void a_full_queue_drops_events_and_never_turns(void **state)
{
	struct fixture *f = *state;
	size_t size = (size_t)1 << 20;
	char *payload = malloc(size + 1);
	struct store_thread_view v;
	struct seen s;
	pid_t pid = victim_start(f);
	struct call_changes c = nothing();

	memset(payload, ' ', size);
	memcpy(payload, "{}", 2);
	payload[size] = '\0';
	c.turns = 1;
	store_save_call(f->t, f->id, 0, &c, false, NULL, NULL);              /* stuck behind the victim */
	for (int64_t i = 0; i < 80; i++)
		say_event(f, i, payload);
	for (int64_t i = 0; i < 20; i++)
		say_turn(f, i);
	store_thread_view(f->t, &v);
	assert_true(v.dropped >= 10 && v.dropped < 40);
	assert_true(v.queued_bytes <= STORE_QUEUE_MAX + ((size_t)1 << 20));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	c.turns = 20;
	store_save_call(f->t, f->id, 5, &c, true, take, NULL);
	assert_int_equal(answer(5, 20000)->err, ERR_OK);
	free(payload);
	stop_and_look(f, &s);
	assert_int_equal(s.turns, 20);
	record_fini(&call_type, &s.call);
}

static void who_is_dead_is_known_by_host_pid_and_start(void **state)
{
	char us[128], text[200];
	const char *rest;

	(void)state;
	instance_make(us);
	assert_false(instance_dead(us));
	assert_false(instance_dead("elsewhere.example:1:1"));
	assert_false(instance_dead("garbage"));
	rest = strchr(us, ':');
	snprintf(text, sizeof text, "%.*s:%d:1", (int)(rest - us), us, (int)getpid());
	assert_true(instance_dead(text));                    /* the pid, in another life */
	snprintf(text, sizeof text, "%.*s:99999999:1", (int)(rest - us), us);
	assert_true(instance_dead(text));
}

static void a_store_that_cannot_be_opened_is_said_so_at_the_start(void **state)
{
	struct settings cf = { .db_dir = (char[]){ "/proc/nothing" }, .secret_key_file = (char[]){ "/proc/nothing/key" } };
	struct store_thread *t = NULL;

	(void)state;
	log_to(quiet, NULL);
	assert_int_not_equal(store_thread_start(&t, &cf, NULL, NULL), ERR_OK);
	assert_null(t);
	store_thread_stop(NULL);
	log_to(NULL, NULL);
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(each_cost_brings_back_what_is_left_of_the_budget),
		T(a_load_brings_what_the_session_needs),
		T(a_token_admits_one_stream_once),
		T(jobs_of_a_call_are_done_in_order_and_all_of_them),
		T(a_peer_killed_with_its_locks_held_costs_a_delay_and_nothing_else),
		T(a_full_queue_drops_events_and_never_turns),
		cmocka_unit_test(who_is_dead_is_known_by_host_pid_and_start),
		cmocka_unit_test(a_store_that_cannot_be_opened_is_said_so_at_the_start),
	};

	HOME_HELPER(argc, argv);
	if (argc == 5 && strcmp(argv[1], "victim") == 0)
		return victim(argv[2], argv[3], argv[4]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
