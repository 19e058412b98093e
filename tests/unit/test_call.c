#include "store_home.h"

#include "store/agent.h"
#include "store/call.h"
#include "store/ticket.h"
#include "store/turn.h"

static void session_of(char out[UUID_TEXT], unsigned n)
{
	snprintf(out, UUID_TEXT, "%08x-0000-4000-8000-%012u", n * 2654435761u, n);        /* not in the order of time */
}

struct seed {
	unsigned n;                        /* number of the call; starts at n * 1000 ms */
	const char *sid, *agent, *caller, *called, *status, *recording;
};

static bool set(char **m, const char *z)
{
	free(*m);
	*m = z ? span_dup(span_z(z)) : NULL;
	return true;
}

static enum err put_one(struct txn *t, void *arg)
{
	const struct seed *s = arg;
	char session[UUID_TEXT];
	struct call c;
	enum err e;

	session_of(session, s->n);
	record_init(&call_type, &c);
	set(&c.session_id, session);
	set(&c.twilio_call_sid, s->sid);
	set(&c.agent, s->agent);
	set(&c.account, "1");
	set(&c.caller_number, s->caller);
	set(&c.called_number, s->called);
	set(&c.status, s->status ? s->status : "ended");
	set(&c.recording, s->recording);
	c.agent_version = 1;
	c.started_at = (int64_t)s->n * 1000;
	e = call_put(t, &c);
	record_fini(&call_type, &c);
	return e;
}

static void seed_calls(struct home *h)
{
	static const struct seed rows[] = {
		{ 1, "CA1", "1", "+1555", "+1666", NULL, NULL }, { 2, "CA2", "1", "+1555", "+1777", "error", NULL },
		{ 3, "CA3", "2", "+1666", "+1555", NULL, NULL }, { 4, "CA4", "2", "+1888", "+1666", "connected", NULL },
		{ 5, "CA1", "1", "+1555", "+1666", NULL, NULL }, { 6, NULL, NULL, NULL, NULL, "started", NULL },
		{ 7, "CA7", "2", "+1555", "+1555", NULL, "rec/7.wav" },
	};

	assert_int_equal(home_make(h, "agent", NULL, "name", "eva", NULL), ERR_OK);
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(store_txn(h->s, EVENTUAL, put_one, (void *)(uintptr_t)&rows[i]), ERR_OK);
}

/* --- lists --- */

struct listing {
	struct call_filter f;
	struct page p;
	struct buf seen;
};

static bool see(struct call *c, void *arg)
{
	struct listing *l = arg;

	buf_printf(&l->seen, "%lld", (long long)c->started_at / 1000);
	return true;
}

static enum err list(struct txn *t, void *arg)
{
	struct listing *l = arg;

	buf_reset(&l->seen);
	return call_list(t, &l->f, &l->p, see, l);
}

static enum err unfinished(struct txn *t, void *arg)
{
	struct listing *l = arg;

	buf_reset(&l->seen);
	return call_unfinished(t, see, l);
}

static void lists_are_newest_first_by_every_filter(void **state)
{
#define OPEN .f.since_ms = FIELD_NULL_INT, .f.until_ms = FIELD_NULL_INT
	const struct { struct listing l; const char *calls; } rows[] = {
		{ { OPEN }, "7654321" },
		{ { OPEN, .p.limit = 3 }, "765|432|1" },
		{ { .f.since_ms = 3000, .f.until_ms = FIELD_NULL_INT }, "76543" },
		{ { .f.since_ms = FIELD_NULL_INT, .f.until_ms = 3000 }, "321" },
		{ { .f.since_ms = 2001, .f.until_ms = 4999, .p.limit = 1 }, "4|3" },
		{ { .f.since_ms = 9000, .f.until_ms = FIELD_NULL_INT }, "" },
		{ { OPEN, .f.agent_id = SPAN("1") }, "521" },
		{ { OPEN, .f.agent_id = SPAN("1"), .p.limit = 2 }, "52|1" },
		{ { OPEN, .f.agent_id = SPAN("none") }, "" },
		{ { .f.since_ms = 2000, .f.until_ms = 4000, .f.agent_id = SPAN("2") }, "43" },
		{ { OPEN, .f.number = SPAN("+1555"), .p.limit = 2 }, "75|32|1" },
		{ { OPEN, .f.number = SPAN("+155") }, "" },
		{ { OPEN, .f.number = SPAN("+1555"), .f.agent_id = SPAN("2") }, "73" },
		{ { OPEN, .f.status = SPAN("ended"), .p.limit = 2 }, "75|31" },
		{ { OPEN, .f.status = SPAN("error"), .f.number = SPAN("+1777") }, "2" },
		{ { OPEN, .f.status = SPAN("error"), .f.agent_id = SPAN("1") }, "2" },
		{ { OPEN, .f.q = SPAN("ca1") }, "51" },
		{ { OPEN, .f.q = SPAN("888") }, "4" },
		{ { OPEN, .f.q = SPAN("EV") }, "743" },              /* the agent's name */
		{ { OPEN, .f.q = SPAN("000000000006") }, "6" },      /* of the session id */
		{ { OPEN, .f.q = SPAN("zzz") }, "" },
	};
	struct home *h = *state;

	seed_calls(h);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct listing l = rows[i].l;
		struct buf all = BUF_INIT;
		char *after = NULL;

		do {
			l.p.after = span_z(after);
			assert_int_equal(store_read(h->s, list, &l), ERR_OK);
			buf_add(&all, buf_span(&l.seen));
			free(after);
			after = l.p.next.n ? buf_take(&l.p.next) : NULL;
			if (after)
				buf_addc(&all, '|');
		} while (after);
		if (strcmp(buf_z(&all), rows[i].calls) != 0)
			fail_msg("row %zu: %s, not %s", i, buf_z(&all), rows[i].calls);
		buf_fini(&all);
		buf_fini(&l.seen);
		buf_fini(&l.p.next);
	}
}

