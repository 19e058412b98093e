/* twiml_run - the rules of TwiML as a table, and the steps that follow from a document. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "twiml_run.h"

/* --- the elements we may meet: where they may stand and which attributes they have --- */

enum text_rule { NO_TEXT, ANY_TEXT, URL_TEXT };

static const struct element {
	const char *name, *parents, *attrs;
	enum text_rule text;
	enum twiml_verb verb;
} elements[] = {
	{ "Say",       " Response Gather ", " voice language loop ", ANY_TEXT, TV_SAY },
	{ "Play",      " Response Gather ", " loop digits ", URL_TEXT, TV_PLAY },
	{ "Pause",     " Response Gather ", " length ", NO_TEXT, TV_PAUSE },
	{ "Dial",      " Response ", " action method timeout timeLimit callerId answerOnBridge hangupOnStar record recordingStatusCallback"
	               " recordingStatusCallbackMethod recordingStatusCallbackEvent recordingTrack trim ringTone sequential referUrl callReason ", ANY_TEXT, TV_DIAL },
	{ "Connect",   " Response ", " action method ", NO_TEXT, TV_CONNECT },
	{ "Hangup",    " Response ", " ", NO_TEXT, TV_HANGUP },
	{ "Reject",    " Response ", " reason ", NO_TEXT, TV_REJECT },
	{ "Redirect",  " Response ", " method ", URL_TEXT, TV_REDIRECT },
	{ "Number",    " Dial ", " statusCallback statusCallbackEvent statusCallbackMethod url method sendDigits ", ANY_TEXT, TV_END },
	{ "Sip",       " Dial ", " username password url method statusCallback statusCallbackEvent statusCallbackMethod ", ANY_TEXT, TV_END },
	{ "Client",    " Dial ", " url method statusCallback statusCallbackEvent statusCallbackMethod ", ANY_TEXT, TV_END },
	{ "Stream",    " Connect Start ", " url name track statusCallback statusCallbackMethod ", NO_TEXT, TV_END },
	{ "Parameter", " Stream ", " name value ", NO_TEXT, TV_END },
	/* Twilio knows these and would run them; this phone does not. */
	{ "Gather",    " Response ", NULL, NO_TEXT, TV_UNSUPPORTED },
	{ "Enqueue",   " Response ", NULL, ANY_TEXT, TV_UNSUPPORTED },
	{ "Record",    " Response ", NULL, NO_TEXT, TV_UNSUPPORTED },
	{ "Start",     " Response ", NULL, NO_TEXT, TV_UNSUPPORTED },
	{ "Stop",      " Response ", NULL, NO_TEXT, TV_UNSUPPORTED },
};

static bool listed(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at++)
		if (at > list && at[-1] == ' ' && at[n] == ' ')
			return true;
	return false;
}

static const struct element *find(const char *name)
{
	for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
		if (strcmp(elements[i].name, name) == 0)
			return &elements[i];
	return NULL;
}

__attribute__((format(printf, 4, 5))) static void fault(struct twiml_run *t, int code, bool fatal, const char *fmt, ...)
{
	struct twiml_fault *f;
	va_list ap;

	if (t->n_faults++ >= TWIML_FAULTS_MAX)
		return;
	f = &t->faults[t->n_faults - 1];
	f->code = code;
	f->fatal = fatal;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof f->text, fmt, ap);
	va_end(ap);
}

/* --- values --- */

static bool all_blank(struct span s)
{
	return span_trim(s).n == 0;
}

static const char *text_of(struct xml *x)            /* without the white space around it */
{
	struct span s = span_trim(buf_span(&x->text));

	if (s.n != x->text.n && s.n)
		memmove(x->text.p, s.p, s.n);
	if (x->text.p) {
		x->text.p[s.n] = '\0';
		x->text.n = s.n;
	}
	return x->text.p ? x->text.p : "";
}

static bool absolute(const char *url, const char *schemes)
{
	const char *colon = strstr(url, "://");
	char scheme[8] = "";

	if (!colon || !span_copy(scheme, sizeof scheme, span_of(url, (size_t)(colon - url))) || !listed(schemes, scheme))
		return false;
	if (colon[3] == '\0' || strchr("/?#:", colon[3]))
		return false;
	return !strpbrk(url, " \t\r\n\"<>\\");
}

static void check_url(struct twiml_run *t, const char *element, const char *what, const char *url)
{
	if (url && !absolute(url, " http https "))
		fault(t, 11100, false, "<%s> %s is no absolute http(s) URL", element, what);
}

static void check_word(struct twiml_run *t, const char *element, const char *what, const char *value, const char *allowed)
{
	if (value && (strchr(value, ' ') || !*value || !listed(allowed, value)))
		fault(t, 12200, false, "<%s> %s=\"%.40s\" is not one of:%s", element, what, value, allowed);
}

