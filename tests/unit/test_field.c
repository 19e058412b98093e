/* field - every kind from text and from JSON, what null becomes, what refusals say. */
#include <locale.h>

#include "base/field.h"
#include "base/json.h"
#include "unit.h"

struct thing {
	char *plain, *word, *list, *json, *object, *url, *any_url, *phone, *ref, *tokens, *secret, *bounded, *required, *kept;
	int64_t n, free_n, at_least, when, needed;
	double ratio, free_ratio;
	bool on, off;
};

#define F(m, kind, flags, min, max, def, allowed) FIELD(struct thing, m, kind, flags, min, max, def, allowed, "help of " #m)

static const struct field fields[] = {
	F(plain, FK_PLAIN, 0, 0, 0, NULL, NULL),
	F(word, FK_WORD, 0, 0, 0, "red", "red green blue"),
	F(list, FK_LIST, 0, 0, 0, "a b", NULL),
	F(json, FK_JSON, 0, 0, 0, NULL, NULL),
	F(object, FK_OBJECT, 0, 0, 0, NULL, NULL),
	F(url, FK_URL, 0, 0, 0, NULL, "https http"),
	F(any_url, FK_URL, 0, 0, 0, NULL, NULL),
	F(phone, FK_PHONE, 0, 0, 0, NULL, NULL),
	F(ref, FK_REF, 0, 0, 0, NULL, "agent"),
	F(tokens, FK_INT_OR_INF, 0, 1, 4096, "inf", NULL),
	F(secret, FK_PLAIN, FF_SECRET, 0, 10, NULL, NULL),
	F(bounded, FK_PLAIN, 0, 2, 5, NULL, NULL),
	F(required, FK_PLAIN, FF_REQUIRED, 0, 0, NULL, NULL),
	F(kept, FK_PLAIN, FF_KEEP, 0, 0, "hello", NULL),
	F(n, FK_PLAIN, 0, 1, 65535, "80", NULL),
	F(free_n, FK_PLAIN, 0, 0, 0, NULL, NULL),
	F(at_least, FK_PLAIN, 0, 5, 0, NULL, NULL),
	F(when, FK_TIME, 0, 0, 0, NULL, NULL),
	F(needed, FK_PLAIN, FF_REQUIRED, 0, 9, NULL, NULL),
	F(ratio, FK_PLAIN, 0, 0, 1, "0.5", NULL),
	F(free_ratio, FK_PLAIN, 0, 0, 0, NULL, NULL),
	F(on, FK_PLAIN, 0, 0, 0, "true", NULL),
	F(off, FK_PLAIN, 0, 0, 0, NULL, NULL),
};
#define N (sizeof fields / sizeof *fields)

static const struct field *row(const char *name)
{
	const struct field *f = field_find(fields, N, span_z(name));

	assert_non_null(f);
	return f;
}

static struct thing fresh(void)
{
	struct thing t = { 0 };

	assert_int_equal(field_defaults(fields, N, &t), ERR_OK);
	return t;
}

static void holds(const struct thing *t, const char *name, const char *want)
{
	struct buf b = BUF_INIT;

	field_get_text(row(name), t, &b);
	assert_string_equal(buf_z(&b), want);
	buf_fini(&b);
}

static void defaults_make_every_member_valid(void **state)
{
	struct thing t = fresh();

	(void)state;
	assert_null(t.plain);
	assert_string_equal(t.word, "red");
	assert_string_equal(t.list, "[\"a\",\"b\"]");
	assert_string_equal(t.tokens, "inf");
	assert_string_equal(t.kept, "hello");
	assert_true(t.n == 80 && t.free_n == FIELD_NULL_INT && t.when == FIELD_NULL_INT);
	assert_true(t.ratio == 0.5 && isnan(t.free_ratio));
	assert_true(t.on && !t.off);
	field_fini(fields, N, &t);
	assert_null(t.word);
	field_fini(fields, N, &t);
}

struct case_ {
	const char *name, *in;
	const char *out;               /* NULL: refused */
	const char *why;
};

