/*
 * history - the bounded item log from which a conversation is rebuilt on a new model connection (contract M4). It is fed with the turns of the record, as they
 * are saved and saved again while more becomes known, and by the relay that takes a call over with those that are stored: so it holds of an answer what the
 * caller heard. It gives client messages; whoever asks for them sends them.
 *
 * Bounds: of the last HISTORY_ITEMS turns everything is known, of those before how the call began and how many they were. A new connection is given the
 * newest HISTORY_GIVEN that fit into HISTORY_BYTES, and what came before as one line.
 * Source: OpenAI Realtime, conversation.item.create; "Rebuild a conversation": text of both sides, calls with their results (never an output without its
 * call), no status, ids of our own.
 */
#ifndef OFFHOOK_HISTORY_H
#define OFFHOOK_HISTORY_H

#include "base/buf.h"
#include "store/turn.h"

#define HISTORY_ITEMS  64
#define HISTORY_GIVEN  30
#define HISTORY_BYTES  ((size_t)32 << 10)      /* of all messages together: they go into the leg's queue at once */
#define HISTORY_TEXT   ((size_t)4 << 10)       /* of one text; a longer one is cut */
#define HISTORY_BEGAN  300                     /* of how the call began */

enum history_kind { HK_USER, HK_AGENT, HK_NOTE, HK_TOOL };

struct history_item {
	enum history_kind kind;
	int64_t seq;                           /* of the turn */
	char *text;                            /* said and heard; of a tool its result, NULL: none yet */
	char *name, *arguments;                /* of a tool; arguments are JSON text */
	bool cut;                              /* an answer the caller did not hear to its end */
	bool open;                             /* an answer that is being heard */
	bool given;                            /* this connection had it from us, ... */
	bool stale;                            /* ... but more is known by now */
};

struct history {
	struct history_item items[HISTORY_ITEMS];
	unsigned n;                            /* by seq, oldest first */
	unsigned before;                       /* turns that are not kept any more */
	struct buf began;                      /* how the call began, of those */
};

typedef void history_send(void *ctx, struct buf *msg);          /* takes and frees it */

void history_init(struct history *h);
void history_fini(struct history *h);
void history_turn(struct history *h, const struct turn *u);     /* a turn was saved, or saved again; out of memory: it is as if it had not been */
bool history_empty(const struct history *h);

/* What the caller's last word has come to. */
enum history_end {
	HE_SILENT,                             /* answered, or nothing was said yet */
	HE_ASKED,                              /* the caller or a tool had the last word */
	HE_BROKEN,                             /* an answer was begun and not ended */
};
enum history_end history_end(const struct history *h);

void history_give(struct history *h, struct span why, history_send *send, void *ctx);    /* everything, to a new connection; `why` is the first item */
void history_amend(struct history *h, history_send *send, void *ctx);                    /* what has changed since this connection was given it */
void history_gone(struct history *h);                                                    /* the connection */

#endif
