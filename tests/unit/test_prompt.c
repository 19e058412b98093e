/* prompt: WAV files of the operator become what the telephone speaks; anything else is refused with a reason. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "media-relay/audio.h"
#include "media-relay/prompt.h"
#include "unit.h"

static void le(struct buf *b, uint32_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		buf_addc(b, (char)(v >> 8 * i));
}

static struct buf wav(uint32_t tag, uint32_t channels, uint32_t rate, uint32_t bits, struct span data)
{
	struct buf b = BUF_INIT;

	buf_addz(&b, "RIFF");
	le(&b, 0, 4);
	buf_addz(&b, "WAVELIST");
	le(&b, 3, 4);
	buf_add(&b, SPAN("odd\0"));                               /* padded to an even length */
	buf_addz(&b, "fmt ");
	le(&b, 16, 4);
	le(&b, tag, 2), le(&b, channels, 2), le(&b, rate, 4), le(&b, rate * bits / 8, 4), le(&b, bits / 8, 2), le(&b, bits, 2);
	buf_addz(&b, "data");
	le(&b, (uint32_t)data.n, 4);
	buf_add(&b, data);
	return b;
}

static void files_are_read_or_refused_with_a_reason(void **st)
{
	static const struct { uint32_t tag, channels, rate, bits; enum err e; const char *ulaw; } rows[] = {
		{ 7, 1, 8000, 8, ERR_OK, "\x10\x20\x30\x40" },  { 1, 1, 8000, 16, ERR_OK, NULL }, { 6, 1, 8000, 8, ERR_OK, NULL },
		{ 1, 2, 8000, 16, ERR_VALUE, NULL },            { 1, 1, 22050, 16, ERR_VALUE, NULL }, { 1, 1, 8000, 8, ERR_VALUE, NULL },
		{ 3, 1, 8000, 32, ERR_VALUE, NULL },
	};

	(void)st;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf f = wav(rows[i].tag, rows[i].channels, rows[i].rate, rows[i].bits, SPAN("\x10\x20\x30\x40")), got = BUF_INIT;
		const char *why;

		assert_int_equal(prompt_read_wav(&got, buf_span(&f), &why), rows[i].e);
		assert_true(*why);
		if (rows[i].ulaw)
			assert_memory_equal(got.p, rows[i].ulaw, 4);
		if (rows[i].e == ERR_OK && rows[i].tag == 1) {
			assert_int_equal(got.n, 2);
			assert_int_equal((uint8_t)got.p[0], audio_to_ulaw(0x2010));
		}
		for (size_t n = 0; n < f.n; n++) {               /* cut anywhere: never read beyond its end */
			char *exact = malloc(n + (n == 0));
			struct buf part = BUF_INIT;

			memcpy(exact, f.p, n);
			prompt_read_wav(&part, span_of(exact, n), &why);
			buf_fini(&part);
			free(exact);
		}
		buf_fini(&f);
		buf_fini(&got);
	}
}

static void ten_seconds_are_the_most(void **st)
{
	char *long_one = calloc(1, 80002);
	const char *why;

	(void)st;
	for (size_t n = 80000; n <= 80002; n += 2) {
		struct buf f = wav(7, 1, 8000, 8, span_of(long_one, n)), got = BUF_INIT;

		assert_int_equal(prompt_read_wav(&got, buf_span(&f), &why), n == 80000 ? ERR_OK : ERR_LIMIT);
		buf_fini(&f);
		buf_fini(&got);
	}
	free(long_one);
}

static void put(const char *dir, const char *name, struct span content)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof path, "%s/prompts/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fwrite(content.p, 1, content.n, f);
	fclose(f);
}

static void no_line(const char *line, void *arg) { (void)line; (void)arg; }

static void the_nearest_language_is_played(void **st)
{
	static const struct { const char *language, *wanted; } rows[] = {
		{ "de-DE", "1" }, { "de-AT", "2" }, { "fr-FR", "3" }, { NULL, "3" }, { "../de", "3" }, { "it", "3" },
	};
	static const struct { const char *name, *data; } files[] = { { "moment-de-DE.wav", "1" }, { "moment-de.wav", "2" }, { "moment.wav", "3" } };
	char dir[] = "/tmp/offhook-prompt-XXXXXX", path[200];
	struct buf none = BUF_INIT;

	(void)st;
	log_to(no_line, NULL);
	assert_non_null(mkdtemp(dir));
	prompt_load(&none, dir, "de-DE");
	assert_int_equal(none.n, 0);                              /* then the built-in one */
	assert_true(prompt_moment.n > 4000 && prompt_moment.n % AUDIO_FRAME == 0);
	snprintf(path, sizeof path, "%s/prompts", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < ROWS(files); i++) {
		struct buf f = wav(7, 1, 8000, 8, span_z(files[i].data));

		put(dir, files[i].name, buf_span(&f));
		buf_fini(&f);
	}
	put(dir, "moment-it.wav", SPAN("this is no sound"));       /* said in the log, and the next one is taken */
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf got = BUF_INIT;

		prompt_load(&got, dir, rows[i].language);
		assert_span(buf_span(&got), rows[i].wanted);
		buf_fini(&got);
	}
	for (size_t i = 0; i < ROWS(files); i++) {
		snprintf(path, sizeof path, "%s/prompts/%s", dir, files[i].name);
		unlink(path);
	}
	snprintf(path, sizeof path, "%s/prompts/moment-it.wav", dir);
	unlink(path);
	snprintf(path, sizeof path, "%s/prompts", dir);
	rmdir(path);
	rmdir(dir);
	log_to(NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_or_refused_with_a_reason),
		cmocka_unit_test(ten_seconds_are_the_most),
		cmocka_unit_test(the_nearest_language_is_played),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
