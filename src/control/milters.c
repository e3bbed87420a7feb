#include "control/milters.h"

#include "base/mem.h"
#include "control/answer.h"
#include "milter/filter.h"
#include "proc/role.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A process that made names up would be restarted, not believed. */
enum { FILTERS_MAX = 2 * CONF_MILTERS_MAX, ARENA_OCTETS = 64 << 20 };

struct milters {
	struct arena *arena;
	const struct link *open[ROLE_INDEX_MAX];
	size_t open_count;
	struct msg_milter_state sums[FILTERS_MAX]; /* texts are in arena */
	size_t count;
};

struct milters *milters_new(struct link *const *asked, size_t count)
{
	struct milters *milters = mem_new(sizeof(*milters));

	assert(count <= ROLE_INDEX_MAX);
	for (size_t i = 0; i < count; i++)
		milters->open[i] = asked[i];
	milters->open_count = count;
	milters->arena = arena_new(ARENA_OCTETS);
	return milters;
}

void milters_free(struct milters **milters)
{
	if (*milters == NULL)
		return;
	arena_free(&(*milters)->arena);
	mem_free(milters);
}

bool milters_is_open(const struct milters *milters, const struct link *peer)
{
	size_t i = 0;

	while (i < milters->open_count && milters->open[i] != peer)
		i++;
	return i < milters->open_count;
}

bool milters_end(struct milters *milters, const struct link *peer)
{
	size_t left = 0;

	for (size_t i = 0; i < milters->open_count; i++)
		if (milters->open[i] != peer)
			milters->open[left++] = milters->open[i];
	milters->open_count = left;
	return left == 0;
}

/* --- sums ------------------------------------------------------------------------ */

static struct msg_milter_state *find(struct milters *milters, struct slice name)
{
	for (size_t i = 0; i < milters->count; i++)
		if (slice_equal_nocase(milters->sums[i].name, name))
			return &milters->sums[i];
	return NULL;
}

static int badness(uint32_t state)
{
	switch ((enum milter_filter_state)state) {
	case MILTER_UNTRIED:
		return 0;
	case MILTER_WORKS:
		return 1;
	case MILTER_IS_AWAY:
		return 2;
	}
	return -1;
}

static void sum(struct msg_milter_state *to, const struct msg_milter_state *m)
{
	to->connections += m->connections;
	to->messages += m->messages;
	to->rejected += m->rejected;
	to->deferred += m->deferred;
	to->discarded += m->discarded;
	to->quarantined += m->quarantined;
	to->edited += m->edited;
	to->failed += m->failed;
	to->unfiltered += m->unfiltered;
}

void milters_add(struct milters *milters, const struct msg_milter_state *m)
{
	struct msg_milter_state *to = find(milters, m->name);

	if (to == NULL && milters->count == FILTERS_MAX)
		return;
	if (to == NULL) {
		to = &milters->sums[milters->count++];
		to->name = arena_copy(milters->arena, m->name);
		to->place = m->place;
	}
	sum(to, m);
	if (badness(m->state) > badness(to->state))
		to->state = m->state;
	if (m->version != 0) { /* it has been talked to */
		to->version = m->version;
		to->actions = m->actions;
		to->steps = m->steps;
	}
	if (m->failed_at > to->failed_at) {
		to->failed_at = m->failed_at;
		to->problem = arena_copy(milters->arena, m->problem);
	}
}

static int compare(const void *x, const void *y)
{
	const struct msg_milter_state *const *a = x, *const *b = y;

	if ((*a)->place != (*b)->place)
		return (*a)->place < (*b)->place ? -1 : 1;
	return *a < *b ? -1 : *a > *b; /* as they came */
}

size_t milters_answer(const struct milters *milters, struct evbuffer *out)
{
	const struct msg_milter_state *sorted[FILTERS_MAX];

	for (size_t i = 0; i < milters->count; i++)
		sorted[i] = &milters->sums[i];
	if (milters->count > 1)
		qsort(sorted, milters->count, sizeof(struct msg_milter_state *),
		      compare);
	for (size_t i = 0; i < milters->count; i++)
		answer_milter(out, sorted[i]);
	return milters->count;
}
