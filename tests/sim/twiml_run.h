/*
 * twiml_run - an answer to a call-control request, judged and stepped through as Twilio does it. No sockets, no clock: the phone acts.
 * Source: Twilio TwiML reference and error dictionary. A fault that ends the call is fatal; the others leave out the offending part.
 */
#ifndef OFFHOOK_SIM_TWIML_RUN_H
#define OFFHOOK_SIM_TWIML_RUN_H

#include "twiml_xml.h"

#define TWIML_BYTES_MAX  ((size_t)64 << 10)
#define TWIML_FAULTS_MAX 8
#define TWIML_PARAMS_MAX 32

enum twiml_verb { TV_SAY, TV_PLAY, TV_PAUSE, TV_DIAL, TV_CONNECT, TV_HANGUP, TV_REJECT, TV_REDIRECT, TV_UNSUPPORTED, TV_END };

struct twiml_fault {
	int code;                        /* of Twilio's error dictionary */
	bool fatal;
	char text[160];
};

/* What the phone has to do next; texts are lent by the document. */
struct twiml_step {
	enum twiml_verb verb;
	const char *name;                /* "Connect" */
	const char *text;                /* Say: what; Play, Redirect: URL; Dial: number; Reject: reason */
	const char *action, *method;     /* Dial, Connect, Redirect; action NULL: none; method "POST" or "GET" */
	const char *whisper, *whisper_method;      /* Dial: what the person called hears first; NULL: nothing */
	unsigned length_s, loop;         /* Pause; Say and Play */
	struct {
		const char *url, *name, *status_url, *status_method;
		struct {
			const char *name, *value;
		} params[TWIML_PARAMS_MAX];
		size_t n;
	} stream;                        /* Connect */
};

struct twiml_run {
	struct xml *root;
	const struct xml *at;            /* the next verb */
	bool first;                      /* nothing has been executed in this call yet: Reject is allowed */
	struct twiml_fault faults[TWIML_FAULTS_MAX];
	unsigned n_faults;               /* may be more than are kept */
};

/* An HTTP answer. content_type.p NULL: none. `first`: it answers the call's first request. False: fatal, the call ends (faults[0] says why). */
bool twiml_run_read(struct twiml_run *t, int status, struct span content_type, struct span body, bool first);
void twiml_run_next(struct twiml_run *t, struct twiml_step *step);       /* TV_END behind the last */
void twiml_run_fini(struct twiml_run *t);

#endif
