#include <pthread.h>
#include <signal.h>

#include "store_home.h"

#include "store/walk.h"

struct put {
	enum table table;
	const char *key, *value;
	unsigned runs;
	enum err then;
};

static enum err put(struct txn *t, void *arg)
{
	struct put *p = arg;
	enum err e = txn_put(t, p->table, span_z(p->key), span_z(p->value));

	p->runs++;
	return e ? e : p->then;
}

struct got {
	const char *key;
	struct buf value;
};

static enum err get(struct txn *t, void *arg)
{
	struct got *g = arg;

	return txn_get(t, T_META, span_z(g->key), &g->value);
}

static void what_was_committed_is_there_and_what_was_refused_is_not(void **state)
{
	struct home *h = *state;
	struct put a = { T_META, "a", "1", 0, ERR_OK }, b = { T_META, "b", "2", 0, ERR_CONFLICT };
	struct got g = { .key = "a" };

	assert_int_equal(store_txn(h->s, DURABLE, put, &a), ERR_OK);
	assert_int_equal(store_txn(h->s, DURABLE, put, &b), ERR_CONFLICT);
	assert_int_equal(store_read(h->s, get, &g), ERR_OK);
	assert_string_equal(buf_z(&g.value), "1");
	g.key = "b";
	assert_int_equal(store_read(h->s, get, &g), ERR_NOTFOUND);
	buf_fini(&g.value);
}

static void records_outlive_the_process_s_handle(void **state)
{
	struct home *h = *state;
	struct put a = { T_META, "a", "1", 0, ERR_OK };
	struct got g = { .key = "a" };

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(store_txn(h->s, i % 2 ? DURABLE : EVENTUAL, put, &a), ERR_OK);
		store_close(h->s);
		home_open(h);
		assert_int_equal(store_read(h->s, get, &g), ERR_OK);
	}
	buf_fini(&g.value);
}

static void a_body_that_met_somebody_runs_again(void **state)
{
	struct home *h = *state;
	struct put a = { T_META, "a", "1", 0, ERR_OK };

#ifndef OFFHOOK_FAULTS
	skip();
#else
	fault_arm_named("store.body", 3);
	assert_int_equal(store_txn(h->s, EVENTUAL, put, &a), ERR_OK);
	assert_true(fault_disarm());
#endif
	assert_int_equal(a.runs, 1);
}

static enum err long_values(struct txn *t, void *arg)
{
	struct buf big = BUF_INIT, back = BUF_INIT;
	size_t n = *(size_t *)arg;
	char *room = buf_room(&big, n);
	enum err e;

	memset(room, 'x', n);
	buf_wrote(&big, n);
	e = txn_put(t, T_META, SPAN("big"), buf_span(&big));
	e = e ? e : txn_get(t, T_META, SPAN("big"), &back);
	if (!e && !span_eq(buf_span(&big), buf_span(&back)))
		e = ERR_CORRUPT;
	buf_fini(&big);
	buf_fini(&back);
	return e;
}

static void values_of_any_length_come_back_whole(void **state)
{
	static const size_t lengths[] = { 1, 4095, 4096, 4097, 100000, 1 << 20 };
	struct home *h = *state;

	for (size_t i = 0; i < ROWS(lengths); i++)
		assert_int_equal(store_txn(h->s, EVENTUAL, long_values, (void *)(uintptr_t)&lengths[i]), ERR_OK);
}

static enum err wrong_keys(struct txn *t, void *arg)
{
	char key[513] = "";
	struct buf b = BUF_INIT;
	enum err *e = arg;

	e[0] = txn_put(t, T_META, span_of(key, 513), SPAN("x"));
	e[1] = txn_put(t, T_META, span_of(key, 512), SPAN("x"));
	e[2] = txn_add(t, T_META, span_of(key, 512), SPAN("x"));
	e[3] = txn_del(t, T_META, SPAN("none"));
	e[4] = txn_get_for_update(t, T_META, SPAN("none"), &b);
	buf_fini(&b);
	return ERR_OK;
}

