/* model_input - the caller's audio: input buffer, turns by voice detection or by hand, transcripts, the pattern's checker. */
#include <stdlib.h>

#include "base/b64.h"
#include "base/clock.h"
#include "model.h"
#include "model_fmt.h"
#include "wav.h"

#define CHUNK          480          /* samples looked at together */
#define COMMIT_MIN_US  100000
#define FLOWING_MS     1000         /* audio counts as flowing so long after the last of it */

uint64_t input_ms(const struct model_sess *s)
{
	return s->in_us / 1000;
}

static bool listening(const struct model_sess *s)
{
	return s->c.vad && (!script_is_pattern(s->script) || s->script->vad);
}

static unsigned rate_of(enum speech_format f)
{
	return f == SPEECH_PCM24 ? 24000 : 8000;
}

static int64_t us_of(const struct model_sess *s, size_t n)
{
	return (int64_t)(n * 1000 / speech_bytes_per_ms(s->c.in));
}

void input_configured(struct model_sess *s)
{
	vad_set(&s->vad, rate_of(s->c.in), s->c.threshold, (uint32_t)s->c.silence_ms);
	if (!listening(s))
		vad_quiet(&s->vad);
	s->idle_at = 0;
}

/* --- turns --- */

static void run_transcript(struct model_sess *s, struct later *l);

static void transcript_later(struct model_sess *s, const struct item *it, unsigned turn)
{
	const struct turn *t = script_turn(s->script, turn);
	int64_t ms = t && t->transcript_ms != FIELD_NULL_INT ? t->transcript_ms : s->script->transcript_ms;
	struct later *l = s->c.transcribe ? model_later(s, ms, run_transcript) : NULL;

	if (!l)
		return;
	snprintf(l->id, sizeof l->id, "%s", it->id);
	l->turn = turn;
}

static void transcript_text(struct model_sess *s, unsigned turn, char *out, size_t cap)
{
	const struct turn *t = script_turn(s->script, turn);

	if (t && t->user)
		snprintf(out, cap, "%s", t->user);
	else
		snprintf(out, cap, "caller turn %u", turn + 1);
}

/* A few words, to the end of one. */
static size_t piece(struct span text)
{
	size_t n = text.n ? 1 : 0;

	while (n < text.n && (text.p[n] != ' ' || n < 12))
		n++;
	return n;
}

static void emit_delta(struct model_sess *s, const char *id, struct span words)
{
	model_emit(s, "conversation.item.input_audio_transcription.delta", "'item_id':%q,'content_index':0,'delta':%Q,'obfuscation':'x7Kq'", id, words);
}

static void emit_deltas(struct model_sess *s, const char *id, struct span text)
{
	for (size_t n; text.n; text = span_skip(text, n)) {
		n = piece(text);
		emit_delta(s, id, span_head(text, n));
	}
}

/* A live transcription model tells the first words of a turn whose item is not there yet. */
static void first_words(struct model_sess *s)
{
	char text[8100];
	struct span words;

	transcript_text(s, s->turns, text, sizeof text);
	words = span_head(span_z(text), piece(span_z(text)));
	if (words.n)
		emit_delta(s, s->speech_item, words);
}

static void emit_completed(struct model_sess *s, const struct item *it)
{
	int in = (int)(it->audio_ms / 100), out = (int)(it->shown / 4 + 1);

	if (s->c.by_duration)
		model_emit(s, "conversation.item.input_audio_transcription.completed",
			   "'item_id':%q,'content_index':0,'transcript':%Q,'usage':{'type':'duration','seconds':%d}", it->id,
			   span_head(span_z(it->text), it->shown), (int)((it->audio_ms + 999) / 1000));
	else
		model_emit(s, "conversation.item.input_audio_transcription.completed",
			   "'item_id':%q,'content_index':0,'transcript':%Q,'usage':{'type':'tokens','total_tokens':%d,'input_tokens':%d,"
			   "'input_token_details':{'text_tokens':0,'audio_tokens':%d},'output_tokens':%d}",
			   it->id, span_head(span_z(it->text), it->shown), in + out, in, in, out);
}

static void run_transcript(struct model_sess *s, struct later *l)
{
	const struct turn *t = script_turn(s->script, l->turn);
	struct item *it = item_find(s, span_z(l->id));
	char text[8100];

	if (!it)                        /* deleted meanwhile */
		return;
	if (t && t->transcript_error) {
		model_emit(s, "conversation.item.input_audio_transcription.failed",
			   "'item_id':%q,'content_index':0,'error':{'type':'server_error','code':%q,'message':%q,'param':null}", it->id, t->transcript_error,
			   "Input transcription failed for the item.");
		return;
	}
	transcript_text(s, l->turn, text, sizeof text);
	free(it->text);
	it->text = span_dup(span_z(text));
	it->shown = it->text ? strlen(it->text) : 0;
	it->has_text = it->text != NULL;
	if (!it->text)
		return;
	it->refs++;                     /* a scripted fault may end the session in between */
	emit_deltas(s, it->id, span_skip(span_z(it->text), s->c.live ? piece(span_z(it->text)) : 0));
	emit_completed(s, it);
	item_put(it);
}

