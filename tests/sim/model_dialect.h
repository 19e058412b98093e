/*
 * model_dialect - the simulated model in the manner of other servers: what they want differently is translated into OpenAI's shape before it is checked, what
 * they send differently is made of OpenAI's events on the way out. `beta` is OpenAI's shape with the retired names of events.
 * Source: published behaviour and recorded frames of Azure OpenAI (GA) and xAI's voice API, 2026.
 */
#ifndef OFFHOOK_SIM_MODEL_DIALECT_H
#define OFFHOOK_SIM_MODEL_DIALECT_H

#include "model.h"

enum model_dialect dialect_named(const char *word);                                 /* one of MODEL_DIALECT_WORDS */
const char *dialect_path(enum model_dialect d);                                     /* of the upgrade */
const char *dialect_key_header(enum model_dialect d, const char **prefix);          /* lower case, with its colon */
bool dialect_in(enum model_dialect d, struct json_object *ev, struct complaint *c); /* changes a client's event; false: refused */

/* What goes out for an event, at most DIALECT_OUT messages into `out`; 0: this server has no such event. Each is to be freed. */
#define DIALECT_OUT 2
unsigned dialect_out(enum model_dialect d, struct span event, struct buf out[DIALECT_OUT]);

#endif
