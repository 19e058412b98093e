#include <math.h>

#include "vad.h"

#define WINDOW_MS 10
#define START_MS  40
#define HYSTERESIS_DB 6.0

static double square_of(double dbfs)
{
	return pow(10, dbfs / 10) * 32767.0 * 32767.0;
}

void vad_set(struct vad *v, unsigned rate, double threshold, uint32_t silence_ms)
{
	double dbfs = -60 + 40 * threshold;

	if (rate != v->rate) {
		v->sum = 0;
		v->have = 0;
	}
	v->rate = rate;
	v->silence_ms = silence_ms;
	v->on = square_of(dbfs);
	v->off = square_of(dbfs - HYSTERESIS_DB);
}

void vad_init(struct vad *v, unsigned rate, double threshold, uint32_t silence_ms)
{
	*v = (struct vad){ 0 };
	vad_set(v, rate, threshold, silence_ms);
}

void vad_quiet(struct vad *v)
{
	v->speaking = false;
	v->loud_ms = v->quiet_ms = 0;
}

static enum vad_event window_idle(struct vad *v, double level)
{
	v->loud_ms = level > v->on ? v->loud_ms + WINDOW_MS : 0;
	if (v->loud_ms < START_MS)
		return VAD_NONE;
	v->speaking = true;
	v->start_ms = v->pos_ms - v->loud_ms;
	v->loud_ms = v->quiet_ms = 0;
	return VAD_START;
}

static enum vad_event window_speaking(struct vad *v, double level)
{
	v->quiet_ms = level > v->off ? 0 : v->quiet_ms + WINDOW_MS;
	if (v->quiet_ms < v->silence_ms || v->quiet_ms == 0)
		return VAD_NONE;
	vad_quiet(v);
	return VAD_STOP;
}

size_t vad_feed(struct vad *v, const int16_t *s, size_t n, enum vad_event *ev)
{
	unsigned window = v->rate * WINDOW_MS / 1000;

	*ev = VAD_NONE;
	for (size_t i = 0; i < n; i++) {
		v->sum += (double)s[i] * s[i];
		if (++v->have < window)
			continue;
		double level = v->sum / window;

		v->sum = 0;
		v->have = 0;
		v->pos_ms += WINDOW_MS;
		*ev = v->speaking ? window_speaking(v, level) : window_idle(v, level);
		if (*ev)
			return i + 1;
	}
	return n;
}
