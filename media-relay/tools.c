/* tools - see the header. Built-in tools are a table; arguments are held against the tool's own schema before anything runs. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "media-relay/tools.h"
#include "media-relay/tools_check.h"
#include "store/zone.h"

void tools_init(struct tools *t, const struct tools_out *out)
{
	memset(t, 0, sizeof *t);
	t->out = out;
}

void tools_setup(struct tools *t, const struct tools_setup *s)
{
	t->setup = *s;
}

static void release(struct tool_call *c)
{
	buf_fini(&c->arguments);
	json_object_put(c->args);
	memset(c, 0, sizeof *c);
}

void tools_fini(struct tools *t)
{
	for (unsigned i = 0; i < TOOLS_CALLS; i++)
		release(&t->calls[i]);
}

/* --- finding --- */

static bool was_seen(struct tools *t, struct span id)
{
	for (unsigned i = 0; i < TOOLS_SEEN; i++)
		if (span_is(id, t->seen[i]))
			return true;
	return !span_copy(t->seen[t->seen_n++ % TOOLS_SEEN], TOOLS_ID, id);
}

static struct tool_call *place(struct tools *t)
{
	for (unsigned i = 0; i < TOOLS_CALLS; i++)
		if (!t->calls[i].used)
			return &t->calls[i];
	return NULL;
}

static struct tool_call *by_ticket(struct tools *t, uint64_t ticket)
{
	for (unsigned i = 0; i < TOOLS_CALLS; i++)
		if (ticket && t->calls[i].running && t->calls[i].ticket == ticket)
			return &t->calls[i];
	return NULL;
}

static const struct tool *http_named(const struct tools *t, struct span name)
{
	for (size_t i = 0; t->setup.set && i < t->setup.set->http_n; i++)
		if (span_is(name, t->setup.set->http[i].name))
			return &t->setup.set->http[i];
	return NULL;
}

/* --- the end of a call --- */

bool tools_waits(const struct tools *t, struct span response)
{
	for (unsigned i = 0; i < TOOLS_CALLS; i++)
		if (t->calls[i].used && span_is(response, t->calls[i].response))
			return true;
	return false;
}

bool tools_any(const struct tools *t)
{
	for (unsigned i = 0; i < TOOLS_CALLS; i++)
		if (t->calls[i].used)
			return true;
	return false;
}

bool tools_busy(const struct tools *t)
{
	for (unsigned i = 0; i < TOOLS_CALLS; i++)
		if (t->calls[i].running)
			return true;
	return false;
}

/* Quiet calls leave a mark on those of their response that still run, so that whichever ends last knows. */
static void pass_on_quiet(struct tools *t, const struct tool_call *c)
{
	for (unsigned i = 0; i < TOOLS_CALLS; i++)
		if (t->calls[i].used && strcmp(c->response, t->calls[i].response) == 0)
			t->calls[i].quiet = t->calls[i].quiet || c->quiet;
}

static void finish(struct tools *t, struct tool_call *c, struct span output, int64_t now_ms)
{
	char response[TOOLS_ID];
	bool answer = !(c->quiet && c->spoke);

	if (c->connection == t->connection)
		t->out->output(t->out->ctx, c, output);
	t->out->saved(t->out->ctx, c, output, now_ms - c->from_ms);
	pass_on_quiet(t, c);
	memcpy(response, c->response, sizeof response);
	release(c);
	if (!tools_busy(t))
		t->filled = false;
	if (answer && !tools_waits(t, span_z(response)))
		t->out->answer(t->out->ctx);
}

static void finish_json(struct tools *t, struct tool_call *c, struct jbuild *b, struct json_object *o, int64_t now_ms)
{
	struct buf text = BUF_INIT;

	if (!b->err)
		json_write(&text, o);
	json_object_put(o);
	finish(t, c, text.n && !text.err ? buf_span(&text) : SPAN("{\"error\":\"the tool failed\"}"), now_ms);
	buf_fini(&text);
}

__attribute__((format(printf, 4, 5))) static void finish_error(struct tools *t, struct tool_call *c, int64_t now_ms, const char *fmt, ...)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);
	struct buf why = BUF_BOUND(1024);
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&why, fmt, ap);
	va_end(ap);
	c->quiet = false;                        /* the model must say what became of it */
	json_set(&b, o, "error", json_str(&b, buf_span(&why)));
	buf_fini(&why);
	finish_json(t, c, &b, o, now_ms);
}

static void finish_ok(struct tools *t, struct tool_call *c, const char *note, int64_t now_ms)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);

	json_set(&b, o, "ok", json_bool(&b, true));
	if (note)
		json_set(&b, o, "note", json_strz(&b, note));
	finish_json(t, c, &b, o, now_ms);
}

