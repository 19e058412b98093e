/* test_resolver - names off the loops: slow ones delay nobody, old answers are better than none. The look-up is played; time is moved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "media-relay/resolver.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool gate_open;
static atomic_int lookups, broken, slow_done;

static struct resolver_answer *got[64];
static unsigned got_n;

static void take(void *arg, struct resolver_answer *a)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	got[got_n++] = a;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

/* "slow..." waits at the gate; "gone..." is not found; the address tells how many look-ups there were. */
static enum err play(const char *host, struct addresses *out, char *why, size_t why_n)
{
	int nth = atomic_fetch_add(&lookups, 1) + 1;

	if (strncmp(host, "slow", 4) == 0) {
		pthread_mutex_lock(&lock);
		while (!gate_open)
			pthread_cond_wait(&changed, &lock);
		pthread_mutex_unlock(&lock);
		atomic_fetch_add(&slow_done, 1);
	}
	if (strncmp(host, "gone", 4) == 0 || atomic_load(&broken)) {
		snprintf(why, why_n, "no such name");
		return ERR_NOTFOUND;
	}
	out->n = strncmp(host, "three", 5) == 0 ? 3 : 1;
	for (unsigned i = 0; i < out->n; i++)
		snprintf(out->text[i], sizeof out->text[i], "192.0.2.%u", out->n == 1 ? (unsigned)nth : i + 1);
	return ERR_OK;
}

/* The answer with this tag; fails after a minute: a name server that says nothing takes half of one. */
static struct resolver_answer *answer(uint64_t tag)
{
	struct resolver_answer *a = NULL;

	for (int i = 0; i < 12000 && !a; i++) {
		pthread_mutex_lock(&lock);
		for (unsigned n = 0; n < got_n; n++)
			if (got[n]->tag == tag)
				a = got[n];
		pthread_mutex_unlock(&lock);
		if (!a)
			poll(NULL, 0, 5);
	}
	assert_non_null(a);
	return a;
}

static bool answered(uint64_t tag)
{
	bool yes = false;

	pthread_mutex_lock(&lock);
	for (unsigned n = 0; n < got_n; n++)
		yes = yes || got[n]->tag == tag;
	pthread_mutex_unlock(&lock);
	return yes;
}

static void quiet(const char *line, void *arg)
{
	(void)line, (void)arg;
}

static int begin(void **state)
{
	struct resolver *r;

	log_to(quiet, NULL);
	clock_set(1000000, 1000000);
	atomic_store(&lookups, 0);
	atomic_store(&broken, 0);
	atomic_store(&slow_done, 0);
	gate_open = false;
	got_n = 0;
	if (resolver_start(&r) != ERR_OK)
		return -1;
	resolver_use(r, play);
	*state = r;
	return 0;
}

