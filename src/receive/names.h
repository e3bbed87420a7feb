/*
 * An ordered set of names: each once, in the order they came. It grows in an
 * arena and dies with it. The names themselves are views: they outlive the set.
 */
#ifndef RECEIVE_NAMES_H
#define RECEIVE_NAMES_H

#include "base/arena.h"
#include "base/slice.h"

struct names {
	struct arena *arena;
	struct slice *items;
	size_t count;
	size_t room;        /* of items */
	uint32_t *places;   /* open addressing: index + 1, 0 for a free place */
	size_t place_count; /* a power of two, at least twice room */
};

void names_init(struct names *names, struct arena *arena);
/* The index of name, which is added if it is new. */
size_t names_add(struct names *names, struct slice name, bool *ret_is_new);

/* A hash of the octets, not meant to withstand an enemy. */
uint64_t names_hash(struct slice name);

#endif
