/* The command line as an operator and a script meet it: the real program on a directory of its own; exit codes, words, JSON. */
#include "offhook_run.h"

#include <pwd.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "base/json.h"
#include "settings.h"
#include "store/call.h"
#include "store/noun.h"
#include "store/turn.h"

static struct world w;

static int setup(void **state)
{
	struct ran r = { 0 };

	(void)state;
	world_init(&w);
	offhook(&w, &r, NULL, "db init");
	if (r.code)
		fail_msg("%s", buf_z(&r.err));
	ran_fini(&r);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_fini(&w);
	return 0;
}

/* One command after the other on the same data: exit code, and a part of what is said on either side. */
struct row {
	const char *words, *input;
	int code;
	const char *out, *err;           /* NULL: nothing at all, in err no complaint; "": anything */
};

/* A log line may stand there: on a busy machine the store calls for its helper. */
static bool errs(struct ran *r, const struct row *x)
{
	return x->err ? !strstr(buf_z(&r->err), x->err) : strstr(buf_z(&r->err), "offhook: ") != NULL;
}

static void run_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct ran r = { 0 };
		const struct row *x = &rows[i];

		offhook(&w, &r, x->input, x->words);
		if (r.code != x->code || (x->out ? !strstr(buf_z(&r.out), x->out) : r.out.n > 0) || errs(&r, x))
			fail_msg("row %zu, offhook %s: exit %d\n--- out\n%s--- err\n%s", i, x->words, r.code, buf_z(&r.out), buf_z(&r.err));
		ran_fini(&r);
	}
}

static void the_first_start_makes_what_a_call_needs(void **state)
{
	static const struct row rows[] = {
		{ "account list", NULL, 0, "default", NULL },
		{ "agent list", NULL, 0, " 1 default default marin", NULL },
		{ "template list", NULL, 0, "sales", NULL },
		{ "number list", NULL, 0, "PHONE NUMBER ACCOUNT AGENT IS ACTIVE\n", NULL },
		{ "tool list --json", NULL, 0, "[]\n", NULL },
		{ "call list --json", NULL, 0, "[]\n", NULL },
		{ "db init", NULL, 0, NULL, NULL },
		{ "db check", NULL, 0, "ok\n", NULL },
		{ "db check --json", NULL, 0, "\"ok\": true", NULL },
		{ "db stat", NULL, 0, "tables.agents.records                1\n", NULL },
		{ "db stat --json", NULL, 0, "\"tables\": [", NULL },
		{ "agent list --json", NULL, 0, "\"name\": \"default\"", NULL },
	};

	(void)state;
	run_rows(rows, ROWS(rows));
}

