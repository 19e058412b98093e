/* phone_plan - scenario files of the phone. */
#include <stdlib.h>

#include "base/json.h"
#include "base/proc.h"
#include "demo.h"
#include "phone_plan.h"
#include "wav.h"

#define PLAN_MAX  ((size_t)1 << 20)
#define VOICE_MIN 600                 /* of 32767: louder is voice */

static const struct field plan_fields[] = {
	FIELD(struct plan, name, FK_PLAIN, 0, 0, 200, NULL, NULL, "what it shows"),
	FIELD(struct plan, from, FK_PLAIN, 0, 0, 100, NULL, NULL, "caller"),
	FIELD(struct plan, to, FK_PLAIN, 0, 0, 100, NULL, NULL, "called number"),
	FIELD(struct plan, method, FK_WORD, 0, 0, 0, NULL, "GET POST", "of the webhook"),
	FIELD(struct plan, dial, FK_LIST, 0, 0, 300, NULL, NULL, "DialCallStatus of each <Dial> in turn"),
	FIELD(struct plan, parameters, FK_OBJECT, 0, 0, 16384, NULL, NULL, "further parameters of the webhook, or other values"),
	FIELD(struct plan, quiet_ms, FK_PLAIN, 0, 0, 60000, NULL, NULL, "the agent has finished when it was silent for so long"),
	FIELD(struct plan, patience_ms, FK_PLAIN, 0, 0, 600000, NULL, NULL, "how long the caller waits for an answer"),
	FIELD(struct plan, hangup_ms, FK_PLAIN, 0, 0, 86400000, NULL, NULL, "hang up so long after the webhook was sent"),
	FIELD(struct plan, say_ms, FK_PLAIN, 0, 0, 1000, NULL, NULL, "<Say> takes so many milliseconds a character"),
	FIELD(struct plan, status_delay_ms, FK_PLAIN, 0, 0, 60000, "0", NULL, "the final status callback comes so long after the end"),
	FIELD(struct plan, outbound, FK_PLAIN, 0, 0, 0, "false", NULL, "Offhook has called, and this is who has answered"),
	FIELD(struct plan, repeat, FK_PLAIN, 0, 1, 10000, "1", NULL, "the script is gone through so many times"),
	FIELD(struct plan, expect, FK_OBJECT, 0, 0, 65536, NULL, NULL, "what the summary of the call must say"),
};

static const struct field line_fields[] = {
	FIELD(struct plan_line, say, FK_PLAIN, 0, 0, 2000, NULL, NULL, "spoken by espeak-ng"),
	FIELD(struct plan_line, play, FK_PLAIN, 0, 0, 4096, NULL, NULL, "WAV file"),
	FIELD(struct plan_line, dtmf, FK_PLAIN, 0, 0, 64, NULL, NULL, "keys"),
	FIELD(struct plan_line, pattern, FK_PLAIN, 0, 0.02, 86400, NULL, NULL, "seconds of numbered frames"),
	FIELD(struct plan_line, noise, FK_PLAIN, 0, 20, 60000, NULL, NULL, "ms of noise without words"),
	FIELD(struct plan_line, silence, FK_PLAIN, 0, 0, 86400000, NULL, NULL, "ms of silence"),
	FIELD(struct plan_line, hangup, FK_PLAIN, 0, 0, 0, "false", NULL, "the caller hangs up"),
	FIELD(struct plan_line, interrupt_ms, FK_PLAIN, 0, 0, 600000, NULL, NULL, "begins so long after the agent was first heard"),
	FIELD(struct plan_line, after_ms, FK_PLAIN, 0, 0, 86400000, NULL, NULL, "begins so long after the line before"),
	FIELD(struct plan_line, answer, FK_PLAIN, 0, 0, 0, "true", NULL, "an answer is waited for"),
};

static const struct field fault_fields[] = {
	FIELD(struct plan_fault, fault, FK_PLAIN, FF_REQUIRED, 0, 40, NULL, NULL, "which"),
	FIELD(struct plan_fault, at_ms, FK_PLAIN, 0, 0, 86400000, "0", NULL, "after the start of the stream"),
	FIELD(struct plan_fault, ms, FK_PLAIN, 0, 0, 86400000, "1000", NULL, "how long"),
	FIELD(struct plan_fault, count, FK_PLAIN, 0, 1, 100000, "1", NULL, "how often"),
	FIELD(struct plan_fault, bytes, FK_PLAIN, 0, 1, 16777216, "70000", NULL, "how big"),
	FIELD(struct plan_fault, nth, FK_PLAIN, 0, 0, 100, "1", NULL, "of which stream of the call; 0 = of each"),
};

