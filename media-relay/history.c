/* history - the item log from which a conversation is rebuilt. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "media-relay/history.h"
#include "media-relay/realtime.h"

void history_init(struct history *h)
{
	*h = (struct history){ .began = BUF_BOUND(4 * HISTORY_BEGAN) };
}

static void item_fini(struct history_item *it)
{
	free(it->text);
	free(it->name);
	free(it->arguments);
	*it = (struct history_item){ 0 };
}

void history_fini(struct history *h)
{
	for (unsigned i = 0; i < h->n; i++)
		item_fini(&h->items[i]);
	h->n = 0;
	buf_fini(&h->began);
}

bool history_empty(const struct history *h)
{
	return h->n == 0 && h->before == 0;
}

/* --- texts --- */

/* At most so many bytes, and no half character. */
static struct span shorter(struct span s, size_t max)
{
	size_t n = s.n < max ? s.n : max;

	while (n < s.n && n && ((unsigned char)s.p[n] & 0xC0) == 0x80)
		n--;
	return span_head(s, n);
}

static char *dup_text(struct span s)
{
	return s.p ? span_dup(shorter(s, HISTORY_TEXT)) : NULL;
}

/* A text is taken as it is, anything else as the JSON it is written in. */
static char *dup_value(struct json_object *o, const char *otherwise)
{
	struct buf b = BUF_INIT;
	char *made;

	if (!o)
		return otherwise ? span_dup(span_z(otherwise)) : NULL;
	if (json_span(o).p)
		return dup_text(json_span(o));
	json_write(&b, o);
	made = b.err ? NULL : dup_text(buf_span(&b));
	buf_fini(&b);
	return made;
}

/* Cut JSON is no JSON: then the call is told without its arguments. */
static void whole_arguments(struct history_item *it)
{
	struct json_object *o = NULL;

	if (it->arguments && json_read(&o, span_z(it->arguments)) != ERR_OK) {
		free(it->arguments);
		it->arguments = span_dup(SPAN("{}"));
	}
	json_object_put(o);
}

/* What an MCP server did cannot be given as a call: the model is told of it. */
static void told_of(struct history_item *it, struct json_object *tool)
{
	struct buf text = BUF_INIT;
	char *arguments = dup_value(json_get(tool, "arguments"), "{}"), *result = dup_value(json_get(tool, "result"), NULL);

	it->kind = HK_NOTE;
	buf_printf(&text, "(The tool " SPAN_FMT " of the server " SPAN_FMT " was called with %s; %s%s)", SPAN_ARG(json_get_span(tool, "name")),
		   SPAN_ARG(json_get_span(tool, "server")), arguments ? arguments : "{}", result ? "the result: " : "there is no result.", result ? result : "");
	it->text = text.err ? NULL : dup_text(buf_span(&text));
	buf_fini(&text);
	free(arguments);
	free(result);
}

static void tool_of(struct history_item *it, const struct turn *u)
{
	struct json_object *o = NULL;

	if (!u->tool || json_read(&o, span_z(u->tool)) != ERR_OK)
		return;
	if (json_get(o, "server")) {
		told_of(it, o);
		json_object_put(o);
		return;
	}
	it->name = dup_text(json_get_span(o, "name"));
	it->arguments = dup_value(json_get(o, "arguments"), "{}");
	it->text = dup_value(json_get(o, "result"), NULL);
	whole_arguments(it);
	json_object_put(o);
}

static enum history_kind kind_of(const struct turn *u)
{
	struct span role = span_z(u->role);

	if (u->tool || span_is(role, "tool"))
		return HK_TOOL;
	return span_is(role, "user") ? HK_USER : span_is(role, "assistant") ? HK_AGENT : HK_NOTE;
}

static struct history_item item_of(const struct turn *u)
{
	struct history_item it = { .kind = kind_of(u), .seq = u->seq };

	if (it.kind == HK_TOOL) {
		tool_of(&it, u);
		return it;
	}
	it.text = u->text && *u->text ? dup_text(span_z(u->text)) : NULL;
	it.cut = it.kind == HK_AGENT && u->interrupted;
	it.open = it.kind == HK_AGENT && u->completed_at == FIELD_NULL_INT;
	return it;
}

/* --- the log --- */

static const char *who(enum history_kind k)
{
	static const char *const words[] = { [HK_USER] = "caller", [HK_AGENT] = "you", [HK_NOTE] = "note", [HK_TOOL] = "tool" };

	return words[k];
}

