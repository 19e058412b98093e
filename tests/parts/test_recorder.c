/* recorder - files as other programs read them, what is in the place of what is missing, and what happens when the disk does not want. */
#include <fcntl.h>
#include <ftw.h>
#include <semaphore.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/proc.h"
#include "media-relay/recorder.h"
#include "tests/sim/wav.h"
#include "../unit/unit.h"
#include "watch.h"

#define PATH "recordings/2026-11-28/11111111-2222-4333-8444-555555555555.wav"

static char dir[64], file[160];
static struct recorder *r;

static sem_t failed;                     /* a file has, and whoever writes it knows */

static void on_line(const char *line, void *arg)
{
	(void)arg;
	if (strstr(line, "recorder.failed"))
		sem_post(&failed);
}

static int begin(void **st)
{
	(void)st;
	sem_init(&failed, 0, 0);
	log_to(on_line, NULL);
	snprintf(dir, sizeof dir, "/tmp/offhook-rec-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof file, "%s/" PATH, dir);
	assert_int_equal(recorder_start(&r, dir, 4), ERR_OK);
	return 0;
}

static int drop(const char *path, const struct stat *s, int type, struct FTW *f)
{
	(void)s, (void)type, (void)f;
	return remove(path);
}

static int end(void **st)
{
	(void)st;
	recorder_stop(r);
	r = NULL;
	nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS);
	log_to(NULL, NULL);
	sem_destroy(&failed);
	return 0;
}

/* A block of n pairs: left and right are these. */
static enum err put(struct reel *l, uint64_t at, size_t n, uint8_t left, uint8_t right)
{
	enum err why;
	uint8_t *room = reel_room(l, &why);

	for (size_t i = 0; room && i < n; i++) {
		room[2 * i] = left;
		room[2 * i + 1] = right;
	}
	if (room)
		reel_put(l, at, n);
	return why;
}

static struct reel *opened(void)
{
	struct reel *l = NULL;

	assert_int_equal(reel_open(&l, r, SPAN(PATH)), ERR_OK);
	return l;
}

/* Everything that was put is in the file. */
static void settle(struct reel *l)
{
	reel_close(l);
	recorder_stop(r);
	assert_int_equal(recorder_start(&r, dir, 4), ERR_OK);
}

static void is(struct span data, size_t from, size_t upto, uint8_t left, uint8_t right)
{
	for (size_t i = from; i < upto; i++)
		if ((uint8_t)data.p[2 * i] != left || (uint8_t)data.p[2 * i + 1] != right)
			fail_msg("pair %zu: %02x %02x, not %02x %02x", i, (uint8_t)data.p[2 * i], (uint8_t)data.p[2 * i + 1], left, right);
}

static struct span read_back(struct buf *b)
{
	struct buf why = BUF_INIT;
	struct wav w;

	buf_reset(b);
	assert_int_equal(file_read(b, file), ERR_OK);
	assert_int_equal(wav_parse(&w, buf_span(b), &why), ERR_OK);
	assert_int_equal(w.coding, WAV_MULAW);
	assert_int_equal(w.channels, 2);
	assert_int_equal(w.rate, 8000);
	buf_fini(&why);
	return w.data;
}

static void the_header_is_that_of_the_standard(void **st)
{
	static const uint8_t want[RECORDER_HEADER] = {
		'R', 'I', 'F', 'F', 0x32, 0x02, 0, 0, 'W', 'A', 'V', 'E', 'f', 'm', 't', ' ', 18, 0, 0, 0, 7, 0, 2, 0, 0x40, 0x1F, 0, 0, 0x80, 0x3E, 0, 0,
		2, 0, 8, 0, 0, 0, 'f', 'a', 'c', 't', 4, 0, 0, 0, 0, 1, 0, 0, 'd', 'a', 't', 'a', 0, 2, 0, 0,
	};
	uint8_t got[RECORDER_HEADER];

	(void)st;
	recorder_header(got, 256);
	assert_memory_equal(got, want, sizeof want);
}

static void what_is_missing_is_silence(void **st)
{
	struct reel *l = opened();
	struct buf b = BUF_INIT;
	struct span data;
	struct stat s;

	(void)st;
	assert_int_equal(put(l, 100, TAPE_BLOCK, 1, 2), ERR_OK);
	assert_int_equal(put(l, 20000, 50, 3, 4), ERR_OK);
	settle(l);
	data = read_back(&b);
	assert_int_equal(data.n, 2 * 20050);
	is(data, 0, 100, 0xFF, 0xFF);
	is(data, 100, 100 + TAPE_BLOCK, 1, 2);
	is(data, 100 + TAPE_BLOCK, 20000, 0xFF, 0xFF);
	is(data, 20000, 20050, 3, 4);
	assert_int_equal(stat(file, &s), 0);
	assert_int_equal(s.st_mode & 0777, 0640);
	buf_fini(&b);
}

