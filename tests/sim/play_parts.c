/* play_parts - what a file says of the relay's side: agent, HTTP tools and their answers, settings, what happens to the relay. */
#include <stdlib.h>

#include "play_relay.h"

static const char act_words[] = "kill replace hangup";

static const struct field happening_fields[] = {
	FIELD(struct happening, at_ms, FK_PLAIN, 0, 0, 86400000, "0", NULL, "after the start of the first stream"),
	FIELD_AS(struct happening, what, "do", FK_WORD, FF_REQUIRED, 0, 0, NULL, act_words, "what happens"),
	FIELD(struct happening, ms, FK_PLAIN, 0, 0, 600000, "500", NULL, "until the next relay is there"),
	FIELD(struct happening, word, FK_PLAIN, 0, 0, 64, NULL, NULL, "who hangs up"),
};

static const struct field reply_fields[] = {
	FIELD(struct reply, ms, FK_PLAIN, 0, 0, 600000, "100", NULL, "how late it comes"),
	FIELD(struct reply, status, FK_PLAIN, 0, 100, 599, "200", NULL, "HTTP status"),
	FIELD(struct reply, body, FK_PLAIN, 0, 0, 65536, "{}", NULL, "text, or JSON"),
	FIELD(struct reply, error, FK_PLAIN, 0, 0, 200, NULL, NULL, "what the relay makes of a request that failed"),
};

#define ROWS(t) (sizeof(t) / sizeof *(t))

static struct json_object *parsed(const char *text)
{
	struct json_object *o = NULL;

	return text && json_read(&o, span_z(text)) == ERR_OK ? o : NULL;
}

/* The body may be given as JSON: its text is what is sent. */
static enum err reply_read(struct reply *r, struct json_object *o, struct buf *why)
{
	struct json_object *body = json_get(o, "body");
	struct buf text = BUF_INIT;
	enum err e = field_defaults(reply_fields, ROWS(reply_fields), r);

	if (!e && body && !json_object_is_type(body, json_type_string)) {
		struct jbuild b = { 0 };

		json_write(&text, body);
		json_set(&b, o, "body", json_str(&b, buf_span(&text)));
		e = b.err;
		buf_fini(&text);
	}
	return e ? e : play_members(reply_fields, ROWS(reply_fields), r, o, NULL, "tools: answers", why);
}

static enum err hand_read(struct hand *h, struct json_object *list, struct buf *why)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	enum err e = ERR_OK;

	if (list && !json_object_is_type(list, json_type_array))
		return play_refuse(why, "tools", "answers is a list");
	h->replies = calloc(n + 1, sizeof *h->replies);
	if (!h->replies)
		return ERR_NOMEM;
	for (size_t i = 0; i < n && !e; i++)
		e = reply_read(&h->replies[h->n++], json_object_array_get_idx(list, i), why);
	if (n == 0)
		e = field_defaults(reply_fields, ROWS(reply_fields), &h->replies[h->n++]);
	return e;
}

static enum err tool_read(struct play_relay *r, struct json_object *o, struct buf *why)
{
	struct tool *t = &r->tools[r->tools_n];
	enum err e;

	record_init(&tool_type, t);
	r->tools_n++;
	e = play_members(tool_type.fields, tool_type.fields_n, t, o, "answers", "tools", why);
	if (!e && !t->name)
		e = play_refuse(why, "tools", "a tool has a name");
	return e ? e : hand_read(&r->hands[r->tools_n - 1], json_get(o, "answers"), why);
}

static enum err tools_read(struct play_relay *r, struct json_object *list, struct buf *why)
{
	size_t n = list ? json_object_array_length(list) : 0;
	enum err e = ERR_OK;

	r->tools = calloc(n + 1, sizeof *r->tools);
	r->hands = calloc(n + 1, sizeof *r->hands);
	if (!r->tools || !r->hands)
		return ERR_NOMEM;
	for (size_t i = 0; i < n && !e; i++)
		e = tool_read(r, json_object_array_get_idx(list, i), why);
	return e;
}

