/* playback - what is queued, paced, played and heard. */
#include <stdio.h>

#include "base/b64.h"
#include "media-relay/playback.h"
#include "media-relay/stream.h"

#define MESSAGE_MAX  (200 * AUDIO_BYTES_MS)
#define MARK_EVERY   (100 * AUDIO_BYTES_MS)
#define LEAD_MIN_MS  40
#define KEEP_MS      2000                        /* a phone that echoes no marks: so long after it was due, what was sent counts as heard */
#define LATE_MS      40                          /* a mark that comes back this much later than the quickest one means a phone that fell behind */

void playback_init(struct playback *p, const struct playback_out *out, struct chunk_pool *pool, enum audio_format format, int64_t lead_ms)
{
	memset(p, 0, sizeof *p);
	p->out = out;
	p->pool = pool;
	p->format = format;
	p->lead_ms = lead_ms > 0 && lead_ms < LEAD_MIN_MS ? LEAD_MIN_MS : lead_ms;
	p->quantum_ms = p->lead_ms / 4 / 20 * 20;
	p->quantum_ms = p->quantum_ms < 20 ? 20 : p->quantum_ms > 100 ? 100 : p->quantum_ms;
	p->echo_min_ms = p->echo_ms = p->first_sent_ms = -1;
}

/* --- the list of items --- */

static void retire(struct playback *p, unsigned i)
{
	chunks_clear(&p->items[i].audio);
	memmove(p->items + i, p->items + i + 1, (p->items_n - i - 1) * sizeof *p->items);
	p->items_n--;
}

void playback_forget(struct playback *p)
{
	while (p->items_n)
		retire(p, p->items_n - 1);
}

void playback_fini(struct playback *p)
{
	playback_forget(p);
}

static void heard_out(struct playback *p, unsigned i)
{
	p->out->heard(p->out->ctx, &p->items[i]);
	retire(p, i);
}

static struct playback_item *find(struct playback *p, struct span id, int64_t content_index)
{
	for (unsigned i = p->items_n; i-- > 0;)
		if (p->items[i].content_index == content_index && span_is(id, p->items[i].id))
			return &p->items[i];
	return NULL;
}

static bool is_dead(const struct playback *p, struct span response)
{
	for (unsigned i = 0; response.n && i < sizeof p->dead / sizeof *p->dead; i++)
		if (span_is(response, p->dead[i]))
			return true;
	return false;
}

void playback_kill(struct playback *p, struct span response)
{
	if (!response.n || is_dead(p, response))
		return;
	span_copy(p->dead[p->dead_at], PLAYBACK_ID, response);
	p->dead_at = (p->dead_at + 1) % (sizeof p->dead / sizeof *p->dead);
}

static void unkill(struct playback *p, struct span response)
{
	for (unsigned i = 0; response.n && i < sizeof p->dead / sizeof *p->dead; i++)
		if (span_is(response, p->dead[i]))
			p->dead[i][0] = '\0';
}

static int64_t ms_of(uint64_t bytes)
{
	return (int64_t)(bytes / AUDIO_BYTES_MS);
}

static struct playback_item *append(struct playback *p, struct span response, struct span id, int64_t content_index)
{
	struct playback_item *it;

	if (p->items_n == PLAYBACK_ITEMS && p->items[0].drained)
		heard_out(p, 0);                         /* a phone that echoes no marks */
	if (p->items_n == PLAYBACK_ITEMS)
		return NULL;
	it = &p->items[p->items_n];
	memset(it, 0, sizeof *it);
	if (!span_copy(it->id, sizeof it->id, id) || !span_copy(it->response, sizeof it->response, response))
		return NULL;
	it->content_index = content_index;
	it->serial = ++p->serials;
	it->audio.pool = p->pool;
	it->clock_ms = it->acked_ms = -1;
	audio_down_start(&it->down, p->format);
	p->items_n++;
	return it;
}

static size_t unsent(const struct playback_item *it)
{
	return it->audio.n - it->kept;
}

static size_t waiting(const struct playback *p)
{
	size_t n = 0;

	for (unsigned i = 0; i < p->items_n; i++)
		n += unsent(&p->items[i]);
	return n;
}

