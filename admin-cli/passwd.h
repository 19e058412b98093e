/* passwd - lines of the htpasswd file: USER:HASH, hashed with yescrypt. */
#ifndef OFFHOOK_PASSWD_H
#define OFFHOOK_PASSWD_H

#include "cli.h"

bool passwd_user_ok(struct span user);
enum err passwd_hash(struct buf *out, const char *password);
enum err passwd_edit(struct buf *out, struct span file, struct span user, struct span hash);      /* file with the user's line replaced or added */

#endif
