/* post_call: a real receiver on loopback, a real store; the clock is moved. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "tests/unit/store_home.h"

#include "admin-cli/post_call.h"
#include "base/hook_sign.h"
#include "base/log.h"
#include "store/agent.h"
#include "store/call.h"
#include "store/key.h"
#include "store/post.h"
#include "store/turn.h"

#define SESSION "00000001-0000-4000-8000-000000000001"
#define NOW     INT64_C(1796040000000)

/* --- a receiver that answers each request with the next status --- */

static struct receiver {
	int fd;
	uint16_t port;
	pthread_t thread;
	pthread_mutex_t lock;
	int status[8];                       /* 0: no answer at all */
	unsigned asked;
	char heard[8][8192];
} receiver = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool whole(const char *request)
{
	const char *length = strstr(request, "Content-Length: "), *body = strstr(request, "\r\n\r\n");

	return body && (!length || strlen(body + 4) >= strtoul(length + 16, NULL, 10));
}

static void answer(int fd)
{
	char text[8192] = "", reply[100];
	size_t n = 0;
	ssize_t got;
	unsigned i;

	while (n < sizeof text - 1 && (got = recv(fd, text + n, sizeof text - 1 - n, 0)) > 0) {
		n += (size_t)got;
		text[n] = '\0';
		if (whole(text))
			break;
	}
	pthread_mutex_lock(&receiver.lock);
	i = receiver.asked++;
	if (i < 8)
		memcpy(receiver.heard[i], text, n + 1);
	pthread_mutex_unlock(&receiver.lock);
	if (i < 8 && receiver.status[i]) {
		snprintf(reply, sizeof reply, "HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", receiver.status[i]);
		assert_true(send(fd, reply, strlen(reply), MSG_NOSIGNAL) > 0);
	}
	close(fd);
}

static void *receive(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = accept(receiver.fd, NULL, NULL)) >= 0)
		answer(fd);
	return NULL;
}

static void receiver_start(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;

	receiver.asked = 0;
	receiver.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(receiver.fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(receiver.fd, 16), 0);
	assert_int_equal(getsockname(receiver.fd, (struct sockaddr *)&a, &n), 0);
	receiver.port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&receiver.thread, NULL, receive, NULL), 0);
}

static void receiver_stop(void)
{
	shutdown(receiver.fd, SHUT_RDWR);
	pthread_join(receiver.thread, NULL);
	close(receiver.fd);
}

static unsigned asked(void)
{
	unsigned n;

	pthread_mutex_lock(&receiver.lock);
	n = receiver.asked;
	pthread_mutex_unlock(&receiver.lock);
	return n;
}

/* --- a call that has ended --- */

static enum err end_body(struct txn *t, void *arg)
{
	struct turn u = { .role = (char *)(uintptr_t)"assistant", .text = (char *)(uintptr_t)"Goodbye.", .started_at = NOW, .completed_at = NOW,
			  .heard_ms = FIELD_NULL_INT, .latency_ms = FIELD_NULL_INT };
	struct call c;
	enum err e;

	(void)arg;
	record_init(&call_type, &c);
	c.session_id = span_dup(SPAN(SESSION));
	c.agent = span_dup(SPAN("1"));
	c.account = span_dup(SPAN("1"));
	c.started_at = NOW - 60000;
	c.ended_at = NOW;
	c.cost = 0.0531604;
	e = turn_put(t, SPAN(SESSION), &u);
	e = e ? e : call_put(t, &c);
	record_fini(&call_type, &c);
	return e;
}

static void quiet(const char *line, void *arg)
{
	(void)line;
	(void)arg;
}

static struct poster *begin(struct home *h, const char *secret)
{
	struct poster *p = NULL;
	struct agent a;
	char url[80];

