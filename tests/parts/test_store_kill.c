/*
 * Processes that write are killed at random moments, in mid-transaction, under load: everybody works again within 3 s with nothing started by
 * hand, and nothing that was committed is lost. KILLS (default 20) says how many, SEED repeats a run.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "../unit/store_home.h"

#include "base/log.h"
#include "base/proc.h"
#include "store/call.h"
#include "store/turn.h"

#define WRITERS   4
#define WITHIN_MS 3000

/* Shared by all processes of a test: what has been committed, and when. */
struct board {
	struct {
		atomic_llong committed;        /* highest sequence whose transaction came back with ERR_OK */
		atomic_llong at_ms;
		atomic_llong recovered;        /* times the store had to be opened again */
	} w[WRITERS];
	atomic_int stop;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void wait_ms(unsigned ms)
{
	poll(NULL, 0, (int)ms);
}

static struct board *board_map(const char *dir)
{
	char path[128];
	int fd;
	struct board *b;

	snprintf(path, sizeof path, "%s/board", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof *b) != 0)
		return NULL;
	b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return b == MAP_FAILED ? NULL : b;
}

static void session_of(char out[UUID_TEXT], unsigned writer)
{
	snprintf(out, UUID_TEXT, "00000000-0000-4000-8000-%012u", writer);
}

#define SHARED_CALL "00000000-0000-4000-8000-999999999999"

/* --- a writer: one event of its own, and a counter that all of them change --- */

struct job {
	unsigned writer;
	int64_t seq;
};

static enum err shared_counter(struct txn *t)
{
	struct call c;
	enum err e = call_get_for_update(t, SPAN(SHARED_CALL), &c);

	if (e == ERR_NOTFOUND) {
		record_init(&call_type, &c);
		c.session_id = span_dup(SPAN(SHARED_CALL));
		c.started_at = 1;
		e = ERR_OK;
	}
	if (e)
		return e;
	c.turns++;
	e = call_put(t, &c);
	record_fini(&call_type, &c);
	return e;
}

static enum err write_job(struct txn *t, void *arg)
{
	const struct job *j = arg;
	char session[UUID_TEXT], text[32];
	struct event ev;
	enum err e;

	session_of(session, j->writer);
	snprintf(text, sizeof text, "event %lld", (long long)j->seq);
	record_init(&event_type, &ev);
	ev.seq = j->seq;
	ev.event_type = span_dup(SPAN("test"));
	ev.text_delta = span_dup(span_z(text));
	ev.created_at = j->seq;
	e = event_put(t, span_z(session), &ev);
	record_fini(&event_type, &ev);
	return e ? e : shared_counter(t);
}

static int writer_main(const char *dir, unsigned me)
{
	struct home h = { 0 };
	struct board *b = board_map(dir);
	enum err e = ERR_OK;

	log_init("writer", LOG_ERROR, LOG_TEXT);
	snprintf(h.dir, sizeof h.dir, "%s", dir);
	snprintf(h.key, sizeof h.key, "%s/secret.key", dir);
	struct store_options o = home_options(&h);

	if (!b || store_open(&h.s, &o) != ERR_OK)
		return 1;
	for (int64_t seq = b->w[me].committed + 1; !b->stop && !e;) {
		struct job j = { me, seq };

		e = store_txn(h.s, seq % 2 ? DURABLE : EVENTUAL, write_job, &j);
		if (e == ERR_OK) {
			b->w[me].committed = seq++;
			b->w[me].at_ms = now_ms();
		} else if (e == ERR_RECOVER) {
			b->w[me].recovered++;
			e = store_reopen(&h.s);
		} else if (e == ERR_BUSY || e == ERR_TIMEOUT) {
			e = ERR_OK;
		}
	}
	store_close(h.s);
	return e ? 2 : 0;
}

static pid_t start(const char *mode, const char *dir, unsigned n)
{
	char number[16];
	char *argv[] = { (char[]){ "test_store_kill" }, (char *)(uintptr_t)mode, (char *)(uintptr_t)dir, number, NULL };
	struct proc_fd fds[] = { { 1, 1 }, { 2, 2 } };
	pid_t pid = -1;

	snprintf(number, sizeof number, "%u", n);
	assert_int_equal(proc_spawn(&pid, "/proc/self/exe", argv, NULL, fds, 2), ERR_OK);
	return pid;
}

