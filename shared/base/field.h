/*
 * field - a table describes the members of a struct; everything else obeys it: defaults, reading from text
 * (configuration, command line), from JSON (API, import), writing back, help, man page, stored form.
 *
 * Members:  char *  text, heap-owned, NULL = null      int64_t  whole number, FIELD_NULL_INT = null
 *           double  number, NAN = null                 bool     never null
 * A kind narrows what the member holds (a time, one word of a list, JSON, ...). Structs are zeroed, then
 * field_defaults() makes every member valid; field_fini() frees what they own.
 */
#ifndef OFFHOOK_FIELD_H
#define OFFHOOK_FIELD_H

#include <json-c/json.h>
#include <math.h>

#include "buf.h"

#define FIELD_NULL_INT INT64_MIN

enum field_type { FT_TEXT, FT_INT, FT_NUM, FT_BOOL };

enum field_kind {
	FK_PLAIN,
	FK_WORD,            /* text: one of the words in `allowed`, blank-separated */
	FK_TIME,            /* int: milliseconds since 1970 UTC; RFC 3339 with milliseconds outside */
	FK_LIST,            /* text: a JSON array; a list of plain names also with commas */
	FK_JSON,            /* text: any JSON value (stored compact) */
	FK_OBJECT,          /* text: a JSON object */
	FK_URL,             /* text: absolute URL; `allowed` lists the schemes */
	FK_PHONE,           /* text: E.164 */
	FK_REF,             /* text: names another record; `allowed` is the noun. Stored as its key, shown as its name */
	FK_INT_OR_INF,      /* text: `inf` or min..max; in JSON "inf" or a number */
};

enum field_flag {
	FF_REQUIRED = 1 << 0,
	FF_SECRET   = 1 << 1,   /* sealed in the store; shown as "set" or null ("not set" in tables); never logged */
	FF_READONLY = 1 << 2,   /* kept by the program; refused in create, set and PUT */
	FF_KEEP     = 1 << 3,   /* null stays null: no default */
};

struct field {
	const char *name;
	enum field_type type;
	enum field_kind kind;
	unsigned flags;
	size_t off;
	double min, max;        /* numbers: the value; text: the length in bytes. Both 0 = no limit */
	const char *def;        /* text form; NULL = null (false) */
	const char *allowed;
	const char *help;
};

/* The type follows from the member. */
#define FIELD_TYPE(s, m) _Generic(((s *)0)->m, char *: FT_TEXT, int64_t: FT_INT, double: FT_NUM, bool: FT_BOOL)
#define FIELD(s, m, kind, flags, min, max, def, allowed, help) \
	{ #m, FIELD_TYPE(s, m), kind, flags, offsetof(s, m), min, max, def, allowed, help }
/* The same under another public name (environment variables, reserved words). */
#define FIELD_AS(s, m, name, kind, flags, min, max, def, allowed, help) \
	{ name, FIELD_TYPE(s, m), kind, flags, offsetof(s, m), min, max, def, allowed, help }

const struct field *field_find(const struct field *f, size_t n, struct span name);
const struct field *field_nearest(const struct field *f, size_t n, struct span name);  /* likeliest misspelling; NULL when none is near */

enum err field_defaults(const struct field *f, size_t n, void *obj);
void field_fini(const struct field *f, size_t n, void *obj);
enum err field_copy(const struct field *f, size_t n, void *dst, const void *src);      /* dst is overwritten, not freed */

/* From text or JSON. On ERR_VALUE `why` (may be NULL) says what is allowed: "vad_threshold=3: must be 0 to 1". The member is unchanged on
 * error. An empty text means null for members that may be null. Secrets are taken as plain text: the store seals them. */
enum err field_set_text(const struct field *f, void *obj, struct span value, struct buf *why);
enum err field_set_json(const struct field *f, void *obj, struct json_object *value, struct buf *why);

/* Out again. Secrets come out as "set". */
void field_get_text(const struct field *f, const void *obj, struct buf *out);          /* null gives "" */
struct json_object *field_get_json(const struct field *f, const void *obj);            /* NULL is JSON null */
struct json_object *field_object(const struct field *f, size_t n, const void *obj);    /* the whole record, every field */
bool field_is_null(const struct field *f, const void *obj);

/* Typed access where the table is walked. */
static inline char **field_text(const struct field *f, const void *obj) { return (char **)((uintptr_t)obj + f->off); }
static inline int64_t *field_int(const struct field *f, const void *obj) { return (int64_t *)((uintptr_t)obj + f->off); }
static inline double *field_num(const struct field *f, const void *obj) { return (double *)((uintptr_t)obj + f->off); }
static inline bool *field_bool(const struct field *f, const void *obj) { return (bool *)((uintptr_t)obj + f->off); }

#endif
