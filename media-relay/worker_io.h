/*
 * worker_io - what the files of a worker share (worker.c line.c leg.c caller.c model.c announce.c); nobody else includes it.
 * Everything here belongs to the worker's thread, except the queue of posts.
 */
#ifndef OFFHOOK_WORKER_IO_H
#define OFFHOOK_WORKER_IO_H

#include <ev.h>
#include <libwebsockets.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/log.h"
#include "media-relay/announce.h"
#include "media-relay/chunk.h"
#include "media-relay/door.h"
#include "media-relay/leg.h"
#include "media-relay/pool.h"
#include "media-relay/ring.h"

#define TICK_MS         20
#define UPGRADE_MS      5000             /* a connection that has not become a WebSocket by then is closed */
#define CLOSE_MS        2000             /* a peer that does not answer our close */
#define DIAL_MS         5000             /* name, TCP, TLS and upgrade together */
#define NEXT_ADDRESS_MS 1500             /* one address, while there are others */
#define ALIVE_EVERY_MS  5000             /* a message counts as a pong, but only so often: the library's timers are a sorted list */
#define PING_S          20
#define SILENT_S        30
#define CALLER_BLOCK    ((size_t)128 << 10)
#define MODEL_BLOCK     ((size_t)64 << 10)
#define CALLER_IN_MAX   ((size_t)64 << 10)
#define MODEL_IN_MAX    ((size_t)16 << 20)
#define LINE_SLOTS      1024

/* --- from other threads --- */
enum post_kind { P_SOCKET, P_CONTROL, P_DRAIN, P_SHUTDOWN, P_END, P_STOP, P_TRUST, P_STORE, P_RESOLVED, P_HTTP };

struct post {
	enum post_kind kind;
	int fd;
	void *ptr;                       /* store_answer, resolver_answer, http_answer, SSL_CTX, or the text of a control request */
	struct post *next;
};

struct line;

enum leg_kind { LK_CALLER, LK_MODEL };
enum leg_state {
	LS_NEW,                          /* a connection of which nothing is known yet */
	LS_HTTP,                         /* a page is being sent */
	LS_DOOR, LS_CHECK,               /* a stream that has not been admitted; its token is with the store */
	LS_RESOLVE, LS_CONNECT,          /* model */
	LS_OPEN
};

struct leg {
	struct worker *w;
	struct line *line;               /* NULL: no call's (any more) */
	enum session_leg which;
	struct lws *wsi;
	enum leg_kind kind;
	enum leg_state state;
	struct leg *next, *prev;
	struct ring out;
	struct buf in;                   /* pieces of a message that came in several */
	bool skipping;                   /* the rest of a message that was too long */
	bool starved;                    /* a reserve was refused: tell when there is room */
	bool paused, closing, kill, starting;
	uint16_t close_code;
	char close_text[124];
	int64_t until_ms, alive_ms;
	uint64_t tag;
	char ended[160];                 /* how the peer ended it: "1000 text", or the error */
	/* caller */
	uint8_t id[16];
	struct door door;
	struct buf page;
	/* model */
	const struct upstream *up;       /* of the session's setup: the leg is gone before the session is freed */
	struct addresses to;
	unsigned tried;
	bool retry, reached;             /* the next address is due; TCP has come about */
};

struct asker {                           /* a control connection that waits for its answer */
	int fd;
	int64_t until_ms;
	struct asker *next;
};

struct line {                            /* a call as the worker holds it: its session and both legs */
	struct worker *w;
	uint8_t id[16];
	char id_text[UUID_TEXT], call_sid[64];
	struct session *session;
	struct leg *leg[LEGS];           /* by enum session_leg */
	struct reel *reel;               /* of its recording; NULL: there is none */
	uint64_t tag;
	char *auth_token;                /* of the call's account, for the signature of its upgrade */
	int64_t started_at, ended_at;    /* wall */
	int64_t usage_before[METRICS_TOKENS];
	double cost_before;
	bool loaded, gone, busy;         /* busy: an event is being handled */
	enum end_reason end;
	char late[LEGS][160];            /* EV_*_CLOSED that is due */
	bool is_late[LEGS];
	struct asker *askers;
	struct line *next, *prev, *slot_next;
	struct line *work_next;
	bool has_work;
};

