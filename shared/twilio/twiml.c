/* twiml - see the header. */
#include "twiml.h"

enum place { IN_TEXT, IN_ATTR };

/* Parsers turn a bare CR, and in attributes TAB and LF too, into something else: they travel as references. */
static const struct {
	char c;
	const char *text, *attr;             /* NULL: as it is */
} escapes[] = {
	{ '&',  "&amp;", "&amp;" },
	{ '<',  "&lt;",  "&lt;" },
	{ '>',  "&gt;",  NULL },
	{ '"',  NULL,    "&quot;" },
	{ '\r', "&#xD;", "&#xD;" },
	{ '\n', NULL,    "&#xA;" },
	{ '\t', NULL,    "&#x9;" },
};

static const char *escape_of(char c, enum place where)
{
	for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
		if (escapes[i].c == c)
			return where == IN_TEXT ? escapes[i].text : escapes[i].attr;
	return NULL;
}

static bool forbidden(struct span one)
{
	unsigned char c = (unsigned char)one.p[0];

	if (one.n == 1)
		return c < 0x20 && c != '\t' && c != '\n' && c != '\r';
	return one.n == 3 && (memcmp(one.p, "\xEF\xBF\xBE", 3) == 0 || memcmp(one.p, "\xEF\xBF\xBF", 3) == 0);
}

static void add_char(struct buf *b, struct span one, enum place where)
{
	const char *escape = one.n == 1 ? escape_of(one.p[0], where) : NULL;

	if (forbidden(one))
		return;
	if (escape)
		buf_addz(b, escape);
	else
		buf_add(b, one);
}

static void add_escaped(struct buf *b, struct span s, enum place where)
{
	while (s.n) {
		size_t n = span_utf8_step(s);

		if (n)
			add_char(b, span_head(s, n), where);
		s = span_skip(s, n ? n : 1);
	}
}

static void leave_tag(struct twiml *t)
{
	if (t->in_tag)
		buf_addc(&t->out, '>');
	t->in_tag = false;
}

void twiml_init(struct twiml *t)
{
	*t = (struct twiml){ .out = BUF_BOUND(TWIML_MAX) };
	buf_add(&t->out, SPAN("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"));
	twiml_open(t, "Response");
}

void twiml_fini(struct twiml *t)
{
	buf_fini(&t->out);
}

void twiml_open(struct twiml *t, const char *element)
{
	if (t->depth == TWIML_DEPTH) {
		t->out.err = t->out.err ? t->out.err : ERR_LIMIT;
		return;
	}
	leave_tag(t);
	buf_addc(&t->out, '<');
	buf_addz(&t->out, element);
	t->open[t->depth++] = element;
	t->in_tag = true;
}

void twiml_attr(struct twiml *t, const char *name, struct span value)
{
	if (!value.n || !t->in_tag)
		return;
	buf_addc(&t->out, ' ');
	buf_addz(&t->out, name);
	buf_add(&t->out, SPAN("=\""));
	add_escaped(&t->out, value, IN_ATTR);
	buf_addc(&t->out, '"');
}

void twiml_text(struct twiml *t, struct span text)
{
	leave_tag(t);
	add_escaped(&t->out, text, IN_TEXT);
}

void twiml_close(struct twiml *t)
{
	if (!t->depth)
		return;
	t->depth--;
	if (t->in_tag) {
		buf_add(&t->out, SPAN("/>"));
	} else {
		buf_add(&t->out, SPAN("</"));
		buf_addz(&t->out, t->open[t->depth]);
		buf_addc(&t->out, '>');
	}
	t->in_tag = false;
}

enum err twiml_end(struct twiml *t, struct span *document)
{
	while (t->depth)
		twiml_close(t);
	if (!t->out.err)
		*document = buf_span(&t->out);
	return t->out.err;
}

void twiml_say(struct twiml *t, struct span text, struct span voice, struct span language)
{
	twiml_open(t, "Say");
	twiml_attr(t, "voice", voice);
	twiml_attr(t, "language", language);
	twiml_text(t, text);
	twiml_close(t);
}

void twiml_hangup(struct twiml *t)
{
	twiml_open(t, "Hangup");
	twiml_close(t);
}

void twiml_reject(struct twiml *t, const char *reason)
{
	twiml_open(t, "Reject");
	twiml_attr(t, "reason", span_z(reason));
	twiml_close(t);
}

void twiml_dial(struct twiml *t, struct span number, struct span action)
{
	twiml_open(t, "Dial");
	twiml_attr(t, "action", action);
	twiml_text(t, number);
	twiml_close(t);
}

void twiml_transfer(struct twiml *t, struct span number, struct span action, struct span url)
{
	twiml_open(t, "Dial");
	twiml_attr(t, "action", action);
	twiml_open(t, span_starts(number, SPAN("sip:")) ? "Sip" : "Number");
	twiml_attr(t, "url", url);
	twiml_text(t, number);
	twiml_close(t);
	twiml_close(t);
}

void twiml_digits(struct twiml *t, struct span digits)
{
	twiml_open(t, "Play");
	twiml_attr(t, "digits", digits);
	twiml_close(t);
}

void twiml_connect(struct twiml *t, const struct twiml_stream *s)
{
	twiml_open(t, "Connect");
	twiml_attr(t, "action", s->action);
	twiml_open(t, "Stream");
	twiml_attr(t, "url", s->url);
	twiml_attr(t, "statusCallback", s->status_callback);
	twiml_open(t, "Parameter");
	twiml_attr(t, "name", SPAN("token"));
	twiml_attr(t, "value", s->token);
	twiml_close(t);
	twiml_close(t);
	twiml_close(t);
}
