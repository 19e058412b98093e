/*
 * The supervisor, with the real lighttpd and housekeeping. Relay and webhook are played by this program, which finds its role in its own name:
 * so each test decides when a part is stubborn, quick or dead.
 */
#include "offhook_run.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcgiapp.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "base/json.h"

/* --- the parts as played here --- */

static int notify_fd;
static volatile sig_atomic_t asked;

static void tell(const char *line)
{
	fd_write_all(notify_fd, span_z(line));
	fd_write_all(notify_fd, SPAN("\n"));
}

static void on_term(int sig)
{
	asked += sig == SIGINT ? 2 : 1;
}

static int fd_named(const char *name)
{
	const char *all = getenv("OFFHOOK_FDS"), *p = all ? strstr(all, name) : NULL;

	return p ? atoi(p + strlen(name) + 1) : -1;
}

static void answer_health(int fd, const char *more)
{
	char line[4096], answer[128];

	if (read(fd, line, sizeof line) > 0) {
		snprintf(answer, sizeof answer, "{\"ok\":true,\"active_calls\":0,\"draining\":%s,\"version\":\"0\",\"pid\":%d}\n", more, (int)getpid());
		fd_write_all(fd, span_z(answer));
	}
	close(fd);
}

/* As the real one: the first SIGTERM drains, until the file `finish` lies in the data directory; SIGINT or a second one ends. */
static int relay_main(void)
{
	struct pollfd p = { .fd = fd_named("control"), .events = POLLIN };
	char finish[4200];

	notify_fd = fd_named("notify");
	snprintf(finish, sizeof finish, "%s/finish", getenv("OFFHOOK_DATA_DIR"));
	signal(SIGTERM, on_term);
	signal(SIGINT, on_term);
	signal(SIGHUP, SIG_IGN);
	if (p.fd != 3 || fd_named("media") != 4 || notify_fd != 6 || fcntl(5, F_GETFD) >= 0)
		return 9;                                            /* what is announced, and no more */
	tell("ready");
	for (int drains = 0; asked < 2;) {
		if (asked && !drains++) {
			tell("draining");
			p.fd = -1;
		}
		if (drains && access(finish, F_OK) == 0)
			break;
		if (poll(&p, 1, 10) > 0)
			answer_health(accept(p.fd, NULL, NULL), "false");
	}
	tell("ended session=0ff00c00-0000-4000-8000-000000000001 call=CA1 reason=shutdown seconds=12");
	return 0;
}

static int webhook_main(void)
{
	FCGX_Request r;

	signal(SIGHUP, SIG_IGN);
	FCGX_Init();
	FCGX_InitRequest(&r, 0, 0);
	while (FCGX_Accept_r(&r) >= 0) {
		char body[256];

		snprintf(body, sizeof body, "Status: 200 OK\r\nContent-Type: application/json\r\n\r\n{\"status\":\"ok\",\"database\":\"ok\",\"pid\":%d}",
			 (int)getpid());
		FCGX_PutStr(body, (int)strlen(body), r.out);
		FCGX_Finish_r(&r);
	}
	return 0;
}

/* --- one supervisor under test --- */

struct instance {
	struct world w;
	pid_t pid;
	int out, err;
	unsigned port;
	struct buf said;
};

static void copy_file(const char *from, const char *to)
{
	struct buf b = BUF_BOUND((size_t)256 << 20);

	assert_int_equal(file_read(&b, from), ERR_OK);
	assert_int_equal(file_replace(to, buf_span(&b), 0755), ERR_OK);
	buf_fini(&b);
}

