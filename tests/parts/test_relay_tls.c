/* test_relay_tls - the relay takes TLS itself: media streams and nothing else, a certificate that is renewed while calls go on; and settings read again. */
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "relay_world.h"

struct tls_world {
	struct relay_world w;
	int tls_fd, tls_port;
	char cert[100], key[100], env[100];
};

static void pem_write(const struct model_cert *c, const char *cert, const char *key)
{
	FILE *f = fopen(cert, "w");

	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, c->cert), 1);
	fclose(f);
	f = fopen(key, "w");
	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, c->key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
}

static void env_write(struct tls_world *t, int max_calls)
{
	char text[100];

	snprintf(text, sizeof text, "OFFHOOK_MAX_CALLS=%d\n", max_calls);
	assert_int_equal(file_replace(t->env, span_z(text), 0600), ERR_OK);
}

static void tls_begin(struct tls_world *t)
{
	struct relay_world *w = &t->w;
	char listen[40];

	world_begin(w, NULL, true);
	snprintf(t->cert, sizeof t->cert, "%s/cert.pem", w->dir);
	snprintf(t->key, sizeof t->key, "%s/key.pem", w->dir);
	snprintf(t->env, sizeof t->env, "%s/env", w->dir);
	pem_write(&w->cert, t->cert, t->key);
	env_write(t, 1);
	t->tls_fd = peer_listen(&t->tls_port);
	snprintf(listen, sizeof listen, "127.0.0.1:%d", t->tls_port);
	setenv("OFFHOOK_RELAY_TLS_LISTEN", listen, 1);
	setenv("OFFHOOK_TLS_CERT", t->cert, 1);
	setenv("OFFHOOK_TLS_KEY", t->key, 1);
	setenv("OFFHOOK_ENV", t->env, 1);
	w->extra_fd = t->tls_fd;
	relay_start(w);
}

static void tls_end(struct tls_world *t)
{
	close(t->tls_fd);
	unsetenv("OFFHOOK_RELAY_TLS_LISTEN");
	unsetenv("OFFHOOK_TLS_CERT");
	unsetenv("OFFHOOK_TLS_KEY");
	world_end(&t->w);
}

/* As Twilio connects: the chain and the name are checked, by address here. */
static bool tls_dial(struct tls_world *t, struct peer *p, X509 *ca)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());
	bool ok;

	X509_STORE_add_cert(SSL_CTX_get_cert_store(c), ca);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	assert_true(peer_dial(p, t->tls_port, 0));
	p->ssl = SSL_new(c);
	X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(p->ssl), "127.0.0.1");
	SSL_set_fd(p->ssl, p->fd);
	ok = SSL_connect(p->ssl) == 1;
	SSL_CTX_free(c);
	return ok;
}

static void tls_phone(struct tls_world *t, struct peer *p, const struct phone_call *c)
{
	struct buf b = BUF_INIT;

	assert_true(tls_dial(t, p, t->w.cert.ca));
	assert_int_equal(peer_ask(p, c->path, NULL), 101);
	phone_start_text(c, c->token[0], &b);
	assert_true(peer_frame(p, FIN | OP_TEXT, b.p, b.n));
	buf_fini(&b);
}

static void expect_frames(struct peer *model, size_t from, size_t n)
{
	struct buf b = BUF_BOUND((size_t)1 << 20);
	struct json_object *o;
	uint8_t audio[4096];
	size_t got = from * 160, piece;

	while (got < (from + n) * 160) {
		assert_true(peer_message(model, 5000, &b));
		assert_int_equal(json_read(&o, buf_span(&b)), ERR_OK);
		if (span_is(json_get_span(o, "type"), "input_audio_buffer.append")) {
			assert_true(b64_decode(audio, sizeof audio, json_get_span(o, "audio"), &piece));
			for (size_t i = 0; i < piece; i++, got++)
				assert_int_equal(audio[i], (got / 160) & 0xff);
		}
		json_object_put(o);
	}
	buf_fini(&b);
}

static void call_up(struct tls_world *t, struct phone_call *c, struct peer *model)
{
	char said[64];

	call_make(&t->w, c);
	announce(&t->w, c, said);
	assert_string_equal(said, "ok");
	model_ready(&t->w, model);
}

