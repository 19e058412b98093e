/* call - what the call commands share. */
#ifndef OFFHOOK_CLI_CALL_H
#define OFFHOOK_CLI_CALL_H

#include "cli.h"
#include "store/call.h"

enum err call_find(struct txn *t, struct span id, struct call *out);      /* by session id or CallSid */
enum err call_fail(struct cli *c, const char *id, enum err e);            /* "call ID: not found" */

#endif