/* The supervisor looks for its parts beside itself: a copy of it in a directory where they are ours. */
static void stage(struct instance *in)
{
	char from[4096], to[4200];
	ssize_t n = readlink("/proc/self/exe", from, sizeof from - 1);

	world_init(&in->w);
	snprintf(to, sizeof to, "%s/offhook", in->w.dir);
	copy_file(in->w.program, to);
	assert_true(span_copy(in->w.program, sizeof in->w.program, span_z(to)));
	assert_true(n > 0);
	from[n] = '\0';
	snprintf(to, sizeof to, "%s/offhook-relay", in->w.dir);
	assert_int_equal(symlink(from, to), 0);
	snprintf(to, sizeof to, "%s/offhook-webhook", in->w.dir);
	assert_int_equal(symlink(from, to), 0);
}

static void launch(struct instance *in)
{
	in->out = temp_file();
	in->err = temp_file();
	fcntl(in->out, F_SETFL, O_APPEND);
	in->pid = fork();
	if (in->pid == 0) {
		dup2(in->out, 1);
		dup2(in->err, 2);
		environment_set(&in->w);
		execl(in->w.program, "offhook", "serve", (char *)NULL);
		_exit(126);
	}
}

static bool has_said(struct instance *in, const char *text)
{
	file_slurp(in->out, &in->said);
	return strstr(buf_z(&in->said), text) != NULL;
}

static bool has_logged(struct instance *in, const char *text)
{
	file_slurp(in->err, &in->said);
	return strstr(buf_z(&in->said), text) != NULL;
}

static void wait_ready(struct instance *in)
{
	const char *url;

	wait_until(20000, has_said(in, "offhook: ready http://127.0.0.1:"));
	url = strstr(buf_z(&in->said), "127.0.0.1:");
	in->port = (unsigned)atoi(url + 10);
	assert_true(in->port > 0);
	wait_until(5000, has_logged(in, "relay.ready"));
}

/* Processes that were given this data directory: all parts, and what they left behind. */
static int alive(struct instance *in, const char *name, pid_t *pid)
{
	DIR *d = opendir("/proc");
	struct buf path = BUF_INIT, env = BUF_INIT, comm = BUF_INIT;
	int64_t p;
	int n = 0;

	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (!span_int(span_z(e->d_name), &p) || p == in->pid)
			continue;
		buf_reset(&path), buf_reset(&env), buf_reset(&comm);
		buf_printf(&path, "/proc/%lld/", (long long)p);
		buf_addz(&path, "environ");
		if (file_read(&env, buf_z(&path)) || !memmem(env.p ? env.p : "", env.n, in->w.data, strlen(in->w.data)))
			continue;
		path.n -= strlen("environ");
		buf_addz(&path, "comm");
		if (file_read(&comm, buf_z(&path)) || (name && !span_starts(buf_span(&comm), span_z(name))))
			continue;
		if (pid)
			*pid = (pid_t)p;
		n++;
	}
	closedir(d);
	buf_fini(&path), buf_fini(&env), buf_fini(&comm);
	return n;
}

static pid_t pid_of(struct instance *in, const char *name)
{
	pid_t pid = 0;

	assert_true(alive(in, name, &pid) > 0);
	return pid;
}

static int setup(void **state)
{
	struct instance *in = calloc(1, sizeof *in);

	stage(in);
	launch(in);
	wait_ready(in);
	*state = in;
	return 0;
}

static int ended(struct instance *in, int limit_ms)
{
	int64_t until = now_ms() + limit_ms;
	int status = 0;

	while (in->pid && waitpid(in->pid, &status, WNOHANG) == 0) {
		if (now_ms() > until)
			return -1;
		poll(NULL, 0, 5);
	}
	in->pid = 0;
	return status_code(status);
}

static void finish_calls(struct instance *in)
{
	char path[128];

	snprintf(path, sizeof path, "%s/finish", in->w.data);
	close(open(path, O_CREAT | O_WRONLY, 0600));
}

static int teardown(void **state)
{
	struct instance *in = *state;

	if (in->pid) {
		kill(in->pid, SIGINT);
		if (ended(in, 10000) < 0) {
			kill(in->pid, SIGKILL);
			ended(in, 1000);
		}
	}
	close(in->out);
	close(in->err);
	buf_fini(&in->said);
	world_fini(&in->w);
	free(in);
	return 0;
}