static void unfinished_calls_are_those_started_and_connected(void **state)
{
	struct home *h = *state;
	struct listing l = { .p.limit = 0 };

	seed_calls(h);
	assert_int_equal(store_read(h->s, unfinished, &l), ERR_OK);
	assert_string_equal(buf_z(&l.seen), "64");
	buf_fini(&l.seen);
}

static void an_index_follows_the_record(void **state)
{
	static const struct seed ended = { 4, "CA4", "2", "+1888", "+1666", "ended", NULL };
	struct home *h = *state;
	struct listing l = { .p.limit = 0 };

	seed_calls(h);
	assert_int_equal(store_txn(h->s, EVENTUAL, put_one, (void *)(uintptr_t)&ended), ERR_OK);
	assert_int_equal(store_read(h->s, unfinished, &l), ERR_OK);
	assert_string_equal(buf_z(&l.seen), "6");
	buf_fini(&l.seen);
}

struct finding {
	const char *x;
	bool by_sid;
	struct call c;
	struct json_object *json;
};

static enum err find(struct txn *t, void *arg)
{
	struct finding *f = arg;

	return f->by_sid ? call_by_sid(t, span_z(f->x), &f->c) : call_get(t, span_z(f->x), &f->c);
}

static void one_call_is_found_by_session_and_the_newest_by_sid(void **state)
{
	static const struct { const char *x; bool by_sid; enum err e; int64_t start; } rows[] = {
		{ "CA1", true, ERR_OK, 5000 }, { "CA7", true, ERR_OK, 7000 }, { "CA", true, ERR_NOTFOUND, 0 }, { "CA11", true, ERR_NOTFOUND, 0 },
		{ "", true, ERR_NOTFOUND, 0 }, { "nonsense", false, ERR_NOTFOUND, 0 }, { "00000000-0000-4000-8000-000000000000", false, ERR_NOTFOUND, 0 },
	};
	struct home *h = *state;

	seed_calls(h);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct finding f = { .x = rows[i].x, .by_sid = rows[i].by_sid };

		assert_int_equal(store_read(h->s, find, &f), rows[i].e);
		if (!rows[i].e) {
			assert_int_equal(f.c.started_at, rows[i].start);
			record_fini(&call_type, &f.c);
		}
	}
}

/* --- printed --- */

static enum err print(struct txn *t, void *arg)
{
	struct finding *f = arg;
	enum err e = call_by_sid(t, span_z(f->x), &f->c);

	if (e)
		return e;
	e = call_json(t, &f->c, &f->json);
	record_fini(&call_type, &f->c);
	return e;
}

static void a_printed_call_has_every_field_of_the_contract(void **state)
{
	static const char *const fields[] = {
		"session_id", "twilio_call_sid", "twilio_stream_sid", "account", "agent", "agent_version", "direction", "caller_number",
		"called_number", "status", "twilio_status", "started_at", "connected_at", "ended_at", "duration_seconds", "end_reason", "error",
		"turns", "barge_ins", "reconnects", "usage", "cost", "latency_ms", "recording",
	};
	static const char *const usage[] = { "input_text_tokens", "input_audio_tokens", "cached_text_tokens", "cached_audio_tokens",
		"output_text_tokens", "output_audio_tokens", "transcription_tokens" };
	struct home *h = *state;
	struct finding f = { .x = "CA7" };
	struct json_object *latency;

	seed_calls(h);
	assert_int_equal(store_read(h->s, print, &f), ERR_OK);
	assert_int_equal(json_object_object_length(f.json), ROWS(fields));
	for (size_t i = 0; i < ROWS(fields); i++)
		assert_true(json_object_object_get_ex(f.json, fields[i], NULL));
	assert_int_equal(json_object_object_length(json_get(f.json, "usage")), ROWS(usage));
	for (size_t i = 0; i < ROWS(usage); i++)
		assert_true(json_object_object_get_ex(json_get(f.json, "usage"), usage[i], NULL));
	latency = json_get(f.json, "latency_ms");
	assert_true(json_object_object_get_ex(latency, "p50", NULL) && json_object_object_get_ex(latency, "p95", NULL));
	assert_span(json_get_span(f.json, "agent"), "eva");
	assert_span(json_get_span(f.json, "account"), "default");
	assert_span(json_get_span(f.json, "started_at"), "1970-01-01T00:00:07.000Z");
	json_object_put(f.json);
}

