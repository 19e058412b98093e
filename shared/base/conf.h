/*
 * conf - configuration: KEY=value files and the real environment, read through a field table. `#` comments,
 * optional quotes. The real environment wins over the file. Each complaint is made once.
 */
#ifndef OFFHOOK_CONF_H
#define OFFHOOK_CONF_H

#include "field.h"

/* Which file: $OFFHOOK_ENV, else ./.env, else /etc/offhook/offhook.env; NULL when there is none.
 * A file named by $OFFHOOK_ENV that cannot be read is an error of conf_load. */
const char *conf_path(void);

/* Fills obj (already at its defaults) from `path` (may be NULL) and then from the environment. A bad value or line stops: `why` names the key,
 * the value and what is allowed (a secret's value is not repeated). Unknown keys that start with `prefix` are warnings on the log, with the nearest name. */
enum err conf_load(const struct field *f, size_t n, const char *prefix, const char *path, void *obj, struct buf *why);

/* Set by the supervisor for the programs it starts: unknown keys were complained about already. */
#define CONF_SUPERVISED "OFFHOOK_SUPERVISED"

/* One line of a file: false for blank lines and comments; ERR_SYNTAX lines have key.p == NULL. For conf_load and the fuzzer. */
bool conf_line(struct span line, struct span *key, struct buf *value);

#endif
