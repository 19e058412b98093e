/* signed - whose token a request must be signed with, and over which URL. */
#include "base/log.h"
#include "hook.h"
#include "store/account.h"
#include "twilio/signature.h"

static bool plain_host(struct span s)
{
	static const char taken[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";

	for (size_t i = 0; i < s.n; i++)
		if (!memchr(taken, s.p[i], sizeof taken - 1))
			return false;
	return s.n > 0;
}

/* Without PUBLIC_URL signatures are off: the request may tell how we are called. */
void signed_public_url(const struct hook *h, const struct request *r, struct buf *out)
{
	struct span proto = r->forwarded_proto.n ? r->forwarded_proto : r->scheme;

	if (h->cf.public_url) {
		buf_addz(out, h->cf.public_url);
		return;
	}
	buf_addz(out, span_is(proto, "https") ? "https://" : "http://");
	buf_add(out, plain_host(r->host) ? r->host : SPAN("localhost"));
}

void signed_stream_url(const struct hook *h, const struct request *r, struct buf *out)
{
	struct buf base = BUF_INIT;

	if (h->cf.stream_url) {
		buf_addz(out, h->cf.stream_url);
		return;
	}
	signed_public_url(h, r, &base);
	settings_ws_url(out, buf_span(&base));
	buf_fini(&base);
}

struct lookup {
	struct span sid;
	struct buf token;
	bool ours;                       /* the token belongs to the default account */
};

static enum err token_of(struct txn *t, const struct account *a, struct buf *out)
{
	enum err e = record_secret_get(txn_store(t), &account_type, "twilio_auth_token", a, out);

	if (e == ERR_CRYPTO)
		log_error("account.token", "account=%s error=%s", log_q(span_z(a->name)), err_name(e));
	return e == ERR_NOTFOUND || e == ERR_CRYPTO ? ERR_NOTFOUND : e;
}

static enum err lookup_body(struct txn *t, void *arg)
{
	struct lookup *l = arg;
	struct account a = { 0 };
	enum err e = account_by_sid(t, l->sid, &a);

	buf_reset(&l->token);
	l->ours = false;
	if (!e && !span_is(span_z(a.name), "default"))
		e = token_of(t, &a, &l->token);
	else if (!e)
		e = ERR_NOTFOUND;
	record_fini(&account_type, &a);
	if (e != ERR_NOTFOUND)
		return e;
	l->ours = true;
	e = account_default(t, &a);
	if (!e) {
		e = token_of(t, &a, &l->token);
		record_fini(&account_type, &a);
	}
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static struct span default_token(const struct hook *h, const struct lookup *l)
{
	struct span real = settings_env("TWILIO_AUTH_TOKEN");

	return real.n ? real : l->token.n ? buf_span(&l->token) : span_z(h->cf.twilio_auth_token);
}

static const char *verify(const struct hook *h, const struct request *r, const struct lookup *l)
{
	struct span tokens[2] = { l->ours ? default_token(h, l) : buf_span(&l->token),
				  l->ours ? span_z(h->cf.twilio_auth_token_secondary) : SPAN_NONE };
	struct buf url = BUF_INIT;
	bool ok;

	if (!r->signature.n)
		return "no_signature";
	if (!tokens[0].n && !tokens[1].n)
		return "no_token_here";
	signed_public_url(h, r, &url);
	buf_add(&url, r->uri);
	ok = !url.err && signature_ok(r->signature, tokens, 2, buf_span(&url), span_is(r->method, "POST") ? &r->form : NULL);
	buf_fini(&url);
	return ok ? NULL : "signature_does_not_fit";
}

const char *signed_refusal(struct hook *h, const struct request *r)
{
	struct lookup l = { .sid = form_get(&r->form, "AccountSid") };
	const char *why;
	enum err e;

	if (!settings_validates(&h->cf))
		return NULL;
	e = db_read(h, lookup_body, &l);
	if (e)
		l.ours = true;           /* the accounts cannot be read: the configured token may still fit */
	if (e)
		buf_reset(&l.token);
	why = verify(h, r, &l);
	buf_fini(&l.token);
	return why && e ? "database" : why;
}