enum err playback_add(struct playback *p, struct span response, struct span id, int64_t content_index, struct span base64)
{
	struct playback_item *it;
	size_t before;
	enum err e;

	if (is_dead(p, response))
		return ERR_DENIED;
	it = find(p, id, content_index);
	if (!it)
		it = append(p, response, id, content_index);
	if (!it || it->complete || waiting(p) + B64_DECODED_MAX(base64.n) > (size_t)PLAYBACK_QUEUE_MS * AUDIO_BYTES_MS)
		return ERR_LIMIT;
	before = it->audio.n;
	e = audio_down_add(&it->down, &it->audio, base64);
	it->came += it->audio.n - before;
	return e;
}

/* --- the end of an item --- */

/* The item was sent to its end and a mark is behind it: when that mark was echoed already, it has been heard. */
static bool settle(struct playback *p, unsigned i)
{
	struct playback_item *it = &p->items[i];

	if (!it->complete || unsent(it) || it->since_mark)
		return false;
	if (!it->sent) {
		retire(p, i);                            /* had no audio at all */
		return true;
	}
	it->drained = true;
	if (it->acked_ms < ms_of(it->sent))
		return false;
	heard_out(p, i);
	return true;
}

static void complete(struct playback *p, struct playback_item *it)
{
	size_t before = it->audio.n;

	if (it->complete)
		return;
	it->complete = true;
	if (it->came && audio_down_end(&it->down, &it->audio) == ERR_OK)
		it->came += it->audio.n - before;
	settle(p, (unsigned)(it - p->items));
}

enum err playback_prompt(struct playback *p, struct span id, struct span ulaw)
{
	struct playback_item *it = find(p, id, 0) ? NULL : append(p, SPAN(""), id, 0);
	enum err e = it ? chunks_add(&it->audio, (const uint8_t *)ulaw.p, ulaw.n) : ERR_LIMIT;

	if (e == ERR_OK) {
		it->came = ulaw.n;
		it->orphan = it->complete = true;
	} else if (it) {
		retire(p, (unsigned)(it - p->items));
	}
	return e;
}

void playback_item_done(struct playback *p, struct span id, int64_t content_index)
{
	struct playback_item *it = find(p, id, content_index);

	if (it)
		complete(p, it);
}

void playback_response_done(struct playback *p, struct span response)
{
	for (unsigned i = p->items_n; i-- > 0;)
		if (span_is(response, p->items[i].response))
			complete(p, &p->items[i]);
	unkill(p, response);
}

void playback_others_done(struct playback *p, struct span response, struct span beside)
{
	for (unsigned i = p->items_n; i-- > 0;)
		if (!span_is(response, p->items[i].response) && !(beside.n && span_is(beside, p->items[i].response)))
			complete(p, &p->items[i]);
}

void playback_all_done(struct playback *p)
{
	for (unsigned i = p->items_n; i-- > 0;) {
		p->items[i].orphan = true;
		complete(p, &p->items[i]);
	}
}

/* --- sending --- */

void playback_stream(struct playback *p, struct span stream_sid)
{
	p->on = span_copy(p->stream_sid, sizeof p->stream_sid, stream_sid);
	p->clear_due = false;
	p->marks_valid = p->marks_acked = p->marks_n;
	p->end_ms = 0;
	p->echo_min_ms = p->echo_ms = p->first_sent_ms = -1;
}

void playback_stop(struct playback *p)
{
	p->on = p->clear_due = false;
}

static bool send_clear(struct playback *p)
{
	struct span sid = span_z(p->stream_sid);
	char *room = p->out->reserve(p->out->ctx, STREAM_CLEAR_SIZE(sid.n));

	p->clear_due = room == NULL;
	if (!room)
		return false;
	p->out->commit(p->out->ctx, stream_clear(room, sid));
	return true;
}

static bool send_mark(struct playback *p, struct playback_item *it)
{
	struct span sid = span_z(p->stream_sid);
	char name[24], *room;
	int n = snprintf(name, sizeof name, "m%llu", (unsigned long long)p->marks_n);

	room = p->out->reserve(p->out->ctx, STREAM_MARK_SIZE(sid.n, (size_t)n));
	if (!room)
		return false;
	p->out->commit(p->out->ctx, stream_mark(room, sid, span_of(name, (size_t)n)));
	p->marks[p->marks_n % PLAYBACK_MARKS] = (struct playback_mark){ it->serial, ms_of(it->sent), p->end_ms };
	p->marks_n++;
	it->since_mark = 0;
	return true;
}

