/*
 * walk - lists, for the files of this folder: a range of a table or of one of its indices, in order, a page at a time.
 * An index entry is a key made from the record by its row in index_of(); every index key is unique, so a page starts anywhere.
 */
#ifndef OFFHOOK_WALK_H
#define OFFHOOK_WALK_H

#include "store/key.h"
#include "store/page.h"
#include "store/store.h"

enum index {
	X_ACCOUNT_NAME, X_ACCOUNT_SID, X_AGENT_NAME, X_AGENT_LIST, X_TEMPLATE_NAME, X_NUMBER_AGENT, X_CALL_START, X_CALL_SID, X_CALL_AGENT,
	X_CALL_NUMBER, X_CALL_STATUS, X_TICKET_SESSION, X_TICKET_EXPIRY, X_COUNT, X_NONE = X_COUNT
};

/* What a record's index keys are, given its table key and stored bytes: none, one or two. Called by the library inside puts and deletes. */
#define INDEX_KEYS 2
struct index_keys {
	struct key k[INDEX_KEYS];
	unsigned n;
};
typedef void index_fn(struct span key, struct span rec, struct index_keys *out);
index_fn account_name_key, account_sid_key, agent_name_key, agent_list_key, template_name_key, number_agent_key, call_start_key, call_sid_key,
	call_agent_key, call_number_key, call_status_key, ticket_session_key, ticket_expiry_key;

struct walk {
	enum table table;
	enum index index;                  /* X_NONE: by the table's own key */
	struct span from, to;              /* from <= key < to; SPAN_NONE = open */
	bool backwards;
};

struct row {
	struct span at;                    /* key in the order walked */
	struct span key;                   /* of the table */
	struct span rec;
};

/* false ends the walk. */
enum err txn_walk(struct txn *t, const struct walk *w, bool (*each)(const struct row *, void *), void *arg);
/* The first row of the range, copied; ERR_NOTFOUND. `key` and `rec` may be NULL. */
enum err txn_first(struct txn *t, const struct walk *w, struct buf *key, struct buf *rec);

/* One page: `take` says what it did with a row. A page also ends after `budget` rows (0 = no bound); its `next` then goes on from there. */
enum take { TAKE_SKIP, TAKE_ROW, TAKE_STOP };
enum err txn_page(struct txn *t, const struct walk *w, struct page *p, unsigned budget, enum take (*take)(const struct row *, void *), void *arg);

#endif
