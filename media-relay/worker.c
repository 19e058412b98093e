/* worker - the loop of a worker thread: posts from other threads, the tick, the end. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "media-relay/tools.h"
#include "media-relay/worker_io.h"

#define CHUNKS_KEPT 4096
#define LIBRARY_MS  1000

static const lws_retry_bo_t idle_policy = { .secs_since_valid_ping = PING_S, .secs_since_valid_hangup = SILENT_S };

/* --- what a post means --- */

struct leg *worker_leg(struct worker *w, uint64_t tag)
{
	struct leg *l = w->legs;

	while (l && l->tag != tag)
		l = l->next;
	return l;
}

static void on_store(struct worker *w, struct store_answer *a)
{
	struct line *line = line_find(w, a->session_id);
	struct leg *leg = a->kind == SA_ADMIT ? worker_leg(w, a->tag) : NULL;

	if (leg)
		caller_admitted(leg, a);
	else if (a->kind == SA_SETUP && line && line->tag == a->tag) {
		line_setup(line, a);
		a->setup = NULL;
	} else if (a->kind == SA_OUTCOME && line && line->tag == a->tag)
		line_event(line, EV_OUTCOME_SAVED, SPAN_NONE);
	else if (a->kind == SA_BUDGET && line && line->tag == a->tag && line->session)
		session_take_budget(line->session, a->budget.day_left, a->budget.month_left, a->cost);
	store_answer_free(a);
}

static void on_resolved(struct worker *w, struct resolver_answer *a)
{
	struct leg *l = worker_leg(w, a->tag);

	if (l)
		model_resolved(l, a);
	free(a);
}

static void on_http(struct worker *w, struct http_answer *a)
{
	struct line *line = line_find(w, a->id);
	struct tools_result r = { .ticket = a->ticket, .error = a->error, .status = a->status, .body = buf_span(&a->body), .cut = a->cut };

	if (line && line->tag == a->tag)
		line_event(line, EV_TOOL, span_of(&r, sizeof r));
	http_answer_free(a);
}

static void on_drain(struct worker *w)
{
	struct session_view v;

	w->draining = true;
	for (struct line *l = w->lines; l; l = l->next) {
		announce_answer(l, "draining");
		session_view(l->session, &v);
		if (!v.stream_on)
			line_event(l, EV_DRAIN, SPAN_NONE);
	}
}

static void on_all(struct worker *w, enum session_ev ev, struct span data)
{
	w->draining = true;
	for (struct line *l = w->lines; l; l = l->next)
		line_event(l, ev, data);
}

/* The one before stays: its connections use it. */
static bool client_vhost(struct worker *w, SSL_CTX *trust)
{
	struct lws_context_creation_info i = { 0 };
	struct lws_vhost *vh;

	i.vhost_name = "model";          /* kept, not copied */
	i.port = CONTEXT_PORT_NO_LISTEN;
	i.protocols = model_protocols;
	i.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
	i.provided_client_ssl_ctx = trust;
	i.retry_and_idle_policy = &idle_policy;
	i.user = w;
	vh = lws_create_vhost(w->lws, &i);
	if (vh)
		w->client = vh;
	return vh;
}

static void on_trust(struct worker *w, SSL_CTX *trust)
{
	if (!client_vhost(w, trust))
		log_error("relay.trust", "worker=%u error=%s", w->index, log_q(SPAN("cannot use the new trust anchors")));
	SSL_CTX_free(trust);             /* kept alive by the pool */
}

static void post_handle(struct worker *w, struct post *p)
{
	switch (p->kind) {
	case P_SOCKET:
		caller_adopt(w, p->fd);
		break;
	case P_CONTROL:
		announce_request(w, p->fd, span_z(p->ptr));
		free(p->ptr);
		break;
	case P_DRAIN:
		on_drain(w);
		break;
	case P_SHUTDOWN:
		on_all(w, EV_SHUTDOWN, SPAN_NONE);
		break;
	case P_END:
		on_all(w, EV_HANGUP, SPAN("shutdown"));
		break;
	case P_STOP:
		w->stopping = true;
		break;
	case P_TRUST:
		on_trust(w, p->ptr);
		break;
	case P_STORE:
		on_store(w, p->ptr);
		break;
	case P_RESOLVED:
		on_resolved(w, p->ptr);
		break;
	case P_HTTP:
		on_http(w, p->ptr);
		break;
	}
}

