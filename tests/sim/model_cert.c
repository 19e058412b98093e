#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/json.h"
#include "base/proc.h"
#include "model_cert.h"

#define DAY 86400L

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *x;
	bool fine;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	fine = x && X509_add_ext(cert, x, -1);
	X509_EXTENSION_free(x);
	return fine;
}

static bool set_serial(X509 *cert)
{
	unsigned char bytes[15];
	BIGNUM *bn = NULL;
	bool fine = RAND_bytes(bytes, sizeof bytes) == 1;

	bn = fine ? BN_bin2bn(bytes, sizeof bytes, NULL) : NULL;
	fine = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert));
	BN_free(bn);
	return fine;
}

static bool set_name(X509 *cert, const char *cn)
{
	X509_NAME *name = X509_get_subject_name(cert);

	return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const unsigned char *)"Offhook simulator", -1, -1, 0) &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
}

static bool set_times(X509 *cert, int64_t days)
{
	long from = days < 1 ? -30 * DAY : -DAY, to = days < 1 ? -DAY : (long)days * DAY;

	return X509_gmtime_adj(X509_getm_notBefore(cert), from) && X509_gmtime_adj(X509_getm_notAfter(cert), to);
}

/* An unsigned certificate: version, serial, times, key, subject. */
static X509 *cert_new(EVP_PKEY *key, const char *cn, int64_t days)
{
	X509 *c = X509_new();

	if (c && X509_set_version(c, 2) && set_serial(c) && set_times(c, days) && X509_set_pubkey(c, key) && set_name(c, cn))
		return c;
	X509_free(c);
	return NULL;
}

static void san_add(struct buf *san, struct span name)
{
	char z[260];
	bool ip = span_copy(z, sizeof z, name) && (strchr(z, ':') || strspn(z, "0123456789.") == strlen(z));

	buf_printf(san, "%s%s:" SPAN_FMT, san->n ? "," : "", ip ? "IP" : "DNS", SPAN_ARG(name));
}

static enum err san_list(struct buf *san, const char *names)
{
	struct json_object *a = NULL;
	enum err e = json_read(&a, span_z(names ? names : "[\"localhost\",\"127.0.0.1\",\"::1\"]"));

	for (size_t i = 0; !e && i < json_object_array_length(a); i++)
		san_add(san, json_span(json_object_array_get_idx(a, i)));
	json_object_put(a);
	return e ? e : san->err;
}

static X509 *ca_new(EVP_PKEY *key)
{
	X509 *ca = cert_new(key, "Offhook simulator CA", 30);

	if (ca && X509_set_issuer_name(ca, X509_get_subject_name(ca)) && add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE") &&
	    add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	    add_extension(ca, ca, NID_subject_key_identifier, "hash") && X509_sign(ca, key, EVP_sha256()))
		return ca;
	X509_free(ca);
	return NULL;
}

static X509 *server_new(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, const char *san, int64_t days)
{
	X509 *c = cert_new(key, "Offhook simulated model", days);

	if (c && X509_set_issuer_name(c, X509_get_subject_name(ca)) && add_extension(c, ca, NID_basic_constraints, "critical,CA:FALSE") &&
	    add_extension(c, ca, NID_ext_key_usage, "serverAuth") && add_extension(c, ca, NID_subject_alt_name, san) &&
	    add_extension(c, ca, NID_authority_key_identifier, "keyid") && X509_sign(c, ca_key, EVP_sha256()))
		return c;
	X509_free(c);
	return NULL;
}

enum err model_cert_make(struct model_cert *out, const char *names, int64_t days)
{
	struct model_cert c = { NULL, NULL, EVP_EC_gen("P-256") };
	EVP_PKEY *ca_key = EVP_EC_gen("P-256");
	struct buf san = BUF_INIT;
	enum err e = san_list(&san, names);

	if (!e && ca_key && c.key)
		c.ca = ca_new(ca_key);
	if (c.ca)
		c.cert = server_new(c.key, c.ca, ca_key, buf_z(&san), days);
	buf_fini(&san);
	EVP_PKEY_free(ca_key);
	if (c.cert) {
		*out = c;
		return ERR_OK;
	}
	model_cert_fini(&c);
	return e ? e : ERR_CRYPTO;
}

void model_cert_fini(struct model_cert *c)
{
	X509_free(c->ca);
	X509_free(c->cert);
	EVP_PKEY_free(c->key);
	*c = (struct model_cert){ NULL, NULL, NULL };
}

enum err model_cert_use(const struct model_cert *c, SSL_CTX *ctx)
{
	if (SSL_CTX_use_certificate(ctx, c->cert) != 1 || SSL_CTX_use_PrivateKey(ctx, c->key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
		return ERR_CRYPTO;
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	return ERR_OK;
}

enum err model_cert_save_ca(const struct model_cert *c, const char *path)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p = NULL;
	long n = bio && PEM_write_bio_X509(bio, c->ca) ? BIO_get_mem_data(bio, &p) : 0;
	enum err e = n > 0 ? file_replace(path, span_of(p, (size_t)n), 0644) : ERR_CRYPTO;

	BIO_free(bio);
	return e;
}
