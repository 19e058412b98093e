/* phone_say - what people read while calls run, and the summary behind them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "phone.h"

/* One line per happening: seconds since the call began, who, what. With many calls only problems and ends are told. */
void phone_say(const struct call *c, const char *who, const char *fmt, ...)
{
	const struct phone *ph = c->ph;
	int64_t since = c->began_us ? clock_us() - c->began_us : 0;
	char text[512];
	va_list ap;

	if (ph->conf.quiet || ph->conf.json || (ph->n_calls > 1 && strcmp(who, "problem") != 0))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (ph->n_calls > 1)
		printf("%8.3f  call %-5u %-8s %s\n", (double)since / 1e6, c->number, who, text);
	else
		printf("%8.3f  %-8s %s\n", (double)since / 1e6, who, text);
	fflush(stdout);
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int64_t phone_quantile_us(int64_t *v, size_t n, double q)
{
	if (n == 0)
		return -1;
	qsort(v, n, sizeof *v, by_size);
	return v[(size_t)(q * (double)(n - 1) + 0.5)];
}

int64_t phone_median_us(int64_t *v, size_t n)
{
	return phone_quantile_us(v, n, 0.5);
}

static void line(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void line(const char *name, const char *fmt, ...)
{
	va_list ap;

	printf("  %-18s ", name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void latencies(const struct call *c)
{
	struct buf b = BUF_INIT;
	int64_t v[64];
	size_t n = 0;

	for (size_t i = 0; i < c->talk.n_turns && n < 64; i++) {
		const struct talk_turn *t = &c->talk.turns[i];

		if (!t->answered)
			continue;
		v[n] = t->answer_us - t->end_us;
		buf_printf(&b, "%.2f ", (double)v[n++] / 1e6);
	}
	if (n)
		line("latency per turn", "%ss (median %.2f s), from the caller's last word to the first sound of the answer", buf_z(&b), (double)phone_median_us(v, n) / 1e6);
	buf_fini(&b);
}

static void one_call(struct phone *ph)
{
	const struct call *c = &ph->calls[0];
	unsigned barge_ins = 0, turns = 0;
	uint64_t heard = 0, gaps = 0;

	for (size_t i = 0; i < c->talk.n_turns; i++) {
		barge_ins += c->talk.turns[i].cleared;
		turns += c->talk.turns[i].answered;
	}
	for (const struct stream *s = c->streams; s; s = s->next) {
		heard += s->q.heard;
		gaps += s->q.gaps;
	}
	if (c->talk.greeted)
		line("first audio after", "%.2f s, counted from the answer", (double)(c->talk.greeting_us - c->answered_us) / 1e6);
	line("turns", "%u", turns);
	line("barge-ins", "%u", barge_ins);
	latencies(c);
	line("agent heard", "%.1f s, %llu gaps", (double)heard / 8000, (unsigned long long)gaps);
	if (ph->conf.save)
		line("saved", "%s", ph->conf.save);
	if (ph->conf.save_both)
		line("saved, both sides", "%s", ph->conf.save_both);
}

static void pattern_total(const struct phone *ph, struct pattern_check *sum)
{
	for (unsigned i = 0; i < ph->n_calls; i++) {
		for (const struct stream *s = ph->calls[i].streams; s; s = s->next) {
			sum->frames += s->check.frames;
			sum->lost += s->check.lost;
			sum->doubled += s->check.doubled;
			sum->reordered += s->check.reordered;
			sum->corrupt += s->check.corrupt;
			sum->foreign += s->check.foreign;
		}
	}
}

static void pattern_line(const struct phone *ph)
{
	struct pattern_check sum = { 0 };

	pattern_total(ph, &sum);
	line("numbered frames", "%llu good, %llu lost, %llu doubled, %llu out of order, %llu damaged, %llu of another call", (unsigned long long)sum.frames,
	     (unsigned long long)sum.lost, (unsigned long long)sum.doubled, (unsigned long long)sum.reordered, (unsigned long long)sum.corrupt,
	     (unsigned long long)sum.foreign);
	if (ph->delays->n)
		line("their way took", "%.1f ms (median), %.1f ms (p99)", pattern_delay_ms(ph->delays, 0.5), pattern_delay_ms(ph->delays, 0.99));
}

static void failures(const struct phone *ph, unsigned failed)
{
	unsigned told = 0;

	printf("offhook-sim: %u of %u calls did not go as they should\n", failed, ph->n_calls);
	for (unsigned i = 0; i < ph->n_calls && told < 10; i++) {
		const struct call *c = &ph->calls[i];

		if (c->ok)
			continue;
		told++;
		for (unsigned k = 0; k < c->n_problems && k < PROBLEMS_MAX; k++)
			printf("  call %u (%s): %s\n", c->number, c->sid, c->problems[k]);
	}
}

static bool was_mute(const struct call *c)
{
	for (const struct stream *s = c->streams; s; s = s->next)
		if (s->q.heard)
			return false;
	return true;
}

/* A busy signal or an apology is a call like any other at Twilio's; who tries an installation wants to know. */
static void success(const struct phone *ph)
{
	const struct call *c = &ph->calls[0];

	if (ph->n_calls > 1)
		printf("offhook-sim: all calls went as they should\n");
	else if (was_mute(c))
		printf("offhook-sim: nothing was wrong for Twilio, but no agent was heard: `offhook call explain %s` may know why\n", c->sid);
	else
		printf("offhook-sim: the call went as it should\n");
}

void phone_summary(struct phone *ph)
{
	unsigned failed = 0;

	for (unsigned i = 0; i < ph->n_calls; i++)
		failed += !ph->calls[i].ok;
	if (!failed)
		success(ph);
	else
		failures(ph, failed);
	if (ph->conf.quiet)
		return;
	if (ph->n_calls == 1)
		one_call(ph);
	if (ph->delays)
		pattern_line(ph);
}
