/* play_file - a file of `offhook-sim play`: the members of the whole; each part is read by the module it is for. */
#include "base/proc.h"
#include "model_dialect.h"
#include "play.h"

#define F(m, kind, min, max, def, allowed, help) FIELD(struct play_file, m, kind, 0, min, max, def, allowed, help)

static const struct field file_fields[] = {
	F(name,           FK_PLAIN,  0, 200,      NULL,   NULL, "what it shows"),
	F(seed,           FK_PLAIN,  0, 4294967295.0, "1", NULL, "of everything random"),
	F(at,             FK_TIME,   0, 0,        "2026-11-23T09:00:00Z", NULL, "when the call begins"),
	F(limit_s,        FK_PLAIN,  1, 86400,    "300",  NULL, "a call that has not ended by then has failed"),
	F(delay_ms,       FK_PLAIN,  0, 10000,    "0",    NULL, "the media link is so slow, each way"),
	F(jitter_ms,      FK_PLAIN,  0, 10000,    "0",    NULL, "and up to so much slower, at random, in order"),
	F(model_delay_ms, FK_PLAIN,  0, 10000,    "20",   NULL, "the way to the model, each way"),
	F(webhook_ms,     FK_PLAIN,  0, 10000,    "30",   NULL, "a webhook takes so long"),
	F(dialect,        FK_WORD,   0, 0,        "openai", MODEL_DIALECT_WORDS, "manners of the model"),
	F(agent,          FK_OBJECT, 0, 4194304,  NULL,   NULL, "fields of the agent"),
	F(tools,          FK_LIST,   0, 4194304,  NULL,   NULL, "HTTP tools, and what they answer"),
	F(settings,       FK_OBJECT, 0, 65536,    NULL,   NULL, "settings of Offhook"),
	F(phone,          FK_OBJECT, 0, 4194304,  NULL,   NULL, "what the caller does"),
	F(model,          FK_OBJECT, 0, 4194304,  NULL,   NULL, "what the model says and does"),
	F(relay,          FK_LIST,   0, 65536,    NULL,   NULL, "what happens to the relay"),
	F(expect,         FK_OBJECT, 0, 1048576,  NULL,   NULL, "what must come out"),
};
#define N_FILE (sizeof file_fields / sizeof *file_fields)

enum err play_refuse(struct buf *why, const char *where, const char *what)
{
	if (why)
		buf_printf(why, "%s: %s", where, what);
	return ERR_VALUE;
}

static enum err unknown(const struct field *f, size_t n, const char *where, const char *key, struct buf *why)
{
	const struct field *near = field_nearest(f, n, span_z(key));

	if (why)
		buf_printf(why, "%s: unknown member %s%s%s%s", where, key, near ? "; did you mean " : "", near ? near->name : "", near ? "?" : "");
	return ERR_VALUE;
}

enum err play_members(const struct field *f, size_t n, void *obj, struct json_object *o, const char *own, const char *where, struct buf *why)
{
	if (!json_object_is_type(o, json_type_object))
		return play_refuse(why, where, "an object was expected");
	json_object_object_foreach(o, key, value) {
		const struct field *row = field_find(f, n, span_z(key));
		struct buf what = BUF_INIT;
		enum err e;

		if (own && strcmp(key, own) == 0)
			continue;
		if (!row)
			return unknown(f, n, where, key, why);
		e = field_set_json(row, obj, value, &what);
		if (e)
			play_refuse(why, where, buf_z(&what));
		buf_fini(&what);
		if (e)
			return ERR_VALUE;
	}
	return ERR_OK;
}

enum err play_file_parse(struct play_file *f, struct span text, struct buf *why)
{
	struct json_object *o = NULL;
	enum err e = json_read(&o, text);

	*f = (struct play_file){ 0 };
	if (e)
		return e == ERR_NOMEM ? e : play_refuse(why, "file", "it is no JSON");
	e = field_defaults(file_fields, N_FILE, f);
	e = e ? e : play_members(file_fields, N_FILE, f, o, NULL, "file", why);
	json_object_put(o);
	if (e)
		play_file_fini(f);
	return e;
}

enum err play_file_read(struct play_file *f, const char *path, struct buf *why)
{
	struct buf text = BUF_BOUND(PLAY_FILE_MAX);
	enum err e = file_read(&text, path);

	*f = (struct play_file){ 0 };
	if (e)
		buf_addz(why, err_text(e));
	else
		e = play_file_parse(f, buf_span(&text), why);
	buf_fini(&text);
	return e;
}

void play_file_fini(struct play_file *f)
{
	field_fini(file_fields, N_FILE, f);
}
