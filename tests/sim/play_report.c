/* play_report - what came of a call, as JSON, held against what its file expects. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "phone_expect.h"
#include "play.h"

static void missed(void *arg, const char *text)
{
	play_problem(arg, "%s", text);
}

static struct json_object *problems(struct play *p, struct jbuild *b)
{
	struct json_object *list = json_arr(b);

	for (unsigned i = 0; i < p->problems_n && i < PLAY_PROBLEMS; i++)
		json_push(b, list, json_strz(b, p->problems[i]));
	return list;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct json_object *quantiles(struct jbuild *b, double *v, size_t n)
{
	struct json_object *o = json_obj(b);

	if (n)
		qsort(v, n, sizeof *v, by_size);
	json_set(b, o, "n", json_int(b, (int64_t)n));
	json_set(b, o, "p50", json_num(b, n ? v[(n - 1) / 2] : NAN));
	json_set(b, o, "p99", json_num(b, n ? v[(n - 1) * 99 / 100] : NAN));
	json_set(b, o, "max", json_num(b, n ? v[n - 1] : NAN));
	return o;
}

/* How far what the model was told of each cut is from what was heard, when the two lists are as long; and how far that is, whichever way. */
static void errors(struct jbuild *b, struct json_object *o)
{
	struct json_object *told = json_path(o, "model.truncated"), *heard = json_get(o, "cuts"), *list = json_arr(b);
	size_t n = told && json_object_array_length(told) == json_object_array_length(heard) ? json_object_array_length(told) : 0;
	double *sizes = calloc(n + 1, sizeof *sizes);

	for (size_t i = 0; sizes && i < n; i++) {
		double is = json_object_get_double(json_object_array_get_idx(heard, i)), said = 0;

		json_get_num(json_object_array_get_idx(told, i), "audio_end_ms", &said);
		json_push(b, list, json_num(b, said - is));
		sizes[i] = fabs(said - is);
	}
	json_set(b, o, "cut_errors_ms", list);
	json_set(b, o, "cut_error_ms", quantiles(b, sizes, sizes ? n : 0));
	free(sizes);
}

struct json_object *play_json(struct play *p, struct jbuild *b)
{
	struct json_object *o = json_obj(b), *expect = NULL;

	json_set(b, o, "name", json_strz(b, p->file.name));
	play_store_json(p, b, o);
	play_phone_json(p, b, o);
	play_model_json(p, b, o);
	errors(b, o);
	if (p->file.expect && json_read(&expect, span_z(p->file.expect)) == ERR_OK)
		phone_expect(o, expect, missed, p);
	json_object_put(expect);
	if (!play_phone_ok(p))
		play_problem(p, "the phone: %s", json_object_to_json_string_ext(json_path(o, "phone.problems"), JSON_C_TO_STRING_PLAIN));
	p->ok = p->problems_n == 0;
	json_set(b, o, "ok", json_bool(b, p->ok));
	json_set(b, o, "problems", problems(p, b));
	return o;
}
