/*
 * webhook - the real offhook-webhook, two of them on one socket, behind real lighttpd with the real lighttpd.conf. The relay is the test: its control
 * socket says what it is told to say, its port takes WebSockets and gives back what it gets.
 */
#include "webhook_world.h"

/* --- what is where --- */

static char big[BODY_MAX + 2], bigger[300 << 10];

#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"

static const struct {
	const char *method, *uri, *headers, *body;
	int status;
	const char *allow;
} wheres[] = {
	{ "GET", "/", "", NULL, 404, NULL },
	{ "GET", "/lighttpd.conf", "", NULL, 404, NULL },
	{ "GET", "/webhook.sock", "", NULL, 404, NULL },
	{ "GET", "/../../etc/passwd", "", NULL, 404, NULL },
	{ "GET", "/api", "", NULL, 404, NULL },
	{ "GET", "/api/", "", NULL, 404, NULL },
	{ "GET", "/api/nothing/here", "", NULL, 404, NULL },
	{ "GET", "/apis/health/", "", NULL, 404, NULL },
	{ "GET", "/healthz", "", NULL, 404, NULL },
	{ "GET", "/metrics", "", NULL, 404, NULL },
	{ "GET", "/ws/", "", NULL, 404, NULL },
	{ "GET", "/ws/other/" ID "/", "", NULL, 404, NULL },
	{ "GET", "/ws/realtime/", "", NULL, 404, NULL },
	{ "GET", "/ws/realtime/" ID "/more", "", NULL, 404, NULL },
	{ "GET", "/api/public-url", "", NULL, 200, NULL },
	{ "GET", "/api/public-url/", "", NULL, 200, NULL },
	{ "HEAD", "/api/public-url/", "", NULL, 200, NULL },
	{ "GET", "/api/health", "", NULL, 200, NULL },
	{ "GET", "/api/test/", "", NULL, 200, NULL },
	{ "POST", "/api/health/", "", "", 405, "Allow: GET, HEAD\r\n" },
	{ "DELETE", "/api/webhook/", "", NULL, 405, "Allow: POST, GET\r\n" },
	{ "OPTIONS", "/api/webhook", "", NULL, 405, "Allow: POST, GET\r\n" },
	{ "GET", "/api/status/", "", NULL, 405, "Allow: POST\r\n" },
	{ "PUT", "/api/continue/" ID "/", "", big, 405, "Allow: POST\r\n" },
	{ "POST", "/api/nothing/", FORM, big, 404, NULL },
	{ "POST", "/api/webhook/", FORM, big, 413, NULL },
	{ "POST", "/api/webhook/", FORM, bigger, 413, NULL },
	{ "POST", "/api/webhook/", "Content-Type: application/json\r\n", "{}", 415, NULL },
	{ "POST", "/api/webhook/", "", "a=b", 415, NULL },
	{ "POST", "/api/webhook/", FORM, "CallSid=CA1", 403, NULL },
	{ "POST", "/api/webhook", FORM "X-Twilio-Signature: 5UOnU+QnnldcZLVPg5jEVZwQWg4=\r\n", "CallSid=CA1", 403, NULL },
	{ "GET", "/api/webhook/?CallSid=CA1", "", NULL, 403, NULL },
	{ "POST", "/api/status/", FORM, "CallSid=CA1", 403, NULL },
	{ "POST", "/api/continue/" ID, FORM, "CallSid=CA1", 403, NULL },
	{ "POST", "/api/stream-status/" ID "/", FORM, "CallSid=CA1", 403, NULL },
	{ "GET", "/api/tools", "", NULL, 401, NULL },
	{ "GET", "/api/tools/", "", NULL, 401, NULL },
	{ "DELETE", "/api/tools/x/y", "", NULL, 401, NULL },
	{ "GET", "/api//tools/", "", NULL, 401, NULL },
	{ "GET", "/api/%74ools/", "", NULL, 401, NULL },
	{ "GET", "/api/./tools/", "", NULL, 401, NULL },
	{ "GET", "/api/template-instructions/?template_id=1", "", NULL, 401, NULL },
	{ "GET", "/api/conversation-history/" ID "/", "", NULL, 401, NULL },
	{ "GET", "/api/conversation-events/" ID "/", "", NULL, 401, NULL },
	{ "GET", "/api/chat-history/" ID, "", NULL, 401, NULL },
	{ "GET", "/admin", "", NULL, 401, NULL },
	{ "GET", "/admin/", "", NULL, 401, NULL },
	{ "POST", "/admin/api/agents", "", "{}", 401, NULL },
	{ "GET", "/ws/live/", "", NULL, 401, NULL },
	{ "GET", "/ws/live", "", NULL, 401, NULL },
};

