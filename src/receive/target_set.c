#include "receive/target_set.h"

#include <string.h>

enum { TARGETS_FIRST_ROOM = 8 };

void target_set_init(struct target_set *set, struct arena *arena)
{
	*set = (struct target_set){ .count = 0 };
	names_init(&set->keys, arena);
}

/* No address begins with a space: where one is, it is quoted. */
static struct slice key_of(struct arena *arena, struct target target)
{
	switch (target.kind) {
	case TARGET_MAILBOX:
		return target.address;
	case TARGET_COMMAND:
		return arena_join(
			arena,
			(const struct slice[]){ S(" |"), target.address }, 2);
	case TARGET_REMOTE:
		return arena_join(arena,
				  (const struct slice[]){ S(" "), target.via,
							  S(" "),
							  target.address },
				  4);
	}
	return target.address;
}

static void grow(struct target_set *set)
{
	size_t room = set->room > 0 ? set->room * 2 : TARGETS_FIRST_ROOM;
	struct target *items =
		arena_array(set->keys.arena, room, sizeof(*items));

	if (set->count > 0)
		memcpy(items, set->items, set->count * sizeof(*items));
	set->items = items;
	set->room = room;
}

bool target_set_add(struct target_set *set, struct target target)
{
	bool is_new;

	(void)names_add(&set->keys, key_of(set->keys.arena, target), &is_new);
	if (!is_new)
		return false;
	if (set->count == set->room)
		grow(set);
	set->items[set->count++] = target;
	return true;
}

struct targets target_set_all(const struct target_set *set)
{
	return (struct targets){ set->items, set->count };
}
