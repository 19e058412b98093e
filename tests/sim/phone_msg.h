/*
 * phone_msg - the messages of Media Streams, Twilio's side: built as live captures show them, and ours read back without mercy.
 * Source: Twilio Media Streams, "WebSocket messages"; error 31951 (exactly three messages, exactly these fields).
 */
#ifndef OFFHOOK_SIM_PHONE_MSG_H
#define OFFHOOK_SIM_PHONE_MSG_H

#include "base/buf.h"

#define MSG_NAME_MAX 128                     /* of a mark */
#define MSG_SID_TEXT 35                      /* "CA", 32 digits, NUL */

enum msg_event { MSG_MEDIA, MSG_MARK, MSG_CLEAR };

struct msg {
	enum msg_event event;
	struct span value;                       /* media: base64, lent; mark: the name, in `name` */
	char name[MSG_NAME_MAX + 1];
};

/* false is Twilio's 31951, and *why says what is wrong. */
bool msg_read(struct msg *m, struct span text, const char *stream_sid, const char **why);

struct msg_param {
	struct span name, value;
};

struct msg_start {
	const char *account_sid, *stream_sid, *call_sid;
	const struct msg_param *params;
	size_t n;
	const char *encoding;                    /* "audio/x-mulaw" */
};

#define MSG_CONNECTED SPAN("{\"event\":\"connected\",\"protocol\":\"Call\",\"version\":\"1.0.0\"}")

void msg_start(struct buf *out, uint64_t sequence, const struct msg_start *s);
void msg_media(struct buf *out, uint64_t sequence, const char *stream_sid, uint64_t chunk, uint64_t timestamp_ms, const uint8_t *audio, size_t n);
void msg_mark(struct buf *out, uint64_t sequence, const char *stream_sid, struct span name);
void msg_dtmf(struct buf *out, uint64_t sequence, const char *stream_sid, char digit);
void msg_stop(struct buf *out, uint64_t sequence, const char *stream_sid, const char *account_sid, const char *call_sid);

#endif
