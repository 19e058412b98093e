/* store_walk - a range of a table or index in order; pages that start at the key where the one before ended. */
#include <errno.h>
#include <stdlib.h>

#include "base/b64.h"
#include "store/store_db.h"

#define PAGE_DEFAULT 50
#define PAGE_MOST    500
#define BOUND        512

/* The cursor's own memory, reused from row to row. */
struct reader {
	struct txn *t;
	struct cursor c;
	const struct walk *w;
	DBT at, key, rec;
	char from[BOUND];
};

void cursors_close(struct txn *t)
{
	for (; t->cursors; t->cursors = t->cursors->outer)
		t->cursors->c->close(t->cursors->c);
}

static DB *walked(const struct reader *rd)
{
	const struct store *s = rd->t->st;

	return rd->w->index == X_NONE ? s->table[rd->w->table] : s->index[rd->w->index];
}

static int cursor_open(struct reader *rd)
{
	DB *d = walked(rd);
	int e;

	lib_enter(rd->t->r);
	e = d->cursor(d, rd->t->db, &rd->c.c, 0);
	lib_leave(rd->t->r);
	if (e)
		return e;
	rd->c.outer = rd->t->cursors;
	rd->t->cursors = &rd->c;
	return 0;
}

static void cursor_close(struct reader *rd)
{
	int e;

	rd->t->cursors = rd->c.outer;
	lib_enter(rd->t->r);
	e = rd->c.c->close(rd->c.c);
	lib_leave(rd->t->r);
	txn_failed(rd->t, e);
	free(rd->at.data);
	free(rd->key.data);
	free(rd->rec.data);
}

static int step(struct reader *rd, u_int32_t how)
{
	int e;

	lib_enter(rd->t->r);
	if (rd->w->index == X_NONE)
		e = rd->c.c->get(rd->c.c, &rd->at, &rd->rec, how);
	else
		e = rd->c.c->pget(rd->c.c, &rd->at, &rd->key, &rd->rec, how);
	lib_leave(rd->t->r);
	return e;
}

static struct span dbt_span(const DBT *d)
{
	return span_of(d->data ? d->data : "", d->size);
}

