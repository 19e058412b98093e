/* store_home - a store in a directory of its own, for the unit tests of shared/store; gone afterwards. */
#ifndef OFFHOOK_TEST_STORE_HOME_H
#define OFFHOOK_TEST_STORE_HOME_H

#include <ftw.h>
#include <unistd.h>

#include "unit.h"

#include "base/clock.h"
#include "base/json.h"
#include "store/noun.h"
#include "store/store.h"

struct home {
	char dir[64], key[96];
	struct store *s;
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

static inline struct store_options home_options(const struct home *h)
{
	return (struct store_options){ .home = h->dir, .key_file = h->key, .helper = "/proc/self/exe", .sentinel = true, .create = true };
}

static inline void home_open(struct home *h)
{
	struct store_options o = home_options(h);

	assert_int_equal(store_open(&h->s, &o), ERR_OK);
}

static inline int home_setup(void **state)
{
	struct home *h = calloc(1, sizeof *h);

	assert_non_null(h);
	snprintf(h->dir, sizeof h->dir, "/tmp/offhook-store-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	snprintf(h->key, sizeof h->key, "%s/secret.key", h->dir);
	home_open(h);
	*state = h;
	return 0;
}

static inline int home_setup_started(void **state)
{
	home_setup(state);
	assert_int_equal(store_first_start(((struct home *)*state)->s), ERR_OK);
	return 0;
}

static inline int home_teardown(void **state)
{
	struct home *h = *state;

	clock_real();
	store_close(h->s);
	nftw(h->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(h);
	return 0;
}

/* --- one noun operation in one transaction; bodies run in a thread of the store, so that nothing is asserted inside --- */

struct home_op {
	enum { OP_CREATE, OP_GET, OP_UPDATE, OP_DELETE, OP_FORCE, OP_JSON, OP_LIST } what;
	const struct noun *n;
	const char *x;                 /* name, or what a list looks for */
	void *rec;
	struct buf *why, text;         /* JSON; names of a list, each with a blank */
	struct page *p;
};

static inline bool home_add_name(void *rec, void *arg)
{
	struct home_op *o = arg;
	const struct record_type *rt = o->n->type;
	const struct field *f = field_find(rt->fields, rt->fields_n, SPAN("name"));

	f = f ? f : field_find(rt->fields, rt->fields_n, span_z(o->n->key));
	buf_printf(&o->text, "%s ", *field_text(f, rec));
	return true;
}

static inline enum err home_print(struct txn *t, struct home_op *o)
{
	struct json_object *j = NULL;
	enum err e = noun_json(t, o->n, o->rec, &j);

	buf_reset(&o->text);
	e = e ? e : json_write(&o->text, j);
	json_object_put(j);
	return e;
}

static inline enum err home_body(struct txn *t, void *arg)
{
	struct home_op *o = arg;

	switch (o->what) {
	case OP_CREATE: return noun_create(t, o->n, o->rec, o->why);
	case OP_GET:    return noun_get(t, o->n, span_z(o->x), o->rec, o->why);
	case OP_UPDATE: return noun_update(t, o->n, o->rec, o->why);
	case OP_DELETE: return noun_delete(t, o->n, span_z(o->x), false, o->why);
	case OP_FORCE:  return noun_delete(t, o->n, span_z(o->x), true, o->why);
	case OP_JSON:   return home_print(t, o);
	case OP_LIST:   buf_reset(&o->text); return noun_list(t, o->n, span_z(o->x), o->p, home_add_name, o);
	}
	return ERR_INTERNAL;
}

static inline enum err home_do(struct home *h, int what, const char *noun, const char *x, void *rec, struct buf *why)
{
	struct home_op o = { .what = what, .n = noun_find(span_z(noun)), .x = x, .rec = rec, .why = why };

	return store_txn(h->s, EVENTUAL, home_body, &o);
}

static inline void home_set(const char *noun, void *rec, const char *member, const char *value)
{
	const struct record_type *rt = noun_find(span_z(noun))->type;
	const struct field *f = field_find(rt->fields, rt->fields_n, span_z(member));
	struct buf why = BUF_INIT;

	assert_non_null(f);
	if (field_set_text(f, rec, span_z(value), &why) != ERR_OK)
		fail_msg("%s", buf_z(&why));
	buf_fini(&why);
}

/* Creates with `member=value` pairs, ended by NULL; the error, and its reason in `why`. */
static inline enum err home_make(struct home *h, const char *noun, struct buf *why, ...)
{
	const struct record_type *rt = noun_find(span_z(noun))->type;
	void *rec = malloc(rt->size);
	const char *member;
	enum err e;
	va_list ap;

	assert_non_null(rec);
	record_init(rt, rec);
	va_start(ap, why);
	while ((member = va_arg(ap, const char *)))
		home_set(noun, rec, member, va_arg(ap, const char *));
	va_end(ap);
	e = home_do(h, OP_CREATE, noun, NULL, rec, why);
	record_fini(rt, rec);
	free(rec);
	return e;
}

/* The record as printed; the caller puts it. */
static inline struct json_object *home_show(struct home *h, const char *noun, const char *x)
{
	const struct record_type *rt = noun_find(span_z(noun))->type;
	struct home_op o = { .what = OP_JSON, .n = noun_find(span_z(noun)), .rec = malloc(rt->size) };
	struct json_object *j = NULL;

	assert_non_null(o.rec);
	assert_int_equal(home_do(h, OP_GET, noun, x, o.rec, NULL), ERR_OK);
	assert_int_equal(store_read(h->s, home_body, &o), ERR_OK);
	assert_int_equal(json_read(&j, buf_span(&o.text)), ERR_OK);
	record_fini(rt, o.rec);
	free(o.rec);
	buf_fini(&o.text);
	return j;
}

/* All names, `limit` at a time, each with a blank behind it; pages are parted by '|'. */
static inline void home_names(struct home *h, const char *noun, const char *q, size_t limit, struct buf *out)
{
	struct page p = { .limit = limit };
	struct home_op o = { .what = OP_LIST, .n = noun_find(span_z(noun)), .x = q, .p = &p };
	char *after = NULL;

	do {
		p.after = span_z(after);
		assert_int_equal(store_read(h->s, home_body, &o), ERR_OK);
		buf_add(out, buf_span(&o.text));
		free(after);
		after = p.next.n ? buf_take(&p.next) : NULL;
		if (after)
			buf_addc(out, '|');
	} while (after);
	buf_fini(&p.next);
	buf_fini(&o.text);
}

/* The test program is its own helper, so that lock time-outs end as they do in the programs. */
#define HOME_HELPER(argc, argv) \
	do { \
		if ((argc) == 4 && strcmp((argv)[1], "db-touch") == 0) \
			return store_helper_main((argv)[2], (argv)[3]); \
	} while (0)

#endif
