#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/proc.h"
#include "demo.h"
#include "model.h"

#define N(a) (sizeof(a) / sizeof *(a))

/* --- the tables --- */

#define TEXT(s, m, help) FIELD(struct s, m, FK_PLAIN, 0, 0, 8000, NULL, NULL, help)
#define MAYBE(s, m, lo, hi, help) FIELD(struct s, m, FK_PLAIN, 0, lo, hi, NULL, NULL, help)
#define NUMBER(s, m, lo, hi, def, help) FIELD(struct s, m, FK_PLAIN, 0, lo, hi, def, NULL, help)

static const struct field call_fields[] = {
	FIELD(struct call_step, name, FK_PLAIN, FF_REQUIRED, 1, 64, NULL, NULL, "function to call"),
	TEXT(call_step, arguments, "JSON value, or a text that is sent as it is"),
};

static const struct field mcp_fields[] = {
	FIELD(struct mcp_step, server, FK_PLAIN, FF_REQUIRED, 1, 64, NULL, NULL, "server_label of the MCP server"),
	FIELD(struct mcp_step, name, FK_PLAIN, FF_REQUIRED, 1, 64, NULL, NULL, "tool of that server"),
	TEXT(mcp_step, arguments, "JSON value, or a text that is sent as it is"),
	TEXT(mcp_step, output, "JSON value, or a text: the result"),
	TEXT(mcp_step, error, "it fails with these words"),
	NUMBER(mcp_step, delay_ms, 0, 600000, "100", "it takes so long"),
};

static const struct field reply_fields[] = {
	TEXT(reply, say, "what the model says"),
	TEXT(reply, commentary, "a message of its own before it"),
	TEXT(reply, wav, "WAV file played for `say`"),
	MAYBE(reply, pattern_seconds, 0, 86400, "the pattern instead of speech"),
	MAYBE(reply, delay_ms, 0, 600000, "until the first output"),
	MAYBE(reply, stop_ms, 0, 3600000, "so much audio, then `end`"),
	FIELD(struct reply, end, FK_WORD, 0, 0, 0, "completed", "completed failed incomplete empty", "how the response ends"),
	TEXT(reply, code, "of a failure; of an incomplete response its reason"),
	TEXT(reply, message, "of a failure"),
};

static const struct field turn_fields[] = {
	TEXT(turn, user, "what the caller is taken to have said"),
	MAYBE(turn, transcript_ms, 0, 600000, "until its transcript comes"),
	TEXT(turn, transcript_error, "the transcription fails with this code"),
};

static const char fault_words[] = "drop close error stall mute deaf garbage binary huge fragment ignore refuse pcm expire";
static const struct field fault_fields[] = {
	FIELD(struct fault_rule, at, FK_PLAIN, FF_REQUIRED, 1, 80, NULL, NULL, "event type of either direction, or `connect`"),
	NUMBER(fault_rule, nth, 0, 1000000, "1", "which occurrence; 0 = every"),
	NUMBER(fault_rule, after_ms, 0, 86400000, "0", "how long after it"),
	FIELD_AS(struct fault_rule, what, "do", FK_WORD, FF_REQUIRED, 0, 0, NULL, fault_words, "what happens"),
	FIELD_AS(struct fault_rule, close_code, "close", FK_PLAIN, 0, 1000, 4999, "1011", NULL, "close code"),
	NUMBER(fault_rule, ms, 0, 86400000, "0", "duration; 0 = for good"),
	NUMBER(fault_rule, bytes, 1, 268435456, "1024", "size of a piece, or of the huge message"),
	TEXT(fault_rule, code, "error code"),
	TEXT(fault_rule, message, "error text, close reason"),
	TEXT(fault_rule, param, "error param"),
	FIELD(struct fault_rule, type, FK_PLAIN, 0, 0, 80, "server_error", NULL, "error type"),
	TEXT(fault_rule, text, "what garbage is sent"),
};