static void posts_each(struct worker *w, void (*f)(struct worker *, struct post *))
{
	struct post *next;

	for (struct post *p = posts_take(w); p; p = next) {
		next = p->next;
		f(w, p);
		free(p);
	}
}

static void post_forget(struct worker *w, struct post *p)
{
	(void)w;
	post_drop(p);
}

/* --- the loop --- */

static void reap(struct worker *w)
{
	struct line *next;

	for (struct line *l = w->lines; l; l = next) {
		next = l->next;
		if (l->gone)
			line_free(l);
	}
}

static void legs_tick(struct worker *w, int64_t now)
{
	struct leg *next;

	for (struct leg *l = w->legs; l; l = next) {
		next = l->next;
		leg_tick(l, now);
	}
}

static void finish(struct worker *w)
{
	if (w->stopping || (w->draining && !w->lines && !w->legs))
		ev_break(w->loop, EVBREAK_ALL);
}

static void on_wake(struct ev_loop *loop, struct ev_async *a, int revents)
{
	struct worker *w = a->data;

	(void)loop, (void)revents;
	posts_each(w, post_handle);
	finish(w);
}

/* The library's libev plugin cannot bring its one timer forward, so that its time-outs would be late by up to half a minute; any event makes it look. */
static void library_wake(struct worker *w, int64_t now)
{
	if (now < w->wake_at)
		return;
	w->wake_at = now + LIBRARY_MS;
	lws_cancel_service(w->lws);
}

static void on_tick(struct ev_loop *loop, struct ev_timer *t, int revents)
{
	struct worker *w = t->data;
	int64_t now = clock_ms();

	(void)loop, (void)revents;
	library_wake(w, now);
	metrics_count(w->metrics, M_LOOPS, w->turns);
	w->turns = 0;
	legs_tick(w, now);
	for (struct line *l = w->lines; l; l = l->next) {
		line_tick(l, now);
		line_event(l, EV_TICK, SPAN_NONE);
	}
	reap(w);
	finish(w);
}

static void on_turn(struct ev_loop *loop, struct ev_prepare *p, int revents)
{
	struct worker *w = p->data;

	(void)loop, (void)revents;
	w->turns++;
}

/* What a session asked for inside its event is done here, outside of the library's callbacks. */
static void on_soon(struct ev_loop *loop, struct ev_prepare *p, int revents)
{
	struct worker *w = p->data;
	struct line *l;
	struct leg *next;

	(void)loop, (void)revents;
	while ((l = w->work) != NULL) {
		w->work = l->work_next;
		l->has_work = false;
		line_tick(l, clock_ms());
	}
	for (struct leg *g = w->legs; g; g = next) {
		next = g->next;
		if (g->kill)
			leg_tick(g, clock_ms());
		else if (g->retry)
			model_retry(g);
	}
	reap(w);
}

void worker_soon(struct worker *w)
{
	ev_feed_event(w->loop, &w->soon, EV_CUSTOM);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	ev_run(w->loop, 0);
	return NULL;
}

/* --- blocks --- */

void *worker_block(struct worker *w, enum leg_kind k)
{
	void *b = w->blocks[k];

	if (!b)
		return malloc(k == LK_CALLER ? CALLER_BLOCK : MODEL_BLOCK);
	memcpy(&w->blocks[k], b, sizeof(void *));
	return b;
}

void worker_block_back(struct worker *w, enum leg_kind k, void *block)
{
	memcpy(block, &w->blocks[k], sizeof(void *));
	w->blocks[k] = block;
}

