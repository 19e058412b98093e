/* price - usage -> money: two tables and their sums. */
#include "openai/price.h"

struct row {
	const char *model;                  /* the beginning of the name; the first that fits counts */
	double text_in, text_cached, audio_in, audio_cached, text_out, audio_out;
};

static const struct row models[] = {
	{ "gpt-realtime-2.1-mini", 0.60, 0.06, 10.0, 0.30,  2.40, 20.0 },
	{ "gpt-realtime-2",        4.00, 0.40, 32.0, 0.40, 24.00, 64.0 },
	{ "gpt-realtime-mini",     0.60, 0.06, 10.0, 0.30,  2.40, 20.0 },
	{ "gpt-realtime",          4.00, 0.40, 32.0, 0.40, 16.00, 64.0 },
	{ "",                      4.00, 0.40, 32.0, 0.40, 24.00, 64.0 },
};

struct hearing {
	const char *model;
	double in, out, minute;             /* per million tokens, per minute */
};

static const struct hearing hearings[] = {
	{ "gpt-4o-mini-transcribe", 3.0,  5.0, 0.003 },
	{ "gpt-4o-transcribe",      6.0, 10.0, 0.006 },
	{ "",                       6.0, 10.0, 0.006 },
};

static bool is_dated(struct span model)
{
	return span_starts(model, SPAN("gpt-realtime-20"));
}

static const struct row *row_of(struct span model)
{
	const struct row *r = models;

	if (is_dated(model))
		model = SPAN("gpt-realtime");          /* "gpt-realtime-2025-08-28" is the first generation, not gpt-realtime-2 */
	while (!span_starts(model, span_z(r->model)))
		r++;
	return r;
}

double price_response(struct span model, const int64_t u[USAGE_KINDS])
{
	const struct row *r = row_of(model);
	double sum = 0;

	sum += (double)(u[USAGE_INPUT_TEXT] - u[USAGE_CACHED_TEXT]) * r->text_in + (double)u[USAGE_CACHED_TEXT] * r->text_cached;
	sum += (double)(u[USAGE_INPUT_AUDIO] - u[USAGE_CACHED_AUDIO]) * r->audio_in + (double)u[USAGE_CACHED_AUDIO] * r->audio_cached;
	sum += (double)u[USAGE_OUTPUT_TEXT] * r->text_out + (double)u[USAGE_OUTPUT_AUDIO] * r->audio_out;
	return sum / 1e6;
}

double price_transcription(struct span model, int64_t input_tokens, int64_t output_tokens, double seconds)
{
	const struct hearing *h = hearings;

	while (!span_starts(model, span_z(h->model)))
		h++;
	return ((double)input_tokens * h->in + (double)output_tokens * h->out) / 1e6 + seconds / 60 * h->minute;
}
