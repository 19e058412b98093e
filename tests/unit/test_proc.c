/* proc - children see what they should and nothing else; files are replaced whole; sockets never vanish. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/proc.h"
#include "unit.h"

static char dir[64];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/offhook-proc-XXXXXX");
	return mkdtemp(dir) == NULL;
}

static int teardown(void **state)
{
	pid_t pid;
	char *argv[] = { "rm", "-rf", dir, NULL };

	(void)state;
	if (proc_spawn(&pid, "/bin/rm", argv, NULL, NULL, 0) == ERR_OK)
		waitpid(pid, NULL, 0);
	return 0;
}

static const char *in_dir(const char *name)
{
	static char path[4][200];
	static unsigned next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof path[0], "%s/%s", dir, name);
	return p;
}

/* Runs a shell command; its standard output. */
static int shell(const char *command, char *const env[], const struct proc_fd *fds, size_t nfds, struct buf *out)
{
	char *argv[] = { "sh", "-c", (char *)(uintptr_t)command, NULL };
	struct proc_fd all[8];
	int p[2], status;
	pid_t pid;
	ssize_t n;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	memcpy(all, fds, nfds * sizeof *fds);
	all[nfds] = (struct proc_fd){ p[1], 1 };
	assert_int_equal(proc_spawn(&pid, "/bin/sh", argv, env, all, nfds + 1), ERR_OK);
	close(p[1]);
	do {
		char *at = buf_room(out, 4096);

		n = read(p[0], at, 4096);
		buf_wrote(out, n > 0 ? (size_t)n : 0);
	} while (n > 0);
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static const struct proc_fd none[1];

static void children_run_and_end(void **state)
{
	struct buf out = BUF_INIT;
	char *env[] = { "ONLY=this", NULL };

	(void)state;
	assert_int_equal(WEXITSTATUS(shell("echo $ONLY$HOME; exit 7", env, none, 0, &out)), 7);
	assert_string_equal(buf_z(&out), "this\n");
	buf_reset(&out);
	setenv("OFFHOOK_T", "inherited", 1);
	shell("echo $OFFHOOK_T", NULL, none, 0, &out);
	assert_string_equal(buf_z(&out), "inherited\n");
	buf_fini(&out);
}

static void a_program_that_is_not_there(void **state)
{
	char *argv[] = { "x", NULL };
	pid_t pid = 77;

	(void)state;
	assert_int_equal(proc_spawn(&pid, "/nonexistent/x", argv, NULL, NULL, 0), ERR_NOTFOUND);
	assert_int_equal(proc_spawn(&pid, "/etc", argv, NULL, NULL, 0), ERR_DENIED);
	assert_int_equal(proc_spawn(&pid, "/bin/sh", argv, NULL, &(struct proc_fd){ 999, 3 }, 1), ERR_IO);
}

static void only_the_mapped_descriptors_are_open(void **state)
{
	struct buf out = BUF_INIT;
	int leak = dup(STDIN_FILENO), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct proc_fd fds[] = { { null, 0 }, { null, 7 } };

	(void)state;
	assert_true(leak > 2);
	shell("cd /proc/self/fd && echo *", NULL, fds, 2, &out);         /* the shell lists itself: 0 1 2 7, and the one that it lists through */
	assert_true(span_starts(buf_span(&out), SPAN("0 1 2")));
	assert_non_null(strstr(buf_z(&out), " 7"));
	assert_true(out.n <= sizeof "0 1 2 3 7\n");
	close(leak);
	close(null);
	buf_fini(&out);
}

/* Each is the other's target. */
static void descriptors_may_change_places(void **state)
{
	struct buf out = BUF_INIT;
	int a, b;
	struct proc_fd fds[2];

	(void)state;
	assert_int_equal(file_replace(in_dir("a"), SPAN("A"), 0600), ERR_OK);
	assert_int_equal(file_replace(in_dir("b"), SPAN("B"), 0600), ERR_OK);
	a = open(in_dir("a"), O_RDONLY);
	b = open(in_dir("b"), O_RDONLY);
	fds[0] = (struct proc_fd){ a, b };
	fds[1] = (struct proc_fd){ b, a };
	{
		char command[80];

		snprintf(command, sizeof command, "cat <&%d; cat <&%d", a, b);
		shell(command, NULL, fds, 2, &out);
	}
	assert_string_equal(buf_z(&out), "BA");
	close(a);
	close(b);
	buf_fini(&out);
}

static void signals_start_at_their_defaults(void **state)
{
	struct buf out = BUF_INIT;
	sigset_t all, old;
	int status;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	status = shell("kill -TERM $$; echo alive", NULL, none, 0, &out);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	assert_string_equal(buf_z(&out), "");
	buf_fini(&out);
}

static void spawning_may_fail(void **state)
{
	(void)state;
#ifdef OFFHOOK_FAULTS
	char *argv[] = { "true", NULL };
	pid_t pid;

	fault_arm_named("proc.spawn", 1);
	assert_int_equal(proc_spawn(&pid, "/bin/true", argv, NULL, NULL, 0), ERR_NOMEM);
	fault_disarm();
#endif
}

static void our_own_directory(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(proc_self_dir(&out), ERR_OK);
	assert_int_equal(buf_z(&out)[0], '/');
	buf_addz(&out, "/test_proc");
	assert_int_not_equal(out.p[out.n - 1], '/');
	buf_fini(&out);
}

static void files_are_replaced_and_read(void **state)
{
	struct buf out = BUF_INIT;
	struct stat st;

	(void)state;
	assert_int_equal(file_replace(in_dir("f"), SPAN("one"), 0640), ERR_OK);
	assert_int_equal(file_replace(in_dir("f"), SPAN("two"), 0600), ERR_OK);
	assert_int_equal(stat(in_dir("f"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(file_read(&out, in_dir("f")), ERR_OK);
	assert_string_equal(buf_z(&out), "two");
	buf_fini(&out);
	assert_int_equal(file_replace(in_dir("no/f"), SPAN("x"), 0600), ERR_NOTFOUND);
	assert_int_equal(file_read(&out, in_dir("none")), ERR_NOTFOUND);
	assert_int_equal(file_read(&out, dir), ERR_IO);
	buf_fini(&out);
}

static unsigned entries(void)
{
	struct buf out = BUF_INIT;
	char command[100];
	int64_t n = -1;

	snprintf(command, sizeof command, "ls -A %s | wc -l", dir);
	shell(command, NULL, none, 0, &out);
	assert_true(span_int(span_trim(buf_span(&out)), &n));
	buf_fini(&out);
	return (unsigned)n;
}

static void a_file_that_cannot_be_written_stays_as_it_was(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(file_replace(in_dir("f"), SPAN("old"), 0600), ERR_OK);
#ifdef OFFHOOK_FAULTS
	fault_arm_named("fd.write", 1);
	assert_int_equal(file_replace(in_dir("f"), SPAN("new"), 0600), ERR_FULL);
	assert_true(fault_disarm());
#endif
	assert_int_equal(file_read(&out, in_dir("f")), ERR_OK);
	assert_string_equal(buf_z(&out), "old");
	assert_int_equal(entries(), 1);
	buf_fini(&out);
}

static void reading_stops_at_the_bound(void **state)
{
	static char big[40000];
	struct buf out = BUF_BOUND(sizeof big);

	(void)state;
	memset(big, 'x', sizeof big);
	assert_int_equal(file_replace(in_dir("f"), span_of(big, sizeof big), 0600), ERR_OK);
	assert_int_equal(file_read(&out, in_dir("f")), ERR_OK);
	assert_int_equal(out.n, sizeof big);
	buf_fini(&out);
	out.max = sizeof big - 1;
	assert_int_equal(file_read(&out, in_dir("f")), ERR_LIMIT);
	buf_fini(&out);
	out.max = 1;
	assert_int_equal(file_read(&out, "/dev/zero"), ERR_LIMIT);
	buf_fini(&out);
}

static void directories_are_made_with_their_parents(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(dir_make(in_dir("a/b//c/"), 0700), ERR_OK);
	assert_int_equal(dir_make(in_dir("a/b/c"), 0700), ERR_OK);
	assert_int_equal(stat(in_dir("a/b/c"), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(dir_make("/", 0700), ERR_OK);
	assert_int_equal(file_replace(in_dir("f"), SPAN(""), 0600), ERR_OK);
	assert_int_equal(dir_make(in_dir("f"), 0700), ERR_EXISTS);
	assert_int_not_equal(dir_make(in_dir("f/x"), 0700), ERR_OK);
	assert_int_equal(dir_make("", 0700), ERR_NOTFOUND);
}

static void unix_sockets_connect(void **state)
{
	struct stat st;
	int s, c, a;
	char in[8];

	(void)state;
	assert_int_equal(unix_listen(&s, in_dir("sock"), 0660), ERR_OK);
	assert_int_equal(stat(in_dir("sock"), &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(entries(), 1);
	assert_int_equal(unix_connect(&c, in_dir("sock"), 1000), ERR_OK);
	a = accept(s, NULL, NULL);
	assert_int_equal(fd_write_all(c, SPAN("hello")), ERR_OK);
	assert_int_equal(read(a, in, sizeof in), 5);
	assert_int_equal(fcntl(c, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fd_nonblock(c, true), ERR_OK);
	assert_int_equal(read(c, in, 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(fd_nonblock(c, false), ERR_OK);
	close(a);
	close(c);
	close(s);
}

static void a_new_listener_takes_the_name_over(void **state)
{
	int old, new, c, a;

	(void)state;
	assert_int_equal(unix_listen(&old, in_dir("sock"), 0600), ERR_OK);
	assert_int_equal(unix_listen(&new, in_dir("sock"), 0600), ERR_OK);
	assert_int_equal(unix_connect(&c, in_dir("sock"), 1000), ERR_OK);
	a = accept(new, NULL, NULL);
	assert_true(a >= 0);
	close(a);
	close(c);
	close(old);
	close(new);
}

static void nobody_there_is_down_and_a_full_queue_times_out(void **state)
{
	int s, c, held[200], n = 0;

	(void)state;
	assert_int_equal(unix_connect(&c, in_dir("none"), 100), ERR_DOWN);
	assert_int_equal(unix_listen(&s, in_dir("sock"), 0600), ERR_OK);
	listen(s, 0);
	while (n < 200 && unix_connect(&held[n], in_dir("sock"), 20) == ERR_OK)
		n++;
	assert_in_range(n, 1, 199);
	assert_int_equal(unix_connect(&c, in_dir("sock"), 20), ERR_TIMEOUT);
	close(s);
	while (n--)
		close(held[n]);
	assert_int_equal(unix_connect(&c, in_dir("sock"), 100), ERR_DOWN);
}

static void names_that_are_too_long(void **state)
{
	char big[300];
	int s;

	(void)state;
	memset(big, 'x', sizeof big);
	big[0] = '/';
	big[sizeof big - 1] = '\0';
	assert_int_equal(unix_listen(&s, big, 0600), ERR_LIMIT);
	assert_int_equal(unix_connect(&s, big, 10), ERR_LIMIT);
	assert_int_equal(unix_listen(&s, in_dir("no/sock"), 0600), ERR_NOTFOUND);
#ifdef OFFHOOK_FAULTS
	fault_arm_named("sock.new", 1);
	assert_int_equal(unix_listen(&s, in_dir("sock"), 0600), ERR_BUSY);
	fault_disarm();
#endif
}

static void addresses(void **state)
{
	static const struct { const char *in; int family, port; } rows[] = {
		{ "127.0.0.1:8081", AF_INET, 8081 }, { "0.0.0.0:0", AF_INET, 0 }, { "localhost:443", AF_INET, 443 }, { "[::]:65535", AF_INET6, 65535 },
		{ "[::1]:1", AF_INET6, 1 }, { "", 0, 0 }, { "8081", 0, 0 }, { ":8081", 0, 0 }, { "127.0.0.1:", 0, 0 }, { "127.0.0.1:65536", 0, 0 },
		{ "127.0.0.1:x", 0, 0 }, { "127.0.0.1:-1", 0, 0 }, { "127.0.0.1:000080", 0, 0 }, { "127.0.0:1", 0, 0 }, { "::1:80", 0, 0 }, { "[::1]80", 0, 0 },
		{ "[]:80", 0, 0 }, { "[127.0.0.1]:80", 0, 0 }, { "example.com:80", 0, 0 }, { "[::1:80", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sockaddr_storage sa;
		socklen_t len;
		bool ok = addr_parse(span_z(rows[i].in), &sa, &len);

		if (ok != (rows[i].family != 0))
			fail_msg("%s", rows[i].in);
		if (!ok)
			continue;
		assert_int_equal(sa.ss_family, rows[i].family);
		assert_int_equal(ntohs(((struct sockaddr_in *)&sa)->sin_port), rows[i].port);       /* the port lies at the same place in both */
	}
}

static void tcp_listens_and_a_taken_port_is_in_use(void **state)
{
	struct sockaddr_in sa;
	socklen_t len = sizeof sa;
	char again[40];
	int s, t, c;

	(void)state;
	assert_int_equal(tcp_listen(&s, SPAN("127.0.0.1:0"), 5), ERR_OK);
	assert_int_equal(getsockname(s, (struct sockaddr *)&sa, &len), 0);
	c = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(c, (struct sockaddr *)&sa, sizeof sa), 0);
	snprintf(again, sizeof again, "127.0.0.1:%d", ntohs(sa.sin_port));
	assert_int_equal(tcp_listen(&t, span_z(again), 5), ERR_INUSE);
	assert_int_equal(tcp_listen(&t, SPAN("nonsense"), 5), ERR_VALUE);
	close(c);
	close(s);
}

static void writing_to_nobody_is_closed(void **state)
{
	int p[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(p), 0);
	close(p[0]);
	assert_int_equal(fd_write_all(p[1], SPAN("x")), ERR_CLOSED);
	close(p[1]);
	assert_int_equal(fd_write_all(-1, SPAN("x")), ERR_IO);
	assert_int_equal(fd_nonblock(-1, true), ERR_IO);
	signal(SIGPIPE, SIG_DFL);
}

#define T_(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T_(children_run_and_end),
		T_(a_program_that_is_not_there),
		T_(only_the_mapped_descriptors_are_open),
		T_(descriptors_may_change_places),
		T_(signals_start_at_their_defaults),
		T_(spawning_may_fail),
		T_(our_own_directory),
		T_(files_are_replaced_and_read),
		T_(a_file_that_cannot_be_written_stays_as_it_was),
		T_(reading_stops_at_the_bound),
		T_(directories_are_made_with_their_parents),
		T_(unix_sockets_connect),
		T_(a_new_listener_takes_the_name_over),
		T_(nobody_there_is_down_and_a_full_queue_times_out),
		T_(names_that_are_too_long),
		T_(addresses),
		T_(tcp_listens_and_a_taken_port_is_in_use),
		T_(writing_to_nobody_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
