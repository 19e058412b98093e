/*
 * hook - what a webhook worker has in hand, and the functions that its handlers share. A handler is a plain function from request to answer:
 * it runs in a unit test without FastCGI.
 */
#ifndef OFFHOOK_HOOK_H
#define OFFHOOK_HOOK_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "fcgi.h"
#include "settings.h"
#include "store/agent.h"
#include "store/call.h"
#include "store/store.h"
#include "watch.h"

#define DB_PATIENCE_MS     4000          /* a caller waits that long for the database, then hears the apology */
#define HEALTH_PATIENCE_MS 1000
#define DRAIN_PATIENCE_MS  2000          /* for the successor of a draining relay */
#define RESUME_PATIENCE_MS 3000          /* for any relay, when a call has lost its stream */
#define ASK_AGAIN_MS       100

struct hook {
	struct settings cf;
	struct store_options store_options;
	struct store *store;             /* NULL: not open (yet) */
	int64_t next_open_ms;
	pthread_t opener;                /* opens it while the first request is awaited */
	bool opening;
	int64_t sick_until_ms;           /* the database kept somebody waiting: nobody else is kept until then */
	struct fcgi *fcgi;               /* NULL in unit tests */
	struct watch *watch;             /* NULL: the store is waited for as long as it takes */
	struct answer rescue;            /* of last resort, given by the watch */
	int patience_ms;                 /* of this request; 0: its answer has been given already */
	int64_t db_ms, relay_ms;         /* what this request waited for, for the log */
	atomic_bool leave;               /* after the request in hand: somebody recovered the database */
	const struct route *route;
};

typedef void handler(struct hook *h, struct request *r, struct answer *a);
handler incoming, continue_call, whisper, answered_by, status_callback, stream_status, health, public_url, tools_list, template_instructions, conversation_history,
	conversation_events, chat_history;

/* db.c: the store, opened when it is not, opened again after a recovery. ERR_TIMEOUT: the watch has answered meanwhile, or the database is known to
 * be silent. */
void db_open_soon(struct hook *h);
enum err db_txn(struct hook *h, enum err (*body)(struct txn *, void *), void *arg);      /* DURABLE */
enum err db_read(struct hook *h, enum err (*body)(struct txn *, void *), void *arg);
void db_close(struct hook *h);

/* signed.c: is it Twilio? NULL, or the reason why not. */
const char *signed_refusal(struct hook *h, const struct request *r);
void signed_public_url(const struct hook *h, const struct request *r, struct buf *out);         /* PUBLIC_URL, or what the request says */
void signed_stream_url(const struct hook *h, const struct request *r, struct buf *out);

/* answer.c */
#define JSON_TYPE "application/json"
#define HTML_TYPE "text/html; charset=utf-8"
void answer_status(struct answer *a, int status);                                         /* no body */
void answer_json(struct answer *a, int status, struct json_object *o);                    /* consumes o */
void answer_error(struct answer *a, int status, const char *code, const char *message);   /* {"error":{...}} */
void answer_err(struct answer *a, enum err e);
void answer_empty_twiml(struct answer *a);                                                /* <Response/> */
void answer_hangup(struct answer *a);

struct voice {                           /* how T3 sounds; NULL members: Twilio's own */
	const char *fallback_number, *say_voice, *say_language;
};
void answer_apology(struct answer *a, const struct voice *v);                             /* the fallback number, else an apology and <Hangup/> */
void answer_busy(struct answer *a);
void answer_say(struct answer *a, struct span text, const struct voice *v);               /* just that; an empty text says nothing */
struct connect {
	const char *session_id, *token, *notice;
	const char *digits;              /* pressed before; NULL: none */
	struct voice voice;
};
/* <Dial>, its action back to `continue`; `whisper`: what the person is told first is asked of /api/whisper/. */
void answer_transfer(const struct hook *h, const struct request *r, struct answer *a, const char *session_id, struct span number, bool whisper);
void answer_connect(const struct hook *h, const struct request *r, struct answer *a, const struct connect *c);

/* relay.c */
enum admission { ADMITTED, REFUSED_BUSY, REFUSED_DRAINING, REFUSED_MODEL, REFUSED_DATABASE, REFUSED_DOWN, REFUSED_SPACE, ADMISSION_COUNT };
const char *admission_reason(enum admission a);                                           /* end_reason of the call record */
const char *admission_text(enum admission a);
/* Tells the relay that a call is coming. A draining relay's successor is awaited for DRAIN_PATIENCE_MS; with `patience_ms` any relay is. */
enum admission relay_announce(struct hook *h, const char *session_id, bool again, int patience_ms);
struct verdict {
	bool known;
	char resume[16], end_reason[24];
};
/* `dialled`: DialCallStatus when the <Dial> of a transfer has ended, else SPAN_NONE. */
void relay_continue(struct hook *h, struct span session_id, struct span stream_sid, struct span dialled, struct verdict *v);
bool relay_machine(struct hook *h, const char *session_id, struct span who);
bool relay_status(struct hook *h, const char *session_id, struct span twilio_status);     /* false: no relay has the call */
bool relay_stream(struct hook *h, struct span session_id, struct span stream_sid, struct span event, struct span error);
bool relay_hangup(struct hook *h, struct span session_id, const char *reason);

/* life.c: the call record, as far as it is the webhook's. */
bool life_sid_valid(struct span s);
bool life_final(struct span twilio_status);
bool life_refused(const struct call *c);              /* never had a stream: its webhook, come again, is decided anew */
bool life_over(const struct call *c);
void life_end(struct call *c, const char *status, const char *end_reason, const char *error, int64_t now_ms);
enum err life_text(char **member, struct span s);          /* NULL for an empty span */
/* A final word from Twilio: stored, told to the relay, and the record is closed when no relay has the call. `session_id` (NULL: not wanted) is "" when
 * the call is unknown. */
enum err life_status(struct hook *h, struct span call_sid, struct span twilio_status, struct span sequence, char session_id[UUID_TEXT]);
enum err life_refuse(struct hook *h, struct span session_id, const char *end_reason, const char *error);      /* only of a call that has no stream */

/* Whose lines these are: each until life_leave() says call= and session=, as far as they are known. */
struct life_names {
	char call_sid[35], session_id[UUID_TEXT];
	struct log_ctx call, session;
};
void life_enter(struct life_names *n, struct span call_sid, struct span session_id);      /* empty: not known, or not yet */
void life_session(struct life_names *n, const char *session_id);                          /* now it is */
void life_leave(struct life_names *n);

/* names of agent and account for T3, from a transaction */
void life_fallback(struct txn *t, const struct agent *a, const char *account_id, char **fallback_number);

#endif