/* Played back to back, or from now when the phone has run dry. */
static void clock_on(struct playback *p, struct playback_item *it, size_t n, int64_t now_ms)
{
	bool dry = p->end_ms <= now_ms;

	if (dry)
		p->end_ms = now_ms;
	if (dry || it->clock_ms < 0) {
		it->clock_ms = p->end_ms;
		it->clock_pos_ms = ms_of(it->sent);
	}
	p->end_ms += ms_of(n);
	if (p->first_sent_ms < 0)
		p->first_sent_ms = now_ms;
}

static void echo_out(struct playback *p, const uint8_t *audio, size_t n)
{
	int64_t at = p->end_ms - ms_of(n);

	for (size_t i = 0; p->echo && i < n; i += AUDIO_FRAME, at += 20)
		echo_played(p->echo, at, audio + i, AUDIO_FRAME);
}

static void keep(struct playback_item *it, size_t n)
{
	chunks_drop(&it->audio, it->kept - n);
	it->kept = n;
}

/* What must have been heard by now need not be said again, should the stream break, or the caller not have meant to interrupt. */
static void forget_heard(struct playback_item *it, int64_t now_ms)
{
	int64_t past = it->clock_pos_ms + now_ms - it->clock_ms - KEEP_MS;
	uint64_t heard;

	past = past > it->acked_ms ? past : it->acked_ms;
	heard = past > 0 ? (uint64_t)past * AUDIO_BYTES_MS : 0;
	if (heard < it->sent && it->kept > it->sent - heard)
		keep(it, (size_t)(it->sent - heard));
}

static bool send_media(struct playback *p, struct playback_item *it, size_t n, int64_t now_ms)
{
	struct span sid = span_z(p->stream_sid);
	uint8_t audio[MESSAGE_MAX];
	size_t real;
	char *room = p->out->reserve(p->out->ctx, STREAM_MEDIA_SIZE(sid.n, n));

	if (!room)
		return false;
	real = chunks_peek_at(&it->audio, it->kept, audio, n);
	memset(audio + real, AUDIO_SILENCE, n - real);
	p->out->commit(p->out->ctx, stream_media(room, sid, audio, n));
	clock_on(p, it, n, now_ms);
	echo_out(p, audio, n);
	if (p->tape)
		tape_agent(p->tape, p->end_ms - ms_of(n), audio, n);
	if (!it->sent)
		it->first_sent_ms = now_ms;
	it->sent += real;
	it->kept += real;
	forget_heard(it, now_ms);
	it->since_mark += (unsigned)n;
	p->frames += n / AUDIO_FRAME;
	return true;
}

/* How much of this item may go now: whole frames, up to the lead, and not in crumbs once the lead is nearly full. */
static size_t allowance(const struct playback *p, const struct playback_item *it, int64_t now_ms)
{
	size_t have = unsent(it) / AUDIO_FRAME, room = MESSAGE_MAX / AUDIO_FRAME;
	int64_t left;

	if (it->complete && unsent(it) % AUDIO_FRAME)
		have++;
	if (p->lead_ms > 0) {
		left = p->lead_ms - (p->end_ms > now_ms ? p->end_ms - now_ms : 0);
		if (left < p->quantum_ms)
			return 0;
		room = (size_t)(left / 20) < room ? (size_t)(left / 20) : room;
	}
	return (have < room ? have : room) * AUDIO_FRAME;
}

static bool mark_due(const struct playback_item *it)
{
	return it->since_mark >= MARK_EVERY || (it->since_mark && it->complete && !unsent(it));
}

/* false: nothing more can be done for this item now. */
static bool send_some(struct playback *p, struct playback_item *it, int64_t now_ms)
{
	size_t n;

	if (mark_due(it))
		return send_mark(p, it);
	n = allowance(p, it, now_ms);
	if (n > MESSAGE_MAX - it->since_mark)
		n = (MESSAGE_MAX - it->since_mark) / AUDIO_FRAME * AUDIO_FRAME;
	return n && send_media(p, it, n, now_ms);
}

