/* settings - every variable of the contract, the checks between them, and env.example from the same rows.
 * `test_settings --write` writes env.example and the rows of the manual page anew. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/proc.h"
#include "settings.h"
#include "unit.h"

static struct settings s;
static struct buf why;
static char dir[64], start[4096];

static void env(const char *pairs)                  /* "A=b C=d", the rest of our variables unset */
{
	struct span rest = span_z(pairs), part, name;
	char key[64], value[300];

	for (size_t i = 0; i < settings_fields_n; i++)
		unsetenv(settings_fields[i].name);
	while (span_cut(&rest, ' ', &part)) {
		if (!part.n)
			continue;
		span_cut(&part, '=', &name);
		assert_true(span_copy(key, sizeof key, name) && span_copy(value, sizeof value, part));
		setenv(key, value, 1);
	}
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/offhook-settings-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);                /* no .env here */
	setenv("OFFHOOK_ENV", "/dev/null", 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	settings_fini(&s);
	buf_fini(&why);
	env("");
	assert_int_equal(chdir(start), 0);
	rmdir(dir);
	return 0;
}

static void loads(const char *pairs)
{
	settings_fini(&s);
	env(pairs);
	if (settings_load(&s, &why) != ERR_OK)
		fail_msg("%s: %s", pairs, buf_z(&why));
	assert_int_equal(why.n, 0);
}

static void the_contract_s_defaults(void **state)
{
	(void)state;
	loads("");
	assert_null(s.openai_api_key);
	assert_string_equal(s.openai_realtime_url, "wss://api.openai.com/v1/realtime");
	assert_string_equal(s.openai_dialect, "openai");
	assert_string_equal(s.twilio_api_url, "https://api.twilio.com");
	assert_string_equal(s.twilio_validate, "on");
	assert_string_equal(s.twilio_validate_stream, "observe");
	assert_null(s.public_url);
	assert_null(s.stream_url);
	assert_true(s.http_port == 8080 && s.https_port == FIELD_NULL_INT);
	assert_string_equal(s.relay_listen, "127.0.0.1:8081");
	assert_null(s.relay_tls_listen);
	assert_true(s.relay_workers >= 1 && s.relay_workers <= 256);
	assert_true(s.max_calls == 350 && s.playout_lead_ms == 400 && s.retention_days == 0);
	assert_true(settings_validates(&s));
	assert_int_equal(settings_log_level(&s), LOG_INFO);
	assert_int_equal(settings_log_format(&s), LOG_TEXT);
}

static void every_variable_of_the_contract_has_a_row(void **state)
{
	static const char *const names[] = {
		"OPENAI_API_KEY", "OPENAI_REALTIME_URL", "OPENAI_DIALECT", "OPENAI_CA_FILE", "OPENAI_ORGANIZATION", "OPENAI_PROJECT", "OPENAI_FALLBACK_URL",
		"OPENAI_FALLBACK_API_KEY", "OPENAI_FALLBACK_MODEL", "OPENAI_FALLBACK_DIALECT", "OPENAI_FALLBACK_TRANSCRIPTION_MODEL", "TWILIO_ACCOUNT_SID",
		"TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_SECONDARY", "TWILIO_API_KEY", "TWILIO_API_SECRET", "TWILIO_API_URL", "TWILIO_VALIDATE",
		"TWILIO_VALIDATE_STREAM", "PUBLIC_URL", "OFFHOOK_STREAM_URL", "OFFHOOK_HTTP_PORT", "OFFHOOK_HTTPS_PORT", "OFFHOOK_TLS_CERT", "OFFHOOK_TLS_KEY",
		"OFFHOOK_DATA_DIR", "OFFHOOK_RELAY_LISTEN", "OFFHOOK_RELAY_TLS_LISTEN", "OFFHOOK_RELAY_WORKERS", "OFFHOOK_MAX_CALLS", "OFFHOOK_PLAYOUT_LEAD_MS",
		"OFFHOOK_SECRET_KEY_FILE", "OFFHOOK_RETENTION_DAYS", "OFFHOOK_LOG_LEVEL", "OFFHOOK_LOG_FORMAT",
	};

	(void)state;
	assert_int_equal(settings_fields_n, ROWS(names));
	for (size_t i = 0; i < ROWS(names); i++)
		assert_non_null(field_find(settings_fields, settings_fields_n, span_z(names[i])));
}

