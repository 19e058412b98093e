/* settings_print - the rows of the settings table for people: env.example, --help, the man page. */
#include "settings.h"

#define WIDTH 78

static const char *const sections[][2] = {
	{ "OPENAI", "The model" },
	{ "TWILIO", "Twilio" },
	{ "PUBLIC", "Our address" },
	{ "OFFHOOK", "This machine" },
};

static struct span section_of(const struct field *f)
{
	struct span rest = span_z(f->name), part;

	span_cut(&rest, '_', &part);
	return part;
}

static const char *section_title(struct span section)
{
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
		if (span_is(section, sections[i][0]))
			return sections[i][1];
	return "More";
}

/* Help, what is allowed, and that it is a secret: all that the row says but name and default. */
static void describe(struct buf *out, const struct field *f)
{
	struct span rest = span_z(f->allowed), part;
	const char *sep = " (";

	buf_addz(out, f->help);
	while (f->kind == FK_WORD && span_cut(&rest, ' ', &part)) {
		buf_addz(out, sep);
		buf_add(out, part);
		sep = ", ";
	}
	if (f->type == FT_INT && f->max > 0) {
		buf_addz(out, sep);
		buf_num(out, f->min);
		buf_addz(out, " to ");
		buf_num(out, f->max);
		sep = ", ";
	}
	if (f->flags & FF_SECRET) {
		buf_addz(out, sep);
		buf_addz(out, "secret");
		sep = ", ";
	}
	buf_addz(out, sep[0] == ',' ? ")" : "");
}

/* Words filled into lines that all begin with `indent`. */
static void fill(struct buf *out, const char *indent, struct span text)
{
	size_t column = 0;
	struct span word;

	while (span_cut(&text, ' ', &word)) {
		if (column && column + 1 + word.n <= WIDTH) {
			buf_addc(out, ' ');
			column += 1 + word.n;
		} else {
			buf_addz(out, column ? "\n" : "");
			buf_addz(out, indent);
			column = strlen(indent) + word.n;
		}
		buf_add(out, word);
	}
	buf_addc(out, '\n');
}

static void each(struct buf *out, void (*print)(struct buf *out, const struct field *f, struct span text))
{
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < settings_fields_n; i++) {
		buf_reset(&text);
		describe(&text, &settings_fields[i]);
		print(out, &settings_fields[i], buf_span(&text));
	}
	if (text.err && !out->err)
		out->err = text.err;
	buf_fini(&text);
}

static void example_row(struct buf *out, const struct field *f, struct span text)
{
	bool first = f == settings_fields || !span_eq(section_of(f), section_of(f - 1));

	if (first)
		buf_printf(out, "\n# --- %s ---\n", section_title(section_of(f)));
	buf_addc(out, '\n');
	fill(out, "# ", text);
	buf_printf(out, "#%s=%s\n", f->name, f->def ? f->def : "");
}

void settings_print_example(struct buf *out)
{
	buf_addz(out, "# Offhook's configuration. Copy to .env (or /etc/offhook/offhook.env, or any file that OFFHOOK_ENV names) and take the\n"
	              "# '#' off the lines that you set. What a line shows is the default. The real environment wins over this file.\n"
	              "# Keys that the account `default` has in the database win over this file, and not over the environment.\n");
	each(out, example_row);
}

static void help_row(struct buf *out, const struct field *f, struct span text)
{
	buf_printf(out, "  %s%s%s\n", f->name, f->def ? "=" : "", f->def ? f->def : "");
	fill(out, "      ", text);
}

void settings_print_help(struct buf *out)
{
	buf_addz(out, "Environment, with defaults; also read from the file $OFFHOOK_ENV, else .env, else\n/etc/offhook/offhook.env:\n");
	each(out, help_row);
}

static void mdoc_row(struct buf *out, const struct field *f, struct span text)
{
	buf_printf(out, ".It Ev %s", f->name);
	if (f->def)
		buf_printf(out, " Ns = Ns %s", f->def);
	buf_addc(out, '\n');
	buf_add(out, text);
	buf_addc(out, '\n');
}

void settings_print_mdoc(struct buf *out)
{
	each(out, mdoc_row);
}
