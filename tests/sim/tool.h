/*
 * tool - an HTTP tool to try Offhook's tools with: answers any path with what it was sent, as late and in the way the query asks for
 * (?delay_ms=, status=, bytes=, drop=1), and says whether the signature was good. A thread per connection.
 */
#ifndef OFFHOOK_SIM_TOOL_H
#define OFFHOOK_SIM_TOOL_H

#include "base/buf.h"

struct tool_server;

struct tool_conf {
	char listen[64];                 /* "127.0.0.1:0" */
	char secret[256];                /* "" = signatures are not looked at */
	char log[4096];                  /* a JSON line per request; "" = none */
};

enum err tool_server_start(struct tool_server **out, const struct tool_conf *c);
unsigned tool_server_port(const struct tool_server *t);
unsigned tool_server_seen(struct tool_server *t);                    /* requests so far */
void tool_server_last(struct tool_server *t, struct buf *out);       /* the last one: its head, an empty line, its body */
void tool_server_stop(struct tool_server *t);

void tool_help(struct buf *out);
int tool_main(int argc, char **argv);

#endif
