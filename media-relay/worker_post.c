/* worker_post - what other threads say to a worker: a locked list and a wake-up. */
#include <stdlib.h>
#include <unistd.h>

#include "media-relay/worker_io.h"

unsigned worker_of(const uint8_t session_id[16], unsigned workers)
{
	return ((unsigned)session_id[0] << 8 | session_id[1]) % workers;
}

struct post *post_new(enum post_kind kind, int fd, void *ptr)
{
	struct post *p = malloc(sizeof *p);

	if (p)
		*p = (struct post){ kind, fd, ptr, NULL };
	return p;
}

void worker_post(struct worker *w, struct post *p)
{
	pthread_mutex_lock(&w->lock);
	*w->last = p;
	w->last = &p->next;
	pthread_mutex_unlock(&w->lock);
	ev_async_send(w->loop, &w->wake);
}

struct post *posts_take(struct worker *w)
{
	struct post *p;

	pthread_mutex_lock(&w->lock);
	p = w->first;
	w->first = NULL;
	w->last = &w->first;
	pthread_mutex_unlock(&w->lock);
	return p;
}

static bool post_to(struct worker *w, enum post_kind kind, int fd, void *ptr)
{
	struct post *p = post_new(kind, fd, ptr);

	if (p)
		worker_post(w, p);
	return p;
}

void worker_give_socket(struct worker *w, int fd)
{
	if (!post_to(w, P_SOCKET, fd, NULL))
		close(fd);
}

void worker_give_control(struct worker *w, int fd, struct span line)
{
	char *text = span_dup(line);

	if (text && post_to(w, P_CONTROL, fd, text))
		return;
	free(text);
	close(fd);
}

void worker_trust(struct worker *w, void *ssl_ctx)
{
	SSL_CTX_up_ref(ssl_ctx);
	if (!post_to(w, P_TRUST, -1, ssl_ctx))
		SSL_CTX_free(ssl_ctx);
}

void worker_drain(struct worker *w)
{
	post_to(w, P_DRAIN, -1, NULL);
}

void worker_shutdown(struct worker *w)
{
	post_to(w, P_SHUTDOWN, -1, NULL);
}

void worker_end(struct worker *w)
{
	post_to(w, P_END, -1, NULL);
}

void worker_stop(struct worker *w)
{
	post_to(w, P_STOP, -1, NULL);
}

void store_answer_free(struct store_answer *a)
{
	setup_free(a->setup);
	free(a);
}

void worker_store_answer(void *worker, struct store_answer *a)
{
	if (!post_to(worker, P_STORE, -1, a))
		store_answer_free(a);
}

void worker_http_answer(void *worker, struct http_answer *a)
{
	if (!post_to(worker, P_HTTP, -1, a))
		http_answer_free(a);
}

void worker_resolved(void *worker, struct resolver_answer *a)
{
	if (!post_to(worker, P_RESOLVED, -1, a))
		free(a);
}

/* Posts that nobody will handle any more. */
void post_drop(struct post *p)
{
	if (p->kind == P_STORE)
		store_answer_free(p->ptr);
	else if (p->kind == P_HTTP)
		http_answer_free(p->ptr);
	else if (p->kind == P_TRUST)
		SSL_CTX_free(p->ptr);
	else
		free(p->ptr);
	if (p->fd >= 0)
		close(p->fd);
}
