#include "queue/id_set.h"

#include "base/mem.h"

void id_set_add(struct id_set *set, uint64_t id)
{
	if (set->count == set->room) {
		set->room = set->room * 2 + 16;
		set->ids = mem_resize(set->ids, set->room, sizeof(*set->ids));
	}
	set->ids[set->count++] = id;
}

static size_t id_set_find(const struct id_set *set, uint64_t id)
{
	size_t i = 0;

	while (i < set->count && set->ids[i] != id)
		i++;
	return i;
}

bool id_set_has(const struct id_set *set, uint64_t id)
{
	return id_set_find(set, id) < set->count;
}

void id_set_remove(struct id_set *set, uint64_t id)
{
	size_t i = id_set_find(set, id);

	if (i < set->count)
		set->ids[i] = set->ids[--set->count];
}
