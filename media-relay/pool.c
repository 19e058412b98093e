/* pool - shared things, and their exchange while everything runs. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "media-relay/pool.h"
#include "media-relay/worker_io.h"
#include "openai/price.h"
#include "version.h"

enum err kept_load(struct kept **out, struct buf *why)
{
	struct kept *k = calloc(1, sizeof *k);
	enum err e = k ? settings_load(&k->settings, why) : ERR_NOMEM;

	if (e) {
		free(k);
		return e;
	}
	*out = k;
	return ERR_OK;
}

static void kept_free(struct kept *k)
{
	SSL_CTX_free(k->trust);
	settings_fini(&k->settings);
	free(k);
}

enum err pool_init(struct pool *p, struct kept *first)
{
	*p = (struct pool){ .notify_fd = -1, .kept = first };
	atomic_store(&p->settings, &first->settings);
	p->metrics = metrics_new();
	return p->metrics ? resolver_start(&p->resolver) : ERR_NOMEM;
}

void pool_fini(struct pool *p)
{
	struct kept *next;

	resolver_stop(p->resolver);
	http_tools_stop(p->http);                /* before the workers: it answers to them */
	for (unsigned i = 0; i < p->workers_n; i++)
		worker_free(p->workers[i]);
	recorder_stop(p->recorder);              /* after the last session */
	free(p->workers);
	metrics_free(p->metrics);
	for (struct kept *k = p->kept; k; k = next) {
		next = k->next;
		kept_free(k);
	}
}

enum err kept_trust(struct kept *k, const struct kept *before, struct buf *why)
{
	k->stamp = model_trust_stamp(k->settings.openai_ca_file);
	if (before && before->stamp == k->stamp) {
		k->trust = before->trust;
		SSL_CTX_up_ref(k->trust);
	} else {
		k->trust = model_trust(k->settings.openai_ca_file, why);
	}
	return k->trust ? ERR_OK : ERR_VALUE;
}

enum err pool_reload(struct pool *p, struct buf *why)
{
	struct kept *k = NULL;
	enum err e = kept_load(&k, why);

	if (e)
		return e;
	e = kept_trust(k, p->kept, why);
	e = e ? e : price_load(k->settings.prices, why);
	if (e) {
		kept_free(k);
		return e;
	}
	k->next = p->kept;
	p->kept = k;
	atomic_store(&p->settings, &k->settings);
	store_thread_settings(p->store, &k->settings);
	for (unsigned i = 0; i < p->workers_n && k->trust != k->next->trust; i++)
		worker_trust(p->workers[i], k->trust);
	return ERR_OK;
}

bool pool_enter(struct pool *p, bool must)
{
	int max = (int)pool_settings(p)->max_calls;

	if (atomic_fetch_add(&p->active, 1) < max || must)
		return true;
	atomic_fetch_sub(&p->active, 1);
	return false;
}

void pool_leave(struct pool *p)
{
	atomic_fetch_sub(&p->active, 1);
}

bool pool_healthy(const struct pool *p)
{
	return store_thread_healthy(p->store);
}

void pool_health(struct pool *p, struct buf *json)
{
	bool store = pool_healthy(p);

	buf_printf(json, "{\"ok\":true,\"status\":\"%s\",\"store\":\"%s\",\"active_calls\":%d,\"draining\":%s,\"version\":\"%s\",\"pid\":%d}",
		   store ? "ok" : "error", store ? "ok" : "down", atomic_load(&p->active), atomic_load(&p->draining) ? "true" : "false",
		   OFFHOOK_VERSION, (int)getpid());
}

void pool_metrics(struct pool *p, struct buf *page)
{
	struct metrics **sets = calloc(p->workers_n + 1, sizeof(struct metrics *));
	struct metrics_now now = { .calls_active = atomic_load(&p->active), .max_calls = pool_settings(p)->max_calls };
	struct store_thread_view v;

	if (!sets) {
		page->err = ERR_NOMEM;
		return;
	}
	store_thread_view(p->store, &v);
	now.store_queue = v.queued_jobs;
	now.store_dropped = v.dropped;
	now.store_recoveries = v.recoveries;
	for (unsigned i = 0; i < p->workers_n; i++)
		sets[i] = worker_metrics(p->workers[i]);
	sets[p->workers_n] = p->metrics;
	metrics_page(page, sets, p->workers_n + 1, &now);
	free(sets);
}

/* One write of less than PIPE_BUF: whole or not at all, and never waits. */
void pool_notify(struct pool *p, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	if (p->notify_fd < 0)
		return;
	va_start(ap, fmt);
	n = vsnprintf(line, sizeof line - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	n = n < (int)sizeof line - 1 ? n : (int)sizeof line - 2;
	line[n++] = '\n';
	if (write(p->notify_fd, line, (size_t)n) != n)
		log_debug("relay.notify", "error=lost");
}
