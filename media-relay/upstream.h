/*
 * upstream - the life of a call's model connection as a state table: dialled, created, configured, ready, and what follows when it breaks. It decides when
 * and whom to dial and when to give up; it sends nothing itself: what is to be done is returned.
 *
 * Rules (contract M1, M2, M4): a connection that is not ready 5 s after its dial has failed; each upstream is dialled again after 200, 500 and 1000 ms
 * (each +-25 %), then the other one gets its turn; what retrying cannot help goes to the other one at once. While a caller waits, the other one is dialled
 * 5 s after the trouble began at the latest, and after 9 s it is over, so that the caller hears the agent or the fallback within 10 s. Connections that speak and
 * drop are no failed dials: the last upstream there is may do that a dozen times in a row before it is given up.
 */
#ifndef OFFHOOK_UPSTREAM_H
#define OFFHOOK_UPSTREAM_H

#include "media-relay/realtime.h"

enum upstream_state { US_DOWN, US_DIAL, US_CREATED, US_CONFIGURING, US_READY, US_BACKOFF, US_FAILED, US_STATES };
/* dial: waits for the socket and session.created; created: session.update is to be sent; configuring: waits for session.updated. */

enum upstream_ev {
	UE_WANT,                        /* a model is wanted */
	UE_CREATED,                     /* session.created */
	UE_SENT,                        /* the session.update is on its way */
	UE_GOOD,                        /* session.updated, as we asked */
	UE_WRONG,                       /* session.updated, other formats or another voice */
	UE_BROKEN,                      /* dial failed, connection dropped, error before session.updated */
	UE_EXPIRED,                     /* it had reached its age */
	UE_HOPELESS,                    /* as UE_BROKEN, and trying again cannot help */
	UE_DROP,                        /* not wanted for now */
	UE_EVENTS
};

enum upstream_act {
	UA_NONE,
	UA_DIAL,                        /* dial upstream_which(); an older leg is replaced by it */
	UA_CONFIGURE,                   /* send session.update, then UE_SENT */
	UA_READY,                       /* audio may flow */
	UA_CLOSE,                       /* close the leg, if there is one; a retry follows by upstream_tick */
	UA_FAILED,                      /* close the leg; nobody answers */
};

enum upstream_lost { UL_DROPPED, UL_EXPIRED, UL_FALLBACK };

struct upstream_link {
	enum upstream_state state;
	unsigned n, which;              /* upstreams there are; the one in use */
	unsigned round;                 /* upstreams tried in this trouble, this one included */
	unsigned tries;                 /* dials of this one */
	unsigned short_lives;           /* connections in a row that were ready and dropped soon */
	bool caller;                    /* one waits when there is no model */
	bool resent, hopeless;          /* session.update was sent once more; the last failure was beyond help */
	int64_t dialled_ms;             /* of the dial under way */
	int64_t until_ms;               /* of this state; INT64_MAX: none */
	int64_t trouble_ms;             /* since when there is no model, or a caller without one */
	int64_t ready_ms;
	int64_t spoke_ms;               /* when audio last came; long ago: never */
	unsigned jitter;                /* 0..1000, drawn for the next pause; tests set it */
};

const char *upstream_state_name(enum upstream_state s);
void upstream_init(struct upstream_link *u, unsigned upstreams);
enum upstream_act upstream_event(struct upstream_link *u, enum upstream_ev ev, int64_t now_ms);
enum upstream_act upstream_tick(struct upstream_link *u, int64_t now_ms);
void upstream_caller(struct upstream_link *u, bool waits, int64_t now_ms);          /* a stream is there, or is there no longer */
void upstream_replace(struct upstream_link *u, const struct upstream_link *by);     /* who waits, and when the model was heard of, is the call's and stays */
static inline void upstream_spoke(struct upstream_link *u, int64_t now_ms) { u->spoke_ms = now_ms; }
static inline unsigned upstream_which(const struct upstream_link *u) { return u->which; }
static inline bool upstream_ready(const struct upstream_link *u) { return u->state == US_READY; }

#endif