static const struct field script_fields[] = {
	TEXT(script, model, "chosen by this name in ?model="),
	FIELD(struct script, audio, FK_WORD, 0, 0, 0, "speech", "speech pattern", "answers are speech, or the pattern that checks itself"),
	FIELD(struct script, greeting, FK_PLAIN, 0, 0, 8000, "Hello, how can I help you?", NULL, "said first when no words are given"),
	NUMBER(script, pattern_seconds, 0, 86400, "60", "length of a pattern answer"),
	NUMBER(script, rate, 0, 1000, "5", "audio is delivered so many times as fast as it plays; 0 = all at once"),
	NUMBER(script, delta_ms, 1, 10000, "250", "audio in one delta"),
	NUMBER(script, first_output_ms, 0, 600000, "250", "from response.created to the first output"),
	NUMBER(script, transcript_ms, 0, 600000, "400", "from the end of a turn to its transcript"),
	NUMBER(script, created_ms, 0, 600000, "0", "from the upgrade to session.created"),
	NUMBER(script, updated_ms, 0, 600000, "0", "from session.update to its answer"),
	MAYBE(script, start_after_ms, 0, 600000, "pattern: starts by itself so long after the first append"),
	NUMBER(script, expires_s, 1, 86400, "3600", "life of the session"),
	NUMBER(script, ping_ms, 0, 3600000, "20000", "between pings; 0 = none"),
	NUMBER(script, upgrade_status, 0, 599, "0", "the upgrade is refused with this HTTP status"),
	NUMBER(script, mcp_list_ms, 0, 600000, "100", "until an MCP server has told its tools"),
	FIELD(struct script, mcp_failing, FK_LIST, 0, 0, 8000, NULL, NULL, "labels of MCP servers that tell no tools"),
	FIELD(struct script, vad, FK_PLAIN, 0, 0, 0, "false", NULL, "pattern: listen for speech nevertheless"),
};

static const struct field scenario_fields[] = {
	TEXT(scenario, name, "of the scenario"),
	FIELD(struct scenario, models, FK_LIST, 0, 0, 8000, NULL, NULL, "names that exist"),
	FIELD(struct scenario, cert_names, FK_LIST, 0, 0, 8000, NULL, NULL, "names in the certificate"),
	NUMBER(scenario, cert_days, -3650, 3650, "30", "validity of the certificate; below 1 = expired"),
	NUMBER(scenario, silent, 0, 1000000, "0", "so many first connections are never answered"),
};

/* --- reading --- */

/* A member that is a list of objects: array, count and how one is read. */
struct part {
	const char *name;
	size_t off_array, off_count, size;
	enum err (*load)(void *obj, struct json_object *o, const char *path, struct buf *why);
};

static enum err refuse(struct buf *why, const char *path, const char *name, const char *what)
{
	if (why)
		buf_printf(why, "%s%s%s: %s", path, *path && *name ? "." : "", name, what);
	return ERR_VALUE;
}

static enum err load_list(const struct part *p, void *obj, struct json_object *v, const char *path, struct buf *why)
{
	enum err e = ERR_OK;
	char *array, at[200];
	size_t n;

	if (!json_object_is_type(v, json_type_array))
		return refuse(why, path, p->name, "must be a list");
	n = json_object_array_length(v);
	array = calloc(n + 1, p->size);
	if (!array)
		return ERR_NOMEM;
	memcpy((char *)obj + p->off_array, &array, sizeof array);
	memcpy((char *)obj + p->off_count, &n, sizeof n);
	for (size_t i = 0; i < n && !e; i++) {
		snprintf(at, sizeof at, "%s%s%s[%zu]", path, *path ? "." : "", p->name, i);
		e = p->load(array + i * p->size, json_object_array_get_idx(v, i), at, why);
	}
	return e;
}

static enum err unknown(const struct field *f, size_t n, const char *path, struct span name, struct buf *why)
{
	const struct field *near = field_nearest(f, n, name);

	if (why)
		buf_printf(why, "%s%s" SPAN_FMT ": unknown%s%s%s", path, *path ? "." : "", SPAN_ARG(name), near ? "; did you mean `" : "",
			   near ? near->name : "", near ? "`?" : "");
	return ERR_VALUE;
}

static enum err set_member(const struct field *f, size_t n, void *obj, const char *key, struct json_object *v, const char *path, struct buf *why)
{
	const struct field *m = field_find(f, n, span_z(key));