static void everything_is_where_it_should_be(void **state)
{
	(void)state;
	memset(big, 'x', sizeof big - 1);
	memset(bigger, 'x', sizeof bigger - 1);
	for (size_t i = 0; i < sizeof wheres / sizeof *wheres; i++) {
		struct reply r = http(wheres[i].method, wheres[i].uri, wheres[i].headers, span_z(wheres[i].body));

		if (r.status != wheres[i].status)
			fail_msg("%s %s: %d", wheres[i].method, wheres[i].uri, r.status);
		if (wheres[i].allow && !strstr(buf_z(&r.text), wheres[i].allow))
			fail_msg("%s %s: %s", wheres[i].method, wheres[i].uri, buf_z(&r.text));
		if (r.status == 403)
			assert_string_equal(r.body, "");
		assert_null(strstr(buf_z(&r.text), "Location:"));
		done(&r);
	}
	assert_int_equal(site.w->asked, 2);      /* health; nothing refused reached the relay */
}

/* Whoever opens the address in a browser is told what runs there, in our words; a page's refusal is a page, an API's is JSON. */
static void what_lighttpd_answers_itself_fits_the_asker(void **state)
{
	static const struct { const char *uri, *type, *has; } asked[] = {
		{ "/", "Content-Type: text/html; charset=utf-8\r\n", "offhook status" },
		{ "/favicon.ico", "Content-Type: text/html; charset=utf-8\r\n", "offhook status" },
		{ "/api/chat-history/" ID "/", "Content-Type: text/html; charset=utf-8\r\n", "offhook admin passwd USER" },
		{ "/admin/", "Content-Type: text/html; charset=utf-8\r\n", "offhook admin passwd USER" },
		{ "/api/conversation-history/" ID "/", "Content-Type: application/json\r\n", "offhook admin passwd USER" },
		{ "/admin/api/agents", "Content-Type: application/json\r\n", "offhook admin passwd USER" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
		struct reply r = http("GET", asked[i].uri, "", SPAN(""));

		if (!strstr(buf_z(&r.text), asked[i].type) || !strstr(r.body, asked[i].has))
			fail_msg("%s: %s", asked[i].uri, buf_z(&r.text));
		done(&r);
	}
}

/* --- the password --- */

static void put_password(const char *user, const char *password)
{
	char command[512];

	snprintf(command, sizeof command, "printf '%%s:%%s\\n' %s \"$(openssl passwd -6 %s)\" > %s/htpasswd", user, password, site.w->dir);
	assert_int_equal(system(command), 0);
}

static int with_password(const char *uri, const char *who, struct reply *out)
{
	char headers[256], text[128];
	size_t n = strlen(who);

	b64_encode(text, (const uint8_t *)who, n);
	snprintf(headers, sizeof headers, "Authorization: Basic %.*s\r\n", (int)B64_ENCODED(n), text);
	*out = http("GET", uri, headers, SPAN_NONE);
	return out->status;
}

static void the_operators_questions_want_a_password(void **state)
{
	struct reply r = http("GET", "/api/tools/", "", SPAN_NONE);

	(void)state;
	assert_int_equal(r.status, 401);
	assert_non_null(strstr(buf_z(&r.text), "WWW-Authenticate: Basic realm=\"Offhook\""));
	assert_non_null(strstr(buf_z(&r.text), "Content-Type: application/json"));
	assert_non_null(strstr(r.body, "offhook admin passwd"));
	done(&r);
	r = http("GET", "/admin/", "", SPAN_NONE);
	assert_non_null(strstr(buf_z(&r.text), "Content-Type: text/html"));
	assert_non_null(strstr(r.body, "offhook admin passwd"));
	done(&r);
	put_password("anna", "secret");
	assert_int_equal(with_password("/api/tools/", "anna:wrong", &r), 401);
	done(&r);
	assert_int_equal(with_password("/api/tools/", "anna:secret", &r), 200);
	assert_non_null(strstr(r.body, "{\"tools\":[{\"type\":\"function\""));
	done(&r);
	assert_int_equal(with_password("/api/template-instructions/?template_id=sales&agent_name=Ann", "anna:secret", &r), 200);
	assert_non_null(strstr(r.body, "\"template_name\":\"sales\""));
	done(&r);
	assert_int_equal(with_password("/api/conversation-history/" ID, "anna:secret", &r), 404);
	done(&r);
	assert_int_equal(with_password("/admin/nothing.html", "anna:secret", &r), 404);
	done(&r);
}

/* --- calls --- */

static void a_call_by_post_and_by_get(void **state)
{
	char sid[40], body[512], uri[600];
	struct reply r;

	(void)state;
	call_sid(sid);
	call_body(body, sid);
	r = twilio("/api/webhook/?tenant=42&lang=de%20DE&x=a%2Bb", body);
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(buf_z(&r.text), "Content-Type: text/xml"));
	assert_non_null(strstr(r.body, "<Connect action=\"" BASE "/api/continue/"));
	done(&r);
	snprintf(uri, sizeof uri, "/api/status/?x=%%7Ey");
	snprintf(body, sizeof body, "CallSid=%s&CallStatus=completed&SequenceNumber=3", sid);
	r = twilio(uri, body);
	assert_int_equal(r.status, 204);
	done(&r);
	call_sid(sid);
	call_body(body, sid);
	snprintf(uri, sizeof uri, "/api/twiml?%s", body);
	r = twilio(uri, NULL);
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body, "<Connect "));
	done(&r);
}

