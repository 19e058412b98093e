/* model_fault - scripted trouble: at the n-th event of a type, received or sent, something happens. */
#include <stdio.h>

#include "base/clock.h"
#include "model.h"
#include "model_fmt.h"

static const char *const sent_types[] = {
	"connect", "session.created", "session.updated", "error", "rate_limits.updated",
	"input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed", "input_audio_buffer.cleared",
	"input_audio_buffer.timeout_triggered", "conversation.item.input_audio_transcription.delta",
	"conversation.item.input_audio_transcription.completed", "conversation.item.input_audio_transcription.failed",
	"conversation.item.added", "conversation.item.done", "conversation.item.retrieved", "conversation.item.deleted",
	"conversation.item.truncated", "response.created", "response.output_item.added", "response.content_part.added",
	"response.output_audio.delta", "response.output_audio.done", "response.output_audio_transcript.delta",
	"response.output_audio_transcript.done", "response.output_text.delta", "response.output_text.done", "response.content_part.done",
	"response.output_item.done", "response.function_call_arguments.delta", "response.function_call_arguments.done", "response.done",
	"mcp_list_tools.in_progress", "mcp_list_tools.completed", "mcp_list_tools.failed", "response.mcp_call_arguments.delta",
	"response.mcp_call_arguments.done", "response.mcp_call.in_progress", "response.mcp_call.completed", "response.mcp_call.failed",
};

bool model_event_known(struct span type)
{
	for (size_t i = 0; i < sizeof sent_types / sizeof *sent_types; i++)
		if (span_is(type, sent_types[i]))
			return true;
	return model_shape_event(type) != NULL;
}

static void do_drop(struct model_sess *s, const struct fault_rule *f)
{
	(void)f;
	s->dead = true;
	s->ops->drop(s->conn);
}

static void do_close(struct model_sess *s, const struct fault_rule *f)
{
	s->dead = true;
	s->ops->close(s->conn, (unsigned)f->close_code, span_z(f->message ? f->message : ""));
}

static void do_error(struct model_sess *s, const struct fault_rule *f)
{
	model_emit(s, "error", "'error':{'type':%q,'code':%q,'message':%q,'param':%q,'event_id':null}", f->type, f->code,
		   f->message ? f->message : "The server had an error while processing your request.", f->param);
}

static void do_stall(struct model_sess *s, const struct fault_rule *f)
{
	s->ops->hold(s->conn, true, true, f->ms);
}

static void do_mute(struct model_sess *s, const struct fault_rule *f)
{
	s->ops->hold(s->conn, false, true, f->ms);
}

/* Nothing is read, so pings are not answered either. */
static void do_deaf(struct model_sess *s, const struct fault_rule *f)
{
	s->ops->hold(s->conn, true, false, f->ms);
}

static void do_garbage(struct model_sess *s, const struct fault_rule *f)
{
	s->ops->send(s->conn, f->text ? span_z(f->text) : SPAN("{\"type\":\"response.output_audio.delta\",\"delta\":"), false);
}

static void do_binary(struct model_sess *s, const struct fault_rule *f)
{
	(void)f;
	s->ops->send(s->conn, SPAN("\x00\xFF\x7F\x80 not text"), true);
}

static void do_huge(struct model_sess *s, const struct fault_rule *f)
{
	struct buf b = BUF_BOUND((size_t)f->bytes + 200);
	char *p;

	model_fmt(&b, "{'type':'simulator.huge','event_id':'event_huge','padding':'");
	p = buf_room(&b, (size_t)f->bytes);
	if (p) {
		memset(p, 'x', (size_t)f->bytes);
		buf_wrote(&b, (size_t)f->bytes);
	}
	buf_addz(&b, "\"}");
	if (!b.err)
		s->ops->send(s->conn, buf_span(&b), false);
	buf_fini(&b);
}

static void do_fragment(struct model_sess *s, const struct fault_rule *f)
{
	s->ops->fragment(s->conn, (size_t)f->bytes);
}

static void do_expire(struct model_sess *s, const struct fault_rule *f)
{
	(void)f;
	model_sess_expire(s);
}

static void do_pcm(struct model_sess *s, const struct fault_rule *f)
{
	(void)f;
	s->force_pcm = true;           /* once the update has been taken */
}

static void (*const acts[DO_COUNT])(struct model_sess *s, const struct fault_rule *f) = {
	[DO_DROP] = do_drop,       [DO_CLOSE] = do_close,   [DO_ERROR] = do_error,   [DO_STALL] = do_stall, [DO_MUTE] = do_mute,
	[DO_DEAF] = do_deaf,       [DO_GARBAGE] = do_garbage, [DO_BINARY] = do_binary, [DO_HUGE] = do_huge,   [DO_FRAGMENT] = do_fragment,
	[DO_EXPIRE] = do_expire,   [DO_PCM] = do_pcm,
};

static void act(struct model_sess *s, const struct fault_rule *f)
{
	if (s->dead || !acts[f->act])
		return;
	s->m->stats.faults++;
	acts[f->act](s, f);
}

static void run_fault(struct model_sess *s, struct later *l)
{
	act(s, l->fault);
}

static void meet(struct model_sess *s, const struct fault_rule *f)
{
	struct later *l = f->after_ms ? model_later(s, f->after_ms, run_fault) : NULL;

	if (l)
		l->fault = f;
	else
		act(s, f);
}

/* Is it the occurrence that the rule waits for? Counted once per event. */
static bool met(struct model_sess *s, size_t i, struct span type)
{
	const struct fault_rule *f = &s->script->faults[i];

	if (!span_is(type, f->at))
		return false;
	s->fault_seen[i]++;
	return f->nth == 0 || s->fault_seen[i] == f->nth;
}

void model_fault_sent(struct model_sess *s, const char *type)
{
	for (size_t i = 0; i < s->script->n_faults && !s->dead; i++)
		if (met(s, i, span_z(type)))
			meet(s, &s->script->faults[i]);
}

/* `ignore`, `refuse` and `pcm` decide on the event itself; anything else happens beside it. */
const struct fault_rule *model_fault_received(struct model_sess *s, struct span type)
{
	const struct fault_rule *verdict = NULL;

	for (size_t i = 0; i < s->script->n_faults && !s->dead; i++) {
		const struct fault_rule *f = &s->script->faults[i];

		if (!met(s, i, type))
			continue;
		if (f->act == DO_IGNORE || f->act == DO_REFUSE) {
			s->m->stats.faults++;
			verdict = f;
		} else {
			meet(s, f);
		}
	}
	return verdict;
}