static void check_number(struct twiml_run *t, const char *element, const char *what, const char *value, int64_t low, int64_t high)
{
	int64_t v;

	if (value && (!span_int(span_z(value), &v) || v < low || v > high))
		fault(t, 12200, false, "<%s> %s=\"%.40s\" is not a number from %d to %d", element, what, value, (int)low, (int)high);
}

static void check_stream(struct twiml_run *t, const struct xml *x)
{
	const char *url = xml_attr(x, "url"), *track = xml_attr(x, "track");

	if (!url)
		fault(t, 31923, false, "<Stream> has no url");
	else if (!absolute(url, " ws wss http https "))
		fault(t, 31923, false, "<Stream> url is malformed");
	else if (strncmp(url, "wss://", 6) != 0)
		fault(t, 31922, false, "<Stream> url is not wss");
	else if (strpbrk(url, "?#"))
		fault(t, 31920, false, "<Stream> url has a query or fragment, which Twilio removes");
	if (track && strcmp(track, "inbound_track") != 0)
		fault(t, 31941, false, "<Stream> track=\"%.40s\" with <Connect>", track);
}

static void check_parameter(struct twiml_run *t, const struct xml *x)
{
	const char *name = xml_attr(x, "name"), *value = xml_attr(x, "value");

	if (!name || !*name || !value)
		fault(t, 12200, false, "<Parameter> needs name and value");
	else if (strlen(name) + strlen(value) >= 500)
		fault(t, 12200, false, "<Parameter> name and value together have 500 characters or more");
}

static void check_values(struct twiml_run *t, const struct xml *x)
{
	const char *n = x->name;

	check_url(t, n, "action", xml_attr(x, "action"));
	check_url(t, n, "statusCallback", xml_attr(x, "statusCallback"));
	if (strcmp(n, "Stream") != 0)
		check_url(t, n, "url", xml_attr(x, "url"));
	check_word(t, n, "method", xml_attr(x, "method"), " GET POST ");
	check_word(t, n, "statusCallbackMethod", xml_attr(x, "statusCallbackMethod"), " GET POST ");
	check_word(t, n, "reason", xml_attr(x, "reason"), " rejected busy ");
	check_word(t, n, "answerOnBridge", xml_attr(x, "answerOnBridge"), " true false ");
	check_number(t, n, "length", xml_attr(x, "length"), 1, 180);
	check_number(t, n, "loop", xml_attr(x, "loop"), 0, 1000);
	check_number(t, n, "timeout", xml_attr(x, "timeout"), 5, 600);
	check_number(t, n, "timeLimit", xml_attr(x, "timeLimit"), 1, 86400);
	if (strcmp(n, "Stream") == 0)
		check_stream(t, x);
	if (strcmp(n, "Parameter") == 0)
		check_parameter(t, x);
}

static void check_nouns(struct twiml_run *t, const struct xml *x)
{
	unsigned n = 0;

	for (const struct xml *k = x->kids; k; k = k->next)
		n++;
	if (strcmp(x->name, "Connect") == 0 && n != 1)
		fault(t, 12200, false, "<Connect> has %u nouns, one is allowed", n);
	if (strcmp(x->name, "Dial") == 0 && n == 0 && all_blank(buf_span(&x->text)))
		fault(t, 12200, false, "<Dial> says no number");
}

static void check_text(struct twiml_run *t, struct xml *x, const struct element *e)
{
	const char *text = text_of(x);

	if (e->text == NO_TEXT && *text)
		fault(t, 12200, false, "<%s> has text in it", x->name);
	if (e->text == URL_TEXT && (*text || !xml_attr(x, "digits")))
		check_url(t, x->name, "text", text);
	if (e->verb == TV_SAY && (!*text || strlen(text) > 4096))
		fault(t, 12200, false, "<Say> has %zu characters of text", strlen(text));
}

static void check(struct twiml_run *t, struct xml *x, const char *parent)
{
	const struct element *e = find(x->name);

	if (!e || !listed(e->parents, parent)) {
		fault(t, 12200, false, "<%.40s> is not allowed in <%s>", x->name, parent);
		return;
	}
	for (const struct xml_attr *a = x->attrs; a && e->attrs; a = a->next)
		if (strchr(a->name, ' ') || !listed(e->attrs, a->name))
			fault(t, 12200, false, "<%s> has no attribute %.40s", x->name, a->name);
	if (!e->attrs)
		return;
	check_values(t, x);
	check_nouns(t, x);
	check_text(t, x, e);
	for (struct xml *k = x->kids; k; k = k->next)
		if (e->verb != TV_SAY)                       /* SSML */
			check(t, k, x->name);
}