struct post {
	pthread_t thread;
	const char *body;
	char url[200];
	int status;
};

static void *post_run(void *arg)
{
	struct post *p = arg;
	struct reply r = twilio("/api/webhook/", p->body);
	const char *at = strstr(r.body, "<Stream url=\"");

	p->status = r.status;
	if (at)
		snprintf(p->url, sizeof p->url, "%.*s", (int)strcspn(at + 13, "\""), at + 13);
	done(&r);
	return NULL;
}

static void the_same_webhook_at_the_same_moment_is_one_call(void **state)
{
	(void)state;
	for (int round = 0; round < 10; round++) {
		struct post p[4] = { 0 };
		char sid[40], body[512];

		call_sid(sid);
		call_body(body, sid);
		for (int i = 0; i < 4; i++) {
			p[i].body = body;
			pthread_create(&p[i].thread, NULL, post_run, &p[i]);
		}
		for (int i = 0; i < 4; i++)
			pthread_join(p[i].thread, NULL);
		for (int i = 0; i < 4; i++) {
			assert_int_equal(p[i].status, 200);
			assert_string_equal(p[i].url, p[0].url);
		}
	}
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void a_webhook_is_answered_at_once(void **state)
{
	enum { N = 200, half = N / 2, most = N * 99 / 100 };
	int64_t us[N];

	(void)state;
	for (int i = 0; i < N; i++) {
		char sid[40], body[512];
		int64_t began = clock_us();
		struct reply r;

		call_sid(sid);
		call_body(body, sid);
		r = twilio("/api/webhook/", body);
		us[i] = clock_us() - began;
		assert_int_equal(r.status, 200);
		done(&r);
	}
	qsort(us, N, sizeof *us, by_value);
	print_message("webhook through lighttpd: median %.1f ms, 99 %% within %.1f ms\n", (double)us[half] / 1000, (double)us[most] / 1000);
	assert_true(us[half] < 50000);
}

/* --- workers come and go --- */

static atomic_bool loading;
static atomic_uint loaded, failed;

static void *load_run(void *arg)
{
	(void)arg;
	while (loading) {
		struct reply r = http("GET", "/api/public-url/", "", SPAN_NONE);

		loaded++;
		failed += r.status != 200;
		done(&r);
	}
	return NULL;
}

static void wait_loaded(unsigned more)
{
	unsigned from = loaded;
	int64_t until = clock_ms() + PATIENCE_MS;

	while (loaded - from < more && clock_ms() < until)
		poll(NULL, 0, 2);
}

static void workers_are_replaced_without_a_lost_request(void **state)
{
	pthread_t t[3];

	(void)state;
	loading = true;
	loaded = failed = 0;
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, load_run, NULL);
	for (int round = 0; round < 6; round++) {
		int i = round % WORKERS, status;

		wait_loaded(30);
		kill(site.worker[i], SIGTERM);
		assert_int_equal(waitpid(site.worker[i], &status, 0), site.worker[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		worker_start(i);
	}
	for (int i = 0; i < WORKERS; i++)           /* all of them at once */
		kill(site.worker[i], SIGTERM);
	for (int i = 0; i < WORKERS; i++) {
		waitpid(site.worker[i], NULL, 0);
		worker_start(i);
	}
	wait_loaded(30);
	loading = false;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	print_message("%u requests while workers were replaced, %u failed\n", loaded, failed);
	assert_int_equal(failed, 0);
}

static void a_reload_of_configuration_loses_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		kill(site.worker[i % WORKERS], SIGHUP);
		assert_true(answers());
	}
}