static void records_are_made_shown_changed_and_deleted(void **state)
{
	static const struct row rows[] = {
		{ "agent create name=sales voice=cedar vad_threshold=0.7", NULL, 0, "2\n", NULL },
		{ "agent show sales", NULL, 0, "voice                       cedar\n", NULL },
		{ "agent show 2 --json", NULL, 0, "\"vad_threshold\": 0.7", NULL },
		{ "agent show default/sales --json", NULL, 0, "\"tools\": [\n    \"end_call\"", NULL },
		{ "agent create", NULL, 0, "3\n", NULL },
		{ "agent show 3 --json", NULL, 0, "\"name\": \"agent-3\"", NULL },
		{ "agent set sales greeting=@-", "Good day\n", 0, NULL, NULL },
		{ "agent show sales --json", NULL, 0, "\"greeting\": \"Good day\"", NULL },
		{ "agent set sales greeting=@@home", NULL, 0, NULL, NULL },
		{ "agent set sales greeting= --json", NULL, 0, "\"greeting\": ", NULL },
		{ "agent set sales tools=end_call,send_digits --json", NULL, 0, "\"send_digits\"\n  ]", NULL },
		{ "number create phone_number=+15005550006 agent=sales", NULL, 0, "+15005550006\n", NULL },
		{ "number show +15005550006 --json", NULL, 0, "\"agent\": \"sales\"", NULL },
		{ "agent clone sales Sales~two", NULL, 0, "4\n", NULL },
		{ "agent show Sales~two --json", NULL, 0, "\"voice\": \"cedar\"", NULL },
		{ "agent default Sales~two", NULL, 0, NULL, NULL },
		{ "account show default --json", NULL, 0, "\"default_agent\": \"Sales two\"", NULL },
		{ "agent history sales", NULL, 0, "      4 ", NULL },
		{ "agent history sales", NULL, 0, " greeting\n", NULL },
		{ "agent history sales --json", NULL, 0, "\"version\": 1", NULL },
		{ "agent config sales", NULL, 0, "\"type\": \"session.update\"", NULL },
		{ "agent delete sales --force", NULL, 0, NULL, NULL },
		{ "agent show sales", NULL, 3, NULL, "offhook: agent sales: not found\n" },
		{ "number delete +15005550006", NULL, 0, NULL, NULL },
		{ "agent create night instruction_template=support", NULL, 0, "5\n", NULL },
		{ "number create +15005550006 agent=night", NULL, 0, "+15005550006\n", NULL },
		{ "number show +15005550006 --json", NULL, 0, "\"agent\": \"night\"", NULL },
		{ "tool create look url=https://x.example/ secret=mine", NULL, 0, "look\n", NULL },
		{ "tool create ask url=https://y.example/ secret=mine", NULL, 0, "ask\n", NULL },
		{ "tool set look name=ask", NULL, 4, NULL, "offhook: name: what a tool is called cannot be changed: create it anew\n" },
		{ "tool show ask --json", NULL, 0, "\"url\": \"https://y.example/\"", NULL },
		{ "tool set look name=look url=https://z.example/", NULL, 0, NULL, NULL },
		{ "number set +15005550006 phone_number=+15005550007", NULL, 4, NULL, "cannot be changed" },
		{ "tool delete look", NULL, 0, NULL, NULL },
		{ "template create mine --json", NULL, 0, "\"name\": \"mine\"", NULL },
		{ "account create other", NULL, 0, "2\n", NULL },
		{ "agent create only greeting=Hi", NULL, 0, "6\n", NULL },
		{ "agent history only", NULL, 0, "VERSION UPDATED AT               NAME CHANGED\n      1 ", NULL },
	};

	(void)state;
	run_rows(rows, ROWS(rows));
}

static void what_is_wrong_is_said_and_has_its_exit_code(void **state)
{
	static const struct row rows[] = {
		{ "frob", NULL, 2, NULL, "offhook: frob: no such command" },
		{ "agent frob", NULL, 2, NULL, "`offhook agent help`" },
		{ "agent show", NULL, 2, NULL, "offhook: agent show: <X> is missing\nusage: offhook agent show <X>\n" },
		{ "agent list --frob", NULL, 2, NULL, "unknown option --frob" },
		{ "agent create a nonsense", NULL, 2, NULL, "nonsense: must be field=value" },
		{ "agent create voice=cedar nonsense", NULL, 2, NULL, "nonsense: must be field=value" },
		{ "agent create default", NULL, 4, NULL, "exists already" },
		{ "number create 123", NULL, 4, NULL, "phone_number=123" },
		{ "agent create voise=x", NULL, 2, NULL, "did you mean voice?" },
		{ "agent create id=9", NULL, 4, NULL, "is kept by the program" },
		{ "agent create vad_threshold=3", NULL, 4, NULL, "vad_threshold=3: must be 0 to 1" },
		{ "agent create vad_type=loud", NULL, 4, NULL, "vad_type=loud" },
		{ "agent create name=default", NULL, 4, NULL, "exists already" },
		{ "agent create account=nobody", NULL, 4, NULL, "nobody" },
		{ "agent create instructions=@/no/such/file", NULL, 4, NULL, "cannot be read" },
		{ "agent set nobody voice=marin", NULL, 3, NULL, "offhook: agent nobody: not found\n" },
		{ "agent delete nobody", NULL, 3, NULL, "not found" },
		{ "number create phone_number=123", NULL, 4, NULL, "phone_number=123" },
		{ "number create", NULL, 4, NULL, "phone_number" },
		{ "call show 00000000-0000-4000-8000-000000000000", NULL, 3, NULL, "not found" },
		{ "call show CAnone", NULL, 3, NULL, "not found" },
		{ "call list --since yesterday", NULL, 4, NULL, "--since yesterday: must be a time" },
		{ "call list --status loud", NULL, 4, NULL, "must be one of" },
		{ "call list --limit 0", NULL, 4, NULL, "--limit 0" },
		{ "call list --agent nobody", NULL, 3, NULL, "agent nobody" },
		{ "call hangup 00000000-0000-4000-8000-000000000000", NULL, 3, NULL, "not found" },
		{ "status", NULL, 1, "serve", NULL },
		{ "help", NULL, 0, "offhook serve\n", NULL },
		{ "help serve", NULL, 0, "OFFHOOK_HTTP_PORT=8080", NULL },
		{ "serve --help", NULL, 0, "OFFHOOK_HTTP_PORT=8080", NULL },
		{ "sim call --help", NULL, 0, "usage: offhook-sim phone", NULL },
		{ "agent help", NULL, 0, "offhook agent create", NULL },
		{ "agent show --help", NULL, 0, "usage: offhook agent show <X>", NULL },
		{ "--version", NULL, 0, "offhook ", NULL },
	};

	(void)state;
	run_rows(rows, ROWS(rows));
}

