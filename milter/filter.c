#include "milter/filter-private.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

enum { ARENA_OCTETS = 16 << 20 }; /* names and macros of a configuration */

/* --- what is set ------------------------------------------------------------ */

static void copy_macros(struct milter_set *set,
			struct milter_filter_config *config)
{
	struct milter_macro *macros = arena_array(
		set->arena, config->macro_count + 1, sizeof(*macros));

	for (size_t i = 0; i < config->macro_count; i++) {
		const struct milter_macro *from = &config->macros[i];

		macros[i].name = arena_copy(set->arena, from->name);
		if (from->value.p != NULL)
			macros[i].value = arena_copy(set->arena, from->value);
	}
	config->macros = macros;
}

static const struct milter_filter *find(const struct milter_set *set,
					const char *name)
{
	for (size_t i = 0; i < set->config.count; i++)
		if (strcmp(set->filters[i].config.name, name) == 0)
			return &set->filters[i];
	return NULL;
}

static void take_over(struct milter_filter *filter,
		      const struct milter_filter *from)
{
	filter->stats = from->stats;
	/* What is tried by one of the old set's is not heard of here. */
	filter->retry_at_ms = from->is_tried ? 0 : from->retry_at_ms;
	filter->away_ms = from->away_ms;
	memcpy(filter->problem, from->problem, sizeof(filter->problem));
	filter->stats.problem.p = filter->problem;
}

struct milter_set *milter_set_new(const struct milter_set_config *config,
				  const struct milter_set *previous)
{
	struct milter_set *set = mem_new(sizeof(*set));

	set->references = 1;
	set->config = *config;
	set->config.filters = NULL;
	set->arena = arena_new(ARENA_OCTETS);
	set->filters = mem_array(config->count + 1, sizeof(*set->filters));
	for (size_t i = 0; i < config->count; i++) {
		struct milter_filter *f = &set->filters[i];
		const struct milter_filter *before = NULL;

		f->config = config->filters[i];
		f->config.name =
			arena_string(set->arena, slice_of(f->config.name));
		copy_macros(set, &f->config);
		if (previous != NULL)
			before = find(previous, f->config.name);
		if (before != NULL)
			take_over(f, before);
	}
	return set;
}

void milter_set_reference(struct milter_set *set)
{
	set->references++;
}

void milter_set_release(struct milter_set **set)
{
	struct milter_set *s = *set;

	*set = NULL;
	if (s == NULL)
		return;
	assert(s->references > 0);
	if (--s->references > 0)
		return;
	arena_free(&s->arena);
	mem_free(&s->filters);
	mem_free(&s);
}

size_t milter_set_count(const struct milter_set *set)
{
	return set->config.count;
}

const char *milter_set_name(const struct milter_set *set, size_t i)
{
	assert(i < set->config.count);
	return set->filters[i].config.name;
}

struct milter_filter_stats milter_set_stats(const struct milter_set *set,
					    size_t i)
{
	assert(i < set->config.count);
	return set->filters[i].stats;
}

/* --- what is known ----------------------------------------------------------- */

bool milter_filter_may_connect(struct milter_filter *filter)
{
	if (filter->stats.state != MILTER_IS_AWAY)
		return true;
	if (clock_monotonic_ms() < filter->retry_at_ms)
		return false;
	/* If nothing is heard of this try, another one may be made. */
	filter->retry_at_ms = clock_monotonic_ms() + MILTER_AWAY_FIRST_MS +
			      (uint64_t)filter->config.connect_ms * 2;
	filter->is_tried = true;
	return true;
}

void milter_filter_not_tried(struct milter_filter *filter)
{
	if (!filter->is_tried)
		return;
	filter->is_tried = false;
	filter->retry_at_ms = 0;
}

static bool is_back(struct milter_filter *filter)
{
	bool was_away = filter->stats.state == MILTER_IS_AWAY;

	filter->stats.state = MILTER_WORKS;
	filter->away_ms = 0;
	filter->is_tried = false;
	return was_away;
}

bool milter_filter_is_back(struct milter_filter *filter,
			   const struct milter_options *options)
{
	filter->stats.connections++;
	filter->stats.options = *options;
	filter->stats.options.has_symbols = 0;
	memset(filter->stats.options.symbols, 0,
	       sizeof(filter->stats.options.symbols));
	return is_back(filter);
}

void milter_filter_is_away(struct milter_filter *filter)
{
	/* Several that tried at once failed as one. */
	if (filter->stats.state == MILTER_IS_AWAY && !filter->is_tried)
		return;
	filter->stats.state = MILTER_IS_AWAY;
	filter->is_tried = false;
	filter->away_ms = filter->away_ms == 0 ? MILTER_AWAY_FIRST_MS
					       : filter->away_ms * 2;
	if (filter->away_ms > MILTER_AWAY_LONGEST_MS)
		filter->away_ms = MILTER_AWAY_LONGEST_MS;
	filter->retry_at_ms = clock_monotonic_ms() + filter->away_ms;
}

void milter_filter_failed(struct milter_filter *filter, struct slice problem)
{
	size_t n = slice_head(problem, sizeof(filter->problem)).n;

	if (n > 0)
		memmove(filter->problem, problem.p, n);
	filter->stats.problem = (struct slice){ filter->problem, n };
	filter->stats.failed_at = clock_wall_s();
	filter->stats.failed++;
}
