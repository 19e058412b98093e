/* play - `offhook-sim play`: options, one file after the other, the clock. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "play.h"
#include "speech.h"

#define MONO_MS  1000000                 /* where the monotonic clock begins */
#define AFTER_MS 60000                   /* so long the relay may have a call that the caller has left */
#define PASSES   10000                   /* a step in which messages go to and fro for ever */

#define OPT(m, name, kind, flags, min, max, def, help) FIELD_AS(struct play_conf, m, name, kind, flags, min, max, def, NULL, help)
static const struct field options[] = {
	OPT(speech, "speech", FK_PLAIN, 0, 0, 4096, NULL, "directory that keeps what espeak-ng made"),
	OPT(seed, "seed", FK_PLAIN, 0, 0, 4294967295.0, NULL, "another seed than the file's"),
	OPT(save, "save", FK_PLAIN, 0, 0, 4096, NULL, "WAV file: what the caller heard"),
	OPT(save_both, "save-both", FK_PLAIN, 0, 0, 4096, NULL, "WAV file: caller left, agent right"),
	OPT(quiet, "quiet", FK_PLAIN, 0, 0, 0, "false", "nothing but the verdict"),
	OPT(json, "json", FK_PLAIN, 0, 0, 0, "false", "the summary as JSON (docs/simulator.md)"),
	OPT(log, "log", FK_PLAIN, 0, 0, 0, "false", "the relay's own log on standard error, with the time of the call"),
	OPT(help, "help", FK_PLAIN, 0, 0, 0, "false", "this page"),
};
#define N_OPTIONS (sizeof options / sizeof *options)

void play_help(struct buf *out)
{
	buf_addz(out, "usage: offhook-sim play [options] FILE...\n"
		      "A whole call in virtual time, without a network: the relay's session between a simulated phone and a simulated model.\n\n");
	for (size_t i = 0; i < N_OPTIONS; i++)
		buf_printf(out, "  --%s%*s %s\n", options[i].name, (int)(12 - strlen(options[i].name)), "", options[i].help);
	buf_addz(out, "\nExit: 0 every call went as its file expects, 1 one did not, 2 usage, or a file that says something wrong.\n");
}

/* One option, or none; *used: how many words. */
static enum err option_read(struct play_conf *c, char **argv, int left, int *used, struct buf *why)
{
	struct span value = span_skip(span_z(argv[0]), 2), name;
	const struct field *f;
	bool joined;

	span_cut(&value, '=', &name);
	joined = strchr(argv[0], '=') != NULL;
	f = field_find(options, N_OPTIONS, name);
	if (!f) {
		buf_printf(why, "%s: no such option; see --help", argv[0]);
		return ERR_USAGE;
	}
	*used = joined || f->type == FT_BOOL ? 1 : 2;
	if (!joined && f->type != FT_BOOL && left < 2) {
		buf_printf(why, "%s: needs a value", argv[0]);
		return ERR_USAGE;
	}
	if (!joined)
		value = f->type == FT_BOOL ? SPAN("true") : span_z(argv[1]);
	return field_set_text(f, c, value, why) ? ERR_USAGE : ERR_OK;
}

/* Files are moved to the front of argv. */
static enum err options_read(struct play_conf *c, int argc, char **argv, int *files, struct buf *why)
{
	enum err e = field_defaults(options, N_OPTIONS, c);

	*files = 0;
	for (int i = 0, used = 1; i < argc && !e; i += used) {
		used = 1;
		if (strncmp(argv[i], "--", 2) == 0)
			e = option_read(c, argv + i, argc - i, &used, why);
		else
			argv[(*files)++] = argv[i];
	}
	if (!e && !c->help && *files == 0) {
		buf_addz(why, "which file? See --help");
		e = ERR_USAGE;
	}
	if (!e && *files > 1 && (c->save || c->save_both)) {
		buf_addz(why, "--save: of one file only");
		e = ERR_USAGE;
	}
	return e;
}

/* --- what people read --- */

void play_say(struct play *p, const char *who, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!p->talks || !p->phone)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	play_phone_say(p, who, text);
}

void play_problem(struct play *p, const char *fmt, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	play_say(p, "problem", "%s", buf_z(&text));
	if (p->problems_n < PLAY_PROBLEMS)
		p->problems[p->problems_n] = buf_take(&text);
	p->problems_n++;
	buf_fini(&text);
}

/* Of the log one line is always read: that a promise is broken. */
static void on_log(const char *line, void *arg)
{
	struct play *p = arg;

	if (strstr(line, " session.broken "))
		play_problem(p, "the session broke a promise of its own: %s", line);
	if (p->conf->log)
		fprintf(stderr, "%s\n", line);
}

/* --- one call --- */

static enum err make(struct play *p, struct buf *why)
{
	enum err e = play_store_new(p, why);

	e = e ? e : play_hook_new(p);
	e = e ? e : play_model_new(p, why);
	e = e ? e : play_relay_new(p, why);
	return e ? e : play_phone_new(p, why);
}

