#include "receive/names.h"

#include <string.h>

enum { NAMES_FIRST_ROOM = 8 };

/* FNV-1a, 64 bits. */
uint64_t names_hash(struct slice name)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < name.n; i++)
		h = (h ^ (unsigned char)name.p[i]) * 0x100000001b3;
	return h;
}

void names_init(struct names *names, struct arena *arena)
{
	*names = (struct names){ .arena = arena };
}

/* The place that holds name, or the free one where it belongs. */
static uint32_t *find_place(const struct names *names, struct slice name)
{
	size_t mask = names->place_count - 1;
	size_t at = names_hash(name) & mask;

	while (names->places[at] != 0 &&
	       !slice_equal(names->items[names->places[at] - 1], name))
		at = (at + 1) & mask;
	return &names->places[at];
}

static void grow(struct names *names)
{
	size_t room = names->room > 0 ? names->room * 2 : NAMES_FIRST_ROOM;
	struct slice *items = arena_array(names->arena, room, sizeof(*items));

	if (names->count > 0)
		memcpy(items, names->items, names->count * sizeof(*items));
	names->items = items;
	names->room = room;
	names->place_count = room * 2;
	names->places = arena_array(names->arena, names->place_count,
				    sizeof(*names->places));
	for (size_t i = 0; i < names->count; i++)
		*find_place(names, items[i]) = (uint32_t)(i + 1);
}

size_t names_add(struct names *names, struct slice name, bool *ret_is_new)
{
	uint32_t *place;

	if (names->count == names->room)
		grow(names);
	place = find_place(names, name);
	*ret_is_new = *place == 0;
	if (*place == 0) {
		names->items[names->count++] = name;
		*place = (uint32_t)names->count;
	}
	return *place - 1;
}