/* --- built in --- */

struct run { int64_t now_ms, wall_ms; };

static void end_call(struct tools *t, struct tool_call *c, const struct run *r)
{
	c->quiet = true;
	t->out->end(t->out->ctx, json_get_span(c->args, "reason"));
	finish_ok(t, c, c->spoke ? "the call ends when your words were heard, unless the caller speaks"
	                         : "say goodbye now; the call ends when it was heard, unless the caller speaks", r->now_ms);
}

static bool same_name(struct span a, struct span b)
{
	return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

/* Names first. Nobody is called who is not in the list, whatever number the model has been talked into. */
static bool find_target(struct json_object *list, struct span want, struct tools_target *to)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	for (int by_number = 0; by_number < 2; by_number++)
		for (size_t i = 0; i < n; i++) {
			struct json_object *o = json_object_array_get_idx(list, i);

			*to = (struct tools_target){ json_get_span(o, "name"), json_get_span(o, "number") };
			if (to->number.n && (by_number ? span_eq(want, to->number) : same_name(want, to->name)))
				return true;
		}
	return false;
}

static void transfer_call(struct tools *t, struct tool_call *c, const struct run *r)
{
	struct json_object *list = NULL;
	struct tools_target to;
	bool back = true, known = t->setup.targets && json_read(&list, span_z(t->setup.targets)) == ERR_OK &&
		find_target(list, span_trim(json_get_span(c->args, "target")), &to);

	json_get_bool(c->args, "return_to_agent", &back);
	if (known) {
		c->quiet = true;
		t->out->transfer(t->out->ctx, &to, back, json_get_span(c->args, "summary"));
		finish_ok(t, c, c->spoke ? NULL : "say to whom you connect; the transfer follows", r->now_ms);
	} else {
		finish_error(t, c, r->now_ms, "this target is not in the list of targets; nobody was called");
	}
	json_object_put(list);
}

static bool are_digits(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!s.p[i] || !strchr("0123456789*#wW", s.p[i]))
			return false;
	return s.n > 0 && s.n <= 64;
}

static void send_digits(struct tools *t, struct tool_call *c, const struct run *r)
{
	struct span digits = json_get_span(c->args, "digits");

	if (!are_digits(digits)) {
		finish_error(t, c, r->now_ms, "digits may be 0-9, *, # and w, at most 64");
		return;
	}
	c->quiet = true;
	t->out->digits(t->out->ctx, digits);
	finish_ok(t, c, NULL, r->now_ms);
}

static void get_current_time(struct tools *t, struct tool_call *c, const struct run *r)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);
	char name[ZONE_NAME], date[40], clock[16];
	struct tm tm;

	zone_local(t->setup.timezone, r->wall_ms, &tm);
	zone_name(name, t->setup.timezone);
	strftime(date, sizeof date, "%A, %Y-%m-%d", &tm);
	strftime(clock, sizeof clock, "%H:%M:%S", &tm);
	json_set(&b, o, "date", json_strz(&b, date));
	json_set(&b, o, "time", json_strz(&b, clock));
	json_set(&b, o, "timezone", json_strz(&b, name));
	finish_json(t, c, &b, o, r->now_ms);
}

static void take_message(struct tools *t, struct tool_call *c, const struct run *r)
{
	if (t->out->message(t->out->ctx, buf_span(&c->arguments)))
		finish_ok(t, c, "the message is stored", r->now_ms);
	else
		finish_error(t, c, r->now_ms, "nothing that is said to this agent is stored, messages neither");
}

static bool collects(const struct tools *t)
{
	for (unsigned i = 0; i < TOOLS_CALLS; i++)
		if (t->calls[i].running && t->calls[i].ticket && strcmp(t->calls[i].name, "collect_digits") == 0)
			return true;
	return false;
}

static void collect_digits(struct tools *t, struct tool_call *c, const struct run *r)
{
	struct span to = json_get_span(c->args, "deliver_to");
	bool secret = false;
	int64_t max = 32;

	json_get_bool(c->args, "secret", &secret);
	json_get_int(c->args, "max_digits", &max);
	if (to.n && !http_named(t, to))
		finish_error(t, c, r->now_ms, "deliver_to names no tool of yours");
	else if (secret && !to.n)
		finish_error(t, c, r->now_ms, "secret digits need deliver_to: you are not shown them");
	else if (max < 1 || max > 32)
		finish_error(t, c, r->now_ms, "max_digits is 1 to 32");
	else if (collects(t))
		finish_error(t, c, r->now_ms, "digits are being collected already: one after the other");
	else {
		c->ticket = ++t->tickets;
		c->due_ms = r->now_ms + TOOLS_COLLECT_MS;
		t->out->collect(t->out->ctx, c->ticket, (unsigned)max, secret);
	}
}

