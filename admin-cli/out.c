/* out - tables by libsmartcols, which knows terminals and wide characters. */
#include <ctype.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json.h"
#include "out.h"

#define WIDTH_MIN 40

unsigned out_width(void)
{
	struct winsize w = { 0 };

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0)
		return 80;
	return w.ws_col < WIDTH_MIN ? WIDTH_MIN : w.ws_col;
}

/* U+202A to U+202E and U+2066 to U+2069 turn the rest of the line around, names and times of others too. */
static bool turns_around(const unsigned char *u)
{
	return u[0] == 0xE2 && ((u[1] == 0x80 && u[2] >= 0xAA && u[2] <= 0xAE) || (u[1] == 0x81 && u[2] >= 0xA6 && u[2] <= 0xA9));
}

/* C0, DEL and C1 (which are two bytes in UTF-8) steer terminals. */
static bool steers(struct span c)
{
	const unsigned char *u = (const unsigned char *)c.p;

	return c.n == 1 ? u[0] < 0x20 || u[0] == 0x7F : c.n == 2 ? u[0] == 0xC2 && u[1] < 0xA0 : c.n == 3 && turns_around(u);
}

void out_text(struct buf *out, struct span s, const char *newline)
{
	while (s.n) {
		size_t k = span_utf8_step(s);

		if (s.p[0] == '\n')
			buf_addz(out, *newline == '\n' && s.n > 1 && s.p[1] == '\n' ? "\n" : newline);      /* an empty line needs no indent */
		else if (s.p[0] == '\t')
			buf_addc(out, ' ');
		else if (k == 0 || steers(span_head(s, k)))
			buf_addz(out, s.p[0] == '\r' ? "" : "\xEF\xBF\xBD");
		else
			buf_add(out, span_head(s, k));
		s = span_skip(s, k ? k : 1);
	}
}

void out_value(struct buf *out, struct json_object *v)
{
	if (!v)
		return;
	if (json_object_is_type(v, json_type_string))
		buf_add(out, json_span(v));
	else
		json_write(out, v);
}

static char *cell_text(struct json_object *row, const char *key)
{
	struct buf raw = BUF_INIT, text = BUF_INIT;

	out_value(&raw, json_path(row, key));
	out_text(&text, buf_span(&raw), " ");
	buf_fini(&raw);
	return buf_take(&text);
}

static char *head_text(const char *key)
{
	char *z = span_dup(span_z(key));

	for (char *p = z; p && *p; p++)
		*p = *p == '_' || *p == '.' ? ' ' : (char)toupper((unsigned char)*p);
	return z;
}

static enum err columns_add(struct libscols_table *t, const struct out_col *cols, size_t n)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < n && !e; i++) {
		int flags = (cols[i].flags & OUT_RIGHT ? SCOLS_FL_RIGHT : 0) | (cols[i].flags & OUT_CUT ? SCOLS_FL_TRUNC : 0) |
			    (cols[i].flags & OUT_WRAP ? SCOLS_FL_WRAP : 0);
		char *head = head_text(cols[i].key);

		e = head && scols_table_new_column(t, head, 0, flags) ? ERR_OK : ERR_NOMEM;
		free(head);
	}
	return e;
}

static enum err row_add(struct libscols_table *t, const struct out_col *cols, size_t n, struct json_object *row)
{
	struct libscols_line *line = scols_table_new_line(t, NULL);
	enum err e = line ? ERR_OK : ERR_NOMEM;

	for (size_t i = 0; i < n && !e; i++) {
		char *text = cell_text(row, cols[i].key);

		e = text && scols_line_refer_data(line, i, text) == 0 ? ERR_OK : ERR_NOMEM;
		if (e)
			free(text);
	}
	return e;
}

/* The library says nothing about a table without rows. */
static void head_only(struct buf *out, const struct out_col *cols, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *head = head_text(cols[i].key);

		buf_printf(out, "%s%s", i ? " " : "", head ? head : "");
		free(head);
	}
	buf_addc(out, '\n');
}

static enum err table_print(struct buf *out, struct libscols_table *t, unsigned width)
{
	char *text = NULL;

	scols_table_set_termforce(t, width ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
	if (width)
		scols_table_set_termwidth(t, width);
	if (scols_print_table_to_string(t, &text) != 0)
		return ERR_NOMEM;
	buf_addz(out, text);
	if (out->n && out->p[out->n - 1] != '\n')
		buf_addc(out, '\n');
	free(text);
	return out->err;
}

enum err out_table(struct buf *out, const struct out_col *cols, size_t n, struct json_object *rows, unsigned width)
{
	size_t count = json_object_array_length(rows);
	struct libscols_table *t;
	enum err e;

	if (count == 0) {
		head_only(out, cols, n);
		return out->err;
	}
	t = scols_new_table();
	e = t ? columns_add(t, cols, n) : ERR_NOMEM;
	for (size_t i = 0; i < count && !e; i++)
		e = row_add(t, cols, n, json_object_array_get_idx(rows, i));
	if (!e)
		e = table_print(out, t, width);
	scols_unref_table(t);
	return e;
}

enum err out_record(struct buf *out, struct json_object *record)
{
	struct buf value = BUF_INIT;
	int wide = 0;
	char indent[80];

	json_object_object_foreach(record, name, unused) {
		(void)unused;
		wide = (int)strlen(name) > wide ? (int)strlen(name) : wide;
	}
	wide = wide > 60 ? 60 : wide;
	memset(indent, ' ', sizeof indent);
	indent[0] = '\n';
	indent[wide + 3] = '\0';
	json_object_object_foreach(record, key, v) {
		buf_reset(&value);
		out_value(&value, v);
		buf_printf(out, "%-*s%s", wide, key, value.n ? "  " : "");
		out_text(out, span_trim(buf_span(&value)), indent);
		while (out->n && out->p[out->n - 1] == ' ')
			out->n--;
		buf_addc(out, '\n');
	}
	buf_fini(&value);
	return out->err;
}

enum err out_json(struct buf *out, struct json_object *o)
{
	bool empty = json_object_is_type(o, json_type_array) && json_object_array_length(o) == 0;       /* two lines, if it went by json-c */
	enum err e = empty ? json_write(out, o) : json_write_pretty(out, o);

	buf_addc(out, '\n');
	return e ? e : out->err;
}
