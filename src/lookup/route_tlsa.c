/* route_ask_tlsa() of route-private.h: RFC 7672 2.2. */
#include "lookup/route-private.h"

#include "base/log.h"
#include "dns/record.h"

static void ask(struct candidate *c, struct slice base);

static void take(struct candidate *c, const struct dns_answer *answer)
{
	struct slice *usable = arena_array(c->route->arena, answer->count + 1,
					   sizeof(*usable));

	c->has_tlsa = true;
	for (size_t i = 0; i < answer->count; i++)
		if (record_is_usable_tlsa(answer->records[i]))
			usable[c->usable_count++] =
				arena_copy(c->route->arena, answer->records[i]);
	c->usable = usable;
}

static void on_tlsa(const struct dns_answer *answer, void *arg)
{
	struct candidate *c = arg;
	struct route *r = c->route;

	c->tlsa.query = NULL;
	r->open--;
	switch (answer->result) {
	case DNS_DATA:
		if (answer->is_secure)
			take(c, answer);
		break;
	case DNS_NO_DATA:
	case DNS_NO_NAME:
		if (c->canonical.n > 0) { /* then under its first name */
			c->canonical = S("");
			ask(c, c->name);
		}
		break;
	case DNS_FAILED:
	case DNS_BOGUS:
		c->is_tlsa_bogus = true;
		break;
	}
	if (r->open == 0)
		route_finish(r);
}

/* base: RFC 7672 2.2.3 */
static void ask(struct candidate *c, struct slice base)
{
	struct route *r = c->route;
	const struct slice parts[] = { SLICE("_25._tcp."), base };

	r->open++;
	c->tlsa.query = dns_ask(r->world->dns, arena_join(r->arena, parts, 2),
				DNS_TLSA, on_tlsa, c);
}

void route_ask_tlsa(struct route *r)
{
	for (size_t i = 0; i < r->count; i++) {
		struct candidate *c = &r->candidates[i];

		if (c->is_secure && c->address_count > 0)
			ask(c, c->canonical.n > 0 ? c->canonical : c->name);
	}
	if (r->open == 0)
		route_finish(r);
}