static enum act act_of(const char *word)
{
	struct span rest = span_z(act_words), w;
	int i = 0;

	while (span_cut(&rest, ' ', &w) && !span_is(w, word))
		i++;
	return (enum act)i;
}

static enum err happenings_read(struct play_relay *r, struct json_object *list, struct buf *why)
{
	size_t n = list ? json_object_array_length(list) : 0;
	enum err e = ERR_OK;

	r->happenings = calloc(n + 1, sizeof *r->happenings);
	if (!r->happenings)
		return ERR_NOMEM;
	for (size_t i = 0; i < n && !e; i++) {
		struct happening *h = &r->happenings[r->happenings_n++];

		e = field_defaults(happening_fields, ROWS(happening_fields), h);
		e = e ? e : play_members(happening_fields, ROWS(happening_fields), h, json_object_array_get_idx(list, i), NULL, "relay", why);
		if (!e && !h->what)
			e = play_refuse(why, "relay", "do must be given");
		h->act = e ? ACT_KILL : act_of(h->what);
	}
	return e;
}

static bool given(struct json_object *o, const char *name)
{
	return o && json_object_object_get_ex(o, name, NULL);
}

/* What `agent create` does: a field that may stay empty gets its default when it is not named. */
static enum err agent_read(struct play_relay *r, struct json_object *o, struct buf *why)
{
	enum err e = o ? play_members(agent_type.fields, agent_type.fields_n, &r->agent, o, NULL, "agent", why) : ERR_OK;

	for (size_t i = 0; i < agent_type.fields_n && !e; i++) {
		const struct field *f = &agent_type.fields[i];

		if ((f->flags & FF_KEEP) && f->def && !given(o, f->name))
			e = field_set_text(f, &r->agent, span_z(f->def), NULL);
	}
	if (!e && r->agent.instruction_template)
		e = play_refuse(why, "agent", "templates are of a store; give the instructions themselves");
	if (!e && !r->agent.name)
		r->agent.name = span_dup(SPAN("agent"));
	return e;
}

static enum err settings_read(struct play *p, struct buf *why)
{
	struct settings *s = &p->relay->settings;
	struct json_object *o = parsed(p->file.settings);
	enum err e = field_defaults(settings_fields, settings_fields_n, s);

	if (!e && strcmp(p->file.dialect, "beta") != 0)
		e = field_set_text(field_find(settings_fields, settings_fields_n, SPAN("OPENAI_DIALECT")), s, span_z(p->file.dialect), NULL);
	if (!e && o)
		e = play_members(settings_fields, settings_fields_n, s, o, NULL, "settings", why);
	if (!e && !s->openai_api_key) {
		s->openai_api_key = span_dup(SPAN("play"));
		e = s->openai_api_key ? ERR_OK : ERR_NOMEM;
	}
	json_object_put(o);
	return e;
}

enum err play_parts_read(struct play *p, struct buf *why)
{
	struct json_object *agent = parsed(p->file.agent), *tools = parsed(p->file.tools), *relay = parsed(p->file.relay);
	enum err e = settings_read(p, why);

	e = e ? e : agent_read(p->relay, agent, why);
	e = e ? e : tools_read(p->relay, tools, why);
	e = e ? e : happenings_read(p->relay, relay, why);
	json_object_put(agent);
	json_object_put(tools);
	json_object_put(relay);
	return e;
}

void play_parts_free(struct play_relay *r)
{
	for (size_t i = 0; i < r->tools_n; i++) {
		for (size_t k = 0; k < r->hands[i].n; k++)
			field_fini(reply_fields, ROWS(reply_fields), &r->hands[i].replies[k]);
		free(r->hands[i].replies);
		record_fini(&tool_type, &r->tools[i]);
	}
	for (size_t i = 0; i < r->happenings_n; i++)
		field_fini(happening_fields, ROWS(happening_fields), &r->happenings[i]);
	free(r->hands);
	free(r->tools);
	free(r->happenings);
	field_fini(settings_fields, settings_fields_n, &r->settings);
	record_fini(&agent_type, &r->agent);
}
