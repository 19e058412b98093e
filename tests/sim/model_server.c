#include <arpa/inet.h>
#include <errno.h>
#include <libwebsockets.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/proc.h"
#include "model_cert.h"
#include "model_dialect.h"
#include "model_server.h"

#define TICK_S      0.010
#define MESSAGE_MAX ((size_t)16 << 20)
#define FOR_GOOD    INT64_MAX

/* A message that waits: this, LWS_PRE bytes for the library, the text. */
struct record {
	uint32_t n;
	bool binary;
};

struct conn {
	struct conn *prev, *next;
	struct lws *wsi;
	struct model_server *sv;
	struct model_sess *sess;            /* NULL: refused */
	char model[80];
	const char *refused, *text;         /* code and message of the refusal */
	unsigned refused_code;
	struct buf in, out;
	size_t sent;                        /* bytes of `out` that are done */
	size_t piece, piece_at;             /* size of fragments, 0 = whole; where in the message at the head */
	bool closing, dropped, reading, binary, ping;
	unsigned close_code;
	char reason[124];
	int64_t read_at, write_at, ping_at; /* reading and writing rest until then */
};

struct model_server {
	struct model *m;
	const struct model_options *o;
	struct ev_loop *loop;
	struct lws_context *lws;
	struct lws_vhost *vhost;
	struct model_cert cert;
	int fd, port;
	ev_io accept;
	ev_timer tick;
	struct conn *conns;
	int64_t silent;                     /* connections still to be left without an answer */
	int *silent_fds;
	size_t n_silent;
};

/* --- what a session asks for --- */

static void conn_send(void *arg, struct span bytes, bool binary)
{
	struct conn *c = arg;
	struct record r = { (uint32_t)bytes.n, binary };

	if (c->closing)
		return;
	if (c->sent == c->out.n) {
		buf_reset(&c->out);
		c->sent = 0;
	} else if (c->sent > c->out.n / 2 && c->sent > 65536) {
		buf_drop(&c->out, c->sent);
		c->sent = 0;
	}
	buf_add(&c->out, span_of(&r, sizeof r));
	if (buf_room(&c->out, LWS_PRE + bytes.n)) {
		memcpy(c->out.p + c->out.n + LWS_PRE, bytes.p, bytes.n);
		buf_wrote(&c->out, LWS_PRE + bytes.n);
	}
	lws_callback_on_writable(c->wsi);
}

static void conn_close(void *arg, unsigned code, struct span reason)
{
	struct conn *c = arg;

	if (c->closing)
		return;
	c->closing = true;
	c->close_code = code;
	span_copy(c->reason, sizeof c->reason, span_head(reason, sizeof c->reason - 1));
	lws_callback_on_writable(c->wsi);
}

static void conn_drop(void *arg)
{
	struct conn *c = arg;
	struct linger hard = { 1, 0 };
	int fd = lws_get_socket_fd(c->wsi);

	c->closing = c->dropped = true;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	shutdown(fd, SHUT_RDWR);        /* the library notices by itself; its own way to kill waits for its next timer */
}

static void conn_hold(void *arg, bool reading, bool writing, int64_t ms)
{
	struct conn *c = arg;
	int64_t until = ms ? clock_ms() + ms : FOR_GOOD;

	if (writing)
		c->write_at = until;
	if (!reading)
		return;
	c->read_at = until;
	lws_rx_flow_control(c->wsi, 0);
}

static void conn_fragment(void *arg, size_t bytes)
{
	struct conn *c = arg;

	c->piece = bytes;
}

static size_t conn_backlog(void *arg)
{
	const struct conn *c = arg;

	return c->out.n - c->sent;
}

static const struct model_ops conn_ops = { conn_send, conn_close, conn_drop, conn_hold, conn_fragment, conn_backlog };

/* --- the upgrade --- */

static void refuse(struct conn *c, const char *code, const char *text, unsigned close_code)
{
	if (c->refused)
		return;
	c->refused = code;
	c->text = text;
	c->refused_code = close_code;
}

/* The library knows some headers by number and the others by name. */
static struct span header_of(struct lws *wsi, const char *name, char *room, int cap)
{
	int n = strcmp(name, "authorization:") == 0 ? lws_hdr_copy(wsi, room, cap, WSI_TOKEN_HTTP_AUTHORIZATION)
						    : lws_hdr_custom_copy(wsi, room, cap, name, (int)strlen(name));

	return span_of(room, n > 0 ? (size_t)n : 0);
}

