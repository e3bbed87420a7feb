/* Whose an Authentication-Results field says it is: RFC 8601 2.2, 2.5. */
#include "mail/authres.h"

#include "base/blank.h"
#include "base/mem.h"
#include "smtp/name.h"

#include <string.h>

enum {
	ID_OCTETS = 1024, /* of a longer one no more is read */
	ARENA_OCTETS = 65536,
};

/* Goes behind the comment at *at. Returns false if it has no end. */
static bool skip_comment(struct slice in, size_t *at)
{
	size_t depth = 0;

	for (; *at < in.n; (*at)++) {
		char c = in.p[*at];

		if (c == '\\')
			(*at)++;
		else if (c == '(')
			depth++;
		else if (c == ')' && --depth == 0)
			return (*at)++, true;
	}
	return false;
}

static bool skip_blanks(struct slice in, size_t *at)
{
	while (*at < in.n) {
		if (in.p[*at] == '(') {
			if (!skip_comment(in, at))
				return false;
		} else if (blank_is(in.p[*at])) {
			(*at)++;
		} else {
			break;
		}
	}
	return true;
}

/* An id ends at what cannot stand in a host's name, so that "ID/1" and "ID,x"
 * are ID to us as they may be to others. */
static bool is_id_octet(char c)
{
	return (unsigned char)c >= 128 ||
	       (c > ' ' && c < 127 && strchr("()<>@,;:\\\"/[]?=", c) == NULL);
}

struct id {
	char text[ID_OCTETS];
	size_t n;
	bool is_quoted;
};

/* Takes the octet at *at. Returns false at the end of the id. */
static bool take(struct id *id, struct slice in, size_t *at)
{
	char c = in.p[*at];

	if (c == '"') {
		id->is_quoted = !id->is_quoted;
	} else if (id->is_quoted) {
		if (c == '\\' && *at + 1 < in.n)
			c = in.p[++*at];
		if (!blank_is(c))
			id->text[id->n++] = c;
	} else if (is_id_octet(c)) {
		id->text[id->n++] = c;
	} else {
		return false;
	}
	(*at)++;
	return true;
}

/*
 * With joins, what stands before a comment and what follows it are one: so
 * read those who take comments out first, while to others "ID(x)1" has a
 * version. Returns false if there is nothing that could be an id.
 */
static bool read_id(struct slice in, bool joins, struct id *ret_id)
{
	size_t at = 0;

	*ret_id = (struct id){ .n = 0 };
	if (!skip_blanks(in, &at))
		return false;
	while (at < in.n && ret_id->n < ID_OCTETS) {
		if (joins && !ret_id->is_quoted && in.p[at] == '(') {
			if (!skip_comment(in, &at))
				return false;
		} else if (!take(ret_id, in, &at)) {
			break;
		}
	}
	return ret_id->n > 0 && !ret_id->is_quoted;
}

static struct slice without_last_dot(struct slice s)
{
	if (s.n > 0 && s.p[s.n - 1] == '.')
		s.n--;
	return s;
}

static bool is_same(struct slice a, struct slice b)
{
	AUTO(arena_free) struct arena *arena = arena_new(ARENA_OCTETS);
	struct slice canonical_a, canonical_b;

	if (slice_equal_nocase(a, b))
		return true;
	return a.n <= ID_OCTETS && b.n <= ID_OCTETS &&
	       name_domain(a, arena, &canonical_a) == 0 &&
	       name_domain(b, arena, &canonical_b) == 0 &&
	       slice_equal(canonical_a, canonical_b);
}

bool authres_claims(struct slice value, struct slice id)
{
	struct id claimed;

	for (int joins = 0; joins < 2; joins++) {
		if (!read_id(value, joins == 1, &claimed))
			return true;
		if (is_same(without_last_dot(
				    (struct slice){ claimed.text, claimed.n }),
			    without_last_dot(id)))
			return true;
	}
	return false;
}
