/*
 * twiml - answers to Twilio, built in a straight line: open an element, give it attributes, then text or children, close it; look once at the end.
 * Everything is escaped; bytes that are no UTF-8 and characters that XML 1.0 forbids are left out, so that the document is always well formed.
 * Source: Twilio, "TwiML for Programmable Voice"; the escapes are those of the official library.
 */
#ifndef OFFHOOK_TWILIO_TWIML_H
#define OFFHOOK_TWILIO_TWIML_H

#include "base/buf.h"

#define TWIML_TYPE  "text/xml; charset=utf-8"
#define TWIML_MAX   ((size_t)64 << 10)       /* as a webhook answer; more is error 11750 there */
#define TWIML_DEPTH 8

struct twiml {
	struct buf out;                      /* the document; owned */
	const char *open[TWIML_DEPTH];
	unsigned depth;
	bool in_tag;                         /* the innermost start tag still takes attributes */
};

void twiml_init(struct twiml *t);                                              /* the declaration, <Response> open */
void twiml_fini(struct twiml *t);
void twiml_open(struct twiml *t, const char *element);
void twiml_attr(struct twiml *t, const char *name, struct span value);         /* SPAN_NONE or empty: left out */
void twiml_text(struct twiml *t, struct span text);
void twiml_close(struct twiml *t);                                             /* an element without content becomes <Element/> */
enum err twiml_end(struct twiml *t, struct span *document);                    /* closes what is open; the span lives as long as t */

/* Whole verbs. */
void twiml_say(struct twiml *t, struct span text, struct span voice, struct span language);
void twiml_hangup(struct twiml *t);
void twiml_reject(struct twiml *t, const char *reason);
void twiml_dial(struct twiml *t, struct span number, struct span action);
/* To a number or a sip: address; `url` is asked for what the person hears before the two are connected. */
void twiml_transfer(struct twiml *t, struct span number, struct span action, struct span url);
void twiml_digits(struct twiml *t, struct span digits);

struct twiml_stream {
	struct span url, action, status_callback, token;
};
void twiml_connect(struct twiml *t, const struct twiml_stream *s);

#endif
