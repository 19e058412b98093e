/* A whole call in virtual time; the bytes say what the caller does, what the model answers and what breaks. It ends, the session breaks no promise of its own,
 * and the model has nothing to complain of that a careful client never causes. Without sound: noise is speech, numbered frames are answers. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "tests/sim/play.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct dice {
	const uint8_t *p;
	size_t n;
};

static unsigned take(struct dice *d, unsigned below)
{
	if (d->n == 0)
		return 0;
	d->n--;
	return *d->p++ % below;
}

static const char *pick(struct dice *d, const char *const *words, unsigned n)
{
	return words[take(d, n)];
}
#define PICK(d, words) pick(d, words, (unsigned)(sizeof(words) / sizeof *(words)))

static const char *yes(struct dice *d)
{
	return take(d, 2) ? "true" : "false";
}

/* Lists of at most `most` things, each by `add`. */
static void list(struct buf *b, struct dice *d, unsigned most, void (*add)(struct buf *b, struct dice *d))
{
	unsigned n = take(d, most + 1);

	buf_addc(b, '[');
	for (unsigned i = 0; i < n; i++) {
		if (i)
			buf_addc(b, ',');
		add(b, d);
	}
	buf_addc(b, ']');
}

static void add_interruption(struct buf *b, struct dice *d)
{
	buf_printf(b, "{\"noise\":%u", 60 + take(d, 64) * 40);
	buf_printf(b, ",\"interrupt_ms\":%u}", take(d, 256) * 12);
}

static void add_line(struct buf *b, struct dice *d)
{
	static const char *const keys[] = { "1", "#", "42#", "0123456789012345#" };
	unsigned kind = take(d, 8);

	if (kind == 0)
		buf_printf(b, "{\"dtmf\":\"%s\"}", PICK(d, keys));
	else if (kind == 1)
		buf_printf(b, "{\"silence\":%u,\"answer\":false}", take(d, 256) * 40);
	else if (kind < 5)
		add_interruption(b, d);
	else
		buf_printf(b, "{\"noise\":%u}", 200 + take(d, 64) * 40);
}

static void add_fault(struct buf *b, struct dice *d)
{
	static const char *const at[] = {
		"connect", "session.created", "session.updated", "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed",
		"conversation.item.input_audio_transcription.completed", "response.created", "response.output_audio.delta", "response.output_audio.done",
		"response.done", "conversation.item.truncate", "response.create", "conversation.item.create",
	};
	static const char *const acts[] = { "drop", "close", "expire", "error", "mute", "stall", "garbage", "binary" };

	buf_printf(b, "{\"at\":\"%s\"", PICK(d, at));
	buf_printf(b, ",\"do\":\"%s\"", PICK(d, acts));
	buf_printf(b, ",\"nth\":%u", 1 + take(d, 6));
	buf_printf(b, ",\"after_ms\":%u", take(d, 2) ? take(d, 256) * 16 : 0);
	buf_printf(b, ",\"ms\":%u}", 100 + take(d, 256) * 12);
}

static void add_call(struct buf *b, struct dice *d)
{
	static const char *const calls[] = {
		"{\"name\":\"quick\",\"arguments\":{}}", "{\"name\":\"slow\",\"arguments\":{\"a\":1}}", "{\"name\":\"get_current_time\",\"arguments\":{}}",
		"{\"name\":\"nobody\",\"arguments\":{}}", "{\"name\":\"end_call\",\"arguments\":{\"reason\":\"done\"}}", "{\"name\":\"quick\",\"arguments\":\"{broken\"}",
		"{\"name\":\"transfer_call\",\"arguments\":{\"target\":\"Sales\"}}", "{\"name\":\"send_digits\",\"arguments\":{\"digits\":\"1w2\"}}",
		"{\"name\":\"collect_digits\",\"arguments\":{\"max_digits\":4,\"secret\":true,\"deliver_to\":\"quick\"}}",
		"{\"name\":\"collect_digits\",\"arguments\":{\"max_digits\":2}}",
	};

	buf_addz(b, PICK(d, calls));
}

