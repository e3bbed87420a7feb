#include "deliver/remote_route.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* A tripwire: the message that brought it is no bigger. */
enum { ROUTE_ARENA_OCTETS = 2 * WIRE_OCTETS };

struct remote_route {
	unsigned refs;
	struct arena *arena;
	struct remote_hop hops[REMOTE_HOPS_MAX];
	size_t count;
	struct slice domain;
	bool is_secure;
	struct outcome refusal;
	struct sts sts;
	enum tlsrpt_result sts_failure;
	struct slice sts_problem;
	struct slice unnamed[REMOTE_HOPS_MAX];
	size_t unnamed_count;
};

/* --- addresses ------------------------------------------------------------------- */

static bool parse_address(struct slice text, unsigned port,
			  struct remote_hop *hop)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&hop->to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&hop->to;
	char copy[INET6_ADDRSTRLEN] = "";

	if (text.n == 0 || text.n >= sizeof(copy))
		return false;
	memcpy(copy, text.p, text.n);
	if (inet_pton(AF_INET, copy, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		hop->to_octets = sizeof(*v4);
		return true;
	}
	if (inet_pton(AF_INET6, copy, &v6->sin6_addr) != 1)
		return false;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	hop->to_octets = sizeof(*v6);
	return true;
}

static bool is_ipv6(const struct remote_hop *hop)
{
	return hop->to.ss_family == AF_INET6;
}

/* In host order; of an IPv4 address, also one that is written as IPv6. */
static bool get_ipv4(const struct remote_hop *hop, uint32_t *ret_address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&hop->to;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&hop->to;
	uint32_t address;

	if (!is_ipv6(hop)) {
		*ret_address = ntohl(v4->sin_addr.s_addr);
		return true;
	}
	if (!IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		return false;
	memcpy(&address, v6->sin6_addr.s6_addr + 12, sizeof(address));
	*ret_address = ntohl(address);
	return true;
}

static bool is_loopback(const struct remote_hop *hop)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&hop->to;
	uint32_t v4;

	if (get_ipv4(hop, &v4))
		return v4 >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* An address that names one machine: not "this network", multicast, what is
 * reserved, broadcast. */
static bool is_unicast(const struct remote_hop *hop)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&hop->to;
	uint32_t v4;

	if (get_ipv4(hop, &v4))
		return v4 >> 24 != 0 && v4 >> 28 < 14;
	return !IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr) &&
	       !IN6_IS_ADDR_MULTICAST(&v6->sin6_addr);
}

/* --- hosts ----------------------------------------------------------------------- */

/* Why hosts were passed over; the last one is told. */
static const struct outcome no_address = {
	.kind = OUTCOME_REFUSED,
	.status = { 5, 4, 4 },
	.text = SLICE("none of its hosts has an address that can be used"),
};
static const struct outcome is_ourselves = {
	.kind = OUTCOME_REFUSED,
	.status = { 5, 4, 6 },
	.text = SLICE("its host has an address that leads back to ourselves"),
};
static const struct outcome no_ipv6 = {
	.kind = OUTCOME_DEFERRED,
	.status = { 4, 4, 4 },
	.text = SLICE("its hosts have IPv6 addresses only, and we do not use "
		      "them: "),
};
static const struct outcome bogus_tlsa = {
	.kind = OUTCOME_DEFERRED,
	.status = { 4, 7, 5 },
	.text = SLICE("the TLSA records of its host cannot be had securely"),
};
static const struct outcome not_named = {
	.kind = OUTCOME_DEFERRED,
	.status = { 4, 7, 5 },
	.text = SLICE("none of its hosts is one that its policy (MTA-STS) "
		      "names"),
};

static bool has_dane(const struct host *host)
{
	return host->tlsa.count > 0;
}

static enum smtp_security demanded_by(const struct host *host,
				      enum sts_mode sts,
				      const struct remote_rules *rules)
{
	if (rules->is_smarthost)
		return SMTP_VERIFIED;
	if (has_dane(host))
		return SMTP_DANE;
	if (sts == STS_ENFORCE)
		return SMTP_VERIFIED;
	return host->has_tlsa ? SMTP_ENCRYPTED : SMTP_OPPORTUNISTIC;
}

static struct slices copy_slices(struct slices in, struct arena *arena)
{
	struct slice *items = arena_array(arena, in.count, sizeof(*items));

	for (size_t i = 0; i < in.count; i++)
		items[i] = arena_copy(arena, in.items[i]);
	return (struct slices){ items, in.count };
}

static bool has_named(const struct remote_route *r, struct slice host)
{
	const struct sts_policy policy = {
		.patterns = r->sts.patterns.items,
		.pattern_count = r->sts.patterns.count,
	};

	return sts_policy_names(&policy, host);
}

/* Whether the policy forbids it. */
static bool is_passed_over(struct remote_route *r, const struct host *host)
{
	if (r->sts.mode == STS_NONE || has_dane(host) ||
	    has_named(r, host->name))
		return false;
	if (r->unnamed_count < REMOTE_HOPS_MAX)
		r->unnamed[r->unnamed_count++] =
			arena_copy(r->arena, host->name);
	return r->sts.mode == STS_ENFORCE;
}

static void add_hop(struct remote_route *r, const struct host *host,
		    struct slice address, const struct remote_rules *rules)
{
	struct remote_hop hop = { .to = { .ss_family = AF_UNSPEC } };

