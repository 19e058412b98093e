/* http_tool_io - what http_tool.c and http_tool_request.c share; nobody else includes it. */
#ifndef OFFHOOK_HTTP_TOOL_IO_H
#define OFFHOOK_HTTP_TOOL_IO_H

#include <curl/curl.h>

#include "media-relay/http_tool.h"
#include "store/seal.h"

struct http_job {
	struct tool tool;                    /* a copy; secrets sealed */
	struct buf body, url, arguments;
	char session_id[64];
	http_deliver *deliver;
	void *worker;
	struct http_answer *answer;
	int64_t until_ms;
	unsigned tries;
	CURL *easy;
	struct curl_slist *headers;
	struct http_job *next;
};

struct http_job *http_job_new(const struct http_ask *a);         /* NULL: out of memory */
void http_job_free(struct http_job *j);
enum err http_job_prepare(struct http_job *j, CURL *c, const struct seal_key *k, int64_t left_ms);

#endif
