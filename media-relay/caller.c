/*
 * caller - library callbacks of the side that listens: media streams from Twilio, pages for the operator. A socket is nobody's until the door
 * (door.h) has let it in.
 * Source: Twilio Media Streams handshake (headers in lower case, no Origin, no subprotocol); libwebsockets 4.1 callbacks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "media-relay/front.h"
#include "media-relay/worker_io.h"
#include "twilio/signature.h"

#define SIGNATURE_HEADER "x-twilio-signature:"
#define STREAM_PATH      "/ws/realtime/"

/* --- a new connection --- */

void caller_adopt(struct worker *w, int fd)
{
	struct leg *l = w->stopping ? NULL : leg_new(w, LK_CALLER);
	lws_adopt_desc_t info = { .vh = w->server, .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP, .fd = { .sockfd = fd }, .opaque = l };
	struct lws *wsi;

	if (!l) {
		close(fd);
		return;
	}
	l->until_ms = clock_ms() + UPGRADE_MS;
	l->starting = true;
	wsi = lws_adopt_descriptor_vhost_via_info(&info);
	l->starting = false;
	l->wsi = wsi;
	if (!wsi)
		leg_gone(l);
}

/* --- the upgrade --- */

/* Only what we could have given to Twilio is looked at; the query never reaches us. */
static bool path_id(struct lws *wsi, uint8_t id[16])
{
	char uri[128];
	int n = lws_hdr_copy(wsi, uri, sizeof uri, WSI_TOKEN_GET_URI);

	return n > 0 && front_stream_id(span_of(uri, (size_t)n), id);
}

static size_t tokens_of(struct leg *l, const struct settings *cf, struct span out[3])
{
	struct line *line = line_find(l->w, l->id);
	const char *own = line ? line->auth_token : NULL;
	const char *const from[3] = { own, cf->twilio_auth_token, cf->twilio_auth_token_secondary };
	size_t n = 0;

	for (size_t i = 0; i < 3; i++)
		if (from[i])
			out[n++] = span_z(from[i]);
	return n;
}

/* The URL that our TwiML gave: configured, else made of the Host header, as the webhook makes its own. */
static void stream_url(struct lws *wsi, const struct settings *cf, const uint8_t id[16], struct buf *out)
{
	char host[256] = "", text[UUID_TEXT];

	uuid_text(text, id);
	lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST);
	if (cf->stream_url)
		buf_addz(out, cf->stream_url);
	else
		buf_printf(out, "wss://%s", host);
	buf_printf(out, STREAM_PATH "%s/", text);
}

static bool signature_fits(struct leg *l, struct lws *wsi, const struct settings *cf)
{
	char header[128];
	int n = lws_hdr_custom_copy(wsi, header, sizeof header, SIGNATURE_HEADER, sizeof SIGNATURE_HEADER - 1);
	const char *which = "none";
	struct span tokens[3];
	size_t tokens_n = tokens_of(l, cf, tokens);
	struct buf url = BUF_INIT;
	bool ok;

	stream_url(wsi, cf, l->id, &url);
	ok = n > 0 && tokens_n && signature_stream_ok(span_of(header, (size_t)n), tokens, tokens_n, buf_span(&url), &which);
	buf_fini(&url);
	if (ok)
		log_debug("stream.signature", "fits=%s", which);
	return ok;
}

static bool signature_pass(struct leg *l, struct lws *wsi)
{
	const struct settings *cf = pool_settings(l->w->pool);
	bool require = strcmp(cf->twilio_validate_stream, "require") == 0;
	struct names n;

	if (strcmp(cf->twilio_validate_stream, "off") == 0 || signature_fits(l, wsi, cf))
		return true;
	leg_names(l, &n);
	log_write(require ? LOG_WARN : LOG_INFO, "stream.signature", "result=bad mode=%s", cf->twilio_validate_stream);
	names_leave(&n);
	return !require;
}

