#include <sys/stat.h>

#include "store_home.h"

#include "store/seal.h"

static const struct seal_key key = { .bytes = { 1, 2, 3 } };

static void what_is_sealed_opens_again(void **state)
{
	static const char *const texts[] = { "", "x", "a longer secret with \"quotes\" and \xc3\xa4" };

	(void)state;
	for (size_t i = 0; i < ROWS(texts); i++) {
		struct buf sealed = BUF_INIT, plain = BUF_INIT;

		assert_int_equal(seal_close(&key, span_z(texts[i]), SPAN("agent 1"), &sealed), ERR_OK);
		assert_int_equal(seal_open(&key, buf_span(&sealed), SPAN("agent 1"), &plain), ERR_OK);
		assert_string_equal(buf_z(&plain), texts[i]);
		buf_fini(&sealed);
		buf_fini(&plain);
	}
}

static void sealing_twice_gives_different_bytes(void **state)
{
	struct buf a = BUF_INIT, b = BUF_INIT;

	(void)state;
	assert_int_equal(seal_close(&key, SPAN("same"), SPAN("x"), &a), ERR_OK);
	assert_int_equal(seal_close(&key, SPAN("same"), SPAN("x"), &b), ERR_OK);
	assert_int_equal(a.n, b.n);
	assert_memory_not_equal(a.p, b.p, a.n);
	buf_fini(&a);
	buf_fini(&b);
}

static void every_changed_byte_and_other_key_or_place_is_refused(void **state)
{
	struct seal_key other = { .bytes = { 1, 2, 4 } };
	struct buf sealed = BUF_INIT, plain = BUF_INIT;

	(void)state;
	assert_int_equal(seal_close(&key, SPAN("secret"), SPAN("agent 1"), &sealed), ERR_OK);
	assert_int_equal(seal_open(&other, buf_span(&sealed), SPAN("agent 1"), &plain), ERR_CRYPTO);
	assert_int_equal(seal_open(&key, buf_span(&sealed), SPAN("agent 2"), &plain), ERR_CRYPTO);
	for (size_t i = 0; i < sealed.n; i++) {
		sealed.p[i] ^= 0x40;
		assert_int_equal(seal_open(&key, buf_span(&sealed), SPAN("agent 1"), &plain), ERR_CRYPTO);
		sealed.p[i] ^= 0x40;
	}
	for (size_t n = 0; n < sealed.n; n++)
		assert_int_equal(seal_open(&key, span_head(buf_span(&sealed), n), SPAN("agent 1"), &plain), ERR_CRYPTO);
	buf_fini(&sealed);
	buf_fini(&plain);
}

/* --- the key file --- */

struct place {
	char dir[64], path[96];
};

static int place_setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	assert_non_null(p);
	snprintf(p->dir, sizeof p->dir, "/tmp/offhook-seal-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof p->path, "%s/secret.key", p->dir);
	*state = p;
	return 0;
}

static int place_teardown(void **state)
{
	struct place *p = *state;

	nftw(p->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(p);
	return 0;
}

static void key_file_is_made_once_and_only_for_its_owner(void **state)
{
	struct place *p = *state;
	struct seal_key a, b;
	struct stat st;

	assert_int_equal(seal_key_load(&a, p->path, false), ERR_NOTFOUND);
	assert_int_equal(seal_key_load(&a, p->path, true), ERR_OK);
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 32);
	assert_int_equal(seal_key_load(&b, p->path, true), ERR_OK);
	assert_memory_equal(&a, &b, sizeof a);
}

static void key_file_that_others_read_or_of_another_size_is_refused(void **state)
{
	struct place *p = *state;
	struct seal_key k;

	assert_int_equal(seal_key_load(&k, p->path, true), ERR_OK);
	assert_int_equal(chmod(p->path, 0640), 0);
	assert_int_equal(seal_key_load(&k, p->path, true), ERR_DENIED);
	assert_int_equal(chmod(p->path, 0600), 0);
	assert_int_equal(truncate(p->path, 31), 0);
	assert_int_equal(seal_key_load(&k, p->path, true), ERR_CRYPTO);
	assert_int_equal(truncate(p->path, 33), 0);
	assert_int_equal(seal_key_load(&k, p->path, true), ERR_CRYPTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sealed_opens_again),
		cmocka_unit_test(sealing_twice_gives_different_bytes),
		cmocka_unit_test(every_changed_byte_and_other_key_or_place_is_refused),
		cmocka_unit_test_setup_teardown(key_file_is_made_once_and_only_for_its_owner, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(key_file_that_others_read_or_of_another_size_is_refused, place_setup, place_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
