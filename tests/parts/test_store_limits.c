/*
 * The store at its limits: a disk that is full, more records than one transaction may lock, a backup while others write.
 * RECORDS (default 6000) says how many calls the purge has to take.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include "../unit/store_home.h"

#include "base/log.h"
#include "store/call.h"
#include "store/turn.h"

static unsigned number_from(const char *name, unsigned otherwise)
{
	const char *z = getenv(name);

	return z && *z ? (unsigned)strtoul(z, NULL, 10) : otherwise;
}

static void session_of(char out[UUID_TEXT], unsigned n)
{
	snprintf(out, UUID_TEXT, "%08x-0000-4000-8000-%012u", n * 2654435761u, n);
}

/* --- records, many at a time --- */

struct many {
	unsigned from, n, events;
	size_t bytes;                      /* of each event's text */
};

static enum err put_call(struct txn *t, unsigned n)
{
	char session[UUID_TEXT];
	struct call c;
	enum err e;

	session_of(session, n);
	record_init(&call_type, &c);
	c.session_id = span_dup(span_z(session));
	c.twilio_call_sid = span_dup(span_z(session));
	c.agent = span_dup(SPAN("1"));
	c.caller_number = span_dup(SPAN("+15550100"));
	c.called_number = span_dup(SPAN("+15550101"));
	free(c.status);
	c.status = span_dup(SPAN("ended"));
	c.started_at = n;
	e = call_put(t, &c);
	record_fini(&call_type, &c);
	return e;
}

static enum err put_event(struct txn *t, unsigned n, unsigned seq, size_t bytes)
{
	char session[UUID_TEXT];
	struct event v;
	enum err e;

	session_of(session, n);
	record_init(&event_type, &v);
	v.seq = seq;
	v.text_delta = malloc(bytes + 1);
	memset(v.text_delta, 'x', bytes);
	v.text_delta[bytes] = 0;
	e = event_put(t, span_z(session), &v);
	record_fini(&event_type, &v);
	return e;
}

static enum err put_many(struct txn *t, void *arg)
{
	const struct many *m = arg;
	enum err e = ERR_OK;

	for (unsigned i = m->from; i < m->from + m->n && !e; i++) {
		e = put_call(t, i);
		for (unsigned k = 1; k <= m->events && !e; k++)
			e = put_event(t, i, k, m->bytes);
	}
	return e;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct counting {
	struct page p;
	unsigned n;
	char *after;
};

static bool count_one(struct call *c, void *arg)
{
	(void)c;
	++*(unsigned *)arg;
	return true;
}

static enum err count_page(struct txn *t, void *arg)
{
	struct call_filter f = { .since_ms = FIELD_NULL_INT, .until_ms = FIELD_NULL_INT };
	struct counting *c = arg;

	c->n = 0;
	c->p.limit = 500;
	c->p.after = span_z(c->after);
	return call_list(t, &f, &c->p, count_one, &c->n);
}

static unsigned count_calls(struct home *h)
{
	struct counting c = { .n = 0 };
	unsigned all = 0;

	do {
		assert_int_equal(store_read(h->s, count_page, &c), ERR_OK);
		all += c.n;
		free(c.after);
		c.after = c.p.next.n ? buf_take(&c.p.next) : NULL;
	} while (c.after);
	buf_fini(&c.p.next);
	return all;
}

static void purge_and_compact_of_many_records_stay_within_the_locks(void **state)
{
	struct home *h = *state;
	unsigned n = number_from("RECORDS", 6000), purged = 0, pages = 0;
	int64_t begun = now_ms(), filled, purged_at;

	for (unsigned i = 1; i <= n; i += 200) {
		struct many m = { i, n - i + 1 < 200 ? n - i + 1 : 200, 2, 100 };

		assert_int_equal(store_txn(h->s, EVENTUAL, put_many, &m), ERR_OK);
	}
	filled = now_ms();
	assert_int_equal(count_calls(h), n);
	assert_int_equal(call_purge(h->s, n - 99, &purged, NULL, NULL), ERR_OK);
	purged_at = now_ms();
	assert_int_equal(purged, n - 100);
	assert_int_equal(count_calls(h), 100);
	assert_int_equal(store_compact(h->s, &pages), ERR_OK);
	print_message("%u calls with 2 events: written in %lld ms, purged in %lld ms, compacted in %lld ms (%u pages given back)\n", n,
	              (long long)(filled - begun), (long long)(purged_at - filled), (long long)(now_ms() - purged_at), pages);
	assert_true(pages > 0);
	assert_int_equal(count_calls(h), 100);
}

/* A transaction may touch more pages than the default lock table has room for (about 4 500). */
static void one_transaction_of_many_pages_has_locks_enough(void **state)
{
	struct home *h = *state;
	struct many m = { 1, 1, 9000, 3000 };

	assert_int_equal(store_txn(h->s, EVENTUAL, put_many, &m), ERR_OK);
	assert_int_equal(count_calls(h), 1);
}

/* --- backup under load --- */

struct load {
	struct store *s;
	atomic_int stop;
	atomic_uint calls;
	enum err e;
};

static void *load_main(void *arg)
{
	struct load *l = arg;

	for (unsigned i = 1; !l->stop && !l->e; i++) {
		struct many m = { i, 1, 3, 300 };

		l->e = store_txn(l->s, EVENTUAL, put_many, &m);
		l->calls = l->e ? i - 1 : i;
	}
	return NULL;
}

static void a_backup_under_load_opens_and_verifies(void **state)
{
	struct home *h = *state, copy = { .s = NULL };
	struct load l = { .s = h->s };
	unsigned before, found;
	struct buf report = BUF_INIT;
	pthread_t t;

	assert_true(snprintf(copy.dir, sizeof copy.dir, "%s/copy", h->dir) < (int)sizeof copy.dir);
	snprintf(copy.key, sizeof copy.key, "%s", h->key);
	assert_int_equal(pthread_create(&t, NULL, load_main, &l), 0);
	for (int64_t end = now_ms() + 20000; l.calls < 200 && now_ms() < end;)
		sched_yield();
	before = l.calls;
	assert_int_equal(store_backup(h->s, copy.dir), ERR_OK);
	assert_int_equal(store_check(h->s, &report), ERR_OK);                   /* a copy, recovered and verified, while others write */
	l.stop = 1;
	pthread_join(t, NULL);
	assert_int_equal(l.e, ERR_OK);
	home_open(&copy);
	found = count_calls(&copy);
	print_message("calls when the backup began: %u, in it: %u, in the end: %u\n", before, found, (unsigned)l.calls);
	assert_in_range(found, before, l.calls);
	store_close(copy.s);
	buf_fini(&report);
}

/* --- full disk --- */

static int small_disk_setup(void **state)
{
	struct home *h = calloc(1, sizeof *h);

	assert_non_null(h);
	snprintf(h->dir, sizeof h->dir, "/tmp/offhook-full-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	snprintf(h->key, sizeof h->key, "%s/secret.key", h->dir);
	*state = h;
	if (mount("none", h->dir, "tmpfs", 0, "size=256m") == 0)
		home_open(h);
	return 0;
}

static int small_disk_teardown(void **state)
{
	struct home *h = *state;

	store_close(h->s);
	umount2(h->dir, MNT_DETACH);
	rmdir(h->dir);
	free(h);
	return 0;
}

/* Everything that is left but `spare` bytes goes into a file of somebody else. */
static void fill_disk(const struct home *h, size_t spare)
{
	static char block[1 << 16];
	char path[96];
	int fd;

	snprintf(path, sizeof path, "%s/somebody-else", h->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	while (write(fd, block, sizeof block) > 0)
		;
	assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) > (off_t)spare ? lseek(fd, 0, SEEK_END) - (off_t)spare : 0), 0);
	close(fd);
}

