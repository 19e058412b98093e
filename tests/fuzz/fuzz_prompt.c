/* A file that the operator calls a WAV file. */
#include <assert.h>

#include "media-relay/audio.h"
#include "media-relay/prompt.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf b = BUF_INIT;
	const char *why;

	assert(prompt_read_wav(&b, span_of(p, n), &why) != ERR_OK || b.n <= (size_t)PROMPT_MAX_MS * AUDIO_BYTES_MS);
	buf_fini(&b);
	return 0;
}
