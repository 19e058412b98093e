/* signature - the vectors V1-V13 as printed, and how the official validator behaves with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "twilio/signature.h"

#define TOKEN  "7b1c9f0e4d2a68535c1e0b9a7f3d2c46"
#define SECOND "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
#define VOICE  "https://voice.example.net/twilio/voice"
#define SID    "CallSid=CA00000000000000000000000000000002"

static const struct vector {
	const char *name, *token, *url, *wire, *signature;       /* wire NULL: no form */
} vectors[] = {
	{ "V1", TOKEN, VOICE,
	  "AccountSid=AC00000000000000000000000000000001&ApiVersion=2010-04-01&" SID "&CallStatus=ringing&Called=%2B15005550006&"
	  "Caller=%2B15005550010&Direction=inbound&From=%2B15005550010&To=%2B15005550006", "5UOnU+QnnldcZLVPg5jEVZwQWg4=" },
	{ "V2", TOKEN, VOICE,
	  SID "&CallerZip=&FromCity=S%C3%83O+PAULO&CallerName=%C5%BB%C3%B3%C5%82%C4%87+%26+S%C3%B6hne+%F0%9F%98%80&To=%2B15005550006",
	  "NChKJc92iITY8tJa5uxW1XinLAo=" },
	{ "V3", TOKEN, VOICE, SID "&Digits=&FromZip=&To=", "wcBNouq28N0CE9/d3bROii+iU0g=" },
	{ "V4", TOKEN, VOICE, "Tag=b&Tag=a&Tag=b&" SID, "A2QlDsAIAQOOJFcUwimiemX8cpc=" },
	{ "V5", TOKEN, VOICE "?tenant=42&lang=de%20DE&x=a%2Bb", SID "&From=%2B15005550010", "xMyAliP1dY7IV1yG1ojh+GTpLwM=" },
	{ "V6a", TOKEN, "https://voice.example.net:8443/twilio/voice", SID, "sfbnUhLeGrtvFj+ksdZxMXv4GAo=" },
	{ "V6b", TOKEN, VOICE, SID, "IZdMbTBTxnZ8EhfX0Ht4vodnuOA=" },
	{ "V6c", TOKEN, "https://voice.example.net:443/twilio/voice", SID, "whSWyfypKfHIkwNJAKbTHD/vq2M=" },
	{ "V7", TOKEN, "https://voice.example.net/twilio/json?k=1&bodySHA256=728ba7ac98bc9f0fdd830a3f4cc3454c2a0118b338aa4368d8341b38c6908b36", NULL,
	  "Yj0pE5l9e3OBFN9tKosQqMeyzXk=" },
	{ "V8a", TOKEN, "wss://media.example.net/twilio/media", NULL, "GzgZqvgU/GSFPH3Fp+7vTd8Rklo=" },
	{ "V8b", TOKEN, "wss://media.example.net/twilio/media/", NULL, "RIHsBJDtzyEXILIH2E49wWwK42M=" },
	{ "V8c", TOKEN, "https://media.example.net/twilio/media", NULL, "+GHjjAQkHPZQsRFRFu14tbb3YSI=" },
	{ "V8d", TOKEN, "wss://media.example.net:443/twilio/media", NULL, "Nb35WcYRkiZzyiuA2psx3O+LNhk=" },
	{ "V9", TOKEN, VOICE "?CallSid=CA00000000000000000000000000000002&From=%2B15005550010&To=%2B15005550006", NULL, "jW04d6i3ti8v45W6/nlQ9maGaYE=" },
	{ "V10", TOKEN, VOICE, "b=2&B=1&_=3&a=4&A1=5&A=6", "s/e93EVPrydpZgOpU/lg7BP0/U0=" },
	{ "V11", TOKEN, VOICE, "Body=+lead+and+trail+&" SID "&Speech=a%2Bb%3Dc+%26+%22d%22%0D%0Aline2", "1N7+55hvwy3j7eOAFePJ7tTZkiM=" },
	{ "V12", SECOND, VOICE, SID, "2KCFAFrMD/jmcZf4TCi0SXcLWCs=" },
	{ "V13", TOKEN, VOICE, SID "&CallToken=%257B%2522k%2522%253A%2522v%2522%257D", "Imn14E0oekO1q/MEGTYEbV8Lqzw=" },
	{ "documentation", "12345", "https://example.com/myapp.php?foo=1&bar=2",
	  "CallSid=CA1234567890ABCDE&Caller=%2B14158675310&Digits=1234&From=%2B14158675310&To=%2B18005551212", "L/OH5YylLD5NRKLltdqwSvS0BnU=" },
};

static struct form *form_of(struct form *f, const char *wire)
{
	if (!wire)
		return NULL;
	assert_int_equal(form_parse(f, span_z(wire)), ERR_OK);
	return f;
}

