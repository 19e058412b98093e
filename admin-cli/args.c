/* args - reads the words of the command line by a command's pattern, and prints the pattern as usage. */
#include "commands.h"

enum slot_kind { SLOT_WORD, SLOT_ARG, SLOT_OPT };

struct slot {                                  /* one element of a pattern */
	enum slot_kind kind;
	struct span name;                      /* "agent|tool", "agent", "--since" */
	bool optional, many, value;
};

static struct span up_to(struct span s, char end)
{
	const char *p = s.n ? memchr(s.p, end, s.n) : NULL;

	return p ? span_head(s, (size_t)(p - s.p)) : s;
}

/* An option outside brackets has its value as the next element. */
static size_t element_size(struct span s)
{
	size_t n = up_to(s, ' ').n;

	if (s.p[0] == '[')
		return up_to(s, ']').n + 1;
	if (span_starts(s, SPAN("--")) && s.n > n + 1 && s.p[n + 1] == '<')
		n += 1 + up_to(span_skip(s, n + 1), ' ').n;
	return n;
}

static void slot_read(struct slot *s, struct span e)
{
	*s = (struct slot){ .optional = e.p[0] == '[' };
	if (s->optional)
		e = span_head(span_skip(e, 1), e.n - 2);
	if (span_starts(e, SPAN("--"))) {
		s->kind = SLOT_OPT;
		s->name = up_to(e, ' ');
		s->value = s->name.n < e.n;
	} else if (e.p[0] == '<') {
		s->kind = SLOT_ARG;
		s->name = up_to(span_skip(e, 1), '>');
		s->many = e.n > s->name.n + 2;
	} else {
		s->kind = SLOT_WORD;
		s->name = e;
	}
}

static bool slot_next(struct span *pattern, struct slot *s)
{
	size_t n;

	*pattern = span_trim(*pattern);
	if (pattern->n == 0)
		return false;
	n = element_size(*pattern);
	slot_read(s, span_head(*pattern, n));
	*pattern = span_skip(*pattern, n);
	return true;
}

static bool word_matches(struct span alternatives, const char *word)
{
	struct span one;

	while (word && span_cut(&alternatives, '|', &one))
		if (span_is(one, word))
			return true;
	return false;
}

/* How many words the command has, when they are what was typed; 0: it is another command. */
static size_t words_match(const struct cmd *cmd, const char *const *argv)
{
	struct span p = span_z(cmd->pattern);
	struct slot s;
	size_t n = 0;

	while (slot_next(&p, &s) && s.kind == SLOT_WORD) {
		if (n == ARGS_WORDS || !word_matches(s.name, argv[n]))
			return 0;
		n++;
	}
	return n;
}

static const struct cmd *cmd_find(const struct cmd *cmds, size_t n, const char *const *argv, size_t *words)
{
	const struct cmd *best = NULL;

	*words = 0;
	for (size_t i = 0; i < n; i++) {
		size_t k = words_match(&cmds[i], argv);

		if (k > *words) {
			*words = k;
			best = &cmds[i];
		}
	}
	return best;
}

static bool is_noun(const struct cmd *cmds, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++) {
		struct span p = span_z(cmds[i].pattern);
		struct slot s;

		if (!(cmds[i].flags & CMD_HIDDEN) && slot_next(&p, &s) && word_matches(s.name, word))
			return true;
	}
	return false;
}

static bool global_option(struct args *a, const char *word)
{
	if (strcmp(word, "--json") == 0)
		a->json = true;
	else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		a->help = true;
	else
		return false;
	return true;
}

static enum err named_add(struct args *a, struct span name, const char *value, struct buf *why)
{
	if (a->named_n == ARGS_NAMED) {
		buf_addz(why, "too many words");
		return ERR_USAGE;
	}
	a->named[a->named_n].name = name;
	a->named[a->named_n++].value = value;
	return ERR_OK;
}

/* argv[0] is the option; *used tells whether the next word was its value. */
static enum err option_read(struct args *a, const char *const *argv, bool *used, struct buf *why)
{
	struct span p = span_z(a->cmd->pattern), name = up_to(span_z(argv[0]), '=');
	bool inside = name.n < strlen(argv[0]);
	struct slot s = { .name = SPAN_NONE };

	*used = false;
	while (slot_next(&p, &s))
		if (s.kind == SLOT_OPT && span_eq(s.name, name))
			break;
		else
			s.name = SPAN_NONE;
	if (!s.name.p) {
		buf_printf(why, "unknown option " SPAN_FMT, SPAN_ARG(name));
		return ERR_USAGE;
	}
	if (s.value ? !inside && !argv[1] : inside) {
		buf_printf(why, s.value ? "%s needs a value" : "%s takes no value", s.value ? argv[0] : "the option");
		return ERR_USAGE;
	}
	*used = s.value && !inside;
	return named_add(a, s.name, !s.value ? "" : inside ? argv[0] + name.n + 1 : argv[1], why);
}

/* The k-th <argument> of the pattern, or the one that takes all others. */
static bool arg_slot(const struct args *a, size_t k, struct slot *s)
{
	struct span p = span_z(a->cmd->pattern);

	while (slot_next(&p, s))
		if (s->kind == SLOT_ARG && (s->many || k-- == 0))
			return true;
	return false;
}

