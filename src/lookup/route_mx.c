/* route_take_mx() of route-private.h. */
#include "lookup/route-private.h"

#include "dns/record.h"

#include <stdlib.h>

struct exchange {
	uint16_t preference;
	struct slice name;
};

/* So that equal preferences share the load: RFC 5321 5.1. */
static void shuffle(struct exchange *all, size_t count)
{
	for (size_t i = count; i > 1; i--) {
		size_t k = arc4random_uniform((uint32_t)i);
		struct exchange last = all[i - 1];

		all[i - 1] = all[k];
		all[k] = last;
	}
}

void route_shuffle(struct slice *items, size_t count)
{
	for (size_t i = count; i > 1; i--) {
		size_t k = arc4random_uniform((uint32_t)i);
		struct slice last = items[i - 1];

		items[i - 1] = items[k];
		items[k] = last;
	}
}

/* Keeps the order of equal ones; there are few. */
static void sort(struct exchange *all, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct exchange e = all[i];
		size_t k = i;

		for (; k > 0 && all[k - 1].preference > e.preference; k--)
			all[k] = all[k - 1];
		all[k] = e;
	}
}

static bool is_known(const struct route *r, struct slice name)
{
	for (size_t i = 0; i < r->count; i++)
		if (slice_equal(r->candidates[i].name, name))
			return true;
	return false;
}

void route_add(struct route *r, struct slice name, uint16_t preference)
{
	struct candidate *c;

	if (r->count == ROUTE_HOSTS_MAX || is_known(r, name))
		return;
	c = &r->candidates[r->count++];
	c->route = r;
	c->name = name;
	c->preference = preference;
}

bool route_take_mx(struct route *r, const struct dns_answer *answer,
		   bool *ret_is_null)
{
	struct exchange all[DNS_RECORDS_MAX];
	size_t count = 0, roots = 0;

	for (size_t i = 0; i < answer->count; i++) {
		struct exchange *e = &all[count];

		if (!record_mx(answer->records[i], r->arena, &e->preference,
			       &e->name))
			continue;
		if (e->name.n == 0)
			roots++; /* among others it says nothing */
		else
			count++;
	}
	*ret_is_null = count == 0 && roots > 0;
	shuffle(all, count);
	sort(all, count);
	for (size_t i = 0; i < count; i++)
		route_add(r, all[i].name, all[i].preference);
	return count > 0;
}