/* Anything whose name says so is a secret, and only that. */
static void what_must_not_be_shown_is_marked(void **state)
{
	(void)state;
	for (size_t i = 0; i < settings_fields_n; i++) {
		const char *name = settings_fields[i].name;
		bool secret = (strstr(name, "_API_KEY") && strncmp(name, "OPENAI", 6) == 0) || strstr(name, "_TOKEN") || strstr(name, "_API_SECRET");

		if (((settings_fields[i].flags & FF_SECRET) != 0) != secret)
			fail_msg("%s", name);
	}
}

static void paths_lie_in_the_data_directory_and_are_absolute(void **state)
{
	char want[200];

	(void)state;
	loads("");
	snprintf(want, sizeof want, "%s/data", dir);
	assert_string_equal(s.data_dir, want);
	snprintf(want, sizeof want, "%s/data/secret.key", dir);
	assert_string_equal(s.secret_key_file, want);
	loads("OFFHOOK_DATA_DIR=/var/lib/offhook/ OFFHOOK_SECRET_KEY_FILE=keys/k OFFHOOK_TLS_CERT=./c OFFHOOK_TLS_KEY=k OPENAI_CA_FILE=/ca");
	assert_string_equal(s.data_dir, "/var/lib/offhook");
	assert_string_equal(s.run_dir, "/var/lib/offhook/run");
	assert_string_equal(s.db_dir, "/var/lib/offhook/db");
	assert_string_equal(s.webhook_socket, "/var/lib/offhook/run/webhook.sock");
	assert_string_equal(s.relay_socket, "/var/lib/offhook/run/relay.sock");
	assert_string_equal(s.htpasswd, "/var/lib/offhook/htpasswd");
	snprintf(want, sizeof want, "%s/keys/k", dir);
	assert_string_equal(s.secret_key_file, want);
	snprintf(want, sizeof want, "%s/c", dir);
	assert_string_equal(s.tls_cert, want);
	assert_string_equal(s.openai_ca_file, "/ca");
	loads("OFFHOOK_DATA_DIR=/");
	assert_string_equal(s.data_dir, "/");
}

static void what_depends_on_another_variable(void **state)
{
	(void)state;
	loads("OFFHOOK_RELAY_TLS_LISTEN=0.0.0.0:8443 OFFHOOK_TLS_CERT=/c OFFHOOK_TLS_KEY=/k");
	assert_true(s.max_calls == 1000);
	loads("OFFHOOK_RELAY_TLS_LISTEN=[::]:8443 OFFHOOK_TLS_CERT=/c OFFHOOK_TLS_KEY=/k OFFHOOK_MAX_CALLS=20 OFFHOOK_RELAY_WORKERS=3");
	assert_true(s.max_calls == 20 && s.relay_workers == 3);
	loads("OFFHOOK_LOG_LEVEL=debug OFFHOOK_LOG_FORMAT=json TWILIO_VALIDATE=off");
	assert_int_equal(settings_log_level(&s), LOG_DEBUG);
	assert_int_equal(settings_log_format(&s), LOG_JSON);
	assert_false(settings_validates(&s));
	loads("OFFHOOK_LOG_LEVEL=error");
	assert_int_equal(settings_log_level(&s), LOG_ERROR);
	loads("OFFHOOK_RELAY_LISTEN=127.0.0.1:9000 OFFHOOK_RELAY_TLS_LISTEN=10.0.0.1:9000 OFFHOOK_TLS_CERT=/c OFFHOOK_TLS_KEY=/k");
}

