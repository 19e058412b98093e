/*
 * session: anything in any order. Whatever peers, store and operators do, a session breaks no promise of its own: every message it sends is well-formed (the
 * made-up world looks at each), nothing is read beyond its end; when everybody behaves again both hear each other, and once everybody has let go of it it is gone.
 * SHOW_SEEDS=1 names each seed as it begins; SEED=n runs one alone, SEEDS=n more of them.
 */
#include <limits.h>

#include "base/fault.h"
#include "call_world.h"
#include "media-relay/tools.h"

#define SEEDS 300
#define STEPS 400
#ifdef OFFHOOK_FAULTS
#define FAULT_ARM(n) fault_arm(n)               /* UINT_MAX: none */
#else
#define FAULT_ARM(n) (void)(n)
#endif

static uint64_t state;

static unsigned any(unsigned n)                 /* 0..n-1; xorshift */
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)((state >> 20) % n);
}

static const char *one_of(const char *const *list, unsigned n) { return list[any(n)]; }
#define ONE_OF(...) one_of((const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

struct legs { bool caller, model, next; };

static unsigned serial;                         /* of what a well-behaved model would speak of now */

static const char *id(char kind, unsigned of)
{
	static char rooms[4][16];
	static unsigned at;
	char *room = rooms[at++ % 4];

	snprintf(room, 16, "%c%u", kind, any(5) ? serial : serial - any(of));
	return room;
}

static struct tool http[] = {
	{ .name = (char *)"lookup", .timeout_ms = 3000, .filler = (char *)"One moment." }, { .name = (char *)"weather", .timeout_ms = 700 },
};

static struct setup *any_setup(void)
{
	struct setup *s = any(2) ? w_setup() : any(2) ? silent_setup() : two_upstreams();

	s->greeting_interruptible = any(4) > 0;
	s->vad_interrupt = any(5) > 0;
	s->vad_create = any(5) > 0;
	s->transcription = any(4) > 0;
	s->resume_false_barge_in = any(3) == 0;
	s->barge_in_min_speech_ms = any(3) ? 0 : 300;
	s->playout_lead_ms = any(3) ? 400 : 0;
	s->uplink_frames = 1 + any(3);
	s->keep_turns = s->keep_events = any(6) > 0;
	s->idle_ms = any(3) ? 0 : 20000;
	s->max_call_ms = any(4) ? 0 : 40000;
	s->max_call_cost = any(4) ? NAN : 0.05;
	s->resumed = any(5) == 0;
	s->tools.http = calloc(2, sizeof *s->tools.http);
	for (int i = 0; i < 2; i++)
		assert_int_equal(field_copy(tool_type.fields, tool_type.fields_n, &s->tools.http[i], &http[i]), ERR_OK);
	s->tools.http_n = 2;
	s->tools.builtins = 0xff;
	s->tools.mcp = any(2) ? strdup("[{\"server_label\":\"crm\",\"allowed_tools\":[\"find\"]}]") : NULL;
	s->targets = strdup("[{\"name\":\"Sales\",\"number\":\"+15550100\"}]");
	s->timezone = strdup("UTC");
	s->voicemail = any(2) ? strdup("Please call back") : NULL;
	return s;
}

/* --- the caller's side --- */

static void frame(struct world *w)
{
	char b64[B64_ENCODED(4000) + 1];
	size_t n = any(10) ? 160 : any(4000);

	w_b64(b64, n, (uint8_t)any(256));
	if (any(20) == 0)
		b64[any(4)] = '!';
	w_caller(w, "{\"event\":\"media\",\"media\":{\"track\":\"inbound\",\"timestamp\":\"%lld\",\"payload\":\"%s\"},\"streamSid\":\"%s\"}", (long long)w->frame_ts, b64, w->streams);
	w->frame_ts += any(30) ? 20 : (int64_t)any(20000) - 5000;
}

static void caller(struct world *w, struct legs *l)
{
	switch (any(14)) {
	case 0: press(w, "0123456789*#"[any(12)]); break;
	case 1: w_caller(w, "%s", ONE_OF("{}", "", "{\"event\":\"media\"}", "{\"event\":\"dtmf\",\"dtmf\":{\"digit\":\"\"}}", "{\"event\":\"mark\",\"mark\":{\"name\":\"m3\"}}",
	                                 "{\"event\":\"start\",\"start\":{}}", "{\"event\":\"mark\",\"streamSid\":\"x\",\"mark\":{\"name\":\"m99999999999999999999\"}}")); break;
	case 2:
		if (any(40) == 0)
			stop(w);
		break;
	case 3:
		if (any(20) == 0 && l->caller) {
			l->caller = false;
			w_event(w, EV_CALLER_CLOSED, ONE_OF("", "1000", "1006"));
		}
		break;
	default: frame(w);
	}
}

