/* wav - RIFF WAVE in and out, G.711, an offline resampler. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/proc.h"
#include "wav.h"

#define FILE_MAX_BYTES ((size_t)256 << 20)
#define FLUSH_BYTES    ((size_t)64 << 10)
#define HEADER_BYTES   44

/* --- G.711 --- */

#define MULAW_BIAS 0x84
#define MULAW_CLIP 32635

uint8_t wav_mulaw(int sample)
{
	int sign = sample < 0 ? 0x80 : 0, v = sample < 0 ? -sample : sample, exponent = 7;

	v = (v > MULAW_CLIP ? MULAW_CLIP : v) + MULAW_BIAS;
	for (int bit = 0x4000; exponent > 0 && !(v & bit); bit >>= 1)
		exponent--;
	return (uint8_t)~(sign | exponent << 4 | (v >> (exponent + 3) & 0x0F));
}

int16_t wav_linear(uint8_t mulaw)
{
	int u = ~mulaw & 0xFF, v = ((u & 0x0F) << 3) + MULAW_BIAS;

	v = (v << (u >> 4 & 7)) - MULAW_BIAS;
	return (int16_t)(u & 0x80 ? -v : v);
}

int16_t wav_linear_alaw(uint8_t alaw)
{
	int a = alaw ^ 0x55, seg = a >> 4 & 7, v = (a & 0x0F) << 4;

	v = seg == 0 ? v + 8 : (v + 0x108) << (seg - 1);
	return (int16_t)(a & 0x80 ? v : -v);
}

/* --- reading --- */

static uint32_t le(const char *p, unsigned bytes)
{
	uint32_t v = 0;

	for (unsigned i = bytes; i > 0; i--)
		v = v << 8 | (uint8_t)p[i - 1];
	return v;
}

static void complain(struct buf *why, const char *text)
{
	if (why)
		buf_addz(why, text);
}

static unsigned sample_bytes(const struct wav *w)
{
	return w->coding == WAV_PCM16 ? 2 : 1;
}

static enum err format_chunk(struct wav *w, struct span c, struct buf *why)
{
	uint32_t coding, bits;

	if (c.n < 16) {
		complain(why, "its format chunk is too short");
		return ERR_SYNTAX;
	}
	coding = le(c.p, 2);
	if (coding == 0xFFFE && c.n >= 26)              /* WAVE_FORMAT_EXTENSIBLE: the coding opens the GUID */
		coding = le(c.p + 24, 2);
	w->channels = le(c.p + 2, 2);
	w->rate = le(c.p + 4, 4);
	bits = le(c.p + 14, 2);
	w->coding = (enum wav_coding)coding;
	if ((coding != WAV_PCM16 && coding != WAV_MULAW && coding != WAV_ALAW) || bits != 8 * sample_bytes(w)) {
		complain(why, "only 16 bit PCM, mu-law and A-law can be read");
		return ERR_VALUE;
	}
	if (w->channels < 1 || w->channels > 8 || w->rate < 8000 || w->rate > 48000) {
		complain(why, "only 1 to 8 channels at 8000 to 48000 Hz can be read");
		return ERR_VALUE;
	}
	return ERR_OK;
}

/* A data chunk that claims more than there is (a stream written to a pipe) gives what there is. */
static bool next_chunk(struct span *rest, struct span *id, struct span *body)
{
	size_t n;

	if (rest->n < 8)
		return false;
	*id = span_head(*rest, 4);
	n = le(rest->p + 4, 4);
	*body = span_head(span_skip(*rest, 8), n);
	*rest = span_skip(*rest, 8 + body->n + (body->n & 1));
	return true;
}

enum err wav_parse(struct wav *w, struct span file, struct buf *why)
{
	struct wav found = { 0 };
	struct span rest = span_skip(file, 12), id, body;
	enum err e = ERR_OK;

	if (file.n < 12 || memcmp(file.p, "RIFF", 4) != 0 || memcmp(file.p + 8, "WAVE", 4) != 0) {
		complain(why, "it is no WAV file");
		return ERR_SYNTAX;
	}
	while (e == ERR_OK && !found.data.p && next_chunk(&rest, &id, &body)) {
		if (span_is(id, "fmt "))
			e = format_chunk(&found, body, why);
		else if (span_is(id, "data") && found.channels)
			found.data = body;
	}
	if (e)
		return e;
	if (!found.data.p) {
		complain(why, "it has no sound in it");
		return ERR_SYNTAX;
	}
	*w = found;
	return ERR_OK;
}

static int sample_at(const struct wav *w, size_t i)
{
	const char *p = w->data.p + i * sample_bytes(w);

	if (w->coding == WAV_PCM16)
		return (int16_t)le(p, 2);
	return w->coding == WAV_MULAW ? wav_linear((uint8_t)*p) : wav_linear_alaw((uint8_t)*p);
}

static enum err mono(int16_t **out, size_t *n, const struct wav *w)
{
	size_t frames = w->data.n / (sample_bytes(w) * w->channels);
	int16_t *pcm = calloc(frames + 1, sizeof *pcm);

	if (!pcm)
		return ERR_NOMEM;
	for (size_t f = 0; f < frames; f++) {
		int sum = 0;

		for (unsigned c = 0; c < w->channels; c++)
			sum += sample_at(w, f * w->channels + c);
		pcm[f] = (int16_t)(sum / (int)w->channels);
	}
	*out = pcm;
	*n = frames;
	return ERR_OK;
}

enum err wav_decode(struct buf *mulaw, const struct wav *w)
{
	int16_t *pcm = NULL, *tel = NULL;
	size_t n, tel_n = 0;
	enum err e;

