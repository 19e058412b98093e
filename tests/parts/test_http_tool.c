/* http_tool: real requests to a real server on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "media-relay/http_tool.h"
#include "store/seal.h"
#include "tests/sim/tool.h"

struct world {
	char dir[64], key[80];
	struct tool_server *server;
	struct http_tools *http;
	pthread_mutex_t lock;
	struct http_answer *got[8];
	unsigned n;
};

static void deliver(void *worker, struct http_answer *a)
{
	struct world *w = worker;

	pthread_mutex_lock(&w->lock);
	w->got[w->n++] = a;
	pthread_mutex_unlock(&w->lock);
}

static unsigned answers(struct world *w)
{
	unsigned n;

	pthread_mutex_lock(&w->lock);
	n = w->n;
	pthread_mutex_unlock(&w->lock);
	return n;
}

static int setup(void **st)
{
	struct world *w = calloc(1, sizeof *w);
	struct seal_key k;
	struct tool_conf c = { .listen = "127.0.0.1:0", .secret = "s3cret" };

	strcpy(w->dir, "/tmp/offhook-http.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->key, sizeof w->key, "%s/key", w->dir);
	assert_int_equal(seal_key_load(&k, w->key, true), ERR_OK);
	pthread_mutex_init(&w->lock, NULL);
	assert_int_equal(tool_server_start(&w->server, &c), ERR_OK);
	assert_int_equal(http_tools_start(&w->http, w->key), ERR_OK);
	*st = w;
	return 0;
}

static int teardown(void **st)
{
	struct world *w = *st;

	http_tools_stop(w->http);
	tool_server_stop(w->server);
	for (unsigned i = 0; i < w->n; i++)
		http_answer_free(w->got[i]);
	unlink(w->key);
	rmdir(w->dir);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return 0;
}

static void ask(struct world *w, struct tool *t, uint64_t ticket, const char *arguments)
{
	struct http_ask a = { .ticket = ticket, .tag = 9, .tool = t, .arguments = span_z(arguments), .session_id = SPAN("11111111-2222"), .call_sid = SPAN("CA1"),
			      .caller_number = SPAN("+15550199"), .called_number = SPAN("+15550100"), .agent = SPAN("day"), .deliver = deliver, .worker = w };

	http_tools_ask(w->http, &a);
}

static struct http_answer *wait_for(struct world *w, unsigned n)
{
	for (int i = 0; i < 1000 && answers(w) < n; i++)
		poll(NULL, 0, 10);
	assert_int_equal(answers(w), n);
	return w->got[n - 1];
}

static char *url(struct world *w, const char *path)
{
	static char text[200];

	snprintf(text, sizeof text, "http://127.0.0.1:%u%s", tool_server_port(w->server), path);
	return text;
}

static void a_post_carries_arguments_call_and_signature(void **st)
{
	struct world *w = *st;
	struct tool t = { .name = (char *)"lookup", .url = url(w, "/book?x=1"), .method = (char *)"POST", .timeout_ms = 5000, .secret = (char *)"s3cret",
			  .headers = (char *)"{\"X-Key\":\"abc\",\"Bad\\nName\":\"x\",\"X-Offhook-Session\":\"mine\",\"X-Two\":\"a\\r\\nEvil: 1\"}" };
	struct buf last = BUF_INIT;
	struct http_answer *a;

	ask(w, &t, 5, "{\"day\":\"Thursday \xC3\xA4\"}");
	a = wait_for(w, 1);
	assert_null(a->error);
	assert_int_equal(a->status, 200);
	assert_int_equal(a->ticket, 5);
	assert_int_equal(a->tag, 9);
	assert_non_null(strstr(buf_z(&a->body), "\"signature\":\"good\""));
	tool_server_last(w->server, &last);
	assert_non_null(strstr(buf_z(&last), "POST /book?x=1 HTTP/1.1\r\n"));
	assert_non_null(strstr(buf_z(&last), "X-Key: abc\r\n"));
	assert_non_null(strstr(buf_z(&last), "X-Offhook-Session: 11111111-2222\r\n"));
	assert_null(strstr(buf_z(&last), "Evil"));
	assert_null(strstr(buf_z(&last), "mine"));
	assert_non_null(strstr(buf_z(&last), "\r\n\r\n{\"arguments\":{\"day\":\"Thursday \xC3\xA4\"},\"call\":{\"session_id\":\"11111111-2222\",\"twilio_call_sid\":\"CA1\","
	                       "\"caller_number\":\"+15550199\",\"called_number\":\"+15550100\",\"agent\":\"day\"}}"));
	buf_fini(&last);
}

static void a_get_has_its_arguments_in_the_query(void **st)
{
	struct world *w = *st;
	struct tool t = { .name = (char *)"lookup", .url = url(w, "/find"), .method = (char *)"GET", .timeout_ms = 5000, .secret = (char *)"s3cret" };
	struct buf last = BUF_INIT;
	struct http_answer *a;

	ask(w, &t, 1, "{\"name\":\"Ann & Bob\",\"n\":3,\"list\":[1,\"a\"]}");
	a = wait_for(w, 1);
	assert_non_null(strstr(buf_z(&a->body), "\"signature\":\"good\""));
	tool_server_last(w->server, &last);
	assert_non_null(strstr(buf_z(&last), "GET /find?name=Ann%20%26%20Bob&n=3&list=%5B1%2C%22a%22%5D HTTP/1.1\r\n"));
	buf_fini(&last);
}

static const struct { const char *name, *path; int status; const char *error; bool cut; } rows[] = {
	{ "an error is told", "/?status=503", 503, NULL, false },
	{ "a redirect is not followed", "/?status=302", 302, NULL, false },
	{ "too long an answer is cut", "/?bytes=200000", 200, NULL, true },
	{ "a connection that breaks", "/?drop=1", 0, "the request to the tool failed", false },
	{ "a slow one", "/?delay_ms=3000", 0, "the tool did not answer in time", false },
};

static void what_goes_wrong_has_words(void **st)
{
	struct world *w = *st;

	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct tool t = { .name = (char *)"t", .url = url(w, rows[i].path), .method = (char *)"POST", .timeout_ms = 500 };
		struct http_answer *a;

		ask(w, &t, i, "{}");
		a = wait_for(w, i + 1);
		if ((a->error != NULL) != (rows[i].error != NULL) || (a->error && strcmp(a->error, rows[i].error) != 0))
			fail_msg("%s: %s", rows[i].name, a->error ? a->error : "no error");
		assert_int_equal(a->cut, rows[i].cut);
		assert_true(a->body.n <= HTTP_BODY);
		if (!rows[i].error)
			assert_int_equal(a->status, rows[i].status);
	}
	assert_int_equal(tool_server_seen(w->server), 5);        /* nothing that may have been done is done twice */
}

