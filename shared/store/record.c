/*
 * record - stored form: version byte, then for each field varint(number * 2 + null), and when it is not null varint(length) and the value:
 * text as it is, integers 8 bytes big-endian, numbers the 8 bytes of the IEEE double big-endian, booleans one byte. A field that old bytes lack
 * gets its default; one that we do not know is passed over.
 */
#include <stdlib.h>

#include "base/b64.h"
#include "store/key.h"
#include "store/record.h"
#include "store/seal.h"
#include "store/walk.h"

#define FIELDS_MAX  128
#define SEALED_MARK '\001'              /* never typed, and no UTF-8 text starts with it by accident */

/* --- out --- */

static void put_varint(struct buf *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_addc(out, (char)(v | 0x80));
	buf_addc(out, (char)v);
}

static void put_u64(struct buf *out, uint64_t v)
{
	put_varint(out, 8);
	for (int shift = 56; shift >= 0; shift -= 8)
		buf_addc(out, (char)(v >> shift));
}

static void put_num(struct buf *out, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	put_u64(out, bits);
}

static void put_value(struct buf *out, const struct field *f, const void *rec)
{
	switch (f->type) {
	case FT_TEXT:
		put_varint(out, strlen(*field_text(f, rec)));
		buf_addz(out, *field_text(f, rec));
		break;
	case FT_INT: put_u64(out, (uint64_t)*field_int(f, rec)); break;
	case FT_NUM: put_num(out, *field_num(f, rec)); break;
	case FT_BOOL:
		put_varint(out, 1);
		buf_addc(out, *field_bool(f, rec) ? 1 : 0);
		break;
	}
}

enum err record_encode(const struct record_type *rt, const void *rec, struct buf *out)
{
	buf_reset(out);
	buf_addc(out, (char)rt->version);
	for (size_t i = 0; i < rt->fields_n; i++) {
		bool null = field_is_null(&rt->fields[i], rec);

		put_varint(out, i << 1 | null);
		if (!null)
			put_value(out, &rt->fields[i], rec);
	}
	return out->err;
}

/* --- in --- */

struct item {
	uint64_t field;
	bool null;
	struct span value;
};

static bool get_varint(struct span *s, uint64_t *v)
{
	*v = 0;
	for (unsigned shift = 0; s->n && shift < 63; shift += 7) {
		uint8_t b = (uint8_t)*s->p;

		*s = span_skip(*s, 1);
		*v |= (uint64_t)(b & 0x7F) << shift;
		if (b < 0x80)
			return true;
	}
	return false;
}

static bool next_item(struct span *s, struct item *it)
{
	uint64_t n;

	if (!get_varint(s, &n))
		return false;
	it->field = n >> 1;
	it->null = n & 1;
	it->value = SPAN_NONE;
	if (it->null)
		return true;
	if (!get_varint(s, &n) || n > s->n)
		return false;
	it->value = span_head(*s, (size_t)n);
	*s = span_skip(*s, (size_t)n);
	return true;
}

static enum err set_text(const struct field *f, void *rec, struct span v)
{
	char *z;

	if (v.n && memchr(v.p, 0, v.n))
		return ERR_CORRUPT;
	z = span_dup(v.p ? v : SPAN(""));
	*field_text(f, rec) = z;
	return z ? ERR_OK : ERR_NOMEM;
}

static enum err set_value(const struct field *f, void *rec, struct span v)
{
	uint64_t bits = key_u64_at(v, 0);

	if (f->type == FT_TEXT)
		return set_text(f, rec, v);
	if (v.n != (f->type == FT_BOOL ? 1 : 8))
		return ERR_CORRUPT;
	if (f->type == FT_INT)
		*field_int(f, rec) = (int64_t)bits;
	else if (f->type == FT_NUM)
		memcpy(field_num(f, rec), &bits, sizeof bits);
	else
		*field_bool(f, rec) = v.p[0] != 0;
	return ERR_OK;
}

/* All members null, without the cost of defaults that are replaced at once. */
static void nulls(const struct record_type *rt, void *rec)
{
	memset(rec, 0, rt->size);
	field_fini(rt->fields, rt->fields_n, rec);
}

