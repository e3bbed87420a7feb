#include "smtp/address.h"

#include "smtp/name.h"

enum { DOMAIN_OCTETS = 255, PATH_OCTETS = 256 };

/* RFC 5321 4.1.2 atext, with UTF8-non-ascii of RFC 6531 3.3. */
static bool is_atext(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || (unsigned char)c > 127)
		return true;
	return c != '\0' && slice_find(S("!#$%&'*+-/=?^_`{|}~"), c) < 19;
}

/* Octets of the Dot-string at the start of in; 0 when there is none. */
static size_t dot_string_octets(struct slice in)
{
	size_t n = 0;

	while (n < in.n && (is_atext(in.p[n]) || in.p[n] == '.')) {
		if (in.p[n] == '.' && (n == 0 || in.p[n - 1] == '.'))
			return 0;
		n++;
	}
	return n > 0 && in.p[n - 1] == '.' ? 0 : n;
}

static bool is_quotable(char c)
{
	return (unsigned char)c >= ' ' && c != 127;
}

/* Takes a Quoted-string from the start of *in; its text goes to arena. */
static bool take_quoted(struct slice *in, struct arena *arena,
			struct slice *ret_text)
{
	char *text = arena_alloc(arena, in->n);
	size_t n = 0, i = 1;

	while (i < in->n && in->p[i] != '"') {
		if (in->p[i] == '\\' &&
		    (++i == in->n || (unsigned char)in->p[i] > 127))
			return false;
		if (!is_quotable(in->p[i]))
			return false;
		text[n++] = in->p[i++];
	}
	if (i >= in->n)
		return false; /* no closing quote */
	*in = slice_tail(*in, i + 1);
	*ret_text = (struct slice){ .p = text, .n = n };
	return true;
}

static int take_local(struct slice *in, struct arena *arena,
		      struct slice *ret_local)
{
	struct slice local, rest = *in;

	if (rest.n > 0 && rest.p[0] == '"') {
		if (!take_quoted(&rest, arena, &local))
			return ADDRESS_SYNTAX;
	} else {
		local = slice_head(rest, dot_string_octets(rest));
		rest = slice_tail(rest, local.n);
		if (local.n == 0)
			return ADDRESS_SYNTAX;
		local = arena_copy(arena, local);
	}
	if (!slice_is_utf8(local))
		return ADDRESS_SYNTAX;
	if (local.n > PATH_OCTETS)
		return ADDRESS_TOO_LONG;
	*ret_local = local;
	*in = rest;
	return 0;
}

static struct slice lower_copy(struct slice s, struct arena *arena)
{
	char *p = arena_alloc(arena, s.n + 1);

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		p[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
	}
	return (struct slice){ .p = p, .n = s.n };
}

static int read_domain(struct slice in, struct arena *arena,
		       struct slice *ret_domain)
{
	if (in.n == 0)
		return ADDRESS_SYNTAX;
	if (in.n > DOMAIN_OCTETS)
		return ADDRESS_TOO_LONG;
	if (in.p[0] == '[') {
		if (!name_is_literal(in))
			return ADDRESS_SYNTAX;
		*ret_domain = lower_copy(in, arena);
		return 0;
	}
	switch (name_domain(in, arena, ret_domain)) {
	case 0:
		return 0;
	case NAME_TOO_LONG:
		return ADDRESS_TOO_LONG;
	default:
		return ADDRESS_DOMAIN;
	}
}

/* A whole mailbox; "postmaster" may stand alone. */
static int read_mailbox(struct slice in, struct arena *arena,
			struct address *ret_address)
{
	struct address a = { .is_utf8 = false };
	int no = take_local(&in, arena, &a.local);

	if (no != 0)
		return no;
	if (in.n == 0) {
		if (!slice_equal_nocase(a.local, S("postmaster")))
			return ADDRESS_NO_DOMAIN;
		*ret_address = a;
		return 0;
	}
	if (in.p[0] != '@')
		return ADDRESS_SYNTAX;
	in = slice_tail(in, 1);
	no = read_domain(in, arena, &a.domain);
	if (no != 0)
		return no;
	a.is_utf8 = slice_has_high(a.local) || slice_has_high(in);
	*ret_address = a;
	return 0;
}

/* "@a,@b:": A-d-l of RFC 5321 4.1.2, read and dropped. */
static int skip_route(struct slice *in, struct arena *arena)
{
	struct slice route, rest, hop, ignored;
	bool more = true;

	if (!slice_cut(*in, ':', &route, &rest))
		return ADDRESS_SYNTAX;
	while (more) {
		more = slice_cut(route, ',', &hop, &route);
		if (hop.n == 0 || hop.p[0] != '@' ||
		    name_domain(slice_tail(hop, 1), arena, &ignored) != 0)
			return ADDRESS_SYNTAX;
	}
	*in = rest;
	return 0;
}

/* Index of the ">" that ends the path, or in.n: one inside a quoted string
 * ends nothing. */
static size_t find_path_end(struct slice in)
{
	bool quoted = false;

	for (size_t i = 0; i < in.n; i++) {
		if (quoted && in.p[i] == '\\')
			i++;
		else if (in.p[i] == '"')
			quoted = !quoted;
		else if (in.p[i] == '>' && !quoted)
			return i;
	}
	return in.n;
}

int address_parse_path(struct slice in, struct arena *arena,
		       struct address *ret_address, struct slice *ret_rest)
{
	struct slice path, rest;
	size_t end = find_path_end(in);
	int no;

	if (in.n == 0 || in.p[0] != '<' || end == in.n)
		return ADDRESS_SYNTAX;
	if (end + 1 > PATH_OCTETS)
		return ADDRESS_TOO_LONG;
	path = (struct slice){ .p = in.p + 1, .n = end - 1 };
	rest = slice_tail(in, end + 1);
	if (path.n == 0) {
		*ret_address = (struct address){ .is_utf8 = false };
		*ret_rest = rest;
		return 0;
	}
	if (path.p[0] == '@') {
		no = skip_route(&path, arena);
		if (no != 0)
			return no;
	}
	no = read_mailbox(path, arena, ret_address);
	if (no == 0)
		*ret_rest = rest;
	return no;
}

int address_parse(struct slice in, struct arena *arena,
		  struct address *ret_address)
{
	if (in.n > PATH_OCTETS - 2)
		return ADDRESS_TOO_LONG;
	return read_mailbox(in, arena, ret_address);
}

static struct slice quote(struct slice text, struct arena *arena)
{
	char *p = arena_alloc(arena, 2 * text.n + 2);
	size_t n = 0;

	p[n++] = '"';
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			p[n++] = '\\';
		p[n++] = text.p[i];
	}
	p[n++] = '"';
	return (struct slice){ .p = p, .n = n };
}

struct slice address_format(const struct address *a, struct arena *arena)
{
	struct slice parts[3] = { a->local, S("@"), a->domain };

	if (address_is_null(a))
		return S("");
	if (a->local.n == 0 || dot_string_octets(a->local) != a->local.n)
		parts[0] = quote(a->local, arena);
	return arena_join(arena, parts, a->domain.n > 0 ? 3 : 1);
}

bool address_is_null(const struct address *a)
{
	return a->local.n == 0 && a->domain.n == 0;
}

bool address_is_literal(const struct address *a)
{
	return a->domain.n > 0 && a->domain.p[0] == '[';
}

bool address_equal(const struct address *a, const struct address *b)
{
	return slice_equal(a->local, b->local) &&
	       slice_equal(a->domain, b->domain);
}
