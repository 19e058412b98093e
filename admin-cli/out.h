/*
 * out - what commands print. A row is a JSON object in every case: with --json it is printed as it is, else a table shows some of its members.
 * What a caller or a model said may hold anything, so no control character of a value ever reaches the terminal.
 */
#ifndef OFFHOOK_OUT_H
#define OFFHOOK_OUT_H

#include <json-c/json.h>

#include "base/buf.h"

enum out_flag { OUT_RIGHT = 1, OUT_CUT = 2, OUT_WRAP = 4 };      /* numbers; may be cut, or broken into lines, when the terminal is narrow */

struct out_col {
	const char *key;              /* member of the row, dotted */
	unsigned flags;
};

unsigned out_width(void);                                        /* columns of the terminal on standard output; 0: it is none */

/* Heads are the keys in capitals. An empty table prints its head. width 0: as wide as it gets. */
enum err out_table(struct buf *out, const struct out_col *cols, size_t n, struct json_object *rows, unsigned width);
enum err out_record(struct buf *out, struct json_object *record);        /* a line for each member: name and value */
enum err out_json(struct buf *out, struct json_object *o);               /* for --json: indented, with a line end */
void out_value(struct buf *out, struct json_object *v);                  /* null is nothing, objects are compact JSON */
void out_text(struct buf *out, struct span text, const char *newline);   /* line ends become `newline` */

#endif
