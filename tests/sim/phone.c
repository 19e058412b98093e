/* phone - `offhook-sim phone`: options, the loop, the one tick, the end. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "phone.h"

static void finish_when_done(struct phone *ph)
{
	if (ph->n_done == ph->n_calls && !ph->requests)
		ev_break(ph->loop, EVBREAK_ALL);
}

void phone_step(struct phone *ph, int64_t now_us)
{
	bool slow = ph->conf.delay_ms > 0 || ph->conf.jitter_ms > 0;

	ph->ticks++;
	ph->late_ticks += ph->last_tick_us && now_us - ph->last_tick_us > (TICK_MS + FRAME_MS) * 1000;
	ph->last_tick_us = now_us;
	for (unsigned i = 0; i < ph->n_calls; i++) {
		struct call *c = &ph->calls[i];

		for (struct stream *s = slow ? c->streams : NULL; s; s = s->next)
			phone_stream_link(s, now_us);
		if (c->number % TICKS_A_FRAME == ph->ticks % TICKS_A_FRAME)
			phone_call_tick(c, now_us);
	}
	phone_requests_tick(ph, now_us / 1000);
}

static void on_tick(struct ev_loop *loop, ev_timer *t, int events)
{
	struct phone *ph = t->data;

	(void)loop;
	(void)events;
	phone_step(ph, clock_us());
	finish_when_done(ph);
}

/* The first signal hangs up everywhere, the second leaves. */
static void on_signal(struct ev_loop *loop, ev_signal *w, int events)
{
	struct phone *ph = w->data;

	(void)events;
	if (ph->stopping) {
		ev_break(loop, EVBREAK_ALL);
		return;
	}
	ph->stopping = true;
	for (unsigned i = 0; i < ph->n_calls; i++) {
		struct call *c = &ph->calls[i];

		if (c->state == CS_WAIT) {
			phone_call_problem(c, "interrupted before it began");
			c->state = CS_DONE;
			ph->n_done++;
			phone_call_judge(c);
		} else {
			phone_call_hang_up(c);
		}
	}
}

