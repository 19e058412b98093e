/* field_kind - what each kind of field accepts, as text and as JSON. Only field.c uses it. */
#ifndef OFFHOOK_FIELD_KIND_H
#define OFFHOOK_FIELD_KIND_H

#include "field.h"

struct field_value {
	char *text;           /* heap; moves into the member */
	int64_t i;
	double num;
	bool yes;
};

/* `value` is not empty. ERR_VALUE fills `why`; a text of the JSON value null gives text NULL. */
enum err field_parse_text(const struct field *f, struct span value, struct field_value *v, struct buf *why);
enum err field_parse_json(const struct field *f, struct json_object *value, struct field_value *v, struct buf *why);

/* "name=value: " and the reason; a secret's value is left out. Always ERR_VALUE. */
enum err field_refuse(const struct field *f, struct span value, struct buf *why, const char *reason);

#endif
