/*
 * tool_list - what a model is told it may do: the agent's built-in and HTTP tools as functions, its MCP servers as `mcp` entries, as one JSON list for
 * session_config. A tool that does not exist any more is left out: the call goes on without it.
 * Source: OpenAI Realtime API, session.tools.
 */
#ifndef OFFHOOK_TOOL_LIST_H
#define OFFHOOK_TOOL_LIST_H

#include "base/buf.h"
#include "store/agent.h"
#include "store/tool.h"

struct tool_set {
	struct tool *http;                     /* the agent's HTTP tools; secrets stay sealed */
	size_t http_n;
	unsigned builtins;                     /* bit i: tool_builtins[i] */
	char *list;                            /* JSON list for session_config.tools; "[]": none */
	char *mcp;                             /* JSON list of the agent's MCP servers as far as approvals need it: server_label, allowed_tools; NULL: none */
};

/* In a transaction. `secrets`: MCP entries come with authorization and headers (what goes to the model), else these say "set" (what is printed). */
enum err tool_set_load(struct tool_set *out, struct txn *t, const struct agent *a, bool secrets);
/* The same of HTTP tools at hand, without a store; the secrets of the agent and of the tools are plain text. */
enum err tool_set_given(struct tool_set *out, const struct tool *tools, size_t n, const struct agent *a);
void tool_set_fini(struct tool_set *s);

#endif
