/* post_call - the sender: slots, each with one exchange under way. */
#include <curl/curl.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hook_sign.h"
#include "base/log.h"
#include "post_call.h"
#include "store/post.h"
#include "store/turn.h"
#include "version.h"

#define CONNECT_MS 5000

struct slot {
	bool used, over;                     /* over: to be noted in the store */
	char session_id[UUID_TEXT], error[CURL_ERROR_SIZE];     /* "": it was taken */
	int64_t attempt;
	struct buf key;
	struct post_message message;
	CURL *easy;
	struct curl_slist *headers;
};

struct poster {
	CURLM *multi;
	struct slot slots[POST_CALL_AT_ONCE];
};

enum err poster_new(struct poster **out)
{
	struct poster *p = calloc(1, sizeof *p);

	if (!p || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(p->multi = curl_multi_init())) {
		free(p);
		return ERR_NOMEM;
	}
	*out = p;
	return ERR_OK;
}

static void slot_clear(struct poster *p, struct slot *s)
{
	if (s->easy) {
		curl_multi_remove_handle(p->multi, s->easy);
		curl_easy_cleanup(s->easy);
	}
	curl_slist_free_all(s->headers);
	post_message_fini(&s->message);
	buf_fini(&s->key);
	memset(s, 0, sizeof *s);
}

void poster_free(struct poster *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < POST_CALL_AT_ONCE; i++)
		slot_clear(p, &p->slots[i]);
	curl_multi_cleanup(p->multi);
	free(p);
}

bool poster_busy(const struct poster *p)
{
	for (unsigned i = 0; i < POST_CALL_AT_ONCE; i++)
		if (p->slots[i].used)
			return true;
	return false;
}

/* --- one exchange --- */

static size_t nobody_reads(char *data, size_t size, size_t n, void *arg)
{
	(void)data;
	(void)arg;
	return size * n;
}

static enum err header_add(struct slot *s, const char *line)
{
	struct curl_slist *more = curl_slist_append(s->headers, line);

	if (!more)
		return ERR_NOMEM;
	s->headers = more;
	return ERR_OK;
}

static enum err headers_make(struct slot *s)
{
	struct buf id = BUF_INIT, signature = BUF_INIT;
	enum err e = header_add(s, "Content-Type: application/json");

	buf_printf(&id, "X-Offhook-Delivery: %s", s->session_id);
	e = e ? e : header_add(s, buf_z(&id));
	e = e ? e : header_add(s, "Expect:");
	if (!e && s->message.secret.n)
		e = hook_sign(&signature, buf_span(&s->message.secret), clock_wall_ms() / 1000, buf_span(&s->message.body));
	if (!e && signature.n)
		e = header_add(s, buf_z(&signature));
	buf_fini(&signature);
	buf_fini(&id);
	return e;
}

static enum err options_set(struct slot *s)
{
	CURL *c = s->easy;
	bool bad = false;

	bad |= curl_easy_setopt(c, CURLOPT_URL, buf_z(&s->message.url));
	bad |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	bad |= curl_easy_setopt(c, CURLOPT_PROXY, "");
	bad |= curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)POST_CALL_MS);
	bad |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	bad |= curl_easy_setopt(c, CURLOPT_USERAGENT, "offhook/" OFFHOOK_VERSION);
	bad |= curl_easy_setopt(c, CURLOPT_HTTPHEADER, s->headers);
	bad |= curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)s->message.body.n);
	bad |= curl_easy_setopt(c, CURLOPT_POSTFIELDS, s->message.body.p);
	bad |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, nobody_reads);
	bad |= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, s->error);
	bad |= curl_easy_setopt(c, CURLOPT_PRIVATE, s);
	return bad ? ERR_VALUE : ERR_OK;
}

static void slot_fail(struct slot *s, enum err e)
{
	s->over = true;
	span_copy(s->error, sizeof s->error, span_z(e ? err_text(e) : "cannot be sent"));
}

static void slot_begin(struct poster *p, struct slot *s)
{
	enum err e = (s->easy = curl_easy_init()) ? headers_make(s) : ERR_NOMEM;

	e = e ? e : options_set(s);
	if (e || curl_multi_add_handle(p->multi, s->easy) != CURLM_OK)
		slot_fail(s, e);
}

static void slot_over(struct slot *s, CURLcode code)
{
	long status = 0;

	s->over = true;
	curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK && !s->error[0])
		span_copy(s->error, sizeof s->error, span_z(curl_easy_strerror(code)));
	else if (code == CURLE_OK && status / 100 != 2)
		snprintf(s->error, sizeof s->error, "http %ld", status);
	else if (code == CURLE_OK)
		s->error[0] = '\0';
}

static void transfers_move(struct poster *p)
{
	int running, left;
	CURLMsg *m;

	curl_multi_perform(p->multi, &running);
	while ((m = curl_multi_info_read(p->multi, &left)) != NULL) {
		CURLcode code = m->data.result;
		char *s = NULL;

		if (m->msg == CURLMSG_DONE && curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &s) == CURLE_OK && s)
			slot_over((struct slot *)(void *)s, code);
	}
}

