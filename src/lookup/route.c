#include "lookup/route-private.h"

#include "base/mem.h"
#include "dns/record.h"
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
	sts_cancel(&r->sts);
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

void route_fail(struct route *r, enum route_result result, struct slice about,
		struct slice what)
{
	const struct slice parts[] = { about, SLICE(": "),
				       slice_head(what, PROBLEM_OCTETS) };
	const struct route_answer answer = {
		.result = result, .problem = arena_join(r->arena, parts, 3)
	};

	end(r, &answer);
}

struct slice route_failure_of(const struct route *r,
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

static void end_well(struct route *r)
{
	struct host hosts[ROUTE_HOSTS_MAX];
	struct route_answer answer = { .result = ROUTE_HOSTS,
				       .is_secure = r->is_secure,
				       .sts = r->policy };

	for (size_t i = 0; i < r->count; i++)
		if (r->candidates[i].address_count > 0)
			copy_host(&r->candidates[i],
				  &hosts[answer.hosts.count++]);
	answer.hosts.items = hosts;
	end(r, &answer);
}

/* Hosts without the policy are not to be used. */
void route_finish(struct route *r)
{
	r->is_finished = true;
	if (r->sts != NULL)
		return;
	if (r->policy.is_try_later)
		route_fail(r, ROUTE_TRY_LATER, r->domain, r->policy.problem);
	else
		end_well(r);
}

static void on_policy(const struct sts_answer *answer, void *arg)
{
	struct route *r = arg;

	r->sts = NULL;
	r->policy = *answer;
	r->policy.sts = sts_copy(&answer->sts, r->arena);
	r->policy.problem = arena_copy(r->arena, answer->problem);
	if (r->is_finished)
		route_finish(r);
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
		route_ask_addresses(r);
	else if (is_null)
		route_fail(r, ROUTE_NULL_MX, r->domain,
			   S("the domain takes no mail (null MX)"));
	else
		route_fail(r, ROUTE_NO_HOST, r->domain,
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
			route_ask_addresses(r);
		else
			route_fail(r, ROUTE_NO_HOST, r->domain,
				   S("it is an alias of what is no host"));
		break;
	case DNS_NO_NAME:
		route_fail(r, ROUTE_NO_DOMAIN, r->domain,
			   S("there is no such domain"));
		break;
	case DNS_FAILED:
	case DNS_BOGUS:
		route_fail(r, ROUTE_TRY_LATER, r->domain,
			   route_failure_of(r, answer));
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
		route_fail(r, ROUTE_NO_DOMAIN, r->domain, r->refusal);
	else
		route_on_addresses(r);
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

static void ask_domain(struct route *r)
{
	const struct route_world *world = r->world;

	r->mx = dns_ask(world->dns, r->domain, DNS_MX, on_mx, r);
	if (world->sts != NULL)
		r->sts = sts_ask(world->sts, r->domain, on_policy, r);
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
		route_ask_addresses(r);
	} else {
		r->refusal = refusal_of(r, domain);
		if (r->refusal.n == 0)
			ask_domain(r);
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