	log_to(quiet, NULL);
	clock_set(0, NOW);
	receiver_start();
	snprintf(url, sizeof url, "http://127.0.0.1:%u/hook?x=1", receiver.port);
	assert_int_equal(home_do(h, OP_GET, "agent", "default", &a, NULL), ERR_OK);
	home_set("agent", &a, "post_call_url", url);
	if (secret)
		home_set("agent", &a, "post_call_secret", secret);
	assert_int_equal(home_do(h, OP_UPDATE, "agent", NULL, &a, NULL), ERR_OK);
	record_fini(&agent_type, &a);
	assert_int_equal(store_txn(h->s, EVENTUAL, end_body, NULL), ERR_OK);
	assert_int_equal(poster_new(&p), ERR_OK);
	return p;
}

/* Until nothing is under way; real time, since sockets are real. */
static void run(struct home *h, struct poster *p)
{
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(poster_step(p, h->s), ERR_OK);
		if (!poster_busy(p))
			return;
		poll(NULL, 0, 5);
	}
	fail_msg("still busy");
}

static void end(struct poster *p)
{
	poster_free(p);
	receiver_stop();
}

static void a_call_that_has_ended_is_told_once_and_signed(void **state)
{
	struct home *h = *state;
	struct poster *p;
	struct json_object *o = NULL;
	struct buf want = BUF_INIT;
	const char *body, *signature;

	receiver.status[0] = 204;
	p = begin(h, "s3cret");
	run(h, p);
	run(h, p);
	assert_int_equal(asked(), 1);
	assert_non_null(strstr(receiver.heard[0], "POST /hook?x=1 HTTP/1.1\r\n"));
	assert_non_null(strstr(receiver.heard[0], "X-Offhook-Delivery: " SESSION "\r\n"));
	body = strstr(receiver.heard[0], "\r\n\r\n") + 4;
	assert_int_equal(hook_sign(&want, SPAN("s3cret"), NOW / 1000, span_z(body)), ERR_OK);
	signature = strstr(receiver.heard[0], "X-Offhook-Signature: ");
	assert_non_null(signature);
	assert_memory_equal(signature, want.p, want.n);
	assert_int_equal(json_read(&o, span_z(body)), ERR_OK);
	assert_span(json_get_span(o, "type"), "call.ended");
	assert_span(json_get_span(o, "id"), SESSION);
	assert_span(json_get_span(json_get(o, "call"), "agent"), "default");
	assert_non_null(strstr(body, "\"cost\":0.0531604"));
	assert_span(json_get_span(json_object_array_get_idx(json_get(o, "turns"), 0), "text"), "Goodbye.");
	json_object_put(o);
	buf_fini(&want);
	end(p);
}

static void without_a_secret_nothing_is_signed(void **state)
{
	struct home *h = *state;
	struct poster *p;

	receiver.status[0] = 200;
	p = begin(h, NULL);
	run(h, p);
	assert_int_equal(asked(), 1);
	assert_null(strstr(receiver.heard[0], "X-Offhook-Signature"));
	end(p);
}

static void what_is_not_taken_comes_again_under_the_same_id(void **state)
{
	static const int answers[] = { 500, 0, 302, 200 };
	struct home *h = *state;
	struct poster *p;

	memcpy(receiver.status, answers, sizeof answers);
	p = begin(h, NULL);
	for (unsigned i = 0; i < 4; i++) {
		char attempt[40];

		run(h, p);
		assert_int_equal(asked(), i + 1);
		snprintf(attempt, sizeof attempt, "\"attempt\":%u", i + 1);
		assert_non_null(strstr(receiver.heard[i], attempt));
		assert_non_null(strstr(receiver.heard[i], "X-Offhook-Delivery: " SESSION));
		run(h, p);
		assert_int_equal(asked(), i + 1);            /* not before its time */
		clock_move(post_pause_ms(i + 1));
	}
	run(h, p);
	assert_int_equal(asked(), 4);
	end(p);
}

static enum err events_body(struct txn *t, void *arg)
{
	return event_next_seq(t, SPAN(SESSION), arg);
}