static void an_ambiguous_name_lists_the_candidates(void **state)
{
	static const struct row rows[] = {
		{ "account create name=second", NULL, 0, "2\n", NULL },
		{ "account create name=third", NULL, 0, "3\n", NULL },
		{ "agent create name=front account=second", NULL, 0, "", NULL },
		{ "agent create name=front account=third", NULL, 0, "", NULL },
		{ "agent show front", NULL, 4, NULL, "second/front" },
		{ "agent show third/front --json", NULL, 0, "\"account\": \"third\"", NULL },
		{ "agent create name=front", NULL, 0, "", NULL },
		{ "agent show front --json", NULL, 0, "\"account\": \"default\"", NULL },           /* of the default account first */
		{ "account delete third", NULL, 4, NULL, "account third: used by agent front" },
		{ "account delete third --force", NULL, 0, NULL, NULL },
		{ "agent show third-front --json", NULL, 0, "\"account\": \"default\"", NULL },
	};

	(void)state;
	run_rows(rows, ROWS(rows));
}

static void secrets_are_never_shown_again(void **state)
{
	static const struct row rows[] = {
		{ "account set default openai_api_key=sk-very-secret twilio_auth_token=@-", "0123456789abcdef\n", 0, NULL, NULL },
		{ "account show default", NULL, 0, "openai_api_key      set\n", NULL },
		{ "account show default --json", NULL, 0, "\"twilio_auth_token\": \"set\"", NULL },
		{ "account set default openai_api_key=", NULL, 0, NULL, NULL },
		{ "account show default", NULL, 0, "openai_api_key      not set\n", NULL },
		{ "account export default", NULL, 0, "\"openai_api_key\": null", NULL },
		{ "tool create name=look url=https://x.example/", NULL, 0, "look\n", "offhook: secret of the new tool, shown this once: " },
		{ "tool show look", NULL, 0, "secret       set\n", NULL },
		{ "tool create name=own url=https://x.example/ secret=mine", NULL, 0, "own\n", NULL },
	};

	(void)state;
	run_rows(rows, ROWS(rows));
}

static void import_takes_what_export_prints_all_or_none(void **state)
{
	static const struct row rows[] = {
		{ "agent create name=a voice=cedar speed=1.2", NULL, 0, "", NULL },
		{ "agent import -", "[{\"name\":\"a\",\"voice\":\"marin\"},{\"name\":\"b\"}]", 0, "1 created, 1 replaced\n", NULL },
		{ "agent show a --json", NULL, 0, "\"voice\": \"marin\"", NULL },
		{ "agent show a --json", NULL, 0, "\"speed\": 1", NULL },      /* what the file does not say is as in a new one */
		{ "agent import -", "[{\"name\":\"c\"},{\"name\":\"a\",\"vad_threshold\":7}]", 4, NULL, "record 2 (a): vad_threshold=7: must be 0 to 1" },
		{ "agent show c", NULL, 3, NULL, "not found" },
		{ "agent import -", "[{\"name\":\"c\",\"frob\":7}]", 4, NULL, "frob: there is no such field" },
		{ "agent import -", "[1]", 4, NULL, "must be an object" },
		{ "agent import -", "nonsense", 4, NULL, "must be a JSON array" },
		{ "agent import /no/such/file", NULL, 4, NULL, "cannot be read" },
		{ "agent import - --json", "{\"name\":\"d\"}", 0, "\"created\": 1", NULL },
		{ "account set default openai_api_key=sk-x", NULL, 0, NULL, NULL },
		{ "account import -", "[{\"name\":\"default\",\"openai_api_key\":\"set\",\"fallback_number\":\"+15005550006\"}]", 0, "0 created, 1 replaced\n", NULL },
		{ "account show default --json", NULL, 0, "\"openai_api_key\": \"set\"", NULL },
		{ "account import -", "[{\"name\":\"default\"}]", 0, "1 replaced", NULL },
		{ "account show default --json", NULL, 0, "\"openai_api_key\": \"set\"", NULL },
		{ "account show default --json", NULL, 0, "\"fallback_number\": null", NULL },
	};
	struct ran r = { 0 }, again = { 0 };

	(void)state;
	run_rows(rows, ROWS(rows));
	offhook(&w, &r, NULL, "agent export");
	offhook(&w, &again, buf_z(&r.out), "agent import -");
	assert_int_equal(again.code, 0);
	assert_non_null(strstr(buf_z(&again.out), "0 created"));
	ran_fini(&r);
	ran_fini(&again);
}

