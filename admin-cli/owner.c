/* owner - the data directory belongs to one user: root becomes that user, anybody else is told the command to use. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

static enum err become(struct cli *c, const char *dir, const struct stat *st)
{
	const struct passwd *pw = getpwuid(st->st_uid);
	gid_t gid = pw ? pw->pw_gid : st->st_gid;             /* not the directory's group, which may still be root's */
	int bad = pw ? initgroups(pw->pw_name, gid) : setgroups(1, &gid);

	if (bad || setgid(gid) || setuid(st->st_uid))
		return cli_fail(c, ERR_DENIED, "%s: cannot become its owner (user %u): %s", dir, (unsigned)st->st_uid, strerror(errno));
	return ERR_OK;
}

static enum err refuse(struct cli *c, const char *dir, uid_t owner)
{
	const struct passwd *pw = getpwuid(owner);
	struct buf words = BUF_BOUND(512);
	enum err e;

	for (size_t i = 0; i < c->args->words_n; i++)
		buf_printf(&words, " %s", c->args->word[i]);
	if (pw)
		e = cli_fail(c, ERR_DENIED, "%s: belongs to user %s: use `sudo -u %s offhook%s ...`", dir, pw->pw_name, pw->pw_name, buf_z(&words));
	else
		e = cli_fail(c, ERR_DENIED, "%s: belongs to user %u: use `sudo -u '#%u' offhook%s ...`", dir, (unsigned)owner, (unsigned)owner,
			     buf_z(&words));
	buf_fini(&words);
	return e;
}

/* A directory that does not exist yet will be ours. */
enum err owner_become(struct cli *c, const char *data_dir)
{
	struct stat st;

	if (stat(data_dir, &st) != 0 || st.st_uid == geteuid())
		return ERR_OK;
	return geteuid() == 0 ? become(c, data_dir, &st) : refuse(c, data_dir, st.st_uid);
}
