/*
 * scan - spans inside hot JSON messages, in place, without copies. Looks at the top level of one object; refuses anything unusual (an escape in a key, a key
 * given twice, a value that does not end, trailing bytes): what it refuses takes the json-c road. Never reads outside its span.
 */
#ifndef OFFHOOK_SCAN_H
#define OFFHOOK_SCAN_H

#include "base/span.h"

struct scan_want {
	struct span key;
	struct span value;             /* out: a string without its quotes (refused if it has an escape), else the raw value; SPAN_NONE when absent */
	bool string;                   /* out */
};

/* One pass: fills every wanted member. false: unusual, take the json-c road. */
bool scan_object(struct span json, struct scan_want *want, size_t n);
bool scan_member(struct span json, struct span key, struct span *value);

#endif