static void free_disk(const struct home *h)
{
	char path[96];

	snprintf(path, sizeof path, "%s/somebody-else", h->dir);
	unlink(path);
}

static void a_full_disk_is_reported_and_over_when_space_is_back(void **state)
{
	struct home *h = *state;
	unsigned kept = 0, next = 1;
	enum err e = ERR_OK;
	struct buf report = BUF_INIT;
	int64_t begun;

	if (!h->s) {
		print_message("no small disk can be mounted here (not root?): skipped\n");
		skip();
	}
	for (; next <= 50; next++) {
		struct many m = { next, 1, 4, 1000 };

		assert_int_equal(store_txn(h->s, DURABLE, put_many, &m), ERR_OK);
		kept = next;
	}
	fill_disk(h, 1 << 20);
	begun = now_ms();
	for (; !e && now_ms() - begun < 60000; next++) {
		struct many m = { next, 1, 50, 4000 };

		e = store_txn(h->s, DURABLE, put_many, &m);
		kept = e ? kept : next;
	}
	print_message("full after %u calls: %s, after %lld ms\n", kept, err_name(e), (long long)(now_ms() - begun));
	assert_true(e == ERR_FULL || e == ERR_TIMEOUT);
	free_disk(h);
	begun = now_ms();
	do {
		struct many m = { next, 1, 1, 100 };

		e = store_txn(h->s, DURABLE, put_many, &m);
		if (e == ERR_RECOVER)
			assert_int_equal(store_reopen(&h->s), ERR_OK);
	} while (e && now_ms() - begun < 20000);
	print_message("works again %lld ms after space was back\n", (long long)(now_ms() - begun));
	assert_int_equal(e, ERR_OK);
	assert_true(count_calls(h) >= kept + 1);
	if (store_check(h->s, &report) != ERR_OK)
		fail_msg("%s", buf_z(&report));
	buf_fini(&report);
}

static void levels_of_free_space_and_the_reserve(void **state)
{
	static const struct { size_t spare; enum space_level level; } rows[] = {
		{ 0, SPACE_OK }, { 15 << 20, SPACE_LOW }, { 8 << 20, SPACE_VERY_LOW }, { 1 << 20, SPACE_LAST },
	};
	struct home *h = *state;
	enum space_level level;
	char path[96];

	if (!h->s)
		skip();
	snprintf(path, sizeof path, "%s/reserve", h->dir);
	for (size_t i = 0; i < ROWS(rows); i++) {
		if (i)
			fill_disk(h, rows[i].spare);
		assert_int_equal(store_space(h->s, &level), ERR_OK);
		assert_string_equal(space_name(level), space_name(rows[i].level));
		assert_int_equal(store_space_keep(h->s, &level), ERR_OK);
		assert_int_equal(access(path, F_OK), rows[i].level == SPACE_LAST ? -1 : 0);
		free_disk(h);
	}
	assert_int_equal(store_space_keep(h->s, &level), ERR_OK);
	assert_int_equal(access(path, F_OK), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(purge_and_compact_of_many_records_stay_within_the_locks, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(one_transaction_of_many_pages_has_locks_enough, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(a_backup_under_load_opens_and_verifies, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(levels_of_free_space_and_the_reserve, small_disk_setup, small_disk_teardown),
		cmocka_unit_test_setup_teardown(a_full_disk_is_reported_and_over_when_space_is_back, small_disk_setup, small_disk_teardown),
	};

	HOME_HELPER(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
