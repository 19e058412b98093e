/* session_prompt - no dead air: who waits for a model that is late hears a sentence (contract S8). The call itself recovers elsewhere. */
#include "base/log.h"
#include "media-relay/prompt.h"
#include "media-relay/session_impl.h"

#define LATE_MS   2000                   /* after the start of the stream, or since the connection went */
#define AGAIN_MS  5000

/* Since when the caller waits for a voice that is not there; -1: nobody does. */
static int64_t waits_since(const struct session *s)
{
	if (!upstream_ready(&s->up))
		return s->up.trouble_ms;
	return s->greeting == GREETING_ASKED ? s->stream_ms : -1;
}

static void play(struct session *s)
{
	struct span audio = s->setup->prompt_n ? span_of(s->setup->prompt, s->setup->prompt_n) : prompt_moment;
	enum err e = playback_prompt(&s->play, SPAN("prompt"), audio);

	s->prompted_ms = session_now(s);
	if (e) {
		log_warn("prompt.failed", "error=%s", err_name(e));
		return;
	}
	session_note(s, "prompt.played", SPAN_NONE, SPAN_NONE, SPAN_NONE, NULL);
	log_info("prompt.played", NULL);
	caller_pump(s);
}

void prompt_tick(struct session *s)
{
	int64_t now = session_now(s), since = waits_since(s);

	if (since < 0 || now - since < LATE_MS || playback_unheard(&s->play, now))
		return;
	if (s->prompted_ms < since || now - s->prompted_ms >= AGAIN_MS)
		play(s);
}
