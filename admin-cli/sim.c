/* sim - a simulated phone call to this installation: `offhook-sim phone`, told where we listen and how Twilio would sign. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/proc.h"
#include "cli.h"
#include "store/account.h"

#define OWN_MAX 16

struct sim {
	const char *argv[OWN_MAX + ARGS_REST + 1];
	size_t n;
	struct buf url, program, sid, token;
};

static void option(struct sim *s, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	s->argv[s->n++] = name;
	s->argv[s->n++] = value;
}

/* Where the running instance listens, which need not be what the configuration says. */
static void webhook_url(struct sim *s, const struct settings *cf)
{
	struct buf path = BUF_INIT, text = BUF_BOUND(4096);
	struct json_object *o = NULL;
	int64_t port = cf->http_port;

	buf_printf(&path, "%s/serve.json", cf->run_dir);
	if (file_read(&text, buf_z(&path)) == ERR_OK && json_read(&o, buf_span(&text)) == ERR_OK)
		json_get_int(o, "http_port", &port);
	buf_printf(&s->url, "http://127.0.0.1:%lld/api/webhook/", (long long)port);
	json_object_put(o);
	buf_fini(&path);
	buf_fini(&text);
}

static enum err account_body(struct txn *t, void *arg)
{
	struct sim *s = arg;
	struct account a = { 0 };
	enum err e = account_default(t, &a);

	buf_reset(&s->sid);
	buf_reset(&s->token);
	if (!e && a.twilio_account_sid)
		buf_addz(&s->sid, a.twilio_account_sid);
	if (!e)
		e = record_secret_get(txn_store(t), &account_type, "twilio_auth_token", &a, &s->token);
	record_fini(&account_type, &a);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static const char *credential(const char *variable, struct buf *stored, const char *configured)
{
	return !settings_env(variable).n && stored->n ? buf_z(stored) : configured;
}

/* As the webhook takes them; without any the phone has made-up ones of its own. */
static enum err credentials(struct sim *s, struct cli *c)
{
	const char *token;
	enum err e = ERR_OK;

	if (!settings_env("TWILIO_AUTH_TOKEN").n || !settings_env("TWILIO_ACCOUNT_SID").n)
		e = cli_txn(c, CLI_READ, account_body, s);
	cli_close(c);
	option(s, "--account", credential("TWILIO_ACCOUNT_SID", &s->sid, c->cf.twilio_account_sid));
	/* not an argument: the list of processes is for everybody */
	token = credential("TWILIO_AUTH_TOKEN", &s->token, c->cf.twilio_auth_token);
	if (token)
		setenv("TWILIO_AUTH_TOKEN", token, 1);
	return e;
}

static enum err start(struct sim *s, struct cli *c)
{
	enum err e = proc_self_dir(&s->program);

	buf_addz(&s->program, "/offhook-sim");
	if (e || s->program.err)
		return ERR_NOMEM;
	execv(buf_z(&s->program), (char *const *)(uintptr_t)s->argv);
	return cli_fail(c, ERR_DOWN, "%s: cannot be started: %s", buf_z(&s->program), strerror(errno));
}

static enum err our_options(struct sim *s, struct cli *c)
{
	webhook_url(s, &c->cf);
	option(s, "--url", buf_z(&s->url));
	option(s, "--public-url", c->cf.public_url);
	return credentials(s, c);
}

/* Its page needs no database. */
static bool asks_help(const struct args *a)
{
	for (size_t i = 0; i < a->rest_n; i++)
		if (strcmp(a->rest[i], "--help") == 0)
			return true;
	return false;
}

/* What is given on the command line comes last, so it counts. */
enum err sim_call_run(struct cli *c, const struct args *a)
{
	struct sim s = { .argv = { "offhook-sim", "phone" }, .n = 2 };
	enum err e;

	e = asks_help(a) ? ERR_OK : our_options(&s, c);
	for (size_t i = 0; i < a->rest_n; i++)
		s.argv[s.n++] = a->rest[i];
	if (!e)
		e = start(&s, c);
	buf_fini(&s.url);
	buf_fini(&s.program);
	buf_fini(&s.sid);
	buf_fini(&s.token);
	return e;
}
