/* settings - the table, and what has to hold between its rows. */
#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/proc.h"
#include "settings.h"

#define ROW(member, name, kind, flags, min, max, def, allowed, help) \
	FIELD_AS(struct settings, member, name, kind, flags, min, max, def, allowed, help)

const struct field settings_fields[] = {
	ROW(openai_api_key, "OPENAI_API_KEY", FK_PLAIN, FF_SECRET, 0, 0, NULL, NULL, "key of the default account"),
	ROW(openai_realtime_url, "OPENAI_REALTIME_URL", FK_URL, 0, 0, 0, "wss://api.openai.com/v1/realtime", "wss ws",
	    "any server that speaks the protocol; ?model= is added"),
	ROW(openai_dialect, "OPENAI_DIALECT", FK_WORD, 0, 0, 0, "openai", "openai azure xai", "the differences of compatible servers"),
	ROW(openai_ca_file, "OPENAI_CA_FILE", FK_PLAIN, 0, 0, 0, NULL, NULL, "extra trust anchors (PEM) beside the system's"),
	ROW(openai_organization, "OPENAI_ORGANIZATION", FK_PLAIN, 0, 0, 0, NULL, NULL, "sent as a header when set"),
	ROW(openai_project, "OPENAI_PROJECT", FK_PLAIN, 0, 0, 0, NULL, NULL, "sent as a header when set"),
	ROW(openai_fallback_url, "OPENAI_FALLBACK_URL", FK_URL, 0, 0, 0, NULL, "wss ws", "second upstream, for when the first fails"),
	ROW(openai_fallback_api_key, "OPENAI_FALLBACK_API_KEY", FK_PLAIN, FF_SECRET, 0, 0, NULL, NULL, "its key"),
	ROW(openai_fallback_model, "OPENAI_FALLBACK_MODEL", FK_PLAIN, 0, 0, 0, NULL, NULL, "its model"),
	ROW(openai_fallback_dialect, "OPENAI_FALLBACK_DIALECT", FK_WORD, 0, 0, 0, NULL, "openai azure xai", "its dialect"),
	ROW(openai_fallback_transcription_model, "OPENAI_FALLBACK_TRANSCRIPTION_MODEL", FK_PLAIN, 0, 0, 0, NULL, NULL,
	    "its model for the caller's words"),

	ROW(twilio_account_sid, "TWILIO_ACCOUNT_SID", FK_PLAIN, 0, 0, 0, NULL, NULL, "default account at Twilio"),
	ROW(twilio_auth_token, "TWILIO_AUTH_TOKEN", FK_PLAIN, FF_SECRET, 0, 0, NULL, NULL, "its token: signature key and REST password"),
	ROW(twilio_auth_token_secondary, "TWILIO_AUTH_TOKEN_SECONDARY", FK_PLAIN, FF_SECRET, 0, 0, NULL, NULL,
	    "accepted too, while tokens are rotated"),
	ROW(twilio_api_key, "TWILIO_API_KEY", FK_PLAIN, 0, 0, 0, NULL, NULL, "used for REST instead of the token, with TWILIO_API_SECRET"),
	ROW(twilio_api_secret, "TWILIO_API_SECRET", FK_PLAIN, FF_SECRET, 0, 0, NULL, NULL, "belongs to TWILIO_API_KEY"),
	ROW(twilio_api_url, "TWILIO_API_URL", FK_URL, 0, 0, 0, "https://api.twilio.com", "https http", "base of Twilio's REST API"),
	ROW(twilio_validate, "TWILIO_VALIDATE", FK_WORD, 0, 0, 0, "on", "on off", "check the signatures of webhooks"),
	ROW(twilio_validate_stream, "TWILIO_VALIDATE_STREAM", FK_WORD, 0, 0, 0, "observe", "require observe off",
	    "signature of the media upgrade; the single-use token is always required"),

	ROW(public_url, "PUBLIC_URL", FK_URL, 0, 0, 0, NULL, "https http",
	    "https://host[:port][/prefix] as Twilio sees us; required when TWILIO_VALIDATE=on"),

	ROW(stream_url, "OFFHOOK_STREAM_URL", FK_URL, 0, 0, 0, NULL, "wss ws", "where media streams go, when not PUBLIC_URL with wss"),
	ROW(http_port, "OFFHOOK_HTTP_PORT", FK_PLAIN, 0, 0, 65535, "8080", NULL, "lighttpd, plain; 0 = any free port"),
	ROW(https_port, "OFFHOOK_HTTPS_PORT", FK_PLAIN, 0, 0, 65535, NULL, NULL, "lighttpd with TLS; unset = somebody else terminates it"),
	ROW(tls_cert, "OFFHOOK_TLS_CERT", FK_PLAIN, 0, 0, 0, NULL, NULL, "certificate chain (PEM), read again on SIGHUP"),
	ROW(tls_key, "OFFHOOK_TLS_KEY", FK_PLAIN, 0, 0, 0, NULL, NULL, "its key (PEM)"),
	ROW(data_dir, "OFFHOOK_DATA_DIR", FK_PLAIN, 0, 0, 0, "./data", NULL, "database, recordings, sockets; has one owner"),
	ROW(relay_listen, "OFFHOOK_RELAY_LISTEN", FK_PLAIN, 0, 0, 0, "127.0.0.1:8081", NULL,
	    "relay, for lighttpd and the operator: media streams, /ws/live/, /healthz, /metrics"),
	ROW(relay_tls_listen, "OFFHOOK_RELAY_TLS_LISTEN", FK_PLAIN, 0, 0, 0, NULL, NULL,
	    "address:port where the relay itself takes media streams with TLS"),
	ROW(relay_workers, "OFFHOOK_RELAY_WORKERS", FK_PLAIN, 0, 1, 256, NULL, NULL, "relay workers; unset = number of CPUs"),
	ROW(max_calls, "OFFHOOK_MAX_CALLS", FK_PLAIN, 0, 1, 100000, NULL, NULL,
	    "calls at once; more are told busy; unset = 350, 1000 with OFFHOOK_RELAY_TLS_LISTEN"),
	ROW(playout_lead_ms, "OFFHOOK_PLAYOUT_LEAD_MS", FK_PLAIN, 0, 0, 10000, "400", NULL,
	    "how far ahead of playback audio is sent to Twilio; 0 = no pacing"),
	ROW(secret_key_file, "OFFHOOK_SECRET_KEY_FILE", FK_PLAIN, 0, 0, 0, NULL, NULL,
	    "32 bytes that seal stored keys, made on first start; unset = $OFFHOOK_DATA_DIR/secret.key"),
	ROW(retention_days, "OFFHOOK_RETENTION_DAYS", FK_PLAIN, 0, 0, 36500, "0", NULL,
	    "older calls, transcripts and recordings are purged; 0 = kept for ever"),
	ROW(log_level, "OFFHOOK_LOG_LEVEL", FK_WORD, 0, 0, 0, "info", "debug info warn error", "what is logged"),
	ROW(log_format, "OFFHOOK_LOG_FORMAT", FK_WORD, 0, 0, 0, "text", "text json", "how: key=value, or one JSON object a line"),
};
const size_t settings_fields_n = sizeof settings_fields / sizeof *settings_fields;