static enum err decode_items(const struct record_type *rt, struct span s, void *rec, bool seen[FIELDS_MAX])
{
	struct item it;
	enum err e = ERR_OK;

	while (s.n && !e) {
		if (!next_item(&s, &it))
			return ERR_CORRUPT;
		if (it.field >= rt->fields_n)
			continue;
		if (seen[it.field])
			return ERR_CORRUPT;
		seen[it.field] = true;
		if (!it.null)
			e = set_value(&rt->fields[it.field], rec, it.value);
	}
	return e;
}

enum err record_decode(const struct record_type *rt, struct span bytes, void *rec)
{
	bool seen[FIELDS_MAX] = { false };
	enum err e;

	nulls(rt, rec);
	if (bytes.n == 0 || bytes.p[0] == 0 || (uint8_t)bytes.p[0] > rt->version || rt->fields_n > FIELDS_MAX)
		return ERR_CORRUPT;
	e = decode_items(rt, span_skip(bytes, 1), rec, seen);
	for (size_t i = 0; i < rt->fields_n && !e; i++)
		if (!seen[i])
			e = field_defaults(&rt->fields[i], 1, rec);
	if (e)
		record_fini(rt, rec);
	return e;
}

static size_t field_at(const struct record_type *rt, size_t off)
{
	size_t i = 0;

	while (i < rt->fields_n && rt->fields[i].off != off)
		i++;
	return i;
}

bool record_peek(const struct record_type *rt, struct span bytes, size_t member_offset, struct span *value)
{
	size_t wanted = field_at(rt, member_offset);
	struct span s = span_skip(bytes, 1);
	struct item it;

	while (s.n && next_item(&s, &it))
		if (it.field == wanted) {
			*value = it.value;
			return !it.null;
		}
	return false;
}

void record_init(const struct record_type *rt, void *rec)
{
	memset(rec, 0, rt->size);
	if (field_defaults(rt->fields, rt->fields_n, rec) != ERR_OK)
		record_fini(rt, rec);
}

void record_fini(const struct record_type *rt, void *rec)
{
	field_fini(rt->fields, rt->fields_n, rec);
}

/* --- by key --- */

typedef enum err getter(struct txn *, enum table, struct span, struct buf *);
typedef enum err putter(struct txn *, enum table, struct span, struct span);

static enum err get_with(getter *get, struct txn *t, const struct record_type *rt, struct span key, void *rec)
{
	struct buf b = BUF_INIT;
	enum err e = get(t, rt->table, key, &b);

	if (!e)
		e = record_decode(rt, buf_span(&b), rec);
	buf_fini(&b);
	return e;
}

enum err record_get(struct txn *t, const struct record_type *rt, struct span key, void *rec)
{
	return get_with(txn_get, t, rt, key, rec);
}

enum err record_get_for_update(struct txn *t, const struct record_type *rt, struct span key, void *rec)
{
	return get_with(txn_get_for_update, t, rt, key, rec);
}

static enum err put_with(putter *put, struct txn *t, const struct record_type *rt, struct span key, const void *rec)
{
	struct buf b = BUF_INIT;
	enum err e = record_encode(rt, rec, &b);

	if (!e)
		e = put(t, rt->table, key, buf_span(&b));
	buf_fini(&b);
	return e;
}

enum err record_put(struct txn *t, const struct record_type *rt, struct span key, const void *rec)
{
	return put_with(txn_put, t, rt, key, rec);
}

enum err record_add(struct txn *t, const struct record_type *rt, struct span key, const void *rec)
{
	return put_with(txn_add, t, rt, key, rec);
}

enum err record_by_prefix(struct txn *t, const struct record_type *rt, unsigned index, const struct key *prefix, bool last, void *rec)
{
	struct key to = *prefix;
	struct buf b = BUF_INIT;
	enum err e;

	key_after(&to);
	struct walk w = { .table = rt->table, .index = index, .from = key_span(prefix), .to = key_span(&to), .backwards = last };

