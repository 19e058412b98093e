/* tls_cert - a server's SSL_CTX from OFFHOOK_TLS_CERT and OFFHOOK_TLS_KEY: TLS 1.2 or later, ALPN http/1.1. */
#ifndef OFFHOOK_TLS_CERT_H
#define OFFHOOK_TLS_CERT_H

#include <openssl/ssl.h>

#include "base/buf.h"
#include "settings.h"

SSL_CTX *tls_cert_ctx(const struct settings *cf, struct buf *why);      /* NULL: `why` names the variable, the file and what is wrong with it */

#endif
