/* leg - assembly, queue, flow control, closing. The callbacks of caller.c and model.c do the rest. */
#include <stdio.h>
#include <stdlib.h>

#include "media-relay/worker_io.h"

_Static_assert(LWS_PRE <= RING_PRE, "room for the frame header");

struct leg *leg_new(struct worker *w, enum leg_kind k)
{
	struct leg *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->w = w;
	l->kind = k;
	l->tag = ++w->tags;
	l->in.max = k == LK_CALLER ? CALLER_IN_MAX : MODEL_IN_MAX;
	l->next = w->legs;
	if (l->next)
		l->next->prev = l;
	w->legs = l;
	return l;
}

bool leg_block(struct leg *l)
{
	void *block = worker_block(l->w, l->kind);

	if (block)
		ring_init(&l->out, block, l->kind == LK_CALLER ? CALLER_BLOCK : MODEL_BLOCK);
	return block;
}

static void leg_delete(struct leg *l)
{
	*(l->prev ? &l->prev->next : &l->w->legs) = l->next;
	if (l->next)
		l->next->prev = l->prev;
	if (l->out.block)
		worker_block_back(l->w, l->kind, l->out.block);
	ring_fini(&l->out);
	buf_fini(&l->in);
	buf_fini(&l->page);
	free(l);
}

void leg_gone(struct leg *l)
{
	struct line *line = l->line;
	static const enum session_ev closed[LEGS] = { EV_CALLER_CLOSED, EV_MODEL_CLOSED, EV_NEXT_CLOSED };
	enum session_leg which = l->which;
	char why[sizeof l->ended];

	snprintf(why, sizeof why, "%s", l->kind == LK_MODEL && !*l->ended ? "1006" : l->ended);
	leg_delete(l);
	if (!line)
		return;
	line->leg[which] = NULL;
	line_event(line, closed[which], span_z(why));
}

/* --- out --- */

static bool writable(const struct leg *l)
{
	return l->wsi && l->state == LS_OPEN && !l->closing && !l->kill;
}

char *leg_reserve(struct leg *l, size_t n)
{
	char *p = writable(l) ? ring_reserve(&l->out, n) : NULL;

	if (!p)
		l->starved = true;
	return p;
}

void leg_commit(struct leg *l, size_t n)
{
	ring_commit(&l->out, n);
	if (n && l->wsi)
		lws_callback_on_writable(l->wsi);
}

size_t leg_queued(const struct leg *l)
{
	return l->out.bytes;
}

size_t leg_room(const struct leg *l)
{
	return writable(l) ? ring_free(&l->out) : 0;
}

static int write_one(struct leg *l)
{
	char *p;
	size_t n;

	if (!ring_front(&l->out, &p, &n))
		return 0;
	if (lws_write(l->wsi, (unsigned char *)p, n, LWS_WRITE_TEXT) < 0)
		return -1;
	ring_pop(&l->out);
	return 0;
}

/* Half the block free is room enough to make asking again worth while. */
static void feed(struct leg *l)
{
	if (!l->starved || !l->line || l->closing || l->out.bytes > l->out.cap / 2)
		return;
	l->starved = false;
	if (l->which != LEG_NEXT)
		line_event(l->line, l->which == LEG_CALLER ? EV_CALLER_WRITABLE : EV_MODEL_WRITABLE, SPAN_NONE);
}

static int say_goodbye(struct leg *l)
{
	lws_close_reason(l->wsi, (enum lws_close_status)l->close_code, (unsigned char *)l->close_text, strlen(l->close_text));
	return -1;
}

int leg_writeable(struct leg *l)
{
	if (l->kill)
		return -1;
	if (lws_partial_buffered(l->wsi)) {
		lws_callback_on_writable(l->wsi);
		return 0;
	}
	if (l->closing && l->out.count == 0)
		return say_goodbye(l);
	if (write_one(l) < 0)
		return -1;
	feed(l);
	if (l->out.count || l->closing)
		lws_callback_on_writable(l->wsi);
	return 0;
}