static void port_0_asks_for_any_free_one(void **state)
{
	(void)state;
	loads("OFFHOOK_HTTP_PORT=0 OFFHOOK_HTTPS_PORT=0 OFFHOOK_RELAY_LISTEN=127.0.0.1:0 OFFHOOK_TLS_CERT=/c OFFHOOK_TLS_KEY=/k");
	assert_true(s.http_port == 0 && s.https_port == 0);
}

static void urls_are_made_one_form(void **state)
{
	static const struct { const char *env, *public, *stream; } rows[] = {
		{ "PUBLIC_URL=https://Phone.Example.COM", "https://phone.example.com", "wss://phone.example.com" },
		{ "PUBLIC_URL=HTTPS://a.example/", "https://a.example", "wss://a.example" },
		{ "PUBLIC_URL=https://a.example:8443/Pre/Fix//", "https://a.example:8443/Pre/Fix", "wss://a.example:8443/Pre/Fix" },
		{ "PUBLIC_URL=http://localhost:8080/", "http://localhost:8080", "ws://localhost:8080" },
		{ "PUBLIC_URL=http://127.0.0.1:8080", "http://127.0.0.1:8080", "ws://127.0.0.1:8080" },
		{ "PUBLIC_URL=http://[::1]:8080", "http://[::1]:8080", "ws://[::1]:8080" },
		{ "PUBLIC_URL=http://[::1]", "http://[::1]", "ws://[::1]" },
		{ "PUBLIC_URL=http://demo.localhost", "http://demo.localhost", "ws://demo.localhost" },
		{ "PUBLIC_URL=https://a.example OFFHOOK_STREAM_URL=wss://Media.example/x/", "https://a.example", "wss://media.example/x" },
		{ "OFFHOOK_STREAM_URL=ws://127.0.0.1:8081", NULL, "ws://127.0.0.1:8081" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		loads(rows[i].env);
		assert_true(span_eq(span_z(s.public_url), span_z(rows[i].public)));
		assert_string_equal(s.stream_url, rows[i].stream);
	}
}

static void a_request_s_address_becomes_a_stream_s(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(settings_ws_url(&b, SPAN("https://h/p")), ERR_OK);
	assert_string_equal(buf_z(&b), "wss://h/p");
	buf_reset(&b);
	assert_int_equal(settings_ws_url(&b, SPAN("http://h")), ERR_OK);
	assert_string_equal(buf_z(&b), "ws://h");
	assert_int_equal(settings_ws_url(&b, SPAN("ftp://h")), ERR_VALUE);
	buf_fini(&b);
}

static void what_is_refused_and_how(void **state)
{
	static const struct { const char *env, *why; } rows[] = {
		{ "OFFHOOK_HTTP_PORT=65536", "OFFHOOK_HTTP_PORT=65536: must be a whole number, 0 to 65535" },
		{ "OFFHOOK_HTTPS_PORT=8443", "OFFHOOK_HTTPS_PORT=8443: needs OFFHOOK_TLS_CERT and OFFHOOK_TLS_KEY" },
		{ "OFFHOOK_HTTPS_PORT=8443 OFFHOOK_TLS_CERT=/c", "OFFHOOK_HTTPS_PORT=8443: needs OFFHOOK_TLS_CERT and OFFHOOK_TLS_KEY" },
		{ "OFFHOOK_RELAY_TLS_LISTEN=0.0.0.0:443", "OFFHOOK_RELAY_TLS_LISTEN=0.0.0.0:443: needs OFFHOOK_TLS_CERT and OFFHOOK_TLS_KEY" },
		{ "OFFHOOK_TLS_CERT=/c", "OFFHOOK_TLS_CERT=/c: needs OFFHOOK_TLS_KEY" },
		{ "OFFHOOK_TLS_KEY=/k", "OFFHOOK_TLS_KEY=/k: needs OFFHOOK_TLS_CERT" },
		{ "TWILIO_API_KEY=SK1", "TWILIO_API_KEY=SK1: needs TWILIO_API_SECRET" },
		{ "TWILIO_API_SECRET=hunter2", "TWILIO_API_SECRET: needs TWILIO_API_KEY" },
		{ "OPENAI_API_KEY=hunter2\n", NULL },
		{ "OPENAI_API_KEY=hunt\ter2", "OPENAI_API_KEY: must have no blanks and no special characters" },
		{ "TWILIO_AUTH_TOKEN=hunter\xC3\xBC", "TWILIO_AUTH_TOKEN: must have no blanks and no special characters" },
		{ "OPENAI_DIALECT=other", "OPENAI_DIALECT=other: must be openai, azure or xai" },
		{ "OPENAI_REALTIME_URL=https://x", "OPENAI_REALTIME_URL=https://x: must be a URL that starts with wss:// or ws://" },
		{ "TWILIO_VALIDATE=no", "TWILIO_VALIDATE=no: must be on or off" },
		{ "PUBLIC_URL=phone.example.com", "PUBLIC_URL=phone.example.com: must be a URL that starts with https:// or http://" },
		{ "PUBLIC_URL=http://phone.example.com", "PUBLIC_URL=http://phone.example.com: must start with https:// (plain http only for localhost)" },
		{ "PUBLIC_URL=http://127.0.0.1.example", "PUBLIC_URL=http://127.0.0.1.example: must start with https:// (plain http only for localhost)" },
		{ "PUBLIC_URL=http://notlocalhost", NULL },
		{ "PUBLIC_URL=https://h/?x=1", "PUBLIC_URL=https://h/?x=1: must be scheme, host, port and path only" },
		{ "PUBLIC_URL=https://u:p@h", NULL },
		{ "PUBLIC_URL=https://h/#x", NULL },
		{ "OFFHOOK_STREAM_URL=ws://h", "OFFHOOK_STREAM_URL=ws://h: must start with wss:// (plain ws only for localhost)" },
		{ "OFFHOOK_RELAY_LISTEN=8081", "OFFHOOK_RELAY_LISTEN=8081: must be address:port, like 127.0.0.1:8081 or [::]:443" },
		{ "OFFHOOK_RELAY_LISTEN=127.0.0.1:65536", NULL },
		{ "OFFHOOK_RELAY_LISTEN=127.0.0.1:8080", "OFFHOOK_RELAY_LISTEN=127.0.0.1:8080: is the port of OFFHOOK_HTTP_PORT already" },
		{ "OFFHOOK_HTTPS_PORT=8080 OFFHOOK_TLS_CERT=/c OFFHOOK_TLS_KEY=/k", "OFFHOOK_HTTPS_PORT=8080: is the port of OFFHOOK_HTTP_PORT already" },
		{ "OFFHOOK_RELAY_TLS_LISTEN=127.0.0.1:8081 OFFHOOK_TLS_CERT=/c OFFHOOK_TLS_KEY=/k",
		  "OFFHOOK_RELAY_TLS_LISTEN=127.0.0.1:8081: is the port of OFFHOOK_RELAY_LISTEN already" },
		{ "OFFHOOK_RELAY_WORKERS=0", NULL },
		{ "OFFHOOK_MAX_CALLS=many", "OFFHOOK_MAX_CALLS=many: must be a whole number, 1 to 100000" },
		{ "OFFHOOK_PLAYOUT_LEAD_MS=-1", NULL },
		{ "OFFHOOK_LOG_LEVEL=loud", "OFFHOOK_LOG_LEVEL=loud: must be debug, info, warn or error" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		enum err e;

		settings_fini(&s);
		buf_reset(&why);
		env(rows[i].env);
		e = settings_load(&s, &why);
		if (!rows[i].why && e == ERR_OK && strstr(rows[i].env, "hunter2\n"))
			continue;                          /* blanks at the ends are taken off */
		if (e != ERR_VALUE || (rows[i].why && strcmp(rows[i].why, buf_z(&why)) != 0))
			fail_msg("%s: %s: %s", rows[i].env, err_name(e), buf_z(&why));
		assert_null(strstr(buf_z(&why), "hunt"));
		assert_null(s.data_dir);
	}
}

static void a_data_directory_too_long_for_sockets(void **state)
{
	char pair[200] = "OFFHOOK_DATA_DIR=/";

	(void)state;
	memset(pair + strlen(pair), 'd', 84);
	loads(pair);
	settings_fini(&s);
	memset(pair + strlen(pair), 'd', 10);
	env(pair);
	assert_int_equal(settings_load(&s, &why), ERR_VALUE);
	assert_non_null(strstr(buf_z(&why), "must be shorter"));
}

static void the_file_is_used(void **state)
{
	(void)state;
	env("OFFHOOK_HTTP_PORT=8000");
	unsetenv("OFFHOOK_ENV");
	assert_int_equal(file_replace(".env", SPAN("OFFHOOK_HTTP_PORT=1\nPUBLIC_URL=https://file.example\n"), 0600), ERR_OK);
	assert_int_equal(settings_load(&s, &why), ERR_OK);
	assert_true(s.http_port == 8000);
	assert_string_equal(s.public_url, "https://file.example");
	unlink(".env");
}

static void what_some_programs_need(void **state)
{
	(void)state;
	loads("");
	assert_int_equal(settings_need_public_url(&s, &why), ERR_VALUE);
	assert_true(span_starts(buf_span(&why), SPAN("PUBLIC_URL is not set: set it to https://HOST")));
	assert_non_null(strstr(buf_z(&why), "TWILIO_VALIDATE=off"));
	buf_reset(&why);
	assert_int_equal(settings_need_model_key(&s, &why), ERR_VALUE);
	assert_true(span_starts(buf_span(&why), SPAN("OPENAI_API_KEY is not set")));
	buf_reset(&why);
	loads("TWILIO_VALIDATE=off OPENAI_API_KEY=sk-1");
	assert_int_equal(settings_need_public_url(&s, &why), ERR_OK);
	assert_int_equal(settings_need_model_key(&s, &why), ERR_OK);
	loads("PUBLIC_URL=https://h");
	assert_int_equal(settings_need_public_url(&s, &why), ERR_OK);
}

static void env_example_is_made_from_the_table(void **state)
{
	struct buf want = BUF_INIT, have = BUF_INIT;
	char path[4200];

	(void)state;
	snprintf(path, sizeof path, "%s/env.example", start);
	settings_print_example(&want);
	assert_int_equal(file_read(&have, path), ERR_OK);
	if (!span_eq(buf_span(&want), buf_span(&have)))
		fail_msg("env.example is not what the table says; write it with test_settings --write");
	buf_fini(&want);
	buf_fini(&have);
}

/* --- the manual page: its rows, between two marks --- */

#define MANUAL    "shared/offhook.env.5"
#define ROWS_FROM ".\\\" rows\n"
#define ROWS_TO   ".\\\" end of rows\n"

static enum err manual_wanted(struct span page, struct buf *out)
{
	const char *from = memmem(page.p, page.n, ROWS_FROM, strlen(ROWS_FROM)), *to = memmem(page.p, page.n, ROWS_TO, strlen(ROWS_TO));

	if (!from || !to || to < from)
		return ERR_SYNTAX;
	buf_add(out, span_of(page.p, (size_t)(from - page.p) + strlen(ROWS_FROM)));
	settings_print_mdoc(out);
	buf_add(out, span_skip(page, (size_t)(to - page.p)));
	return out->err;
}

static void the_manual_page_is_made_from_the_table(void **state)
{
	struct buf want = BUF_INIT, have = BUF_INIT;
	char path[4200];

	(void)state;
	snprintf(path, sizeof path, "%s/" MANUAL, start);
	assert_int_equal(file_read(&have, path), ERR_OK);
	assert_int_equal(manual_wanted(buf_span(&have), &want), ERR_OK);
	if (!span_eq(buf_span(&want), buf_span(&have)))
		fail_msg(MANUAL " is not what the table says; write it with test_settings --write");
	buf_fini(&want);
	buf_fini(&have);
}

static enum err manual_write(void)
{
	struct buf want = BUF_INIT, have = BUF_INIT;
	enum err e = file_read(&have, MANUAL);

	e = e ? e : manual_wanted(buf_span(&have), &want);
	e = e ? e : file_replace(MANUAL, buf_span(&want), 0644);
	buf_fini(&want);
	buf_fini(&have);
	return e;
}

/* With every '#' taken off a line that has a default, the example is a configuration that says what is so anyway. */
static void env_example_says_the_defaults(void **state)
{
	struct buf all = BUF_INIT, out = BUF_INIT;
	struct span rest, line;
	struct settings plain;

	(void)state;
	settings_print_example(&all);
	for (rest = buf_span(&all); span_cut(&rest, '\n', &line);) {
		if (line.n > 1 && line.p[0] == '#' && line.p[1] != ' ')
			line = span_skip(line, 1);
		buf_add(&out, line);
		buf_addc(&out, '\n');
	}
	loads("");
	plain = s;
	s = (struct settings){ 0 };
	assert_int_equal(file_replace("example", buf_span(&out), 0600), ERR_OK);
	setenv("OFFHOOK_ENV", "example", 1);
	loads("");
	for (size_t i = 0; i < settings_fields_n; i++) {
		struct buf a = BUF_INIT, b = BUF_INIT;

		field_get_text(&settings_fields[i], &plain, &a);
		field_get_text(&settings_fields[i], &s, &b);
		assert_string_equal(buf_z(&a), buf_z(&b));
		buf_fini(&a);
		buf_fini(&b);
	}
	settings_fini(&plain);
	unlink("example");
	buf_fini(&all);
	buf_fini(&out);
}

static void help_and_manual_have_every_row(void **state)
{
	struct buf help = BUF_INIT, mdoc = BUF_INIT;
	struct span rest, line;

	(void)state;
	settings_print_help(&help);
	settings_print_mdoc(&mdoc);
	for (size_t i = 0; i < settings_fields_n; i++) {
		char name[80];

		assert_true(strlen(settings_fields[i].help) > 5);
		snprintf(name, sizeof name, "\n  %s", settings_fields[i].name);
		assert_non_null(strstr(buf_z(&help), name));
		snprintf(name, sizeof name, ".It Ev %s", settings_fields[i].name);
		assert_non_null(strstr(buf_z(&mdoc), name));
	}
	for (rest = buf_span(&help); span_cut(&rest, '\n', &line);)
		assert_true(line.n <= 84);
	buf_fini(&help);
	buf_fini(&mdoc);
}

static enum err one_load(void)
{
	struct settings t;
	enum err e = settings_load(&t, NULL);

	if (!e)
		settings_fini(&t);
	return e;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	env("PUBLIC_URL=https://h OPENAI_API_KEY=k");
	sweep(one_load, ERR_NOMEM);
}

#define T_(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T_(the_contract_s_defaults),
		T_(every_variable_of_the_contract_has_a_row),
		T_(what_must_not_be_shown_is_marked),
		T_(paths_lie_in_the_data_directory_and_are_absolute),
		T_(what_depends_on_another_variable),
		T_(port_0_asks_for_any_free_one),
		T_(urls_are_made_one_form),
		T_(a_request_s_address_becomes_a_stream_s),
		T_(what_is_refused_and_how),
		T_(a_data_directory_too_long_for_sockets),
		T_(the_file_is_used),
		T_(what_some_programs_need),
		T_(env_example_is_made_from_the_table),
		T_(env_example_says_the_defaults),
		T_(the_manual_page_is_made_from_the_table),
		T_(help_and_manual_have_every_row),
		T_(every_allocation_may_fail),
	};

	if (!getcwd(start, sizeof start))
		return 1;
	if (argc == 2 && strcmp(argv[1], "--write") == 0) {
		struct buf b = BUF_INIT;
		enum err e;

		settings_print_example(&b);
		e = b.err ? b.err : file_replace("env.example", buf_span(&b), 0644);
		e = e ? e : manual_write();
		buf_fini(&b);
		return err_exit(e);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
