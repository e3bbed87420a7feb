/* route_ask_addresses() of route-private.h. */
#include "lookup/route-private.h"

#include "dns/record.h"
#include "smtp/name.h"

#include <string.h>

/* --- ourselves ------------------------------------------------------------------- */

static bool is_own(const struct candidate *c)
{
	const struct route_world *w = c->route->world;

	if (slice_equal_nocase(c->name, w->hostname))
		return true;
	for (size_t i = 0; i < c->address_count; i++)
		if (w->is_own(c->addresses[i], w->is_own_arg))
			return true;
	return false;
}

/* Whoever prefers us, or another as much, wants no mail of ours for worse
 * ones: RFC 5321 5.1. */
static void leave_out_ourselves(struct route *r)
{
	unsigned limit = UINT16_MAX + 1;
	size_t kept = 0;

	for (size_t i = 0; i < r->count; i++)
		if (r->candidates[i].preference < limit &&
		    is_own(&r->candidates[i]))
			limit = r->candidates[i].preference;
	while (kept < r->count && r->candidates[kept].preference < limit)
		kept++;
	r->is_loop = kept < r->count;
	r->count = kept;
}

/* --- addresses ------------------------------------------------------------------- */

/* IPv6 first; neither family keeps all of the other out. */
static void merge_addresses(struct candidate *c)
{
	const size_t half = ROUTE_ADDRESSES_MAX / 2;
	size_t n6 = c->ipv6.address_count, n4 = c->ipv4.address_count;

	if (n6 + n4 > ROUTE_ADDRESSES_MAX) {
		size_t least4 = n4 < half ? n4 : half;

		n6 = n6 < ROUTE_ADDRESSES_MAX - least4
			     ? n6
			     : ROUTE_ADDRESSES_MAX - least4;
		n4 = ROUTE_ADDRESSES_MAX - n6;
	}
	for (size_t i = 0; i < n6; i++)
		c->addresses[c->address_count++] = c->ipv6.addresses[i];
	for (size_t i = 0; i < n4; i++)
		c->addresses[c->address_count++] = c->ipv4.addresses[i];
	c->is_secure = c->address_count > 0 &&
		       (c->ipv6.address_count == 0 || c->ipv6.is_secure) &&
		       (c->ipv4.address_count == 0 || c->ipv4.is_secure);
	c->is_failed = c->address_count == 0 &&
		       (c->ipv6.is_failed || c->ipv4.is_failed);
}

void route_on_addresses(struct route *r)
{
	size_t usable = 0, failed = 0;

	for (size_t i = 0; i < r->count; i++)
		merge_addresses(&r->candidates[i]);
	leave_out_ourselves(r);
	for (size_t i = 0; i < r->count; i++) {
		usable += r->candidates[i].address_count > 0;
		failed += r->candidates[i].is_failed;
	}
	if (usable > 0)
		route_ask_tlsa(r);
	else if (failed > 0)
		route_fail(r, ROUTE_TRY_LATER, r->domain, r->problem);
	else if (r->is_loop)
		route_fail(r, ROUTE_LOOP, r->domain,
			   S("mail for it loops back to us"));
	else
		route_fail(r, ROUTE_NO_HOST, r->domain,
			   S("no host that takes its mail has an address"));
}

static void take_addresses(struct errand *e, const struct dns_answer *answer)
{
	struct slice all[DNS_RECORDS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < answer->count; i++)
		if (record_address(answer->records[i],
				   e->candidate->route->arena, &all[count]))
			count++;
	route_shuffle(all, count);
	if (count > ROUTE_ADDRESSES_MAX)
		count = ROUTE_ADDRESSES_MAX;
	memcpy(e->addresses, all, count * sizeof(*all));
	e->address_count = count;
	e->is_secure = answer->is_secure;
}

static void take_canonical(struct candidate *c, struct slice name)
{
	struct slice canonical;

	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	if (name.n > 0 && name_domain(name, c->route->arena, &canonical) == 0)
		c->canonical = canonical;
}

static void on_addresses(const struct dns_answer *answer, void *arg)
{
	struct errand *e = arg;
	struct route *r = e->candidate->route;

	e->query = NULL;
	switch (answer->result) {
	case DNS_DATA:
		take_addresses(e, answer);
		take_canonical(e->candidate, answer->canonical);
		break;
	case DNS_NO_DATA:
	case DNS_NO_NAME:
		break;
	case DNS_FAILED:
	case DNS_BOGUS:
		e->is_failed = true;
		r->problem = route_failure_of(r, answer);
		break;
	}
	if (--r->open == 0)
		route_on_addresses(r);
}

static void ask_address(struct candidate *c, struct errand *e,
			enum dns_type type)
{
	e->candidate = c;
	e->query =
		dns_ask(c->route->world->dns, c->name, type, on_addresses, e);
	c->route->open++;
}

void route_ask_addresses(struct route *r)
{
	for (size_t i = 0; i < r->count; i++) {
		struct candidate *c = &r->candidates[i];

		if (c->is_literal)
			continue;
		ask_address(c, &c->ipv6, DNS_AAAA);
		ask_address(c, &c->ipv4, DNS_A);
	}
}
