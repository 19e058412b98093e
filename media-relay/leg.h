/*
 * leg - what both WebSockets of a call share: assembly of incoming messages, a bounded queue of outgoing ones, flow control.
 * Worker thread only. The queue is one block per leg, taken from the worker's pool when the leg opens, so sending allocates nothing:
 * a message is built in place behind LWS_PRE free bytes, and written from there.
 */
#ifndef OFFHOOK_LEG_H
#define OFFHOOK_LEG_H

#include "base/span.h"

struct leg;

/* Room for one outgoing text message of at most n bytes; NULL when the queue is full (the session's policy decides what that means).
 * Nothing else may be reserved until leg_commit; leg_commit(leg, 0) gives the room back. */
char *leg_reserve(struct leg *l, size_t n);
void leg_commit(struct leg *l, size_t n);

size_t leg_queued(const struct leg *l);              /* bytes not yet accepted by the socket */
size_t leg_room(const struct leg *l);                /* what leg_reserve can still give */
void leg_pause(struct leg *l, bool on);              /* stop or resume reading from this peer (lws_rx_flow_control) */
void leg_close(struct leg *l, uint16_t code, struct span reason);    /* after what is queued; killed 2 s later if the peer does not close */
void leg_kill(struct leg *l);                        /* at once */

#endif