static int refuse(struct leg *l, struct lws *wsi, unsigned status)
{
	metrics_count(l->w->metrics, M_STREAMS_REFUSED, 1);
	lws_return_http_status(wsi, status, NULL);
	return 1;
}

static int on_upgrade(struct leg *l, struct lws *wsi)
{
	struct worker *w = l->w;

	if (!path_id(wsi, l->id) || worker_of(l->id, w->pool->workers_n) != w->index)
		return refuse(l, wsi, 404);
	if (!signature_pass(l, wsi))
		return refuse(l, wsi, 403);
	if (w->draining && !line_find(w, l->id))      /* `continue` sends it to the successor */
		return refuse(l, wsi, 503);
	return 0;
}

/* --- the door --- */

static int on_established(struct leg *l, struct lws *wsi)
{
	l->wsi = wsi;
	if (!leg_block(l))
		return -1;
	l->state = LS_DOOR;
	l->alive_ms = clock_ms();
	door_init(&l->door, l->alive_ms);
	return 0;
}

static void door_close(struct leg *l, const char *why)
{
	struct names n;

	metrics_count(l->w->metrics, M_STREAMS_REFUSED, 1);
	leg_names(l, &n);
	log_warn("stream.refused", "reason=%s", why);
	names_leave(&n);
	leg_close(l, 1008, SPAN("not admitted"));
}

static void door_take(struct leg *l, struct span msg)
{
	switch (door_message(&l->door, msg)) {
	case DOOR_CHECK:
		l->state = LS_CHECK;
		leg_pause(l, true);
		store_admit(l->w->pool->store, l->id, l->tag, span_z(l->door.token), span_z(l->door.call_sid), span_z(l->door.stream_sid),
			    worker_store_answer, l->w);
		break;
	case DOOR_OUT:
		door_close(l, "bad_start");
		break;
	case DOOR_WAIT:
	case DOOR_IN:
		break;
	}
}

/* An older stream of the call, though it may still look alive, is cut off; the call is not told of its end. */
static void replace(struct line *line)
{
	struct leg *old = line->leg[LEG_CALLER];

	if (!old)
		return;
	old->line = NULL;
	line->leg[LEG_CALLER] = NULL;
	leg_close(old, 1000, SPAN("continued on another stream"));
}

static struct line *line_for(struct leg *l)
{
	struct line *line = line_find(l->w, l->id);

	if (line || l->w->draining)
		return line;
	pool_enter(l->w->pool, true);            /* its webhook was answered by a relay before this one: it has been promised a place */
	if (line_new(&line, l->w, l->id, true) == ERR_OK)
		return line;
	pool_leave(l->w->pool);
	return NULL;
}

static void let_in(struct leg *l)
{
	struct line *line = line_for(l);

	if (!line) {
		leg_close(l, 1001, SPAN("try again"));
		return;
	}
	replace(line);
	l->state = LS_OPEN;
	l->line = line;
	line->leg[LEG_CALLER] = l;
	if (!*line->call_sid)
		span_copy(line->call_sid, sizeof line->call_sid, span_z(l->door.call_sid));
	leg_pause(l, false);
	line_event(line, EV_CALLER_START, span_z(l->door.stream_sid));
}

static void admit_failed(struct leg *l, enum err e)
{
	struct names n;

	leg_names(l, &n);
	log_error("stream.admit", "error=%s", err_name(e));
	names_leave(&n);
	leg_close(l, 1011, SPAN("try again"));
}

void caller_admitted(struct leg *l, const struct store_answer *a)
{
	enum door_verdict v;

	if (l->state != LS_CHECK || l->closing || l->kill)
		return;
	v = door_answer(&l->door, a->err == ERR_OK);
	l->state = LS_DOOR;
	if (v == DOOR_IN)
		let_in(l);
	else if (a->err == ERR_DENIED || a->err == ERR_NOTFOUND)
		door_close(l, "token");
	else
		admit_failed(l, a->err);
}