static void add_reply(struct buf *b, struct dice *d)
{
	static const char *const ends[] = { "completed", "completed", "completed", "failed", "incomplete", "empty" };
	static const char *const says[] = { "Yes.", "We are open from nine to six, and on Saturdays from ten to two.", "One, two, three, four, five, six, seven, eight." };

	buf_printf(b, "{\"say\":\"%s\"", PICK(d, says));
	buf_printf(b, ",\"end\":\"%s\",\"code\":\"content_filter\"", PICK(d, ends));
	if (take(d, 3) == 0) {
		buf_addz(b, ",\"calls\":");
		list(b, d, 3, add_call);
	}
	buf_addc(b, '}');
}

static void add_turn(struct buf *b, struct dice *d)
{
	unsigned kind = take(d, 6);

	buf_printf(b, "{\"transcript_ms\":%u,", take(d, 256) * 10);
	if (kind == 0)
		buf_addz(b, "\"transcript_error\":\"no_words\",");
	else if (kind == 1)
		buf_addz(b, "\"user\":\"\",");
	buf_addz(b, "\"replies\":");
	list(b, d, 3, add_reply);
	buf_addc(b, '}');
}

static void add_session(struct buf *b, struct dice *d)
{
	static const char *const rates[] = { "5", "0", "1", "2" };

	buf_printf(b, "{\"rate\":%s", PICK(d, rates));
	buf_printf(b, ",\"created_ms\":%u", take(d, 4) ? 0 : take(d, 256) * 20);
	buf_addz(b, ",\"turns\":");
	list(b, d, 5, add_turn);
	buf_addz(b, ",\"faults\":");
	list(b, d, 2, add_fault);
	buf_addc(b, '}');
}

static void add_happening(struct buf *b, struct dice *d)
{
	static const char *const acts[] = { "kill", "replace", "hangup" };

	buf_printf(b, "{\"do\":\"%s\"", PICK(d, acts));
	buf_printf(b, ",\"at_ms\":%u", take(d, 256) * 80);
	buf_printf(b, ",\"ms\":%u}", take(d, 256) * 15);
}

static void add_phone_fault(struct buf *b, struct dice *d)
{
	static const char *const faults[] = { "drop", "close", "malformed", "hole", "step_back", "deaf", "late_start", "no_stop", "status_first", "no_status" };

	buf_printf(b, "{\"fault\":\"%s\"", PICK(d, faults));
	buf_printf(b, ",\"at_ms\":%u", take(d, 256) * 60);
	buf_printf(b, ",\"ms\":%u}", 100 + take(d, 256) * 20);
}

static void write_agent(struct buf *b, struct dice *d)
{
	static const char *const formats[] = { "g711_ulaw", "g711_alaw", "pcm16" };
	static const char *const vads[] = { "server_vad", "semantic_vad", "none" };

	buf_printf(b, "\"agent\":{\"greeting\":\"%s\"", take(d, 4) ? "Good morning." : "");
	buf_printf(b, ",\"greeting_interruptible\":%s", yes(d));
	buf_printf(b, ",\"resume_false_barge_in\":%s", yes(d));
	buf_printf(b, ",\"vad_create_response\":%s", take(d, 8) ? "true" : "false");
	buf_printf(b, ",\"vad_interrupt_response\":%s", take(d, 4) ? "true" : "false");
	buf_printf(b, ",\"enable_input_transcription\":%s", take(d, 4) ? "true" : "false");
	buf_printf(b, ",\"barge_in_min_speech_ms\":%u", take(d, 3) * 200);
	buf_printf(b, ",\"output_audio_format\":\"%s\"", PICK(d, formats));
	buf_printf(b, ",\"vad_type\":\"%s\"", take(d, 3) ? "server_vad" : PICK(d, vads));
	buf_printf(b, ",\"uplink_frames\":%u", 1 + take(d, 4));
	buf_printf(b, ",\"idle_timeout_seconds\":%u", 5 + take(d, 30));
	buf_printf(b, ",\"max_call_seconds\":%u", 20 + take(d, 100));
	buf_addz(b, ",\"transfer_targets\":[{\"name\":\"Sales\",\"number\":\"+15005550077\"}]"
		    ",\"tools\":[\"quick\",\"slow\",\"end_call\",\"get_current_time\",\"collect_digits\",\"send_digits\",\"transfer_call\"]},");
}

