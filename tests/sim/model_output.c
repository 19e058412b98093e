/* model_output - the items of a response on their way out: begun, sent in pieces ahead of their playing, ended. */
#include <stdlib.h>

#include "base/b64.h"
#include "base/clock.h"
#include "model_answer.h"
#include "model_fmt.h"

#define TEXT_STEP_MS 30

static void emit_output_item(struct model_sess *s, const char *type, const struct answer *a, const struct item *it)
{
	struct buf *b = model_emit_begin(s, type);

	model_fmt(b, ",'response_id':%q,'output_index':%d,'item':", a->id, (int)a->cur);
	item_write(b, it);
	model_emit_end(s, type);
}

#define PLACE_FMT "'response_id':%q,'item_id':%q,'output_index':%d"
#define PLACE(a, o) (a)->id, (o)->item->id, (int)(a)->cur

static struct item *out_item(struct model_sess *s, const struct answer *a, const struct out *o)
{
	struct item *it;

	if (o->mcp)
		return mcp_item_new(s, o->mcp, a->id, a->cur);
	it = item_new(s, o->call ? ITEM_CALL : ITEM_MESSAGE, NULL);
	if (!it)
		return NULL;
	it->status = ITEM_PROGRESS;
	it->assistant = true;
	it->audio = !o->call && !a->text_only;
	it->format = a->format;
	it->clip = o->clip;
	it->phase = o->phase;
	it->text = span_dup(span_z(o->text));
	if (!it->text) {
		item_put(it);
		return NULL;
	}
	if (o->call) {
		model_id(s, "call", it->call_id);
		span_copy(it->name, sizeof it->name, span_z(o->name));
	}
	return it;
}

bool out_begin(struct model_sess *s, struct answer *a, struct out *o)
{
	o->item = out_item(s, a, o);
	if (!o->item)
		return false;
	a->sent = 0;
	emit_output_item(s, "response.output_item.added", a, o->item);
	if (!a->aside) {
		item_link(s, o->item, s->last);
		item_emit(s, "conversation.item.added", o->item);
	}
	if (!o->call && !o->mcp)
		model_emit(s, "response.content_part.added", PLACE_FMT ",'content_index':0,'part':%s", PLACE(a, o),
			   a->text_only ? "{\"type\":\"text\",\"text\":\"\"}" : "{\"type\":\"audio\",\"transcript\":\"\"}");
	return true;
}

/* The first n bytes at most, whole characters only. */
static struct span text_head(struct span s, size_t n)
{
	while (n < s.n && n > 1 && ((uint8_t)s.p[n] & 0xC0) == 0x80)
		n--;
	return span_head(s, n);
}

/* Approval is asked for with the arguments as they are; a call tells them first. */
static void mcp_flow(struct model_sess *s, struct answer *a, struct out *o)
{
	struct span all = span_z(o->text);

	o->item->shown = all.n;
	a->text_bytes += all.n;
	if (o->item->kind != ITEM_MCP_CALL)
		return;
	model_emit(s, "response.mcp_call_arguments.delta", PLACE_FMT ",'delta':%Q,'obfuscation':'w5'", PLACE(a, o), all);
	model_emit(s, "response.mcp_call_arguments.done", PLACE_FMT ",'arguments':%Q", PLACE(a, o), all);
}

static void call_flow(struct model_sess *s, struct answer *a, struct out *o)
{
	struct span rest = span_z(o->text), part;

	for (; rest.n; rest = span_skip(rest, part.n)) {
		part = text_head(rest, 24);
		model_emit(s, "response.function_call_arguments.delta", PLACE_FMT ",'call_id':%q,'delta':%Q,'obfuscation':'q8'", PLACE(a, o),
			   o->item->call_id, part);
	}
	o->item->shown = strlen(o->text);
	a->text_bytes += o->item->shown;
}

/* The transcript runs ahead: it is complete when half of the audio is out. Cut between words. */
static void text_flow(struct model_sess *s, struct answer *a, struct out *o, size_t target)
{
	struct item *it = o->item;
	struct span all = span_z(it->text);
	size_t to = target < all.n ? target : all.n;

	while (to < all.n && all.p[to] != ' ')
		to++;
	if (to <= it->shown || it->truncated)
		return;
	model_emit(s, a->text_only ? "response.output_text.delta" : "response.output_audio_transcript.delta",
		   PLACE_FMT ",'content_index':0,'delta':%Q,'obfuscation':'kX1yig'", PLACE(a, o), span_head(span_skip(all, it->shown), to - it->shown));
	a->text_bytes += to - it->shown;
	it->shown = to;
}

static void pattern_bytes(struct model_sess *s, struct answer *a, uint8_t *dst, size_t n)
{
	while (n > 0) {
		size_t at = a->frame_at % PATTERN_FRAME, take = PATTERN_FRAME - at < n ? PATTERN_FRAME - at : n;

		if (at == 0)
			pattern_frame(a->frame, PATTERN_SEED(s->number, PATTERN_MODEL), s->pattern_next++, clock_us());
		memcpy(dst, a->frame + at, take);
		a->frame_at += take;
		dst += take;
		n -= take;
	}
}