/* --- asking over HTTP --- */

static int http_get(struct instance *in, struct buf *answer)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)in->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const char *ask = "GET /api/health/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	int fd = socket(AF_INET, SOCK_STREAM, 0), status = 0;
	struct timeval limit = { .tv_sec = 5 };
	char piece[4096];
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	buf_reset(answer);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0 && send(fd, ask, strlen(ask), MSG_NOSIGNAL) > 0)
		while ((n = recv(fd, piece, sizeof piece, 0)) > 0)
			buf_add(answer, span_of(piece, (size_t)n));
	close(fd);
	if (sscanf(buf_z(answer), "HTTP/1.%*d %d", &status) != 1)
		status = 0;
	return status;
}

static bool answers(struct instance *in)
{
	struct buf b = BUF_INIT;
	int64_t t = now_ms();
	int status = http_get(in, &b);

	if (status != 200)
		print_message("status %d after %d ms: \"%s\"\n", status, (int)(now_ms() - t), buf_z(&b));
	buf_fini(&b);
	return status == 200;
}

/* Stopped for certain: of two signals that wait, the lower one would be first. */
static void halt(pid_t pid)
{
	char path[64];
	struct buf b = BUF_BOUND(4096);
	const char *state = NULL;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	kill(pid, SIGSTOP);
	for (int64_t until = now_ms() + 2000; now_ms() < until; poll(NULL, 0, 2)) {
		buf_reset(&b);
		if (file_read(&b, path) == ERR_OK && (state = strrchr(buf_z(&b), ')')) && state[2] == 'T')
			break;
	}
	buf_fini(&b);
}

/* --- what holds --- */

static void it_is_ready_when_everything_answers(void **state)
{
	struct instance *in = *state;
	struct stat st;
	char path[128];

	assert_true(answers(in));
	assert_int_equal(alive(in, "offhook-relay", NULL), 1);
	assert_true(alive(in, "offhook-webhook", NULL) >= 2);
	assert_int_equal(alive(in, "lighttpd", NULL), 1);
	snprintf(path, sizeof path, "%s/run/relay.sock", in->w.data);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_true(S_ISSOCK(st.st_mode));
	snprintf(path, sizeof path, "%s/db", in->w.data);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0770);
	assert_true(has_said(in, "offhook: ready"));
	assert_ptr_equal(strchr(buf_z(&in->said), '\n') + 1, in->said.p + in->said.n);       /* and nothing else on standard output */
}

static void what_is_killed_is_there_again_within_a_second(void **state)
{
	static const char *const parts[] = { "offhook-relay", "offhook-webhook", "lighttpd" };
	struct instance *in = *state;

	for (size_t i = 0; i < ROWS(parts); i++) {
		int n = alive(in, parts[i], NULL);
		pid_t pid = pid_of(in, parts[i]);
		int64_t t = now_ms();
		char line[80];

		kill(pid, SIGKILL);
		snprintf(line, sizeof line, "pid=%d signal=9", (int)pid);
		wait_until(2000, has_logged(in, line));
		wait_until(2000, alive(in, parts[i], NULL) == n);
		assert_true(now_ms() - t < 1000);
		wait_until(2000, answers(in));
	}
	assert_true(alive(in, "offhook", NULL) > 0);
}

/* The listening socket is the supervisor's: while every worker is dead, requests wait instead of failing. */
static void no_request_is_lost_while_all_workers_are_killed(void **state)
{
	struct instance *in = *state;
	pid_t pid;

	for (int round = 0; round < 5; round++) {
		while (alive(in, "offhook-webhook", &pid) > 2)
			kill(pid, SIGTERM);
		kill(pid, SIGTERM);
		for (int i = 0; i < 5; i++)
			assert_true(answers(in));
	}
}

