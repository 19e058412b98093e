/* assign - field=value words; field=@FILE and field=@- read the value, field=@@x means "@x". */
#include <stdlib.h>
#include <unistd.h>

#include "base/proc.h"
#include "noun.h"

static enum err unknown_field(struct job *j, struct span name)
{
	const struct record_type *rt = j->noun->type;
	const struct field *near = field_nearest(rt->fields, rt->fields_n, name);

	if (near)
		return cli_fail(j->cli, ERR_USAGE, "no field \"" SPAN_FMT "\"; did you mean %s?", SPAN_ARG(name), near->name);
	return cli_fail(j->cli, ERR_USAGE, "no field \"" SPAN_FMT "\"; `offhook %s show X` lists them", SPAN_ARG(name), rt->noun);
}

/* One line end at the end of a file is the editor's, not the value's. */
static void line_end_drop(struct buf *b)
{
	if (b->n && b->p[b->n - 1] == '\n')
		b->n--;
	if (b->n && b->p[b->n - 1] == '\r')
		b->n--;
}

static enum err value_read(struct job *j, const struct field *f, const char *text, struct buf *out)
{
	const char *path = strcmp(text, "@-") == 0 ? "/dev/stdin" : text + 1;
	enum err e;

	if (text[0] != '@' || text[1] == '@') {
		buf_addz(out, text + (text[0] == '@'));
		return out->err;
	}
	*out = BUF_BOUND(VALUE_MAX);
	e = file_read(out, path);
	if (e)
		return cli_fail(j->cli, e == ERR_NOTFOUND ? ERR_VALUE : e, "%s=%s: cannot be read: %s", f->name, text, err_text(e));
	line_end_drop(out);
	return ERR_OK;
}

static enum err assign_read(struct job *j, const char *word, struct assign *as)
{
	const struct record_type *rt = j->noun->type;
	struct span value = span_z(word), name;

	if (!strchr(word, '='))
		return cli_fail(j->cli, ERR_USAGE, "%.80s: must be field=value", word);
	span_cut(&value, '=', &name);
	as->field = field_find(rt->fields, rt->fields_n, name);
	if (!as->field)
		return unknown_field(j, name);
	if (as->field->flags & FF_READONLY)
		return cli_fail(j->cli, ERR_VALUE, "%s: is kept by the program and cannot be set", as->field->name);
	return value_read(j, as->field, word + name.n + 1, &as->value);
}

/* `create X`: what a record is called is a field like the others. */
static enum err called(struct job *j, struct assign *as)
{
	const struct record_type *rt = j->noun->type;

	as->field = field_find(rt->fields, rt->fields_n, span_z(strcmp(j->noun->key, "id") == 0 ? "name" : j->noun->key));
	if (!as->field)
		return ERR_INTERNAL;
	buf_add(&as->value, j->x);
	j->set_n++;
	return as->value.err;
}

/* What a number or a tool is called is where it lies: under another name it would be another record. */
static enum err key_stays(struct job *j, const struct assign *as)
{
	if (!as->field || strcmp(as->field->name, j->noun->key) != 0 || span_eq(buf_span(&as->value), j->x))
		return ERR_OK;
	return cli_fail(j->cli, ERR_VALUE, "%s: what a %s is called cannot be changed: create it anew", as->field->name, j->noun->type->noun);
}

enum err assigns_read(struct job *j, const struct args *a, bool create)
{
	enum err e = ERR_OK;

	j->set = calloc(a->rest_n + 1, sizeof *j->set);
	if (!j->set)
		return ERR_NOMEM;
	if (create && j->x.p)
		e = called(j, &j->set[0]);
	for (size_t i = 0; i < a->rest_n && !e; i++, j->set_n++) {
		e = assign_read(j, a->rest[i], &j->set[j->set_n]);
		if (!e && !create)
			e = key_stays(j, &j->set[j->set_n]);
	}
	return e;
}

enum err assigns_apply(struct job *j, void *rec)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < j->set_n && !e; i++)
		e = field_set_text(j->set[i].field, rec, buf_span(&j->set[i].value), &j->why);
	return e;
}