/* What lies in the data directory. */
static const struct {
	size_t off;
	const char *path;
} derived[] = {
	{ offsetof(struct settings, run_dir), "/run" },
	{ offsetof(struct settings, db_dir), "/db" },
	{ offsetof(struct settings, webhook_socket), "/run/webhook.sock" },
	{ offsetof(struct settings, relay_socket), "/run/relay.sock" },
	{ offsetof(struct settings, htpasswd), "/htpasswd" },
	{ offsetof(struct settings, prices), "/prices.json" },
};
#define LONGEST_SOCKET "/run/webhook.sock.0000"        /* as unix_listen binds it first */
#define DATA_DIR_MAX   (sizeof ((struct sockaddr_un *)0)->sun_path - sizeof LONGEST_SOCKET)

static char **derived_at(struct settings *s, size_t i)
{
	return (char **)((char *)s + derived[i].off);
}

void settings_fini(struct settings *s)
{
	field_fini(settings_fields, settings_fields_n, s);
	for (size_t i = 0; i < sizeof derived / sizeof *derived; i++) {
		free(*derived_at(s, i));
		*derived_at(s, i) = NULL;
	}
}

static const struct field *row(const char *name)
{
	return field_find(settings_fields, settings_fields_n, span_z(name));
}

/* "NAME=value: reason"; the value of a secret is left out. */
static enum err refuse(const struct settings *s, const char *name, struct buf *why, const char *reason)
{
	const struct field *f = row(name);

