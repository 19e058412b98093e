/*
 * import - records from a file, all or none, in one transaction. A record replaces the one of the same key. Ids belong to an installation: what was
 * exported elsewhere is found by name, and by id only when that id was made at the same moment, so it is the same record.
 */
#include <stdlib.h>

#include "base/json.h"
#include "base/proc.h"
#include "noun.h"

struct import {
	struct job job;
	struct json_object *records;     /* an array */
	size_t at;                       /* the record in hand */
	size_t created, replaced;
};

static bool same_birth(const struct noun *n, const void *rec, struct json_object *o)
{
	const struct field *f = field_find(n->type->fields, n->type->fields_n, SPAN("created_at"));
	struct buf here = BUF_INIT;
	bool same;

	if (!f)
		return false;
	field_get_text(f, rec, &here);
	same = here.n && span_eq(buf_span(&here), json_get_span(o, "created_at"));
	buf_fini(&here);
	return same;
}

/* "account/name" for what belongs to an account and has a name of its own there. */
static void key_by_name(const struct noun *n, struct json_object *o, struct buf *out)
{
	struct span account = json_get_span(o, "account"), name = json_get_span(o, n->key);

	if (strcmp(n->key, "id") == 0) {
		name = json_get_span(o, "name");
		if (account.p && field_find(n->type->fields, n->type->fields_n, SPAN("account")))
			buf_printf(out, SPAN_FMT "/", SPAN_ARG(account));
	}
	buf_add(out, name);
}

/* ERR_NOTFOUND: it is new. */
static enum err find_same(struct txn *t, struct job *j, struct json_object *o)
{
	struct span id = json_get_span(o, "id");
	struct buf key = BUF_INIT;
	enum err e = ERR_NOTFOUND;

	if (id.n)
		e = noun_get(t, j->noun, id, j->rec, &j->why);
	if (!e && same_birth(j->noun, j->rec, o))
		return ERR_OK;
	job_begin(j);
	key_by_name(j->noun, o, &key);
	e = key.n ? noun_get(t, j->noun, buf_span(&key), j->rec, &j->why) : ERR_NOTFOUND;
	buf_fini(&key);
	return e;
}

static enum err fields_apply(struct job *j, struct json_object *o)
{
	const struct record_type *rt = j->noun->type;
	enum err e = ERR_OK;

	json_object_object_foreach(o, name, value) {
		const struct field *f = field_find(rt->fields, rt->fields_n, span_z(name));
		bool kept = f && ((f->flags & FF_READONLY) || ((f->flags & FF_SECRET) && span_is(json_span(value), "set")));

		if (e || kept)
			continue;
		if (!f)
			buf_printf(&j->why, "%s: there is no such field", name);
		e = f ? field_set_json(f, j->rec, value, &j->why) : ERR_VALUE;
	}
	return e;
}

static bool stays(const struct noun *n, const struct field *f)
{
	return f->flags & (FF_READONLY | FF_SECRET) || strcmp(f->name, n->key) == 0 || strcmp(f->name, "name") == 0 || strcmp(f->name, "account") == 0;
}

/* Replaced, not changed: what the file does not say is as in a new record. What it is called, whose it is, and secrets stay. */
static enum err others_reset(struct job *j, struct json_object *o)
{
	const struct record_type *rt = j->noun->type;
	enum err e = ERR_OK;

	for (size_t i = 0; i < rt->fields_n && !e; i++) {
		const struct field *f = &rt->fields[i];

		if (stays(j->noun, f) || json_object_object_get_ex(o, f->name, NULL))
			continue;
		field_fini(f, 1, j->rec);
		e = field_defaults(f, 1, j->rec);
	}
	return e;
}

static enum err import_one(struct txn *t, struct import *im, struct json_object *o)
{
	struct job *j = &im->job;
	bool fresh;
	enum err e;

