/*
 * phone_plan - what a caller does, read from JSON through field tables: lines said in turn, faults, what must come out.
 * Read only once it is made; shared by all calls.
 */
#ifndef OFFHOOK_SIM_PHONE_PLAN_H
#define OFFHOOK_SIM_PHONE_PLAN_H

#include "phone_conf.h"
#include "speech.h"

enum plan_kind { PK_SAY, PK_DTMF, PK_SILENCE, PK_PATTERN, PK_HANGUP };

struct plan_line {
	char *say, *play, *dtmf;
	double pattern;                       /* seconds */
	int64_t silence, noise;               /* ms */
	bool hangup;
	int64_t interrupt_ms;                 /* null, or: begins so long after the agent was first heard */
	int64_t after_ms;                     /* null, or: begins so long after the line before, whatever the agent does */
	bool answer;                          /* an answer is waited for */
	/* made of these */
	enum plan_kind kind;
	struct span audio;                    /* mu-law; say, play and noise */
	uint8_t *made;                        /* the noise */
	uint32_t voice_from, voice_to;        /* ms of the audio where the voice begins and ends */
};

enum plan_fault_kind {
	PF_DROP, PF_CLOSE, PF_SECOND_STREAM, PF_INTRUDER, PF_WRONG_TOKEN, PF_NO_TOKEN, PF_WRONG_CALL, PF_WRONG_FORMAT, PF_MALFORMED, PF_OVERSIZE, PF_BINARY, PF_BAD_FRAME,
	PF_FRAGMENT, PF_LATE_START, PF_NO_START, PF_HOLE, PF_STEP_BACK, PF_DEAF, PF_STOP_TWICE, PF_NO_STOP, PF_NO_STATUS, PF_STATUS_FIRST,
	PF_REPEAT_WEBHOOK, PF_FORGED, PF_UNSIGNED, PF_FORGED_STREAM, PF_UNSIGNED_STREAM, PF_WRONG_SESSION, PF_ACTION_AFTER_HANGUP, PF_COUNT
};

struct plan_fault {
	char *fault;
	int64_t at_ms, ms, count, bytes, nth; /* after the start of the nth stream; lasting, how often, how big */
	enum plan_fault_kind kind;
};

struct plan_machine {                         /* who answered an outbound call */
	char *value;                          /* AnsweredBy; NULL: nobody listens for that */
	int64_t at_ms;                        /* after the answer */
};

struct plan {
	char *name, *from, *to, *method, *dial, *parameters, *expect;
	int64_t quiet_ms, patience_ms, hangup_ms, say_ms, status_delay_ms, repeat;
	bool outbound;                        /* Offhook has called `from`, who has answered */
	struct plan_machine machine;
	struct plan_line *lines;
	struct plan_fault *faults;
	size_t n_lines, n_faults;
};

/* From --scenario, --speech, --say, --pattern, or the demo's lines; the options fill what the file leaves out. */
enum err plan_new(struct plan **out, const struct phone_conf *c, struct speech *sp, struct buf *why);
enum err plan_make(struct plan **out, struct span json, const struct phone_conf *c, struct speech *sp, struct buf *why);      /* of a file's text */
enum err plan_parse(struct plan **out, struct span json, struct buf *why);       /* without sound */
void plan_free(struct plan *p);

/* The fault of this kind for the nth stream (from 1; 0: any); NULL: none. */
const struct plan_fault *plan_fault_find(const struct plan *p, enum plan_fault_kind kind, unsigned nth);
const char *plan_fault_name(enum plan_fault_kind kind);

#endif
