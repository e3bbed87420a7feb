#include "queue/selector.h"

bool selector_is_empty(const struct selector *s)
{
	return s->queue_id == 0 && s->trace.n == 0 && s->from.n == 0 &&
	       s->to.n == 0 && s->older_than_s == 0 && !s->is_held;
}

/* "user@domain" or "@domain"; local parts are the operator's to type. */
static bool is_address(struct slice wanted, struct slice address)
{
	if (wanted.p[0] == '@')
		return slice_ends_nocase(address, wanted);
	return slice_equal_nocase(address, wanted);
}

static bool is_from(struct slice wanted, struct slice reverse_path)
{
	if (slice_equal(wanted, S("<>")))
		return reverse_path.n == 0;
	return is_address(wanted, reverse_path);
}

static bool is_older(const struct store_message *m, uint64_t age_s, int64_t now)
{
	return m->arrived <= now && (uint64_t)(now - m->arrived) >= age_s;
}

bool selector_fits(const struct selector *s, const struct store_entry *e,
		   int64_t now)
{
	const struct store_message *m = &e->message;
	const struct store_recipient *r = &e->recipient;

	if (s->queue_id != 0 && s->queue_id != m->queue_id)
		return false;
	if (s->trace.n > 0 && !slice_equal(s->trace, m->trace))
		return false;
	if (s->from.n > 0 && !is_from(s->from, m->reverse_path))
		return false;
	if (s->to.n > 0 && !is_address(s->to, r->target.address) &&
	    !is_address(s->to, r->original))
		return false;
	if (s->older_than_s > 0 && !is_older(m, s->older_than_s, now))
		return false;
	return !s->is_held || r->line == STORE_HELD;
}

struct selector selector_copy(const struct selector *s, struct arena *arena)
{
	struct selector copy = *s;

	copy.trace = arena_copy(arena, s->trace);
	copy.from = arena_copy(arena, s->from);
	copy.to = arena_copy(arena, s->to);
	return copy;
}
