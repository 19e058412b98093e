/* keypad - digits the caller presses. */
#include <stdio.h>

#include "media-relay/keypad.h"

static bool say(struct keypad *k, const char *otherwise, char text[KEYPAD_TEXT])
{
	if (k->n)
		snprintf(text, KEYPAD_TEXT, "[keypad: %.*s]", (int)k->n, k->digits);
	else
		snprintf(text, KEYPAD_TEXT, "[keypad: %s]", otherwise);
	k->n = 0;
	return true;
}

bool keypad_press(struct keypad *k, char digit, int64_t now_ms, char text[KEYPAD_TEXT])
{
	if (digit == '#')
		return say(k, "#", text);
	if (!strchr("0123456789*ABCD", digit) || !digit)
		return false;
	k->digits[k->n++] = digit;
	k->last_ms = now_ms;
	return k->n == KEYPAD_DIGITS && say(k, "", text);
}

bool keypad_tick(struct keypad *k, int64_t now_ms, char text[KEYPAD_TEXT])
{
	return k->n && now_ms - k->last_ms >= KEYPAD_PAUSE_MS && say(k, "", text);
}
