#include "lookup/route-private.h"

#include "base/mem.h"
#include "lookup/record.h"
#include "smtp/name.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

enum { ROUTE_OCTETS = 4 << 20, PROBLEM_OCTETS = 300 };

/* --- the end -------------------------------------------------------------------- */

static void route_free(struct route **route)
{
	struct route *r = *route;

	dns_cancel(&r->mx);
	for (size_t i = 0; i < r->count; i++) {
		dns_cancel(&r->candidates[i].ipv6.query);
		dns_cancel(&r->candidates[i].ipv4.query);
		dns_cancel(&r->candidates[i].tlsa.query);
	}
	if (r->on_turn != NULL)
		event_free(r->on_turn);
	arena_free(&r->arena);
	mem_free(route);
}

static void end(struct route *r, const struct route_answer *answer)
{
	r->done(answer, r->arg);
	route_free(&r);
}

/* "about: what" */
static void end_without(struct route *r, enum route_result result,
			struct slice about, struct slice what)
{
	const struct slice parts[] = { about, SLICE(": "),
				       slice_head(what, PROBLEM_OCTETS) };
	const struct route_answer answer = {
		.result = result, .problem = arena_join(r->arena, parts, 3)
	};

	end(r, &answer);
}

static struct slice failure_of(const struct route *r,
			       const struct dns_answer *answer)
{
	const struct slice bogus[] = { SLICE("DNSSEC validation failed: "),
				       answer->problem };
	const struct slice failed[] = { SLICE("DNS: "), answer->problem };

	return arena_join(r->arena,
			  answer->result == DNS_BOGUS ? bogus : failed, 2);
}

static void copy_host(const struct candidate *c, struct host *ret_host)
{
	*ret_host = (struct host){
		.name = c->name,
		.preference = c->preference,
		.addresses = { c->addresses, c->address_count },
		.is_secure = c->is_secure,
		.tlsa = { c->usable, c->usable_count },
		.has_tlsa = c->has_tlsa,
		.is_tlsa_bogus = c->is_tlsa_bogus,
	};
}

void route_finish(struct route *r)
{
	struct host hosts[ROUTE_HOSTS_MAX];
	struct route_answer answer = { .result = ROUTE_HOSTS,
				       .is_secure = r->is_secure };

	for (size_t i = 0; i < r->count; i++)
		if (r->candidates[i].address_count > 0)
			copy_host(&r->candidates[i],
				  &hosts[answer.hosts.count++]);
	answer.hosts.items = hosts;
	end(r, &answer);
}

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

static void on_all_addresses(struct route *r)
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
		end_without(r, ROUTE_TRY_LATER, r->domain, r->problem);
	else if (r->is_loop)
		end_without(r, ROUTE_LOOP, r->domain,
			    S("mail for it loops back to us"));
	else
		end_without(r, ROUTE_NO_HOST, r->domain,
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
		r->problem = failure_of(r, answer);
		break;
	}
	if (--r->open == 0)
		on_all_addresses(r);
}

static void ask_address(struct candidate *c, struct errand *e,
			enum dns_type type)
{
	e->candidate = c;
	e->query =
		dns_ask(c->route->world->dns, c->name, type, on_addresses, e);
	c->route->open++;
}

static void ask_addresses(struct route *r)
{
	for (size_t i = 0; i < r->count; i++) {
		struct candidate *c = &r->candidates[i];

		if (c->is_literal)
			continue;
		ask_address(c, &c->ipv6, DNS_AAAA);
		ask_address(c, &c->ipv4, DNS_A);
	}
}

/* --- MX --------------------------------------------------------------------------- */

/* The domain itself, or what it is an alias of (RFC 5321 5.1). */
static bool add_implicit(struct route *r, struct slice canonical)
{
	struct slice name = r->domain;

	if (canonical.n > 0 && canonical.p[canonical.n - 1] == '.')
		canonical.n--;
	if (canonical.n > 0 && name_domain(canonical, r->arena, &name) != 0)
		return false;
	route_add(r, name, 0);
	return true;
}

static void on_exchanges(struct route *r, const struct dns_answer *answer)
{
	bool is_null;

	if (route_take_mx(r, answer, &is_null))
		ask_addresses(r);
	else if (is_null)
		end_without(r, ROUTE_NULL_MX, r->domain,
			    S("the domain takes no mail (null MX)"));
	else
		end_without(r, ROUTE_NO_HOST, r->domain,
			    S("none of its MX records can be used"));
}