static void *calls_run(void *arg)
{
	(void)arg;
	while (loading) {
		char sid[40], body[512];
		struct reply r;

		snprintf(sid, sizeof sid, "CA%032x", 0x10000000 + loaded++);
		call_body(body, sid);
		r = twilio("/api/webhook/", body);
		failed += r.status != 200;
		done(&r);
	}
	return NULL;
}

/* Workers die with a transaction in hand. The request in the killed one is lost, as it must be; the next caller hears the agent, and soon. */
static void killed_workers_leave_nothing_hanging(void **state)
{
	enum { KILLS = 20 };
	int64_t worst = 0;
	pthread_t t[2];

	(void)state;
	loading = true;
	loaded = failed = 0;
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, calls_run, NULL);
	for (int k = 0; k < KILLS; k++) {
		int i = (int)random_below(WORKERS);
		char sid[40], body[512];
		struct reply r;
		int64_t began;

		poll(NULL, 0, 20 + (int)random_below(60));
		kill(site.worker[i], SIGKILL);
		waitpid(site.worker[i], NULL, 0);
		worker_start(i);
		call_sid(sid);
		call_body(body, sid);
		began = clock_ms();
		for (r = twilio("/api/webhook/", body); !strstr(r.body, "<Connect "); r = twilio("/api/webhook/", body)) {
			assert_true(clock_ms() - began < 5000);      /* a busy machine: the relay has 300 ms */
			done(&r);
		}
		done(&r);
		worst = clock_ms() - began > worst ? clock_ms() - began : worst;
		for (int w = 0; w < WORKERS; w++)      /* as the supervisor does: who left because of the recovery is started again */
			if (waitpid(site.worker[w], NULL, WNOHANG) == site.worker[w])
				worker_start(w);
	}
	loading = false;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	print_message("%d workers killed: next webhook answered within %lld ms; of %u beside it %u were lost\n", KILLS, (long long)worst, loaded, failed);
	assert_true(worst < 5000);
	assert_true(failed <= KILLS);
}

/* --- lighttpd and the relay's port --- */