/* Sound of the latest turns only: hours of calls would fill the memory. */
static void forget_old_sound(struct model_sess *s)
{
	unsigned kept = 0;

	for (struct item *it = s->last; it; it = it->prev)
		if (it->sound.n && ++kept > 4)
			buf_fini(&it->sound);
}

static void reset_input(struct model_sess *s)
{
	buf_reset(&s->input);
	s->in_start_us = s->in_us;
}

/* The buffer becomes an item of the caller. */
static void commit(struct model_sess *s, const char *id, bool counts)
{
	struct item *it = item_new(s, ITEM_MESSAGE, *id ? id : NULL);

	if (!it)
		return;
	it->audio = true;
	it->format = s->c.in;
	it->audio_ms = (uint32_t)((s->in_us - s->in_start_us) / 1000);
	it->sound = s->input;
	s->input = BUF_BOUND((size_t)16 << 20);
	reset_input(s);
	model_emit(s, "input_audio_buffer.committed", "'previous_item_id':%q,'item_id':%q", s->last ? s->last->id : NULL, it->id);
	item_link(s, it, s->last);
	forget_old_sound(s);
	item_emit(s, "conversation.item.added", it);
	item_emit(s, "conversation.item.done", it);
	if (counts) {
		s->m->stats.turns++;
		transcript_later(s, it, s->turns);
		s->turn = s->turns++;
		s->step = 0;
		s->turn_open = true;
	}
	item_put(it);
}

static void trim_to(struct model_sess *s, uint64_t start_us)
{
	uint64_t us = start_us > s->in_start_us ? start_us - s->in_start_us : 0;
	size_t n = (size_t)(us / 1000) * speech_bytes_per_ms(s->c.in);

	n = n < s->input.n ? n : s->input.n;
	buf_drop(&s->input, n);
	s->in_start_us += (uint64_t)us_of(s, n);
}

static void speech_started(struct model_sess *s)
{
	uint64_t start_ms = s->vad.start_ms > (uint64_t)s->c.prefix_ms ? s->vad.start_ms - (uint64_t)s->c.prefix_ms : 0;

	start_ms = start_ms > s->in_start_us / 1000 ? start_ms : s->in_start_us / 1000;
	trim_to(s, start_ms * 1000);
	s->idle_at = 0;
	s->m->stats.speech_started++;
	model_id(s, "item", s->speech_item);
	model_emit(s, "input_audio_buffer.speech_started", "'audio_start_ms':%l,'item_id':%q", (int64_t)start_ms, s->speech_item);
	if (s->c.interrupt && !s->dead)
		answer_cancel(s, SPAN_NONE, "turn_detected");
	if (s->c.transcribe && s->c.live)
		first_words(s);
}

static void speech_stopped(struct model_sess *s)
{
	model_emit(s, "input_audio_buffer.speech_stopped", "'audio_end_ms':%l,'item_id':%q", (int64_t)s->vad.pos_ms, s->speech_item);
	commit(s, s->speech_item, true);
	*s->speech_item = 0;
	if (s->c.create && !s->dead && !answer_active(s))
		answer_start(s, NULL);
}

/* --- audio --- */

static size_t decode(enum speech_format f, const uint8_t *p, size_t n, int16_t out[CHUNK], size_t *used)
{
	size_t k = f == SPEECH_PCM24 ? n / 2 : n;

	k = k < CHUNK ? k : CHUNK;
	for (size_t i = 0; i < k; i++) {
		if (f == SPEECH_PCMU)
			out[i] = wav_linear(p[i]);
		else if (f == SPEECH_PCMA)
			out[i] = wav_linear_alaw(p[i]);
		else
			out[i] = (int16_t)(p[2 * i] | p[2 * i + 1] << 8);
	}
	*used = f == SPEECH_PCM24 ? 2 * k : k;
	return k;
}

static void keep(struct model_sess *s, const uint8_t *p, size_t n)
{
	buf_add(&s->input, span_of(p, n));
	if (s->input.err)               /* the limit of the buffer: the oldest goes */
		reset_input(s);
	s->in_us += (uint64_t)us_of(s, n);
	if (listening(s) && !s->vad.speaking && s->in_us - s->in_start_us > (uint64_t)(s->c.prefix_ms + 400) * 1000)
		trim_to(s, s->in_us - (uint64_t)(s->c.prefix_ms + 200) * 1000);
}

