/* route - see the header. */
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "route.h"

const struct route routes[] = {
	{ "POST GET", "/api/webhook/",                   SIGNED | TWIML, incoming },
	{ "POST GET", "/api/twiml/",                     SIGNED | TWIML, incoming },
	{ "POST",     "/api/status/",                    SIGNED,         status_callback },
	{ "POST",     "/api/continue/{id}/",             SIGNED | TWIML, continue_call },
	{ "POST GET", "/api/whisper/{id}/",              SIGNED | QUIET, whisper },
	{ "POST",     "/api/answered-by/",               SIGNED,         answered_by },
	{ "POST",     "/api/stream-status/{id}/",        SIGNED,         stream_status },
	{ "GET",      "/api/health/",                    0,              health },
	{ "GET",      "/api/test/",                      0,              health },
	{ "GET",      "/api/public-url/",                0,              public_url },
	{ "GET",      "/api/tools/",                     ADMIN,          tools_list },
	{ "GET",      "/api/template-instructions/",     ADMIN,          template_instructions },
	{ "GET",      "/api/conversation-history/{id}/", ADMIN,          conversation_history },
	{ "GET",      "/api/conversation-events/{id}/",  ADMIN,          conversation_events },
	{ "GET",      "/api/chat-history/{id}/",         ADMIN,          chat_history },
};
const size_t routes_n = sizeof routes / sizeof *routes;

static bool segment_fits(struct span pattern, struct span segment, struct span *session_id)
{
	uint8_t id[16];

	if (!span_is(pattern, "{id}"))
		return span_eq(pattern, segment);
	*session_id = segment;
	return uuid_parse(segment, id);
}

static bool path_fits(const char *pattern_z, struct span path, struct span *session_id)
{
	struct span pattern = span_z(pattern_z), want, have;

	pattern.n--;                                         /* the last slash may be missing */
	if (path.n && path.p[path.n - 1] == '/')
		path.n--;
	while (span_cut(&pattern, '/', &want))
		if (!span_cut(&path, '/', &have) || !segment_fits(want, have, session_id))
			return false;
	return !span_cut(&path, '/', &have);
}

const struct route *route_find(struct span path, struct span *session_id)
{
	*session_id = SPAN_NONE;
	for (size_t i = 0; i < routes_n; i++)
		if (path_fits(routes[i].path, path, session_id))
			return &routes[i];
	return NULL;
}

static bool head_is_free(const struct route *rt)
{
	return !(rt->flags & SIGNED) && span_is(span_z(rt->methods), "GET");
}

bool route_takes(const struct route *rt, struct span method)
{
	struct span rest = span_z(rt->methods), one;

	while (span_cut(&rest, ' ', &one))
		if (span_eq(one, method))
			return true;
	return head_is_free(rt) && span_is(method, "HEAD");
}

static void allow_write(struct answer *a, const struct route *rt)
{
	struct span rest = span_z(rt->methods), one;
	struct buf b = BUF_BOUND(sizeof a->allow - 1);

	while (span_cut(&rest, ' ', &one)) {
		if (b.n)
			buf_add(&b, SPAN(", "));
		buf_add(&b, one);
	}
	if (head_is_free(rt))
		buf_add(&b, SPAN(", HEAD"));
	span_copy(a->allow, sizeof a->allow, buf_span(&b));
	buf_fini(&b);
}

static bool is_form(struct span content_type)
{
	struct span type;

	return span_cut(&content_type, ';', &type) && span_trim(type).n == strlen("application/x-www-form-urlencoded") &&
	       strncasecmp(span_trim(type).p, "application/x-www-form-urlencoded", span_trim(type).n) == 0;
}

static bool posts(const struct request *r)
{
	return span_is(r->method, "POST");
}

/* Each check answers when it refuses. */

static bool check_path(struct hook *h, struct request *r, struct answer *a)
{
	h->route = route_find(r->path, &r->session_id);
	if (!h->route)
		answer_error(a, 404, "notfound", "there is nothing here");
	return h->route;
}

static bool check_password(struct hook *h, struct request *r, struct answer *a)
{
	if (!(h->route->flags & ADMIN) || r->user.n)
		return true;
	answer_error(a, 401, "unauthorized", "password needed; if there is no user yet, make one with: offhook admin passwd USER");
	return false;
}

static bool check_method(struct hook *h, struct request *r, struct answer *a)
{
	if (route_takes(h->route, r->method))
		return true;
	answer_error(a, 405, "method", "this method is not taken here");
	allow_write(a, h->route);
	return false;
}

static bool check_size(struct hook *h, struct request *r, struct answer *a)
{
	enum err e = h->fcgi ? fcgi_body(h->fcgi, r, BODY_MAX) : r->body.n > BODY_MAX ? ERR_LIMIT : ERR_OK;

	if (e)
		answer_error(a, err_http(e), err_name(e), e == ERR_LIMIT ? "a body has at most 64 KiB here" : err_text(e));
	return !e;
}

static bool check_type(struct hook *h, struct request *r, struct answer *a)
{
	if (!(h->route->flags & SIGNED) || !posts(r) || is_form(r->content_type))
		return true;
	answer_error(a, 415, "content_type", "application/x-www-form-urlencoded is taken here");
	return false;
}

static bool check_form(struct hook *h, struct request *r, struct answer *a)
{
	enum err e = form_parse(&r->form, posts(r) ? r->body : r->query);

	(void)h;
	if (e)
		answer_error(a, err_http(e), err_name(e), "more parameters than are taken here");
	return !e;
}

/* When the database hides whose token it is, nobody is turned away: a caller hears the apology, a callback may come again. */
static void last_resort(const struct route *rt, struct answer *a)
{
	if (rt->flags & TWIML)
		answer_apology(a, &(struct voice){ NULL, NULL, NULL });
	else if (rt->flags & QUIET)
		answer_empty_twiml(a);
	else if (rt->flags & SIGNED)
		answer_status(a, 503);
	else
		answer_error(a, 503, "timeout", "the database does not answer");
}

static bool check_signature(struct hook *h, struct request *r, struct answer *a)
{
	const char *why = h->route->flags & SIGNED ? signed_refusal(h, r) : NULL;

	if (!why)
		return true;
	if (span_is(span_z(why), "database"))
		last_resort(h->route, a);
	else
		answer_status(a, 403);
	log_warn("webhook.refused", "reason=%s path=" SPAN_FMT, why, SPAN_ARG(r->path));
	return false;
}

static bool (*const checks[])(struct hook *, struct request *, struct answer *) = {
	check_path, check_password, check_method, check_size, check_type, check_form, check_signature,
};

void route_serve(struct hook *h, struct request *r, struct answer *a)
{
	h->route = NULL;
	h->db_ms = h->relay_ms = 0;
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		if (h->route && checks[i] == check_signature) {
			last_resort(h->route, &h->rescue);
			h->patience_ms = DB_PATIENCE_MS;
		}
		if (!checks[i](h, r, a))
			return;
	}
	h->route->run(h, r, a);
}
