/* model - `offhook-sim model`: options, the loop, signals, files of statistics and events. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/proc.h"
#include "model_dialect.h"
#include "model_server.h"

struct settings {
	char *listen, *ca_out, *scenario, *speech, *key, *log, *stats, *dialect;
	bool plain, help;
};

#define OPT(m, name, kind, def, help) FIELD_AS(struct settings, m, name, kind, 0, 0, 0, def, NULL, help)
#define OPT_WORD(m, name, def, words, help) FIELD_AS(struct settings, m, name, FK_WORD, 0, 0, 0, def, words, help)
static const struct field options[] = {
	OPT(listen, "listen", FK_PLAIN, "127.0.0.1:0", "address and port; port 0 takes a free one, which is printed"),
	OPT(ca_out, "ca-out", FK_PLAIN, NULL, "PEM file written at the start: who trusts it trusts this server (OPENAI_CA_FILE)"),
	OPT(scenario, "scenario", FK_PLAIN, NULL, "JSON file: what the model says and does, what goes wrong (docs/simulator.md)"),
	OPT(speech, "speech", FK_PLAIN, NULL, "directory that keeps what espeak-ng made"),
	OPT(key, "key", FK_PLAIN, NULL, "the only accepted API key (default: any)"),
	OPT_WORD(dialect, "dialect", "openai", MODEL_DIALECT_WORDS, "whose manners: openai, azure, xai, or beta (OpenAI with the retired names of events)"),
	OPT(plain, "plain", FK_PLAIN, "false", "ws instead of wss"),
	OPT(log, "log", FK_PLAIN, NULL, "file: one JSON line per event received and sent, audio shortened"),
	OPT(stats, "stats", FK_PLAIN, NULL, "JSON file of counters, written at the end and on SIGUSR1"),
	OPT(help, "help", FK_PLAIN, "false", "this page"),
};
#define N_OPTIONS (sizeof options / sizeof *options)

struct program {
	struct settings set;
	struct model_options net;
	struct model model;
	struct scenario *scenario;
	struct model_server *server;
	struct ev_loop *loop;
	ev_signal on_term, on_int, on_usr1;
};

void model_help(struct buf *out)
{
	buf_addz(out, "usage: offhook-sim model [options]\n"
		      "A model that behaves like the OpenAI Realtime API: TLS, one session per connection, speech, and the real errors.\n"
		      "Without --scenario it holds the conversation of the demo.\n\n");
	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct field *f = &options[i];

		buf_printf(out, "  --%s%*s %s", f->name, (int)(12 - strlen(f->name)), "", f->help);
		if (f->def && f->type != FT_BOOL)
			buf_printf(out, " [%s]", f->def);
		buf_addc(out, '\n');
	}
}

/* --name value, --name=value; a switch stands alone. */
static enum err option_read(struct settings *set, int argc, char **argv, int *i, struct buf *why)
{
	struct span word = span_z(argv[*i]), name, value = SPAN_NONE;
	const struct field *f;

	if (!span_starts(word, SPAN("--"))) {
		buf_printf(why, "%s: not an option; see --help", argv[*i]);
		return ERR_USAGE;
	}
	value = span_skip(word, 2);
	if (!span_cut(&value, '=', &name))
		name = SPAN("");
	f = field_find(options, N_OPTIONS, name);
	if (!f) {
		buf_printf(why, "%s: no such option; see --help", argv[*i]);
		return ERR_USAGE;
	}
	if (!memchr(word.p, '=', word.n)) {
		if (f->type != FT_BOOL && *i + 1 >= argc) {
			buf_printf(why, "%s: needs a value", argv[*i]);
			return ERR_USAGE;
		}
		value = f->type == FT_BOOL ? SPAN("true") : span_z(argv[++*i]);
	}
	return field_set_text(f, set, value, why) ? ERR_USAGE : ERR_OK;
}

static enum err options_read(struct settings *set, int argc, char **argv, struct buf *why)
{
	enum err e = field_defaults(options, N_OPTIONS, set);

	for (int i = 0; i < argc && !e; i++)
		e = option_read(set, argc, argv, &i, why);
	return e;
}

/* --- files --- */

static void stats_save(struct program *p)
{
	struct buf b = BUF_BOUND((size_t)256 << 20);
	enum err e;

	if (!p->set.stats)
		return;
	model_stats_write(&p->model.stats, &b);
	e = b.err ? b.err : file_replace(p->set.stats, buf_span(&b), 0644);
	if (e)
		fprintf(stderr, "offhook-sim: model: %s: %s\n", p->set.stats, err_text(e));
	buf_fini(&b);
}

static void on_usr1(struct ev_loop *loop, ev_signal *w, int events)
{
	(void)loop;
	(void)events;
	stats_save(w->data);
}