static const struct field machine_fields[] = {
	FIELD(struct plan_machine, value, FK_WORD, FF_REQUIRED, 0, 0, NULL,
	      "human machine_start machine_end_beep machine_end_silence machine_end_other fax unknown", "AnsweredBy"),
	FIELD(struct plan_machine, at_ms, FK_PLAIN, 0, 0, 600000, "3000", NULL, "so long after the answer"),
};

#define ROWS(t) (sizeof(t) / sizeof *(t))

static const char *const fault_names[] = {
	[PF_DROP] = "drop", [PF_CLOSE] = "close", [PF_SECOND_STREAM] = "second_stream", [PF_INTRUDER] = "intruder", [PF_WRONG_TOKEN] = "wrong_token", [PF_NO_TOKEN] = "no_token",
	[PF_WRONG_CALL] = "wrong_call", [PF_WRONG_FORMAT] = "wrong_format", [PF_MALFORMED] = "malformed", [PF_OVERSIZE] = "oversize", [PF_BINARY] = "binary",
	[PF_BAD_FRAME] = "bad_frame", [PF_FRAGMENT] = "fragment", [PF_LATE_START] = "late_start", [PF_NO_START] = "no_start", [PF_HOLE] = "hole",
	[PF_STEP_BACK] = "step_back", [PF_DEAF] = "deaf", [PF_STOP_TWICE] = "stop_twice", [PF_NO_STOP] = "no_stop", [PF_NO_STATUS] = "no_status",
	[PF_STATUS_FIRST] = "status_first", [PF_REPEAT_WEBHOOK] = "repeat_webhook", [PF_FORGED] = "forged", [PF_UNSIGNED] = "unsigned",
	[PF_FORGED_STREAM] = "forged_stream", [PF_UNSIGNED_STREAM] = "unsigned_stream", [PF_WRONG_SESSION] = "wrong_session",
	[PF_ACTION_AFTER_HANGUP] = "action_after_hangup",
};
_Static_assert(sizeof fault_names / sizeof *fault_names == PF_COUNT, "a name per fault");

const char *plan_fault_name(enum plan_fault_kind kind)
{
	return fault_names[kind];
}

/* --- JSON into structs --- */

static enum err bad(struct buf *why, const char *where, const char *text)
{
	if (why)
		buf_printf(why, "%s: %s", where, text);
	return ERR_VALUE;
}

static bool is_part(const char *key)
{
	return strcmp(key, "script") == 0 || strcmp(key, "faults") == 0 || strcmp(key, "answered_by") == 0;
}

/* Every member of `o` is a row of the table, or one of the parts where they may stand. */
static enum err members_read(const struct field *f, size_t n, void *obj, struct json_object *o, const char *where, bool parts, struct buf *why)
{
	enum err e = json_object_is_type(o, json_type_object) ? field_defaults(f, n, obj) : bad(why, where, "an object was expected");

	if (e)
		return e;
	json_object_object_foreach(o, key, value) {
		const struct field *row = field_find(f, n, span_z(key));

		if (!row && parts && is_part(key))
			continue;
		if (!row) {
			if (why)
				buf_printf(why, "%s: unknown member %s", where, key);
			return ERR_VALUE;
		}
		if (why)
			buf_printf(why, "%s: ", where);
		e = field_set_json(row, obj, value, why);
		if (e)
			return e;
		if (why)
			buf_reset(why);
	}
	return ERR_OK;
}

static enum err line_finish(struct plan_line *l, struct buf *why)
{
	unsigned n = !!l->say + !!l->play + !!l->dtmf + !isnan(l->pattern) + (l->silence != FIELD_NULL_INT) + (l->noise != FIELD_NULL_INT) + l->hangup;

	if (n != 1)
		return bad(why, "script", "a line has exactly one of say, play, noise, dtmf, pattern, silence, hangup");
	l->kind = l->say || l->play || l->noise != FIELD_NULL_INT ? PK_SAY : l->dtmf ? PK_DTMF : !isnan(l->pattern) ? PK_PATTERN : l->hangup ? PK_HANGUP : PK_SILENCE;
	if (l->kind == PK_DTMF && strspn(l->dtmf, "0123456789*#ABCD") != strlen(l->dtmf))
		return bad(why, "script", "dtmf may hold 0-9 * # A-D");
	return ERR_OK;
}

