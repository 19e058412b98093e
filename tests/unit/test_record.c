/*
 * record - the stored form. tests/data/records-v1 holds records as the first version wrote them: they open for ever. RECORDS_WRITE=DIR writes the
 * present form there (for a new version's samples).
 */
#include "store_home.h"

#include "base/proc.h"
#include "store/account.h"
#include "store/agent.h"
#include "store/call.h"
#include "store/number.h"
#include "store/template.h"
#include "store/ticket.h"
#include "store/tool.h"
#include "store/turn.h"

static const struct record_type *const types[] = {
	&account_type, &agent_type, &template_type, &number_type, &tool_type, &call_type, &turn_type, &event_type, &ticket_type,
};

/* Every member something else: its place in the table, told in its type. */
static void fill(const struct record_type *rt, void *rec)
{
	record_init(rt, rec);
	for (size_t i = 0; i < rt->fields_n; i++) {
		const struct field *f = &rt->fields[i];
		char text[64];

		snprintf(text, sizeof text, "%s %s", rt->noun, f->name);
		switch (f->type) {
		case FT_TEXT:
			free(*field_text(f, rec));
			*field_text(f, rec) = span_dup(span_z(text));
			break;
		case FT_INT: *field_int(f, rec) = (int64_t)i * 1000003 - 5; break;
		case FT_NUM: *field_num(f, rec) = (double)i + 0.125; break;
		case FT_BOOL: *field_bool(f, rec) = i % 2; break;
		}
	}
}

static void same(const struct record_type *rt, const void *a, const void *b)
{
	for (size_t i = 0; i < rt->fields_n; i++) {
		const struct field *f = &rt->fields[i];

		assert_int_equal(field_is_null(f, a), field_is_null(f, b));
		if (field_is_null(f, a))
			continue;
		switch (f->type) {
		case FT_TEXT: assert_string_equal(*field_text(f, a), *field_text(f, b)); break;
		case FT_INT: assert_int_equal(*field_int(f, a), *field_int(f, b)); break;
		case FT_NUM: assert_true(*field_num(f, a) == *field_num(f, b)); break;
		case FT_BOOL: assert_int_equal(*field_bool(f, a), *field_bool(f, b)); break;
		}
	}
}

static void nulls(const struct record_type *rt, void *rec)
{
	memset(rec, 0, rt->size);
	field_fini(rt->fields, rt->fields_n, rec);
}

static void every_record_comes_back_as_it_went_in(void **state)
{
	static void (*const fills[])(const struct record_type *, void *) = { fill, nulls, record_init };

	(void)state;
	for (size_t i = 0; i < ROWS(types); i++)
		for (size_t k = 0; k < ROWS(fills); k++) {
			void *a = malloc(types[i]->size), *b = malloc(types[i]->size);
			struct buf out = BUF_INIT;

			fills[k](types[i], a);
			assert_int_equal(record_encode(types[i], a, &out), ERR_OK);
			assert_int_equal(record_decode(types[i], buf_span(&out), b), ERR_OK);
			same(types[i], a, b);
			record_fini(types[i], a);
			record_fini(types[i], b);
			buf_fini(&out);
			free(a);
			free(b);
		}
}

static void a_cut_record_is_damaged_or_lacks_fields_but_never_more(void **state)
{
	struct call c, d;
	struct buf out = BUF_INIT;

	(void)state;
	fill(&call_type, &c);
	assert_int_equal(record_encode(&call_type, &c, &out), ERR_OK);
	for (size_t n = 0; n < out.n; n++) {
		char *cut = malloc(n + 1);                         /* exact size: a byte too far is seen by the sanitizer */
		enum err e;

		memcpy(cut, out.p, n);
		e = record_decode(&call_type, span_of(cut, n), &d);
		assert_true(e == ERR_OK || e == ERR_CORRUPT);
		if (!e)
			record_fini(&call_type, &d);
		free(cut);
	}
	record_fini(&call_type, &c);
	buf_fini(&out);
}

static void changed_bytes_never_do_harm(void **state)
{
	uint64_t seed = 7;
	struct agent a, b;
	struct buf out = BUF_INIT;

	(void)state;
	fill(&agent_type, &a);
	assert_int_equal(record_encode(&agent_type, &a, &out), ERR_OK);
	for (unsigned i = 0; i < 20000; i++) {
		size_t at = seeded(&seed) % out.n;
		char was = out.p[at];
		struct span v;

		out.p[at] = (char)seeded(&seed);
		if (record_decode(&agent_type, buf_span(&out), &b) == ERR_OK)
			record_fini(&agent_type, &b);
		record_peek(&agent_type, buf_span(&out), offsetof(struct agent, name), &v);
		out.p[at] = was;
	}
	record_fini(&agent_type, &a);
	buf_fini(&out);
}

/* The same struct before it had its last two fields, and after it got one more. */
static void fields_of_other_versions_get_defaults_or_are_passed_over(void **state)
{
	struct record_type before = number_type, after = number_type;
	struct number n, m;
	struct buf out = BUF_INIT;

	(void)state;
	before.fields_n -= 4;
	fill(&number_type, &n);
	assert_int_equal(record_encode(&before, &n, &out), ERR_OK);
	assert_int_equal(record_decode(&after, buf_span(&out), &m), ERR_OK);
	assert_string_equal(m.agent, "number agent");
	assert_true(m.is_active);                                  /* the default */
	assert_int_equal(m.created_at, FIELD_NULL_INT);
	record_fini(&number_type, &m);
	assert_int_equal(record_encode(&after, &n, &out), ERR_OK);
	assert_int_equal(record_decode(&before, buf_span(&out), &m), ERR_OK);
	assert_string_equal(m.agent, "number agent");
	record_fini(&before, &m);
	record_fini(&number_type, &n);
	buf_fini(&out);
}