/* Of what is not kept any more: how many, and how it began. */
static void forget_oldest(struct history *h)
{
	struct history_item *it = &h->items[0];
	struct span text = span_z(it->kind == HK_TOOL ? it->name : it->text);

	h->before++;
	if (text.n && h->began.n < HISTORY_BEGAN)
		buf_printf(&h->began, "%s%s: " SPAN_FMT, h->began.n ? " / " : "", who(it->kind), SPAN_ARG(shorter(text, HISTORY_BEGAN)));
	item_fini(it);
	h->n--;
	memmove(h->items, h->items + 1, h->n * sizeof *h->items);
}

static struct history_item *find(struct history *h, int64_t seq)
{
	for (unsigned i = h->n; i-- > 0;)
		if (h->items[i].seq == seq)
			return &h->items[i];
	return NULL;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void update(struct history_item *old, struct history_item *it)
{
	it->given = old->given;
	it->stale = old->given && (old->stale || !same_text(old->text, it->text));
	item_fini(old);
	*old = *it;
}

static void insert(struct history *h, const struct history_item *it)
{
	unsigned at;

	if (h->n == HISTORY_ITEMS)
		forget_oldest(h);
	for (at = h->n; at > 0 && h->items[at - 1].seq > it->seq; at--)
		h->items[at] = h->items[at - 1];
	h->items[at] = *it;
	h->n++;
}

void history_turn(struct history *h, const struct turn *u)
{
	struct history_item it = item_of(u), *old = find(h, u->seq);

	if (old)
		update(old, &it);
	else
		insert(h, &it);
}

/* An answer of which nothing was heard is none. */
static bool says_nothing(const struct history_item *it)
{
	return it->kind == HK_TOOL ? !it->name : !it->text;
}

enum history_end history_end(const struct history *h)
{
	for (unsigned i = h->n; i-- > 0;) {
		const struct history_item *it = &h->items[i];

		if (it->kind == HK_AGENT)
			return it->open || it->cut ? HE_BROKEN : HE_SILENT;
		if (it->kind != HK_NOTE && !says_nothing(it))
			return HE_ASKED;
	}
	return HE_SILENT;
}

/* --- as messages --- */

static struct span id_of(char room[32], const char *prefix, int64_t seq)
{
	int n = snprintf(room, 32, "%s%lld", prefix, (long long)seq);

