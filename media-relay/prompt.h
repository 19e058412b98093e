/*
 * prompt - the sentence a caller hears when the model is late ("One moment, please."): the only words the relay speaks itself. The operator may put others
 * into the data directory, per language: prompts/moment-de-DE.wav, prompts/moment-de.wav, prompts/moment.wav, the first that is there.
 * Shapes: a WAV file with one channel, 8000 samples a second, 16-bit PCM, mu-law or A-law, at most 10 s; here G.711 mu-law.
 */
#ifndef OFFHOOK_PROMPT_H
#define OFFHOOK_PROMPT_H

#include "base/buf.h"

#define PROMPT_MAX_MS 10000

extern const struct span prompt_moment;          /* built in */

/* Store thread. Appends what the operator has put there for `language` (NULL: none in particular), nothing when there is nothing; a file that cannot be used
 * is said in the log once in a while, and the next one is tried. */
void prompt_load(struct buf *ulaw, const char *data_dir, const char *language);
/* ERR_SYNTAX: no WAV file; ERR_VALUE: none that a telephone speaks; ERR_LIMIT: too long. `why` is static. */
enum err prompt_read_wav(struct buf *ulaw, struct span file, const char **why);

#endif