static void check_key(struct conn *c, struct lws *wsi)
{
	const char *prefix, *header = dialect_key_header(c->sv->m->dialect, &prefix);
	char value[600] = "";
	struct span key = header_of(wsi, header, value, sizeof value);
	size_t skip = strlen(prefix);

	if (!span_starts(key, span_z(prefix)) || key.n == skip || (c->sv->o->key && !span_is(span_skip(key, skip), c->sv->o->key)))
		refuse(c, "invalid_api_key", "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.", 3000);
}

static void check_model(struct conn *c, struct lws *wsi)
{
	char arg[100];
	const char *name = lws_get_urlarg_by_name(wsi, "model=", arg, sizeof arg);

	if (!name || !*name) {
		refuse(c, "missing_model", "You must provide a model parameter.", 4000);
		return;
	}
	span_copy(c->model, sizeof c->model, span_z(name));
	if (c->sv->m->dialect == MODEL_AZURE || c->sv->m->dialect == MODEL_XAI || scenario_accepts(c->sv->m->scenario, span_z(c->model)))
		return;
	if (strncmp(c->model, "gpt-", 4) == 0)
		refuse(c, "invalid_model", "Model is not supported in realtime mode.", 4000);
	else
		refuse(c, "model_not_found", "The requested model does not exist or you do not have access to it.", 4004);
}

static int not_found(struct lws *wsi)
{
	lws_return_http_status(wsi, HTTP_STATUS_NOT_FOUND, NULL);
	return 1;
}

/* 101 is given to everybody who asks at the right path; what is wrong is told after it, as the real server does. */
static int on_filter(struct conn *c, struct lws *wsi)
{
	const struct script *script;
	char path[200];

	c->sv = lws_context_user(lws_get_context(wsi));
	if (lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI) <= 0 || strcmp(path, dialect_path(c->sv->m->dialect)) != 0)
		return not_found(wsi);
	if (lws_hdr_custom_length(wsi, "openai-beta:", 12) > 0)
		refuse(c, "beta_api_shape_disabled", "The beta Realtime API is no longer supported. Remove the OpenAI-Beta header.", 4000);
	check_key(c, wsi);
	check_model(c, wsi);
	script = scenario_script(c->sv->m->scenario, c->sv->m->sessions + 1, span_z(c->model));
	if (c->refused || !script->upgrade_status)
		return 0;
	c->sv->m->sessions++;
	lws_return_http_status(wsi, (unsigned)script->upgrade_status, NULL);
	return 1;
}

static int on_open(struct conn *c, struct lws *wsi)
{
	struct model_server *sv = c->sv;

	c->wsi = wsi;
	c->reading = true;
	c->in = BUF_BOUND(MESSAGE_MAX);
	c->out = BUF_BOUND((size_t)320 << 20);
	c->next = sv->conns;
	if (c->next)
		c->next->prev = c;
	sv->conns = c;
	sv->m->stats.connections++;
	if (c->refused) {
		model_refuse(sv->m, &conn_ops, c, c->refused, c->text, c->refused_code);
		return 0;
	}
	c->sess = model_sess_new(sv->m, &conn_ops, c, span_z(c->model));
	if (!c->sess)
		return -1;
	c->ping_at = clock_ms() + c->sess->script->ping_ms;
	model_sess_open(c->sess);
	return 0;
}

static void on_closed(struct conn *c)
{
	if (!c->wsi)
		return;
	if (c->prev)
		c->prev->next = c->next;
	else
		c->sv->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	model_sess_free(c->sess);
	buf_fini(&c->in);
	buf_fini(&c->out);
	c->sess = NULL;
	c->wsi = NULL;
}

/* --- in and out --- */

static int on_message(struct conn *c, struct span text)
{
	c->sv->m->stats.bytes_in += text.n;
	if (c->sess && c->binary)
		model_sess_binary(c->sess);
	else if (c->sess)
		model_sess_message(c->sess, text);
	return 0;
}

