/* play_model - the simulated model without its server: connections that carry messages both ways, in order, each as late as the network is slow. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "model.h"
#include "model_dialect.h"
#include "phone_line.h"
#include "play.h"

#define TICK_MS  10                      /* of model_server */
#define DIAL_MS  5000                    /* the relay's: then a dial has failed */
#define DEAF_MS  30000                   /* the relay's: a peer that answers no ping is gone */
#define FOR_GOOD INT64_MAX

enum parcel { TEXT, BINARY, OPEN, CLOSE };
enum conn_state { DIALLING, TALKING, OVER };

struct play_conn {
	struct play_conn *next;
	struct play *p;
	struct model_sess *sess;         /* NULL: not open yet, refused, or over */
	char model[80];
	enum conn_state state;
	bool mute;                       /* cut by the relay: it hears nothing more of it */
	bool closing;                    /* the model has closed it */
	int64_t from_ms, read_at, write_at, deaf_ms;
	struct phone_line up, down;
};

struct play_model {
	struct model model;
	struct scenario *scenario;
	struct play_conn *conns;
	int64_t silent;
};

static int64_t travel_us(const struct play_conn *c, unsigned times)
{
	return clock_us() + times * c->p->file.model_delay_ms * 1000;
}

static bool held(int64_t at)
{
	return at && at > clock_ms();
}

/* --- what the model's session asks for --- */

static void conn_send(void *conn, struct span bytes, bool binary)
{
	struct play_conn *c = conn;

	if (!c->closing)
		line_put(&c->down, travel_us(c, 1), binary ? BINARY : TEXT, bytes);
}

static void conn_close(void *conn, unsigned code, struct span reason)
{
	struct play_conn *c = conn;
	struct buf why = BUF_INIT;

	if (c->closing)
		return;
	buf_printf(&why, "%u%s" SPAN_FMT, code, reason.n ? " " : "", SPAN_ARG(span_head(reason, 120)));
	line_put(&c->down, travel_us(c, 1), CLOSE, buf_span(&why));
	c->closing = true;
	buf_fini(&why);
}

static void conn_drop(void *conn)
{
	struct play_conn *c = conn;

	if (!c->closing)
		line_put(&c->down, travel_us(c, 1), CLOSE, SPAN("1006"));
	c->closing = true;
}

static void conn_hold(void *conn, bool reading, bool writing, int64_t ms)
{
	struct play_conn *c = conn;
	int64_t until = ms ? clock_ms() + ms : FOR_GOOD;

	if (writing)
		c->write_at = until;
	if (!reading)
		return;
	c->read_at = until;
	c->deaf_ms = clock_ms();
}

static void conn_fragment(void *conn, size_t bytes)
{
	(void)conn;
	(void)bytes;
}

static size_t conn_backlog(void *conn)
{
	const struct play_conn *c = conn;

	return c->down.bytes.n - c->down.head;
}

static const struct model_ops conn_ops = { conn_send, conn_close, conn_drop, conn_hold, conn_fragment, conn_backlog };

/* --- its life --- */

static void over(struct play_conn *c, const char *why)
{
	bool tell = c->state != OVER && !c->mute;

	c->state = OVER;
	model_sess_free(c->sess);
	c->sess = NULL;
	if (tell)
		play_relay_model_closed(c->p, c, why);
}

static void open_it(struct play_conn *c)
{
	struct play_model *m = c->p->model;
	struct span name = span_z(c->model);
	const struct script *script = scenario_script(m->scenario, m->model.sessions + 1, name);
	char why[32];

	if (m->silent > 0) {
		m->silent--;
		return;                          /* the dial runs into its limit */
	}
	m->model.stats.connections++;
	if (script->upgrade_status) {
		m->model.sessions++;
		snprintf(why, sizeof why, "http %d", (int)script->upgrade_status);
		line_put(&c->down, travel_us(c, 1), CLOSE, span_z(why));
		return;
	}
	line_put(&c->down, travel_us(c, 1), OPEN, SPAN(""));
	if (m->model.dialect != MODEL_AZURE && m->model.dialect != MODEL_XAI && !scenario_accepts(m->scenario, name)) {
		model_refuse(&m->model, &conn_ops, c, "model_not_found", "The requested model does not exist or you do not have access to it.", 4004);
		return;
	}
	c->sess = model_sess_new(&m->model, &conn_ops, c, name);
	if (c->sess)
		model_sess_open(c->sess);
}

struct play_conn *play_conn_dial(struct play *p, const char *model)
{
	struct play_conn *c = calloc(1, sizeof *c), **end = &p->model->conns;

	if (!c)
		return NULL;
	c->p = p;
	c->from_ms = clock_ms();
	span_copy(c->model, sizeof c->model, span_head(span_z(model), sizeof c->model - 1));
	while (*end)
		end = &(*end)->next;
	*end = c;
	line_put(&c->up, travel_us(c, 5), OPEN, SPAN(""));      /* TCP, TLS, the upgrade */
	return c;
}