static void stream(struct world *w, struct legs *l)
{
	snprintf(w->streams, sizeof w->streams, "MZ%032u", any(1000000));
	w->last_mark_pos = (int64_t)w->down.n;
	w->marks_at = w->marks_n;
	l->caller = true;
	w_event(w, EV_CALLER_START, w->streams);
}

/* --- the model's side --- */

static void item_event(struct world *w, const char *type, const char *more)
{
	w_model(w, "{\"type\":\"%s\",\"event_id\":\"e\",\"response_id\":\"%s\",\"item_id\":\"%s\",\"output_index\":0,\"content_index\":%u%s}", type, id('r', 6), id('i', 8),
	        any(8) ? 0 : any(3), more);
}

static void audio(struct world *w)
{
	char b64[B64_ENCODED(8000) + 1], more[sizeof b64 + 20];

	w_b64(b64, any(8000), 1);
	snprintf(more, sizeof more, ",\"delta\":\"%s\"", any(30) ? b64 : "=");
	item_event(w, "response.output_audio.delta", more);
}

static void tool_item(struct world *w)
{
	static unsigned calls;

	calls++;
	w_model(w, "{\"type\":\"response.output_item.done\",\"event_id\":\"e\",\"response_id\":\"%s\",\"item\":{\"id\":\"f%u\",\"type\":\"function_call\",\"status\":\"%s\",\"name\":\"%s\","
	        "\"call_id\":\"c%u\",\"arguments\":\"%s\"}}", id('r', 6), calls, any(10) ? "completed" : "incomplete",
	        ONE_OF("lookup", "weather", "end_call", "transfer_call", "send_digits", "get_current_time", "take_message", "collect_digits", "nothing"), calls,
	        ONE_OF("{}", "", "[", "{\\\"reason\\\":\\\"x\\\"}", "{\\\"target\\\":\\\"Sales\\\"}", "{\\\"target\\\":\\\"Sales\\\",\\\"return_to_agent\\\":false}", "{\\\"digits\\\":\\\"1w2\\\"}",
	               "{\\\"message\\\":\\\"m\\\"}", "{\\\"secret\\\":true,\\\"deliver_to\\\":\\\"weather\\\"}", "{\\\"max_digits\\\":2}"));
}

static void done(struct world *w)
{
	w_model(w, "{\"type\":\"response.done\",\"event_id\":\"e\",\"response\":{\"id\":\"%s\",\"status\":\"%s\",\"status_details\":{\"reason\":\"x\",\"error\":{\"code\":\"%s\",\"message\":\"%s\"}},"
	        "\"output\":[{\"type\":\"%s\"}],\"usage\":{\"total_tokens\":9,\"input_token_details\":{\"audio_tokens\":%u}}}}", id('r', 6),
	        ONE_OF("completed", "completed", "completed", "cancelled", "incomplete", "failed"),
	        any(20) ? "server_error" : "insufficient_quota", ONE_OF("", "try again in 1.2s"), ONE_OF("message", "function_call"), any(2000));
}

static void errors(struct world *w)
{
	char event[20];

	snprintf(event, sizeof event, "%c%u", "rtfcox"[any(6)], any(30));
	error_event(w, any(8) ? "server_error" : "invalid_request_error",
	            any(60) ? ONE_OF("conversation_already_has_active_response", "x", "response_cancel_not_active") : ONE_OF("session_expired", "invalid_api_key"),
	            ONE_OF("no", "Audio content of 120ms is already shorter than 500ms"), any(6) ? event : "greeting");
}

static void mcp(struct world *w)
{
	if (any(3))
		w_model(w, "{\"type\":\"response.mcp_call.%s\",\"event_id\":\"e\",\"output_index\":0,\"item_id\":\"%s\"}", ONE_OF("in_progress", "completed", "failed"), id('x', 4));
	else
		w_model(w, "{\"type\":\"conversation.item.done\",\"event_id\":\"e\",\"item\":{\"id\":\"%s\",\"type\":\"mcp_approval_request\",\"server_label\":\"crm\",\"name\":\"%s\"}}",
		        id('m', 4), ONE_OF("find", "erase"));
}

