/* serve_setup - what must hold before anything is started: configuration, limits, the data directory and its owner, one supervisor, a database. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/log.h"
#include "openai/price.h"
#include "serve.h"

#define FDS_PER_CALL 3            /* the relay: caller, model and a moment's overlap; lighttpd: two and the same */
#define FDS_BASE     512          /* listeners, workers, requests that carry no audio */
#define FDS_ENOUGH   65536        /* some programs make tables of this size: an "unlimited" limit is no gift to them */

static enum err check_address(struct serve *s)
{
	struct buf why = BUF_INIT;
	enum err e = settings_need_public_url(&s->cli->cf, &why);

	if (e)
		cli_fail(s->cli, e, "%s", buf_z(&why));
	buf_fini(&why);
	return e;
}

/* Here and not in every worker: once for a start. */
void serve_warn(const struct settings *cf)
{
	if (!settings_validates(cf))
		log_warn("webhook.unsafe", "TWILIO_VALIDATE=off effect=%s", log_q(SPAN("anybody may place calls")));
	else if (!cf->twilio_auth_token)
		log_warn("webhook.no_token", "TWILIO_AUTH_TOKEN=- effect=%s", log_q(SPAN("calls are refused, except of accounts with a token of their own")));
}

static enum err readable(struct serve *s, const char *path, const char *key)
{
	if (!path || access(path, R_OK) == 0)
		return ERR_OK;
	return cli_fail(s->cli, ERR_VALUE, "%s=%s: cannot be read: %s", key, path, strerror(errno));
}

/* A relay that cannot read it does not start, again and again. */
static enum err trusted(struct serve *s, const char *path)
{
	X509_STORE *anchors = path ? X509_STORE_new() : NULL;
	bool good = !path || (anchors && X509_STORE_load_file(anchors, path) == 1);

	X509_STORE_free(anchors);
	return good ? ERR_OK : cli_fail(s->cli, ERR_VALUE, "OPENAI_CA_FILE=%s: must be a PEM file with certificates", path);
}

static enum err priced(struct serve *s)
{
	struct buf why = BUF_INIT;
	enum err e = price_load(s->cli->cf.prices, &why);

	if (e)
		cli_fail(s->cli, e, "%s", buf_z(&why));
	buf_fini(&why);
	return e;
}

/* As the owner of the data directory: that is who reads them from now on. */
static enum err check_files(struct serve *s)
{
	const struct settings *cf = &s->cli->cf;
	enum err e = readable(s, cf->tls_cert, "OFFHOOK_TLS_CERT");

	if (!e)
		e = readable(s, cf->tls_key, "OFFHOOK_TLS_KEY");
	if (!e)
		e = readable(s, cf->openai_ca_file, "OPENAI_CA_FILE");
	if (!e)
		e = trusted(s, cf->openai_ca_file);
	if (!e)
		e = priced(s);
	return e ? e : readable(s, conf_path(), "configuration file");
}

static enum err raise_limits(struct serve *s)
{
	rlim_t need = (rlim_t)s->cli->cf.max_calls * FDS_PER_CALL + FDS_BASE;
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return cli_fail(s->cli, ERR_IO, "descriptor limit: %s", strerror(errno));
	r.rlim_cur = r.rlim_cur > FDS_ENOUGH ? FDS_ENOUGH : r.rlim_cur;
	r.rlim_cur = r.rlim_cur < need ? need : r.rlim_cur;
	if (r.rlim_max < r.rlim_cur)
		r.rlim_max = r.rlim_cur;                        /* root may */
	if (setrlimit(RLIMIT_NOFILE, &r) == 0)
		return ERR_OK;
	getrlimit(RLIMIT_NOFILE, &r);
	return cli_fail(s->cli, ERR_DENIED, "descriptor limit: OFFHOOK_MAX_CALLS=%lld needs %llu open files, %llu are allowed: raise the limit (ulimit -Hn, "
			"LimitNOFILE=) or set OFFHOOK_MAX_CALLS=%lld", (long long)s->cli->cf.max_calls, (unsigned long long)need, (unsigned long long)r.rlim_max,
			r.rlim_max > FDS_BASE ? (long long)((r.rlim_max - FDS_BASE) / FDS_PER_CALL) : 0);
}

static enum err take_lock(struct serve *s, int fd)
{
	char who[32] = "";
	ssize_t n;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return ERR_OK;
	n = pread(fd, who, sizeof who - 1, 0);
	return cli_fail(s->cli, ERR_INUSE, "%s: another `offhook serve` runs on it (pid %.*s): stop that one, or set OFFHOOK_DATA_DIR and the ports",
			s->data_dir, n > 0 ? (int)strcspn(who, "\n") : 1, n > 0 ? who : "?");
}

static char *lock_path(const struct serve *s)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s/serve.lock", s->run_dir);
	return buf_take(&b);
}

bool serve_is_running(const char *run_dir)
{
	struct serve s = { .run_dir = (char *)(uintptr_t)run_dir };
	char *path = lock_path(&s);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;

	if (fd >= 0)
		close(fd);
	free(path);
	return held;
}

/* Before the ports are tried, so that the second supervisor hears the real reason. */
static enum err look_lock(struct serve *s)
{
	char *path = lock_path(s);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	enum err e = fd >= 0 ? take_lock(s, fd) : ERR_OK;

	if (fd >= 0)
		close(fd);
	free(path);
	return e;
}

static enum err hold_lock(struct serve *s)
{
	char *path = lock_path(s);
	enum err e;

