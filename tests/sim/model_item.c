/* model_item - the conversation: a list of items, what clients may do with it, and how an item is written. */
#include <stdlib.h>

#include "base/b64.h"
#include "base/clock.h"
#include "model.h"
#include "model_fmt.h"

static const char *const status_words[] = { "in_progress", "completed", "incomplete" };

struct item *item_new(struct model_sess *s, enum item_kind kind, const char *id)
{
	struct item *it = calloc(1, sizeof *it);

	if (!it)
		return NULL;
	it->refs = 1;
	it->kind = kind;
	it->status = ITEM_COMPLETED;
	it->sound = BUF_BOUND((size_t)4 << 20);
	if (!id)
		model_id(s, "item", it->id);
	else
		span_copy(it->id, sizeof it->id, span_z(id));
	return it;
}

void item_put(struct item *it)
{
	if (!it || --it->refs > 0)
		return;
	free(it->text);
	buf_fini(&it->sound);
	mcp_item_free(it->mcp);
	json_object_put(it->raw);
	json_object_put(it->full);
	free(it);
}

void item_link(struct model_sess *s, struct item *it, struct item *after)
{
	it->refs++;
	it->prev = after;
	it->next = after ? after->next : s->first;
	if (it->next)
		it->next->prev = it;
	else
		s->last = it;
	if (after)
		after->next = it;
	else
		s->first = it;
}

void item_unlink(struct model_sess *s, struct item *it)
{
	if (it->prev)
		it->prev->next = it->next;
	else
		s->first = it->next;
	if (it->next)
		it->next->prev = it->prev;
	else
		s->last = it->prev;
	it->prev = it->next = NULL;
	item_put(it);
}

struct item *item_find(struct model_sess *s, struct span id)
{
	struct item *it = s->first;

	while (it && !span_is(id, it->id))
		it = it->next;
	return it;
}

struct item *item_call(struct model_sess *s, struct span call_id)
{
	struct item *it = s->first;

	while (it && !(it->kind == ITEM_CALL && span_is(call_id, it->call_id)))
		it = it->next;
	return it;
}

/* --- writing --- */

static struct span shown(const struct item *it)
{
	return span_head(span_z(it->text ? it->text : ""), it->shown);
}

static void write_sound(struct buf *b, const struct item *it)
{
	struct span audio = it->assistant && it->clip ? it->clip->audio[it->format] : buf_span(&it->sound);
	size_t n = (size_t)it->audio_ms * speech_bytes_per_ms(it->format);
	char *p;

	audio = span_head(audio, n);
	p = buf_room(b, B64_ENCODED(audio.n));
	if (p)
		buf_wrote(b, b64_encode(p, (const uint8_t *)audio.p, audio.n));
}

static void write_content(struct buf *b, const struct item *it, bool with_audio)
{
	if (it->assistant && it->shown == 0 && it->audio_ms == 0)
		return;
	if (!it->audio) {
		model_fmt(b, "{'type':'output_text','text':%Q}", shown(it));
		return;
	}
	model_fmt(b, "{'type':%q,'transcript':%Q", it->assistant ? "output_audio" : "input_audio",
		  it->assistant || it->has_text ? shown(it) : SPAN_NONE);
	if (with_audio) {
		buf_addz(b, ",\"audio\":\"");
		write_sound(b, it);
		buf_addc(b, '"');
	}
	buf_addc(b, '}');
}

static void write_message(struct buf *b, const struct item *it, bool with_audio)
{
	model_fmt(b, "{'id':%q,'type':'message','status':%q,'role':%q,'content':[", it->id, status_words[it->status],
		  it->assistant ? "assistant" : "user");
	write_content(b, it, with_audio);
	buf_addc(b, ']');
	if (it->phase)
		model_fmt(b, ",'phase':%q", it->phase);
	buf_addc(b, '}');
}

static void write_item(struct buf *b, const struct item *it, bool with_audio)
{
	if (it->raw)
		model_fmt(b, "%J", with_audio && it->full ? it->full : it->raw);
	else if (it->kind == ITEM_CALL)
		model_fmt(b, "{'id':%q,'type':'function_call','status':%q,'name':%q,'call_id':%q,'arguments':%Q}", it->id, status_words[it->status],
			  it->name, it->call_id, shown(it));
	else if (it->mcp)
		mcp_item_write(b, it);
	else
		write_message(b, it, with_audio);
}

