/* history - a call with all its turns, read in one go for a page or a document. */
#ifndef OFFHOOK_HISTORY_H
#define OFFHOOK_HISTORY_H

#include "hook.h"
#include "store/turn.h"

struct history {
	struct call call;
	struct json_object *call_info;       /* as printed */
	struct turn *turns;
	size_t turns_n, turns_cap;
	int64_t events;                      /* how many */
	bool nomem;
};

/* ERR_NOTFOUND: no such call. At most HISTORY_TURNS turns. */
#define HISTORY_TURNS 100000
enum err history_read(struct hook *h, struct span session_id, struct history *out);
void history_fini(struct history *y);

#endif
