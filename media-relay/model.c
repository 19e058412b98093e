/*
 * model - library callbacks of the side that dials: name, TCP, TLS (chain, name, ALPN http/1.1), upgrade, messages. The key goes into one header and
 * nowhere else; the reason of a failure is kept per attempt, since the library's callback does not tell it.
 * Source: OpenAI Realtime "Connect"; libwebsockets 4.1 client callbacks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "version.h"
#include "media-relay/worker_io.h"
#include "openai/session_config.h"

#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

/* Why TLS said no, in this thread; it is said just before the callback that knows no more than "failed". */
static _Thread_local char tls_said[160];

/* From OpenSSL itself: what the library has to say goes through one buffer for all threads. */
static void tls_says(const SSL *ssl, int where, int alert)
{
	long verified = SSL_get_verify_result(ssl);

	if (!(where & SSL_CB_ALERT) || alert >> 8 != SSL3_AL_FATAL)
		return;
	if ((where & SSL_CB_WRITE) && verified != X509_V_OK)
		snprintf(tls_said, sizeof tls_said, "%s", X509_verify_cert_error_string(verified));
	else
		snprintf(tls_said, sizeof tls_said, "%s%s", where & SSL_CB_READ ? "the server says: " : "", SSL_alert_desc_string_long(alert));
}

/* --- trust --- */

static bool add_file(SSL_CTX *c, const char *path)
{
	return SSL_CTX_load_verify_locations(c, path, NULL) == 1;
}

static const char *system_file(void)
{
	const char *file = getenv("SSL_CERT_FILE");

	return file ? file : access(SYSTEM_BUNDLE, R_OK) == 0 ? SYSTEM_BUNDLE : NULL;
}

/* One file read once, rather than a directory that is searched in every handshake, on the audio's thread. */
static bool add_system(SSL_CTX *c)
{
	const char *file = system_file();

	return file ? add_file(c, file) : SSL_CTX_set_default_verify_paths(c) == 1;
}

/* A hash of what tells one state of a file from another; reading the anchors again costs a megabyte that lives as long as the relay. */
static uint64_t stamp_add(uint64_t h, const char *file)
{
	struct stat st;

	if (!file || stat(file, &st) != 0)
		return h * 31 + 1;
	h = h * 31 + (uint64_t)st.st_ino;
	h = h * 31 + (uint64_t)st.st_mtim.tv_sec;
	return (h * 31 + (uint64_t)st.st_mtim.tv_nsec) * 31 + (uint64_t)st.st_size;
}

int64_t model_trust_stamp(const char *ca_file)
{
	return (int64_t)stamp_add(stamp_add(7, system_file()), ca_file);
}

SSL_CTX *model_trust(const char *ca_file, struct buf *why)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());

	if (!c) {
		buf_addz(why, "OpenSSL: out of memory");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_info_callback(c, tls_says);
	if (!add_system(c))
		log_warn("relay.trust", "error=%s", log_q(SPAN("no system certificates: install ca-certificates")));
	if (!ca_file || add_file(c, ca_file))
		return c;
	buf_printf(why, "OPENAI_CA_FILE: %s: not a readable PEM file with certificates", ca_file);
	SSL_CTX_free(c);
	return NULL;
}

/* --- dialling --- */

static void fail(struct leg *l, const char *why)
{
	if (!*l->ended)
		snprintf(l->ended, sizeof l->ended, "%s", why);
	leg_kill(l);
}

/* What we read as the reason, best first: TLS said no, the server's status, what the library says. */
static void explain(struct leg *l, struct lws *wsi, const char *in, size_t n)
{
	unsigned status = l->state == LS_CONNECT ? lws_http_client_http_response(wsi) : 0;
	struct span text = span_trim(in ? span_of(in, strnlen(in, n)) : SPAN_NONE);

	if (*l->ended)
		return;
	if (*tls_said)
		snprintf(l->ended, sizeof l->ended, "tls: %.150s", tls_said);
	else if (status && status != 101)
		snprintf(l->ended, sizeof l->ended, "http %u", status);
	else
		snprintf(l->ended, sizeof l->ended, "%.*s", SPAN_ARG(text.n ? text : SPAN("cannot connect")));
}