/* --- calls, written as the relay writes them --- */

#define SESSION "0ff00c00-0000-4000-8000-0000000000"
#define RUNNING "0ff00c00-0000-4000-8000-000000000001"         /* the one whose status is connected */

static void set(const struct record_type *rt, void *rec, const char *field, const char *value)
{
	assert_int_equal(field_set_text(field_find(rt->fields, rt->fields_n, span_z(field)), rec, span_z(value), NULL), ERR_OK);
}

/* Some calls have a recording; that of the last names what is not ours. */
static const struct { int call; const char *path; } recordings[] = {
	{ 0, "recordings/2026-11-01/a.wav" }, { 3, "recordings/2026-11-01/b.wav" }, { 6, "recordings/2026-11-02/c.wav" }, { 9, "../outside.wav" },
};

static enum err put_calls(struct txn *t, void *arg)
{
	static const char *const statuses[] = { "ended", "connected", "error" };
	enum err e = ERR_OK;

	(void)arg;
	for (int i = 0; i < 60 && !e; i++) {
		struct call c;
		char text[64];

		record_init(&call_type, &c);
		snprintf(text, sizeof text, SESSION "%02d", i);
		set(&call_type, &c, "session_id", text);
		snprintf(text, sizeof text, "CA%032d", i);
		set(&call_type, &c, "twilio_call_sid", text);
		snprintf(text, sizeof text, "2026-11-01T10:%02d:00.000Z", i);
		set(&call_type, &c, "started_at", text);
		set(&call_type, &c, "status", statuses[i % 3]);
		set(&call_type, &c, "caller_number", i % 2 ? "+15005550001" : "+15005550002");
		set(&call_type, &c, "account", "1");
		set(&call_type, &c, "agent", "1");
		for (size_t k = 0; k < ROWS(recordings); k++)
			if (recordings[k].call == i)
				set(&call_type, &c, "recording", recordings[k].path);
		e = call_put(t, &c);
		record_fini(&call_type, &c);
	}
	return e;
}

static enum err put_turns(struct txn *t, void *arg)
{
	static const char *const said[][2] = { { "assistant", "Hello" }, { "user", "Hi\033[31m there" }, { "assistant", "Bye" } };
	enum err e = ERR_OK;

	(void)arg;
	for (int i = 0; i < 3 && !e; i++) {
		struct turn u;

		record_init(&turn_type, &u);
		u.seq = i;
		set(&turn_type, &u, "role", said[i][0]);
		set(&turn_type, &u, "text", said[i][1]);
		set(&turn_type, &u, "started_at", "2026-11-01T10:00:01.500Z");
		u.interrupted = i == 2;
		e = turn_put(t, SPAN(SESSION "00"), &u);
		record_fini(&turn_type, &u);
	}
	return e;
}

struct event_job {
	const char *session;
	int64_t seq;
	const char *type;
};

static enum err put_event(struct txn *t, void *arg)
{
	const struct event_job *j = arg;
	struct event ev;
	enum err e;

