#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/proc.h"
#include "speech.h"
#include "wav.h"

#define TEXT_MAX  2000                 /* bytes spoken at once */
#define EDGE_MS   30                   /* silence left before and after the words */
#define QUIET     200                  /* of 32767: below it is silence */
#define SLOTS     1024

struct entry {
	struct clip clip;
	struct entry *next;
	uint64_t hash;
	char *voice, *text;
	uint8_t *bytes[SPEECH_FORMATS];
};

struct speech {
	char *dir;
	bool ours;                     /* dir goes with us */
	struct entry *slot[SLOTS];
};

unsigned speech_bytes_per_ms(enum speech_format f)
{
	return f == SPEECH_PCM24 ? 48 : 8;
}

uint8_t speech_alaw(int16_t sample)
{
	int v = (sample < 0 ? ~sample : sample) >> 4, seg = 0;

	if (v > 15) {
		for (seg = 1; v > 31; seg++)
			v >>= 1;
		v = seg << 4 | (v - 16);
	}
	return (uint8_t)((v | (sample < 0 ? 0 : 0x80)) ^ 0x55);
}

/* --- one clip --- */

static uint64_t text_hash(const char *voice, struct span text)
{
	uint64_t h = 0xCBF29CE484222325u;                     /* FNV-1a */

	for (const char *p = voice; *p; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001B3u;
	for (size_t i = 0; i < text.n; i++)
		h = (h ^ (uint8_t)text.p[i]) * 0x100000001B3u;
	return h;
}

static void entry_free(struct entry *e)
{
	if (!e)
		return;
	for (int f = 0; f < SPEECH_FORMATS; f++)
		free(e->bytes[f]);
	free(e->voice);
	free(e->text);
	free(e);
}

static void code_narrow(struct entry *e, const int16_t *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		e->bytes[SPEECH_PCMU][i] = wav_mulaw(s[i]);
		e->bytes[SPEECH_PCMA][i] = speech_alaw(s[i]);
	}
}

static void code_wide(uint8_t *dst, const int16_t *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		dst[2 * i] = (uint8_t)s[i];
		dst[2 * i + 1] = (uint8_t)((uint16_t)s[i] >> 8);
	}
}

/* All formats hold the same whole number of 20-ms frames; the resampled tails are cut or left silent. */
static enum err entry_code(struct entry *e, const int16_t *s8, size_t n8, const int16_t *s24, size_t n24)
{
	uint32_t ms = (uint32_t)((n8 + 159) / 160 * 20);
	size_t want8 = (size_t)ms * 8, want24 = (size_t)ms * 24;

	for (int f = 0; f < SPEECH_FORMATS; f++) {
		size_t n = (size_t)ms * speech_bytes_per_ms((enum speech_format)f);

		e->bytes[f] = malloc(n ? n : 1);
		if (!e->bytes[f])
			return ERR_NOMEM;
		memset(e->bytes[f], f == SPEECH_PCMU ? 0xFF : f == SPEECH_PCMA ? 0xD5 : 0, n);
		e->clip.audio[f] = span_of(e->bytes[f], n);
	}
	code_narrow(e, s8, n8 < want8 ? n8 : want8);
	code_wide(e->bytes[SPEECH_PCM24], s24, n24 < want24 ? n24 : want24);
	e->clip.ms = ms;
	return ERR_OK;
}

static enum err entry_resample(struct entry *e, const int16_t *s, size_t n, unsigned rate)
{
	int16_t *s8 = NULL, *s24 = NULL;
	size_t n8 = 0, n24 = 0;
	enum err err = wav_resample(&s8, &n8, s, n, rate, 8000);

	if (!err)
		err = wav_resample(&s24, &n24, s, n, rate, 24000);
	if (!err)
		err = entry_code(e, s8, n8, s24, n24);
	free(s8);
	free(s24);
	return err;
}