	if (!why)
		return ERR_VALUE;
	buf_addz(why, name);
	if (!(f->flags & FF_SECRET) && !field_is_null(f, s)) {
		buf_addc(why, '=');
		field_get_text(f, s, why);
	}
	buf_printf(why, ": %s", reason);
	return ERR_VALUE;
}

/* --- checks between the rows --- */

static enum err replace(char **text, struct buf *b)
{
	char *z = buf_take(b);

	if (!z)
		return ERR_NOMEM;
	free(*text);
	*text = z;
	return ERR_OK;
}

/* Programs are started from other directories than the operator's (lighttpd, restarts). */
static enum err make_absolute(char **path)
{
	struct buf b = BUF_INIT;
	char *cwd;

	if (!*path)
		return ERR_OK;
	if (**path != '/') {
		cwd = getcwd(NULL, 0);
		if (!cwd)
			return ERR_IO;
		buf_addz(&b, cwd);
		buf_addc(&b, '/');
		free(cwd);
	}
	buf_addz(&b, strncmp(*path, "./", 2) == 0 ? *path + 2 : *path);
	while (!b.err && b.n > 1 && b.p[b.n - 1] == '/')
		b.n--;
	return replace(path, &b);
}

static enum err check_paths(struct settings *s, struct buf *why)
{
	char **paths[] = { &s->data_dir, &s->secret_key_file, &s->tls_cert, &s->tls_key, &s->openai_ca_file };
	enum err e = ERR_OK;

	for (size_t i = 0; i < sizeof paths / sizeof *paths && !e; i++)
		e = make_absolute(paths[i]);
	if (!e && strlen(s->data_dir) > DATA_DIR_MAX)
		e = refuse(s, "OFFHOOK_DATA_DIR", why, "must be shorter: the names of UNIX sockets, which lie in it, are limited");
	return e;
}

static enum err check_derived(struct settings *s, struct buf *why)
{
	struct buf b = BUF_INIT;
	enum err e = ERR_OK;

	(void)why;
	for (size_t i = 0; i < sizeof derived / sizeof *derived && !e; i++) {
		buf_addz(&b, s->data_dir);
		buf_addz(&b, derived[i].path);
		e = replace(derived_at(s, i), &b);
	}
	if (!e && !s->secret_key_file) {
		buf_addz(&b, s->data_dir);
		buf_addz(&b, "/secret.key");
		e = replace(&s->secret_key_file, &b);
	}
	return e;
}

/* Keys travel in HTTP headers: a blank or a line end in one is a slip of the hand that nobody would find later. */
static enum err check_tokens(struct settings *s, struct buf *why)
{
	static const char *const names[] = {
		"OPENAI_API_KEY", "OPENAI_ORGANIZATION", "OPENAI_PROJECT", "OPENAI_FALLBACK_API_KEY", "OPENAI_FALLBACK_MODEL",
		"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_SECONDARY", "TWILIO_API_KEY", "TWILIO_API_SECRET",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *z = *field_text(row(names[i]), s);

		for (; z && *z; z++)
			if (*z <= 0x20 || *z >= 0x7F)
				return refuse(s, names[i], why, "must have no blanks and no special characters");
	}
	return ERR_OK;
}

