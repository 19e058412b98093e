/* control - one question, one answer, under one deadline; and both sides read what the other writes. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/proc.h"
#include "control.h"

static const struct {
	struct control_request r;
	const char *line;
} lines[] = {
	{ { .op = "health" }, "{\"op\":\"health\"}\n" },
	{ { .op = "announce", .session_id = SPAN("S") }, "{\"op\":\"announce\",\"session_id\":\"S\",\"again\":false}\n" },
	{ { .op = "announce", .session_id = SPAN("S"), .again = true }, "{\"op\":\"announce\",\"session_id\":\"S\",\"again\":true}\n" },
	{ { .op = "continue", .session_id = SPAN("S"), .stream_sid = SPAN("MZ") }, "{\"op\":\"continue\",\"session_id\":\"S\",\"stream_sid\":\"MZ\"}\n" },
	{ { .op = "status", .session_id = SPAN("S"), .twilio_status = SPAN("no-answer") },
	  "{\"op\":\"status\",\"session_id\":\"S\",\"twilio_status\":\"no-answer\"}\n" },
	{ { .op = "stream", .session_id = SPAN("S"), .stream_sid = SPAN("MZ"), .event = SPAN("stream-error"), .error = SPAN("a \"b\"\n") },
	  "{\"op\":\"stream\",\"session_id\":\"S\",\"stream_sid\":\"MZ\",\"event\":\"stream-error\",\"error\":\"a \\\"b\\\"\\n\"}\n" },
	{ { .op = "hangup", .session_id = SPAN("S"), .reason = SPAN("operator") }, "{\"op\":\"hangup\",\"session_id\":\"S\",\"reason\":\"operator\"}\n" },
};

static void what_one_side_writes_the_other_reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct control_request back;
		struct json_object *owner;
		struct buf b = BUF_INIT;

		assert_int_equal(control_build(&b, &lines[i].r), ERR_OK);
		assert_string_equal(buf_z(&b), lines[i].line);
		assert_int_equal(control_parse(buf_span(&b), &back, &owner), ERR_OK);
		assert_string_equal(back.op, lines[i].r.op);
		assert_true(span_eq(back.session_id, lines[i].r.session_id) && span_eq(back.stream_sid, lines[i].r.stream_sid));
		assert_true(span_eq(back.event, lines[i].r.event) && span_eq(back.error, lines[i].r.error));
		assert_true(span_eq(back.twilio_status, lines[i].r.twilio_status) && span_eq(back.reason, lines[i].r.reason));
		assert_int_equal(back.again, lines[i].r.again);
		json_object_put(owner);
		buf_fini(&b);
	}
}

static void what_is_no_request_is_refused(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "null", "7", "{}", "{\"op\":1}", "{\"session_id\":\"S\"}", "{\"op\":\"health\"} x" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct control_request r;
		struct json_object *owner = (void *)1;

		assert_int_not_equal(control_parse(span_z(bad[i]), &r, &owner), ERR_OK);
		assert_null(owner);
	}
}

static void a_field_of_another_type_reads_as_absent(void **state)
{
	struct control_request r;
	struct json_object *owner;

	(void)state;
	assert_int_equal(control_parse(SPAN("{\"op\":\"announce\",\"session_id\":5,\"again\":\"yes\",\"more\":[]}"), &r, &owner), ERR_OK);
	assert_null(r.session_id.p);
	assert_false(r.again);
	json_object_put(owner);
}

/* --- over a socket --- */

struct peer {
	char dir[64], path[96];
	int fd, done[2];
	const char *first, *second;          /* written one after the other; first NULL: silence until the asker gives up */
	bool hang_up;
	pthread_t thread;
};

static void peer_wait(struct peer *p, int fd)
{
	struct pollfd w[2] = { { .fd = fd, .events = POLLRDHUP }, { .fd = p->done[0], .events = POLLIN } };

	poll(w, 2, 10000);
}

static void *peer_run(void *arg)
{
	struct peer *p = arg;
	char line[256];
	int fd = accept(p->fd, NULL, NULL);

	if (fd < 0)
		return NULL;
	if (recv(fd, line, sizeof line, 0) > 0 && p->first)
		send(fd, p->first, strlen(p->first), MSG_NOSIGNAL);
	if (p->second)
		send(fd, p->second, strlen(p->second), MSG_NOSIGNAL);
	if (!p->hang_up)
		peer_wait(p, fd);
	close(fd);
	return NULL;
}

