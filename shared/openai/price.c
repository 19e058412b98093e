/* price - usage -> money: two tables, the operator's before ours, and their sums. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/field.h"
#include "base/json.h"
#include "base/proc.h"
#include "openai/price.h"

#define ROWS_MAX 200
#define FILE_MAX ((size_t)256 << 10)

struct row {
	char *model;                        /* the beginning of the name; the first that fits counts */
	double text_in, text_cached, audio_in, audio_cached, text_out, audio_out;
};

static const struct row models[] = {
	{ "gpt-realtime-2.1-mini", 0.60, 0.06, 10.0, 0.30,  2.40, 20.0 },
	{ "gpt-realtime-2",        4.00, 0.40, 32.0, 0.40, 24.00, 64.0 },
	{ "gpt-realtime-mini",     0.60, 0.06, 10.0, 0.30,  2.40, 20.0 },
	{ "gpt-realtime",          4.00, 0.40, 32.0, 0.40, 16.00, 64.0 },
	{ "",                      4.00, 0.40, 32.0, 0.40, 24.00, 64.0 },
};

struct hearing {
	char *model;
	double in, out, minute;             /* per million tokens, per minute */
};

static const struct hearing hearings[] = {
	{ "gpt-4o-mini-transcribe", 3.0,  5.0, 0.003 },
	{ "gpt-4o-transcribe",      6.0, 10.0, 0.006 },
	{ "",                       6.0, 10.0, 0.006 },
};

/* --- the operator's table --- */

struct table {
	struct row rows[ROWS_MAX];
	struct hearing hearings[ROWS_MAX];
	size_t rows_n, hearings_n;
	struct table *before;
};

static _Atomic(struct table *) in_force;
static struct table *kept;                  /* all that ever were: somebody may still look at one; of the thread that reads files */

#define PRICE(s, m, help) FIELD(s, m, FK_PLAIN, 0, 0, 1e6, "0", NULL, help)
static const struct field row_fields[] = {
	FIELD(struct row, model, FK_PLAIN, 0, 0, 100, NULL, NULL, "the beginning of the model's name"),
	PRICE(struct row, text_in, "text in"),   PRICE(struct row, text_cached, "text in, cached"),   PRICE(struct row, audio_in, "audio in"),
	PRICE(struct row, audio_cached, "audio in, cached"), PRICE(struct row, text_out, "text out"), PRICE(struct row, audio_out, "audio out"),
};
static const struct field hearing_fields[] = {
	FIELD(struct hearing, model, FK_PLAIN, 0, 0, 100, NULL, NULL, "the beginning of the model's name"),
	PRICE(struct hearing, in, "tokens in"), PRICE(struct hearing, out, "tokens out"), PRICE(struct hearing, minute, "a minute of audio"),
};
#define ROW_FIELDS     (sizeof row_fields / sizeof *row_fields)
#define HEARING_FIELDS (sizeof hearing_fields / sizeof *hearing_fields)

static void table_free(struct table *t)
{
	for (size_t i = 0; t && i < t->rows_n; i++)
		field_fini(row_fields, ROW_FIELDS, &t->rows[i]);
	for (size_t i = 0; t && i < t->hearings_n; i++)
		field_fini(hearing_fields, HEARING_FIELDS, &t->hearings[i]);
	free(t);
}

static enum err refuse(struct buf *why, const char *list, size_t i, const char *what)
{
	struct buf said = BUF_INIT;

	buf_add(&said, buf_span(why));
	buf_reset(why);
	buf_printf(why, "%s[%zu]: %s", list, i, said.n ? buf_z(&said) : what);
	buf_fini(&said);
	return ERR_VALUE;
}

/* Every member is known and in its range, and the model is named: a row that is half right would price wrongly. */
static enum err row_read(const struct field *fields, size_t n, void *rec, struct json_object *o, struct buf *why)
{
	enum err e = field_defaults(fields, n, rec);

	if (!e && !json_object_is_type(o, json_type_object))
		return ERR_VALUE;
	json_object_object_foreach(o, key, v)
	{
		const struct field *f = field_find(fields, n, span_z(key));

		if (!f)
			buf_printf(why, "%s: no such member", key);
		e = e ? e : f ? field_set_json(f, rec, v, why) : ERR_VALUE;
	}
	return e ? e : json_get(o, "model") ? ERR_OK : ERR_VALUE;
}

struct list {
	const char *name;
	const struct field *fields;
	size_t fields_n, size;
	char *rows;
	size_t *n;
};

static enum err list_read(const struct list *l, struct json_object *o, struct buf *why)
{
	struct json_object *rows = json_get(o, l->name);
	size_t n = rows && json_object_is_type(rows, json_type_array) ? json_object_array_length(rows) : 0;

