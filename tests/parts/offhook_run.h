/* offhook_run - the real `offhook` beside the test: run with words, input and an environment of its own, and what came of it. */
#ifndef OFFHOOK_TEST_RUN_H
#define OFFHOOK_TEST_RUN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/proc.h"

#define ROWS(a) (sizeof(a) / sizeof *(a))

struct world {
	char dir[64];                    /* everything of this test; gone afterwards */
	char data[80];
	char program[4096];              /* the offhook to run */
	const char *more[8];             /* further variables, each name followed by its value */
};

struct ran {
	int code;                        /* exit code; 128 + signal */
	struct buf out, err;
};

static inline int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Looks every few milliseconds; for what another process does in its own time. */
#define wait_until(limit_ms, condition) do { \
	int64_t until_ = now_ms() + (limit_ms); \
	while (!(condition)) { \
		if (now_ms() > until_) \
			fail_msg("after %d ms still not: %s", (int)(limit_ms), #condition); \
		poll(NULL, 0, 5); \
	} \
} while (0)

/* $OFFHOOK_BIN, else where the makefile puts the program in relation to its tests. */
static inline void program_find(char out[4096])
{
	static const char *const places[] = { "../offhook", "../../offhook" };
	const char *named = getenv("OFFHOOK_BIN");
	struct buf self = BUF_INIT;

	assert_int_equal(proc_self_dir(&self), ERR_OK);
	if (named) {
		snprintf(out, 4096, "%s/offhook", named);
		if (access(out, X_OK) == 0)
			goto out;
	}
	for (size_t i = 0; i < ROWS(places); i++) {
		snprintf(out, 4096, "%s/%s", buf_z(&self), places[i]);
		if (access(out, X_OK) == 0)
			goto out;
	}
	fail_msg("the program offhook is not beside %s: make it first", buf_z(&self));
out:
	buf_fini(&self);
}

static inline void world_init(struct world *w)
{
	snprintf(w->dir, sizeof w->dir, "/tmp/offhook-test-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(chmod(w->dir, 0755), 0);
	snprintf(w->data, sizeof w->data, "%s/data", w->dir);
	program_find(w->program);
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st, (void)type, (void)f;
	return remove(path);
}

static inline void world_fini(struct world *w)
{
	nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Nothing of whoever runs the tests counts. */
static inline void environment_set(const struct world *w)
{
	static const char *const gone[] = { "OPENAI_API_KEY", "OPENAI_REALTIME_URL", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_VALIDATE",
					    "OFFHOOK_HTTPS_PORT", "OFFHOOK_MAX_CALLS", "OFFHOOK_SUPERVISED", "NOTIFY_SOCKET", "OFFHOOK_BIN" };

	for (size_t i = 0; i < ROWS(gone); i++)
		unsetenv(gone[i]);
	setenv("OFFHOOK_ENV", "/dev/null", 1);
	setenv("OFFHOOK_DATA_DIR", w->data, 1);
	setenv("OFFHOOK_HTTP_PORT", "0", 1);
	setenv("OFFHOOK_RELAY_LISTEN", "127.0.0.1:0", 1);
	setenv("PUBLIC_URL", "https://offhook.example", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	for (size_t i = 0; i + 1 < ROWS(w->more) && w->more[i]; i += 2)
		setenv(w->more[i], w->more[i + 1], 1);
}

static inline int temp_file(void)
{
	char name[] = "/tmp/offhook-test-file-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	unlink(name);
	return fd;
}

static inline void file_slurp(int fd, struct buf *out)
{
	char piece[4096];
	ssize_t n;

	lseek(fd, 0, SEEK_SET);
	buf_reset(out);
	while ((n = read(fd, piece, sizeof piece)) > 0)
		buf_add(out, span_of(piece, (size_t)n));
}

static inline int status_code(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* argv[0] is filled in; NULL-terminated. Runs to the end. */
static inline void offhook_argv(struct world *w, struct ran *r, const char *input, char **argv)
{
	int in = temp_file(), out = temp_file(), err = temp_file(), status;
	pid_t pid;

	assert_int_equal(fd_write_all(in, span_z(input ? input : "")), ERR_OK);
	lseek(in, 0, SEEK_SET);
	argv[0] = w->program;
	pid = fork();
	if (pid == 0) {
		dup2(in, 0);
		dup2(out, 1);
		dup2(err, 2);
		environment_set(w);
		execv(w->program, argv);
		_exit(126);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	r->code = status_code(status);
	file_slurp(out, &r->out);
	file_slurp(err, &r->err);
	close(in);
	close(out);
	close(err);
}

/* Words separated by blanks; '~' in a word stands for a blank. */
static inline void offhook(struct world *w, struct ran *r, const char *input, const char *words)
{
	char line[2048], *argv[64] = { NULL };
	size_t n = 1;

	snprintf(line, sizeof line, "%s", words);
	for (char *word = strtok(line, " "); word && n < 63; word = strtok(NULL, " ")) {
		for (char *p = word; *p; p++)
			*p = *p == '~' ? ' ' : *p;
		argv[n++] = word;
	}
	offhook_argv(w, r, input, argv);
}

static inline void ran_fini(struct ran *r)
{
	buf_fini(&r->out);
	buf_fini(&r->err);
}

#endif
