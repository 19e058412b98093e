/* unit - what the unit tests of shared/base share: cmocka's includes, comparing spans, random bytes from a fixed seed, the fault sweep. */
#ifndef OFFHOOK_UNIT_H
#define OFFHOOK_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/fault.h"

#define ROWS(a) (sizeof(a) / sizeof *(a))

#define assert_span(got, want) do { \
	struct span got_ = (got); \
	if (!span_is(got_, (want))) \
		fail_msg("got \"" SPAN_FMT "\", want \"%s\"", SPAN_ARG(got_), (want)); \
} while (0)

static inline uint32_t seeded(uint64_t *seed)            /* the same numbers in every run */
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

/* Runs `scenario` again and again, one failure point later each time: it succeeds or reports one of `allowed`, and at last succeeds. */
static inline void sweep(enum err (*scenario)(void), enum err allowed)
{
#ifdef OFFHOOK_FAULTS
	for (unsigned n = 0;; n++) {
		enum err e;

		fault_arm(n);
		e = scenario();
		if (!fault_disarm()) {
			assert_true(n > 0);
			break;
		}
		if (e != ERR_OK && e != allowed)
			fail_msg("failure point %u gave %s", n, err_name(e));
	}
#endif
	(void)allowed;
	assert_int_equal(scenario(), ERR_OK);
}

#endif