static void blocks_free(struct worker *w)
{
	for (int k = 0; k < 2; k++)
		while (w->blocks[k]) {
			void *b = w->blocks[k];

			memcpy(&w->blocks[k], b, sizeof(void *));
			free(b);
		}
}

struct metrics *worker_metrics(struct worker *w)
{
	return w->metrics;
}

/* --- life --- */

static bool context_make(struct worker *w)
{
	void *loops[1] = { w->loop };
	struct lws_context_creation_info i = { 0 };

	i.port = CONTEXT_PORT_NO_LISTEN;
	i.options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	i.foreign_loops = loops;
	i.pt_serv_buf_size = 16384;
	i.fd_limit_per_thread = (unsigned)sysconf(_SC_OPEN_MAX);
	i.retry_and_idle_policy = &idle_policy;
	i.timeout_secs = UPGRADE_MS / 1000;
	i.user = w;
	w->lws = lws_create_context(&i);
	return w->lws;
}

static bool server_vhost(struct worker *w)
{
	struct lws_context_creation_info i = { 0 };

	i.vhost_name = "callers";
	i.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	i.protocols = caller_protocols;
	i.retry_and_idle_policy = &idle_policy;
	i.keepalive_timeout = UPGRADE_MS / 1000;
	i.timeout_secs = UPGRADE_MS / 1000;
	i.user = w;
	w->server = lws_create_vhost(w->lws, &i);
	return w->server;
}

static void watchers_start(struct worker *w)
{
	ev_async_init(&w->wake, on_wake);
	ev_timer_init(&w->tick, on_tick, TICK_MS / 1000.0, TICK_MS / 1000.0);
	ev_prepare_init(&w->turn, on_turn);
	ev_prepare_init(&w->soon, on_soon);      /* never started: fed by worker_soon */
	w->wake.data = w->tick.data = w->turn.data = w->soon.data = w;
	ev_async_start(w->loop, &w->wake);
	ev_timer_start(w->loop, &w->tick);
	ev_prepare_start(w->loop, &w->turn);
}

enum err worker_new(struct worker **out, struct pool *p, unsigned index)
{
	struct worker *w = calloc(1, sizeof *w);

	if (!w)
		return ERR_NOMEM;
	w->pool = p;
	w->index = index;
	w->last = &w->first;
	pthread_mutex_init(&w->lock, NULL);
	w->ops = line_ops;
	w->metrics = metrics_new();
	w->loop = ev_loop_new(EVFLAG_NOSIGMASK | EVFLAG_NOENV);
	if (!w->metrics || !w->loop || chunk_pool_new(&w->chunks, CHUNKS_KEPT) || !context_make(w)) {
		worker_free(w);
		return ERR_NOMEM;
	}
	w->ops.pool = w->chunks;
	watchers_start(w);
	*out = w;
	return ERR_OK;
}

enum err worker_start(struct worker *w)
{
	if (!server_vhost(w) || !client_vhost(w, w->pool->kept->trust))
		return ERR_NOMEM;
	return ERR_OK;
}

enum err worker_run(struct worker *w)
{
	int e = pthread_create(&w->thread, NULL, worker_main, w);

	w->running = e == 0;
	return e ? err_errno(e) : ERR_OK;
}

void worker_join(struct worker *w)
{
	if (w->running)
		pthread_join(w->thread, NULL);
	w->running = false;
}

static void lines_drop(struct worker *w)
{
	while (w->lines) {
		w->lines->end = END_NONE;
		line_free(w->lines);
	}
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	lines_drop(w);
	if (w->lws)
		lws_context_destroy(w->lws);
	while (w->legs)                          /* without a socket yet */
		leg_gone(w->legs);
	posts_each(w, post_forget);
	blocks_free(w);
	chunk_pool_free(w->chunks);
	if (w->loop) {
		ev_async_stop(w->loop, &w->wake);
		ev_timer_stop(w->loop, &w->tick);
		ev_prepare_stop(w->loop, &w->turn);
		ev_loop_destroy(w->loop);
	}
	metrics_free(w->metrics);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