/* `create [<X>] [<field=value>...]`: a first word that is a field already leaves X out. */
static void optional_skip(const struct args *a, const char *word, size_t *k)
{
	struct slot s, next;

	if (strchr(word, '=') && arg_slot(a, *k, &s) && s.optional && !s.many && arg_slot(a, *k + 1, &next) && next.many)
		++*k;
}

static enum err word_read(struct args *a, const char *word, size_t *k, struct buf *why)
{
	struct slot s;

	optional_skip(a, word, k);
	if (!arg_slot(a, *k, &s) || (s.many && a->rest_n == ARGS_REST)) {
		buf_printf(why, "%.80s is one word too many", word);
		return ERR_USAGE;
	}
	if (s.many) {
		a->rest[a->rest_n++] = word;
		return ERR_OK;
	}
	++*k;
	return named_add(a, s.name, word, why);
}

static enum err missing(const struct args *a, struct buf *why)
{
	struct span p = span_z(a->cmd->pattern);
	struct slot s;

	while (slot_next(&p, &s)) {
		bool given = s.many && a->rest_n;

		for (size_t i = 0; i < a->named_n; i++)
			given |= span_eq(a->named[i].name, s.name);
		if (s.kind == SLOT_WORD || s.optional || given)
			continue;
		buf_printf(why, s.kind == SLOT_OPT ? SPAN_FMT " is missing" : "<" SPAN_FMT "> is missing", SPAN_ARG(s.name));
		return ERR_USAGE;
	}
	return ERR_OK;
}

static enum err rest_raw(struct args *a, const char *const *argv, struct buf *why)
{
	for (; *argv; argv++) {
		if (a->rest_n == ARGS_REST) {
			buf_addz(why, "too many words");
			return ERR_USAGE;
		}
		a->rest[a->rest_n++] = *argv;
	}
	return ERR_OK;
}

static enum err words_read(struct args *a, const char *const *argv, struct buf *why)
{
	bool options = true, used;
	enum err e = ERR_OK;

	for (size_t k = 0; *argv && !e; argv++) {
		if (options && strcmp(*argv, "--") == 0) {
			options = false;
		} else if (options && global_option(a, *argv)) {
			continue;
		} else if (options && strncmp(*argv, "--", 2) == 0) {
			e = option_read(a, argv, &used, why);
			argv += !e && used;
		} else {
			e = word_read(a, *argv, &k, why);
		}
	}
	return e ? e : a->help ? ERR_OK : missing(a, why);
}

/* `offhook agent`, `offhook agent help`: the noun without a verb asks for its help. */
static enum err unknown(struct args *a, const struct cmd *cmds, size_t n, const char *const *argv, struct buf *why)
{
	bool noun = argv[0] && is_noun(cmds, n, argv[0]);

	if (noun) {
		a->word[a->words_n++] = argv[0];
		a->help = !argv[1] || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
	} else if (!argv[0]) {
		a->help |= !a->version;
	}
	if (a->help || a->version)
		return ERR_OK;
	buf_printf(why, "%.80s%s%.80s: no such command; `offhook %s%shelp` lists them", argv[0], noun ? " " : "", noun ? argv[1] : "",
		   noun ? argv[0] : "", noun ? " " : "");
	return ERR_USAGE;
}

enum err args_parse(struct args *a, const struct cmd *cmds, size_t n, const char *const *argv, struct buf *why)
{
	size_t words;

	*a = (struct args){ 0 };
	for (; *argv && **argv == '-'; argv++) {
		a->version |= strcmp(*argv, "--version") == 0;
		if (!global_option(a, *argv) && strcmp(*argv, "--version") != 0) {
			buf_printf(why, "unknown option %.80s", *argv);
			return ERR_USAGE;
		}
	}
	a->cmd = cmd_find(cmds, n, argv, &words);
	if (!a->cmd)
		return unknown(a, cmds, n, argv, why);
	for (size_t i = 0; i < words; i++)
		a->word[a->words_n++] = argv[i];
	return a->cmd->flags & CMD_RAW ? rest_raw(a, argv + words, why) : words_read(a, argv + words, why);
}

const char *arg(const struct args *a, const char *name)
{
	for (size_t i = a->named_n; i > 0; i--)                  /* given twice: the last counts */
		if (span_is(a->named[i - 1].name, name))
			return a->named[i - 1].value;
	return NULL;
}

struct span arg_span(const struct args *a, const char *name)
{
	return span_z(arg(a, name));
}

void usage_line(struct buf *out, const struct cmd *cmd, const char *noun)
{
	struct span p = span_z(cmd->pattern), first = up_to(p, ' ');

	buf_addz(out, "offhook ");
	if (noun && word_matches(first, noun)) {
		buf_addz(out, noun);
		p = span_skip(p, first.n);
	}
	buf_add(out, p);
}

size_t usage_list(struct buf *out, const struct cmd *cmds, size_t n, const char *noun)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		if ((cmds[i].flags & CMD_HIDDEN) || (noun && !word_matches(up_to(span_z(cmds[i].pattern), ' '), noun)))
			continue;
		usage_line(out, &cmds[i], noun);
		buf_printf(out, "\n        %s\n", cmds[i].help);
		found++;
	}
	return found;
}