static void listen(struct model_sess *s, const int16_t *pcm, size_t n)
{
	enum vad_event ev;

	while (n > 0 && !s->dead) {
		size_t used = vad_feed(&s->vad, pcm, n, &ev);

		pcm += used;
		n -= used;
		if (ev == VAD_START)
			speech_started(s);
		else if (ev == VAD_STOP)
			speech_stopped(s);
	}
}

static void hear(struct model_sess *s, const uint8_t *p, size_t n)
{
	int16_t pcm[CHUNK];
	size_t used, k;

	while (n > 0 && !s->dead) {
		k = decode(s->c.in, p, n, pcm, &used);
		if (k == 0)
			return;
		keep(s, p, used);
		listen(s, pcm, k);
		p += used;
		n -= used;
	}
}

static void run_pattern(struct model_sess *s, struct later *l)
{
	(void)l;
	if (!s->pattern_started && !answer_active(s))
		answer_start(s, NULL);
}

static void first_audio(struct model_sess *s)
{
	s->heard_any = true;
	if (script_is_pattern(s->script) && s->script->start_after_ms != FIELD_NULL_INT)
		model_later(s, s->script->start_after_ms, run_pattern);
}

void input_audio(struct model_sess *s, const uint8_t *p, size_t n)
{
	s->m->stats.audio_frames_in++;
	s->m->stats.audio_bytes_in += n;
	s->m->stats.early_audio += !s->configured;
	s->frames_in++;
	s->frames_early += !s->configured;
	s->last_audio_at = clock_ms();
	if (script_is_pattern(s->script)) {
		pattern_check(&s->pattern, p, n, clock_us());
		if (!s->heard_any)
			first_audio(s);
	}
	if (listening(s)) {
		if (s->vad.pos_ms + 1000 < input_ms(s))      /* it was off for a while */
			s->vad.pos_ms = input_ms(s);
		hear(s, p, n);
		return;
	}
	if (script_is_pattern(s->script)) {
		s->in_us += (uint64_t)us_of(s, n);
		return;
	}
	keep(s, p, n);
	s->vad.pos_ms = input_ms(s);
}

/* --- idle --- */

static void idle(struct model_sess *s)
{
	char id[MODEL_ID];

	s->idle_at = 0;
	model_id(s, "item", id);
	model_emit(s, "input_audio_buffer.timeout_triggered", "'audio_start_ms':%l,'audio_end_ms':%l,'item_id':%q",
		   (int64_t)input_ms(s) > s->c.idle_ms ? (int64_t)input_ms(s) - s->c.idle_ms : 0, (int64_t)input_ms(s), id);
	commit(s, id, false);
	s->idle_asked = true;
	if (!s->dead)
		answer_start(s, NULL);
}

void input_tick(struct model_sess *s, int64_t now)
{
	if (s->idle_at && now >= s->idle_at && !s->vad.speaking && !answer_active(s) && now - s->last_audio_at < FLOWING_MS)
		idle(s);
}

/* --- events --- */

static bool bad_audio(struct model_sess *s, struct complaint *c)
{
	static const char *const names[] = { "G.711 mu-law at 8kHz", "G.711 A-law at 8kHz", "mono PCM16 at 24kHz" };

	return model_complain(c, "invalid_value", "audio", "Invalid 'audio'. Expected base64-encoded audio bytes (%s) but got an invalid value.",
			      names[s->c.in]);
}

bool input_on_append(struct model_sess *s, struct json_object *ev, struct complaint *c)
{
	struct span audio = json_get_span(ev, "audio");
	uint8_t *bytes = malloc(B64_DECODED_MAX(audio.n) + 1);
	size_t n = 0;
	bool fine = bytes && b64_decode(bytes, B64_DECODED_MAX(audio.n), audio, &n) && n > 0 && (s->c.in != SPEECH_PCM24 || n % 2 == 0);

	if (fine)
		input_audio(s, bytes, n);
	else
		bad_audio(s, c);
	free(bytes);
	return fine;
}

bool input_on_commit(struct model_sess *s, struct json_object *ev, struct complaint *c)
{
	uint64_t us = s->in_us - s->in_start_us;
	char id[MODEL_ID];

	(void)ev;
	if (us < COMMIT_MIN_US || (listening(s) && !s->vad.speaking))
		return model_complain(c, "input_audio_buffer_commit_empty", NULL,
				      "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has %.2fms of audio.",
				      listening(s) && !s->vad.speaking ? 0.0 : (double)us / 1000);
	snprintf(id, sizeof id, "%s", s->speech_item);
	vad_quiet(&s->vad);
	*s->speech_item = 0;
	commit(s, id, true);
	return true;
}

bool input_on_clear(struct model_sess *s, struct json_object *ev, struct complaint *c)
{
	(void)ev;
	(void)c;
	vad_quiet(&s->vad);
	*s->speech_item = 0;
	reset_input(s);
	model_emit(s, "input_audio_buffer.cleared", "");
	return true;
}