static void what_dies_again_and_again_is_started_again_and_again(void **state)
{
	struct instance *in = *state;

	for (int i = 0; i < 8; i++) {
		pid_t pid = 0;

		wait_until(1500, alive(in, "offhook-relay", &pid) == 1);
		kill(pid, SIGKILL);
		wait_until(1500, kill(pid, 0) != 0);
	}
	wait_until(1500, alive(in, "offhook-relay", NULL) == 1);
	wait_until(2000, answers(in));
}

static void a_second_one_on_the_same_data_is_refused(void **state)
{
	struct instance *in = *state;
	struct ran r = { 0 };

	offhook(&in->w, &r, NULL, "serve");
	assert_int_equal(r.code, 4);
	assert_non_null(strstr(buf_z(&r.err), "another `offhook serve` runs on it (pid "));
	assert_int_equal(r.out.n, 0);
	assert_true(answers(in));
	ran_fini(&r);
}

static void sigterm_lets_calls_finish_and_the_webhook_stay_for_them(void **state)
{
	struct instance *in = *state;

	kill(in->pid, SIGTERM);
	wait_until(2000, has_logged(in, "serve.drain"));
	assert_true(answers(in));
	assert_int_equal(alive(in, "offhook-relay", NULL), 1);
	assert_int_equal(ended(in, 300), -1);
	finish_calls(in);
	assert_int_equal(ended(in, 20000), 0);
	assert_true(has_said(in, "offhook: call CA1 ended: shutdown after 12 s"));
	assert_int_equal(alive(in, NULL, NULL), 0);
}

static void a_part_that_dies_while_calls_finish_is_replaced(void **state)
{
	struct instance *in = *state;

	kill(in->pid, SIGTERM);
	wait_until(2000, has_logged(in, "serve.drain"));
	kill(pid_of(in, "lighttpd"), SIGKILL);
	wait_until(2000, has_logged(in, "signal=9"));
	wait_until(3000, answers(in));
	assert_int_equal(alive(in, "offhook-relay", NULL), 1);
	finish_calls(in);
	assert_int_equal(ended(in, 20000), 0);
	assert_int_equal(alive(in, NULL, NULL), 0);
}

static void a_second_sigterm_ends_at_once(void **state)
{
	struct instance *in = *state;

	kill(in->pid, SIGTERM);
	wait_until(2000, has_logged(in, "serve.drain"));
	kill(in->pid, SIGTERM);
	assert_int_equal(ended(in, 3000), 0);
	assert_int_equal(alive(in, NULL, NULL), 0);
}

static void sigint_ends_at_once_and_leaves_nothing(void **state)
{
	struct instance *in = *state;
	pid_t relay = pid_of(in, "offhook-relay");

	kill(in->pid, SIGINT);
	assert_int_equal(ended(in, 3000), 0);
	assert_int_equal(alive(in, NULL, NULL), 0);
	assert_int_equal(kill(relay, 0), -1);
}

static void a_stubborn_part_is_killed_after_a_second(void **state)
{
	struct instance *in = *state;
	int64_t t;

	halt(pid_of(in, "offhook-relay"));
	halt(pid_of(in, "offhook-webhook"));
	t = now_ms();
	kill(in->pid, SIGINT);
	assert_int_equal(ended(in, 5000), 0);
	if (now_ms() - t < 900) {
		has_logged(in, "");
		fail_msg("after %d ms: %s", (int)(now_ms() - t), buf_z(&in->said));
	}
	assert_int_equal(alive(in, NULL, NULL), 0);
}

static void kill_9_takes_everything_along_and_the_next_one_starts(void **state)
{
	struct instance *in = *state;

	kill(in->pid, SIGKILL);
	assert_int_equal(ended(in, 1000), 128 + SIGKILL);
	wait_until(2000, alive(in, NULL, NULL) == 0);
	close(in->out);
	close(in->err);
	launch(in);
	wait_ready(in);
	assert_true(answers(in));
}