static void a_later_format_is_refused(void **state)
{
	struct number n;

	(void)state;
	assert_int_equal(record_decode(&number_type, span_of("\2", 1), &n), ERR_CORRUPT);
	assert_int_equal(record_decode(&number_type, span_of("\0", 1), &n), ERR_CORRUPT);
	assert_int_equal(record_decode(&number_type, SPAN(""), &n), ERR_CORRUPT);
	assert_int_equal(record_decode(&number_type, span_of("\1", 1), &n), ERR_OK);
	record_fini(&number_type, &n);
}

static void one_member_is_seen_without_the_rest(void **state)
{
	struct call c;
	struct buf out = BUF_INIT;
	struct span v;

	(void)state;
	record_init(&call_type, &c);
	c.twilio_call_sid = span_dup(SPAN("CA1"));
	assert_int_equal(record_encode(&call_type, &c, &out), ERR_OK);
	assert_true(record_peek(&call_type, buf_span(&out), offsetof(struct call, twilio_call_sid), &v));
	assert_span(v, "CA1");
	assert_false(record_peek(&call_type, buf_span(&out), offsetof(struct call, error), &v));
	record_fini(&call_type, &c);
	buf_fini(&out);
}

/* --- what older programs wrote --- */

static void write_sample(const char *dir, const struct record_type *rt)
{
	void *rec = malloc(rt->size);
	struct buf out = BUF_INIT;
	char path[256];

	fill(rt, rec);
	assert_int_equal(record_encode(rt, rec, &out), ERR_OK);
	snprintf(path, sizeof path, "%s/%s.bin", dir, rt->noun);
	assert_int_equal(file_replace(path, buf_span(&out), 0644), ERR_OK);
	record_fini(rt, rec);
	buf_fini(&out);
	free(rec);
}

/* Samples have the fields of their time; what came later has its default. */
static void like_sample(const struct record_type *rt, const void *got, size_t fields_then)
{
	struct record_type then = *rt;
	void *want = malloc(rt->size);

	then.fields_n = fields_then;
	fill(rt, want);
	same(&then, got, want);
	record_fini(rt, want);
	free(want);
}

static void records_of_the_first_version_still_open(void **state)
{
	static const size_t fields_then[] = { 11, 51, 9, 8, 12, 39, 13, 9, 5 };

	(void)state;
	for (size_t i = 0; i < ROWS(types); i++) {
		void *rec = malloc(types[i]->size);
		struct buf in = BUF_INIT;
		char path[256];

		if (getenv("RECORDS_WRITE"))
			write_sample(getenv("RECORDS_WRITE"), types[i]);
		snprintf(path, sizeof path, "tests/data/records-v1/%s.bin", types[i]->noun);
		assert_int_equal(file_read(&in, path), ERR_OK);
		assert_int_equal(record_decode(types[i], buf_span(&in), rec), ERR_OK);
		assert_true(types[i]->fields_n >= fields_then[i]);
		like_sample(types[i], rec, fields_then[i]);
		record_fini(types[i], rec);
		buf_fini(&in);
		free(rec);
	}
}

/* --- secrets --- */

static void a_secret_opens_only_in_its_own_record(void **state)
{
	struct home *h = *state;
	const struct field *f = field_find(tool_type.fields, tool_type.fields_n, SPAN("secret"));
	struct buf plain = BUF_INIT;
	struct tool a, b;

	record_init(&tool_type, &a);
	record_init(&tool_type, &b);
	a.name = span_dup(SPAN("a"));
	b.name = span_dup(SPAN("b"));
	assert_int_equal(record_secret_set(h->s, &tool_type, f, &a, SPAN("s3cret")), ERR_OK);
	assert_true(record_secret_sealed(a.secret));
	assert_int_equal(record_secret_get(h->s, &tool_type, "secret", &a, &plain), ERR_OK);
	assert_string_equal(buf_z(&plain), "s3cret");
	b.secret = span_dup(span_z(a.secret));
	assert_int_equal(record_secret_get(h->s, &tool_type, "secret", &b, &plain), ERR_CRYPTO);
	a.headers = span_dup(span_z(a.secret));
	assert_int_equal(record_secret_get(h->s, &tool_type, "headers", &a, &plain), ERR_CRYPTO);
	assert_int_equal(record_secret_get(h->s, &tool_type, "name", &a, &plain), ERR_NOTFOUND);
	assert_int_equal(record_secret_set(h->s, &tool_type, f, &a, SPAN_NONE), ERR_OK);
	assert_null(a.secret);
	record_fini(&tool_type, &a);
	record_fini(&tool_type, &b);
	buf_fini(&plain);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_record_comes_back_as_it_went_in),
		cmocka_unit_test(a_cut_record_is_damaged_or_lacks_fields_but_never_more),
		cmocka_unit_test(changed_bytes_never_do_harm),
		cmocka_unit_test(fields_of_other_versions_get_defaults_or_are_passed_over),
		cmocka_unit_test(a_later_format_is_refused),
		cmocka_unit_test(one_member_is_seen_without_the_rest),
		cmocka_unit_test(records_of_the_first_version_still_open),
		cmocka_unit_test_setup_teardown(a_secret_opens_only_in_its_own_record, home_setup, home_teardown),
	};

	HOME_HELPER(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