	record_init(&event_type, &ev);
	ev.seq = j->seq;
	set(&event_type, &ev, "event_type", j->type);
	set(&event_type, &ev, "created_at", "2026-11-01T10:00:02.250Z");
	set(&event_type, &ev, "payload", "{\"n\":1}");
	e = event_put(t, span_z(j->session), &ev);
	record_fini(&event_type, &ev);
	return e;
}

static enum err end_call(struct txn *t, void *arg)
{
	struct call c;
	enum err e = call_get_for_update(t, span_z(arg), &c);

	if (e)
		return e;
	set(&call_type, &c, "status", "ended");
	e = call_put(t, &c);
	record_fini(&call_type, &c);
	return e;
}

/* The test writes as another process would, and closes before the program looks, or while it looks. */
static struct store *open_store(void)
{
	static char home[128], key[128];
	struct store_options o = { .home = home, .key_file = key, .sentinel = true };
	struct store *s = NULL;

	snprintf(home, sizeof home, "%s/db", w.data);
	snprintf(key, sizeof key, "%s/secret.key", w.data);
	assert_int_equal(store_open(&s, &o), ERR_OK);
	return s;
}

static void calls_make(void)
{
	struct event_job ev[] = { { SESSION "00", 0, "call.announced" }, { SESSION "00", 1, "stream.started" } };
	struct store *s = open_store();

	assert_int_equal(store_txn(s, DURABLE, put_calls, NULL), ERR_OK);
	assert_int_equal(store_txn(s, DURABLE, put_turns, NULL), ERR_OK);
	for (size_t i = 0; i < ROWS(ev); i++)
		assert_int_equal(store_txn(s, DURABLE, put_event, &ev[i]), ERR_OK);
	store_close(s);
}

static size_t count(const char *words)
{
	struct ran r = { 0 };
	struct json_object *o = NULL;
	size_t n;

	offhook(&w, &r, NULL, words);
	assert_int_equal(r.code, 0);
	assert_int_equal(json_read(&o, buf_span(&r.out)), ERR_OK);
	n = json_object_array_length(o);
	json_object_put(o);
	ran_fini(&r);
	return n;
}

static void calls_are_listed_newest_first_and_filtered(void **state)
{
	static const struct row rows[] = {
		{ "call list --limit 1", NULL, 0, SESSION "59", NULL },
		{ "call show " SESSION "07 --json", NULL, 0, "\"twilio_call_sid\": \"CA00000000000000000000000000000007\"", NULL },
		{ "call show CA00000000000000000000000000000007 --json", NULL, 0, SESSION "07", NULL },
		{ "call show CA00000000000000000000000000000007 --json", NULL, 0, "\"agent\": \"default\"", NULL },
		{ "call show " SESSION "07", NULL, 0, "usage              {", NULL },
	};

	(void)state;
	calls_make();
	run_rows(rows, ROWS(rows));
	assert_int_equal(count("call list --json"), 50);
	assert_int_equal(count("call list --json --limit 1000"), 60);
	assert_int_equal(count("call list --json --status ended --limit 100"), 20);
	assert_int_equal(count("call list --json --number +15005550001 --limit 100"), 30);
	assert_int_equal(count("call list --json --agent default --since 2026-11-01T10:50:00Z"), 10);
	assert_int_equal(count("call list --json --until 2026-11-01"), 0);
	assert_int_equal(count("call list --json --q CA00000000000000000000000000000007"), 1);
}

static void a_call_is_told_and_deleted(void **state)
{
	static const struct row rows[] = {
		{ "call transcript " SESSION "00", NULL, 0, "10:00:01.500  assistant  Hello\n10:00:01.500  user       Hi\xEF\xBF\xBD[31m there\n", NULL },
		{ "call transcript " SESSION "00", NULL, 0, "10:00:01.500  assistant  Bye [interrupted]\n", NULL },
		{ "call transcript " SESSION "00 --json", NULL, 0, "\"role\": \"assistant\"", NULL },
		{ "call transcript " SESSION "01", NULL, 0, NULL, NULL },
		{ "call events " SESSION "00", NULL, 0, "10:00:02.250  call.announced                {\"n\":1}\n", NULL },
		{ "call events " SESSION "00 --json", NULL, 0, "\"event_id\": \"" SESSION "00-1\"", NULL },
		{ "call events " SESSION "00 --follow", NULL, 0, "stream.started", NULL },           /* it has ended: so does this */
		{ "call export " SESSION "00", NULL, 0, "\"turns\": [", NULL },
		{ "call delete " SESSION "01", NULL, 4, NULL, "is still going on" },
		{ "call delete " SESSION "00", NULL, 0, NULL, NULL },
		{ "call show " SESSION "00", NULL, 3, NULL, "not found" },
		{ "call transcript " SESSION "00", NULL, 3, NULL, "not found" },
	};

	(void)state;
	calls_make();
	run_rows(rows, ROWS(rows));
}

