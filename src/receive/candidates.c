#include "receive/candidates.h"

#include "smtp/name.h"

#include <string.h>

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* Where the detail begins; all of it when there is none. */
static size_t find_detail(struct slice local, const char *delimiters)
{
	for (size_t i = 0; i < local.n; i++)
		if (is_one_of(local.p[i], delimiters))
			return i;
	return local.n;
}

static struct slice without(struct slice local, const char *drop_characters,
			    struct arena *arena)
{
	char *p;
	size_t n = 0;

	if (drop_characters[0] == '\0')
		return local;
	p = arena_alloc(arena, local.n);
	for (size_t i = 0; i < local.n; i++)
		if (!is_one_of(local.p[i], drop_characters))
			p[n++] = local.p[i];
	return (struct slice){ p, n };
}

static void add(struct candidates *c, enum candidate_kind kind,
		struct slice local, struct slice whole)
{
	for (size_t i = 0; i < c->count; i++) {
		if (c->items[i].kind != kind ||
		    !slice_equal(c->items[i].local, local))
			continue;
		if (kind == CANDIDATE_MAILBOX ||
		    slice_equal(c->items[i].whole, whole))
			return;
		kind = CANDIDATE_ANSWER;
	}
	if (local.n > 0)
		c->items[c->count++] = (struct candidate){ kind, local, whole };
}

int candidates_find(struct slice local, const char *delimiters,
		    const char *drop_characters, struct arena *arena,
		    struct candidates *ret_candidates)
{
	size_t at = find_detail(local, delimiters);
	struct slice detail = slice_tail(local, at);
	struct candidates c = { .count = 0 };
	struct slice user;
	struct slice plain; /* user, without drop characters */
	int error;

	error = name_user(local, arena, &c.folded);
	if (error == 0 && at > 0)
		error = name_user(slice_head(local, at), arena, &user);
	else
		user = S("");
	if (error != 0)
		return error;
	plain = without(user, drop_characters, arena);
	add(&c, CANDIDATE_MAILBOX, c.folded, c.folded);
	add(&c, CANDIDATE_ALIAS, without(c.folded, drop_characters, arena),
	    c.folded);
	add(&c, CANDIDATE_MAILBOX, user,
	    arena_join(arena, (const struct slice[]){ user, detail }, 2));
	add(&c, CANDIDATE_MAILBOX, plain,
	    arena_join(arena, (const struct slice[]){ plain, detail }, 2));
	add(&c, CANDIDATE_ALIAS, plain, plain);
	add(&c, CANDIDATE_CATCH_ALL, S("*"), S("*"));
	*ret_candidates = c;
	return 0;
}