/* --- in --- */

void leg_pause(struct leg *l, bool on)
{
	if (l->wsi && l->paused != on)
		lws_rx_flow_control(l->wsi, on ? 0 : 1);
	l->paused = on;
}

/* Anything that comes shows that the peer lives: a peer that answers no pings but sends audio is not cut off. */
static void alive(struct leg *l)
{
	int64_t now = clock_ms();

	if (now - l->alive_ms < ALIVE_EVERY_MS)
		return;
	l->alive_ms = now;
	lws_validity_confirmed(l->wsi);
}

void leg_names(const struct leg *l, struct names *n)
{
	const struct line *line = l->line ? l->line : line_find(l->w, l->id);

	names_enter(n, line ? line->id : l->id, line && *line->call_sid ? line->call_sid : l->door.call_sid);
}

static int too_long(struct leg *l)
{
	struct names n;

	leg_names(l, &n);
	log_warn("leg.too_long", "peer=%s limit=%zu", l->kind == LK_CALLER ? "twilio" : "model", l->in.max);
	names_leave(&n);
	l->skipping = true;
	buf_fini(&l->in);
	leg_close(l, 1009, SPAN("message too big"));
	return 0;
}

/* A message that comes in one piece is used where it lies. */
int leg_receive(struct leg *l, const char *in, size_t n, void (*message)(struct leg *, struct span))
{
	bool last = lws_is_final_fragment(l->wsi) && lws_remaining_packet_payload(l->wsi) == 0;

	alive(l);
	if (l->closing || l->kill || l->skipping)
		return 0;
	if (l->in.n == 0 && last && n <= l->in.max) {
		message(l, span_of(in ? in : "", n));
		return 0;
	}
	buf_add(&l->in, span_of(in ? in : "", n));
	if (l->in.err)
		return too_long(l);
	if (!last)
		return 0;
	message(l, buf_span(&l->in));
	if (l->in.cap > 4 * CALLER_IN_MAX)
		buf_fini(&l->in);
	buf_reset(&l->in);
	return 0;
}

/* --- the end --- */

void leg_close(struct leg *l, uint16_t code, struct span reason)
{
	if (l->closing)
		return;
	l->closing = true;
	l->close_code = code;
	span_copy(l->close_text, sizeof l->close_text, span_head(reason, sizeof l->close_text - 1));
	l->until_ms = clock_ms() + CLOSE_MS;
	if (l->state == LS_RESOLVE || l->state == LS_CONNECT) {
		leg_kill(l);
		return;
	}
	leg_pause(l, false);             /* else the peer's answer would never be read */
	if (l->wsi)
		lws_callback_on_writable(l->wsi);
}

void leg_kill(struct leg *l)
{
	l->kill = true;
	worker_soon(l->w);
}

void leg_peer_closed(struct leg *l, const unsigned char *in, size_t n)
{
	if (n < 2)
		snprintf(l->ended, sizeof l->ended, "1005");
	else if (l->kind == LK_CALLER)
		snprintf(l->ended, sizeof l->ended, "%d", in[0] << 8 | in[1]);
	else
		snprintf(l->ended, sizeof l->ended, "%d%s%.*s", in[0] << 8 | in[1], n > 2 ? " " : "", (int)(n - 2), (const char *)in + 2);
}

/* A synchronous kill would still wait for what the library has buffered; the time-out does not. Its timers only run after some event, so make one. */
void leg_cut(struct leg *l)
{
	lws_set_timeout(l->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
	lws_cancel_service(l->w->lws);
}

static void kill_now(struct leg *l)
{
	if (l->wsi)
		leg_cut(l);
	else
		leg_gone(l);
}

void leg_tick(struct leg *l, int64_t now_ms)
{
	if (l->kill || (l->closing && now_ms >= l->until_ms)) {
		kill_now(l);
		return;
	}
	if (l->closing)
		return;
	if (l->kind == LK_CALLER)
		caller_leg_tick(l, now_ms);
	else
		model_leg_tick(l, now_ms);
}
