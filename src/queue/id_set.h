/* A growing set of numbers; small, so it is searched from end to end. */
#ifndef QUEUE_ID_SET_H
#define QUEUE_ID_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct id_set {
	uint64_t *ids; /* mem_free() it */
	size_t count, room;
};

void id_set_add(struct id_set *set, uint64_t id);
bool id_set_has(const struct id_set *set, uint64_t id);
void id_set_remove(struct id_set *set, uint64_t id);

#endif