static void host_header(const struct upstream *u, char *out, size_t cap)
{
	bool usual = u->port == (u->tls ? 443 : 80);

	snprintf(out, cap, usual ? "%s" : "%s:%u", u->host, (unsigned)u->port);
}

static void connect_to(struct leg *l, const char *address)
{
	const struct upstream *u = l->up;
	char host[300];
	struct lws_client_connect_info i = { 0 };
	struct lws *wsi;

	host_header(u, host, sizeof host);
	i.context = l->w->lws;
	i.vhost = l->w->client;
	i.address = address;
	i.port = u->port;
	i.path = u->path;
	i.host = host;
	i.ssl_connection = u->tls ? LCCSCF_USE_SSL : 0;
	i.alpn = "http/1.1";
	i.local_protocol_name = model_protocols[0].name;
	i.opaque_user_data = l;
	l->starting = true;
	*tls_said = '\0';
	wsi = lws_client_connect_via_info(&i);
	l->starting = false;
	l->wsi = wsi;
	l->retry = !wsi;
	if (!wsi)
		worker_soon(l->w);
}

/* The next address, or the end of the attempt. */
void model_retry(struct leg *l)
{
	l->retry = false;
	if (l->kill || l->closing || !l->up)
		return;
	if (l->tried >= l->to.n) {
		fail(l, "cannot connect");
		return;
	}
	l->state = LS_CONNECT;
	l->reached = false;
	l->alive_ms = clock_ms();
	connect_to(l, l->to.text[l->tried++]);
}

void model_resolved(struct leg *l, const struct resolver_answer *a)
{
	char why[sizeof l->ended];

	if (l->state != LS_RESOLVE || l->kill || l->closing)
		return;
	if (a->err) {
		snprintf(why, sizeof why, "dns: %s", *a->why ? a->why : err_text(a->err));
		fail(l, why);
		return;
	}
	l->to = a->found;
	model_retry(l);
}

static void replace(struct line *line, enum session_leg which)
{
	struct leg *old = line->leg[which];

	if (!old)
		return;
	old->line = NULL;
	old->up = NULL;
	line->leg[which] = NULL;
	leg_kill(old);
}

void model_promote(struct line *line)
{
	struct leg *old = line->leg[LEG_MODEL], *l = line->leg[LEG_NEXT];

	if (old) {
		old->line = NULL;
		old->up = NULL;
		leg_close(old, 1000, SPAN(""));
	}
	line->leg[LEG_MODEL] = l;
	line->leg[LEG_NEXT] = NULL;
	if (l)
		l->which = LEG_MODEL;
}

void model_dial(struct line *line, enum session_leg which, const struct upstream *u)
{
	struct worker *w = line->w;
	struct leg *l;

	replace(line, which);
	l = leg_new(w, LK_MODEL);
	if (!l) {
		line_late(line, which, "out of memory");
		return;
	}
	l->line = line;
	l->which = which;
	l->up = u;
	l->state = LS_RESOLVE;
	l->until_ms = clock_ms() + DIAL_MS;
	line->leg[which] = l;
	log_debug("model.dial", "host=%s port=%u tls=%d", log_q(span_z(u->host)), (unsigned)u->port, u->tls);
	if (resolver_ask(w->pool->resolver, u->host, l->tag, worker_resolved, w))
		fail(l, "dns: out of memory");
}

/* A name that takes long: what it was last time will do. */
static void use_last(struct leg *l, int64_t now_ms)
{
	struct resolver_answer a = { 0 };

	if (now_ms < l->until_ms - DIAL_MS + NEXT_ADDRESS_MS || !resolver_last(l->w->pool->resolver, l->up->host, &a.found))
		return;
	model_resolved(l, &a);
}

void model_leg_tick(struct leg *l, int64_t now_ms)
{
	if (l->state != LS_RESOLVE && l->state != LS_CONNECT)
		return;
	if (now_ms >= l->until_ms) {
		fail(l, l->state == LS_RESOLVE ? "dns: no answer in 5 s" : "no connection in 5 s");
		return;
	}
	if (l->state == LS_RESOLVE && l->up)
		use_last(l, now_ms);
	else if (l->wsi && !l->reached && l->tried < l->to.n && now_ms - l->alive_ms >= NEXT_ADDRESS_MS)
		leg_cut(l);              /* closed() goes on with the next address */
}

