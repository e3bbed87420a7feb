#include "base/slice.h"

#include <string.h>
#include <strings.h>
#include <unistr.h>

struct slice slice_of(const char *s)
{
	return (struct slice){ .p = s, .n = s != NULL ? strlen(s) : 0 };
}

struct slice slice_head(struct slice s, size_t n)
{
	return (struct slice){ .p = s.p, .n = n < s.n ? n : s.n };
}

struct slice slice_tail(struct slice s, size_t n)
{
	if (n >= s.n)
		return (struct slice){ .p = NULL, .n = 0 };
	return (struct slice){ .p = s.p + n, .n = s.n - n };
}

bool slice_equal(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static unsigned char lower(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 'A' && u <= 'Z' ? (unsigned char)(u + ('a' - 'A')) : u;
}

bool slice_equal_nocase(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool slice_starts(struct slice s, struct slice prefix)
{
	return slice_equal(slice_head(s, prefix.n), prefix);
}

bool slice_starts_nocase(struct slice s, struct slice prefix)
{
	return slice_equal_nocase(slice_head(s, prefix.n), prefix);
}

bool slice_ends_nocase(struct slice s, struct slice suffix)
{
	return s.n >= suffix.n &&
	       slice_equal_nocase(slice_tail(s, s.n - suffix.n), suffix);
}

size_t slice_find(struct slice s, char c)
{
	const char *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;

	return at != NULL ? (size_t)(at - s.p) : s.n;
}

size_t slice_find_last(struct slice s, char c)
{
	const char *at = s.n > 0 ? memrchr(s.p, c, s.n) : NULL;

	return at != NULL ? (size_t)(at - s.p) : s.n;
}

size_t slice_find_slice(struct slice s, struct slice needle)
{
	const char *at;

	if (needle.n == 0)
		return 0;
	at = s.n > 0 ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
	return at != NULL ? (size_t)(at - s.p) : s.n;
}

bool slice_cut(struct slice s, char c, struct slice *ret_head,
	       struct slice *ret_rest)
{
	size_t at = slice_find(s, c);

	*ret_head = slice_head(s, at);
	*ret_rest = slice_tail(s, at + 1);
	return at < s.n;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = slice_tail(s, 1);
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool slice_has_control(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127)
			return true;
	return false;
}

bool slice_has_high(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] > 127)
			return true;
	return false;
}

bool slice_is_utf8(struct slice s)
{
	return s.n == 0 || u8_check((const uint8_t *)s.p, s.n) == NULL;
}

bool slice_to_u64(struct slice s, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint64_t digit = (uint64_t)(unsigned char)s.p[i] - '0';

		if (digit > 9 || digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret_value = value;
	return true;
}