static int upgrade(const char *uri)
{
	struct buf q = BUF_INIT;
	char b[512];
	size_t have = 0;
	int fd = http_connect();

	buf_printf(&q, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", uri);
	http_send(fd, buf_span(&q));
	buf_fini(&q);
	while (have < sizeof b - 1) {
		ssize_t n = recv(fd, b + have, 1, 0);

		have += n > 0 ? (size_t)n : 0;
		b[have] = '\0';
		if (n <= 0 || strstr(b, "\r\n\r\n"))
			break;
	}
	if (strncmp(b, "HTTP/1.1 101 ", 13) == 0)
		return fd;
	close(fd);
	return -1;
}

static void echoes(int fd, const char *word)
{
	char b[64] = "";
	size_t have = 0, n = strlen(word);

	http_send(fd, span_z(word));
	while (have < n) {
		ssize_t got = recv(fd, b + have, n - have, 0);

		if (got <= 0)
			fail_msg("%s: after %zu bytes: %s", word, have, got ? strerror(errno) : "closed");
		have += (size_t)got;
	}
	assert_string_equal(b, word);
}

static void a_stream_goes_through_to_the_relay_and_outlives_a_reload(void **state)
{
	int fd = upgrade("/ws/realtime/" ID "/?from=%2B15005550010"), second;

	(void)state;
	assert_true(fd >= 0);
	assert_string_equal(media_line, "GET /ws/realtime/" ID "/ HTTP/1.1");
	echoes(fd, "before");
	kill(site.lighttpd, SIGUSR1);
	for (int64_t until = clock_ms() + 2500; clock_ms() < until;) {
		assert_true(answers());
		echoes(fd, "during");
	}
	second = upgrade("/ws/realtime/" ID);
	assert_true(second >= 0);
	assert_string_equal(media_line, "GET /ws/realtime/" ID " HTTP/1.1");
	echoes(second, "after");
	echoes(fd, "and the old one");
	close(second);
	close(fd);
}

/* --- trouble --- */

struct hold {
	sem_t held, release;
	pthread_t thread;
	struct store *store;
	enum err e;
};

/* Somebody's transaction that does not end: it holds the account that every webhook asks for its token. */
static enum err hold_body(struct txn *t, void *arg)
{
	const struct noun *noun = noun_find(SPAN("account"));
	struct hold *h = arg;
	struct account a = { 0 };
	struct buf why = BUF_INIT;
	enum err e = noun_get(t, noun, SPAN("default"), &a, &why);

	if (!e)
		e = noun_update(t, noun, &a, &why);
	record_fini(&account_type, &a);
	buf_fini(&why);
	sem_post(&h->held);
	while (sem_wait(&h->release) != 0)
		;
	return e ? e : ERR_DENIED;
}

static void *hold_run(void *arg)
{
	struct hold *h = arg;

	h->e = store_txn(h->store, EVENTUAL, hold_body, h);
	return NULL;
}

/* Fresh ones: opening the store may recover what a killed worker left, and then the old ones leave. */
static void workers_renew(void)
{
	for (int i = 0; i < WORKERS; i++) {
		kill(site.worker[i], SIGTERM);
		waitpid(site.worker[i], NULL, 0);
		worker_start(i);
	}
	wait_for_site();
}

static bool connects(void)
{
	char sid[40], body[512];
	struct reply r;
	bool ok;

	call_sid(sid);
	call_body(body, sid);
	r = twilio("/api/webhook/", body);
	ok = strstr(r.body, "<Connect ") != NULL;
	done(&r);
	return ok;
}

static void a_database_that_keeps_silent_is_not_waited_for_long(void **state)
{
	struct hold h = { .e = ERR_OK };
	char sid[40], body[512];
	struct reply r;
	int64_t began;

	(void)state;
	sem_init(&h.held, 0, 0);
	sem_init(&h.release, 0, 0);
	assert_int_equal(store_open(&h.store, &site.w->h.store_options), ERR_OK);
	workers_renew();
	pthread_create(&h.thread, NULL, hold_run, &h);
	while (sem_wait(&h.held) != 0)
		;
	call_sid(sid);
	call_body(body, sid);
	began = clock_ms();
	r = twilio("/api/webhook/", body);
	print_message("with the database held: %d after %lld ms\n", r.status, (long long)(clock_ms() - began));
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body, "<Say>We are sorry"));
	assert_true(clock_ms() - began < 8000);
	done(&r);
	began = clock_ms();
	r = http("GET", "/api/health/", "", SPAN_NONE);
	print_message("and health: %d after %lld ms\n", r.status, (long long)(clock_ms() - began));
	assert_int_equal(r.status, 503);
	assert_non_null(strstr(r.body, "\"database\":\"down\",\"relay\":\"ok\""));
	done(&r);
	for (int i = 0; i < 4; i++) {               /* the workers are not eaten up */
		call_sid(sid);
		call_body(body, sid);
		began = clock_ms();
		r = twilio("/api/webhook/", body);
		print_message("another caller: %d after %lld ms\n", r.status, (long long)(clock_ms() - began));
		assert_int_equal(r.status, 200);
		assert_non_null(strstr(r.body, "<Say>We are sorry"));
		assert_true(clock_ms() - began < 12000);
		done(&r);
	}
	sem_post(&h.release);
	pthread_join(h.thread, NULL);
	store_close(h.store);
	for (began = clock_ms(); !connects(); poll(NULL, 0, 50))
		assert_true(clock_ms() - began < PATIENCE_MS);
	workers_renew();
	sem_destroy(&h.held);
	sem_destroy(&h.release);
}

