/* test_sim_model - the simulated model as a program: TLS, the upgrade and its refusals, faults on the wire, files, many sessions at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/proc.h"
#include "tests/sim/model.h"
#include "tests/sim/model_client.h"
#include "watch.h"

#define ROWS(a) (sizeof(a) / sizeof *(a))
#define assert_span(got, want) do { \
	struct span got_ = (got); \
	if (!span_is(got_, (want))) \
		fail_msg("got \"" SPAN_FMT "\", want \"%s\"", SPAN_ARG(got_), (want)); \
} while (0)

static struct server {
	char dir[40], port[8], ca[64], stats[64], log[64], scenario[64];
	pid_t pid;
} sv;

/* --- the program in a child --- */

static void read_port(int fd)
{
	char line[200] = "";
	size_t n = 0;

	while (n < sizeof line - 1 && !strchr(line, '\n')) {
		ssize_t k = read(fd, line + n, sizeof line - 1 - n);

		if (k <= 0)
			fail_msg("the model did not start");
		n += (size_t)k;
		line[n] = 0;
	}
	assert_non_null(strstr(line, "offhook-sim: model ws"));
	snprintf(sv.port, sizeof sv.port, "%d", atoi(strrchr(line, ':') + 1));
}

/* `more`: one more option, NULL = none. The scenario's apostrophes stand for quotation marks. */
static void start(const char *scenario, const char *more, const char *value)
{
	char *argv[] = { "--ca-out", sv.ca, "--stats", sv.stats, "--log", sv.log, "--scenario", sv.scenario, (char *)(uintptr_t)more,
			 (char *)(uintptr_t)value, NULL };
	char *text = span_dup(span_z(scenario));
	int p[2], argc = 0;

	strcpy(sv.dir, "/tmp/test-model.XXXXXX");
	assert_non_null(mkdtemp(sv.dir));
	snprintf(sv.ca, sizeof sv.ca, "%s/ca.pem", sv.dir);
	snprintf(sv.stats, sizeof sv.stats, "%s/stats.json", sv.dir);
	snprintf(sv.log, sizeof sv.log, "%s/log.jsonl", sv.dir);
	snprintf(sv.scenario, sizeof sv.scenario, "%s/scenario.json", sv.dir);
	for (char *c = text; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	assert_int_equal(file_replace(sv.scenario, span_z(text), 0600), ERR_OK);
	free(text);
	while (argv[argc])
		argc++;
	assert_int_equal(pipe(p), 0);
	sv.pid = fork();
	if (sv.pid == 0) {
		dup2(p[1], 1);
		close(p[0]);
		_exit(model_main(argc, argv));
	}
	close(p[1]);
	read_port(p[0]);
	close(p[0]);
}

static struct json_object *stats(void)
{
	struct buf b = BUF_INIT;
	struct json_object *o = NULL;

	assert_int_equal(file_read(&b, sv.stats), ERR_OK);
	assert_int_equal(json_read(&o, buf_span(&b)), ERR_OK);
	buf_fini(&b);
	return o;
}

/* Those of now: the program writes them when it is told to. */
static struct json_object *stats_now(void)
{
	int fd = watch_begin(sv.dir);

	assert_true(fd >= 0);
	kill(sv.pid, SIGUSR1);
	while (access(sv.stats, R_OK) != 0)
		assert_true(watch_next(fd));
	close(fd);
	return stats();
}

static int64_t stat_of(struct json_object *o, const char *name)
{
	int64_t v = -1;

	json_get_int(o, name, &v);
	return v;
}

static void stop(void)
{
	char cmd[80];
	int st = 0;

	kill(sv.pid, SIGTERM);
	assert_int_equal(waitpid(sv.pid, &st, 0), sv.pid);
	assert_true(WIFEXITED(st));
	assert_int_equal(WEXITSTATUS(st), 0);
	snprintf(cmd, sizeof cmd, "rm -r %s", sv.dir);
	assert_int_equal(system(cmd), 0);
}

/* --- one client --- */

#define PATH "/v1/realtime?model=gpt-realtime-2.1"

static void open_as(struct model_client *c, const char *path, const char *key, const char *header)
{
	struct model_client_to to = { "127.0.0.1", sv.port, sv.ca, "localhost", path, key, header, 0 };
	struct buf why = BUF_INIT;

	if (model_client_open(c, &to, &why))
		fail_msg("%s", buf_z(&why));
	buf_fini(&why);
}

static void open_client(struct model_client *c)
{
	open_as(c, PATH, "sk-test", NULL);
}

static void say(struct model_client *c, const char *event)
{
	char *z = span_dup(span_z(event));

	for (char *p = z; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	assert_int_equal(model_client_send(c, span_z(z)), ERR_OK);
	free(z);
}

/* The next event of a type; others are passed over. */
static struct json_object *wait_for(struct model_client *c, const char *type)
{
	int64_t until = clock_ms() + 10000;
	struct span text;

	while (clock_ms() < until && model_client_get(c, 5000, &text) == CLIENT_TEXT) {
		struct json_object *o = NULL;

		if (json_read(&o, text) == ERR_OK && span_is(json_get_span(o, "type"), type))
			return o;
		json_object_put(o);
	}
	fail_msg("%s did not come (close code %d)", type, c->close_code);
	return NULL;
}

static void expect(struct model_client *c, const char *type)
{
	json_object_put(wait_for(c, type));
}

static int closed_with(struct model_client *c)
{
	struct span text;

	while (model_client_get(c, 5000, &text) == CLIENT_TEXT)
		;
	return c->close_code;
}

#define UPDATE "{'type':'session.update','session':{'type':'realtime','audio':{'input':{'format':{'type':'audio/pcmu'},'transcription':{'model':'whisper-1'}}," \
	       "'output':{'format':{'type':'audio/pcmu'}}}}}"
#define MANUAL "{'type':'session.update','session':{'type':'realtime','audio':{'input':{'format':{'type':'audio/pcmu'},'turn_detection':null}," \
	       "'output':{'format':{'type':'audio/pcmu'}}}}}"

static void append(struct model_client *c, const void *bytes, size_t n)
{
	struct buf b = BUF_INIT;
	char *p;

	buf_addz(&b, "{\"type\":\"input_audio_buffer.append\",\"audio\":\"");
	p = buf_room(&b, B64_ENCODED(n));
	assert_non_null(p);
	buf_wrote(&b, b64_encode(p, bytes, n));
	buf_addz(&b, "\"}");
	assert_int_equal(model_client_send(c, buf_span(&b)), ERR_OK);
	buf_fini(&b);
}

/* --- tests --- */

static void a_conversation_over_tls(void **state)
{
	struct model_client c;
	struct speech *sp = NULL;
	struct buf why = BUF_INIT;
	const struct clip *clip = NULL;
	uint8_t quiet[160];
	struct json_object *o;

	(void)state;
	start("{'transcript_ms':50,'turns':[{'user':'Are you open?','say':'We are.'}]}", NULL, NULL);
	open_client(&c);
	expect(&c, "session.created");
	say(&c, UPDATE);
	expect(&c, "session.updated");
	say(&c, "{'type':'response.create','response':{'instructions':'Say \\\"Good day.\\\"'}}");
	o = wait_for(&c, "response.output_audio_transcript.done");
	assert_span(json_get_span(o, "transcript"), "Good day.");
	json_object_put(o);
	expect(&c, "rate_limits.updated");
	assert_int_equal(speech_new(&sp, NULL, &why), ERR_OK);
	assert_int_equal(speech_get(sp, SPEECH_CALLER, SPAN("Are you open?"), &clip, &why), ERR_OK);
	append(&c, clip->audio[SPEECH_PCMU].p, clip->audio[SPEECH_PCMU].n);
	memset(quiet, 0xFF, sizeof quiet);
	for (int i = 0; i < 30; i++)
		append(&c, quiet, sizeof quiet);
	expect(&c, "input_audio_buffer.speech_started");
	expect(&c, "input_audio_buffer.committed");
	o = wait_for(&c, "conversation.item.input_audio_transcription.completed");
	assert_span(json_get_span(o, "transcript"), "Are you open?");
	json_object_put(o);
	o = wait_for(&c, "response.output_audio_transcript.done");
	assert_span(json_get_span(o, "transcript"), "We are.");
	json_object_put(o);
	model_client_close(&c, 1000);
	assert_int_equal(closed_with(&c), 1000);
	model_client_fini(&c);
	speech_free(sp);
	buf_fini(&why);
	stop();
}

static void faults_of_the_upgrade_are_told_after_it(void **state)
{
	static const struct {
		const char *path, *key, *header, *code;
		int close;
	} rows[] = {
		{ PATH, "sk-wrong", NULL, "invalid_api_key", 3000 },
		{ PATH, NULL, NULL, "invalid_api_key", 3000 },
		{ "/v1/realtime", "sk-right", NULL, "missing_model", 4000 },
		{ "/v1/realtime?model=", "sk-right", NULL, "missing_model", 4000 },
		{ "/v1/realtime?model=gpt-5", "sk-right", NULL, "invalid_model", 4000 },
		{ "/v1/realtime?model=nonsense", "sk-right", NULL, "model_not_found", 4004 },
		{ PATH, "sk-right", "OpenAI-Beta: realtime=v1", "beta_api_shape_disabled", 4000 },
	};

	(void)state;
	start("{}", "--key", "sk-right");
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct model_client c;
		struct json_object *o;
		char reason[100];

		open_as(&c, rows[i].path, rows[i].key, rows[i].header);
		o = wait_for(&c, "error");
		assert_span(json_get_span(json_get(o, "error"), "code"), rows[i].code);
		json_object_put(o);
		assert_int_equal(closed_with(&c), rows[i].close);
		snprintf(reason, sizeof reason, "invalid_request_error.%s", rows[i].code);
		assert_string_equal(c.close_reason, reason);
		model_client_fini(&c);
	}
	struct model_client c;

	open_as(&c, PATH, "sk-right", NULL);
	expect(&c, "session.created");
	model_client_fini(&c);
	stop();
}

static enum err try(const char *path, const char *name, int *status, struct buf *why)
{
	struct model_client_to to = { "127.0.0.1", sv.port, sv.ca, name, path, "sk-x", NULL, 0 };
	struct model_client c;
	enum err e;

	buf_reset(why);
	e = model_client_open(&c, &to, why);
	if (status)
		*status = c.status;
	if (!e)
		model_client_fini(&c);
	return e;
}

static void other_paths_do_not_exist(void **state)
{
	struct buf why = BUF_INIT;
	int status = 0;

	(void)state;
	start("{'sessions':[{'upgrade_status':503},{}]}", NULL, NULL);
	assert_int_equal(try("/v1/other?model=gpt-realtime", "localhost", &status, &why), ERR_DENIED);
	assert_int_equal(status, 404);
	assert_int_equal(try(PATH, "localhost", &status, &why), ERR_DENIED);
	assert_int_equal(status, 503);
	assert_int_equal(try(PATH, "localhost", &status, &why), ERR_OK);
	buf_fini(&why);
	stop();
}

static void the_certificate_is_for_certain_names(void **state)
{
	struct buf why = BUF_INIT;

	(void)state;
	start("{}", NULL, NULL);
	assert_int_equal(try(PATH, "localhost", NULL, &why), ERR_OK);
	assert_int_equal(try(PATH, "127.0.0.1", NULL, &why), ERR_OK);
	assert_int_equal(try(PATH, "api.openai.com", NULL, &why), ERR_DOWN);
	assert_non_null(strstr(buf_z(&why), "mismatch"));
	stop();
	start("{'cert_names':['api.openai.com']}", NULL, NULL);
	assert_int_equal(try(PATH, "api.openai.com", NULL, &why), ERR_OK);
	assert_int_equal(try(PATH, "localhost", NULL, &why), ERR_DOWN);
	stop();
	start("{'cert_days':0}", NULL, NULL);
	assert_int_equal(try(PATH, "localhost", NULL, &why), ERR_DOWN);
	assert_non_null(strstr(buf_z(&why), "expired"));
	stop();
	buf_fini(&why);
}

static void connections_can_be_cut_and_closed(void **state)
{
	struct model_client c;

	(void)state;
	start("{'sessions':[{'faults':[{'at':'session.update','do':'drop'}]},"
	      "{'faults':[{'at':'session.updated','do':'close','close':1011,'message':'going down'}]},"
	      "{'faults':[{'at':'session.updated','do':'expire'}]}]}", NULL, NULL);
	open_client(&c);
	say(&c, UPDATE);
	assert_int_equal(closed_with(&c), 1006);
	model_client_fini(&c);
	open_client(&c);
	say(&c, UPDATE);
	expect(&c, "session.updated");
	assert_int_equal(closed_with(&c), 1011);
	assert_string_equal(c.close_reason, "going down");
	model_client_fini(&c);
	open_client(&c);
	say(&c, UPDATE);
	expect(&c, "error");
	assert_int_equal(closed_with(&c), 1001);
	assert_string_equal(c.close_reason, "Your session hit the maximum duration of 60 minutes.");
	model_client_fini(&c);
	stop();
}

static void messages_come_in_pieces_huge_or_broken(void **state)
{
	struct model_client c;
	struct span text;
	unsigned frames;

	(void)state;
	start("{'faults':[{'at':'session.created','do':'fragment','bytes':100},{'at':'session.updated','do':'huge','bytes':3000000},"
	      "{'at':'session.updated','do':'garbage'},{'at':'session.updated','nth':2,'do':'binary'}]}", NULL, NULL);
	open_client(&c);
	expect(&c, "session.created");
	frames = c.frames;
	say(&c, UPDATE);
	expect(&c, "session.updated");
	assert_true(c.frames - frames > 5);
	assert_int_equal(model_client_get(&c, 5000, &text), CLIENT_TEXT);
	assert_true(text.n > 3000000);
	assert_int_equal(model_client_get(&c, 5000, &text), CLIENT_TEXT);
	assert_span(text, "{\"type\":\"response.output_audio.delta\",\"delta\":");
	say(&c, UPDATE);
	expect(&c, "session.updated");
	assert_int_equal(model_client_get(&c, 5000, &text), CLIENT_TEXT);
	assert_int_equal(text.p[0], 0);
	model_client_fini(&c);
	stop();
}

static void a_held_session_waits_and_goes_on(void **state)
{
	struct model_client c;
	struct span text;
	int64_t began;

	(void)state;
	start("{'ping_ms':50,'faults':[{'at':'session.updated','do':'stall','ms':400},{'at':'session.updated','nth':3,'do':'deaf','ms':400}]}", NULL, NULL);
	open_client(&c);
	expect(&c, "session.created");
	say(&c, UPDATE);
	began = clock_ms();
	say(&c, UPDATE);
	expect(&c, "session.updated");
	expect(&c, "session.updated");
	assert_true(clock_ms() - began >= 300);
	assert_int_equal(model_client_get(&c, 200, &text), CLIENT_TIMEOUT);
	assert_true(c.pings > 0);
	say(&c, UPDATE);                       /* the third: now it is deaf */
	expect(&c, "session.updated");
	began = clock_ms();
	say(&c, UPDATE);
	expect(&c, "session.updated");
	assert_true(clock_ms() - began >= 300);
	model_client_fini(&c);
	stop();
}

static void some_connections_are_never_answered(void **state)
{
	struct model_client_to to = { .host = "127.0.0.1", .path = PATH, .key = "sk-x" };
	struct model_client c;
	struct buf why = BUF_INIT;

	(void)state;
	start("{'silent':1}", "--plain", NULL);
	to.port = sv.port;
	to.timeout_ms = 300;
	assert_int_equal(model_client_open(&c, &to, &why), ERR_DOWN);
	assert_string_equal(buf_z(&why), "no answer to the upgrade");
	to.timeout_ms = 0;
	assert_int_equal(model_client_open(&c, &to, &why), ERR_OK);
	model_client_fini(&c);
	buf_fini(&why);
	stop();
}

static void files_tell_what_happened(void **state)
{
	struct model_client c;
	struct buf log = BUF_INIT;
	struct span rest, line;
	struct json_object *o;
	uint8_t quiet[1600];
	unsigned in = 0, out = 0;

	(void)state;
	start("{}", NULL, NULL);
	open_client(&c);
	expect(&c, "session.created");
	say(&c, "{'type':'session.update','session':{}}");
	expect(&c, "error");
	say(&c, UPDATE);
	expect(&c, "session.updated");
	memset(quiet, 0xFF, sizeof quiet);
	append(&c, quiet, sizeof quiet);
	say(&c, "not json");
	expect(&c, "error");
	o = stats_now();
	assert_int_equal(stat_of(o, "active"), 1);
	assert_int_equal(stat_of(o, "configured"), 1);
	assert_int_equal(stat_of(o, "violations"), 2);
	assert_int_equal(stat_of(json_get(o, "error_codes"), "missing_required_parameter"), 1);
	assert_int_equal(stat_of(o, "audio_bytes_in"), 1600);
	json_object_put(o);
	model_client_fini(&c);
	assert_int_equal(file_read(&log, sv.log), ERR_OK);
	rest = buf_span(&log);
	while (span_cut(&rest, '\n', &line) && line.n) {
		assert_int_equal(json_read(&o, line), ERR_OK);
		in += span_is(json_get_span(o, "dir"), "in");
		out += span_is(json_get_span(o, "dir"), "out");
		if (span_is(json_get_span(json_get(o, "event"), "type"), "input_audio_buffer.append"))
			assert_int_equal(json_get_span(json_get(o, "event"), "audio").n, 4);
		json_object_put(o);
	}
	assert_int_equal(in, 4);
	assert_int_equal(out, 4);
	buf_fini(&log);
	stop();
}

/* --- many at once --- */

#define MANY   60
#define FRAMES 100

static struct many {
	struct model_client c;
	struct pattern_check check;
} many[MANY];

static void take(struct many *m)
{
	static uint8_t bytes[8000];
	struct span text;

	while (model_client_get(&m->c, 0, &text) == CLIENT_TEXT) {
		struct json_object *o = NULL;
		size_t n = 0;

		assert_int_equal(json_read(&o, text), ERR_OK);
		if (span_is(json_get_span(o, "type"), "response.output_audio.delta")) {
			assert_true(b64_decode(bytes, sizeof bytes, json_get_span(o, "delta"), &n));
			pattern_check(&m->check, bytes, n, clock_us());
		}
		json_object_put(o);
	}
}

static bool something_comes(void)
{
	struct pollfd p[MANY];

	for (unsigned i = 0; i < MANY; i++)
		p[i] = (struct pollfd){ .fd = many[i].c.fd, .events = POLLIN };
	return poll(p, MANY, WATCH_MS) > 0;
}

static bool all_came(void)
{
	for (unsigned i = 0; i < MANY; i++)
		if (many[i].check.frames < FRAMES)
			return false;
	return true;
}

static void many_sessions_carry_the_pattern_bit_exact(void **state)
{
	uint8_t frame[PATTERN_FRAME];
	int64_t began;
	struct json_object *o;

	(void)state;
	start("{'audio':'pattern','pattern_seconds':2,'start_after_ms':0,'rate':1,'delta_ms':20}", NULL, NULL);
	for (unsigned i = 0; i < MANY; i++) {
		open_client(&many[i].c);
		expect(&many[i].c, "session.created");
		say(&many[i].c, MANUAL);
		expect(&many[i].c, "session.updated");
		pattern_check_init(&many[i].check, 0, NULL);
	}
	began = clock_ms();
	for (uint32_t f = 0; f < FRAMES; f++) {
		for (unsigned i = 0; i < MANY; i++) {
			pattern_frame(frame, PATTERN_SEED(i + 1, PATTERN_PHONE), f, clock_us());
			append(&many[i].c, frame, sizeof frame);
			take(&many[i]);
		}
		int64_t left = began + (f + 1) * 20 - clock_ms();

		if (left > 0)
			usleep((useconds_t)left * 1000);
	}
	/* a busy machine delivers late, but it delivers */
	for (int64_t until = clock_ms() + WATCH_MS; !all_came() && clock_ms() < until && something_comes();)
		for (unsigned i = 0; i < MANY; i++)
			take(&many[i]);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(many[i].check.frames, FRAMES);
		assert_int_equal(pattern_errors(&many[i].check), 0);
		model_client_close(&many[i].c, 1000);
		closed_with(&many[i].c);
		model_client_fini(&many[i].c);
	}
	o = stats_now();
	assert_int_equal(stat_of(o, "pattern_frames"), MANY * FRAMES);
	assert_int_equal(stat_of(o, "pattern_errors"), 0);
	assert_int_equal(stat_of(o, "violations"), 0);
	assert_int_equal(stat_of(o, "peak_active"), MANY);
	json_object_put(o);
	stop();
}

static void bad_options_are_told(void **state)
{
	(void)state;
	assert_int_equal(model_main(1, (char *[]){ "--nonsense", NULL }), 2);
	assert_int_equal(model_main(1, (char *[]){ "--listen", NULL }), 2);
	assert_int_equal(model_main(1, (char *[]){ "x", NULL }), 2);
	assert_int_equal(model_main(2, (char *[]){ "--scenario", "/nowhere.json", NULL }), 1);
	assert_int_equal(model_main(2, (char *[]){ "--listen", "somewhere", NULL }), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_conversation_over_tls),
		cmocka_unit_test(faults_of_the_upgrade_are_told_after_it),
		cmocka_unit_test(other_paths_do_not_exist),
		cmocka_unit_test(the_certificate_is_for_certain_names),
		cmocka_unit_test(connections_can_be_cut_and_closed),
		cmocka_unit_test(messages_come_in_pieces_huge_or_broken),
		cmocka_unit_test(a_held_session_waits_and_goes_on),
		cmocka_unit_test(some_connections_are_never_answered),
		cmocka_unit_test(files_tell_what_happened),
		cmocka_unit_test(many_sessions_carry_the_pattern_bit_exact),
		cmocka_unit_test(bad_options_are_told),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
