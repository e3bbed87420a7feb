#include "deliver/known.h"

#include "base/mem.h"

#include <assert.h>

/* A tripwire: it came in one message, and the text is cut. */
enum { ENTRY_OCTETS = 2 * WIRE_OCTETS };

struct entry {
	struct arena *arena; /* NULL: unused */
	uint64_t queue_id;
	struct target target;
	struct outcome outcome;
};

struct known {
	struct entry ring[KNOWN_MAX];
	size_t next;
};

struct known *known_new(void)
{
	return mem_new(sizeof(struct known));
}

void known_free(struct known **known)
{
	if (*known == NULL)
		return;
	for (size_t i = 0; i < KNOWN_MAX; i++)
		arena_free(&(*known)->ring[i].arena);
	mem_free(known);
}

void known_add(struct known *known, uint64_t queue_id, struct target target,
	       const struct outcome *outcome)
{
	struct entry *e = &known->ring[known->next];

	assert(outcome->kind == OUTCOME_DELIVERED);
	known->next = (known->next + 1) % KNOWN_MAX;
	arena_free(&e->arena);
	e->arena = arena_new(ENTRY_OCTETS);
	e->queue_id = queue_id;
	e->target = target_copy(target, e->arena);
	e->outcome = outcome_copy(outcome, e->arena);
}

void known_tell(const struct known *known, struct link *queue)
{
	for (size_t i = 0; i < KNOWN_MAX; i++) {
		const struct entry *e = &known->ring[i];
		struct message m = { .type = MESSAGE_DELIVERED_BEFORE };

		if (e->arena == NULL)
			continue;
		m.delivered_before = (struct msg_delivered_before){
			.queue_id = e->queue_id,
			.target = e->target,
			.outcome = e->outcome,
		};
		link_send(queue, &m, -1);
	}
}

const struct outcome *known_find(const struct known *known, uint64_t queue_id,
				 struct target target)
{
	for (size_t i = 0; i < KNOWN_MAX; i++) {
		const struct entry *e = &known->ring[i];

		if (e->arena != NULL && e->queue_id == queue_id &&
		    target_is_same(e->target, target))
			return &e->outcome;
	}
	return NULL;
}
