/* Where mail goes: remote.h. */
#include "base/clock.h"
#include "base/mem.h"
#include "deliver/remote-private.h"

#include <string.h>

enum { VIA_HOSTS_MAX = 16 };

/* --- names ------------------------------------------------------------------------- */

/* FNV-1a */
static unsigned bucket_of(struct slice name)
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < name.n; i++)
		hash = (hash ^ (unsigned char)name.p[i]) * 16777619U;
	return hash % REMOTE_BUCKETS;
}

static struct slice domain_of(struct slice address)
{
	return slice_tail(address, slice_find_last(address, '@') + 1);
}

/* What sets destinations apart. */
struct identity {
	struct slice name;
	bool has_via;
	enum tls_demand tls_demand;
};

static struct destination *destination_new(struct remote *remote,
					   const struct identity *i)
{
	struct slice name = i->name;
	struct destination *d = mem_new(sizeof(*d) + name.n);
	char *copy = (char *)(d + 1);

	if (name.n > 0)
		memcpy(copy, name.p, name.n);
	d->remote = remote;
	d->name = (struct slice){ copy, name.n };
	d->has_via = i->has_via;
	d->tls_demand = i->tls_demand;
	d->allowed = 1;
	TAILQ_INIT(&d->waiting);
	TAILQ_INIT(&d->visits);
	TAILQ_INSERT_TAIL(&remote->quiet, d, entry);
	TAILQ_INSERT_HEAD(&remote->buckets[bucket_of(name)], d, in_bucket);
	remote->destination_count++;
	return d;
}

/* RFC 8689 5: a report is better sent without REQUIRETLS than not at all. */
static enum tls_demand demand_of(const struct remote_request *request)
{
	return request->tls_demand == TLS_DEMAND_REQUIRED &&
			       request->reverse_path.n == 0
		       ? TLS_DEMAND_USUAL
		       : request->tls_demand;
}

static bool is_it(const struct destination *d, const struct identity *i)
{
	return d->has_via == i->has_via && d->tls_demand == i->tls_demand &&
	       slice_equal(d->name, i->name);
}

struct destination *destination_for(struct remote *remote,
				    const struct remote_request *request)
{
	const bool has_via = request->via.n > 0;
	const struct identity i = {
		.name = has_via ? request->via
				: domain_of(request->recipient.address),
		.has_via = has_via,
		.tls_demand = demand_of(request),
	};
	struct destination *d = TAILQ_FIRST(&remote->quiet);

	if (remote->destination_count >= REMOTE_DESTINATIONS_MAX && d != NULL)
		destination_free(&d);
	TAILQ_FOREACH(d, &remote->buckets[bucket_of(i.name)], in_bucket)
		if (is_it(d, &i))
			return d;
	return destination_new(remote, &i);
}

void destination_free(struct destination **destination)
{
	struct destination *d = *destination;
	struct remote *remote = d->remote;
	struct visit *v;

	while ((v = TAILQ_FIRST(&d->visits)) != NULL)
		visit_free(&v);
	line_free(&d->waiting);
	remote_lookup_forget(remote->lookup, d);
	remote_route_free(&d->route);
	arena_free(&d->failure_arena);
	TAILQ_REMOVE(d->is_busy ? &remote->busy : &remote->quiet, d, entry);
	TAILQ_REMOVE(&remote->buckets[bucket_of(d->name)], d, in_bucket);
	remote->destination_count--;
	mem_free(destination);
}

void destination_sort(struct destination *d)
{
	struct remote *remote = d->remote;
	bool is_busy = d->waiting_count > 0 || d->visit_count > 0;

	if (is_busy == d->is_busy)
		return;
	TAILQ_REMOVE(d->is_busy ? &remote->busy : &remote->quiet, d, entry);
	d->is_busy = is_busy;
	TAILQ_INSERT_TAIL(is_busy ? &remote->busy : &remote->quiet, d, entry);
}

void destination_go_last(struct destination *d)
{
	struct remote *remote = d->remote;

	TAILQ_REMOVE(&remote->busy, d, entry);
	TAILQ_INSERT_TAIL(&remote->busy, d, entry);
}

bool destination_is_resting(const struct destination *d, uint64_t now_ms)
{
	return now_ms < d->rest_until_ms;
}

/* --- routes ------------------------------------------------------------------------ */

void destination_ask_route(struct destination *d)
{
	struct slice hosts[VIA_HOSTS_MAX], rest = d->name;
	size_t count = 0;

	while (d->has_via && rest.n > 0 && count < VIA_HOSTS_MAX)
		(void)slice_cut(rest, '/', &hosts[count++], &rest);
	d->is_asked = true;
	remote_lookup_ask(d->remote->lookup, count > 0 ? hosts[0] : d->name,
			  (struct slices){ hosts, count }, d);
}

/* What worked is not thrown away for trouble with DNS. */
static bool is_better(const struct remote_route *route,
		      const struct remote_route *old)
{
	return old == NULL || remote_route_count(old) == 0 ||
	       remote_route_count(route) > 0 ||
	       remote_route_refusal(route)->kind == OUTCOME_REFUSED;
}

void destination_use_route(struct destination *d, const struct msg_route *m)
{
	const struct remote_config *config = &d->remote->config;
	const struct remote_rules rules = {
		.port = config->port,
		.uses_ipv6 = config->uses_ipv6,
		.uses_loopback = config->uses_loopback,
		.is_relaxed = d->tls_demand == TLS_DEMAND_NONE,
	};
	struct remote_route *route =
		remote_route_new(m, d->has_via ? S("") : d->name, &rules);
	unsigned life_ms = remote_route_count(route) > 0 ? REMOTE_ROUTE_MS
							 : REMOTE_REFUSAL_MS;

	d->is_asked = false;
	d->route_until_ms = clock_monotonic_ms() + life_ms;
	if (is_better(route, d->route)) {
		remote_route_free(&d->route);
		d->route = route;
		d->good_hop = 0;
		route = NULL;
	}
	remote_route_free(&route);
}