struct worker {
	struct pool *pool;
	unsigned index;
	pthread_t thread;
	bool running;
	struct ev_loop *loop;
	struct ev_async wake;
	struct ev_timer tick;
	struct ev_prepare turn, soon;
	struct lws_context *lws;
	struct lws_vhost *server, *client;
	struct metrics *metrics;
	struct session_ops ops;          /* line_ops with our pool of audio blocks */
	struct chunk_pool *chunks;
	uint64_t turns, tags;
	int64_t wake_at;                 /* the library looks at its own timers */
	struct line *lines, *slots[LINE_SLOTS], *work;
	size_t lines_n;
	struct leg *legs;
	void *blocks[2];                 /* free ones, by leg kind */
	bool draining, stopping;
	pthread_mutex_t lock;            /* of the queue */
	struct post *first, **last;
};

/* worker_post.c */
void worker_post(struct worker *w, struct post *p);                  /* any thread; takes p */
struct post *post_new(enum post_kind kind, int fd, void *ptr);       /* NULL: out of memory */
void worker_store_answer(void *worker, struct store_answer *a);      /* store_deliver */
void worker_http_answer(void *worker, struct http_answer *a);        /* http_deliver */
void worker_resolved(void *worker, struct resolver_answer *a);       /* resolver_deliver */
struct post *posts_take(struct worker *w);
void post_drop(struct post *p);                                      /* nobody will handle it any more */
void store_answer_free(struct store_answer *a);

/* worker.c */
void *worker_block(struct worker *w, enum leg_kind k);
void worker_block_back(struct worker *w, enum leg_kind k, void *block);
struct leg *worker_leg(struct worker *w, uint64_t tag);
void worker_soon(struct worker *w);
struct metrics *worker_metrics(struct worker *w);

/* line.c */
extern const struct session_ops line_ops;
struct line *line_find(struct worker *w, const uint8_t id[16]);
enum err line_new(struct line **out, struct worker *w, const uint8_t id[16], bool again);      /* the call was counted by pool_enter */
void line_free(struct line *l);
void line_event(struct line *l, enum session_ev ev, struct span data);
void line_late(struct line *l, enum session_leg leg, const char *why);       /* EV_*_CLOSED, soon */
void line_work(struct line *l);
void line_setup(struct line *l, struct store_answer *a);
void line_tick(struct line *l, int64_t now_ms);

/* Lines of the log between the two carry session= and call= (NULL or empty: not known). */
struct names {
	struct log_ctx session, call;
	char id[UUID_TEXT];
};
void names_enter(struct names *n, const uint8_t session_id[16], const char *call_sid);
void names_leave(struct names *n);

/* leg.c */
void leg_names(const struct leg *l, struct names *n);                /* names_enter for whose leg it is, or wants to be */
struct leg *leg_new(struct worker *w, enum leg_kind k);
bool leg_block(struct leg *l);                                       /* opens the outgoing queue; false: out of memory */
void leg_cut(struct leg *l);                                         /* its socket is closed without delay; the leg hears of it */
void leg_gone(struct leg *l);                                        /* its socket is no more: tells the call, frees the leg */
void leg_tick(struct leg *l, int64_t now_ms);                        /* may free the leg */
int leg_writeable(struct leg *l);                                    /* for the callbacks: 0, or -1 = close now */
int leg_receive(struct leg *l, const char *in, size_t n, void (*message)(struct leg *, struct span));     /* 0, or -1 */
void leg_peer_closed(struct leg *l, const unsigned char *in, size_t n);

/* caller.c */
extern const struct lws_protocols caller_protocols[];
void caller_adopt(struct worker *w, int fd);
void caller_admitted(struct leg *l, const struct store_answer *a);
void caller_leg_tick(struct leg *l, int64_t now_ms);

/* model.c */
extern const struct lws_protocols model_protocols[];
void model_dial(struct line *l, enum session_leg which, const struct upstream *u);
void model_promote(struct line *l);                                  /* LEG_NEXT becomes LEG_MODEL, whose leg is closed */
void model_resolved(struct leg *l, const struct resolver_answer *a);
void model_leg_tick(struct leg *l, int64_t now_ms);
void model_retry(struct leg *l);
SSL_CTX *model_trust(const char *ca_file, struct buf *why);
int64_t model_trust_stamp(const char *ca_file);                      /* changes when the files do */

/* announce.c */
void announce_answer(struct line *l, const char *refused);           /* to all who wait; NULL: the call is welcome */
void announce_tick(struct line *l, int64_t now_ms);

#endif
