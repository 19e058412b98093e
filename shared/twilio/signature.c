/* signature - X-Twilio-Signature, made and checked. The candidates of one URL are all computed, so time tells nothing about which of them fits. */
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "base/b64.h"
#include "signature.h"

#define MESSAGE_MAX ((size_t)256 << 10)

/* A URL taken apart as the signer does it: userinfo and fragment are not part of what is signed. */
struct parts {
	struct span scheme;      /* with "://" */
	struct span host;
	struct span port;        /* with ":", or empty */
	struct span rest;        /* path and query, still encoded */
};

static size_t find_any(struct span s, const char *set)
{
	size_t i = 0;

	while (i < s.n && !strchr(set, s.p[i] ? s.p[i] : '\x01'))
		i++;
	return i;
}

static size_t after_userinfo(struct span authority)
{
	for (size_t i = authority.n; i > 0; i--)
		if (authority.p[i - 1] == '@')
			return i;
	return 0;
}

static size_t port_at(struct span authority)         /* [::1]:8443 has its port after the bracket */
{
	for (size_t i = authority.n; i > 0 && authority.p[i - 1] != ']'; i--)
		if (authority.p[i - 1] == ':')
			return i - 1;
	return authority.n;
}

static void parts_of(struct parts *out, struct span url)
{
	const char *sep = url.n ? memmem(url.p, url.n, "://", 3) : NULL;
	size_t scheme = sep ? (size_t)(sep - url.p) + 3 : 0;
	struct span after = span_skip(url, scheme), authority = span_head(after, find_any(after, "/?#"));

	out->scheme = span_head(url, scheme);
	out->rest = span_skip(after, authority.n);
	out->rest = span_head(out->rest, find_any(out->rest, "#"));
	authority = span_skip(authority, after_userinfo(authority));
	out->host = span_head(authority, port_at(authority));
	out->port = span_skip(authority, out->host.n);
}

static void add_parts(struct buf *b, const struct parts *p)
{
	buf_add(b, p->scheme);
	buf_add(b, p->host);
	buf_add(b, p->port);
	buf_add(b, p->rest);
}

static int span_order(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int d = n ? memcmp(a.p, b.p, n) : 0;

	return d ? d : (a.n > b.n) - (a.n < b.n);
}

static int pair_order(const void *x, const void *y)
{
	const struct pair *a = x, *b = y;
	int d = span_order(a->name, b->name);

	return d ? d : span_order(a->value, b->value);
}

/* Names in byte order; of a repeated name each distinct value once. */
static void add_form(struct buf *b, const struct form *form)
{
	struct pair sorted[FORM_PAIRS_MAX];
	size_t n = form ? form->n : 0;

	if (n > FORM_PAIRS_MAX) {
		b->err = b->err ? b->err : ERR_LIMIT;
		return;
	}
	for (size_t i = 0; i < n; i++)
		sorted[i] = form->pairs[i];
	qsort(sorted, n, sizeof *sorted, pair_order);
	for (size_t i = 0; i < n; i++) {
		if (i && pair_order(&sorted[i - 1], &sorted[i]) == 0)
			continue;
		buf_add(b, sorted[i].name);
		buf_add(b, sorted[i].value);
	}
}

static enum err sign(char out[SIGNATURE_TEXT], struct span token, const struct buf *message)
{
	uint8_t mac[SHA_DIGEST_LENGTH];
	unsigned n = sizeof mac;

	if (message->err)
		return message->err;
	if (!token.n || token.n > INT32_MAX)
		return ERR_VALUE;
	if (!HMAC(EVP_sha1(), token.p, (int)token.n, (const uint8_t *)message->p, message->n, mac, &n))
		return ERR_CRYPTO;
	b64_encode(out, mac, sizeof mac);
	out[SIGNATURE_TEXT - 1] = '\0';
	return ERR_OK;
}

static enum err make(char out[SIGNATURE_TEXT], struct span token, const struct parts *p, const struct form *form)
{
	struct buf b = BUF_BOUND(MESSAGE_MAX);
	enum err e;

	add_parts(&b, p);
	add_form(&b, form);
	e = sign(out, token, &b);
	buf_fini(&b);
	return e;
}

