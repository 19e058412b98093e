/* probe - asks a server of ours a question over HTTP/1.1: for `status`, and to know when everything answers. Blocking, bounded. */
#ifndef OFFHOOK_PROBE_H
#define OFFHOOK_PROBE_H

#include "base/buf.h"

/* ERR_DOWN: nobody listens; ERR_TIMEOUT; ERR_SYNTAX: no HTTP answer. `body` (its bound counts) gets what follows the head. */
enum err probe_get(const char *host, unsigned port, const char *path, int timeout_ms, int *status, struct buf *body);

#endif