	e = txn_first(t, &w, NULL, &b);
	if (!e)
		e = record_decode(rt, buf_span(&b), rec);
	buf_fini(&b);
	return e;
}

/* --- secrets: mark, then base64 of the sealed bytes; bound to noun, record and field --- */

bool record_secret_sealed(const char *text)
{
	return text && text[0] == SEALED_MARK;
}

static void about(const struct record_type *rt, const struct field *f, const void *rec, struct buf *out)
{
	const struct field *id = rt->id ? field_find(rt->fields, rt->fields_n, span_z(rt->id)) : NULL;
	const char *z = id ? *field_text(id, rec) : NULL;

	buf_addz(out, rt->noun);
	buf_addc(out, 0);
	buf_addz(out, z ? z : "");
	buf_addc(out, 0);
	buf_addz(out, f->name);
}

static enum err seal_text(struct store *s, const struct record_type *rt, const struct field *f, const void *rec, struct span plain, char **out)
{
	struct buf what = BUF_INIT, sealed = BUF_INIT, text = BUF_INIT;
	enum err e;
	char *room;

	about(rt, f, rec, &what);
	e = what.err ? what.err : seal_close(store_key(s), plain, buf_span(&what), &sealed);
	buf_addc(&text, SEALED_MARK);
	room = e ? NULL : buf_room(&text, B64_ENCODED(sealed.n));
	if (room)
		buf_wrote(&text, b64_encode(room, (const uint8_t *)sealed.p, sealed.n));
	e = e ? e : text.err;
	if (!e) {
		*out = buf_take(&text);
		e = *out ? ERR_OK : ERR_NOMEM;
	}
	buf_fini(&what);
	buf_fini(&sealed);
	buf_fini(&text);
	return e;
}

enum err record_secret_set(struct store *s, const struct record_type *rt, const struct field *f, void *rec, struct span plain)
{
	char *text = NULL;
	enum err e = plain.p ? seal_text(s, rt, f, rec, plain, &text) : ERR_OK;

	if (e)
		return e;
	free(*field_text(f, rec));
	*field_text(f, rec) = text;
	return ERR_OK;
}

enum err record_seal(struct store *s, const struct record_type *rt, void *rec)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < rt->fields_n && !e; i++) {
		const struct field *f = &rt->fields[i];

		if ((f->flags & FF_SECRET) && *field_text(f, rec) && !record_secret_sealed(*field_text(f, rec)))
			e = record_secret_set(s, rt, f, rec, span_z(*field_text(f, rec)));
	}
	return e;
}

static enum err open_text(const struct seal_key *k, const struct record_type *rt, const struct field *f, const void *rec, struct buf *plain)
{
	struct span text = span_skip(span_z(*field_text(f, rec)), 1);
	struct buf what = BUF_INIT, sealed = BUF_INIT;
	char *room = buf_room(&sealed, B64_DECODED_MAX(text.n) + 1);
	size_t n = 0;
	enum err e = room ? ERR_OK : ERR_NOMEM;

	if (!e && !b64_decode((uint8_t *)room, B64_DECODED_MAX(text.n), text, &n))
		e = ERR_CRYPTO;
	about(rt, f, rec, &what);
	e = e ? e : what.err;
	if (!e)
		e = seal_open(k, span_of(room, n), buf_span(&what), plain);
	buf_fini(&what);
	buf_fini(&sealed);
	return e;
}

enum err record_secret_open(const struct seal_key *k, const struct record_type *rt, const char *field, const void *rec, struct buf *plain)
{
	const struct field *f = field_find(rt->fields, rt->fields_n, span_z(field));
	const char *z = f && (f->flags & FF_SECRET) ? *field_text(f, rec) : NULL;

	if (!z)
		return ERR_NOTFOUND;
	if (record_secret_sealed(z))
		return open_text(k, rt, f, rec, plain);
	buf_reset(plain);
	buf_addz(plain, z);
	return plain->err;
}

enum err record_secret_get(struct store *s, const struct record_type *rt, const char *field, const void *rec, struct buf *plain)
{
	return record_secret_open(store_key(s), rt, field, rec, plain);
}
