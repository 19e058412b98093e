/* http_tool - the thread. What a request looks like is in http_tool_request.c. */
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "media-relay/http_tool_io.h"

struct http_tools {
	pthread_t thread;
	pthread_mutex_t lock;
	struct http_job *first, **last;      /* waiting to be begun */
	struct http_job *running;
	atomic_bool stop;
	CURLM *multi;
	CURL *spare[HTTP_PER_HOST];
	unsigned spares;
	char *key_file;
	struct seal_key key;
	bool has_key;
};

void http_answer_free(struct http_answer *a)
{
	if (!a)
		return;
	buf_fini(&a->body);
	free(a);
}

/* --- one request --- */

static CURL *handle_get(struct http_tools *h)
{
	return h->spares ? h->spare[--h->spares] : curl_easy_init();
}

static void handle_back(struct http_tools *h, CURL *c)
{
	curl_easy_reset(c);
	if (h->spares < HTTP_PER_HOST)
		h->spare[h->spares++] = c;
	else
		curl_easy_cleanup(c);
}

static const char *words_of(CURLcode code)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:   return "the tool did not answer in time";
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST: return "the tool cannot be reached";
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION: return "the tool cannot be reached securely";
	default:                         return "the request to the tool failed";
	}
}

static void job_over(struct http_job *j, const char *error)
{
	j->answer->error = error;
	j->deliver(j->worker, j->answer);
	j->answer = NULL;
	http_job_free(j);
}

static bool has_key(struct http_tools *h)
{
	if (!h->has_key)
		h->has_key = seal_key_load(&h->key, h->key_file, false) == ERR_OK;
	return h->has_key;
}

static void begin(struct http_tools *h, struct http_job *j)
{
	int64_t left = j->until_ms - clock_ms();
	CURL *c = left > 0 ? handle_get(h) : NULL;
	enum err e = c && has_key(h) ? http_job_prepare(j, c, &h->key, left) : ERR_NOMEM;

	if (!e && curl_multi_add_handle(h->multi, c) == CURLM_OK) {
		j->easy = c;
		j->next = h->running;
		h->running = j;
		return;
	}
	log_warn("tool.request", "tool=%s error=%s", log_q(span_z(j->tool.name)), left > 0 ? err_name(e ? e : ERR_NOMEM) : "timeout");
	if (c)
		handle_back(h, c);
	job_over(j, left > 0 ? "the request to the tool could not be made" : words_of(CURLE_OPERATION_TIMEDOUT));
}

static void unlink_job(struct http_tools *h, struct http_job *j)
{
	struct http_job **p = &h->running;

	while (*p != j)
		p = &(*p)->next;
	*p = j->next;
}

static bool tries_again(struct http_job *j, CURLcode code)
{
	return (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST) && j->tries++ == 0;
}

static void end(struct http_tools *h, struct http_job *j, CURLcode code)
{
	long status = 0;

	curl_easy_getinfo(j->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_multi_remove_handle(h->multi, j->easy);
	unlink_job(h, j);
	handle_back(h, j->easy);
	j->easy = NULL;
	j->answer->status = (int)status;
	if (tries_again(j, code)) {
		begin(h, j);
		return;
	}
	if (code == CURLE_WRITE_ERROR && j->answer->cut)
		code = CURLE_OK;
	if (code)
		log_warn("tool.failed", "tool=%s error=%s", log_q(span_z(j->tool.name)), log_q(span_z(curl_easy_strerror(code))));
	job_over(j, code ? words_of(code) : NULL);
}

/* --- the thread --- */

static struct http_job *take(struct http_tools *h)
{
	struct http_job *j;

	pthread_mutex_lock(&h->lock);
	j = h->first;
	h->first = NULL;
	h->last = &h->first;
	pthread_mutex_unlock(&h->lock);
	return j;
}

static void begin_all(struct http_tools *h)
{
	struct http_job *next;

	for (struct http_job *j = take(h); j; j = next) {
		next = j->next;
		begin(h, j);
	}
}

static void end_all(struct http_tools *h)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
		char *job = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &job);
		end(h, (struct http_job *)(void *)job, m->data.result);
	}
}

static void *loop(void *arg)
{
	struct http_tools *h = arg;
	int active;

	while (!atomic_load(&h->stop)) {
		begin_all(h);
		curl_multi_perform(h->multi, &active);
		end_all(h);
		curl_multi_poll(h->multi, NULL, 0, 1000, NULL);
	}
	return NULL;
}

void http_tools_ask(struct http_tools *h, const struct http_ask *a)
{
	struct http_job *j = http_job_new(a);

	if (!j)
		return;
	pthread_mutex_lock(&h->lock);
	*h->last = j;
	h->last = &j->next;
	pthread_mutex_unlock(&h->lock);
	curl_multi_wakeup(h->multi);
}

static void jobs_drop(struct http_job *j)
{
	struct http_job *next;

	for (; j; j = next) {
		next = j->next;
		http_job_free(j);
	}
}

static void http_free(struct http_tools *h)
{
	for (struct http_job *j = h->running; j; j = j->next) {
		curl_multi_remove_handle(h->multi, j->easy);
		curl_easy_cleanup(j->easy);
	}
	jobs_drop(h->running);
	jobs_drop(h->first);
	while (h->spares)
		curl_easy_cleanup(h->spare[--h->spares]);
	curl_multi_cleanup(h->multi);
	pthread_mutex_destroy(&h->lock);
	explicit_bzero(&h->key, sizeof h->key);
	free(h->key_file);
	free(h);
	curl_global_cleanup();
}

enum err http_tools_start(struct http_tools **out, const char *key_file)
{
	struct http_tools *h = calloc(1, sizeof *h);
	enum err e = ERR_NOMEM;

	if (!h || curl_global_init(CURL_GLOBAL_DEFAULT)) {
		free(h);
		return ERR_NOMEM;
	}
	h->last = &h->first;
	pthread_mutex_init(&h->lock, NULL);
	h->multi = curl_multi_init();
	h->key_file = span_dup(span_z(key_file));
	if (h->multi && h->key_file) {
		curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)HTTP_PER_HOST);
		curl_multi_setopt(h->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)HTTP_TOTAL);
		e = err_errno(pthread_create(&h->thread, NULL, loop, h));
	}
	if (e)
		http_free(h);
	else
		*out = h;
	return e;
}

void http_tools_stop(struct http_tools *h)
{
	if (!h)
		return;
	atomic_store(&h->stop, true);
	curl_multi_wakeup(h->multi);
	pthread_join(h->thread, NULL);
	http_free(h);
}
