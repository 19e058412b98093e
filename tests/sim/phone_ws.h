/*
 * phone_ws - the client side of one WebSocket, as strict with the server as Twilio is, and able to be a bad client on purpose.
 * A second reading of RFC 6455 beside the library that the relay uses: each checks the other. No extensions, no subprotocol, no Origin.
 * Embedded by a stream, which outlives it.
 */
#ifndef OFFHOOK_SIM_PHONE_WS_H
#define OFFHOOK_SIM_PHONE_WS_H

#include "phone_net.h"

enum ws_state { WS_IDLE, WS_CONNECT, WS_UPGRADE, WS_OPEN, WS_CLOSING, WS_GONE };

enum ws_op { WS_CONT = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };
#define WS_FIN  0x80
#define WS_RSV1 0x40

/* How it ended, told once. */
enum ws_end {
	WS_END_REFUSED,       /* no connection, or the answer to the upgrade was not 101: `code` is its HTTP status or 0 */
	WS_END_CLOSED,        /* the server's close frame: `code` (1005: none in it) */
	WS_END_OURS,          /* our close was answered */
	WS_END_BROKEN,        /* the connection ended without a close frame */
	WS_END_PROTOCOL,      /* the server broke RFC 6455: Twilio's 31924 */
};

struct ws;
struct ws_ops {
	void (*open)(void *arg);
	void (*message)(void *arg, bool binary, struct span text);
	void (*gone)(void *arg, enum ws_end end, int code, const char *why);
};

/* Instead of a socket: what carries the messages (play_phone.c). It tells of what happens through the ops of the ws, never inside one of these. */
struct ws_way {
	void (*send)(struct ws *w, unsigned flags_and_op, struct span payload);
	void (*close)(struct ws *w, int code);
	void (*drop)(struct ws *w);
	void (*deaf)(struct ws *w, bool deaf);
};

struct ws {
	struct net net;
	const struct ws_way *way;              /* NULL: `net` carries it */
	void *carrier;                         /* the way's */
	const struct ws_ops *ops;
	void *arg;
	enum ws_state state;
	bool fragmented, binary;               /* a message is being put together */
	int64_t deadline_ms;                   /* of the upgrade, or of the answer to a close; 0 = none */
	char accept[29];
	struct buf hello, in, message;
	unsigned pings, fragments;
};

struct ws_request {
	const char *host_header;               /* "voice.example.net" */
	struct span path;
	const char *signature;                 /* NULL: no header */
};

/* tls as in net_open. */
enum err ws_open(struct ws *w, struct ev_loop *loop, const struct net_address *a, SSL_CTX *tls, const char *name,
                 const struct ws_request *r, const struct ws_ops *ops, void *arg);
void ws_by(struct ws *w, const struct ws_way *way, void *carrier, const struct ws_ops *ops, void *arg);      /* instead of ws_open; open() is the carrier's to say */
void ws_send(struct ws *w, unsigned flags_and_op, struct span payload);        /* one masked frame; nothing when not open */
void ws_text(struct ws *w, struct span text);
void ws_close(struct ws *w, int code);                                         /* asks; the answer is `gone` with WS_END_OURS */
void ws_deaf(struct ws *w, bool deaf);                                         /* what comes is not read */
void ws_drop(struct ws *w);                                                    /* resets the connection; no callback */
void ws_tick(struct ws *w, int64_t now_ms);                                    /* deadlines */
void ws_fini(struct ws *w);

#endif
