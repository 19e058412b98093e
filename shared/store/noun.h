/*
 * noun - what CLI, JSON API, export and import do with account, agent, template, number and tool: one table over the same records.
 * X is an id, a name (of the default account first) or `account/name`; numbers: E.164. Lists are by name.
 */
#ifndef OFFHOOK_NOUN_H
#define OFFHOOK_NOUN_H

#include "store/page.h"
#include "store/record.h"

struct noun {
	const struct record_type *type;
	const char *plural;                                       /* "agents" */
	const char *key;                                          /* field that create prints: "id", "phone_number", "name" */
	unsigned list;                                            /* index that lists are read from (walk.h) */
	bool counted;                                             /* its key is a number that create takes from a counter; else the member `key` */
	enum err (*resolve)(struct txn *t, struct span x, struct buf *key, struct buf *why);     /* key as printed; ERR_NOTFOUND, ERR_AMBIGUOUS (why lists the candidates) */
	enum err (*check)(struct txn *t, void *rec, bool create, struct buf *why);               /* names free, references exist (replaced by ids), cross-field rules */
	enum err (*in_use)(struct txn *t, const void *rec, struct buf *why);                     /* ERR_INUSE; ERR_DENIED: not even with force */
	enum err (*heirs)(struct txn *t, const void *rec, struct buf *why);                      /* before it goes by force: who has what was its own; NULL: nobody */
};

extern const struct noun nouns[];
extern const size_t nouns_n;
const struct noun *noun_find(struct span name_or_plural);

/*
 * `why` may be NULL; otherwise it is emptied, and filled on errors that a person can do something about. `rec` is changed on success only, so that
 * a body may run again. A secret that reads "set" keeps the stored one (create: not set). Update: rec->version must be the stored one, else
 * ERR_CONFLICT; a member that is the key cannot be changed (ERR_VALUE). `each` gets a record that it may keep, as in call_list.
 */
enum err noun_get(struct txn *t, const struct noun *n, struct span x, void *rec, struct buf *why);
enum err noun_create(struct txn *t, const struct noun *n, void *rec, struct buf *why);       /* fills id, times, version; ERR_EXISTS */
enum err noun_update(struct txn *t, const struct noun *n, void *rec, struct buf *why);       /* version + 1, updated_at; agents keep history */
enum err noun_delete(struct txn *t, const struct noun *n, struct span x, bool force, struct buf *why);
enum err noun_list(struct txn *t, const struct noun *n, struct span q, struct page *p, bool (*each)(void *rec, void *arg), void *arg);
enum err noun_json(struct txn *t, const struct noun *n, const void *rec, struct json_object **out);      /* references as names, secrets as "set" */

/* Earlier versions of an agent, newest first; the record of noun_get is the current one. */
enum err agent_history(struct txn *t, struct span agent_id, struct page *p, bool (*each)(void *rec, void *arg), void *arg);

/* Default account, default agent, templates; does nothing when they are there. */
enum err store_first_start(struct store *s);

#endif
