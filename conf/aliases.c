#include "conf/aliases.h"

#include "base/blank.h"
#include "base/mem.h"
#include "conf/via.h"
#include "smtp/name.h"

#include <stdlib.h>
#include <string.h>

/* Text is bounded by tree.h; what it becomes takes some dozen times as much. */
enum {
	ALIASES_OCTETS = 1 << 30,
	TARGETS_MAX = 1000,
	LINE_OCTETS = 64 << 10,
	SCRATCH_OCTETS = 8 * LINE_OCTETS,
};

struct aliases {
	struct arena *arena;
	struct alias *items; /* sorted by user, none twice; mem_free() */
	size_t count;
	size_t room;
};

struct parser {
	struct aliases *aliases;
	struct arena *arena;   /* for what stays */
	struct arena *scratch; /* for one line */
	const char *file;
	unsigned line;
	struct slice domain;
	const char *drop_characters;
	struct conf_errors *errors;
	bool failed;
};

#define FAIL(p, ...)                                                           \
	(conf_errors_add((p)->errors, (p)->file, (p)->line, NULL,              \
			 __VA_ARGS__),                                         \
	 (p)->failed = true, false)

/* For "%.*s" in a message; long ones are cut. */
#define SHOW(s) (int)((s).n < 80 ? (s).n : 80), (s).p != NULL ? (s).p : ""

/* --- the left side -------------------------------------------------------------- */

static struct slice drop(const struct parser *p, struct slice user)
{
	char *out = arena_alloc(p->scratch, user.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < user.n; i++)
		if (strchr(p->drop_characters, user.p[i]) == NULL)
			out[n++] = user.p[i];
	return (struct slice){ .p = out, .n = n };
}

static bool read_user(struct parser *p, struct slice in, struct slice *ret_user)
{
	struct slice user;

	if (in.n == 0)
		return FAIL(p, "no user before the \":\"; write USER: TARGET");
	if (slice_find(in, '@') < in.n)
		return FAIL(p,
			    "\"%.*s\" has a domain; the file's directory "
			    "names it, so only the user is written here",
			    SHOW(in));
	if (slice_equal(in, S("*"))) {
		*ret_user = S("*");
		return true;
	}
	user = drop(p, in);
	if (user.n == 0 || name_user(user, p->scratch, &user) != 0)
		return FAIL(p, "\"%.*s\" is no user name", SHOW(in));
	*ret_user = arena_copy(p->arena, user);
	return true;
}

/* --- the right side ------------------------------------------------------------- */

/* What stays of the address: our own domain is there once. */
static bool keep_target(struct parser *p, struct alias_target *t)
{
	struct arena *a = p->arena;
	struct slice local = t->address.local;
	bool is_ours = slice_equal(t->address.domain, p->domain);

	if (is_ours && !t->is_same_user &&
	    name_user(local, p->scratch, &local) != 0)
		return false;
	t->address.local = arena_copy(a, local);
	t->via = arena_copy(a, t->via);
	t->address.domain =
		is_ours ? p->domain : arena_copy(a, t->address.domain);
	return true;
}

static bool read_target(struct parser *p, struct slice in,
			struct alias_target *ret_target)
{
	struct alias_target t = { .is_same_user = false };
	struct slice whole;

	if (!via_parse(in, p->scratch, &whole, &t.via))
		return FAIL(p,
			    "\"%.*s\": after \"via\" stand names of hosts, "
			    "parted by \"/\"; at most %d",
			    SHOW(in), VIA_HOSTS);
	if (slice_find(whole, '@') == whole.n)
		whole = arena_join(
			p->scratch,
			(const struct slice[]){ whole, S("@"), p->domain }, 3);
	if (address_parse(whole, p->scratch, &t.address) != 0 ||
	    address_is_literal(&t.address) || t.address.domain.n == 0 ||
	    t.address.local.n == 0)
		return FAIL(p,
			    "\"%.*s\" is no target; USER or USER@DOMAIN, "
			    "separated by commas, and a comment has a line "
			    "of its own",
			    SHOW(in));
	t.is_same_user = slice_equal(t.address.local, S("*"));
	if (!keep_target(p, &t))
		return FAIL(p, "\"%.*s\" is no user name", SHOW(in));
	*ret_target = t;
	return true;
}

static size_t count_targets(struct slice list)
{
	struct slice item;
	size_t count = 0;

	while (list.n > 0) {
		(void)slice_cut(list, ',', &item, &list);
		count += blank_trim(item).n > 0;
	}
	return count;
}

static bool read_targets(struct parser *p, struct slice list,
			 struct alias *alias)
{
	size_t count = count_targets(list);
	struct alias_target *targets;
	struct slice item;

	if (count == 0)
		return FAIL(p, "no target after the \":\"; write USER: TARGET");
	if (count > TARGETS_MAX)
		return FAIL(p, "%zu targets; at most %d", count, TARGETS_MAX);
	targets = arena_array(p->arena, count, sizeof(*targets));
	while (list.n > 0) {
		(void)slice_cut(list, ',', &item, &list);
		item = blank_trim(item);
		arena_clear(p->scratch);
		if (item.n > 0 &&
		    !read_target(p, item, &targets[alias->count++]))
			return false;
	}
	alias->targets = targets;
	return true;
}

static bool read_command(struct parser *p, struct slice command,
			 struct alias *alias)
{
	if (command.n == 0)
		return FAIL(p,
			    "no command after the \"|\"; write USER: | COMMAND "
			    "ARGUMENTS");
	alias->command = arena_copy(p->arena, command);
	return true;
}

static bool read_right_side(struct parser *p, struct slice in,
			    struct alias *alias)
{
	if (in.n > 0 && in.p[0] == '|')
		return read_command(p, blank_trim(slice_tail(in, 1)), alias);
	return read_targets(p, in, alias);
}

