/* request_line - what the first line of an HTTP request says about whose it is. Pure: for the front, the TLS front, the upgrade check and the fuzzer. */
#include "base/clock.h"
#include "media-relay/front.h"

#define STREAM_PATH SPAN("/ws/realtime/")

bool front_stream_id(struct span path, uint8_t id[16])
{
	if (!span_starts(path, STREAM_PATH))
		return false;
	path = span_skip(path, STREAM_PATH.n);
	if (path.n == UUID_TEXT && path.p[path.n - 1] == '/')
		path.n--;
	return uuid_parse(path, id);
}

/* "GET /path?query HTTP/1.1" */
static enum front_verdict whose(struct span line, uint8_t id[16])
{
	struct span method, target, path;

	if (!span_cut(&line, ' ', &method) || !span_cut(&line, ' ', &target) || !span_starts(line, SPAN("HTTP/1.")))
		return FRONT_BAD;
	if (!span_is(method, "GET"))
		return FRONT_METHOD;
	span_cut(&target, '?', &path);
	return front_stream_id(path, id) ? FRONT_STREAM : FRONT_OTHER;
}

enum front_verdict front_request(struct span head, uint8_t id[16])
{
	const char *end = head.n ? memchr(head.p, '\n', head.n) : NULL;

	if (!end)
		return head.n < FRONT_LINE_MAX ? FRONT_MORE : FRONT_BAD;
	return whose(span_trim(span_of(head.p, (size_t)(end - head.p))), id);
}

struct span front_refusal(enum front_verdict v)
{
	if (v == FRONT_METHOD)
		return SPAN("HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	return SPAN("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}
