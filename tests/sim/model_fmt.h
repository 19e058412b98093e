/*
 * model_fmt - JSON text in a straight line. In the format an apostrophe stands for a quotation mark:
 *     model_fmt(&b, "{'type':%q,'item_id':%q,'audio_start_ms':%l}", type, id, ms);
 * %q const char * as a JSON string, NULL as null    %Q struct span, the same    %s const char * as it stands
 * %d int    %l int64_t    %f double, shortest    %b int as true or false    %J struct json_object *, NULL as null
 */
#ifndef OFFHOOK_SIM_MODEL_FMT_H
#define OFFHOOK_SIM_MODEL_FMT_H

#include <stdarg.h>

#include "base/json.h"

void model_fmt(struct buf *b, const char *fmt, ...);
void model_vfmt(struct buf *b, const char *fmt, va_list ap);

#endif
