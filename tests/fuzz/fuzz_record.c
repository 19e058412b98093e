/* The first byte picks a type; whatever decodes encodes, decodes to the same again, and shows the same members to record_peek. */
#include <assert.h>
#include <stdlib.h>

#include "store/account.h"
#include "store/agent.h"
#include "store/call.h"
#include "store/number.h"
#include "store/seal.h"
#include "store/template.h"
#include "store/ticket.h"
#include "store/tool.h"
#include "store/turn.h"
#include "store/walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const struct { const struct record_type *rt; index_fn *keys[5]; } types[] = {
	{ &account_type, { account_name_key, account_sid_key } },
	{ &agent_type, { agent_name_key, agent_list_key } },
	{ &template_type, { template_name_key } },
	{ &number_type, { number_agent_key } },
	{ &tool_type, { NULL } },
	{ &call_type, { call_start_key, call_sid_key, call_agent_key, call_number_key, call_status_key } },
	{ &turn_type, { NULL } },
	{ &event_type, { NULL } },
	{ &ticket_type, { ticket_session_key, ticket_expiry_key } },
};
#define TYPES (sizeof types / sizeof *types)

/* Index keys are made of any bytes: the library asks while it writes. */
static void keys(size_t type, struct span bytes)
{
	for (size_t i = 0; i < 5 && types[type].keys[i]; i++) {
		struct index_keys ks = { .n = 0 };

		types[type].keys[i](SPAN("0123456789abcdef"), bytes, &ks);
		assert(ks.n <= INDEX_KEYS && ks.k[0].n <= KEY_MAX && ks.k[1].n <= KEY_MAX);
	}
}

static void members(const struct record_type *rt, const void *rec, struct span bytes)
{
	for (size_t i = 0; i < rt->fields_n; i++) {
		const struct field *f = &rt->fields[i];
		struct span v;
		bool there = record_peek(rt, bytes, f->off, &v);

		assert(there == !field_is_null(f, rec));
		if (there && f->type == FT_TEXT)
			assert(span_is(v, *field_text(f, rec)));
	}
}

static void round_trip(const struct record_type *rt, const void *rec)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	void *again = calloc(1, rt->size);

	assert(record_encode(rt, rec, &once) == ERR_OK);
	assert(record_decode(rt, buf_span(&once), again) == ERR_OK);
	assert(record_encode(rt, again, &twice) == ERR_OK);
	assert(span_eq(buf_span(&once), buf_span(&twice)));
	members(rt, rec, buf_span(&once));
	record_fini(rt, again);
	free(again);
	buf_fini(&once);
	buf_fini(&twice);
}

static void sealed(struct span bytes)
{
	static const struct seal_key key = { .bytes = { 1 } };
	struct buf plain = BUF_INIT;

	assert(seal_open(&key, bytes, SPAN("x"), &plain) != ERR_OK);          /* nobody guesses a tag */
	buf_fini(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	size_t type = n ? p[0] % TYPES : 0;
	struct span bytes = span_of(p + (n > 0), n ? n - 1 : 0);
	const struct record_type *rt = types[type].rt;
	void *rec = calloc(1, rt->size);

	keys(type, bytes);
	if (record_decode(rt, bytes, rec) == ERR_OK) {
		round_trip(rt, rec);
		record_fini(rt, rec);
	}
	sealed(bytes);
	free(rec);
	return 0;
}