	s->lock_fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0660) : -1;
	e = s->lock_fd >= 0 ? take_lock(s, s->lock_fd) : cli_fail(s->cli, err_errno(errno), "%s: %s", path ? path : "lock", strerror(errno));
	if (!e && (ftruncate(s->lock_fd, 0) != 0 || dprintf(s->lock_fd, "%d\n", (int)getpid()) < 0))
		e = cli_fail(s->cli, ERR_FULL, "%s: %s", path, strerror(errno));
	free(path);
	return e;
}

static enum err make_dir(struct serve *s, const char *path)
{
	enum err e = dir_make(path, 0770);

	if (e == ERR_EXISTS)
		return cli_fail(s->cli, e, "%s: is in the way: it is no directory", path);
	return e ? cli_fail(s->cli, e == ERR_NOTFOUND ? ERR_IO : e, "%s: cannot make this directory: %s", path, err_text(e)) : ERR_OK;
}

/* What lighttpd serves as files lies beside its configuration when installed, and with the webhook's sources in a checkout. */
static enum err find_share(struct serve *s)
{
	struct span dir = span_of(s->conf_file, (size_t)(strrchr(s->conf_file, '/') - s->conf_file));
	struct buf b = BUF_INIT;

	buf_add(&b, dir);
	buf_addz(&b, "/fcgi-webhook");
	s->share_dir = access(buf_z(&b), X_OK) == 0 ? buf_take(&b) : span_dup(dir);
	buf_fini(&b);
	return s->share_dir ? ERR_OK : ERR_NOMEM;
}

/* lighttpd's configuration lies beside the sources in a checkout, and in share/ when installed. */
static enum err find_conf(struct serve *s)
{
	static const char *const places[] = { "../share/offhook", "..", "../.." };
	const char *name = s->cli->cf.https_port != FIELD_NULL_INT ? "lighttpd.tls.conf" : "lighttpd.conf";
	struct buf b = BUF_INIT;

	for (size_t i = 0; i <= sizeof places / sizeof *places && !s->conf_file; i++) {
		bool last = i == sizeof places / sizeof *places;

		buf_reset(&b);
		buf_printf(&b, "%s%s%s/%s", last ? "" : s->bin_dir, last ? "" : "/", last ? "." : places[i], name);
		s->conf_file = realpath(buf_z(&b), NULL);
	}
	buf_fini(&b);
	if (!s->conf_file)
		return cli_fail(s->cli, ERR_DOWN, "%s: not found beside %s: start offhook from its checkout, or `make install`", name, s->bin_dir);
	return find_share(s);
}

static enum err find_lighttpd(struct serve *s)
{
	static const char *const places[] = { "/usr/sbin/lighttpd", "/usr/local/sbin/lighttpd", "/usr/bin/lighttpd", "/usr/local/bin/lighttpd" };

	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (access(places[i], X_OK) == 0)
			return (s->lighttpd = span_dup(span_z(places[i]))) ? ERR_OK : ERR_NOMEM;
	return cli_fail(s->cli, ERR_DOWN, "lighttpd: not found: apt-get install lighttpd lighttpd-mod-openssl");
}

static enum err find_programs(struct serve *s)
{
	struct buf dir = BUF_INIT;
	enum err e = proc_self_dir(&dir);

	s->bin_dir = e ? NULL : buf_take(&dir);
	buf_fini(&dir);
	if (!s->bin_dir)
		return e ? e : ERR_NOMEM;
	e = find_conf(s);
	if (!e)
		e = find_lighttpd(s);
	return e ? e : part_programs_check(s);
}

static enum err paths_set(struct serve *s)
{
	s->data_dir = span_dup(span_z(s->cli->cf.data_dir));
	s->run_dir = span_dup(span_z(s->cli->cf.run_dir));
	return s->data_dir && s->run_dir ? ERR_OK : ERR_NOMEM;
}

static enum err directories(struct serve *s)
{
	enum err e = make_dir(s, s->data_dir);

	if (!e)
		e = owner_become(s->cli, s->data_dir);
	if (!e)
		e = make_dir(s, s->run_dir);
	return e ? e : make_dir(s, s->cli->cf.db_dir);
}

static enum err first_start(struct serve *s)
{
	static const char *const words[] = { "db", "init", NULL };
	enum err e = part_once(s, words);

	return e ? cli_fail(s->cli, e, "%s: the database cannot be opened: the reason is above", s->cli->cf.db_dir) : ERR_OK;
}

static enum err check_lighttpd(struct serve *s)
{
	enum err e = part_lighttpd_check(s);

	return e ? cli_fail(s->cli, ERR_VALUE, "%s: lighttpd refuses it: the reason is above", s->conf_file) : ERR_OK;
}

/* Order matters: ports below 1024 and limits need root, files in the data directory need its owner. */
enum err serve_setup(struct serve *s)
{
	static enum err (*const steps[])(struct serve *) = {
		check_address, paths_set, find_programs, look_lock, raise_limits, serve_listen_tcp, directories, hold_lock, check_files,
		serve_listen_unix, check_lighttpd, first_start,
	};
	enum err e = ERR_OK;

	umask(007);
	for (size_t i = 0; i < sizeof steps / sizeof *steps && !e; i++)
		e = steps[i](s);
	if (!e)
		serve_warn(&s->cli->cf);
	return e;
}

void serve_cleanup(struct serve *s)
{
	char **texts[] = { &s->data_dir, &s->run_dir, &s->bin_dir, &s->conf_file, &s->share_dir, &s->lighttpd };

	for (enum listener l = 0; l < LISTEN_COUNT; l++)
		if (s->sock[l] >= 0)
			close(s->sock[l]);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		free(*texts[i]);
}
