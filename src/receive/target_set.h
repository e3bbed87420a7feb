/*
 * An ordered set of targets: each once, in the order they came. The kind is
 * part of what is compared. It grows in an arena and dies with it; the
 * addresses are views, which outlive the set.
 */
#ifndef RECEIVE_TARGET_SET_H
#define RECEIVE_TARGET_SET_H

#include "proc/wire.h"
#include "receive/names.h"

struct target_set {
	struct names keys;
	struct target *items;
	size_t count;
	size_t room; /* of items */
};

void target_set_init(struct target_set *set, struct arena *arena);
/* Returns whether it is new, and was added. */
bool target_set_add(struct target_set *set, struct target target);
struct targets target_set_all(const struct target_set *set);

#endif
