/*
 * settings - what the environment and the configuration file say: one member per variable, one table that declares them (contract 2),
 * and what follows from them. Read-only after settings_load; SIGHUP loads a second one and swaps.
 * Texts are NULL when not set and there is no default. Words (`on`, `observe`, ...) are checked by the table: compare with strcmp.
 */
#ifndef OFFHOOK_SETTINGS_H
#define OFFHOOK_SETTINGS_H

#include "base/field.h"
#include "base/log.h"

struct settings {
	/* the model */
	char *openai_api_key, *openai_realtime_url, *openai_dialect, *openai_ca_file, *openai_organization, *openai_project;
	char *openai_fallback_url, *openai_fallback_api_key, *openai_fallback_model, *openai_fallback_dialect,
	     *openai_fallback_transcription_model;
	/* Twilio */
	char *twilio_account_sid, *twilio_auth_token, *twilio_auth_token_secondary, *twilio_api_key, *twilio_api_secret, *twilio_api_url;
	char *twilio_validate;                 /* on, off */
	char *twilio_validate_stream;          /* require, observe, off */
	/* our own addresses */
	char *public_url;                      /* no slash at the end, lower-case host; NULL: taken from the request */
	char *stream_url;                      /* likewise; OFFHOOK_STREAM_URL, else public_url with ws(s), else NULL */
	int64_t http_port, https_port;         /* https_port FIELD_NULL_INT: no TLS */
	char *tls_cert, *tls_key;
	char *relay_listen, *relay_tls_listen; /* address:port, checked: addr_parse takes them */
	/* the rest */
	char *data_dir;                        /* absolute */
	int64_t relay_workers, max_calls;      /* always set after load */
	int64_t playout_lead_ms;
	char *secret_key_file;                 /* absolute */
	int64_t retention_days;
	char *log_level, *log_format;

	/* derived from data_dir by settings_load */
	char *run_dir, *db_dir;                /* DATA/run, DATA/db */
	char *webhook_socket, *relay_socket;   /* DATA/run/webhook.sock (FastCGI), DATA/run/relay.sock (control) */
	char *htpasswd;                        /* DATA/htpasswd */
	char *prices;                          /* DATA/prices.json: price.h; need not be there */
};

extern const struct field settings_fields[];
extern const size_t settings_fields_n;

/* From conf_path() and the environment. On failure `why` is what to print after "offhook: ", and nothing is left to free. */
enum err settings_load(struct settings *s, struct buf *why);
void settings_fini(struct settings *s);

/* For the programs that need it: signatures are checked against PUBLIC_URL. ERR_VALUE with `why`. */
enum err settings_need_public_url(const struct settings *s, struct buf *why);
enum err settings_need_model_key(const struct settings *s, struct buf *why);

/* Keys of the account `default`: the real environment wins over the record, which wins over the configuration file. SPAN_NONE: not in the environment. */
struct span settings_env(const char *variable);

bool settings_validates(const struct settings *s);               /* TWILIO_VALIDATE=on */
enum log_level settings_log_level(const struct settings *s);
enum log_format settings_log_format(const struct settings *s);
enum err settings_ws_url(struct buf *out, struct span http_url); /* "https://h/p" -> "wss://h/p"; for a PUBLIC_URL from the request */

/* The same rows in three forms. */
void settings_print_example(struct buf *out);                    /* env.example */
void settings_print_help(struct buf *out);                       /* the environment part of --help */
void settings_print_mdoc(struct buf *out);                       /* .It Ev ... for the man page */

#endif