	if (r->count == REMOTE_HOPS_MAX ||
	    !parse_address(address, rules->port, &hop) || !is_unicast(&hop))
		return;
	if (is_loopback(&hop) && !rules->uses_loopback) {
		r->refusal = is_ourselves;
		return;
	}
	if (is_ipv6(&hop) && !rules->uses_ipv6) {
		r->refusal = no_ipv6;
		return;
	}
	hop.host = arena_copy(r->arena, host->name);
	hop.address = arena_copy(r->arena, address);
	hop.sts = has_dane(host) ? STS_NONE : r->sts.mode;
	hop.is_unnamed = hop.sts != STS_NONE && !has_named(r, host->name);
	hop.security = demanded_by(host, hop.sts, rules);
	if (!rules->is_smarthost) { /* they speak of its port 25 */
		hop.tlsa = copy_slices(host->tlsa, r->arena);
		hop.has_tlsa = host->has_tlsa;
	}
	hop.is_host_proven =
		r->is_secure || r->domain.n == 0 ||
		(r->sts.mode == STS_ENFORCE && has_named(r, host->name));
	r->hops[r->count++] = hop;
}

static void add_hosts(struct remote_route *r, struct hosts hosts,
		      const struct remote_rules *rules)
{
	r->refusal = no_address;
	for (size_t i = 0; i < hosts.count; i++) {
		const struct host *host = &hosts.items[i];

		if (host->is_tlsa_bogus && !rules->is_relaxed &&
		    !rules->is_smarthost) {
			r->refusal = bogus_tlsa;
			continue;
		}
		if (is_passed_over(r, host) && !rules->is_relaxed) {
			r->refusal = not_named;
			continue;
		}
		for (size_t k = 0; k < host->addresses.count; k++)
			add_hop(r, host, host->addresses.items[k], rules);
	}
}

/* --- refusals --------------------------------------------------------------------- */

static struct outcome refusal(enum outcome_kind kind, uint16_t code,
			      uint8_t subject, uint8_t detail)
{
	return (struct outcome){
		.kind = kind,
		.code = code,
		.status = { kind == OUTCOME_REFUSED ? 5 : 4, subject, detail },
	};
}

static struct outcome refusal_of(uint32_t result)
{
	switch ((enum route_result)result) {
	case ROUTE_NO_DOMAIN:
		return refusal(OUTCOME_REFUSED, 0, 1, 2);
	case ROUTE_NO_HOST:
		return refusal(OUTCOME_REFUSED, 0, 4, 4);
	case ROUTE_NULL_MX: /* RFC 7505 4.2 */
		return refusal(OUTCOME_REFUSED, 556, 1, 10);
	case ROUTE_LOOP:
		return refusal(OUTCOME_REFUSED, 0, 4, 6);
	case ROUTE_HOSTS:
	case ROUTE_TRY_LATER:
		break;
	}
	return refusal(OUTCOME_DEFERRED, 0, 4, 3);
}

/* Else a wrong name in our configuration would refuse all mail. */
static void defer(struct outcome *o)
{
	o->kind = OUTCOME_DEFERRED;
	o->code = 0;
	o->status[0] = 4;
}

struct remote_route *remote_route_new(const struct msg_route *m,
				      struct slice domain,
				      const struct remote_rules *rules)
{
	struct remote_route *r = mem_new(sizeof(*r));

	r->refs = 1;
	r->arena = arena_new(ROUTE_ARENA_OCTETS);
	r->domain = arena_copy(r->arena, domain);
	r->is_secure = m->is_secure;
	if (!rules->is_relaxed)
		r->sts = sts_copy(&m->sts, r->arena);
	r->sts_failure = m->sts_failure < TLSRPT_RESULTS
				 ? (enum tlsrpt_result)m->sts_failure
				 : TLSRPT_SUCCESS;
	r->sts_problem = arena_copy(
		r->arena, slice_head(m->sts_problem, WIRE_TEXT_OCTETS));
	if (m->result == ROUTE_HOSTS) {
		add_hosts(r, m->hosts, rules);
	} else {
		r->refusal = refusal_of(m->result);
		r->refusal.text = arena_copy(
			r->arena, slice_head(m->problem, WIRE_TEXT_OCTETS));
	}
	if (r->refusal.text.p == no_ipv6.text.p)
		r->refusal.text = arena_join(
			r->arena,
			(const struct slice[]){
				no_ipv6.text,
				slice_head(m->ipv6_reason, WIRE_TEXT_OCTETS) },
			2);
	if (rules->is_smarthost)
		defer(&r->refusal);
	return r;
}

/* --- use --------------------------------------------------------------------------- */

struct remote_route *remote_route_ref(struct remote_route *route)
{
	route->refs++;
	return route;
}

void remote_route_free(struct remote_route **route)
{
	struct remote_route *r = *route;

	*route = NULL;
	if (r == NULL || --r->refs > 0)
		return;
	arena_free(&r->arena);
	mem_free(&r);
}

size_t remote_route_count(const struct remote_route *route)
{
	return route->count;
}

const struct remote_hop *remote_route_hop(const struct remote_route *route,
					  size_t index)
{
	return &route->hops[index];
}

struct slices remote_route_names(const struct remote_route *route)
{
	bool is_named = route->is_secure && route->domain.n > 0;

	return (struct slices){ &route->domain, is_named ? 1 : 0 };
}

const struct outcome *remote_route_refusal(const struct remote_route *route)
{
	return &route->refusal;
}

bool remote_route_is_forbidden(const struct remote_route *route)
{
	return route->count == 0 && route->unnamed_count > 0 &&
	       route->sts.mode == STS_ENFORCE;
}

const struct sts *remote_route_sts(const struct remote_route *route)
{
	return &route->sts;
}

enum tlsrpt_result remote_route_sts_failure(const struct remote_route *route)
{
	return route->sts_failure;
}

struct slice remote_route_sts_problem(const struct remote_route *route)
{
	return route->sts_problem;
}

struct slices remote_route_unnamed(const struct remote_route *route)
{
	return (struct slices){ route->unnamed, route->unnamed_count };
}