/* Everybody in `who` commits something that began after `from`; the slowest one's delay, or -1. */
static int64_t all_commit(struct board *b, unsigned who, int64_t from)
{
	int64_t deadline = from + WITHIN_MS, slowest = 0;
	long long seen[WRITERS];

	for (unsigned i = 0; i < WRITERS; i++)
		seen[i] = b->w[i].committed;
	for (unsigned i = 0; i < WRITERS; i++) {
		while ((who & 1u << i) && b->w[i].committed < seen[i] + 2) {
			if (now_ms() > deadline)
				return -1;
			wait_ms(2);
		}
		slowest = now_ms() - from > slowest ? now_ms() - from : slowest;
	}
	return slowest;
}

static unsigned number_from(const char *name, unsigned otherwise)
{
	const char *z = getenv(name);

	return z && *z ? (unsigned)strtoul(z, NULL, 10) : otherwise;
}

static unsigned random_state;

static unsigned any(unsigned n)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % n;
}

static int64_t *delays;
static size_t delays_n;

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* --- nothing committed is lost --- */

struct finding {
	int64_t next, wrong;
};

static bool event_is_next(struct event *ev, void *arg)
{
	struct finding *f = arg;
	char text[32];

	snprintf(text, sizeof text, "event %lld", (long long)f->next);
	f->wrong += ev->seq != f->next || strcmp(ev->text_delta, text) != 0;
	f->next++;
	return true;
}

struct reading {
	unsigned writer;
	struct finding f;
	struct page p;
	char *after;
};

static enum err read_page(struct txn *t, void *arg)
{
	struct reading *g = arg;
	char session[UUID_TEXT];

	session_of(session, g->writer);
	g->p.limit = 500;
	g->p.after = span_z(g->after);
	return event_list(t, span_z(session), &g->p, event_is_next, &g->f);
}

static void all_there(struct store *s, struct board *b)
{
	for (unsigned i = 0; i < WRITERS; i++) {
		struct reading g = { .writer = i, .f.next = 1 };

		do {
			assert_int_equal(store_read(s, read_page, &g), ERR_OK);
			free(g.after);
			g.after = g.p.next.n ? buf_take(&g.p.next) : NULL;
		} while (g.after);
		buf_fini(&g.p.next);
		assert_int_equal(g.f.wrong, 0);
		assert_true(g.f.next > b->w[i].committed);
	}
}

static void killed_writers_cost_others_a_moment_and_no_record(void **state)
{
	struct home *h = *state;
	struct board *b = board_map(h->dir);
	unsigned kills = number_from("KILLS", 20), seed = number_from("SEED", (unsigned)time(NULL)), lost = 0;
	pid_t pid[WRITERS];
	struct buf report = BUF_INIT;

	store_close(h->s);
	h->s = NULL;
	random_state = seed;
	print_message("kills=%u seed=%u\n", kills, seed);
	delays = calloc(kills, sizeof *delays);
	for (unsigned i = 0; i < WRITERS; i++)
		pid[i] = start("writer", h->dir, i);
	assert_true(all_commit(b, (1u << WRITERS) - 1, now_ms() + 5000) >= 0);
	for (unsigned k = 0; k < kills; k++) {
		unsigned victim = any(WRITERS);
		int64_t at, delay;

		wait_ms(20 + any(150));
		at = now_ms();
		kill(pid[victim], SIGKILL);
		waitpid(pid[victim], NULL, 0);
		if (k % 2)                     /* somebody opens at once; or nobody does, and the survivors have to help themselves */
			pid[victim] = start("writer", h->dir, victim);
		delay = all_commit(b, ((1u << WRITERS) - 1) & ~(1u << victim), at);
		if (delay < 0)
			print_message("kill %u: not everybody works after %d ms\n", k, WITHIN_MS);
		lost += delay < 0;
		delays[delays_n++] = delay < 0 ? WITHIN_MS : delay;
		if (k % 2 == 0)
			pid[victim] = start("writer", h->dir, victim);
	}
	b->stop = 1;
	for (unsigned i = 0; i < WRITERS; i++) {
		int st = 0;

		waitpid(pid[i], &st, 0);
		if (st)
			print_message("writer %u ended with %d\n", i, st);
		lost += st != 0;
	}
	qsort(delays, delays_n, sizeof *delays, by_size);
	if (delays_n)
		print_message("works again after: median %lld ms, worst %lld ms; commits %lld %lld %lld %lld; reopened %lld times\n",
		              (long long)delays[delays_n / 2], (long long)delays[delays_n - 1], (long long)b->w[0].committed,
		              (long long)b->w[1].committed, (long long)b->w[2].committed, (long long)b->w[3].committed,
		              (long long)(b->w[0].recovered + b->w[1].recovered + b->w[2].recovered + b->w[3].recovered));
	free(delays);
	assert_int_equal(lost, 0);
	home_open(h);
	all_there(h->s, b);
	if (store_check(h->s, &report) != ERR_OK)
		fail_msg("%s", buf_z(&report));
	buf_fini(&report);
	munmap(b, sizeof *b);
}