static void a_deleted_agent_s_name_is_still_printed(void **state)
{
	struct home *h = *state;
	struct finding f = { .x = "CA7" };

	seed_calls(h);
	assert_int_equal(home_do(h, OP_DELETE, "agent", "eva", NULL, NULL), ERR_OK);
	assert_int_equal(store_read(h->s, print, &f), ERR_OK);
	assert_span(json_get_span(f.json, "agent"), "eva");
	json_object_put(f.json);
}

/* --- delete and purge --- */

struct belongings {
	unsigned n, turns, events;
	char token[TICKET_TEXT];
};

static enum err give(struct txn *t, void *arg)
{
	const struct belongings *b = arg;
	char session[UUID_TEXT];
	struct turn u;
	struct event v;
	enum err e;

	session_of(session, b->n);
	record_init(&turn_type, &u);
	record_init(&event_type, &v);
	e = ticket_new(t, span_z(session), SPAN("CA"), 1000, b->token);
	for (unsigned i = 1; i <= b->turns && !e; i++) {
		u.seq = i;
		e = turn_put(t, span_z(session), &u);
	}
	for (unsigned i = 1; i <= b->events && !e; i++) {
		v.seq = i;
		e = event_put(t, span_z(session), &v);
	}
	record_fini(&turn_type, &u);
	record_fini(&event_type, &v);
	return e;
}

static void give_all(struct home *h, unsigned n, unsigned turns, unsigned events)
{
	struct belongings b = { n, turns, events, "" };

	assert_int_equal(ticket_token(b.token), ERR_OK);
	assert_int_equal(store_txn(h->s, EVENTUAL, give, &b), ERR_OK);
}

static int64_t records(struct home *h, const char *table)
{
	struct buf b = BUF_INIT;
	struct json_object *j = NULL, *tables;
	int64_t n = -1;

	assert_int_equal(store_stat(h->s, &b), ERR_OK);
	assert_int_equal(json_read(&j, buf_span(&b)), ERR_OK);
	tables = json_get(j, "tables");
	for (size_t i = 0; i < json_object_array_length(tables); i++)
		if (span_is(json_get_span(json_object_array_get_idx(tables, i), "name"), table))
			json_get_int(json_object_array_get_idx(tables, i), "records", &n);
	json_object_put(j);
	buf_fini(&b);
	return n;
}

static enum err delete_one(struct txn *t, void *arg)
{
	char session[UUID_TEXT];

	session_of(session, *(unsigned *)arg);
	return call_delete(t, span_z(session));
}

static void a_deleted_call_takes_its_belongings_with_it(void **state)
{
	struct home *h = *state;
	unsigned n = 3;

	seed_calls(h);
	give_all(h, 3, 5, 7);
	give_all(h, 5, 2, 2);
	assert_int_equal(store_txn(h->s, DURABLE, delete_one, &n), ERR_OK);
	assert_int_equal(store_txn(h->s, DURABLE, delete_one, &n), ERR_NOTFOUND);
	assert_int_equal(records(h, "calls"), 6);
	assert_int_equal(records(h, "turns"), 2);
	assert_int_equal(records(h, "events"), 2);
	assert_int_equal(records(h, "tickets"), 1);
}

static void note_recording(const char *path, void *arg)
{
	buf_printf(arg, "%s ", path);
}

static void purge_leaves_later_calls_and_those_that_still_run(void **state)
{
	struct home *h = *state;
	struct listing l = { OPEN };
	struct buf gone = BUF_INIT;
	unsigned purged;

	seed_calls(h);
	give_all(h, 3, 150, 650);                      /* more than one step */
	give_all(h, 1, 1, 1);
	assert_int_equal(call_purge(h->s, 5000, &purged, note_recording, &gone), ERR_OK);
	assert_int_equal(purged, 3);
	assert_int_equal(gone.n, 0);
	assert_int_equal(store_read(h->s, list, &l), ERR_OK);
	assert_string_equal(buf_z(&l.seen), "7654");
	assert_int_equal(records(h, "turns"), 0);
	assert_int_equal(records(h, "events"), 0);
	assert_int_equal(call_purge(h->s, 999999, &purged, note_recording, &gone), ERR_OK);
	assert_int_equal(purged, 2);
	assert_string_equal(buf_z(&gone), "rec/7.wav ");
	assert_int_equal(store_read(h->s, list, &l), ERR_OK);
	assert_string_equal(buf_z(&l.seen), "64");
	buf_fini(&gone);
	buf_fini(&l.seen);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lists_are_newest_first_by_every_filter, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(unfinished_calls_are_those_started_and_connected, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(an_index_follows_the_record, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(one_call_is_found_by_session_and_the_newest_by_sid, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(a_printed_call_has_every_field_of_the_contract, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(a_deleted_agent_s_name_is_still_printed, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(a_deleted_call_takes_its_belongings_with_it, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(purge_leaves_later_calls_and_those_that_still_run, home_setup_started, home_teardown),
	};

	HOME_HELPER(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
