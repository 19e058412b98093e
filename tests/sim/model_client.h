/*
 * model_client - a small blocking client of a Realtime server: RFC 6455 by hand over OpenSSL. For tests and probes, not for audio paths.
 */
#ifndef OFFHOOK_SIM_MODEL_CLIENT_H
#define OFFHOOK_SIM_MODEL_CLIENT_H

#include "base/buf.h"

struct model_client_to {
	const char *host, *port;          /* where to connect */
	const char *ca_file;              /* NULL: no TLS */
	const char *name;                 /* the certificate must be for it; NULL = host */
	const char *path, *key, *header;  /* path with query; key and one more header line may be NULL */
	int timeout_ms;                   /* for the answer to the upgrade; 0 = 10 s */
};

enum client_got { CLIENT_TEXT, CLIENT_TIMEOUT, CLIENT_CLOSED };

struct model_client {
	int fd;
	void *ssl, *ctx;                  /* OpenSSL's */
	struct buf in, message;
	size_t used;                      /* bytes of `in` that are done */
	int status;                       /* of the upgrade */
	unsigned pings, frames;           /* seen; frames = data frames */
	bool mute_pongs;                  /* set by who wants to see what happens */
	int close_code;                   /* 1006: gone without a close frame */
	char close_reason[128];
};

/* 101: ERR_OK. Another status: ERR_DENIED and `status`. TLS or TCP trouble: ERR_DOWN and why. */
enum err model_client_open(struct model_client *c, const struct model_client_to *to, struct buf *why);
enum err model_client_send(struct model_client *c, struct span text);              /* one masked text frame */
enum err model_client_frame(struct model_client *c, unsigned first_byte, struct span payload);
enum client_got model_client_get(struct model_client *c, int timeout_ms, struct span *text);    /* text: until the next call */
void model_client_close(struct model_client *c, unsigned code);                    /* sends a close frame */
void model_client_fini(struct model_client *c);

#endif