void playback_pump(struct playback *p, int64_t now_ms)
{
	unsigned i = 0;

	if (!p->on || (p->clear_due && !send_clear(p)) || p->held)
		return;
	while (i < p->items_n) {
		struct playback_item *it = &p->items[i];

		if (it->drained) {
			i++;
			continue;
		}
		while (send_some(p, it, now_ms))
			;
		if (settle(p, i))
			continue;
		if (!it->drained)
			return;
		i++;
	}
}

/* --- what was heard --- */

static unsigned index_of(const struct playback *p, uint64_t serial)
{
	unsigned i = 0;

	while (i < p->items_n && p->items[i].serial != serial)
		i++;
	return i;
}

static void echo_time(struct playback *p, const struct playback_mark *m, int64_t now_ms)
{
	p->echo_ms = now_ms > m->due_ms ? now_ms - m->due_ms : 0;
	if (p->echo_min_ms < 0 || p->echo_ms < p->echo_min_ms)
		p->echo_min_ms = p->echo_ms;
}

static bool mark_number(const struct playback *p, struct span name, uint64_t *n)
{
	int64_t v;

	if (name.n < 2 || name.p[0] != 'm' || !span_int(span_skip(name, 1), &v) || v < 0 || (uint64_t)v >= p->marks_n)
		return false;
	*n = (uint64_t)v;
	return true;
}

bool playback_mark(struct playback *p, struct span name, int64_t now_ms)
{
	const struct playback_mark *m;
	struct playback_item *it;
	uint64_t n;
	unsigned i;

	if (!mark_number(p, name, &n))
		return false;
	if (n < p->marks_valid || n < p->marks_acked || n + PLAYBACK_MARKS < p->marks_n)
		return true;                             /* thrown back by a clear, or one that a later echo has overtaken: proves nothing new */
	p->marks_acked = n + 1;
	m = &p->marks[n % PLAYBACK_MARKS];
	echo_time(p, m, now_ms);
	while (p->items_n && p->items[0].serial < m->serial && p->items[0].drained)
		heard_out(p, 0);
	i = index_of(p, m->serial);
	if (i == p->items_n)
		return true;
	it = &p->items[i];
	if (it->acked_ms < 0)
		p->out->first_heard(p->out->ctx, it, now_ms - m->pos_ms);
	it->acked_ms = m->pos_ms;
	settle(p, i);
	return true;
}

/* A mark of this item that should have come back by now, and has not: the phone has not got there. */
static int64_t overdue(const struct playback *p, const struct playback_item *it, int64_t now_ms, int64_t est)
{
	const struct playback_mark *m = &p->marks[p->marks_acked % PLAYBACK_MARKS];

	if (p->echo_min_ms < 0 || p->marks_acked >= p->marks_n || p->marks_acked + PLAYBACK_MARKS < p->marks_n)
		return est;
	if (m->serial == it->serial && now_ms > m->due_ms + p->echo_min_ms + LATE_MS && est > m->pos_ms)
		return m->pos_ms;
	return est;
}

static int64_t heard_ms(const struct playback *p, const struct playback_item *it, int64_t now_ms)
{
	int64_t est = it->clock_ms < 0 ? 0 : it->clock_pos_ms + now_ms - it->clock_ms;

	if (it->clock_ms >= 0 && p->echo_ms > p->echo_min_ms + LATE_MS)
		est -= p->echo_ms - p->echo_min_ms;
	est = p->held ? ms_of(it->sent) : overdue(p, it, now_ms, est);
	est = est < it->acked_ms ? it->acked_ms : est;
	est = est < 0 ? 0 : est;
	return est < ms_of(it->sent) ? est : ms_of(it->sent);
}

static bool ended(const struct playback *p, const struct playback_item *it, int64_t now_ms)
{
	return it->drained && heard_ms(p, it, now_ms) >= ms_of(it->sent);
}

static void hear_out_ended(struct playback *p, int64_t now_ms)
{
	while (p->items_n && ended(p, &p->items[0], now_ms))
		heard_out(p, 0);
}

