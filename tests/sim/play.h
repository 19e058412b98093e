/*
 * play - `offhook-sim play`: a whole call in one process, in virtual time. The relay's session, the simulated model and the simulated phone are the real ones;
 * made here is what lies between them: streams, model connections, requests, a store in memory, tools that answer by script.
 *
 *     play_file    what a file says               play         options, the clock, step after step
 *     play_phone   the phone and its streams      play_hook    what the webhooks answer
 *     play_relay   a relay: one session, or none  play_parts   its agent, tools and settings
 *     play_model   the model and its connections  play_store   what is kept of the call
 *                                                 play_report  what came of it
 *
 * The three worlds have types of the same name (struct call, struct turn), so a file includes one of them, and this header none.
 * Time moves by PLAY_STEP_MS, and in a step the order is always the same. What is sent arrives in a later pass, never inside the call that sends it.
 */
#ifndef OFFHOOK_SIM_PLAY_H
#define OFFHOOK_SIM_PLAY_H

#include "base/field.h"
#include "base/json.h"

#define PLAY_STEP_MS    5
#define PLAY_SESSION    "00000000-0000-4000-8000-000000000001"
#define PLAY_TOKEN      "play"
#define PLAY_HOST       "play.example"
#define PLAY_FILE_MAX   ((size_t)8 << 20)
#define PLAY_PROBLEMS   16

struct play_conf {
	char *speech, *save, *save_both;
	int64_t seed;
	bool json, quiet, log, help;
};

struct play_file {                      /* parts are JSON text, read by who knows them */
	char *name, *agent, *tools, *settings, *phone, *model, *relay, *expect, *dialect;
	int64_t seed, at, limit_s, delay_ms, jitter_ms, model_delay_ms, webhook_ms;
};

struct play {
	const struct play_conf *conf;
	struct play_file file;
	bool talks;                     /* happenings are printed */
	struct speech *speech;          /* lent */
	struct play_phone *phone;
	struct play_relay *relay;
	struct play_store *store;
	struct play_model *model;
	struct play_hook *hook;
	char *problems[PLAY_PROBLEMS];
	unsigned problems_n;            /* may be more than are kept */
	bool ok;
};

int play_main(int argc, char **argv);                                    /* the words after `play` */
/* The whole call, with conf, file, speech and talks filled in; then play_json, then play_fini, whatever came of it. ERR_VALUE: the file says something wrong. */
enum err play_call(struct play *p, struct buf *why);
void play_fini(struct play *p);
void play_help(struct buf *out);

/* play_file */
enum err play_file_read(struct play_file *f, const char *path, struct buf *why);       /* ERR_VALUE: it says something wrong */
enum err play_file_parse(struct play_file *f, struct span text, struct buf *why);
void play_file_fini(struct play_file *f);
/* Every member of `text`, an object, by the table; `own`: one more member that is the caller's, NULL: none. */
enum err play_members(const struct field *f, size_t n, void *obj, struct json_object *o, const char *own, const char *where, struct buf *why);
enum err play_refuse(struct buf *why, const char *where, const char *what);            /* ERR_VALUE */

/* play: what people read, and what went wrong */
void play_say(struct play *p, const char *who, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void play_problem(struct play *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* play_phone */
enum err play_phone_new(struct play *p, struct buf *why);
void play_phone_free(struct play_phone *ph);
void play_phone_step(struct play *p);
bool play_phone_pump(struct play *p);                                    /* what is on its way arrives; true: something did */
bool play_phone_over(const struct play *p);
void play_phone_say(struct play *p, const char *who, const char *text);
void play_phone_reply(struct play *p, int purpose, int status, const char *type, struct span body, int64_t took_us);
int64_t play_phone_talk_ms(const struct play *p);                        /* since the first stream began; -1: none has */
void play_phone_json(struct play *p, struct jbuild *b, struct json_object *o);
bool play_phone_ok(const struct play *p);
void play_phone_save(struct play *p);

/* ... a stream, as the relay sees it. Once it is closed or cut nothing comes of it but one play_relay_caller_closed, and after a cut not even that. */
struct play_stream;
void play_stream_send(struct play_stream *st, struct span text);
size_t play_stream_waits(const struct play_stream *st);                  /* bytes that the phone has not read */
void play_stream_close(struct play_stream *st, unsigned code);
void play_stream_cut(struct play_stream *st);                            /* the relay's machine is gone */

/* play_hook: `form` as posted */
enum err play_hook_new(struct play *p);
void play_hook_free(struct play_hook *h);
void play_hook_post(struct play *p, int purpose, const char *url, struct span form);
bool play_hook_pump(struct play *p);

/* play_model */
enum err play_model_new(struct play *p, struct buf *why);
void play_model_free(struct play_model *m);
void play_model_step(struct play *p);
bool play_model_pump(struct play *p);
void play_model_json(struct play *p, struct jbuild *b, struct json_object *o);

/* ... a connection, as the relay sees it */
struct play_conn;
struct play_conn *play_conn_dial(struct play *p, const char *model);     /* NULL: out of memory */
void play_conn_send(struct play_conn *c, struct span text);
size_t play_conn_waits(const struct play_conn *c);
void play_conn_close(struct play_conn *c);                               /* -> play_relay_model_closed */
void play_conn_cut(struct play_conn *c);                                 /* and says nothing more */

/* play_relay */
enum err play_relay_new(struct play *p, struct buf *why);
void play_relay_free(struct play_relay *r);
void play_relay_step(struct play *p);
bool play_relay_pump(struct play *p);
bool play_relay_idle(const struct play *p);                              /* it has no call (any more) */
bool play_relay_up(const struct play *p);                                /* it takes calls and streams */
void play_relay_start(struct play *p, struct play_stream *st, struct span stream_sid);
void play_relay_caller_message(struct play *p, struct play_stream *st, struct span text);
void play_relay_caller_closed(struct play *p, struct play_stream *st, const char *why);
void play_relay_model_open(struct play *p, struct play_conn *c);
void play_relay_model_message(struct play *p, struct play_conn *c, struct span text);
void play_relay_model_closed(struct play *p, struct play_conn *c, const char *why);

/* ... as the webhooks see it */
struct play_verdict {
	bool known;                     /* the relay has the call: resume and end_reason are its word, else the record's */
	const char *resume, *end_reason;
	bool over;
	int64_t streams, resumes;
	const char *handover, *fallback_number, *notice;
};
bool play_relay_announce(struct play *p, bool *told);                    /* true: the call is welcome; false: ask again later. told: false at first, then its own */
void play_relay_verdict(const struct play *p, struct play_verdict *v);
void play_relay_returned(struct play *p, struct span dialled);
void play_relay_status(struct play *p, struct span word);
void play_relay_machine(struct play *p, struct span who);
void play_relay_stream_error(struct play *p, struct span stream_sid, struct span text);
void play_relay_hang_up(struct play *p, const char *reason);

/* play_store: the record of the call; what the webhooks write of it */
enum err play_store_new(struct play *p, struct buf *why);
void play_store_free(struct play_store *s);
void play_store_begin(struct play *p, struct span call_sid, struct span from, struct span to, struct span direction);     /* the webhook's; once */
void play_store_connects(struct play *p, bool counts, bool known, bool once, struct span dialled);  /* `continue` connects it again */
void play_store_give_up(struct play *p, const char *end_reason, bool error);
void play_store_json(struct play *p, struct jbuild *b, struct json_object *o);

/* play_report */
struct json_object *play_json(struct play *p, struct jbuild *b);         /* and judges: sets ok */

#endif