static void on_end(struct ev_loop *loop, ev_signal *w, int events)
{
	(void)w;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

/* --- speech made before the first call, so that no answer waits for it --- */

static enum err say_ready(struct speech *sp, const char *text, struct buf *why)
{
	const struct clip *c;

	return text && *text ? speech_get(sp, SPEECH_AGENT, span_z(text), &c, why) : ERR_OK;
}

static enum err turns_ready(struct speech *sp, const struct turn *t, size_t n, struct buf *why)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < t[i].n_replies && !e; k++) {
			const struct reply *r = &t[i].replies[k];

			e = say_ready(sp, r->commentary, why);
			if (!e && !r->wav && isnan(r->pattern_seconds))
				e = say_ready(sp, r->say, why);
		}
	}
	return e;
}

static enum err scripts_ready(struct speech *sp, const struct scenario *sc, struct buf *why)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < sc->n_scripts && !e; i++) {
		const struct script *s = &sc->scripts[i];

		if (script_is_pattern(s))
			continue;
		e = say_ready(sp, s->greeting, why);
		if (!e)
			e = turns_ready(sp, s->turns, s->n_turns, why);
		if (!e)
			e = turns_ready(sp, s->more, s->n_more, why);
	}
	return e;
}

/* --- the program --- */

static void descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		rlim_t want = r.rlim_max == RLIM_INFINITY || r.rlim_max > 16384 ? 16384 : r.rlim_max;

		if (r.rlim_cur < want || r.rlim_cur == RLIM_INFINITY)      /* finite: libwebsockets takes memory for every one */
			r.rlim_cur = want;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static void signal_on(struct program *p, ev_signal *w, int signo, void (*on)(struct ev_loop *, ev_signal *, int))
{
	ev_signal_init(w, on, signo);
	w->data = p;
	ev_signal_start(p->loop, w);
}

static enum err prepare(struct program *p, struct buf *why)
{
	struct settings *set = &p->set;
	enum err e = set->scenario ? scenario_load(&p->scenario, set->scenario, why) : scenario_default(&p->scenario, why);

	if (!e)
		e = speech_new(&p->model.speech, set->speech, why);
	if (!e)
		e = scripts_ready(p->model.speech, p->scenario, why);
	if (e)
		return e;
	if (set->log) {
		p->model.log = fopen(set->log, "we");
		if (!p->model.log) {
			buf_printf(why, "%s: %s", set->log, strerror(errno));
			return ERR_IO;
		}
	}
	p->model.scenario = p->scenario;
	p->model.dialect = dialect_named(set->dialect);
	p->model.scratch = BUF_BOUND((size_t)64 << 20);
	p->net = (struct model_options){ .listen = set->listen, .ca_out = set->ca_out, .key = set->key, .plain = set->plain };
	return ERR_OK;
}

static enum err run(struct program *p, struct buf *why)
{
	enum err e = prepare(p, why);
	struct span host;

	if (e)
		return e;
	descriptors();
	signal(SIGPIPE, SIG_IGN);
	p->loop = ev_default_loop(EVFLAG_AUTO);
	e = p->loop ? model_server_start(&p->server, &p->model, &p->net, p->loop, why) : ERR_NOMEM;
	if (e)
		return e;
	signal_on(p, &p->on_term, SIGTERM, on_end);
	signal_on(p, &p->on_int, SIGINT, on_end);
	signal_on(p, &p->on_usr1, SIGUSR1, on_usr1);
	host = span_head(span_z(p->set.listen), (size_t)(strrchr(p->set.listen, ':') - p->set.listen));
	printf("offhook-sim: model %s://" SPAN_FMT ":%d%s\n", p->set.plain ? "ws" : "wss", SPAN_ARG(host), model_server_port(p->server),
	       dialect_path(p->model.dialect));
	fflush(stdout);
	ev_run(p->loop, 0);
	return ERR_OK;
}

static void fini(struct program *p)
{
	bool ran = p->server != NULL;

	model_server_stop(p->server);
	if (ran)
		stats_save(p);
	if (p->loop)
		ev_loop_destroy(p->loop);
	speech_free(p->model.speech);
	scenario_free(p->scenario);
	model_stats_fini(&p->model.stats);
	buf_fini(&p->model.scratch);
	if (p->model.log)
		fclose(p->model.log);
	field_fini(options, N_OPTIONS, &p->set);
}

int model_main(int argc, char **argv)
{
	struct program *p = calloc(1, sizeof *p);       /* the histogram of delays is too big for a stack */
	struct buf why = BUF_INIT, text = BUF_INIT;
	enum err e = p ? options_read(&p->set, argc, argv, &why) : ERR_NOMEM;

	if (!e && p->set.help) {
		model_help(&text);
		fputs(buf_z(&text), stdout);
		buf_fini(&text);
	}
	if (!e && !p->set.help)
		e = run(p, &why);
	if (e)
		fprintf(stderr, "offhook-sim: model: %s\n", why.n ? buf_z(&why) : err_text(e));
	if (p)
		fini(p);
	free(p);
	buf_fini(&why);
	return e == ERR_USAGE ? 2 : e != ERR_OK;
}
