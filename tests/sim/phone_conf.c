/* phone_conf - options of the phone. */
#include <stdlib.h>

#include "phone_conf.h"

#define OPT(m, name, kind, flags, min, max, def, allowed, help) FIELD_AS(struct phone_conf, m, name, kind, flags, min, max, def, allowed, help)

static const struct field options[] = {
	OPT(url, "url", FK_URL, 0, 0, 2048, "http://127.0.0.1:8080/api/webhook/", "http https", "the call webhook, where it really listens"),
	OPT(public_url, "public-url", FK_URL, 0, 0, 2048, NULL, "http https", "PUBLIC_URL as Twilio knows it, which is what is signed (default: --url without its path)"),
	OPT(connect, "connect", FK_PLAIN, 0, 0, 300, NULL, NULL, "HOST:PORT that takes the requests to the public URL (default: that of --url)"),
	OPT(account, "account", FK_PLAIN, 0, 34, 34, "AC0ff00c00000000000000000000000001", NULL, "AccountSid (TWILIO_ACCOUNT_SID of the environment is the default when it is set)"),
	OPT(token, "token", FK_PLAIN, 0, 1, 200, "0ff00c000000000000000000000000aa", NULL, "auth token, which signs (TWILIO_AUTH_TOKEN of the environment likewise, which no process list shows)"),
	OPT(from, "from", FK_PLAIN, 0, 0, 100, NULL, NULL, "caller (default: one of its own for every call)"),
	OPT(to, "to", FK_PLAIN, 0, 0, 100, "+15005550006", NULL, "called number"),
	OPT(status_url, "status-url", FK_URL, 0, 0, 2048, NULL, "http https", "final status callback (default: PUBLIC_URL/api/status/)"),
	OPT(ca, "ca", FK_PLAIN, 0, 0, 4096, NULL, NULL, "PEM file that https and wss servers are verified with (default: the system's)"),
	OPT(get, "get", FK_PLAIN, 0, 0, 0, "false", NULL, "the webhook by GET, parameters in the query"),
	OPT(calls, "calls", FK_PLAIN, 0, 1, 5000, "1", NULL, "how many calls"),
	OPT(rate, "rate", FK_PLAIN, 0, 0.01, 1000, "10", NULL, "calls begun in a second"),
	OPT(limit, "limit", FK_PLAIN, 0, 1, 86400, "300", NULL, "seconds after which a call has failed because it does not end"),
	OPT(scenario, "scenario", FK_PLAIN, 0, 0, 4096, NULL, NULL, "JSON file: what the caller does, what goes wrong, what must come out (docs/simulator.md)"),
	OPT(speech, "speech", FK_PLAIN, 0, 0, 4096, NULL, NULL, "WAV file that the caller says, instead of the script"),
	OPT(speech_cache, "speech-cache", FK_PLAIN, 0, 0, 4096, NULL, NULL, "directory that keeps what espeak-ng made"),
	OPT(dial, "dial", FK_LIST, 0, 0, 300, "completed", NULL, "DialCallStatus of each <Dial> in turn, the last goes on"),
	OPT(pattern, "pattern", FK_PLAIN, 0, 0.02, 86400, NULL, NULL, "seconds of numbered frames instead of speech, and numbered frames are checked"),
	OPT(duration, "duration", FK_PLAIN, 0, 0.02, 86400, NULL, NULL, "seconds after the start of the stream at which the caller hangs up, whatever is going on"),
	OPT(quiet_ms, "quiet-ms", FK_PLAIN, 0, 0, 60000, "700", NULL, "the agent has finished when it was silent for so long"),
	OPT(patience_ms, "patience-ms", FK_PLAIN, 0, 0, 600000, "15000", NULL, "how long the caller waits for an answer"),
	OPT(say_ms, "say-ms", FK_PLAIN, 0, 0, 1000, "0", NULL, "<Say> takes so many milliseconds a character"),
	OPT(save, "save", FK_PLAIN, 0, 0, 4096, NULL, NULL, "WAV file: what the caller heard (with several calls: one each, with its number)"),
	OPT(save_both, "save-both", FK_PLAIN, 0, 0, 4096, NULL, NULL, "WAV file: caller left, agent right"),
	OPT(agent_log, "agent-log", FK_PLAIN, 0, 0, 4096, NULL, NULL, "log of the simulated model (its --log): the agent's words are shown too"),
	OPT(delay_ms, "delay-ms", FK_PLAIN, 0, 0, 10000, "0", NULL, "the media link is so slow, each way"),
	OPT(jitter_ms, "jitter-ms", FK_PLAIN, 0, 0, 10000, "0", NULL, "and up to so much slower, at random, in order"),
	OPT(seed, "seed", FK_PLAIN, 0, 0, 4294967295.0, "1", NULL, "of that randomness"),
	OPT(quiet, "quiet", FK_PLAIN, 0, 0, 0, "false", NULL, "nothing but the verdict"),
	OPT(json, "json", FK_PLAIN, 0, 0, 0, "false", NULL, "the summary as JSON (docs/simulator.md)"),
	OPT(help, "help", FK_PLAIN, 0, 0, 0, "false", NULL, "this page"),
};
#define N_OPTIONS (sizeof options / sizeof *options)