void item_write(struct buf *b, const struct item *it)
{
	write_item(b, it, false);
}

void item_emit(struct model_sess *s, const char *type, const struct item *it)
{
	struct buf *b = model_emit_begin(s, type);

	model_fmt(b, ",'previous_item_id':%q,'item':", it->prev ? it->prev->id : NULL);
	item_write(b, it);
	model_emit_end(s, type);
}

/* --- conversation.item.create --- */

static void drop_audio(struct json_object *item)
{
	struct json_object *content = json_get(item, "content");

	for (size_t i = 0; content && i < json_object_array_length(content); i++)
		json_object_object_del(json_object_array_get_idx(content, i), "audio");
}

static bool has_audio(struct json_object *item)
{
	return span_is(json_get_span(json_object_array_get_idx(json_get(item, "content"), 0), "type"), "input_audio");
}

/* The client's object with our members added; kept twice when it holds audio, which is shown to `retrieve` only. */
static bool keep_raw(struct item *it, struct json_object *given)
{
	struct jbuild b = { 0 };
	struct buf text = BUF_INIT;

	json_set(&b, given, "id", json_strz(&b, it->id));
	json_set(&b, given, "object", json_strz(&b, "realtime.item"));
	if (json_get(given, "content") || it->kind == ITEM_CALL || span_is(json_get_span(given, "type"), "function_call_output"))
		json_set(&b, given, "status", json_strz(&b, "completed"));
	if (!b.err)
		b.err = json_write(&text, given);
	it->raw = json_raw(&b, buf_span(&text));
	if (it->raw && json_get(given, "content") && has_audio(given)) {
		drop_audio(it->raw);
		it->full = json_raw(&b, buf_span(&text));
	}
	buf_fini(&text);
	return b.err == ERR_OK;
}

/* What the model knows of it as text: for replies and for the count of tokens. */
static void keep_text(struct item *it, struct json_object *given)
{
	struct json_object *part = json_get(given, "content") ? json_object_array_get_idx(json_get(given, "content"), 0) : NULL;
	struct span text = json_get_span(part, "text");

	if (!text.p)
		text = json_get_span(part, "transcript");
	if (!text.p)
		text = json_get_span(given, "output");
	if (!text.p)
		text = json_get_span(given, "arguments");
	it->text = text.p ? span_dup(text) : NULL;
	it->shown = it->text ? text.n : 0;
	it->assistant = span_is(json_get_span(given, "role"), "assistant");
	span_copy(it->name, sizeof it->name, json_get_span(given, "name"));
	span_copy(it->call_id, sizeof it->call_id, json_get_span(given, "call_id"));
}

static bool place(struct model_sess *s, struct json_object *ev, struct item **after, struct complaint *c)
{
	struct span id = json_get_span(ev, "previous_item_id");

	*after = id.p ? item_find(s, id) : s->last;
	if (!id.p || *after || span_is(id, "root"))
		return true;
	return model_complain(c, "invalid_value", "previous_item_id", "Item with previous_item_id not found: " SPAN_FMT, SPAN_ARG(span_head(id, 80)));
}

static bool is_verdict(struct json_object *given)
{
	return span_is(json_get_span(given, "type"), "mcp_approval_response");
}

static bool acceptable(struct model_sess *s, struct json_object *given, struct complaint *c)
{
	struct span id = json_get_span(given, "id"), call = json_get_span(given, "call_id");

	if (id.p && item_find(s, id))
		return model_complain(c, "invalid_value", "item.id", "Error adding item: an item with id '" SPAN_FMT "' already exists.", SPAN_ARG(id));
	if (span_is(json_get_span(given, "type"), "function_call_output") && !item_call(s, call))
		return model_complain(c, "invalid_tool_call_id", "item.call_id", "Tool call ID '" SPAN_FMT "' not found in conversation.",
				      SPAN_ARG(span_head(call, 80)));
	return !is_verdict(given) || mcp_acceptable(s, given, c);
}

/* A conversation that is rebuilt: a typed turn is a turn too, and who has spoken before does not greet. */
static void count_turn(struct model_sess *s, struct json_object *given)
{
	struct json_object *part = json_object_array_get_idx(json_get(given, "content"), 0);

	if (span_is(json_get_span(given, "role"), "assistant"))
		s->greeted = true;
	if (!span_is(json_get_span(given, "role"), "user") || span_starts(json_get_span(part, "text"), SPAN("[keypad: ")))
		return;
	s->turn = s->turns++;
	s->step = 0;
}

