/* announce - a table of what can be asked about a call. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"
#include "media-relay/worker_io.h"

/* The answer is smaller than any socket's buffer; whoever does not take it has gone. */
void announce_reply(int fd, const char *json)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s\n", json);
	if (!b.err && send(fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("control.reply", "error=lost");
	buf_fini(&b);
	close(fd);
}

static void refuse(int fd, const char *reason)
{
	char text[96];

	snprintf(text, sizeof text, "{\"ok\":false,\"reason\":\"%s\"}", reason);
	announce_reply(fd, text);
}

static void unknown(int fd)
{
	announce_reply(fd, "{\"ok\":true,\"known\":false}");
}

static void known(int fd)
{
	announce_reply(fd, "{\"ok\":true,\"known\":true}");
}

/* --- those who wait for a record --- */

void announce_answer(struct line *l, const char *refused)
{
	struct asker *next;

	for (struct asker *a = l->askers; a; a = next) {
		next = a->next;
		if (refused)
			refuse(a->fd, refused);
		else
			announce_reply(a->fd, "{\"ok\":true}");
		free(a);
	}
	l->askers = NULL;
}

/* The store does not answer in time: the webhook says so to Twilio, and this session is let go without a word in the record. */
void announce_tick(struct line *l, int64_t now_ms)
{
	struct names n;

	if (!l->askers || now_ms < l->askers->until_ms)
		return;
	names_enter(&n, l->id, l->call_sid);
	log_warn("call.announce", "error=timeout");
	names_leave(&n);
	announce_answer(l, "database");
	line_event(l, EV_DRAIN, SPAN_NONE);
}

static void wait_for_record(struct line *l, int fd)
{
	struct asker *a = malloc(sizeof *a);

	if (!a) {
		refuse(fd, "database");
		return;
	}
	*a = (struct asker){ fd, l->askers ? l->askers->until_ms : clock_ms() + ANNOUNCE_REPLY_MS, l->askers };
	l->askers = a;
}

/* --- the operations --- */

struct asked {
	struct worker *w;
	int fd;
	const struct control_request *r;
	uint8_t id[16];
	struct line *line;               /* NULL: not known here */
};

static const char *no_room(struct worker *w)
{
	struct store_thread_view v;

	if (w->draining)
		return "draining";
	store_thread_view(w->pool->store, &v);
	return v.space >= SPACE_VERY_LOW || !pool_enter(w->pool, false) ? "busy" : NULL;
}

static void announce_new(struct asked *q)
{
	const char *why = no_room(q->w);

	if (why) {
		log_warn("call.refused", "session=" SPAN_FMT " reason=%s", SPAN_ARG(q->r->session_id), why);
		refuse(q->fd, why);
		return;
	}
	if (line_new(&q->line, q->w, q->id, q->r->again) == ERR_OK && q->line) {
		wait_for_record(q->line, q->fd);
		return;
	}
	pool_leave(q->w->pool);
	refuse(q->fd, "database");
}

static void op_announce(struct asked *q)
{
	if (!q->line) {
		announce_new(q);
		return;
	}
	line_event(q->line, EV_ANNOUNCED, SPAN_NONE);
	if (q->line->loaded)
		announce_reply(q->fd, "{\"ok\":true}");
	else
		wait_for_record(q->line, q->fd);
}

static void op_continue(struct asked *q)
{
	struct session_view v;
	char text[160];

	session_view(q->line->session, &v);
	snprintf(text, sizeof text, "{\"ok\":true,\"known\":true,\"resume\":\"%s\",\"end_reason\":%s%s%s}", v.resume, v.end ? "\"" : "",
		 v.end ? end_text(v.end) : "null", v.end ? "\"" : "");
	announce_reply(q->fd, text);
	if (q->r->reason.n)
		line_event(q->line, EV_RETURNED, q->r->reason);
}

static void op_machine(struct asked *q)
{
	line_event(q->line, EV_MACHINE, q->r->reason);
	known(q->fd);
}

static void op_status(struct asked *q)
{
	line_event(q->line, EV_STATUS_FINAL, q->r->twilio_status);
	known(q->fd);
}

/* Word of a stream that broke may come after the next one has begun: it says nothing of that one. */
static bool is_of_this_stream(const struct asked *q)
{
	struct session_view v;

	session_view(q->line->session, &v);
	return !q->r->stream_sid.n || !v.stream_sid.n || span_eq(q->r->stream_sid, v.stream_sid);
}

static void op_stream(struct asked *q)
{
	if (span_is(q->r->event, "stream-error") && is_of_this_stream(q))
		line_event(q->line, EV_STREAM_ERROR, q->r->error);
	known(q->fd);
}

static void op_hangup(struct asked *q)
{
	line_event(q->line, EV_HANGUP, q->r->reason);
	known(q->fd);
}

static const struct {
	const char *name;
	bool any;                        /* also of a call that is not known */
	void (*run)(struct asked *q);
} operations[] = {
	{ "announce", true, op_announce }, { "continue", false, op_continue }, { "status", false, op_status },
	{ "stream", false, op_stream },    { "hangup", false, op_hangup },
	{ "machine", false, op_machine },
};

static void request_run(struct asked *q)
{
	for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
		if (strcmp(operations[i].name, q->r->op) != 0)
			continue;
		if (q->line || operations[i].any)
			operations[i].run(q);
		else
			unknown(q->fd);
		return;
	}
	refuse(q->fd, "unknown");
}

void announce_request(struct worker *w, int fd, struct span text)
{
	struct control_request r;
	struct json_object *owner = NULL;
	struct asked q = { .w = w, .fd = fd, .r = &r };

	if (control_parse(text, &r, &owner) || !uuid_parse(r.session_id, q.id)) {
		refuse(fd, "unknown");
	} else {
		q.line = line_find(w, q.id);
		request_run(&q);
	}
	json_object_put(owner);
}
