/*
 * fault - named failure points at the seams, gone in release builds (compiled in with -DOFFHOOK_FAULTS).
 * A sweep makes the first fail, then the second, until a run meets none: every error path runs.
 */
#ifndef OFFHOOK_FAULT_H
#define OFFHOOK_FAULT_H

#include <stdbool.h>

#ifdef OFFHOOK_FAULTS
bool fault(const char *name);              /* true: pretend that this one failed */
void fault_arm(unsigned n);                /* the n-th point met from now on fails (0 = the first) */
void fault_arm_named(const char *name, unsigned times);
bool fault_disarm(void);                   /* did one fire? */
#else
static inline bool fault(const char *name) { (void)name; return false; }
#endif

#endif
