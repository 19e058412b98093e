/*
 * http_tool - calls out to HTTP tools: one thread, one curl_multi; requests in through a locked queue, answers out through the worker's queue. Nothing here
 * ever waits in a worker. The tool's secrets are opened here and nowhere else.
 * Request:  POST, PUT, PATCH, DELETE with {"arguments":{...},"call":{"session_id","twilio_call_sid","caller_number","called_number","agent"}}; GET with the
 *           arguments as query. X-Offhook-Session always; X-Offhook-Signature: t=UNIXTIME,v1=HEX, HMAC-SHA-256 of "t.body" (GET: an empty body) with the
 *           tool's secret.
 * Limits:   the tool's timeout_ms for everything together, HTTP_CONNECT_MS for a connection, HTTP_BODY of an answer; no redirects; one more try when no
 *           connection was made, since nothing has been done then.
 */
#ifndef OFFHOOK_HTTP_TOOL_H
#define OFFHOOK_HTTP_TOOL_H

#include "base/buf.h"
#include "store/tool.h"

#define HTTP_CONNECT_MS 3000
#define HTTP_BODY       ((size_t)64 << 10)
#define HTTP_PER_HOST   16
#define HTTP_TOTAL      256

struct http_tools;

struct http_answer {                     /* the receiver's: http_answer_free */
	uint8_t id[16];
	uint64_t tag, ticket;
	const char *error;               /* NULL, or static words for the model */
	int status;
	struct buf body;
	bool cut;                        /* there was more of it */
};
void http_answer_free(struct http_answer *a);

typedef void http_deliver(void *worker, struct http_answer *a);      /* in the HTTP thread: must only queue and wake */

struct http_ask {
	uint8_t id[16];
	uint64_t tag, ticket;            /* come back with the answer */
	const struct tool *tool;
	struct span arguments;           /* a JSON object */
	struct span session_id, call_sid, caller_number, called_number, agent;
	http_deliver *deliver;
	void *worker;
};

enum err http_tools_start(struct http_tools **out, const char *key_file);
void http_tools_stop(struct http_tools *h);                                  /* what runs is given up; NULL is fine */
void http_tools_ask(struct http_tools *h, const struct http_ask *a);         /* any thread; copies; without memory no answer comes: the asker has a time limit */

/* For tests: what would be sent. */
enum err http_tool_body(struct buf *out, const struct http_ask *a);
enum err http_tool_query(struct buf *url, struct span arguments);            /* appends to a URL */

#endif
