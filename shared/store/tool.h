/* tool - an HTTP function the model may call. Key: name. The built-in ones are rows of tool_builtins, not records. */
#ifndef OFFHOOK_TOOL_H
#define OFFHOOK_TOOL_H

#include "store/page.h"
#include "store/record.h"

struct tool {
	char *name, *description, *parameters, *url, *method, *headers;      /* headers sealed */
	int64_t timeout_ms;
	char *filler, *secret;                                              /* secret sealed, made at creation when not given */
	int64_t created_at, updated_at, version;
};

struct tool_builtin { const char *name, *description, *parameters; };
extern const struct tool_builtin tool_builtins[];
extern const size_t tool_builtins_n;

extern const struct record_type tool_type;

enum err tool_get(struct txn *t, struct span name, struct tool *out);

#endif