static void a_relay_drained_alone_gets_its_successor_at_once(void **state)
{
	struct instance *in = *state;
	pid_t old = pid_of(in, "offhook-relay"), other = old;

	kill(old, SIGTERM);
	wait_until(1000, alive(in, "offhook-relay", NULL) == 2);
	assert_int_equal(kill(old, 0), 0);
	assert_true(answers(in));
	finish_calls(in);
	wait_until(2000, kill(old, 0) != 0);
	wait_until(2000, has_said(in, "call CA1 ended"));
	assert_int_equal(alive(in, "offhook-relay", &other), 1);
	assert_int_not_equal(other, old);
}

/* SIGTERM to all must not be the old relay's second one: its calls go on. */
static void draining_all_spares_a_relay_that_drains_already(void **state)
{
	struct instance *in = *state;
	pid_t old = pid_of(in, "offhook-relay");

	kill(old, SIGTERM);
	wait_until(1000, alive(in, "offhook-relay", NULL) == 2);
	kill(in->pid, SIGTERM);
	wait_until(2000, has_logged(in, "serve.drain"));
	assert_int_equal(ended(in, 300), -1);
	assert_int_equal(kill(old, 0), 0);
	finish_calls(in);
	assert_int_equal(ended(in, 20000), 0);
	assert_int_equal(alive(in, NULL, NULL), 0);
}

static void sighup_renews_lighttpd_and_no_request_fails(void **state)
{
	struct instance *in = *state;
	pid_t before = pid_of(in, "lighttpd"), relay = pid_of(in, "offhook-relay");

	for (int i = 0; i < 4; i++) {
		kill(in->pid, SIGHUP);
		for (int k = 0; k < 25; k++)
			assert_true(answers(in));
	}
	wait_until(3000, kill(before, 0) != 0 && alive(in, "lighttpd", NULL) == 1);
	assert_true(has_logged(in, "lighttpd.renewed"));
	assert_int_equal(kill(relay, 0), 0);
	assert_true(answers(in));
}

/* --- with TLS --- */

static void certificate_make(const char *cert, const char *key)
{
	EVP_PKEY *k = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	FILE *f;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, k);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	assert_true(X509_sign(x, k, EVP_sha256()) > 0);
	f = fopen(cert, "w");
	assert_true(f && PEM_write_X509(f, x));
	fclose(f);
	f = fopen(key, "w");
	assert_true(f && PEM_write_PrivateKey(f, k, NULL, NULL, 0, NULL, NULL));
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(k);
}

static void a_bad_certificate_leaves_the_old_lighttpd_serving(void **state)
{
	static char cert[128], key[128];
	struct instance *in = calloc(1, sizeof *in);
	pid_t before;

	stage(in);
	*state = in;                                               /* for the teardown */
	snprintf(cert, sizeof cert, "%s/cert.pem", in->w.dir);
	snprintf(key, sizeof key, "%s/key.pem", in->w.dir);
	certificate_make(cert, key);
	in->w.more[0] = "OFFHOOK_HTTPS_PORT", in->w.more[1] = "0";
	in->w.more[2] = "OFFHOOK_TLS_CERT", in->w.more[3] = cert;
	in->w.more[4] = "OFFHOOK_TLS_KEY", in->w.more[5] = key;
	launch(in);
	wait_ready(in);
	before = pid_of(in, "lighttpd");
	assert_int_equal(file_replace(cert, SPAN("garbage\n"), 0600), ERR_OK);
	kill(in->pid, SIGHUP);
	wait_until(5000, has_logged(in, "part.exit program=offhook part=lighttpd"));
	assert_true(answers(in));
	assert_int_equal(kill(before, 0), 0);
	certificate_make(cert, key);
	kill(in->pid, SIGHUP);
	wait_until(5000, has_logged(in, "lighttpd.renewed"));
	assert_true(answers(in));
	wait_until(5000, kill(before, 0) != 0);
}