	if (w->coding == WAV_MULAW && w->channels == 1 && w->rate == 8000) {      /* bit-exact, whatever its bytes are */
		buf_add(mulaw, w->data);
		return mulaw->err;
	}
	e = mono(&pcm, &n, w);
	if (e == ERR_OK)
		e = wav_resample(&tel, &tel_n, pcm, n, w->rate, 8000);
	if (e == ERR_OK) {
		char *room = buf_room(mulaw, tel_n);

		for (size_t i = 0; room && i < tel_n; i++)
			room[i] = (char)wav_mulaw(tel[i]);
		if (room)
			buf_wrote(mulaw, tel_n);
		e = mulaw->err;
	}
	free(tel);
	free(pcm);
	return e;
}

enum err wav_read(struct buf *mulaw, const char *path, struct buf *why)
{
	struct buf file = BUF_BOUND(FILE_MAX_BYTES);
	struct wav w;
	enum err e = file_read(&file, path);

	if (e)
		complain(why, err_text(e));
	else
		e = wav_parse(&w, buf_span(&file), why);
	if (e == ERR_OK)
		e = wav_decode(mulaw, &w);
	buf_fini(&file);
	return e;
}

/* --- resampling: each output sample is the input under a Blackman-windowed sinc of 24 zero crossings, cut off at the lower Nyquist --- */

#define CROSSINGS 24
#define PI        3.14159265358979323846

static double kernel(double x, double cut)          /* x in input samples */
{
	double t = x * cut, w = t / CROSSINGS;

	if (w <= -1 || w >= 1)
		return 0;
	w = 0.42 + 0.5 * cos(PI * w) + 0.08 * cos(2 * PI * w);
	return cut * w * (fabs(t) < 1e-9 ? 1 : sin(PI * t) / (PI * t));
}

static int16_t clip16(double v)
{
	return (int16_t)lrint(v > 32767 ? 32767 : v < -32768 ? -32768 : v);
}

static int16_t sample_between(const int16_t *in, size_t n, double at, double cut)
{
	double reach = CROSSINGS / cut, sum = 0;
	int64_t from = (int64_t)ceil(at - reach), to = (int64_t)floor(at + reach);

	from = from < 0 ? 0 : from;
	to = to >= (int64_t)n ? (int64_t)n - 1 : to;
	for (int64_t i = from; i <= to; i++)
		sum += in[i] * kernel((double)i - at, cut);
	return clip16(sum);
}

enum err wav_resample(int16_t **out, size_t *out_n, const int16_t *in, size_t n, unsigned rate, unsigned out_rate)
{
	size_t m = (size_t)((uint64_t)n * out_rate / rate);
	double cut = rate > out_rate ? 0.95 * out_rate / rate : 0.95;
	int16_t *o = malloc((m + 1) * sizeof *o);

	if (!o)
		return ERR_NOMEM;
	if (rate == out_rate)
		memcpy(o, in, m * sizeof *o);
	for (size_t i = 0; rate != out_rate && i < m; i++)
		o[i] = sample_between(in, n, (double)i * rate / out_rate, cut);
	*out = o;
	*out_n = m;
	return ERR_OK;
}

/* --- writing --- */

static void put_le(char *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (char)(v >> (8 * i));
}

static void put_text(char *p, const char *z)
{
	while (*z)
		*p++ = *z++;
}

static void header(char h[HEADER_BYTES], const struct wav_file *f)
{
	unsigned width = f->coding == WAV_PCM16 ? 2 : 1;
	uint64_t n = f->bytes > UINT32_MAX - HEADER_BYTES ? UINT32_MAX - HEADER_BYTES : f->bytes;

	put_text(h, "RIFF----WAVEfmt ");
	put_le(h + 4, n + HEADER_BYTES - 8, 4);
	put_le(h + 16, 16, 4);
	put_le(h + 20, f->coding, 2);
	put_le(h + 22, f->channels, 2);
	put_le(h + 24, f->rate, 4);
	put_le(h + 28, (uint64_t)f->rate * f->channels * width, 4);
	put_le(h + 32, f->channels * width, 2);
	put_le(h + 34, 8 * width, 2);
	put_text(h + 36, "data");
	put_le(h + 40, n, 4);
}

static void flush(struct wav_file *f)
{
	if (f->err == ERR_OK)
		f->err = f->pending.err ? f->pending.err : fd_write_all(f->fd, buf_span(&f->pending));
	buf_reset(&f->pending);
}

enum err wav_create(struct wav_file *f, const char *path, enum wav_coding coding, unsigned rate, unsigned channels)
{
	char h[HEADER_BYTES];

	*f = (struct wav_file){ .coding = coding, .channels = channels, .rate = rate };
	f->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (f->fd < 0)
		return f->err = err_errno(errno);
	header(h, f);
	buf_add(&f->pending, span_of(h, sizeof h));
	return ERR_OK;
}

void wav_write(struct wav_file *f, struct span bytes)
{
	buf_add(&f->pending, bytes);
	f->bytes += bytes.n;
	if (f->pending.n >= FLUSH_BYTES)
		flush(f);
}

enum err wav_finish(struct wav_file *f)
{
	char h[HEADER_BYTES];

	if (f->fd < 0)
		return f->err;
	if (f->bytes & 1)
		buf_addc(&f->pending, 0);                /* chunks are even; the padding is not counted */
	flush(f);
	header(h, f);
	if (f->err == ERR_OK && pwrite(f->fd, h, sizeof h, 0) != sizeof h)
		f->err = err_errno(errno);
	if (close(f->fd) != 0 && f->err == ERR_OK)
		f->err = err_errno(errno);
	f->fd = -1;
	buf_fini(&f->pending);
	return f->err;
}
