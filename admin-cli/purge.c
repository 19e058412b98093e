/* purge - old calls go. */
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "out.h"
#include "purge.h"
#include "store/call.h"

#define DAY_MS ((int64_t)86400000)

static void file_delete(const char *path)
{
	if (unlink(path) != 0 && errno != ENOENT)
		log_warn("purge.recording", "error=%s", log_q(span_z(strerror(errno))));
}

void recording_delete(struct cli *c, const char *path)
{
	struct buf full = BUF_INIT;
	char *slash;

	if (!path || !*path || *path == '/' || strstr(path, ".."))
		return;
	buf_printf(&full, "%s/%s", c->cf.data_dir, path);
	if (!full.err) {
		file_delete(full.p);
		slash = strrchr(full.p, '/');
		*slash = '\0';
		rmdir(full.p);                   /* refuses while there are others */
	}
	buf_fini(&full);
}

static void each_recording(const char *path, void *arg)
{
	recording_delete(arg, path);
}

enum err purge_calls(struct cli *c, int64_t before_ms, unsigned *gone)
{
	return call_purge(c->store, before_ms, gone, each_recording, c);
}

/* --- the command --- */

static enum err before_of(struct cli *c, const struct args *a, int64_t *before)
{
	int64_t now = clock_wall_ms();

	if (arg(a, "--older-than")) {
		if (time_since(arg_span(a, "--older-than"), now, before))
			return ERR_OK;
		return cli_fail(c, ERR_VALUE, "--older-than %.40s: must be 90d, 12h, 4w, a time or a date", arg(a, "--older-than"));
	}
	*before = now - c->cf.retention_days * DAY_MS;
	if (c->cf.retention_days > 0)
		return ERR_OK;
	return cli_fail(c, ERR_DENIED, "db purge: OFFHOOK_RETENTION_DAYS keeps calls for ever: say --older-than 90d");
}

#define REOPENS 5

enum err db_purge_run(struct cli *c, const struct args *a)
{
	unsigned gone = 0, all = 0;
	int64_t before;
	enum err e = before_of(c, a, &before), x = ERR_RECOVER;

	for (int i = 0; !e && x == ERR_RECOVER && i < REOPENS; i++) {
		if (i)
			cli_close(c);
		x = cli_open(c, false);
		gone = 0;
		x = x ? x : purge_calls(c, before, &gone);
		all += gone;
	}
	if (!e && x)
		e = cli_fail(c, x, "%s: %s", c->cf.db_dir, err_text(x));
	if (!e && c->json)
		buf_printf(&c->out, "{\"deleted\": %u}\n", all);
	else if (!e)
		buf_printf(&c->out, "%u calls deleted\n", all);
	return e;
}