static bool is_there(const char *path)
{
	char full[200];
	struct stat st;

	snprintf(full, sizeof full, "%s/%s", w.data, path);
	return stat(full, &st) == 0;
}

static void recordings_make(void)
{
	static const char *const folders[] = { "recordings/2026-11-01", "recordings/2026-11-02" };
	char full[200];

	for (size_t i = 0; i < ROWS(folders); i++) {
		snprintf(full, sizeof full, "%s/%s", w.data, folders[i]);
		assert_int_equal(dir_make(full, 0750), ERR_OK);
	}
	for (size_t i = 0; i < ROWS(recordings); i++) {
		int fd;

		snprintf(full, sizeof full, "%s/%s", w.data, recordings[i].path);
		fd = open(full, O_WRONLY | O_CREAT, 0640);
		assert_true(fd >= 0);
		close(fd);
	}
}

static void recordings_go_with_their_calls(void **state)
{
	static const struct row rows[] = {
		{ "call delete " SESSION "00", NULL, 0, NULL, NULL }, { "call delete " SESSION "01", NULL, 4, NULL, "still going on" },
	};
	static const struct row purge[] = { { "db purge --older-than 1d", NULL, 0, "39 calls deleted", NULL } };

	(void)state;
	calls_make();
	recordings_make();
	run_rows(rows, ROWS(rows));
	assert_false(is_there(recordings[0].path));
	for (size_t i = 1; i < ROWS(recordings); i++)
		assert_true(is_there(recordings[i].path));
	run_rows(purge, ROWS(purge));
	assert_false(is_there("recordings/2026-11-01") || is_there("recordings/2026-11-02"));
	assert_true(is_there("recordings") && is_there("../outside.wav"));
}

static pid_t start(int *out, const char *const *words)
{
	char *argv[8] = { w.program };
	int ends[2];
	pid_t pid;

	for (size_t i = 0; words[i]; i++)
		argv[i + 1] = (char *)(uintptr_t)words[i];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], 1);
		environment_set(&w);
		execv(w.program, argv);
		_exit(126);
	}
	close(ends[1]);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	*out = ends[0];
	return pid;
}

static bool reads(int fd, struct buf *b, const char *text)
{
	char piece[4096];
	ssize_t n;

	while ((n = read(fd, piece, sizeof piece)) > 0)
		buf_add(b, span_of(piece, (size_t)n));
	return strstr(buf_z(b), text) != NULL;
}

static void following_prints_what_happens_and_ends_with_the_call(void **state)
{
	static const char *const words[] = { "call", "events", RUNNING, "--follow", NULL };
	struct event_job a = { RUNNING, 0, "first.event" }, b = { RUNNING, 1, "second.event" };
	struct buf got = BUF_INIT;
	struct store *s;
	int out, status;
	pid_t pid;

	(void)state;
	calls_make();
	s = open_store();
	pid = start(&out, words);
	assert_int_equal(store_txn(s, EVENTUAL, put_event, &a), ERR_OK);
	wait_until(10000, reads(out, &got, "first.event"));
	assert_int_equal(store_txn(s, EVENTUAL, put_event, &b), ERR_OK);
	wait_until(10000, reads(out, &got, "second.event"));
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_int_equal(store_txn(s, EVENTUAL, end_call, (void *)(uintptr_t)RUNNING), ERR_OK);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status_code(status), 0);
	assert_null(strstr(strstr(buf_z(&got), "first.event") + 1, "first.event"));          /* each one once */
	store_close(s);
	close(out);
	buf_fini(&got);
}

struct turn_job {
	int64_t seq;
	const char *text, *completed_at;
};