enum err signature_make(char out[SIGNATURE_TEXT], struct span token, struct span url, const struct form *form)
{
	struct parts p;

	parts_of(&p, url);
	return make(out, token, &p, form);
}

static bool fits(struct span header, const struct span *tokens, size_t n, const struct parts *p, const struct form *form)
{
	char text[SIGNATURE_TEXT];
	bool ok = false;

	for (size_t i = 0; i < n; i++)
		if (tokens[i].n && make(text, tokens[i], p, form) == ERR_OK)
			ok |= span_eq_const(header, span_z(text));
	return ok;
}

bool signature_ok(struct span header, const struct span *tokens, size_t n, struct span url, const struct form *form)
{
	struct parts as_is, bare, full;
	bool ok;

	header = span_trim(header);
	parts_of(&as_is, url);
	bare = full = as_is;
	bare.port = SPAN("");
	if (!as_is.port.n)                           /* the official libraries add 80 to anything that is not https, wss too */
		full.port = span_is(as_is.scheme, "https://") ? SPAN(":443") : SPAN(":80");
	ok = fits(header, tokens, n, &as_is, form);
	ok |= fits(header, tokens, n, &bare, form);
	ok |= fits(header, tokens, n, &full, form);
	return ok;
}

bool signature_body_ok(struct span url, struct span body)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	char hex[2 * SHA256_DIGEST_LENGTH];
	struct parts p;
	struct span query, pair;

	parts_of(&p, url);
	query = span_skip(p.rest, find_any(p.rest, "?") + 1);
	while (span_cut(&query, '&', &pair)) {
		if (!span_starts(pair, SPAN("bodySHA256=")))
			continue;
		SHA256((const uint8_t *)(body.n ? body.p : ""), body.n, digest);
		hex_encode(hex, digest, sizeof digest);
		return span_eq_const(span_of(hex, sizeof hex), span_skip(pair, strlen("bodySHA256=")));
	}
	return false;
}

/*
 * What Twilio signs on the media upgrade is not documented to the last byte: the scheme as written in the TwiML or as https, the default port
 * or none, the path with or without its last slash. None of them can be forged without the token.
 */
static const struct {
	const char *name;
	bool https, port, slash;
} stream_forms[] = {
	{ "wss",          false, false, false }, { "wss slash",        false, false, true },
	{ "wss port",     false, true,  false }, { "wss port slash",   false, true,  true },
	{ "https",        true,  false, false }, { "https slash",      true,  false, true },
	{ "https port",   true,  true,  false }, { "https port slash", true,  true,  true },
};

static struct span as_http(struct span scheme)
{
	return span_is(scheme, "wss://") ? SPAN("https://") : span_is(scheme, "ws://") ? SPAN("http://") : scheme;
}

static struct span other_port(const struct parts *p)
{
	if (p->port.n)
		return SPAN("");
	return span_is(p->scheme, "wss://") || span_is(p->scheme, "https://") ? SPAN(":443") : SPAN(":80");
}

bool signature_stream_ok(struct span header, const struct span *tokens, size_t n, struct span wss_url, const char **which)
{
	struct buf slashed = BUF_BOUND(MESSAGE_MAX);
	struct parts base;
	struct span rest[2];
	const char *found = NULL;

	header = span_trim(header);
	parts_of(&base, wss_url);
	rest[0] = rest[1] = base.rest;
	if (base.rest.n && base.rest.p[base.rest.n - 1] == '/') {
		rest[1].n--;
	} else {
		buf_add(&slashed, base.rest);
		buf_addc(&slashed, '/');
		rest[1] = buf_span(&slashed);
	}
	for (size_t i = 0; i < sizeof stream_forms / sizeof *stream_forms; i++) {
		struct parts p = base;

		p.scheme = stream_forms[i].https ? as_http(base.scheme) : base.scheme;
		p.port = stream_forms[i].port ? other_port(&base) : base.port;
		p.rest = rest[stream_forms[i].slash];
		if (fits(header, tokens, n, &p, NULL) && !found)
			found = stream_forms[i].name;
	}
	buf_fini(&slashed);
	if (which)
		*which = found;
	return found;
}