static void gate(bool open)
{
	pthread_mutex_lock(&lock);
	gate_open = open;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static int end(void **state)
{
	gate(true);
	resolver_stop(*state);
	for (unsigned n = 0; n < got_n; n++)
		free(got[n]);
	clock_real();
	log_to(NULL, NULL);
	return 0;
}

static void a_slow_name_delays_no_other(void **state)
{
	struct resolver *r = *state;

	assert_int_equal(resolver_ask(r, "slow.example", 1, take, NULL), ERR_OK);
	assert_int_equal(resolver_ask(r, "quick.example", 2, take, NULL), ERR_OK);
	assert_int_equal(answer(2)->err, ERR_OK);        /* which of the two threads looked first is nobody's business */
	assert_false(answered(1));
	gate(true);
	assert_int_equal(answer(1)->err, ERR_OK);
}

static void all_who_ask_for_a_name_share_one_look_up(void **state)
{
	struct resolver *r = *state;

	for (uint64_t tag = 1; tag <= 20; tag++)
		assert_int_equal(resolver_ask(r, "slow.example", tag, take, NULL), ERR_OK);
	gate(true);
	for (uint64_t tag = 1; tag <= 20; tag++)
		assert_int_equal(answer(tag)->err, ERR_OK);
	assert_int_equal(atomic_load(&lookups), 1);
}

static void a_fresh_answer_is_not_asked_for_again(void **state)
{
	struct resolver *r = *state;

	resolver_ask(r, "a.example", 1, take, NULL);
	answer(1);
	clock_move(RESOLVER_FRESH_MS - 1);
	resolver_ask(r, "a.example", 2, take, NULL);
	assert_true(answered(2));                        /* at once, from the cache */
	assert_int_equal(atomic_load(&lookups), 1);
}

static void a_stale_answer_is_used_while_it_is_renewed(void **state)
{
	struct resolver *r = *state;

	resolver_ask(r, "a.example", 1, take, NULL);
	answer(1);
	clock_move(RESOLVER_FRESH_MS + 1);
	resolver_ask(r, "a.example", 2, take, NULL);
	assert_true(answered(2));
	assert_string_equal(answer(2)->found.text[0], "192.0.2.1");
	for (int i = 0; i < 12000; i++) {
		struct addresses a;

		assert_true(resolver_last(r, "a.example", &a));
		if (strcmp(a.text[0], "192.0.2.2") == 0)
			return;
		poll(NULL, 0, 5);
	}
	fail_msg("never renewed");
}

static void an_old_answer_is_better_than_none(void **state)
{
	struct resolver *r = *state;
	struct addresses a;

	resolver_ask(r, "a.example", 1, take, NULL);
	answer(1);
	clock_move(RESOLVER_USABLE_MS + 1);
	atomic_store(&broken, 1);
	resolver_ask(r, "a.example", 2, take, NULL);
	assert_int_equal(answer(2)->err, ERR_OK);
	assert_string_equal(answer(2)->found.text[0], "192.0.2.1");
	assert_true(resolver_last(r, "a.example", &a));
}

static void a_name_that_does_not_exist_says_so_and_is_tried_again(void **state)
{
	struct resolver *r = *state;
	struct addresses a;

	resolver_ask(r, "gone.example", 1, take, NULL);
	assert_int_equal(answer(1)->err, ERR_NOTFOUND);
	assert_string_equal(answer(1)->why, "no such name");
	assert_false(resolver_last(r, "gone.example", &a));
	resolver_ask(r, "gone.example", 2, take, NULL);
	answer(2);
	assert_int_equal(atomic_load(&lookups), 2);
}

static void the_address_that_worked_comes_first_also_after_the_next_look_up(void **state)
{
	struct resolver *r = *state;
	struct addresses a;

	resolver_prefer(r, "three.example", "192.0.2.3");     /* a name not known yet: nothing happens */
	resolver_ask(r, "three.example", 1, take, NULL);
	assert_string_equal(answer(1)->found.text[0], "192.0.2.1");
	resolver_prefer(r, "three.example", "192.0.2.3");
	assert_true(resolver_last(r, "three.example", &a));
	assert_int_equal(a.n, 3);
	assert_string_equal(a.text[0], "192.0.2.3");
	assert_string_equal(a.text[1], "192.0.2.1");
	assert_string_equal(a.text[2], "192.0.2.2");
	clock_move(RESOLVER_USABLE_MS + 1);
	resolver_ask(r, "three.example", 2, take, NULL);
	assert_string_equal(answer(2)->found.text[0], "192.0.2.3");
}

static void numbers_are_no_names(void **state)
{
	static const struct { const char *host, *address; } rows[] = {
		{ "127.0.0.1", "127.0.0.1" }, { "::1", "::1" }, { "[2001:db8::1]", "2001:db8::1" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		resolver_ask(*state, rows[i].host, i + 1, take, NULL);
		assert_true(answered(i + 1));
		assert_string_equal(answer(i + 1)->found.text[0], rows[i].address);
	}
	assert_int_equal(atomic_load(&lookups), 0);
}

static void nothing_is_delivered_after_the_stop(void **state)
{
	struct resolver *r;

	(void)state;
	assert_int_equal(resolver_start(&r), ERR_OK);
	resolver_use(r, play);
	resolver_ask(r, "slow.example", 77, take, NULL);
	resolver_stop(r);
	gate(true);
	for (int i = 0; i < 12000 && atomic_load(&slow_done) == 0; i++)
		poll(NULL, 0, 5);
	poll(NULL, 0, 20);
	assert_false(answered(77));
}

static void the_system_is_asked_for_real(void **state)
{
	struct resolver *r = *state;

	resolver_use(r, NULL);
	resolver_ask(r, "localhost", 1, take, NULL);
	assert_int_equal(answer(1)->err, ERR_OK);
	assert_true(answer(1)->found.n >= 1);
	resolver_ask(r, "no-such-name.invalid", 2, take, NULL);
	assert_int_equal(answer(2)->err, ERR_NOTFOUND);
	assert_true(*answer(2)->why);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(a_slow_name_delays_no_other),
		T(all_who_ask_for_a_name_share_one_look_up),
		T(a_fresh_answer_is_not_asked_for_again),
		T(a_stale_answer_is_used_while_it_is_renewed),
		T(an_old_answer_is_better_than_none),
		T(a_name_that_does_not_exist_says_so_and_is_tried_again),
		T(the_address_that_worked_comes_first_also_after_the_next_look_up),
		T(numbers_are_no_names),
		T(nothing_is_delivered_after_the_stop),
		T(the_system_is_asked_for_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
