/* phone_post - Twilio's requests: parameters, signature, and where a made-up public name really is. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "phone.h"
#include "twilio/signature.h"

/* --- URLs --- */

struct url {
	struct span scheme, host, port, rest;      /* rest: path and query; port may be empty */
	bool tls;
};

static bool url_cut(struct span s, struct url *u)
{
	const char *colon = memmem(s.p, s.n, "://", 3);
	size_t n = 0;
	struct span authority;

	if (!colon)
		return false;
	u->scheme = span_head(s, (size_t)(colon - s.p));
	u->tls = span_is(u->scheme, "https") || span_is(u->scheme, "wss");
	authority = span_skip(s, u->scheme.n + 3);
	while (n < authority.n && !strchr("/?#", authority.p[n]))
		n++;
	u->rest = span_skip(authority, n);
	authority = span_head(authority, n);
	colon = authority.n && authority.p[authority.n - 1] == ']' ? NULL : memrchr(authority.p, ':', authority.n);
	u->host = span_head(authority, colon ? (size_t)(colon - authority.p) : authority.n);
	u->port = colon ? span_skip(authority, u->host.n + 1) : span_head(authority, 0);
	if (u->host.n > 2 && u->host.p[0] == '[')
		u->host = span_of(u->host.p + 1, u->host.n - 2);
	return u->host.n > 0;
}

static const char *port_or(struct span port, bool tls, char buf[8])
{
	if (port.n && span_copy(buf, 8, port))
		return buf;
	return tls ? "443" : "80";
}

/* --- routes --- */

static struct span no_scheme(struct span url)
{
	const char *colon = memmem(url.p, url.n, "://", 3);

	return colon ? span_skip(url, (size_t)(colon - url.p) + 3) : url;
}

/* Without its last slashes, so that it ends where a path may begin. */
static struct span no_slash(struct span s)
{
	while (s.n && s.p[s.n - 1] == '/')
		s.n--;
	return s;
}

static enum err route_add(struct phone *ph, struct span from, struct span to, struct buf *why)
{
	struct route *r = &ph->routes[ph->n_routes];
	struct url u;
	char port[8];

	if (ph->n_routes == ROUTES_MAX || !url_cut(to, &u)) {
		buf_printf(why, SPAN_FMT ": no URL that can be reached", SPAN_ARG(to));
		return ERR_USAGE;
	}
	r->prefix = span_dup(no_slash(no_scheme(from)));
	r->host = span_dup(u.host);
	r->base = span_dup(no_slash(u.rest));
	r->port = span_dup(span_z(port_or(u.port, u.tls, port)));
	r->tls = u.tls;
	ph->n_routes++;
	if (!r->prefix || !r->host || !r->port || !r->base)
		return ERR_NOMEM;
	if (net_resolve(&r->to, r->host, r->port)) {
		buf_printf(why, "%s:%s: this name is not known", r->host, r->port);
		return ERR_NOTFOUND;
	}
	return ERR_OK;
}

static struct span origin_of(struct span url)
{
	struct url u;

	return url_cut(url, &u) ? span_head(url, url.n - u.rest.n) : url;
}

static enum err connect_route(struct phone *ph, struct buf *why)
{
	struct buf to = BUF_INIT;
	enum err e;

	buf_addz(&to, strncmp(ph->conf.url, "https", 5) == 0 ? "https://" : "http://");
	buf_addz(&to, ph->conf.connect);
	e = to.err ? to.err : route_add(ph, span_z(ph->conf.public_url), buf_span(&to), why);
	buf_fini(&to);
	return e;
}

enum err phone_routes(struct phone *ph, struct buf *why)
{
	enum err e = ERR_OK;

	if (!ph->conf.public_url)
		ph->conf.public_url = span_dup(origin_of(span_z(ph->conf.url)));
	if (!ph->conf.public_url)
		return ERR_NOMEM;
	for (size_t i = 0; e == ERR_OK && i < ph->conf.map.n; i++) {
		struct span to = span_z(ph->conf.map.v[i]), from;

		span_cut(&to, '=', &from);
		e = route_add(ph, from, to, why);
	}
	if (e == ERR_OK)
		e = ph->conf.connect ? connect_route(ph, why) : route_add(ph, span_z(ph->conf.public_url), origin_of(span_z(ph->conf.url)), why);
	return e;
}