static void write_phone(struct buf *b, struct dice *d)
{
	static const char *const dials[] = { "completed", "no-answer", "busy" };

	buf_printf(b, "\"phone\":{\"patience_ms\":9000,\"hangup_ms\":80000,\"expect\":{\"problems\":\"any\"},\"dial\":[\"%s\"],\"faults\":", PICK(d, dials));
	list(b, d, 2, add_phone_fault);
	buf_addz(b, ",\"script\":");
	list(b, d, 8, add_line);
	buf_addz(b, "},");
}

static void write_tools(struct buf *b, struct dice *d)
{
	buf_printf(b, "\"tools\":[{\"name\":\"quick\",\"answers\":[{\"ms\":%u}]},", take(d, 256));
	buf_printf(b, "{\"name\":\"slow\",\"timeout_ms\":2000,\"filler\":\"Wait.\",\"answers\":[{\"ms\":%u}]}],", take(d, 256) * 12);
}

static void write_file(struct buf *b, struct dice *d)
{
	buf_printf(b, "{\"limit_s\":120,\"delay_ms\":%u,", take(d, 4) * 50);
	buf_printf(b, "\"jitter_ms\":%u,", take(d, 4) * 15);
	write_agent(b, d);
	write_tools(b, d);
	write_phone(b, d);
	buf_addz(b, "\"relay\":");
	list(b, d, 2, add_happening);
	buf_addz(b, ",\"model\":{\"sessions\":[");
	for (unsigned i = 0; i < 4; i++) {
		add_session(b, d);
		buf_addc(b, i < 3 ? ',' : ']');
	}
	buf_addz(b, "}}");
}

static bool is_wrong(const char *problem)
{
	return strncmp(problem, "the phone:", 10) != 0;
}

/* A relay that is gone, and nobody who says that the call is over: the next relay ends it, half a minute later, out of its database. */
static bool may_stay_open(const struct play *p)
{
	return strstr(p->file.relay, "kill") || strstr(p->file.relay, "replace") || strstr(p->file.phone, "no_status");
}

static void judge(struct play *p)
{
	struct jbuild b = { 0 };
	struct json_object *o = play_json(p, &b);
	int64_t violations = -1;

	for (unsigned i = 0; i < p->problems_n && i < PLAY_PROBLEMS; i++)
		if (is_wrong(p->problems[i])) {
			fprintf(stderr, "%s\n", p->problems[i]);
			assert(0);
		}
	assert(json_get_int(json_get(o, "model"), "violations", &violations));
	if (violations)
		fprintf(stderr, "%s\n", json_object_to_json_string(json_path(o, "model.error_codes")));
	assert(violations == 0);
	assert(json_get_span(json_get(o, "call"), "end_reason").n || may_stay_open(p));
	json_object_put(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct play_conf conf = { .seed = FIELD_NULL_INT };
	struct dice d = { p, n };
	struct buf text = BUF_INIT, why = BUF_INIT;
	struct play one = { .conf = &conf };

	log_init("fuzz", LOG_ERROR, LOG_TEXT);
	write_file(&text, &d);
	if (getenv("SHOW_FILE"))                         /* to be played by itself */
		printf("%s\n", buf_z(&text));
	assert(play_file_parse(&one.file, buf_span(&text), &why) == ERR_OK);
	one.talks = getenv("SHOW_CALL") != NULL;
	if (play_call(&one, &why)) {
		fprintf(stderr, "%s\n", buf_z(&why));
		assert(0);
	}
	judge(&one);
	play_fini(&one);
	buf_fini(&why);
	buf_fini(&text);
	return 0;
}