static int key_cmp(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

/* SET_RANGE wants its start in memory that it may replace. */
static int seek(struct reader *rd, struct span start)
{
	if (start.n > sizeof rd->from)
		return DB_NOTFOUND;
	free(rd->at.data);
	rd->at.data = malloc(start.n ? start.n : 1);
	if (!rd->at.data)
		return ENOMEM;
	if (start.n)
		memcpy(rd->at.data, start.p, start.n);
	rd->at.size = (u_int32_t)start.n;
	return step(rd, DB_SET_RANGE);
}

static int first(struct reader *rd)
{
	const struct walk *w = rd->w;
	int e;

	if (!w->backwards)
		return w->from.p ? seek(rd, w->from) : step(rd, DB_FIRST);
	if (!w->to.p)
		return step(rd, DB_LAST);
	e = seek(rd, w->to);
	return e == DB_NOTFOUND ? step(rd, DB_LAST) : e ? e : step(rd, DB_PREV);
}

static bool inside(const struct walk *w, struct span at)
{
	return (!w->from.p || key_cmp(at, w->from) >= 0) && (!w->to.p || key_cmp(at, w->to) < 0);
}

static int rows(struct reader *rd, bool (*each)(const struct row *, void *), void *arg)
{
	const struct walk *w = rd->w;
	int e = first(rd);

	while (!e) {
		struct row row = { dbt_span(&rd->at), dbt_span(w->index == X_NONE ? &rd->at : &rd->key), dbt_span(&rd->rec) };

		if (!inside(w, row.at) || !each(&row, arg))
			break;
		e = rd->t->failed ? DB_NOTFOUND : step(rd, w->backwards ? DB_PREV : DB_NEXT);
	}
	return e == DB_NOTFOUND ? 0 : e;
}

enum err txn_walk(struct txn *t, const struct walk *w, bool (*each)(const struct row *, void *), void *arg)
{
	struct reader rd = { .t = t, .w = w };
	int e;

	if (t->failed)
		return t->failed;
	rd.at.flags = rd.key.flags = rd.rec.flags = DB_DBT_REALLOC;
	e = cursor_open(&rd);
	if (!e) {
		e = rows(&rd, each, arg);
		cursor_close(&rd);
	}
	txn_failed(t, e);
	return t->failed ? t->failed : db_err(t->st, e, "walk");
}

struct first {
	struct buf *key, *rec;
	bool found;
};

static bool first_row(const struct row *row, void *arg)
{
	struct first *f = arg;

	f->found = true;
	if (f->key) {
		buf_reset(f->key);
		buf_add(f->key, row->key);
	}
	if (f->rec) {
		buf_reset(f->rec);
		buf_add(f->rec, row->rec);
	}
	return false;
}

enum err txn_first(struct txn *t, const struct walk *w, struct buf *key, struct buf *rec)
{
	struct first f = { key, rec, false };
	enum err e = txn_walk(t, w, first_row, &f);

	if (e || !f.found)
		return e ? e : ERR_NOTFOUND;
	return key && key->err ? key->err : rec ? rec->err : ERR_OK;
}

/* --- pages: the token is a byte for the list and the last key seen --- */

static void token_make(struct page *p, enum index x, enum table t, struct span at)
{
	struct buf raw = BUF_INIT;

	buf_addc(&raw, (char)(x == X_NONE ? 0x80 | t : x));
	buf_add(&raw, at);
	b64url_encode(&p->next, (const uint8_t *)raw.p, raw.n);
	buf_fini(&raw);
}

static size_t b64url_decode(uint8_t *dst, size_t cap, struct span s)
{
	char std[B64_ENCODED(BOUND) + 4];
	size_t n = 0, got = 0;

	if (s.n > sizeof std - 4)
		return 0;
	for (; n < s.n; n++)
		std[n] = s.p[n] == '-' ? '+' : s.p[n] == '_' ? '/' : s.p[n];
	while (n % 4)
		std[n++] = '=';
	return b64_decode(dst, cap, span_of(std, n), &got) ? got : 0;
}

static bool token_read(const struct walk *w, struct span token, struct key *at)
{
	uint8_t raw[BOUND];
	size_t n = b64url_decode(raw, sizeof raw, token);

	if (n < 2 || n - 1 >= KEY_MAX || raw[0] != (w->index == X_NONE ? 0x80 | w->table : w->index))
		return false;
	at->n = 0;
	key_bytes(at, span_of(raw + 1, n - 1));
	return inside(w, key_span(at));
}

struct paging {
	enum take (*take)(const struct row *, void *);
	void *arg;
	size_t left;
	unsigned budget, seen;
	struct key last;
	bool more;
};

static bool page_row(const struct row *row, void *arg)
{
	struct paging *g = arg;
	enum take took;

	if (g->left == 0 || (g->budget && g->seen == g->budget)) {
		g->more = true;
		return false;
	}
	g->seen++;
	took = g->take(row, g->arg);
	g->last.n = 0;
	key_bytes(&g->last, row->at);
	if (took == TAKE_ROW)
		g->left--;
	g->more = took == TAKE_STOP;
	return took != TAKE_STOP;
}

static size_t page_limit(const struct page *p)
{
	return p->limit == 0 ? PAGE_DEFAULT : p->limit < PAGE_MOST ? p->limit : PAGE_MOST;
}

enum err txn_page(struct txn *t, const struct walk *w, struct page *p, unsigned budget, enum take (*take)(const struct row *, void *), void *arg)
{
	struct paging g = { .take = take, .arg = arg, .left = page_limit(p), .budget = budget };
	struct walk rest = *w;
	struct key at;
	enum err e;

	buf_reset(&p->next);
	if (p->after.p && p->after.n) {
		if (!token_read(w, p->after, &at))
			return ERR_VALUE;
		if (!w->backwards)
			key_bytes(&at, span_of("", 1));
		*(w->backwards ? &rest.to : &rest.from) = key_span(&at);
	}
	e = txn_walk(t, &rest, page_row, &g);
	if (!e && g.more && g.last.n)
		token_make(p, w->index, w->table, key_span(&g.last));
	return e ? e : p->next.err;
}