static void vectors_as_printed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		const struct vector *v = &vectors[i];
		struct form f = { 0 }, *form = form_of(&f, v->wire);
		struct span token = span_z(v->token);
		char text[SIGNATURE_TEXT] = "";

		assert_int_equal(signature_make(text, token, span_z(v->url), form), ERR_OK);
		if (strcmp(text, v->signature) != 0)
			fail_msg("%s: %s, not %s", v->name, text, v->signature);
		if (!signature_ok(span_z(v->signature), &token, 1, span_z(v->url), form))
			fail_msg("%s: refused", v->name);
		form_fini(&f);
	}
}

static const struct {
	const char *given, *made_for;
	bool accepted;
} validator[] = {
	{ "https://voice.example.net:8443/twilio/voice", VOICE, true },
	{ VOICE, "https://voice.example.net:443/twilio/voice", true },
	{ "https://voice.example.net:443/twilio/voice", VOICE, true },
	{ VOICE, "https://voice.example.net:8443/twilio/voice", false },
	{ "https://user:p%40ss@voice.example.net/twilio/voice", VOICE, true },
	{ VOICE "#rc=2", VOICE, true },
	{ VOICE "/", VOICE, false },
	{ VOICE "?a=1", VOICE, false },
	{ "wss://media.example.net/twilio/media", "wss://media.example.net:443/twilio/media", false },
	{ "http://127.0.0.1:8080/api/webhook/", "http://127.0.0.1:8080/api/webhook/", true },
	{ "https://[::1]:8443/x", "https://[::1]/x", true },
};

static void ports_userinfo_and_fragment_as_the_official_validator(void **state)
{
	struct span token = SPAN(TOKEN);

	(void)state;
	for (size_t i = 0; i < sizeof validator / sizeof *validator; i++) {
		struct form f = { 0 }, *form = form_of(&f, SID);
		char text[SIGNATURE_TEXT];

		assert_int_equal(signature_make(text, token, span_z(validator[i].made_for), form), ERR_OK);
		if (signature_ok(span_z(text), &token, 1, span_z(validator[i].given), form) != validator[i].accepted)
			fail_msg("given %s, made for %s", validator[i].given, validator[i].made_for);
		form_fini(&f);
	}
}

static void duplicates_count_once_and_sorted(void **state)
{
	struct form f = { 0 }, *form = form_of(&f, "Tag=b&Tag=a&Tag=b&" SID);
	struct span token = SPAN(TOKEN);

	(void)state;
	assert_false(signature_ok(SPAN("4dsjQ0OFyWlrY/DMhuAuk9HBVoM="), &token, 1, SPAN(VOICE), form));
	form_fini(&f);
}

static void either_token_of_a_rotation_fits(void **state)
{
	struct form f = { 0 }, *form = form_of(&f, SID);
	const struct span both[] = { SPAN(TOKEN), SPAN(SECOND) }, second_only[] = { SPAN_NONE, SPAN(SECOND) }, none[] = { SPAN_NONE, SPAN("") };

	(void)state;
	assert_true(signature_ok(SPAN("IZdMbTBTxnZ8EhfX0Ht4vodnuOA="), both, 2, SPAN(VOICE), form));
	assert_true(signature_ok(SPAN("2KCFAFrMD/jmcZf4TCi0SXcLWCs="), both, 2, SPAN(VOICE), form));
	assert_true(signature_ok(SPAN("2KCFAFrMD/jmcZf4TCi0SXcLWCs="), second_only, 2, SPAN(VOICE), form));
	assert_false(signature_ok(SPAN("IZdMbTBTxnZ8EhfX0Ht4vodnuOA="), second_only, 2, SPAN(VOICE), form));
	assert_false(signature_ok(SPAN("IZdMbTBTxnZ8EhfX0Ht4vodnuOA="), none, 2, SPAN(VOICE), form));
	assert_false(signature_ok(SPAN("IZdMbTBTxnZ8EhfX0Ht4vodnuOA="), both, 0, SPAN(VOICE), form));
	form_fini(&f);
}

static void anything_but_the_header_is_refused(void **state)
{
	static const char *const wrong[] = { "", "=", "IZdMbTBTxnZ8EhfX0Ht4vodnuOA", "IZdMbTBTxnZ8EhfX0Ht4vodnuOB=", "IZdMbTBTxnZ8EhfX0Ht4vodnuOA==",
		"izdmbtbtxnz8ehfx0ht4vodnuoa=", "IZdMbTBTxnZ8EhfX0Ht4vodnuOA=,IZdMbTBTxnZ8EhfX0Ht4vodnuOA=" };
	struct form f = { 0 }, *form = form_of(&f, SID);
	struct span token = SPAN(TOKEN);

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(signature_ok(span_z(wrong[i]), &token, 1, SPAN(VOICE), form));
	assert_false(signature_ok(SPAN_NONE, &token, 1, SPAN(VOICE), form));
	assert_true(signature_ok(SPAN(" IZdMbTBTxnZ8EhfX0Ht4vodnuOA=\t"), &token, 1, SPAN(VOICE), form));
	form_fini(&f);
}

