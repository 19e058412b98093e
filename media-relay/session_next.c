/*
 * session_next - the change to a new connection before the session limit of the old one forces it (contract M4). The new one is dialled and configured beside
 * the old one, which goes on talking; at a quiet moment it takes over, and is told the conversation like any new connection.
 * Source: OpenAI Realtime, "Session end": session.expires_at, no warning before it.
 */
#include "base/log.h"
#include "media-relay/session_impl.h"

#define LIFE_MS   3600000                /* of a session that does not say */
#define LEAD_MS   300000                 /* so long before its end the new one is dialled; of a short life a quarter */
#define FORCE_MS  20000                  /* so long before its end nobody waits for a quiet moment any more; of a short life a twentieth */
#define AGAIN_MS  30000                  /* after a new one that came to nothing */
#define EXPIRES_MAX INT64_C(100000000000)     /* seconds; a time beyond is none */

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void next_plan(struct session *s, int64_t expires_at)
{
	int64_t now = session_now(s), life = expires_at > 0 && expires_at < EXPIRES_MAX ? expires_at * 1000 - s->ops.wall_ms(s->ctx) : LIFE_MS;

	if (life <= 0 || life > LIFE_MS * 24)
		life = LIFE_MS;
	s->next.plan_from_ms = now + life - least(LEAD_MS, life / 4);
	s->next.plan_by_ms = now + life - least(FORCE_MS, life / 20);
}

/* --- the new one --- */

static const struct upstream *upstream_of(const struct session *s)
{
	return &s->setup->upstreams[upstream_which(&s->next.link)];
}

static void hang_up(struct session *s)
{
	if (s->next.open)
		s->ops.close(s->ctx, LEG_NEXT, 1000, SPAN(""));
}

static void configure(struct session *s)
{
	struct span msg = span_z(upstream_of(s)->session_update);
	char *room = s->ops.reserve(s->ctx, LEG_NEXT, msg.n);

	if (!room)
		return;                          /* it is not ready in time, then */
	memcpy(room, msg.p, msg.n);
	s->ops.commit(s->ctx, LEG_NEXT, msg.n);
	upstream_event(&s->next.link, UE_SENT, session_now(s));
}

static void came_to_nothing(struct session *s)
{
	hang_up(s);
	s->next.from_ms = session_now(s) + AGAIN_MS;
	upstream_event(&s->next.link, UE_DROP, session_now(s));
	log_warn("model.next_failed", "why=%s", log_q(span_z(s->why)));
}

static void act(struct session *s, enum upstream_act a)
{
	switch (a) {
	case UA_DIAL:
		log_info("model.next", "upstream=%u try=%u", upstream_which(&s->next.link), s->next.link.tries);
		s->next.open = true;
		s->ops.dial(s->ctx, LEG_NEXT, upstream_of(s));
		break;
	case UA_CONFIGURE: configure(s); break;
	case UA_CLOSE:     hang_up(s); break;
	case UA_FAILED:    came_to_nothing(s); break;
	case UA_READY:
	case UA_NONE:      break;
	}
}

void next_drop(struct session *s)
{
	hang_up(s);
	upstream_event(&s->next.link, UE_DROP, session_now(s));
	s->next.from_ms = s->next.by_ms = INT64_MAX;
}

static void lost(struct session *s, enum upstream_ev ev, struct span why)
{
	log_warn("model.next_lost", "why=%s", log_q(why));
	model_keep_why(s, why);
	act(s, upstream_event(&s->next.link, ev, session_now(s)));
}

static void on_updated(struct session *s, const struct realtime_msg *m)
{
	bool good = realtime_confirms(m, s->setup->in, s->setup->out, span_z(s->setup->voice));

	s->next.silence_ms = m->session.silence_ms;
	act(s, upstream_event(&s->next.link, good ? UE_GOOD : UE_WRONG, session_now(s)));
}

static void message(struct session *s, const struct realtime_msg *m)
{
	if (m->type == RT_SESSION_CREATED) {
		next_plan(s, m->session.expires_at);
		act(s, upstream_event(&s->next.link, UE_CREATED, session_now(s)));
	} else if (m->type == RT_SESSION_UPDATED) {
		on_updated(s, m);
	} else if (m->type == RT_ERROR) {
		lost(s, realtime_fault(m) == RF_HOPELESS ? UE_HOPELESS : UE_BROKEN, m->error.message);
	}
}

void next_event(struct session *s, enum session_ev ev, struct span data)
{
	struct realtime_parser rp = { NULL };
	struct realtime_msg m;

	if (ev == EV_NEXT_CLOSED) {
		s->next.open = false;
		lost(s, realtime_fault_closed(data) == RF_HOPELESS ? UE_HOPELESS : UE_BROKEN, data);
		return;
	}
	if (realtime_parse(&rp, data, &m) == ERR_OK)
		message(s, &m);
	realtime_parser_fini(&rp);
}

/* --- the change --- */

static bool is_quiet(const struct session *s)
{
	const struct turn_taking *t = &s->turn;

	return !t->speech && !t->active[0] && !t->unanswered && t->asked == TURN_NOTHING && t->wanted == TURN_NOTHING && !s->attach.awaits &&
	       !s->attach.item[0] && !s->keypad.n && !tooling_busy(s) && !tooling_holds(s) && s->tool.ending.kind == ENDING_NONE && !s->tool.keys.open &&
	       s->state == SS_TALK && !playback_unheard(&s->play, session_now(s));
}

static void begin(struct session *s)
{
	upstream_init(&s->next.link, s->setup->upstreams_n);
	s->next.link.which = upstream_which(&s->up);
	act(s, upstream_event(&s->next.link, UE_WANT, session_now(s)));
}

bool next_ready(const struct session *s)
{
	return s->next.open && upstream_ready(&s->next.link);
}

/* The connection before is closed by whoever holds its leg, and is not heard of again. */
void next_take(struct session *s)
{
	s->ops.promote(s->ctx);
	upstream_replace(&s->up, &s->next.link);
	s->vad_silence_ms = s->next.silence_ms;
	s->model_open = true;
	s->model_closing = s->choked = false;
	s->next.open = false;
	s->next.link.state = US_DOWN;
}

/* A connection is in use from now on: its plan holds. */
void next_begin(struct session *s)
{
	s->next.from_ms = s->next.plan_from_ms;
	s->next.by_ms = s->next.plan_by_ms;
}

void next_tick(struct session *s)
{
	int64_t now = session_now(s);

	act(s, upstream_tick(&s->next.link, now));
	if (s->next.link.state == US_DOWN && now >= s->next.from_ms)
		begin(s);
	if (next_ready(s) && (is_quiet(s) || now >= s->next.by_ms))
		model_change(s);
}
