/* chat - a conversation as a page: made here, whole, without scripts; everything that was said is escaped. */
#include "base/clock.h"
#include "history.h"

#define POLICY "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

static const char style[] =
	":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}"
	"h1{font-size:1.3rem}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{opacity:.7}dd{margin:0}"
	"ol{list-style:none;padding:0}li{margin:.6rem 0;padding:.6rem .9rem;border-radius:.8rem;background:#8882;max-width:85%;width:fit-content;"
	"overflow-wrap:anywhere}li p{margin:0;white-space:pre-wrap;unicode-bidi:isolate}li.user{margin-left:auto;background:#3a7bd533}li.tool,li.system{font-size:.9rem;opacity:.8}"
	"header,footer{font-size:.8rem;opacity:.7}";

static void add_text(struct buf *b, struct span s)
{
	while (s.n) {
		size_t n = span_utf8_step(s);
		const char *escape = !n ? "\xEF\xBF\xBD" : *s.p == '&' ? "&amp;" : *s.p == '<' ? "&lt;" : *s.p == '>' ? "&gt;" : *s.p == '"' ? "&quot;" :
			*s.p == '\'' ? "&#39;" : NULL;

		if (escape)
			buf_addz(b, escape);
		else
			buf_add(b, span_head(s, n));
		s = span_skip(s, n ? n : 1);
	}
}

static void add_time(struct buf *b, int64_t wall_ms)
{
	char text[TIME_TEXT];

	if (wall_ms == FIELD_NULL_INT)
		return;
	time_format(text, wall_ms);
	buf_printf(b, "<time datetime=\"%s\">%.10s %.8s UTC</time>", text, text, text + 11);
}

static void add_fact(struct buf *b, const char *name, struct span value)
{
	if (!value.n)
		return;
	buf_printf(b, "<dt>%s</dt><dd>", name);
	add_text(b, value);
	buf_add(b, SPAN("</dd>\n"));
}

static void add_head(struct buf *b, const struct history *y)
{
	const struct call *c = &y->call;

	buf_add(b, SPAN("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n"
			"<title>Conversation "));
	add_text(b, span_z(c->session_id));
	buf_printf(b, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>Conversation</h1>\n<dl>\n", style);
	add_fact(b, "From", span_z(c->caller_number));
	add_fact(b, "To", span_z(c->called_number));
	add_fact(b, "Agent", json_get_span(y->call_info, "agent"));
	add_fact(b, "Status", span_z(c->status));
	add_fact(b, "Ended by", span_z(c->end_reason));
	add_fact(b, "Error", span_z(c->error));
	buf_add(b, SPAN("<dt>Started</dt><dd>"));
	add_time(b, c->started_at);
	buf_add(b, SPAN("</dd>\n</dl>\n<ol>\n"));
}

static const char *role_name(struct span role)
{
	static const char *const names[][2] = { { "user", "Caller" }, { "assistant", "Agent" }, { "tool", "Tool" }, { "system", "System" } };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (span_is(role, names[i][0]))
			return names[i][1];
	return "Other";
}

static struct span class_of(struct span role)
{
	return span_is(role, "user") || span_is(role, "assistant") || span_is(role, "tool") ? role : SPAN("system");
}

static void add_turn(struct buf *b, const struct turn *u)
{
	struct span role = span_z(u->role), class = class_of(role);

	buf_printf(b, "<li class=\"" SPAN_FMT "\"><header>%s ", SPAN_ARG(class), role_name(role));
	add_time(b, u->started_at);
	buf_add(b, SPAN("</header><p dir=\"auto\">"));
	add_text(b, u->text ? span_z(u->text) : span_z(u->tool));
	buf_add(b, SPAN("</p>"));
	if (u->interrupted)
		buf_add(b, SPAN("<footer>interrupted by the caller</footer>"));
	buf_add(b, SPAN("</li>\n"));
}

void chat_history(struct hook *h, struct request *r, struct answer *a)
{
	struct history y = { .events = 0 };
	enum err e = history_read(h, r->session_id, &y);

	if (e) {
		answer_err(a, e);
		return;
	}
	a->status = 200;
	a->type = HTML_TYPE;
	a->policy = POLICY;
	add_head(&a->body, &y);
	for (size_t i = 0; i < y.turns_n; i++)
		add_turn(&a->body, &y.turns[i]);
	buf_add(&a->body, y.turns_n ? SPAN("</ol>\n") : SPAN("</ol>\n<p>Nothing was said.</p>\n"));
	buf_add(&a->body, SPAN("</body>\n</html>\n"));
	history_fini(&y);
	if (a->body.err)
		answer_err(a, a->body.err);
}