static void no_token_makes_no_signature(void **state)
{
	char text[SIGNATURE_TEXT];

	(void)state;
	assert_int_equal(signature_make(text, SPAN(""), SPAN(VOICE), NULL), ERR_VALUE);
	assert_int_equal(signature_make(text, SPAN_NONE, SPAN(VOICE), NULL), ERR_VALUE);
}

#define V7_URL  "https://voice.example.net/twilio/json?k=1&bodySHA256=728ba7ac98bc9f0fdd830a3f4cc3454c2a0118b338aa4368d8341b38c6908b36"
#define V7_BODY "{\"sid\":\"CA00000000000000000000000000000002\",\"note\":\"za\xC5\xBC\xC3\xB3\xC5\x82\xC4\x87\"}"

static void json_body_is_bound_by_its_digest(void **state)
{
	(void)state;
	assert_true(signature_body_ok(SPAN(V7_URL), SPAN(V7_BODY)));
	assert_true(signature_body_ok(SPAN(V7_URL "#rc=2"), SPAN(V7_BODY)));
	assert_false(signature_body_ok(SPAN(V7_URL), SPAN(V7_BODY " ")));
	assert_false(signature_body_ok(SPAN(V7_URL "0"), SPAN(V7_BODY)));
	assert_false(signature_body_ok(SPAN("https://voice.example.net/twilio/json?k=1"), SPAN(V7_BODY)));
	assert_false(signature_body_ok(SPAN("https://voice.example.net/twilio/json"), SPAN("")));
	assert_true(signature_body_ok(SPAN("https://h/?bodySHA256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), SPAN_NONE));
}

static const struct {
	const char *url, *signature, *which;     /* which NULL: refused */
} upgrades[] = {
	{ "wss://media.example.net/twilio/media", "GzgZqvgU/GSFPH3Fp+7vTd8Rklo=", "wss" },
	{ "wss://media.example.net/twilio/media", "RIHsBJDtzyEXILIH2E49wWwK42M=", "wss slash" },
	{ "wss://media.example.net/twilio/media", "+GHjjAQkHPZQsRFRFu14tbb3YSI=", "https" },
	{ "wss://media.example.net/twilio/media", "Nb35WcYRkiZzyiuA2psx3O+LNhk=", "wss port" },
	{ "wss://media.example.net/twilio/media/", "RIHsBJDtzyEXILIH2E49wWwK42M=", "wss" },
	{ "wss://media.example.net/twilio/media/", "GzgZqvgU/GSFPH3Fp+7vTd8Rklo=", "wss slash" },
	{ "wss://media.example.net:443/twilio/media", "GzgZqvgU/GSFPH3Fp+7vTd8Rklo=", "wss port" },
	{ "wss://media.example.net/twilio/medium", "GzgZqvgU/GSFPH3Fp+7vTd8Rklo=", NULL },
	{ "wss://media.example.com/twilio/media", "GzgZqvgU/GSFPH3Fp+7vTd8Rklo=", NULL },
	{ "wss://media.example.net/twilio/media", "", NULL },
};

static void the_upgrade_fits_in_any_documented_form(void **state)
{
	struct span token = SPAN(TOKEN);

	(void)state;
	for (size_t i = 0; i < sizeof upgrades / sizeof *upgrades; i++) {
		const char *which = "unset";
		bool ok = signature_stream_ok(span_z(upgrades[i].signature), &token, 1, span_z(upgrades[i].url), &which);

		assert_int_equal(ok, upgrades[i].which != NULL);
		if (ok)
			assert_string_equal(which, upgrades[i].which);
		else
			assert_null(which);
	}
	assert_true(signature_stream_ok(SPAN("GzgZqvgU/GSFPH3Fp+7vTd8Rklo="), &token, 1, SPAN("wss://media.example.net/twilio/media"), NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_as_printed),
		cmocka_unit_test(ports_userinfo_and_fragment_as_the_official_validator),
		cmocka_unit_test(duplicates_count_once_and_sorted),
		cmocka_unit_test(either_token_of_a_rotation_fits),
		cmocka_unit_test(anything_but_the_header_is_refused),
		cmocka_unit_test(no_token_makes_no_signature),
		cmocka_unit_test(json_body_is_bound_by_its_digest),
		cmocka_unit_test(the_upgrade_fits_in_any_documented_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
