/* tls_cert - the server's side of TLS: certificate, key, ALPN. */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "media-relay/tls_cert.h"

static int pick_http(SSL *s, const unsigned char **out, unsigned char *out_n, const unsigned char *in, unsigned in_n, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *p;

	(void)s, (void)arg;
	if (SSL_select_next_proto(&p, out_n, ours, sizeof ours - 1, in, in_n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = p;
	return SSL_TLSEXT_ERR_OK;
}

static const char *ssl_text(void)
{
	const char *t = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return t ? t : "unreadable";
}

static bool ctx_fill(SSL_CTX *c, const struct settings *cf, struct buf *why)
{
	const char *key = cf->tls_key ? cf->tls_key : cf->tls_cert;

	if (!cf->tls_cert) {
		buf_addz(why, "OFFHOOK_RELAY_TLS_LISTEN needs OFFHOOK_TLS_CERT and OFFHOOK_TLS_KEY");
		return false;
	}
	if (SSL_CTX_use_certificate_chain_file(c, cf->tls_cert) != 1) {
		buf_printf(why, "OFFHOOK_TLS_CERT: %s: %s", cf->tls_cert, ssl_text());
		return false;
	}
	if (SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(c) != 1) {
		buf_printf(why, "OFFHOOK_TLS_KEY: %s: %s", key, ssl_text());
		return false;
	}
	return true;
}

SSL_CTX *tls_cert_ctx(const struct settings *cf, struct buf *why)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());

	if (!c)
		return NULL;
	SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
	SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_alpn_select_cb(c, pick_http, NULL);
	if (ctx_fill(c, cf, why))
		return c;
	SSL_CTX_free(c);
	return NULL;
}
