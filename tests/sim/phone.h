/*
 * phone - the simulated phone network: N calls on one libev loop, one thread. Each call asks the webhook, executes its TwiML, opens the
 * media streams that it names, and ends with a status callback, as Twilio's do. Nothing is freed before the process ends its run,
 * so callbacks always find their call.
 * Time:   one tick of 5 ms for all; a call sends and plays every fourth. Frames are due against an absolute clock.
 * Units:  _us of CLOCK_MONOTONIC, _ms likewise unless they are durations.
 */
#ifndef OFFHOOK_SIM_PHONE_H
#define OFFHOOK_SIM_PHONE_H

#include "base/form.h"
#include "base/json.h"
#include "pattern.h"
#include "phone_http.h"
#include "phone_line.h"
#include "phone_plan.h"
#include "phone_playq.h"
#include "phone_ws.h"
#include "twilio/signature.h"
#include "twiml_run.h"

#define TICK_MS         5
#define FRAME_MS        20
#define TICKS_A_FRAME   (FRAME_MS / TICK_MS)
#define FRAME_BYTES     160
#define ROUTES_MAX      (PHONE_LIST_MAX + 1)
#define PROBLEMS_MAX    16

/* Where URLs that begin with `prefix` (host[:port][/path], without the scheme) really go; `base` takes the prefix's place. */
struct route {
	char *prefix, *host, *port, *base;
	bool tls;
	struct net_address to;
};

/* --- one media stream --- */

enum stream_state { ST_CONNECTING, ST_LATE, ST_TALKING, ST_CLOSING, ST_OVER };

struct stream_counts {
	uint64_t frames_out, bytes_in, messages_in, media_in, marks_in, clears_in, marks_echoed, marks_cleared;
	uint64_t largest, malformed, binary, overflow, largest_media;
	uint64_t cleared_bytes, uneven_media, since_mark, most_between_marks, double_marks;
};

struct mark_names {                             /* hashes of names seen, for the rule that they are unique */
	uint64_t *v;
	size_t n, cap;
};

struct stream {
	struct stream *next;
	struct call *call;
	unsigned nth;                           /* of the call; probes do not count */
	unsigned probe;                         /* enum probe: it ought to be refused; the call does not follow it */
	enum stream_state state;
	char sid[MSG_SID_TEXT];
	char *url, *name, *status_url, *status_method;
	struct msg_param params[TWIML_PARAMS_MAX];
	size_t n_params;
	struct ws ws;
	struct playq q;
	struct phone_line up, down;             /* the link, when it is not ideal */
	uint64_t sequence, chunk, frame;        /* frame: next one due, counted from the start */
	int64_t opening_us, open_us, start_us, due_start_us, first_media_us, last_media_us;
	int64_t over_us;
	uint64_t skew_ms;                       /* step_back: subtracted from timestamps */
	unsigned faults_done;                   /* bit per row of the plan */
	struct stream_counts n;
	struct mark_names names;
	struct pattern_check check;
	enum ws_end end;
	int close_code;
	char why[128], malformed_why[96];
	bool ours;                              /* its end was our doing */
};

/* --- the caller of one call --- */

enum talk_state { TK_LISTEN, TK_SPEAK, TK_OVER };

struct talk_turn {                              /* what came of one line of the script */
	uint32_t line;
	bool interrupts, answered, cleared;
	int64_t begin_us, voice_us, end_us;     /* line begun, voice begun, voice ended */
	int64_t answer_us, clear_us;            /* first audio heard after it; `clear` arrived */
	uint64_t heard_bytes;                   /* of the answer */
};

struct talk {
	enum talk_state state;
	uint32_t line;                          /* next, or being said */
	uint64_t offset;                        /* bytes, frames or keys of it that are out */
	uint64_t pattern;                       /* frames of all patterns */
	int64_t since_us, last_key_us;          /* listening since */
	struct talk_turn *turns;
	size_t n_turns;
	bool greeted, agent_on, no_answer;      /* no_answer: the line before wants none */
	int64_t greeting_us, agent_from_us, heard_us;
	uint64_t greeting_bytes;                /* heard before the first line */
};

