/* fault - which failure point fails next. Counted over all threads; tests arm it while nothing else runs. */
#include "fault.h"

#ifdef OFFHOOK_FAULTS
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

static atomic_int left = -1;            /* points to pass before one fails; below 0: none will */
static _Atomic(const char *) armed_name;
static atomic_uint named_left;
static atomic_bool fired;

static bool fires(const char *name)
{
	const char *wanted = armed_name;

	if (wanted && strcmp(wanted, name) == 0 && named_left > 0) {
		named_left--;
		return true;
	}
	return left >= 0 && left-- == 0;
}

bool fault(const char *name)
{
	if (!fires(name))
		return false;
	fired = true;
	return true;
}

void fault_arm(unsigned n)
{
	fired = false;
	armed_name = NULL;
	left = (int)n;
}

void fault_arm_named(const char *name, unsigned times)
{
	fired = false;
	left = -1;
	named_left = times;
	armed_name = name;
}

bool fault_disarm(void)
{
	left = -1;
	armed_name = NULL;
	return fired;
}
#endif
