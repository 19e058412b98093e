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

/* --- the window --- */

bool keypad_window_press(struct keypad_window *w, char digit, int64_t now_ms)
{
	if (digit == '#')
		return true;
	if (!digit || !strchr("0123456789*ABCD", digit))
		return false;
	w->digits[w->n++] = digit;
	w->until_ms = now_ms + KEYPAD_SLOW_MS;
	return w->n == w->max;
}

bool keypad_open(struct keypad_window *w, struct keypad *k, uint64_t ticket, unsigned max, bool secret, int64_t now_ms)
{
	unsigned before = k->n;
	bool over = false;

	*w = (struct keypad_window){ .open = true, .secret = secret, .ticket = ticket, .max = max < KEYPAD_WINDOW ? max : KEYPAD_WINDOW,
				     .until_ms = now_ms + KEYPAD_FIRST_MS };
	for (unsigned i = 0; i < before && !over; i++)
		over = keypad_window_press(w, k->digits[i], now_ms);
	explicit_bzero(k, sizeof *k);
	return over;
}

bool keypad_window_tick(struct keypad_window *w, int64_t now_ms)
{
	return w->open && now_ms >= w->until_ms;
}

void keypad_shut(struct keypad_window *w, int64_t now_ms)
{
	int64_t deaf = w->open && w->secret ? now_ms + KEYPAD_ECHO_MS : w->deaf_until_ms;
	int64_t hash = w->open && w->n == w->max ? now_ms + KEYPAD_HASH_MS : 0;

	explicit_bzero(w, sizeof *w);
	w->deaf_until_ms = deaf;
	w->hash_until_ms = hash;
}

bool keypad_is_end(struct keypad_window *w, char digit, int64_t now_ms)
{
	bool is = !w->open && digit == '#' && now_ms < w->hash_until_ms;

	w->hash_until_ms = w->open ? w->hash_until_ms : 0;
	return is;
}

bool keypad_deaf(const struct keypad_window *w, int64_t now_ms)
{
	return (w->open && w->secret) || now_ms < w->deaf_until_ms;
}