static const struct builtin {
	const char *name;
	void (*run)(struct tools *t, struct tool_call *c, const struct run *r);
} builtins[] = {
	{ "end_call", end_call }, { "transfer_call", transfer_call }, { "send_digits", send_digits },
	{ "get_current_time", get_current_time }, { "take_message", take_message }, { "collect_digits", collect_digits },
};

/* Only what the agent was given: a model may make names up. */
static const struct builtin *builtin_named(const struct tools *t, const char *name, struct span *schema)
{
	for (size_t i = 0; i < tool_builtins_n; i++) {
		if (strcmp(tool_builtins[i].name, name) != 0 || !t->setup.set || !(t->setup.set->builtins & 1u << i))
			continue;
		*schema = span_z(tool_builtins[i].parameters);
		for (size_t k = 0; k < sizeof builtins / sizeof *builtins; k++)
			if (strcmp(builtins[k].name, name) == 0)
				return &builtins[k];
	}
	return NULL;
}

/* --- running --- */

static void run_http(struct tools *t, struct tool_call *c, int64_t now_ms)
{
	c->ticket = ++t->tickets;
	c->due_ms = now_ms + c->http->timeout_ms;
	t->out->http(t->out->ctx, c->http, c->ticket, buf_span(&c->arguments));
}

static void run(struct tools *t, struct tool_call *c, const struct run *r)
{
	struct span schema = SPAN_NONE;
	const struct builtin *b = builtin_named(t, c->name, &schema);
	struct buf why = BUF_BOUND(512);

	c->http = b ? NULL : http_named(t, span_z(c->name));
	c->known = b || c->http;
	c->running = true;
	c->from_ms = r->now_ms;
	c->due_ms = INT64_MAX;
	t->out->saved(t->out->ctx, c, SPAN_NONE, 0);
	if (c->http)
		schema = span_z(c->http->parameters);
	if (!b && !c->http)
		finish_error(t, c, r->now_ms, "there is no tool of this name");
	else if (!tools_check(buf_span(&c->arguments), schema, &c->args, &why))
		finish_error(t, c, r->now_ms, "%s", buf_z(&why));
	else if (b)
		b->run(t, c, r);
	else
		run_http(t, c, r->now_ms);
	buf_fini(&why);
}

/* The model waits for an output of each of its calls. */
static void refuse(struct tools *t, struct span call_id)
{
	struct tool_call c = { .connection = t->connection };

	span_copy(c.id, sizeof c.id, call_id);
	t->out->output(t->out->ctx, &c, SPAN("{\"error\":\"too many calls at a time; this one was not made\"}"));
}

void tools_collect(struct tools *t, struct span response, struct span item, struct span call_id, struct span name, struct span arguments)
{
	struct tool_call *c;

	if (!call_id.n || was_seen(t, call_id))
		return;
	c = place(t);
	if (!c) {
		refuse(t, call_id);
		return;
	}
	*c = (struct tool_call){ .used = true, .connection = t->connection, .slot = -1, .arguments = BUF_BOUND((size_t)64 << 10) };
	span_copy(c->id, sizeof c->id, call_id);
	span_copy(c->item, sizeof c->item, item);
	span_copy(c->response, sizeof c->response, response);
	span_copy(c->name, sizeof c->name, name);
	buf_add(&c->arguments, span_trim(arguments).n ? arguments : SPAN("{}"));
}

void tools_response_over(struct tools *t, struct span response, bool good, bool spoke, int64_t now_ms, int64_t wall_ms)
{
	struct run r = { now_ms, wall_ms };
	struct tool_call *mine[TOOLS_CALLS];
	unsigned n = 0;

	for (unsigned i = 0; i < TOOLS_CALLS; i++)
		if (t->calls[i].used && !t->calls[i].running && span_is(response, t->calls[i].response))
			mine[n++] = &t->calls[i];
	for (unsigned i = 0; i < n; i++) {
		mine[i]->spoke = spoke;
		if (!good)
			release(mine[i]);
	}
	for (unsigned i = 0; good && i < n; i++)
		run(t, mine[i], &r);
}

void tools_connection_lost(struct tools *t)
{
	t->connection++;
	for (unsigned i = 0; i < TOOLS_CALLS; i++)
		if (t->calls[i].used && !t->calls[i].running)
			release(&t->calls[i]);
}

