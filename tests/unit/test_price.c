/* price: the operator's table, and figures that print short. */
#include <math.h>
#include <unistd.h>

#include "openai/price.h"
#include "unit.h"

static double of(const char *model, int kind)
{
	int64_t u[USAGE_KINDS] = { 0 };

	u[kind] = 1000000;
	return price_response(span_z(model), u);
}

static void the_operators_rows_come_first_and_ours_stay_behind_them(void **state)
{
	struct buf why = BUF_INIT;

	(void)state;
	assert_int_equal(price_read(SPAN("{\"models\":[{\"model\":\"gpt-realtime-2\",\"audio_in\":1.5},{\"model\":\"my-deployment\",\"audio_out\":7}],"
					 "\"transcription\":[{\"model\":\"grok\",\"minute\":0.01}]}"), &why), ERR_OK);
	assert_true(of("gpt-realtime-2.1", USAGE_INPUT_AUDIO) == 1.5);
	assert_true(of("gpt-realtime-2.1", USAGE_OUTPUT_AUDIO) == 0);
	assert_true(of("my-deployment-eu", USAGE_OUTPUT_AUDIO) == 7);
	assert_true(of("gpt-realtime-1.5", USAGE_INPUT_AUDIO) == 32);
	assert_true(fabs(price_transcription(SPAN("grok-transcribe"), 0, 0, 60) - 0.01) < 1e-12);
	assert_int_equal(price_read(SPAN("{}"), &why), ERR_OK);
	assert_true(of("gpt-realtime-2.1", USAGE_INPUT_AUDIO) == 32);
	buf_fini(&why);
}

static const struct {
	const char *text, *why;
} bad[] = {
	{ "{", "is no JSON" },
	{ "[]", "must be an object with `models` and `transcription`" },
	{ "{\"models\":{}}", "models: must be a list" },
	{ "{\"models\":[1]}", "models[0]: must be an object with `model`" },
	{ "{\"models\":[{\"audio_in\":1}]}", "models[0]: must be an object with `model`" },
	{ "{\"models\":[{\"model\":\"a\",\"audio\":1}]}", "models[0]: audio: no such member" },
	{ "{\"transcription\":[{\"model\":\"a\"},{\"model\":\"b\",\"minute\":-1}]}", "transcription[1]: minute=-1: must be" },
	{ "{\"models\":[{\"model\":\"a\",\"text_in\":\"dear\"}]}", "models[0]: text_in" },
};

static void a_bad_table_is_refused_whole_and_says_where(void **state)
{
	struct buf why = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < ROWS(bad); i++) {
		buf_reset(&why);
		if (price_read(span_z(bad[i].text), &why) == ERR_OK || !strstr(buf_z(&why), bad[i].why))
			fail_msg("%s: %s", bad[i].text, buf_z(&why));
	}
	assert_true(of("a", USAGE_INPUT_AUDIO) == 32);
	buf_fini(&why);
}

static void no_file_means_the_built_in_prices(void **state)
{
	struct buf why = BUF_INIT;
	char path[] = "/tmp/offhook-price-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(price_read(SPAN("{\"models\":[{\"model\":\"\",\"audio_in\":1}]}"), &why), ERR_OK);
	assert_true(of("gpt-realtime-2.1", USAGE_INPUT_AUDIO) == 1);
	assert_true(write(fd, "[", 1) == 1);
	assert_true(price_load(path, &why) != ERR_OK);
	assert_non_null(strstr(buf_z(&why), path));
	assert_true(of("gpt-realtime-2.1", USAGE_INPUT_AUDIO) == 1);         /* the table before stays */
	close(fd);
	unlink(path);
	assert_int_equal(price_load(path, &why), ERR_OK);
	assert_true(of("gpt-realtime-2.1", USAGE_INPUT_AUDIO) == 32);
	buf_fini(&why);
}

static void a_stored_cost_prints_short(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_num(&b, price_round(0.053160400000000003));
	buf_addc(&b, ' ');
	buf_num(&b, price_round(0.1 + 0.2));
	assert_string_equal(buf_z(&b), "0.0531604 0.3");
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_operators_rows_come_first_and_ours_stay_behind_them),
		cmocka_unit_test(a_bad_table_is_refused_whole_and_says_where),
		cmocka_unit_test(no_file_means_the_built_in_prices),
		cmocka_unit_test(a_stored_cost_prints_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