static void the_next_relay_goes_on_and_overwrites_nothing(void **st)
{
	struct reel *l = opened();
	struct buf b = BUF_INIT;
	struct span data;

	(void)st;
	put(l, 0, 1000, 1, 2);
	settle(l);
	int fd = open(file, O_WRONLY | O_APPEND);                /* killed in the middle of a pair, and before the header was right */
	assert_int_equal(write(fd, "\x07\x08\x07", 3), 3);
	close(fd);
	l = opened();
	put(l, 2000, 500, 3, 4);
	settle(l);
	data = read_back(&b);
	assert_int_equal(data.n, 2 * 2500);
	is(data, 1000, 1001, 7, 8);
	is(data, 1001, 2000, 0xFF, 0xFF);
	is(data, 2000, 2500, 3, 4);
	l = opened();                                            /* a clock that was set back */
	put(l, 1000, 100, 5, 6);
	put(l, 1200, 100, 7, 8);
	settle(l);
	data = read_back(&b);
	assert_int_equal(data.n, 2 * 2800);
	is(data, 2000, 2500, 3, 4);
	is(data, 2500, 2600, 5, 6);
	is(data, 2600, 2700, 0xFF, 0xFF);
	is(data, 2700, 2800, 7, 8);
	buf_fini(&b);
}

/* The header is written after the block: a file that says so is whole. */
static bool has_blocks(size_t n)
{
	struct buf b = BUF_INIT;
	struct stat s;
	bool whole = stat(file, &s) == 0 && (size_t)s.st_size >= RECORDER_HEADER + 2 * n * TAPE_BLOCK && read_back(&b).n >= 2 * n * TAPE_BLOCK;

	buf_fini(&b);
	return whole;
}

/* Without an orderly end: what is on the disk is a file. */
static void each_block_leaves_a_whole_file(void **st)
{
	struct reel *l = opened();
	char *slash = strrchr(file, '/');
	int fd;

	(void)st;
	*slash = '\0';
	assert_int_equal(dir_make(file, 0750), ERR_OK);
	fd = watch_begin(file);
	*slash = '/';
	assert_true(fd >= 0);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(put(l, (i - 1) * TAPE_BLOCK, TAPE_BLOCK, 1, 2), ERR_OK);        /* there are four: none is waited for */
		while (!has_blocks(i))
			assert_true(watch_next(fd));
	}
	reel_close(l);
	close(fd);
}

static void when_too_much_waits_there_is_no_room(void **st)
{
	struct reel *l[5];
	enum err why;

	(void)st;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(reel_open(&l[i], r, SPAN("recordings/x/y.wav")), ERR_OK);
		assert_true((reel_room(l[i], &why) != NULL) == (i < 4));
		assert_int_equal(why, i < 4 ? ERR_OK : ERR_BUSY);
	}
	reel_close(l[0]);                                        /* gives its block back */
	assert_non_null(reel_room(l[4], &why));
	for (int i = 1; i < 5; i++)
		reel_close(l[i]);
}

static void a_file_that_cannot_be_written_is_the_end_of_its_reel(void **st)
{
	struct reel *l = opened(), *other;
	enum err why = ERR_OK;
	char path[100];
	int fd;

	(void)st;
	snprintf(path, sizeof path, "%s/recordings", dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);               /* in the place of the folder */
	close(fd);
	put(l, 0, 100, 1, 2);
	while (sem_wait(&failed) != 0)
		;
	assert_null(reel_room(l, &why));
	assert_true(why != ERR_OK && why != ERR_BUSY);
	reel_close(l);
	assert_int_equal(remove(path), 0);
	other = opened();
	assert_int_equal(put(other, 0, 100, 1, 2), ERR_OK);
	reel_close(other);
}

static void nobody_follows_a_link_out_of_the_folder(void **st)
{
	struct reel *l = opened();
	char path[100], target[100];
	struct stat s;

	(void)st;
	snprintf(path, sizeof path, "%s/recordings/2026-11-28", dir);
	snprintf(target, sizeof target, "%s/target", dir);
	assert_int_equal(dir_make(path, 0750), ERR_OK);
	assert_int_equal(symlink(target, file), 0);
	put(l, 0, 100, 1, 2);
	settle(l);
	assert_int_not_equal(stat(target, &s), 0);
}

static void a_call_of_days_ends_at_what_players_can_read(void **st)
{
	struct reel *l = opened();
	struct stat s;

	(void)st;
	put(l, RECORDER_MAX / 2, 100, 1, 2);
	settle(l);
	assert_int_equal(stat(file, &s), 0);
	assert_int_equal(s.st_size, RECORDER_HEADER);
}

#ifdef OFFHOOK_FAULTS
static void below_the_low_mark_nothing_is_begun(void **st)
{
	struct reel *l = NULL;

	(void)st;
	recorder_stop(r);
	fault_arm_named("recorder.space", 1);
	assert_int_equal(recorder_start(&r, dir, 4), ERR_OK);
	fault_disarm();
	assert_int_equal(reel_open(&l, r, SPAN(PATH)), ERR_FULL);
	assert_null(l);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_is_that_of_the_standard),
		cmocka_unit_test_setup_teardown(what_is_missing_is_silence, begin, end),
		cmocka_unit_test_setup_teardown(the_next_relay_goes_on_and_overwrites_nothing, begin, end),
		cmocka_unit_test_setup_teardown(each_block_leaves_a_whole_file, begin, end),
		cmocka_unit_test_setup_teardown(when_too_much_waits_there_is_no_room, begin, end),
		cmocka_unit_test_setup_teardown(a_file_that_cannot_be_written_is_the_end_of_its_reel, begin, end),
		cmocka_unit_test_setup_teardown(nobody_follows_a_link_out_of_the_folder, begin, end),
		cmocka_unit_test_setup_teardown(a_call_of_days_ends_at_what_players_can_read, begin, end),
#ifdef OFFHOOK_FAULTS
		cmocka_unit_test_setup_teardown(below_the_low_mark_nothing_is_begun, begin, end),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