bool item_on_create(struct model_sess *s, struct json_object *ev, struct complaint *c)
{
	struct json_object *given = json_get(ev, "item");
	struct item *after, *it;
	char id[MODEL_ID];
	bool own = span_copy(id, sizeof id, json_get_span(given, "id")) && *id, call = span_is(json_get_span(given, "type"), "function_call");

	if (!place(s, ev, &after, c) || !acceptable(s, given, c))
		return false;
	it = item_new(s, call ? ITEM_CALL : json_get(given, "role") ? ITEM_MESSAGE : ITEM_OTHER, own ? id : NULL);
	if (!it || !keep_raw(it, given)) {
		item_put(it);
		return model_complain(c, "server_error", NULL, "%s", err_text(ERR_NOMEM));
	}
	keep_text(it, given);
	if (json_get(given, "content"))
		count_turn(s, given);
	item_link(s, it, after);
	s->m->stats.items_created++;
	s->m->stats.function_outputs += span_is(json_get_span(given, "type"), "function_call_output");
	item_emit(s, "conversation.item.added", it);
	item_emit(s, "conversation.item.done", it);
	item_put(it);
	if (is_verdict(given) && !s->dead)
		mcp_on_answer(s, given);
	return true;
}

/* --- the others --- */

static struct item *named(struct model_sess *s, struct json_object *ev, const char *code, const char *what, struct complaint *c)
{
	struct span id = json_get_span(ev, "item_id");
	struct item *it = item_find(s, id);

	if (!it)
		model_complain(c, code, "item_id", "Error %s item: the item with id '" SPAN_FMT "' does not exist.", what, SPAN_ARG(span_head(id, 80)));
	return it;
}

bool item_on_delete(struct model_sess *s, struct json_object *ev, struct complaint *c)
{
	struct item *it = named(s, ev, "item_delete_invalid_item_id", "deleting", c);

	if (!it)
		return false;
	s->m->stats.items_deleted++;
	item_unlink(s, it);
	model_emit(s, "conversation.item.deleted", "'item_id':%Q", json_get_span(ev, "item_id"));
	return true;
}

bool item_on_retrieve(struct model_sess *s, struct json_object *ev, struct complaint *c)
{
	struct item *it = named(s, ev, "item_retrieve_invalid_item_id", "retrieving", c);
	struct buf *b;

	if (!it)
		return false;
	b = model_emit_begin(s, "conversation.item.retrieved");
	buf_addz(b, ",\"item\":");
	write_item(b, it, true);
	model_emit_end(s, "conversation.item.retrieved");
	return true;
}

static bool truncatable(const struct item *it, int64_t index, int64_t ms, struct complaint *c)
{
	if (it->kind != ITEM_MESSAGE || !it->assistant || !it->audio)
		return model_complain(c, "unsupported_content_type", "item_id", "Only model output audio messages can be truncated");
	if (index != 0)
		return model_complain(c, "invalid_value", "content_index", "Content part %lld does not exist in this item.", (long long)index);
	if (ms > it->audio_ms)
		return model_complain(c, "invalid_value", "audio_end_ms", "Audio content of %ums is already shorter than %lldms", it->audio_ms, (long long)ms);
	return true;
}

bool item_on_truncate(struct model_sess *s, struct json_object *ev, struct complaint *c)
{
	struct item *it = named(s, ev, "item_truncate_invalid_item_id", "truncating", c);
	struct model_truncate cut = { .session = s->number, .at_ms = clock_ms() };
	int64_t index = 0, ms = 0;

	if (!it)
		return false;
	json_get_int(ev, "content_index", &index);
	json_get_int(ev, "audio_end_ms", &ms);
	if (!truncatable(it, index, ms, c))
		return false;
	snprintf(cut.item_id, sizeof cut.item_id, "%s", it->id);
	cut.audio_end_ms = (uint32_t)ms;
	cut.audio_ms = it->audio_ms;
	model_stats_cut(&s->m->stats, &cut);
	s->m->stats.truncates++;
	it->audio_ms = (uint32_t)ms;
	it->truncated = true;
	it->shown = 0;                  /* the text goes: nobody knows which words were heard */
	model_emit(s, "conversation.item.truncated", "'item_id':%q,'content_index':0,'audio_end_ms':%l", it->id, ms);
	return true;
}