/* --- callbacks --- */

static int add_header(struct lws *wsi, const char *name, const char *value, unsigned char **p, unsigned char *end)
{
	if (!value || !*value)
		return 0;
	return lws_add_http_header_by_name(wsi, (const unsigned char *)name, (const unsigned char *)value, (int)strlen(value), p, end);
}

static int on_headers(struct leg *l, struct lws *wsi, unsigned char **p, size_t n)
{
	const struct upstream *u = l->up;
	struct dialect_auth auth;
	char value[1024];
	int bad;

	if (!u)
		return -1;
	auth = dialect_auth(u->dialect);
	if (snprintf(value, sizeof value, "%s%s", auth.prefix, u->key ? u->key : "") >= (int)sizeof value)
		return -1;
	bad = add_header(wsi, auth.header, u->key ? value : NULL, p, *p + n);
	OPENSSL_cleanse(value, sizeof value);
	return bad || add_header(wsi, "openai-organization:", u->organization, p, *p + n) ||
	       add_header(wsi, "openai-project:", u->project, p, *p + n) ||
	       add_header(wsi, "user-agent:", "offhook/" OFFHOOK_VERSION, p, *p + n) ? -1 : 0;
}

static int on_established(struct leg *l, struct lws *wsi)
{
	l->wsi = wsi;
	if (!leg_block(l))
		return -1;
	l->state = LS_OPEN;
	if (l->up && l->tried > 1)
		resolver_prefer(l->w->pool->resolver, l->up->host, l->to.text[l->tried - 1]);
	l->up = NULL;
	l->alive_ms = clock_ms();
	if (l->line && l->which == LEG_MODEL)
		line_event(l->line, EV_MODEL_OPEN, SPAN_NONE);
	return 0;
}

static void on_message(struct leg *l, struct span msg)
{
	if (l->line)
		line_event(l->line, l->which == LEG_NEXT ? EV_NEXT_MESSAGE : EV_MODEL_MESSAGE, msg);
}

/* TCP did not come about and there is another address: the leg lives on. */
static bool another(struct leg *l)
{
	if (l->state != LS_CONNECT || l->kill || l->closing || *tls_said || l->tried >= l->to.n || !l->up)
		return false;
	l->wsi = NULL;
	l->retry = true;
	worker_soon(l->w);
	return true;
}

static int closed(struct leg *l, struct lws *wsi, const char *why, size_t n)
{
	lws_set_opaque_user_data(wsi, NULL);
	if (l->starting)
		return 0;
	if (l->state != LS_OPEN && another(l))
		return 0;
	if (l->state != LS_OPEN)
		explain(l, wsi, why, n);
	*tls_said = '\0';
	leg_gone(l);
	return 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
	struct leg *l = wsi ? lws_get_opaque_user_data(wsi) : NULL;

	(void)user;
	if (!l)
		return 0;
	switch ((int)reason) {
	case LWS_CALLBACK_WSI_CREATE:            /* of a client: TCP has come about */
		l->reached = true;
		return 0;
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return on_headers(l, wsi, in, n);
	case LWS_CALLBACK_CLIENT_HTTP_REDIRECT:
		return 1;                        /* the key is not carried elsewhere */
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		return on_established(l, wsi);
	case LWS_CALLBACK_CLIENT_RECEIVE:
		return leg_receive(l, in, n, on_message);
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return leg_writeable(l);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		leg_peer_closed(l, in, n);
		return 0;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		return closed(l, wsi, in, n);
	case LWS_CALLBACK_CLIENT_CLOSED:
	case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
	case LWS_CALLBACK_WSI_DESTROY:
		return closed(l, wsi, NULL, 0);
	default:
		return 0;
	}
}

const struct lws_protocols model_protocols[] = {
	{ .name = "offhook-model", .callback = callback, .rx_buffer_size = 16384 },
	{ 0 }
};
