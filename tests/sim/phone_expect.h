/*
 * phone_expect - what a summary must say. Dotted paths into it, numbers choose from a list; against each a value, {"min","max"} for a number, or {"has"}
 * for a part of a text. A number for a list is its length.
 */
#ifndef OFFHOOK_SIM_PHONE_EXPECT_H
#define OFFHOOK_SIM_PHONE_EXPECT_H

#include <json-c/json.h>

/* `missed` is told of each that is not so. The members "ok" and "problems" are the caller's. */
void phone_expect(struct json_object *summary, struct json_object *expect, void (*missed)(void *arg, const char *text), void *arg);

#endif
