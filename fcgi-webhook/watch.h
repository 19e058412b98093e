/*
 * watch - a thread that acts when the request in hand has waited too long for the store: it gives the answer of last resort, and the handler
 * finds out when the store comes back. Signals are blocked in it, so that they reach the thread in accept.
 */
#ifndef OFFHOOK_WATCH_H
#define OFFHOOK_WATCH_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct watch;

enum err watch_new(struct watch **out, void (*fire)(void *), void *arg);      /* fire: in the watch's thread, once per watch_begin at most */
void watch_free(struct watch *w);
void watch_begin(struct watch *w, int ms);
bool watch_end(struct watch *w);                                              /* did it fire? When it returns, fire is not running */

#endif
