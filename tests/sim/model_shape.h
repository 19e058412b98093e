/*
 * model_shape - what a client event may look like, as tables, and a short checker that finds the first fault in one and
 * words it as the real server does. An unknown field, a missing one, a wrong type or a value out of range refuses the event.
 * Source: ClientEventStrict of the published schema, with its recorded error texts.
 */
#ifndef OFFHOOK_SIM_MODEL_SHAPE_H
#define OFFHOOK_SIM_MODEL_SHAPE_H

#include "base/json.h"

enum shape_type {                     /* of JSON values; a field may allow several */
	SH_NULL = 1 << 0, SH_BOOL = 1 << 1, SH_INT = 1 << 2, SH_NUM = 1 << 3, SH_STR = 1 << 4, SH_ARR = 1 << 5, SH_OBJ = 1 << 6,
	SH_ANY = SH_NULL | SH_BOOL | SH_INT | SH_NUM | SH_STR | SH_ARR | SH_OBJ,
};

struct shape;
struct shape_field {
	const char *name;
	unsigned types;
	bool required;
	double min, max;                  /* of numbers; both 0 = no limit */
	size_t least, most;               /* of characters, or elements; both 0 = no limit */
	const char *words;                /* strings: the allowed ones, blank-separated */
	const struct shape *shape;        /* of an object, or of each element that is an object */
	const struct shape_field *each;   /* of elements, and of the values of an object without a shape */
};

/* An object's fields; or, where `pick` names a field, that field's word chooses among the variants. */
struct shape_variant {
	const char *word;
	const struct shape *shape;
};
struct shape {
	const struct shape_field *fields;
	size_t n;
	const char *pick;
	const struct shape_variant *variants;
	size_t n_variants;
};

struct complaint {
	const char *code;                 /* "unknown_parameter", static; NULL = none */
	char param[160];
	char message[400];
};

/* `path` is the object's own place ("" for the event, "session.audio"); false: the first fault is in `out`. */
bool model_shape_check(const struct shape *sh, struct json_object *o, const char *path, struct complaint *out);
/* A complaint of our own in the same form. */
bool model_complain(struct complaint *out, const char *code, const char *param, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The event's table, by its type; NULL for an unknown one. `words` of all known types for the message. */
const struct shape *model_shape_event(struct span type);
const char *model_shape_types(void);

#endif
