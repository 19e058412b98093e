/* prompt - WAV files of the operator, as the telephone speaks them. Source: RIFF WAVE, "fmt " and "data". */
#include <stdio.h>

#include "base/log.h"
#include "base/proc.h"
#include "media-relay/audio.h"
#include "media-relay/prompt.h"

#define FILE_MAX    ((size_t)256 << 10)
#define TAG_PCM     1
#define TAG_ALAW    6
#define TAG_ULAW    7
#define RATE        8000

static uint32_t u16_at(struct span s, size_t at)
{
	const uint8_t *p = (const uint8_t *)s.p + at;

	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32_at(struct span s, size_t at)
{
	return u16_at(s, at) | u16_at(s, at + 2) << 16;
}

/* The chunk of this name; one that says it is longer than the file is what there is of it, as an interrupted recorder leaves it. */
static bool chunk_of(struct span file, const char *name, struct span *out)
{
	struct span rest = span_skip(file, 12);

	while (rest.n >= 8) {
		size_t n = u32_at(rest, 4);
		struct span body = span_head(span_skip(rest, 8), n);

		if (memcmp(rest.p, name, 4) == 0) {
			*out = body;
			return true;
		}
		rest = span_skip(rest, n > rest.n - 8 ? rest.n : 8 + n + n % 2);
	}
	return false;
}

static void convert(struct buf *ulaw, uint32_t tag, struct span data)
{
	size_t width = tag == TAG_PCM ? 2 : 1, n = data.n / width;
	char *to = buf_room(ulaw, n);

	for (size_t i = 0; to && i < n; i++)
		to[i] = (char)(tag == TAG_ULAW ? (uint8_t)data.p[i] :
		               audio_to_ulaw(tag == TAG_ALAW ? audio_from_alaw((uint8_t)data.p[i]) : (int16_t)u16_at(data, 2 * i)));
	if (to)
		buf_wrote(ulaw, n);
}

static bool is_telephone(struct span fmt)
{
	uint32_t tag = u16_at(fmt, 0), bits = u16_at(fmt, 14);

	return u16_at(fmt, 2) == 1 && u32_at(fmt, 4) == RATE && ((tag == TAG_PCM && bits == 16) || ((tag == TAG_ALAW || tag == TAG_ULAW) && bits == 8));
}

enum err prompt_read_wav(struct buf *ulaw, struct span file, const char **why)
{
	struct span fmt, data;

	*why = "no WAV file";
	if (file.n < 12 || memcmp(file.p, "RIFF", 4) != 0 || memcmp(file.p + 8, "WAVE", 4) != 0)
		return ERR_SYNTAX;
	if (!chunk_of(file, "fmt ", &fmt) || fmt.n < 16 || !chunk_of(file, "data", &data) || !data.n)
		return ERR_SYNTAX;
	*why = "use one channel, 8000 samples a second, 16-bit PCM or G.711";
	if (!is_telephone(fmt))
		return ERR_VALUE;
	*why = "longer than 10 s";
	if (data.n / (u16_at(fmt, 0) == TAG_PCM ? 2 : 1) > (size_t)PROMPT_MAX_MS * AUDIO_BYTES_MS)
		return ERR_LIMIT;
	convert(ulaw, u16_at(fmt, 0), data);
	return ulaw->err;
}

/* Languages are letters, digits and hyphens: whatever else is in one names no file. */
static bool is_word(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", s.p[i]))
			return false;
	return s.n > 0 && s.n < 32;
}

static bool load(struct buf *ulaw, const char *data_dir, const char *hyphen, struct span language)
{
	struct buf path = BUF_BOUND(4096), file = BUF_BOUND(FILE_MAX);
	const char *why = "cannot be read";
	enum err e;

	buf_printf(&path, "%s/prompts/moment%s" SPAN_FMT ".wav", data_dir, hyphen, SPAN_ARG(language));
	e = path.err ? path.err : file_read(&file, buf_z(&path));
	if (!e)
		e = prompt_read_wav(ulaw, buf_span(&file), &why);
	if (e && e != ERR_NOTFOUND)
		log_warn("prompt.unusable", "file=%s why=%s", log_q(buf_span(&path)), log_q(span_z(e == ERR_LIMIT ? "too long" : why)));
	buf_fini(&path);
	buf_fini(&file);
	return !e && ulaw->n;
}

void prompt_load(struct buf *ulaw, const char *data_dir, const char *language)
{
	struct span all = span_z(language), rest = all, first = SPAN_NONE;

	if (is_word(all)) {
		if (load(ulaw, data_dir, "-", all))
			return;
		span_cut(&rest, '-', &first);
		if (first.n && first.n < all.n && load(ulaw, data_dir, "-", first))
			return;
	}
	load(ulaw, data_dir, "", SPAN(""));
}