static void pump(struct play *p)
{
	unsigned passes = 0;
	bool any = true;

	for (; any && passes < PASSES; passes++) {
		any = play_model_pump(p);
		any = play_phone_pump(p) || any;
		any = play_relay_pump(p) || any;
		any = play_hook_pump(p) || any;
	}
	if (any && passes == PASSES)
		play_problem(p, "messages went to and fro without end in one moment");
}

static void step(struct play *p)
{
	clock_move(PLAY_STEP_MS);
	play_model_step(p);
	play_relay_step(p);
	play_phone_step(p);
	pump(p);
}

static void run(struct play *p)
{
	int64_t left_ms;

	while (!play_phone_over(p))
		step(p);
	left_ms = clock_ms();
	while (!play_relay_idle(p) && clock_ms() - left_ms < AFTER_MS)
		step(p);
	if (!play_relay_idle(p))
		play_problem(p, "the relay still has the call, %d s after the caller has left", AFTER_MS / 1000);
	play_phone_save(p);
}

enum err play_call(struct play *p, struct buf *why)
{
	enum err e;

	random_below_seed((uint64_t)p->file.seed);
	clock_set(MONO_MS, p->file.at);
	log_to(on_log, p);
	e = make(p, why);
	if (!e)
		run(p);
	return e;
}

void play_fini(struct play *p)
{
	log_to(NULL, NULL);
	play_phone_free(p->phone);
	play_relay_free(p->relay);
	play_model_free(p->model);
	play_hook_free(p->hook);
	play_store_free(p->store);
	for (unsigned i = 0; i < PLAY_PROBLEMS; i++)
		free(p->problems[i]);
	play_file_fini(&p->file);
}

/* --- all files --- */

struct playing {
	struct play_conf conf;
	struct speech *speech;
	struct jbuild b;
	struct json_object *results;
	unsigned played, failed;
	bool alone;
};

static void verdict(const struct play *p, const char *path)
{
	printf("%-7s %s%s%s\n", p->ok ? "ok" : "FAILED", path, p->file.name ? ": " : "", p->file.name ? p->file.name : "");
	for (unsigned i = 0; i < p->problems_n && i < PLAY_PROBLEMS; i++)
		printf("        %s\n", p->problems[i]);
	fflush(stdout);
}

static enum err play_one(struct playing *s, const char *path, struct buf *why)
{
	struct play p = { .conf = &s->conf, .speech = s->speech, .talks = s->alone && !s->conf.quiet && !s->conf.json };
	struct json_object *o;
	enum err e = play_file_read(&p.file, path, why);

	if (e)
		return e;
	p.file.seed = s->conf.seed == FIELD_NULL_INT ? p.file.seed : s->conf.seed;
	e = play_call(&p, why);
	if (!e) {
		o = play_json(&p, &s->b);
		s->played++;
		s->failed += !p.ok;
		if (s->conf.json)
			json_push(&s->b, s->results, o);
		else
			json_object_put(o);
		if (!s->conf.json)
			verdict(&p, path);
	}
	play_fini(&p);
	return e;
}

static enum err play_all(struct playing *s, char **paths, int n, struct buf *why)
{
	enum err e = speech_new(&s->speech, s->conf.speech, why);

	s->alone = n == 1;
	s->results = json_arr(&s->b);
	log_init("offhook-sim", s->conf.log ? LOG_DEBUG : LOG_ERROR, LOG_TEXT);
	for (int i = 0; i < n && !e; i++) {
		struct buf text = BUF_INIT;

		e = play_one(s, paths[i], &text);
		if (e)
			buf_printf(why, "%s: %s", paths[i], text.n ? buf_z(&text) : err_text(e));
		buf_fini(&text);
	}
	return e;
}

static void summary(struct playing *s)
{
	struct json_object *o = json_obj(&s->b);
	struct buf out = BUF_BOUND((size_t)256 << 20);

	json_set(&s->b, o, "ok", json_bool(&s->b, s->failed == 0));
	json_set(&s->b, o, "played", json_int(&s->b, s->played));
	json_set(&s->b, o, "failed", json_int(&s->b, s->failed));
	json_set(&s->b, o, "results", json_object_get(s->results));
	if (s->b.err == ERR_OK)
		json_write_pretty(&out, o);
	puts(buf_z(&out));
	buf_fini(&out);
	json_object_put(o);
}

int play_main(int argc, char **argv)
{
	struct playing s = { .played = 0 };
	struct buf why = BUF_INIT, help = BUF_INIT;
	int files;
	enum err e = options_read(&s.conf, argc, argv, &files, &why);

	setenv("TZ", "UTC", 1);                          /* an agent without a time zone has the host's, and the same everywhere here */
	tzset();
	if (!e && s.conf.help) {
		play_help(&help);
		fputs(buf_z(&help), stdout);
		buf_fini(&help);
	} else if (!e) {
		e = play_all(&s, argv, files, &why);
		if (!e && s.conf.json)
			summary(&s);
	}
	if (e)
		fprintf(stderr, "offhook-sim: play: %s\n", why.n ? buf_z(&why) : err_text(e));
	json_object_put(s.results);
	speech_free(s.speech);
	field_fini(options, N_OPTIONS, &s.conf);
	buf_fini(&why);
	clock_real();
	return e ? e == ERR_USAGE || e == ERR_VALUE ? 2 : 1 : s.failed > 0;
}