/* --- what comes back --- */

static void finish_body(struct tools *t, struct tool_call *c, const struct tools_result *r, int64_t now_ms)
{
	struct buf text = BUF_INIT;
	struct span body = span_trim(r->body);
	size_t n = body.n;

	if (n <= TOOLS_RESULT && !r->cut) {
		finish(t, c, n ? body : SPAN("{\"ok\":true}"), now_ms);
		return;
	}
	n = n < TOOLS_RESULT ? n : TOOLS_RESULT;
	while (n && ((unsigned char)body.p[n - 1] & 0xC0) == 0x80)
		n--;                                 /* no character is cut in two */
	n -= n && (unsigned char)body.p[n - 1] >= 0xC0;
	buf_add(&text, span_head(body, n));
	buf_addz(&text, "\n[the result was longer and is cut here]");
	finish(t, c, buf_span(&text), now_ms);
	buf_fini(&text);
}

/* The tool may say the digits back; the model is not to have them that way either. */
static void finish_delivered(struct tools *t, struct tool_call *c, const struct tools_result *r, int64_t now_ms)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);
	int64_t n = 0;

	json_get_int(c->args, "received", &n);
	json_set(&b, o, "received", json_int(&b, n));
	json_set(&b, o, "delivered", json_bool(&b, !r->error));
	if (r->error)
		json_set(&b, o, "error", json_strz(&b, r->error));
	finish_json(t, c, &b, o, now_ms);
}

void tools_result(struct tools *t, const struct tools_result *r, int64_t now_ms)
{
	struct tool_call *c = by_ticket(t, r->ticket);

	if (!c)
		return;
	if (!c->http)
		finish_delivered(t, c, r, now_ms);
	else if (r->error)
		finish_error(t, c, now_ms, "%s", r->error);
	else if (r->status < 200 || r->status > 299)
		finish_error(t, c, now_ms, "the tool answered with status %d: %.*s", r->status, SPAN_ARG(span_head(r->body, 400)));
	else
		finish_body(t, c, r, now_ms);
}

static void deliver(struct tools *t, struct tool_call *c, const struct tool *to, struct span digits, int64_t now_ms)
{
	struct jbuild b = { 0 };
	struct json_object *o = json_obj(&b);
	struct buf text = BUF_INIT;

	json_set(&b, o, "digits", json_str(&b, digits));
	if (!b.err)
		b.err = json_write(&text, o);
	json_set(&b, c->args, "received", json_int(&b, (int64_t)digits.n));
	json_object_put(o);
	c->ticket = ++t->tickets;
	c->due_ms = now_ms + to->timeout_ms;
	if (b.err)
		finish_error(t, c, now_ms, "the digits could not be delivered");
	else
		t->out->http(t->out->ctx, to, c->ticket, buf_span(&text));
	if (text.n)
		explicit_bzero(text.p, text.n);
	buf_fini(&text);
}

void tools_keys(struct tools *t, uint64_t ticket, struct span digits, bool whole, int64_t now_ms)
{
	struct tool_call *c = by_ticket(t, ticket);
	const struct tool *to = c ? http_named(t, json_get_span(c->args, "deliver_to")) : NULL;
	struct jbuild b = { 0 };
	struct json_object *o;

	if (!c)
		return;
	if (!whole || !digits.n) {
		finish_error(t, c, now_ms, "the caller pressed no keys");
		return;
	}
	if (to) {
		deliver(t, c, to, digits, now_ms);
		return;
	}
	o = json_obj(&b);
	json_set(&b, o, "digits", json_str(&b, digits));
	finish_json(t, c, &b, o, now_ms);
}

/* --- time --- */

static struct span filler_due(const struct tools *t, int64_t now_ms)
{
	for (unsigned i = 0; i < TOOLS_CALLS; i++) {
		const struct tool_call *c = &t->calls[i];

		if (c->running && c->http && c->http->filler && *c->http->filler && now_ms - c->from_ms >= TOOLS_FILLER_MS)
			return span_z(c->http->filler);
	}
	return SPAN_NONE;
}

void tools_tick(struct tools *t, bool quiet, int64_t now_ms)
{
	struct span words = quiet && !t->filled ? filler_due(t, now_ms) : SPAN_NONE;

	for (unsigned i = 0; i < TOOLS_CALLS; i++)
		if (t->calls[i].running && now_ms >= t->calls[i].due_ms)
			finish_error(t, &t->calls[i], now_ms, "the tool did not answer in time");
	if (!words.p || !tools_busy(t))
		return;
	t->filled = true;
	t->out->filler(t->out->ctx, words);
}