	job_begin(j);
	if (!json_object_is_type(o, json_type_object)) {
		buf_addz(&j->why, "must be an object");
		return ERR_VALUE;
	}
	e = find_same(t, j, o);
	fresh = e == ERR_NOTFOUND;
	if (e && !fresh)
		return e;
	if (fresh) {
		job_begin(j);
		record_init(j->noun->type, j->rec);
	}
	e = fresh ? ERR_OK : others_reset(j, o);
	e = e ? e : fields_apply(j, o);
	if (!e)
		e = fresh ? noun_create(t, j->noun, j->rec, &j->why) : noun_update(t, j->noun, j->rec, &j->why);
	im->created += !e && fresh;
	im->replaced += !e && !fresh;
	return e;
}

static enum err import_body(struct txn *t, void *arg)
{
	struct import *im = arg;
	enum err e = ERR_OK;

	im->created = im->replaced = 0;
	for (im->at = 0; im->at < json_object_array_length(im->records) && !e; im->at += !e)
		e = import_one(t, im, json_object_array_get_idx(im->records, im->at));
	return e;
}

/* An array, a list answer of the JSON API, or one record. */
static enum err records_of(struct import *im, struct json_object *file)
{
	struct json_object *items = json_get(file, "items");

	if (json_object_is_type(file, json_type_array))
		im->records = json_object_get(file);
	else if (json_object_is_type(items, json_type_array))
		im->records = json_object_get(items);
	else if (json_object_is_type(file, json_type_object) && (im->records = json_object_new_array()))
		json_object_array_add(im->records, json_object_get(file));
	return im->records ? ERR_OK : ERR_VALUE;
}

static enum err file_records(struct import *im, const char *path)
{
	struct buf text = BUF_BOUND((size_t)64 << 20);
	struct json_object *file = NULL;
	enum err e = file_read(&text, strcmp(path, "-") == 0 ? "/dev/stdin" : path);

	if (e) {
		cli_fail(im->job.cli, e, "%s: cannot be read: %s", path, err_text(e));
		e = ERR_VALUE;
	} else {
		e = json_read(&file, buf_span(&text));
		e = e ? e : records_of(im, file);
		if (e)
			cli_fail(im->job.cli, e, "%s: must be a JSON array of records, as export prints it", path);
	}
	json_object_put(file);
	buf_fini(&text);
	return e;
}

/* Whatever is wrong with the file is the file's fault: nothing named on the command line is missing. */
static enum err refuse(struct import *im, const char *path, enum err e)
{
	struct json_object *o = json_object_array_get_idx(im->records, im->at);
	struct buf key = BUF_INIT;

	if (o && json_object_is_type(o, json_type_object))
		key_by_name(im->job.noun, o, &key);
	cli_fail(im->job.cli, e, "%s: record %zu%s%s%s: %s; nothing was changed", path, im->at + 1, key.n ? " (" : "", key.n ? buf_z(&key) : "",
		 key.n ? ")" : "", im->job.why.n ? buf_z(&im->job.why) : err_text(e));
	buf_fini(&key);
	return e == ERR_NOTFOUND ? ERR_VALUE : e;
}

static void report(struct import *im)
{
	struct jbuild b = { 0 };
	struct json_object *o;

	if (!im->job.cli->json) {
		buf_printf(&im->job.cli->out, "%zu created, %zu replaced\n", im->created, im->replaced);
		return;
	}
	o = json_obj(&b);
	json_set(&b, o, "created", json_int(&b, (int64_t)im->created));
	json_set(&b, o, "replaced", json_int(&b, (int64_t)im->replaced));
	json_write_pretty(&im->job.cli->out, o);
	buf_addc(&im->job.cli->out, '\n');
	json_object_put(o);
}

enum err noun_import_run(struct cli *c, const struct args *a)
{
	struct import im = { .at = 0 };
	const char *path = arg(a, "FILE");
	enum err e = job_init(&im.job, c, a->word[0], SPAN_NONE);

	if (!e)
		e = file_records(&im, path);
	if (!e) {
		e = cli_txn(c, CLI_WRITE, import_body, &im);
		if (e)
			e = refuse(&im, path, e);
	}
	if (!e)
		report(&im);
	json_object_put(im.records);
	job_fini(&im.job);
	return e;
}
