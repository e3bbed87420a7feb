#include "verify/spf_macro.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PARTS_MAX = 128, HEX = 16, SCRATCH_OCTETS = 16 << 20 };

static const char delimiters[] = ".-+,/_=";

/* "%{ir3-}": what stands between the braces. */
struct macro {
	char letter;   /* as it stands there */
	unsigned keep; /* labels from the right; 0: all */
	bool is_reversed;
	struct slice delimiters; /* none: a dot */
};

static bool is_letter(char c)
{
	return isalpha((unsigned char)c) != 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* --- syntax -------------------------------------------------------------------- */

static bool read_number(struct slice *text, unsigned *ret_number)
{
	unsigned n = 0;

	if (text->n == 0 || !is_digit(text->p[0]))
		return true; /* there is none */
	while (text->n > 0 && is_digit(text->p[0])) {
		n = n < PARTS_MAX ? n * 10 + (unsigned)(text->p[0] - '0') : n;
		*text = slice_tail(*text, 1);
	}
	*ret_number = n;
	return n > 0; /* RFC 7208 7.1: not zero */
}

static bool read_macro(struct slice inner, struct macro *ret_macro)
{
	struct macro m = { .letter = '\0' };

	if (inner.n == 0)
		return false;
	m.letter = inner.p[0];
	inner = slice_tail(inner, 1);
	if (!read_number(&inner, &m.keep))
		return false;
	if (inner.n > 0 && (inner.p[0] == 'r' || inner.p[0] == 'R')) {
		m.is_reversed = true;
		inner = slice_tail(inner, 1);
	}
	m.delimiters = inner;
	for (size_t i = 0; i < inner.n; i++)
		if (inner.p[i] == '\0' ||
		    strchr(delimiters, inner.p[i]) == NULL)
			return false;
	*ret_macro = m;
	return true;
}

/*
 * Cuts the first piece off: a run of other characters, or a "%" and what
 * belongs to it. Returns false where "%" is followed by nothing good.
 */
static bool next_piece(struct slice *text, struct slice *ret_piece)
{
	size_t n = slice_find(*text, '%');

	if (n == 0 && text->n < 2)
		return false;
	if (n == 0 && text->p[1] == '{') {
		n = slice_find(*text, '}') + 1;
		if (n > text->n)
			return false;
	} else if (n == 0) {
		n = 2;
		if (strchr("%_-", text->p[1]) == NULL || text->p[1] == '\0')
			return false;
	}
	*ret_piece = slice_head(*text, n);
	*text = slice_tail(*text, n);
	return true;
}

static bool is_macro(struct slice piece, struct macro *ret_macro)
{
	return piece.n > 2 && piece.p[0] == '%' && piece.p[1] == '{' &&
	       read_macro(slice_head(slice_tail(piece, 2), piece.n - 3),
			  ret_macro);
}

static bool is_piece_valid(struct slice piece, const char *letters, char lowest)
{
	struct macro m;

	if (piece.p[0] != '%') {
		for (size_t i = 0; i < piece.n; i++)
			if (piece.p[i] < lowest || piece.p[i] > '~')
				return false;
		return true;
	}
	if (piece.p[1] != '{')
		return true;
	return is_macro(piece, &m) && is_letter(m.letter) &&
	       strchr(letters, tolower((unsigned char)m.letter)) != NULL;
}

static bool is_valid(struct slice text, const char *letters, char lowest)
{
	struct slice piece;

	while (text.n > 0)
		if (!next_piece(&text, &piece) ||
		    !is_piece_valid(piece, letters, lowest))
			return false;
	return true;
}

bool spf_macro_is_valid(struct slice text)
{
	return is_valid(text, "slodiphv", '!');
}

bool spf_macro_is_explanation(struct slice text)
{
	return is_valid(text, "slodiphvcrt", ' ');
}

/* RFC 7208 7.1: not only digits, no "-" at either end. */
static bool is_toplabel(struct slice label)
{
	bool is_number = true;

	for (size_t i = 0; i < label.n; i++) {
		char c = label.p[i];

		if (!is_letter(c) && !is_digit(c) && c != '-')
			return false;
		is_number = is_number && is_digit(c);
	}
	return label.n > 0 && !is_number && label.p[0] != '-' &&
	       label.p[label.n - 1] != '-';
}

bool spf_macro_is_domain(struct slice text)
{
	struct slice rest = text, piece = S("");
	size_t dot;

	if (text.n == 0 || !spf_macro_is_valid(text))
		return false;
	while (rest.n > 0)
		(void)next_piece(&rest, &piece);
	if (piece.p[0] == '%')
		return true;
	if (piece.p[piece.n - 1] == '.')
		piece.n--;
	dot = slice_find_last(piece, '.');
	return dot < piece.n && is_toplabel(slice_tail(piece, dot + 1));
}

bool spf_macro_uses(struct slice text, const char *letters)
{
	struct slice piece;
	struct macro m;

	while (text.n > 0 && next_piece(&text, &piece))
		if (is_macro(piece, &m) &&
		    strchr(letters, tolower((unsigned char)m.letter)) != NULL)
			return true;
	return false;
}

/* --- values ---------------------------------------------------------------------- */

static struct slice address_text(const struct spf_facts *f, struct arena *arena)
{
	char text[INET6_ADDRSTRLEN] = "";
	const void *address = f->family == AF_INET ? (const void *)&f->ipv4
						   : (const void *)&f->ipv6;

	(void)inet_ntop(f->family, address, text, sizeof(text));
	return arena_copy(arena, slice_of(text));
}

/* RFC 7208 7.3: nibbles with dots between them. */
static struct slice address_labels(const struct spf_facts *f,
				   struct arena *arena)
{
	static const char digits[] = "0123456789abcdef";
	char text[4 * sizeof(f->ipv6.s6_addr)];
	char *p = text;

	if (f->family == AF_INET)
		return address_text(f, arena);
	for (size_t i = 0; i < sizeof(f->ipv6.s6_addr); i++) {
		*p++ = digits[f->ipv6.s6_addr[i] / HEX];
		*p++ = '.';
		*p++ = digits[f->ipv6.s6_addr[i] % HEX];
		*p++ = '.';
	}
	return arena_copy(arena,
			  (struct slice){ .p = text, .n = sizeof(text) - 1 });
}

static struct slice value_of(char letter, const struct spf_facts *f,
			     struct arena *arena)
{
	switch (tolower((unsigned char)letter)) {
	case 's': {
		const struct slice parts[] = { f->local, SLICE("@"),
					       f->sender_domain };

		return arena_join(arena, parts, 3);
	}
	case 'l':
		return f->local;
	case 'o':
		return f->sender_domain;
	case 'd':
		return f->domain;
	case 'i':
		return address_labels(f, arena);
	case 'p':
		return f->validated;
	case 'h':
		return f->helo;
	case 'v':
		return f->family == AF_INET ? S("in-addr") : S("ip6");
	case 'c':
		return address_text(f, arena);
	case 'r':
		return f->hostname;
	case 't':
		return arena_format(arena, "%" PRId64, f->now_s);
	default: /* is_valid() knows no other */
		return S("");
	}
}

/* --- expansion ---------------------------------------------------------------------- */

static size_t part_octets(struct slice value, struct slice by)
{
	size_t n = 0;

	while (n < value.n && slice_find(by, value.p[n]) == by.n)
		n++;
	return n;
}

/* RFC 7208 7.3: split, turned round, the right-most kept, joined by dots. */
static struct slice transform(struct slice value, const struct macro *m,
			      struct arena *arena)
{
	struct slice by = m->delimiters.n > 0 ? m->delimiters : S(".");
	struct slice *parts =
		arena_array(arena, 2 * (value.n + 1), sizeof(*parts));
	size_t count = 0, first;

	for (;;) {
		size_t n = part_octets(value, by);

		parts[count++] = slice_head(value, n);
		if (n == value.n)
			break;
		value = slice_tail(value, n + 1);
	}
	for (size_t i = 0; m->is_reversed && i < count / 2; i++) {
		struct slice other = parts[i];

		parts[i] = parts[count - 1 - i];
		parts[count - 1 - i] = other;
	}
	first = m->keep > 0 && m->keep < count ? count - m->keep : 0;
	parts += first;
	count -= first;
	/* a dot after each but the last */
	for (size_t i = count; i-- > 0;) {
		parts[2 * i] = parts[i];
		parts[2 * i + 1] = S(".");
	}
	return arena_join(arena, parts, 2 * count - 1);
}

/* RFC 3986 2.1, 2.3 */
static struct slice url_escape(struct slice value, struct arena *arena)
{
	char *text = arena_alloc(arena, 3 * value.n + 1), *p = text;

	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if (c < 128 && (isalnum(c) || strchr("-._~", c) != NULL))
			*p++ = (char)c;
		else
			p += snprintf(p, 4, "%%%02X", c);
	}
	return (struct slice){ .p = text, .n = (size_t)(p - text) };
}

static struct slice expand_piece(struct slice piece,
				 const struct spf_facts *facts,
				 struct arena *arena)
{
	struct slice value;
	struct macro m;

	if (piece.p[0] != '%')
		return piece;
	if (piece.p[1] == '%')
		return S("%");
	if (piece.p[1] == '_')
		return S(" ");
	if (piece.p[1] == '-')
		return S("%20");
	if (!is_macro(piece, &m))
		return S("");
	value = transform(value_of(m.letter, facts, arena), &m, arena);
	return isupper((unsigned char)m.letter) ? url_escape(value, arena)
						: value;
}

struct slice spf_macro_expand(struct slice text, const struct spf_facts *facts,
			      struct arena *arena)
{
	AUTO(arena_free) struct arena *scratch = arena_new(SCRATCH_OCTETS);
	struct slice *pieces =
		arena_array(scratch, text.n + 1, sizeof(*pieces));
	struct slice piece;
	size_t count = 0;

	assert(text.n <= SPF_MACRO_OCTETS);
	while (text.n > 0 && next_piece(&text, &piece))
		pieces[count++] = expand_piece(piece, facts, scratch);
	return arena_join(arena, pieces, count);
}
