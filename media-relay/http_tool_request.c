/* http_tool_request - a call of a tool as an HTTP request. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/form.h"
#include "base/hook_sign.h"
#include "base/json.h"
#include "media-relay/http_tool_io.h"
#include "version.h"

/* --- contents --- */

static struct json_object *call_json(struct jbuild *b, const struct http_ask *a)
{
	struct json_object *o = json_obj(b);

	json_set(b, o, "session_id", json_str(b, a->session_id));
	json_set(b, o, "twilio_call_sid", json_str(b, a->call_sid));
	json_set(b, o, "caller_number", json_str(b, a->caller_number));
	json_set(b, o, "called_number", json_str(b, a->called_number));
	json_set(b, o, "agent", json_str(b, a->agent));
	return o;
}

enum err http_tool_body(struct buf *out, const struct http_ask *a)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);

	json_set(&b, o, "arguments", json_raw(&b, a->arguments));
	json_set(&b, o, "call", call_json(&b, a));
	if (!b.err)
		b.err = json_write(out, o);
	json_object_put(o);
	return b.err;
}

/* Texts as they are, everything else as JSON. */
static void add_value(struct buf *url, struct json_object *v)
{
	if (json_object_is_type(v, json_type_string))
		url_encode(url, json_span(v));
	else
		url_encode(url, span_z(json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)));
}

enum err http_tool_query(struct buf *url, struct span arguments)
{
	struct json_object *o = NULL;
	enum err e = json_read(&o, arguments);
	char sep = url->n && memchr(url->p, '?', url->n) ? '&' : '?';

	if (e)
		return e;
	json_object_object_foreach(o, key, val)
	{
		buf_addc(url, sep);
		url_encode(url, span_z(key));
		buf_addc(url, '=');
		add_value(url, val);
		sep = '&';
	}
	json_object_put(o);
	return url->err;
}

/* --- headers --- */

/* Ours cannot be taken, and a header is one line. */
static bool header_good(struct span name, struct span value)
{
	static const char allowed[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (size_t i = 0; i < name.n; i++)
		if (!name.p[i] || !strchr(allowed, name.p[i]))
			return false;
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] < ' ' && value.p[i] != '\t')
			return false;
	return name.n && strncasecmp(name.p, "x-offhook-", name.n < 10 ? name.n : 10) != 0;
}

static enum err add(struct http_job *j, struct buf *line)
{
	struct curl_slist *more = line->err ? NULL : curl_slist_append(j->headers, buf_z(line));

	if (line->n)
		explicit_bzero(line->p, line->n);
	buf_fini(line);
	if (!more)
		return ERR_NOMEM;
	j->headers = more;
	return ERR_OK;
}

static enum err add_text(struct http_job *j, const char *name, struct span value)
{
	struct buf line = BUF_INIT;

	buf_printf(&line, value.n ? "%s: " : "%s;", name);
	buf_add(&line, value);
	return add(j, &line);
}

static enum err add_own(struct http_job *j, struct span json)
{
	struct json_object *o = NULL;
	enum err e = json_read(&o, json);

	if (!e && json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, key, val)
		{
			if (!e && header_good(span_z(key), json_span(val)))
				e = add_text(j, key, json_span(val));
		}
	}
	json_object_put(o);
	return e;
}

static enum err with_secret(struct http_job *j, const struct seal_key *k, const char *field, enum err (*use)(struct http_job *, struct span))
{
	struct buf plain = BUF_INIT;
	enum err e = record_secret_open(k, &tool_type, field, &j->tool, &plain);

	if (!e)
		e = use(j, buf_span(&plain));
	if (plain.n)
		explicit_bzero(plain.p, plain.n);
	buf_fini(&plain);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err add_signature(struct http_job *j, struct span secret)
{
	struct buf line = BUF_INIT;
	enum err e = hook_sign(&line, secret, clock_wall_ms() / 1000, buf_span(&j->body));

	if (!e)
		return add(j, &line);
	buf_fini(&line);
	return e;
}

static void headers_free(struct http_job *j)
{
	for (struct curl_slist *s = j->headers; s; s = s->next)
		explicit_bzero(s->data, strlen(s->data));
	curl_slist_free_all(j->headers);
	j->headers = NULL;
}

static enum err headers_make(struct http_job *j, const struct seal_key *k)
{
	enum err e;

