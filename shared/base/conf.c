/* conf - the file first, for the keys that the environment does not have; then the environment. */
#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "proc.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define FILE_VARIABLE  "OFFHOOK_ENV"

struct load {
	const struct field *f;
	size_t n;
	struct span prefix;
	const char *path;
	unsigned line;
	void *obj;
	struct buf *why;
	struct buf unknown;            /* names complained about, each between two blanks */
};

const char *conf_path(void)
{
	static const char *const places[] = { ".env", "/etc/offhook/offhook.env" };
	const char *named = getenv(FILE_VARIABLE);

	if (named && *named)
		return named;
	for (unsigned i = 0; i < sizeof places / sizeof *places; i++)
		if (access(places[i], F_OK) == 0)
			return places[i];
	return NULL;
}

/* --- one line --- */

static bool is_key(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!(isalpha((unsigned char)s.p[i]) || s.p[i] == '_' || (i && isdigit((unsigned char)s.p[i]))))
			return false;
	return s.n > 0;
}

static bool only_comment(struct span rest)
{
	rest = span_trim(rest);
	return rest.n == 0 || rest.p[0] == '#';
}

/* Inside double quotes a backslash makes \n and \t, and takes the meaning off anything else; inside single ones nothing has a meaning. */
static bool quoted(struct span s, struct buf *value)
{
	char quote = s.p[0];

	for (size_t i = 1; i < s.n; i++) {
		char c = s.p[i];

		if (c == quote)
			return only_comment(span_skip(s, i + 1));
		if (c == '\\' && quote == '"') {
			if (++i == s.n)
				return false;
			c = s.p[i] == 'n' ? '\n' : s.p[i] == 't' ? '\t' : s.p[i];
		}
		buf_addc(value, c);
	}
	return false;
}

/* A comment needs a blank before it: URLs and tokens may hold '#'. */
static void unquoted(struct span s, struct buf *value)
{
	size_t n = 0;

	while (n < s.n && !(s.p[n] == '#' && (n == 0 || s.p[n - 1] == ' ' || s.p[n - 1] == '\t')))
		n++;
	buf_add(value, span_trim(span_head(s, n)));
}

bool conf_line(struct span line, struct span *key, struct buf *value)
{
	struct span rest = span_trim(line), name;

	*key = SPAN_NONE;
	buf_reset(value);
	if (rest.n == 0 || rest.p[0] == '#')
		return false;
	if (span_starts(rest, SPAN("export ")))
		rest = span_trim(span_skip(rest, 7));
	if (!memchr(rest.p, '=', rest.n) || memchr(rest.p, '\0', rest.n))
		return true;
	span_cut(&rest, '=', &name);
	name = span_trim(name);
	rest = span_trim(rest);
	if (!is_key(name))
		return true;
	if (rest.n && (rest.p[0] == '"' || rest.p[0] == '\'')) {
		if (!quoted(rest, value))
			return true;
	} else {
		unquoted(rest, value);
	}
	*key = name;
	return true;
}

/* --- both sources --- */

static bool is_ours(const struct load *l, struct span key)
{
	return span_starts(key, l->prefix) && !span_is(key, FILE_VARIABLE) && !span_is(key, CONF_SUPERVISED);
}

/* A supervisor has made the complaint already for the programs that it starts. */
static void complain(struct load *l, struct span key)
{
	const struct field *near = field_nearest(l->f, l->n, key);
	char name[80];

	if (getenv(CONF_SUPERVISED) || !span_copy(name + 1, sizeof name - 2, key))
		return;
	name[0] = ' ';
	name[key.n + 1] = ' ';
	name[key.n + 2] = '\0';
	if (l->unknown.n && strstr(buf_z(&l->unknown), name))
		return;
	buf_addz(&l->unknown, name);
	log_warn("conf.unknown", "key=%.*s%s%s", SPAN_ARG(key), near ? " nearest=" : "", near ? near->name : "");
}

static enum err at_line(struct load *l, const char *what)
{
	if (l->why && !l->why->n)
		buf_printf(l->why, "%s line %u: %s", l->path, l->line, what);
	return ERR_SYNTAX;
}

static enum err file_pair(struct load *l, struct span key, struct span value)
{
	const struct field *f = field_find(l->f, l->n, key);

	if (!f && is_ours(l, key))
		complain(l, key);
	if (!f || getenv(f->name))
		return ERR_OK;
	if (l->why)
		buf_printf(l->why, "%s line %u: ", l->path, l->line);
	return field_set_text(f, l->obj, value, l->why);
}

static enum err file_lines(struct load *l, struct span text)
{
	struct buf value = BUF_INIT;
	struct span line, key;
	enum err e = ERR_OK;

	if (span_starts(text, SPAN("\xEF\xBB\xBF")))
		text = span_skip(text, 3);
	while (!e && span_cut(&text, '\n', &line)) {
		l->line++;
		if (!conf_line(line, &key, &value))
			continue;
		e = value.err ? value.err : key.p ? file_pair(l, key, buf_span(&value)) : at_line(l, "must be KEY=value");
		if (!e && l->why)
			buf_reset(l->why);
	}
	buf_fini(&value);
	return e;
}

static enum err load_file(struct load *l)
{
	struct buf text = BUF_BOUND(FILE_BYTES_MAX);
	enum err e = file_read(&text, l->path);

	if (e && l->why)
		buf_printf(l->why, "cannot read %s: %s", l->path, err_text(e));
	if (!e)
		e = file_lines(l, buf_span(&text));
	buf_fini(&text);
	return e;
}

static enum err load_environment(struct load *l)
{
	enum err e = ERR_OK;

	for (char **v = environ; *v; v++) {
		struct span value = span_z(*v), key;

		span_cut(&value, '=', &key);
		if (is_ours(l, key) && !field_find(l->f, l->n, key))
			complain(l, key);
	}
	for (size_t i = 0; i < l->n && !e; i++)
		if (getenv(l->f[i].name))
			e = field_set_text(&l->f[i], l->obj, span_trim(span_z(getenv(l->f[i].name))), l->why);
	return e;
}

enum err conf_load(const struct field *f, size_t n, const char *prefix, const char *path, void *obj, struct buf *why)
{
	struct load l = { .f = f, .n = n, .prefix = span_z(prefix), .path = path, .obj = obj, .why = why };
	enum err e = path ? load_file(&l) : ERR_OK;

	if (!e)
		e = load_environment(&l);
	buf_fini(&l.unknown);
	return e;
}