static void on_mx(const struct dns_answer *answer, void *arg)
{
	struct route *r = arg;

	r->mx = NULL;
	r->is_secure = answer->is_secure;
	switch (answer->result) {
	case DNS_DATA:
		on_exchanges(r, answer);
		break;
	case DNS_NO_DATA:
		if (add_implicit(r, answer->canonical))
			ask_addresses(r);
		else
			end_without(r, ROUTE_NO_HOST, r->domain,
				    S("it is an alias of what is no host"));
		break;
	case DNS_NO_NAME:
		end_without(r, ROUTE_NO_DOMAIN, r->domain,
			    S("there is no such domain"));
		break;
	case DNS_FAILED:
	case DNS_BOGUS:
		end_without(r, ROUTE_TRY_LATER, r->domain,
			    failure_of(r, answer));
		break;
	}
}

/* --- the beginning ------------------------------------------------------------------ */

static void on_turn(int fd, short what, void *arg)
{
	struct route *r = arg;

	(void)fd;
	(void)what;
	if (r->refusal.n > 0)
		end_without(r, ROUTE_NO_DOMAIN, r->domain, r->refusal);
	else
		on_all_addresses(r);
}

/* "192.0.2.1", or a literal with its brackets (RFC 5321 4.1.3). */
static bool take_literal(struct candidate *c, struct slice host)
{
	struct slice octets[2] = { { .n = sizeof(struct in_addr) },
				   { .n = sizeof(struct in6_addr) } };
	struct in6_addr ip = { 0 };
	char text[INET6_ADDRSTRLEN];

	if (name_is_literal(host))
		host = (struct slice){ host.p + 1, host.n - 2 };
	if (slice_starts_nocase(host, S("IPv6:")))
		host = slice_tail(host, 5);
	if (host.n == 0 || host.n >= sizeof(text) || slice_has_control(host))
		return false;
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	octets[0].p = octets[1].p = (const char *)&ip;
	if (inet_pton(AF_INET, text, &ip) == 1)
		host = octets[0];
	else if (inet_pton(AF_INET6, text, &ip) == 1)
		host = octets[1];
	else
		return false;
	c->is_literal =
		record_address(host, c->route->arena, &c->ipv4.addresses[0]);
	c->ipv4.address_count = c->is_literal;
	return true;
}

/* The caller's hosts come from the configuration: they are as good as a
 * validated answer. */
static void take_hosts(struct route *r, struct slices hosts)
{
	r->is_secure = true;
	for (size_t i = 0; i < hosts.count; i++) {
		size_t count = r->count;
		struct slice name;

		if (name_domain(hosts.items[i], r->arena, &name) != 0)
			name = arena_copy(r->arena, hosts.items[i]);
		route_add(r, name, (uint16_t)i);
		if (r->count > count)
			(void)take_literal(&r->candidates[count], name);
	}
}

/* RFC 5321 4.1.3 has address literals for hosts without DNS; nobody answers
 * for mail to them. */
static struct slice refusal_of(struct route *r, struct slice domain)
{
	if (name_is_literal(domain))
		return S("mail to address literals is not sent");
	if (name_domain(domain, r->arena, &r->domain) != 0)
		return S("this is no domain");
	return S("");
}

static void take_a_turn(struct route *r)
{
	r->on_turn = evtimer_new(r->world->base, on_turn, r);
	assert(r->on_turn != NULL);
	(void)event_add(r->on_turn, &(struct timeval){ 0 });
}

struct route *route_start(const struct route_world *world, struct slice domain,
			  struct slices hosts, route_done *done, void *arg)
{
	struct route *r = mem_new(sizeof(*r));

	r->world = world;
	r->arena = arena_new(ROUTE_OCTETS);
	r->domain = arena_copy(r->arena, domain);
	r->done = done;
	r->arg = arg;
	if (hosts.count > 0) {
		take_hosts(r, hosts);
		ask_addresses(r);
	} else {
		r->refusal = refusal_of(r, domain);
		if (r->refusal.n == 0)
			r->mx = dns_ask(world->dns, r->domain, DNS_MX, on_mx,
					r);
	}
	if (r->mx == NULL && r->open == 0)
		take_a_turn(r);
	return r;
}

void route_cancel(struct route **route)
{
	if (*route != NULL)
		route_free(route);
}
