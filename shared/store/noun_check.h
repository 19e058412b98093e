/* noun_check - what a record must be before it is stored, beyond what its fields say alone. Only noun.c uses it. */
#ifndef OFFHOOK_NOUN_CHECK_H
#define OFFHOOK_NOUN_CHECK_H

#include "store/record.h"

enum err account_check(struct txn *t, void *rec, bool create, struct buf *why);
enum err agent_check(struct txn *t, void *rec, bool create, struct buf *why);
enum err template_check(struct txn *t, void *rec, bool create, struct buf *why);
enum err number_check(struct txn *t, void *rec, bool create, struct buf *why);
enum err tool_check(struct txn *t, void *rec, bool create, struct buf *why);

enum err account_in_use(struct txn *t, const void *rec, struct buf *why);
enum err agent_in_use(struct txn *t, const void *rec, struct buf *why);
enum err template_in_use(struct txn *t, const void *rec, struct buf *why);
enum err tool_in_use(struct txn *t, const void *rec, struct buf *why);

enum err account_heirs(struct txn *t, const void *rec, struct buf *why);      /* heirs.c */

#endif
