#include "conf/system_aliases.h"

#include "base/mem.h"
#include "conf/aliases.h"

#include <string.h>

struct reader {
	const char *file;
	unsigned line; /* where the entry begins */
	struct conf_errors *errors;
	char *out; /* of the arena; all entries fit */
	size_t octets;
};

/* For "%.*s" in a message; long ones are cut. */
#define SHOW(s) (int)((s).n < 80 ? (s).n : 80), (s).p != NULL ? (s).p : ""
#define SKIP(r, ...)                                                           \
	conf_errors_warn((r)->errors, (r)->file, (r)->line, NULL, __VA_ARGS__)

static struct slice trim(struct slice s)
{
	while (s.n > 0 && strchr(" \t\r\n", s.p[0]) != NULL)
		s = slice_tail(s, 1);
	while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL)
		s.n--;
	return s;
}

/* The first mark that stands outside of quotes; text.n when there is none. */
static size_t find_unquoted(struct slice text, char mark)
{
	bool is_quoted = false;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"')
			is_quoted = !is_quoted;
		else if (text.p[i] == '\\' && is_quoted)
			i++;
		else if (text.p[i] == mark && !is_quoted)
			return i;
	}
	return text.n;
}

/* Without quotes around all of it, and the backslash that once meant "no
 * further alias". */
static struct slice unquoted(struct slice item)
{
	if (item.n >= 2 && item.p[0] == '"' && item.p[item.n - 1] == '"')
		item = slice_head(slice_tail(item, 1), item.n - 2);
	if (item.n > 1 && item.p[0] == '\\')
		item = slice_tail(item, 1);
	return item;
}

static bool is_address(struct reader *r, struct slice user, struct slice item)
{
	if (item.p[0] == '|')
		SKIP(r,
		     "%.*s: the command is left out; culverd runs those of "
		     "domains/NAME/aliases only",
		     SHOW(user));
	else if (item.p[0] == '/')
		SKIP(r, "%.*s: the file is left out; culverd writes to none",
		     SHOW(user));
	else if (slice_starts_nocase(item, S(":include:")))
		SKIP(r,
		     "%.*s: \":include:\" is left out; culverd includes "
		     "none",
		     SHOW(user));
	else
		return true;
	return false;
}

static void put(struct reader *r, struct slice octets)
{
	if (octets.n > 0)
		memcpy(r->out + r->octets, octets.p, octets.n);
	r->octets += octets.n;
}

/* Writes "user: target, target". Returns how many targets there are. */
static size_t rewrite(struct reader *r, struct slice user, struct slice list)
{
	size_t count = 0;

	put(r, user);
	while (list.n > 0) {
		size_t comma = find_unquoted(list, ',');
		struct slice item = unquoted(trim(slice_head(list, comma)));

		list = slice_tail(list, comma + 1);
		if (item.n == 0 || !is_address(r, user, item))
			continue;
		put(r, count++ > 0 ? S(", ") : S(": "));
		put(r, item);
	}
	return count;
}

/* Whether the parser of our own files takes it. */
static bool is_good(struct slice line)
{
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();
	AUTO(aliases_free)
	struct aliases *a = aliases_parse(line, "", S("localhost"), "", errors);

	return a != NULL && aliases_count(a) == 1 &&
	       slice_find(line, '\n') == line.n;
}

/* entry: its lines, with the breaks between them. */
static void read_entry(struct reader *r, struct slice entry)
{
	size_t colon = find_unquoted(entry, ':');
	struct slice user = unquoted(trim(slice_head(entry, colon)));
	struct slice list = trim(slice_tail(entry, colon + 1));
	size_t begin = r->octets;

	if (trim(entry).n == 0)
		return;
	if (colon == entry.n || list.n == 0) {
		SKIP(r,
		     "\"%.*s\" is left out; write USER: USER or "
		     "USER@DOMAIN, separated by commas",
		     SHOW(trim(entry)));
		return;
	}
	if (rewrite(r, user, list) > 0) {
		struct slice line = { r->out + begin, r->octets - begin };

		if (is_good(line)) {
			put(r, S("\n"));
			return;
		}
		SKIP(r,
		     "%.*s: left out; write USER: USER or USER@DOMAIN, "
		     "separated by commas",
		     SHOW(user));
	}
	r->octets = begin;
}

static bool is_continued(struct slice rest)
{
	return rest.n > 0 && (rest.p[0] == ' ' || rest.p[0] == '\t');
}

/* Octets of the entry at the start of text; *ret_lines how many lines. */
static size_t entry_octets(struct slice text, unsigned *ret_lines)
{
	size_t n = 0;

	*ret_lines = 0;
	do {
		struct slice rest = slice_tail(text, n);
		size_t lf = slice_find(rest, '\n');

		n += lf < rest.n ? lf + 1 : lf;
		++*ret_lines;
	} while (is_continued(slice_tail(text, n)));
	return n;
}

struct slice system_aliases_read(struct slice text, const char *file,
				 struct arena *arena,
				 struct conf_errors *errors)
{
	/* What is written of an entry has at most a blank for each comma and
	 * the colon more, and a line end. */
	struct reader r = { .file = file,
			    .line = 1,
			    .errors = errors,
			    .out = arena_alloc(arena, 2 * text.n + 2) };

	while (text.n > 0) {
		unsigned lines;
		size_t n;

		if (text.p[0] == '#') {
			n = slice_find(text, '\n') + 1;
			lines = 1;
		} else {
			n = entry_octets(text, &lines);
			read_entry(&r, slice_head(text, n));
		}
		r.line += lines;
		text = slice_tail(text, n);
	}
	return (struct slice){ r.out, r.octets };
}
