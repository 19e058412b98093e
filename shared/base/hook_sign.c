#include <openssl/hmac.h>

#include "b64.h"
#include "hook_sign.h"

enum err hook_sign(struct buf *header, struct span secret, int64_t unix_s, struct span body)
{
	struct buf message = BUF_INIT;
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
	enum err e;

	buf_printf(&message, "%lld.", (long long)unix_s);
	buf_add(&message, body);
	e = message.err;
	if (!e && !HMAC(EVP_sha256(), secret.p, (int)secret.n, (const uint8_t *)message.p, message.n, mac, &n))
		e = ERR_CRYPTO;
	buf_fini(&message);
	if (e)
		return e;
	hex_encode(hex, mac, n);
	buf_printf(header, "X-Offhook-Signature: t=%lld,v1=%s", (long long)unix_s, hex);
	return header->err;
}
