/* Where mail goes: remote.h. */
#include "base/clock.h"
#include "base/mem.h"
#include "deliver/remote-private.h"
#include "deliver/remote_report.h"

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
	enum destination_kind kind;
	struct slice name;
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
	d->number = ++remote->last_destination;
	d->name = (struct slice){ copy, name.n };
	d->kind = i->kind;
	d->tls_demand = i->tls_demand;
	d->allowed = 1;
	TAILQ_INIT(&d->waiting);
	TAILQ_INIT(&d->visits);
	TAILQ_INSERT_TAIL(&remote->quiet, d, entry);
	TAILQ_INSERT_HEAD(&remote->buckets[bucket_of(name)], d, in_bucket);
	remote->destination_count++;
	return d;
}

static enum destination_kind kind_of(const struct remote_request *request)
{
	if (request->via.n > 0)
		return DESTINATION_VIA;
	return request->smarthost != NULL ? DESTINATION_SMARTHOST
					  : DESTINATION_DOMAIN;
}

static struct slice name_for(const struct remote_request *request)
{
	switch (kind_of(request)) {
	case DESTINATION_VIA:
		return request->via;
	case DESTINATION_SMARTHOST:
		return request->smarthost->name;
	case DESTINATION_DOMAIN:
		break;
	}
	return domain_of(request->recipient.address);
}

/* RFC 8689 5: a report is better sent without REQUIRETLS than not at all. To a
 * smarthost nothing is sent without TLS, whatever the message says; its field
 * goes along. */
static enum tls_demand demand_of(const struct remote_request *request)
{
	switch (request->tls_demand) {
	case TLS_DEMAND_USUAL:
		break;
	case TLS_DEMAND_REQUIRED:
		return request->reverse_path.n == 0 ? TLS_DEMAND_USUAL
						    : TLS_DEMAND_REQUIRED;
	case TLS_DEMAND_NONE:
		return kind_of(request) == DESTINATION_SMARTHOST
			       ? TLS_DEMAND_USUAL
			       : TLS_DEMAND_NONE;
	}
	return TLS_DEMAND_USUAL;
}

static bool is_it(const struct destination *d, const struct identity *i)
{
	return d->kind == i->kind && d->tls_demand == i->tls_demand &&
	       slice_equal(d->name, i->name);
}

static struct destination *find(struct remote *remote, const struct identity *i)
{
	struct destination *d = TAILQ_FIRST(&remote->quiet);

	if (remote->destination_count >= REMOTE_DESTINATIONS_MAX && d != NULL)
		destination_free(&d);
	TAILQ_FOREACH(d, &remote->buckets[bucket_of(i->name)], in_bucket)
		if (is_it(d, i))
			return d;
	return destination_new(remote, i);
}

/* What it did not take before, another password, it may take now. */
static void use_smarthost(struct destination *d, struct smarthost *smarthost)
{
	if (d->smarthost == smarthost)
		return;
	if (d->smarthost != NULL && !smarthost_equal(d->smarthost, smarthost)) {
		d->rest_until_ms = 0;
		d->rest_ms = 0;
	}
	smarthost_free(&d->smarthost);
	d->smarthost = smarthost_ref(smarthost);
}

struct destination *destination_for(struct remote *remote,
				    const struct remote_request *request)
{
	const struct identity i = {
		.kind = kind_of(request),
		.name = name_for(request),
		.tls_demand = demand_of(request),
	};
	struct destination *d = find(remote, &i);

	if (i.kind == DESTINATION_SMARTHOST)
		use_smarthost(d, request->smarthost);
	else
		d->tls_floor = request->tls_floor;
	return d;
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
	smarthost_free(&d->smarthost);
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

/* What worked is not thrown away for trouble with DNS. */
static bool is_better(const struct remote_route *route,
		      const struct remote_route *old)
{
	return old == NULL || remote_route_count(old) == 0 ||
	       remote_route_count(route) > 0 ||
	       remote_route_is_forbidden(route) ||
	       remote_route_refusal(route)->kind == OUTCOME_REFUSED;
}

void destination_tell_tls(const struct destination *d,
			  const struct tlsrpt_fact *fact)
{
	const struct remote *remote = d->remote;

	if (remote->on_tls != NULL && d->kind == DESTINATION_DOMAIN)
		remote->on_tls(d->name, fact, remote->on_tls_arg);
}

static void on_obstacle(const struct tlsrpt_fact *fact, void *arg)
{
	destination_tell_tls(arg, fact);
}

/* Who names an address means it. */
static struct remote_rules rules_for(const struct destination *d,
				     const struct msg_route *m)
{
	const struct remote_config *config = &d->remote->config;
	const struct smarthost *s = d->smarthost;

	if (s == NULL)
		return (struct remote_rules){
			.port = config->port,
			.uses_ipv6 = m->uses_ipv6,
			.uses_loopback = config->uses_loopback,
			.is_relaxed = d->tls_demand == TLS_DEMAND_NONE,
		};
	return (struct remote_rules){
		.port = s->port,
		.uses_ipv6 = m->uses_ipv6 || s->is_address,
		.uses_loopback = config->uses_loopback || s->is_address,
		.is_smarthost = true,
	};
}

void destination_use_route(struct destination *d, const struct msg_route *m)
{
	const struct remote_rules rules = rules_for(d, m);
	struct remote_route *route = remote_route_new(
		m, d->kind == DESTINATION_DOMAIN ? d->name : S(""), &rules);
	unsigned life_ms = remote_route_count(route) > 0 ? REMOTE_ROUTE_MS
							 : REMOTE_REFUSAL_MS;

	if (d->tls_demand != TLS_DEMAND_NONE)
		remote_report_obstacles(m, route, on_obstacle, d);
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

static size_t hosts_of(const struct destination *d,
		       struct slice hosts[VIA_HOSTS_MAX])
{
	struct slice rest = d->name;
	size_t count = 0;

	switch (d->kind) {
	case DESTINATION_DOMAIN:
		break;
	case DESTINATION_VIA:
		while (rest.n > 0 && count < VIA_HOSTS_MAX)
			(void)slice_cut(rest, '/', &hosts[count++], &rest);
		break;
	case DESTINATION_SMARTHOST:
		hosts[count++] = d->smarthost->host;
		break;
	}
	return count;
}

/* There is nothing to ask. */
static void use_address(struct destination *d)
{
	const struct host host = { .name = d->smarthost->host,
				   .addresses = { &d->smarthost->host, 1 } };
	const struct msg_route m = { .result = ROUTE_HOSTS,
				     .hosts = { &host, 1 } };

	destination_use_route(d, &m);
}

void destination_ask_route(struct destination *d)
{
	struct slice hosts[VIA_HOSTS_MAX];
	size_t count = hosts_of(d, hosts);

	if (d->smarthost != NULL && d->smarthost->is_address) {
		use_address(d);
		return;
	}
	d->is_asked = true;
	remote_lookup_ask(d->remote->lookup, count > 0 ? hosts[0] : d->name,
			  (struct slices){ hosts, count }, d);
}
