/* b64 - RFC 4648's vectors, strictness, and the fast paths against a slow one. */
#include "base/b64.h"
#include "unit.h"

static const struct { const char *plain, *coded; } vectors[] = {          /* RFC 4648, section 10 */
	{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
};

static void the_vectors_of_the_rfc(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(vectors); i++) {
		char coded[16];
		uint8_t plain[16];
		size_t n = b64_encode(coded, (const uint8_t *)vectors[i].plain, strlen(vectors[i].plain));

		assert_span(span_of(coded, n), vectors[i].coded);
		assert_int_equal(n, B64_ENCODED(strlen(vectors[i].plain)));
		assert_true(b64_decode(plain, sizeof plain, span_z(vectors[i].coded), &n));
		assert_span(span_of(plain, n), vectors[i].plain);
		assert_true(b64_decoded_size(span_z(vectors[i].coded), &n));
		assert_int_equal(n, strlen(vectors[i].plain));
	}
}

static void what_is_malformed_is_refused(void **state)
{
	static const char *const rows[] = {
		"Z", "Zg", "Zg=", "Zm9", "Zm9vY", "====", "=", "Z===", "Zg=g", "=Zg=", "Zm=v", "Zm9v====", "Zg==Zg==", "Zm8=Zm8=", "Zh==", "Zm9=", "Zn9=",
		" Zg=", "Zg==\n", "Zm9v\n", "Zm 9", "Zm-v", "Zm_v", "Zm9\x80", "\xFF\xFF\xFF\xFF", "Zm9vYm*y", "AA==AAAA",
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t out[32];
		size_t n = 77;

		if (b64_decode(out, sizeof out, span_z(rows[i]), &n))
			fail_msg("%s", rows[i]);
		assert_int_equal(n, 77);
	}
	assert_false(b64_decode((uint8_t[4]){ 0 }, 4, span_of("Zm\0v", 4), &(size_t){ 0 }));
}

static void the_place_given_is_enough_or_nothing_happens(void **state)
{
	uint8_t out[3] = { 1, 2, 3 };
	size_t n = 77;

	(void)state;
	assert_false(b64_decode(out, 2, SPAN("Zm9v"), &n));
	assert_int_equal(out[0], 1);
	assert_true(b64_decode(out, 2, SPAN("Zm8="), &n));
	assert_true(b64_decode(NULL, 0, SPAN(""), &n));
	assert_int_equal(n, 0);
	assert_true(b64_decode(NULL, 0, SPAN_NONE, &n));
}

/* The reference: one character at a time. */
static int slow_value(char c)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(set, c) : NULL;

	return at ? (int)(at - set) : -1;
}

static bool slow_decode(uint8_t *out, struct span s, size_t *n)
{
	uint32_t bits = 0, have = 0;
	size_t pad = 0;

	*n = 0;
	if (s.n % 4)
		return false;
	for (; s.n && s.p[s.n - 1] == '=' && pad < 2; pad++)
		s.n--;
	for (size_t i = 0; i < s.n; i++) {
		int v = slow_value(s.p[i]);

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[(*n)++] = (uint8_t)(bits >> have);
			bits &= (1u << have) - 1;
		}
	}
	return bits == 0 && have == (pad == 2 ? 4 : pad == 1 ? 2 : 0);
}

static void random_bytes_go_round(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		uint8_t in[700], out[700];
		char coded[1000];
		size_t n = seeded(&seed) % sizeof in, m, k;

		for (size_t j = 0; j < n; j++)
			in[j] = (uint8_t)seeded(&seed);
		m = b64_encode(coded, in, n);
		assert_int_equal(m, B64_ENCODED(n));
		assert_true(b64_decode(out, n, span_of(coded, m), &k));
		assert_int_equal(k, n);
		assert_memory_equal(in, out, n);
	}
}

/* Valid texts with a few bytes spoilt: both readers must agree on every one. */
static void spoilt_texts_are_judged_like_the_slow_reader_does(void **state)
{
	static const char marks[] = "=AZaz09+/-_ \n\x80\xFF";
	uint64_t seed = 2;
	unsigned good = 0;

	(void)state;
	for (int i = 0; i < 60000; i++) {
		uint8_t in[24], fast[32], slow[32];
		char coded[40];
		size_t n = seeded(&seed) % sizeof in, m, k = 0, l = 0;
		bool a, b;

		for (size_t j = 0; j < n; j++)
			in[j] = (uint8_t)seeded(&seed);
		m = b64_encode(coded, in, n);
		for (uint32_t j = seeded(&seed) % 3; j && m; j--)
			coded[seeded(&seed) % m] = marks[seeded(&seed) % (sizeof marks - 1)];
		if (m && seeded(&seed) % 8 == 0)
			m -= 1;
		a = b64_decode(fast, sizeof fast, span_of(coded, m), &k);
		b = slow_decode(slow, span_of(coded, m), &l);
		if (a != b)
			fail_msg("%.*s: %d, slowly %d", (int)m, coded, a, b);
		if (!a)
			continue;
		assert_int_equal(k, l);
		assert_memory_equal(fast, slow, k);
		good++;
	}
	assert_in_range(good, 1000, 59000);
}

static void url_form_has_no_padding(void **state)
{
	static const struct { const char *plain, *coded; } rows[] = {
		{ "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" }, { "\xFB\xEF\xFF", "--__" }, { "foob", "Zm9vYg" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf b = BUF_INIT;

		b64url_encode(&b, (const uint8_t *)rows[i].plain, strlen(rows[i].plain));
		assert_string_equal(buf_z(&b), rows[i].coded);
		buf_fini(&b);
	}
}

static void hexadecimal(void **state)
{
	uint8_t out[4];
	char text[8];
	size_t n = 77;

	(void)state;
	hex_encode(text, (const uint8_t *)"\x00\x9F\xA0\xFF", 4);
	assert_memory_equal(text, "009fa0ff", 8);
	assert_true(hex_decode(out, sizeof out, SPAN("009fA0Ff"), &n));
	assert_int_equal(n, 4);
	assert_memory_equal(out, "\x00\x9F\xA0\xFF", 4);
	assert_true(hex_decode(out, 0, SPAN(""), &n));
	assert_false(hex_decode(out, 4, SPAN("0"), &n));
	assert_false(hex_decode(out, 4, SPAN("0g"), &n));
	assert_false(hex_decode(out, 4, SPAN("g0"), &n));
	assert_false(hex_decode(out, 4, SPAN("@0"), &n));
	assert_false(hex_decode(out, 4, SPAN("\x10" "0"), &n));
	assert_false(hex_decode(out, 1, SPAN("0000"), &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_rfc),
		cmocka_unit_test(what_is_malformed_is_refused),
		cmocka_unit_test(the_place_given_is_enough_or_nothing_happens),
		cmocka_unit_test(random_bytes_go_round),
		cmocka_unit_test(spoilt_texts_are_judged_like_the_slow_reader_does),
		cmocka_unit_test(url_form_has_no_padding),
		cmocka_unit_test(hexadecimal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