static void peer_start(struct peer *p)
{
	snprintf(p->dir, sizeof p->dir, "/tmp/offhook-control-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof p->path, "%s/relay.sock", p->dir);
	assert_int_equal(unix_listen(&p->fd, p->path, 0600), ERR_OK);
	assert_int_equal(pipe(p->done), 0);
	assert_int_equal(pthread_create(&p->thread, NULL, peer_run, p), 0);
}

static void peer_stop(struct peer *p)
{
	close(p->done[1]);
	pthread_join(p->thread, NULL);
	close(p->done[0]);
	close(p->fd);
	unlink(p->path);
	rmdir(p->dir);
}

static const struct {
	const char *first, *second;
	bool hang_up;
	int timeout_ms;
	enum err e;
} answers[] = {
	{ "{\"ok\":true}\n", NULL, false, 5000, ERR_OK },
	{ "{\"ok\":tr", "ue}\n", true, 5000, ERR_OK },
	{ "{\"ok\":true}\nmore", NULL, true, 5000, ERR_OK },
	{ NULL, NULL, false, 30, ERR_TIMEOUT },
	{ "{\"ok\":", NULL, false, 30, ERR_TIMEOUT },
	{ NULL, NULL, true, 5000, ERR_CLOSED },
	{ "{\"ok\":true}", NULL, true, 5000, ERR_CLOSED },
	{ "hello\n", NULL, true, 5000, ERR_SYNTAX },
	{ "[1]\n", NULL, true, 5000, ERR_SYNTAX },
	{ "\n", NULL, true, 5000, ERR_SYNTAX },
};

static void an_answer_comes_whole_and_in_time_or_is_an_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct peer p = { .first = answers[i].first, .second = answers[i].second, .hang_up = answers[i].hang_up };
		struct json_object *o = (void *)1;
		enum err e;
		bool ok = false;

		peer_start(&p);
		e = control_ask(p.path, &(struct control_request){ .op = "health" }, answers[i].timeout_ms, &o);
		if (e != answers[i].e)
			fail_msg("row %zu: %s", i, err_name(e));
		if (e)
			assert_null(o);
		else
			assert_true(json_get_bool(o, "ok", &ok) && ok);
		json_object_put(o);
		peer_stop(&p);
	}
}

static void an_endless_answer_is_cut_off(void **state)
{
	static char endless[CONTROL_LINE_MAX + 2048];
	struct peer p = { .first = endless };
	struct json_object *o = NULL;

	(void)state;
	memset(endless, 'x', sizeof endless - 1);
	peer_start(&p);
	assert_int_equal(control_ask(p.path, &(struct control_request){ .op = "health" }, 5000, &o), ERR_LIMIT);
	peer_stop(&p);
}

static void nobody_listening_is_down(void **state)
{
	struct peer p = { .hang_up = true };
	struct json_object *o = NULL;
	int fd;

	(void)state;
	assert_int_equal(control_ask("/tmp/offhook-no-such-socket", &(struct control_request){ .op = "health" }, 100, &o), ERR_DOWN);
	snprintf(p.dir, sizeof p.dir, "/tmp/offhook-control-XXXXXX");
	assert_non_null(mkdtemp(p.dir));
	snprintf(p.path, sizeof p.path, "%s/relay.sock", p.dir);
	assert_int_equal(unix_listen(&fd, p.path, 0600), ERR_OK);
	close(fd);
	assert_int_equal(control_ask(p.path, &(struct control_request){ .op = "health" }, 100, &o), ERR_DOWN);
	unlink(p.path);
	rmdir(p.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_one_side_writes_the_other_reads),
		cmocka_unit_test(what_is_no_request_is_refused),
		cmocka_unit_test(a_field_of_another_type_reads_as_absent),
		cmocka_unit_test(an_answer_comes_whole_and_in_time_or_is_an_error),
		cmocka_unit_test(an_endless_answer_is_cut_off),
		cmocka_unit_test(nobody_listening_is_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