/* --- what the logs hold --- */

static void *unheard(void *arg)
{
	struct reply r = twilio(arg, NULL);

	done(&r);
	return NULL;
}

static void check_log(const char *path)
{
	static const char *const secrets[] = { "5005550010", "5005550006", TOKEN, "5UOnU+QnnldcZLVPg5jEVZwQWg4" };
	struct buf b = BUF_BOUND(64 << 20);

	assert_int_equal(file_read(&b, path), ERR_OK);
	assert_true(b.n > 0);
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
		if (strstr(buf_z(&b), secrets[i]))
			fail_msg("%s: %s: %.300s", path, secrets[i], strstr(buf_z(&b), secrets[i]) - 100);
	buf_fini(&b);
}

static void no_log_holds_a_number_or_a_token(void **state)
{
	char sid[40], body[512], uri[700];
	struct reply r;
	pthread_t t;

	(void)state;
	call_sid(sid);
	call_body(body, sid);
	snprintf(uri, sizeof uri, "/api/webhook/?%s", body);
	r = twilio(uri, NULL);
	assert_int_equal(r.status, 200);
	done(&r);
	r = http("GET", uri, "X-Twilio-Signature: 5UOnU+QnnldcZLVPg5jEVZwQWg4=\r\n", SPAN_NONE);
	assert_int_equal(r.status, 403);
	done(&r);
	r = http("POST", uri, FORM, span_z(bigger));
	assert_int_equal(r.status, 413);
	done(&r);
	snprintf(uri, sizeof uri, "/ws/realtime/" ID "/?%s", body);
	close(upgrade(uri));
	/* a worker dies with the request in hand: lighttpd has something to say about it */
	world_says(site.w, "{\"ok\":false,\"reason\":\"draining\"}", NULL);
	call_sid(sid);
	call_body(body, sid);
	snprintf(uri, sizeof uri, "/api/webhook/?%s", body);
	pthread_create(&t, NULL, unheard, uri);
	for (int64_t until = clock_ms() + PATIENCE_MS; site.w->asked == 0 && clock_ms() < until;)
		poll(NULL, 0, 2);
	for (int i = 0; i < WORKERS; i++) {
		kill(site.worker[i], SIGKILL);
		waitpid(site.worker[i], NULL, 0);
		worker_start(i);
	}
	pthread_join(t, NULL);
	world_says(site.w, "{\"ok\":true}", NULL);
	call_sid(sid);
	call_body(body, sid);
	r = twilio("/api/webhook/", body);          /* nothing hangs, and it is a stream */
	assert_non_null(strstr(r.body, "<Connect "));
	done(&r);
	check_log(site.log);
	check_log(site.access);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(everything_is_where_it_should_be),
		T(what_lighttpd_answers_itself_fits_the_asker),
		T(the_operators_questions_want_a_password),
		T(a_call_by_post_and_by_get),
		T(the_same_webhook_at_the_same_moment_is_one_call),
		T(a_webhook_is_answered_at_once),
		T(workers_are_replaced_without_a_lost_request),
		T(killed_workers_leave_nothing_hanging),
		T(a_reload_of_configuration_loses_nothing),
		T(a_stream_goes_through_to_the_relay_and_outlives_a_reload),
		T(a_database_that_keeps_silent_is_not_waited_for_long),
		T(no_log_holds_a_number_or_a_token),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, site_up, site_down);
}