static enum err check_pairs(struct settings *s, struct buf *why)
{
	bool tls = s->https_port != FIELD_NULL_INT, relay_tls = s->relay_tls_listen != NULL;
	const char *who = tls ? "OFFHOOK_HTTPS_PORT" : "OFFHOOK_RELAY_TLS_LISTEN";

	if ((tls || relay_tls) && !(s->tls_cert && s->tls_key))
		return refuse(s, who, why, "needs OFFHOOK_TLS_CERT and OFFHOOK_TLS_KEY");
	if (!s->tls_cert != !s->tls_key)
		return refuse(s, s->tls_cert ? "OFFHOOK_TLS_CERT" : "OFFHOOK_TLS_KEY", why,
		              s->tls_cert ? "needs OFFHOOK_TLS_KEY" : "needs OFFHOOK_TLS_CERT");
	if (!s->twilio_api_key != !s->twilio_api_secret)
		return refuse(s, s->twilio_api_key ? "TWILIO_API_KEY" : "TWILIO_API_SECRET", why,
		              s->twilio_api_key ? "needs TWILIO_API_SECRET" : "needs TWILIO_API_KEY");
	return ERR_OK;
}

static enum err check_listen(struct settings *s, const char *name, int64_t *port, struct buf *why)
{
	struct sockaddr_storage sa;
	socklen_t len;
	const char *z = *field_text(row(name), s);
	const char *colon = z ? strrchr(z, ':') : NULL;

	*port = 0;
	if (!z)
		return ERR_OK;
	if (!addr_parse(span_z(z), &sa, &len) || !span_int(span_z(colon + 1), port))
		return refuse(s, name, why, "must be address:port, like 127.0.0.1:8081 or [::]:443");
	return ERR_OK;
}

static enum err check_ports(struct settings *s, struct buf *why)
{
	const char *names[] = { "OFFHOOK_HTTP_PORT", "OFFHOOK_HTTPS_PORT", "OFFHOOK_RELAY_LISTEN", "OFFHOOK_RELAY_TLS_LISTEN" };
	int64_t ports[4] = { s->http_port, s->https_port != FIELD_NULL_INT ? s->https_port : 0 };
	enum err e = check_listen(s, names[2], &ports[2], why);
	char reason[80];

	e = e ? e : check_listen(s, names[3], &ports[3], why);
	for (int i = 1; i < 4 && !e; i++) {
		for (int j = 0; j < i && !e; j++) {
			if (!ports[i] || ports[i] != ports[j] || (j == 2 && strcmp(s->relay_listen, s->relay_tls_listen) != 0))
				continue;
			snprintf(reason, sizeof reason, "is the port of %s already", names[j]);
			e = refuse(s, names[i], why, reason);
		}
	}
	return e;
}

static bool is_loopback(struct span host)
{
	struct span tail = host.n > 10 ? span_skip(host, host.n - 10) : SPAN("");
	char z[INET_ADDRSTRLEN];
	struct in_addr v4;
	bool is_v4 = span_copy(z, sizeof z, host) && inet_pton(AF_INET, z, &v4) == 1;

	return span_is(host, "localhost") || span_is(tail, ".localhost") || span_is(host, "[::1]") || (is_v4 && ntohl(v4.s_addr) >> 24 == 127);
}

/* Scheme and host in lower case, no slash at the end, nothing after the path; plain only on this machine. */
static enum err normalise_url(struct settings *s, const char *name, const char *secure, struct buf *why)
{
	char *z = *field_text(row(name), s), *host, *path, *port;
	size_t n;

