/* The members of a route, for route*.c. */
#ifndef LOOKUP_ROUTE_PRIVATE_H
#define LOOKUP_ROUTE_PRIVATE_H

#include "base/arena.h"
#include "lookup/route.h"

struct candidate;

/* A question of a host's. */
struct errand {
	struct candidate *candidate;
	struct dns_query *query; /* NULL: answered */
	bool is_failed;
	bool is_secure;
	struct slice addresses[ROUTE_ADDRESSES_MAX];
	size_t address_count;
};

/* A host, while its facts are gathered. */
struct candidate {
	struct route *route;
	struct slice name;
	uint16_t preference;
	struct errand ipv6, ipv4, tlsa;
	bool is_literal;        /* an address in place of a name */
	struct slice canonical; /* at the end of its aliases; or empty */
	struct slice addresses[ROUTE_ADDRESSES_MAX];
	size_t address_count;
	bool is_secure;
	bool is_failed; /* it may have addresses, but they could not be had */
	bool has_tlsa, is_tlsa_bogus;
	struct slice *usable; /* TLSA */
	size_t usable_count;
};

struct route {
	const struct route_world *world;
	struct arena *arena;
	struct slice domain;
	struct dns_query *mx;
	struct sts_question *sts; /* NULL: answered, or not asked */
	struct sts_answer policy;
	bool is_finished; /* but for the policy */
	struct candidate candidates[ROUTE_HOSTS_MAX];
	size_t count;
	size_t open; /* questions of the present step */
	bool is_secure;
	bool is_loop; /* some hosts were left out: they are ourselves, or worse */
	struct slice problem;  /* the last of those of hosts */
	struct event *on_turn; /* for what is known without asking */
	struct slice refusal;  /* for on_turn: why nobody was asked */
	route_done *done;
	void *arg;
};

/* route_mx.c: the hosts of an answer to MX, best first, equal ones mixed; at
 * most ROUTE_HOSTS_MAX. Returns whether they are: false, and *ret_is_null, for
 * a domain that takes no mail, or for one whose records are all unusable. */
bool route_take_mx(struct route *r, const struct dns_answer *answer,
		   bool *ret_is_null);
/* Adds a host with that name. */
void route_add(struct route *r, struct slice name, uint16_t preference);
/* Any order is as likely. */
void route_shuffle(struct slice *items, size_t count);

/* route_addresses.c: asks for the addresses of all hosts that are names. */
void route_ask_addresses(struct route *r);
/* All are known. Goes on to route_ask_tlsa(), or ends the route. */
void route_on_addresses(struct route *r);

/* route_tlsa.c: asks for the TLSA records of secure hosts; then
 * route_finish(). */
void route_ask_tlsa(struct route *r);
/* route.c: all is known. Ends the route. */
void route_finish(struct route *r);
/* Ends it without hosts. The problem becomes "about: what". */
void route_fail(struct route *r, enum route_result result, struct slice about,
		struct slice what);
/* What to say of DNS_FAILED and DNS_BOGUS; in the route's arena. */
struct slice route_failure_of(const struct route *r,
			      const struct dns_answer *answer);

#endif