/* espeak begins and ends with stretches of silence that would end turns early: only EDGE_MS of them stays. */
static void trim(const int16_t **s, size_t *n, unsigned rate)
{
	size_t edge = (size_t)rate * EDGE_MS / 1000, from = 0, to = *n;

	while (from < to && abs((*s)[from]) < QUIET)
		from++;
	while (to > from && abs((*s)[to - 1]) < QUIET)
		to--;
	from = from > edge ? from - edge : 0;
	to = to + edge < *n ? to + edge : *n;
	*s += from;
	*n = to - from;
}

static void complain(struct buf *why, const char *what, const char *text)
{
	if (why)
		buf_printf(why, "%s: %s", what, text);
}

static enum err entry_load(struct entry *e, const char *path, struct buf *why)
{
	struct buf file = BUF_BOUND((size_t)64 << 20), text = BUF_INIT;
	struct wav w;
	int16_t *s = NULL;
	enum err err = file_read(&file, path);

	if (!err)
		err = wav_parse(&w, buf_span(&file), &text);
	if (!err && (w.coding != WAV_PCM16 || w.channels != 1))
		err = ERR_VALUE;
	if (err) {
		complain(why, path, text.n ? buf_z(&text) : err == ERR_VALUE ? "must be mono PCM16" : err_text(err));
		goto out;
	}
	s = malloc(w.data.n + 1);
	if (!s) {
		err = ERR_NOMEM;
		goto out;
	}
	memcpy(s, w.data.p, w.data.n);                        /* little-endian, as the machines we run on */
	const int16_t *from = s;
	size_t n = w.data.n / 2;

	trim(&from, &n, w.rate);
	err = entry_resample(e, from, n, w.rate);
out:
	free(s);
	buf_fini(&file);
	buf_fini(&text);
	return err;
}

/* --- espeak-ng --- */

static enum err child_wait(pid_t pid, struct buf *why)
{
	int st = 0;

	while (waitpid(pid, &st, 0) < 0)
		if (errno != EINTR)
			return ERR_IO;
	if (WIFEXITED(st) && WEXITSTATUS(st) == 0)
		return ERR_OK;
	complain(why, "espeak-ng", WIFEXITED(st) && WEXITSTATUS(st) == 127 ? "cannot be started; install the package espeak-ng" : "failed");
	return ERR_IO;
}

static enum err espeak(const char *path, const char *voice, struct span text, struct buf *why)
{
	char words[TEXT_MAX + 1];
	char *argv[] = { "espeak-ng", "-v", (char *)(uintptr_t)voice, "-s", "165", "-w", (char *)(uintptr_t)path, "--", words, NULL };
	pid_t pid;
	enum err err;

	if (!span_copy(words, sizeof words, span_head(text, TEXT_MAX)))
		return ERR_LIMIT;
	err = proc_spawn(&pid, "/usr/bin/espeak-ng", argv, NULL, NULL, 0);
	if (err) {
		complain(why, "espeak-ng", "cannot be started; install the package espeak-ng");
		return err;
	}
	return child_wait(pid, why);
}

/* Made beside and renamed, so that two programs may fill the same directory. */
static enum err file_make(const struct speech *sp, const char *path, const char *voice, struct span text, struct buf *why)
{
	struct buf part = BUF_INIT;
	enum err err;

	buf_printf(&part, "%s/part.%ld.wav", sp->dir, (long)getpid());
	err = part.err ? part.err : espeak(buf_z(&part), voice, text, why);
	if (!err && rename(buf_z(&part), path) < 0)
		err = err_errno(errno);
	buf_fini(&part);
	return err;
}

/* --- the collection --- */

static enum err dir_own(char **out)
{
	const char *tmp = getenv("TMPDIR");
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s/offhook-speech.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	*out = buf_take(&b);
	if (!*out)
		return ERR_NOMEM;
	if (mkdtemp(*out))
		return ERR_OK;
	free(*out);
	*out = NULL;
	return err_errno(errno);
}

