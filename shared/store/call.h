/*
 * call - life and outcome of a call. Key: 16-byte session id. Indices: start time; CallSid; agent + start; number + start; status + start (8-byte
 * big-endian time + session id, so every index key is unique and a page starts anywhere).
 */
#ifndef OFFHOOK_CALL_H
#define OFFHOOK_CALL_H

#include "store/page.h"
#include "store/record.h"

struct call {
	char *session_id, *twilio_call_sid, *twilio_stream_sid;
	char *account, *agent;                         /* ids; printed as names */
	int64_t agent_version;
	char *direction;                               /* inbound outbound-api ... */
	char *caller_number, *called_number;
	char *status;                                  /* started connected ended error */
	char *twilio_status;
	int64_t started_at, connected_at, ended_at, duration_seconds;
	char *end_reason, *error;
	int64_t turns, barge_ins, reconnects;
	int64_t input_text_tokens, input_audio_tokens, cached_text_tokens, cached_audio_tokens, output_text_tokens, output_audio_tokens,
		transcription_tokens;                  /* shown as the object `usage` */
	double cost;
	int64_t latency_p50_ms, latency_p95_ms;        /* shown as the object `latency_ms` */
	char *recording;
	/* Ours, not shown: */
	char *resume;                                  /* what `continue` should do: "" | "hangup" | "transfer" | "digits" | "resume" | "fallback" */
	int64_t streams, resumes;                      /* streams that started; <Connect>s answered by `continue` after a broken stream */
	bool greeted;                                  /* the greeting was heard, or is not to be repeated */
	int64_t turn_seq, event_seq;                   /* next free numbers as last saved (the relay owns them while it has the call) */
	char *relay;                                   /* instance that has the call: "host:pid:start" */
	char *handover;                                /* JSON: what "transfer" or "digits" needs (number, name, summary, return; digits); after a transfer
	                                                * that failed {"failed":WHY}, for the relay that takes the caller back */
	int64_t twilio_seq;                            /* highest SequenceNumber of a status callback; FIELD_NULL_INT = none yet */
};

/*
 * Two programs write one record. While a relay has the call it writes everything except twilio_status, twilio_seq and resumes, which are the
 * webhook's; the webhook writes the rest only of calls that no relay knows, and `error` where it is null. So every write is call_get_for_update,
 * own members, call_put in one transaction: a copy kept in memory is never written whole.
 */

extern const struct record_type call_type;

enum err call_get(struct txn *t, struct span session_id, struct call *out);
enum err call_get_for_update(struct txn *t, struct span session_id, struct call *out);
enum err call_by_sid(struct txn *t, struct span call_sid, struct call *out);             /* the newest with that CallSid */
enum err call_put(struct txn *t, const struct call *c);                                  /* keeps spend.h and post.h with it */

struct call_filter {
	int64_t since_ms, until_ms;                    /* FIELD_NULL_INT = open */
	struct span status, agent_id, number;          /* SPAN_NONE = any */
	struct span q;                                 /* part of a number, CallSid or session id, or of the agent's name */
};
/* Newest first. `each` gets a record it may keep (it then owns it and zeroes the original); false stops. A filter reads at most 10 000 records a page. */
enum err call_list(struct txn *t, const struct call_filter *f, struct page *p, bool (*each)(struct call *, void *), void *arg);
enum err call_delete(struct txn *t, struct span session_id);                             /* with its turns, events, tickets */
/* For purge: `key` is the 16-byte session id; deletes at most *left records, the call's own last (then *whole), and takes them off *left. */
enum err call_delete_some(struct txn *t, struct span key, size_t *left, bool *whole);
/* Calls that started before, with all that belongs to them, in transactions of 200 records; one that still runs stays. `recording` is told each path
 * before its call goes (may be NULL; perhaps again, when that is in several steps); `purged` counts calls. Stops early with ERR_OK when a held signal waits. */
enum err call_purge(struct store *s, int64_t before_ms, unsigned *purged, void (*recording)(const char *path, void *arg), void *arg);
enum err call_unfinished(struct txn *t, bool (*each)(struct call *, void *), void *arg); /* status started or connected */
/* The printed record: every field of the contract, names for ids, usage and latency as objects. What was deleted meanwhile keeps its last name
 * (agents) or prints null. */
enum err call_json(struct txn *t, const struct call *c, struct json_object **out);

#endif
