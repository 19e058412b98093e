/* err - names, texts and edge codes of the one list of errors. */
#include <errno.h>

#include "err.h"

struct row {
	const char *name, *text;
	int http, code;
};

static const struct row rows[] = {
#define X(name, text, http, code) [ERR_##name] = { #name, text, http, code },
	ERR_LIST(X)
#undef X
};
_Static_assert(sizeof rows / sizeof *rows == ERR_COUNT, "a row per error");

/* The preprocessor cannot lower-case; done once before main, so that any thread may ask. */
static char lower_names[ERR_COUNT][16];

__attribute__((constructor)) static void names_lower(void)
{
	for (int e = 0; e < ERR_COUNT; e++)
		for (int i = 0; i < 15 && rows[e].name[i]; i++)
			lower_names[e][i] = (char)(rows[e].name[i] | 0x20);
}

static const struct row *row_of(enum err e)
{
	return &rows[(unsigned)e < ERR_COUNT ? e : ERR_INTERNAL];
}

const char *err_name(enum err e) { return lower_names[row_of(e) - rows]; }
const char *err_text(enum err e) { return row_of(e)->text; }
int err_http(enum err e) { return row_of(e)->http; }
int err_exit(enum err e) { return row_of(e)->code; }

static const struct {
	int err;
	enum err e;
} errnos[] = {
	{ 0, ERR_OK },
	{ ENOMEM, ERR_NOMEM },
	{ ENOENT, ERR_NOTFOUND },
	{ ENOTDIR, ERR_NOTFOUND },
	{ EEXIST, ERR_EXISTS },
	{ EACCES, ERR_DENIED },
	{ EPERM, ERR_DENIED },
	{ EROFS, ERR_DENIED },
	{ ENOSPC, ERR_FULL },
	{ EDQUOT, ERR_FULL },
	{ EADDRINUSE, ERR_INUSE },
	{ EBUSY, ERR_INUSE },
	{ EAGAIN, ERR_BUSY },
	{ EMFILE, ERR_BUSY },
	{ ENFILE, ERR_BUSY },
	{ ETIMEDOUT, ERR_TIMEOUT },
	{ EPIPE, ERR_CLOSED },
	{ ECONNRESET, ERR_CLOSED },
	{ ECONNREFUSED, ERR_DOWN },
	{ EHOSTUNREACH, ERR_DOWN },
	{ ENETUNREACH, ERR_DOWN },
	{ ENAMETOOLONG, ERR_LIMIT },
	{ EFBIG, ERR_LIMIT },
};

enum err err_errno(int err)
{
	for (unsigned i = 0; i < sizeof errnos / sizeof *errnos; i++)
		if (errnos[i].err == err)
			return errnos[i].e;
	return ERR_IO;
}