static const struct {
	const char *name, *value, *help;
	size_t off;
} lists[] = {
	{ "map", "FROM=TO", "requests to URLs that begin with FROM go to TO (scheme, host, port); may be repeated", offsetof(struct phone_conf, map) },
	{ "say", "TEXT", "the caller says this, then waits for the answer; may be repeated", offsetof(struct phone_conf, say) },
};
#define N_LISTS (sizeof lists / sizeof *lists)

static enum err usage(struct buf *why, const char *option, const char *text)
{
	if (why)
		buf_printf(why, "%s: %s", option, text);
	return ERR_USAGE;
}

static struct phone_list *list_find(struct phone_conf *c, struct span name)
{
	for (size_t i = 0; i < N_LISTS; i++)
		if (span_is(name, lists[i].name))
			return (struct phone_list *)((char *)c + lists[i].off);
	return NULL;
}

static enum err list_add(struct phone_list *l, const char *option, const char *value, struct buf *why)
{
	if (l->n == PHONE_LIST_MAX)
		return usage(why, option, "given too often");
	l->v[l->n++] = value;
	return ERR_OK;
}

static enum err unknown(const char *option, struct span name, struct buf *why)
{
	const struct field *near = field_nearest(options, N_OPTIONS, name);

	if (why && near)
		buf_printf(why, "%s: unknown option; --%s?", option, near->name);
	else
		return usage(why, option, "unknown option; see offhook-sim phone --help");
	return ERR_USAGE;
}

/* `--name value`, `--name=value`; `--name` alone for yes and no. *used: how many words. */
static enum err option_read(struct phone_conf *c, char **argv, int left, int *used, struct buf *why)
{
	struct span word = span_z(argv[0]), name, value;
	const struct field *f;
	struct phone_list *l;
	bool joined;

	if (!span_starts(word, SPAN("--")))
		return usage(why, argv[0], "options begin with --");
	value = span_skip(word, 2);
	span_cut(&value, '=', &name);
	joined = word.n > 2 + name.n;
	f = field_find(options, N_OPTIONS, name);
	l = list_find(c, name);
	if (!f && !l)
		return unknown(argv[0], name, why);
	*used = 1;
	if (!joined && f && f->type == FT_BOOL) {
		value = SPAN("true");
	} else if (!joined) {
		if (left < 2)
			return usage(why, argv[0], "needs a value");
		value = span_z(argv[1]);
		*used = 2;
	}
	if (l)
		return list_add(l, argv[0], value.p, why);
	return field_set_text(f, c, value, why) ? ERR_USAGE : ERR_OK;
}

static enum err environment_read(struct phone_conf *c, struct buf *why)
{
	static const char *const rows[][2] = { { "account", "TWILIO_ACCOUNT_SID" }, { "token", "TWILIO_AUTH_TOKEN" } };
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < sizeof rows / sizeof *rows; i++) {
		const char *value = getenv(rows[i][1]);

		if (value && *value)
			e = field_set_text(field_find(options, N_OPTIONS, span_z(rows[i][0])), c, span_z(value), why);
	}
	return e ? ERR_USAGE : ERR_OK;
}

enum err phone_conf_defaults(struct phone_conf *c)
{
	*c = (struct phone_conf){ 0 };
	return field_defaults(options, N_OPTIONS, c);
}

enum err phone_conf_read(struct phone_conf *c, int argc, char **argv, struct buf *why)
{
	enum err e = phone_conf_defaults(c);

	if (e == ERR_OK)
		e = environment_read(c, why);
	for (int i = 0, used = 0; e == ERR_OK && i < argc; i += used)
		e = option_read(c, argv + i, argc - i, &used, why);
	return e;
}

void phone_conf_fini(struct phone_conf *c)
{
	field_fini(options, N_OPTIONS, c);
}

static const char *value_word(const struct field *f)
{
	return f->type == FT_BOOL ? "" : f->kind == FK_URL ? "URL" : f->kind == FK_LIST ? "WORDS" : f->type == FT_TEXT ? "TEXT" : "N";
}

static void help_line(struct buf *out, const char *name, const char *value, const char *help, const char *def)
{
	buf_printf(out, "  --%s %s%*s %s", name, value, (int)(22 - strlen(name) - strlen(value)) < 1 ? 1 : (int)(22 - strlen(name) - strlen(value)), "", help);
	if (def)
		buf_printf(out, " [%s]", def);
	buf_addc(out, '\n');
}

void phone_conf_help(struct buf *out)
{
	buf_addz(out, "usage: offhook-sim phone [options]\n"
	              "A phone network that behaves like Twilio: signs the webhook, executes the TwiML, speaks and listens, and says what it found.\n"
	              "Without --speech, --say, --pattern or --scenario the caller holds the conversation of the demo.\n\n");
	for (size_t i = 0; i < N_OPTIONS; i++)
		help_line(out, options[i].name, value_word(&options[i]), options[i].help, options[i].type == FT_BOOL ? NULL : options[i].def);
	for (size_t i = 0; i < N_LISTS; i++)
		help_line(out, lists[i].name, lists[i].value, lists[i].help, NULL);
	buf_addz(out, "\nExit: 0 every call went as it should, 1 one did not (with a sentence why), 2 usage.\n");
}