/* --- interrupted, as a command is with Ctrl-C: no recovery in the others --- */

static int cli_main(const char *dir)
{
	struct home h = { 0 };
	struct job j = { 0, 1 };
	enum err e = ERR_OK;

	log_init("cli", LOG_ERROR, LOG_TEXT);
	snprintf(h.dir, sizeof h.dir, "%s", dir);
	snprintf(h.key, sizeof h.key, "%s/secret.key", dir);
	struct store_options o = home_options(&h);

	o.hold_signals = true;
	if (store_open(&h.s, &o) != ERR_OK)
		return 1;
	if (write(1, "", 1) != 1)
		return 1;
	for (; !e && !store_interrupted(h.s); j.seq++)
		e = store_txn(h.s, EVENTUAL, write_job, &j);
	store_close(h.s);                       /* the signal arrives here */
	return 3;
}

static void interrupted_command_costs_nobody_a_recovery(void **state)
{
	struct home *h = *state;
	unsigned times = number_from("KILLS", 20);

	for (unsigned i = 0; i < times; i++) {
		char *argv[] = { (char[]){ "x" }, (char[]){ "cli" }, h->dir, (char[]){ "0" }, NULL };
		int p[2], st = 0;
		char c;
		pid_t pid;

		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		struct proc_fd fds[] = { { p[1], 1 }, { 2, 2 } };

		assert_int_equal(proc_spawn(&pid, "/proc/self/exe", argv, NULL, fds, 2), ERR_OK);
		close(p[1]);
		assert_int_equal(read(p[0], &c, 1), 1);
		wait_ms(any(30));
		kill(pid, i % 2 ? SIGINT : SIGTERM);
		waitpid(pid, &st, 0);
		close(p[0]);
		assert_true(WIFSIGNALED(st) && (WTERMSIG(st) == SIGINT || WTERMSIG(st) == SIGTERM));
		assert_false(store_recovered(h->s));
	}
}

/* --- somebody holds a lock --- */

static enum err hold_job(struct txn *t, void *arg)
{
	struct job j = { 0, 1 };
	enum err e = write_job(t, &j);
	char c;

	(void)arg;
	if (!e && write(1, "", 1) == 1 && read(0, &c, 1) != 1)
		e = ERR_IO;
	return e;
}

static int holder_main(const char *dir)
{
	struct home h = { 0 };
	enum err e;

	snprintf(h.dir, sizeof h.dir, "%s", dir);
	snprintf(h.key, sizeof h.key, "%s/secret.key", dir);
	struct store_options o = home_options(&h);

	o.helper = NULL;
	e = store_open(&h.s, &o);
	if (!e)
		e = store_txn(h.s, DURABLE, hold_job, NULL);
	store_close(h.s);
	return (int)e;
}

struct holder {
	pid_t pid;
	int to, from;
};

static struct holder hold(const struct home *h)
{
	char *argv[] = { (char[]){ "x" }, (char[]){ "holder" }, (char *)(uintptr_t)h->dir, (char[]){ "0" }, NULL };
	struct holder x;
	int in[2], out[2];
	char c;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	struct proc_fd fds[] = { { in[0], 0 }, { out[1], 1 }, { 2, 2 } };

	assert_int_equal(proc_spawn(&x.pid, "/proc/self/exe", argv, NULL, fds, 3), ERR_OK);
	close(in[0]);
	close(out[1]);
	assert_int_equal(read(out[0], &c, 1), 1);
	x.to = in[1];
	x.from = out[0];
	return x;
}

struct contended {
	unsigned tries;
	int64_t first_ms;
	int release;                           /* descriptor that lets the holder go */
};

static enum err contend(struct txn *t, void *arg)
{
	struct contended *c = arg;
	struct job j = { 1, 1 };
	int64_t begun = now_ms();
	enum err e = write_job(t, &j);

	if (c->tries++ == 0 && e == ERR_BUSY) {
		c->first_ms = now_ms() - begun;
		if (write(c->release, "", 1) != 1)
			return ERR_IO;
	}
	return e;
}