	if (!m)
		return unknown(f, n, path, span_z(key), why);
	if (why && *path)
		buf_printf(why, "%s: ", path);
	enum err e = field_set_json(m, obj, v, why);

	if (!e && why)
		buf_reset(why);
	return e;
}

static enum err required(const struct field *f, size_t n, const void *obj, const char *path, struct buf *why)
{
	for (size_t i = 0; i < n; i++)
		if ((f[i].flags & FF_REQUIRED) && field_is_null(&f[i], obj))
			return refuse(why, path, f[i].name, "must be given");
	return ERR_OK;
}

static const struct part *part_find(const struct part *parts, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(parts[i].name, key) == 0)
			return &parts[i];
	return NULL;
}

static enum err load_object(const struct field *f, size_t n, const struct part *parts, size_t n_parts, void *obj, struct json_object *o,
			    const char *path, struct buf *why)
{
	enum err e = json_object_is_type(o, json_type_object) ? ERR_OK : refuse(why, path, "", "must be an object");

	if (e)
		return e;
	json_object_object_foreach(o, key, v) {
		const struct part *p = part_find(parts, n_parts, key);

		e = p ? load_list(p, obj, v, path, why) : set_member(f, n, obj, key, v, path, why);
		if (e)
			return e;
	}
	return required(f, n, obj, path, why);
}

/* A member given as an object: its text is what is sent. */
static enum err as_text(struct json_object *o, const char *key)
{
	struct json_object *v = json_get(o, key);
	struct jbuild b = { 0 };
	struct buf text = BUF_INIT;
	enum err e;

	if (!v || json_object_is_type(v, json_type_string))
		return ERR_OK;
	e = json_write(&text, v);
	json_set(&b, o, key, json_str(&b, buf_span(&text)));
	buf_fini(&text);
	return e ? e : b.err;
}

static enum err call_load(void *obj, struct json_object *o, const char *path, struct buf *why)
{
	enum err e = field_defaults(call_fields, N(call_fields), obj);

	e = e ? e : as_text(o, "arguments");
	return e ? e : load_object(call_fields, N(call_fields), NULL, 0, obj, o, path, why);
}

static enum err mcp_load(void *obj, struct json_object *o, const char *path, struct buf *why)
{
	enum err e = field_defaults(mcp_fields, N(mcp_fields), obj);

	e = e ? e : as_text(o, "arguments");
	e = e ? e : as_text(o, "output");
	return e ? e : load_object(mcp_fields, N(mcp_fields), NULL, 0, obj, o, path, why);
}

#define PART(s, m, fn) { #m, offsetof(struct s, m), offsetof(struct s, n_##m), sizeof *((struct s *)0)->m, fn }
static const struct part reply_parts[] = { PART(reply, calls, call_load), PART(reply, mcp, mcp_load) };

static enum err reply_load(void *obj, struct json_object *o, const char *path, struct buf *why)
{
	enum err e = field_defaults(reply_fields, N(reply_fields), obj);

	return e ? e : load_object(reply_fields, N(reply_fields), reply_parts, N(reply_parts), obj, o, path, why);
}

static const struct part turn_parts[] = { PART(turn, replies, reply_load) };

/* A turn with one reply may hold the reply's own members. */
static enum err turn_fold(struct json_object *o, struct json_object **folded)
{
	struct jbuild b = { 0 };
	struct json_object *turn = json_obj(&b), *reply = json_obj(&b), *list = json_arr(&b);

	json_object_object_foreach(o, key, v) {
		bool own = field_find(turn_fields, N(turn_fields), span_z(key)) || strcmp(key, "replies") == 0;

		json_set(&b, own ? turn : reply, key, json_object_get(v));
	}
	if (!b.err && (json_object_object_length(reply) > 0 || !json_get(turn, "replies"))) {
		json_push(&b, list, json_object_get(reply));
		json_set(&b, turn, "replies", json_object_get(list));
	}
	json_object_put(reply);
	json_object_put(list);
	if (b.err) {
		json_object_put(turn);
		return b.err;
	}
	*folded = turn;
	return ERR_OK;
}

