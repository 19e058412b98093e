/*
 * keypad - digits the caller presses: collected until `#` or 2 s without one, then given to the model as "[keypad: 1234]" (contract S5).
 * While a window is open (the tool collect_digits) keys belong to it: it is over at `#`, at its last digit, or KEYPAD_SLOW_MS after the last key; a secret one
 * also covers the caller's sound, for KEYPAD_ECHO_MS longer than the keys, since a tone may still be on its way. Who ends with `#` what was complete without it
 * means the window that has just shut.
 */
#ifndef OFFHOOK_KEYPAD_H
#define OFFHOOK_KEYPAD_H

#include "base/span.h"

#define KEYPAD_PAUSE_MS 2000
#define KEYPAD_DIGITS   64               /* more than these are a text of their own */
#define KEYPAD_TEXT     (KEYPAD_DIGITS + 16)

#define KEYPAD_WINDOW   32
#define KEYPAD_SLOW_MS  5000             /* people read a card number from a card */
#define KEYPAD_FIRST_MS 20000            /* for the first key */
#define KEYPAD_ECHO_MS  500
#define KEYPAD_HASH_MS  3000

struct keypad {
	char digits[KEYPAD_DIGITS];
	unsigned n;
	int64_t last_ms;
};

struct keypad_window {
	bool open, secret;
	unsigned max, n;
	uint64_t ticket;                 /* the owner's */
	char digits[KEYPAD_WINDOW + 1];
	int64_t until_ms, deaf_until_ms, hash_until_ms;
};

/* true: `text` holds what is to be said to the model now. */
bool keypad_press(struct keypad *k, char digit, int64_t now_ms, char text[KEYPAD_TEXT]);
bool keypad_tick(struct keypad *k, int64_t now_ms, char text[KEYPAD_TEXT]);

/* Keys that wait in `k` were pressed for it. true: it is over already; then, as after the others: digits, read them and call keypad_shut. */
bool keypad_open(struct keypad_window *w, struct keypad *k, uint64_t ticket, unsigned max, bool secret, int64_t now_ms);
bool keypad_window_press(struct keypad_window *w, char digit, int64_t now_ms);
bool keypad_window_tick(struct keypad_window *w, int64_t now_ms);
void keypad_shut(struct keypad_window *w, int64_t now_ms);               /* digits are wiped */
bool keypad_is_end(struct keypad_window *w, char digit, int64_t now_ms);          /* the `#` behind a window that was full; once */
bool keypad_deaf(const struct keypad_window *w, int64_t now_ms);         /* the caller's sound is nobody's business */

#endif
