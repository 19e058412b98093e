/* agent_text - `{name}` and its like in texts of agents and templates. */
#include <stdio.h>

#include "store/agent.h"
#include "store/zone.h"

struct filling {
	const struct agent *a;
	const struct agent_fill *f;
	struct tm local;
	char zone[ZONE_NAME];
};

static void fill_name(const struct filling *x, struct buf *out)
{
	buf_addz(out, x->a->name ? x->a->name : "");
}

/* English whatever the locale: "Monday, 23 November 2026" is read well by a model in any language. */
static void fill_date(const struct filling *x, struct buf *out)
{
	static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };
	static const char *const months[] = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
		"November", "December" };

	buf_printf(out, "%s, %d %s %d", days[x->local.tm_wday], x->local.tm_mday, months[x->local.tm_mon], x->local.tm_year + 1900);
}

static void fill_time(const struct filling *x, struct buf *out)
{
	buf_printf(out, "%02d:%02d", x->local.tm_hour, x->local.tm_min);
}

static void fill_zone(const struct filling *x, struct buf *out)
{
	buf_addz(out, x->zone);
}

static void fill_caller(const struct filling *x, struct buf *out)
{
	buf_add(out, x->f->caller_number);
}

static void fill_called(const struct filling *x, struct buf *out)
{
	buf_add(out, x->f->called_number);
}

static const struct {
	const char *name;
	void (*fill)(const struct filling *, struct buf *);
} places[] = {
	{ "{name}", fill_name },
	{ "{date}", fill_date },
	{ "{time}", fill_time },
	{ "{timezone}", fill_zone },
	{ "{caller_number}", fill_caller },
	{ "{called_number}", fill_called },
};

static size_t fill_one(const struct filling *x, struct span text, struct buf *out)
{
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (span_starts(text, span_z(places[i].name))) {
			places[i].fill(x, out);
			return strlen(places[i].name);
		}
	buf_addc(out, text.p[0]);
	return 1;
}

enum err agent_fill_text(const struct agent *a, struct span text, const struct agent_fill *f, struct buf *out)
{
	struct filling x = { .a = a, .f = f };

	zone_local(a->timezone, f->wall_ms, &x.local);
	zone_name(x.zone, a->timezone);
	buf_reset(out);
	while (text.n) {
		const char *brace = memchr(text.p, '{', text.n);
		size_t plain = brace ? (size_t)(brace - text.p) : text.n;

		buf_add(out, span_head(text, plain));
		text = span_skip(text, plain);
		if (text.n)
			text = span_skip(text, fill_one(&x, text, out));
	}
	return out->err;
}