enum err speech_new(struct speech **out, const char *dir, struct buf *why)
{
	struct speech *sp = calloc(1, sizeof *sp);
	enum err err;

	if (!sp)
		return ERR_NOMEM;
	sp->ours = !dir;
	if (dir) {
		sp->dir = span_dup(span_z(dir));
		err = sp->dir ? dir_make(dir, 0755) : ERR_NOMEM;
	} else {
		err = dir_own(&sp->dir);
	}
	if (err) {
		complain(why, dir ? dir : "temporary directory", err_text(err));
		speech_free(sp);
		return err;
	}
	*out = sp;
	return ERR_OK;
}

static void path_of(const struct speech *sp, uint64_t hash, struct buf *path)
{
	buf_printf(path, "%s/%016llx.wav", sp->dir, (unsigned long long)hash);
}

static void unlink_own(const struct speech *sp, const struct entry *e)
{
	struct buf path = BUF_INIT;

	path_of(sp, e->hash, &path);
	(void)unlink(buf_z(&path));
	buf_fini(&path);
}

void speech_free(struct speech *sp)
{
	if (!sp)
		return;
	for (size_t i = 0; i < SLOTS; i++) {
		for (struct entry *e = sp->slot[i], *next; e; e = next) {
			next = e->next;
			if (sp->ours)
				unlink_own(sp, e);
			entry_free(e);
		}
	}
	if (sp->ours && sp->dir)
		(void)rmdir(sp->dir);
	free(sp->dir);
	free(sp);
}

static const struct clip *find(const struct speech *sp, uint64_t hash, const char *voice, struct span text)
{
	for (const struct entry *e = sp->slot[hash % SLOTS]; e; e = e->next)
		if (e->hash == hash && span_is(text, e->text) && strcmp(e->voice, voice) == 0)
			return &e->clip;
	return NULL;
}

static struct entry *entry_new(uint64_t hash, const char *voice, struct span text)
{
	struct entry *e = calloc(1, sizeof *e);

	if (!e)
		return NULL;
	e->hash = hash;
	e->voice = span_dup(span_z(voice));
	e->text = span_dup(text);
	e->clip.voice = e->voice;
	e->clip.text = e->text;
	if (e->voice && e->text)
		return e;
	entry_free(e);
	return NULL;
}

static const struct clip *keep(struct speech *sp, struct entry *e)
{
	e->next = sp->slot[e->hash % SLOTS];
	sp->slot[e->hash % SLOTS] = e;
	return &e->clip;
}

enum err speech_get(struct speech *sp, const char *voice, struct span text, const struct clip **out, struct buf *why)
{
	uint64_t hash = text_hash(voice, text);
	const struct clip *known = find(sp, hash, voice, text);
	struct buf path = BUF_INIT;
	struct entry *e;
	enum err err;

	if (known) {
		*out = known;
		return ERR_OK;
	}
	e = entry_new(hash, voice, text);
	path_of(sp, hash, &path);
	err = !e ? ERR_NOMEM : path.err;
	if (!err && access(buf_z(&path), R_OK) < 0)
		err = file_make(sp, buf_z(&path), voice, text, why);
	if (!err)
		err = entry_load(e, buf_z(&path), why);
	if (!err) {
		*out = keep(sp, e);
		e = NULL;
	}
	entry_free(e);
	buf_fini(&path);
	return err;
}

enum err speech_file(struct speech *sp, const char *path, struct span text, const struct clip **out, struct buf *why)
{
	uint64_t hash = text_hash(path, text);
	const struct clip *known = find(sp, hash, path, text);
	struct entry *e = known ? NULL : entry_new(hash, path, text);
	enum err err = known || e ? ERR_OK : ERR_NOMEM;

	if (!known && !err)
		err = entry_load(e, path, why);
	if (!err) {
		*out = known ? known : keep(sp, e);
		e = NULL;
	}
	entry_free(e);
	return err;
}
