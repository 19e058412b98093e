/*
 * redact - numbers in texts that are stored: each becomes "[number]". Pure.
 * A number is four digits or more, of any script that people write phone numbers in, with at most one of the signs " -./+*" (or a dash or blank beyond ASCII)
 * and one of "()," between two of them. A plus sign before it, and the bracket that closes inside of it, belong to it. Numbers in words stay.
 */
#ifndef OFFHOOK_REDACT_H
#define OFFHOOK_REDACT_H

#include "base/buf.h"

#define REDACT_DIGITS 4

void redact_text(struct buf *out, struct span text);
/* A JSON value: texts and keys in it as above; a number of so many digits becomes the text "[number]". ERR_SYNTAX: no JSON, nothing was added. */
enum err redact_json(struct buf *out, struct span json);
bool redact_needed(struct span text);

#endif
