/*
 * An arena: memory with one lifetime, freed whole. For what belongs to a
 * session or a transaction.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/slice.h"

#include <stddef.h>

struct arena;

/*
 * An arena that may grow to limit_octets in all. The limit is a tripwire:
 * reaching it ends the process, so callers bound their input before. The
 * first block is made at the first allocation.
 */
struct arena *arena_new(size_t limit_octets);
void arena_free(struct arena **arena);
/* Forgets all contents; the arena can be used again. */
void arena_clear(struct arena *arena);
/* Octets handed out since the last clear. */
size_t arena_used(const struct arena *arena);

/* Zeroed memory, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size)
	__attribute__((returns_nonnull));
void *arena_array(struct arena *arena, size_t count, size_t size)
	__attribute__((returns_nonnull));
/* A copy of s; a NUL follows it, outside of the slice. */
struct slice arena_copy(struct arena *arena, struct slice s);
/* The same as C string; the caller knows that s holds no NUL. */
const char *arena_string(struct arena *arena, struct slice s);
/* Formatted text; for numbers and our own words, not for a peer's. */
struct slice arena_format(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The count parts, one after the other. */
struct slice arena_join(struct arena *arena, const struct slice *parts,
			size_t count);

#endif