static void status_says_what_is_up_and_what_is_down(void **state)
{
	struct instance *in = *state;
	struct ran r = { 0 };
	pid_t relay = pid_of(in, "offhook-relay");

	offhook(&in->w, &r, NULL, "status");
	if (r.code != 0)
		fail_msg("%s%s", buf_z(&r.out), buf_z(&r.err));
	assert_null(strstr(buf_z(&r.out), "down"));
	halt(relay);
	offhook(&in->w, &r, NULL, "status --json");
	kill(relay, SIGCONT);
	assert_int_equal(r.code, 1);
	assert_non_null(strstr(buf_z(&r.out), "\"status\": \"down\""));
	if (r.err.n)
		fail_msg("%s", buf_z(&r.err));
	ran_fini(&r);
}

/* --- what is refused at start; no instance runs --- */

static void refused(const char *key, const char *value, int code, const char *why)
{
	struct instance in = { .pid = 0 };
	int status;

	stage(&in);
	in.err = temp_file();
	in.pid = fork();
	if (in.pid == 0) {
		environment_set(&in.w);
		if (value)
			setenv(key, value, 1);
		else
			unsetenv(key);
		prctl(PR_CAPBSET_DROP, 24 /* CAP_SYS_RESOURCE */, 0, 0, 0);
		dup2(in.err, 1);
		dup2(in.err, 2);
		execl(in.w.program, "offhook", "serve", (char *)NULL);
		_exit(126);
	}
	assert_int_equal(waitpid(in.pid, &status, 0), in.pid);
	file_slurp(in.err, &in.said);
	if (status_code(status) != code || !strstr(buf_z(&in.said), why))
		fail_msg("%s=%s: exit %d, \"%s\"", key, value ? value : "", status_code(status), buf_z(&in.said));
	in.pid = 0;
	assert_int_equal(alive(&in, NULL, NULL), 0);
	close(in.err);
	buf_fini(&in.said);
	world_fini(&in.w);
}

static void a_start_that_cannot_work_says_what_to_set(void **state)
{
	int fd, port;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY) };
	socklen_t n = sizeof a;
	char text[16];

	(void)state;
	refused("PUBLIC_URL", NULL, 4, "offhook: PUBLIC_URL is not set: set it to https://");
	refused("OFFHOOK_MAX_CALLS", "100000", 4, "OFFHOOK_MAX_CALLS=100000 needs 300512 open files");
	refused("OFFHOOK_LOG_LEVEL", "loud", 4, "OFFHOOK_LOG_LEVEL=loud");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	port = ntohs(a.sin_port);
	snprintf(text, sizeof text, "%d", port);
	refused("OFFHOOK_HTTP_PORT", text, 4, "another program listens there: set OFFHOOK_HTTP_PORT to a free port");
	close(fd);
}

int main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_is_ready_when_everything_answers),
		TEST(what_is_killed_is_there_again_within_a_second),
		TEST(no_request_is_lost_while_all_workers_are_killed),
		TEST(what_dies_again_and_again_is_started_again_and_again),
		TEST(a_second_one_on_the_same_data_is_refused),
		TEST(sigterm_lets_calls_finish_and_the_webhook_stay_for_them),
		TEST(a_part_that_dies_while_calls_finish_is_replaced),
		TEST(a_second_sigterm_ends_at_once),
		TEST(sigint_ends_at_once_and_leaves_nothing),
		TEST(a_stubborn_part_is_killed_after_a_second),
		TEST(kill_9_takes_everything_along_and_the_next_one_starts),
		TEST(a_relay_drained_alone_gets_its_successor_at_once),
		TEST(draining_all_spares_a_relay_that_drains_already),
		TEST(sighup_renews_lighttpd_and_no_request_fails),
		TEST(status_says_what_is_up_and_what_is_down),
		cmocka_unit_test_setup_teardown(a_bad_certificate_leaves_the_old_lighttpd_serving, NULL, teardown),
		cmocka_unit_test(a_start_that_cannot_work_says_what_to_set),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (strcmp(argv[0], "offhook-relay") == 0)
		return relay_main();
	if (strcmp(argv[0], "offhook-webhook") == 0)
		return webhook_main();
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
