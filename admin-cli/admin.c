/*
 * admin - users of the admin pages: the htpasswd file that lighttpd reads. Passwords are hashed with yescrypt. The file is replaced as a whole, so
 * lighttpd never sees half of it.
 */
#include <crypt.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <termios.h>
#include <unistd.h>

#include "base/proc.h"
#include "passwd.h"

bool passwd_user_ok(struct span user)
{
	for (size_t i = 0; i < user.n; i++)
		if ((unsigned char)user.p[i] <= ' ' || user.p[i] == ':' || user.p[i] == 0x7F)
			return false;
	return user.n > 0 && user.n <= 64 && user.p[0] != '#' && span_utf8(user);
}

enum err passwd_hash(struct buf *out, const char *password)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	struct crypt_data *data = calloc(1, sizeof *data);
	const char *hash = NULL;

	if (data && crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof setting))
		hash = crypt_r(password, setting, data);
	if (hash && hash[0] != '*')
		buf_addz(out, hash);
	else
		out->err = out->err ? out->err : data ? ERR_CRYPTO : ERR_NOMEM;
	if (data)
		explicit_bzero(data, sizeof *data);
	free(data);
	return out->err;
}

enum err passwd_edit(struct buf *out, struct span file, struct span user, struct span hash)
{
	struct span line, name;

	while (span_cut(&file, '\n', &line)) {
		struct span rest = line;

		if (line.n == 0 || (span_cut(&rest, ':', &name) && span_eq(name, user)))
			continue;
		buf_add(out, line);
		buf_addc(out, '\n');
	}
	buf_add(out, user);
	buf_addc(out, ':');
	buf_add(out, hash);
	buf_addc(out, '\n');
	return out->err;
}

/* --- reading it --- */

static enum err line_read(struct buf *out)
{
	char c;
	ssize_t n;

	while ((n = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n')
		buf_addc(out, c);
	if (out->n && out->p[out->n - 1] == '\r')
		out->n--;
	return n < 0 ? ERR_IO : out->err;
}

/* Ctrl-C must not leave the terminal silent: it is an ordinary character until the line is read. */
static enum err ask(struct buf *out, const char *prompt)
{
	struct termios before, silent;
	bool tty = tcgetattr(STDIN_FILENO, &before) == 0;
	enum err e;

	if (!tty)
		return line_read(out);
	silent = before;
	silent.c_lflag &= (tcflag_t)~(ECHO | ISIG);
	fd_write_all(STDERR_FILENO, span_z(prompt));
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	e = line_read(out);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fd_write_all(STDERR_FILENO, SPAN("\n"));
	if (!e && memchr(buf_z(out), 3, out->n))
		e = ERR_CLOSED;
	return e;
}

#define PASSWORD_MIN 8

static enum err password_read(struct cli *c, struct buf *out)
{
	struct buf again = BUF_BOUND(out->max);
	bool tty = isatty(STDIN_FILENO);
	enum err e = ask(out, "New password: ");

	if (!e && out->n < PASSWORD_MIN)
		e = cli_fail(c, ERR_VALUE, "admin passwd: the password must have at least %d characters", PASSWORD_MIN);
	if (!e && memchr(out->p, '\0', out->n))
		e = cli_fail(c, ERR_VALUE, "admin passwd: the password must not hold a NUL");
	if (!e && tty)
		e = ask(&again, "Once more: ");
	if (!e && tty && !span_eq(buf_span(&again), buf_span(out)))
		e = cli_fail(c, ERR_VALUE, "admin passwd: the two are not the same; nothing was changed");
	if (again.p)
		explicit_bzero(again.p, again.cap);
	buf_fini(&again);
	return e ? cli_fail(c, e, "admin passwd: the password cannot be read: %s", err_text(e)) : ERR_OK;
}

/* --- the file --- */

static enum err file_edit(struct cli *c, struct span user, struct span hash)
{
	struct buf old = BUF_INIT, fresh = BUF_INIT;
	enum err e = file_read(&old, c->cf.htpasswd);

	if (e == ERR_NOTFOUND)
		e = ERR_OK;
	if (!e)
		e = passwd_edit(&fresh, buf_span(&old), user, hash);
	if (!e)
		e = file_replace(c->cf.htpasswd, buf_span(&fresh), 0640);
	buf_fini(&old);
	buf_fini(&fresh);
	return e ? cli_fail(c, e, "%s: %s", c->cf.htpasswd, err_text(e)) : ERR_OK;
}

/* Two of us at once would each write back what the other has not seen. */
static enum err locked_edit(struct cli *c, struct span user, struct span hash)
{
	int fd = open(c->cf.data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e = ERR_OK;

	if (fd < 0 || flock(fd, LOCK_EX) != 0)
		e = cli_fail(c, ERR_IO, "%s: cannot be locked", c->cf.data_dir);
	if (!e)
		e = file_edit(c, user, hash);
	if (fd >= 0)
		close(fd);
	return e;
}

enum err passwd_run(struct cli *c, const struct args *a)
{
	struct buf password = BUF_BOUND(512), hash = BUF_BOUND(1024);
	struct span user = arg_span(a, "USER");
	enum err e = passwd_user_ok(user) ? ERR_OK : cli_fail(c, ERR_VALUE, "admin passwd: a user's name has 1 to 64 characters, no blank and no colon");

	if (!e)
		e = owner_become(c, c->cf.data_dir);
	if (!e && dir_make(c->cf.data_dir, 0770))
		e = cli_fail(c, ERR_IO, "%s: cannot make this directory", c->cf.data_dir);
	if (!e)
		e = password_read(c, &password);
	if (!e)
		e = passwd_hash(&hash, buf_z(&password));
	if (!e)
		e = locked_edit(c, user, buf_span(&hash));
	if (password.p)
		explicit_bzero(password.p, password.cap);
	buf_fini(&password);
	buf_fini(&hash);
	return e;
}