static void check_all(struct twiml_run *t)
{
	for (const struct xml_attr *a = t->root->attrs; a; a = a->next)
		fault(t, 12200, false, "<Response> has no attribute %.40s", a->name);
	if (*text_of(t->root))
		fault(t, 12200, false, "<Response> has text in it");
	for (struct xml *x = t->root->kids; x; x = x->next) {
		check(t, x, "Response");
		if (strcmp(x->name, "Reject") == 0 && !(t->first && x == t->root->kids))
			fault(t, 12200, false, "<Reject> is only allowed as the first verb of a call");
	}
}

/* --- the answer as a whole --- */

static bool type_is(struct span type, const char *z)
{
	struct span bare;

	if (!span_cut(&type, ';', &bare))
		return false;
	bare = span_trim(bare);
	return bare.n == strlen(z) && strncasecmp(bare.p, z, bare.n) == 0;
}

static bool fatal(struct twiml_run *t, int code, const char *text)
{
	fault(t, code, true, "%s", text);
	return false;
}

static bool check_http(struct twiml_run *t, int status, struct span type, struct span body)
{
	char text[64];

	if (status != 200) {
		snprintf(text, sizeof text, status / 100 == 3 ? "answered %d: a redirect breaks the signature" : "answered %d", status);
		return fatal(t, 11200, text);
	}
	if (!type.p)
		return fatal(t, 12300, "no Content-Type");
	if (!type_is(type, "text/xml") && !type_is(type, "application/xml") && !type_is(type, "text/html"))
		return fatal(t, 12300, "the Content-Type is not XML");
	if (body.n > TWIML_BYTES_MAX)
		return fatal(t, 11750, "the answer is over 64 kB");
	return true;
}

bool twiml_run_read(struct twiml_run *t, int status, struct span content_type, struct span body, bool first)
{
	struct buf why = BUF_INIT;
	enum err e;

	*t = (struct twiml_run){ .first = first };
	if (!check_http(t, status, content_type, body))
		return false;
	e = xml_read(&t->root, body, &why);
	if (e) {
		fault(t, e == ERR_VALUE ? 12101 : 12100, true, "%s", buf_z(&why));
		buf_fini(&why);
		return false;
	}
	if (strcmp(t->root->name, "Response") != 0)
		return fatal(t, 12102, "the root element is not <Response>");
	check_all(t);
	t->at = t->root->kids;
	return true;
}

/* --- steps --- */

static unsigned number_or(const char *text, unsigned otherwise)
{
	int64_t v;

	return text && span_int(span_z(text), &v) && v >= 0 && v <= 86400 ? (unsigned)v : otherwise;
}

static const char *or(const char *a, const char *b)
{
	return a ? a : b;
}

static void fill_stream(struct twiml_step *s, const struct xml *x)
{
	s->stream.url = xml_attr(x, "url");
	s->stream.name = xml_attr(x, "name");
	s->stream.status_url = xml_attr(x, "statusCallback");
	s->stream.status_method = or(xml_attr(x, "statusCallbackMethod"), "POST");
	for (const struct xml *k = x->kids; k && s->stream.n < TWIML_PARAMS_MAX; k = k->next) {
		if (strcmp(k->name, "Parameter") != 0 || !xml_attr(k, "name") || !xml_attr(k, "value"))
			continue;
		s->stream.params[s->stream.n].name = xml_attr(k, "name");
		s->stream.params[s->stream.n++].value = xml_attr(k, "value");
	}
}

/* The first noun stands for all: whom it calls, and what is said to them. */
static void fill_dial(struct twiml_step *s, const struct xml *x)
{
	if (!*s->text)
		s->text = x->text.p ? x->text.p : "";
	s->whisper = xml_attr(x, "url");
	s->whisper_method = or(xml_attr(x, "method"), "POST");
}

static void fill(struct twiml_step *s, const struct xml *x)
{
	s->name = x->name;
	s->text = x->text.p ? x->text.p : "";
	s->action = xml_attr(x, "action");
	s->method = or(xml_attr(x, "method"), "POST");
	s->length_s = number_or(xml_attr(x, "length"), 1);
	s->loop = number_or(xml_attr(x, "loop"), 1);
	if (s->verb == TV_REJECT)
		s->text = or(xml_attr(x, "reason"), "rejected");
	if (s->verb == TV_DIAL && x->kids)
		fill_dial(s, x->kids);
	if (s->verb == TV_CONNECT && x->kids && strcmp(x->kids->name, "Stream") == 0)
		fill_stream(s, x->kids);
}

void twiml_run_next(struct twiml_run *t, struct twiml_step *step)
{
	const struct element *e = NULL;

	while (t->at && (!(e = find(t->at->name)) || e->verb == TV_END))      /* what 12200 complained of is left out */
		t->at = t->at->next;
	*step = (struct twiml_step){ .verb = t->at ? e->verb : TV_END, .method = "POST" };
	if (!t->at)
		return;
	fill(step, t->at);
	t->at = t->at->next;
	t->first = false;
}

void twiml_run_fini(struct twiml_run *t)
{
	xml_free(t->root);
	*t = (struct twiml_run){ 0 };
}
