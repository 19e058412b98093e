/*
 * model_server - the simulated model on the network: listener, TLS, WebSockets (libwebsockets on the caller's libev loop), ticks.
 * The only sim file with libwebsockets. One per process.
 */
#ifndef OFFHOOK_SIM_MODEL_SERVER_H
#define OFFHOOK_SIM_MODEL_SERVER_H

#include <ev.h>

#include "model.h"

struct model_options {
	const char *listen;             /* "127.0.0.1:0" */
	const char *ca_out, *key;       /* NULL: not written; any key that is not empty */
	bool plain;                     /* no TLS */
};

struct model_server;
enum err model_server_start(struct model_server **out, struct model *m, const struct model_options *o, struct ev_loop *loop, struct buf *why);
void model_server_stop(struct model_server *sv);
int model_server_port(const struct model_server *sv);

#endif
