/* phone_fault - what goes wrong on purpose, at its moment. */
#include <stdlib.h>

#include "phone.h"

const struct plan_fault *phone_stream_fault(const struct stream *s, enum plan_fault_kind kind)
{
	return s->probe ? NULL : plan_fault_find(s->call->ph->plan, kind, s->nth);
}

static void drop(struct stream *s, const struct plan_fault *f)
{
	(void)f;
	phone_stream_cut(s, "the phone's network failed");
}

static void close_it(struct stream *s, const struct plan_fault *f)
{
	(void)f;
	s->ours = true;
	s->state = ST_CLOSING;
	ws_close(&s->ws, 1000);
}

static void second_stream(struct stream *s, const struct plan_fault *f)
{
	for (int64_t i = 0; i < f->count; i++)
		phone_stream_open(s->call, s, PROBE_SAME);
}

static void intruder(struct stream *s, const struct plan_fault *f)
{
	for (int64_t i = 0; i < f->count; i++)
		phone_stream_open(s->call, s, PROBE_WRONG);
}

static void malformed(struct stream *s, const struct plan_fault *f)
{
	static const char *const bad[] = {
		"{\"event\":\"media\"", "[]", "", "null", "{\"event\":\"media\",\"media\":{\"payload\":\"*\"}}", "{\"event\":42}",
		"{\"event\":\"media\",\"sequenceNumber\":\"x\",\"media\":[],\"streamSid\":7}", "{\"event\":\"dtmf\",\"dtmf\":{\"digit\":\"\"}}",
	};

	for (int64_t i = 0; i < f->count; i++)
		phone_stream_text(s, span_z(bad[(size_t)i % (sizeof bad / sizeof *bad)]));
}

/* A media message that would be right if it were not so long. */
static void oversize(struct stream *s, const struct plan_fault *f)
{
	struct buf b = BUF_BOUND((size_t)32 << 20);
	uint8_t *audio = calloc(1, (size_t)f->bytes);

	if (audio)
		msg_media(&b, ++s->sequence, s->sid, ++s->chunk, s->frame * FRAME_MS, audio, (size_t)f->bytes * 3 / 4);
	ws_text(&s->ws, buf_span(&b));
	buf_fini(&b);
	free(audio);
}

static void binary(struct stream *s, const struct plan_fault *f)
{
	for (int64_t i = 0; i < f->count; i++)
		ws_send(&s->ws, WS_FIN | WS_BINARY, SPAN("\001\002\003"));
}

static void bad_frame(struct stream *s, const struct plan_fault *f)
{
	(void)f;
	ws_send(&s->ws, WS_FIN | WS_RSV1 | 0x3, SPAN("{}"));      /* a reserved bit and a reserved opcode */
}

static void step_back(struct stream *s, const struct plan_fault *f)
{
	s->skew_ms += (uint64_t)f->ms;
}

static void deaf(struct stream *s, const struct plan_fault *f)
{
	(void)f;
	ws_deaf(&s->ws, true);
}

static void (*const acts[PF_COUNT])(struct stream *s, const struct plan_fault *f) = {
	[PF_DROP] = drop, [PF_CLOSE] = close_it, [PF_SECOND_STREAM] = second_stream, [PF_INTRUDER] = intruder, [PF_MALFORMED] = malformed,
	[PF_OVERSIZE] = oversize, [PF_BINARY] = binary, [PF_BAD_FRAME] = bad_frame, [PF_STEP_BACK] = step_back, [PF_DEAF] = deaf,
};

static bool lasts(const struct stream *s, const struct plan_fault *f, int64_t now_us)
{
	int64_t at_ms = (now_us - s->start_us) / 1000;

	return at_ms >= f->at_ms && at_ms < f->at_ms + f->ms;
}

void phone_stream_faults(struct stream *s, int64_t now_us)
{
	const struct plan *p = s->call->ph->plan;

	for (size_t i = 0; i < p->n_faults && i < 32 && !s->probe; i++) {
		const struct plan_fault *f = &p->faults[i];

		if ((f->nth && f->nth != (int64_t)s->nth) || !acts[f->kind])
			continue;
		if (f->kind == PF_DEAF && (s->faults_done >> i & 1) && !lasts(s, f, now_us))
			ws_deaf(&s->ws, false);
		if ((s->faults_done >> i & 1) || s->state != ST_TALKING || now_us - s->start_us < f->at_ms * 1000)
			continue;
		s->faults_done |= 1u << i;
		phone_say(s->call, "fault", "%s", plan_fault_name(f->kind));
		acts[f->kind](s, f);
	}
}

bool phone_stream_silent(const struct stream *s, int64_t now_us)
{
	const struct plan *p = s->call->ph->plan;

	for (size_t i = 0; i < p->n_faults; i++)
		if (p->faults[i].kind == PF_HOLE && !s->probe && (p->faults[i].nth == 0 || p->faults[i].nth == (int64_t)s->nth) && lasts(s, &p->faults[i], now_us))
			return true;
	return false;
}
