/*
 * tls_front - OFFHOOK_RELAY_TLS_LISTEN: takes TLS for media streams and nothing else, in threads of its own, and gives the plain bytes to the worker that
 * owns the session through a socket pair. So the audio loops do no handshakes, and a worker sees one kind of socket.
 * The certificate is read again by tls_front_reload; connections that are open keep theirs.
 */
#ifndef OFFHOOK_TLS_FRONT_H
#define OFFHOOK_TLS_FRONT_H

#include "base/buf.h"
#include "settings.h"

struct tls_front;
struct pool;

/* Takes the listening descriptor on success. On failure `why` names the file and what is wrong with it. NULL is fine for all others. */
enum err tls_front_start(struct tls_front **out, struct pool *p, int fd, const struct settings *cf, struct buf *why);
enum err tls_front_reload(struct tls_front *t, const struct settings *cf, struct buf *why);
void tls_front_stop(struct tls_front *t);      /* accepts nothing more; streams go on */
void tls_front_free(struct tls_front *t);

#endif
