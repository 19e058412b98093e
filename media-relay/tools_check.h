/*
 * tools_check - do a call's arguments fit the tool's schema? A model's arguments may be no JSON at all, lack members or have wrong types; a tool is run only
 * with an object whose top level has what the schema requires, in the types it names. What lies deeper is the tool's own to check.
 */
#ifndef OFFHOOK_TOOLS_CHECK_H
#define OFFHOOK_TOOLS_CHECK_H

#include <json-c/json.h>

#include "base/buf.h"

/* true: *args is the caller's. false: `why` says what is wrong in words a model can act on. A schema that cannot be read asks for nothing. */
bool tools_check(struct span arguments, struct span schema, struct json_object **args, struct buf *why);

#endif