static void what_nobody_ever_takes_is_given_up_and_noted_with_the_call(void **state)
{
	struct home *h = *state;
	struct poster *p = begin(h, NULL);
	int64_t events = 0;

	receiver_stop();                             /* connection refused from now on */
	for (unsigned i = 0; i < POST_TRIES; i++) {
		run(h, p);
		clock_move(post_pause_ms(i + 1));
	}
	run(h, p);
	assert_int_equal(store_read(h->s, events_body, &events), ERR_OK);
	assert_int_equal(events, 2);                 /* the next free number: one is written */
	poster_free(p);
}

static void a_poster_that_dies_in_between_leaves_the_rest_to_the_next(void **state)
{
	struct home *h = *state;
	struct poster *p, *q;

	receiver.status[0] = receiver.status[1] = 200;
	p = begin(h, NULL);
	assert_int_equal(poster_step(p, h->s), ERR_OK);
	assert_true(poster_busy(p));
	poster_free(p);
	assert_int_equal(poster_new(&q), ERR_OK);
	run(h, q);
	assert_in_range(asked(), 1, 2);
	run(h, q);
	assert_in_range(asked(), 1, 2);
	end(q);
}

static enum err foreign_secret_body(struct txn *t, void *arg)
{
	struct key k = { .n = 0 };
	struct agent a;
	enum err e = agent_get(t, SPAN("1"), &a);

	(void)arg;
	free(a.post_call_secret);
	a.post_call_secret = span_dup(SPAN("\001c2VhbGVkIHdpdGggYW5vdGhlciBrZXk="));      /* sealed, but not by us */
	key_id(&k, SPAN("1"));
	e = e ? e : record_put(t, &agent_type, key_span(&k), &a);
	record_fini(&agent_type, &a);
	return e;
}

static void a_message_that_cannot_be_made_holds_up_no_other_and_is_tried_again(void **state)
{
	struct home *h = *state;
	struct poster *p;
	struct agent a;

	receiver.status[0] = 200;
	p = begin(h, NULL);
	assert_int_equal(store_txn(h->s, EVENTUAL, foreign_secret_body, NULL), ERR_OK);
	run(h, p);                                   /* every step says that all is well with the queue */
	assert_int_equal(asked(), 0);
	assert_int_equal(home_do(h, OP_GET, "agent", "default", &a, NULL), ERR_OK);
	home_set("agent", &a, "post_call_secret", "s3cret");
	assert_int_equal(home_do(h, OP_UPDATE, "agent", NULL, &a, NULL), ERR_OK);
	record_fini(&agent_type, &a);
	clock_move(post_pause_ms(1));
	run(h, p);
	assert_int_equal(asked(), 1);
	assert_non_null(strstr(receiver.heard[0], "\"attempt\":2"));
	end(p);
}

static void a_url_that_is_taken_away_empties_the_queue(void **state)
{
	struct home *h = *state;
	struct poster *p = begin(h, NULL);
	struct agent a;

	assert_int_equal(home_do(h, OP_GET, "agent", "default", &a, NULL), ERR_OK);
	home_set("agent", &a, "post_call_url", "");
	assert_int_equal(home_do(h, OP_UPDATE, "agent", NULL, &a, NULL), ERR_OK);
	record_fini(&agent_type, &a);
	run(h, p);
	assert_int_equal(asked(), 0);
	end(p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_call_that_has_ended_is_told_once_and_signed, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(without_a_secret_nothing_is_signed, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(what_is_not_taken_comes_again_under_the_same_id, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(what_nobody_ever_takes_is_given_up_and_noted_with_the_call, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(a_poster_that_dies_in_between_leaves_the_rest_to_the_next, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(a_message_that_cannot_be_made_holds_up_no_other_and_is_tried_again, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(a_url_that_is_taken_away_empties_the_queue, home_setup_started, home_teardown),
	};

	HOME_HELPER(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