static void model(struct world *w)
{
	switch (any(20)) {
	case 0: case 1:
		serial++;
		w_response(w, id('r', 6));
		break;
	case 2: case 3: done(w); break;
	case 4: item_event(w, "response.output_audio.done", ""); break;
	case 5: item_event(w, "response.output_audio_transcript.done", ",\"transcript\":\"one two three four\""); break;
	case 6: item_event(w, "response.output_audio_transcript.delta", ",\"delta\":\"five six\""); break;
	case 7: w_speech(w, id('u', 4)); break;
	case 8: w_speech_over(w, id('u', 4)); break;
	case 9: w_heard(w, id('u', 4), ONE_OF("", "wait", "Yes, please.")); break;
	case 10: tool_item(w); break;
	case 11: errors(w); break;
	case 12: mcp(w); break;
	case 13: w_model(w, "%s", ONE_OF("{}", "x", "{\"type\":\"never.heard.of\"}", "{\"type\":\"response.done\"}", "{\"type\":\"response.created\",\"response\":null}",
	                                 "{\"type\":\"response.output_audio.delta\",\"delta\":null}", "{\"type\":\"input_audio_buffer.speech_started\",\"audio_start_ms\":9223372036854775807}",
	                                 "{\"type\":\"session.created\",\"session\":{\"expires_at\":1790000400}}")); break;
	case 14:
		w_model(w, "{\"type\":\"response.created\",\"event_id\":\"e\",\"response\":{\"id\":\"%s\",\"metadata\":{\"purpose\":\"filler\"}}}", id('r', 6));
		break;
	case 15: w_ready(w); break;
	default: audio(w);
	}
}

static void connections(struct world *w, struct legs *l)
{
	switch (any(6)) {
	case 0:
		if (l->model && any(6) == 0) {
			l->model = false;
			w_event(w, EV_MODEL_CLOSED, ONE_OF("1006", "http 503", "1001 Your session hit the maximum duration of 60 minutes.", "cannot connect"));
		}
		break;
	case 1:
		if (l->next) {
			w_event(w, EV_NEXT_MESSAGE, "{\"type\":\"session.created\",\"session\":{}}");
			w_event(w, EV_NEXT_MESSAGE, "{\"type\":\"session.updated\",\"session\":{\"audio\":{\"input\":{\"format\":{\"type\":\"audio/pcmu\"}},\"output\":{\"format\":{\"type\":\"audio/pcmu\"},"
			                            "\"voice\":\"marin\"}}}}");
		}
		break;
	case 2:
		if (l->next && any(3) == 0) {
			l->next = false;
			w_event(w, EV_NEXT_CLOSED, "1006");
		}
		break;
	case 3: w->full[any(LEGS)] = any(10) == 0; break;
	default:
		memset(w->full, 0, sizeof w->full);
		w_event(w, any(2) ? EV_CALLER_WRITABLE : EV_MODEL_WRITABLE, NULL);
	}
}

/* --- everybody else --- */

static void others(struct world *w, struct legs *l)
{
	struct tools_result r = { .ticket = 1 + any(8), .status = any(3) ? 200 : 500, .body = SPAN("{\"found\":\"nine\"}") };

	switch (any(16)) {
	case 0: w_event(w, EV_OUTCOME_SAVED, NULL); break;
	case 1: w_event(w, EV_ANNOUNCED, NULL); break;
	case 2: w_event(w, EV_RETURNED, ONE_OF("completed", "busy", "no-answer", "")); break;
	case 3: w_event(w, EV_MACHINE, any(10) ? ONE_OF("human", "unknown") : ONE_OF("machine_start", "machine_end_beep", "fax")); break;
	case 4:
		if (any(8) == 0)
			w_event(w, EV_STREAM_ERROR, "31924");
		break;
	case 5: session_take_budget(w->s, any(10) ? NAN : 0.01, NAN, 0.001); break;
	case 6: clock_move(any(30) ? (int64_t)any(400) : (int64_t)any(900000)); break;
	case 7:
		if (any(40) == 0)
			w_event(w, (enum session_ev[]){ EV_STATUS_FINAL, EV_HANGUP, EV_SHUTDOWN, EV_DRAIN }[any(4)], ONE_OF("completed", "relay_lost", "transferred", "x"));
		break;
	case 8:
		if (!l->caller || any(10) == 0)
			stream(w, l);
		break;
	default: session_event(w->s, EV_TOOL, span_of(&r, sizeof r));
	}
}

static void look(struct world *w, struct legs *l)
{
	const char *log = buf_z(&w->log);
	bool dialled = strstr(log, "dial ");

	l->model = l->model || dialled;
	l->next = l->next || strstr(log, "next first") || strstr(log, "next second");
	if (strstr(log, "promote;")) {
		l->model = true;
		l->next = false;
	}
	forget(w);
	if (dialled && any(6))
		w_ready(w);
}