	return span_of(room, (size_t)n);
}

static enum realtime_role role_of(enum history_kind k)
{
	return k == HK_USER ? RR_USER : k == HK_AGENT ? RR_ASSISTANT : RR_SYSTEM;
}

static void say(const struct history_item *it, struct span after, struct buf *out)
{
	char event[32], id[32];

	realtime_message(out, id_of(event, "h", it->seq), id_of(id, "hist_", it->seq), after, role_of(it->kind), span_z(it->text));
}

/* A call whose result is not there: whoever waits for it knows the connection that asked. This one is told what happened. */
static void call_without_result(const struct history_item *it, struct buf *out)
{
	struct buf text = BUF_INIT;
	char event[32], id[32];

	buf_printf(&text, "(The tool %s was called; there is no result.)", it->name);
	realtime_message(out, id_of(event, "h", it->seq), id_of(id, "hist_", it->seq), SPAN_NONE, RR_SYSTEM, text.err ? SPAN("") : buf_span(&text));
	out->err = out->err ? out->err : text.err;
	buf_fini(&text);
}

/* One or two messages: a call goes with its result. */
static unsigned build(const struct history_item *it, struct buf msg[2])
{
	char event[32], id[32], call[32];

	if (it->kind != HK_TOOL) {
		say(it, SPAN_NONE, &msg[0]);
		return 1;
	}
	if (!it->text) {
		call_without_result(it, &msg[0]);
		return 1;
	}
	realtime_call(&msg[0], id_of(event, "h", it->seq), id_of(id, "hist_", it->seq), id_of(call, "call_h", it->seq), span_z(it->name),
	              span_z(it->arguments ? it->arguments : "{}"));
	realtime_output(&msg[1], id_of(event, "o", it->seq), id_of(id, "hout_", it->seq), id_of(call, "call_h", it->seq), span_z(it->text));
	return 2;
}

/* Newest first, as many as there is room for: the first that is given. */
static unsigned first_given(const struct history *h)
{
	size_t bytes = 0;
	unsigned from = h->n, given = 0;

	while (from > 0 && given < HISTORY_GIVEN) {
		struct buf msg[2] = { BUF_INIT, BUF_INIT };
		unsigned n = says_nothing(&h->items[from - 1]) ? 0 : build(&h->items[from - 1], msg);

		bytes += msg[0].n + msg[1].n;
		buf_fini(&msg[0]);
		buf_fini(&msg[1]);
		if (bytes > HISTORY_BYTES)
			break;
		given += n > 0;
		from--;
	}
	return from;
}

static void summary_words(const struct history *h, unsigned from, struct buf *text)
{
	struct buf began = BUF_BOUND(4 * HISTORY_BEGAN);

	buf_add(&began, buf_span(&h->began));
	for (unsigned i = 0; i < from && began.n < HISTORY_BEGAN; i++)
		if (h->items[i].text && h->items[i].kind != HK_TOOL)
			buf_printf(&began, "%s%s: " SPAN_FMT, began.n ? " / " : "", who(h->items[i].kind),
			           SPAN_ARG(shorter(span_z(h->items[i].text), HISTORY_BEGAN)));
	buf_printf(text, "Of the earlier part of this call %u turns are left out here. It began: ", h->before + from);
	buf_add(text, buf_span(&began));
	buf_fini(&began);
}

static void note(const char *id, struct span text, history_send *send, void *ctx)
{
	struct buf msg = BUF_INIT;

	realtime_message(&msg, span_z(id), SPAN_NONE, SPAN_NONE, RR_SYSTEM, text);
	send(ctx, &msg);
}

static void summary(const struct history *h, unsigned from, history_send *send, void *ctx)
{
	struct buf text = BUF_INIT;

	if (h->before + from == 0)
		return;
	summary_words(h, from, &text);
	if (!text.err)
		note("hsummary", buf_span(&text), send, ctx);
	buf_fini(&text);
}

static void give(struct history_item *it, history_send *send, void *ctx)
{
	struct buf msg[2] = { BUF_INIT, BUF_INIT };
	unsigned n = says_nothing(it) ? 0 : build(it, msg);

	for (unsigned i = 0; i < n; i++)
		send(ctx, &msg[i]);
	it->given = n > 0;
}

void history_give(struct history *h, struct span why, history_send *send, void *ctx)
{
	unsigned from = first_given(h);

	history_gone(h);
	note("hwhy", why, send, ctx);
	summary(h, from, send, ctx);
	for (unsigned i = from; i < h->n; i++)
		give(&h->items[i], send, ctx);
}

/* The last item before it that this connection knows from us. */
static struct span item_before(const struct history *h, unsigned i, char room[32])
{
	while (i-- > 0)
		if (h->items[i].given)
			return id_of(room, h->items[i].kind == HK_TOOL && h->items[i].text ? "hout_" : "hist_", h->items[i].seq);
	return SPAN("root");
}

static void take_back(const struct history_item *it, history_send *send, void *ctx)
{
	struct buf msg = BUF_INIT;
	char event[32], id[32];

	realtime_delete(&msg, id_of(event, "d", it->seq), id_of(id, "hist_", it->seq));
	send(ctx, &msg);
}

static void say_again(const struct history *h, unsigned i, history_send *send, void *ctx)
{
	struct buf msg = BUF_INIT;
	char before[32];

	say(&h->items[i], item_before(h, i, before), &msg);
	send(ctx, &msg);
}

/* An answer of the connection before was still being heard, a tool still at work. A result comes last: it is news. */
static void amend(struct history *h, unsigned i, history_send *send, void *ctx)
{
	struct history_item *it = &h->items[i];

	take_back(it, send, ctx);
	it->stale = it->given = false;
	if (it->kind == HK_TOOL)
		give(it, send, ctx);
	else if (it->text)
		say_again(h, i, send, ctx);
	it->given = it->text != NULL;
}

void history_amend(struct history *h, history_send *send, void *ctx)
{
	for (unsigned i = 0; i < h->n; i++)
		if (h->items[i].stale)
			amend(h, i, send, ctx);
}

void history_gone(struct history *h)
{
	for (unsigned i = 0; i < h->n; i++)
		h->items[i].given = h->items[i].stale = false;
}