	if (!z)
		return ERR_OK;
	host = strstr(z, "://") + 3;
	n = strcspn(host, "/?#");
	path = host + n;
	if (memchr(host, '@', n) || strpbrk(path, "?#"))
		return refuse(s, name, why, "must be scheme, host, port and path only");
	for (char *c = z; c < path; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
	for (n = strlen(path); n && path[n - 1] == '/'; n--)
		path[n - 1] = '\0';
	port = memrchr(host, ':', (size_t)(path - host));
	if (port && memchr(port, ']', (size_t)(path - port)))
		port = NULL;
	if (strncmp(z, secure, strlen(secure)) == 0 || is_loopback(span_of(host, (size_t)((port ? port : path) - host))))
		return ERR_OK;
	return refuse(s, name, why, secure[0] == 'h' ? "must start with https:// (plain http only for localhost)"
	                                             : "must start with wss:// (plain ws only for localhost)");
}

enum err settings_ws_url(struct buf *out, struct span http_url)
{
	if (!span_starts(http_url, SPAN("http")))
		return ERR_VALUE;
	buf_add(out, SPAN("ws"));
	buf_add(out, span_skip(http_url, 4));
	return out->err;
}

static enum err check_urls(struct settings *s, struct buf *why)
{
	struct buf b = BUF_INIT;
	enum err e = normalise_url(s, "PUBLIC_URL", "https://", why);

	e = e ? e : normalise_url(s, "OFFHOOK_STREAM_URL", "wss://", why);
	if (e || s->stream_url || !s->public_url)
		return e;
	e = settings_ws_url(&b, span_z(s->public_url));
	e = e ? e : replace(&s->stream_url, &b);
	buf_fini(&b);
	return e;
}

/* As many as we may run on, which in a container is fewer than there are. */
static int64_t cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
		return CPU_COUNT(&set);
	return 1;
}

static enum err check_numbers(struct settings *s, struct buf *why)
{
	const struct field *workers = row("OFFHOOK_RELAY_WORKERS");

	(void)why;
	if (s->relay_workers == FIELD_NULL_INT)
		s->relay_workers = cpus() < (int64_t)workers->max ? cpus() : (int64_t)workers->max;
	if (s->max_calls == FIELD_NULL_INT)
		s->max_calls = s->relay_tls_listen ? 1000 : 350;
	return ERR_OK;
}

enum err settings_load(struct settings *s, struct buf *why)
{
	static enum err (*const checks[])(struct settings *, struct buf *) = {
		check_tokens, check_pairs, check_ports, check_urls, check_numbers, check_paths, check_derived,
	};
	enum err e;

	*s = (struct settings){ 0 };
	e = field_defaults(settings_fields, settings_fields_n, s);
	if (!e)
		e = conf_load(settings_fields, settings_fields_n, "OFFHOOK_", conf_path(), s, why);
	for (size_t i = 0; i < sizeof checks / sizeof *checks && !e; i++)
		e = checks[i](s, why);
	if (e && why && !why->n)
		buf_printf(why, "configuration: %s", err_text(e));
	if (e)
		settings_fini(s);
	return e;
}

struct span settings_env(const char *variable)
{
	struct span s = span_trim(span_z(getenv(variable)));

	return s.n ? s : SPAN_NONE;
}

/* --- what some programs need --- */

enum err settings_need_public_url(const struct settings *s, struct buf *why)
{
	if (s->public_url || !settings_validates(s))
		return ERR_OK;
	if (why)
		buf_addz(why, "PUBLIC_URL is not set: set it to https://HOST as Twilio sees this machine (signatures are checked against it), "
		              "or TWILIO_VALIDATE=off");
	return ERR_VALUE;
}

enum err settings_need_model_key(const struct settings *s, struct buf *why)
{
	if (s->openai_api_key)
		return ERR_OK;
	if (why)
		buf_addz(why, "OPENAI_API_KEY is not set: set it to a key of the model's server");
	return ERR_VALUE;
}

bool settings_validates(const struct settings *s)
{
	return strcmp(s->twilio_validate, "on") == 0;
}

/* The place of a word among those allowed, which is the order of the enum. */
static int word_index(const char *name, const char *word)
{
	struct span rest = span_z(row(name)->allowed), part;

	for (int i = 0; span_cut(&rest, ' ', &part); i++)
		if (span_is(part, word))
			return i;
	return 0;
}

enum log_level settings_log_level(const struct settings *s)
{
	return (enum log_level)word_index("OFFHOOK_LOG_LEVEL", s->log_level);
}

enum log_format settings_log_format(const struct settings *s)
{
	return (enum log_format)word_index("OFFHOOK_LOG_FORMAT", s->log_format);
}