static enum err fault_finish(struct plan_fault *f, struct buf *why)
{
	for (size_t i = 0; i < PF_COUNT; i++) {
		if (strcmp(f->fault, fault_names[i]) == 0) {
			f->kind = (enum plan_fault_kind)i;
			return ERR_OK;
		}
	}
	if (why)
		buf_printf(why, "faults: unknown fault %s", f->fault);
	return ERR_VALUE;
}

static enum err lines_read(struct plan *p, struct json_object *list, struct buf *why)
{
	size_t n = list ? json_object_array_length(list) : 0, all = n * (size_t)p->repeat;
	enum err e = ERR_OK;

	p->lines = calloc(all + 1, sizeof *p->lines);
	if (!p->lines)
		return ERR_NOMEM;
	for (size_t i = 0; e == ERR_OK && i < all; i++) {
		struct plan_line *l = &p->lines[p->n_lines++];

		e = members_read(line_fields, ROWS(line_fields), l, json_object_array_get_idx(list, i % n), "script", false, why);
		if (e == ERR_OK)
			e = line_finish(l, why);
	}
	return e;
}

static enum err faults_read(struct plan *p, struct json_object *list, struct buf *why)
{
	size_t n = list ? json_object_array_length(list) : 0;
	enum err e = ERR_OK;

	p->faults = calloc(n + 1, sizeof *p->faults);
	if (!p->faults)
		return ERR_NOMEM;
	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		struct plan_fault *f = &p->faults[p->n_faults++];

		e = members_read(fault_fields, ROWS(fault_fields), f, json_object_array_get_idx(list, i), "faults", false, why);
		if (e == ERR_OK)
			e = f->fault ? fault_finish(f, why) : bad(why, "faults", "the fault is not named");
	}
	return e;
}

static enum err machine_read(struct plan *p, struct json_object *o, struct buf *why)
{
	enum err e = o ? members_read(machine_fields, ROWS(machine_fields), &p->machine, o, "answered_by", false, why) : ERR_OK;

	if (!e && o && !p->machine.value)
		e = bad(why, "answered_by", "it has no value");
	if (!e && o && !p->outbound)
		e = bad(why, "answered_by", "only of a call that is outbound");
	return e;
}

static bool list_or_none(struct json_object *o)
{
	return !o || json_object_is_type(o, json_type_array);
}

enum err plan_parse(struct plan **out, struct span json, struct buf *why)
{
	struct json_object *o = NULL, *lines, *faults;
	struct plan *p = calloc(1, sizeof *p);
	enum err e = p ? json_read(&o, json) : ERR_NOMEM;

	if (e) {
		if (e == ERR_SYNTAX)
			bad(why, "scenario", "it is no JSON");
		free(p);
		return e;
	}
	lines = json_get(o, "script");
	faults = json_get(o, "faults");
	e = members_read(plan_fields, ROWS(plan_fields), p, o, "scenario", true, why);
	if (e == ERR_OK && (!list_or_none(lines) || !list_or_none(faults)))
		e = bad(why, "scenario", "script and faults are lists");
	if (e == ERR_OK)
		e = lines_read(p, lines, why);
	if (e == ERR_OK)
		e = faults_read(p, faults, why);
	if (e == ERR_OK)
		e = machine_read(p, json_get(o, "answered_by"), why);
	json_object_put(o);
	if (e == ERR_OK)
		*out = p;
	else
		plan_free(p);
	return e;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_lines; i++)
		free(p->lines[i].made);
	for (size_t i = 0; i < p->n_lines; i++)
		field_fini(line_fields, ROWS(line_fields), &p->lines[i]);
	for (size_t i = 0; i < p->n_faults; i++)
		field_fini(fault_fields, ROWS(fault_fields), &p->faults[i]);
	field_fini(plan_fields, ROWS(plan_fields), p);
	field_fini(machine_fields, ROWS(machine_fields), &p->machine);
	free(p->lines);
	free(p->faults);
	free(p);
}

const struct plan_fault *plan_fault_find(const struct plan *p, enum plan_fault_kind kind, unsigned nth)
{
	for (size_t i = 0; i < p->n_faults; i++)
		if (p->faults[i].kind == kind && (p->faults[i].nth == 0 || nth == 0 || p->faults[i].nth == (int64_t)nth))
			return &p->faults[i];
	return NULL;
}

/* --- sound --- */

static bool loud(struct span audio, size_t ms)
{
	for (size_t i = ms * 8; i < ms * 8 + 8 && i < audio.n; i++)
		if (abs(wav_linear((uint8_t)audio.p[i])) > VOICE_MIN)
			return true;
	return false;
}