void phone_routes_fini(struct phone *ph)
{
	for (size_t i = 0; i < ph->n_routes; i++) {
		free(ph->routes[i].prefix);
		free(ph->routes[i].host);
		free(ph->routes[i].port);
		free(ph->routes[i].base);
	}
}

static struct route *route_of(struct phone *ph, struct span url, size_t *used)
{
	struct span bare = no_scheme(url);

	for (size_t i = 0; i < ph->n_routes; i++) {
		struct span prefix = span_z(ph->routes[i].prefix);

		if (span_starts(bare, prefix) && (bare.n == prefix.n || strchr("/?#", bare.p[prefix.n]))) {
			*used = url.n - bare.n + prefix.n;
			return &ph->routes[i];
		}
	}
	return NULL;
}

/* Fragments (connection overrides) are never sent. */
static struct span sent_part(struct span rest)
{
	const char *hash = memchr(rest.p, '#', rest.n);

	return hash ? span_head(rest, (size_t)(hash - rest.p)) : rest;
}

enum err phone_target(struct phone *ph, const char *url, struct target *t, struct buf *why)
{
	struct span s = span_z(url);
	struct url u;
	size_t used = 0;
	struct route *r = route_of(ph, s, &used);
	char port[8];
	enum err e = ERR_OK;

	if (!url_cut(s, &u) || !span_copy(t->name, sizeof t->name, u.host)) {
		buf_addz(why, "no URL");
		return ERR_VALUE;
	}
	snprintf(t->host_header, sizeof t->host_header, SPAN_FMT "%s" SPAN_FMT, SPAN_ARG(u.host), u.port.n ? ":" : "", SPAN_ARG(u.port));
	t->base = span_z(r ? r->base : "");
	t->path = sent_part(r ? span_skip(s, used) : u.rest);
	if (t->path.n == 0)
		t->path = SPAN("/");
	t->tls = r ? r->tls : u.tls;
	if (r)
		t->to = r->to;
	else
		e = net_resolve(&t->to, t->name, port_or(u.port, u.tls, port));
	if (e)
		buf_addz(why, "11210: the host is not known");
	else if (t->tls && !ph->tls && (e = net_tls(&ph->tls, ph->conf.ca)))
		buf_addz(why, "the trusted certificates cannot be read");
	return e;
}

/* --- parameters --- */

void phone_param_set(struct params *p, const char *name, const char *value)
{
	for (size_t i = 0; i < p->n; i++) {
		if (span_is(p->p[i].name, name)) {
			p->p[i].value = span_z(value);
			return;
		}
	}
	if (p->n < POST_PARAMS_MAX)
		p->p[p->n++] = (struct pair){ span_z(name), span_z(value) };
}

/* What live requests carry, with empty values, non-ASCII text and the token that looks encoded. */
void phone_call_params(const struct call *c, struct params *p, const char *status)
{
	static const char *const fixed[][2] = {
		{ "ApiVersion", "2010-04-01" }, { "Direction", "inbound" }, { "CallerCity", "S\303\203O PAULO" }, { "CallerCountry", "BR" },
		{ "CallerState", "" }, { "CallerZip", "" }, { "FromCity", "S\303\203O PAULO" }, { "FromCountry", "BR" }, { "FromState", "" }, { "FromZip", "" },
		{ "CalledCity", "Z\303\274rich" }, { "CalledCountry", "CH" }, { "CalledState", "" }, { "CalledZip", "" }, { "ToCity", "Z\303\274rich" },
		{ "ToCountry", "CH" }, { "ToState", "" }, { "ToZip", "" }, { "StirVerstat", "TN-Validation-Passed-A" },
		{ "CallToken", "%7B%22parentCallInfoToken%22%3A%22eyJhbGciOiJFUzI1NiJ9.e30%22%2C%22identityHeaderTokens%22%3A%5B%5D%7D" },
	};
	bool outbound = c->ph->plan->outbound;
	const char *from = outbound ? c->ph->plan->to : c->from, *to = outbound ? c->from : c->ph->plan->to;

	phone_param_set(p, "AccountSid", c->ph->conf.account);
	phone_param_set(p, "CallSid", c->sid);
	phone_param_set(p, "CallStatus", status);
	phone_param_set(p, "From", from);
	phone_param_set(p, "Caller", from);
	phone_param_set(p, "To", to);
	phone_param_set(p, "Called", to);
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		phone_param_set(p, fixed[i][0], fixed[i][1]);
	if (outbound)
		phone_param_set(p, "Direction", "outbound-api");
	if (c->ph->parameters) {
		json_object_object_foreach(c->ph->parameters, key, value) {
			if (json_object_is_type(value, json_type_null))
				continue;
			phone_param_set(p, key, json_object_get_string(value));
		}
	}
}

