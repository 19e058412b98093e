/*
 * turn - what was said (turns) and what happened (events), appended per call. Key: 16-byte session id + 4-byte big-endian sequence: one range read
 * gives a call. Sequences are given by the writer, so that a job can be repeated: same key, same value.
 */
#ifndef OFFHOOK_TURN_H
#define OFFHOOK_TURN_H

#include "store/page.h"
#include "store/record.h"

struct turn {
	int64_t seq;
	char *role;                          /* user assistant tool system */
	char *text, *full_text;
	int64_t started_at, completed_at;
	bool interrupted;
	int64_t heard_ms, latency_ms;
	char *tool;                          /* JSON object: name, server (of MCP), arguments, result, duration_ms */
	char *meta;                          /* JSON object */
	char *item_id, *response_id;
};

struct event {
	int64_t seq;                         /* printed as event_id: "SESSION-SEQ" */
	char *event_type;                    /* "call.announced", "stream.started", "model.connected", "barge_in", or the model's own type */
	char *item_id, *response_id, *role, *text_delta, *error;
	int64_t created_at;
	char *payload;                       /* JSON object */
};

extern const struct record_type turn_type, event_type;

enum err turn_put(struct txn *t, struct span session_id, const struct turn *u);
enum err event_put(struct txn *t, struct span session_id, const struct event *e);
enum err turn_list(struct txn *t, struct span session_id, struct page *p, bool (*each)(struct turn *, void *), void *arg);      /* oldest first */
enum err event_list(struct txn *t, struct span session_id, struct page *p, bool (*each)(struct event *, void *), void *arg);
/* The newest first, as many as `each` (by returning false) or `most` (up to 500) allows; for whoever goes on with a call. */
enum err turn_newest(struct txn *t, struct span session_id, size_t most, bool (*each)(struct turn *, void *), void *arg);
enum err event_newest(struct txn *t, struct span session_id, size_t most, bool (*each)(struct event *, void *), void *arg);
/* Printed records: every field of contract 6, `meta` included; event_id is "SESSION-SEQ". No store needed. */
enum err turn_json(const struct turn *u, struct json_object **out);
enum err event_json(struct span session_id, const struct event *e, struct json_object **out);
enum err turn_next_seq(struct txn *t, struct span session_id, int64_t *seq);             /* highest + 1 */
enum err event_next_seq(struct txn *t, struct span session_id, int64_t *seq);

#endif
