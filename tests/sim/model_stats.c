#include <stdio.h>
#include <stdlib.h>

#include "model_fmt.h"
#include "model_stats.h"

#define CUTS_MAX  100000
#define LINES_MAX 100000

/* What a client may meet without a fault of its own: races with what the server just did. */
static const char *const races[] = {
	"response_cancel_not_active", "conversation_already_has_active_response", "item_truncate_invalid_item_id", "item_delete_invalid_item_id",
};

static bool is_race(const char *code)
{
	for (size_t i = 0; i < sizeof races / sizeof *races; i++)
		if (strcmp(code, races[i]) == 0)
			return true;
	return false;
}

void model_stats_error(struct model_stats *st, const char *code)
{
	st->errors++;
	st->violations += !is_race(code);
	for (size_t i = 0; i < st->n_codes; i++) {
		if (strcmp(st->codes[i].code, code) == 0) {
			st->codes[i].n++;
			return;
		}
	}
	if (st->n_codes < sizeof st->codes / sizeof *st->codes) {
		struct model_error_line *l = &st->codes[st->n_codes++];

		snprintf(l->code, sizeof l->code, "%s", code);
		l->n = 1;
	}
}

/* Room for one more of `size` bytes; grows by doubling. NULL: full or out of memory, the line is not kept. */
static void *one_more(void *array, size_t *n, size_t max, size_t size)
{
	char *p;

	memcpy(&p, array, sizeof p);
	if (*n >= max)
		return NULL;
	if ((*n & (*n - 1)) == 0) {                    /* 0, 1, 2, 4, ... are full */
		char *more = realloc(p, (*n ? *n * 2 : 1) * size);

		if (!more)
			return NULL;
		p = more;
		memcpy(array, &p, sizeof p);
	}
	return p + (*n)++ * size;
}

void model_stats_cut(struct model_stats *st, const struct model_truncate *cut)
{
	struct model_truncate *t = one_more(&st->cuts, &st->n_cuts, CUTS_MAX, sizeof *t);

	if (t)
		*t = *cut;
}

void model_stats_line(struct model_stats *st, const struct model_session_line *l)
{
	struct model_session_line *t = one_more(&st->lines, &st->n_lines, LINES_MAX, sizeof *t);

	if (t)
		*t = *l;
}

void model_stats_fini(struct model_stats *st)
{
	free(st->cuts);
	free(st->lines);
	st->cuts = NULL;
	st->lines = NULL;
	st->n_cuts = st->n_lines = 0;
}

static void write_codes(const struct model_stats *st, struct buf *out)
{
	buf_addz(out, ",\n\"error_codes\":{");
	for (size_t i = 0; i < st->n_codes; i++)
		model_fmt(out, "%s%q:%l", i ? "," : "", st->codes[i].code, (int64_t)st->codes[i].n);
	buf_addz(out, "}");
}

static void write_cuts(const struct model_stats *st, struct buf *out)
{
	buf_addz(out, ",\n\"truncated\":[");
	for (size_t i = 0; i < st->n_cuts; i++) {
		const struct model_truncate *t = &st->cuts[i];

		model_fmt(out, "%s{'session':%d,'item_id':%q,'audio_end_ms':%d,'audio_ms':%d,'at_ms':%l}", i ? ",\n" : "", (int)t->session, t->item_id,
			  (int)t->audio_end_ms, (int)t->audio_ms, t->at_ms);
	}
	buf_addz(out, "]");
}

static void write_lines(const struct model_stats *st, struct buf *out)
{
	buf_addz(out, ",\n\"ended\":[");
	for (size_t i = 0; i < st->n_lines; i++) {
		const struct model_session_line *l = &st->lines[i];

		model_fmt(out, "%s{'session':%d,'seed':%l,'first':%l,'frames':%l,'lost':%l,'doubled':%l,'reordered':%l,'corrupt':%l,'foreign':%l,",
			  i ? ",\n" : "", (int)l->session, (int64_t)l->seed, (int64_t)l->first, (int64_t)l->frames, (int64_t)l->lost,
			  (int64_t)l->doubled, (int64_t)l->reordered, (int64_t)l->corrupt, (int64_t)l->foreign);
		model_fmt(out, "'silence_bytes':%l,'audio_frames_in':%l,'early_audio':%l,'answer_frames':%l}", (int64_t)l->silence_bytes,
			  (int64_t)l->audio_frames_in, (int64_t)l->early_audio, (int64_t)l->answer_frames);
	}
	buf_addz(out, "]");
}

void model_stats_write(const struct model_stats *st, struct buf *out)
{
#define X(name) { #name, offsetof(struct model_stats, name) },
	static const struct {
		const char *name;
		size_t off;
	} counters[] = { MODEL_COUNTERS(X) };
#undef X

	for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
		uint64_t v;

		memcpy(&v, (const char *)st + counters[i].off, sizeof v);
		model_fmt(out, "%s%q:%l", i ? ",\n" : "{", counters[i].name, (int64_t)v);
	}
	model_fmt(out, ",\n'delay_ms':{'n':%l,'p50':%f,'p99':%f,'max':%f,'late':%l}", (int64_t)st->delays.n, pattern_delay_ms(&st->delays, 0.5),
		  pattern_delay_ms(&st->delays, 0.99), (double)st->delays.max_us / 1000, (int64_t)pattern_delays_over(&st->delays, PATTERN_LATE_MS));
	write_codes(st, out);
	write_cuts(st, out);
	write_lines(st, out);
	buf_addz(out, "}\n");
}
