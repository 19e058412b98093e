/* keypad - digits the caller presses: collected until `#` or 2 s without one, then given to the model as "[keypad: 1234]" (contract S5). */
#ifndef OFFHOOK_KEYPAD_H
#define OFFHOOK_KEYPAD_H

#include "base/span.h"

#define KEYPAD_PAUSE_MS 2000
#define KEYPAD_DIGITS   64               /* more than these are a text of their own */
#define KEYPAD_TEXT     (KEYPAD_DIGITS + 16)

struct keypad {
	char digits[KEYPAD_DIGITS];
	unsigned n;
	int64_t last_ms;
};

/* true: `text` holds what is to be said to the model now. */
bool keypad_press(struct keypad *k, char digit, int64_t now_ms, char text[KEYPAD_TEXT]);
bool keypad_tick(struct keypad *k, int64_t now_ms, char text[KEYPAD_TEXT]);

#endif