/* --- requests --- */

void phone_call_reply(struct call *c, enum post_purpose purpose, const struct http_answer *a)
{
	c->open_requests--;
	phone_call_answered(c, purpose, a);
}

static void on_answer(void *arg, struct http *h, const struct http_answer *a)
{
	phone_call_reply(arg, (enum post_purpose)h->purpose, a);
}

static void encode(struct buf *out, const struct params *p)
{
	for (size_t i = 0; i < p->n; i++)
		form_encode(out, p->p[i].name.p, p->p[i].value);
}

static bool wants_signature(const struct call *c, enum post_purpose purpose, struct span *token)
{
	bool webhook = purpose == POST_CONTROL && c->posted == 0;

	*token = span_z(c->ph->conf.token);
	if (webhook && plan_fault_find(c->ph->plan, PF_FORGED, 0))
		*token = SPAN("00000000000000000000000000000000");
	return !(webhook && plan_fault_find(c->ph->plan, PF_UNSIGNED, 0));
}

static enum err request_send(struct call *c, enum post_purpose purpose, bool get, const char *url, struct params *p, struct buf *why)
{
	struct form form = { .pairs = p->p, .n = p->n };
	struct buf body = BUF_INIT, full = BUF_INIT, path = BUF_INIT;
	struct target t = { 0 };
	char signature[SIGNATURE_TEXT];
	struct span token;
	bool sign = wants_signature(c, purpose, &token);
	struct http *h = NULL;
	enum err e = phone_target(c->ph, url, &t, why);

	if (e)
		return e;
	encode(&body, p);
	buf_add(&full, sent_part(span_z(url)));
	buf_add(&path, t.base);
	buf_add(&path, t.path);
	if (get) {
		const char *mark = strchr(url, '?') ? "&" : "?";

		buf_addz(&full, mark);
		buf_add(&full, buf_span(&body));
		buf_addz(&path, mark);
		buf_add(&path, buf_span(&body));
	}
	e = body.err ? body.err : full.err ? full.err : path.err ? path.err : signature_make(signature, token, buf_span(&full), get ? NULL : &form);
	if (e == ERR_OK) {
		struct http_request r = { get ? "GET" : "POST", t.host_header, sign ? signature : NULL, buf_span(&path), get ? SPAN_NONE : buf_span(&body) };

		h = http_start(c->ph->loop, &t.to, t.tls ? c->ph->tls : NULL, t.name, &r, on_answer, c);
		e = h ? ERR_OK : ERR_DOWN;
	}
	if (h) {
		h->purpose = purpose;
		h->next = c->ph->requests;
		c->ph->requests = h;
		c->open_requests++;
	}
	buf_fini(&body);
	buf_fini(&full);
	buf_fini(&path);
	return e;
}

static enum err hand_over(struct call *c, enum post_purpose purpose, const char *url, const struct params *p)
{
	struct buf form = BUF_INIT;
	enum err e;

	encode(&form, p);
	e = form.err;
	if (!e) {
		c->open_requests++;
		c->ph->way->post(c, purpose, url, buf_span(&form));
	}
	buf_fini(&form);
	return e;
}

void phone_call_post(struct call *c, enum post_purpose purpose, const char *method, const char *url, struct params *p)
{
	struct buf why = BUF_INIT;
	enum err e = c->ph->way ? hand_over(c, purpose, url, p) : request_send(c, purpose, strcmp(method, "GET") == 0, url, p, &why);

	c->posted += purpose == POST_CONTROL;
	if (e) {
		struct http_answer none = { .err = e, .why = why.n ? buf_z(&why) : err_text(e) };

		phone_call_answered(c, purpose, &none);
	}
	buf_fini(&why);
}

void phone_requests_tick(struct phone *ph, int64_t now_ms)
{
	struct http **at = &ph->requests;

	while (*at) {
		struct http *h = *at;

		http_tick(h, now_ms);
		if (h->over) {
			*at = h->next;
			http_free(h);
		} else {
			at = &h->next;
		}
	}
}
