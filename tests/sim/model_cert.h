/* model_cert - a fresh certificate authority and a server certificate signed by it, for the life of one process. */
#ifndef OFFHOOK_SIM_MODEL_CERT_H
#define OFFHOOK_SIM_MODEL_CERT_H

#include <openssl/ssl.h>

#include "base/buf.h"

struct model_cert {
	X509 *ca, *cert;
	EVP_PKEY *key;
};

/* names: JSON list of DNS names and addresses; NULL = localhost, 127.0.0.1, ::1. days < 1: expired yesterday. */
enum err model_cert_make(struct model_cert *out, const char *names, int64_t days);
void model_cert_fini(struct model_cert *c);
enum err model_cert_use(const struct model_cert *c, SSL_CTX *ctx);
enum err model_cert_save_ca(const struct model_cert *c, const char *path);

#endif