/* The caller stopped hearing us: now, or where a phone that has fallen behind was. Before anything of the items is changed. */
static void tape_cut(struct playback *p, int64_t now_ms)
{
	const struct playback_item *it = p->items_n && p->items[0].clock_ms >= 0 ? &p->items[0] : NULL;

	if (p->tape && !p->held)
		tape_clear(p->tape, it ? it->clock_ms + heard_ms(p, it, now_ms) - it->clock_pos_ms : now_ms);
}

bool playback_unheard(const struct playback *p, int64_t now_ms)
{
	for (unsigned i = 0; i < p->items_n; i++)
		if (p->items[i].came && !ended(p, &p->items[i], now_ms))
			return true;
	return false;
}

int64_t playback_end_ms(const struct playback *p)
{
	return p->end_ms;
}

unsigned playback_cut(struct playback *p, int64_t now_ms, struct playback_cut cuts[PLAYBACK_ITEMS])
{
	unsigned n = 0;

	hear_out_ended(p, now_ms);
	if (p->on && p->end_ms && !p->held)
		send_clear(p);
	tape_cut(p, now_ms);
	for (unsigned i = 0; i < p->items_n; i++) {
		struct playback_item *it = &p->items[i];

		playback_kill(p, span_z(it->response));
		if (!it->came)
			continue;
		memcpy(p->gone[n], it->id, PLAYBACK_ID);
		cuts[n] = (struct playback_cut){ span_z(p->gone[n]), it->content_index, heard_ms(p, it, now_ms), ms_of(it->came), it->orphan };
		n++;
	}
	playback_forget(p);
	p->held = false;
	p->marks_valid = p->marks_acked = p->marks_n;
	p->end_ms = now_ms;
	return n;
}

/* --- perhaps the caller broke in, or the stream broke --- */

/* What was sent and not heard is the beginning of what waits again. */
static void take_back(struct playback *p, struct playback_item *it, int64_t now_ms)
{
	int64_t heard = heard_ms(p, it, now_ms);
	uint64_t from = heard < ms_of(it->sent) ? (uint64_t)heard * AUDIO_BYTES_MS : it->sent;
	size_t n = (size_t)(it->sent - from);

	n = n < it->kept ? n : it->kept;
	keep(it, n);
	it->kept = 0;
	if (it->acked_ms < 0 && heard > 0)
		p->out->first_heard(p->out->ctx, it, now_ms - heard);
	it->sent -= n;
	it->acked_ms = it->sent ? ms_of(it->sent) : -1;
	it->since_mark = 0;
	it->clock_ms = -1;
	it->drained = false;
}

static void all_back(struct playback *p, int64_t now_ms)
{
	tape_cut(p, now_ms);
	for (unsigned i = 0; i < p->items_n; i++)
		take_back(p, &p->items[i], now_ms);
	p->marks_valid = p->marks_acked = p->marks_n;
	p->end_ms = now_ms;
}

static void settle_all(struct playback *p)
{
	for (unsigned i = p->items_n; i-- > 0;)
		settle(p, i);
}

int64_t playback_hold(struct playback *p, int64_t now_ms)
{
	if (p->held)
		return (int64_t)(waiting(p) / AUDIO_BYTES_MS);
	hear_out_ended(p, now_ms);
	if (p->on && p->end_ms && p->items_n)
		send_clear(p);
	all_back(p, now_ms);
	p->held = true;
	settle_all(p);
	return (int64_t)(waiting(p) / AUDIO_BYTES_MS);
}

/* What was sent is past, though the last mark may still be on its way back. */
void playback_stream_left(struct playback *p)
{
	p->on = p->clear_due = false;
	p->marks_valid = p->marks_acked = p->marks_n;
	for (unsigned i = p->items_n; i-- > 0;) {
		struct playback_item *it = &p->items[i];

		it->since_mark = 0;
		it->acked_ms = it->sent ? ms_of(it->sent) : it->acked_ms;
		settle(p, i);
	}
}

/* The phone was cut off a while ago: there and back is how long a mark takes too. */
void playback_stream_lost(struct playback *p, int64_t now_ms)
{
	int64_t then = now_ms - (p->echo_min_ms > 0 ? p->echo_min_ms : 0);

	p->on = p->clear_due = false;
	hear_out_ended(p, then);
	all_back(p, then);
	settle_all(p);
}

void playback_go_on(struct playback *p, int64_t now_ms)
{
	p->held = false;
	playback_pump(p, now_ms);
}