static enum err turn_load(void *obj, struct json_object *o, const char *path, struct buf *why)
{
	struct json_object *folded = NULL;
	enum err e = field_defaults(turn_fields, N(turn_fields), obj);

	if (!e && !json_object_is_type(o, json_type_object))
		e = refuse(why, path, "", "must be an object");
	if (!e)
		e = turn_fold(o, &folded);
	if (!e)
		e = load_object(turn_fields, N(turn_fields), turn_parts, N(turn_parts), obj, folded, path, why);
	json_object_put(folded);
	return e;
}

static enum fault_do fault_word(const char *word)
{
	struct span rest = span_z(fault_words), w;
	int i = DO_NONE;

	while (span_cut(&rest, ' ', &w)) {
		i++;
		if (span_is(w, word))
			return (enum fault_do)i;
	}
	return DO_NONE;
}

static enum err fault_load(void *obj, struct json_object *o, const char *path, struct buf *why)
{
	struct fault_rule *f = obj;
	enum err e = field_defaults(fault_fields, N(fault_fields), f);

	if (!e)
		e = load_object(fault_fields, N(fault_fields), NULL, 0, f, o, path, why);
	if (!e && !model_event_known(span_z(f->at)))
		e = refuse(why, path, "at", "no such event; an event type of the protocol, or `connect`");
	if (!e)
		f->act = fault_word(f->what);
	return e;
}

static const struct part script_parts[] = { PART(script, turns, turn_load), PART(script, more, turn_load), PART(script, faults, fault_load) };

static enum err script_load(void *obj, struct json_object *o, const char *path, struct buf *why)
{
	enum err e = field_defaults(script_fields, N(script_fields), obj);

	return e ? e : load_object(script_fields, N(script_fields), script_parts, N(script_parts), obj, o, path, why);
}

static const struct part scenario_parts[] = { { "sessions", offsetof(struct scenario, scripts), offsetof(struct scenario, n_scripts),
						sizeof(struct script), script_load } };

/* A file with a single script may hold the script's own members. */
static enum err scenario_fold(struct json_object *o, struct json_object **folded)
{
	struct jbuild b = { 0 };
	struct json_object *top = json_obj(&b), *script = json_obj(&b), *list = json_arr(&b);

	json_object_object_foreach(o, key, v) {
		bool own = field_find(scenario_fields, N(scenario_fields), span_z(key)) || strcmp(key, "sessions") == 0;

		json_set(&b, own ? top : script, key, json_object_get(v));
	}
	if (!b.err && (json_object_object_length(script) > 0 || !json_get(top, "sessions"))) {
		json_push(&b, list, json_object_get(script));
		json_set(&b, top, "sessions", json_object_get(list));
	}
	json_object_put(script);
	json_object_put(list);
	if (b.err) {
		json_object_put(top);
		return b.err;
	}
	*folded = top;
	return ERR_OK;
}

enum err scenario_parse(struct scenario **out, struct span json, struct buf *why)
{
	struct scenario *sc = calloc(1, sizeof *sc);
	struct json_object *o = NULL, *folded = NULL;
	enum err e = sc ? field_defaults(scenario_fields, N(scenario_fields), sc) : ERR_NOMEM;

	if (!e) {
		e = json_read(&o, json);
		if (e == ERR_SYNTAX || (!e && !json_object_is_type(o, json_type_object)))
			e = refuse(why, "scenario", "", "is no JSON object");
	}
	if (!e)
		e = scenario_fold(o, &folded);
	if (!e)
		e = load_object(scenario_fields, N(scenario_fields), scenario_parts, N(scenario_parts), sc, folded, "", why);
	if (!e && sc->n_scripts == 0)
		e = refuse(why, "sessions", "", "at least one is needed");
	json_object_put(o);
	json_object_put(folded);
	if (e)
		scenario_free(sc);
	else
		*out = sc;
	return e;
}

enum err scenario_load(struct scenario **out, const char *path, struct buf *why)
{
	struct buf text = BUF_INIT;
	enum err e = file_read(&text, path);

	if (e)
		refuse(why, path, "", err_text(e));
	else
		e = scenario_parse(out, buf_span(&text), why);
	buf_fini(&text);
	return e;
}

