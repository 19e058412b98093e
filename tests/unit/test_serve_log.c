/* test_serve_log - lighttpd's words as lines of our log, numbers masked. */
#include "admin-cli/serve.h"
#include "base/log.h"
#include "unit.h"

static struct buf said;

static void keep(const char *line, void *arg)
{
	(void)arg;
	buf_addz(&said, line);
	buf_addc(&said, '\n');
}

static void says(const char *line, const char *level, const char *text)
{
	struct child c = { .pid = 7 };
	char want[300];

	buf_reset(&said);
	log_to(keep, NULL);
	serve_log_lighttpd(NULL, &c, span_z(line));
	log_to(NULL, NULL);
	snprintf(want, sizeof want, " %s lighttpd.says ", level);
	assert_non_null(strstr(buf_z(&said), want));
	snprintf(want, sizeof want, " pid=7 text=\"%s\"", text);
	assert_non_null(strstr(buf_z(&said), want));
}

static void date_and_place_are_left_out_and_the_level_is_ours(void **st)
{
	(void)st;
	says("2026-11-28 15:52:56: (server.c.1057) [note] graceful shutdown started", "info", "[note] graceful shutdown started");
	says("2026-11-28 15:52:56: (server.c.2078) server stopped by UID = 0 PID = 4194304", "info", "server stopped by UID = 0 PID = 4194304");
	says("2026-11-28 15:52:56: (gw_backend.c.280) establishing connection failed: socket: unix:/run/x: Connection refused", "warn",
	     "establishing connection failed: socket: unix:/run/x: Connection refused");
	says("anything else", "warn", "anything else");
	says("2026-11-28 15:52:56: (no end", "warn", "2026-11-28 15:52:56: (no end");
}

static void numbers_show_their_last_four_digits(void **st)
{
	(void)st;
	says("2026-11-28 15:52:56: (mod_auth.c.828) password doesn't match for /admin/api/numbers/+14157719482 username: x, IP: 127.0.0.1", "warn",
	     "password doesn't match for /admin/api/numbers/+***9482 username: x, IP: 127.0.0.1");
	says("/a/%2B13125550143/b", "warn", "/a/%2B***0143/b");
}

static void an_empty_line_says_nothing(void **st)
{
	struct child c = { .pid = 7 };

	(void)st;
	buf_reset(&said);
	log_to(keep, NULL);
	serve_log_lighttpd(NULL, &c, SPAN(""));
	serve_log_lighttpd(NULL, &c, SPAN("2026-11-28 15:52:56: (server.c.1057) "));
	log_to(NULL, NULL);
	assert_int_equal(said.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(date_and_place_are_left_out_and_the_level_is_ours),
		cmocka_unit_test(numbers_show_their_last_four_digits),
		cmocka_unit_test(an_empty_line_says_nothing),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	buf_fini(&said);
	return failed;
}