static void sentinel_makes_lock_timeouts_happen(void **state)
{
	struct home *h = *state;
	struct holder x = hold(h);
	struct contended c = { .release = x.to };
	int st = 1;

	assert_int_equal(store_txn(h->s, EVENTUAL, contend, &c), ERR_OK);
	assert_true(c.tries >= 2);
	assert_in_range(c.first_ms, 400, 2000);
	waitpid(x.pid, &st, 0);
	assert_int_equal(st, 0);
	assert_false(store_recovered(h->s));
	close(x.to);
	close(x.from);
}

struct stuck {
	struct store *s;
	enum err result;
	int64_t took_ms;
};

static void *stuck_main(void *arg)
{
	struct stuck *k = arg;
	struct job j = { 2, 1 };
	int64_t begun = now_ms();

	k->result = store_txn(k->s, EVENTUAL, write_job, &j);
	k->took_ms = now_ms() - begun;
	return NULL;
}

static void call_on_a_dead_process_s_lock_comes_back(void **state)
{
	struct home *h = *state;
	struct holder x = hold(h);
	struct stuck k = { .s = h->s };
	struct job j = { 2, 1 };
	pthread_t t;

	kill(x.pid, SIGKILL);
	waitpid(x.pid, NULL, 0);
	assert_int_equal(pthread_create(&t, NULL, stuck_main, &k), 0);
	pthread_join(t, NULL);
	assert_int_equal(k.result, ERR_RECOVER);
	assert_true(k.took_ms < WITHIN_MS);
	assert_true(store_recovered(h->s));
	assert_int_equal(store_txn(h->s, EVENTUAL, write_job, &j), ERR_RECOVER);
	assert_int_equal(store_reopen(&h->s), ERR_OK);
	assert_int_equal(store_txn(h->s, EVENTUAL, write_job, &j), ERR_OK);
	close(x.to);
	close(x.from);
}

static void stuck_thread_is_left_behind_and_another_takes_over(void **state)
{
	struct home *h = *state;
	struct store_options o = home_options(h);
	struct job j = { 2, 1 };

	for (unsigned i = 0; i < 3; i++) {
		struct holder x = hold(h);
		struct stuck k = { .s = h->s };
		pthread_t t;

		assert_int_equal(pthread_create(&t, NULL, stuck_main, &k), 0);
		wait_ms(100);                              /* it waits inside the library now */
		kill(x.pid, SIGKILL);
		waitpid(x.pid, NULL, 0);
		assert_int_equal(store_helper(&o), ERR_OK); /* somebody else recovers */
		pthread_join(t, NULL);
		assert_int_equal(k.result, ERR_RECOVER);
		store_abandon(h->s);
		h->s = NULL;
		assert_int_equal(store_open(&h->s, &o), ERR_OK);
		assert_int_equal(store_txn(h->s, DURABLE, write_job, &j), ERR_OK);
		close(x.to);
		close(x.from);
	}
}

static void note(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
}

static void idle_worker_is_told_of_a_recovery(void **state)
{
	struct home *h = *state;
	struct store_options o = home_options(h);
	atomic_int told = 0;
	struct holder x;

	store_close(h->s);
	o.sentinel_exits = true;
	o.on_recover = note;
	o.arg = &told;
	assert_int_equal(store_open(&h->s, &o), ERR_OK);
	x = hold(h);
	kill(x.pid, SIGKILL);
	waitpid(x.pid, NULL, 0);
	assert_int_equal(store_helper(&o), ERR_OK);
	for (int64_t end = now_ms() + WITHIN_MS; !told && now_ms() < end;)
		wait_ms(5);
	assert_int_equal(told, 1);
	close(x.to);
	close(x.from);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(interrupted_command_costs_nobody_a_recovery, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(sentinel_makes_lock_timeouts_happen, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(call_on_a_dead_process_s_lock_comes_back, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(stuck_thread_is_left_behind_and_another_takes_over, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(idle_worker_is_told_of_a_recovery, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(killed_writers_cost_others_a_moment_and_no_record, home_setup, home_teardown),
	};

	HOME_HELPER(argc, argv);
	if (argc == 4 && strcmp(argv[1], "writer") == 0)
		return writer_main(argv[2], (unsigned)atoi(argv[3]));
	if (argc == 4 && strcmp(argv[1], "cli") == 0)
		return cli_main(argv[2]);
	if (argc == 4 && strcmp(argv[1], "holder") == 0)
		return holder_main(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
