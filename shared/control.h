/*
 * control - what webhook, CLI and supervisor say to the relay: one JSON object and a newline over the UNIX socket run/relay.sock, one answer, closed.
 * The socket is opened by the supervisor and outlives the relay, so a connection made while a relay starts waits for it.
 *
 *   {"op":"announce","session_id":S,"again":bool}   a call is coming (or its webhook came again, or `continue` connects it again). The relay loads the
 *                                                   record from the store, so it must be committed first.
 *        {"ok":true} | {"ok":false,"reason":"busy|draining|no_model|database"}
 *   {"op":"continue","session_id":S,"stream_sid":MZ}     the stream has ended: what does the relay know? With "reason":W the <Dial> of a transfer has
 *                                                   ended, W is its DialCallStatus; the answer is what was true before.
 *        {"ok":true,"known":true,"resume":"hangup|resume|fallback|transfer|digits|live","end_reason":R} | {"ok":true,"known":false}
 *   {"op":"status","session_id":S,"twilio_status":W}     a final call status: the session ends
 *   {"op":"stream","session_id":S,"stream_sid":MZ,"event":E,"error":T}     stream status callback
 *   {"op":"machine","session_id":S,"reason":W}           who answered an outbound call: Twilio's AnsweredBy
 *   {"op":"hangup","session_id":S,"reason":"operator"}   end this call
 *   {"op":"health"}                                  {"ok":true,"active_calls":N,"draining":bool,"version":V,"pid":P}
 *
 * Unknown session: {"ok":true,"known":false}. Unknown op: {"ok":false,"reason":"unknown"}.
 *
 * An asker whose patience is over closes its end. It may have waited in the backlog of a relay that was being started: an `announce` whose asker has
 * hung up (POLLHUP) is dropped, not done, since its caller has been told otherwise; the record then says `error` and may not be dialled for.
 */
#ifndef OFFHOOK_CONTROL_H
#define OFFHOOK_CONTROL_H

#include <json-c/json.h>

#include "base/buf.h"

#define CONTROL_LINE_MAX 4096
#define CONTROL_ANNOUNCE_MS 300       /* the relay has that long to admit a call (rule T1) */
#define CONTROL_HEALTH_MS   1000

struct control_request {
	const char *op;
	struct span session_id, stream_sid, event, error, twilio_status, reason;      /* SPAN_NONE: left out */
	bool again;
};

/* Asks and waits. ERR_DOWN: nobody listens, ERR_TIMEOUT, ERR_CLOSED, ERR_SYNTAX. On ERR_OK the answer is the caller's (json_object_put). */
enum err control_ask(const char *socket_path, const struct control_request *r, int timeout_ms, struct json_object **answer);

/* For both sides and the fuzzer. */
enum err control_build(struct buf *out, const struct control_request *r);
enum err control_parse(struct span line, struct control_request *r, struct json_object **owner);      /* spans live as long as *owner */

#endif