/* --- lines ---------------------------------------------------------------------- */

static void add(struct aliases *aliases, const struct alias *alias)
{
	if (aliases->count == aliases->room) {
		aliases->room = aliases->room * 2 + 16;
		aliases->items = mem_resize(aliases->items, aliases->room,
					    sizeof(*aliases->items));
	}
	aliases->items[aliases->count++] = *alias;
}

static bool check_text(struct parser *p, struct slice text)
{
	if (text.n > LINE_OCTETS)
		return FAIL(p, "the line is too long; at most %d octets",
			    LINE_OCTETS);
	if (!slice_is_utf8(text))
		return FAIL(p, "this is not UTF-8");
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != '\t' &&
		    slice_has_control(slice_head(slice_tail(text, i), 1)))
			return FAIL(p, "control characters are not allowed");
	return true;
}

static bool read_line(struct parser *p, struct slice line)
{
	struct alias alias = { .line = p->line };
	struct slice user, list;

	line = blank_trim(line);
	if (line.n == 0 || line.p[0] == '#')
		return true;
	if (!check_text(p, line))
		return false;
	if (!slice_cut(line, ':', &user, &list))
		return FAIL(p, "no \":\"; write USER: TARGET, TARGET");
	if (!read_user(p, slice_trim(user), &alias.user) ||
	    !read_right_side(p, blank_trim(list), &alias))
		return false;
	add(p->aliases, &alias);
	return true;
}

/* --- order ------------------------------------------------------------------------ */

static int compare_users(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int r = n > 0 ? memcmp(a.p, b.p, n) : 0;

	if (r != 0)
		return r;
	return a.n < b.n ? -1 : a.n > b.n;
}

static int compare(const void *x, const void *y)
{
	const struct alias *a = x, *b = y;
	int r = compare_users(a->user, b->user);

	if (r != 0)
		return r;
	return a->line < b->line ? -1 : a->line > b->line;
}

/* Of several for one user the last one stays. */
static void drop_duplicates(struct parser *p)
{
	struct aliases *all = p->aliases;
	size_t n = 0;

	for (size_t i = 0; i < all->count; i++) {
		struct alias *later = &all->items[i];

		if (n == 0 ||
		    !slice_equal(all->items[n - 1].user, later->user)) {
			all->items[n++] = *later;
			continue;
		}
		conf_errors_warn(p->errors, p->file, later->line, NULL,
				 "\"%.*s\" is also in line %u; this one, the "
				 "later one, holds",
				 SHOW(later->user), all->items[n - 1].line);
		all->items[n - 1] = *later;
	}
	all->count = n;
}

/* --- the whole -------------------------------------------------------------------- */

struct aliases *aliases_parse(struct slice text, const char *file,
			      struct slice domain, const char *drop_characters,
			      struct conf_errors *errors)
{
	AUTO(aliases_free) struct aliases *all = mem_new(sizeof(*all));
	AUTO(arena_free) struct arena *scratch = arena_new(SCRATCH_OCTETS);
	struct parser p = { .aliases = all,
			    .scratch = scratch,
			    .file = file,
			    .drop_characters = drop_characters,
			    .errors = errors };
	struct aliases *result;
	struct slice line;

	all->arena = arena_new(ALIASES_OCTETS);
	p.arena = all->arena;
	p.domain = arena_copy(all->arena, domain);
	while (text.n > 0) {
		p.line++;
		arena_clear(scratch);
		(void)slice_cut(text, '\n', &line, &text);
		(void)read_line(&p, line); /* says itself what is wrong */
	}
	if (p.failed)
		return NULL;
	if (all->count > 0)
		qsort(all->items, all->count, sizeof(*all->items), compare);
	drop_duplicates(&p);
	result = all;
	all = NULL; /* now the caller's */
	return result;
}

/* A list may go over several lines. */
static struct slice join_lines(struct slice text, struct arena *arena)
{
	char *p = arena_alloc(arena, text.n + 1);

	memcpy(p, text.p, text.n);
	for (size_t i = 0; i < text.n; i++)
		if (blank_is(p[i]))
			p[i] = ' ';
	return (struct slice){ p, text.n };
}

bool aliases_parse_targets(struct slice text, struct slice domain,
			   struct arena *arena, struct conf_errors *errors,
			   struct alias *ret_alias)
{
	AUTO(arena_free) struct arena *scratch = arena_new(SCRATCH_OCTETS);
	struct parser p = { .arena = arena,
			    .scratch = scratch,
			    .drop_characters = "",
			    .errors = errors };
	struct alias alias = { .user = ret_alias->user,
			       .line = ret_alias->line };

	text = blank_trim(text);
	if (text.n > 0 && text.n <= LINE_OCTETS && text.p[0] != '|')
		text = join_lines(text, arena);
	p.domain = arena_copy(arena, domain);
	if (text.n > 0 &&
	    (!check_text(&p, text) || !read_right_side(&p, text, &alias)))
		return false;
	*ret_alias = alias;
	return true;
}

void aliases_free(struct aliases **aliases)
{
	if (*aliases == NULL)
		return;
	arena_free(&(*aliases)->arena);
	mem_free(&(*aliases)->items);
	mem_free(aliases);
}

static int compare_key(const void *key, const void *item)
{
	const struct slice *user = key;
	const struct alias *alias = item;

	return compare_users(*user, alias->user);
}

const struct alias *aliases_find(const struct aliases *aliases,
				 struct slice user)
{
	if (aliases->count == 0)
		return NULL;
	return bsearch(&user, aliases->items, aliases->count,
		       sizeof(*aliases->items), compare_key);
}

size_t aliases_count(const struct aliases *aliases)
{
	return aliases->count;
}
