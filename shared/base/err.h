/*
 * err - the one list of errors. Every function that can fail returns `enum err`; each program
 * translates it once, at its edge: HTTP status, exit code, close code.
 */
#ifndef OFFHOOK_ERR_H
#define OFFHOOK_ERR_H

/*      name          text                                     HTTP exit */
#define ERR_LIST(X) \
	X(OK,         "ok",                                     200, 0) \
	X(NOMEM,      "out of memory",                          503, 1) \
	X(LIMIT,      "too large",                              413, 4) \
	X(SYNTAX,     "malformed",                              400, 4) \
	X(VALUE,      "value not allowed",                      422, 4) \
	X(USAGE,      "usage",                                  400, 2) \
	X(NOTFOUND,   "not found",                              404, 3) \
	X(EXISTS,     "exists already",                         409, 4) \
	X(AMBIGUOUS,  "ambiguous name",                         409, 4) \
	X(CONFLICT,   "changed by somebody else meanwhile",     409, 4) \
	X(INUSE,      "in use",                                 409, 4) \
	X(DENIED,     "refused",                                403, 4) \
	X(BUSY,       "busy",                                   503, 1) \
	X(TIMEOUT,    "timed out",                              503, 1) \
	X(CLOSED,     "closed by the other side",               503, 1) \
	X(DOWN,       "not reachable",                          503, 1) \
	X(IO,         "input/output error",                     503, 1) \
	X(FULL,       "no space left on the disk",              503, 1) \
	X(RECOVER,    "database was recovered, open it again",  503, 1) \
	X(CORRUPT,    "stored record is damaged",               503, 1) \
	X(CRYPTO,     "cannot seal or open a secret",           503, 1) \
	X(INTERNAL,   "broken promise of our own",              500, 1)

enum err {
#define X(name, text, http, code) ERR_##name,
	ERR_LIST(X)
#undef X
	ERR_COUNT
};

const char *err_name(enum err e);      /* "notfound": for logs and JSON */
const char *err_text(enum err e);      /* "not found": for people */
int err_http(enum err e);
int err_exit(enum err e);
enum err err_errno(int err);           /* ENOMEM, ENOSPC, ENOENT, EACCES, ... ; anything else is ERR_IO */

#endif