void play_conn_send(struct play_conn *c, struct span text)
{
	if (c->state != OVER)
		line_put(&c->up, travel_us(c, 1), TEXT, text);
}

size_t play_conn_waits(const struct play_conn *c)
{
	return held(c->read_at) ? c->up.bytes.n - c->up.head : 0;
}

void play_conn_close(struct play_conn *c)
{
	if (c->state != OVER)
		line_put(&c->up, travel_us(c, 1), CLOSE, SPAN("1000"));
}

void play_conn_cut(struct play_conn *c)
{
	c->mute = true;
	over(c, "");
}

/* --- time --- */

static void received(struct play_conn *c, unsigned kind, struct span text)
{
	if (kind == OPEN) {
		open_it(c);
	} else if (kind == CLOSE) {
		over(c, "1000");
	} else if (c->sess) {
		c->p->model->model.stats.bytes_in += text.n;
		model_sess_message(c->sess, text);
	}
}

static void sent(struct play_conn *c, unsigned kind, struct span text)
{
	char why[160];

	if (kind == CLOSE) {
		span_copy(why, sizeof why, span_head(text, sizeof why - 1));
		over(c, why);
	} else if (c->mute) {
		return;
	} else if (kind == OPEN) {
		c->state = TALKING;
		play_relay_model_open(c->p, c);
	} else {
		play_relay_model_message(c->p, c, text);
	}
}

static bool pump(struct play_conn *c)
{
	struct buf b = BUF_BOUND((size_t)16 << 20);
	unsigned kind;
	bool any = false;

	while (c->state != OVER && !held(c->read_at) && line_take_copy(&c->up, clock_us(), &kind, &b)) {
		received(c, kind, buf_span(&b));
		any = true;
	}
	while (c->state != OVER && !held(c->write_at) && line_take_copy(&c->down, clock_us(), &kind, &b)) {
		sent(c, kind, buf_span(&b));
		any = true;
	}
	buf_fini(&b);
	return any;
}

bool play_model_pump(struct play *p)
{
	bool any = false;

	for (struct play_conn *c = p->model->conns; c; c = c->next)
		any = (c->state != OVER && pump(c)) || any;
	return any;
}

static void forget_old(struct play_model *m)
{
	for (struct play_conn **at = &m->conns; *at;) {
		struct play_conn *c = *at;

		if (c->state != OVER) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		line_fini(&c->up);
		line_fini(&c->down);
		free(c);
	}
}

void play_model_step(struct play *p)
{
	int64_t now = clock_ms();

	forget_old(p->model);
	if (now % TICK_MS)
		return;
	for (struct play_conn *c = p->model->conns; c; c = c->next) {
		if (c->sess && !c->sess->dead)
			model_sess_tick(c->sess, now);
		if (c->state == DIALLING && now - c->from_ms >= DIAL_MS)
			over(c, "no connection in time");
		else if (held(c->read_at) && now - c->deaf_ms >= DEAF_MS)
			over(c, "1006");
	}
}

enum err play_model_new(struct play *p, struct buf *why)
{
	struct play_model *m = calloc(1, sizeof *m);
	struct buf text = BUF_INIT;
	enum err e;

	if (!m)
		return ERR_NOMEM;
	p->model = m;
	e = p->file.model ? scenario_parse(&m->scenario, span_z(p->file.model), &text) : scenario_default(&m->scenario, &text);
	if (e)
		play_refuse(why, "model", text.n ? buf_z(&text) : err_text(e));
	buf_fini(&text);
	if (e)
		return e;
	m->model.scenario = m->scenario;
	m->model.speech = p->speech;
	m->model.dialect = dialect_named(p->file.dialect);
	m->model.scratch = BUF_BOUND((size_t)64 << 20);
	m->silent = m->scenario->silent;
	return ERR_OK;
}

void play_model_free(struct play_model *m)
{
	if (!m)
		return;
	for (struct play_conn *c = m->conns; c; c = c->next) {
		model_sess_free(c->sess);
		c->sess = NULL;
		c->state = OVER;
	}
	forget_old(m);
	scenario_free(m->scenario);
	model_stats_fini(&m->model.stats);
	buf_fini(&m->model.scratch);
	free(m);
}

/* Sessions that are still open are over with the call. */
void play_model_json(struct play *p, struct jbuild *b, struct json_object *o)
{
	struct buf text = BUF_BOUND((size_t)64 << 20);

	for (struct play_conn *c = p->model->conns; c; c = c->next)
		play_conn_cut(c);
	model_stats_write(&p->model->model.stats, &text);
	json_set(b, o, "model", json_raw(b, buf_span(&text)));
	buf_fini(&text);
}
