/*
 * zone - local time in a named time zone, read from the host's zone files: any thread, no TZ variable.
 * Source: RFC 8536 (TZif). Names are those of /usr/share/zoneinfo; NULL or "" is the host's own zone.
 */
#ifndef OFFHOOK_ZONE_H
#define OFFHOOK_ZONE_H

#include <time.h>

#include "base/buf.h"

#define ZONE_NAME 64

bool zone_exists(const char *name);                                                /* also true when the host has no zone files to compare with */
void zone_name(char out[ZONE_NAME], const char *name);                             /* the name to print: the host's own when none is given; "UTC" in doubt */
enum err zone_local(const char *name, int64_t wall_ms, struct tm *out);            /* tm_gmtoff is set; UTC with ERR_NOTFOUND when the zone is unknown */

#endif
