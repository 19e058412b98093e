/* play_store - the record of the one call, in memory: what play_relay.c saves, as the store thread would. Of the relay's world. */
#ifndef OFFHOOK_SIM_PLAY_STORE_H
#define OFFHOOK_SIM_PLAY_STORE_H

#include "media-relay/job.h"
#include "play.h"
#include "store/call.h"

struct play_store {
	struct call call;
	struct turn *turns;              /* by their numbers */
	struct event *events;
	size_t turns_n, turns_cap, events_n, events_cap;
};

void play_store_call(struct play *p, const struct call_changes *c);
/* `was`: the turn as it was stored before, zeroed when it is new; the caller's to free. */
void play_store_turn(struct play *p, const struct turn *u, struct turn *was);
void play_store_event(struct play *p, const struct event *e);

#endif
