/* db - the database as a whole: made, checked, counted. */
#include "base/json.h"
#include "cli.h"
#include "out.h"
#include "store/noun.h"

#define TRIES 5

/* What is no transaction of ours: done again in a newly opened environment when somebody has recovered it. */
static enum err with_store(struct cli *c, bool create, enum err (*fn)(struct cli *))
{
	enum err e = ERR_RECOVER;

	for (int i = 0; e == ERR_RECOVER && i < TRIES; i++) {
		if (i)
			cli_close(c);
		e = cli_open(c, create);
		e = e ? e : fn(c);
	}
	return e ? cli_fail(c, e, "%s: %s", c->cf.db_dir, err_text(e)) : ERR_OK;
}

static enum err first_start(struct cli *c)
{
	return store_first_start(c->store);
}

enum err db_init_run(struct cli *c, const struct args *a)
{
	(void)a;
	return with_store(c, true, first_start);
}

static void check_print(struct cli *c, bool ok, struct span report)
{
	struct jbuild b = { 0 };
	struct json_object *o;

	if (!c->json) {
		buf_add(&c->out, report);
		if (ok)
			buf_addz(&c->out, "ok\n");
		return;
	}
	o = json_obj(&b);
	json_set(&b, o, "ok", json_bool(&b, ok));
	json_set(&b, o, "report", json_str(&b, report));
	out_json(&c->out, o);
	json_object_put(o);
}

static enum err check(struct cli *c)
{
	struct buf report = BUF_INIT;
	enum err e = store_check(c->store, &report);

	if (!e || e == ERR_CORRUPT)
		check_print(c, !e, buf_span(&report));
	buf_fini(&report);
	return e;
}

enum err db_check_run(struct cli *c, const struct args *a)
{
	(void)a;
	return with_store(c, false, check);
}

static void stat_lines(struct buf *out, struct json_object *o, const char *prefix);

/* One line for each number: "locks.deadlocks 0"; rows of a list go by their names: "tables.calls.records 3". */
static void stat_value(struct buf *out, struct json_object *v, const char *path)
{
	if (json_object_is_type(v, json_type_object)) {
		stat_lines(out, v, path);
	} else if (json_object_is_type(v, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(v); i++) {
			struct json_object *row = json_object_array_get_idx(v, i);
			struct buf name = BUF_INIT;

			buf_printf(&name, "%s." SPAN_FMT, path, SPAN_ARG(json_get_span(row, "name")));
			stat_lines(out, row, buf_z(&name));
			buf_fini(&name);
		}
	} else {
		buf_printf(out, "%-36s ", path);
		out_value(out, v);
		buf_addc(out, '\n');
	}
}

static void stat_lines(struct buf *out, struct json_object *o, const char *prefix)
{
	json_object_object_foreach(o, name, v) {
		struct buf path = BUF_INIT;

		if (*prefix && strcmp(name, "name") == 0)
			continue;
		buf_printf(&path, "%s%s%s", prefix, *prefix ? "." : "", name);
		stat_value(out, v, buf_z(&path));
		buf_fini(&path);
	}
}

static enum err stat_print(struct cli *c)
{
	struct buf text = BUF_INIT;
	struct json_object *o = NULL;
	enum err e = store_stat(c->store, &text);

	if (!e)
		e = json_read(&o, buf_span(&text));
	if (!e && c->json)
		e = out_json(&c->out, o);
	else if (!e)
		stat_lines(&c->out, o, "");
	json_object_put(o);
	buf_fini(&text);
	return e;
}

enum err db_stat_run(struct cli *c, const struct args *a)
{
	(void)a;
	return with_store(c, false, stat_print);
}

/* Started by whoever waits too long in the database: no configuration, no output, nothing that could wait as well. */
enum err db_touch_run(struct cli *c, const struct args *a)
{
	c->said = true;
	return store_helper_main(arg(a, "home"), arg(a, "keyfile")) == 0 ? ERR_OK : ERR_IO;
}
