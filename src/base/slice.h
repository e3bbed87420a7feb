/*
 * A view of bytes that someone else owns. It may hold any octet, NUL too; it
 * is valid only as long as its owner says.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
	const char *p; /* may be NULL only when n is 0 */
	size_t n;      /* octets */
};

/* A string literal as slice; usable in static tables. */
#define SLICE(literal)                                                         \
	{                                                                      \
		.p = (literal), .n = sizeof(literal) - 1                       \
	}
#define S(literal) ((struct slice)SLICE(literal))

/* The view of a C string; NULL gives the empty slice. */
struct slice slice_of(const char *s);

/* The first n octets; n beyond the end gives all. */
struct slice slice_head(struct slice s, size_t n);
/* What follows the first n octets; n beyond the end gives the empty slice. */
struct slice slice_tail(struct slice s, size_t n);

bool slice_equal(struct slice a, struct slice b);
/* ASCII letters compare without case; other octets as they are. */
bool slice_equal_nocase(struct slice a, struct slice b);
bool slice_starts(struct slice s, struct slice prefix);
bool slice_starts_nocase(struct slice s, struct slice prefix);
bool slice_ends_nocase(struct slice s, struct slice suffix);

/* Index of the first octet c, or s.n when there is none. */
size_t slice_find(struct slice s, char c);
/* Index of the last octet c, or s.n when there is none. */
size_t slice_find_last(struct slice s, char c);
/* Index of the first occurrence of needle, or s.n. */
size_t slice_find_slice(struct slice s, struct slice needle);

/*
 * Cuts s at the first octet c: *ret_head before it, *ret_rest after it.
 * Returns false, with all of s in *ret_head and nothing in *ret_rest, when
 * there is no c. The outputs may be s itself.
 */
bool slice_cut(struct slice s, char c, struct slice *ret_head,
	       struct slice *ret_rest);

/* Without spaces and tabs at both ends. */
struct slice slice_trim(struct slice s);

/* True if an octet is 0..31 or 127. */
bool slice_has_control(struct slice s);
/* True if an octet is 128 or more. */
bool slice_has_high(struct slice s);
/* True if s is well-formed UTF-8 (RFC 3629: no surrogates, nothing overlong). */
bool slice_is_utf8(struct slice s);

/*
 * Decimal digits only, at least one, no sign, at most max. Returns false on
 * anything else and leaves *ret_value.
 */
bool slice_to_u64(struct slice s, uint64_t max, uint64_t *ret_value);

#endif