static const struct case_ texts[] = {
	{ "plain", "any text\nof lines", "any text\nof lines", NULL },
	{ "plain", "\xFF", NULL, "plain=\xEF\xBF\xBD: must be text in UTF-8" },
	{ "word", "green", "green", NULL },
	{ "word", "gree", NULL, "word=gree: must be red, green or blue" },
	{ "word", "red green", NULL, "word=red green: must be red, green or blue" },
	{ "word", "Red", NULL, NULL },
	{ "list", "x", "[\"x\"]", NULL },
	{ "list", "x,y , z", "[\"x\",\"y\",\"z\"]", NULL },
	{ "list", "[1, \"a b\"]", "[1,\"a b\"]", NULL },
	{ "list", "[]", "[]", NULL },
	{ "list", ",", "[]", NULL },
	{ "list", "[1", NULL, "list=[1: must be a list: a JSON array, or names with commas" },
	{ "list", "{\"a\":1}", NULL, "list={\\\"a\\\":1}: must be a list: a JSON array, or names with commas" },
	{ "json", " {\"a\": [1 , 2.50]} ", "{\"a\":[1,2.50]}", NULL },
	{ "json", "\"x\"", "\"x\"", NULL },
	{ "json", "null", "", NULL },
	{ "json", "{a}", NULL, "json={a}: must be JSON" },
	{ "object", "{}", "{}", NULL },
	{ "object", "[]", NULL, "object=[]: must be a JSON object" },
	{ "object", "1", NULL, NULL },
	{ "object", "null", NULL, NULL },
	{ "url", "https://example.com", "https://example.com", NULL },
	{ "url", "HTTP://Example.com:8080/a?b=c#d", "HTTP://Example.com:8080/a?b=c#d", NULL },
	{ "url", "https://[::1]:443/x", "https://[::1]:443/x", NULL },
	{ "url", "https://user:pw@host/", "https://user:pw@host/", NULL },
	{ "url", "https://host?q", "https://host?q", NULL },
	{ "url", "wss://example.com", NULL, "url=wss://example.com: must be a URL that starts with https:// or http://" },
	{ "url", "example.com", NULL, NULL },
	{ "url", "https://", NULL, NULL },
	{ "url", "https:///x", NULL, NULL },
	{ "url", "https:/x", NULL, NULL },
	{ "url", "https://:80", NULL, NULL },
	{ "url", "https://host:", NULL, NULL },
	{ "url", "https://host:0", NULL, NULL },
	{ "url", "https://host:65536", NULL, NULL },
	{ "url", "https://host:-1", NULL, NULL },
	{ "url", "https://host:80:80", NULL, NULL },
	{ "url", "https://[::1", NULL, NULL },
	{ "url", "https://[::1]x", NULL, NULL },
	{ "url", "https://ho st", NULL, NULL },
	{ "url", "https://host/\r\nX: y", NULL, NULL },
	{ "url", "https://h\xC3\xBC.de", NULL, NULL },
	{ "url", "https://user@", NULL, NULL },
	{ "any_url", "mcp://x", "mcp://x", NULL },
	{ "any_url", "x", NULL, "any_url=x: must be a URL" },
	{ "any_url", "averyveryverylongscheme://x", NULL, NULL },
	{ "phone", "+15551230000", "+15551230000", NULL },
	{ "phone", "+4930", "+4930", NULL },
	{ "phone", "15551230000", NULL, "phone=15551230000: must be a phone number like +15551230000" },
	{ "phone", "+05551230000", NULL, NULL },
	{ "phone", "+1555123000012345", NULL, NULL },
	{ "phone", "+1 555", NULL, NULL },
	{ "phone", "+", NULL, NULL },
	{ "ref", "Front desk", "Front desk", NULL },
	{ "tokens", "inf", "inf", NULL },
	{ "tokens", "0004096", "4096", NULL },
	{ "tokens", "4097", NULL, "tokens=4097: must be inf or a whole number, 1 to 4096" },
	{ "tokens", "Inf", NULL, NULL },
	{ "tokens", "1.0", NULL, NULL },
	{ "secret", "0123456789", "set", NULL },
	{ "secret", "0123456789A", NULL, "secret: must have 0 to 10 bytes" },
	{ "bounded", "ab", "ab", NULL },
	{ "bounded", "a", NULL, "bounded=a: must have 2 to 5 bytes" },
	{ "bounded", "abcdef", NULL, NULL },
	{ "n", "1", "1", NULL },
	{ "n", "65535", "65535", NULL },
	{ "n", "0", NULL, "n=0: must be a whole number, 1 to 65535" },
	{ "n", "x", NULL, "n=x: must be a whole number, 1 to 65535" },
	{ "n", "99999999999999999999", NULL, NULL },
	{ "n", " 1", NULL, NULL },
	{ "free_n", "-9223372036854775807", "-9223372036854775807", NULL },
	{ "free_n", "-9223372036854775808", NULL, "free_n=-9223372036854775808: must be a whole number" },
	{ "at_least", "4", NULL, "at_least=4: must be a whole number, at least 5" },
	{ "at_least", "5000000", "5000000", NULL },
	{ "when", "2026-11-23T18:43:32.1+01:00", "2026-11-23T17:43:32.100Z", NULL },
	{ "when", "yesterday", NULL, "when=yesterday: must be a time like 2026-01-31T12:00:00Z" },
	{ "ratio", "0.25", "0.25", NULL },
	{ "ratio", "1e-3", "0.001", NULL },
	{ "ratio", "3", NULL, "ratio=3: must be 0 to 1" },
	{ "ratio", "-0.1", NULL, NULL },
	{ "ratio", "much", NULL, "ratio=much: must be a number, 0 to 1" },
	{ "ratio", "nan", NULL, NULL },
	{ "free_ratio", "1e300", "1e+300", NULL },
	{ "free_ratio", "1e999", NULL, "free_ratio=1e999: must be a number" },
	{ "on", "false", "false", NULL },
	{ "off", "true", "true", NULL },
	{ "off", "yes", NULL, "off=yes: must be true or false" },
	{ "off", "1", NULL, NULL },
	{ "off", "TRUE", NULL, NULL },
};