/* --- one call --- */

enum call_state { CS_WAIT, CS_ASK, CS_STEP, CS_STREAM, CS_WHISPER, CS_END, CS_DONE };

struct dialled {                                /* the person whom <Dial> has called */
	char sid[MSG_SID_TEXT], outcome[32];
	struct twiml_run doc;                   /* what they hear before they are connected */
};

struct call {
	struct phone *ph;
	unsigned number;                        /* from 1 */
	char sid[MSG_SID_TEXT], from[101];
	enum call_state state;
	int64_t due_us, began_us, answered_us, ended_us, done_us, deadline_us;
	const char *status;                     /* final */
	struct twiml_run doc;
	struct twiml_step step;
	struct stream *stream, *streams;        /* the one in use; all, newest first */
	unsigned n_streams, n_dials, n_actions, open_requests, posted;
	bool status_posted, hung_up;
	bool machine_posted;                    /* who answered was said */
	struct dialled dialled;
	struct talk talk;
	struct buf heard, spoken;               /* mu-law, when it is saved */
	struct buf steps, said, whispered;      /* JSON lists' insides */
	int webhook_status, final_status_answer;
	int64_t webhook_us;
	char problems[PROBLEMS_MAX][200];
	unsigned n_problems;
	bool ok;
	struct json_object *json;               /* the summary, once judged */
};

/* How the network reaches the other side when that is not by sockets; nothing calls back in. */
enum post_purpose { POST_CONTROL, POST_STREAM_STATUS, POST_FINAL, POST_REPEAT, POST_WHISPER, POST_MACHINE };
struct phone_way {
	void (*post)(struct call *c, enum post_purpose purpose, const char *url, struct span form);     /* -> phone_call_reply */
	enum err (*open)(struct stream *s, const struct ws_ops *ops);                                    /* with ws_by */
	void (*heard)(struct stream *s, int64_t from_us, const uint8_t *p, size_t n);                    /* the caller did */
};

/* --- the process --- */

struct phone {
	const struct phone_way *way;            /* NULL: sockets */
	struct ev_loop *loop;
	ev_timer tick;
	ev_signal on_int, on_term;
	struct phone_conf conf;
	struct speech *speech;
	struct plan *plan;
	struct json_object *parameters, *expect;   /* of the plan, parsed */
	SSL_CTX *tls;
	struct route routes[ROUTES_MAX];
	size_t n_routes;
	char *webhook_url, *status_url, *machine_url;
	struct http *requests;
	struct call *calls;
	unsigned n_calls, n_done;
	uint64_t ticks, random, late_ticks;      /* late: our own loop was held up by more than a frame */
	int64_t last_tick_us;
	off_t words_at;
	int64_t began_us;
	bool stopping;
	struct pattern_delays *delays;
	struct buf scratch;
};

int phone_main(int argc, char **argv);                                   /* the words after `phone` */

/* phone.c, for a loop of one's own */
enum err phone_plan_take(struct phone *ph, struct plan *p);              /* and what it holds as JSON */
enum err phone_calls(struct phone *ph);
void phone_step(struct phone *ph, int64_t now_us);                       /* every TICK_MS */
void phone_fini(struct phone *ph);

/* phone_post: requests with Twilio's parameters, signed */
#define POST_PARAMS_MAX 64
struct params {
	struct pair p[POST_PARAMS_MAX];
	size_t n;
};
enum err phone_routes(struct phone *ph, struct buf *why);
void phone_routes_fini(struct phone *ph);
void phone_param_set(struct params *p, const char *name, const char *value);   /* both lent until the request has been made */
struct target {
	struct net_address to;
	bool tls;
	char name[256], host_header[300];
	struct span base, path;                                          /* what is asked for: one behind the other; lent by the route and the URL */
};
enum err phone_target(struct phone *ph, const char *url, struct target *t, struct buf *why);
void phone_call_params(const struct call *c, struct params *p, const char *status);
void phone_call_post(struct call *c, enum post_purpose purpose, const char *method, const char *url, struct params *p);
void phone_call_reply(struct call *c, enum post_purpose purpose, const struct http_answer *a);      /* of a request that was sent */
void phone_requests_tick(struct phone *ph, int64_t now_ms);

