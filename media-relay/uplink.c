/* uplink - waiting room, holes, the 750-ms rule, and the append message. */
#include "base/b64.h"
#include "media-relay/realtime.h"
#include "media-relay/uplink.h"

#define ROOM_MAX   ((size_t)UPLINK_ROOM_MS * AUDIO_BYTES_MS)
#define TAIL_MAX   ((size_t)UPLINK_TAIL_MS * AUDIO_BYTES_MS)
#define HOLE_MS    40
#define FRAME_MAX  (200 * AUDIO_BYTES_MS)       /* mu-law bytes of one append made here */
#define TS_MAX     ((int64_t)1 << 53)           /* more is nonsense, and sums of it could wrap */

void uplink_init(struct uplink *u, const struct uplink_out *out, struct chunk_pool *pool)
{
	memset(u, 0, sizeof *u);
	u->out = out;
	u->room.pool = u->kept.pool = pool;
	u->end_ts = -1;
	u->batch = 1;
}

void uplink_format(struct uplink *u, enum audio_format format, int64_t frames)
{
	u->up = (struct audio_up){ .format = format };
	u->batch = frames > 1 ? (unsigned)(frames < 10 ? frames : 10) * AUDIO_FRAME : 1;
}

void uplink_fini(struct uplink *u)
{
	chunks_clear(&u->room);
	chunks_clear(&u->kept);
}

void uplink_stream(struct uplink *u, int64_t now_ms)
{
	u->end_ts = -1;
	u->credit_ms = 0;
	u->last_ms = now_ms;
	u->nudged = false;
}

static void trim(struct uplink *u)
{
	size_t over = u->room.n > ROOM_MAX ? u->room.n - ROOM_MAX : 0;

	chunks_drop(&u->room, over);
	u->dropped += over;
}

void uplink_ready(struct uplink *u, bool ready)
{
	u->ready = ready;
	if (!ready)
		return;
	u->base = u->sent;
	uplink_flush(u);
}

/* --- what was sent --- */

static void kept_trim(struct uplink *u)
{
	size_t most = u->hold ? ROOM_MAX : TAIL_MAX;

	if (u->kept.n > most)
		chunks_drop(&u->kept, u->kept.n - most);
}

uint64_t uplink_place(const struct uplink *u, int64_t at_ms)
{
	uint64_t at = u->base + (uint64_t)(at_ms > 0 ? at_ms : 0) * AUDIO_BYTES_MS;

	return at_ms < 0 || at > u->sent ? u->sent : at;
}

void uplink_hold(struct uplink *u, bool on)
{
	u->hold = on;
	kept_trim(u);
}

void uplink_rewind(struct uplink *u, uint64_t from)
{
	struct chunks front = u->kept;
	size_t n = u->sent > from ? (size_t)(u->sent - from) : 0;

	u->kept = (struct chunks){ .pool = u->room.pool };
	if (front.n > n)
		chunks_drop(&front, front.n - n);
	chunks_join(&front, &u->room);
	u->room = front;
	trim(u);
}

/* Converts and sends n bytes from the front; false when the leg is full. */
static bool send_front(struct uplink *u, size_t n)
{
	uint8_t raw[FRAME_MAX], made[FRAME_MAX * AUDIO_UP_FACTOR];
	size_t most = B64_ENCODED(n * (u->up.format == AUDIO_PCM24 ? AUDIO_UP_FACTOR : 1));
	char *to = u->out->reserve(u->out->ctx, REALTIME_APPEND_SIZE(most));

	if (!to)
		return false;
	chunks_peek(&u->room, raw, n);
	u->out->commit(u->out->ctx, realtime_append_raw(to, made, audio_up(&u->up, raw, n, made)));
	chunks_drop(&u->room, n);
	u->sent += n;
	if (chunks_add(&u->kept, raw, n) != ERR_OK)
		chunks_clear(&u->kept);
	kept_trim(u);
	return true;
}

static void flush_from(struct uplink *u, size_t least)
{
	while (u->ready && u->room.n >= least && u->room.n) {
		size_t n = u->room.n < FRAME_MAX ? u->room.n : FRAME_MAX;

		if (!send_front(u, n))
			return;
	}
}

void uplink_flush(struct uplink *u)
{
	flush_from(u, u->batch);
}

static void silence(struct uplink *u, int64_t ms)
{
	if (chunks_fill(&u->room, AUDIO_SILENCE, (size_t)ms * AUDIO_BYTES_MS) != ERR_OK)
		u->dropped += (uint64_t)ms * AUDIO_BYTES_MS;
	trim(u);
	uplink_flush(u);
}

/* Between the end of the frame before and this one; what the 750-ms rule has put in counts. */
static void fill_hole(struct uplink *u, int64_t ts)
{
	int64_t hole = u->end_ts >= 0 && ts >= 0 ? ts - u->end_ts : 0;

	if (hole > HOLE_MS) {
		hole = hole < UPLINK_ROOM_MS ? hole : UPLINK_ROOM_MS;
		if (hole > u->credit_ms)
			silence(u, hole - u->credit_ms);
	}
	u->credit_ms = 0;
}

/* The common case: mu-law to mu-law, nothing waits, the base64 goes through as it is. */
static bool pass(struct uplink *u, struct span payload, size_t n)
{
	char *to;

	if (!u->ready || u->room.n || u->up.format != AUDIO_PCMU || n < u->batch)
		return false;
	to = u->out->reserve(u->out->ctx, REALTIME_APPEND_SIZE(payload.n));
	if (!to)
		return false;
	u->out->commit(u->out->ctx, realtime_append(to, payload));
	u->sent += n;
	if (chunks_add_b64(&u->kept, payload) != ERR_OK)
		chunks_clear(&u->kept);
	kept_trim(u);
	return true;
}

static bool is_audio(struct span payload, size_t *n)
{
	uint8_t probe[3072];

	*n = 0;
	while (payload.n) {
		struct span piece = span_head(payload, sizeof probe / 3 * 4);
		size_t got;

		if (!b64_decode(probe, sizeof probe, piece, &got) || (piece.n < payload.n && got < sizeof probe))
			return false;
		*n += got;
		payload = span_skip(payload, piece.n);
	}
	return true;
}

enum err uplink_frame(struct uplink *u, struct span payload, int64_t ts, int64_t now_ms)
{
	enum err e = ERR_OK;
	size_t n;

	if (!is_audio(payload, &n))
		return ERR_SYNTAX;
	if (n == 0)
		return ERR_OK;
	u->last_ms = now_ms;
	u->nudged = false;
	ts = ts < TS_MAX ? ts : -1;
	fill_hole(u, ts);
	if (ts >= 0)
		u->end_ts = ts + (int64_t)(n / AUDIO_BYTES_MS);
	else if (u->end_ts >= 0)
		u->end_ts += (int64_t)(n / AUDIO_BYTES_MS);
	if (pass(u, payload, n))
		return ERR_OK;
	e = chunks_add_b64(&u->room, payload);
	u->dropped += e ? n : 0;
	trim(u);
	uplink_flush(u);
	return e;
}

void uplink_tick(struct uplink *u, int64_t now_ms, bool speech_open)
{
	uplink_flush(u);
	if (!speech_open || !u->ready || u->nudged || now_ms - u->last_ms < UPLINK_QUIET_MS)
		return;
	u->nudged = true;
	u->credit_ms = UPLINK_NUDGE_MS;
	silence(u, UPLINK_NUDGE_MS);
	flush_from(u, 1);
}