	headers_free(j);
	e = j->body.n ? add_text(j, "Content-Type", SPAN("application/json")) : ERR_OK;
	e = e ? e : add_text(j, "X-Offhook-Session", span_z(j->session_id));
	e = e ? e : with_secret(j, k, "headers", add_own);
	return e ? e : with_secret(j, k, "secret", add_signature);
}

/* --- the job --- */

static bool is_get(const struct http_job *j)
{
	return j->tool.method && strcmp(j->tool.method, "GET") == 0;
}

struct http_job *http_job_new(const struct http_ask *a)
{
	struct http_job *j = calloc(1, sizeof *j);
	enum err e = j && (j->answer = calloc(1, sizeof *j->answer)) ? ERR_OK : ERR_NOMEM;

	if (!e)
		e = field_copy(tool_type.fields, tool_type.fields_n, &j->tool, a->tool);
	if (e) {
		http_job_free(j);
		return NULL;
	}
	memcpy(j->answer->id, a->id, sizeof j->answer->id);
	j->answer->tag = a->tag;
	j->answer->ticket = a->ticket;
	j->answer->body = BUF_BOUND(HTTP_BODY + 1);
	j->deliver = a->deliver;
	j->worker = a->worker;
	j->until_ms = clock_ms() + j->tool.timeout_ms;
	span_copy(j->session_id, sizeof j->session_id, a->session_id);
	buf_addz(&j->url, j->tool.url ? j->tool.url : "");
	e = is_get(j) ? http_tool_query(&j->url, a->arguments) : http_tool_body(&j->body, a);
	if (!e && !j->url.err && !j->body.err)
		return j;
	http_job_free(j);
	return NULL;
}

void http_job_free(struct http_job *j)
{
	if (!j)
		return;
	headers_free(j);
	if (j->body.n)
		explicit_bzero(j->body.p, j->body.n);        /* it may hold digits nobody else may see */
	buf_fini(&j->body);
	if (j->url.n)
		explicit_bzero(j->url.p, j->url.n);
	buf_fini(&j->url);
	record_fini(&tool_type, &j->tool);
	http_answer_free(j->answer);
	free(j);
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct http_job *j = arg;
	struct buf *body = &j->answer->body;
	size_t room = HTTP_BODY - body->n, all = size * n;

	buf_add(body, span_of(p, all < room ? all : room));
	if (all <= room)
		return all;
	j->answer->cut = true;                               /* enough: the rest is not waited for */
	return 0;
}

enum err http_job_prepare(struct http_job *j, CURL *c, const struct seal_key *k, int64_t left_ms)
{
	enum err e = headers_make(j, k);
	bool bad = false;

	if (e)
		return e;
	buf_reset(&j->answer->body);
	bad |= curl_easy_setopt(c, CURLOPT_URL, buf_z(&j->url));
	bad |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(c, CURLOPT_PROXY, "");
	bad |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	bad |= curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)left_ms);
	bad |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(left_ms < HTTP_CONNECT_MS ? left_ms : HTTP_CONNECT_MS));
	bad |= curl_easy_setopt(c, CURLOPT_USERAGENT, "offhook/" OFFHOOK_VERSION);
	bad |= curl_easy_setopt(c, CURLOPT_HTTPHEADER, j->headers);
	bad |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	bad |= curl_easy_setopt(c, CURLOPT_WRITEDATA, j);
	bad |= curl_easy_setopt(c, CURLOPT_PRIVATE, j);
	if (!is_get(j)) {
		bad |= curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)j->body.n);
		bad |= curl_easy_setopt(c, CURLOPT_POSTFIELDS, buf_z(&j->body));
		bad |= curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, j->tool.method ? j->tool.method : "POST");
	}
	return bad ? ERR_VALUE : ERR_OK;
}