/* phone_call */
void phone_sid(char sid[MSG_SID_TEXT], const char *kind);                /* a fresh one: "CA", "MZ" and 32 digits */
void phone_call_init(struct call *c, struct phone *ph, unsigned number);
void phone_call_tick(struct call *c, int64_t now_us);
void phone_call_answered(struct call *c, enum post_purpose purpose, const struct http_answer *a);
void phone_call_stream_over(struct call *c, struct stream *s);
void phone_call_hang_up(struct call *c);                                       /* the caller does */
void phone_call_problem(struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void phone_call_fini(struct call *c);
void phone_call_note(struct buf *list, const char *text);                      /* one more of a list of the summary */
void phone_call_ask(struct call *c, const char *method, const char *url, struct params *p);      /* for TwiML */
void phone_call_run(struct call *c);                                           /* the verbs from here on */

/* phone_dial: <Dial>, and what the person called hears first */
bool phone_dial(struct call *c, const struct twiml_step *st);                  /* true: the next verb at once */
void phone_dial_answered(struct call *c, const struct http_answer *a);         /* the whisper's TwiML */
void phone_dial_run(struct call *c);                                           /* ... goes on */

/* phone_stream */
enum probe { PROBE_NOT, PROBE_SAME, PROBE_WRONG };
struct stream *phone_stream_open(struct call *c, const struct stream *like, enum probe probe);      /* from the call's step; a probe is a second one of the same, with its token or a wrong one */
void phone_stream_tick(struct stream *s, int64_t now_us);
void phone_stream_link(struct stream *s, int64_t now_us);                      /* every tick: what has travelled long enough */
void phone_stream_hang_up(struct stream *s);
void phone_stream_text(struct stream *s, struct span text);
void phone_stream_key(struct stream *s, char digit);
void phone_stream_status(struct stream *s, const char *event, const char *error);
void phone_stream_cut(struct stream *s, const char *why);                /* the network fails: no stop, no close */
void phone_stream_fini(struct stream *s);

/* phone_hear */
extern const struct playq_ops phone_playq_ops;                           /* arg is the stream */
void phone_stream_handle(struct stream *s, struct span text);            /* a message that has arrived */
bool phone_saves(const struct phone *ph);
void phone_keep(struct buf *side, int64_t t0_us, int64_t from_us, const uint8_t *p, size_t n);      /* at its moment, silence before it */

/* phone_fault */
void phone_stream_faults(struct stream *s, int64_t now_us);                    /* those that are due */
const struct plan_fault *phone_stream_fault(const struct stream *s, enum plan_fault_kind kind);
bool phone_stream_silent(const struct stream *s, int64_t now_us);              /* no frame leaves now */

/* phone_talk */
void phone_talk_frame(struct call *c, struct stream *s, int64_t now_us, uint8_t out[FRAME_BYTES]);
void phone_talk_heard(struct call *c, int64_t from_us, size_t bytes);
void phone_talk_cleared(struct call *c, int64_t now_us, size_t bytes);

/* phone_words: the agent's words, when a log has them; tell false: what was before the call is passed over */
void phone_words(struct call *c, bool tell);

/* phone_say: what people read; phone_report: what programs read */
void phone_say(const struct call *c, const char *who, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void phone_summary(struct phone *ph);
struct json_object *phone_call_json(struct jbuild *b, struct call *c);
void phone_call_judge(struct call *c);                                         /* sets ok */
void phone_json(struct phone *ph, struct buf *out);
enum err phone_call_save(struct call *c);
int64_t phone_median_us(int64_t *v, size_t n);                                 /* sorts v; -1 when there are none */
int64_t phone_quantile_us(int64_t *v, size_t n, double q);

#endif
