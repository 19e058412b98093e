/*
 * explain - the story of a call, told from its record alone: what happened when, what stood out, how it ended and why. JSON in, JSON out.
 * Input is what `call export` prints: {"call","turns","events"}. The words are tables in explain_words.c: an event type that has no row is told by its name.
 * Story: {"session_id","call":TEXT,"ended":TEXT,"numbers":TEXT,"findings":[ROW],"timeline":[ROW]}, ROW = {"at":RFC 3339,"seconds":from the webhook,"kind","text"};
 * `findings` are the rows of the timeline that somebody who asks "what went wrong?" wants to see, and what only shows between them (silences, redials).
 */
#ifndef OFFHOOK_EXPLAIN_H
#define OFFHOOK_EXPLAIN_H

#include <json-c/json.h>

#include "base/buf.h"

enum err explain_call(struct json_object *exported, struct json_object **story);
void explain_print(struct buf *out, struct json_object *story);

/* --- words --- */

enum explain_weight { EXPLAIN_QUIET, EXPLAIN_PLAIN, EXPLAIN_FINDING };     /* only with --json; in the timeline; among the findings too */
struct explain_word {
	const char *type;
	enum explain_weight weight;
	const char *text;               /* {error}: the event's; {x}: member x of its payload; {x:s}: the same, milliseconds as seconds */
};
const struct explain_word *explain_event(struct span type);                /* NULL: no row */
const char *explain_end(struct span end_reason);                           /* a sentence; NULL: none */
struct explain_code { int code; const char *means, *todo; };
const struct explain_code *explain_twilio(struct span text);               /* the first code of Twilio's in a text; NULL: none that is known */

#endif
