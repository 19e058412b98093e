/* status - every part, one line each. Each is asked on its own, so that one that is down does not hide another. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/json.h"
#include "base/proc.h"
#include "control.h"
#include "out.h"
#include "probe.h"
#include "serve.h"
#include "store/account.h"

struct status {
	struct cli *cli;
	struct jbuild b;
	struct json_object *rows;
	struct json_object *serve;           /* run/serve.json; NULL: no supervisor */
	bool down;
};

static void row(struct status *s, const char *part, bool ok, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static void row(struct status *s, const char *part, bool ok, const char *fmt, ...)
{
	struct json_object *o = json_obj(&s->b);
	struct buf detail = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&detail, fmt, ap);
	va_end(ap);
	json_set(&s->b, o, "part", json_strz(&s->b, part));
	json_set(&s->b, o, "status", json_strz(&s->b, ok ? "ok" : "down"));
	json_set(&s->b, o, "detail", json_str(&s->b, buf_span(&detail)));
	json_push(&s->b, s->rows, o);
	buf_fini(&detail);
	s->down |= !ok;
}

static enum err database_body(struct txn *t, void *arg)
{
	struct account a = { 0 };
	enum err e = account_default(t, &a);

	(void)arg;
	record_fini(&account_type, &a);
	return e;
}

static void database(struct status *s)
{
	enum err e = cli_txn(s->cli, CLI_READ, database_body, NULL);

	if (e)
		row(s, "database", false, "%s", s->cli->why.n ? buf_z(&s->cli->why) : err_text(e));
	else
		row(s, "database", true, "%s", s->cli->cf.db_dir);
	buf_reset(&s->cli->why);
}

static void disk(struct status *s)
{
	enum space_level level = SPACE_OK;
	struct statvfs v;
	bool known = s->cli->store && store_space(s->cli->store, &level) == ERR_OK;
	uint64_t free_mb;

	if (statvfs(s->cli->cf.data_dir, &v) != 0) {
		row(s, "disk", false, "%s: no such directory", s->cli->cf.data_dir);
		return;
	}
	free_mb = (uint64_t)v.f_bavail * v.f_frsize >> 20;
	row(s, "disk", level < SPACE_VERY_LOW, "%llu MB free%s%s", (unsigned long long)free_mb, known && level ? ", level " : "",
	    known && level ? space_name(level) : "");
}

static void relay(struct status *s)
{
	struct control_request r = { .op = "health" };
	struct json_object *answer = NULL;
	int64_t calls = 0, pid = 0;
	bool draining = false;
	enum err e = control_ask(s->cli->cf.relay_socket, &r, CONTROL_HEALTH_MS, &answer);

	if (e) {
		row(s, "relay", false, "%s", err_text(e));
		row(s, "calls", false, "the relay does not say");
		return;
	}
	json_get_int(answer, "active_calls", &calls);
	json_get_int(answer, "pid", &pid);
	json_get_bool(answer, "draining", &draining);
	row(s, "relay", true, "pid %lld%s", (long long)pid, draining ? ", draining" : "");
	row(s, "calls", true, "%lld of %lld", (long long)calls, (long long)s->cli->cf.max_calls);
	json_object_put(answer);
}

/* Both by one question: who does not answer at all is lighttpd, who answers without our JSON is not the webhook. */
static void front(struct status *s)
{
	int64_t port = s->cli->cf.http_port;
	struct buf body = BUF_BOUND(65536);
	struct json_object *o = NULL;
	int status = 0;
	enum err e;

	json_get_int(s->serve, "http_port", &port);
	e = probe_get("127.0.0.1", (unsigned)port, "/api/health/", 3000, &status, &body);
	row(s, "lighttpd", !e, "http://127.0.0.1:%lld/%s%s", (long long)port, e ? " " : "", e ? err_text(e) : "");
	if (e)
		row(s, "webhook", false, "not asked, as lighttpd is down");
	else if (json_read(&o, buf_span(&body)) || !json_get(o, "database"))
		row(s, "webhook", false, "lighttpd answers %d for it", status);
	else
		row(s, "webhook", true, "health %d", status);
	json_object_put(o);
	buf_fini(&body);
}

static void supervisor_read(struct status *s)
{
	struct buf path = BUF_INIT, text = BUF_BOUND(4096);

	buf_printf(&path, "%s/serve.json", s->cli->cf.run_dir);
	if (file_read(&text, buf_z(&path)) || json_read(&s->serve, buf_span(&text)))
		s->serve = NULL;
	buf_fini(&path);
	buf_fini(&text);
}

static void supervisor(struct status *s)
{
	int64_t pid = 0;
	bool ok = json_get_int(s->serve, "pid", &pid) && serve_is_running(s->cli->cf.run_dir);

	if (ok)
		row(s, "serve", true, "pid %lld since " SPAN_FMT, (long long)pid, SPAN_ARG(json_get_span(s->serve, "started_at")));
	else
		row(s, "serve", false, "not running");
}

enum err status_run(struct cli *c, const struct args *a)
{
	static const struct out_col cols[] = { { "part", 0 }, { "status", 0 }, { "detail", OUT_CUT } };
	struct status s = { .cli = c };
	enum err e = owner_become(c, c->cf.data_dir);

	(void)a;
	if (e)
		return e;
	s.rows = json_arr(&s.b);
	supervisor_read(&s);
	supervisor(&s);
	database(&s);
	relay(&s);
	front(&s);
	disk(&s);
	e = s.b.err;
	if (!e)
		e = c->json ? out_json(&c->out, s.rows) : out_table(&c->out, cols, 3, s.rows, out_width());
	json_object_put(s.rows);
	json_object_put(s.serve);
	c->said = !e && s.down;
	return e ? e : s.down ? ERR_DOWN : ERR_OK;
}
