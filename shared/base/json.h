/*
 * json - json-c made leak-proof. Setters consume their value on every path and the builder keeps the first error;
 * getters lend spans, and a wrong type reads as absent.
 */
#ifndef OFFHOOK_JSON_H
#define OFFHOOK_JSON_H

#include <json-c/json.h>

#include "buf.h"

struct jbuild {
	enum err err;
};

struct json_object *json_obj(struct jbuild *b);
struct json_object *json_arr(struct jbuild *b);
struct json_object *json_str(struct jbuild *b, struct span s);      /* SPAN_NONE gives null; bytes that are no UTF-8 become U+FFFD */
struct json_object *json_strz(struct jbuild *b, const char *z);
struct json_object *json_int(struct jbuild *b, int64_t v);
struct json_object *json_num(struct jbuild *b, double v);           /* written shortest ("0.5"); NAN gives null */
struct json_object *json_boolean(struct jbuild *b, bool v);
#define json_bool(b, v) json_boolean(b, v)                          /* json-c has a type of this name */
struct json_object *json_raw(struct jbuild *b, struct span text);   /* parsed JSON text; ERR_SYNTAX if it is none */
void json_set(struct jbuild *b, struct json_object *obj, const char *key, struct json_object *v);
void json_push(struct jbuild *b, struct json_object *arr, struct json_object *v);
enum err json_write(struct buf *out, struct json_object *o);        /* compact, '/' not escaped */
enum err json_write_pretty(struct buf *out, struct json_object *o);

/* Strict: all input used, depth at most JSON_DEPTH, no duplicate-key surprises (last wins), valid UTF-8. */
#define JSON_DEPTH 32
enum err json_read(struct json_object **out, struct span text);

struct json_object *json_get(struct json_object *o, const char *key);        /* borrowed; NULL when absent or o is no object */
struct json_object *json_path(struct json_object *o, const char *dotted);    /* "response.usage.total_tokens" */
struct span json_get_span(struct json_object *o, const char *key);           /* SPAN_NONE when absent or no string */
bool json_get_int(struct json_object *o, const char *key, int64_t *out);     /* whole numbers; also a string of digits */
bool json_get_num(struct json_object *o, const char *key, double *out);
bool json_get_bool(struct json_object *o, const char *key, bool *out);
struct span json_span(struct json_object *o);                                /* of a string value */

void json_escape(struct buf *out, struct span s);   /* inside of a JSON string, for templates; bytes that are no UTF-8 become U+FFFD */

#endif