	if (rows && !json_object_is_type(rows, json_type_array)) {
		buf_printf(why, "%s: must be a list", l->name);
		return ERR_VALUE;
	}
	if (n > ROWS_MAX) {
		buf_printf(why, "%s: more than %d rows", l->name, ROWS_MAX);
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < n; i++) {
		++*l->n;
		if (row_read(l->fields, l->fields_n, l->rows + i * l->size, json_object_array_get_idx(rows, i), why))
			return refuse(why, l->name, i, "must be an object with `model`");
	}
	return ERR_OK;
}

static enum err table_read(struct table *t, struct json_object *o, struct buf *why)
{
	const struct list lists[] = {
		{ "models", row_fields, ROW_FIELDS, sizeof *t->rows, (char *)t->rows, &t->rows_n },
		{ "transcription", hearing_fields, HEARING_FIELDS, sizeof *t->hearings, (char *)t->hearings, &t->hearings_n },
	};
	enum err e = json_object_is_type(o, json_type_object) ? ERR_OK : ERR_VALUE;

	if (e)
		buf_addz(why, "must be an object with `models` and `transcription`");
	for (size_t i = 0; i < 2 && !e; i++)
		e = list_read(&lists[i], o, why);
	return e;
}

static void put_in_force(struct table *t)
{
	if (t) {
		t->before = kept;
		kept = t;
	}
	atomic_store(&in_force, t);
}

enum err price_read(struct span json, struct buf *why)
{
	struct json_object *o = NULL;
	struct table *t = calloc(1, sizeof *t);
	enum err e = t ? json_read(&o, json) : ERR_NOMEM;

	if (e)
		buf_addz(why, e == ERR_NOMEM ? err_text(e) : "is no JSON");
	e = e ? e : table_read(t, o, why);
	json_object_put(o);
	if (e)
		table_free(t);
	else
		put_in_force(t);
	return e;
}

enum err price_load(const char *path, struct buf *why)
{
	struct buf text = BUF_BOUND(FILE_MAX), what = BUF_INIT;
	enum err e = file_read(&text, path);

	if (e == ERR_NOTFOUND) {
		buf_fini(&text);
		put_in_force(NULL);
		return ERR_OK;
	}
	if (e)
		buf_addz(&what, err_text(e));
	e = e ? e : price_read(buf_span(&text), &what);
	if (e)
		buf_printf(why, "%s: %s", path, buf_z(&what));
	buf_fini(&what);
	buf_fini(&text);
	return e;
}

/* --- sums --- */

static bool is_dated(struct span model)
{
	return span_starts(model, SPAN("gpt-realtime-20"));
}

static const struct row *row_of(struct span model)
{
	const struct table *t = atomic_load(&in_force);
	const struct row *r = models;

	for (size_t i = 0; t && i < t->rows_n; i++)
		if (span_starts(model, span_z(t->rows[i].model)))
			return &t->rows[i];
	if (is_dated(model))
		model = SPAN("gpt-realtime");          /* "gpt-realtime-2025-08-28" is the first generation, not gpt-realtime-2 */
	while (!span_starts(model, span_z(r->model)))
		r++;
	return r;
}

static const struct hearing *hearing_of(struct span model)
{
	const struct table *t = atomic_load(&in_force);
	const struct hearing *h = hearings;

	for (size_t i = 0; t && i < t->hearings_n; i++)
		if (span_starts(model, span_z(t->hearings[i].model)))
			return &t->hearings[i];
	while (!span_starts(model, span_z(h->model)))
		h++;
	return h;
}

double price_response(struct span model, const int64_t u[USAGE_KINDS])
{
	const struct row *r = row_of(model);
	double sum = 0;

	sum += (double)(u[USAGE_INPUT_TEXT] - u[USAGE_CACHED_TEXT]) * r->text_in + (double)u[USAGE_CACHED_TEXT] * r->text_cached;
	sum += (double)(u[USAGE_INPUT_AUDIO] - u[USAGE_CACHED_AUDIO]) * r->audio_in + (double)u[USAGE_CACHED_AUDIO] * r->audio_cached;
	sum += (double)u[USAGE_OUTPUT_TEXT] * r->text_out + (double)u[USAGE_OUTPUT_AUDIO] * r->audio_out;
	return sum / 1e6;
}

double price_transcription(struct span model, int64_t input_tokens, int64_t output_tokens, double seconds)
{
	const struct hearing *h = hearing_of(model);

	return ((double)input_tokens * h->in + (double)output_tokens * h->out) / 1e6 + seconds / 60 * h->minute;
}

double price_round(double dollars)
{
	return round(dollars * 1e7) / 1e7;
}
