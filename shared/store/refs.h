/* refs - records named by people and by other records: `id`, `name` (of the default account first) or `account/name`; numbers are E.164, tools names. */
#ifndef OFFHOOK_REFS_H
#define OFFHOOK_REFS_H

#include "store/store.h"

/* Id (tools: name, numbers: E.164) of what `x` names. `near` is the account id that is looked at first; SPAN_NONE = the default account.
 * ERR_NOTFOUND, ERR_AMBIGUOUS: `why` says so (candidates listed). */
enum err ref_find(struct txn *t, struct span noun, struct span x, struct span near, struct buf *id, struct buf *why);
/* The name to print. ERR_NOTFOUND when the record is gone, or `id` is none. */
enum err ref_name(struct txn *t, struct span noun, struct span id, struct buf *name);
/* An agent's name now, or when it is gone its name in that version, or in the last one that is kept. */
enum err ref_agent_name_then(struct txn *t, struct span id, int64_t version, struct buf *name);
bool span_has(struct span text, struct span part);       /* ASCII case does not matter */

#endif
