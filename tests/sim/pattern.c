#include "pattern.h"

#define MAGIC_0 0xA5
#define MAGIC_1 0x3C
#define HEAD 20

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t mix(uint64_t x)      /* splitmix64's last steps */
{
	x += 0x9E3779B97F4A7C15u;
	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
	x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
	return x ^ (x >> 31);
}

static uint32_t head_hash(const uint8_t *frame)
{
	uint64_t a, b;

	memcpy(&a, frame, 8);
	memcpy(&b, frame + 8, 8);
	return (uint32_t)mix(a ^ mix(b));
}

static void body_fill(uint8_t *dst, uint32_t seed, uint32_t number)
{
	uint64_t x = mix((uint64_t)seed << 32 | number) | 1;

	for (size_t i = HEAD; i < PATTERN_FRAME; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(dst + i, &x, PATTERN_FRAME - i < 8 ? PATTERN_FRAME - i : 8);
	}
}

void pattern_frame(uint8_t dst[PATTERN_FRAME], uint32_t seed, uint32_t number, int64_t sent_us)
{
	dst[0] = MAGIC_0;
	dst[1] = MAGIC_1;
	put32(dst + 2, seed);
	put32(dst + 6, number);
	dst[10] = (uint8_t)(sent_us >> 40);
	dst[11] = (uint8_t)(sent_us >> 32);
	put32(dst + 12, (uint32_t)sent_us);
	put32(dst + 16, head_hash(dst));
	body_fill(dst, seed, number);
}

void pattern_fill(uint8_t *dst, uint32_t seed, uint64_t offset, size_t n)
{
	uint8_t frame[PATTERN_FRAME];

	while (n > 0) {
		size_t at = (size_t)(offset % PATTERN_FRAME), take = PATTERN_FRAME - at < n ? PATTERN_FRAME - at : n;

		pattern_frame(frame, seed, (uint32_t)(offset / PATTERN_FRAME), 0);
		memcpy(dst, frame + at, take);
		dst += take;
		offset += take;
		n -= take;
	}
}

double pattern_delay_ms(const struct pattern_delays *d, double quantile)
{
	uint64_t rank = (uint64_t)(quantile * (double)d->n), sum = 0;

	for (size_t i = 0; i < PATTERN_BUCKETS; i++) {
		sum += d->bucket[i];
		if (sum > rank)
			return (double)(i + 1) / 10;
	}
	return (double)d->max_us / 1000;
}

uint64_t pattern_delays_over(const struct pattern_delays *d, unsigned ms)
{
	uint64_t n = 0;

	for (size_t i = (size_t)ms * 10; i < PATTERN_BUCKETS; i++)
		n += d->bucket[i];
	return n;
}

static void delay_add(struct pattern_delays *d, int64_t us)
{
	size_t i = us < 0 ? 0 : (size_t)us / 100;

	d->n++;
	d->max_us = us > d->max_us ? us : d->max_us;
	d->bucket[i < PATTERN_BUCKETS ? i : PATTERN_BUCKETS - 1]++;
}

void pattern_check_init(struct pattern_check *c, uint32_t seed, struct pattern_delays *delays)
{
	*c = (struct pattern_check){ .seed = seed, .delays = delays };
}

uint64_t pattern_errors(const struct pattern_check *c)
{
	return c->lost + c->doubled + c->reordered + c->corrupt + c->foreign;
}

/* The numbers of the last PATTERN_WINDOW frames tell a late one from a second copy. */
static bool seen_get(const struct pattern_check *c, uint32_t number)
{
	return c->seen[number % PATTERN_WINDOW / 64] >> (number % 64) & 1;
}

static void seen_set(struct pattern_check *c, uint32_t number, bool v)
{
	uint64_t bit = (uint64_t)1 << (number % 64), *word = &c->seen[number % PATTERN_WINDOW / 64];

	*word = v ? *word | bit : *word & ~bit;
}

static void frame_ahead(struct pattern_check *c, uint32_t number)
{
	uint32_t gap = number - c->next, damaged = c->unread < gap ? c->unread : gap;

	c->lost += gap - damaged;            /* the damaged ones are counted as such already */
	for (uint32_t i = 0; i < gap && i < PATTERN_WINDOW; i++)
		seen_set(c, number - 1 - i, false);
	seen_set(c, number, true);
	c->next = number + 1;
}

static void frame_behind(struct pattern_check *c, uint32_t number)
{
	bool known = c->next - number > PATTERN_WINDOW || seen_get(c, number);

	if (known || number < c->first) {
		c->doubled += known;
		c->reordered += !known;
		return;
	}
	c->reordered++;
	c->lost -= c->lost > 0;
	seen_set(c, number, true);
}

static void frame_good(struct pattern_check *c, const uint8_t *f, int64_t now_us)
{
	uint32_t seed = get32(f + 2), number = get32(f + 6);
	int64_t sent = (int64_t)f[10] << 40 | (int64_t)f[11] << 32 | get32(f + 12);

	if (c->seed == 0)
		c->seed = seed;
	if (seed != c->seed) {
		c->foreign++;
		return;
	}
	c->frames++;
	if (sent && c->delays)
		delay_add(c->delays, now_us - sent);
	if (!c->any)
		c->first = c->next = number;
	c->any = true;
	if (number >= c->next)
		frame_ahead(c, number);
	else
		frame_behind(c, number);
	c->unread = 0;
}

static bool head_ok(const uint8_t *f)
{
	return f[0] == MAGIC_0 && f[1] == MAGIC_1 && get32(f + 16) == head_hash(f);
}

static bool body_ok(const uint8_t *f)
{
	uint8_t want[PATTERN_FRAME];

	body_fill(want, get32(f + 2), get32(f + 6));
	return memcmp(f + HEAD, want + HEAD, PATTERN_FRAME - HEAD) == 0;
}

static void drop(struct pattern_check *c, size_t n)
{
	c->have = (uint16_t)(c->have - n);
	memmove(c->part, c->part + n, c->have);
}

/* Bytes that begin no frame: silence is counted as it is, the rest as damaged frames, one for every 160 bytes begun. */
static void skip_byte(struct pattern_check *c)
{
	if (c->part[0] == 0xFF && !c->astray) {
		c->silence_bytes++;
	} else {
		c->astray = true;
		if (c->skipped++ % PATTERN_FRAME == 0) {
			c->corrupt++;
			c->unread++;
		}
	}
	drop(c, 1);
}

static void frame_read(struct pattern_check *c, int64_t now_us)
{
	if (!head_ok(c->part)) {
		skip_byte(c);
		return;
	}
	c->astray = false;
	c->skipped = 0;
	if (body_ok(c->part)) {
		frame_good(c, c->part, now_us);
	} else {
		c->corrupt++;
		c->unread++;
	}
	drop(c, PATTERN_FRAME);
}

void pattern_check(struct pattern_check *c, const uint8_t *p, size_t n, int64_t now_us)
{
	while (n > 0) {
		size_t room = PATTERN_FRAME - c->have, take = n < room ? n : room;

		memcpy(c->part + c->have, p, take);
		c->have = (uint16_t)(c->have + take);
		p += take;
		n -= take;
		if (c->have == PATTERN_FRAME)
			frame_read(c, now_us);
	}
}

/* What is left is silence, or the beginning of a frame that was cut. */
void pattern_check_end(struct pattern_check *c)
{
	while (c->have > 0 && c->part[0] == 0xFF) {
		c->silence_bytes++;
		drop(c, 1);
	}
	c->tail_bytes = c->have;
	c->have = 0;
}
