#include "base/clock.h"
#include "store/key.h"

void key_bytes(struct key *k, struct span s)
{
	size_t n = s.n < KEY_MAX - k->n ? s.n : KEY_MAX - k->n;

	if (n)
		memcpy(k->b + k->n, s.p, n);
	k->n += n;
}

void key_text(struct key *k, struct span s)
{
	key_bytes(k, span_head(s, KEY_TEXT_MAX));
	key_bytes(k, span_of("", 1));
}

void key_u32(struct key *k, uint32_t v)
{
	uint8_t b[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	key_bytes(k, span_of(b, sizeof b));
}

void key_u64(struct key *k, uint64_t v)
{
	key_u32(k, (uint32_t)(v >> 32));
	key_u32(k, (uint32_t)v);
}

uint32_t key_u32_at(struct span s, size_t at)
{
	uint32_t v = 0;

	for (size_t i = at; i < at + 4; i++)
		v = v << 8 | (i < s.n ? (uint8_t)s.p[i] : 0);
	return v;
}

uint64_t key_u64_at(struct span s, size_t at)
{
	return (uint64_t)key_u32_at(s, at) << 32 | key_u32_at(s, at + 4);
}

bool key_id(struct key *k, struct span decimal)
{
	int64_t id;

	if (!span_int(decimal, &id) || id <= 0)
		return false;
	key_u64(k, (uint64_t)id);
	return true;
}

bool key_uuid(struct key *k, struct span text)
{
	uint8_t id[16];

	if (!uuid_parse(text, id))
		return false;
	key_bytes(k, span_of(id, sizeof id));
	return true;
}

void key_after(struct key *k)
{
	while (k->n && k->b[k->n - 1] == 0xFF)
		k->n--;
	if (k->n)
		k->b[k->n - 1]++;
}