static void nobody_there_is_tried_once_more(void **st)
{
	struct world *w = *st;
	struct tool t = { .name = (char *)"t", .url = (char *)"http://127.0.0.1:1/", .method = (char *)"POST", .timeout_ms = 2000 };

	ask(w, &t, 1, "{}");
	assert_string_equal(wait_for(w, 1)->error, "the tool cannot be reached");
}

static void other_schemes_are_not_spoken(void **st)
{
	struct world *w = *st;
	struct tool t = { .name = (char *)"t", .url = (char *)"file:///etc/passwd", .method = (char *)"GET", .timeout_ms = 2000 };

	ask(w, &t, 1, "{}");
	assert_string_equal(wait_for(w, 1)->error, "the request to the tool failed");
}

static void many_at_once_do_not_wait_for_each_other(void **st)
{
	struct world *w = *st;
	struct tool t = { .name = (char *)"t", .url = url(w, "/?delay_ms=300"), .method = (char *)"POST", .timeout_ms = 5000 };
	int64_t from = clock_ms();

	for (unsigned i = 0; i < 8; i++)
		ask(w, &t, i, "{}");
	wait_for(w, 8);
	assert_true(clock_ms() - from < 2000);
}

static void stopped_in_the_middle_nothing_is_left_behind(void **st)
{
	struct world *w = *st;
	struct tool t = { .name = (char *)"t", .url = url(w, "/?delay_ms=500"), .method = (char *)"POST", .timeout_ms = 5000 };

	ask(w, &t, 1, "{}");
	for (int i = 0; i < 500 && !tool_server_seen(w->server); i++)
		poll(NULL, 0, 10);
	ask(w, &t, 2, "{}");
}

static int quiet(void **st)
{
	(void)st;
	log_init("test", LOG_ERROR, LOG_TEXT);
	return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_post_carries_arguments_call_and_signature),
		T(a_get_has_its_arguments_in_the_query),
		T(what_goes_wrong_has_words),
		T(nobody_there_is_tried_once_more),
		T(other_schemes_are_not_spoken),
		T(many_at_once_do_not_wait_for_each_other),
		T(stopped_in_the_middle_nothing_is_left_behind),
	};

	return cmocka_run_group_tests(tests, quiet, NULL);
}
