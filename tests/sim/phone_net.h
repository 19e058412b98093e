/*
 * phone_net - one TCP connection of the simulated phone network, with TLS when wanted, on a libev loop.
 * Embedded by its user, who outlives it; never freed inside a callback. What is sent waits in one growing buffer.
 * Callbacks may close the connection; after `gone` nothing comes any more.
 */
#ifndef OFFHOOK_SIM_PHONE_NET_H
#define OFFHOOK_SIM_PHONE_NET_H

#include <ev.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "base/buf.h"

struct net_ops {
	void (*open)(void *arg);                                        /* connected, TLS verified */
	void (*data)(void *arg, struct span bytes);
	void (*gone)(void *arg, enum err e, const char *why);           /* ERR_CLOSED: the peer ended it in order. Not called for net_close and net_abort */
};

enum net_state { NET_IDLE, NET_CONNECT, NET_TLS, NET_OPEN };

struct net {
	struct ev_loop *loop;
	const struct net_ops *ops;
	void *arg;
	enum net_state state;
	int fd;
	ev_io io;
	SSL *ssl;
	bool tls_wants_write, deaf;
	struct buf out;
};

/* Where to: found once per name and kept. Blocks on the resolver, as only a tool may. */
struct net_address {
	struct sockaddr_storage to;
	socklen_t n;
};
enum err net_resolve(struct net_address *a, const char *host, const char *port);

/* A TLS client context: peers are verified against `ca_file` (NULL: the system's). */
enum err net_tls(SSL_CTX **out, const char *ca_file);

/* tls NULL: plain. `name` is what the certificate must name and SNI says. Failure of connecting arrives as `gone`, later. */
enum err net_open(struct net *n, struct ev_loop *loop, const struct net_address *a, SSL_CTX *tls, const char *name, const struct net_ops *ops, void *arg);

char *net_room(struct net *n, size_t bytes);          /* to build in place: NULL when out of memory or not open */
void net_wrote(struct net *n, size_t bytes);          /* ... and now send it */
void net_send(struct net *n, struct span bytes);
void net_deaf(struct net *n, bool deaf);              /* stops reading: a peer that does not take what is sent */
void net_close(struct net *n);                        /* what is still unsent is given one try */
void net_abort(struct net *n);                        /* reset, as when a machine dies */

#endif
