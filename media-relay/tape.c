/* tape - both sides of a call on one time line. */
#include "base/b64.h"
#include "media-relay/tape.h"

#define HOLE_MS 40                       /* less between two frames is no hole: timestamps are not that exact */

void tape_init(struct tape *t, const struct tape_out *out, struct chunk_pool *pool)
{
	*t = (struct tape){ .out = out, .left.pool = pool, .right.pool = pool };
}

void tape_fini(struct tape *t)
{
	chunks_clear(&t->left);
	chunks_clear(&t->right);
}

static uint64_t samples(int64_t ms)
{
	return ms > 0 ? (uint64_t)ms * AUDIO_BYTES_MS : 0;
}

static uint64_t place(const struct tape *t, int64_t ms)
{
	return samples(ms - t->zero_ms);
}

/* --- what leaves --- */

static void hush(const struct tape *t, uint8_t *side, size_t n)
{
	uint64_t from = t->hush_from > t->at ? t->hush_from : t->at, to = t->hush_to < t->at + n ? t->hush_to : t->at + n;

	if (from < to)
		memset(side + (from - t->at), AUDIO_SILENCE, (size_t)(to - from));
}

static void weave(struct tape *t, uint8_t *to, size_t n)
{
	uint8_t left[TAPE_BLOCK], right[TAPE_BLOCK];

	memset(left, AUDIO_SILENCE, n);
	memset(right, AUDIO_SILENCE, n);
	chunks_peek(&t->left, left, n);
	chunks_peek(&t->right, right, n);
	hush(t, left, n);
	hush(t, right, n);
	for (size_t i = 0; i < n; i++) {
		to[2 * i] = left[i];
		to[2 * i + 1] = right[i];
	}
}

static void block_out(struct tape *t, size_t n)
{
	uint8_t *room = t->out->room(t->out->ctx);

	if (room) {
		weave(t, room, n);
		t->out->put(t->out->ctx, t->at, n);
	} else {
		t->lost += n;
	}
	chunks_drop(&t->left, n);
	chunks_drop(&t->right, n);
	t->at += n;
}

static void pad_left(struct tape *t, uint64_t upto)
{
	uint64_t end = t->at + t->left.n;

	if (upto > end && chunks_fill(&t->left, AUDIO_SILENCE, (size_t)(upto - end)) == ERR_OK)
		t->owed += upto - end;
}

void tape_tick(struct tape *t, int64_t now_ms)
{
	uint64_t now = place(t, now_ms), late = place(t, now_ms - TAPE_LATE_MS), done;

	if (!t->on)
		return;
	pad_left(t, late);
	done = t->at + t->left.n < now ? t->at + t->left.n : now;
	while (done >= t->at + TAPE_BLOCK)
		block_out(t, TAPE_BLOCK);
}

/* --- on and off --- */

void tape_on(struct tape *t, int64_t zero_ms, int64_t began_ms, int64_t now_ms)
{
	uint64_t now;

	tape_off(t, now_ms);
	t->zero_ms = zero_ms;
	now = place(t, now_ms);
	t->at = now > t->at ? now : t->at;
	t->stream = place(t, began_ms);
	t->on = true;
}

void tape_off(struct tape *t, int64_t now_ms)
{
	uint64_t now = place(t, now_ms), left = t->at + t->left.n, end = left > now ? left : now;

	if (!t->on)
		return;
	while (t->at < end)
		block_out(t, end - t->at < TAPE_BLOCK ? (size_t)(end - t->at) : TAPE_BLOCK);
	tape_fini(t);
	t->owed = 0;
	t->on = false;
}

/* --- the caller --- */

/* Where a frame belongs that has just come: not later than now, whatever it says. */
static uint64_t place_of_frame(const struct tape *t, int64_t timestamp_ms, int64_t now_ms)
{
	uint64_t end = t->at + t->left.n, now = place(t, now_ms), at;

	if (timestamp_ms < 0)
		return end;
	at = samples(timestamp_ms) + t->stream;
	return at < now ? at : now;
}

/* In the place of silence that was there for it, it comes too late. */
static bool too_late(struct tape *t, uint64_t at, size_t n)
{
	uint64_t end = t->at + t->left.n;

	if (at + n > end || t->owed < n) {
		t->owed = 0;
		return false;
	}
	t->owed -= n;
	return true;
}

void tape_caller(struct tape *t, struct span base64, int64_t timestamp_ms, int64_t now_ms)
{
	uint64_t end = t->at + t->left.n, at;
	size_t n;

	if (!t->on || !b64_decoded_size(base64, &n) || n == 0 || t->left.n + n > samples(TAPE_LEFT_MS))
		return;
	at = place_of_frame(t, timestamp_ms, now_ms);
	if (too_late(t, at, n))
		return;
	if (at > end + samples(HOLE_MS))
		chunks_fill(&t->left, AUDIO_SILENCE, (size_t)(at - end));
	if (t->hush_to == UINT64_MAX)
		chunks_fill(&t->left, AUDIO_SILENCE, n);
	else
		chunks_add_b64(&t->left, base64);
}

void tape_hush(struct tape *t, bool on, int64_t now_ms)
{
	uint64_t now = place(t, now_ms);

	if (on == (t->hush_to == UINT64_MAX))
		return;
	if (on && t->hush_to <= t->at)
		t->hush_from = now;              /* else the one before has not left yet: the two are one */
	t->hush_to = on ? UINT64_MAX : now;
}

/* --- the agent --- */

void tape_agent(struct tape *t, int64_t at_ms, const uint8_t *ulaw, size_t n)
{
	uint64_t at = place(t, at_ms), end = t->at + t->right.n;

	if (!t->on || t->right.n + n > samples(TAPE_RIGHT_MS))
		return;
	if (at > end && chunks_fill(&t->right, AUDIO_SILENCE, (size_t)(at - end)) != ERR_OK)
		return;
	chunks_add(&t->right, ulaw, n);
}

void tape_clear(struct tape *t, int64_t at_ms)
{
	uint64_t at = place(t, at_ms);

	chunks_keep(&t->right, at > t->at ? (size_t)(at - t->at) : 0);
}