/* --- what the store is told --- */

struct noting {
	struct slot *s;
	bool given_up;
};

static enum err event_write(struct txn *t, const struct slot *s)
{
	struct event e = { .event_type = (char *)(uintptr_t)"post_call.failed", .error = (char *)(uintptr_t)s->error, .created_at = clock_wall_ms() };
	enum err x = event_next_seq(t, span_z(s->session_id), &e.seq);

	return x ? x : event_put(t, span_z(s->session_id), &e);
}

static enum err note_body(struct txn *t, void *arg)
{
	struct noting *n = arg;
	const struct slot *s = n->s;
	enum err e;

	if (!s->error[0])
		return post_done(t, buf_span(&s->key));
	e = post_again(t, buf_span(&s->key), clock_wall_ms(), s->error, &n->given_up);
	return !e && n->given_up ? event_write(t, s) : e;
}

static enum err note(struct poster *p, struct store *st, struct slot *s)
{
	struct noting n = { .s = s };
	enum err e = store_txn(st, EVENTUAL, note_body, &n);

	if (e)
		return e;
	if (s->error[0])
		log_write(n.given_up ? LOG_ERROR : LOG_WARN, "post_call.failed", "session=%s attempt=%lld error=%s again=%s", s->session_id, (long long)s->attempt,
			  log_q(span_z(s->error)), n.given_up ? "no" : "yes");
	else
		log_info("post_call.sent", "session=%s attempt=%lld", s->session_id, (long long)s->attempt);
	slot_clear(p, s);
	return ERR_OK;
}

/* --- what is due --- */

struct due {
	struct poster *p;
	struct slot *into;
	bool found, gone;
	enum err bad;                        /* this message cannot be made: noted like one that was not taken, or it would hold up all others */
};

/* What any other message would meet too. */
static bool is_the_stores(enum err e)
{
	static const enum err ours[] = { ERR_BUSY, ERR_RECOVER, ERR_FULL, ERR_IO, ERR_NOMEM, ERR_TIMEOUT, ERR_DOWN };

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (e == ours[i])
			return true;
	return false;
}

static bool under_way(const struct poster *p, const char *session_id)
{
	for (unsigned i = 0; i < POST_CALL_AT_ONCE; i++)
		if (p->slots[i].used && strcmp(p->slots[i].session_id, session_id) == 0)
			return true;
	return false;
}

static enum err take(struct txn *t, struct due *d, const struct post *post)
{
	struct slot *s = d->into;
	enum err e;

	post_message_fini(&s->message);
	s->attempt = post->attempts + 1;
	span_copy(s->session_id, sizeof s->session_id, span_z(post->session_id));
	e = post_message_make(t, span_z(post->session_id), s->attempt, &s->message);
	d->gone = e == ERR_NOTFOUND;
	d->bad = d->gone || is_the_stores(e) ? ERR_OK : e;
	d->found = e == ERR_OK || d->bad;
	return d->found || d->gone ? ERR_OK : e;
}

/* The first that nobody is sending yet. */
static enum err due_body(struct txn *t, void *arg)
{
	struct due *d = arg;
	struct buf after = BUF_INIT;
	int64_t now = clock_wall_ms();
	struct post post;
	enum err e;

	d->found = d->gone = false;
	d->bad = ERR_OK;
	while (!(e = post_next(t, now, after.n ? buf_span(&after) : SPAN_NONE, &d->into->key, &post))) {
		bool free_to_go = !under_way(d->p, post.session_id);

		if (free_to_go)
			e = take(t, d, &post);
		record_fini(&post_type, &post);
		buf_reset(&after);
		buf_add(&after, buf_span(&d->into->key));
		if (free_to_go || after.err)
			break;
	}
	buf_fini(&after);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err gone_body(struct txn *t, void *arg)
{
	const struct slot *s = arg;

	return post_done(t, buf_span(&s->key));
}

/* ERR_NOTFOUND: nothing is due. */
static enum err start_one(struct poster *p, struct store *st, struct slot *s)
{
	struct due d = { .p = p, .into = s };
	enum err e = store_read(st, due_body, &d);

	if (!e && d.found) {
		s->used = true;
		if (d.bad)
			slot_fail(s, d.bad);
		else
			slot_begin(p, s);
		return ERR_OK;
	}
	if (!e && d.gone)
		e = store_txn(st, EVENTUAL, gone_body, s);
	else if (!e)
		e = ERR_NOTFOUND;
	slot_clear(p, s);
	return e;
}

enum err poster_step(struct poster *p, struct store *st)
{
	enum err e = ERR_OK;

	transfers_move(p);
	for (unsigned i = 0; i < POST_CALL_AT_ONCE && !e; i++)
		if (p->slots[i].used && p->slots[i].over)
			e = note(p, st, &p->slots[i]);
	for (unsigned i = 0; i < POST_CALL_AT_ONCE && !e; i++)
		if (!p->slots[i].used)
			e = start_one(p, st, &p->slots[i]);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}
