/* store_home - a store in a directory of its own, for the unit tests of shared/store; gone afterwards. */
#ifndef OFFHOOK_TEST_STORE_HOME_H
#define OFFHOOK_TEST_STORE_HOME_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/noun.h"
#include "store/store.h"

struct home {
	char dir[64], key[96];
	struct store *s;
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

static inline struct store_options home_options(const struct home *h)
{
	return (struct store_options){ .home = h->dir, .key_file = h->key, .helper = "/proc/self/exe", .sentinel = true, .create = true };
}

static inline void home_open(struct home *h)
{
	struct store_options o = home_options(h);

	assert_int_equal(store_open(&h->s, &o), ERR_OK);
}

static inline int home_setup(void **state)
{
	struct home *h = calloc(1, sizeof *h);

	assert_non_null(h);
	snprintf(h->dir, sizeof h->dir, "/tmp/offhook-store-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	snprintf(h->key, sizeof h->key, "%s/secret.key", h->dir);
	home_open(h);
	*state = h;
	return 0;
}

static inline int home_setup_started(void **state)
{
	home_setup(state);
	assert_int_equal(store_first_start(((struct home *)*state)->s), ERR_OK);
	return 0;
}

static inline int home_teardown(void **state)
{
	struct home *h = *state;

	clock_real();
	store_close(h->s);
	nftw(h->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(h);
	return 0;
}

/* The test program is its own helper, so that lock time-outs end as they do in the programs. */
#define HOME_HELPER(argc, argv) \
	do { \
		if ((argc) == 4 && strcmp((argv)[1], "db-touch") == 0) \
			return store_helper_main((argv)[2], (argv)[3]); \
	} while (0)

#endif
