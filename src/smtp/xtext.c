#include "smtp/xtext.h"

#include <inttypes.h>
#include <stdio.h>

static bool is_upper_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

static unsigned hex_value(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

bool xtext_decode(struct slice in, struct arena *arena, struct slice *ret_text)
{
	char *out = arena_alloc(arena, in.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];

		if (c < '!' || c > '~' || c == '=')
			return false;
		if (c == '+') {
			if (in.n - i < 3 || !is_upper_hex(in.p[i + 1]) ||
			    !is_upper_hex(in.p[i + 2]))
				return false;
			c = (char)(hex_value(in.p[i + 1]) << 4 |
				   hex_value(in.p[i + 2]));
			i += 2;
		}
		out[n++] = c;
	}
	if (slice_has_control((struct slice){ out, n }))
		return false;
	*ret_text = (struct slice){ .p = out, .n = n };
	return true;
}

struct slice xtext_encode(struct slice text, struct arena *arena)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = arena_alloc(arena, 3 * text.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c < '!' || c > '~' || c == '+' || c == '=') {
			out[n++] = '+';
			out[n++] = digits[c >> 4];
			out[n++] = digits[c & 15];
		} else {
			out[n++] = (char)c;
		}
	}
	return (struct slice){ .p = out, .n = n };
}

/* Reads "\x{HEX}" of RFC 6533 3 at the start of in; 0 octets if there is none.
 * Writes the character as UTF-8 to out, which has room for four octets. */
static size_t take_embedded(struct slice in, char *out, size_t *ret_octets)
{
	size_t end = slice_find(in, '}');
	uint32_t c = 0;

	if (!slice_starts(in, S("\\x{")) || end == in.n || end < 5 || end > 9)
		return 0;
	for (size_t i = 3; i < end; i++) {
		if (!is_upper_hex(in.p[i]))
			return 0;
		c = c << 4 | hex_value(in.p[i]);
	}
	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	if (c < 0x80) {
		out[0] = (char)c;
		*ret_octets = 1;
		return end + 1;
	}
	*ret_octets = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = *ret_octets - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)((0xf00 >> *ret_octets) | c);
	return end + 1;
}

bool xtext_decode_utf8(struct slice in, struct arena *arena,
		       struct slice *ret_text)
{
	char *out = arena_alloc(arena, in.n + 1);
	struct slice text = { .p = out, .n = 0 }, one;

	while (in.n > 0) {
		size_t taken = 1, given = 1;

		if (in.p[0] == '\\') {
			taken = take_embedded(in, out + text.n, &given);
		} else if (in.p[0] == '+') {
			taken = 3;
			if (in.n < 3 ||
			    !xtext_decode(slice_head(in, 3), arena, &one))
				return false;
			out[text.n] = one.p[0];
		} else {
			out[text.n] = in.p[0];
		}
		if (taken == 0)
			return false;
		text.n += given;
		in = slice_tail(in, taken);
	}
	if (!slice_is_utf8(text) || slice_has_control(text))
		return false;
	*ret_text = text;
	return true;
}

/* The character at the start of *in, which is UTF-8; *in moves on. */
static uint32_t take_character(struct slice *in)
{
	unsigned char first = (unsigned char)in->p[0];
	size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? first : first & (0x7fu >> n);

	for (size_t i = 1; i < n && i < in->n; i++)
		c = c << 6 | ((unsigned char)in->p[i] & 0x3f);
	*in = slice_tail(*in, n);
	return c;
}

struct slice xtext_encode_utf8(struct slice text, struct arena *arena)
{
	enum { CHARACTER_OCTETS = 11 }; /* "\x{1FFFFF}" and a NUL */
	const size_t room = CHARACTER_OCTETS * text.n + 1;
	char *out = arena_alloc(arena, room);
	size_t n = 0;

	while (text.n > 0) {
		uint32_t c = take_character(&text);

		if (c > ' ' && c < 127 && c != '+' && c != '=' && c != '\\')
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, room - n,
					      "\\x{%02" PRIX32 "}", c);
	}
	return (struct slice){ .p = out, .n = n };
}
