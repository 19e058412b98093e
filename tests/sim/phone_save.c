/* phone_save - what was heard and said, as WAV files anybody can play (PCM16). */
#include <stdio.h>

#include "phone.h"
#include "wav.h"

/* "call.wav" for one call, "call-7.wav" for the seventh of many. */
static void file_name(const struct call *c, const char *path, struct buf *out)
{
	const char *dot = strrchr(path, '.');
	size_t stem = dot && !strchr(dot, '/') ? (size_t)(dot - path) : strlen(path);

	buf_add(out, span_of(path, stem));
	if (c->ph->n_calls > 1)
		buf_printf(out, "-%u", c->number);
	buf_addz(out, path + stem);
}

static uint8_t byte_at(const struct buf *side, size_t i)
{
	return i < side->n ? (uint8_t)side->p[i] : WAV_SILENCE;
}

static enum err save(struct call *c, const char *path, const struct buf *const *sides, unsigned channels)
{
	struct buf name = BUF_INIT;
	struct wav_file f = { .fd = -1 };
	size_t n = 0;
	enum err e;

	for (unsigned i = 0; i < channels; i++)
		n = sides[i]->n > n ? sides[i]->n : n;
	file_name(c, path, &name);
	e = name.err ? name.err : wav_create(&f, buf_z(&name), WAV_PCM16, 8000, channels);
	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		for (unsigned k = 0; k < channels; k++) {
			int16_t v = wav_linear(byte_at(sides[k], i));
			char le[2] = { (char)v, (char)(v >> 8) };

			wav_write(&f, span_of(le, 2));
		}
	}
	if (e == ERR_OK)
		e = wav_finish(&f);
	if (e)
		phone_call_problem(c, "%s cannot be written: %s", buf_z(&name), err_text(e));
	buf_fini(&name);
	return e;
}

enum err phone_call_save(struct call *c)
{
	const struct buf *both[] = { &c->spoken, &c->heard }, *heard[] = { &c->heard };
	enum err e = ERR_OK;

	if (c->ph->conf.save)
		e = save(c, c->ph->conf.save, heard, 1);
	if (e == ERR_OK && c->ph->conf.save_both)
		e = save(c, c->ph->conf.save_both, both, 2);
	return e;
}
