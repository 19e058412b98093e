/*
 * mcp_check - the MCP servers of an agent. The model refuses a configuration with one bad entry, and with it every call, so they are looked at before.
 * Source: OpenAI Realtime, session.tools of type `mcp`.
 */
#ifndef OFFHOOK_MCP_CHECK_H
#define OFFHOOK_MCP_CHECK_H

#include <json-c/json.h>

#include "base/buf.h"

enum err mcp_servers_check(struct json_object *list, struct buf *why);      /* ERR_VALUE: `why`, which may be NULL, says what is wrong */

#endif