/* A model that does as it is asked. */
static void obey(struct world *w, struct legs *l)
{
	static const char *const asked[] = { "create;", "say ", "greet;", "continue;" };
	char log[4096], r[16], item[16];
	bool answer = false;

	snprintf(log, sizeof log, "%s", buf_z(&w->log));
	look(w, l);
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
		answer = answer || strstr(log, asked[i]);
	if (strstr(log, "filler ")) {
		w_model(w, "{\"type\":\"response.created\",\"event_id\":\"e\",\"response\":{\"id\":\"filler%u\",\"metadata\":{\"purpose\":\"filler\"}}}", ++serial);
		snprintf(r, sizeof r, "filler%u", serial);
		w_done(w, r, "completed");
	}
	if (!answer)
		return;
	snprintf(r, sizeof r, "r%u", ++serial);
	snprintf(item, sizeof item, "i%u", serial);
	w_answer(w, r, item, 300, "Yes");
}

static bool talks(const struct world *w)
{
	struct session_view v;

	session_view(w->s, &v);
	return !w->gone && v.stream_on;
}

/* Up to three frames are sent together. */
static void is_heard(struct world *w, unsigned seed)
{
	size_t before = w->up.n;

	for (int i = 0; i < 10; i++)
		w_frame(w, 1);
	if (talks(w) && w->up.n < before + 8 * 160)
		fail_msg("seed %u: the model does not hear the caller", seed);
}

/* However wild it was: when everybody behaves again, the agent hears the caller and the caller the agent. */
static void it_goes_on(struct world *w, struct legs *l, unsigned seed)
{
	size_t before;

	memset(w->full, 0, sizeof w->full);
	w_speech(w, "u_end");
	w_speech_over(w, "u_end");
	for (int i = 0; i < 800 && talks(w); i++) {
		obey(w, l);
		w_run(w, 100);
	}
	if (!talks(w))
		return;
	before = w->down.n;
	serial += 100;
	w_answer(w, id('r', 1), id('i', 1), 500, "There you are");
	for (int i = 0; i < 30 && talks(w); i++) {
		w_run(w, 100);
		obey(w, l);
	}
	if (talks(w) && w->down.n < before + 4000)
		fail_msg("seed %u: nobody hears the agent", seed);
	if (talks(w))
		is_heard(w, seed);
}

static void everybody_lets_go(struct world *w, struct legs *l)
{
	memset(w->full, 0, sizeof w->full);
	for (int i = 0; i < 4 && !w->gone; i++) {
		w_event(w, EV_STATUS_FINAL, "completed");
		w_event(w, EV_OUTCOME_SAVED, NULL);
		look(w, l);
		if (l->caller)
			w_event(w, EV_CALLER_CLOSED, "1000");
		if (l->model)
			w_event(w, EV_MODEL_CLOSED, "1000");
		if (l->next)
			w_event(w, EV_NEXT_CLOSED, "1000");
		*l = (struct legs){ false };
		if (!w->gone)
			w_run(w, 6000);
	}
}

static void no_broken_promise(const char *line, void *arg)
{
	(void)arg;
	if (strstr(line, "session.broken"))
		fail_msg("%s", line);
}

/* poor: now and then there is no memory. */
static void call_of(unsigned seed)
{
	bool poor = seed % 3 == 2;
	struct legs l = { false };
	struct world *w;

	state = 0x9E3779B97F4A7C15u * (seed + 1);
	serial = 10;
	w = w_begin(any(10) ? any_setup() : NULL);
	w->loose = true;
	log_to(no_broken_promise, NULL);
	look(w, &l);
	if (any(4))
		stream(w, &l);
	for (unsigned i = 0; i < STEPS && !w->gone; i++) {
		if (poor && any(8) == 0)
			FAULT_ARM(any(40));
		switch (any(8)) {
		case 0: case 1: caller(w, &l); break;
		case 2: case 3: case 4: model(w); break;
		case 5: connections(w, &l); break;
		case 6: others(w, &l); break;
		default: w_run(w, 20 * (1 + any(20)));
		}
		look(w, &l);
	}
	FAULT_ARM(UINT_MAX);
	if (talks(w))
		it_goes_on(w, &l, seed);
	everybody_lets_go(w, &l);
	if (!w->gone)
		fail_msg("seed %u: not gone", seed);
	w_end(w);
}

static void whatever_happens_a_session_keeps_its_promises(void **st)
{
	const char *only = getenv("SEED"), *more = getenv("SEEDS");
	unsigned seeds = more ? (unsigned)strtoul(more, NULL, 10) : SEEDS;

	(void)st;
	if (only) {
		call_of((unsigned)strtoul(only, NULL, 10));
		return;
	}
	for (unsigned seed = 0; seed < seeds; seed++) {
		if (getenv("SHOW_SEEDS"))
			fprintf(stderr, "seed %u\n", seed);
		call_of(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_happens_a_session_keeps_its_promises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
