/*
 * log - one line per event on stderr: `time level event key=value...` or JSON. A fixed event name, then key=value.
 * Whoever acts for a call enters its context once; every line below carries call= and session=. Any thread.
 */
#ifndef OFFHOOK_LOG_H
#define OFFHOOK_LOG_H

#include <stdbool.h>

#include "span.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_ctx {
	const char *key, *value;          /* "call", "CA..." */
	struct log_ctx *outer;            /* set by log_enter */
};

void log_init(const char *program, enum log_level level, enum log_format format);
void log_to(void (*sink)(const char *line, void *arg), void *arg);      /* tests; NULL = stderr again */
bool log_on(enum log_level level);

void log_enter(struct log_ctx *c);    /* per thread, nested; c stays valid until log_leave */
void log_leave(struct log_ctx *c);

/* fmt gives key=value pairs, blank-separated, values without blanks or made safe by log_q(). At most 2 KiB; longer ends in "...". NULL fmt: none. */
void log_write(enum log_level level, const char *event, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#define log_debug(ev, ...) log_write(LOG_DEBUG, ev, __VA_ARGS__)
#define log_info(ev, ...)  log_write(LOG_INFO, ev, __VA_ARGS__)
#define log_warn(ev, ...)  log_write(LOG_WARN, ev, __VA_ARGS__)
#define log_error(ev, ...) log_write(LOG_ERROR, ev, __VA_ARGS__)

/* Safe values. Each call lends one of eight per-thread buffers. */
const char *log_mask(struct span number);     /* all but the last 4 digits hidden: "***0010"; what is no number: its kind ("sip", "client", "text") */
const char *log_q(struct span text);          /* quoted and escaped, at most 200 bytes; never give it speech or secrets */

#endif
