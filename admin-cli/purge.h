/* purge - old calls go, with all that belongs to them, their recordings too. */
#ifndef OFFHOOK_CLI_PURGE_H
#define OFFHOOK_CLI_PURGE_H

#include "cli.h"

/* The file of a call that is gone, and its folder when it was the last. A path that leads out of the data directory is nobody's recording. */
void recording_delete(struct cli *c, const char *path);
enum err purge_calls(struct cli *c, int64_t before_ms, unsigned *gone);      /* that started before and have ended; the store is open */

#endif