static void audio_delta(struct model_sess *s, struct answer *a, struct out *o, size_t n)
{
	static const char type[] = "response.output_audio.delta";
	struct buf *b;
	uint8_t bytes[4800];                    /* a multiple of 3: pieces can be coded one after the other */

	b = model_emit_begin(s, type);
	buf_printf(b, ",\"response_id\":\"%s\",\"item_id\":\"%s\",\"output_index\":%u,\"content_index\":0,\"delta\":\"", a->id, o->item->id, a->cur);
	for (size_t left = n, k; left > 0; left -= k) {
		const uint8_t *from = bytes;
		char *p;

		k = left < sizeof bytes ? left : sizeof bytes;
		if (o->pattern_bytes)
			pattern_bytes(s, a, bytes, k);
		else
			from = (const uint8_t *)o->clip->audio[a->format].p + a->sent;
		a->sent += k;
		p = buf_room(b, B64_ENCODED(k));
		if (p)
			buf_wrote(b, b64_encode(p, from, k));
	}
	buf_addc(b, '"');
	s->m->stats.audio_bytes_out += n;
	s->voice_locked = true;
	if (!o->item->truncated)
		o->item->audio_ms = (uint32_t)(a->sent / speech_bytes_per_ms(a->format));
	model_emit_end(s, type);
}

static size_t delta_bytes(const struct model_sess *s, const struct answer *a)
{
	return (size_t)s->script->delta_ms * speech_bytes_per_ms(a->format);
}

/* One delta; false when the item has all it will get. */
static bool audio_flow(struct model_sess *s, struct answer *a, struct out *o)
{
	size_t left = o->total - a->sent, n = delta_bytes(s, a);

	if (left == 0)
		return false;
	n = n < left ? n : left;
	if (!a->first_at)
		a->first_at = clock_ms();
	text_flow(s, a, o, strlen(o->text) * 2 * (a->sent + n) / o->total + 12);
	if (s->dead)
		return false;
	audio_delta(s, a, o, n);
	if (s->script->rate > 0)
		a->due += (int64_t)((double)n / speech_bytes_per_ms(a->format) / s->script->rate + 0.5);
	return a->sent < o->total;
}

bool out_flow(struct model_sess *s, struct answer *a, struct out *o)
{
	if (o->call || o->mcp) {
		(o->mcp ? mcp_flow : call_flow)(s, a, o);
		return false;
	}
	if (!a->text_only)
		return audio_flow(s, a, o);
	text_flow(s, a, o, o->item->shown + 12);
	a->due += TEXT_STEP_MS;
	return o->item->shown < strlen(o->text) && !o->item->truncated;
}

static void message_end(struct model_sess *s, struct answer *a, struct out *o)
{
	struct span text;

	if (!a->text_only)
		model_emit(s, "response.output_audio.done", PLACE_FMT ",'content_index':0", PLACE(a, o));
	if (o->item->status == ITEM_COMPLETED)
		text_flow(s, a, o, strlen(o->text));
	text = span_head(span_z(o->item->text), o->item->shown);
	if (a->text_only)
		model_emit(s, "response.output_text.done", PLACE_FMT ",'content_index':0,'text':%Q", PLACE(a, o), text);
	else
		model_emit(s, "response.output_audio_transcript.done", PLACE_FMT ",'content_index':0,'transcript':%Q", PLACE(a, o), text);
	model_emit(s, "response.content_part.done", PLACE_FMT ",'content_index':0,'part':{'type':%q,%q:%Q}", PLACE(a, o), a->text_only ? "text" : "audio",
		   a->text_only ? "text" : "transcript", text);
}

void out_end(struct model_sess *s, struct answer *a, struct out *o, enum item_status status)
{
	o->item->status = status;
	if (o->call && status == ITEM_COMPLETED) {
		s->m->stats.function_calls++;
		model_emit(s, "response.function_call_arguments.done", PLACE_FMT ",'call_id':%q,'name':%q,'arguments':%q", PLACE(a, o), o->item->call_id,
			   o->name, o->text);
	} else if (!o->call && !o->mcp) {
		message_end(s, a, o);
	}
	a->audio_ms += a->sent / speech_bytes_per_ms(a->format);
	a->sent = 0;
	if (!a->aside && o->item->kind != ITEM_MCP_CALL)           /* that one is done when it has its output */
		item_emit(s, "conversation.item.done", o->item);
	emit_output_item(s, "response.output_item.done", a, o->item);
	if (o->item->kind == ITEM_MCP_CALL && status == ITEM_COMPLETED && !s->dead)
		mcp_run(s, o->item);
}