static int on_receive(struct conn *c, struct lws *wsi, const void *p, size_t n)
{
	bool last = lws_is_final_fragment(wsi) && !lws_remaining_packet_payload(wsi);

	if (lws_is_first_fragment(wsi)) {
		buf_reset(&c->in);
		c->binary = lws_frame_is_binary(wsi);
		if (last)
			return on_message(c, span_of(p, n));
	}
	buf_add(&c->in, span_of(p, n));
	if (c->in.err) {
		lws_close_reason(wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
		return -1;
	}
	return last ? on_message(c, buf_span(&c->in)) : 0;
}

static int write_ping(struct conn *c)
{
	unsigned char bytes[LWS_PRE + 4];

	c->ping = false;
	memcpy(bytes + LWS_PRE, "ping", 4);
	return lws_write(c->wsi, bytes + LWS_PRE, 4, LWS_WRITE_PING) < 0 ? -1 : 0;
}

/* One frame of the message at the head: all of it, or a piece. */
static int write_frame(struct conn *c)
{
	struct record r;
	unsigned char *text;
	size_t n;
	int flags;

	memcpy(&r, c->out.p + c->sent, sizeof r);
	text = (unsigned char *)c->out.p + c->sent + sizeof r + LWS_PRE;
	n = r.n - c->piece_at;
	flags = c->piece_at ? LWS_WRITE_CONTINUATION : r.binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;
	if (c->piece && n > c->piece) {
		n = c->piece;
		flags |= LWS_WRITE_NO_FIN;
	}
	if (lws_write(c->wsi, text + c->piece_at, n, (enum lws_write_protocol)flags) < 0)
		return -1;
	c->piece_at += n;
	if (c->piece_at < r.n)
		return 0;
	c->piece_at = 0;
	c->sent += sizeof r + LWS_PRE + r.n;
	return 0;
}

static int on_writable(struct conn *c)
{
	int rc = 0;

	if (c->write_at > clock_ms())
		return 0;
	if (c->dropped)
		return -1;
	if (c->ping)
		rc = write_ping(c);
	else if (c->out.err)
		return -1;
	else if (c->sent < c->out.n)
		rc = write_frame(c);
	if (rc)
		return rc;
	if (c->ping || c->sent < c->out.n) {
		lws_callback_on_writable(c->wsi);
		return 0;
	}
	if (!c->closing)
		return 0;
	lws_close_reason(c->wsi, (enum lws_close_status)c->close_code, (unsigned char *)c->reason, strlen(c->reason));
	return -1;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct conn *c = user;

	switch (reason) {
	case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS: {
		struct model_server *sv = lws_context_user(lws_get_context(wsi));

		return user && model_cert_use(&sv->cert, user) != ERR_OK;
	}
	case LWS_CALLBACK_HTTP:
		return not_found(wsi);
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		return on_filter(c, wsi);
	case LWS_CALLBACK_ESTABLISHED:
		return on_open(c, wsi);
	case LWS_CALLBACK_RECEIVE:
		return on_receive(c, wsi, in, len);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return on_writable(c);
	case LWS_CALLBACK_CLOSED:
		on_closed(c);
		return 0;
	default:
		return 0;
	}
}

/* --- time --- */

/* A connection that is not read does not tell that its peer has gone. */
static bool peer_gone(const struct conn *c)
{
	struct tcp_info info;
	socklen_t n = sizeof info;

	return getsockopt(lws_get_socket_fd(c->wsi), IPPROTO_TCP, TCP_INFO, &info, &n) == 0 &&
	       (info.tcpi_state == TCP_CLOSE_WAIT || info.tcpi_state == TCP_CLOSE || info.tcpi_state == TCP_LAST_ACK);
}

static void conn_tick(struct conn *c, int64_t now)
{
	if (c->read_at && peer_gone(c))
		c->read_at = c->write_at = now;
	if (c->read_at && now >= c->read_at) {
		c->read_at = 0;
		lws_rx_flow_control(c->wsi, 1);
	}
	if (c->write_at && now >= c->write_at) {
		c->write_at = 0;
		lws_callback_on_writable(c->wsi);
	}
	if (c->sess && c->sess->script->ping_ms && now >= c->ping_at) {
		c->ping_at = now + c->sess->script->ping_ms;
		c->ping = true;
		lws_callback_on_writable(c->wsi);
	}
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
	struct model_server *sv = w->data;
	int64_t now = clock_ms();

	(void)loop;
	(void)events;
	for (struct conn *c = sv->conns, *next; c; c = next) {
		next = c->next;
		conn_tick(c, now);
		if (c->sess && !c->sess->dead)
			model_sess_tick(c->sess, now);
	}
}

/* --- the listener --- */

static void keep_silent(struct model_server *sv, int fd)
{
	int *fds = realloc(sv->silent_fds, (sv->n_silent + 1) * sizeof *fds);

	sv->silent--;
	if (!fds) {
		close(fd);
		return;
	}
	fds[sv->n_silent++] = fd;
	sv->silent_fds = fds;
}

static void on_accept(struct ev_loop *loop, ev_io *w, int events)
{
	struct model_server *sv = w->data;
	int fd, on = 1;

	(void)loop;
	(void)events;
	while ((fd = accept4(sv->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		if (sv->silent > 0)
			keep_silent(sv, fd);
		else
			lws_adopt_socket_vhost(sv->vhost, fd);      /* closes what it refuses */
	}
}

static enum err port_of(int fd, int *port)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} sa = { 0 };
	socklen_t n = sizeof sa;

	if (getsockname(fd, &sa.any, &n) < 0)
		return err_errno(errno);
	*port = ntohs(sa.any.sa_family == AF_INET6 ? sa.v6.sin6_port : sa.v4.sin_port);
	return ERR_OK;
}

static void on_lws_log(int level, const char *line)
{
	(void)level;
	fprintf(stderr, "offhook-sim: model: lws: %s", line);
}

static enum err lws_start(struct model_server *sv)
{
	static const struct lws_protocols protocols[] = { { "realtime", callback, sizeof(struct conn), 0, 0, NULL, 0 }, { NULL, NULL, 0, 0, 0, NULL, 0 } };
	static const lws_retry_bo_t no_pings = { .secs_since_valid_ping = 65000, .secs_since_valid_hangup = 65500 };
	void *loops[] = { sv->loop };
	struct lws_context_creation_info info = { 0 };

	lws_set_log_level(getenv("OFFHOOK_SIM_LWS") ? LLL_ERR | LLL_WARN : LLL_ERR, on_lws_log);
	info.options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	info.foreign_loops = loops;
	info.user = sv;
	info.pt_serv_buf_size = 16384;
	info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	info.protocols = protocols;
	info.retry_and_idle_policy = &no_pings;
	info.alpn = "http/1.1";
	info.gid = (gid_t)-1;
	info.uid = (uid_t)-1;
	if (!sv->o->plain)
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
	sv->lws = lws_create_context(&info);
	if (!sv->lws)
		return ERR_NOMEM;
	sv->vhost = lws_create_vhost(sv->lws, &info);
	return sv->vhost ? ERR_OK : ERR_CRYPTO;
}

static enum err tls_start(struct model_server *sv, struct buf *why)
{
	const struct scenario *sc = sv->m->scenario;
	enum err e = sv->o->plain ? ERR_OK : model_cert_make(&sv->cert, sc->cert_names, sc->cert_days);

	if (e) {
		buf_addz(why, "certificate: cannot be made");
		return e;
	}
	if (!sv->o->plain && sv->o->ca_out)
		e = model_cert_save_ca(&sv->cert, sv->o->ca_out);
	if (e)
		buf_printf(why, "%s: %s", sv->o->ca_out, err_text(e));
	return e;
}

static enum err listen_start(struct model_server *sv, struct buf *why)
{
	enum err e = tcp_listen(&sv->fd, span_z(sv->o->listen), 1024);

	if (!e)
		e = fd_nonblock(sv->fd, true);
	if (!e)
		e = port_of(sv->fd, &sv->port);
	if (e)
		buf_printf(why, "%s: %s", sv->o->listen, err_text(e));
	return e;
}

enum err model_server_start(struct model_server **out, struct model *m, const struct model_options *o, struct ev_loop *loop, struct buf *why)
{
	struct model_server *sv = calloc(1, sizeof *sv);
	enum err e;

	if (!sv)
		return ERR_NOMEM;
	*sv = (struct model_server){ .m = m, .o = o, .loop = loop, .fd = -1, .silent = m->scenario->silent };
	e = tls_start(sv, why);
	if (!e) {
		e = lws_start(sv);
		if (e)
			buf_printf(why, "libwebsockets: %s", err_text(e));
	}
	if (!e)
		e = listen_start(sv, why);
	if (e) {
		model_server_stop(sv);
		return e;
	}
	ev_io_init(&sv->accept, on_accept, sv->fd, EV_READ);
	sv->accept.data = sv;
	ev_io_start(loop, &sv->accept);
	ev_timer_init(&sv->tick, on_tick, TICK_S, TICK_S);
	sv->tick.data = sv;
	ev_timer_start(loop, &sv->tick);
	*out = sv;
	return ERR_OK;
}

void model_server_stop(struct model_server *sv)
{
	if (!sv)
		return;
	if (sv->accept.data) {
		ev_io_stop(sv->loop, &sv->accept);
		ev_timer_stop(sv->loop, &sv->tick);
	}
	if (sv->lws)
		lws_context_destroy(sv->lws);
	if (sv->fd >= 0)
		close(sv->fd);
	for (size_t i = 0; i < sv->n_silent; i++)
		close(sv->silent_fds[i]);
	free(sv->silent_fds);
	model_cert_fini(&sv->cert);
	free(sv);
}

int model_server_port(const struct model_server *sv)
{
	return sv->port;
}