static void a_call_goes_through_and_outlives_its_certificate(void **state)
{
	struct tls_world t;
	struct phone_call c;
	struct peer model, phone, other;
	struct model_cert renewed;
	struct buf b = BUF_BOUND((size_t)1 << 20);

	(void)state;
	tls_begin(&t);
	call_up(&t, &c, &model);
	tls_phone(&t, &phone, &c);
	for (unsigned i = 0; i < 50; i++)
		assert_true(phone_media(&phone, &c, i));
	expect_frames(&model, 0, 50);
	assert_true(model_greets(&model));
	assert_true(peer_message(&phone, 3000, &b));
	assert_non_null(strstr(buf_z(&b), "\"media\""));

	assert_int_equal(model_cert_make(&renewed, NULL, 10), ERR_OK);
	pem_write(&renewed, t.cert, t.key);
	kill(t.w.pid, SIGHUP);
	soon(5000, log_has(&t.w, "relay.reload"));
	poll(NULL, 0, 100);
	assert_true(tls_dial(&t, &other, renewed.ca));
	peer_close(&other);
	assert_false(tls_dial(&t, &other, t.w.cert.ca));
	peer_close(&other);
	for (unsigned i = 50; i < 60; i++)
		assert_true(phone_media(&phone, &c, i));
	expect_frames(&model, 50, 10);

	assert_int_equal(file_replace(t.cert, SPAN("nonsense"), 0600), ERR_OK);      /* refused, and the old one stays */
	kill(t.w.pid, SIGHUP);
	soon(5000, log_has(&t.w, "relay.certificate"));
	assert_true(tls_dial(&t, &other, renewed.ca));
	peer_close(&other);
	model_cert_fini(&renewed);
	buf_fini(&b);
	peer_close(&phone);
	peer_close(&model);
	tls_end(&t);
}

static void only_media_streams_are_taken(void **state)
{
	static const struct { const char *request; int status; } rows[] = {
		{ "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", 404 },
		{ "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n", 404 },
		{ "POST /ws/realtime/ HTTP/1.1\r\nhost: x\r\n\r\n", 405 },
		{ "rubbish\r\n\r\n", 400 },
	};
	struct tls_world t;
	struct peer p, plain, half;
	int64_t begun;
	int status;

	(void)state;
	tls_begin(&t);
	assert_true(peer_dial(&half, t.tls_port, 0));        /* never says a word */
	begun = peer_ms();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(tls_dial(&t, &p, t.w.cert.ca));
		assert_true(peer_write(&p, rows[i].request, strlen(rows[i].request)));
		status = 0;
		assert_true(peer_head(&p, 3000));
		sscanf(p.head, "HTTP/1.%*d %d", &status);
		assert_int_equal(status, rows[i].status);
		peer_close(&p);
	}
	assert_true(peer_dial(&plain, t.tls_port, 0));
	assert_true(peer_write(&plain, "GET / HTTP/1.1\r\n\r\n", 18));
	while (peer_fill(&plain, peer_ms() + 3000) > 0)
		;
	peer_close(&plain);
	assert_int_equal(peer_fill(&half, peer_ms() + 8000), -1);
	assert_in_range(peer_ms() - begun, 4500, 7000);
	peer_close(&half);
	tls_end(&t);
}

static void a_drained_relay_finishes_its_tls_streams(void **state)
{
	struct tls_world t;
	struct phone_call c;
	struct peer model, phone;
	char line[512], text[300];
	pid_t old;

	(void)state;
	tls_begin(&t);
	call_up(&t, &c, &model);
	tls_phone(&t, &phone, &c);
	assert_true(phone_media(&phone, &c, 0));
	expect_frames(&model, 0, 1);
	old = t.w.pid;
	kill(old, SIGTERM);
	assert_true(notified(&t.w, "draining", 3000, line));
	assert_true(phone_media(&phone, &c, 1));
	expect_frames(&model, 1, 1);
	snprintf(text, sizeof text, "{\"event\":\"stop\",\"sequenceNumber\":\"9\",\"stop\":{\"accountSid\":\"AC1\",\"callSid\":\"%s\"},\"streamSid\":\"%s\"}", c.sid,
		 c.stream);
	assert_true(peer_text(&phone, text));
	assert_int_equal(peer_closed(&phone, 4000), 1000);
	assert_int_equal(relay_wait(old, 8000), 0);
	t.w.pid = -1;
	peer_close(&phone);
	peer_close(&model);
	tls_end(&t);
}

static void settings_are_read_again(void **state)
{
	struct tls_world t;
	struct phone_call c[2];
	struct peer model;
	char said[64];

	(void)state;
	tls_begin(&t);
	call_up(&t, &c[0], &model);
	call_make(&t.w, &c[1]);
	announce(&t.w, &c[1], said);
	assert_string_equal(said, "busy");
	env_write(&t, 2);
	kill(t.w.pid, SIGHUP);
	soon(5000, log_has(&t.w, "relay.reload"));
	announce(&t.w, &c[1], said);
	assert_string_equal(said, "ok");
	assert_int_equal(file_replace(t.env, SPAN("OFFHOOK_MAX_CALLS=many\n"), 0600), ERR_OK);
	kill(t.w.pid, SIGHUP);
	soon(5000, log_has(&t.w, "kept=old"));
	assert_int_equal(active_calls(&t.w), 2);
	peer_close(&model);
	tls_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_goes_through_and_outlives_its_certificate),
		cmocka_unit_test(only_media_streams_are_taken),
		cmocka_unit_test(a_drained_relay_finishes_its_tls_streams),
		cmocka_unit_test(settings_are_read_again),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