static void keys_have_a_bound_and_absent_or_present_ones_are_told(void **state)
{
	struct home *h = *state;
	enum err e[5];

	assert_int_equal(store_txn(h->s, EVENTUAL, wrong_keys, e), ERR_OK);
	assert_int_equal(e[0], ERR_LIMIT);
	assert_int_equal(e[1], ERR_OK);
	assert_int_equal(e[2], ERR_EXISTS);
	assert_int_equal(e[3], ERR_NOTFOUND);
	assert_int_equal(e[4], ERR_NOTFOUND);
}

/* --- walks and pages --- */

static enum err fill(struct txn *t, void *arg)
{
	enum err e = ERR_OK;

	(void)arg;
	for (unsigned i = 0; i < 10 && !e; i++) {
		char key[8];

		snprintf(key, sizeof key, "k%u", i);
		e = txn_put(t, T_META, span_z(key), span_z(key));
	}
	return e;
}

struct walked {
	const char *from, *to;
	bool backwards;
	size_t limit;
	unsigned budget, skip;             /* rows whose number is a multiple of skip are passed over */
	struct page p;
	struct buf seen;
};

static enum take see(const struct row *row, void *arg)
{
	struct walked *w = arg;

	if (w->skip && (row->key.p[1] - '0') % (int)w->skip == 0)
		return TAKE_SKIP;
	buf_addc(&w->seen, row->key.p[1]);
	return TAKE_ROW;
}

static enum err walk(struct txn *t, void *arg)
{
	struct walked *w = arg;
	struct walk range = { .table = T_META, .index = X_NONE, .from = span_z(w->from), .to = span_z(w->to), .backwards = w->backwards };

	buf_reset(&w->seen);
	w->p.limit = w->limit;
	return txn_page(t, &range, &w->p, w->budget, see, w);
}

static void pages_go_on_where_the_one_before_ended(void **state)
{
	static const struct { struct walked w; const char *pages; } rows[] = {
		{ { .limit = 50 }, "0123456789" },
		{ { .limit = 4 }, "0123|4567|89" },
		{ { .limit = 5 }, "01234|56789" },
		{ { .limit = 4, .backwards = true }, "9876|5432|10" },
		{ { .from = "k3", .to = "k7", .limit = 3 }, "345|6" },
		{ { .from = "k3", .to = "k7", .limit = 3, .backwards = true }, "654|3" },
		{ { .from = "k3x", .to = "k6x", .limit = 9 }, "456" },
		{ { .from = "k3x", .to = "zz", .limit = 9, .backwards = true }, "987654" },
		{ { .from = "l", .to = "m", .limit = 3 }, "" }, { { .from = "a", .to = "k0", .limit = 3, .backwards = true }, "" },
		{ { .limit = 3, .skip = 2 }, "135|79" },
		{ { .limit = 9, .skip = 2, .budget = 4 }, "13|57|9" },
		{ { .limit = 1000 }, "0123456789" },
	};
	struct home *h = *state;

	assert_int_equal(store_txn(h->s, EVENTUAL, fill, NULL), ERR_OK);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct walked w = rows[i].w;
		struct buf all = BUF_INIT;
		char *after = NULL;

		do {
			w.p.after = span_z(after);
			assert_int_equal(store_read(h->s, walk, &w), ERR_OK);
			buf_add(&all, buf_span(&w.seen));
			free(after);
			after = w.p.next.n ? buf_take(&w.p.next) : NULL;
			if (after)
				buf_addc(&all, '|');
		} while (after);
		assert_string_equal(buf_z(&all), rows[i].pages);
		buf_fini(&all);
		buf_fini(&w.seen);
		buf_fini(&w.p.next);
	}
}

static void a_token_of_another_list_is_refused(void **state)
{
	static const char *const tokens[] = { "x", "AAAA", "gGsz", "!!!!", "AWsz" };         /* gGsz: table 0, "k3" */
	struct home *h = *state;

	assert_int_equal(store_txn(h->s, EVENTUAL, fill, NULL), ERR_OK);
	for (size_t i = 0; i < ROWS(tokens); i++) {
		struct walked w = { .from = "k5", .limit = 3, .p.after = span_z(tokens[i]) };

		assert_int_equal(store_read(h->s, walk, &w), ERR_VALUE);
		buf_fini(&w.seen);
	}
}