static const char default_text[] =
	"{\"name\":\"demo\",\"turns\":["
#define X(caller, agent) "{\"user\":\"" caller "\",\"say\":\"" agent "\"},"
	DEMO_TURNS(X)
#undef X
	"{\"user\":\"Are you still there?\",\"say\":\"Yes, I am still here. How can I help you?\"}],"
	"\"more\":["
	"{\"say\":\"I see. Is there anything else you would like to know?\"},"
	"{\"say\":\"Certainly. I have made a note of that for my colleagues.\"},"
	"{\"say\":\"Good question. Let me put it this way: yes, of course.\"}]}";

enum err scenario_default(struct scenario **out, struct buf *why)
{
	return scenario_parse(out, span_z(default_text), why);
}

/* --- freeing --- */

static void reply_fini(struct reply *r)
{
	for (size_t i = 0; i < r->n_calls; i++)
		field_fini(call_fields, N(call_fields), &r->calls[i]);
	for (size_t i = 0; i < r->n_mcp; i++)
		field_fini(mcp_fields, N(mcp_fields), &r->mcp[i]);
	free(r->calls);
	free(r->mcp);
	field_fini(reply_fields, N(reply_fields), r);
}

static void turns_free(struct turn *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < t[i].n_replies; k++)
			reply_fini(&t[i].replies[k]);
		free(t[i].replies);
		field_fini(turn_fields, N(turn_fields), &t[i]);
	}
	free(t);
}

static void script_fini(struct script *s)
{
	turns_free(s->turns, s->n_turns);
	turns_free(s->more, s->n_more);
	for (size_t i = 0; i < s->n_faults; i++)
		field_fini(fault_fields, N(fault_fields), &s->faults[i]);
	free(s->faults);
	field_fini(script_fields, N(script_fields), s);
}

void scenario_free(struct scenario *sc)
{
	if (!sc)
		return;
	for (size_t i = 0; i < sc->n_scripts; i++)
		script_fini(&sc->scripts[i]);
	free(sc->scripts);
	field_fini(scenario_fields, N(scenario_fields), sc);
	free(sc);
}

/* --- questions --- */

const struct script *scenario_script(const struct scenario *sc, unsigned number, struct span model)
{
	size_t seen = 0;
	const struct script *last = NULL;

	for (size_t i = 0; i < sc->n_scripts; i++)
		if (sc->scripts[i].model && span_is(model, sc->scripts[i].model))
			return &sc->scripts[i];
	for (size_t i = 0; i < sc->n_scripts && seen < number; i++) {
		if (sc->scripts[i].model)
			continue;
		last = &sc->scripts[i];
		seen++;
	}
	return last ? last : &sc->scripts[0];
}

static bool list_has(const char *json, struct span word)
{
	struct json_object *a = NULL;
	bool found = false;

	if (json_read(&a, span_z(json)))
		return false;
	for (size_t i = 0; i < json_object_array_length(a) && !found; i++)
		found = span_eq(json_span(json_object_array_get_idx(a, i)), word);
	json_object_put(a);
	return found;
}

bool scenario_accepts(const struct scenario *sc, struct span model)
{
	for (size_t i = 0; i < sc->n_scripts; i++)
		if (sc->scripts[i].model && span_is(model, sc->scripts[i].model))
			return true;
	return sc->models ? list_has(sc->models, model) : span_starts(model, SPAN("gpt-realtime"));
}

const struct turn *script_turn(const struct script *s, unsigned turn)
{
	if (turn < s->n_turns)
		return &s->turns[turn];
	return s->n_more ? &s->more[(turn - s->n_turns) % s->n_more] : NULL;
}

bool script_is_pattern(const struct script *s)
{
	return strcmp(s->audio, "pattern") == 0;
}

enum reply_end reply_end_of(const struct reply *r)
{
	static const char *const words[] = { "completed", "failed", "incomplete", "empty" };

	for (size_t i = 0; r->end && i < N(words); i++)
		if (strcmp(r->end, words[i]) == 0)
			return (enum reply_end)i;
	return REPLY_COMPLETED;
}