static enum err put_spoken(struct txn *t, void *arg)
{
	const struct turn_job *j = arg;
	struct turn u;
	enum err e;

	record_init(&turn_type, &u);
	u.seq = j->seq;
	set(&turn_type, &u, "role", "assistant");
	set(&turn_type, &u, "text", j->text);
	set(&turn_type, &u, "started_at", "2026-11-01T10:00:01.500Z");
	if (j->completed_at)
		set(&turn_type, &u, "completed_at", j->completed_at);
	e = turn_put(t, SPAN(RUNNING), &u);
	record_fini(&turn_type, &u);
	return e;
}

/* The record of an answer grows while it is heard: it is printed once, when it is whole. */
static void a_turn_is_followed_to_its_end(void **state)
{
	static const char *const words[] = { "call", "follow", RUNNING, NULL };
	struct turn_job open = { 0, "Half of", NULL }, later = { 1, "Another", "2026-11-01T10:00:02.000Z" }, whole = { 0, "Half of it", "2026-11-01T10:00:03.000Z" };
	struct buf got = BUF_INIT;
	struct store *s;
	int out, status;
	pid_t pid;

	(void)state;
	calls_make();
	s = open_store();
	assert_int_equal(store_txn(s, EVENTUAL, put_spoken, &open), ERR_OK);
	assert_int_equal(store_txn(s, EVENTUAL, put_spoken, &later), ERR_OK);
	pid = start(&out, words);
	wait_until(10000, reads(out, &got, "Another\n"));
	assert_null(strstr(buf_z(&got), "Half"));
	assert_int_equal(store_txn(s, EVENTUAL, put_spoken, &whole), ERR_OK);
	wait_until(10000, reads(out, &got, "Half of it\n"));
	assert_int_equal(store_txn(s, EVENTUAL, end_call, (void *)(uintptr_t)RUNNING), ERR_OK);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status_code(status), 0);
	store_close(s);
	close(out);
	buf_fini(&got);
}

/* Interrupted at any moment, it closes the database first: nobody else meets a recovery. */
static void an_interrupt_never_costs_others_a_recovery(void **state)
{
	static const char *const write[] = { "agent", "set", "default", "voice=marin", NULL };
	static const char *const follow[] = { "call", "follow", RUNNING, NULL };
	struct store *s;
	int out, status;

	(void)state;
	calls_make();
	s = open_store();
	for (int i = 0; i < 24; i++) {
		pid_t pid = start(&out, i % 2 ? follow : write);

		poll(NULL, 0, i * 7);
		kill(pid, i % 3 ? SIGINT : SIGTERM);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		close(out);
		assert_false(store_recovered(s));
	}
	assert_int_equal(store_txn(s, DURABLE, end_call, (void *)(uintptr_t)RUNNING), ERR_OK);
	store_close(s);
}

/* Two thirds of the calls have ended and are weeks old; what still runs is never purged. */
static void housekeeping_purges_what_is_too_old(void **state)
{
	static const char *const words[] = { "housekeeping", NULL };
	int out, status;
	pid_t pid;

	(void)state;
	calls_make();
	setenv("OFFHOOK_RETENTION_DAYS", "1", 1);
	pid = start(&out, words);
	unsetenv("OFFHOOK_RETENTION_DAYS");
	wait_until(20000, count("call list --json --limit 100") == 20);
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status_code(status), 0);
	assert_int_equal(count("call list --json --status connected --limit 100"), 20);
	close(out);
}

static void housekeeping_lives_through_somebody_elses_death(void **state)
{
	static const char *const words[] = { "housekeeping", NULL };
	struct ran r = { 0 };
	int out, status;
	pid_t pid = start(&out, words), victim;

	(void)state;
	for (int i = 0; i < 5; i++) {
		int unused;

		victim = start(&unused, words);
		poll(NULL, 0, 200 + i * 70);
		kill(victim, SIGKILL);
		assert_int_equal(waitpid(victim, &status, 0), victim);
		close(unused);
		offhook(&w, &r, NULL, "agent set default voice=cedar");       /* who opens next recovers, if there is something to recover */
		assert_int_equal(r.code, 0);
	}
	offhook(&w, &r, NULL, "db check");
	assert_int_equal(r.code, 0);
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status_code(status) != 0 && status_code(status) != STORE_EXIT)
		fail_msg("%d", status_code(status));
	close(out);
	ran_fini(&r);
}