/* --- opening --- */

static void without_create_a_missing_environment_is_not_made(void **state)
{
	struct home *h = *state;
	struct store_options o = home_options(h);
	struct store *s = NULL;
	char dir[96];

	snprintf(dir, sizeof dir, "%s/none", h->dir);
	o.home = dir;
	o.create = false;
	assert_int_equal(store_open(&s, &o), ERR_NOTFOUND);
	assert_null(s);
	assert_int_not_equal(access(dir, F_OK), 0);
	store_close(h->s);
	o.home = h->dir;
	assert_int_equal(store_open(&h->s, &o), ERR_OK);
}

static void a_second_handle_in_one_process_is_refused(void **state)
{
	struct home *h = *state;
	struct store_options o = home_options(h);
	struct store *s = NULL;
	struct put a = { T_META, "a", "1", 0, ERR_OK };

	assert_int_equal(store_open(&s, &o), ERR_INUSE);
	assert_int_equal(store_helper(&o), ERR_OK);             /* nobody takes us for dead because of it */
	assert_int_equal(store_txn(h->s, EVENTUAL, put, &a), ERR_OK);
	assert_false(store_recovered(h->s));
}

static void held_signals_wait_until_the_store_is_closed(void **state)
{
	struct home *h = *state;
	struct store_options o = home_options(h);
	sigset_t now;

	store_close(h->s);
	o.hold_signals = true;
	assert_int_equal(store_open(&h->s, &o), ERR_OK);
	assert_false(store_interrupted(h->s));
	signal(SIGTERM, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	raise(SIGTERM);
	assert_true(store_interrupted(h->s));
	signal(SIGTERM, SIG_IGN);                       /* an ignored one is forgotten */
	assert_false(store_interrupted(h->s));
	store_close(h->s);
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	assert_false(sigismember(&now, SIGTERM));
	signal(SIGTERM, SIG_DFL);
	home_open(h);
}

/* --- housekeeping --- */

static void check_stat_backup_and_checkpoint_work_on_a_living_store(void **state)
{
	struct home *h = *state;
	struct buf b = BUF_INIT;
	struct json_object *j = NULL;
	unsigned pages = 0;
	char dir[96];

	assert_int_equal(store_checkpoint(h->s), ERR_OK);
	assert_int_equal(store_flush(h->s), ERR_OK);
	assert_int_equal(store_compact(h->s, &pages), ERR_OK);
	if (store_check(h->s, &b) != ERR_OK)
		fail_msg("%s", buf_z(&b));
	assert_int_equal(store_stat(h->s, &b), ERR_OK);
	assert_int_equal(json_read(&j, buf_span(&b)), ERR_OK);
	assert_int_equal(json_object_array_length(json_get(j, "tables")), T_COUNT);
	assert_span(json_get_span(j, "home"), h->dir);
	json_object_put(j);
	snprintf(dir, sizeof dir, "%s/backup", h->dir);
	assert_int_equal(store_backup(h->s, dir), ERR_OK);
	assert_int_equal(store_backup(h->s, dir), ERR_OK);             /* again, over the first */
	assert_int_equal(store_backup(h->s, h->dir), ERR_EXISTS);      /* never over something else */
	buf_fini(&b);
}

static enum err damage(struct txn *t, void *arg)
{
	(void)arg;
	return txn_put(t, T_NUMBER, SPAN("+15550199"), span_of("\1\377\377\377", 4));
}

static void a_damaged_record_is_reported_and_lists_go_on(void **state)
{
	struct home *h = *state;
	struct buf b = BUF_INIT, names = BUF_INIT;

	assert_int_equal(home_make(h, "number", NULL, "phone_number", "+15550100", NULL), ERR_OK);
	assert_int_equal(store_txn(h->s, EVENTUAL, damage, NULL), ERR_OK);
	assert_int_equal(store_check(h->s, &b), ERR_CORRUPT);
	assert_true(strstr(buf_z(&b), "numbers: 1 damaged records") != NULL);
	home_names(h, "number", NULL, 0, &names);
	assert_string_equal(buf_z(&names), "+15550100 ");
	buf_fini(&b);
	buf_fini(&names);
}

static void free_space_has_a_level(void **state)
{
	struct home *h = *state;
	enum space_level level;

	assert_int_equal(store_space(h->s, &level), ERR_OK);
	assert_int_equal(store_space_keep(h->s, &level), ERR_OK);
	assert_string_equal(space_name(SPACE_VERY_LOW), "very_low");
}

/* --- every error path of long transactions --- */

#ifdef OFFHOOK_FAULTS
static void sweep_op(struct home *h, int what, void *rec, const struct record_type *rt)
{
	const struct noun *n = noun_find(span_z(rt->noun));
	void *work = calloc(1, rt->size);
	bool fired = true;

	for (unsigned at = 0; fired; at++) {
		struct buf why = BUF_INIT;
		enum err e;

		assert_int_equal(field_copy(rt->fields, rt->fields_n, work, rec), ERR_OK);
		fault_arm(at);
		e = home_do(h, what, rt->noun, NULL, work, &why);
		fired = fault_disarm();
		if (e != ERR_OK && e != ERR_NOMEM && e != ERR_IO)      /* no memory, no random bytes */
			fail_msg("failure point %u gave %s: %s", at, err_name(e), buf_z(&why));
		if (e == ERR_OK && what == OP_CREATE)
			assert_int_equal(home_do(h, OP_FORCE, rt->noun, *field_text(field_find(rt->fields, rt->fields_n, span_z(n->key)), work), NULL, NULL),
			                 ERR_OK);
		if (e == ERR_OK && what == OP_UPDATE)
			*field_int(field_find(rt->fields, rt->fields_n, SPAN("version")), rec) += 1;
		record_fini(rt, work);
		buf_fini(&why);
	}
	free(work);
}
#endif

static void running_out_of_memory_anywhere_changes_nothing(void **state)
{
#ifndef OFFHOOK_FAULTS
	(void)state;
	skip();
#else
	static const char *const of[] = { "agent", "tool", "account", "number", "template" };
	struct home *h = *state;

	for (size_t i = 0; i < ROWS(of); i++) {
		const struct record_type *rt = noun_find(span_z(of[i]))->type;
		void *rec = calloc(1, rt->size);

		record_init(rt, rec);
		home_set(of[i], rec, i == 3 ? "phone_number" : "name", i == 3 ? "+15550100" : "swept");
		if (i == 1)
			home_set(of[i], rec, "url", "https://example.net");
		sweep_op(h, OP_CREATE, rec, rt);
		assert_int_equal(home_do(h, OP_CREATE, of[i], NULL, rec, NULL), ERR_OK);
		sweep_op(h, OP_UPDATE, rec, rt);
		record_fini(rt, rec);
		free(rec);
	}
#endif
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_committed_is_there_and_what_was_refused_is_not, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(records_outlive_the_process_s_handle, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(a_body_that_met_somebody_runs_again, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(values_of_any_length_come_back_whole, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(keys_have_a_bound_and_absent_or_present_ones_are_told, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(pages_go_on_where_the_one_before_ended, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(a_token_of_another_list_is_refused, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(without_create_a_missing_environment_is_not_made, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(a_second_handle_in_one_process_is_refused, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(held_signals_wait_until_the_store_is_closed, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(check_stat_backup_and_checkpoint_work_on_a_living_store, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(a_damaged_record_is_reported_and_lists_go_on, home_setup_started, home_teardown),
		cmocka_unit_test_setup_teardown(free_space_has_a_level, home_setup, home_teardown),
		cmocka_unit_test_setup_teardown(running_out_of_memory_anywhere_changes_nothing, home_setup_started, home_teardown),
	};

	HOME_HELPER(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