static void find_voice(struct plan_line *l)
{
	uint32_t n = (uint32_t)(l->audio.n / 8);

	l->voice_to = n;
	while (l->voice_from < n && !loud(l->audio, l->voice_from))
		l->voice_from++;
	while (l->voice_to > l->voice_from && !loud(l->audio, l->voice_to - 1))
		l->voice_to--;
	if (l->voice_from == n)
		l->voice_from = 0;
}

/* The same at every time and place. */
static enum err make_noise(struct plan_line *l)
{
	size_t n = (size_t)l->noise * 8;
	uint32_t dice = 1;

	l->made = malloc(n + 1);
	if (!l->made)
		return ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		dice = dice * 1664525 + 1013904223;
		l->made[i] = wav_mulaw((int16_t)(dice >> 16) / 4);
	}
	l->audio = span_of(l->made, n);
	find_voice(l);
	return ERR_OK;
}

static enum err line_sound(struct plan_line *l, struct speech *sp, struct buf *why)
{
	const struct clip *c = NULL;
	enum err e;

	if (l->noise != FIELD_NULL_INT)
		return make_noise(l);
	e = l->say ? speech_get(sp, SPEECH_CALLER, span_z(l->say), &c, why) : speech_file(sp, l->play, span_z(l->play), &c, why);

	if (e)
		return e;
	l->audio = c->audio[SPEECH_PCMU];
	find_voice(l);
	return ERR_OK;
}

static enum err sounds(struct plan *p, struct speech *sp, struct buf *why)
{
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < p->n_lines; i++)
		if (p->lines[i].kind == PK_SAY)
			e = line_sound(&p->lines[i], sp, why);
	return e;
}

/* --- plans of the command line, as the scenario that says the same --- */

static void line_text(struct buf *b, const char *member, const char *text)
{
	buf_addz(b, b->n > 12 ? ",{\"" : "{\"");
	buf_addz(b, member);
	buf_addz(b, "\":\"");
	json_escape(b, span_z(text));
	buf_addz(b, "\"}");
}

static void script_of(struct buf *b, const struct phone_conf *c)
{
	static const char *const demo[] = {
#define X(caller, agent) caller,
		DEMO_TURNS(X)
#undef X
	};

	buf_addz(b, "{\"script\":[");
	if (!isnan(c->pattern)) {
		buf_addz(b, "{\"after_ms\":0,\"answer\":false,\"pattern\":");
		buf_num(b, c->pattern);
		buf_addz(b, "}");
	} else if (c->speech) {
		line_text(b, "play", c->speech);
	} else {
		for (size_t i = 0; i < c->say.n; i++)
			line_text(b, "say", c->say.v[i]);
		for (size_t i = 0; c->say.n == 0 && i < ROWS(demo); i++)
			line_text(b, "say", demo[i]);
	}
	buf_addz(b, "]}");
}

static void fill(char **text, const char *from, enum err *e)
{
	if (*text || !from)
		return;
	*text = span_dup(span_z(from));
	if (!*text)
		*e = ERR_NOMEM;
}

static void fill_int(int64_t *v, int64_t from)
{
	if (*v == FIELD_NULL_INT)
		*v = from;
}

static enum err fill_from(struct plan *p, const struct phone_conf *c)
{
	enum err e = ERR_OK;

	fill(&p->from, c->from, &e);
	fill(&p->to, c->to, &e);
	fill(&p->dial, c->dial, &e);
	fill(&p->method, c->get ? "GET" : "POST", &e);
	fill_int(&p->quiet_ms, c->quiet_ms);
	fill_int(&p->patience_ms, c->patience_ms);
	fill_int(&p->say_ms, c->say_ms);
	return e;
}

enum err plan_make(struct plan **out, struct span json, const struct phone_conf *c, struct speech *sp, struct buf *why)
{
	struct plan *p = NULL;
	enum err e = plan_parse(&p, json, why);

	if (e == ERR_OK)
		e = fill_from(p, c);
	if (e == ERR_OK)
		e = sounds(p, sp, why);
	if (e == ERR_OK)
		*out = p;
	else
		plan_free(p);
	return e;
}

enum err plan_new(struct plan **out, const struct phone_conf *c, struct speech *sp, struct buf *why)
{
	struct buf text = BUF_BOUND(PLAN_MAX);
	enum err e = ERR_OK;

	if (c->scenario)
		e = file_read(&text, c->scenario);
	else
		script_of(&text, c);
	if (e)
		bad(why, c->scenario, err_text(e));
	else
		e = text.err ? text.err : plan_make(out, buf_span(&text), c, sp, why);
	buf_fini(&text);
	return e;
}