static void descriptors(unsigned calls)
{
	struct rlimit r;
	rlim_t want = 64 + 4 * (rlim_t)calls;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < want) {
		r.rlim_cur = r.rlim_max == RLIM_INFINITY || want < r.rlim_max ? want : r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static enum err object_read(struct json_object **out, const char *text)
{
	return text ? json_read(out, span_z(text)) : ERR_OK;
}

static bool has_pattern(const struct plan *p)
{
	for (size_t i = 0; i < p->n_lines; i++)
		if (p->lines[i].kind == PK_PATTERN)
			return true;
	return false;
}

/* URLs that follow from others: the webhook and the status callback at the public name. */
static enum err urls(struct phone *ph, struct buf *why)
{
	struct buf hook = BUF_INIT, status = BUF_INIT, machine = BUF_INIT;
	enum err e = phone_routes(ph, why);
	const char *path;
	size_t n;

	if (e)
		return e;
	for (n = strlen(ph->conf.public_url); n && ph->conf.public_url[n - 1] == '/'; n--)
		ph->conf.public_url[n - 1] = '\0';
	path = strchr(strstr(ph->conf.url, "://") + 3, '/');
	buf_addz(&hook, ph->conf.public_url);
	buf_addz(&hook, path ? path : "/");
	buf_addz(&status, ph->conf.public_url);
	buf_addz(&status, "/api/status/");
	buf_printf(&machine, "%s/api/answered-by/", ph->conf.public_url);
	ph->webhook_url = buf_take(&hook);
	ph->machine_url = buf_take(&machine);
	ph->status_url = ph->conf.status_url ? span_dup(span_z(ph->conf.status_url)) : buf_take(&status);
	buf_fini(&status);
	return ph->webhook_url && ph->status_url && ph->machine_url ? ERR_OK : ERR_NOMEM;
}

enum err phone_plan_take(struct phone *ph, struct plan *p)
{
	enum err e = object_read(&ph->parameters, p->parameters);

	ph->plan = p;
	if (e == ERR_OK)
		e = object_read(&ph->expect, p->expect);
	if (e == ERR_OK && has_pattern(p)) {
		ph->delays = calloc(1, sizeof *ph->delays);
		e = ph->delays ? ERR_OK : ERR_NOMEM;
	}
	return e;
}

static enum err plan_read(struct phone *ph, struct buf *why)
{
	struct plan *p = NULL;
	enum err e = speech_new(&ph->speech, ph->conf.speech_cache, why);

	if (e == ERR_OK)
		e = plan_new(&p, &ph->conf, ph->speech, why);
	return e ? e : phone_plan_take(ph, p);
}

static void signal_on(struct phone *ph, ev_signal *w, int signo)
{
	ev_signal_init(w, on_signal, signo);
	w->data = ph;
	ev_signal_start(ph->loop, w);
}

enum err phone_calls(struct phone *ph)
{
	ph->n_calls = (unsigned)ph->conf.calls;
	ph->calls = calloc(ph->n_calls, sizeof *ph->calls);
	if (!ph->calls)
		return ERR_NOMEM;
	ph->random = (uint64_t)ph->conf.seed;
	ph->began_us = clock_us();
	for (unsigned i = 0; i < ph->n_calls; i++)
		phone_call_init(&ph->calls[i], ph, i + 1);
	return ERR_OK;
}

static enum err run(struct phone *ph, struct buf *why)
{
	enum err e = urls(ph, why);

	if (e == ERR_OK)
		e = plan_read(ph, why);
	ph->loop = e ? NULL : ev_loop_new(EVFLAG_AUTO);
	if (e == ERR_OK && !ph->loop)
		e = ERR_NOMEM;
	if (e == ERR_OK)
		e = phone_calls(ph);
	if (e)
		return e;
	descriptors(ph->n_calls);
	signal(SIGPIPE, SIG_IGN);
	ev_timer_init(&ph->tick, on_tick, TICK_MS / 1e3, TICK_MS / 1e3);
	ph->tick.data = ph;
	ev_timer_start(ph->loop, &ph->tick);
	signal_on(ph, &ph->on_int, SIGINT);
	signal_on(ph, &ph->on_term, SIGTERM);
	ev_run(ph->loop, 0);
	ev_timer_stop(ph->loop, &ph->tick);
	ev_signal_stop(ph->loop, &ph->on_int);
	ev_signal_stop(ph->loop, &ph->on_term);
	return ERR_OK;
}

static int report(struct phone *ph)
{
	struct buf out = BUF_BOUND((size_t)256 << 20);
	int failed = 0;

	for (unsigned i = 0; i < ph->n_calls; i++) {
		struct call *c = &ph->calls[i];

		if (c->state != CS_DONE) {
			phone_call_problem(c, "interrupted");
			phone_call_judge(c);
		}
		c->ok = phone_call_save(c) == ERR_OK && c->ok;
		failed += !c->ok;
	}
	if (ph->conf.json) {
		phone_json(ph, &out);
		fputs(buf_z(&out), stdout);
		buf_fini(&out);
	} else {
		phone_summary(ph);
	}
	return failed ? 1 : 0;
}

void phone_fini(struct phone *ph)
{
	for (struct http *h = ph->requests, *next; h; h = next) {
		next = h->next;
		http_free(h);
	}
	for (unsigned i = 0; i < ph->n_calls; i++)
		phone_call_fini(&ph->calls[i]);
	free(ph->calls);
	json_object_put(ph->parameters);
	json_object_put(ph->expect);
	plan_free(ph->plan);
	speech_free(ph->speech);
	phone_routes_fini(ph);
	SSL_CTX_free(ph->tls);
	if (ph->loop)
		ev_loop_destroy(ph->loop);
	free(ph->delays);
	free(ph->webhook_url);
	free(ph->status_url);
	free(ph->machine_url);
	buf_fini(&ph->scratch);
	phone_conf_fini(&ph->conf);
}

int phone_main(int argc, char **argv)
{
	struct phone ph = { 0 };
	struct buf why = BUF_INIT, help = BUF_INIT;
	enum err e = phone_conf_read(&ph.conf, argc, argv, &why);
	int code = 0;

	if (e == ERR_OK && ph.conf.help) {
		phone_conf_help(&help);
		fputs(buf_z(&help), stdout);
		buf_fini(&help);
	} else {
		if (e == ERR_OK)
			e = run(&ph, &why);
		if (e)
			fprintf(stderr, "offhook-sim: phone: %s\n", why.n ? buf_z(&why) : err_text(e));
		code = e == ERR_USAGE ? 2 : e ? 1 : report(&ph);
	}
	phone_fini(&ph);
	buf_fini(&why);
	return code;
}