static void on_message(struct leg *l, struct span msg)
{
	if (l->line)
		line_event(l->line, EV_CALLER_MESSAGE, msg);
	else if (l->state == LS_DOOR)
		door_take(l, msg);
}

void caller_leg_tick(struct leg *l, int64_t now_ms)
{
	switch (l->state) {
	case LS_NEW:
	case LS_HTTP:
		if (now_ms >= l->until_ms)
			leg_kill(l);
		break;
	case LS_DOOR:
		if (door_tick(&l->door, now_ms) == DOOR_OUT)
			door_close(l, "no_start");
		break;
	case LS_CHECK:                           /* the store answers, or its own limits do */
	default:
		break;
	}
}

/* --- pages --- */

static int page_begin(struct leg *l, struct lws *wsi, unsigned status, const char *type)
{
	unsigned char head[LWS_PRE + 512], *start = head + LWS_PRE, *p = start, *end = head + sizeof head;

	if (lws_add_http_common_headers(wsi, status, type, l->page.n - LWS_PRE, &p, end) ||
	    lws_add_http_header_by_token(wsi, WSI_TOKEN_CONNECTION, (const unsigned char *)"close", 5, &p, end) ||
	    lws_finalize_write_http_header(wsi, start, &p, end))
		return -1;
	l->state = LS_HTTP;
	lws_callback_on_writable(wsi);
	return 0;
}

/* One answer a connection: the next request might be another worker's. */
static int page_write(struct leg *l, struct lws *wsi)
{
	if (l->page.n > LWS_PRE)
		lws_write(wsi, (unsigned char *)l->page.p + LWS_PRE, l->page.n - LWS_PRE, LWS_WRITE_HTTP_FINAL);
	return -1;
}

static int on_page(struct leg *l, struct lws *wsi, const char *path)
{
	struct span s = span_z(path);

	while (s.n > 1 && s.p[s.n - 1] == '/')
		s.n--;
	buf_room(&l->page, LWS_PRE);
	buf_wrote(&l->page, LWS_PRE);
	if (span_is(s, "/healthz")) {
		pool_health(l->w->pool, &l->page);
		buf_addc(&l->page, '\n');
		return l->page.err ? -1 : page_begin(l, wsi, pool_healthy(l->w->pool) ? 200 : 503, "application/json");
	}
	if (span_is(s, "/metrics")) {
		pool_metrics(l->w->pool, &l->page);
		return l->page.err ? -1 : page_begin(l, wsi, 200, "text/plain; version=0.0.4");
	}
	buf_addz(&l->page, "not found\n");
	return l->page.err ? -1 : page_begin(l, wsi, 404, "text/plain");
}

/* --- callbacks --- */

static int closed(struct leg *l, struct lws *wsi)
{
	lws_set_opaque_user_data(wsi, NULL);
	if (!l->starting)
		leg_gone(l);
	return 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
	struct leg *l = wsi ? lws_get_opaque_user_data(wsi) : NULL;

	(void)user;
	if (!l)
		return 0;
	switch ((int)reason) {
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		return on_upgrade(l, wsi);
	case LWS_CALLBACK_ESTABLISHED:
		return on_established(l, wsi);
	case LWS_CALLBACK_RECEIVE:
		return leg_receive(l, in, n, on_message);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return leg_writeable(l);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		leg_peer_closed(l, in, n);
		return 0;
	case LWS_CALLBACK_HTTP:
		return on_page(l, wsi, in);
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return page_write(l, wsi);
	case LWS_CALLBACK_CLOSED:
	case LWS_CALLBACK_CLOSED_HTTP:
	case LWS_CALLBACK_WSI_DESTROY:
		return closed(l, wsi);
	default:
		return 0;
	}
}

const struct lws_protocols caller_protocols[] = {
	{ .name = "offhook-media", .callback = callback, .rx_buffer_size = 4096 },
	{ 0 }
};