static void nobody_reading_is_no_failure(void **state)
{
	static const char *const words[] = { "agent", "show", "default", NULL };
	int out, status;
	pid_t pid;

	(void)state;
	pid = start(&out, words);
	close(out);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status_code(status), 0);
}

static void passwords_come_from_standard_input_when_it_is_no_terminal(void **state)
{
	static const struct row rows[] = {
		{ "admin passwd bob", "correct horse\n", 0, NULL, NULL },
		{ "admin passwd ann", "battery staple", 0, NULL, NULL },
		{ "admin passwd bob", "another horse\n", 0, NULL, NULL },
		{ "admin passwd bob", "short\n", 4, NULL, "at least 8" },
		{ "admin passwd a:b", "long enough\n", 4, NULL, "no colon" },
		{ "admin passwd", NULL, 2, NULL, "<USER> is missing" },
	};
	struct buf b = BUF_INIT;
	char path[128];
	struct stat st;

	(void)state;
	run_rows(rows, ROWS(rows));
	snprintf(path, sizeof path, "%s/htpasswd", w.data);
	assert_int_equal(file_read(&b, path), ERR_OK);
	assert_true(span_starts(buf_span(&b), SPAN("ann:$y$")));
	assert_non_null(strstr(buf_z(&b), "\nbob:$y$"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0007, 0);
	buf_fini(&b);
}

/* --- a data directory has one owner --- */

static uid_t nobody_uid(void)
{
	const struct passwd *pw = getpwnam("nobody");

	return pw ? pw->pw_uid : 65534;
}

static int give_away(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st, (void)type, (void)f;
	return chown(path, nobody_uid(), (gid_t)-1);
}

static void root_becomes_the_owner_and_others_are_refused(void **state)
{
	struct ran r = { 0 };
	struct stat st;
	char path[128], program[4200];
	struct buf b = BUF_BOUND((size_t)256 << 20);
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(nftw(w.data, give_away, 16, FTW_PHYS), 0);
	offhook(&w, &r, "correct horse\n", "admin passwd bob");
	assert_int_equal(r.code, 0);
	snprintf(path, sizeof path, "%s/htpasswd", w.data);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, nobody_uid());
	offhook(&w, &r, NULL, "agent list");
	if (r.code)
		fail_msg("%s", buf_z(&r.err));

	/* Root's directory, seen by somebody else, with a program that somebody else can reach. */
	assert_int_equal(chown(w.data, 0, (gid_t)-1), 0);
	snprintf(program, sizeof program, "%s/offhook", w.dir);
	assert_int_equal(file_read(&b, w.program), ERR_OK);
	assert_int_equal(file_replace(program, buf_span(&b), 0755), ERR_OK);
	assert_true(span_copy(w.program, sizeof w.program, span_z(program)));
	pid = fork();
	if (pid == 0) {
		int fd = temp_file();

		if (setgid(nobody_uid()) || setuid(nobody_uid()))
			_exit(1);
		environment_set(&w);
		dup2(fd, 2);
		execl(w.program, "offhook", "agent", "list", (char *)NULL);
		_exit(126);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status_code(status), 4);
	buf_fini(&b);
	ran_fini(&r);
}

int main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_first_start_makes_what_a_call_needs),
		TEST(records_are_made_shown_changed_and_deleted),
		TEST(what_is_wrong_is_said_and_has_its_exit_code),
		TEST(an_ambiguous_name_lists_the_candidates),
		TEST(secrets_are_never_shown_again),
		TEST(import_takes_what_export_prints_all_or_none),
		TEST(calls_are_listed_newest_first_and_filtered),
		TEST(a_call_is_told_and_deleted),
		TEST(recordings_go_with_their_calls),
		TEST(following_prints_what_happens_and_ends_with_the_call),
		TEST(a_turn_is_followed_to_its_end),
		TEST(an_interrupt_never_costs_others_a_recovery),
		TEST(housekeeping_purges_what_is_too_old),
		TEST(housekeeping_lives_through_somebody_elses_death),
		TEST(nobody_reading_is_no_failure),
		TEST(passwords_come_from_standard_input_when_it_is_no_terminal),
		TEST(root_becomes_the_owner_and_others_are_refused),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
