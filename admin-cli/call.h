/* call - what the call commands share. */
#ifndef OFFHOOK_CLI_CALL_H
#define OFFHOOK_CLI_CALL_H

#include <json-c/json.h>

#include "cli.h"
#include "store/call.h"

enum err call_find(struct txn *t, struct span id, struct call *out);      /* by session id or CallSid */
enum err call_fail(struct cli *c, const char *id, enum err e);            /* "call ID: not found" */
enum err call_whole(struct cli *c, struct span id, struct json_object **out);     /* {"call","turns","events"}: all of it, in one object */

#endif