static void text_is_taken_or_refused(const struct case_ *r)
{
	struct thing t = fresh();
	struct buf why = BUF_INIT, before = BUF_INIT;
	enum err e;

	field_get_text(row(r->name), &t, &before);
	e = field_set_text(row(r->name), &t, span_z(r->in), &why);
	if (e != (r->out ? ERR_OK : ERR_VALUE))
		fail_msg("%s=%s: %s, %s", r->name, r->in, err_name(e), buf_z(&why));
	holds(&t, r->name, r->out ? r->out : buf_z(&before));
	assert_true(r->out ? why.n == 0 : why.n > strlen(r->name));
	if (r->why)
		assert_string_equal(buf_z(&why), r->why);
	if (!r->out)
		assert_int_equal(field_set_text(row(r->name), &t, span_z(r->in), NULL), ERR_VALUE);
	buf_fini(&why);
	buf_fini(&before);
	field_fini(fields, N, &t);
}

static void texts_taken_and_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(texts); i++)
		text_is_taken_or_refused(&texts[i]);
}

static void json_taken_and_refused(void **state)
{
	static const struct case_ rows[] = {
		{ "plain", "\"text\"", "text", NULL },
		{ "plain", "5", NULL, "plain=5: must be a string" },
		{ "plain", "[]", NULL, NULL },
		{ "plain", "\"a\\u0000b\"", NULL, "plain=a\\u0000b: must be text in UTF-8" },
		{ "word", "\"blue\"", "blue", NULL },
		{ "word", "true", NULL, NULL },
		{ "list", "[\"x\",{\"a\":1}]", "[\"x\",{\"a\":1}]", NULL },
		{ "list", "\"x,y\"", NULL, "list=\\\"x,y\\\": must be a list: a JSON array, or names with commas" },
		{ "json", "[1]", "[1]", NULL },
		{ "json", "\"\"", "\"\"", NULL },
		{ "json", "false", "false", NULL },
		{ "object", "{\"a\":null}", "{\"a\":null}", NULL },
		{ "object", "[]", NULL, NULL },
		{ "url", "\"http://h\"", "http://h", NULL },
		{ "url", "1", NULL, "url=1: must be a string" },
		{ "phone", "\"+491\"", "+491", NULL },
		{ "phone", "491", NULL, NULL },
		{ "tokens", "17", "17", NULL },
		{ "tokens", "17.0", "17", NULL },
		{ "tokens", "\"inf\"", "inf", NULL },
		{ "tokens", "17.5", NULL, NULL },
		{ "tokens", "5000", NULL, NULL },
		{ "tokens", "true", NULL, NULL },
		{ "secret", "\"abc\"", "set", NULL },
		{ "secret", "12345678901", NULL, "secret: must be a string" },
		{ "n", "443", "443", NULL },
		{ "n", "443.0", "443", NULL },
		{ "n", "4.43e2", "443", NULL },
		{ "n", "443.5", NULL, "n=443.5: must be a whole number, 1 to 65535" },
		{ "n", "\"443\"", NULL, "n=443: must be a whole number, 1 to 65535" },
		{ "n", "0", NULL, NULL },
		{ "n", "true", NULL, NULL },
		{ "free_n", "18446744073709551615", NULL, NULL },
		{ "free_n", "-9223372036854775808", NULL, NULL },
		{ "free_n", "1e30", NULL, NULL },
		{ "when", "\"1970-01-01\"", "1970-01-01T00:00:00.000Z", NULL },
		{ "when", "0", NULL, "when=0: must be a string" },
		{ "ratio", "1", "1", NULL },
		{ "ratio", "0.125", "0.125", NULL },
		{ "ratio", "\"0.5\"", NULL, "ratio=0.5: must be a number, 0 to 1" },
		{ "ratio", "2", NULL, "ratio=2: must be 0 to 1" },
		{ "free_ratio", "1e999", NULL, NULL },
		{ "on", "false", "false", NULL },
		{ "on", "\"false\"", NULL, "on=false: must be true or false" },
		{ "on", "0", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct case_ *r = &rows[i];
		struct thing t = fresh();
		struct buf why = BUF_INIT, before = BUF_INIT;
		struct json_object *v = NULL;
		enum err e;

		assert_int_equal(json_read(&v, span_z(r->in)), ERR_OK);
		field_get_text(row(r->name), &t, &before);
		e = field_set_json(row(r->name), &t, v, &why);
		if (e != (r->out ? ERR_OK : ERR_VALUE))
			fail_msg("%s=%s: %s, %s", r->name, r->in, err_name(e), buf_z(&why));
		holds(&t, r->name, r->out ? r->out : buf_z(&before));
		if (r->why)
			assert_string_equal(buf_z(&why), r->why);
		json_object_put(v);
		buf_fini(&why);
		buf_fini(&before);
		field_fini(fields, N, &t);
	}
}

/* Empty text, JSON null and the empty JSON string mean the same. */
static void null_becomes_the_default_unless_it_is_kept(void **state)
{
	static const struct case_ rows[] = {
		{ "plain", "x", "", NULL }, { "word", "blue", "red", NULL }, { "kept", "x", "", NULL }, { "list", "z", "[\"a\",\"b\"]", NULL },
		{ "tokens", "5", "inf", NULL }, { "secret", "x", "", NULL },
		{ "n", "443", "80", NULL }, { "free_n", "1", "", NULL }, { "when", "1970-01-01", "", NULL }, { "ratio", "0.1", "0.5", NULL },
		{ "free_ratio", "0.1", "", NULL }, { "on", "false", "true", NULL }, { "off", "true", "false", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct field *f = row(rows[i].name);
		struct thing t = fresh();
		struct jbuild b = { 0 };
		struct json_object *empty = json_str(&b, SPAN(""));

		assert_int_equal(field_set_text(f, &t, span_z(rows[i].in), NULL), ERR_OK);
		assert_int_equal(field_set_text(f, &t, SPAN(""), NULL), ERR_OK);
		holds(&t, rows[i].name, rows[i].out);
		assert_int_equal(field_set_text(f, &t, span_z(rows[i].in), NULL), ERR_OK);
		assert_int_equal(field_set_json(f, &t, NULL, NULL), ERR_OK);
		holds(&t, rows[i].name, rows[i].out);
		assert_int_equal(field_is_null(f, &t), rows[i].out[0] == '\0');
		if (f->type == FT_TEXT && f->kind != FK_LIST) {
			assert_int_equal(field_set_json(f, &t, empty, NULL), ERR_OK);
			holds(&t, rows[i].name, rows[i].out);
		}
		json_object_put(empty);
		field_fini(fields, N, &t);
	}
}

static void what_is_required_cannot_be_emptied(void **state)
{
	struct thing t = fresh();
	struct buf why = BUF_INIT;

	(void)state;
	assert_int_equal(field_set_text(row("required"), &t, SPAN("x"), NULL), ERR_OK);
	assert_int_equal(field_set_text(row("required"), &t, SPAN(""), &why), ERR_VALUE);
	assert_string_equal(buf_z(&why), "required: must not be empty");
	assert_int_equal(field_set_json(row("needed"), &t, NULL, NULL), ERR_VALUE);
	assert_string_equal(t.required, "x");
	buf_fini(&why);
	field_fini(fields, N, &t);
}

static void a_secret_never_shows(void **state)
{
	struct thing t = fresh();
	struct buf out = BUF_INIT;
	struct json_object *o;

	(void)state;
	assert_int_equal(field_set_text(row("secret"), &t, SPAN("hunter2"), NULL), ERR_OK);
	assert_string_equal(t.secret, "hunter2");
	o = field_object(fields, N, &t);
	assert_int_equal(json_write(&out, o), ERR_OK);
	assert_null(strstr(buf_z(&out), "hunter"));
	json_object_put(o);
	buf_reset(&out);
	assert_int_equal(field_set_text(row("secret"), &t, SPAN("hunter2hunter2"), &out), ERR_VALUE);
	assert_null(strstr(buf_z(&out), "hunter"));
	assert_int_equal(field_set_text(row("secret"), &t, SPAN("hunter\xFF"), &out), ERR_VALUE);
	assert_null(strstr(buf_z(&out), "hunter"));
	buf_fini(&out);
	field_fini(fields, N, &t);
}

static void a_record_has_all_of_its_fields(void **state)
{
	struct thing t = fresh();
	struct json_object *o = field_object(fields, N, &t);
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(json_object_object_length(o), N);
	assert_int_equal(field_set_text(row("tokens"), &t, SPAN("40"), NULL), ERR_OK);
	assert_int_equal(field_set_text(row("object"), &t, SPAN("{\"a\":[1]}"), NULL), ERR_OK);
	assert_int_equal(field_set_text(row("when"), &t, SPAN("1970-01-01"), NULL), ERR_OK);
	json_object_put(o);
	o = field_object(fields, N, &t);
	assert_int_equal(json_write(&out, o), ERR_OK);
	assert_string_equal(buf_z(&out), "{\"plain\":null,\"word\":\"red\",\"list\":[\"a\",\"b\"],\"json\":null,\"object\":{\"a\":[1]},\"url\":null,\"any_url\":null,"
	                                 "\"phone\":null,\"ref\":null,\"tokens\":40,\"secret\":null,\"bounded\":null,\"required\":null,\"kept\":\"hello\",\"n\":80,"
	                                 "\"free_n\":null,\"at_least\":null,\"when\":\"1970-01-01T00:00:00.000Z\",\"needed\":null,\"ratio\":0.5,\"free_ratio\":null,"
	                                 "\"on\":true,\"off\":false}");
	json_object_put(o);
	buf_fini(&out);
	field_fini(fields, N, &t);
}

/* What comes out as JSON goes in again and is the same. */
static void records_go_round(void **state)
{
	struct thing a = fresh(), b = fresh();
	struct json_object *o, *again;

	(void)state;
	field_set_text(row("plain"), &a, SPAN("gr\xC3\xBC\xC3\x9F"), NULL);
	field_set_text(row("json"), &a, SPAN("\"\""), NULL);
	field_set_text(row("tokens"), &a, SPAN("12"), NULL);
	field_set_text(row("list"), &a, SPAN("[{\"name\":\"x\",\"number\":\"+1\"}]"), NULL);
	field_set_text(row("required"), &a, SPAN("r"), NULL);
	field_set_text(row("needed"), &a, SPAN("3"), NULL);
	field_set_text(row("kept"), &a, SPAN(""), NULL);
	o = field_object(fields, N, &a);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(field_set_json(&fields[i], &b, json_get(o, fields[i].name), NULL), ERR_OK);
	again = field_object(fields, N, &b);
	assert_true(json_object_equal(o, again));
	assert_null(b.kept);
	json_object_put(o);
	json_object_put(again);
	field_fini(fields, N, &a);
	field_fini(fields, N, &b);
}

static void stored_json_that_cannot_be_read_is_shown_as_text(void **state)
{
	struct thing t = fresh();
	struct json_object *o;

	(void)state;
	t.object = span_dup(SPAN("{broken"));
	o = field_get_json(row("object"), &t);
	assert_span(json_span(o), "{broken");
	json_object_put(o);
	field_fini(fields, N, &t);
}

static void copies_are_their_own(void **state)
{
	struct thing a = fresh(), b;

	(void)state;
	memset(&b, 0xAA, sizeof b);
	assert_int_equal(field_set_text(row("plain"), &a, SPAN("x"), NULL), ERR_OK);
	assert_int_equal(field_copy(fields, N, &b, &a), ERR_OK);
	assert_string_equal(b.plain, "x");
	assert_ptr_not_equal(a.plain, b.plain);
	assert_true(b.n == 80 && isnan(b.free_ratio) && b.on && b.free_n == FIELD_NULL_INT);
	field_fini(fields, N, &a);
	assert_string_equal(b.plain, "x");
	field_fini(fields, N, &b);
}

static void long_values_are_shown_shortened(void **state)
{
	char big[200];
	struct thing t = fresh();
	struct buf why = BUF_INIT;

	(void)state;
	for (size_t shift = 0; shift < 3; shift++) {
		memset(big, 'x', shift);
		for (size_t i = shift; i + 3 < sizeof big; i += 3)
			memcpy(big + i, "\xE2\x82\xAC", 3);
		buf_reset(&why);
		assert_int_equal(field_set_text(row("word"), &t, span_of(big, shift + 180), &why), ERR_VALUE);
		assert_true(why.n < 120);
		assert_non_null(strstr(buf_z(&why), "...: must be red"));
		assert_null(strstr(buf_z(&why), "\xEF\xBF\xBD"));
	}
	buf_fini(&why);
	field_fini(fields, N, &t);
}

static void too_deep_json_is_a_value_refused(void **state)
{
	char deep[200];
	struct thing t = fresh();
	struct buf why = BUF_INIT;

	(void)state;
	memset(deep, '[', 100);
	memset(deep + 100, ']', 100);
	assert_int_equal(field_set_text(row("json"), &t, span_of(deep, 200), &why), ERR_VALUE);
	assert_non_null(strstr(buf_z(&why), "nested too deep"));
	buf_fini(&why);
	field_fini(fields, N, &t);
}

static void the_nearest_name_is_the_likeliest_slip(void **state)
{
	static const struct { const char *in, *out; } rows[] = {
		{ "plian", "plain" }, { "plaine", "plain" }, { "PLAIN", "plain" }, { "lain", "plain" }, { "free_rato", "free_ratio" }, { "requierd", "required" },
		{ "at-least", "at_least" }, { "anyurl", "any_url" }, { "m", "n" }, { "instructions", NULL }, { "zzzz", NULL }, { "", "n" },
	};
	char big[200];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct field *f = field_nearest(fields, N, span_z(rows[i].in));

		if (rows[i].out && (!f || strcmp(f->name, rows[i].out) != 0))
			fail_msg("%s: %s", rows[i].in, f ? f->name : "none");
		if (!rows[i].out && f)
			fail_msg("%s: %s", rows[i].in, f->name);
	}
	memset(big, 'x', sizeof big);
	assert_null(field_nearest(fields, N, span_of(big, sizeof big)));
	assert_null(field_find(fields, N, SPAN("PLAIN")));
}

/* Random text into every field: taken or refused, never anything else, and what was taken goes in again unchanged. */
static void random_texts(void **state)
{
	static const char marks[] = "019-+.e,[]{}\":nul tinfrue/hps@%\\\n\xC3\xBC\xFFTZ";
	uint64_t seed = 21;
	struct thing t = fresh();
	unsigned taken = 0;

	(void)state;
	for (int i = 0; i < 60000; i++) {
		const struct field *f = &fields[seeded(&seed) % N];
		char in[16];
		size_t n = 1 + seeded(&seed) % (sizeof in - 1);
		struct buf why = BUF_INIT, once = BUF_INIT, twice = BUF_INIT;
		enum err e;

		for (size_t j = 0; j < n; j++)
			in[j] = marks[seeded(&seed) % (sizeof marks - 1)];
		e = field_set_text(f, &t, span_of(in, n), &why);
		assert_true(e == ERR_OK ? why.n == 0 : e == ERR_VALUE && span_utf8(buf_span(&why)));
		field_get_text(f, &t, &once);
		if (e == ERR_OK && !(f->flags & FF_SECRET) && once.n) {
			taken++;
			assert_int_equal(field_set_text(f, &t, buf_span(&once), NULL), ERR_OK);
			field_get_text(f, &t, &twice);
			assert_true(span_eq(buf_span(&once), buf_span(&twice)));
		}
		buf_fini(&why);
		buf_fini(&once);
		buf_fini(&twice);
	}
	assert_in_range(taken, 1000, 59000);
	field_fini(fields, N, &t);
}

static enum err a_whole_life(void)
{
	struct thing t = { 0 }, c;
	struct json_object *o = NULL;
	enum err e = field_defaults(fields, N, &t);

	e = e ? e : field_set_text(row("list"), &t, SPAN("x,y"), NULL);
	e = e ? e : field_set_text(row("tokens"), &t, SPAN("5"), NULL);
	e = e ? e : field_copy(fields, N, &c, &t);
	if (!e) {
		o = field_object(fields, N, &c);
		e = o ? field_set_json(row("list"), &t, json_get(o, "list"), NULL) : ERR_NOMEM;
		field_fini(fields, N, &c);
	}
	json_object_put(o);
	field_fini(fields, N, &t);
	return e;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	sweep(a_whole_life, ERR_NOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_make_every_member_valid),
		cmocka_unit_test(texts_taken_and_refused),
		cmocka_unit_test(json_taken_and_refused),
		cmocka_unit_test(null_becomes_the_default_unless_it_is_kept),
		cmocka_unit_test(what_is_required_cannot_be_emptied),
		cmocka_unit_test(a_secret_never_shows),
		cmocka_unit_test(a_record_has_all_of_its_fields),
		cmocka_unit_test(records_go_round),
		cmocka_unit_test(stored_json_that_cannot_be_read_is_shown_as_text),
		cmocka_unit_test(copies_are_their_own),
		cmocka_unit_test(long_values_are_shown_shortened),
		cmocka_unit_test(too_deep_json_is_a_value_refused),
		cmocka_unit_test(the_nearest_name_is_the_likeliest_slip),
		cmocka_unit_test(random_texts),
		cmocka_unit_test(every_allocation_may_fail),
	};

	setlocale(LC_ALL, "");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
